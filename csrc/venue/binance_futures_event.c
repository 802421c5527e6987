/* binance_futures_event.c -- what each message of the futures' order side is, and the user data events; odd behaviours are numbered in
 * binance_futures_order.c. */
#include <stdio.h>
#include <string.h>

#include "order/wide.h"
#include "proto/http.h"
#include "proto/num.h"
#include "venue/binance_futures_order.h"

/* ---- small readers ---- */

int binance_take_entry(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    __int128 wide = 0;
    if (binance_amount(j, seen, bit, &wide)) return j->err;
    *out = wide >= 0 && wide <= INT64_MAX ? (int64_t)wide : 0;
    return AATS_OK;
}

void binance_position(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *m, char const *side, size_t side_len)
{
    if (AATS_JSON_IS(side, side_len, "BOTH")) {
        binance_add(r, j, m, AATS_OM_POSITION, AATS_OC_NONE);
    } else if (m->qty_i != 0) { /* V-30 */
        aats_omsg_t *out = binance_add(r, j, m, AATS_OM_STRANGE, AATS_OC_NONE);
        if (out) snprintf(out->text, sizeof out->text, "a position of hedge mode in %s (%.*s): orders and positions here are for one-way mode", m->symbol, (int)(side_len < 8 ? side_len : 8), side);
    }
}

/* ---- ORDER_TRADE_UPDATE ---- */

typedef struct {
    char const *c, *x, *X, *f;
    size_t c_len, x_len, X_len, f_len;
    int64_t trade_id;
    int64_t last_px_i, last_qty_i, px_i, size_i;
    int maker;
} report_t;

#define TEXT_IS(name, lit) AATS_JSON_IS(e->name, e->name##_len, lit)

/* What an order's event says of one of our orders, in messages. */
static void report_says(aats_json_t *j, report_t const *e, aats_omsg_t const *m, aats_oreply_t *r)
{
    int const status = binance_status(e->X, e->X_len);
    uint32_t const end = binance_end(status, TEXT_IS(f, "IOC"));
    if (TEXT_IS(x, "NEW")) {
        binance_add(r, j, m, AATS_OM_ACK, AATS_OC_NONE);
    } else if (TEXT_IS(x, "TRADE") || TEXT_IS(x, "CALCULATED")) {
        aats_omsg_t *out = binance_add(r, j, m, AATS_OM_FILL, AATS_OC_NONE);
        if (!out) return;
        out->trade_id = (uint64_t)e->trade_id;
        out->px_i = e->last_px_i;
        out->qty_i = e->last_qty_i;
        out->liquidity = e->maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
        if (end && end != AATS_OC_FILLED) binance_add(r, j, m, AATS_OM_DONE, end);
    } else if (TEXT_IS(x, "AMENDMENT")) {
        aats_omsg_t *out = binance_add(r, j, m, AATS_OM_AMENDED, AATS_OC_NONE);
        if (out) out->px_i = e->px_i, out->qty_i = e->size_i;
        if (end && end != AATS_OC_FILLED) binance_add(r, j, m, AATS_OM_DONE, end); /* V-34 */
    } else if (end) {
        if (TEXT_IS(f, "GTX") && status == ST_EXPIRED && m->cum_qty_i == 0) { /* V-33: refused if nothing was heard of it yet, ended if it was */
            aats_omsg_t *out = binance_add(r, j, m, AATS_OM_REJECT, AATS_OC_WOULD_CROSS);
            if (out) snprintf(out->text, sizeof out->text, "post-only: it would have traded at once");
        }
        binance_add(r, j, m, AATS_OM_DONE, end);
    } else if (status == ST_OPEN) {
        binance_add(r, j, m, AATS_OM_ACK, AATS_OC_NONE); /* kinds of events that do not exist yet */
    }
}

/* "o":{"s":"BTCUSDT","c":"rq-000777","S":"BUY","o":"LIMIT","f":"GTX","q":"0.010","p":"64000.00","ap":"64000.00","sp":"0","x":"TRADE","X":"PARTIALLY_FILLED",
 *  "i":8389765599,"l":"0.004","z":"0.004","L":"64000.00","N":"USDT","n":"0.05120000","T":1785312005008,"t":6543299999,"b":"384.00","a":"0","m":true,"R":false,
 *  "wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0","pP":false,"si":0,"ss":0,"V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"0"} */
