/* test_coinbase.c -- Coinbase's market messages: what is refused, each message as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "venue/coinbase.h"

#define TIME "2026-08-09T21:05:48.170326Z"
#define LEVEL(side, px, qty) "{\"side\":\"" side "\",\"event_time\":\"" TIME "\",\"price_level\":\"" px "\",\"new_quantity\":\"" qty "\"}"
#define BOOK_EVENT(type, sym, rows) "{\"type\":\"" type "\",\"product_id\":\"" sym "\",\"updates\":[" rows "]}"
#define FRAME(channel, events) "{\"channel\":\"" channel "\",\"timestamp\":\"2026-08-09T21:05:48.505350477Z\",\"sequence_num\":14,\"events\":[" events "]}"
#define BOOK(type, rows) FRAME("l2_data", BOOK_EVENT(type, "BTC-USD", rows))
#define TRADE(sym, id, side, px)                                                                                                   \
    "{\"product_id\":\"" sym "\",\"trade_id\":\"" id "\",\"price\":\"" px "\",\"size\":\"0.01034361\",\"time\":\"" TIME "\",\"side\":\"" side "\"}"
#define TRADES(type, rows) FRAME("market_trades", "{\"type\":\"" type "\",\"trades\":[" rows "]}")
#define TWO LEVEL("bid", "65083.66", "0.20371215") "," LEVEL("offer", "65083.67", "0")

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int parse(char const *text) { return aats_venue_coinbase.parse(text, strlen(text), &m); }
static int next(char const *text) { return aats_venue_coinbase.next(text, strlen(text), &m); }
#define CHECK_TEXT(got, want) CHECK_MSG(!strcmp(got, want), "%s", got)

static int sym_is(char const *want) { return m.sym && m.sym_len == strlen(want) && !memcmp(m.sym, want, m.sym_len); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"channel\":\"l2_data\"}", AATS_E_SHAPE},
        {"{\"channel\":\"l2_data\",\"channel\":\"l2_data\"}", AATS_E_DUPKEY},
        {"{\"channel\":7}", AATS_E_SHAPE},
        {"{\"channel\":\"l2_data\",\"timestamp\":\"x\",\"events\":[]}", AATS_E_SHAPE},
        {"{\"channel\":\"l2_data\",\"timestamp\":\"x\",\"sequence_num\":-1,\"events\":[]}", AATS_E_RANGE},
        {BOOK("news", TWO), AATS_E_SHAPE},
        {BOOK("update", LEVEL("ask", "1", "1")), AATS_E_SHAPE},
        {BOOK("update", LEVEL("bid", "0", "1")), AATS_E_SHAPE},
        {BOOK("update", LEVEL("bid", "-1", "1")), AATS_E_SHAPE},
        {BOOK("update", LEVEL("bid", "1", "-1")), AATS_E_SHAPE},
        {BOOK("update", LEVEL("bid", "1", "")), AATS_E_SYNTAX},
        {BOOK("update", LEVEL("bid", "1.123456789", "1")), AATS_E_INEXACT},
        {BOOK("update", LEVEL("bid", "92233720368548", "1")), AATS_E_RANGE},
        {BOOK("update", TWO ","), AATS_E_SYNTAX},
        {BOOK("update", TWO TWO), AATS_E_SYNTAX},
        {BOOK("update", "{\"side\":\"bid\",\"side\":\"bid\",\"price_level\":\"1\",\"new_quantity\":\"1\"}"), AATS_E_DUPKEY},
        {BOOK("update", "{\"side\":\"bid\",\"price_level\":\"1\"}"), AATS_E_SHAPE},
        {BOOK("update", TWO) "x", AATS_E_SYNTAX},
        {FRAME("l2_data", "{\"type\":\"update\",\"updates\":[]}"), AATS_E_SHAPE},
        {FRAME("l2_data", BOOK_EVENT("update", "", "")), AATS_E_SHAPE},
        {FRAME("l2_data", BOOK_EVENT("update", "A", "") "," BOOK_EVENT("news", "B", "")), AATS_E_SHAPE},
        {TRADES("update", TRADE("BTC-USD", "5", "buy", "1")), AATS_E_SHAPE},
        {TRADES("update", TRADE("BTC-USD", "", "BUY", "1")), AATS_E_SHAPE},
        {TRADES("update", TRADE("BTC-USD", "5", "BUY", "0")), AATS_E_SHAPE},
        {TRADES("news", TRADE("BTC-USD", "5", "BUY", "1")), AATS_E_SHAPE},
        {TRADES("update", TRADE("BTC-USD", "5", "BUY", "1") "," TRADE("BTC-USD", "4", "BUY", "x")), AATS_E_SYNTAX},
        {FRAME("status", "{\"type\":\"snapshot\",\"products\":[{\"id\":\"BTC-USD\"}]}"), AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {BOOK("update", TWO "," TWO), TRADES("update", TRADE("A", "2", "BUY", "1") "," TRADE("A", "1", "SELL", "1")),
                                        FRAME("l2_data", BOOK_EVENT("snapshot", "A", TWO) "," BOOK_EVENT("update", "B", TWO)),
                                        FRAME("status", "{\"type\":\"snapshot\",\"products\":[{\"id\":\"BTC-USD\",\"status\":\"online\"}]}")};
    for (size_t k = 0; k < sizeof WHOLE / sizeof WHOLE[0]; k++)
        for (size_t n = 0; n < strlen(WHOLE[k]); n++) {
            char *cut = malloc(n ? n : 1); /* AddressSanitizer stands at its end */
            memcpy(cut, WHOLE[k], n);
            CHECK_MSG(aats_venue_coinbase.parse(cut, n, &m) < 0, "the first %zu bytes of %s", n, WHOLE[k]);
            free(cut);
        }
}

