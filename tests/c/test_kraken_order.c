/* test_kraken_order.c -- Kraken's order dialect: what is refused, each request as it is sent, the fact sheet's signature, each answer and event as the venue
 * writes it, each odd behaviour by its number. */
#include "check.h"
#include "order/client_id.h"
#include "order/wide.h"
#include "venue/kraken_order.h"

#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define REMOTE "OABCDE-12345-FGHIJ"
#define SECRET "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSD.KRAKEN", .native = "BTC/USD"};
static aats_order_t order, known;
static aats_oauth_t auth = {.key = "KEY+/0", .token = "TOKEN"};
static char out[4096];

static void begin(void)
{
    char why[80];
    order = (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = AATS_SIDE_BUY, .tif = AATS_TIF_POS, .px_exp = -8, .qty_exp = -8,
                           .px_i = 3000000000000, .qty_i = 1000000};
    known = order;
    strcpy(known.remote_id, REMOTE);
    if (!auth.signer) auth.signer = aats_signer_new_of(AATS_SIGN_HMAC512, SECRET, strlen(SECRET), why, sizeof why);
}

static int encode(aats_oreq_t req)
{
    begin();
    req.id = req.id ? req.id : 17;
    req.time_ms = 1616492376594;
    req.host = "api.kraken.com";
    return aats_order_venue_kraken.encode(&req, &auth, out, sizeof out);
}

static int parse(char const *text)
{
    r.msg_cnt = 0;
    r.id = 0;
    return aats_order_venue_kraken.parse(text, strlen(text), &r);
}

static int http(int status, char const *body, int kind)
{
    r.msg_cnt = 0;
    return aats_order_venue_kraken.parse_http(status, "", 0, body, strlen(body), kind, &r);
}

static int result(int kind, aats_order_t const *o) { return aats_order_venue_kraken.result(&r, kind, o); }
static int ours(aats_omsg_t const *m) { return m->instance == 0x0011223344556677 && m->order_id == 1; }

#define ROW(more) "{\"channel\":\"executions\",\"type\":\"update\",\"sequence\":8,\"data\":[{\"order_id\":\"" REMOTE "\"," more "}]}"

/* ---- refusals ---- */

TEST(requests_that_cannot_be_made_are_not)
{
    begin();
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_AMEND, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_FILLS, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_CNT}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_TIME}), 0);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_POSITIONS}), 0);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_FILLS, .rules = &rules}), 0); /* V-16 */
    aats_rules_t bad = rules;
    strcpy(bad.native, "BTC\"USD");
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order, .rules = &bad}), AATS_E_ARG);
    aats_oauth_t const had = auth;
    strcpy(auth.token, "A\"B");
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_CANCEL_ALL}), AATS_E_ARG);
    auth = had;
    order.qty_i = 0;
    aats_order_t none = order;
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &none, .rules = &rules}), AATS_E_ARG);
}

TEST(a_request_without_room_is_refused_and_none_overruns)
{
    begin();
    aats_oreq_t const reqs[] = {{.kind = AATS_OR_PLACE, .order = &order, .rules = &rules, .id = 1}, {.kind = AATS_OR_LISTEN, .id = 1}, {.kind = AATS_OR_TOKEN, .id = 1, .host = "h"}};
    for (size_t i = 0; i < sizeof reqs / sizeof reqs[0]; i++) {
        int const n = aats_order_venue_kraken.encode(&reqs[i], &auth, out, sizeof out);
        CHECK(n > 0);
        for (int cap = 0; cap <= n; cap++) {
            char *room = malloc((size_t)cap + 1);
            CHECK_EQ_I64(aats_order_venue_kraken.encode(&reqs[i], &auth, room, (size_t)cap), AATS_E_FULL);
            free(room);
        }
    }
}

