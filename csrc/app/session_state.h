/* session_state.h -- what an order session holds; private to csrc/app/session*.c.  One thread owns all of it.
 *
 *     session.c       life and passes
 *     session_gate.c  the face that the trader sees
 *     session_conn.c  its connections: attempts, what is open, what the loss of one means, rotation, back-off
 *     session_link.c  one connection and its bytes: upgrade and frames, or HTTP answers; silence
 *     session_http.c  requests by HTTP: which waits, which goes by what connection, what comes of one whose connection goes
 *     session_ask.c   requests under way: what was asked, what the answer means, what no answer means
 *     session_budget.c  the host's rate budgets: before a request, and what answers say of them
 *     session_know.c  what is known of each order: what messages say of it, what is believed
 *     session_name.c  events that name an order by the venue's number alone
 *     session_amend.c what answers are worth while an order is being amended
 *     session_want.c  what is wanted of the venue: questions, cancels, how long they are asked
 *     session_way.c   the way to READY, and looks on the way
 *     session_page.c  lists that come in pages
 *     session_extra.c balances; the dead-man switch
 */
#ifndef AATS_APP_SESSION_STATE_H
#define AATS_APP_SESSION_STATE_H

#include "app/feed.h"
#include "app/session.h"
#include "proto/http_body.h"
#include "proto/ws.h"
#include "risk/budget.h"
#include "venue/order.h"

#define SECOND      ((int64_t)1000000000)
#define MS          ((int64_t)1000000)
#define RX_START    ((size_t)64 << 10)
#define FRAME_MAX   ((size_t)4 << 20)    /* a longer message ends the connection */
#define TX_MAX      ((size_t)1 << 20)
#define TEXT_MAX    8192                 /* of one request */
#define HTTP_POOL   2                    /* connections of an HTTP way: one for anything, one for orders and cancels alone */
#define HTTP_WAITS  256                  /* requests that wait for one of them */
#define LINKS       (AATS_OWAYS + AATS_OWAYS * (HTTP_POOL - 1))
#define WAIT_MAX_NS (3 * 86400 * SECOND) /* longest ban a venue speaks of: no wait is longer */
#define LATE_NS     (60 * SECOND)        /* an answer that comes later than this is nobody's */
#define FORGOTTEN_NS (10 * SECOND)       /* an acknowledged order that the venue denies for so long is not there any more */
#define DENIED      64                   /* orders remembered that were told as never received, or as forgotten */
#define ASKS_MAX    8                    /* questions about orders under way at once: they cost weight */
#define FILLS_FULL  5                    /* whole answers without the fills that are missing, before they are given up */
#define PAGES_MAX   100                  /* pages of one list; what is longer is said not to be known */
#define LOOK_SOON_NS (2 * SECOND)        /* after READY, if there was a gap: what was asked for then may have lagged */
#define LOOK_NS     (60 * SECOND)        /* between two looks at what is open, by the way: an event may have been lost */
#define DIRTY       64                   /* orders of which something was said since they were looked at; more: all are looked at */
#define LIMITS      4                    /* intervals in which orders are counted */
#define NONE        UINT32_MAX

enum { LINK_WAIT = 0, LINK_CONNECTING = 1, LINK_UPGRADING = 2, LINK_OPEN = 3, LINK_CLOSING = 4, LINK_LEFT = 5 };

/* How far an open session has come; each has its requests answered before the next begins.  JOIN: ways that want a token are opened, and logged on. */
enum {
    STAGE_TIME = 0, STAGE_LOGON = 1, STAGE_TOKEN = 2, STAGE_JOIN = 3, STAGE_MODE = 4, STAGE_LISTEN = 5, STAGE_OPEN = 6, STAGE_FILLS = 7,
    STAGE_ACCOUNT = 8, STAGE_POSITIONS = 9, STAGE_ORDERS = 10, STAGE_READY = 11
};

