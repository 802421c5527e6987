/* net_plain.c -- the shortest loop that sends n bytes and takes them on the other side of lo: the yardstick of bench_net.c.
 *
 * No project header, no sequence, no batch, no arrival stamps, no second look: sendto (send, on TCP), and recv that spins until the bytes are there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    int tx, rx;
    int stream;
    struct sockaddr_in to;
} plain_net_t;

enum { PLAIN_MULTICAST, PLAIN_BROADCAST, PLAIN_TCP };

/* plain_net_open gives both ends; 0 if the system refuses. */
static int plain_net_open(plain_net_t *p, int kind, char const *addr, uint16_t port)
{
    int const on = 1, type = kind == PLAIN_TCP ? SOCK_STREAM : SOCK_DGRAM;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(port)};
    *p = (plain_net_t){.stream = kind == PLAIN_TCP, .to = from};
    inet_pton(AF_INET, addr, &p->to.sin_addr);
    p->tx = socket(AF_INET, type, 0);
    p->rx = socket(AF_INET, type, 0);
    if (p->tx < 0 || p->rx < 0) return 0;
    setsockopt(p->rx, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (kind == PLAIN_TCP) {
        socklen_t sz = sizeof p->to;
        int const listener = p->rx;
        from.sin_addr = p->to.sin_addr;
        from.sin_port = 0;
        if (bind(listener, (struct sockaddr *)&from, sizeof from) != 0 || listen(listener, 1) != 0) return 0;
        if (getsockname(listener, (struct sockaddr *)&p->to, &sz) != 0 || connect(p->tx, (struct sockaddr *)&p->to, sz) != 0) return 0;
        p->rx = accept(listener, NULL, NULL);
        close(listener);
        setsockopt(p->tx, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return p->rx >= 0;
    }
    if (kind == PLAIN_MULTICAST) {
        struct ip_mreq join = {.imr_multiaddr = p->to.sin_addr, .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
        from.sin_addr = p->to.sin_addr;
        if (setsockopt(p->tx, IPPROTO_IP, IP_MULTICAST_IF, &join.imr_interface, sizeof join.imr_interface) != 0) return 0;
        if (bind(p->rx, (struct sockaddr *)&from, sizeof from) != 0) return 0;
        return setsockopt(p->rx, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) == 0;
    }
    if (setsockopt(p->tx, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) != 0 || setsockopt(p->tx, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0) return 0;
    return bind(p->rx, (struct sockaddr *)&from, sizeof from) == 0;
}

static inline void plain_net_send(plain_net_t *p, void const *bytes, size_t n)
{
    if (p->stream) send(p->tx, bytes, n, 0);
    else sendto(p->tx, bytes, n, 0, (struct sockaddr *)&p->to, sizeof p->to);
}

static inline void plain_net_recv(plain_net_t *p, void *out, size_t n)
{
    for (size_t have = 0; have < n;) {
        ssize_t const got = recv(p->rx, (char *)out + have, n - have, MSG_DONTWAIT);
        if (got > 0) have += (size_t)got;
    }
}

static void plain_net_close(plain_net_t *p)
{
    close(p->tx);
    close(p->rx);
}
