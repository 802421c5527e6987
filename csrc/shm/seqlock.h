/* seqlock.h -- the four steps that ring slots, latest-book slots and tops share: words that are whole or known to be
 * torn.
 *
 * For: ring.c and latest.c.  Not for choosing stamps (each object does) nor for moving the words (aats_words_* of
 * base/atomics.h, between begin and end on both sides).
 *
 *   writer                                           reader
 *   begin  release store of stamp = odd                begin  acquire load of stamp: even, and the one wanted?
 *          release fence                                      words
 *          words                                       end    acquire fence
 *   end    release store of stamp = even                      reload of stamp: still the same?
 *
 *   E1, L1   end -> begin                        who sees the even stamp sees the words before it
 *   E2, L2   fence of begin -> fence of end      who copied a later word sees a later stamp
 *   E4       odd stamp -> fence, or begin        who sees a later stamp sees all that came before that write
 *
 * One writer an object; stamps only grow. */
#ifndef AATS_SHM_SEQLOCK_H
#define AATS_SHM_SEQLOCK_H

#include "base/atomics.h"

static inline void aats_seq_write_begin(uint64_t *stamp, uint64_t odd)
{
    aats_store_release(stamp, odd); /* E4 */
    aats_fence_release();           /* E2, L2 */
}

static inline void aats_seq_write_end(uint64_t *stamp, uint64_t even)
{
    aats_store_release(stamp, even); /* E1, L1 */
}

static inline uint64_t aats_seq_read_begin(uint64_t const *stamp)
{
    return aats_load_acquire(stamp); /* E1, L1 */
}

/* aats_seq_read_end returns 1 if the words copied since read_begin belong to the stamp that it returned. */
static inline int aats_seq_read_end(uint64_t const *stamp, uint64_t seen)
{
    aats_fence_acquire(); /* E2, L2 */
    return aats_load_relaxed(stamp) == seen;
}

#endif
