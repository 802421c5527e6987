/* test_binance_futures_order.c -- the order dialects of Binance's futures and of Binance US: what is refused, each request as it is sent, signatures by the
 * published examples, each answer and event as the venue writes it, each odd behaviour by its number. */
#include "check.h"
#include "order/wide.h"
#include "venue/binance_futures_order.h"
#include "venue/binance_params.h"

#define SECRET "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
#define KEY    "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define OTHER  "00112233445566770000000000000002"
#define ED25519 "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSDTSWAP.BINANCE_SWAP", .native = "BTCUSDT"};
static aats_oauth_t auth;
static aats_order_t order;
static char out[2048];
static aats_order_venue_t const *v = &aats_order_venue_binance_swap;

static void begin(void)
{
    char why[200];
    aats_signer_free(auth.signer);
    auth = (aats_oauth_t){.signer = aats_signer_new(SECRET, strlen(SECRET), why, sizeof why)};
    strcpy(auth.key, KEY);
    strcpy(auth.token, "pqia91ma19a5s61c");
    order = (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8, .qty_exp = -8,
                           .px_i = 6420010000000, .qty_i = 1000000};
    r = (aats_oreply_t){.msgs = msgs};
    v = &aats_order_venue_binance_swap;
}

static int encode(int kind, aats_oreq_t req)
{
    req.kind = (uint32_t)kind;
    req.id = 7;
    req.time_ms = 1785312000301;
    req.host = "fapi.binance.com";
    if (!req.rules) req.rules = &rules;
    return v->encode(&req, &auth, out, sizeof out);
}

static int parse(char const *text) { return v->parse(text, strlen(text), &r); }

static int result(int kind, char const *json)
{
    static char text[8192];
    snprintf(text, sizeof text, "{\"id\":7,\"status\":200,\"result\":%s,\"rateLimits\":[]}", json);
    int e = parse(text);
    return e ? e : v->result(&r, kind, &order);
}

static int refused(int kind, int status, int code, char const *msg)
{
    char text[512];
    snprintf(text, sizeof text, "{\"id\":7,\"status\":%d,\"error\":{\"code\":%d,\"msg\":\"%s\"}}", status, code, msg);
    int e = parse(text);
    return e ? e : v->result(&r, kind, &order);
}

static int http(int status, char const *body, int kind)
{
    char head[300];
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nX-MBX-USED-WEIGHT-1M: 27\r\nX-MBX-ORDER-COUNT-10S: 3\r\n\r\n", status);
    return v->parse_http(status, head, strlen(head), body, strlen(body), kind, &r);
}

static int ours(aats_omsg_t const *m) { return m->instance == order.instance && m->order_id == order.order_id; }

#define ROW(client, executed, status, tif)                                                                                                         \
    "{\"orderId\":8389765599,\"symbol\":\"BTCUSDT\",\"status\":\"" status "\",\"clientOrderId\":\"" client "\",\"price\":\"64200.10\",\"origQty\":\"0.010\","  \
    "\"executedQty\":\"" executed "\",\"cumQty\":\"0.000\",\"timeInForce\":\"" tif "\",\"type\":\"LIMIT\",\"reduceOnly\":false,\"side\":\"BUY\","       \
    "\"positionSide\":\"BOTH\",\"stopPrice\":\"0.00\",\"workingType\":\"CONTRACT_PRICE\",\"updateTime\":1785312003001}"
#define UPDATE_OF(client, x, X, f, l, z, L, t, more)                                                                                              \
    "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1785312005012,\"T\":1785312005008,\"o\":{\"s\":\"BTCUSDT\",\"c\":\"" client "\",\"S\":\"BUY\",\"o\":\"LIMIT\","    \
    "\"f\":\"" f "\",\"q\":\"0.020\",\"p\":\"64000.00\",\"ap\":\"64000.00\",\"sp\":\"0\",\"x\":\"" x "\",\"X\":\"" X "\",\"i\":8389765599,\"l\":\"" l "\"," \
    "\"z\":\"" z "\",\"L\":\"" L "\"," more "\"T\":1785312005008,\"t\":" t ",\"b\":\"384.00\",\"a\":\"0\",\"m\":true,\"R\":false,\"ps\":\"BOTH\",\"rp\":\"0\"}}"
#define QUIET(x, X, f, z) UPDATE_OF(OURS, x, X, f, "0", z, "0", "0", "")
#define FILL(client, X, l, z, t) UPDATE_OF(client, "TRADE", X, "GTC", l, z, "64000.00", t, "\"N\":\"USDT\",\"n\":\"0.05120000\",")

/* ---- signatures ---- */

