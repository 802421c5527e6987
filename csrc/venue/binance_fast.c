/* binance_fast.c -- the three messages that come all day, read as Binance writes them; see binance_fast.h.
 *
 *   {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1785312000112,"s":"BTCUSDT","U":61530118801,"u":61530118837,"b":[...],"a":[...]}}
 *   {"stream":"btcusdt@bookTicker","data":{"u":61530118837,"s":"BTCUSDT","b":"64210.01000000","B":"0.85314000","a":"64210.02000000","A":"2.10077000"}}
 *   {"stream":"btcusdt@trade","data":{"e":"trade","E":..,"s":"BTCUSDT","t":5212345678,"p":"64210.02000000","q":"0.01200000","T":..,"m":false,"M":true}}
 */
#include "venue/binance_fast.h"

#include <string.h>

#include "proto/json.h"
#include "proto/num_fast.h"
#include "proto/scan.h"
#include "proto/swar.h"
#include "venue/binance_text.h"

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

static int depth(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    uint64_t t;
    m->kind = AATS_MSG_DEPTH;
    if (!uint(w, &t) || !lit(w, ",\"s\":\"")) return 0;
    m->exch_ns = binance_ns(t);
    m->sym = w->p;
    if (!symbol(w, name, n) || !lit(w, "\",\"U\":") || !uint(w, &m->first_id) || !lit(w, ",\"u\":") || !uint(w, &m->last_id)) return 0;
    return lit(w, ",\"b\":") && levels(w, m->bids, &m->bid_cnt) && lit(w, ",\"a\":") && levels(w, m->asks, &m->ask_cnt);
}

static int book_ticker(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    int64_t v[4];
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    if (!uint(w, &m->last_id) || !lit(w, ",\"s\":\"")) return 0;
    m->sym = w->p;
    if (!symbol(w, name, n) || !lit(w, "\",\"b\":\"")) return 0;
    char const *const behind = aats_scan()->quote != NULL ? aats_scan()->quote(w->start, w->p, w->end, v) : NULL;
    if (behind != NULL) {
        w->p = behind;
    } else if (!num(w, &v[0]) || !lit(w, "\",\"B\":\"") || !num(w, &v[1]) || !lit(w, "\",\"a\":\"") || !num(w, &v[2]) || !lit(w, "\",\"A\":\"") ||
               !num(w, &v[3]) || w->p == w->end || *w->p++ != '"') {
        return 0;
    }
    m->bids[0] = (aats_level_t){v[0], v[1]};
    m->asks[0] = (aats_level_t){v[2], v[3]};
    return 1;
}

static int trade(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    uint64_t t;
    m->kind = AATS_MSG_TRADE;
    if (!uint(w, &t) || !lit(w, ",\"s\":\"")) return 0;
    m->sym = w->p;
    if (!symbol(w, name, n) || !lit(w, "\",\"t\":") || !uint(w, &m->id) || !lit(w, ",\"p\":\"") || !num(w, &m->px_i) || !lit(w, "\",\"q\":\"")) return 0;
    if (!num(w, &m->qty_i) || m->px_i <= 0 || !lit(w, "\",\"T\":") || !uint(w, &t) || !lit(w, ",\"m\":") || w->end - w->p < 8) return 0;
    m->exch_ns = binance_ns(t);
    m->side = *w->p == 't' ? -1 : 1; /* V-04 of binance.c */
    m->first_id = m->last_id = m->id;
    return m->side < 0 ? lit(w, "true,\"M\":true") : lit(w, "false,\"M\":true");
}

/* The characters before the "@" of a stream's name, 0 or more than NAME_LEN if that is not for us. */
static inline size_t name_len(name_t name)
{
    uint64_t const at = aats_swar_is(name.low, '@');
    return (size_t)(at ? aats_swar_first(at) : 8 + aats_swar_first(aats_swar_is(name.high, '@')));
}

int binance_fast(char const *text, size_t n, aats_msg_t *m)
{
    walk_t w = {text, text + n, text};
    if (n < TEXT_MIN || !lit(&w, HEAD)) return 0;
    name_t name = {aats_swar_load8(w.p), aats_swar_load8(w.p + 8)};
    size_t const len = name_len(name);
    if (len == 0 || len > NAME_LEN) return 0;
    name_t const keep = kept(len);
    name.low = aats_swar_lower(name.low & keep.low);
    name.high = aats_swar_lower(name.high & keep.high);
    m->stream = w.p;
    m->sym_len = len;
    w.p += len;
    int good;
    if (w.p[1] == 'd') {
        good = lit(&w, "@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":") && depth(&w, name, len, m);
        m->stream_len = len + sizeof "@depth@100ms" - 1;
    } else if (w.p[1] == 'b') {
        good = lit(&w, "@bookTicker\",\"data\":{\"u\":") && book_ticker(&w, name, len, m);
        m->stream_len = len + sizeof "@bookTicker" - 1;
    } else {
        good = lit(&w, "@trade\",\"data\":{\"e\":\"trade\",\"E\":") && trade(&w, name, len, m);
        m->stream_len = len + sizeof "@trade" - 1;
    }
    if (!good || w.end - w.p != 2 || w.p[0] != '}' || w.p[1] != '}') return 0;
    m->offset = n;
    return 1;
}
