/* recv_state.h -- what a receiver holds; private to csrc/app/recv*.c.  One thread owns all of it.
 *
 *   recv.c        life, segment, passes
 *   recv_in.c     what a datagram is, and whose
 *   recv_path.c   order: hold, holes, repair, giving up
 *   recv_pulse.c  beats: whether a path is alive, how old what it says is, whose clock says what
 *   recv_side.c   TCP: hello, questions, answers; the stream of P2P
 *   recv_merge.c  records and books of the paths into one segment
 *   recv_dir.c    symbols: their index there and here, validity of their books
 */
#ifndef AATS_APP_RECV_STATE_H
#define AATS_APP_RECV_STATE_H

#include <string.h>

#include "app/recv.h"
#include "shm/publish.h"

#define NS_MS       1000000
#define NS_S        1000000000
#define GAPS        256            /* open holes of a path; more are taken together */
#define BEATS       4              /* beats that wait for the records before them */
#define DELAY_PARTS 7              /* of ten seconds each: the quickest message of the last minute */
#define CLOCKS      60             /* clock exchanges remembered, one a second */
#define IN_SZ       (2 * AATS_WIRE_MSG_MAX)
#define OUT_SZ      4096
#define ASKS_MAX    64             /* questions in ask_again_ns: a fan-out cuts off who piles them up */
#define NONE        (-1)
#define REFUSED     (-2)           /* a symbol that this path may not bring: other exponents than ours, no room */
#define EPOCH_MAX   ((int64_t)4000000000 * NS_S) /* no clock says more */
#define SEQ_MAX     ((uint64_t)1 << 62)

/* One symbol of a feed's directory, by its index there. */
typedef struct {
    int32_t local;       /* ours; NONE: not told yet; REFUSED */
    uint8_t valid;       /* the feed's last word on its book */
    uint8_t why;
    uint8_t lossy;       /* records of it may be missing: not good until a BOOK or QUOTE behind them */
    uint8_t link;        /* the venue connection, there */
    uint64_t seq;        /* the venue's number of the last whole book of this path */
    uint64_t book_next;  /* QUOTEs and BOOKs below it are no news for the levels ... */
    uint64_t state_next; /* ... and BOOKs below it none for what the feed says of them: a STATE came later */
    uint64_t cover;      /* the book covers all records below it, whether they came or not */
    uint64_t loss_upto;  /* lossy: what is missing lies below */
    uint64_t deep_first; /* QUOTEs that wait for their BOOK: the first and the last, number + 1; 0: none */
    uint64_t deep_last;
    int64_t deep_mono_ns; /* since when the first */
    int64_t deep_last_mono_ns, deep_last_pub_ns; /* when the last came, and when the feed published it */
    int deep_asked;
} rsym_t;

/* One symbol of ours.  A carrier is the path that brought what is shown; of books, trades, best prices and level changes each its own. */
typedef struct {
    int8_t book_by, tick_by, bbo_by, l2_by; /* NONE: nothing yet */
    int8_t perp_by[3];     /* MARK, FUNDING, LIQUIDATION: likewise */
    uint64_t perp_seq[3];  /* the time of the newest: they have no numbers */
    uint8_t shown;       /* readers were last told that the book is good */
    uint8_t shown_why;
    uint8_t l2_open;     /* the changes of a venue message are not all here yet */
    uint32_t epoch;
    uint64_t book_seq, tick_seq, bbo_seq, l2_seq;
    int64_t book_exch_ns, book_recv_ns; /* of the whole book that is there */
    uint64_t word_seq;   /* of the last word on the book, a QUOTE or a STATE */
    uint64_t l2_skip[AATS_PATH_MAX]; /* newest message of a path whose changes were passed over before the other path had brought them */
    int32_t there[AATS_PATH_MAX];    /* index on each path, NONE */
} lsym_t;

/* Records [from, to) were missing when a later one came. */
typedef struct {
    uint64_t from, to;
    int64_t since_mono_ns;
} gap_t;

typedef struct {
    uint64_t seq;
    int64_t sent_ns;
    int64_t pulse_mono_ns;
    aats_wire_beat_t said;
} beat_t;

enum { SIDE_IDLE = 0, SIDE_CONNECTING = 1, SIDE_OPEN = 2, SIDE_CLOSING = 3 };
enum { SNAP_NONE = 0, SNAP_ASKED = 1, SNAP_COMING = 2 };
enum { BY_DATAGRAM = 0, BY_ASKING = 1, BY_STREAM = 2 };

