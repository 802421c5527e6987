#include "proto/crc32.h"

#include <string.h>

#define POLY 0xEDB88320u

/* TABLE[k][b]: what byte b does to the sum when k more bytes follow it (eight at a time, Intel's "slicing"). */
static uint32_t TABLE[8][256];

__attribute__((constructor)) static void fill(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? POLY ^ c >> 1 : c >> 1;
        TABLE[0][b] = c;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++) TABLE[k][b] = TABLE[0][TABLE[k - 1][b] & 255] ^ TABLE[k - 1][b] >> 8;
}

static inline uint32_t word(uint8_t const *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

uint32_t aats_crc32(uint32_t crc, void const *bytes, size_t n)
{
    uint8_t const *p = bytes;
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t const a = crc ^ word(p), b = word(p + 4);
        crc = TABLE[7][a & 255] ^ TABLE[6][a >> 8 & 255] ^ TABLE[5][a >> 16 & 255] ^ TABLE[4][a >> 24] ^
              TABLE[3][b & 255] ^ TABLE[2][b >> 8 & 255] ^ TABLE[1][b >> 16 & 255] ^ TABLE[0][b >> 24];
    }
    for (; n > 0; n--, p++) crc = TABLE[0][(crc ^ *p) & 255] ^ crc >> 8;
    return ~crc;
}
