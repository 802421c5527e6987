/* put.h -- numbers as text, eight characters at a time: the fast halves of num.c's and client_id.c's formats, for texts that are on an order's way.
 *
 * For: sign.c, venue/binance_order_place.c.  Not for anything colder: aats_num_format takes every exponent and checks its room; these do not.
 * Each writes at p and returns the end of what it wrote; up to 8 bytes behind that are overwritten too (AATS_PUT_SLACK), so room for them must be there.
 * No final zero.  Pure; the tests hold them to aats_num_format and aats_client_id_format.
 */
#ifndef AATS_PROTO_PUT_H
#define AATS_PROTO_PUT_H

#include <stdint.h>
#include <string.h>

#include "proto/swar.h"

#define AATS_PUT_SLACK 8

static inline void aats_put_word(char *p, uint64_t w)
{
    w = aats_swar_order(w);
    memcpy(p, &w, 8);
}

/* aats_put_digits returns the 8 decimal digits (0..9 each, the first one lowest) of v, which is below 10^8. */
static inline uint64_t aats_put_digits(uint32_t v)
{
    uint64_t const high = v / 10000, low = v % 10000;
    uint64_t const fours = high | low << 32;
    uint64_t const hundreds = ((fours * 10486) >> 20) & 0x0000007F0000007FULL;
    uint64_t const pairs = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t const tens = ((pairs * 103) >> 10) & 0x000F000F000F000FULL;
    return tens | (pairs - 10 * tens) << 8;
}

/* aats_put_u64 writes an integer. */
static inline char *aats_put_u64(char *p, uint64_t v)
{
    if (v >= 100000000) {
        p = aats_put_u64(p, v / 100000000);
        aats_put_word(p, aats_put_digits((uint32_t)(v % 100000000)) | AATS_SWAR_EACH('0'));
        return p + 8;
    }
    uint64_t const digits = aats_put_digits((uint32_t)v);
    int const zeros = digits ? __builtin_ctzll(digits) >> 3 : 7;
    aats_put_word(p, (digits | AATS_SWAR_EACH('0')) >> (8 * zeros));
    return p + 8 - zeros;
}

/* aats_put_decimal8 writes v * 10^-8 without zeros at its end. */
static inline char *aats_put_decimal8(char *p, uint64_t v)
{
    uint64_t const frac = aats_put_digits((uint32_t)(v % 100000000));
    p = aats_put_u64(p, v / 100000000);
    if (frac == 0) return p;
    *p++ = '.';
    aats_put_word(p, frac | AATS_SWAR_EACH('0'));
    return p + 8 - (__builtin_clzll(frac) >> 3);
}

/* aats_put_hex4 writes the 8 lower-case hex digits of four bytes, given as the word whose lowest byte comes first. */
static inline char *aats_put_hex4(char *p, uint32_t bytes)
{
    uint64_t x = bytes;
    x = (x | x << 16) & 0x0000FFFF0000FFFFULL;
    x = (x | x << 8) & 0x00FF00FF00FF00FFULL;
    x = ((x >> 4) | (x << 8)) & AATS_SWAR_EACH(0x0F);
    uint64_t const letters = ((x + AATS_SWAR_EACH(6)) >> 4) & AATS_SWAR_EACH(1);
    aats_put_word(p, x + AATS_SWAR_EACH('0') + letters * ('a' - '0' - 10));
    return p + 8;
}

/* aats_put_hex64 writes the 16 lower-case hex digits of v, its highest first. */
static inline char *aats_put_hex64(char *p, uint64_t v)
{
    p = aats_put_hex4(p, __builtin_bswap32((uint32_t)(v >> 32)));
    return aats_put_hex4(p, __builtin_bswap32((uint32_t)v));
}

#endif
