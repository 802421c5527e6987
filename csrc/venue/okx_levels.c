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
#include "proto/scan_two.h"

/* Levels while they are as they nearly always are; *at is then at the first that is not, or behind the last one. */
SCAN_TWO_TARGET static size_t run(char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    while (n < cap && end - p >= OKX_SEEN) {
        scan_look_t const look = scan_look(p);
        uint64_t const quotes = scan_marks(look, '"'), px_end = _tzcnt_u64(quotes & ~3ULL), qty_end = _tzcnt_u64(quotes & ~0ULL << ((px_end + 3) & 63));
        if (px_end > SCAN_PX_MAX || qty_end > OKX_SEEN - 16) break;
        uint64_t const counted = aats_swar_load8(p + qty_end + 7);
        uint64_t const last = _tzcnt_u64(quotes & ~0ULL << (qty_end + 7)), digits = last - qty_end - 7;
        uint64_t const x = (counted ^ AATS_SWAR_EACH('0')) & (~0ULL >> (8 * (8 - digits) & 63));
        uint64_t const odd = scan_differs(p, "[\"") | scan_differs(p + px_end, "\",\"") | scan_differs(p + qty_end, "\",\"0\",\"");
        if (odd || digits - 1 > 6 || p[last + 1] != ']' || (((x + AATS_SWAR_EACH(0x76)) | x) & AATS_SWAR_EACH(0x80))) break;
        scan_two_t two = {.px_at = 2, .px_end = px_end, .qty_at = px_end + 3, .qty_end = qty_end};
        if (!scan_two(p, scan_marks(look, '.'), &two, &out[n])) break;
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
            if (!level_from8(px_exp, &out[i].px_i) || !level_from8(qty_exp, &out[i].qty_i) || out[i].px_i == 0) return NULL;
    *cnt = n;
    return p + 1;
}