TEST(messages_of_another_shape_are_refused)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"channel\":\"executions\",\"type\":\"update\"}", AATS_E_SHAPE},
        {"{\"channel\":\"executions\",\"data\":[7]}", AATS_E_SHAPE},
        {"{\"channel\":\"executions\",\"data\":[{\"exec_type\":\"new\"}]}", AATS_E_SHAPE},
        {ROW("\"exec_type\":\"trade\",\"trade_id\":7,\"last_qty\":1,\"last_price\":2"), AATS_E_SHAPE}, /* a fill of no symbol */
        {ROW("\"exec_type\":\"trade\",\"symbol\":\"BTC/USD\",\"trade_id\":7,\"last_qty\":0,\"last_price\":2"), AATS_E_SHAPE},
        {ROW("\"exec_type\":\"new\",\"exec_type\":\"new\""), AATS_E_DUPKEY},
        {"{\"channel\":\"balances\",\"data\":[{\"asset\":\"BTC\"}]}", AATS_E_SHAPE},
        {"{\"method\":\"add_order\",\"success\":\"yes\"}", AATS_E_SHAPE},
    };
    begin();
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int const e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
        CHECK_EQ_I64(r.msg_cnt, 0);
    }
}

/* ---- requests ---- */

TEST(an_order_is_written_as_the_venue_documents_it)
{
    begin();
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order, .rules = &rules}) > 0);
    CHECK_STR(out, "{\"method\":\"add_order\",\"params\":{\"order_type\":\"limit\",\"side\":\"buy\",\"order_qty\":0.01,\"symbol\":\"BTC/USD\",\"limit_price\":30000,"
                   "\"time_in_force\":\"gtc\",\"post_only\":true,\"stp_type\":\"cancel_oldest\",\"cl_ord_id\":\"" OURS "\",\"token\":\"TOKEN\"},\"req_id\":17}");
    aats_order_t market = order;
    market.tif = AATS_TIF_MARKET;
    market.side = AATS_SIDE_SELL;
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &market, .rules = &rules}) > 0);
    CHECK_STR(out, "{\"method\":\"add_order\",\"params\":{\"order_type\":\"market\",\"side\":\"sell\",\"order_qty\":0.01,\"symbol\":\"BTC/USD\",\"stp_type\":\"cancel_oldest\",\"cl_ord_id\":\"" OURS
                   "\",\"token\":\"TOKEN\"},\"req_id\":17}");
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &order, .rules = &rules}) > 0);
    CHECK_STR(out, "{\"method\":\"cancel_order\",\"params\":{\"cl_ord_id\":[\"" OURS "\"],\"token\":\"TOKEN\"},\"req_id\":17}");
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_AMEND, .order = &known, .rules = &rules, .px_i = 3100000000000, .qty_i = 2000000}) > 0);
    CHECK_STR(out, "{\"method\":\"amend_order\",\"params\":{\"order_id\":\"" REMOTE "\",\"order_qty\":0.02,\"limit_price\":31000,\"token\":\"TOKEN\"},\"req_id\":17}");
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_DEADMAN, .deadman_ms = 59001}) > 0); /* V-17 */
    CHECK_STR(out, "{\"method\":\"cancel_all_orders_after\",\"params\":{\"timeout\":60,\"token\":\"TOKEN\"},\"req_id\":17}");
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_LISTEN}) > 0);
    CHECK(strstr(out, "\"channel\":\"executions\"") && strstr(out, "\n{\"method\":\"subscribe\",\"params\":{\"channel\":\"balances\",\"token\":\"TOKEN\"}}"));
}

TEST(a_signed_request_says_nonce_key_and_signature_and_no_secret)
{
    begin();
    int const n = encode((aats_oreq_t){.kind = AATS_OR_TOKEN});
    CHECK(n > 0);
    CHECK(!strncmp(out, "POST /0/private/GetWebSocketsToken HTTP/1.1\r\nHost: api.kraken.com\r\n", 67));
    CHECK(strstr(out, "\r\nAPI-Key: KEY+/0\r\nAPI-Sign: ") != NULL);
    CHECK(strstr(out, "\r\nContent-Length: 25\r\n\r\nnonce=1616492376594000017") != NULL);
    CHECK(!strstr(out, SECRET));
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_QUERY, .order = &order, .rules = &rules}) > 0);
    CHECK(strstr(out, "\r\n\r\nnonce=1616492376594000017&cl_ord_id=" OURS) != NULL);
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_QUERY, .order = &known, .rules = &rules}) > 0);
    CHECK(strstr(out, "&txid=" REMOTE) != NULL);
}

/* ---- answers ---- */

