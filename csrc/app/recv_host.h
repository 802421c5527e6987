/* recv_host.h -- gives a receiver its sockets, clocks and thread: what recv.h leaves out. */
#ifndef AATS_APP_RECV_HOST_H
#define AATS_APP_RECV_HOST_H

#include "app/recv.h"

/* cdef-begin */
typedef struct aats_recv_host aats_recv_host_t;

typedef struct {
    char addr[48];         /* group, or broadcast address; by datagram only */
    char card[48];
    uint32_t port;
    uint32_t buf_sz;       /* of the socket's queue; 0: 4 MiB are asked for */
    uint32_t busy_poll_us; /* SO_BUSY_POLL; 0: none */
    uint32_t timestamps;   /* 1: arrival by the kernel's stamp (SO_TIMESTAMPNS) */
} aats_recv_host_path_t;

typedef struct {
    uint32_t wait; /* AATS_WAIT_* */
    uint32_t pad;
    aats_recv_host_path_t path[2];
} aats_recv_host_opts_t;

/* aats_recv_host_new opens the sockets of `recv` (owned from now on, also after a failure).  NULL and a sentence in why. */
aats_recv_host_t *aats_recv_host_new(aats_recv_t *recv, aats_recv_opts_t const *recv_opts, aats_recv_host_opts_t const *opts, char *why, size_t why_sz);
void aats_recv_host_free(aats_recv_host_t *h);
aats_recv_t *aats_recv_host_recv(aats_recv_host_t *h);

int  aats_recv_host_step(aats_recv_host_t *h); /* one pass; datagrams and socket events dealt with */

/* aats_recv_host_run makes passes until stop, or until a segment is needed (aats_recv_needs: returns 1; attach one, and run again). */
int  aats_recv_host_run(aats_recv_host_t *h);
void aats_recv_host_stop(aats_recv_host_t *h);
void aats_recv_host_set_wait(aats_recv_host_t *h, uint32_t wait);
/* cdef-end */

#endif
