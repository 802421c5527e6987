/* hold.c -- what a fill does to a holding; see hold.h. */
#include "order/hold.h"

#include <stdio.h>
#include <string.h>

#include "order/wide.h"

void aats_hold_init(aats_hold_t *h, char const *symbol, char const *base, char const *quote, int strategy, int sym, int px_exp, int qty_exp)
{
    *h = (aats_hold_t){.sym = (uint16_t)sym, .strategy = (uint16_t)strategy, .base_exp = qty_exp, .cash_exp = px_exp + qty_exp};
    snprintf(h->symbol, sizeof h->symbol, "%s", symbol);
    snprintf(h->base, sizeof h->base, "%s", base);
    snprintf(h->quote, sizeof h->quote, "%s", quote);
}

/* ---- exponents ---- */

static int all_finer(aats_i128_t *const *list, int up)
{
    for (; *list != NULL; list++)
        if (aats_wide_shift(**list, up, *list) != AATS_OK) return AATS_E_RANGE;
    return AATS_OK;
}

int aats_hold_finer(aats_hold_t *h, int px_exp, int qty_exp)
{
    int const px_was = h->cash_exp - h->base_exp;
    int const up_qty = qty_exp < h->base_exp ? h->base_exp - qty_exp : 0, up_px = px_exp < px_was ? px_was - px_exp : 0;
    if (up_qty == 0 && up_px == 0) return AATS_OK;
    if (h->cash_exp - up_qty - up_px < AATS_WIDE_EXP_MIN) return AATS_E_RANGE;

    aats_hold_t n = *h;
    aats_i128_t day_px = aats_wide_of(n.day_px_i);
    aats_i128_t *const of_base[] = {&n.size, &n.fee_base, &n.day_size, NULL};
    aats_i128_t *const of_cash[] = {&n.cash, &n.cost, &n.fee_quote, &n.day_cash, NULL};
    aats_i128_t *const of_px[] = {&day_px, NULL};
    if (all_finer(of_base, up_qty) || all_finer(of_cash, up_qty + up_px) || all_finer(of_px, up_px)) return AATS_E_RANGE;
    n.day_px_i = (int64_t)aats_wide(day_px);
    if (aats_wide(day_px) != n.day_px_i) return AATS_E_RANGE;
    n.base_exp -= up_qty;
    n.cash_exp -= up_qty + up_px;
    *h = n;
    return AATS_OK;
}

/* scaled returns v * 10^(from - to), from no finer than to. */
static int scaled(int64_t v, int from, int to, __int128 *out)
{
    aats_i128_t wide = aats_wide_of(v);
    int const rc = aats_wide_shift(wide, from - to, &wide);
    *out = aats_wide(wide);
    return rc;
}

/* ---- contracts ---- */

void aats_hold_contract(aats_hold_t *h, uint32_t market, int64_t contract_i, int contract_exp)
{
    for (; contract_i != 0 && contract_i % 10 == 0; contract_i /= 10) contract_exp++;
    h->market = market;
    h->contract_i = contract_i;
    h->contract_exp = contract_exp;
}

/* unit_price makes the price of one unit of size of a price of the venue. */
static int unit_price(aats_hold_t const *h, int64_t *px_i, int *px_exp)
{
    if (h->market == AATS_MARKET_SPOT) return AATS_OK;
    if (h->market == AATS_MARKET_INVERSE) {
        *px_i = 0;
        return AATS_OK;
    }
    for (; *px_i != 0 && *px_i % 10 == 0 && *px_exp < 0; *px_i /= 10) ++*px_exp;
    *px_exp += h->contract_exp;
    return __builtin_mul_overflow(*px_i, h->contract_i, px_i) ? AATS_E_RANGE : AATS_OK;
}

/* ---- a fill ---- */

/* move changes size by `by` at price p: cost follows. */
static int move(aats_hold_t *h, __int128 by, __int128 p)
{
    __int128 const was = aats_wide(h->size), cost = aats_wide(h->cost);
    __int128 size, value;
    if (__builtin_add_overflow(was, by, &size)) return AATS_E_RANGE;

    if (was == 0 || (was > 0) == (by > 0)) { /* it grows */
        if (__builtin_mul_overflow(by, p, &value) || __builtin_add_overflow(cost, value, &value)) return AATS_E_RANGE;
    } else if (size == 0 || (size > 0) == (was > 0)) { /* it shrinks */
        aats_i128_t share;
        __int128 const less = by < 0 ? -by : by, whole = was < 0 ? -was : was;
        if (aats_wide_share(h->cost, aats_wide_of(less), aats_wide_of(whole), &share) != AATS_OK) return AATS_E_RANGE;
        value = cost - aats_wide(share);
    } else { /* through zero */
        if (__builtin_mul_overflow(size, p, &value)) return AATS_E_RANGE;
    }
    h->size = aats_wide_of(size);
    h->cost = aats_wide_of(value);
    return AATS_OK;
}

static int sum(aats_i128_t *to, __int128 v)
{
    __int128 total;
    if (__builtin_add_overflow(aats_wide(*to), v, &total)) return AATS_E_RANGE;
    *to = aats_wide_of(total);
    return AATS_OK;
}

static int sane(int exp) { return exp >= AATS_WIDE_EXP_MIN && exp <= AATS_WIDE_EXP_MAX; }

