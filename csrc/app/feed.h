/* feed.h -- one feed: bytes of a venue in, books and trades into shared memory, as a step function.
 *
 * No socket, no clock, no TLS inside: host.h gives it those in a process, tests/world gives it pipes and virtual time.  It reads
 * top-down in the order of the walk:
 *
 *   received bytes --ws frame--> venue parse --> sequence and book (follow) --> latest slot, ring record --> sink (network)
 *        feed_ws.c               feed_msg.c        feed_book.c                   feed_pub.c
 *
 * The control plane (Python) talks to it through two mailboxes: in: symbols, snapshots, options; out: snapshots wanted, notices for
 * the log. One thread steps a feed; it is the only writer of its segment.
 *
 * A venue may have several ways (hosts or paths, venue/venue.h); each connection belongs to one, and a symbol has one connection a way.  Its
 * book hangs on the one by which its depth comes, its trades on theirs.
 *
 * When is a book called good?
 *   - synchronised by the venue's rule (app/follow.h), checksum included, and not crossed at the end of a message;
 *   - not suspect: after a pause of this thread (SIGSTOP), or a frame that could not be read, each book is invalid until a diff that
 *     continues its sequence has come - after a pause also behind the pong to a ping sent since, so that what had queued up is through -
 *     or a fresh snapshot has replaced it;
 *   - its connection is up.
 * The heartbeat is stored at the end of a pass with the time of its beginning: whoever sees a fresh one sees every invalidation
 * before it.
 */
#ifndef AATS_APP_FEED_H
#define AATS_APP_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "app/mailbox.h"
#include "layout/layout.h"
#include "shm/md.h"

/* cdef-begin */
typedef struct aats_feed aats_feed_t;

/* Kinds of mail.  `sym` is the directory index, `num` and the bytes as said. */
enum {
    /* in, from the control plane */
    AATS_MAIL_SUBSCRIBE = 1,   /* bytes: aats_feed_symbol_t */
    AATS_MAIL_UNSUBSCRIBE = 2, /* sym */
    AATS_MAIL_SET_LEVEL = 3,   /* sym, num: level_num */
    AATS_MAIL_SNAPSHOT = 4,    /* sym, num: the request's number, bytes: the REST answer */
    AATS_MAIL_SNAP_FAILED = 5, /* sym, num: ns to wait before asking again, at most 3 days, 0: back off */
    AATS_MAIL_OPEN_L2 = 6,     /* publish level changes from now on */
    AATS_MAIL_ADDRESS = 7,     /* sym: the way; bytes: IP text of the venue's host, for the host, and behind a space a path with a token in it, if the way wants one */
    AATS_MAIL_NO_ADDRESS = 8,  /* sym: the way; the name could not be resolved, or no token be had; bytes: why */
    AATS_MAIL_RECONNECT = 9,   /* replace the connections now, without a hole */
    AATS_MAIL_HALT = 10,       /* sym, num 1: the venue halted it, 0: it trades again */
    /* out, to the control plane */
    AATS_MAIL_ASK = 32,        /* sym, num: request number: a snapshot is wanted */
    AATS_MAIL_RESOLVE = 33,    /* sym: the way; the host wants an address */
    AATS_MAIL_NOTICE = 34,     /* num: 0 info, 1 warning, 2 error; bytes: one line for the log */
    AATS_MAIL_ADDED = 35       /* sym: directory index given, num: 0 or an error; bytes: the symbol */
};

/* What SUBSCRIBE carries. */
typedef struct {
    char symbol[48]; /* "BTCUSDT.BINANCE" */
    char native[48]; /* "BTCUSDT" */
    int64_t tick_i;
    int64_t lot_i;
    uint32_t level_num;
    uint32_t pad;
    int32_t px_exp;  /* where the venue scales by symbol; both 0: the venue's own */
    int32_t qty_exp;
    int32_t px_dec;  /* digits behind the point as the venue prints them for its checksum, -1: not known */
    int32_t qty_dec;
} aats_feed_symbol_t;

typedef struct {
    char venue[32];
    char format[16];        /* how its market data comes: "" or "json", "sbe" */
    char host[128];         /* of the Host field: "stream.binance.com:9443" */
    char path[128];         /* "" for the venue's own, which differs by way */
    char prefix[128];       /* what stands before the venue's own path, "" for nothing */
    char way_host[3][128];  /* AATS_VENUE_WAYS; "": host */
    char way_prefix[3][128]; /* where way_host is set */
    uint32_t streams;       /* AATS_STREAM_*, 0: of depth, trade, best bid/ask what the venue has */
    uint32_t snapshot_limit; /* levels a side that ASK means; a snapshot with so many is taken as cut */
    uint32_t open_l2;
    uint32_t fuse_bbo;
    uint32_t book_window;   /* ticks a side of the array, a power of two; 0: default */
    uint32_t pad;
    uint64_t seed;          /* of jitter and mask keys in tests; 0: from the system */
    int64_t stale_ns;       /* a pause longer than this makes every book suspect */
    int64_t connect_ns;     /* time-outs, see docs/decisions.md */
    int64_t first_message_ns;
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
    int64_t rotate_ns;      /* 0: the venue's */
} aats_feed_opts_t;

