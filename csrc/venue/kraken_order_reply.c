/* kraken_order_reply.c -- what the result of each of Kraken's answers says of orders; odd behaviours are numbered in kraken_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "proto/num.h"
#include "venue/kraken_order.h"

static aats_omsg_t of_order(aats_order_t const *order)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.cum_qty_i = -1;
    m.fee_exp = KRAKEN_EXP;
    if (!order) return m;
    m.instance = order->instance;
    m.order_id = aats_order_client_no(order);
    return m;
}

/* {"order_id":"OABCDE-12345-FGHIJ","cl_ord_id":"..","order_userref":0} */
static void placed(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key, *id = "";
    size_t key_len, n = 0;
    uint32_t seen = 0;
    aats_omsg_t m = of_order(order);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("order_id")) take_str(j, &seen, 0, &id, &n);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 1)) return;
    if (n == 0 || n >= sizeof m.remote_id) {
        aats_json_fail(j, AATS_E_SHAPE);
        return;
    }
    memcpy(m.remote_id, id, n);
    kraken_add(r, j, &m, AATS_OM_ACK, AATS_OC_NONE);
}

/* {"token":"..","expires":900} */
static void token(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("token")) take_str(j, &seen, 0, &r->token, &r->token_len);
        else aats_json_skip(j);
    }
    whole(j, seen, 1);
}

/* {"ZUSD":{"balance":"25435.21","hold_trade":"8249.76"},..} */
static void account(aats_json_t *j, aats_oreply_t *r)
{
    char const *asset, *key;
    size_t asset_len, key_len;
    aats_json_object(j);
    while (aats_json_key(j, &asset, &asset_len) == 1) {
        aats_omsg_t m = of_order(NULL);
        __int128 sum = 0, held = 0;
        uint32_t seen = 0;
        int e = AATS_OK;
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            char const *s = "";
            size_t n = 0;
            unsigned const bit = IS("balance") ? 0 : IS("hold_trade") ? 1 : 2;
            if (bit == 2) aats_json_skip(j);
            else if (!take_str(j, &seen, bit, &s, &n) && !e) e = text_amount(s, n, bit ? &held : &sum);
        }
        if (!j->err && e) aats_json_fail(j, e);
        if (whole(j, seen, 1)) return;
        if (!kraken_asset(asset, asset_len, m.fee_asset, sizeof m.fee_asset)) continue;
        m.amount = aats_wide_of(sum);
        m.locked = aats_wide_of(held);
        kraken_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
    }
}

/* ---- orders over REST ---- */

typedef struct {
    kraken_text_t client_id, status, vol, vol_exec, px;
} listed_t;

static void descr(aats_json_t *j, listed_t *o)
{
    char const *key;
    size_t key_len;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("price") && aats_json_type(j) == '"') aats_json_str(j, &o->px.s, &o->px.n);
        else aats_json_skip(j);
    }
}

/* {"status":"open","cl_ord_id":"..","vol":"0.01","vol_exec":"0","descr":{"pair":"XBTUSD","price":"30000.0",..},..} */
static void listed(aats_json_t *j, listed_t *o)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    memset(o, 0, sizeof *o);
    o->status.s = "";
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("status")) take_str(j, &seen, 0, &o->status.s, &o->status.n);
        else if (IS("vol")) take_str(j, &seen, 1, &o->vol.s, &o->vol.n);
        else if (IS("vol_exec")) take_str(j, &seen, 2, &o->vol_exec.s, &o->vol_exec.n);
        else if (IS("cl_ord_id") && aats_json_type(j) == '"') take_str(j, &seen, 3, &o->client_id.s, &o->client_id.n);
        else if (IS("descr")) aats_json_seen(j, &seen, 4), descr(j, o);
        else aats_json_skip(j);
    }
    whole(j, seen, 7);
}

#define STATUS(lit) AATS_JSON_IS(o.status.s, o.status.n, lit)

/* {"OABCDE-12345-FGHIJ":{..}}: what was asked for, or all that is open.  Numbers are read at the order's own exponents; of an order that nobody here knows
 * none is wanted. */
static void orders(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *id;
    size_t n;
    aats_json_object(j);
    while (aats_json_key(j, &id, &n) == 1) {
        listed_t o;
        aats_omsg_t m = of_order(order);
        listed(j, &o);
        if (j->err) return;
        if (n == 0 || n >= sizeof m.remote_id) {
            aats_json_fail(j, AATS_E_SHAPE);
            return;
        }
        memcpy(m.remote_id, id, n);
        if (!order && (!o.client_id.n || aats_client_id_parse(o.client_id.s, o.client_id.n, &m.instance, &m.order_id) != AATS_OK)) {
            m.instance = 0;
            m.order_id = 0;
            memcpy(m.text, o.client_id.s ? o.client_id.s : "", o.client_id.n < sizeof m.text ? o.client_id.n : 0);
            kraken_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE);
            continue;
        }
        if (order) {
            m.px_i = kraken_number(o.px, order->px_exp, 0);
            m.qty_i = kraken_number(o.vol, order->qty_exp, 0);
            m.cum_qty_i = kraken_number(o.vol_exec, order->qty_exp, -1);
        }
        if (STATUS("open") || STATUS("pending")) kraken_add(r, j, &m, AATS_OM_OPEN, AATS_OC_NONE);
        else if (!order) continue;
        else if (STATUS("closed")) kraken_add(r, j, &m, AATS_OM_DONE, AATS_OC_FILLED);
        else if (STATUS("canceled")) kraken_add(r, j, &m, AATS_OM_DONE, order->tif == AATS_TIF_IOC ? AATS_OC_IOC_REST : AATS_OC_CANCELED);
        else if (STATUS("expired")) kraken_add(r, j, &m, AATS_OM_DONE, AATS_OC_EXPIRED);
        else aats_json_fail(j, AATS_E_SHAPE); /* whether it lives cannot be said */
    }
}

