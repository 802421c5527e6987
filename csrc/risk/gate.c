/* gate.c -- an order against the limits of the host: checked, counted, and given back when it is over; see gate.h. */
#include "risk/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "risk/gate_state.h"

#define TRIES 4        /* of two that race for the last place both may be refused once */

/* ---- opening ---- */

static int64_t get(int64_t const *at) { return (int64_t)aats_load_relaxed((uint64_t const *)(void const *)at); }
static void put(int64_t *at, int64_t value) { aats_store_relaxed((uint64_t *)(void *)at, (uint64_t)value); }

aats_gate_t *aats_gate_new(void *mem, uint64_t mapped_sz, uint32_t seat, uint64_t self, char *why, size_t why_sz)
{
    aats_gate_t *g = calloc(1, sizeof *g);
    if (g == NULL) {
        snprintf(why, why_sz, "no memory for a risk gate");
        return NULL;
    }
    if (aats_risk_attach(mem, mapped_sz, &g->v, why, why_sz) != AATS_OK) {
        free(g);
        return NULL;
    }
    if (seat >= g->v.risk->seat_cap || !aats_seat_mine(&g->v.seats[seat], self)) {
        snprintf(why, why_sz, "seat %u of the risk segment is not taken by this process", seat);
        free(g);
        return NULL;
    }
    g->at   = seat;
    g->self = aats_ident_bare(self);
    g->seat = &g->v.seats[seat];
    g->row  = NO_ROW;
    aats_words_load(g->name, g->seat->name, sizeof g->name / 8);
    g->name[sizeof g->name - 1] = 0;
    g->mode = g->seat->mode;
    g->instance = g->seat->instance;
    aats_seat_sums(&g->v, seat);
    for (int q = 0; q < AATS_RISK_QUOTES; q++) {
        g->exposure[q] = get(&g->seat->exposure_i[q]);
        g->profit[q]   = get(&g->seat->profit_i[q]);
    }
    g->day  = get(&g->seat->day);
    g->open = get(&g->seat->open_cnt);
    aats_gate_refresh(g);
    g->told_host = g->host;
    g->told_strategy = g->strategy;
    g->told_news = g->news - 1; /* a switch that stands is news */
    return g;
}

void aats_gate_free(aats_gate_t *g) { free(g); }

int aats_gate_mine(aats_gate_t const *g) { return aats_seat_mine(g->seat, g->self); }

uint32_t aats_gate_seat(aats_gate_t const *g) { return g->at; }

void aats_gate_beat(aats_gate_t *g, int64_t mono_ns)
{
    if (!aats_gate_mine(g)) return;
    aats_store_release(&g->seat->beat_mono_ns, (uint64_t)mono_ns);
    aats_add_relaxed(&g->seat->passes, 1);
}

static unsigned __int128 power(int exp)
{
    unsigned __int128 p = 1;
    while (exp-- > 0) p *= 10;
    return p;
}

int aats_gate_symbol(aats_gate_t *g, aats_rules_t const *rules, uint32_t mode)
{
    int const to_money = (rules->inverse ? 0 : rules->px_exp) + rules->qty_exp + (rules->derivative ? rules->contract_exp : 0) - AATS_RISK_MONEY_EXP;
    if (to_money < -30 || to_money > 18 || rules->qty_exp < -18 || rules->qty_exp > 0) return AATS_E_ARG;
    int const at = aats_risk_symbol(&g->v, rules->symbol, rules->quote, mode, rules->px_exp, rules->qty_exp);
    if (at < 0) return at;
    if (at >= AATS_RISK_SYMS) return AATS_E_FULL;
    gsym_t *s = &g->syms[at];
    if (s->used) return at;
    aats_rcell_t *cell = &g->v.cells[(size_t)g->at * g->v.risk->sym_cap + (uint32_t)at];
    *s = (gsym_t){
        .used     = 1,
        .shared   = &g->v.syms[at],
        .cell     = cell,
        .quote_at = g->v.syms[at].quote_at,
        .px_exp   = rules->px_exp,
        .qty_exp  = rules->qty_exp,
        .div      = power(-to_money),
        .mul      = power(to_money),
        .contract = rules->derivative ? (uint64_t)rules->contract_i : 1,
        .inverse  = rules->derivative && rules->inverse,
        .qty_mul   = (i128)power(rules->qty_exp - AATS_RISK_QTY_EXP),
        .limit_mul = (i128)power(AATS_RISK_QTY_EXP - rules->qty_exp),
        .row      = NO_ROW,
        .profit   = get(&cell->profit_i),
        .day      = get(&cell->day),
        .exposure = get(&cell->exposure_i),
    };
    memcpy(s->name, rules->symbol, sizeof s->name - 1);
    memcpy(s->base, rules->base, sizeof s->base - 1);
    memcpy(s->quote, rules->quote, sizeof s->quote - 1);
    aats_cell_read(&g->v, g->at, (uint32_t)at, &s->left);
    s->pos = s->left.pos_i;
    aats_gate_refresh(g);
    s->told = s->limits;
    return at;
}

