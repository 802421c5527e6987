/* coinbase_order_reply.c -- what the answer to each request says of orders; odd behaviours are numbered in coinbase_order.c. */
#include <string.h>

#include "order/client_id.h"
#include "order/wide.h"
#include "venue/coinbase_order.h"
#include "venue/time_text.h"

#define LAG_NS ((int64_t)60 * 1000000000) /* how far our clock may be ahead of the venue's, with all that an order waited for */

/* A word on the order that was asked for. */
static void say(aats_oreply_t *r, aats_order_t const *order, uint32_t kind, uint32_t code, char const *remote, size_t n)
{
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.instance = order->instance;
    m.order_id = aats_order_client_no(order);
    m.cum_qty_i = -1;
    m.fee_exp = COINBASE_EXP;
    memcpy(m.remote_id, remote, n);
    coinbase_add(r, NULL, &m, kind, code);
}

/* {"success":true,"order_id":"..","success_response":{"order_id":"..","client_order_id":".."},..}: the venue has it, and may yet refuse it (V-21). */
static void placed(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key, *id = "";
    size_t key_len, id_len = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("order_id") && aats_json_type(j) == '"' && !id_len) {
            aats_json_str(j, &id, &id_len);
        } else if (IS("success_response") && aats_json_type(j) == '{') {
            aats_json_object(j);
            while (aats_json_key(j, &key, &key_len) == 1) {
                if (IS("order_id")) aats_json_str(j, &id, &id_len);
                else aats_json_skip(j);
            }
        } else {
            aats_json_skip(j);
        }
    }
    aats_json_end(j);
    if (!j->err && (!id_len || id_len >= sizeof ((aats_omsg_t *)0)->remote_id)) aats_json_fail(j, id_len ? AATS_E_TOO_BIG : AATS_E_SHAPE);
    if (!j->err) say(r, order, AATS_OM_ACK, AATS_OC_NONE, id, id_len);
}

/* ---- lists ---- */

/* list_t -- what was found in {"orders":[..],"has_next":false,"cursor":""} and its kin. */
typedef struct {
    aats_order_t const *order; /* the one that is looked for, NULL: all */
    size_t rows;
    int64_t oldest_ns;         /* of the orders seen; 0: none was dated */
    int found, has_next;
} list_t;

typedef void (*take_t)(aats_json_t *j, aats_oreply_t *r, list_t *l);

static void list(aats_json_t *j, aats_oreply_t *r, char const *name, take_t take, list_t *l)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (key_len == strlen(name) && !memcmp(key, name, key_len)) {
            aats_json_seen(j, &seen, 0);
            aats_json_array(j);
            while (aats_json_item(j) == 1) l->rows++, take(j, r, l);
        } else if (IS("has_next") && aats_json_type(j) == 't') {
            aats_json_seen(j, &seen, 1);
            aats_json_bool(j, &l->has_next);
        } else if (IS("cursor") && aats_json_type(j) == '"') {
            take_str(j, &seen, 2, &r->next, &r->next_len);
        } else {
            aats_json_skip(j);
        }
    }
    aats_json_end(j);
    if (!l->has_next) r->next = NULL;
    if (l->has_next && !r->next_len) aats_json_fail(j, AATS_E_SHAPE); /* there is more, and no way to it */
    whole(j, seen, 1);
}

static void open_order(aats_json_t *j, aats_oreply_t *r, list_t *l)
{
    coinbase_item_t item;
    (void)l;
    if (!coinbase_item(j, &item)) coinbase_order(j, &item, SAY_LIST, time_text_ns(item.at[K_CREATED].s, item.at[K_CREATED].n), r, NULL);
}

/* Among the orders of its product, newest first, by our id (V-26). */
static void sought_order(aats_json_t *j, aats_oreply_t *r, list_t *l)
{
    coinbase_item_t item;
    uint64_t instance = 0;
    int64_t number = 0;
    if (coinbase_item(j, &item)) return;
    int64_t const ns = time_text_ns(item.at[K_CREATED].s, item.at[K_CREATED].n);
    if (ns > 0 && (!l->oldest_ns || ns < l->oldest_ns)) l->oldest_ns = ns;
    if (aats_client_id_parse(item.at[K_CLIENT_ID].s, item.at[K_CLIENT_ID].n, &instance, &number)) return;
    if (instance != l->order->instance || number != aats_order_client_no(l->order) || l->found) return;
    l->found = 1;
    coinbase_order(j, &item, SAY_ANSWER, ns, r, l->order);
}

/* One that is not there is believed to be absent only if the pages reach back behind the time when it was sent; until then the next one is read. */
static void seek(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    list_t l = {.order = order};
    list(j, r, "orders", sought_order, &l);
    int const whole_list = !l.has_next || (order->created_ns > 0 && l.oldest_ns && l.oldest_ns < order->created_ns - LAG_NS);
    if (l.found || whole_list) r->next = NULL;
    if (!j->err && !l.found && whole_list) say(r, order, AATS_OM_ABSENT, AATS_OC_NOT_RECEIVED, "", 0);
}

