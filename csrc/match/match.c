/* match.c -- own orders: place, cancel, reduce.  The public's part is public.c. */
#include "match/match.h"

#include "match/engine.h"

#define RATE_MAX 100000000

/* An order that takes, while it walks the other side. */
typedef struct {
    aats_own_t *own;
    __int128 budget;   /* MARKET by quote: what is left to spend or get, at px_exp + qty_exp */
    int by_quote;
    int side;          /* its own: AATS_BID, AATS_ASK */
    uint32_t over;     /* AATS_MR_*: it takes no more, its rest ends; NONE: it goes on */
    int ended;         /* self-trade prevention has told its end */
    uint64_t last;     /* by_quote: number of its last TRADE event, plus 1 */
    int code;
} taker_t;

/* want is what the taker would take at a price. */
static int64_t want(taker_t const *t, int64_t px_i)
{
    if (t->over != AATS_MR_NONE || t->ended) return 0;
    if (!t->by_quote) return t->own->left_i;
    __int128 const most = t->budget / px_i;
    int64_t const qty_i = most > INT64_MAX ? INT64_MAX : (int64_t)most;
    return qty_i - qty_i % t->own->o.lot_i;
}

static void spend(taker_t *t, int64_t px_i, int64_t qty_i)
{
    if (!t->by_quote) return;
    t->budget -= (__int128)px_i * qty_i;
    t->own->left_i = want(t, px_i);
}

static void take(aats_match_t *m, taker_t *t, int64_t px_i, int64_t qty_i, uint64_t other, int64_t now_ns)
{
    m->trade_no++;
    if (t->by_quote) t->own->left_i = want(t, px_i);
    aats_match_ev_t *ev = aats_me_fill(m, t->own, px_i, qty_i, 0, other, now_ns);
    t->last = m->ev_tail;
    spend(t, px_i, qty_i);
    ev->leaves_i = t->own->left_i;
}

static void end_resting(aats_match_t *m, aats_own_t *own, uint32_t kind, uint32_t why, int64_t now_ns)
{
    aats_me_emit(m, kind, why, own, own->left_i, now_ns);
    aats_owns_drop(&m->owns, own, 1);
}

/* decrement takes qty off both sides of a trade that may not be; whoever has nothing left has ended. */
static void decrement(aats_match_t *m, taker_t *t, aats_own_t *maker, int64_t px_i, int64_t now_ns)
{
    int64_t const qty_i = aats_me_min(want(t, px_i), maker->left_i);
    if (maker->left_i == qty_i) {
        end_resting(m, maker, AATS_ME_EXPIRED, AATS_MR_STP, now_ns);
    } else {
        maker->left_i -= qty_i;
        aats_me_emit(m, AATS_ME_REDUCED, AATS_MR_STP, maker, qty_i, now_ns);
    }
    if (t->by_quote)
        spend(t, px_i, qty_i);
    else
        t->own->left_i -= qty_i;
    t->ended = t->own->left_i == 0;
    aats_me_emit(m, t->ended ? AATS_ME_EXPIRED : AATS_ME_REDUCED, AATS_MR_STP, t->own, qty_i, now_ns);
}

static void meet_own(aats_match_t *m, taker_t *t, aats_own_t *maker, int64_t now_ns)
{
    int64_t const px_i = maker->o.px_i;
    uint32_t const stp = maker->o.owner == t->own->o.owner ? t->own->o.stp : AATS_STP_NONE;
    if (stp == AATS_STP_NONE) {
        int64_t const qty_i = aats_me_min(want(t, px_i), maker->left_i);
        take(m, t, px_i, qty_i, maker->o.id, now_ns);
        aats_me_fill(m, maker, px_i, qty_i, 1, t->own->o.id, now_ns);
        if (maker->left_i == 0) aats_owns_drop(&m->owns, maker, 1);
    } else if (stp == AATS_STP_DECREMENT) {
        decrement(m, t, maker, px_i, now_ns);
    } else {
        if (stp != AATS_STP_EXPIRE_TAKER) end_resting(m, maker, AATS_ME_EXPIRED, AATS_MR_STP, now_ns);
        if (stp != AATS_STP_EXPIRE_MAKER) t->over = AATS_MR_STP;
    }
}

