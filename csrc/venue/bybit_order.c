/* bybit_order.c -- Bybit V5's order entry (BYBIT: spot, BYBIT_SWAP: linear contracts): the venue's numbers, and the requests that we send.
 *
 *     way 0   wss /v5/trade     auth, order.create, order.amend, order.cancel: answered with "received"
 *     way 1   wss /v5/private   auth, subscribe: order, execution, wallet, position: what became of them
 *     way 2   REST              time, wallet, open orders, one order, executions, positions, cancel-all
 *
 * Facts: exchanges/bybit_v5.md, sections 1 and 5 to 8.  Not here: answers and events (bybit_order_parse.c and its neighbours), what to ask
 * and when (app/session.c).
 *
 * Odd behaviours, by number:
 *   V-10 one account trades every category on one private socket, and BTCUSDT is a name in two of them: category tells (5.3).
 *   V-11 a good answer to create, amend or cancel says "received", no more; the order stream has the last word, and executions alone count
 *        fills: a cancel that met a fill is told as a second "Filled" (5.1, 5.4, 9).
 *   V-12 a post-only order that would take is received, and then canceled or rejected with EC_PostOnlyWillTakeLiquidity (5.2).
 *   V-13 the rest of an IOC, FOK or market order is "Cancelled", with the reason; a market order is IOC by its timeInForce (5.2, 5.4).
 *   V-14 cancelType says who canceled it; the venue cannot tell our cancel from one that the account's owner made elsewhere (5.4).
 *   V-15 10000, 10016, 10019, 170146, 170147 and a request id used twice leave open what became of an order: no rejection (7).
 *   V-16 "the order is being processed" (110079, 170191 ...): it is asked for, and a cancel goes out again when it lives (7).
 *   V-17 fees may have more decimals than the coin's balance: the fee's own exponent is told with it.
 *   V-18 the answer to auth and subscribe on the private socket need not repeat the request's id (5.3).
 *   V-19 a spot market order to buy counts its quantity in the quote coin unless marketUnit says otherwise (5.2).
 *   V-20 order/realtime knows what is open and the latest that ended, order/history what ended: an order that the first denies is looked for
 *        in the second (8).
 *   V-21 in hedge mode an order has to say which of two positions it is for (5.2); ours never does: the positions of each symbol are asked for at the log-on, and
 *        where one has a side of its own (positionIdx 1, 2) there is no session.
 *   V-22 whether orders of one account trade with each other is the taker's smpType (5.4): ours ends the one that rests.
 *   V-23 lists come in pages; what is in nextPageCursor is already escaped, and belongs into the next query (and what is signed) as it stands (8).
 *
 * Left out, and why: batches (the session sends order by order), the dead-man switch (disconnected-cancel-all is for institutional accounts,
 * and acts when the private socket is gone, not when we are silent; 5.4), hedge mode (V-21), margin on spot.
 */
#include "venue/bybit_order.h"

#include <string.h>

#include "venue/write.h"

enum { WAY_TRADE = 0, WAY_PRIVATE = 1, WAY_REST = 2 };

#define WINDOW_MS   5000 /* "default 5000" (6) */
#define EXPIRES_MS  10000 /* of a WebSocket's auth: "a future ms timestamp (e.g. now + 10 s)" (6) */
#define PAYLOAD_SZ  1024

/* ---- names ---- */

static void put_symbol(text_t *t, aats_oreq_t const *req)
{
    if (req->rules) put_name(t, req->rules->native, sizeof req->rules->native);
    else text_fail(t, AATS_E_ARG);
}

/* By the venue's own id as soon as it is known, else by ours.  json 1: in a body, 0: in a query. */
static void put_which(text_t *t, aats_order_t const *o, int json)
{
    int const known = o->remote_id[0] != 0;
    put(t, json ? ",\"" : "&");
    put(t, known ? "orderId" : "orderLinkId");
    put(t, json ? "\":\"" : "=");
    if (known) put_name(t, o->remote_id, sizeof o->remote_id);
    else put_client_id(t, o);
    if (json) put(t, "\"");
}

static int is_spot(char const *category) { return category[0] == 's'; }

/* ---- bodies ---- */

/* {"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.010","price":"64000.00","timeInForce":"PostOnly",
 *  "orderLinkId":"0123..cdef","smpType":"CancelMaker","positionIdx":0} */
