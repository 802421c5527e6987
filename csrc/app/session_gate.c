/* session_gate.c -- an order session as the trader sees it: orders and cancels in, messages out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"
#include "base/steps.h"

/* ---- what the trader is told ---- */

/* Where there is no memory for it, everything will be asked for again. */
void session_tell(aats_session_t *s, aats_omsg_t const *m)
{
    if (s->queue_cnt == s->queue_cap) {
        uint32_t cap = s->queue_cap ? 2 * s->queue_cap : 64;
        aats_omsg_t *grown = malloc(cap * sizeof *grown);
        if (!grown) {
            conn_fail(s, AATS_WS_NORMAL, "no memory for its messages");
            return;
        }
        for (uint32_t i = 0; i < s->queue_cnt; i++) grown[i] = s->queue[(s->queue_head + i) % s->queue_cap];
        free(s->queue);
        s->queue = grown;
        s->queue_cap = cap;
        s->queue_head = 0;
    }
    aats_omsg_t *put = &s->queue[(s->queue_head + s->queue_cnt++) % s->queue_cap];
    *put = *m;
    session_hide_key(s, put->text); /* it goes into journals and shared memory */
    if (m->order_id) know_dirty(s, m->instance, m->order_id);
    else s->known_look = 1;
}

void session_tell_kind(aats_session_t *s, uint32_t kind, uint32_t code, char const *text)
{
    aats_omsg_t m = {.kind = kind, .code = code, .recv_ns = s->now_ns, .cum_qty_i = -1};
    snprintf(m.text, sizeof m.text, "%s", text);
    session_tell(s, &m);
}

void session_tell_order(aats_session_t *s, uint32_t kind, uint32_t code, flight_t const *f, char const *text)
{
    aats_omsg_t m = {.kind = kind, .code = code, .recv_ns = s->now_ns, .cum_qty_i = -1, .instance = f->instance, .order_id = f->order_id};
    snprintf(m.text, sizeof m.text, "%s", text);
    session_tell(s, &m);
}

/* ---- the gateway's face ---- */

static void look_at_the_clock(aats_session_t *s)
{
    int64_t late = s->clock ? s->clock() - s->mono_ns : 0;
    if (late <= 0) return;
    s->mono_ns += late;
    s->now_ns += late;
}

static int may_place(aats_session_t *s, char *msg, size_t msg_sz)
{
    uint32_t placing = ask_orders_under_way(s, 1);
    budget_look(s);
    if (s->mono_ns < s->hold_mono_ns) {
        snprintf(msg, msg_sz, "the venue %s; %lld ms are left", s->banned ? "has banned this address" : "wants us to wait",
                 (long long)((s->hold_mono_ns - s->mono_ns) / MS + 1));
        return s->banned ? AATS_OC_BANNED : AATS_OC_RATE_LIMIT;
    }
    if (aats_session_state(s) != AATS_GW_READY || s->leaving) {
        snprintf(msg, msg_sz, "the order session is not ready: %s", s->last);
        return AATS_OC_NOT_CONNECTED;
    }
    int const way = conn_way_of(s, AATS_OR_PLACE);
    if (way >= 0 && s->ways[way].kind == AATS_OWAY_HTTP && !http_ready(s, (uint32_t)way)) {
        snprintf(msg, msg_sz, "no connection for orders: %s", s->last[0] ? s->last : conn_host(s, (uint32_t)way));
        return AATS_OC_NOT_CONNECTED;
    }
    if (s->mono_ns < s->deny_mono_ns) {
        snprintf(msg, msg_sz, "the venue has refused an order because of its key; nothing is sent until it is tried again in %lld s",
                 (long long)((s->deny_mono_ns - s->mono_ns) / SECOND + 1));
        return AATS_OC_AUTH;
    }
    if (s->mono_ns < s->full_mono_ns) {
        snprintf(msg, msg_sz, "the venue wants us to wait with orders; %lld ms are left (cancels pass)",
                 (long long)((s->full_mono_ns - s->mono_ns) / MS + 1));
        return AATS_OC_RATE_LIMIT;
    }
    for (limit_t const *l = s->limits; l < s->limits + LIMITS; l++) {
        int64_t used = (s->mono_ns < l->end_mono_ns ? l->used : 0) + placing;
        if (!l->span_ns || used < l->limit) continue;
        snprintf(msg, msg_sz, "the venue allows %lld orders in %lld s, and %lld are used", (long long)l->limit,
                 (long long)(l->span_ns / SECOND), (long long)used);
        return AATS_OC_RATE_LIMIT;
    }
    return budget_may_place(s, msg, msg_sz);
}

