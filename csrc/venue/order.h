/* order.h (venue) -- what an order session needs to know of a venue: the contract that each <venue>_order.c fills in (docs/venues.md is its page).
 *
 * Pure bytes: requests out, replies and events in.  No state, no socket, no clock: ids of requests and time stamps come from the session
 * (app/session.h), which also remembers what each id was for.  Facts and their source stand in the venue's file.
 *
 * A session has up to AATS_OWAYS connections ("ways"): WebSockets, and kept-alive HTTP/1.1 connections with one request under way at a time.  Each kind
 * of request goes by one of them; events come by one or more.  A venue with one WebSocket for all (Binance spot) leaves way_cnt 0.
 */
#ifndef AATS_VENUE_ORDER_H
#define AATS_VENUE_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "order/omsg.h"
#include "order/rules.h"
#include "proto/sign.h"

/* cdef-begin */
/* What can be asked of a venue. */
enum {
    AATS_OR_NONE = 0, AATS_OR_TIME = 1, AATS_OR_LOGON = 2, AATS_OR_LISTEN = 3, AATS_OR_ACCOUNT = 4, AATS_OR_OPEN = 5, AATS_OR_PLACE = 6,
    AATS_OR_CANCEL = 7, AATS_OR_CANCEL_ALL = 8, AATS_OR_QUERY = 9, AATS_OR_FILLS = 10,
    AATS_OR_DEADMAN = 11, /* cancel all of ours unless told again within rules' time: dead-man switch */
    AATS_OR_AMEND = 12,   /* change price or quantity of an open order: order, px_i, qty_i of the request */
    AATS_OR_TOKEN = 13,   /* a listen key or token that a way's path, log-on or subscription needs; its answer fills auth.token */
    AATS_OR_TOKEN_KEEP = 14, /* keep that token alive */
    AATS_OR_POSITIONS = 15, /* of derivatives */
    AATS_OR_MODE = 16,    /* whether the account has two-sided positions (hedge mode): orders are for one-way mode, and would be booked elsewhere, or refused */
    AATS_OR_CNT = 17
};

/* aats_oauth_t -- who asks.  Holds a secret: never printed, never copied into shared memory. */
typedef struct {
    aats_signer_t *signer;
    char key[136];
    uint32_t logged_on;      /* 1 after a LOGON that was taken on the request's way: requests need no signature any more */
    uint32_t recv_window_ms; /* 0: the venue's default */
    char passphrase[64];     /* where the venue wants one (OKX) */
    char token[256];         /* a listen key or token, from TOKEN; "" none.  A secret as well */
    uint32_t sandbox;        /* 1: the venue's test network, where a request has to say so (OKX) */
    uint32_t pad;
} aats_oauth_t;

/* aats_oreq_t -- one request. */
typedef struct {
    uint32_t kind;          /* AATS_OR_* */
    uint32_t renamed;       /* QUERY without a remote_id: by the id that a cancel of ours may have given the order, not by ours */
    uint64_t id;            /* of the request, never 0, never reused on a connection */
    int64_t time_ms;        /* the venue's time, as far as it is known */
    aats_order_t const *order; /* PLACE, CANCEL, QUERY, FILLS; NULL for FILLS: of all orders of the symbol */
    aats_rules_t const *rules; /* the same, and OPEN, CANCEL_ALL: the symbol; NULL for OPEN: all symbols */
    uint64_t from_id;       /* FILLS: trades from this id on, oldest first; 0: all of the order, or the latest of the symbol */
    int64_t deadman_ms;     /* DEADMAN: cancel after so long without another; 0: disarm */
    int64_t px_i, qty_i;    /* AMEND: the new ones; qty_i is the whole new size, what is filled counted in */
    uint32_t way;           /* by which it goes: LOGON and LISTEN are asked for once on each way that wants them */
    uint32_t absent;        /* QUERY: answers in a row that this order is not known: where a venue has two memories, the other one may be asked */
    char const *host;       /* of its way, as it stands in a Host field */
    uint64_t nonce;         /* random, for signatures that want one; only where the venue has ways */
    char const *cursor;     /* of a list that comes in pages: where this one begins, as the answer before told it (`next`); NULL: the first */
} aats_oreq_t;

