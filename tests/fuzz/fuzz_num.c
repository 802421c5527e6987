/* fuzz_num.c -- the fast reading of a number says what the plain one says, and what is written reads back.
 *
 * Input: the text of a number; its first 8 bytes also serve as a value to write. Aborts on a difference or an
 * undocumented code. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/num.h"

static void demand(int cond)
{
    if (!cond) abort();
}

static void round_trip(int64_t v, int exp)
{
    char text[AATS_NUM_SZ];
    int64_t back;
    int const n = aats_num_format(v, exp, text, sizeof text);
    demand(n > 0 && text[n] == 0 && strlen(text) == (size_t)n);
    demand(aats_num_parse(text, (size_t)n, exp, &back) == AATS_OK && back == v);
    demand(aats_num_format(v, exp, text, (size_t)n) == AATS_E_FULL);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static int const EXPS[] = {-8, 0, -18, -2, -12, 4, 18};
    char const *const s = (char const *)data;
    for (size_t i = 0; i < sizeof EXPS / sizeof EXPS[0]; i++) {
        int64_t fast = 77, plain = 77;
        int const rc = aats_num_parse(s, size, EXPS[i], &fast);
        demand(rc == aats_num_parse_plain(s, size, EXPS[i], &plain) && fast == plain);
        demand(rc == AATS_OK || ((rc == AATS_E_SYNTAX || rc == AATS_E_RANGE || rc == AATS_E_INEXACT) && fast == 77));
        if (rc == AATS_OK) round_trip(fast, EXPS[i]);
    }

    uint64_t id = 77;
    int const rc = aats_num_u64(s, size, &id);
    demand(rc == AATS_OK || ((rc == AATS_E_SYNTAX || rc == AATS_E_RANGE) && id == 77));
    if (rc == AATS_OK) {
        char text[32];
        int const n = snprintf(text, sizeof text, "%llu", (unsigned long long)id);
        demand((size_t)n == size && memcmp(text, s, size) == 0);
    }

    if (size >= 8) {
        int64_t v;
        memcpy(&v, data, 8);
        round_trip(v, AATS_NUM_EXP_MIN + (int)(size % (AATS_NUM_EXP_MAX - AATS_NUM_EXP_MIN + 1)));
    }
    return 0;
}
