/* binance.c -- Binance Spot market streams (BINANCE, BINANCEUS): what they send and what they want.
 *
 * Facts: exchanges/binance_spot.md, sections 1 to 3.  Read from the top: numbers, one parser for each message with the message it parses,
 * the table by which a wrapped message finds its parser, requests.
 *
 * Odd behaviours, by number:
 *   V-01 bookTicker and partial depth carry no event type, partial depth not even a symbol: the combined stream's name tells (2.1).
 *   V-02 control answers are never wrapped, and errors come flat or nested in "error" (2.1): both are taken.
 *   V-03 times are ms, or us if the connection asked for it (1): told apart by size.
 *   V-04 a trade's "m" says that the buyer was the maker: the aggressor sold (2.2).
 *   V-05 objects may gain fields at any time: unknown keys are passed over.
 *   V-06 recorded REST answers of 2021 have a third, empty element in each level: levels may be longer than two.
 *   V-07 serverShutdown comes raw, wrapped as "!serverShutdown", or inside "event" (1).
 */
#include "proto/json.h"
#include "venue/binance_ask.h"
#include "venue/binance_fast.h"
#include "venue/binance_frame.h"
#include "venue/binance_text.h"
#include "venue/venue.h"

#define PX_EXP  BINANCE_EXP
#define QTY_EXP BINANCE_EXP

/* {"e":"depthUpdate","E":1785312000112,"s":"BTCUSDT","U":61530118801,"u":61530118837,
 *  "b":[["64210.01000000","0.85314000"]],"a":[["64210.02000000","2.10077000"]]} */
static int depth(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_DEPTH;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("E")) take_time(j, &seen, 0, &m->exch_ns);
        else if (IS("s")) binance_take_sym(j, &seen, 1, m);
        else if (IS("U")) take_u64(j, &seen, 2, &m->first_id);
        else if (IS("u")) take_u64(j, &seen, 3, &m->last_id);
        else if (IS("b")) {
            aats_json_seen(j, &seen, 4);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt);
        } else if (IS("a")) {
            aats_json_seen(j, &seen, 5);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else aats_json_skip(j);
    }
    return whole(j, seen, 0x3f);
}

/* {"e":"trade","E":1785312000113,"s":"BTCUSDT","t":5212345678,"p":"64210.02000000","q":"0.01200000","T":1785312000112,"m":false,"M":true}
 * {"e":"aggTrade","E":..,"s":"BTCUSDT","a":402853,"p":"15.8534","q":"2.63","f":430860,"l":430860,"T":..,"m":false,"M":true} */
static int trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int buyer_made = 0;
    int agg = m->kind == AATS_MSG_AGG;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("s")) binance_take_sym(j, &seen, 0, m);
        else if (IS("p")) aats_json_seen(j, &seen, 1), aats_json_num(j, m->px_exp, &m->px_i);
        else if (IS("q")) aats_json_seen(j, &seen, 2), aats_json_num(j, m->qty_exp, &m->qty_i);
        else if (IS("T")) take_time(j, &seen, 3, &m->exch_ns);
        else if (IS("m")) aats_json_seen(j, &seen, 4), aats_json_bool(j, &buyer_made);
        else if (agg ? IS("a") : IS("t")) take_u64(j, &seen, 5, &m->id);
        else if (agg && IS("f")) take_u64(j, &seen, 6, &m->first_id);
        else if (agg && IS("l")) take_u64(j, &seen, 7, &m->last_id);
        else aats_json_skip(j);
    }
    m->side = buyer_made ? -1 : 1; /* V-04 */
    if (!agg) m->first_id = m->last_id = m->id;
    if (whole(j, seen, agg ? 0xff : 0x3f)) return j->err;
    int ok = m->px_i > 0 && m->qty_i >= 0 && m->first_id <= m->last_id;
    return ok ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"u":61530118837,"s":"BTCUSDT","b":"64210.01000000","B":"0.85314000","a":"64210.02000000","A":"2.10077000"}   (V-01: no "e", no time) */
