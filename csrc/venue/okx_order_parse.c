/* okx_order_parse.c -- what each message of OKX's private WebSocket and each answer over HTTP is.
 *
 * Facts: exchanges/okx.md, sections 5.1, 5.2 and 7.  Odd behaviours are numbered in okx_order.c. */
#include <string.h>

#include "proto/num.h"
#include "venue/okx_order.h"

/* ---- frames ---- */

typedef struct {
    okx_text_t event, op, channel, data;
    int64_t code;
    uint32_t seen;
} frame_t;

enum { F_ID = 1, F_EVENT = 2, F_OP = 4, F_CODE = 8, F_MSG = 16, F_DATA = 32, F_ARG = 64 };

#define TEXT_IS(t, lit) AATS_JSON_IS((t).s, (t).n, lit)

static void take_text(aats_json_t *j, frame_t *f, unsigned bit, okx_text_t *out)
{
    aats_json_seen(j, &f->seen, bit);
    if (aats_json_type(j) == '"') aats_json_str(j, &out->s, &out->n);
    else aats_json_skip(j);
}

/* Our ids are numbers in strings; what is another's is nobody's. */
static void take_id(aats_json_t *j, frame_t *f, aats_oreply_t *r)
{
    okx_text_t t = {"", 0};
    take_text(j, f, 0, &t);
    if (!j->err && aats_num_u64(t.s, t.n, &r->id)) r->id = 0;
}

static void take_code(aats_json_t *j, frame_t *f)
{
    okx_text_t t = {"", 0};
    take_text(j, f, 3, &t);
    if (!j->err && t.n && aats_num_parse(t.s, t.n, 0, &f->code)) aats_json_fail(j, AATS_E_SHAPE);
}

/* {"channel":"orders","instType":"SWAP","uid":"77982378738415879"} */
static void take_arg(aats_json_t *j, frame_t *f)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_seen(j, &f->seen, 6);
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(j, &seen, 0, &f->channel.s, &f->channel.n);
        else aats_json_skip(j);
    }
    whole(j, seen, 1);
}

static int take_frame(aats_json_t *j, frame_t *f, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    okx_text_t msg = {"", 0};
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("id")) take_id(j, f, r);
        else if (IS("event")) take_text(j, f, 1, &f->event);
        else if (IS("op")) take_text(j, f, 2, &f->op);
        else if (IS("code")) take_code(j, f);
        else if (IS("msg")) take_text(j, f, 4, &msg);
        else if (IS("data")) aats_json_seen(j, &f->seen, 5), aats_json_raw(j, &f->data.s, &f->data.n);
        else if (IS("arg") && aats_json_type(j) == '{') take_arg(j, f);
        else aats_json_skip(j);
    }
    r->text = msg.s;
    r->text_len = msg.n;
    return aats_json_end(j);
}

/* ---- answers ---- */

/* V-51: the number outside says that something failed, the one inside what. */
static int look_inside(frame_t const *f, aats_oreply_t *r)
{
    aats_json_t j;
    okx_row_t row;
    int64_t code = 0;
    aats_json_init(&j, f->data.s, f->data.n);
    if (aats_json_type(&j) != '[' || aats_json_array(&j) || aats_json_item(&j) != 1 || aats_json_type(&j) != '{') return AATS_OK;
    if (okx_take_row(&j, &row) || okx_number(&j, &row, OK_S_CODE, &code)) return j.err;
    if (!code) return AATS_OK;
    r->code = code;
    if (row.of[OK_S_MSG].n) r->text = row.of[OK_S_MSG].s, r->text_len = row.of[OK_S_MSG].n;
    return AATS_OK;
}

/* {"id":"7","op":"order","code":"0","msg":"","data":[{"ordId":"..","clOrdId":"..","tag":"","ts":"..","sCode":"0","sMsg":""}],"inTime":"..","outTime":".."} */
static int answered(frame_t const *f, int status, aats_oreply_t *r)
{
    r->kind = AATS_OV_REPLY;
    r->code = f->code;
    r->result = f->data.s;
    r->result_len = f->data.n;
    int const e = (f->seen & F_DATA) ? look_inside(f, r) : AATS_OK;
    if (e) return e;
    r->status = status;
    if (r->code && status < 400) r->status = 400;
    if (r->status != 200) okx_judge(r);
    else if (!(f->seen & F_DATA)) return AATS_E_SHAPE;
    return AATS_OK;
}

