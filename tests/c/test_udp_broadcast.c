/* test_udp_broadcast.c -- io/udp.h, broadcast: what is refused, by which card it leaves, who gets it and who sent it.
 *
 * Nothing here sends through a real card: sends are bound to lo, or happen in a network namespace of the test's own, whose cards are TAPs that the test
 * reads as the wire behind them. */
#define _GNU_SOURCE 1 /* unshare */
#include "io/udp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errors.h"
#include "check.h"
#include "io/card.h"

static uint16_t port(void) { return (uint16_t)(20000 + getpid() % 12000); }

static aats_udp_cfg_t to_all(char const *addr, char const *card)
{
    return (aats_udp_cfg_t){.kind = AATS_UDP_BROADCAST, .addr = addr, .card = card, .port = port()};
}

static int until_recv(aats_udp_t *u, void *out, size_t cap)
{
    int64_t const end = aats_mono_ns() + 5000000000LL;
    int rc;
    while ((rc = aats_udp_recv(u, out, cap, NULL)) == AATS_E_MORE && aats_mono_ns() < end) usleep(200);
    return rc;
}

/* ---- a network namespace ---- */

/* In the child nothing is counted: a step that fails says so and ends it. */
#define MUST(cond)                                                              \
    do {                                                                        \
        if (!(cond)) {                                                          \
            fprintf(stderr, "%s:%d: inside: %s\n", __FILE__, __LINE__, #cond);  \
            _exit(1);                                                           \
        }                                                                       \
    } while (0)

static void with_flags(char const *card)
{
    int const fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", card);
    MUST(ioctl(fd, SIOCGIFFLAGS, &r) == 0);
    r.ifr_flags |= IFF_UP;
    MUST(ioctl(fd, SIOCSIFFLAGS, &r) == 0);
    close(fd);
}

static void with_addr(char const *card, unsigned long what, char const *addr)
{
    int const fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq r = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", card);
    MUST(inet_pton(AF_INET, addr, &a.sin_addr) == 1);
    memcpy(&r.ifr_addr, &a, sizeof a);
    MUST(ioctl(fd, what, &r) == 0);
    close(fd);
}

/* tap makes a card with an address of a /24, and gives what is behind it; 77 where TAPs are not to be had. */
static int tap(char const *name, char const *addr)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int const fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (fd < 0) _exit(77);
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &r) != 0) _exit(77);
    with_addr(name, SIOCSIFADDR, addr);
    with_addr(name, SIOCSIFNETMASK, "255.255.255.0");
    with_flags(name);
    return fd;
}

static void default_route(char const *gateway)
{
    int const fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct rtentry r = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in any = {.sin_family = AF_INET}, by = any;
    MUST(inet_pton(AF_INET, gateway, &by.sin_addr) == 1);
    memcpy(&r.rt_dst, &any, sizeof any);
    memcpy(&r.rt_genmask, &any, sizeof any);
    memcpy(&r.rt_gateway, &by, sizeof by);
    MUST(ioctl(fd, SIOCADDRT, &r) == 0);
    close(fd);
}

/* passed tells how many frames with `text` in them came out behind a card, and takes all that did. */
static int passed(int fd, char const *text)
{
    uint8_t frame[2048];
    ssize_t n;
    int cnt = 0;
    while ((n = read(fd, frame, sizeof frame)) > 0) {
        if (memmem(frame, (size_t)n, text, strlen(text)) == NULL) continue;
        MUST(memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6) == 0); /* to everybody */
        cnt++;
    }
    return cnt;
}

