/* okx_order_say.c -- what OKX's orders, fills, balances and positions say, in messages; odd behaviours are numbered in okx_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "proto/num.h"
#include "venue/okx_order.h"

/* ---- rows ---- */

/* In the order of the enum. */
static char const *const NAMES[OK_CNT] = {
    "accFillSz", "amendResult", "avgPx", "cTime", "cancelSource", "cashBal", "ccy", "clOrdId", "code", "execType", "fee", "feeCcy", "fillFee",
    "fillFeeCcy", "fillPx", "fillSz", "fillTime", "frozenBal", "instId", "msg", "ordId", "ordType", "pos", "posSide", "px", "sCode", "sMsg",
    "state", "sz", "tradeId", "ts", "uTime",
};

static int which_of(char const *key, size_t n)
{
    for (int i = 0; i < OK_CNT; i++)
        if (strlen(NAMES[i]) == n && !memcmp(NAMES[i], key, n)) return i;
    return -1;
}

int okx_take_row(aats_json_t *j, okx_row_t *row)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0, seen_bill = 0;
    _Static_assert(OK_CNT <= 32, "a bit for each value");
    memset(row, 0, sizeof *row);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        int const i = which_of(key, key_len);
        if (i < 0 && IS("billId") && aats_json_type(j) == '"') {
            aats_json_seen(j, &seen_bill, 0);
            aats_json_str(j, &row->bill.s, &row->bill.n);
            continue;
        }
        if (i < 0) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, (unsigned)i);
        if (j->err || aats_json_type(j) != '"') aats_json_skip(j);
        else aats_json_str(j, &row->of[i].s, &row->of[i].n);
    }
    return j->err;
}

int okx_is(okx_row_t const *row, int which, char const *text)
{
    return row->of[which].n == strlen(text) && !memcmp(row->of[which].s, text, row->of[which].n);
}

/* A decimal at exp; `must` 0: an empty one is 0 (V-50). */
static int decimal(aats_json_t *j, okx_row_t const *row, int which, int exp, int must, int64_t *out)
{
    okx_text_t const t = row->of[which];
    *out = 0;
    if (j->err || (t.n == 0 && !must)) return j->err;
    int const e = t.n ? aats_num_parse(t.s, t.n, exp, out) : AATS_E_SHAPE;
    return e ? aats_json_fail(j, e == AATS_E_SYNTAX ? AATS_E_SHAPE : e) : AATS_OK;
}

int okx_number(aats_json_t *j, okx_row_t const *row, int which, int64_t *out) { return decimal(j, row, which, 0, 0, out); }

/* A size or price: not below zero. */
static int size(aats_json_t *j, okx_row_t const *row, int which, int exp, int must, int64_t *out)
{
    if (decimal(j, row, which, exp, must, out)) return j->err;
    return *out < 0 ? aats_json_fail(j, AATS_E_SHAPE) : AATS_OK;
}

static void copy(aats_json_t *j, okx_row_t const *row, int which, char *out, size_t cap)
{
    okx_text_t const t = row->of[which];
    if (t.n >= cap) {
        aats_json_fail(j, AATS_E_TOO_BIG); /* no name is cut */
        return;
    }
    if (t.n) memcpy(out, t.s, t.n);
    out[t.n] = 0;
}

static void stamp(aats_json_t *j, okx_row_t const *row, int which, int64_t *ns)
{
    int64_t ms;
    if (!okx_number(j, row, which, &ms) && ms > 0) *ns = text_ms_ns((uint64_t)ms);
}

/* ---- messages ---- */

static aats_omsg_t *add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code)
{
    if (j->err) return NULL;
    if (r->msg_cnt == AATS_OREPLY_MSGS) {
        aats_json_fail(j, AATS_E_TOO_BIG);
        return NULL;
    }
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    *m = *like;
    m->kind = kind;
    m->code = code;
    return m;
}

/* Whose order it is: 1 if its client id is one that we can have written; else 0, and the id is the message's text. */
static int whose(okx_text_t id, aats_omsg_t *m)
{
    if (aats_client_id_parse(id.s, id.n, &m->instance, &m->order_id) == AATS_OK) return 1;
    size_t const n = id.n < sizeof m->text ? id.n : sizeof m->text - 1;
    m->instance = 0;
    m->order_id = 0;
    if (n) memcpy(m->text, id.s, n);
    m->text[n] = 0;
    return 0;
}

