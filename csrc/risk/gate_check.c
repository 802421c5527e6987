/* gate_check.c -- the checks of an order: alone, against the book, and against what all processes together have; see gate.h.
 *
 * Each returns AATS_OC_NONE or a code, with its sentence; none changes anything. */
#include <string.h>

#include "base/atomics.h"
#include "risk/gate_state.h"

#define NS_PER_MS 1000000
#define MOST ((unsigned __int128)INT64_MAX * INT64_MAX) /* above what 64 bits hold, and far enough from what 128 do for sums of it */
#define USUAL_DIV UINT64_C(100000000) /* prices and sizes at -8, money at -8 */

static int64_t get(int64_t const *at) { return (int64_t)aats_load_relaxed((uint64_t const *)(void const *)at); }

/* ---- money ---- */

/* contracts returns the price of one contract, INT64_MAX where it is beyond that. */
static int64_t contracts(gsym_t const *s, int64_t px_i)
{
    int64_t one;
    return __builtin_mul_overflow(px_i, (int64_t)s->contract, &one) ? INT64_MAX : one;
}

i128 aats_gate_money(gsym_t const *s, i128 qty, int64_t px_i)
{
    if (qty == 0 || px_i == 0) return 0;
    int const negative = qty < 0;
    unsigned __int128 const q = (unsigned __int128)abs128(qty);
    unsigned __int128 product;
    if (s->inverse) px_i = 1; /* a contract is worth the same at any price */
    if (s->contract != 1) px_i = contracts(s, px_i);
    if (__builtin_mul_overflow(q, (unsigned __int128)(px_i < 0 ? 0 - (uint64_t)px_i : (uint64_t)px_i), &product)) {
        product = MOST;
    } else if (s->div > 1) {
        if (product <= UINT64_MAX && s->div == USUAL_DIV) { /* by a constant: no division instruction */
            uint64_t const p = (uint64_t)product;
            product = p / USUAL_DIV + (p % USUAL_DIV != 0);
        } else {
            product = product / s->div + (product % s->div != 0);
        }
    } else if (__builtin_mul_overflow(product, s->mul, &product)) {
        product = MOST;
    }
    if (product > MOST) product = MOST;
    return negative ? -(i128)product : (i128)product;
}

int64_t aats_gate_mark(gsym_t const *s)
{
    int64_t const mark = (int64_t)aats_load_relaxed(&s->shared->mark_px_i);
    return mark > 0 ? mark : s->px_i;
}

/* ---- checks of one order alone ---- */

/* Whether an order can only make the own position smaller, whatever of the open ones is filled. */
static int reduces(gsym_t const *s, aats_order_t const *o)
{
    i128 const qty = aats_gate_leaves(o);
    if (o->side == AATS_SIDE_BUY) return s->pos < 0 && s->buy.qty + s->left.buy_i + qty <= -s->pos;
    return s->pos > 0 && s->sell.qty + s->left.sell_i + qty <= s->pos;
}

int aats_gate_check_switches(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t day)
{
    char whose[64];
    int scope;
    if (aats_load_relaxed(&g->v.risk->unread) != 0) {
        return aats_gate_deny(g, AATS_OC_RISK_HALTED,
                              "halted: the saved limits could not be read; look at them (aats risk show), then say aats risk resume");
    }
    uint32_t const swtch = aats_gate_switch(g, s, &scope);
    if (swtch == AATS_SWITCH_HALT) {
        char const *reason = aats_gate_limits(g, s, scope)->reason;
        aats_gate_scope(g, s, scope, whose, sizeof whose);
        return aats_gate_deny(g, AATS_OC_RISK_HALTED, "%s is halted%s%s", whose, reason[0] ? ": " : "", reason);
    }
    for (int at = 0; at < SCOPES; at++) {
        int64_t const limit = aats_gate_limits(g, s, at)->loss_1d;
        if (limit <= 0 || reduces(s, o)) continue;
        i128 const profit = aats_gate_loss(g, s, at, day);
        if (profit > -(i128)limit) continue;
        char is[80], of[80];
        aats_gate_text(profit, AATS_RISK_MONEY_EXP, is, sizeof is);
        aats_gate_text(limit, AATS_RISK_MONEY_EXP, of, sizeof of);
        aats_gate_scope(g, s, at, whose, sizeof whose);
        return aats_gate_deny(g, AATS_OC_RISK_LOSS, "loss_1d of %s is %s %s: the day's result is %s", whose, of, s->quote, is);
    }
    if (swtch == AATS_SWITCH_REDUCE && !reduces(s, o)) {
        char pos[80], open[80];
        aats_gate_text(s->pos, s->qty_exp, pos, sizeof pos);
        aats_gate_text(o->side == AATS_SIDE_BUY ? s->buy.qty + s->left.buy_i : s->sell.qty + s->left.sell_i, s->qty_exp, open, sizeof open);
        return aats_gate_deny(g, AATS_OC_REDUCE_ONLY, "%s is reduce only: the position is %s, open on this side are %s",
                              aats_gate_scope(g, s, scope, whose, sizeof whose), pos, open);
    }
    return AATS_OC_NONE;
}

