/* slow.h -- thresholds on hops: what took longer is counted, and told after the pass.
 *
 * For: the trade loop (hops up to `delivered`, from each record's own stamps) and the trader (those of orders).  Not for measuring: the histograms see
 * every sample.  Not for what follows from it: Python logs, calls onSlow and throws the switch (aats/trade_slow.py); here it is noted.
 *
 *   check   one compare a hop in the loop: above its limit?       (no limit: INT64_MAX, never)
 *   note    the counters of the segment (slow[], slow_worst_ns[]), and what is to be told: how often and the worst since it was told last
 *   take    after the pass: one hop at a time
 *
 * One thread, the loop's; the segment's counters are read by anybody. */
#ifndef AATS_APP_SLOW_H
#define AATS_APP_SLOW_H

#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
/* what follows; each with those before it */
enum { AATS_SLOW_NONE = 0, AATS_SLOW_WARN = 1, AATS_SLOW_TELL = 2, AATS_SLOW_HALT = 3 };

typedef struct {
    int64_t limit_ns[16];  /* by AATS_HOP_*; INT64_MAX: none */
    uint64_t market;       /* hops up to delivered that have one, by bit */
    uint64_t urgent;       /* passed since they were told last, by bit: told after the pass ... */
    uint64_t patient;      /* ... and those of which only the log is told, sometime */
    aats_td_t *td;         /* NULL: counted nowhere */
    uint32_t action[16];   /* AATS_SLOW_* */
    uint64_t cnt[16];
    int64_t worst_ns[16];
} aats_slow_t;

typedef struct {
    uint32_t hop;
    uint32_t action;
    uint64_t cnt;      /* samples above the limit since the last time ... */
    int64_t worst_ns;  /* ... and the largest of them */
    int64_t limit_ns;
} aats_slow_told_t;

/* aats_slow_init begins without a limit.  td (may be NULL) has the counters, which are kept, and shows the limits. */
void aats_slow_init(aats_slow_t *s, aats_td_t *td);

/* aats_slow_limit sets the limit of a hop; AATS_SLOW_NONE takes it away.  AATS_OK, or AATS_E_ARG: no such hop or action, or a limit below 1. */
int aats_slow_limit(aats_slow_t *s, uint32_t hop, int64_t limit_ns, uint32_t action);

/* aats_slow_note counts a sample above the limit. */
void aats_slow_note(aats_slow_t *s, uint32_t hop, int64_t ns);

/* aats_slow_record checks the hops up to delivered of a record.  Times that are not known are 0. */
void aats_slow_record(aats_slow_t *s, aats_rec_t const *rec, int64_t delivered_ns);

/* aats_slow_take gives one hop that was passed since it was told last: 1, or 0. */
int aats_slow_take(aats_slow_t *s, aats_slow_told_t *out);

/* aats_slow_hop_name returns "recv_sent"; "" for a number that is no hop.  Static memory. */
char const *aats_slow_hop_name(uint32_t hop);
/* cdef-end */

/* aats_slow_check is note where a sample is above the limit. */
static inline void aats_slow_check(aats_slow_t *s, uint32_t hop, int64_t ns)
{
    if (__builtin_expect(ns > s->limit_ns[hop], 0)) aats_slow_note(s, hop, ns);
}

#endif
