/* scan_loose.c -- the scanner for levels whose numbers have as many decimals as it takes, ["64210.1","2.517"], with 64 characters a look.
 *
 * Their width is not fixed, so where the next level begins must be searched for: the quotes of 64 characters, as bits, say where price and quantity end, the
 * points where their whole parts do, and no number has to be read before the next level is known. */
#include "proto/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "proto/scan_bits.h"

#define TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

/* A number in its window: 7 characters, its point (or the quote behind it, where it has none), 8 more.  WHOLE[n]: what belongs to n digits before the point;
 * FRAC[n]: to n characters from the point on, without it. */
#define ON 0xFF
static uint8_t const WHOLE[8][16] __attribute__((aligned(16))) = {
    {0, 0, 0, 0, 0, 0, 0, 0, ON, ON, ON, ON, ON, ON, ON, ON},       {0, 0, 0, 0, 0, 0, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, 0, 0, 0, 0, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},     {0, 0, 0, 0, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, 0, 0, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},   {0, 0, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
    {0, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON}, {ON, ON, ON, ON, ON, ON, ON, 0, ON, ON, ON, ON, ON, ON, ON, ON},
};
static uint8_t const FRAC[10][16] __attribute__((aligned(16))) = {
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

TARGET INLINE __m256i pair(void const *a, void const *b)
{
    __m128i const low = _mm_loadu_si128((__m128i const *)a);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_loadu_si128((__m128i const *)b), 1);
}

TARGET INLINE uint64_t marks(__m256i low, __m256i high, char c)
{
    __m256i const want = _mm256_set1_epi8(c);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, want)) | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, want)) << 32;
}

TARGET size_t aats_scan_loose_avx2(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap && end - p >= 64) {
        __m256i const low = _mm256_loadu_si256((__m256i const *)(void const *)p), high = _mm256_loadu_si256((__m256i const *)(void const *)(p + 32));
        uint64_t const quotes = marks(low, high, '"'), dots = marks(low, high, '.');
        uint64_t const px_end = _tzcnt_u64(quotes & ~3ULL), qty_end = _tzcnt_u64(quotes & ~0ULL << ((px_end + 3) & 63));
        if (px_end > 40 || qty_end > 54) break;
        uint64_t px_dot = _tzcnt_u64(dots), qty_dot = _tzcnt_u64(dots & ~0ULL << (px_end + 3));
        if (px_dot > px_end) px_dot = px_end;
        if (qty_dot > qty_end) qty_dot = qty_end;
        uint64_t const px_whole = px_dot - 2, px_frac = px_end - px_dot, qty_whole = qty_dot - px_end - 3, qty_frac = qty_end - qty_dot;
        uint64_t const odd = scan_differs(p, "[\"") | scan_differs(p + px_end, "\",\"") | scan_differs(p + qty_end, "\"]");
        int const many = (px_whole - 1 > 6) | (qty_whole - 1 > 6) | (px_frac > 9) | (qty_frac > 9) | (px_frac == 1) | (qty_frac == 1);
        if (odd != 0 || many) break;
        __m256i v = _mm256_sub_epi8(pair(p + px_dot - 7, p + qty_dot - 7), _mm256_set1_epi8('0'));
        v = _mm256_and_si256(_mm256_and_si256(v, pair(WHOLE[px_whole], WHOLE[qty_whole])), pair(FRAC[px_frac], FRAC[qty_frac]));
        __m256i const beyond = _mm256_subs_epu8(v, _mm256_set1_epi8(9));
        int const lead = ((px_whole > 1) & (p[2] == '0')) | ((qty_whole > 1) & (p[px_end + 3] == '0'));
        v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x010A));
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00010064));
        v = _mm256_packus_epi32(v, v);
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00012710)); /* eights: before the point 10 times too much */
        v = _mm256_add_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(10000000)), _mm256_srli_epi64(v, 32));
        __m128i const level = _mm256_castsi256_si128(_mm256_permute4x64_epi64(v, 0x08));
        if (!_mm256_testz_si256(beyond, beyond) || lead || _mm_cvtsi128_si64(level) == 0) break;
        _mm_storeu_si128((__m128i *)(void *)(out + n), level);
        n++;
        *at = p + qty_end + 2;
        if (**at != ',') break;
        p = *at + 1;
    }
    return n;
}
#endif
