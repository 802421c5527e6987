/* test_kraken.c -- Kraken's messages: what is refused, each message as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "each_isa.h"
#include "proto/crc32.h"
#include "venue/venue.h"

#define BOOK_OF(type, bids, asks)                                                                                                    \
    "{\"channel\":\"book\",\"type\":\"" type "\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[" bids "],\"asks\":[" asks "],"         \
    "\"checksum\":975661613,\"timestamp\":\"2026-08-16T23:37:04.316445Z\"}]}"
#define LEVEL(px, qty) "{\"price\":" px ",\"qty\":" qty "}"
#define TRADE_ROW(side, px, qty, id)                                                                                                 \
    "{\"symbol\":\"BTC/USD\",\"side\":\"" side "\",\"price\":" px ",\"qty\":" qty ",\"ord_type\":\"limit\",\"trade_id\":" id         \
    ",\"timestamp\":\"2023-10-06T17:35:55.440295Z\"}"
#define TRADES(type, rows) "{\"channel\":\"trade\",\"type\":\"" type "\",\"data\":[" rows "]}"
#define TICKER                                                                                                                       \
    "{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bid\":105944.20,\"bid_qty\":2.5,\"ask\":105944.30," \
    "\"ask_qty\":3.2,\"last\":105899.40,\"change_pct\":-0.24,\"timestamp\":\"2023-10-06T17:35:55.440295Z\"}]}"
#define PAIRS "{\"channel\":\"instrument\",\"type\":\"update\",\"data\":{\"assets\":[{\"id\":\"USD\",\"status\":\"enabled\"}],\"pairs\":["      \
              "{\"symbol\":\"BTC/USD\",\"base\":\"BTC\",\"status\":\"maintenance\"},{\"symbol\":\"ETH/USD\",\"status\":\"online\"}]}}"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int parse(char const *text) { return aats_venue_kraken.parse(text, strlen(text), &m); }
static int next(char const *text) { return aats_venue_kraken.next(text, strlen(text), &m); }
static int text_is(char const *s, size_t n, char const *want) { return s && n == strlen(want) && !memcmp(s, want, n); }
static int sym_is(char const *want) { return text_is(m.sym, m.sym_len, want); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[321,[[\"57126.70000\",\"0.02063928\",\"1616333924.737428\",\"b\",\"m\",\"\"]],\"trade\",\"XBT/USD\"]", AATS_E_SHAPE}, /* V-10 */
        {BOOK_OF("update", "", "") "x", AATS_E_SYNTAX},
        {BOOK_OF("update", LEVEL("0", "1"), ""), AATS_E_SHAPE},
        {BOOK_OF("update", LEVEL("1", "-1"), ""), AATS_E_SHAPE},
        {BOOK_OF("update", LEVEL("\"1\"", "1"), ""), AATS_E_SHAPE},
        {BOOK_OF("update", "{\"price\":1}", ""), AATS_E_SHAPE},
        {BOOK_OF("update", "{\"price\":1,\"price\":1,\"qty\":1}", ""), AATS_E_DUPKEY},
        {BOOK_OF("update", LEVEL("01", "1"), ""), AATS_E_SYNTAX},
        {BOOK_OF("update", LEVEL("1.123456789", "1"), ""), AATS_E_INEXACT},
        {BOOK_OF("update", LEVEL("99999999999999999999", "1"), ""), AATS_E_RANGE},
        {"{\"channel\":\"book\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[],\"asks\":[]}]}", AATS_E_SHAPE},
        {"{\"channel\":\"book\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[],\"asks\":[],\"checksum\":4294967296}]}", AATS_E_SHAPE},
        {"{\"channel\":\"book\",\"type\":\"update\",\"data\":[7]}", AATS_E_SHAPE},
        {"{\"channel\":\"book\",\"data\":[]}", AATS_E_SHAPE},
        {TRADES("update", TRADE_ROW("hold", "1", "1", "1")), AATS_E_SHAPE},
        {TRADES("update", TRADE_ROW("buy", "0", "1", "1")), AATS_E_SHAPE},
        {TRADES("update", TRADE_ROW("buy", "1", "1", "-1")), AATS_E_RANGE},
        {TRADES("update", TRADE_ROW("buy", "1", "1", "1") "," TRADE_ROW("buy", "1", "x", "2")), AATS_E_SYNTAX},
        {"{\"channel\":\"ticker\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bid\":-1,\"bid_qty\":1,\"ask\":1,\"ask_qty\":1}]}", AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(a_number_that_does_not_fit_names_its_symbol_and_kind)
{
    CHECK_EQ_I64(parse(BOOK_OF("update", LEVEL("1.123456789", "1"), "")), AATS_E_INEXACT);
    CHECK(sym_is("BTC/USD"));
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {BOOK_OF("update", LEVEL("62802.5", "0.02987767"), LEVEL("62802.6", "1.09074394")),
                                        TRADES("update", TRADE_ROW("buy", "1", "1", "1") "," TRADE_ROW("sell", "1", "1", "2")), TICKER, PAIRS};
    for (size_t i = 0; i < sizeof WHOLE / sizeof WHOLE[0]; i++) {
        size_t n = strlen(WHOLE[i]);
        for (size_t k = 0; k < n; k++) {
            char *cut = malloc(k ? k : 1); /* its own block: the sanitizer sees a look beyond */
            memcpy(cut, WHOLE[i], k);
            CHECK(aats_venue_kraken.parse(cut, k, &m) < 0);
            free(cut);
        }
        CHECK_EQ_I64(parse(WHOLE[i]), AATS_OK);
    }
}

/* ---- messages ---- */

TEST(a_snapshot_and_an_update_are_told_apart_and_read_exactly)
{
    char const *text = BOOK_OF("snapshot", LEVEL("62802.5", "0.02987767") "," LEVEL("62800.7", "0.05598472"), LEVEL("62802.6", "1.09074394"));
    CHECK_EQ_I64(parse(text), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(sym_is("BTC/USD"));
    CHECK_EQ_I64(m.bid_cnt, 2);
    CHECK_EQ_I64(m.ask_cnt, 1);
    CHECK_EQ_I64(bids[0].px_i, 6280250000000);
    CHECK_EQ_I64(bids[1].qty_i, 5598472);
    CHECK_EQ_I64(asks[0].qty_i, 109074394);
    CHECK_EQ_I64(m.exch_ns, 1786923424316445000);
    CHECK_EQ_I64(m.check, 975661613);
    CHECK(m.has & AATS_HAS_CHECK);
    CHECK_EQ_I64(parse(BOOK_OF("update", "", LEVEL("62806.6", "0.00000000"))), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_EQ_I64(m.bid_cnt, 0);
    CHECK_EQ_I64(asks[0].qty_i, 0);
}

TEST(spelling_spaces_order_of_keys_and_exponents_change_nothing)
{
    CHECK_EQ_I64(parse("{ \"type\" : \"update\", \"data\" : [ { \"asks\" : [ ], \"bids\" : [ { \"qty\" : 2.5e-1 , \"x\" : {} , \"price\" : 6.28025E4 } ],"
                    " \"checksum\" : 1, \"symbol\" : \"BTC/USD\" } ], \"channel\" : \"book\" }"),
              AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(sym_is("BTC/USD"));
    CHECK_EQ_I64(bids[0].px_i, 6280250000000);
    CHECK_EQ_I64(bids[0].qty_i, 25000000);
    CHECK_EQ_I64(m.exch_ns, 0);
}

TEST(V_02_a_message_tells_how_many_digits_its_numbers_have)
{
    CHECK_EQ_I64(parse(BOOK_OF("update", LEVEL("62802.50", "0.02987700"), "")), AATS_OK);
    CHECK_EQ_I64(m.px_dec, 2);
    CHECK_EQ_I64(m.qty_dec, 8);
    CHECK_EQ_I64(parse(BOOK_OF("update", LEVEL("62802", "0"), LEVEL("62803", "0.000"))), AATS_OK); /* V-05 */
    CHECK_EQ_I64(m.px_dec, 0);
    CHECK_EQ_I64(m.qty_dec, -1);
}

TEST(V_04_a_price_that_comes_twice_keeps_its_order)
{
    CHECK_EQ_I64(parse(BOOK_OF("update", LEVEL("1.0", "1.0") "," LEVEL("1.0", "2.0"), "")), AATS_OK);
    CHECK_EQ_I64(m.bid_cnt, 2);
    CHECK_EQ_I64(bids[1].qty_i, 200000000);
}

TEST(V_07_trades_of_one_message_come_one_by_one_with_the_takers_side)
{
    char const *text = TRADES("update", TRADE_ROW("buy", "105944.20", "0.00027625", "10218208") "," TRADE_ROW("sell", "105944.10", "1", "10218209"));
    CHECK_EQ_I64(parse(text), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.side, 1);
    CHECK_EQ_I64(m.id, 10218208);
    CHECK_EQ_I64(m.px_i, 10594420000000);
    CHECK_EQ_I64(m.qty_i, 27625);
    CHECK_EQ_I64(m.exch_ns, 1696613755440295000);
    CHECK(m.more);
    CHECK_EQ_I64(next(text), AATS_OK);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.id, 10218209);
    CHECK(!m.more);
}

TEST(V_09_trades_of_a_snapshot_are_passed_over)
{
    CHECK_EQ_I64(parse(TRADES("snapshot", TRADE_ROW("buy", "1", "1", "1"))), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(the_ticker_is_the_best_bid_and_ask_and_has_no_number)
{
    CHECK_EQ_I64(parse(TICKER), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_I64(m.last_id, 0);
    CHECK_EQ_I64(bids[0].px_i, 10594420000000);
    CHECK_EQ_I64(bids[0].qty_i, 250000000);
    CHECK_EQ_I64(asks[0].px_i, 10594430000000);
    CHECK_EQ_I64(asks[0].qty_i, 320000000);
}

TEST(V_08_statuses_of_pairs_come_one_by_one)
{
    CHECK_EQ_I64(parse(PAIRS), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_STATUS);
    CHECK(sym_is("BTC/USD"));
    CHECK_EQ_I64(m.code, 1);
    CHECK(m.more);
    CHECK_EQ_I64(next(PAIRS), AATS_OK);
    CHECK(sym_is("ETH/USD"));
    CHECK_EQ_I64(m.code, 0);
    CHECK(!m.more);
}

TEST(V_06_acknowledgements_name_symbol_and_stream)
{
    CHECK_EQ_I64(parse("{\"method\":\"subscribe\",\"req_id\":1,\"success\":true,\"result\":{\"channel\":\"book\",\"symbol\":\"BTC/USD\",\"depth\":100,"
                    "\"snapshot\":true},\"time_in\":\"2023-09-25T09:04:31.742599Z\"}"),
              AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.id, 1);
    CHECK(sym_is("BTC/USD"));
    CHECK_EQ_I64(m.streams, AATS_STREAM_DEPTH);
    CHECK_EQ_I64(m.code, 0);
    CHECK_EQ_I64(parse("{\"method\":\"unsubscribe\",\"req_id\":2,\"success\":true,\"result\":{\"channel\":\"trade\",\"symbol\":\"BTC/USD\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.code, 1);
    CHECK_EQ_I64(m.streams, AATS_STREAM_TRADE);
    CHECK_EQ_I64(parse("{\"method\":\"subscribe\",\"req_id\":1,\"success\":false,\"error\":\"Currency pair not supported FOO/BAR\",\"symbol\":\"FOO/BAR\"}"),
              AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK(sym_is("FOO/BAR"));
    CHECK(text_is(m.text, m.text_len, "Currency pair not supported FOO/BAR"));
    CHECK_EQ_I64(parse("{\"Error\":\"Exceeded msg rate\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
}

TEST(what_was_not_asked_for_is_nothing_else)
{
    static struct { char const *text; int kind; } const SEEN[] = {
        {"{\"channel\":\"heartbeat\"}", AATS_MSG_BEAT},
        {"{\"method\":\"pong\",\"req_id\":42,\"time_in\":\"2023-09-25T09:05:00.123456Z\"}", AATS_MSG_PONG},
        {"{\"channel\":\"status\",\"type\":\"update\",\"data\":[{\"version\":\"2.0.10\",\"system\":\"online\",\"connection_id\":6447481662169813000}]}", AATS_MSG_OTHER},
        {"{\"channel\":\"level3\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[],\"asks\":[],\"checksum\":1}]}", AATS_MSG_OTHER},
        {"{\"feed\":\"trade\",\"product_id\":\"PI_XBTUSD\",\"side\":\"sell\",\"seq\":222737,\"qty\":386.0,\"price\":39054.5}", AATS_MSG_OTHER}, /* V-10 */
        {"{\"channel\":\"book\",\"type\":\"update\",\"data\":[]}", AATS_MSG_OTHER},
    };
    for (size_t i = 0; i < sizeof SEEN / sizeof SEEN[0]; i++) {
        CHECK_EQ_I64(parse(SEEN[i].text), AATS_OK);
        CHECK_MSG(m.kind == SEEN[i].kind, "%s: %d", SEEN[i].text, m.kind);
    }
    CHECK_EQ_I64(parse(SEEN[1].text), AATS_OK);
    CHECK_EQ_I64(m.id, 42);
}

/* ---- checksum: the worked vector of the fact sheet, section 3 ---- */

static void venues_sum(void)
{
    static int64_t const ASK[10][2] = {{452852, 100000}, {452864, 154571953}, {452866, 154571109}, {452896, 154560911}, {452902, 15890660},
                                       {452918, 154553491}, {452947, 4454749}, {452961, 35380000}, {452975, 9945542}, {452995, 18772827}};
    static int64_t const BID[10][2] = {{452835, 10000000}, {452834, 154582015}, {452821, 10000000}, {452810, 10000000}, {452803, 154592586},
                                       {452790, 7990000}, {452776, 3310103}, {452775, 30000000}, {452773, 154602737}, {452766, 15445238}};
    for (int i = 0; i < 10; i++) {
        asks[i] = (aats_level_t){ASK[i][0] * 10000000, ASK[i][1]};
        bids[i] = (aats_level_t){BID[i][0] * 10000000, BID[i][1]};
    }
    m.px_exp = m.qty_exp = -8;
    m.px_dec = 1;
    m.qty_dec = 8;
    CHECK_EQ_I64(aats_venue_kraken.check(&m, bids, 10, asks, 10), 3310070434);
    m.px_exp = -1; /* the same book at other exponents */
    for (int i = 0; i < 10; i++) {
        asks[i].px_i = ASK[i][0];
        bids[i].px_i = BID[i][0];
    }
    CHECK_EQ_I64(aats_venue_kraken.check(&m, bids, 10, asks, 10), 3310070434);
    m.px_dec = 3; /* printed with two more zeros */
    CHECK(aats_venue_kraken.check(&m, bids, 10, asks, 10) != 3310070434);
    CHECK_EQ_I64(aats_venue_kraken.check(&m, bids, 0, asks, 0), 0);
}

TEST(the_checksum_is_the_venues) { on_each_isa(venues_sum); }

/* The text as section 3 (a) of the fact sheet says it: printed, the point taken out, zeros before the first other digit cut off. */
static size_t printed(char *out, int64_t v, int exp, int dec)
{
    char text[64];
    size_t at = 0, n = 0;
    for (int down = -exp - dec; down > 0; down--) v /= 10;
    snprintf(text, sizeof text, "%lld", (long long)v);
    while (text[at] == '0') at++;
    for (; text[at]; at++) out[n++] = text[at];
    for (int up = exp + dec; up > 0 && n; up--) out[n++] = '0';
    return n;
}

static uint64_t rng = 88172645463325252ULL;
static uint64_t roll(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

static void any_sum(void)
{
    for (int round = 0; round < 300; round++) {
        char text[4096];
        size_t n = 0, ask_cnt = roll() % 4 ? 10 : roll() % 11, bid_cnt = roll() % 4 ? 10 : roll() % 11;
        m.px_exp = -(int)(roll() % 11);
        m.qty_exp = -(int)(roll() % 11);
        m.px_dec = (int)(roll() % 11) - 1;
        m.qty_dec = (int)(roll() % 11) - 1;
        for (int side = 0; side < 2; side++) {
            aats_level_t *const to = side ? bids : asks;
            for (size_t i = 0; i < (side ? bid_cnt : ask_cnt); i++) {
                to[i] = (aats_level_t){(int64_t)(roll() >> (1 + roll() % 63)), (int64_t)(roll() >> (1 + roll() % 63))};
                n += printed(text + n, to[i].px_i, m.px_exp, m.px_dec >= 0 ? m.px_dec : -m.px_exp);
                n += printed(text + n, to[i].qty_i, m.qty_exp, m.qty_dec >= 0 ? m.qty_dec : -m.qty_exp);
            }
        }
        CHECK_EQ_U64(aats_venue_kraken.check(&m, bids, bid_cnt, asks, ask_cnt), aats_crc32(0, text, n));
    }
}

TEST(the_checksum_is_over_the_digits_as_they_are_printed_whatever_the_numbers_and_the_instructions) { on_each_isa(any_sum); }

/* ---- requests ---- */

TEST(requests_are_what_the_venue_documents)
{
    char out[512];
    char const *two[] = {"BTC/USD", "ETH/USD"};
    CHECK(aats_venue_kraken.subscribe(out, sizeof out, 7, 0, AATS_STREAM_DEPTH, two, 2) > 0);
    CHECK_STR(out, "{\"method\":\"subscribe\",\"params\":{\"channel\":\"book\",\"symbol\":[\"BTC/USD\",\"ETH/USD\"],\"depth\":100},\"req_id\":7}");
    CHECK(aats_venue_kraken.subscribe(out, sizeof out, 8, 1, AATS_STREAM_DEPTH, two, 1) > 0);
    CHECK_STR(out, "{\"method\":\"unsubscribe\",\"params\":{\"channel\":\"book\",\"symbol\":[\"BTC/USD\"],\"depth\":100},\"req_id\":8}");
    CHECK(aats_venue_kraken.subscribe(out, sizeof out, 9, 0, AATS_STREAM_BBO, two, 1) > 0);
    CHECK_STR(out, "{\"method\":\"subscribe\",\"params\":{\"channel\":\"ticker\",\"symbol\":[\"BTC/USD\"],\"event_trigger\":\"bbo\"},\"req_id\":9}");
    CHECK(aats_venue_kraken.subscribe(out, sizeof out, 9, 0, AATS_STREAM_TRADE, two, 1) > 0);
    CHECK_STR(out, "{\"method\":\"subscribe\",\"params\":{\"channel\":\"trade\",\"symbol\":[\"BTC/USD\"],\"snapshot\":false},\"req_id\":9}");
    CHECK_EQ_I64(aats_venue_kraken.subscribe(out, sizeof out, 9, 0, AATS_STREAM_FUNDING, two, 1), AATS_E_ARG);
    for (size_t cap = 0; cap < 60; cap++) CHECK_EQ_I64(aats_venue_kraken.subscribe(out, cap, 7, 0, AATS_STREAM_DEPTH, two, 2), AATS_E_FULL);
}

RUN_ALL()
