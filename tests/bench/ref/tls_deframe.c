/* tls_deframe.c -- the shortest client that takes WebSocket messages off a TLS connection: SSL_read into a buffer, heads skipped.  The yardstick of
 * bench_wire.c.
 *
 * No project header; no parse, no book, no UTF-8 check, no time-outs.  It spins on a non-blocking socket; read_ahead is on, because SSL_read then asks the
 * kernel once for as much as its buffer holds, and not twice for each record.  tls NULL: plain ws. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    uint8_t *rx;
    size_t len, cap;
    uint64_t cnt; /* messages taken */
} plain_ws_t;

static void plain_ws_close(plain_ws_t *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    if (p->fd >= 0) close(p->fd);
    free(p->rx);
    *p = (plain_ws_t){.fd = -1};
}

static int plain_ws_write(plain_ws_t *p, void const *bytes, size_t n)
{
    return p->ssl ? SSL_write(p->ssl, bytes, (int)n) == (int)n : send(p->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* plain_ws_read adds what is there to rx: 1 if anything came, 0 if nothing has, -1 at the end. */
static inline int plain_ws_read(plain_ws_t *p)
{
    if (!p->ssl) {
        ssize_t const n = recv(p->fd, p->rx + p->len, p->cap - p->len, 0);
        if (n > 0) p->len += (size_t)n;
        return n > 0 ? 1 : n < 0 && errno == EAGAIN ? 0 : -1;
    }
    int const n = SSL_read(p->ssl, p->rx + p->len, (int)(p->cap - p->len));
    if (n > 0) p->len += (size_t)n;
    return n > 0 ? 1 : SSL_get_error(p->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* plain_ws_deframe steps over every whole message of rx; returns how many. */
static inline int plain_ws_deframe(plain_ws_t *p)
{
    size_t at = 0;
    int cnt = 0;
    while (p->len - at >= 2) {
        uint8_t const *b = p->rx + at;
        size_t n = b[1] & 127, head = 2;
        if (n == 126) {
            if (p->len - at < 4) break;
            n = (size_t)b[2] << 8 | b[3];
            head = 4;
        } else if (n == 127) {
            if (p->len - at < 10) break;
            n = 0;
            for (int i = 2; i < 10; i++) n = n << 8 | b[i];
            head = 10;
        }
        if (p->len - at < head + n) break;
        at += head + n;
        cnt++;
    }
    if (at) {
        memmove(p->rx, p->rx + at, p->len - at);
        p->len -= at;
    }
    p->cnt += (uint64_t)cnt;
    return cnt;
}

/* plain_ws_open connects to 127.0.0.1, upgrades, subscribes and takes the answer; 0 if anything refuses. */
static int plain_ws_open(plain_ws_t *p, uint16_t port, char const *ca_file)
{
    static char const UPGRADE[] = "GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    static char const SUBSCRIBE[] = "{\"method\":\"SUBSCRIBE\",\"params\":[\"x@depth\"],\"id\":1}";
    int const on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *p = (plain_ws_t){.fd = socket(AF_INET, SOCK_STREAM, 0), .cap = 256u << 10};
    p->rx = malloc(p->cap);
    if (p->fd < 0 || !p->rx || connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0) return 0;
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (ca_file) {
        p->ctx = SSL_CTX_new(TLS_client_method());
        if (!p->ctx || SSL_CTX_load_verify_locations(p->ctx, ca_file, NULL) != 1) return 0;
        SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_read_ahead(p->ctx, 1);
        p->ssl = SSL_new(p->ctx);
        SSL_set_fd(p->ssl, p->fd);
        SSL_set1_host(p->ssl, "localhost");
        if (SSL_connect(p->ssl) != 1) return 0;
    }
    if (!plain_ws_write(p, UPGRADE, sizeof UPGRADE - 1)) return 0;
    uint8_t *end = NULL;
    while (!end) {
        if (plain_ws_read(p) < 0) return 0;
        end = memmem(p->rx, p->len, "\r\n\r\n", 4);
    }
    p->len -= (size_t)(end + 4 - p->rx);
    memmove(p->rx, end + 4, p->len);
    uint8_t frame[128] = {0x81, 0x80 | (sizeof SUBSCRIBE - 1), 0, 0, 0, 0}; /* a mask of zeros */
    memcpy(frame + 6, SUBSCRIBE, sizeof SUBSCRIBE - 1);
    if (!plain_ws_write(p, frame, 6 + sizeof SUBSCRIBE - 1)) return 0;
    while (!p->cnt) {
        if (plain_ws_read(p) < 0) return 0;
        plain_ws_deframe(p);
    }
    p->cnt = 0;
    fcntl(p->fd, F_SETFL, O_NONBLOCK);
    return 1;
}
