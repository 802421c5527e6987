/* okx_fast.c -- the three messages that come all day, read as OKX writes them; see okx_fast.h.
 *
 *   {"arg":{"channel":"books","instId":"X"},"action":"update","data":[{"asks":[..],"bids":[..],"ts":"..","checksum":0,"prevSeqId":1,"seqId":2}]}
 *   {"arg":{"channel":"bbo-tbt","instId":"X"},"data":[{"asks":[[..]],"bids":[[..]],"ts":"..","seqId":2}]}
 *   {"arg":{"channel":"trades","instId":"X"},"data":[{"instId":"X","tradeId":"1","px":"..","sz":"..","side":"buy","ts":"..","count":"3",..}]}
 *
 * Levels have no fixed width, so where the next one begins must be searched for.  One look at 64 characters gives the place of every quote and point in them as
 * bits; the third number of a level is always "0", so three of these bits say where price, size and the level end, and no number has to be read
 * before the next level is known:
 *
 *     [ " 6 4 2 1 0 . 2 " , " 1 8 8 . 4 " , " 0 " , " 1 2 " ] , [ " ...
 *       ^             ^       ^         ^                 ^          quotes; a number is what is before its point, and what is behind it, as 8 digits each
 */
#include "venue/okx_fast.h"

#include <string.h>

#include "base/scale.h"
#include "proto/swar.h"
#include "venue/okx_text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SEEN      64 /* characters of one look */
#define TEXT_MIN  96
#define NAME_LEN  40

typedef struct {
    char const *p, *end;
} walk_t;

static inline __attribute__((always_inline)) int lit_n(walk_t *w, char const *s, size_t n)
{
    if ((size_t)(w->end - w->p) < n || memcmp(w->p, s, n) != 0) return 0;
    w->p += n;
    return 1;
}

#define LIT(w, s) lit_n(w, s, sizeof(s) - 1)

/* Up to 16 digits; more are left to the walk. */
static inline int take_uint(walk_t *w, uint64_t *out)
{
    uint64_t x, v;
    if (w->end - w->p < 18) return 0;
    int k = aats_swar_digits(aats_swar_load8(w->p), &x);
    if (k == 0 || (k > 1 && *w->p == '0')) return 0;
    v = aats_swar_lead(x, k);
    w->p += k;
    if (k == 8) {
        k = aats_swar_digits(aats_swar_load8(w->p), &x);
        if (k > 0) v = v * (uint64_t)AATS_POW10_I[k] + aats_swar_lead(x, k);
        w->p += k;
        if (k == 8 && *w->p >= '0' && *w->p <= '9') return 0;
    }
    *out = v;
    return 1;
}

/* A number of digits a .. b - 1 of `at`, whose points are in dots, at 1e-8. */
static inline __attribute__((always_inline)) int number(char const *at, unsigned a, unsigned b, uint64_t dots, int64_t *out)
{
    uint64_t const mine = dots & (~0ULL << a), zeros = AATS_SWAR_EACH('0'), high = AATS_SWAR_EACH(0x76);
    unsigned dot = mine ? (unsigned)__builtin_ctzll(mine) : SEEN;
    if (dot > b) dot = b;
    unsigned const whole = dot - a, frac = b - dot; /* frac counts the point */
    if (whole - 1 > 7 || frac == 1 || frac > 9 || (whole > 1 && at[a] == '0')) return 0;
    uint64_t const x = (aats_swar_load8(at + dot - 8) ^ zeros) & (~0ULL << (8 * (8 - whole)));
    uint64_t const y = frac ? (aats_swar_load8(at + dot + 1) ^ zeros) & (~0ULL >> (8 * (9 - frac))) : 0;
    if ((((x + high) | x) | ((y + high) | y)) & AATS_SWAR_EACH(0x80)) return 0;
    *out = (int64_t)(aats_swar_value(x) * 100000000 + aats_swar_value(y));
    return 1;
}

/* From 1e-8 to an instrument's own exponent. */
static inline int to_exp(int exp, int64_t *v)
{
    if (exp == -8) return 1;
    if (exp < -18 || exp > 10) return 0;
    if (exp < -8) return !__builtin_mul_overflow(*v, AATS_POW10_I[-8 - exp], v);
    if (*v % AATS_POW10_I[exp + 8] != 0) return 0;
    *v /= AATS_POW10_I[exp + 8];
    return 1;
}

/* Where quotes and points are in the 64 characters at p.  0: this machine has no quick way to tell. */
static inline int look(char const *p, uint64_t *quotes, uint64_t *dots)
{
#if defined(__SSE2__)
    __m128i const quote = _mm_set1_epi8('"'), dot = _mm_set1_epi8('.');
    uint64_t q = 0, d = 0;
    for (int i = 0; i < 4; i++) {
        __m128i const x = _mm_loadu_si128((__m128i const *)(void const *)(p + 16 * i));
        q |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote)) << (16 * i);
        d |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, dot)) << (16 * i);
    }
    *quotes = q;
    *dots = d;
    return 1;
