/* udp.c -- see udp.h; Linux sockets, IPv4. */
#include "io/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/errors.h"

_Static_assert(AATS_UDP_CARD_SZ == IFNAMSIZ, "a card's name fits");

/* ---- failures in words ------------------------------------------------------------------------------------------------- */

/* refuse writes the sentence, closes what was opened, and returns code. */
__attribute__((format(printf, 3, 4))) static int refuse(aats_udp_t *u, int code, char const *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(u->text, sizeof u->text, fmt, ap);
    va_end(ap);
    if (u->fd >= 0) close(u->fd);
    u->fd = -1;
    return code;
}

static int refuse_os(aats_udp_t *u, char const *step)
{
    u->os_err = errno;
    return refuse(u, AATS_E_IO, "%s%s%s: %s failed: %s.", u->peer, u->card[0] != '\0' ? " through " : "", u->card, step,
                  strerror(u->os_err));
}

/* cards_list writes "lo (127.0.0.1), eth0 (192.0.2.2)". */
static void cards_list(char *out, size_t sz)
{
    struct if_nameindex *names = if_nameindex();
    struct ifaddrs *addrs = NULL;
    size_t at = 0;
    out[0] = '\0';
    if (getifaddrs(&addrs) != 0) addrs = NULL;
    for (struct if_nameindex *i = names; i != NULL && i->if_index != 0 && at + 1 < sz; i++) {
        at += (size_t)snprintf(out + at, sz - at, "%s%s", i == names ? "" : ", ", i->if_name);
        for (struct ifaddrs *a = addrs; a != NULL && at + 1 < sz; a = a->ifa_next) {
            char ip[INET_ADDRSTRLEN];
            if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET || strcmp(a->ifa_name, i->if_name) != 0) continue;
            inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, ip, sizeof ip);
            at += (size_t)snprintf(out + at, sz - at, " (%s)", ip);
        }
    }
    if (names != NULL) if_freenameindex(names);
    if (addrs != NULL) freeifaddrs(addrs);
}

/* card_find fills u->card and u->if_index from a name or one of the card's addresses. */
static int card_find(aats_udp_t *u, char const *card)
{
    struct in_addr want;
    if (card == NULL || card[0] == '\0') return AATS_OK;
    if (inet_pton(AF_INET, card, &want) == 1) {
        struct ifaddrs *addrs = NULL;
        if (getifaddrs(&addrs) != 0) addrs = NULL;
        for (struct ifaddrs *a = addrs; a != NULL && u->if_index == 0; a = a->ifa_next) {
            if (a->ifa_addr == NULL || a->ifa_addr->sa_family != AF_INET) continue;
            if (((struct sockaddr_in *)a->ifa_addr)->sin_addr.s_addr == want.s_addr) u->if_index = if_nametoindex(a->ifa_name);
        }
        if (addrs != NULL) freeifaddrs(addrs);
    } else {
        u->if_index = if_nametoindex(card);
    }
    if (u->if_index != 0 && if_indextoname(u->if_index, u->card) != NULL) return AATS_OK;
    char cards[256];
    cards_list(cards, sizeof cards);
    u->if_index = 0;
    return refuse(u, AATS_E_ARG, "No network card has the name or address \"%.64s\"; this host has %s.", card, cards);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

/* cfg_check fills u and `to` from cfg, or refuses. */
static int cfg_check(aats_udp_t *u, aats_udp_cfg_t const *cfg, struct sockaddr_in *to)
{
    memset(u, 0, sizeof *u);
    u->fd = -1;
    u->kind = cfg->kind;
    char const *addr = cfg->addr == NULL ? "" : cfg->addr;
    if (cfg->kind == AATS_UDP_BROADCAST || cfg->kind == AATS_UDP_UNICAST) {
        return refuse(u, AATS_E_ARG, "UDP %s is not there yet; multicast is.", cfg->kind == AATS_UDP_BROADCAST ? "broadcast" : "unicast");
    }
    if (cfg->kind != AATS_UDP_MULTICAST) return refuse(u, AATS_E_ARG, "%d is not a kind of datagram socket.", cfg->kind);
    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons(cfg->port);
    if (inet_pton(AF_INET, addr, &to->sin_addr) != 1) {
        return refuse(u, AATS_E_ARG, "\"%.64s\" is not an IPv4 address; a multicast group is 224.0.0.0 to 239.255.255.255.", addr);
    }
    if ((ntohl(to->sin_addr.s_addr) >> 28) != 14) {
        return refuse(u, AATS_E_ARG, "%s is not a multicast group; those are 224.0.0.0 to 239.255.255.255.", addr);
    }
    if (cfg->port == 0) return refuse(u, AATS_E_ARG, "%s: port 0 is not a port; 1 to 65535 are.", addr);
    snprintf(u->peer, sizeof u->peer, "%.15s:%u", addr, cfg->port);
    return card_find(u, cfg->card);
}

/* queue_size asks for a kernel queue (SO_SNDBUF or SO_RCVBUF) and notes what was granted. */
static void queue_size(aats_udp_t *u, int option, uint32_t want)
{
    int sz = want > (1u << 30) ? 1 << 30 : (int)want;
    socklen_t len = sizeof sz;
    if (sz > 0) setsockopt(u->fd, SOL_SOCKET, option, &sz, sizeof sz);
    if (getsockopt(u->fd, SOL_SOCKET, option, &sz, &len) == 0) u->buf_sz = (uint32_t)sz;
}

int aats_udp_sender(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    struct sockaddr_in to;
    int const rc = cfg_check(u, cfg, &to);
    if (rc != AATS_OK) return rc;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return refuse_os(u, "socket");
    struct ip_mreqn const card = {.imr_ifindex = (int)u->if_index};
    int const ttl = cfg->ttl == 0 ? 1 : cfg->ttl, loop = !cfg->no_loop;
    if (u->if_index != 0 && setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_IF, &card, sizeof card) != 0) return refuse_os(u, "IP_MULTICAST_IF");
    if (setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) != 0) return refuse_os(u, "IP_MULTICAST_TTL");
    if (setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop) != 0) return refuse_os(u, "IP_MULTICAST_LOOP");
    queue_size(u, SO_SNDBUF, cfg->buf_sz);
    /* Connected: the route is looked up once, and a host without one is told now instead of at the first record. */
    if (connect(u->fd, (struct sockaddr *)&to, sizeof to) != 0) return refuse_os(u, "connect");
    return AATS_OK;
}