/* {"event":"login","code":"0","msg":"","connId":".."}   {"id":"8","event":"subscribe","arg":{"channel":"orders",..},"connId":".."}
 * {"event":"error","code":"60024","msg":"Wrong passphrase","connId":".."}   {"event":"notice","code":"64008",..}
 * {"event":"channel-conn-count-error","channel":"orders","connCount":"30","connId":".."} */
static int event(frame_t const *f, aats_oreply_t *r)
{
    int const orders = TEXT_IS(f->channel, "orders");
    r->status = 200;
    r->code = f->code;
    if (TEXT_IS(f->event, "error") || (TEXT_IS(f->event, "login") && f->code)) {
        r->kind = AATS_OV_REPLY; /* without an id: of the oldest log-on or subscription */
        r->status = 400;
        okx_judge(r);
    } else if (TEXT_IS(f->event, "login")) {
        r->kind = AATS_OV_REPLY;
        r->answers = AATS_OR_LOGON;
        r->result = "{}";
        r->result_len = 2;
    } else if (TEXT_IS(f->event, "subscribe") && orders) { /* one acknowledgement for each channel: this is the one that counts (V-56) */
        r->kind = AATS_OV_REPLY;
        if (!r->id) r->answers = AATS_OR_LISTEN;
        r->result = "{}";
        r->result_len = 2;
    } else if ((TEXT_IS(f->event, "unsubscribe") && orders) || TEXT_IS(f->event, "channel-conn-count-error")) {
        r->kind = AATS_OV_DEAF;
    } else if (TEXT_IS(f->event, "notice") && f->code == 64008) {
        r->kind = AATS_OV_SHUTDOWN;
    }
    return AATS_OK;
}

/* {"arg":{"channel":"orders","instType":"SWAP","uid":".."},"data":[{..}]}   {"arg":{"channel":"account",..},"data":[{"details":[..]}]} */
static int news(frame_t const *f, aats_oreply_t *r)
{
    aats_json_t j;
    if (!(f->seen & F_DATA)) return AATS_E_SHAPE;
    aats_json_init(&j, f->data.s, f->data.n);
    if (TEXT_IS(f->channel, "orders")) {
        r->kind = AATS_OV_EVENT;
        aats_json_array(&j);
        while (aats_json_item(&j) == 1) {
            okx_row_t row;
            if (okx_take_row(&j, &row) || okx_say_order(&j, &row, r, 1, NULL)) break;
        }
    } else if (TEXT_IS(f->channel, "account")) {
        r->kind = AATS_OV_EVENT;
        okx_say_balances(&j, r);
    } else return AATS_OK;
    return aats_json_end(&j);
}

static void clear(aats_oreply_t *r)
{
    *r = (aats_oreply_t){.orders_used = -1, .orders_limit = -1, .msgs = r->msgs, .way = r->way, .scale = r->scale, .scale_arg = r->scale_arg};
}

int okx_order_parse(char const *text, size_t n, aats_oreply_t *r)
{
    aats_json_t j;
    frame_t f = {.seen = 0};
    clear(r);
    if (n == 4 && !memcmp(text, "pong", 4)) return AATS_OK;
    aats_json_init(&j, text, n);
    int e = take_frame(&j, &f, r);
    if (e) return e;
    if (f.seen & F_EVENT) e = event(&f, r);
    else if (f.seen & F_OP) e = answered(&f, 200, r);
    else if (f.seen & F_ARG) e = news(&f, r);
    if (e) r->msg_cnt = 0, r->kind = AATS_OV_OTHER;
    return e;
}

int okx_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    aats_json_t j;
    frame_t f = {.seen = 0};
    (void)head;
    (void)head_len;
    clear(r);
    if (aats_order_http(status, body, n, kind, r)) return AATS_OK;
    aats_json_init(&j, body, n);
    int e = take_frame(&j, &f, r);
    r->id = 0;
    if (!e && !(f.seen & F_CODE)) e = AATS_E_SHAPE;
    if (!e) e = answered(&f, status, r);
    if (e) r->kind = AATS_OV_OTHER;
    return e;
}

/* ---- results ---- */

