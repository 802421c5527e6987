/* bybit_fast.c -- the three messages that come all day, read as Bybit writes them; see bybit_fast.h.
 *
 *   {"topic":"orderbook.50.X","type":"delta","ts":1,"data":{"s":"X","b":[["1","2"]],"a":[],"u":5,"seq":9},"cts":1}
 *   {"topic":"orderbook.1.X","ts":1,"type":"snapshot","data":{"s":"X","b":[["1","2"]],"a":[["3","4"]],"u":5,"seq":9},"cts":1}
 *   {"topic":"publicTrade.X","type":"snapshot","ts":1,"data":[{"T":1,"s":"X","S":"Buy","v":"1","p":"2","L":"PlusTick","i":"0d1f..","BT":false,
 *    "RPI":false,"seq":9}]}
 */
#include "venue/bybit_fast.h"

#include <string.h>

#include "proto/json.h"
#include "proto/num_fast.h"
#include "venue/bybit_data.h"
#include "venue/take.h"

#define TEXT_MIN 96 /* shorter is none of these */
#define NAME_MAX 40
#define UUID_LEN 36

typedef struct {
    char const *p, *end, *start;
} walk_t;

__attribute__((always_inline)) static inline int lit_n(walk_t *w, char const *s, size_t n)
{
    if ((size_t)(w->end - w->p) < n || memcmp(w->p, s, n) != 0) return 0;
    w->p += n;
    return 1;
}
#define LIT(w, s) lit_n((w), (s), sizeof(s) - 1)

/* A whole number of up to 15 digits; near the text's end one by one. */
static inline int whole_number(walk_t *w, uint64_t *out)
{
    char const *p = aats_num_fast_u64(w->p, w->end, out);
    if (p != NULL) {
        w->p = p;
        return 1;
    }
    char const *const first = w->p;
    uint64_t v = 0;
    for (p = first; p < w->end && p - first < 16 && *p >= '0' && *p <= '9'; p++) v = v * 10 + (uint64_t)(*p - '0');
    if (p == first || p - first == 16 || (*first == '0' && p - first > 1)) return 0;
    w->p = p;
    *out = v;
    return 1;
}

static inline int stamp(walk_t *w, int64_t *ns)
{
    uint64_t ms;
    if (!whole_number(w, &ms)) return 0;
    *ns = text_ms_ns(ms);
    return 1;
}

static inline int number(walk_t *w, int exp, int64_t *out)
{
    char const *const p = aats_num_fast(w->p, w->end, exp, NULL, out);
    if (p == NULL) return 0;
    w->p = p;
    return 1;
}

/* The topic's symbol, up to its quote, which is passed. */
static inline int name(walk_t *w, aats_msg_t *m)
{
    char const *const first = w->p;
    while (w->p < w->end && w->p - first < NAME_MAX && ((*w->p >= 'A' && *w->p <= 'Z') || (*w->p >= '0' && *w->p <= '9') || *w->p == '-')) w->p++;
    m->sym = first;
    m->sym_len = (size_t)(w->p - first);
    m->cursor2 = m->sym_len;
    m->stream_len = (size_t)(w->p - m->stream);
    return w->p > first && LIT(w, "\"");
}

/* What follows the topic, in either order (V-01 of bybit.c). */
#define HEAD(w, type, ts) \
    ((LIT(w, ",\"type\":\"" type "\",\"ts\":") && stamp(w, ts)) || (LIT(w, ",\"ts\":") && stamp(w, ts) && LIT(w, ",\"type\":\"" type "\"")))

static inline int levels(walk_t *w, aats_msg_t const *m, aats_level_t *out, size_t *cnt)
{
    aats_json_t j = {.p = w->p, .end = w->end, .start = w->start, .depth = 2}; /* two objects deep */
    int const e = aats_json_levels(&j, m->px_exp, m->qty_exp, out, AATS_MSG_LEVELS, cnt);
    w->p = j.p;
    return e == AATS_OK;
}

