/* venue_words.h -- the same changes of a book in each venue's own words, and the reader that follows them: what bench_venues.c and bench_venue_wire.c share.
 *
 * 40 changes a message, 20 a side; prices with 2 digits behind the point, quantities with 5.  Message 0 is the whole book.  Whoever takes this in has defined
 * MSGS, the messages behind the first, and has a `die`. */
#ifndef AATS_BENCH_VENUE_WORDS_H
#define AATS_BENCH_VENUE_WORDS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/follow.h"
#include "base/errors.h"

#define A_SIDE  20
#define MID     6100000 /* ticks of 0.01 */
#define SPREAD  300     /* ticks a side in which levels lie */
#define TEXT_SZ 32768
#define FIRST   1000000

typedef struct {
    int64_t px, qty; /* ticks of 0.01, lots of 0.00001 */
} change_t;

static change_t changes[MSGS + 1][2][SPREAD];
static int change_cnt[MSGS + 1];

static uint64_t rng = 88172645463325252ULL;
static uint64_t roll(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

/* The first is the whole book, the others have 20 changes a side, no price twice. */
static void make_changes(void)
{
    change_cnt[0] = SPREAD;
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < SPREAD; i++) changes[0][side][i] = (change_t){side ? MID + 1 + i : MID - 1 - i, (int64_t)(roll() % 200000 + 1)};
        for (int m = 1; m <= MSGS; m++) {
            int const from = (int)(roll() % (SPREAD - 2 * A_SIDE));
            change_cnt[m] = A_SIDE;
            for (int i = 0; i < A_SIDE; i++) {
                int const at = from + 2 * i + (int)(roll() & 1);
                changes[m][side][i] = (change_t){side ? MID + 1 + at : MID - 1 - at, at && roll() % 4 == 0 ? 0 : (int64_t)(roll() % 200000 + 1)};
            }
        }
    }
}

/* ---- each venue's words ---- */

typedef struct {
    char *at, *end;
} out_t;

__attribute__((format(printf, 2, 3))) static void say(out_t *o, char const *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int const n = vsnprintf(o->at, (size_t)(o->end - o->at), fmt, ap);
    va_end(ap);
    if (n < 0 || n >= o->end - o->at) die("a text is longer than it may be");
    o->at += n;
}

/* fmt has the level's price and quantity, as "%lld.%02lld" and "%lld.%05lld"; the last of a list has no comma behind it. */
static void say_levels(out_t *o, int m, int side, char const *before, char const *between, char const *behind)
{
    for (int i = 0; i < change_cnt[m]; i++) {
        change_t const c = changes[m][side][i];
        say(o, "%s%s%lld.%02lld%s", i ? "," : "", before, (long long)(c.px / 100), (long long)(c.px % 100), between);
        if (c.qty) say(o, "%lld.%05lld%s", (long long)(c.qty / 100000), (long long)(c.qty % 100000), behind);
        else say(o, "0%s", behind);
    }
}

static void say_pairs(out_t *o, int m, int side) { say_levels(o, m, side, "[\"", "\",\"", "\"]"); }

static unsigned long long id_of(int m) { return FIRST + 40ULL * (unsigned)m; }

static void binance(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    if (!m) say(o, "{\"lastUpdateId\":%llu,\"bids\":[", id_of(0));
    else say(o, "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\",\"U\":%llu,\"u\":%llu,\"b\":[", id_of(m - 1) + 1, id_of(m));
    say_pairs(o, m, 0);
    say(o, m ? "],\"a\":[" : "],\"asks\":[");
    say_pairs(o, m, 1);
    say(o, m ? "]}}" : "]}");
}

static void binance_swap(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    if (!m) say(o, "{\"lastUpdateId\":%llu,\"E\":1785312000112,\"T\":1785312000110,\"bids\":[", id_of(0));
    else say(o, "{\"stream\":\"btcusdt@depth@0ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1785312000112,\"T\":1785312000110,\"s\":\"BTCUSDT\",\"U\":%llu,\"u\":%llu,\"pu\":%llu,\"b\":[",
             id_of(m - 1) + 1, id_of(m), id_of(m - 1));
    say_pairs(o, m, 0);
    say(o, m ? "],\"a\":[" : "],\"asks\":[");
    say_pairs(o, m, 1);
    say(o, m ? "]}}" : "]}");
}

static void okx(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    say(o, "{\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"},\"action\":\"%s\",\"data\":[{\"asks\":[", m ? "update" : "snapshot");
    say_levels(o, m, 1, "[\"", "\",\"", "\",\"0\",\"3\"]");
    say(o, "],\"bids\":[");
    say_levels(o, m, 0, "[\"", "\",\"", "\",\"0\",\"3\"]");
    say(o, "],\"ts\":\"1785312000130\",\"checksum\":0,\"prevSeqId\":%lld,\"seqId\":%llu}]}", m ? (long long)id_of(m - 1) : -1LL, id_of(m));
}

