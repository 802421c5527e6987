/* test_binance.c -- Binance's messages: what is refused, each message as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "venue/venue.h"

#define WRAP(stream, data) "{\"stream\":\"" stream "\",\"data\":" data "}"
#define DEPTH  "{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\",\"U\":61530118801,\"u\":61530118837," \
               "\"b\":[[\"64210.01000000\",\"0.85314000\"],[\"64209.55000000\",\"0.00000000\"]]," \
               "\"a\":[[\"64210.02000000\",\"2.10077000\"]]}"
#define TRADE  "{\"e\":\"trade\",\"E\":1785312000113,\"s\":\"BTCUSDT\",\"t\":5212345678,\"p\":\"64210.02000000\",\"q\":\"0.01200000\"," \
               "\"T\":1785312000112,\"m\":false,\"M\":true}"
#define AGG    "{\"e\":\"aggTrade\",\"E\":1785312000113,\"s\":\"BTCUSDT\",\"a\":402853,\"p\":\"64210.02\",\"q\":\"2.63\",\"f\":430860," \
               "\"l\":430862,\"T\":1785312000112,\"m\":true,\"M\":true}"
#define TICKER "{\"u\":61530118837,\"s\":\"BTCUSDT\",\"b\":\"64210.01000000\"," \
               "\"B\":\"0.85314000\",\"a\":\"64210.02000000\",\"A\":\"2.10077000\"}"
/* a trade with price, quantity and time to choose */
#define TRADE_OF(p, q, t) WRAP("btcusdt@trade", "{\"s\":\"BTCUSDT\",\"t\":1,\"p\":\"" p "\",\"q\":\"" q "\",\"T\":" t ",\"m\":true}")
#define BOOK   "{\"lastUpdateId\":61530118837,\"bids\":[[\"64210.01\",\"0.85314\"]],\"asks\":[[\"64210.02\",\"2.1\"],[\"64210.03\",\"1\"]]}"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int parse(char const *text) { return aats_venue_binance.parse(text, strlen(text), &m); }

static int text_is(char const *s, size_t n, char const *want) { return s && n == strlen(want) && !memcmp(s, want, n); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"stream\":\"btcusdt@depth\",\"data\":{}}", AATS_E_SHAPE},
        {"{\"stream\":\"btcusdt@depth\"}", AATS_E_SHAPE},
        {"{\"data\":{}}", AATS_E_SHAPE},
        {"{\"stream\":7,\"data\":{}}", AATS_E_SHAPE},
        {WRAP("btcusdt@trade", TRADE) "x", AATS_E_SYNTAX},
        {WRAP("ethusdt@trade", TRADE), AATS_E_SHAPE},
        {"{\"data\":" TRADE ",\"stream\":\"ethusdt@trade\"}", AATS_E_SHAPE},
        {"{\"stream\":\"btcusdt@trade\",\"stream\":\"btcusdt@trade\",\"data\":" TRADE "}", AATS_E_DUPKEY},
        {"{\"stream\":\"btcusdt@trade\",\"data\":" TRADE ",\"data\":" TRADE "}", AATS_E_DUPKEY},
        {TRADE_OF("0", "1", "1"), AATS_E_SHAPE},
        {TRADE_OF("1", "-1", "1"), AATS_E_SHAPE},
        {WRAP("btcusdt@trade", "{\"s\":\"BTCUSDT\",\"t\":1,\"p\":\"1\",\"q\":\"1\",\"T\":1,\"m\":\"true\"}"), AATS_E_SHAPE},
        {WRAP("btcusdt@trade", "{\"s\":\"BTCUSDT\",\"t\":-1,\"p\":\"1\",\"q\":\"1\",\"T\":1,\"m\":true}"), AATS_E_RANGE},
        {TRADE_OF("1.123456789", "1", "1"), AATS_E_INEXACT},
        {TRADE_OF("123456789012345678901234567890", "1", "1"), AATS_E_RANGE},
        {WRAP("btcusdt@aggTrade", "{\"s\":\"BTCUSDT\",\"a\":1,\"f\":9,\"l\":8,\"p\":\"1\",\"q\":\"1\",\"T\":1,\"m\":true}"), AATS_E_SHAPE},
        {"{\"lastUpdateId\":1,\"bids\":[]}", AATS_E_SHAPE},
        {"{\"lastUpdateId\":1,\"bids\":[[\"1\"]],\"asks\":[]}", AATS_E_SHAPE},
        {"{\"lastUpdateId\":1.5,\"bids\":[],\"asks\":[]}", AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {WRAP("btcusdt@depth@100ms", DEPTH), WRAP("btcusdt@trade", TRADE),
                                        WRAP("btcusdt@bookTicker", TICKER), BOOK};
    for (size_t k = 0; k < 4; k++)
        for (size_t n = 0; n < strlen(WHOLE[k]); n++) {
            char *cut = malloc(n ? n : 1); /* AddressSanitizer stands at its end */
            memcpy(cut, WHOLE[k], n);
            CHECK_MSG(aats_venue_binance.parse(cut, n, &m) < 0, "the first %zu bytes of %s", n, WHOLE[k]);
            free(cut);
        }
}

