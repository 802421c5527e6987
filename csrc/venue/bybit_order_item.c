/* bybit_order_item.c -- one order, execution, coin or position; events and the answers of REST write them with the same keys.
 *
 * Odd behaviours are numbered in bybit_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "venue/bybit_order.h"

static struct { char const *name; size_t n; } const KEYS[K_CNT] = {
#define KEY(name) {name, sizeof(name) - 1}
    [K_CATEGORY]    = KEY("category"),       [K_SYMBOL]      = KEY("symbol"),         [K_ORDER_ID]    = KEY("orderId"),
    [K_LINK_ID]     = KEY("orderLinkId"),    [K_STATUS]      = KEY("orderStatus"),    [K_REASON]      = KEY("rejectReason"),
    [K_CANCEL_TYPE] = KEY("cancelType"),     [K_TIF]         = KEY("timeInForce"),    [K_TYPE]        = KEY("orderType"),
    [K_PRICE]       = KEY("price"),          [K_QTY]         = KEY("qty"),            [K_CUM]         = KEY("cumExecQty"),
    [K_UPDATED]     = KEY("updatedTime"),    [K_EXEC_ID]     = KEY("execId"),         [K_EXEC_PRICE]  = KEY("execPrice"),
    [K_EXEC_QTY]    = KEY("execQty"),        [K_EXEC_FEE]    = KEY("execFee"),        [K_FEE_COIN]    = KEY("feeCurrency"),
    [K_EXEC_TYPE]   = KEY("execType"),       [K_EXEC_TIME]   = KEY("execTime"),       [K_MAKER]       = KEY("isMaker"),
    [K_COIN]        = KEY("coin"),           [K_WALLET]      = KEY("walletBalance"),  [K_LOCKED]      = KEY("locked"),
    [K_SIDE]        = KEY("side"),           [K_SIZE]        = KEY("size"),           [K_AVG]         = KEY("avgPrice"),
    [K_IDX]         = KEY("positionIdx"),    [K_ORDER_QTY]   = KEY("orderQty"),       [K_LEAVES]      = KEY("leavesQty"),
#undef KEY
};

int bybit_item(aats_json_t *j, bybit_item_t *item)
{
    char const *key;
    size_t key_len;
    memset(item, 0, sizeof *item);
    for (int k = 0; k < K_CNT; k++) item->at[k].s = "";
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        unsigned k = 0;
        while (k < K_CNT && (KEYS[k].n != key_len || memcmp(KEYS[k].name, key, key_len) != 0)) k++;
        int const type = k < K_CNT ? aats_json_type(j) : 0;
        if (k == K_CNT || type == '{' || type == '[') {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &item->seen, k);
        if (type == '"') aats_json_str(j, &item->at[k].s, &item->at[k].n);
        else aats_json_raw(j, &item->at[k].s, &item->at[k].n);
    }
    return j->err;
}

/* ---- values ---- */

/* A decimal at 10^exp; "" is 0. */
static int number(aats_json_t *j, bybit_item_t const *item, int k, int exp, int64_t *out)
{
    *out = 0;
    if (!item->at[k].n) return j->err;
    int const e = aats_num_parse(item->at[k].s, item->at[k].n, exp, out);
    return e ? aats_json_fail(j, e) : AATS_OK;
}

/* One that must not be below zero. */
static int size(aats_json_t *j, bybit_item_t const *item, int k, int exp, int64_t *out)
{
    if (!number(j, item, k, exp, out) && *out < 0) return aats_json_fail(j, AATS_E_SHAPE);
    return j->err;
}

/* V-17: a fee may be finer than prices and quantities are: as fine as it is written, it is kept. */
static int fee(aats_json_t *j, bybit_item_t const *item, aats_omsg_t *m)
{
    static int const EXPS[] = {-8, -12, -15, -18};
    int e = AATS_E_INEXACT;
    if (!item->at[K_EXEC_FEE].n) e = AATS_OK;
    for (size_t i = 0; i < sizeof EXPS / sizeof EXPS[0] && e == AATS_E_INEXACT; i++) {
        m->fee_exp = EXPS[i];
        e = aats_num_parse(item->at[K_EXEC_FEE].s, item->at[K_EXEC_FEE].n, EXPS[i], &m->fee_i);
    }
    return e ? aats_json_fail(j, e) : AATS_OK;
}

static int time_of(aats_json_t *j, bybit_item_t const *item, int k, int64_t *ns)
{
    uint64_t ms = 0;
    int const e = item->at[k].n ? aats_num_u64(item->at[k].s, item->at[k].n, &ms) : AATS_OK;
    *ns = text_ms_ns(ms);
    return e ? aats_json_fail(j, e) : AATS_OK;
}

