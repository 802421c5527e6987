/* conn.h -- one connection to a venue: TCP and TLS pumped for a step function that has neither.
 *
 * For: host.c (a feed's links) and session_host.c (an order session's one).  Not for: what the bytes mean, back-off, time-outs: those are
 * the step function's, which says by `want` when to connect and when to close.
 *
 *     want CONNECT -> open -> connecting .. opened -> room/received, output/sent ... -> closed <- want CLOSE, peer, fault
 *
 * Nothing here blocks.  A connection belongs to the thread that steps it; its memory is the caller's, zeroed and then given its face.
 */
#ifndef AATS_APP_CONN_H
#define AATS_APP_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "app/mailbox.h"
#include "io/tcp.h"
#include "io/tls.h"

/* What a connection needs of the step function behind it: the words of feed.h, `link` is handed back as it was given. */
typedef struct {
    int    (*want)(void *self, int link);
    void   (*connecting)(void *self, int link);
    void   (*opened)(void *self, int link);
    void   (*closed)(void *self, int link, char const *why);
    size_t (*room)(void *self, int link, uint8_t **at);
    int    (*received)(void *self, int link, size_t n, int64_t recv_ns);
    size_t (*output)(void *self, int link, uint8_t const **at);
    void   (*sent)(void *self, int link, size_t n);
    void   (*forget_address)(void *self, int link); /* it did not work: have it resolved anew */
} aats_conn_face_t;

typedef struct {
    aats_conn_face_t const *face;
    void *self;
    int link;
    int active; /* there is a socket */
    int opened; /* bytes can flow */
    int left;   /* the step function had no room: TLS still holds bytes of an earlier read */
    int64_t recv_ns; /* when the last read that brought something returned */
    aats_tcp_t tcp;
    aats_tls_t *tls;
} aats_conn_t;

/* Where to connect; tls NULL: plain. */
typedef struct {
    char const *ip;
    char const *host; /* for SNI, the certificate and sentences */
    uint16_t port;
    uint32_t busy_poll_us;
    aats_tls_ctx_t *tls;
} aats_conn_to_t;

/* aats_conn_idle returns 1 when the step function wants a connection and none is being made. */
int aats_conn_idle(aats_conn_t const *c);

/* aats_conn_open begins one; a failure is told to the step function as `closed`. */
void aats_conn_open(aats_conn_t *c, aats_conn_to_t const *to);

/* aats_conn_step reads, hands in, takes what is to be sent and writes.  Returns the messages and socket events it dealt with. */
int aats_conn_step(aats_conn_t *c);

/* aats_conn_flush writes what the step function has to send, reads nothing.  Returns the work done. */
int aats_conn_flush(aats_conn_t *c);

/* aats_conn_close drops the socket; the step function is not told.  Harmless on one that is not active. */
void aats_conn_close(aats_conn_t *c);

/* aats_conn_waits says what a sleeping thread waits for: 1 and *out, 0 when there is no socket. */
int aats_conn_waits(aats_conn_t *c, aats_tcp_wait_t *out);

/* aats_addr_t -- the address of a venue's host.  Names are resolved by the control plane, where waiting is allowed. */
typedef struct {
    char ip[64];
    int64_t asked_mono_ns; /* 0: no question is out */
} aats_addr_t;

/* aats_addr_have returns 1 when a->ip can be connected to: `known` (NULL: none) came at since_mono_ns and is fresh.  Else it asks for
 * one by RESOLVE for the way, every 5 s. */
int aats_addr_have(aats_addr_t *a, char const *known, int64_t since_mono_ns, int64_t mono_ns, aats_mailbox_t *out, uint32_t way, char const *host);

#endif