static int book_ticker(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_BBO;
    m->bid_cnt = m->ask_cnt = 1;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("u")) take_u64(j, &seen, 0, &m->last_id);
        else if (IS("s")) binance_take_sym(j, &seen, 1, m);
        else if (IS("b")) aats_json_seen(j, &seen, 2), aats_json_num(j, m->px_exp, &m->bids[0].px_i);
        else if (IS("B")) aats_json_seen(j, &seen, 3), aats_json_num(j, m->qty_exp, &m->bids[0].qty_i);
        else if (IS("a")) aats_json_seen(j, &seen, 4), aats_json_num(j, m->px_exp, &m->asks[0].px_i);
        else if (IS("A")) aats_json_seen(j, &seen, 5), aats_json_num(j, m->qty_exp, &m->asks[0].qty_i);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x3f)) return j->err;
    int ok = m->bids[0].px_i >= 0 && m->bids[0].qty_i >= 0 && m->asks[0].px_i >= 0 && m->asks[0].qty_i >= 0;
    return ok ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"lastUpdateId":61530118837,"bids":[["64210.01000000","0.85314000"]],"asks":[...]}   a REST snapshot; as a stream: partial depth */
static int whole_book(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("lastUpdateId")) take_u64(j, &seen, 0, &m->last_id);
        else if (IS("bids")) {
            aats_json_seen(j, &seen, 1);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt); /* V-06 */
        } else if (IS("asks")) {
            aats_json_seen(j, &seen, 2);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else aats_json_skip(j);
    }
    return whole(j, seen, 7);
}

/* The parser by the stream's name "<symbol>@<suffix>" (V-01). */
static int by_stream(aats_json_t *j, aats_msg_t *m)
{
    size_t n;
    char const *suffix = binance_split(m, &n);
    if (!suffix) return binance_nameless(j, m);
    if (binance_suffix_is(suffix, n, "depth")) {
        if (n == 5 || suffix[5] == '@') return depth(j, m);
        m->kind = AATS_MSG_PARTIAL;
        return whole_book(j, m);
    }
    if (binance_suffix_is(suffix, n, "bookTicker")) return book_ticker(j, m);
    m->kind = AATS_MSG_TRADE;
    if (binance_suffix_is(suffix, n, "trade")) return trade(j, m);
    m->kind = AATS_MSG_AGG;
    if (binance_suffix_is(suffix, n, "aggTrade")) return trade(j, m);
    return binance_other(j, m);
}

int binance_parse_plain(char const *text, size_t n, aats_msg_t *m)
{
    static binance_frame_t const OF = {by_stream, whole_book};
    return binance_frame(text, n, m, &OF);
}

static int binance_parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    return binance_fast(text, n, m) && binance_usual(m) ? AATS_OK : binance_parse_plain(text, n, m);
}

static int binance_subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    static binance_stream_t const NAMES[] = {
        {AATS_STREAM_DEPTH, "depth@100ms"}, {AATS_STREAM_TRADE, "trade"}, {AATS_STREAM_BBO, "bookTicker"}, {AATS_STREAM_AGG, "aggTrade"},
    };
    return binance_ask(out, cap, id, off, streams, native, cnt, NAMES, sizeof NAMES / sizeof NAMES[0]);
}

aats_venue_t const aats_venue_binance = {
    .name            = "BINANCE",
    .format          = "json",
    .px_exp          = PX_EXP,
    .qty_exp         = QTY_EXP,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO | AATS_STREAM_AGG,
    .fuses           = 1,
    .parse           = binance_parse,
    .path            = binance_path,
    .subscribe       = binance_subscribe,
    .ping_ns         = 20000000000,                   /* "ping frame every 20 s" (1) */
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000, /* "at most 24 h": replaced at about 23 (1) */
    .sends_per_s     = 3,                             /* the limit is 5 (1); pongs and our own pings are not held back */
    .streams_max     = 1020,                          /* the limit is 1024 (1) */
    .subscribe_batch = 100,
    .ban_ns          = (int64_t)120 * 1000000000,     /* "2 min .. 3 days" (7) */
};

/* The same on the wire (9), older and smaller: pings every 3 minutes. */
aats_venue_t const aats_venue_binanceus = {
    .name            = "BINANCEUS",
    .format          = "json",
    .px_exp          = PX_EXP,
    .qty_exp         = QTY_EXP,
    .streams         = AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO | AATS_STREAM_AGG,
    .fuses           = 1,
    .parse           = binance_parse,
    .path            = binance_path,
    .subscribe       = binance_subscribe,
    .ping_ns         = (int64_t)180 * 1000000000,     /* "server ping every 3 minutes" (9) */
    .rotate_ns       = (int64_t)23 * 3600 * 1000000000,
    .sends_per_s     = 3,
    .streams_max     = 1020,
    .subscribe_batch = 100,
    .ban_ns          = (int64_t)120 * 1000000000,
};