static gsym_t *symbol(aats_gate_t *g, int sym) { return sym >= 0 && sym < AATS_RISK_SYMS && g->syms[sym].used ? &g->syms[sym] : NULL; }

/* ---- what is at stake ---- */

/* exposure_of is the worst case: the position as it is, or after all that is open on one side has been filled. */
static int64_t exposure_of(gsym_t const *s)
{
    int64_t const mark = aats_gate_mark(s);
    i128 const pos  = aats_gate_money(s, s->pos, mark);
    i128 const buy  = abs128(pos + s->buy.money + aats_gate_money(s, s->buy.market, mark));
    i128 const asked = s->sell.money + aats_gate_money(s, s->sell.market, mark), worth = aats_gate_money(s, s->sell.qty, mark);
    i128 const sell = abs128(pos - (asked > worth ? asked : worth)); /* a sell below the market brings what the market pays */
    i128 worst = abs128(pos);
    if (buy > worst) worst = buy;
    if (sell > worst) worst = sell;
    return clamp64(worst + s->left.exposure_i);
}

/* show publishes the own cell of a symbol and the sums that it is part of. */
static void show(aats_gate_t *g, gsym_t *s)
{
    int64_t const exposure = exposure_of(s);
    aats_rcell_t const cell = {
        .pos_i      = clamp64(s->pos),
        .buy_i      = clamp64(s->buy.qty + s->left.buy_i),
        .sell_i     = clamp64(s->sell.qty + s->left.sell_i),
        .open_cnt   = s->open + s->left.open_cnt,
        .exposure_i = exposure,
    };
    aats_cell_publish(s->cell, &cell);
    g->exposure[s->quote_at] += (i128)exposure - s->exposure;
    s->exposure = exposure;
    put(&g->seat->exposure_i[s->quote_at], clamp64(g->exposure[s->quote_at]));
    put(&g->seat->open_cnt, g->open);
}

static side_t *side_of(gsym_t *s, aats_order_t const *o) { return o->side == AATS_SIDE_BUY ? &s->buy : &s->sell; }

/* reserve counts `qty` of an order, sign 1, or counts it no more, sign -1; `of` is what it has left, of which that is a part. */
static void reserve(gsym_t *s, aats_order_t const *o, int64_t of, int64_t qty, int sign)
{
    side_t *side = side_of(s, o);
    /* of the whole less the rest, so that the parts add up to the whole */
    i128 const money = o->px_i == 0 ? 0 : aats_gate_money(s, of, o->px_i) - aats_gate_money(s, of - qty, o->px_i);
    side->qty += sign * (i128)qty;
    side->money += sign * money;
    if (o->px_i == 0) side->market += sign * (i128)qty;
    if (side->qty < 0) side->qty = 0;
    if (side->money < 0) side->money = 0;
    if (side->market < 0) side->market = 0;
}

static void opened(aats_gate_t *g, gsym_t *s, int by)
{
    if (by < 0 && s->open == 0) return;
    s->open += by;
    g->open += by;
}

void aats_gate_settled(aats_gate_t *g)
{
    if (g->settled || !aats_gate_mine(g)) return;
    g->settled = 1;
    for (int i = 0; i < AATS_RISK_SYMS; i++) {
        gsym_t *s = &g->syms[i];
        if (!s->used) continue;
        g->open -= s->left.open_cnt;
        s->left = (aats_rcell_t){0};
        show(g, s);
    }
}

/* ---- an order's life ---- */

