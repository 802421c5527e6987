/* binance_order.c -- Binance Spot's order entry over its WebSocket API: the venue's numbers, and the requests that we send.
 *
 * Facts: exchanges/binance_spot.md, sections 5 to 8.  Not here: answers and events (binance_order_parse.c and its neighbours), what to
 * ask and when (app/session.c).
 *
 * Odd behaviours, by number:
 *   V-10 a cancel event names the cancel in "c" and the order in "C"; every other event has the order in "c" and an empty "C" (5.4, 10).
 *   V-11 what goes wrong inside the venue (5xx, -1000, -1001, -1006, -1007) leaves open whether an order was taken: no rejection (7, 10).
 *   V-12 -2010 is a dozen different refusals: the message tells which (5.2).
 *   V-13 after a cancel an order carries the cancel's client id: it is found by its number, and the answer need not repeat our id (5.3).
 *        A cancel that goes out before the number is known gives it an id that can be told from ours and asked for: "c-" and ours.
 *   V-14 the id of a reply may be a number, text or null; ours are numbers, all else is nobody's (5.1).
 *   V-15 self-trade prevention may shrink an order without ending it: "X" tells, not "x"; what is left may then be filled, and the
 *        order is FILLED below its size (5.5).
 *   V-16 balances of cheap assets exceed 64 bits at eight decimals: they are read to 128.  A finer one than that is no
 *        reason to know nothing: what is below 1e-8 is left out.
 *   V-17 "expired" is also what is left of an IOC order (5.5).
 *   V-18 an order of a type other than LIMIT and MARKET is answered without its fills unless FULL is asked for (5.2).
 *   V-19 a cancel report may stand for a whole order list, without a client id of its own (5.3).
 */
#include "venue/binance_order.h"

#include <string.h>

#include "order/client_id.h"
#include "venue/binance_params.h"

/* ---- what each request asks with ---- */

static void place(binance_params_t *ps, aats_oreq_t const *req)
{
    static struct { char const *type, *tif; } const HOW[] = {
        [AATS_TIF_IOC] = {"LIMIT", "IOC"}, [AATS_TIF_POS] = {"LIMIT_MAKER", NULL}, [AATS_TIF_GTC]    = {"LIMIT", "GTC"},
        [AATS_TIF_FOK] = {"LIMIT", "FOK"}, [AATS_TIF_MARKET] = {"MARKET", NULL},
    };
    aats_order_t const *o = req->order;
    int side_ok = o->side == AATS_SIDE_BUY || o->side == AATS_SIDE_SELL;
    if (!side_ok || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET) {
        ps->err = AATS_E_ARG;
        return;
    }
    binance_param_symbol(ps, req);
    BINANCE_PARAM_LIT(ps, "side", o->side == AATS_SIDE_BUY ? "BUY" : "SELL");
    BINANCE_PARAM_LIT(ps, "type", HOW[o->tif].type);
    if (HOW[o->tif].tif) BINANCE_PARAM_LIT(ps, "timeInForce", HOW[o->tif].tif); /* must not be sent with the others: -1106 (5.2) */
    if (o->tif != AATS_TIF_MARKET) binance_param_decimal(ps, "price", o->px_i, o->px_exp);
    binance_param_decimal(ps, "quantity", o->qty_i, o->qty_exp);
    binance_param_client_id(ps, "newClientOrderId", o);
    BINANCE_PARAM_LIT(ps, "newOrderRespType", "FULL"); /* V-18 */
}

/* The id that a cancel of ours leaves behind on its order (V-13). */
static void add_cancel_id(binance_params_t *ps, char const *name, aats_order_t const *o)
{
    char *to = binance_param_slot(ps, name, 0);
    if (!to) return;
    memcpy(to, "c-", 2);
    aats_client_id_format(o->instance, aats_order_client_no(o), to + 2);
}

/* CANCEL and QUERY name the order by the venue's own number as soon as that is known, else by our id; never by both.  The number is what
 * the venue finds most quickly.  With both it demands that the order still carries our id, and an order may have lost that: a cancel
 * replaces it (V-13), so does an amendment made elsewhere.  We know a number only from messages that carried our id. */
static void named(binance_params_t *ps, aats_oreq_t const *req)
{
    binance_param_symbol(ps, req);
    if (req->order->remote_id[0]) binance_param_remote(ps, req->order);
    else if (req->renamed) add_cancel_id(ps, "origClientOrderId", req->order);
    else binance_param_client_id(ps, "origClientOrderId", req->order);
}

static void cancel(binance_params_t *ps, aats_oreq_t const *req)
{
    named(ps, req);
    if (!req->order->remote_id[0]) add_cancel_id(ps, "newClientOrderId", req->order);
}

/* Oldest first: without fromId the latest come, and a page that is full would hide the first ones.  Of a symbol nobody wants the first:
 * without an id to begin at, its latest. */
static void fills(binance_params_t *ps, aats_oreq_t const *req)
{
    binance_param_symbol(ps, req);
    if (req->order) binance_param_remote(ps, req->order);
    if (req->order || req->from_id) binance_param_int(ps, "fromId", (int64_t)req->from_id);
    binance_param_int(ps, "limit", FILLS_LIMIT);
}

static void account(binance_params_t *ps, aats_oreq_t const *req)
{
    (void)req;
    char *to = binance_param_slot(ps, "omitZeroBalances", 1);
    if (to) memcpy(to, "true", 5);
}

static void open_orders(binance_params_t *ps, aats_oreq_t const *req)
{
    if (req->rules) binance_param_symbol(ps, req); /* without one: of all symbols, at 80 instead of 6 of the weight (7) */
}

