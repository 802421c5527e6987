/* bench_wire.c -- from the wire to the published book: the real feed on a TLS connection to a server (wire.c) that it starts itself, beside the shortest
 * client that only reads and deframes (ref/tls_deframe.c), by turns, in one run.
 *
 *   wss_cpu          CPU of the feed's thread a message, ns: recv, TLS, WebSocket, parse, book, publish, under a flood (8 records a write)
 *   feed_wss         messages a second of the same flood, one core
 *   wire_published   one message each 50 us: from just before the server's send to after the record is in shared memory, ns; the reference ends when the
 *                    message lies there in plain, whole.  Every sample is kept but the first ones (warm-up)
 *
 * What is measured is aats_host_step, as aats_host_run makes it with AATS_WAIT spin; this file is its control plane.  CPU is the thread's less its idle passes,
 * which are timed one by one: what a spinning thread does for want of work is not the messages' cost; of the reference likewise.
 * Judged is AATS_TLS as it is set, by default `records` (io/tls.h); the key "vector" gives the same with AATS_TLS=vector.
 * 1.4 KB depth messages of 20 + 20 levels on a book of 1000 a side, 5 levels published (traffic.h), round and round.  A recording (--frames) does not lead
 * back to its snapshots: each connection gets it once, the flood with depth, best bid/ask and trades as they came, wire_published its depth messages alone;
 * the first ones warm up.  What cannot be measured with it says why.
 *
 *     bench_wire [--rows wss_cpu,feed_wss,wire_published] [--quick] [--frames FILE] [--cores SERVER,CLIENT] [--plain] [--rounds N] [--levels N] */
#include "wire_child.h"

#include "app/host.h"
#include "base/atomics.h"
#include "base/errors.h"
#include "shm/clock.h"
#include "shm/control.h"
#include "shm/latest.h"
#include "shm/segment.h"
#include "wire_tally.h"

#include "ref/tls_deframe.c"

#define SAMPLES_CAP 400000
#define TAIL        1000 /* messages of a flood that are not counted: the server has none behind them to keep the client busy */

/* ---- the feed ---- */

static aats_host_t *host;
static aats_feed_t *feed;
static void *segment;
static size_t segment_sz;
static tally_t *sampling; /* the sink adds to it */
static uint64_t sample_at; /* next entry of stamps */
static uint8_t answered[1 << 16];

/* After the record is in shared memory: which frame was it? */
static void on_record(void *arg, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    (void)arg, (void)bids, (void)asks;
    if (!rec || rec->kind != AATS_REC_QUOTE || !sampling) return;
    int64_t const now_ns = wire_now_ns();
    for (uint64_t end = sent(); sample_at < end; sample_at++) {
        if (b.stamps->at[sample_at % WIRE_STAMPS].id != rec->seq) continue;
        if (sampling->cnt < SAMPLES_CAP) sampling->ns[sampling->cnt++] = (uint32_t)(now_ns - b.stamps->at[sample_at++ % WIRE_STAMPS].out_ns);
        return;
    }
}

/* control answers each symbol's first question for a snapshot: there is no later one to answer with. */
static void control(void)
{
    aats_mail_t *m;
    while (aats_mailbox_get(aats_feed_out(feed), &m) == 1) {
        traffic_frame_t f;
        if (m->kind == AATS_MAIL_NOTICE && m->num > 0) fprintf(stderr, "feed: %s\n", (char const *)m->bytes);
        if (m->kind == AATS_MAIL_RESOLVE) aats_mailbox_put(aats_feed_in(feed), AATS_MAIL_ADDRESS, 0, 0, "127.0.0.1", 9);
        for (size_t at = 0; m->kind == AATS_MAIL_ASK && !answered[m->sym] && traffic_next(&b.traffic, &at, &f) == 1;) {
            if (f.kind != TRAFFIC_REST || f.sym != m->sym) continue;
            answered[m->sym] = 1;
            aats_mailbox_put(aats_feed_in(feed), AATS_MAIL_SNAPSHOT, m->sym, m->num, f.bytes, f.len);
            break;
        }
        aats_mail_free(m);
    }
}

