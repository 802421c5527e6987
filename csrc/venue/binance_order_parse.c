/* binance_order_parse.c -- what each message of the WebSocket API is, and the user data events.
 *
 * Odd behaviours are numbered in binance_order.c. */
#include <stdio.h>
#include <string.h>

#include "proto/num.h"
#include "venue/binance_order.h"

/* ---- events ---- */

typedef struct {
    char const *c, *C, *x, *X, *f, *r;
    size_t c_len, C_len, x_len, X_len, f_len, r_len;
    int64_t trade_id;
    int64_t last_px_i, last_qty_i, size_i;
    int maker;
} report_t;

#define TEXT_IS(name, lit) AATS_JSON_IS(e->name, e->name##_len, lit)

/* The code of a rejection that comes as an event. */
static uint32_t reject_code(report_t const *e)
{
    if (TEXT_IS(r, "INSUFFICIENT_BALANCES")) return AATS_OC_BALANCE;
    if (TEXT_IS(r, "WOULD_MATCH_IMMEDIATELY")) return AATS_OC_WOULD_CROSS;
    return AATS_OC_VENUE;
}

/* What an execution report says of one of our orders, in messages. */
static void report_says(aats_json_t *j, report_t const *e, aats_omsg_t const *m, aats_oreply_t *r)
{
    int status = binance_status(e->X, e->X_len);
    uint32_t end = binance_end(status, TEXT_IS(f, "IOC"));
    if (TEXT_IS(x, "NEW") || TEXT_IS(x, "REPLACED")) {
        binance_add(r, j, m, AATS_OM_ACK, AATS_OC_NONE);
    } else if (TEXT_IS(x, "REJECTED") || status == ST_REJECTED) {
        aats_omsg_t *out = binance_add(r, j, m, AATS_OM_REJECT, reject_code(e));
        if (out) snprintf(out->text, sizeof out->text, "%.*s", (int)(e->r_len < 100 ? e->r_len : 100), e->r);
    } else if (TEXT_IS(x, "TRADE")) {
        aats_omsg_t *out = binance_add(r, j, m, AATS_OM_FILL, AATS_OC_NONE);
        if (!out) return;
        out->trade_id = (uint64_t)e->trade_id;
        out->px_i = e->last_px_i;
        out->qty_i = e->last_qty_i;
        out->liquidity = e->maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
        if (end == AATS_OC_FILLED && m->cum_qty_i < e->size_i) end = AATS_OC_SELF_TRADE; /* V-15 */
        if (end && end != AATS_OC_FILLED) binance_add(r, j, m, AATS_OM_DONE, end);
    } else if (end) {
        binance_add(r, j, m, AATS_OM_DONE, end);
    } else if (status == ST_OPEN) {
        binance_add(r, j, m, AATS_OM_ACK, AATS_OC_NONE); /* V-15, and kinds of events that do not exist yet */
    }
}

/* {"e":"executionReport","E":1785312001020,"s":"BTCUSDT","c":"rq-000123","S":"BUY","o":"LIMIT","f":"GTC","q":"0.01000000",
 *  "p":"64200.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE",
 *  "i":40123456789,"l":"0.00400000","z":"0.00400000",
 *  "L":"64200.00000000","n":"0.00000400","N":"BTC","T":1785312001019,"t":5212345700,"I":88123456789,"w":true,"m":true,
 *  "M":false,"O":1785312000301,"Z":"256.80000000","Y":"256.80000000","Q":"0.00000000","W":1785312000301,"V":"EXPIRE_MAKER"} */
