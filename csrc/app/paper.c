/* paper.c -- the gateway's face of paper trading: requests go out, messages come back, time passes. */
#include "app/paper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/paper_state.h"
#include "order/client_id.h"

#define MSEC 1000000ll

void aats_paper_defaults(aats_paper_opts_t *opts)
{
    *opts = (aats_paper_opts_t){.latency_ns = MSEC, .maker_rate_i = 100000, .taker_rate_i = 100000, .stp = AATS_STP_EXPIRE_MAKER,
                                .wait_ns = 3000 * MSEC, .late_ns = 200 * MSEC};
}

aats_paper_t *aats_paper_new(aats_paper_opts_t const *opts)
{
    aats_paper_t *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->opts = *opts;
    p->state = AATS_GW_STARTING;
    return p;
}

void aats_paper_free(aats_paper_t *p)
{
    if (p == NULL) return;
    for (int i = 0; i < p->symbol_cnt; i++) aats_match_free(p->symbol[i].engine);
    for (int i = 0; i < BUCKETS; i++) {
        for (porder_t *o = p->bucket[i], *next; o != NULL; o = next) {
            next = o->chain;
            free(o);
        }
    }
    free(p->symbol);
    aats_pipe_fini(&p->out);
    aats_pipe_fini(&p->back);
    aats_paper_fault_free(p);
    free(p);
}

int aats_paper_symbol(aats_paper_t *p, int sym, aats_rules_t const *rules)
{
    if (sym < 0 || sym >= AATS_DIR_MAX || rules->px_exp < -18 || rules->px_exp > 0 || rules->qty_exp < -18 || rules->qty_exp > 0 ||
        rules->fee_exp < -18 || rules->fee_exp > 0)
        return AATS_E_ARG;
    if (sym >= p->symbol_cnt) {
        psymbol_t *symbol = realloc(p->symbol, (size_t)(sym + 1) * sizeof *symbol);
        if (symbol == NULL) return AATS_E_NOMEM;
        memset(symbol + p->symbol_cnt, 0, (size_t)(sym + 1 - p->symbol_cnt) * sizeof *symbol);
        p->symbol = symbol;
        p->symbol_cnt = sym + 1;
    }
    psymbol_t *s = p->symbol + sym;
    if (s->engine != NULL) return AATS_E_BUSY;
    s->engine = aats_match_new(rules->px_exp, rules->qty_exp, rules->fee_exp);
    if (s->engine == NULL) return AATS_E_NOMEM;
    aats_match_late(s->engine, p->opts.late_ns);
    s->px_exp = rules->px_exp, s->qty_exp = rules->qty_exp, s->fee_exp = rules->fee_exp;
    s->derivative = rules->derivative != 0, s->inverse = rules->inverse != 0;
    s->contract_i = rules->contract_i, s->contract_exp = rules->contract_exp;
    snprintf(s->settle, sizeof s->settle, "%s", rules->settle);
    snprintf(s->base, sizeof s->base, "%s", rules->base);
    snprintf(s->quote, sizeof s->quote, "%s", rules->quote);
    snprintf(s->native, sizeof s->native, "%.*s", (int)sizeof s->native - 1, rules->native);
    return AATS_OK;
}

/* ---- the gateway's face ---- */

