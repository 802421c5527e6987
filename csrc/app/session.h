/* session.h -- the order session of one account at one venue: requests out, answers and events in, as a step function.
 *
 * No socket, no clock, no TLS inside: session_host.h gives it those in a process, tests/world gives it pipes and virtual time.
 *
 *     DOWN -> connect -> upgrade -> TIME -> [LOGON] -> [TOKEN] -> LISTEN -> OPEN, FILLS by symbol -> ACCOUNT -> QUERY, FILLS by order -> READY
 *      ^                                                                                                                              |
 *      '---------------- a WebSocket is lost: each order under way by it becomes UNKNOWN (disconnected) ------------------------------'
 *
 * A venue may have several ways (venue/order.h): WebSockets for requests, for events or both, and HTTP.  Each connection is a link, and is called by its number in
 * all that the host says and asks: the first of each way has the way's number.  Of an HTTP way there are several.
 *
 *   - Events are listened to before anything is asked: what happens in between is seen twice, never not at all.  Those that come while
 *     the gap is fetched are told after what was before them.  A subscription that the venue ends is DOWN, UP, READY, too.
 *   - READY only when the state of every order that we know is known, or has been asked for in vain for unknown_ns; open orders of earlier
 *     instances of ours that nobody has taken over are canceled first, and a second look must not show them.  Orders of client ids that
 *     are not ours are left alone.
 *   - A request without an answer within answer_ns gives UNKNOWN (timeout) and is asked for, query_min_ns .. query_max_ns apart.  An
 *     order is never sent twice; a cancel, which does no harm twice, goes out again once the venue says that its order lives.
 *   - ABSENT is said only after the venue has answered so twice, absent_ns apart (its memory lags), and not before answer_ns and the
 *     window of the order's own time stamp are over: until then it may still be taken.  An acknowledged order that it denies for ten
 *     seconds, and of which nothing else is heard, is told as DONE (canceled_other): a test network that was reset.
 *   - An order that has ended at the venue and of which fills are missing that it cannot show is ended as fills_missing after unknown_ns.
 *   - A message that cannot be read may have been a fill: every open order is asked for, at most every query_max_ns.  What is open is
 *     looked at anew after a gap and every minute, by the way: an event may have been lost.
 *   - The venue's word on waiting (429, 418, retryAfter) is obeyed: place gives AATS_OC_RATE_LIMIT or BANNED, cancels wait.  Of the
 *     orders that it allows in an interval, those used up and those on their way are counted.  A refused time stamp has the clock
 *     asked for anew.
 *   - A fatal error (key, signature) is said once, and not tried again before retry_fatal_ns.
 *   - A connection that grows old (rotate_ns), or whose venue shuts down, is closed while nothing is under way and opened again: a
 *     planned gap of about a second, told as DOWN, UP, READY.  One that has been mute for two of the venue's pings is dead.
 *   - No line for the log shows the key or the secret, whatever the venue says.
 */
#ifndef AATS_APP_SESSION_H
#define AATS_APP_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "app/gateway.h"
#include "app/mailbox.h"
#include "app/trader.h"
#include "venue/order.h"

/* cdef-begin */
typedef struct {
    char host[128];        /* of the Host field; "": as the first way's, with its path */
    char path[128];        /* what stands before the venue's own */
} aats_session_at_t;
typedef struct {
    char venue[32];
    char host[128];        /* of the Host field */
    char path[128];        /* "" for the venue's own; of a venue with ways what stands before it */
    aats_session_at_t more[2]; /* of the second and third way */
    uint64_t seed;         /* of jitter and mask keys in tests; 0: from the system */
    uint32_t recv_window_ms; /* 0: the venue's */
    uint32_t sandbox;      /* 1: it is the venue's test network */
    int64_t connect_ns;
    int64_t answer_ns;     /* 3 s */
    int64_t query_min_ns;  /* 0.5 s */
    int64_t query_max_ns;  /* 8 s */
    int64_t absent_ns;     /* 1 s */
    int64_t unknown_ns;    /* 60 s of questions: then READY does not wait for that order any more */
    int64_t backoff_min_ns;
    int64_t backoff_max_ns;
    int64_t retry_fatal_ns;
    int64_t rotate_ns;     /* 0: the venue's */
    int64_t clock_every_ns; /* between two looks at the venue's clock */
} aats_session_opts_t;

void aats_session_defaults(aats_session_opts_t *opts);

/* aats_session_new makes a session; key and secret are copied (and cleansed when it is freed).  earlier: instances of earlier runs of
 * the same strategy on this account, whose open orders are ours to cancel.  NULL and a sentence (without secrets) in why. */
aats_session_t *aats_session_new(aats_session_opts_t const *opts, char const *key, char const *secret, uint64_t const *earlier,
                                 size_t earlier_cnt, char *why, size_t why_sz);
