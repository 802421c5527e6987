/* session_venue.h -- a venue for an order session: it speaks Binance's dialect, reads our frames as a server does, remembers what it was
 * sent, and does what the test tells it to: lose answers, hold them back, refuse, forget, fill.
 *
 * For: session_fixture.h, which gives it a session, a trader and time.  Not for whole lives of a market: the simulated exchange. */
#ifndef AATS_TESTS_SESSION_VENUE_H
#define AATS_TESTS_SESSION_VENUE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed.h"
#include "app/session.h"
#include "base/errors.h"
#include "order/client_id.h"
#include "proto/http.h"
#include "proto/ws.h"
#include "proto/ws_open.h"

#define FX_EPOCH_NS 1785312000000000000
#define FX_MS       1000000
#define FX_OWN      0x1111222233334444ULL
#define FX_EARLIER  0xaaaabbbbccccddddULL
#define FX_ORDERS   8
#define FX_UNIT     100000000 /* 1 in 1e-8 */
#define FX_UNUSED   __attribute__((unused))

enum { FX_NONE = 0, FX_OPEN = 1, FX_FILLED = 2, FX_CANCELED = 3, FX_EXPIRED = 4 };

/* An order at the venue. */
typedef struct {
    char cid[64];
    int status;
    int placed;  /* times that order.place came with its id */
    int cancels; /* times that order.cancel did */
    int64_t qty_i, cum_i;
    int64_t traded_i; /* of cum_i, in trades */
    int stale;   /* openOrders.status and order.status show it as it was when it was new: the venue's memory lags, so many times */
    char name[64]; /* that a cancel has given it: it is not found by its own any more */
    int hidden;  /* openOrders.status does not show it, order.status does not know it: the venue's memory lags, so many times */
} fx_venue_order_t;

/* What the trader keeps of an order. */
typedef struct {
    aats_machine_t m;
    int used;
    uint64_t instance; /* its client id */
    int64_t client_no;
    int closed;    /* Closed was told, the machine is gone */
    char told[64]; /* a letter an event: C created, A acked, J rejected, E fill, K canceled, Z closed, U unknown, c a j a cancel's */
    uint32_t code; /* of the end */
    uint32_t unknown_code;
    int64_t cum_i;
} fx_order_t;

typedef struct fx fx_t;
struct fx {
    aats_session_t *s;
    aats_gateway_t gw;
    aats_rules_t rules;
    int64_t mono_ns;
    char why[200];
    char log[16384];
    /* the trader */
    fx_order_t orders[FX_ORDERS + 1]; /* by order_id */
    int ups, downs, readies, balances, foreign, strange, stale, shape;
    char words[512]; /* D down, U up, R ready: as they came */
    char story[1024]; /* the same, and between them each event of an order: its number and its letter */
    aats_omsg_t balance; /* the last that was told */
    /* the wire */
    int connected;
    int connects;
    int refuse_connect;
    int64_t recv_ns;
    uint8_t in[1 << 17]; /* from the session, not read by the venue yet */
    size_t in_sz;
    uint8_t out[1 << 18]; /* to the session */
    size_t out_sz;
    int64_t to_venue;   /* bytes that still pass before the wire is cut, -1: no end */
    int64_t to_session;
    size_t piece;       /* bytes of one read, 0: all */
    /* the venue */
    fx_venue_order_t at_venue[16];
    int at_venue_cnt;
    struct { int order; int64_t qty_i; } trades[64]; /* in the order of their ids: 7001 and on */
    int trade_cnt;
    int trades_hidden;      /* myTrades shows none: the venue has lost them */
    int asked[AATS_OR_CNT]; /* requests that came, by kind */
    char methods[4096];     /* T L S A O P C Q F: time, logon, subscribe, account, open, place, cancel, query, fills */
    int64_t venue_ahead_ms; /* of the session's clock */
    char upgrade[256];      /* answered instead of a 101, "" */
    char last_request[4096];
    char const *lose;       /* method whose answers are lost, NULL: none */
    int lose_cnt;
    char const *refuse;     /* method that is refused ... */
    int refuse_cnt, refuse_done; /* done: it is executed nevertheless */
    int refuse_status, refuse_code;
    char refuse_text[200];
    int64_t refuse_retry_ms;
    int hold;               /* answers are kept, newest first, until fx_release */
    char held[8][4096];
    int held_cnt;
    int fill_at_once;
    int orders_used, orders_limit;
    int events;             /* 1: NEW and CANCELED events are sent too */
    int64_t stamp_ms;       /* of the last order or cancel */
    int stamps_off;         /* time stamps outside of the window */
    int logged_on;
    int64_t deadman_ms;     /* of the switch that Binance does not have, 0: not armed */
    int64_t deadman_at_ns;
    void (*before)(fx_t *x, int kind); /* called before a request of this kind is done, NULL: not */
};

