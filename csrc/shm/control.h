/* control.h -- the control table: who is alive, what they were told, what they answered.
 *
 *            claim          ready           stop seen          release
 *    FREE ----------> BOOT ---------> RUN -----------> HALT -----------> FREE
 *      ^                |               |                |
 *      |                +----> FAIL <---+                |
 *      |   reap end               |                      |
 *     REAP <----------------------+----------------------+  (from any state, once the owner's process is dead)
 *
 * For: the slots and the table's own two words.  Not for mapping, naming and unlinking (Python), nor for judging
 * books (valid.h).
 * Writers: a slot's owner writes it, down to the counters, and its answers; whoever holds cmd_lock writes the
 * command; a reaper writes what the owner left.
 *
 * One word, `owner`, says who (pid and start time, procs.h) and in which state, so one compare-and-swap claims, moves
 * and reaps.  A kill at any step leaves a word that names a dead process, which is all that another one must know to
 * clear up:
 *   killed inside claim or release     the word names the dead owner                   -> reap
 *   killed inside reap                 REAP with the dead reaper's identity            -> reap again: what the owner
 *                                      left is cleared last, so it can still be read
 *   killed while closing               `closing` names the dead closer                 -> aats_ctl_close takes over
 *   killed while commanding            cmd_lock names the dead commander               -> aats_cmd_lock takes over
 * That the process is dead is for the caller to say (aats_proc_alive, after comparing namespace and boot): nothing
 * here reads /proc.
 *
 * `cmd_op` is an identity word too: whom the command is for, with AATS_CMD_* in the low byte, so a command that comes
 * too late reaches nobody else.
 *
 * Memory order.
 *   C1  owner: fields, then state move (compare-and-swap, release)   ->  reader: acquire load of owner
 *       whoever sees RUN sees role, mode, generation, name and all else that was written before.
 *   C2  clear: fields, then FREE (compare-and-swap)                  ->  claim: compare-and-swap (acquire)
 *       the next owner's words never mix with the last one's.
 *   C3  claim: owner word, full fence, load of closing               |   close: closing, full fence, loads of all owner words
 *       at least one of the two sees the other (Dekker), so nobody settles in a table that is being unlinked.
 *   C4  claim, clear, reap: owner word, release fence, fields        ->  read: fields, acquire fence, reload of owner
 *       a copy of a slot is of one owner in one state.
 *   K1  commander: op and arg, then release store of cmd_seq         ->  owner: acquire load of cmd_seq
 *   K2  owner: code and text, then release store of ans_seq          ->  commander: acquire load of ans_seq
 *   H1  heartbeat: valid.h. */
#ifndef AATS_SHM_CONTROL_H
#define AATS_SHM_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"
#include "shm/procs.h"

/* cdef-begin */

/* aats_ctl_view_t -- one mapping of the control table, in private memory. */
typedef struct {
    aats_seg_t *seg;
    aats_ctl_t *ctl;
    aats_slot_t *slots;
    uint64_t slot_cnt; /* checked at attach, 1..AATS_SLOT_MAX */
} aats_ctl_view_t;

/* aats_ctl_size, _init and _attach: as their twins in md.h.  A table has slot_cnt slots. */
int64_t aats_ctl_size(uint32_t slot_cnt);
int aats_ctl_init(void *mem, uint32_t slot_cnt);
int aats_ctl_attach(void *mem, uint64_t mapped_sz, aats_ctl_view_t *view, char *why, size_t cap);

/* ---- slots: their owner ---- */

/* aats_ctl_claim takes a free slot for `self` (an identity, procs.h), enters role and name, and leaves it in BOOT.
 *
 * unique 1: no other slot that is not FREE may carry the same role and name.  The caller reaps the dead first.  Two
 * that come at the same instant may both be refused, never both be let in: try again after a random moment.
 * Returns the slot's index; AATS_E_CLOSED if the table is being closed (open it by name again; if `closing` names a
 * dead process: aats_ctl_close); AATS_E_BUSY if the name is taken; AATS_E_FULL; AATS_E_ARG. */
int aats_ctl_claim(aats_ctl_view_t const *view, uint64_t self, uint32_t role, char const *name, int unique);

/* aats_ctl_fill writes mode, generation, started_ns, port, uid, ns_id and detail of *from into the own slot; in BOOT,
 * before the move to RUN publishes them (C1).  detail is cut to its field.  AATS_OK or AATS_E_STALE (not the owner
 * any more). */
int aats_ctl_fill(aats_slot_t *slot, uint64_t self, aats_slot_t const *from);

/* aats_ctl_move sets the state (BOOT, RUN, HALT, FAIL) of the own slot (C1).  AATS_OK; AATS_E_STALE if the slot is
 * not self's; AATS_E_ARG. */
int aats_ctl_move(aats_slot_t *slot, uint64_t self, uint32_t state);

