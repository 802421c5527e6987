/* recv_host.c -- see recv_host.h.  One pass: begin - datagrams of each path - its TCP connection - end.  Nothing in it blocks. */
#include "app/recv_host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/conn.h"
#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "io/udp.h"
#include "shm/clock.h"

#define DATAGRAMS_A_PASS 64      /* of one path before the others have their turn */
#define QUEUE_SZ         (4u << 20)
#define YIELD_NS         200000  /* as host.c: yield 200 us, then sleep */
#define SLEEP_US         500     /* a socket that can be read ends the sleep earlier */

typedef struct {
    aats_udp_t udp;
    int has_udp;
    aats_conn_t conn;
    uint32_t busy_poll_us;
} way_t;

struct aats_recv_host {
    aats_recv_t *recv;
    int path_cnt;
    uint64_t stop; /* any thread stores 1 */
    uint64_t wait;
    int64_t mono_ns, idle_since_mono_ns;
    way_t ways[AATS_PATH_MAX];
    uint64_t datagram[AATS_UDP_MAX / 8 + 1];
};

/* ---- the receiver, as a connection sees it ---- */

static int    f_want(void *r, int path) { return aats_recv_want(r, path); }
static void   f_connecting(void *r, int path) { aats_recv_connecting(r, path); }
static void   f_opened(void *r, int path) { aats_recv_opened(r, path); }
static void   f_closed(void *r, int path, char const *why) { aats_recv_closed(r, path, why); }
static size_t f_room(void *r, int path, uint8_t **at) { return aats_recv_room(r, path, at); }
static int    f_received(void *r, int path, size_t n, int64_t recv_ns) { return aats_recv_received(r, path, n, recv_ns); }
static size_t f_output(void *r, int path, uint8_t const **at) { return aats_recv_output(r, path, at); }
static void   f_sent(void *r, int path, size_t n) { aats_recv_sent(r, path, n); }
static void   f_forget(void *r, int link) { (void)r, (void)link; } /* addresses are numbers, of the options or the beats */

static aats_conn_face_t const FACE = {f_want, f_connecting, f_opened, f_closed, f_room, f_received, f_output, f_sent, f_forget};

/* ---- life ---- */

static int open_way(aats_recv_host_t *h, int i, uint32_t kind, aats_recv_host_path_t const *o, char *why, size_t why_sz)
{
    way_t *w = &h->ways[i];
    w->conn = (aats_conn_t){.face = &FACE, .self = h->recv, .link = i};
    w->busy_poll_us = o->busy_poll_us;
    w->udp.fd = -1;
    if (kind == AATS_PATH_P2P) return 1;
    if (o->port < 1 || o->port > 65535) {
        snprintf(why, why_sz, "%s: port %u is not a port; 1 to 65535 are.", o->addr, o->port);
        return 0;
    }
    aats_udp_cfg_t const cfg = {.kind = kind == AATS_PATH_MULTIBROAD ? AATS_UDP_MULTICAST : AATS_UDP_BROADCAST, .addr = o->addr, .card = o->card,
                                .port = (uint16_t)o->port, .buf_sz = o->buf_sz ? o->buf_sz : QUEUE_SZ, .timestamps = o->timestamps ? 1 : 0,
                                .busy_poll_us = o->busy_poll_us};
    if (aats_udp_receiver(&w->udp, &cfg) != AATS_OK) {
        snprintf(why, why_sz, "%s", aats_udp_error(&w->udp));
        return 0;
    }
    w->has_udp = 1;
    return 1;
}

aats_recv_host_t *aats_recv_host_new(aats_recv_t *recv, aats_recv_opts_t const *recv_opts, aats_recv_host_opts_t const *opts, char *why, size_t why_sz)
{
    aats_recv_host_t *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(why, why_sz, "no memory");
        aats_recv_free(recv);
        return NULL;
    }
    h->recv = recv;
    h->wait = opts->wait ? opts->wait : AATS_WAIT_SLEEP;
    aats_recv_set_clock(recv, aats_now_ns);
    for (uint32_t i = 0; i < recv_opts->path_cnt && i < AATS_PATH_MAX; i++) {
        h->path_cnt = (int)i + 1;
        if (open_way(h, (int)i, recv_opts->path[i].kind, &opts->path[i], why, why_sz)) continue;
        aats_recv_host_free(h);
        return NULL;
    }
    return h;
}

