/* stalls.h -- gaps in a trade loop: why one came, and how it is told to whoever looks.
 *
 * For: the loop (csrc/py/stall.h finds the gaps), `aats latency`, tools.  Not for finding them, nor for how long a hop took: stats.h.
 * Writer: the thread that runs the trade loop.  Readers: any process that has mapped the td segment.
 *
 * Memory order.  Gap n lies in stall[n mod AATS_STALLS_KEPT]: stamp 2n+1 while it is written, 2n+2 once stable, as the events of td.h.
 *   S1  put: release store of the even stamp   ->  get: acquire load of stamp
 *       whoever sees 2n+2 sees every word of gap n.
 *   S2  put: odd stamp, release fence, words   ->  get: words, acquire fence, reload of stamp
 *       whoever copied a word of a later gap sees a changed stamp, and is told AATS_E_LAPPED.
 *   S3  put: S1, then release store of stall_head  ->  head: acquire load
 *       every gap below the head that was read is there, or overwritten.
 * The sums by cause are counters with one writer: each is some recent value of its own.
 *
 * Crash: a writer that dies inside leaves one odd stamp, which counts as not written. */
#ifndef AATS_SHM_STALLS_H
#define AATS_SHM_STALLS_H

#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
#define AATS_STALL_FAULT_NS 1000 /* what mapping in one page is taken to cost where nobody has measured it */

/* aats_stall_facts_t -- what is known of a gap. */
typedef struct {
    int64_t ns;           /* when it ended, epoch */
    uint64_t gap_ns;
    uint64_t gc_ns;       /* of it spent collecting garbage */
    uint32_t generation;  /* the oldest that was collected */
    uint32_t minor, major, involuntary, voluntary; /* of the thread; those up to a millisecond before may be in it */
    uint32_t gil;         /* 1: the interpreter's lock was taken in it */
    uint32_t called;      /* 1: a callback ran in it */
    uint32_t worked;      /* 1: so did other work of the loop */
    uint32_t fault_ns;    /* what mapping in one page costs here; 0: not measured */
} aats_stall_facts_t;

/* aats_stall_cause names the reason, AATS_STALL_*, the first that holds:
 *
 *   GC        collecting took half of the gap
 *   FAULT     a page came from a disk, or pages mapped in make half of it at fault_ns each
 *   SWITCH    the thread was switched out against its will, or slept where it has nothing to sleep for
 *   GIL       the interpreter's lock was taken, and the thread slept
 *   CALLBACK, LOOP         as the facts say
 *   HOST      nothing of all this */
uint32_t aats_stall_cause(aats_stall_facts_t const *facts);

/* aats_stall_put tells a gap and adds it to the sums of its cause.  Writer only; no system call. */
void aats_stall_put(aats_td_t *td, aats_stall_facts_t const *facts);

/* aats_stall_head returns the number of gaps so far: the one after the newest (S3). */
uint64_t aats_stall_head(aats_td_t const *td);

/* aats_stall_get copies gap n: 1 with it in out, 0 when it is not there yet, AATS_E_LAPPED when it was overwritten. */
int aats_stall_get(aats_td_t const *td, uint64_t n, aats_stall_t *out);
/* cdef-end */

#endif
