/* binance_order_reply.c -- what the result of each request says of orders; odd behaviours are numbered in binance_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "venue/binance_order.h"

/* ---- balances ---- */

/* {"asset":"BTC","free":"1.50000000","locked":"0.00000000"}; in events {"a":"BTC","f":"1.50000000","l":"0.00000000"}.
 * An asset whose name does not fit a message is left out: no symbol that can be traded here is made of it. */
static void balance(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key, *name = NULL;
    size_t key_len, name_len = 0;
    uint32_t seen = 0;
    __int128 sum = 0, locked = 0;
    aats_omsg_t m;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("asset") || IS("a")) aats_json_seen(j, &seen, 0), aats_json_str(j, &name, &name_len);
        else if (IS("free") || IS("f")) binance_amount(j, &seen, 1, &sum);
        else if (IS("locked") || IS("l")) binance_amount(j, &seen, 2, &locked);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7) || name_len >= sizeof m.fee_asset) return;
    memset(&m, 0, sizeof m);
    memcpy(m.fee_asset, name, name_len);
    m.amount = aats_wide_of(sum + locked);
    m.locked = aats_wide_of(locked);
    m.fee_exp = BINANCE_EXP;
    m.venue_ns = venue_ns;
    binance_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
}

int binance_balances(char const *text, size_t n, int64_t venue_ns, aats_oreply_t *r)
{
    aats_json_t j;
    aats_json_init(&j, text, n);
    aats_json_array(&j);
    while (aats_json_item(&j) == 1) balance(&j, venue_ns, r);
    return aats_json_end(&j);
}

/* {"makerCommission":15,...,"updateTime":1785312000000,"accountType":"SPOT","balances":[{"asset":"BTC","free":"1.5","locked":"0"}],...} */
static int account(aats_json_t *j, aats_oreply_t *r)
{
    char const *key, *list = NULL;
    size_t key_len, list_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("balances")) aats_json_seen(j, &seen, 0), aats_json_raw(j, &list, &list_len);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return j->err;
    int e = binance_balances(list, list_len, 0, r);
    return e ? aats_json_fail(j, e) : AATS_OK;
}

/* ---- orders ---- */

/* An order as every answer writes it; which keys there are depends on the request. */
enum { O_SYMBOL = 1, O_REMOTE = 2, O_CLIENT = 4, O_ORIGINAL = 8, O_EXECUTED = 16, O_STATUS = 32, O_TIF = 64, O_SIZE = 256, O_LIST = 512 };
#define O_ALWAYS (O_SYMBOL | O_REMOTE | O_CLIENT | O_EXECUTED | O_STATUS | O_TIF)

typedef struct {
    uint32_t seen;
    int status;
    int ioc;
    int64_t size_i, prevented_i;
    char const *client, *original, *fills;
    size_t client_len, original_len, fills_len;
    aats_omsg_t m; /* symbol, remote_id, cum_qty_i, venue_ns; its ids are for the caller to fill in */
} order_t;

/* {"symbol":"BTCUSDT","orderId":40123456789,"orderListId":-1,"clientOrderId":"..","transactTime":1785312000301,"price":"64200.00000000",
 *  "origQty":"0.01000000","executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW",
 *  "timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1785312000301,"fills":[],"selfTradePreventionMode":"EXPIRE_MAKER"}
 * A cancel has "origClientOrderId" too, a query "time" and "updateTime" for "transactTime".
 * V-19: {"orderListId":1929,"contingencyType":"OCO",..} */
static int take_order(aats_json_t *j, order_t *o)
{
    char const *key, *s = "";
    size_t key_len, n = 0;
    int64_t made_ns = 0;
    memset(o, 0, sizeof *o);
    o->m.fee_exp = BINANCE_EXP;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) binance_take_text(j, &o->seen, 0, o->m.symbol, sizeof o->m.symbol);
        else if (IS("orderId")) binance_take_remote(j, &o->seen, 1, o->m.remote_id);
        else if (IS("clientOrderId")) aats_json_seen(j, &o->seen, 2), aats_json_str(j, &o->client, &o->client_len);
        else if (IS("origClientOrderId")) aats_json_seen(j, &o->seen, 3), aats_json_str(j, &o->original, &o->original_len);
        else if (IS("executedQty")) binance_take_size(j, &o->seen, 4, &o->m.cum_qty_i);
        else if (IS("status")) {
            aats_json_seen(j, &o->seen, 5);
            if (!aats_json_str(j, &s, &n)) o->status = binance_status(s, n);
        } else if (IS("timeInForce")) {
            aats_json_seen(j, &o->seen, 6);
            if (!aats_json_str(j, &s, &n)) o->ioc = AATS_JSON_IS(s, n, "IOC");
        } else if (IS("fills")) aats_json_seen(j, &o->seen, 7), aats_json_raw(j, &o->fills, &o->fills_len);
        else if (IS("origQty")) binance_take_size(j, &o->seen, 8, &o->size_i);
        else if (IS("contingencyType")) aats_json_seen(j, &o->seen, 9), aats_json_skip(j);
        else if (IS("time")) take_time(j, &o->seen, 10, &made_ns);
        else if (IS("transactTime") || IS("updateTime")) take_time(j, &o->seen, 11, &o->m.venue_ns);
        else if (IS("preventedQuantity")) binance_take_size(j, &o->seen, 13, &o->prevented_i); /* V-15 */
        else if (IS("expiryReason")) binance_take_text(j, &o->seen, 12, o->m.text, sizeof o->m.text);
        else aats_json_skip(j);
    }
    if (!o->m.venue_ns) o->m.venue_ns = made_ns;
    if (j->err || (o->seen & O_LIST)) return j->err;
    if (whole(j, o->seen, O_ALWAYS)) return j->err;
    return o->status == ST_STRANGE ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK; /* whether it lives cannot be said */
}