static int execution_report(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    report_t e = {.c = "", .C = "", .x = "", .X = "", .f = "", .r = "", .trade_id = -1};
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.fee_exp = BINANCE_EXP;
    r->kind = AATS_OV_EVENT;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        switch (key_len == 1 ? key[0] : 0) {
        case 's': binance_take_text(j, &seen, 0, m.symbol, sizeof m.symbol); break;
        case 'c': aats_json_seen(j, &seen, 1), aats_json_str(j, &e.c, &e.c_len); break;
        case 'C': aats_json_seen(j, &seen, 2), aats_json_str(j, &e.C, &e.C_len); break;
        case 'x': aats_json_seen(j, &seen, 3), aats_json_str(j, &e.x, &e.x_len); break;
        case 'X': aats_json_seen(j, &seen, 4), aats_json_str(j, &e.X, &e.X_len); break;
        case 'f': aats_json_seen(j, &seen, 5), aats_json_str(j, &e.f, &e.f_len); break;
        case 'i': binance_take_remote(j, &seen, 6, m.remote_id); break;
        case 'z': binance_take_size(j, &seen, 7, &m.cum_qty_i); break;
        case 'T': take_time(j, &seen, 8, &m.venue_ns); break;
        case 'l': binance_take_size(j, &seen, 9, &e.last_qty_i); break;
        case 'L': binance_take_size(j, &seen, 10, &e.last_px_i); break;
        case 'n': aats_json_seen(j, &seen, 11), aats_json_num(j, BINANCE_EXP, &m.fee_i); break; /* below zero: a rebate */
        case 't': aats_json_seen(j, &seen, 12), aats_json_i64(j, &e.trade_id); break;
        case 'm': aats_json_seen(j, &seen, 13), aats_json_bool(j, &e.maker); break;
        case 'N':
            if (aats_json_type(j) == 'n') aats_json_seen(j, &seen, 14), aats_json_null(j); /* no fee */
            else binance_take_text(j, &seen, 14, m.fee_asset, sizeof m.fee_asset);
            break;
        case 'q': binance_take_size(j, &seen, 16, &e.size_i); break;
        case 'r': aats_json_seen(j, &seen, 15), aats_json_str(j, &e.r, &e.r_len); break;
        default: aats_json_skip(j);
        }
    }
    int trade = AATS_JSON_IS(e.x, e.x_len, "TRADE");
    if (whole(j, seen, trade ? 0x7fff : 0x01ff)) return j->err;
    int told = e.trade_id >= 0 && e.last_qty_i > 0 && e.last_px_i > 0 && m.cum_qty_i >= e.last_qty_i;
    if (trade && !told) return aats_json_fail(j, AATS_E_SHAPE);
    int renamed = e.C_len > 0; /* V-10 */
    if (binance_whose(renamed ? e.C : e.c, renamed ? e.C_len : e.c_len, &m)) report_says(j, &e, &m, r);
    else binance_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE);
    return j->err;
}

/* {"e":"outboundAccountPosition","E":1785312001021,"u":1785312001019,"B":[{"a":"USDT","f":"999743.20000000","l":"385.20000000"}]} */
static int account_position(aats_json_t *j, aats_oreply_t *r)
{
    char const *key, *list = NULL;
    size_t key_len, list_len = 0;
    uint32_t seen = 0;
    int64_t venue_ns = 0;
    r->kind = AATS_OV_EVENT;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("E")) take_time(j, &seen, 0, &venue_ns);
        else if (IS("B")) aats_json_seen(j, &seen, 1), aats_json_raw(j, &list, &list_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return j->err;
    int e = binance_balances(list, list_len, venue_ns, r);
    return e ? aats_json_fail(j, e) : AATS_OK;
}

/* The event's name stands first today, but nothing promises it. */
void binance_event_name(aats_json_t look, char const **name, size_t *name_len)
{
    char const *key;
    size_t key_len;
    *name_len = 0;
    aats_json_object(&look);
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("e") && aats_json_type(&look) == '"') {
            if (aats_json_str(&look, name, name_len)) *name_len = 0;
            return;
        }
        aats_json_skip(&look);
    }
}