/* meet walks the queue of one price: the public before the first own order, that order, the public before the next ... */
static void meet(aats_match_t *m, taker_t *t, int64_t px_i, int64_t now_ns)
{
    int const side = !t->side;
    aats_levels_t const *l = &m->pub[side];
    aats_pub_t *pub = aats_levels_knows(l, px_i) ? aats_levels_find(l, px_i) : NULL;
    aats_queue_t *q = aats_owns_queue(&m->owns, side, px_i);
    int64_t const shown = aats_levels_left(pub);
    int64_t eaten = 0;
    if (q != NULL) aats_me_settle(m, side, q);
    while (want(t, px_i) > 0) {
        if (aats_me_room(m, AATS_ME_STEP) != AATS_OK) {
            t->over = AATS_MR_NO_LIQUIDITY;
            t->code = AATS_E_NOMEM;
            break;
        }
        q = aats_owns_queue(&m->owns, side, px_i);
        int64_t const stands = (q == NULL ? shown : aats_me_min(q->first->ahead_i, shown)) - eaten;
        if (stands > 0) {
            int64_t const qty_i = aats_me_min(want(t, px_i), stands);
            take(m, t, px_i, qty_i, 0, now_ns);
            eaten += qty_i;
        } else if (q != NULL) {
            meet_own(m, t, q->first, now_ns);
        } else {
            break;
        }
    }
    if (pub != NULL) pub->taken_i += eaten;
    q = aats_owns_queue(&m->owns, side, px_i);
    for (aats_own_t *own = q ? q->first : NULL; own != NULL; own = own->next) {
        if (own->ahead_i != AATS_AHEAD_UNKNOWN) own->ahead_i -= aats_me_min(own->ahead_i, eaten);
    }
}

/* next_price finds the best price of the other side that the taker may trade at: 1 or 0. */
static int next_price(aats_match_t const *m, taker_t const *t, int64_t *px_i)
{
    aats_pub_t const *pub = aats_levels_best(&m->pub[!t->side]);
    aats_queue_t const *q = aats_owns_best(&m->owns, !t->side);
    if (pub == NULL && q == NULL) return 0;
    *px_i = pub == NULL || (q != NULL && aats_px_key(!t->side, q->px_i) > aats_px_key(!t->side, pub->px_i)) ? q->px_i : pub->px_i;
    return t->own->o.tif == AATS_TIF_MARKET || aats_me_reaches(t->side, t->own->o.px_i, *px_i);
}

/* fillable is 1 if a FOK order would be filled whole: meet without changing anything. */
static int fillable(aats_match_t const *m, aats_match_order_t const *o)
{
    int const mine = aats_own_side(o), side = !mine;
    aats_levels_t const *l = &m->pub[side];
    size_t pub_pos = l->cnt, q_pos = m->owns.queue_cnt[side];
    int64_t need = o->qty_i;
    while (need > 0 && (pub_pos > 0 || q_pos > 0)) {
        aats_pub_t const *pub = pub_pos ? l->at + pub_pos - 1 : NULL;
        aats_queue_t const *q = q_pos ? m->owns.queue[side] + q_pos - 1 : NULL;
        if (pub != NULL && q != NULL && pub->px_i != q->px_i) {
            if (aats_px_key(side, pub->px_i) > aats_px_key(side, q->px_i))
                q = NULL;
            else
                pub = NULL;
        }
        int64_t const px_i = pub != NULL ? pub->px_i : q->px_i;
        if (!aats_me_reaches(mine, o->px_i, px_i)) return 0;
        int64_t const shown = aats_levels_knows(l, px_i) ? aats_levels_left(pub) : 0;
        int64_t before = need; /* of the quantity that is needed here, before the public is counted */
        for (aats_own_t const *own = q ? q->first : NULL; own != NULL; own = own->next) {
            if (own->o.owner != o->owner || o->stp == AATS_STP_NONE)
                before -= aats_me_min(before, own->left_i);
            else if (o->stp != AATS_STP_EXPIRE_MAKER) /* nothing behind this one can be had, and the taker loses by it */
                return aats_me_min(own->ahead_i, shown) >= before;
        }
        need = before - aats_me_min(before, shown);
        pub_pos -= pub != NULL;
        q_pos -= q != NULL;
    }
    return need == 0;
}

/* well_formed checks what an order must be before anything is done with it. */
static int well_formed(aats_match_order_t const *o)
{
    if (o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) return 0;
    if (o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET || o->stp > AATS_STP_DECREMENT) return 0;
    if (o->maker_rate_i > RATE_MAX || o->maker_rate_i < -RATE_MAX || o->taker_rate_i > RATE_MAX || o->taker_rate_i < -RATE_MAX) return 0;
    if (o->tif != AATS_TIF_MARKET) return o->px_i > 0 && o->qty_i > 0;
    if (o->quote_i == 0) return o->qty_i > 0;
    return o->quote_i > 0 && o->qty_i == 0 && o->lot_i > 0;
}

static void refuse(aats_match_t *m, aats_match_order_t const *o, uint32_t why, int64_t now_ns)
{
    aats_own_t const none = {.o = *o};
    aats_me_emit(m, AATS_ME_REJECTED, why, &none, o->qty_i, now_ns);
}