/* An order of this process whose machine lives. */
typedef struct {
    aats_machine_t *m;
    uint64_t instance;       /* its client id */
    int64_t order_id;
    uint32_t chain;          /* the next of its bucket, NONE */
    uint32_t sym;
    uint32_t tries;          /* questions since it was known last, or since the connection came */
    uint32_t full_cnt;       /* whole answers to FILLS, and fills are still missing */
    int64_t since_mono_ns;   /* the first question since it was known last, 0: none */
    int64_t ending_mono_ns;  /* it has ended, and fills were missing, when this was seen first; 0: not so */
    int64_t heard_mono_ns;   /* the last that was said of it */
    int64_t ask_mono_ns;     /* the next question, not before */
    int64_t sent_mono_ns;    /* its PLACE; of an order that was taken over when it was looked at first: its bytes may have been under way */
    int64_t stamp_ns;        /* the venue's clock then, as far as it was known: its own may be set back later */
    int64_t absent_mono_ns;  /* first answer in a row that it never arrived */
    uint32_t absent_cnt;
    int64_t doubt_mono_ns;   /* when the last doubt began */
    uint8_t doubt;           /* not heard of since the connection was lost, or since something could not be read */
    uint8_t wish;            /* a cancel was asked of us and has not gone out */
    uint8_t cancel_told;     /* the cancel request has its answer */
    uint8_t given_up;        /* asked for so long that READY does not wait for it any more */
    uint8_t renamed;         /* the next question names it by the id of its cancel */
    uint8_t blind;           /* a cancel went out when the venue's number was not known */
    uint8_t listed;          /* the look that is being read has shown it */
    uint8_t pad;
    uint32_t asked_kind;     /* the last question of this doubt, AATS_OR_* */
    int64_t cancel_mono_ns;  /* the next cancel request, not before */
    uint64_t fills_from;     /* FILLS came in parts: the next begins here */
    int64_t amend_mono_ns;   /* the last amend request went out; of an order that was taken over with one open: when it was looked at first; 0: none */
    int64_t amend_ask_mono_ns; /* what came of it is asked for, not before */
    uint32_t amend_tries;
    uint32_t page;           /* its list that comes in pages, one more than where that is; 0: none is being read */
    uint32_t page_fails;     /* times that such a list had to be begun again */
    uint32_t pad2;
    char number[sizeof ((aats_omsg_t *)0)->remote_id]; /* the venue's, told by what does not acknowledge it (post_late); "": none */
} known_t;

/* An open order at the venue that nobody here knows, but whose client id is ours: it is canceled. */
typedef struct {
    aats_order_t o;
    uint32_t sym;
    int64_t cancel_mono_ns;
    uint8_t asked; /* its cancel is under way */
    uint8_t done;  /* its cancel was answered */
} stray_t;

/* A request that was sent. */
typedef struct {
    uint64_t id;
    uint32_t kind;         /* AATS_OR_* */
    uint32_t late;         /* its time is over, and that was told */
    uint32_t sym;
    uint32_t way;
    uint32_t look;         /* OPEN: of which look */
    aats_machine_t *m;     /* of PLACE, CANCEL, QUERY, FILLS; NULL: gone, or a stray's */
    uint64_t instance;     /* of the order, machine or stray */
    int64_t order_id;      /* lower half of its client id; 0: of no order */
    uint64_t from_id;      /* FILLS: of which trade on */
    uint32_t by_the_way;   /* not a stage's, though of its kind: the clock, a look at what is open, the account */
    uint32_t page;         /* of a list's second page and on: the list, one more than where it is; 0: a first page, or no list */
    uint64_t page_serial;  /* ... and how far it had come */
    int64_t sent_mono_ns;
} flight_t;

