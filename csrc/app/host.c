#include "app/host.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/conn.h"
#include "app/out.h"
#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "io/udp.h"
#include "shm/clock.h"
#include "shm/md.h"
#include "shm/segment.h"

#define STOP_NS    2000000000
#define YIELD_NS   200000     /* DECISIONS: yield 200 us, then sleep */
#define SLEEP_US   500        /* a connection that can be read ends the sleep earlier */
#define SEND_QUEUE (4u << 20) /* the level changes of a whole snapshot come at once, and the card is slower than we are */

struct aats_host {
    aats_feed_t *feed;
    aats_host_opts_t opts;
    aats_tls_ctx_t *tls_ctx;
    aats_conn_t conns[AATS_LINK_MAX];
    aats_addr_t addr[AATS_HOST_WAYS];
    uint64_t stop;           /* any thread stores 1 */
    uint64_t wait;
    int64_t idle_since_mono_ns;
    int64_t mono_ns;

    aats_udp_t udp;
    int net;
    aats_out_t out;
};

/* ---- the feed, as a connection sees it ---- */

static int    f_want(void *f, int link) { return aats_feed_want(f, link); }
static void   f_connecting(void *f, int link) { aats_feed_connecting(f, link); }
static void   f_opened(void *f, int link) { aats_feed_opened(f, link); }
static void   f_closed(void *f, int link, char const *why) { aats_feed_closed(f, link, why); }
static size_t f_room(void *f, int link, uint8_t **at) { return aats_feed_room(f, link, at); }
static int    f_received(void *f, int link, size_t n, int64_t recv_ns) { return aats_feed_received(f, link, n, recv_ns); }
static size_t f_output(void *f, int link, uint8_t const **at) { return aats_feed_output(f, link, at); }
static void   f_sent(void *f, int link, size_t n) { aats_feed_sent(f, link, n); }
static void   f_forget(void *f, int link) { aats_feed_forget_address(f, link); }

static aats_conn_face_t const FACE = {f_want, f_connecting, f_opened, f_closed, f_room, f_received, f_output, f_sent, f_forget};

/* ---- network: step 6 ---- */

static int send_datagram(void *arg, void const *bytes, size_t n) { return aats_udp_send(arg, bytes, n); }

static void sink(void *arg, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    aats_host_t *h = arg;
    if (rec) aats_out_record(&h->out, rec, bids, asks);
    else if (h->out.cnt) aats_out_due(&h->out, aats_now_ns());
}

static void flush_net(aats_host_t *h)
{
    if (h->net && h->out.cnt) aats_out_flush(&h->out, aats_now_ns());
}

static void tick_net(aats_host_t *h)
{
    if (!h->net || !aats_out_wants_tick(&h->out, h->mono_ns)) return;
    int64_t const now_ns = aats_now_ns(), mono_ns = aats_mono_ns(); /* in this order */
    aats_out_tick(&h->out, now_ns, mono_ns);
}

