/* scale.h -- scaled integers to the double that a person would have typed.
 *
 * For: the border where a callback or a numpy view wants float64, and scaled integers at another power of ten
 * (aats_shift10).  Not for reading text (proto/num), and no double is for money inside.  value_i * 10^exp becomes the
 * double nearest to that decimal, so 1932767000000 at -8 is the same double as the literal 19327.67.  Pure; any thread.
 */
#ifndef AATS_BASE_SCALE_H
#define AATS_BASE_SCALE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

/* cdef-begin */
#define AATS_SCALE_EXP_MIN -22 /* 10^22 is the largest power of ten that a double holds exactly */
#define AATS_SCALE_EXP_MAX 22

/* aats_scale_slow is aats_scale for any value and exponent; outside +-2^53 it goes through text.  Cost: up to a
 * microsecond. */
double aats_scale_slow(int64_t value_i, int exp);

/* aats_scale_array converts cnt values; stride_in and stride_out count elements, so that one column of a level array
 * can be taken. */
void aats_scale_array(int64_t const *in, size_t stride_in, double *out, size_t stride_out, size_t cnt, int exp);

/* aats_scale_pairs converts cnt pairs (px_i, qty_i) to (qty, px), the order of a message's keys: each the same double as
 * aats_scale gives.  out holds 2 * cnt.  Cost: 0.4 ns a number with AVX2, for |number| < 2^51; else 2 ns (base/isa.h). */
void aats_scale_pairs(int64_t const *in, size_t cnt, double *out, int px_exp, int qty_exp);

/* aats_scale_pairs_plain is its model: one aats_scale a number. */
void aats_scale_pairs_plain(int64_t const *in, size_t cnt, double *out, int px_exp, int qty_exp);
/* cdef-end */

extern double const AATS_POW10[AATS_SCALE_EXP_MAX + 1];
extern int64_t const AATS_POW10_I[19]; /* 10^0 .. 10^18: all that fit */

/* aats_scale returns value_i * 10^exp, correctly rounded.  A division of two exact doubles rounds once: that is why
 * it divides. Cost: 2 to 5 ns for |value_i| <= 2^53 and exp in [-22, 0]. */
static inline double aats_scale(int64_t value_i, int exp)
{
    if (__builtin_expect((uint64_t)value_i + (UINT64_C(1) << 53) <= (UINT64_C(1) << 54) && exp <= 0 && exp >= AATS_SCALE_EXP_MIN, 1))
        return (double)value_i / AATS_POW10[-exp];
    return aats_scale_slow(value_i, exp);
}

/* aats_shift10 stores value * 10^shift.  AATS_OK, or with *out untouched AATS_E_RANGE (does not fit 64 bits) or AATS_E_INEXACT (shift is negative, and
 * the digits that would go are not all zero): nothing is rounded.  Cost: a multiplication; a division where shift is negative. */
static inline int aats_shift10(int64_t value, int shift, int64_t *out)
{
    int64_t v = 0;
    if (shift == 0 || value == 0) {
        *out = value;
        return AATS_OK;
    }
    if (shift > 0) {
        if (shift > 18 || __builtin_mul_overflow(value, AATS_POW10_I[shift], &v)) return AATS_E_RANGE;
        *out = v;
        return AATS_OK;
    }
    if (shift < -18 || value % AATS_POW10_I[-shift]) return AATS_E_INEXACT;
    *out = value / AATS_POW10_I[-shift];
    return AATS_OK;
}

#endif
