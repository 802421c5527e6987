/* fuzz_hold.c -- whatever fills come, a holding stays one: sums are right, what is refused changes nothing.
 *
 * Input: 2 bytes of exponents, then 16 bytes a fill (side and fee asset, exponents, size, price, fee).  Aborts on an undocumented code, a refused fill that
 * changed something, sums that differ from those made here, a cost on the wrong side of zero, or exponents that grew. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "order/hold.h"
#include "order/wide.h"

#define FILL_SZ 16
#define LIFE_SZ (2 + 256 * FILL_SZ) /* the rest of a long input is left */

static void demand(int cond)
{
    if (!cond) abort();
}

static aats_oev_t fill_of(uint8_t const *d)
{
    static char const *const ASSETS[] = {"BTC", "USDT", "BNB", ""};
    static int const EXPS[] = {-8, -8, -2, -5, -12, 0, -36, 18};
    aats_oev_t ev = {.ns = 1, .kind = AATS_OEV_EXEC};
    uint32_t qty, px;
    int16_t fee;
    memcpy(ev.order.symbol, "X", 2);
    ev.order.side = d[0] & 1 ? AATS_SIDE_BUY : AATS_SIDE_SELL;
    memcpy(ev.fee_asset, ASSETS[d[0] >> 1 & 3], strlen(ASSETS[d[0] >> 1 & 3]));
    ev.order.px_exp = EXPS[d[1] & 7];
    ev.order.qty_exp = EXPS[d[1] >> 3 & 7];
    ev.fee_exp = (int8_t)d[2];
    memcpy(&qty, d + 4, 4);
    memcpy(&px, d + 8, 4);
    memcpy(&fee, d + 12, 2);
    ev.fill_qty_i = (int64_t)qty << (d[14] & 31);
    ev.fill_px_i = (int64_t)px << (d[15] & 31);
    ev.fee_i = fee;
    return ev;
}

/* same_sum demands now == was + by * 10^(by_exp - exp), where that can be said in 128 bits. */
static void same_sum(aats_i128_t was, int was_exp, __int128 by, int by_exp, aats_i128_t now, int exp)
{
    aats_i128_t a, b;
    __int128 sum;
    if (was_exp < exp || by_exp < exp || aats_wide_shift(was, was_exp - exp, &a) || aats_wide_shift(aats_wide_of(by), by_exp - exp, &b)) return;
    if (__builtin_add_overflow(aats_wide(a), aats_wide(b), &sum)) return;
    demand(sum == aats_wide(now));
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    aats_hold_t h;
    if (size < 2) return 0;
    if (size > LIFE_SZ) size = LIFE_SZ;
    aats_hold_init(&h, "X", "BTC", "USDT", 0, 0, -(data[0] % 13), -(data[1] % 13));
    for (size_t at = 2; at + FILL_SZ <= size; at += FILL_SZ) {
        aats_oev_t const ev = fill_of(data + at);
        aats_hold_t const was = h;
        int const rc = aats_hold_fill(&h, &ev);
        demand(rc == AATS_OK || rc == AATS_E_RANGE);
        if (rc != AATS_OK) {
            demand(memcmp(&h, &was, sizeof h) == 0);
            continue;
        }
        demand(h.base_exp <= was.base_exp && h.cash_exp <= was.cash_exp && h.cash_exp - h.base_exp <= was.cash_exp - was.base_exp);
        int const buy = ev.order.side == AATS_SIDE_BUY;
        if (strcmp(ev.fee_asset, "BTC") != 0) same_sum(was.size, was.base_exp, buy ? ev.fill_qty_i : -ev.fill_qty_i, ev.order.qty_exp, h.size, h.base_exp);
        if (strcmp(ev.fee_asset, "USDT") != 0) {
            __int128 const paid = (__int128)ev.fill_px_i * ev.fill_qty_i;
            same_sum(was.cash, was.cash_exp, buy ? -paid : paid, ev.order.px_exp + ev.order.qty_exp, h.cash, h.cash_exp);
        }
        __int128 const held = aats_wide(h.size), cost = aats_wide(h.cost);
        demand(held > 0 ? cost >= 0 : held < 0 ? cost <= 0 : cost == 0);
        demand(h.fills == was.fills + 1);
        (void)aats_hold_profit(&h, ev.fill_px_i, ev.order.px_exp, -8);
        (void)aats_hold_size_at(&h, -8);
    }
    return 0;
}
