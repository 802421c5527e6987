/* fan_host.c -- see fan_host.h. */
#include "app/fan_host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "io/listen.h"
#include "io/udp.h"

#define LISTENER   (-1)       /* its number among the ready ones */
#define READ_SZ    4096       /* of one peer in one pass: half of the questions that it may have open */
#define SEND_MAX   262144     /* to one peer in one pass */
#define SEND_QUEUE 262144     /* the kernel's queue of a subscriber, so that a slow one is seen by its place in the log */
#define LINGER_NS  1000000000 /* for the peer to take the last bytes, a BYE among them */
#define STOP_NS    2000000000
#define NAP_NS     50000
#define YIELD_NS   200000
#define IDLE_MS    5          /* nobody follows */
#define NICE       5
#define ACCEPT_MAX 32         /* connections taken in one pass */
#define PAUSE_NS   100000000  /* without a descriptor for another connection */

typedef struct {
    aats_tcp_t tcp;
    int peer;                  /* of the fan, -1: none (free, or only lingering) */
    int want;                  /* AATS_WANT_*, as the waiting was told */
    int64_t linger_mono_ns;    /* our side is finished: until when we listen for the other's end; 0: it is not */
} conn_t;

struct aats_fan_host {
    aats_fan_t *fan;
    aats_fan_host_opts_t opts;
    aats_listen_t listener;
    aats_ready_t ready;
    aats_udp_t udp;
    conn_t conns[AATS_FAN_PEERS_MAX]; /* by the fan's number of the peer */
    int used;                  /* conns below are the ones that may be in use */
    int64_t mono_ns;
    int64_t idle_mono_ns;
    int64_t pause_mono_ns;     /* no accept before */
    uint64_t stop;             /* any thread stores 1 */
    uint64_t wait;
};

static int send_datagram(void *arg, void const *bytes, size_t n) { return aats_udp_send(&((aats_fan_host_t *)arg)->udp, bytes, n); }

/* ---- life ---- */

static int open_listener(aats_fan_host_t *h, char *why, size_t why_sz)
{
    int rc = aats_listen_open(&h->listener, h->opts.ip, h->opts.port);
    if (rc == AATS_E_BUSY && h->opts.port_any) rc = aats_listen_open(&h->listener, h->opts.ip, 0);
    if (rc != AATS_OK) {
        snprintf(why, why_sz, "%s", aats_listen_error(&h->listener));
        return 0;
    }
    aats_fan_set_repair(h->fan, h->opts.told_ip, h->listener.port);
    return aats_ready_add(&h->ready, h->listener.fd, LISTENER, AATS_WANT_READ) == AATS_OK;
}

static int open_net(aats_fan_host_t *h, char *why, size_t why_sz)
{
    aats_udp_cfg_t const cfg = {.kind = (int32_t)h->opts.net_kind, .addr = h->opts.net_addr, .card = h->opts.net_card,
                                .port = (uint16_t)h->opts.net_port, .ttl = (uint8_t)h->opts.net_ttl, .no_loop = (uint8_t)h->opts.net_no_loop};
    if (aats_udp_sender(&h->udp, &cfg) != AATS_OK) {
        snprintf(why, why_sz, "%s", aats_udp_error(&h->udp));
        return 0;
    }
    aats_fan_set_datagrams(h->fan, send_datagram, h);
    return 1;
}

aats_fan_host_t *aats_fan_host_new(aats_fan_t *fan, aats_fan_host_opts_t const *opts, char *why, size_t why_sz)
{
    aats_fan_host_t *h = calloc(1, sizeof *h);
    snprintf(why, why_sz, "no memory, or no descriptor");
    if (!h) {
        aats_fan_free(fan);
        return NULL;
    }
    h->fan = fan;
    h->opts = *opts;
    h->wait = opts->wait ? opts->wait : AATS_WAIT_SLEEP;
    h->listener.fd = h->udp.fd = -1;
    for (int i = 0; i < AATS_FAN_PEERS_MAX; i++) h->conns[i].tcp.fd = h->conns[i].peer = -1;
    int ok = aats_ready_open(&h->ready) == AATS_OK;
    if (ok && opts->ip[0]) ok = open_listener(h, why, why_sz);
    if (ok && opts->net_kind) ok = open_net(h, why, why_sz);
    if (ok) return h;
    aats_fan_host_free(h);
    return NULL;
}

