/* binance_text.h -- what Binance's market streams and its order messages have in common, byte by byte.
 *
 * For: binance.c, binance_order*.c.  Not a contract with anybody else.
 */
#ifndef AATS_VENUE_BINANCE_TEXT_H
#define AATS_VENUE_BINANCE_TEXT_H

#include <stdint.h>

#include "venue/take.h"

#define BINANCE_EXP (-8) /* of prices, quantities, fees and balances alike */

/* A time is in ms up to the year 2262, where ns end, and in us from 1973 on; what is neither is no time (V-03 of binance.c). */
static inline int64_t binance_ns(uint64_t t)
{
    if (t <= INT64_MAX / 1000000) return (int64_t)t * 1000000;
    return t >= 100000000000000ULL && t <= INT64_MAX / 1000 ? (int64_t)t * 1000 : 0;
}

static inline int take_time(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    uint64_t t = 0;
    aats_json_seen(j, seen, bit);
    aats_json_u64(j, &t);
    *out = binance_ns(t);
    return j->err;
}

#endif