/* ---- the venue ---- */

FX_UNUSED static void fx_raw(fx_t *x, void const *data, size_t n)
{
    if (x->out_sz + n > sizeof x->out) abort();
    memcpy(x->out + x->out_sz, data, n);
    x->out_sz += n;
}

FX_UNUSED static void fx_frame(fx_t *x, int opcode, void const *data, size_t n)
{
    static uint8_t frame[1 << 16];
    int got = aats_ws_encode(frame, sizeof frame, opcode, 1, data, n, NULL);
    if (got < 0) abort();
    fx_raw(x, frame, (size_t)got);
}

FX_UNUSED static void fx_text(fx_t *x, char const *text) { fx_frame(x, AATS_WS_TEXT, text, strlen(text)); }

FX_UNUSED static char const *fx_decimal(int64_t v, char out[32])
{
    snprintf(out, 32, "%lld.%08lld", (long long)(v / FX_UNIT), (long long)(v % FX_UNIT));
    return out;
}

FX_UNUSED static fx_venue_order_t *fx_venue_order(fx_t *x, char const *cid)
{
    for (int i = 0; i < x->at_venue_cnt; i++)
        if (strcmp(x->at_venue[i].cid, cid) == 0) return &x->at_venue[i];
    return NULL;
}

FX_UNUSED static fx_venue_order_t *fx_venue_by_id(fx_t *x, uint64_t instance, int64_t order_id)
{
    char cid[AATS_CLIENT_ID_SZ];
    aats_client_id_format(instance, order_id, cid);
    return fx_venue_order(x, cid);
}

FX_UNUSED static fx_venue_order_t *fx_venue_add(fx_t *x, char const *cid, int64_t qty_i)
{
    if (x->at_venue_cnt == 16) abort();
    fx_venue_order_t *o = &x->at_venue[x->at_venue_cnt++];
    memset(o, 0, sizeof *o);
    snprintf(o->cid, sizeof o->cid, "%s", cid);
    o->status = FX_OPEN;
    o->qty_i = qty_i;
    return o;
}

FX_UNUSED static int fx_remote(fx_t const *x, fx_venue_order_t const *o) { return 1000 + (int)(o - x->at_venue); }

static char const *const FX_STATUS[] = {"?", "NEW", "FILLED", "CANCELED", "EXPIRED"};

FX_UNUSED static char const *fx_status(fx_venue_order_t const *o)
{
    return o->status == FX_OPEN && o->cum_i ? "PARTIALLY_FILLED" : FX_STATUS[o->status];
}

/* What was filled becomes trades. */
FX_UNUSED static void fx_trade(fx_t *x, fx_venue_order_t *o)
{
    if (o->cum_i == o->traded_i) return;
    if (x->trade_cnt == 64) abort();
    x->trades[x->trade_cnt].order = (int)(o - x->at_venue);
    x->trades[x->trade_cnt++].qty_i = o->cum_i - o->traded_i;
    o->traded_i = o->cum_i;
}

/* The fields that every answer about an order has. */
FX_UNUSED static int fx_fields(fx_t const *x, fx_venue_order_t const *o, char const *cid, char *out, size_t cap)
{
    char q[32], z[32];
    return snprintf(out, cap,
                    "\"symbol\":\"BTCUSDT\",\"orderId\":%d,\"orderListId\":-1,\"clientOrderId\":\"%s\",\"transactTime\":1785312000301,"
                    "\"price\":\"100.00000000\",\"origQty\":\"%s\",\"executedQty\":\"%s\",\"cummulativeQuoteQty\":\"0.00000000\","
                    "\"status\":\"%s\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\"",
                    fx_remote(x, o), cid, fx_decimal(o->qty_i, q), fx_decimal(o->cum_i, z), fx_status(o));
}

