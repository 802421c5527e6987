/* fuzz_http.c -- a head that is taken asks for more while it is cut off anywhere, and an error once told stays the
 * error.
 *
 * Input: an answer or a request. Aborts on a field out of bounds, a verdict that more bytes change, or an
 * undocumented code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http.h"
#include "proto/ws_open.h"

typedef int (*head_fn)(char const *buf, size_t n, aats_http_head_t *h);

static void demand(int cond)
{
    if (!cond) abort();
}

static void inside(char const *p, size_t n, char const *buf, int size)
{
    demand(p >= buf && n <= (size_t)size && p + n <= buf + size);
}

static void look(aats_http_head_t const *h, char const *buf, int size)
{
    static uint8_t const KEY[16] = "the sample nonce";
    char answer[512];
    char const *v;
    size_t n;
    uint64_t number;
    if (h->reason != NULL) inside(h->reason, h->reason_len, buf, size);
    if (h->method != NULL) inside(h->method, h->method_len, buf, size);
    if (h->target != NULL) inside(h->target, h->target_len, buf, size);
    demand(h->field_cnt <= AATS_HTTP_FIELDS && (h->minor == 0 || h->minor == 1));
    demand(h->method != NULL ? h->status == 0 : h->status >= 100 && h->status <= 999);
    for (uint32_t i = 0; i < h->field_cnt; i++) {
        inside(h->fields[i].name, h->fields[i].name_len, buf, size);
        inside(h->fields[i].value, h->fields[i].value_len, buf, size);
        demand(h->fields[i].name_len > 0);
    }
    demand(aats_http_find(h, "connection", &v, &n) == (aats_http_count(h, "CONNECTION") > 0));
    demand(aats_http_has(h, "connection", "upgrade") <= 1);
    int rc = aats_http_length(h, &number);
    demand(rc == 0 || rc == 1 || rc == AATS_E_SYNTAX);
    rc = aats_http_retry_after(h, &number);
    demand(rc == 0 || rc == 1);
    if (h->method != NULL) {
        rc = aats_ws_response(answer, sizeof answer, h);
        demand(rc > 0 || rc == AATS_E_PROTO);
    } else {
        rc = aats_ws_check(h, KEY);
        demand(rc == AATS_OK || rc == AATS_E_SHAPE || rc == AATS_E_PROTO);
    }
}

static void one(head_fn head, char const *buf, size_t n)
{
    aats_http_head_t h;
    int const rc = head(buf, n, &h);
    demand(rc > 0 || rc == AATS_E_MORE || rc == AATS_E_SYNTAX || rc == AATS_E_TOO_BIG);
    demand(rc <= AATS_HTTP_HEAD_MAX && (rc < 0 || (size_t)rc <= n));
    if (rc > 0) look(&h, buf, rc);
    size_t const step = 1 + n / 64;
    for (size_t cut = 0; cut < n; cut += step) {
        int const early = head(buf, cut, &h);
        demand(early == rc ? rc < 0 || cut >= (size_t)rc : early == AATS_E_MORE);
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    one(aats_http_head, (char const *)data, size);
    one(aats_http_request_head, (char const *)data, size);
    return 0;
}
