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

/* The feed's word on a connection.  Before a link is called up, or heard again after a silence, the books that it
 * lost are invalid (H1, valid.h).
 * AATS_OK, or AATS_E_ARG if link is not below AATS_LINK_MAX.  _up and _down count connects and drops, _heard frames
 * and bytes. */
int aats_md_link_up(aats_md_view_t const *view, uint32_t link, int64_t now_mono_ns, uint64_t limit_ns);
int aats_md_link_down(aats_md_view_t const *view, uint32_t link);
int aats_md_link_heard(aats_md_view_t const *view, uint32_t link, int64_t now_mono_ns, uint64_t frames, uint64_t bytes);
/* cdef-end */

#endif
