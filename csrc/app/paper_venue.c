/* paper_venue.c -- the venue of paper trading: what a request does when it arrives, and what the engine's events mean. */
#include <stdio.h>

#include "app/paper_state.h"

porder_t *aats_paper_find(aats_paper_t *p, uint64_t order_id)
{
    porder_t *o = *aats_paper_bucket(p, order_id);
    while (o != NULL && o->o.id != order_id) o = o->chain;
    return o;
}

porder_t *aats_paper_of(aats_paper_t *p, aats_parcel_t const *parcel)
{
    porder_t *o = aats_paper_find(p, (uint64_t)parcel->msg.order_id);
    return o != NULL && o->instance == parcel->msg.instance ? o : NULL;
}

/* ---- the way back ---- */

aats_omsg_t *aats_paper_say(aats_paper_t *p, uint32_t kind, uint32_t code, porder_t const *o)
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
    aats_paper_say(p, AATS_OM_DONE, code, o)->cum_qty_i = o->cum_i;
}

static void refuse(aats_paper_t *p, porder_t *o, uint32_t code, char const *text)
{
    o->where = REFUSED;
    o->end_code = code;
    p->live_cnt--;
    snprintf(aats_paper_say(p, AATS_OM_REJECT, code, o)->text, sizeof((aats_omsg_t *)0)->text, "%s", text);
}

/* at_exp returns v * 10^exp * rate (in 1e-8) at 10^fee_exp, rounded away from zero; INT64_MAX where that is too large. */
static int64_t at_exp(__int128 v, int exp, int64_t rate_i, int fee_exp)
{
    int shift = exp - 8 - fee_exp;
    __int128 fee;
    while (__builtin_mul_overflow(v, (__int128)rate_i, &fee)) v /= 10, shift++;
    int const sign = fee < 0 ? -1 : 1;
    fee *= sign;
    for (; shift > 0; shift--)
        if (__builtin_mul_overflow(fee, (__int128)10, &fee)) return sign * INT64_MAX;
    for (int more = 0; shift < 0; shift++) {
        more |= fee % 10 != 0;
        fee = fee / 10 + (shift == -1 && more);
    }
    return sign * (fee > INT64_MAX ? INT64_MAX : (int64_t)fee);
}

/* contract_fee returns what a fill of a contract costs, in what it settles in: the engine counts as on spot. */
static int64_t contract_fee(aats_paper_t const *p, psymbol_t const *s, aats_match_ev_t const *ev)
{
    int64_t const rate_i = ev->maker ? p->opts.maker_rate_i : p->opts.taker_rate_i;
    __int128 v = (__int128)ev->qty_i * s->contract_i; /* 64 bits each: it fits */
    int exp = s->qty_exp + s->contract_exp;
    if (s->inverse) { /* so much of the quote asset, paid in the base asset */
        __int128 finer;
        for (int i = 0; i < 18 && !__builtin_mul_overflow(v, (__int128)10, &finer); i++) v = finer, exp--;
        return ev->px_i > 0 ? at_exp(v / ev->px_i, exp - s->px_exp, rate_i, s->fee_exp) : 0;
    }
    __int128 worth;
    while (__builtin_mul_overflow(v, (__int128)ev->px_i, &worth)) v /= 10, exp++;
    return at_exp(worth, exp + s->px_exp, rate_i, s->fee_exp);
}

