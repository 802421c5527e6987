/* decimal_fast.h -- a decimal number in the spelling that venues use, straight to a scaled integer, with its digits behind the point.
 *
 * For: the levels of venue files whose books are lists of objects (Kraken, Coinbase).  Not for anything odd: exponents, signs, leading zeros, more than
 * 18 digits or digits below the exponent give NULL, and the cursor of proto/json.h reads it again with all care.
 */
#ifndef AATS_VENUE_DECIMAL_FAST_H
#define AATS_VENUE_DECIMAL_FAST_H

#include <stdint.h>

#include "base/scale.h"

#define DECIMAL_FAST_ROOM 24 /* bytes that may be looked at from the beginning of the number */

static inline int decimal_digit(char c) { return c >= '0' && c <= '9'; }

/* decimal_fast reads the number at p, of which DECIMAL_FAST_ROOM bytes must be there.  Returns the byte behind it, *out at 10^exp and *dec; or NULL. */
static inline char const *decimal_fast(char const *p, int exp, int64_t *out, int *dec)
{
    char const *const begin = p;
    uint64_t v = 0;
    int digits = 0;
    if (p[0] == '0' && decimal_digit(p[1])) return NULL;
    for (; decimal_digit(*p) && digits < 19; p++, digits++) v = 10 * v + (uint64_t)(*p - '0');
    if (p == begin) return NULL;
    *dec = 0;
    if (*p == '.') {
        char const *const point = p++;
        for (; decimal_digit(*p) && digits < 19; p++, digits++) v = 10 * v + (uint64_t)(*p - '0');
        *dec = (int)(p - point) - 1;
        if (!*dec) return NULL;
    }
    int const up = -exp - *dec; /* powers of ten between the text and our scale */
    if (digits > 18 || *p == 'e' || *p == 'E' || *p == '.' || up < 0 || up > 18) return NULL;
    if (__builtin_mul_overflow((int64_t)v, AATS_POW10_I[up], out)) return NULL;
    return p;
}

#endif