/* A list that comes in pages: where its next one begins, and what those before it have said (session_page.c). */
typedef struct {
    uint64_t serial;       /* another with each page, 0: an empty place */
    uint32_t kind;         /* AATS_OR_* */
    uint32_t sym;
    uint32_t look, by_the_way; /* as of its first request */
    uint32_t of_order;     /* 1: the order's next question goes on with it, 0: the session does */
    uint32_t cnt;          /* pages that have come */
    uint32_t tries;        /* of this page */
    uint32_t news;         /* FILLS: this page had one that was not known */
    uint32_t at;           /* of msgs, while they are told */
    uint32_t msg_cnt, msg_cap;
    aats_omsg_t *msgs;     /* FILLS: newest first */
    int64_t rows;          /* passed so far, where the venue counts */
    int64_t sum_i;         /* FILLS of an order: of those that were not known */
    uint64_t from_id;
    int64_t sent_mono_ns;  /* the first page's request */
    int64_t at_mono_ns;    /* the next page is asked for then; 0: it is under way */
    char cursor[AATS_CURSOR_SZ];
} page_t;

/* A request by HTTP: waiting, or under way. */
typedef struct {
    uint64_t id;           /* of its flight; 0: none */
    uint32_t kind, way;
    uint32_t tries;        /* connections that it was lost with */
    uint32_t n;
    char *text;
} hreq_t;

/* An event that names its order by the venue's number alone, and waits until it is known whose that is. */
typedef struct {
    aats_omsg_t m;
    int64_t since_mono_ns;
} nameless_t;

/* One connection. */
typedef struct {
    aats_session_t *s;
    uint32_t way;
    int kind;                /* AATS_OWAY_* */
    int orders_only;         /* HTTP: kept for what must not wait behind a question */
    int phase;               /* LINK_* */
    int logged_on;
    int paid;                /* tokens of the next attempt to connect are taken */
    uint32_t tries;          /* HTTP: attempts since it answered last */
    int64_t at_mono_ns;      /* deadline of the phase; HTTP, waiting: the next attempt, not before */
    int64_t opened_mono_ns;
    int64_t heard_mono_ns;
    int64_t ping_mono_ns;    /* the next ping of ours */
    uint8_t *rx;
    size_t rx_len, rx_cap;
    uint8_t *tx;
    size_t tx_len, tx_cap;
    aats_ws_asm_t join;
    uint8_t *join_buf;
    uint8_t key16[16];
    hreq_t asked;            /* HTTP: the request under way */
} owlink_t;

/* What is known of a way's host. */
typedef struct {
    char ip[64];
    int64_t mono_ns;         /* when it came */
} oaddr_t;

/* The client id of an order. */
typedef struct {
    uint64_t instance;
    int64_t order_id;
} whose_t;

/* An asset of the account. */
typedef struct {
    char name[16];
    int32_t exp;
    uint32_t mark;         /* the last answer that had it */
    uint32_t some;         /* there is something of it */
} asset_t;

/* A limit on orders, as last told. */
typedef struct {
    int64_t span_ns;     /* its interval, 0: an empty place */
    int64_t used, limit;
    int64_t end_mono_ns; /* until when that counts */
} limit_t;

struct aats_session {
    aats_session_opts_t opts;
    aats_order_venue_t const *venue;
    aats_oauth_t auth;
    uint64_t own;
    uint64_t *earlier;
    size_t earlier_cnt;
    aats_rules_t *syms;
    uint32_t sym_cnt, sym_cap;
    uint64_t *trade_ids;     /* of each symbol, the highest that is known of ours, 0: none */
    uint32_t trade_cap;

    int64_t now_ns, mono_ns; /* of this pass, or of the order that is being sent */
    int64_t begun_mono_ns;   /* of the last begin */
    int64_t tick_mono_ns;    /* when timers are looked at next */
    int stalled;             /* the timers of this pass were left out */
    uint64_t rng;
    uint64_t spare[32];      /* random words of the system not used yet: one call of the kernel for many frames */
    uint32_t spare_cnt;
    aats_mailbox_t in, out;
    int (*pass)(void *arg, int64_t now_ns, int64_t mono_ns);
    void (*flush)(void *arg);
    void (*close)(void *arg);
    void *host_arg;
    int64_t (*clock)(void);

