/* scan_bits.h -- what the versions of the scanner (scan_avx512.c, scan_avx2.c, scan_sse42.c) have in common: their names, where the points must be,
 * and the punctuation between them.  Internal to scan*.c. */
#ifndef AATS_PROTO_SCAN_BITS_H
#define AATS_PROTO_SCAN_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "layout/layout.h"

size_t aats_scan_levels_avx512(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);
size_t aats_scan_levels_avx2(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);
size_t aats_scan_levels_sse42(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);
size_t aats_scan_loose_avx2(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap);
char const *aats_scan_quote_avx512(char const *start, char const *at, char const *end, int64_t out[4]);
char const *aats_scan_quote_avx2(char const *start, char const *at, char const *end, int64_t out[4]);
char const *aats_scan_quote_sse42(char const *start, char const *at, char const *end, int64_t out[4]);
int aats_scan_ascii_avx512(void const *s, size_t n);
int aats_scan_ascii_avx2(void const *s, size_t n);
int aats_scan_ascii_sse42(void const *s, size_t n);

#define SCAN_LEVEL_TAIL 11 /* from a quantity's point to behind the level: . 8 digits " ] */
#define SCAN_BEFORE     8  /* a window begins 7 before its point, the first point of a level is 2 or more behind its bracket: 5 would do */

/* scan_word loads `bytes` (1..8, a constant) characters; 4 or 8 of them are read for 3 or 5..7, and must be there. */
__attribute__((always_inline)) static inline uint64_t scan_word(char const *p, size_t bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    if (bytes == 1) return (uint8_t)*p;
    if (bytes == 2) return memcpy(&two, p, 2), two;
    if (bytes <= 4) return memcpy(&four, p, 4), four & (0xFFFFFFFFu >> (8 * (4 - bytes)));
    return memcpy(&eight, p, 8), eight & (~0ULL >> (8 * (8 - bytes)));
}

/* scan_differs returns 0 if the text of a literal (padded here, so that the literal too may be read in whole words) stands at p. */
#define scan_differs(p, lit) (scan_word((p), sizeof(lit) - 1) ^ scan_word((lit "\0\0\0"), sizeof(lit) - 1))

/* scan_digits_ok says that each count of digits before a point is 1..7.  Counts come as differences of places and may be anything. */
static inline int scan_digits_ok(uint64_t a, uint64_t b) { return a - 1 < 7 && b - 1 < 7; }

/* One level whose points are at p + px and p + qty. */
static inline int scan_level_shape(char const *p, uint64_t px, uint64_t qty)
{
    if (!scan_digits_ok(px - 2, qty - px - 12)) return 0;
    return (scan_differs(p, "[\"") | scan_differs(p + px + 9, "\",\"") | scan_differs(p + qty + 9, "\"]")) == 0;
}

#endif
