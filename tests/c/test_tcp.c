/* test_tcp.c -- io/tcp.h on the loopback: every way in which a connection does not come up or ends, then what it carries. */
#include "io/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errors.h"
#include "check.h"

#define DEADLINE_NS 5000000000LL

/* listen_on opens a listener on an ephemeral port of 127.0.0.1 (or ::1). */
static int listen_on(int family, int backlog, uint16_t *port)
{
    struct sockaddr_storage a;
    socklen_t sz = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    memset(&a, 0, sizeof a);
    a.ss_family = (sa_family_t)family;
    if (family == AF_INET) ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
    int const fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sz) != 0 || listen(fd, backlog) != 0) return -1;
    getsockname(fd, (struct sockaddr *)&a, &sz);
    *port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port : ((struct sockaddr_in6 *)&a)->sin6_port);
    return fd;
}

/* until_connected waits for an answer other than 0. */
static int until_connected(aats_tcp_t *c)
{
    int64_t const end = aats_mono_ns() + DEADLINE_NS;
    int rc;
    while ((rc = aats_tcp_connected(c)) == 0 && aats_mono_ns() < end) {
        aats_tcp_wait_t w = {.fd = c->fd, .want = AATS_WANT_WRITE};
        aats_tcp_wait(&w, 1, 10000);
    }
    return rc;
}

/* until_read waits for an answer other than AATS_E_MORE. */
static int until_read(aats_tcp_t *c, void *out, size_t cap)
{
    int64_t const end = aats_mono_ns() + DEADLINE_NS;
    int rc;
    while ((rc = aats_tcp_read(c, out, cap)) == AATS_E_MORE && aats_mono_ns() < end) {
        aats_tcp_wait_t w = {.fd = c->fd, .want = AATS_WANT_READ};
        aats_tcp_wait(&w, 1, 10000);
    }
    return rc;
}

/* pair connects c to a new peer socket, which it returns; -1 on failure. */
static int pair(aats_tcp_t *c)
{
    uint16_t port = 0;
    int const lis = listen_on(AF_INET, 8, &port);
    if (lis < 0 || aats_tcp_open(c, "127.0.0.1", port, 0) != AATS_OK || until_connected(c) != 1) return -1;
    int const fd = accept(lis, NULL, NULL);
    close(lis);
    return fd;
}

