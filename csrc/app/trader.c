/* trader.c -- an order's way out: checked, entered, journaled, handed to its gateway; and the passes over the gateways. */
#include "app/trader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/paper.h"
#include "app/session.h"
#include "app/trader_state.h"
#include "base/steps.h"
#include "shm/stats.h"
#include "shm/td.h"

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

static aats_td_t *td_of(aats_trader_t *t) { return (aats_td_t *)((uint8_t *)t->td + sizeof(aats_seg_t)); }

/* private_td lays out a segment that nobody reads, so that all the rest needs no second way. */
static int private_td(aats_trader_t *t, uint32_t orders)
{
    uint64_t const size = (aats_td_size(AATS_TD_POSITIONS, orders, 64) + AATS_LINE - 1) / AATS_LINE * AATS_LINE;
    t->td = t->own_td = size == 0 ? NULL : aligned_alloc(AATS_LINE, size);
    if (t->td == NULL) return size == 0 ? AATS_E_ARG : AATS_E_NOMEM;
    memset(t->td, 0, size);
    return aats_td_init(t->td, size, AATS_TD_POSITIONS, orders, 64);
}

aats_trader_t *aats_trader_new(aats_trader_opts_t const *opts, void *td_mem, uint64_t td_size, aats_journal_t *journal, char *why, size_t why_sz)
{
    aats_trader_t *t = calloc(1, sizeof *t);
    uint32_t orders = opts->orders_max;
    if (t == NULL) goto no_memory;
    *t = (aats_trader_t){.instance = opts->instance, .strict = opts->strict != 0, .journal = journal, .td = td_mem, .patient = opts->queue != 0,
                         .queue_ns = opts->queue_ns, .mode = opts->mode};
    while (t->instance == 0)
        if (getrandom(&t->instance, sizeof t->instance, 0) != sizeof t->instance) t->instance = 0;

    if (td_mem == NULL) {
        int const rc = private_td(t, orders == 0 ? AATS_TD_ORDERS : orders);
        if (rc == AATS_E_NOMEM) goto no_memory;
        if (rc != AATS_OK) {
            snprintf(why, why_sz, "an order table of %u places cannot be laid out", orders);
            goto fail;
        }
    } else if (aats_td_check(td_mem, td_size, why, why_sz) != AATS_OK) {
        goto fail;
    }
    aats_td_t *td = td_of(t);
    t->counters = td->counters;
    t->hists = (aats_hist_t *)(void *)((uint8_t *)t->td + td->stats_off);
    t->symbol_cap = td->pos_cap;
    t->symbols = calloc(t->symbol_cap, sizeof *t->symbols);
    if (orders == 0 || orders > td->order_cap) orders = td->order_cap;
    if (t->symbols == NULL || aats_trader_table_init(t, orders) != AATS_OK || aats_trader_queue_room(t, 1) != AATS_OK) goto no_memory;
    aats_store_relaxed(&td->instance, t->instance);
    return t;

no_memory:
    snprintf(why, why_sz, "no memory for the orders of a trade process");
fail:
    if (t != NULL) aats_trader_free(t);
    return NULL;
}

void aats_trader_free(aats_trader_t *t)
{
    if (t == NULL) return;
    aats_trader_delivered(t);
    aats_trader_queue_note(t); /* what nobody took is known to the next run */
    for (int i = 0; i < t->gate_cnt; i++) t->gates[i].face.free(t->gates[i].face.self);
    aats_trader_table_fini(t);
    free(t->symbols);
    free(t->queue);
    free(t->own_td);
    free(t);
}

void aats_trader_slow(aats_trader_t *t, aats_slow_t *slow) { t->slow = slow; }

void aats_trader_set_clock(aats_trader_t *t, int64_t (*clock)(void)) { t->clock = clock; }

int aats_trader_gateway(aats_trader_t *t, aats_gateway_t const *face)
{
    if (t->gate_cnt == GATEWAYS) return AATS_E_FULL;
    t->gates[t->gate_cnt] = (gate_t){.face = *face};
    return t->gate_cnt++;
}

int aats_trader_session(aats_trader_t *t, char const *exchange, aats_session_t *s)
{
    aats_gateway_t face = {0};
    if (t->gate_cnt == GATEWAYS) return AATS_E_FULL;
    aats_session_gateway(s, &face);
    snprintf(face.exchange, sizeof face.exchange, "%s", exchange);
    aats_session_own(s, t->instance);
    return aats_trader_gateway(t, &face);
}

