/* wire_net.c -- the connections of the bench's venue: listening, TLS over plain buffers, WebSocket frames; see wire.h.
 *
 * Everything is non-blocking; what a full socket does not take waits in tx, and the replay waits with it.  A client may leave at any time. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define CONNS_MAX 32
#define IN_SZ     (64u << 10)
#define RX_SZ     (256u << 10)
#define TX_SZ     (4u << 20)

static wire_conn_t conns[CONNS_MAX];
static SSL_CTX *net_ctx;
static int net_listener = -1;

/* ---- the buffers as OpenSSL sees them ---- */

static int net_bio_read(BIO *b, char *out, int cap)
{
    wire_conn_t *c = BIO_get_data(b);
    size_t n = c->in_end - c->in_at;
    BIO_clear_retry_flags(b);
    if (!n) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (n > (size_t)cap) n = (size_t)cap;
    memcpy(out, c->in + c->in_at, n);
    c->in_at += n;
    return (int)n;
}

static void net_put(wire_conn_t *c, void const *bytes, size_t n)
{
    if (n > TX_SZ - c->tx_end) {
        c->dead = 1; /* it does not read what it asked for */
        return;
    }
    memcpy(c->tx + c->tx_end, bytes, n);
    c->tx_end += n;
}

static int net_bio_write(BIO *b, char const *bytes, int n)
{
    BIO_clear_retry_flags(b);
    net_put(BIO_get_data(b), bytes, (size_t)n);
    return n;
}

static long net_bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO *net_bio(wire_conn_t *c)
{
    static BIO_METHOD *m;
    if (!m) {
        m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
        BIO_meth_set_read(m, net_bio_read);
        BIO_meth_set_write(m, net_bio_write);
        BIO_meth_set_ctrl(m, net_bio_ctrl);
    }
    BIO *b = BIO_new(m);
    BIO_set_data(b, c);
    BIO_set_init(b, 1);
    return b;
}

/* ---- out ---- */

/* net_flush gives the socket what waits; what it does not take stays. */
static void net_flush(wire_conn_t *c)
{
    while (c->tx_at < c->tx_end) {
        ssize_t const n = send(c->fd, c->tx + c->tx_at, c->tx_end - c->tx_at, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) c->dead = 1;
            return;
        }
        c->tx_at += (size_t)n;
    }
    c->tx_at = c->tx_end = 0;
}

/* net_plain encrypts n bytes into tx; nothing is sent yet. */
static void net_plain(wire_conn_t *c, void const *bytes, size_t n)
{
    if (!c->ssl) net_put(c, bytes, n);
    else if (SSL_write(c->ssl, bytes, (int)n) != (int)n) c->dead = 1;
}

/* net_head writes the head of an unmasked frame; returns its length. */
static size_t net_head(uint8_t *out, int opcode, size_t n)
{
    out[0] = (uint8_t)(0x80 | opcode);
    if (n < 126) {
        out[1] = (uint8_t)n;
        return 2;
    }
    int const more = n < 65536 ? 2 : 8;
    out[1] = more == 2 ? 126 : 127;
    for (int i = 0; i < more; i++) out[2 + i] = (uint8_t)((uint64_t)n >> (8 * (more - 1 - i)));
    return 2 + (size_t)more;
}

static void net_frame(wire_conn_t *c, int opcode, void const *payload, size_t n)
{
    static uint8_t frame[RX_SZ];
    if (n > sizeof frame - 10) return;
    size_t const head = net_head(frame, opcode, n);
    memcpy(frame + head, payload, n);
    net_plain(c, frame, head + n);
    net_flush(c);
}

static void wire_text(wire_conn_t *c, void const *text, size_t n) { net_frame(c, 1, text, n); }

static void wire_http(wire_conn_t *c, int status, void const *body, size_t n)
{
    char head[256];
    int const k = snprintf(head, sizeof head,
                           "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: keep-alive\r\n"
                           "x-mbx-used-weight-1m: 1\r\n\r\n", status, status == 200 ? "OK" : "Not Found", n);
    net_plain(c, head, (size_t)k);
    for (size_t at = 0; at < n; at += 16384) net_plain(c, (uint8_t const *)body + at, n - at < 16384 ? n - at : 16384);
    net_flush(c);
}

