/* trader_risk.c -- the trader's side of the risk gate: each order counted once before its bytes, moved by its fills, returned with its Closed. */
#include <stdio.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/steps.h"
#include "order/wide.h"

#define NEWS_NS   1000000    /* between two looks for changed limits and switches */
#define PROFIT_NS 1000000000 /* the market moves the profit, too */

void aats_trader_risk_symbol(aats_trader_t *t, symbol_t *s)
{
    s->risk = t->gate != NULL ? aats_gate_symbol(t->gate, &s->rules, t->mode) : AATS_E_EMPTY;
}

void aats_trader_risk(aats_trader_t *t, aats_gate_t *gate)
{
    t->gate = gate;
    for (uint32_t i = 0; i < t->symbol_cnt; i++) aats_trader_risk_symbol(t, &t->symbols[i]);
}

int aats_trader_is_fenced(aats_trader_t *t)
{
    if (t->gate != NULL && !t->fenced && !aats_gate_mine(t->gate)) t->fenced = 1;
    return t->fenced;
}

int aats_trader_fenced(aats_trader_t const *t) { return t->fenced; }

/* ---- an order's way through the gate ------------------------------------------------------------------------------------------ */

int aats_trader_risk_reserve(aats_trader_t *t, aats_order_t const *o, int book_why, int64_t mono_ns, char *msg, size_t msg_sz)
{
    symbol_t const *s = &t->symbols[o->sym];
    aats_gbook_t book = s->book;
    if (t->gate == NULL) return AATS_OC_NONE;
    if (s->risk < 0) {
        snprintf(msg, msg_sz, "%s cannot be entered into the host's risk segment (%s)", s->rules.symbol, aats_err_name(s->risk));
        return AATS_OC_RISK_FULL;
    }
    if (book_why != AATS_WHY_NONE) book.why = (uint32_t)book_why;
    int const code = aats_gate_reserve(t->gate, s->risk, o, &book, t->now_ns, mono_ns, msg, msg_sz);
    if (code == AATS_OC_NONE) aats_step(AATS_STEP_RESERVED);
    return code;
}

int aats_trader_risk_recheck(aats_trader_t *t, int32_t slot, char *msg, size_t msg_sz)
{
    slot_t const *sl = &t->slots[slot];
    symbol_t const *s = &t->symbols[sl->m.o.sym];
    return sl->counted ? aats_gate_recheck(t->gate, s->risk, &sl->m.o, &s->book, t->now_ns, msg, msg_sz) : AATS_OC_NONE;
}

void aats_trader_risk_unreserve(aats_trader_t *t, int32_t slot)
{
    slot_t *sl = &t->slots[slot];
    if (!sl->counted) return;
    sl->counted = 0;
    aats_gate_unreserve(t->gate, t->symbols[sl->m.o.sym].risk, &sl->m.o); /* it was never amended: nothing of it has gone out */
}

int aats_trader_risk_cancel(aats_trader_t *t, aats_order_t const *o, char *msg, size_t msg_sz)
{
    int const risk = t->symbols[o->sym].risk;
    if (t->gate == NULL || risk < 0) return AATS_OC_NONE;
    return aats_gate_cancel(t->gate, risk, t->now_ns, t->mono_ns, msg, msg_sz);
}

static void tell_profit(aats_trader_t *t, int sym)
{
    symbol_t const *s = &t->symbols[sym];
    if (s->risk >= 0) aats_gate_profit(t->gate, s->risk, aats_trader_profit(t, sym), t->now_ns);
}

void aats_trader_risk_fill(aats_trader_t *t, int32_t slot, aats_oev_t const *ev, int64_t delta)
{
    symbol_t const *s = &t->symbols[ev->order.sym];
    if (t->gate == NULL || !t->slots[slot].counted || s->risk < 0) return;
    aats_order_t before = aats_trader_counted(t, slot, &ev->order);
    before.cum_qty_i -= ev->fill_qty_i;
    before.cum_notional = aats_wide_of(aats_wide(before.cum_notional) - (__int128)ev->fill_px_i * ev->fill_qty_i);
    aats_gate_fill(t->gate, s->risk, &before, ev->fill_px_i, ev->fill_qty_i, delta);
    tell_profit(t, ev->order.sym);
}

void aats_trader_risk_closed(aats_trader_t *t, int32_t slot)
{
    slot_t *sl = &t->slots[slot];
    if (!sl->counted) return;
    aats_order_t const last = aats_trader_counted(t, slot, &sl->m.o);
    sl->counted = 0;
    aats_gate_release(t->gate, t->symbols[sl->m.o.sym].risk, &last);
    aats_step(AATS_STEP_RELEASED);
}

/* ---- what was carried over ---------------------------------------------------------------------------------------------------- */

void aats_trader_risk_carried(aats_trader_t *t)
{
    for (uint32_t i = 0; t->gate != NULL && i < t->symbol_cnt; i++) {
        if (t->symbols[i].risk < 0) continue;
        aats_gate_position(t->gate, t->symbols[i].risk, aats_trader_size(t, (int)i));
        tell_profit(t, (int)i);
    }
    if (t->gate != NULL) aats_gate_settled(t->gate);
}

/* ---- each pass ---------------------------------------------------------------------------------------------------------------- */

static void tell_news(aats_trader_t *t)
{
    static char const *const STATES[] = {"active", "reduce", "halted"};
    aats_oev_t ev = {.ns = t->now_ns, .kind = AATS_OEV_RISK};
    uint32_t state = AATS_SWITCH_HALT;
    if (aats_trader_queue_room(t, 1) != AATS_OK || aats_gate_news(t->gate, &state, ev.msg, sizeof ev.msg) != 1) return;
    snprintf(ev.order.symbol, sizeof ev.order.symbol, "%s", STATES[state <= AATS_SWITCH_HALT ? state : AATS_SWITCH_HALT]);
    aats_trader_queue_put(t, &ev, 1, NONE, 0);
}

void aats_trader_risk_pass(aats_trader_t *t)
{
    if (t->gate == NULL || aats_trader_is_fenced(t)) return;
    aats_gate_beat(t->gate, t->mono_ns);
    if (t->mono_ns < t->news_mono_ns) return;
    t->news_mono_ns = t->mono_ns + NEWS_NS;
    tell_news(t);
    if (t->mono_ns < t->profit_mono_ns) return;
    t->profit_mono_ns = t->mono_ns + PROFIT_NS;
    for (uint32_t i = 0; i < t->symbol_cnt; i++) tell_profit(t, (int)i);
}
