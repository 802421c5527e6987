/* swar.h -- eight characters in one 64-bit word: the helpers behind num.c, json.c and utf8.c.
 *
 * Character i of the text is byte i counted from the low end, whatever the machine's byte order. Masks have the high
 * bit of a byte set where the test is true; only their lowest set bit is exact (a carry may spoil what lies above
 * it), which is all that "the first one" needs. Internal to proto/. No read ever passes the end that was given.
 */
#ifndef AATS_PROTO_SWAR_H
#define AATS_PROTO_SWAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AATS_SWAR_EACH(byte) (0x0101010101010101ULL * (uint64_t)(byte))

static inline uint64_t aats_swar_order(uint64_t w)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(w);
#else
    return w;
#endif
}

/* aats_swar_load8 loads the 8 characters at p. */
static inline uint64_t aats_swar_load8(void const *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return aats_swar_order(w);
}

/* aats_swar_load loads up to 8 characters of [p, end); zero bytes stand for those that are not there. */
static inline uint64_t aats_swar_load(char const *p, char const *end)
{
    uint64_t w = 0;
    if (end - p >= 8) return aats_swar_load8(p);
    for (int i = 0; p + i < end; i++) w |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return w;
}

/* aats_swar_first returns the index of the first character that a mask marks, 8 if none. */
static inline int aats_swar_first(uint64_t mask) { return mask ? __builtin_ctzll(mask) >> 3 : 8; }

/* aats_swar_digits turns the digits in w to 0..9 in *x and returns how many digits w begins with. */
static inline int aats_swar_digits(uint64_t w, uint64_t *x)
{
    *x = w ^ AATS_SWAR_EACH('0');
    return aats_swar_first(((*x + AATS_SWAR_EACH(0x76)) | *x) & AATS_SWAR_EACH(0x80));
}

/* aats_swar_value returns the number that the 8 decimal digits (0..9 each) of x spell. */
static inline uint64_t aats_swar_value(uint64_t x)
{
    uint64_t const pair = 0x000000FF000000FFULL;
    x = x * 10 + (x >> 8);
    return (((x & pair) * (100 + (1000000ULL << 32)) + ((x >> 16) & pair) * (1 + (10000ULL << 32))) >> 32) & 0xFFFFFFFF;
}

/* aats_swar_lead returns the number that the first k (1..8) digits of x spell. */
static inline uint64_t aats_swar_lead(uint64_t x, int k) { return aats_swar_value(x << (8 * (8 - k))); }

/* aats_swar_frac returns the first k (1..8) digits of x as the first of 8 decimals: "25" is 25000000. */
static inline uint64_t aats_swar_frac(uint64_t x, int k) { return aats_swar_value(x & (~0ULL >> (8 * (8 - k)))); }

/* aats_swar_below marks characters below c (c up to 0x80), aats_swar_is marks those equal to c. */
static inline uint64_t aats_swar_below(uint64_t w, uint8_t c)
{
    return (w - AATS_SWAR_EACH(c)) & ~w & AATS_SWAR_EACH(0x80);
}

static inline uint64_t aats_swar_is(uint64_t w, uint8_t c) { return aats_swar_below(w ^ AATS_SWAR_EACH(c), 1); }

/* aats_swar_lower turns A..Z to a..z and nothing else. */
static inline uint64_t aats_swar_lower(uint64_t w)
{
    uint64_t const low7 = w & AATS_SWAR_EACH(0x7F);
    uint64_t const from_a = low7 + AATS_SWAR_EACH(0x80 - 'A'), above_z = low7 + AATS_SWAR_EACH(0x7F - 'Z');
    return w | ((from_a ^ above_z) & ~w & AATS_SWAR_EACH(0x80)) >> 2;
}

#endif