/* PUBLIC: neither stamp nor key.  ALWAYS: key and signature on a logged-on connection too. */
enum { PUBLIC = 1, ALWAYS = 2, OF_ORDER = 4 };

static struct {
    char const *method;
    unsigned how;
    void (*fill)(binance_params_t *ps, aats_oreq_t const *req);
} const REQUESTS[AATS_OR_CNT] = {
    [AATS_OR_TIME]       = {"time", PUBLIC, NULL},
    [AATS_OR_LOGON]      = {"session.logon", ALWAYS, NULL},
    [AATS_OR_LISTEN]     = {"userDataStream.subscribe.signature", 0, NULL},
    [AATS_OR_ACCOUNT]    = {"account.status", 0, account},
    [AATS_OR_OPEN]       = {"openOrders.status", 0, open_orders},
    [AATS_OR_PLACE]      = {"order.place", OF_ORDER, place},
    [AATS_OR_CANCEL]     = {"order.cancel", OF_ORDER, cancel},
    [AATS_OR_CANCEL_ALL] = {"openOrders.cancelAll", 0, binance_param_symbol},
    [AATS_OR_QUERY]      = {"order.status", OF_ORDER, named},
    [AATS_OR_FILLS]      = {"myTrades", 0, fills},
};

int binance_order_encode_plain(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    binance_params_t ps;
    binance_params_init(&ps);
    if (req->kind <= AATS_OR_NONE || req->kind >= AATS_OR_CNT || req->id == 0) return AATS_E_ARG;
    if (!REQUESTS[req->kind].method) return 0; /* DEADMAN: there is none, in any of its documents (5.3) */
    unsigned how = REQUESTS[req->kind].how;
    char const *method = REQUESTS[req->kind].method;
    if ((how & OF_ORDER) && !req->order) return AATS_E_ARG;
    if (req->kind == AATS_OR_LOGON && auth->signer && aats_signer_kind(auth->signer) != AATS_SIGN_ED25519) return 0; /* no other may (6) */
    if (req->kind == AATS_OR_LISTEN && auth->logged_on) {
        method = "userDataStream.subscribe"; /* the connection's own account: without any parameter (5.4) */
        how = PUBLIC;
    }
    if (REQUESTS[req->kind].fill) REQUESTS[req->kind].fill(&ps, req);
    if (!(how & PUBLIC)) {
        if (auth->recv_window_ms) binance_param_int(&ps, "recvWindow", auth->recv_window_ms);
        binance_param_int(&ps, "timestamp", req->time_ms);
        if (!auth->logged_on || (how & ALWAYS)) binance_params_sign(&ps, auth);
    }
    return ps.err ? ps.err : binance_params_json(&ps, req->id, method, out, cap);
}

static int binance_order_encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    int const n = req->kind == AATS_OR_PLACE && req->id ? binance_place(req, auth, out, cap) : 0;
    return n ? n : binance_order_encode_plain(req, auth, out, cap);
}

/* ---- what it costs ---- */

/* Weights (7); orders and cancels cost nothing if they succeed, which is not known before (5.2). */
static int64_t weight(aats_oreq_t const *req)
{
    static uint8_t const OF[AATS_OR_CNT] = {
        [AATS_OR_TIME]  = 1, [AATS_OR_LOGON]  = 2, [AATS_OR_LISTEN]     = 2, [AATS_OR_ACCOUNT] = 20, [AATS_OR_OPEN]  = 6,
        [AATS_OR_PLACE] = 1, [AATS_OR_CANCEL] = 1, [AATS_OR_CANCEL_ALL] = 1, [AATS_OR_QUERY]   = 4,  [AATS_OR_FILLS] = 5, /* with orderId */
    };
    if (req->kind == AATS_OR_OPEN && !req->rules) return 80;
    if (req->kind == AATS_OR_FILLS && !req->order) return 20;
    return req->kind < AATS_OR_CNT ? OF[req->kind] : 0;
}

/* (1); of orders the lower ones of those that are common. */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_WEIGHT,   .span_ms = 60000,    .limit = 6000},
    {.kind = AATS_OL_REQUESTS, .span_ms = 300000,   .limit = 300000},
    {.kind = AATS_OL_CONNECTS, .span_ms = 300000,   .limit = 300},
    {.kind = AATS_OL_ORDERS,   .span_ms = 10000,    .limit = 50},
    {.kind = AATS_OL_ORDERS,   .span_ms = 86400000, .limit = 160000},
};

aats_order_venue_t const aats_order_venue_binance = {
    .name            = "BINANCE",
    .px_exp          = BINANCE_EXP,
    .qty_exp         = BINANCE_EXP,
    .fee_exp         = BINANCE_EXP,
    .path            = "/ws-api/v3",
    .encode          = binance_order_encode,
    .parse           = binance_order_parse,
    .result          = binance_order_result,
    .weight          = weight,
    .free_kinds      = 1u << AATS_OR_PLACE | 1u << AATS_OR_CANCEL | 1u << AATS_OR_CANCEL_ALL, /* "0 when successful" (5.2, 5.3) */
    .limits          = LIMITS,
    .limit_cnt       = sizeof LIMITS / sizeof LIMITS[0],
    .connect_weight  = 2,                               /* (1) */
    .ping_ns         = 20000000000,                     /* "ping frame every 20 s" (1) */
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000, /* "at most 24 h": replaced at about 23 (1) */
    .ban_ns          = (int64_t)120 * 1000000000,       /* "2 min .. 3 days" (7) */
    .clock_margin_ms = 1000,                            /* "timestamp < serverTime + 1000" (6) */
    .window_ms       = 5000,                            /* "recvWindow ms, default 5000", checked up to the matching engine (6) */
};
