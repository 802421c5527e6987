/* okx_order.c -- OKX's order entry (OKX: spot, OKX_SWAP: perpetuals): the venue's numbers, and the requests that we send.
 *
 * Orders, cancels, amendments and the events of them go by one private WebSocket; questions and the dead-man switch by HTTP.  Facts: exchanges/okx.md,
 * sections 5 to 8.  Not here: answers and events (okx_order_parse.c and its neighbours), what to ask and when (app/session.c).
 *
 * Odd behaviours, by number:
 *   V-50 every value is a string; an empty one is none (head of the sheet).
 *   V-51 an answer has a number outside and one for each order inside; outside may be 0 when inside is not: the inner one counts (5.1).
 *   V-52 an order's news may repeat an empty trade: a fill is one with a trade id and a size (5.3, 9).
 *   V-53 a post-only order that would take is accepted, and then canceled with cancelSource 31: that is a refusal, so the reply alone is no
 *        acknowledgement (5.3).
 *   V-54 fees and balances have more digits than any price: a fee is told at its own exponent, of a balance what is below 1e-8 is left out.
 *   V-55 "duplicate clOrdId" of an id that we use once means that it was placed: asked for, not refused (5.1).
 *   V-56 a subscription of two channels is acknowledged twice; that of the orders is the one that counts (2).
 *   V-57 requests over the WebSocket name the instrument by its number, those over HTTP by its name (5.1).
 *   V-58 there is no cancel of all orders of a spot or swap symbol (5.1): they are canceled one by one.
 *   V-59 a client id has letters and digits alone (5.1): ours has.
 *   V-60 the test network is the same host; each request over HTTP says that it is meant (1).
 *   V-61 an account in long_short_mode wants posSide in every order (5.1), which is never sent: the mode is asked for at the log-on (8), and such an account
 *        gets no session.  Spot has no sides.
 *   V-62 lists come newest first, 100 rows at most; `after` has the number of the last row seen, an order's or a fill's bill, and begins behind it (8).  The
 *        sheet has `after` for open orders; of fills it names `before` alone, its other direction.
 */
#include <stdio.h>
#include <string.h>

#include "proto/base64.h"
#include "venue/okx_order.h"
#include "venue/write.h"

#define WINDOW_MS  5000 /* how late an order may come (expTime), where no recv_window_ms is asked for */
#define DEADMAN_MS 10000 /* "10".."120" s (5.1) */

/* ---- writing ---- */

/* A passphrase may have any character that can be seen. */
static void put_secret(text_t *t, char const *s, size_t cap, int json)
{
    size_t const n = strnlen(s, cap);
    if (n == 0 || n == cap) text_fail(t, AATS_E_ARG);
    for (size_t i = 0; i < n; i++) {
        if (s[i] < ' ' || s[i] > '~') text_fail(t, AATS_E_ARG);
        if (json && (s[i] == '"' || s[i] == '\\')) put_n(t, "\\", 1);
        put_n(t, s + i, 1);
    }
}

/* ---- signatures ---- */

/* Base64 of the HMAC (6); aats_sign gives it in hex. */
static void sign(aats_oauth_t *auth, char const *what, size_t n, char *out, size_t cap, int *err)
{
    char hex[AATS_SIGN_SZ];
    uint8_t raw[32];
    out[0] = 0;
    if (!auth->signer || aats_signer_kind(auth->signer) != AATS_SIGN_HMAC) {
        *err = *err ? *err : AATS_E_ARG;
        return;
    }
    int e = aats_sign(auth->signer, what, n, hex, sizeof hex);
    if (e == 64) {
        for (int i = 0; i < 32; i++) {
            int const a = hex[2 * i], b = hex[2 * i + 1];
            raw[i] = (uint8_t)((a <= '9' ? a - '0' : a - 'a' + 10) << 4 | (b <= '9' ? b - '0' : b - 'a' + 10));
        }
        e = aats_base64_encode(raw, sizeof raw, out, cap);
    } else if (e >= 0) e = AATS_E_IO;
    if (e < 0) *err = *err ? *err : e;
}