/* The answer must be about the order that was asked for: neither another client id of ours nor another number than the one we know.  A
 * client id that is not ours any more is taken where a cancel or an amendment may have put it there (V-13). */
static void take_ids(aats_json_t *j, order_t *o, char const *id, size_t id_len, int may_differ, aats_order_t const *order)
{
    char text[sizeof o->m.text];
    memcpy(text, o->m.text, sizeof text);
    int ours = binance_whose(id, id_len, &o->m);
    int same = ours && o->m.instance == order->instance && o->m.order_id == aats_order_client_no(order);
    int numbered = order->remote_id[0] && !strcmp(o->m.remote_id, order->remote_id);
    if ((!same && (ours || !may_differ)) || (order->remote_id[0] && !numbered)) aats_json_fail(j, AATS_E_SHAPE);
    o->m.instance = order->instance;
    o->m.order_id = aats_order_client_no(order);
    memcpy(o->m.text, text, sizeof text);
}

/* How it ended, if it has: nothing is said here of one that lives. */
static void say_end(aats_json_t *j, order_t const *o, aats_oreply_t *r)
{
    uint32_t end = binance_end(o->status, o->ioc);
    if (end == AATS_OC_FILLED && (o->seen & O_SIZE) && o->m.cum_qty_i < o->size_i) end = AATS_OC_SELF_TRADE; /* V-15 */
    if (o->status == ST_REJECTED) binance_add(r, j, &o->m, AATS_OM_REJECT, AATS_OC_VENUE);
    else if (end) binance_add(r, j, &o->m, AATS_OM_DONE, end);
}

/* One trade; two lists name it differently:
 *   FULL       {"price":"64200.00000000","qty":"0.00400000","commission":"0.00000400","commissionAsset":"BTC","tradeId":5212345700}
 *   myTrades   {"symbol":"BTCUSDT","id":5212345700,"orderId":40123456789,"orderListId":-1,"price":"64200.00000000",
 *               "qty":"0.00400000","quoteQty":"256.80000000","commission":"0.00000400","commissionAsset":"BTC",
 *               "time":1785312001019,"isBuyer":true,"isMaker":true} */
static int take_trade(aats_json_t *j, aats_omsg_t *m, int row)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int maker = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("price")) binance_take_size(j, &seen, 0, &m->px_i);
        else if (IS("qty")) binance_take_size(j, &seen, 1, &m->qty_i);
        else if (IS("commission")) aats_json_seen(j, &seen, 2), aats_json_num(j, BINANCE_EXP, &m->fee_i); /* below zero: a rebate */
        else if (IS("commissionAsset")) binance_take_text(j, &seen, 3, m->fee_asset, sizeof m->fee_asset);
        else if (row ? IS("id") : IS("tradeId")) take_u64(j, &seen, 4, &m->trade_id);
        else if (row && IS("orderId")) binance_take_remote(j, &seen, 5, m->remote_id);
        else if (row && IS("isMaker")) aats_json_seen(j, &seen, 6), aats_json_bool(j, &maker);
        else if (row && IS("time")) take_time(j, &seen, 7, &m->venue_ns);
        else aats_json_skip(j);
    }
    m->liquidity = maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    if (whole(j, seen, row ? 0xff : 0x1f)) return j->err;
    return m->px_i > 0 && m->qty_i > 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* What there is to say when trades of `sum` in all were told. */
static void say_rest(aats_json_t *j, order_t const *o, int64_t sum, aats_oreply_t *r)
{
    int whole_size = o->status == ST_FILLED && (!(o->seen & O_SIZE) || o->m.cum_qty_i == o->size_i);
    if (sum == o->m.cum_qty_i && (whole_size || o->status == ST_OPEN)) return;
    if (o->status == ST_OPEN) binance_add(r, j, &o->m, AATS_OM_OPEN, AATS_OC_NONE);
    else say_end(j, o, r);
}

/* ACK, a FILL for each trade, and the end if there is one.  What is filled at once is filled as taker.  A whole fill needs no DONE, unless
 * trades are missing here: then it says how much they must sum up to, and they will be asked for; so does OPEN of one that lives. */
