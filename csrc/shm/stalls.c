/* stalls.c -- the ring of gaps and the choice of a cause; see stalls.h for the edges. */
#include "shm/stalls.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/seqlock.h"

#define BODY_WORDS ((sizeof(aats_stall_t) - sizeof(uint64_t)) / 8)

uint32_t aats_stall_cause(aats_stall_facts_t const *facts)
{
    uint64_t const half = facts->gap_ns / 2;
    if (facts->gc_ns > 0 && facts->gc_ns >= half) return AATS_STALL_GC;
    uint64_t const fault_ns = facts->fault_ns ? facts->fault_ns : AATS_STALL_FAULT_NS;
    if (facts->major > 0 || (facts->minor > 0 && facts->minor * fault_ns >= half)) return AATS_STALL_FAULT;
    int const idle = !facts->gil && !facts->called && !facts->worked;
    if (facts->involuntary > 0 || (idle && facts->voluntary > 0)) return AATS_STALL_SWITCH;
    if (facts->gil && facts->voluntary > 0) return AATS_STALL_GIL; /* whoever waits for it sleeps */
    if (facts->called) return AATS_STALL_CALLBACK;
    return facts->worked ? AATS_STALL_LOOP : AATS_STALL_HOST;
}

void aats_stall_put(aats_td_t *td, aats_stall_facts_t const *facts)
{
    uint64_t const n = aats_load_relaxed(&td->stall_head);
    uint32_t const cause = aats_stall_cause(facts);
    aats_stall_t const gap = {
        .ns = facts->ns,       .gap_ns = facts->gap_ns, .cause = cause,         .generation = facts->generation,     .gc_ns = facts->gc_ns,
        .minor = facts->minor, .major = facts->major,   .involuntary = facts->involuntary, .voluntary = facts->voluntary,
    };
    aats_stall_t *slot = &td->stall[n % AATS_STALLS_KEPT];
    aats_seq_write_begin(&slot->stamp, 2 * n + 1); /* S2 */
    aats_words_store(&slot->ns, &gap.ns, BODY_WORDS);
    aats_seq_write_end(&slot->stamp, 2 * n + 2); /* S1 */
    aats_store_release(&td->stall_head, n + 1);  /* S3 */
    aats_add_relaxed(&td->stalls[cause], 1);
    aats_add_relaxed(&td->stall_ns[cause], facts->gap_ns);
}

uint64_t aats_stall_head(aats_td_t const *td)
{
    return aats_load_acquire(&td->stall_head); /* S3 */
}

int aats_stall_get(aats_td_t const *td, uint64_t n, aats_stall_t *out)
{
    aats_stall_t const *slot = &td->stall[n % AATS_STALLS_KEPT];
    uint64_t const want = 2 * n + 2, stamp = aats_seq_read_begin(&slot->stamp); /* S1 */
    if (stamp > want) return AATS_E_LAPPED;
    if (stamp < want) return 0;
    aats_words_load(&out->ns, &slot->ns, BODY_WORDS);
    out->stamp = stamp;
    return aats_seq_read_end(&slot->stamp, stamp) ? 1 : AATS_E_LAPPED; /* S2 */
}
