/* test_udp.c -- io/udp.h on the loopback card: what is refused and in which words, then what arrives, where, and what is lost.
 *
 * Groups are of 239.255/16 (this site only); the port comes from the process id, so that two runs on one host do not meet. */
#define _GNU_SOURCE 1 /* unshare */
#include "io/udp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errors.h"
#include "check.h"

#define GROUP "239.255.77.1"

static uint16_t port(void) { return (uint16_t)(20000 + getpid() % 12000); }

static aats_udp_cfg_t on_lo(void)
{
    return (aats_udp_cfg_t){.kind = AATS_UDP_MULTICAST, .addr = GROUP, .card = "lo", .port = port()};
}

static int until_recv(aats_udp_t *u, void *out, size_t cap, int64_t *ns)
{
    int64_t const end = aats_mono_ns() + 5000000000LL;
    int rc;
    while ((rc = aats_udp_recv(u, out, cap, ns)) == AATS_E_MORE && aats_mono_ns() < end) usleep(200);
    return rc;
}

/* own_ip tells from which address and port a socket sends. */
static char const *own_ip(aats_udp_t const *u, uint16_t *out)
{
    static char text[INET_ADDRSTRLEN];
    struct sockaddr_in me = {0};
    socklen_t sz = sizeof me;
    getsockname(u->fd, (struct sockaddr *)&me, &sz);
    *out = ntohs(me.sin_port);
    return inet_ntop(AF_INET, &me.sin_addr, text, sizeof text);
}

/* refused checks both kinds of socket. */
static void refused(aats_udp_cfg_t cfg, int code, char const *part)
{
    aats_udp_t u;
    CHECK_EQ_I64(aats_udp_sender(&u, &cfg), code);
    CHECK_MSG(strstr(aats_udp_error(&u), part) != NULL, "no \"%s\" in \"%s\"", part, aats_udp_error(&u));
    CHECK_EQ_I64(u.fd, -1);
    CHECK_EQ_I64(aats_udp_receiver(&u, &cfg), code);
    CHECK_MSG(strstr(aats_udp_error(&u), part) != NULL, "no \"%s\" in \"%s\"", part, aats_udp_error(&u));
    CHECK_EQ_I64(u.fd, -1);
    aats_udp_close(&u);
}

TEST(address_that_is_no_group_is_refused)
{
    static char const *const wrong[] = {"223.255.255.255", "240.0.0.0", "255.255.255.255", "127.0.0.1", "0.0.0.0"};
    aats_udp_cfg_t cfg = on_lo();
    for (int i = 0; i < 5; i++) {
        cfg.addr = wrong[i];
        refused(cfg, AATS_E_ARG, "is not a multicast group; those are 224.0.0.0 to 239.255.255.255");
        refused(cfg, AATS_E_ARG, wrong[i]);
    }
    static char const *const nonsense[] = {"", "239.1.2", "239.1.2.3.4", "239.1.2.256", "group", "ff02::1"};
    for (int i = 0; i < 6; i++) {
        cfg.addr = nonsense[i];
        refused(cfg, AATS_E_ARG, "is not an IPv4 address");
    }
    cfg.addr = NULL;
    refused(cfg, AATS_E_ARG, "is not an IPv4 address");
}

TEST(unknown_card_is_refused_with_those_that_exist)
{
    aats_udp_cfg_t cfg = on_lo();
    cfg.card = "nocard9";
    refused(cfg, AATS_E_ARG, "No network card has the name or address \"nocard9\"; this host has lo (127.0.0.1)");
    cfg.card = "203.0.113.250";
    refused(cfg, AATS_E_ARG, "\"203.0.113.250\"; this host has lo (127.0.0.1)");
}

TEST(port_and_kind_are_checked)
{
    aats_udp_cfg_t cfg = on_lo();
    cfg.port = 0;
    refused(cfg, AATS_E_ARG, "port 0");
    cfg = on_lo();
    cfg.kind = AATS_UDP_UNICAST;
    refused(cfg, AATS_E_ARG, "P2P goes by TCP");
    cfg.kind = 9;
    refused(cfg, AATS_E_ARG, "9 is not a kind");
}