typedef struct {
    int index;
    aats_recv_path_opts_t opts;
    aats_path_t pub;        /* state and counters; copied to the segment */
    int dirty;

    /* whom it hears; a lock is made by a beat (or by the first message of a stream) */
    int locked;
    char source[48];
    aats_wire_beat_t beat;  /* the newest, whatever is missing before it */
    int has_beat;
    int64_t locked_mono_ns;
    int again;              /* it has joined the same life of its feed before */
    unsigned said;          /* notices given once a lock: SAID_* */

    /* order: recv_path.c */
    int joined;             /* next is known */
    uint64_t next;          /* all records below it were delivered or given up */
    uint64_t top;           /* ... and nothing is known of those from here on; next == top: nothing is missing */
    int64_t top_sent_ns;    /* when the datagram was sent that brought it there */
    uint64_t join_seq;      /* records below it were not missed: it had not joined */
    uint8_t *hold;
    uint64_t *hold_no;      /* number + 1 of what a place holds, 0: nothing */
    uint64_t hold_mask;
    size_t hold_slot;
    uint64_t held;
    gap_t gaps[GAPS];
    uint32_t gap_head, gap_tail;
    int64_t asked_mono_ns;

    /* pulse: recv_pulse.c */
    int up;                 /* its books may be good; links[index].up says the same */
    int ended;              /* the stream has ended, or the feed said so: down at once */
    beat_t beats[BEATS];
    uint32_t beat_cnt;
    uint64_t beat_seq;      /* of the newest, whatever is missing before it */
    int64_t applied_sent_ns; /* of the beat that counts */
    int backward;           /* beats in a row whose seq is below what was received before them */
    int64_t pulse_mono_ns;  /* what our heartbeat may be because of this path; 0: nothing yet */
    uint64_t feed_state;
    uint8_t link_why[AATS_LINK_MAX]; /* of the venue's connections there, 0: good */
    int64_t quick_ns[DELAY_PARTS];   /* smallest arrived - sent, by part */
    int64_t quick_part[DELAY_PARTS]; /* which part of time a place holds */
    int64_t quick_min_ns;
    int has_quick;

    /* clock */
    int64_t clock_mono_ns[CLOCKS], clock_off_ns[CLOCKS], clock_rtt_ns[CLOCKS];
    uint32_t clock_at;
    int64_t best_off_ns, best_rtt_ns; /* rtt < 0: none yet */
    int64_t clock_next_mono_ns;
    int64_t clock_asked_ns;  /* of the question that is out, 0: none */
    int64_t offset_ns;       /* taken off; 0 while it cannot be told from 0 */

    /* TCP: recv_side.c */
    int phase;
    int heard_here;          /* a message came over this connection */
    int bye;                 /* its end was announced, with the reason */
    int64_t phase_mono_ns;   /* since when; of an open one: since something came */
    int64_t try_mono_ns;
    uint32_t fails;
    int snap;                /* SNAP_* */
    int want_snap;
    int64_t snap_mono_ns;    /* asked last */
    int64_t snap_wait_mono_ns; /* ... less the time in which we were stopped */
    uint64_t snap_seq;
    uint64_t loss_upto;      /* of the last loss: a snapshot must be newer */
    uint8_t *in;
    size_t in_at, in_sz;
    size_t out_sz;
    int64_t asks_mono_ns;    /* questions since then ... */
    uint32_t asks;           /* ... so many */
    uint8_t out[OUT_SZ];

    rsym_t *syms;            /* AATS_DIR_MAX */
    uint32_t sym_cnt;        /* highest index there + 1 */
    uint32_t deep_cnt;       /* symbols that wait for a BOOK */
    int64_t deep_look_mono_ns;
    uint64_t deep_next;      /* of stream 1 */
    int has_deep;
    aats_wire_parts_t parts;
} path_t;

#define SAID_FOREIGN 1u
#define SAID_LAYOUT  2u
#define SAID_DAMAGED 4u
#define SAID_FULL    8u
#define SAID_EXP     16u
#define SAID_ALONE   32u
#define SAID_MODE    64u
#define SAID_BYE     128u
#define SAID_OTHER   256u

struct aats_recv {
    aats_recv_opts_t opts;
    int path_cnt;
    aats_mailbox_t notices;
    int64_t (*clock)(void);
    uint64_t rng;
    int64_t now_ns, mono_ns;
    int64_t shown_mono_ns;   /* when counters were copied to the segment last */
    int stopping;

    int attached;
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t *slot;
    int64_t heartbeat_mono_ns; /* as stored last */
    uint32_t more_dir;       /* the directory is full: so many entries are wanted */
    int anew;                /* a symbol has other exponents than in this segment: a fresh one is wanted */

