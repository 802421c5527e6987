/* test_okx.c -- OKX's public messages: what is refused, each message as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "venue/venue.h"

#define FRAME(channel, inst, rest) "{\"arg\":{\"channel\":\"" channel "\",\"instId\":\"" inst "\"}," rest "}"
#define BOOK(numbers) "\"data\":[{\"asks\":[[\"64210.2\",\"188.4\",\"0\",\"12\"]],\"bids\":[[\"64210.1\",\"91.07\",\"0\",\"9\"],[\"64209.5\",\"0\",\"0\",\"0\"]]," \
                      "\"ts\":\"1785312000130\"" numbers "}]"
#define SWAP "BTC-USDT-SWAP"
#define UPDATE FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"prevSeqId\":7812345601,\"seqId\":7812345633"))
#define SNAPSHOT FRAME("books", SWAP, "\"action\":\"snapshot\"," BOOK(",\"checksum\":0,\"prevSeqId\":-1,\"seqId\":7812345601"))
#define TRADE(id, px) "{\"instId\":\"" SWAP "\",\"tradeId\":\"" id "\",\"px\":\"" px "\",\"sz\":\"1.2\",\"side\":\"sell\",\"ts\":\"1785312000129\",\"count\":\"3\"}"
#define TRADES(list) FRAME("trades", SWAP, "\"data\":[" list "]")
#define DETAIL(side, px) "{\"side\":\"" side "\",\"posSide\":\"long\",\"bkPx\":\"" px "\",\"sz\":\"12.4\",\"bkLoss\":\"0\",\"ccy\":\"\",\"ts\":\"1785312001999\"}"
#define CLOSED(inst, details) "{\"instType\":\"SWAP\",\"details\":[" details "],\"instId\":\"" inst "\"}"
#define CLOSES(list) "{\"arg\":{\"channel\":\"liquidation-orders\",\"instType\":\"SWAP\"},\"data\":[" list "]}"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];
static aats_msg_t m = {.bids = bids, .asks = asks};
static char const *frame;

static int parse(char const *text) { return frame = text, aats_venue_okx_swap.parse(text, strlen(text), &m); }
static int next(void) { return aats_venue_okx_swap.next(frame, strlen(frame), &m); }
static int text_is(char const *s, size_t n, char const *want) { return s && n == strlen(want) && !memcmp(s, want, n); }
static int of(char const *sym) { return text_is(m.sym, m.sym_len, sym); }

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"ping", AATS_E_SYNTAX},
        {"pong!", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {UPDATE "x", AATS_E_SYNTAX},
        {FRAME("books", SWAP, BOOK(",\"prevSeqId\":1,\"seqId\":2")), AATS_E_SHAPE},                                                 /* no action */
        {FRAME("books", SWAP, "\"action\":\"replace\"," BOOK(",\"prevSeqId\":1,\"seqId\":2")), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"prevSeqId\":-1,\"seqId\":7")), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"seqId\":7")), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"seqId\":-2,\"prevSeqId\":7")), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\"," BOOK("")), AATS_E_SHAPE},                                                    /* V-31: nothing vouches */
        {FRAME("books", SWAP, "\"action\":\"snapshot\"," BOOK("")), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"seqId\":2,\"seqId\":2,\"prevSeqId\":1")), AATS_E_DUPKEY},
        {FRAME("books", SWAP, "\"action\":\"update\",\"data\":[]"), AATS_E_SHAPE},
        {FRAME("books", SWAP, "\"action\":\"update\""), AATS_E_SHAPE},
        {"{\"arg\":{\"channel\":\"books\"},\"action\":\"update\"," BOOK(",\"prevSeqId\":1,\"seqId\":2") "}", AATS_E_SHAPE},
        {"{\"arg\":{\"instId\":\"BTC-USDT\"},\"data\":[]}", AATS_E_SHAPE},
        {FRAME("books5", SWAP, "\"data\":[{\"asks\":[],\"bids\":[],\"ts\":\"1\",\"instId\":\"ETH-USDT\"}]"), AATS_E_SHAPE},
        {FRAME("bbo-tbt", SWAP, "\"data\":[{\"asks\":[[\"2\",\"1\"],[\"3\",\"1\"]],\"bids\":[],\"ts\":\"1\"}]"), AATS_E_SHAPE},
        {TRADES(TRADE("1", "0")), AATS_E_SHAPE},
        {TRADES(TRADE("-1", "1")), AATS_E_SHAPE},
        {TRADES(TRADE("1", "1.123456789")), AATS_E_INEXACT},
        {TRADES(TRADE("1", "5") "," TRADE("2", "0")), AATS_E_SHAPE},                                                                /* judged with the first */
        {FRAME("trades", "ETH-USDT", "\"data\":[" TRADE("1", "5") "]"), AATS_E_SHAPE},
        {FRAME("mark-price", SWAP, "\"data\":[{\"instId\":\"ETH-USDT-SWAP\",\"markPx\":\"5\",\"ts\":\"1\"}]"), AATS_E_SHAPE},
        {FRAME("index-tickers", "BTC-USDT", "\"data\":[{\"instId\":\"ETH-USDT\",\"idxPx\":\"5\",\"ts\":\"1\"}]"), AATS_E_SHAPE},
        {CLOSES(CLOSED(SWAP, DETAIL("long", "5"))), AATS_E_SHAPE},
        {"{\"code\":\"0\",\"msg\":\"\",\"data\":[{\"asks\":[],\"bids\":[],\"ts\":\"1\"}]}", AATS_E_SHAPE},                          /* a book without a number */
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {UPDATE, SNAPSHOT, TRADES(TRADE("1", "5") "," TRADE("2", "6")), CLOSES(CLOSED(SWAP, DETAIL("sell", "5")))};
    for (size_t i = 0; i < sizeof WHOLE / sizeof WHOLE[0]; i++)
        for (size_t n = 0; n < strlen(WHOLE[i]); n++) {
            char *cut = malloc(n ? n : 1);
            memcpy(cut, WHOLE[i], n);
            CHECK_EQ_I64(aats_venue_okx.parse(cut, n, &m), AATS_E_SYNTAX);
            free(cut);
        }
}