int aats_udp_receiver(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    struct sockaddr_in from;
    int const rc = cfg_check(u, cfg, &from);
    if (rc != AATS_OK) return rc;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return refuse_os(u, "socket");
    int const on = 1, off = 0;
    setsockopt(u->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(u->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    /* Bound to the group: no unicast and no other group of the same port; and only groups that this socket joined. */
    if (bind(u->fd, (struct sockaddr *)&from, sizeof from) != 0) return refuse_os(u, "bind");
    if (setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off) != 0) return refuse_os(u, "IP_MULTICAST_ALL");
    struct ip_mreqn const join = {.imr_multiaddr = from.sin_addr, .imr_ifindex = (int)u->if_index};
    if (setsockopt(u->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) != 0) return refuse_os(u, "IP_ADD_MEMBERSHIP");
    queue_size(u, SO_RCVBUF, cfg->buf_sz);
    if (cfg->timestamps && setsockopt(u->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return refuse_os(u, "SO_TIMESTAMPNS");
    return AATS_OK;
}

void aats_udp_close(aats_udp_t *u)
{
    if (u->fd >= 0) close(u->fd);
    u->fd = -1;
}

/* ---- one datagram ------------------------------------------------------------------------------------------------------ */

/* trouble notes a failure of a live socket, which stays open; the sentence is written only when the reason is a new one. */
static int trouble(aats_udp_t *u, char const *step, int os_err)
{
    if (os_err != u->os_err || u->text[0] == '\0') {
        snprintf(u->text, sizeof u->text, "%s%s%s: %s failed: %s.", u->peer, u->card[0] != '\0' ? " through " : "", u->card, step,
                 strerror(os_err));
    }
    u->os_err = os_err;
    return AATS_E_IO;
}

int aats_udp_send(aats_udp_t *u, void const *bytes, size_t n)
{
    ssize_t const put = send(u->fd, bytes, n, MSG_NOSIGNAL);
    if (put >= 0) {
        u->datagrams++;
        u->bytes += (uint64_t)put;
        return AATS_OK;
    }
    int const os_err = errno;
    u->refused++;
    if (os_err == EAGAIN || os_err == ENOBUFS || os_err == EINTR) return AATS_E_FULL;
    if (os_err == EMSGSIZE) return AATS_E_TOO_BIG;
    return trouble(u, "send", os_err);
}

int aats_udp_recv(aats_udp_t *u, void *out, size_t cap, int64_t *arrived_ns)
{
    struct iovec iov = {.iov_base = out, .iov_len = cap};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (arrived_ns != NULL) *arrived_ns = 0;
    ssize_t const n = recvmsg(u->fd, &msg, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? AATS_E_MORE : trouble(u, "recvmsg", errno);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SO_RXQ_OVFL) memcpy(&u->queue_dropped, CMSG_DATA(c), sizeof u->queue_dropped);
        if (c->cmsg_type == SCM_TIMESTAMPNS && arrived_ns != NULL) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            *arrived_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
        }
    }
    if (msg.msg_flags & MSG_TRUNC) {
        u->refused++;
        return AATS_E_TOO_BIG;
    }
    u->datagrams++;
    u->bytes += (uint64_t)n;
    return (int)n;
}

char const *aats_udp_error(aats_udp_t const *u) { return u->text; }