/* aats_oreply_t -- one message of the venue, taken apart.  Texts point into the message. */
enum {
    AATS_OV_OTHER = 0, AATS_OV_REPLY = 1, AATS_OV_EVENT = 2, AATS_OV_SHUTDOWN = 3, AATS_OV_DEAF = 4, /* the event subscription has ended */
    AATS_OV_MOVED = 5 /* a balance has changed by something else than a trade: the account is to be asked for */
};
#define AATS_OREPLY_MSGS 1024
#define AATS_CURSOR_SZ   512 /* room for a cursor with its final zero; a list whose cursor is longer cannot be read to its end */
enum { AATS_OL_WEIGHT = 1, AATS_OL_ORDERS = 2, AATS_OL_REQUESTS = 3, AATS_OL_CONNECTS = 4 };
typedef struct {
    int32_t kind;          /* AATS_OL_* */
    int32_t pad;
    int64_t span_ms;
    int64_t used;
    int64_t limit;
} aats_olimit_t;
typedef struct {
    int kind;              /* AATS_OV_* */
    int status;            /* REPLY: as HTTP's: 200, 400, 429 ... */
    uint64_t id;           /* REPLY: the request's; 0: none */
    int64_t code;          /* REPLY: the venue's number of an error, 0: none */
    int64_t retry_ms;      /* wait until this epoch ms, 0: not told */
    int64_t server_ms;     /* TIME, LOGON: the venue's clock, 0: not told */
    int64_t orders_used;   /* what is told of the tightest limit on orders: used and allowed, -1: not told */
    int64_t orders_limit;
    int64_t orders_span_ms; /* the interval of that limit, aligned to the venue's clock; 0: not told */
    aats_olimit_t limits[8]; /* every limit that was told */
    uint32_t limit_cnt;
    uint32_t pad0;
    uint32_t unsure;       /* 1: the venue says that the outcome is not known (5xx, its own time-outs) */
    uint32_t fatal;        /* 1: key, signature or permission: asking again is useless */
    uint32_t busy;         /* 1: not executed, too much asked: wait */
    uint32_t full;         /* 1: busy, but with new orders alone: cancels and questions may go on */
    uint32_t clock;        /* 1: our time stamp was refused */
    uint32_t oc;           /* AATS_OC_* of an error */
    uint32_t already;      /* 1: refused because it is so: LISTEN, and this connection is listened on */
    uint32_t way;          /* by which it came; the session sets it before parse */
    uint32_t more;         /* FILLS: there may be more than were given: ask again from the last trade id + 1 */
    uint32_t answers;      /* REPLY without an id of its own: the kind of request that it answers (AATS_OR_*), the oldest of them under way by its way.
                            * 0: by id; and without an id, where the venue has ways, the oldest LOGON or LISTEN under way by it */
    uint32_t unfit;        /* MODE, by result: 1: orders may not be sent to this account as it is; text says why, and what to change */
    uint32_t pad1;
    uint32_t moved;        /* EVENT: 1: balances have changed, and the venue tells them by no event of their own: the account is to be asked for */
    char const *token;     /* TOKEN, by result: what becomes auth.token */
    size_t token_len;
    char const *text;      /* of an error */
    size_t text_len;
    char const *result;    /* REPLY: the raw result, for `result` below */
    size_t result_len;
    /* By result, of OPEN, FILLS, ACCOUNT, POSITIONS and QUERY: the answer is one page of several, and what the request after it is to have as its cursor: a
     * text (NULL: none), or, where the venue counts, the rows of this page that were passed (0: none), which the session adds up.  Neither: it was the last.
     * Only the pages of a list together say what the list says. */
    char const *next;
    size_t next_len;
    uint32_t next_rows;
    uint32_t pad2;
    size_t msg_cnt;        /* EVENT: filled in by parse; REPLY: by result */
    aats_omsg_t *msgs;     /* the caller's, AATS_OREPLY_MSGS of them */
    /* The caller's: a symbol's own exponents, by the venue's spelling; NULL: the venue's hold for all.  Asked through aats_oreply_scale. */
    void (*scale)(void *arg, char const *native, size_t n, int32_t *px_exp, int32_t *qty_exp);
    void *scale_arg;
} aats_oreply_t;

enum { AATS_OWAY_WS = 0, AATS_OWAY_HTTP = 1 };
enum { AATS_OAT_WSAPI = 0, AATS_OAT_PRIVATE = 1 }; /* a venue's addresses (wsapi, private of aats/venue/base.py) */
/* cdef-end */