/* A fee is told as what it does to the balance: below zero it was charged (5.3).  It has as many digits as the asset has (V-54). */
static void fee(aats_json_t *j, okx_row_t const *row, int amount, int asset, aats_omsg_t *m)
{
    static int const EXPS[] = {-8, -12, -15, -18};
    okx_text_t const t = row->of[amount];
    int e = t.n ? AATS_E_INEXACT : AATS_OK;
    m->fee_exp = OKX_ORDER_EXP;
    for (size_t i = 0; e == AATS_E_INEXACT && i < sizeof EXPS / sizeof EXPS[0]; i++) {
        e = aats_num_parse(t.s, t.n, EXPS[i], &m->fee_i);
        if (!e) m->fee_exp = EXPS[i];
    }
    if (e || m->fee_i == INT64_MIN) aats_json_fail(j, e == AATS_E_SYNTAX ? AATS_E_SHAPE : e ? e : AATS_E_RANGE);
    m->fee_i = e ? 0 : -m->fee_i;
    copy(j, row, asset, m->fee_asset, sizeof m->fee_asset);
}

/* How an order ended that is "canceled" (5.3). */
static uint32_t end_code(okx_row_t const *row)
{
    static struct { char const *source; uint32_t oc; } const SOURCES[] = {
        {"1", AATS_OC_CANCELED},   {"7", AATS_OC_EXPIRED},  {"13", AATS_OC_EXPIRED}, {"14", AATS_OC_IOC_REST},
        {"15", AATS_OC_EXPIRED},   {"20", AATS_OC_EXPIRED}, {"31", AATS_OC_WOULD_CROSS}, {"32", AATS_OC_SELF_TRADE},
        {"33", AATS_OC_EXPIRED},
    };
    if (okx_is(row, OK_STATE, "filled")) return AATS_OC_FILLED;
    for (size_t i = 0; i < sizeof SOURCES / sizeof SOURCES[0]; i++) {
        if (!okx_is(row, OK_CANCEL_SOURCE, SOURCES[i].source)) continue;
        return SOURCES[i].oc == AATS_OC_IOC_REST && okx_is(row, OK_ORD_TYPE, "market") ? AATS_OC_EXPIRED : SOURCES[i].oc;
    }
    if (row->of[OK_CANCEL_SOURCE].n) return AATS_OC_CANCELED_OTHER;
    return okx_is(row, OK_ORD_TYPE, "ioc") ? AATS_OC_IOC_REST : okx_is(row, OK_ORD_TYPE, "fok") || okx_is(row, OK_ORD_TYPE, "market") ? AATS_OC_EXPIRED : AATS_OC_CANCELED;
}

/* The end of an order.  V-53: of a post-only order that would have taken it is a refusal; the end behind it is for an order whose life was told. */
static void say_end(aats_json_t *j, okx_row_t const *row, aats_oreply_t *r, aats_omsg_t const *m)
{
    uint32_t code = end_code(row);
    if (code == AATS_OC_WOULD_CROSS) {
        if (m->cum_qty_i == 0) {
            aats_omsg_t *out = add(r, j, m, AATS_OM_REJECT, code);
            if (out) memcpy(out->text, "31: post only, and it would have taken", 39);
        }
        code = AATS_OC_EXPIRED;
    }
    add(r, j, m, AATS_OM_DONE, code);
}

/* An order's news: an amendment's outcome, a fill, an end, or that it lives. */
static void say_news(aats_json_t *j, okx_row_t const *row, aats_oreply_t *r, aats_omsg_t *m, int open)
{
    int64_t px, qty;
    int32_t px_exp = OKX_ORDER_EXP, qty_exp = OKX_ORDER_EXP;
    int said = 0;
    aats_oreply_scale(r, m->symbol, strlen(m->symbol), &px_exp, &qty_exp);
    size(j, row, OK_FILL_PX, px_exp, 0, &px);
    size(j, row, OK_FILL_SZ, qty_exp, 0, &qty);
    if (okx_is(row, OK_AMEND_RESULT, "0")) said = 1, add(r, j, m, AATS_OM_AMENDED, AATS_OC_NONE);
    else if (row->of[OK_AMEND_RESULT].n) { /* -1 failed, 1 ended by it (5.1) */
        aats_omsg_t *out = add(r, j, m, AATS_OM_AMEND_REJECT, AATS_OC_VENUE);
        size_t n = row->of[OK_MSG].n < sizeof m->text ? row->of[OK_MSG].n : 0;
        if (out && n) memcpy(out->text, row->of[OK_MSG].s, n), out->text[n] = 0;
        said = 1;
    }
    if (row->of[OK_TRADE_ID].n && qty > 0) { /* V-52 */
        aats_omsg_t fill = *m;
        int64_t id;
        okx_number(j, row, OK_TRADE_ID, &id);
        fee(j, row, OK_FILL_FEE, OK_FILL_FEE_CCY, &fill);
        stamp(j, row, OK_FILL_TIME, &fill.venue_ns);
        fill.trade_id = (uint64_t)id;
        fill.px_i = px;
        fill.qty_i = qty;
        fill.liquidity = okx_is(row, OK_EXEC_TYPE, "M") ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
        if (id <= 0 || px <= 0 || fill.cum_qty_i < qty) aats_json_fail(j, AATS_E_SHAPE);
        add(r, j, &fill, AATS_OM_FILL, AATS_OC_NONE);
        if (open || okx_is(row, OK_STATE, "filled")) {
            if (!open && fill.cum_qty_i < m->qty_i) add(r, j, m, AATS_OM_DONE, AATS_OC_CANCELED_OTHER);
            return;
        }
    }
    if (!open) say_end(j, row, r, m);
    else if (!said) add(r, j, m, AATS_OM_ACK, AATS_OC_NONE);
}

