/* host.c -- where the parts of the risk segment lie, its symbols, and the rows of limits; see seat.h. */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "risk/seat.h"
#include "shm/segment.h"

#define RISK_OFF sizeof(aats_seg_t)
#define WORDS(field) (sizeof(field) / 8)
#define ENTER_SPINS 200 /* so long a symbol that is being entered is waited for; then it is given up, and its maker starts again */

enum { ENTERING = 0, ENTERED = 1, GIVEN_UP = 2 };

/* ---- geometry ---- */

typedef struct {
    uint64_t sym_off, seat_off, cell_off, limit_off, budget_off, size;
} geometry_t;

static int in_range(uint32_t n) { return n >= 1 && n <= 4096; }

static int geometry(uint32_t seats, uint32_t syms, uint32_t limits, uint32_t budgets, geometry_t *g)
{
    if (!in_range(seats) || !in_range(syms) || !in_range(limits) || !in_range(budgets)) return AATS_E_ARG;
    g->sym_off    = RISK_OFF + sizeof(aats_risk_t);
    g->seat_off   = g->sym_off + (uint64_t)syms * sizeof(aats_rsym_t);
    g->cell_off   = g->seat_off + (uint64_t)seats * sizeof(aats_seat_t);
    g->limit_off  = g->cell_off + (uint64_t)seats * syms * sizeof(aats_rcell_t);
    g->budget_off = g->limit_off + (uint64_t)limits * sizeof(aats_rlimits_t);
    g->size       = g->budget_off + (uint64_t)budgets * sizeof(aats_budget_t);
    return AATS_OK;
}

int64_t aats_risk_size(uint32_t seat_cap, uint32_t sym_cap, uint32_t limits_cap, uint32_t budget_cap)
{
    geometry_t g;
    return geometry(seat_cap, sym_cap, limits_cap, budget_cap, &g) == AATS_OK ? (int64_t)g.size : AATS_E_ARG;
}

static aats_risk_t *risk_of(void const *mem) { return (aats_risk_t *)((uintptr_t)mem + RISK_OFF); }

int aats_risk_init(void *mem, uint64_t size, uint32_t seat_cap, uint32_t sym_cap, uint32_t limits_cap, uint32_t budget_cap)
{
    geometry_t g;
    if (mem == NULL || (uintptr_t)mem % AATS_LINE != 0) return AATS_E_ARG;
    if (geometry(seat_cap, sym_cap, limits_cap, budget_cap, &g) != AATS_OK || size < g.size) return AATS_E_ARG;
    aats_risk_t *risk = risk_of(mem);
    risk->seat_cap   = seat_cap;
    risk->sym_cap    = sym_cap;
    risk->limits_cap = limits_cap;
    risk->budget_cap = budget_cap;
    risk->sym_off    = g.sym_off;
    risk->seat_off   = g.seat_off;
    risk->cell_off   = g.cell_off;
    risk->limit_off  = g.limit_off;
    risk->budget_off = g.budget_off;
    ((aats_rlimits_t *)((uintptr_t)mem + g.limit_off))->scope = AATS_SCOPE_HOST;
    return AATS_OK;
}

#define REFUSE(...)                                                  \
    do {                                                             \
        if (why != NULL && cap > 0) snprintf(why, cap, __VA_ARGS__); \
        return AATS_E_LAYOUT;                                        \
    } while (0)

