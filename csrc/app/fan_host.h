/* fan_host.h -- gives a fan-out its listening socket, connections, card and thread: what fan.h leaves out.
 *
 * aats_fan_host_new listens at once (so that a port that is taken is a sentence at start, not a surprise); aats_fan_host_run is the thread.
 * Nothing blocks; a peer that takes nothing costs a slot of the fan and no time.  Waiting between passes without work: as app/host.c does, by
 * aats_fan_host_set_wait; the thread's nice value is raised, so that the feed's own thread goes first where both want a core.
 */
#ifndef AATS_APP_FAN_HOST_H
#define AATS_APP_FAN_HOST_H

#include "app/fan.h"

/* cdef-begin */
typedef struct aats_fan_host aats_fan_host_t;

typedef struct {
    char ip[48];        /* where to listen: an IPv4 or IPv6 address, "" : nowhere (compat by datagram only) */
    uint32_t port;      /* 0: any; see aats_fan_host_port */
    uint32_t wait;      /* AATS_WAIT_* */
    /* stream 1: deep books by datagram; net_kind 0: none */
    uint32_t net_kind;  /* AATS_UDP_MULTICAST or AATS_UDP_BROADCAST */
    uint32_t net_port;
    uint32_t net_ttl;
    uint32_t net_no_loop;
    char net_addr[48];
    char net_card[48];
} aats_fan_host_opts_t;

/* aats_fan_host_new gives `fan` (owned by the host from now on, also after a failure) its outside.  NULL and a sentence in why. */
aats_fan_host_t *aats_fan_host_new(aats_fan_t *fan, aats_fan_host_opts_t const *opts, char *why, size_t why_sz);
void aats_fan_host_free(aats_fan_host_t *h);
uint32_t aats_fan_host_port(aats_fan_host_t const *h);

int  aats_fan_host_step(aats_fan_host_t *h); /* one pass; the work done */
void aats_fan_host_run(aats_fan_host_t *h);  /* passes until stop, then BYE to all */
void aats_fan_host_stop(aats_fan_host_t *h); /* any thread */
void aats_fan_host_set_wait(aats_fan_host_t *h, uint32_t wait);
/* cdef-end */

#endif
