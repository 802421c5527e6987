/* ring.h -- the event ring of a market-data segment: one writer, many readers, records of one fixed size.
 *
 * For: moving records.  Not for deciding which other object a record goes with: publish.h does, and is what a feed
 * calls.
 * Writer: the thread that steps the feed.  It never waits and never learns who reads.  A reader that falls more than
 * ring_depth records behind has been lapped: it is told so, takes aats_ring_newest as its cursor, then each book's
 * latest slot (latest.h), and goes on.
 *
 * Memory order.  Record n lives in slot n mod ring_depth.  Its stamp is 2n+1 while it is written and 2n+2 once it is
 * stable.
 *   E1  publish: release store of 2n+2      ->  poll: acquire load of stamp
 *       whoever sees 2n+2 sees every word of record n.
 *   E2  publish: 2n+1, release fence, words ->  poll: words, acquire fence, reload of stamp
 *       whoever copied a word of a newer record sees a changed stamp, and drops the copy.
 *   E3  publish.h: latest slot, then E1; then release store of head  ->  poll: E1, or newest: acquire load of head
 *       whoever has seen record n, or a head above n, finds in the latest slot of n's symbol record n or a newer one.
 *   E4  publish: release store of 2n+1      ->  poll: acquire load or fence before AATS_E_LAPPED
 *       whoever is told that record n is lost finds a head at least ring_depth above it, so a cursor never goes back.
 * Words move as relaxed 8-byte atomics, so there is no plain access to race with.
 *
 * Crash: a writer that dies inside a record leaves an odd stamp; readers find record n not published, for ever, and
 * heartbeat and control table tell them that the feed is gone.  The next feed makes a new generation of the segment
 * and starts at record 0.
 * Cost: publish 10 ns with 5 levels a side, 25 with 20; poll the same; of a record that is not there one load
 * (tests/bench/bench_ring.c, data in cache; from core to core add the transfer of the lines). */
#ifndef AATS_SHM_RING_H
#define AATS_SHM_RING_H

#include <stdint.h>

#include "base/atomics.h"
#include "shm/md.h"

/* cdef-begin */

/* aats_ring_writer_t -- what the one writer keeps in private memory. */
typedef struct {
    aats_md_view_t const *view;
    uint64_t next; /* number of the record to be published next */
} aats_ring_writer_t;

/* aats_ring_open prepares the writer of a fresh segment; view outlives it.  AATS_OK, or AATS_E_STALE if records are
 * in it already: a ring is never continued, its writer makes a new generation. */
int aats_ring_open(aats_ring_writer_t *writer, aats_md_view_t const *view);

/* aats_ring_publish stores *rec as record writer->next.
 *
 * bids and asks hold rec->bid_len and rec->ask_len levels, best first (not read where the length is 0).  *rec is
 * brought into the form that stands in the ring, which is also what a datagram wants: rec->rec is the number,
 * rec->stamp 2n+2, lengths above ring_levels are cut to it and say AATS_F_DEEP.
 * AATS_OK; never fails. */
int aats_ring_publish(aats_ring_writer_t *writer, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks);

/* aats_ring_poll copies record n into *out if it is stable.  out is always of the 20-level shape, whatever the
 * segment's slots hold; levels beyond bid_len and ask_len are untouched, and neither length is above 20.
 *
 * Returns 1 when out holds record n; 0 when n is not published yet (out untouched); AATS_E_LAPPED when n was
 * overwritten before or during the copy (out is scratch: resume from aats_ring_newest); AATS_E_LAYOUT when a stable
 * record names a symbol or lengths that cannot be (a damaged segment; out is scratch).  Never blocks, never
 * allocates, any number of threads.  The partner of E1 and E2 in aats_ring_publish. */
int aats_ring_poll(aats_md_view_t const *view, uint64_t n, aats_rec20_t *out);

/* aats_ring_newest returns the cursor for a joiner or a lapped reader: the number after the newest record it can see.
 * Records below it that it did not read are covered by the latest slots and tops, read after this call (E3). */
uint64_t aats_ring_newest(aats_md_view_t const *view);
/* cdef-end */

#endif