TEST(signatures_equal_the_published_examples)
{
    static struct { char const *text, *want; } const OF[] = {
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943",
         "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=9000&recvWindow=5000&timestamp=1591702613943",
         "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"},
    };
    char sign[AATS_SIGN_SZ];
    begin();
    for (size_t i = 0; i < sizeof OF / sizeof OF[0]; i++) {
        CHECK_EQ_I64(aats_sign(auth.signer, OF[i].text, strlen(OF[i].text), sign, sizeof sign), 64);
        CHECK_MSG(!strcmp(sign, OF[i].want), "%s", OF[i].text);
    }
    binance_params_t ps;
    binance_params_init(&ps);
    BINANCE_PARAM_LIT(&ps, "type", "LIMIT");
    BINANCE_PARAM_LIT(&ps, "symbol", "BTCUSDT");
    BINANCE_PARAM_LIT(&ps, "side", "BUY");
    BINANCE_PARAM_LIT(&ps, "timeInForce", "GTC");
    binance_param_decimal(&ps, "quantity", 100000000, -8);
    binance_param_decimal(&ps, "price", 900000000000, -8);
    binance_param_int(&ps, "recvWindow", 5000);
    binance_param_int(&ps, "timestamp", 1591702613943);
    binance_params_sign(&ps, &auth);
    REQUIRE(ps.err == AATS_OK && binance_params_json(&ps, 1, "order.place", out, sizeof out) > 0);
    CHECK_MSG(strstr(out, "\"signature\":\"5b8fe2b962b8e1b2b82fb40e548d56147c2a8f835b5f1393ae4b4b90c38b527f\"") != NULL, "%s", out);
}

/* ---- requests ---- */

TEST(request_that_must_not_go_out_is_refused)
{
    begin();
    aats_order_t bad = order;
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){0}), AATS_E_ARG);
    bad.side = 0;
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &bad}), AATS_E_ARG);
    bad = order, bad.tif = 9;
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &bad}), AATS_E_ARG);
    bad = order, bad.px_i = 0;
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &bad}), AATS_E_ARG);
    bad = order, bad.qty_i = 0;
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &bad}), AATS_E_ARG);
    CHECK_EQ_I64(encode(AATS_OR_FILLS, (aats_oreq_t){.order = &order}), AATS_E_ARG); /* its number is not known */
    aats_rules_t strange = rules;
    strcpy(strange.native, "BTC\"USDT");
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order, .rules = &strange}), AATS_E_ARG);
    strcpy(auth.key, "a\r\nb");
    CHECK_EQ_I64(encode(AATS_OR_TIME, (aats_oreq_t){0}), AATS_E_ARG);
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}), AATS_E_ARG);
    begin();
    aats_signer_free(auth.signer), auth.signer = NULL;
    CHECK_EQ_I64(encode(AATS_OR_OPEN, (aats_oreq_t){0}), AATS_E_ARG);
    CHECK_EQ_I64(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}), AATS_E_ARG);
}

TEST(request_without_room_is_refused_at_every_size)
{
    static int const KINDS[] = {AATS_OR_PLACE, AATS_OR_AMEND, AATS_OR_OPEN, AATS_OR_TOKEN};
    begin();
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        aats_oreq_t req = {.kind = (uint32_t)KINDS[i], .id = 7, .time_ms = 1, .order = &order, .rules = &rules, .host = "h", .px_i = 1, .qty_i = 1};
        int const n = v->encode(&req, &auth, out, sizeof out);
        REQUIRE(n > 0);
        for (int cap = 0; cap <= n; cap++) {
            char *room = malloc(cap ? (size_t)cap : 1); /* AddressSanitizer stands at its end */
            CHECK_EQ_I64(v->encode(&req, &auth, room, (size_t)cap), AATS_E_FULL);
            free(room);
        }
    }
}

