/* scan_avx512.c -- the scanner with 64 characters a register: two levels, four numbers, at once. */
#include "proto/scan.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "proto/scan_bits.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi,bmi2,lzcnt,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

#define POINTS 0x0080008000800080ULL /* the point's place in each lane */
#define FIRSTS 0x0001000100010001ULL
#define LEADS  0x003F003F003F003FULL /* where a first digit may not be 0, because another follows before the point */

TARGET INLINE __m512i window(__m512i v, char const *point, int lane)
{
    __m128i const w = _mm_loadu_si128((__m128i const *)(void const *)(point - 7));
    switch (lane) {
    case 0:  return _mm512_castsi128_si512(w);
    case 1:  return _mm512_inserti32x4(v, w, 1);
    case 2:  return _mm512_inserti32x4(v, w, 2);
    default: return _mm512_inserti32x4(v, w, 3);
    }
}

/* The characters that belong to a number of `digits` (1..7) before its point. */
INLINE uint64_t keep(uint64_t digits) { return (0xFFFF00u >> (digits + 1)) & 0xFFFF; }

/* numbers turns four windows into numbers.  Returns 1, or 0 if one has something else than digits, or a 0 too many before it. */
TARGET INLINE int numbers(char const *a, char const *b, char const *c, char const *d, uint64_t kept, __m256i *out)
{
    __m512i x = _mm512_undefined_epi32();
    x = window(x, a, 0);
    x = window(x, b, 1);
    x = window(x, c, 2);
    x = window(x, d, 3);
    uint64_t const lead = kept & ~((kept << 1) & ~FIRSTS) & LEADS;
    x = _mm512_maskz_sub_epi8(kept & ~POINTS, x, _mm512_set1_epi8('0'));
    uint64_t const bad = _mm512_cmpgt_epu8_mask(x, _mm512_set1_epi8(9)) | _mm512_mask_testn_epi8_mask(lead, x, x);
    __m512i v = _mm512_maddubs_epi16(x, _mm512_set1_epi16(0x010A));        /* pairs: 10 a + b */
    v = _mm512_madd_epi16(v, _mm512_set1_epi32(0x00010064));               /* fours: 100 a + b */
    v = _mm512_packus_epi32(v, v);
    v = _mm512_madd_epi16(v, _mm512_set1_epi32(0x00012710));               /* eights: 10000 a + b; before the point 10 times too much */
    v = _mm512_add_epi64(_mm512_mul_epu32(v, _mm512_set1_epi64(10000000)), _mm512_srli_epi64(v, 32));
    *out = _mm512_castsi512_si256(_mm512_permutexvar_epi64(_mm512_set_epi64(0, 0, 0, 0, 6, 4, 2, 0), v));
    return bad == 0;
}

TARGET INLINE __m512i load(char const *p, size_t n)
{
    if (n >= 64) return _mm512_loadu_si512(p);
    return _mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)n), p);
}

TARGET size_t aats_scan_levels_avx512(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap) {
        size_t const left = (size_t)(end - p);
        uint64_t const points = _mm512_cmpeq_epi8_mask(load(p, left), _mm512_set1_epi8('.'));
        uint64_t const rest1 = _blsr_u64(points), rest2 = _blsr_u64(rest1), rest3 = _blsr_u64(rest2);
        uint64_t const px0 = _tzcnt_u64(points), qty0 = _tzcnt_u64(rest1), px1 = _tzcnt_u64(rest2), qty1 = _tzcnt_u64(rest3);
        uint64_t const k0 = px0 - 2, k1 = qty0 - px0 - 12, k2 = px1 - qty0 - 14, k3 = qty1 - px1 - 12;
        __m256i v;
        if (rest3 != 0 && qty1 + SCAN_LEVEL_TAIL <= left && n + 2 <= cap && scan_digits_ok(k0, k1) && scan_digits_ok(k2, k3)) {
            uint64_t const kept = keep(k0) | keep(k1) << 16 | keep(k2) << 32 | keep(k3) << 48;
            uint64_t const odd = scan_differs(p, "[\"") | scan_differs(p + px0 + 9, "\",\"") | scan_differs(p + qty0 + 9, "\"],[\"") |
                                 scan_differs(p + px1 + 9, "\",\"") | scan_differs(p + qty1 + 9, "\"]");
            int const good = numbers(p + px0, p + qty0, p + px1, p + qty1, kept, &v);
            if (good && odd == 0 && (_mm256_testn_epi64_mask(v, v) & 5) == 0) {
                _mm256_storeu_si256((__m256i *)(void *)(out + n), v);
                n += 2;
                *at = p + qty1 + SCAN_LEVEL_TAIL;
                if (*at == end || **at != ',') break;
                p = *at + 1;
                continue;
            }
        }
        if (rest1 == 0 || qty0 + SCAN_LEVEL_TAIL > left || !scan_level_shape(p, px0, qty0)) break;
        if (!numbers(p + px0, p + qty0, p + px0, p + qty0, (keep(k0) | keep(k1) << 16) * 0x100000001ULL, &v)) break;
        if (_mm256_testn_epi64_mask(v, v) & 1) break;
        _mm_storeu_si128((__m128i *)(void *)(out + n), _mm256_castsi256_si128(v));
        n++;
        *at = p + qty0 + SCAN_LEVEL_TAIL;
        if (*at == end || **at != ',') break;
        p = *at + 1;
    }
    return n;
}

TARGET char const *aats_scan_quote_avx512(char const *start, char const *at, char const *end, int64_t out[4])
{
    size_t const left = (size_t)(end - at);
    if (at - start < SCAN_BEFORE) return NULL;
    uint64_t const points = _mm512_cmpeq_epi8_mask(load(at, left), _mm512_set1_epi8('.'));
    uint64_t const rest1 = _blsr_u64(points), rest2 = _blsr_u64(rest1), rest3 = _blsr_u64(rest2);
    uint64_t const a = _tzcnt_u64(points), b = _tzcnt_u64(rest1), c = _tzcnt_u64(rest2), d = _tzcnt_u64(rest3);
    uint64_t const k1 = b - a - 16, k2 = c - b - 16, k3 = d - c - 16;
    __m256i v;
    if (rest3 == 0 || d + 10 > left || !scan_digits_ok(a, k1) || !scan_digits_ok(k2, k3)) return NULL;
    uint64_t const odd = scan_differs(at + a + 9, "\",\"B\":\"") | scan_differs(at + b + 9, "\",\"a\":\"") |
                         scan_differs(at + c + 9, "\",\"A\":\"") | scan_differs(at + d + 9, "\"");
    if (!numbers(at + a, at + b, at + c, at + d, keep(a) | keep(k1) << 16 | keep(k2) << 32 | keep(k3) << 48, &v) || odd != 0) return NULL;
    _mm256_storeu_si256((__m256i *)(void *)out, v);
    return at + d + 10;
}

TARGET int aats_scan_ascii_avx512(void const *s, size_t n)
{
    char const *p = s;
    __m512i any = _mm512_setzero_si512(), more = any;
    for (; n >= 128; p += 128, n -= 128) {
        any = _mm512_or_si512(any, _mm512_loadu_si512(p));
        more = _mm512_or_si512(more, _mm512_loadu_si512(p + 64));
    }
    if (n >= 64) {
        any = _mm512_or_si512(any, _mm512_loadu_si512(p));
        p += 64;
        n -= 64;
    }
    more = _mm512_or_si512(more, _mm512_maskz_loadu_epi8(_bzhi_u64(~0ULL, (unsigned)n), p));
    return _mm512_movepi8_mask(_mm512_or_si512(any, more)) == 0;
}
#endif
