/* write.h -- how the requests of a venue are written: texts appended to a buffer, the first error sticks.
 *
 * For: venue/<venue>_order.c.  Not a contract with anybody else.
 *
 *     text_t t = text_at(out, cap);
 *     put(&t, "{\"price\":\"");
 *     put_decimal(&t, o->px_i, o->px_exp);
 *     put(&t, "\"}");
 *     return text_len(&t, out);       its length, or what went wrong first
 */
#ifndef AATS_VENUE_WRITE_H
#define AATS_VENUE_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/errors.h"
#include "order/client_id.h"
#include "proto/num.h"

typedef struct {
    char *at, *end; /* room for a final zero is always kept */
    int err;        /* AATS_OK, AATS_E_FULL, or what put_* say */
} text_t;

static inline text_t text_at(char *out, size_t cap)
{
    if (cap) *out = 0;
    return (text_t){out, out + cap, cap ? AATS_OK : AATS_E_FULL};
}

static inline int text_len(text_t const *t, char const *out) { return t->err ? t->err : (int)(t->at - out); }

static inline void text_fail(text_t *t, int code)
{
    if (!t->err) t->err = code;
}

static inline void put_n(text_t *t, char const *s, size_t n)
{
    if ((size_t)(t->end - t->at) <= n) text_fail(t, AATS_E_FULL);
    if (t->err) return;
    memcpy(t->at, s, n);
    t->at += n;
    *t->at = 0;
}

static inline void put(text_t *t, char const *s) { put_n(t, s, strlen(s)); }

static inline void put_int(text_t *t, int64_t v)
{
    char number[AATS_NUM_SZ];
    int const n = aats_num_format(v, 0, number, sizeof number);
    if (n < 0) text_fail(t, n);
    else put_n(t, number, (size_t)n);
}

/* A price or size: above 0, or AATS_E_ARG. */
static inline void put_decimal(text_t *t, int64_t v, int exp)
{
    char number[AATS_NUM_SZ];
    int const n = v > 0 ? aats_num_format(v, exp, number, sizeof number) : AATS_E_ARG;
    if (n < 0) text_fail(t, n);
    else put_n(t, number, (size_t)n);
}

/* A name that can lead neither JSON nor a query nor a head astray: what can be seen, without quotes, backslashes and the marks of a query; else, or if it is
 * empty or has no end within cap, AATS_E_ARG. */
static inline void put_name(text_t *t, char const *s, size_t cap)
{
    size_t const n = strnlen(s, cap);
    if (n == 0 || n == cap) text_fail(t, AATS_E_ARG);
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] > '~' || strchr("\"\\&=?#,", s[i])) text_fail(t, AATS_E_ARG);
    put_n(t, s, n);
}

/* A value of a query that came from the venue: what has a meaning in an address is escaped; percent 1: but for the percent sign, it is escaped already. */
static inline void put_escaped(text_t *t, char const *s, int percent)
{
    static char const HEX[] = "0123456789ABCDEF";
    for (; *s; s++) {
        uint8_t const c = (uint8_t)*s;
        int const plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-_.~", c) || (percent && c == '%');
        char const code[3] = {'%', HEX[c >> 4], HEX[c & 15]};
        if (plain) put_n(t, s, 1);
        else put_n(t, code, 3);
    }
}

static inline void put_client_id(text_t *t, aats_order_t const *o)
{
    char id[AATS_CLIENT_ID_SZ];
    aats_client_id_format(o->instance, aats_order_client_no(o), id);
    put(t, id);
}

#endif
