/* bench_net.c -- one way over lo: from before a quote is published in a feed's segment to after it is published in a receiver's, by each type of sending,
 * next to a plain loop that sends and receives as many bytes in the same run.
 *
 * For: the figures of docs/network.md; python -m tools.bench_net runs it.  Not a test: it passes no judgement.
 *
 *   multibroad, broadcast   publish, aats_out, sendto | lo | recvmsg, aats_recv, publish     the feed's loop and the receiver's, a thread each
 *   p2p                     publish | ring | aats_fan_host: send | lo | recv, aats_recv, publish    the fan-out has the second thread; the first publishes,
 *                                                                                                  then waits as the receiver
 *   plain                   sendto | lo | recv                                               a thread each
 *
 * Both threads spin.  Plain loop and ours take turns, ROUND samples each, so that whatever else the host does falls on both.  One quote with 5 levels a side
 * is on its way at a time, 320 bytes.  Broadcast leaves through lo and nothing else.
 *
 *     bench_net [samples]                                        all types, for tools/bench_net.py
 *     bench_net --rows udp_c [--quick] [--cores A,B]             multicast alone, for `aats bench`: the feed's thread on A, the receiver's on B
 *     bench_net --send PORT [--quick] [--cores A,B]              the feed alone, at its pace and for whoever listens: `aats bench` row udp_python */
#define _GNU_SOURCE 1
#include "samples.h"

#include <pthread.h>

#include "app/fan_host.h"
#include "app/out.h"
#include "app/recv_host.h"
#include "base/atomics.h"
#include "base/errors.h"
#include "io/udp.h"
#include "shm/directory.h"
#include "shm/procs.h"
#include "shm/publish.h"
#include "shm/segment.h"

#include "ref/net_plain.c"

#define DEPTH   4096
#define LEVELS  5
#define MSG_SZ  (64 + 96 + 2 * LEVELS * 16)
#define ROUND   500
#define PACE_NS 20000 /* between two quotes */
#define WAIT_NS 10000000000

typedef struct {
    char const *name, *plain_name;
    uint32_t path, udp;
    int plain;
    char const *addr;
} type_t;

static type_t const TYPES[] = {
    {"multibroad", "multibroad plain", AATS_PATH_MULTIBROAD, AATS_UDP_MULTICAST, PLAIN_MULTICAST, "239.255.77.3"},
    {"broadcast", "broadcast plain", AATS_PATH_BROADCAST, AATS_UDP_BROADCAST, PLAIN_BROADCAST, "127.255.255.255"},
    {"p2p", "p2p plain", AATS_PATH_P2P, 0, PLAIN_TCP, "127.0.0.1"},
};

static type_t const *type;
static uint16_t port;
static aats_slot_t slot;

/* the feed's side */
static aats_md_view_t feed;
static aats_ring_writer_t writer;
static aats_out_t out;
static aats_udp_t udp;
static aats_fan_host_t *fan;

/* the receiver's */
static aats_recv_host_t *receiver;
static aats_md_view_t here;
static uint64_t cursor;

static plain_net_t plain;
static uint64_t done;  /* quotes that have arrived: the sender's leave to go on */
static uint64_t leave; /* 1: the second thread ends */
static int sender_core = -1, receiver_core = -1; /* -1: not pinned */

static int pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

static void must(int ok, char const *what)
{
    if (ok) return;
    fprintf(stderr, "bench_net: %s: %s\n", type ? type->name : "-", what);
    exit(1);
}

static void segment(aats_md_view_t *view, uint32_t level_max, uint32_t dir_cap, uint32_t mode, char const *name, uint64_t generation)
{
    int64_t const size = aats_md_size(DEPTH, level_max, dir_cap);
    aats_md_params_t const params = {.ring_depth = DEPTH, .level_max = level_max, .dir_cap = dir_cap, .mode = mode, .feed_id = generation * 77, .venue = "BINANCE"};
    void *mem = aligned_alloc(AATS_LINE, (size_t)size);
    must(mem != NULL, "no memory");
    memset(mem, 0, (size_t)size);
    must(aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, name, generation, aats_ident_self(), 1, "-", "-") == AATS_OK, "segment");
    must(aats_md_init(mem, &params) == AATS_OK, "segment");
    aats_seg_ready(mem);
    must(aats_md_attach(mem, (uint64_t)size, view, NULL, 0) == AATS_OK, "segment");
}

