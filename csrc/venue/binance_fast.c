/* binance_fast.c -- the three messages that come all day, read as Binance writes them; see binance_fast.h.
 *
 *   {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1785312000112,"s":"BTCUSDT","U":61530118801,"u":61530118837,"b":[...],"a":[...]}}
 *   {"stream":"btcusdt@bookTicker","data":{"u":61530118837,"s":"BTCUSDT","b":"64210.01000000","B":"0.85314000","a":"64210.02000000","A":"2.10077000"}}
 *   {"stream":"btcusdt@trade","data":{"e":"trade","E":..,"s":"BTCUSDT","t":5212345678,"p":"64210.02000000","q":"0.01200000","T":..,"m":false,"M":true}}
 */
#include "venue/binance_fast.h"

#include "venue/binance_walk.h"

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