TEST(a_number_that_does_not_fit_names_its_symbol)
{
    CHECK_EQ_I64(parse(FRAME("books", SWAP, "\"action\":\"update\",\"data\":[{\"asks\":[[\"0.0000000001\",\"1\",\"0\",\"1\"]],\"bids\":[],\"ts\":\"1\"}]")), AATS_E_INEXACT);
    CHECK_MSG(of(SWAP), "symbol");
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
}

/* ---- books ---- */

TEST(an_update_has_the_number_of_the_one_before_it)
{
    CHECK_EQ_I64(parse(UPDATE), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_MSG(of(SWAP) && text_is(m.stream, m.stream_len, "books"), "names");
    CHECK_EQ_I64(m.has, AATS_HAS_PREV);
    CHECK_EQ_U64(m.prev_id, 7812345601);
    CHECK_EQ_U64(m.last_id, 7812345633);
    CHECK_EQ_I64(m.exch_ns, 1785312000130000000);
    CHECK_EQ_U64(m.bid_cnt, 2);
    CHECK_EQ_I64(bids[0].px_i, 6421010000000);
    CHECK_EQ_I64(bids[1].qty_i, 0);
    CHECK_EQ_I64(asks[0].qty_i, 18840000000);
    CHECK_EQ_I64(parse(SNAPSHOT), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SNAPSHOT);
    CHECK_EQ_U64(m.last_id, 7812345601);
    CHECK_EQ_I64(m.has, 0);
}

TEST(the_parts_of_a_frame_may_stand_in_any_order)
{
    CHECK_EQ_I64(parse("{" BOOK(",\"prevSeqId\":1,\"seqId\":2") ",\"action\":\"update\",\"arg\":{\"instId\":\"BTC-USDT\",\"channel\":\"books\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_DEPTH);
    CHECK_MSG(of("BTC-USDT") && m.bid_cnt == 2 && m.prev_id == 1, "book");
    CHECK_EQ_I64(parse("{\"data\":[" TRADE("1", "5") "," TRADE("2", "6") "],\"arg\":{\"instId\":\"" SWAP "\",\"channel\":\"trades\"}}"), AATS_OK);
    CHECK_EQ_U64(m.more, 1);
    CHECK_EQ_I64(next(), AATS_OK);
    CHECK_EQ_U64(m.id, 2);
}

TEST(a_checksum_counts_where_there_is_one_V31)
{
    CHECK_EQ_I64(parse(FRAME("books-l2-tbt", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"prevSeqId\":1,\"seqId\":2"))), AATS_OK);
    CHECK_EQ_I64(m.has, AATS_HAS_PREV);
    CHECK_EQ_I64(parse(FRAME("books-l2-tbt", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":-980833328"))), AATS_OK);
    CHECK_EQ_I64(m.has, AATS_HAS_CHECK);
    CHECK_EQ_U64(m.check, (uint32_t)-980833328);
    CHECK_EQ_I64(parse(FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0"))), AATS_OK); /* of an empty book, before there were numbers */
    CHECK_EQ_I64(m.has, AATS_HAS_CHECK);
    CHECK_EQ_I64(parse(FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":5,\"prevSeqId\":1,\"seqId\":2"))), AATS_OK);
    CHECK_EQ_I64(m.has, AATS_HAS_CHECK | AATS_HAS_PREV);
}

TEST(a_sign_of_life_and_a_reset_are_told_apart_V32_V33)
{
    CHECK_EQ_I64(parse(FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"prevSeqId\":15,\"seqId\":15"))), AATS_OK);
    CHECK_MSG(m.has == AATS_HAS_PREV && m.prev_id == 15 && m.last_id == 15, "life");
    CHECK_EQ_I64(parse(FRAME("books", SWAP, "\"action\":\"update\"," BOOK(",\"checksum\":0,\"prevSeqId\":15,\"seqId\":3"))), AATS_OK);
    CHECK_MSG(m.has == (AATS_HAS_PREV | AATS_HAS_RESET) && m.prev_id == 15 && m.last_id == 3 && m.first_id <= m.last_id, "reset");
}

