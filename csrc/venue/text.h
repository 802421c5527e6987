/* text.h -- integers and times that a venue writes as strings ("1785312000129"): beside take.h, for the venues that do so.
 *
 * For: venue/<venue>*.c.  Not a contract with anybody else.
 */
#ifndef AATS_VENUE_TEXT_H
#define AATS_VENUE_TEXT_H

#include "proto/num.h"
#include "venue/take.h"

/* take_text_u64 takes an integer, or a string that holds one: ids and times that JavaScript could not hold as numbers. */
static inline int take_text_u64(aats_json_t *j, uint32_t *seen, unsigned bit, uint64_t *out)
{
    char const *s;
    size_t n;
    aats_json_seen(j, seen, bit);
    if (j->err || aats_json_type(j) != '"') return aats_json_u64(j, out);
    if (aats_json_str(j, &s, &n)) return j->err;
    int const e = aats_num_u64(s, n, out);
    return e ? aats_json_fail(j, e == AATS_E_RANGE ? e : AATS_E_SHAPE) : AATS_OK;
}

/* take_text_ms takes a time in ms since 1970, number or string, as ns; one that ns cannot hold is no time. */
static inline int take_text_ms(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *ns)
{
    uint64_t ms = 0;
    take_text_u64(j, seen, bit, &ms);
    *ns = text_ms_ns(ms);
    return j->err;
}

#endif