static void rest(aats_match_t *m, taker_t *t, int64_t now_ns)
{
    aats_own_t *own = t->own;
    aats_levels_t const *l = &m->pub[t->side];
    aats_owns_rest(&m->owns, own);
    aats_queue_t *q = aats_owns_queue(&m->owns, t->side, own->o.px_i);
    own->ahead_i = AATS_AHEAD_UNKNOWN;
    if (aats_levels_knows(l, own->o.px_i)) own->ahead_i = aats_levels_queue(aats_levels_find(l, own->o.px_i));
    aats_own_t const *prev = own->prev;
    if (prev == NULL) return;
    aats_me_settle(m, t->side, q);
    aats_me_freshen(m, q, now_ns);
    if (prev->ahead_i > own->ahead_i) own->ahead_i = prev->ahead_i;
    /* a late trade explains the same loss to those behind */
    int64_t const more = own->ahead_i - prev->ahead_i;
    if (prev->lost_i > more) own->lost_i = prev->lost_i - more;
}

/* finish lets what is left of a taker rest or end. */
static void finish(aats_match_t *m, taker_t *t, int64_t now_ns)
{
    aats_own_t *own = t->own;
    uint32_t why = t->over;
    int whole = own->left_i == 0;
    if (t->by_quote && !t->ended && why == AATS_MR_NONE) {
        int64_t px_i;
        int const more = next_price(m, t, &px_i);
        whole = t->last != 0 && (whole || (more && want(t, px_i) == 0));
        if (whole)
            m->ev[(t->last - 1) & (m->ev_cap - 1)].leaves_i = 0;
        else if (t->last == 0)
            why = more ? AATS_MR_REST : AATS_MR_NO_LIQUIDITY;
    }
    if (t->ended || (whole && why == AATS_MR_NONE)) {
        aats_owns_drop(&m->owns, own, 0);
    } else if (why == AATS_MR_NONE && (own->o.tif == AATS_TIF_GTC || own->o.tif == AATS_TIF_POS)) {
        rest(m, t, now_ns);
    } else {
        if (why == AATS_MR_NONE) why = own->o.tif == AATS_TIF_MARKET ? AATS_MR_NO_LIQUIDITY : AATS_MR_REST;
        aats_me_emit(m, AATS_ME_EXPIRED, why, own, own->left_i, now_ns);
        aats_owns_drop(&m->owns, own, 0);
    }
}

int aats_match_place(aats_match_t *m, aats_match_order_t const *o, int64_t now_ns)
{
    if (aats_me_room(m, AATS_ME_STEP) != AATS_OK) return AATS_E_NOMEM;
    if (!well_formed(o)) {
        refuse(m, o, AATS_MR_BAD, now_ns);
        return AATS_OK;
    }
    if (aats_owns_find(&m->owns, o->id) != NULL) {
        refuse(m, o, AATS_MR_DUPLICATE, now_ns);
        return AATS_OK;
    }
    if (o->tif == AATS_TIF_POS && aats_match_would_take(m, (int)o->side, o->px_i)) {
        refuse(m, o, AATS_MR_WOULD_CROSS, now_ns);
        return AATS_OK;
    }
    taker_t t = {.own = aats_owns_new(&m->owns, o), .side = aats_own_side(o), .code = AATS_OK};
    if (t.own == NULL) return AATS_E_NOMEM;
    if (o->tif == AATS_TIF_MARKET) t.own->o.px_i = 0;
    t.own->left_i = o->qty_i;
    if (o->tif == AATS_TIF_MARKET && o->quote_i > 0) {
        t.by_quote = 1;
        t.budget = o->quote_i;
        for (int i = m->qty_exp; i < 0; i++) t.budget *= 10;
    }
    aats_me_emit(m, AATS_ME_NEW, AATS_MR_NONE, t.own, o->qty_i, now_ns);
    if (o->tif == AATS_TIF_FOK && !fillable(m, o)) t.over = AATS_MR_FOK;

    int64_t px_i;
    while (next_price(m, &t, &px_i) && want(&t, px_i) > 0) {
        meet(m, &t, px_i, now_ns);
        if (t.by_quote && t.own->left_i == 0 && (t.last || t.ended)) break; /* what is left buys nothing at the price that it had: filled */
    }
    finish(m, &t, now_ns);
    return t.code;
}

int aats_match_cancel(aats_match_t *m, uint64_t id, int64_t now_ns)
{
    aats_own_t *own = aats_owns_find(&m->owns, id);
    if (own == NULL) return AATS_E_UNKNOWN;
    if (aats_me_room(m, 1) != AATS_OK) return AATS_E_NOMEM;
    end_resting(m, own, AATS_ME_CANCELED, AATS_MR_NONE, now_ns);
    return AATS_OK;
}

int aats_match_reduce(aats_match_t *m, uint64_t id, int64_t qty_i, int64_t now_ns)
{
    aats_own_t *own = aats_owns_find(&m->owns, id);
    if (own == NULL) return AATS_E_UNKNOWN;
    int64_t const less = own->cum_i + own->left_i - qty_i;
    if (qty_i <= own->cum_i || less <= 0) return AATS_E_ARG;
    if (aats_me_room(m, 1) != AATS_OK) return AATS_E_NOMEM;
    own->left_i -= less;
    aats_me_emit(m, AATS_ME_REDUCED, AATS_MR_NONE, own, less, now_ns);
    return AATS_OK;
}
