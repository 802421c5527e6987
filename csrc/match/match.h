/* match.h -- the matching engine of one symbol: own orders in a market whose other participants are known only by
 * their quantities.
 *
 * For: the simulated exchange, paper trading, later backtests: one engine, one truth about fills.  Not for balances,
 * filters, ids of venues or time-outs: those are its user's.  Deterministic: the same calls give the same events; no
 * clock, no randomness, integers only.
 *
 * The public side of a book is a quantity a price.  An own order queues behind what is displayed when it comes:
 *
 *     price 100.00   [ public 5 | own A 1 | public 2 | own B 3 | public ... ]      ahead of A: 5, of B: 5 + 2 (and A itself)
 *
 *   - A public trade eats from the front: public ahead first, then own, by time.  An own order at a better price than
 *     the trade's would have been hit first, so it is filled first, at its own price.
 *   - A public quantity that shrinks without a trade is taken from behind: an order's `ahead` becomes at most the new
 *     quantity.
 *   - A public level that appears on the other side at or through an own order's price is an order that would have
 *     traded with it: it fills the own order, at the own order's price, up to that quantity.
 *   - An own order that takes eats public levels and other owners' resting orders by price, then time.  What it took of
 *     a public level stays taken until the level shrinks by as much, beyond what public trades took of it, or
 *     disappears.  What crossed an own order is taken likewise.
 *   - What a public trade takes of a level is gone from it at once; the next telling of the level has it, it is not
 *     counted twice.
 *   - Market data may tell a level before the trade that shrank it (aats_match_late): what an order lost of its `ahead`
 *     that way, a trade within that time does not take once more.
 *   - Where nothing is told (below the published levels, after a gap) an order's `ahead` is not known: no trade at its
 *     price fills it until the price is told, and then all that is told is ahead of it.  Nobody takes there.
 *
 * IOC, FOK, post only (refused if it would trade), market, GTC; self-trade prevention by the taker's mode; maker and
 * taker fee of each order, in the received asset (buy: base, sell: quote), rounded down at fee_exp (a rebate, a rate
 * below 0, likewise towards zero).
 * Memory: allocates when orders and levels are added; one owner, one thread.
 */
#ifndef AATS_MATCH_MATCH_H
#define AATS_MATCH_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
typedef struct aats_match aats_match_t;

enum { AATS_STP_NONE = 0, AATS_STP_EXPIRE_TAKER = 1, AATS_STP_EXPIRE_MAKER = 2, AATS_STP_EXPIRE_BOTH = 3, AATS_STP_DECREMENT = 4 };

typedef struct {
    uint64_t id;        /* the user's, unique among the open ones */
    uint64_t owner;     /* account: orders of one owner do not trade with each other but by stp NONE */
    uint32_t side;      /* AATS_SIDE_* */
    uint32_t tif;       /* AATS_TIF_* */
    uint32_t stp;       /* AATS_STP_* */
    uint32_t pad;
    int64_t px_i;       /* MARKET: 0 */
    int64_t qty_i;      /* MARKET by quote: 0 */
    int64_t quote_i;    /* MARKET: spend (buy) or get (sell) so much, at px_exp; 0: by qty_i */
    int64_t lot_i;      /* MARKET by quote: it wants multiples of it; filled when the rest is worth less than one */
    int64_t maker_rate_i; /* parts of the notional, at 1e-8: -1 .. 1 */
    int64_t taker_rate_i;
} aats_match_order_t;

enum {
    AATS_ME_NEW = 1,      /* taken: comes first for every order that is not refused */
    AATS_ME_REJECTED = 2, /* why: AATS_MR_*; nothing else comes */
    AATS_ME_TRADE = 3,    /* px_i, qty_i, cum_qty_i, leaves_i, fee, maker, trade_no, other (0: the public) */
    AATS_ME_EXPIRED = 4,  /* the rest of IOC, FOK, MARKET, or by self-trade prevention: why */
    AATS_ME_CANCELED = 5, /* by aats_match_cancel */
    AATS_ME_REDUCED = 6   /* by aats_match_reduce, or by self-trade prevention DECREMENT: why */
};
enum {
    AATS_MR_NONE = 0,
    AATS_MR_WOULD_CROSS = 1,  /* post only */
    AATS_MR_DUPLICATE = 2,    /* an order of this id rests */
    AATS_MR_REST = 3,         /* of an IOC; of a MARKET by quote that is worth less than one lot */
    AATS_MR_FOK = 4,
    AATS_MR_NO_LIQUIDITY = 5, /* MARKET: the other side is empty */
    AATS_MR_STP = 6,
    AATS_MR_BAD = 7           /* side, tif, stp, a rate, a price or size that is not above 0 */
};

