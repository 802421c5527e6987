/* host.h -- gives a feed its sockets, TLS, clocks and network card: what feed.h leaves out.
 *
 * One pass (aats_host_step): begin - connect or close what the feed wants - for each connection: read, stamp, decrypt, hand in; take what is to be sent,
 * encrypt, write - end.  Nothing in it blocks.  The pass belongs to the thread that calls it: the I/O thread that aats_host_run is, or the
 * loop of a trade process (feed='inline').
 */
#ifndef AATS_APP_HOST_H
#define AATS_APP_HOST_H

#include "app/feed.h"

/* cdef-begin */
#define AATS_HOST_WAYS 3 /* as AATS_VENUE_WAYS */

typedef struct aats_host aats_host_t;

typedef struct {
    char host[128];     /* for SNI and the certificate: "stream.binance.com" */
    char ca_file[512];  /* "": the system's certificates */
    uint32_t port;
    uint32_t plain;     /* 1: ws://, no TLS */
    uint32_t busy_poll_us;
    char way_host[3][128]; /* ways of the venue that have an address of their own; "": host, port, plain */
    uint32_t way_port[3];
    uint32_t way_plain[3];
    uint32_t wait;      /* AATS_WAIT_*; NONE: adaptive, by what aats_host_set_wait says */
    /* datagrams (app/out.h) after the shared-memory write; addr "" = none */
    uint32_t net_kind;    /* AATS_UDP_MULTICAST (also 0) or AATS_UDP_BROADCAST */
    uint32_t net_port;
    uint32_t net_ttl;     /* 0: 1 */
    uint32_t net_no_loop; /* 1: receivers on this host get none (multicast) */
    char net_addr[48];    /* a group, 255.255.255.255, or the broadcast address of a network of this host */
    char net_card[48];    /* see io/udp.h; aats_host_net_card tells which one it is */
    char repair_ip[48];   /* of the feed's fan-out, for the beats */
    uint32_t repair_port; /* 0: none */
    uint32_t datagram;    /* bytes of the largest; 0: AATS_WIRE_DATAGRAM */
    char name[48];        /* of the feed, for the beats; "": as its segment */
} aats_host_opts_t;

/* aats_host_new gives `feed` (owned by the host from now on, also after a failure) its outside.  NULL and a sentence in why: a CA file that is
 * none, a card that does not exist, an address that is no group. */
aats_host_t *aats_host_new(aats_feed_t *feed, aats_host_opts_t const *opts, char *why, size_t why_sz);
void aats_host_free(aats_host_t *h);
aats_feed_t *aats_host_feed(aats_host_t *h);

/* aats_host_net_card returns the name of the card that datagrams leave by; "": none, or as the routing table says. */
char const *aats_host_net_card(aats_host_t const *h);

/* aats_host_step makes one pass.  Returns the messages, mails and socket events it dealt with; 0: nothing was to be done. */
int aats_host_step(aats_host_t *h);

/* aats_host_run makes passes until aats_host_stop (any thread) has been called and the venue has been left, or 2 s have gone by; the I/O thread. */
void aats_host_run(aats_host_t *h);
void aats_host_stop(aats_host_t *h);

/* aats_host_set_wait changes how the thread waits between passes without work: AATS_WAIT_SPIN, YIELD or SLEEP (any thread). */
void aats_host_set_wait(aats_host_t *h, uint32_t wait);
/* cdef-end */

#endif