static void count(aats_gate_t *g, gsym_t *s, int cancels, int64_t mono_ns, int64_t day)
{
    aats_rate_count(cancels ? &g->v.risk->cancels[g->mode] : &g->v.risk->orders[g->mode], mono_ns, day);
    aats_rate_count(cancels ? &g->seat->cancels : &g->seat->orders, mono_ns, day);
    aats_rate_count(cancels ? &s->shared->cancels : &s->shared->orders, mono_ns, day);
}

static void uncount(aats_gate_t *g, gsym_t *s, int cancels, int64_t mono_ns, int64_t day)
{
    aats_rate_uncount(cancels ? &g->v.risk->cancels[g->mode] : &g->v.risk->orders[g->mode], mono_ns, day);
    aats_rate_uncount(cancels ? &g->seat->cancels : &g->seat->orders, mono_ns, day);
    aats_rate_uncount(cancels ? &s->shared->cancels : &s->shared->orders, mono_ns, day);
}

static int fenced(aats_gate_t *g)
{
    aats_store_release(&g->seat->fenced, g->instance);
    return aats_gate_deny(g, AATS_OC_FENCED, "somebody else has taken over the orders of strategy %s: this process was thought dead",
                          g->name);
}

/* refused counts a refusal. */
static int refused(aats_gate_t *g, int code)
{
    if (code >= AATS_OC_RISK_SIZE && code < AATS_OC_RISK_SIZE + 32) aats_fetch_add(&g->v.risk->denied[code - AATS_OC_RISK_SIZE], 1);
    return code;
}

static void say_into(aats_gate_t *g, char *msg, size_t msg_sz)
{
    g->msg    = msg;
    g->msg_sz = msg == NULL ? 0 : msg_sz;
    if (g->msg_sz > 0) msg[0] = 0;
}

/* announce counts the order, then looks at everybody (S2); it is taken back if that is too much. */
static int announce(aats_gate_t *g, gsym_t *s, aats_order_t const *o, int64_t mono_ns, int64_t day)
{
    int64_t const qty = aats_gate_leaves(o), before = s->exposure;
    if (!aats_gate_mine(g)) return fenced(g);
    count(g, s, 0, mono_ns, day);
    reserve(s, o, qty, qty, 1);
    opened(g, s, 1);
    show(g, s);
    aats_fence_full(); /* S2 */
    if (!aats_gate_mine(g)) return fenced(g); /* the cells are somebody else's now */
    int code = aats_gate_check_sums(g, s, o, s->exposure > before);
    if (code == AATS_OC_NONE) code = aats_gate_check_rates(g, s, 0, mono_ns, day);
    if (code == AATS_OC_NONE) return code;
    reserve(s, o, qty, qty, -1);
    opened(g, s, -1);
    show(g, s);
    uncount(g, s, 0, mono_ns, day);
    return code;
}

/* settle_prices remembers what the book says, and returns at what price an order is valued: 0, nothing is known. */
static int64_t settle_prices(gsym_t *s, aats_order_t const *o, aats_gbook_t const *book)
{
    int const good = book != NULL && book->why == AATS_WHY_NONE;
    int64_t const other = !good ? 0 : o->side == AATS_SIDE_BUY ? book->ask_px_i : book->bid_px_i;
    if (good && book->bid_px_i > 0 && book->ask_px_i > 0) {
        uint64_t const mid = ((uint64_t)book->bid_px_i + (uint64_t)book->ask_px_i) / 2;
        if (aats_load_relaxed(&s->shared->mark_px_i) != mid) aats_store_relaxed(&s->shared->mark_px_i, mid);
    }
    int const better = o->side != AATS_SIDE_BUY && other > o->px_i; /* a sell below the best bid trades at the bid */
    int64_t const px_i = o->px_i > 0 && !better ? o->px_i : other > 0 ? other : aats_gate_mark(s);
    if (px_i > 0) s->px_i = px_i;
    return px_i;
}

