/* fuzz_machine.c -- whatever a venue says of an order, and whenever the strategy cancels or amends, the machine keeps the promises of machine.h.
 *
 * Input: 8 bytes a step (what, code, cum, trade id, size, price, flags, who).  Aborts on an undocumented code, an event against
 * the grammar, a sum that is not that of the fills told, a refused message that changed the order, or an event beyond AATS_MACHINE_OUT. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "order/machine.h"
#include "order/wide.h"

#define STEP_SZ 8
#define LIFE_SZ (256 * STEP_SZ) /* the rest of a long input is left */

static void demand(int cond)
{
    if (!cond) abort();
}

/* heard_t -- what a strategy was told so far. */
typedef struct {
    int acked, rejected, canceled, closed, open;
    int64_t sum;
    __int128 notional;
} heard_t;

static void hear(heard_t *h, aats_oev_t const *ev, aats_order_t const *o)
{
    demand(!h->closed || ev->kind == AATS_OEV_CANCEL_REJECTED || ev->kind == AATS_OEV_AMEND_REJECTED);
    demand(ev->order.order_id == o->order_id && ev->code < AATS_OC_CNT);
    switch (ev->kind) {
    case AATS_OEV_ACKED:           demand(!h->acked && !h->rejected); h->acked = 1; break;
    case AATS_OEV_REJECTED:        demand(!h->acked && !h->rejected); h->rejected = 1; break;
    case AATS_OEV_CANCELED:        demand(h->acked && !h->canceled); h->canceled = 1; break;
    case AATS_OEV_CANCEL_CREATED:  h->open++; break;
    case AATS_OEV_CANCEL_ACKED:    demand(--h->open >= 0); break;
    case AATS_OEV_CANCEL_REJECTED: demand(h->closed || --h->open >= 0); break;
    case AATS_OEV_AMENDED:         demand(h->acked && !h->canceled && ev->order.qty_i >= h->sum); break;
    case AATS_OEV_UNKNOWN:
    case AATS_OEV_AMEND_REJECTED:  break;
    case AATS_OEV_EXEC:
        demand(h->acked && !h->canceled && ev->fill_qty_i > 0);
        h->sum += ev->fill_qty_i;
        h->notional += (__int128)ev->fill_qty_i * ev->fill_px_i;
        demand(ev->order.cum_qty_i == h->sum && h->sum <= o->qty_i);
        break;
    case AATS_OEV_CLOSED:
        demand((h->acked || h->rejected) && h->open == 0);
        demand((ev->code == AATS_OC_FILLED) == (h->sum == o->qty_i));
        h->closed = 1;
        break;
    default: abort();
    }
}

static aats_omsg_t message(uint8_t const *p)
{
    aats_omsg_t one;
    memset(&one, 0, sizeof one);
    one.kind = p[0] % (AATS_OM_STRANGE + 2);
    one.code = p[1] % AATS_OC_CNT;
    if (one.kind != AATS_OM_DONE && one.code == AATS_OC_FILLED) one.code = AATS_OC_VENUE; /* no venue refuses with that */
    one.cum_qty_i = (int8_t)p[2];
    one.trade_id = p[3];
    one.qty_i = (int8_t)p[4];
    one.px_i = (int8_t)p[5];
    one.order_id = p[6] & 1 ? 2 : 1;
    if (p[6] & 2) one.qty_i = INT64_MAX - p[4];
    if (p[6] & 4) one.px_i = INT64_MAX - p[5];
    if (p[6] & 8) one.cum_qty_i = INT64_MIN + p[2];
    if (p[6] & 16) memset(one.remote_id, 'r', sizeof one.remote_id);
    if (p[6] & 32) memset(one.text, 't', sizeof one.text);
    if (p[6] & 64) memset(one.fee_asset, 'f', sizeof one.fee_asset);
    return one;
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    aats_machine_t m;
    heard_t heard = {0};
    aats_order_t const o = {.order_id = 1, .qty_i = size > 0 && data[size - 1] & 1 ? INT64_MAX : 60, .px_i = 5, .created_ns = 1};
    aats_oev_t *out = malloc(AATS_MACHINE_OUT * sizeof *out); /* its end is guarded */
    demand(out != NULL && aats_machine_new(&m, &o, out) == 1 && out[0].kind == AATS_OEV_CREATED);

    for (size_t at = 0; at + STEP_SZ <= size && at < LIFE_SZ; at += STEP_SZ) {
        uint8_t const *p = data + at;
        aats_order_t const was = m.o;
        uint32_t const seen = m.seen_cnt;
        int cnt, go = 0;
        if (p[7] % 4 == 0) {
            int const state = m.o.state;
            cnt = aats_machine_cancel(&m, 2, out, &go);
            demand(cnt > 0 && (!go || state == AATS_ORD_NEW || state == AATS_ORD_LIVE));
        } else if (p[7] % 8 == 1) {
            int const state = m.o.state;
            cnt = aats_machine_amend(&m, 1 + p[1] % 8, 1 + p[2] % 100, 2, out, &go);
            demand(cnt == !go && (!go || state == AATS_ORD_NEW || state == AATS_ORD_LIVE));
        } else {
            aats_omsg_t const one = message(p);
            cnt = aats_machine_take(&m, &one, 2, out);
        }
        demand(cnt >= 0 ? cnt <= AATS_MACHINE_OUT : cnt == AATS_E_STALE || cnt == AATS_E_SHAPE || cnt == AATS_E_ARG);
        if (cnt < 0) demand(memcmp(&was, &m.o, sizeof was) == 0 && seen == m.seen_cnt);
        for (int i = 0; i < cnt; i++) hear(&heard, &out[i], &m.o);
        demand(m.o.cum_qty_i == heard.sum && aats_wide(m.o.cum_notional) == heard.notional);
        demand(heard.closed == (m.o.state == AATS_ORD_CLOSED));
        demand(m.o.remote_id[sizeof m.o.remote_id - 1] == 0 && m.o.msg[sizeof m.o.msg - 1] == 0);
        demand(m.o.state != AATS_ORD_CLOSED || m.amend_qty_i == 0);
        demand(m.o.state != AATS_ORD_CLOSED || (aats_machine_asks(&m) == AATS_ASK_NOTHING && !(m.o.flags & AATS_OF_UNKNOWN)));
        for (uint32_t i = 1; i < m.seen_cnt; i++) demand(m.seen[i - 1] < m.seen[i]);
    }
    aats_machine_fini(&m);
    free(out);
    return 0;
}
