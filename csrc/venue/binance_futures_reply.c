/* binance_futures_reply.c -- what the result of each request says, at Binance's futures; odd behaviours are numbered in binance_futures_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "venue/binance_futures_order.h"

/* ---- orders ---- */

enum { O_SYMBOL = 1, O_REMOTE = 2, O_CLIENT = 4, O_EXECUTED = 8, O_STATUS = 16, O_TIF = 32, O_SIZE = 64, O_PRICE = 128 };
#define O_ALL 0xff

typedef struct {
    int status, ioc;
    char const *client;
    size_t client_len;
    int64_t px_i, size_i;
    aats_omsg_t m; /* symbol, remote_id, cum_qty_i, venue_ns; its ids are for the caller to fill in */
} row_t;

/* {"orderId":8389765599,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"rq-000777","price":"64000.00","origQty":"0.010","executedQty":"0.000",
 *  "cumQty":"0.000","timeInForce":"GTX","type":"LIMIT","reduceOnly":false,"closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0.00",
 *  "workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT","priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0,
 *  "updateTime":1785312003001} */
static int take_order(aats_json_t *j, row_t *o)
{
    char const *key, *s = "";
    size_t key_len, n = 0;
    uint32_t seen = 0;
    memset(o, 0, sizeof *o);
    o->m.fee_exp = BINANCE_EXP;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("symbol")) binance_take_text(j, &seen, 0, o->m.symbol, sizeof o->m.symbol);
        else if (IS("orderId")) binance_take_remote(j, &seen, 1, o->m.remote_id);
        else if (IS("clientOrderId")) aats_json_seen(j, &seen, 2), aats_json_str(j, &o->client, &o->client_len);
        else if (IS("executedQty")) binance_take_size(j, &seen, 3, &o->m.cum_qty_i);
        else if (IS("status")) {
            aats_json_seen(j, &seen, 4);
            if (!aats_json_str(j, &s, &n)) o->status = binance_status(s, n);
        } else if (IS("timeInForce")) {
            aats_json_seen(j, &seen, 5);
            if (!aats_json_str(j, &s, &n)) o->ioc = AATS_JSON_IS(s, n, "IOC");
        } else if (IS("origQty")) binance_take_size(j, &seen, 6, &o->size_i);
        else if (IS("price")) binance_take_size(j, &seen, 7, &o->px_i);
        else if (IS("updateTime")) take_time(j, &seen, 8, &o->m.venue_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, O_ALL)) return j->err;
    return o->status == ST_STRANGE ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK; /* whether it lives cannot be said */
}

/* The answer must be about the order that was asked for: our client id, and no other number than the one we know. */
static int of(aats_json_t *j, row_t *o, aats_order_t const *order)
{
    if (take_order(j, o)) return j->err;
    int const ours = binance_whose(o->client, o->client_len, &o->m);
    int const same = ours && o->m.instance == order->instance && o->m.order_id == aats_order_client_no(order);
    if (!same || (order->remote_id[0] && strcmp(o->m.remote_id, order->remote_id))) return aats_json_fail(j, AATS_E_SHAPE);
    return AATS_OK;
}

/* How it ended, if it has. */
static void say_end(aats_json_t *j, row_t const *o, aats_oreply_t *r)
{
    uint32_t const end = binance_end(o->status, o->ioc);
    if (o->status == ST_REJECTED) binance_add(r, j, &o->m, AATS_OM_REJECT, AATS_OC_VENUE);
    else if (end) binance_add(r, j, &o->m, AATS_OM_DONE, end);
}

/* That it lives, with what of it is filled, and its price and size as they are now. */
static void say_open(aats_json_t *j, row_t const *o, aats_oreply_t *r)
{
    aats_omsg_t *out = binance_add(r, j, &o->m, AATS_OM_OPEN, AATS_OC_NONE);
    if (out) out->px_i = o->px_i, out->qty_i = o->size_i;
}

