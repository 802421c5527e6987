/* test_sbe.c -- a feed on binary frames: what it asks for, what they do to its books, what is refused.  The decoder alone: tests/venue/test_sbe.py. */
#include "feed_fixture.h"

#include "check.h"
#include "proto/sbe.h"
#include "venue/venue.h"

#define KEY "TestKeyOfNobody0123456789-_"

static uint64_t count(fixture_feed_t const *x, int counter) { return aats_feed_view(x->feed)->md->counters[counter]; }

/* ---- bytes ---- */

typedef struct {
    uint8_t b[4096];
    size_t n;
} out_t;

static void put(out_t *o, int64_t v, size_t sz)
{
    for (size_t i = 0; i < sz; i++) o->b[o->n++] = (uint8_t)((uint64_t)v >> (8 * i));
}

static void put_head(out_t *o, int block_len, int template_id)
{
    o->n = 0;
    put(o, block_len, 2);
    put(o, template_id, 2);
    put(o, 1, 2);
    put(o, 0, 2);
}

static void put_name(out_t *o, char const *name)
{
    put(o, (int64_t)strlen(name), 1);
    while (*name) put(o, *name++, 1);
}

/* A diff of one bid; exponents as the venue likes them. */
static void put_diff(out_t *o, char const *name, int64_t first, int64_t last, int px_exp, int64_t px, int64_t qty)
{
    put_head(o, 26, 10003);
    put(o, 1785312000112345, 8);
    put(o, first, 8);
    put(o, last, 8);
    put(o, px_exp, 1);
    put(o, 0, 1);
    put(o, 16, 2);
    put(o, 1, 2);
    put(o, px, 8);
    put(o, qty, 8);
    put(o, 16, 2);
    put(o, 0, 2);
    put_name(o, name);
}

/* Trades first..first + cnt - 1, all of one price. */
static void put_trades(out_t *o, int64_t first, int cnt)
{
    put_head(o, 18, 10000);
    put(o, 1785312000112345, 8);
    put(o, 1785312000112000, 8);
    put(o, 0, 2);
    put(o, 25, 2);
    put(o, cnt, 4);
    for (int i = 0; i < cnt; i++) {
        put(o, first + i, 8);
        put(o, 10, 8);
        put(o, 1 + i, 8);
        put(o, i & 1, 1);
    }
    put_name(o, "BTCUSDT");
}

static void give(fixture_feed_t *x, out_t const *o)
{
    uint8_t frame[5000];
    int n = aats_ws_encode(frame, sizeof frame, AATS_WS_BINARY, 1, o->b, o->n, NULL);
    if (n < 0) abort();
    fixture_bytes(x, 0, frame, (size_t)n);
}

static void begin_sbe(fixture_feed_t *x)
{
    aats_feed_opts_t o = fixture_opts();
    strcpy(o.format, "sbe");
    fixture_begin(x, &o);
    if (aats_feed_set_key(x->feed, KEY) != AATS_OK) abort();
}

/* ---- refusals ---- */

TEST(format_that_is_not_there_and_streams_that_it_has_not_are_refused_by_name)
{
    size_t size;
    void *mem = fixture_segment(20, 8, &size);
    char why[200] = "";
    aats_feed_opts_t o = fixture_opts();
    strcpy(o.format, "fix");
    CHECK(aats_feed_new(&o, mem, size, NULL, why, sizeof why) == NULL);
    CHECK_STR(why, "no venue BINANCE in format fix is built in");
    strcpy(o.format, "sbe");
    o.streams |= AATS_STREAM_AGG;
    CHECK(aats_feed_new(&o, mem, size, NULL, why, sizeof why) == NULL);
    CHECK_STR(why, "BINANCE has not all of the streams asked for in format sbe");
    free(mem);
}

TEST(key_that_could_break_a_request_is_refused)
{
    fixture_feed_t x;
    char longest[130];
    begin_sbe(&x);
    memset(longest, 'k', sizeof longest);
    longest[129] = 0;
    char const *const bad[] = {"", "a b", "a\r\nX: y", "a:b", "a\n", "schl\xc3\xbcssel", longest};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK_EQ_I64(aats_feed_set_key(x.feed, bad[i]), AATS_E_ARG);
    longest[128] = 0;
    CHECK_EQ_I64(aats_feed_set_key(x.feed, longest), AATS_OK);
    fixture_end(&x);
}