TEST(an_order_that_was_taken_is_acknowledged_with_its_number)
{
    CHECK_EQ_I64(parse("{\"method\":\"add_order\",\"req_id\":42,\"success\":true,\"result\":{\"order_id\":\"" REMOTE "\",\"cl_ord_id\":\"" OURS "\"},\"time_in\":\"x\"}"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    CHECK_EQ_I64(r.id, 42);
    CHECK_EQ_I64(r.status, 200);
    begin();
    CHECK_EQ_I64(result(AATS_OR_PLACE, &order), AATS_OK);
    CHECK_EQ_I64(r.msg_cnt, 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ACK);
    CHECK(ours(&msgs[0]));
    CHECK_STR(msgs[0].remote_id, REMOTE);
}

TEST(V_14_errors_mean_what_the_venue_says_they_mean)
{
    static struct { char const *text; uint32_t oc, as; } const ERRORS[] = {
        {"EOrder:Insufficient funds", AATS_OC_BALANCE, AATS_OM_REJECT},         {"EOrder:Post only order", AATS_OC_WOULD_CROSS, AATS_OM_REJECT},
        {"EService:Timeout", AATS_OC_VENUE_UNSURE, AATS_OM_UNKNOWN},            {"EGeneral:Internal error", AATS_OC_VENUE_UNSURE, AATS_OM_UNKNOWN},
        {"EService:Market in cancel_only mode", AATS_OC_HALTED, AATS_OM_REJECT}, {"EOrder:Rate limit exceeded", AATS_OC_RATE_LIMIT, AATS_OM_REJECT},
        {"EAPI:Invalid key", AATS_OC_AUTH, AATS_OM_REJECT},                     {"ENew:Something", AATS_OC_VENUE, AATS_OM_REJECT},
    };
    begin();
    for (size_t i = 0; i < sizeof ERRORS / sizeof ERRORS[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"method\":\"add_order\",\"req_id\":9,\"success\":false,\"error\":\"%s\"}", ERRORS[i].text);
        CHECK_EQ_I64(parse(text), AATS_OK);
        CHECK_MSG(r.oc == ERRORS[i].oc && r.status != 200, "%s: %u", text, r.oc);
        CHECK_EQ_I64(result(AATS_OR_PLACE, &order), AATS_OK);
        CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == ERRORS[i].as, "%s", text);
    }
    CHECK_EQ_I64(http(200, "{\"error\":[\"WGeneral:Danger\",\"EOrder:Unknown order\"]}", AATS_OR_QUERY), AATS_OK);
    CHECK_EQ_I64(result(AATS_OR_QUERY, &order), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ABSENT);
    CHECK_EQ_I64(http(503, "<html>back soon</html>", AATS_OR_QUERY), AATS_OK);
    CHECK(r.busy && r.status == 503);
    CHECK_EQ_I64(http(200, "{\"error\":[\"EAPI:Invalid nonce\"]}", AATS_OR_QUERY), AATS_OK); /* V-15 */
    CHECK(r.busy && !r.fatal);
    CHECK_EQ_I64(http(200, "{\"error\":[]}", AATS_OR_QUERY), AATS_E_SHAPE);
}

TEST(V_16_balances_have_the_names_that_the_streams_have)
{
    CHECK_EQ_I64(http(200, "{\"error\":[],\"result\":{\"XXBT\":{\"balance\":\"1.5\",\"hold_trade\":\"0.25\"},\"ZUSD\":{\"balance\":\"10\"},\"XXDG\":{\"balance\":\"7\"},"
                           "\"USDT\":{\"balance\":\"123456789012.5\"}}}", AATS_OR_ACCOUNT), AATS_OK);
    CHECK_EQ_I64(result(AATS_OR_ACCOUNT, NULL), AATS_OK);
    CHECK_EQ_I64(r.msg_cnt, 4);
    CHECK_STR(msgs[0].fee_asset, "BTC");
    CHECK(aats_wide(msgs[0].amount) == 150000000 && aats_wide(msgs[0].locked) == 25000000);
    CHECK_STR(msgs[1].fee_asset, "USD");
    CHECK_STR(msgs[2].fee_asset, "DOGE");
    CHECK_STR(msgs[3].fee_asset, "USDT");
    CHECK(aats_wide(msgs[3].amount) == (__int128)12345678901250000000ULL);
}

TEST(an_order_that_was_asked_for_lives_or_has_ended)
{
    static struct { char const *status; uint32_t kind; } const STATES[] = {
        {"open", AATS_OM_OPEN}, {"pending", AATS_OM_OPEN}, {"closed", AATS_OM_DONE}, {"canceled", AATS_OM_DONE}, {"expired", AATS_OM_DONE},
    };
    begin();
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        char text[400];
        snprintf(text, sizeof text, "{\"error\":[],\"result\":{\"" REMOTE "\":{\"status\":\"%s\",\"vol\":\"0.01\",\"vol_exec\":\"0.004\",\"descr\":{\"price\":\"30000.0\"}}}}",
                 STATES[i].status);
        CHECK_EQ_I64(http(200, text, AATS_OR_QUERY), AATS_OK);
        CHECK_EQ_I64(result(AATS_OR_QUERY, &order), AATS_OK);
        CHECK(r.msg_cnt == 1 && msgs[0].kind == STATES[i].kind && ours(&msgs[0]) && msgs[0].cum_qty_i == 400000 && msgs[0].qty_i == 1000000);
    }
    CHECK_EQ_I64(http(200, "{\"error\":[],\"result\":{\"X\":{\"status\":\"odd\",\"vol\":\"1\",\"vol_exec\":\"0\"}}}", AATS_OR_QUERY), AATS_OK);
    CHECK_EQ_I64(result(AATS_OR_QUERY, &order), AATS_E_SHAPE);
}