int aats_trader_paper(aats_trader_t *t, char const *exchange, aats_paper_t *p)
{
    aats_gateway_t face = {0};
    if (t->gate_cnt == GATEWAYS) return AATS_E_FULL;
    aats_paper_gateway(p, &face);
    snprintf(face.exchange, sizeof face.exchange, "%s", exchange);
    return aats_trader_gateway(t, &face);
}

int aats_trader_add_symbol(aats_trader_t *t, aats_rules_t const *rules, int gateway)
{
    if (gateway < 0 || gateway >= t->gate_cnt || rules->symbol[0] == 0) return AATS_E_ARG;
    for (uint32_t i = 0; i < t->symbol_cnt; i++)
        if (strcmp(t->symbols[i].rules.symbol, rules->symbol) == 0) return AATS_E_BUSY;
    if (t->symbol_cnt == t->symbol_cap) return AATS_E_FULL;
    symbol_t *s = &t->symbols[t->symbol_cnt];
    *s = (symbol_t){.rules = *rules, .gate = gateway};
    s->pos.px_exp = rules->px_exp;
    s->pos.qty_exp = rules->qty_exp;
    s->pos.fee_exp = rules->fee_exp;
    memcpy(s->pos.symbol, rules->symbol, sizeof s->pos.symbol);
    memcpy(s->pos.base, rules->base, sizeof s->pos.base);
    memcpy(s->pos.quote, rules->quote, sizeof s->pos.quote);
    s->book.why = AATS_WHY_NO_BOOK;
    aats_trader_risk_symbol(t, s);
    aats_td_put_pos(t->td, t->symbol_cnt, &s->pos);
    td_of(t)->pos_cnt = t->symbol_cnt + 1;
    return (int)t->symbol_cnt++;
}

int aats_trader_set_rules(aats_trader_t *t, int sym, aats_rules_t const *rules)
{
    if (sym < 0 || (uint32_t)sym >= t->symbol_cnt) return AATS_E_ARG;
    aats_rules_t *r = &t->symbols[sym].rules;
    /* what is counted at these exponents goes on */
    if (strcmp(r->symbol, rules->symbol) != 0 || r->px_exp != rules->px_exp || r->qty_exp != rules->qty_exp) return AATS_E_ARG;
    *r = *rules;
    return AATS_OK;
}

/* ---- a new order (steps 8 to 10) ----------------------------------------------------------------------------------------------- */

/* verdict checks what can be known before a slot is taken: AATS_OC_*, and a sentence in msg (also where a float was moved). */
static int verdict(aats_trader_t *t, aats_order_req_t const *req, int is_new, aats_order_t *o, char *msg)
{
    symbol_t const *s = &t->symbols[req->sym];
    int fitted = 0;
    int const fit = aats_rules_fit(&s->rules, req->side, req->tif, &req->px, &req->qty, s->mid_px_i != 0 ? s->mid_px_i : s->last_px_i, t->strict,
                                   &o->px_i, &o->qty_i, &fitted, msg, REASON_SZ);
    if (fitted) o->flags |= AATS_OF_FITTED;
    if (!is_new) {
        snprintf(msg, REASON_SZ, "an order with the id %lld was sent before: make a new Order for each", (long long)req->order_id);
        return AATS_OC_DUPLICATE_ID;
    }
    if (t->closing) {
        snprintf(msg, REASON_SZ, "the strategy is closing: no new orders, cancels only");
        return AATS_OC_CLOSING;
    }
    if (req->margin) {
        snprintf(msg, REASON_SZ, "margin orders are not supported for %s: only spot", t->gates[s->gate].face.exchange);
        return AATS_OC_MARGIN;
    }
    if (req->reduce && !s->rules.derivative) {
        snprintf(msg, REASON_SZ, "%s is spot: there is no position that an order could be bound to reduce", s->rules.symbol);
        return AATS_OC_UNSUPPORTED;
    }
    if (s->rules.halted) {
        snprintf(msg, REASON_SZ, "%s does not trade at the moment", s->rules.symbol);
        return AATS_OC_HALTED;
    }
    if (fit != AATS_OC_NONE) return fit;
    if (t->free_slot == NONE) {
        snprintf(msg, REASON_SZ, "the order table is full: %u orders are not closed", t->slot_cap);
        return AATS_OC_ORDERS_FULL;
    }
    return AATS_OC_NONE;
}

/* created tells Created, with the sentence about a float that was moved. */
static int begin(aats_machine_t *m, aats_order_t const *o, char const *msg, aats_oev_t *out)
{
    int const cnt = aats_machine_new(m, o, out);
    if (cnt > 0 && o->flags & AATS_OF_FITTED) snprintf(out[0].msg, sizeof out[0].msg, "%s", msg);
    return cnt;
}

