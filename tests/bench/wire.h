/* wire.h -- what the parts of the bench's venue (wire.c) share: a connection, and the one clock by which frames out and orders in are stamped.
 *
 * For: wire.c and the files that it includes: wire_cert.c, wire_net.c (sockets, TLS, frames), wire_play.c (the replay), wire_rest.c (HTTP), wire_orders.c (the
 * order side).  Not for the product, and nothing of the product is in it: what measures may not be what is measured.
 *
 * Stamps are CLOCK_MONOTONIC, ns.  A market frame's stamp is taken just before the send of its cipher bytes; an order's when the recv returned that brought
 * its last byte, before it is decrypted (read_ns), and once it lies there in plain (plain_ns).
 *
 * The stamps file (--stamps), shared memory with whoever measures:
 *
 *     off   size  field    writer   meaning
 *       0      8  go       client   market frames that may go out, in all; the replay waits for more
 *      64      8  sent     server   market frames that have gone out
 *     128     16 * WIRE_STAMPS      {id, out_ns} of frame n in entry n mod WIRE_STAMPS; id: the depth frame's "u", of all others 0
 */
#ifndef AATS_BENCH_WIRE_H
#define AATS_BENCH_WIRE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define WIRE_STAMPS 65536

typedef struct {
    uint64_t go, pad0[7];
    uint64_t sent, pad1[7];
    struct {
        uint64_t id;
        int64_t out_ns;
    } at[WIRE_STAMPS];
} wire_stamps_t;

enum { WIRE_FREE = 0, WIRE_NEW, WIRE_HTTP, WIRE_STREAM, WIRE_ORDERS };

typedef struct {
    int kind; /* WIRE_* */
    int fd;
    SSL *ssl; /* NULL: plain */
    int dead;
    uint8_t *in;  /* bytes of the socket, not yet decrypted */
    size_t in_at, in_end;
    uint8_t *rx;  /* plain bytes, not yet dealt with */
    size_t rx_len;
    uint8_t *tx;  /* bytes for the socket */
    size_t tx_at, tx_end;
    int64_t read_ns, plain_ns;

    /* a /stream connection's place in the replay */
    int playing;
    size_t next;    /* frame of the file */
    uint64_t round; /* times that the file has been gone through */
    uint64_t cnt;   /* frames sent to it */
    int64_t asked_ns;
    int64_t due_ns;
    void *orders;   /* wire_orders.c's own */
} wire_conn_t;

/* wire_now_ns is the clock of every stamp. */
static inline int64_t wire_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* wire_text frames n bytes as one text message, encrypts and sends them. */
static void wire_text(wire_conn_t *c, void const *text, size_t n);

/* wire_http answers a request with a JSON body. */
static void wire_http(wire_conn_t *c, int status, void const *body, size_t n);

/* wire_next_frame lets one more market frame go out at once (--mode answer); wire_last_out_ns is the last one's stamp, wire_last_id its "u". */
__attribute__((unused)) static void wire_next_frame(void);
__attribute__((unused)) static int64_t wire_last_out_ns(void);
__attribute__((unused)) static uint64_t wire_last_id(void);

/* ---- wire_orders.c gives these ---- */
static void wire_orders_args(int argc, char **argv);
static void wire_orders_opened(wire_conn_t *c);
static void wire_orders_message(wire_conn_t *c, char *text, size_t n, int64_t read_ns, int64_t plain_ns);
static void wire_orders_closed(wire_conn_t *c);
static int  wire_orders_rest(wire_conn_t *c, char const *method, char const *target); /* 1: answered */
static void wire_orders_tick(int64_t now_ns);                                         /* each pass of the loop */
static void wire_orders_report(void);                                                 /* its JSON lines, at the end */

#endif
