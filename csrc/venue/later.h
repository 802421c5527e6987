/* later.h -- numbers that stand in front of the symbol whose scale they have: their place is noted, and they are read when the symbol is known.
 *
 * For: venue files.  Not a contract with anybody else.
 */
#ifndef AATS_VENUE_LATER_H
#define AATS_VENUE_LATER_H

#include "proto/num.h"
#include "venue/take.h"

typedef struct {
    char const *s; /* the value's text, quotes and all; NULL: it has not come */
    size_t n;
} later_t;

/* The next value as wanted key number `bit` of its object, unread. */
static inline int take_later(aats_json_t *j, uint32_t *seen, unsigned bit, later_t *out)
{
    aats_json_seen(j, seen, bit);
    return aats_json_raw(j, &out->s, &out->n);
}

/* Reads a noted number, or a string that holds one; `none` is what an empty string or null means, AATS_OK or an error. */
static inline int later_num(aats_json_t *j, later_t const *v, int exp, int none, int64_t *out)
{
    *out = 0;
    if (j->err || !v->s) return j->err;
    char const *s = v->s;
    size_t n = v->n;
    if (n >= 2 && s[0] == '"') s++, n -= 2;
    else if (n == 4 && s[0] == 'n') n = 0;
    else if (n && s[0] != '-' && (s[0] < '0' || s[0] > '9')) return aats_json_fail(j, AATS_E_SHAPE);
    int const e = n ? aats_num_parse(s, n, exp, out) : none;
    return e ? aats_json_fail(j, e == AATS_E_SYNTAX ? AATS_E_SHAPE : e) : AATS_OK;
}

#endif
