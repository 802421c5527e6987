/* binance_futures_order.c -- order entry at Binance's futures: the venues' numbers, and the requests that we send.
 *
 * Facts: exchanges/binance_usdm_futures.md, sections 5 to 9.  Not here: answers and events (binance_futures_reply.c, binance_futures_event.c), what to
 * ask and when (app/session.c).
 *
 *     way 0  WebSocket API   log-on, place, cancel, amend, query
 *     way 1  user data       events; its path holds a listen key
 *     way 2  REST            what has no method there: time, listen key, account, positions, open orders, fills, cancel all, dead-man switch
 *
 * Odd behaviours, by number (those of binance_order.c hold too, but for V-10, V-13 and V-18: an order keeps its client id, and answers have no fills):
 *   V-30 positions and orders are for one-way mode: "positionSide" is never sent.  The mode is asked for at the log-on (8), and an account in hedge mode gets
 *        no session; one that changes later refuses with -4061, and its positions of two sides are told as strange.
 *   V-31 -4116, a client id that is known, may be an order of ours that was thought lost: it is asked for (7).
 *   V-32 an order is acknowledged before it is matched: its fills come as events alone (5.1).
 *   V-33 post-only (GTX) that would take is refused with -5022, or lives and expires at once: both mean that it would have crossed (5.3, 10).
 *   V-34 a modification that leaves nothing to fill, or takes where it must not, ends the order; one that changes nothing is refused: -5027 (5.1).
 *   V-35 there is no cancel-all over WebSocket; over REST it answers {"code":200}, and the orders end by events (5.1).
 *   V-36 TRADE_LITE tells a fill earlier and without its fee: it is passed over, ORDER_TRADE_UPDATE follows (5.2).
 *   V-37 listenKeyExpired leaves the socket open and silent: the events are lost until there is a new key and connection (5.2).
 *   V-38 what the venue ends by itself (liquidation, ADL, settlement) has client ids of its own, "autoclose-": foreign orders; the position tells (5.2).
 *   V-39 the dead-man switch is one for each symbol (5.1).
 */
#include "venue/binance_futures_order.h"

#include <stdio.h>
#include <string.h>

#include "venue/binance_params.h"

/* What differs between the houses. */
typedef struct {
    char const *rest;      /* "/fapi/v1" */
    char const *balance;
    char const *positions;
} house_t;

/* ---- what each request asks with ---- */

