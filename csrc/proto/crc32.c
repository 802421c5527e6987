#include "proto/crc32.h"

#include <string.h>

#include "base/isa.h"

#define POLY 0xEDB88320u

/* TABLE[k][b]: what byte b does to the sum when k more bytes follow it (eight at a time, Intel's "slicing"). */
static uint32_t TABLE[8][256];
static int can_fold; /* the processor multiplies without carries */

__attribute__((constructor)) static void fill(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? POLY ^ c >> 1 : c >> 1;
        TABLE[0][b] = c;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++) TABLE[k][b] = TABLE[0][TABLE[k - 1][b] & 255] ^ TABLE[k - 1][b] >> 8;
#if defined(__x86_64__)
    __builtin_cpu_init();
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

static inline uint32_t word(uint8_t const *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* What n more bytes make of a sum, not complemented. */
static uint32_t by_table(uint32_t crc, uint8_t const *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t const a = crc ^ word(p), b = word(p + 4);
        crc = TABLE[7][a & 255] ^ TABLE[6][a >> 8 & 255] ^ TABLE[5][a >> 16 & 255] ^ TABLE[4][a >> 24] ^
              TABLE[3][b & 255] ^ TABLE[2][b >> 8 & 255] ^ TABLE[1][b >> 16 & 255] ^ TABLE[0][b >> 24];
    }
    for (; n > 0; n--, p++) crc = TABLE[0][(crc ^ *p) & 255] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("pclmul,sse4.1")))

/* fold carries a block of 128 bits over a distance that by stands for: the remainders of its two halves, to be added to the block that stands there. */
TARGET __attribute__((always_inline)) static inline __m128i fold(__m128i block, __m128i by, __m128i there)
{
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(block, by, 0x00), _mm_clmulepi64_si128(block, by, 0x11)), there);
}

TARGET static inline __m128i load(uint8_t const *p) { return _mm_loadu_si128((__m128i const *)(void const *)p); }

/* The same by folding: four blocks of 16 bytes side by side, then one, then Barrett's reduction of what is left (Gopal, Ozturk and others, "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ", with bits in reverse order).  n is a multiple of 16, at least 64.  The constants are the remainders
 * of x to 4*128+32, 4*128-32, 128+32, 128-32 and 64, and the polynomial with its quotient. */
TARGET static uint32_t by_folding(uint32_t crc, uint8_t const *p, size_t n)
{
    __m128i const four = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), one = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    __m128i const last = _mm_set_epi64x(0, 0x0163cd6124), barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641), low = _mm_set_epi32(0, -1, 0, -1);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc)), b = load(p + 16), c = load(p + 32), d = load(p + 48);
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
        a = fold(a, four, load(p));
        b = fold(b, four, load(p + 16));
        c = fold(c, four, load(p + 32));
        d = fold(d, four, load(p + 48));
    }
    a = fold(fold(fold(a, one, b), one, c), one, d);
    for (; n >= 16; p += 16, n -= 16) a = fold(a, one, load(p));
    a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, one, 0x10));
    a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low), last, 0x00));
    b = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low), barrett, 0x10), low);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, _mm_clmulepi64_si128(b, barrett, 0x00)), 1);
}
#else
static uint32_t by_folding(uint32_t crc, uint8_t const *p, size_t n) { return by_table(crc, p, n); }
#endif

uint32_t aats_crc32(uint32_t crc, void const *bytes, size_t n)
{
    uint8_t const *p = bytes;
    crc = ~crc;
    if (n >= 64 && can_fold && aats_isa() >= AATS_ISA_SSE42) {
        size_t const whole = n & ~(size_t)15;
        crc = by_folding(crc, p, whole);
        p += whole;
        n -= whole;
    }
    return ~by_table(crc, p, n);
}
