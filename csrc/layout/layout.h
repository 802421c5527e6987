/* layout.h -- every struct that lives in shared memory or on the wire between our own processes, once.
 *
 * The text between the marks is the only definition: cffi reads it, aats/layout.py makes the numpy dtypes from it, and a 64-bit hash of it
 * (AATS_LAYOUT_HASH, computed by the build) stands in each segment's name and header, so two builds with different layouts never share one.
 * Nothing here has behaviour; shm/ gives the verbs.  Money is scaled integers: px_i * 10^px_exp, qty_i * 10^qty_exp, with the exponents in the directory entry.
 * Times are ns: `*_ns` since the epoch, `*_mono_ns` on CLOCK_MONOTONIC (one clock for all processes of the host).
 *
 * A market-data segment `md.<feed>`, one writer (the thread that steps the feed), any number of readers:
 *
 *   0          aats_seg_t     who made it, what it is           written once (successor: by the next generation's writer)
 *   256        aats_md_t      geometry, head, counters, links   feed
 *   dir_off    aats_dir_t  x dir_cap                            feed
 *   latest_off aats_rec_t + 2 x level_max levels, x dir_cap     feed (seqlock each)
 *   top_off    aats_top_t  x dir_cap                            feed (seqlock each)
 *   ring_off   slots of slot_sz, x ring_depth                   feed (stamp in each slot)
 *   stats_off  aats_hist_t x AATS_MD_HISTS                      feed
 */
#ifndef AATS_LAYOUT_H
#define AATS_LAYOUT_H

#include <stdint.h>

#include "base/limits.h"

/* cdef-begin */
#define AATS_SEG_MAGIC 0x3130475353544141 /* "AATSSG01", stored last */

enum { AATS_KIND_CTL = 1, AATS_KIND_MD = 2, AATS_KIND_TD = 3, AATS_KIND_RISK = 4 };

/* aats_seg_t -- the head of every segment; 256 bytes.  The first 64 bytes keep their place in every version, so a foreign one can be named. */
typedef struct {
    uint64_t magic;       /* AATS_SEG_MAGIC once all the rest is there */
    uint32_t header_sz;   /* 256 */
    uint32_t kind;        /* AATS_KIND_* */
    uint64_t layout_hash; /* of the writer's build */
    uint64_t size;        /* bytes of the whole segment */
    uint64_t generation;  /* unique and growing in a control table's life */
    int64_t created_ns;
    uint64_t owner;   /* identity word of the maker (see aats_slot_t), state byte 0 */
    uint64_t reserved;
    char name[48];    /* "binance", without kind and generation */
    char boot_id[40]; /* /proc/sys/kernel/random/boot_id */
    char version[40]; /* of the package that made it */
    uint64_t successor; /* generation that replaced this one, 0 while current; on a line of its own */
    uint64_t pad[7];
} aats_seg_t;

/* ---- control table ---------------------------------------------------------------------------------------------------------------- */

enum { AATS_ROLE_NONE = 0, AATS_ROLE_FEED = 1, AATS_ROLE_TRADE = 2, AATS_ROLE_VIEW = 3, AATS_ROLE_CONTROL = 4, AATS_ROLE_SIM = 5, AATS_ROLE_OTHER = 6 };
enum { AATS_STATE_FREE = 0, AATS_STATE_BOOT = 1, AATS_STATE_RUN = 2, AATS_STATE_HALT = 3, AATS_STATE_FAIL = 4, AATS_STATE_REAP = 5 };
enum { AATS_WAIT_NONE = 0, AATS_WAIT_SPIN = 1, AATS_WAIT_YIELD = 2, AATS_WAIT_SLEEP = 3 };
enum { AATS_MODE_NONE = 0, AATS_MODE_DIRECT = 1, AATS_MODE_SANDBOX = 2, AATS_MODE_PAPER = 3, AATS_MODE_SIM = 4, AATS_MODE_REPLAY = 5 };
enum { AATS_CMD_NONE = 0, AATS_CMD_STOP = 1, AATS_CMD_SUBSCRIBE = 2, AATS_CMD_UNSUBSCRIBE = 3, AATS_CMD_SET_LEVEL = 4, AATS_CMD_OPEN_L2 = 5, AATS_CMD_PING = 6 };

/* aats_slot_t -- one role of one process; 1024 bytes.  `owner` holds pid, start time and state in one word, so that one compare-and-swap claims,
 * moves or reaps a slot: bits 63..42 pid (22), 41..8 start time in clock ticks since boot (34), 7..0 AATS_STATE_*.  0 is free. */
typedef struct {
    uint64_t owner;
    uint32_t role; /* AATS_ROLE_* */
    uint32_t mode; /* AATS_MODE_* */
    uint64_t generation; /* of the role's own segment, 0: none */
    int64_t started_ns;
    uint32_t port; /* TCP or UDP port it serves, 0: none */
    uint32_t uid;
    uint64_t ns_id; /* inode of its pid namespace */
    char name[48];
    char detail[160]; /* one line for people: venue, host, symbols, why it failed */

    uint64_t heartbeat_mono_ns; /* stamped at the start of each pass of its loop; owner alone */
    uint64_t passes;
    uint64_t wait;              /* AATS_WAIT_* in force */
    uint64_t counters[29];      /* meaning by role: AATS_MDC_* for a feed ... */

    uint64_t cmd_lock;   /* identity word of the commander, 0: none; commanders alone */
    uint64_t cmd_seq;    /* grows by one a command */
    uint64_t cmd_op;     /* identity of whom it is for, AATS_CMD_* in the low byte */
    char cmd_arg[168];   /* "BTCUSDT.BINANCE 5" */
    uint64_t ans_seq;    /* equals cmd_seq once answered; owner alone from here on */
    int64_t ans_code;    /* AATS_OK or AATS_E_* */
    char ans_text[240];
    char pad[64];
} aats_slot_t;

/* aats_clock_page_t -- how the processor's counter is read as time, once for all processes of a namespace; shm/clock_page.h has the verbs; 128 bytes. */
typedef struct {
    uint64_t seq;        /* 2n+1 while it is written, 2n once stable, 0: never written */
    uint64_t tsc;        /* the counter when the two clocks below were read */
    int64_t real_ns;
    int64_t mono_ns;
    uint64_t mult;       /* ns = (ticks * mult) >> 32 */
    uint64_t good_ticks; /* so many ticks after `tsc` nobody uses it any more */
    uint64_t err_ns;     /* half the time that reading them took: it may be wrong by so much */
    uint64_t writes;
    uint64_t keeper;     /* identity of who writes it now, 0: nobody; a line of its own */
    uint64_t pad[7];
} aats_clock_page_t;

typedef struct {
    uint64_t slot_cnt;
    uint64_t closing; /* identity of the last one out, who is unlinking this table: join the next one; 0: open */
    uint64_t pad0[6];
    uint64_t next_generation;
    uint64_t pad1[7];
    aats_clock_page_t clock;
} aats_ctl_t; /* at 256 of the ctl segment; the slots follow at 512 */

