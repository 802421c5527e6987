/* coinbase_order.c -- Coinbase Advanced Trade's order entry: the venue's numbers, and the requests that we send.
 *
 *     way 0   wss advanced-trade-ws-user    subscribe: user, heartbeats: what becomes of orders
 *     way 1   REST                          everything else: there is no order entry over WebSocket (head of the sheet)
 *
 * Facts: exchanges/coinbase.md, sections 1 and 5 to 8.  Not here: answers and events (coinbase_order_parse.c and its neighbours), what to ask and when
 * (app/session.c).
 *
 * Odd behaviours, by number:
 *   V-20 each request and each subscription carries a token of its own, signed with the key, good for 120 s at most (6).  Ours are so but for what places or
 *        changes an order: so late it may be taken, and as long it cannot be said that it never was.  Those tokens end after 10 s, or recv_window_ms.
 *   V-21 a good answer to an order says "accepted for processing": it may still end FAILED (5).  So does that to a cancel (CANCEL_QUEUED) and to an edit.
 *   V-22 a refusal is an answer of status 200 with success false; failure_reason is "UNKNOWN_FAILURE_REASON" even on success, and is not looked at (5).
 *   V-23 a client_order_id used twice creates nothing and is answered with the order that has it (5).
 *   V-24 there are no messages of trades: events count what is filled in all, and the fills are asked for (5).
 *   V-25 cancels and edits go by the venue's id alone: before that is known nothing can be canceled (5).
 *   V-26 an order cannot be asked for by our id: it is looked for among the orders of its product, newest first, until a page reaches back behind its birth (7).
 *   V-27 an edit wants price and size, both, always (5).
 *   V-28 numbers may be "", at the end of an order above all; in an answer that is 0, in an event it is "not told" (5, 9).
 *   V-29 order_type is spelled in several ways ("Limit", "LIMIT"), and limit_price may be missing in events (5).
 *   V-30 the answer to a subscription is the whole set of them; an error has words and nothing else (2).
 *   V-31 balances come by no event: what moved them has the account asked for (8).
 *
 * Left out, and why: batches (the session sends order by order), cancel-all and the dead-man switch (there is none; 5), reduce-only (undocumented; 5), the
 * sandbox (canned answers, no market; 1), futures (no market data of theirs is subscribed to).
 */
#include "venue/coinbase_order.h"

#include <stdio.h>

#include "proto/jwt.h"
#include "venue/write.h"

enum { WAY_USER = 0, WAY_REST = 1 };

#define API     "/api/v3/brokerage"
#define LIFE_S   120 /* the longest life of a token (6) */
#define WINDOW_S 10  /* how late an order may be taken, where no recv_window_ms is asked for */
#define EARLY_S  2   /* a token begins to be good so long before our clock's time: that may be ahead of the venue's by a little */

/* ---- tokens ---- */

/* V-20: what places or changes an order must not be taken late; nothing else can do harm. */
static int life_of(aats_oreq_t const *req, aats_oauth_t const *auth)
{
    int64_t const window = auth->recv_window_ms ? (auth->recv_window_ms + 999) / 1000 : WINDOW_S;
    return (req->kind != AATS_OR_PLACE && req->kind != AATS_OR_AMEND) || EARLY_S + window > LIFE_S ? LIFE_S : (int)(EARLY_S + window);
}

static void put_token(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth, char const *uri)
{
    char nonce[24], token[AATS_JWT_SZ];
    snprintf(nonce, sizeof nonce, "%016llx", (unsigned long long)req->nonce);
    int const n = t->err ? t->err : aats_jwt_write(auth->signer, auth->key, nonce, req->time_ms / 1000 - EARLY_S, life_of(req, auth), uri, token, sizeof token);
    if (n < 0) text_fail(t, n);
    else put_n(t, token, (size_t)n);
}

/* ---- the user socket ---- */

/* {"type":"subscribe","channel":"user","jwt":".."}: of all products; heartbeats keep it open (2). */
static void listen(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth)
{
    put(t, "{\"type\":\"subscribe\",\"channel\":\"heartbeats\"}\n{\"type\":\"subscribe\",\"channel\":\"user\",\"jwt\":\"");
    put_token(t, req, auth, NULL);
    put(t, "\"}");
}

/* ---- bodies ---- */

static void put_product(text_t *t, aats_oreq_t const *req)
{
    if (req->rules) put_name(t, req->rules->native, sizeof req->rules->native);
    else text_fail(t, AATS_E_ARG);
}

