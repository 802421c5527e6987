/* recv.h -- the receiver: records of a feed on another host into an md segment of this one, as a step function.
 *
 * What it writes is a segment like a feed's: directory, latest books, tops, ring, validity, so strategies, numpy and tools are the same here.
 * One path, or two (A/B): two feeds of the same symbols, the first valid record wins.  No socket and no clock inside: recv_host.h and tests/world.
 *
 *   datagrams --+                                        +--> directory, latest, top, ring (aats_md_publish) by the one thread that steps
 *               +--> path: order, hold, repair --> merge +
 *   TCP stream -+         |        ^                     +--> heartbeat of our slot = the feed's, as far as it is known
 *                         v        |
 *                   side channel (TCP): RESEND, SNAPSHOT, BOOK, CLOCK
 *
 * Order.  A path expects record `next`.  What comes early is held; a hole is asked for at once over the side channel, again if the answer stays away.
 * While something is held nothing is delivered, and our heartbeat stands still, so that books cannot be called good for longer than stale_ns by that.
 * After hold_ns, or when hold_max bytes (whole places of the largest record) are full, or when the ring no longer has the records (LOST): every book of the
 * path turns invalid (AATS_WHY_LOSS), a snapshot is asked for, and with it they are valid again; the exchange is asked nothing.  A QUOTE is always whole, so
 * each book is also valid with its next one; without a side channel that is the only way.  Every record lost is counted, and what became of it (aats_path_t).
 * A stream (P2P) loses only what the feed's own ring had lost before it was read, and what was published while it was cut: that is given up at once.
 *
 * Joining, and joining again (another generation or feed id): a snapshot; without a side channel, or when none is to be had within connect_ns, from the
 * first record seen on, with the directory from the datagrams.  Until a beat has said what a feed is, nothing of it is taken.
 *
 * Deep books (AATS_F_DEEP): a QUOTE with more levels than travel in a record is published only from its BOOK (stream 1, the TCP stream, or asked for): a
 * local book never has fewer levels than the feed's without saying so.  One whose BOOK does not come within ask_again_ns is asked for, within hold_ns it is
 * invalid (LOSS) until a BOOK comes that is not further behind than that.
 *
 * Validity.  Our slot's heartbeat is: the time at which the newest in-order BEAT arrived, less the feed's own heartbeat age that it tells, less the time it
 * was late against the quickest message of the last minute (a queue in between makes books old, not young); recv_pulse.c argues why that keeps H1 of
 * shm/valid.h.  It may go back.  It is never left to look older than 30 s (or twice stale_ns), which is stale for everybody but no dead process.
 * A feed that says HALT or whose beats stay away is stale by the same rule as at home; stale_ns should be three beats (300 ms) or more.  A venue link that the
 * beats call down or mute makes its books invalid here.  A stream that ends is silent at once.  A book that is good again without news is told anew, whole,
 * with AATS_F_SNAPSHOT, because readers who were told INVALID wait for a QUOTE.
 *
 * A/B.  Records of a symbol and kind are told apart by the venue's own number (rec.seq): what is not above the last published is dropped and counted as
 * repeated, what is goes out and is a win of its path.  The L2 changes of one venue message come from one path; a path takes over only behind the last whole
 * one.  If a path dies inside a message, the rest of it is missing (books are not affected: they are whole).  A book is valid if it is on a path that is alive
 * and has it so.  md.links[i] is path i, records name the path whose state they show; a reader calls the feed down only when no path is up.
 * Our directory has indices of its own: entries come in the order in which the network lets them, a symbol is found by its name.
 *
 * Times.  exch_ns as it came; recv_ns and parsed_ns with the clock offset taken off once that can be told from zero; pub_ns is ours.
 * The first source (address and feed id) that fits the options is kept; datagrams of others are counted (foreign).  It may change when it has been silent for
 * stale_ns.
 *
 * Cost: a datagram with a quote of five levels 120 ns from bytes to ring, of which 25 are the clock of pub_ns (2-core virtual machine, data in cache).
 * Memory: allocated at aats_recv_new and, by its geometry, at attach.  Thread: one.
 */
#ifndef AATS_APP_RECV_H
#define AATS_APP_RECV_H

#include <stddef.h>
#include <stdint.h>

#include "app/mailbox.h"
#include "layout/layout.h"
#include "proto/wire.h"

/* cdef-begin */
typedef struct aats_recv aats_recv_t;