static void bybit(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    say(o, "{\"topic\":\"orderbook.200.BTCUSDT\",\"type\":\"%s\",\"ts\":1785312000131,\"data\":{\"s\":\"BTCUSDT\",\"b\":[", m ? "delta" : "snapshot");
    say_pairs(o, m, 0);
    say(o, "],\"a\":[");
    say_pairs(o, m, 1);
    say(o, "],\"u\":%d,\"seq\":%llu},\"cts\":1785312000127}", FIRST + m, id_of(m));
}

#define COINBASE(side) "{\"side\":\"" side "\",\"event_time\":\"2026-08-09T21:05:48.210883Z\",\"price_level\":\"", "\",\"new_quantity\":\"", "\"}"

static void coinbase(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    say(o, "{\"channel\":\"l2_data\",\"timestamp\":\"2026-08-09T21:05:48.505350477Z\",\"sequence_num\":%d,\"events\":[{\"type\":\"%s\",\"product_id\":\"BTC-USD\",\"updates\":[", m,
        m ? "update" : "snapshot");
    say_levels(o, m, 0, COINBASE("bid"));
    say(o, ",");
    say_levels(o, m, 1, COINBASE("offer"));
    say(o, "]}]}");
}

/* Numbers keep their digits, also those of nothing. */
static void kraken_levels(out_t *o, int m, int side)
{
    for (int i = 0; i < change_cnt[m] && i < 100; i++) {
        change_t const c = changes[m][side][i];
        say(o, "%s{\"price\":%lld.%02lld,\"qty\":%lld.%05lld000}", i ? "," : "", (long long)(c.px / 100), (long long)(c.px % 100), (long long)(c.qty / 100000),
            (long long)(c.qty % 100000));
    }
}

static void kraken(out_t *o, int m, uint32_t sum)
{
    say(o, "{\"channel\":\"book\",\"type\":\"%s\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[", m ? "update" : "snapshot");
    kraken_levels(o, m, 0);
    say(o, "],\"asks\":[");
    kraken_levels(o, m, 1);
    say(o, "],\"checksum\":%u,\"timestamp\":\"2026-08-16T23:37:05.376419Z\"}]}", sum);
}

static void gate(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    if (!m) say(o, "{\"id\":%llu,\"current\":1606294781236,\"update\":1606294781123,\"asks\":[", id_of(0));
    else say(o, "{\"time\":1606294781,\"time_ms\":1606294781236,\"channel\":\"spot.order_book_update\",\"event\":\"update\",\"result\":{\"t\":1606294781123,\"e\":\"depthUpdate\","
                "\"E\":1606294781,\"s\":\"BTC_USDT\",\"U\":%llu,\"u\":%llu,\"b\":[", id_of(m - 1) + 1, id_of(m));
    say_pairs(o, m, m ? 0 : 1);
    say(o, m ? "],\"a\":[" : "],\"bids\":[");
    say_pairs(o, m, m ? 1 : 0);
    say(o, m ? "]}}" : "]}");
}

static void kucoin(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    char behind[40];
    snprintf(behind, sizeof behind, "\",\"%llu\"]", id_of(m));
    if (!m) say(o, "{\"code\":\"200000\",\"data\":{\"time\":1729176273859,\"sequence\":\"%llu\",\"bids\":[", id_of(0));
    else say(o, "{\"topic\":\"/market/level2:BTC-USDT\",\"type\":\"message\",\"subject\":\"trade.l2update\",\"data\":{\"changes\":{\"bids\":[");
    if (m) say_levels(o, m, 0, "[\"", "\",\"", behind);
    else say_pairs(o, m, 0);
    say(o, "],\"asks\":[");
    if (m) say_levels(o, m, 1, "[\"", "\",\"", behind);
    else say_pairs(o, m, 1);
    if (m) say(o, "]},\"sequenceEnd\":%llu,\"sequenceStart\":%llu,\"symbol\":\"BTC-USDT\",\"time\":1729816425625}}", id_of(m), id_of(m - 1) + 1);
    else say(o, "]}}");
}

static void deribit_levels(out_t *o, int m, int side)
{
    for (int i = 0; i < change_cnt[m]; i++) {
        change_t const c = changes[m][side][i];
        say(o, "%s[\"%s\",%lld.%02lld,%lld.0]", i ? "," : "", !m ? "new" : c.qty ? "change" : "delete", (long long)(c.px / 100), (long long)(c.px % 100), (long long)c.qty);
    }
}

static void deribit(out_t *o, int m, uint32_t sum)
{
    (void)sum;
    say(o, "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":\"book.BTC-PERPETUAL.100ms\",\"data\":{\"type\":\"%s\",\"timestamp\":1699999999000,"
           "\"instrument_name\":\"BTC-PERPETUAL\",\"change_id\":%llu", m ? "change" : "snapshot", id_of(m));
    if (m) say(o, ",\"prev_change_id\":%llu", id_of(m - 1));
    say(o, ",\"bids\":[");
    deribit_levels(o, m, 0);
    say(o, "],\"asks\":[");
    deribit_levels(o, m, 1);
    say(o, "]}}}");
}