TEST(a_name_is_not_an_address)
{
    aats_tcp_t c;
    CHECK_EQ_I64(aats_tcp_open(&c, "localhost", 443, 0), AATS_E_ARG);
    CHECK_STR(aats_tcp_error(&c), "localhost:443 is not a numeric address; names are resolved before a connection is opened.");
    CHECK_EQ_I64(c.fd, -1);
    CHECK_EQ_I64(aats_tcp_open(&c, "", 443, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_tcp_open(&c, NULL, 443, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_tcp_open(&c, "127.0.0.1", 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_tcp_read(&c, &c, 1), AATS_E_ARG); /* a failed open stays failed */
    aats_tcp_close(&c);
}

TEST(refused_connection_names_the_peer)
{
    uint16_t port = 0;
    int const lis = listen_on(AF_INET, 1, &port);
    REQUIRE(lis >= 0);
    close(lis); /* nobody listens there now */
    aats_tcp_t c;
    int rc = aats_tcp_open(&c, "127.0.0.1", port, 0);
    if (rc == AATS_OK) rc = until_connected(&c);
    char want[96];
    snprintf(want, sizeof want, "127.0.0.1:%u cannot be connected to: Connection refused.", port);
    CHECK_EQ_I64(rc, AATS_E_IO);
    CHECK_STR(aats_tcp_error(&c), want);
    CHECK_EQ_I64(aats_tcp_connected(&c), AATS_E_IO);
    CHECK_EQ_I64(aats_tcp_read(&c, want, 1), AATS_E_IO);
    CHECK_EQ_I64(aats_tcp_write(&c, want, 1), AATS_E_IO);
    aats_tcp_close(&c);
    aats_tcp_close(&c);
    CHECK_EQ_I64(c.fd, -1);
}

TEST(a_peer_that_never_answers_leaves_the_caller_free)
{
    uint16_t port = 0;
    int const lis = listen_on(AF_INET, 0, &port); /* never accepts: a few connections fill its queue, the next hang */
    REQUIRE(lis >= 0);
    enum { CNT = 8 };
    aats_tcp_t c[CNT];
    int hanging = 0;
    for (int i = 0; i < CNT; i++) CHECK_EQ_I64(aats_tcp_open(&c[i], "127.0.0.1", port, 0), AATS_OK);
    for (int i = 0; i < CNT; i++) {
        char buf[4];
        if (aats_tcp_connected(&c[i]) != 0) continue;
        hanging++;
        CHECK_EQ_I64(c[i].state, AATS_TCP_CONNECTING);
        CHECK_EQ_I64(aats_tcp_read(&c[i], buf, sizeof buf), AATS_E_MORE);
        CHECK_EQ_I64(aats_tcp_write(&c[i], "x", 1), AATS_E_MORE);
        CHECK_STR(aats_tcp_error(&c[i]), "");
    }
    CHECK(hanging >= 4);
    for (int i = 0; i < CNT; i++) aats_tcp_close(&c[i]);
    close(lis);
}

TEST(orderly_end_and_reset_are_told_apart)
{
    char buf[8];
    aats_tcp_t c;
    int fd = pair(&c);
    REQUIRE(fd >= 0);
    CHECK_EQ_I64(aats_tcp_read(&c, buf, sizeof buf), AATS_E_MORE);
    CHECK_EQ_I64(write(fd, "bye", 3), 3);
    close(fd);
    CHECK_EQ_I64(until_read(&c, buf, sizeof buf), 3); /* what came before the end */
    CHECK_EQ_I64(until_read(&c, buf, sizeof buf), AATS_E_CLOSED);
    CHECK(strstr(aats_tcp_error(&c), "closed the connection") != NULL);
    CHECK_EQ_I64(c.os_err, 0);
    CHECK_EQ_I64(aats_tcp_read(&c, buf, sizeof buf), AATS_E_CLOSED);
    CHECK_EQ_I64(aats_tcp_write(&c, "x", 1), AATS_E_CLOSED);
    aats_tcp_close(&c);

    fd = pair(&c);
    REQUIRE(fd >= 0);
    struct linger const hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    CHECK_EQ_I64(until_read(&c, buf, sizeof buf), AATS_E_CLOSED);
    CHECK(strstr(aats_tcp_error(&c), "reset the connection") != NULL);
    aats_tcp_close(&c);
}

TEST(writing_to_a_reset_connection_is_a_code_and_no_signal)
{
    aats_tcp_t c;
    int const fd = pair(&c);
    REQUIRE(fd >= 0);
    struct linger const hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    int64_t const end = aats_mono_ns() + DEADLINE_NS;
    int rc = 1;
    while (rc > 0 && aats_mono_ns() < end) rc = aats_tcp_write(&c, "x", 1);
    CHECK_EQ_I64(rc, AATS_E_CLOSED);
    CHECK_EQ_I64(aats_tcp_write(&c, "x", 1), AATS_E_CLOSED);
    aats_tcp_close(&c);
}

TEST(half_closed_peer_still_receives)
{
    char buf[8];
    aats_tcp_t c;
    int const fd = pair(&c);
    REQUIRE(fd >= 0);
    CHECK_EQ_I64(aats_tcp_write(&c, "1", 1), 1);
    shutdown(fd, SHUT_WR);
    CHECK_EQ_I64(aats_tcp_write(&c, "2", 1), 1); /* until our side has read the end */
    CHECK_EQ_I64(until_read(&c, buf, sizeof buf), AATS_E_CLOSED);
    CHECK_EQ_I64(recv(fd, buf, 2, MSG_WAITALL), 2);
    CHECK_MEM(buf, "12", 2);
    close(fd);
    aats_tcp_close(&c);
}

TEST(a_full_kernel_buffer_says_more_and_loses_nothing)
{
    static uint8_t out[65536], in[65536];
    aats_tcp_t c;
    int const fd = pair(&c);
    REQUIRE(fd >= 0);
    for (size_t i = 0; i < sizeof out; i++) out[i] = (uint8_t)(i * 131 >> 3);
    uint64_t sent = 0, got = 0;
    int rc;
    while ((rc = aats_tcp_write(&c, out + sent % sizeof out, sizeof out - sent % sizeof out)) > 0) sent += (uint64_t)rc;
    CHECK_EQ_I64(rc, AATS_E_MORE);
    CHECK_EQ_U64(c.tx_bytes, sent);
    aats_tcp_wait_t w = {.fd = c.fd, .want = AATS_WANT_WRITE};
    CHECK_EQ_I64(aats_tcp_wait(&w, 1, 0), 0);
    while (got < sent) {
        size_t const at = got % sizeof in;
        size_t const most = sent - got < sizeof in - at ? sent - got : sizeof in - at;
        ssize_t const n = read(fd, in + at, most);
        REQUIRE(n > 0);
        CHECK_MEM(in + at, out + at, n);
        got += (uint64_t)n;
    }
    CHECK_EQ_I64(aats_tcp_wait(&w, 1, 1000000), 1);
    CHECK_EQ_I64(w.got, AATS_WANT_WRITE);
    close(fd);
    aats_tcp_close(&c);
}

TEST(bytes_pass_both_ways_over_both_families)
{
    static int const family[] = {AF_INET, AF_INET6};
    static char const *const ip[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < 2; i++) {
        uint16_t port = 0;
        char buf[8], peer[32];
        aats_tcp_t c;
        int const lis = listen_on(family[i], 1, &port);
        if (lis < 0 && family[i] == AF_INET6) continue; /* a host without IPv6 */
        REQUIRE(lis >= 0);
        REQUIRE(aats_tcp_open(&c, ip[i], port, 50) == AATS_OK);
        CHECK_EQ_I64(until_connected(&c), 1);
        int const fd = accept(lis, NULL, NULL);
        snprintf(peer, sizeof peer, i == 0 ? "%s:%u" : "[%s]:%u", ip[i], port);
        CHECK_STR(c.peer, peer);
        CHECK_EQ_I64(aats_tcp_write(&c, "ping", 4), 4);
        CHECK_EQ_I64(recv(fd, buf, 4, MSG_WAITALL), 4);
        CHECK_EQ_I64(write(fd, "pong", 4), 4);
        CHECK_EQ_I64(until_read(&c, buf, sizeof buf), 4);
        CHECK_MEM(buf, "pong", 4);
        CHECK_EQ_U64(c.rx_bytes, 4);
        CHECK_EQ_I64(aats_tcp_read(&c, buf, 0), 0);
        int nodelay = 0;
        socklen_t sz = sizeof nodelay;
        getsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &sz);
        CHECK_EQ_I64(nodelay, 1);
        close(fd);
        close(lis);
        aats_tcp_close(&c);
        CHECK_STR(aats_tcp_error(&c), "");
    }
}

TEST(wait_tells_who_can_go_on_and_keeps_its_time)
{
    aats_tcp_t a, b;
    int const fa = pair(&a), fb = pair(&b);
    REQUIRE(fa >= 0 && fb >= 0);
    aats_tcp_wait_t w[3] = {{.fd = a.fd, .want = AATS_WANT_READ}, {.fd = -1, .want = AATS_WANT_READ}, {.fd = b.fd, .want = AATS_WANT_READ}};
    int64_t const start = aats_mono_ns();
    CHECK_EQ_I64(aats_tcp_wait(w, 3, 2500), 0);
    CHECK(aats_mono_ns() - start >= 2500000);
    CHECK_EQ_I64(write(fb, "x", 1), 1);
    CHECK_EQ_I64(aats_tcp_wait(w, 3, 1000000), 1);
    CHECK_EQ_I64(w[0].got, 0);
    CHECK_EQ_I64(w[1].got, 0);
    CHECK_EQ_I64(w[2].got, AATS_WANT_READ);
    close(fa);
    CHECK_EQ_I64(aats_tcp_wait(w, 3, -1), 2);
    CHECK(w[0].got & AATS_WANT_READ);
    CHECK_EQ_I64(aats_tcp_wait(w, AATS_TCP_WAIT_MAX + 1, 0), AATS_E_ARG);
    close(fb);
    aats_tcp_close(&a);
    aats_tcp_close(&b);
}

RUN_ALL()
