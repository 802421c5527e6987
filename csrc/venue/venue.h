/* venue.h -- what the feed needs to know of a venue: the contract that each venue file fills in (docs/venues.md is its page).
 *
 * A venue file says what the venue sends (parse), what it wants (open, subscribe), its rules (sequence, checksum, snapshots) and its numbers
 * (pings, limits).  It holds no state and knows no socket, no clock and no shared memory; sequences and books are the feed's, by the rule the
 * venue names.  Everything that happens once a second or less (instruments, snapshots over REST) is in aats/venue/<venue>.py.
 *
 * What may differ from venue to venue, and the field that says so:
 *   where a book begins            snapshots: a REST answer that is asked for, or a message of the stream after each subscription
 *   how diffs hang together        seq: by spans of ids, by the previous id, by counting, or not at all (then the checksum vouches)
 *   numbers of a whole connection  AATS_HAS_LINK_SEQ: a hole makes every book of the connection suspect
 *   checksums                      AATS_HAS_CHECK with `check`: a book whose sum differs is lost and had anew
 *   books that are cut             depth_max: what falls behind that many levels is forgotten
 *   several messages in one frame  m->more with `next`
 *   several hosts or paths         ways: which streams come by which
 *   application-level pings        ping and answer
 *   decimals by symbol             aats_msg_scale
 */
#ifndef AATS_VENUE_VENUE_H
#define AATS_VENUE_VENUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "book/sync.h" /* AATS_SEQ_* */
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
    AATS_MSG_ACK = 7,      /* the request `id` was taken; with a symbol: what was asked for its `streams` (0: all), code 1: they were given up;
                            * with neither: the oldest request that no word has come of */
    AATS_MSG_ERROR = 8,    /* the request `id`, or the `streams` (0: all) of a symbol, were refused; or the session complains: code, text */
    AATS_MSG_SHUTDOWN = 9, /* the venue is about to close this connection */
    AATS_MSG_MARK = 10,    /* px_i: mark price, 0: not told; index_px_i: index price, 0: not told */
    AATS_MSG_FUNDING = 11, /* rate_i at AATS_RATE_EXP, next_ns: when it falls due, 0: not told */
    AATS_MSG_LIQUIDATION = 12, /* px_i, qty_i, side: of the order by which the position is closed: 1 it buys, -1 it sells */
    AATS_MSG_PONG = 13,    /* the answer to the text ping `id` (0: it carries none) */
    AATS_MSG_PING = 14,    /* the venue wants a text in answer: `answer` writes it */
    AATS_MSG_BEAT = 15,    /* nothing but a sign of life, with the connection's number if it has one */
    AATS_MSG_STATUS = 16,  /* of sym: code 1 the venue has halted it, 0 it trades */
    AATS_MSG_ENDED = 17    /* the venue has ended the stream of sym (delisted, or a subscription given up): code and text say why */
};

/* Which of the fields below mean anything; those without a bit here are always set or zero. */
#define AATS_HAS_PREV     1 /* prev_id */
#define AATS_HAS_CHECK    2 /* check */
#define AATS_HAS_LINK_SEQ 4 /* link_seq */
#define AATS_HAS_RESET    8 /* DEPTH, BBO: the venue counts anew from here on: ids may go back (its maintenance) */

#define AATS_MSG_LEVELS 65536 /* levels a side that one message may hold */

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
    uint32_t more;  /* text: the frame holds another message, `next` reads it */
    size_t offset; /* after an error: bytes of the frame that were good */
    aats_level_t *bids;
    aats_level_t *asks;
    uint32_t has;      /* AATS_HAS_* */
    uint32_t streams;  /* ACK, ERROR, ENDED with a symbol: AATS_STREAM_* that it speaks of */
    uint32_t check;    /* the venue's checksum of the book after this message */
    int32_t px_exp;    /* scale of this message's numbers: the venue's, or what aats_msg_scale found */
    int32_t qty_exp;
    int32_t px_dec;    /* digits behind the point as this symbol's prices and quantities are printed for its checksum, -1: not known */
    int32_t qty_dec;
    uint32_t pad;
    uint64_t prev_id;  /* DEPTH: last_id of the diff before this one, by the venue's word */
    uint64_t link_seq; /* number of this frame on its connection */
    int64_t index_px_i;
    int64_t rate_i;
    int64_t next_ns;
    size_t cursor;     /* private to the venue between parse and next */
    uint64_t cursor2;
    /* The caller's: how a symbol's numbers are scaled.  NULL: by the venue's own exponents.  Fills *px_exp and *qty_exp (and px_dec, qty_dec) of m for
     * the symbol m->sym (NULL: the one whose snapshot was asked for), and leaves them as they are if it knows nothing of it. */
    void (*scale)(void *arg, void *m);
    void *scale_arg;
    char room[48];     /* private to the venue: a symbol that the frame does not spell out; sym may point into it */
} aats_msg_t;
/* cdef-end */

