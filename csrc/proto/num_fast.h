/* num_fast.h -- the short way through a price: up to 15 digits, point, up to 8 decimals, no sign, no exponent.
 *
 * Internal to proto/ (num.c, json.c). It never refuses: what it does not take goes to aats_num_parse_plain, which
 * knows the reason.
 */
#ifndef AATS_PROTO_NUM_FAST_H
#define AATS_PROTO_NUM_FAST_H

#include "base/scale.h"
#include "proto/num.h"
#include "proto/swar.h"

static inline int aats_num_exp_ok(int exp) { return exp >= AATS_NUM_EXP_MIN && exp <= AATS_NUM_EXP_MAX; }

/* aats_num_guess returns k, and as early as *guess is known if they are equal: where the next character stands then
 * hangs on a predicted branch and not on the count of the digits before it, and a processor reads on meanwhile. The
 * empty asm keeps the compiler from seeing that both are the same. */
static inline int aats_num_guess(int k, int *guess)
{
    if (k != *guess) {
        *guess = k;
        __asm__ volatile("" : "+r"(*guess));
    }
    return *guess;
}

/* aats_num_fast_alike reads a number that begins at p and stores its value at 10^exp (exp within the limits of num.h).
 *
 * guess, frac_guess: how many digits the last such number had before its point and behind it, kept by the caller over a
 * row of alike numbers; guess NULL where they differ much. Returns the byte behind it (end at most), which the caller
 * checks to be the one that ends a number here; NULL, with *out untouched, when this is not for the short way. */
__attribute__((always_inline)) static inline char const *
aats_num_fast_alike(char const *p, char const *end, int exp, int *guess, int *frac_guess, int64_t *out)
{
    uint64_t x, whole, frac = 0;
    int k = aats_swar_digits(aats_swar_load(p, end), &x);
    if (k == 0 || (k > 1 && *p == '0')) return NULL;
    if (guess != NULL) k = aats_num_guess(k, guess);
    whole = k == 1 ? x & 15 : aats_swar_lead(x, k);
    p += k;
    if (k == 8) {
        k = aats_swar_digits(aats_swar_load(p, end), &x);
        if (k == 8) return NULL;
        if (k > 0) whole = whole * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        p += k;
        if (whole > 92233720367ULL) return NULL; /* times 10^8 plus 8 decimals still fits an int64 */
    }
    if (p < end && *p == '.') {
        k = aats_swar_digits(aats_swar_load(p + 1, end), &x);
        if (k == 0) return NULL;
        k = aats_num_guess(k, frac_guess);
        frac = k == 8 ? aats_swar_value(x) : aats_swar_frac(x, k);
        p += 1 + k;
    }
    int64_t v = (int64_t)(whole * 100000000 + frac);
    if (exp > -8) {
        if (exp > 10 || v % AATS_POW10_I[exp + 8] != 0) return NULL;
        v /= AATS_POW10_I[exp + 8];
    } else if (exp < -8) {
        if (__builtin_mul_overflow(v, AATS_POW10_I[-8 - exp], &v)) return NULL;
    }
    *out = v;
    return p;
}

/* aats_num_fast does so for numbers that have 8 digits behind their point, as most do. */
__attribute__((always_inline)) static inline char const *
aats_num_fast(char const *p, char const *end, int exp, int *guess, int64_t *out)
{
    int eight = 8;
    return aats_num_fast_alike(p, end, exp, guess, &eight, out);
}

/* aats_num_fast_u64 reads up to 15 digits that begin at p. Returns the byte behind them, which is before end; NULL,
 * with *out untouched, when this is not for the short way. */
static inline char const *aats_num_fast_u64(char const *p, char const *end, uint64_t *out)
{
    uint64_t x, v;
    if (end - p < 17) return NULL;
    int k = aats_swar_digits(aats_swar_load8(p), &x);
    if (k == 0 || (k > 1 && *p == '0')) return NULL;
    v = aats_swar_lead(x, k);
    p += k;
    if (k == 8) {
        k = aats_swar_digits(aats_swar_load8(p), &x);
        if (k == 8) return NULL;
        if (k > 0) v = v * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        p += k;
    }
    *out = v;
    return p;
}

#endif