typedef struct {
    uint32_t kind;       /* AATS_PATH_* */
    uint32_t no_repair;  /* 1: no side channel, even if the feed offers one */
    char addr[64];       /* for people: "239.1.2.3:15004" */
    char source[48];     /* accept only this address; "": the first that fits */
    char feed[48];       /* accept only a feed of this name; "": any */
    char ip[48];         /* P2P: the market server's address.  Side channel of the others: "" for what the beats say */
    uint32_t port;
    uint32_t pad;
    uint64_t feed_id;    /* accept only this one; 0: any */
    uint8_t proof[16];
} aats_recv_path_opts_t;

typedef struct {
    uint32_t path_cnt;  /* 1 or 2 */
    uint32_t hold_max;  /* bytes held per path; 0: 4 MiB */
    int64_t hold_ns;    /* 0: 50 ms */
    int64_t ask_again_ns; /* 0: 10 ms */
    int64_t connect_ns; /* of the side channel; 0: 5 s */
    int64_t backoff_min_ns; /* 0: 100 ms */
    int64_t backoff_max_ns; /* 0: 5 s */
    uint64_t seed;      /* of jitter; 0: from the system */
    aats_recv_path_opts_t path[2];
} aats_recv_opts_t;

/* aats_recv_need_t -- the segment that the feeds' beats ask for: the larger of both. */
typedef struct {
    uint32_t level_max;
    uint32_t dir_cap;
    uint32_t mode;
    uint32_t pad;
    uint64_t stale_ns;
    char venue[32];
    char feed[48];
} aats_recv_need_t;

aats_recv_t *aats_recv_new(aats_recv_opts_t const *opts, char *why, size_t why_sz);
void aats_recv_free(aats_recv_t *r);

/* aats_recv_notices gives lines for the log (AATS_MAIL_NOTICE), as a feed's aats_feed_out; the control plane gets them. */
aats_mailbox_t *aats_recv_notices(aats_recv_t *r);

/* aats_recv_needs returns 1 and *need when a segment is needed: none is attached and a feed was heard, or the one attached is too small for it. */
int aats_recv_needs(aats_recv_t const *r, aats_recv_need_t *need);

/* aats_recv_attach gives it a fresh segment (laid out by aats_md_init, ready) and our slot (NULL: none); it joins again from the beginning.  The mapping
 * before may go afterwards.  AATS_OK, or AATS_E_ARG, AATS_E_LAYOUT with a sentence. */
int aats_recv_attach(aats_recv_t *r, void *mem, size_t size, aats_slot_t *slot, char *why, size_t why_sz);

/* aats_recv_begin starts a pass: timers, silence; aats_recv_end closes it: publishes what the pass made possible, heartbeat.  Works without a segment. */
void aats_recv_begin(aats_recv_t *r, int64_t now_ns, int64_t mono_ns);
void aats_recv_end(aats_recv_t *r);

/* aats_recv_datagram hands in one datagram of a path.  source: "192.0.2.1"; arrived_ns: epoch, by the kernel's stamp or the clock.  AATS_OK whatever was
 * in it: what was wrong is counted. */
int aats_recv_datagram(aats_recv_t *r, int path, char const *source, void const *bytes, size_t n, int64_t arrived_ns);

/* The side channel (or P2P stream) of a path, in the words of feed.h: connection `path` of this step function. */
int    aats_recv_want(aats_recv_t *r, int path);
int    aats_recv_address(aats_recv_t const *r, int path, char *ip, size_t ip_sz, uint32_t *port); /* 1: known */
void   aats_recv_connecting(aats_recv_t *r, int path);
void   aats_recv_opened(aats_recv_t *r, int path);
void   aats_recv_closed(aats_recv_t *r, int path, char const *why);
size_t aats_recv_room(aats_recv_t *r, int path, uint8_t **at);
int    aats_recv_received(aats_recv_t *r, int path, size_t n, int64_t recv_ns);
size_t aats_recv_output(aats_recv_t *r, int path, uint8_t const **at);
void   aats_recv_sent(aats_recv_t *r, int path, size_t n);

/* aats_recv_kernel_drops tells what the path's socket has dropped so far. */
void aats_recv_kernel_drops(aats_recv_t *r, int path, uint64_t drops);

/* aats_recv_path returns the state and counters of a path; also in the segment, once one is attached. */
aats_path_t const *aats_recv_path(aats_recv_t const *r, int path);

/* aats_recv_stop makes every book invalid (before a polite end). */
void aats_recv_stop(aats_recv_t *r);

int64_t aats_recv_next_mono_ns(aats_recv_t const *r);

/* aats_recv_set_clock gives the clock of pub_ns; without one it is the time of the pass. */
void aats_recv_set_clock(aats_recv_t *r, int64_t (*clock)(void));
/* cdef-end */

#endif
