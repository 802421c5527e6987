/* sync.h -- keeps one symbol's book in step with its venue's stream of diffs, by the rule that the venue states.
 *
 * For: how diffs hang together (AATS_SEQ_*), and where a book begins.  Not for: asking for the snapshot, checksums, time, validity
 * towards readers: those are app/follow.h's and the feed's.  Pure; one thread.
 *
 * A venue that answers snapshots on request (exchanges/binance_spot.md section 3):
 *
 *     start ----> WAIT: diffs are kept ------------ snapshot fits ------------> LIVE: diffs are applied
 *                   ^   snapshot older than the first kept diff:                  |
 *                   |   AATS_E_STALE, ask again                                   |  U > id + 1: AATS_E_GAP
 *                   +-------------------------------------------------------------+
 *
 * While LIVE a fresh snapshot may be asked for all the same (the price left the known depth, or the feed was stopped for a while):
 * aats_sync_keep says so, diffs are then kept and applied, and the snapshot replaces the book with what was kept since replayed over it.
 *
 * A venue whose snapshot is a message of the stream itself (`in_band`): nothing is ever kept.  A diff before the snapshot belongs to no book
 * and is passed over (AATS_SYNC_EARLY), a snapshot replaces the book whenever it comes, and a hole ends the book until the next one.  Only the
 * exact double of the newest diff is OLD there: another one that does not fit is a hole, whatever its number.
 *
 * Update ids: a diff covers U..u, both included.  A snapshot with id L holds everything up to L.
 */
#ifndef AATS_BOOK_SYNC_H
#define AATS_BOOK_SYNC_H

#include "book/book.h"

/* cdef-begin */
/* What became of a diff (aats_sync_diff, aats_sync_replay); errors are negative. */
enum { AATS_SYNC_KEPT = 0, AATS_SYNC_APPLIED = 1, AATS_SYNC_OLD = 2, AATS_SYNC_EARLY = 3 };

/* How the diffs of a book hang together. */
enum {
    AATS_SEQ_SPAN = 0, /* each covers first_id..last_id, the next begins at last_id + 1 or before (Binance spot) */
    AATS_SEQ_PREV = 1, /* prev_id is the last_id of the one before.  Over a REST snapshot L the first that counts has first_id <= L <= last_id, or prev_id == L */
    AATS_SEQ_NEXT = 2, /* last_id counts up by one */
    AATS_SEQ_NONE = 3  /* there is no number: the checksum of each diff vouches, or the connection's numbers */
};

/* One diff, as parsed: absolute quantities. */
typedef struct {
    uint64_t first_id; /* U; SPAN, and PREV over a REST snapshot */
    uint64_t last_id;  /* u; NONE: 0, or a number that only tells */
    uint64_t prev_id;  /* PREV */
    int64_t exch_ns;
    int64_t recv_ns;
    aats_level_t const *bids;
    aats_level_t const *asks;
    size_t bid_cnt;
    size_t ask_cnt;
    uint32_t reset; /* PREV: the venue counts anew: last_id may lie below prev_id */
    uint32_t pad;
} aats_diff_t;

typedef struct {
    aats_book_t *book;
    int seq;           /* AATS_SEQ_* */
    int in_band;       /* snapshots come in the stream */
    uint32_t depth_max; /* levels a side that are held, 0: all */
    int joined;        /* PREV: a diff has followed the snapshot */
    uint64_t prev_id;  /* PREV: of the newest diff applied */
    uint64_t count;    /* NONE: what `id` was last, also over a loss: it never goes back */
    int live;        /* the book holds everything up to id */
    int keeping;     /* diffs are kept for a snapshot to come */
    uint64_t id;     /* last update in the book; 0 if not live */
    uint64_t kept_first_id; /* U of the oldest kept diff, 0 if none is kept */
    uint64_t kept_last_id;
    int64_t horizon[2]; /* price of the last level a cut snapshot told, by side: beyond it levels may be missing */
    int horizon_set[2]; /* 0: the snapshot was whole, nothing is missing */
    uint8_t *kept;   /* diffs one behind the other; private */
    size_t kept_sz;
    size_t kept_cap;
    size_t replay_at;
    int replaying;
} aats_sync_t;
/* cdef-end */

#define AATS_SYNC_KEPT_MAX ((size_t)32 << 20) /* bytes of kept diffs; over it the oldest are forgotten and the snapshot must be newer */

/* aats_sync_init starts in WAIT, with spans over snapshots on request.  `book` stays the caller's.  aats_sync_fini frees the kept diffs. */
void aats_sync_init(aats_sync_t *s, aats_book_t *book);
/* aats_sync_rule sets another rule, before the first message.  depth_max: what lies behind so many levels a side is forgotten after the snapshot
 * and after each diff. */
void aats_sync_rule(aats_sync_t *s, int seq, int in_band, uint32_t depth_max);
void aats_sync_fini(aats_sync_t *s);

/* aats_sync_reset goes back to WAIT and forgets book, ids and kept diffs: the stream itself was lost. */
void aats_sync_reset(aats_sync_t *s);

/* aats_sync_lost leaves LIVE but keeps the kept diffs: the book is wrong, the stream goes on. */
void aats_sync_lost(aats_sync_t *s);

/* aats_sync_keep begins to keep diffs while LIVE, for a snapshot that is about to be asked for.  Harmless if already keeping. */
void aats_sync_keep(aats_sync_t *s);

/* aats_sync_diff takes the next diff of the stream.
 *
 * Returns AATS_SYNC_APPLIED; AATS_SYNC_KEPT (WAIT); AATS_SYNC_OLD (nothing new in it, u <= id: ignored; levels are absolute, so
 * this is safe whether a venue means u < id or u <= id; in_band: the newest once more); AATS_SYNC_EARLY (in_band: there is no snapshot yet);
 * AATS_E_GAP: updates between id and U are missing, the book is no longer live, the diff is kept unless in_band; AATS_E_SHAPE for ids that run
 * backwards (U > u; PREV: u below prev_id without `reset`), nothing is changed; what the book refused, it is then not live either; AATS_E_NOMEM. */
int aats_sync_diff(aats_sync_t *s, aats_diff_t const *d);

/* aats_sync_snapshot takes the answer to a request: everything up to last_id.  A side with `limit` levels or more was cut by the venue there:
 * levels beyond its last one are unknown (limit 0: never).
 *
 * Returns AATS_OK: the book is the snapshot; call aats_sync_replay until it returns 0 or an error (in_band: there is nothing to replay).  AATS_E_STALE: older than the first
 * kept diff (or, while LIVE, than what could be replayed): ask again, everything is as before.  Errors of aats_book_load: not live. */
int aats_sync_snapshot(aats_sync_t *s, uint64_t last_id, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks,
                       size_t ask_cnt, size_t limit);

/* aats_sync_replay applies the next kept diff that the snapshot does not hold.  Returns 1 and *done tells which (levels are valid until the
 * next call); 0: all done, LIVE; AATS_E_GAP: updates are missing among the kept ones, WAIT again, those behind the hole stay kept. */
int aats_sync_replay(aats_sync_t *s, aats_diff_t *done);

/* aats_sync_known cuts a copy of the top levels of a side at the horizon: returns how many of the cnt levels are certain. */
size_t aats_sync_known(aats_sync_t const *s, int side, aats_level_t const *top, size_t cnt);

#endif
