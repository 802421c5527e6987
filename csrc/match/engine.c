#include "match/engine.h"

#include <stdlib.h>
#include <string.h>

#define RATE_ONE 100000000 /* rates are at 1e-8 */

aats_match_t *aats_match_new(int32_t px_exp, int32_t qty_exp, int32_t fee_exp)
{
    if (px_exp < -18 || px_exp > 0 || qty_exp < -18 || qty_exp > 0 || fee_exp < -18 || fee_exp > 0) return NULL;
    aats_match_t *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    aats_levels_init(&m->pub[AATS_BID], AATS_BID);
    aats_levels_init(&m->pub[AATS_ASK], AATS_ASK);
    m->qty_exp = qty_exp;
    m->fee_shift[0] = px_exp + qty_exp - fee_exp;
    m->fee_shift[1] = qty_exp - fee_exp;
    if (aats_owns_init(&m->owns) == AATS_OK && aats_me_room(m, 64) == AATS_OK) return m;
    aats_match_free(m);
    return NULL;
}

void aats_match_free(aats_match_t *m)
{
    if (m == NULL) return;
    aats_levels_fini(&m->pub[AATS_BID]);
    aats_levels_fini(&m->pub[AATS_ASK]);
    aats_owns_fini(&m->owns);
    free(m->ev);
    free(m);
}

void aats_match_late(aats_match_t *m, int64_t late_ns)
{
    m->late_ns = late_ns > 0 ? late_ns : 0;
}

/* ---- events ---- */

int aats_me_room(aats_match_t *m, uint64_t n)
{
    uint64_t const held = m->ev_tail - m->ev_head;
    if (m->ev_cap - held >= n) return AATS_OK;
    uint64_t cap = m->ev_cap ? m->ev_cap : 64;
    while (cap - held < n) cap *= 2;
    aats_match_ev_t *ev = malloc(cap * sizeof *ev);
    if (ev == NULL) return AATS_E_NOMEM;
    for (uint64_t i = m->ev_head; i < m->ev_tail; i++) ev[i & (cap - 1)] = m->ev[i & (m->ev_cap - 1)];
    free(m->ev);
    m->ev = ev;
    m->ev_cap = cap;
    return AATS_OK;
}

aats_match_ev_t *aats_me_emit(aats_match_t *m, uint32_t kind, uint32_t why, aats_own_t const *own, int64_t qty_i, int64_t now_ns)
{
    aats_match_ev_t *ev = m->ev + (m->ev_tail++ & (m->ev_cap - 1));
    int const lives = kind == AATS_ME_NEW || kind == AATS_ME_TRADE || kind == AATS_ME_REDUCED;
    *ev = (aats_match_ev_t){
        .kind = kind, .why = why, .id = own->o.id, .owner = own->o.owner, .now_ns = now_ns, .px_i = own->o.px_i, .qty_i = qty_i,
        .cum_qty_i = own->cum_i, .leaves_i = lives ? own->left_i : 0, .side = own->o.side,
        .cum_notional = {(uint64_t)own->cum_notional, (int64_t)(own->cum_notional >> 64)},
    };
    return ev;
}

int aats_match_next(aats_match_t *m, aats_match_ev_t *out)
{
    if (m->ev_head == m->ev_tail) return 0;
    *out = m->ev[m->ev_head++ & (m->ev_cap - 1)];
    return 1;
}

/* ---- fills ---- */

int64_t aats_me_fee(aats_match_t const *m, uint32_t side, int64_t px_i, int64_t qty_i, int64_t rate_i)
{
    int const base = side == AATS_SIDE_BUY;
    __int128 const amount = base ? (__int128)qty_i : (__int128)px_i * qty_i;
    __int128 const whole = amount / RATE_ONE * rate_i; /* a fee is whole + part / 1e8 */
    __int128 const part = amount % RATE_ONE * rate_i;
    __int128 scale = 1, fee;
    for (int i = 0; i < abs(m->fee_shift[base]); i++) scale *= 10;
    if (m->fee_shift[base] <= 0)
        fee = (whole + part / RATE_ONE) / scale;
    else if (__builtin_mul_overflow(whole, scale, &fee) || __builtin_add_overflow(fee, part * scale / RATE_ONE, &fee))
        return rate_i < 0 ? INT64_MIN : INT64_MAX;
    return fee > INT64_MAX ? INT64_MAX : fee < INT64_MIN ? INT64_MIN : (int64_t)fee;
}

