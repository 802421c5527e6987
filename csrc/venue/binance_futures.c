/* binance_futures.c -- market streams of Binance's futures: BINANCE_SWAP (USD-M) and BINANCE_COINM (COIN-M), which speak alike.
 *
 * Facts: exchanges/binance_usdm_futures.md, sections 1 to 3 and 9.  Read from the top: one parser for each message with the message it parses, the
 * table by which a message finds its parser, requests, the venues' numbers.  What is round a payload is that of spot: binance_frame.c.
 *
 * Odd behaviours, by number (those of binance.c hold too, but for V-01):
 *   V-20 ids are shared among symbols: a diff says in "pu" with which one the diff before it ended; U is not its u + 1 (3).
 *   V-21 partial depth has the shape of a diff, to the last key: the combined stream's name tells them apart (2).
 *   V-22 the trade stream also has what never met the book ("X" other than MARKET: the insurance fund, ADL, and nothing at all at price 0): its number
 *        counts, its size is given as 0.  We ask for aggTrade, the documented stream, which leaves them out (2).
 *   V-23 keys were added and stand elsewhere than they did: "ps", "st", "nq", "ap"; COIN-M writes "u" before "e" (2, 9).
 *   V-24 E is when the gateway sent it, T when the engine did it: the venue's time of a book or trade is T (2).
 *   V-25 a mark price also tells the funding rate and when it falls due; a dated contract has none: "r":"" (2).
 *   V-26 a stream that was asked for on the wrong path is acknowledged, and silent for ever: book and best prices come by /public, all else by /market;
 *        COIN-M has one path for all (1, 9).
 *   V-27 at most one liquidation a second and symbol is told, the largest; its price is that of the order, not of what it got (2).
 *   V-28 depth@0ms, the book as it changes, stands in no document of theirs; it is what is recorded and what others use (2, 10).
 *   V-29 a change of a contract's status is told by one stream for all of them; what is not TRADING takes no orders (1, 4).
 */
#include "venue/binance_futures.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "venue/binance_ask.h"
#include "venue/binance_frame.h"
#include "venue/binance_text.h"

#define STATUS_STREAM "!contractInfo"

/* {"e":"depthUpdate","E":1785312000125,"T":1785312000118,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":7890123450,"u":7890123499,"pu":7890123441,
 *  "b":[["64210.10","2.517"],["64209.90","0.000"]],"a":[["64210.20","8.004"]]}      (V-20, V-23, V-24; partial depth too, V-21) */
static int depth(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("T")) take_time(j, &seen, 0, &m->exch_ns);
        else if (IS("s")) binance_take_sym(j, &seen, 1, m);
        else if (IS("U")) take_u64(j, &seen, 2, &m->first_id);
        else if (IS("u")) take_u64(j, &seen, 3, &m->last_id);
        else if (IS("pu")) take_u64(j, &seen, 4, &m->prev_id);
        else if (IS("b")) {
            aats_json_seen(j, &seen, 5);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt);
        } else if (IS("a")) {
            aats_json_seen(j, &seen, 6);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else aats_json_skip(j);
    }
    m->has = AATS_HAS_PREV;
    return whole(j, seen, 0x7f);
}

/* {"e":"bookTicker","u":7890123499,"E":1785312000126,"T":1785312000118,"s":"BTCUSDT","ps":"BTCUSDT","st":1,
 *  "b":"64210.10","B":"2.517","a":"64210.20","A":"8.004"} */
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
        else if (IS("T")) take_time(j, &seen, 6, &m->exch_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 0x7f)) return j->err;
    int ok = m->bids[0].px_i >= 0 && m->bids[0].qty_i >= 0 && m->asks[0].px_i >= 0 && m->asks[0].qty_i >= 0;
    return ok ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"e":"aggTrade","E":1785312000131,"s":"BTCUSDT","a":2987654321,"p":"64210.20","q":"0.120","nq":"0.120","f":6543210987,"l":6543210989,
 *  "T":1785312000120,"m":false,"st":1}
 * {"e":"trade","E":1721347022956,"T":1721347022956,"s":"BTCUSDT","t":5182005737,"p":"63943.90","q":"0.003","X":"MARKET","m":true}    (V-22) */
static int trade(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *how = "MARKET";
    size_t key_len, how_len = 6;
    uint32_t seen = 0;
    int buyer_made = 0, agg = m->kind == AATS_MSG_AGG;
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
        else if (!agg && IS("X")) aats_json_seen(j, &seen, 8), aats_json_str(j, &how, &how_len);
        else aats_json_skip(j);
    }
    m->side = buyer_made ? -1 : 1; /* V-04 */
    if (!agg) m->first_id = m->last_id = m->id;
    if (whole(j, seen, agg ? 0xff : 0x3f)) return j->err;
    int book = AATS_JSON_IS(how, how_len, "MARKET"), ok = m->px_i >= book && m->qty_i >= 0 && m->first_id <= m->last_id;
    if (!book) m->qty_i = 0;
    return ok ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* The funding rate "0.00008123", or "" of a contract that has none (V-25): 1 if there is one. */