static int event(char const *text, size_t n, aats_oreply_t *r)
{
    char const *name = "";
    size_t name_len;
    aats_json_t j;
    aats_json_init(&j, text, n);
    if (aats_json_type(&j) != '{') return aats_json_fail(&j, AATS_E_SHAPE);
    binance_event_name(j, &name, &name_len);
    if (AATS_JSON_IS(name, name_len, "executionReport")) execution_report(&j, r);
    else if (AATS_JSON_IS(name, name_len, "outboundAccountPosition")) account_position(&j, r);
    else {
        if (AATS_JSON_IS(name, name_len, "eventStreamTerminated") || AATS_JSON_IS(name, name_len, "listenKeyExpired")) r->kind = AATS_OV_DEAF; /* the second: V-41 */
        else if (AATS_JSON_IS(name, name_len, "serverShutdown")) r->kind = AATS_OV_SHUTDOWN;
        else if (AATS_JSON_IS(name, name_len, "balanceUpdate")) r->kind = AATS_OV_MOVED; /* it says by how much, not what there is (5.4) */
        else if (AATS_JSON_IS(name, name_len, "externalLockUpdate")) r->kind = AATS_OV_MOVED;
        aats_json_skip(&j);
    }
    return aats_json_end(&j);
}

/* ---- replies ---- */

/* 7   "7"   "x-12"   null: V-14 */
static void take_id(aats_json_t *j, uint32_t *seen, aats_oreply_t *r)
{
    char const *s;
    size_t n;
    aats_json_seen(j, seen, 0);
    switch (aats_json_type(j)) {
    case 'n': aats_json_null(j); break;
    case '"':
        if (aats_json_str(j, &s, &n) || aats_num_u64(s, n, &r->id)) r->id = 0;
        break;
    default: {
        int64_t id = 0;
        if (!aats_json_i64(j, &id) && id > 0) r->id = (uint64_t)id;
    }
    }
}

/* {"code":-1003,"msg":"Too much request weight used; ...","data":{"serverTime":1785312000000,"retryAfter":1785312060000}} */
void binance_take_error(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0, told = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("code")) aats_json_seen(j, &seen, 0), aats_json_i64(j, &r->code);
        else if (IS("msg")) aats_json_seen(j, &seen, 1), aats_json_str(j, &r->text, &r->text_len);
        else if (IS("data") && aats_json_type(j) == '{') {
            aats_json_object(j);
            while (aats_json_key(j, &key, &key_len) == 1) {
                if (IS("retryAfter")) aats_json_seen(j, &told, 0), aats_json_i64(j, &r->retry_ms);
                else if (IS("serverTime")) aats_json_seen(j, &told, 1), aats_json_i64(j, &r->server_ms);
                else aats_json_skip(j);
            }
        } else aats_json_skip(j);
    }
    whole(j, seen, 3);
}

static int64_t unit_ms(char const *s, size_t n)
{
    if (AATS_JSON_IS(s, n, "SECOND")) return 1000;
    if (AATS_JSON_IS(s, n, "MINUTE")) return 60000;
    if (AATS_JSON_IS(s, n, "HOUR")) return 3600000;
    return AATS_JSON_IS(s, n, "DAY") ? 86400000 : 0;
}

static int32_t limit_kind(char const *s, size_t n)
{
    if (AATS_JSON_IS(s, n, "REQUEST_WEIGHT")) return AATS_OL_WEIGHT;
    if (AATS_JSON_IS(s, n, "ORDERS")) return AATS_OL_ORDERS;
    if (AATS_JSON_IS(s, n, "RAW_REQUESTS")) return AATS_OL_REQUESTS;
    return AATS_JSON_IS(s, n, "CONNECTIONS") ? AATS_OL_CONNECTS : 0;
}

/* [{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":3},...]: all of them, and of those on orders the one that is
 * nearest to its limit. */
