/* test_coinbase_order.c -- Coinbase's order dialect: tokens, what is refused, each request as it is sent, each answer and event as the venue writes it, each
 * odd behaviour by its number. */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "check.h"
#include "order/wide.h"
#include "proto/jwt.h"
#include "venue/coinbase_order.h"

/* RFC 7515, A.3, as SEC1; RFC 8032, test 1, as PKCS#8: keys that everybody knows. */
#define EC                                                                                                                        \
    "-----BEGIN EC PRIVATE KEY-----\n"                                                                                            \
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"                                                          \
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"                                                          \
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"                                                                                      \
    "-----END EC PRIVATE KEY-----\n"
#define ED                                                                                                                        \
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
#define KEY    "organizations/org-1/apiKeys/key-1"
#define NONCE  "00112233445566778899aabbccddeeff"
#define OURS   "00112233445566770000000000000001" /* the client id of `order` below */
#define OTHER  "00112233445566770000000000000002"
#define REMOTE "52cfe5e2-0001-4000-8000-00000000000a"

static aats_omsg_t msgs[AATS_OREPLY_MSGS];
static aats_oreply_t r = {.msgs = msgs};
static aats_rules_t rules = {.symbol = "BTCUSD.COINBASE", .native = "BTC-USD"};
static aats_oauth_t auth = {.key = KEY};
static aats_order_t order;
static char out[4096], why[200];

static aats_order_t order_of(int side, int tif)
{
    return (aats_order_t){.order_id = 1, .instance = 0x0011223344556677, .side = (uint8_t)side, .tif = (uint8_t)tif, .px_exp = -8, .qty_exp = -8,
                          .px_i = 1000050000000, .qty_i = 100000, .created_ns = 1700000000000000000};
}

__attribute__((constructor)) static void make(void)
{
    order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC);
    auth.signer = aats_signer_new_of(AATS_SIGN_PEM, EC, strlen(EC), why, sizeof why);
}

static int parse(char const *text) { return aats_order_venue_coinbase.parse(text, strlen(text), &r); }
static int http(int status, int kind, char const *body) { return aats_order_venue_coinbase.parse_http(status, "", 0, body, strlen(body), kind, &r); }
static int result(int kind) { return aats_order_venue_coinbase.result(&r, kind, &order); }

static int answer(int status, int kind, char const *body)
{
    int const e = http(status, kind, body);
    return e ? e : result(kind);
}

static int encode(aats_oreq_t req)
{
    req.id = 7;
    req.time_ms = 1700000002000; /* tokens are good from two seconds before */
    if (!req.host) req.host = "api.coinbase.com";
    req.nonce = 0x0123456789abcdef;
    return aats_order_venue_coinbase.encode(&req, &auth, out, sizeof out);
}

static int ours(aats_omsg_t const *m) { return m->instance == order.instance && m->order_id == order.order_id; }
static int has(char const *part) { return strstr(out, part) != NULL; }

#define USER(type, rows) "{\"channel\":\"user\",\"client_id\":\"\",\"timestamp\":\"2026-04-07T14:30:06.000000Z\",\"sequence_num\":1,\"events\":[{\"type\":\"" type \
    "\",\"orders\":[" rows "],\"positions\":{\"perpetual_futures_positions\":[],\"expiring_futures_positions\":[]}}]}"
#define ROW(id, status, cum, leaves, tif, more) "{\"order_id\":\"" REMOTE "\",\"client_order_id\":\"" id "\",\"product_id\":\"BTC-USD\",\"order_side\":\"BUY\"," \
    "\"order_type\":\"Limit\",\"status\":\"" status "\",\"cumulative_quantity\":\"" cum "\",\"leaves_quantity\":\"" leaves "\",\"avg_price\":\"0\",\"total_fees\":\"0\"," \
    "\"time_in_force\":\"" tif "\"" more "}"
#define GTC "GOOD_UNTIL_CANCELLED"
#define IOC "IMMEDIATE_OR_CANCEL"
#define FULL(id, status, filled) "{\"order_id\":\"" REMOTE "\",\"product_id\":\"BTC-USD\",\"user_id\":\"u\",\"order_configuration\":{\"limit_limit_gtc\":{\"base_size\":" \
    "\"0.001\",\"limit_price\":\"10000.50\",\"post_only\":false}},\"side\":\"BUY\",\"client_order_id\":\"" id "\",\"status\":\"" status "\",\"time_in_force\":\"" GTC   \
    "\",\"created_time\":\"2023-11-14T22:13:20Z\",\"filled_size\":\"" filled "\",\"fee\":\"\",\"number_of_fills\":\"\",\"reject_reason\":\"\",\"edit_history\":[]}"
#define FILL(id, px, size, more) "{\"entry_id\":\"e\",\"trade_id\":\"" id "\",\"order_id\":\"" REMOTE "\",\"trade_time\":\"2023-11-14T22:13:21.5Z\",\"trade_type\":\"FILL\"," \
    "\"price\":\"" px "\",\"size\":\"" size "\",\"commission\":\"0.0000125\",\"product_id\":\"BTC-USD\",\"liquidity_indicator\":\"TAKER\"" more "}"

