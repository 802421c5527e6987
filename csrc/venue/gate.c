/* gate.c -- Gate's market streams, API v4: spot (GATE) and perpetual futures (GATE_SWAP, for tapes): what they send and what they want.
 *
 * Facts: exchanges/gate.md, sections 1 to 3.  Market data only: no orders.
 *
 * Odd behaviours, by number:
 *   V-01 levels are pairs on spot and objects on futures, whose sizes are contracts: whole numbers, or texts if the connection asked for it (1).
 *   V-02 a diff with "full":true is the whole book (2).
 *   V-03 a futures trade's size is negative if the aggressor sold (2); a frame holds an array of them.
 *   V-04 an empty side of the best bid and ask is "" (2).
 *   V-05 answers of 2021 carry no id, and "error" only where there is one.
 *   V-06 a depth answer does not name its symbol, and without with_id=true it has no id either: that one is refused.
 *   V-07 times in ms are numbers, or texts with a fraction.
 */
#include <stdio.h>

#include "base/clock.h"
#include "venue/gate_text.h"
#include "venue/venue.h"

#define EXP (-8) /* of prices and sizes, unless the symbol has its own */

typedef struct {
    aats_json_t *j;
    aats_msg_t *m;
    char const *text; /* the frame */
    int swap;
} gate_t;

static void scale(gate_t *g) { aats_msg_scale(g->m, EXP, EXP); }

/* A side of a book: [["19137.74","0.0001"],..] or [{"p":"2.5178","s":0},..] (V-01). */
static int levels(gate_t *g, aats_json_t *j, aats_level_t *out, size_t *cnt)
{
    aats_msg_t const *m = g->m;
    return g->swap ? gate_objects(j, m->px_exp, m->qty_exp, out, AATS_MSG_LEVELS, cnt)
                   : aats_json_levels(j, m->px_exp, m->qty_exp, out, AATS_MSG_LEVELS, cnt);
}

/* Both sides, noted where they stood: a symbol may come behind them. */
static int both(gate_t *g, later_t const *bids, later_t const *asks)
{
    aats_json_t side;
    for (int i = 0; i < 2 && !g->j->err; i++) {
        later_t const *v = i ? asks : bids;
        if (!v->s) continue;
        aats_json_init(&side, v->s, v->n);
        levels(g, &side, i ? g->m->asks : g->m->bids, i ? &g->m->ask_cnt : &g->m->bid_cnt);
        if (aats_json_end(&side)) aats_json_fail(g->j, side.err);
    }
    return g->j->err;
}

/* {"t":1606294781123,"e":"depthUpdate","E":1606294781,"s":"BTC_USDT","U":48776301,"u":48776306,"b":[["19137.74","0.0001"]],"a":[]}
 * {"U":203083177,"a":[{"p":"0.2983","s":0}],"b":[],"s":"RDNT_USDT","t":1684930165217,"u":203083177}   futures: in any order */
static int book_update(gate_t *g)
{
    aats_json_t *j = g->j;
    aats_msg_t *m = g->m;
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int full = 0;
    later_t bids = {NULL, 0}, asks = {NULL, 0};
    m->kind = AATS_MSG_DEPTH;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("t")) gate_take_ms(j, &seen, 6, &m->exch_ns);
        else if (IS("s")) {
            if (!take_str(j, &seen, 0, &m->sym, &m->sym_len)) scale(g);
        } else if (IS("U")) take_u64(j, &seen, 1, &m->first_id);
        else if (IS("u")) take_u64(j, &seen, 2, &m->last_id);
        else if (IS("full")) aats_json_seen(j, &seen, 7), aats_json_bool(j, &full);
        else if (IS("b") && m->sym) aats_json_seen(j, &seen, 3), levels(g, j, m->bids, &m->bid_cnt);
        else if (IS("a") && m->sym) aats_json_seen(j, &seen, 4), levels(g, j, m->asks, &m->ask_cnt);
        else if (IS("b")) take_later(j, &seen, 3, &bids);
        else if (IS("a")) take_later(j, &seen, 4, &asks);
        else aats_json_skip(j);
    }
    if (full) m->kind = AATS_MSG_SNAPSHOT, seen |= 2; /* V-02 */
    if (whole(j, seen, 0x1f)) return j->err;
    if (!m->sym_len || (!full && m->first_id > m->last_id)) return aats_json_fail(j, AATS_E_SHAPE);
    return both(g, &bids, &asks);
}

