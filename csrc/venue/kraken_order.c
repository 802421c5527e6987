/* kraken_order.c -- Kraken's order entry (spot, WebSocket v2): the venue's numbers, and the requests that we send.
 *
 *     way 0   wss ws-auth /v2   with a token: orders, cancels, amendments, the dead-man switch; executions and balances
 *     way 1   REST              the token, open orders, one order, fills, balances: signed forms
 *
 * Facts: exchanges/kraken_v2.md, sections 5 to 8.  Not here: answers and events (kraken_order_parse.c, kraken_order_row.c), what to ask and when
 * (app/session.c).
 *
 * Odd behaviours, by number:
 *   V-11 after its first frame an order is named by the venue's id alone, without symbol and client id (5): the session knows by that whose it is, and brings
 *        the numbers that the row still has to the symbol's exponents (omsg.h).
 *   V-12 a post-only order that would take is accepted and then canceled with the reason "Post only order" (5): a refusal.  So neither the answer to such an
 *        order nor "pending_new" acknowledges it, but "new" does, which says that it is live.
 *   V-13 a whole fill is told as a trade and then as "filled", which has no fill in it (5).
 *   V-14 errors are texts, "EOrder:Insufficient funds", with HTTP status 200 (7); EService and EGeneral:Internal leave open what became of an order.
 *   V-15 a nonce must grow with each request of a key; requests on two connections may overtake each other: a refused one is made again (6).
 *   V-16 REST has names of its own for assets and pairs, and fills that name neither symbol nor client id as we know them: fills are asked for by order (8).
 *   V-17 the dead-man switch counts seconds, is one for the whole account, and stays off after it has fired (5).
 *   V-18 a cancel of several ids is answered once for each (5): we send one id.
 *   V-19 a balance has no part that is held by orders; REST's BalanceEx has (5).
 *   V-20 orders of one account do not trade with each other; by itself the venue ends the one that comes (cancel_newest), as asked for the one that rests, as
 *        it is at the other venues (5).
 *
 * Left out, and why: batch_add (the session sends order by order), the sequence number of the private channels (the fact sheet has it as one client's reading;
 * TCP keeps their order), margin orders and reduce-only (spot).
 */
#include "venue/kraken_order.h"

#include <openssl/sha.h>
#include <string.h>

#include "venue/write.h"

#define DEADLINE_MS 5000 /* "deadline: default 5 s" (5) */

/* ---- the socket ---- */

