/* scan_sse42.c -- the scanner with 16 characters a register: one number at a time.  For processors before AVX2. */
#include "proto/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "proto/scan_bits.h"

#define TARGET __attribute__((target("sse4.2,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

/* number turns the window round a point into a number of `digits` (1..7) before it.  Returns 1, or 0 if something else than digits is there. */
TARGET INLINE int number(char const *point, uint64_t digits, int64_t *out)
{
    static uint8_t const AWAY[16] __attribute__((aligned(8))) = {0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    __m128i x = _mm_sub_epi8(_mm_loadu_si128((__m128i const *)(void const *)(point - 7)), _mm_set1_epi8('0'));
    uint64_t kept;
    memcpy(&kept, AWAY + digits + 1, 8);
    x = _mm_and_si128(x, _mm_set_epi64x(-1, (int64_t)(kept & 0x00FFFFFFFFFFFFFFULL)));
    __m128i const high = _mm_subs_epu8(x, _mm_set1_epi8(9));
    __m128i v = _mm_maddubs_epi16(x, _mm_set1_epi16(0x010A));
    v = _mm_madd_epi16(v, _mm_set1_epi32(0x00010064));
    v = _mm_packus_epi32(v, v);
    v = _mm_madd_epi16(v, _mm_set1_epi32(0x00012710));
    uint64_t const w = (uint64_t)_mm_cvtsi128_si64(v);
    *out = (int64_t)((w & 0xFFFFFFFF) * 10000000 + (w >> 32));
    return _mm_testz_si128(high, high) && !(digits > 1 && *(point - digits) == '0');
}

TARGET INLINE uint64_t points_of(char const *p)
{
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i const w = _mm_loadu_si128((__m128i const *)(void const *)(p + 16 * i));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(w, _mm_set1_epi8('.'))) << (16 * i);
    }
    return mask;
}

TARGET size_t aats_scan_levels_sse42(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap && end - p >= 64) {
        uint64_t const points = points_of(p), rest = points & (points - 1);
        aats_level_t level;
        if (rest == 0) break;
        uint64_t const px = (uint64_t)__builtin_ctzll(points), qty = (uint64_t)__builtin_ctzll(rest);
        if (qty + SCAN_LEVEL_TAIL > 64 || !scan_level_shape(p, px, qty)) break;
        if (!number(p + px, px - 2, &level.px_i) || !number(p + qty, qty - px - 12, &level.qty_i) || level.px_i == 0) break;
        out[n++] = level;
        *at = p + qty + SCAN_LEVEL_TAIL;
        if (*at == end || **at != ',') break;
        p = *at + 1;
    }
    return n;
}

TARGET char const *aats_scan_quote_sse42(char const *start, char const *at, char const *end, int64_t out[4])
{
    int64_t v[4];
    uint64_t points;
    char const *p = at;
    if (at - start < SCAN_BEFORE || end - at < 80) return NULL;
    points = points_of(at);
    static uint64_t const NEXT[3] = {'B', 'a', 'A'};
    for (int i = 0; i < 4; i++, points &= points - 1) {
        if (points == 0) return NULL;
        char const *const point = at + __builtin_ctzll(points);
        uint64_t const digits = (uint64_t)(point - p);
        if (digits - 1 >= 7 || !number(point, digits, &v[i])) return NULL;
        if (i == 3 && point[9] != '"') return NULL;
        if (i < 3 && scan_word(point + 9, 7) != (scan_word("\",\"_\":\"\0", 7) ^ (uint64_t)'_' << 24 ^ NEXT[i] << 24)) return NULL;
        p = point + 16;
    }
    memcpy(out, v, sizeof v);
    return p - 6;
}

TARGET int aats_scan_ascii_sse42(void const *s, size_t n)
{
    char const *p = s;
    __m128i any = _mm_setzero_si128(), more = any;
    unsigned char rest = 0;
    for (; n >= 32; p += 32, n -= 32) {
        any = _mm_or_si128(any, _mm_loadu_si128((__m128i const *)(void const *)p));
        more = _mm_or_si128(more, _mm_loadu_si128((__m128i const *)(void const *)(p + 16)));
    }
    for (; n > 0; p++, n--) rest |= (unsigned char)*p;
    return _mm_movemask_epi8(_mm_or_si128(any, more)) == 0 && rest < 0x80;
}
#endif