TEST(culprit_of_an_error_is_named_as_far_as_it_was_read)
{
    CHECK_EQ_I64(parse(WRAP("btcusdt@depth@100ms", "{\"e\":\"depthUpdate\",\"b\":[[\"1\",\"x\"]]}")), AATS_E_SYNTAX);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(text_is(m.sym, m.sym_len, "btcusdt"));
    CHECK(text_is(m.stream, m.stream_len, "btcusdt@depth@100ms"));
    CHECK(m.offset > 40);
}

TEST(more_levels_than_a_message_may_hold_are_refused)
{
    static char text[64 + 12 * (AATS_MSG_LEVELS + 1)];
    for (int cnt = AATS_MSG_LEVELS; cnt <= AATS_MSG_LEVELS + 1; cnt++) {
        char *p = text + sprintf(text, "{\"lastUpdateId\":1,\"bids\":[");
        for (int i = 0; i < cnt; i++) p += sprintf(p, "%s[\"1\",\"2\"]", i ? "," : "");
        strcpy(p, "],\"asks\":[]}");
        CHECK_EQ_I64(parse(text), cnt == AATS_MSG_LEVELS ? AATS_OK : AATS_E_TOO_BIG);
    }
}

/* ---- messages ---- */

TEST(depth_update_is_read)
{
    REQUIRE(parse(WRAP("btcusdt@depth@100ms", DEPTH)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(text_is(m.sym, m.sym_len, "BTCUSDT"));
    CHECK_EQ_U64(m.first_id, 61530118801u);
    CHECK_EQ_U64(m.last_id, 61530118837u);
    CHECK_EQ_I64(m.exch_ns, 1785312000112000000);
    CHECK_EQ_U64(m.bid_cnt, 2);
    CHECK_EQ_U64(m.ask_cnt, 1);
    CHECK_EQ_I64(bids[0].px_i, 6421001000000);
    CHECK_EQ_I64(bids[1].qty_i, 0);
    CHECK_EQ_I64(asks[0].qty_i, 210077000);
}

TEST(trade_and_aggregate_are_read)
{
    REQUIRE(parse(WRAP("btcusdt@trade", TRADE)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_U64(m.id, 5212345678u);
    CHECK_EQ_U64(m.first_id, m.last_id);
    CHECK_EQ_I64(m.px_i, 6421002000000);
    CHECK_EQ_I64(m.qty_i, 1200000);
    CHECK_EQ_I64(m.exch_ns, 1785312000112000000);
    REQUIRE(parse(WRAP("btcusdt@aggTrade", AGG)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_AGG);
    CHECK_EQ_U64(m.id, 402853);
    CHECK_EQ_U64(m.last_id - m.first_id, 2);
}

TEST(snapshot_is_read)
{
    REQUIRE(parse(BOOK) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(m.sym == NULL);
    CHECK_EQ_U64(m.last_id, 61530118837u);
    CHECK_EQ_U64(m.bid_cnt, 1);
    CHECK_EQ_U64(m.ask_cnt, 2);
}

TEST(keys_may_come_in_any_order)
{
    REQUIRE(parse("{\"data\":{\"a\":[],\"b\":[[\"1\",\"2\"]],\"u\":3,\"U\":2,\"s\":\"BTCUSDT\",\"E\":1,\"e\":\"depthUpdate\"},"
                  "\"stream\":\"btcusdt@depth\"}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_EQ_U64(m.last_id, 3);
    CHECK_EQ_U64(m.bid_cnt, 1);
    REQUIRE(parse("{\"asks\":[],\"bids\":[],\"lastUpdateId\":9}") == AATS_OK);
    CHECK_EQ_U64(m.last_id, 9);
}

TEST(streams_that_nobody_asked_for_are_no_error)
{
    static char const *const OTHERS[] = {"btcusdt@kline_1m", "btcusdt@avgPrice", "btcusdt@tradeX", "btcusdt@depthX", "!ticker@arr", "x"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"stream\":\"%s\",\"data\":{\"e\":\"new\"}}", OTHERS[i]);
        CHECK_EQ_I64(parse(text), AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    }
}

/* ---- odd behaviours, by number ---- */

TEST(v01_ticker_and_partial_depth_are_known_by_their_stream)
{
    REQUIRE(parse(WRAP("btcusdt@bookTicker", TICKER)) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_I64(m.exch_ns, 0);
    CHECK_EQ_I64(bids[0].px_i, 6421001000000);
    CHECK_EQ_I64(asks[0].qty_i, 210077000);
    static char const *const PARTIAL[] = {"btcusdt@depth5", "btcusdt@depth10@100ms", "btcusdt@depth20@1000ms"};
    for (int i = 0; i < 3; i++) {
        char text[400];
        snprintf(text, sizeof text, "{\"stream\":\"%s\",\"data\":%s}", PARTIAL[i], BOOK);
        REQUIRE(parse(text) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_PARTIAL);
        CHECK(text_is(m.sym, m.sym_len, "btcusdt"));
    }
}

TEST(v02_answers_are_read_flat_or_nested)
{
    REQUIRE(parse("{\"result\":null,\"id\":7}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_U64(m.id, 7);
    static char const *const ERRORS[] = {"{\"code\":2,\"msg\":\"bad stream\",\"id\":7}",
                                         "{\"error\":{\"code\":2,\"msg\":\"bad stream\"},\"id\":7}",
                                         "{\"id\":7,\"error\":{\"msg\":\"bad stream\",\"more\":[{}],\"code\":2}}"};
    for (int i = 0; i < 3; i++) {
        REQUIRE(parse(ERRORS[i]) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
        CHECK_EQ_U64(m.id, 7);
        CHECK_EQ_I64(m.code, 2);
        CHECK(text_is(m.text, m.text_len, "bad stream"));
    }
    REQUIRE(parse("{\"id\":null,\"error\":{\"code\":3,\"msg\":\"\"}}") == AATS_OK);
    CHECK_EQ_U64(m.id, 0);
    REQUIRE(parse("{\"id\":\"abc\",\"error\":\"text\"}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
}

TEST(v03_times_in_microseconds_are_told_by_their_size)
{
    REQUIRE(parse(TRADE_OF("1", "1", "1785312000112345")) == AATS_OK);
    CHECK_EQ_I64(m.exch_ns, 1785312000112345000);
    REQUIRE(parse(TRADE_OF("1", "1", "18446744073709551615")) == AATS_OK);
    CHECK_EQ_I64(m.exch_ns, 0); /* no time at all: none, rather than a wrong one */
    REQUIRE(parse(TRADE_OF("1", "1", "16317647797924")) == AATS_OK);
    CHECK_EQ_I64(m.exch_ns, 0); /* found by fuzz_venue: ms that do not fit as ns */
}

TEST(v04_the_maker_flag_names_the_aggressor)
{
    REQUIRE(parse(WRAP("btcusdt@trade", TRADE)) == AATS_OK);
    CHECK_EQ_I64(m.side, 1);
    REQUIRE(parse(WRAP("btcusdt@aggTrade", AGG)) == AATS_OK);
    CHECK_EQ_I64(m.side, -1);
}

TEST(v05_unknown_keys_are_passed_over_wherever_they_stand)
{
    REQUIRE(parse("{\"new\":[{}],\"stream\":\"btcusdt@trade\",\"x\":1,\"data\":{\"y\":{\"p\":\"9\"},\"s\":\"BTCUSDT\",\"t\":1,\"p\":\"1\","
                  "\"q\":\"1\",\"T\":1,\"m\":true,\"z\":null}}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.px_i, 100000000);
    REQUIRE(parse("{\"new\":1,\"lastUpdateId\":5,\"bids\":[],\"asks\":[]}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    REQUIRE(parse("{\"new\":1,\"result\":null,\"id\":3}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
}

TEST(v06_levels_may_be_longer_than_two)
{
    REQUIRE(parse("{\"lastUpdateId\":5,\"bids\":[[\"1\",\"2\",[]]],\"asks\":[[\"3\",\"4\",[],\"x\"]]}") == AATS_OK);
    CHECK_EQ_I64(bids[0].qty_i, 200000000);
    CHECK_EQ_I64(asks[0].px_i, 300000000);
}

TEST(v07_shutdown_is_known_in_its_three_shapes)
{
    static char const *const SHAPES[] = {"{\"e\":\"serverShutdown\",\"E\":1770123456789}",
                                         "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1}}",
                                         "{\"event\":{\"e\":\"serverShutdown\",\"E\":1}}"};
    for (int i = 0; i < 3; i++) {
        REQUIRE(parse(SHAPES[i]) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_SHUTDOWN);
    }
}

/* ---- requests ---- */

TEST(requests_are_written_in_lower_case_with_the_streams_asked_for)
{
    char const *names[] = {"BTCUSDT", "EthUsdt"};
    char out[400];
    unsigned const two = AATS_STREAM_DEPTH | AATS_STREAM_BBO;
    int n = aats_venue_binance.subscribe(out, sizeof out, 3, 0, two, names, 2);
    CHECK_STR(out, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"btcusdt@bookTicker\","
                   "\"ethusdt@depth@100ms\",\"ethusdt@bookTicker\"],\"id\":3}");
    CHECK_EQ_I64(n, strlen(out));
    aats_venue_binance.subscribe(out, sizeof out, 4, 1, AATS_STREAM_TRADE | AATS_STREAM_AGG, names, 1);
    CHECK_STR(out, "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@trade\",\"btcusdt@aggTrade\"],\"id\":4}");
    for (size_t cap = 0; cap < (size_t)n; cap++)
        CHECK_EQ_I64(aats_venue_binance.subscribe(out, cap, 3, 0, two, names, 2), AATS_E_FULL);
    CHECK(aats_venue_binance.path(out, 3) == AATS_E_FULL);
    CHECK_EQ_I64(aats_venue_binance.path(out, sizeof out), 7);
}

TEST(unknown_venue_is_named_as_unknown)
{
    CHECK_EQ_I64(aats_venue_parse("NOSUCH", "{}", 2, &m), AATS_E_UNKNOWN);
    CHECK(aats_venue_find("NOSUCH") == NULL);
    int32_t px_exp = 0, qty_exp = 0;
    CHECK_EQ_I64(aats_venue_exps("BINANCE", &px_exp, &qty_exp), AATS_OK);
    CHECK_EQ_I64(px_exp, -8);
    CHECK_EQ_I64(qty_exp, -8);
}

RUN_ALL()
