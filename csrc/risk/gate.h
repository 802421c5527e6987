/* gate.h -- the limits of this host, checked before an order's bytes are made, over all trade processes together.
 *
 * For: app/trader.c.  Not for the venue's filters (order/rules.h) nor for its rate limits (budget.h).
 * A trade process has one gate over the risk segment and its own seat in it; one thread, the trade loop's.
 *
 *     reserve: own cell += order ; full fence ; sum over all seats <= limit ?  yes: go on    no: own cell -= order, a code
 *     unreserve (no byte went out) | fill (reserved -> position) | release (it is closed: what was not filled comes back)
 *
 * Promises.
 *   - What all processes together have open or under way never passes a limit, in whatever order they run: S2 of seat.h.  Two that race for the last place
 *     may both be refused once; each tries again a few times.
 *   - A process killed at any instruction leaves its cell as it is: too much may count, never too little.
 *   - Under 200 ns with no other process in the way: no system call, no allocation.
 *   - Sums saturate: what does not fit 64 bits is above every limit.
 */
#ifndef AATS_RISK_GATE_H
#define AATS_RISK_GATE_H

#include "order/codes.h"
#include "order/rules.h"
#include "risk/seat.h"

/* cdef-begin */
typedef struct aats_gate aats_gate_t;

/* What is known of the live book of a symbol at the moment of an order. */
typedef struct {
    int64_t bid_px_i;  /* 0: none */
    int64_t ask_px_i;
    uint32_t why;      /* AATS_WHY_*: 0 while the book is good; AATS_WHY_NO_BOOK without one */
    uint32_t pad;
} aats_gbook_t;

/* aats_gate_new makes one over a mapped risk segment and a seat that self has taken (AATS_SEAT_LIVE).  NULL and a sentence in why. */
aats_gate_t *aats_gate_new(void *mem, uint64_t mapped_sz, uint32_t seat, uint64_t self, char *why, size_t why_sz);
void aats_gate_free(aats_gate_t *g);

/* aats_gate_symbol enters a traded symbol: its index for the calls below (the risk segment's), or AATS_E_*. */
int aats_gate_symbol(aats_gate_t *g, aats_rules_t const *rules, uint32_t mode);

/* aats_gate_reserve checks an order against every limit and counts it.  AATS_OC_NONE; else a code (RISK_*, REDUCE_ONLY, RISK_HALTED, FENCED) and a
 * sentence with the limit's name, scope, value and what would be; then nothing is counted.  book NULL: not known. */
int aats_gate_reserve(aats_gate_t *g, int sym, aats_order_t const *o, aats_gbook_t const *book, int64_t now_ns, int64_t mono_ns, char *msg, size_t msg_sz);
/* aats_gate_recheck looks at switches and book again, for a reserved order that has waited: a code and a sentence, or AATS_OC_NONE; it stays counted. */
int aats_gate_recheck(aats_gate_t *g, int sym, aats_order_t const *o, aats_gbook_t const *book, int64_t now_ns, char *msg, size_t msg_sz);
/* aats_gate_amend checks a counted order (was: as it is counted now) against the limits as it would be after an amendment (next), and counts it as `most` from then
 * on: whatever the venue makes of the request, it is no more.  A code and a sentence, and it stays counted as it was; or AATS_OC_NONE.
 * aats_gate_recount counts it as `now` instead, with no check: the venue's answer is in. */
int aats_gate_amend(aats_gate_t *g, int sym, aats_order_t const *was, aats_order_t const *next, aats_order_t const *most, aats_gbook_t const *book, int64_t now_ns,
                    int64_t mono_ns, char *msg, size_t msg_sz);
void aats_gate_recount(aats_gate_t *g, int sym, aats_order_t const *was, aats_order_t const *now);
/* aats_gate_unreserve takes back a reservation of which no byte went out. */
void aats_gate_unreserve(aats_gate_t *g, int sym, aats_order_t const *o);
/* aats_gate_adopt counts an order of an earlier run as it is (leaves open), with no check.  What was open in a cell when its symbol was entered goes on
 * counting beside it until all of it is adopted: aats_gate_position says so of one symbol, aats_gate_settled (and the first order) of all. */
void aats_gate_adopt(aats_gate_t *g, int sym, aats_order_t const *o);
void aats_gate_settled(aats_gate_t *g);
/* aats_gate_fill moves a fill from reserved to position.  o as it was BEFORE the fill. base_delta_i: change of the position at qty_exp (fees in the base asset
 * taken off). */
void aats_gate_fill(aats_gate_t *g, int sym, aats_order_t const *o, int64_t px_i, int64_t qty_i, int64_t base_delta_i);
/* aats_gate_release returns what a closed order (o: as it ended) still has reserved. */
void aats_gate_release(aats_gate_t *g, int sym, aats_order_t const *o);
/* aats_gate_position sets the position of the own seat outright (carried over from an earlier run), after the open orders of its symbol were adopted. */
void aats_gate_position(aats_gate_t *g, int sym, int64_t pos_i);
/* aats_gate_profit tells the day's profit of the own seat in a symbol, realised and not, at 1e-8 of the quote asset: for the daily loss. */
void aats_gate_profit(aats_gate_t *g, int sym, int64_t profit_i, int64_t now_ns);
/* aats_gate_cancel checks the limits on cancels: AATS_OC_NONE, or a code and a sentence. */
int aats_gate_cancel(aats_gate_t *g, int sym, int64_t now_ns, int64_t mono_ns, char *msg, size_t msg_sz);

/* aats_gate_news returns 1 when a switch or a limit has changed since the last call, with a line for onRisk. */
int aats_gate_news(aats_gate_t *g, uint32_t *state, char *text, size_t text_sz);
/* aats_gate_mine returns 0 once the seat has been taken over. */
int aats_gate_mine(aats_gate_t const *g);
uint32_t aats_gate_seat(aats_gate_t const *g);
/* aats_gate_beat stamps the seat's heartbeat: each pass of the trade loop, with the time at its start. */
void aats_gate_beat(aats_gate_t *g, int64_t mono_ns);
/* cdef-end */

#endif
