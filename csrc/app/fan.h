/* fan.h -- a feed's fan-out: TCP subscribers (P2P), retransmission, snapshots, deep books; as a step function.
 *
 * It reads the ring like any reader, in a thread of its own, and counts its own laps; the feed loop never learns of it.  No socket and no clock inside:
 * fan_host.h gives it those, tests/world gives it pipes and virtual time.
 *
 *     ring --aats_fan_step--> log: RECORDS, BOOK (deep), BEAT, DIR as one stream of bytes, encoded once for all subscribers
 *                              ^        ^          ^
 *                      subscriber A     B          C       each has a place in the log: its next byte
 *     questions (RESEND, SNAPSHOT, BOOK, CLOCK) --> answers: bytes of the peer's own, sent before it goes on in the log
 *
 * A connection begins with a hello of 32 bytes (aats_hello_t).  Wrong magic, version, layout or proof: one BYE with the reason, then the end.  Nothing at all
 * within AATS_HELLO_WAIT_NS: the published client (fan_compat.h) where opts.compat says so.  Otherwise, and once a first byte has come, the whole hello has
 * AATS_FAN_HELLO_NS; then the end (by reset if nothing was said: the published client cannot bear another).
 *
 * A snapshot is: SNAP(seq N); every DIR entry; every book that has one, whole, with its `rec`; tops; BEAT; SNAP_END(seq N).  N is taken before the books are
 * read: for who only asks it is aats_ring_newest, for a stream the number of the record that comes behind the snapshot (all below it were taken from the ring
 * before).  So by E3 of ring.h each book covers all records below N of its symbol; a receiver passes over records whose number is not above a book's.
 * A snapshot is made at once, into one of AATS_FAN_SNAPS buffers, never in pieces that a later book could mix with; who finds none free waits in turn, and
 * who keeps one for longer than AATS_FAN_SNAP_NS while another waits is cut as slow.
 *
 * Slow: a subscriber whose place falls out of the log (log_sz bytes behind), one who has taken nothing for AATS_FAN_STUCK_NS while there was something to
 * take, and who has more than AATS_FAN_ASKS questions open, is cut (RST) and counted.  Answers are made only as far as the peer's own_max bytes have room, at
 * most AATS_FAN_SHARE bytes a peer and step, and AATS_FAN_SHARE x 8 for all of them: who asks for the whole ring again and again gets it at the pace at which
 * it reads, and the others their records.
 *
 * A BEAT goes into the log every AATS_WIRE_BEAT_NS; the feed's pulse is taken BEFORE the ring is read up to the beat's seq (H1 over the network).
 * Lapped by the feed: subscribers see the hole by sequence and get a new snapshot, all of them, where the hole is in the stream.
 * Deep books: each step's records first, then the latest book of each symbol that had a DEEP one among them, once.
 * As long as nobody follows the stream (no subscriber, no old client, no datagrams of deep books), the ring is not read at all.
 *
 * Memory: allocated at aats_fan_new, none after: log_sz + peer_max x own_max + AATS_FAN_SNAPS snapshots of all books at their deepest (and with compat
 * 10 KiB a peer), of which pages that were never used cost nothing.  Thread: one.
 */
#ifndef AATS_APP_FAN_H
#define AATS_APP_FAN_H

#include <stddef.h>
#include <stdint.h>

#include "app/out.h"
#include "layout/layout.h"
#include "shm/md.h"

/* cdef-begin */
typedef struct aats_fan aats_fan_t;

#define AATS_FAN_PEERS_MAX 512
#define AATS_FAN_ASKS      256         /* questions of a peer that wait for their answers */
#define AATS_FAN_SNAPS     4           /* snapshots under way at once */
#define AATS_FAN_SHARE     65536       /* bytes of answers made for one peer in one step */
#define AATS_FAN_OWN_MIN   65536       /* least own_max */
#define AATS_FAN_LOG_MIN   131072      /* least log_sz */
#define AATS_FAN_HELLO_NS  1000000000  /* for the whole hello */
#define AATS_FAN_SNAP_NS   5000000000
#define AATS_FAN_STUCK_NS  10000000000