static void create(text_t *t, aats_oreq_t const *req, char const *category)
{
    static char const *const TIF[] = {
        [AATS_TIF_IOC] = "IOC", [AATS_TIF_POS] = "PostOnly", [AATS_TIF_GTC] = "GTC", [AATS_TIF_FOK] = "FOK", [AATS_TIF_MARKET] = NULL,
    };
    aats_order_t const *o = req->order;
    int const market = o->tif == AATS_TIF_MARKET;
    if ((o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET) text_fail(t, AATS_E_ARG);
    if (t->err) return;
    put(t, ",\"side\":\"");
    put(t, o->side == AATS_SIDE_BUY ? "Buy" : "Sell");
    put(t, market ? "\",\"orderType\":\"Market\",\"qty\":\"" : "\",\"orderType\":\"Limit\",\"qty\":\"");
    put_decimal(t, o->qty_i, o->qty_exp);
    if (market && is_spot(category)) put(t, "\",\"marketUnit\":\"baseCoin"); /* V-19 */
    if (!market) {
        put(t, "\",\"price\":\"");
        put_decimal(t, o->px_i, o->px_exp);
        put(t, "\",\"timeInForce\":\"");
        put(t, TIF[o->tif]);
    }
    put(t, "\",\"orderLinkId\":\"");
    put_client_id(t, o);
    put(t, is_spot(category) ? "\",\"smpType\":\"CancelMaker\"" : "\",\"smpType\":\"CancelMaker\",\"positionIdx\":0"); /* V-21, V-22 */
    if (o->flags & AATS_OF_REDUCE) put(t, ",\"reduceOnly\":true");
}

static void amend(text_t *t, aats_oreq_t const *req)
{
    put_which(t, req->order, 1);
    if (req->qty_i) {
        put(t, ",\"qty\":\"");
        put_decimal(t, req->qty_i, req->order->qty_exp);
        put(t, "\"");
    }
    if (req->px_i) {
        put(t, ",\"price\":\"");
        put_decimal(t, req->px_i, req->order->px_exp);
        put(t, "\"");
    }
    if (!req->qty_i && !req->px_i) text_fail(t, AATS_E_ARG);
}

static void body(text_t *t, aats_oreq_t const *req, char const *category)
{
    put(t, "{\"category\":\"");
    put(t, category);
    put(t, "\",\"symbol\":\"");
    put_symbol(t, req);
    put(t, "\"");
    if (req->kind == AATS_OR_PLACE) create(t, req, category);
    else if (req->kind == AATS_OR_AMEND) amend(t, req);
    else if (req->kind == AATS_OR_CANCEL) put_which(t, req->order, 1);
    put(t, "}");
}

/* ---- the sockets ---- */

static int64_t window_of(aats_oauth_t const *auth) { return auth->recv_window_ms ? auth->recv_window_ms : WINDOW_MS; }

/* {"reqId":"o-17","header":{"X-BAPI-TIMESTAMP":"1785312003000","X-BAPI-RECV-WINDOW":"5000"},"op":"order.create","args":[{..}]} */
static void ask_trade(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth, char const *category)
{
    put(t, "{\"reqId\":\"");
    put_int(t, (int64_t)req->id);
    put(t, "\",\"header\":{\"X-BAPI-TIMESTAMP\":\"");
    put_int(t, req->time_ms);
    put(t, "\",\"X-BAPI-RECV-WINDOW\":\"");
    put_int(t, window_of(auth));
    put(t, "\"},\"op\":\"");
    put(t, req->kind == AATS_OR_PLACE ? "order.create" : req->kind == AATS_OR_AMEND ? "order.amend" : "order.cancel");
    put(t, "\",\"args\":[");
    body(t, req, category);
    put(t, "]}");
}

static void put_signature(text_t *t, aats_oauth_t *auth, char const *payload, size_t n)
{
    char signature[AATS_SIGN_SZ];
    int const e = auth->signer ? aats_sign(auth->signer, payload, n, signature, sizeof signature) : AATS_E_ARG;
    if (e < 0) text_fail(t, e);
    else put(t, signature);
}

/* {"req_id":"1","op":"auth","args":["<key>",1785312013000,"<signature>"]}; the trade socket spells it reqId (5.1, 5.3). */
static void ask_auth(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth)
{
    char payload[64];
    text_t p = text_at(payload, sizeof payload);
    put(&p, "GET/realtime");
    put_int(&p, req->time_ms + EXPIRES_MS);
    put(t, req->way == WAY_TRADE ? "{\"reqId\":\"" : "{\"req_id\":\"");
    put_int(t, (int64_t)req->id);
    put(t, "\",\"op\":\"auth\",\"args\":[\"");
    put_name(t, auth->key, sizeof auth->key);
    put(t, "\",");
    put_int(t, req->time_ms + EXPIRES_MS);
    put(t, ",\"");
    put_signature(t, auth, payload, (size_t)(p.at - payload));
    put(t, "\"]}");
}

static void ask_listen(text_t *t, aats_oreq_t const *req)
{
    put(t, "{\"req_id\":\"");
    put_int(t, (int64_t)req->id);
    put(t, "\",\"op\":\"subscribe\",\"args\":[\"order\",\"execution\",\"wallet\",\"position\"]}");
}

/* ---- REST ---- */

static char const *const PATHS[AATS_OR_CNT] = {
    [AATS_OR_TIME]       = "/v5/market/time",      [AATS_OR_ACCOUNT]   = "/v5/account/wallet-balance",
    [AATS_OR_OPEN]       = "/v5/order/realtime",   [AATS_OR_QUERY]     = "/v5/order/realtime",
    [AATS_OR_FILLS]      = "/v5/execution/list",   [AATS_OR_POSITIONS] = "/v5/position/list",
    [AATS_OR_MODE]       = "/v5/position/list",
    [AATS_OR_CANCEL_ALL] = "/v5/order/cancel-all",
};

/* Without a symbol contracts want the coin that they settle in (8). */
static void query(text_t *t, aats_oreq_t const *req, char const *category)
{
    if (req->kind == AATS_OR_ACCOUNT) {
        put(t, "accountType=UNIFIED");
        return;
    }
    put(t, "category=");
    put(t, category);
    if (req->rules) put(t, "&symbol="), put_symbol(t, req);
    else if (!is_spot(category)) put(t, "&settleCoin=USDT");
    if (req->kind == AATS_OR_OPEN) put(t, "&limit=50");
    if (req->kind == AATS_OR_POSITIONS && !req->rules) put(t, "&limit=200");
    if (req->kind == AATS_OR_FILLS) put(t, "&limit="), put_int(t, FILLS_LIMIT);
    if (req->order && req->kind == AATS_OR_FILLS && !req->order->remote_id[0]) text_fail(t, AATS_E_ARG);
    if (req->order) put_which(t, req->order, 0);
    if (req->cursor) put(t, "&cursor="), put_escaped(t, req->cursor, 1); /* V-23 */
}

/* Signed is stamp, key, window and the query or body, byte for byte (6). */
static void sign_fields(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth, char const *what)
{
    char payload[PAYLOAD_SZ];
    text_t p = text_at(payload, sizeof payload);
    put_int(&p, req->time_ms);
    put_name(&p, auth->key, sizeof auth->key);
    put_int(&p, window_of(auth));
    put(&p, what);
    if (p.err) text_fail(t, p.err);
    put(t, "X-BAPI-API-KEY: ");
    put_name(t, auth->key, sizeof auth->key);
    put(t, "\r\nX-BAPI-TIMESTAMP: ");
    put_int(t, req->time_ms);
    put(t, "\r\nX-BAPI-RECV-WINDOW: ");
    put_int(t, window_of(auth));
    put(t, "\r\nX-BAPI-SIGN: ");
    if (!p.err) put_signature(t, auth, payload, (size_t)(p.at - payload));
    put(t, "\r\n");
}

static void ask_rest(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth, char const *category)
{
    char what[PAYLOAD_SZ];
    text_t w = text_at(what, sizeof what);
    int const post = req->kind == AATS_OR_CANCEL_ALL;
    if (post) body(&w, req, category);
    else if (req->kind != AATS_OR_TIME) query(&w, req, category);
    if (w.err) text_fail(t, w.err);
    put(t, post ? "POST " : "GET ");
    put(t, req->kind == AATS_OR_QUERY && (req->renamed || (req->absent & 1)) ? "/v5/order/history" : PATHS[req->kind]); /* V-20 */
    if (!post && what[0]) put(t, "?"), put(t, what);
    put(t, " HTTP/1.1\r\nHost: ");
    put(t, req->host ? req->host : "");
    put(t, "\r\nUser-Agent: aats\r\n");
    if (req->kind != AATS_OR_TIME) sign_fields(t, req, auth, what);
    if (post) {
        put(t, "Content-Type: application/json\r\nContent-Length: ");
        put_int(t, (int64_t)strlen(what));
        put(t, "\r\n");
    }
    put(t, "\r\n");
    if (post) put(t, what);
}

/* ---- all requests ---- */

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap, char const *category)
{
    text_t t = text_at(out, cap);
    if (req->kind <= AATS_OR_NONE || req->kind >= AATS_OR_CNT || req->id == 0) return AATS_E_ARG;
    switch (req->kind) {
    case AATS_OR_PLACE: case AATS_OR_CANCEL: case AATS_OR_AMEND:
        if (!req->order) return AATS_E_ARG;
        ask_trade(&t, req, auth, category);
        break;
    case AATS_OR_LOGON: ask_auth(&t, req, auth); break;
    case AATS_OR_LISTEN: ask_listen(&t, req); break;
    case AATS_OR_QUERY:
        if (!req->order) return AATS_E_ARG;
        ask_rest(&t, req, auth, category);
        break;
    case AATS_OR_MODE: case AATS_OR_POSITIONS:
        if (is_spot(category)) return 0;
        ask_rest(&t, req, auth, category);
        break;
    case AATS_OR_TIME: case AATS_OR_ACCOUNT: case AATS_OR_OPEN: case AATS_OR_CANCEL_ALL: case AATS_OR_FILLS:
        ask_rest(&t, req, auth, category);
        break;
    default: return 0;
    }
    return text_len(&t, out);
}

