/* binance_order_text.c -- the values that Binance's order messages are made of; odd behaviours are numbered in binance_order.c. */
#include <stdio.h>
#include <string.h>

#include "order/client_id.h"
#include "proto/num.h"
#include "venue/binance_order.h"

int binance_take_text(aats_json_t *j, uint32_t *seen, unsigned bit, char *out, size_t cap)
{
    char const *s;
    size_t n;
    aats_json_seen(j, seen, bit);
    if (aats_json_str(j, &s, &n)) return j->err;
    if (j->escaped) {
        int e = aats_json_unescape(s, n, out, cap);
        return e < 0 ? aats_json_fail(j, e == AATS_E_FULL ? AATS_E_TOO_BIG : e) : AATS_OK;
    }
    if (n >= cap) return aats_json_fail(j, AATS_E_TOO_BIG);
    memcpy(out, s, n);
    out[n] = 0;
    return AATS_OK;
}

int binance_take_remote(aats_json_t *j, uint32_t *seen, unsigned bit, char out[40])
{
    uint64_t id = 0;
    if (!take_u64(j, seen, bit, &id)) snprintf(out, 40, "%llu", (unsigned long long)id);
    return j->err;
}

int binance_take_size(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    aats_json_seen(j, seen, bit);
    if (!aats_json_num(j, BINANCE_EXP, out) && *out < 0) return aats_json_fail(j, AATS_E_SHAPE);
    return j->err;
}

/* V-16: what does not fit is read in two halves, "123456789012345" and "0.67890000"; what is finer is cut off. */
int binance_amount(aats_json_t *j, uint32_t *seen, unsigned bit, __int128 *sum)
{
    char const *s;
    size_t n;
    int64_t v;
    aats_json_seen(j, seen, bit);
    if (aats_json_str(j, &s, &n)) return j->err;
    int e = aats_num_parse(s, n, BINANCE_EXP, &v);
    if (e == AATS_OK) {
        *sum += v;
        return AATS_OK;
    }
    char const *point = memchr(s, '.', n);
    size_t head = point ? (size_t)(point - s) : n;
    char tail[48] = "0";
    int64_t low = 0;
    if ((e != AATS_E_RANGE && e != AATS_E_INEXACT) || n - head >= sizeof tail - 1 || s[0] == '-') return aats_json_fail(j, e);
    memcpy(tail + 1, s + head, n - head);
    e = aats_num_parse(s, head, 0, &v);
    if (!e) e = aats_num_parse(tail, 1 + n - head, AATS_NUM_EXP_MIN, &low);
    if (e) return aats_json_fail(j, e);
    *sum += (__int128)v * 100000000 + low / 10000000000; /* from 1e-18 to 1e-8 */
    return AATS_OK;
}

aats_omsg_t *binance_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code)
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

int binance_whose(char const *s, size_t n, aats_omsg_t *m)
{
    if (aats_client_id_parse(s, n, &m->instance, &m->order_id) == AATS_OK) return 1;
    m->instance = 0;
    m->order_id = 0;
    if (n >= sizeof m->text) n = sizeof m->text - 1;
    memcpy(m->text, s, n);
    m->text[n] = 0;
    return 0;
}

int binance_status(char const *s, size_t n)
{
    static struct { char const *name; int status; } const NAMES[] = {
        {"NEW", ST_OPEN},          {"PARTIALLY_FILLED", ST_OPEN}, {"PENDING_NEW", ST_OPEN},            {"PENDING_CANCEL", ST_OPEN},
        {"FILLED", ST_FILLED},     {"CANCELED", ST_CANCELED},     {"EXPIRED", ST_EXPIRED},             {"EXPIRED_IN_MATCH", ST_SELF_TRADE},
        {"REJECTED", ST_REJECTED},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strlen(NAMES[i].name) == n && !memcmp(NAMES[i].name, s, n)) return NAMES[i].status;
    return ST_STRANGE;
}

uint32_t binance_end(int status, int ioc)
{
    switch (status) {
    case ST_FILLED: return AATS_OC_FILLED;
    case ST_CANCELED: return AATS_OC_CANCELED;
    case ST_EXPIRED: return ioc ? AATS_OC_IOC_REST : AATS_OC_EXPIRED; /* V-17 */
    case ST_SELF_TRADE: return AATS_OC_SELF_TRADE;
    default: return AATS_OC_NONE;
    }
}
