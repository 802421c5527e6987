/* binance_walk.h -- the steps of the short ways through Binance's messages: literals compared by words, numbers, names; all inline.
 *
 * For: binance_fast.c, binance_futures_fast.c.  Every step returns 0 where the text is not what it expects: the message is left to the plain walk then.
 * A step may look at TEXT_MIN characters before it knows where the text ends, so shorter texts are not begun.
 */
#ifndef AATS_VENUE_BINANCE_WALK_H
#define AATS_VENUE_BINANCE_WALK_H

#include <string.h>

#include "proto/json.h"
#include "proto/num_fast.h"
#include "proto/scan.h"
#include "proto/swar.h"
#include "venue/binance_text.h"
#include "venue/venue.h"

#define HEAD     "{\"stream\":\""
#define NAME_LEN 15 /* a symbol's name and the "@" behind it lie in two words */
#define TEXT_MIN 64  /* so many characters may be looked at before the end is */

typedef struct {
    char const *p, *end, *start;
} walk_t;

static inline uint64_t four(char const *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

/* lit steps over a literal of 4 characters or more; 0 if something else stands there. */
__attribute__((always_inline)) static inline int lit_n(walk_t *w, char const *text, size_t n)
{
    uint64_t odd = 0;
    if ((size_t)(w->end - w->p) < n) return 0;
    if (n >= 8) {
        for (size_t i = 0; i + 8 <= n; i += 8) odd |= aats_swar_load8(w->p + i) ^ aats_swar_load8(text + i);
        odd |= aats_swar_load8(w->p + n - 8) ^ aats_swar_load8(text + n - 8);
    } else {
        odd = (four(w->p) ^ four(text)) | (four(w->p + n - 4) ^ four(text + n - 4));
    }
    w->p += n;
    return odd == 0;
}
#define lit(w, text) lit_n((w), (text), sizeof(text) - 1)

/* uint takes a whole number of up to 15 digits; what stands behind it is compared next. */
static inline int uint(walk_t *w, uint64_t *out)
{
    char const *const p = aats_num_fast_u64(w->p, w->end, out);
    if (p == NULL) return 0;
    w->p = p;
    return 1;
}

static inline int num(walk_t *w, int64_t *out)
{
    char const *const p = aats_num_fast(w->p, w->end, BINANCE_EXP, NULL, out);
    if (p == NULL) return 0;
    w->p = p;
    return 1;
}

/* A name of 1..15 characters as two words in lower case, zeros behind it. */
typedef struct {
    uint64_t low, high;
} name_t;

static inline name_t kept(size_t n)
{
    return (name_t){n >= 8 ? ~0ULL : ~0ULL >> (64 - 8 * n), n <= 8 ? 0 : ~0ULL >> (128 - 8 * n)};
}

/* symbol takes the payload's symbol: the stream's, in any case, and without a character that ends, escapes or is forbidden in a string. */
static inline int symbol(walk_t *w, name_t stream, size_t n)
{
    if (w->end - w->p < 16) return 0;
    name_t const keep = kept(n);
    uint64_t const low = aats_swar_load8(w->p), high = aats_swar_load8(w->p + 8);
    if (aats_swar_lower(low & keep.low) != stream.low || aats_swar_lower(high & keep.high) != stream.high) return 0;
    uint64_t const x = (low & keep.low) | (AATS_SWAR_EACH('x') & ~keep.low), y = (high & keep.high) | (AATS_SWAR_EACH('x') & ~keep.high);
    w->p += n;
    return (aats_swar_is(x, '"') | aats_swar_is(x, '\\') | aats_swar_below(x, 0x20) | aats_swar_is(y, '"') | aats_swar_is(y, '\\') |
            aats_swar_below(y, 0x20)) == 0;
}

/* The array of levels at the cursor, two objects deep as in the walk. */
static inline int levels(walk_t *w, aats_level_t *out, size_t *cnt)
{
    aats_json_t j = {.p = w->p, .end = w->end, .start = w->start, .depth = 2};
    int const rc = aats_json_levels(&j, BINANCE_EXP, BINANCE_EXP, out, AATS_MSG_LEVELS, cnt);
    w->p = j.p;
    return rc == AATS_OK;
}

/* The characters before the "@" of a stream's name, 0 or more than NAME_LEN if that is not for us. */
static inline size_t name_len(name_t name)
{
    uint64_t const at = aats_swar_is(name.low, '@');
    return (size_t)(at ? aats_swar_first(at) : 8 + aats_swar_first(aats_swar_is(name.high, '@')));
}

#endif
