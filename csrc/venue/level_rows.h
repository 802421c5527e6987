/* level_rows.h -- levels that are not pairs of texts, many at once: Kraken's objects, KuCoin's and Deribit's rows of three.
 *
 * For: kraken_data.c, kucoin.c, deribit.c.  Not a second parser: each takes levels that are spelled as the venue always does, and leaves the first other one,
 * untouched, to the venue's own reader, which knows the reason.  One look of 64 characters gives the marks that end price, quantity and level as bits, so
 * that the next level is known before a number has been read (proto/scan_two.h).
 *
 * *at is at the first level's bracket or brace, afterwards behind the last level that was taken.  Numbers are at 10^px_exp and 10^qty_exp.  Each returns how
 * many were taken, at most cap; 0 leaves *at, and so it is where the processor has no AVX2.  Prices are above 0.  No byte at or behind `end` is read, none
 * before `start`.  Pure; any thread.  Cost: about 8 ns a level.
 */
#ifndef AATS_VENUE_LEVEL_ROWS_H
#define AATS_VENUE_LEVEL_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/scale.h"
#include "layout/layout.h"

#define LEVEL_ROWS_TRIES 4 /* rows of one array that the venue's reader had to take; then it takes the rest, too */

/* level_rows_objects takes {"price":62802.5,"qty":0.02987767}.  told: the most digits that prices have shown behind the point, and quantities above 0; raised. */
size_t level_rows_objects(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap, int32_t told[2]);

/* level_rows_numbered takes ["67993.3","1.21427407","14701689783"]: the third is a number that is not wanted. */
size_t level_rows_numbered(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap);

/* level_rows_actions takes ["new",42500.0,1000.0], "change" and "delete" likewise: the word is not wanted. */
size_t level_rows_actions(char const *start, char const **at, char const *end, int px_exp, int qty_exp, aats_level_t *out, size_t cap);

/* level_from8 takes a number from 10^-8 to an instrument's own exponent.  0: it does not fit. */
static inline int level_from8(int exp, int64_t *v)
{
    if (exp == -8) return 1;
    if (exp < -18 || exp > 10) return 0;
    return aats_shift10(*v, -8 - exp, v) == AATS_OK;
}

#endif
