/* test_binance_order.c -- Binance's order dialect: what is refused, each request as it is sent, each answer and event as the venue writes it,
 * each odd behaviour by its number. */
#include "check.h"
#include "order/client_id.h"
#include "order/wide.h"
#include "venue/binance_order.h"
#include "venue/order.h"

#define SECRET "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
#define ED25519 "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
#define KEY    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define OTHER  "00112233445566770000000000000002" /* of another order of the same process */
#define THEIRS "web_7f3a"

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT"};
static char out[1024];

static aats_order_t order_of(int side, int tif)
{
    return (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = (uint8_t)side, .tif = (uint8_t)tif, .px_exp = -8, .qty_exp = -8,
                          .px_i = 6420000000000, .qty_i = 1000000};
}

static aats_order_t order;
__attribute__((constructor)) static void make_order(void) { order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC); }

static int parse(char const *text) { return aats_order_venue_binance.parse(text, strlen(text), &r); }

/* The answer to a request of that kind, with this as its result. */
static char const *with_result(char const *result)
{
    static char text[8192];
    snprintf(text, sizeof text, "{\"id\":7,\"status\":200,\"result\":%s,\"rateLimits\":[]}", result);
    return text;
}

static int result(int kind, char const *json)
{
    int e = parse(with_result(json));
    return e ? e : aats_order_venue_binance.result(&r, kind, &order);
}

static int refused(int kind, int status, int code, char const *msg)
{
    char text[512];
    snprintf(text, sizeof text, "{\"id\":7,\"status\":%d,\"error\":{\"code\":%d,\"msg\":\"%s\"}}", status, code, msg);
    int e = parse(text);
    return e ? e : aats_order_venue_binance.result(&r, kind, &order);
}

static int ours(aats_omsg_t const *m) { return m->instance == order.instance && m->order_id == order.order_id; }

/* ---- messages as the venue writes them ---- */

#define REPORT(c, C, x, X, f, l, z, L, n, N, t) "{\"e\":\"executionReport\",\"E\":1785312001020,\"s\":\"BTCUSDT\",\"c\":\"" c "\",\"S\":\"BUY\"," \
    "\"o\":\"LIMIT\",\"f\":\"" f "\",\"q\":\"0.01000000\",\"p\":\"64200.00000000\",\"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"" C "\"," \
    "\"x\":\"" x "\",\"X\":\"" X "\",\"r\":\"NONE\",\"i\":40123456789,\"l\":\"" l "\",\"z\":\"" z "\",\"L\":\"" L "\",\"n\":\"" n "\",\"N\":" N "," \
    "\"T\":1785312001019,\"t\":" t ",\"I\":88123456789,\"w\":true,\"m\":true,\"M\":false,\"O\":1785312000301,\"Z\":\"256.80000000\"," \
    "\"Y\":\"256.80000000\",\"Q\":\"0.00000000\",\"W\":1785312000301,\"V\":\"EXPIRE_MAKER\"}"
#define QUIET(c, C, x, X, f, z) REPORT(c, C, x, X, f, "0.00000000", z, "0.00000000", "0", "null", "-1")
#define FILL(X, l, z) REPORT(OURS, "", "TRADE", X, "GTC", l, z, "64200.00000000", "0.00000400", "\"BTC\"", "5212345700")
#define EVENT(e) "{\"subscriptionId\":0,\"event\":" e "}"

#define PLACED(id, executed, status, tif, fills) "{\"symbol\":\"BTCUSDT\",\"orderId\":40123456789,\"orderListId\":-1,\"clientOrderId\":\"" id "\"," \
    "\"transactTime\":1785312000301,\"price\":\"64200.00000000\",\"origQty\":\"0.01000000\",\"executedQty\":\"" executed "\"," \
    "\"origQuoteOrderQty\":\"0.00000000\",\"cummulativeQuoteQty\":\"0.00000000\",\"status\":\"" status "\",\"timeInForce\":\"" tif "\"," \
    "\"type\":\"LIMIT\",\"side\":\"BUY\",\"workingTime\":1785312000301,\"fills\":[" fills "],\"selfTradePreventionMode\":\"EXPIRE_MAKER\"}"
#define PART(qty, id) "{\"price\":\"64200.00000000\",\"qty\":\"" qty "\",\"commission\":\"0.00000400\",\"commissionAsset\":\"BTC\",\"tradeId\":" id "}"
#define CANCELED(original, executed) "{\"symbol\":\"BTCUSDT\",\"origClientOrderId\":\"" original "\",\"orderId\":40123456789,\"orderListId\":-1," \
    "\"clientOrderId\":\"pXLV6Hz6mprAcVYpVMTGgx\",\"transactTime\":1785312002000,\"price\":\"64200.00000000\",\"origQty\":\"0.01000000\"," \
    "\"executedQty\":\"" executed "\",\"cummulativeQuoteQty\":\"0.00000000\",\"status\":\"CANCELED\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\"," \
    "\"side\":\"BUY\",\"selfTradePreventionMode\":\"EXPIRE_MAKER\"}"
#define STATUS(id, executed, status, tif) "{\"symbol\":\"BTCUSDT\",\"orderId\":40123456789,\"orderListId\":-1,\"clientOrderId\":\"" id "\"," \
    "\"price\":\"64200.00000000\",\"origQty\":\"0.01000000\",\"executedQty\":\"" executed "\",\"cummulativeQuoteQty\":\"0.00000000\"," \
    "\"status\":\"" status "\",\"timeInForce\":\"" tif "\",\"type\":\"LIMIT\",\"side\":\"BUY\",\"stopPrice\":\"0.00000000\",\"icebergQty\":\"0.00000000\"," \
    "\"time\":1785312000301,\"updateTime\":1785312002000,\"isWorking\":true,\"origQuoteOrderQty\":\"0.00000000\"}"
#define ROW(id, remote, maker) "{\"symbol\":\"BTCUSDT\",\"id\":" id ",\"orderId\":" remote ",\"orderListId\":-1,\"price\":\"64200.00000000\"," \
    "\"qty\":\"0.00400000\",\"quoteQty\":\"256.80000000\",\"commission\":\"0.00000400\",\"commissionAsset\":\"BTC\",\"time\":1785312001019," \
    "\"isBuyer\":true,\"isMaker\":" maker ",\"isBestMatch\":true}"
#define POSITION "{\"e\":\"outboundAccountPosition\",\"E\":1785312001021,\"u\":1785312001019,\"B\":[{\"a\":\"USDT\",\"f\":\"999743.2\",\"l\":\"385.2\"}," \
    "{\"a\":\"BTC\",\"f\":\"1.5\",\"l\":\"0\"}]}"
