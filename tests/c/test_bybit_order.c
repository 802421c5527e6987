/* test_bybit_order.c -- Bybit's order dialect: what is refused, each request as it is sent, the fact sheet's signatures, each answer and event as the
 * venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "order/client_id.h"
#include "order/wide.h"
#include "venue/bybit_order.h"

#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define OTHER  "00112233445566770000000000000002" /* of another order of the same process */
#define THEIRS "web_7f3a"
#define REMOTE "7c0e8a5e-6a51-4f0f-9d9e-2f3f1a0b7c11"

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSDTSWAP.BYBIT_SWAP", .native = "BTCUSDT"};
static char out[2048];

static aats_order_t order_of(int side, int tif)
{
    return (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = (uint8_t)side, .tif = (uint8_t)tif, .px_exp = -8, .qty_exp = -8,
                          .px_i = 6400000000000, .qty_i = 1000000};
}

static aats_order_t order;
__attribute__((constructor)) static void make_order(void) { order = order_of(AATS_SIDE_BUY, AATS_TIF_POS); }

static aats_oauth_t auth = {.key = "test_api_key"};
static void sign_in(void)
{
    char why[80];
    if (!auth.signer) auth.signer = aats_signer_new("test_secret", 11, why, sizeof why);
}

static int encode(aats_order_venue_t const *v, aats_oreq_t req)
{
    sign_in();
    req.id = req.id ? req.id : 17;
    req.time_ms = req.time_ms ? req.time_ms : 1785312003000;
    req.host = "api.bybit.com";
    return v->encode(&req, &auth, out, sizeof out);
}

static int parse(char const *text) { return aats_order_venue_bybit_swap.parse(text, strlen(text), &r); }
static int http(int status, char const *body, int kind)
{
    return aats_order_venue_bybit_swap.parse_http(status, "", 0, body, strlen(body), kind, &r);
}

/* The answer to a request of that kind, with this as its result. */
static int result(int kind, char const *json)
{
    static char text[8192];
    snprintf(text, sizeof text, "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":%s,\"retExtInfo\":{},\"time\":1785312003002}", json);
    int e = http(200, text, kind);
    return e ? e : aats_order_venue_bybit_swap.result(&r, kind, &order);
}

static int refused(int kind, int code)
{
    char text[300];
    snprintf(text, sizeof text, "{\"reqId\":\"17\",\"retCode\":%d,\"retMsg\":\"no\",\"op\":\"order.create\",\"data\":{},\"connId\":\"c\"}", code);
    int e = parse(text);
    return e ? e : aats_order_venue_bybit_swap.result(&r, kind, &order);
}

static int ours(aats_omsg_t const *m) { return m->instance == order.instance && m->order_id == order.order_id; }

#define ORDER_OF(category, link, tif, type, status, cancel, reason, cum)                                                               \
    "{\"category\":\"" category "\",\"symbol\":\"BTCUSDT\",\"orderId\":\"" REMOTE "\",\"orderLinkId\":\"" link "\",\"side\":\"Buy\","  \
    "\"orderType\":\"" type "\",\"price\":\"64000.00\",\"qty\":\"0.010\",\"timeInForce\":\"" tif "\",\"orderStatus\":\"" status "\","  \
    "\"cancelType\":\"" cancel "\",\"rejectReason\":\"" reason "\",\"avgPrice\":\"\",\"leavesQty\":\"0.006\",\"cumExecQty\":\"" cum    \
    "\",\"cumFeeDetail\":{\"USDT\":\"0.0512\"},\"positionIdx\":0,\"reduceOnly\":false,\"updatedTime\":\"1785312005008\"}"
#define ORDERS(rows)     "{\"id\":\"8f1c\",\"topic\":\"order\",\"creationTime\":1785312005010,\"data\":[" rows "]}"
#define EXEC_OF(category, link, type, id, px, qty, fee)                                                                                \
    "{\"category\":\"" category "\",\"symbol\":\"BTCUSDT\",\"orderId\":\"" REMOTE "\",\"orderLinkId\":\"" link "\",\"side\":\"Buy\","  \
    "\"orderPrice\":\"64000.00\",\"orderQty\":\"0.010\",\"leavesQty\":\"0.006\",\"execId\":\"" id "\",\"execPrice\":\"" px "\","       \
    "\"execQty\":\"" qty "\",\"execFee\":\"" fee "\",\"feeCurrency\":\"USDT\",\"execType\":\"" type "\",\"isMaker\":true,"             \
    "\"execTime\":\"1785312005008\",\"seq\":512345690000}"