/* ---- market data ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t px_i;
    int64_t qty_i;
} aats_level_t;

enum { AATS_BID = 0, AATS_ASK = 1 };
enum { AATS_REC_QUOTE = 1, AATS_REC_TICK = 2, AATS_REC_BBO = 3, AATS_REC_L2 = 4, AATS_REC_STATE = 5, AATS_REC_LINK = 6,
       AATS_REC_MARK = 7, AATS_REC_FUNDING = 8, AATS_REC_LIQUIDATION = 9 };

#define AATS_RATE_EXP 18 /* digits behind the point of a funding rate */

/* flags of a record */
#define AATS_F_VALID     1   /* the feed calls the book good */
#define AATS_F_LAST      2   /* L2: the last change of one venue message */
#define AATS_F_DEEP      4   /* QUOTE: more levels than a slot holds; take the latest-book slot */
#define AATS_F_FUSED     8   /* QUOTE: level 0 comes from the best bid/ask stream */
#define AATS_F_RECOVERED 16  /* QUOTE: delivered from the latest-book slot after a lap; set by the reader, never in shared memory */
#define AATS_F_SNAPSHOT  32  /* QUOTE: the first after a (re)synchronisation */
#define AATS_F_BUYER     64  /* TICK: the aggressor bought; LIQUIDATION: the closing order buys */

/* why a book is not valid; 0 means it is.  From FEED_STALE on it is the reader that says so. */
enum {
    AATS_WHY_NONE = 0, AATS_WHY_SYNCING = 1, AATS_WHY_GAP = 2, AATS_WHY_CROSSED = 3, AATS_WHY_LINK_DOWN = 4, AATS_WHY_STALLED = 5,
    AATS_WHY_SUSPECT = 6, AATS_WHY_HALTED = 7, AATS_WHY_GONE = 8, AATS_WHY_HORIZON = 9, AATS_WHY_NUMBER = 10, AATS_WHY_LEVELS = 11,
    AATS_WHY_LOSS = 12, /* records of the network are missing (a receiver says so) */
    AATS_WHY_CHECKSUM = 13, /* the venue's checksum is not that of the book */
    AATS_WHY_FEED_STALE = 32, AATS_WHY_FEED_DOWN = 33, AATS_WHY_VENUE_MUTE = 34, AATS_WHY_REPLACED = 35, AATS_WHY_NO_BOOK = 36
};

/* aats_rec_t -- the head of a ring slot and of a latest-book slot; 96 bytes, the levels follow: bids[cap], then asks[cap], best first.
 * cap is 5 in slots of 256 bytes, 20 in slots of 768, level_max in latest-book slots. */
typedef struct {
    uint64_t stamp;   /* 2n+1 while record n is written, 2n+2 once stable; touched only through ring.h and latest.h */
    int64_t exch_ns;  /* the venue's own time, 0 if it gives none */
    int64_t recv_ns;  /* the read that brought the last byte returned */
    int64_t pub_ns;   /* just before it was written here */
    uint64_t seq;     /* the venue's: last update id of a book, trade id of a trade */
    uint64_t rec;     /* number of this record in the ring; in a latest-book slot: of the ring record written with it */
    uint16_t sym;     /* directory index; LINK: 65535 */
    uint8_t kind;     /* AATS_REC_* */
    uint8_t flags;    /* AATS_F_* */
    uint16_t bid_len; /* levels that are here; DEEP: the latest-book slot, with lengths of its own, has more */
    uint16_t ask_len;
    uint32_t epoch;   /* grows with each synchronisation of this book */
    uint8_t why;      /* AATS_WHY_*, 0 if valid */
    uint8_t side;     /* L2: AATS_BID or AATS_ASK */
    uint8_t link;     /* index of the venue connection */
    uint8_t pad0;
    int64_t px_i;     /* TICK, L2, LIQUIDATION; MARK: the mark price, 0: not told; FUNDING: the rate at AATS_RATE_EXP */
    int64_t qty_i;    /* TICK, L2 (0: level gone), LIQUIDATION; MARK: the index price at px_exp, 0: not told */
    uint64_t aux;     /* TICK: number of trades in it (1, or more for an aggregate); FUNDING: when it falls due, epoch ns, 0: not told */
    int64_t parsed_ns; /* the venue's message had been read; 0: it came of none */
} aats_rec_t;

/* ring slots: the same head with room for 5 or 20 levels a side */
typedef struct { aats_rec_t r; aats_level_t bids[5]; aats_level_t asks[5]; } aats_rec5_t;
typedef struct { aats_rec_t r; aats_level_t bids[20]; aats_level_t asks[20]; uint64_t pad[4]; } aats_rec20_t;

/* aats_top_t -- best bid/ask and last trade of one symbol, for late joiners; seqlock; 128 bytes. */
typedef struct {
    uint64_t stamp;
    uint64_t bbo_rec; /* ring record, 0: none yet (records count from 1 there: rec + 1) */
    int64_t bbo_exch_ns;
    int64_t bbo_recv_ns;
    uint64_t bbo_seq;
    int64_t bid_px_i;
    int64_t bid_qty_i;
    int64_t ask_px_i;
    int64_t ask_qty_i;
    uint64_t tick_rec; /* rec + 1 of the last trade, 0: none yet */
    int64_t tick_exch_ns;
    int64_t tick_recv_ns;
    uint64_t tick_seq;
    int64_t tick_px_i;
    int64_t tick_qty_i;
    int64_t tick_side; /* 1 the aggressor bought, -1 sold */
} aats_top_t;

enum { AATS_DIR_EMPTY = 0, AATS_DIR_SYNCING = 1, AATS_DIR_LIVE = 2, AATS_DIR_HALTED = 3, AATS_DIR_GONE = 4 };

/* aats_dir_t -- one symbol; 256 bytes; append-only in a generation.  Readers may use an entry once state is not EMPTY. */
typedef struct {
    uint64_t state;   /* AATS_DIR_* */
    char symbol[48];  /* "BTCUSDT.BINANCE" */
    char native[48];  /* "BTCUSDT", as the venue writes it */
    int64_t tick_i;   /* at px_exp, 0: unknown */
    int64_t lot_i;    /* at qty_exp, 0: unknown */
    int32_t px_exp;
    int32_t qty_exp;
    uint32_t level_num; /* levels published a side; may be changed while running */
    uint32_t link;      /* connection that carries its book */
    int32_t px_dec;     /* digits behind the point as the venue prints its prices, -1: not told */
    int32_t qty_dec;
    uint32_t trade_ids; /* AATS_IDS_*: what the numbers of its trades promise */
    uint32_t pad1;
    uint64_t pad0[5];
    uint64_t updates;   /* from here on counters, feed alone */
    uint64_t quotes;
    uint64_t ticks;
    uint64_t gaps;
    uint64_t trade_gaps;
    uint64_t syncs;      /* snapshots that made the book valid */
    uint64_t crossed;
    uint64_t bad_frames;
} aats_dir_t;

