/* follow.h -- one message of a venue into one symbol's book, by everything that the venue says about it: sequence, depth, checksum.
 *
 * For: the feed and the replay of tapes, which must not differ in what they call a good book.  Not for: whether a book is asked for anew,
 * suspicion, readers: those are theirs.  Pure; the state is the caller's aats_sync_t and link number.
 */
#ifndef AATS_APP_FOLLOW_H
#define AATS_APP_FOLLOW_H

#include "book/sync.h"
#include "venue/venue.h"

#define AATS_LINK_NO_NONE   UINT64_MAX /* no numbered frame of this connection has come */
#define AATS_CHECK_LEVELS   128        /* most levels a side that a checksum may want */

/* aats_follow_begin gives a fresh sync the rule of its venue. */
void aats_follow_begin(aats_venue_t const *v, aats_sync_t *s);

/* aats_follow_diff takes a DEPTH message.  Returns what aats_sync_diff does; AATS_E_CHECKSUM: it was applied, the venue's sum is not the
 * book's, which is no longer live.  *d (NULL: not wanted) is the diff as it was applied; its levels are the message's. */
int aats_follow_diff(aats_venue_t const *v, aats_sync_t *s, aats_msg_t const *m, int64_t recv_ns, aats_diff_t *d);

/* aats_follow_snapshot takes a SNAPSHOT message; limit as in aats_sync_snapshot, 0 for one of the stream.  Returns what that does, or AATS_E_CHECKSUM. */
int aats_follow_snapshot(aats_venue_t const *v, aats_sync_t *s, aats_msg_t const *m, size_t limit);

/* aats_follow_link counts the frames of a connection where the venue numbers them.  Returns 0: in order, or without a number; 1: seen already,
 * nothing of the frame is to be used; AATS_E_GAP: frames are missing before it, any book of the connection may be wrong; *no is right again. */
int aats_follow_link(uint64_t *no, aats_msg_t const *m);

#endif