/* refuse_outside lets an order live and end outside the table, whose place under its id may be another's. */
static void refuse_outside(aats_trader_t *t, aats_order_t const *o, int code, char const *msg, int64_t now_ns)
{
    aats_machine_t m = {0};
    aats_oev_t evs[AATS_MACHINE_OUT];
    int const silent = code == AATS_OC_DUPLICATE_ID;
    aats_order_t refused = *o;
    refused.flags &= (uint8_t)~AATS_OF_FITTED; /* msg is the refusal's */
    aats_trader_queue_put(t, evs, begin(&m, &refused, "", evs), NONE, silent);
    aats_trader_queue_put(t, evs, aats_machine_refuse(&m, code, msg, now_ns, evs), NONE, silent);
    aats_machine_fini(&m);
}

void aats_trader_sent(aats_trader_t *t, int32_t slot)
{
    slot_t *sl = &t->slots[slot];
    aats_order_t *o = &sl->m.o;
    o->sent_ns = t->clock != NULL ? t->clock() : t->now_ns;
    aats_trader_hop(t, AATS_HIST_TD_DECIDED_SENT, AATS_HOP_DECIDED_SENT, o->sent_ns - o->created_ns);
    if (sl->delivered_ns > 0) aats_trader_hop(t, AATS_HIST_TD_DELIVERED_DECIDED, AATS_HOP_DELIVERED_DECIDED, o->created_ns - sl->delivered_ns);
    if (sl->recv_ns > 0) aats_trader_hop(t, AATS_HIST_TD_RECV_SENT, AATS_HOP_RECV_SENT, o->sent_ns - sl->recv_ns);
    aats_td_put_order(t->td, (uint32_t)slot, o);
    aats_trader_day(t, 1, 0);
    aats_step(AATS_STEP_SENT);
}

int aats_trader_go(aats_trader_t *t, int32_t slot, char *msg, size_t msg_sz)
{
    slot_t *sl = &t->slots[slot];
    aats_order_t const *o = &sl->m.o;
    symbol_t const *s = &t->symbols[o->sym];
    gate_t *g = &t->gates[s->gate];
    aats_journal_t *journal = aats_trader_journal(t);
    if (!sl->intent && journal != NULL && aats_journal_put(journal, AATS_JR_INTENT, o->order_id, o, sizeof *o, t->now_ns) != AATS_OK) {
        snprintf(msg, msg_sz, "%s", aats_journal_error(journal));
        return AATS_OC_JOURNAL;
    }
    if (!sl->intent) aats_step(AATS_STEP_JOURNALED);
    sl->intent = sl->placed = 1;
    t->placed = 1;
    int const code = g->face.place(g->face.self, &sl->m, &s->rules, msg, msg_sz);
    if (code == AATS_OK) aats_step(AATS_STEP_WRITTEN);
    return code < 0 ? AATS_OC_NOT_CONNECTED : code;
}

void aats_trader_refuse(aats_trader_t *t, int32_t slot, int code, char const *msg)
{
    aats_oev_t evs[AATS_MACHINE_OUT];
    aats_trader_risk_unreserve(t, slot);
    aats_trader_machine_did(t, slot, evs, aats_machine_refuse(&t->slots[slot].m, code, msg, t->now_ns, evs));
}

