#include "app/paper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/paper_pipe.h"

#define BUCKETS 1024 /* of the order table, by order_id */
#define MSEC    1000000ll
#define ANSWERS 4    /* most messages that one event or request makes */

/* Where an order is, as the paper venue sees it. */
enum { TRAVELS = 0, HELD = 1, RESTS = 2, ENDED = 3, REFUSED = 4 };

typedef struct porder porder_t;
struct porder {
    aats_match_order_t o; /* o.id is the order_id */
    uint64_t instance;
    uint64_t number;      /* remote_id is P and this; 0: the engine has not taken it */
    int sym;
    int where;
    int canceled;         /* by a cancel request, which was answered */
    uint32_t end_code;    /* ENDED, REFUSED: AATS_OC_* */
    int64_t cum_i;
    int64_t until_mono_ns; /* HELD: so long it waits for a valid book */
    porder_t *chain;      /* of its bucket */
    porder_t *held_next;  /* of its symbol, by arrival */
};

typedef struct {
    aats_match_t *engine; /* NULL: not a symbol of ours */
    int valid;            /* the last quote said so */
    porder_t *held, *held_last;
    int32_t fee_exp;
    char base[16];
    char quote[16];
    char native[24];
} psymbol_t;

struct aats_paper {
    aats_paper_opts_t opts;
    int state;             /* AATS_GW_* */
    int verifying;
    int64_t now_ns;        /* of the last step, quote or tick */
    int64_t mono_ns;       /* of the last step */
    uint64_t number;       /* of the last order that an engine took */
    size_t live_cnt;       /* orders that travel, are held, or rest */
    aats_pipe_t out, back;
    psymbol_t *symbol;
    int symbol_cnt;
    porder_t *bucket[BUCKETS];
};

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
    s->fee_exp = rules->fee_exp;
    snprintf(s->base, sizeof s->base, "%s", rules->base);
    snprintf(s->quote, sizeof s->quote, "%s", rules->quote);
    snprintf(s->native, sizeof s->native, "%.*s", (int)sizeof s->native - 1, rules->native);
    return AATS_OK;
}

static porder_t **bucket_of(aats_paper_t *p, uint64_t order_id) { return p->bucket + order_id % BUCKETS; }

static porder_t *find(aats_paper_t *p, uint64_t order_id)
{
    porder_t *o = *bucket_of(p, order_id);
    while (o != NULL && o->o.id != order_id) o = o->chain;
    return o;
}

/* ---- the way back ---- */

/* say puts a message about an order on its way; there is room. */
static aats_omsg_t *say(aats_paper_t *p, uint32_t kind, uint32_t code, porder_t const *o)
{
    aats_omsg_t *m = &aats_pipe_put(&p->back, p->mono_ns + p->opts.latency_ns)->msg;
    m->kind = kind;
    m->code = code;
    m->venue_ns = p->now_ns;
    m->cum_qty_i = -1;
    if (o == NULL) return m;
    m->instance = o->instance;
    m->order_id = (int64_t)o->o.id;
    snprintf(m->symbol, sizeof m->symbol, "%s", p->symbol[o->sym].native);
    if (o->number != 0) snprintf(m->remote_id, sizeof m->remote_id, "P%llu", (unsigned long long)o->number);
    return m;
}

/* end tells how an order has ended; a whole fill has been told by its last FILL. */
static void end(aats_paper_t *p, porder_t *o, uint32_t code)
{
    o->where = ENDED;
    o->end_code = code;
    p->live_cnt--;
    if (code == AATS_OC_FILLED) return;
    say(p, AATS_OM_DONE, code, o)->cum_qty_i = o->cum_i;
}

static void refuse(aats_paper_t *p, porder_t *o, uint32_t code, char const *text)
{
    o->where = REFUSED;
    o->end_code = code;
    p->live_cnt--;
    snprintf(say(p, AATS_OM_REJECT, code, o)->text, sizeof((aats_omsg_t *)0)->text, "%s", text);
}

static void fill(aats_paper_t *p, porder_t *o, aats_match_ev_t const *ev)
{
    psymbol_t const *s = p->symbol + o->sym;
    aats_omsg_t *m = say(p, AATS_OM_FILL, AATS_OC_NONE, o);
    m->px_i = ev->px_i;
    m->qty_i = ev->qty_i;
    m->cum_qty_i = o->cum_i = ev->cum_qty_i;
    m->fee_i = ev->fee_i;
    m->fee_exp = s->fee_exp;
    m->liquidity = ev->maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    m->trade_id = ev->trade_no;
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", ev->fee_in_base ? s->base : s->quote);
    /* an order that self-trade prevention has made smaller is filled before its size is */
    if (ev->leaves_i == 0) end(p, o, o->cum_i == o->o.qty_i ? AATS_OC_FILLED : AATS_OC_SELF_TRADE);
}

