/* tls.h -- the client side of TLS as a step function: cipher bytes in, plain bytes out, and the other way round.
 *
 * For: connections to a venue (wss://).  Not for: sockets (tcp.h), clocks and time-outs (the loop's), servers, and REST,
 * which is Python's.  `plain` connections (ws://, simulated worlds) go through the same calls and pass bytes unchanged,
 * so that the loop above has one path.
 *
 *      socket --read--> room/fed --> [ in  64 KB ] --> read  --> plain bytes in the caller's receive buffer
 *      socket <-write-- pending/sent <-- [ out 64 KB ] <-- write <-- plain bytes (WebSocket frames, masked)
 *
 * One pass of a loop:  the socket was read into `room`, `fed` said how much, recv_ns was taken; `read` until it gives 0;
 * then send what `pending` shows, always, because reading can produce bytes too (handshake, key update, alerts).
 *
 * Trust.  The peer must present a chain that ends in the context's certificates and a leaf that names the host: there is no
 * switch that turns this off.  TLS 1.2 and 1.3, no renegotiation, no ALPN, SNI for every host that is not an IP literal.
 * Verification looks at the machine's wall clock (OpenSSL does), the one clock that is read below this header.
 *
 * Memory: `open` allocates; after the handshake our code allocates nothing but the keys, with the first text and at a key update.  OpenSSL keeps its
 * buffers (but takes and returns 40 bytes a few times for each record that it writes: 3.0 does so in any mode).
 *
 * Records.  Who reads and writes the records of TLS 1.3 with AES-GCM, once the first text has come (AATS_TLS, read once; of other versions and ciphers, and
 * of the handshake, the peer's certificate and sessions, it is always OpenSSL):
 *
 *   openssl   OpenSSL
 *   records   tls_record.c and tls_send.c, by OpenSSL's cipher (EVP): the default
 *   vector    the same with a cipher of our own (gcm_vaes.c), where the processor has VAES and AATS_ISA allows avx512; else as `records`.  To be asked for:
 *             no other code in this project computes with secrets, and OpenSSL has had such a cipher itself since 3.1
 *
 * Cost, OpenSSL 3.0, AES-128-GCM, AMD EPYC 9004, a 2-core virtual machine, us: openssl | records | vector
 *   a record of 1.4 KB read   0.85 | 0.55 | 0.17        of 150 bytes   0.67 | 0.26 | 0.06        400 bytes written   1.3 | 0.7 | 0.3
 * Threads: a context and its connections belong to one thread; give each feed a context of its own.
 * Lifetime: the context outlives its connections.
 */
#ifndef AATS_IO_TLS_H
#define AATS_IO_TLS_H

#include <stddef.h>
#include <stdint.h>

/* cdef-begin */
#define AATS_TLS_IN_SZ   65536 /* cipher bytes that can wait for `read`                        */
#define AATS_TLS_OUT_SZ  65536 /* cipher bytes that can wait for the socket                    */
#define AATS_TLS_TEXT_SZ 1024  /* an error sentence with its final zero                        */
#define AATS_TLS_HOST_SZ 254   /* a host name with its final zero: 253 is the most DNS allows  */

typedef struct aats_tls_ctx aats_tls_ctx_t;
typedef struct aats_tls aats_tls_t;

/* aats_tls_ctx_open makes what connections share: whom to trust, and the sessions that can be resumed.
 *
 * ca_file is a PEM file and then the only trust; NULL or "" means the system's certificates (SSL_CERT_FILE and SSL_CERT_DIR
 * are honoured).  Returns AATS_OK; AATS_E_IO when the file cannot be read; AATS_E_CERT when no certificate is in it;
 * AATS_E_NOMEM.  On failure *out is NULL and err, if not NULL, holds one sentence that names the file.  Cost: milliseconds. */
int aats_tls_ctx_open(aats_tls_ctx_t **out, char const *ca_file, char *err, size_t err_sz);

/* aats_tls_ctx_close frees it; NULL is allowed. */
void aats_tls_ctx_close(aats_tls_ctx_t *ctx);

/* aats_tls_open starts a connection to `host` (a DNS name, or an IPv4 or IPv6 literal without brackets); a session left by an earlier
 * connection to the host is offered for resumption.  The first handshake bytes are pending at once.
 * Returns AATS_OK, AATS_E_ARG (no context, host empty or longer than DNS allows), AATS_E_NOMEM; then *out is NULL. */