/* {"t":1606293275123,"u":48733182,"s":"BTC_USDT","b":"19177.79","B":"0.0003341504","a":"19179.38","A":"0.09"}   futures: B and A are numbers */
static int book_ticker(gate_t *g)
{
    aats_json_t *j = g->j;
    aats_msg_t *m = g->m;
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    later_t px[2] = {{NULL, 0}, {NULL, 0}}, qty[2] = {{NULL, 0}, {NULL, 0}};
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("t")) gate_take_ms(j, &seen, 6, &m->exch_ns);
        else if (IS("u")) take_u64(j, &seen, 0, &m->last_id);
        else if (IS("s")) take_str(j, &seen, 1, &m->sym, &m->sym_len);
        else if (IS("b")) take_later(j, &seen, 2, &px[0]);
        else if (IS("B")) take_later(j, &seen, 3, &qty[0]);
        else if (IS("a")) take_later(j, &seen, 4, &px[1]);
        else if (IS("A")) take_later(j, &seen, 5, &qty[1]);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return j->err;
    scale(g);
    aats_level_t *best[2] = {m->bids, m->asks};
    int ok = m->sym_len > 0;
    for (int i = 0; i < 2; i++) { /* V-04 */
        if (later_num(j, &px[i], m->px_exp, AATS_OK, &best[i]->px_i) || later_num(j, &qty[i], m->qty_exp, AATS_OK, &best[i]->qty_i)) return j->err;
        ok = ok && best[i]->px_i >= 0 && best[i]->qty_i >= 0;
    }
    return ok ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"id":816995970,"create_time":1619093546,"create_time_ms":"1619093546958.116","side":"buy","currency_pair":"NEO_BTC","amount":"0.5","price":"0.0018735000"}
 * {"id":27753479,"create_time":1545136464,"create_time_ms":1545136464123,"contract":"BTC_USD","size":-108,"price":"96.4"}   futures (V-03) */
static int trade(gate_t *g)
{
    aats_json_t *j = g->j;
    aats_msg_t *m = g->m;
    char const *key, *side = "";
    size_t key_len, side_len = 0;
    uint32_t seen = 0;
    later_t px = {NULL, 0}, qty = {NULL, 0};
    m->kind = AATS_MSG_TRADE;
    m->sym = NULL;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("id")) take_u64(j, &seen, 0, &m->id);
        else if (IS("create_time_ms")) gate_take_ms(j, &seen, 5, &m->exch_ns);
        else if (IS("price")) take_later(j, &seen, 1, &px);
        else if (g->swap ? IS("size") : IS("amount")) take_later(j, &seen, 2, &qty);
        else if (g->swap ? IS("contract") : IS("currency_pair")) take_str(j, &seen, 3, &m->sym, &m->sym_len);
        else if (!g->swap && IS("side")) take_str(j, &seen, 4, &side, &side_len);
        else aats_json_skip(j);
    }
    if (g->swap) seen |= 1u << 4;
    if (whole(j, seen, 0x1f)) return j->err;
    scale(g);
    if (later_num(j, &px, m->px_exp, AATS_E_SHAPE, &m->px_i) || later_num(j, &qty, m->qty_exp, AATS_E_SHAPE, &m->qty_i)) return j->err;
    if (g->swap) m->side = m->qty_i < 0 ? -1 : 1;
    else m->side = AATS_JSON_IS(side, side_len, "buy") ? 1 : AATS_JSON_IS(side, side_len, "sell") ? -1 : 0;
    if (m->qty_i < 0 && g->swap && m->qty_i != INT64_MIN) m->qty_i = -m->qty_i;
    m->first_id = m->last_id = m->id;
    return m->sym_len && m->px_i > 0 && m->qty_i >= 0 && m->side ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* An array of trades: the first is told, the others by next. */
