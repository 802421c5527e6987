/* test_listen.c -- a listener, how its connections end, and the wait for all of them; over loopback. */
#include <errno.h>

#include "base/clock.h"
#include "base/errors.h"
#include "check.h"
#include "io/listen.h"

#define WAIT_NS INT64_C(5000000000)

static int accepted(aats_listen_t *l, aats_tcp_t *c)
{
    int64_t const by = aats_mono_ns() + WAIT_NS;
    int rc;
    while ((rc = aats_listen_accept(l, c)) == 0 && aats_mono_ns() < by) {}
    return rc;
}

static int up(aats_tcp_t *c)
{
    int64_t const by = aats_mono_ns() + WAIT_NS;
    int rc;
    while ((rc = aats_tcp_connected(c)) == 0 && aats_mono_ns() < by) {}
    return rc == 1;
}

static int read_end(aats_tcp_t *c, char *out, size_t cap, size_t *got)
{
    int64_t const by = aats_mono_ns() + WAIT_NS;
    int rc = AATS_E_MORE;
    *got = 0;
    while (aats_mono_ns() < by) {
        rc = aats_tcp_read(c, out + *got, cap - *got);
        if (rc > 0) *got += (size_t)rc;
        else if (rc != AATS_E_MORE) break;
    }
    return rc;
}

static int pair(aats_listen_t *l, aats_tcp_t *client, aats_tcp_t *server)
{
    if (aats_listen_open(l, "127.0.0.1", 0) != AATS_OK || aats_tcp_open(client, "127.0.0.1", (uint16_t)l->port, 0) != AATS_OK) return 0;
    return accepted(l, server) == 1 && up(client);
}