/* ---- the feed ---- */

static int send_datagram(void *arg, void const *bytes, size_t n) { return aats_udp_send(arg, bytes, n); }

static void feed_begins(void)
{
    char why[200] = "";
    aats_dir_t const entry = {.state = AATS_DIR_LIVE, .symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT", .px_exp = -2, .qty_exp = -5, .level_num = LEVELS};
    slot.owner = aats_ident_with(aats_ident_self(), AATS_STATE_RUN);
    slot.heartbeat_mono_ns = (uint64_t)aats_mono_ns();
    segment(&feed, LEVELS, 1, AATS_MODE_SIM, "bench", 1);
    slot.generation = feed.generation;
    must(aats_ring_open(&writer, &feed) == AATS_OK && aats_dir_add(&feed, &entry) == 0, "directory");
    feed.md->links[0] = (aats_link_t){.up = 1, .heard_mono_ns = slot.heartbeat_mono_ns};
    if (type->udp) {
        aats_udp_cfg_t const cfg = {.kind = (int32_t)type->udp, .addr = type->addr, .card = "lo", .port = port};
        aats_out_opts_t const opts = {.name = "bench"};
        must(aats_udp_sender(&udp, &cfg) == AATS_OK, aats_udp_error(&udp));
        must(aats_out_init(&out, &opts, &feed, &slot, aats_seg_layout_hash(), send_datagram, &udp) == AATS_OK, "aats_out_init");
        return;
    }
    aats_fan_opts_t const opts = {.out = {.name = "bench"}};
    aats_fan_host_opts_t const outside = {.ip = "127.0.0.1", .wait = AATS_WAIT_SPIN};
    aats_fan_t *f = aats_fan_new(&opts, &feed, &slot, why, sizeof why);
    must(f != NULL, why);
    fan = aats_fan_host_new(f, &outside, why, sizeof why);
    must(fan != NULL, why);
}

/* beat keeps the feed alive, outside of what is measured. */
static void beat(void)
{
    int64_t const now_ns = aats_now_ns(), mono_ns = aats_mono_ns();
    aats_store_release(&slot.heartbeat_mono_ns, (uint64_t)mono_ns);
    aats_store_release(&feed.md->links[0].heard_mono_ns, (uint64_t)mono_ns);
    if (type->udp) aats_out_tick(&out, now_ns, mono_ns);
}

static void quote(void)
{
    static aats_level_t bids[LEVELS], asks[LEVELS];
    static uint64_t seq;
    aats_rec_t r = {.kind = AATS_REC_QUOTE, .flags = AATS_F_VALID, .seq = ++seq, .epoch = 1, .bid_len = LEVELS, .ask_len = LEVELS};
    for (int i = 0; i < LEVELS; i++) {
        bids[i] = (aats_level_t){6420000 - i, (int64_t)seq};
        asks[i] = (aats_level_t){6420001 + i, (int64_t)seq};
    }
    r.exch_ns = r.recv_ns = r.pub_ns = aats_now_ns(); /* the beginning of the way, as the receiver's record will tell */
    aats_md_publish(&writer, &r, bids, asks);
    if (!type->udp) return;
    aats_out_record(&out, &r, bids, asks);
    aats_out_flush(&out, r.pub_ns);
}

/* ---- the receiver ---- */

static void receiver_begins(void)
{
    char why[200] = "";
    aats_recv_opts_t opts = {.path_cnt = 1};
    aats_recv_host_opts_t outside = {.wait = AATS_WAIT_SPIN};
    opts.path[0].kind = type->path;
    opts.path[0].no_repair = type->udp != 0;
    snprintf(opts.path[0].addr, sizeof opts.path[0].addr, "%s", type->addr);
    if (!type->udp) {
        snprintf(opts.path[0].ip, sizeof opts.path[0].ip, "127.0.0.1");
        opts.path[0].port = aats_fan_host_port(fan);
    }
    snprintf(outside.path[0].addr, sizeof outside.path[0].addr, "%s", type->addr);
    snprintf(outside.path[0].card, sizeof outside.path[0].card, "lo");
    outside.path[0].port = port;
    aats_recv_t *r = aats_recv_new(&opts, why, sizeof why);
    must(r != NULL, why);
    receiver = aats_recv_host_new(r, &opts, &outside, why, sizeof why);
    must(receiver != NULL, why);
}

/* take makes one pass and notes each quote that it published.  Returns how many. */
static uint64_t take(samples_t *s)
{
    static aats_rec20_t rec;
    uint64_t cnt = 0;
    aats_recv_host_step(receiver);
    while (here.md != NULL && aats_ring_poll(&here, cursor, &rec) == 1) {
        cursor++;
        if (rec.r.kind != AATS_REC_QUOTE) continue;
        if (s != NULL) samples_add(s, rec.r.exch_ns, rec.r.pub_ns);
        cnt++;
    }
    return cnt;
}

/* begin_all brings the receiver so far that quotes pass: segment, directory, a first quote. */
static void begin_all(void)
{
    char why[200] = "";
    int64_t const end = aats_mono_ns() + WAIT_NS;
    int64_t next = 0;
    feed_begins();
    receiver_begins();
    for (;;) {
        aats_recv_need_t need;
        must(aats_mono_ns() < end, "the receiver never published a quote");
        if (fan != NULL) aats_fan_host_step(fan);
        beat();
        if (aats_mono_ns() > next) {
            quote();
            next = aats_mono_ns() + 10000000;
        }
        if (take(NULL) != 0) return;
        if (!aats_recv_needs(aats_recv_host_recv(receiver), &need)) continue;
        segment(&here, need.level_max, need.dir_cap, need.mode, "rx", 2);
        cursor = 0;
        must(aats_recv_attach(aats_recv_host_recv(receiver), here.seg, here.size, NULL, why, sizeof why) == AATS_OK, why);
    }
}

static void end_all(void)
{
    aats_recv_host_free(receiver);
    if (fan != NULL) aats_fan_host_free(fan);
    if (type->udp) aats_udp_close(&udp);
    free(here.seg);
    free(feed.seg);
    here = (aats_md_view_t){0};
    fan = NULL;
}

/* ---- rounds ---- */

static void pace(uint64_t sent)
{
    int64_t const at = aats_mono_ns() + PACE_NS;
    while (aats_mono_ns() < at || aats_load_acquire(&done) < sent) aats_spin_hint();
}

static void *plain_sends(void *arg)
{
    uint64_t msg[MSG_SZ / 8] = {0};
    (void)arg;
    if (sender_core >= 0) pin(sender_core);
    for (uint64_t i = 0; i < ROUND; i++) {
        pace(i);
        msg[0] = (uint64_t)aats_now_ns();
        plain_net_send(&plain, msg, sizeof msg);
    }
    return NULL;
}

static void *feed_sends(void *arg)
{
    (void)arg;
    if (sender_core >= 0) pin(sender_core);
    for (uint64_t i = 0; i < ROUND; i++) {
        pace(i);
        quote();
    }
    return NULL;
}

static void *fan_runs(void *arg)
{
    (void)arg;
    while (!aats_load_acquire(&leave)) aats_fan_host_step(fan);
    return NULL;
}

static void round_of_plain(samples_t *s)
{
    pthread_t other;
    uint64_t msg[MSG_SZ / 8];
    done = 0;
    must(pthread_create(&other, NULL, plain_sends, NULL) == 0, "thread");
    for (uint64_t i = 1; i <= ROUND; i++) {
        plain_net_recv(&plain, msg, sizeof msg);
        samples_add(s, (int64_t)msg[0], aats_now_ns());
        aats_store_release(&done, i);
    }
    pthread_join(other, NULL);
}

static void await(samples_t *s, uint64_t *have, uint64_t until, int64_t end)
{
    while (*have < until) {
        *have += take(s);
        aats_store_release(&done, *have);
        must(aats_mono_ns() < end, "a quote was lost");
    }
}

static void round_of_ours(samples_t *s)
{
    pthread_t other;
    uint64_t have = 0;
    int64_t const end = aats_mono_ns() + WAIT_NS;
    done = leave = 0;
    beat();
    for (int i = 0; i < 20; i++) take(NULL); /* what lay there */
    must(pthread_create(&other, NULL, fan != NULL ? fan_runs : feed_sends, NULL) == 0, "thread");
    if (fan == NULL) await(s, &have, ROUND, end);
    for (uint64_t i = 0; fan != NULL && i < ROUND; i++) {
        pace(i);
        quote();
        await(s, &have, i + 1, end);
    }
    aats_store_release(&leave, 1);
    pthread_join(other, NULL);
}

/* both takes turns until `cnt` samples of each are there. */
static void both(type_t const *of, uint16_t at, uint64_t cnt, samples_t *bare, samples_t *ours)
{
    type = of;
    port = at;
    must(plain_net_open(&plain, type->plain, type->addr, (uint16_t)(port + 1)), "plain sockets");
    begin_all();
    round_of_plain(bare), round_of_ours(ours); /* warm */
    bare->cnt = ours->cnt = 0;
    while (ours->cnt < cnt && ours->cnt < SAMPLES_MAX) {
        round_of_plain(bare);
        round_of_ours(ours);
    }
    end_all();
    plain_net_close(&plain);
}

static void row(char const *who, samples_t *s)
{
    samples_sort(s);
    printf("{\"row\":\"udp_c\",\"who\":\"%s\",\"unit\":\"ns\",\"value\":%" PRId64 ",\"p50\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"max\":%" PRId64
           ",\"n\":%u,\"bytes\":%d}\n",
           who, samples_at(s, 0.5), samples_at(s, 0.5), samples_at(s, 0.99), samples_at(s, 0.999), samples_at(s, 1), s->cnt, MSG_SZ);
}

/* send_alone publishes and sends one quote each PACE_NS for whoever listens; exch_ns is before the publication. */
static void send_alone(uint16_t at, uint64_t cnt)
{
    type = &TYPES[0];
    port = at;
    feed_begins();
    for (uint64_t i = 0; i < cnt; i++) {
        int64_t const next = aats_mono_ns() + PACE_NS;
        if (i % 1024 == 0) beat();
        quote();
        while (aats_mono_ns() < next) aats_spin_hint();
    }
}

int main(int argc, char **argv)
{
    uint64_t cnt = 20000;
    int suite = 0, alone = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc) suite = ++i;
        else if (strcmp(argv[i], "--send") == 0 && i + 1 < argc) alone = atoi(argv[++i]);
        else if (strcmp(argv[i], "--quick") == 0) cnt = 2000;
        else if (strcmp(argv[i], "--cores") != 0 || i + 1 >= argc) cnt = strtoull(argv[i], NULL, 10);
        else if (sscanf(argv[++i], "%d,%d", &sender_core, &receiver_core) != 2) must(0, "--cores A,B");
    }
    if (alone != 0) {
        if (sender_core >= 0) pin(sender_core);
        send_alone((uint16_t)alone, 4 * cnt);
        return 0;
    }
    if (receiver_core >= 0) pin(receiver_core);
    (suite ? samples_begin_quietly : samples_begin)();
    samples_clock_ns = 0; /* both ends of a sample are readings that the product makes, too */
    for (size_t t = 0; t < (suite ? 1 : sizeof TYPES / sizeof TYPES[0]); t++) {
        samples_t ours = samples_new(TYPES[t].name), bare = samples_new(TYPES[t].plain_name);
        both(&TYPES[t], (uint16_t)(20000 + (getpid() + (int)t * 7) % 12000), cnt, &bare, &ours);
        if (suite) {
            row("aats", &ours);
            row("reference", &bare);
        } else {
            samples_print(&bare);
            samples_print(&ours);
        }
    }
    return 0;
}
