/* bybit_order_parse.c -- what each message of the trade and private sockets is, the events, and the answers of REST.
 *
 * Odd behaviours are numbered in bybit_order.c. */
#include <string.h>

#include "proto/num.h"
#include "venue/bybit_order.h"

enum { IN_SPOT = 1, IN_LINEAR = 2 };

/* What is the caller's stays. */
static void clear(aats_oreply_t *r)
{
    *r = (aats_oreply_t){.orders_used = -1, .orders_limit = -1, .msgs = r->msgs, .way = r->way, .scale = r->scale,
                         .scale_arg = r->scale_arg};
}

/* ---- events ---- */

enum { EV_ORDER = 1, EV_EXECUTION, EV_WALLET, EV_POSITION };

static int topic_of(char const *s, size_t n)
{
    static struct { char const *name; int topic; } const NAMES[] = {
        {"order", EV_ORDER}, {"execution", EV_EXECUTION}, {"wallet", EV_WALLET}, {"position", EV_POSITION},
    };
    char const *const point = memchr(s, '.', n); /* "order.linear" is its narrower form; "execution.fast" has other keys */
    size_t const len = point ? (size_t)(point - s) : n;
    if (n >= 5 && !memcmp(s + n - 5, ".fast", 5)) return 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strlen(NAMES[i].name) == len && !memcmp(NAMES[i].name, s, len)) return NAMES[i].topic;
    return 0;
}

/* One account trades every category, and a name may stand in two of them: only those of this venue are read (V-10). */
static int is_in(bybit_item_t const *item, int category)
{
    return category == IN_SPOT ? ITEM_IS(item, K_CATEGORY, "spot") : ITEM_IS(item, K_CATEGORY, "linear");
}

/* [{"accountType":"UNIFIED",..,"coin":[{"coin":"USDT","walletBalance":"1000.25","locked":"0",..}]}] */
static int wallet(aats_json_t *j, int64_t venue_ns, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    bybit_item_t item;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        uint32_t seen = 0;
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (!IS("coin")) {
                aats_json_skip(j);
                continue;
            }
            aats_json_seen(j, &seen, 0);
            aats_json_array(j);
            while (aats_json_item(j) == 1)
                if (!bybit_item(j, &item)) bybit_balance(j, &item, venue_ns, r);
        }
    }
    return j->err;
}

static int event(char const *data, size_t n, int topic, int64_t venue_ns, int category, aats_oreply_t *r)
{
    aats_json_t j;
    bybit_item_t item;
    r->kind = AATS_OV_EVENT;
    aats_json_init(&j, data, n);
    if (topic == EV_WALLET) {
        wallet(&j, venue_ns, r);
        return aats_json_end(&j);
    }
    aats_json_array(&j);
    while (aats_json_item(&j) == 1) {
        if (bybit_item(&j, &item) || !is_in(&item, category)) continue;
        if (topic == EV_ORDER) bybit_order(&j, &item, SAY_EVENT, r, NULL);
        else if (topic == EV_EXECUTION) bybit_fill(&j, &item, r, NULL, 0);
        else bybit_position(&j, &item, r);
    }
    return aats_json_end(&j);
}

/* ---- replies ---- */

typedef struct {
    char const *op, *topic, *data, *said;
    size_t op_len, topic_len, data_len, said_len;
    int success;
    int64_t ret, created_ns, limit, left, reset_ms;
    uint32_t seen;
} told_t;
enum { T_ID = 0, T_RET = 1, T_SUCCESS = 2, T_OP = 3, T_TOPIC = 4, T_DATA = 5, T_TEXT = 6, T_HEADER = 7, T_CREATED = 8 };

static void text_int(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    char const *s;
    size_t n;
    if (aats_json_type(j) != '"') aats_json_skip(j);
    else if (!take_str(j, seen, bit, &s, &n) && aats_num_parse(s, n, 0, out)) *out = -1;
}