static int g_place(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    aats_session_t *s = self;
    look_at_the_clock(s);
    int code = may_place(s, msg, msg_sz);
    if (code) return code;
    known_t *k = know_add(s, m, rules);
    int e = k ? ask(s, AATS_OR_PLACE, k->sym, m, &m->o, 0) : AATS_E_NOMEM;
    if (e < 0) {
        know_gone(s, m);
        if (e == AATS_E_BUSY) {
            budget_sentence(s, s->token_wait_ns, msg, msg_sz);
            return AATS_OC_RATE_LIMIT;
        }
        snprintf(msg, msg_sz, "its request could not be made (%s)", aats_err_name(e));
        return e == AATS_E_IO ? AATS_OC_AUTH : e == AATS_E_EMPTY ? AATS_OC_VENUE : AATS_OC_NOT_CONNECTED;
    }
    k->sent_mono_ns = s->mono_ns;
    k->stamp_ns = ask_venue_ns(s);
    if (s->flush) s->flush(s->host_arg);
    return AATS_OK;
}

static int g_cancel(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    aats_session_t *s = self;
    look_at_the_clock(s);
    known_t *k = know_add(s, m, rules);
    if (!k) return AATS_E_NOMEM;
    k->wish = 1;
    k->cancel_told = 0;
    k->cancel_mono_ns = 0;
    int out = want_cancel(s, k);
    if (out && s->flush) s->flush(s->host_arg);
    if (out) aats_step(AATS_STEP_CANCEL_WRITTEN);
    else s->unsure++;
    return AATS_OK;
}

static int g_amend(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    aats_session_t *s = self;
    look_at_the_clock(s);
    if (aats_session_state(s) != AATS_GW_READY || s->leaving) {
        snprintf(msg, msg_sz, "the order session is not ready: %s", s->last);
        return AATS_OC_NOT_CONNECTED;
    }
    if (session_waits(s)) {
        snprintf(msg, msg_sz, "the venue wants us to wait; %lld ms are left", (long long)((s->hold_mono_ns - s->mono_ns) / MS + 1));
        return AATS_OC_RATE_LIMIT;
    }
    known_t *k = know_add(s, m, rules);
    int e = k ? ask(s, AATS_OR_AMEND, k->sym, m, &m->o, 0) : AATS_E_NOMEM;
    if (e < 0) {
        if (e == AATS_E_BUSY) {
            budget_sentence(s, s->token_wait_ns, msg, msg_sz);
            return AATS_OC_RATE_LIMIT;
        }
        if (e == AATS_E_EMPTY) snprintf(msg, msg_sz, "%s amends no orders: cancel it and send another", s->venue->name);
        else snprintf(msg, msg_sz, "its request could not be made (%s)", aats_err_name(e));
        return e == AATS_E_EMPTY ? AATS_OC_UNSUPPORTED : e == AATS_E_IO ? AATS_OC_AUTH : AATS_OC_NOT_CONNECTED;
    }
    k->amend_mono_ns = s->mono_ns;
    k->amend_ask_mono_ns = s->mono_ns + s->opts.answer_ns;
    k->amend_tries = 0;
    if (s->flush) s->flush(s->host_arg);
    return AATS_OK;
}

static void g_ask(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    aats_session_t *s = self;
    known_t *k = know_add(s, m, rules);
    if (k) know_dirty(s, k->instance, k->order_id);
}

static void g_gone(void *self, aats_machine_t *m) { know_gone(self, m); }

static int g_step(void *self, int64_t now_ns, int64_t mono_ns)
{
    aats_session_t *s = self;
    int work = aats_session_begin(s, now_ns, mono_ns);
    if (s->pass) work += s->pass(s->host_arg, now_ns, mono_ns);
    return work;
}

static int g_next(void *self, aats_omsg_t *out)
{
    aats_session_t *s = self;
    if (!s->queue_cnt) return 0;
    *out = s->queue[s->queue_head];
    s->queue_head = (s->queue_head + 1) % s->queue_cap;
    s->queue_cnt--;
    return 1;
}

static int g_state(void *self) { return aats_session_state(self); }
static int64_t g_next_mono_ns(void *self) { return aats_session_next_mono_ns(self); }

/* On its way to READY a session that has not looked at open orders yet does so anyway. */
static void g_verify(void *self)
{
    aats_session_t *s = self;
    s->verifying = 1;
    if (s->phase == LINK_OPEN && s->stage > STAGE_OPEN) way_begin(s, STAGE_OPEN);
}

static void g_leave(void *self) { conn_good_bye(self); }
static uint64_t g_waits(void *self) { return aats_session_waits(self); }
static void g_free(void *self) { aats_session_free(self); }

void aats_session_gateway(aats_session_t *s, aats_gateway_t *out)
{
    *out = (aats_gateway_t){.self = s, .place = g_place, .cancel = g_cancel, .amend = g_amend, .ask = g_ask, .gone = g_gone, .step = g_step, .next = g_next,
                            .state = g_state, .next_mono_ns = g_next_mono_ns, .verify = g_verify, .leave = g_leave, .waits = g_waits,
                            .free = g_free};
    snprintf(out->exchange, sizeof out->exchange, "%s", s->venue->name);
}
