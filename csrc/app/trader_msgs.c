/* trader_msgs.c -- what gateways say: of an order, to its machine; of the session, to all. */
#include <stdio.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/steps.h"
#include "proto/num.h"
#include "shm/td.h"

/* ---- of an order ------------------------------------------------------------------------------------------------------------- */

void aats_trader_machine_did(aats_trader_t *t, int32_t slot, aats_oev_t *evs, int cnt)
{
    slot_t *s = &t->slots[slot];
    gate_t *g = &t->gates[t->symbols[s->m.o.sym].gate];
    aats_trader_queue_put(t, evs, cnt, slot, 0);
    aats_td_put_order(t->td, (uint32_t)slot, &s->m.o);
    if (s->m.o.state != AATS_ORD_CLOSED && aats_machine_asks(&s->m) != AATS_ASK_NOTHING)
        g->face.ask(g->face.self, &s->m, &t->symbols[s->m.o.sym].rules);
}

static void of_order(aats_trader_t *t, int gate, aats_omsg_t const *m, int64_t now_ns)
{
    aats_step(AATS_STEP_MESSAGE);
    int32_t const slot = aats_trader_table_client(t, m->instance, m->order_id);
    if (slot == NONE && m->instance != t->instance) {
        aats_trader_count(t, AATS_TDC_FOREIGN);
        return;
    }
    if (slot == NONE || t->symbols[t->slots[slot].m.o.sym].gate != gate) {
        /* Of an order that was closed and told, a venue's two channels say things twice; that it lives is news, and so is an id never sent. */
        if (slot != NONE || m->kind == AATS_OM_OPEN || !aats_trader_ids_has(t, m->order_id)) aats_trader_count(t, AATS_TDC_STRANGE);
        return;
    }
    aats_oev_t evs[AATS_MACHINE_OUT];
    slot_t *s = &t->slots[slot];
    int const cnt = aats_machine_take(&s->m, m, now_ns, evs);
    aats_step(AATS_STEP_MACHINE);
    int const refusal = m->kind == AATS_OM_REJECT || m->kind == AATS_OM_CANCEL_REJECT || m->kind == AATS_OM_AMEND_REJECT;
    if (cnt >= 0 && refusal) aats_trader_count(t, AATS_TDC_VENUE_ERRORS);
    /* A repeated word is an ordinary day, but not that an order which lived had been refused. */
    int const twice = cnt == AATS_E_STALE && (m->kind != AATS_OM_REJECT || s->m.o.state == AATS_ORD_CLOSED);
    if (cnt < 0 && !twice) aats_trader_count(t, AATS_TDC_STRANGE);
    aats_trader_machine_did(t, slot, evs, cnt < 0 ? 0 : cnt); /* also then there may be something to ask */
}

/* ---- of the session ---------------------------------------------------------------------------------------------------------- */

static void tell_all(aats_trader_t *t, int kind, int gate, aats_omsg_t const *m, int64_t now_ns)
{
    aats_oev_t ev = {.ns = now_ns, .venue_ns = m->venue_ns, .kind = (uint32_t)kind, .code = m->code};
    snprintf(ev.msg, sizeof ev.msg, "%.*s", (int)sizeof m->text, m->text);
    snprintf(ev.order.symbol, sizeof ev.order.symbol, "%s", t->gates[gate].face.exchange);
    aats_trader_queue_put(t, &ev, 1, NONE, 0);
}

/* ---- positions of contracts ---- */

static void take_position(aats_trader_t *t, int gate, aats_omsg_t const *m)
{
    for (symbol_t *s = t->symbols; s < t->symbols + t->symbol_cnt; s++) {
        if (s->gate != gate || !s->rules.derivative || strncmp(s->rules.native, m->symbol, sizeof m->symbol) != 0) continue;
        s->venue_pos_i = m->qty_i;
        s->venue_told = 1;
    }
}

/* differs says where the account holds something else than this process's strategies do: others may trade it, or somebody by hand.  Told, never acted upon. */
static void differs(aats_trader_t *t, int gate, char *out, size_t cap)
{
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        symbol_t *s = &t->symbols[i];
        char theirs[32], ours[32];
        if (s->gate != gate || !s->venue_told) continue;
        s->venue_told = 0;
        int64_t const size = aats_trader_size(t, (int)i);
        if (size == s->venue_pos_i || out[0]) continue;
        int const exp = s->rules.qty_exp;
        if (aats_num_format(s->venue_pos_i, exp, theirs, sizeof theirs) < 0 || aats_num_format(size, exp, ours, sizeof ours) < 0) continue;
        snprintf(out, cap, "%.47s: the account holds %s, this process %s", s->rules.symbol, theirs, ours);
    }
}

void aats_trader_take(aats_trader_t *t, int gate, aats_omsg_t const *m, int64_t now_ns)
{
    gate_t *g = &t->gates[gate];
    switch (m->kind) {
    case AATS_OM_DOWN:
        g->up = 0;
        if (!g->was_ready) return;
        aats_trader_count(t, AATS_TDC_DISCONNECTS);
        tell_all(t, AATS_OEV_DISCONNECT, gate, m, now_ns);
        return;
    case AATS_OM_UP:
        if (g->was_ready) tell_all(t, AATS_OEV_RECONNECT, gate, m, now_ns);
        return;
    case AATS_OM_READY:
        if (g->verifying == 1) g->verifying = 2;
        if (g->up) return; /* the answer to verify */
        aats_trader_balances_known(t, gate);
        g->was_ready = g->up = 1;
        aats_trader_count(t, AATS_TDC_RECONCILED);
        aats_omsg_t ready = *m;
        differs(t, gate, ready.text, sizeof ready.text);
        tell_all(t, AATS_OEV_RECONCILED, gate, &ready, now_ns);
        return;
    case AATS_OM_BALANCE:
        aats_trader_balance(t, gate, m);
        return;
    case AATS_OM_POSITION:
        take_position(t, gate, m);
        return;
    case AATS_OM_FOREIGN:
        aats_trader_count(t, AATS_TDC_FOREIGN);
        return;
    case AATS_OM_STRANGE:
        aats_trader_count(t, AATS_TDC_STRANGE);
        return;
    default:
        break;
    }
    if (m->kind >= AATS_OM_ACK && m->kind <= AATS_OM_AMEND_REJECT && m->order_id != 0) of_order(t, gate, m, now_ns);
    else aats_trader_count(t, AATS_TDC_STRANGE);
}