TEST(no_card_named_and_no_route_is_told_at_once)
{
    pid_t const pid = fork(); /* the network namespace is a process's; an empty one has no route */
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(77);
        aats_udp_cfg_t cfg = on_lo();
        aats_udp_t u;
        cfg.card = "";
        int const told = aats_udp_sender(&u, &cfg) == AATS_E_IO && strstr(aats_udp_error(&u), GROUP) != NULL &&
                         strstr(aats_udp_error(&u), "Network is unreachable") != NULL && u.fd == -1;
        if (!told) fprintf(stderr, "said \"%s\"\n", aats_udp_error(&u));
        _exit(told ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP("this system does not allow user namespaces");
    CHECK_EQ_I64(status, 0);
}

TEST(too_large_a_datagram_is_refused_and_the_next_goes_out)
{
    static uint8_t big[AATS_UDP_MAX + 1];
    aats_udp_cfg_t const cfg = on_lo();
    aats_udp_t tx;
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    CHECK_EQ_I64(aats_udp_send(&tx, big, sizeof big), AATS_E_TOO_BIG);
    CHECK_EQ_U64(tx.refused, 1);
    CHECK_EQ_I64(aats_udp_send(&tx, big, 100), AATS_OK);
    CHECK_EQ_U64(tx.datagrams, 1);
    CHECK_EQ_U64(tx.bytes, 100);
    aats_udp_close(&tx);
}

TEST(every_receiver_of_the_group_gets_the_datagram)
{
    aats_udp_cfg_t const cfg = on_lo();
    aats_udp_cfg_t by_addr = cfg;
    by_addr.card = "127.0.0.1";
    by_addr.timestamps = 1;
    aats_udp_t tx, a, b;
    char buf[64];
    int64_t ns = -1;
    uint16_t own_port = 0;
    REQUIRE(aats_udp_receiver(&a, &cfg) == AATS_OK);
    REQUIRE(aats_udp_receiver(&b, &by_addr) == AATS_OK);
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    CHECK_STR(b.card, "lo");
    CHECK_STR(b.source, "");
    CHECK_EQ_I64(aats_udp_recv(&a, buf, sizeof buf, NULL), AATS_E_MORE);
    int64_t const before = aats_now_ns();
    CHECK_EQ_I64(aats_udp_send(&tx, "record", 6), AATS_OK);
    CHECK_EQ_I64(until_recv(&a, buf, sizeof buf, &ns), 6);
    CHECK_MEM(buf, "record", 6);
    CHECK_EQ_I64(ns, 0); /* not asked for */
    CHECK_EQ_I64(until_recv(&b, buf, sizeof buf, &ns), 6);
    CHECK_STR(b.source, own_ip(&tx, &own_port)); /* not 127.0.0.1, where the host has an address of wider scope */
    CHECK_EQ_U64(b.source_port, own_port);
    CHECK(ns > before - 1000000000 && ns < aats_now_ns() + 1000000000);
    CHECK_EQ_U64(b.datagrams, 1);
    CHECK_EQ_U64(b.bytes, 6);
    CHECK_EQ_I64(aats_udp_recv(&b, buf, sizeof buf, NULL), AATS_E_MORE);
    aats_udp_close(&tx);
    aats_udp_close(&a);
    aats_udp_close(&b);
}

TEST(another_group_or_a_unicast_of_the_same_port_does_not_arrive)
{
    aats_udp_cfg_t const mine = on_lo();
    aats_udp_cfg_t other = mine;
    other.addr = "239.255.77.2";
    aats_udp_t rx, rx_other, tx, tx_other;
    char buf[16];
    REQUIRE(aats_udp_receiver(&rx, &mine) == AATS_OK);
    REQUIRE(aats_udp_receiver(&rx_other, &other) == AATS_OK);
    REQUIRE(aats_udp_sender(&tx, &mine) == AATS_OK);
    REQUIRE(aats_udp_sender(&tx_other, &other) == AATS_OK);
    int const fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in const to = {.sin_family = AF_INET, .sin_port = htons(mine.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sendto(fd, "u", 1, 0, (struct sockaddr const *)&to, sizeof to);
    close(fd);
    CHECK_EQ_I64(aats_udp_send(&tx_other, "other", 5), AATS_OK);
    CHECK_EQ_I64(aats_udp_send(&tx, "mine", 4), AATS_OK);
    CHECK_EQ_I64(until_recv(&rx, buf, sizeof buf, NULL), 4);
    CHECK_EQ_I64(aats_udp_recv(&rx, buf, sizeof buf, NULL), AATS_E_MORE);
    CHECK_EQ_I64(until_recv(&rx_other, buf, sizeof buf, NULL), 5);
    aats_udp_close(&tx_other);
    aats_udp_close(&tx);
    aats_udp_close(&rx_other);
    aats_udp_close(&rx);
}

TEST(datagram_longer_than_the_buffer_is_told)
{
    aats_udp_cfg_t const cfg = on_lo();
    aats_udp_t tx, rx;
    char buf[4];
    REQUIRE(aats_udp_receiver(&rx, &cfg) == AATS_OK);
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    aats_udp_send(&tx, "longer", 6);
    aats_udp_send(&tx, "ok", 2);
    CHECK_EQ_I64(until_recv(&rx, buf, sizeof buf, NULL), AATS_E_TOO_BIG);
    CHECK_EQ_U64(rx.refused, 1);
    CHECK_EQ_I64(until_recv(&rx, buf, sizeof buf, NULL), 2);
    CHECK_EQ_U64(rx.datagrams, 1);
    aats_udp_close(&tx);
    aats_udp_close(&rx);
}

TEST(a_receiver_that_sleeps_loses_datagrams_and_is_told_how_many)
{
    static char record[512], buf[512];
    aats_udp_cfg_t cfg = on_lo();
    aats_udp_t tx, rx;
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    cfg.buf_sz = 16384;
    REQUIRE(aats_udp_receiver(&rx, &cfg) == AATS_OK);
    CHECK(rx.buf_sz >= 16384);
    int sent = 0, got = 0;
    for (int i = 0; i < 400; i++) sent += aats_udp_send(&tx, record, sizeof record) == AATS_OK;
    CHECK_EQ_I64(sent, 400);
    while (aats_udp_recv(&rx, buf, sizeof buf, NULL) > 0) got++;
    CHECK(got > 0 && got < 400);
    aats_udp_send(&tx, record, sizeof record); /* the count rides on the next datagram */
    CHECK_EQ_I64(until_recv(&rx, buf, sizeof buf, NULL), sizeof record);
    CHECK_EQ_I64((int64_t)rx.queue_dropped, 400 - got);
    aats_udp_close(&tx);
    aats_udp_close(&rx);
}

TEST(ttl_and_loop_are_as_asked)
{
    aats_udp_cfg_t cfg = on_lo();
    aats_udp_t tx;
    int v = -1;
    socklen_t sz = sizeof v;
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    getsockopt(tx.fd, IPPROTO_IP, IP_MULTICAST_TTL, &v, &sz);
    CHECK_EQ_I64(v, 1);
    sz = sizeof v;
    getsockopt(tx.fd, IPPROTO_IP, IP_MULTICAST_LOOP, &v, &sz);
    CHECK_EQ_I64(v, 1);
    aats_udp_close(&tx);
    cfg.ttl = 7;
    cfg.no_loop = 1;
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
    sz = sizeof v;
    getsockopt(tx.fd, IPPROTO_IP, IP_MULTICAST_TTL, &v, &sz);
    CHECK_EQ_I64(v, 7);
    sz = sizeof v;
    getsockopt(tx.fd, IPPROTO_IP, IP_MULTICAST_LOOP, &v, &sz);
    CHECK_EQ_I64(v, 0);
    aats_udp_close(&tx);
}

RUN_ALL()
