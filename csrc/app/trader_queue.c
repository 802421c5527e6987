/* trader_queue.c -- order events on their way out: shown in the segment at once, journaled before they are given, told when the next one is asked for. */
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/steps.h"
#include "shm/stats.h"
#include "shm/td.h"

int aats_trader_queue_room(aats_trader_t *t, uint64_t cnt)
{
    uint64_t const used = t->queue_tail - t->queue_head;
    if (used + cnt <= t->queue_cap) return AATS_OK;
    uint64_t cap = t->queue_cap == 0 ? 64 : t->queue_cap;
    while (cap < used + cnt) cap *= 2;
    waiting_t *queue = malloc(cap * sizeof *queue);
    if (queue == NULL) return AATS_E_NOMEM;
    for (uint64_t n = t->queue_head; n != t->queue_tail; n++) queue[n & (cap - 1)] = t->queue[n & (t->queue_cap - 1)];
    free(t->queue);
    t->queue = queue;
    t->queue_cap = cap;
    return AATS_OK;
}

/* ---- what an event counts ---------------------------------------------------------------------------------------------------- */

/* hop measures one of an order's; the times of one that another run has sent are no latency. */
static void hop(aats_trader_t *t, aats_order_t const *o, int hist, uint32_t which, int64_t from_ns, int64_t to_ns)
{
    if (from_ns > 0 && to_ns > 0 && !(o->flags & AATS_OF_ADOPTED)) aats_trader_hop(t, hist, which, to_ns - from_ns);
}

static void count_fill(aats_trader_t *t, aats_oev_t const *ev, int32_t slot)
{
    int64_t const delta = aats_trader_fill(t, ev);
    aats_trader_count(t, AATS_TDC_FILLS);
    if (slot != NONE) aats_trader_risk_fill(t, slot, ev, delta);
    aats_step(AATS_STEP_MONEY);
}

static void count_order(aats_trader_t *t, aats_oev_t const *ev, int32_t slot)
{
    aats_order_t const *o = &ev->order;
    symbol_t *s = &t->symbols[o->sym];
    switch (ev->kind) {
    case AATS_OEV_CREATED:
        s->pos.orders++;
        aats_trader_count(t, AATS_TDC_ORDERS);
        break;
    case AATS_OEV_ACKED:
        s->pos.acked++;
        aats_trader_count(t, AATS_TDC_ACKED);
        hop(t, o, AATS_HIST_TD_SENT_ACKED, AATS_HOP_SENT_ACKED, o->sent_ns, o->acked_ns);
        break;
    case AATS_OEV_REJECTED:
        s->pos.rejected++;
        aats_trader_count(t, AATS_TDC_REJECTED);
        break;
    case AATS_OEV_EXEC:
        s->pos.fills++;
        count_fill(t, ev, slot);
        if (o->fill_cnt == 1) hop(t, o, AATS_HIST_TD_ACKED_FILLED, AATS_HOP_ACKED_FILLED, o->acked_ns, o->filled_ns);
        break;
    case AATS_OEV_CANCELED:
        s->pos.canceled++;
        aats_trader_count(t, AATS_TDC_CANCELED);
        break;
    case AATS_OEV_CLOSED:
        s->pos.closed++;
        aats_trader_count(t, AATS_TDC_CLOSED);
        if (o->qty_i > 0 && o->cum_qty_i == o->qty_i) {
            s->pos.filled++;
            aats_trader_count(t, AATS_TDC_FILLED);
        }
        break;
    case AATS_OEV_CANCEL_CREATED:
        aats_trader_count(t, AATS_TDC_CANCELS);
        return;
    case AATS_OEV_UNKNOWN:
        aats_trader_count(t, AATS_TDC_UNKNOWN);
        return;
    case AATS_OEV_AMENDED:
    case AATS_OEV_AMEND_REJECTED:
        if (slot != NONE) aats_trader_amended(t, ev, slot);
        return;
    default:
        return;
    }
    aats_td_put_pos(t->td, o->sym, &s->pos);
}

/* ---- in ------------------------------------------------------------------------------------------------------------------------ */