/* 2020-12-08T09:08:57.715Z: days to the civil calendar with March first, so that a leap day is the last of its year. */
static void put_iso(text_t *t, int64_t ms)
{
    char text[48];
    if (ms < 0 || ms > INT64_C(4102444800000)) {
        text_fail(t, AATS_E_ARG);
        return;
    }
    int64_t const days = ms / 86400000 + 719468, in_day = ms % 86400000;
    int64_t const era = days / 146097, doe = days % 146097;
    int64_t const yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t const mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    int64_t const year = yoe + era * 400 + (month <= 2);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, (int)month, (int)day, (int)(in_day / 3600000), (int)(in_day / 60000 % 60),
             (int)(in_day / 1000 % 60), (int)(in_day % 1000));
    put(t, text);
}

/* ---- over the WebSocket ---- */

/* {"op":"login","args":[{"apiKey":"..","passphrase":"..","timestamp":"1704876947","sign":".."}]} */
static void login(text_t *t, aats_oreq_t const *req, aats_oauth_t *auth)
{
    char what[64], signature[64];
    int const n = snprintf(what, sizeof what, "%lldGET/users/self/verify", (long long)(req->time_ms / 1000));
    sign(auth, what, (size_t)n, signature, sizeof signature, &t->err);
    put(t, "{\"op\":\"login\",\"args\":[{\"apiKey\":\"");
    put_name(t, auth->key, sizeof auth->key);
    put(t, "\",\"passphrase\":\"");
    put_secret(t, auth->passphrase, sizeof auth->passphrase, 1);
    put(t, "\",\"timestamp\":\"");
    put_int(t, req->time_ms / 1000);
    put(t, "\",\"sign\":\"");
    put(t, signature);
    put(t, "\"}]}");
}

/* updateInterval 0: on events alone (5.2). */
static void listen(text_t *t, aats_oreq_t const *req, char const *kind)
{
    put(t, "{\"id\":\"");
    put_int(t, (int64_t)req->id);
    put(t, "\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"account\",\"extraParams\":\"{\\\"updateInterval\\\":\\\"0\\\"}\"},{\"channel\":\"orders\",\"instType\":\"");
    put(t, kind);
    put(t, "\"}]}");
}

/* {"id":"7","op":"order","expTime":"1785312004000","args":[{"instIdCode":10459, */
static void open_op(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth, char const *op)
{
    if (!req->order || !req->rules || req->rules->number <= 0) { /* V-57 */
        text_fail(t, AATS_E_ARG);
        return;
    }
    put(t, "{\"id\":\"");
    put_int(t, (int64_t)req->id);
    put(t, "\",\"op\":\"");
    put(t, op);
    if (req->kind != AATS_OR_CANCEL) {
        put(t, "\",\"expTime\":\"");
        put_int(t, req->time_ms + (auth->recv_window_ms ? auth->recv_window_ms : WINDOW_MS));
    }
    put(t, "\",\"args\":[{\"instIdCode\":");
    put_int(t, req->rules->number);
}

