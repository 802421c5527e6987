/* feed_state.h -- what a feed holds; private to csrc/app/feed*.c.  One thread owns all of it. */
#ifndef AATS_APP_FEED_STATE_H
#define AATS_APP_FEED_STATE_H

#include "app/feed.h"
#include "app/follow.h"
#include "base/atomics.h"
#include "book/sync.h"
#include "proto/ws.h"
#include "shm/publish.h"
#include "venue/venue.h"

#define RX_START   ((size_t)256 << 10)
#define FRAME_MAX  ((size_t)16 << 20)  /* a longer message ends the connection */
#define TX_MAX     ((size_t)1 << 20)
#define STASH_MAX  ((size_t)64 << 20)  /* messages of a successor kept until it takes over */
#define SENDS      32                  /* send times remembered for the venue's message limit */
#define ASK_NS     60000000000         /* the control plane answers every ASK; this is for one that died */
#define SNAP_NS    10000000000         /* a stream's own snapshot that has not come by then is asked for anew */
#define ASK_EVERY_NS 500000000         /* a symbol asks no more often, whatever its book does */
#define WAIT_MAX_NS ((int64_t)3 * 86400 * 1000000000) /* longest ban a venue speaks of: no wait is longer */
#define BEHIND_MAX 100                 /* diffs, trades or best bids in a row that were there already: more, and the number is not to be trusted */
#define KEY_MAX    128
#define NONE       (-1)
#define WAYS       AATS_VENUE_WAYS
#define STREAMS    8                   /* kinds of streams: bits of AATS_STREAM_* */
#define TRADES     (AATS_STREAM_TRADE | AATS_STREAM_AGG)

/* One symbol. */
typedef struct {
    aats_feed_symbol_t info;
    int gone;          /* unsubscribed, or refused by the venue */
    int unanswered;    /* the control plane does not know yet that it was added: the mailbox was full */
    uint32_t part;     /* it was in a refused request: asked for anew only with those of the same number; 0: with any */
    int halted;
    int8_t group[WAYS]; /* by way: links 2*group and 2*group + 1 may carry it; NONE: nothing of it comes by that way */
    unsigned refused;  /* AATS_STREAM_* that the venue does not give, or has ended */
    int valid;         /* what readers were last told */
    uint8_t why;
    uint8_t lost_why;  /* why the book is not live */
    uint8_t suspect;   /* AATS_WHY_*, 0: trusted */
    int suspect_barrier; /* a pong must come before a diff can clear it */
    uint64_t suspect_ask; /* the snapshot that was on its way when it became suspect, 0: none */
    int continued;     /* a diff has continued the sequence since it became suspect */
    int behind;        /* diffs in a row that told nothing new */
    int reloaded;      /* a snapshot has replaced the book: the next quote says so */
    uint32_t epoch;
    aats_sync_t sync;
    void *book_mem;

    int64_t ask_mono_ns;   /* when to ask for a snapshot; INT64_MAX: not wanted */
    int64_t last_ask_mono_ns; /* when it was asked for last, 0: never */
    int64_t asked_mono_ns; /* when it was asked for, 0: no request is out */
    uint64_t ask_no;
    int ask_tries;

    uint64_t trade_id, agg_id, bbo_id; /* newest seen, 0: none */
    uint64_t bbo_seq;   /* what readers are told where the venue does not number it */
    int64_t trade_ns;   /* the venue's time of the newest trade, where trades have no numbers */
    unsigned restarted; /* AATS_STREAM_*: the stream began anew, its ids may have, too */
    int trades_behind;  /* trades in a row that were seen already */
    int bbo_behind;
    aats_level_t bbo[2];
    aats_level_t *told[2]; /* levels as last published, level_max a side; changes places with the feed's `top` */
    size_t told_cnt[2];
    uint64_t room[2]; /* from the last published level to the horizon when a snapshot had replaced the book, in units of px_i */
    uint64_t told_seq;
    uint8_t told_flags;
} sym_t;

/* A symbol's subscription on one link, stream by stream; each field of bits is of AATS_STREAM_*.
 *
 *   want -> sent -> live            asked for, and acknowledged
 *   drop -> (gone)                  given up
 *   drop, renew -> leaving -> want  given up so that its snapshot comes anew */
