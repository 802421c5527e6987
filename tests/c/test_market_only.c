/* test_market_only.c -- messages of the venues with market data alone (Gate, KuCoin, Deribit): what is refused, each message as the venue writes it, each odd
 * behaviour by its number. */
#include "check.h"
#include "venue/venue.h"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};

static int gate(char const *text) { return aats_venue_gate.parse(text, strlen(text), &m); }
static int swap(char const *text) { return aats_venue_gate_swap.parse(text, strlen(text), &m); }
static int kucoin(char const *text) { return aats_venue_kucoin.parse(text, strlen(text), &m); }
static int deribit(char const *text) { return aats_venue_deribit.parse(text, strlen(text), &m); }

static int sym_is(char const *want) { return m.sym && m.sym_len == strlen(want) && !memcmp(m.sym, want, m.sym_len); }
static int text_is(char const *want) { return m.text && m.text_len == strlen(want) && !memcmp(m.text, want, m.text_len); }

/* ---- Gate ---- */

#define GATE(channel, result) "{\"time\":1606294781,\"time_ms\":1606294781236,\"channel\":\"" channel "\",\"event\":\"update\",\"result\":" result "}"
#define DIFF(tail) "{\"t\":1606294781123,\"e\":\"depthUpdate\",\"E\":1606294781,\"s\":\"BTC_USDT\",\"U\":48776301,\"u\":48776306," tail "}"

TEST(gate_refuses_what_is_no_diff)
{
    static struct { char const *result; int code; } const BAD[] = {
        {"{}", AATS_E_SHAPE},
        {"[]", AATS_E_SHAPE},
        {DIFF("\"b\":[]"), AATS_E_SHAPE},
        {DIFF("\"b\":[],\"a\":[],\"b\":[]"), AATS_E_DUPKEY},
        {DIFF("\"b\":[[\"1\",\"-1\"]],\"a\":[]"), AATS_E_SHAPE},
        {DIFF("\"b\":[[\"0.000000001\",\"1\"]],\"a\":[]"), AATS_E_INEXACT},
        {DIFF("\"b\":[{\"p\":\"1\",\"s\":1}],\"a\":[]"), AATS_E_SHAPE},
        {"{\"s\":\"A_B\",\"U\":7,\"u\":6,\"b\":[],\"a\":[]}", AATS_E_SHAPE},
        {"{\"s\":\"\",\"U\":5,\"u\":6,\"b\":[],\"a\":[]}", AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, GATE("spot.order_book_update", "%s"), BAD[i].result);
        CHECK_MSG(gate(text) == BAD[i].code, "%s: %s", text, aats_err_name(gate(text)));
    }
}