static uint64_t counter(int which) { return aats_load_relaxed(&aats_feed_view(feed)->md->counters[which]); }

static void feed_start(void)
{
    char why[256] = "";
    aats_md_params_t const params = {.ring_depth = 8192, .level_max = (uint32_t)b.level_num, .dir_cap = 1024, .venue = "BINANCE"};
    aats_feed_opts_t opts;
    aats_host_opts_t to = {.host = "localhost", .port = b.port, .plain = (uint32_t)b.plain, .wait = AATS_WAIT_SPIN};
    snprintf(to.ca_file, sizeof to.ca_file, "%s", b.ca);
    aats_feed_defaults(&opts);
    opts.stale_ns = 10000000000; /* a machine that stops us for a moment only makes the figure worse */
    snprintf(opts.host, sizeof opts.host, "localhost");

    memset(answered, 0, sizeof answered);
    segment_sz = (size_t)aats_md_size(8192, (uint32_t)b.level_num, 1024);
    segment = mmap(NULL, segment_sz, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (segment == MAP_FAILED || aats_seg_init(segment, segment_sz, AATS_KIND_MD, "bench", 7, aats_ident(1, 1), 1, "boot", "1.0.0") != AATS_OK ||
        aats_md_init(segment, &params) != AATS_OK) die("no segment");
    aats_seg_ready(segment);
    feed = aats_feed_new(&opts, segment, segment_sz, NULL, why, sizeof why);
    host = feed ? aats_host_new(feed, &to, why, sizeof why) : NULL;
    if (!host) die(why);
    aats_mailbox_put(aats_feed_in(feed), AATS_MAIL_ADDRESS, 0, 0, "127.0.0.1", 9);
    for (uint32_t i = 0; i < b.sym_cnt; i++) {
        aats_feed_symbol_t s = {.tick_i = traffic_tick(&b.traffic, i), .lot_i = 1000, .level_num = (uint32_t)b.level_num};
        if (!traffic_name_of(&b.traffic, i, s.native)) snprintf(s.native, sizeof s.native, "NONE%u", i);
        snprintf(s.symbol, sizeof s.symbol, "%.30s.BINANCE", s.native);
        aats_mailbox_put(aats_feed_in(feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
    }
    int64_t const begun_ns = wire_now_ns();
    while (counter(AATS_MDC_SNAP_ASKED) < b.sym_cnt) {
        aats_host_step(host);
        control();
        if (wire_now_ns() - begun_ns > 10000000000) die("the feed did not come up");
    }
    for (int i = 0; i < 1000; i++) aats_host_step(host), control(); /* the snapshots are taken */
}

static void feed_end(void)
{
    aats_host_free(host);
    munmap(segment, segment_sz);
}

/* feed_until steps until so many frames have been dealt with since it began. */
static void feed_until(uint64_t frames, account_t *a)
{
    int64_t const begun_ns = wire_now_ns();
    for (uint64_t pass = 0; counter(AATS_MDC_FRAMES) < frames; pass++) {
        int const work = aats_host_step(host);
        if (a) account_pass(a, work);
        if (!work) aats_spin_hint();
        if (pass % 65536 == 0) {
            control();
            if (wire_now_ns() - begun_ns > 60000000000) die("the feed has stopped");
        }
    }
}

/* A figure counts only for a feed that did its work: every message a good book. */
static void feed_judge(uint64_t frames)
{
    aats_rec_t rec;
    static int const BAD[] = {AATS_MDC_GAPS, AATS_MDC_PARSE_ERRORS, AATS_MDC_CROSSED, AATS_MDC_UNKNOWN, AATS_MDC_DROPS};
    uint64_t bad = 0;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) bad += counter(BAD[i]);
    for (uint32_t i = 0; i < b.sym_cnt; i++)
        if (aats_latest_read(aats_feed_view(feed), i, &rec, NULL, NULL, 0) != AATS_OK || !(rec.flags & AATS_F_VALID)) unfit("a book is not good at the end");
    if (bad) unfit("the feed met gaps or errors");
    if (counter(AATS_MDC_RECORDS) < frames / 2) unfit("the feed published too little");
}

static void feed_flood(tally_t *t, uint64_t warm, uint64_t msgs)
{
    feed_start();
    uint64_t const zero = counter(AATS_MDC_FRAMES); /* answers to subscriptions */
    let_go(warm + msgs);
    feed_until(zero + warm, NULL);
    uint64_t const from = counter(AATS_MDC_FRAMES);
    account_t a = account_begin();
    int64_t const from_ns = wire_now_ns();
    feed_until(zero + warm + msgs - TAIL, &a);
    tally_round(t, &a, counter(AATS_MDC_FRAMES) - from, wire_now_ns() - from_ns);
    feed_until(zero + warm + msgs, NULL);
    feed_judge(msgs);
    feed_end();
}

static void feed_paced(tally_t *t, uint64_t warm, uint64_t msgs)
{
    feed_start();
    uint64_t const zero = counter(AATS_MDC_FRAMES);
    aats_feed_set_sink(feed, on_record, NULL);
    sample_at = sent();
    let_go(warm + msgs);
    feed_until(zero + warm, NULL);
    sampling = t;
    feed_until(zero + warm + msgs, NULL);
    sampling = NULL;
    feed_judge(msgs);
    feed_end();
}

/* ---- the reference ---- */

static void plain_flood(tally_t *t, uint64_t warm, uint64_t msgs)
{
    plain_ws_t p;
    if (!plain_ws_open(&p, b.port, b.plain ? NULL : b.ca)) die("the reference cannot connect");
    let_go(warm + msgs);
    int rc = 0;
    while (p.cnt < warm && (rc = plain_ws_read(&p)) >= 0)
        if (rc) plain_ws_deframe(&p);
    uint64_t const at = p.cnt;
    account_t a = account_begin();
    int64_t const from_ns = wire_now_ns();
    while (p.cnt < warm + msgs - TAIL && rc >= 0) {
        rc = plain_ws_read(&p);
        if (rc > 0) plain_ws_deframe(&p);
        account_pass(&a, rc);
        if (!rc) aats_spin_hint();
    }
    tally_round(t, &a, p.cnt - at, wire_now_ns() - from_ns);
    while (p.cnt < warm + msgs && (rc = plain_ws_read(&p)) >= 0) /* what the server may still send would go to the next connection */
        if (rc) plain_ws_deframe(&p);
    if (rc < 0) die("the reference lost its connection");
    plain_ws_close(&p);
}

static void plain_paced(tally_t *t, uint64_t warm, uint64_t msgs)
{
    plain_ws_t p;
    int rc = 0;
    if (!plain_ws_open(&p, b.port, b.plain ? NULL : b.ca)) die("the reference cannot connect");
    uint64_t const first = sent();
    let_go(warm + msgs);
    while (p.cnt < warm + msgs && rc >= 0) {
        uint64_t const was = p.cnt;
        rc = plain_ws_read(&p);
        if (rc <= 0) {
            if (!rc) aats_spin_hint();
            continue;
        }
        plain_ws_deframe(&p);
        int64_t const now_ns = wire_now_ns();
        for (uint64_t i = was; i < p.cnt; i++)
            if (i >= warm && t->cnt < SAMPLES_CAP) t->ns[t->cnt++] = (uint32_t)(now_ns - b.stamps->at[(first + i) % WIRE_STAMPS].out_ns);
    }
    if (rc < 0) die("the reference lost its connection");
    plain_ws_close(&p);
}

/* ---- rows ---- */

/* with runs `what` under a mode of AATS_TLS, then under the one that was in force. */
static void with(char const *mode, void (*what)(tally_t *t, uint64_t warm, uint64_t msgs), tally_t *t, uint64_t warm, uint64_t msgs)
{
    char const *const was = aats_tls_mode_name();
    char why[200];
    if (aats_tls_use(mode, why, sizeof why) != AATS_OK) die(why);
    what(t, warm, msgs);
    aats_tls_use(was, why, sizeof why);
}

/* cut_counts leaves of the messages that a connection warms up with and is measured with what a recording has. */
static void cut_counts(uint64_t *warm, uint64_t *msgs, uint64_t min)
{
    if (b.frames) snprintf(tally_extra, sizeof tally_extra, ",\"traffic\":\"recorded\",\"messages\":%llu", (unsigned long long)b.msg_cnt);
    if (!b.frames || *warm + *msgs <= b.msg_cnt) return;
    if (b.msg_cnt < min) unfit("the recording has too few messages of the row's kind");
    *warm = b.msg_cnt / 8;
    *msgs = b.msg_cnt - *warm;
}

static void run_flood(int cpu, int rate)
{
    tally_t ours = {0}, vector = {0}, plain = {0};
    uint64_t warm = b.quick ? 4000 : 20000, msgs = b.quick ? 20000 : 150000;
    b.rows[0] = cpu ? "wss_cpu" : NULL, b.rows[1] = rate ? "feed_wss" : NULL;
    frames_make(0);
    cut_counts(&warm, &msgs, 3 * TAIL);
    server_start("flood");
    for (int i = 0; i < b.rounds; i++) {
        plain_flood(&plain, warm, msgs);
        feed_flood(&ours, warm, msgs);
        with("vector", feed_flood, &vector, warm, msgs);
    }
    server_stop();
    print_flood("aats", &ours, &vector, cpu, rate);
    print_flood("reference", &plain, NULL, cpu, rate);
}

static tally_t samples(void)
{
    tally_t const t = {.ns = malloc(SAMPLES_CAP * sizeof(uint32_t))};
    if (!t.ns) die("no memory");
    memset(t.ns, 1, SAMPLES_CAP * sizeof(uint32_t)); /* no page faults while it measures */
    return t;
}

static void run_paced(void)
{
    tally_t ours = samples(), vector = samples(), plain = samples();
    uint64_t warm = b.quick ? 500 : 1000, msgs = b.quick ? 2000 : 10000;
    b.rows[0] = "wire_published", b.rows[1] = NULL;
    frames_make(1);
    cut_counts(&warm, &msgs, 1000);
    server_start("paced");
    for (int i = 0; i < b.rounds; i++) {
        plain_paced(&plain, warm, msgs);
        feed_paced(&ours, warm, msgs);
        with("vector", feed_paced, &vector, warm, msgs);
    }
    server_stop();
    if (ours.cnt < msgs * (uint64_t)b.rounds / 2 || vector.cnt < msgs * (uint64_t)b.rounds / 2) unfit("too few messages were published");
    print_paced("aats", &ours, &vector);
    print_paced("reference", &plain, NULL);
    free(vector.ns);
}

int main(int argc, char **argv)
{
    char const *rows = wire_arg(argc, argv, "--rows", "wss_cpu,feed_wss,wire_published");
    for (int i = 1; i < argc; i++) b.plain |= !strcmp(argv[i], "--plain");
    b.level_num = atoi(wire_arg(argc, argv, "--levels", "5"));
    b.frames = wire_arg(argc, argv, "--frames", NULL);
    set_up(argc, argv);
    b.rounds = atoi(wire_arg(argc, argv, "--rounds", b.quick ? "1" : "3"));
    if (b.rounds < 1 || b.rounds > 64 || b.level_num < 1 || b.level_num > 1000) die("--rounds 1 to 64, --levels 1 to 1000");
    if (b.frames && !traffic_read(&b.recorded, b.frames)) die("--frames: no file of frames");
    int const cpu = strstr(rows, "wss_cpu") != NULL, rate = strstr(rows, "feed_wss") != NULL;
    if ((cpu || rate) && !setjmp(b.back)) run_flood(cpu, rate);
    server_stop(); /* one that an unfit recording has left */
    if (strstr(rows, "wire_published") && !setjmp(b.back)) run_paced();
    server_stop();
    tidy();
    return 0;
}