static void place(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth, int swap)
{
    static char const *const TYPES[] = {
        [AATS_TIF_IOC] = "ioc", [AATS_TIF_POS] = "post_only", [AATS_TIF_GTC] = "limit", [AATS_TIF_FOK] = "fok", [AATS_TIF_MARKET] = "market",
    };
    aats_order_t const *o = req->order;
    open_op(t, req, auth, "order");
    if (t->err) return;
    if ((o->side != AATS_SIDE_BUY && o->side != AATS_SIDE_SELL) || o->tif < AATS_TIF_IOC || o->tif > AATS_TIF_MARKET) {
        text_fail(t, AATS_E_ARG);
        return;
    }
    put(t, swap ? ",\"tdMode\":\"cross\",\"side\":\"" : ",\"tdMode\":\"cash\",\"side\":\"");
    put(t, o->side == AATS_SIDE_BUY ? "buy" : "sell");
    put(t, "\",\"ordType\":\"");
    put(t, TYPES[o->tif]);
    if (o->tif != AATS_TIF_MARKET) {
        put(t, "\",\"px\":\"");
        put_decimal(t, o->px_i, o->px_exp);
    } else if (!swap) {
        put(t, "\",\"tgtCcy\":\"base_ccy"); /* else a buy's size would be in the quote currency (5.1) */
    }
    put(t, "\",\"sz\":\"");
    put_decimal(t, o->qty_i, o->qty_exp);
    put(t, o->flags & AATS_OF_REDUCE ? "\",\"reduceOnly\":true,\"clOrdId\":\"" : "\",\"clOrdId\":\"");
    put_client_id(t, o);
    put(t, "\"}]}");
}

/* By the venue's number as soon as that is known. */
static void named(text_t *t, aats_order_t const *o, char const *ord, char const *client)
{
    put(t, o->remote_id[0] ? ord : client);
    if (o->remote_id[0]) put_name(t, o->remote_id, sizeof o->remote_id);
    else put_client_id(t, o);
}

static void cancel(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    open_op(t, req, auth, "cancel-order");
    if (t->err) return;
    named(t, req->order, ",\"ordId\":\"", ",\"clOrdId\":\"");
    put(t, "\"}]}");
}

/* What stays as it is is left out: a change of nothing may be refused.  newSz counts what is filled (5.1). */
static void amend(text_t *t, aats_oreq_t const *req, aats_oauth_t const *auth)
{
    open_op(t, req, auth, "amend-order");
    if (t->err) return;
    aats_order_t const *o = req->order;
    int const same = req->px_i == o->px_i && req->qty_i == o->qty_i;
    named(t, o, ",\"ordId\":\"", ",\"clOrdId\":\"");
    put(t, "\",\"reqId\":\"");
    put_int(t, (int64_t)req->id);
    if (same || req->px_i != o->px_i) put(t, "\",\"newPx\":\""), put_decimal(t, req->px_i, o->px_exp);
    if (same || req->qty_i != o->qty_i) put(t, "\",\"newSz\":\""), put_decimal(t, req->qty_i, o->qty_exp);
    put(t, "\"}]}");
}

/* ---- over HTTP ---- */

static void put_native(text_t *t, aats_oreq_t const *req)
{
    if (req->rules) put_name(t, req->rules->native, sizeof req->rules->native);
    else text_fail(t, AATS_E_ARG);
}

/* V-62 */
static void put_page(text_t *t, aats_oreq_t const *req)
{
    put(t, "&limit=");
    put_int(t, OKX_PAGE);
    if (req->cursor) put(t, "&after="), put_escaped(t, req->cursor, 0);
}

/* The target of a question, and the body of what is no question. */
static void target(text_t *t, text_t *body, aats_oreq_t const *req, char const *kind)
{
    switch (req->kind) {
    case AATS_OR_TIME: put(t, "/api/v5/public/time"); break;
    case AATS_OR_ACCOUNT: put(t, "/api/v5/account/balance"); break;
    case AATS_OR_MODE: put(t, "/api/v5/account/config"); break; /* V-61 */
    case AATS_OR_OPEN:
        put(t, "/api/v5/trade/orders-pending?instType=");
        put(t, kind);
        if (req->rules) put(t, "&instId="), put_native(t, req);
        put_page(t, req);
        break;
    case AATS_OR_POSITIONS:
        put(t, "/api/v5/account/positions?instType=");
        put(t, kind);
        break;
    case AATS_OR_QUERY:
        put(t, "/api/v5/trade/order?instId=");
        put_native(t, req);
        if (req->order) named(t, req->order, "&ordId=", "&clOrdId=");
        else text_fail(t, AATS_E_ARG);
        break;
    case AATS_OR_FILLS:
        put(t, "/api/v5/trade/fills?instType=");
        put(t, kind);
        put(t, "&instId=");
        put_native(t, req);
        if (req->order && !req->order->remote_id[0]) text_fail(t, AATS_E_ARG);
        if (req->order) named(t, req->order, "&ordId=", "");
        put_page(t, req);
        break;
    default: /* DEADMAN */
        put(t, "/api/v5/trade/cancel-all-after");
        put(body, "{\"timeOut\":\"");
        put_int(body, (req->deadman_ms + 999) / 1000);
        put(body, "\"}");
    }
}

