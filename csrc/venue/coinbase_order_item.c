/* coinbase_order_item.c -- one order or fill; events and the answers of REST write them with nearly the same keys.
 *
 * Odd behaviours are numbered in coinbase_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "venue/coinbase_order.h"
#include "venue/time_text.h"

static struct { char const *name; size_t n; } const KEYS[K_CNT] = {
#define KEY(name) {name, sizeof(name) - 1}
    [K_ORDER_ID]      = KEY("order_id"),      [K_CLIENT_ID]   = KEY("client_order_id"), [K_PRODUCT]    = KEY("product_id"), [K_STATUS]     = KEY("status"),
    [K_CUM]           = KEY("cumulative_quantity"), [K_FILLED] = KEY("filled_size"),    [K_LEAVES]     = KEY("leaves_quantity"),
    [K_LIMIT]         = KEY("limit_price"),   [K_TIF]         = KEY("time_in_force"),   [K_TYPE]       = KEY("order_type"),
    [K_CANCEL_REASON] = KEY("cancel_reason"), [K_REJECT_REASON] = KEY("reject_reason"), [K_CREATED]    = KEY("created_time"),
    [K_TRADE_ID]      = KEY("trade_id"),      [K_TRADE_TYPE]  = KEY("trade_type"),      [K_TRADE_TIME] = KEY("trade_time"), [K_PRICE]      = KEY("price"),
    [K_SIZE]          = KEY("size"),          [K_COMMISSION]  = KEY("commission"),      [K_IN_QUOTE]   = KEY("size_in_quote"),
    [K_LIQUIDITY]     = KEY("liquidity_indicator"), [K_CONF_LIMIT] = {"", 0},           [K_CONF_SIZE]  = {"", 0},
#undef KEY
};

/* A text, number or truth value as it stands; null is nothing. */
static void take_raw(aats_json_t *j, coinbase_item_t *item, unsigned k)
{
    int const type = aats_json_type(j);
    aats_json_seen(j, &item->seen, k);
    if (type == '"') aats_json_str(j, &item->at[k].s, &item->at[k].n);
    else if (type == 'n') aats_json_null(j);
    else aats_json_raw(j, &item->at[k].s, &item->at[k].n);
}

/* {"limit_limit_gtc":{"base_size":"0.001","limit_price":"10000.00","post_only":false}}, {} or null; of shapes that we do not know nothing is wanted (9). */
static void configuration(aats_json_t *j, coinbase_item_t *item)
{
    char const *key;
    size_t key_len;
    if (aats_json_type(j) != '{') {
        aats_json_skip(j);
        return;
    }
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (aats_json_type(j) != '{') {
            aats_json_skip(j);
            continue;
        }
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("base_size")) take_raw(j, item, K_CONF_SIZE);
            else if (IS("limit_price")) take_raw(j, item, K_CONF_LIMIT);
            else aats_json_skip(j);
        }
    }
}

int coinbase_item(aats_json_t *j, coinbase_item_t *item)
{
    char const *key;
    size_t key_len;
    memset(item, 0, sizeof *item);
    for (int k = 0; k < K_CNT; k++) item->at[k].s = "";
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        unsigned k = 0;
        if (IS("order_configuration")) {
            configuration(j, item);
            continue;
        }
        while (k < K_CNT && (KEYS[k].n != key_len || memcmp(KEYS[k].name, key, key_len) != 0)) k++;
        int const type = k < K_CNT ? aats_json_type(j) : 0;
        if (k == K_CNT || key_len == 0 || type == '{' || type == '[') aats_json_skip(j);
        else take_raw(j, item, k);
    }
    return j->err;
}

/* ---- values ---- */

/* A decimal at 10^exp that is not below zero; "" is 0 (V-28). */
static int number(aats_json_t *j, coinbase_item_t const *item, int k, int exp, int64_t *out)
{
    *out = 0;
    if (!item->at[k].n) return j->err;
    int const e = aats_num_parse(item->at[k].s, item->at[k].n, exp, out);
    if (e || *out < 0) return aats_json_fail(j, e ? e : AATS_E_SHAPE);
    return AATS_OK;
}