static void net_upgrade(wire_conn_t *c, char const *key)
{
    char text[128], accept[64];
    uint8_t sha[SHA_DIGEST_LENGTH];
    int const n = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((uint8_t const *)text, (size_t)n, sha);
    EVP_EncodeBlock((uint8_t *)accept, sha, sizeof sha);
    char answer[256];
    int const k = snprintf(answer, sizeof answer,
                           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    net_plain(c, answer, (size_t)k);
    net_flush(c);
}

/* ---- life ---- */

static int net_listen(uint16_t port)
{
    int const on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t sz = sizeof at;
    net_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (net_listener < 0) return 0;
    setsockopt(net_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(net_listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(net_listener, 16) != 0) return 0;
    return getsockname(net_listener, (struct sockaddr *)&at, &sz) == 0 ? ntohs(at.sin_port) : 0;
}

static void net_close(wire_conn_t *c)
{
    if (c->kind == WIRE_ORDERS) wire_orders_closed(c);
    SSL_free(c->ssl);
    close(c->fd);
    free(c->in);
    free(c->rx);
    free(c->tx);
    *c = (wire_conn_t){.kind = WIRE_FREE};
}

static void net_accept(void)
{
    int const on = 1;
    wire_conn_t *c = conns;
    while (c < conns + CONNS_MAX && c->kind != WIRE_FREE) c++;
    if (c == conns + CONNS_MAX) return;
    int const fd = accept4(net_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *c = (wire_conn_t){.kind = WIRE_NEW, .fd = fd, .in = malloc(IN_SZ), .rx = malloc(RX_SZ), .tx = malloc(TX_SZ)};
    if (!c->in || !c->rx || !c->tx) abort();
    memset(c->tx, 0, 1u << 20); /* no page faults while it measures */
}

/* The first byte tells TLS (a handshake record) from plain HTTP. */
static int net_first(wire_conn_t *c)
{
    uint8_t first;
    ssize_t const n = recv(c->fd, &first, 1, MSG_PEEK);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) c->dead = 1;
    if (n <= 0) return 0;
    c->kind = WIRE_HTTP;
    if (first != 0x16) return 1;
    c->ssl = SSL_new(net_ctx);
    if (!c->ssl) abort();
    BIO *b = net_bio(c);
    SSL_set_bio(c->ssl, b, b);
    SSL_set_accept_state(c->ssl);
    return 1;
}

/* net_read brings what the socket has into rx, stamped.  Returns 1 if something came. */
static int net_read(wire_conn_t *c)
{
    if (c->kind == WIRE_NEW && !net_first(c)) return 0;
    uint8_t *at = c->ssl ? c->in : c->rx + c->rx_len;
    size_t const cap = c->ssl ? IN_SZ : RX_SZ - c->rx_len;
    ssize_t n = recv(c->fd, at, cap, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    c->read_ns = c->plain_ns = wire_now_ns();
    if (n <= 0) {
        c->dead = 1;
        return 0;
    }
    if (!c->ssl) {
        c->rx_len += (size_t)n;
        return 1;
    }
    c->in_at = 0;
    c->in_end = (size_t)n;
    ERR_clear_error();
    while ((n = SSL_read(c->ssl, c->rx + c->rx_len, (int)(RX_SZ - c->rx_len))) > 0) c->rx_len += (size_t)n;
    int const e = SSL_get_error(c->ssl, (int)n);
    if (e != SSL_ERROR_WANT_READ) c->dead = 1;
    c->plain_ns = wire_now_ns();
    net_flush(c); /* the handshake's answers */
    return 1;
}

typedef struct {
    int opcode;
    char *text; /* unmasked in place */
    size_t len, frame_sz;
} net_msg_t;

/* net_message takes the first whole frame of rx (a client's: masked, not fragmented).  1, or 0. */
static int net_message(wire_conn_t *c, net_msg_t *m)
{
    uint8_t *b = c->rx;
    if (c->rx_len < 6) return 0;
    size_t n = b[1] & 127, head = 2;
    if (n == 126) n = (size_t)b[2] << 8 | b[3], head = 4;
    else if (n == 127) {
        c->dead = 1; /* nobody sends so much here */
        return 0;
    }
    if (!(b[1] & 0x80) || n > RX_SZ - 64) c->dead = 1;
    if (c->dead || c->rx_len < head + 4 + n) return 0;
    uint8_t const *mask = b + head;
    uint8_t *p = b + head + 4;
    for (size_t i = 0; i < n; i++) p[i] ^= mask[i & 3];
    *m = (net_msg_t){.opcode = b[0] & 15, .text = (char *)p, .len = n, .frame_sz = head + 4 + n};
    return 1;
}

static void net_drop(wire_conn_t *c, size_t n)
{
    memmove(c->rx, c->rx + n, c->rx_len - n);
    c->rx_len -= n;
}