    lsym_t *syms;            /* AATS_DIR_MAX */
    aats_level_t levels[2][AATS_LEVEL_MAX]; /* of a book that is told again */
    path_t paths[AATS_PATH_MAX];
    uint64_t room[AATS_WIRE_MSG_MAX / 8]; /* for datagrams that do not lie on 8 bytes */
};

/* recv.c */
__attribute__((format(printf, 3, 4))) void recv_say(aats_recv_t *r, int level, char const *fmt, ...);
int recv_text_ok(char const *text, size_t cap); /* ended, printable */
void recv_forget(aats_recv_t *r, path_t *p); /* another feed, generation or segment: order, symbols and pulse begin anew */
void recv_rejoin(aats_recv_t *r, path_t *p); /* ... and its books are not vouched for any more */

/* recv_in.c */
void recv_lock(aats_recv_t *r, path_t *p, aats_wire_t const *head, char const *source);
int recv_take_beat_said(aats_recv_t *r, path_t *p, aats_wire_beat_t const *b); /* 0: it cannot be */

/* recv_path.c */
int  recv_path_room(path_t *p, uint32_t ring_levels, uint32_t hold_max);
void recv_path_reset(path_t *p);
void recv_path_join(aats_recv_t *r, path_t *p, uint64_t seq);
void recv_path_records(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, int by);
void recv_path_top(aats_recv_t *r, path_t *p, uint64_t seq); /* all records below seq exist */
void recv_path_gone(aats_recv_t *r, path_t *p, uint64_t below);
void recv_path_timers(aats_recv_t *r, path_t *p);
size_t recv_path_piece(uint8_t const *at, size_t n, uint32_t cap, aats_rec_t *head); /* bytes of a packed record, 0: broken */

/* recv_pulse.c */
void recv_pulse_reset(path_t *p);
void recv_pulse_host(path_t *p);
void recv_pulse_delay(aats_recv_t *r, path_t *p, int64_t sent_ns, int64_t arrived_ns);
void recv_pulse_beat(aats_recv_t *r, path_t *p, aats_wire_t const *head, int64_t arrived_ns, aats_wire_beat_t const *said, int by);
void recv_pulse_reached(aats_recv_t *r, path_t *p); /* next has moved: beats that waited */
void recv_pulse_clock(aats_recv_t *r, path_t *p, aats_wire_clock_t const *c, int64_t arrived_ns);
void recv_pulse_end(aats_recv_t *r, path_t *p);
int64_t recv_pulse_stale_ns(aats_recv_t const *r, path_t const *p);

/* recv_side.c */
int  recv_side_open(path_t const *p);
int  recv_side_possible(path_t const *p);
void recv_side_ask(aats_recv_t *r, path_t *p, uint32_t kind, uint64_t a, uint64_t b);
void recv_side_close(aats_recv_t *r, path_t *p, int backoff);
void recv_side_timers(aats_recv_t *r, path_t *p);
void recv_side_message(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, int64_t arrived_ns, int by);

/* recv_merge.c */
void recv_merge_record(aats_recv_t *r, path_t *p, uint64_t n, aats_rec_t *rec, aats_level_t const *levels);
void recv_merge_book(aats_recv_t *r, path_t *p, uint8_t const *packed, size_t n, uint64_t covers);
void recv_merge_top(aats_recv_t *r, path_t *p, aats_wire_top_t const *top, uint64_t below);
int  recv_merge_publish(aats_recv_t *r, path_t *p, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks);
void recv_merge_link(aats_recv_t *r, path_t *p, int up);

/* recv_dir.c */
void recv_dir_reset(aats_recv_t *r, path_t *p);
void recv_dir_entry(aats_recv_t *r, path_t *p, aats_wire_dir_t const *e);
uint8_t recv_dir_why(path_t const *p, rsym_t const *s); /* why the path does not vouch for the book; 0: it does */
void recv_dir_judge(aats_recv_t *r, uint32_t local);
void recv_dir_judge_all(aats_recv_t *r, path_t *p);
void recv_dir_loss(aats_recv_t *r, path_t *p, uint64_t upto);
void recv_dir_links(aats_recv_t *r, path_t *p, aats_wire_link_t const *links);
void recv_dir_link(aats_recv_t *r, path_t *p, uint32_t link, uint8_t why);
void recv_dir_shown(aats_recv_t *r, uint32_t local, int good, uint8_t why); /* what readers were told, for the directory */
void recv_dir_deep(aats_recv_t *r, path_t *p);
void recv_dir_deep_want(aats_recv_t *r, path_t *p, rsym_t *s, aats_rec_t const *quote);
int recv_dir_deep_got(aats_recv_t *r, path_t *p, rsym_t *s, aats_rec_t const *book); /* 0: it is too far behind to be shown */

#endif