static int open_net(aats_host_t *h, char *why, size_t why_sz)
{
    aats_host_opts_t const *o = &h->opts;
    aats_udp_cfg_t cfg = {.kind = o->net_kind ? (int32_t)o->net_kind : AATS_UDP_MULTICAST, .addr = o->net_addr, .card = o->net_card,
                          .port = (uint16_t)o->net_port, .ttl = (uint8_t)o->net_ttl, .no_loop = o->net_no_loop != 0, .buf_sz = SEND_QUEUE};
    if (aats_udp_sender(&h->udp, &cfg) != AATS_OK) {
        snprintf(why, why_sz, "%s", aats_udp_error(&h->udp));
        return 0;
    }
    h->net = 1;
    aats_out_opts_t out = {.repair_port = o->repair_port, .datagram = o->datagram};
    snprintf(out.name, sizeof out.name, "%s", o->name);
    snprintf(out.repair_ip, sizeof out.repair_ip, "%s", o->repair_ip);
    if (aats_out_init(&h->out, &out, aats_feed_view(h->feed), aats_feed_slot(h->feed), aats_seg_layout_hash(), send_datagram, &h->udp) != AATS_OK) {
        snprintf(why, why_sz, "datagrams of %u bytes do not hold a whole record", o->datagram);
        return 0;
    }
    aats_feed_set_sink(h->feed, sink, h);
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
    h->udp.fd = -1;
    for (int i = 0; i < AATS_LINK_MAX; i++) h->conns[i] = (aats_conn_t){.face = &FACE, .self = feed, .link = i};
    aats_feed_set_clock(feed, aats_now_ns);
    int plain = opts->plain != 0;
    for (int w = 0; w < AATS_HOST_WAYS; w++) plain &= !opts->way_host[w][0] || opts->way_plain[w];
    if (!plain && aats_tls_ctx_open(&h->tls_ctx, opts->ca_file, why, why_sz) != AATS_OK) {
        aats_host_free(h);
        return NULL;
    }
    if (opts->net_addr[0] && !open_net(h, why, why_sz)) {
        aats_host_free(h);
        return NULL;
    }
    return h;
}

void aats_host_free(aats_host_t *h)
{
    if (!h) return;
    for (int i = 0; i < AATS_LINK_MAX; i++) aats_conn_close(&h->conns[i]);
    if (h->net) aats_udp_close(&h->udp);
    aats_tls_ctx_close(h->tls_ctx);
    aats_feed_free(h->feed);
    free(h);
}

aats_feed_t *aats_host_feed(aats_host_t *h) { return h->feed; }
char const *aats_host_net_card(aats_host_t const *h) { return h->net ? h->udp.card : ""; }
void aats_host_set_wait(aats_host_t *h, uint32_t wait) { aats_store_release(&h->wait, wait); }
void aats_host_stop(aats_host_t *h) { aats_store_release(&h->stop, 1); }

/* ---- connections ---- */

static int step_conn(aats_host_t *h, int i)
{
    aats_conn_t *c = &h->conns[i];
    int64_t since;
    if (aats_conn_idle(c)) {
        char const *known = aats_feed_address(h->feed, i, &since);
        int way = aats_feed_way(h->feed, i), own = h->opts.way_host[way][0] != 0;
        char const *host = own ? h->opts.way_host[way] : h->opts.host;
        if (aats_addr_have(&h->addr[way], known, since, h->mono_ns, aats_feed_out(h->feed), (uint32_t)way, host)) {
            aats_conn_to_t to = {.ip = h->addr[way].ip, .host = host, .port = (uint16_t)(own ? h->opts.way_port[way] : h->opts.port),
                                 .busy_poll_us = h->opts.busy_poll_us, .tls = (own ? h->opts.way_plain[way] : h->opts.plain) ? NULL : h->tls_ctx};
            aats_conn_open(c, &to);
        }
    }
    return aats_conn_step(c);
}

int aats_host_step(aats_host_t *h)
{
    int64_t now_ns;
    aats_clocks_ns(&now_ns, &h->mono_ns);
    aats_clock_keep(h->mono_ns);
    int work = aats_feed_begin(h->feed, now_ns, h->mono_ns);
    for (int i = 0; i < AATS_LINK_MAX; i++) {
        if (!h->conns[i].active && aats_feed_want(h->feed, i) == AATS_FEED_NOTHING) continue; /* most places are never used */
        work += step_conn(h, i);
        flush_net(h);
    }
    aats_feed_end(h->feed);
    tick_net(h);
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
    for (int i = 0; i < AATS_LINK_MAX; i++) cnt += (size_t)aats_conn_waits(&h->conns[i], &fds[cnt]);
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
                flush_net(h); /* it has told that no book is good */
            }
            if (aats_feed_stopped(h->feed) || h->mono_ns > stop_by) return;
        }
        rest(h, work);
    }
}
