/* fuzz_json.c -- skipping a text and walking through it come to the same verdict, and the tight loop over levels to
 * the same levels as the cursor, with whatever instructions (base/isa.h).
 *
 * Input: a text, JSON or not. Aborts on a difference, a cursor out of bounds, or an undocumented code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/isa.h"
#include "proto/json.h"

#define LEVEL_CAP 64

static void demand(int cond)
{
    if (!cond) abort();
}

/* levels_plainly is what aats_json_levels promises, written with the cursor alone. */
static int levels_plainly(aats_json_t *j, int exp, aats_level_t *out, size_t cap, size_t *cnt)
{
    int rc = aats_json_array(j);
    for (*cnt = 0; rc == AATS_OK && (rc = aats_json_item(j)) == 1; ++*cnt) {
        aats_level_t level;
        if (*cnt == cap) return AATS_E_TOO_BIG;
        if ((rc = aats_json_array(j)) != AATS_OK) return rc;
        for (int i = 0; i < 2; i++) {
            if ((rc = aats_json_item(j)) < 0) return rc;
            if (rc == 0) return AATS_E_SHAPE;
            if ((rc = aats_json_num(j, exp, i == 0 ? &level.px_i : &level.qty_i)) != AATS_OK) return rc;
        }
        while ((rc = aats_json_item(j)) == 1) aats_json_skip(j);
        if (rc < 0) return rc;
        if (level.px_i <= 0 || level.qty_i < 0) return AATS_E_SHAPE;
        out[*cnt] = level;
    }
    return rc;
}

static void try_levels(aats_json_t const *at, int exp)
{
    static char const *const LEVELS[] = {"scalar", "sse42", "avx2", "avx512"};
    aats_json_t plain = *at, scalar = *at;
    aats_level_t a[LEVEL_CAP], b[LEVEL_CAP];
    size_t an, bn;
    int const want = levels_plainly(&plain, exp, b, LEVEL_CAP, &bn);
    for (int i = 0; i < 4; i++) {
        aats_json_t fast = *at;
        demand(aats_isa_use(LEVELS[i], NULL, 0) == AATS_OK);
        int const rc = aats_json_levels(&fast, exp, exp, a, LEVEL_CAP, &an);
        demand(rc == want && an == bn && memcmp(a, b, an * sizeof a[0]) == 0);
        demand(rc <= 0 && (rc != AATS_OK || (fast.p == plain.p && fast.depth == at->depth)));
        if (i == 0) scalar = fast;
        demand(fast.p == scalar.p && fast.depth == scalar.depth && fast.fresh == scalar.fresh && fast.err == scalar.err); /* also where it failed */
    }
}

static void try_text(char const *s, size_t n)
{
    char *const out = malloc(n + 1);
    int const rc = aats_json_unescape(s, n, out, n + 1);
    demand((rc >= 0 && (size_t)rc <= n && out[rc] == 0) || rc == AATS_E_SYNTAX);
    free(out);
}

/* walk takes one value by the call for its type; recursive, but never deeper than the cursor lets it. */
static void walk(aats_json_t *j)
{
    char const *s;
    size_t n;
    int64_t num;
    int b;
    aats_json_t ahead = *j;
    switch (aats_json_type(j)) {
    case '{':
        if (aats_json_object(j) != AATS_OK) return;
        while (aats_json_key(j, &s, &n) == 1) {
            try_text(s, n);
            walk(j);
        }
        return;
    case '[':
        try_levels(j, -8);
        try_levels(j, -3);
        if (aats_json_array(j) != AATS_OK) return;
        while (aats_json_item(j) == 1) walk(j);
        return;
    case '"':
        if (aats_json_str(j, &s, &n) == AATS_OK) try_text(s, n);
        return;
    case '0':
        b = aats_json_num(&ahead, -8, &num);
        demand(b == AATS_OK || b == AATS_E_SYNTAX || b == AATS_E_RANGE || b == AATS_E_INEXACT);
        aats_json_raw(j, &s, &n);
        return;
    case 't': aats_json_bool(j, &b); return;
    case 'n': aats_json_null(j); return;
    default: return;
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    aats_json_t skipped, walked;
    char const *s;
    size_t n;
    aats_json_init(&skipped, (char const *)data, size);
    int const raw = aats_json_raw(&skipped, &s, &n);
    int const verdict = aats_json_end(&skipped);
    demand(verdict == AATS_OK || verdict == AATS_E_SYNTAX);
    demand(raw != AATS_OK || (s >= skipped.start && s + n <= skipped.end));

    aats_json_init(&walked, (char const *)data, size);
    walk(&walked);
    demand(aats_json_end(&walked) == verdict && walked.p == skipped.p);
    demand(aats_json_offset(&walked) <= size);
    demand(verdict != AATS_OK || aats_json_offset(&walked) == size);
    return 0;
}
