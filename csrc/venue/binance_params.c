/* binance_params.c -- see binance_params.h. */
#include "venue/binance_params.h"

#include <stdio.h>
#include <string.h>

#include "order/client_id.h"
#include "proto/num.h"
#include "proto/utf8.h"

#define PAYLOAD_SZ 1024

/* The text for one more parameter; NULL after an error. */
char *binance_param_slot(binance_params_t *ps, char const *name, int bare)
{
    if (ps->err) return NULL;
    if (ps->cnt == BINANCE_PARAM_CNT) {
        ps->err = AATS_E_FULL;
        return NULL;
    }
    int i = ps->cnt++;
    binance_param_t *p = &ps->at[i];
    for (; i > 0 && strcmp(ps->at[ps->by_name[i - 1]].name, name) > 0; i--) ps->by_name[i] = ps->by_name[i - 1];
    ps->by_name[i] = (uint8_t)(p - ps->at);
    p->name = name;
    p->bare = bare;
    return p->text;
}

/* Neither JSON nor the signed text can be led astray: no quotes, no backslash, no control characters, no "&" or "="; and it is UTF-8. */
static int harmless(char const *s, size_t n)
{
    if (!aats_utf8_ok(s, n)) return 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("\"\\&=", s[i])) return 0;
    return n > 0;
}

/* s ends with a zero byte or after cap bytes. */
void binance_param_text(binance_params_t *ps, char const *name, char const *s, size_t cap)
{
    size_t n = strnlen(s, cap);
    char *to = binance_param_slot(ps, name, 0);
    if (!to) return;
    if (n >= BINANCE_PARAM_SZ || !harmless(s, n)) {
        ps->err = AATS_E_ARG;
        return;
    }
    memcpy(to, s, n);
    to[n] = 0;
}

void binance_param_int(binance_params_t *ps, char const *name, int64_t v)
{
    char *to = binance_param_slot(ps, name, 1);
    if (to) aats_num_format(v, 0, to, BINANCE_PARAM_SZ);
}

void binance_param_decimal(binance_params_t *ps, char const *name, int64_t v, int exp)
{
    char *to = binance_param_slot(ps, name, 0);
    if (!to) return;
    int n = v > 0 ? aats_num_format(v, exp, to, BINANCE_PARAM_SZ) : AATS_E_ARG;
    if (n < 0) ps->err = n;
}

void binance_param_symbol(binance_params_t *ps, aats_oreq_t const *req)
{
    if (req->rules) binance_param_text(ps, "symbol", req->rules->native, sizeof req->rules->native);
    else ps->err = AATS_E_ARG;
}

void binance_param_client_id(binance_params_t *ps, char const *name, aats_order_t const *o)
{
    char *to = binance_param_slot(ps, name, 0);
    if (to) aats_client_id_format(o->instance, aats_order_client_no(o), to);
}

/* orderId is a number in JSON; what we hold is the text that the venue's number became. */
void binance_param_remote(binance_params_t *ps, aats_order_t const *o)
{
    size_t n = strnlen(o->remote_id, sizeof o->remote_id);
    char *to = binance_param_slot(ps, "orderId", 1);
    uint64_t v;
    if (!to) return;
    if (n == sizeof o->remote_id || aats_num_u64(o->remote_id, n, &v)) ps->err = AATS_E_ARG;
    else memcpy(to, o->remote_id, n + 1);
}

/* Appends texts; keeps room for a final zero, and remembers when there was none. */
typedef struct {
    char *at, *end;
    int full;
} text_t;

static void put(text_t *t, char const *s)
{
    size_t n = strlen(s);
    if (t->full || (size_t)(t->end - t->at) <= n) {
        t->full = 1;
        return;
    }
    memcpy(t->at, s, n + 1);
    t->at += n;
}