static void place(binance_params_t *ps, aats_oreq_t const *req)
{
    static char const *const TIF[] = {[AATS_TIF_IOC] = "IOC", [AATS_TIF_POS] = "GTX", [AATS_TIF_GTC] = "GTC", [AATS_TIF_FOK] = "FOK", [AATS_TIF_MARKET] = NULL};
    aats_order_t const *o = req->order;
    if ((o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET) {
        ps->err = AATS_E_ARG;
        return;
    }
    binance_param_symbol(ps, req);
    BINANCE_PARAM_LIT(ps, "side", o->side == AATS_SIDE_BUY ? "BUY" : "SELL");
    BINANCE_PARAM_LIT(ps, "type", TIF[o->tif] ? "LIMIT" : "MARKET");
    if (TIF[o->tif]) {
        BINANCE_PARAM_LIT(ps, "timeInForce", TIF[o->tif]);
        binance_param_decimal(ps, "price", o->px_i, o->px_exp);
    }
    binance_param_decimal(ps, "quantity", o->qty_i, o->qty_exp);
#ifdef AATS_OF_REDUCE
    if (o->flags & AATS_OF_REDUCE) BINANCE_PARAM_LIT(ps, "reduceOnly", "true");
#endif
    binance_param_client_id(ps, "newClientOrderId", o);
}

/* By the venue's number as soon as that is known, else by our id, which the order keeps. */
static void named(binance_params_t *ps, aats_oreq_t const *req)
{
    binance_param_symbol(ps, req);
    if (req->order->remote_id[0]) binance_param_remote(ps, req->order);
    else binance_param_client_id(ps, "origClientOrderId", req->order);
}

/* Both price and quantity, whichever changes (5.1). */
static void amend(binance_params_t *ps, aats_oreq_t const *req)
{
    named(ps, req);
    BINANCE_PARAM_LIT(ps, "side", req->order->side == AATS_SIDE_BUY ? "BUY" : "SELL");
    binance_param_decimal(ps, "price", req->px_i ? req->px_i : req->order->px_i, req->order->px_exp);
    binance_param_decimal(ps, "quantity", req->qty_i ? req->qty_i : req->order->qty_i, req->order->qty_exp);
}

static void open_orders(binance_params_t *ps, aats_oreq_t const *req)
{
    if (req->rules) binance_param_symbol(ps, req); /* without one: of all symbols, at 40 instead of 1 of the weight (8) */
}

/* Oldest first: without fromId the latest come, and a full page would hide the first ones. */
static void fills(binance_params_t *ps, aats_oreq_t const *req)
{
    binance_param_symbol(ps, req);
    if (req->order) binance_param_remote(ps, req->order);
    if (req->order || req->from_id) binance_param_int(ps, "fromId", (int64_t)req->from_id);
    binance_param_int(ps, "limit", FILLS_LIMIT);
}

static void deadman(binance_params_t *ps, aats_oreq_t const *req)
{
    binance_param_symbol(ps, req); /* V-39 */
    binance_param_int(ps, "countdownTime", req->deadman_ms);
}

/* ---- writing ---- */

/* By the WebSocket API: signed, but on a connection that is logged on; OF_ORDER: it needs an order. */
enum { OF_ORDER = 1 };

static struct {
    char const *method;
    unsigned how;
    void (*fill)(binance_params_t *ps, aats_oreq_t const *req);
} const METHODS[AATS_OR_CNT] = {
    [AATS_OR_LOGON] = {"session.logon", 0, NULL},
    [AATS_OR_PLACE] = {"order.place", OF_ORDER, place},
    [AATS_OR_CANCEL] = {"order.cancel", OF_ORDER, named},
    [AATS_OR_AMEND] = {"order.modify", OF_ORDER, amend},
    [AATS_OR_QUERY] = {"order.status", OF_ORDER, named},
};

/* By REST; path: behind the house's own, unless it begins with another version of it. */
enum { PUBLIC = 1, BALANCE = 2, POSITIONS = 4 };

static struct {
    char const *verb, *path;
    unsigned how;
    void (*fill)(binance_params_t *ps, aats_oreq_t const *req);
} const PATHS[AATS_OR_CNT] = {
    [AATS_OR_TIME]       = {"GET", "/time", PUBLIC, NULL},
    [AATS_OR_TOKEN]      = {"POST", "/listenKey", PUBLIC, NULL}, /* the key alone, no signature (5.2) */
    [AATS_OR_TOKEN_KEEP] = {"PUT", "/listenKey", PUBLIC, NULL},
    [AATS_OR_ACCOUNT]    = {"GET", "", BALANCE, NULL},
    [AATS_OR_POSITIONS]  = {"GET", "", POSITIONS, NULL},
    [AATS_OR_OPEN]       = {"GET", "/openOrders", 0, open_orders},
    [AATS_OR_FILLS]      = {"GET", "/userTrades", 0, fills},
    [AATS_OR_CANCEL_ALL] = {"DELETE", "/allOpenOrders", 0, binance_param_symbol}, /* V-35 */
    [AATS_OR_DEADMAN]    = {"POST", "/countdownCancelAll", 0, deadman},
    [AATS_OR_MODE]       = {"GET", "/positionSide/dual", 0, NULL}, /* V-30 */
};

static void stamped(binance_params_t *ps, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    if (auth->recv_window_ms) binance_param_int(ps, "recvWindow", auth->recv_window_ms);
    binance_param_int(ps, "timestamp", req->time_ms);
}

static int encode(house_t const *h, aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    int const k = req->kind;
    binance_params_t ps;
    binance_params_init(&ps);
    if (k <= AATS_OR_NONE || k >= AATS_OR_CNT || req->id == 0) return AATS_E_ARG;
    if (METHODS[k].method) {
        if ((METHODS[k].how & OF_ORDER) && !req->order) return AATS_E_ARG;
        if (k == AATS_OR_LOGON && auth->signer && aats_signer_kind(auth->signer) != AATS_SIGN_ED25519) return 0; /* no other may (5.1) */
        if (METHODS[k].fill) METHODS[k].fill(&ps, req);
        stamped(&ps, req, auth);
        if (!auth->logged_on || k == AATS_OR_LOGON) binance_params_sign(&ps, auth);
        return ps.err ? ps.err : binance_params_json(&ps, req->id, METHODS[k].method, out, cap);
    }
    if (!PATHS[k].verb) return 0;
    char path[64];
    if (k == AATS_OR_FILLS && req->order && !req->order->remote_id[0]) return AATS_E_ARG;
    snprintf(path, sizeof path, "%s%s", PATHS[k].how & (BALANCE | POSITIONS) ? "" : h->rest,
             PATHS[k].how & BALANCE ? h->balance : PATHS[k].how & POSITIONS ? h->positions : PATHS[k].path);
    if (PATHS[k].fill) PATHS[k].fill(&ps, req);
    int const is_public = (PATHS[k].how & PUBLIC) != 0;
    if (!is_public) stamped(&ps, req, auth);
    return binance_params_http(&ps, auth, PATHS[k].verb, path, req->host, !is_public, out, cap);
}

static int swap_encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    static house_t const H = {"/fapi/v1", "/fapi/v3/balance", "/fapi/v3/positionRisk"};
    return encode(&H, req, auth, out, cap);
}

static int coinm_encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    static house_t const H = {"/dapi/v1", "/dapi/v1/balance", "/dapi/v1/positionRisk"};
    return encode(&H, req, auth, out, cap);
}