typedef struct {
    aats_out_opts_t out;  /* name, repair address: for the beats */
    uint32_t peer_max;    /* connections at once, 1 .. AATS_FAN_PEERS_MAX; 0: 256 */
    uint32_t log_sz;      /* bytes of the common log, a power of two; 0: 4 MiB, with deep books up to 64 */
    uint32_t own_max;     /* bytes of answers that one peer may leave unread (a whole snapshot goes besides); 0: 256 KiB */
    uint32_t compat;      /* 1: a silent connection is the published client */
    uint32_t need_proof;  /* 1: hello.proof must be `proof` (compared in constant time) */
    uint8_t proof[16];
    uint32_t datagrams;   /* 1: what aats_fan_set_datagrams says is used */
    uint32_t pad;
} aats_fan_opts_t;

/* aats_fan_new makes the fan-out of a segment that is mapped and attached by the caller; view and slot outlive it; slot is the feed's (NULL: none).  NULL with
 * a sentence in why: no memory, or a number outside its range. */
aats_fan_t *aats_fan_new(aats_fan_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, char *why, size_t why_sz);
void aats_fan_free(aats_fan_t *f);

/* aats_fan_step takes what is new from the ring (at most some hundred records), beats, makes answers, looks at deadlines.  now_ns is read before mono_ns, as
 * for aats_out_tick.  Returns the records taken, and 1 more if anything else was made. */
int aats_fan_step(aats_fan_t *f, int64_t now_ns, int64_t mono_ns);

/* aats_fan_next_mono_ns: no need to step before, if the ring brings nothing and no peer says anything. */
int64_t aats_fan_next_mono_ns(aats_fan_t const *f);

/* aats_fan_follows: 1 if somebody waits for what the ring brings; else nothing is lost by stepping only when a peer says something. */
int aats_fan_follows(aats_fan_t const *f);

/* aats_fan_join enters a new connection and returns its peer (0 .. peer_max - 1); AATS_E_FULL, counted as refused. */
int aats_fan_join(aats_fan_t *f, int64_t mono_ns);

/* aats_fan_received hands in bytes of a peer.  AATS_OK, or AATS_E_PROTO: it is to be ended (aats_fan_want says how). */
int aats_fan_received(aats_fan_t *f, int peer, void const *bytes, size_t n, int64_t now_ns, int64_t mono_ns);

/* aats_fan_hears: 0 while a peer has so many questions open that its bytes are better left in the socket. */
int aats_fan_hears(aats_fan_t const *f, int peer);

/* aats_fan_output gives the next bytes for a peer, good until the next call that changes the fan; aats_fan_sent says how many went.  For the published
 * client it gives one record, to be written with one send when the kernel's queue of that socket is empty (aats_fan_is_compat). */
size_t aats_fan_output(aats_fan_t *f, int peer, uint8_t const **at);
void aats_fan_sent(aats_fan_t *f, int peer, size_t n);
int aats_fan_is_compat(aats_fan_t const *f, int peer);

/* What is to become of a peer's connection: LAST: write what there is, then close; CUT: reset it now (SO_LINGER 0). */
enum { AATS_FAN_KEEP = 0, AATS_FAN_LAST = 1, AATS_FAN_CUT = 2 };
int aats_fan_want(aats_fan_t const *f, int peer);

/* aats_fan_leave frees the peer: its connection has ended, by either side. */
void aats_fan_leave(aats_fan_t *f, int peer);

/* aats_fan_stop puts a BYE into the log; subscribers then get LAST, who only asks too, the published client CUT. */
void aats_fan_stop(aats_fan_t *f, int64_t now_ns);

/* aats_fan_set_repair tells the beats where the fan-out listens. */
void aats_fan_set_repair(aats_fan_t *f, char const *ip, uint32_t port);

/* aats_fan_set_datagrams gives the way of stream 1: deep books in parts (see aats_out_send_t); with opts.compat instead the published client's records, one a
 * datagram, in the form AATS_COMPAT_UDP.  Such an address carries nothing else: the feed loop sends no native datagrams there then. */
void aats_fan_set_datagrams(aats_fan_t *f, aats_out_send_t send, void *arg);

/* aats_fan_compat_symbol says under which cid and to which depth (1 .. 100) the published client gets a symbol, which the directory may get to know later;
 * before the first step.  AATS_OK, AATS_E_ARG (also a symbol that is there already), AATS_E_FULL. */
int aats_fan_compat_symbol(aats_fan_t *f, char const *symbol, int32_t cid, uint32_t depth);
/* cdef-end */

#endif
