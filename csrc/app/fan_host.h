/* fan_host.h -- gives a fan-out its listening socket, connections, card and thread: what fan.h leaves out.
 *
 * aats_fan_host_new listens at once (so that a port that is taken is a sentence at start, not a surprise); aats_fan_host_run is the thread.
 * Nothing blocks; a peer that takes nothing costs a slot of the fan and no time.  Each pass: new connections; a step of the fan; what peers say, and the answer
 * at once; then to each peer what there is for it, as far as its socket takes it and at most SEND_MAX bytes.
 *
 * Waiting between passes without work: where somebody follows the stream, as AATS_WAIT_* says (SLEEP: 50 us); else in the sockets, for a few milliseconds.
 * The thread's nice value is raised, so that the feed's own thread goes first where both want a core.
 */
#ifndef AATS_APP_FAN_HOST_H
#define AATS_APP_FAN_HOST_H

#include "app/fan.h"

/* cdef-begin */
typedef struct aats_fan_host aats_fan_host_t;

typedef struct {
    char ip[48];        /* where to listen: an IPv4 or IPv6 address, "" : nowhere (compat by datagram only) */
    uint32_t port;      /* 0: any; see aats_fan_host_port */
    uint32_t wait;      /* AATS_WAIT_*; NONE: SLEEP */
    uint32_t port_any;  /* 1: where `port` is taken, any other */
    /* stream 1: deep books by datagram, or the published client's records; net_kind 0: none */
    uint32_t net_kind;  /* AATS_UDP_MULTICAST or AATS_UDP_BROADCAST */
    uint32_t net_port;
    uint32_t net_ttl;
    uint32_t net_no_loop;
    uint32_t pad;
    char net_addr[48];
    char net_card[48];
    char told_ip[48];   /* the address that beats tell; "": none, receivers take the one that datagrams come from */
} aats_fan_host_opts_t;

/* aats_fan_host_new gives `fan` (owned by the host from now on, also after a failure) its outside.  NULL and a sentence in why. */
aats_fan_host_t *aats_fan_host_new(aats_fan_t *fan, aats_fan_host_opts_t const *opts, char *why, size_t why_sz);
void aats_fan_host_free(aats_fan_host_t *h);
uint32_t aats_fan_host_port(aats_fan_host_t const *h); /* in use; 0: it listens nowhere */

int  aats_fan_host_step(aats_fan_host_t *h); /* one pass; the work done */
void aats_fan_host_run(aats_fan_host_t *h);  /* passes until stop, then BYE to all */
void aats_fan_host_stop(aats_fan_host_t *h); /* any thread */
void aats_fan_host_set_wait(aats_fan_host_t *h, uint32_t wait);
/* cdef-end */

#endif