static void rejected(aats_paper_t *p, porder_t *o, uint32_t why)
{
    switch (why) {
    case AATS_MR_WOULD_CROSS: refuse(p, o, AATS_OC_WOULD_CROSS, "post only: the order would have traded at once"); return;
    case AATS_MR_DUPLICATE: refuse(p, o, AATS_OC_VENUE_DUPLICATE, "an order of this id rests already"); return;
    default: refuse(p, o, AATS_OC_FILTER, "the matching engine takes no such order: price or size"); return;
    }
}

static void expired(aats_paper_t *p, porder_t *o, uint32_t why)
{
    end(p, o, why == AATS_MR_STP ? AATS_OC_SELF_TRADE : why == AATS_MR_REST ? AATS_OC_IOC_REST : AATS_OC_EXPIRED);
}

/* drain makes messages of what the engine says; without memory its events wait in it.  Returns how many there were. */
static int drain(aats_paper_t *p, psymbol_t *s)
{
    aats_match_ev_t ev;
    int cnt = 0;
    for (; aats_pipe_room(&p->back, ANSWERS) == AATS_OK && aats_match_next(s->engine, &ev); cnt++) {
        porder_t *o = find(p, ev.id);
        if (o == NULL) continue; /* the trader has forgotten it */
        switch (ev.kind) {
        case AATS_ME_NEW:
            o->where = RESTS;
            o->number = ++p->number;
            say(p, AATS_OM_ACK, AATS_OC_NONE, o);
            break;
        case AATS_ME_REJECTED: rejected(p, o, ev.why); break;
        case AATS_ME_TRADE: fill(p, o, &ev); break;
        case AATS_ME_EXPIRED: expired(p, o, ev.why); break;
        case AATS_ME_CANCELED: end(p, o, AATS_OC_CANCELED); break;
        default: break;
        }
    }
    return cnt;
}

/* ---- arrivals ---- */

static void arrives(aats_paper_t *p, porder_t *o)
{
    psymbol_t *s = p->symbol + o->sym;
    if (s->valid && s->held == NULL) {
        if (aats_match_place(s->engine, &o->o, p->now_ns) != AATS_OK) {
            (void)drain(p, s);
            if (o->where == TRAVELS || o->where == HELD) refuse(p, o, AATS_OC_VENUE, "no memory for the order");
        }
        (void)drain(p, s);
        return;
    }
    o->where = HELD;
    o->until_mono_ns = p->mono_ns + p->opts.wait_ns;
    o->held_next = NULL;
    *(s->held == NULL ? &s->held : &s->held_last->held_next) = o;
    s->held_last = o;
}

static void unhold(psymbol_t *s, porder_t *o)
{
    porder_t **at = &s->held, *before = NULL;
    for (; *at != o; at = &(*at)->held_next) before = *at;
    *at = o->held_next;
    if (s->held_last == o) s->held_last = before;
}

/* release lets held orders in when the book is valid, and refuses those that have waited too long. */
static int release(aats_paper_t *p, psymbol_t *s)
{
    int cnt = 0;
    while (s->held != NULL && (s->valid || s->held->until_mono_ns <= p->mono_ns) && aats_pipe_room(&p->back, ANSWERS) == AATS_OK) {
        porder_t *o = s->held, *rest = o->held_next;
        s->held = NULL; /* so that it goes straight in */
        if (s->valid)
            arrives(p, o);
        else
            refuse(p, o, AATS_OC_NOT_CONNECTED, "no valid book came in time");
        s->held = rest;
        cnt++;
    }
    return cnt;
}

static void cancel_arrives(aats_paper_t *p, porder_t *o, aats_omsg_t const *asked)
{
    if (o == NULL || (o->where != RESTS && o->where != HELD)) {
        aats_omsg_t *m = say(p, AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER, o);
        m->instance = asked->instance;
        m->order_id = asked->order_id;
        snprintf(m->text, sizeof m->text, "no such order rests");
        return;
    }
    say(p, AATS_OM_CANCEL_ACK, AATS_OC_NONE, o);
    if (o->where == HELD) {
        unhold(p->symbol + o->sym, o);
        end(p, o, AATS_OC_CANCELED);
        return;
    }
    (void)aats_match_cancel(p->symbol[o->sym].engine, o->o.id, p->now_ns);
    (void)drain(p, p->symbol + o->sym);
}

/* ask_arrives repeats how things stand; of an order that is held, what becomes of it will be said. */
static void ask_arrives(aats_paper_t *p, porder_t *o, aats_omsg_t const *asked)
{
    if (o == NULL || o->where == TRAVELS) {
        aats_omsg_t *m = say(p, AATS_OM_ABSENT, AATS_OC_NONE, NULL);
        m->instance = asked->instance;
        m->order_id = asked->order_id;
    } else if (o->where == RESTS) {
        say(p, AATS_OM_OPEN, AATS_OC_NONE, o)->cum_qty_i = o->cum_i;
    } else if (o->where == ENDED) {
        say(p, AATS_OM_DONE, o->end_code, o)->cum_qty_i = o->cum_i;
    } else if (o->where == REFUSED) {
        say(p, AATS_OM_REJECT, o->end_code, o);
    }
}

