/* replay.h -- recorded traffic of one venue through the live feed's parser, sequence rule and book; what came of it, symbol by symbol.
 *
 * For: `aats tape check` and tests that damage a tape on purpose.  Not for readers of books: nothing here is in shared memory, and there is no
 * clock, no socket, no request.  A snapshot comes when the tape holds one; none is asked for.
 *
 *   frame text --venue parse--> sequence, book, checksum (follow.h) --> counters, marks     the feed's walk without its last two steps
 *
 * What is one book?  Where snapshots come in the stream: a symbol (by_topic: a topic) on one connection; a connection's second subscription of
 * it is another book.  Where they are asked for: a symbol, over all connections, since ids tell what belongs together.
 *
 * When is a book called good?  By the feed's rules (feed.h), as far as a tape can tell:
 *   - synchronised, and not crossed at the end of a message;
 *   - not suspect: after a frame that could not be read (its own diff, or one of nobody knows whom) a book is invalid until a diff that
 *     continues its sequence or a snapshot has come;
 *   - its checksum was right, and no numbered frame of its connection is missing, where the venue has such.
 * A book that was lost stays lost until a later snapshot of the tape fits.  The depth horizon is not judged: levels are as the tape told them.
 *
 * Owner: one thread.  Symbols appear as the tape names them; there is no instrument list: exponents are learned (replay_scale.c), and a tape that
 * has taught some is run a second time.
 */
#ifndef AATS_APP_REPLAY_H
#define AATS_APP_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "base/limits.h"
#include "layout/layout.h"

/* cdef-begin */
#define AATS_REPLAY_TOP  20  /* levels a side that aats_replay_look gives */
#define AATS_REPLAY_MARK 200 /* applied updates from one mark to the next */
#define AATS_REPLAY_CONNS 65536 /* connections of one tape */

typedef struct aats_replay aats_replay_t;

/* What became of one symbol, as if the tape ended now.  Levels are at 10^px_exp, 10^qty_exp, best first. */
typedef struct {
    char native[48];            /* the venue's spelling (Binance: upper case), or the topic */
    char symbol[48];            /* the venue's spelling */
    uint64_t snapshots;         /* taken into the book */
    uint64_t updates;           /* diffs applied, also those that came before their snapshot */
    uint64_t olds;              /* diffs that held nothing new, dropped by the venue's rule */
    uint64_t crossed;           /* times the book was lost because it was crossed after a message */
    uint64_t gaps;              /* holes in the diffs or in the connection's numbers, also one between a snapshot that came too early and the first diff after it */
    uint64_t trades;            /* trades and aggregates with a new id */
    uint64_t trades_again;      /* those whose id had been seen or passed */
    uint64_t trade_gaps;        /* jumps of their ids, where they count up by one */
    uint64_t checksum_failures; /* 0 where the venue sends none */
    uint64_t snapshot_id;       /* last update id of the newest snapshot taken */
    uint64_t final_id;          /* last update id ever applied or loaded */
    uint64_t bid_cnt;           /* levels of the whole book, as it is or as it was when it was lost */
    uint64_t ask_cnt;
    uint64_t mark_cnt;          /* for aats_replay_mark */
    int32_t px_exp;
    int32_t qty_exp;
    int32_t px_decimals;        /* digits behind the point: the fewest with which this symbol's levels were written */
    int32_t qty_decimals;
    uint32_t conn;              /* connection; 0 where books are of all connections */
    int32_t has_book;           /* a diff or a snapshot of it has come: not one with trades alone */
    int32_t valid;
    uint32_t bid_top_cnt;
    uint32_t ask_top_cnt;
    aats_level_t bids[20];
    aats_level_t asks[20];
} aats_replay_symbol_t;

/* The top of a book after every AATS_REPLAY_MARK-th applied update; quantity 0: that side was empty. */
typedef struct {
    uint64_t updates;
    aats_level_t bid;
    aats_level_t ask;
} aats_replay_mark_t;

/* aats_replay_open returns a replayer for a venue by name; NULL if no such venue is built in or memory runs out.  close takes NULL. */
aats_replay_t *aats_replay_open(char const *venue);
void aats_replay_close(aats_replay_t *r);

/* aats_replay_by_topic says, before the first message, that books go by the name of their stream. */
void aats_replay_by_topic(aats_replay_t *r);

/* aats_replay_taught returns 1 if messages have taught exponents that earlier ones were read without: the tape is to be given again, after
 * aats_replay_restart, which forgets everything but what was learned. */
int aats_replay_taught(aats_replay_t const *r);
void aats_replay_restart(aats_replay_t *r);

/* aats_replay_connect says that connection `conn` (a number of the caller's) is opened, perhaps once more: its frames are counted anew, and books whose
 * snapshot comes by it are no longer known.  AATS_E_ARG: AATS_REPLAY_CONNS or more; AATS_E_NOMEM. */
int aats_replay_connect(aats_replay_t *r, uint32_t conn);

/* aats_replay_frame takes the next message of a connection of the venue, its text as received; recv_ns is the recorder's stamp.
 *
 * Returns what it was, AATS_MSG_* of the first message in it (books and trades are used, the rest is passed over); the parser's error, or AATS_E_SHAPE for
 * a diff whose ids run backwards: the books that it may have been for are suspect now; AATS_E_TOO_BIG for a symbol of AATS_SYMBOL_SZ bytes or more;
 * AATS_E_ARG for the connection; AATS_E_NOMEM. */
int aats_replay_frame(aats_replay_t *r, uint32_t conn, char const *text, size_t n, int64_t recv_ns);

/* aats_replay_snapshot takes a REST answer.  symbol (any case) says whose; NULL: the tape's only one.
 *
 * Returns 1: taken, and the diffs kept so far are applied over it; 0: older than what is known of the stream, not used; AATS_E_UNKNOWN: symbol
 * is NULL and the tape has none or several; the parser's error, AATS_E_SHAPE if it is no snapshot; AATS_E_NOMEM. */
int aats_replay_snapshot(aats_replay_t *r, char const *symbol, char const *text, size_t n);

/* aats_replay_count returns the symbols so far, in the order of their first message; aats_replay_look fills out for one, aats_replay_mark
 * copies its marks at, at + 1, .. into out and returns how many (at most cap); aats_replay_levels copies the first cap levels of a whole side,
 * best first, and returns how many there were.  AATS_E_ARG: no such symbol, mark or side. */
uint32_t aats_replay_count(aats_replay_t const *r);
int aats_replay_look(aats_replay_t const *r, uint32_t i, aats_replay_symbol_t *out);
int aats_replay_mark(aats_replay_t const *r, uint32_t i, size_t at, aats_replay_mark_t *out, size_t cap);
int aats_replay_levels(aats_replay_t const *r, uint32_t i, int side, aats_level_t *out, size_t cap);
/* cdef-end */

#endif
