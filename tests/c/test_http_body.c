/* test_http_body.c -- the promises of csrc/proto/http_body.h: bodies outside the rules are refused, the others come out whole however they are cut. */
#include "check.h"

#include "proto/http_body.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])
#define OK     "HTTP/1.1 200 OK\r\n"
#define CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"

/* Takes an answer out of a heap block of its exact size; body (256 bytes) holds it afterwards. */
static int answer(char const *s, size_t n, size_t most, int eof, aats_http_answer_t *a, char *body)
{
    char *const copy = malloc(n ? n : 1);
    memcpy(copy, s, n);
    int const rc = aats_http_answer(copy, n, most, eof, a);
    body[0] = 0;
    if (rc == 1) snprintf(body, 256, "%.*s", (int)a->body_len, a->body);
    free(copy);
    return rc;
}

TEST(bodies_outside_the_rules_are_refused)
{
    static char const *const BAD[] = {
        OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", OK "Content-Length: -1\r\n\r\n",
        OK "Transfer-Encoding: gzip\r\n\r\n", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKS "\r\n", CHUNKS "g\r\n", CHUNKS "-1\r\n", CHUNKS "3\nabc\r\n", CHUNKS "3\r\nabcd\r\n", CHUNKS "3\r\nabc\n0\r\n\r\n", CHUNKS "3 x=\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n", "<html>", "HTTP/1.1 100 Continue\r\n\r\nnonsense",
    };
    aats_http_answer_t a;
    char body[256];
    for (size_t i = 0; i < CNT(BAD); i++) {
        int const rc = answer(BAD[i], strlen(BAD[i]), 1000, 0, &a, body);
        CHECK_MSG(rc == AATS_E_SYNTAX, "case %zu gave %d", i, rc);
    }
}

TEST(bodies_beyond_the_limit_are_refused_before_they_have_come)
{
    static char const *const BIG[] = {OK "Content-Length: 11\r\n\r\n", OK "Content-Length: 99999999999999999999\r\n\r\n", CHUNKS "b\r\n", CHUNKS "6\r\nabcdef\r\n5\r\n",
                                      CHUNKS "ffffffffffffffffffff\r\n", OK "\r\n01234567890"};
    aats_http_answer_t a;
    char body[256];
    for (size_t i = 0; i < CNT(BIG); i++) {
        int const rc = answer(BIG[i], strlen(BIG[i]), 10, 0, &a, body);
        CHECK_MSG(rc == AATS_E_TOO_BIG, "case %zu gave %d", i, rc);
    }
}

static struct { char const *text, *body; int status, last; } const GOOD[] = {
    {OK "Content-Length: 5\r\n\r\nhello", "hello", 200, 0},
    {OK "Content-Length: 0\r\nConnection: close\r\n\r\n", "", 200, 1},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 200, 1},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", "ok", 200, 0},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, 0},
    {CHUNKS "5\r\nhello\r\n6;name=\"a b\"\r\n world\r\n0\r\n\r\n", "hello world", 200, 0},
    {CHUNKS "0\r\nTrailer: x\r\nOther: y\r\n\r\n", "", 200, 0},
    {CHUNKS "00A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 200, 0},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok", 200, 0},
    {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\n<html>", "<html>", 503, 0},
};

TEST(an_answer_asks_for_more_while_it_is_cut_anywhere_and_is_whole_then_and_not_a_byte_longer)
{
    aats_http_answer_t a;
    char body[256], text[600];
    for (size_t i = 0; i < CNT(GOOD); i++) {
        size_t const n = strlen(GOOD[i].text);
        for (size_t cut = 0; cut < n; cut++) CHECK_EQ_I64(answer(GOOD[i].text, cut, 1000, 0, &a, body), AATS_E_MORE);
        for (size_t cut = 1; cut < n; cut++) CHECK_EQ_I64(answer(GOOD[i].text, cut, 1000, 1, &a, body), AATS_E_SYNTAX);
        snprintf(text, sizeof text, "%sHTTP/1.1 200 the next one", GOOD[i].text);
        CHECK_EQ_I64(answer(text, strlen(text), 1000, 0, &a, body), 1);
        CHECK_STR(body, GOOD[i].body);
        CHECK_EQ_I64(a.size, n);
        CHECK_EQ_I64(a.head.status, GOOD[i].status);
        CHECK_EQ_I64(a.last, GOOD[i].last);
    }
}

TEST(a_body_without_an_end_of_its_own_ends_with_the_connection)
{
    static char const TEXT[] = OK "Content-Type: text/html\r\n\r\n<html>";
    aats_http_answer_t a;
    char body[256];
    CHECK_EQ_I64(answer(TEXT, strlen(TEXT), 1000, 0, &a, body), AATS_E_MORE);
    CHECK_EQ_I64(answer(TEXT, strlen(TEXT), 1000, 1, &a, body), 1);
    CHECK_STR(body, "<html>");
    CHECK_EQ_I64(a.last, 1);
}

RUN_ALL()
