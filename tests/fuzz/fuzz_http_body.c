/* fuzz_http_body.c -- an answer that is taken lies inside what came, and asks for more while it is cut off anywhere before its end.
 *
 * Input: an HTTP answer.  Aborts on a body out of bounds, a verdict that more bytes change, bytes changed without an answer, or an undocumented code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http_body.h"

#define MOST 4096

static void demand(int cond)
{
    if (!cond) abort();
}

static int take(uint8_t const *data, size_t n, int eof, aats_http_answer_t *a)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    int const rc = aats_http_answer(copy, n, MOST, eof, a);
    demand(rc == 1 || rc == AATS_E_MORE || rc == AATS_E_SYNTAX || rc == AATS_E_TOO_BIG);
    demand(rc == 1 || memcmp(copy, data, n) == 0);
    if (rc == 1) {
        demand(a->size <= n && a->body >= copy && a->body + a->body_len <= copy + a->size && a->body_len <= MOST);
        demand(a->head_at >= copy && a->head_at + a->head_len <= copy + a->size);
    }
    free(copy);
    return rc;
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t n);
int LLVMFuzzerTestOneInput(uint8_t const *data, size_t n)
{
    aats_http_answer_t a, b;
    int const rc = take(data, n, 0, &a);
    demand(take(data, n, 1, &b) != AATS_E_MORE);
    size_t const step = n / 16 + 1;
    for (size_t cut = 0; cut < n; cut += step) {
        int const early = take(data, cut, 0, &b);
        if (rc == 1 && cut < a.size) demand(early == AATS_E_MORE);
        if (early == 1) demand(rc == 1 && a.size == b.size && a.body_len == b.body_len);
        if (early == AATS_E_SYNTAX || early == AATS_E_TOO_BIG) demand(rc == early);
    }
    return 0;
}