TEST(fills_are_found_among_the_accounts_and_told_oldest_first)
{
    begin();
    CHECK_EQ_I64(http(200, "{\"error\":[],\"result\":{\"trades\":{"
                           "\"T2\":{\"ordertxid\":\"" REMOTE "\",\"price\":\"30001\",\"vol\":\"0.004\",\"fee\":\"0.2\",\"trade_id\":8,\"maker\":false},"
                           "\"TX\":{\"ordertxid\":\"OOTHER-00000-000000\",\"price\":\"1\",\"vol\":\"1\",\"fee\":\"0\",\"trade_id\":6},"
                           "\"T1\":{\"ordertxid\":\"" REMOTE "\",\"price\":\"30000\",\"vol\":\"0.006\",\"fee\":\"0.1\",\"trade_id\":7,\"maker\":true}},\"count\":3}}",
                      AATS_OR_FILLS), AATS_OK);
    CHECK_EQ_I64(result(AATS_OR_FILLS, &known), AATS_OK);
    CHECK_EQ_I64(r.msg_cnt, 2);
    CHECK(msgs[0].trade_id == 7 && msgs[0].px_i == 3000000000000 && msgs[0].qty_i == 600000 && msgs[0].liquidity == AATS_LIQ_MAKER && msgs[0].fee_i == 10000000);
    CHECK(msgs[1].trade_id == 8 && msgs[1].liquidity == AATS_LIQ_TAKER && ours(&msgs[1]));
    CHECK_EQ_U64(r.next_rows, 0);
}

TEST(fifty_trades_are_a_full_page_whosever_they_are)
{
    static char text[16384];
    begin();
    for (int rows = 49; rows <= 50; rows++) {
        size_t n = (size_t)snprintf(text, sizeof text, "{\"error\":[],\"result\":{\"trades\":{");
        for (int i = 0; i < rows; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s\"T%d\":{\"ordertxid\":\"OOTHER-00000-000000\",\"price\":\"1\",\"vol\":\"1\",\"fee\":\"0\",\"trade_id\":6}", i ? "," : "", i);
        snprintf(text + n, sizeof text - n, "},\"count\":99}}");
        CHECK_EQ_I64(http(200, text, AATS_OR_FILLS), AATS_OK);
        CHECK_EQ_I64(result(AATS_OR_FILLS, &known), AATS_OK);
        CHECK_EQ_I64(r.msg_cnt, 0);
        CHECK_EQ_U64(r.next_rows, rows == 50 ? 50 : 0);
    }
    CHECK(encode((aats_oreq_t){.kind = AATS_OR_FILLS, .order = &known, .rules = &rules, .cursor = "50"}) > 0);
    CHECK_MSG(strstr(out, "&trades=true&start=") && strstr(out, "&ofs=50"), "%s", out);
}

