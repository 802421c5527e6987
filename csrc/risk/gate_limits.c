/* gate_limits.c -- limits and switches as they are now, what has changed in them, and the day's loss, which throws one; see gate.h. */
#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "risk/gate_state.h"

/* ---- limits as they are ---- */

void aats_gate_refresh(aats_gate_t *g)
{
    uint64_t news;
    do {
        news = aats_load_acquire(&g->v.risk->news); /* S5 */
        aats_risk_row_read(&g->v, 0, &g->host);
        if (g->row < 0) g->row = aats_risk_row(&g->v, AATS_SCOPE_STRATEGY, g->name, 0);
        if (g->row >= 0) aats_risk_row_read(&g->v, (uint32_t)g->row, &g->strategy);
        for (uint32_t i = 0; i < AATS_RISK_SYMS; i++) {
            gsym_t *s = &g->syms[i];
            if (!s->used) continue;
            if (s->row < 0) s->row = aats_risk_row(&g->v, AATS_SCOPE_SYMBOL, s->name, 0);
            if (s->row >= 0) aats_risk_row_read(&g->v, (uint32_t)s->row, &s->limits);
        }
        aats_fence_acquire();
    } while (aats_load_relaxed(&g->v.risk->news) != news);
    g->news = news;
}

uint32_t aats_gate_switch(aats_gate_t const *g, gsym_t const *s, int *scope)
{
    uint64_t strictest = AATS_SWITCH_ACTIVE;
    *scope = HOST;
    for (int at = 0; at < SCOPES; at++) {
        if (at == SYMBOL && s == NULL) continue;
        aats_rlimits_t const *limits = aats_gate_limits(g, s, at);
        if (limits->swtch <= strictest) continue;
        strictest = limits->swtch;
        *scope = at;
    }
    return (uint32_t)strictest;
}

/* ---- news ---- */

#define LIMIT(name, counts) {#name, offsetof(aats_rlimits_t, name), counts}
static struct {
    char const *name;
    size_t at;
    int counts;
} const LIMITS[] = {
    LIMIT(order_notional, MONEY), LIMIT(order_qty, QTY),      LIMIT(position, QTY),      LIMIT(exposure, MONEY),
    LIMIT(open_orders, NUMBER),   LIMIT(orders_1s, NUMBER),   LIMIT(orders_1d, NUMBER),  LIMIT(cancels_1s, NUMBER),
    LIMIT(cancels_1d, NUMBER),    LIMIT(collar_ppm, NUMBER),  LIMIT(loss_1d, MONEY),     LIMIT(duplicate_ms, NUMBER),
    LIMIT(any_book, NUMBER),
};

/* changed appends each limit that has changed to text: ", order_notional of the host is 500 (was none)". */
static void changed(aats_gate_t const *g, gsym_t const *s, int scope, aats_rlimits_t const *was, aats_rlimits_t const *is, char *text,
                    size_t cap)
{
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        int64_t before, now;
        memcpy(&before, (char const *)was + LIMITS[i].at, sizeof before);
        memcpy(&now, (char const *)is + LIMITS[i].at, sizeof now);
        size_t const len = strlen(text);
        if (before == now || len + 1 >= cap) continue;
        char whose[64], old[80] = "none", new[80] = "none";
        int const exp = LIMITS[i].counts == MONEY ? AATS_RISK_MONEY_EXP : LIMITS[i].counts == QTY ? AATS_RISK_QTY_EXP : 0;
        if (before != 0) aats_gate_text(before, exp, old, sizeof old);
        if (now != 0) aats_gate_text(now, exp, new, sizeof new);
        snprintf(text + len, cap - len, "%s%s of %s is %s (was %s)", len == 0 ? "" : ", ", LIMITS[i].name,
                 aats_gate_scope(g, s, scope, whose, sizeof whose), new, old);
    }
}

/* thrown appends a switch that stands otherwise than it was told. */
static void thrown(aats_gate_t const *g, gsym_t const *s, int scope, aats_rlimits_t const *was, aats_rlimits_t const *is, char *text,
                   size_t cap)
{
    static char const *const WORDS[] = {"active", "reduce only", "halted"};
    size_t const len = strlen(text);
    char whose[64];
    if (was->swtch == is->swtch || is->swtch > AATS_SWITCH_HALT || len + 1 >= cap) return;
    aats_gate_scope(g, s, scope, whose, sizeof whose);
    snprintf(text + len, cap - len, "%s%s is %s%s%s", len == 0 ? "" : ", ", whose, WORDS[is->swtch], is->reason[0] == 0 ? "" : ": ", is->reason);
}