static int take_rate(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out)
{
    aats_json_t look = *j;
    char const *s;
    size_t n;
    if (aats_json_type(&look) == '"' && !aats_json_str(&look, &s, &n) && n == 0) {
        aats_json_seen(j, seen, bit);
        aats_json_skip(j);
        return 0;
    }
    aats_json_seen(j, seen, bit);
    return !aats_json_num(j, -AATS_RATE_EXP, out);
}

/* {"e":"markPriceUpdate","E":1785312001000,"s":"BTCUSDT","p":"64205.41234567","ap":"64204.90000000","i":"64201.11000000",
 *  "P":"64210.00000000","r":"0.00008123","T":1785340800000,"st":1}      two messages: the mark price, then the funding rate (V-25) */
static int mark_price(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    int funded = 0;
    m->kind = AATS_MSG_MARK;
    m->index_px_i = m->rate_i = m->next_ns = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("s")) binance_take_sym(j, &seen, 0, m);
        else if (IS("p")) aats_json_seen(j, &seen, 1), aats_json_num(j, m->px_exp, &m->px_i);
        else if (IS("E")) take_time(j, &seen, 2, &m->exch_ns);
        else if (IS("i")) aats_json_seen(j, &seen, 3), aats_json_num(j, m->px_exp, &m->index_px_i);
        else if (IS("r")) funded = take_rate(j, &seen, 4, &m->rate_i);
        else if (IS("T")) take_time(j, &seen, 5, &m->next_ns);
        else aats_json_skip(j);
    }
    if (whole(j, seen, 7)) return j->err;
    m->more = funded != 0;
    return m->px_i >= 0 && m->index_px_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* The second message of a mark price: everything was read with the first. */
static int next(char const *text, size_t n, aats_msg_t *m)
{
    (void)text, (void)n;
    m->kind = AATS_MSG_FUNDING;
    m->more = 0;
    return AATS_OK;
}

/* {"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"63900.00","ap":"64190.10","X":"FILLED","l":"0.014","z":"0.014","T":1785312001999} */
static int forced(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *side = "";
    size_t key_len, side_len = 0;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("s")) binance_take_sym(j, &seen, 0, m);
        else if (IS("S")) aats_json_seen(j, &seen, 1), aats_json_str(j, &side, &side_len);
        else if (IS("p")) aats_json_seen(j, &seen, 2), aats_json_num(j, m->px_exp, &m->px_i);
        else if (IS("q")) aats_json_seen(j, &seen, 3), aats_json_num(j, m->qty_exp, &m->qty_i);
        else if (IS("T")) take_time(j, &seen, 4, &m->exch_ns);
        else aats_json_skip(j);
    }
    m->side = AATS_JSON_IS(side, side_len, "BUY") ? 1 : AATS_JSON_IS(side, side_len, "SELL") ? -1 : 0;
    if (whole(j, seen, 0x1f)) return j->err;
    return m->side && m->px_i > 0 && m->qty_i >= 0 ? AATS_OK : aats_json_fail(j, AATS_E_SHAPE);
}

/* {"e":"forceOrder","E":1785312002001,"o":{...},"st":1,"ps":"BTCUSDT"}      (V-27) */
static int force_order(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    m->kind = AATS_MSG_LIQUIDATION;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("o")) {
            aats_json_seen(j, &seen, 0);
            forced(j, m);
        } else aats_json_skip(j);
    }
    return whole(j, seen, 1);
}

/* {"e":"contractInfo","E":1669356423908,"s":"IOTAUSDT","ps":"IOTAUSDT","ct":"PERPETUAL","dt":4133404800000,"ot":1569398400000,"cs":"TRADING",
 *  "bks":[..]}      (V-29) */
static int contract_info(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *status = "";
    size_t key_len, status_len = 0;
    uint32_t seen = 0;
    m->kind = AATS_MSG_STATUS;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("E")) take_time(j, &seen, 0, &m->exch_ns);
        else if (IS("s")) binance_take_sym(j, &seen, 1, m);
        else if (IS("cs")) aats_json_seen(j, &seen, 2), aats_json_str(j, &status, &status_len);
        else aats_json_skip(j);
    }
    m->code = !AATS_JSON_IS(status, status_len, "TRADING");
    return whole(j, seen, 7);
}

/* {"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["61804.7","35"]],"asks":[...]} */
static int whole_book(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    uint32_t seen = 0;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("lastUpdateId")) take_u64(j, &seen, 0, &m->last_id);
        else if (IS("T")) take_time(j, &seen, 3, &m->exch_ns);
        else if (IS("bids")) {
            aats_json_seen(j, &seen, 1);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->bids, AATS_MSG_LEVELS, &m->bid_cnt);
        } else if (IS("asks")) {
            aats_json_seen(j, &seen, 2);
            aats_json_levels(j, m->px_exp, m->qty_exp, m->asks, AATS_MSG_LEVELS, &m->ask_cnt);
        } else aats_json_skip(j);
    }
    return whole(j, seen, 7);
}