/* aats_link_t -- one connection to the venue; 64 bytes. */
typedef struct {
    uint64_t up;             /* 0 down, 1 up (handshake done) */
    uint64_t heard_mono_ns;  /* last byte of it */
    uint64_t limit_ns;       /* silence after which the venue's own rule calls it dead */
    uint64_t connects;
    uint64_t drops;
    uint64_t frames;
    uint64_t bytes;
    uint64_t pad;
} aats_link_t;

/* counters of a feed */
enum {
    AATS_MDC_FRAMES = 0, AATS_MDC_BYTES = 1, AATS_MDC_RECORDS = 2, AATS_MDC_QUOTES = 3, AATS_MDC_TICKS = 4, AATS_MDC_BBOS = 5, AATS_MDC_L2S = 6,
    AATS_MDC_GAPS = 7, AATS_MDC_TRADE_GAPS = 8, AATS_MDC_SYNCS = 9, AATS_MDC_CROSSED = 10, AATS_MDC_PARSE_ERRORS = 11, AATS_MDC_UNKNOWN = 12,
    AATS_MDC_PROTO_ERRORS = 13, AATS_MDC_CONNECTS = 14, AATS_MDC_DROPS = 15, AATS_MDC_SNAP_ASKED = 16, AATS_MDC_SNAP_FAILED = 17,
    AATS_MDC_STALLS = 18, AATS_MDC_NET_SENT = 19, AATS_MDC_NET_ERRORS = 20, AATS_MDC_VENUE_ERRORS = 21, AATS_MDC_REFUSED = 22, AATS_MDC_UTF8 = 23,
    AATS_MDC_CHECKSUMS = 24,    /* books whose checksum was not the venue's; also counted as gaps */
    AATS_MDC_LINK_HOLES = 25,   /* holes in the numbers of a whole connection */
    AATS_MDC_MARKS = 26, AATS_MDC_FUNDINGS = 27, AATS_MDC_LIQUIDATIONS = 28,
    AATS_MDC_RESUBSCRIBED = 29, /* books had anew by giving up their stream and asking for it again */
    AATS_MDC_ENDED = 30,        /* streams that the venue has ended */
    AATS_MDC_CNT = 31
};

enum {
    AATS_HIST_MD_RECV_PUB = 0, AATS_HIST_MD_EXCH_RECV = 1, AATS_HIST_MD_WIRE_A = 2, AATS_HIST_MD_WIRE_B = 3, /* WIRE: sent to arrived, a path each */
    AATS_HIST_MD_RECV_PARSED = 4, AATS_HIST_MD_PARSED_PUB = 5
};
enum {
    AATS_HIST_TD_PUB_DELIVERED = 0, AATS_HIST_TD_RECV_DELIVERED = 1, AATS_HIST_TD_DELIVERED_DECIDED = 2, AATS_HIST_TD_DECIDED_SENT = 3,
    AATS_HIST_TD_SENT_ACKED = 4, AATS_HIST_TD_RECV_SENT = 5, AATS_HIST_TD_ACKED_FILLED = 6
};
#define AATS_MD_HISTS 8
#define AATS_TD_HISTS 16
#define AATS_HIST_BUCKETS 2304

/* aats_hist_t -- a latency histogram, one writer; see stats.h. */
typedef struct {
    char name[24]; /* "recv_pub" */
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns; /* 0 while count is 0 */
    uint64_t max_ns;
    uint64_t negative; /* samples below zero: counted here and nowhere else */
    uint64_t bucket[2304];
} aats_hist_t;

/* hops, as thresholds and tools name them: by their two stamps */
enum {
    AATS_HOP_EXCH_RECV = 0, AATS_HOP_RECV_PARSED = 1, AATS_HOP_PARSED_PUB = 2, AATS_HOP_RECV_PUB = 3, AATS_HOP_PUB_DELIVERED = 4,
    AATS_HOP_RECV_DELIVERED = 5, AATS_HOP_DELIVERED_DECIDED = 6, AATS_HOP_DECIDED_SENT = 7, AATS_HOP_SENT_ACKED = 8, AATS_HOP_RECV_SENT = 9,
    AATS_HOP_ACKED_FILLED = 10, AATS_HOP_CNT = 16
};

/* counters of a feed's fan-out thread */
enum {
    AATS_FAN_SUBS = 0,       /* subscribers now (streams) */
    AATS_FAN_PEERS = 1,      /* connections now, of any kind */
    AATS_FAN_ACCEPTED = 2,
    AATS_FAN_REFUSED = 3,    /* wrong hello, token, layout; too many; silent ones where no compatibility is asked for */
    AATS_FAN_SLOW = 4,       /* cut off because they did not read */
    AATS_FAN_GONE = 5,       /* left by themselves */
    AATS_FAN_RECORDS = 6,    /* taken from the ring */
    AATS_FAN_LAPS = 7,       /* times that the fan-out itself was overrun by the feed */
    AATS_FAN_MISSED = 8,     /* records lost to that */
    AATS_FAN_BYTES = 9,      /* written to subscribers */
    AATS_FAN_RESENT = 10,    /* records sent again on request */
    AATS_FAN_TOO_LATE = 11,  /* asked for and no longer there */
    AATS_FAN_SNAPSHOTS = 12,
    AATS_FAN_DEEP = 13,      /* deep books sent */
    AATS_FAN_NET_ERRORS = 14, /* datagrams of stream 1 that the card did not take */
    AATS_FAN_COMPAT = 15     /* subscribers of the old format now */
};

enum { AATS_PATH_NONE = 0, AATS_PATH_P2P = 1, AATS_PATH_BROADCAST = 2, AATS_PATH_MULTIBROAD = 3 }; /* as NetWorkType */
enum { AATS_PATH_SEARCHING = 0, AATS_PATH_JOINING = 1, AATS_PATH_LIVE = 2, AATS_PATH_REPAIRING = 3, AATS_PATH_SILENT = 4 };
#define AATS_PATH_MAX 2

/* aats_path_t -- one way by which records reach a receiver; 512 bytes; writer: the receiver's thread. */
typedef struct {
    uint64_t kind;         /* AATS_PATH_* as above */
    uint64_t state;        /* AATS_PATH_SEARCHING .. */
    uint64_t feed_id;      /* that it is locked to, 0: none yet */
    uint64_t generation;
    char addr[64];         /* "239.1.2.3:15004" as configured */
    char source[64];       /* "192.0.2.1:40123" where records come from; "" while unknown */
    char repair[64];       /* "192.0.2.1:15004" of the side channel; "" without */
    char feed[48];         /* name of the feed there */
    uint64_t heard_mono_ns; /* last message of it */
    uint64_t datagrams;    /* taken, or messages of a stream */
    uint64_t bytes;
    uint64_t records;      /* new ones, in order */
    uint64_t lost;         /* records that were missing when a later one had come, or a beat said so */
    uint64_t repaired;     /* of those: had by asking */
    uint64_t given_up;     /* of those: never had (lost = repaired + arrived late + given_up, once nothing is missing) */
    uint64_t late;         /* of those: came by themselves, out of order */
    uint64_t repeated;     /* records that were there already */
    uint64_t snapshots;    /* taken over the side channel */
    uint64_t deep_lost;    /* datagrams of stream 1 */
    uint64_t foreign;      /* datagrams of another source or feed */
    uint64_t damaged;      /* not of this wire, version or layout, or broken */
    uint64_t wins;         /* records that it was the first to bring (two paths) */
    uint64_t kernel_drops; /* by the socket's full queue */
    uint64_t invalid;      /* times that its books turned invalid for loss or silence */
    int64_t offset_ns;     /* clock of the feed's host minus ours, by the exchange with the shortest way; 0 while it cannot be told from 0 */
    int64_t offset_err_ns; /* half the round trip of that exchange; 0: not measured */
    int64_t delay_ns;      /* of the last message, sent to arrived, offset corrected */
    uint64_t pad[11];
} aats_path_t;