static int encode_spot(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    return encode(req, auth, out, cap, "spot");
}

static int encode_linear(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    return encode(req, auth, out, cap, "linear");
}

/* ---- the venue ---- */

static int write_text(char *out, size_t cap, char const *s)
{
    size_t const n = strlen(s);
    if (n >= cap) return AATS_E_FULL;
    memcpy(out, s, n + 1);
    return (int)n;
}

static int trade_path(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, write_text(out, cap, "/v5/trade"); }
static int private_path(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, write_text(out, cap, "/v5/private"); }
static int ping(char *out, size_t cap) { return write_text(out, cap, "{\"req_id\":\"ping\",\"op\":\"ping\"}"); }

static int64_t weight(aats_oreq_t const *req) { return req->kind == AATS_OR_LOGON || req->kind == AATS_OR_LISTEN ? 0 : 1; }

/* REST counts requests by address, orders are counted by account (1, 7). */
#define LIMITS_OF(orders)                                                                                                    \
    {                                                                                                                        \
        {.kind = AATS_OL_REQUESTS, .span_ms = 5000,   .limit = 600},                                                         \
        {.kind = AATS_OL_CONNECTS, .span_ms = 300000, .limit = 500},                                                         \
        {.kind = AATS_OL_ORDERS,   .span_ms = 1000,   .limit = (orders)},                                                    \
    }
