#include "venue/gate_text.h"

#include <stdio.h>

int gate_take_ms(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *ns)
{
    later_t v = {NULL, 0};
    int64_t us = 0;
    take_later(j, seen, bit, &v);
    if (v.n && v.s[0] == '"') v.s++, v.n -= 2;
    for (size_t i = 0; i < v.n; i++) /* digits below the microsecond are of no use */
        if (v.s[i] == '.' && v.n > i + 4) v.n = i + 4;
    *ns = 0;
    if (!j->err && v.n && aats_num_parse(v.s, v.n, -3, &us) == AATS_OK && us >= 0 && us <= INT64_MAX / 1000) *ns = us * 1000;
    return j->err;
}

int gate_u64(aats_json_t *j, later_t const *v, uint64_t *out)
{
    char const *s = v->s;
    size_t n = v->n;
    if (n >= 2 && s[0] == '"') s++, n -= 2;
    if (!n || aats_num_u64(s, n, out)) return aats_json_fail(j, AATS_E_SHAPE);
    return j->err;
}

int gate_objects(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap, size_t *cnt)
{
    char const *key;
    size_t key_len;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        uint32_t seen = 0;
        if (*cnt == cap) return aats_json_fail(j, AATS_E_TOO_BIG);
        aats_level_t *l = &out[*cnt];
        aats_json_object(j);
        while (aats_json_key(j, &key, &key_len) == 1) {
            if (IS("p")) take_num(j, &seen, 0, px_exp, &l->px_i);
            else if (IS("s")) take_num(j, &seen, 1, qty_exp, &l->qty_i);
            else aats_json_skip(j);
        }
        if (whole(j, seen, 3)) return j->err;
        if (l->px_i <= 0 || l->qty_i < 0) return aats_json_fail(j, AATS_E_SHAPE);
        ++*cnt;
    }
    return j->err;
}

/* {"code":2,"message":"unknown currency pair: NOPE_USDT"} */
static int refusal(aats_json_t *j, later_t const *error, aats_msg_t *m)
{
    aats_json_t e;
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_ERROR;
    aats_json_init(&e, error->s, error->n);
    aats_json_object(&e);
    while (aats_json_key(&e, &key, &key_len) == 1) {
        if (IS("code")) aats_json_seen(&e, &seen, 0), aats_json_i64(&e, &m->code);
        else if (IS("message")) take_str(&e, &seen, 1, &m->text, &m->text_len);
        else aats_json_skip(&e);
    }
    return aats_json_end(&e) ? aats_json_fail(j, e.err) : AATS_OK;
}

static int failed(later_t const *result)
{
    static char const FAIL[] = "\"fail\"";
    return result->s && memmem(result->s, result->n, FAIL, sizeof FAIL - 1);
}

int gate_control(aats_json_t *j, gate_frame_t const *f, aats_msg_t *m)
{
    if (f->type.s && AATS_JSON_IS(f->type.s, f->type.n, "\"upgrade\"")) m->kind = AATS_MSG_SHUTDOWN;
    if (!f->channel) return AATS_OK;
    if (f->id.s && f->id.s[0] >= '0' && f->id.s[0] <= '9' && gate_u64(j, &f->id, &m->id)) return j->err; /* ours are numbers */
    size_t const n = f->channel_len;
    if (n > 5 && !memcmp(f->channel + n - 5, ".pong", 5)) m->kind = AATS_MSG_PONG;
    else if (f->error.s && f->error.s[0] == '{') refusal(j, &f->error, m);
    else if (f->result.s && f->event && (AATS_JSON_IS(f->event, f->event_len, "subscribe") || AATS_JSON_IS(f->event, f->event_len, "unsubscribe")))
        m->kind = failed(&f->result) ? AATS_MSG_ERROR : AATS_MSG_ACK;
    return j->err;
}

int gate_path(char *out, size_t cap, char const *path)
{
    int n = snprintf(out, cap, "%s", path);
    return n < (int)cap ? n : AATS_E_FULL;
}
