/* trader_amend.c -- price and size of an open order changed: checked, journaled, sent; and what the risk gate counts meanwhile.
 *
 * While a request is open the order may be either, so the gate counts the larger price and the larger size.  The answer, or the order's end, puts that right.  As with a
 * new order, the intent is in the journal before a byte is made.
 */
#include <stdio.h>
#include <string.h>

#include "app/trader_state.h"
#include "proto/num.h"

/* ---- what the gate counts ---- */

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

aats_order_t aats_trader_counted(aats_trader_t const *t, int32_t slot, aats_order_t const *o)
{
    slot_t const *sl = &t->slots[slot];
    aats_order_t as = *o;
    if (sl->gate_qty_i > 0) as.px_i = sl->gate_px_i, as.qty_i = sl->gate_qty_i;
    return as;
}

void aats_trader_amended(aats_trader_t *t, aats_oev_t const *ev, int32_t slot)
{
    slot_t *sl = &t->slots[slot];
    aats_machine_t const *m = &sl->m;
    aats_order_t now = ev->order;
    aats_order_t was = aats_trader_counted(t, slot, &now);
    if (sl->gate_qty_i == 0 && m->was_qty_i > 0 && ev->kind == AATS_OEV_AMENDED) was.px_i = m->was_px_i, was.qty_i = m->was_qty_i; /* by somebody else's hand */
    int const pending = m->amend_qty_i > 0; /* still, or again */
    if (pending) now.px_i = larger(now.px_i, m->amend_px_i), now.qty_i = larger(now.qty_i, m->amend_qty_i);
    sl->gate_px_i = pending ? now.px_i : 0;
    sl->gate_qty_i = pending ? now.qty_i : 0;
    if (t->gate != NULL && sl->counted && t->symbols[now.sym].risk >= 0) aats_gate_recount(t->gate, t->symbols[now.sym].risk, &was, &now);
}

/* reserve has the gate check the order as it would be: a code and a sentence, or AATS_OC_NONE and it is counted as the larger of the two. */
static int reserve(aats_trader_t *t, int32_t slot, uint32_t book_why, char *msg, size_t msg_sz)
{
    slot_t *sl = &t->slots[slot];
    symbol_t const *s = &t->symbols[sl->m.o.sym];
    aats_gbook_t book = s->book;
    aats_order_t const was = sl->m.o;
    aats_order_t next = was, most = was;
    if (t->gate == NULL || !sl->counted) return AATS_OC_NONE;
    if (book_why != AATS_WHY_NONE) book.why = book_why;
    next.px_i = sl->m.amend_px_i;
    next.qty_i = sl->m.amend_qty_i;
    most.px_i = larger(was.px_i, next.px_i);
    most.qty_i = larger(was.qty_i, next.qty_i);
    int const code = aats_gate_amend(t->gate, s->risk, &was, &next, &most, &book, t->now_ns, t->mono_ns, msg, msg_sz);
    if (code == AATS_OC_NONE) sl->gate_px_i = most.px_i, sl->gate_qty_i = most.qty_i;
    return code;
}

/* ---- refusals ---- */

static void refuse_unknown(aats_trader_t *t, aats_amend_req_t const *req)
{
    aats_oev_t ev = {.ns = t->now_ns, .kind = AATS_OEV_AMEND_REJECTED, .code = AATS_OC_UNKNOWN_ORDER};
    snprintf(ev.msg, sizeof ev.msg, "no order with the id %lld is open", (long long)req->order_id);
    ev.order.order_id = req->order_id;
    ev.order.instance = t->instance;
    ev.order.strategy = (uint8_t)req->strategy;
    aats_trader_queue_put(t, &ev, 1, NONE, 0);
}