/* The parser by the stream's name "<symbol>@<suffix>". */
static int by_stream(aats_json_t *j, aats_msg_t *m)
{
    size_t n;
    char const *suffix = binance_split(m, &n);
    if (!suffix) return AATS_JSON_IS(m->stream, m->stream_len, STATUS_STREAM) ? contract_info(j, m) : binance_nameless(j, m);
    if (binance_suffix_is(suffix, n, "depth")) {
        m->kind = n == 5 || suffix[5] == '@' ? AATS_MSG_DEPTH : AATS_MSG_PARTIAL; /* V-21 */
        return depth(j, m);
    }
    if (binance_suffix_is(suffix, n, "bookTicker")) return book_ticker(j, m);
    if (binance_suffix_is(suffix, n, "markPrice")) return mark_price(j, m);
    if (binance_suffix_is(suffix, n, "forceOrder")) return force_order(j, m);
    m->kind = AATS_MSG_AGG;
    if (binance_suffix_is(suffix, n, "aggTrade")) return trade(j, m);
    m->kind = AATS_MSG_TRADE;
    if (binance_suffix_is(suffix, n, "trade")) return trade(j, m);
    m->sym = NULL; /* "!markPrice@arr": no symbol is called so */
    return binance_other(j, m);
}

int binance_futures_plain(char const *text, size_t n, aats_msg_t *m)
{
    static binance_frame_t const OF = {by_stream, whole_book};
    return binance_frame(text, n, m, &OF);
}

static int parse(char const *text, size_t n, aats_msg_t *m)
{
    aats_msg_clear(m);
    return binance_futures_fast(text, n, m) && binance_usual(m) ? AATS_OK : binance_futures_plain(text, n, m);
}

static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    static binance_stream_t const NAMES[] = {
        {AATS_STREAM_DEPTH, "depth@0ms"}, /* V-28 */
        {AATS_STREAM_BBO, "bookTicker"},
        {AATS_STREAM_TRADE | AATS_STREAM_AGG, "aggTrade"}, /* V-22 */
        {AATS_STREAM_MARK | AATS_STREAM_FUNDING, "markPrice@1s"},
        {AATS_STREAM_LIQUIDATION, "forceOrder"},
    };
    int const n = binance_ask(out, cap, id, off, streams, native, cnt, NAMES, sizeof NAMES / sizeof NAMES[0]);
    if (n < 0 || off || !(streams & AATS_STREAM_STATUS)) return n;
    /* one stream for all contracts, asked for with each of them (V-29): harmless, and given up with the connection */
    static char const MORE[] = "\"" STATUS_STREAM "\"";
    char *at = strstr(out, "],\"id\":");
    size_t const comma = at[-1] != '[', add = sizeof MORE - 1 + comma;
    if ((size_t)n + add >= cap) return AATS_E_FULL;
    memmove(at + add, at, strlen(at) + 1);
    if (comma) *at++ = ',';
    memcpy(at, MORE, sizeof MORE - 1);
    return n + (int)add;
}

static int path_of(char *out, size_t cap, char const *path)
{
    int n = snprintf(out, cap, "%s", path);
    return n < (int)cap ? n : AATS_E_FULL;
}

static int public_path(char *out, size_t cap) { return path_of(out, cap, "/public/stream"); }
static int market_path(char *out, size_t cap) { return path_of(out, cap, "/market/stream"); }

#define BOOK_STREAMS   (AATS_STREAM_DEPTH | AATS_STREAM_BBO)
#define MARKET_STREAMS (AATS_STREAM_TRADE | AATS_STREAM_AGG | AATS_STREAM_MARK | AATS_STREAM_FUNDING | AATS_STREAM_LIQUIDATION | AATS_STREAM_STATUS)

/* What both have alike. */
#define FUTURES                                                                                                                                    \
    .format = "json", .px_exp = BINANCE_EXP, .qty_exp = BINANCE_EXP, .streams = BOOK_STREAMS | MARKET_STREAMS, .seq = AATS_SEQ_PREV, .fuses = 1,    \
    .snapshots = AATS_SNAP_REST, .trade_ids = AATS_IDS_COUNT, .parse = parse, .next = next, .subscribe = subscribe,                                 \
    .ping_ns = (int64_t)180 * 1000000000,             /* "server ping every 3 min" (1) */                                                           \
    .rotate_ns = (int64_t)23 * 3600 * 1000000000,     /* "lifetime 24 h": replaced at about 23 (1) */                                               \
    .sends_per_s = 8,                                 /* the limit is 10 (1); pongs and our own pings are not held back */                          \
    .streams_max = 1020,                              /* the limit is 1024 (1) */                                                                   \
    .subscribe_batch = 50, .ban_ns = (int64_t)120 * 1000000000

aats_venue_t const aats_venue_binance_swap = {
    .name    = "BINANCE_SWAP",
    .path    = public_path,
    .way_cnt = 2, /* V-26 */
    .ways    = {{BOOK_STREAMS, public_path}, {MARKET_STREAMS, market_path}},
    FUTURES,
};

aats_venue_t const aats_venue_binance_coinm = {
    .name = "BINANCE_COINM",
    .path = binance_path,
    FUTURES,
};