#define EXECUTIONS(rows) "{\"topic\":\"execution\",\"id\":\"3868\",\"creationTime\":1785312005010,\"data\":[" rows "]}"
#define EXEC_ID "b9a6e0e5-2f0a-5c33-8b7a-5a8d9b9f0e01"

/* ---- refusals ---- */

TEST(request_that_cannot_be_made_is_refused)
{
    aats_order_t bad = order_of(0, AATS_TIF_GTC), free = order_of(AATS_SIDE_BUY, AATS_TIF_GTC), odd = order;
    free.px_i = 0;
    snprintf(odd.remote_id, sizeof odd.remote_id, "x\"y");
    aats_rules_t quoted = {.native = "BTC\"USDT"};
    aats_order_venue_t const *v = &aats_order_venue_bybit_swap;
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_PLACE, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &bad, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &free, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order, .rules = &quoted}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &odd, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_AMEND, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_FILLS, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode(v, (aats_oreq_t){.kind = AATS_OR_DEADMAN, .rules = &rules}), 0);
    CHECK_EQ_I64(encode(&aats_order_venue_bybit, (aats_oreq_t){.kind = AATS_OR_POSITIONS, .rules = &rules}), 0);
    aats_oauth_t none = {.key = "test_api_key"};
    aats_oreq_t req = {.kind = AATS_OR_LOGON, .id = 1, .time_ms = 1};
    CHECK_EQ_I64(v->encode(&req, &none, out, sizeof out), AATS_E_ARG);
}

TEST(no_room_is_refused_and_nothing_is_written_behind_it)
{
    for (int kind = AATS_OR_NONE + 1; kind < AATS_OR_CNT; kind++) {
        aats_order_t o = order;
        memcpy(o.remote_id, REMOTE, sizeof REMOTE);
        aats_oreq_t req = {.kind = (uint32_t)kind, .id = 17, .time_ms = 1785312003000, .order = &o, .rules = &rules, .host = "h", .px_i = 1, .qty_i = 1};
        sign_in();
        int n = aats_order_venue_bybit_swap.encode(&req, &auth, out, sizeof out);
        for (int cap = 0; cap < n; cap++) {
            char *small = malloc(cap ? (size_t)cap : 1);
            CHECK_EQ_I64(aats_order_venue_bybit_swap.encode(&req, &auth, small, (size_t)cap), AATS_E_FULL);
            free(small);
        }
    }
}

TEST(message_of_another_shape_is_refused_and_says_nothing)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"topic\":\"order\"}", AATS_E_SHAPE},
        {"{\"topic\":\"order\",\"data\":{}}", AATS_E_SHAPE},
        {ORDERS("{\"category\":\"linear\"}"), AATS_E_SHAPE},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Odd", "UNKNOWN", "EC_NoError", "0")), AATS_E_SHAPE},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "-1")), AATS_E_SHAPE},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "x")), AATS_E_SYNTAX},
        {EXECUTIONS(EXEC_OF("linear", OURS, "Trade", EXEC_ID, "0", "1", "0")), AATS_E_SHAPE},
        {EXECUTIONS(EXEC_OF("linear", OURS, "Trade", "", "1", "1", "0")), AATS_E_SHAPE},
        {EXECUTIONS(EXEC_OF("linear", OURS, "Trade", EXEC_ID, "1", "1.123456789", "0")), AATS_E_INEXACT},
        {EXECUTIONS(EXEC_OF("linear", OURS, "Trade", EXEC_ID, "1", "1", "0") "," EXEC_OF("linear", OURS, "Trade", EXEC_ID, "1", "x", "0")), AATS_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
        CHECK_EQ_U64(r.msg_cnt, 0);
    }
}

/* ---- requests ---- */