/* A key or token: base64 of either alphabet, and nothing else. */
static void put_base64(text_t *t, char const *s, size_t cap)
{
    size_t const n = strnlen(s, cap);
    int good = n > 0 && n < cap;
    for (size_t i = 0; i < n; i++)
        good &= (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || strchr("+/=-_", s[i]) != NULL;
    if (good) put_n(t, s, n);
    else text_fail(t, AATS_E_ARG);
}

static void put_token(text_t *t, aats_oauth_t const *auth)
{
    put(t, "\"token\":\"");
    put_base64(t, auth->token, sizeof auth->token);
    put(t, "\"}");
}

static void begin(text_t *t, char const *method)
{
    put(t, "{\"method\":\"");
    put(t, method);
    put(t, "\",\"params\":{");
}

static void end(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    put_token(t, auth);
    put(t, ",\"req_id\":");
    put_int(t, (int64_t)req->id);
    put(t, "}");
}

/* {"method":"add_order","params":{"order_type":"limit","side":"buy","order_qty":0.01,"symbol":"BTC/USD","limit_price":30000.0,"time_in_force":"gtc",
 *  "post_only":true,"stp_type":"cancel_oldest","cl_ord_id":"0123..cdef","token":".."},"req_id":42} */
static void add_order(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    static char const *const TIF[] = {
        [AATS_TIF_IOC] = "\"ioc\"", [AATS_TIF_POS] = "\"gtc\",\"post_only\":true", [AATS_TIF_GTC] = "\"gtc\"", [AATS_TIF_FOK] = "\"fok\"",
    };
    aats_order_t const *o = req->order;
    int const market = o->tif == AATS_TIF_MARKET;
    if ((o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET || !req->rules) text_fail(t, AATS_E_ARG);
    if (t->err) return;
    begin(t, "add_order");
    put(t, market ? "\"order_type\":\"market\",\"side\":\"" : "\"order_type\":\"limit\",\"side\":\"");
    put(t, o->side == AATS_SIDE_BUY ? "buy\",\"order_qty\":" : "sell\",\"order_qty\":");
    put_decimal(t, o->qty_i, o->qty_exp);
    put(t, ",\"symbol\":\"");
    put_name(t, req->rules->native, sizeof req->rules->native);
    put(t, "\"");
    if (!market) {
        put(t, ",\"limit_price\":");
        put_decimal(t, o->px_i, o->px_exp);
        put(t, ",\"time_in_force\":");
        put(t, TIF[o->tif]);
    }
    put(t, ",\"stp_type\":\"cancel_oldest\",\"cl_ord_id\":\""); /* V-20 */
    put_client_id(t, o);
    put(t, "\",");
    end(t, req, auth);
}

/* By the venue's own id as soon as it is known, else by ours. */
static void put_which(text_t *t, aats_order_t const *o, int list)
{
    int const known = o->remote_id[0] != 0;
    put(t, known ? "\"order_id\":" : "\"cl_ord_id\":");
    put(t, list ? "[\"" : "\"");
    if (known) put_name(t, o->remote_id, sizeof o->remote_id);
    else put_client_id(t, o);
    put(t, list ? "\"]," : "\",");
}

static void amend_order(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    if (!req->qty_i && !req->px_i) text_fail(t, AATS_E_ARG);
    begin(t, "amend_order");
    put_which(t, req->order, 0);
    if (req->qty_i) put(t, "\"order_qty\":"), put_decimal(t, req->qty_i, req->order->qty_exp), put(t, ",");
    if (req->px_i) put(t, "\"limit_price\":"), put_decimal(t, req->px_i, req->order->px_exp), put(t, ",");
    end(t, req, auth);
}

static void listen(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    begin(t, "subscribe");
    put(t, "\"channel\":\"executions\",\"snap_orders\":true,\"snap_trades\":true,\"order_status\":true,");
    end(t, req, auth);
    put(t, "\n"); /* a second message; the first answer counts */
    put(t, "{\"method\":\"subscribe\",\"params\":{\"channel\":\"balances\",");
    put_token(t, auth);
    put(t, "}");
}

static int ask_socket(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    switch (req->kind) {
    case AATS_OR_PLACE: add_order(t, req, auth); break;
    case AATS_OR_AMEND: amend_order(t, req, auth); break;
    case AATS_OR_CANCEL:
        begin(t, "cancel_order");
        put_which(t, req->order, 1);
        end(t, req, auth);
        break;
    case AATS_OR_CANCEL_ALL:
        begin(t, "cancel_all");
        end(t, req, auth);
        break;
    case AATS_OR_DEADMAN: /* V-17 */
        begin(t, "cancel_all_orders_after");
        put(t, "\"timeout\":");
        put_int(t, (req->deadman_ms + 999) / 1000);
        put(t, ",");
        end(t, req, auth);
        break;
    case AATS_OR_LISTEN: listen(t, req, auth); break;
    default: return 0;
    }
    return 1;
}

/* ---- REST ---- */

/* The form of a request, with its nonce: the venue's clock in us and the request's number keep it growing (V-15). */
static void form(text_t *t, aats_oreq_t const *req, char nonce[AATS_NUM_SZ])
{
    aats_num_format(req->time_ms * 1000000 + (int64_t)(req->id % 1000000), 0, nonce, AATS_NUM_SZ);
    put(t, "nonce=");
    put(t, nonce);
    if (req->kind == AATS_OR_QUERY) {
        if (req->order->remote_id[0]) put(t, "&txid="), put_name(t, req->order->remote_id, sizeof req->order->remote_id);
        else put(t, "&cl_ord_id="), put_client_id(t, req->order);
    }
    if (req->kind == AATS_OR_FILLS) { /* the account's fills since the order was made, newest first: its own are among them */
        put(t, "&type=all&trades=true&start=");
        put_int(t, req->order->created_ns / 1000000000 - 60);
        if (req->cursor) put(t, "&ofs="), put_escaped(t, req->cursor, 0);
    }
}

static void sign(text_t *t, aats_oauth_t *auth, char const *path, char const *nonce, char const *body)
{
    uint8_t message[128 + SHA256_DIGEST_LENGTH];
    char text[1024], signature[AATS_SIGN_SZ];
    text_t p = text_at(text, sizeof text);
    size_t const n = strlen(path);
    put(&p, nonce);
    put(&p, body);
    if (p.err || n > 128 || !auth->signer) {
        text_fail(t, p.err ? p.err : AATS_E_ARG);
        return;
    }
    memcpy(message, path, n);
    if (!SHA256((unsigned char const *)text, (size_t)(p.at - text), message + n)) text_fail(t, AATS_E_IO);
    int const e = aats_sign(auth->signer, message, n + SHA256_DIGEST_LENGTH, signature, sizeof signature);
    if (e < 0) text_fail(t, e);
    else put(t, signature);
}

static int ask_rest(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth)
{
    static char const *const PATHS[AATS_OR_CNT] = {
        [AATS_OR_TOKEN] = "/0/private/GetWebSocketsToken", [AATS_OR_OPEN]    = "/0/private/OpenOrders", [AATS_OR_QUERY] = "/0/private/QueryOrders",
        [AATS_OR_FILLS] = "/0/private/TradesHistory",      [AATS_OR_ACCOUNT] = "/0/private/BalanceEx",
    };
    char body[512], nonce[AATS_NUM_SZ];
    char const *path = PATHS[req->kind];
    if (!path) return 0;
    if (req->kind == AATS_OR_FILLS && !req->order) return 0;                /* V-16 */
    if (req->kind == AATS_OR_FILLS && !req->order->remote_id[0]) text_fail(t, AATS_E_ARG);
    text_t b = text_at(body, sizeof body);
    form(&b, req, nonce);
    if (b.err) text_fail(t, b.err);
    put(t, "POST ");
    put(t, path);
    put(t, " HTTP/1.1\r\nHost: ");
    put(t, req->host ? req->host : "");
    put(t, "\r\nUser-Agent: aats\r\nAPI-Key: ");
    put_base64(t, auth->key, sizeof auth->key);
    put(t, "\r\nAPI-Sign: ");
    if (!t->err) sign(t, auth, path, nonce, body);
    put(t, "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ");
    put_int(t, (int64_t)strlen(body));
    put(t, "\r\n\r\n");
    put(t, body);
    return 1;
}

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    text_t t = text_at(out, cap);
    int const of_order = req->kind == AATS_OR_PLACE || req->kind == AATS_OR_CANCEL || req->kind == AATS_OR_AMEND || req->kind == AATS_OR_QUERY;
    if (req->kind <= AATS_OR_NONE || req->kind >= AATS_OR_CNT || req->id == 0 || (of_order && !req->order)) return AATS_E_ARG;
    if (!ask_socket(&t, req, auth) && !ask_rest(&t, req, auth)) return 0;
    return text_len(&t, out);
}

/* ---- the venue ---- */

static int path(aats_oauth_t const *auth, char *out, size_t cap)
{
    (void)auth;
    if (cap < sizeof "/v2") return AATS_E_FULL;
    memcpy(out, "/v2", sizeof "/v2");
    return 3;
}

static int ping(char *out, size_t cap)
{
    static char const TEXT[] = "{\"method\":\"ping\"}";
    if (cap < sizeof TEXT) return AATS_E_FULL;
    memcpy(out, TEXT, sizeof TEXT);
    return (int)sizeof TEXT - 1;
}

/* REST's counter: one a call, two for histories (7). */
static int64_t weight(aats_oreq_t const *req)
{
    switch (req->kind) {
    case AATS_OR_FILLS: return 2;
    case AATS_OR_TOKEN: case AATS_OR_OPEN: case AATS_OR_QUERY: case AATS_OR_ACCOUNT: return 1;
    default: return 0;
    }
}

/* The counter of a starter's key holds 15 and gives back one in 3 s (7): so many in a minute; each pair's own counter of orders is 60, and loses one a second. */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_WEIGHT,   .span_ms = 45000,  .limit = 15},
    {.kind = AATS_OL_ORDERS,   .span_ms = 60000,  .limit = 60},
    {.kind = AATS_OL_CONNECTS, .span_ms = 600000, .limit = 150},
};