/* V-25 */
static void put_remote(text_t *t, aats_oreq_t const *req) { put_name(t, req->order->remote_id, sizeof req->order->remote_id); }

/* {"client_order_id":"0123..cdef","product_id":"BTC-USD","side":"BUY","order_configuration":{"limit_limit_gtc":{"base_size":"0.001","limit_price":"10000",
 *  "post_only":true}}} */
static void create(text_t *t, aats_oreq_t const *req)
{
    static char const *const SHAPES[] = {
        [AATS_TIF_IOC] = "sor_limit_ioc",   [AATS_TIF_POS] = "limit_limit_gtc",      [AATS_TIF_GTC] = "limit_limit_gtc",
        [AATS_TIF_FOK] = "limit_limit_fok", [AATS_TIF_MARKET] = "market_market_ioc",
    };
    aats_order_t const *o = req->order;
    if ((o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET || (o->flags & AATS_OF_REDUCE))
        text_fail(t, AATS_E_ARG);
    if (t->err) return;
    put(t, "{\"client_order_id\":\"");
    put_client_id(t, o);
    put(t, "\",\"product_id\":\"");
    put_product(t, req);
    put(t, o->side == AATS_SIDE_BUY ? "\",\"side\":\"BUY\",\"order_configuration\":{\"" : "\",\"side\":\"SELL\",\"order_configuration\":{\"");
    put(t, SHAPES[o->tif]);
    put(t, "\":{\"base_size\":\"");
    put_decimal(t, o->qty_i, o->qty_exp);
    if (o->tif != AATS_TIF_MARKET) put(t, "\",\"limit_price\":\""), put_decimal(t, o->px_i, o->px_exp);
    put(t, o->tif == AATS_TIF_POS ? "\",\"post_only\":true}}}" : o->tif == AATS_TIF_GTC ? "\",\"post_only\":false}}}" : "\"}}}");
}

/* {"order_id":"..","price":"10000","size":"0.001"} (V-27) */
static void edit(text_t *t, aats_oreq_t const *req)
{
    aats_order_t const *o = req->order;
    if (!req->px_i && !req->qty_i) text_fail(t, AATS_E_ARG);
    put(t, "{\"order_id\":\"");
    put_remote(t, req);
    put(t, "\",\"price\":\"");
    put_decimal(t, req->px_i ? req->px_i : o->px_i, o->px_exp);
    put(t, "\",\"size\":\"");
    put_decimal(t, req->qty_i ? req->qty_i : o->qty_i, o->qty_exp);
    put(t, "\"}");
}

/* {"order_ids":[".."]} */
static void cancel(text_t *t, aats_oreq_t const *req)
{
    put(t, "{\"order_ids\":[\"");
    put_remote(t, req);
    put(t, "\"]}");
}

/* ---- REST ---- */

static char const *const PATHS[AATS_OR_CNT] = {
    [AATS_OR_TIME]  = API "/time",                     [AATS_OR_ACCOUNT] = API "/accounts",
    [AATS_OR_PLACE] = API "/orders",                   [AATS_OR_CANCEL]  = API "/orders/batch_cancel",
    [AATS_OR_AMEND] = API "/orders/edit",              [AATS_OR_OPEN]    = API "/orders/historical/batch",
    [AATS_OR_QUERY] = API "/orders/historical/batch",  [AATS_OR_FILLS]   = API "/orders/historical/fills",
};

static void put_limit(text_t *t)
{
    put(t, "&limit=");
    put_int(t, ROWS_LIMIT);
}

/* What stands behind the path; signed is the path alone (6). */
static void query(text_t *t, aats_oreq_t const *req)
{
    switch (req->kind) {
    case AATS_OR_ACCOUNT:
        put(t, "?limit=");
        put_int(t, ROWS_LIMIT);
        break;
    case AATS_OR_OPEN:
        put(t, "?order_status=OPEN");
        if (req->rules) put(t, "&product_ids="), put_product(t, req);
        put_limit(t);
        break;
    case AATS_OR_QUERY: /* V-26 */
        if (req->order->remote_id[0]) break;
        put(t, "?product_ids=");
        put_product(t, req);
        put_limit(t);
        break;
    case AATS_OR_FILLS:
        put(t, req->order ? "?order_ids=" : "?product_ids=");
        if (req->order) put_remote(t, req);
        else put_product(t, req);
        put_limit(t);
        break;
    default: break;
    }
    int const by_id = req->kind == AATS_OR_QUERY && req->order->remote_id[0];
    if (req->cursor && !by_id) put(t, "&cursor="), put_escaped(t, req->cursor, 0);
}

static void ask_rest(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth)
{
    char path[160], uri[320], body[512] = "";
    text_t p = text_at(path, sizeof path), u = text_at(uri, sizeof uri), b = text_at(body, sizeof body);
    put(&p, PATHS[req->kind]);
    if (req->kind == AATS_OR_QUERY && req->order->remote_id[0]) {
        p = text_at(path, sizeof path);
        put(&p, API "/orders/historical/");
        put_remote(&p, req);
    }
    if (req->kind == AATS_OR_PLACE) create(&b, req);
    else if (req->kind == AATS_OR_AMEND) edit(&b, req);
    else if (req->kind == AATS_OR_CANCEL) cancel(&b, req);
    if (!req->host || p.err || b.err) text_fail(t, p.err ? p.err : b.err ? b.err : AATS_E_ARG);
    if (t->err) return;
    char const *const method = body[0] ? "POST " : "GET ";
    put(&u, method);
    put(&u, req->host);
    put(&u, path);
    put(t, method);
    put(t, path);
    query(t, req);
    put(t, " HTTP/1.1\r\nHost: ");
    put(t, req->host);
    put(t, "\r\nUser-Agent: aats\r\n");
    if (req->kind != AATS_OR_TIME) {
        put(t, "Authorization: Bearer ");
        if (u.err) text_fail(t, u.err);
        put_token(t, req, auth, uri); /* V-20 */
        put(t, "\r\n");
    }
    if (body[0]) {
        put(t, "Content-Type: application/json\r\nContent-Length: ");
        put_int(t, (int64_t)(b.at - body));
        put(t, "\r\n");
    }
    put(t, "\r\n");
    put_n(t, body, (size_t)(b.at - body));
}

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    text_t t = text_at(out, cap);
    if (req->kind <= AATS_OR_NONE || req->kind >= AATS_OR_CNT || req->id == 0) return AATS_E_ARG;
    switch (req->kind) {
    case AATS_OR_LISTEN: listen(&t, req, auth); break;
    case AATS_OR_PLACE: case AATS_OR_CANCEL: case AATS_OR_AMEND: case AATS_OR_QUERY:
        if (!req->order) return AATS_E_ARG;
        ask_rest(&t, req, auth);
        break;
    case AATS_OR_TIME: case AATS_OR_ACCOUNT: case AATS_OR_OPEN: case AATS_OR_FILLS: ask_rest(&t, req, auth); break;
    default: return 0;
    }
    return text_len(&t, out);
}

