/* udp.c -- see udp.h; Linux sockets, IPv4. */
#include "io/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/errors.h"
#include "io/card.h"

_Static_assert(AATS_UDP_CARD_SZ == AATS_CARD_SZ, "a card's name fits");

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

/* ---- the card ---------------------------------------------------------------------------------------------------------- */

static int take_card(aats_udp_t *u, aats_card_t const *card)
{
    u->if_index = card->index;
    memcpy(u->card, card->name, sizeof u->card);
    return AATS_OK;
}

/* card_named fills u->card and u->if_index from a name or one of the card's addresses; "" leaves them empty. */
static int card_named(aats_udp_t *u, char const *name)
{
    aats_card_t card;
    char cards[256];
    if (name == NULL || name[0] == '\0') return AATS_OK;
    if (aats_card_named(name, &card) == AATS_OK) return take_card(u, &card);
    aats_card_list(cards, sizeof cards);
    return refuse(u, AATS_E_ARG, "No network card has the name or address \"%.64s\"; this host has %s.", name, cards);
}

/* card_of_broadcast sees to it that a broadcast has its card: the one named, which must have that network, or the one that does. */
static int card_of_broadcast(aats_udp_t *u, aats_udp_cfg_t const *cfg, int sends)
{
    aats_card_t card;
    char list[256];
    int const rc = card_named(u, cfg->card);
    if (rc != AATS_OK) return rc;
    if (strcmp(cfg->addr, "255.255.255.255") == 0) {
        if (u->if_index != 0 || !sends) return AATS_OK;
        if (aats_card_of_default_route(&card) == AATS_OK) return take_card(u, &card);
        aats_card_list(list, sizeof list);
        return refuse(u, AATS_E_ARG, "%s: there is no default route whose card could be taken; name one of %s.", cfg->addr, list);
    }
    if (aats_card_of_broadcast(cfg->addr, u->card, &card) == AATS_OK) return take_card(u, &card);
    aats_card_broadcasts(list, sizeof list);
    return refuse(u, AATS_E_ARG, "%s is not the broadcast address of %s%s; those of this host are %s, and 255.255.255.255 goes with any card.", cfg->addr,
                  u->card[0] != '\0' ? "" : "a network card here", u->card, list);
}

/* ---- opening ----------------------------------------------------------------------------------------------------------- */

/* cfg_check fills u and `to` from cfg, or refuses. */
static int cfg_check(aats_udp_t *u, aats_udp_cfg_t const *cfg, struct sockaddr_in *to, int sends)
{
    memset(u, 0, sizeof *u);
    u->fd = -1;
    u->kind = cfg->kind;
    char const *addr = cfg->addr == NULL ? "" : cfg->addr;
    int const group = cfg->kind == AATS_UDP_MULTICAST;
    if (cfg->kind == AATS_UDP_UNICAST) return refuse(u, AATS_E_ARG, "UDP unicast is not there; P2P goes by TCP.");
    if (!group && cfg->kind != AATS_UDP_BROADCAST) return refuse(u, AATS_E_ARG, "%d is not a kind of datagram socket.", cfg->kind);
    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons(cfg->port);
    if (inet_pton(AF_INET, addr, &to->sin_addr) != 1) {
        return refuse(u, AATS_E_ARG, "\"%.64s\" is not an IPv4 address; a %s.", addr,
                      group ? "multicast group is 224.0.0.0 to 239.255.255.255" : "broadcast address is 255.255.255.255, or that of a network");
    }
    if (group && (ntohl(to->sin_addr.s_addr) >> 28) != 14) {
        return refuse(u, AATS_E_ARG, "%s is not a multicast group; those are 224.0.0.0 to 239.255.255.255.", addr);
    }
    if (cfg->port == 0) return refuse(u, AATS_E_ARG, "%s: port 0 is not a port; 1 to 65535 are.", addr);
    snprintf(u->peer, sizeof u->peer, "%.15s:%u", addr, cfg->port);
    return group ? card_named(u, cfg->card) : card_of_broadcast(u, cfg, sends);
}

static int set_int(aats_udp_t *u, int level, int option, int v) { return setsockopt(u->fd, level, option, &v, sizeof v); }

/* queue_size asks for a kernel queue (SO_SNDBUF or SO_RCVBUF) and notes what was granted. */
static void queue_size(aats_udp_t *u, int option, uint32_t want)
{
    int sz = want > (1u << 30) ? 1 << 30 : (int)want;
    socklen_t len = sizeof sz;
    if (sz > 0) setsockopt(u->fd, SOL_SOCKET, option, &sz, sizeof sz);
    if (getsockopt(u->fd, SOL_SOCKET, option, &sz, &len) == 0) u->buf_sz = (uint32_t)sz;
}

/* through binds the socket to its card: in and out, whatever the routing table says. */
static int through(aats_udp_t *u)
{
    if (u->if_index == 0) return AATS_OK;
    return setsockopt(u->fd, SOL_SOCKET, SO_BINDTODEVICE, u->card, (socklen_t)strlen(u->card)) == 0 ? AATS_OK : refuse_os(u, "SO_BINDTODEVICE");
}