#define ON(kind) ((uint32_t)1 << AATS_OR_##kind)

aats_order_venue_t const aats_order_venue_kraken = {
    .name = "KRAKEN", .px_exp = KRAKEN_EXP, .qty_exp = KRAKEN_EXP, .fee_exp = KRAKEN_EXP, .sign = AATS_SIGN_HMAC512, .way_cnt = 2,
    .ways = {
        [KRAKEN_WAY_WS]   = {.kind = AATS_OWAY_WS, .at = AATS_OAT_PRIVATE, .events = 1, .token = 1, .path = path, .ping = ping,
                             .ping_every_ns = 10000000000, .silence_ns = 20000000000, /* heartbeats come each second (1) */
                             .kinds = ON(LISTEN) | ON(PLACE) | ON(CANCEL) | ON(CANCEL_ALL) | ON(AMEND) | ON(DEADMAN)},
        [KRAKEN_WAY_REST] = {.kind = AATS_OWAY_HTTP, .kinds = ON(TOKEN) | ON(OPEN) | ON(QUERY) | ON(FILLS) | ON(ACCOUNT)},
    },
    .encode = encode, .parse = kraken_order_parse, .parse_http = kraken_order_parse_http, .result = kraken_order_result,
    .weight = weight, .limit_cnt = sizeof LIMITS / sizeof LIMITS[0], .limits = LIMITS,
    .connect_weight  = 0,
    .ping_ns         = 10000000000,
    .ban_ns          = (int64_t)900 * 1000000000, /* "Temporary lockout: ~15 min" (7) */
    .clock_margin_ms = 1000,
    .deadman_ms      = 10000, /* in seconds, refreshed each 15 to 30 s of 60 (5) */
    .window_ms       = DEADLINE_MS,
    .post_late       = 1, /* V-12 */
};
