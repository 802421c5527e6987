/* test_okx_order.c -- OKX's order dialect: what is refused, each request as it is sent and signed, each answer and event as the venue writes it, each odd
 * behaviour by its number. */
#include "check.h"
#include "order/client_id.h"
#include "order/wide.h"
#include "venue/okx_order.h"

#define SECRET "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"
#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define OTHER  "00112233445566770000000000000002"
#define REMOTE "2987654321098765312"

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSDTSWAP.OKX_SWAP", .native = "BTC-USDT-SWAP", .number = 10459};
static aats_oauth_t auth = {.key = "37c541a1", .passphrase = "pass \"word\""};
static char out[2048];

static aats_order_t order_of(int side, int tif)
{
    return (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = (uint8_t)side, .tif = (uint8_t)tif, .px_exp = -8, .qty_exp = -8,
                          .px_i = 6400010000000, .qty_i = 100000000};
}

static aats_order_t order;
__attribute__((constructor)) static void make(void)
{
    char why[100];
    order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC);
    auth.signer = aats_signer_new(SECRET, strlen(SECRET), why, sizeof why);
}

static int parse(char const *text) { return aats_order_venue_okx_swap.parse(text, strlen(text), &r); }
static int http(int status, int kind, char const *body) { return aats_order_venue_okx_swap.parse_http(status, "", 0, body, strlen(body), kind, &r); }

static int answer(int kind, char const *body)
{
    int e = http(200, kind, body);
    return e ? e : aats_order_venue_okx_swap.result(&r, kind, &order);
}

static int reply(int kind, char const *op, char const *code, char const *row)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"id\":\"7\",\"op\":\"%s\",\"code\":\"%s\",\"msg\":\"\",\"data\":[{%s}],\"inTime\":\"1\",\"outTime\":\"2\"}", op, code, row);
    int e = parse(text);
    return e ? e : aats_order_venue_okx_swap.result(&r, kind, &order);
}

static int encode(int swap, aats_oreq_t req)
{
    aats_order_venue_t const *v = swap ? &aats_order_venue_okx_swap : &aats_order_venue_okx;
    if (!req.id) req.id = 7;
    return v->encode(&req, &auth, out, sizeof out);
}

static int ours(aats_omsg_t const *m) { return m->instance == order.instance && m->order_id == order.order_id; }

#define ROW(cl, state, filled, source, more) "{\"instType\":\"SWAP\",\"instId\":\"BTC-USDT-SWAP\",\"ordId\":\"" REMOTE "\",\"clOrdId\":\"" cl "\",\"tag\":\"\"," \
    "\"px\":\"64000.1\",\"sz\":\"1\",\"side\":\"buy\",\"ordType\":\"post_only\",\"state\":\"" state "\",\"accFillSz\":\"" filled "\",\"avgPx\":\"\"," \
    "\"cancelSource\":\"" source "\",\"reqId\":\"\",\"reduceOnly\":\"false\",\"cTime\":\"1785312003004\",\"uTime\":\"1785312005009\"" more "}"
#define QUIET ",\"tradeId\":\"\",\"fillSz\":\"0\",\"fillPx\":\"\",\"amendResult\":\"\""
#define TRADE(id, size) ",\"tradeId\":\"" id "\",\"fillSz\":\"" size "\",\"fillPx\":\"64000.1\",\"fillTime\":\"1785312005008\",\"fillFee\":\"-0.0512\"," \
    "\"fillFeeCcy\":\"USDT\",\"execType\":\"M\",\"amendResult\":\"\",\"fee\":\"-0.0512\",\"feeCcy\":\"USDT\""
#define NEWS(rows) "{\"arg\":{\"channel\":\"orders\",\"instType\":\"SWAP\",\"uid\":\"7\"},\"data\":[" rows "]}"
#define LIST(rows) "{\"code\":\"0\",\"msg\":\"\",\"data\":[" rows "]}"

/* ---- refusals ---- */