/* ---- tokens ---- */

TEST(token_equals_the_fact_sheets_vector)
{
    aats_signer_t *s = aats_signer_new_of(AATS_SIGN_PEM, ED, strlen(ED), why, sizeof why);
    REQUIRE(s != NULL);
    REQUIRE(aats_jwt_write(s, KEY, NONCE, 1700000000, 120, "GET api.coinbase.com/api/v3/brokerage/accounts", out, sizeof out) > 0);
    CHECK(has(".eyJzdWIiOiJvcmdhbml6YXRpb25zL29yZy0xL2FwaUtleXMva2V5LTEiLCJpc3MiOiJjZHAiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMCwidXJpIjoiR0VUIGFw"
              "aS5jb2luYmFzZS5jb20vYXBpL3YzL2Jyb2tlcmFnZS9hY2NvdW50cyJ9."));
    CHECK_MSG(!strcmp(strrchr(out, '.'), ".7dDQ9rZAqcAOfpGgAcF9vAsZJ699iJvCTfT3wme2KKEQXD5ME_atLTgqWy9DwNH4lAMeLIxysKGTerCqbfQbBg"), "%s", out);
    aats_signer_free(s);
}

/* The signature of a token, r and s, as OpenSSL wants it. */
static int verifies(char const *token)
{
    uint8_t raw[80], der[100], *at = der;
    char const *const dot = strrchr(token, '.');
    char padded[100];
    size_t n = strlen(dot + 1);
    for (size_t i = 0; i < n; i++) padded[i] = dot[1 + i] == '-' ? '+' : dot[1 + i] == '_' ? '/' : dot[1 + i];
    while (n % 4) padded[n++] = '=';
    EVP_DecodeBlock(raw, (unsigned char *)padded, (int)n);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    int const der_sz = i2d_ECDSA_SIG(sig, &at);
    BIO *bio = BIO_new_mem_buf(EC, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int const ok = EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
                   EVP_DigestVerify(c, der, (size_t)der_sz, (uint8_t const *)token, (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ECDSA_SIG_free(sig);
    return ok;
}

TEST(token_of_an_ec_key_verifies_and_is_no_vector_of_another_text)
{
    REQUIRE(aats_jwt_write(auth.signer, KEY, NONCE, 1700000000, 120, "GET api.coinbase.com/api/v3/brokerage/accounts", out, sizeof out) > 0);
    CHECK(has(".eyJzdWIiOiJvcmdhbml6YXRpb25zL29yZy0xL2FwaUtleXMva2V5LTEiLCJpc3MiOiJjZHAiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMCwidXJpIjoiR0VUIGFw"));
    CHECK(verifies(out));
    /* the sheet's own signature of the same text, made with another k */
    strcpy(strrchr(out, '.') + 1, "9pGO841qmofiaCZt3BjQM330dkIRiiw6ioreCflFYPvwWdym7in2_PALOPC2g4vf1pswb5G5hFhp4BNKGSbGaA");
    CHECK(verifies(out));
    out[40] ^= 1;
    CHECK(!verifies(out));
}

TEST(token_is_refused_without_a_key_that_can_sign_one)
{
    aats_signer_t *s = aats_signer_new("secret", 6, why, sizeof why);
    CHECK_EQ_I64(aats_jwt_write(s, KEY, NONCE, 1, 120, NULL, out, sizeof out), AATS_E_ARG);
    CHECK_EQ_I64(aats_jwt_write(NULL, KEY, NONCE, 1, 120, NULL, out, sizeof out), AATS_E_ARG);
    CHECK_EQ_I64(aats_jwt_write(auth.signer, "a\"b", NONCE, 1, 120, NULL, out, sizeof out), AATS_E_ARG);
    for (size_t cap = 0; cap < 300; cap += 7) CHECK_EQ_I64(aats_jwt_write(auth.signer, KEY, NONCE, 1, 120, NULL, out, cap), AATS_E_FULL);
    aats_signer_free(s);
    CHECK(aats_signer_new_of(AATS_SIGN_PEM, "no PEM text", 11, why, sizeof why) == NULL);
}

/* What a token says of its time, behind "iss". */
static char const *times_of(char *token)
{
    static uint8_t text[600];
    char padded[600];
    char const *const part = strchr(token, '.') + 1;
    size_t n = strcspn(part, ".");
    memset(text, 0, sizeof text);
    memcpy(padded, part, n);
    while (n % 4) padded[n++] = '=';
    for (size_t i = 0; i < n; i++) padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    EVP_DecodeBlock(text, (unsigned char *)padded, (int)n);
    char const *const at = strstr((char *)text, "\"nbf\"");
    return at ? at : "";
}

/* ---- requests ---- */

TEST(v20_orders_are_posted_with_a_token_of_their_own)
{
    static struct { int side, tif; char const *body; } const ORDERS[] = {
        {AATS_SIDE_BUY, AATS_TIF_GTC, "\"side\":\"BUY\",\"order_configuration\":{\"limit_limit_gtc\":{\"base_size\":\"0.001\",\"limit_price\":\"10000.5\",\"post_only\":false}}}"},
        {AATS_SIDE_SELL, AATS_TIF_POS, "\"side\":\"SELL\",\"order_configuration\":{\"limit_limit_gtc\":{\"base_size\":\"0.001\",\"limit_price\":\"10000.5\",\"post_only\":true}}}"},
        {AATS_SIDE_BUY, AATS_TIF_IOC, "\"side\":\"BUY\",\"order_configuration\":{\"sor_limit_ioc\":{\"base_size\":\"0.001\",\"limit_price\":\"10000.5\"}}}"},
        {AATS_SIDE_BUY, AATS_TIF_FOK, "\"side\":\"BUY\",\"order_configuration\":{\"limit_limit_fok\":{\"base_size\":\"0.001\",\"limit_price\":\"10000.5\"}}}"},
        {AATS_SIDE_SELL, AATS_TIF_MARKET, "\"side\":\"SELL\",\"order_configuration\":{\"market_market_ioc\":{\"base_size\":\"0.001\"}}}"},
    };
    for (size_t i = 0; i < sizeof ORDERS / sizeof ORDERS[0]; i++) {
        aats_order_t const o = order_of(ORDERS[i].side, ORDERS[i].tif);
        int const n = encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &o, .rules = &rules});
        REQUIRE(n > 0);
        char const *const body = strstr(out, "\r\n\r\n");
        REQUIRE(body != NULL);
        char want[600], size[60];
        snprintf(want, sizeof want, "{\"client_order_id\":\"" OURS "\",\"product_id\":\"BTC-USD\",%s", ORDERS[i].body);
        CHECK_MSG(!strcmp(body + 4, want), "%s", body);
        snprintf(size, sizeof size, "Content-Length: %zu\r\n", strlen(want));
        CHECK_EQ_I64(n, (int64_t)strlen(out));
        CHECK(has(size));
        CHECK(!strncmp(out, "POST /api/v3/brokerage/orders HTTP/1.1\r\nHost: api.coinbase.com\r\n", strlen("POST /api/v3/brokerage/orders HTTP/1.1\r\nHost: api.coinbase.com\r\n")));
        char *const token = strstr(out, "Bearer ");
        REQUIRE(token != NULL);
        *strchr(token, '\r') = 0;
        CHECK(verifies(token + 7));
    }
}

TEST(questions_name_what_they_are_about_and_only_the_path_is_signed)
{
    aats_order_t known = order;
    snprintf(known.remote_id, sizeof known.remote_id, "%s", REMOTE);
    static struct { int kind, known; char const *head; } const ASKS[] = {
        {AATS_OR_TIME, 0, "GET /api/v3/brokerage/time HTTP/1.1\r\n"},
        {AATS_OR_ACCOUNT, 0, "GET /api/v3/brokerage/accounts?limit=250 HTTP/1.1\r\n"},
        {AATS_OR_OPEN, 0, "GET /api/v3/brokerage/orders/historical/batch?order_status=OPEN&product_ids=BTC-USD&limit=250 HTTP/1.1\r\n"},
        {AATS_OR_QUERY, 0, "GET /api/v3/brokerage/orders/historical/batch?product_ids=BTC-USD&limit=250 HTTP/1.1\r\n"},
        {AATS_OR_QUERY, 1, "GET /api/v3/brokerage/orders/historical/" REMOTE " HTTP/1.1\r\n"},
        {AATS_OR_FILLS, 1, "GET /api/v3/brokerage/orders/historical/fills?order_ids=" REMOTE "&limit=250 HTTP/1.1\r\n"},
        {AATS_OR_FILLS, 2, "GET /api/v3/brokerage/orders/historical/fills?product_ids=BTC-USD&limit=250 HTTP/1.1\r\n"},
        {AATS_OR_CANCEL, 1, "POST /api/v3/brokerage/orders/batch_cancel HTTP/1.1\r\n"},
    };
    for (size_t i = 0; i < sizeof ASKS / sizeof ASKS[0]; i++) {
        aats_oreq_t req = {.kind = (uint32_t)ASKS[i].kind, .rules = &rules, .order = ASKS[i].known == 2 ? NULL : ASKS[i].known ? &known : &order};
        REQUIRE(encode(req) > 0);
        CHECK_MSG(!strncmp(out, ASKS[i].head, strlen(ASKS[i].head)), "%s", out);
        CHECK((strstr(out, "Authorization: Bearer ") != NULL) == (ASKS[i].kind != AATS_OR_TIME));
    }
    CHECK(has("\r\n\r\n{\"order_ids\":[\"" REMOTE "\"]}"));
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_QUERY, .rules = &rules, .order = &order, .cursor = "cm93Pj4/MQ=="}) > 0);
    CHECK(has("?product_ids=BTC-USD&limit=250&cursor=cm93Pj4%2FMQ%3D%3D HTTP/1.1\r\n"));
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_QUERY, .rules = &rules, .order = &known, .cursor = "cm93Pj4/MQ=="}) > 0);
    CHECK(!has("cursor"));
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_OPEN, .host = "127.0.0.1:8443"}) > 0);
    CHECK(has("?order_status=OPEN&limit=250 "));
    char const *const times = times_of(strstr(out, "Bearer "));
    CHECK_MSG(strstr(times, ",\"uri\":\"GET 127.0.0.1:8443/api/v3/brokerage/orders/historical/batch\"}") != NULL, "%s", times);
}