TEST(orders_are_written_as_documented)
{
    aats_order_venue_t const *swap = &aats_order_venue_bybit_swap, *spot = &aats_order_venue_bybit;
    int n = encode(swap, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order, .rules = &rules});
    CHECK_STR(out, "{\"reqId\":\"17\",\"header\":{\"X-BAPI-TIMESTAMP\":\"1785312003000\",\"X-BAPI-RECV-WINDOW\":\"5000\"},\"op\":\"order.create\",\"args\":["
                   "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\",\"qty\":\"0.01\",\"price\":\"64000\","
                   "\"timeInForce\":\"PostOnly\",\"orderLinkId\":\"" OURS "\",\"smpType\":\"CancelMaker\",\"positionIdx\":0}]}");
    CHECK_EQ_I64(n, (int64_t)strlen(out));
    aats_order_t market = order_of(AATS_SIDE_SELL, AATS_TIF_MARKET);
    encode(spot, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &market, .rules = &rules});
    CHECK(strstr(out, "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"side\":\"Sell\",\"orderType\":\"Market\",\"qty\":\"0.01\",\"marketUnit\":\"baseCoin\","
                      "\"orderLinkId\":\"" OURS "\",\"smpType\":\"CancelMaker\"}]}") != NULL); /* V-19 */
    aats_order_t less = order;
    less.flags = AATS_OF_REDUCE;
    encode(swap, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &less, .rules = &rules});
    CHECK(strstr(out, "\"positionIdx\":0,\"reduceOnly\":true}]}") != NULL);
    static struct { int tif; char const *word; } const TIFS[] = {{AATS_TIF_IOC, "\"IOC\""}, {AATS_TIF_FOK, "\"FOK\""}, {AATS_TIF_GTC, "\"GTC\""}};
    for (size_t i = 0; i < 3; i++) {
        aats_order_t o = order_of(AATS_SIDE_BUY, TIFS[i].tif);
        encode(swap, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &o, .rules = &rules});
        CHECK(strstr(out, TIFS[i].word) != NULL);
    }
}

TEST(cancel_and_amend_name_the_order_by_its_number_once_that_is_known)
{
    aats_order_t known = order;
    memcpy(known.remote_id, REMOTE, sizeof REMOTE);
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &order, .rules = &rules});
    CHECK(strstr(out, "\"op\":\"order.cancel\",\"args\":[{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"" OURS "\"}]}") != NULL);
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &known, .rules = &rules});
    CHECK(strstr(out, "\"symbol\":\"BTCUSDT\",\"orderId\":\"" REMOTE "\"}]}") != NULL);
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_AMEND, .order = &known, .rules = &rules, .px_i = 6400100000000, .qty_i = 2000000});
    CHECK(strstr(out, "\"op\":\"order.amend\",\"args\":[{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"" REMOTE
                      "\",\"qty\":\"0.02\",\"price\":\"64001\"}]}") != NULL);
}

/* The fact sheet's three vectors (6): key test_api_key, secret test_secret. */
TEST(signatures_are_the_fact_sheets)
{
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_POSITIONS, .rules = &rules, .time_ms = 1700000000000});
    CHECK_STR(out, "GET /v5/position/list?category=linear&symbol=BTCUSDT HTTP/1.1\r\nHost: api.bybit.com\r\nUser-Agent: aats\r\n"
                   "X-BAPI-API-KEY: test_api_key\r\nX-BAPI-TIMESTAMP: 1700000000000\r\nX-BAPI-RECV-WINDOW: 5000\r\n"
                   "X-BAPI-SIGN: fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7\r\n\r\n");
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_LOGON, .id = 1, .way = 1, .time_ms = 1699999990000});
    CHECK_STR(out, "{\"req_id\":\"1\",\"op\":\"auth\",\"args\":[\"test_api_key\",1700000000000,"
                   "\"bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925\"]}");
    encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_LOGON, .id = 1, .way = 0, .time_ms = 1699999990000});
    CHECK(strstr(out, "{\"reqId\":\"1\",\"op\":\"auth\"") == out);
    char signature[AATS_SIGN_SZ];
    char const *post = "1700000000000test_api_key5000{\"category\": \"linear\", \"symbol\": \"BTCUSDT\", \"orderLinkId\": \"test-order-1\"}";
    REQUIRE(aats_sign(auth.signer, post, strlen(post), signature, sizeof signature) == 64);
    CHECK_STR(signature, "2df4a0603d69c08d5dea29ba85b46eb7db64ce9e9ebd34a7802a3d69700cb2a1");
}