int aats_gate_news(aats_gate_t *g, uint32_t *state, char *text, size_t text_sz)
{
    uint64_t const news = aats_load_acquire(&g->v.risk->news); /* S5 */
    if (news == g->told_news) return 0;
    if (news != g->news) aats_gate_refresh(g);
    g->told_news = g->news;

    text[0] = 0;
    thrown(g, NULL, HOST, &g->told_host, &g->host, text, text_sz);
    thrown(g, NULL, STRATEGY, &g->told_strategy, &g->strategy, text, text_sz);
    for (int i = 0; i < AATS_RISK_SYMS; i++) {
        if (g->syms[i].used) thrown(g, &g->syms[i], SYMBOL, &g->syms[i].told, &g->syms[i].limits, text, text_sz);
    }
    changed(g, NULL, HOST, &g->told_host, &g->host, text, text_sz);
    changed(g, NULL, STRATEGY, &g->told_strategy, &g->strategy, text, text_sz);
    uint32_t strictest = AATS_SWITCH_ACTIVE;
    int scope;
    for (int i = 0; i < AATS_RISK_SYMS; i++) {
        gsym_t *s = &g->syms[i];
        if (!s->used) continue;
        changed(g, s, SYMBOL, &s->told, &s->limits, text, text_sz);
        s->told = s->limits;
        if (aats_gate_switch(g, s, &scope) > strictest) strictest = aats_gate_switch(g, s, &scope);
    }
    if (aats_gate_switch(g, NULL, &scope) > strictest) strictest = aats_gate_switch(g, NULL, &scope);
    if (aats_load_relaxed(&g->v.risk->unread) != 0) strictest = AATS_SWITCH_HALT;
    g->told_host     = g->host;
    g->told_strategy = g->strategy;
    int const moved = strictest != g->told_state;
    *state = g->told_state = strictest;
    return moved || text[0] != 0;
}

/* ---- the day's loss ---- */

static int64_t get(int64_t const *at) { return (int64_t)aats_load_relaxed((uint64_t const *)(void const *)at); }
static void put(int64_t *at, int64_t value) { aats_store_relaxed((uint64_t *)(void *)at, (uint64_t)value); }

i128 aats_gate_loss(aats_gate_t const *g, gsym_t const *s, int scope, int64_t day)
{
    if (scope == STRATEGY) return g->day == day ? g->profit[s->quote_at] : 0;
    uint64_t const hi = aats_load_acquire(&g->v.risk->seat_hi);
    size_t const sym = (size_t)(s - g->syms);
    i128 sum = 0;
    for (uint64_t i = 0; i < hi; i++) {
        aats_seat_t const *seat = &g->v.seats[i];
        aats_rcell_t const *cell = &g->v.cells[i * g->v.risk->sym_cap + sym];
        if (scope == HOST && get(&seat->day) == day) sum += get(&seat->profit_i[s->quote_at]);
        if (scope == SYMBOL && get(&cell->day) == day) sum += get(&cell->profit_i);
    }
    return sum;
}

/* trip throws the switch of a scope to REDUCE, once, and leaves a note for the audit. */
static void trip(aats_gate_t *g, gsym_t const *s, int scope, i128 profit, int64_t now_ns)
{
    int const row = scope == HOST ? 0 : scope == STRATEGY ? g->row : s->row;
    if (row < 0) return;
    uint64_t *swtch = row == 0 ? &g->v.risk->swtch : &g->v.limits[row].swtch;
    if (!aats_cas(swtch, AATS_SWITCH_ACTIVE, AATS_SWITCH_REDUCE)) return;

    char is[80], of[80], line[240], padded[sizeof g->host.reason] = {0};
    int64_t const limit = aats_gate_limits(g, s, scope)->loss_1d;
    aats_gate_text(profit, AATS_RISK_MONEY_EXP, is, sizeof is);
    aats_gate_text(limit, AATS_RISK_MONEY_EXP, of, sizeof of);
    snprintf(line, sizeof line, "the day's result is %s %s, loss_1d is %s", is, s->quote, of);
    memcpy(padded, line, strnlen(line, sizeof padded - 1));
    aats_words_store(g->v.limits[row].reason, padded, sizeof padded / 8);

    uint64_t const seq = aats_fetch_add(&g->v.risk->trips, 1) + 1;
    aats_rtrip_t *note = &g->v.risk->trip[seq % AATS_RISK_TRIPS];
    put(&note->ns, now_ns);
    aats_store_relaxed(&note->owner, g->self);
    aats_store_relaxed(&note->row, (uint64_t)row);
    put(&note->value, clamp64(profit));
    put(&note->limit, limit);
    aats_store_release(&note->seq, seq);
    aats_fetch_add(&g->v.risk->news, 1); /* S5 */
}

void aats_gate_profit(aats_gate_t *g, int sym, int64_t profit_i, int64_t now_ns)
{
    gsym_t *s = sym >= 0 && sym < AATS_RISK_SYMS && g->syms[sym].used ? &g->syms[sym] : NULL;
    int64_t const day = aats_rate_day_of(now_ns);
    if (s == NULL || !aats_gate_mine(g)) return;
    if (day != g->day) { /* the others' results are of a day that is over */
        memset(g->profit, 0, sizeof g->profit);
        for (int q = 0; q < AATS_RISK_QUOTES; q++) put(&g->seat->profit_i[q], 0);
        put(&g->seat->day, day);
        g->day = day;
    }
    g->profit[s->quote_at] += (i128)profit_i - (s->day == day ? s->profit : 0);
    s->profit = profit_i;
    s->day    = day;
    put(&s->cell->profit_i, profit_i);
    put(&s->cell->day, day);
    put(&g->seat->profit_i[s->quote_at], clamp64(g->profit[s->quote_at]));

    aats_fence_full(); /* S2: of two that lose at once, at least one sees both */
    if (aats_load_acquire(&g->v.risk->news) != g->news) aats_gate_refresh(g);
    for (int scope = 0; scope < SCOPES; scope++) {
        int64_t const limit = aats_gate_limits(g, s, scope)->loss_1d;
        if (limit <= 0) continue;
        i128 const profit = aats_gate_loss(g, s, scope, day);
        if (profit <= -(i128)limit) trip(g, s, scope, profit, now_ns);
    }
}
