/* okx_levels.h -- levels as OKX writes them, ["64210.2","188.4","0","12"], many at once.
 *
 * For: okx_fast.c.  Not a second parser: what is written otherwise it leaves to the walk (okx.c), which knows the reason.  Levels have no fixed width, so where
 * the next one begins must be searched for.  One look at 64 characters gives the place of every quote and point in them as bits; the third text of a
 * level is always "0", so three of these bits say where price, size and level end, and no number has to be read before the next level is known:
 *
 *     [ " 6 4 2 1 0 . 2 " , " 1 8 8 . 4 " , " 0 " , " 1 2 " ] , [ " ...
 *       ^             ^       ^         ^                 ^          quotes; a number is what is before its point and what is behind it, 8 digits each
 *
 * Pure; any thread.  No byte at or behind `end` is read; up to 8 bytes before a level are.  Cost: 10 ns a level with AVX2, 20 without.
 */
#ifndef AATS_VENUE_OKX_LEVELS_H
#define AATS_VENUE_OKX_LEVELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/swar.h"
#include "venue/level_rows.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define OKX_SEEN 64 /* characters of one look */

/* okx_levels reads levels from p, behind the bracket of their list, up to the one that ends it.  Returns the byte behind that; NULL if they are not for it (*cnt
 * and out are scratch then). */
char const *okx_levels(char const *p, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t *cnt);

/* okx_look: where quotes and points are in the 64 characters at p.  0: this machine has no quick way to tell. */
static inline int okx_look(char const *p, uint64_t *quotes, uint64_t *dots)
{
#if defined(__SSE2__)
    __m128i const quote = _mm_set1_epi8('"'), dot = _mm_set1_epi8('.');
    uint64_t q = 0, d = 0;
    for (int i = 0; i < 4; i++) {
        __m128i const x = _mm_loadu_si128((__m128i const *)(void const *)(p + 16 * i));
        q |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote)) << (16 * i);
        d |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, dot)) << (16 * i);
    }
    *quotes = q;
    *dots = d;
    return 1;
#else
    (void)p;
    (void)quotes;
    (void)dots;
    return 0;
#endif
}

/* okx_decimal: the number of the characters a .. b - 1 of `at`, whose points are in dots, at 1e-8.  0: not for the short way. */
static inline __attribute__((always_inline)) int okx_decimal(char const *at, unsigned a, unsigned b, uint64_t dots, int64_t *out)
{
    uint64_t const mine = dots & (~0ULL << a), zeros = AATS_SWAR_EACH('0'), high = AATS_SWAR_EACH(0x76);
    unsigned dot = mine ? (unsigned)__builtin_ctzll(mine) : OKX_SEEN;
    if (dot > b) dot = b;
    unsigned const whole = dot - a, frac = b - dot; /* frac counts the point */
    if (whole - 1 > 6 || frac == 1 || frac > 9 || (whole > 1 && at[a] == '0')) return 0;
    uint64_t const x = (aats_swar_load8(at + dot - 8) ^ zeros) & (~0ULL << (8 * (8 - whole)));
    uint64_t const y = frac ? (aats_swar_load8(at + dot + 1) ^ zeros) & (~0ULL >> (8 * (9 - frac))) : 0;
    if ((((x + high) | x) | ((y + high) | y)) & AATS_SWAR_EACH(0x80)) return 0;
    *out = (int64_t)(aats_swar_value(x) * 100000000 + aats_swar_value(y));
    return 1;
}

#endif