/* {"X-Bapi-Limit":"10","X-Bapi-Limit-Status":"9","X-Bapi-Limit-Reset-Timestamp":"1785312003001","Traceid":"..","Timenow":".."} */
static void header(aats_json_t *j, told_t *t)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("X-Bapi-Limit")) text_int(j, &seen, 0, &t->limit);
        else if (IS("X-Bapi-Limit-Status")) text_int(j, &seen, 1, &t->left);
        else if (IS("X-Bapi-Limit-Reset-Timestamp")) text_int(j, &seen, 2, &t->reset_ms);
        else aats_json_skip(j);
    }
}

/* Ours are numbers; what is none is nobody's. */
static void request_id(aats_json_t *j, uint32_t *seen, aats_oreply_t *r)
{
    char const *s;
    size_t n;
    if (aats_json_type(j) != '"') aats_json_skip(j);
    else if (!take_str(j, seen, T_ID, &s, &n) && aats_num_u64(s, n, &r->id)) r->id = 0;
}

static void walk(aats_json_t *j, told_t *t, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("reqId") || IS("req_id")) request_id(j, &t->seen, r);
        else if (IS("retCode") || IS("ret_code")) aats_json_seen(j, &t->seen, T_RET), aats_json_i64(j, &t->ret);
        else if (IS("retMsg") || IS("ret_msg")) take_str(j, &t->seen, T_TEXT, &t->said, &t->said_len);
        else if (IS("success")) aats_json_seen(j, &t->seen, T_SUCCESS), aats_json_bool(j, &t->success);
        else if (IS("op")) take_str(j, &t->seen, T_OP, &t->op, &t->op_len);
        else if (IS("topic")) take_str(j, &t->seen, T_TOPIC, &t->topic, &t->topic_len);
        else if (IS("data")) aats_json_seen(j, &t->seen, T_DATA), aats_json_raw(j, &t->data, &t->data_len);
        else if (IS("header") && aats_json_type(j) == '{') aats_json_seen(j, &t->seen, T_HEADER), header(j, t);
        else if (IS("creationTime") && aats_json_type(j) == '0') take_ms(j, &t->seen, T_CREATED, &t->created_ns);
        else aats_json_skip(j);
    }
    aats_json_end(j);
}

static int says(char const *s, size_t n, char const *word)
{
    size_t const k = strlen(word);
    for (size_t i = 0; i + k <= n; i++)
        if (!memcmp(s + i, word, k)) return 1;
    return 0;
}

/* {"reqId":"17","retCode":0,"retMsg":"OK","op":"order.create","data":{"orderId":"7c0e..","orderLinkId":"rq-000777"},"retExtInfo":{},
 *  "header":{..},"connId":".."}
 * {"reqId":"1","retCode":0,"retMsg":"OK","op":"auth","connId":".."}      trade socket
 * {"success":true,"ret_msg":"","op":"auth","conn_id":".."}               private socket: it need not repeat the id (V-18) */
static void reply(told_t const *t, char const *text, size_t n, aats_oreply_t *r)
{
    int const ok = t->ret == 0 && (!(t->seen & BIT(T_SUCCESS)) || t->success), auth = AATS_JSON_IS(t->op, t->op_len, "auth");
    r->kind = AATS_OV_REPLY;
    r->status = ok ? 200 : 400;
    if (!r->id) r->answers = auth ? AATS_OR_LOGON : AATS_JSON_IS(t->op, t->op_len, "subscribe") ? AATS_OR_LISTEN : AATS_OR_NONE;
    if (t->limit > 0 && t->left >= 0 && t->left <= t->limit && AATS_JSON_IS(t->op, t->op_len, "order.create")) {
        r->orders_used = t->limit - t->left;
        r->orders_limit = t->limit;
        r->orders_span_ms = 1000;
    }
    if (ok) {
        r->result = t->data ? t->data : text;
        r->result_len = t->data ? t->data_len : n;
        return;
    }
    r->code = t->ret;
    r->text = t->said;
    r->text_len = t->said_len;
    bybit_judge(r);
    if (r->busy && t->reset_ms > 0) r->retry_ms = t->reset_ms;
    r->full = r->busy && AATS_JSON_IS(t->op, t->op_len, "order.create");
    if (!auth || r->busy || r->unsure) return;
    r->clock |= says(t->said, t->said_len, "expire"); /* our clock, then, and not the key */
    r->fatal = !r->clock;
    r->oc = r->clock ? AATS_OC_TIMESTAMP : AATS_OC_AUTH;
}