/* {"order":{..}} */
static void one_order(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    coinbase_item_t item;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (!IS("order")) {
            aats_json_skip(j);
            continue;
        }
        aats_json_seen(j, &seen, 0);
        if (!coinbase_item(j, &item)) coinbase_order(j, &item, SAY_ANSWER, time_text_ns(item.at[K_CREATED].s, item.at[K_CREATED].n), r, order);
    }
    aats_json_end(j);
    whole(j, seen, 1);
}

static void trade(aats_json_t *j, aats_oreply_t *r, list_t *l)
{
    coinbase_item_t item;
    if (!coinbase_item(j, &item)) coinbase_fill(j, &item, r, l->order);
}

/* Fills come newest first: they are told in the order in which they were. */
static void turn(aats_oreply_t *r)
{
    for (size_t i = 0; i < r->msg_cnt / 2; i++) {
        aats_omsg_t const m = r->msgs[i];
        r->msgs[i] = r->msgs[r->msg_cnt - 1 - i];
        r->msgs[r->msg_cnt - 1 - i] = m;
    }
}

/* ---- money ---- */

/* {"value":"1.23","currency":"BTC"}, added to *sum. */
static void amount(aats_json_t *j, __int128 *sum)
{
    char const *key, *s = "";
    size_t key_len, n = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("value")) aats_json_str(j, &s, &n);
        else aats_json_skip(j);
    }
    int const e = n ? text_amount(s, n, sum) : AATS_OK;
    if (e) aats_json_fail(j, e);
}

/* {"uuid":"..","currency":"BTC","available_balance":{..},"hold":{..},..}: two wallets of a currency are one balance. */
static void wallet(aats_json_t *j, aats_oreply_t *r, list_t *l)
{
    char const *key, *name = "";
    size_t key_len, name_len = 0, i = 0;
    uint32_t seen = 0;
    __int128 free = 0, hold = 0;
    aats_omsg_t m;
    (void)l;
    memset(&m, 0, sizeof m);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("currency")) take_str(j, &seen, 0, &name, &name_len);
        else if (IS("available_balance")) aats_json_seen(j, &seen, 1), amount(j, &free);
        else if (IS("hold") && aats_json_type(j) == '{') aats_json_seen(j, &seen, 2), amount(j, &hold);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 3) || !name_len || name_len >= sizeof m.fee_asset) return; /* an asset whose name does not fit is left out */
    memcpy(m.fee_asset, name, name_len);
    while (i < r->msg_cnt && memcmp(r->msgs[i].fee_asset, m.fee_asset, sizeof m.fee_asset) != 0) i++;
    m.fee_exp = COINBASE_EXP;
    aats_omsg_t *const to = i < r->msg_cnt ? &r->msgs[i] : coinbase_add(r, j, &m, AATS_OM_BALANCE, AATS_OC_NONE);
    if (!to) return;
    to->amount = aats_wide_of(aats_wide(to->amount) + free + hold);
    to->locked = aats_wide_of(aats_wide(to->locked) + hold);
}

/* ---- all of them ---- */

int coinbase_order_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int const of_order = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY || kind == AATS_OR_AMEND;
    list_t l = {.order = order};
    r->msg_cnt = 0;
    r->next = NULL;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (of_order && !order)) return AATS_E_ARG;
    if (r->status != 200) {
        int const twice = kind == AATS_OR_CANCEL && AATS_JSON_IS(r->text, r->text_len, "DUPLICATE_CANCEL_REQUEST"); /* it is being canceled */
        if (twice) return say(r, order, AATS_OM_CANCEL_ACK, AATS_OC_NONE, "", 0), AATS_OK;
        return aats_order_refused(r, kind, order, r->oc == AATS_OC_UNKNOWN_ORDER);
    }
    aats_json_t j;
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_TIME: return r->server_ms > 0 ? AATS_OK : AATS_E_SHAPE;
    case AATS_OR_PLACE: placed(&j, r, order); break;
    case AATS_OR_OPEN: list(&j, r, "orders", open_order, &l); break;
    case AATS_OR_FILLS: list(&j, r, "fills", trade, &l); break;
    case AATS_OR_ACCOUNT: list(&j, r, "accounts", wallet, &l); break;
    case AATS_OR_QUERY:
        if (order->remote_id[0]) one_order(&j, r, order);
        else seek(&j, r, order);
        break;
    case AATS_OR_CANCEL: say(r, order, AATS_OM_CANCEL_ACK, AATS_OC_NONE, "", 0); break; /* V-21: taken; its end comes as an event */
    default: break;                                                                     /* AMEND: taken, no more (V-21) */
    }
    if (j.err) r->msg_cnt = 0;
    else if (kind == AATS_OR_FILLS) turn(r);
    return j.err;
}