TEST(questions_go_over_rest)
{
    aats_order_t known = order;
    memcpy(known.remote_id, REMOTE, sizeof REMOTE);
    aats_order_venue_t const *swap = &aats_order_venue_bybit_swap, *spot = &aats_order_venue_bybit;
    encode(swap, (aats_oreq_t){.kind = AATS_OR_TIME});
    CHECK_STR(out, "GET /v5/market/time HTTP/1.1\r\nHost: api.bybit.com\r\nUser-Agent: aats\r\n\r\n");
    encode(swap, (aats_oreq_t){.kind = AATS_OR_OPEN, .rules = &rules});
    CHECK(strstr(out, "GET /v5/order/realtime?category=linear&symbol=BTCUSDT&limit=50 HTTP/1.1\r\n") == out);
    encode(swap, (aats_oreq_t){.kind = AATS_OR_OPEN});
    CHECK(strstr(out, "GET /v5/order/realtime?category=linear&settleCoin=USDT&limit=50 HTTP/1.1\r\n") == out);
    encode(spot, (aats_oreq_t){.kind = AATS_OR_QUERY, .order = &order, .rules = &rules});
    CHECK(strstr(out, "GET /v5/order/realtime?category=spot&symbol=BTCUSDT&orderLinkId=" OURS " HTTP/1.1\r\n") == out);
    encode(spot, (aats_oreq_t){.kind = AATS_OR_QUERY, .order = &order, .rules = &rules, .renamed = 1});
    CHECK(strstr(out, "GET /v5/order/history?") == out); /* V-20 */
    encode(spot, (aats_oreq_t){.kind = AATS_OR_QUERY, .order = &order, .rules = &rules, .absent = 1});
    CHECK(strstr(out, "GET /v5/order/history?") == out);
    encode(spot, (aats_oreq_t){.kind = AATS_OR_QUERY, .order = &order, .rules = &rules, .absent = 2});
    CHECK(strstr(out, "GET /v5/order/realtime?") == out);
    encode(swap, (aats_oreq_t){.kind = AATS_OR_FILLS, .order = &known, .rules = &rules});
    CHECK(strstr(out, "GET /v5/execution/list?category=linear&symbol=BTCUSDT&limit=100&orderId=" REMOTE " HTTP/1.1\r\n") == out);
    encode(swap, (aats_oreq_t){.kind = AATS_OR_FILLS, .order = &known, .rules = &rules, .cursor = "a%3A1&b"});
    CHECK(strstr(out, "&limit=100&orderId=" REMOTE "&cursor=a%3A1%26b HTTP/1.1\r\n") != NULL); /* V-23 */
    encode(swap, (aats_oreq_t){.kind = AATS_OR_ACCOUNT});
    CHECK(strstr(out, "GET /v5/account/wallet-balance?accountType=UNIFIED HTTP/1.1\r\n") == out);
    encode(swap, (aats_oreq_t){.kind = AATS_OR_CANCEL_ALL, .rules = &rules});
    CHECK(strstr(out, "POST /v5/order/cancel-all HTTP/1.1\r\n") == out);
    CHECK(strstr(out, "Content-Length: 40\r\n\r\n{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}") != NULL);
}

/* ---- answers ---- */

TEST(v11_received_is_no_ack)
{
    REQUIRE(parse("{\"reqId\":\"17\",\"retCode\":0,\"retMsg\":\"OK\",\"op\":\"order.create\",\"data\":{\"orderId\":\"" REMOTE "\",\"orderLinkId\":\"" OURS
                  "\"},\"retExtInfo\":{},\"header\":{\"X-Bapi-Limit\":\"10\",\"X-Bapi-Limit-Status\":\"9\",\"X-Bapi-Limit-Reset-Timestamp\":"
                  "\"1785312003001\"},\"connId\":\"c\"}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    CHECK_EQ_I64(r.status, 200);
    CHECK_EQ_U64(r.id, 17);
    CHECK_EQ_I64(r.orders_used, 1);
    CHECK_EQ_I64(r.orders_limit, 10);
    CHECK_EQ_I64(r.orders_span_ms, 1000);
    REQUIRE(aats_order_venue_bybit_swap.result(&r, AATS_OR_PLACE, &order) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
    REQUIRE(aats_order_venue_bybit_swap.result(&r, AATS_OR_CANCEL, &order) == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_CANCEL_ACK);
    CHECK(ours(&msgs[0]));
}

TEST(errors_say_what_to_do)
{
    static struct { int code, unsure, fatal, busy, clock; uint32_t oc; } const ALL[] = {
        {10000, 1, 0, 0, 0, AATS_OC_VENUE_UNSURE}, {10019, 1, 0, 0, 0, AATS_OC_VENUE_UNSURE}, {110079, 1, 0, 0, 0, AATS_OC_VENUE_UNSURE},
        {10002, 0, 0, 0, 1, AATS_OC_TIMESTAMP},    {10005, 0, 1, 0, 0, AATS_OC_AUTH},         {10006, 0, 0, 1, 0, AATS_OC_RATE_LIMIT},
        {110001, 0, 0, 0, 0, AATS_OC_UNKNOWN_ORDER}, {110007, 0, 0, 0, 0, AATS_OC_BALANCE},   {170140, 0, 0, 0, 0, AATS_OC_FILTER},
        {110072, 0, 0, 0, 0, AATS_OC_VENUE_DUPLICATE}, {10001, 0, 0, 0, 0, AATS_OC_VENUE},    {999999, 0, 0, 0, 0, AATS_OC_VENUE},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        REQUIRE(refused(AATS_OR_PLACE, ALL[i].code) == AATS_OK);
        CHECK_EQ_I64(r.status, 400);
        CHECK_MSG(r.unsure == (uint32_t)ALL[i].unsure && r.fatal == (uint32_t)ALL[i].fatal && r.busy == (uint32_t)ALL[i].busy &&
                      r.clock == (uint32_t)ALL[i].clock && r.oc == ALL[i].oc, "code %d: oc %u", ALL[i].code, r.oc);
        REQUIRE(r.msg_cnt == 1);
        CHECK_EQ_U64(msgs[0].kind, ALL[i].unsure ? AATS_OM_UNKNOWN : AATS_OM_REJECT);
        CHECK(ours(&msgs[0]));
    }
    refused(AATS_OR_CANCEL, 110001);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_CANCEL_REJECT);
    refused(AATS_OR_AMEND, 110001);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_AMEND_REJECT);
    refused(AATS_OR_QUERY, 110001);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_ABSENT);
}