TEST(binary_frame_on_a_feed_of_text_is_nothing_that_was_asked_for)
{
    fixture_feed_t x;
    aats_rec_t rec;
    aats_feed_opts_t opts = fixture_opts();
    out_t o;
    fixture_begin(&x, &opts);
    REQUIRE(fixture_live(&x));
    put_diff(&o, "BTCUSDT", 101, 101, 0, 10, 5);
    give(&x, &o);
    CHECK_EQ_U64(count(&x, AATS_MDC_UNKNOWN), 1);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_U64(rec.seq, 100);
    fixture_end(&x);
}

TEST(scale_is_exact_or_refused_and_leaves_its_target_alone)
{
    static struct { int64_t mantissa; int shift; int code; int64_t want; } const CASES[] = {
        {7, 0, AATS_OK, 7}, {7, 3, AATS_OK, 7000}, {-7, 3, AATS_OK, -7000}, {7000, -3, AATS_OK, 7}, {-7000, -3, AATS_OK, -7},
        {7001, -3, AATS_E_INEXACT, 0}, {INT64_MAX, 1, AATS_E_RANGE, 0}, {INT64_MIN, 1, AATS_E_RANGE, 0}, {INT64_MIN, 0, AATS_OK, INT64_MIN},
        {9, 18, AATS_OK, 9000000000000000000}, {10, 18, AATS_E_RANGE, 0}, {1, 19, AATS_E_RANGE, 0}, {1, 200, AATS_E_RANGE, 0},
        {0, 200, AATS_OK, 0}, {0, -200, AATS_OK, 0}, {1000000000000000000, -18, AATS_OK, 1}, {1000000000000000000, -19, AATS_E_INEXACT, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int64_t got = 77;
        int e = aats_shift10(CASES[i].mantissa, CASES[i].shift, &got);
        CHECK_MSG(e == CASES[i].code && got == (e ? 77 : CASES[i].want), "case %zu: %s, %lld", i, aats_err_name(e), (long long)got);
    }
}

TEST(cursor_stays_at_its_first_fault)
{
    uint8_t const bytes[] = {16, 0, 255, 255, 1, 2, 3, 4, 5, 6};
    aats_sbe_t s;
    aats_sbe_group_t g;
    char const *text = NULL;
    size_t n = 0;
    aats_sbe_init(&s, bytes, sizeof bytes);
    CHECK_EQ_I64(aats_sbe_group(&s, 0, 17, &g), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_sbe_group(&s, 0, 1, &g), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_sbe_text8(&s, &text, &n), AATS_E_SHAPE);
    CHECK(text == NULL && aats_sbe_take(&s, 0) == NULL);
    aats_sbe_init(&s, bytes, sizeof bytes);
    CHECK_EQ_I64(aats_sbe_group(&s, 0, 16, &g), AATS_E_SYNTAX); /* 65535 entries of 16 bytes */
    aats_sbe_init(&s, bytes, 4);
    CHECK_EQ_I64(aats_sbe_group(&s, 1, 0, &g), AATS_E_SYNTAX); /* half a count */
}

/* ---- the path ---- */

TEST(upgrade_holds_the_key_once_and_nothing_else_does)
{
    fixture_feed_t x;
    begin_sbe(&x);
    fixture_subscribe(&x, "BTCUSDT", 5);
    fixture_pass(&x, 1);
    REQUIRE(aats_feed_want(x.feed, 0) == AATS_FEED_CONNECT);
    aats_feed_connecting(x.feed, 0);
    aats_feed_opened(x.feed, 0);
    fixture_pass(&x, 1);
    x.sent[x.sent_sz] = 0;
    char const *at = strstr((char const *)x.sent, "\r\nX-MBX-APIKEY: " KEY "\r\n");
    REQUIRE(at != NULL);
    CHECK(strstr(at + 20, KEY) == NULL);
    char const refusal[] = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    fixture_bytes(&x, 0, refusal, sizeof refusal - 1);
    aats_feed_closed(x.feed, 0, "closed");
    fixture_pass(&x, 1);
    CHECK(strstr(x.log, "HTTP 401") != NULL);
    CHECK(strstr(x.log, KEY) == NULL && !memmem(x.mem, (size_t)aats_feed_view(x.feed)->size, KEY, strlen(KEY)));
    fixture_end(&x);
}

TEST(requests_name_the_streams_as_the_binary_host_does)
{
    char const *names[] = {"BTCUSDT"};
    char out[200];
    aats_venue_t const *v = aats_venue_dialect("BINANCE", "sbe");
    int n = v->subscribe(out, sizeof out, 3, 0, AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO, names, 1);
    CHECK_STR(out, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth\",\"btcusdt@trade\",\"btcusdt@bestBidAsk\"],\"id\":3}");
    CHECK_EQ_I64(n, strlen(out));
    CHECK(aats_venue_find("BINANCE") == &aats_venue_binance && aats_venue_dialect("BINANCE", "json") == &aats_venue_binance);
}

TEST(diff_in_binary_goes_on_where_a_snapshot_in_text_ended)
{
    fixture_feed_t x;
    aats_rec_t rec;
    out_t o;
    begin_sbe(&x);
    REQUIRE(fixture_live(&x));
    put_diff(&o, "BTCUSDT", 99, 103, -2, 1050, 5); /* 10.5 */
    give(&x, &o);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    CHECK_EQ_U64(rec.seq, 103);
    CHECK_EQ_I64(rec.exch_ns, 1785312000112345000);
    aats_level_t bids[5], asks[5];
    CHECK_EQ_I64(aats_latest_read(aats_feed_view(x.feed), 0, &rec, bids, asks, 5), AATS_OK);
    CHECK_EQ_I64(bids[0].px_i, 1050000000);
    CHECK_EQ_I64(bids[0].qty_i, 500000000);
    put_diff(&o, "BTCUSDT", 105, 105, -2, 1050, 0); /* 104 is missing */
    give(&x, &o);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_GAP);
    fixture_end(&x);
}