/* aats_msg_clear makes *m empty and keeps the addresses of the level arrays, and who knows of scales.  Field by field: the compiler clears a struct of this size with an
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
    m->parts = m->more = 0;
    m->offset = 0;
    m->has = 0;
}

/* aats_msg_scale gives m the exponents for m->sym: a parser calls it once it has read the symbol and before it reads a price or quantity.  Where the
 * symbol stands behind the numbers, it looks ahead for it. */
static inline void aats_msg_scale(aats_msg_t *m, int32_t px_exp, int32_t qty_exp)
{
    m->px_exp = px_exp;
    m->qty_exp = qty_exp;
    m->px_dec = m->qty_dec = -1;
    if (m->scale) m->scale(m->scale_arg, m);
}

/* Streams of a symbol, as bits. */
enum {
    AATS_STREAM_DEPTH = 1, AATS_STREAM_TRADE = 2, AATS_STREAM_BBO = 4, AATS_STREAM_AGG = 8, AATS_STREAM_MARK = 16, AATS_STREAM_FUNDING = 32,
    AATS_STREAM_LIQUIDATION = 64, AATS_STREAM_STATUS = 128
};

/* Where a book begins. */
enum { AATS_SNAP_REST = 0, AATS_SNAP_STREAM = 1 };
/* What the ids of trades promise. */
enum { AATS_IDS_COUNT = 0 /* by one */, AATS_IDS_RISE = 1, AATS_IDS_NONE = 2 };

#define AATS_VENUE_WAYS 3

/* aats_way_t -- one host or path of a venue's market data; its connections are its own. */
typedef struct {
    unsigned streams; /* AATS_STREAM_* that come by it */
    /* path writes the target of the upgrade request, with a final zero.  Returns its length or AATS_E_FULL. */
    int (*path)(char *out, size_t cap);
} aats_way_t;

typedef struct aats_venue {
    char const *name;   /* "BINANCE" */
    char const *format; /* "json", or how else market data comes: a venue has a struct for each format */
    int32_t px_exp;     /* scale of all prices and quantities of this venue */
    int32_t qty_exp;
    int scales;         /* 1: a feed gives each symbol exponents of its own, by aats_msg_scale; 0: it leaves m->scale NULL, and only tapes give some */
    unsigned streams;   /* AATS_STREAM_* that it has in this format */

    int seq;            /* AATS_SEQ_* */
    int snapshots;      /* AATS_SNAP_* */
    int trade_ids;      /* AATS_IDS_* */
    int fuses;          /* 1: last_id of the best bid/ask and of the book count the same, so that the newer one may be laid over the other */
    int answers_in_order; /* 1: neither acknowledgements nor refusals name their request: they come in the order of the requests */
    int subscribe_one;  /* 1: a request names one stream alone: subscribe is called with one bit at a time */
    uint32_t depth_max; /* levels a side that the subscribed book has: what lies behind is forgotten after each diff; 0: it is whole, or the venue says what goes */
    int depth_silent;   /* 1: the venue does not say which levels fall behind depth_max, so that a tape's books are cut too, at what was subscribed */
    uint32_t check_levels; /* levels a side that `check` wants to see */
    uint32_t way_cnt;   /* 0: one way, with `path` and all streams */
    aats_way_t ways[AATS_VENUE_WAYS];

    /* check returns the venue's checksum over the top of a book (best first); m: the message that carries the sum to compare with (its px_exp, qty_exp,
     * px_dec, qty_dec say how numbers are printed).  NULL: the venue sends none. */
    uint32_t (*check)(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt);

    /* next reads the next message of a text frame, when m->more was set.  parse has judged the whole frame: next finds nothing wrong in it. */
    int (*next)(char const *text, size_t n, aats_msg_t *m);

    /* hello writes the text that is sent right behind the upgrade, before anything is subscribed to; NULL or a length of 0: none.  It counts as a
     * request where answers come in order. */
    int (*hello)(char *out, size_t cap);

    /* ping writes the text that keeps a connection alive, every ping_every_ns; what comes back is a PONG.  NULL: WebSocket pings do.
     * barrier_text 1: the pong to it comes in the order of the stream, and WebSocket pings are answered by somebody before it.
     * answer writes the text that a PING message wants; NULL: none is ever wanted. */
    int (*ping)(char *out, size_t cap, uint64_t id);
    int (*answer)(char *out, size_t cap, aats_msg_t const *m);
    int64_t ping_every_ns;
    int barrier_text;

    /* parse reads one text message, the first of its frame.  Returns AATS_OK with *m filled, or AATS_E_* (SYNTAX, SHAPE, DUPKEY, RANGE, INEXACT, TOO_BIG); m->sym
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
    int64_t rotate_ns;        /* age at which a connection is replaced before the venue ends it, 0: it has no such limit */
    uint32_t sends_per_s;     /* messages that a connection may send in a second, pongs included */
    uint32_t streams_max;     /* streams of one connection */
    uint32_t subscribe_batch; /* symbols in one subscribe text */
    int64_t ban_ns;           /* wait after HTTP 418 without a Retry-After */
} aats_venue_t;