int aats_trader_send(aats_trader_t *t, aats_order_req_t const *req, int64_t now_ns, int64_t mono_ns)
{
    aats_step(AATS_STEP_WISH);
    if (req->sym < 0 || (uint32_t)req->sym >= t->symbol_cnt || req->order_id <= 0) return AATS_E_ARG;
    if (req->side < AATS_SIDE_BUY || req->side > AATS_SIDE_SELL || req->tif < AATS_TIF_IOC || req->tif > AATS_TIF_MARKET) return AATS_E_ARG;
    if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return AATS_E_NOMEM;
    int const is_new = aats_trader_ids_add(t, req->order_id);
    if (is_new < 0) return is_new;

    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    symbol_t const *s = &t->symbols[req->sym];
    aats_order_t o = {.order_id = req->order_id, .instance = t->instance, .sym = (uint16_t)req->sym, .side = req->side, .tif = req->tif,
                      .strategy = req->strategy, .flags = (uint8_t)((req->margin ? AATS_OF_MARGIN : 0) | (req->reduce ? AATS_OF_REDUCE : 0)), .px_exp = s->rules.px_exp, .qty_exp = s->rules.qty_exp,
                      .created_ns = now_ns};
    memcpy(o.symbol, s->rules.symbol, sizeof o.symbol);
    char msg[REASON_SZ] = "", why[REASON_SZ] = "";
    int code = verdict(t, req, is_new, &o, msg);
    if (code != AATS_OC_NONE) {
        refuse_outside(t, &o, code, msg, now_ns);
        return AATS_OK;
    }
    code = aats_trader_risk_reserve(t, &o, req->book_why, mono_ns, why, sizeof why);
    if (code != AATS_OC_NONE) {
        aats_trader_count(t, AATS_TDC_DENIED);
        refuse_outside(t, &o, code, why, now_ns);
        return AATS_OK;
    }

    int32_t const slot = aats_trader_table_take(t, req->order_id);
    slot_t *sl = &t->slots[slot];
    aats_oev_t evs[AATS_MACHINE_OUT];
    sl->counted = t->gate != NULL;
    sl->recv_ns = req->recv_ns;
    sl->delivered_ns = req->delivered_ns;
    int const cnt = begin(&sl->m, &o, msg, evs);
    if (aats_trader_must_wait(t, s->gate, AATS_OC_NONE)) {
        aats_trader_queue_put(t, evs, cnt, slot, 0);
        aats_trader_wait(t, slot, AATS_OC_NOT_CONNECTED);
        return AATS_OK;
    }
    code = aats_trader_go(t, slot, why, sizeof why);
    aats_trader_queue_put(t, evs, cnt, slot, 0); /* Created is shown and counted behind the bytes: whoever is told of the order is told in this order */
    if (code == AATS_OK) aats_trader_sent(t, slot);
    else if (aats_trader_must_wait(t, s->gate, code)) aats_trader_wait(t, slot, code);
    else aats_trader_refuse(t, slot, code, why);
    return AATS_OK;
}

/* ---- a cancel ------------------------------------------------------------------------------------------------------------------ */

/* refuse_cancel says that there is nothing to cancel: the only event that may follow Closed. */
static void refuse_cancel(aats_trader_t *t, int64_t order_id, uint32_t strategy, int64_t now_ns)
{
    aats_oev_t ev = {.ns = now_ns, .kind = AATS_OEV_CANCEL_REJECTED, .code = AATS_OC_UNKNOWN_ORDER};
    snprintf(ev.msg, sizeof ev.msg, "no order with the id %lld is open", (long long)order_id);
    ev.order.order_id = order_id;
    ev.order.instance = t->instance;
    ev.order.strategy = (uint8_t)strategy;
    aats_trader_queue_put(t, &ev, 1, NONE, 0);
}

/* keep_order answers a cancel request that does not go out: the order stays as it is. */
static void keep_order(aats_trader_t *t, int32_t slot, int code, char const *why)
{
    aats_order_t const *o = &t->slots[slot].m.o;
    aats_omsg_t refused = {.kind = AATS_OM_CANCEL_REJECT, .code = (uint32_t)code, .instance = o->instance,
                           .order_id = aats_order_client_no(o), .recv_ns = t->now_ns};
    snprintf(refused.text, sizeof refused.text, "%s", why);
    aats_trader_take(t, t->symbols[o->sym].gate, &refused, t->now_ns);
}

void aats_trader_cancel_slot(aats_trader_t *t, int32_t slot, int checked)
{
    aats_machine_t *m = &t->slots[slot].m;
    symbol_t const *s = &t->symbols[m->o.sym];
    gate_t *g = &t->gates[s->gate];
    aats_oev_t evs[AATS_MACHINE_OUT];
    char why[REASON_SZ] = "";
    int go = 0;
    int const cnt = aats_machine_cancel(m, t->now_ns, evs, &go);
    if (cnt > 0) aats_trader_machine_did(t, slot, evs, cnt);
    if (!go) return;
    if (t->slots[slot].waits) {
        aats_trader_wait_cancel(t, slot);
        return;
    }
    int code = AATS_OC_NONE;
    if (aats_trader_is_fenced(t)) {
        keep_order(t, slot, AATS_OC_FENCED, "another process has taken over the orders of this strategy");
        return;
    }
    if (checked) code = aats_trader_risk_cancel(t, &m->o, why, sizeof why);
    if (code != AATS_OC_NONE) {
        aats_trader_count(t, AATS_TDC_DENIED);
        keep_order(t, slot, code, why);
        return;
    }
    /* A cancel passes though it cannot be written down. */
    aats_journal_t *journal = aats_trader_journal(t);
    aats_trader_queue_note(t); /* the next life knows that it was our cancel */
    if (journal != NULL) (void)aats_journal_put(journal, AATS_JR_CANCEL, m->o.order_id, NULL, 0, t->now_ns);
    aats_step(AATS_STEP_CANCEL_JOURNALED);
    aats_trader_day(t, 0, 1);
    code = g->face.cancel(g->face.self, m, &s->rules);
    if (code != AATS_OK) keep_order(t, slot, code < 0 ? AATS_OC_NOT_CONNECTED : code, "the cancel request could not be sent");
}