static int parse(char const *text, size_t n, int category, aats_oreply_t *r)
{
    aats_json_t j;
    told_t t = {.op = "", .said = "", .limit = -1, .left = -1};
    clear(r);
    aats_json_init(&j, text, n);
    walk(&j, &t, r);
    int e = j.err;
    if (!e && (t.seen & BIT(T_TOPIC))) {
        int const topic = topic_of(t.topic, t.topic_len);
        r->id = 0;
        if (topic) e = t.data ? event(t.data, t.data_len, topic, t.created_ns, category, r) : AATS_E_SHAPE;
    } else if (!e && (t.seen & BIT(T_OP)) && (t.seen & (BIT(T_RET) | BIT(T_SUCCESS)))) {
        int const pong = AATS_JSON_IS(t.op, t.op_len, "ping") || AATS_JSON_IS(t.op, t.op_len, "pong");
        if (pong) r->id = 0;
        else reply(&t, text, n, r);
    }
    if (e) r->msg_cnt = 0;
    return e;
}

int bybit_order_parse_spot(char const *text, size_t n, aats_oreply_t *r) { return parse(text, n, IN_SPOT, r); }
int bybit_order_parse_linear(char const *text, size_t n, aats_oreply_t *r) { return parse(text, n, IN_LINEAR, r); }

/* ---- REST ---- */

/* {"retCode":0,"retMsg":"OK","result":{..},"retExtInfo":{},"time":1785312003002} */
int bybit_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int64_t ret = 0;
    (void)head, (void)head_len;
    clear(r);
    int const no_json = aats_order_http(status, body, n, kind, r);
    if (status == 403) { /* "access too frequent", or a region that is not served (7): both are waited for */
        r->fatal = 0;
        r->busy = 1;
        r->oc = AATS_OC_BANNED;
    }
    if (no_json) return AATS_OK;
    aats_json_t j;
    aats_json_init(&j, body, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("retCode")) aats_json_seen(&j, &seen, 0), aats_json_i64(&j, &ret);
        else if (IS("retMsg")) take_str(&j, &seen, 1, &r->text, &r->text_len);
        else if (IS("result")) aats_json_seen(&j, &seen, 2), aats_json_raw(&j, &r->result, &r->result_len);
        else if (IS("time") && aats_json_type(&j) == '0') aats_json_seen(&j, &seen, 3), aats_json_i64(&j, &r->server_ms);
        else aats_json_skip(&j);
    }
    if (aats_json_end(&j) || whole(&j, seen, 1)) return j.err;
    if (r->server_ms < 0) r->server_ms = 0;
    if (ret == 0 && status >= 200 && status < 300) return r->status = 200, (seen & 4) ? AATS_OK : AATS_E_SHAPE;
    r->result = NULL;
    r->result_len = 0;
    r->code = ret;
    if (r->busy) return AATS_OK;
    r->status = status == 200 ? 400 : status;
    bybit_judge(r);
    if (status == 429) r->busy = 1, r->unsure = 0, r->oc = AATS_OC_RATE_LIMIT;
    if (status >= 500 && !r->busy) r->unsure = 1, r->fatal = r->clock = 0, r->oc = AATS_OC_VENUE_UNSURE;
    return AATS_OK;
}