/* aats_md_t -- geometry, head, counters, links, fan-out, paths of a market-data segment; at 256. */
typedef struct {
    uint32_t ring_depth; /* power of two */
    uint32_t slot_sz;    /* 256 or 768 */
    uint32_t ring_levels; /* 5 or 20 */
    uint32_t level_max;
    uint32_t dir_cap;
    uint32_t latest_sz; /* bytes of one latest-book slot, a multiple of 64 */
    uint32_t ctl_slot;  /* index of the writer's slot in the control table */
    uint32_t mode;      /* AATS_MODE_* of the data */
    uint64_t dir_off;
    uint64_t latest_off;
    uint64_t top_off;
    uint64_t ring_off;
    uint64_t stats_off;
    uint64_t stale_ns; /* a heartbeat older than this makes every book stale */
    char venue[32];    /* "BINANCE" */
    uint64_t feed_id;  /* random, on the wire too */
    uint64_t pad0[9];

    uint64_t head;    /* records published so far; a hint for joiners and for resuming after a lap */
    uint64_t dir_cnt; /* entries in use */
    uint64_t pad1[6];

    uint64_t counters[32]; /* AATS_MDC_* */
    aats_link_t links[8];  /* of a receiver: one a path, by its index */
    uint64_t fan[16];      /* AATS_FAN_*; the fan-out thread alone */
    uint64_t path_cnt;     /* 0: this is a feed; else a receiver's segment, and so many paths lead to it */
    uint64_t deep_seq;     /* of a feed: next datagram of stream 1; the fan-out thread alone */
    uint64_t pad2[6];
    aats_path_t paths[2];  /* AATS_PATH_MAX */
} aats_md_t;

/* ---- the wire between our own processes: csrc/proto/wire.h has the verbs, docs/network.md the picture ------------------------------------
 *
 * Little-endian.  A message is a head and a payload; a datagram is one message, a TCP stream is messages back to back.
 * aats_wire_t -- the head.
 *
 *   off size field          meaning
 *     0    4 magic          AATS_WIRE_MAGIC
 *     4    2 version        AATS_WIRE_VERSION
 *     6    2 kind           AATS_WIRE_*
 *     8    8 feed_id        random, of the feed's process life
 *    16    8 generation     of its md segment
 *    24    8 seq            stream 0: number in the ring of the first record here (RECORDS), or of the next one to come (all other kinds);
 *                           stream 1: grows by one a datagram.  A hole is a loss
 *    32    8 sent_ns        epoch, taken just before the write
 *    40    8 layout_hash    the receiver refuses another one
 *    48    4 payload_sz     bytes behind this head
 *    52    2 part           of a message in several datagrams: 0 ..
 *    54    2 parts          1 if it is whole
 *    56    2 stream         0 ring records and all else, 1 deep books by datagram
 *    58    2 cnt            RECORDS: records in the payload, of consecutive numbers; DIR, TOP: entries; else 1
 *    60    4 rec_cap        levels a side that the feed's ring slots hold: 5 or 20 */
#define AATS_WIRE_MAGIC   0x57544141 /* "AATW" */
#define AATS_HELLO_MAGIC  0x48544141 /* "AATH" */
#define AATS_ASK_MAGIC    0x51544141 /* "AATQ" */
#define AATS_WIRE_VERSION 2
#define AATS_WIRE_DATAGRAM 1472  /* bytes of one that Ethernet does not cut into fragments */
#define AATS_WIRE_PART     1400  /* payload bytes of one part of a deep book */
#define AATS_WIRE_MSG_MAX  65536 /* bytes of the largest message of a stream */
#define AATS_WIRE_BEAT_NS  100000000 /* between two beats */
#define AATS_WIRE_HOLD_NS  100000    /* a record waits at most so long for others to share its datagram */
#define AATS_HELLO_WAIT_NS 200000000 /* who says nothing for so long is the published client, or nobody */
enum {
    AATS_WIRE_RECORDS = 1,  /* cnt records, each packed: aats_rec_t, then bid_len and ask_len levels (latest lengths: at most rec_cap) */
    AATS_WIRE_BEAT = 2,     /* aats_wire_beat_t */
    AATS_WIRE_DIR = 3,      /* cnt x aats_wire_dir_t */
    AATS_WIRE_BOOK = 4,     /* a latest-book slot, packed likewise with its own lengths; by datagram in parts of AATS_WIRE_PART bytes */
    AATS_WIRE_TOP = 5,      /* cnt x aats_wire_top_t */
    AATS_WIRE_SNAP = 6,     /* a snapshot begins: DIR, BOOK, TOP follow; records from seq on come behind it */
    AATS_WIRE_SNAP_END = 7,
    AATS_WIRE_LOST = 8,     /* aats_wire_lost_t: asked for, and no longer in the ring */
    AATS_WIRE_CLOCK = 9,    /* aats_wire_clock_t: answer to a CLOCK question */
    AATS_WIRE_BYE = 10      /* text: the sender ends this connection, and why */
};
typedef struct {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;
    uint64_t feed_id;
    uint64_t generation;
    uint64_t seq;
    int64_t sent_ns;
    uint64_t layout_hash;
    uint32_t payload_sz;
    uint16_t part;
    uint16_t parts;
    uint16_t stream;
    uint16_t cnt;
    uint32_t rec_cap;
} aats_wire_t;

/* aats_wire_link_t -- a venue connection as the feed sees it when it beats. */
typedef struct {
    uint64_t up;
    int64_t age_ns;    /* since its last byte */
    uint64_t limit_ns; /* as aats_link_t */
} aats_wire_link_t;

/* aats_wire_beat_t -- says that the feed lives, what it is, and that all records below seq were sent before; 392 bytes.  What is said of feed and links
 * was seen BEFORE the records below seq were read (H1 of shm/valid.h reaches over the network). */
typedef struct {
    char name[48];        /* of the feed */
    char venue[32];
    uint32_t mode;        /* AATS_MODE_* */
    uint32_t ring_levels; /* geometry of its segment: a receiver makes the same */
    uint32_t level_max;
    uint32_t dir_cap;
    uint32_t dir_cnt;
    uint32_t repair_port; /* TCP, of its fan-out; 0: none */
    char repair_ip[48];   /* "": the address that this datagram came from */
    uint64_t stale_ns;
    int64_t feed_age_ns;  /* of the feed's own heartbeat when this was sent */
    uint64_t deep_seq;    /* next of stream 1 */
    uint64_t state;       /* AATS_STATE_* of the feed's slot */
    aats_wire_link_t links[8];
    uint64_t pad[2];
} aats_wire_beat_t;

