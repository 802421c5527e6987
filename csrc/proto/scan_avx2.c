/* scan_avx2.c -- the scanner with 32 characters a register: one level, two numbers, at once. */
#include "proto/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "proto/scan_bits.h"
#include "proto/scan_two.h"

#define TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

/* numbers turns the two windows round points a and b into numbers.  Returns 1, or 0 if one has something else than digits or a 0 too many. */
TARGET INLINE int numbers(char const *a, uint64_t a_digits, char const *b, uint64_t b_digits, __m128i *out)
{
    __m256i x = _mm256_sub_epi8(scan_two_windows(a - 7, b - 7), _mm256_set1_epi8('0'));
    x = _mm256_and_si256(x, scan_two_windows(SCAN_WHOLE[a_digits], SCAN_WHOLE[b_digits]));
    __m256i const high = _mm256_subs_epu8(x, _mm256_set1_epi8(9));
    int const lead = (a_digits > 1 && *(a - a_digits) == '0') | (b_digits > 1 && *(b - b_digits) == '0');
    __m256i v = _mm256_maddubs_epi16(x, _mm256_set1_epi16(0x010A));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00010064));
    v = _mm256_packus_epi32(v, v);
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00012710));
    v = _mm256_add_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(10000000)), _mm256_srli_epi64(v, 32));
    *out = _mm256_castsi256_si128(_mm256_permute4x64_epi64(v, 0x08));
    return _mm256_testz_si256(high, high) && !lead;
}

/* points marks the points among the 64 characters at p. */
TARGET INLINE uint64_t points_of(char const *p)
{
    __m256i const point = _mm256_set1_epi8('.');
    __m256i const low = _mm256_cmpeq_epi8(_mm256_loadu_si256((__m256i const *)(void const *)p), point);
    __m256i const high = _mm256_cmpeq_epi8(_mm256_loadu_si256((__m256i const *)(void const *)(p + 32)), point);
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

TARGET size_t aats_scan_levels_avx2(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap && end - p >= 64) {
        uint64_t const points = points_of(p), rest = _blsr_u64(points);
        uint64_t const px = _tzcnt_u64(points), qty = _tzcnt_u64(rest);
        __m128i v;
        if (rest == 0 || qty + SCAN_LEVEL_TAIL > 64 || !scan_level_shape(p, px, qty)) break;
        if (!numbers(p + px, px - 2, p + qty, qty - px - 12, &v) || _mm_cvtsi128_si64(v) == 0) break;
        _mm_storeu_si128((__m128i *)(void *)(out + n), v);
        n++;
        *at = p + qty + SCAN_LEVEL_TAIL;
        if (*at == end || **at != ',') break;
        p = *at + 1;
    }
    return n;
}

TARGET char const *aats_scan_quote_avx2(char const *start, char const *at, char const *end, int64_t out[4])
{
    if (at - start < SCAN_BEFORE || end - at < 80) return NULL; /* the last point may be the 64th character */
    uint64_t const points = points_of(at);
    uint64_t const rest1 = _blsr_u64(points), rest2 = _blsr_u64(rest1), rest3 = _blsr_u64(rest2);
    uint64_t const a = _tzcnt_u64(points), b = _tzcnt_u64(rest1), c = _tzcnt_u64(rest2), d = _tzcnt_u64(rest3);
    uint64_t const k1 = b - a - 16, k2 = c - b - 16, k3 = d - c - 16;
    __m128i bid, ask;
    if (rest3 == 0 || !scan_digits_ok(a, k1) || !scan_digits_ok(k2, k3)) return NULL;
    if (scan_differs(at + a + 9, "\",\"B\":\"") | scan_differs(at + b + 9, "\",\"a\":\"") | scan_differs(at + c + 9, "\",\"A\":\"") |
        scan_differs(at + d + 9, "\""))
        return NULL;
    if (!numbers(at + a, a, at + b, k1, &bid) || !numbers(at + c, k2, at + d, k3, &ask)) return NULL;
    _mm_storeu_si128((__m128i *)(void *)out, bid);
    _mm_storeu_si128((__m128i *)(void *)(out + 2), ask);
    return at + d + 10;
}

TARGET int aats_scan_ascii_avx2(void const *s, size_t n)
{
    char const *p = s;
    __m256i any = _mm256_setzero_si256(), more = any;
    unsigned char rest = 0;
    for (; n >= 64; p += 64, n -= 64) {
        any = _mm256_or_si256(any, _mm256_loadu_si256((__m256i const *)(void const *)p));
        more = _mm256_or_si256(more, _mm256_loadu_si256((__m256i const *)(void const *)(p + 32)));
    }
    for (; n > 0; p++, n--) rest |= (unsigned char)*p;
    return _mm256_movemask_epi8(_mm256_or_si256(any, more)) == 0 && rest < 0x80;
}
#endif
