/* listen.c -- see listen.h; Linux sockets and epoll. */
#define _GNU_SOURCE 1 /* accept4 */
#include "io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/errors.h"

#define BACKLOG 128

/* ---- listening ---- */

static int refuse(aats_listen_t *l, int code, char const *ip, uint32_t port, char const *what, int os_err)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
    l->os_err = os_err;
    snprintf(l->text, sizeof l->text, strchr(ip, ':') ? "[%.64s]:%u %s%s%s." : "%.64s:%u %s%s%s.", ip, port, what, os_err ? ": " : "",
             os_err ? strerror(os_err) : "");
    return code;
}

static uint32_t port_of(struct sockaddr_storage const *a)
{
    return ntohs(a->ss_family == AF_INET ? ((struct sockaddr_in const *)a)->sin_port : ((struct sockaddr_in6 const *)a)->sin6_port);
}

int aats_listen_open(aats_listen_t *l, char const *ip, uint32_t port)
{
    memset(l, 0, sizeof *l);
    l->fd = -1;
    if (ip == NULL) ip = "";
    struct addrinfo const hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai = NULL;
    if (ip[0] == '\0' || getaddrinfo(ip, NULL, &hints, &ai) != 0) return refuse(l, AATS_E_ARG, ip, port, "is not a numeric address to listen on", 0);
    struct sockaddr_storage at;
    socklen_t at_sz = ai->ai_addrlen;
    memcpy(&at, ai->ai_addr, at_sz);
    freeaddrinfo(ai);
    if (port > 65535) return refuse(l, AATS_E_ARG, ip, port, "has a port that is none", 0);
    if (at.ss_family == AF_INET) ((struct sockaddr_in *)&at)->sin_port = htons((uint16_t)port);
    else ((struct sockaddr_in6 *)&at)->sin6_port = htons((uint16_t)port);

    l->fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) return refuse(l, AATS_E_IO, ip, port, "cannot be listened on", errno);
    int const on = 1;
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at.ss_family == AF_INET6) setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(l->fd, (struct sockaddr *)&at, at_sz) != 0 || listen(l->fd, BACKLOG) != 0) {
        if (errno == EADDRINUSE) return refuse(l, AATS_E_BUSY, ip, port, "is in use by another program", 0);
        return refuse(l, AATS_E_IO, ip, port, "cannot be listened on", errno);
    }
    l->port = getsockname(l->fd, (struct sockaddr *)&at, &at_sz) == 0 ? port_of(&at) : port;
    return AATS_OK;
}

/* keep_alive: first probe after 10 s of silence, three of them 5 s apart. */
static void keep_alive(int fd)
{
    int const on = 1, idle_s = 10, every_s = 5, cnt = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &cnt, sizeof cnt);
}

int aats_listen_accept(aats_listen_t *l, aats_tcp_t *c)
{
    memset(c, 0, sizeof *c);
    c->fd = -1;
    struct sockaddr_storage from;
    socklen_t from_sz = sizeof from;
    int const fd = accept4(l->fd, (struct sockaddr *)&from, &from_sz, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int const gone = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
        if (!gone) l->os_err = errno;
        return gone ? 0 : AATS_E_IO;
    }
    int const on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    keep_alive(fd);
    char ip[INET6_ADDRSTRLEN] = "?";
    if (from.ss_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, ip, sizeof ip);
    else inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&from)->sin6_addr, ip, sizeof ip);
    snprintf(c->peer, sizeof c->peer, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port_of(&from));
    c->fd = fd;
    c->state = AATS_TCP_UP;
    return 1;
}

void aats_listen_close(aats_listen_t *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
}

char const *aats_listen_error(aats_listen_t const *l) { return l->text; }

/* ---- connections ---- */

void aats_tcp_abort(aats_tcp_t *c)
{
    struct linger const none = {.l_onoff = 1, .l_linger = 0};
    if (c->fd >= 0) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    aats_tcp_close(c);
}

void aats_tcp_finish(aats_tcp_t *c)
{
    if (c->fd >= 0) shutdown(c->fd, SHUT_WR);
}

int aats_tcp_unsent(aats_tcp_t const *c)
{
    int bytes = 0;
    return c->fd >= 0 && ioctl(c->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

void aats_tcp_send_room(aats_tcp_t *c, uint32_t bytes)
{
    int const sz = bytes > (1u << 30) ? 1 << 30 : (int)bytes;
    if (c->fd >= 0) setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &sz, sizeof sz);
}

/* ---- waiting ---- */

int aats_ready_open(aats_ready_t *r)
{
    memset(r, 0, sizeof *r);
    r->fd = epoll_create1(EPOLL_CLOEXEC);
    return r->fd < 0 ? AATS_E_IO : AATS_OK;
}

void aats_ready_close(aats_ready_t *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

static int control(aats_ready_t *r, int op, int32_t fd, int32_t id, int want)
{
    struct epoll_event e = {.data.u64 = (uint32_t)id};
    e.events = (want & AATS_WANT_READ ? (uint32_t)EPOLLIN : 0) | (want & AATS_WANT_WRITE ? (uint32_t)EPOLLOUT : 0);
    return epoll_ctl(r->fd, op, fd, &e) == 0 ? AATS_OK : AATS_E_IO;
}

int aats_ready_add(aats_ready_t *r, int32_t fd, int32_t id, int want) { return control(r, EPOLL_CTL_ADD, fd, id, want); }
int aats_ready_want(aats_ready_t *r, int32_t fd, int32_t id, int want) { return control(r, EPOLL_CTL_MOD, fd, id, want); }

int aats_ready_wait(aats_ready_t *r, int timeout_ms)
{
    struct epoll_event e[AATS_READY_MAX];
    int const n = epoll_wait(r->fd, e, AATS_READY_MAX, timeout_ms);
    r->cnt = n > 0 ? n : 0;
    for (int i = 0; i < r->cnt; i++) {
        r->id[i] = (int32_t)e[i].data.u64;
        r->got[i] = (e[i].events & EPOLLIN ? AATS_WANT_READ : 0) | (e[i].events & EPOLLOUT ? AATS_WANT_WRITE : 0);
        if (e[i].events & (EPOLLERR | EPOLLHUP)) r->got[i] = AATS_WANT_READ | AATS_WANT_WRITE;
    }
    return r->cnt;
}