#define LIMITS "[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":6000,\"count\":5999}," \
    "{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":160000,\"count\":300}," \
    "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":50,\"count\":3}]"

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":200}", AATS_E_SHAPE},
        {"{\"id\":7,\"result\":{}}", AATS_E_SHAPE},
        {"{\"status\":200,\"result\":{}}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":400,\"result\":{}}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":200,\"error\":{\"code\":-1,\"msg\":\"\"}}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":400,\"error\":{\"code\":-1}}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":400,\"error\":\"no\"}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":\"200\",\"result\":{}}", AATS_E_SHAPE},
        {"{\"id\":7,\"status\":99999999999,\"result\":{}}", AATS_E_SHAPE},
        {"{\"id\":true,\"status\":200,\"result\":{}}", AATS_E_SHAPE},
        {"{\"id\":99999999999999999999,\"status\":200,\"result\":{}}", AATS_E_RANGE},
        {"{\"id\":7,\"id\":8,\"status\":200,\"result\":{}}", AATS_E_DUPKEY},
        {"{\"id\":7,\"status\":200,\"result\":{},\"result\":{}}", AATS_E_DUPKEY},
        {"{\"id\":7,\"status\":200,\"result\":{},\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"limit\":5}]}", AATS_E_SHAPE},
        {"{\"event\":7}", AATS_E_SHAPE},
        {EVENT("{\"e\":\"executionReport\"}"), AATS_E_SHAPE},
        {EVENT(FILL("FILLED", "0.00400000", "0.00400000")) "x", AATS_E_SYNTAX},
        {EVENT(FILL("FILLED", "-0.00400000", "0.00400000")), AATS_E_SHAPE},
        {EVENT(FILL("FILLED", "0", "0.00400000")), AATS_E_SHAPE},
        {EVENT(FILL("FILLED", "0.00400000", "0.00300000")), AATS_E_SHAPE},
        {EVENT(FILL("FILLED", "0.004000001", "0.00400000")), AATS_E_INEXACT},
        {EVENT(FILL("FILLED", "999999999999999999", "0.00400000")), AATS_E_RANGE},
        {EVENT(REPORT(OURS, "", "TRADE", "FILLED", "GTC", "1", "1", "1", "0", "\"BTC\"", "-1")), AATS_E_SHAPE},
        {EVENT(REPORT(OURS, "", "TRADE", "FILLED", "GTC", "1", "1", "0", "0", "\"BTC\"", "5")), AATS_E_SHAPE},
        {EVENT(REPORT(OURS, "", "TRADE", "FILLED", "GTC", "1", "1", "1", "0", "7", "5")), AATS_E_SHAPE},
        {EVENT(REPORT(OURS, "", "TRADE", "FILLED", "GTC", "1", "1", "1", "0", "\"AN-ASSET-OF-16CH\"", "5")), AATS_E_TOO_BIG},
        {EVENT("{\"e\":\"outboundAccountPosition\",\"E\":1,\"B\":[{\"a\":\"BTC\",\"f\":\"1\"}]}"), AATS_E_SHAPE},
        {EVENT("{\"e\":\"outboundAccountPosition\",\"E\":1,\"B\":[{\"a\":\"BTC\",\"f\":\"1\",\"f\":\"1\",\"l\":\"0\"}]}"), AATS_E_DUPKEY},
        {EVENT("{\"e\":\"outboundAccountPosition\",\"E\":1,\"B\":{}}"), AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
        CHECK_EQ_U64(r.msg_cnt, 0);
    }
}

TEST(result_of_another_shape_is_refused_and_says_nothing)
{
    static struct { int kind, code; char const *json; } const BAD[] = {
        {AATS_OR_TIME, AATS_E_SHAPE, "{}"},
        {AATS_OR_TIME, AATS_E_SHAPE, "{\"serverTime\":0}"},
        {AATS_OR_LISTEN, AATS_E_SHAPE, "{}"},
        {AATS_OR_ACCOUNT, AATS_E_SHAPE, "{\"balances\":7}"},
        {AATS_OR_ACCOUNT, AATS_E_SHAPE, "null"},
        {AATS_OR_OPEN, AATS_E_SHAPE, "{}"},
        {AATS_OR_OPEN, AATS_E_SHAPE, "[{}]"},
        {AATS_OR_OPEN, AATS_E_SHAPE, "[" STATUS(OURS, "0", "NEW", "GTC") ",7]"},
        {AATS_OR_QUERY, AATS_E_SHAPE, STATUS(OTHER, "0", "NEW", "GTC")},
        {AATS_OR_QUERY, AATS_E_SHAPE, STATUS(OURS, "0", "SLEEPING", "GTC")},
        {AATS_OR_QUERY, AATS_E_SHAPE, STATUS(OURS, "-1", "NEW", "GTC")},
        {AATS_OR_QUERY, AATS_E_RANGE, STATUS(OURS, "123456789012345678901234567890", "NEW", "GTC")},
        {AATS_OR_QUERY, AATS_E_SHAPE, "{\"symbol\":\"BTCUSDT\"}"},
        {AATS_OR_PLACE, AATS_E_SHAPE, PLACED(THEIRS, "0", "NEW", "GTC", "")},
        {AATS_OR_PLACE, AATS_E_SHAPE, PLACED(OTHER, "0", "NEW", "GTC", "")},
        {AATS_OR_PLACE, AATS_E_SHAPE, PLACED(OURS, "0", "FILLED", "GTC", PART("0.01", "5"))}, /* more than was executed */
        {AATS_OR_PLACE, AATS_E_SHAPE, PLACED(OURS, "0.01", "FILLED", "GTC", PART("0", "5"))},
        {AATS_OR_PLACE, AATS_E_SHAPE, PLACED(OURS, "0.01", "FILLED", "GTC", "{}")},
        {AATS_OR_CANCEL, AATS_E_SHAPE, CANCELED(OTHER, "0")},
        {AATS_OR_CANCEL, AATS_E_SHAPE, STATUS(OURS, "0", "CANCELED", "GTC")},
        {AATS_OR_FILLS, AATS_E_SHAPE, "{}"},
        {AATS_OR_FILLS, AATS_E_SHAPE, "[{\"id\":1}]"},
        {AATS_OR_FILLS, AATS_E_DUPKEY, "[{\"id\":1,\"id\":1}]"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = result(BAD[i].kind, BAD[i].json);
        CHECK_MSG(e == BAD[i].code, "%d %s: %s, expected %s", BAD[i].kind, BAD[i].json, aats_err_name(e), aats_err_name(BAD[i].code));
        CHECK_EQ_U64(r.msg_cnt, 0);
    }
    REQUIRE(parse(with_result("{}")) == AATS_OK);
    CHECK_EQ_I64(aats_order_venue_binance.result(&r, AATS_OR_PLACE, NULL), AATS_E_ARG);
    CHECK_EQ_I64(aats_order_venue_binance.result(&r, AATS_OR_CNT, &order), AATS_E_ARG);
}

TEST(every_beginning_of_a_message_is_refused_without_a_look_beyond_it)
{
    static char const *const WHOLE[] = {
        EVENT(FILL("PARTIALLY_FILLED", "0.00400000", "0.00400000")),
        EVENT(POSITION),
        "{\"id\":7,\"status\":200,\"result\":" PLACED(OURS, "0.004", "EXPIRED", "IOC", PART("0.004", "5")) ",\"rateLimits\":" LIMITS "}",
        "{\"id\":7,\"status\":429,\"error\":{\"code\":-1003,\"msg\":\"wait\",\"data\":{\"serverTime\":1,\"retryAfter\":2}}}",
    };
    for (size_t k = 0; k < sizeof WHOLE / sizeof WHOLE[0]; k++) {
        CHECK_MSG(parse(WHOLE[k]) == AATS_OK, "%s", WHOLE[k]);
        for (size_t n = 0; n < strlen(WHOLE[k]); n++) {
            char *cut = malloc(n ? n : 1); /* AddressSanitizer stands at its end */
            memcpy(cut, WHOLE[k], n);
            CHECK_MSG(aats_order_venue_binance.parse(cut, n, &r) < 0, "the first %zu bytes of %s", n, WHOLE[k]);
            free(cut);
        }
    }
}

TEST(request_that_must_not_go_out_is_refused)
{
    aats_signer_t *s = aats_signer_new(SECRET, strlen(SECRET), NULL, 0);
    aats_oauth_t auth = {.signer = s, .key = KEY}, nobody = {.signer = NULL}, keyless = {.signer = s};
    aats_rules_t quoted = rules, split = rules, empty = rules;
    strcpy(quoted.native, "BTC\",\"x\":\"");
    strcpy(split.native, "BTC&side=BUY");
    empty.native[0] = 0;
    aats_order_t side = order_of(0, AATS_TIF_GTC), tif = order_of(AATS_SIDE_BUY, 9), free_ = order, nothing = order, remote = order;
    free_.px_i = 0;
    nothing.qty_i = 0;
    strcpy(remote.remote_id, "12x");
    struct { aats_oreq_t req; aats_oauth_t *auth; } bad[] = {
        {{.kind = AATS_OR_NONE, .id = 1}, &auth},
        {{.kind = AATS_OR_CNT, .id = 1}, &auth},
        {{.kind = AATS_OR_TIME}, &auth}, /* no id */
        {{.kind = AATS_OR_PLACE, .id = 1, .rules = &rules}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &side, .rules = &rules}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &tif, .rules = &rules}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &free_, .rules = &rules}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &nothing, .rules = &rules}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order, .rules = &quoted}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order, .rules = &split}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order, .rules = &empty}, &auth},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order, .rules = &rules}, &nobody},
        {{.kind = AATS_OR_PLACE, .id = 1, .order = &order, .rules = &rules}, &keyless},
        {{.kind = AATS_OR_CANCEL, .id = 1, .order = &remote, .rules = &rules}, &auth},
        {{.kind = AATS_OR_FILLS, .id = 1, .order = &order, .rules = &rules}, &auth}, /* its number is not known */
        {{.kind = AATS_OR_CANCEL_ALL, .id = 1}, &auth},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_MSG(aats_order_venue_binance.encode(&bad[i].req, bad[i].auth, out, sizeof out) == AATS_E_ARG, "request %zu", i);
    aats_signer_free(s);
}