/* aats_oreply_scale says at which exponents the prices and quantities of a symbol are told: *px_exp and *qty_exp hold the venue's own and are changed
 * where the symbol has others. */
static inline void aats_oreply_scale(aats_oreply_t const *r, char const *native, size_t n, int32_t *px_exp, int32_t *qty_exp)
{
    if (r->scale) r->scale(r->scale_arg, native, n, px_exp, qty_exp);
}

/* aats_oway_t -- one connection of a session; of HTTP a small pool of them. */
#define AATS_OWAYS 3
typedef struct {
    int kind;              /* AATS_OWAY_* */
    int at;                /* AATS_OAT_*: which of the venue's addresses a WebSocket is of (wsapi, private of aats/venue/base.py); HTTP: rest */
    uint32_t kinds;        /* bits by AATS_OR_*: the requests that go by it.  LOGON, LISTEN: it wants them before it is open for others */
    int events;            /* 1: order events come by it: what is missed while it is down is a gap */
    int token;             /* 1: it can be opened only with auth.token: TOKEN is asked for first, by another way */
    /* path writes the target of the upgrade request (WS), with a final zero; what the address has as a path stands before it.  Its length or AATS_E_FULL. */
    int (*path)(aats_oauth_t const *auth, char *out, size_t cap);
    /* ping writes the text that keeps it alive, every ping_every_ns (WS); its pong is an OTHER.  NULL: a WebSocket ping does, or, where ping_every_ns is 0,
     * the venue's own. */
    int (*ping)(char *out, size_t cap);
    int64_t ping_every_ns;
    int64_t silence_ns;    /* silence for so long means a dead connection (WS); 0: two of the venue's pings (ping_ns), or of ours where it has none */
} aats_oway_t;

typedef struct {
    char const *name; /* "BINANCE" */
    int32_t px_exp, qty_exp, fee_exp;
    int sign;         /* AATS_SIGN_* of its secrets; 0: HMAC-SHA256, or Ed25519 where the secret is a PEM text */
    char const *path; /* of the upgrade request, where there is one way */
    uint32_t way_cnt; /* 0: one WebSocket for everything */
    aats_oway_t ways[AATS_OWAYS];
    int64_t token_keep_ns; /* TOKEN_KEEP is asked for so often; 0: never */

    /* encode writes the text of a request, and a final zero: of a WebSocket's one message, or several with '\n' between them (the first answer counts); of an HTTP
     * way's the whole HTTP/1.1 request.  Its length; 0 if this venue has no such request (nothing is to be sent);
     * AATS_E_FULL; AATS_E_ARG for a request that cannot be made: an order, rules or signer that it needs are missing, a symbol or key that
     * is no plain text, no price or size, FILLS of an order whose remote_id is not known; or what aats_sign said.  Cost: under 1 us without
     * a signature.  No allocation but OpenSSL's own. */
    int (*encode)(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap);

    /* parse takes one text message apart (r->msgs is given).  AATS_OK, or AATS_E_* (SYNTAX, SHAPE, DUPKEY, RANGE, INEXACT, TOO_BIG) and no
     * message in r->msgs.  A FOREIGN message has the id that its sender gave it as text. */
    int (*parse)(char const *text, size_t n, aats_oreply_t *r);

    /* parse_http takes an HTTP answer apart as parse does a message; kind: of the request that it answers (the id is the session's).  A status other than
     * 2xx, a page in HTML and an empty body are errors of the venue, never of syntax: r->status, code, text, unsure and busy say what to make of it;
     * aats_order_http does for answers that are no JSON.  Retry-After is read by the session.  head: the whole head. */
    int (*parse_http)(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);

    /* result reads r->result as the answer to a request of this kind: what it says of orders goes to r->msgs. order: whose answer it is (NULL
     * for LOGON, ACCOUNT, OPEN ...); only its ids are read.  Also turns an error (r->code) into messages: a REJECT, CANCEL_REJECT, UNKNOWN,
     * ABSENT, as the kind of request has it.  AATS_OK or AATS_E_* as parse; AATS_E_ARG for a kind that there is not, or one of an order
     * without it. */
    int (*result)(aats_oreply_t *r, int kind, aats_order_t const *order);

    /* weight returns what a request of this kind costs of AATS_OL_WEIGHT, at most; an order also costs one of AATS_OL_ORDERS.  Of req only kind and
     * whether it names a symbol, or an order, are read. */
    int64_t (*weight)(aats_oreq_t const *req);
    uint32_t free_kinds;         /* bits by kind: it costs nothing if it succeeds */
    uint32_t limit_cnt;
    aats_olimit_t const *limits; /* what its documentation says, until it has said so itself; `used` is 0 */
    int64_t connect_weight;      /* of an attempt to connect */

    int64_t ping_ns;         /* the server's ping interval; silence for two of them means a dead link */
    int64_t rotate_ns;       /* 0: a connection may grow as old as it likes */
    int64_t ban_ns;          /* wait after an IP ban that names no end */
    int64_t clock_margin_ms; /* how far a stamp may lie ahead */
    int64_t deadman_ms;      /* shortest time of the venue's dead-man switch; 0: it has none (encode gives 0 for DEADMAN) */
    int post_late;           /* 1: a post-only order that would take is acknowledged, and then canceled: of such an order OPEN alone says that it lives */
    int mode_by_symbol;      /* 1: MODE is asked for of each symbol, 0: of the account */
    int64_t window_ms;       /* how old it may be where no recv_window_ms is asked for: an order may be taken so late */
} aats_order_venue_t;