TEST(v25_v27_what_the_venue_could_not_know_is_not_asked)
{
    aats_order_t known = order;
    snprintf(known.remote_id, sizeof known.remote_id, "%s", REMOTE);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_CANCEL, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_FILLS, .order = &order, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_AMEND, .order = &order, .rules = &rules, .px_i = 1}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .rules = &rules}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &order}), AATS_E_ARG);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_CANCEL_ALL, .rules = &rules}), 0);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_DEADMAN, .deadman_ms = 1}), 0);
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_POSITIONS}), 0);
    aats_order_t reduce = order;
    reduce.flags |= AATS_OF_REDUCE;
    CHECK_EQ_I64(encode((aats_oreq_t){.kind = AATS_OR_PLACE, .order = &reduce, .rules = &rules}), AATS_E_ARG);
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_AMEND, .order = &known, .rules = &rules, .px_i = 1000060000000}) > 0);
    CHECK(has("\r\n\r\n{\"order_id\":\"" REMOTE "\",\"price\":\"10000.6\",\"size\":\"0.001\"}"));
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_AMEND, .order = &known, .rules = &rules, .px_i = 1000060000000, .qty_i = 50000}) > 0);
    CHECK(has("\"size\":\"0.0005\"}"));
}

TEST(events_are_subscribed_to_with_a_token_that_names_no_address)
{
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_LISTEN}) > 0);
    CHECK(!strncmp(out, "{\"type\":\"subscribe\",\"channel\":\"heartbeats\"}\n{\"type\":\"subscribe\",\"channel\":\"user\",\"jwt\":\"ey", 89));
    char *const token = strstr(out, "jwt\":\"") + 6;
    *strrchr(token, '"') = 0;
    CHECK(verifies(token));
}

