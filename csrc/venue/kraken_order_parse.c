/* kraken_order_parse.c -- what comes on Kraken's private socket and over REST, taken apart: answers, executions, balances.
 *
 * Odd behaviours are numbered in kraken_order.c. */
#include <string.h>

#include "venue/kraken_order.h"

/* ---- the socket ---- */

typedef struct {
    kraken_text_t method, channel, error, result;
    int success; /* -1: not told */
} frame_t;

static void rows(aats_json_t *j, aats_oreply_t *r, int (*take)(aats_json_t *j, aats_oreply_t *r))
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (aats_json_type(j) != '{') aats_json_fail(j, AATS_E_SHAPE);
        if (j->err || take(j, r)) return;
    }
}

/* The channel stands first today; where it does not, it is looked for. */
static kraken_text_t channel_of(aats_json_t look)
{
    char const *key;
    size_t key_len;
    kraken_text_t out = {"", 0};
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("channel") && aats_json_type(&look) == '"') {
            aats_json_str(&look, &out.s, &out.n);
            return out;
        }
        aats_json_skip(&look);
    }
    return out;
}

static void read_frame(aats_json_t *j, aats_oreply_t *r, frame_t *f)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    f->channel = channel_of(*j);
    int const executions = AATS_JSON_IS(f->channel.s, f->channel.n, "executions"), balances = AATS_JSON_IS(f->channel.s, f->channel.n, "balances");
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("method")) take_str(j, &seen, 0, &f->method.s, &f->method.n);
        else if (IS("channel")) aats_json_seen(j, &seen, 1), aats_json_skip(j);
        else if (IS("success")) aats_json_seen(j, &seen, 2), aats_json_bool(j, &f->success);
        else if (IS("req_id") && aats_json_type(j) == '0') take_u64(j, &seen, 3, &r->id);
        else if (IS("error") && aats_json_type(j) == '"') take_str(j, &seen, 4, &f->error.s, &f->error.n);
        else if (IS("result")) aats_json_seen(j, &seen, 5), aats_json_raw(j, &f->result.s, &f->result.n);
        else if (IS("data") && executions) aats_json_seen(j, &seen, 6), rows(j, r, kraken_execution);
        else if (IS("data") && balances) aats_json_seen(j, &seen, 6), rows(j, r, kraken_balance);
        else aats_json_skip(j);
    }
    if (executions || balances) whole(j, seen, 1 << 6);
    r->kind = executions || balances ? AATS_OV_EVENT : AATS_OV_OTHER;
}

/* {"method":"add_order","req_id":42,"success":true,"result":{..},"time_in":".."}   {"method":"add_order","req_id":99,"success":false,"error":".."} */
int kraken_order_parse(char const *text, size_t n, aats_oreply_t *r)
{
    frame_t f = {.success = -1};
    aats_json_t j;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    read_frame(&j, r, &f);
    aats_json_end(&j);
    if (j.err) {
        r->msg_cnt = 0;
        return j.err;
    }
    if (f.success < 0) return AATS_OK;
    r->kind = AATS_OV_REPLY;
    r->status = 200;
    r->result = f.result.s;
    r->result_len = f.result.n;
    if (!f.success) kraken_order_error(r, f.error.n ? f.error.s : "no reason given", f.error.n ? f.error.n : 15);
    return AATS_OK;
}

/* ---- REST ---- */

/* ["EOrder:Unknown order"]: the first that is an error; warnings begin with W (7). */
static void errors(aats_json_t *j, kraken_text_t *out)
{
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        kraken_text_t one = {"", 0};
        if (aats_json_str(j, &one.s, &one.n)) return;
        if (!out->n && one.n && one.s[0] != 'W') *out = one;
    }
}

/* {"error":[],"result":{..}} */
int kraken_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    kraken_text_t error = {"", 0};
    aats_json_t j;
    (void)head, (void)head_len;
    if (aats_order_http(status, body, n, kind, r)) return AATS_OK;
    aats_json_init(&j, body, n);
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("error")) aats_json_seen(&j, &seen, 0), errors(&j, &error);
        else if (IS("result")) aats_json_seen(&j, &seen, 1), aats_json_raw(&j, &r->result, &r->result_len);
        else aats_json_skip(&j);
    }
    aats_json_end(&j);
    if (whole(&j, seen, 1)) return j.err;
    r->kind = AATS_OV_REPLY;
    if (error.n) kraken_order_error(r, error.s, error.n);
    else if (status >= 200 && status < 300 && !(seen & 2)) return AATS_E_SHAPE;
    return AATS_OK;
}