static int paper_place(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    aats_paper_t *p = self;
    aats_order_t const *mo = &m->o;
    if (p->state == AATS_GW_LEFT || p->state == AATS_GW_DOWN || mo->sym >= p->symbol_cnt || p->symbol[mo->sym].engine == NULL) {
        if (p->state == AATS_GW_DOWN) snprintf(msg, msg_sz, "the order session is not ready: the connection was cut");
        else snprintf(msg, msg_sz, p->state == AATS_GW_LEFT ? "paper trading has ended" : "paper trading has no book of %s", rules->symbol);
        return AATS_OC_NOT_CONNECTED;
    }
    porder_t *o = calloc(1, sizeof *o);
    if (o == NULL || aats_pipe_room(&p->out, 1) != AATS_OK) {
        free(o);
        snprintf(msg, msg_sz, "no memory for the order");
        return AATS_OC_ORDERS_FULL;
    }
    o->o = (aats_match_order_t){.id = (uint64_t)aats_order_client_no(mo), .owner = 1, .side = mo->side, .tif = mo->tif, .stp = p->opts.stp,
                                .px_i = mo->px_i, .qty_i = mo->qty_i, .maker_rate_i = p->opts.maker_rate_i,
                                .taker_rate_i = p->opts.taker_rate_i};
    o->instance = mo->instance;
    o->sym = mo->sym;
    o->reduce = (mo->flags & AATS_OF_REDUCE) != 0;
    o->chain = *aats_paper_bucket(p, o->o.id);
    *aats_paper_bucket(p, o->o.id) = o;
    p->live_cnt++;
    aats_parcel_t *parcel = aats_pipe_put(&p->out, p->mono_ns + p->opts.latency_ns);
    parcel->what = AATS_PAPER_PLACE;
    parcel->msg.instance = mo->instance;
    parcel->msg.order_id = aats_order_client_no(mo);
    return AATS_OK;
}

static int request(aats_paper_t *p, uint32_t what, aats_machine_t const *m)
{
    if (aats_pipe_room(&p->out, 1) != AATS_OK) return AATS_E_NOMEM;
    aats_parcel_t *parcel = aats_pipe_put(&p->out, p->mono_ns + p->opts.latency_ns);
    parcel->what = what;
    parcel->msg.instance = m->o.instance;
    parcel->msg.order_id = aats_order_client_no(&m->o);
    if (m->o.state == AATS_ORD_LIVE) parcel->msg.code = AATS_OC_CANCELED_OTHER; /* what it is if it is not there */
    if (m->o.state == AATS_ORD_ENDING) parcel->msg.code = AATS_OC_FILLS_MISSING;
    parcel->msg.cum_qty_i = m->o.cum_qty_i;
    return AATS_OK;
}

static int paper_cancel(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    (void)rules;
    return request(self, AATS_PAPER_CANCEL, m);
}

static void paper_ask(void *self, aats_machine_t *m, aats_rules_t const *rules)
{
    (void)rules;
    (void)request(self, AATS_PAPER_ASK, m);
}

/* paper_gone forgets an order.  One that still rests (its process ends) is taken out of the engine without a word. */
static void paper_gone(void *self, aats_machine_t *m)
{
    aats_paper_t *p = self;
    uint64_t const id = (uint64_t)aats_order_client_no(&m->o);
    porder_t **at = aats_paper_bucket(p, id);
    while (*at != NULL && ((*at)->o.id != id || (*at)->instance != m->o.instance)) at = &(*at)->chain;
    porder_t *o = *at;
    if (o == NULL) return;
    *at = o->chain;
    if (o->where < ENDED) p->live_cnt--;
    if (o->where == HELD) aats_paper_unhold(p->symbol + o->sym, o);
    if (o->where == RESTS) (void)aats_match_cancel(p->symbol[o->sym].engine, o->o.id, p->now_ns);
    free(o);
}