int aats_gate_check_book(aats_gate_t *g, gsym_t *s, aats_order_t const *o, aats_gbook_t const *book)
{
    int const buy = o->side == AATS_SIDE_BUY, bad = book == NULL || book->why != AATS_WHY_NONE;
    int64_t const other = book == NULL ? 0 : buy ? book->ask_px_i : book->bid_px_i;
    int64_t collar = 0;
    int any = 0, whose_collar = HOST;
    for (int at = 0; at < SCOPES; at++) {
        aats_rlimits_t const *limits = aats_gate_limits(g, s, at);
        any |= limits->any_book != 0;
        if (limits->collar_ppm <= 0 || (collar != 0 && limits->collar_ppm >= collar)) continue;
        collar       = limits->collar_ppm;
        whose_collar = at;
    }
    if (bad && !any) {
        return aats_gate_deny(g, AATS_OC_RISK_BOOK, "the book of %s is not good (reason %u), and any_book is not set", s->name,
                              book == NULL ? (unsigned)AATS_WHY_NO_BOOK : (unsigned)book->why);
    }
    if (bad) return AATS_OC_NONE;
    if (o->px_i == 0 && other <= 0 && !any) {
        return aats_gate_deny(g, AATS_OC_RISK_BOOK, "the book of %s has no %s for a market order to meet", s->name, buy ? "ask" : "bid");
    }
    if (collar == 0 || o->px_i == 0 || other <= 0) return AATS_OC_NONE;
    i128 const edge = (i128)other * (buy ? 1000000 + collar : collar >= 1000000 ? 0 : 1000000 - collar), px = (i128)o->px_i * 1000000;
    if (buy ? px <= edge : px >= edge) return AATS_OC_NONE;
    char whose[64], is[80], there[80];
    aats_gate_scope(g, s, whose_collar, whose, sizeof whose);
    aats_gate_text(o->px_i, s->px_exp, is, sizeof is);
    aats_gate_text(other, s->px_exp, there, sizeof there);
    return aats_gate_deny(g, AATS_OC_RISK_COLLAR, "collar_ppm of %s is %lld: a %s at %s is farther from the %s %s", whose,
                          (long long)collar, buy ? "buy" : "sell", is, buy ? "ask" : "bid", there);
}

static int over_qty(gsym_t const *s, i128 qty, int64_t limit) { return qty * s->qty_mul > limit * s->limit_mul; }

/* aats_gate_check_value checks size and notional.  px_i values a market order, 0: nothing is known. */
int aats_gate_check_value(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t px_i)
{
    int64_t const qty = aats_gate_leaves(o);
    int64_t const most = s->limits.order_qty;
    i128 const money = aats_gate_money(s, qty, px_i);
    if (most > 0 && over_qty(s, qty, most)) {
        return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_SIZE, SYMBOL, "order_qty", most, qty, QTY});
    }
    for (int at = 0; at < SCOPES; at++) {
        aats_rlimits_t const *limits = aats_gate_limits(g, s, at);
        if (px_i <= 0 && (limits->order_notional > 0 || limits->exposure > 0)) {
            return aats_gate_deny(g, AATS_OC_RISK_BOOK, "no price of %s is known that a market order could be valued at", s->name);
        }
        if (limits->order_notional <= 0 || money <= limits->order_notional) continue;
        return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_NOTIONAL, at, "order_notional", limits->order_notional, money, MONEY});
    }
    return AATS_OC_NONE;
}

/* aats_gate_same returns the place of an order in the duplicates, or the oldest of the places where it may stand. */
again_t *aats_gate_same(aats_gate_t *g, int sym, aats_order_t const *o, int *found)
{
    uint64_t hash = (uint64_t)(sym * 2 + (o->side == AATS_SIDE_BUY));
    hash ^= (uint64_t)o->px_i * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)o->qty_i * UINT64_C(0xc2b2ae3d27d4eb4f);
    hash = (hash ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    again_t *oldest = NULL;
    *found = 0;
    for (uint32_t i = 0; i < DUPLICATE_WAYS; i++) {
        again_t *a = &g->again[((hash >> 40) + i) & (DUPLICATES - 1)];
        if (a->mono_ns != 0 && a->px_i == o->px_i && a->qty_i == o->qty_i && a->sym == sym && a->side == o->side) {
            *found = 1;
            return a;
        }
        if (oldest == NULL || a->mono_ns < oldest->mono_ns) oldest = a;
    }
    return oldest;
}