static int trades(gate_t *g)
{
    aats_json_t *j = g->j;
    aats_msg_t *m = g->m, first = *m;
    size_t cursor = 0;
    uint32_t cnt = 0;
    aats_json_array(j);
    while (aats_json_item(j) == 1) {
        if (trade(g)) return j->err;
        if (!cnt++) first = *m;
        if (cnt == 1) cursor = (size_t)(j->p - g->text);
    }
    if (j->err) return j->err;
    if (!cnt) return AATS_OK; /* nothing in it */
    *m = first;
    m->more = cnt - 1;
    m->cursor = cursor;
    return AATS_OK;
}

/* What a market channel's update holds, by the channel's name; anything else is passed over. */
static int result(gate_t *g, char const *channel, size_t n)
{
    static char const SPOT[] = "spot.", SWAP[] = "futures.";
    size_t head = g->swap ? sizeof SWAP - 1 : sizeof SPOT - 1;
    if (n > head && !memcmp(channel, g->swap ? SWAP : SPOT, head)) {
        channel += head;
        n -= head;
        if (AATS_JSON_IS(channel, n, "order_book_update")) return book_update(g);
        if (AATS_JSON_IS(channel, n, "book_ticker")) return book_ticker(g);
        if (AATS_JSON_IS(channel, n, "trades")) return g->swap ? trades(g) : trade(g);
    }
    return aats_json_skip(g->j);
}

static int parse(char const *text, size_t n, aats_msg_t *m, int swap)
{
    aats_json_t j;
    gate_t g = {&j, m, text, swap};
    gate_frame_t f = {0};
    aats_msg_clear(m);
    scale(&g);
    aats_json_init(&j, text, n);
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(&j);
    while (aats_json_key(&j, &key, &key_len) == 1) {
        if (IS("channel")) take_str(&j, &seen, 0, &f.channel, &f.channel_len);
        else if (IS("event")) take_str(&j, &seen, 1, &f.event, &f.event_len);
        else if (IS("result") && f.channel && gate_is_update(&f)) aats_json_seen(&j, &seen, 2), result(&g, f.channel, f.channel_len);
        else if (IS("result")) take_later(&j, &seen, 2, &f.result);
        else if (IS("id")) take_later(&j, &seen, 3, &f.id);
        else if (IS("error")) take_later(&j, &seen, 4, &f.error);
        else if (IS("bids")) take_later(&j, &seen, 5, &f.bids);
        else if (IS("asks")) take_later(&j, &seen, 6, &f.asks);
        else if (IS("type")) take_later(&j, &seen, 7, &f.type);
        else if (IS("time_ms") && !m->exch_ns) gate_take_ms(&j, &seen, 8, &m->exch_ns);
        else aats_json_skip(&j);
    }
    if (!j.err && aats_json_end(&j) == AATS_OK) {
        if (!f.channel && f.bids.s && f.asks.s) { /* {"id":48776300,"current":..,"update":..,"asks":[..],"bids":[..]} (V-06) */
            m->kind = AATS_MSG_SNAPSHOT;
            if (!gate_u64(&j, &f.id, &m->last_id)) both(&g, &f.bids, &f.asks);
        } else if (f.channel && f.result.s && gate_is_update(&f)) { /* the result stood in front of its channel */
            aats_json_t inner;
            aats_json_init(&inner, f.result.s, f.result.n);
            g.j = &inner;
            m->kind = AATS_MSG_OTHER;
            result(&g, f.channel, f.channel_len);
            if (aats_json_end(&inner)) aats_json_fail(&j, inner.err);
        } else if (!m->kind) gate_control(&j, &f, m);
    }
    m->offset = aats_json_offset(&j) < n ? aats_json_offset(&j) : n;
    return j.err;
}

