#include "venue/okx_levels.h"

#include "base/isa.h"
#include "venue/venue.h"

/* One level at p.  Returns the byte behind its bracket, NULL if it is not for the short way. */
static char const *level(char const *p, char const *end, int64_t *px, int64_t *qty)
{
    uint64_t quotes, dots, x;
    if (end - p < OKX_SEEN || p[0] != '[' || p[1] != '"' || !okx_look(p, &quotes, &dots)) return NULL;
    quotes &= ~3ULL; /* the price's first quote is at 1 */
    if (!quotes) return NULL;
    unsigned const px_end = (unsigned)__builtin_ctzll(quotes);
    if (px_end > OKX_SEEN - 16 || p[px_end + 1] != ',' || p[px_end + 2] != '"') return NULL;
    quotes &= ~0ULL << (px_end + 3);
    if (!quotes) return NULL;
    unsigned const qty_end = (unsigned)__builtin_ctzll(quotes);
    if (qty_end > OKX_SEEN - 16 || memcmp(p + qty_end, "\",\"0\",\"", 7) != 0) return NULL;
    unsigned const digits = (unsigned)aats_swar_digits(aats_swar_load8(p + qty_end + 7), &x), last = qty_end + 7 + digits;
    if (digits - 1 > 6 || p[last] != '"' || p[last + 1] != ']') return NULL;
    if (!okx_decimal(p, 2, px_end, dots, px) || !okx_decimal(p, px_end + 3, qty_end, dots, qty) || *px == 0) return NULL;
    return p + last + 2;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define INLINE __attribute__((always_inline)) static inline

/* The window of a number: 7 characters, its point, 8 more.  WHOLE[n]: those that belong to n digits before the point; FRAC[n]: to n characters from the
 * point on, without it. */
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

/* Levels while they are as they nearly always are; *at is then at the first that is not, or behind the last one. */
TARGET static size_t run(char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    while (n < cap && end - p >= OKX_SEEN) {
        __m256i const low = _mm256_loadu_si256((__m256i const *)(void const *)p), high = _mm256_loadu_si256((__m256i const *)(void const *)(p + 32));
        uint64_t const quotes = marks(low, high, '"'), dots = marks(low, high, '.'), behind_px = quotes & ~3ULL;
        uint64_t const px_end = _tzcnt_u64(behind_px), behind_qty = quotes & ~0ULL << ((px_end + 3) & 63);
        uint64_t const qty_end = _tzcnt_u64(behind_qty);
        if (px_end > OKX_SEEN - 24 || qty_end > OKX_SEEN - 16) break;
        uint64_t const counted = aats_swar_load8(p + qty_end + 7), head = aats_swar_load8(p + qty_end);
        uint64_t const last = _tzcnt_u64(quotes & ~0ULL << (qty_end + 7)), digits = last - qty_end - 7;
        uint64_t px_dot = _tzcnt_u64(dots & ~3ULL), qty_dot = _tzcnt_u64(dots & ~0ULL << (px_end + 3));
        if (px_dot > px_end) px_dot = px_end;
        if (qty_dot > qty_end) qty_dot = qty_end;
        uint64_t const px_whole = px_dot - 2, px_frac = px_end - px_dot, qty_whole = qty_dot - px_end - 3, qty_frac = qty_end - qty_dot;
        uint64_t const x = (counted ^ AATS_SWAR_EACH('0')) & (~0ULL >> (8 * (8 - digits) & 63));
        int const shape = (p[0] != '[') | (p[1] != '"') | (p[px_end + 1] != ',') | (p[px_end + 2] != '"') | ((head << 8) != 0x222C2230222C2200ULL) |
                          (digits - 1 > 6) | (px_whole - 1 > 6) | (qty_whole - 1 > 6) | (px_frac > 9) | (qty_frac > 9) | (px_frac == 1) | (qty_frac == 1);
        if (shape || p[last + 1] != ']' || (((x + AATS_SWAR_EACH(0x76)) | x) & AATS_SWAR_EACH(0x80))) break;
        __m256i v = _mm256_sub_epi8(pair(p + px_dot - 7, p + qty_dot - 7), _mm256_set1_epi8('0'));
        v = _mm256_and_si256(_mm256_and_si256(v, pair(WHOLE[px_whole], WHOLE[qty_whole])), pair(FRAC[px_frac], FRAC[qty_frac]));
        __m256i const beyond = _mm256_subs_epu8(v, _mm256_set1_epi8(9));
        int const lead = ((px_whole > 1) & (p[2] == '0')) | ((qty_whole > 1) & (p[px_end + 3] == '0'));
        v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(0x010A));
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00010064));
        v = _mm256_packus_epi32(v, v);
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00012710));
        v = _mm256_add_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(10000000)), _mm256_srli_epi64(v, 32));
        _mm_storeu_si128((__m128i *)(void *)&out[n], _mm256_castsi256_si128(_mm256_permute4x64_epi64(v, 0x08)));
        if (!_mm256_testz_si256(beyond, beyond) || lead || out[n].px_i == 0) break;
        n++;
        p += last + 2;
        if (p == end || *p != ',') break;
        p++;
    }
    *at = p;
    return n;
}
#endif

char const *okx_levels(char const *p, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t *cnt)
{
    size_t n = 0;
    if (p < end && *p == ']') {
        *cnt = 0;
        return p + 1;
    }
    for (;;) {
#if defined(__x86_64__)
        size_t const got = aats_isa() >= AATS_ISA_AVX2 ? run(&p, end, out + n, AATS_MSG_LEVELS - n) : 0;
        n += got;
        if (got && p[-1] != ',') { /* behind a level that no other one follows */
            if (p == end || *p != ']') return NULL;
            break;
        }
#endif
        int64_t px, qty;
        if (n == AATS_MSG_LEVELS) return NULL;
        p = level(p, end, &px, &qty);
        if (p == NULL || p == end) return NULL;
        out[n++] = (aats_level_t){px, qty};
        if (*p == ']') break;
        if (*p++ != ',') return NULL;
    }
    if (px_exp != -8 || qty_exp != -8)
        for (size_t i = 0; i < n; i++)
            if (!okx_to_exp(px_exp, &out[i].px_i) || !okx_to_exp(qty_exp, &out[i].qty_i) || out[i].px_i == 0) return NULL;
    *cnt = n;
    return p + 1;
}
