/* decimal_fast.h -- a decimal number in the spelling that venues use, straight to a scaled integer, with its digits behind the point.
 *
 * For: the levels of venue files whose books are lists of objects (Kraken, Coinbase).  Not for anything odd: exponents, signs, leading zeros, more than 15 digits
 * before or 8 behind the point or digits below the exponent give NULL, and the cursor of proto/json.h reads it again with all care.
 */
#ifndef AATS_VENUE_DECIMAL_FAST_H
#define AATS_VENUE_DECIMAL_FAST_H

#include <stdint.h>

#include "base/scale.h"
#include "proto/swar.h"

#define DECIMAL_FAST_ROOM 40 /* bytes that may be looked at from the beginning of the number */

static inline int decimal_digit(char c) { return c >= '0' && c <= '9'; }

/* decimal_fast reads the number at p, of which DECIMAL_FAST_ROOM bytes must be there.  Returns the byte behind it, *out at 10^exp and *dec; or NULL. */
static inline char const *decimal_fast(char const *p, int exp, int64_t *out, int *dec)
{
    uint64_t x, v;
    int k = aats_swar_digits(aats_swar_load8(p), &x);
    if (k == 0 || (k > 1 && *p == '0')) return NULL;
    v = k == 1 ? x & 15 : aats_swar_lead(x, k);
    p += k;
    if (k == 8) {
        k = aats_swar_digits(aats_swar_load8(p), &x);
        if (k == 8) return NULL;
        if (k > 0) v = v * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        p += k;
    }
    k = 0;
    if (*p == '.') {
        k = aats_swar_digits(aats_swar_load8(p + 1), &x);
        if (k == 0 || v > 92233720367ULL) return NULL; /* times 10^8 plus 8 decimals fits an int64 */
        v = v * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        p += 1 + k;
    }
    int const up = -exp - k; /* powers of ten between the text and our scale */
    if (decimal_digit(*p) || *p == 'e' || *p == 'E' || *p == '.' || up < 0 || up > 18) return NULL;
    if (__builtin_mul_overflow((int64_t)v, AATS_POW10_I[up], out)) return NULL;
    *dec = k;
    return p;
}

#endif