/* ---- one venue ---- */

typedef struct {
    char const *name, *venue; /* name: as in the rows, "" of the reference */
    void (*words)(out_t *o, int m, uint32_t sum);
    aats_venue_t const *v;
    aats_sync_t sync;
    void *mem;
    char *texts;
    uint32_t off[MSGS + 2];
} lane_t;

static lane_t lanes[] = {
    {.name = "", .venue = "BINANCE", .words = binance},
    {.name = "binance_swap", .venue = "BINANCE_SWAP", .words = binance_swap},
    {.name = "okx", .venue = "OKX", .words = okx},
    {.name = "bybit", .venue = "BYBIT", .words = bybit},
    {.name = "coinbase", .venue = "COINBASE", .words = coinbase},
    {.name = "kraken", .venue = "KRAKEN", .words = kraken},
    {.name = "gate", .venue = "GATE", .words = gate},
    {.name = "kucoin", .venue = "KUCOIN", .words = kucoin},
    {.name = "deribit", .venue = "DERIBIT", .words = deribit},
};
#define LANES (sizeof lanes / sizeof lanes[0])

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS], published[2][5];
static aats_msg_t msg = {.bids = bids, .asks = asks};

static void fresh(lane_t *l)
{
    aats_sync_init(&l->sync, aats_book_init(l->mem, AATS_BOOK_WINDOW, 1000000));
    aats_follow_begin(l->v, &l->sync);
}

/* take returns 0, or what is wrong: a venue's words that its own reader does not take are a fault of this file. */
static int take(lane_t *l, char const *text, size_t n)
{
    int e = l->v->parse(text, n, &msg);
    if (e) return e;
    if (msg.kind == AATS_MSG_SNAPSHOT) {
        e = aats_follow_snapshot(l->v, &l->sync, &msg, 0);
        aats_diff_t d;
        while (!e && aats_sync_replay(&l->sync, &d) == 1) {}
    } else {
        e = aats_follow_diff(l->v, &l->sync, &msg, 1, NULL);
        e = e == AATS_SYNC_APPLIED ? 0 : e < 0 ? e : AATS_E_GAP;
    }
    aats_book_top(l->sync.book, AATS_BID, 5, published[0]);
    aats_book_top(l->sync.book, AATS_ASK, 5, published[1]);
    return e;
}

/* The checksum of what the book will be, where the venue wants one: by the venue's own rule over a book that has taken the changes without a sum. */
static uint32_t sum_of(lane_t *l, char const *text, size_t n)
{
    aats_level_t top[2][AATS_CHECK_LEVELS];
    if (!l->v->check) return 0;
    aats_venue_t blind = *l->v;
    blind.check = NULL;
    if (l->v->parse(text, n, &msg)) return 0;
    if (msg.kind == AATS_MSG_SNAPSHOT) aats_follow_snapshot(&blind, &l->sync, &msg, 0);
    else aats_follow_diff(&blind, &l->sync, &msg, 1, NULL);
    size_t const b = aats_book_top(l->sync.book, AATS_BID, l->v->check_levels, top[0]), a = aats_book_top(l->sync.book, AATS_ASK, l->v->check_levels, top[1]);
    return l->v->check(&msg, top[0], b, top[1], a);
}

/* open_lane makes a venue's texts.  Returns NULL, or why it cannot be measured. */
static char const *open_lane(lane_t *l)
{
    char once[TEXT_SZ * 4];
    l->v = aats_venue_find(l->venue);
    l->mem = calloc(1, aats_book_footprint(AATS_BOOK_WINDOW));
    l->texts = malloc((size_t)TEXT_SZ * (MSGS + 8));
    if (!l->v) return "it is not built in";
    if (!l->mem || !l->texts) return "no memory";
    fresh(l);
    uint32_t at = 0;
    for (int m = 0; m <= MSGS; m++) {
        out_t o = {once, once + sizeof once};
        l->words(&o, m, 0);
        uint32_t const sum = sum_of(l, once, (size_t)(o.at - once));
        o.at = once;
        l->words(&o, m, sum);
        l->off[m] = at;
        memcpy(l->texts + at, once, (size_t)(o.at - once));
        at += (uint32_t)(o.at - once);
    }
    l->off[MSGS + 1] = at;
    return NULL;
}

/* text_of gives message m of a lane; returns its length. */
static size_t text_of(lane_t const *l, int m, char const **at)
{
    *at = l->texts + l->off[m];
    return l->off[m + 1] - l->off[m];
}

/* begin_lane puts the lane's book where message 1 continues it. */
static void begin_lane(lane_t *l)
{
    char const *at;
    fresh(l);
    size_t const n = text_of(l, 0, &at);
    if (take(l, at, n)) die(l->venue);
}

static unsigned bytes_of(lane_t const *l) { return (l->off[MSGS + 1] - l->off[1]) / MSGS; }

#endif