/* {"instType":"SWAP","instId":"BTC-USDT-SWAP","ordId":"2987654321098765312","clOrdId":"..","px":"64000.1","sz":"1","side":"buy","ordType":"post_only",
 *  "state":"partially_filled","accFillSz":"0.4","fillPx":"64000.1","fillSz":"0.4","tradeId":"1987700001","fillTime":"1785312005008","fillFee":"-0.0512",
 *  "fillFeeCcy":"USDT","execType":"M","cancelSource":"","amendResult":"","code":"0","msg":"","cTime":"1785312003004","uTime":"1785312005009",...} */
int okx_say_order(aats_json_t *j, okx_row_t const *row, aats_oreply_t *r, int of_event, aats_order_t const *order)
{
    int32_t px_exp = OKX_ORDER_EXP, qty_exp = OKX_ORDER_EXP;
    int const open = okx_is(row, OK_STATE, "live") || okx_is(row, OK_STATE, "partially_filled");
    int const ended = okx_is(row, OK_STATE, "filled") || okx_is(row, OK_STATE, "canceled") || okx_is(row, OK_STATE, "mmp_canceled");
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.fee_exp = OKX_ORDER_EXP;
    if ((!open && !ended) || !row->of[OK_INST_ID].n || !row->of[OK_ORD_ID].n) return aats_json_fail(j, AATS_E_SHAPE); /* whether it lives cannot be said */
    copy(j, row, OK_INST_ID, m.symbol, sizeof m.symbol);
    copy(j, row, OK_ORD_ID, m.remote_id, sizeof m.remote_id);
    stamp(j, row, row->of[OK_U_TIME].n ? OK_U_TIME : OK_C_TIME, &m.venue_ns);
    int const ours = whose(row->of[OK_CL_ORD_ID], &m);
    if (!ours && !order) { /* somebody else's: it may be of any kind, and in any unit */
        add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE);
        return j->err;
    }
    aats_oreply_scale(r, m.symbol, strlen(m.symbol), &px_exp, &qty_exp);
    size(j, row, OK_ACC_FILL_SZ, qty_exp, 0, &m.cum_qty_i);
    size(j, row, OK_PX, px_exp, 0, &m.px_i);
    size(j, row, OK_SZ, qty_exp, 1, &m.qty_i);
    if (j->err) return j->err;
    if (order) {
        int const same = ours && m.instance == order->instance && m.order_id == aats_order_client_no(order);
        if (!same || (order->remote_id[0] && strcmp(order->remote_id, m.remote_id))) return aats_json_fail(j, AATS_E_SHAPE);
    }
    if (of_event) say_news(j, row, r, &m, open);
    else if (open) add(r, j, &m, AATS_OM_OPEN, AATS_OC_NONE);
    else say_end(j, row, r, &m);
    return j->err;
}

/* [{"side":"buy","fillSz":"0.00192834","fillPx":"51858","ordId":"680800019749904384","instId":"BTC-USDT","clOrdId":"","billId":"680800019754098688",
 *   "tradeId":"744876980","execType":"T","fee":"-0.00000192834","feeCcy":"BTC","fillTime":"1708587373361","ts":"1708587373362"},..]: newest first,
 * and we tell them oldest first. */