#else
    (void)p;
    (void)quotes;
    (void)dots;
    return 0;
#endif
}

/* One level at p, ["64210.2","188.4","0","12"].  Returns the byte behind its bracket, NULL if it is not for the short way. */
static inline __attribute__((always_inline)) char const *level(char const *p, char const *end, int64_t *px, int64_t *qty)
{
    uint64_t quotes, dots, x;
    if (end - p < SEEN || p[0] != '[' || p[1] != '"' || !look(p, &quotes, &dots)) return NULL;
    quotes &= ~3ULL; /* the price's first quote is at 1 */
    if (!quotes) return NULL;
    unsigned const px_end = (unsigned)__builtin_ctzll(quotes);
    quotes &= quotes - 1;
    if (p[px_end + 1] != ',' || p[px_end + 2] != '"') return NULL;
    quotes &= quotes - 1;
    if (!quotes) return NULL;
    unsigned const qty_end = (unsigned)__builtin_ctzll(quotes);
    if (qty_end > SEEN - 16 || memcmp(p + qty_end, "\",\"0\",\"", 7)) return NULL;
    quotes &= ~0ULL << (qty_end + 7);
    if (!quotes) return NULL;
    unsigned const last = (unsigned)__builtin_ctzll(quotes);
    unsigned const digits = (unsigned)aats_swar_digits(aats_swar_load8(p + qty_end + 7), &x);
    if (digits == 0 || digits > 7 || last != qty_end + 7 + digits || p[last + 1] != ']') return NULL;
    if (!number(p, 2, px_end, dots, px) || !number(p, px_end + 3, qty_end, dots, qty) || *px == 0) return NULL;
    return p + last + 2;
}

/* Levels up to the bracket that ends them, which is passed. */
static int levels(walk_t *w, int px_exp, int qty_exp, aats_level_t *out, size_t *cnt)
{
    size_t n = 0;
    char const *p = w->p;
    if (p < w->end && *p == ']') {
        w->p++;
        *cnt = 0;
        return 1;
    }
    for (;;) {
        int64_t px, qty;
        p = level(p, w->end, &px, &qty);
        if (p == NULL || n == AATS_MSG_LEVELS) return 0;
        if ((px_exp != -8 || qty_exp != -8) && (!to_exp(px_exp, &px) || !to_exp(qty_exp, &qty) || px == 0)) return 0;
        out[n++] = (aats_level_t){px, qty};
        if (*p == ']') break;
        if (*p++ != ',') return 0;
    }
    w->p = p + 1;
    *cnt = n;
    return 1;
}

static inline int stamp(walk_t *w, int64_t *ns)
{
    uint64_t ms;
    if (!take_uint(w, &ms)) return 0;
    *ns = text_ms_ns(ms);
    return 1;
}

/* A number after which nearly nothing comes: `integer` would look beyond the end. */
static inline int last_integer(walk_t *w, uint64_t *out)
{
    char const *const first = w->p;
    uint64_t v = 0;
    while (w->p < w->end && *w->p >= '0' && *w->p <= '9' && w->p - first < 17) v = v * 10 + (uint64_t)(*w->p++ - '0');
    *out = v;
    return w->p > first && w->p - first <= 16 && (*first != '0' || w->p - first == 1);
}

static int book(walk_t *w, aats_msg_t *m)
{
    m->kind = AATS_MSG_DEPTH;
    if (!levels(w, m->px_exp, m->qty_exp, m->asks, &m->ask_cnt) || !LIT(w, ",\"bids\":[")) return 0;
    if (!levels(w, m->px_exp, m->qty_exp, m->bids, &m->bid_cnt) || !LIT(w, ",\"ts\":\"") || !stamp(w, &m->exch_ns)) return 0;
    if (!LIT(w, "\",\"checksum\":0,\"prevSeqId\":") || !take_uint(w, &m->prev_id) || !LIT(w, ",\"seqId\":") || !last_integer(w, &m->last_id)) return 0;
    m->first_id = m->prev_id;
    m->has = AATS_HAS_PREV;
    if (m->last_id < m->prev_id) { /* V-33 of okx.c */
        m->has |= AATS_HAS_RESET;
        m->first_id = m->last_id;
    }
    return 1;
}

