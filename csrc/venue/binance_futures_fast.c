/* binance_futures_fast.c -- the messages of futures that come all day, read as the venue writes them; see binance_futures.h.
 *
 *   {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":..,"T":..,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":..,"u":..,"pu":..,"b":[...],"a":[...]}}
 *   {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":..,"E":..,"T":..,"s":"BTCUSDT","ps":..,"st":1,"b":"..","B":"..","a":"..","A":".."}}
 *   {"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":..,"s":"BTCUSDT","a":..,"p":"..","q":"..","nq":"..","f":..,"l":..,"T":..,"m":false,"st":1}}
 *
 * "ps", "st" and "nq" came in 2025 and 2026 and stand where they stand, or not at all; until then bookTicker had its times at the end (V-23 of
 * binance_futures.c). */
#include "venue/binance_futures.h"

#include "venue/binance_walk.h"

/* opt is lit for what may be missing: 1 if it stood there. */
#define opt(w, text) opt_n((w), (text), sizeof(text) - 1)
__attribute__((always_inline)) static inline int opt_n(walk_t *w, char const *text, size_t n)
{
    char const *const was = w->p;
    if (lit_n(w, text, n)) return 1;
    w->p = was;
    return 0;
}

/* tail is uint where the text may end soon behind it. */
static inline int tail(walk_t *w, uint64_t *out)
{
    uint64_t v = 0;
    char const *const from = w->p;
    while (w->p < w->end && *w->p >= '0' && *w->p <= '9' && w->p - from < 15) v = v * 10 + (uint64_t)(*w->p++ - '0');
    *out = v;
    return w->p > from && (*from != '0' || w->p - from == 1);
}

/* What may stand behind the symbol, whose closing quote is next:  ","ps":"BTCUSDT","st":1  in words that are passed over. */
static inline int pair_and_kind(walk_t *w)
{
    if (opt(w, "\",\"ps\":\"")) {
        while (w->p < w->end && (unsigned char)*w->p > ' ' && *w->p != '"' && *w->p != '\\') w->p++;
    }
    uint64_t kind;
    if (opt(w, "\",\"st\":")) return uint(w, &kind);
    if (w->p == w->end || *w->p != '"') return 0;
    w->p++;
    return 1;
}

static int depth(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    uint64_t t;
    m->kind = AATS_MSG_DEPTH;
    if (!lit(w, ",\"data\":{\"e\":\"depthUpdate\",\"E\":") || !uint(w, &t) || !lit(w, ",\"T\":") || !uint(w, &t) || !lit(w, ",\"s\":\"")) return 0;
    m->exch_ns = binance_ns(t);
    m->sym = w->p;
    if (!symbol(w, name, n) || !pair_and_kind(w) || !lit(w, ",\"U\":") || !uint(w, &m->first_id) || !lit(w, ",\"u\":") || !uint(w, &m->last_id)) return 0;
    if (!lit(w, ",\"pu\":") || !uint(w, &m->prev_id)) return 0;
    m->has = AATS_HAS_PREV;
    return lit(w, ",\"b\":") && levels(w, m->bids, &m->bid_cnt) && lit(w, ",\"a\":") && levels(w, m->asks, &m->ask_cnt);
}

static int book_ticker(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    int64_t v[4];
    uint64_t t = 0;
    int timed;
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    if (opt(w, "\"e\":\"bookTicker\",\"u\":")) {
        if (!uint(w, &m->last_id)) return 0;
    } else if (!lit(w, "\"u\":") || !uint(w, &m->last_id) || !lit(w, ",\"e\":\"bookTicker\"")) {
        return 0; /* COIN-M */
    }
    timed = opt(w, ",\"E\":");
    if (timed && (!uint(w, &t) || !lit(w, ",\"T\":") || !uint(w, &t))) return 0;
    if (!lit(w, ",\"s\":\"")) return 0;
    m->sym = w->p;
    if (!symbol(w, name, n) || !pair_and_kind(w) || !lit(w, ",\"b\":\"")) return 0;
    char const *const behind = aats_scan()->quote != NULL ? aats_scan()->quote(w->start, w->p, w->end, v) : NULL;
    if (behind != NULL) {
        w->p = behind;
    } else if (!num(w, &v[0]) || !lit(w, "\",\"B\":\"") || !num(w, &v[1]) || !lit(w, "\",\"a\":\"") || !num(w, &v[2]) || !lit(w, "\",\"A\":\"") ||
               !num(w, &v[3]) || w->p == w->end || *w->p++ != '"') {
        return 0;
    }
    m->bids[0] = (aats_level_t){v[0], v[1]};
    m->asks[0] = (aats_level_t){v[2], v[3]};
    if (!timed) {
        uint64_t sent;
        if (!lit(w, ",\"T\":") || !uint(w, &t) || !lit(w, ",\"E\":") || !tail(w, &sent)) return 0;
    }
    m->exch_ns = binance_ns(t);
    return 1;
}

static int agg_trade(walk_t *w, name_t name, size_t n, aats_msg_t *m)
{
    uint64_t t;
    int64_t rest;
    m->kind = AATS_MSG_AGG;
    if (!lit(w, "\"e\":\"aggTrade\",\"E\":") || !uint(w, &t)) return 0;
    int const early = opt(w, ",\"a\":");
    if ((early && !uint(w, &m->id)) || !lit(w, ",\"s\":\"")) return 0;
    m->sym = w->p;
    if (!symbol(w, name, n) || w->p == w->end || *w->p++ != '"') return 0;
    if (!early && (!lit(w, ",\"a\":") || !uint(w, &m->id))) return 0;
    if (!lit(w, ",\"p\":\"") || !num(w, &m->px_i) || !lit(w, "\",\"q\":\"") || !num(w, &m->qty_i) || m->px_i <= 0) return 0;
    if (opt(w, "\",\"nq\":\"") && !num(w, &rest)) return 0;
    if (!lit(w, "\",\"f\":") || !uint(w, &m->first_id) || !lit(w, ",\"l\":") || !uint(w, &m->last_id) || m->first_id > m->last_id) return 0;
    if (!lit(w, ",\"T\":") || !uint(w, &t) || !lit(w, ",\"m\":")) return 0;
    m->exch_ns = binance_ns(t);
    m->side = opt(w, "true") ? -1 : lit(w, "false") ? 1 : 0; /* V-04 of binance.c */
    return m->side && (!opt(w, ",\"st\":") || tail(w, &t));
}

int binance_futures_fast(char const *text, size_t n, aats_msg_t *m)
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
        if (!opt(&w, "@depth@0ms\"") && !lit(&w, "@depth@100ms\"")) return 0;
        m->stream_len = (size_t)(w.p - 1 - m->stream);
        good = depth(&w, name, len, m);
    } else if (w.p[1] == 'b') {
        good = lit(&w, "@bookTicker\",\"data\":{") && book_ticker(&w, name, len, m);
        m->stream_len = len + sizeof "@bookTicker" - 1;
    } else {
        good = lit(&w, "@aggTrade\",\"data\":{") && agg_trade(&w, name, len, m);
        m->stream_len = len + sizeof "@aggTrade" - 1;
    }
    if (!good || w.end - w.p != 2 || w.p[0] != '}' || w.p[1] != '}') return 0;
    m->offset = n;
    return 1;
}