/* aats_ctl_beat stamps the heartbeat (H1) and counts a pass.  now_mono_ns is the time at the START of the pass.
 * Owner only. */
void aats_ctl_beat(aats_slot_t *slot, int64_t now_mono_ns);

/* aats_ctl_wait tells the wait in force, AATS_WAIT_*; aats_ctl_spinners counts the slots in RUN that spin. */
void aats_ctl_wait(aats_slot_t *slot, uint64_t wait);
uint32_t aats_ctl_spinners(aats_ctl_view_t const *view);

/* aats_ctl_release clears the own slot and frees it (C2).  AATS_OK or AATS_E_STALE.  Whoever leaves for good calls
 * aats_ctl_close next. */
int aats_ctl_release(aats_slot_t *slot, uint64_t self);

/* ---- slots: readers and reapers ---- */

/* aats_ctl_read copies a slot, of one owner in one state (C1, C4), texts ended; numbers that move may be of different
 * moments.
 * AATS_OK; AATS_E_EMPTY for a free slot; AATS_E_BUSY if it changed hands or state at each of some tries. */
int aats_ctl_read(aats_slot_t const *slot, aats_slot_t *out);

/* aats_ctl_reap_begin takes the slot of a dead process for `self`.  seen is the whole owner word, as read, of which
 * the caller knows that its process is dead.  AATS_OK: the slot is REAP with self's identity, its fields still tell
 * role, name and generation, so that segments can be unlinked; AATS_E_BUSY: somebody else was faster. */
int aats_ctl_reap_begin(aats_slot_t *slot, uint64_t seen, uint64_t self);

/* aats_ctl_reap_end clears the slot and frees it (C2).  AATS_OK, or AATS_E_STALE if it is not in self's REAP. */
int aats_ctl_reap_end(aats_slot_t *slot, uint64_t self);

/* ---- the table ---- */

/* aats_ctl_next_generation returns a number that this table has not given before, from 1 on. */
uint64_t aats_ctl_next_generation(aats_ctl_view_t const *view);

/* aats_ctl_close asks whether the caller, who has released its slots and reaped the dead, is the last one out (C3).
 *
 * dead is 0, or the identity in `closing` (aats_ctl_closing) whose process is dead: its job is taken over.
 * Returns 1: the table is empty and stays so, `closing` names self; self, and nobody else, unlinks this table -- only
 * this one: after a take-over the name may already belong to the next table, so compare the inode first.  0: others
 * are in it, or somebody else is closing. */
int aats_ctl_close(aats_ctl_view_t const *view, uint64_t self, uint64_t dead);

/* aats_ctl_closing returns the identity of whoever is closing the table, 0 if nobody is. */
uint64_t aats_ctl_closing(aats_ctl_view_t const *view);

/* ---- commands ---- */

/* aats_cmd_lock takes the command word of a slot for `self`.
 *
 * dead is 0, or the identity in cmd_lock whose process is dead.  AATS_OK; AATS_E_BUSY if somebody else holds it
 * (aats_cmd_holder says who), or if the owner has not yet answered what a former commander asked. */
int aats_cmd_lock(aats_slot_t *slot, uint64_t self, uint64_t dead);
uint64_t aats_cmd_holder(aats_slot_t const *slot);

/* aats_cmd_send writes a command to the process `to` (an identity: a slot may change hands in between) and rings
 * (K1).  The caller holds the lock.
 *
 * Returns AATS_OK and the number of the command in *seq; AATS_E_ARG if the argument is longer than 167 bytes;
 * AATS_E_DEAD if the slot is not to's; AATS_E_STALE without the lock. */
int aats_cmd_send(aats_slot_t *slot, uint64_t self, uint64_t to, uint32_t op, char const *arg, uint64_t *seq);

/* aats_cmd_answer looks for the answer to command seq (K2).  1 and *code and text (cut to cap, always ended); 0 while
 * there is none; AATS_E_DEAD when the slot is no longer to's and no answer came. */
int aats_cmd_answer(aats_slot_t const *slot, uint64_t to, uint64_t seq, int64_t *code, char *text, size_t cap);

/* aats_cmd_unlock lets the command word go, answered or not. */
void aats_cmd_unlock(aats_slot_t *slot, uint64_t self);

/* aats_cmd_poll is the owner's side: two loads when there is nothing.  Returns AATS_CMD_* with arg (cut to cap,
 * always ended), or AATS_CMD_NONE.  The same command comes again until it is answered.  A command for a former owner
 * of the slot is answered AATS_E_DEAD here and not shown. */
int aats_cmd_poll(aats_slot_t *slot, uint64_t self, char *arg, size_t cap);

/* aats_cmd_reply answers the command that aats_cmd_poll returned (K2); text is cut to its field.  Owner only. */
void aats_cmd_reply(aats_slot_t *slot, int64_t code, char const *text);
/* cdef-end */

#endif