typedef struct {
    uint8_t known;   /* its streams have been entered here */
    uint8_t heard;   /* a message of it has come */
    uint8_t told;    /* the log knows that none has */
    uint8_t want;
    uint8_t sent;
    uint8_t live;
    uint8_t drop;
    uint8_t renew;
    uint8_t leaving;
    uint8_t aside_snap; /* successor: a snapshot of the stream was put aside */
    uint32_t id[STREAMS]; /* of the newest request, by stream */
    int64_t sent_mono_ns; /* when the newest request was sent, or acknowledged */
    uint64_t aside_id;    /* successor: U of the first diff put aside, 0: none yet */
} sub_t;

enum { LINK_IDLE = 0, LINK_WAIT = 1, LINK_CONNECTING = 2, LINK_UPGRADING = 3, LINK_OPEN = 4, LINK_CLOSING = 5 };

/* One connection to the venue.  A group of symbols has two places: one carries it, the other is its successor during a rotation. */
typedef struct {
    int phase;
    int index;
    int successor;         /* another link carries the group until this one is ready */
    int tries;
    int was_open;          /* the books' streams came over it */
    int64_t at_mono_ns;    /* deadline or start of the next attempt, by phase */
    int64_t opened_mono_ns;
    int64_t rotate_mono_ns;
    int64_t heard_mono_ns;
    uint8_t *rx;
    size_t rx_len, rx_cap;
    uint8_t *tx;
    size_t tx_len, tx_cap;
    aats_ws_asm_t join;
    uint8_t *join_buf;
    uint8_t key16[16];
    int64_t sends[SENDS];
    int send_at;
    uint32_t next_id;
    uint64_t barrier;      /* number of the last ping sent as a barrier; 0: none is out */
    uint64_t passed;       /* number of the last barrier whose pong has come */
    uint64_t pings, pongs; /* texts of the venue's own kind: sent, answered */
    uint64_t barrier_ping; /* the one that is the barrier */
    int64_t ping_mono_ns;  /* when the next one is due */
    uint64_t link_no;      /* number of the newest frame, where the venue counts them */
    uint32_t answered;     /* requests that a word has come of, the oldest first */
    uint64_t proof;        /* successor: the barrier that the other link must pass before this one may carry on; 0: none sent */
    int64_t proof_mono_ns; /* when it was sent */
    uint8_t *stash;        /* successor: texts of data messages, each behind {len, recv_ns} */
    size_t stash_len, stash_cap;
    int holed;             /* successor: it grew too large, and was thrown away */
    int dying;             /* the venue said good-bye: a successor is on its way */
    int64_t wait_ns;       /* told by the venue (Retry-After): do not come back earlier */
    sub_t *subs;           /* dir_cap */
} link_t;

/* An entry of the table of native names, see feed_find. */
typedef struct {
    uint64_t first, last;
    uint32_t len;
    uint32_t index; /* of the symbol, + 1; 0: free */
} name_key_t;

struct aats_feed {
    aats_feed_opts_t opts;
    aats_venue_t const *venue;
    char key[KEY_MAX + 1]; /* "" where none is needed */
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t *slot;
    aats_feed_sink_t sink;
    void *sink_arg;
    int64_t (*clock)(void);

    int64_t now_ns, mono_ns; /* of this pass */
    int64_t parsed_ns;       /* when the message that is being applied had been read; 0: nothing of the venue's is */
    int64_t last_mono_ns;    /* of the pass before, 0: none */
    int64_t tick_mono_ns;    /* when timers are looked at next */
    char address[WAYS][64];  /* of the venue, as resolved */
    char token_path[WAYS][512]; /* "": the path is the venue's own */
    int64_t address_mono_ns[WAYS];
    int stopping;
    uint64_t rng, barriers, ask_no;
    uint32_t parts;

