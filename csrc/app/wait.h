/* wait.h -- how a loop spends the time in which nothing comes.
 *
 * For: the trade loop; anything else that polls.  Not for waiting on sockets (io).
 *
 *   mode      first 200 us of idleness     after that
 *   SPIN      a pause instruction           the same
 *   YIELD     sched_yield                   sleep 50 us
 *   SLEEP     sleep 50 us                   the same
 *
 * Adaptive is SPIN while the spinners in the control table, me included, are at most usable cores - 1, else YIELD: on
 * two cores one process spins, on three feed and strategy do.  The mode in force is shown in the own slot, where the
 * others count it. Owner: the loop's thread. */
#ifndef AATS_APP_WAIT_H
#define AATS_APP_WAIT_H

#include <stdint.h>

#include "shm/control.h"

/* cdef-begin */
#define AATS_WAIT_YIELD_NS 200000
#define AATS_WAIT_SLEEP_NS 50000
#define AATS_WAIT_LOOK_NS 100000000 /* between two counts of the spinners */

typedef struct {
    uint32_t wanted;     /* AATS_WAIT_NONE: adaptive; else that mode */
    uint32_t cores;      /* usable ones */
    uint32_t mode;       /* in force */
    uint32_t pad;
    int64_t look_mono_ns;
    int64_t idle_mono_ns; /* since when nothing came, 0: something did */
} aats_wait_t;

/* aats_wait_init sets a policy; cores 0 counts as 1.  The mode in force is YIELD until the first aats_wait_look,
 * unless one is wanted. */
void aats_wait_init(aats_wait_t *w, uint32_t wanted, uint32_t cores);

/* aats_wait_look chooses the mode anew when it is time to, and shows it in the slot.  ctl and slot may be NULL: alone
 * in the world. */
void aats_wait_look(aats_wait_t *w, aats_ctl_view_t const *ctl, aats_slot_t *slot, int64_t now_mono_ns);

/* aats_wait_choose returns the mode for so many other spinners. */
uint32_t aats_wait_choose(uint32_t wanted, uint32_t cores, uint32_t other_spinners);

/* aats_wait_idle passes one idle turn; aats_wait_busy says that there was work.  Sleeps never longer than
 * AATS_WAIT_SLEEP_NS. */
void aats_wait_idle(aats_wait_t *w, int64_t now_mono_ns);
void aats_wait_busy(aats_wait_t *w);
/* cdef-end */

#endif
