/* scan_two.h -- the two decimals of a level, price and quantity, wherever they stand in 64 characters: the part that every reader of levels without a fixed
 * width has in common.
 *
 * For: scan_loose.c and the venues' own shapes of levels (venue/okx_levels.c, venue/level_rows.c), which search for where the numbers end; this turns both
 * into integers at once.  Not a parser: what it does not take is left to the scalar code, which knows the reason.  Needs AVX2: callers ask isa.h.
 *
 * A number lies in a window of 16 characters round its point, or round the character behind it where it has none:
 *
 *     . . 6 4 2 1 0 . 2 5 " , " 1 8      7 before the point, the point, 8 behind; what is not the number's is masked away,
 *                                        and both numbers become 8 + 8 digits, multiplied together by pairs
 */
#ifndef AATS_PROTO_SCAN_TWO_H
#define AATS_PROTO_SCAN_TWO_H

#if defined(__x86_64__)
#include <immintrin.h>

#include "proto/scan_bits.h"

#define SCAN_TWO_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define SCAN_TWO_INLINE SCAN_TWO_TARGET __attribute__((always_inline)) static inline

#define SCAN_LOOK    64 /* characters of one look, which must be there */
#define SCAN_PX_MAX  40 /* a price ends here at most, */
#define SCAN_QTY_MAX 54 /* a quantity here: what is read round its point is within the look then */

/* SCAN_WHOLE[n]: what of a window belongs to n digits before the point; SCAN_FRAC[n]: to n characters from the point on, without it. */
#define ON 0xFF
static uint8_t const SCAN_WHOLE[8][16] __attribute__((aligned(16))) = {
    {0, 0, 0, 0, 0, 0, 0, 0, ON, ON, ON, ON, ON, ON, ON, ON},       {0, 0, 0, 0, 0, 0, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, 0, 0, 0, 0, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},     {0, 0, 0, 0, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, 0, 0, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},   {0, 0, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON}, {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
};
static uint8_t const SCAN_FRAC[10][16] __attribute__((aligned(16))) = {
    {ON, ON, ON, ON, ON, ON, ON, 0},
    {ON, ON, ON, ON, ON, ON, ON, 0},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON},
    {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
};
#undef ON

typedef struct {
    __m256i low, high;
} scan_look_t;

/* scan_look loads the SCAN_LOOK characters at p; scan_marks says where c is among them, as bits. */
SCAN_TWO_INLINE scan_look_t scan_look(char const *p)
{
    return (scan_look_t){_mm256_loadu_si256((__m256i const *)(void const *)p), _mm256_loadu_si256((__m256i const *)(void const *)(p + 32))};
}

SCAN_TWO_INLINE uint64_t scan_marks(scan_look_t x, char c)
{
    __m256i const want = _mm256_set1_epi8(c);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x.low, want)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x.high, want)) << 32;
}

SCAN_TWO_INLINE __m256i scan_two_windows(void const *a, void const *b)
{
    __m128i const low = _mm_loadu_si128((__m128i const *)a);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_loadu_si128((__m128i const *)b), 1);
}

typedef struct {
    uint64_t px_at, px_end;   /* the price is the characters px_at .. px_end - 1 of the look */
    uint64_t qty_at, qty_end; /* the quantity likewise, behind it */
    uint64_t px_frac, qty_frac; /* scan_two: their characters from the point on, 0 without one */
} scan_two_t;

/* scan_two reads both numbers, at 10^-8: up to 7 digits before a point and 8 behind it, nothing else, a price above 0.  8 characters before p must be there;
 * px_end is SCAN_PX_MAX at most and qty_end SCAN_QTY_MAX, dots are the points of the look, none of them before px_at.  Returns 1, or 0 with out untouched. */
SCAN_TWO_INLINE int scan_two(char const *p, uint64_t dots, scan_two_t *t, aats_level_t *out)
{
    uint64_t px_dot = _tzcnt_u64(dots), qty_dot = _tzcnt_u64(dots & ~0ULL << (t->qty_at & 63));
    if (px_dot > t->px_end) px_dot = t->px_end;
    if (qty_dot > t->qty_end) qty_dot = t->qty_end;
    uint64_t const px_whole = px_dot - t->px_at, px_frac = t->px_frac = t->px_end - px_dot;
    uint64_t const qty_whole = qty_dot - t->qty_at, qty_frac = t->qty_frac = t->qty_end - qty_dot;
    if ((px_whole - 1 > 6) | (qty_whole - 1 > 6) | (px_frac > 9) | (qty_frac > 9) | (px_frac == 1) | (qty_frac == 1)) return 0;
    __m256i v = _mm256_sub_epi8(scan_two_windows(p + px_dot - 7, p + qty_dot - 7), _mm256_set1_epi8('0'));
    v = _mm256_and_si256(_mm256_and_si256(v, scan_two_windows(SCAN_WHOLE[px_whole], SCAN_WHOLE[qty_whole])),
                         scan_two_windows(SCAN_FRAC[px_frac], SCAN_FRAC[qty_frac]));
    __m256i const beyond = _mm256_subs_epu8(v, _mm256_set1_epi8(9));
    int const lead = ((px_whole > 1) & (p[t->px_at] == '0')) | ((qty_whole > 1) & (p[t->qty_at] == '0'));
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x010A));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00010064));
    v = _mm256_packus_epi32(v, v);
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00012710)); /* eights: before the point 10 times too much */
    v = _mm256_add_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(10000000)), _mm256_srli_epi64(v, 32));
    __m128i const level = _mm256_castsi256_si128(_mm256_permute4x64_epi64(v, 0x08));
    if (!_mm256_testz_si256(beyond, beyond) || lead || _mm_cvtsi128_si64(level) == 0) return 0;
    _mm_storeu_si128((__m128i *)(void *)out, level);
    return 1;
}
#endif
#endif