TEST(request_without_room_is_refused_at_every_size)
{
    aats_signer_t *s = aats_signer_new(SECRET, strlen(SECRET), NULL, 0);
    aats_oauth_t auth = {.signer = s, .key = KEY, .recv_window_ms = 5000};
    aats_oreq_t req = {.kind = AATS_OR_PLACE, .id = 1, .time_ms = 1645423376532, .order = &order, .rules = &rules};
    int n = aats_order_venue_binance.encode(&req, &auth, out, sizeof out);
    REQUIRE(n > 0 && (size_t)n == strlen(out));
    for (size_t cap = 0; cap <= (size_t)n; cap++) {
        char *tight = malloc(cap ? cap : 1);
        CHECK_MSG(aats_order_venue_binance.encode(&req, &auth, tight, cap) == AATS_E_FULL, "%zu bytes", cap);
        free(tight);
    }
    aats_signer_free(s);
}

/* ---- requests ---- */

TEST(every_request_of_a_logged_on_connection_is_written_as_the_venue_wants_it)
{
    aats_order_t known = order, pos = order_of(AATS_SIDE_SELL, AATS_TIF_POS), ioc = order_of(AATS_SIDE_BUY, AATS_TIF_IOC),
                 fok = order_of(AATS_SIDE_BUY, AATS_TIF_FOK), market = order_of(AATS_SIDE_SELL, AATS_TIF_MARKET);
    strcpy(known.remote_id, "40123456789");
    market.px_i = 0;
    market.qty_i = 100000000;
#define PARAMS(method, params) "{\"id\":7,\"method\":\"" method "\",\"params\":{" params "\"timestamp\":1785312000301"
#define PLACE(tif, px, side, type) PARAMS("order.place", "\"newClientOrderId\":\"" OURS "\",\"newOrderRespType\":\"FULL\"," px \
    "\"quantity\":\"0.01\",\"side\":\"" side "\",\"symbol\":\"BTCUSDT\"," tif) type "}}"
#define PX "\"price\":\"64200\","
    struct { int kind; aats_order_t const *order; uint64_t from_id; char const *want; } const all[] = {
        {AATS_OR_TIME, NULL, 0, "{\"id\":7,\"method\":\"time\"}"},
        {AATS_OR_LISTEN, NULL, 0, "{\"id\":7,\"method\":\"userDataStream.subscribe\"}"},
        {AATS_OR_ACCOUNT, NULL, 0, PARAMS("account.status", "\"omitZeroBalances\":true,") "}}"},
        {AATS_OR_OPEN, NULL, 0, PARAMS("openOrders.status", "\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_CANCEL_ALL, NULL, 0, PARAMS("openOrders.cancelAll", "\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_PLACE, &order, 0, PLACE("\"timeInForce\":\"GTC\",", PX, "BUY", ",\"type\":\"LIMIT\"")},
        {AATS_OR_PLACE, &ioc, 0, PLACE("\"timeInForce\":\"IOC\",", PX, "BUY", ",\"type\":\"LIMIT\"")},
        {AATS_OR_PLACE, &fok, 0, PLACE("\"timeInForce\":\"FOK\",", PX, "BUY", ",\"type\":\"LIMIT\"")},
        {AATS_OR_PLACE, &pos, 0, PLACE("", PX, "SELL", ",\"type\":\"LIMIT_MAKER\"")},
        {AATS_OR_PLACE, &market, 0, PARAMS("order.place", "\"newClientOrderId\":\"" OURS "\",\"newOrderRespType\":\"FULL\",\"quantity\":\"1\","
                                           "\"side\":\"SELL\",\"symbol\":\"BTCUSDT\",") ",\"type\":\"MARKET\"}}"},
        {AATS_OR_CANCEL, &order, 0, PARAMS("order.cancel", "\"newClientOrderId\":\"c-" OURS "\",\"origClientOrderId\":\"" OURS "\",\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_CANCEL, &known, 0,
         PARAMS("order.cancel", "\"orderId\":40123456789,\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_QUERY, &order, 0, PARAMS("order.status", "\"origClientOrderId\":\"" OURS "\",\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_QUERY, &known, 0, PARAMS("order.status", "\"orderId\":40123456789,\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_FILLS, &known, 0, PARAMS("myTrades", "\"fromId\":0,\"limit\":1000,\"orderId\":40123456789,\"symbol\":\"BTCUSDT\",") "}}"},
        {AATS_OR_FILLS, &known, 12, PARAMS("myTrades", "\"fromId\":12,\"limit\":1000,\"orderId\":40123456789,\"symbol\":\"BTCUSDT\",") "}}"},
    };
    aats_oauth_t auth = {.key = KEY, .logged_on = 1};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        aats_oreq_t req = {.kind = all[i].kind, .id = 7, .time_ms = 1785312000301, .order = all[i].order, .rules = &rules, .from_id = all[i].from_id};
        CHECK_EQ_I64(aats_order_venue_binance.encode(&req, &auth, out, sizeof out), strlen(all[i].want));
        CHECK_STR(out, all[i].want);
    }
    auth.recv_window_ms = 5000;
    aats_oreq_t req = {.kind = AATS_OR_OPEN, .id = 7, .time_ms = 1785312000301};
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK_STR(out, PARAMS("openOrders.status", "\"recvWindow\":5000,") "}}"); /* of all symbols */
}

TEST(signature_is_made_over_the_sorted_parameters)
{
    aats_signer_t *s = aats_signer_new(SECRET, strlen(SECRET), NULL, 0);
    aats_oauth_t auth = {.signer = s, .key = KEY, .recv_window_ms = 100};
    aats_oreq_t req = {.kind = AATS_OR_LISTEN, .id = 1, .time_ms = 1747385641636};
    auth.recv_window_ms = 0;
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0); /* the fact sheet's own vector */
    CHECK_STR(out, "{\"id\":1,\"method\":\"userDataStream.subscribe.signature\",\"params\":{\"apiKey\":\"" KEY "\",\"signature\":"
                   "\"681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e\",\"timestamp\":1747385641636}}");

    char payload[512], want[AATS_SIGN_SZ];
    snprintf(payload, sizeof payload,
             "apiKey=" KEY "&newClientOrderId=" OURS "&newOrderRespType=FULL&price=64200&quantity=0.01&recvWindow=100&side=BUY&symbol=BTCUSDT"
             "&timeInForce=GTC&timestamp=1645423376532&type=LIMIT");
    REQUIRE(aats_sign(s, payload, strlen(payload), want, sizeof want) == 64);
    auth.recv_window_ms = 100;
    req = (aats_oreq_t){.kind = AATS_OR_PLACE, .id = 2, .time_ms = 1645423376532, .order = &order, .rules = &rules};
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK(strstr(out, want) != NULL);
    CHECK(!strstr(out, SECRET));
    aats_signer_free(s);
}

