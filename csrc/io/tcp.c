/* tcp.c -- see tcp.h; Linux sockets. */
#define _GNU_SOURCE 1 /* ppoll */
#include "io/tcp.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/errors.h"

/* fail_text moves c to FAILED; os_err 0 is an orderly end. */
static int fail_text(aats_tcp_t *c, int code, char const *what, int os_err)
{
    c->state = AATS_TCP_FAILED;
    c->code = code;
    c->os_err = os_err;
    snprintf(c->text, sizeof c->text, "%s %s%s%s.", c->peer, what, os_err != 0 ? ": " : "", os_err != 0 ? strerror(os_err) : "");
    return code;
}

/* fail_open does the same for a connection that never was, and gives its descriptor back. */
static int fail_open(aats_tcp_t *c, int code, char const *what, int os_err)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    return fail_text(c, code, what, os_err);
}

int aats_tcp_open(aats_tcp_t *c, char const *ip, uint16_t port, uint32_t busy_poll_us)
{
    memset(c, 0, sizeof *c);
    c->fd = -1;
    if (ip == NULL) ip = "";
    snprintf(c->peer, sizeof c->peer, strchr(ip, ':') != NULL ? "[%.64s]:%u" : "%.64s:%u", ip, port);

    struct addrinfo const hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai = NULL;
    if (ip[0] == '\0' || getaddrinfo(ip, NULL, &hints, &ai) != 0) {
        return fail_open(c, AATS_E_ARG, "is not a numeric address; names are resolved before a connection is opened", 0);
    }
    struct sockaddr_storage to;
    socklen_t const to_sz = ai->ai_addrlen;
    memcpy(&to, ai->ai_addr, to_sz);
    freeaddrinfo(ai);
    if (port == 0) return fail_open(c, AATS_E_ARG, "has no port", 0);
    if (to.ss_family == AF_INET) ((struct sockaddr_in *)&to)->sin_port = htons(port);
    else ((struct sockaddr_in6 *)&to)->sin6_port = htons(port);

    c->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return fail_open(c, AATS_E_IO, "cannot be connected to", errno);
    int const on = 1, spin_us = busy_poll_us > INT_MAX ? INT_MAX : (int)busy_poll_us;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (spin_us > 0) setsockopt(c->fd, SOL_SOCKET, SO_BUSY_POLL, &spin_us, sizeof spin_us); /* a wish: needs CAP_NET_ADMIN */

    c->state = AATS_TCP_CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&to, to_sz) == 0) c->state = AATS_TCP_UP;
    else if (errno != EINPROGRESS && errno != EINTR) return fail_open(c, AATS_E_IO, "cannot be connected to", errno);
    return AATS_OK;
}

int aats_tcp_connected(aats_tcp_t *c)
{
    if (c->state == AATS_TCP_UP) return 1;
    if (c->state != AATS_TCP_CONNECTING) return c->state == AATS_TCP_FAILED ? c->code : AATS_E_ARG;
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};
    if (poll(&p, 1, 0) <= 0) return 0;
    int err = 0;
    socklen_t sz = sizeof err;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &sz) != 0) err = errno;
    if (err != 0) return fail_text(c, AATS_E_IO, "cannot be connected to", err);
    c->state = AATS_TCP_UP;
    return 1;
}

/* not_up returns 0 when bytes can move, else what read and write answer. */
static int not_up(aats_tcp_t *c)
{
    if (c->state == AATS_TCP_UP) return 0;
    int const rc = aats_tcp_connected(c);
    return rc == 1 ? 0 : rc == 0 ? AATS_E_MORE : rc;
}

/* not_moved turns the failure of send and recv into a code. */
static int not_moved(aats_tcp_t *c, int os_err)
{
    if (os_err == EAGAIN || os_err == EWOULDBLOCK || os_err == EINTR) return AATS_E_MORE;
    if (os_err == ECONNRESET || os_err == EPIPE) return fail_text(c, AATS_E_CLOSED, "reset the connection", os_err);
    return fail_text(c, AATS_E_IO, "cannot be reached any more", os_err);
}

int aats_tcp_read(aats_tcp_t *c, void *out, size_t cap)
{
    int const rc = not_up(c);
    if (rc != 0) return rc;
    if (cap == 0) return 0;
    ssize_t const n = recv(c->fd, out, cap > INT_MAX ? INT_MAX : cap, 0);
    if (n < 0) return not_moved(c, errno);
    if (n == 0) return fail_text(c, AATS_E_CLOSED, "closed the connection", 0);
    c->rx_bytes += (uint64_t)n;
    return (int)n;
}

int aats_tcp_write(aats_tcp_t *c, void const *bytes, size_t n)
{
    int const rc = not_up(c);
    if (rc != 0) return rc;
    if (n == 0) return 0;
    ssize_t const put = send(c->fd, bytes, n > INT_MAX ? INT_MAX : n, MSG_NOSIGNAL);
    if (put < 0) return not_moved(c, errno);
    c->tx_bytes += (uint64_t)put;
    return (int)put;
}

void aats_tcp_close(aats_tcp_t *c)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (c->state != AATS_TCP_FAILED) c->state = AATS_TCP_IDLE;
}

int aats_tcp_wait(aats_tcp_wait_t *fds, size_t cnt, int64_t timeout_us)
{
    struct pollfd p[AATS_TCP_WAIT_MAX];
    if (cnt > AATS_TCP_WAIT_MAX) return AATS_E_ARG;
    for (size_t i = 0; i < cnt; i++) {
        p[i].fd = fds[i].fd;
        p[i].events = (short)((fds[i].want & AATS_WANT_READ ? POLLIN : 0) | (fds[i].want & AATS_WANT_WRITE ? POLLOUT : 0));
        p[i].revents = 0;
        fds[i].got = 0;
    }
    struct timespec const ts = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
    int const n = ppoll(p, cnt, timeout_us < 0 ? NULL : &ts, NULL);
    if (n < 0) return errno == EINTR ? 0 : AATS_E_IO;
    for (size_t i = 0; i < cnt; i++) {
        if (p[i].revents & POLLIN) fds[i].got |= AATS_WANT_READ;
        if (p[i].revents & POLLOUT) fds[i].got |= AATS_WANT_WRITE;
        if (p[i].revents & (POLLERR | POLLHUP | POLLNVAL)) fds[i].got = AATS_WANT_READ | AATS_WANT_WRITE;
    }
    return n;
}

char const *aats_tcp_error(aats_tcp_t const *c) { return c->text; }