TEST(the_sum_is_the_one_of_the_fact_sheet_V34)
{
    aats_level_t const b[] = {{336610, 700}}, a[] = {{336680, 900}, {336800, 800}, {337200, 800}};
    aats_msg_t const scale = {.px_exp = -2, .qty_exp = -2, .px_dec = -1, .qty_dec = -1};
    CHECK_EQ_U64(aats_venue_okx.check(&scale, b, 1, a, 3), 831078360);
    CHECK_EQ_U64(aats_venue_okx.check(&scale, b, 0, a, 0), 0);
    CHECK_EQ_U64(aats_venue_okx.check_levels, 25);
}

TEST(an_answer_over_REST_is_a_snapshot)
{
    CHECK_EQ_I64(parse("{\"code\":\"0\",\"msg\":\"\"," BOOK(",\"seqId\":77") "}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_SNAPSHOT && m.last_id == 77 && !m.sym && m.ask_cnt == 1, "book");
    CHECK_EQ_I64(parse("{\"code\":\"50011\",\"msg\":\"Too Many Requests\",\"data\":[]}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_ERROR && m.code == 50011 && text_is(m.text, m.text_len, "Too Many Requests"), "error");
    CHECK_EQ_I64(parse("{\"code\":\"0\",\"msg\":\"\",\"data\":[{\"oi\":\"1\"}]}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

/* ---- what comes in lists ---- */

TEST(a_best_bid_and_ask_may_lack_a_side_V35)
{
    CHECK_EQ_I64(parse(FRAME("bbo-tbt", "BTC-USDT", "\"data\":[{\"asks\":[[\"64210.2\",\"188.4\",\"0\",\"12\"]],\"bids\":[],\"ts\":\"1785312000131\",\"seqId\":9}]")), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_BBO && m.bid_cnt == 1 && m.ask_cnt == 1 && m.last_id == 9, "bbo");
    CHECK_MSG(bids[0].px_i == 0 && bids[0].qty_i == 0 && asks[0].px_i == 6421020000000, "levels");
}

TEST(a_trade_says_who_took_and_each_of_a_list_is_told)
{
    CHECK_EQ_I64(parse(TRADES(TRADE("1987654321", "64210.2") " , " TRADE("1987654322", "64210.3"))), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_TRADE && m.side == -1 && m.id == 1987654321 && m.first_id == m.id && m.more == 1, "first");
    CHECK_MSG(m.px_i == 6421020000000 && m.qty_i == 120000000 && m.exch_ns == 1785312000129000000, "numbers");
    CHECK_EQ_I64(next(), AATS_OK);
    CHECK_MSG(m.id == 1987654322 && m.px_i == 6421030000000 && m.more == 0 && of(SWAP), "second");
    CHECK_EQ_I64(next(), AATS_E_ARG);
}

TEST(mark_index_and_funding_are_of_the_perpetual_V36)
{
    CHECK_EQ_I64(parse(FRAME("mark-price", SWAP, "\"data\":[{\"instType\":\"SWAP\",\"instId\":\"" SWAP "\",\"markPx\":\"64205.4\",\"ts\":\"1785312000200\"}]")), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_MARK && m.px_i == 6420540000000 && m.index_px_i == 0 && of(SWAP), "mark");
    CHECK_EQ_I64(parse(FRAME("index-tickers", "BTC-USDT", "\"data\":[{\"instId\":\"BTC-USDT\",\"idxPx\":\"64204.9\",\"ts\":\"1785312000200\"}]")), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_MARK && m.px_i == 0 && m.index_px_i == 6420490000000 && of(SWAP), "index");
    CHECK_EQ_I64(parse(FRAME("funding-rate", SWAP, "\"data\":[{\"instId\":\"" SWAP "\",\"fundingRate\":\"-0.0000734174532791\",\"fundingTime\":\"1785340800000\","
                             "\"nextFundingRate\":\"\"}]")), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_FUNDING && m.rate_i == -73417453279100 && m.next_ns == 1785340800000000000 && m.exch_ns == 0, "funding");
    CHECK_EQ_I64(parse(FRAME("funding-rate", SWAP, "\"data\":[{\"instId\":\"" SWAP "\",\"fundingRate\":\"\",\"fundingTime\":\"1785340800000\"}]")), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER); /* V-30 */
}

TEST(liquidations_of_all_instruments_are_told_one_by_one_V37)
{
    CHECK_EQ_I64(parse(CLOSES(CLOSED("A-SWAP", "") "," CLOSED("B-SWAP", DETAIL("sell", "5") "," DETAIL("buy", "6")) "," CLOSED("C-SWAP", "") "," CLOSED("D-SWAP", DETAIL("buy", "7")))),
                 AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_LIQUIDATION && of("B-SWAP") && m.side == -1 && m.px_i == 500000000 && m.more == 2, "first");
    CHECK_EQ_I64(next(), AATS_OK);
    CHECK_MSG(of("B-SWAP") && m.side == 1 && m.px_i == 600000000 && m.qty_i == 1240000000 && m.more == 1, "second");
    CHECK_EQ_I64(next(), AATS_OK);
    CHECK_MSG(of("D-SWAP") && m.side == 1 && m.px_i == 700000000 && m.more == 0, "third");
    CHECK_EQ_I64(parse(CLOSES(CLOSED("A-SWAP", ""))), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER);
}

TEST(the_state_of_an_instrument_says_whether_it_trades)
{
    CHECK_EQ_I64(parse("{\"arg\":{\"channel\":\"instruments\",\"instType\":\"SPOT\"},\"data\":[{\"state\":\"suspend\",\"instId\":\"BTC-USDT\"},{\"instId\":\"ETH-USDT\",\"state\":\"live\"}]}"),
                 AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_STATUS && m.code == 1 && of("BTC-USDT") && text_is(m.text, m.text_len, "suspend"), "halted");
    CHECK_EQ_I64(next(), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_STATUS && m.code == 0 && of("ETH-USDT"), "trades");
}

/* ---- what the venue says to us ---- */

TEST(each_subscription_is_acknowledged_by_itself)
{
    CHECK_EQ_I64(parse("{\"id\":\"17\",\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"},\"connId\":\"a4d3ae55\"}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_ACK && m.id == 17 && of("BTC-USDT") && m.streams == AATS_STREAM_DEPTH && m.code == 0, "ack");
    CHECK_EQ_I64(parse("{\"event\":\"unsubscribe\",\"arg\":{\"channel\":\"index-tickers\",\"instId\":\"BTC-USDT\"}}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_ACK && m.id == 0 && of(SWAP) && m.streams == AATS_STREAM_MARK && m.code == 1, "given up");
    CHECK_EQ_I64(parse("{\"id\":\"17\",\"event\":\"subscribe\",\"arg\":{\"channel\":\"instruments\",\"instType\":\"SWAP\"}}"), AATS_OK); /* V-37: the last of its request */
    CHECK_MSG(m.kind == AATS_MSG_ACK && m.id == 17 && !m.sym && m.code == 0, "the request");
    CHECK_EQ_I64(parse("{\"event\":\"subscribe\",\"arg\":{\"channel\":\"liquidation-orders\",\"instType\":\"SWAP\"}}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_OTHER); /* of which request, it does not say */
}

TEST(an_error_names_what_it_is_about_if_it_does_V40)
{
    CHECK_EQ_I64(parse("{\"id\":\"17\",\"event\":\"error\",\"code\":\"60018\",\"msg\":\"Wrong URL or channel:books,instId:BTC-XYZ doesn't exist.\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_ERROR && m.id == 17 && m.code == 60018 && of("BTC-XYZ") && m.streams == AATS_STREAM_DEPTH, "symbol");
    CHECK_EQ_I64(parse("{\"event\":\"error\",\"code\":\"60012\",\"msg\":\"Invalid request: {\\\"op\\\"\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(m.kind == AATS_MSG_ERROR && !m.sym && m.code == 60012, "session");
    CHECK_EQ_I64(parse("{\"event\":\"notice\",\"code\":\"64008\",\"msg\":\"The connection will soon be closed\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_EQ_I64(m.kind, AATS_MSG_SHUTDOWN);
    CHECK_EQ_I64(parse("pong"), AATS_OK); /* V-39 */
    CHECK_EQ_I64(m.kind, AATS_MSG_PONG);
}

TEST(what_is_not_for_us_is_passed_over)
{
    static char const *const OTHER[] = {
        FRAME("tickers", "BTC-USDT", "\"data\":[{\"bidPx\":\"\"}]"), "{\"table\":\"spot/depth5\",\"data\":[{\"asks\":[]}]}",
        "{\"id\":\"1\",\"op\":\"order\",\"code\":\"1\",\"data\":[]}", "{\"event\":\"channel-conn-count\",\"channel\":\"orders\",\"connCount\":\"2\"}",
        "{\"op\":\"subscribe\",\"args\":[]}", "{}", FRAME("books-rpi", "BTC-USDT", "\"action\":\"update\",\"data\":[{}]"),
    };
    for (size_t i = 0; i < sizeof OTHER / sizeof OTHER[0]; i++) {
        CHECK_EQ_I64(parse(OTHER[i]), AATS_OK);
        CHECK_MSG(m.kind == AATS_MSG_OTHER, "%s: kind %d", OTHER[i], m.kind);
    }
}

/* ---- what we ask ---- */

TEST(a_subscription_names_each_channel_and_the_index_of_a_perpetual)
{
    static char const *const NAMES[] = {SWAP, "ETH-USD-SWAP"};
    char out[4096];
    int n = aats_venue_okx_swap.subscribe(out, sizeof out, 5, 0, AATS_STREAM_DEPTH | AATS_STREAM_MARK | AATS_STREAM_LIQUIDATION, NAMES, 2);
    CHECK_MSG(text_is(out, (size_t)n,
                      "{\"id\":\"5\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"books\",\"instId\":\"BTC-USDT-SWAP\"},{\"channel\":\"mark-price\",\"instId\":\"BTC-USDT-SWAP\"},"
                      "{\"channel\":\"index-tickers\",\"instId\":\"BTC-USDT\"},{\"channel\":\"books\",\"instId\":\"ETH-USD-SWAP\"},"
                      "{\"channel\":\"mark-price\",\"instId\":\"ETH-USD-SWAP\"},{\"channel\":\"index-tickers\",\"instId\":\"ETH-USD\"},"
                      "{\"channel\":\"liquidation-orders\",\"instType\":\"SWAP\"}]}"), "%s", out);
    for (size_t cap = 0; cap <= (size_t)n; cap++) CHECK_EQ_I64(aats_venue_okx_swap.subscribe(out, cap, 5, 0, AATS_STREAM_DEPTH | AATS_STREAM_MARK | AATS_STREAM_LIQUIDATION, NAMES, 2), AATS_E_FULL);
    n = aats_venue_okx.subscribe(out, sizeof out, 6, 1, AATS_STREAM_DEPTH | AATS_STREAM_STATUS, (char const *const[]){"BTC-USDT"}, 1);
    CHECK_MSG(text_is(out, (size_t)n, "{\"id\":\"6\",\"op\":\"unsubscribe\",\"args\":[{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}]}"), "%s", out);
    CHECK_EQ_I64(aats_venue_okx.path(out, sizeof out), 13);
    CHECK_EQ_I64(aats_venue_okx.ping(out, sizeof out, 1), 4);
    CHECK_STR(out, "ping");
}

RUN_ALL()