static void order_update(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    report_t e = {.c = "", .x = "", .X = "", .f = ""};
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.fee_exp = BINANCE_EXP;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        switch (key_len == 1 ? key[0] : 0) {
        case 's': binance_take_text(j, &seen, 0, m.symbol, sizeof m.symbol); break;
        case 'c': aats_json_seen(j, &seen, 1), aats_json_str(j, &e.c, &e.c_len); break;
        case 'x': aats_json_seen(j, &seen, 2), aats_json_str(j, &e.x, &e.x_len); break;
        case 'X': aats_json_seen(j, &seen, 3), aats_json_str(j, &e.X, &e.X_len); break;
        case 'f': aats_json_seen(j, &seen, 4), aats_json_str(j, &e.f, &e.f_len); break;
        case 'i': binance_take_remote(j, &seen, 5, m.remote_id); break;
        case 'z': binance_take_size(j, &seen, 6, &m.cum_qty_i); break;
        case 'T': take_time(j, &seen, 7, &m.venue_ns); break;
        case 'q': binance_take_size(j, &seen, 8, &e.size_i); break;
        case 'p': binance_take_size(j, &seen, 9, &e.px_i); break;
        case 'l': binance_take_size(j, &seen, 10, &e.last_qty_i); break;
        case 'L': binance_take_size(j, &seen, 11, &e.last_px_i); break;
        case 't': aats_json_seen(j, &seen, 12), aats_json_i64(j, &e.trade_id); break;
        case 'm': aats_json_seen(j, &seen, 13), aats_json_bool(j, &e.maker); break;
        case 'n': aats_json_seen(j, &seen, 14), aats_json_num(j, BINANCE_EXP, &m.fee_i); break; /* below zero: a rebate; absent: none */
        case 'N':
            if (aats_json_type(j) == 'n') aats_json_seen(j, &seen, 15), aats_json_null(j);
            else binance_take_text(j, &seen, 15, m.fee_asset, sizeof m.fee_asset);
            break;
        default: aats_json_skip(j);
        }
    }
    int const trade = AATS_JSON_IS(e.x, e.x_len, "TRADE") || AATS_JSON_IS(e.x, e.x_len, "CALCULATED");
    if (whole(j, seen, trade ? 0x3fff : 0x03ff)) return;
    int const told = e.trade_id > 0 && e.last_qty_i > 0 && e.last_px_i > 0 && m.cum_qty_i >= e.last_qty_i;
    if (!binance_whose(e.c, e.c_len, &m)) binance_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE); /* V-38 */
    else if (trade && !told) aats_json_fail(j, AATS_E_SHAPE);
    else report_says(j, &e, &m, r);
}

/* {"e":"ORDER_TRADE_UPDATE","E":1785312005012,"T":1785312005008,"o":{..}} */
static void order_trade_update(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    r->kind = AATS_OV_EVENT;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("o")) aats_json_seen(j, &seen, 0), order_update(j, r);
        else aats_json_skip(j);
    }
    whole(j, seen, 1);
}

/* ---- ACCOUNT_UPDATE ---- */

/* {"a":"USDT","wb":"122624.12345678","cw":"100.12345678","bc":"50.12345678"} */
static void balance(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key, *name = "";
    size_t key_len, name_len = 0;
    uint32_t seen = 0;
    __int128 sum = 0;
    aats_omsg_t m;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("a")) aats_json_seen(j, &seen, 0), aats_json_str(j, &name, &name_len);
        else if (IS("wb")) binance_amount(j, &seen, 1, &sum);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3) || name_len >= sizeof m.fee_asset) return;
    memset(&m, 0, sizeof m);
    memcpy(m.fee_asset, name, name_len);
    m.amount = aats_wide_of(sum);
    m.fee_exp = BINANCE_EXP;
    m.venue_ns = venue_ns;
    binance_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
}

/* {"s":"BTCUSDT","pa":"-0.010","ep":"64000.0","bep":"0","cr":"200","up":"0","mt":"cross","iw":"0.00000000","ps":"BOTH"} */
static void position(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key, *side = "BOTH";
    size_t key_len, side_len = 4;
    uint32_t seen = 0;
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.venue_ns = venue_ns;
    m.cum_qty_i = -1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("s")) binance_take_text(j, &seen, 0, m.symbol, sizeof m.symbol);
        else if (IS("pa")) aats_json_seen(j, &seen, 1), aats_json_num(j, BINANCE_EXP, &m.qty_i);
        else if (IS("ep")) binance_take_entry(j, &seen, 2, &m.px_i);
        else if (IS("ps")) aats_json_seen(j, &seen, 3), aats_json_str(j, &side, &side_len);
        else aats_json_skip(j);
    }
    if (!whole(j, seen, 3)) binance_position(r, j, &m, side, side_len);
}

