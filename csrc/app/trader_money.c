/* trader_money.c -- what fills and the venue's word do to money: positions of the process, holdings and fees of its strategies, balances of its accounts.
 *
 * For: each fill once, exactly, and the sums that the risk gate asks for.  Not for what a fill does to a holding (order/hold.h), nor for the journal's
 * checkpoints, which take the holdings and fees from here (trader_queue.c).
 * Owner: the trade loop's thread.  Positions (aats_pos_t) count from the process's start; holdings (aats_hold_t) and fees go on through all runs.
 */
#include <stdio.h>
#include <string.h>

#include "app/trader_state.h"
#include "order/hold.h"
#include "order/wide.h"
#include "shm/td.h"

#define SAME_TEXT(a, b) (strncmp((a), (b), sizeof(a)) == 0)

/* ---- sums ------------------------------------------------------------------------------------------------------------------------ */

static int plus(aats_i128_t *sum, aats_i128_t v)
{
    __int128 total;
    if (__builtin_add_overflow(aats_wide(*sum), aats_wide(v), &total)) return AATS_E_RANGE;
    *sum = aats_wide_of(total);
    return AATS_OK;
}

/* add_fee adds a fee to a sum at *exp.  A finer fee makes the sum finer; other (may be NULL) is a second sum at the same exponent. */
static int add_fee(aats_i128_t *sum, aats_i128_t *other, int64_t *exp, aats_i128_t fee, int fee_exp)
{
    aats_i128_t finer = *sum, other_finer = other != NULL ? *other : *sum;
    if (fee_exp < *exp) {
        int const up = (int)(*exp - fee_exp);
        if (aats_wide_shift(finer, up, &finer) || aats_wide_shift(other_finer, up, &other_finer)) return AATS_E_RANGE;
    } else if (aats_wide_shift(fee, (int)(fee_exp - *exp), &fee) != AATS_OK) {
        return AATS_E_RANGE;
    }
    if (plus(&finer, fee) != AATS_OK) return AATS_E_RANGE;
    *sum = finer;
    if (other != NULL) *other = other_finer;
    if (fee_exp < *exp) *exp = fee_exp;
    return AATS_OK;
}

/* fee_total adds a fee to the table by strategies and assets; one row too many is counted: a position and a holding have their own two assets' still. */
static int fee_total(aats_trader_t *t, uint32_t strategy, char const *asset, aats_i128_t fee, int fee_exp)
{
    for (uint32_t i = 0; i < AATS_FEE_CAP; i++) {
        aats_fee_t *f = &t->fees[i];
        if (f->asset[0] == 0) {
            *f = (aats_fee_t){.fee_exp = fee_exp, .strategy = strategy};
            snprintf(f->asset, sizeof f->asset, "%.15s", asset);
        } else if (f->strategy != strategy || !SAME_TEXT(f->asset, asset)) {
            continue;
        }
        int const rc = add_fee(&f->amount, NULL, &f->fee_exp, fee, fee_exp);
        aats_td_put_fee(t->td, i, f);
        return rc;
    }
    return AATS_E_FULL;
}

/* ---- positions: the process's, since it began --------------------------------------------------------------------------------------- */

static int fill_position(aats_trader_t *t, aats_oev_t const *ev)
{
    aats_pos_t *p = &t->symbols[ev->order.sym].pos;
    int const buy = ev->order.side == AATS_SIDE_BUY;
    int rc = aats_wide_add(buy ? &p->bought : &p->sold, ev->fill_qty_i);
    if (rc == AATS_OK) rc = aats_wide_add_mul(buy ? &p->bought_notional : &p->sold_notional, ev->fill_px_i, ev->fill_qty_i);
    if (rc != AATS_OK || ev->fee_i == 0 || ev->fee_asset[0] == 0) return rc;

    int64_t exp = p->fee_exp;
    aats_i128_t const fee = aats_wide_of(ev->fee_i);
    if (SAME_TEXT(ev->fee_asset, p->base)) rc = add_fee(&p->fee_base, &p->fee_quote, &exp, fee, ev->fee_exp);
    else if (SAME_TEXT(ev->fee_asset, p->quote)) rc = add_fee(&p->fee_quote, &p->fee_base, &exp, fee, ev->fee_exp);
    p->fee_exp = (int32_t)exp;
    return rc;
}

/* ---- holdings: a strategy's, through all its runs ------------------------------------------------------------------------------------- */

