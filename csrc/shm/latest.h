/* latest.h -- the newest book, and the newest best bid/ask and trade, of each symbol: one seqlock each.
 *
 * For: joiners, lapped readers, books deeper than a ring slot, scripts that only look.  Not for following every
 * change: ring.h.
 * Writer: the thread that steps the feed, through publish.h, which sees to it that slot and top come before the ring
 * record (E3).
 *
 * Memory order.  The stamp of a book slot is 2n+1 while it is written with ring record n and 2n+2 once stable, as in
 * the ring; of a top it counts writes, odd inside one.  0 is "nothing yet".
 *   L1  write: release store of the even stamp      ->  read: acquire load of stamp
 *       whoever sees an even stamp sees every word written before it.
 *   L2  write: odd stamp, release fence, words      ->  read: words, acquire fence, reload of stamp
 *       whoever copied a word of a newer write sees a changed stamp, and tries again.
 *
 * Crash: a writer that dies inside leaves an odd stamp for ever; a reader gives up after a bounded number of tries
 * (AATS_E_BUSY).  The next generation has slots of its own. */
#ifndef AATS_SHM_LATEST_H
#define AATS_SHM_LATEST_H

#include <stdint.h>

#include "shm/md.h"

/* cdef-begin */
#define AATS_LATEST_TRIES 2000 /* of a read; some ten microseconds of an odd stamp */

/* aats_latest_write stores a whole book with record number rec->rec.  The caller has sym < dir_cap and lengths up to
 * level_max.  Writer only. */
void aats_latest_write(aats_md_view_t const *view, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks);

/* aats_latest_mark stores a new head (flags, why, times, numbers) over the levels that are there: the book as it was
 * when it turned bad.  Writer only. */
void aats_latest_mark(aats_md_view_t const *view, aats_rec_t const *rec);

/* aats_latest_try makes one attempt at a consistent copy of sym's book.
 *
 * bids and asks have room for cap levels each (cap 0: both may be NULL, only the head is copied).  rec->bid_len and
 * rec->ask_len are the book's; min(length, cap) levels are copied.  Returns 1 when rec, bids and asks hold the book;
 * 0 when a write got in between (all scratch); AATS_E_EMPTY when nothing was ever written; AATS_E_UNKNOWN if sym is
 * not below dir_cap; AATS_E_LAYOUT if a stable slot holds lengths that cannot be. */
int aats_latest_try(aats_md_view_t const *view, uint32_t sym, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks, uint32_t cap);

/* aats_latest_read is aats_latest_try until it says something: AATS_OK, a failure of it, or AATS_E_BUSY after
 * AATS_LATEST_TRIES. */
int aats_latest_read(aats_md_view_t const *view, uint32_t sym, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks, uint32_t cap);

/* aats_top_write brings the top of rec->sym up to date from a BBO record (bids[0], asks[0]; a side of length 0
 * becomes 0, 0) or a TICK record; other kinds change nothing.  rec->rec is the ring record's number; the caller has
 * sym < dir_cap.  Writer only. */
void aats_top_write(aats_md_view_t const *view, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks);

/* aats_top_try and aats_top_read copy the top of sym, with the returns of their latest twins. */
int aats_top_try(aats_md_view_t const *view, uint32_t sym, aats_top_t *out);
int aats_top_read(aats_md_view_t const *view, uint32_t sym, aats_top_t *out);
/* cdef-end */

#endif