TEST(culprit_of_an_error_is_named_and_the_frames_number_counts_only_if_nobody_else_lost_by_it)
{
    CHECK_EQ_I64(parse(BOOK("update", LEVEL("bid", "1.123456789", "1"))), AATS_E_INEXACT);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(sym_is("BTC-USD"));
    CHECK(m.has & AATS_HAS_LINK_SEQ);
    CHECK_EQ_U64(m.link_seq, 14);
    CHECK_EQ_I64(parse(FRAME("l2_data", BOOK_EVENT("update", "A", LEVEL("bid", "1.123456789", "1")) "," BOOK_EVENT("update", "B", TWO))), AATS_E_INEXACT);
    CHECK_EQ_U64(m.has, 0); /* B's levels are lost too */
    CHECK_EQ_I64(parse(TRADES("update", TRADE("A", "5", "BUY", "1") "," TRADE("B", "4", "BUY", "1.123456789"))), AATS_E_INEXACT);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK(sym_is("B"));
    CHECK(m.has & AATS_HAS_LINK_SEQ); /* no book has missed anything */
    CHECK_EQ_I64(parse(BOOK("update", TWO) "x"), AATS_E_SYNTAX);
    CHECK_EQ_U64(m.has, 0);
}

/* ---- messages ---- */

TEST(snapshot_and_update_of_a_book_are_read)
{
    REQUIRE(parse(BOOK("snapshot", TWO "," LEVEL("bid", "65083.65", "1"))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(sym_is("BTC-USD"));
    CHECK_EQ_U64(m.bid_cnt, 2);
    CHECK_EQ_U64(m.ask_cnt, 1);
    CHECK_EQ_I64(bids[0].px_i, 6508366000000);
    CHECK_EQ_I64(bids[0].qty_i, 20371215);
    CHECK_EQ_I64(bids[1].px_i, 6508365000000);
    CHECK_EQ_I64(asks[0].px_i, 6508367000000);
    CHECK_EQ_I64(asks[0].qty_i, 0);
    CHECK_EQ_I64(m.exch_ns, 1786309548505350477);
    CHECK_EQ_U64(m.more, 0);
    REQUIRE(parse(BOOK("update", "")) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_EQ_U64(m.bid_cnt + m.ask_cnt, 0);
}

TEST(levels_are_read_alike_however_they_are_spelled)
{
    static char const *const SAME[] = {
        BOOK("update", LEVEL("bid", "12.5", "3") "," LEVEL("offer", "13", "0")),
        BOOK("update", LEVEL("bid", "12.5", "3") " , " LEVEL("offer", "13", "0")),
        BOOK("update", "{\"new_quantity\":\"3.0\",\"price_level\":\"12.50\",\"side\":\"bid\"}," LEVEL("offer", "13.000", "0.00000000")),
        BOOK("update", LEVEL("bid", "1.25e1", "3") ",{\"side\" : \"offer\", \"event_time\":\"1970-01-01T00:00:00Z\",\"price_level\":\"13\",\"new_quantity\":\"0\"}"),
        FRAME("l2_data", "{\"updates\":[" LEVEL("bid", "12.5", "3") "," LEVEL("offer", "13", "0") "],\"product_id\":\"BTC-USD\",\"type\":\"update\"}"),
        BOOK("update", "{\"side\":\"bid\",\"event_time\":\"a\\\"b\",\"price_level\":\"12.5\",\"new_quantity\":\"3\"}," LEVEL("offer", "13", "0")),
    };
    for (size_t i = 0; i < sizeof SAME / sizeof SAME[0]; i++) {
        CHECK_MSG(parse(SAME[i]) == AATS_OK, "%s", SAME[i]);
        CHECK_MSG(m.bid_cnt == 1 && m.ask_cnt == 1 && sym_is("BTC-USD"), "%s", SAME[i]);
        CHECK_EQ_I64(bids[0].px_i, 1250000000);
        CHECK_EQ_I64(bids[0].qty_i, 300000000);
        CHECK_EQ_I64(asks[0].px_i, 1300000000);
        CHECK_EQ_I64(asks[0].qty_i, 0);
    }
}

TEST(v01_every_frame_that_has_a_number_gives_it_whatever_its_channel)
{
    static struct { char const *text; int kind; } const FRAMES[] = {
        {BOOK("update", TWO), AATS_MSG_DEPTH},
        {TRADES("update", TRADE("A", "5", "BUY", "1")), AATS_MSG_TRADE},
        {FRAME("ticker", "{\"type\":\"snapshot\",\"tickers\":[]}"), AATS_MSG_OTHER},
        {FRAME("heartbeats", "{\"current_time\":\"2026-08-09 21:05:48.5 +0000 UTC m=+1.5\",\"heartbeat_counter\":\"7\"}"), AATS_MSG_BEAT},
        {FRAME("subscriptions", "{\"subscriptions\":{\"level2\":[\"BTC-USD\"]}}"), AATS_MSG_ACK},
        {FRAME("l2_data", ""), AATS_MSG_OTHER},
    };
    for (size_t i = 0; i < sizeof FRAMES / sizeof FRAMES[0]; i++) {
        REQUIRE(parse(FRAMES[i].text) == AATS_OK);
        CHECK_EQ_I64(m.kind, FRAMES[i].kind);
        CHECK_EQ_U64(m.has, AATS_HAS_LINK_SEQ);
        CHECK_EQ_U64(m.link_seq, 14);
    }
}

TEST(v03_a_resting_order_that_was_bought_from_is_a_sell)
{
    REQUIRE(parse(TRADES("update", TRADE("BTC-USD", "1068572091", "SELL", "65083.67"))) == AATS_OK);
    CHECK_EQ_I64(m.side, 1);
    CHECK_EQ_U64(m.id, 1068572091);
    CHECK_EQ_I64(m.px_i, 6508367000000);
    CHECK_EQ_I64(m.qty_i, 1034361);
    CHECK_EQ_I64(m.exch_ns, 1786309548170326000);
    REQUIRE(parse(TRADES("update", TRADE("BTC-USD", "5", "BUY", "1"))) == AATS_OK);
    CHECK_EQ_I64(m.side, -1);
}

TEST(v04_trades_are_told_oldest_first_and_those_of_a_snapshot_not_at_all)
{
    char const *text = TRADES("update", TRADE("A", "9", "BUY", "3") "," TRADE("B", "8", "SELL", "2") "," TRADE("A", "7", "BUY", "1"));
    static struct { uint64_t id; char const *sym; int64_t px; } const TOLD[] = {{7, "A", 1}, {8, "B", 2}, {9, "A", 3}};
    REQUIRE(parse(text) == AATS_OK);
    for (size_t i = 0; i < 3; i++) {
        if (i) REQUIRE(next(text) == AATS_OK);
        CHECK_EQ_U64(m.id, TOLD[i].id);
        CHECK(sym_is(TOLD[i].sym));
        CHECK_EQ_I64(m.px_i, TOLD[i].px * 100000000);
        CHECK_EQ_U64(m.more, i < 2);
        CHECK_EQ_U64(m.has, i ? 0 : AATS_HAS_LINK_SEQ);
    }
    REQUIRE(parse(TRADES("snapshot", TRADE("A", "9", "BUY", "3"))) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    CHECK_EQ_U64(m.more, 0);
}

TEST(v08_each_event_of_a_frame_is_a_message_of_its_own)
{
    char const *text = FRAME("l2_data", BOOK_EVENT("snapshot", "A", LEVEL("bid", "1", "1")) " ,\n" BOOK_EVENT("update", "B", TWO) "," BOOK_EVENT("update", "C", ""));
    REQUIRE(parse(text) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(sym_is("A"));
    CHECK_EQ_U64(m.bid_cnt, 1);
    CHECK_EQ_U64(m.more, 1);
    REQUIRE(next(text) == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(sym_is("B"));
    CHECK_EQ_U64(m.ask_cnt, 1);
    CHECK_EQ_I64(m.exch_ns, 1786309548505350477);
    CHECK_EQ_U64(m.more, 1);
    REQUIRE(next(text) == AATS_OK);
    CHECK(sym_is("C"));
    CHECK_EQ_U64(m.bid_cnt, 0);
    CHECK_EQ_U64(m.more, 0);
    CHECK_EQ_U64(m.has, 0);
}

TEST(v09_each_product_of_a_status_says_whether_it_is_traded)
{
    char const *text = FRAME("status", "{\"type\":\"snapshot\",\"products\":[{\"product_type\":\"SPOT\",\"id\":\"BTC-USD\",\"status\":\"online\",\"status_message\":\"\"},"
                                       "{\"id\":\"X-USD\",\"status\":\"delisted\"},{\"id\":\"F\",\"status\":\"\"}]}");
    static struct { char const *sym; int64_t code; } const TOLD[] = {{"BTC-USD", 0}, {"X-USD", 1}, {"F", 0}};
    REQUIRE(parse(text) == AATS_OK);
    for (size_t i = 0; i < 3; i++) {
        if (i) REQUIRE(next(text) == AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_STATUS);
        CHECK(sym_is(TOLD[i].sym));
        CHECK_EQ_I64(m.code, TOLD[i].code);
        CHECK_EQ_U64(m.more, i < 2);
    }
}

TEST(error_of_the_venue_is_told_with_its_words)
{
    REQUIRE(parse("{\"type\":\"error\",\"message\":\"authentication failure\"}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK(m.text && m.text_len == 22 && !memcmp(m.text, "authentication failure", 22));
    CHECK(m.sym == NULL);
    CHECK_EQ_U64(m.has, 0);
    REQUIRE(parse("{\"type\":\"news\"}") == AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

/* ---- scales ---- */

static void coarse(void *arg, void *msg)
{
    aats_msg_t *of = msg;
    *(int *)arg += of->sym && of->sym_len == 7;
    of->px_exp = -2;
    of->qty_exp = -10;
}

TEST(symbols_own_exponents_hold_for_its_levels_and_trades)
{
    int asked = 0;
    m.scale = coarse;
    m.scale_arg = &asked;
    REQUIRE(parse(BOOK("update", LEVEL("bid", "65083.66", "0.0000000001"))) == AATS_OK);
    CHECK_EQ_I64(bids[0].px_i, 6508366);
    CHECK_EQ_I64(bids[0].qty_i, 1);
    REQUIRE(parse(FRAME("l2_data", "{\"updates\":[" LEVEL("bid", "2", "3") "],\"product_id\":\"BTC-USD\",\"type\":\"update\"}")) == AATS_OK);
    CHECK_EQ_I64(bids[0].px_i, 200);
    REQUIRE(parse(TRADES("update", TRADE("BTC-USD", "5", "BUY", "1.01"))) == AATS_OK);
    CHECK_EQ_I64(m.px_i, 101);
    CHECK_EQ_I64(parse(BOOK("update", LEVEL("bid", "1.001", "1"))), AATS_E_INEXACT);
    CHECK(asked >= 4);
    m.scale = NULL;
}

/* ---- requests ---- */

TEST(requests_are_written_as_the_venue_wants_them)
{
    static char const *const NAMES[] = {"BTC-USD", "ETH-USD"};
    char out[256];
    REQUIRE(aats_venue_coinbase.subscribe(out, sizeof out, 7, 0, AATS_STREAM_DEPTH, NAMES, 2) > 0);
    CHECK_TEXT(out, "{\"type\":\"subscribe\",\"product_ids\":[\"BTC-USD\",\"ETH-USD\"],\"channel\":\"level2\"}");
    REQUIRE(aats_venue_coinbase.subscribe(out, sizeof out, 7, 1, AATS_STREAM_TRADE, NAMES, 1) > 0);
    CHECK_TEXT(out, "{\"type\":\"unsubscribe\",\"product_ids\":[\"BTC-USD\"],\"channel\":\"market_trades\"}");
    REQUIRE(aats_venue_coinbase.subscribe(out, sizeof out, 7, 0, AATS_STREAM_STATUS, NAMES, 1) > 0);
    CHECK_TEXT(out, "{\"type\":\"subscribe\",\"product_ids\":[\"BTC-USD\"],\"channel\":\"status\"}");
    int const n = aats_venue_coinbase.hello(out, sizeof out);
    CHECK_TEXT(out, "{\"type\":\"subscribe\",\"channel\":\"heartbeats\"}");
    CHECK_EQ_I64(n, (int64_t)strlen(out));
    CHECK_EQ_I64(aats_venue_coinbase.subscribe(out, sizeof out, 7, 0, AATS_STREAM_BBO, NAMES, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_venue_coinbase.subscribe(out, 60, 7, 0, AATS_STREAM_DEPTH, NAMES, 2), AATS_E_FULL);
    CHECK_EQ_I64(aats_venue_coinbase.hello(out, 8), AATS_E_FULL);
}

RUN_ALL()