static int best(walk_t *w, aats_msg_t *m)
{
    m->kind = AATS_MSG_BBO;
    if (!levels(w, m->px_exp, m->qty_exp, m->asks, &m->ask_cnt) || m->ask_cnt != 1 || !LIT(w, ",\"bids\":[")) return 0;
    if (!levels(w, m->px_exp, m->qty_exp, m->bids, &m->bid_cnt) || m->bid_cnt != 1 || !LIT(w, ",\"ts\":\"")) return 0;
    return stamp(w, &m->exch_ns) && LIT(w, "\",\"seqId\":") && last_integer(w, &m->last_id);
}

/* ..","side":"buy","ts":"1785312000129","count":"3","source":"0","seqId":7812345630}]}   what is behind the time may be missing from its end. */
static int trade_end(walk_t *w, aats_msg_t *m)
{
    uint64_t skipped;
    if (LIT(w, "\",\"side\":\"buy\",\"ts\":\"")) m->side = 1;
    else if (LIT(w, "\",\"side\":\"sell\",\"ts\":\"")) m->side = -1;
    else return 0;
    if (w->end - w->p < 13 || !last_integer(w, &skipped) || !LIT(w, "\"")) return 0;
    m->exch_ns = text_ms_ns(skipped);
    if (LIT(w, ",\"count\":\"") && (!last_integer(w, &skipped) || !LIT(w, "\""))) return 0;
    if (LIT(w, ",\"source\":\"") && (!last_integer(w, &skipped) || !LIT(w, "\""))) return 0;
    return !LIT(w, ",\"seqId\":") || last_integer(w, &skipped);
}

static int trade(walk_t *w, aats_msg_t *m)
{
    uint64_t quotes, dots;
    m->kind = AATS_MSG_TRADE;
    if ((size_t)(w->end - w->p) < m->sym_len + SEEN || memcmp(w->p, m->sym, m->sym_len) != 0) return 0;
    w->p += m->sym_len;
    if (!LIT(w, "\",\"tradeId\":\"") || !take_uint(w, &m->id) || !LIT(w, "\",\"px\":\"")) return 0;
    if (w->end - w->p < SEEN || !look(w->p, &quotes, &dots) || !quotes) return 0;
    unsigned const px_end = (unsigned)__builtin_ctzll(quotes);
    if (px_end > SEEN - 32 || memcmp(w->p + px_end, "\",\"sz\":\"", 8) != 0) return 0;
    quotes &= ~0ULL << (px_end + 8);
    if (!quotes) return 0;
    unsigned const qty_end = (unsigned)__builtin_ctzll(quotes);
    if (qty_end > SEEN - 16 || px_end == 0 || qty_end == px_end + 8) return 0;
    if (!number(w->p, 0, px_end, dots, &m->px_i) || !number(w->p, px_end + 8, qty_end, dots, &m->qty_i)) return 0;
    if (!to_exp(m->px_exp, &m->px_i) || !to_exp(m->qty_exp, &m->qty_i) || m->px_i == 0) return 0;
    w->p += qty_end;
    m->first_id = m->last_id = m->id;
    return trade_end(w, m);
}

/* The instrument's name, up to its quote, which is passed. */
static inline int name(walk_t *w, aats_msg_t *m)
{
    char const *const first = w->p;
    if (w->end - w->p < NAME_LEN) return 0;
    while (w->p - first < NAME_LEN - 1 && ((*w->p >= 'A' && *w->p <= 'Z') || (*w->p >= '0' && *w->p <= '9') || *w->p == '-')) w->p++;
    m->sym = first;
    m->sym_len = (size_t)(w->p - first);
    return w->p > first && *w->p++ == '"';
}

int okx_fast(char const *text, size_t n, aats_msg_t *m)
{
    walk_t w = {text, text + n};
    int (*rest)(walk_t *w, aats_msg_t *m);
    if (n < TEXT_MIN || !LIT(&w, "{\"arg\":{\"channel\":\"")) return 0;
    m->stream = w.p;
    if (LIT(&w, "books\",\"instId\":\"")) {
        m->stream_len = 5;
        if (!name(&w, m) || !LIT(&w, "},\"action\":\"update\",\"data\":[{\"asks\":[")) return 0;
        rest = book;
    } else if (LIT(&w, "bbo-tbt\",\"instId\":\"")) {
        m->stream_len = 7;
        if (!name(&w, m) || !LIT(&w, "},\"data\":[{\"asks\":[")) return 0;
        rest = best;
    } else if (LIT(&w, "trades\",\"instId\":\"")) {
        m->stream_len = 6;
        if (!name(&w, m) || !LIT(&w, "},\"data\":[{\"instId\":\"")) return 0;
        rest = trade;
    } else return 0;
    aats_msg_scale(m, OKX_EXP, OKX_EXP);
    if (!rest(&w, m) || w.end - w.p != 3 || memcmp(w.p, "}]}", 3) != 0) return 0;
    m->offset = n;
    return 1;
}