static int http(aats_oreq_t const *req, aats_oauth_t *auth, char const *kind, char *out, size_t cap)
{
    char path[256], body[64], what[512], signature[64], stamp[48];
    text_t p = text_at(path, sizeof path), b = text_at(body, sizeof body), w = text_at(what, sizeof what), at = text_at(stamp, sizeof stamp);
    text_t t = text_at(out, cap);
    char const *const method = req->kind == AATS_OR_DEADMAN ? "POST" : "GET";
    target(&p, &b, req, kind);
    if (p.err || b.err) return p.err ? p.err : b.err;
    put(&t, method);
    put(&t, " ");
    put(&t, path);
    put(&t, " HTTP/1.1\r\nHost: ");
    if (req->host) put(&t, req->host);
    else text_fail(&t, AATS_E_ARG);
    put(&t, "\r\nUser-Agent: aats\r\n");
    if (auth->sandbox) put(&t, "x-simulated-trading: 1\r\n"); /* V-60 */
    if (req->kind != AATS_OR_TIME) {
        put_iso(&at, req->time_ms);
        put(&w, stamp);
        put(&w, method);
        put(&w, path);
        put(&w, body);
        text_fail(&t, at.err ? at.err : w.err);
        sign(auth, what, (size_t)(w.at - what), signature, sizeof signature, &t.err);
        put(&t, "OK-ACCESS-KEY: ");
        put_name(&t, auth->key, sizeof auth->key);
        put(&t, "\r\nOK-ACCESS-SIGN: ");
        put(&t, signature);
        put(&t, "\r\nOK-ACCESS-TIMESTAMP: ");
        put(&t, stamp);
        put(&t, "\r\nOK-ACCESS-PASSPHRASE: ");
        put_secret(&t, auth->passphrase, sizeof auth->passphrase, 0);
        put(&t, "\r\nContent-Type: application/json\r\n");
    }
    if (body[0]) {
        put(&t, "Content-Length: ");
        put_int(&t, (int64_t)strlen(body));
        put(&t, "\r\n");
    }
    put(&t, "\r\n");
    put(&t, body);
    return text_len(&t, out);
}

/* ---- the contract ---- */

static int encode(aats_oreq_t const *req, aats_oauth_t *auth, int swap, char *out, size_t cap)
{
    char const *const kind = swap ? "SWAP" : "SPOT";
    text_t t = text_at(out, cap);
    if (req->kind <= AATS_OR_NONE || req->kind >= AATS_OR_CNT || req->id == 0) return AATS_E_ARG;
    switch (req->kind) {
    case AATS_OR_LOGON: login(&t, req, auth); break;
    case AATS_OR_LISTEN: listen(&t, req, kind); break;
    case AATS_OR_PLACE: place(&t, req, auth, swap); break;
    case AATS_OR_CANCEL: cancel(&t, req, auth); break;
    case AATS_OR_AMEND: amend(&t, req, auth); break;
    case AATS_OR_MODE:
    case AATS_OR_POSITIONS: return swap ? http(req, auth, kind, out, cap) : 0;
    case AATS_OR_TIME:
    case AATS_OR_ACCOUNT:
    case AATS_OR_OPEN:
    case AATS_OR_QUERY:
    case AATS_OR_FILLS:
    case AATS_OR_DEADMAN: return http(req, auth, kind, out, cap);
    default: return 0; /* CANCEL_ALL (V-58), TOKEN: there is none */
    }
    return text_len(&t, out);
}

