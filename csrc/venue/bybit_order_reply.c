/* bybit_order_reply.c -- what the result of each request says of orders; odd behaviours are numbered in bybit_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "venue/bybit_order.h"

/* {"category":"linear","list":[...],"nextPageCursor":".."}: calls take for each element; *rows of them.  An empty page is the last, whatever its cursor. */
typedef int (*take_t)(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order);

static int list(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order, take_t take, size_t *rows)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("nextPageCursor") && aats_json_type(j) == '"') {
            take_str(j, &seen, 1, &r->next, &r->next_len);
            continue;
        }
        if (!IS("list")) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        aats_json_array(j);
        while (aats_json_item(j) == 1) {
            ++*rows;
            take(j, r, order);
        }
    }
    if (!*rows || !r->next_len) r->next = NULL;
    return whole(j, seen, 1);
}

static int open_order(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    bybit_item_t item;
    if (!bybit_item(j, &item)) bybit_order(j, &item, SAY_LIST, r, order);
    return j->err;
}

static int asked_order(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    bybit_item_t item;
    if (!bybit_item(j, &item)) bybit_order(j, &item, SAY_ANSWER, r, order);
    return j->err;
}

static int trade(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    bybit_item_t item;
    if (!bybit_item(j, &item)) bybit_fill(j, &item, r, order, 1);
    return j->err;
}

static int position(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    bybit_item_t item;
    (void)order;
    if (!bybit_item(j, &item)) bybit_position(j, &item, r);
    return j->err;
}

static int mode(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    bybit_item_t item;
    (void)order;
    if (!bybit_item(j, &item)) bybit_mode(j, &item, r);
    return j->err;
}

/* {"totalEquity":"..","accountType":"UNIFIED","coin":[{"coin":"USDT","walletBalance":"1000.25","locked":"0",..},..]} */
static int account(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    bybit_item_t item;
    (void)order;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("coin")) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        aats_json_array(j);
        while (aats_json_item(j) == 1)
            if (!bybit_item(j, &item)) bybit_balance(j, &item, 0, r);
    }
    return whole(j, seen, 1);
}

/* Executions come newest first (8): they are told in the order in which they were. */
static void turn(aats_oreply_t *r)
{
    for (size_t i = 0; i < r->msg_cnt / 2; i++) {
        aats_omsg_t const m = r->msgs[i];
        r->msgs[i] = r->msgs[r->msg_cnt - 1 - i];
        r->msgs[r->msg_cnt - 1 - i] = m;
    }
}

/* Nothing but a word on an order that was asked for: of one that the venue does not list, and of a cancel that was received. */
static void say(aats_oreply_t *r, aats_order_t const *order, uint32_t kind, uint32_t code)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.instance = order->instance;
    m.order_id = aats_order_client_no(order);
    m.cum_qty_i = -1;
    m.fee_exp = -8;
    bybit_add(r, NULL, &m, kind, code);
}

int bybit_order_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int const of_order = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY || kind == AATS_OR_AMEND;
    size_t rows = 0;
    r->msg_cnt = 0;
    r->next = NULL;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (of_order && !order)) return AATS_E_ARG;
    if (r->status != 200) return aats_order_refused(r, kind, order, r->code == 110001 || r->code == 170213);
    aats_json_t j;
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_TIME: return r->server_ms > 0 ? AATS_OK : AATS_E_SHAPE;
    case AATS_OR_OPEN: list(&j, r, NULL, open_order, &rows); break;
    case AATS_OR_FILLS: list(&j, r, order, trade, &rows); break;
    case AATS_OR_ACCOUNT: list(&j, r, NULL, account, &rows); break;
    case AATS_OR_POSITIONS: list(&j, r, NULL, position, &rows); break;
    case AATS_OR_MODE: list(&j, r, NULL, mode, &rows); break;
    case AATS_OR_QUERY:
        list(&j, r, order, asked_order, &rows);
        r->next = NULL; /* it was asked for by its id */
        if (!j.err && rows == 0) say(r, order, AATS_OM_ABSENT, AATS_OC_NOT_RECEIVED);
        break;
    case AATS_OR_CANCEL: /* V-11: taken; its end comes as an event */
        say(r, order, AATS_OM_CANCEL_ACK, AATS_OC_NONE);
        return AATS_OK;
    default: return AATS_OK; /* PLACE, AMEND: received, no more (V-11) */
    }
    aats_json_end(&j);
    if (j.err) r->msg_cnt = 0;
    else if (kind == AATS_OR_FILLS) turn(r);
    return j.err;
}