void aats_fan_host_free(aats_fan_host_t *h)
{
    if (!h) return;
    for (int i = 0; i < h->used; i++)
        if (h->conns[i].tcp.fd >= 0) aats_tcp_abort(&h->conns[i].tcp);
    aats_listen_close(&h->listener);
    aats_ready_close(&h->ready);
    if (h->udp.fd >= 0) aats_udp_close(&h->udp);
    aats_fan_free(h->fan);
    free(h);
}

uint32_t aats_fan_host_port(aats_fan_host_t const *h) { return h->listener.port; }
void aats_fan_host_set_wait(aats_fan_host_t *h, uint32_t wait) { aats_store_release(&h->wait, wait); }
void aats_fan_host_stop(aats_fan_host_t *h) { aats_store_release(&h->stop, 1); }

/* ---- connections ---- */

static int accept_some(aats_fan_host_t *h)
{
    int cnt = 0, rc = 1;
    for (; cnt < ACCEPT_MAX && rc == 1; cnt += rc == 1) {
        aats_tcp_t tcp;
        rc = aats_listen_accept(&h->listener, &tcp);
        if (rc != 1) break;
        int const peer = aats_fan_join(h->fan, h->mono_ns);
        if (peer < 0) {
            aats_tcp_abort(&tcp);
            continue;
        }
        conn_t *c = &h->conns[peer];
        *c = (conn_t){.tcp = tcp, .peer = peer, .want = AATS_WANT_READ};
        aats_tcp_send_room(&c->tcp, SEND_QUEUE);
        if (peer >= h->used) h->used = peer + 1;
        if (aats_ready_add(&h->ready, tcp.fd, peer, AATS_WANT_READ) != AATS_OK) {
            aats_tcp_abort(&c->tcp);
            aats_fan_leave(h->fan, peer);
            c->peer = -1;
        }
    }
    if (rc < 0) { /* no descriptor is left: the listener would be ready for ever */
        aats_ready_want(&h->ready, h->listener.fd, LISTENER, 0);
        h->pause_mono_ns = h->mono_ns + PAUSE_NS;
    }
    return cnt;
}

static void end(aats_fan_host_t *h, conn_t *c, int reset)
{
    if (reset) aats_tcp_abort(&c->tcp);
    else aats_tcp_close(&c->tcp);
    if (c->peer >= 0) aats_fan_leave(h->fan, c->peer);
    c->peer = -1;
    c->linger_mono_ns = 0;
}

static void want(aats_fan_host_t *h, conn_t *c, int what)
{
    if (c->want == what) return;
    c->want = what;
    aats_ready_want(&h->ready, c->tcp.fd, c->peer, what);
}

/* One record at a time, and only into an empty queue: what waits in the kernel could no longer be replaced by what is newer. */
static int write_compat(aats_fan_host_t *h, conn_t *c)
{
    uint8_t const *at;
    if (aats_tcp_unsent(&c->tcp) > 0) return 0;
    size_t const n = aats_fan_output(h->fan, c->peer, &at);
    int const put = n ? aats_tcp_write(&c->tcp, at, n) : 0;
    if (put > 0) aats_fan_sent(h->fan, c->peer, (size_t)put);
    if (put < 0 && put != AATS_E_MORE) end(h, c, 1);
    return put > 0;
}

static int write_stream(aats_fan_host_t *h, conn_t *c)
{
    size_t sent = 0;
    while (sent < SEND_MAX) {
        uint8_t const *at;
        size_t const n = aats_fan_output(h->fan, c->peer, &at);
        if (!n) break;
        int const put = aats_tcp_write(&c->tcp, at, n);
        if (put == AATS_E_MORE) {
            want(h, c, c->want | AATS_WANT_WRITE);
            return 1;
        }
        if (put < 0) {
            end(h, c, 1);
            return 1;
        }
        aats_fan_sent(h->fan, c->peer, (size_t)put);
        sent += (size_t)put;
    }
    return sent > 0;
}

/* flush writes what there is for a peer, and ends it if that is what the fan wants. */
static int flush(aats_fan_host_t *h, conn_t *c)
{
    uint8_t const *at;
    int const fate = aats_fan_want(h->fan, c->peer);
    if (fate == AATS_FAN_CUT) {
        end(h, c, 1);
        return 1;
    }
    int const compat = aats_fan_is_compat(h->fan, c->peer);
    int const work = c->want & AATS_WANT_WRITE ? 0 : compat ? write_compat(h, c) : write_stream(h, c);
    if (fate == AATS_FAN_LAST && c->peer >= 0 && !c->linger_mono_ns && !aats_fan_output(h->fan, c->peer, &at)) {
        aats_tcp_finish(&c->tcp);
        c->linger_mono_ns = h->mono_ns + LINGER_NS;
    }
    return work;
}