TEST(what_is_no_address_or_port_is_refused_in_one_sentence)
{
    aats_listen_t l;
    CHECK_EQ_I64(aats_listen_open(&l, "", 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_listen_open(&l, "localhost", 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_listen_open(&l, "127.0.0.1", 65536), AATS_E_ARG);
    CHECK_EQ_I64(l.fd, -1);
    CHECK(strstr(aats_listen_error(&l), "127.0.0.1:65536") != NULL);
    CHECK_EQ_I64(aats_listen_open(&l, "203.0.113.9", 0), AATS_E_IO); /* of no card here */
    CHECK(strstr(aats_listen_error(&l), "203.0.113.9") != NULL);
    aats_listen_close(&l);
}

TEST(a_port_that_somebody_listens_on_is_taken)
{
    aats_listen_t one, two;
    REQUIRE(aats_listen_open(&one, "127.0.0.1", 0) == AATS_OK);
    CHECK(one.port > 0);
    CHECK_EQ_I64(aats_listen_open(&two, "127.0.0.1", one.port), AATS_E_BUSY);
    CHECK(strstr(aats_listen_error(&two), "in use") != NULL);
    aats_listen_close(&one);
    CHECK_EQ_I64(aats_listen_open(&two, "127.0.0.1", one.port), AATS_OK);
    aats_listen_close(&two);
}

TEST(a_port_whose_connections_have_just_ended_is_free)
{
    aats_listen_t l;
    aats_tcp_t client, server;
    char byte[4];
    size_t got;
    REQUIRE(pair(&l, &client, &server));
    uint32_t const port = l.port;
    aats_tcp_close(&server); /* our side first: it stays in TIME_WAIT */
    CHECK_EQ_I64(read_end(&client, byte, sizeof byte, &got), AATS_E_CLOSED);
    aats_tcp_close(&client);
    aats_listen_close(&l);
    CHECK_EQ_I64(aats_listen_open(&l, "127.0.0.1", port), AATS_OK);
    aats_listen_close(&l);
}

TEST(bytes_go_both_ways_and_nobody_waits)
{
    aats_listen_t l;
    aats_tcp_t client, server, none;
    char text[8] = "";
    REQUIRE(pair(&l, &client, &server));
    CHECK_EQ_I64(aats_listen_accept(&l, &none), 0);
    CHECK_EQ_I64(aats_tcp_read(&server, text, sizeof text), AATS_E_MORE);
    CHECK_EQ_I64(aats_tcp_write(&client, "ping", 4), 4);
    int64_t const by = aats_mono_ns() + WAIT_NS;
    int n;
    while ((n = aats_tcp_read(&server, text, sizeof text)) == AATS_E_MORE && aats_mono_ns() < by) {}
    CHECK_EQ_I64(n, 4);
    CHECK_MEM(text, "ping", 4);
    CHECK(strncmp(server.peer, "127.0.0.1:", 10) == 0);
    aats_tcp_close(&client);
    aats_tcp_close(&server);
    aats_listen_close(&l);
}

TEST(an_abort_is_a_reset_and_a_finish_is_an_end_behind_the_last_byte)
{
    aats_listen_t l;
    aats_tcp_t client, server;
    char text[8];
    size_t got;
    REQUIRE(pair(&l, &client, &server));
    aats_tcp_abort(&server);
    CHECK_EQ_I64(read_end(&client, text, sizeof text, &got), AATS_E_CLOSED);
    CHECK_EQ_I64(client.os_err, ECONNRESET);
    aats_tcp_close(&client);
    aats_listen_close(&l);

    REQUIRE(pair(&l, &client, &server));
    aats_tcp_write(&client, "unread", 6); /* never read by the server: a close would reset */
    aats_tcp_write(&server, "bye", 3);
    aats_tcp_finish(&server);
    CHECK_EQ_I64(read_end(&client, text, sizeof text, &got), AATS_E_CLOSED);
    CHECK_EQ_I64(client.os_err, 0);
    CHECK_EQ_U64(got, 3);
    aats_tcp_close(&client);
    aats_tcp_close(&server);
    aats_listen_close(&l);
}

TEST(what_the_kernel_holds_for_one_who_does_not_read_is_told)
{
    aats_listen_t l;
    aats_tcp_t client, server;
    static char bytes[1 << 16];
    REQUIRE(pair(&l, &client, &server));
    CHECK_EQ_I64(aats_tcp_unsent(&server), 0);
    aats_tcp_send_room(&server, 1 << 16);
    int n, total = 0;
    while ((n = aats_tcp_write(&server, bytes, sizeof bytes)) > 0) total += n;
    CHECK_EQ_I64(n, AATS_E_MORE);
    CHECK(aats_tcp_unsent(&server) > 0);
    CHECK(total < 64 << 20);
    int64_t const by = aats_mono_ns() + WAIT_NS;
    while (aats_tcp_unsent(&server) > 0 && aats_mono_ns() < by) aats_tcp_read(&client, bytes, sizeof bytes);
    CHECK_EQ_I64(aats_tcp_unsent(&server), 0);
    aats_tcp_close(&client);
    aats_tcp_close(&server);
    aats_listen_close(&l);
}

TEST(the_wait_tells_who_can_go_on_by_the_callers_number)
{
    aats_listen_t l;
    aats_tcp_t client, server;
    aats_ready_t r;
    REQUIRE(aats_ready_open(&r) == AATS_OK);
    REQUIRE(pair(&l, &client, &server));
    CHECK_EQ_I64(aats_ready_add(&r, server.fd, 4711, AATS_WANT_READ), AATS_OK);
    CHECK_EQ_I64(aats_ready_wait(&r, 0), 0);
    aats_tcp_write(&client, "x", 1);
    REQUIRE(aats_ready_wait(&r, 5000) == 1);
    CHECK_EQ_I64(r.id[0], 4711);
    CHECK_EQ_I64(r.got[0], AATS_WANT_READ);
    CHECK_EQ_I64(aats_ready_want(&r, server.fd, 4711, AATS_WANT_WRITE), AATS_OK);
    REQUIRE(aats_ready_wait(&r, 5000) == 1);
    CHECK_EQ_I64(r.got[0], AATS_WANT_WRITE);
    CHECK_EQ_I64(aats_ready_want(&r, server.fd, 4711, 0), AATS_OK);
    CHECK_EQ_I64(aats_ready_wait(&r, 0), 0);
    aats_tcp_close(&server);
    CHECK_EQ_I64(aats_ready_wait(&r, 0), 0);
    CHECK_EQ_I64(aats_ready_add(&r, -1, 1, AATS_WANT_READ), AATS_E_IO);
    aats_tcp_close(&client);
    aats_listen_close(&l);
    aats_ready_close(&r);
}

TEST(ipv6_is_listened_on_where_there_is_any)
{
    aats_listen_t l;
    aats_tcp_t client, server;
    if (aats_listen_open(&l, "::1", 0) != AATS_OK) SKIP("this host has no ::1");
    REQUIRE(aats_tcp_open(&client, "::1", (uint16_t)l.port, 0) == AATS_OK);
    CHECK_EQ_I64(accepted(&l, &server), 1);
    CHECK(strncmp(server.peer, "[::1]:", 6) == 0);
    aats_tcp_close(&client);
    aats_tcp_close(&server);
    aats_listen_close(&l);
}

RUN_ALL()