    /* the connections */
    aats_oway_t ways[AATS_OWAYS]; /* the venue's; of a venue without, the one that is everything */
    uint32_t way_cnt;
    oaddr_t addrs[AATS_OWAYS];
    owlink_t links[LINKS];
    uint32_t link_cnt;
    hreq_t *waits_http;      /* a queue of HTTP_WAITS, oldest first */
    uint32_t wait_cnt;
    int phase;               /* LINK_*, of all WebSockets together; OPEN: those without a token are */
    int leaving;
    uint32_t tries;
    int told_up;             /* UP was said, DOWN not yet */
    int told_fatal;          /* the log knows */
    int64_t at_mono_ns;      /* deadline or start of the next attempt, by phase */
    int64_t opened_mono_ns;
    int64_t rotate_mono_ns;  /* replace it when nothing is under way */
    int64_t force_mono_ns;   /* replace it even so */
    int64_t wait_ns;         /* told by the venue, or by a fatal error: do not come back earlier */
    int planned;             /* it is closed to be opened again at once */
    char last[240];

    /* what the venue said of waiting */
    int64_t hold_mono_ns;    /* no request before */
    int banned;              /* ... because of a ban */
    limit_t limits[LIMITS];  /* on orders */
    int64_t full_mono_ns;    /* no PLACE before: too many orders */
    int64_t deny_mono_ns;    /* no PLACE before: the key may not */

    /* what this host may ask for (session_budget.c); all NULL: it counts for itself alone */
    aats_budget_t *weight, *requests, *connects, *orders;
    int64_t told_wait_mono_ns; /* until when PLACE was told to wait */
    int64_t token_wait_ns;   /* of the last request that found no token */
    uint64_t waits;          /* requests that had to wait for one */

    int unread;              /* a message could not be read: all orders are to be asked for ... */
    int64_t unread_mono_ns;  /* ... not before */

    /* the venue's clock: clock_ns at clock_mono_ns */
    int64_t clock_ns, clock_mono_ns;
    int64_t clock_due_mono_ns;
    int clock_asked;
    int64_t keep_mono_ns;    /* the token is kept alive then */

    /* the way to READY */
    int stage;
    int gap;                 /* not listened for a while: what has happened is fetched before events are believed */
    int joining;             /* JOIN: not all of its connections are open yet */
    uint32_t stage_left;     /* requests of the stage not answered yet */
    uint32_t stage_at;       /* the next one to send: a symbol, or a way ... */
    int64_t stage_mono_ns;   /* ... not before: there was no token for it; 0: all are sent */
    uint32_t stage_clock;    /* time stamps refused on the way */
    uint32_t look;           /* counts the requests of stages */
    uint32_t first_look;     /* the first look at open orders on this way: foreign ones are told of it alone */
    uint32_t relooks;
    int64_t look_mono_ns;    /* the next look, not before; 0: none is wanted */
    uint32_t look_own;       /* open orders of ours that the last look has shown, and that verify does not allow */
    int verifying;

    uint64_t next_id;
    flight_t *flights;
    uint32_t flight_cnt, flight_cap;
    page_t *pages;           /* lists that are being read; places stay where they are */
    uint32_t page_cnt, page_cap;
    uint64_t page_serial;
    known_t *known;
    uint32_t known_cnt, known_cap;
    uint32_t *buckets;       /* first of each hash of known, NONE; bucket_cnt of them, a power of two */
    uint32_t bucket_cnt;
    uint32_t unsure;         /* orders not known, or to be canceled, at the last look (or more) */
    whose_t denied[DENIED];  /* a ring */
    uint32_t denied_cnt;
    stray_t *strays;
    uint32_t stray_cnt, stray_cap;
    int known_look;          /* look at all machines ... */
    whose_t dirty[DIRTY];    /* ... or at these */
    uint32_t dirty_cnt;
    aats_omsg_t *held;       /* events of the gap, until what was before them is known */
    uint32_t held_cnt, held_cap;
    nameless_t *nameless;    /* as they came, while something is still to come that may tell whose they are */
    uint32_t nameless_cnt, nameless_cap;
    int64_t glance_mono_ns;  /* the next look by the way */