    aats_mailbox_t in, out;
    link_t links[AATS_LINK_MAX];
    int carrier[AATS_LINK_MAX / 2]; /* link that carries a group, NONE */
    int way_of[AATS_LINK_MAX / 2];  /* of a group, once it has a carrier */
    unsigned way_streams[WAYS];     /* what comes by each way, of those asked for */
    int way_cnt;
    int book_way;                   /* the one that carries depth */
    int in_band;                    /* snapshots are messages of the stream */
    int draining;                   /* put-aside messages are gone through */
    int quiet;                      /* ... and books are told once, at their end */
    sym_t *syms;
    uint32_t sym_cnt;
    name_key_t *names;    /* open hash of native names */
    uint32_t names_mask;
    aats_msg_t msg;
    sym_t *asked;         /* whose answer is being read */
    sym_t *found;         /* the symbol that found_at names, found while its message was read */
    char const *found_at;
    aats_level_t *top[2]; /* level_max each: the book about to be published */
};

/* feed.c */
void feed_notice(aats_feed_t *f, int level, char const *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline void feed_count(aats_feed_t *f, int counter, uint64_t n) { aats_add_relaxed(&f->view.md->counters[counter], n); }
uint64_t feed_random(aats_feed_t *f);
int64_t feed_jitter(aats_feed_t *f, int64_t ns); /* in [ns/2, ns] */

/* feed_stamp is the time of a record's stamp: the host's clock, without one the time of the pass. */
static inline int64_t feed_stamp(aats_feed_t const *f) { return f->clock ? f->clock() : f->now_ns; }

/* feed_parse reads a message, or one part of a binary frame, into f->msg. */
static inline int feed_parse(aats_feed_t *f, char const *text, size_t n, int binary, uint32_t part)
{
    return binary ? f->venue->parse_binary((uint8_t const *)text, n, part, &f->msg) : f->venue->parse(text, n, &f->msg);
}

/* Messages of the connection itself: a successor deals with them at once, and puts all others aside. */
static inline int msg_at_once(int kind)
{
    return kind == AATS_MSG_ACK || kind == AATS_MSG_ERROR || kind == AATS_MSG_PONG || kind == AATS_MSG_PING || kind == AATS_MSG_BEAT;
}

/* feed_mail.c */
void feed_take(aats_feed_t *f, aats_mail_t const *m);
void feed_answer(aats_feed_t *f, sym_t *s); /* tell the control plane that a symbol is there */
sym_t *feed_find(aats_feed_t *f, char const *native, size_t n);
static inline uint32_t feed_index(aats_feed_t const *f, sym_t const *s) { return (uint32_t)(s - f->syms); }
static inline int link_way(aats_feed_t const *f, link_t const *l) { return f->way_of[l->index / 2]; }
static inline char const *link_host(aats_feed_t const *f, link_t const *l)
{
    char const *own = f->opts.way_host[link_way(f, l)];
    return own[0] ? own : f->opts.host;
}

/* feed_carrier returns the link that carries a symbol's book, feed_carries whether a link carries what comes of it by the link's way. */
static inline link_t *feed_carrier(aats_feed_t *f, sym_t const *s)
{
    int group = s->group[f->book_way], at = group == NONE ? NONE : f->carrier[group];
    return at == NONE ? NULL : &f->links[at];
}
static inline int feed_mine(aats_feed_t const *f, link_t const *l, sym_t const *s)
{
    return !s->gone && s->group[link_way(f, l)] == l->index / 2;
}
static inline int feed_carries(aats_feed_t const *f, link_t const *l, sym_t const *s)
{
    int group = s->group[link_way(f, l)];
    return group == l->index / 2 && f->carrier[group] == l->index;
}

/* feed_link.c: a connection's life; feed_ws.c: its bytes; feed_aside.c: how a successor takes over */
int link_init(aats_feed_t *f, link_t *l, int index);
void link_fini(link_t *l);
void link_tick(aats_feed_t *f, link_t *l);
void link_open(aats_feed_t *f, link_t *l); /* the upgrade was answered with 101 */
void link_fail(aats_feed_t *f, link_t *l, int close_code, char const *why);
void link_leave(aats_feed_t *f, link_t *l, int close_code);
void link_send(aats_feed_t *f, link_t *l, int opcode, void const *data, size_t n);
int link_may_send(aats_feed_t *f, link_t *l);
void link_barrier(aats_feed_t *f, link_t *l); /* a ping whose pong comes behind all that was sent before */
void link_stalled(aats_feed_t *f, link_t *l); /* its silence was ours */
void link_rotate(aats_feed_t *f, link_t *l, char const *why);
void link_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary);
void link_lost(aats_feed_t *f, link_t *l, char const *why);
int link_process(aats_feed_t *f, link_t *l, int64_t recv_ns);
void link_text_ping(aats_feed_t *f, link_t *l);               /* the venue's own kind of ping */
void link_text_pong(aats_feed_t *f, link_t *l, uint64_t id);  /* id 0: of the oldest ping that none has come of */
int aside_ready(aats_feed_t *f, link_t *l);                   /* a successor has all that it needs */
void aside_take_over(aats_feed_t *f, link_t *l);
void aside_drop(link_t *l);

