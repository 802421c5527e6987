/* publish.h -- one verb for the feed: put a record wherever readers will look for it, in the order that they rely on.
 *
 *   kind    first                              then
 *   QUOTE   latest slot: head and all levels   ring
 *   STATE   latest slot: head, levels stay     ring
 *   BBO     top: best bid and ask              ring
 *   TICK    top: last trade                    ring
 *   L2      -                                  ring
 *   LINK    - (sym is 65535)                   ring
 *
 * Slot and top before the ring, and head after it, are edge E3 of ring.h: a lapped reader takes the newest cursor
 * first and the slots after it, and has missed no book.
 * Writer: the thread that steps the feed. */
#ifndef AATS_SHM_PUBLISH_H
#define AATS_SHM_PUBLISH_H

#include "shm/latest.h"
#include "shm/ring.h"

/* cdef-begin */
/* aats_md_publish publishes *rec with rec->bid_len and rec->ask_len levels.
 *
 * The caller has filled all fields but stamp and rec, pub_ns last.  On return *rec is the head as it stands in the
 * ring (see aats_ring_publish).  Also counts the record in md.counters (RECORDS, and QUOTES, TICKS, BBOS or L2S) and,
 * but for LINK, in the directory entry (quotes, ticks).
 * AATS_OK; AATS_E_ARG, with nothing written, if sym, kind or a length cannot be (sym below dir_cap, lengths up to
 * level_max). */
int aats_md_publish(aats_ring_writer_t *writer, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks);
/* cdef-end */

#endif