TEST(trades_of_one_frame_are_told_each_once)
{
    fixture_feed_t x;
    out_t o;
    begin_sbe(&x);
    REQUIRE(fixture_live(&x));
    aats_dir_t const *entry = &aats_feed_view(x.feed)->dir[0];
    put_trades(&o, 7, 3);
    give(&x, &o);
    CHECK_EQ_U64(entry->ticks, 3);
    put_trades(&o, 8, 4); /* 8 and 9 again, then 10 and 11 */
    give(&x, &o);
    CHECK_EQ_U64(entry->ticks, 5);
    CHECK_EQ_U64(count(&x, AATS_MDC_TRADE_GAPS), 0);
    put_trades(&o, 14, 1); /* 12 and 13 are missing */
    give(&x, &o);
    CHECK_EQ_U64(entry->ticks, 6);
    CHECK_EQ_U64(count(&x, AATS_MDC_TRADE_GAPS), 1);
    put_trades(&o, 15, 3);
    o.b[8 + 18 + 6 + 2 * 25 + 24] = 7; /* the third has no side: none of them is told */
    give(&x, &o);
    CHECK_EQ_U64(entry->ticks, 6);
    CHECK_EQ_U64(entry->bad_frames, 1);
    fixture_end(&x);
}

TEST(bad_number_is_laid_at_the_door_of_the_symbol_behind_it_and_broken_bones_at_everybodys)
{
    fixture_feed_t x;
    aats_rec_t rec;
    out_t o;
    begin_sbe(&x);
    REQUIRE(fixture_live(&x));
    fixture_subscribe(&x, "ETHUSDT", 5);
    fixture_pass(&x, 1);
    put_diff(&o, "ETHUSDT", 101, 101, -9, 10, 5); /* 1e-8: it fits */
    give(&x, &o);
    put_diff(&o, "ETHUSDT", 102, 102, -9, 11, 5); /* it does not */
    give(&x, &o);
    CHECK_EQ_U64(count(&x, AATS_MDC_PARSE_ERRORS), 1);
    CHECK_EQ_U64(aats_feed_view(x.feed)->dir[1].bad_frames, 1);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    put_diff(&o, "BTCUSDT", 101, 101, -9, 11, 5);
    give(&x, &o);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_NUMBER);
    put_diff(&o, "BTCUSDT", 101, 101, 0, 9, 5);
    give(&x, &o);
    CHECK_EQ_I64(fixture_why(&x, &rec), 0);
    o.b[4] = 2; /* another schema */
    give(&x, &o);
    CHECK_EQ_I64(fixture_why(&x, &rec), AATS_WHY_SUSPECT);
    CHECK_EQ_U64(count(&x, AATS_MDC_PARSE_ERRORS), 3);
    fixture_pass(&x, 1);
    CHECK(strstr(x.log, "SHAPE at byte 4") != NULL);
    fixture_end(&x);
}

RUN_ALL()