/* refuse_here answers a request that never became one: the order as it is. */
static void refuse_here(aats_trader_t *t, int32_t slot, int code, char const *why)
{
    aats_oev_t ev = {.ns = t->now_ns, .kind = AATS_OEV_AMEND_REJECTED, .code = (uint32_t)code, .order = t->slots[slot].m.o};
    snprintf(ev.msg, sizeof ev.msg, "%s", why);
    aats_trader_queue_put(t, &ev, 1, slot, 0);
}

/* take_back answers the machine's open request, of which nothing has gone out. */
static void take_back(aats_trader_t *t, int32_t slot, int code, char const *why)
{
    aats_order_t const *o = &t->slots[slot].m.o;
    aats_omsg_t refused = {.kind = AATS_OM_AMEND_REJECT, .code = (uint32_t)code, .instance = o->instance, .order_id = aats_order_client_no(o),
                           .recv_ns = t->now_ns, .cum_qty_i = -1};
    snprintf(refused.text, sizeof refused.text, "%s", why);
    aats_trader_take(t, t->symbols[o->sym].gate, &refused, t->now_ns);
}

/* ---- a request ---- */

/* Where a number stays as it is, the rules are asked about it as text. */
static aats_given_t or_as_it_is(aats_given_t const *given, int64_t v, int exp, char *text, size_t text_sz)
{
    if (given->kind != AATS_GIVEN_NONE) return *given;
    int const n = aats_num_format(v, exp, text, text_sz);
    return (aats_given_t){.kind = AATS_GIVEN_TEXT, .text = text, .text_len = n > 0 ? (size_t)n : 0};
}

/* fitted says what the order would have: AATS_OC_NONE, or a code and a sentence. */
static int fitted(aats_trader_t *t, int32_t slot, aats_amend_req_t const *req, int64_t *px_i, int64_t *qty_i, char *msg)
{
    aats_order_t const *o = &t->slots[slot].m.o;
    symbol_t const *s = &t->symbols[o->sym];
    gate_t const *g = &t->gates[s->gate];
    char px_text[32], qty_text[32];
    int moved = 0;
    if (g->face.amend == NULL || o->tif == AATS_TIF_MARKET) {
        snprintf(msg, REASON_SZ, "%s orders of %s cannot be amended%s: cancel it and send another", o->tif == AATS_TIF_MARKET ? "market" : "open",
                 g->face.exchange, t->mode == AATS_MODE_PAPER ? " on paper" : "");
        return AATS_OC_UNSUPPORTED;
    }
    if (t->closing) {
        snprintf(msg, REASON_SZ, "the strategy is closing: cancels only");
        return AATS_OC_CLOSING;
    }
    if (aats_trader_is_fenced(t)) {
        snprintf(msg, REASON_SZ, "another process has taken over the orders of this strategy");
        return AATS_OC_FENCED;
    }
    if (t->slots[slot].waits) {
        snprintf(msg, REASON_SZ, "the order itself has not gone out yet");
        return AATS_OC_NOT_CONNECTED;
    }
    aats_given_t const px = or_as_it_is(&req->px, o->px_i, o->px_exp, px_text, sizeof px_text);
    aats_given_t const qty = or_as_it_is(&req->qty, o->qty_i, o->qty_exp, qty_text, sizeof qty_text);
    int const code = aats_rules_fit(&s->rules, o->side, o->tif, &px, &qty, s->mid_px_i != 0 ? s->mid_px_i : s->last_px_i, t->strict, px_i, qty_i, &moved, msg, REASON_SZ);
    if (code != AATS_OC_NONE || *px_i != o->px_i || *qty_i != o->qty_i) return code;
    snprintf(msg, REASON_SZ, "the order has that price and size already");
    return AATS_OC_NUMBER;
}

