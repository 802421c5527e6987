/* tcp.h -- one non-blocking TCP connection to an address and port that are numbers already.
 *
 * For: the feed's and the order session's sockets.  Not for: names (resolved by the control plane, where blocking is allowed),
 * TLS (tls.h), time-outs and back-off (the loop's), listening.
 *
 *      open --> CONNECTING --aats_tcp_connected--> UP --read / write--> ... --> close
 *                   |                               |
 *                   +---------> FAILED <------------+      aats_tcp_error tells why, in one sentence
 *
 * Every call returns at once; AATS_E_MORE means "not now", and aats_tcp_wait sleeps until it is worth asking again.
 * Signals: writing to a connection that the peer has reset gives AATS_E_CLOSED, never SIGPIPE.
 * Threads: one owner.  The struct is the caller's memory; it owns nothing but the descriptor.
 */
#ifndef AATS_IO_TCP_H
#define AATS_IO_TCP_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
#define AATS_TCP_PEER_SZ 80  /* "[v6 address]:port" with its final zero */
#define AATS_TCP_TEXT_SZ 224
#define AATS_TCP_WAIT_MAX 64 /* connections in one aats_tcp_wait */

#define AATS_TCP_IDLE       0
#define AATS_TCP_CONNECTING 1
#define AATS_TCP_UP         2
#define AATS_TCP_FAILED     3 /* ended by the peer or the system; still to be closed */

#define AATS_WANT_READ  1
#define AATS_WANT_WRITE 2 /* also: the connection came up */

typedef struct {
    int32_t fd;      /* -1 when closed */
    int32_t state;   /* AATS_TCP_* */
    int32_t code;    /* the AATS_E_* of FAILED */
    int32_t os_err;  /* errno behind it, 0 for an orderly end */
    uint64_t rx_bytes;
    uint64_t tx_bytes;
    char peer[AATS_TCP_PEER_SZ]; /* for sentences and logs */
    char text[AATS_TCP_TEXT_SZ]; /* aats_tcp_error */
} aats_tcp_t;

typedef struct {
    int32_t fd;   /* -1: skipped */
    int32_t want; /* AATS_WANT_*, may be 0 */
    int32_t got;  /* set by the wait: AATS_WANT_* that will not answer AATS_E_MORE; errors and ends are shown as both */
    int32_t pad;
} aats_tcp_wait_t;

/* aats_tcp_open starts a connection to ip ("203.0.113.7", "2001:db8::1", "fe80::1%eth0").
 *
 * Nagle's delay is off.  busy_poll_us > 0 asks the kernel to spin that long in the driver before a read finds nothing
 * (SO_BUSY_POLL); where that is not allowed the connection goes on without it.
 * Returns AATS_OK: connecting or already up; AATS_E_ARG: ip is not a number, or port 0; AATS_E_IO: refused at once (no route,
 * no descriptor).  After a failure `fd` is -1 and aats_tcp_error tells.  Closes nothing: c is overwritten. */
int aats_tcp_open(aats_tcp_t *c, char const *ip, uint16_t port, uint32_t busy_poll_us);

/* aats_tcp_connected returns 1 when the connection is up, 0 while it is being made, AATS_E_IO when it could not be made. */
int aats_tcp_connected(aats_tcp_t *c);

/* aats_tcp_read returns bytes read (never 0, unless cap is 0); AATS_E_MORE: none now; AATS_E_CLOSED: the peer ended or reset
 * the connection; AATS_E_IO: anything else.  The last two stay. */
int aats_tcp_read(aats_tcp_t *c, void *out, size_t cap);

/* aats_tcp_write returns bytes taken by the kernel, n or fewer; otherwise as aats_tcp_read. */
int aats_tcp_write(aats_tcp_t *c, void const *bytes, size_t n);

/* aats_tcp_close closes the descriptor; unsent kernel data still goes out.  Harmless on a closed or failed connection; the counters
 * and the error text stay readable.  c must have seen aats_tcp_open. */
void aats_tcp_close(aats_tcp_t *c);

/* aats_tcp_wait sleeps until one of the entries can go on, a signal arrives, or timeout_us has passed (negative: no limit; 0: only look).
 * Returns the number of entries whose `got` is not 0; AATS_E_ARG: more than AATS_TCP_WAIT_MAX entries; AATS_E_IO. */
int aats_tcp_wait(aats_tcp_wait_t *fds, size_t cnt, int64_t timeout_us);

/* aats_tcp_error returns one sentence with the peer's address; "" while there was no failure. */
char const *aats_tcp_error(aats_tcp_t const *c);
/* cdef-end */

#endif