aats_match_ev_t *aats_me_fill(aats_match_t *m, aats_own_t *own, int64_t px_i, int64_t qty_i, int maker, uint64_t other, int64_t now_ns)
{
    own->left_i -= qty_i;
    own->cum_i += qty_i;
    own->cum_notional += (__int128)px_i * qty_i;
    aats_match_ev_t *ev = aats_me_emit(m, AATS_ME_TRADE, AATS_MR_NONE, own, qty_i, now_ns);
    ev->px_i = px_i;
    ev->trade_no = m->trade_no;
    ev->other = other;
    ev->maker = (uint32_t)maker;
    ev->fee_in_base = own->o.side == AATS_SIDE_BUY;
    ev->fee_i = aats_me_fee(m, own->o.side, px_i, qty_i, maker ? own->o.maker_rate_i : own->o.taker_rate_i);
    return ev;
}

/* ---- queues ---- */

void aats_me_settle(aats_match_t *m, int side, aats_queue_t *q)
{
    if (!aats_levels_knows(&m->pub[side], q->px_i)) return;
    int64_t const stands = aats_levels_queue(aats_levels_find(&m->pub[side], q->px_i));
    for (aats_own_t *own = q->first; own != NULL; own = own->next) {
        if (own->ahead_i == AATS_AHEAD_UNKNOWN) own->ahead_i = stands;
    }
}

void aats_me_freshen(aats_match_t const *m, aats_queue_t *q, int64_t now_ns)
{
    if (q->lost_ns == 0 || now_ns - q->lost_ns <= m->late_ns) return;
    for (aats_own_t *own = q->first; own != NULL; own = own->next) own->lost_i = 0;
    q->lost_ns = 0;
}

/* ---- looking ---- */

static int64_t public_at(aats_match_t const *m, int side, int64_t px_i)
{
    return aats_levels_knows(&m->pub[side], px_i) ? aats_levels_left(aats_levels_find(&m->pub[side], px_i)) : 0;
}

int64_t aats_match_public(aats_match_t const *m, int side, int64_t px_i)
{
    return side == AATS_BID || side == AATS_ASK ? public_at(m, side, px_i) : 0;
}

int64_t aats_match_own(aats_match_t const *m, int side, int64_t px_i)
{
    aats_queue_t const *q = side == AATS_BID || side == AATS_ASK ? aats_owns_queue(&m->owns, side, px_i) : NULL;
    int64_t sum = 0;
    for (aats_own_t const *own = q ? q->first : NULL; own != NULL; own = own->next) sum += aats_me_min(own->left_i, INT64_MAX - sum);
    return sum;
}

int64_t aats_match_ahead(aats_match_t const *m, uint64_t id)
{
    aats_own_t const *own = aats_owns_find(&m->owns, id);
    if (own == NULL) return AATS_E_UNKNOWN;
    aats_levels_t const *l = &m->pub[aats_own_side(&own->o)];
    if (own->ahead_i != AATS_AHEAD_UNKNOWN || !aats_levels_knows(l, own->o.px_i)) return own->ahead_i;
    return aats_levels_queue(aats_levels_find(l, own->o.px_i));
}

int aats_match_best(aats_match_t const *m, int side, int64_t *px_i, int64_t *qty_i)
{
    if (side != AATS_BID && side != AATS_ASK) return 0;
    aats_pub_t const *pub = aats_levels_best(&m->pub[side]);
    aats_queue_t const *q = aats_owns_best(&m->owns, side);
    if (pub == NULL && q == NULL) return 0;
    int const own = pub == NULL || (q != NULL && aats_px_key(side, q->px_i) > aats_px_key(side, pub->px_i));
    *px_i = own ? q->px_i : pub->px_i;
    int64_t const shown = public_at(m, side, *px_i);
    *qty_i = shown + aats_me_min(aats_match_own(m, side, *px_i), INT64_MAX - shown);
    return 1;
}

int aats_match_would_take(aats_match_t const *m, int order_side, int64_t px_i)
{
    int const side = order_side == AATS_SIDE_BUY ? AATS_BID : AATS_ASK;
    aats_pub_t const *pub = aats_levels_best(&m->pub[!side]);
    aats_queue_t const *q = aats_owns_best(&m->owns, !side);
    return (pub != NULL && aats_me_reaches(side, px_i, pub->px_i)) || (q != NULL && aats_me_reaches(side, px_i, q->px_i));
}

size_t aats_match_open_cnt(aats_match_t const *m)
{
    return m->owns.cnt;
}
