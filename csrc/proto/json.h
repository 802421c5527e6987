/* json.h -- a cursor over one JSON text, for code that knows which message it expects.
 *
 * Strict (RFC 8259), no allocation, no tree: the caller walks objects and arrays in the order of the text and takes
 * or skips each value. Strings come back as the bytes between their quotes. Not a validator of UTF-8 (the WebSocket
 * layer has checked the whole message) and not for text that still arrives: a text that ends too early is
 * AATS_E_SYNTAX.
 *
 *     aats_json_t j;
 *     char const *k;
 *     size_t n;
 *     uint32_t seen = 0;
 *     aats_json_init(&j, text, text_len);
 *     aats_json_object(&j);
 *     while (aats_json_key(&j, &k, &n) == 1) {
 *         if (AATS_JSON_IS(k, n, "u")) {
 *             aats_json_seen(&j, &seen, 0);
 *             aats_json_u64(&j, &last_id);
 *         } else if (AATS_JSON_IS(k, n, "b")) {
 *             aats_json_seen(&j, &seen, 1);
 *             aats_json_levels(&j, -8, -8, bids, bid_cap, &bid_cnt);
 *         } else {
 *             aats_json_skip(&j);
 *         }
 *     }
 *     if (aats_json_end(&j) != AATS_OK) return j.err;
 *     if (seen != 3) return AATS_E_SHAPE;
 *
 * The first error sticks: every later call returns it and moves nothing, so a parser may check once, at the end
 * (aats_json_offset says where). Codes: AATS_E_SYNTAX not JSON, or nested deeper than AATS_JSON_DEPTH; AATS_E_SHAPE
 * a value of another type than asked for; those of num.h for numbers.
 *
 * A key written with escapes never equals a plain name (AATS_JSON_IS compares raw bytes): it is an unknown key, like
 * any other. Owner: the caller's stack. Pointers given out point into the text and live as long as it does.
 */
#ifndef AATS_PROTO_JSON_H
#define AATS_PROTO_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/errors.h"
#include "layout/layout.h"

#define AATS_JSON_DEPTH 64

typedef struct {
    char const *p;     /* next byte */
    char const *end;
    char const *start;
    uint64_t fresh;    /* bit d: the container at depth d + 1 has given no element yet, so no comma comes before it */
    int depth;         /* containers open: 0 outside of all */
    int err;           /* AATS_OK, or the first error */
    int escaped;       /* 1 if the last key or string given out holds a backslash */
} aats_json_t;

/* AATS_JSON_IS: is the key (or raw string) k of n bytes this literal? */
#define AATS_JSON_IS(k, n, lit) ((n) == sizeof(lit) - 1 && memcmp((k), (lit), sizeof(lit) - 1) == 0)

void aats_json_init(aats_json_t *j, char const *s, size_t n);

/* aats_json_fail makes code the cursor's error unless it has one; returns the error in force. */
int aats_json_fail(aats_json_t *j, int code);

/* aats_json_offset returns the bytes before the cursor: where the first error was noticed. */
size_t aats_json_offset(aats_json_t const *j);

/* aats_json_type peeks at the next value: '"' string, '{', '[', '0' number, 't' true or false, 'n' null, or an
 * error. */
int aats_json_type(aats_json_t *j);

/* aats_json_object enters the object that comes next, aats_json_array the array.  AATS_OK or an error. */
int aats_json_object(aats_json_t *j);
int aats_json_array(aats_json_t *j);

/* aats_json_key gives the next key of the object entered last: 1, and the cursor stands before its value, which the
 * caller must take or skip; 0 at the end of the object, which is left; or an error. */
int aats_json_key(aats_json_t *j, char const **key, size_t *n);

/* aats_json_item steps to the next value of the array entered last: 1, 0 at its end, which is left, or an error.
 * After 1 the value must be taken or skipped. */
int aats_json_item(aats_json_t *j);

/* aats_json_str gives the raw bytes between the quotes; j->escaped tells whether aats_json_unescape is needed. */
int aats_json_str(aats_json_t *j, char const **s, size_t *n);

/* aats_json_unescape writes the text of a raw string (\uXXXX pairs become UTF-8) and a final zero byte. Returns its
 * length without that byte; AATS_E_FULL (n + 1 bytes are always enough); AATS_E_SYNTAX for a bad escape or a lone
 * surrogate. */
int aats_json_unescape(char const *s, size_t n, char *out, size_t cap);

/* Integers: a number with a point or exponent is AATS_E_SHAPE, one that does not fit (or a negative u64)
 * AATS_E_RANGE. */
int aats_json_u64(aats_json_t *j, uint64_t *out);
int aats_json_i64(aats_json_t *j, int64_t *out);
int aats_json_bool(aats_json_t *j, int *out);
int aats_json_null(aats_json_t *j);

/* aats_json_num takes a number, or a string that holds one, at 10^exp (num.h): prices are strings on most venues,
 * numbers on some. */
int aats_json_num(aats_json_t *j, int exp, int64_t *out);

/* aats_json_skip passes over one value of any type, checking it fully; no recursion. aats_json_raw does the same and
 * gives its text. */
int aats_json_skip(aats_json_t *j);
int aats_json_raw(aats_json_t *j, char const **s, size_t *n);

/* aats_json_end returns AATS_OK if every container is closed and only white space follows. */
int aats_json_end(aats_json_t *j);

/* aats_json_levels takes an array of levels, [["64210.01000000","0.85314000"],...], into out[0 .. *cnt).
 *
 * Each level is an array that begins with price and quantity (strings or numbers); what follows in it is skipped. A
 * quantity of 0 is kept: it says that the level is gone. Returns AATS_OK; AATS_E_SHAPE for a level of another shape,
 * a price that is not above 0, a negative quantity; AATS_E_TOO_BIG for more than cap levels; the codes of num.h. On
 * an error *cnt levels came before it. Cost: 3 ns a level as Binance writes them with AVX-512, 14 by the scalar code (two
 * strings, no white space), 35-60 otherwise. */
int aats_json_levels(aats_json_t *j, int px_exp, int qty_exp, aats_level_t *out, size_t cap, size_t *cnt);

/* aats_json_seen marks wanted key number `bit` (0..31) in *mask; AATS_E_DUPKEY, which sticks, if it was marked
 * before. */
static inline int aats_json_seen(aats_json_t *j, uint32_t *mask, unsigned bit)
{
    uint32_t const m = (uint32_t)1 << (bit & 31);
    if (*mask & m) return aats_json_fail(j, AATS_E_DUPKEY);
    *mask |= m;
    return AATS_OK;
}

#endif