typedef struct {
    uint32_t kind;       /* AATS_ME_* */
    uint32_t why;        /* AATS_MR_* */
    uint64_t id;
    uint64_t owner;
    uint64_t trade_no;   /* counts from 1; both sides of a trade between own orders have the same */
    uint64_t other;      /* TRADE: id of the other own order, 0: the public */
    int64_t now_ns;
    int64_t px_i;        /* TRADE: of this trade; else the order's */
    int64_t qty_i;       /* TRADE: of this trade; EXPIRED, CANCELED: what was left; REDUCED: what it lost; else the order's */
    int64_t cum_qty_i;
    int64_t leaves_i;    /* MARKET by quote: what the rest would get at this price (NEW: 0) */
    int64_t fee_i;       /* at fee_exp */
    aats_i128_t cum_notional; /* at px_exp + qty_exp */
    uint32_t side;
    uint32_t maker;      /* 1: it rested */
    uint32_t fee_in_base; /* 1: fee in the base asset, 0: in the quote asset */
    uint32_t pad;
} aats_match_ev_t;

/* aats_match_new makes an engine with an empty book, all of it known; NULL without memory, or for an exponent
 * outside -18 .. 0. */
aats_match_t *aats_match_new(int32_t px_exp, int32_t qty_exp, int32_t fee_exp);
void aats_match_free(aats_match_t *m);

/* aats_match_late sets how long after a level has shrunk a trade may come that explains it; 0, as it begins: trades
 * come before. */
void aats_match_late(aats_match_t *m, int64_t late_ns);

/* ---- the public ---- */

/* aats_match_level says that the public quantity (own orders not counted) at a price is now qty_i; 0: none.  side
 * AATS_BID or AATS_ASK.  Who tells single levels tells all: prices never told have none.
 * aats_match_book replaces both sides by these levels, best first: levels that are not in it, and lie within it, are
 * gone.  Deeper: as single levels have told it; where none were told since the last clear, it is unknown, and nobody
 * takes there.  An empty side has none at all.  A book's level that is as it was told before is no news.
 * Cost: two searches for a level; for a book a comparison a level, and the changes.  AATS_OK, AATS_E_ARG (not sorted,
 * not above 0: nothing was changed), AATS_E_NOMEM. */
int aats_match_level(aats_match_t *m, int side, int64_t px_i, int64_t qty_i, int64_t now_ns);
int aats_match_book(aats_match_t *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int64_t now_ns);
/* aats_match_clear: the public book is unknown from now on.  Own orders stay, and keep what was ahead of them until
 * a book says less; of levels that the next book shows unchanged stays taken what was taken. */
void aats_match_clear(aats_match_t *m);

/* aats_match_trade says that the public traded: aggressor AATS_SIDE_*.  Returns the quantity that own orders gave
 * (the public gave the rest), AATS_E_ARG, or AATS_E_NOMEM. */
int64_t aats_match_trade(aats_match_t *m, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns);

/* ---- own orders ---- */

/* aats_match_place takes an order; what became of it is in the events: of a trade between own orders the taker's,
 * then the maker's.  AATS_OK; AATS_E_NOMEM: if there is an event NEW of it, its EXPIRED follows, else it was never
 * there. */
int aats_match_place(aats_match_t *m, aats_match_order_t const *o, int64_t now_ns);
/* aats_match_cancel ends a resting one; aats_match_reduce lowers its whole size to qty_i (above what is filled), its
 * place in the queue stays.  AATS_OK, AATS_E_UNKNOWN, AATS_E_ARG, AATS_E_NOMEM. */
int aats_match_cancel(aats_match_t *m, uint64_t id, int64_t now_ns);
int aats_match_reduce(aats_match_t *m, uint64_t id, int64_t qty_i, int64_t now_ns);

/* aats_match_next takes the oldest event: 1, or 0 when there is none. */
int aats_match_next(aats_match_t *m, aats_match_ev_t *out);

/* ---- looking ---- */

/* aats_match_public returns the public quantity left at a price (what own orders took is not there any more);
 * aats_match_own the quantity of resting own orders; aats_match_ahead the public quantity before an order
 * (AATS_E_UNKNOWN if it does not rest, INT64_MAX: not known). */
int64_t aats_match_public(aats_match_t const *m, int side, int64_t px_i);
int64_t aats_match_own(aats_match_t const *m, int side, int64_t px_i);
int64_t aats_match_ahead(aats_match_t const *m, uint64_t id);
/* aats_match_best gives the best price of a side, public and own together: 1, or 0 if there is none.
 * aats_match_would_take: 1 if an order of this side at this price would trade at once. */
int aats_match_best(aats_match_t const *m, int side, int64_t *px_i, int64_t *qty_i);
int aats_match_would_take(aats_match_t const *m, int order_side, int64_t px_i);
size_t aats_match_open_cnt(aats_match_t const *m);
/* cdef-end */

#endif