int aats_risk_attach(void *mem, uint64_t mapped_sz, aats_risk_view_t *view, char *why, size_t cap)
{
    geometry_t g;
    memset(view, 0, sizeof *view);
    int const code = aats_seg_check(mem, mapped_sz, AATS_KIND_RISK, why, cap);
    if (code != AATS_OK) return code;
    if (mapped_sz < RISK_OFF + sizeof(aats_risk_t)) {
        REFUSE("%" PRIu64 " bytes are mapped, the head of a risk segment needs %zu", mapped_sz, RISK_OFF + sizeof(aats_risk_t));
    }
    aats_risk_t *risk = risk_of(mem);
    if (geometry(risk->seat_cap, risk->sym_cap, risk->limits_cap, risk->budget_cap, &g) != AATS_OK) {
        REFUSE("the risk segment says %u seats, %u symbols, %u limits, %u budgets; 1 to 4096 of each are expected", risk->seat_cap,
               risk->sym_cap, risk->limits_cap, risk->budget_cap);
    }
    if (risk->sym_off != g.sym_off || risk->seat_off != g.seat_off || risk->cell_off != g.cell_off || risk->limit_off != g.limit_off ||
        risk->budget_off != g.budget_off) {
        REFUSE("the offsets in the risk segment do not fit its %u seats, %u symbols, %u limits", risk->seat_cap, risk->sym_cap,
               risk->limits_cap);
    }
    if (mapped_sz < g.size) REFUSE("the risk segment has %" PRIu64 " bytes, its geometry makes them %" PRIu64, mapped_sz, g.size);

    uintptr_t const base = (uintptr_t)mem;
    *view = (aats_risk_view_t){
        .seg     = mem,
        .risk    = risk,
        .syms    = (aats_rsym_t *)(base + g.sym_off),
        .seats   = (aats_seat_t *)(base + g.seat_off),
        .cells   = (aats_rcell_t *)(base + g.cell_off),
        .limits  = (aats_rlimits_t *)(base + g.limit_off),
        .budgets = (aats_budget_t *)(base + g.budget_off),
    };
    return AATS_OK;
}

/* ---- symbols ---- */

/* what is entered, between state and mark_px_i */
typedef struct {
    char symbol[48];
    char quote[16];
    uint32_t mode;
    int32_t px_exp, qty_exp;
    uint32_t quote_at;
} entry_t;
_Static_assert(sizeof(entry_t) == offsetof(aats_rsym_t, mark_px_i) - offsetof(aats_rsym_t, symbol), "the fields of an entry lie together");

/* resolved returns the state word of an entry that nobody is at work on any more, or 0 for an empty place.  Who is too slow is given up:
 * its last step fails then, and it starts again behind. */
static uint64_t resolved(aats_rsym_t *s)
{
    for (int i = 0;; i++) {
        uint64_t const word = aats_load_acquire(&s->state); /* S3 */
        if (word == 0 || aats_ident_state(word) != ENTERING) return word;
        if (i >= ENTER_SPINS) aats_cas(&s->state, word, aats_ident_with(word, GIVEN_UP));
        if (i >= ENTER_SPINS / 4) sched_yield(); /* it may wait for this core */
        aats_spin_hint();
    }
}

static void raise_to(uint64_t *word, uint64_t least)
{
    for (uint64_t have; (have = aats_load_relaxed(word)) < least && !aats_cas(word, have, least);) {}
}

int aats_risk_symbol(aats_risk_view_t const *v, char const *symbol, char const *quote, uint32_t mode, int32_t px_exp, int32_t qty_exp)
{
    entry_t want = {.mode = mode, .px_exp = px_exp, .qty_exp = qty_exp};
    size_t const len = strnlen(symbol, sizeof want.symbol), quote_len = strnlen(quote, sizeof want.quote);
    if (len == 0 || len == sizeof want.symbol || quote_len == 0 || quote_len == sizeof want.quote) return AATS_E_ARG;
    if (mode >= AATS_RISK_MODES) return AATS_E_ARG;
    memcpy(want.symbol, symbol, len);
    memcpy(want.quote, quote, quote_len);
    uint64_t const self = aats_ident_self(), mine = self != 0 ? self : aats_ident((uint64_t)getpid(), 1);

    uint32_t at = 0, quotes = 0;
    int quote_at = -1;
    while (at < v->risk->sym_cap) {
        aats_rsym_t *s = &v->syms[at];
        uint64_t const word = resolved(s);
        if (aats_ident_state(word) == ENTERED) {
            entry_t have;
            aats_words_load(&have, s->symbol, WORDS(have));
            if (memcmp(have.symbol, want.symbol, sizeof want.symbol) == 0 && have.mode == mode) {
                return have.px_exp == px_exp && have.qty_exp == qty_exp ? (int)at : AATS_E_SHAPE;
            }
            if (have.quote_at >= quotes) quotes = have.quote_at + 1;
            if (memcmp(have.quote, want.quote, sizeof want.quote) == 0 && have.mode == mode) quote_at = (int)have.quote_at;
        }
        if (word != 0 || !aats_cas(&s->state, 0, mine)) {
            at += word != 0; /* else somebody took this place: look at it again */
            continue;
        }
        want.quote_at = quote_at >= 0 ? (uint32_t)quote_at : quotes;
        if (want.quote_at >= AATS_RISK_QUOTES) {
            aats_cas(&s->state, mine, aats_ident_with(mine, GIVEN_UP));
            return AATS_E_FULL;
        }
        aats_words_store(s->symbol, &want, WORDS(want));
        raise_to(&v->risk->sym_cnt, at + 1); /* before it is there: who counts by this misses none */
        if (aats_cas(&s->state, mine, aats_ident_with(mine, ENTERED))) return (int)at; /* S3 */
        at++; /* given up by somebody who waited for it; who waited may have entered the same behind it */
    }
    return AATS_E_FULL;
}

