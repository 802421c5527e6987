/* udp.h -- datagrams to and from a multicast group or a broadcast address, through one network card.
 *
 * For: the feed's records on the network, one send after the shared-memory write, and receivers of them.  Not for: what is in a
 * datagram (proto/wire.h), retransmission (app/fan.h), and unicast, which is refused with a sentence: P2P goes by TCP.
 *
 * A card is named as `ip link` does ("eth0"), or by one of its IPv4 addresses ("192.0.2.2").  "" is, for a group, the one to which the
 * routing table sends it; for 255.255.255.255 the default route's; for a directed broadcast address the one that has that network.
 * "lo" works on every host and stays on it.  TTL 1 does not pass a router.
 *
 * A broadcast leaves by its card and no other (SO_BINDTODEVICE), and u->card says which it is.  Every host of the network takes it,
 * whether it wants to or not, this one included: no_loop is for groups.
 *
 * Loss is ordinary: a full queue drops and counts, on both sides; the sender never waits.
 * Threads: one owner.  The struct is the caller's memory; it owns nothing but the descriptor.
 */
#ifndef AATS_IO_UDP_H
#define AATS_IO_UDP_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
#define AATS_UDP_MULTICAST 1
#define AATS_UDP_BROADCAST 2
#define AATS_UDP_UNICAST   3 /* refused */

#define AATS_UDP_CARD_SZ 16   /* a card's name with its final zero (IFNAMSIZ) */
#define AATS_UDP_TEXT_SZ 512
#define AATS_UDP_MAX     65507 /* bytes of the largest datagram; 1472 and fewer are not cut into fragments on Ethernet */

typedef struct {
    int32_t kind;       /* AATS_UDP_* */
    char const *addr;   /* "239.1.2.3": 224.0.0.0 to 239.255.255.255; broadcast: "255.255.255.255", or that of a network of this host */
    char const *card;   /* name or address; NULL or "": see above */
    uint16_t port;      /* 1 to 65535 */
    uint8_t ttl;        /* sender: hops, 0 means 1 */
    uint8_t no_loop;    /* sender to a group: 1 keeps our datagrams from receivers on this host */
    uint32_t buf_sz;    /* bytes of kernel queue to ask for; 0: the system's default */
    uint8_t timestamps; /* receiver: 1 asks for the kernel's arrival time */
    uint32_t busy_poll_us; /* receiver: SO_BUSY_POLL; 0: none.  A wish: more than net.core.busy_poll needs CAP_NET_ADMIN */
} aats_udp_cfg_t;

typedef struct {
    int32_t fd;        /* -1 when closed */
    int32_t kind;
    int32_t os_err;    /* errno of the last failure */
    uint32_t if_index; /* 0: by the routing table (receiver of broadcasts: all cards) */
    uint32_t buf_sz;   /* the queue that the kernel granted */
    uint32_t queue_dropped; /* receiver: datagrams that this socket's full queue has dropped, as last told by the kernel */
    uint64_t datagrams;    /* sent or received */
    uint64_t bytes;
    uint64_t refused;      /* sender: not sent (queue full, card down); receiver: longer than the caller's buffer */
    char card[AATS_UDP_CARD_SZ]; /* "" : if_index is 0 */
    char peer[24];               /* "239.1.2.3:5000" */
    char source[24];             /* receiver: where the last datagram came from, "192.0.2.1" */
    uint32_t source_ip;          /* the same as a number, and its port */
    uint32_t source_port;
    char text[AATS_UDP_TEXT_SZ]; /* aats_udp_error */
} aats_udp_t;

/* aats_udp_sender and aats_udp_receiver open a socket by cfg.
 *
 * Several receivers on a host may share address and port.  Each receiver of a group gets every datagram of it, of no other group, and only
 * those that arrived through the card.  A receiver of broadcasts gets whatever comes to its port, through its card where one is named or
 * found: who sent it is in u->source.  A buf_sz above the system's limit (net.core.rmem_max, wmem_max) is granted in part: see u->buf_sz.
 * Returns AATS_OK; AATS_E_ARG: the cfg is wrong, and the sentence says which field and what would be right (a card that does not
 * exist: the ones that do); AATS_E_IO: the system refused.  After a failure u->fd is -1 and aats_udp_error tells. */
int aats_udp_sender(aats_udp_t *u, aats_udp_cfg_t const *cfg);
int aats_udp_receiver(aats_udp_t *u, aats_udp_cfg_t const *cfg);

/* aats_udp_send sends one datagram without waiting.  Returns AATS_OK; AATS_E_TOO_BIG; AATS_E_FULL: the queue or the card has no room, the
 * datagram is lost and counted; AATS_E_IO: no card, no route, or a receiver.  Later sends are tried afresh.  Cost: one system call. */
int aats_udp_send(aats_udp_t *u, void const *bytes, size_t n);

/* aats_udp_recv copies the next datagram, and notes where it came from (u->source).  Returns its size; AATS_E_MORE: none waits; AATS_E_TOO_BIG: it was longer than cap, its
 * beginning is in out and the rest is lost; AATS_E_IO.  arrived_ns, if not NULL, is the kernel's arrival time in epoch nanoseconds (0 where
 * cfg did not ask for it). */
int aats_udp_recv(aats_udp_t *u, void *out, size_t cap, int64_t *arrived_ns);

/* aats_udp_close closes the descriptor; counters stay readable.  u must have seen an open. */
void aats_udp_close(aats_udp_t *u);

/* aats_udp_error returns one sentence with address and card; "" while there was no failure. */
char const *aats_udp_error(aats_udp_t const *u);
/* cdef-end */

#endif