/* ---- the venue ---- */

static int user_path(aats_oauth_t const *auth, char *out, size_t cap)
{
    (void)auth;
    text_t t = text_at(out, cap);
    put(&t, "/");
    return text_len(&t, out);
}

static int64_t weight(aats_oreq_t const *req) { return req->kind != AATS_OR_LISTEN; }

/* 30 requests a second and user, 8 connections a second and address (1). */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_REQUESTS, .span_ms = 1000, .limit = 30},
    {.kind = AATS_OL_CONNECTS, .span_ms = 1000, .limit = 8},
};

#define ON(kind) ((uint32_t)1 << AATS_OR_##kind)

aats_order_venue_t const aats_order_venue_coinbase = {
    .name = "COINBASE", .px_exp = COINBASE_EXP, .qty_exp = COINBASE_EXP, .fee_exp = COINBASE_EXP, .sign = AATS_SIGN_PEM, .way_cnt = 2,
    .ways = {
        [WAY_USER] = {.kind = AATS_OWAY_WS, .at = AATS_OAT_PRIVATE, .path = user_path, .events = 1, .kinds = ON(LISTEN),
                      .ping_every_ns = 30000000000, .silence_ns = 60000000000}, /* "WS control ping (~30 s)"; heartbeats come each second (1) */
        [WAY_REST] = {.kind = AATS_OWAY_HTTP, .kinds = ON(TIME) | ON(ACCOUNT) | ON(OPEN) | ON(PLACE) | ON(CANCEL) | ON(AMEND) | ON(QUERY) | ON(FILLS)},
    },
    .encode = encode, .parse = coinbase_order_parse, .parse_http = coinbase_order_parse_http, .result = coinbase_order_result, .weight = weight,
    .limit_cnt = 2, .limits = LIMITS,
    .connect_weight  = 1,
    .ping_ns         = 30000000000,
    .ban_ns          = (int64_t)60 * 1000000000,
    .clock_margin_ms = 1000,
    .window_ms       = 1000 * WINDOW_S,
};
