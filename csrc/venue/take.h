/* take.h -- small readers that the text parsers of several venues share: the next value as a wanted key, times in ms, names of trades.
 *
 * For: venue files.  Not a contract with anybody else.  All of them work on a cursor of proto/json.h and on a mask of the keys seen; the first error
 * sticks there.
 */
#ifndef AATS_VENUE_TAKE_H
#define AATS_VENUE_TAKE_H

#include <stdint.h>

#include "proto/json.h"
#include "proto/num.h"

/* Is the key that the cursor gave last (key, key_len) this literal? */
#define IS(lit) AATS_JSON_IS(key, key_len, lit)

/* The next value as wanted key number `bit` of its object. */
static inline int take_u64(aats_json_t *j, uint32_t *seen, unsigned bit, uint64_t *out)
{
    aats_json_seen(j, seen, bit);
    return aats_json_u64(j, out);
}

static inline int take_str(aats_json_t *j, uint32_t *seen, unsigned bit, char const **s, size_t *n)
{
    aats_json_seen(j, seen, bit);
    return aats_json_str(j, s, n);
}

static inline int take_num(aats_json_t *j, uint32_t *seen, unsigned bit, int exp, int64_t *out)
{
    aats_json_seen(j, seen, bit);
    return aats_json_num(j, exp, out);
}

/* A time in ms as ns; one that does not fit is no time. */
static inline int64_t text_ms_ns(uint64_t ms) { return ms <= INT64_MAX / 1000000 ? (int64_t)ms * 1000000 : 0; }

static inline int take_ms(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    uint64_t ms = 0;
    take_u64(j, seen, bit, &ms);
    *out = text_ms_ns(ms);
    return j->err;
}

/* Every wanted key must have come once. */
static inline int whole(aats_json_t *j, uint32_t seen, uint32_t want)
{
    if (j->err) return j->err;
    return (seen & want) == want ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* text_id64 makes a number of a name that a venue gives a trade: the number itself if it is one, the first 64 bits of a UUID, a hash (FNV-1a) of anything
 * else.  Never 0.  Equal names give equal numbers; of UUIDs and hashes nothing else is promised, least of all an order. */
static inline uint64_t text_id64(char const *s, size_t n)
{
    uint64_t dec = 0, hex = 0, hash = 14695981039346656037ULL;
    size_t digits = 0, hexes = 0;
    for (size_t i = 0; i < n; i++) {
        char const c = s[i];
        int const d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        hash = (hash ^ (uint8_t)c) * 1099511628211ULL;
        if (d >= 0 && d <= 9 && digits == i && (dec < UINT64_MAX / 10 || (dec == UINT64_MAX / 10 && d <= 5))) dec = dec * 10 + (uint64_t)d, digits++;
        if (d >= 0 && hexes++ < 16) hex = hex << 4 | (uint64_t)d;
    }
    uint64_t const id = n && digits == n ? dec : n == 36 && hexes == 32 ? hex : hash;
    return id ? id : 1;
}

/* text_amount adds a decimal of any size to *sum, at 10^-8: a balance of a cheap asset exceeds 64 bits, and what is finer is cut off, for it is no reason to
 * know nothing.  AATS_OK or what num.h says. */
static inline int text_amount(char const *s, size_t n, __int128 *sum)
{
    int64_t high, low = 0;
    int const minus = n > 0 && s[0] == '-';
    int e = aats_num_parse(s, n, -8, &high);
    if (e == AATS_OK) {
        *sum += high;
        return AATS_OK;
    }
    s += minus;
    n -= (size_t)minus;
    char const *const point = (char const *)memchr(s, '.', n);
    size_t const head = point ? (size_t)(point - s) : n;
    char tail[48] = "0";
    if ((e != AATS_E_RANGE && e != AATS_E_INEXACT) || n - head >= sizeof tail - 1) return e;
    memcpy(tail + 1, s + head, n - head);
    e = aats_num_parse(s, head, 0, &high);
    if (!e) e = aats_num_parse(tail, 1 + n - head, AATS_NUM_EXP_MIN, &low);
    if (e) return e;
    __int128 const v = (__int128)high * 100000000 + low / 10000000000; /* from 1e-18 to 1e-8 */
    *sum += minus ? -v : v;
    return AATS_OK;
}

#endif