/* No name is cut; of an order that is not ours it does not matter. */
static int copy(aats_json_t *j, bybit_item_t const *item, int k, char *out, size_t cap, int may_cut)
{
    size_t n = item->at[k].n;
    if (n >= cap && !may_cut) return aats_json_fail(j, AATS_E_TOO_BIG);
    if (n >= cap) n = cap - 1;
    memcpy(out, item->at[k].s, n);
    out[n] = 0;
    return AATS_OK;
}

aats_omsg_t *bybit_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code)
{
    if (r->msg_cnt == AATS_OREPLY_MSGS) {
        if (j) aats_json_fail(j, AATS_E_TOO_BIG);
        return NULL;
    }
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    *m = *like;
    m->kind = kind;
    m->code = code;
    return m;
}

/* The ids behind an item: 1 if its orderLinkId is one that we can have written. */
static int whose(aats_json_t *j, bybit_item_t const *item, aats_omsg_t *m)
{
    int const ours = aats_client_id_parse(item->at[K_LINK_ID].s, item->at[K_LINK_ID].n, &m->instance, &m->order_id) == AATS_OK;
    copy(j, item, K_SYMBOL, m->symbol, sizeof m->symbol, !ours);
    copy(j, item, K_ORDER_ID, m->remote_id, sizeof m->remote_id, !ours);
    if (ours) return 1;
    m->instance = 0;
    m->order_id = 0;
    copy(j, item, K_LINK_ID, m->text, sizeof m->text, 1);
    return 0;
}

/* The answer must be about the order that was asked for. */
static int is_of(aats_omsg_t const *m, int ours, aats_order_t const *order)
{
    if (order->remote_id[0] && strcmp(m->remote_id, order->remote_id) != 0) return 0;
    return ours ? m->instance == order->instance && m->order_id == aats_order_client_no(order) : order->remote_id[0] != 0;
}

/* ---- orders ---- */

enum { ST_STRANGE = 0, ST_OPEN, ST_FILLED, ST_CANCELED, ST_REJECTED };

static int is_word(bybit_item_t const *item, int k, char const *word)
{
    return strlen(word) == item->at[k].n && !memcmp(word, item->at[k].s, item->at[k].n);
}