/* ---- events ---- */

TEST(V_11_the_first_frame_names_us_and_the_others_the_venues_number)
{
    CHECK_EQ_I64(parse(ROW("\"cl_ord_id\":\"" OURS "\",\"symbol\":\"BTC/USD\",\"order_qty\":0.01,\"cum_qty\":0,\"exec_type\":\"pending_new\",\"limit_price\":30000.0")), AATS_OK);
    CHECK(r.kind == AATS_OV_EVENT && r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ACK && ours(&msgs[0]));
    CHECK_STR(msgs[0].remote_id, REMOTE);
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"canceled\",\"order_status\":\"canceled\",\"reason\":\"User requested\",\"cum_qty\":0.5")), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_DONE && msgs[0].code == AATS_OC_CANCELED && msgs[0].order_id == 0);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 50000000); /* at the venue's exponent: whose digits it has the session knows */
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"canceled\",\"cl_ord_id\":\"" OURS "\",\"reason\":\"User requested\",\"cum_qty\":0.5")), AATS_OK);
    CHECK(r.msg_cnt == 1 && ours(&msgs[0]) && msgs[0].cum_qty_i == -1); /* without its symbol its digits are not known */
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"amended\",\"order_qty\":0.02,\"limit_price\":31000.0")), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_AMENDED && msgs[0].qty_i == 2000000 && msgs[0].px_i == 3100000000000);
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"restated\"")), AATS_OK);
    CHECK_EQ_I64(r.msg_cnt, 0);
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"new\",\"cl_ord_id\":\"web-1\",\"symbol\":\"BTC/USD\"")), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_FOREIGN);
    CHECK_STR(msgs[0].text, "web-1");
}

TEST(V_12_a_post_only_order_that_would_take_is_refused_and_has_ended)
{
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"canceled\",\"reason\":\"Post only order\"")), AATS_OK);
    CHECK(r.msg_cnt == 2 && msgs[0].kind == AATS_OM_REJECT && msgs[0].code == AATS_OC_WOULD_CROSS && msgs[1].kind == AATS_OM_DONE);
    CHECK_EQ_I64(msgs[1].cum_qty_i, 0);
}

TEST(V_13_a_whole_fill_is_a_trade_and_then_nothing_more)
{
    CHECK_EQ_I64(parse(ROW("\"symbol\":\"BTC/USD\",\"exec_type\":\"trade\",\"trade_id\":8253473,\"last_qty\":0.004,\"last_price\":30000.5,\"liquidity_ind\":\"t\",\"cum_qty\":0.01,"
                           "\"fees\":[{\"asset\":\"USD\",\"qty\":0.3458}],\"timestamp\":\"2023-10-06T17:35:55.440295Z\"")), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_FILL && msgs[0].trade_id == 8253473 && msgs[0].qty_i == 400000 && msgs[0].px_i == 3000050000000);
    CHECK(msgs[0].fee_i == 34580000 && msgs[0].fee_exp == -8 && msgs[0].cum_qty_i == 1000000 && msgs[0].venue_ns == 1696613755440295000);
    CHECK_STR(msgs[0].fee_asset, "USD");
    CHECK_EQ_I64(parse(ROW("\"exec_type\":\"filled\",\"order_status\":\"filled\"")), AATS_OK);
    CHECK_EQ_I64(r.msg_cnt, 0);
}

TEST(what_nobody_asked_for_is_nothing_else)
{
    CHECK_EQ_I64(parse("{\"channel\":\"heartbeat\"}"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    CHECK_EQ_I64(parse("{\"method\":\"pong\",\"time_in\":\"x\"}"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    CHECK_EQ_I64(parse("{\"channel\":\"balances\",\"type\":\"snapshot\",\"sequence\":1,\"data\":[{\"asset\":\"BTC\",\"balance\":1.2}]}"), AATS_OK);
    CHECK(r.kind == AATS_OV_EVENT && r.msg_cnt == 1 && msgs[0].kind == AATS_OM_BALANCE && aats_wide(msgs[0].amount) == 120000000);
}

RUN_ALL()