/* A fee is kept as fine as it is written, down to 1e-18; what is finer, or does not fit then, is cut at 1e-8. */
static int fee(aats_json_t *j, coinbase_item_t const *item, aats_omsg_t *m)
{
    static int const EXPS[] = {-8, -12, -15, -18};
    char const *const s = item->at[K_COMMISSION].s;
    size_t const n = item->at[K_COMMISSION].n;
    __int128 cut = 0;
    int e = n ? AATS_E_INEXACT : AATS_OK;
    for (size_t i = 0; i < sizeof EXPS / sizeof EXPS[0] && e == AATS_E_INEXACT; i++) {
        m->fee_exp = EXPS[i];
        e = aats_num_parse(s, n, EXPS[i], &m->fee_i);
    }
    if (e != AATS_E_INEXACT && e != AATS_E_RANGE) return e ? aats_json_fail(j, e) : AATS_OK;
    m->fee_exp = -8;
    e = text_amount(s, n, &cut);
    if (e || cut > INT64_MAX || cut < INT64_MIN) return aats_json_fail(j, e ? e : AATS_E_RANGE);
    m->fee_i = (int64_t)cut;
    return AATS_OK;
}

/* No name is cut; of an order that is not ours it does not matter. */
static int copy(aats_json_t *j, coinbase_item_t const *item, int k, char *out, size_t cap, int may_cut)
{
    size_t n = item->at[k].n;
    if (n >= cap && !may_cut) return aats_json_fail(j, AATS_E_TOO_BIG);
    if (n >= cap) n = cap - 1;
    memcpy(out, item->at[k].s, n);
    out[n] = 0;
    return AATS_OK;
}

aats_omsg_t *coinbase_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code)
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

/* ---- orders ---- */

enum { ST_NONE = 0, ST_ACCEPTED, ST_OPEN, ST_CANCELING, ST_EDITING, ST_FILLED, ST_CANCELED, ST_EXPIRED, ST_FAILED };

static int status_of(coinbase_item_t const *item)
{
    static struct { char const *name; int status; } const NAMES[] = {
        {"PENDING", ST_ACCEPTED},    {"QUEUED", ST_ACCEPTED}, {"OPEN", ST_OPEN},       {"CANCEL_QUEUED", ST_CANCELING}, {"EDIT_QUEUED", ST_EDITING},
        {"FILLED", ST_FILLED},       {"CANCELLED", ST_CANCELED}, {"EXPIRED", ST_EXPIRED}, {"FAILED", ST_FAILED},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strlen(NAMES[i].name) == item->at[K_STATUS].n && !memcmp(NAMES[i].name, item->at[K_STATUS].s, item->at[K_STATUS].n)) return NAMES[i].status;
    return ST_NONE;
}

/* 1 if its client_order_id is one that we can have written. */
static int whose(aats_json_t *j, coinbase_item_t const *item, aats_omsg_t *m)
{
    int const ours = aats_client_id_parse(item->at[K_CLIENT_ID].s, item->at[K_CLIENT_ID].n, &m->instance, &m->order_id) == AATS_OK;
    copy(j, item, K_PRODUCT, m->symbol, sizeof m->symbol, !ours);
    copy(j, item, K_ORDER_ID, m->remote_id, sizeof m->remote_id, !ours);
    if (ours) return 1;
    m->instance = 0;
    m->order_id = 0;
    copy(j, item, K_CLIENT_ID, m->text, sizeof m->text, 1);
    return 0;
}

/* The answer must be about the order that was asked for. */
static int is_of(aats_omsg_t const *m, int ours, aats_order_t const *order)
{
    if (order->remote_id[0] && strcmp(m->remote_id, order->remote_id) != 0) return 0;
    return ours ? m->instance == order->instance && m->order_id == aats_order_client_no(order) : order->remote_id[0] != 0;
}

static int is_market(coinbase_item_t const *item) { return ITEM_IS(item, K_TYPE, "Market") || ITEM_IS(item, K_TYPE, "MARKET"); } /* V-29 */

/* What was filled in all; -1: not told (V-28). */
static int64_t filled(aats_json_t *j, coinbase_item_t const *item, int exp)
{
    int64_t cum;
    int const event = (item->seen & BIT(K_CUM)) != 0, k = event ? K_CUM : K_FILLED;
    if (event && !item->at[k].n) return -1;
    number(j, item, k, exp, &cum);
    return cum;
}