TEST(v18_answer_to_auth_and_subscribe_may_lack_the_id)
{
    REQUIRE(parse("{\"success\":true,\"ret_msg\":\"\",\"op\":\"auth\",\"conn_id\":\"c\"}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    CHECK_EQ_U64(r.answers, AATS_OR_LOGON);
    REQUIRE(parse("{\"success\":true,\"ret_msg\":\"\",\"op\":\"subscribe\",\"conn_id\":\"c\"}") == AATS_OK);
    CHECK_EQ_U64(r.answers, AATS_OR_LISTEN);
    REQUIRE(parse("{\"req_id\":\"9\",\"success\":true,\"ret_msg\":\"\",\"op\":\"auth\",\"conn_id\":\"c\"}") == AATS_OK);
    CHECK_EQ_U64(r.id, 9);
    CHECK_EQ_U64(r.answers, 0);
    REQUIRE(parse("{\"success\":false,\"ret_msg\":\"Invalid sign\",\"op\":\"auth\",\"conn_id\":\"c\"}") == AATS_OK);
    CHECK(r.fatal && r.oc == AATS_OC_AUTH);
    REQUIRE(parse("{\"success\":false,\"ret_msg\":\"request expired\",\"op\":\"auth\",\"conn_id\":\"c\"}") == AATS_OK);
    CHECK(!r.fatal && r.clock);
    static char const *const PONGS[] = {"{\"req_id\":\"5\",\"op\":\"pong\",\"args\":[\"1\"],\"conn_id\":\"c\"}",
                                        "{\"reqId\":\"5\",\"retCode\":0,\"retMsg\":\"OK\",\"op\":\"pong\",\"data\":[\"1\"],\"connId\":\"c\"}",
                                        "{\"success\":true,\"ret_msg\":\"pong\",\"op\":\"ping\",\"conn_id\":\"c\"}"};
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(parse(PONGS[i]) == AATS_OK);
        CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    }
}

TEST(pages_and_broken_answers_are_no_verdict_on_an_order)
{
    REQUIRE(http(503, "<html>maintenance</html>", AATS_OR_QUERY) == AATS_OK);
    CHECK(r.busy && r.kind == AATS_OV_REPLY);
    REQUIRE(http(502, "", AATS_OR_CANCEL_ALL) == AATS_OK);
    CHECK(r.unsure);
    REQUIRE(http(429, "", AATS_OR_OPEN) == AATS_OK);
    CHECK(r.busy && r.oc == AATS_OC_RATE_LIMIT);
    REQUIRE(http(403, "<html>access too frequent</html>", AATS_OR_OPEN) == AATS_OK);
    CHECK(r.busy && !r.fatal && r.oc == AATS_OC_BANNED);
    REQUIRE(http(200, "{\"retCode\":10002,\"retMsg\":\"time\",\"result\":{},\"time\":1785312003002}", AATS_OR_OPEN) == AATS_OK);
    CHECK(r.clock && r.status == 400);
    CHECK_EQ_I64(http(200, "{\"retMsg\":\"OK\"}", AATS_OR_OPEN), AATS_E_SHAPE);
    CHECK_EQ_I64(http(200, "{\"retCode\":0,", AATS_OR_OPEN), AATS_E_SYNTAX);
}

TEST(clock_is_the_answers_own)
{
    REQUIRE(result(AATS_OR_TIME, "{\"timeSecond\":\"1785312003\",\"timeNano\":\"1785312003002000000\"}") == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1785312003002);
}

TEST(query_finds_one_order_or_none)
{
    REQUIRE(result(AATS_OR_QUERY, "{\"category\":\"linear\",\"list\":[],\"nextPageCursor\":\"\"}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_ABSENT);
    REQUIRE(result(AATS_OR_QUERY, "{\"list\":[" ORDER_OF("linear", OURS, "GTC", "Limit", "PartiallyFilled", "UNKNOWN", "EC_NoError", "0.004") "]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_OPEN);
    CHECK_STR(msgs[0].remote_id, REMOTE);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
    CHECK_EQ_I64(msgs[0].px_i, 6400000000000);
    CHECK_EQ_I64(msgs[0].qty_i, 1000000);
    REQUIRE(result(AATS_OR_QUERY, "{\"list\":[" ORDER_OF("linear", OURS, "GTC", "Limit", "Filled", "UNKNOWN", "EC_NoError", "0.010") "]}") == AATS_OK);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_DONE);
    CHECK_EQ_U64(msgs[0].code, AATS_OC_FILLED);
    CHECK_EQ_I64(result(AATS_OR_QUERY, "{\"list\":[" ORDER_OF("linear", OTHER, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0") "]}"), AATS_E_SHAPE);
}

TEST(open_orders_are_ours_or_foreign_and_the_ended_are_left_out)
{
    REQUIRE(result(AATS_OR_OPEN, "{\"list\":[" ORDER_OF("linear", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0") ","
                                 ORDER_OF("linear", THEIRS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0") ","
                                 ORDER_OF("linear", OTHER, "GTC", "Limit", "Cancelled", "CancelByUser", "EC_PerCancelRequest", "0") "]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_OPEN);
    CHECK(ours(&msgs[0]));
    CHECK_EQ_U64(msgs[1].kind, AATS_OM_FOREIGN);
    CHECK_STR(msgs[1].text, THEIRS);
    CHECK_EQ_I64(msgs[1].order_id, 0);
}

TEST(V_23_a_page_says_where_the_next_one_begins_and_an_empty_one_is_the_last)
{
    char const *const row = ORDER_OF("linear", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0");
    char text[2048];
    snprintf(text, sizeof text, "{\"list\":[%s],\"nextPageCursor\":\"a%%3A1\",\"category\":\"linear\"}", row);
    REQUIRE(result(AATS_OR_OPEN, text) == AATS_OK && r.msg_cnt == 1);
    CHECK(r.next && r.next_len == 5 && !memcmp(r.next, "a%3A1", 5));
    REQUIRE(result(AATS_OR_QUERY, text) == AATS_OK);
    CHECK(r.next == NULL); /* it has one row */
    snprintf(text, sizeof text, "{\"list\":[%s],\"nextPageCursor\":\"\"}", row);
    REQUIRE(result(AATS_OR_OPEN, text) == AATS_OK);
    CHECK(r.next == NULL);
    REQUIRE(result(AATS_OR_FILLS, "{\"nextPageCursor\":\"a%3A1\",\"list\":[]}") == AATS_OK);
    CHECK(r.next == NULL);
}

TEST(executions_are_told_oldest_first)
{
    REQUIRE(result(AATS_OR_FILLS, "{\"list\":[" EXEC_OF("linear", OURS, "Trade", "00000000-0000-0002-8b7a-5a8d9b9f0e01", "64001", "0.002", "0.1") ","
                                  EXEC_OF("linear", OURS, "Funding", "x", "1", "1", "5") ","
                                  EXEC_OF("linear", OURS, "Trade", "00000000-0000-0001-8b7a-5a8d9b9f0e01", "64000", "0.004", "-0.0512") "]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_U64(msgs[0].trade_id, 1);
    CHECK_EQ_I64(msgs[0].px_i, 6400000000000);
    CHECK_EQ_I64(msgs[0].qty_i, 400000);
    CHECK_EQ_I64(msgs[0].fee_i, -5120000);
    CHECK_EQ_U64(msgs[0].liquidity, AATS_LIQ_MAKER);
    CHECK_STR(msgs[0].fee_asset, "USDT");
    CHECK_EQ_U64(msgs[1].trade_id, 2);
}

TEST(balances_and_positions_are_read)
{
    REQUIRE(result(AATS_OR_ACCOUNT, "{\"list\":[{\"accountType\":\"UNIFIED\",\"coin\":[{\"coin\":\"USDT\",\"walletBalance\":\"1000.25\",\"locked\":\"0.25\"},"
                                    "{\"coin\":\"BTC\",\"walletBalance\":\"-0.0000000012345\",\"locked\":\"\"}]}]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_STR(msgs[0].fee_asset, "USDT");
    CHECK(aats_wide(msgs[0].amount) == 100025000000);
    CHECK(aats_wide(msgs[0].locked) == 25000000);
    CHECK(aats_wide(msgs[1].amount) == 0);
    REQUIRE(result(AATS_OR_POSITIONS, "{\"list\":[{\"positionIdx\":0,\"symbol\":\"BTCUSDT\",\"side\":\"Sell\",\"size\":\"0.010\",\"avgPrice\":\"64000.5\"}]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_POSITION);
    CHECK_EQ_I64(msgs[0].qty_i, -1000000);
    CHECK_EQ_I64(msgs[0].px_i, 6400050000000);
}

/* ---- events ---- */

static uint32_t event(char const *text)
{
    CHECK_EQ_I64(parse(text), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
    for (size_t i = 0; i < r.msg_cnt; i++) CHECK(ours(&msgs[i]));
    return r.msg_cnt ? msgs[0].kind : AATS_OM_NONE;
}

TEST(v10_events_of_another_category_are_nobodys)
{
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("spot", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0"))), AATS_OM_NONE);
    CHECK_EQ_U64(event(EXECUTIONS(EXEC_OF("inverse", OURS, "Trade", EXEC_ID, "1", "1", "0"))), AATS_OM_NONE);
}

TEST(v11_life_of_an_order_is_told)
{
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "New", "UNKNOWN", "EC_NoError", "0"))), AATS_OM_OPEN);
    CHECK_EQ_I64(msgs[0].px_i, 6400000000000);
    CHECK_EQ_I64(msgs[0].cum_qty_i, -1);
    CHECK_EQ_U64(event(EXECUTIONS(EXEC_OF("linear", OURS, "Trade", EXEC_ID, "64000.00", "0.004", "0.0512"))), AATS_OM_FILL);
    CHECK_EQ_U64(msgs[0].trade_id, 0xb9a6e0e52f0a5c33ULL);
    CHECK_EQ_I64(msgs[0].venue_ns, 1785312005008000000);
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Filled", "UNKNOWN", "EC_NoError", "0.010"))), AATS_OM_ACK);
    CHECK_EQ_U64(r.msg_cnt, 1);
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Filled", "CancelByUser", "EC_OrigClOrdIDDoesNotExist", "0.010"))), AATS_OM_ACK);
}

TEST(v12_refusal_is_told_so_that_a_living_order_ends_by_it_too)
{
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "PostOnly", "Limit", "Cancelled", "UNKNOWN", "EC_PostOnlyWillTakeLiquidity", "0"))), AATS_OM_REJECT);
    CHECK_EQ_U64(msgs[0].code, AATS_OC_WOULD_CROSS);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_U64(msgs[1].kind, AATS_OM_DONE);
    CHECK_EQ_U64(msgs[1].code, AATS_OC_WOULD_CROSS);
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Rejected", "UNKNOWN", "EC_Others", "0"))), AATS_OM_REJECT);
    CHECK_STR(msgs[0].text, "EC_Others");
    CHECK_EQ_U64(event(ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Rejected", "UNKNOWN", "EC_Others", "0.004"))), AATS_OM_DONE);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
}

TEST(v13_v14_end_has_its_reason)
{
    static struct { char const *text; uint32_t code; } const ALL[] = {
        {ORDERS(ORDER_OF("linear", OURS, "IOC", "Limit", "Cancelled", "UNKNOWN", "EC_NoImmediateQtyToFill", "0")), AATS_OC_IOC_REST},
        {ORDERS(ORDER_OF("linear", OURS, "IOC", "Limit", "Cancelled", "UNKNOWN", "EC_NoError", "0.004")), AATS_OC_IOC_REST},
        {ORDERS(ORDER_OF("linear", OURS, "FOK", "Limit", "Cancelled", "UNKNOWN", "EC_CancelForNoFullFill", "0")), AATS_OC_EXPIRED},
        {ORDERS(ORDER_OF("linear", OURS, "IOC", "Market", "Cancelled", "UNKNOWN", "EC_NoEnoughQtyToFill", "0")), AATS_OC_EXPIRED},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "PartiallyFilledCanceled", "CancelByUser", "EC_PerCancelRequest", "0.004")), AATS_OC_CANCELED},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Cancelled", "CancelBySmp", "EC_NoError", "0")), AATS_OC_SELF_TRADE},
        {ORDERS(ORDER_OF("linear", OURS, "GTC", "Limit", "Deactivated", "CancelByDCP", "EC_NoError", "0")), AATS_OC_CANCELED_OTHER},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        CHECK_EQ_U64(event(ALL[i].text), AATS_OM_DONE);
        CHECK_MSG(msgs[0].code == ALL[i].code, "%s: code %u", ALL[i].text, msgs[0].code);
    }
}

TEST(v17_fine_fee_is_kept_at_its_own_exponent)
{
    CHECK_EQ_U64(event(EXECUTIONS(EXEC_OF("linear", OURS, "Trade", EXEC_ID, "1", "1", "0.000000000123"))), AATS_OM_FILL);
    CHECK_EQ_I64(msgs[0].fee_exp, -12);
    CHECK_EQ_I64(msgs[0].fee_i, 123);
}

TEST(money_that_is_no_fill_and_other_topics_say_nothing_of_orders)
{
    CHECK_EQ_U64(event(EXECUTIONS(EXEC_OF("linear", OURS, "Funding", EXEC_ID, "1", "1", "0.5"))), AATS_OM_NONE);
    REQUIRE(parse("{\"topic\":\"greeks\",\"data\":[]}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    REQUIRE(parse("{\"topic\":\"execution.fast\",\"data\":[{\"category\":\"linear\"}]}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    REQUIRE(parse("{\"id\":\"5\",\"topic\":\"wallet\",\"creationTime\":1700034722104,\"data\":[{\"accountType\":\"UNIFIED\",\"coin\":[{\"coin\":\"USDT\","
                  "\"walletBalance\":\"7\",\"locked\":\"0\"}]}]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].kind, AATS_OM_BALANCE);
    CHECK_EQ_I64(msgs[0].venue_ns, 1700034722104000000);
}

TEST(V_21_positions_of_two_sides_are_refused)
{
    sign_in();
    CHECK_EQ_I64(encode(&aats_order_venue_bybit, (aats_oreq_t){.kind = AATS_OR_MODE, .rules = &rules}), 0);
    REQUIRE(encode(&aats_order_venue_bybit_swap, (aats_oreq_t){.kind = AATS_OR_MODE, .rules = &rules}) > 0);
    CHECK(strstr(out, "GET /v5/position/list?category=linear&symbol=BTCUSDT") == out);
    CHECK_EQ_I64(aats_order_venue_bybit_swap.mode_by_symbol, 1);
    REQUIRE(result(AATS_OR_MODE, "{\"list\":[{\"positionIdx\":0,\"symbol\":\"BTCUSDT\",\"side\":\"\",\"size\":\"0\"}]}") == AATS_OK);
    CHECK(!r.unfit && r.msg_cnt == 0);
    REQUIRE(result(AATS_OR_MODE, "{\"list\":[{\"positionIdx\":1,\"symbol\":\"BTCUSDT\",\"side\":\"\",\"size\":\"0\"},{\"positionIdx\":2,\"symbol\":\"BTCUSDT\"}]}") == AATS_OK);
    CHECK(r.unfit && strstr(r.text, "hedge mode"));
    CHECK(result(AATS_OR_MODE, "{\"list\":[{\"symbol\":\"BTCUSDT\"}]}") < 0);
}

TEST(execution_tells_what_is_filled_in_all_by_what_it_leaves)
{
    REQUIRE(parse(EXECUTIONS(EXEC_OF("linear", OURS, "Trade", "7c0e8a5e-0000", "64000.00", "0.003", "0.1"))) == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000); /* 0.010 less 0.006 that are left */
    REQUIRE(parse(EXECUTIONS(EXEC_OF("linear", OURS, "Trade", "7c0e8a5e-0001", "64000.00", "0.007", "0.1"))) == AATS_OK);
    CHECK_EQ_I64(msgs[0].cum_qty_i, -1); /* less than this one alone: not believed */
}

RUN_ALL()
