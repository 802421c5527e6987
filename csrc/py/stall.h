/* stall.h -- finds the gaps of a trade loop: one compare with a time that the loop has anyway.
 *
 *   look(now)      wherever the loop has read the clock: more than the limit since the last look is a gap, which is examined and told
 *                  (shm/stalls.h)
 *   waited()       after a wait of the loop's own (sleep, yield): what lies before the next look is no gap
 *   called(), worked(), gil()     before the next look: a callback ran, other work was done, the interpreter's lock was taken
 *   renew()        in the chores: counts of page faults and switches from which the next gap's are taken; 0.4 us
 *
 * Garbage collections are stamped by a callable in gc.callbacks, whichever thread collects.
 * Not for the strategy's latency (hops: stats.h), nor for doing anything about a gap.
 *
 * Owner: the loop's thread.  With the GIL but for look, waited, worked, which idle() calls without; what a collection in another
 * thread reads meanwhile (last_mono_ns) is atomic. */
#ifndef AATS_PY_STALL_H
#define AATS_PY_STALL_H

#include <Python.h>

#include "base/atomics.h"
#include "shm/stalls.h"

typedef struct {
    aats_td_t *td;         /* NULL: nothing is watched */
    uint64_t last_mono_ns; /* the last look; AATS_STALL_NEVER: there was none since the loop waited */
    int64_t limit_ns;
    uint32_t fault_ns; /* what mapping in one page costs here */
    uint64_t called_at, worked_at, gil_at; /* last_mono_ns when it happened: does it belong to this gap? */
    uint64_t gc_at, gc_ns, gc_begin_ns;    /* collections of the gap that began at gc_at */
    uint32_t gc_generation;
    int64_t minor, major, involuntary, voluntary; /* of the thread at the last renew */
} aats_stall_guard_t;

#define AATS_STALL_NEVER ((uint64_t)INT64_MAX) /* later than any clock: the difference is negative */

/* aats_stall_init watches for gaps above limit_ns, into td; td NULL or limit_ns 0: for none.  Measures what a page fault costs: some
 * hundred microseconds. */
void aats_stall_init(aats_stall_guard_t *g, aats_td_t *td, int64_t limit_ns);

/* aats_stall_begin forgets what was before: at the start of a run, in the thread that runs. */
void aats_stall_begin(aats_stall_guard_t *g);

/* aats_stall_renew reads the thread's counts. */
void aats_stall_renew(aats_stall_guard_t *g);

/* aats_stall_found examines the gap that ends at `mono`, and renews. */
void aats_stall_found(aats_stall_guard_t *g, int64_t mono);

static inline void aats_stall_look(aats_stall_guard_t *g, int64_t mono)
{
    if (__builtin_expect(mono - (int64_t)aats_load_relaxed(&g->last_mono_ns) > g->limit_ns, 0)) aats_stall_found(g, mono);
    aats_store_relaxed(&g->last_mono_ns, (uint64_t)mono);
}

static inline void aats_stall_waited(aats_stall_guard_t *g) { aats_store_relaxed(&g->last_mono_ns, AATS_STALL_NEVER); }
static inline void aats_stall_called(aats_stall_guard_t *g) { g->called_at = g->last_mono_ns; }
static inline void aats_stall_worked(aats_stall_guard_t *g) { g->worked_at = g->last_mono_ns; }
static inline void aats_stall_gil(aats_stall_guard_t *g) { g->gil_at = g->last_mono_ns; }

/* aats_stall_collecting is what a callable in gc.callbacks has to do with its arguments: 0, or -1 with an exception. */
int aats_stall_collecting(aats_stall_guard_t *g, PyObject *phase, PyObject *info);

#endif
