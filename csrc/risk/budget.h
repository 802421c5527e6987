/* budget.h -- what a venue lets one account, or one address, ask of it in a time: shared by every process of this host.
 *
 * For: app/session_budget.c, and whoever asks over REST (aats/budget.py).  Not for the user's own limits (gate.h).
 * A budget is a few words in the risk segment, found by its name: "binance-1a2b3c4d orders" of an account, "addr binance direct weight" of
 * an address.
 *
 * Each has up to AATS_BUDGET_SPANS intervals, each a sliding window: of what was taken in any time of span_ns + AATS_BUDGET_SLACK_NS, and
 * not given back, no more than `limit` ever was.  So the venue counts no more than that in any window of span_ns of its own, as long as no
 * request is more than the slack slower on its way than another.  The last `reserve` of a limit are for the lane of cancels alone; of the
 * rest one in AATS_BUDGET_BULK_PART is not for bulk: a feed that fetches snapshots without end leaves room for orders.
 *
 *      parts of (span + slack) / 63
 *      | n-63 | n-62 | ... | n-1 |  n  |     63 that are over (`part`, by number mod 64) and the one that is being filled (`head`)
 *      '------ part[] ------------'  head     their sum is never less than what was taken in span + slack
 *
 * All that is taken goes through `head`, one word of number and count, by compare-and-swap; the counts of older parts never grow again.
 *   B1  the part that is over: its count into part[], then head to the new number (release)  ->  acquire load of head, then the sum
 *       a sum has all of the older parts if head is still the same when it is swapped: exact, in whatever order processes run.
 * Nobody waits for anybody: who is killed between the two leaves a count that the next one writes again.
 *
 * A budget's own count begins at nothing when the segment is new; the venue's word (aats_budget_told) makes up for what it does not know:
 * other programs of this address, other hosts of this account, an earlier life of the segment.  A word on waiting (429, 418, Retry-After)
 * stops everybody: `hold` grows, and never shrinks before its time. */
#ifndef AATS_RISK_BUDGET_H
#define AATS_RISK_BUDGET_H

#include "risk/seat.h"

/* cdef-begin */
#define AATS_BUDGET_SLACK_NS 1000000000
#define AATS_BUDGET_MOST 134217727 /* of a limit and of what is taken at once */

#define AATS_BUDGET_BULK_PART 4

/* QUERY: questions about orders, reconciling.  BULK: snapshots, instruments. */
enum { AATS_LANE_ORDER = 0, AATS_LANE_CANCEL = 1, AATS_LANE_QUERY = 2, AATS_LANE_BULK = 3, AATS_LANE_CNT = 4 };

/* aats_budget_find returns the budget of a name (1 to 47 bytes), made where there is none.  NULL for another name, or when the table is
 * full.  Waits for a process that is just entering one, as long as it lives. */
aats_budget_t *aats_budget_find(aats_risk_view_t const *v, char const *name);
/* aats_budget_limit sets an interval's limit and reserve; aats_budget_expect does so only where nobody has yet (a number out of the
 * documentation). AATS_OK; AATS_E_ARG for a span below 1 ms or above 32 days, or a limit that is none; AATS_E_FULL. */
int aats_budget_limit(aats_budget_t *b, int64_t span_ns, int64_t limit, int64_t reserve);
int aats_budget_expect(aats_budget_t *b, int64_t span_ns, int64_t limit, int64_t reserve);
/* aats_budget_copy sets in *b the limits that *from has. */
void aats_budget_copy(aats_budget_t *b, aats_budget_t const *from);

/* aats_budget_take takes `cost` in a lane: 0, or how long to wait before it is worth asking again (ns, at least 1); then nothing was taken
 * (but in one case: of several intervals a later one was emptied by somebody else in between; then the first keep it until their windows
 * have gone by). A cost above the limit itself passes when nothing else counts.  No system call. */
int64_t aats_budget_take(aats_budget_t *b, int lane, int64_t cost, int64_t mono_ns);
/* aats_budget_room is what take would return now; it takes nothing and counts nothing. */
int64_t aats_budget_room(aats_budget_t const *b, int lane, int64_t cost, int64_t mono_ns);
/* aats_budget_waited counts that somebody has to wait, for those who asked with aats_budget_room. */
void aats_budget_waited(aats_budget_t *b, int lane);

/* aats_budget_give gives back what was taken at taken_mono_ns and turned out to cost nothing.  Where its part of the window has been gone
 * on from in the same moment it may stay taken until the window has gone by. */
void aats_budget_give(aats_budget_t *b, int64_t cost, int64_t taken_mono_ns);

/* aats_budget_told takes the venue's own count of an interval: `used` in its present window, which began begun_ns ago (0: not known).
 * Where that is more than was taken here in that time, the rest counts from now on as if it had been taken. */
void aats_budget_told(aats_budget_t *b, int64_t span_ns, int64_t used, int64_t begun_ns, int64_t mono_ns);
/* aats_budget_used returns what counts now in an interval, -1 if there is none. */
int64_t aats_budget_used(aats_budget_t const *b, int64_t span_ns, int64_t mono_ns);

/* aats_budget_hold stops everybody until then (a 429 or 418); banned 1: the address. */
void aats_budget_hold(aats_budget_t *b, int64_t until_mono_ns, int banned);
/* aats_budget_wait returns how long the hold still lasts, 0: not at all; *banned (may be NULL) is 1 during a ban. */
int64_t aats_budget_wait(aats_budget_t const *b, int64_t mono_ns, int *banned);
/* cdef-end */

#endif