/* ---- the venues ---- */

static int path_of(char const *before, char const *behind, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s%s", before, behind);
    return n < (int)cap ? n : AATS_E_FULL;
}

static int swap_api(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, path_of("/ws-fapi/v1", "", out, cap); }
static int coinm_api(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, path_of("/ws-dapi/v1", "", out, cap); }
static int swap_events(aats_oauth_t const *auth, char *out, size_t cap) { return path_of("/private/ws/", auth->token, out, cap); }
static int coinm_events(aats_oauth_t const *auth, char *out, size_t cap) { return path_of("/ws/", auth->token, out, cap); } /* not routed (9) */

/* Weights (3, 5, 7, 8); orders and modifications cost none (5.1).  That of the position mode stands nowhere: as much as the dearest question. */
static int64_t weight(aats_oreq_t const *req)
{
    static uint8_t const OF[AATS_OR_CNT] = {
        [AATS_OR_TIME] = 1, [AATS_OR_LOGON] = 2, [AATS_OR_ACCOUNT] = 5, [AATS_OR_OPEN] = 1, [AATS_OR_CANCEL] = 1, [AATS_OR_CANCEL_ALL] = 1,
        [AATS_OR_QUERY] = 1, [AATS_OR_FILLS] = 20, [AATS_OR_DEADMAN] = 10, [AATS_OR_TOKEN] = 1, [AATS_OR_TOKEN_KEEP] = 1, [AATS_OR_POSITIONS] = 5,
        [AATS_OR_MODE] = 40,
    };
    if (req->kind == AATS_OR_OPEN && !req->rules) return 40;
    return req->kind < AATS_OR_CNT ? OF[req->kind] : 0;
}

/* (7): one pool for both houses. */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_WEIGHT, .span_ms = 60000, .limit = 2400},
    {.kind = AATS_OL_ORDERS, .span_ms = 10000, .limit = 300},
    {.kind = AATS_OL_ORDERS, .span_ms = 60000, .limit = 1200},
};

#define BY_API                                                                                                                                     \
    (1u << AATS_OR_LOGON | 1u << AATS_OR_PLACE | 1u << AATS_OR_CANCEL | 1u << AATS_OR_AMEND | 1u << AATS_OR_QUERY)
#define BY_REST                                                                                                                                    \
    (1u << AATS_OR_TIME | 1u << AATS_OR_TOKEN | 1u << AATS_OR_TOKEN_KEEP | 1u << AATS_OR_ACCOUNT | 1u << AATS_OR_POSITIONS | 1u << AATS_OR_OPEN |      \
     1u << AATS_OR_FILLS | 1u << AATS_OR_CANCEL_ALL | 1u << AATS_OR_DEADMAN | 1u << AATS_OR_MODE)
#define MIN_NS ((int64_t)60 * 1000000000)

#define WAYS(api, events_path)                                                                                                                     \
    {{.kind = AATS_OWAY_WS, .at = AATS_OAT_WSAPI, .kinds = BY_API, .path = api, .ping_every_ns = 20000000000, .silence_ns = MIN_NS},                  \
     {.kind = AATS_OWAY_WS, .at = AATS_OAT_PRIVATE, .events = 1, .token = 1, .path = events_path, .ping_every_ns = 20000000000, .silence_ns = MIN_NS}, \
     {.kind = AATS_OWAY_HTTP, .kinds = BY_REST}}

#define FUTURES                                                                                                                                    \
    .px_exp = BINANCE_EXP, .qty_exp = BINANCE_EXP, .fee_exp = BINANCE_EXP, .way_cnt = 3,                                                             \
    .token_keep_ns = 30 * MIN_NS,                       /* "at least every 60 min (use 30)" (5.2) */                                                 \
    .parse = binance_futures_parse, .parse_http = binance_futures_parse_http, .result = binance_futures_result, .weight = weight, .limits = LIMITS,  \
    .limit_cnt = sizeof LIMITS / sizeof LIMITS[0], .connect_weight = 5, /* (1) */                                                                    \
    .ping_ns = 3 * MIN_NS,                              /* "server ping every 3 min" (1) */                                                          \
    .rotate_ns = (int64_t)23 * 60 * MIN_NS,             /* "lifetime 24 h": replaced at about 23 (1) */                                              \
    .ban_ns = 2 * MIN_NS, .clock_margin_ms = 1000, .deadman_ms = 1000, .window_ms = 5000 /* (5.1, 6) */

aats_order_venue_t const aats_order_venue_binance_swap = {.name = "BINANCE_SWAP", .path = "/ws-fapi/v1", .ways = WAYS(swap_api, swap_events), .encode = swap_encode, FUTURES};
aats_order_venue_t const aats_order_venue_binance_coinm = {.name = "BINANCE_COINM", .path = "/ws-dapi/v1", .ways = WAYS(coinm_api, coinm_events), .encode = coinm_encode, FUTURES};