/* fx_event tells of an order as an executionReport: what is NEW, CANCELED, EXPIRED, or TRADE for last_i. */
FX_UNUSED static void fx_event(fx_t *x, fx_venue_order_t const *o, char const *what, int64_t last_i)
{
    char text[2048], q[32], z[32], l[32];
    int cancel = strcmp(what, "CANCELED") == 0;
    snprintf(text, sizeof text,
             "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":1785312001020,\"s\":\"BTCUSDT\",\"c\":\"%s\",\"S\":\"BUY\","
             "\"o\":\"LIMIT\",\"f\":\"GTC\",\"q\":\"%s\",\"p\":\"100.00000000\",\"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,"
             "\"C\":\"%s\",\"x\":\"%s\",\"X\":\"%s\",\"r\":\"NONE\",\"i\":%d,\"l\":\"%s\",\"z\":\"%s\",\"L\":\"%s\","
             "\"n\":\"0.00000000\",\"N\":%s,\"T\":1785312001019,\"t\":%d,\"I\":1,"
             "\"w\":true,\"m\":true,\"M\":false,\"O\":1785312000301,\"Z\":\"0.00000000\",\"Y\":\"0.00000000\",\"Q\":\"0.00000000\","
             "\"W\":1785312000301,\"V\":\"EXPIRE_MAKER\"}}",
             cancel ? "of-the-cancel" : o->cid, fx_decimal(o->qty_i, q), cancel ? o->cid : "", what, fx_status(o), fx_remote(x, o),
             fx_decimal(last_i, l), fx_decimal(o->cum_i, z), last_i ? "100.00000000" : "0.00000000", last_i ? "\"BTC\"" : "null",
             last_i ? 7000 + x->trade_cnt : -1);
    fx_text(x, text);
}

/* fx_fill trades part of an order; told: by an event. */
FX_UNUSED static void fx_fill(fx_t *x, fx_venue_order_t *o, int64_t qty_i, int told)
{
    o->cum_i += qty_i;
    if (o->cum_i == o->qty_i) o->status = FX_FILLED;
    fx_trade(x, o);
    if (told) fx_event(x, o, "TRADE", qty_i);
}

FX_UNUSED static void fx_reply(fx_t *x, long long id, int status, char const *body)
{
    static char text[8192];
    char limits[160] = "";
    if (x->orders_limit)
        snprintf(limits, sizeof limits,
                 ",\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":%d,\"count\":%d}]",
                 x->orders_limit, x->orders_used);
    snprintf(text, sizeof text, "{\"id\":%lld,\"status\":%d,%s%s}", id, status, body, limits);
    if (!x->hold || x->held_cnt == 8) fx_text(x, text);
    else snprintf(x->held[x->held_cnt++], sizeof x->held[0], "%.4000s", text);
}

FX_UNUSED static void fx_error(fx_t *x, long long id, int status, int code, char const *msg, int64_t retry_ms)
{
    char body[600], data[80] = "";
    if (retry_ms) snprintf(data, sizeof data, ",\"data\":{\"serverTime\":1785312000000,\"retryAfter\":%lld}", (long long)retry_ms);
    snprintf(body, sizeof body, "\"error\":{\"code\":%d,\"msg\":\"%s\"%s}", code, msg, data);
    fx_reply(x, id, status, body);
}

FX_UNUSED static void fx_release(fx_t *x)
{
    while (x->held_cnt) fx_text(x, x->held[--x->held_cnt]); /* newest first */
    x->hold = 0;
}

FX_UNUSED static int fx_param(char const *text, char const *name, char *out, size_t cap)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    char const *at = strstr(text, key);
    if (!at) return out[0] = 0;
    at += strlen(key);
    if (*at == '"') at++;
    size_t n = strcspn(at, "\",}");
    if (n >= cap) abort();
    memcpy(out, at, n);
    out[n] = 0;
    return 1;
}