/* An ack says that it has come; where more has happened already, that too (V-32). */
static void placed(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    row_t o;
    if (of(j, &o, order)) return;
    if (o.status != ST_REJECTED) binance_add(r, j, &o.m, AATS_OM_ACK, AATS_OC_NONE);
    if (o.status != ST_OPEN) say_end(j, &o, r);
    else if (o.m.cum_qty_i > 0) say_open(j, &o, r);
}

static void canceled(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    row_t o;
    if (of(j, &o, order)) return;
    binance_add(r, j, &o.m, AATS_OM_CANCEL_ACK, AATS_OC_NONE);
    say_end(j, &o, r);
}

static void amended(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    row_t o;
    if (of(j, &o, order)) return;
    aats_omsg_t *out = binance_add(r, j, &o.m, AATS_OM_AMENDED, AATS_OC_NONE);
    if (out) out->px_i = o.px_i, out->qty_i = o.size_i;
    say_end(j, &o, r); /* V-34 */
}

static void queried(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    row_t o;
    if (of(j, &o, order)) return;
    if (o.status == ST_OPEN) say_open(j, &o, r);
    else say_end(j, &o, r);
}

static void listed(aats_json_t *j, aats_oreply_t *r)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        row_t o;
        if (take_order(j, &o)) break;
        if (!binance_whose(o.client, o.client_len, &o.m)) binance_add(r, j, &o.m, AATS_OM_FOREIGN, AATS_OC_NONE);
        else if (o.status == ST_OPEN) say_open(j, &o, r);
        else say_end(j, &o, r);
    }
}

/* ---- fills ---- */

/* {"symbol":"BTCUSDT","id":698759,"orderId":25851813,"side":"SELL","price":"7819.01","qty":"0.002","quoteQty":"15.63802","commission":"-0.07819010",
 *  "commissionAsset":"USDT","realizedPnl":"-0.91539999","positionSide":"BOTH","maker":false,"buyer":false,"time":1569514978020} */
static void take_trade(aats_json_t *j, aats_omsg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int maker = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("price")) binance_take_size(j, &seen, 0, &m->px_i);
        else if (IS("qty")) binance_take_size(j, &seen, 1, &m->qty_i);
        else if (IS("id")) take_u64(j, &seen, 2, &m->trade_id);
        else if (IS("orderId")) binance_take_remote(j, &seen, 3, m->remote_id);
        else if (IS("maker")) aats_json_seen(j, &seen, 4), aats_json_bool(j, &maker);
        else if (IS("time")) take_time(j, &seen, 5, &m->venue_ns);
        else if (IS("commission")) aats_json_seen(j, &seen, 6), aats_json_num(j, BINANCE_EXP, &m->fee_i); /* below zero: a rebate */
        else if (IS("commissionAsset")) binance_take_text(j, &seen, 7, m->fee_asset, sizeof m->fee_asset);
        else if (IS("symbol")) binance_take_text(j, &seen, 8, m->symbol, sizeof m->symbol);
        else aats_json_skip(j);
    }
    m->liquidity = maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    if (!whole(j, seen, 0x3f) && (m->px_i <= 0 || m->qty_i <= 0)) aats_json_fail(j, AATS_E_SHAPE);
}

static void trades(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
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
        take_trade(j, &m);
        if (j->err) break;
        if (!order || !order->remote_id[0] || !strcmp(m.remote_id, order->remote_id)) binance_add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE);
    }
    r->more = rows >= FILLS_LIMIT;
}

/* ---- account and positions ---- */

/* [{"accountAlias":"SgsR","asset":"USDT","balance":"122607.35137903","crossWalletBalance":"23.72469206","crossUnPnl":"0.00000000",
 *   "availableBalance":"23.72469206",...}]      what is not available is margin, or profit not taken: only what is missing counts as locked */
