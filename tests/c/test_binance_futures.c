/* test_binance_futures.c -- messages of Binance's futures: what is refused, each as the venue writes it, each odd behaviour by its number; and the
 * short way says what the plain walk says, whatever the text and the instructions. */
#include "check.h"

#include "each_isa.h"
#include "venue/binance_futures.h"

#define WRAP(stream, data) "{\"stream\":\"" stream "\",\"data\":" data "}"
#define DEPTH_OF(extra)                                                                                                                            \
    "{\"e\":\"depthUpdate\",\"E\":1785312000125,\"T\":1785312000118,\"s\":\"BTCUSDT\"," extra "\"U\":7890123450,\"u\":7890123499,\"pu\":7890123441,"   \
    "\"b\":[[\"64210.10\",\"2.517\"],[\"64209.90\",\"0.000\"]],\"a\":[[\"64210.20\",\"8.004\"]]}"
#define DEPTH  DEPTH_OF("\"ps\":\"BTCUSDT\",\"st\":1,")
#define BBO                                                                                                                                        \
    "{\"e\":\"bookTicker\",\"u\":7890123499,\"E\":1785312000126,\"T\":1785312000118,\"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\",\"st\":1,"                    \
    "\"b\":\"64210.10\",\"B\":\"2.517\",\"a\":\"64210.20\",\"A\":\"8.004\"}"
#define BBO_2021                                                                                                                                   \
    "{\"e\":\"bookTicker\",\"u\":600859600576,\"s\":\"BTCUSDT\",\"b\":\"7.6110\",\"B\":\"2\",\"a\":\"7.6120\",\"A\":\"297\",\"T\":1626992741012,"        \
    "\"E\":1626992741017}"
#define BBO_COINM                                                                                                                                  \
    "{\"u\":167006084895,\"e\":\"bookTicker\",\"s\":\"BCHUSD_PERP\",\"ps\":\"BCHUSD\",\"b\":\"427.84\",\"B\":\"24\",\"a\":\"427.90\",\"A\":\"669\","     \
    "\"T\":1626916403864,\"E\":1626916403871}"
#define AGG                                                                                                                                        \
    "{\"e\":\"aggTrade\",\"E\":1785312000131,\"s\":\"BTCUSDT\",\"a\":2987654321,\"p\":\"64210.20\",\"q\":\"0.120\",\"nq\":\"0.120\",\"f\":6543210987,"   \
    "\"l\":6543210989,\"T\":1785312000120,\"m\":false,\"st\":1}"
#define AGG_2021                                                                                                                                   \
    "{\"e\":\"aggTrade\",\"E\":1626992741575,\"a\":16599292,\"s\":\"BTCUSDT\",\"p\":\"1.01100\",\"q\":\"10\",\"f\":23961322,\"l\":23961322,"             \
    "\"T\":1626992741421,\"m\":true}"
#define TRADE_OF(p, q, x) "{\"e\":\"trade\",\"E\":1721347022956,\"T\":1721347022955,\"s\":\"BTCUSDT\",\"t\":5182005737,\"p\":\"" p "\",\"q\":\"" q "\"," x "\"m\":true}"
#define MARK_OF(r, t)                                                                                                                              \
    "{\"e\":\"markPriceUpdate\",\"E\":1785312001000,\"s\":\"BTCUSDT\",\"p\":\"64205.41234567\",\"ap\":\"64204.90000000\",\"i\":\"64201.11000000\","     \
    "\"P\":\"64210.00000000\",\"r\":\"" r "\",\"T\":" t ",\"st\":1}"
#define FORCE(side)                                                                                                                                \
    "{\"e\":\"forceOrder\",\"E\":1785312002001,\"o\":{\"s\":\"BTCUSDT\",\"S\":\"" side "\",\"o\":\"LIMIT\",\"f\":\"IOC\",\"q\":\"0.014\","                \
    "\"p\":\"63900.00\",\"ap\":\"64190.10\",\"X\":\"FILLED\",\"l\":\"0.014\",\"z\":\"0.014\",\"T\":1785312001999},\"st\":1,\"ps\":\"BTCUSDT\"}"