/* row_of returns the row of a strategy's holding of a symbol, NULL if there is none. */
static aats_hold_t *row_of(aats_trader_t const *t, uint32_t strategy, char const *symbol)
{
    for (uint32_t i = 0; i < t->hold_cnt; i++) {
        aats_hold_t const *h = &t->holds[i];
        if (h->strategy == strategy && SAME_TEXT(h->symbol, symbol)) return (aats_hold_t *)h;
    }
    return NULL;
}

/* make_row begins a holding: NULL where the table is full. */
static aats_hold_t *make_row(aats_trader_t *t, uint32_t strategy, int sym)
{
    symbol_t const *s = &t->symbols[sym];
    if (t->hold_cnt == AATS_TD_HOLDS) return NULL;
    aats_hold_t *h = &t->holds[t->hold_cnt++];
    aats_rules_t const *r = &s->rules;
    int const linear = r->derivative && !r->inverse;
    aats_hold_init(h, r->symbol, r->base, linear && r->settle[0] ? r->settle : r->quote, (int)strategy, sym, r->px_exp, r->qty_exp);
    if (r->derivative) aats_hold_contract(h, linear ? AATS_MARKET_LINEAR : AATS_MARKET_INVERSE, r->contract_i, r->contract_exp);
    return h;
}

aats_hold_t *aats_trader_hold_of(aats_trader_t *t, uint32_t strategy, int sym)
{
    aats_hold_t *h = row_of(t, strategy, t->symbols[sym].rules.symbol);
    if (h != NULL || (h = make_row(t, strategy, sym)) == NULL) return h;
    /* Zeros, for whoever reads the fills that follow: which assets they are of. */
    aats_journal_t *j = aats_trader_journal(t);
    if (j != NULL) (void)aats_journal_put(j, AATS_JR_HOLD, 0, h, sizeof *h, t->now_ns);
    return h;
}

void aats_trader_put_hold(aats_trader_t *t, aats_hold_t const *h) { aats_td_put_hold(t->td, (uint32_t)(h - t->holds), h); }

/* mark returns the newest price that is known of a symbol, 0: none. */
static int64_t mark(symbol_t const *s) { return s->mid_px_i != 0 ? s->mid_px_i : s->last_px_i; }

/* begin_day begins the day of a holding, or gives it the price that it lacks. */
static void begin_day(aats_trader_t *t, aats_hold_t *h, int64_t now_ns)
{
    symbol_t const *s = h->sym == AATS_HOLD_NO_SYM ? NULL : &t->symbols[h->sym];
    if (!aats_hold_day(h, now_ns, s == NULL ? 0 : mark(s), s == NULL ? 0 : s->rules.px_exp)) return;
    aats_trader_put_hold(t, h);
    if (aats_wide(h->size) != 0) t->day_due = 1;
}

/* enter puts a fill into its holding and into the fees: by how much the position at qty_exp has changed, in *delta. */
static int enter(aats_trader_t *t, aats_hold_t *h, aats_oev_t const *ev, int64_t *delta)
{
    if (h == NULL) return AATS_E_FULL;
    int const qty_exp = ev->order.qty_exp;
    int64_t const was = aats_hold_size_at(h, qty_exp);
    int rc = aats_hold_fill(h, ev);
    *delta = aats_hold_size_at(h, qty_exp) - was;
    aats_trader_put_hold(t, h);
    if (ev->fee_i == 0 || ev->fee_asset[0] == 0) return rc;
    int const total = fee_total(t, ev->order.strategy, ev->fee_asset, aats_wide_of(ev->fee_i), ev->fee_exp);
    return rc == AATS_OK ? total : rc;
}

int64_t aats_trader_fill(aats_trader_t *t, aats_oev_t const *ev)
{
    int64_t delta = 0;
    aats_hold_t *h = aats_trader_hold_of(t, ev->order.strategy, ev->order.sym);
    if (h != NULL) begin_day(t, h, ev->ns);
    int const rc = fill_position(t, ev), rc_hold = enter(t, h, ev, &delta);
    if (rc != AATS_OK || rc_hold != AATS_OK) aats_trader_count(t, AATS_TDC_STRANGE); /* 10^38 units, or a row too many */
    return delta;
}