typedef struct {
    uint64_t index; /* in the feed's directory */
    aats_dir_t dir;
} aats_wire_dir_t;

typedef struct {
    uint64_t index;
    aats_top_t top;
} aats_wire_top_t;

typedef struct {
    uint64_t from; /* numbers of records */
    uint64_t cnt;
} aats_wire_lost_t;

typedef struct {
    int64_t asked_ns;    /* as the question said, the asker's clock */
    int64_t received_ns; /* the feed host's clock */
    int64_t answered_ns;
} aats_wire_clock_t;

/* aats_hello_t -- the first 32 bytes of whoever connects to a feed's TCP port. */
#define AATS_HELLO_STREAM 1 /* flag: a snapshot, then every record as it comes (P2P); without it the connection only answers questions */
typedef struct {
    uint32_t magic; /* AATS_HELLO_MAGIC */
    uint16_t version;
    uint16_t flags;
    uint64_t layout_hash;
    uint8_t proof[16]; /* of the token; all zero without one */
} aats_hello_t;

/* aats_ask_t -- a question to the fan-out, behind the hello; 32 bytes. */
enum {
    AATS_ASK_RESEND = 1,   /* a: first record, b: how many; answered by RECORDS and LOST */
    AATS_ASK_SNAPSHOT = 2, /* answered by SNAP, DIR, BOOK, TOP, SNAP_END */
    AATS_ASK_BOOK = 3,     /* a: directory index; answered by BOOK, or LOST with cnt 0 if there is none */
    AATS_ASK_CLOCK = 4     /* a: the asker's clock, epoch ns */
};
typedef struct {
    uint32_t magic; /* AATS_ASK_MAGIC */
    uint32_t kind;  /* AATS_ASK_* */
    uint64_t a;
    uint64_t b;
    uint64_t pad;
} aats_ask_t;

/* ---- orders: a trade process's segment td.<name> ------------------------------------------------------------------------------------
 *
 *   0          aats_seg_t
 *   256        aats_td_t     geometry, counters                                    trade loop
 *   pos_off    aats_pos_t x pos_cap      one a traded symbol, seqlock each         trade loop
 *   fee_off    aats_fee_t x AATS_FEE_CAP fees paid, by strategy and asset          trade loop
 *   hold_off   aats_hold_t x hold_cap    what each strategy holds, seqlock each    trade loop
 *   bal_off    aats_bal_t x AATS_BAL_CAP balances of the accounts, seqlock each    trade loop
 *   order_off  aats_order_t x order_cap  orders that are not closed, seqlock each  trade loop
 *   oev_off    aats_oev_t x oev_depth    ring of order events, seqlock each        trade loop
 *   stats_off  aats_hist_t x AATS_TD_HISTS                                         trade loop
 */

enum { AATS_SIDE_BUY = 1, AATS_SIDE_SELL = 2 };
enum { AATS_TIF_IOC = 1, AATS_TIF_POS = 2, AATS_TIF_GTC = 3, AATS_TIF_FOK = 4, AATS_TIF_MARKET = 5 };

/* States of an order; the table of transitions is in order/machine.c. */
enum {
    AATS_ORD_FREE = 0,
    AATS_ORD_NEW = 1,     /* Created was told; no word of the venue yet */
    AATS_ORD_LIVE = 2,    /* the venue has it (Acked was told) */
    AATS_ORD_ENDING = 3,  /* the venue has ended it, but fills that it counts have not all come */
    AATS_ORD_CLOSED = 4   /* Closed was queued; the slot is free once it is delivered */
};
enum { AATS_CXL_NONE = 0, AATS_CXL_ASKED = 1 };

#define AATS_OF_UNKNOWN  1  /* its outcome is being asked for */
#define AATS_OF_MARGIN   2
#define AATS_OF_REPLAYED 4  /* told again after a restart */
#define AATS_OF_ADOPTED  8  /* taken over from an earlier run */
#define AATS_OF_FITTED   16 /* a float price or size was moved to the tick or lot */
#define AATS_OF_REDUCE   32 /* it may shrink a position only */

/* a signed 128-bit integer: hi * 2^64 + lo */
typedef struct {
    uint64_t lo;
    int64_t hi;
} aats_i128_t;

/* aats_order_t -- one order; 448 bytes.  px_i at px_exp, qty_i at qty_exp, notionals at px_exp + qty_exp. */
typedef struct {
    uint64_t stamp;       /* seqlock: odd while it is written */
    int64_t order_id;     /* ours, from the constructor of Order; of an adopted order the next free one of this process */
    uint64_t instance;    /* upper half of the client id (of the run that sent it); the lower is client_no */
    uint16_t sym;         /* index of the segment's position table */
    uint8_t side;         /* AATS_SIDE_* */
    uint8_t tif;          /* AATS_TIF_* */
    uint8_t state;        /* AATS_ORD_* */
    uint8_t cancel;       /* AATS_CXL_* */
    uint8_t strategy;     /* whose it is, in the order of add_strategy */
    uint8_t flags;        /* AATS_OF_* */
    int32_t px_exp;
    int32_t qty_exp;
    int64_t px_i;         /* 0: market */
    int64_t qty_i;
    int64_t cum_qty_i;    /* sum of the fills told */
    int64_t end_qty_i;    /* ENDING: what the fills must sum up to */
    aats_i128_t cum_notional;
    int64_t created_ns;   /* decided */
    int64_t sent_ns;
    int64_t acked_ns;
    int64_t filled_ns;    /* of the last fill */
    int64_t closed_ns;
    uint32_t code;        /* AATS_OC_*: why it was refused or ended */
    uint32_t fill_cnt;
    uint64_t end_code;    /* ENDING: AATS_OC_* of the end */
    char symbol[48];      /* "BTCUSDT.BINANCE" */
    char remote_id[40];
    char msg[160];
    int64_t client_no;    /* lower half of the client id; 0: order_id (see aats_order_client_no); of an adopted order its id in the run that sent it */
    uint64_t pad[6];
} aats_order_t;

/* order events, in the words of the callbacks */
enum {
    AATS_OEV_CREATED = 1, AATS_OEV_ACKED = 2, AATS_OEV_REJECTED = 3, AATS_OEV_EXEC = 4, AATS_OEV_CANCEL_CREATED = 5, AATS_OEV_CANCEL_ACKED = 6,
    AATS_OEV_CANCEL_REJECTED = 7, AATS_OEV_CANCELED = 8, AATS_OEV_CLOSED = 9, AATS_OEV_UNKNOWN = 10, AATS_OEV_AMENDED = 11,
    AATS_OEV_AMEND_REJECTED = 12, AATS_OEV_DISCONNECT = 13, AATS_OEV_RECONNECT = 14, AATS_OEV_RECONCILED = 15, AATS_OEV_RISK = 16
};
enum { AATS_LIQ_NONE = 0, AATS_LIQ_MAKER = 1, AATS_LIQ_TAKER = 2 };