static int paper_step(void *self, int64_t now_ns, int64_t mono_ns)
{
    aats_paper_t *p = self;
    int work = 0;
    p->now_ns = now_ns;
    if (mono_ns > p->mono_ns) p->mono_ns = mono_ns;
    if (p->state == AATS_GW_STARTING && aats_pipe_room(&p->back, 1) == AATS_OK) {
        p->state = AATS_GW_READY;
        aats_pipe_put(&p->back, p->mono_ns)->msg.kind = AATS_OM_READY;
        work++;
    }
    for (int i = 0; i < p->symbol_cnt; i++) {
        if (p->symbol[i].engine != NULL) work += aats_paper_drain(p, p->symbol + i) + aats_paper_release(p, p->symbol + i);
    }
    aats_parcel_t *parcel;
    int const down = p->faults != NULL && aats_paper_fault_down(p);
    while (!down && (parcel = aats_pipe_due(&p->out, p->mono_ns)) != NULL && aats_pipe_room(&p->back, ANSWERS) == AATS_OK) {
        if (p->faults == NULL || !aats_paper_fault_arrives(p, parcel)) aats_paper_arrive(p, parcel);
        aats_pipe_drop(&p->out);
        work++;
    }
    if (p->verifying && p->live_cnt == 0 && aats_pipe_room(&p->back, 1) == AATS_OK) {
        p->verifying = 0;
        aats_paper_say(p, AATS_OM_READY, AATS_OC_NONE, NULL);
        work++;
    }
    return work;
}

static int paper_next(void *self, aats_omsg_t *out)
{
    aats_paper_t *p = self;
    if (p->faults != NULL) {
        int const got = aats_paper_fault_next(p, out);
        out->recv_ns = p->now_ns;
        return got;
    }
    aats_parcel_t const *parcel = aats_pipe_due(&p->back, p->mono_ns);
    if (parcel == NULL) return 0;
    *out = parcel->msg;
    out->recv_ns = p->now_ns;
    aats_pipe_drop(&p->back);
    return 1;
}

static int64_t paper_next_mono_ns(void *self)
{
    aats_paper_t *p = self;
    int64_t next = aats_pipe_next_ns(&p->out), back = aats_pipe_next_ns(&p->back);
    if (back < next) next = back;
    if (p->faults != NULL && aats_paper_fault_next_ns(p) < next) next = aats_paper_fault_next_ns(p);
    for (int i = 0; i < p->symbol_cnt; i++) {
        psymbol_t const *s = p->symbol + i;
        if (s->held != NULL && s->valid) return p->mono_ns;
        if (s->held != NULL && s->held->until_mono_ns < next) next = s->held->until_mono_ns;
    }
    return p->state == AATS_GW_STARTING || (p->verifying && p->live_cnt == 0) ? p->mono_ns : next;
}

static int paper_state(void *self) { return ((aats_paper_t *)self)->state; }
static void paper_verify(void *self) { ((aats_paper_t *)self)->verifying = 1; }
static void paper_leave(void *self) { ((aats_paper_t *)self)->state = AATS_GW_LEFT; }
static void paper_free(void *self) { aats_paper_free(self); }

static void paper_quote(void *self, int sym, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks,
                        size_t ask_cnt, int valid, int64_t now_ns)
{
    aats_paper_t *p = self;
    if (sym < 0 || sym >= p->symbol_cnt || p->symbol[sym].engine == NULL) return;
    psymbol_t *s = p->symbol + sym;
    p->now_ns = now_ns;
    s->valid = valid && aats_match_book(s->engine, bids, bid_cnt, asks, ask_cnt, now_ns) == AATS_OK;
    if (!s->valid) aats_match_clear(s->engine);
    (void)aats_paper_drain(p, s);
}

static void paper_tick(void *self, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    aats_paper_t *p = self;
    if (sym < 0 || sym >= p->symbol_cnt || p->symbol[sym].engine == NULL) return;
    p->now_ns = now_ns;
    (void)aats_match_trade(p->symbol[sym].engine, aggressor, px_i, qty_i, now_ns);
    (void)aats_paper_drain(p, p->symbol + sym);
}

void aats_paper_gateway(aats_paper_t *p, aats_gateway_t *out)
{
    *out = (aats_gateway_t){
        .self = p, .place = paper_place, .cancel = paper_cancel, .ask = paper_ask, .gone = paper_gone,
        .step = paper_step, .next = paper_next, .state = paper_state, .next_mono_ns = paper_next_mono_ns, .verify = paper_verify,
        .leave = paper_leave, .quote = paper_quote,
        .tick = paper_tick, .free = paper_free,
    };
}