static int placed(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    order_t o;
    int64_t sum = 0;
    if (take_order(j, &o)) return j->err;
    if (o.seen & O_LIST) return aats_json_fail(j, AATS_E_SHAPE);
    take_ids(j, &o, o.client, o.client_len, 0, order);
    if (o.status != ST_REJECTED) binance_add(r, j, &o.m, AATS_OM_ACK, AATS_OC_NONE);
    if (j->err || !o.fills) return say_rest(j, &o, sum, r), j->err;
    aats_json_t list;
    aats_json_init(&list, o.fills, o.fills_len);
    aats_json_array(&list);
    while (aats_json_item(&list) == 1) {
        aats_omsg_t fill = o.m;
        if (take_trade(&list, &fill, 0) || r->msg_cnt >= AATS_OREPLY_MSGS - 1) continue; /* one is kept for the end */
        if (__builtin_add_overflow(sum, fill.qty_i, &sum)) return aats_json_fail(j, AATS_E_RANGE);
        fill.cum_qty_i = sum;
        binance_add(r, &list, &fill, AATS_OM_FILL, AATS_OC_NONE);
    }
    if (aats_json_end(&list)) return aats_json_fail(j, list.err);
    if (sum > o.m.cum_qty_i) return aats_json_fail(j, AATS_E_SHAPE);
    say_rest(j, &o, sum, r);
    return j->err;
}

static int canceled(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    order_t o;
    if (take_order(j, &o) || whole(j, o.seen, O_ORIGINAL)) return j->err;
    take_ids(j, &o, o.original, o.original_len, 1, order);
    binance_add(r, j, &o.m, AATS_OM_CANCEL_ACK, AATS_OC_NONE);
    say_end(j, &o, r);
    return j->err;
}

static int queried(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    order_t o;
    if (take_order(j, &o) || whole(j, o.seen, O_SIZE | O_CLIENT)) return j->err;
    take_ids(j, &o, o.client, o.client_len, 1, order);
    if (o.status == ST_FILLED && o.prevented_i < o.size_i) o.m.cum_qty_i = o.size_i - o.prevented_i; /* its sum may lag behind its status */
    if (o.status == ST_OPEN) binance_add(r, j, &o.m, AATS_OM_OPEN, AATS_OC_NONE);
    else say_end(j, &o, r);
    return j->err;
}

/* A list of orders: those open, or the reports of a cancel of all. */
static int listed(aats_json_t *j, aats_oreply_t *r, int kind)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        order_t o;
        if (take_order(j, &o)) break;
        int ended = kind == AATS_OR_CANCEL_ALL;
        if (ended && !(o.seen & O_LIST) && whole(j, o.seen, O_ORIGINAL)) break;
        char const *id = ended ? o.original : o.client;
        int ours = !(o.seen & O_LIST) && binance_whose(id, ended ? o.original_len : o.client_len, &o.m);
        if (!ours) binance_add(r, j, &o.m, AATS_OM_FOREIGN, AATS_OC_NONE); /* V-19 */
        else if (o.status == ST_OPEN) binance_add(r, j, &o.m, AATS_OM_OPEN, AATS_OC_NONE);
        else say_end(j, &o, r);
    }
    return j->err;
}

static int trades(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    size_t rows = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        aats_omsg_t m;
        memset(&m, 0, sizeof m);
        m.fee_exp = BINANCE_EXP;
        m.cum_qty_i = -1;
        m.instance = order ? order->instance : 0;
        m.order_id = order ? aats_order_client_no(order) : 0;
        rows++;
        if (take_trade(j, &m, 1)) break;
        if (!order || !order->remote_id[0] || !strcmp(m.remote_id, order->remote_id)) binance_add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE);
    }
    r->more = rows >= FILLS_LIMIT;
    return j->err;
}

/* ---- the rest ---- */

/* {"serverTime":1785312000123}
 * {"apiKey":"..","authorizedSince":..,"connectedSince":..,"returnRateLimits":true,"serverTime":1785312000123,"userDataStream":false} */
static int clock_told(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("serverTime")) aats_json_seen(j, &seen, 0), aats_json_i64(j, &r->server_ms);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return j->err;
    return r->server_ms > 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"subscriptionId":0} */
static int listening(aats_json_t *j)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    uint64_t id;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("subscriptionId")) take_u64(j, &seen, 0, &id);
        else aats_json_skip(j);
    }
    return whole(j, seen, 1);
}

int binance_order_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int of_order = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY;
    r->msg_cnt = 0;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (of_order && !order)) return AATS_E_ARG;
    if (r->status != 200) return binance_refused(r, kind, order);
    aats_json_t j;
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_TIME:
    case AATS_OR_LOGON: clock_told(&j, r); break;
    case AATS_OR_LISTEN: listening(&j); break;
    case AATS_OR_ACCOUNT: account(&j, r); break;
    case AATS_OR_OPEN:
    case AATS_OR_CANCEL_ALL: listed(&j, r, kind); break;
    case AATS_OR_PLACE: placed(&j, r, order); break;
    case AATS_OR_CANCEL: canceled(&j, r, order); break;
    case AATS_OR_QUERY: queried(&j, r, order); break;
    case AATS_OR_FILLS: trades(&j, r, order); break;
    }
    aats_json_end(&j);
    if (j.err) r->msg_cnt = 0;
    return j.err;
}