/* aats_oev_t -- one order event: what a callback is told, with the order as it is then; 768 bytes. */
typedef struct {
    uint64_t stamp;       /* 2n+1 while event n is written, 2n+2 once stable */
    uint64_t seq;         /* n */
    int64_t ns;           /* when it was queued */
    int64_t venue_ns;     /* the venue's own time, 0 if none */
    uint32_t kind;        /* AATS_OEV_* */
    uint32_t code;        /* AATS_OC_* of this event */
    int64_t fill_px_i;    /* EXEC */
    int64_t fill_qty_i;
    int64_t fee_i;        /* EXEC, at fee_exp; negative: a rebate */
    int32_t fee_exp;
    uint32_t liquidity;   /* EXEC: AATS_LIQ_* */
    uint64_t trade_id;    /* EXEC */
    char fee_asset[16];
    char msg[160];
    uint64_t pad[8];
    aats_order_t order;   /* DISCONNECT, RECONNECT, RECONCILED: all zero but symbol, which holds the exchange's name */
} aats_oev_t;

/* aats_pos_t -- what was traded of one symbol since the process began, and what its account held then; 384 bytes. */
typedef struct {
    uint64_t stamp;
    char symbol[48];
    char base[16];
    char quote[16];
    int32_t px_exp;
    int32_t qty_exp;
    int32_t fee_exp;
    uint32_t known;            /* 1: start_base and start_quote were told by the venue */
    aats_i128_t start_base;    /* at qty_exp: balance, free and locked, when the session first was ready */
    aats_i128_t start_quote;   /* at qty_exp */
    aats_i128_t bought;        /* at qty_exp */
    aats_i128_t sold;
    aats_i128_t bought_notional; /* at px_exp + qty_exp */
    aats_i128_t sold_notional;
    aats_i128_t fee_base;      /* at fee_exp: fees taken in the base asset */
    aats_i128_t fee_quote;
    uint64_t orders, acked, rejected, filled, canceled, closed, fills; /* counts; filled: orders that ended whole */
    uint64_t pad[12];
} aats_pos_t;

enum { AATS_MARKET_SPOT = 0, AATS_MARKET_LINEAR = 1, AATS_MARKET_INVERSE = 2 };

/* aats_hold_t -- what one strategy holds of one symbol, through all its runs; 320 bytes; order/hold.h says how a fill changes it.
 * Amounts of the base asset at base_exp, of the quote asset at cash_exp, prices at cash_exp - base_exp; fees are already taken off size or cash if they
 * were paid in that asset (others: aats_fee_t).
 * Of contracts size counts contracts, and prices are of one contract; no fee is taken off size.  An inverse contract has neither cash nor cost here: its value is not
 * counted in the quote asset.
 * cost is what the open position cost (negative of what a short one brought); realised = cash + cost, unrealised = size * price - cost. */
typedef struct {
    uint64_t stamp;
    char symbol[48];           /* "": not used yet */
    char base[16];
    char quote[16];
    uint16_t sym;              /* of the position table; AATS_HOLD_NO_SYM: not traded in this run */
    uint16_t strategy;         /* in the order of add_strategy */
    int32_t base_exp;
    int32_t cash_exp;
    uint32_t runs;             /* that it has been carried through */
    aats_i128_t size;
    aats_i128_t cash;
    aats_i128_t cost;
    aats_i128_t fee_base;
    aats_i128_t fee_quote;
    aats_i128_t day_cash;      /* cash ... */
    aats_i128_t day_size;      /* ... and size when the day began */
    int64_t day;               /* UTC days since the epoch */
    int64_t day_px_i;          /* price then, or the first that was known since; 0: none yet */
    uint64_t fills;
    int64_t contract_i;        /* of contracts: what one unit of size is worth, at contract_exp, in the base asset, or, inverse, in the quote asset */
    int32_t contract_exp;
    uint32_t market;           /* AATS_MARKET_* */
    uint64_t pad[8];
} aats_hold_t;
enum { AATS_HOLD_NO_SYM = 65535 };

/* aats_bal_t -- one asset of one account as the venue told it last; 128 bytes. */
#define AATS_BAL_CAP 256
typedef struct {
    uint64_t stamp;
    char asset[16];            /* "": not used yet */
    uint32_t gateway;          /* of which exchange's account */
    int32_t exp;
    aats_i128_t free;
    aats_i128_t locked;
    int64_t venue_ns;          /* the venue's time of it, 0: not told */
    int64_t recv_ns;
    char exchange[32];         /* "BINANCE" */
    uint64_t pad[2];
} aats_bal_t;

/* aats_fee_t -- fees that one strategy paid in one asset, through all its runs; 64 bytes. */
#define AATS_FEE_CAP 64
typedef struct {
    uint64_t stamp;
    char asset[16]; /* "" : not used yet */
    aats_i128_t amount;
    int64_t fee_exp;
    uint32_t strategy; /* in the order of add_strategy */
    uint32_t pad0;
    uint64_t pad[1];
} aats_fee_t;

enum {
    AATS_TDC_QUOTES = 0, AATS_TDC_TICKS = 1, AATS_TDC_BBOS = 2, AATS_TDC_L2S = 3, AATS_TDC_INVALID = 4, AATS_TDC_LAPS = 5, AATS_TDC_MISSED = 6,
    AATS_TDC_MISSED_TICKS = 7, AATS_TDC_FEED_DOWN = 8, AATS_TDC_FEED_UP = 9, AATS_TDC_CALLBACKS = 10, AATS_TDC_MSG_NEW = 11, AATS_TDC_TIMERS = 12,
    AATS_TDC_ORDERS = 13, AATS_TDC_ACKED = 14, AATS_TDC_REJECTED = 15, AATS_TDC_FILLS = 16, AATS_TDC_FILLED = 17, AATS_TDC_CANCELED = 18,
    AATS_TDC_CLOSED = 19, AATS_TDC_CANCELS = 20, AATS_TDC_UNKNOWN = 21, AATS_TDC_FOREIGN = 22, AATS_TDC_DISCONNECTS = 23, AATS_TDC_RECONCILED = 24,
    AATS_TDC_VENUE_ERRORS = 25, AATS_TDC_STRANGE = 26, /* STRANGE: venue messages that could not be read or fit no state */
    AATS_TDC_DENIED = 27, /* by the risk gate */
    AATS_TDC_HELD = 28,   /* orders that waited for the session */
    AATS_TDC_WAITS = 29,  /* requests that waited for a rate budget */
    AATS_TDC_ADOPTED = 30,
    AATS_TDC_CNT = 32
};

/* why a trade loop stood still; the first that holds, from above */
enum {
    AATS_STALL_NONE = 0,
    AATS_STALL_GC = 1,       /* the interpreter collected garbage */
    AATS_STALL_FAULT = 2,    /* pages were fetched (major), or mapped in (minor) for most of it */
    AATS_STALL_SWITCH = 3,   /* the kernel gave the core to somebody else */
    AATS_STALL_GIL = 4,      /* another Python thread held the interpreter */
    AATS_STALL_CALLBACK = 5, /* none of these, inside a callback: the strategy's own work */
    AATS_STALL_LOOP = 6,     /* none of these, in the loop's own work */
    AATS_STALL_HOST = 7      /* none of these and no work: below the kernel (hypervisor, firmware) */
};
#define AATS_STALLS_KEPT 64