/* Price and size of an order that rests; 0: not told. */
static void numbers(aats_json_t *j, coinbase_item_t const *item, int px_exp, int qty_exp, aats_omsg_t *m)
{
    int64_t leaves;
    if (!ITEM_IS(item, K_TIF, "GOOD_UNTIL_CANCELLED") || is_market(item)) return;
    number(j, item, item->at[K_CONF_LIMIT].n ? K_CONF_LIMIT : K_LIMIT, px_exp, &m->px_i);
    number(j, item, K_CONF_SIZE, qty_exp, &m->qty_i);
    number(j, item, K_LEAVES, qty_exp, &leaves);
    if (!m->qty_i && leaves && m->cum_qty_i >= 0 && __builtin_add_overflow(m->cum_qty_i, leaves, &m->qty_i)) aats_json_fail(j, AATS_E_RANGE);
}

static uint32_t end_code(coinbase_item_t const *item, int status)
{
    if (status == ST_FILLED) return AATS_OC_FILLED;
    if (status == ST_EXPIRED || is_market(item) || ITEM_IS(item, K_TIF, "FILL_OR_KILL")) return AATS_OC_EXPIRED;
    return ITEM_IS(item, K_TIF, "IMMEDIATE_OR_CANCEL") ? AATS_OC_IOC_REST : AATS_OC_CANCELED;
}

/* It has ended.  A failure without a fill is a refusal, told as both: a machine that knows the order as living takes the second (V-21). */
static void say_end(aats_json_t *j, coinbase_item_t const *item, int status, aats_omsg_t *m, aats_oreply_t *r)
{
    int const why = status == ST_FAILED ? K_REJECT_REASON : K_CANCEL_REASON;
    if (m->cum_qty_i < 0 && status != ST_FAILED) { /* V-28: the answer to a question tells it */
        coinbase_add(r, j, m, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE);
        return;
    }
    copy(j, item, why, m->text, sizeof m->text, 1);
    if (status == ST_FAILED && m->cum_qty_i <= 0) coinbase_add(r, j, m, AATS_OM_REJECT, coinbase_code(item->at[why].s, item->at[why].n));
    coinbase_add(r, j, m, AATS_OM_DONE, status == ST_FAILED ? AATS_OC_CANCELED_OTHER : end_code(item, status));
}

static void say(aats_json_t *j, coinbase_item_t const *item, int how, int status, aats_omsg_t *m, aats_oreply_t *r)
{
    int const event = how == SAY_EVENT;
    switch (status) {
    case ST_NONE: break; /* no transition (5) */
    case ST_EDITING:
        if (!event) coinbase_add(r, j, m, AATS_OM_OPEN, AATS_OC_NONE);
        break;
    case ST_ACCEPTED: coinbase_add(r, j, m, event ? AATS_OM_ACK : AATS_OM_OPEN, AATS_OC_NONE); break;
    case ST_OPEN: case ST_CANCELING:
        coinbase_add(r, j, m, AATS_OM_OPEN, AATS_OC_NONE);
        if (event && status == ST_CANCELING) coinbase_add(r, j, m, AATS_OM_CANCEL_ACK, AATS_OC_NONE);
        break;
    default: say_end(j, item, status, m, r); break;
    }
}

int coinbase_order(aats_json_t *j, coinbase_item_t const *item, int how, int64_t venue_ns, aats_oreply_t *r, aats_order_t const *order)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    int32_t px_exp = COINBASE_EXP, qty_exp = COINBASE_EXP;
    if (whole(j, item->seen, BIT(K_PRODUCT) | BIT(K_ORDER_ID) | BIT(K_CLIENT_ID) | BIT(K_STATUS)) || !item->at[K_ORDER_ID].n)
        return aats_json_fail(j, AATS_E_SHAPE);
    int const ours = whose(j, item, &m), status = status_of(item);
    m.fee_exp = COINBASE_EXP;
    m.venue_ns = venue_ns;
    m.cum_qty_i = -1;
    if (how == SAY_ANSWER && !is_of(&m, ours, order)) return aats_json_fail(j, AATS_E_SHAPE);
    if (how == SAY_ANSWER) m.instance = order->instance, m.order_id = aats_order_client_no(order), m.text[0] = 0;
    else if (!ours) return coinbase_add(r, j, &m, AATS_OM_FOREIGN, AATS_OC_NONE), j->err;
    aats_oreply_scale(r, item->at[K_PRODUCT].s, item->at[K_PRODUCT].n, &px_exp, &qty_exp);
    m.cum_qty_i = filled(j, item, qty_exp);
    if (status == ST_OPEN) numbers(j, item, px_exp, qty_exp, &m);
    if (j->err) return j->err;
    if (m.cum_qty_i > 0) r->moved = 1; /* V-31 */
    if (how == SAY_LIST && status != ST_OPEN && status != ST_ACCEPTED && status != ST_CANCELING && status != ST_EDITING) return AATS_OK;
    say(j, item, how, status, &m, r);
    return j->err;
}

