/* test_http.c -- the promises of csrc/proto/http.h.
 *
 * Heads are handed over in heap blocks of their exact size, so that the sanitizer sees a read past the end. */
#include "check.h"

#include "proto/http.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

static int code_of(char const *s, size_t n)
{
    aats_http_head_t h;
    char *const copy = malloc(n ? n : 1);
    memcpy(copy, s, n);
    int const rc = aats_http_head(copy, n, &h);
    free(copy);
    return rc;
}

static int is(char const *s, uint32_t n, char const *want) { return n == strlen(want) && memcmp(s, want, n) == 0; }

TEST(heads_outside_the_grammar_are_refused)
{
    static char const *const BAD[] = {
        "H\0TP", "GET / HTTP/1.1\r\n\r\n", "\x15\x03\x01", "<html>", "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 OK\n\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n",
        "HTTP/1.1 200 OK\r\n(A): b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\x7F\r\n\r\n", "HTTP/1.1 200 OK\r\n\xC3\xA9: b\r\n\r\n", "\n", "HTTP/1.1 200 OK\r\n\n",
    };
    for (size_t i = 1; i < CNT(BAD); i++) {
        CHECK_MSG(code_of(BAD[i], strlen(BAD[i])) == AATS_E_SYNTAX, "case %zu was taken: %s", i, BAD[i]);
    }
    CHECK_EQ_I64(code_of("H\0TP", 4), AATS_E_SYNTAX);
    CHECK_EQ_I64(code_of("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", 28), AATS_E_SYNTAX);
}