/* admit is aats_gate_reserve for a symbol that is there; what it refuses is not counted yet. */
static int admit(aats_gate_t *g, gsym_t *s, aats_order_t const *o, aats_gbook_t const *book, int64_t day, int64_t mono_ns)
{
    int code;
    if (!aats_gate_mine(g)) return fenced(g);
    if (aats_load_acquire(&g->v.risk->news) != g->news) aats_gate_refresh(g); /* S5 */
    if (!g->settled) aats_gate_settled(g);

    if ((code = aats_gate_check_switches(g, s, o, day)) != AATS_OC_NONE) return code;
    if ((code = aats_gate_check_book(g, s, o, book)) != AATS_OC_NONE) return code;
    int64_t const px_i = settle_prices(s, o, book);
    if ((code = aats_gate_check_value(g, s, o, px_i)) != AATS_OC_NONE) return code;
    if ((code = aats_gate_check_duplicate(g, s, o, mono_ns)) != AATS_OC_NONE) return code;
    for (int i = 1; (code = announce(g, s, o, mono_ns, day)) != AATS_OC_NONE && code != AATS_OC_FENCED && i < TRIES; i++) {
        uint32_t const pauses = (g->at % 8 + 1) * 4u << i; /* each for another while, so that one is first */
        for (uint32_t n = 0; n < pauses; n++) aats_spin_hint();
    }
    return code;
}

int aats_gate_reserve(aats_gate_t *g, int sym, aats_order_t const *o, aats_gbook_t const *book, int64_t now_ns, int64_t mono_ns, char *msg,
                      size_t msg_sz)
{
    gsym_t *s = symbol(g, sym);
    int64_t const day = aats_rate_day_of(now_ns);
    int found;
    say_into(g, msg, msg_sz);
    int const code = s != NULL ? admit(g, s, o, book, day, mono_ns)
                               : aats_gate_deny(g, AATS_OC_RISK_FULL, "the risk segment does not know this symbol");
    if (code != AATS_OC_NONE) return refused(g, code);

    say_into(g, msg, msg_sz); /* a try before may have left a sentence */
    g->last_again  = aats_gate_same(g, sym, o, &found);
    *g->last_again = (again_t){o->px_i, o->qty_i, mono_ns > 0 ? mono_ns : 1, sym, o->side};
    g->last_id      = o->order_id;
    g->last_mono_ns = mono_ns;
    g->last_day     = day;
    return AATS_OC_NONE;
}

int aats_gate_recheck(aats_gate_t *g, int sym, aats_order_t const *o, aats_gbook_t const *book, int64_t now_ns, char *msg, size_t msg_sz)
{
    gsym_t *s = symbol(g, sym);
    say_into(g, msg, msg_sz);
    if (s == NULL) return refused(g, aats_gate_deny(g, AATS_OC_RISK_FULL, "the risk segment does not know this symbol"));
    if (!aats_gate_mine(g)) return refused(g, fenced(g));
    if (aats_load_acquire(&g->v.risk->news) != g->news) aats_gate_refresh(g); /* S5 */
    int64_t const qty = aats_gate_leaves(o);
    reserve(s, o, qty, qty, -1); /* in private: what others see of it stays */
    int code = aats_gate_check_switches(g, s, o, aats_rate_day_of(now_ns));
    if (code == AATS_OC_NONE) code = aats_gate_check_book(g, s, o, book);
    reserve(s, o, qty, qty, 1);
    return code == AATS_OC_NONE ? code : refused(g, code);
}

/* recount counts an order as another one, in private. */
static void recount(gsym_t *s, aats_order_t const *was, aats_order_t const *now)
{
    int64_t const before = aats_gate_leaves(was), after = aats_gate_leaves(now);
    reserve(s, was, before, before, -1);
    reserve(s, now, after, after, 1);
}

/* change announces an amended order as announce does a new one. */
static int change(aats_gate_t *g, gsym_t *s, aats_order_t const *was, aats_order_t const *most, int64_t mono_ns, int64_t day)
{
    int64_t const before = s->exposure;
    count(g, s, 0, mono_ns, day);
    recount(s, was, most);
    show(g, s);
    aats_fence_full(); /* S2 */
    if (!aats_gate_mine(g)) return fenced(g);
    int code = aats_gate_check_sums(g, s, most, s->exposure > before);
    if (code == AATS_OC_NONE) code = aats_gate_check_rates(g, s, 0, mono_ns, day);
    if (code == AATS_OC_NONE) return code;
    recount(s, most, was);
    show(g, s);
    uncount(g, s, 0, mono_ns, day);
    return code;
}