/* aats_feed_defaults fills opts with the numbers of docs/decisions.md. */
void aats_feed_defaults(aats_feed_opts_t *opts);

/* aats_feed_new makes a feed over a segment that aats_md_init has laid out (mem, size: the mapping) and a control slot to beat in
 * (NULL: none). Returns NULL and a sentence in why for an unknown venue, a bad option, no memory. */
aats_feed_t *aats_feed_new(aats_feed_opts_t const *opts, void *mem, size_t size, aats_slot_t *slot, char *why, size_t why_sz);
void aats_feed_free(aats_feed_t *f);

/* aats_feed_set_key gives the API key for a format that needs one, before the first pass.  It goes into upgrade requests and nowhere else, and is
 * cleansed when the feed is freed.  AATS_OK; AATS_E_ARG for a key that cannot stand in a request's field: empty, longer than 128 bytes, or with anything but
 * letters, digits, '-' and '_'. */
int aats_feed_set_key(aats_feed_t *f, char const *key);

aats_mailbox_t *aats_feed_in(aats_feed_t *f);  /* the control plane puts */
aats_mailbox_t *aats_feed_out(aats_feed_t *f); /* the control plane gets */

/* ---- what the host does, or a test's world ---- */

/* What a connection wants of its host. */
enum { AATS_FEED_NOTHING = 0, AATS_FEED_CONNECT = 1, AATS_FEED_CLOSE = 2 };

/* aats_feed_begin starts a pass: sees whether the thread was stopped, takes mail, runs timers.  aats_feed_end closes it: heartbeat.
 * now_ns is epoch time for stamps, mono_ns the monotonic clock for everything else.  Returns the mails taken. */
int aats_feed_begin(aats_feed_t *f, int64_t now_ns, int64_t mono_ns);
void aats_feed_end(aats_feed_t *f);

/* aats_feed_want says what connection `link` (0 .. AATS_LINK_MAX - 1) needs; asked each pass. */
int aats_feed_want(aats_feed_t *f, int link);
/* aats_feed_connecting: the host has begun; aats_feed_opened: bytes can flow (TLS done); aats_feed_closed: it is gone, why is for
 * the log. */
void aats_feed_connecting(aats_feed_t *f, int link);
void aats_feed_opened(aats_feed_t *f, int link);
void aats_feed_closed(aats_feed_t *f, int link, char const *why);

/* aats_feed_room gives the place for the next bytes of a connection that was opened, never less than one; aats_feed_received says
 * that n of them came with the read that returned at recv_ns, and processes every complete message.  Returns the messages
 * processed. */
size_t aats_feed_room(aats_feed_t *f, int link, uint8_t **at);
int aats_feed_received(aats_feed_t *f, int link, size_t n, int64_t recv_ns);

/* aats_feed_output gives bytes to send; aats_feed_sent says how many went. */
size_t aats_feed_output(aats_feed_t *f, int link, uint8_t const **at);
void aats_feed_sent(aats_feed_t *f, int link, size_t n);

/* aats_feed_next_mono_ns returns when the next timer of this feed is due: no need to step before, if no bytes and no mail come. */
int64_t aats_feed_next_mono_ns(aats_feed_t const *f);

/* aats_feed_stop says good-bye to the venue and makes every book invalid; the host goes on until aats_feed_stopped. */
void aats_feed_stop(aats_feed_t *f);
int aats_feed_stopped(aats_feed_t const *f);
/* cdef-end */

/* aats_feed_new_for is aats_feed_new for a venue that the caller brings; opts->venue and opts->format only stand in sentences. */
struct aats_venue;
aats_feed_t *aats_feed_new_for(struct aats_venue const *venue, aats_feed_opts_t const *opts, void *mem, size_t size, aats_slot_t *slot, char *why,
                               size_t why_sz);

/* What the control plane answered to RESOLVE for the way of a connection: an IP text and when it came, or NULL; an address that did not work is forgotten. */
char const *aats_feed_address(aats_feed_t const *f, int link, int64_t *since_mono_ns);
void aats_feed_forget_address(aats_feed_t *f, int link);
/* aats_feed_way says which way of its venue a connection takes, from 0. */
int aats_feed_way(aats_feed_t const *f, int link);

/* The feed's own view of its segment, and its slot in the control table (NULL: none). */
aats_md_view_t const *aats_feed_view(aats_feed_t const *f);
aats_slot_t const *aats_feed_slot(aats_feed_t const *f);

/* The sink gets each record after it is in shared memory, as aats_md_publish has left it, with its levels; and after each venue message a NULL for all
 * three: a point at which what it holds may be due (app/out.h). */
typedef void (*aats_feed_sink_t)(void *arg, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks);
/* aats_feed_set_clock gives the clock of pub_ns; without one it is the time of the pass. */
void aats_feed_set_clock(aats_feed_t *f, int64_t (*clock)(void));
void aats_feed_set_sink(aats_feed_t *f, aats_feed_sink_t sink, void *arg);

#endif