#define BOOK                                                                                                                                       \
    "{\"lastUpdateId\":1007198635033,\"E\":1723161257835,\"T\":1723161257823,\"symbol\":\"BTCUSD_PERP\",\"pair\":\"BTCUSD\","                          \
    "\"bids\":[[\"61804.7\",\"35\"],[\"61802.0\",\"8\"]],\"asks\":[[\"61804.8\",\"1645\"]]}"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int parse(char const *text) { return aats_venue_binance_swap.parse(text, strlen(text), &m); }

static int text_is(char const *s, size_t n, char const *want) { return s && n == strlen(want) && !memcmp(s, want, n); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {WRAP("btcusdt@depth@0ms", "{}"), AATS_E_SHAPE},
        {WRAP("ethusdt@depth@0ms", DEPTH), AATS_E_SHAPE},
        {WRAP("ethusdt@forceOrder", FORCE("SELL")), AATS_E_SHAPE},
        {WRAP("btcusdt@depth@0ms", "{\"T\":1,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[],\"a\":[]}"), AATS_E_SHAPE}, /* what came before is not told */
        {WRAP("btcusdt@depth@0ms", DEPTH_OF("\"pu\":1,")), AATS_E_DUPKEY},
        {WRAP("btcusdt@depth@0ms", DEPTH_OF("\"b\":[],")), AATS_E_DUPKEY},
        {WRAP("btcusdt@trade", TRADE_OF("0", "1", "")), AATS_E_SHAPE},
        {WRAP("btcusdt@trade", TRADE_OF("0", "1", "\"X\":\"MARKET\",")), AATS_E_SHAPE},
        {WRAP("btcusdt@trade", TRADE_OF("1.123456789", "1", "")), AATS_E_INEXACT},
        {WRAP("btcusdt@trade", TRADE_OF("1", "-1", "")), AATS_E_SHAPE},
        {WRAP("btcusdt@forceOrder", FORCE("HOLD")), AATS_E_SHAPE},
        {WRAP("btcusdt@markPrice@1s", MARK_OF("x", "1")), AATS_E_SYNTAX},
        {WRAP("btcusdt@markPrice@1s", MARK_OF("0.1\",\"r\":\"0.1", "1")), AATS_E_DUPKEY},
        {WRAP("btcusdt@markPrice@1s", "{\"E\":1,\"s\":\"BTCUSDT\"}"), AATS_E_SHAPE},
        {"{\"lastUpdateId\":1027024,\"symbol\":\"BTCUSDT\",\"bidPrice\":\"4.0\",\"askPrice\":\"4.1\"}", AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {WRAP("btcusdt@depth@0ms", DEPTH), WRAP("btcusdt@bookTicker", BBO), WRAP("btcusdt@aggTrade", AGG),
                                        WRAP("btcusdt@markPrice@1s", MARK_OF("0.1", "1")), WRAP("btcusdt@forceOrder", FORCE("BUY")), BOOK};
    for (size_t k = 0; k < sizeof WHOLE / sizeof WHOLE[0]; k++)
        for (size_t n = 0; n < strlen(WHOLE[k]); n++) {
            char *cut = malloc(n ? n : 1); /* AddressSanitizer stands at its end */
            memcpy(cut, WHOLE[k], n);
            CHECK_MSG(aats_venue_binance_swap.parse(cut, n, &m) < 0, "the first %zu bytes of %s", n, WHOLE[k]);
            free(cut);
        }
}

/* ---- messages ---- */

TEST(v20_v24_depth_update_says_which_id_came_before_and_when_the_engine_did_it)
{
    static char const *const BOTH[] = {WRAP("btcusdt@depth@0ms", DEPTH), WRAP("btcusdt@depth", DEPTH_OF(""))};
    for (int i = 0; i < 2; i++) {
        REQUIRE(parse(BOTH[i]) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
        CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
        CHECK_EQ_U64(m.first_id, 7890123450u);
        CHECK_EQ_U64(m.last_id, 7890123499u);
        CHECK(m.has & AATS_HAS_PREV);
        CHECK_EQ_U64(m.prev_id, 7890123441u);
        CHECK_EQ_I64(m.exch_ns, 1785312000118000000);
        CHECK_EQ_U64(m.bid_cnt, 2);
        CHECK_EQ_I64(bids[0].px_i, 6421010000000);
        CHECK_EQ_I64(asks[0].qty_i, 800400000);
    }
    CHECK_EQ_I64(aats_venue_binance_swap.seq, AATS_SEQ_PREV);
    CHECK_EQ_I64(aats_venue_binance_coinm.seq, AATS_SEQ_PREV);
}

TEST(v21_partial_depth_is_told_from_a_diff_by_its_stream)
{
    static char const *const PARTIAL[] = {WRAP("btcusdt@depth5", DEPTH), WRAP("btcusdt@depth20@100ms", DEPTH)};
    for (int i = 0; i < 2; i++) {
        REQUIRE(parse(PARTIAL[i]) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_PARTIAL);
        CHECK_EQ_U64(m.last_id, 7890123499u);
    }
}

TEST(v22_what_never_met_the_book_counts_by_its_number_alone)
{
    REQUIRE(parse(WRAP("btcusdt@trade", TRADE_OF("63943.90", "0.003", "\"X\":\"MARKET\","))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_U64(m.id, 5182005737u);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.px_i, 6394390000000);
    CHECK_EQ_I64(m.qty_i, 300000);
    CHECK_EQ_I64(m.exch_ns, 1721347022955000000);
    static char const *const OFF[] = {TRADE_OF("0", "0", "\"X\":\"NA\","), TRADE_OF("63943.90", "0.003", "\"X\":\"INSURANCE_FUND\",")};
    for (int i = 0; i < 2; i++) {
        char text[400];
        snprintf(text, sizeof text, "{\"stream\":\"btcusdt@trade\",\"data\":%s}", OFF[i]);
        REQUIRE(parse(text) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
        CHECK_EQ_U64(m.id, 5182005737u);
        CHECK_EQ_I64(m.qty_i, 0);
    }
}

TEST(aggregates_are_read_as_they_are_and_as_they_were)
{
    REQUIRE(parse(WRAP("btcusdt@aggTrade", AGG)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_AGG);
    CHECK_EQ_U64(m.id, 2987654321u);
    CHECK_EQ_U64(m.last_id - m.first_id, 2);
    CHECK_EQ_I64(m.side, 1);
    CHECK_EQ_I64(m.exch_ns, 1785312000120000000);
    REQUIRE(parse(WRAP("btcusdt@aggTrade", AGG_2021)) == AATS_OK);
    CHECK_EQ_U64(m.id, 16599292);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.qty_i, 1000000000);
}

TEST(v23_best_prices_are_read_in_every_order_of_keys_that_was_recorded)
{
    REQUIRE(parse(WRAP("btcusdt@bookTicker", BBO)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_U64(m.last_id, 7890123499u);
    CHECK_EQ_I64(m.exch_ns, 1785312000118000000);
    CHECK_EQ_I64(asks[0].qty_i, 800400000);
    REQUIRE(parse(WRAP("btcusdt@bookTicker", BBO_2021)) == AATS_OK);
    CHECK_EQ_I64(m.exch_ns, 1626992741012000000);
    CHECK_EQ_I64(bids[0].px_i, 761100000);
    REQUIRE(parse(WRAP("bchusd_perp@bookTicker", BBO_COINM)) == AATS_OK);
    CHECK(text_is(m.sym, m.sym_len, "BCHUSD_PERP"));
    CHECK_EQ_U64(m.last_id, 167006084895u);
}

TEST(v25_a_mark_price_is_two_messages_and_of_a_dated_contract_one)
{
    char const *const text = WRAP("btcusdt@markPrice@1s", MARK_OF("-0.00008123", "1785340800000"));
    REQUIRE(parse(text) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK_EQ_I64(m.px_i, 6420541234567);
    CHECK_EQ_I64(m.index_px_i, 6420111000000);
    CHECK_EQ_I64(m.exch_ns, 1785312001000000000);
    REQUIRE(m.more == 1);
    REQUIRE(aats_venue_binance_swap.next(text, strlen(text), &m) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_FUNDING);
    CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
    int64_t unit = 1;
    for (int i = 0; i < AATS_RATE_EXP - 8; i++) unit *= 10;
    CHECK_EQ_I64(m.rate_i, -8123 * unit);
    CHECK_EQ_I64(m.next_ns, 1785340800000000000);
    CHECK_EQ_U64(m.more, 0);
    REQUIRE(parse(WRAP("btcusdt@markPrice", MARK_OF("", "0"))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK_EQ_U64(m.more, 0);
}

TEST(liquidations_are_told_with_the_side_that_closes)
{
    REQUIRE(parse(WRAP("btcusdt@forceOrder", FORCE("SELL"))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_LIQUIDATION);
    CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.px_i, 6390000000000);
    CHECK_EQ_I64(m.qty_i, 1400000);
    CHECK_EQ_I64(m.exch_ns, 1785312001999000000);
    REQUIRE(parse(WRAP("btcusdt@forceOrder", FORCE("BUY"))) == AATS_OK);
    CHECK_EQ_I64(m.side, 1);
}

TEST(v29_a_contract_that_does_not_trade_is_told)
{
#define INFO(status) WRAP("!contractInfo", "{\"e\":\"contractInfo\",\"E\":1669356423908,\"s\":\"IOTAUSDT\",\"ps\":\"IOTAUSDT\",\"ct\":\"PERPETUAL\"," \
    "\"dt\":4133404800000,\"ot\":1569398400000,\"cs\":\"" status "\",\"bks\":[{\"bs\":1}]}")
    REQUIRE(parse(INFO("SETTLING")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_STATUS);
    CHECK_EQ_I64(m.code, 1);
    CHECK(text_is(m.sym, m.sym_len, "IOTAUSDT"));
    REQUIRE(parse(INFO("TRADING")) == AATS_OK);
    CHECK_EQ_I64(m.code, 0);
    CHECK_EQ_I64(parse(WRAP("!contractInfo", "{\"s\":\"IOTAUSDT\"}")), AATS_E_SHAPE);
}

TEST(snapshot_is_read)
{
    REQUIRE(parse(BOOK) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_U64(m.last_id, 1007198635033u);
    CHECK_EQ_I64(m.exch_ns, 1723161257823000000);
    CHECK_EQ_U64(m.bid_cnt, 2);
    CHECK_EQ_I64(asks[0].qty_i, 164500000000);
}

TEST(streams_of_all_symbols_and_unknown_ones_are_no_error)
{
    static char const *const OTHERS[] = {"btcusdt@kline_1m", "!markPrice@arr@1s", "!bookTicker", "!forceOrder@arr", "btcusdt@rpiDepth@500ms", "x"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"stream\":\"%s\",\"data\":[{\"e\":\"new\",\"s\":\"BTCUSDT\"}]}", OTHERS[i]);
        CHECK_MSG(parse(text) == AATS_OK && m.kind == AATS_MSG_OTHER, "%s", text);
        CHECK(m.sym == NULL);
    }
    CHECK(parse("{\"result\":null,\"id\":1}") == AATS_OK && m.kind == AATS_MSG_ACK && m.id == 1);
    CHECK(parse("{\"error\":{\"code\":2,\"msg\":\"no\"},\"id\":7}") == AATS_OK && m.kind == AATS_MSG_ERROR && m.id == 7 && m.code == 2);
    CHECK(parse("{\"code\":2,\"msg\":\"no\",\"id\":7}") == AATS_OK && m.kind == AATS_MSG_ERROR && m.code == 2);
}

/* ---- requests ---- */

TEST(v26_each_stream_is_asked_for_on_the_path_that_serves_it)
{
    char out[512], path[64];
    char const *const names[] = {"BTCUSDT"};
    aats_venue_t const *v = &aats_venue_binance_swap;
    REQUIRE(v->way_cnt == 2);
    CHECK_EQ_U64(v->ways[0].streams & v->ways[1].streams, 0);
    CHECK_EQ_U64(v->ways[0].streams | v->ways[1].streams, v->streams);
    v->ways[0].path(path, sizeof path);
    CHECK(!strcmp(path, "/public/stream"));
    v->ways[1].path(path, sizeof path);
    CHECK(!strcmp(path, "/market/stream"));
    v->subscribe(out, sizeof out, 3, 0, v->ways[0].streams, names, 1);
    CHECK(!strcmp(out, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@0ms\",\"btcusdt@bookTicker\"],\"id\":3}"));
    v->subscribe(out, sizeof out, 4, 1, v->ways[1].streams, names, 1);
    CHECK(!strcmp(out, "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@aggTrade\",\"btcusdt@markPrice@1s\",\"btcusdt@forceOrder\"],\"id\":4}"));
    v->subscribe(out, sizeof out, 5, 0, AATS_STREAM_TRADE | AATS_STREAM_STATUS, names, 1);
    CHECK_MSG(!strcmp(out, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@aggTrade\",\"!contractInfo\"],\"id\":5}"), "%s", out); /* V-29 */
    v->subscribe(out, sizeof out, 6, 0, AATS_STREAM_STATUS, names, 1);
    CHECK_MSG(!strcmp(out, "{\"method\":\"SUBSCRIBE\",\"params\":[\"!contractInfo\"],\"id\":6}"), "%s", out);
    for (size_t cap = 0; cap < 54; cap++) CHECK_EQ_I64(v->subscribe(out, cap, 6, 0, AATS_STREAM_STATUS, names, 1), AATS_E_FULL);
    CHECK_EQ_I64(v->ways[1].path(path, 5), AATS_E_FULL);
    v = &aats_venue_binance_coinm;
    CHECK_EQ_U64(v->way_cnt, 0);
    v->path(path, sizeof path);
    CHECK(!strcmp(path, "/stream"));
}

/* ---- the short way ---- */

static char const *const DAILY[] = {
    WRAP("btcusdt@depth@0ms", DEPTH), WRAP("btcusdt@depth@100ms", DEPTH_OF("")), WRAP("btcusdt@depth@100ms", DEPTH_OF("\"ps\":\"BTCUSDT\",")),
    WRAP("btcusdt@bookTicker", BBO), WRAP("btcusdt@bookTicker", BBO_2021), WRAP("bchusd_perp@bookTicker", BBO_COINM),
    WRAP("btcusdt@aggTrade", AGG), WRAP("btcusdt@aggTrade", AGG_2021),
};
#define DAILY_CNT (sizeof DAILY / sizeof DAILY[0])

static aats_level_t plain_bids[AATS_MSG_LEVELS], plain_asks[AATS_MSG_LEVELS];

static void same(char const *text, size_t n)
{
    char *const copy = malloc(n ? n : 1); /* its end is guarded */
    if (n) memcpy(copy, text, n);
    aats_msg_t want = {.bids = plain_bids, .asks = plain_asks};
    int const e = binance_futures_plain(copy, n, &want);
    aats_msg_t got = {.bids = bids, .asks = asks};
    int const other = aats_venue_binance_coinm.parse(copy, n, &got);
    CHECK_MSG(other == e, "%s: code %d, the plain walk says %d: %.*s", aats_isa_name(), other, e, (int)n, text);
    if (got.bid_cnt == want.bid_cnt && got.ask_cnt == want.ask_cnt)
        CHECK(!memcmp(bids, plain_bids, got.bid_cnt * sizeof *bids) && !memcmp(asks, plain_asks, got.ask_cnt * sizeof *asks));
    if (!e) {
        want.bids = bids, want.asks = asks;
        CHECK_MSG(!memcmp(&got, &want, sizeof got), "%s: another field: %.*s", aats_isa_name(), (int)n, text);
    }
    free(copy);
}

static void changed_and_cut(void)
{
    static char const TO[] = "09a@S.,:\"]}- \\e\x80";
    char text[600];
    for (size_t k = 0; k < DAILY_CNT; k++) {
        size_t const n = strlen(DAILY[k]);
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < sizeof TO; c++) {
                memcpy(text, DAILY[k], n);
                text[i] = TO[c];
                same(text, n);
            }
            same(DAILY[k], i);
        }
        snprintf(text, sizeof text, "%s}", DAILY[k]);
        same(text, n + 1);
    }
}

TEST(a_byte_changed_or_cut_anywhere_means_what_the_plain_walk_says) { on_each_isa(changed_and_cut); }

static void taken(void)
{
    for (size_t k = 0; k < DAILY_CNT; k++) {
        aats_msg_clear(&m);
        CHECK_MSG(binance_futures_fast(DAILY[k], strlen(DAILY[k]), &m) == 1, "%s", DAILY[k]);
    }
}

TEST(messages_as_they_come_are_taken_the_short_way) { on_each_isa(taken); }

RUN_ALL()