static void fill(aats_paper_t *p, porder_t *o, aats_match_ev_t const *ev)
{
    psymbol_t *s = p->symbol + o->sym;
    aats_omsg_t *m = aats_paper_say(p, AATS_OM_FILL, AATS_OC_NONE, o);
    m->px_i = ev->px_i;
    m->qty_i = ev->qty_i;
    m->cum_qty_i = o->cum_i = ev->cum_qty_i;
    m->fee_i = s->derivative ? contract_fee(p, s, ev) : ev->fee_i;
    m->fee_exp = s->fee_exp;
    s->pos_i += o->o.side == AATS_SIDE_BUY ? ev->qty_i : -ev->qty_i;
    s->moved = 1;
    m->liquidity = ev->maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    m->trade_id = ev->trade_no;
    snprintf(m->fee_asset, sizeof m->fee_asset, "%s", s->derivative ? s->settle : ev->fee_in_base ? s->base : s->quote);
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

/* reducible returns how much of the position an order of a side could take away. */
static int64_t reducible(psymbol_t const *s, uint32_t side)
{
    int64_t const there = side == AATS_SIDE_BUY ? -s->pos_i : s->pos_i;
    return there > 0 ? there : 0;
}

/* sweep cancels orders that may only reduce a position and are larger than what is left of it, as a venue does.  Two that are filled by one trade of the
 * market are not kept from each other. */
static void sweep(aats_paper_t *p, psymbol_t *s)
{
    s->moved = 0;
    for (int i = 0; s->reduces && i < BUCKETS; i++)
        for (porder_t *o = p->bucket[i]; o != NULL; o = o->chain) {
            if (!o->reduce || o->swept || o->where != RESTS || p->symbol + o->sym != s) continue;
            if (o->o.qty_i - o->cum_i <= reducible(s, o->o.side)) continue;
            o->swept = 1;
            (void)aats_match_cancel(s->engine, o->o.id, p->now_ns);
        }
}

static int drain(aats_paper_t *p, psymbol_t *s)
{
    aats_match_ev_t ev;
    int cnt = 0;
    for (; aats_pipe_room(&p->back, ANSWERS) == AATS_OK && aats_match_next(s->engine, &ev); cnt++) {
        porder_t *o = aats_paper_find(p, ev.id);
        if (o == NULL) continue; /* the trader has forgotten it */
        switch (ev.kind) {
        case AATS_ME_NEW:
            o->where = RESTS;
            o->number = ++p->number;
            aats_paper_say(p, AATS_OM_ACK, AATS_OC_NONE, o);
            break;
        case AATS_ME_REJECTED: rejected(p, o, ev.why); break;
        case AATS_ME_TRADE: fill(p, o, &ev); break;
        case AATS_ME_EXPIRED: expired(p, o, ev.why); break;
        case AATS_ME_CANCELED: end(p, o, o->swept ? AATS_OC_CANCELED_OTHER : AATS_OC_CANCELED); break;
        default: break;
        }
    }
    return cnt;
}

int aats_paper_drain(aats_paper_t *p, psymbol_t *s)
{
    int cnt = drain(p, s);
    if (s->moved) {
        sweep(p, s);
        cnt += drain(p, s);
    }
    return cnt;
}

/* ---- arrivals ---- */

static void arrives(aats_paper_t *p, porder_t *o)
{
    psymbol_t *s = p->symbol + o->sym;
    if (s->valid && s->held == NULL) {
        if (o->reduce) s->reduces = 1;
        if (o->reduce && o->o.qty_i > reducible(s, o->o.side)) {
            refuse(p, o, AATS_OC_REDUCE_ONLY, "reduce only: there is no position of that size that it would make smaller");
            return;
        }
        if (aats_match_place(s->engine, &o->o, p->now_ns) != AATS_OK) {
            (void)aats_paper_drain(p, s);
            if (o->where == TRAVELS || o->where == HELD) refuse(p, o, AATS_OC_VENUE, "no memory for the order");
        }
        (void)aats_paper_drain(p, s);
        return;
    }
    o->where = HELD;
    o->until_mono_ns = p->mono_ns + p->opts.wait_ns;
    o->held_next = NULL;
    *(s->held == NULL ? &s->held : &s->held_last->held_next) = o;
    s->held_last = o;
}

void aats_paper_unhold(psymbol_t *s, porder_t *o)
{
    porder_t **at = &s->held, *before = NULL;
    for (; *at != o; at = &(*at)->held_next) before = *at;
    *at = o->held_next;
    if (s->held_last == o) s->held_last = before;
}

int aats_paper_release(aats_paper_t *p, psymbol_t *s)
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
        aats_omsg_t *m = aats_paper_say(p, AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER, o);
        m->instance = asked->instance;
        m->order_id = asked->order_id;
        snprintf(m->text, sizeof m->text, "no such order rests");
        return;
    }
    aats_paper_say(p, AATS_OM_CANCEL_ACK, AATS_OC_NONE, o);
    if (o->where == HELD) {
        aats_paper_unhold(p->symbol + o->sym, o);
        end(p, o, AATS_OC_CANCELED);
        return;
    }
    (void)aats_match_cancel(p->symbol[o->sym].engine, o->o.id, p->now_ns);
    (void)aats_paper_drain(p, p->symbol + o->sym);
}

/* ask_arrives repeats how things stand; of an order that is held, what becomes of it will be said.  An order that lived in an earlier run has
 * ended with that. */
static void ask_arrives(aats_paper_t *p, porder_t *o, aats_omsg_t const *asked)
{
    if (o == NULL || o->where == TRAVELS) {
        int const lived = o == NULL && asked->code != AATS_OC_NONE;
        aats_omsg_t *m = aats_paper_say(p, lived ? AATS_OM_DONE : AATS_OM_ABSENT, lived ? asked->code : AATS_OC_NONE, NULL);
        m->instance = asked->instance;
        m->order_id = asked->order_id;
        m->cum_qty_i = lived ? asked->cum_qty_i : -1;
        if (lived) snprintf(m->text, sizeof m->text, "paper trading ended with the run that sent it");
    } else if (o->where == RESTS) {
        aats_paper_say(p, AATS_OM_OPEN, AATS_OC_NONE, o)->cum_qty_i = o->cum_i;
    } else if (o->where == ENDED) {
        aats_paper_say(p, AATS_OM_DONE, o->end_code, o)->cum_qty_i = o->cum_i;
    } else if (o->where == REFUSED) {
        aats_paper_say(p, AATS_OM_REJECT, o->end_code, o);
    }
}

void aats_paper_arrive(aats_paper_t *p, aats_parcel_t const *parcel)
{
    porder_t *o = aats_paper_of(p, parcel);
    if (parcel->what == AATS_PAPER_CANCEL)
        cancel_arrives(p, o, &parcel->msg);
    else if (parcel->what == AATS_PAPER_ASK)
        ask_arrives(p, o, &parcel->msg);
    else if (o != NULL)
        arrives(p, o);
}