FX_UNUSED static int fx_list_open(fx_t *x, char *body, size_t cap)
{
    int at = snprintf(body, cap, "\"result\":["), cnt = 0;
    for (int i = 0; i < x->at_venue_cnt; i++) {
        fx_venue_order_t was = x->at_venue[i], *o = &x->at_venue[i];
        if (o->stale) o->stale--, o->status = FX_OPEN, o->cum_i = 0;
        if (o->status != FX_OPEN || o->hidden) continue;
        at += snprintf(body + at, cap - (size_t)at, "%s{", cnt++ ? "," : "");
        at += fx_fields(x, o, o->cid, body + at, cap - (size_t)at);
        at += snprintf(body + at, cap - (size_t)at, "}");
        o->status = was.status;
        o->cum_i = was.cum_i;
    }
    return at + snprintf(body + at, cap - (size_t)at, "]");
}

/* The order that a request names by our id or by the venue's number; cid becomes our id. */
FX_UNUSED static fx_venue_order_t *fx_named(fx_t *x, char const *text, char *cid, size_t cap)
{
    if (fx_param(text, "origClientOrderId", cid, cap)) {
        for (int i = 0; i < x->at_venue_cnt; i++) {
            fx_venue_order_t *o = &x->at_venue[i];
            if (strcmp(o->name[0] ? o->name : o->cid, cid) == 0) return o;
        }
        return NULL;
    }
    if (!fx_param(text, "orderId", cid, cap)) abort();
    int n = atoi(cid) - 1000;
    if (n < 0 || n >= x->at_venue_cnt) return NULL;
    snprintf(cid, cap, "%s", x->at_venue[n].cid);
    return &x->at_venue[n];
}

/* The trades of one order, NULL: of the symbol; oldest first. */
FX_UNUSED static int fx_list_trades(fx_t *x, fx_venue_order_t const *of, char const *text, char *body, size_t cap)
{
    char from[32], q[32];
    int at = snprintf(body, cap, "\"result\":["), cnt = 0;
    long long first = fx_param(text, "fromId", from, sizeof from) ? atoll(from) : 0;
    for (int i = 0; i < x->at_venue_cnt; i++) fx_trade(x, &x->at_venue[i]);
    for (int i = 0; i < x->trade_cnt && !x->trades_hidden; i++) {
        fx_venue_order_t const *o = &x->at_venue[x->trades[i].order];
        if (7001 + i < first || (of && o != of)) continue;
        at += snprintf(body + at, cap - (size_t)at,
                       "%s{\"symbol\":\"BTCUSDT\",\"id\":%d,\"orderId\":%d,\"orderListId\":-1,\"price\":\"100.00000000\",\"qty\":\"%s\","
                       "\"quoteQty\":\"1.00000000\",\"commission\":\"0.00000000\",\"commissionAsset\":\"BTC\",\"time\":1785312001019,"
                       "\"isBuyer\":true,\"isMaker\":true}",
                       cnt++ ? "," : "", 7001 + i, fx_remote(x, o), fx_decimal(x->trades[i].qty_i, q));
    }
    snprintf(body + at, cap - (size_t)at, "]");
    return 1;
}