static int hear(aats_fan_host_t *h, conn_t *c, int got)
{
    uint8_t bytes[READ_SZ];
    if (got & AATS_WANT_WRITE) want(h, c, c->want & ~AATS_WANT_WRITE);
    if (!(got & AATS_WANT_READ)) return 1;
    int const n = aats_tcp_read(&c->tcp, bytes, sizeof bytes);
    if (n == AATS_E_MORE) return 0;
    if (n < 0) {
        end(h, c, aats_fan_is_compat(h->fan, c->peer));
        return 1;
    }
    if (c->linger_mono_ns) return 1;
    aats_fan_received(h->fan, c->peer, bytes, (size_t)n, aats_now_ns(), h->mono_ns);
    flush(h, c);
    return 1;
}

/* ---- the pass ---- */

static int step(aats_fan_host_t *h, int timeout_ms)
{
    int const ready = aats_ready_wait(&h->ready, timeout_ms);
    int64_t const now_ns = aats_now_ns();
    h->mono_ns = aats_mono_ns();
    int work = aats_fan_step(h->fan, now_ns, h->mono_ns);
    for (int i = 0; i < ready; i++) {
        int const id = h->ready.id[i];
        if (id == LISTENER) work += accept_some(h);
        else if (h->conns[id].peer == id) work += hear(h, &h->conns[id], h->ready.got[i]);
    }
    for (int i = 0; i < h->used; i++) {
        conn_t *c = &h->conns[i];
        if (c->peer < 0) continue;
        work += flush(h, c);
        if (c->peer < 0) continue;
        if (c->linger_mono_ns && h->mono_ns > c->linger_mono_ns) end(h, c, 0);
        else if (!c->linger_mono_ns) want(h, c, aats_fan_hears(h->fan, i) ? c->want | AATS_WANT_READ : c->want & ~AATS_WANT_READ);
    }
    if (h->pause_mono_ns && h->mono_ns > h->pause_mono_ns) {
        aats_ready_want(&h->ready, h->listener.fd, LISTENER, AATS_WANT_READ);
        h->pause_mono_ns = 0;
    }
    return work;
}

int aats_fan_host_step(aats_fan_host_t *h) { return step(h, 0); }

/* ---- the thread ---- */

/* rest returns how long the next pass may wait in the sockets. */
static int rest(aats_fan_host_t *h, int worked)
{
    uint64_t const wait = aats_load_acquire(&h->wait);
    if (worked) {
        h->idle_mono_ns = h->mono_ns;
        return 0;
    }
    if (!aats_fan_follows(h->fan)) {
        int64_t const ns = aats_fan_next_mono_ns(h->fan) - h->mono_ns;
        return ns <= 0 ? 0 : ns < IDLE_MS * 1000000 ? (int)(ns / 1000000) + 1 : IDLE_MS;
    }
    if (wait == AATS_WAIT_SPIN) {
        aats_spin_hint();
    } else if (wait == AATS_WAIT_YIELD && h->mono_ns - h->idle_mono_ns < YIELD_NS) {
        sched_yield();
    } else {
        struct timespec const nap = {0, NAP_NS};
        nanosleep(&nap, NULL);
    }
    return 0;
}

static int anybody(aats_fan_host_t const *h)
{
    for (int i = 0; i < h->used; i++)
        if (h->conns[i].peer >= 0) return 1;
    return 0;
}

void aats_fan_host_run(aats_fan_host_t *h)
{
    int timeout_ms = 0;
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* of this thread alone */
    while (!aats_load_acquire(&h->stop)) timeout_ms = rest(h, step(h, timeout_ms));

    int64_t const stop_by = aats_mono_ns() + STOP_NS;
    aats_listen_close(&h->listener);
    while (aats_fan_step(h->fan, aats_now_ns(), aats_mono_ns()) > 0 && aats_mono_ns() < stop_by) {} /* what the feed published last */
    aats_fan_stop(h->fan, aats_now_ns());
    do step(h, 1);
    while (anybody(h) && h->mono_ns < stop_by);
}