TEST(text_of_another_shape_is_refused_with_the_code_that_says_why)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {NEWS("{}"), AATS_E_SHAPE},
        {NEWS(ROW(OURS, "half_dead", "0", "", QUIET)), AATS_E_SHAPE},
        {NEWS(ROW(OURS, "live", "-1", "", QUIET)), AATS_E_SHAPE},
        {NEWS(ROW(OURS, "live", "0.000000001", "", QUIET)), AATS_E_INEXACT},
        {NEWS(ROW(OURS, "partially_filled", "0.1", "", TRADE("5", "0.4"))), AATS_E_SHAPE}, /* a fill above the sum */
        {NEWS(ROW(OURS, "live", "0", "", ",\"state\":\"live\"")), AATS_E_DUPKEY},
        {"{\"arg\":{\"channel\":\"orders\"}}", AATS_E_SHAPE},
        {"{\"id\":\"7\",\"op\":\"order\",\"code\":\"x\",\"data\":[]}", AATS_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code && r.msg_cnt == 0, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
    CHECK_EQ_I64(answer(AATS_OR_QUERY, LIST("")), AATS_E_SHAPE);
    CHECK_EQ_I64(answer(AATS_OR_QUERY, LIST(ROW(OTHER, "live", "0", "", ""))), AATS_E_SHAPE);
    CHECK_EQ_I64(answer(AATS_OR_TIME, LIST("{\"ts\":\"\"}")), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_order_venue_okx.result(&r, AATS_OR_PLACE, NULL), AATS_E_ARG);
}

TEST(a_request_that_cannot_be_made_is_refused)
{
    aats_rules_t nameless = rules;
    aats_oauth_t const kept = auth;
    nameless.number = 0; /* V-57 */
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order, .rules = &nameless}), AATS_E_ARG);
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order}), AATS_E_ARG);
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_FILLS, .order = &order, .rules = &rules, .host = "h"}), AATS_E_ARG); /* its number is not known */
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_OPEN, .time_ms = 1}), AATS_E_ARG);                                   /* no host */
    auth.passphrase[0] = 0;
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_LOGON, .time_ms = 1}), AATS_E_ARG);
    auth = kept;
    memcpy(auth.key, "a\r\nb", 5);
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_ACCOUNT, .time_ms = 1, .host = "h"}), AATS_E_ARG);
    auth = kept;
    CHECK_EQ_I64(encode(1, (aats_oreq_t){.kind = AATS_OR_CANCEL_ALL, .rules = &rules}), 0); /* V-58 */
    CHECK_EQ_I64(encode(0, (aats_oreq_t){.kind = AATS_OR_POSITIONS, .host = "h", .time_ms = 1}), 0);
}

TEST(a_text_that_does_not_fit_is_not_cut)
{
    aats_oreq_t const reqs[] = {
        {.kind = AATS_OR_PLACE, .id = 7, .order = &order, .rules = &rules, .time_ms = 1785312003000}, {.kind = AATS_OR_LOGON, .id = 7, .time_ms = 1785312003000},
        {.kind = AATS_OR_LISTEN, .id = 7}, {.kind = AATS_OR_ACCOUNT, .id = 7, .time_ms = 1785312003000, .host = "www.okx.com"},
    };
    for (size_t i = 0; i < sizeof reqs / sizeof reqs[0]; i++) {
        int const n = aats_order_venue_okx.encode(&reqs[i], &auth, out, sizeof out);
        CHECK_MSG(n > 0 && (size_t)n == strlen(out), "request %zu: %d", i, n);
        for (int cap = 0; cap <= n; cap++) CHECK_EQ_I64(aats_order_venue_okx.encode(&reqs[i], &auth, out, (size_t)cap), AATS_E_FULL);
    }
}

/* ---- requests ---- */

