/* valid.h -- may this book be called good?  One answer for the poll loop, the views, the risk gate and the inspector.
 *
 * valid = the record's own flag AND the feed's slot RUN, of this generation, with a young heartbeat AND the venue
 * link up and heard from.
 *
 * The order of reading matters.  A feed that slept (SIGSTOP, a swapped-out host) wakes, finds at the start of its
 * pass that its last heartbeat is older than stale_ns, and turns its books invalid before it beats again; a link that
 * fell turns its books invalid before it is called up again.  So:
 *
 *   H1  feed:   STATE records and latest slots say invalid, then release store of heartbeat   (or of link.up)
 *       reader: acquire load of heartbeat and link, and only then the record or latest slot
 *       whoever sees the heartbeat of after a sleep sees that the books of before it are invalid.
 *
 * Read the other way round it fails: record (good, from before the sleep), [feed wakes, invalidates, beats],
 * heartbeat (young): a stale book called good.  Hence two steps: aats_pulse_take FIRST, then copy the record, then
 * aats_valid_why.  A pulse may be kept and used for many records: it only grows old, and an old one errs to the safe
 * side.  The poll loop takes one a millisecond, so that readers do not pull the feed's line at every turn.  In the ring the bad record
 * comes after the good one: a reader that was away itself, that joins late or was lapped takes the pulse, then
 * aats_ring_newest, then the slots.
 *
 * The heartbeat is the time at the START of the feed's pass, so a feed stopped inside a pass cannot look young when
 * it goes on. */
#ifndef AATS_SHM_VALID_H
#define AATS_SHM_VALID_H

#include <stdint.h>

#include "shm/md.h"

/* cdef-begin */

/* aats_pulse_t -- what a reader saw of a feed at one moment, in private memory. */
typedef struct {
    uint64_t heartbeat_mono_ns;
    uint64_t state;      /* AATS_STATE_* of the feed's slot */
    uint64_t generation; /* that the slot names */
    uint64_t expected;   /* of the view */
    uint64_t successor;
    uint64_t stale_ns;
    aats_link_t links[8]; /* AATS_LINK_MAX; up, heard_mono_ns and limit_ns are filled */
} aats_pulse_t;

/* aats_pulse_take loads the pulse (H1), before the records that are judged by it.  feed_slot is the control-table
 * slot view->ctl_slot; NULL, where the table is gone, gives a feed that is down. */
void aats_pulse_take(aats_md_view_t const *view, aats_slot_t const *feed_slot, aats_pulse_t *out);

/* aats_pulse_why judges the feed alone.  now_mono_ns is of CLOCK_MONOTONIC.  Returns AATS_WHY_NONE, or the first that
 * applies:
 *   REPLACED    a successor is named
 *   FEED_DOWN   the slot is not RUN
 *   REPLACED    the slot names another generation
 *   FEED_STALE  the heartbeat is older than stale_ns, or further than that in the future (another clock) */
int aats_pulse_why(aats_pulse_t const *pulse, int64_t now_mono_ns);

/* aats_valid_why judges a record (its flags, why and link) copied after *pulse was taken.  A few compares.
 *
 * Returns AATS_WHY_NONE if the book is good; else the first that applies:
 *   rec_why     the record is not flagged valid (NO_BOOK where it gives no reason)
 *   ...         what aats_pulse_why says
 *   LINK_DOWN   the link is not up, or there is no such link
 *   VENUE_MUTE  nothing was heard on it for longer than limit_ns (0: no limit), or it was heard further than that in the future */
int aats_valid_why(uint8_t rec_flags, uint8_t rec_why, aats_pulse_t const *pulse, uint32_t link, int64_t now_mono_ns);

/* aats_valid_latest does the three steps for one look at a book: pulse, aats_latest_read, judgement.  Returns
 * AATS_WHY_*, with rec, bids and asks filled as by aats_latest_read; AATS_WHY_NO_BOOK when there is nothing to read
 * (empty, or a writer that never finishes: rec is zero then). */
int aats_valid_latest(aats_md_view_t const *view, aats_slot_t const *feed_slot, uint32_t sym, aats_rec_t *rec, aats_level_t *bids,
                      aats_level_t *asks, uint32_t cap, int64_t now_mono_ns);

/* aats_why_name returns "gap", "feed_stale" ..., "" for AATS_WHY_NONE, "why_?" for an unknown number.  Static memory. */
char const *aats_why_name(int why);
/* cdef-end */

#endif