TEST(v20_token_lives_no_longer_than_an_order_may_be_late)
{
    aats_oreq_t const place = {.kind = AATS_OR_PLACE, .order = &order, .rules = &rules};
    REQUIRE(encode(place) > 0);
    CHECK_MSG(!strncmp(times_of(strstr(out, "Bearer ")), "\"nbf\":1700000000,\"exp\":1700000012,", 34), "%s", times_of(strstr(out, "Bearer ")));
    auth.recv_window_ms = 4500;
    REQUIRE(encode(place) > 0);
    CHECK(!strncmp(times_of(strstr(out, "Bearer ")), "\"nbf\":1700000000,\"exp\":1700000007,", 34));
    REQUIRE(encode((aats_oreq_t){.kind = AATS_OR_LISTEN}) > 0);
    CHECK(!strncmp(times_of(strstr(out, "jwt\":\"")), "\"nbf\":1700000000,\"exp\":1700000120}", 34));
    auth.recv_window_ms = 0;
}

TEST(no_request_writes_beyond_its_room)
{
    aats_oreq_t const req = {.kind = AATS_OR_PLACE, .id = 7, .order = &order, .rules = &rules, .host = "api.coinbase.com"};
    for (size_t cap = 0; cap < 744; cap += 13) {
        char *room = malloc(cap ? cap : 1);
        CHECK_EQ_I64(aats_order_venue_coinbase.encode(&req, &auth, room, cap), AATS_E_FULL);
        free(room);
    }
}

/* ---- answers ---- */