TEST(gate_diffs_are_spans)
{
    CHECK_EQ_I64(gate(GATE("spot.order_book_update", DIFF("\"b\":[[\"19137.74\",\"0.0001\"],[\"19088.37\",\"0\"]],\"a\":[[\"19137.75\",\"0.6135\"]]"))), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(sym_is("BTC_USDT"));
    CHECK_EQ_I64(m.first_id, 48776301);
    CHECK_EQ_I64(m.last_id, 48776306);
    CHECK_EQ_I64(m.exch_ns, 1606294781123000000);
    CHECK_EQ_I64(m.bid_cnt, 2);
    CHECK_EQ_I64(m.bids[0].px_i, 1913774000000);
    CHECK_EQ_I64(m.bids[1].qty_i, 0);
    CHECK_EQ_I64(m.ask_cnt, 1);
}

TEST(gate_V_01_levels_of_futures_are_objects_and_come_in_any_order)
{
    CHECK_EQ_I64(swap(GATE("futures.order_book_update", "{\"U\":7,\"a\":[{\"p\":\"0.2983\",\"s\":0}],\"b\":[{\"s\":\"1.5\",\"p\":\"0.29\"}],\"s\":\"RDNT_USDT\",\"t\":1684930165217,\"u\":8}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_EQ_I64(m.asks[0].px_i, 29830000);
    CHECK_EQ_I64(m.asks[0].qty_i, 0);
    CHECK_EQ_I64(m.bids[0].qty_i, 150000000);
    CHECK_EQ_I64(swap(GATE("futures.order_book_update", "{\"U\":7,\"a\":[{\"p\":\"0.2983\"}],\"b\":[],\"s\":\"RDNT_USDT\",\"u\":8}")), AATS_E_SHAPE);
    CHECK_EQ_I64(swap(GATE("futures.order_book_update", "{\"U\":7,\"a\":[],\"b\":[{\"p\":\"1\",\"s\":-1}],\"s\":\"RDNT_USDT\",\"u\":8}")), AATS_E_SHAPE);
}

TEST(gate_spot_and_futures_do_not_read_each_other)
{
    CHECK_EQ_I64(swap(GATE("spot.order_book_update", DIFF("\"b\":[],\"a\":[]"))), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    CHECK_EQ_I64(gate(GATE("futures.order_book_update", "{\"U\":7,\"a\":[],\"b\":[],\"s\":\"X\",\"u\":8}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(gate_V_02_a_full_diff_is_the_whole_book)
{
    CHECK_EQ_I64(gate(GATE("spot.order_book_update", "{\"full\":true,\"l\":\"100\",\"s\":\"A_B\",\"u\":9,\"b\":[[\"1\",\"1\"]],\"a\":[]}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_I64(m.last_id, 9);
    CHECK_EQ_I64(m.bid_cnt, 1);
}

TEST(gate_V_03_trades_of_futures_come_in_arrays_and_a_negative_size_sold)
{
    char const *text = GATE("futures.trades", "[{\"size\":-7,\"id\":376991,\"create_time\":1653808101,\"create_time_ms\":1653808101123,\"price\":\"29009.9\",\"contract\":\"BTC_USD\"},"
                                              " {\"size\":9,\"id\":376992,\"create_time\":1653808101,\"price\":29008.7,\"contract\":\"ETH_USD\"}]");
    CHECK_EQ_I64(swap(text), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK(sym_is("BTC_USD"));
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.qty_i, 700000000);
    CHECK_EQ_I64(m.more, 1);
    CHECK_EQ_I64(aats_venue_gate_swap.next(text, strlen(text), &m), AATS_OK);
    CHECK(sym_is("ETH_USD"));
    CHECK_EQ_I64(m.side, 1);
    CHECK_EQ_I64(m.id, 376992);
    CHECK_EQ_I64(m.px_i, 2900870000000);
    CHECK_EQ_I64(m.more, 0);
    CHECK_EQ_I64(swap(GATE("futures.trades", "[]")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    CHECK_EQ_I64(swap(GATE("futures.trades", "[{\"size\":0.5,\"id\":1,\"price\":\"0\",\"contract\":\"A\"}]")), AATS_E_SHAPE);
}

TEST(gate_a_result_in_front_of_its_channel_is_read_too)
{
    char const *text = "{\"result\":[{\"size\":1,\"id\":5,\"price\":\"2\",\"contract\":\"A\"},{\"size\":2,\"id\":6,\"price\":\"3\",\"contract\":\"B\"}],\"event\":\"update\",\"channel\":\"futures.trades\"}";
    CHECK_EQ_I64(swap(text), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.id, 5);
    CHECK_EQ_I64(aats_venue_gate_swap.next(text, strlen(text), &m), AATS_OK);
    CHECK_EQ_I64(m.id, 6);
}

TEST(gate_V_07_times_are_numbers_or_texts_with_a_fraction)
{
    CHECK_EQ_I64(gate(GATE("spot.trades", "{\"id\":816995970,\"create_time\":1619093546,\"create_time_ms\":\"1619093546958.116\",\"side\":\"buy\",\"currency_pair\":\"NEO_BTC\",\"amount\":\"0.5\",\"price\":\"0.0018735000\"}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.exch_ns, 1619093546958116000);
    CHECK_EQ_I64(m.px_i, 187350);
    CHECK_EQ_I64(m.side, 1);
    CHECK_EQ_I64(gate(GATE("spot.trades", "{\"id\":1,\"side\":\"none\",\"currency_pair\":\"NEO_BTC\",\"amount\":\"0.5\",\"price\":\"1\"}")), AATS_E_SHAPE);
}

TEST(gate_V_04_an_empty_side_is_an_empty_text)
{
    CHECK_EQ_I64(gate(GATE("spot.book_ticker", "{\"t\":1606293275123,\"u\":48733182,\"s\":\"BTC_USDT\",\"b\":\"\",\"B\":\"\",\"a\":\"19179.38\",\"A\":\"0.09\"}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_I64(m.last_id, 48733182);
    CHECK_EQ_I64(m.bids[0].qty_i, 0);
    CHECK_EQ_I64(m.asks[0].px_i, 1917938000000);
    CHECK_EQ_I64(gate(GATE("spot.book_ticker", "{\"u\":1,\"s\":\"X\",\"b\":true,\"B\":\"\",\"a\":\"1\",\"A\":\"1\"}")), AATS_E_SHAPE);
}

TEST(gate_V_06_an_answer_needs_its_id)
{
    CHECK_EQ_I64(gate("{\"id\":48776300,\"current\":1606294781236,\"update\":1606294781230,\"asks\":[[\"19137.75\",\"0.61\"]],\"bids\":[[\"19137.74\",\"0.02\"]]}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_I64(m.last_id, 48776300);
    CHECK_EQ_I64(m.asks[0].px_i, 1913775000000);
    CHECK_EQ_I64(gate("{\"current\":1606294781236,\"asks\":[],\"bids\":[]}"), AATS_E_SHAPE);
    CHECK_EQ_I64(swap("{\"current\":1.5,\"id\":7,\"asks\":[{\"s\":803,\"p\":\"0.2974\"}],\"bids\":[]}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
}

TEST(gate_V_05_answers_to_requests)
{
    CHECK_EQ_I64(gate("{\"time\":1,\"id\":123,\"channel\":\"spot.trades\",\"event\":\"subscribe\",\"payload\":[\"X\"],\"error\":null,\"result\":{\"status\":\"success\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.id, 123);
    CHECK_EQ_I64(gate("{\"time\":1,\"channel\":\"spot.trades\",\"event\":\"subscribe\",\"result\":{\"status\":\"success\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.id, 0);
    CHECK_EQ_I64(gate("{\"id\":1,\"channel\":\"spot.trades\",\"event\":\"subscribe\",\"error\":{\"code\":2,\"message\":\"unknown currency pair: NOPE_USDT\"},\"result\":{\"status\":\"fail\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK_EQ_I64(m.code, 2);
    CHECK(text_is("unknown currency pair: NOPE_USDT"));
    CHECK_EQ_I64(gate("{\"type\":\"upgrade\",\"msg\":\"The connection will soon be closed\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SHUTDOWN);
    CHECK_EQ_I64(gate("{\"time\":1,\"channel\":\"spot.pong\",\"event\":\"\",\"error\":null,\"result\":null}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_PONG);
    CHECK_EQ_I64(gate("{\"id\":1,\"channel\":\"spot.trades\",\"event\":\"subscribe\",\"payload\":[\"X\"]}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

/* ---- KuCoin ---- */

#define KU(topic, subject, data) "{\"type\":\"message\",\"topic\":\"" topic "\",\"subject\":\"" subject "\",\"data\":" data "}"
#define KU_DIFF "{\"changes\":{\"asks\":[[\"67993.3\",\"1.21427407\",\"14701689783\"],[\"0\",\"0\",\"14701689784\"]],\"bids\":[]},\"sequenceEnd\":14701689784,\"sequenceStart\":14701689783,\"symbol\":\"BTC-USDT\",\"time\":1729816425625}"

TEST(kucoin_V_01_data_may_stand_in_front_of_its_topic)
{
    char const *both[] = {KU("/market/level2:BTC-USDT", "trade.l2update", KU_DIFF),
                          "{\"data\":" KU_DIFF ",\"subject\":\"trade.l2update\",\"topic\":\"/market/level2:BTC-USDT\",\"type\":\"message\"}"};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_I64(kucoin(both[i]), AATS_OK);
        CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
        CHECK(sym_is("BTC-USDT"));
        CHECK_EQ_I64(m.first_id, 14701689783);
        CHECK_EQ_I64(m.last_id, 14701689784);
        CHECK_EQ_I64(m.ask_cnt, 1); /* V-02: the change with price 0 changes nothing */
        CHECK_EQ_I64(m.asks[0].qty_i, 121427407);
        CHECK_EQ_I64(m.exch_ns, 1729816425625000000);
    }
}

TEST(kucoin_refuses_a_diff_of_another_symbol_or_shape)
{
    CHECK_EQ_I64(kucoin(KU("/market/level2:ETH-USDT", "trade.l2update", KU_DIFF)), AATS_E_SHAPE);
    CHECK_EQ_I64(kucoin(KU("/market/level2:A", "trade.l2update", "{\"changes\":{\"asks\":[]},\"sequenceEnd\":1,\"sequenceStart\":1,\"symbol\":\"A\"}")), AATS_E_SHAPE);
    CHECK_EQ_I64(kucoin(KU("/market/level2:A", "trade.l2update", "{\"changes\":{\"asks\":[],\"bids\":[[\"1\"]]},\"sequenceEnd\":1,\"sequenceStart\":1,\"symbol\":\"A\"}")), AATS_E_SHAPE);
    CHECK_EQ_I64(kucoin(KU("/market/level2:A", "trade.l2update", "{\"changes\":{\"asks\":[],\"bids\":[]},\"sequenceEnd\":1,\"sequenceStart\":2,\"symbol\":\"A\"}")), AATS_E_SHAPE);
    CHECK_EQ_I64(kucoin(KU("/market/candles:A_1min", "trade.candles.update", "{}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(kucoin_V_04_V_05_trades)
{
    CHECK_EQ_I64(kucoin(KU("/market/match:BTC-USDT", "trade.l3match", "{\"price\":\"67523\",\"sequence\":\"11067996711960577\",\"side\":\"sell\",\"size\":\"0.003\",\"symbol\":\"BTC-USDT\","
                           "\"time\":\"1729843222921000000\",\"tradeId\":\"11067996711960577\",\"type\":\"match\"}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.id, 11067996711960577);
    CHECK_EQ_I64(m.exch_ns, 1729843222921000000);
    CHECK_EQ_I64(kucoin(KU("/market/match:A", "trade.l3match", "{\"price\":\"1\",\"side\":\"buy\",\"size\":\"1\",\"symbol\":\"A\",\"time\":\"1\",\"tradeId\":\"60820e807857784acade95a7\"}")), AATS_OK);
    CHECK(m.id != 0);
    CHECK_EQ_I64(kucoin(KU("/market/match:A", "trade.l3match", "{\"price\":\"1\",\"side\":\"buy\",\"size\":\"1\",\"symbol\":\"A\",\"time\":\"1\",\"tradeId\":\"\"}")), AATS_E_SHAPE);
}

TEST(kucoin_V_06_best_bid_and_ask)
{
    CHECK_EQ_I64(kucoin(KU("/spotMarket/level1:BTC-USDT", "level1", "{\"asks\":[\"68145.8\",\"0.51987471\"],\"bids\":null,\"timestamp\":1729816058766}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK(sym_is("BTC-USDT"));
    CHECK_EQ_I64(m.asks[0].qty_i, 51987471);
    CHECK_EQ_I64(m.bids[0].qty_i, 0);
    CHECK_EQ_I64(m.last_id, 0);
    CHECK_EQ_I64(kucoin(KU("/spotMarket/level1:A", "level1", "{\"asks\":[\"1\"],\"bids\":[]}")), AATS_E_SHAPE);
}

TEST(kucoin_V_07_answers_may_have_null_sides_and_those_of_futures_are_none)
{
    CHECK_EQ_I64(kucoin("{\"code\":\"200000\",\"data\":{\"time\":1729176273859,\"sequence\":\"14610502970\",\"bids\":[[\"66976.4\",\"0.69109872\"]],\"asks\":null}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_I64(m.last_id, 14610502970);
    CHECK_EQ_I64(kucoin("{\"code\":\"200000\",\"data\":{\"symbol\":\"XBTUSDM\",\"sequence\":100,\"asks\":[[5000.0,1000]],\"bids\":[]}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
    CHECK_EQ_I64(kucoin("{\"code\":\"400100\",\"data\":{\"sequence\":\"1\",\"bids\":[],\"asks\":[]}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(kucoin_V_08_answers_to_requests)
{
    CHECK_EQ_I64(kucoin("{\"id\":\"1545910660739\",\"type\":\"ack\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.id, 1545910660739);
    CHECK_EQ_I64(kucoin("{\"id\":\"7\",\"type\":\"error\",\"code\":401,\"data\":\"token is expired\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK_EQ_I64(m.code, 401);
    CHECK(text_is("token is expired"));
    CHECK_EQ_I64(kucoin("{\"id\":\"7\",\"type\":\"pong\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_PONG);
    CHECK_EQ_I64(kucoin("{\"id\":\"hQvf8jkno\",\"type\":\"welcome\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

/* ---- Deribit ---- */

#define DE(channel, data) "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":\"" channel "\",\"data\":" data "}}"
#define DE_BOOK(head, tail) DE("book.BTC-PERPETUAL.100ms", "{" head ",\"timestamp\":1699999999000,\"instrument_name\":\"BTC-PERPETUAL\"," tail "}")

TEST(deribit_V_01_V_02_V_04_books)
{
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"snapshot\"", "\"change_id\":5,\"bids\":[[\"new\",42500.0,1000.0],[\"new\",1e-4,5e2]],\"asks\":[]")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK(sym_is("BTC-PERPETUAL"));
    CHECK_EQ_I64(m.bids[0].px_i, 4250000000000);
    CHECK_EQ_I64(m.bids[1].px_i, 10000);
    CHECK_EQ_I64(m.bids[1].qty_i, 50000000000);
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"change\"", "\"prev_change_id\":5,\"change_id\":9,\"bids\":[],\"asks\":[[\"delete\",42501.0,0.0]]")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK(m.has & AATS_HAS_PREV);
    CHECK_EQ_I64(m.prev_id, 5);
    CHECK_EQ_I64(m.last_id, 9);
    CHECK_EQ_I64(m.asks[0].qty_i, 0);
}

TEST(deribit_refuses_a_change_without_its_chain_and_a_book_of_another_instrument)
{
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"change\"", "\"change_id\":9,\"bids\":[],\"asks\":[]")), AATS_E_SHAPE);
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"change\"", "\"prev_change_id\":null,\"change_id\":9,\"bids\":[],\"asks\":[]")), AATS_E_SHAPE);
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"news\"", "\"prev_change_id\":1,\"change_id\":9,\"bids\":[],\"asks\":[]")), AATS_E_SHAPE);
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"snapshot\"", "\"change_id\":5,\"bids\":[[\"new\",1.0]],\"asks\":[]")), AATS_E_SHAPE);
    CHECK_EQ_I64(deribit(DE_BOOK("\"type\":\"snapshot\"", "\"change_id\":5,\"bids\":[[\"new\",1.0,-1.0]],\"asks\":[]")), AATS_E_SHAPE);
    CHECK_EQ_I64(deribit(DE("book.ETH-PERPETUAL.raw", "{\"type\":\"snapshot\",\"instrument_name\":\"BTC-PERPETUAL\",\"change_id\":1,\"bids\":[],\"asks\":[]}")), AATS_E_SHAPE);
}

TEST(deribit_V_03_top_levels_are_partial)
{
    CHECK_EQ_I64(deribit(DE("book.BTC-30SEP22.none.20.100ms", "{\"timestamp\":1653982973195,\"instrument_name\":\"BTC-30SEP22\",\"change_id\":45176371821,\"bids\":[[31975.0,1370.0]],\"asks\":[]}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_PARTIAL);
    CHECK_EQ_I64(m.bid_cnt, 1);
}

TEST(deribit_V_05_V_09_trades_name_their_own_instrument)
{
    char const *text = DE("trades.option.any.raw", "[{\"trade_seq\":1706,\"trade_id\":\"137488100\",\"timestamp\":1616321732986,\"price\":-0.007,\"instrument_name\":\"BTC-FS-A_PERP\",\"direction\":\"buy\",\"amount\":0.1},"
                                                   "{\"trade_seq\":3,\"timestamp\":1616321732987,\"price\":1.5,\"instrument_name\":\"ETH-X\",\"direction\":\"sell\",\"amount\":2.0}]");
    CHECK_EQ_I64(deribit(text), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_TRADE);
    CHECK(sym_is("BTC-FS-A_PERP"));
    CHECK_EQ_I64(m.px_i, -700000);
    CHECK_EQ_I64(m.more, 1);
    CHECK_EQ_I64(aats_venue_deribit.next(text, strlen(text), &m), AATS_OK);
    CHECK(sym_is("ETH-X"));
    CHECK_EQ_I64(m.side, -1);
    CHECK_EQ_I64(m.id, 3);
}

TEST(deribit_V_06_an_empty_side_is_null_or_zero)
{
    CHECK_EQ_I64(deribit(DE("quote.BTC-PERPETUAL", "{\"timestamp\":1,\"instrument_name\":\"BTC-PERPETUAL\",\"best_bid_price\":null,\"best_bid_amount\":0.0,\"best_ask_price\":92288.5,\"best_ask_amount\":99470.0}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BBO);
    CHECK_EQ_I64(m.bids[0].px_i, 0);
    CHECK_EQ_I64(m.asks[0].px_i, 9228850000000);
    CHECK_EQ_I64(deribit(DE("ticker.BTC-PERPETUAL.100ms", "{\"timestamp\":1,\"mark_price\":0.001972,\"index_price\":2006.72}")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_MARK);
    CHECK_EQ_I64(m.px_i, 197200);
    CHECK_EQ_I64(m.index_px_i, 200672000000);
}

TEST(deribit_V_07_V_08_answers_and_heartbeats)
{
    char out[256];
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[\"quote.BTC-PERPETUAL\"],\"usIn\":1,\"usOut\":2,\"usDiff\":1,\"testnet\":false}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ACK);
    CHECK_EQ_I64(m.id, 7);
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[]}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":11050,\"message\":\"bad_request\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_ERROR);
    CHECK_EQ_I64(m.code, 11050);
    CHECK(text_is("bad_request"));
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"version\":\"1.2.26\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_PONG);
    CHECK_EQ_I64(m.id, 9);
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"method\":\"heartbeat\",\"params\":{\"type\":\"heartbeat\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_BEAT);
    CHECK_EQ_I64(deribit("{\"jsonrpc\":\"2.0\",\"method\":\"heartbeat\",\"params\":{\"type\":\"test_request\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_PING);
    CHECK(aats_venue_deribit.answer(out, sizeof out, &m) > 0 && strstr(out, "public/test"));
}

/* ---- what is asked for ---- */

TEST(requests_are_as_documented_and_never_longer_than_their_room)
{
    char const *names[] = {"BTC-USDT", "ETH-USDT"};
    static struct { aats_venue_t const *v; int off; unsigned streams; size_t cnt; char const *want; } const ASKS[] = {
        {&aats_venue_kucoin, 0, AATS_STREAM_DEPTH, 2, "{\"id\":\"3\",\"type\":\"subscribe\",\"topic\":\"/market/level2:BTC-USDT,ETH-USDT\",\"privateChannel\":false,\"response\":true}"},
        {&aats_venue_kucoin, 1, AATS_STREAM_BBO, 1, "{\"id\":\"3\",\"type\":\"unsubscribe\",\"topic\":\"/spotMarket/level1:BTC-USDT\",\"privateChannel\":false,\"response\":true}"},
        {&aats_venue_deribit, 0, AATS_STREAM_DEPTH | AATS_STREAM_BBO, 1, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"public/subscribe\",\"params\":{\"channels\":[\"book.BTC-USDT.100ms\",\"quote.BTC-USDT\"]}}"},
        {&aats_venue_gate, 0, AATS_STREAM_DEPTH, 1, ",\"id\":3,\"channel\":\"spot.order_book_update\",\"event\":\"subscribe\",\"payload\":[\"BTC-USDT\",\"100ms\"]}"},
        {&aats_venue_gate, 1, AATS_STREAM_TRADE, 1, ",\"id\":3,\"channel\":\"spot.trades\",\"event\":\"unsubscribe\",\"payload\":[\"BTC-USDT\"]}"},
        {&aats_venue_gate_swap, 0, AATS_STREAM_DEPTH, 1, ",\"channel\":\"futures.order_book_update\",\"event\":\"subscribe\",\"payload\":[\"BTC-USDT\",\"100ms\",\"100\"]}"},
    };
    for (size_t i = 0; i < sizeof ASKS / sizeof ASKS[0]; i++) {
        char out[512];
        int n = ASKS[i].v->subscribe(out, sizeof out, 3, ASKS[i].off, ASKS[i].streams, names, ASKS[i].cnt);
        CHECK_MSG(n > 0 && (size_t)n == strlen(out) && strstr(out, ASKS[i].want), "%s", out);
        for (int cap = 1; cap <= n; cap++) CHECK_EQ_I64(ASKS[i].v->subscribe(out, (size_t)cap, 3, ASKS[i].off, ASKS[i].streams, names, ASKS[i].cnt), AATS_E_FULL);
    }
}

RUN_ALL()