/* inside runs fn in a namespace with nothing but lo.  The exit status; 77: not allowed here. */
static int inside(void (*fn)(void))
{
    int status = -1;
    pid_t const pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(77);
        with_flags("lo");
        fn();
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

#define INSIDE(fn)                                                                          \
    do {                                                                                    \
        int const status = inside(fn);                                                      \
        if (status == 77) SKIP("this system does not allow network namespaces with TAPs");  \
        CHECK_EQ_I64(status, 0);                                                            \
    } while (0)

/* ---- refusals ---- */

/* refused checks a sender, whose words name the part. */
static void refused(aats_udp_cfg_t cfg, char const *part)
{
    aats_udp_t u;
    CHECK_EQ_I64(aats_udp_sender(&u, &cfg), AATS_E_ARG);
    CHECK_MSG(strstr(aats_udp_error(&u), part) != NULL, "no \"%s\" in \"%s\"", part, aats_udp_error(&u));
    CHECK_EQ_I64(u.fd, -1);
}

TEST(an_address_that_is_no_broadcast_address_here_is_refused_with_those_that_are)
{
    static char const *const wrong[] = {"198.51.100.255", "127.0.0.1", "239.255.1.1", "0.0.0.0", "10.0.0.256"};
    for (int i = 0; i < 4; i++) {
        refused(to_all(wrong[i], ""), "is not the broadcast address of a network card here; those of this host are ");
        refused(to_all(wrong[i], ""), "127.255.255.255 (lo)");
        refused(to_all(wrong[i], "lo"), "is not the broadcast address of lo; those of this host are ");
    }
    refused(to_all(wrong[4], ""), "is not an IPv4 address");
    aats_udp_cfg_t cfg = to_all("127.255.255.255", "lo");
    cfg.port = 0;
    refused(cfg, "port 0");
}

TEST(an_unknown_card_is_refused_with_those_that_exist)
{
    refused(to_all("255.255.255.255", "nocard9"), "No network card has the name or address \"nocard9\"; this host has lo (127.0.0.1)");
}

static void no_default_route(void)
{
    aats_udp_cfg_t const cfg = to_all("255.255.255.255", "");
    aats_udp_t u;
    MUST(aats_udp_sender(&u, &cfg) == AATS_E_ARG);
    MUST(strstr(aats_udp_error(&u), "there is no default route whose card could be taken; name one of lo (127.0.0.1)") != NULL);
}

TEST(everybody_without_a_card_and_without_a_default_route_is_refused) { INSIDE(no_default_route); }

static void another_cards_network(void)
{
    tap("tap0", "10.9.0.1");
    tap("tap1", "10.9.1.1");
    aats_udp_cfg_t const cfg = to_all("10.9.0.255", "tap1");
    aats_udp_t u;
    MUST(aats_udp_sender(&u, &cfg) == AATS_E_ARG);
    MUST(strstr(aats_udp_error(&u), "10.9.0.255 is not the broadcast address of tap1") != NULL);
    MUST(strstr(aats_udp_error(&u), "10.9.0.255 (tap0), 10.9.1.255 (tap1)") != NULL);
}

TEST(a_card_that_does_not_have_that_network_is_refused) { INSIDE(another_cards_network); }

/* ---- the path ---- */

static void both_leave_by(int *wires, aats_udp_cfg_t cfg, char const *card, int which)
{
    aats_udp_t u;
    MUST(aats_udp_sender(&u, &cfg) == AATS_OK);
    MUST(strcmp(u.card, card) == 0);
    MUST(aats_udp_send(&u, "a record for all", 16) == AATS_OK);
    int const n[2] = {passed(wires[0], "a record for all"), passed(wires[1], "a record for all")};
    MUST(n[which] == 1 && n[!which] == 0);
    aats_udp_close(&u);
}

static void by_its_card(void)
{
    int wires[2] = {tap("tap0", "10.9.0.1"), tap("tap1", "10.9.1.1")};
    default_route("10.9.1.99");
    both_leave_by(wires, to_all("255.255.255.255", ""), "tap1", 1);      /* the default route's */
    both_leave_by(wires, to_all("255.255.255.255", "tap0"), "tap0", 0);  /* named, against the routing table */
    both_leave_by(wires, to_all("255.255.255.255", "10.9.0.1"), "tap0", 0);
    both_leave_by(wires, to_all("10.9.0.255", ""), "tap0", 0);           /* the one that has that network */
    both_leave_by(wires, to_all("10.9.1.255", "tap1"), "tap1", 1);
}

TEST(a_broadcast_leaves_by_its_card_and_no_other) { INSIDE(by_its_card); }

static void gets_by_card(void)
{
    tap("tap0", "10.9.0.1");
    aats_udp_cfg_t const here = to_all("10.9.0.255", ""), lo = to_all("127.255.255.255", "");
    aats_udp_t rx_tap, rx_lo, tx;
    char buf[32];
    MUST(aats_udp_receiver(&rx_tap, &here) == AATS_OK && aats_udp_receiver(&rx_lo, &lo) == AATS_OK);
    MUST(aats_udp_sender(&tx, &here) == AATS_OK && aats_udp_send(&tx, "tap", 3) == AATS_OK);
    MUST(until_recv(&rx_tap, buf, sizeof buf) == 3); /* our own host is part of that network */
    MUST(strcmp(rx_tap.source, "10.9.0.1") == 0);
    MUST(aats_udp_recv(&rx_lo, buf, sizeof buf, NULL) == AATS_E_MORE);
}

TEST(a_receiver_gets_what_comes_through_its_card_alone) { INSIDE(gets_by_card); }

TEST(every_receiver_of_the_port_gets_it_and_knows_who_sent_it)
{
    static char const *const addr[] = {"127.255.255.255", "255.255.255.255"};
    for (int i = 0; i < 2; i++) {
        aats_udp_cfg_t const tx_cfg = to_all(addr[i], "lo");
        aats_udp_cfg_t rx_cfg = to_all(addr[!i], "lo"); /* the receiver's word for everybody need not be the sender's */
        rx_cfg.busy_poll_us = 20;
        aats_udp_t tx, a, b;
        char buf[64];
        REQUIRE(aats_udp_receiver(&a, &tx_cfg) == AATS_OK);
        REQUIRE(aats_udp_receiver(&b, &rx_cfg) == AATS_OK);
        REQUIRE(aats_udp_sender(&tx, &tx_cfg) == AATS_OK);
        CHECK_STR(tx.card, "lo");
        CHECK_EQ_I64(aats_udp_send(&tx, "record", 6), AATS_OK);
        CHECK_EQ_I64(until_recv(&a, buf, sizeof buf), 6);
        CHECK_EQ_I64(until_recv(&b, buf, sizeof buf), 6);
        struct sockaddr_in me;
        socklen_t sz = sizeof me;
        char ip[INET_ADDRSTRLEN];
        REQUIRE(getsockname(tx.fd, (struct sockaddr *)&me, &sz) == 0);
        CHECK_STR(a.source, inet_ntop(AF_INET, &me.sin_addr, ip, sizeof ip));
        CHECK_EQ_U64(a.source_port, ntohs(me.sin_port));
        aats_udp_close(&tx);
        aats_udp_close(&a);
        aats_udp_close(&b);
    }
}

TEST(a_group_of_the_same_port_does_not_arrive)
{
    aats_udp_cfg_t const cfg = to_all("127.255.255.255", "lo");
    aats_udp_cfg_t const group = {.kind = AATS_UDP_MULTICAST, .addr = "239.255.77.9", .card = "lo", .port = cfg.port};
    aats_udp_t rx, rx_group, tx, tx_group;
    char buf[16];
    REQUIRE(aats_udp_receiver(&rx, &cfg) == AATS_OK && aats_udp_receiver(&rx_group, &group) == AATS_OK);
    REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK && aats_udp_sender(&tx_group, &group) == AATS_OK);
    CHECK_EQ_I64(aats_udp_send(&tx_group, "group", 5), AATS_OK);
    CHECK_EQ_I64(until_recv(&rx_group, buf, sizeof buf), 5);
    CHECK_EQ_I64(aats_udp_send(&tx, "all", 3), AATS_OK);
    CHECK_EQ_I64(until_recv(&rx, buf, sizeof buf), 3);
    CHECK_EQ_I64(aats_udp_recv(&rx, buf, sizeof buf, NULL), AATS_E_MORE);
    CHECK_EQ_I64(aats_udp_recv(&rx_group, buf, sizeof buf, NULL), AATS_E_MORE);
    aats_udp_close(&rx);
    aats_udp_close(&rx_group);
    aats_udp_close(&tx);
    aats_udp_close(&tx_group);
}

TEST(a_broadcast_passes_no_router_unless_asked_to)
{
    aats_udp_cfg_t cfg = to_all("127.255.255.255", "");
    for (int ttl = 0; ttl < 8; ttl += 7) {
        aats_udp_t tx;
        int v = -1;
        socklen_t sz = sizeof v;
        cfg.ttl = (uint8_t)ttl;
        REQUIRE(aats_udp_sender(&tx, &cfg) == AATS_OK);
        getsockopt(tx.fd, IPPROTO_IP, IP_TTL, &v, &sz);
        CHECK_EQ_I64(v, ttl ? 7 : 1);
        aats_udp_close(&tx);
    }
}

RUN_ALL()