static int status_of(bybit_item_t const *item)
{
    static struct { char const *name; int status; } const NAMES[] = {
        {"New", ST_OPEN},           {"PartiallyFilled", ST_OPEN}, {"Untriggered", ST_OPEN},                {"Triggered", ST_OPEN},
        {"Filled", ST_FILLED},      {"Cancelled", ST_CANCELED},   {"PartiallyFilledCanceled", ST_CANCELED}, {"Deactivated", ST_CANCELED},
        {"Rejected", ST_REJECTED},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (is_word(item, K_STATUS, NAMES[i].name)) return NAMES[i].status;
    return ST_STRANGE;
}

/* Why it was canceled: the reason says it first, then who did it, then what kind of order it was (V-13, V-14). */
static uint32_t end_code(bybit_item_t const *item)
{
    static struct { int key; char const *word; uint32_t code; } const WORDS[] = {
        {K_REASON, "EC_PostOnlyWillTakeLiquidity", AATS_OC_WOULD_CROSS}, {K_REASON, "EC_NoImmediateQtyToFill", AATS_OC_IOC_REST},
        {K_REASON, "EC_NoEnoughQtyToFill", AATS_OC_IOC_REST},            {K_REASON, "EC_CancelForNoFullFill", AATS_OC_EXPIRED},
        {K_CANCEL_TYPE, "CancelBySmp", AATS_OC_SELF_TRADE},              {K_CANCEL_TYPE, "CancelByUser", AATS_OC_CANCELED},
        {K_CANCEL_TYPE, "CancelByDCP", AATS_OC_CANCELED_OTHER},          {K_CANCEL_TYPE, "CancelByReduceOnly", AATS_OC_CANCELED_OTHER},
        {K_CANCEL_TYPE, "CancelAllBeforeLiq", AATS_OC_CANCELED_OTHER},
        {K_CANCEL_TYPE, "CancelByCannotAffordOrderCost", AATS_OC_CANCELED_OTHER},
    };
    int const market = ITEM_IS(item, K_TYPE, "Market"), ioc = ITEM_IS(item, K_TIF, "IOC") && !market, fok = ITEM_IS(item, K_TIF, "FOK");
    uint32_t code = ioc ? AATS_OC_IOC_REST : fok || market ? AATS_OC_EXPIRED : AATS_OC_CANCELED;
    for (size_t i = sizeof WORDS / sizeof WORDS[0]; i-- > 0;) {
        if (is_word(item, WORDS[i].key, WORDS[i].word)) code = WORDS[i].code;
    }
    return code == AATS_OC_IOC_REST && (market || fok) ? AATS_OC_EXPIRED : code;
}

/* An end without a fill that is a refusal is told as both: a machine that knows the order as living takes the second (V-12). */
static void say_end(aats_json_t *j, bybit_item_t const *item, int status, aats_omsg_t *m, aats_oreply_t *r)
{
    uint32_t const code = end_code(item);
    if (!ITEM_IS(item, K_REASON, "EC_NoError")) copy(j, item, K_REASON, m->text, sizeof m->text, 1);
    int const refused = (status == ST_REJECTED || code == AATS_OC_WOULD_CROSS) && m->cum_qty_i == 0;
    if (refused) bybit_add(r, j, m, AATS_OM_REJECT, code == AATS_OC_WOULD_CROSS ? code : AATS_OC_VENUE);
    bybit_add(r, j, m, AATS_OM_DONE, status == ST_REJECTED && code == AATS_OC_CANCELED ? AATS_OC_CANCELED_OTHER : code);
}

int bybit_order(aats_json_t *j, bybit_item_t const *item, int how, aats_oreply_t *r, aats_order_t const *order)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    int32_t px_exp = BYBIT_EXP, qty_exp = BYBIT_EXP;
    uint32_t const want = BIT(K_SYMBOL) | BIT(K_ORDER_ID) | BIT(K_LINK_ID) | BIT(K_STATUS) | BIT(K_CUM);
    if (whole(j, item->seen, want) || !item->at[K_ORDER_ID].n) return aats_json_fail(j, AATS_E_SHAPE);
    int const ours = whose(j, item, &m), status = status_of(item);
    m.fee_exp = BYBIT_EXP;
    if (how == SAY_ANSWER && !is_of(&m, ours, order)) return aats_json_fail(j, AATS_E_SHAPE);
    if (how == SAY_ANSWER) m.instance = order->instance, m.order_id = aats_order_client_no(order), m.text[0] = 0;
    else if (!ours) return bybit_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE), j->err;
    if (status == ST_STRANGE) return aats_json_fail(j, AATS_E_SHAPE); /* whether it lives cannot be said */
    if (how == SAY_LIST && status != ST_OPEN) return j->err;          /* recent ends come with what is open (8) */
    aats_oreply_scale(r, item->at[K_SYMBOL].s, item->at[K_SYMBOL].n, &px_exp, &qty_exp);
    time_of(j, item, K_UPDATED, &m.venue_ns);
    if (size(j, item, K_CUM, qty_exp, &m.cum_qty_i)) return j->err;
    if (status == ST_OPEN) {
        size(j, item, K_PRICE, px_exp, &m.px_i);
        size(j, item, K_QTY, qty_exp, &m.qty_i);
        if (how == SAY_EVENT) m.cum_qty_i = -1; /* executions say it, on the same connection (V-11) */
        bybit_add(r, j, &m, AATS_OM_OPEN, AATS_OC_NONE);
    } else if (status == ST_FILLED) {
        if (how == SAY_EVENT) bybit_add(r, j, &m, AATS_OM_ACK, AATS_OC_NONE); /* V-11 */
        else bybit_add(r, j, &m, AATS_OM_DONE, AATS_OC_FILLED);
    } else {
        say_end(j, item, status, &m, r);
    }
    return j->err;
}

/* ---- executions ---- */

static int is_trade(bybit_item_t const *item)
{
    return ITEM_IS(item, K_EXEC_TYPE, "Trade") || ITEM_IS(item, K_EXEC_TYPE, "AdlTrade") || ITEM_IS(item, K_EXEC_TYPE, "BustTrade") ||
           ITEM_IS(item, K_EXEC_TYPE, "BlockTrade");
}

/* What is filled in all after this execution: what it leaves of the order's size (5.3); -1: not told. */
static int64_t filled(bybit_item_t const *item, int exp, int64_t qty_i)
{
    int64_t all, left;
    if (!item->at[K_ORDER_QTY].n || !item->at[K_LEAVES].n) return -1;
    if (aats_num_parse(item->at[K_ORDER_QTY].s, item->at[K_ORDER_QTY].n, exp, &all) || aats_num_parse(item->at[K_LEAVES].s, item->at[K_LEAVES].n, exp, &left))
        return -1;
    return left >= 0 && all > left && all - left >= qty_i ? all - left : -1;
}

