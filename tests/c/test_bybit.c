/* test_bybit.c -- Bybit's market messages: what is refused, each message as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "venue/venue.h"

#define BOOK_OF(depth, type, u)                                                                                                    \
    "{\"topic\":\"orderbook." depth ".BTCUSDT\",\"type\":\"" type "\",\"ts\":1785312000131,\"data\":{\"s\":\"BTCUSDT\","          \
    "\"b\":[[\"64210.10\",\"3.204\"],[\"64209.80\",\"0\"]],\"a\":[[\"64210.20\",\"1.877\"]],\"u\":" u ",\"seq\":512345678901},"    \
    "\"cts\":1785312000127}"
#define TOP_OF(b, a, u)                                                                                                            \
    "{\"topic\":\"orderbook.1.BTCUSDT\",\"ts\":1785312000131,\"type\":\"snapshot\",\"data\":{\"s\":\"BTCUSDT\",\"b\":" b          \
    ",\"a\":" a ",\"u\":" u ",\"seq\":7},\"cts\":1785312000127}"
#define TRADE_ROW(side, v, p, i)                                                                                                   \
    "{\"T\":1785312000136,\"s\":\"BTCUSDT\",\"S\":\"" side "\",\"v\":\"" v "\",\"p\":\"" p "\",\"L\":\"PlusTick\",\"i\":\"" i     \
    "\",\"BT\":false,\"RPI\":false,\"seq\":512345678950}"
#define TRADES(rows) "{\"topic\":\"publicTrade.BTCUSDT\",\"type\":\"snapshot\",\"ts\":1785312000140,\"data\":[" rows "]}"
#define UUID   "0d1f6a2e-6d0e-5b4e-9c53-3a9f7c1e2b11"
#define TICKER(keys) "{\"topic\":\"tickers.BTCUSDT\",\"type\":\"delta\",\"data\":{\"symbol\":\"BTCUSDT\"" keys "},\"cs\":1,\"ts\":1785312000200}"
#define LIQUIDATIONS(rows) "{\"topic\":\"allLiquidation.BTCUSDT\",\"type\":\"snapshot\",\"ts\":1785312002001,\"data\":[" rows "]}"
#define LIQUIDATION(side, p) "{\"T\":1785312001999,\"s\":\"BTCUSDT\",\"S\":\"" side "\",\"v\":\"0.014\",\"p\":\"" p "\"}"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int parse(char const *text) { return aats_venue_bybit_swap.parse(text, strlen(text), &m); }
static int next(char const *text) { return aats_venue_bybit_swap.next(text, strlen(text), &m); }

static int text_is(char const *s, size_t n, char const *want) { return s && n == strlen(want) && !memcmp(s, want, n); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"topic\":\"orderbook.50.BTCUSDT\"}", AATS_E_SHAPE},
        {"{\"topic\":7,\"data\":{}}", AATS_E_SHAPE},
        {"{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"data\":{}}", AATS_E_SHAPE},
        {"{\"topic\":\"orderbook.50.BTCUSDT\",\"data\":{\"s\":\"BTCUSDT\",\"b\":[],\"a\":[],\"u\":5}}", AATS_E_SHAPE},
        {"{\"topic\":\"orderbook.50.ETHUSDT\",\"type\":\"delta\",\"data\":{\"s\":\"BTCUSDT\",\"b\":[],\"a\":[],\"u\":5}}", AATS_E_SHAPE},
        {"{\"topic\":\"tickers.BTCUSDT\",\"topic\":\"tickers.BTCUSDT\",\"data\":{\"symbol\":\"BTCUSDT\"}}", AATS_E_DUPKEY},
        {BOOK_OF("50", "news", "5"), AATS_E_SHAPE},
        {BOOK_OF("50", "delta", "-5"), AATS_E_RANGE},
        {BOOK_OF("50", "delta", "\"5\""), AATS_E_SHAPE},
        {BOOK_OF("50", "delta", "5") "x", AATS_E_SYNTAX},
        {BOOK_OF("50", "delta", "5,\"u\":6"), AATS_E_DUPKEY},
        {TRADES(TRADE_ROW("Buy", "1", "0", UUID)), AATS_E_SHAPE},
        {TRADES(TRADE_ROW("Buy", "-1", "1", UUID)), AATS_E_SHAPE},
        {TRADES(TRADE_ROW("buy", "1", "1", UUID)), AATS_E_SHAPE},
        {TRADES(TRADE_ROW("Buy", "1", "1", "")), AATS_E_SHAPE},
        {TRADES(TRADE_ROW("Buy", "1", "1", UUID) "," TRADE_ROW("Buy", "1", "x", UUID)), AATS_E_SYNTAX},
        {TRADES(TRADE_ROW("Buy", "1", "1.123456789", UUID)), AATS_E_INEXACT},
        {TICKER(",\"markPrice\":\"-1\""), AATS_E_SHAPE},
        {TICKER(",\"fundingRate\":\"0.0000000000000000001\""), AATS_E_INEXACT},
        {TICKER(",\"markPrice\":\"1\",\"markPrice\":\"1\""), AATS_E_DUPKEY},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {BOOK_OF("50", "delta", "5"), TOP_OF("[]", "[[\"1\",\"2\"]]", "7"),
                                        TRADES(TRADE_ROW("Buy", "1", "1", UUID) "," TRADE_ROW("Sell", "1", "1", UUID)),
                                        TICKER(",\"markPrice\":\"1\",\"fundingRate\":\"0.1\""), LIQUIDATIONS(LIQUIDATION("Buy", "1"))};
    for (size_t k = 0; k < sizeof WHOLE / sizeof WHOLE[0]; k++)
        for (size_t n = 0; n < strlen(WHOLE[k]); n++) {
            char *cut = malloc(n ? n : 1); /* AddressSanitizer stands at its end */
            memcpy(cut, WHOLE[k], n);
            CHECK_MSG(aats_venue_bybit.parse(cut, n, &m) < 0, "the first %zu bytes of %s", n, WHOLE[k]);
            free(cut);
        }
}

