/* segment.h -- the head of every segment: made once, checked by everyone who maps it, replaced but never rewritten.
 *
 * For: the first 256 bytes.  Not for names in /dev/shm, mapping and unlinking (Python, posix_ipc), nor for what
 * follows the head (md.h, control.h).
 * Writer: the maker, until aats_seg_ready; after that nobody, but for `successor`, which the maker of the next
 * generation stores once.
 *
 * Life:  create O_EXCL -> posix_fallocate -> map -> aats_seg_init -> init of the kind -> aats_seg_ready
 *        -> entered in the control table -> aats_seg_succeed on the old one -> old one unlinked
 *
 * Memory order.
 *   S1  ready: release store of magic       ->  check: acquire load of magic
 *       whoever sees the magic sees the head and all that the kind's init wrote.
 *   S2  succeed: release store of successor ->  successor: acquire load
 *       whoever sees a successor finds it ready and entered in the control table.
 *
 * Crash: a maker that dies before S1 leaves a segment without a magic, which check calls AATS_E_EMPTY; it is reaped
 * by its name's generation or at the next start.  One that dies between making the new and S2 leaves readers with the
 * old one, whose heartbeat stands still (valid.h). */
#ifndef AATS_SHM_SEGMENT_H
#define AATS_SHM_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */

/* aats_seg_init writes the head of zero-filled memory of `size` bytes, all but the magic.
 *
 * owner is an identity word (procs.h), its low byte is dropped.  AATS_OK; AATS_E_ARG if a text does not fit its field
 * or is empty, mem is not on a line of 64 bytes, size is below 256 or no multiple of 64, kind is none, or generation
 * or owner is 0. */
int aats_seg_init(void *mem, uint64_t size, uint32_t kind, char const *name, uint64_t generation, uint64_t owner, int64_t created_ns,
                  char const *boot_id, char const *version);

/* aats_seg_ready publishes the segment (S1): the last store of whoever makes it. */
void aats_seg_ready(void *mem);

/* aats_seg_check says whether mem, of which mapped_sz bytes are mapped, is a ready segment of this build and of that
 * kind (0: any).
 *
 * AATS_OK; AATS_E_EMPTY if its maker has not finished; AATS_E_LAYOUT if it is something else.  On a refusal `why`
 * holds one sentence with both sides' values, cut to cap bytes and always ended (why may be NULL).  Reads no byte
 * beyond mapped_sz. */
int aats_seg_check(void const *mem, uint64_t mapped_sz, uint32_t kind, char *why, size_t cap);

/* aats_seg_succeed tells the readers of an old generation to remap (S2).  AATS_OK; AATS_E_ARG if generation is not
 * above the old one's; AATS_E_STALE if another successor stands there already. */
int aats_seg_succeed(void *old_mem, uint64_t generation);

/* aats_seg_successor returns the generation that replaced this one, 0 while it is current (S2). */
uint64_t aats_seg_successor(void const *mem);

/* aats_seg_kind_name returns "ctl", "md", "td", "risk", as in segment names; "?" for another number.  Static memory. */
char const *aats_seg_kind_name(uint32_t kind);

/* aats_seg_layout_hash returns the hash of this build's layout.h. */
uint64_t aats_seg_layout_hash(void);
/* cdef-end */

#endif