/* ---- limits ---- */

int aats_risk_row(aats_risk_view_t const *v, uint32_t scope, char const *name, int make)
{
    char padded[sizeof v->limits->name] = {0};
    size_t const len = strnlen(name, sizeof padded);
    if (scope < AATS_SCOPE_HOST || scope > AATS_SCOPE_STRATEGY || len == sizeof padded) return AATS_E_ARG;
    if ((len == 0) != (scope == AATS_SCOPE_HOST)) return AATS_E_ARG;
    memcpy(padded, name, len);
    for (uint32_t i = 0; i < v->risk->limits_cap; i++) {
        aats_rlimits_t *row = &v->limits[i];
        uint64_t const have = aats_load_acquire(&row->scope);
        if (have == AATS_SCOPE_NONE) {
            if (!make) return AATS_E_UNKNOWN;
            aats_words_store(row->name, padded, WORDS(padded));
            aats_store_release(&row->scope, scope);
            return (int)i;
        }
        char shared[sizeof padded];
        aats_words_load(shared, row->name, WORDS(shared));
        if (have == scope && memcmp(shared, padded, sizeof padded) == 0) return (int)i;
    }
    return make ? AATS_E_FULL : AATS_E_UNKNOWN;
}

#define ROW_WORDS ((sizeof(aats_rlimits_t) - offsetof(aats_rlimits_t, order_notional)) / 8)

void aats_risk_row_read(aats_risk_view_t const *v, uint32_t row, aats_rlimits_t *out)
{
    memset(out, 0, sizeof *out);
    if (row >= v->risk->limits_cap) return;
    aats_rlimits_t const *shared = &v->limits[row];
    out->scope = aats_load_acquire(&shared->scope);
    aats_words_load(out->name, shared->name, WORDS(out->name));
    aats_words_load(&out->order_notional, &shared->order_notional, ROW_WORDS);
    if (row == 0) out->swtch = aats_load_relaxed(&v->risk->swtch);
    out->name[sizeof out->name - 1] = out->reason[sizeof out->reason - 1] = 0;
}

#define LIMIT_WORDS ((offsetof(aats_rlimits_t, swtch) - offsetof(aats_rlimits_t, order_notional)) / 8)

int aats_risk_row_put(aats_risk_view_t const *v, uint32_t row, aats_rlimits_t const *from)
{
    if (row >= v->risk->limits_cap || aats_load_acquire(&v->limits[row].scope) == AATS_SCOPE_NONE) return AATS_E_ARG;
    aats_words_store(&v->limits[row].order_notional, &from->order_notional, LIMIT_WORDS);
    aats_fetch_add(&v->risk->news, 1); /* S5 */
    return AATS_OK;
}

int aats_risk_row_switch(aats_risk_view_t const *v, uint32_t row, uint64_t swtch, char const *reason)
{
    char padded[sizeof v->limits->reason] = {0};
    if (row >= v->risk->limits_cap || swtch > AATS_SWITCH_HALT) return AATS_E_ARG;
    if (aats_load_acquire(&v->limits[row].scope) == AATS_SCOPE_NONE) return AATS_E_ARG;
    memcpy(padded, reason, strnlen(reason, sizeof padded - 1));
    aats_words_store(v->limits[row].reason, padded, WORDS(padded));
    aats_store_release(row == 0 ? &v->risk->swtch : &v->limits[row].swtch, swtch);
    aats_fetch_add(&v->risk->news, 1); /* S5 */
    return AATS_OK;
}
