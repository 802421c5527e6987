#include "base/scale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/isa.h"

double const AATS_POW10[AATS_SCALE_EXP_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

int64_t const AATS_POW10_I[19] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

double aats_scale_slow(int64_t value_i, int exp)
{
    int64_t const edge = INT64_C(1) << 53;
    if (value_i >= -edge && value_i <= edge && exp <= 0 && exp >= AATS_SCALE_EXP_MIN) return (double)value_i / AATS_POW10[-exp];
    if (value_i >= -edge && value_i <= edge && exp > 0 && exp <= AATS_SCALE_EXP_MAX) return (double)value_i * AATS_POW10[exp];

    /* Two roundings (to double, then by the division) would differ from the decimal's own: let the C library read the
     * text. */
    char text[48];
    snprintf(text, sizeof text, "%" PRId64 "e%d", value_i, exp);
    return strtod(text, NULL);
}

void aats_scale_array(int64_t const *in, size_t stride_in, double *out, size_t stride_out, size_t cnt, int exp)
{
    for (size_t i = 0; i < cnt; i++) out[i * stride_out] = aats_scale(in[i * stride_in], exp);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

void aats_scale_pairs_plain(int64_t const *in, size_t cnt, double *out, int px_exp, int qty_exp)
{
    for (size_t i = 0; i < 2 * cnt; i += 2) {
        out[i] = aats_scale(in[i + 1], qty_exp);
        out[i + 1] = aats_scale(in[i], px_exp);
    }
}

#if defined(__x86_64__)

/* The quotient of two doubles, correctly rounded, without a division (Markstein 1990): y is the divisor's correctly rounded
 * reciprocal.  The first correction makes q one of the two neighbours of a/b; of such a q the remainder a - bq is exact,
 * and the second correction rounds once.  aats_scale divides because a division rounds once; this rounds to the same. */
__attribute__((target("avx2,fma"))) static inline __m256d quotient(__m256d a, __m256d b, __m256d y)
{
    __m256d q = _mm256_mul_pd(a, y);
    q = _mm256_fmadd_pd(_mm256_fnmadd_pd(q, b, a), y, q);
    return _mm256_fmadd_pd(_mm256_fnmadd_pd(q, b, a), y, q);
}

/* 1.5 * 2^52: added as bits to an integer within 2^51 it makes the double of both's sum. */
#define SHIFTER 0x4338000000000000

static double const INVERSE[-AATS_SCALE_EXP_MIN + 1] = {
    1 / 1e0,  1 / 1e1,  1 / 1e2,  1 / 1e3,  1 / 1e4,  1 / 1e5,  1 / 1e6,  1 / 1e7,  1 / 1e8,  1 / 1e9,  1 / 1e10, 1 / 1e11,
    1 / 1e12, 1 / 1e13, 1 / 1e14, 1 / 1e15, 1 / 1e16, 1 / 1e17, 1 / 1e18, 1 / 1e19, 1 / 1e20, 1 / 1e21, 1 / 1e22,
};

/* Returns 0 where a number is too large for it: out is scratch then. */
__attribute__((target("avx2,fma"))) static int scale_pairs_avx2(int64_t const *in, size_t cnt, double *out, int px_exp, int qty_exp)
{
    __m256i const shifter = _mm256_set1_epi64x(SHIFTER), half = _mm256_set1_epi64x(INT64_C(1) << 51);
    __m256d const b = _mm256_setr_pd(AATS_POW10[-qty_exp], AATS_POW10[-px_exp], AATS_POW10[-qty_exp], AATS_POW10[-px_exp]);
    __m256d const y = _mm256_setr_pd(INVERSE[-qty_exp], INVERSE[-px_exp], INVERSE[-qty_exp], INVERSE[-px_exp]);
    __m256i large = _mm256_setzero_si256();
    for (size_t i = 0; i < 2 * cnt; i += 4) {
        int const last = i + 2 == 2 * cnt; /* a pair by itself */
        __m256i const v = last ? _mm256_set_epi64x(0, 0, in[i], in[i + 1]) : _mm256_set_epi64x(in[i + 2], in[i + 3], in[i], in[i + 1]);
        large = _mm256_or_si256(large, _mm256_srli_epi64(_mm256_add_epi64(v, half), 52));
        __m256d const a = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_add_epi64(v, shifter)), _mm256_castsi256_pd(shifter));
        __m256d const q = quotient(a, b, y);
        if (last) _mm_storeu_pd(out + i, _mm256_castpd256_pd128(q));
        else _mm256_storeu_pd(out + i, q);
    }
    return _mm256_testz_si256(large, large);
}

#endif

void aats_scale_pairs(int64_t const *in, size_t cnt, double *out, int px_exp, int qty_exp)
{
#if defined(__x86_64__)
    int const exps_fit = px_exp <= 0 && px_exp >= AATS_SCALE_EXP_MIN && qty_exp <= 0 && qty_exp >= AATS_SCALE_EXP_MIN;
    if (aats_isa() >= AATS_ISA_AVX2 && exps_fit && scale_pairs_avx2(in, cnt, out, px_exp, qty_exp)) return;
#endif
    aats_scale_pairs_plain(in, cnt, out, px_exp, qty_exp);
}