int aats_gate_check_duplicate(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t mono_ns)
{
    char whose[64];
    int found;
    again_t const *a = aats_gate_same(g, (int)(s - g->syms), o, &found);
    for (int at = 0; found && at < SCOPES; at++) {
        int64_t const ms = aats_gate_limits(g, s, at)->duplicate_ms;
        if (ms <= 0 || (i128)mono_ns - a->mono_ns >= (i128)ms * NS_PER_MS) continue;
        return aats_gate_deny(g, AATS_OC_RISK_DUPLICATE, "duplicate_ms of %s is %lld: the same order went out %lld ms ago",
                              aats_gate_scope(g, s, at, whose, sizeof whose), (long long)ms,
                              (long long)((mono_ns - a->mono_ns) / NS_PER_MS));
    }
    return AATS_OC_NONE;
}

/* ---- checks over all ---- */

static i128 seats_exposure(aats_gate_t const *g, gsym_t const *s)
{
    uint64_t const hi = aats_load_acquire(&g->v.risk->seat_hi);
    i128 sum = 0;
    for (uint64_t i = 0; i < hi; i++) sum += get(&g->v.seats[i].exposure_i[s->quote_at]);
    return sum;
}

static i128 seats_open(aats_gate_t const *g)
{
    uint64_t const hi = aats_load_acquire(&g->v.risk->seat_hi);
    i128 sum = 0;
    for (uint64_t i = 0; i < hi; i++) {
        uint32_t mode[2];
        aats_words_load(mode, &g->v.seats[i].mode, 1);
        if (mode[0] == g->mode) sum += get(&g->v.seats[i].open_cnt);
    }
    return sum;
}

int aats_gate_check_rates(aats_gate_t *g, gsym_t *s, int cancels, int64_t mono_ns, int64_t day)
{
    for (int at = 0; at < SCOPES; at++) {
        aats_rlimits_t const *limits = aats_gate_limits(g, s, at);
        int64_t const second = cancels ? limits->cancels_1s : limits->orders_1s, whole = cancels ? limits->cancels_1d : limits->orders_1d;
        if (second <= 0 && whole <= 0) continue;
        aats_rrate_t const *rate = at == HOST       ? (cancels ? &g->v.risk->cancels[g->mode] : &g->v.risk->orders[g->mode])
                                   : at == STRATEGY ? (cancels ? &g->seat->cancels : &g->seat->orders)
                                                    : (cancels ? &s->shared->cancels : &s->shared->orders);
        int64_t const now = second > 0 ? aats_rate_second(rate, mono_ns) : 0, today = whole > 0 ? aats_rate_today(rate, day) : 0;
        if (second > 0 && now > second) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_RATE, at, cancels ? "cancels_1s" : "orders_1s", second, now, NUMBER});
        }
        if (whole > 0 && today > whole) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_RATE, at, cancels ? "cancels_1d" : "orders_1d", whole, today, NUMBER});
        }
    }
    return AATS_OC_NONE;
}

/* aats_gate_check_sums compares what all together would have with the limits; the own order is announced. grew: the own exposure did. */
int aats_gate_check_sums(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int grew)
{
    aats_rlimits_t const *sym = &s->limits;
    if (sym->position > 0 || sym->open_orders > 0 || sym->exposure > 0) {
        aats_rcell_t all;
        aats_cell_sum(&g->v, (uint32_t)(s - g->syms), &all);
        i128 const would = o->side == AATS_SIDE_BUY ? (i128)all.pos_i + all.buy_i : -((i128)all.pos_i - all.sell_i);
        if (sym->position > 0 && (over_qty(s, would, sym->position) || all.buy_i == INT64_MAX || all.sell_i == INT64_MAX)) {
            i128 const signed_ = o->side == AATS_SIDE_BUY ? would : -would;
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_POSITION, SYMBOL, "position", sym->position, signed_, QTY});
        }
        if (sym->open_orders > 0 && all.open_cnt > sym->open_orders) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_OPEN, SYMBOL, "open_orders", sym->open_orders, all.open_cnt, NUMBER});
        }
        if (sym->exposure > 0 && grew && (all.exposure_i > sym->exposure || all.exposure_i == INT64_MAX)) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_EXPOSURE, SYMBOL, "exposure", sym->exposure, all.exposure_i, MONEY});
        }
    }
    for (int at = HOST; at <= STRATEGY; at++) {
        aats_rlimits_t const *limits = aats_gate_limits(g, s, at);
        i128 const exposure = limits->exposure <= 0 || !grew ? 0 : at == HOST ? seats_exposure(g, s) : g->exposure[s->quote_at];
        if (limits->exposure > 0 && grew && (exposure > limits->exposure || exposure >= INT64_MAX)) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_EXPOSURE, at, "exposure", limits->exposure, exposure, MONEY});
        }
        i128 const open = limits->open_orders <= 0 ? 0 : at == HOST ? seats_open(g) : g->open;
        if (limits->open_orders > 0 && open > limits->open_orders) {
            return aats_gate_over(g, s, &(over_t){AATS_OC_RISK_OPEN, at, "open_orders", limits->open_orders, open, NUMBER});
        }
    }
    return AATS_OC_NONE;
}