/* ---- order.place once more: the template, held to the plain encoder ---- */

static uint64_t rng = 88172645463325252ULL;

static uint64_t any(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % below;
}

static int64_t any_amount(void)
{
    int64_t v = 1 + (int64_t)any(1 + (UINT64_C(1) << any(62)));
    for (uint64_t k = any(9); k > 0 && v < INT64_MAX / 10; k--) v *= 10;
    return v;
}

TEST(place_from_the_template_is_what_the_plain_encoder_writes_byte_for_byte)
{
    static char const *const SYMBOLS[] = {"BTCUSDT", "A", "1000SATSUSDT", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTU"};
    char why[160], plain[2048], fast[2048];
    aats_signer_t *signers[] = {aats_signer_new(SECRET, strlen(SECRET), why, sizeof why), aats_signer_new(ED25519, strlen(ED25519), why, sizeof why)};
    REQUIRE(signers[0] && signers[1]);
    for (int i = 0; i < 20000; i++) {
        aats_oauth_t auth = {.signer = signers[any(2)], .logged_on = !any(4), .recv_window_ms = any(2) ? (uint32_t)any(60001) : 0};
        aats_rules_t one = {.symbol = "X"};
        aats_order_t o = order_of(AATS_SIDE_BUY + (int)any(2), AATS_TIF_IOC + (int)any(5));
        aats_oreq_t const req = {.kind = AATS_OR_PLACE, .id = 1 + any(UINT64_C(1) << (1 + any(62))), .time_ms = (int64_t)any_amount(), .order = &o, .rules = &one};
        size_t const key_n = 1 + (size_t)any(sizeof auth.key - 1);
        for (size_t k = 0; k < key_n; k++) auth.key[k] = (char)('0' + any(10));
        memcpy(one.native, SYMBOLS[i % 4], strlen(SYMBOLS[i % 4]));
        o.px_i = any_amount();
        o.qty_i = any_amount();
        o.instance = any(UINT64_MAX);
        o.order_id = any_amount();
        if (i % 7 == 0) o.client_no = any_amount();
        int const n = binance_order_encode_plain(&req, &auth, plain, sizeof plain), m = binance_place(&req, &auth, fast, sizeof fast);
        CHECK_MSG(n > 0 && m == n, "order %d: %d and %d bytes", i, n, m);
        CHECK_STR(fast, plain);
    }
    aats_signer_free(signers[0]);
    aats_signer_free(signers[1]);
}

TEST(place_that_the_template_cannot_write_is_left_to_the_plain_encoder_and_refused_as_there)
{
    char why[160], got[2048];
    aats_oauth_t const good = {.signer = aats_signer_new(SECRET, strlen(SECRET), why, sizeof why), .key = KEY};
    REQUIRE(good.signer);
    for (int i = 0; i < 20; i++) {
        aats_oauth_t auth = good;
        aats_rules_t one = rules;
        aats_order_t o = order;
        aats_oreq_t req = {.kind = AATS_OR_PLACE, .id = 7, .time_ms = 1785312000301, .order = &o, .rules = &one};
        size_t cap = sizeof got;
        switch (i) {
        case 0: o.side = 3; break;
        case 1: o.tif = 0; break;
        case 2: o.tif = 6; break;
        case 3: o.px_i = 0; break;
        case 4: o.px_i = -1; break;
        case 5: o.qty_i = 0; break;
        case 6: o.px_exp = -2, o.px_i = 6420001; break;
        case 7: o.qty_exp = -3; break;
        case 8: one.native[0] = 0; break;
        case 9: strcpy(one.native, "BTC&side=SELL"); break;
        case 10: strcpy(one.native, "BTC\"USDT"); break;
        case 11: memset(one.native, 'A', sizeof one.native); break;
        case 12: strcpy(one.native, "\xe4\xbd\xa0USDT"); break; /* UTF-8: the plain encoder takes it */
        case 13: strcpy(one.native, "BTC\xff"); break;
        case 14: auth.key[3] = ' '; break;
        case 15: auth.key[0] = 0; break;
        case 16: auth.signer = NULL; break;
        case 17: cap = 300; break;
        case 18: req.time_ms = -5; break;
        case 19: req.rules = NULL; break;
        }
        memset(got, 'x', sizeof got);
        CHECK_MSG(binance_place(&req, &auth, got, cap) == 0, "case %d was written", i);
        CHECK(got[0] == 'x');
        int const whole = aats_order_venue_binance.encode(&req, &auth, got, cap), plain = binance_order_encode_plain(&req, &auth, out, cap < sizeof out ? cap : sizeof out);
        CHECK_MSG(whole == plain, "case %d: %d, and the plain encoder says %d", i, whole, plain);
    }
    aats_signer_free(good.signer);
}

TEST(only_an_ed25519_key_logs_on)
{
    aats_signer_t *hmac = aats_signer_new(SECRET, strlen(SECRET), NULL, 0), *ed = aats_signer_new(ED25519, strlen(ED25519), NULL, 0);
    REQUIRE(hmac && ed);
    aats_oauth_t auth = {.signer = hmac, .key = "4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO"};
    aats_oreq_t req = {.kind = AATS_OR_LOGON, .id = 3, .time_ms = 1649729878532};
    CHECK_EQ_I64(aats_order_venue_binance.encode(&req, &auth, out, sizeof out), 0);
    auth.signer = ed;
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK_STR(out, "{\"id\":3,\"method\":\"session.logon\",\"params\":{\"apiKey\":\"4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO\","
                   "\"signature\":\"NBJq5sX1RkU7ta3XDctruMgnrhyBcouMvvPIxxQSCUbVWxhp3ai6W7a0Iip/3nOwmJxkVIv6n20cekYCOa5qAg==\","
                   "\"timestamp\":1649729878532}}");
    aats_signer_free(hmac);
    aats_signer_free(ed);
}

/* ---- replies ---- */

TEST(new_order_is_acked_with_the_venues_number)
{
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.00000000", "NEW", "GTC", "")) == AATS_OK);
    CHECK_EQ_U64(r.id, 7);
    CHECK_EQ_U64(r.msg_cnt, 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ACK);
    CHECK(ours(&msgs[0]));
    CHECK_STR(msgs[0].remote_id, "40123456789");
    CHECK_STR(msgs[0].symbol, "BTCUSDT");
    CHECK_EQ_I64(msgs[0].venue_ns, 1785312000301000000);
}

TEST(immediate_order_is_acked_filled_as_taker_and_ended)
{
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.00700000", "EXPIRED", "IOC", PART("0.00400000", "5") "," PART("0.00300000", "6"))) == AATS_OK);
    REQUIRE(r.msg_cnt == 4);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ACK);
    for (int i = 1; i <= 2; i++) {
        CHECK_EQ_I64(msgs[i].kind, AATS_OM_FILL);
        CHECK_EQ_U64(msgs[i].trade_id, 4 + i);
        CHECK_EQ_I64(msgs[i].px_i, 6420000000000);
        CHECK_EQ_I64(msgs[i].fee_i, 400);
        CHECK_EQ_I64(msgs[i].fee_exp, -8);
        CHECK_STR(msgs[i].fee_asset, "BTC");
        CHECK_EQ_I64(msgs[i].liquidity, AATS_LIQ_TAKER);
        CHECK_STR(msgs[i].remote_id, "40123456789");
        CHECK(ours(&msgs[i]));
    }
    CHECK_EQ_I64(msgs[1].cum_qty_i, 400000);
    CHECK_EQ_I64(msgs[2].cum_qty_i, 700000);
    CHECK_EQ_I64(msgs[3].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[3].code, AATS_OC_IOC_REST);
    CHECK_EQ_I64(msgs[3].cum_qty_i, 700000);

    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0", "EXPIRED", "FOK", "")) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[1].code, AATS_OC_EXPIRED);
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0", "EXPIRED_IN_MATCH", "GTC", "")) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[1].code, AATS_OC_SELF_TRADE);
}