TEST(signatures_are_those_of_the_fact_sheet)
{
    CHECK_MSG(encode(1, (aats_oreq_t){.kind = AATS_OR_LOGON, .time_ms = 1704876947123}) > 0, "login");
    CHECK_STR(out, "{\"op\":\"login\",\"args\":[{\"apiKey\":\"37c541a1\",\"passphrase\":\"pass \\\"word\\\"\",\"timestamp\":\"1704876947\","
                   "\"sign\":\"h40uJnu4QWNKOXDPW/QiOVwtFDAmLKh7ThzSboYPqrk=\"}]}");
    CHECK_MSG(encode(1, (aats_oreq_t){.kind = AATS_OR_ACCOUNT, .time_ms = 1607418537715, .host = "www.okx.com"}) > 0, "balance");
    CHECK_STR(out, "GET /api/v5/account/balance HTTP/1.1\r\nHost: www.okx.com\r\nUser-Agent: aats\r\nOK-ACCESS-KEY: 37c541a1\r\n"
                   "OK-ACCESS-SIGN: PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k=\r\nOK-ACCESS-TIMESTAMP: 2020-12-08T09:08:57.715Z\r\n"
                   "OK-ACCESS-PASSPHRASE: pass \"word\"\r\nContent-Type: application/json\r\n\r\n");
}