int aats_trader_cancel(aats_trader_t *t, int64_t order_id, uint32_t strategy, int64_t now_ns, int64_t mono_ns)
{
    if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return AATS_E_NOMEM;
    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    int32_t const slot = aats_trader_table_find(t, order_id);
    if (slot == NONE || t->slots[slot].m.o.state == AATS_ORD_CLOSED) refuse_cancel(t, order_id, strategy, now_ns);
    else aats_trader_cancel_slot(t, slot, !t->closing);
    return AATS_OK;
}

int aats_trader_cancel_all(aats_trader_t *t, int64_t now_ns, int64_t mono_ns)
{
    int asked = 0;
    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    for (int32_t at = t->oldest; at != NONE; at = t->slots[at].newer) {
        aats_order_t const *o = &t->slots[at].m.o;
        if (o->cancel == AATS_CXL_ASKED || t->slots[at].m.cancel_by_us || (o->state != AATS_ORD_NEW && o->state != AATS_ORD_LIVE)) continue;
        if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return AATS_E_NOMEM;
        aats_trader_cancel_slot(t, at, 0);
        asked++;
    }
    return asked;
}

/* ---- market data and time -------------------------------------------------------------------------------------------------------- */

int aats_trader_scaled(aats_trader_t const *t, int sym, int px_exp, int qty_exp)
{
    aats_rules_t const *r = sym >= 0 && (uint32_t)sym < t->symbol_cnt ? &t->symbols[sym].rules : NULL;
    return r != NULL && r->px_exp == px_exp && r->qty_exp == qty_exp;
}

void aats_trader_quote(aats_trader_t *t, int sym, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int valid,
                       int64_t now_ns)
{
    if (sym < 0 || (uint32_t)sym >= t->symbol_cnt) return;
    symbol_t *s = &t->symbols[sym];
    gate_t *g = &t->gates[s->gate];
    if (valid && bid_cnt > 0 && ask_cnt > 0) s->mid_px_i = bids[0].px_i + (asks[0].px_i - bids[0].px_i) / 2;
    s->book = (aats_gbook_t){.bid_px_i = bid_cnt > 0 ? bids[0].px_i : 0, .ask_px_i = ask_cnt > 0 ? asks[0].px_i : 0,
                             .why = valid ? AATS_WHY_NONE : AATS_WHY_NO_BOOK};
    if (g->face.quote != NULL) g->face.quote(g->face.self, sym, bids, bid_cnt, asks, ask_cnt, valid, now_ns);
}

void aats_trader_tick(aats_trader_t *t, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    if (sym < 0 || (uint32_t)sym >= t->symbol_cnt) return;
    symbol_t *s = &t->symbols[sym];
    gate_t *g = &t->gates[s->gate];
    s->last_px_i = px_i;
    if (g->face.tick != NULL) g->face.tick(g->face.self, sym, aggressor, px_i, qty_i, now_ns);
}

int aats_trader_step(aats_trader_t *t, int64_t now_ns, int64_t mono_ns)
{
    int work = 0;
    aats_omsg_t m;
    t->now_ns = now_ns;
    t->mono_ns = mono_ns;
    aats_trader_risk_pass(t);
    for (int i = 0; i < t->gate_cnt; i++) {
        aats_gateway_t *face = &t->gates[i].face;
        work += face->step(face->self, now_ns, mono_ns);
        uint64_t const waits = face->waits ? face->waits(face->self) : 0;
        if (waits != t->gates[i].waits) aats_add_relaxed(&t->counters[AATS_TDC_WAITS], waits - t->gates[i].waits), t->gates[i].waits = waits;
        /* Where there is no memory for its events, a message waits in the gateway. */
        while (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) == AATS_OK && face->next(face->self, &m) == 1) {
            aats_trader_take(t, i, &m, now_ns);
            work++;
        }
    }
    aats_trader_wait_pass(t);
    aats_trader_keep_pass(t);
    aats_trader_end(t);
    return work;
}

int64_t aats_trader_next_mono_ns(aats_trader_t *t)
{
    int64_t next = aats_trader_wait_next(t);
    for (int i = 0; i < t->gate_cnt; i++) {
        int64_t const due = t->gates[i].face.next_mono_ns(t->gates[i].face.self);
        if (due < next) next = due;
    }
    return next;
}