TEST(orders_go_by_the_websocket_api_sorted_and_signed)
{
    static struct { int tif; char const *says; } const TIFS[] = {
        {AATS_TIF_GTC, "\"timeInForce\":\"GTC\""}, {AATS_TIF_IOC, "\"timeInForce\":\"IOC\""}, {AATS_TIF_FOK, "\"timeInForce\":\"FOK\""},
        {AATS_TIF_POS, "\"timeInForce\":\"GTX\""}, {AATS_TIF_MARKET, "\"type\":\"MARKET\""},
    };
    begin();
    auth.logged_on = 1;
    REQUIRE(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}) > 0);
    CHECK_MSG(!strcmp(out, "{\"id\":7,\"method\":\"order.place\",\"params\":{\"newClientOrderId\":\"" OURS "\",\"price\":\"64200.1\",\"quantity\":\"0.01\","
                           "\"side\":\"BUY\",\"symbol\":\"BTCUSDT\",\"timeInForce\":\"GTC\",\"timestamp\":1785312000301,\"type\":\"LIMIT\"}}"), "%s", out);
    for (size_t i = 0; i < 5; i++) {
        order.tif = (uint8_t)TIFS[i].tif;
        REQUIRE(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}) > 0);
        CHECK_MSG(strstr(out, TIFS[i].says) != NULL, "%s", out);
        CHECK(!strstr(out, "positionSide")); /* V-30 */
        if (TIFS[i].tif == AATS_TIF_MARKET) CHECK(!strstr(out, "price") && !strstr(out, "timeInForce"));
    }
    begin();
    REQUIRE(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}) > 0);
    CHECK(strstr(out, "\"params\":{\"apiKey\":\"" KEY "\",") != NULL && strstr(out, "\"signature\":\"") != NULL);
    auth.logged_on = 1;
    REQUIRE(encode(AATS_OR_CANCEL, (aats_oreq_t){.order = &order}) > 0);
    CHECK(!strcmp(out, "{\"id\":7,\"method\":\"order.cancel\",\"params\":{\"origClientOrderId\":\"" OURS "\",\"symbol\":\"BTCUSDT\",\"timestamp\":1785312000301}}"));
    strcpy(order.remote_id, "8389765599");
    REQUIRE(encode(AATS_OR_QUERY, (aats_oreq_t){.order = &order}) > 0);
    CHECK(!strcmp(out, "{\"id\":7,\"method\":\"order.status\",\"params\":{\"orderId\":8389765599,\"symbol\":\"BTCUSDT\",\"timestamp\":1785312000301}}"));
    REQUIRE(encode(AATS_OR_AMEND, (aats_oreq_t){.order = &order, .px_i = 6400000000000}) > 0); /* both numbers, whichever changes */
    CHECK_MSG(!strcmp(out, "{\"id\":7,\"method\":\"order.modify\",\"params\":{\"orderId\":8389765599,\"price\":\"64000\",\"quantity\":\"0.01\",\"side\":\"BUY\","
                           "\"symbol\":\"BTCUSDT\",\"timestamp\":1785312000301}}"), "%s", out);
}

TEST(everything_else_goes_by_rest_signed_over_the_text_that_is_sent)
{
    char sign[AATS_SIGN_SZ], want[1024];
    begin();
    strcpy(order.remote_id, "8389765599");
    struct { int kind; aats_oreq_t req; char const *line, *query; } const OF[] = {
        {AATS_OR_OPEN, {0}, "GET /fapi/v1/openOrders?", "symbol=BTCUSDT&timestamp=1785312000301"},
        {AATS_OR_ACCOUNT, {0}, "GET /fapi/v3/balance?", "timestamp=1785312000301"},
        {AATS_OR_POSITIONS, {0}, "GET /fapi/v3/positionRisk?", "timestamp=1785312000301"},
        {AATS_OR_FILLS, {.order = &order, .from_id = 5}, "GET /fapi/v1/userTrades?", "symbol=BTCUSDT&orderId=8389765599&fromId=5&limit=1000&timestamp=1785312000301"},
        {AATS_OR_FILLS, {.order = &order}, "GET /fapi/v1/userTrades?", "symbol=BTCUSDT&orderId=8389765599&fromId=0&limit=1000&timestamp=1785312000301"}, /* the first ones first */
        {AATS_OR_CANCEL_ALL, {0}, "DELETE /fapi/v1/allOpenOrders?", "symbol=BTCUSDT&timestamp=1785312000301"},
        {AATS_OR_DEADMAN, {.deadman_ms = 120000}, "POST /fapi/v1/countdownCancelAll?", "symbol=BTCUSDT&countdownTime=120000&timestamp=1785312000301"},
    };
    for (size_t i = 0; i < sizeof OF / sizeof OF[0]; i++) {
        REQUIRE(encode(OF[i].kind, OF[i].req) > 0);
        aats_sign(auth.signer, OF[i].query, strlen(OF[i].query), sign, sizeof sign);
        snprintf(want, sizeof want, "%s%s&signature=%s HTTP/1.1\r\nHost: fapi.binance.com\r\nUser-Agent: aats\r\nX-MBX-APIKEY: " KEY "\r\n%s\r\n", OF[i].line,
                 OF[i].query, sign, OF[i].line[0] == 'P' ? "Content-Length: 0\r\n" : "");
        CHECK_MSG(!strcmp(out, want), "%s\n%s", out, want);
    }
    REQUIRE(encode(AATS_OR_TIME, (aats_oreq_t){0}) > 0);
    CHECK(!strncmp(out, "GET /fapi/v1/time HTTP/1.1\r\n", 28));
    REQUIRE(encode(AATS_OR_TOKEN, (aats_oreq_t){0}) > 0);
    CHECK(!strncmp(out, "POST /fapi/v1/listenKey HTTP/1.1\r\n", 34) && strstr(out, "Content-Length: 0\r\n"));
    REQUIRE(encode(AATS_OR_TOKEN_KEEP, (aats_oreq_t){0}) > 0);
    CHECK(!strncmp(out, "PUT /fapi/v1/listenKey HTTP/1.1\r\n", 33));
    v = &aats_order_venue_binance_coinm;
    REQUIRE(encode(AATS_OR_POSITIONS, (aats_oreq_t){0}) > 0);
    CHECK(!strncmp(out, "GET /dapi/v1/positionRisk?", 26));
    REQUIRE(encode(AATS_OR_CANCEL_ALL, (aats_oreq_t){0}) > 0);
    CHECK(!strncmp(out, "DELETE /dapi/v1/allOpenOrders?", 30));
}