/* apiKey and signature: over all other parameters, "name=value" joined with "&", values as they stand in the JSON (6). */
void binance_params_sign(binance_params_t *ps, aats_oauth_t *auth)
{
    char payload[PAYLOAD_SZ], signature[AATS_SIGN_SZ];
    text_t t = {payload, payload + sizeof payload, 0};
    if (!auth->signer && !ps->err) ps->err = AATS_E_ARG;
    binance_param_text(ps, "apiKey", auth->key, sizeof auth->key);
    if (ps->err) return;
    for (int i = 0; i < ps->cnt; i++) {
        binance_param_t const *p = &ps->at[ps->by_name[i]];
        put(&t, i ? "&" : "");
        put(&t, p->name);
        put(&t, "=");
        put(&t, p->text);
    }
    int n = t.full ? AATS_E_FULL : aats_sign(auth->signer, payload, (size_t)(t.at - payload), signature, sizeof signature);
    char *to = n < 0 ? NULL : binance_param_slot(ps, "signature", 0);
    if (n < 0) ps->err = n;
    if (to) memcpy(to, signature, (size_t)n + 1);
}

/* {"id":7,"method":"order.place","params":{"newClientOrderId":"0123..cdef","price":"64200.01",...,"timestamp":1785312000301}} */
int binance_params_json(binance_params_t const *ps, uint64_t id, char const *method, char *out, size_t cap)
{
    char number[24];
    text_t t = {out, out + cap, 0};
    snprintf(number, sizeof number, "%llu", (unsigned long long)id);
    put(&t, "{\"id\":");
    put(&t, number);
    put(&t, ",\"method\":\"");
    put(&t, method);
    put(&t, ps->cnt ? "\",\"params\":{" : "\"}");
    for (int i = 0; i < ps->cnt; i++) {
        binance_param_t const *p = &ps->at[ps->by_name[i]];
        put(&t, i ? ",\"" : "\"");
        put(&t, p->name);
        put(&t, p->bare ? "\":" : "\":\"");
        put(&t, p->text);
        put(&t, p->bare ? "" : "\"");
    }
    put(&t, ps->cnt ? "}}" : "");
    return t.full ? AATS_E_FULL : (int)(t.at - out);
}

/* A signature in a query: base64 has characters that stand for something else there. */
static void put_escaped(text_t *t, char const *s)
{
    static char const HEX[] = "0123456789ABCDEF";
    for (; *s; s++) {
        char one[4] = {*s, 0, 0, 0};
        if (*s == '+' || *s == '/' || *s == '=') one[0] = '%', one[1] = HEX[(unsigned char)*s >> 4], one[2] = HEX[*s & 15];
        put(t, one);
    }
}

int binance_params_http(binance_params_t const *ps, aats_oauth_t *auth, char const *method, char const *path, char const *host, int signed_, char *out, size_t cap)
{
    char signature[AATS_SIGN_SZ];
    text_t t = {out, out + cap, 0};
    if (ps->err) return ps->err;
    if (!host || !harmless(host, strlen(host)) || !harmless(auth->key, strnlen(auth->key, sizeof auth->key)) || (signed_ && !auth->signer)) return AATS_E_ARG;
    put(&t, method);
    put(&t, " ");
    put(&t, path);
    char const *const query = t.at + 1;
    for (int i = 0; i < ps->cnt; i++) {
        put(&t, i ? "&" : "?");
        put(&t, ps->at[i].name);
        put(&t, "=");
        put(&t, ps->at[i].text);
    }
    if (signed_ && !t.full) {
        int n = aats_sign(auth->signer, query, ps->cnt ? (size_t)(t.at - query) : 0, signature, sizeof signature);
        if (n < 0) return n;
        put(&t, ps->cnt ? "&signature=" : "?signature=");
        put_escaped(&t, signature);
    }
    put(&t, " HTTP/1.1\r\nHost: ");
    put(&t, host);
    put(&t, "\r\nUser-Agent: aats\r\nX-MBX-APIKEY: ");
    put(&t, auth->key);
    put(&t, strcmp(method, "GET") && strcmp(method, "DELETE") ? "\r\nContent-Length: 0\r\n\r\n" : "\r\n\r\n");
    return t.full ? AATS_E_FULL : (int)(t.at - out);
}