/* The row of a list of one. */
static int only_row(aats_json_t *j, okx_row_t *row)
{
    aats_json_array(j);
    if (aats_json_item(j) != 1) return aats_json_fail(j, AATS_E_SHAPE);
    if (okx_take_row(j, row)) return j->err;
    return aats_json_item(j) == 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* The ok reply to a request about an order has its ids, and says no more than that it was taken (5.1). */
static int taken(aats_json_t *j, aats_oreply_t *r, int kind, aats_order_t const *order)
{
    okx_row_t row;
    if (only_row(j, &row)) return j->err;
    okx_text_t const id = row.of[OK_ORD_ID];
    size_t const known = strnlen(order->remote_id, sizeof order->remote_id);
    if (!id.n || id.n >= sizeof order->remote_id || (known && (known != id.n || memcmp(order->remote_id, id.s, known)))) return aats_json_fail(j, AATS_E_SHAPE);
    if (kind == AATS_OR_AMEND) return AATS_OK;                                      /* the channel tells what came of it */
    if (kind == AATS_OR_PLACE && order->tif == AATS_TIF_POS) return AATS_OK;        /* V-53 */
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    memset(m, 0, sizeof *m);
    m->kind = kind == AATS_OR_PLACE ? AATS_OM_ACK : AATS_OM_CANCEL_ACK;
    m->instance = order->instance;
    m->order_id = order->client_no != 0 ? order->client_no : order->order_id;
    m->cum_qty_i = -1;
    m->fee_exp = OKX_ORDER_EXP;
    memcpy(m->remote_id, id.s, id.n);
    int64_t ms;
    if (!okx_number(j, &row, OK_TS, &ms) && ms > 0) m->venue_ns = text_ms_ns((uint64_t)ms);
    return j->err;
}

static int listed(aats_json_t *j, aats_oreply_t *r)
{
    size_t rows = 0;
    okx_text_t last = {"", 0};
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        okx_row_t row;
        if (okx_take_row(j, &row) || okx_say_order(j, &row, r, 0, NULL)) break;
        rows++;
        last = row.of[OK_ORD_ID];
    }
    if (!j->err) okx_page(r, rows, last);
    return j->err;
}

static int clock_told(aats_json_t *j, aats_oreply_t *r)
{
    okx_row_t row;
    if (only_row(j, &row) || okx_number(j, &row, OK_TS, &r->server_ms)) return j->err;
    return r->server_ms > 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* [{"acctLv":"2","posMode":"long_short_mode","uid":"44705892343619584",..}] (V-61) */
static void mode(aats_json_t *j, aats_oreply_t *r)
{
    char const *key, *s = "";
    size_t key_len, n = 0;
    uint32_t seen = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("posMode")) take_str(j, &seen, 0, &s, &n);
            else aats_json_skip(j);
        }
    }
    if (!whole(j, seen, 1) && !AATS_JSON_IS(s, n, "net_mode")) aats_order_unfit(r);
}

int okx_order_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    int const of_order = kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_QUERY || kind == AATS_OR_AMEND;
    r->msg_cnt = 0;
    r->next = NULL;
    if (r->kind != AATS_OV_REPLY || kind <= AATS_OR_NONE || kind >= AATS_OR_CNT || (of_order && !order)) return AATS_E_ARG;
    if (r->status != 200) return aats_order_refused(r, kind, order, r->code == 51603);
    aats_json_t j;
    okx_row_t row;
    aats_json_init(&j, r->result, r->result_len);
    switch (kind) {
    case AATS_OR_TIME: clock_told(&j, r); break;
    case AATS_OR_PLACE:
    case AATS_OR_CANCEL:
    case AATS_OR_AMEND: taken(&j, r, kind, order); break;
    case AATS_OR_QUERY:
        if (!only_row(&j, &row)) okx_say_order(&j, &row, r, 0, order);
        break;
    case AATS_OR_OPEN: listed(&j, r); break;
    case AATS_OR_FILLS: okx_say_fills(&j, r, order); break;
    case AATS_OR_ACCOUNT: okx_say_balances(&j, r); break;
    case AATS_OR_POSITIONS: okx_say_positions(&j, r); break;
    case AATS_OR_MODE: mode(&j, r); break;
    default: aats_json_skip(&j); break; /* LOGON, LISTEN, DEADMAN: that it was taken is all */
    }
    aats_json_end(&j);
    if (j.err) r->msg_cnt = 0;
    return j.err;
}