static inline int book(walk_t *w, aats_msg_t *m)
{
    uint64_t seq;
    int64_t ts_ns, cts_ns;
    if (!(m->kind == AATS_MSG_BBO ? HEAD(w, "snapshot", &ts_ns) : HEAD(w, "delta", &ts_ns)) || !LIT(w, ",\"data\":{\"s\":\"")) return 0;
    if (!lit_n(w, m->sym, m->sym_len) || !LIT(w, "\",\"b\":") || !levels(w, m, m->bids, &m->bid_cnt)) return 0;
    if (!LIT(w, ",\"a\":") || !levels(w, m, m->asks, &m->ask_cnt) || !LIT(w, ",\"u\":") || !whole_number(w, &m->last_id)) return 0;
    if (m->last_id == 1 || !LIT(w, ",\"seq\":") || !whole_number(w, &seq) || !LIT(w, "},\"cts\":") || !stamp(w, &cts_ns)) return 0;
    if (m->kind == AATS_MSG_BBO && (m->bid_cnt != 1 || m->ask_cnt != 1)) return 0;
    m->first_id = m->last_id;
    m->exch_ns = cts_ns ? cts_ns : ts_ns;
    return LIT(w, "}");
}

/* The first 16 of a UUID's 32 hexadecimal digits. */
static inline int uuid(walk_t *w, uint64_t *out)
{
    uint64_t v = 0;
    char const *const p = w->p;
    if (w->end - p < UUID_LEN || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') return 0;
    for (int i = 0; i < UUID_LEN; i++) {
        char const c = p[i];
        int const d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (c == '-' && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
        if (d < 0) return 0;
        if (i < 18) v = v << 4 | (uint64_t)d;
    }
    w->p += UUID_LEN;
    *out = v;
    return v != 0;
}

static inline int trade(walk_t *w, aats_msg_t *m)
{
    int64_t ts_ns;
    uint64_t seq;
    if (!HEAD(w, "snapshot", &ts_ns) || !LIT(w, ",\"data\":[{\"T\":") || !stamp(w, &m->exch_ns) || !LIT(w, ",\"s\":\"")) return 0;
    if (!lit_n(w, m->sym, m->sym_len)) return 0;
    if (LIT(w, "\",\"S\":\"Buy\",\"v\":\"")) m->side = 1;
    else if (LIT(w, "\",\"S\":\"Sell\",\"v\":\"")) m->side = -1;
    else return 0;
    if (!number(w, m->qty_exp, &m->qty_i) || !LIT(w, "\",\"p\":\"") || !number(w, m->px_exp, &m->px_i) || m->px_i == 0) return 0;
    if (!LIT(w, "\",\"L\":\"")) return 0;
    while (w->p < w->end && ((*w->p >= 'A' && *w->p <= 'Z') || (*w->p >= 'a' && *w->p <= 'z'))) w->p++;
    if (!LIT(w, "\",\"i\":\"") || !(uuid(w, &m->id) || (whole_number(w, &m->id) && m->id != 0))) return 0;
    m->first_id = m->last_id = m->id;
    return LIT(w, "\",\"BT\":false,\"RPI\":false,\"seq\":") && whole_number(w, &seq) && LIT(w, "}]}");
}

int bybit_fast(char const *text, size_t n, aats_msg_t *m)
{
    walk_t w = {text, text + n, text};
    if (n < TEXT_MIN || !LIT(&w, "{\"topic\":\"")) return 0;
    m->stream = w.p;
    if (LIT(&w, "orderbook.50.")) m->kind = AATS_MSG_DEPTH;
    else if (LIT(&w, "orderbook.1.")) m->kind = AATS_MSG_BBO;
    else if (LIT(&w, "publicTrade.")) m->kind = AATS_MSG_TRADE;
    else return 0;
    if (!name(&w, m)) return 0;
    aats_msg_scale(m, BYBIT_EXP, BYBIT_EXP);
    if (!(m->kind == AATS_MSG_TRADE ? trade(&w, m) : book(&w, m)) || w.p != w.end) return 0;
    m->offset = n;
    return 1;
}