int64_t aats_trader_profit(aats_trader_t *t, int sym)
{
    symbol_t const *s = &t->symbols[sym];
    int64_t const px = mark(s);
    int64_t sum = 0;
    for (uint32_t i = 0; i < t->hold_cnt; i++) {
        aats_hold_t *h = &t->holds[i];
        if (h->sym != sym) continue;
        begin_day(t, h, t->now_ns);
        int64_t const one = aats_hold_profit(h, px, s->rules.px_exp, AATS_RISK_MONEY_EXP);
        if (__builtin_add_overflow(sum, one, &sum)) sum = one < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

void aats_trader_begin_day(aats_trader_t *t)
{
    for (uint32_t i = 0; i < t->hold_cnt; i++) begin_day(t, &t->holds[i], t->now_ns);
    t->begun_day = t->now_ns / AATS_DAY_NS;
}

int64_t aats_trader_size(aats_trader_t const *t, int sym)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < t->hold_cnt; i++) {
        if (t->holds[i].sym != sym) continue;
        int64_t const one = aats_hold_size_at(&t->holds[i], t->symbols[sym].rules.qty_exp);
        if (__builtin_add_overflow(sum, one, &sum)) sum = one < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

/* ---- carried over from earlier runs ---------------------------------------------------------------------------------------------------- */

int aats_trader_carry(aats_trader_t *t, aats_hold_t const *hold)
{
    if (hold->symbol[0] == 0 || memchr(hold->symbol, 0, sizeof hold->symbol) == NULL) return AATS_E_ARG;
    if (hold->base_exp < AATS_WIDE_EXP_MIN || hold->base_exp > 0 || hold->cash_exp < AATS_WIDE_EXP_MIN || hold->cash_exp > 0) return AATS_E_ARG;
    if (row_of(t, hold->strategy, hold->symbol) != NULL) return AATS_E_BUSY;
    if (t->hold_cnt == AATS_TD_HOLDS) return AATS_E_FULL;
    aats_hold_t *h = &t->holds[t->hold_cnt];
    *h = *hold;
    h->sym = AATS_HOLD_NO_SYM;
    h->runs++;
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        aats_rules_t const *r = &t->symbols[i].rules;
        if (strcmp(r->symbol, h->symbol) != 0) continue;
        if (aats_hold_finer(h, r->px_exp, r->qty_exp) != AATS_OK) return AATS_E_RANGE;
        h->sym = (uint16_t)i;
    }
    t->hold_cnt++;
    aats_trader_put_hold(t, h);
    return AATS_OK;
}

int aats_trader_carry_fill(aats_trader_t *t, int sym, aats_oev_t const *ev)
{
    int64_t delta;
    if (sym >= (int)t->symbol_cnt) return AATS_E_ARG;
    aats_hold_t *h = row_of(t, ev->order.strategy, ev->order.symbol);
    if (h == NULL && sym < 0) return AATS_E_UNKNOWN;
    if (h == NULL) h = make_row(t, ev->order.strategy, sym);
    return enter(t, h, ev, &delta);
}

int aats_trader_carry_fee(aats_trader_t *t, aats_fee_t const *fee)
{
    if (fee->asset[0] == 0) return AATS_E_ARG;
    return fee_total(t, fee->strategy, fee->asset, fee->amount, (int)fee->fee_exp);
}

int aats_trader_hold_at(aats_trader_t const *t, uint32_t i, aats_hold_t *out)
{
    if (i >= t->hold_cnt) return 0;
    *out = t->holds[i];
    return 1;
}

int aats_trader_hold(aats_trader_t const *t, uint32_t strategy, int sym, aats_hold_t *out)
{
    if (sym < 0 || (uint32_t)sym >= t->symbol_cnt) return 0;
    aats_hold_t const *h = row_of(t, strategy, t->symbols[sym].rules.symbol);
    if (h == NULL) return 0;
    *out = *h;
    return 1;
}

/* ---- balances -------------------------------------------------------------------------------------------------------------------------- */

/* traded returns whether an asset is one of a symbol that goes through this gateway. */
static int traded(aats_trader_t const *t, int gate, char const *asset)
{
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        symbol_t const *s = &t->symbols[i];
        if (s->gate == gate && (SAME_TEXT(s->pos.base, asset) || SAME_TEXT(s->pos.quote, asset))) return 1;
    }
    return 0;
}