/* {"open":{..}} */
static void open_orders(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("open")) aats_json_seen(j, &seen, 0), orders(j, r, NULL);
        else aats_json_skip(j);
    }
    whole(j, seen, 1);
}

/* ---- fills over REST ---- */

/* {"ordertxid":"..","time":1688667796.88,"price":"30010.00","vol":"0.02","fee":"0.6","maker":true,"trade_id":40274859,..} */
static void fill(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    kraken_text_t id = {"", 0}, px = {"", 0}, vol = {"", 0}, fee = {"", 0};
    int maker = 0;
    aats_omsg_t m = of_order(order);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("ordertxid")) take_str(j, &seen, 0, &id.s, &id.n);
        else if (IS("price")) take_str(j, &seen, 1, &px.s, &px.n);
        else if (IS("vol")) take_str(j, &seen, 2, &vol.s, &vol.n);
        else if (IS("fee")) take_str(j, &seen, 3, &fee.s, &fee.n);
        else if (IS("trade_id")) take_u64(j, &seen, 4, &m.trade_id);
        else if (IS("maker")) aats_json_seen(j, &seen, 5), aats_json_bool(j, &maker);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x1f)) return;
    if (strlen(order->remote_id) != id.n || memcmp(order->remote_id, id.s, id.n) != 0) return;
    memcpy(m.remote_id, id.s, id.n);
    m.px_i = kraken_number(px, order->px_exp, 0);
    m.qty_i = kraken_number(vol, order->qty_exp, 0);
    m.liquidity = maker ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    if (m.px_i <= 0 || m.qty_i <= 0 || !m.trade_id || aats_num_parse(fee.s, fee.n, KRAKEN_EXP, &m.fee_i)) {
        aats_json_fail(j, AATS_E_SHAPE);
        return;
    }
    kraken_add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE); /* the fee is in the quote asset, which is not named (8) */
}

/* {"trades":{"THVRQM-33VKH-UCI7BS":{..},..},"count":2346}: newest first; they are told in the order in which they were.  Trades that are made meanwhile push the
 * others back: what comes twice is known by its number, nothing is passed over. */
static void fills(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key, *id;
    size_t key_len, n;
    uint32_t seen = 0, rows = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("trades")) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        aats_json_object(j);
        while (aats_json_key(j, &id, &n) == 1) fill(j, r, order), rows++;
    }
    if (whole(j, seen, 1)) return;
    if (rows >= KRAKEN_TRADES) r->next_rows = rows;
    for (size_t i = 0; i < r->msg_cnt / 2; i++) {
        aats_omsg_t const m = r->msgs[i];
        r->msgs[i] = r->msgs[r->msg_cnt - 1 - i];
        r->msgs[r->msg_cnt - 1 - i] = m;
    }
}

int kraken_order_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int const wants = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY || kind == AATS_OR_AMEND || kind == AATS_OR_FILLS;
    aats_omsg_t m = of_order(order);
    aats_json_t j;
    r->msg_cnt = 0;
    r->next_rows = 0;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (wants && !order)) return AATS_E_ARG;
    if (r->status < 200 || r->status > 299) return aats_order_refused(r, kind, order, r->oc == AATS_OC_UNKNOWN_ORDER);
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_PLACE: placed(&j, r, order); break;
    case AATS_OR_TOKEN: token(&j, r); break;
    case AATS_OR_ACCOUNT: account(&j, r); break;
    case AATS_OR_OPEN: open_orders(&j, r); break;
    case AATS_OR_QUERY: orders(&j, r, order); break;
    case AATS_OR_FILLS: fills(&j, r, order); break;
    case AATS_OR_CANCEL: kraken_add(r, NULL, &m, AATS_OM_CANCEL_ACK, AATS_OC_NONE); return AATS_OK;
    case AATS_OR_AMEND: kraken_add(r, NULL, &m, AATS_OM_AMENDED, AATS_OC_NONE); return AATS_OK; /* with the numbers that were asked for */
    default: return AATS_OK;
    }
    aats_json_end(&j);
    if (j.err) r->msg_cnt = 0;
    return j.err;
}