/* ---- the gateway's face ---- */

static int paper_place(void *self, aats_machine_t *m, aats_rules_t const *rules, char *msg, size_t msg_sz)
{
    aats_paper_t *p = self;
    aats_order_t const *mo = &m->o;
    if (p->state == AATS_GW_LEFT || mo->sym >= p->symbol_cnt || p->symbol[mo->sym].engine == NULL) {
        snprintf(msg, msg_sz, p->state == AATS_GW_LEFT ? "paper trading has ended" : "paper trading has no book of %s", rules->symbol);
        return AATS_OC_NOT_CONNECTED;
    }
    porder_t *o = calloc(1, sizeof *o);
    if (o == NULL || aats_pipe_room(&p->out, 1) != AATS_OK) {
        free(o);
        snprintf(msg, msg_sz, "no memory for the order");
        return AATS_OC_ORDERS_FULL;
    }
    o->o = (aats_match_order_t){.id = (uint64_t)mo->order_id, .owner = 1, .side = mo->side, .tif = mo->tif, .stp = p->opts.stp,
                                .px_i = mo->px_i, .qty_i = mo->qty_i, .maker_rate_i = p->opts.maker_rate_i,
                                .taker_rate_i = p->opts.taker_rate_i};
    o->instance = mo->instance;
    o->sym = mo->sym;
    o->chain = *bucket_of(p, o->o.id);
    *bucket_of(p, o->o.id) = o;
    p->live_cnt++;
    aats_parcel_t *parcel = aats_pipe_put(&p->out, p->mono_ns + p->opts.latency_ns);
    parcel->what = AATS_PAPER_PLACE;
    parcel->msg.order_id = mo->order_id;
    return AATS_OK;
}

static int request(aats_paper_t *p, uint32_t what, aats_machine_t const *m)
{
    if (aats_pipe_room(&p->out, 1) != AATS_OK) return AATS_E_NOMEM;
    aats_parcel_t *parcel = aats_pipe_put(&p->out, p->mono_ns + p->opts.latency_ns);
    parcel->what = what;
    parcel->msg.instance = m->o.instance;
    parcel->msg.order_id = m->o.order_id;
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
    porder_t **at = bucket_of(p, (uint64_t)m->o.order_id);
    while (*at != NULL && (*at)->o.id != (uint64_t)m->o.order_id) at = &(*at)->chain;
    porder_t *o = *at;
    if (o == NULL) return;
    *at = o->chain;
    if (o->where < ENDED) p->live_cnt--;
    if (o->where == HELD) unhold(p->symbol + o->sym, o);
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
        if (p->symbol[i].engine != NULL) work += drain(p, p->symbol + i) + release(p, p->symbol + i);
    }
    aats_parcel_t *parcel;
    while ((parcel = aats_pipe_due(&p->out, p->mono_ns)) != NULL && aats_pipe_room(&p->back, ANSWERS) == AATS_OK) {
        porder_t *o = find(p, (uint64_t)parcel->msg.order_id);
        if (parcel->what == AATS_PAPER_CANCEL)
            cancel_arrives(p, o, &parcel->msg);
        else if (parcel->what == AATS_PAPER_ASK)
            ask_arrives(p, o, &parcel->msg);
        else if (o != NULL)
            arrives(p, o);
        aats_pipe_drop(&p->out);
        work++;
    }
    if (p->verifying && p->live_cnt == 0 && aats_pipe_room(&p->back, 1) == AATS_OK) {
        p->verifying = 0;
        say(p, AATS_OM_READY, AATS_OC_NONE, NULL);
        work++;
    }
    return work;
}

static int paper_next(void *self, aats_omsg_t *out)
{
    aats_paper_t *p = self;
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
    (void)drain(p, s);
}

static void paper_tick(void *self, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns)
{
    aats_paper_t *p = self;
    if (sym < 0 || sym >= p->symbol_cnt || p->symbol[sym].engine == NULL) return;
    p->now_ns = now_ns;
    (void)aats_match_trade(p->symbol[sym].engine, aggressor, px_i, qty_i, now_ns);
    (void)drain(p, p->symbol + sym);
}

void aats_paper_gateway(aats_paper_t *p, aats_gateway_t *out)
{
    *out = (aats_gateway_t){
        .self = p, .place = paper_place, .cancel = paper_cancel, .ask = paper_ask, .gone = paper_gone, .step = paper_step, .next = paper_next,
        .state = paper_state, .next_mono_ns = paper_next_mono_ns, .verify = paper_verify, .leave = paper_leave, .quote = paper_quote,
        .tick = paper_tick, .free = paper_free,
    };
}