/* balance_row returns the row of an asset, a new one if it is worth one: an account may know hundreds of assets of which it holds nothing. */
static aats_bal_t *balance_row(aats_trader_t *t, int gate, char const *asset, int holds_some)
{
    aats_bal_t *spare = NULL;
    for (uint32_t i = 0; i < t->bal_cnt; i++) {
        aats_bal_t *b = &t->bals[i];
        if (b->gateway == (uint32_t)gate && SAME_TEXT(b->asset, asset)) return b;
        if (spare == NULL && !traded(t, (int)b->gateway, b->asset)) spare = b;
    }
    int const wanted = traded(t, gate, asset);
    if (!wanted && !holds_some) return NULL;
    if (t->bal_cnt < AATS_BAL_CAP) spare = &t->bals[t->bal_cnt++];
    else if (!wanted) return NULL; /* the table is full: what is traded comes before what only lies there */
    if (spare == NULL) return NULL;
    *spare = (aats_bal_t){.gateway = (uint32_t)gate};
    t->bal_fresh[spare - t->bals] = 0;
    snprintf(spare->asset, sizeof spare->asset, "%.15s", asset);
    memcpy(spare->exchange, t->gates[gate].face.exchange, sizeof spare->exchange);
    return spare;
}

static int exp_of(aats_trader_t const *t, int gate)
{
    for (uint32_t i = 0; i < t->symbol_cnt; i++)
        if (t->symbols[i].gate == gate) return t->symbols[i].rules.qty_exp;
    return 0;
}

static void put_balance(aats_trader_t *t, aats_bal_t *b, __int128 total, __int128 locked, int64_t venue_ns, int64_t recv_ns)
{
    b->exp = exp_of(t, (int)b->gateway);
    b->free = aats_wide_of(total - locked);
    b->locked = aats_wide_of(locked);
    b->venue_ns = venue_ns;
    b->recv_ns = recv_ns != 0 ? recv_ns : t->now_ns;
    aats_td_put_bal(t->td, (uint32_t)(b - t->bals), b);
}

void aats_trader_balance(aats_trader_t *t, int gate, aats_omsg_t const *m)
{
    __int128 const total = aats_wide(m->amount), locked = aats_wide(m->locked);
    aats_bal_t *b = m->fee_asset[0] == 0 ? NULL : balance_row(t, gate, m->fee_asset, total != 0);
    if (b != NULL) put_balance(t, b, total, locked, m->venue_ns, m->recv_ns);

    if (t->gates[gate].up) return;
    t->gates[gate].balances = 1;
    if (b != NULL) t->bal_fresh[b - t->bals] = 1;
    if (t->gates[gate].was_ready) return; /* what comes later is trading: the start stays */
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        aats_pos_t *p = &t->symbols[i].pos;
        if (t->symbols[i].gate != gate) continue;
        if (SAME_TEXT(p->base, m->fee_asset)) p->start_base = m->amount;
        if (SAME_TEXT(p->quote, m->fee_asset)) p->start_quote = m->amount;
    }
}

void aats_trader_balances_known(aats_trader_t *t, int gate)
{
    gate_t *g = &t->gates[gate];
    if (g->balances) {
        for (uint32_t i = 0; i < t->symbol_cnt; i++) {
            symbol_t *s = &t->symbols[i];
            if (s->gate != gate) continue;
            (void)balance_row(t, gate, s->pos.base, 0);
            (void)balance_row(t, gate, s->pos.quote, 0);
            if (g->was_ready) continue;
            s->pos.known = 1;
            aats_td_put_pos(t->td, i, &s->pos);
        }
        for (uint32_t i = 0; i < t->bal_cnt; i++)
            if (t->bals[i].gateway == (uint32_t)gate && !t->bal_fresh[i]) put_balance(t, &t->bals[i], 0, 0, 0, t->now_ns);
    }
    g->balances = 0;
    for (uint32_t i = 0; i < t->bal_cnt; i++)
        if (t->bals[i].gateway == (uint32_t)gate) t->bal_fresh[i] = 0;
}

int aats_trader_balance_of(aats_trader_t const *t, int gateway, char const *asset, aats_bal_t *out)
{
    for (uint32_t i = 0; i < t->bal_cnt; i++) {
        if (t->bals[i].gateway != (uint32_t)gateway || strncmp(t->bals[i].asset, asset, sizeof t->bals[i].asset) != 0) continue;
        *out = t->bals[i];
        return 1;
    }
    return 0;
}
