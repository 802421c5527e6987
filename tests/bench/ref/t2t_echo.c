/* t2t_echo.c -- the shortest way from a market frame to an order that plain C has: SSL_read, deframe, SSL_write of an order that was prepared beforehand.
 *
 * The yardstick of the tick-to-trade rows, against the same server (wire.c, mode answer) in the same run.  No project header.  It reads no price, keeps no
 * book, signs nothing, keeps no journal, and does not look at what the venue answers.  Two connections, one thread that spins.
 *
 *     t2t_echo --port N [--core N]          ends when the server does */
#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#define ORDER_BYTES 429 /* as an order.place with key and signature has */

typedef struct {
    SSL *ssl;
    uint8_t buf[1 << 20];
    size_t at, end;
} peer_t;

static peer_t stream, orders;

static void die(char const *what)
{
    fprintf(stderr, "t2t_echo: %s\n", what);
    exit(2);
}

/* frame_out writes a masked text frame of n bytes; its length. */
static size_t frame_out(uint8_t *out, char const *text, size_t n)
{
    uint8_t const mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t head = 2;
    out[0] = 0x81;
    out[1] = (uint8_t)(0x80 | (n < 126 ? n : 126));
    if (n >= 126) out[2] = (uint8_t)(n >> 8), out[3] = (uint8_t)n, head = 4;
    memcpy(out + head, mask, 4);
    head += 4;
    for (size_t i = 0; i < n; i++) out[head + i] = (uint8_t)text[i] ^ mask[i & 3];
    return head + n;
}

static void say(peer_t *p, char const *text)
{
    uint8_t frame[1024];
    size_t const n = frame_out(frame, text, strlen(text));
    if (SSL_write(p->ssl, frame, (int)n) != (int)n) die("a write failed");
}

/* more reads what is there; 0 if nothing was. */
static int more(peer_t *p)
{
    if (p->at == p->end) p->at = p->end = 0;
    int const n = SSL_read(p->ssl, p->buf + p->end, (int)(sizeof p->buf - p->end));
    if (n > 0) p->end += (size_t)n;
    else if (SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ) exit(0); /* the server has ended */
    return n > 0;
}

/* next steps over the first whole frame; 0 if there is none. */
static int next(peer_t *p)
{
    uint8_t const *b = p->buf + p->at;
    size_t const have = p->end - p->at;
    if (have < 4) return 0;
    size_t head = 2, n = b[1] & 127;
    if (n == 126) n = (size_t)b[2] << 8 | b[3], head = 4;
    else if (n == 127) {
        if (have < 10) return 0;
        n = 0, head = 10;
        for (int i = 2; i < 10; i++) n = n << 8 | b[i];
    }
    if (have < head + n) {
        if (p->at && p->end > sizeof p->buf / 2) {
            memmove(p->buf, b, have);
            p->at = 0, p->end = have;
        }
        return 0;
    }
    p->at += head + n;
    return 1;
}

static void open_to(peer_t *p, SSL_CTX *ctx, int port, char const *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    char text[512];
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("the server cannot be reached");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    p->ssl = SSL_new(ctx);
    SSL_set_fd(p->ssl, fd);
    if (SSL_connect(p->ssl) != 1) die("no TLS");
    int const n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path);
    SSL_write(p->ssl, text, n);
    while (!memmem(p->buf, p->end, "\r\n\r\n", 4))
        if (!more(p)) die("no upgrade");
    p->at = (size_t)((uint8_t *)memmem(p->buf, p->end, "\r\n\r\n", 4) - p->buf) + 4;
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv)
{
    int port = 0, core = -1;
    char order[ORDER_BYTES + 1];
    uint8_t frame[ORDER_BYTES + 16];
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--core")) core = atoi(argv[i + 1]);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    int const n = snprintf(order, sizeof order, "{\"id\":7,\"method\":\"order.place\",\"params\":{\"apiKey\":\"%064d\",\"newClientOrderId\":\"%032d\","
                           "\"newOrderRespType\":\"FULL\",\"price\":\"64200.01\",\"quantity\":\"0.001\",\"recvWindow\":5000,\"side\":\"BUY\",\"signature\":\"%064d\","
                           "\"symbol\":\"BTCUSDT\",\"timeInForce\":\"IOC\",\"timestamp\":1785312000301,\"type\":\"LIMIT\"}}", 7, 7, 7);
    size_t const frame_n = frame_out(frame, order, (size_t)n);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    open_to(&stream, ctx, port, "/stream");
    open_to(&orders, ctx, port, "/ws-api/v3");
    say(&stream, "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\"],\"id\":1}");
    say(&orders, "{\"id\":1,\"method\":\"userDataStream.subscribe.signature\"}");
    for (int told = 0;;) {
        if (more(&stream))
            while (next(&stream))
                if (told++ && SSL_write(orders.ssl, frame, (int)frame_n) != (int)frame_n) die("an order could not be written");
        if (more(&orders)) orders.at = orders.end = 0;
    }
}
