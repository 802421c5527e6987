#include "app/host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "io/tcp.h"
#include "io/tls.h"
#include "io/udp.h"
#include "shm/md.h"
#include "shm/ring.h"
#include "shm/segment.h"

#define READS_A_PASS 16             /* socket reads of one connection before the others have their turn */
#define STOP_NS      2000000000
#define YIELD_NS     200000         /* DECISIONS: yield 200 us, then sleep */
#define SLEEP_US     500            /* a connection that can be read ends the sleep earlier */
#define RESOLVE_NS   60000000000    /* an address is asked for anew when it is older */

typedef struct {
    int active;
    aats_tcp_t tcp;
    aats_tls_t *tls;
    int opened;
} conn_t;

struct aats_host {
    aats_feed_t *feed;
    aats_host_opts_t opts;
    aats_tls_ctx_t *tls_ctx;
    conn_t conns[AATS_LINK_MAX];
    char ip[64];             /* "" until the control plane has resolved the name */
    int64_t resolved_mono_ns;
    int64_t resolving_mono_ns;
    uint64_t stop;           /* any thread stores 1 */
    uint64_t wait;
    int64_t idle_since_mono_ns;
    int64_t mono_ns;

    aats_udp_t udp;
    int net;
    uint64_t net_seq;
    aats_md_view_t const *view;
    uint8_t datagram[sizeof(aats_wire_t) + 1024];
};

/* ---- network: step 6 ---- */

/* The record as it stands in the slot; for readers of the wire as for those of the ring, levels beyond the lengths are not there. */
static void send_record(void *arg, aats_rec_t const *rec, size_t bytes)
{
    aats_host_t *h = arg;
    if (bytes > sizeof h->datagram - sizeof(aats_wire_t)) return;
    aats_wire_t *w = (aats_wire_t *)(void *)h->datagram;
    w->kind = AATS_WIRE_RECORD;
    w->seq = ++h->net_seq;
    w->sent_ns = rec->pub_ns;
    w->payload_sz = (uint32_t)bytes;
    aats_words_load(h->datagram + sizeof *w, rec, bytes / 8);
    uint64_t *counters = h->view->md->counters;
    int e = aats_udp_send(&h->udp, h->datagram, sizeof *w + bytes);
    aats_add_relaxed(&counters[e == AATS_OK ? AATS_MDC_NET_SENT : AATS_MDC_NET_ERRORS], 1);
}

static int open_net(aats_host_t *h, char *why, size_t why_sz)
{
    aats_udp_cfg_t cfg = {.kind = AATS_UDP_MULTICAST, .addr = h->opts.net_addr, .card = h->opts.net_card,
                          .port = (uint16_t)h->opts.net_port, .ttl = (uint8_t)h->opts.net_ttl};
    if (aats_udp_sender(&h->udp, &cfg) != AATS_OK) {
        snprintf(why, why_sz, "%s", aats_udp_error(&h->udp));
        return 0;
    }
    aats_wire_t *w = (aats_wire_t *)(void *)h->datagram;
    *w = (aats_wire_t){.magic = AATS_WIRE_MAGIC, .version = AATS_WIRE_VERSION, .feed_id = h->view->md->feed_id, .generation = h->view->generation,
                       .layout_hash = aats_seg_layout_hash(), .parts = 1, .rec_cap = h->view->ring_levels};
    aats_feed_set_sink(h->feed, send_record, h);
    h->net = 1;
    return 1;
}

/* ---- life ---- */

aats_host_t *aats_host_new(aats_feed_t *feed, aats_host_opts_t const *opts, char *why, size_t why_sz)
{
    aats_host_t *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(why, why_sz, "no memory");
        aats_feed_free(feed);
        return NULL;
    }
    h->feed = feed;
    h->opts = *opts;
    h->wait = opts->wait ? opts->wait : AATS_WAIT_SLEEP;
    h->view = aats_feed_view(feed);
    h->udp.fd = -1;
    aats_feed_set_clock(feed, aats_now_ns);
    if (!opts->plain && aats_tls_ctx_open(&h->tls_ctx, opts->ca_file, why, why_sz) != AATS_OK) {
        aats_host_free(h);
        return NULL;
    }
    if (opts->net_addr[0] && !open_net(h, why, why_sz)) {
        aats_host_free(h);
        return NULL;
    }
    return h;
}