TEST(each_kind_of_order_is_asked_for_as_the_venue_wants_it)
{
    static struct { int tif, swap; char const *want; } const CASES[] = {
        {AATS_TIF_POS, 1, ",\"tdMode\":\"cross\",\"side\":\"buy\",\"ordType\":\"post_only\",\"px\":\"64000.1\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
        {AATS_TIF_IOC, 0, ",\"tdMode\":\"cash\",\"side\":\"buy\",\"ordType\":\"ioc\",\"px\":\"64000.1\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
        {AATS_TIF_GTC, 0, ",\"tdMode\":\"cash\",\"side\":\"buy\",\"ordType\":\"limit\",\"px\":\"64000.1\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
        {AATS_TIF_FOK, 1, ",\"tdMode\":\"cross\",\"side\":\"buy\",\"ordType\":\"fok\",\"px\":\"64000.1\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
        {AATS_TIF_MARKET, 0, ",\"tdMode\":\"cash\",\"side\":\"buy\",\"ordType\":\"market\",\"tgtCcy\":\"base_ccy\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
        {AATS_TIF_MARKET, 1, ",\"tdMode\":\"cross\",\"side\":\"buy\",\"ordType\":\"market\",\"sz\":\"1\",\"clOrdId\":\"" OURS "\"}]}"},
    };
    static char const HEAD[] = "{\"id\":\"7\",\"op\":\"order\",\"expTime\":\"1785312008000\",\"args\":[{\"instIdCode\":10459";
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        aats_order_t o = order_of(AATS_SIDE_BUY, CASES[i].tif);
        CHECK_MSG(encode(CASES[i].swap, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &o, .rules = &rules, .time_ms = 1785312003000}) > 0, "%zu", i);
        CHECK_MSG(!strncmp(out, HEAD, sizeof HEAD - 1), "%s", out);
        CHECK_STR(out + sizeof HEAD - 1, CASES[i].want);
    }
}

TEST(an_order_that_may_only_reduce_says_so)
{
    aats_order_t o = order_of(AATS_SIDE_SELL, AATS_TIF_IOC);
    o.flags = AATS_OF_REDUCE;
    encode(1, (aats_oreq_t){.kind = AATS_OR_PLACE, .order = &o, .rules = &rules, .time_ms = 1785312003000});
    CHECK_MSG(strstr(out, ",\"side\":\"sell\",\"ordType\":\"ioc\",\"px\":\"64000.1\",\"sz\":\"1\",\"reduceOnly\":true,\"clOrdId\":\"" OURS "\"}]}") != NULL, "%s", out);
}

TEST(an_order_is_named_by_the_venues_number_once_that_is_known)
{
    aats_order_t o = order;
    encode(1, (aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &o, .rules = &rules});
    CHECK_STR(out, "{\"id\":\"7\",\"op\":\"cancel-order\",\"args\":[{\"instIdCode\":10459,\"clOrdId\":\"" OURS "\"}]}");
    memcpy(o.remote_id, REMOTE, sizeof REMOTE);
    encode(1, (aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &o, .rules = &rules});
    CHECK_STR(out, "{\"id\":\"7\",\"op\":\"cancel-order\",\"args\":[{\"instIdCode\":10459,\"ordId\":\"" REMOTE "\"}]}");
    encode(1, (aats_oreq_t){.kind = AATS_OR_AMEND, .order = &o, .rules = &rules, .px_i = 6400020000000, .qty_i = o.qty_i, .time_ms = 1785312003000});
    CHECK_STR(out, "{\"id\":\"7\",\"op\":\"amend-order\",\"expTime\":\"1785312008000\",\"args\":[{\"instIdCode\":10459,\"ordId\":\"" REMOTE "\",\"reqId\":\"7\","
                   "\"newPx\":\"64000.2\"}]}");
    encode(1, (aats_oreq_t){.kind = AATS_OR_QUERY, .order = &o, .rules = &rules, .host = "h", .time_ms = 1});
    CHECK_MSG(strstr(out, "GET /api/v5/trade/order?instId=BTC-USDT-SWAP&ordId=" REMOTE " HTTP/1.1\r\n") == out, "%s", out);
    encode(1, (aats_oreq_t){.kind = AATS_OR_FILLS, .order = &o, .rules = &rules, .host = "h", .time_ms = 1});
    CHECK_MSG(strstr(out, "GET /api/v5/trade/fills?instType=SWAP&instId=BTC-USDT-SWAP&ordId=" REMOTE "&limit=100 HTTP/1.1\r\n") == out, "%s", out);
    encode(0, (aats_oreq_t){.kind = AATS_OR_OPEN, .rules = &rules, .host = "h", .time_ms = 1});
    CHECK_MSG(strstr(out, "GET /api/v5/trade/orders-pending?instType=SPOT&instId=BTC-USDT-SWAP&limit=100 HTTP/1.1\r\n") == out, "%s", out);
    encode(0, (aats_oreq_t){.kind = AATS_OR_OPEN, .rules = &rules, .host = "h", .time_ms = 1, .cursor = "312269865356374016"});
    CHECK_MSG(strstr(out, "&limit=100&after=312269865356374016 HTTP/1.1\r\n") != NULL, "%s", out); /* V-62 */
}

TEST(the_test_network_and_the_dead_mans_switch_are_said_in_the_head_V60)
{
    auth.sandbox = 1;
    encode(1, (aats_oreq_t){.kind = AATS_OR_DEADMAN, .deadman_ms = 10000, .host = "h", .time_ms = 1});
    auth.sandbox = 0;
    CHECK_MSG(strstr(out, "POST /api/v5/trade/cancel-all-after HTTP/1.1\r\nHost: h\r\nUser-Agent: aats\r\nx-simulated-trading: 1\r\n") == out, "%s", out);
    CHECK_MSG(strstr(out, "\r\nContent-Length: 16\r\n\r\n{\"timeOut\":\"10\"}") != NULL, "%s", out);
    encode(1, (aats_oreq_t){.kind = AATS_OR_LISTEN, .id = 9});
    CHECK_STR(out, "{\"id\":\"9\",\"op\":\"subscribe\",\"args\":[{\"channel\":\"account\",\"extraParams\":\"{\\\"updateInterval\\\":\\\"0\\\"}\"},"
                   "{\"channel\":\"orders\",\"instType\":\"SWAP\"}]}");
}

/* ---- answers ---- */

TEST(a_reply_says_that_an_order_was_taken_and_no_more)
{
    CHECK_EQ_I64(reply(AATS_OR_PLACE, "order", "0", "\"ordId\":\"" REMOTE "\",\"clOrdId\":\"" OURS "\",\"ts\":\"1785312003004\",\"sCode\":\"0\",\"sMsg\":\"\""), AATS_OK);
    CHECK_MSG(r.id == 7 && r.status == 200 && r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ACK && ours(&msgs[0]), "ack");
    CHECK_STR(msgs[0].remote_id, REMOTE);
    CHECK_EQ_I64(reply(AATS_OR_CANCEL, "cancel-order", "0", "\"ordId\":\"" REMOTE "\",\"sCode\":\"0\""), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_CANCEL_ACK, "cancel");
    CHECK_EQ_I64(reply(AATS_OR_AMEND, "amend-order", "0", "\"ordId\":\"" REMOTE "\",\"sCode\":\"0\""), AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
    order.tif = AATS_TIF_POS; /* V-53 */
    CHECK_EQ_I64(reply(AATS_OR_PLACE, "order", "0", "\"ordId\":\"" REMOTE "\",\"sCode\":\"0\""), AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
    order.tif = AATS_TIF_GTC;
}

TEST(the_inner_number_of_an_answer_counts_V51)
{
    static struct { int kind; char const *outer, *inner; uint32_t as, oc; } const CASES[] = {
        {AATS_OR_PLACE, "1", "51008", AATS_OM_REJECT, AATS_OC_BALANCE},
        {AATS_OR_PLACE, "0", "51121", AATS_OM_REJECT, AATS_OC_FILTER},
        {AATS_OR_PLACE, "1", "51016", AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE}, /* V-55 */
        {AATS_OR_PLACE, "1", "51149", AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {AATS_OR_PLACE, "1", "51169", AATS_OM_REJECT, AATS_OC_REDUCE_ONLY},
        {AATS_OR_PLACE, "1", "50061", AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {AATS_OR_CANCEL, "1", "51400", AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER},
        {AATS_OR_AMEND, "1", "51503", AATS_OM_AMEND_REJECT, AATS_OC_UNKNOWN_ORDER},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char row[200];
        snprintf(row, sizeof row, "\"ordId\":\"\",\"clOrdId\":\"" OURS "\",\"sCode\":\"%s\",\"sMsg\":\"why\"", CASES[i].inner);
        CHECK_EQ_I64(reply(CASES[i].kind, "order", CASES[i].outer, row), AATS_OK);
        CHECK_MSG(r.status == 400 && r.msg_cnt == 1 && msgs[0].kind == CASES[i].as && msgs[0].code == CASES[i].oc && ours(&msgs[0]), "%s: kind %u code %u",
                  CASES[i].inner, msgs[0].kind, msgs[0].code);
    }
    CHECK_MSG(!strcmp(msgs[0].text, "51503: why"), "%s", msgs[0].text);
}

TEST(answers_that_are_no_answers_are_told_as_what_they_are)
{
    CHECK_EQ_I64(http(503, AATS_OR_OPEN, "<html>maintenance</html>"), AATS_OK);
    CHECK_MSG(r.kind == AATS_OV_REPLY && r.status == 503 && r.busy, "html");
    CHECK_EQ_I64(http(429, AATS_OR_OPEN, "{\"code\":\"50011\",\"msg\":\"Too Many Requests\",\"data\":[]}"), AATS_OK);
    CHECK_MSG(r.status == 429 && r.busy && r.code == 50011, "limit");
    CHECK_EQ_I64(http(401, AATS_OR_OPEN, "{\"code\":\"50113\",\"msg\":\"Invalid Sign\",\"data\":[]}"), AATS_OK);
    CHECK_MSG(r.fatal && r.oc == AATS_OC_AUTH, "key");
    CHECK_EQ_I64(http(200, AATS_OR_OPEN, "{\"code\":\"50102\",\"msg\":\"Timestamp request expired\",\"data\":[]}"), AATS_OK);
    CHECK_MSG(r.clock && r.status == 400 && !r.fatal, "clock");
    CHECK_EQ_I64(http(200, AATS_OR_QUERY, "{\"code\":\"51603\",\"msg\":\"Order does not exist\",\"data\":[]}"), AATS_OK);
    CHECK_EQ_I64(aats_order_venue_okx.result(&r, AATS_OR_QUERY, &order), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ABSENT, "absent");
}

TEST(what_the_session_hears_of_itself)
{
    CHECK_EQ_I64(parse("{\"event\":\"login\",\"code\":\"0\",\"msg\":\"\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(r.kind == AATS_OV_REPLY && r.answers == AATS_OR_LOGON && r.status == 200, "login");
    CHECK_EQ_I64(aats_order_venue_okx.result(&r, AATS_OR_LOGON, NULL), AATS_OK);
    CHECK_EQ_I64(parse("{\"event\":\"error\",\"code\":\"60024\",\"msg\":\"Wrong passphrase\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(r.kind == AATS_OV_REPLY && r.id == 0 && r.fatal && r.oc == AATS_OC_AUTH, "refused");
    CHECK_EQ_I64(parse("{\"event\":\"error\",\"code\":\"60006\",\"msg\":\"Timestamp request expired\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(r.clock && !r.fatal, "clock");
    CHECK_EQ_I64(parse("{\"id\":\"8\",\"event\":\"subscribe\",\"arg\":{\"channel\":\"account\"},\"connId\":\"a4\"}"), AATS_OK); /* V-56 */
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    CHECK_EQ_I64(parse("{\"id\":\"8\",\"event\":\"subscribe\",\"arg\":{\"channel\":\"orders\",\"instType\":\"SPOT\"},\"connId\":\"a4\"}"), AATS_OK);
    CHECK_MSG(r.kind == AATS_OV_REPLY && r.id == 8 && r.status == 200, "listening");
    CHECK_EQ_I64(parse("{\"event\":\"channel-conn-count-error\",\"channel\":\"orders\",\"connCount\":\"30\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_DEAF);
    CHECK_EQ_I64(parse("{\"event\":\"notice\",\"code\":\"64008\",\"msg\":\"soon\",\"connId\":\"a4\"}"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_SHUTDOWN);
    CHECK_EQ_I64(parse("pong"), AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    CHECK_EQ_I64(answer(AATS_OR_TIME, LIST("{\"ts\":\"1597026383085\"}")), AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1597026383085);
}

/* ---- news ---- */

TEST(an_order_lives_is_filled_and_ends)
{
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "live", "0", "", QUIET))), AATS_OK);
    CHECK_MSG(r.kind == AATS_OV_EVENT && r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ACK && ours(&msgs[0]), "live");
    CHECK_STR(msgs[0].remote_id, REMOTE);
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "partially_filled", "0.4", "", TRADE("1987700001", "0.4")))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_FILL && msgs[0].trade_id == 1987700001 && msgs[0].cum_qty_i == 40000000, "fill");
    CHECK_MSG(msgs[0].fee_i == 5120000 && msgs[0].fee_exp == -8 && msgs[0].liquidity == AATS_LIQ_MAKER && msgs[0].px_i == 6400010000000, "fee");
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "filled", "1", "", TRADE("1987700002", "0.6")))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_FILL, "whole");
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "canceled", "0.4", "1", QUIET))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_DONE && msgs[0].code == AATS_OC_CANCELED && msgs[0].cum_qty_i == 40000000, "canceled");
    CHECK_EQ_I64(parse(NEWS(ROW("web7", "live", "0", "", QUIET))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_FOREIGN && !strcmp(msgs[0].text, "web7"), "foreign");
}

TEST(an_empty_trade_is_none_V52)
{
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "partially_filled", "0.4", "", ",\"tradeId\":\"\",\"fillSz\":\"0.4\",\"fillPx\":\"64000.1\""))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ACK, "no id");
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "partially_filled", "0.4", "", ",\"tradeId\":\"5\",\"fillSz\":\"0\",\"fillPx\":\"\""))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_ACK, "no size");
}

