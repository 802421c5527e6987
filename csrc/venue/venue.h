/* venue.h -- what the feed needs to know of a venue: the contract that each venue file fills in.
 *
 * A venue file says what the venue sends (parse), what it wants (open, subscribe), and its numbers (pings, limits).  It holds no state and
 * knows no socket, no clock and no shared memory; sequences and books are the feed's, by the rule the venue names.
 * Everything that happens once a second or less (instruments, snapshots over REST) is in aats/venue/<venue>.py.
 */
#ifndef AATS_VENUE_VENUE_H
#define AATS_VENUE_VENUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
/* What one message of a venue was. */
enum {
    AATS_MSG_OTHER = 0,    /* well-formed, but nothing that the feed uses: an unknown event */
    AATS_MSG_DEPTH = 1,    /* L2 diff: first_id..last_id, bids, asks */
    AATS_MSG_SNAPSHOT = 2, /* a whole book: last_id, bids, asks (REST answer) */
    AATS_MSG_PARTIAL = 3,  /* the top levels as they are now: last_id, bids, asks */
    AATS_MSG_TRADE = 4,    /* px_i, qty_i, side, id */
    AATS_MSG_AGG = 5,      /* an aggregate of trades: id, first_id..last_id */
    AATS_MSG_BBO = 6,      /* bids[0], asks[0], last_id */
    AATS_MSG_ACK = 7,      /* the request `id` was taken */
    AATS_MSG_ERROR = 8,    /* the request `id` was refused, or the session complains: code, text */
    AATS_MSG_SHUTDOWN = 9  /* the venue is about to close this connection */
};

#define AATS_MSG_LEVELS 10240 /* levels a side that one message may hold */

/* One parsed message.  Texts point into the frame.  The level arrays are the caller's, AATS_MSG_LEVELS each. */
typedef struct {
    int kind;
    int side; /* TRADE, AGG: 1 the aggressor bought, -1 sold */
    int64_t code;
    uint64_t id;
    uint64_t first_id;
    uint64_t last_id;
    int64_t exch_ns; /* 0: the message has no time */
    int64_t px_i;
    int64_t qty_i;
    char const *sym; /* the venue's spelling, any case; NULL if the message has none */
    char const *stream; /* NULL if the message was not wrapped */
    char const *text;
    size_t sym_len;
    size_t stream_len;
    size_t text_len;
    size_t bid_cnt;
    size_t ask_cnt;
    uint32_t parts; /* above 1: the frame holds so many messages of this kind, of which this is one (trades in binary) */
    uint32_t pad;
    size_t offset; /* after an error: bytes of the frame that were good */
    aats_level_t *bids;
    aats_level_t *asks;
} aats_msg_t;
/* cdef-end */

/* aats_msg_clear makes *m empty and keeps the addresses of the level arrays.  Field by field: the compiler clears a struct of this size with an
 * instruction that takes as long as the parsing of a best bid and ask. */
static inline void aats_msg_clear(aats_msg_t *m)
{
    m->kind = m->side = 0;
    m->code = 0;
    m->id = m->first_id = m->last_id = 0;
    m->exch_ns = m->px_i = m->qty_i = 0;
    m->sym = m->stream = m->text = NULL;
    m->sym_len = m->stream_len = m->text_len = 0;
    m->bid_cnt = m->ask_cnt = 0;
    m->parts = m->pad = 0;
    m->offset = 0;
}

/* Streams of a symbol, as bits. */
enum { AATS_STREAM_DEPTH = 1, AATS_STREAM_TRADE = 2, AATS_STREAM_BBO = 4, AATS_STREAM_AGG = 8 };

typedef struct {
    char const *name;   /* "BINANCE" */
    char const *format; /* "json", or how else market data comes: a venue has a struct for each format */
    int32_t px_exp;     /* scale of all prices and quantities of this venue */
    int32_t qty_exp;
    unsigned streams;   /* AATS_STREAM_* that it has in this format */

    /* parse reads one text message.  Returns AATS_OK with *m filled, or AATS_E_* (SYNTAX, SHAPE, DUPKEY, RANGE, INEXACT, TOO_BIG); m->sym
     * and m->stream are set as far as they were read before the error, so that the fault can be laid at the right symbol's door. */
    int (*parse)(char const *text, size_t n, aats_msg_t *m);

    /* parse_binary reads message number `part` of a binary frame, as parse does; m->parts says how many there are.  Part 0 judges the whole frame: after
     * it the others are read without a fault.  NULL: a binary frame is nothing that was asked for. */
    int (*parse_binary)(uint8_t const *bytes, size_t n, uint32_t part, aats_msg_t *m);

    /* path writes the target of the upgrade request, with a final zero.  Returns its length or AATS_E_FULL. */
    int (*path)(char *out, size_t cap);

    /* subscribe writes the text that asks for (or gives up, if `off`) the streams of cnt symbols.  Returns its length or AATS_E_FULL. */
    int (*subscribe)(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt);

    char const *key_field;    /* the upgrade's field that holds the API key; NULL: none is needed */
    int64_t ping_ns;          /* the server's own ping interval; silence for two of them means a dead link */
    int64_t rotate_ns;        /* age at which a connection is replaced before the venue ends it */
    uint32_t sends_per_s;     /* messages that a connection may send in a second, pongs included */
    uint32_t streams_max;     /* streams of one connection */
    uint32_t subscribe_batch; /* symbols in one subscribe text */
    int64_t ban_ns;           /* wait after HTTP 418 without a Retry-After */
} aats_venue_t;

extern aats_venue_t const aats_venue_binance;     /* binance.c, spot */
extern aats_venue_t const aats_venue_binance_sbe; /* binance_sbe.c, the same market in binary frames */

/* cdef-begin */
/* aats_venue_parse runs the parser of a venue by name over one message; for tools, tests and `aats tape check`.
 * AATS_E_UNKNOWN if no such venue is built in. */
int aats_venue_parse(char const *venue, char const *text, size_t n, aats_msg_t *m);
/* aats_venue_parse_binary does so for part number `part` of a binary frame in a format of the venue. */
int aats_venue_parse_binary(char const *venue, char const *format, uint8_t const *bytes, size_t n, uint32_t part, aats_msg_t *m);
/* aats_venue_exps gives the scale of a venue's prices and quantities. */
int aats_venue_exps(char const *venue, int32_t *px_exp, int32_t *qty_exp);
/* cdef-end */

/* aats_venue_find returns the venue of that name in its first format (text), aats_venue_dialect in the one named ("": the first); NULL if none is
 * built in. */
aats_venue_t const *aats_venue_find(char const *name);
aats_venue_t const *aats_venue_dialect(char const *name, char const *format);

#endif
