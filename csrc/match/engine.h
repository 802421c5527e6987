/* engine.h -- the inside of a matching engine: what match.c (own orders) and public.c (the public) share.
 *
 * Every event goes through aats_me_emit, every own order's part of a trade through aats_me_fill: quantities,
 * notionals and fees change nowhere else.  Room for events is made before a state changes (aats_me_room), so that no
 * event can be lost half-way.
 * Internal to match/.
 */
#ifndef AATS_MATCH_ENGINE_H
#define AATS_MATCH_ENGINE_H

#include "match/levels.h"
#include "match/match.h"
#include "match/own.h"

#define AATS_ME_STEP 4 /* room that each step of a walk asks for: both sides of a trade, the end of either */

struct aats_match {
    aats_levels_t pub[2]; /* AATS_BID, AATS_ASK */
    aats_owns_t owns;
    aats_match_ev_t *ev;  /* a ring: events head .. tail - 1, each at its number mod cap */
    uint64_t ev_head;
    uint64_t ev_tail;
    uint64_t ev_cap;      /* a power of two */
    uint64_t trade_no;    /* the last one */
    int64_t late_ns;
    int32_t qty_exp;
    int32_t fee_shift[2]; /* [0] quote, [1] base: exponent of the amount minus that of the fee */
};

static inline int64_t aats_me_min(int64_t a, int64_t b) { return a < b ? a : b; }

/* aats_me_reaches is 1 if an order of this book side (AATS_BID: a buy) at limit_px_i trades with something on the
 * other side at px_i. */
static inline int aats_me_reaches(int side, int64_t limit_px_i, int64_t px_i)
{
    return side == AATS_BID ? px_i <= limit_px_i : px_i >= limit_px_i;
}

/* aats_me_room makes room for n more events: AATS_OK or AATS_E_NOMEM. */
int aats_me_room(aats_match_t *m, uint64_t n);

/* aats_me_emit queues an event of an order as it is now; there is room. The event may be changed until the next
 * call. */
aats_match_ev_t *aats_me_emit(aats_match_t *m, uint32_t kind, uint32_t why, aats_own_t const *own, int64_t qty_i, int64_t now_ns);

/* aats_me_fill gives an order its part of trade m->trade_no: left, cum, notional, fee, event. */
aats_match_ev_t *aats_me_fill(aats_match_t *m, aats_own_t *own, int64_t px_i, int64_t qty_i, int maker, uint64_t other, int64_t now_ns);

/* aats_me_fee returns parts-in-1e8 `rate_i` of what the side receives, at fee_exp, rounded towards zero; what does
 * not fit 64 bits is their end. */
int64_t aats_me_fee(aats_match_t const *m, uint32_t side, int64_t px_i, int64_t qty_i, int64_t rate_i);

/* aats_me_settle gives the orders of a queue whose `ahead` was not known theirs, if the price is known now. */
void aats_me_settle(aats_match_t *m, int side, aats_queue_t *q);

/* aats_me_freshen forgets what the orders of a queue lost too long ago for a late trade to explain it. */
void aats_me_freshen(aats_match_t const *m, aats_queue_t *q, int64_t now_ns);

#endif