void aats_session_free(aats_session_t *s);

/* aats_session_passphrase gives it the one that the key was made with, where the venue wants one; before the first pass.  AATS_OK, AATS_E_TOO_BIG. */
int aats_session_passphrase(aats_session_t *s, char const *text);
/* aats_session_symbol names a symbol whose open orders are looked at when it reconciles; before the first pass.  AATS_OK, AATS_E_FULL. */
int aats_session_symbol(aats_session_t *s, aats_rules_t const *rules);
/* aats_session_budgets gives it the host's budgets (risk/budget.h), shared with every other process: of requests by `address` ("addr binance sim"), of orders
 * by `account`.  Without them it counts for itself alone.  Before the first pass; the segment stays mapped longer than the session. */
int aats_session_budgets(aats_session_t *s, void *risk_mem, uint64_t mapped_sz, char const *account, char const *address);
uint64_t aats_session_waits(aats_session_t const *s); /* requests that had to wait for a budget so far */
/* aats_session_deadman arms the venue's dead-man switch, where it has one, and keeps it armed while this session is stepped: 0: not. AATS_OK, or
 * AATS_E_UNKNOWN where the venue has none. */
int aats_session_deadman(aats_session_t *s, int64_t after_ns);
/* aats_session_own says which instance is this process's; before the first pass. */
void aats_session_own(aats_session_t *s, uint64_t instance);

aats_mailbox_t *aats_session_in(aats_session_t *s);  /* ADDRESS, NO_ADDRESS (sym: of which way), RECONNECT of feed.h */
aats_mailbox_t *aats_session_out(aats_session_t *s); /* RESOLVE, NOTICE of feed.h */

/* ---- what the host does, or a test's world; the words of feed.h, link by link ----
 * A pass is: the gateway's step (which calls begin), bytes, and then all of the gateway's next: machines are looked at only when nothing
 * waits to be taken. */
int aats_session_begin(aats_session_t *s, int64_t now_ns, int64_t mono_ns);
int aats_session_want(aats_session_t *s, uint32_t link);
void aats_session_connecting(aats_session_t *s, uint32_t link);
void aats_session_opened(aats_session_t *s, uint32_t link);
void aats_session_closed(aats_session_t *s, uint32_t link, char const *why);
size_t aats_session_room(aats_session_t *s, uint32_t link, uint8_t **at);
int aats_session_received(aats_session_t *s, uint32_t link, size_t n, int64_t recv_ns);
size_t aats_session_output(aats_session_t *s, uint32_t link, uint8_t const **at);
void aats_session_sent(aats_session_t *s, uint32_t link, size_t n);
uint32_t aats_session_links(aats_session_t const *s); /* how many there are at most ... */
uint32_t aats_session_way(aats_session_t const *s, uint32_t link); /* ... and which way's each is */
int64_t aats_session_next_mono_ns(aats_session_t *s);
int aats_session_state(aats_session_t *s); /* AATS_GW_* */

/* aats_session_last returns one line on why it is not ready, "" if it is. */
char const *aats_session_last(aats_session_t *s);
/* cdef-end */

/* aats_session_gateway gives its face for the trader. */
void aats_session_gateway(aats_session_t *s, aats_gateway_t *out);

/* aats_session_set_host: `pass` is called by the gateway's step and moves the bytes (session_host.c; NULL in a world that moves them itself
 * between steps), `close` when the session is freed. */
void aats_session_set_host(aats_session_t *s, int (*pass)(void *arg, int64_t now_ns, int64_t mono_ns), void (*close)(void *arg), void *arg);

/* aats_session_set_flush: the host's way to have the bytes of an order in the socket before `place` returns; called with the host's arg. */
void aats_session_set_flush(aats_session_t *s, void (*flush)(void *arg));
/* aats_session_set_clock: the monotonic clock, for the stamps of orders that are sent between two passes, out of callbacks that may take
 * long; without one they have the time of the pass. */
void aats_session_set_clock(aats_session_t *s, int64_t (*mono)(void));

/* What the control plane answered to RESOLVE (sym: the way): an IP text and when it came, or NULL; an address that did not work is forgotten. */
char const *aats_session_address(aats_session_t const *s, uint32_t way, int64_t *since_mono_ns);
void aats_session_forget_address(aats_session_t *s, uint32_t way);

/* aats_session_new_at is aats_session_new for a venue that is not built in: tests bring their own. */
aats_session_t *aats_session_new_at(aats_order_venue_t const *venue, aats_session_opts_t const *opts, char const *key, char const *secret,
                                    uint64_t const *earlier, size_t earlier_cnt, char *why, size_t why_sz);

#endif
