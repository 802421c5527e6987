/* rate.h -- how many requests there were in the last second, and today: a few words that many processes count in.
 *
 * For: the user's own limits (gate.h).  Not for what a venue allows (budget.h): nothing here waits, and nobody's usage is told from outside.
 * The second is a sliding one, in parts of 2^26 ns (67 ms): fifteen whole parts and the running one are summed, so at no moment were there more than the
 * limit in any 1.006 s.  All processes of a host share one monotonic clock.
 *
 * Each word holds its part's number (or its day) and a count, and moves by compare-and-swap.  Who counts first, makes a full fence and sums then finds
 * at least everybody who has done the same before (S2 of seat.h); a process killed in between has counted one too many, which goes with its part.
 */
#ifndef AATS_RISK_RATE_H
#define AATS_RISK_RATE_H

#include "layout/layout.h"

#define AATS_RATE_PART_BITS 26
#define AATS_NS_PER_DAY INT64_C(86400000000000)

static inline int64_t aats_rate_day_of(int64_t now_ns) { return now_ns / AATS_NS_PER_DAY; } /* UTC days since the epoch */

/* aats_rate_count counts one request, aats_rate_uncount takes it back if its part is still there. */
void aats_rate_count(aats_rrate_t *r, int64_t mono_ns, int64_t day);
void aats_rate_uncount(aats_rrate_t *r, int64_t mono_ns, int64_t day);
int64_t aats_rate_second(aats_rrate_t const *r, int64_t mono_ns);

/* cdef-begin */
/* aats_rate_today returns the count of a day; of a later one, where a clock has gone back: too much may count, never too little. */
int64_t aats_rate_today(aats_rrate_t const *r, int64_t day);
/* aats_rate_carry adds the count of a day, unless a later one has begun: a state that is read back. */
void aats_rate_carry(aats_rrate_t *r, int64_t day, int64_t cnt);
/* cdef-end */

#endif