TEST(signature_of_an_ed25519_key_is_escaped_in_a_query_and_that_key_alone_logs_on)
{
    char why[200];
    begin();
    CHECK_EQ_I64(encode(AATS_OR_LOGON, (aats_oreq_t){0}), 0);
    aats_signer_free(auth.signer);
    auth.signer = aats_signer_new(ED25519, strlen(ED25519), why, sizeof why);
    REQUIRE(auth.signer != NULL && encode(AATS_OR_LOGON, (aats_oreq_t){0}) > 0);
    CHECK(strstr(out, "\"method\":\"session.logon\"") && strstr(out, "\"apiKey\"") && strstr(out, "\"signature\""));
    REQUIRE(encode(AATS_OR_OPEN, (aats_oreq_t){0}) > 0);
    char const *sign = strstr(out, "&signature="), *end = strstr(out, " HTTP/1.1");
    REQUIRE(sign && end);
    for (char const *c = sign + 11; c < end; c++) CHECK(*c != '+' && *c != '/' && *c != '=');
    CHECK(strstr(out, "%3D%3D HTTP/1.1"));
}

TEST(ways_carry_each_kind_once_and_events_come_by_the_listen_key)
{
    char path[400];
    begin();
    aats_order_venue_t const *const ALL[] = {&aats_order_venue_binance_swap, &aats_order_venue_binance_coinm, &aats_order_venue_binanceus};
    static char const *const EVENTS[] = {"/private/ws/pqia91ma19a5s61c", "/ws/pqia91ma19a5s61c", "/ws/pqia91ma19a5s61c"};
    for (int i = 0; i < 3; i++) {
        uint32_t seen = 0;
        for (uint32_t w = 0; w < ALL[i]->way_cnt; w++) {
            CHECK_EQ_U64(seen & ALL[i]->ways[w].kinds, 0);
            seen |= ALL[i]->ways[w].kinds;
        }
        CHECK(seen & 1u << AATS_OR_TOKEN && seen & 1u << AATS_OR_TOKEN_KEEP && seen & 1u << AATS_OR_PLACE && seen & 1u << AATS_OR_TIME);
        REQUIRE(ALL[i]->ways[1].token && ALL[i]->ways[1].events);
        REQUIRE(ALL[i]->ways[1].path(&auth, path, sizeof path) > 0);
        CHECK_MSG(!strcmp(path, EVENTS[i]), "%s", path);
        CHECK_EQ_I64(ALL[i]->ways[1].path(&auth, path, 10), AATS_E_FULL);
        CHECK(aats_order_venue_find(ALL[i]->name) == ALL[i]);
    }
}

/* ---- answers ---- */

TEST(v32_new_order_is_acked_with_the_venues_number)
{
    begin();
    REQUIRE(result(AATS_OR_PLACE, ROW(OURS, "0.000", "NEW", "GTC")) == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ACK);
    CHECK(ours(&msgs[0]) && !strcmp(msgs[0].remote_id, "8389765599"));
    REQUIRE(result(AATS_OR_PLACE, ROW(OURS, "0.004", "EXPIRED", "IOC")) == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[1].code, AATS_OC_IOC_REST);
    CHECK_EQ_I64(msgs[1].cum_qty_i, 400000);
    CHECK_EQ_I64(result(AATS_OR_PLACE, ROW(OTHER, "0.000", "NEW", "GTC")), AATS_E_SHAPE);
    CHECK_EQ_I64(result(AATS_OR_PLACE, ROW(OURS, "0.000", "SINGING", "GTC")), AATS_E_SHAPE);
    CHECK_EQ_I64(result(AATS_OR_PLACE, "{}"), AATS_E_SHAPE);
    strcpy(order.remote_id, "5");
    CHECK_EQ_I64(result(AATS_OR_CANCEL, ROW(OURS, "0.000", "CANCELED", "GTC")), AATS_E_SHAPE); /* another number than the one we know */
}