static void balances(aats_json_t *j, aats_oreply_t *r)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        char const *key, *name = "";
        size_t key_len, name_len = 0;
        uint32_t seen = 0;
        __int128 sum = 0, free_ = 0;
        aats_omsg_t m;
        memset(&m, 0, sizeof m);
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("asset")) aats_json_seen(j, &seen, 0), aats_json_str(j, &name, &name_len);
            else if (IS("balance")) binance_amount(j, &seen, 1, &sum);
            else if (IS("availableBalance")) binance_amount(j, &seen, 2, &free_);
            else if (IS("updateTime")) take_time(j, &seen, 3, &m.venue_ns);
            else aats_json_skip(j);
        }
        if (whole(j, seen, 7)) return;
        if (name_len >= sizeof m.fee_asset) continue;
        memcpy(m.fee_asset, name, name_len);
        m.venue_ns = 0; /* of its last change, not of this answer */
        m.amount = aats_wide_of(sum);
        m.locked = aats_wide_of(sum > free_ ? sum - free_ : 0);
        m.fee_exp = BINANCE_EXP;
        binance_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
    }
}

/* [{"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"-0.010","entryPrice":"64000.123456789","markPrice":"..",...}] */
static void positions(aats_json_t *j, aats_oreply_t *r)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        char const *key, *side = "BOTH";
        size_t key_len, side_len = 4;
        uint32_t seen = 0;
        aats_omsg_t m;
        memset(&m, 0, sizeof m);
        m.cum_qty_i = -1;
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("symbol")) binance_take_text(j, &seen, 0, m.symbol, sizeof m.symbol);
            else if (IS("positionAmt")) aats_json_seen(j, &seen, 1), aats_json_num(j, BINANCE_EXP, &m.qty_i);
            else if (IS("entryPrice")) binance_take_entry(j, &seen, 2, &m.px_i);
            else if (IS("positionSide")) aats_json_seen(j, &seen, 3), aats_json_str(j, &side, &side_len);
            else aats_json_skip(j);
        }
        if (whole(j, seen, 3)) return;
        binance_position(r, j, &m, side, side_len);
    }
}

/* ---- the rest ---- */

/* {"serverTime":1785312000123} */
static void clock_told(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("serverTime")) aats_json_seen(j, &seen, 0), aats_json_i64(j, &r->server_ms);
        else aats_json_skip(j);
    }
    if (!whole(j, seen, 1) && r->server_ms <= 0) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"} */
static void token(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("listenKey")) aats_json_seen(j, &seen, 0), aats_json_str(j, &r->token, &r->token_len);
        else aats_json_skip(j);
    }
    if (!whole(j, seen, 1) && (r->token_len == 0 || j->escaped)) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"dualSidePosition":true} (V-30) */
static void mode(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int dual = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("dualSidePosition")) aats_json_seen(j, &seen, 0), aats_json_bool(j, &dual);
        else aats_json_skip(j);
    }
    if (!whole(j, seen, 1) && dual) aats_order_unfit(r);
}

int binance_futures_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int const of_order = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY || kind == AATS_OR_AMEND;
    r->msg_cnt = 0;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (of_order && !order)) return AATS_E_ARG;
    if (r->status != 200) return binance_refused(r, kind, order);
    aats_json_t j;
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_TIME:
    case AATS_OR_LOGON: clock_told(&j, r); break;
    case AATS_OR_TOKEN: token(&j, r); break;
    case AATS_OR_ACCOUNT: balances(&j, r); break;
    case AATS_OR_POSITIONS: positions(&j, r); break;
    case AATS_OR_OPEN: listed(&j, r); break;
    case AATS_OR_PLACE: placed(&j, r, order); break;
    case AATS_OR_CANCEL: canceled(&j, r, order); break;
    case AATS_OR_AMEND: amended(&j, r, order); break;
    case AATS_OR_QUERY: queried(&j, r, order); break;
    case AATS_OR_FILLS: trades(&j, r, order); break;
    case AATS_OR_MODE: mode(&j, r); break;
    default: aats_json_skip(&j); /* TOKEN_KEEP, CANCEL_ALL (V-35), DEADMAN: that it was taken is all */
    }
    aats_json_end(&j);
    if (j.err) r->msg_cnt = 0;
    return j.err;
}
