/* json_levels.c -- the array of price levels: the one part of a market message that is long.
 *
 * `compact` takes levels as every venue writes them, two strings and nothing between; it stops at the first that is
 * written otherwise, and `one_level` takes that one by the general cursor, with all its checks. Both leave the
 * cursor behind a level, before its comma or bracket. */
#include "proto/json.h"

#include "proto/num.h"
#include "proto/num_fast.h"

__attribute__((always_inline)) static inline size_t
compact(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    uint64_t const bit = (uint64_t)1 << (j->depth - 1);
    char const *const end = j->end;
    size_t n = 0;
    int px_digits = 0;
    for (; n < cap; n++) {
        char const *p = j->p;
        int64_t px, qty;
        if (!(j->fresh & bit)) {
            if (p >= end || *p != ',') break;
            p++;
        }
        if (end - p < 2 || p[0] != '[' || p[1] != '"') break;
        p = aats_num_fast(p + 2, end, px_exp, &px_digits, &px);
        if (p == NULL || px == 0 || end - p < 3 || p[0] != '"' || p[1] != ',' || p[2] != '"') break;
        p = aats_num_fast(p + 3, end, qty_exp, NULL, &qty);
        if (p == NULL || end - p < 2 || p[0] != '"' || p[1] != ']') break;
        out[n].px_i = px;
        out[n].qty_i = qty;
        j->p = p + 2;
        j->fresh &= ~bit;
    }
    return n;
}

/* A number whose exponent is known to the compiler costs no division: nearly every feed has -8 twice. */
static size_t compact_any(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    if (px_exp == -8 && qty_exp == -8) return compact(j, -8, -8, out, cap);
    return compact(j, px_exp, qty_exp, out, cap);
}

static int one_level(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out)
{
    int rc = aats_json_array(j);
    if (rc != AATS_OK) return rc;
    if ((rc = aats_json_item(j)) != 1) goto cut_short;
    if ((rc = aats_json_num(j, px_exp, &out->px_i)) != AATS_OK) return rc;
    if ((rc = aats_json_item(j)) != 1) goto cut_short;
    if ((rc = aats_json_num(j, qty_exp, &out->qty_i)) != AATS_OK) return rc;
    while ((rc = aats_json_item(j)) == 1) aats_json_skip(j);
    if (rc < 0) return rc;
    return out->px_i <= 0 || out->qty_i < 0 ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK;

cut_short:
    return rc < 0 ? rc : aats_json_fail(j, AATS_E_SHAPE);
}

int aats_json_levels(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap, size_t *cnt)
{
    size_t n = 0;
    *cnt = 0;
    if (!aats_num_exp_ok(px_exp) || !aats_num_exp_ok(qty_exp)) return aats_json_fail(j, AATS_E_ARG);
    int rc = aats_json_array(j);
    if (rc != AATS_OK) return rc;
    for (;;) {
        n += compact_any(j, px_exp, qty_exp, out + n, cap - n);
        *cnt = n;
        rc = aats_json_item(j);
        if (rc <= 0) return rc;
        if (n == cap) return aats_json_fail(j, AATS_E_TOO_BIG);
        if ((rc = one_level(j, px_exp, qty_exp, out + n)) != AATS_OK) return rc;
        n++;
    }
}