TEST(whole_fill_needs_no_end_unless_trades_are_missing)
{
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.01", "FILLED", "GTC", PART("0.01", "5"))) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 2);
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.01", "FILLED", "GTC", PART("0.004", "5"))) == AATS_OK && r.msg_cnt == 3);
    CHECK_EQ_I64(msgs[2].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[2].code, AATS_OC_FILLED);
    CHECK_EQ_I64(msgs[2].cum_qty_i, 1000000);
}

TEST(order_that_lives_says_what_was_filled_where_trades_are_missing)
{
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.01", "PARTIALLY_FILLED", "GTC", PART("0.004", "5"))) == AATS_OK && r.msg_cnt == 3);
    CHECK_EQ_I64(msgs[2].kind, AATS_OM_OPEN);
    CHECK_EQ_I64(msgs[2].cum_qty_i, 1000000);
    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.004", "PARTIALLY_FILLED", "GTC", PART("0.004", "5"))) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 2);
}

TEST(fee_below_zero_is_a_rebate)
{
    REQUIRE(parse(EVENT(REPORT(OURS, "", "TRADE", "FILLED", "GTC", "1", "1", "64200", "-0.00000100", "\"BNB\"", "5"))) == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].fee_i, -100);
    CHECK_STR(msgs[0].fee_asset, "BNB");
}

TEST(cancel_is_acked_and_ends_the_order_with_what_was_filled)
{
    REQUIRE(result(AATS_OR_CANCEL, CANCELED(OURS, "0.00400000")) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_CANCEL_ACK);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[1].code, AATS_OC_CANCELED);
    CHECK_EQ_I64(msgs[1].cum_qty_i, 400000);
    CHECK(ours(&msgs[0]) && ours(&msgs[1]));
}