static int encode_spot(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap) { return encode(req, auth, 0, out, cap); }
static int encode_swap(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap) { return encode(req, auth, 1, out, cap); }

static int private_path(aats_oauth_t const *auth, char *out, size_t cap)
{
    static char const PATH[] = "/ws/v5/private";
    (void)auth;
    if (cap < sizeof PATH) return AATS_E_FULL;
    memcpy(out, PATH, sizeof PATH);
    return sizeof PATH - 1;
}

static int ping(char *out, size_t cap)
{
    if (cap < 5) return AATS_E_FULL;
    memcpy(out, "ping", 5);
    return 4;
}

/* Questions by their limits in 2 s (7): 60 of orders and fills, 10 of balances and positions. */
static int64_t weight(aats_oreq_t const *req)
{
    switch (req->kind) {
    case AATS_OR_TIME:
    case AATS_OR_ACCOUNT:
    case AATS_OR_MODE: /* its limit stands nowhere: as one of these */
    case AATS_OR_POSITIONS: return 6;
    case AATS_OR_OPEN:
    case AATS_OR_QUERY:
    case AATS_OR_FILLS: return 1;
    case AATS_OR_DEADMAN: return 30; /* one a second */
    default: return 0;
    }
}

/* Orders: 60 in 2 s are those of one instrument; with several there is more room than we take (7). */
static aats_olimit_t const LIMITS[] = {
    {.kind = AATS_OL_WEIGHT, .span_ms = 2000, .limit = 60},
    {.kind = AATS_OL_ORDERS, .span_ms = 2000, .limit = 60},
    {.kind = AATS_OL_CONNECTS, .span_ms = 1000, .limit = 3},
};

#define BIT(kind) (1u << AATS_OR_##kind)
#define BY_SOCKET (BIT(LOGON) | BIT(LISTEN) | BIT(PLACE) | BIT(CANCEL) | BIT(AMEND))
#define BY_HTTP   (BIT(TIME) | BIT(ACCOUNT) | BIT(OPEN) | BIT(QUERY) | BIT(FILLS) | BIT(POSITIONS) | BIT(DEADMAN) | \
                   BIT(MODE))

#define OKX_ALIKE                                                                                                                       \
    .px_exp = OKX_ORDER_EXP, .qty_exp = OKX_ORDER_EXP, .fee_exp = OKX_ORDER_EXP, .path = "/ws/v5/private", .way_cnt = 2,                \
    .ways = {{.kind = AATS_OWAY_WS, .at = AATS_OAT_WSAPI, .kinds = BY_SOCKET, .events = 1, .path = private_path, .ping = ping,          \
              .ping_every_ns = 15000000000, .silence_ns = 30000000000},                                                                 \
             {.kind = AATS_OWAY_HTTP, .kinds = BY_HTTP}},                                                                               \
    .parse = okx_order_parse, .parse_http = okx_order_parse_http, .result = okx_order_result, .weight = weight, .limits = LIMITS,       \
    .limit_cnt = sizeof LIMITS / sizeof LIMITS[0], .ping_ns = 15000000000, .rotate_ns = 0, .ban_ns = (int64_t)120 * 1000000000,         \
    .clock_margin_ms = 1000, .deadman_ms = DEADMAN_MS, .window_ms = WINDOW_MS

aats_order_venue_t const aats_order_venue_okx = {.name = "OKX", .encode = encode_spot, OKX_ALIKE};
aats_order_venue_t const aats_order_venue_okx_swap = {.name = "OKX_SWAP", .encode = encode_swap, OKX_ALIKE};
