/* okx_fast.c -- the three messages that come all day, read as OKX writes them; see okx_fast.h.
 *
 *   {"arg":{"channel":"books","instId":"X"},"action":"update","data":[{"asks":[..],"bids":[..],"ts":"..","checksum":0,"prevSeqId":1,"seqId":2}]}
 *   {"arg":{"channel":"bbo-tbt","instId":"X"},"data":[{"asks":[[..]],"bids":[[..]],"ts":"..","seqId":2}]}
 *   {"arg":{"channel":"trades","instId":"X"},"data":[{"instId":"X","tradeId":"1","px":"..","sz":"..","side":"buy","ts":"..","count":"3",..}]}
 */
#include "venue/okx_fast.h"

#include <string.h>

#include "venue/okx_levels.h"
#include "venue/okx_text.h"

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

static inline int levels(walk_t *w, aats_msg_t const *m, aats_level_t *out, size_t *cnt)
{
    char const *const behind = okx_levels(w->p, w->end, m->px_exp, m->qty_exp, out, cnt);
    if (behind != NULL) w->p = behind;
    return behind != NULL;
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
    if (!levels(w, m, m->asks, &m->ask_cnt) || !LIT(w, ",\"bids\":[")) return 0;
    if (!levels(w, m, m->bids, &m->bid_cnt) || !LIT(w, ",\"ts\":\"") || !stamp(w, &m->exch_ns)) return 0;
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
    if (!levels(w, m, m->asks, &m->ask_cnt) || m->ask_cnt != 1 || !LIT(w, ",\"bids\":[")) return 0;
    if (!levels(w, m, m->bids, &m->bid_cnt) || m->bid_cnt != 1 || !LIT(w, ",\"ts\":\"")) return 0;
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
    if ((size_t)(w->end - w->p) < m->sym_len + OKX_SEEN || memcmp(w->p, m->sym, m->sym_len) != 0) return 0;
    w->p += m->sym_len;
    if (!LIT(w, "\",\"tradeId\":\"") || !take_uint(w, &m->id) || !LIT(w, "\",\"px\":\"")) return 0;
    if (w->end - w->p < OKX_SEEN || !okx_look(w->p, &quotes, &dots) || !quotes) return 0;
    unsigned const px_end = (unsigned)__builtin_ctzll(quotes);
    if (px_end > OKX_SEEN - 32 || memcmp(w->p + px_end, "\",\"sz\":\"", 8) != 0) return 0;
    quotes &= ~0ULL << (px_end + 8);
    if (!quotes) return 0;
    unsigned const qty_end = (unsigned)__builtin_ctzll(quotes);
    if (qty_end > OKX_SEEN - 16 || px_end == 0 || qty_end == px_end + 8) return 0;
    if (!okx_decimal(w->p, 0, px_end, dots, &m->px_i) || !okx_decimal(w->p, px_end + 8, qty_end, dots, &m->qty_i)) return 0;
    if (!level_from8(m->px_exp, &m->px_i) || !level_from8(m->qty_exp, &m->qty_i) || m->px_i == 0) return 0;
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