    asset_t *assets;
    uint32_t asset_cnt, asset_cap, asset_mark;
    int64_t account_mono_ns; /* the account is asked for, not before; 0: not */

    int64_t deadman_ns;      /* 0: not wanted */
    int64_t deadman_mono_ns; /* armed anew then */
    uint32_t deadman_at;     /* where each symbol has its own: the next that is told */
    int deadman_armed;       /* it may be, of one symbol at least */
    int deadman_off;         /* it is to be turned off, and that was not taken yet */
    int deadman_refused;     /* the log knows */
    int deadman_told;        /* ... that it could not be turned off */

    aats_omsg_t *queue;      /* a ring: what the trader has not taken yet */
    uint32_t queue_head, queue_cnt, queue_cap;
    aats_oreply_t reply;
};

/* session.c */
void session_notice(aats_session_t *s, int level, char const *fmt, ...) __attribute__((format(printf, 3, 4)));
void session_hide_key(aats_session_t const *s, char *text);
void session_last(aats_session_t *s, char const *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t session_random(aats_session_t *s);
void session_random_ahead(aats_session_t *s); /* makes the next one cheap: while nothing else is to be done */
int64_t session_jitter(aats_session_t *s, int64_t ns); /* in [ns/2, ns] */
int session_grow(void **array, uint32_t *cap, uint32_t need, size_t each);
uint32_t session_sym(aats_session_t *s, aats_rules_t const *rules); /* its index, entered if it is new; NONE: no memory */

/* session_gate.c: what the trader is told */
void session_tell(aats_session_t *s, aats_omsg_t const *m);
void session_tell_kind(aats_session_t *s, uint32_t kind, uint32_t code, char const *text);
void session_tell_order(aats_session_t *s, uint32_t kind, uint32_t code, flight_t const *f, char const *text);

/* session_conn.c */
void conn_init(aats_session_t *s);
void conn_fini(aats_session_t *s);
void conn_tick(aats_session_t *s);
void conn_good_bye(aats_session_t *s);
void conn_fail(aats_session_t *s, int close_code, char const *why);
void conn_fail_at(owlink_t *l, int close_code, char const *why); /* the same, and that link's host is named */
void conn_up(owlink_t *l); /* the upgrade was taken */
void conn_renew(aats_session_t *s, char const *why, int64_t force_in_ns); /* planned: as soon as nothing is under way */
int conn_way_of(aats_session_t const *s, uint32_t kind); /* the first way by which that kind goes, -1: none */
char const *conn_host(aats_session_t const *s, uint32_t way);
char const *conn_path(aats_session_t const *s, uint32_t way);
owlink_t *conn_ws(aats_session_t *s, uint32_t way); /* the WebSocket of a way; NULL: it is HTTP */

/* session_link.c */
int owlink_room_out(owlink_t *l, size_t n);
int owlink_send_frame(owlink_t *l, int opcode, void const *data, size_t n); /* 1, 0: it takes no more */
int owlink_send_texts(owlink_t *l, char const *text, size_t n); /* one frame a line */
void owlink_leave(owlink_t *l, int close_code);
void owlink_upgrade(owlink_t *l);
int owlink_buffers(owlink_t *l);
int owlink_received(owlink_t *l, size_t n, int64_t recv_ns);
void owlink_tick(owlink_t *l); /* of one that is open */

/* session_http.c */
int http_ask(aats_session_t *s, uint32_t way, uint32_t kind, uint64_t id, char const *text, size_t n); /* AATS_OK; AATS_E_FULL, AATS_E_NOMEM */
void http_pump(aats_session_t *s, uint32_t way);  /* what waits goes out where a connection is free */
int http_ready(aats_session_t const *s, uint32_t way); /* 1: an order may be given to it */
void http_received(owlink_t *l, int64_t recv_ns);
void http_closed(owlink_t *l, char const *why, int opened);
int http_waiting(aats_session_t *s, uint64_t id);  /* 1: nothing of it went out, and nothing will any more */
void http_overdue(aats_session_t *s, uint64_t id); /* no answer in time: its connection is of no use any more */
void http_drop(aats_session_t *s, char const *why); /* what has not gone out does not go out any more */
void http_fini(aats_session_t *s);

/* session_budget.c */
int64_t budget_take(aats_session_t *s, aats_oreq_t const *req); /* 0, or how long to wait (also in token_wait_ns) */
int budget_connect(aats_session_t *s, owlink_t *l);                  /* 1: it may; 0: at_mono_ns (an HTTP link's own) says when */
int budget_may_place(aats_session_t *s, char *msg, size_t msg_sz);   /* AATS_OC_NONE or AATS_OC_RATE_LIMIT */
void budget_sentence(aats_session_t const *s, int64_t wait_ns, char *msg, size_t msg_sz);
void budget_look(aats_session_t *s);
void budget_hold(aats_session_t *s, int64_t wait_ns, int banned, int of_orders);
void budget_told(aats_session_t *s, aats_oreply_t const *r, flight_t const *f);

/* session_ask.c.  ask: AATS_OK, 0 bytes count as AATS_E_EMPTY: the venue has no such request; AATS_E_BUSY: there is no token for it, see token_wait_ns;
 * else what encode said. */
int ask(aats_session_t *s, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id);
int ask_by(aats_session_t *s, uint32_t way, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id);
int ask_page(aats_session_t *s, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id, uint32_t page); /* 0: the first */
char const *ask_name(uint32_t kind); /* "open orders" */
void ask_message(aats_session_t *s, uint32_t way, char const *text, size_t n, int64_t recv_ns);
void ask_answer(owlink_t *l, aats_http_answer_t const *a, int64_t recv_ns); /* of the request that is under way there */
void ask_tick(aats_session_t *s);
void ask_lost(aats_session_t *s);  /* all WebSockets are gone */
int ask_is_order(uint32_t kind);   /* it changes something: its loss is told */
flight_t *ask_flight(aats_session_t *s, uint64_t id);
void ask_drop(aats_session_t *s, flight_t *f, uint32_t code, char const *why); /* its answer will not come: code NONE: nothing of it went out */
flight_t *ask_under_way(aats_session_t *s, uint32_t kind, uint64_t instance, int64_t order_id);
uint32_t ask_orders_under_way(aats_session_t const *s, int place_only); /* PLACE and CANCEL whose answer is still awaited */
int64_t ask_venue_ns(aats_session_t const *s);

/* session_know.c */
known_t *know_find(aats_session_t *s, aats_machine_t const *m);
known_t *know_by_id(aats_session_t *s, uint64_t instance, int64_t order_id);
known_t *know_by_number(aats_session_t *s, uint32_t sym, char const *number); /* an order that is not closed, by the venue's number; NULL */
void know_dirty(aats_session_t *s, uint64_t instance, int64_t order_id); /* something was said of it: look at its machine */
known_t *know_add(aats_session_t *s, aats_machine_t *m, aats_rules_t const *rules); /* NULL: no memory */
void know_gone(aats_session_t *s, aats_machine_t *m);
void know_lost(aats_session_t *s);
void know_doubt(aats_session_t *s); /* every open order is asked for, while others go out */
int know_message(aats_session_t *s, aats_omsg_t *m, flight_t const *f); /* 1: it is for the trader */
void know_release(aats_session_t *s); /* events that were held are for the trader now */

/* session_name.c */
int know_name(aats_session_t *s, aats_omsg_t *m); /* 1: it has an id of ours, or it is nobody's here; 0: it waits */
void know_named(aats_session_t *s, aats_omsg_t const *m); /* a message with an id of ours and the venue's number: those that wait for it are told before it */
void know_nameless(aats_session_t *s);            /* looks again whose those that wait are; who has waited for answer_ns is nobody's here */

/* session_amend.c */
void know_stale_numbers(known_t const *k, aats_omsg_t *m, flight_t const *f); /* takes an order's price and size out of a view that is too old */
void know_amend_over(aats_session_t *s, aats_omsg_t const *m, flight_t const *f); /* after OPEN was told: an amendment that never arrived */
void know_answered(aats_session_t *s, flight_t const *f, aats_oreply_t const *r, int ok);
void know_again(aats_session_t *s, flight_t const *f); /* nothing was done, or nothing is known: later again, if it may be */
void know_glanced(aats_session_t *s, flight_t const *f); /* a look by the way was answered */
static inline int know_closed(aats_machine_t const *m) { return m->o.state == AATS_ORD_CLOSED || m->o.state == AATS_ORD_FREE; }
static inline int session_waits(aats_session_t const *s) { return s->mono_ns < s->hold_mono_ns; }
static inline int session_up(aats_session_t const *s) { return s->phase == LINK_OPEN && s->stage > STAGE_LISTEN; }
static inline int session_wants(aats_oway_t const *w, uint32_t kind) { return (int)(w->kinds >> kind & 1); }

/* session_want.c */
int want_cancel(aats_session_t *s, known_t *k); /* 1: it went out */
uint32_t want_renamed(aats_session_t *s, aats_machine_t const *m);
uint32_t want_absent(aats_session_t *s, aats_machine_t const *m); /* denials of it in a row */
int want_two_names(aats_session_t const *s, known_t const *k);
int64_t want_pause(aats_session_t const *s, uint32_t tries);
uint32_t want_orders(aats_session_t *s, int all); /* returns the orders that READY waits for */
uint32_t want_strays(aats_session_t *s); /* returns those whose cancel is not answered yet */

/* session_way.c */
void way_begin(aats_session_t *s, int stage); /* (again) from here on to READY */
void way_answered(aats_session_t *s, flight_t const *f, aats_oreply_t const *r);
void way_tick(aats_session_t *s);
void way_joined(aats_session_t *s); /* a way that wanted a token is open */

/* session_page.c */
int page_take(aats_session_t *s, flight_t *f, aats_oreply_t *r);   /* 1: that was not all: nothing of it is told yet; 0: tell page_whole, or r where that is empty */
page_t page_whole(aats_session_t *s, flight_t *f);                 /* all pages, now the caller's; serial 0: there was but one */
int page_next(page_t *p, aats_oreply_t *r);                        /* 1: r has the next part of it; 0: that was all, and it is freed */
int page_again(aats_session_t *s, flight_t const *f, int fatal);   /* a page that failed: 1: it is asked for again */
void page_refused(aats_session_t *s, flight_t const *f);           /* of an order's: that list is begun again */
uint32_t page_for(aats_session_t *s, known_t *k, uint32_t kind);   /* what a question of this kind goes on with, 0: from the start */
void page_drop(aats_session_t *s, uint32_t *page);
void page_tick(aats_session_t *s);
void page_lost(aats_session_t *s);                                 /* all of them: the connection is gone, and more may have happened */

/* session_extra.c */
void extra_balance(aats_session_t *s, aats_omsg_t const *m);
void extra_account(aats_session_t *s); /* the account has been told: what it does not name is zero */
void extra_tick(aats_session_t *s);
void extra_disarm(aats_session_t *s);
int extra_disarming(aats_session_t const *s); /* on leaving: what turns it off by HTTP is not all answered, and there is time yet */
void extra_leave(aats_session_t *s); /* on leaving, each pass */
void extra_deadman_reply(aats_session_t *s, flight_t const *f, aats_oreply_t const *r);
void extra_deadman_lost(aats_session_t *s, flight_t const *f); /* a request of the switch without an answer */

#endif
