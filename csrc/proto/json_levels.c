/* json_levels.c -- the array of price levels: the one part of a market message that is long.
 *
 * Three ways to take levels, each of which stops at the first that is not for it: `wide` takes those of 8 decimals, then
 * those of any, by the widest instructions (scan.h), `compact` what every venue writes, two strings and nothing between, and
 * `one_level` any level, by the general cursor with all its checks. All leave the cursor behind a level, before its
 * comma or bracket. */
#include "proto/json.h"

#include "proto/num.h"
#include "proto/num_fast.h"
#include "proto/scan.h"

#define STRANGERS 4 /* levels in a row that `wide` had to leave: then the rest of this array is left to `compact` */

/* What OKX and its kin have behind price and quantity: "","0","12"]", a zero and the number of orders.  Returns the quote before the bracket, as it
 * stands without them; NULL for anything else. */
static inline char const *counted(char const *p, char const *end)
{
    uint64_t x;
    if (end - p < 16 || memcmp(p, "\",\"0\",\"", 7)) return NULL;
    int const digits = aats_swar_digits(aats_swar_load8(p + 7), &x);
    p += 7 + digits;
    return digits > 0 && digits < 8 && p[0] == '"' && p[1] == ']' ? p : NULL;
}

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
        if (p == NULL || end - p < 2 || p[0] != '"') break;
        if (p[1] != ']' && (p = counted(p, end)) == NULL) break;
        out[n].px_i = px;
        out[n].qty_i = qty;
        j->p = p + 2;
        j->fresh &= ~bit;
    }
    return n;
}

static size_t wide(aats_json_t *j, size_t (*scan)(char const *, char const **, char const *, aats_level_t *, size_t), aats_level_t *out, size_t cap)
{
    uint64_t const bit = (uint64_t)1 << (j->depth - 1);
    char const *at = j->p;
    if (!(j->fresh & bit)) {
        if (at >= j->end || *at != ',') return 0;
        at++;
    }
    if (at >= j->end) return 0;
    size_t const n = scan(j->start, &at, j->end, out, cap);
    if (n == 0) return 0;
    j->p = at;
    j->fresh &= ~bit;
    return n;
}

static size_t eights(aats_json_t *j, aats_level_t *out, size_t cap)
{
    size_t n = 0;
    for (int strangers = 0; aats_scan()->levels != NULL && strangers < STRANGERS; strangers++) {
        size_t got = wide(j, aats_scan()->levels, out + n, cap - n);
        if (got == 0 && aats_scan()->loose != NULL) got = wide(j, aats_scan()->loose, out + n, cap - n);
        if (got > 0) strangers = 0;
        n += got;
        if (j->p >= j->end || *j->p == ']' || n == cap) return n;
        size_t const one = compact(j, -8, -8, out + n, 1);
        if (one == 0) return n;
        n += one;
    }
    return n + compact(j, -8, -8, out + n, cap - n);
}

/* A number whose exponent is known to the compiler costs no division: nearly every feed has -8 twice. */
static size_t compact_any(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap)
{
    if (px_exp == -8 && qty_exp == -8) return eights(j, out, cap);
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