extern aats_venue_t const aats_venue_binance;     /* binance.c, spot */
extern aats_venue_t const aats_venue_binance_sbe; /* binance_sbe.c, the same market in binary frames */
extern aats_venue_t const aats_venue_gate;           /* gate.c: spot; market data only, as the next three */
extern aats_venue_t const aats_venue_gate_swap;      /* gate.c: perpetuals, for tapes */
extern aats_venue_t const aats_venue_kucoin;         /* kucoin.c: spot */
extern aats_venue_t const aats_venue_deribit;        /* deribit.c: all */
extern aats_venue_t const aats_venue_coinbase;       /* coinbase.c: Advanced Trade */
extern aats_venue_t const aats_venue_kraken;         /* kraken.c: spot, WebSocket v2 */
extern aats_venue_t const aats_venue_binanceus;     /* binance.c */
extern aats_venue_t const aats_venue_binance_swap;  /* binance_futures.c */
extern aats_venue_t const aats_venue_binance_coinm; /* binance_futures.c */
extern aats_venue_t const aats_venue_bybit;           /* bybit.c: spot */
extern aats_venue_t const aats_venue_bybit_swap;      /* bybit.c: linear perpetuals */
extern aats_venue_t const aats_venue_okx;             /* okx.c: spot */
extern aats_venue_t const aats_venue_okx_swap;        /* okx.c: perpetuals */

/* cdef-begin */
/* aats_venue_parse runs the parser of a venue by name over one message; for tools, tests and `aats tape check`.
 * AATS_E_UNKNOWN if no such venue is built in. */
int aats_venue_parse(char const *venue, char const *text, size_t n, aats_msg_t *m);
/* aats_venue_parse_binary does so for part number `part` of a binary frame in a format of the venue. */
int aats_venue_parse_binary(char const *venue, char const *format, uint8_t const *bytes, size_t n, uint32_t part, aats_msg_t *m);
/* aats_venue_exps gives the scale of a venue's prices and quantities; aats_venue_scales says whether a symbol may have one of its own. */
int aats_venue_exps(char const *venue, int32_t *px_exp, int32_t *qty_exp);
int aats_venue_scales(char const *venue);
/* aats_venue_streams gives AATS_STREAM_* that a venue has in a format ("": its first); AATS_E_UNKNOWN. */
int aats_venue_streams(char const *venue, char const *format);
/* cdef-end */

/* aats_venue_find returns the venue of that name in its first format (text), aats_venue_dialect in the one named ("": the first); NULL if none is
 * built in. */
aats_venue_t const *aats_venue_find(char const *name);
aats_venue_t const *aats_venue_dialect(char const *name, char const *format);

#endif