TEST(requests_outside_the_grammar_are_refused)
{
    static char const *const BAD[] = {"GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
                                      "GET / HTTP/1.1 \r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
                                      "GET /a\tb HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "\r\n\r\n"};
    aats_http_head_t h;
    for (size_t i = 0; i < CNT(BAD); i++) {
        CHECK_EQ_I64(aats_http_request_head(BAD[i], strlen(BAD[i]), &h), AATS_E_SYNTAX);
    }
}

TEST(more_fields_or_bytes_than_the_limits_are_refused)
{
    static char text[AATS_HTTP_HEAD_MAX + 64];
    size_t n = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < AATS_HTTP_FIELDS; i++) n += (size_t)sprintf(text + n, "F%d: v\r\n", i);
    strcpy(text + n, "\r\n");
    CHECK_EQ_I64(code_of(text, n + 2), n + 2);
    strcpy(text + n, "Another: v\r\n\r\n");
    CHECK_EQ_I64(code_of(text, n + 14), AATS_E_TOO_BIG);

    n = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nA: ");
    memset(text + n, 'x', sizeof text - n);
    memcpy(text + AATS_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    CHECK_EQ_I64(code_of(text, AATS_HTTP_HEAD_MAX - 1), AATS_E_MORE);
    CHECK_EQ_I64(code_of(text, AATS_HTTP_HEAD_MAX), AATS_HTTP_HEAD_MAX);
    memcpy(text + AATS_HTTP_HEAD_MAX - 4, "xxxx\r\n\r\n", 8);
    CHECK_EQ_I64(code_of(text, AATS_HTTP_HEAD_MAX), AATS_E_TOO_BIG);
    CHECK_EQ_I64(code_of(text, sizeof text), AATS_E_TOO_BIG);
}

TEST(lengths_that_are_no_number_or_differ_are_refused)
{
    static char const *const BAD[] = {"x", "", "-1", "1 2", "5, 5", "0x5", "1\r\nContent-Length: 2"};
    char text[128];
    aats_http_head_t h;
    uint64_t v = 77;
    for (size_t i = 0; i < CNT(BAD); i++) {
        int const n = sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", BAD[i]);
        CHECK_EQ_I64(aats_http_head(text, (size_t)n, &h), n);
        CHECK_EQ_I64(aats_http_length(&h, &v), AATS_E_SYNTAX);
    }
    CHECK_EQ_U64(v, 77);
}

static char const ANSWER[] = "HTTP/1.1 429 Too Many Requests\r\n"
                             "Content-Type: application/json\r\n"
                             "CONTENT-length:  17\t\r\n"
                             "Retry-After: 7\r\n"
                             "Connection: keep-alive ,\tUpgrade\r\n"
                             "connection: x\r\n"
                             "Empty:\r\n"
                             "X-Text: caf\xC3\xA9 \"quoted\", and more\r\n"
                             "\r\n";

TEST(an_answer_is_taken_apart)
{
    static char text[sizeof ANSWER + 17];
    aats_http_head_t h;
    char const *v;
    size_t n;
    uint64_t number;
    memcpy(text, ANSWER, sizeof ANSWER - 1);
    memcpy(text + sizeof ANSWER - 1, "{\"code\":-1003}\r\n\r\n", 18);
    CHECK_EQ_I64(aats_http_head(text, sizeof text, &h), sizeof ANSWER - 1);
    CHECK_EQ_I64(h.status, 429);
    CHECK_EQ_I64(h.minor, 1);
    CHECK(is(h.reason, h.reason_len, "Too Many Requests"));
    CHECK_EQ_I64(h.field_cnt, 7);
    CHECK_EQ_I64(aats_http_find(&h, "content-TYPE", &v, &n), 1);
    CHECK(is(v, (uint32_t)n, "application/json"));
    CHECK_EQ_I64(aats_http_find(&h, "content", &v, &n), 0);
    CHECK_EQ_I64(aats_http_find(&h, "x-text", &v, &n), 1);
    CHECK(is(v, (uint32_t)n, "caf\xC3\xA9 \"quoted\", and more"));
    CHECK_EQ_I64(aats_http_find(&h, "empty", &v, &n), 1);
    CHECK_EQ_U64(n, 0);
    CHECK_EQ_I64(aats_http_count(&h, "Connection"), 2);
    CHECK_EQ_I64(aats_http_has(&h, "Connection", "upgrade"), 1);
    CHECK_EQ_I64(aats_http_has(&h, "Connection", "X"), 1);
    CHECK_EQ_I64(aats_http_has(&h, "Connection", "keep"), 0);
    CHECK_EQ_I64(aats_http_has(&h, "Empty", "x"), 0);
    CHECK_EQ_I64(aats_http_length(&h, &number), 1);
    CHECK_EQ_U64(number, 17);
    CHECK_EQ_I64(aats_http_retry_after(&h, &number), 1);
    CHECK_EQ_U64(number, 7);
}

TEST(a_head_without_reason_or_fields_is_taken)
{
    aats_http_head_t h;
    uint64_t v;
    CHECK_EQ_I64(aats_http_head("HTTP/1.0 204\r\n\r\n", 16, &h), 16);
    CHECK(h.status == 204 && h.minor == 0 && h.reason_len == 0 && h.field_cnt == 0);
    CHECK_EQ_I64(aats_http_head("HTTP/1.1 204 \r\n\r\nrest", 21, &h), 17);
    CHECK_EQ_I64(aats_http_length(&h, &v), 0);
    CHECK_EQ_I64(aats_http_retry_after(&h, &v), 0);
}

TEST(a_retry_date_counts_as_none_and_a_huge_number_as_the_largest)
{
    static char const DATE[] = "HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n";
    static char const HUGE_ONE[] = "HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999999\r\n\r\n";
    aats_http_head_t h;
    uint64_t v;
    CHECK_EQ_I64(aats_http_head(DATE, sizeof DATE - 1, &h), sizeof DATE - 1);
    CHECK_EQ_I64(aats_http_retry_after(&h, &v), 0);
    CHECK_EQ_I64(aats_http_head(HUGE_ONE, sizeof HUGE_ONE - 1, &h), sizeof HUGE_ONE - 1);
    CHECK_EQ_I64(aats_http_retry_after(&h, &v), 1);
    CHECK_EQ_U64(v, UINT64_MAX);
}

TEST(a_head_cut_off_anywhere_asks_for_more)
{
    for (size_t n = 0; n < sizeof ANSWER - 1; n++) {
        CHECK_MSG(code_of(ANSWER, n) == AATS_E_MORE, "the first %zu bytes", n);
    }
    CHECK_EQ_I64(code_of(ANSWER, sizeof ANSWER - 1), sizeof ANSWER - 1);
}

TEST(a_request_is_taken_apart)
{
    static char const REQUEST[] = "GET /stream?streams=btcusdt@depth HTTP/1.1\r\nHost: h\r\n\r\n";
    aats_http_head_t h;
    for (size_t n = 0; n < sizeof REQUEST - 1; n++) CHECK_EQ_I64(aats_http_request_head(REQUEST, n, &h), AATS_E_MORE);
    CHECK_EQ_I64(aats_http_request_head(REQUEST, sizeof REQUEST - 1, &h), sizeof REQUEST - 1);
    CHECK(h.status == 0 && h.minor == 1 && is(h.method, h.method_len, "GET") &&
          is(h.target, h.target_len, "/stream?streams=btcusdt@depth"));
}

RUN_ALL()
