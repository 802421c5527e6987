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
typedef struct aats_host aats_host_t;

typedef struct {
    char host[128];     /* for SNI and the certificate: "stream.binance.com" */
    char ca_file[512];  /* "": the system's certificates */
    uint32_t port;
    uint32_t plain;     /* 1: ws://, no TLS */
    uint32_t busy_poll_us;
    uint32_t wait;      /* AATS_WAIT_*; NONE: adaptive, by what aats_host_set_wait says */
    /* multicast of every record after the shared-memory write; addr "" = none */
    char net_addr[48];
    char net_card[48];
    uint32_t net_port;
    uint32_t net_ttl;
} aats_host_opts_t;

/* aats_host_new gives `feed` (owned by the host from now on, also after a failure) its outside.  NULL and a sentence in why: a CA file that is
 * none, a card that does not exist, an address that is no group. */
aats_host_t *aats_host_new(aats_feed_t *feed, aats_host_opts_t const *opts, char *why, size_t why_sz);
void aats_host_free(aats_host_t *h);
aats_feed_t *aats_host_feed(aats_host_t *h);

/* aats_host_step makes one pass.  Returns the messages, mails and socket events it dealt with; 0: nothing was to be done. */
int aats_host_step(aats_host_t *h);

/* aats_host_run makes passes until aats_host_stop (any thread) has been called and the venue has been left, or 2 s have gone by; the I/O thread. */
void aats_host_run(aats_host_t *h);
void aats_host_stop(aats_host_t *h);

/* aats_host_set_wait changes how the thread waits between passes without work: AATS_WAIT_SPIN, YIELD or SLEEP (any thread). */
void aats_host_set_wait(aats_host_t *h, uint32_t wait);
/* cdef-end */

#endif