void aats_trader_queue_put(aats_trader_t *t, aats_oev_t *evs, int cnt, int32_t slot, int how)
{
    for (int i = 0; i < cnt; i++) {
        aats_oev_t *ev = &evs[i];
        waiting_t *w = &t->queue[t->queue_tail & (t->queue_cap - 1)];
        int const of_an_order = ev->order.symbol[0] != 0 && ev->order.order_id != 0;
        int const closed = slot != NONE && ev->kind == AATS_OEV_CLOSED;
        if (of_an_order && !(how & HOW_COUNTED)) count_order(t, ev, slot);
        aats_td_put_event(t->td, ev);
        *w = (waiting_t){.ev = *ev, .slot = closed ? slot : NONE, .of = slot, .how = (uint32_t)how};
        t->queue_tail++;
        if (!closed) continue;
        t->open_cnt--;
        aats_trader_risk_closed(t, slot);
    }
}

/* ---- out ----------------------------------------------------------------------------------------------------------------------- */

/* END is the last word: a record behind it, or a next file, would say that the run has not left in order. */
aats_journal_t *aats_trader_journal(aats_trader_t *t) { return aats_trader_is_fenced(t) || t->ended ? NULL : t->journal; }

/* A full disk does not stop what has happened from being told; the journal keeps its own error, and new orders are refused.  1 if it was written. */
static int note(aats_trader_t *t, int kind, int64_t order_id, void const *payload, size_t n)
{
    aats_journal_t *j = aats_trader_journal(t);
    return j == NULL || aats_journal_keep(j, kind, order_id, payload, n, t->now_ns) == AATS_OK;
}

/* An event that is in no file: the next run must ask for its order, or a checkpoint must come first. */
static void missed(aats_trader_t *t, int32_t slot)
{
    t->unwritten = 1;
    if (slot != NONE) t->slots[slot].unwritten = 1;
}

static void note_now(aats_trader_t *t)
{
    aats_journal_t *j = aats_trader_journal(t);
    if (j != NULL) (void)aats_journal_flush(j);
}

void aats_trader_queue_note(aats_trader_t *t)
{
    if (t->queue_noted == t->queue_tail) return;
    for (; t->queue_noted != t->queue_tail; t->queue_noted++) {
        waiting_t const *w = &t->queue[t->queue_noted & (t->queue_cap - 1)];
        if (w->of != NONE && t->journal != NULL && !(w->how & HOW_SILENT)) aats_trader_keep(t, w->of, &w->ev);
        int const hole = w->of != NONE && t->slots[w->of].unwritten; /* a story with a hole would be believed */
        if (w->how == 0 && (hole || !note(t, AATS_JR_EVENT, w->ev.order.order_id, &w->ev, sizeof w->ev)) && w->ev.order.order_id != 0) missed(t, w->of);
    }
    note_now(t);
    aats_step(AATS_STEP_NOTED);
}

void aats_trader_end(aats_trader_t *t)
{
    if (!t->leaving || t->ended || t->used_cnt > 0 || t->given || t->queue_head != t->queue_tail || !aats_trader_left(t)) return;
    if (t->placed && !aats_trader_verified(t)) return; /* the next run looks */
    if (t->unwritten) aats_trader_keep_pass(t);
    if (t->unwritten) return;
    (void)note(t, AATS_JR_END, 0, NULL, 0);
    note_now(t);
    t->ended = 1;
}

void aats_trader_delivered(aats_trader_t *t)
{
    if (!t->given) return;
    t->given = 0;
    aats_step(AATS_STEP_DELIVERED);
    if (t->given_slot != NONE) {
        slot_t *s = &t->slots[t->given_slot];
        gate_t *g = &t->gates[t->symbols[s->m.o.sym].gate];
        if (!s->unwritten) (void)note(t, AATS_JR_TOLD, t->given_id, NULL, 0);
        note_now(t);
        aats_step(AATS_STEP_TOLD);
        if (s->placed) g->face.gone(g->face.self, &s->m);
        aats_order_t const none = {.state = AATS_ORD_FREE};
        aats_td_put_order(t->td, (uint32_t)t->given_slot, &none);
        aats_trader_table_drop(t, t->given_slot);
    }
    aats_trader_end(t);
}

int aats_trader_event(aats_trader_t *t, aats_oev_t *out)
{
    aats_trader_delivered(t);
    if (t->queue_head == t->queue_tail) return 0;
    aats_trader_queue_note(t);
    waiting_t const *w = &t->queue[t->queue_head++ & (t->queue_cap - 1)];
    *out = w->ev;
    t->given = 1;
    t->given_slot = w->slot;
    t->given_id = w->ev.order.order_id;
    aats_step(AATS_STEP_GIVEN);
    return 1;
}

int aats_trader_has_event(aats_trader_t const *t) { return t->queue_head != t->queue_tail; }
