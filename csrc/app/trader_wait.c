/* trader_wait.c -- orders that wait for their session, where that was asked for: counted by the risk gate, known to the strategy, in no journal, because no
 * byte of them has left.  They go out in the order in which they came, or are refused when their time is over. */
#include <stdio.h>

#include "app/trader_state.h"

int aats_trader_must_wait(aats_trader_t const *t, int gate, int code)
{
    gate_t const *g = &t->gates[gate];
    if (!t->patient || t->closing) return 0;
    if (code != AATS_OC_NONE) return code == AATS_OC_NOT_CONNECTED || code == AATS_OC_RATE_LIMIT || code == AATS_OC_BANNED;
    int const state = g->face.state(g->face.self);
    return g->waiting > 0 || state == AATS_GW_DOWN || state == AATS_GW_STARTING;
}

void aats_trader_wait(aats_trader_t *t, int32_t slot, int code)
{
    slot_t *sl = &t->slots[slot];
    sl->waits = (uint8_t)code;
    sl->until_mono_ns = t->mono_ns + t->queue_ns;
    sl->recv_ns = sl->delivered_ns = 0; /* no hop is measured over a wait */
    t->gates[t->symbols[sl->m.o.sym].gate].waiting++;
    aats_trader_count(t, AATS_TDC_HELD);
    aats_trader_machine_did(t, slot, NULL, 0);
}

static void waits_no_more(aats_trader_t *t, slot_t *sl)
{
    sl->waits = AATS_OC_NONE;
    t->gates[t->symbols[sl->m.o.sym].gate].waiting--;
}

/* too_late returns the code by which a waiting order is refused now, with a sentence; AATS_OC_NONE while it may wait. */
static int too_late(aats_trader_t *t, slot_t const *sl, char *msg, size_t msg_sz)
{
    int const code = t->fenced ? AATS_OC_FENCED : t->closing ? AATS_OC_CLOSING : t->mono_ns >= sl->until_mono_ns ? sl->waits : AATS_OC_NONE;
    if (code == AATS_OC_FENCED) snprintf(msg, msg_sz, "another process has taken over the orders of this strategy");
    else if (code == AATS_OC_CLOSING) snprintf(msg, msg_sz, "the strategy is closing, and the order has not gone out yet");
    else if (code != AATS_OC_NONE)
        snprintf(msg, msg_sz, "it has waited %lld ms for %s", (long long)(t->queue_ns / 1000000),
                 code == AATS_OC_NOT_CONNECTED ? "the order session, which is not ready" : "the venue's limit on orders");
    return code;
}

void aats_trader_wait_pass(aats_trader_t *t)
{
    int blocked[GATEWAYS] = {0}, any = 0;
    for (int i = 0; i < t->gate_cnt; i++) any |= t->gates[i].waiting > 0;
    for (int32_t at = any ? t->oldest : NONE; at != NONE; at = t->slots[at].newer) {
        slot_t *sl = &t->slots[at];
        char msg[REASON_SZ] = "";
        if (sl->waits == AATS_OC_NONE) continue;
        if (aats_trader_queue_room(t, 2 * AATS_MACHINE_OUT) != AATS_OK) return;
        int const gate = t->symbols[sl->m.o.sym].gate;
        gate_t *g = &t->gates[gate];
        int code = too_late(t, sl, msg, sizeof msg);
        if (code == AATS_OC_NONE) {
            if (blocked[gate] || g->face.state(g->face.self) != AATS_GW_READY) continue;
            int const denied = aats_trader_risk_recheck(t, at, msg, sizeof msg);
            code = denied != AATS_OC_NONE ? denied : aats_trader_go(t, at, msg, sizeof msg);
            if (denied != AATS_OC_NONE) aats_trader_count(t, AATS_TDC_DENIED);
            else if (code != AATS_OK && aats_trader_must_wait(t, gate, code)) {
                sl->waits = (uint8_t)code;
                blocked[gate] = 1; /* those behind it would overtake it */
                continue;
            }
        }
        waits_no_more(t, sl);
        if (code == AATS_OK) aats_trader_sent(t, at);
        else aats_trader_refuse(t, at, code, msg);
    }
}

/* A cancel of an order of which nothing has left is done here: CancelAcked, and Rejected, because the venue never had it. */
void aats_trader_wait_cancel(aats_trader_t *t, int32_t slot)
{
    slot_t *sl = &t->slots[slot];
    aats_oev_t acked = {.ns = t->now_ns, .kind = AATS_OEV_CANCEL_ACKED};
    waits_no_more(t, sl);
    sl->m.o.cancel = AATS_CXL_NONE;
    acked.order = sl->m.o;
    aats_trader_queue_put(t, &acked, 1, slot, 0);
    aats_trader_refuse(t, slot, AATS_OC_CANCELED, "it was canceled before it went out");
}

int64_t aats_trader_wait_next(aats_trader_t const *t)
{
    int64_t next = INT64_MAX;
    int any = 0;
    for (int i = 0; i < t->gate_cnt; i++) any |= t->gates[i].waiting > 0;
    for (int32_t at = any ? t->oldest : NONE; at != NONE; at = t->slots[at].newer)
        if (t->slots[at].waits != AATS_OC_NONE && t->slots[at].until_mono_ns < next) next = t->slots[at].until_mono_ns;
    return next;
}
