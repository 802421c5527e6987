/* fan_state.h -- what the files of the fan-out share: its memory and who does what.  See fan.h.
 *
 *   fan.c         life, the step, deadlines            fan_peer.c    hello, questions, what goes out next
 *   fan_log.c     the ring into the log                fan_answer.c  answers to questions
 *   fan_compat.c  the published client                 fan_snap.c    the longest of them: a snapshot of everything
 *
 * A place in the log is a number of bytes since its beginning; it lies at that number modulo log_sz.  A peer moves from message to message: `pos` is its next
 * byte and `msg_end` the end of the message that pos stands in (pos == msg_end: between two).  Only between two do its own answers or a snapshot come in.
 */
#ifndef AATS_APP_FAN_STATE_H
#define AATS_APP_FAN_STATE_H

#include "app/fan.h"
#include "app/fan_compat.h"
#include "proto/wire.h"
#include "shm/ring.h"

#define NO_POS UINT64_MAX

typedef enum { PEER_FREE = 0, PEER_HELLO = 1, PEER_ASKS = 2, PEER_STREAM = 3, PEER_COMPAT = 4, PEER_ENDS = 5 } phase_t;
typedef enum { FROM_NOTHING = 0, FROM_LOG = 1, FROM_OWN = 2, FROM_SNAP = 3 } from_t;

/* A question, as far as it is not answered yet. */
typedef struct {
    uint32_t kind;
    uint32_t pad;
    uint64_t a; /* RESEND: next number */
    uint64_t b; /* RESEND: how many are left */
    int64_t heard_ns;
} ask_t;

typedef struct {
    phase_t phase;
    int want;               /* AATS_FAN_* */
    int first_byte;         /* something of a hello came, so it is not the published client */
    from_t out;             /* what aats_fan_output gave last */
    int64_t hello_by_mono_ns;
    int64_t moved_mono_ns;  /* when it last took something, or had nothing to take */
    uint8_t in[32];         /* a hello or a question, as far as it is there */
    uint32_t in_sz;
    uint32_t own_at, own_end; /* own[own_at .. own_end) is to be sent */
    uint8_t *own;
    int snap;               /* index of its snapshot, -1: none */
    int streams;            /* 1: the first snapshot is made, pos counts */
    int stalled;            /* 1: waits for the snapshot of a lap */
    uint64_t pos, msg_end;
    uint64_t snap_pos;      /* place of a lap that it has not come to; NO_POS: none */
    uint32_t ask_at, ask_cnt;
    ask_t asks[AATS_FAN_ASKS];
    compat_out_t compat;
} peer_t;

typedef struct {
    uint8_t *bytes;
    size_t at, end;
    int peer; /* -1: free */
    int64_t since_mono_ns;
} snap_t;

struct aats_fan {
    aats_fan_opts_t opts;
    aats_md_view_t const *view;
    aats_slot_t const *slot;
    aats_wire_from_t from;
    int64_t now_ns, mono_ns; /* of this step */
    int stopped;

    uint8_t *log;
    uint64_t log_end;
    uint64_t lap_pos;        /* place of the last lap */
    uint64_t slowest;        /* no subscriber's place is below; UINT64_MAX: there is none */

    uint64_t next;           /* ring number of the next record to take */
    aats_rec20_t rec;
    uint32_t batch_sz, batch_cnt; /* records packed behind msg's head */
    uint64_t batch_seq;
    uint8_t *msg;            /* one message being made: AATS_WIRE_MSG_MAX */
    aats_level_t *bids, *asks; /* level_max each */

    int64_t beat_mono_ns;    /* when the next beat is due */
    int beat_waits;          /* the pulse below is taken, the ring not yet read up to beat_upto */
    uint64_t beat_upto;
    int64_t beat_taken_mono_ns;
    aats_wire_beat_t beat;

    uint32_t dir_told;       /* entries below were told */
    uint32_t dir_turn;
    uint64_t dir_state[AATS_DIR_MAX]; /* as last told */

    uint8_t deep[AATS_DIR_MAX]; /* 1: a DEEP quote was taken, its book is to be told */
    uint16_t deep_syms[AATS_DIR_MAX];
    uint32_t deep_cnt;
    uint64_t deep_seq;
    aats_out_send_t send;
    void *send_arg;

    snap_t snaps[AATS_FAN_SNAPS];
    size_t snap_sz;
    int snap_waits;          /* somebody found none free in this step */

    compat_t compat;

    uint32_t subs, peer_cnt, compat_cnt; /* streams, all, old clients */
    int64_t look_mono_ns;    /* next look at deadlines */
    uint32_t turn;           /* the peer with which answers begin */
    int more;                /* answers are left over for the next step */
    peer_t *peers;
    uint8_t *owns;
};

void fan_count(aats_fan_t *f, uint32_t counter, uint64_t n);
void fan_gauges(aats_fan_t *f);

/* fan_log.c */
int      log_take(aats_fan_t *f);                                    /* ring to log; the records taken */
void     log_beat(aats_fan_t *f);                                    /* takes the pulse, if it is time: before log_take */
int      log_beat_out(aats_fan_t *f);                                /* puts the beat behind what log_take read; 1 if it did */
void     log_put(aats_fan_t *f, void const *bytes, size_t n);
size_t   log_run(aats_fan_t const *f, uint64_t pos, uint64_t limit, uint8_t const **at); /* bytes from pos in one piece, up to limit */
uint64_t log_seq_at(aats_fan_t const *f, uint64_t pos);              /* number of the next record at a place between two messages */
void     log_walk(aats_fan_t const *f, peer_t *p);                   /* moves msg_end up to or past pos */
int      fan_book(aats_fan_t *f, uint32_t sym, uint64_t seq, uint8_t *out, size_t cap); /* head and packed book: bytes, or a code of aats_latest_read */
size_t   fan_dir(aats_fan_t *f, uint32_t const *which, uint32_t cnt, uint64_t seq, uint8_t *out);
size_t   fan_bye(aats_fan_t const *f, uint64_t seq, char const *text, uint8_t *out, size_t cap);

/* fan_answer.c */
int  peer_answer(aats_fan_t *f, int peer, int may_snap);             /* works on a peer's questions; bytes made */

/* fan_peer.c */
int  peer_room(aats_fan_t const *f, peer_t *p, size_t n);            /* makes n bytes free behind what waits in own; 0: there are not so many */
int  peer_ask(aats_fan_t *f, peer_t *p, aats_ask_t const *q);        /* AATS_OK, AATS_E_PROTO, AATS_E_FULL */
void peer_end(aats_fan_t *f, peer_t *p, char const *why);            /* BYE, then LAST */
void peer_drop(aats_fan_t *f, peer_t *p);                            /* reset at once */
void peer_cut(aats_fan_t *f, peer_t *p, uint32_t counter);           /* the same, counted */
int  peer_waits(aats_fan_t *f, int peer);                            /* has something to take */
uint64_t peer_seq(aats_fan_t const *f, peer_t const *p);

/* fan_snap.c */
size_t snap_size(aats_md_view_t const *view);
int    snap_make(aats_fan_t *f, int peer);                           /* 1; 0: no buffer is free */
void   snap_drop(aats_fan_t *f, peer_t *p);

#endif