static void rate_limits(aats_json_t *j, aats_oreply_t *r)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        char const *key, *type = "", *unit = "";
        size_t key_len, type_len = 0, unit_len = 0;
        uint32_t seen = 0;
        int64_t limit = 0, count = 0, num = 0;
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("rateLimitType")) aats_json_seen(j, &seen, 0), aats_json_str(j, &type, &type_len);
            else if (IS("limit")) aats_json_seen(j, &seen, 1), aats_json_i64(j, &limit);
            else if (IS("count")) aats_json_seen(j, &seen, 2), aats_json_i64(j, &count);
            else if (IS("interval")) aats_json_seen(j, &seen, 3), aats_json_str(j, &unit, &unit_len);
            else if (IS("intervalNum")) aats_json_seen(j, &seen, 4), aats_json_i64(j, &num);
            else aats_json_skip(j);
        }
        int32_t const kind = limit_kind(type, type_len);
        if (whole(j, seen, 7) || !kind || limit <= 0 || count < 0) continue;
        int64_t const span_ms = num > 0 && num < 1000 ? num * unit_ms(unit, unit_len) : 0;
        if (span_ms > 0 && r->limit_cnt < sizeof r->limits / sizeof r->limits[0])
            r->limits[r->limit_cnt++] = (aats_olimit_t){.kind = kind, .span_ms = span_ms, .used = count, .limit = limit};
        if (kind != AATS_OL_ORDERS) continue;
        if (r->orders_limit >= 0 && (__int128)count * r->orders_limit <= (__int128)r->orders_used * limit) continue;
        r->orders_used = count;
        r->orders_limit = limit;
        r->orders_span_ms = span_ms;
    }
}

/* {"id":7,"status":200,"result":{..},"rateLimits":[..]}   {"id":7,"status":400,"error":{..},"rateLimits":[..]}
 * {"subscriptionId":0,"event":{"e":"executionReport",..}}   {"event":{"e":"serverShutdown","E":1770123456789}} */
static int message(aats_json_t *j, char const *text, size_t n, aats_oreply_t *r, int (*event)(char const *, size_t, aats_oreply_t *))
{
    enum { ID = 1, STATUS = 2, RESULT = 4, ERROR = 8, EVENT = 32, BARE = 64 };
    char const *key, *inner = NULL;
    size_t key_len, inner_len = 0;
    uint32_t seen = 0;
    int64_t status = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("id")) take_id(j, &seen, r);
        else if (IS("status")) aats_json_seen(j, &seen, 1), aats_json_i64(j, &status);
        else if (IS("result")) aats_json_seen(j, &seen, 2), aats_json_raw(j, &r->result, &r->result_len);
        else if (IS("error")) aats_json_seen(j, &seen, 3), binance_take_error(j, r);
        else if (IS("rateLimits")) aats_json_seen(j, &seen, 4), rate_limits(j, r);
        else if (IS("event")) aats_json_seen(j, &seen, 5), aats_json_raw(j, &inner, &inner_len);
        else if (IS("e")) aats_json_seen(j, &seen, 6), aats_json_skip(j);
        else aats_json_skip(j);
    }
    if (aats_json_end(j)) return j->err;
    if (seen & EVENT) return event(inner, inner_len, r);
    if (seen & BARE) return event(text, n, r);
    if (!(seen & (STATUS | RESULT | ERROR))) return AATS_OK; /* nothing that we know: OTHER */
    int refused = (seen & ERROR) != 0;
    if (whole(j, seen, ID | STATUS | (refused ? ERROR : RESULT)) || status < 100 || status > 999) return AATS_E_SHAPE;
    if (refused == (status == 200)) return AATS_E_SHAPE;
    r->kind = AATS_OV_REPLY;
    r->status = (int)status;
    if (refused) binance_judge(r);
    return AATS_OK;
}

int binance_order_message(char const *text, size_t n, aats_oreply_t *r, int (*event)(char const *, size_t, aats_oreply_t *))
{
    aats_json_t j;
    *r = (aats_oreply_t){.orders_used = -1, .orders_limit = -1, .msgs = r->msgs, .way = r->way, .scale = r->scale, .scale_arg = r->scale_arg};
    aats_json_init(&j, text, n);
    int e = message(&j, text, n, r, event);
    if (e) r->msg_cnt = 0;
    return e;
}

int binance_order_parse(char const *text, size_t n, aats_oreply_t *r) { return binance_order_message(text, n, r, event); }
