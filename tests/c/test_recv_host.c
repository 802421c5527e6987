/* test_recv_host.c -- a receiver with real sockets on the loopback card: what it refuses to open, multicast with its side channel, P2P, and its thread.
 *
 * The feed is the one of recv_fixture.h, with real clocks; its datagrams go out by a real sender, its fan-out listens on a real port. */
#include "recv_fixture.h"

#include <pthread.h>
#include <unistd.h>

#include "app/fan_host.h"
#include "app/recv_host.h"
#include "base/clock.h"
#include "io/udp.h"

#define GROUP "239.255.77.3"

static uint32_t port(void) { return 33000 + (uint32_t)getpid() % 12000; }

typedef struct {
    net_feed_t feed;
    aats_udp_t udp;
    aats_fan_host_t *fan;
    aats_recv_host_t *host;
    aats_md_view_t view;
    aats_slot_t slot;
    void *mem;
    unsigned swallow; /* datagrams with records that never leave */
    char why[300];
} live_t;

static live_t *the; /* aats_out has one argument for its send, and that is the feed's */

static int send_real(void *arg, void const *bytes, size_t n)
{
    aats_wire_t h;
    (void)arg;
    memcpy(&h, bytes, sizeof h);
    if (the->swallow && h.kind == AATS_WIRE_RECORDS) return the->swallow--, AATS_OK;
    return aats_udp_send(&the->udp, bytes, n);
}

static live_t *begin(uint32_t kind)
{
    live_t *x = the = calloc(1, sizeof *x);
    net_feed_begin(&x->feed, "127.0.0.1", 100 + (uint64_t)getpid(), 7, 5, 2);
    aats_udp_cfg_t const cfg = {.kind = AATS_UDP_MULTICAST, .addr = GROUP, .card = "lo", .port = (uint16_t)port()};
    aats_fan_host_opts_t const listen = {.ip = "127.0.0.1", .told_ip = "127.0.0.1"};
    if (aats_udp_sender(&x->udp, &cfg) != AATS_OK) abort();
    x->fan = aats_fan_host_new(x->feed.fan, &listen, x->why, sizeof x->why);
    if (!x->fan) fprintf(stderr, "%s\n", x->why), abort();
    aats_out_opts_t out = {.name = "binance", .repair_ip = "127.0.0.1", .repair_port = aats_fan_host_port(x->fan)};
    if (aats_out_init(x->feed.out, &out, &x->feed.view, &x->feed.slot, aats_seg_layout_hash(), send_real, x) != AATS_OK) abort();
    aats_recv_opts_t o = {.path_cnt = 1, .path[0] = {.kind = kind}};
    aats_recv_host_opts_t h = {.path[0] = {.addr = GROUP, .card = "lo", .port = port(), .timestamps = 1}};
    snprintf(o.path[0].addr, sizeof o.path[0].addr, "%s:%u", GROUP, port());
    if (kind == AATS_PATH_P2P) strcpy(o.path[0].ip, "127.0.0.1"), o.path[0].port = aats_fan_host_port(x->fan);
    x->host = aats_recv_host_new(aats_recv_new(&o, x->why, sizeof x->why), &o, &h, x->why, sizeof x->why);
    if (!x->host) fprintf(stderr, "%s\n", x->why), abort();
    return x;
}

static void end(live_t *x)
{
    aats_recv_host_free(x->host);
    aats_fan_host_free(x->fan);
    x->feed.fan = NULL;
    free(x->feed.out);
    free(x->feed.view.seg);
    aats_udp_close(&x->udp);
    free(x->mem);
    free(x);
}

static void feed_pass(live_t *x)
{
    int64_t const now_ns = aats_now_ns();
    x->feed.mono_ns = aats_mono_ns();
    x->feed.skew_ns = now_ns - NET_EPOCH_NS - x->feed.mono_ns; /* records are stamped with the real clock */
    aats_store_release(&x->feed.slot.heartbeat_mono_ns, (uint64_t)x->feed.mono_ns);
    aats_out_flush(x->feed.out, now_ns);
    aats_out_tick(x->feed.out, now_ns, x->feed.mono_ns);
    aats_fan_host_step(x->fan);
}

static void attach(live_t *x)
{
    aats_recv_need_t need;
    if (!aats_recv_needs(aats_recv_host_recv(x->host), &need)) return;
    aats_md_params_t const params = {.ring_depth = 1024, .level_max = need.level_max, .dir_cap = need.dir_cap, .mode = need.mode, .stale_ns = need.stale_ns,
                                     .venue = "BINANCE", .feed_id = 4711};
    size_t const size = (size_t)aats_md_size(params.ring_depth, params.level_max, params.dir_cap);
    x->mem = fixture_zeroed(size);
    if (aats_seg_init(x->mem, size, AATS_KIND_MD, "rx", 1, fixture_ident(2), 1, FIXTURE_BOOT_ID, "1.0.0") != AATS_OK ||
        aats_md_init(x->mem, &params) != AATS_OK)
        abort();
    aats_seg_ready(x->mem);
    x->slot.owner = fixture_ident(2) | AATS_STATE_RUN;
    x->slot.generation = 1;
    if (aats_md_attach(x->mem, size, &x->view, x->why, sizeof x->why) != AATS_OK ||
        aats_recv_attach(aats_recv_host_recv(x->host), x->mem, size, &x->slot, x->why, sizeof x->why) != AATS_OK) abort();
}