TEST(how_an_order_ended_is_in_its_cancel_source)
{
    static struct { char const *row; uint32_t oc; } const CASES[] = {
        {NEWS(ROW(OURS, "canceled", "0", "13", QUIET)), AATS_OC_EXPIRED},   {NEWS(ROW(OURS, "canceled", "0", "14", QUIET)), AATS_OC_IOC_REST},
        {NEWS(ROW(OURS, "canceled", "0", "20", QUIET)), AATS_OC_EXPIRED},   {NEWS(ROW(OURS, "canceled", "0", "32", QUIET)), AATS_OC_SELF_TRADE},
        {NEWS(ROW(OURS, "canceled", "0", "0", QUIET)), AATS_OC_CANCELED_OTHER}, {NEWS(ROW(OURS, "mmp_canceled", "0", "38", QUIET)), AATS_OC_CANCELED_OTHER},
        {NEWS(ROW(OURS, "canceled", "0", "", QUIET)), AATS_OC_CANCELED},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        CHECK_EQ_I64(parse(CASES[i].row), AATS_OK);
        CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_DONE && msgs[0].code == CASES[i].oc, "%zu: %u", i, msgs[0].code);
    }
}

TEST(a_post_only_order_that_would_take_is_refused_by_its_end_V53)
{
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "canceled", "0", "31", QUIET))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 2 && msgs[0].kind == AATS_OM_REJECT && msgs[0].code == AATS_OC_WOULD_CROSS && msgs[1].kind == AATS_OM_DONE, "event");
    CHECK_EQ_I64(answer(AATS_OR_QUERY, LIST(ROW(OURS, "canceled", "0", "31", ""))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 2 && msgs[0].kind == AATS_OM_REJECT && msgs[1].kind == AATS_OM_DONE, "answer");
}