/* go writes the intent down and hands the request over: AATS_OC_NONE, or a code and a sentence. */
static int go(aats_trader_t *t, int32_t slot, uint32_t book_why, char *msg)
{
    aats_machine_t *m = &t->slots[slot].m;
    symbol_t const *s = &t->symbols[m->o.sym];
    gate_t *g = &t->gates[s->gate];
    int code = reserve(t, slot, book_why, msg, REASON_SZ);
    if (code != AATS_OC_NONE) {
        aats_trader_count(t, AATS_TDC_DENIED);
        return code;
    }
    aats_journal_t *journal = aats_trader_journal(t);
    aats_jamend_t const intent = {.px_i = m->amend_px_i, .qty_i = m->amend_qty_i};
    aats_trader_queue_note(t); /* what it was before stands before it */
    if (journal != NULL && aats_journal_put(journal, AATS_JR_AMEND, m->o.order_id, &intent, sizeof intent, t->now_ns) != AATS_OK) {
        snprintf(msg, REASON_SZ, "%s", aats_journal_error(journal));
        return AATS_OC_JOURNAL;
    }
    code = g->face.amend(g->face.self, m, &s->rules, msg, REASON_SZ);
    return code < 0 ? AATS_OC_NOT_CONNECTED : code;
}

int aats_trader_amend(aats_trader_t *t, aats_amend_req_t const *req, int64_t now_ns, int64_t mono_ns)
{
    aats_oev_t evs[AATS_MACHINE_OUT];
    char msg[REASON_SZ] = "";
    int64_t px_i = 0, qty_i = 0;
    int sent = 0;
    if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return AATS_E_NOMEM;
    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    int32_t const slot = aats_trader_table_find(t, req->order_id);
    if (slot == NONE || t->slots[slot].m.o.state == AATS_ORD_CLOSED) {
        refuse_unknown(t, req);
        return AATS_OK;
    }
    int code = fitted(t, slot, req, &px_i, &qty_i, msg);
    if (code != AATS_OC_NONE) {
        refuse_here(t, slot, code < 0 ? AATS_OC_NUMBER : code, msg);
        return AATS_OK;
    }
    int const cnt = aats_machine_amend(&t->slots[slot].m, px_i, qty_i, now_ns, evs, &sent);
    if (cnt > 0) aats_trader_queue_put(t, evs, cnt, slot, 0);
    if (!sent) return AATS_OK;
    code = go(t, slot, req->book_why, msg);
    if (code != AATS_OC_NONE) take_back(t, slot, code, msg);
    return AATS_OK;
}

void aats_trader_adopt_amend(aats_trader_t *t, int64_t order_id, int64_t px_i, int64_t qty_i)
{
    int32_t const slot = aats_trader_table_find(t, order_id);
    aats_oev_t evs[AATS_MACHINE_OUT];
    int sent = 0;
    if (slot == NONE || qty_i <= 0) return;
    slot_t *sl = &t->slots[slot];
    aats_order_t const was = sl->m.o;
    if (aats_machine_amend(&sl->m, px_i, qty_i, t->now_ns, evs, &sent) > 0 || !sent) return; /* its end is known, or it is answered */
    sl->gate_px_i = larger(was.px_i, px_i);
    sl->gate_qty_i = larger(was.qty_i, qty_i);
    aats_order_t const most = aats_trader_counted(t, slot, &was);
    if (t->gate != NULL && sl->counted && t->symbols[was.sym].risk >= 0) aats_gate_recount(t->gate, t->symbols[was.sym].risk, &was, &most);
}

int aats_trader_cancel_of(aats_trader_t *t, uint32_t strategy, int sym, int64_t now_ns, int64_t mono_ns)
{
    int asked = 0;
    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    for (int32_t at = t->oldest; at != NONE; at = t->slots[at].newer) {
        aats_machine_t const *m = &t->slots[at].m;
        int const open = m->o.state == AATS_ORD_NEW || m->o.state == AATS_ORD_LIVE;
        if (!open || m->o.strategy != strategy || (sym >= 0 && m->o.sym != sym) || m->o.cancel == AATS_CXL_ASKED || m->cancel_by_us) continue;
        if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return AATS_E_NOMEM;
        aats_trader_cancel_slot(t, at, !t->closing);
        asked++;
    }
    return asked;
}