static int parse_spot(char const *text, size_t n, aats_msg_t *m) { return parse(text, n, m, 0); }
static int parse_swap(char const *text, size_t n, aats_msg_t *m) { return parse(text, n, m, 1); }

/* The next trade of an array. */
static int next_trade(char const *text, size_t n, aats_msg_t *m)
{
    size_t at = m->cursor;
    while (at < n && text[at] != '{') at++;
    aats_json_t j;
    gate_t g = {&j, m, text, 1};
    aats_json_init(&j, text + at, n - at);
    if (trade(&g)) return j.err;
    m->cursor = (size_t)(j.p - text);
    m->more--;
    return AATS_OK;
}

static int path_spot(char *out, size_t cap) { return gate_path(out, cap, "/ws/v4/"); }
static int path_swap(char *out, size_t cap) { return gate_path(out, cap, "/v4/ws/usdt"); }

/* {"time":1611541000,"id":123,"channel":"spot.order_book_update","event":"subscribe","payload":["BTC_USDT","100ms"]}
 * One stream a request, and of books one symbol (2).  `time` is the present: the venue may refuse a request whose time is off. */
static int ask(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt, char const *head, char const *depth)
{
    char const *channel = streams & AATS_STREAM_DEPTH ? "order_book_update" : streams & AATS_STREAM_TRADE ? "trades" : "book_ticker";
    size_t at = 0;
    int n = snprintf(out, cap, "{\"time\":%lld,\"id\":%llu,\"channel\":\"%s.%s\",\"event\":\"%s\",\"payload\":[", (long long)(aats_now_ns() / 1000000000),
                     (unsigned long long)id, head, channel, off ? "unsubscribe" : "subscribe");
    for (size_t i = 0; i < cnt; i++) {
        at += (size_t)n;
        if (at >= cap) return AATS_E_FULL;
        n = snprintf(out + at, cap - at, "%s\"%s\"", i ? "," : "", native[i]);
    }
    at += (size_t)n;
    if (at >= cap) return AATS_E_FULL;
    n = snprintf(out + at, cap - at, "%s]}", streams & AATS_STREAM_DEPTH ? depth : "");
    at += (size_t)n;
    return at < cap ? (int)at : AATS_E_FULL;
}

static int subscribe_spot(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    return ask(out, cap, id, off, streams, native, cnt, "spot", ",\"100ms\"");
}

static int subscribe_swap(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    return ask(out, cap, id, off, streams, native, cnt, "futures", ",\"100ms\",\"100\"");
}

aats_venue_t const aats_venue_gate = {
    .name            = "GATE",
    .format          = "json",
    .px_exp          = EXP,
    .qty_exp         = EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO,
    .trade_ids       = AATS_IDS_RISE,
    .subscribe_one   = 1,
    .depth_max       = 100, /* only so many are kept alive: what falls behind goes stale (3) */
    .parse           = parse_spot,
    .path            = path_spot,
    .subscribe       = subscribe_spot,
    .ping_ns         = (int64_t)20 * 1000000000, /* the venue pings by WebSocket, at no stated interval (1) */
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000,
    .sends_per_s     = 5,
    .streams_max     = 300,
    .subscribe_batch = 1,
    .ban_ns          = (int64_t)60 * 1000000000,
};

/* For tapes: nothing else of AATS knows GATE_SWAP. */
aats_venue_t const aats_venue_gate_swap = {
    .name            = "GATE_SWAP",
    .format          = "json",
    .px_exp          = EXP,
    .qty_exp         = EXP,
    .scales          = 1,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO,
    .trade_ids       = AATS_IDS_RISE,
    .subscribe_one   = 1,
    .depth_max       = 100,
    .parse           = parse_swap,
    .next            = next_trade,
    .path            = path_swap,
    .subscribe       = subscribe_swap,
    .ping_ns         = (int64_t)20 * 1000000000,
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000,
    .sends_per_s     = 5,
    .streams_max     = 300,
    .subscribe_batch = 1,
    .ban_ns          = (int64_t)60 * 1000000000,
};