static uint64_t seq_here(live_t *x, unsigned sym)
{
    aats_rec_t r = {0};
    int const here = x->mem ? aats_dir_find(&x->view, x->feed.view.dir[sym].symbol) : -1;
    if (here < 0 || aats_valid_latest(&x->view, &x->slot, (uint32_t)here, &r, NULL, NULL, 0, aats_mono_ns()) != AATS_WHY_NONE) return 0;
    return r.seq;
}

/* until lets feed and receiver make passes until the book of symbol 0 is good and of this update. */
static int until(live_t *x, uint64_t seq)
{
    for (int64_t by = aats_mono_ns() + INT64_C(10000000000); aats_mono_ns() < by;) {
        feed_pass(x);
        aats_recv_host_step(x->host);
        if (!x->mem) attach(x);
        if (seq_here(x, 0) == seq) return 1;
    }
    return 0;
}

static void refused(uint32_t kind, char const *addr, char const *card, uint32_t at, char const *part)
{
    char why[300] = "";
    aats_recv_opts_t const o = {.path_cnt = 1, .path[0] = {.kind = kind}};
    aats_recv_host_opts_t h = {.path[0] = {.port = at}};
    strcpy(h.path[0].addr, addr);
    strcpy(h.path[0].card, card);
    CHECK(aats_recv_host_new(aats_recv_new(&o, why, sizeof why), &o, &h, why, sizeof why) == NULL);
    CHECK_MSG(strstr(why, part) != NULL, "no \"%s\" in \"%s\"", part, why);
}

TEST(what_cannot_be_opened_is_refused_with_a_sentence)
{
    refused(AATS_PATH_MULTIBROAD, "192.0.2.5", "lo", port(), "not a multicast group");
    refused(AATS_PATH_MULTIBROAD, GROUP, "nosuchcard", port(), "nosuchcard");
    refused(AATS_PATH_MULTIBROAD, GROUP, "lo", 0, "not a port");
    refused(AATS_PATH_BROADCAST, "192.0.2.5", "lo", port(), "192.0.2.5");
}

TEST(multicast_with_its_side_channel_over_real_sockets)
{
    live_t *x = begin(AATS_PATH_MULTIBROAD);
    x->feed.mono_ns = aats_mono_ns();
    net_quote(&x->feed, 0);
    CHECK(until(x, x->feed.update));
    aats_path_t const *p = aats_recv_path(aats_recv_host_recv(x->host), 0);
    CHECK_EQ_U64(p->snapshots, 1);
    CHECK(strstr(p->repair, "127.0.0.1:"));
    CHECK(p->offset_err_ns > 0);
    for (int i = 0; i < 50; i++) {
        net_quote(&x->feed, 0);
        feed_pass(x);
        aats_recv_host_step(x->host);
    }
    CHECK(until(x, x->feed.update));
    x->swallow = 1;
    net_quote(&x->feed, 0); /* lost on the way */
    feed_pass(x);
    net_quote(&x->feed, 0);
    CHECK(until(x, x->feed.update));
    CHECK(p->lost >= 1);
    CHECK_EQ_U64(p->repaired, p->lost);
    CHECK_EQ_U64(p->given_up + p->damaged, 0);
    end(x);
}

TEST(a_stream_over_real_sockets)
{
    live_t *x = begin(AATS_PATH_P2P);
    x->feed.mono_ns = aats_mono_ns();
    net_quote(&x->feed, 0);
    CHECK(until(x, x->feed.update));
    for (int i = 0; i < 300; i++) {
        net_quote(&x->feed, 0);
        if (i % 20 == 0) feed_pass(x);
    }
    CHECK(until(x, x->feed.update));
    aats_path_t const *p = aats_recv_path(aats_recv_host_recv(x->host), 0);
    CHECK_EQ_U64(p->records, x->feed.writer.next - 1); /* all but the one of before it joined */
    CHECK_EQ_U64(p->lost, 0);
    end(x);
}

static void *run(void *arg) { return (void *)(intptr_t)aats_recv_host_run(arg); }

TEST(its_thread_returns_for_a_segment_and_ends_when_told)
{
    live_t *x = begin(AATS_PATH_MULTIBROAD);
    pthread_t t;
    void *said = NULL;
    REQUIRE(pthread_create(&t, NULL, run, x->host) == 0);
    for (int64_t by = aats_mono_ns() + INT64_C(5000000000); aats_mono_ns() < by && pthread_tryjoin_np(t, &said) != 0; usleep(1000)) feed_pass(x);
    CHECK_EQ_I64((intptr_t)said, 1);
    attach(x);
    REQUIRE(x->mem != NULL);
    REQUIRE(pthread_create(&t, NULL, run, x->host) == 0);
    x->feed.mono_ns = aats_mono_ns();
    net_quote(&x->feed, 0);
    int64_t const by = aats_mono_ns() + INT64_C(10000000000);
    while (aats_mono_ns() < by && seq_here(x, 0) != x->feed.update) feed_pass(x), usleep(500);
    CHECK_EQ_U64(seq_here(x, 0), x->feed.update);
    aats_recv_host_stop(x->host);
    pthread_join(t, &said);
    CHECK_EQ_I64((intptr_t)said, 0);
    CHECK_EQ_U64(seq_here(x, 0), 0); /* no book is good after a polite end */
    end(x);
}

RUN_ALL()
