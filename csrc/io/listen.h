/* listen.h -- a non-blocking TCP listener, what its connections need besides tcp.h, and one wait for all of them.
 *
 * For: the fan-out (app/fan_host.h), some hundred connections that other hosts opened.  Not for connections that we open (tcp.h), nor for TLS: what is
 * served here is between hosts that trust their network, or go through a tunnel.
 *
 *      aats_listen_open --> aats_listen_accept --> aats_tcp_t, UP --aats_tcp_read, _write--> aats_tcp_close | aats_tcp_finish | aats_tcp_abort
 *      aats_ready_open  --> add, want, drop a descriptor --> aats_ready_wait: which of them can go on
 *
 * Threads: one owner each.  The structs are the caller's memory and own nothing but their descriptors.
 */
#ifndef AATS_IO_LISTEN_H
#define AATS_IO_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "io/tcp.h"

/* cdef-begin */
#define AATS_READY_MAX 64 /* descriptors told by one aats_ready_wait */

typedef struct {
    int32_t fd;     /* -1 when closed */
    int32_t os_err; /* errno of the last failure */
    uint32_t port;  /* the one in use, also where any was asked for */
    uint32_t pad;
    char text[224]; /* aats_listen_error */
} aats_listen_t;

/* aats_listen_open listens on ip ("127.0.0.1", "0.0.0.0", "::1") and port (0: any that is free).  A port whose last owner has just ended is taken at once
 * (SO_REUSEADDR); one that somebody listens on is not.
 * AATS_OK; AATS_E_ARG: ip is not a number, or port above 65535; AATS_E_BUSY: address and port are in use; AATS_E_IO: the address is not of this host, or
 * the system refused.  After a failure fd is -1 and aats_listen_error tells. */
int aats_listen_open(aats_listen_t *l, char const *ip, uint32_t port);

/* aats_listen_accept takes one connection that waits: *c is UP, without Nagle's delay, with keep-alive probes, so that a host that vanished is noticed.
 * 1; 0: none waits; AATS_E_IO: none can be taken now (no descriptor is left): it goes on waiting. */
int aats_listen_accept(aats_listen_t *l, aats_tcp_t *c);

/* aats_listen_close closes the listener, not its connections.  Harmless when closed. */
void aats_listen_close(aats_listen_t *l);

/* aats_listen_error returns one sentence with address and port; "" while there was no failure. */
char const *aats_listen_error(aats_listen_t const *l);

/* aats_tcp_abort closes with a reset (RST): what the kernel still holds is thrown away, and the peer's next read fails instead of ending. */
void aats_tcp_abort(aats_tcp_t *c);

/* aats_tcp_finish says that we send no more (FIN after all that was written); reading goes on, so that a close with unread bytes does not turn into a
 * reset that destroys what the peer has not read yet. */
void aats_tcp_finish(aats_tcp_t *c);

/* aats_tcp_unsent returns the bytes that the kernel holds for the peer: not sent, or not acknowledged; 0 where it cannot tell. */
int aats_tcp_unsent(aats_tcp_t const *c);

/* aats_tcp_send_room asks for a kernel queue of that many bytes for what we write (SO_SNDBUF). */
void aats_tcp_send_room(aats_tcp_t *c, uint32_t bytes);

/* aats_ready_t -- waits for any number of descriptors (epoll); each has a number of the caller's. */
typedef struct {
    int32_t fd;
    int32_t cnt; /* told by the last wait */
    int32_t id[AATS_READY_MAX];
    int32_t got[AATS_READY_MAX]; /* AATS_WANT_*; errors and ends are shown as both */
} aats_ready_t;

int  aats_ready_open(aats_ready_t *r); /* AATS_OK or AATS_E_IO */
void aats_ready_close(aats_ready_t *r);

/* aats_ready_add enters a descriptor under id; aats_ready_want changes what for.  A descriptor that is closed leaves by itself.  AATS_OK or AATS_E_IO. */
int aats_ready_add(aats_ready_t *r, int32_t fd, int32_t id, int want);
int aats_ready_want(aats_ready_t *r, int32_t fd, int32_t id, int want);

/* aats_ready_wait sleeps at most timeout_ms (0: only looks) and returns how many entries id[], got[] tell.  More than AATS_READY_MAX take turns. */
int aats_ready_wait(aats_ready_t *r, int timeout_ms);
/* cdef-end */

#endif