int aats_gate_amend(aats_gate_t *g, int sym, aats_order_t const *was, aats_order_t const *next, aats_order_t const *most, aats_gbook_t const *book, int64_t now_ns,
                    int64_t mono_ns, char *msg, size_t msg_sz)
{
    gsym_t *s = symbol(g, sym);
    int64_t const day = aats_rate_day_of(now_ns);
    say_into(g, msg, msg_sz);
    if (s == NULL) return refused(g, aats_gate_deny(g, AATS_OC_RISK_FULL, "the risk segment does not know this symbol"));
    if (!aats_gate_mine(g)) return refused(g, fenced(g));
    if (aats_load_acquire(&g->v.risk->news) != g->news) aats_gate_refresh(g); /* S5 */
    int64_t const left = aats_gate_leaves(was);
    reserve(s, was, left, left, -1); /* in private: what others see of it stays */
    int code = aats_gate_check_switches(g, s, next, day);
    if (code == AATS_OC_NONE) code = aats_gate_check_book(g, s, next, book);
    if (code == AATS_OC_NONE) code = aats_gate_check_value(g, s, next, settle_prices(s, next, book));
    reserve(s, was, left, left, 1);
    if (code == AATS_OC_NONE) code = change(g, s, was, most, mono_ns, day);
    return code == AATS_OC_NONE ? code : refused(g, code);
}

void aats_gate_recount(aats_gate_t *g, int sym, aats_order_t const *was, aats_order_t const *now)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    recount(s, was, now);
    if (aats_gate_mine(g)) show(g, s);
}

void aats_gate_unreserve(aats_gate_t *g, int sym, aats_order_t const *o)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    if (o->order_id == g->last_id && g->last_again != NULL) {
        uncount(g, s, 0, g->last_mono_ns, g->last_day);
        g->last_again->mono_ns = 0; /* the same again is the first one that goes out */
        g->last_again = NULL;
    }
    aats_gate_release(g, sym, o);
}

void aats_gate_release(aats_gate_t *g, int sym, aats_order_t const *o)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    int64_t const qty = aats_gate_leaves(o);
    reserve(s, o, qty, qty, -1);
    opened(g, s, -1);
    if (aats_gate_mine(g)) show(g, s);
}

void aats_gate_adopt(aats_gate_t *g, int sym, aats_order_t const *o)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    int64_t const qty = aats_gate_leaves(o);
    if (o->px_i > 0) s->px_i = o->px_i;
    reserve(s, o, qty, qty, 1);
    opened(g, s, 1);
    if (aats_gate_mine(g)) show(g, s);
}

void aats_gate_fill(aats_gate_t *g, int sym, aats_order_t const *o, int64_t px_i, int64_t qty_i, int64_t base_delta_i)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    int64_t const left = aats_gate_leaves(o);
    if (s->px_i == 0) s->px_i = px_i;
    reserve(s, o, left, qty_i < left ? qty_i : left, -1);
    s->pos += base_delta_i;
    if (aats_gate_mine(g)) show(g, s);
}

void aats_gate_position(aats_gate_t *g, int sym, int64_t pos_i)
{
    gsym_t *s = symbol(g, sym);
    if (s == NULL) return;
    s->pos = pos_i;
    if (!aats_gate_mine(g)) return;
    g->open -= s->left.open_cnt;
    s->left = (aats_rcell_t){0};
    show(g, s);
}

int aats_gate_cancel(aats_gate_t *g, int sym, int64_t now_ns, int64_t mono_ns, char *msg, size_t msg_sz)
{
    gsym_t *s = symbol(g, sym);
    int64_t const day = aats_rate_day_of(now_ns);
    say_into(g, msg, msg_sz);
    if (s == NULL) return AATS_OC_NONE; /* a cancel never fails for want of room here */
    if (!aats_gate_mine(g)) return refused(g, fenced(g));
    if (aats_load_acquire(&g->v.risk->news) != g->news) aats_gate_refresh(g); /* S5 */
    count(g, s, 1, mono_ns, day);
    aats_fence_full(); /* S2 */
    int const code = aats_gate_check_rates(g, s, 1, mono_ns, day);
    if (code == AATS_OC_NONE) return code;
    uncount(g, s, 1, mono_ns, day);
    return refused(g, code);
}