/* aats_stall_t -- one gap in a trade loop; 64 bytes; writer: the loop. */
typedef struct {
    uint64_t stamp;    /* 2n+1 while gap n is written, 2n+2 once stable */
    int64_t ns;        /* when it ended, epoch */
    uint64_t gap_ns;
    uint32_t cause;    /* AATS_STALL_* */
    uint32_t generation; /* GC: which was collected */
    uint64_t gc_ns;    /* of it spent collecting */
    uint32_t minor, major;           /* page faults of the thread in it */
    uint32_t involuntary, voluntary; /* switches of the thread in it */
    uint64_t pad;
} aats_stall_t;

/* aats_td_t -- of a trade process's segment; at 256. */
typedef struct {
    uint64_t counters[32];
    uint64_t stats_off;
    uint64_t ctl_slot;
    uint64_t pos_off, fee_off, order_off, oev_off;
    uint32_t pos_cap, order_cap, oev_depth; /* oev_depth: a power of two */
    uint32_t pos_cnt;
    uint64_t instance;   /* of this process's client ids */
    uint64_t hold_off, bal_off;
    uint32_t hold_cap, hold_cnt;
    uint64_t pad0[4];
    uint64_t oev_head;   /* events so far; writer's own line from here */
    uint64_t pad1[7];
    uint64_t slow[16];          /* by AATS_HOP_*: samples above the threshold ... */
    uint64_t slow_limit_ns[16]; /* ... which is this; 0: none */
    uint64_t slow_worst_ns[16];
    uint64_t stalls[8];         /* by AATS_STALL_* */
    uint64_t stall_ns[8];
    uint64_t stall_head;        /* gaps so far, the last ones in stall[n mod AATS_STALLS_KEPT] */
    uint64_t pad2[7];
    aats_stall_t stall[64];
} aats_td_t;

/* ---- risk: the segment risk.host, written by all trade processes of a namespace ---------------------------------------------------------
 *
 *   0           aats_seg_t
 *   256         aats_risk_t                          geometry, switch, words for all    each word atomic
 *   sym_off     aats_rsym_t    x sym_cap             whoever trades it first; append-only
 *   seat_off    aats_seat_t    x seat_cap            its owner
 *   cell_off    aats_rcell_t   x seat_cap x sym_cap  the seat's owner
 *   limit_off   aats_rlimits_t x limits_cap          aats risk set, under the segment's lock; words atomic
 *   budget_off  aats_budget_t  x budget_cap          everybody, word by word
 */
#define AATS_RISK_SEATS 64
#define AATS_RISK_SYMS 128
#define AATS_RISK_LIMITS 128
#define AATS_RISK_BUDGETS 64
enum { AATS_RISK_MONEY_EXP = -8 }; /* of amounts of quote assets in cells and limits */
enum { AATS_RISK_QTY_EXP = -8 };   /* of amounts of base assets in limits; in cells they are at the symbol's qty_exp */

enum { AATS_SWITCH_ACTIVE = 0, AATS_SWITCH_REDUCE = 1, AATS_SWITCH_HALT = 2 };
enum { AATS_SEAT_FREE = 0, AATS_SEAT_LIVE = 1, AATS_SEAT_CLEARING = 2, AATS_SEAT_PARKED = 3, AATS_SEAT_BOOT = 4 };
enum { AATS_DEATH_CANCEL = 0, AATS_DEATH_KEEP = 1 };

/* Modes do not mix: what a simulated strategy does counts nowhere against a real one. */
#define AATS_RISK_MODES 8   /* above every AATS_MODE_* */
#define AATS_RISK_QUOTES 16 /* quote assets, each of one mode */
#define AATS_RISK_TRIPS 8

/* aats_rrate_t -- requests counted, see risk/rate.h; 192 bytes; words atomic. */
#define AATS_RATE_PARTS 16
typedef struct {
    uint64_t part[16];     /* parts of the last second: epoch of the part and count in one word */
    uint64_t day;          /* UTC day and count */
    uint64_t pad[7];
} aats_rrate_t;

/* aats_rtrip_t -- a switch that a limit has thrown, for the audit; 64 bytes. */
typedef struct {
    uint64_t seq;          /* number of the trip, from 1; written last */
    int64_t ns;
    uint64_t owner;        /* identity of the process that saw it */
    uint64_t row;          /* of the limits table */
    int64_t value;         /* the day's profit then ... */
    int64_t limit;         /* ... and the loss that was allowed, at AATS_RISK_MONEY_EXP */
    uint64_t pad[2];
} aats_rtrip_t;

/* aats_risk_t -- head of the risk segment. */
typedef struct {
    uint32_t seat_cap, sym_cap, limits_cap, budget_cap;
    uint64_t sym_off, seat_off, cell_off, limit_off, budget_off;
    uint64_t sym_cnt;      /* symbols ever entered, or begun: higher places are empty */
    uint64_t seat_hi;      /* seats ever used: higher ones are free */
    uint64_t swtch;        /* AATS_SWITCH_* of the host */
    uint64_t news;         /* grows with every change of a switch or a limit */
    uint64_t supervisor;   /* identity of the supervisor, 0: none */
    uint64_t unread;       /* 1: the state of an earlier life could not be read: halted until somebody has looked */
    uint64_t trips;        /* switches thrown by a limit so far, the last ones in trip[] ... */
    uint64_t audited;      /* ... of which so many stand in the audit */
    uint64_t pad0[1];
    uint64_t denied[32];   /* by code, from AATS_OC_RISK_SIZE on */
    aats_rtrip_t trip[8];
    aats_rrate_t orders[8]; /* by mode */
    aats_rrate_t cancels[8];
} aats_risk_t;

/* aats_rsym_t -- one symbol of one mode; 512 bytes. */
typedef struct {
    uint64_t state;        /* 0 empty, else identity of who enters it, state byte 1: entered (S3), 2: given up */
    char symbol[48];
    char quote[16];
    uint32_t mode;
    int32_t px_exp, qty_exp;
    uint32_t quote_at;     /* index of the quote asset in a seat's exposure */
    uint64_t mark_px_i;    /* last mid price that anybody saw, at px_exp */
    uint64_t pad[4];
    aats_rrate_t orders;
    aats_rrate_t cancels;
} aats_rsym_t;

/* aats_rcell_t -- what one seat has at stake in one symbol; one line, one writer. */
typedef struct {
    int64_t pos_i;         /* position at qty_exp */
    int64_t buy_i;         /* open and reserved, at qty_exp */
    int64_t sell_i;
    int64_t open_cnt;      /* orders */
    int64_t exposure_i;    /* worst case of position and open orders, at AATS_RISK_MONEY_EXP of the quote asset */
    int64_t profit_i;      /* of `day`, likewise */
    int64_t day;
    int64_t pad;
} aats_rcell_t;