void aats_recv_host_free(aats_recv_host_t *h)
{
    if (!h) return;
    for (int i = 0; i < h->path_cnt; i++) {
        aats_conn_close(&h->ways[i].conn);
        if (h->ways[i].has_udp) aats_udp_close(&h->ways[i].udp);
    }
    aats_recv_free(h->recv);
    free(h);
}

aats_recv_t *aats_recv_host_recv(aats_recv_host_t *h) { return h->recv; }
void aats_recv_host_set_wait(aats_recv_host_t *h, uint32_t wait) { aats_store_release(&h->wait, wait); }
void aats_recv_host_stop(aats_recv_host_t *h) { aats_store_release(&h->stop, 1); }

/* ---- a pass ---- */

static int take_datagrams(aats_recv_host_t *h, int i)
{
    aats_udp_t *u = &h->ways[i].udp;
    int work = 0;
    while (work < DATAGRAMS_A_PASS) {
        int64_t arrived_ns = 0;
        int const n = aats_udp_recv(u, h->datagram, sizeof h->datagram, &arrived_ns);
        if (n < 0 && n != AATS_E_TOO_BIG) break;
        work++;
        if (n >= 0) aats_recv_datagram(h->recv, i, u->source, h->datagram, (size_t)n, arrived_ns ? arrived_ns : aats_now_ns());
    }
    if (work) aats_recv_kernel_drops(h->recv, i, u->queue_dropped);
    return work;
}

static int step_conn(aats_recv_host_t *h, int i)
{
    aats_conn_t *c = &h->ways[i].conn;
    if (aats_conn_idle(c)) {
        char ip[48];
        uint32_t port = 0;
        if (!aats_recv_address(h->recv, i, ip, sizeof ip, &port)) return 0;
        aats_conn_to_t const to = {.ip = ip, .host = ip, .port = (uint16_t)port, .busy_poll_us = h->ways[i].busy_poll_us};
        aats_conn_open(c, &to);
    }
    return aats_conn_step(c);
}

int aats_recv_host_step(aats_recv_host_t *h)
{
    int work = 0;
    int64_t const now_ns = aats_now_ns();
    h->mono_ns = aats_mono_ns();
    aats_clock_keep(h->mono_ns);
    aats_recv_begin(h->recv, now_ns, h->mono_ns);
    for (int i = 0; i < h->path_cnt; i++) {
        if (h->ways[i].has_udp) work += take_datagrams(h, i);
        work += step_conn(h, i); /* also writes what the datagrams made us ask */
    }
    aats_recv_end(h->recv);
    return work;
}

/* ---- the thread ---- */

static void rest(aats_recv_host_t *h, int worked)
{
    uint64_t const wait = aats_load_acquire(&h->wait);
    if (worked || wait == AATS_WAIT_SPIN) {
        h->idle_since_mono_ns = h->mono_ns;
        if (!worked) aats_spin_hint();
        return;
    }
    if (wait == AATS_WAIT_YIELD || h->mono_ns - h->idle_since_mono_ns < YIELD_NS) {
        sched_yield();
        return;
    }
    aats_tcp_wait_t fds[2 * AATS_PATH_MAX];
    size_t cnt = 0;
    for (int i = 0; i < h->path_cnt; i++) {
        if (h->ways[i].has_udp) fds[cnt++] = (aats_tcp_wait_t){.fd = h->ways[i].udp.fd, .want = AATS_WANT_READ};
        cnt += (size_t)aats_conn_waits(&h->ways[i].conn, &fds[cnt]);
    }
    int64_t const us = (aats_recv_next_mono_ns(h->recv) - h->mono_ns) / 1000;
    aats_tcp_wait(fds, cnt, us < SLEEP_US ? (us < 0 ? 0 : us) : SLEEP_US);
}

int aats_recv_host_run(aats_recv_host_t *h)
{
    for (;;) {
        int const work = aats_recv_host_step(h);
        if (aats_load_acquire(&h->stop)) {
            aats_recv_stop(h->recv);
            for (int i = 0; i < h->path_cnt; i++) aats_conn_close(&h->ways[i].conn);
            return 0;
        }
        if (aats_recv_needs(h->recv, NULL)) return 1;
        rest(h, work);
    }
}
