/* scan_loose.c -- the scanner for levels whose numbers have as many decimals as it takes, ["64210.1","2.517"], with 64 characters a look.
 *
 * Their width is not fixed, so where the next level begins must be searched for: the quotes of 64 characters, as bits, say where price and quantity end, the
 * points where their whole parts do (scan_two.h), and no number has to be read before the next level is known. */
#include "proto/scan.h"

#if defined(__x86_64__)
#include "proto/scan_two.h"

SCAN_TWO_TARGET size_t aats_scan_loose_avx2(char const *start, char const **at, char const *end, aats_level_t *out, size_t cap)
{
    char const *p = *at;
    size_t n = 0;
    if (p - start < SCAN_BEFORE) return 0;
    while (n < cap && end - p >= SCAN_LOOK) {
        scan_look_t const look = scan_look(p);
        uint64_t const quotes = scan_marks(look, '"'), dots = scan_marks(look, '.');
        uint64_t const px_end = _tzcnt_u64(quotes & ~3ULL), qty_end = _tzcnt_u64(quotes & ~0ULL << ((px_end + 3) & 63));
        if (px_end > SCAN_PX_MAX || qty_end > SCAN_QTY_MAX) break;
        if (scan_differs(p, "[\"") | scan_differs(p + px_end, "\",\"") | scan_differs(p + qty_end, "\"]")) break;
        scan_two_t two = {.px_at = 2, .px_end = px_end, .qty_at = px_end + 3, .qty_end = qty_end};
        if (!scan_two(p, dots, &two, &out[n])) break;
        n++;
        *at = p + qty_end + 2;
        if (**at != ',') break;
        p = *at + 1;
    }
    return n;
}
#endif