static int sends_to_group(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    struct ip_mreqn const card = {.imr_ifindex = (int)u->if_index};
    if (u->if_index != 0 && setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_IF, &card, sizeof card) != 0) return refuse_os(u, "IP_MULTICAST_IF");
    if (set_int(u, IPPROTO_IP, IP_MULTICAST_TTL, cfg->ttl == 0 ? 1 : cfg->ttl) != 0) return refuse_os(u, "IP_MULTICAST_TTL");
    if (set_int(u, IPPROTO_IP, IP_MULTICAST_LOOP, !cfg->no_loop) != 0) return refuse_os(u, "IP_MULTICAST_LOOP");
    return AATS_OK;
}

static int sends_to_all(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    if (set_int(u, SOL_SOCKET, SO_BROADCAST, 1) != 0) return refuse_os(u, "SO_BROADCAST");
    if (set_int(u, IPPROTO_IP, IP_TTL, cfg->ttl == 0 ? 1 : cfg->ttl) != 0) return refuse_os(u, "IP_TTL");
    return through(u);
}

int aats_udp_sender(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    struct sockaddr_in to;
    int rc = cfg_check(u, cfg, &to, 1);
    if (rc != AATS_OK) return rc;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return refuse_os(u, "socket");
    rc = cfg->kind == AATS_UDP_MULTICAST ? sends_to_group(u, cfg) : sends_to_all(u, cfg);
    if (rc != AATS_OK) return rc;
    queue_size(u, SO_SNDBUF, cfg->buf_sz);
    /* Connected: the route is looked up once, and a host without one is told now instead of at the first record. */
    if (connect(u->fd, (struct sockaddr *)&to, sizeof to) != 0) return refuse_os(u, "connect");
    return AATS_OK;
}

/* Bound to the group: no unicast and no other group of the same port; and only groups that this socket joined. */
static int receives_group(aats_udp_t *u, struct sockaddr_in const *group)
{
    if (bind(u->fd, (struct sockaddr const *)group, sizeof *group) != 0) return refuse_os(u, "bind");
    if (set_int(u, IPPROTO_IP, IP_MULTICAST_ALL, 0) != 0) return refuse_os(u, "IP_MULTICAST_ALL");
    struct ip_mreqn const join = {.imr_multiaddr = group->sin_addr, .imr_ifindex = (int)u->if_index};
    if (setsockopt(u->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) != 0) return refuse_os(u, "IP_ADD_MEMBERSHIP");
    return AATS_OK;
}

/* Bound to the port: whether the sender says 255.255.255.255 or its network's address is nothing to the receiver.  Groups that others of this
 * host have joined at the same port stay theirs. */
static int receives_all(aats_udp_t *u, struct sockaddr_in from)
{
    from.sin_addr.s_addr = htonl(INADDR_ANY);
    int const rc = through(u);
    if (rc != AATS_OK) return rc;
    if (set_int(u, SOL_SOCKET, SO_BROADCAST, 1) != 0) return refuse_os(u, "SO_BROADCAST");
    if (set_int(u, IPPROTO_IP, IP_MULTICAST_ALL, 0) != 0) return refuse_os(u, "IP_MULTICAST_ALL");
    return bind(u->fd, (struct sockaddr *)&from, sizeof from) == 0 ? AATS_OK : refuse_os(u, "bind");
}

int aats_udp_receiver(aats_udp_t *u, aats_udp_cfg_t const *cfg)
{
    struct sockaddr_in from;
    int rc = cfg_check(u, cfg, &from, 0);
    if (rc != AATS_OK) return rc;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0) return refuse_os(u, "socket");
    set_int(u, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int(u, SOL_SOCKET, SO_RXQ_OVFL, 1);
    rc = cfg->kind == AATS_UDP_MULTICAST ? receives_group(u, &from) : receives_all(u, from);
    if (rc != AATS_OK) return rc;
    queue_size(u, SO_RCVBUF, cfg->buf_sz);
    if (cfg->busy_poll_us) set_int(u, SOL_SOCKET, SO_BUSY_POLL, cfg->busy_poll_us > INT_MAX ? INT_MAX : (int)cfg->busy_poll_us);
    if (cfg->timestamps && set_int(u, SOL_SOCKET, SO_TIMESTAMPNS, 1) != 0) return refuse_os(u, "SO_TIMESTAMPNS");
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

/* note_source writes the text only when the sender is another one. */
static void note_source(aats_udp_t *u, struct sockaddr_in const *from)
{
    u->source_port = ntohs(from->sin_port);
    if (from->sin_addr.s_addr == u->source_ip && u->source[0] != '\0') return;
    u->source_ip = from->sin_addr.s_addr;
    inet_ntop(AF_INET, &from->sin_addr, u->source, sizeof u->source);
}

int aats_udp_recv(aats_udp_t *u, void *out, size_t cap, int64_t *arrived_ns)
{
    struct sockaddr_in from;
    struct iovec iov = {.iov_base = out, .iov_len = cap};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t))];
    } control;
    struct msghdr msg = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                         .msg_controllen = sizeof control};
    if (arrived_ns != NULL) *arrived_ns = 0;
    ssize_t const n = recvmsg(u->fd, &msg, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? AATS_E_MORE : trouble(u, "recvmsg", errno);
    if (msg.msg_namelen == sizeof from) note_source(u, &from);
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