/* "a":{"m":"ORDER","B":[..],"P":[..]} */
static void account(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        int const b = IS("B"), p = IS("P");
        if (!b && !p) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, (unsigned)p);
        aats_json_array(j);
        while (aats_json_item(j) == 1) b ? balance(j, venue_ns, r) : position(j, venue_ns, r);
    }
}

/* {"e":"ACCOUNT_UPDATE","E":1564745798939,"T":1564745798938,"a":{..}} */
static void account_update(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int64_t venue_ns = 0;
    aats_json_t look = {0};
    r->kind = AATS_OV_EVENT;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("T")) take_time(j, &seen, 0, &venue_ns);
        else if (IS("a")) {
            char const *text = "";
            size_t n = 0;
            aats_json_seen(j, &seen, 1);
            if (!aats_json_raw(j, &text, &n)) aats_json_init(&look, text, n);
        } else aats_json_skip(j);
    }
    if (whole(j, seen, 3)) return;
    account(&look, venue_ns, r);
    if (aats_json_end(&look)) aats_json_fail(j, look.err);
}

/* ---- messages ---- */

static int event(char const *text, size_t n, aats_oreply_t *r)
{
    char const *name = "";
    size_t name_len;
    aats_json_t j;
    aats_json_init(&j, text, n);
    if (aats_json_type(&j) != '{') return aats_json_fail(&j, AATS_E_SHAPE);
    binance_event_name(j, &name, &name_len);
    if (AATS_JSON_IS(name, name_len, "ORDER_TRADE_UPDATE")) order_trade_update(&j, r);
    else if (AATS_JSON_IS(name, name_len, "ACCOUNT_UPDATE")) account_update(&j, r);
    else {
        if (AATS_JSON_IS(name, name_len, "listenKeyExpired")) r->kind = AATS_OV_DEAF; /* V-37 */
        else if (AATS_JSON_IS(name, name_len, "serverShutdown")) r->kind = AATS_OV_SHUTDOWN;
        aats_json_skip(&j); /* TRADE_LITE, MARGIN_CALL, ALGO_UPDATE ...: V-36 */
    }
    return aats_json_end(&j);
}

int binance_futures_parse(char const *text, size_t n, aats_oreply_t *r) { return binance_order_message(text, n, r, event); }

/* ---- REST ---- */

/* X-MBX-USED-WEIGHT-1M: 27   X-MBX-ORDER-COUNT-10S: 3   X-MBX-ORDER-COUNT-1M: 30 */
static void counted(char const *head, size_t n, aats_oreply_t *r)
{
    static struct { char const *name; int32_t kind; int64_t span_ms, limit; } const FIELDS[] = {
        {"X-MBX-USED-WEIGHT-1M", AATS_OL_WEIGHT, 60000, 2400},
        {"X-MBX-ORDER-COUNT-10S", AATS_OL_ORDERS, 10000, 300},
        {"X-MBX-ORDER-COUNT-1M", AATS_OL_ORDERS, 60000, 1200},
    };
    aats_http_head_t h;
    char const *value;
    size_t value_len;
    uint64_t used;
    if (aats_http_head(head, n, &h) < 0) return;
    for (size_t i = 0; i < sizeof FIELDS / sizeof FIELDS[0]; i++) {
        if (!aats_http_find(&h, FIELDS[i].name, &value, &value_len) || aats_num_u64(value, value_len, &used) || used > INT64_MAX) continue;
        r->limits[r->limit_cnt++] = (aats_olimit_t){.kind = FIELDS[i].kind, .span_ms = FIELDS[i].span_ms, .used = (int64_t)used, .limit = FIELDS[i].limit};
    }
}

/* {"code":-1121,"msg":"Invalid symbol."} with a status other than 200; with 200 the body is the result, also {"code":200,..} (V-35). */
int binance_futures_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    *r = (aats_oreply_t){.orders_used = -1, .orders_limit = -1, .msgs = r->msgs, .way = r->way, .scale = r->scale, .scale_arg = r->scale_arg};
    counted(head, head_len, r);
    if (aats_order_http(status, body, n, kind, r)) return AATS_OK;
    aats_json_t j;
    aats_json_init(&j, body, n);
    if (status == 200) {
        aats_json_raw(&j, &r->result, &r->result_len);
        return aats_json_end(&j);
    }
    binance_take_error(&j, r);
    if (aats_json_end(&j)) return j.err;
    binance_judge(r);
    return AATS_OK;
}
