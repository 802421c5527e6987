/* test_ws_open.c -- the promises of csrc/proto/ws_open.h and base64.h. */
#include "check.h"

#include "proto/base64.h"
#include "proto/ws_open.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

/* "the sample nonce", the key of RFC 6455 section 1.3 */
static uint8_t const NONCE[16] = "the sample nonce";
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: " SAMPLE_ACCEPT "\r\n"

static int check(char const *text)
{
    aats_http_head_t h;
    if (aats_http_head(text, strlen(text), &h) != (int)strlen(text)) return AATS_E_ARG;
    return aats_ws_check(&h, NONCE);
}

TEST(answers_that_are_no_handshake_are_refused)
{
    static struct {
        char const *text;
        int want;
    } const CASES[] = {
        {"HTTP/1.1 403 Forbidden\r\n\r\n", AATS_E_SHAPE},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n", AATS_E_SHAPE},
        {"HTTP/1.1 200 OK\r\n" UPGRADE CONNECTION ACCEPT "\r\n", AATS_E_SHAPE},
        {"HTTP/1.0 101 x\r\n" UPGRADE CONNECTION ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" CONNECTION ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n" CONNECTION ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE "Connection: close\r\n" ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION "Sec-WebSocket-Accept: AAAALMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n\r\n",
        AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION "Sec-WebSocket-Accept:\r\n\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION ACCEPT ACCEPT "\r\n", AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        AATS_E_PROTO},
        {"HTTP/1.1 101 x\r\n" UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n", AATS_E_PROTO},
    };
    for (size_t i = 0; i < CNT(CASES); i++) {
        int const rc = check(CASES[i].text);
        CHECK_MSG(rc == CASES[i].want, "case %zu gave %d", i, rc);
    }
}

TEST(texts_that_would_break_the_request_are_refused)
{
    static char const *const HOSTS[] = {"", "a b", "a\r\nX: y", "a\n", "\x7F"};
    static char const *const PATHS[] = {"", "ws", "/a b", "/\r\n", "/a\tb"};
    static char const *const EXTRAS[] = {"X: y", "X: y\n", "X: y\r\n\r\n", "\r\n", "X: y\rZ: z\r\n"};
    char out[512];
    for (size_t i = 0; i < CNT(HOSTS); i++) {
        CHECK_EQ_I64(aats_ws_request(out, sizeof out, HOSTS[i], "/", NONCE, NULL), AATS_E_ARG);
    }
    for (size_t i = 0; i < CNT(PATHS); i++) {
        CHECK_EQ_I64(aats_ws_request(out, sizeof out, "h", PATHS[i], NONCE, NULL), AATS_E_ARG);
    }
    for (size_t i = 0; i < CNT(EXTRAS); i++) {
        CHECK_EQ_I64(aats_ws_request(out, sizeof out, "h", "/", NONCE, EXTRAS[i]), AATS_E_ARG);
    }
    CHECK_EQ_I64(aats_ws_request(out, 20, "h", "/", NONCE, NULL), AATS_E_FULL);
}

TEST(requests_that_are_no_upgrade_get_no_answer)
{
    static char const *const BAD[] = {
        "POST / HTTP/1.1\r\n" UPGRADE CONNECTION "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\n" CONNECTION "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\n" UPGRADE CONNECTION "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\n" UPGRADE CONNECTION "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 8\r\n\r\n",
    };
    char out[512];
    for (size_t i = 0; i < CNT(BAD); i++) {
        aats_http_head_t h;
        CHECK_EQ_I64(aats_http_request_head(BAD[i], strlen(BAD[i]), &h), strlen(BAD[i]));
        CHECK_EQ_I64(aats_ws_response(out, sizeof out, &h), AATS_E_PROTO);
    }
}

TEST(the_example_of_rfc_6455_section_1_3)
{
    char key[AATS_WS_KEY_SZ], accept[AATS_WS_ACCEPT_SZ];
    aats_ws_key(NONCE, key);
    CHECK_STR(key, SAMPLE_KEY);
    CHECK_EQ_I64(aats_ws_accept(key, accept), AATS_OK);
    CHECK_STR(accept, SAMPLE_ACCEPT);
    CHECK_EQ_I64(check("HTTP/1.1 101 Switching Protocols\r\n" UPGRADE CONNECTION ACCEPT "\r\n"), AATS_OK);
    CHECK_EQ_I64(check("HTTP/1.1 101\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n" ACCEPT "\r\n"),
                 AATS_OK);
}

TEST(a_server_of_ours_answers_what_a_client_of_ours_accepts)
{
    char request[512], answer[512];
    aats_http_head_t h;
    int const n = aats_ws_request(request, sizeof request, "stream.binance.com:9443", "/stream?streams=a/b", NONCE,
                                  "User-Agent: aats\r\nX-Y: z\r\n");
    CHECK_EQ_I64(aats_http_request_head(request, (size_t)n, &h), n);
    CHECK(h.target_len == 19 && memcmp(h.target, "/stream?streams=a/b", 19) == 0);
    CHECK_EQ_I64(aats_http_count(&h, "x-y"), 1);
    int const m = aats_ws_response(answer, sizeof answer, &h);
    CHECK_EQ_I64(aats_ws_response(answer, (size_t)m, &h), AATS_E_FULL);
    CHECK_EQ_I64(aats_ws_response(answer, (size_t)m + 1, &h), m);
    CHECK_EQ_I64(aats_http_head(answer, (size_t)m, &h), m);
    CHECK_EQ_I64(aats_ws_check(&h, NONCE), AATS_OK);
    CHECK_EQ_I64(aats_ws_check(&h, (uint8_t const *)"another nonce..."), AATS_E_PROTO);
}

TEST(base64_pads_as_rfc_4648_section_10_shows)
{
    static char const *const KNOWN[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < CNT(KNOWN); i++) {
        char out[AATS_BASE64_SZ(6)];
        size_t const n = strlen(KNOWN[i][0]);
        CHECK_EQ_I64(aats_base64_encode((uint8_t const *)KNOWN[i][0], n, out, AATS_BASE64_SZ(n)), strlen(KNOWN[i][1]));
        CHECK_STR(out, KNOWN[i][1]);
        CHECK_EQ_I64(aats_base64_encode((uint8_t const *)KNOWN[i][0], n, out, AATS_BASE64_SZ(n) - 1), AATS_E_FULL);
    }
}

RUN_ALL()