TEST(culprit_of_an_error_is_named_and_nobody_where_topic_and_payload_disagree)
{
    CHECK_EQ_I64(parse("{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"data\":{\"s\":\"BTCUSDT\",\"b\":[[\"1\",\"x\"]]}}"), AATS_E_SYNTAX);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
    CHECK(text_is(m.stream, m.stream_len, "orderbook.50.BTCUSDT"));
    CHECK_EQ_I64(parse("{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"data\":{\"s\":\"ETHUSDT\",\"b\":[],\"a\":[],\"u\":5}}"), AATS_E_SHAPE);
    CHECK(m.sym == NULL);
    CHECK_EQ_I64(parse(TRADES(TRADE_ROW("Buy", "1", "1", UUID) ",{\"s\":\"ETHUSDT\"}")), AATS_E_SHAPE);
    CHECK(m.sym == NULL);
}

/* ---- messages ---- */

TEST(delta_and_snapshot_of_a_book_are_read)
{
    REQUIRE(parse(BOOK_OF("50", "delta", "48211377")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
    CHECK_EQ_U64(m.first_id, 48211377);
    CHECK_EQ_U64(m.last_id, 48211377);
    CHECK_EQ_I64(m.exch_ns, 1785312000127000000); /* the matching engine's time, not the gateway's */
    CHECK_EQ_U64(m.bid_cnt, 2);
    CHECK_EQ_U64(m.ask_cnt, 1);
    CHECK_EQ_I64(bids[0].px_i, 6421010000000);
    CHECK_EQ_I64(bids[1].qty_i, 0);
    CHECK_EQ_I64(asks[0].qty_i, 187700000);
    REQUIRE(parse(BOOK_OF("200", "snapshot", "48211377")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_U64(m.has & AATS_HAS_RESET, 0);
}

TEST(v01_keys_may_come_in_any_order)
{
    REQUIRE(parse("{\"data\":{\"u\":9,\"a\":[],\"b\":[[\"1\",\"2\"]],\"s\":\"BTCUSDT\"},\"type\":\"delta\",\"ts\":5,\"topic\":\"orderbook.50.BTCUSDT\"}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_EQ_U64(m.last_id, 9);
    CHECK_EQ_I64(m.exch_ns, 5000000);
    char const *two = "{\"data\":[" TRADE_ROW("Buy", "1", "1", "1") "," TRADE_ROW("Sell", "2", "3", "2") "],\"topic\":\"publicTrade.BTCUSDT\"}";
    REQUIRE(parse(two) == AATS_OK && m.more);
    REQUIRE(next(two) == AATS_OK);
    CHECK_EQ_I64(m.px_i, 300000000);
    CHECK_EQ_U64(m.more, 0);
}

TEST(v02_u_of_one_begins_the_book_again)
{
    REQUIRE(parse(BOOK_OF("50", "snapshot", "1")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    REQUIRE(parse(BOOK_OF("50", "delta", "1")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(m.has & AATS_HAS_RESET);
}

TEST(v04_top_is_one_level_a_side_or_none_and_never_a_delta)
{
    REQUIRE(parse(TOP_OF("[[\"64210.1\",\"3.2\"]]", "[]", "7")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_U64(m.bid_cnt, 1);
    CHECK_EQ_U64(m.ask_cnt, 1);
    CHECK_EQ_I64(bids[0].px_i, 6421010000000);
    CHECK_EQ_I64(asks[0].px_i, 0);
    CHECK_EQ_I64(asks[0].qty_i, 0);
    CHECK_EQ_U64(m.last_id, 7);
    CHECK_EQ_I64(parse(TOP_OF("[[\"2\",\"1\"],[\"1\",\"1\"]]", "[]", "7")), AATS_E_SHAPE);
    CHECK_EQ_I64(parse(BOOK_OF("1", "delta", "7")), AATS_E_SHAPE);
}

TEST(v05_ticker_says_only_what_it_has)
{
    char const *both = TICKER(",\"markPrice\":\"64205.41\",\"indexPrice\":\"64201.11\",\"fundingRate\":\"-0.000081\",\"nextFundingTime\":\"1785340800000\"");
    REQUIRE(parse(both) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK_EQ_I64(m.px_i, 6420541000000);
    CHECK_EQ_I64(m.index_px_i, 6420111000000);
    CHECK_EQ_I64(m.exch_ns, 1785312000200000000);
    REQUIRE(m.more && next(both) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_FUNDING);
    CHECK_EQ_I64(m.rate_i, -81000000000000); /* at AATS_RATE_EXP, 18 digits */
    CHECK_EQ_I64(m.next_ns, 1785340800000000000);
    CHECK_EQ_U64(m.more, 0);
    REQUIRE(parse(TICKER(",\"indexPrice\":\"64201.11\"")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK_EQ_I64(m.px_i, 0);
    CHECK_EQ_U64(m.more, 0);
    REQUIRE(parse(TICKER(",\"fundingRate\":\"0\"")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_FUNDING);
    REQUIRE(parse(TICKER(",\"fundingRate\":\"\",\"nextFundingTime\":\"\",\"markPrice\":\"\"")) == AATS_OK); /* a dated contract */
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    REQUIRE(parse(TICKER(",\"bid1Price\":\"64210.10\"")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(v06_side_is_the_takers_and_of_a_liquidation_that_of_the_closing_order)
{
    REQUIRE(parse(TRADES(TRADE_ROW("Sell", "0.120", "64210.20", UUID))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.px_i, 6421020000000);
    CHECK_EQ_I64(m.qty_i, 12000000);
    CHECK_EQ_I64(m.exch_ns, 1785312000136000000);
    REQUIRE(parse(LIQUIDATIONS(LIQUIDATION("Buy", "63900.00"))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_LIQUIDATION);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.px_i, 6390000000000);
    CHECK_EQ_I64(m.qty_i, 1400000);
}

TEST(v07_uuids_become_numbers_and_numbers_stay)
{
    REQUIRE(parse(TRADES(TRADE_ROW("Buy", "1", "1", UUID))) == AATS_OK);
    CHECK_EQ_U64(m.id, 0x0d1f6a2e6d0e5b4eULL);
    REQUIRE(parse(TRADES(TRADE_ROW("Buy", "1", "1", "2290000000061666327"))) == AATS_OK);
    CHECK_EQ_U64(m.id, 2290000000061666327ULL);
}

TEST(rows_of_one_frame_come_one_by_one)
{
    char const *three = TRADES(TRADE_ROW("Buy", "1", "1", "1") " , " TRADE_ROW("Sell", "2", "3", "2") "," TRADE_ROW("Buy", "4", "5", "3"));
    int64_t px[3] = {100000000, 300000000, 500000000};
    REQUIRE(parse(three) == AATS_OK);
    for (int i = 0;; i++) {
        REQUIRE(i < 3);
        CHECK_EQ_I64(m.px_i, px[i]);
        CHECK_EQ_U64(m.id, (uint64_t)i + 1);
        CHECK_EQ_U64(m.more, i < 2);
        CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
        if (!m.more) break;
        REQUIRE(next(three) == AATS_OK);
    }
    REQUIRE(parse(TRADES("")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(v08_v09_answers_are_told_apart)
{
    static struct { char const *text; int kind; uint64_t id; } const ALL[] = {
        {"{\"success\":true,\"ret_msg\":\"subscribe\",\"conn_id\":\"x\",\"req_id\":\"7\",\"op\":\"subscribe\"}", AATS_MSG_ACK, 7},
        {"{\"success\":true,\"ret_msg\":\"\",\"conn_id\":\"x\",\"req_id\":\"8\",\"op\":\"subscribe\"}", AATS_MSG_ACK, 8},
        {"{\"success\":true,\"ret_msg\":\"\",\"conn_id\":\"x\",\"op\":\"unsubscribe\"}", AATS_MSG_ACK, 0},
        {"{\"success\":false,\"ret_msg\":\"Invalid topic: a\",\"conn_id\":\"x\",\"req_id\":\"9\",\"op\":\"subscribe\"}", AATS_MSG_ERROR, 9},
        {"{\"success\":true,\"ret_msg\":\"pong\",\"conn_id\":\"x\",\"req_id\":\"10\",\"op\":\"ping\"}", AATS_MSG_PONG, 10},
        {"{\"req_id\":\"11\",\"op\":\"pong\",\"args\":[\"1675418560633\"],\"conn_id\":\"x\"}", AATS_MSG_PONG, 11},
        {"{\"success\":true,\"conn_id\":\"x\",\"data\":{\"failTopics\":[],\"successTopics\":[\"a\"]},\"type\":\"COMMAND_RESP\"}", AATS_MSG_ACK, 0},
        {"{\"success\":true,\"conn_id\":\"x\",\"data\":{\"failTopics\":[\"a\"],\"successTopics\":[]},\"type\":\"COMMAND_RESP\"}", AATS_MSG_ERROR, 0},
        {"{\"retCode\":0,\"result\":{\"s\":\"BTCUSDT\",\"b\":[],\"a\":[],\"u\":1}}", AATS_MSG_OTHER, 0},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        CHECK_EQ_I64(parse(ALL[i].text), AATS_OK);
        CHECK_MSG(m.kind == ALL[i].kind && m.id == ALL[i].id, "%s: kind %d id %llu", ALL[i].text, m.kind, (unsigned long long)m.id);
    }
    parse(ALL[3].text);
    CHECK(text_is(m.text, m.text_len, "Invalid topic: a"));
}

TEST(v10_streams_that_nobody_asked_for_are_no_error)
{
    static char const *const OTHERS[] = {"kline.1.BTCUSDT", "orderbook.rpi.BTCUSDT", "orderbook.full.BTCUSDT", "priceLimit.BTCUSDT", "liquidation.BTCUSDT",
                                         "orderbook.50.", "orderbook..BTCUSDT", "tickers.", "order", "x"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"topic\":\"%s\",\"data\":[{\"e\":\"new\"}],\"type\":\"snapshot\"}", OTHERS[i]);
        CHECK_EQ_I64(parse(text), AATS_OK);
        CHECK_MSG(m.kind == AATS_MSG_OTHER, "%s: kind %d", OTHERS[i], m.kind);
    }
}

TEST(v11_row_of_an_asset_topic_is_the_options_own)
{
    REQUIRE(parse("{\"topic\":\"tickers.BTC\",\"data\":{\"symbol\":\"BTC-6JAN23-17500-C\",\"markPrice\":\"1.5\"}}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK(text_is(m.sym, m.sym_len, "BTC-6JAN23-17500-C"));
}

/* ---- scale ---- */

static void finer(void *arg, void *msg)
{
    (void)arg;
    ((aats_msg_t *)msg)->px_exp = -12;
    ((aats_msg_t *)msg)->qty_exp = 0;
}

TEST(symbols_own_exponents_are_asked_for_before_its_numbers)
{
    m.scale = finer;
    REQUIRE(parse(TRADES(TRADE_ROW("Buy", "1000000000", "0.000000000123", UUID))) == AATS_OK);
    CHECK_EQ_I64(m.px_i, 123);
    CHECK_EQ_I64(m.qty_i, 1000000000);
    m.scale = NULL;
}

/* ---- requests ---- */

TEST(requests_are_as_documented)
{
    char text[400];
    char const *two[] = {"BTCUSDT", "ETHUSDT"};
    unsigned const all = aats_venue_bybit_swap.streams;
    int n = aats_venue_bybit.subscribe(text, sizeof text, 7, 0, AATS_STREAM_DEPTH | AATS_STREAM_TRADE, two, 2);
    CHECK_STR(text, "{\"req_id\":\"7\",\"op\":\"subscribe\",\"args\":[\"orderbook.50.BTCUSDT\",\"publicTrade.BTCUSDT\",\"orderbook.50.ETHUSDT\","
                    "\"publicTrade.ETHUSDT\"]}");
    CHECK_EQ_I64(n, (int64_t)strlen(text));
    n = aats_venue_bybit_swap.subscribe(text, sizeof text, 8, 1, all, two, 1);
    CHECK_STR(text, "{\"req_id\":\"8\",\"op\":\"unsubscribe\",\"args\":[\"orderbook.50.BTCUSDT\",\"publicTrade.BTCUSDT\",\"orderbook.1.BTCUSDT\","
                    "\"tickers.BTCUSDT\",\"allLiquidation.BTCUSDT\"]}");
    for (size_t cap = 0; cap <= (size_t)n; cap++) CHECK_EQ_I64(aats_venue_bybit_swap.subscribe(text, cap, 8, 1, all, two, 1), AATS_E_FULL);
    aats_venue_bybit.ping(text, sizeof text, 9);
    CHECK_STR(text, "{\"req_id\":\"9\",\"op\":\"ping\"}");
    aats_venue_bybit.path(text, sizeof text);
    CHECK_STR(text, "/v5/public/spot");
    aats_venue_bybit_swap.path(text, sizeof text);
    CHECK_STR(text, "/v5/public/linear");
}

RUN_ALL()
