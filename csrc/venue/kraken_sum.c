/* kraken_sum.c -- the checksum of Kraken's books: CRC32 over the digits of the ten best levels of both sides, asks first.
 *
 * Facts: exchanges/kraken_v2.md, section 3.  A number's digits are those that the venue prints, without the point and without zeros before the first other
 * digit; how many stand behind the point the messages tell (V-02 of kraken.c).
 *
 * The text is made in one of two ways: number by number (side_text, the model), or with AVX2 a level at once (vector_text); the sum itself is proto/crc32.h's.
 * Cost of a whole checksum, 300 characters: 410 ns by the plain ways, 185 by the wide ones. */
#include "base/isa.h"
#include "base/scale.h"
#include "proto/crc32.h"
#include "proto/put.h"
#include "venue/kraken_data.h"

#define LEVELS     10
#define NUMBER_MAX 48 /* characters of a number: 19 digits, and the zeros of a message that tells more than the scale has */

/* v / 10^k: for the usual k by a constant, which is a multiplication. */
static inline uint64_t without(uint64_t v, int k)
{
    switch (k) {
    case 0: return v;
    case 3: return v / 1000;
    case 4: return v / 10000;
    case 5: return v / 100000;
    case 6: return v / 1000000;
    case 7: return v / 10000000;
    default: return v / (uint64_t)AATS_POW10_I[k < 18 ? k : 18];
    }
}

/* The digits of v * 10^exp printed with dec digits behind the point, without the point and without zeros before the first other digit (3 a).  Returns the end;
 * AATS_PUT_SLACK bytes behind it are overwritten. */
static char *digits(char *out, int64_t v, int exp, int dec)
{
    int const down = -exp - dec;
    uint64_t const shown = v > 0 ? without((uint64_t)v, down > 0 ? down : 0) : 0;
    if (!shown) return out;
    out = aats_put_u64(out, shown);
    for (int zeros = -down; zeros > 0; zeros--) *out++ = '0';
    return out;
}

static int px_dec(aats_msg_t const *m) { return m->px_dec >= 0 ? m->px_dec : -m->px_exp; }
static int qty_dec(aats_msg_t const *m) { return m->qty_dec >= 0 ? m->qty_dec : -m->qty_exp; }

static char *side_text(char *out, aats_msg_t const *m, aats_level_t const *levels, size_t cnt)
{
    for (size_t i = 0; i < cnt && i < LEVELS; i++) {
        out = digits(out, levels[i].px_i, m->px_exp, px_dec(m));
        out = digits(out, levels[i].qty_i, m->qty_exp, qty_dec(m));
    }
    return out;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET  __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define EIGHT   100000000u
#define SIXTEEN 10000000000000000u

/* Four numbers of 8 digits, each below EIGHT: their digits as bytes 0 to 9, the first one lowest.  By fours, pairs, ones, each quotient a multiplication. */
TARGET __attribute__((always_inline)) static inline __m256i four_times_eight(__m256i v)
{
    __m256i const high = _mm256_srli_epi64(_mm256_mul_epu32(v, _mm256_set1_epi64x(3518437209)), 45);
    __m256i const fours = _mm256_or_si256(high, _mm256_slli_epi64(_mm256_sub_epi64(v, _mm256_mul_epu32(high, _mm256_set1_epi64x(10000))), 32));
    __m256i const hundreds = _mm256_srli_epi16(_mm256_mulhi_epu16(fours, _mm256_set1_epi16(5243)), 3);
    __m256i const rest = _mm256_sub_epi16(fours, _mm256_mullo_epi16(hundreds, _mm256_set1_epi16(100)));
    __m256i const pairs = _mm256_or_si256(hundreds, _mm256_slli_epi32(rest, 16));
    __m256i const tens = _mm256_srli_epi16(_mm256_mullo_epi16(pairs, _mm256_set1_epi16(103)), 10);
    return _mm256_or_si256(tens, _mm256_slli_epi16(_mm256_sub_epi16(pairs, _mm256_mullo_epi16(tens, _mm256_set1_epi16(10))), 8));
}

/* side_text from behind: the text ends before `end`, and what stands before a number's first digit is overwritten by the one before it.  16 bytes before the
 * text are overwritten.  Returns where it begins; NULL: a number is too long for this. */
TARGET static char *vector_text(char *end, aats_msg_t const *m, aats_level_t const *levels, size_t cnt)
{
    int const px_down = -m->px_exp - px_dec(m), qty_down = -m->qty_exp - qty_dec(m);
    if (px_down < 0 || qty_down < 0) return NULL;
    for (size_t i = cnt < LEVELS ? cnt : LEVELS; i-- > 0;) {
        if (levels[i].px_i < 0 || levels[i].qty_i < 0) return NULL;
        uint64_t const px = without((uint64_t)levels[i].px_i, px_down), qty = without((uint64_t)levels[i].qty_i, qty_down);
        uint64_t const px_high = px / EIGHT, qty_high = qty / EIGHT;
        if ((px >= SIXTEEN) | (qty >= SIXTEEN)) return NULL;
        __m256i const text = four_times_eight(
            _mm256_set_epi64x((int64_t)(qty - qty_high * EIGHT), (int64_t)qty_high, (int64_t)(px - px_high * EIGHT), (int64_t)px_high));
        uint32_t const there = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_setzero_si256()));
        __m256i const shown = _mm256_or_si256(text, _mm256_set1_epi8('0'));
        _mm_storeu_si128((__m128i *)(void *)(end - 16), _mm256_extracti128_si256(shown, 1));
        end -= 16 - _tzcnt_u32(there >> 16 | 1u << 16);
        _mm_storeu_si128((__m128i *)(void *)(end - 16), _mm256_castsi256_si128(shown));
        end -= 16 - _tzcnt_u32(there | 1u << 16);
    }
    return end;
}

/* Returns 1 and the sum, or 0. */
static int vector_sum(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, uint32_t *sum)
{
    char text[16 + 2 * LEVELS * 2 * 16];
    char *const end = text + sizeof text, *at = vector_text(end, m, bids, bid_cnt);
    if (!at || !(at = vector_text(at, m, asks, ask_cnt))) return 0;
    *sum = aats_crc32(0, at, (size_t)(end - at));
    return 1;
}
#endif

uint32_t kraken_check(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
#if defined(__x86_64__)
    uint32_t sum;
    if (aats_isa() >= AATS_ISA_AVX2 && vector_sum(m, bids, bid_cnt, asks, ask_cnt, &sum)) return sum;
#endif
    char text[2 * LEVELS * 2 * NUMBER_MAX + AATS_PUT_SLACK];
    char *end = side_text(text, m, asks, ask_cnt);
    end = side_text(end, m, bids, bid_cnt);
    return aats_crc32(0, text, (size_t)(end - text));
}