TEST(what_came_of_an_amendment_is_told)
{
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "live", "0", "", ",\"amendResult\":\"0\",\"tradeId\":\"\",\"fillSz\":\"0\""))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_AMENDED && msgs[0].px_i == 6400010000000 && msgs[0].qty_i == 100000000, "done");
    CHECK_EQ_I64(parse(NEWS(ROW(OURS, "live", "0", "", ",\"amendResult\":\"-1\",\"msg\":\"no such price\",\"tradeId\":\"\""))), AATS_OK);
    CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_AMEND_REJECT && !strcmp(msgs[0].text, "no such price"), "refused");
}

TEST(a_full_page_is_followed_by_one_behind_its_last_row_V62)
{
    static char text[1 << 16];
    for (int rows = 99; rows <= 100; rows++) {
        size_t n = (size_t)snprintf(text, sizeof text, "{\"code\":\"0\",\"msg\":\"\",\"data\":[");
        for (int i = 0; i < rows; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"instId\":\"BTC-USDT-SWAP\",\"ordId\":\"9\",\"tradeId\":\"%d\",\"billId\":\"b%d\",\"fillPx\":\"5\","
                                  "\"fillSz\":\"1\",\"fee\":\"0\",\"feeCcy\":\"USDT\",\"execType\":\"T\",\"ts\":\"7\"}", i ? "," : "", 200 - i, 500 - i);
        snprintf(text + n, sizeof text - n, "]}");
        CHECK_EQ_I64(answer(AATS_OR_FILLS, text), AATS_OK);
        CHECK_EQ_U64(r.msg_cnt, (size_t)rows);
        CHECK_MSG(rows == 100 ? r.next && r.next_len == 4 && !memcmp(r.next, "b401", 4) : !r.next, "%d rows", rows);
    }
}