static aats_olimit_t const SPOT_LIMITS[] = LIMITS_OF(20), LINEAR_LIMITS[] = LIMITS_OF(10);

#define ON(kind) ((uint32_t)1 << AATS_OR_##kind)
#define SOCKET                                                                                                               \
    .kind = AATS_OWAY_WS, .ping = ping, .ping_every_ns = 20000000000, /* "every 20 s" (1) */ .silence_ns = 45000000000

#define BOTH                                                                                                                 \
    .px_exp = BYBIT_EXP, .qty_exp = BYBIT_EXP, .fee_exp = BYBIT_EXP, .way_cnt = 3,                                           \
    .ways = {                                                                                                                \
        [WAY_TRADE]   = {SOCKET, .at = AATS_OAT_WSAPI, .path = trade_path,                                                   \
                         .kinds = ON(LOGON) | ON(PLACE) | ON(CANCEL) | ON(AMEND)},                                           \
        [WAY_PRIVATE] = {SOCKET, .at = AATS_OAT_PRIVATE, .path = private_path, .events = 1,                                  \
                         .kinds = ON(LOGON) | ON(LISTEN)},                                                                   \
        [WAY_REST]    = {.kind = AATS_OWAY_HTTP, .kinds = ON(TIME) | ON(ACCOUNT) | ON(OPEN) | ON(QUERY) | ON(FILLS) |        \
                                                          ON(CANCEL_ALL) | ON(POSITIONS) | ON(MODE)},                        \
    },                                                                                                                       \
    .parse_http = bybit_order_parse_http, .result = bybit_order_result, .weight = weight, .limit_cnt = 3,                    \
    .connect_weight  = 1,                                                                                                    \
    .ping_ns         = 20000000000,                                                                                          \
    .ban_ns          = (int64_t)600 * 1000000000, /* "wait >= 10 min" (1) */                                                 \
    .clock_margin_ms = 1000,                      /* "ts < server + 1000" (6) */                                             \
    .mode_by_symbol  = 1,                                                                                                    \
    .window_ms       = WINDOW_MS

aats_order_venue_t const aats_order_venue_bybit = {
    BOTH, .name = "BYBIT", .encode = encode_spot, .parse = bybit_order_parse_spot, .limits = SPOT_LIMITS,
};

aats_order_venue_t const aats_order_venue_bybit_swap = {
    BOTH, .name = "BYBIT_SWAP", .encode = encode_linear, .parse = bybit_order_parse_linear, .limits = LINEAR_LIMITS,
};
