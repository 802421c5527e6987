#include "proto/utf8.h"

#include "proto/scan.h"
#include "proto/swar.h"

/* The continuation bytes that a lead byte asks for, and the range of the first of them (the others are 80..BF): RFC
 * 3629, section 4. */
static int lead(uint8_t b, uint8_t *lo, uint8_t *hi)
{
    *lo = 0x80;
    *hi = 0xBF;
    if (b >= 0xC2 && b <= 0xDF) return 1;
    if (b >= 0xE0 && b <= 0xEF) {
        if (b == 0xE0) *lo = 0xA0; /* overlong */
        if (b == 0xED) *hi = 0x9F; /* surrogates */
        return 2;
    }
    if (b >= 0xF0 && b <= 0xF4) {
        if (b == 0xF0) *lo = 0x90; /* overlong */
        if (b == 0xF4) *hi = 0x8F; /* above U+10FFFF */
        return 3;
    }
    return 0;
}

int aats_utf8_ok(void const *s, size_t n)
{
    if (aats_scan()->ascii != NULL && aats_scan()->ascii(s, n)) return 1;
    uint8_t const *p = s;
    uint8_t const *const end = p + n;
    while (p < end) {
        while (end - p >= 32) {
            uint64_t any = aats_swar_load8(p) | aats_swar_load8(p + 8);
            any |= aats_swar_load8(p + 16) | aats_swar_load8(p + 24);
            if (any & AATS_SWAR_EACH(0x80)) break;
            p += 32;
        }
        /* up to 32 characters one by one, then the fast way gets its chance again */
        for (int i = 0; i < 32 && p < end; i++) {
            uint8_t lo, hi;
            if (*p < 0x80) {
                p++;
                continue;
            }
            int const more = lead(*p, &lo, &hi);
            if (more == 0 || end - p <= more || p[1] < lo || p[1] > hi) return 0;
            for (int k = 2; k <= more; k++) {
                if ((p[k] & 0xC0) != 0x80) return 0;
            }
            p += 1 + more;
        }
    }
    return 1;
}