/* ---- fills ---- */

/* A size that is told in the quote asset, as so much of the base asset (5). */
static int64_t in_base(int64_t quote, int64_t px_i, int px_exp)
{
    __int128 scaled = (__int128)quote * 2;
    for (int i = px_exp; i < 0; i++) scaled *= 10;
    scaled = px_i > 0 ? (scaled / px_i + 1) / 2 : 0;
    return scaled > 0 && scaled <= INT64_MAX ? (int64_t)scaled : 0;
}

/* The asset behind the last dash of "BTC-USD": what fees are charged in (5). */
static void quote_of(coinbase_item_t const *item, char *out, size_t cap)
{
    char const *const s = item->at[K_PRODUCT].s;
    size_t n = item->at[K_PRODUCT].n, at = n;
    while (at > 0 && s[at - 1] != '-') at--;
    n -= at;
    if (n >= cap) n = cap - 1;
    memcpy(out, s + at, n);
    out[n] = 0;
}

int coinbase_fill(aats_json_t *j, coinbase_item_t const *item, aats_oreply_t *r, aats_order_t const *order)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    int32_t px_exp = COINBASE_EXP, qty_exp = COINBASE_EXP;
    uint32_t const want = BIT(K_PRODUCT) | BIT(K_ORDER_ID) | BIT(K_TRADE_ID) | BIT(K_PRICE) | BIT(K_SIZE);
    if (whole(j, item->seen, want) || !item->at[K_ORDER_ID].n || !item->at[K_TRADE_ID].n) return aats_json_fail(j, AATS_E_SHAPE);
    if (item->at[K_TRADE_TYPE].n && !ITEM_IS(item, K_TRADE_TYPE, "FILL")) return j->err; /* corrections of the books */
    copy(j, item, K_PRODUCT, m.symbol, sizeof m.symbol, 1);
    copy(j, item, K_ORDER_ID, m.remote_id, sizeof m.remote_id, 1);
    if (order && (!order->remote_id[0] || strcmp(m.remote_id, order->remote_id) != 0)) return j->err;
    if (order) m.instance = order->instance, m.order_id = aats_order_client_no(order);
    m.cum_qty_i = -1;
    m.fee_exp = COINBASE_EXP;
    m.trade_id = text_id64(item->at[K_TRADE_ID].s, item->at[K_TRADE_ID].n);
    m.liquidity = ITEM_IS(item, K_LIQUIDITY, "MAKER") ? AATS_LIQ_MAKER : ITEM_IS(item, K_LIQUIDITY, "TAKER") ? AATS_LIQ_TAKER : AATS_LIQ_NONE;
    m.venue_ns = time_text_ns(item->at[K_TRADE_TIME].s, item->at[K_TRADE_TIME].n);
    aats_oreply_scale(r, item->at[K_PRODUCT].s, item->at[K_PRODUCT].n, &px_exp, &qty_exp);
    number(j, item, K_PRICE, px_exp, &m.px_i);
    number(j, item, K_SIZE, qty_exp, &m.qty_i);
    if (ITEM_IS(item, K_IN_QUOTE, "true")) m.qty_i = in_base(m.qty_i, m.px_i, px_exp);
    fee(j, item, &m);
    quote_of(item, m.fee_asset, sizeof m.fee_asset);
    if (j->err) return j->err;
    if (m.px_i <= 0 || m.qty_i <= 0) return aats_json_fail(j, AATS_E_SHAPE);
    coinbase_add(r, j, &m, AATS_OM_FILL, AATS_OC_NONE);
    return j->err;
}
