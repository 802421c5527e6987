/* test_session_host.c -- an order session over a real socket of this machine: address, upgrade, orders, a peer that goes.  TLS is the
 * same code as a feed's (app/conn.c; tests/live). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/session_host.h"
#include "base/clock.h"
#include "session_fixture.h"

#include "check.h"

#define PATIENCE_NS 5000000000

static fx_t x;
static int listener, peer;
static int resolves;

static uint16_t listen_here(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4)) abort();
    if (getsockname(listener, (struct sockaddr *)&at, &n)) abort();
    peer = -1;
    return ntohs(at.sin_port);
}

static void hang_up(void)
{
    if (peer >= 0) close(peer);
    peer = -1;
    x.connected = 0;
    x.in_sz = x.out_sz = 0;
}

/* The venue's side of a pass. */
static void serve(void)
{
    if (peer < 0 && (peer = accept(listener, NULL, NULL)) >= 0) {
        fcntl(peer, F_SETFL, O_NONBLOCK);
        x.connected = 1;
        x.connects++;
    }
    if (peer < 0) return;
    ssize_t n = recv(peer, x.in + x.in_sz, sizeof x.in - x.in_sz, 0);
    if (n > 0) x.in_sz += (size_t)n;
    fx_serve(&x);
    n = x.out_sz ? send(peer, x.out, x.out_sz, MSG_NOSIGNAL) : 0;
    if (n > 0) memmove(x.out, x.out + n, x.out_sz - (size_t)n), x.out_sz -= (size_t)n;
    if (x.connected == 3) hang_up();
}

/* The trade loop's and the control plane's. */
static void step(void)
{
    aats_mail_t *m;
    int64_t now = aats_now_ns(), mono = aats_mono_ns();
    x.mono_ns = now - FX_EPOCH_NS; /* the venue's clock is this machine's */
    x.gw.step(x.gw.self, now, mono);
    while (aats_mailbox_get(aats_session_out(x.s), &m) == 1) {
        if (m->kind == AATS_MAIL_RESOLVE) {
            resolves++;
            CHECK_STR((char const *)m->bytes, "localhost");
            aats_mailbox_put(aats_session_in(x.s), AATS_MAIL_ADDRESS, 0, 0, "127.0.0.1", 9);
        }
        aats_mail_free(m);
    }
    fx_drain(&x);
}

static int until(int want_state)
{
    int64_t by = aats_mono_ns() + PATIENCE_NS;
    while (x.gw.state(x.gw.self) != want_state && aats_mono_ns() < by) step(), serve();
    return x.gw.state(x.gw.self) == want_state;
}

static int told(int id, char const *want)
{
    int64_t by = aats_mono_ns() + PATIENCE_NS;
    while (strcmp(x.orders[id].told, want) && aats_mono_ns() < by) step(), serve();
    return !strcmp(x.orders[id].told, want);
}

TEST(host_is_refused_with_a_sentence_and_the_session_stays_without)
{
    char why[300] = "";
    aats_session_host_opts_t h = {.host = "localhost", .plain = 1};
    fx_begin(&x);
    CHECK_EQ_I64(aats_session_host_open(x.s, &h, why, sizeof why), AATS_E_ARG);
    CHECK_STR(why, "port 0 is none");
    h = (aats_session_host_opts_t){.host = "localhost", .port = 443, .ca_file = "/nonexistent/ca.pem"};
    CHECK(aats_session_host_open(x.s, &h, why, sizeof why) < 0);
    CHECK(strstr(why, "/nonexistent/ca.pem") != NULL);
    x.gw.step(x.gw.self, 1, 1);
    CHECK_EQ_I64(x.gw.state(x.gw.self), AATS_GW_DOWN);
    fx_end(&x);
}

TEST(session_lives_over_a_socket_and_an_order_is_in_it_when_place_returns)
{
    char why[300] = "";
    aats_session_opts_t o = fx_opts();
    o.backoff_min_ns = o.backoff_max_ns = 10 * FX_MS;
    aats_session_host_opts_t h = {.host = "localhost", .plain = 1, .port = listen_here()};
    fx_begin_with(&x, &o, FX_SECRET);
    REQUIRE(aats_session_host_open(x.s, &h, why, sizeof why) == AATS_OK);
    REQUIRE(until(AATS_GW_READY));
    CHECK_EQ_I64(resolves, 1);

    CHECK_EQ_I64(fx_place(&x, 1, FX_UNIT), AATS_OK);
    struct pollfd ready = {.fd = peer, .events = POLLIN};
    CHECK_EQ_I64(poll(&ready, 1, 1000), 1); /* without another step */
    CHECK(told(1, "CA"));
    fx_cancel(&x, 1);
    CHECK(told(1, "CAcaKZ"));
    CHECK_EQ_I64(x.stamps_off, 0);

    fx_place(&x, 2, FX_UNIT);
    CHECK(told(2, "CA"));
    hang_up();
    CHECK(until(AATS_GW_DOWN));
    CHECK(strstr(aats_session_last(x.s), "localhost") || strstr(aats_session_last(x.s), "127.0.0.1"));
    CHECK(until(AATS_GW_READY));
    CHECK_EQ_I64(x.connects, 2);
    CHECK(told(2, "CA"));

    x.gw.leave(x.gw.self);
    CHECK(until(AATS_GW_LEFT));
    fx_end(&x);
    hang_up();
    close(listener);
}

TEST(venue_that_nobody_answers_for_is_tried_again_with_a_new_address)
{
    char why[300] = "";
    aats_session_opts_t o = fx_opts();
    o.backoff_min_ns = o.backoff_max_ns = 10 * FX_MS;
    uint16_t port = listen_here();
    close(listener); /* nobody listens there now */
    aats_session_host_opts_t h = {.host = "localhost", .plain = 1, .port = port};
    resolves = 0;
    fx_begin_with(&x, &o, FX_SECRET);
    REQUIRE(aats_session_host_open(x.s, &h, why, sizeof why) == AATS_OK);
    int64_t by = aats_mono_ns() + PATIENCE_NS;
    while (resolves < 3 && aats_mono_ns() < by) step();
    CHECK(resolves >= 3);
    CHECK(strstr(aats_session_last(x.s), "refused") != NULL);
    fx_end(&x);
}

RUN_ALL()