int okx_say_fills(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    size_t const first = r->msg_cnt;
    size_t rows = 0;
    okx_text_t last = {"", 0};
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        okx_row_t row;
        int32_t px_exp = OKX_ORDER_EXP, qty_exp = OKX_ORDER_EXP;
        int64_t id;
        aats_omsg_t m;
        memset(&m, 0, sizeof m);
        if (okx_take_row(j, &row)) break;
        if (!row.of[OK_INST_ID].n || !row.of[OK_ORD_ID].n) return aats_json_fail(j, AATS_E_SHAPE);
        rows++;
        last = row.bill;
        copy(j, &row, OK_INST_ID, m.symbol, sizeof m.symbol);
        copy(j, &row, OK_ORD_ID, m.remote_id, sizeof m.remote_id);
        if (order && order->remote_id[0] && strcmp(order->remote_id, m.remote_id)) continue;
        aats_oreply_scale(r, m.symbol, strlen(m.symbol), &px_exp, &qty_exp);
        m.instance = order ? order->instance : 0;
        m.order_id = order ? aats_order_client_no(order) : 0;
        m.cum_qty_i = -1;
        m.liquidity = okx_is(&row, OK_EXEC_TYPE, "M") ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
        size(j, &row, OK_FILL_PX, px_exp, 1, &m.px_i);
        size(j, &row, OK_FILL_SZ, qty_exp, 1, &m.qty_i);
        okx_number(j, &row, OK_TRADE_ID, &id);
        fee(j, &row, OK_FEE, OK_FEE_CCY, &m);
        stamp(j, &row, row.of[OK_FILL_TIME].n ? OK_FILL_TIME : OK_TS, &m.venue_ns);
        if (!j->err && (id <= 0 || m.px_i <= 0 || m.qty_i <= 0)) return aats_json_fail(j, AATS_E_SHAPE);
        m.trade_id = (uint64_t)id;
        add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE);
    }
    if (j->err) return j->err;
    okx_page(r, rows, last);
    for (size_t a = first, b = r->msg_cnt; a + 1 < b; a++, b--) {
        aats_omsg_t const m = r->msgs[a];
        r->msgs[a] = r->msgs[b - 1];
        r->msgs[b - 1] = m;
    }
    return AATS_OK;
}

/* V-54; an empty one is nothing. */
static aats_i128_t amount(aats_json_t *j, okx_text_t t)
{
    __int128 sum = 0;
    int const e = t.n && !j->err ? text_amount(t.s, t.n, &sum) : AATS_OK;
    if (e) aats_json_fail(j, e == AATS_E_SYNTAX ? AATS_E_SHAPE : e);
    return aats_wide_of(sum);
}

/* [{"uTime":"..","details":[{"ccy":"USDT","cashBal":"4850.435693622894","availBal":"4834.317093622894","frozenBal":"158.573",..}],..}] */
int okx_say_balances(aats_json_t *j, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        uint32_t seen = 0;
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (!IS("details")) {
                aats_json_skip(j);
                continue;
            }
            aats_json_seen(j, &seen, 0);
            aats_json_array(j);
            while (aats_json_item(j) == 1) {
                okx_row_t row;
                aats_omsg_t m;
                memset(&m, 0, sizeof m);
                if (okx_take_row(j, &row)) break;
                if (!row.of[OK_CCY].n || !row.of[OK_CASH_BAL].n) return aats_json_fail(j, AATS_E_SHAPE);
                if (row.of[OK_CCY].n >= sizeof m.fee_asset) continue; /* no symbol that can be traded here is made of it */
                copy(j, &row, OK_CCY, m.fee_asset, sizeof m.fee_asset);
                m.amount = amount(j, row.of[OK_CASH_BAL]);
                m.locked = amount(j, row.of[OK_FROZEN_BAL]);
                m.fee_exp = OKX_ORDER_EXP;
                stamp(j, &row, OK_U_TIME, &m.venue_ns);
                add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
            }
        }
        if (whole(j, seen, 1)) break;
    }
    return j->err;
}

/* [{"instId":"BTC-USDT-SWAP","pos":"-3","posSide":"net","avgPx":"64000.1",..}] */
int okx_say_positions(aats_json_t *j, aats_oreply_t *r)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        okx_row_t row;
        int32_t px_exp = OKX_ORDER_EXP, qty_exp = OKX_ORDER_EXP;
        aats_omsg_t m;
        memset(&m, 0, sizeof m);
        if (okx_take_row(j, &row)) break;
        if (!row.of[OK_INST_ID].n) return aats_json_fail(j, AATS_E_SHAPE);
        if (row.of[OK_INST_ID].n >= sizeof m.symbol) continue;
        copy(j, &row, OK_INST_ID, m.symbol, sizeof m.symbol);
        aats_oreply_scale(r, m.symbol, strlen(m.symbol), &px_exp, &qty_exp);
        decimal(j, &row, OK_POS, qty_exp, 0, &m.qty_i);
        if (okx_is(&row, OK_POS_SIDE, "short") && m.qty_i > 0) m.qty_i = -m.qty_i;
        /* An average with more digits than a price has is not told. */
        okx_text_t const avg = row.of[OK_AVG_PX];
        if (avg.n && aats_num_parse(avg.s, avg.n, px_exp, &m.px_i)) m.px_i = 0;
        stamp(j, &row, OK_U_TIME, &m.venue_ns);
        add(r, j, &m, AATS_OM_POSITION, AATS_OC_NONE);
    }
    return j->err;
}