TEST(fees_and_balances_keep_their_digits_V54)
{
    CHECK_EQ_I64(answer(AATS_OR_FILLS, LIST("{\"instId\":\"BTC-USDT-SWAP\",\"ordId\":\"9\",\"tradeId\":\"6\",\"fillPx\":\"5\",\"fillSz\":\"1\",\"fee\":\"0.1\",\"feeCcy\":\"USDT\","
                                            "\"execType\":\"T\",\"ts\":\"7\"},{\"instId\":\"BTC-USDT-SWAP\",\"ordId\":\"9\",\"tradeId\":\"5\",\"fillPx\":\"5\",\"fillSz\":\"1\","
                                            "\"fee\":\"-0.00000192834\",\"feeCcy\":\"BTC\",\"execType\":\"M\",\"ts\":\"6\"}")), AATS_OK);
    CHECK_MSG(r.msg_cnt == 2 && msgs[0].trade_id == 5 && msgs[1].trade_id == 6, "oldest first");
    CHECK_MSG(msgs[0].fee_i == 1928340 && msgs[0].fee_exp == -12 && msgs[1].fee_i == -10000000 && msgs[1].fee_exp == -8, "fees");
    CHECK_EQ_I64(answer(AATS_OR_ACCOUNT, LIST("{\"uTime\":\"1\",\"details\":[{\"ccy\":\"USDT\",\"cashBal\":\"4850.435693622894\",\"frozenBal\":\"158.573\"},"
                                              "{\"ccy\":\"PEPE\",\"cashBal\":\"123456789012345.5\",\"frozenBal\":\"\"}]}")), AATS_OK);
    CHECK_MSG(r.msg_cnt == 2 && msgs[0].kind == AATS_OM_BALANCE && msgs[0].amount.lo == 485043569362u && msgs[0].locked.lo == 15857300000u, "usdt");
    CHECK_MSG(msgs[1].amount.lo == (uint64_t)((__int128)12345678901234550 * 1000000) && msgs[1].locked.lo == 0, "more than 64 bits");
}