/* enter does the work of aats_hold_fill on a copy. */
static int enter(aats_hold_t *h, aats_oev_t const *ev)
{
    aats_order_t const *o = &ev->order;
    int64_t fee_i = ev->fee_i, unit_i = ev->fill_px_i;
    int fee_exp = ev->fee_exp, unit_exp = o->px_exp;
    int const in_base = fee_i != 0 && h->market == AATS_MARKET_SPOT && strncmp(ev->fee_asset, h->base, sizeof h->base) == 0;
    int const in_quote = fee_i != 0 && !in_base && strncmp(ev->fee_asset, h->quote, sizeof h->quote) == 0;
    if (!in_base && !in_quote) fee_i = 0;
    if (unit_price(h, &unit_i, &unit_exp) != AATS_OK) return AATS_E_RANGE;
    if (!sane(unit_exp) || !sane(o->qty_exp) || !sane(h->base_exp) || !sane(h->cash_exp) || (fee_i != 0 && !sane(fee_exp))) return AATS_E_RANGE;
    while (fee_i != 0 && fee_i % 10 == 0) {
        fee_i /= 10;
        fee_exp++;
    }

    int px_exp = h->cash_exp - h->base_exp, qty_exp = h->base_exp;
    if (unit_exp < px_exp) px_exp = unit_exp;
    if (o->qty_exp < qty_exp) qty_exp = o->qty_exp;
    if (in_base && fee_exp < qty_exp) qty_exp = fee_exp;
    if (in_quote && fee_exp < px_exp + qty_exp) qty_exp = fee_exp - px_exp;
    if (aats_hold_finer(h, px_exp, qty_exp) != AATS_OK) return AATS_E_RANGE;
    (void)aats_hold_day(h, ev->ns, ev->fill_px_i, o->px_exp);

    __int128 p, q, fee = 0, paid;
    if (scaled(unit_i, unit_exp, px_exp, &p) || scaled(ev->fill_qty_i, o->qty_exp, qty_exp, &q)) return AATS_E_RANGE;
    if (fee_i != 0 && scaled(fee_i, fee_exp, in_base ? qty_exp : px_exp + qty_exp, &fee)) return AATS_E_RANGE;
    if (o->side == AATS_SIDE_SELL) q = -q;
    if (__builtin_mul_overflow(p, q, &paid)) return AATS_E_RANGE;

    if (sum(&h->cash, -paid) || move(h, in_base ? q - fee : q, p)) return AATS_E_RANGE;
    if (in_quote && (sum(&h->cash, -fee) || sum(&h->fee_quote, fee))) return AATS_E_RANGE;
    if (in_base && sum(&h->fee_base, fee)) return AATS_E_RANGE;
    h->fills++;
    return AATS_OK;
}

int aats_hold_fill(aats_hold_t *h, aats_oev_t const *ev)
{
    if (ev->kind != AATS_OEV_EXEC || ev->order.strategy != h->strategy || strncmp(ev->order.symbol, h->symbol, sizeof h->symbol) != 0) return AATS_E_ARG;
    aats_hold_t next = *h;
    int const rc = enter(&next, ev);
    if (rc == AATS_OK) *h = next;
    return rc;
}

/* ---- the day ---- */

/* price_at returns px_i at the holding's own exponent, made finer where it must be; 0: none, or it does not fit. */
static int64_t price_at(aats_hold_t *h, int64_t px_i, int px_exp)
{
    __int128 p;
    if (unit_price(h, &px_i, &px_exp) != AATS_OK) return 0;
    if (px_i <= 0 || aats_hold_finer(h, px_exp, h->base_exp) != AATS_OK) return 0;
    return scaled(px_i, px_exp, h->cash_exp - h->base_exp, &p) == AATS_OK && p <= INT64_MAX ? (int64_t)p : 0;
}

int aats_hold_day(aats_hold_t *h, int64_t now_ns, int64_t px_i, int px_exp)
{
    int64_t const day = now_ns / AATS_DAY_NS;
    if (day > h->day) {
        h->day_px_i = price_at(h, px_i, px_exp);
        h->day = day;
        h->day_cash = h->cash;
        h->day_size = h->size;
        return 1;
    }
    if (h->day_px_i == 0 && px_i > 0) {
        h->day_px_i = price_at(h, px_i, px_exp);
        return h->day_px_i != 0;
    }
    return 0;
}

static int64_t within_64(__int128 v) { return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v; }

/* at returns v * 10^(from - to), rounded down. */
static int64_t at(__int128 v, int from, int to)
{
    for (; from < to && v != 0 && v != -1; from++) v = v / 10 - (v % 10 < 0); /* -1 stays: it is rounded down */
    aats_i128_t wide = aats_wide_of(v);
    if (from > to && aats_wide_shift(wide, from - to, &wide) != AATS_OK) return v > 0 ? INT64_MAX : INT64_MIN;
    return within_64(aats_wide(wide));
}

int64_t aats_hold_profit(aats_hold_t const *h, int64_t px_i, int px_exp, int exp)
{
    aats_hold_t n = *h;
    int64_t const px = price_at(&n, px_i, px_exp), now_px = px != 0 ? px : n.day_px_i, then_px = n.day_px_i != 0 ? n.day_px_i : now_px;
    __int128 now, then, made;
    if (__builtin_mul_overflow(aats_wide(n.size), (__int128)now_px, &now) || __builtin_mul_overflow(aats_wide(n.day_size), (__int128)then_px, &then) ||
        __builtin_sub_overflow(aats_wide(n.cash), aats_wide(n.day_cash), &made) || __builtin_add_overflow(made, now, &made) ||
        __builtin_sub_overflow(made, then, &made))
        return INT64_MIN; /* beyond 10^38 units, nobody trusts it */
    return at(made, n.cash_exp, exp);
}

int64_t aats_hold_size_at(aats_hold_t const *h, int qty_exp) { return at(aats_wide(h->size), h->base_exp, qty_exp); }