/* What a request does, and the answer's body; 0: refused, with an error sent. */
FX_UNUSED static int fx_do(fx_t *x, int kind, char const *text, long long id, char *body, size_t cap)
{
    char cid[64], qty[32], fields[1024], q[32];
    fx_venue_order_t *o = NULL;
    switch (kind) {
    case AATS_OR_TIME:
        snprintf(body, cap, "\"result\":{\"serverTime\":%lld}", (long long)((FX_EPOCH_NS + x->mono_ns) / FX_MS + x->venue_ahead_ms));
        return 1;
    case AATS_OR_LOGON:
        x->logged_on = 1;
        snprintf(body, cap, "\"result\":{\"apiKey\":\"KEY-OF-THE-TEST\",\"serverTime\":%lld}",
                 (long long)((FX_EPOCH_NS + x->mono_ns) / FX_MS));
        return 1;
    case AATS_OR_LISTEN: snprintf(body, cap, "\"result\":{\"subscriptionId\":0}"); return 1;
    case AATS_OR_ACCOUNT:
        snprintf(body, cap, "\"result\":{\"balances\":[{\"asset\":\"USDT\",\"free\":\"10.00000000\",\"locked\":\"1.00000000\"}]}");
        return 1;
    case AATS_OR_OPEN: fx_list_open(x, body, cap); return 1;
    case AATS_OR_PLACE:
        fx_param(text, "newClientOrderId", cid, sizeof cid);
        fx_param(text, "quantity", qty, sizeof qty);
        o = fx_venue_order(x, cid);
        if (!o) o = fx_venue_add(x, cid, (int64_t)(atof(qty) * FX_UNIT + 0.5));
        o->placed++;
        x->orders_used++;
        if (x->fill_at_once) o->cum_i = o->qty_i, o->status = FX_FILLED, fx_trade(x, o);
        if (x->events) fx_event(x, o, "NEW", 0);
        fx_fields(x, o, cid, fields, sizeof fields);
        snprintf(body, cap, "\"result\":{%s,\"fills\":[", fields);
        if (x->fill_at_once)
            snprintf(body + strlen(body), cap - strlen(body),
                     "{\"price\":\"100.00000000\",\"qty\":\"%s\",\"commission\":\"0.00000000\",\"commissionAsset\":\"BTC\",\"tradeId\":%d}",
                     fx_decimal(o->qty_i, q), 7000 + x->trade_cnt);
        snprintf(body + strlen(body), cap - strlen(body), "]}");
        return 1;
    case AATS_OR_CANCEL:
        o = fx_named(x, text, cid, sizeof cid);
        if (o) o->cancels++;
        if (!o || o->status != FX_OPEN) {
            fx_error(x, id, 400, -2011, "Unknown order sent.", 0);
            return 0;
        }
        o->status = FX_CANCELED;
        if (!fx_param(text, "newClientOrderId", o->name, sizeof o->name)) strcpy(o->name, "of-the-cancel");
        if (x->events) fx_event(x, o, "CANCELED", 0);
        fx_fields(x, o, o->name, fields, sizeof fields);
        snprintf(body, cap, "\"result\":{\"origClientOrderId\":\"%s\",%s}", o->cid, fields);
        return 1;
    case AATS_OR_QUERY:
        o = fx_named(x, text, cid, sizeof cid);
        if (o && o->hidden) o->hidden--, o = NULL;
        if (!o) {
            fx_error(x, id, 400, -2013, "Order does not exist.", 0);
            return 0;
        }
        fx_venue_order_t const was = *o;
        if (o->stale) o->stale--, o->status = FX_OPEN, o->cum_i = 0;
        fx_fields(x, o, o->name[0] ? o->name : o->cid, fields, sizeof fields);
        o->status = was.status;
        o->cum_i = was.cum_i;
        snprintf(body, cap, "\"result\":{%s}", fields);
        return 1;
    case AATS_OR_DEADMAN:
        fx_param(text, "after", qty, sizeof qty);
        x->deadman_ms = atoll(qty);
        x->deadman_at_ns = x->mono_ns;
        snprintf(body, cap, "\"result\":{}");
        return 1;
    case AATS_OR_FILLS:
        if (!fx_param(text, "orderId", cid, sizeof cid)) return fx_list_trades(x, NULL, text, body, cap);
        o = atoi(cid) >= 1000 && atoi(cid) < 1000 + x->at_venue_cnt ? &x->at_venue[atoi(cid) - 1000] : NULL;
        if (o) return fx_list_trades(x, o, text, body, cap);
        fx_error(x, id, 400, -2013, "Order does not exist.", 0);
        return 0;
    default: abort();
    }
}