static void close_conn(conn_t *c)
{
    if (!c->active) return;
    aats_tls_close(c->tls);
    aats_tcp_close(&c->tcp);
    memset(c, 0, sizeof *c);
}

void aats_host_free(aats_host_t *h)
{
    if (!h) return;
    for (int i = 0; i < AATS_LINK_MAX; i++) close_conn(&h->conns[i]);
    if (h->net) aats_udp_close(&h->udp);
    aats_tls_ctx_close(h->tls_ctx);
    aats_feed_free(h->feed);
    free(h);
}

aats_feed_t *aats_host_feed(aats_host_t *h) { return h->feed; }
void aats_host_set_wait(aats_host_t *h, uint32_t wait) { aats_store_release(&h->wait, wait); }
void aats_host_stop(aats_host_t *h) { aats_store_release(&h->stop, 1); }

/* ---- connections ---- */

/* A name is resolved by the control plane, where waiting is allowed; a fresh address is used at once. */
static int have_address(aats_host_t *h)
{
    char const *ip = aats_feed_address(h->feed, &h->resolved_mono_ns);
    if (ip && h->mono_ns - h->resolved_mono_ns < RESOLVE_NS) {
        snprintf(h->ip, sizeof h->ip, "%s", ip);
        return 1;
    }
    if (!h->resolving_mono_ns || h->mono_ns - h->resolving_mono_ns > 5000000000) {
        h->resolving_mono_ns = h->mono_ns;
        aats_mailbox_put(aats_feed_out(h->feed), AATS_MAIL_RESOLVE, 0, 0, h->opts.host, strlen(h->opts.host));
    }
    return 0;
}

static void begin_connect(aats_host_t *h, int i)
{
    conn_t *c = &h->conns[i];
    if (!have_address(h)) return;
    h->resolving_mono_ns = 0;
    aats_feed_connecting(h->feed, i);
    c->active = 1;
    int e = aats_tcp_open(&c->tcp, h->ip, (uint16_t)h->opts.port, h->opts.busy_poll_us);
    if (e == AATS_OK) e = h->opts.plain ? aats_tls_open_plain(&c->tls, h->opts.host) : aats_tls_open(&c->tls, h->tls_ctx, h->opts.host);
    if (e != AATS_OK) {
        char const *why = aats_tcp_error(&c->tcp);
        aats_feed_closed(h->feed, i, why[0] ? why : "no memory for TLS");
        aats_feed_forget_address(h->feed);
        close_conn(c);
    }
}

static int pump_out(aats_host_t *h, int i);

/* What is still to go out goes out: after a refused certificate it is the alert that tells the peer why. */
static void end(aats_host_t *h, int i, char const *why)
{
    char text[AATS_TLS_TEXT_SZ];
    int never = !h->conns[i].opened;
    pump_out(h, i);
    snprintf(text, sizeof text, "%s", why && why[0] ? why : "closed");
    close_conn(&h->conns[i]);
    aats_feed_closed(h->feed, i, text);
    if (never) aats_feed_forget_address(h->feed);
}

/* Steps 1 and 2: what the socket has, stamped, decrypted straight into the feed's buffer, one complete message after the other. */
static int pump_in(aats_host_t *h, int i)
{
    conn_t *c = &h->conns[i];
    int work = 0;
    for (int k = 0; k < READS_A_PASS && c->active; k++) {
        uint8_t *at;
        size_t room = aats_tls_room(c->tls, &at);
        int n = room ? aats_tcp_read(&c->tcp, at, room) : 0;
        int64_t recv_ns = aats_now_ns();
        if (n > 0) aats_tls_fed(c->tls, (size_t)n);
        else if (n < 0 && n != AATS_E_MORE) aats_tls_feed_eof(c->tls);
        if (!c->opened) {
            int up = aats_tls_handshake(c->tls);
            if (up == 1) {
                c->opened = 1;
                aats_feed_opened(h->feed, i);
            } else if (up < 0) {
                end(h, i, aats_tls_error(c->tls));
                return work + 1;
            }
        }
        int got = 0;
        while (c->opened) {
            uint8_t *plain;
            size_t cap = aats_feed_room(h->feed, i, &plain);
            got = cap ? aats_tls_read(c->tls, plain, cap) : 0;
            if (got <= 0) break;
            work += 1 + aats_feed_received(h->feed, i, (size_t)got, recv_ns);
        }
        if (got < 0 || (n < 0 && n != AATS_E_MORE)) {
            char const *why = c->tcp.os_err ? aats_tcp_error(&c->tcp) : aats_tls_error(c->tls);
            end(h, i, why[0] ? why : aats_tcp_error(&c->tcp));
            return work + 1;
        }
        if (n <= 0) break;
        work++;
    }
    return work;
}