/* aats_seat_t -- one strategy's process; 960 bytes. */
typedef struct {
    uint64_t owner;        /* identity word with AATS_SEAT_* as its state byte; FREE: 0 */
    uint64_t instance;     /* of the run whose orders it counts */
    uint32_t mode;
    uint32_t on_death;     /* AATS_DEATH_* */
    uint32_t grace_ms;
    uint32_t hang_ms;
    char name[48];
    char account[48];
    int64_t claimed_mono_ns;
    uint64_t fenced;       /* instance whose process has seen that it is not the owner any more */
    uint64_t pad0[6];
    uint64_t beat_mono_ns; /* of the trade loop, each pass; a line of its own */
    uint64_t passes;
    uint64_t pad1[6];
    int64_t exposure_i[16]; /* by quote_at: the sum of its cells */
    int64_t open_cnt;       /* the sum of its cells */
    int64_t day;            /* of profit_i */
    uint64_t pad2[6];
    int64_t profit_i[16];   /* by quote_at: the sum of its cells of that day */
    aats_rrate_t orders;
    aats_rrate_t cancels;
} aats_seat_t;

/* aats_rlimits_t -- limits and switch of one scope; 320 bytes; 0: none. */
enum { AATS_SCOPE_NONE = 0, AATS_SCOPE_HOST = 1, AATS_SCOPE_SYMBOL = 2, AATS_SCOPE_STRATEGY = 3 };
typedef struct {
    uint64_t scope;        /* AATS_SCOPE_*; written last */
    char name[48];         /* symbol or strategy */
    int64_t order_notional; /* at AATS_RISK_MONEY_EXP of the quote asset */
    int64_t order_qty;     /* SYMBOL: at AATS_RISK_QTY_EXP of the base asset */
    int64_t position;      /* SYMBOL: likewise, long or short, open orders included */
    int64_t exposure;      /* at AATS_RISK_MONEY_EXP, of each quote asset */
    int64_t open_orders;
    int64_t orders_1s;
    int64_t orders_1d;
    int64_t cancels_1s;
    int64_t cancels_1d;
    int64_t collar_ppm;    /* how far from the book's other side a price may be, millionths */
    int64_t loss_1d;       /* at AATS_RISK_MONEY_EXP */
    int64_t duplicate_ms;  /* the same order again within so long is refused */
    int64_t any_book;      /* 1: orders may go out on a book that is not good */
    uint64_t swtch;        /* AATS_SWITCH_* of a symbol or a strategy (the host's: aats_risk_t.swtch) */
    char reason[96];       /* of the switch, for people */
    uint64_t pad[7];
} aats_rlimits_t;

/* aats_budget_t -- what may be asked of a venue in a time; see risk/budget.h.  Every word is atomic and everybody's. */
#define AATS_BUDGET_SPANS 4
#define AATS_BUDGET_PARTS 64
typedef struct {
    uint64_t span_ns;      /* 0: an empty place */
    uint64_t limit;        /* 0: not told yet, then nothing is counted */
    uint64_t reserve;      /* of it for cancels alone */
    uint64_t told;         /* the venue's own count, as it was told last ... */
    uint64_t told_mono_ns; /* ... and when */
    uint64_t foreign;      /* what the venue counted and nobody here had taken: counted here since */
    uint64_t pad[2];
    uint64_t head;         /* the part of the window that is being filled: its number (36 bits) and count (28); a line of its own */
    uint64_t older;        /* that number, and the sum of the parts before it */
    uint64_t pad0[6];
    uint64_t part[64];     /* older parts, likewise, at number mod 64 */
    uint64_t pad1[32];
} aats_bspan_t;
typedef struct {
    uint64_t state;        /* as aats_rsym_t */
    char name[48];
    uint64_t pad0;
    uint64_t hold_until_mono_ns;   /* the venue wants nothing before */
    uint64_t banned_until_mono_ns; /* ... because of a ban */
    uint64_t taken[4];     /* by lane */
    uint64_t waits[4];     /* times that somebody was told to wait, by lane */
    uint64_t holds;
    uint64_t pad1[37];
    aats_bspan_t spans[4];
} aats_budget_t;
/* cdef-end */

_Static_assert(sizeof(aats_seg_t) == 256, "published layout");
_Static_assert(sizeof(aats_slot_t) == 1024, "published layout");
_Static_assert(sizeof(aats_order_t) == 448, "published layout");
_Static_assert(sizeof(aats_oev_t) == 768, "published layout");
_Static_assert(sizeof(aats_pos_t) == 384, "published layout");
_Static_assert(sizeof(aats_fee_t) == 64, "published layout");
_Static_assert(sizeof(aats_hold_t) == 320, "published layout");
_Static_assert(sizeof(aats_bal_t) == 128, "published layout");
_Static_assert(sizeof(aats_rsym_t) == 512, "published layout");
_Static_assert(sizeof(aats_rrate_t) == 192, "published layout");
_Static_assert(sizeof(aats_rtrip_t) == 64, "published layout");
_Static_assert(sizeof(aats_rcell_t) == 64, "published layout");
_Static_assert(sizeof(aats_seat_t) == 960, "published layout");
_Static_assert(sizeof(aats_rlimits_t) == 320, "published layout");
_Static_assert(sizeof(aats_risk_t) % 64 == 0, "whole lines");
_Static_assert(sizeof(aats_budget_t) % 64 == 0, "whole lines");
_Static_assert(sizeof(aats_td_t) % 64 == 0, "whole lines");
_Static_assert(sizeof(aats_ctl_t) == 256, "published layout");
_Static_assert(sizeof(aats_clock_page_t) == 128, "published layout");
_Static_assert(sizeof(aats_stall_t) == 64, "published layout");
_Static_assert(sizeof(aats_rec_t) == 96, "published layout");
_Static_assert(sizeof(aats_rec5_t) == 256, "published layout");
_Static_assert(sizeof(aats_rec20_t) == 768, "published layout");
_Static_assert(sizeof(aats_top_t) == 128, "published layout");
_Static_assert(sizeof(aats_dir_t) == 256, "published layout");
_Static_assert(sizeof(aats_link_t) == 64, "published layout");
_Static_assert(sizeof(aats_wire_t) == 64, "published layout");
_Static_assert(sizeof(aats_wire_beat_t) == 392, "published layout");
_Static_assert(sizeof(aats_hello_t) == 32, "published layout");
_Static_assert(sizeof(aats_ask_t) == 32, "published layout");
_Static_assert(sizeof(aats_path_t) == 512, "published layout");
_Static_assert(sizeof(aats_md_t) % 64 == 0, "whole lines");
_Static_assert(sizeof(aats_hist_t) % 64 == 0, "whole lines");

/* The hash of the text between the marks; the build passes it (-DAATS_LAYOUT_HASH=0x...ULL), a C test that is built without it uses 1. */
#ifndef AATS_LAYOUT_HASH
#define AATS_LAYOUT_HASH 1ULL
#endif

#endif