FX_UNUSED static void fx_request(fx_t *x, char const *text)
{
    static struct { char const *name; int kind; char letter; } const METHODS[] = {
        {"time", AATS_OR_TIME, 'T'},
        {"session.logon", AATS_OR_LOGON, 'L'},
        {"userDataStream.subscribe.signature", AATS_OR_LISTEN, 'S'},
        {"userDataStream.subscribe", AATS_OR_LISTEN, 'S'},
        {"account.status", AATS_OR_ACCOUNT, 'A'},
        {"openOrders.status", AATS_OR_OPEN, 'O'},
        {"order.place", AATS_OR_PLACE, 'P'},
        {"order.cancel", AATS_OR_CANCEL, 'C'},
        {"order.status", AATS_OR_QUERY, 'Q'},
        {"myTrades", AATS_OR_FILLS, 'F'},
        {"deadman.set", AATS_OR_DEADMAN, 'D'},
    };
    char method[64], number[32];
    static char body[8192];
    unsigned k = 0;
    snprintf(x->last_request, sizeof x->last_request, "%s", text);
    if (!fx_param(text, "method", method, sizeof method) || !fx_param(text, "id", number, sizeof number)) abort();
    while (k < 11 && strcmp(METHODS[k].name, method) != 0) k++;
    if (k == 11) abort();
    long long id = atoll(number);
    if (x->before) x->before(x, METHODS[k].kind);
    x->asked[METHODS[k].kind]++;
    size_t at = strlen(x->methods);
    if (at < sizeof x->methods - 1) x->methods[at] = METHODS[k].letter;
    if (fx_param(text, "timestamp", number, sizeof number)) {
        int64_t venue_ms = (FX_EPOCH_NS + x->mono_ns) / FX_MS + x->venue_ahead_ms;
        int64_t stamp_ms = atoll(number);
        if (METHODS[k].kind == AATS_OR_PLACE || METHODS[k].kind == AATS_OR_CANCEL) x->stamp_ms = stamp_ms;
        x->stamps_off += stamp_ms >= venue_ms + 1000 || venue_ms - stamp_ms > 5000;
    }
    int refused = x->refuse && strcmp(x->refuse, method) == 0 && x->refuse_cnt > 0;
    if (refused && !x->refuse_done) {
        x->refuse_cnt--;
        fx_error(x, id, x->refuse_status, x->refuse_code, x->refuse_text, x->refuse_retry_ms);
        return;
    }
    int lost = x->lose && strcmp(x->lose, method) == 0 && x->lose_cnt > 0;
    size_t out_sz = x->out_sz;
    int ok = fx_do(x, METHODS[k].kind, text, id, body, sizeof body);
    if (lost) {
        x->lose_cnt--;
        if (!ok) x->out_sz = out_sz;
        return;
    }
    if (refused) {
        x->refuse_cnt--;
        fx_error(x, id, x->refuse_status, x->refuse_code, x->refuse_text, x->refuse_retry_ms);
    } else if (ok) {
        fx_reply(x, id, 200, body);
    }
}

/* What has come is read as a server reads it: a request for an upgrade, then frames. */
FX_UNUSED static void fx_serve(fx_t *x)
{
    if (x->connected == 1) {
        aats_http_head_t h;
        char answer[1024];
        int n = aats_http_request_head((char const *)x->in, x->in_sz, &h);
        if (n <= 0) return;
        if (x->upgrade[0]) {
            fx_raw(x, x->upgrade, strlen(x->upgrade));
        } else {
            int m = aats_ws_response(answer, sizeof answer, &h);
            if (m <= 0) abort();
            fx_raw(x, answer, (size_t)m);
        }
        memmove(x->in, x->in + n, x->in_sz - (size_t)n);
        x->in_sz -= (size_t)n;
        x->connected = 2;
    }
    while (x->connected == 2) {
        aats_ws_frame_t f;
        char text[4096];
        if (aats_ws_next_server(x->in, x->in_sz, sizeof text - 1, &f) != 1) return;
        memcpy(text, f.payload, f.payload_len);
        text[f.payload_len] = 0;
        memmove(x->in, x->in + f.frame_sz, x->in_sz - f.frame_sz);
        x->in_sz -= f.frame_sz;
        if (f.opcode == AATS_WS_TEXT) fx_request(x, text);
        else if (f.opcode == AATS_WS_CLOSE) x->connected = 3;
    }
}

#endif