TEST(cancel_amend_and_query_say_what_became_of_the_order)
{
    begin();
    REQUIRE(result(AATS_OR_CANCEL, ROW(OURS, "0.004", "CANCELED", "GTC")) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_CANCEL_ACK);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[1].cum_qty_i, 400000);
    REQUIRE(result(AATS_OR_AMEND, ROW(OURS, "0.004", "PARTIALLY_FILLED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_AMENDED);
    CHECK_EQ_I64(msgs[0].px_i, 6420010000000);
    CHECK_EQ_I64(msgs[0].qty_i, 1000000);
    REQUIRE(result(AATS_OR_AMEND, ROW(OURS, "0.010", "CANCELED", "GTC")) == AATS_OK && r.msg_cnt == 2); /* V-34 */
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_DONE);
    REQUIRE(result(AATS_OR_QUERY, ROW(OURS, "0.004", "PARTIALLY_FILLED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
    CHECK_EQ_I64(msgs[0].qty_i, 1000000);
    REQUIRE(result(AATS_OR_QUERY, ROW(OURS, "0.010", "FILLED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_FILLED);
    REQUIRE(refused(AATS_OR_QUERY, 400, -2013, "Order does not exist.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ABSENT);
}

TEST(rest_answers_are_read_and_their_limits_with_them)
{
    begin();
    REQUIRE(http(200, "[" ROW(OURS, "0.004", "NEW", "GTC") "," ROW("web_1", "0", "NEW", "GTC") "]", AATS_OR_OPEN) == AATS_OK);
    REQUIRE(v->result(&r, AATS_OR_OPEN, NULL) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_FOREIGN);
    REQUIRE(r.limit_cnt == 2);
    CHECK_EQ_I64(r.limits[0].used, 27);
    CHECK_EQ_I64(r.limits[1].kind, AATS_OL_ORDERS);
    REQUIRE(http(200, "{\"serverTime\":1785312000123}", AATS_OR_TIME) == AATS_OK && v->result(&r, AATS_OR_TIME, NULL) == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1785312000123);
    REQUIRE(http(200, "{\"listenKey\":\"abc\"}", AATS_OR_TOKEN) == AATS_OK && v->result(&r, AATS_OR_TOKEN, NULL) == AATS_OK);
    CHECK(r.token_len == 3 && !memcmp(r.token, "abc", 3));
    REQUIRE(http(200, "{\"listenKey\":\"\"}", AATS_OR_TOKEN) == AATS_OK);
    CHECK_EQ_I64(v->result(&r, AATS_OR_TOKEN, NULL), AATS_E_SHAPE);
    REQUIRE(http(200, "{}", AATS_OR_TOKEN_KEEP) == AATS_OK && v->result(&r, AATS_OR_TOKEN_KEEP, NULL) == AATS_OK);
    REQUIRE(http(200, "{\"code\":200,\"msg\":\"The operation of cancel all open order is done.\"}", AATS_OR_CANCEL_ALL) == AATS_OK); /* V-35 */
    CHECK_EQ_I64(r.status, 200);
    CHECK_EQ_I64(v->result(&r, AATS_OR_CANCEL_ALL, NULL), AATS_OK);
    REQUIRE(http(400, "{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}", AATS_OR_ACCOUNT) == AATS_OK);
    CHECK(r.fatal && r.oc == AATS_OC_AUTH && r.code == -2015);
    REQUIRE(http(503, "<html><h1>maintenance</h1></html>", AATS_OR_OPEN) == AATS_OK);
    CHECK(r.busy && r.status == 503 && r.kind == AATS_OV_REPLY);
    CHECK_EQ_I64(http(200, "{\"serverTime\":17", AATS_OR_TIME), AATS_E_SYNTAX);
}

TEST(fills_balances_and_positions_are_told)
{
    begin();
    strcpy(order.remote_id, "25851813");
#define TRADE_OF(id, remote) "{\"symbol\":\"BTCUSDT\",\"id\":" id ",\"orderId\":" remote ",\"side\":\"SELL\",\"price\":\"7819.01\",\"qty\":\"0.002\"," \
    "\"quoteQty\":\"15.63802\",\"commission\":\"-0.07819010\",\"commissionAsset\":\"USDT\",\"realizedPnl\":\"-0.91539999\",\"positionSide\":\"BOTH\"," \
    "\"maker\":true,\"buyer\":false,\"time\":1569514978020}"
    REQUIRE(http(200, "[" TRADE_OF("698759", "25851813") "," TRADE_OF("698760", "9") "]", AATS_OR_FILLS) == AATS_OK);
    REQUIRE(v->result(&r, AATS_OR_FILLS, &order) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK_EQ_U64(msgs[0].trade_id, 698759);
    CHECK_EQ_I64(msgs[0].fee_i, -7819010);
    CHECK_EQ_I64(msgs[0].liquidity, AATS_LIQ_MAKER);
    REQUIRE(http(200, "[{\"accountAlias\":\"S\",\"asset\":\"USDT\",\"balance\":\"122607.35137903\",\"availableBalance\":\"122600.35137903\"}]", AATS_OR_ACCOUNT) == AATS_OK);
    REQUIRE(v->result(&r, AATS_OR_ACCOUNT, NULL) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_U64(msgs[0].amount.lo, 12260735137903u);
    CHECK_EQ_U64(msgs[0].locked.lo, 700000000u);
    REQUIRE(http(200, "[{\"symbol\":\"BTCUSDT\",\"positionSide\":\"BOTH\",\"positionAmt\":\"-0.010\",\"entryPrice\":\"64000.123456789\"},"
                      "{\"symbol\":\"ETHUSDT\",\"positionSide\":\"LONG\",\"positionAmt\":\"1\",\"entryPrice\":\"1\"},"
                      "{\"symbol\":\"ETHUSDT\",\"positionSide\":\"SHORT\",\"positionAmt\":\"0\",\"entryPrice\":\"0\"}]", AATS_OR_POSITIONS) == AATS_OK);
    REQUIRE(v->result(&r, AATS_OR_POSITIONS, NULL) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_POSITION);
    CHECK_EQ_I64(msgs[0].qty_i, -1000000);
    CHECK_EQ_I64(msgs[0].px_i, 6400012345678);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_STRANGE); /* V-30 */
    CHECK(strstr(msgs[1].text, "hedge mode"));
}

TEST(errors_mean_what_the_fact_sheet_says)
{
    static struct { int status, code, unsure, fatal, busy, clock; uint32_t oc; } const OF[] = {
        {400, -5022, 0, 0, 0, 0, AATS_OC_WOULD_CROSS}, {400, -2019, 0, 0, 0, 0, AATS_OC_BALANCE},  {400, -2022, 0, 0, 0, 0, AATS_OC_REDUCE_ONLY},
        {400, -4164, 0, 0, 0, 0, AATS_OC_NOTIONAL},    {400, -4014, 0, 0, 0, 0, AATS_OC_FILTER},   {400, -5028, 0, 0, 0, 1, AATS_OC_TIMESTAMP},
        {400, -1021, 0, 0, 0, 1, AATS_OC_TIMESTAMP},   {400, -2015, 0, 1, 0, 0, AATS_OC_AUTH},     {429, -1015, 0, 0, 1, 0, AATS_OC_RATE_LIMIT},
        {503, -1008, 0, 0, 1, 0, AATS_OC_RATE_LIMIT},  {503, -1000, 1, 0, 0, 0, AATS_OC_VENUE_UNSURE}, {400, -4131, 0, 0, 0, 0, AATS_OC_PRICE_BAND},
        {400, -4116, 1, 0, 0, 0, AATS_OC_VENUE_UNSURE}, /* V-31 */
    };
    begin();
    for (size_t i = 0; i < sizeof OF / sizeof OF[0]; i++) {
        REQUIRE(refused(AATS_OR_PLACE, OF[i].status, OF[i].code, "x") == AATS_OK && r.msg_cnt == 1);
        CHECK_MSG((int)r.unsure == OF[i].unsure && (int)r.fatal == OF[i].fatal && (int)r.busy == OF[i].busy && (int)r.clock == OF[i].clock && r.oc == OF[i].oc,
                  "code %d", OF[i].code);
        CHECK_EQ_I64(msgs[0].kind, OF[i].unsure ? AATS_OM_UNKNOWN : AATS_OM_REJECT);
    }
    REQUIRE(refused(AATS_OR_AMEND, 400, -5027, "No need to modify the order.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_AMEND_REJECT);
    REQUIRE(refused(AATS_OR_CANCEL, 400, -2011, "Unknown order sent.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_UNKNOWN_ORDER);
    REQUIRE(refused(AATS_OR_PLACE, 400, -4061, "Order's position side does not match user's setting.") == AATS_OK); /* V-30 */
    CHECK(strstr(msgs[0].text, "hedge mode"));
}

/* ---- events ---- */

TEST(order_events_become_messages)
{
    static struct { char const *text; int kind, code, kind2; } const OF[] = {
        {QUIET("NEW", "NEW", "GTC", "0"), AATS_OM_ACK, 0, 0},
        {QUIET("CANCELED", "CANCELED", "GTC", "0.004"), AATS_OM_DONE, AATS_OC_CANCELED, 0},
        {QUIET("EXPIRED", "EXPIRED", "IOC", "0.004"), AATS_OM_DONE, AATS_OC_IOC_REST, 0},
        {QUIET("EXPIRED", "EXPIRED_IN_MATCH", "GTC", "0"), AATS_OM_DONE, AATS_OC_SELF_TRADE, 0},
        {QUIET("EXPIRED", "EXPIRED", "GTX", "0"), AATS_OM_REJECT, AATS_OC_WOULD_CROSS, AATS_OM_DONE}, /* V-33 */
        {QUIET("AMENDMENT", "NEW", "GTC", "0"), AATS_OM_AMENDED, 0, 0},
        {QUIET("AMENDMENT", "CANCELED", "GTC", "0"), AATS_OM_AMENDED, 0, AATS_OM_DONE}, /* V-34 */
        {FILL(OURS, "PARTIALLY_FILLED", "0.004", "0.004", "6543299999"), AATS_OM_FILL, 0, 0},
        {FILL(OURS, "FILLED", "0.004", "0.020", "6543299999"), AATS_OM_FILL, 0, 0},
        {FILL("autoclose-1596542005017000006", "FILLED", "0.004", "0.020", "6543299999"), AATS_OM_FOREIGN, 0, 0}, /* V-38 */
    };
    begin();
    for (size_t i = 0; i < sizeof OF / sizeof OF[0]; i++) {
        REQUIRE(parse(OF[i].text) == AATS_OK);
        CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
        CHECK_MSG(r.msg_cnt == (OF[i].kind2 ? 2u : 1u), "%s", OF[i].text);
        CHECK_MSG((int)msgs[0].kind == OF[i].kind && (int)msgs[0].code == OF[i].code, "%s: kind %u code %u", OF[i].text, msgs[0].kind, msgs[0].code);
        if (OF[i].kind2) CHECK_EQ_I64(msgs[1].kind, OF[i].kind2);
        if (OF[i].kind != AATS_OM_FOREIGN) CHECK(ours(&msgs[0]));
        if (OF[i].kind == AATS_OM_AMENDED) CHECK(msgs[0].px_i == 6400000000000 && msgs[0].qty_i == 2000000);
        if (OF[i].kind == AATS_OM_FILL) {
            CHECK_EQ_U64(msgs[0].trade_id, 6543299999u);
            CHECK_EQ_I64(msgs[0].px_i, 6400000000000);
            CHECK_EQ_I64(msgs[0].fee_i, 5120000);
            CHECK(!strcmp(msgs[0].fee_asset, "USDT"));
            CHECK_EQ_I64(msgs[0].liquidity, AATS_LIQ_MAKER);
        }
    }
}

TEST(order_event_of_another_shape_is_refused_and_says_nothing)
{
    static char const *const BAD[] = {
        "{\"e\":\"ORDER_TRADE_UPDATE\"}", "{\"e\":\"ORDER_TRADE_UPDATE\",\"o\":{}}",
        FILL(OURS, "FILLED", "0", "0.004", "5"), FILL(OURS, "FILLED", "0.005", "0.004", "5"), FILL(OURS, "FILLED", "0.004", "0.004", "0"),
        "{\"e\":\"ACCOUNT_UPDATE\",\"T\":1}", "{\"e\":\"ACCOUNT_UPDATE\",\"T\":1,\"a\":{\"B\":[{\"a\":\"USDT\"}]}}",
        "{\"e\":\"ACCOUNT_UPDATE\",\"T\":1,\"a\":{\"P\":7}}",
    };
    begin();
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        CHECK_MSG(parse(BAD[i]) < 0, "%s", BAD[i]);
        CHECK_EQ_U64(r.msg_cnt, 0);
    }
}

TEST(account_events_tell_balances_and_positions)
{
    begin();
    REQUIRE(parse("{\"e\":\"ACCOUNT_UPDATE\",\"E\":1564745798939,\"T\":1564745798938,\"a\":{\"m\":\"ORDER\",\"B\":[{\"a\":\"USDT\",\"wb\":\"122624.12345678\","
                  "\"cw\":\"100.1\",\"bc\":\"50\"}],\"P\":[{\"s\":\"BTCUSDT\",\"pa\":\"-0.010\",\"ep\":\"64000.00000\",\"bep\":\"0\",\"cr\":\"200\",\"up\":\"0\","
                  "\"mt\":\"cross\",\"iw\":\"0.0\",\"ps\":\"BOTH\"}]}}") == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_BALANCE);
    CHECK_EQ_U64(msgs[0].amount.lo, 12262412345678u);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_POSITION);
    CHECK_EQ_I64(msgs[1].qty_i, -1000000);
    CHECK_EQ_I64(msgs[1].px_i, 6400000000000);
    CHECK(!strcmp(msgs[1].symbol, "BTCUSDT"));
}

TEST(v36_v37_other_events_are_passed_over_and_the_end_of_a_listen_key_is_noticed)
{
    begin();
    REQUIRE(parse("{\"e\":\"TRADE_LITE\",\"E\":1,\"T\":1,\"s\":\"BTCUSDT\",\"q\":\"0.01\",\"p\":\"0\",\"m\":false,\"c\":\"" OURS "\",\"S\":\"BUY\",\"L\":\"1\",\"l\":\"1\",\"t\":5,\"i\":9}") == AATS_OK);
    CHECK(r.kind == AATS_OV_OTHER && r.msg_cnt == 0);
    REQUIRE(parse("{\"e\":\"listenKeyExpired\",\"E\":1,\"listenKey\":\"abc\"}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_DEAF);
    v = &aats_order_venue_binanceus;
    REQUIRE(parse("{\"e\":\"listenKeyExpired\",\"E\":1,\"listenKey\":\"abc\"}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_DEAF); /* V-41 */
}

/* ---- Binance US ---- */

TEST(binance_us_asks_for_a_listen_key_over_its_websocket)
{
    begin();
    v = &aats_order_venue_binanceus;
    REQUIRE(encode(AATS_OR_TOKEN, (aats_oreq_t){0}) > 0);
    CHECK(!strcmp(out, "{\"id\":7,\"method\":\"userDataStream.start\",\"params\":{\"apiKey\":\"" KEY "\"}}"));
    REQUIRE(encode(AATS_OR_TOKEN_KEEP, (aats_oreq_t){0}) > 0);
    CHECK(!strcmp(out, "{\"id\":7,\"method\":\"userDataStream.ping\",\"params\":{\"apiKey\":\"" KEY "\",\"listenKey\":\"pqia91ma19a5s61c\"}}"));
    REQUIRE(encode(AATS_OR_ACCOUNT, (aats_oreq_t){0}) > 0);
    CHECK(strstr(out, "account.status") && !strstr(out, "omitZero") && strstr(out, "signature"));
    REQUIRE(encode(AATS_OR_PLACE, (aats_oreq_t){.order = &order}) > 0);
    CHECK(strstr(out, "\"method\":\"order.place\"") && strstr(out, "signature"));
    CHECK_EQ_I64(encode(AATS_OR_LOGON, (aats_oreq_t){0}), 0);
    CHECK_EQ_I64(encode(AATS_OR_LISTEN, (aats_oreq_t){0}), 0);
    CHECK_EQ_I64(encode(AATS_OR_AMEND, (aats_oreq_t){.order = &order}), 0);
    REQUIRE(result(AATS_OR_TOKEN, "{\"listenKey\":\"xs0m\"}") == AATS_OK);
    CHECK(r.token_len == 4 && !memcmp(r.token, "xs0m", 4));
    CHECK_EQ_I64(result(AATS_OR_TOKEN, "{}"), AATS_E_SHAPE);
    CHECK_EQ_I64(result(AATS_OR_TOKEN_KEEP, "{}"), AATS_OK);
}

TEST(V_30_the_position_mode_is_asked_for_and_two_sides_are_refused)
{
    begin();
    REQUIRE(encode(AATS_OR_MODE, (aats_oreq_t){0}) > 0);
    CHECK(strstr(out, "GET /fapi/v1/positionSide/dual?") == out);
    REQUIRE(http(200, "{\"dualSidePosition\":false}", AATS_OR_MODE) == AATS_OK);
    CHECK(v->result(&r, AATS_OR_MODE, NULL) == AATS_OK && !r.unfit && r.msg_cnt == 0);
    REQUIRE(http(200, "{\"dualSidePosition\":true}", AATS_OR_MODE) == AATS_OK);
    CHECK(v->result(&r, AATS_OR_MODE, NULL) == AATS_OK && r.unfit && strstr(r.text, "hedge mode"));
    REQUIRE(http(200, "{\"dualSidePosition\":\"no\"}", AATS_OR_MODE) == AATS_OK);
    CHECK(v->result(&r, AATS_OR_MODE, NULL) < 0);
    REQUIRE(http(200, "{}", AATS_OR_MODE) == AATS_OK);
    CHECK(v->result(&r, AATS_OR_MODE, NULL) < 0);
}

RUN_ALL()