extern aats_order_venue_t const aats_order_venue_binance;
extern aats_order_venue_t const aats_order_venue_binanceus;     /* binance_us_order.c */
extern aats_order_venue_t const aats_order_venue_binance_swap;  /* binance_futures_order.c */
extern aats_order_venue_t const aats_order_venue_binance_coinm; /* binance_futures_order.c */
extern aats_order_venue_t const aats_order_venue_okx;        /* okx_order.c: spot */
extern aats_order_venue_t const aats_order_venue_okx_swap;   /* okx_order.c: perpetuals */
extern aats_order_venue_t const aats_order_venue_kraken;     /* kraken_order.c */
extern aats_order_venue_t const aats_order_venue_coinbase;   /* coinbase_order.c: Advanced Trade */
extern aats_order_venue_t const aats_order_venue_bybit;      /* bybit_order.c: spot */
extern aats_order_venue_t const aats_order_venue_bybit_swap; /* bybit_order.c: linear contracts */

/* aats_order_http judges what can be judged of an HTTP answer without the venue's words: r->kind and status in any case.  Returns 1 if that is all that there is (no
 * JSON in it: HTML, nothing; a 5xx): r->text, code 0, oc, busy (429, 418, 503 of a question), unsure (5xx: it may have been done) are set; 0: read the JSON. */
int aats_order_http(int status, char const *body, size_t n, int kind, aats_oreply_t *r);

/* aats_order_refused makes the message of an error (code, text, oc, unsure are set) as the kind of request has it: REJECT, CANCEL_REJECT, AMEND_REJECT, or UNKNOWN
 * where it is unsure; of a QUERY that the venue answers with "there is none" (absent 1) ABSENT; else none.  Returns AATS_OK: for the end of `result`. */
int aats_order_refused(aats_oreply_t *r, int kind, aats_order_t const *order, int absent);

/* aats_order_unfit makes of the answer to MODE that the account is in hedge mode: unfit, and the sentence that says so. */
void aats_order_unfit(aats_oreply_t *r);

/* aats_order_venue_find returns the order side of a venue, NULL if none is built in. */
aats_order_venue_t const *aats_order_venue_find(char const *name);

/* cdef-begin */
/* For tests, tools and fuzzing: the same by the venue's name; AATS_E_UNKNOWN without such a venue. */
int aats_order_encode(char const *venue, aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap);
int aats_order_parse(char const *venue, char const *text, size_t n, aats_oreply_t *r);
int aats_order_result(char const *venue, aats_oreply_t *r, int kind, aats_order_t const *order);
/* aats_order_way tells of a venue's way what it is and at which of its addresses (AATS_OWAY_*, AATS_OAT_*); a venue without ways has one, a WebSocket at wsapi.
 * AATS_OK; AATS_E_UNKNOWN: there is no such venue, or no such way.  aats_order_has: 1 if it has requests of that kind by one of its ways, else 0. */
int aats_order_way(char const *venue, uint32_t way, int *kind, int *at);
int aats_order_has(char const *venue, uint32_t kind);
/* cdef-end */

#endif