/* feed_sub.c: what is asked of the venue, and what it answers */
void sub_send(aats_feed_t *f, link_t *l);
void sub_watch(aats_feed_t *f, link_t *l);
void sub_stalled(aats_feed_t *f, link_t *l);
int sub_ready(aats_feed_t const *f, link_t const *l, sym_t const *s); /* all its streams are acknowledged */
int sub_has(aats_feed_t const *f, link_t const *l, sym_t const *s, unsigned streams); /* they have been asked for, and not given up since */
void sub_acked(aats_feed_t *f, link_t *l, aats_msg_t const *m);
void sub_refused(aats_feed_t *f, link_t *l, aats_msg_t const *m);
void sub_ended(aats_feed_t *f, link_t *l, aats_msg_t const *m);
void sub_drop(aats_feed_t *f, sym_t *s);  /* give up all of a symbol */
int sub_renew(aats_feed_t *f, sym_t *s);  /* have its book anew; 0: it cannot be now */

/* feed_msg.c: what a message is */
void book_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary);

/* feed_book.c: what it does to a book */
void book_depth(aats_feed_t *f, sym_t *s, aats_msg_t const *m, int64_t recv_ns);
void book_in_band(aats_feed_t *f, link_t *l, sym_t *s, aats_msg_t const *m, int64_t recv_ns); /* a snapshot of the stream */
void book_settle(aats_feed_t *f, sym_t *s); /* tell what has become of it while the feed was quiet */
void book_hole(aats_feed_t *f, link_t *l, int64_t recv_ns); /* frames of a numbered connection are missing */
void book_bad_diff(aats_feed_t *f, sym_t *s, uint8_t why, int64_t recv_ns); /* a diff of it could not be read, or used */
void book_snapshot(aats_feed_t *f, sym_t *s, uint64_t ask_no, char const *text, size_t n, int64_t recv_ns);
void book_snapshot_failed(aats_feed_t *f, sym_t *s, int64_t wait_ns);
void book_tick(aats_feed_t *f, sym_t *s);
void book_suspect(aats_feed_t *f, sym_t *s, uint8_t why, int barrier);
void book_barrier_passed(aats_feed_t *f, link_t *l);
void book_stream_lost(aats_feed_t *f, sym_t *s, int anew); /* anew: what comes next is another session of the venue */
void book_stream_live(aats_feed_t *f, sym_t *s);
void book_stalled(aats_feed_t *f, sym_t *s);
void book_carried(aats_feed_t *f, sym_t *s, int proven); /* another link carries it; proven: nothing was missed between the two */
void book_want_snapshot(aats_feed_t *f, sym_t *s, int64_t in_ns);

/* feed_pub.c: what readers are told */
void pub_judge(aats_feed_t *f, sym_t *s, int64_t exch_ns, int64_t recv_ns);
void pub_trade(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, uint64_t id, int64_t recv_ns);
void pub_bbo(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, uint64_t seq, int64_t recv_ns);
void pub_other(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, int64_t recv_ns); /* MARK, FUNDING, LIQUIDATION */
void pub_changes(aats_feed_t *f, sym_t *s, aats_diff_t const *d);
void pub_link(aats_feed_t *f, link_t *l, int up);
void pub_judge_again(aats_feed_t *f, sym_t *s); /* even if nothing in the book has moved */
void pub_carrier(aats_feed_t *f, sym_t *s); /* the same book, over another link */

#endif