int bybit_fill(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r, aats_order_t const *order, int row)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    int32_t px_exp = BYBIT_EXP, qty_exp = BYBIT_EXP;
    if (whole(j, item->seen, BIT(K_SYMBOL) | BIT(K_EXEC_TYPE))) return j->err;
    if (!is_trade(item)) return j->err; /* funding, settlement: money, no fill (5.3) */
    uint32_t const want = BIT(K_ORDER_ID) | BIT(K_LINK_ID) | BIT(K_EXEC_ID) | BIT(K_EXEC_PRICE) | BIT(K_EXEC_QTY) | BIT(K_MAKER);
    if (whole(j, item->seen, want) || !item->at[K_ORDER_ID].n || !item->at[K_EXEC_ID].n) return aats_json_fail(j, AATS_E_SHAPE);
    int const ours = whose(j, item, &m);
    m.fee_exp = BYBIT_EXP;
    m.cum_qty_i = -1;
    if (order && !is_of(&m, ours, order)) return j->err;
    if (order) m.instance = order->instance, m.order_id = aats_order_client_no(order);
    if (!row && !ours) return bybit_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE), j->err;
    m.text[0] = 0;
    aats_oreply_scale(r, item->at[K_SYMBOL].s, item->at[K_SYMBOL].n, &px_exp, &qty_exp);
    m.trade_id = text_id64(item->at[K_EXEC_ID].s, item->at[K_EXEC_ID].n);
    m.liquidity = ITEM_IS(item, K_MAKER, "true") ? AATS_LIQ_MAKER : AATS_LIQ_TAKER;
    size(j, item, K_EXEC_PRICE, px_exp, &m.px_i);
    size(j, item, K_EXEC_QTY, qty_exp, &m.qty_i);
    fee(j, item, &m);
    copy(j, item, K_FEE_COIN, m.fee_asset, sizeof m.fee_asset, 1);
    time_of(j, item, K_EXEC_TIME, &m.venue_ns);
    if (j->err) return j->err;
    if (m.px_i <= 0 || m.qty_i <= 0) return aats_json_fail(j, AATS_E_SHAPE);
    if (!row) m.cum_qty_i = filled(item, qty_exp, m.qty_i); /* a hole in it shows that one was lost */
    bybit_add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE);
    return j->err;
}

/* ---- money ---- */

/* {"coin":"USDT","equity":"..","walletBalance":"1000.25","locked":"0",...}: an asset whose name does not fit a message is left out. */
int bybit_balance(aats_json_t *j, bybit_item_t const *item, int64_t venue_ns, aats_oreply_t *r)
{
    aats_omsg_t m;
    __int128 sum = 0, locked = 0;
    memset(&m, 0, sizeof m);
    if (whole(j, item->seen, BIT(K_COIN) | BIT(K_WALLET))) return j->err;
    if (item->at[K_COIN].n >= sizeof m.fee_asset) return AATS_OK;
    int e = item->at[K_WALLET].n ? text_amount(item->at[K_WALLET].s, item->at[K_WALLET].n, &sum) : AATS_OK;
    if (!e && item->at[K_LOCKED].n) e = text_amount(item->at[K_LOCKED].s, item->at[K_LOCKED].n, &locked);
    if (e) return aats_json_fail(j, e);
    copy(j, item, K_COIN, m.fee_asset, sizeof m.fee_asset, 0);
    m.amount = aats_wide_of(sum);
    m.locked = aats_wide_of(locked);
    m.fee_exp = -8;
    m.venue_ns = venue_ns;
    bybit_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
    return j->err;
}

/* {"positionIdx":0,"symbol":"BTCUSDT","side":"Sell","size":"0.010","avgPrice":"64000.00",...}; no position: side "", size "0". */
int bybit_position(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r)
{
    aats_omsg_t m;
    int32_t px_exp = BYBIT_EXP, qty_exp = BYBIT_EXP;
    memset(&m, 0, sizeof m);
    if (whole(j, item->seen, BIT(K_SYMBOL) | BIT(K_SIDE) | BIT(K_SIZE))) return j->err;
    if (item->at[K_SYMBOL].n >= sizeof m.symbol) return AATS_OK; /* none that can be traded here */
    copy(j, item, K_SYMBOL, m.symbol, sizeof m.symbol, 0);
    aats_oreply_scale(r, item->at[K_SYMBOL].s, item->at[K_SYMBOL].n, &px_exp, &qty_exp);
    if (size(j, item, K_SIZE, qty_exp, &m.qty_i)) return j->err;
    if (ITEM_IS(item, K_SIDE, "Sell")) m.qty_i = -m.qty_i;
    int const e = item->at[K_AVG].n ? aats_num_parse(item->at[K_AVG].s, item->at[K_AVG].n, px_exp, &m.px_i) : AATS_OK;
    if (e) m.px_i = 0; /* an average may be finer than any tick: not told */
    m.fee_exp = -8;
    m.cum_qty_i = -1;
    bybit_add(r, j, &m, AATS_OM_POSITION, AATS_OC_NONE);
    return j->err;
}

/* positionIdx 0: one position; 1 and 2: one of each side (V-21) */
int bybit_mode(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r)
{
    if (whole(j, item->seen, BIT(K_IDX))) return j->err;
    if (!ITEM_IS(item, K_IDX, "0")) aats_order_unfit(r);
    return j->err;
}