TEST(query_says_open_ended_or_absent)
{
    static struct { char const *json; uint32_t kind, code; int64_t cum; } const ALL[] = {
        {STATUS(OURS, "0", "NEW", "GTC"), AATS_OM_OPEN, 0, 0},
        {STATUS(OURS, "0.004", "PARTIALLY_FILLED", "GTC"), AATS_OM_OPEN, 0, 400000},
        {STATUS(OURS, "0.01", "FILLED", "GTC"), AATS_OM_DONE, AATS_OC_FILLED, 1000000},
        {STATUS(OURS, "0.004", "CANCELED", "GTC"), AATS_OM_DONE, AATS_OC_CANCELED, 400000},
        {STATUS(OURS, "0.004", "EXPIRED", "IOC"), AATS_OM_DONE, AATS_OC_IOC_REST, 400000},
        {STATUS(OURS, "0", "EXPIRED", "FOK"), AATS_OM_DONE, AATS_OC_EXPIRED, 0},
        {STATUS(OURS, "0", "EXPIRED_IN_MATCH", "GTC"), AATS_OM_DONE, AATS_OC_SELF_TRADE, 0},
        {STATUS(OURS, "0", "REJECTED", "GTC"), AATS_OM_REJECT, AATS_OC_VENUE, 0},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        REQUIRE(result(AATS_OR_QUERY, ALL[i].json) == AATS_OK && r.msg_cnt == 1);
        CHECK_EQ_I64(msgs[0].kind, ALL[i].kind);
        CHECK_EQ_I64(msgs[0].code, ALL[i].code);
        CHECK_EQ_I64(msgs[0].cum_qty_i, ALL[i].cum);
        CHECK_STR(msgs[0].remote_id, "40123456789");
    }
    REQUIRE(refused(AATS_OR_QUERY, 400, -2013, "Order does not exist.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ABSENT);
    CHECK(ours(&msgs[0]));
    REQUIRE(refused(AATS_OR_QUERY, 400, -2026, "Order was canceled or expired with no executed qty over 90 days ago.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 0);
    REQUIRE(refused(AATS_OR_QUERY, 503, -1007, "Timeout waiting for response from backend server.") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0); /* asked again */
}

TEST(v13_query_of_a_canceled_order_may_carry_the_cancels_client_id)
{
    REQUIRE(result(AATS_OR_QUERY, STATUS("pXLV6Hz6mprAcVYpVMTGgx", "0", "CANCELED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK(ours(&msgs[0]));
    CHECK_STR(msgs[0].text, "");
}

TEST(answer_about_an_order_of_another_number_is_refused)
{
    static struct { int kind; char const *json; } const ALL[] = {
        {AATS_OR_PLACE, PLACED(OURS, "0.00000000", "NEW", "GTC", "")},
        {AATS_OR_CANCEL, CANCELED(OURS, "0")},
        {AATS_OR_CANCEL, CANCELED("amended-elsewhere", "0")},
        {AATS_OR_QUERY, STATUS(OURS, "0", "NEW", "GTC")},
        {AATS_OR_QUERY, STATUS("amended-elsewhere", "0", "NEW", "GTC")},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        strcpy(order.remote_id, "40123456790");
        CHECK_EQ_I64(result(ALL[i].kind, ALL[i].json), AATS_E_SHAPE);
        strcpy(order.remote_id, "40123456789");
        CHECK_EQ_I64(result(ALL[i].kind, ALL[i].json), AATS_OK);
        order.remote_id[0] = 0;
        CHECK(r.msg_cnt > 0 && ours(&msgs[0]));
    }
}

TEST(trades_of_an_order_are_told_and_those_of_another_are_not)
{
    order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC);
    strcpy(order.remote_id, "40123456789");
    int e = result(AATS_OR_FILLS, "[" ROW("5", "40123456789", "true") "," ROW("6", "40123456790", "true") "," ROW("7", "40123456789", "false") "]");
    order.remote_id[0] = 0;
    REQUIRE(e == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK_EQ_U64(msgs[0].trade_id, 5);
    CHECK_EQ_U64(msgs[1].trade_id, 7);
    CHECK_EQ_I64(msgs[0].liquidity, AATS_LIQ_MAKER);
    CHECK_EQ_I64(msgs[1].liquidity, AATS_LIQ_TAKER);
    CHECK_EQ_I64(msgs[0].qty_i, 400000);
    CHECK_EQ_I64(msgs[0].cum_qty_i, -1);
    CHECK_EQ_I64(msgs[0].venue_ns, 1785312001019000000);
    CHECK_EQ_U64(r.more, 0);
}

TEST(full_page_of_trades_says_that_there_may_be_more)
{
    static char list[1000 * 300], text[1000 * 300 + 100];
    for (int rows = 999; rows <= 1000; rows++) {
        size_t at = 0;
        for (int i = 0; i < rows; i++)
            at += (size_t)sprintf(list + at, "%s{\"id\":%d,\"orderId\":1,\"price\":\"1\",\"qty\":\"1\",\"commission\":\"0\",\"commissionAsset\":\"B\","
                                             "\"time\":1,\"isMaker\":true}", i ? "," : "", i);
        snprintf(text, sizeof text, "{\"id\":7,\"status\":200,\"result\":[%s]}", list);
        REQUIRE(parse(text) == AATS_OK && aats_order_venue_binance.result(&r, AATS_OR_FILLS, &order) == AATS_OK);
        CHECK_EQ_U64(r.msg_cnt, rows);
        CHECK_EQ_U64(r.more, rows == 1000);
    }
}

TEST(open_orders_are_ours_or_foreign)
{
    REQUIRE(result(AATS_OR_OPEN, "[" STATUS(OURS, "0.004", "PARTIALLY_FILLED", "GTC") "," STATUS(THEIRS, "0", "NEW", "GTC") "]") == AATS_OK);
    REQUIRE(r.msg_cnt == 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK(ours(&msgs[0]));
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_FOREIGN);
    CHECK_EQ_I64(msgs[1].order_id, 0);
    CHECK_STR(msgs[1].remote_id, "40123456789");
    CHECK_STR(msgs[1].symbol, "BTCUSDT");
    CHECK_STR(msgs[1].text, THEIRS);
    REQUIRE(result(AATS_OR_OPEN, "[]") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
}

TEST(v19_cancel_of_all_tells_each_order_and_passes_over_lists)
{
    REQUIRE(result(AATS_OR_CANCEL_ALL, "[" CANCELED(OURS, "0") "," CANCELED(THEIRS, "0") ",{\"orderListId\":1929,\"contingencyType\":\"OCO\","
                                       "\"orderReports\":[],\"symbol\":\"BTCUSDT\"}]") == AATS_OK);
    REQUIRE(r.msg_cnt == 3);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_CANCELED);
    CHECK(ours(&msgs[0]));
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_FOREIGN);
    CHECK_EQ_I64(msgs[2].kind, AATS_OM_FOREIGN);
}

TEST(balances_are_free_and_locked_together)
{
    REQUIRE(result(AATS_OR_ACCOUNT, "{\"canTrade\":true,\"balances\":[{\"asset\":\"BTC\",\"free\":\"1.5\",\"locked\":\"0.25\"},"
                                    "{\"asset\":\"A_NAME_THAT_NOBODY_TRADES\",\"free\":\"1\",\"locked\":\"0\"}]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_BALANCE);
    CHECK_STR(msgs[0].fee_asset, "BTC");
    CHECK_EQ_I64((int64_t)aats_wide(msgs[0].amount), 175000000);
    CHECK_EQ_I64((int64_t)aats_wide(msgs[0].locked), 25000000);
    CHECK_EQ_I64(msgs[0].order_id, 0);
    REQUIRE(parse(EVENT(POSITION)) == AATS_OK && r.msg_cnt == 2);
    CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
    CHECK_STR(msgs[0].fee_asset, "USDT");
    CHECK_EQ_I64((int64_t)aats_wide(msgs[0].amount), 100012840000000);
    CHECK_EQ_I64((int64_t)aats_wide(msgs[0].locked), 38520000000);
    CHECK_EQ_I64(msgs[0].venue_ns, 1785312001021000000);
}

TEST(v15_order_that_was_made_smaller_and_then_filled_has_ended_by_self_trade_prevention)
{
    REQUIRE(parse(EVENT(FILL("FILLED", "0.004", "0.007"))) == AATS_OK && r.msg_cnt == 2); /* of 0.01 */
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[1].code, AATS_OC_SELF_TRADE);
    CHECK_EQ_I64(msgs[1].cum_qty_i, 700000);
    REQUIRE(parse(EVENT(FILL("FILLED", "0.004", "0.01"))) == AATS_OK && r.msg_cnt == 1);

    REQUIRE(result(AATS_OR_PLACE, PLACED(OURS, "0.004", "FILLED", "GTC", PART("0.004", "5"))) == AATS_OK && r.msg_cnt == 3);
    CHECK_EQ_I64(msgs[2].code, AATS_OC_SELF_TRADE);
    CHECK_EQ_I64(msgs[2].cum_qty_i, 400000);

    REQUIRE(result(AATS_OR_QUERY, STATUS(OURS, "0.004\",\"preventedQuantity\":\"0.006", "FILLED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_SELF_TRADE);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
    REQUIRE(result(AATS_OR_QUERY, STATUS(OURS, "0.004", "FILLED", "GTC")) == AATS_OK && r.msg_cnt == 1); /* its sum lags */
    CHECK_EQ_I64(msgs[0].code, AATS_OC_FILLED);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 1000000);
}

TEST(trades_of_a_symbol_name_their_orders_by_the_venues_numbers)
{
    aats_oauth_t auth = {.key = KEY, .logged_on = 1};
    aats_oreq_t req = {.kind = AATS_OR_FILLS, .id = 7, .time_ms = 1785312000301, .rules = &rules};
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK_STR(out, "{\"id\":7,\"method\":\"myTrades\",\"params\":{\"limit\":1000,\"symbol\":\"BTCUSDT\",\"timestamp\":1785312000301}}");
    req.from_id = 12;
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK(strstr(out, "\"fromId\":12,") && !strstr(out, "orderId"));
    CHECK_EQ_I64(aats_order_venue_binance.weight(&req), 20);
    req.order = &order;
    CHECK_EQ_I64(aats_order_venue_binance.weight(&req), 5);

    REQUIRE(parse("{\"id\":7,\"status\":200,\"result\":[" ROW("5", "40123456789", "true") "," ROW("6", "40123456790", "true") "]}") == AATS_OK);
    REQUIRE(aats_order_venue_binance.result(&r, AATS_OR_FILLS, NULL) == AATS_OK && r.msg_cnt == 2);
    CHECK_STR(msgs[0].remote_id, "40123456789");
    CHECK_STR(msgs[1].remote_id, "40123456790");
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK_EQ_I64(msgs[0].order_id, 0);
    CHECK(!r.more);
}

TEST(v13_order_is_asked_for_by_the_id_that_its_cancel_may_have_given_it)
{
    aats_order_t adopted = order;
    aats_oauth_t auth = {.key = KEY, .logged_on = 1};
    aats_oreq_t req = {.kind = AATS_OR_QUERY, .id = 7, .time_ms = 1785312000301, .order = &order, .rules = &rules, .renamed = 1};
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK(strstr(out, "\"origClientOrderId\":\"c-" OURS "\"") != NULL);
    REQUIRE(result(AATS_OR_QUERY, STATUS("c-" OURS, "0.004", "CANCELED", "GTC")) == AATS_OK && r.msg_cnt == 1);
    CHECK(ours(&msgs[0]));

    adopted.client_no = adopted.order_id; /* taken over: another number here, the same client id there */
    adopted.order_id = 99;
    req.order = &adopted;
    req.renamed = 0;
    CHECK(aats_order_venue_binance.encode(&req, &auth, out, sizeof out) > 0);
    CHECK(strstr(out, "\"origClientOrderId\":\"" OURS "\"") != NULL);
    REQUIRE(parse("{\"id\":7,\"status\":200,\"result\":" STATUS(OURS, "0.004", "NEW", "GTC") "}") == AATS_OK);
    REQUIRE(aats_order_venue_binance.result(&r, AATS_OR_QUERY, &adopted) == AATS_OK && r.msg_cnt == 1);
    CHECK(ours(&msgs[0]));
}

TEST(there_is_no_dead_mans_switch)
{
    aats_oauth_t auth = {.key = KEY, .logged_on = 1};
    aats_oreq_t req = {.kind = AATS_OR_DEADMAN, .id = 7, .time_ms = 1785312000301, .deadman_ms = 10000};
    CHECK_EQ_I64(aats_order_venue_binance.encode(&req, &auth, out, sizeof out), 0);
    CHECK_EQ_I64(aats_order_venue_binance.deadman_ms, 0);
}

TEST(v16_balance_finer_than_its_exponent_is_what_can_be_had_of_it)
{
    REQUIRE(result(AATS_OR_ACCOUNT, "{\"balances\":[{\"asset\":\"BTC\",\"free\":\"1.234567899999999999\",\"locked\":\"0.0000000012\"}]}") == AATS_OK);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(r.msgs[0].amount.lo, 123456789);
    CHECK_EQ_I64(r.msgs[0].amount.hi, 0);
    CHECK_EQ_I64(result(AATS_OR_ACCOUNT, "{\"balances\":[{\"asset\":\"BTC\",\"free\":\"-1.2345678999\",\"locked\":\"0\"}]}"), AATS_E_INEXACT);
}

TEST(v16_balance_beyond_64_bits_is_exact)
{
    char text[64];
    REQUIRE(result(AATS_OR_ACCOUNT, "{\"balances\":[{\"asset\":\"PEPE\",\"free\":\"123456789012345.67891234\",\"locked\":\"900000000000.00000001\"}]}") ==
            AATS_OK);
    REQUIRE(r.msg_cnt == 1 && aats_wide_format(msgs[0].amount, -8, text, sizeof text) > 0);
    CHECK_STR(text, "124356789012345.67891235");
    CHECK_EQ_I64(result(AATS_OR_ACCOUNT, "{\"balances\":[{\"asset\":\"PEPE\",\"free\":\"99999999999999999999\",\"locked\":\"0\"}]}"), AATS_E_RANGE);
    CHECK_EQ_I64(result(AATS_OR_ACCOUNT, "{\"balances\":[{\"asset\":\"PEPE\",\"free\":\"123456789012345.x\",\"locked\":\"0\"}]}"), AATS_E_SYNTAX);
}

TEST(clock_of_the_venue_is_told)
{
    REQUIRE(result(AATS_OR_TIME, "{\"serverTime\":1785312000123}") == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1785312000123);
    REQUIRE(result(AATS_OR_LOGON, "{\"apiKey\":\"k\",\"authorizedSince\":1,\"connectedSince\":1,\"returnRateLimits\":true,"
                                  "\"serverTime\":1785312000124,\"userDataStream\":false}") == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1785312000124);
    CHECK_EQ_I64(result(AATS_OR_LISTEN, "{\"subscriptionId\":0}"), AATS_OK);
}

TEST(v14_id_of_a_reply_is_a_number_or_nobodys)
{
    static struct { char const *id; uint64_t want; } const IDS[] = {{"7", 7}, {"\"7\"", 7}, {"\"7x\"", 0}, {"\"\"", 0}, {"null", 0}, {"-7", 0},
                                                                    {"\"99999999999999999999\"", 0}};
    for (size_t i = 0; i < sizeof IDS / sizeof IDS[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"id\":%s,\"status\":200,\"result\":{}}", IDS[i].id);
        CHECK_EQ_I64(parse(text), AATS_OK);
        CHECK_EQ_U64(r.id, IDS[i].want);
        CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    }
    REQUIRE(parse("{\"id\":null,\"status\":401,\"error\":{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}}") == AATS_OK);
    CHECK(r.id == 0 && r.fatal && r.oc == AATS_OC_AUTH);
}

TEST(order_limit_nearest_to_its_end_is_told)
{
    REQUIRE(parse("{\"id\":7,\"status\":200,\"result\":{},\"rateLimits\":" LIMITS "}") == AATS_OK);
    CHECK_EQ_I64(r.orders_used, 3);
    CHECK_EQ_I64(r.orders_limit, 50);
    REQUIRE(parse("{\"id\":7,\"status\":200,\"result\":{}}") == AATS_OK);
    CHECK_EQ_I64(r.orders_limit, -1);
}

/* ---- errors ---- */

TEST(errors_mean_what_the_fact_sheet_says)
{
    enum { UNSURE = 1, FATAL = 2, BUSY = 4, CLOCK = 8 };
    static struct { int status, code; char const *msg; uint32_t flags, kind, oc; } const ALL[] = {
        {400, -2010, "Order would immediately match and take.", 0, AATS_OM_REJECT, AATS_OC_WOULD_CROSS},
        {400, -2010, "Account has insufficient balance for requested action.", 0, AATS_OM_REJECT, AATS_OC_BALANCE},
        {400, -2010, "Duplicate order sent.", 0, AATS_OM_REJECT, AATS_OC_VENUE_DUPLICATE},
        {400, -2010, "Market is closed.", 0, AATS_OM_REJECT, AATS_OC_HALTED},
        {400, -2010, "Something new.", 0, AATS_OM_REJECT, AATS_OC_VENUE},
        {400, -1013, "Filter failure: LOT_SIZE", 0, AATS_OM_REJECT, AATS_OC_FILTER},
        {400, -1021, "Timestamp for this request is outside of the recvWindow.", CLOCK, AATS_OM_REJECT, AATS_OC_TIMESTAMP},
        {400, -1022, "Signature for this request is not valid.", FATAL, AATS_OM_REJECT, AATS_OC_AUTH},
        {401, -2014, "API-key format invalid.", FATAL, AATS_OM_REJECT, AATS_OC_AUTH},
        {401, -2015, "Invalid API-key, IP, or permissions for action.", FATAL, AATS_OM_REJECT, AATS_OC_AUTH},
        {401, -9, "", FATAL, AATS_OM_REJECT, AATS_OC_AUTH},
        {429, -1003, "Too much request weight used.", BUSY, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {418, -1003, "Way too much request weight used; IP banned until 1785312060000.", BUSY, AATS_OM_REJECT, AATS_OC_BANNED},
        {429, -1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", BUSY, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {429, -9, "", BUSY, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {403, -9, "", BUSY, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {503, -1008, "Server is currently overloaded with other requests.", BUSY, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {400, -1121, "Invalid symbol.", 0, AATS_OM_REJECT, AATS_OC_VENUE},
        {400, -31337, "A code of the future.", 0, AATS_OM_REJECT, AATS_OC_VENUE},
        /* V-11 */
        {400, -1000, "An unknown error occurred while processing the request.", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {400, -1001, "Internal error; unable to process your request.", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {400, -1006, "An unexpected response was received from the message bus.", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {408, -1007, "Timeout waiting for response from backend server.", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {502, -2010, "Account has insufficient balance for requested action.", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {500, -9, "", UNSURE, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        CHECK_EQ_I64(refused(AATS_OR_PLACE, ALL[i].status, ALL[i].code, ALL[i].msg), AATS_OK);
        uint32_t flags = (r.unsure ? UNSURE : 0) | (r.fatal ? FATAL : 0) | (r.busy ? BUSY : 0) | (r.clock ? CLOCK : 0);
        int same = r.msg_cnt == 1 && flags == ALL[i].flags && msgs[0].kind == ALL[i].kind && msgs[0].code == ALL[i].oc && r.oc == ALL[i].oc;
        CHECK_MSG(same, "%d %d %s: flags %u kind %u code %u", ALL[i].status, ALL[i].code, ALL[i].msg, flags, msgs[0].kind, msgs[0].code);
        CHECK(ours(&msgs[0]));
    }
}

TEST(refused_cancel_is_told_as_such_and_an_unsure_one_is_asked_for)
{
    REQUIRE(refused(AATS_OR_CANCEL, 400, -2011, "Unknown order sent.") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_CANCEL_REJECT);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_UNKNOWN_ORDER);
    CHECK_STR(msgs[0].text, "-2011: Unknown order sent.");
    REQUIRE(refused(AATS_OR_CANCEL, 500, -1007, "") == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_UNKNOWN);
    REQUIRE(refused(AATS_OR_CANCEL_ALL, 400, -2011, "Unknown order sent.") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0); /* nothing was open */
}

TEST(error_tells_how_long_to_wait)
{
    REQUIRE(parse("{\"id\":7,\"status\":418,\"error\":{\"code\":-1003,\"msg\":\"banned\",\"data\":{\"serverTime\":1785312000000,"
                  "\"retryAfter\":1785312060000}},\"rateLimits\":" LIMITS "}") == AATS_OK);
    CHECK_EQ_I64(r.retry_ms, 1785312060000);
    CHECK_EQ_I64(r.server_ms, 1785312000000);
    CHECK_EQ_I64(r.orders_used, 3);
}

TEST(text_of_an_error_is_one_line_of_whole_characters)
{
    REQUIRE(refused(AATS_OR_PLACE, 400, -2010, "one\\ntwo \\u00e9") == AATS_OK && r.msg_cnt == 1);
    CHECK_STR(msgs[0].text, "-2010: one two \xc3\xa9");
    char longest[400] = "";
    for (int i = 0; i < 90; i++) strcat(longest, "\xc3\xa9");
    REQUIRE(refused(AATS_OR_PLACE, 400, -10, longest) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_U64(strlen(msgs[0].text), 5 + 154);
    REQUIRE(refused(AATS_OR_PLACE, 400, -100, longest) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_U64(strlen(msgs[0].text), 6 + 152);
}

/* ---- events ---- */

TEST(fill_is_told_with_its_fee_and_what_is_filled_in_all)
{
    REQUIRE(parse(EVENT(FILL("PARTIALLY_FILLED", "0.00400000", "0.00600000"))) == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
    REQUIRE(r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK(ours(&msgs[0]));
    CHECK_EQ_U64(msgs[0].trade_id, 5212345700u);
    CHECK_EQ_I64(msgs[0].px_i, 6420000000000);
    CHECK_EQ_I64(msgs[0].qty_i, 400000);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 600000);
    CHECK_EQ_I64(msgs[0].fee_i, 400);
    CHECK_STR(msgs[0].fee_asset, "BTC");
    CHECK_EQ_I64(msgs[0].liquidity, AATS_LIQ_MAKER);
    CHECK_EQ_I64(msgs[0].venue_ns, 1785312001019000000);
    CHECK_STR(msgs[0].remote_id, "40123456789");
    REQUIRE(parse(EVENT(FILL("FILLED", "0.00400000", "0.01000000"))) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 1); /* and nothing more */
}

TEST(reports_become_messages)
{
    static struct { char const *text; uint32_t kind, code; } const ALL[] = {
        {EVENT(QUIET(OURS, "", "NEW", "NEW", "GTC", "0")), AATS_OM_ACK, 0},
        {EVENT(QUIET(OURS, "", "REPLACED", "NEW", "GTC", "0")), AATS_OM_ACK, 0},
        {EVENT(QUIET(OURS, "", "EXPIRED", "EXPIRED", "IOC", "0.004")), AATS_OM_DONE, AATS_OC_IOC_REST}, /* V-17 */
        {EVENT(QUIET(OURS, "", "EXPIRED", "EXPIRED", "FOK", "0")), AATS_OM_DONE, AATS_OC_EXPIRED},
        {EVENT(QUIET(OURS, "", "EXPIRED", "EXPIRED_IN_MATCH", "GTC", "0")), AATS_OM_DONE, AATS_OC_SELF_TRADE},
        {EVENT(QUIET(OURS, "", "TRADE_PREVENTION", "EXPIRED_IN_MATCH", "GTC", "0")), AATS_OM_DONE, AATS_OC_SELF_TRADE},
        {EVENT(QUIET(OURS, "", "TRADE_PREVENTION", "NEW", "GTC", "0")), AATS_OM_ACK, 0}, /* V-15 */
        {EVENT(QUIET(OURS, "", "REJECTED", "REJECTED", "GTC", "0")), AATS_OM_REJECT, AATS_OC_VENUE},
        {EVENT(QUIET(OURS, "", "OF_THE_FUTURE", "CANCELED", "GTC", "0")), AATS_OM_DONE, AATS_OC_CANCELED},
        {QUIET(OURS, "", "NEW", "NEW", "GTC", "0"), AATS_OM_ACK, 0}, /* without its wrapping */
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        CHECK_MSG(parse(ALL[i].text) == AATS_OK && r.msg_cnt == 1, "%s", ALL[i].text);
        CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
        CHECK_EQ_I64(msgs[0].kind, ALL[i].kind);
        CHECK_EQ_I64(msgs[0].code, ALL[i].code);
        CHECK(ours(&msgs[0]));
        CHECK_STR(msgs[0].remote_id, "40123456789");
    }
    REQUIRE(parse(EVENT(QUIET(OURS, "", "OF_THE_FUTURE", "ASLEEP", "GTC", "0"))) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
}

TEST(v10_cancel_event_names_the_order_in_the_capital_c)
{
    REQUIRE(parse(EVENT(QUIET("pXLV6Hz6mprAcVYpVMTGgx", OURS, "CANCELED", "CANCELED", "GTC", "0.00400000"))) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_CANCELED);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 400000);
    CHECK(ours(&msgs[0]));
    /* the cancel's id may look like one of ours: it still is not the order */
    REQUIRE(parse(EVENT(QUIET(OTHER, OURS, "CANCELED", "CANCELED", "GTC", "0"))) == AATS_OK && r.msg_cnt == 1);
    CHECK(ours(&msgs[0]));
}

TEST(order_that_nobody_here_sent_is_foreign)
{
    REQUIRE(parse(EVENT(REPORT(THEIRS, "", "TRADE", "FILLED", "GTC", "1", "1", "64200", "0", "\"BTC\"", "5"))) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FOREIGN);
    CHECK(msgs[0].instance == 0 && msgs[0].order_id == 0);
    CHECK_STR(msgs[0].remote_id, "40123456789");
    CHECK_STR(msgs[0].symbol, "BTCUSDT");
    CHECK_STR(msgs[0].text, THEIRS);
    /* an id with an escape in it is not one that we can have written */
    REQUIRE(parse(EVENT(QUIET("\\u0030" "0112233445566770000000000000001", "", "NEW", "NEW", "GTC", "0"))) == AATS_OK && r.msg_cnt == 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FOREIGN);
}

TEST(session_events_are_told_apart)
{
    static struct { char const *text; int kind; } const ALL[] = {
        {EVENT("{\"e\":\"eventStreamTerminated\",\"E\":1785312001020}"), AATS_OV_DEAF},
        {"{\"event\":{\"e\":\"serverShutdown\",\"E\":1770123456789}}", AATS_OV_SHUTDOWN},
        {"{\"event\":{\"E\":1770123456789,\"e\":\"serverShutdown\"}}", AATS_OV_SHUTDOWN},
        {"{\"e\":\"serverShutdown\",\"E\":1770123456789}", AATS_OV_SHUTDOWN},
        {EVENT("{\"e\":\"balanceUpdate\",\"E\":1,\"a\":\"BTC\",\"d\":\"1\",\"T\":1}"), AATS_OV_MOVED},
        {EVENT("{\"e\":\"listStatus\"}"), AATS_OV_OTHER},
        {EVENT("{\"e\":7}"), AATS_OV_OTHER},
        {EVENT("{}"), AATS_OV_OTHER},
        {"{}", AATS_OV_OTHER},
        {"{\"hello\":[1,2,{}]}", AATS_OV_OTHER},
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        CHECK_MSG(parse(ALL[i].text) == AATS_OK && r.kind == ALL[i].kind && r.msg_cnt == 0, "%s: %d", ALL[i].text, r.kind);
    }
}

TEST(venue_is_found_by_its_name)
{
    CHECK(aats_order_venue_find("BINANCE") == &aats_order_venue_binance);
    CHECK(aats_order_venue_find("NOWHERE") == NULL);
    CHECK_EQ_I64(aats_order_parse("NOWHERE", "{}", 2, &r), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_order_encode("NOWHERE", NULL, NULL, out, sizeof out), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_order_result("NOWHERE", &r, AATS_OR_TIME, NULL), AATS_E_UNKNOWN);
    CHECK_EQ_I64(aats_order_parse("BINANCE", "{}", 2, &r), AATS_OK);
}

RUN_ALL()