int aats_tls_open(aats_tls_t **out, aats_tls_ctx_t *ctx, char const *host);

/* aats_tls_open_plain starts a connection without TLS: bytes pass unchanged.  `host` is for error sentences. */
int aats_tls_open_plain(aats_tls_t **out, char const *host);

/* aats_tls_close frees the connection without sending anything; NULL is allowed. */
void aats_tls_close(aats_tls_t *t);

/* aats_tls_room gives the place where the next cipher bytes from the socket go, and returns how many fit (0: `read` first).
 * aats_tls_fed says that n bytes were put there; AATS_OK, or AATS_E_ARG when n is more than the room. */
size_t aats_tls_room(aats_tls_t *t, uint8_t **at);
int aats_tls_fed(aats_tls_t *t, size_t n);

/* aats_tls_feed copies cipher bytes in: room, memcpy, fed.  Returns how many were taken, n or fewer; AATS_E_FULL when none fit. */
int aats_tls_feed(aats_tls_t *t, void const *bytes, size_t n);

/* aats_tls_feed_eof says that the socket will bring no more bytes.  What was fed before is still read out first. */
void aats_tls_feed_eof(aats_tls_t *t);

/* aats_tls_handshake goes on with the handshake.  Returns 1 when it is done (plain: always), 0 when it needs bytes from the
 * peer, or a code of `read`.  The peer's certificate has been verified when it returns 1. */
int aats_tls_handshake(aats_tls_t *t);

/* aats_tls_read decrypts into out until cap is full or the input is used up, the handshake first if need be.
 *
 * Returns the number of plain bytes; 0 when there are none now; AATS_E_CLOSED when the peer has ended the session (aats_tls_error says
 * whether properly, by close_notify); AATS_E_CERT when its certificate does not verify; AATS_E_PROTO when what it sent is not TLS or
 * it sent an alert.  These three stay: later calls return the same.  Bytes that precede the end are delivered first.  Send what is
 * pending also after an error: it is the alert that tells the peer why.  Cost: OpenSSL's record handling and one copy. */
int aats_tls_read(aats_tls_t *t, void *out, size_t cap);

/* aats_tls_write encrypts n bytes into the pending output.  Returns how many were taken: all, or fewer when the output is full (send, then
 * give the rest); AATS_E_FULL when none were; AATS_E_MORE while the handshake is not done; AATS_E_CLOSED after
 * aats_tls_shutdown; or the code with which the connection failed (see `read`). */
int aats_tls_write(aats_tls_t *t, void const *bytes, size_t n);

/* aats_tls_pending gives the bytes that wait for the socket and returns their number.  Valid until the next call for t.
 * aats_tls_sent says that the first n of them are gone; AATS_OK, or AATS_E_ARG when there are fewer. */
size_t aats_tls_pending(aats_tls_t *t, uint8_t const **at);
int aats_tls_sent(aats_tls_t *t, size_t n);

/* aats_tls_shutdown puts our close_notify after what is pending; writing is over, reading goes on until the peer answers
 * AATS_E_CLOSED.  Before the end of the handshake, and on plain connections, it only ends writing.  Twice is harmless. */
void aats_tls_shutdown(aats_tls_t *t);

/* aats_tls_error returns one sentence about the end of the connection that names the host; "" while there was none. */
char const *aats_tls_error(aats_tls_t const *t);

/* aats_tls_about returns what was agreed, for one log line: "TLSv1.3 TLS_AES_256_GCM_SHA384", "... resumed", "... (own records)",
 * "... (own records and cipher)", "plain". */
char const *aats_tls_about(aats_tls_t *t);

/* aats_tls_mode returns who reads and writes records in this process, AATS_TLS_*, as above; aats_tls_mode_name its name.  aats_tls_refused returns the sentence
 * about an unknown name in AATS_TLS (records are OpenSSL's then), NULL if there is nothing to say.  aats_tls_use changes it for later connections: for
 * tests and benches.  AATS_OK; AATS_E_UNKNOWN with that sentence in why. */
enum { AATS_TLS_OPENSSL = 0, AATS_TLS_RECORDS = 1, AATS_TLS_VECTOR = 2 };
int aats_tls_mode(void);
char const *aats_tls_mode_name(void);
char const *aats_tls_refused(void);
int aats_tls_use(char const *name, char *why, size_t cap);
/* cdef-end */

#endif