TEST(positions_have_a_sign_in_either_mode)
{
    CHECK_EQ_I64(answer(AATS_OR_POSITIONS, LIST("{\"instId\":\"BTC-USDT-SWAP\",\"pos\":\"-3\",\"posSide\":\"net\",\"avgPx\":\"64000.1\"},"
                                                "{\"instId\":\"ETH-USDT-SWAP\",\"pos\":\"2\",\"posSide\":\"short\",\"avgPx\":\"2566.3123456789\"}")), AATS_OK);
    CHECK_MSG(r.msg_cnt == 2 && msgs[0].kind == AATS_OM_POSITION && msgs[0].qty_i == -300000000 && msgs[0].px_i == 6400010000000, "net");
    CHECK_MSG(msgs[1].qty_i == -200000000 && msgs[1].px_i == 0, "short");
}

TEST(V_61_the_position_mode_is_asked_for_and_two_sides_are_refused)
{
    aats_oreq_t const ask = {.kind = AATS_OR_MODE, .host = "www.okx.com", .time_ms = 1};
    CHECK_EQ_I64(encode(0, ask), 0); /* spot has no sides */
    REQUIRE(encode(1, ask) > 0);
    CHECK(strstr(out, "GET /api/v5/account/config HTTP/1.1\r\n") == out);
    CHECK_EQ_I64(answer(AATS_OR_MODE, LIST("{\"acctLv\":\"2\",\"posMode\":\"net_mode\",\"uid\":\"7\"}")), AATS_OK);
    CHECK(!r.unfit && r.msg_cnt == 0);
    CHECK_EQ_I64(answer(AATS_OR_MODE, LIST("{\"acctLv\":\"2\",\"posMode\":\"long_short_mode\",\"uid\":\"7\"}")), AATS_OK);
    CHECK(r.unfit && strstr(r.text, "hedge mode"));
    CHECK(answer(AATS_OR_MODE, LIST("{\"acctLv\":\"2\"}")) < 0);
    CHECK(answer(AATS_OR_MODE, LIST("")) < 0);
}

TEST(the_rest_of_a_market_order_has_expired_by_whatever_source_it_ends)
{
    CHECK_EQ_I64(parse("{\"arg\":{\"channel\":\"orders\",\"instType\":\"SWAP\",\"uid\":\"7\"},\"data\":[{\"instType\":\"SWAP\",\"instId\":\"BTC-USDT-SWAP\",\"ordId\":\"" REMOTE
                       "\",\"clOrdId\":\"" OURS "\",\"px\":\"\",\"sz\":\"5\",\"ordType\":\"market\",\"state\":\"canceled\",\"accFillSz\":\"2\",\"cancelSource\":\"14\"" QUIET
                       "}]}"), AATS_OK);
    CHECK(r.msg_cnt == 1 && msgs[0].kind == AATS_OM_DONE && msgs[0].code == AATS_OC_EXPIRED && ours(&msgs[0]));
}

RUN_ALL()