/* Step 10, for the little that a feed sends: into TLS, then whatever TLS has for the socket. */
static int pump_out(aats_host_t *h, int i)
{
    conn_t *c = &h->conns[i];
    uint8_t const *at;
    size_t n;
    int work = 0;
    if (c->opened && (n = aats_feed_output(h->feed, i, &at)) > 0) {
        int took = aats_tls_write(c->tls, at, n);
        if (took > 0) aats_feed_sent(h->feed, i, (size_t)took), work++;
    }
    while ((n = aats_tls_pending(c->tls, &at)) > 0) {
        int took = aats_tcp_write(&c->tcp, at, n);
        if (took == AATS_E_MORE) break;
        if (took < 0) return work; /* the next read tells why */
        aats_tls_sent(c->tls, (size_t)took);
        work++;
    }
    return work;
}

static int step_conn(aats_host_t *h, int i)
{
    conn_t *c = &h->conns[i];
    int want = aats_feed_want(h->feed, i), work = 0;
    if (want == AATS_FEED_CONNECT && !c->active) begin_connect(h, i);
    if (!c->active) {
        if (want == AATS_FEED_CLOSE) aats_feed_closed(h->feed, i, "closed");
        return 0;
    }
    int up = aats_tcp_connected(&c->tcp);
    if (up < 0) {
        end(h, i, aats_tcp_error(&c->tcp));
        return 1;
    }
    if (up == 0) {
        if (want == AATS_FEED_CLOSE) end(h, i, "gave up connecting");
        return 0;
    }
    work += pump_in(h, i);
    if (c->active) work += pump_out(h, i);
    if (c->active && aats_feed_want(h->feed, i) == AATS_FEED_CLOSE) {
        aats_tls_shutdown(c->tls);
        pump_out(h, i);
        end(h, i, "closed by us");
        work++;
    }
    return work;
}

int aats_host_step(aats_host_t *h)
{
    h->mono_ns = aats_mono_ns();
    int work = aats_feed_begin(h->feed, aats_now_ns(), h->mono_ns);
    for (int i = 0; i < AATS_LINK_MAX; i++) work += step_conn(h, i);
    aats_feed_end(h->feed);
    return work;
}

/* ---- the thread ---- */

static void rest(aats_host_t *h, int worked)
{
    uint64_t wait = aats_load_acquire(&h->wait);
    if (worked || wait == AATS_WAIT_SPIN) {
        h->idle_since_mono_ns = h->mono_ns;
        if (!worked) aats_spin_hint();
        return;
    }
    if (wait == AATS_WAIT_YIELD || h->mono_ns - h->idle_since_mono_ns < YIELD_NS) {
        sched_yield();
        return;
    }
    aats_tcp_wait_t fds[AATS_LINK_MAX];
    size_t cnt = 0;
    for (int i = 0; i < AATS_LINK_MAX; i++) {
        conn_t *c = &h->conns[i];
        if (!c->active) continue;
        uint8_t const *at;
        int out = aats_tcp_connected(&c->tcp) == 0 || aats_tls_pending(c->tls, &at) > 0;
        fds[cnt++] = (aats_tcp_wait_t){.fd = c->tcp.fd, .want = AATS_WANT_READ | (out ? AATS_WANT_WRITE : 0)};
    }
    int64_t us = (aats_feed_next_mono_ns(h->feed) - h->mono_ns) / 1000;
    aats_tcp_wait(fds, cnt, us < SLEEP_US ? (us < 0 ? 0 : us) : SLEEP_US);
}

void aats_host_run(aats_host_t *h)
{
    int64_t stop_by = 0;
    for (;;) {
        int work = aats_host_step(h);
        if (aats_load_acquire(&h->stop)) {
            if (!stop_by) {
                stop_by = h->mono_ns + STOP_NS;
                aats_feed_stop(h->feed);
            }
            if (aats_feed_stopped(h->feed) || h->mono_ns > stop_by) return;
        }
        rest(h, work);
    }
}