TEST(v21_placed_order_is_acknowledged_by_its_number)
{
    REQUIRE(answer(200, AATS_OR_PLACE, "{\"success\":true,\"failure_reason\":\"UNKNOWN_FAILURE_REASON\",\"order_id\":\"" REMOTE "\",\"success_response\":{\"order_id\":\"" REMOTE
                   "\",\"product_id\":\"BTC-USD\",\"side\":\"BUY\",\"client_order_id\":\"" OURS "\"},\"order_configuration\":null}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ACK);
    CHECK(ours(&msgs[0]) && !strcmp(msgs[0].remote_id, REMOTE));
    REQUIRE(answer(200, AATS_OR_AMEND, "{\"success\":true,\"errors\":[]}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0); /* taken, no more */
    REQUIRE(answer(200, AATS_OR_CANCEL, "{\"results\":[{\"success\":true,\"failure_reason\":\"UNKNOWN_CANCEL_FAILURE_REASON\",\"order_id\":\"" REMOTE "\"}]}") == AATS_OK);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_CANCEL_ACK);
}

TEST(v22_refusals_are_answers_of_status_200)
{
#define REFUSED(error, preview) "{\"success\":false,\"failure_reason\":\"UNKNOWN_FAILURE_REASON\",\"order_id\":\"\",\"error_response\":{\"error\":\"" error         \
    "\",\"message\":\"words\",\"error_details\":\"\",\"preview_failure_reason\":\"" preview "\",\"new_order_failure_reason\":\"UNKNOWN_FAILURE_REASON\"}," \
    "\"order_configuration\":{\"limit_limit_gtc\":{}}}"
    static struct { int kind; char const *body; uint32_t as, code; } const NO[] = {
        {AATS_OR_PLACE, REFUSED("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"), AATS_OM_REJECT, AATS_OC_BALANCE},
        {AATS_OR_PLACE, REFUSED("INVALID_LIMIT_PRICE_POST_ONLY", ""), AATS_OM_REJECT, AATS_OC_WOULD_CROSS},
        {AATS_OR_PLACE, REFUSED("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_LIMIT_PRICE_POSTONLY"), AATS_OM_REJECT, AATS_OC_WOULD_CROSS},
        {AATS_OR_PLACE, REFUSED("UNSUPPORTED_ORDER_CONFIGURATION", ""), AATS_OM_REJECT, AATS_OC_VENUE},
        {AATS_OR_CANCEL, "{\"results\":[{\"success\":false,\"failure_reason\":\"UNKNOWN_CANCEL_ORDER\",\"order_id\":\"x\"}]}", AATS_OM_CANCEL_REJECT, AATS_OC_UNKNOWN_ORDER},
        {AATS_OR_CANCEL, "{\"results\":[{\"success\":false,\"failure_reason\":\"COMMANDER_REJECTED_CANCEL_ORDER\",\"order_id\":\"x\"}]}", AATS_OM_CANCEL_REJECT, AATS_OC_VENUE},
        {AATS_OR_CANCEL, "{\"results\":[{\"success\":false,\"failure_reason\":\"DUPLICATE_CANCEL_REQUEST\",\"order_id\":\"x\"}]}", AATS_OM_CANCEL_ACK, AATS_OC_NONE},
        {AATS_OR_AMEND, "{\"success\":false,\"errors\":[{\"edit_failure_reason\":\"ORDER_ALREADY_FILLED\",\"preview_failure_reason\":\"\"}]}", AATS_OM_AMEND_REJECT, AATS_OC_ORDER_CLOSED},
        {AATS_OR_AMEND, "{\"success\":false,\"errors\":[{\"edit_failure_reason\":\"CANNOT_EDIT_TO_BELOW_FILLED_SIZE\"}]}", AATS_OM_AMEND_REJECT, AATS_OC_FILTER},
    };
    for (size_t i = 0; i < sizeof NO / sizeof NO[0]; i++) {
        int const e = answer(200, NO[i].kind, NO[i].body);
        CHECK_MSG(e == AATS_OK && r.msg_cnt == 1, "%s: %s", NO[i].body, aats_err_name(e));
        CHECK_MSG(msgs[0].kind == NO[i].as && msgs[0].code == NO[i].code && ours(&msgs[0]), "%s: kind %u code %u", NO[i].body, msgs[0].kind, msgs[0].code);
        CHECK_MSG(NO[i].as == AATS_OM_CANCEL_ACK || r.status == 400, "%s", NO[i].body);
    }
    CHECK_EQ_I64(http(200, AATS_OR_PLACE, "{\"order_id\":\"x\"}"), AATS_E_SHAPE); /* whether it was taken is not said */
    CHECK_EQ_I64(http(200, AATS_OR_CANCEL, "{\"results\":[]}"), AATS_E_SHAPE);
    CHECK_EQ_I64(http(200, AATS_OR_PLACE, "{\"success\":true,\"success\":false}"), AATS_E_DUPKEY);
}

TEST(status_of_an_answer_says_what_to_make_of_it)
{
    static struct { int status; char const *body; uint32_t unsure, fatal, busy, as, code; } const ANSWERS[] = {
        {400, "{\"error\":\"INVALID_ARGUMENT\",\"error_details\":\"x\",\"message\":\"x\"}", 0, 0, 0, AATS_OM_REJECT, AATS_OC_VENUE},
        {401, "Unauthorized\n", 0, 1, 0, AATS_OM_REJECT, AATS_OC_AUTH},
        {403, "{\"error\":\"PERMISSION_DENIED\",\"message\":\"Missing required scopes\"}", 0, 1, 0, AATS_OM_REJECT, AATS_OC_AUTH},
        {429, "{\"errors\":[{\"id\":\"rate_limit_exceeded\",\"message\":\"Too many requests\"}]}", 0, 0, 1, AATS_OM_REJECT, AATS_OC_RATE_LIMIT},
        {500, "{\"error\":\"unknown\",\"message\":\"\"}", 1, 0, 0, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {503, "<html><title>Maintenance</title></html>", 1, 0, 0, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
        {200, "", 1, 0, 0, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE},
    };
    for (size_t i = 0; i < sizeof ANSWERS / sizeof ANSWERS[0]; i++) {
        REQUIRE(answer(ANSWERS[i].status, AATS_OR_PLACE, ANSWERS[i].body) == AATS_OK);
        CHECK_MSG(r.unsure == ANSWERS[i].unsure && r.fatal == ANSWERS[i].fatal && r.busy == ANSWERS[i].busy && r.status != 200, "%d", ANSWERS[i].status);
        CHECK_MSG(r.msg_cnt == 1 && msgs[0].kind == ANSWERS[i].as && msgs[0].code == ANSWERS[i].code, "%d: kind %u code %u", ANSWERS[i].status, msgs[0].kind, msgs[0].code);
    }
    REQUIRE(answer(404, AATS_OR_QUERY, "{\"error\":\"NOT_FOUND\",\"error_details\":\"order not found\",\"message\":\"order not found\"}") == AATS_OK);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ABSENT);
    REQUIRE(answer(200, AATS_OR_TIME, "{\"iso\":\"x\",\"epochSeconds\":\"1683658050\",\"epochMillis\":\"1683658050123\"}") == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1683658050123);
    REQUIRE(answer(200, AATS_OR_TIME, "{\"epochMillis\":1683658050123}") == AATS_OK);
    CHECK_EQ_I64(r.server_ms, 1683658050123);
    CHECK_EQ_I64(answer(200, AATS_OR_TIME, "{}"), AATS_E_SHAPE);
}

TEST(v26_order_is_found_by_our_id_or_absent_only_where_the_list_reaches_far_enough)
{
    REQUIRE(answer(200, AATS_OR_QUERY, "{\"orders\":[" FULL(OTHER, "OPEN", "0") "," FULL(OURS, "OPEN", "0.0004") "],\"has_next\":true,\"cursor\":\"c\"}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK(ours(&msgs[0]) && !strcmp(msgs[0].remote_id, REMOTE));
    CHECK(r.next == NULL);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 40000);
    CHECK_EQ_I64(msgs[0].px_i, 1000050000000);
    CHECK_EQ_I64(msgs[0].qty_i, 100000);
    REQUIRE(answer(200, AATS_OR_QUERY, "{\"orders\":[" FULL(OTHER, "OPEN", "0") "],\"has_next\":false,\"cursor\":\"\"}") == AATS_OK);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ABSENT);
    REQUIRE(answer(200, AATS_OR_QUERY, "{\"orders\":[" FULL(OTHER, "OPEN", "0") "],\"has_next\":true,\"cursor\":\"c\"}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
    CHECK(r.next && r.next_len == 1 && *r.next == 'c');
    order.created_ns += (int64_t)3600 * 1000000000; /* an hour after the oldest in the list */
    REQUIRE(answer(200, AATS_OR_QUERY, "{\"orders\":[" FULL(OTHER, "OPEN", "0") "],\"has_next\":true,\"cursor\":\"c\"}") == AATS_OK);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_ABSENT);
    snprintf(order.remote_id, sizeof order.remote_id, "%s", REMOTE);
    REQUIRE(answer(200, AATS_OR_QUERY, "{\"order\":" FULL(OURS, "CANCELLED", "") "}") == AATS_OK);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_DONE);
    CHECK_EQ_I64(msgs[0].code, AATS_OC_CANCELED);
    CHECK_EQ_I64(msgs[0].cum_qty_i, 0); /* V-28 */
    CHECK_EQ_I64(answer(200, AATS_OR_QUERY, "{\"order\":" FULL(OTHER, "OPEN", "0") "}"), AATS_E_SHAPE);
    CHECK_EQ_U64(r.msg_cnt, 0);
    order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC);
}

TEST(open_orders_are_ours_or_foreign)
{
    REQUIRE(answer(200, AATS_OR_OPEN, "{\"orders\":[" FULL(OURS, "OPEN", "0") "," FULL("web-1", "OPEN", "0") "," FULL(OTHER, "FILLED", "1") "],\"has_next\":false}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK_EQ_I64(msgs[1].kind, AATS_OM_FOREIGN);
    CHECK(!strcmp(msgs[1].text, "web-1"));
    CHECK(r.next == NULL);
    REQUIRE(answer(200, AATS_OR_OPEN, "{\"orders\":[],\"has_next\":true,\"cursor\":\"c9\"}") == AATS_OK); /* what was on that page has ended */
    CHECK(r.next && r.next_len == 2);
    CHECK_EQ_I64(answer(200, AATS_OR_OPEN, "{\"orders\":[],\"has_next\":true,\"cursor\":\"\"}"), AATS_E_SHAPE); /* more, and no way to it */
}

TEST(fills_are_told_oldest_first_and_their_fees_to_the_last_digit)
{
    char const *body = "{\"fills\":[" FILL("9", "10000.50", "0.0006", "") "," FILL("9fa1c6a5-0000-4000-8000-000000000001", "10000.40", "4.00016",
                       ",\"size_in_quote\":true") "],\"cursor\":\"\"}";
    snprintf(order.remote_id, sizeof order.remote_id, "%s", REMOTE);
    REQUIRE(answer(200, AATS_OR_FILLS, body) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 2);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_FILL);
    CHECK_EQ_U64(msgs[0].trade_id, 0x9fa1c6a500004000);
    CHECK_EQ_I64(msgs[0].qty_i, 40000); /* 4.00016 USD at 10000.40 */
    CHECK_EQ_U64(msgs[1].trade_id, 9);
    CHECK_EQ_I64(msgs[1].qty_i, 60000);
    CHECK_EQ_I64(msgs[1].px_i, 1000050000000);
    CHECK_EQ_I64(msgs[1].fee_i, 1250);
    CHECK_EQ_I64(msgs[1].fee_exp, -8);
    CHECK(!strcmp(msgs[1].fee_asset, "USD") && ours(&msgs[1]));
    CHECK_EQ_I64(msgs[1].liquidity, AATS_LIQ_TAKER);
    CHECK_EQ_I64(msgs[1].venue_ns, 1700000001500000000);
    snprintf(order.remote_id, sizeof order.remote_id, "another");
    REQUIRE(answer(200, AATS_OR_FILLS, body) == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 0);
    order = order_of(AATS_SIDE_BUY, AATS_TIF_GTC);
}

TEST(wallets_of_one_currency_are_one_balance)
{
#define WALLET(name, free, hold) "{\"uuid\":\"u\",\"name\":\"x\",\"currency\":\"" name "\",\"available_balance\":{\"value\":\"" free "\",\"currency\":\"" name \
    "\"},\"default\":true,\"hold\":{\"value\":\"" hold "\",\"currency\":\"" name "\"}}"
    REQUIRE(answer(200, AATS_OR_ACCOUNT, "{\"accounts\":[" WALLET("BTC", "1.5", "0.25") "," WALLET("USD", "1000", "0") "," WALLET("BTC", "1", "1")
                   "," WALLET("A_NAME_THAT_IS_TOO_LONG", "1", "1") "],\"has_next\":false,\"cursor\":\"\",\"size\":4}") == AATS_OK);
    CHECK_EQ_U64(r.msg_cnt, 2);
    CHECK(!strcmp(msgs[0].fee_asset, "BTC") && aats_wide(msgs[0].amount) == 375000000 && aats_wide(msgs[0].locked) == 125000000);
    CHECK(!strcmp(msgs[1].fee_asset, "USD") && aats_wide(msgs[1].amount) == 100000000000);
}

/* ---- events ---- */

TEST(v24_events_say_what_is_filled_in_all_and_v29_what_it_is_now)
{
    REQUIRE(parse(USER("update", ROW(OURS, "OPEN", "0.0004", "0.0006", GTC, ",\"limit_price\":\"10000.50\""))) == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_EVENT);
    CHECK_EQ_U64(r.msg_cnt, 1);
    CHECK_EQ_I64(msgs[0].kind, AATS_OM_OPEN);
    CHECK(ours(&msgs[0]));
    CHECK_EQ_I64(msgs[0].cum_qty_i, 40000);
    CHECK_EQ_I64(msgs[0].qty_i, 100000);
    CHECK_EQ_I64(msgs[0].px_i, 1000050000000);
    CHECK_EQ_I64(msgs[0].venue_ns, 1775572206000000000);
    CHECK_EQ_U64(r.moved, 1); /* V-31 */
    REQUIRE(parse(USER("snapshot", ROW(OURS, "OPEN", "0", "0.001", GTC, ""))) == AATS_OK);
    CHECK_EQ_I64(msgs[0].px_i, 0);
    CHECK_EQ_U64(r.moved, 0);
}

TEST(statuses_are_told_as_what_they_are)
{
    static struct { char const *text; size_t cnt; uint32_t kinds[2], codes[2]; } const STEPS[] = {
        {USER("update", ROW(OURS, "PENDING", "0", "0.001", GTC, "")), 1, {AATS_OM_ACK}, {0}},
        {USER("update", ROW(OURS, "QUEUED", "0", "0.001", GTC, "")), 1, {AATS_OM_ACK}, {0}},
        {USER("update", ROW(OURS, "CANCEL_QUEUED", "0", "0.001", GTC, "")), 2, {AATS_OM_OPEN, AATS_OM_CANCEL_ACK}, {0}},
        {USER("update", ROW(OURS, "EDIT_QUEUED", "0", "0.001", GTC, "")), 0, {0}, {0}},
        {USER("update", ROW(OURS, "UNKNOWN_ORDER_STATUS", "0", "0.001", GTC, "")), 0, {0}, {0}},
        {USER("update", ROW(OURS, "FILLED", "0.001", "0", GTC, "")), 1, {AATS_OM_DONE}, {AATS_OC_FILLED}},
        {USER("update", ROW(OURS, "CANCELLED", "0", "0", GTC, ",\"cancel_reason\":\"User requested cancel\"")), 1, {AATS_OM_DONE}, {AATS_OC_CANCELED}},
        {USER("update", ROW(OURS, "CANCELLED", "0.0004", "0", IOC, "")), 1, {AATS_OM_DONE}, {AATS_OC_IOC_REST}},
        {USER("update", ROW(OURS, "CANCELLED", "0", "0", "FILL_OR_KILL", "")), 1, {AATS_OM_DONE}, {AATS_OC_EXPIRED}},
        {USER("update", ROW(OURS, "EXPIRED", "0", "0", GTC, "")), 1, {AATS_OM_DONE}, {AATS_OC_EXPIRED}},
        {USER("update", ROW(OURS, "FAILED", "0", "0", GTC, ",\"reject_reason\":\"INSUFFICIENT_FUND\"")), 2, {AATS_OM_REJECT, AATS_OM_DONE},
         {AATS_OC_BALANCE, AATS_OC_CANCELED_OTHER}},
        {USER("update", ROW(OURS, "CANCELLED", "", "", GTC, "")), 1, {AATS_OM_UNKNOWN}, {AATS_OC_VENUE_UNSURE}}, /* V-28 */
        {USER("update", ROW("web-1", "OPEN", "0", "1", GTC, "")), 1, {AATS_OM_FOREIGN}, {0}},
        {USER("update", ""), 0, {0}, {0}},
    };
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        int const e = parse(STEPS[i].text);
        CHECK_MSG(e == AATS_OK && r.kind == AATS_OV_EVENT && r.msg_cnt == STEPS[i].cnt, "%s: %s, %zu", STEPS[i].text, aats_err_name(e), r.msg_cnt);
        for (size_t k = 0; k < r.msg_cnt; k++)
            CHECK_MSG(msgs[k].kind == STEPS[i].kinds[k] && msgs[k].code == STEPS[i].codes[k], "%s: kind %u code %u", STEPS[i].text, msgs[k].kind, msgs[k].code);
    }
}

TEST(v30_subscription_is_answered_by_the_set_that_holds_it_and_refused_by_words)
{
#define SET(set) "{\"channel\":\"subscriptions\",\"client_id\":\"\",\"timestamp\":\"2026-04-07T14:30:00.000000Z\",\"sequence_num\":0,\"events\":[{\"subscriptions\":{" set "}}]}"
    REQUIRE(parse(SET("\"heartbeats\":[\"heartbeats\"]")) == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
    REQUIRE(parse(SET("\"heartbeats\":[\"heartbeats\"],\"user\":[\"*\"]")) == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    CHECK_EQ_U64(r.answers, AATS_OR_LISTEN);
    CHECK_EQ_I64(r.status, 200);
    REQUIRE(parse("{\"type\":\"error\",\"message\":\"authentication failure\"}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_REPLY);
    CHECK(r.fatal && r.answers == AATS_OR_LISTEN && r.oc == AATS_OC_AUTH);
    REQUIRE(parse("{\"type\":\"error\",\"message\":\"rate limit exceeded\"}") == AATS_OK);
    CHECK(r.busy && !r.fatal);
    REQUIRE(parse("{\"channel\":\"heartbeats\",\"events\":[{\"heartbeat_counter\":7}]}") == AATS_OK);
    CHECK_EQ_I64(r.kind, AATS_OV_OTHER);
}

TEST(event_of_another_shape_is_refused_and_leaves_no_message)
{
    static struct { char const *text; int code; } const BAD[] = {
        {"", AATS_E_SYNTAX},
        {"[]", AATS_E_SHAPE},
        {"{\"channel\":\"user\"}", AATS_E_SHAPE},
        {USER("update", ROW(OURS, "OPEN", "x", "0", GTC, "")), AATS_E_SYNTAX},
        {USER("update", ROW(OURS, "OPEN", "-1", "0", GTC, "")), AATS_E_SHAPE},
        {USER("update", ROW(OURS, "OPEN", "0", "0", GTC, "") "," ROW(OURS, "OPEN", "0.000000001", "0", GTC, "")), AATS_E_INEXACT},
        {USER("update", "{\"order_id\":\"a\",\"client_order_id\":\"b\"}"), AATS_E_SHAPE},
        {USER("update", ROW(OURS, "OPEN", "0", "0", GTC, ",\"status\":\"OPEN\"")), AATS_E_DUPKEY},
        {USER("update", ROW(OURS, "OPEN", "0", "0", GTC, ",")), AATS_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        int const e = parse(BAD[i].text);
        CHECK_MSG(e == BAD[i].code && r.msg_cnt == 0, "%s: %s, expected %s", BAD[i].text, aats_err_name(e), aats_err_name(BAD[i].code));
    }
}

RUN_ALL()
