/* recv_fixture.h -- feeds on "other hosts", a network that does what a test tells it to, and a receiver; all in one process and in virtual time.
 *
 * For: tests/c/test_recv*.c.  A feed here is a real md segment with the real sender (aats_out) and fan-out (aats_fan); only its books are made up.
 * Not for whole lives with seeds by the thousand: tests/world has those.  Time moves by net_pass alone. */
#ifndef AATS_TESTS_RECV_FIXTURE_H
#define AATS_TESTS_RECV_FIXTURE_H

#include "app/fan.h"
#include "app/feed.h"
#include "app/out.h"
#include "app/recv.h"
#include "base/atomics.h"
#include "shm/directory.h"
#include "shm/latest.h"
#include "shm/publish.h"
#include "shm/valid.h"
#include "shm_fixture.h"

#define NET_EPOCH_NS INT64_C(1700000000000000000)
#define NET_MS       INT64_C(1000000)
#define NET_QUEUE    4096

typedef struct {
    int64_t due_ns;
    size_t n;
    uint8_t *bytes;
} net_datagram_t;

typedef struct {
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t slot;
    aats_out_t *out;
    aats_fan_t *fan;
    char ip[20];
    uint64_t feed_id;
    int asleep;            /* the process is stopped: no pass, no beat */
    int mute;              /* nothing of it arrives */
    int tcp;               /* 1: its fan-out can be reached */
    int peer;              /* of the fan-out, -1: none */
    int64_t skew_ns;       /* its clock less ours */
    int64_t delay_ns, jitter_ns;
    unsigned loss, dup;    /* of 1000 datagrams */
    unsigned drop_next;    /* so many datagrams with records are dropped */
    int drop_stream1;      /* deep books by datagram are dropped */
    int64_t deep_delay_ns; /* they take so much longer */
    uint64_t rng;
    uint64_t sent, dropped, dropped_recs, asks;
    net_datagram_t queue[NET_QUEUE];
    unsigned queue_cnt;
    uint64_t update;       /* the venue's number of the newest */
    uint64_t trade;
    int64_t mono_ns;
} net_feed_t;

typedef struct {
    aats_recv_t *recv;
    aats_recv_opts_t opts;
    net_feed_t feeds[2];
    unsigned feed_cnt;
    aats_md_view_t view;   /* ours */
    aats_slot_t slot;
    void *mem;
    uint64_t generation;
    int64_t mono_ns;
    char log[16384];
} net_t;

__attribute__((unused)) static uint64_t net_random(uint64_t *rng)
{
    *rng = *rng * 6364136223846793005u + 1442695040888963407u;
    return *rng >> 33;
}

/* ---- the feeds ---- */

static int net_send(void *arg, void const *bytes, size_t n)
{
    net_feed_t *f = arg;
    aats_wire_t h;
    memcpy(&h, bytes, sizeof h);
    f->sent++;
    int drop = net_random(&f->rng) % 1000 < f->loss || f->mute || (f->drop_stream1 && h.stream == 1);
    if (f->drop_next && h.kind == AATS_WIRE_RECORDS) f->drop_next--, drop = 1;
    if (drop) {
        f->dropped++;
        if (h.kind == AATS_WIRE_RECORDS) f->dropped_recs += h.cnt;
        return AATS_OK;
    }
    int const copies = net_random(&f->rng) % 1000 < f->dup ? 2 : 1;
    for (int i = 0; i < copies && f->queue_cnt < NET_QUEUE; i++) {
        int64_t const jitter = f->jitter_ns ? (int64_t)(net_random(&f->rng) % (uint64_t)f->jitter_ns) : 0;
        net_datagram_t *d = &f->queue[f->queue_cnt++];
        *d = (net_datagram_t){.due_ns = f->mono_ns + f->delay_ns + jitter + (h.stream == 1 ? f->deep_delay_ns : 0), .n = n,
                              .bytes = aligned_alloc(8, (n + 7) & ~(size_t)7)};
        memcpy(d->bytes, bytes, n);
    }
    return AATS_OK;
}

__attribute__((unused)) static void net_symbol(net_feed_t *f, char const *name, uint32_t level_num)
{
    aats_dir_t d = {.state = AATS_DIR_SYNCING, .px_exp = -2, .qty_exp = -8, .level_num = level_num, .link = 0};
    snprintf(d.symbol, sizeof d.symbol, "%s.BINANCE", name);
    snprintf(d.native, sizeof d.native, "%s", name);
    if (aats_dir_add(&f->view, &d) < 0) abort();
}

/* net_feed_begin makes a feed with `syms` symbols of `levels` levels; generation grows with each life. */
__attribute__((unused)) static void net_feed_begin(net_feed_t *f, char const *ip, uint64_t feed_id, uint64_t generation, uint32_t levels, unsigned syms)
{
    aats_md_params_t const params = {.ring_depth = 1024, .level_max = levels, .dir_cap = 8, .venue = "BINANCE", .feed_id = feed_id,
                                     .mode = AATS_MODE_SIM};
    size_t const size = (size_t)aats_md_size(params.ring_depth, params.level_max, params.dir_cap);
    char why[200];
    memset(f, 0, sizeof *f);
    void *mem = fixture_zeroed(size);
    if (aats_seg_init(mem, size, AATS_KIND_MD, "binance", generation, fixture_ident(1), 1, FIXTURE_BOOT_ID, "1.0.0") != AATS_OK ||
        aats_md_init(mem, &params) != AATS_OK) abort();
    aats_seg_ready(mem);
    if (aats_md_attach(mem, size, &f->view, why, sizeof why) != AATS_OK || aats_ring_open(&f->writer, &f->view) != AATS_OK) abort();
    snprintf(f->ip, sizeof f->ip, "%s", ip);
    f->feed_id = feed_id;
    f->slot.owner = fixture_ident(1) | AATS_STATE_RUN;
    f->slot.generation = generation;
    f->tcp = 1;
    f->peer = -1;
    f->rng = feed_id;
    f->delay_ns = 100000;
    f->view.md->links[0].up = 1;
    char const *names[] = {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "BNBUSDT"};
    for (unsigned i = 0; i < syms; i++) net_symbol(f, names[i], levels);
    aats_out_opts_t const out = {.name = "binance", .repair_port = 15004};
    aats_fan_opts_t const fan = {.out = out, .datagrams = 1, .peer_max = 4};
    f->out = calloc(1, sizeof *f->out);
    if (aats_out_init(f->out, &out, &f->view, &f->slot, aats_seg_layout_hash(), net_send, f) != AATS_OK) abort();
    f->fan = aats_fan_new(&fan, &f->view, &f->slot, why, sizeof why);
    if (!f->fan) fprintf(stderr, "no fan: %s\n", why), abort();
    aats_fan_set_datagrams(f->fan, net_send, f);
}

__attribute__((unused)) static void net_feed_end(net_feed_t *f)
{
    for (unsigned i = 0; i < f->queue_cnt; i++) free(f->queue[i].bytes);
    aats_fan_free(f->fan);
    free(f->out);
    free(f->view.seg);
    f->queue_cnt = 0;
    f->fan = NULL;
}

static void net_publish(net_feed_t *f, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    rec->recv_ns = rec->pub_ns = NET_EPOCH_NS + f->mono_ns + f->skew_ns;
    rec->exch_ns = rec->recv_ns - NET_MS;
    rec->parsed_ns = rec->recv_ns + 700;
    if (aats_md_publish(&f->writer, rec, bids, asks) != AATS_OK) abort();
    aats_rec_t const *slot = aats_md_slot(&f->view, rec->rec);
    aats_out_record(f->out, slot, aats_rec_bids((aats_rec_t *)(uintptr_t)slot), aats_rec_asks((aats_rec_t *)(uintptr_t)slot, f->view.ring_levels));
}

/* A whole book of the venue's update `update`: every level tells symbol and update, so that two feeds of one venue have the same. */
__attribute__((unused)) static void net_quote_of(net_feed_t *f, unsigned sym, uint64_t update)
{
    aats_level_t bids[AATS_LEVEL_MAX], asks[AATS_LEVEL_MAX];
    uint32_t const n = f->view.dir[sym].level_num;
    for (uint32_t i = 0; i < n; i++) {
        bids[i] = (aats_level_t){.px_i = (int64_t)(1000000 * (sym + 1) + update % 1000 - i), .qty_i = (int64_t)(update + i)};
        asks[i] = (aats_level_t){.px_i = (int64_t)(1000000 * (sym + 1) + update % 1000 + 1 + i), .qty_i = (int64_t)(update * 2 + i)};
    }
    aats_rec_t r = {.kind = AATS_REC_QUOTE, .sym = (uint16_t)sym, .flags = AATS_F_VALID, .seq = update, .epoch = 1};
    r.bid_len = r.ask_len = (uint16_t)n;
    f->update = update;
    net_publish(f, &r, bids, asks);
    aats_dir_set_state(&f->view, sym, AATS_DIR_LIVE);
}
__attribute__((unused)) static void net_quote(net_feed_t *f, unsigned sym) { net_quote_of(f, sym, f->update + 1); }

__attribute__((unused)) static void net_trade(net_feed_t *f, unsigned sym)
{
    aats_rec_t r = {.kind = AATS_REC_TICK, .sym = (uint16_t)sym, .flags = AATS_F_VALID, .seq = ++f->trade, .px_i = 77, .qty_i = (int64_t)f->trade, .aux = 1};
    net_publish(f, &r, NULL, NULL);
}

__attribute__((unused)) static void net_bbo(net_feed_t *f, unsigned sym)
{
    aats_rec_t r = {.kind = AATS_REC_BBO, .sym = (uint16_t)sym, .flags = AATS_F_VALID, .seq = ++f->update, .bid_len = 1, .ask_len = 1};
    aats_level_t const bid = {.px_i = 50, .qty_i = (int64_t)r.seq}, ask = {.px_i = 51, .qty_i = (int64_t)r.seq};
    net_publish(f, &r, &bid, &ask);
}

__attribute__((unused)) static void net_state(net_feed_t *f, unsigned sym, uint8_t why)
{
    aats_rec_t r = {.kind = AATS_REC_STATE, .sym = (uint16_t)sym, .flags = why ? 0 : AATS_F_VALID, .why = why, .seq = f->update, .epoch = 1};
    net_publish(f, &r, NULL, NULL);
    aats_dir_set_state(&f->view, sym, why ? AATS_DIR_SYNCING : AATS_DIR_LIVE);
}

/* ---- the receiver ---- */

__attribute__((unused)) static void net_begin(net_t *x, unsigned feed_cnt, uint32_t kind)
{
    char why[300] = "";
    x->feed_cnt = feed_cnt;
    x->mono_ns = x->mono_ns ? x->mono_ns : 1000 * NET_MS;
    x->opts.path_cnt = feed_cnt;
    x->opts.seed = x->opts.seed ? x->opts.seed : 1;
    for (unsigned i = 0; i < feed_cnt; i++) {
        aats_recv_path_opts_t *p = &x->opts.path[i];
        p->kind = kind;
        snprintf(p->addr, sizeof p->addr, "239.1.2.%u:15004", i + 3);
        if (kind == AATS_PATH_P2P) snprintf(p->ip, sizeof p->ip, "%s", x->feeds[i].ip), p->port = 15004;
        x->feeds[i].mono_ns = x->mono_ns;
    }
    x->recv = aats_recv_new(&x->opts, why, sizeof why);
    if (!x->recv) fprintf(stderr, "no receiver: %s\n", why), abort();
}

static void net_attach(net_t *x, aats_recv_need_t const *need)
{
    aats_md_params_t const params = {.ring_depth = 4096, .level_max = need->level_max, .dir_cap = need->dir_cap, .mode = need->mode,
                                     .stale_ns = need->stale_ns, .venue = "BINANCE", .feed_id = 4711};
    size_t const size = (size_t)aats_md_size(params.ring_depth, params.level_max, params.dir_cap);
    char why[200] = "";
    void *mem = fixture_zeroed(size);
    if (aats_seg_init(mem, size, AATS_KIND_MD, "rx", ++x->generation, fixture_ident(2), 1, FIXTURE_BOOT_ID, "1.0.0") != AATS_OK ||
        aats_md_init(mem, &params) != AATS_OK) abort();
    aats_seg_ready(mem);
    x->slot.owner = fixture_ident(2) | AATS_STATE_RUN;
    x->slot.generation = x->generation;
    if (aats_md_attach(mem, size, &x->view, why, sizeof why) != AATS_OK || aats_recv_attach(x->recv, mem, size, &x->slot, why, sizeof why) != AATS_OK) {
        fprintf(stderr, "no attach: %s\n", why);
        abort();
    }
    free(x->mem);
    x->mem = mem;
}

__attribute__((unused)) static void net_end(net_t *x)
{
    aats_recv_free(x->recv);
    for (unsigned i = 0; i < x->feed_cnt; i++)
        if (x->feeds[i].fan) net_feed_end(&x->feeds[i]);
    free(x->mem);
    free(x);
}

static void net_cut(net_t *x, unsigned i, char const *why)
{
    net_feed_t *f = &x->feeds[i];
    if (f->peer >= 0 && f->fan) aats_fan_leave(f->fan, f->peer);
    f->peer = -1;
    aats_recv_closed(x->recv, (int)i, why);
}

/* Bytes between receiver and fan-out, as far as both take them now. */
static void net_pipe(net_t *x, unsigned i, int64_t now_ns)
{
    net_feed_t *f = &x->feeds[i];
    uint8_t const *from;
    uint8_t *at;
    size_t n;
    int const want = aats_recv_want(x->recv, (int)i);
    char ip[48];
    uint32_t port = 0;
    if (want == AATS_FEED_CONNECT && f->peer < 0 && aats_recv_address(x->recv, (int)i, ip, sizeof ip, &port)) {
        aats_recv_connecting(x->recv, (int)i);
        if (!f->tcp || !f->fan || (f->peer = aats_fan_join(f->fan, x->mono_ns)) < 0) net_cut(x, i, "connection refused");
        else aats_recv_opened(x->recv, (int)i);
    }
    if (want == AATS_FEED_CLOSE) net_cut(x, i, "closed by us");
    if (f->peer >= 0 && !f->tcp) net_cut(x, i, "connection reset");
    for (int turn = 0; turn < 64 && f->peer >= 0 && !f->asleep; turn++) {
        int moved = 0;
        if ((n = aats_recv_output(x->recv, (int)i, &from)) > 0) {
            aats_fan_received(f->fan, f->peer, from, n, now_ns + f->skew_ns, x->mono_ns);
            aats_recv_sent(x->recv, (int)i, n);
            f->asks += n / sizeof(aats_ask_t);
            moved = 1;
        }
        aats_fan_step(f->fan, now_ns + f->skew_ns, x->mono_ns);
        while (aats_recv_want(x->recv, (int)i) != AATS_FEED_CLOSE && (n = aats_fan_output(f->fan, f->peer, &from)) > 0) {
            size_t const room = aats_recv_room(x->recv, (int)i, &at);
            if (n > room) n = room;
            memcpy(at, from, n);
            aats_fan_sent(f->fan, f->peer, n);
            aats_recv_received(x->recv, (int)i, n, now_ns);
            moved = 1;
        }
        if (aats_fan_want(f->fan, f->peer) != AATS_FAN_KEEP || aats_recv_want(x->recv, (int)i) == AATS_FEED_CLOSE) {
            net_cut(x, i, "connection reset");
            break;
        }
        if (!moved) break;
    }
}

static void net_deliver(net_t *x, unsigned i, int64_t now_ns)
{
    net_feed_t *f = &x->feeds[i];
    for (;;) {
        unsigned best = f->queue_cnt;
        for (unsigned k = 0; k < f->queue_cnt; k++)
            if (f->queue[k].due_ns <= x->mono_ns && (best == f->queue_cnt || f->queue[k].due_ns < f->queue[best].due_ns)) best = k;
        if (best == f->queue_cnt) return;
        net_datagram_t const d = f->queue[best];
        memmove(&f->queue[best], &f->queue[best + 1], (--f->queue_cnt - best) * sizeof d);
        if (x->opts.path[i].kind != AATS_PATH_P2P) aats_recv_datagram(x->recv, (int)i, f->ip, d.bytes, d.n, now_ns - (x->mono_ns - d.due_ns));
        free(d.bytes);
    }
}

__attribute__((unused)) static void net_take_mail(net_t *x)
{
    aats_mail_t *m;
    while (aats_mailbox_get(aats_recv_notices(x->recv), &m) == 1) {
        size_t const at = strlen(x->log);
        snprintf(x->log + at, sizeof x->log - at, "%s\n", (char const *)m->bytes);
        aats_mail_free(m);
    }
}

/* net_feeds lets the feeds make their passes; net_pass lets `ns` go by, then the feeds and the receiver make theirs. */
static void net_feeds(net_t *x)
{
    for (unsigned i = 0; i < x->feed_cnt; i++) {
        net_feed_t *f = &x->feeds[i];
        if (!f->fan || f->asleep) continue;
        f->mono_ns = x->mono_ns;
        int64_t const now_ns = NET_EPOCH_NS + x->mono_ns + f->skew_ns;
        aats_store_release(&f->slot.heartbeat_mono_ns, (uint64_t)x->mono_ns);
        aats_store_release(&f->view.md->links[0].heard_mono_ns, (uint64_t)x->mono_ns);
        aats_out_flush(f->out, now_ns);
        aats_out_tick(f->out, now_ns, x->mono_ns);
        aats_fan_step(f->fan, now_ns, x->mono_ns);
    }
}

__attribute__((unused)) static void net_pass(net_t *x, int64_t ns)
{
    aats_recv_need_t need;
    x->mono_ns += ns;
    int64_t const now_ns = NET_EPOCH_NS + x->mono_ns;
    net_feeds(x);
    aats_recv_begin(x->recv, now_ns, x->mono_ns);
    for (unsigned i = 0; i < x->feed_cnt; i++) {
        net_deliver(x, i, now_ns);
        net_pipe(x, i, now_ns);
    }
    aats_recv_end(x->recv);
    if (aats_recv_needs(x->recv, &need)) net_attach(x, &need);
    net_take_mail(x);
}

__attribute__((unused)) static void net_run(net_t *x, int64_t ns)
{
    for (int64_t until = x->mono_ns + ns; x->mono_ns < until;) net_pass(x, NET_MS);
}

/* ---- looks ---- */

__attribute__((unused)) static aats_path_t const *net_path(net_t *x, int path) { return aats_recv_path(x->recv, path); }

/* net_why: is the book good for a strategy here, at this moment? */
__attribute__((unused)) static int net_why(net_t *x, unsigned sym)
{
    aats_rec_t rec;
    return aats_valid_latest(&x->view, &x->slot, sym, &rec, NULL, NULL, 0, x->mono_ns);
}

/* net_here: our index of a feed's symbol: entries come in the order in which the network lets them. */
__attribute__((unused)) static unsigned net_here(net_t *x, net_feed_t *f, unsigned sym)
{
    int const here = aats_dir_find(&x->view, f->view.dir[sym].symbol);
    return here < 0 ? AATS_DIR_MAX : (unsigned)here;
}

/* net_same: book, tops and entry of a symbol are those of the feed. */
__attribute__((unused)) static int net_same(net_t *x, net_feed_t *f, unsigned sym)
{
    static aats_level_t a[2][AATS_LEVEL_MAX], b[2][AATS_LEVEL_MAX];
    aats_rec_t there = {0}, here = {0};
    unsigned const ours = net_here(x, f, sym);
    int const rc = aats_latest_read(&f->view, sym, &there, a[0], a[1], AATS_LEVEL_MAX);
    if (rc != aats_latest_read(&x->view, ours, &here, b[0], b[1], AATS_LEVEL_MAX)) return 0;
    if (rc == AATS_OK) {
        if (there.seq != here.seq || there.bid_len != here.bid_len || there.ask_len != here.ask_len) return 0;
        if ((there.flags & AATS_F_VALID) != (here.flags & AATS_F_VALID) || there.why != here.why) return 0;
        if (memcmp(a[0], b[0], there.bid_len * sizeof *a[0]) || memcmp(a[1], b[1], there.ask_len * sizeof *a[1])) return 0;
    }
    aats_top_t t = {0}, u = {0};
    if (aats_top_read(&f->view, sym, &t) != aats_top_read(&x->view, ours, &u)) return 0;
    if (t.bbo_seq != u.bbo_seq || t.bid_px_i != u.bid_px_i || t.ask_qty_i != u.ask_qty_i || t.tick_seq != u.tick_seq || t.tick_px_i != u.tick_px_i ||
        t.tick_qty_i != u.tick_qty_i || t.tick_side != u.tick_side) return 0;
    aats_dir_t d, e;
    if (aats_dir_read(&f->view, sym, &d) != AATS_OK || aats_dir_read(&x->view, ours, &e) != AATS_OK) return 0;
    return !strcmp(d.symbol, e.symbol) && !strcmp(d.native, e.native) && d.state == e.state && d.px_exp == e.px_exp && d.level_num == e.level_num;
}

/* net_same_levels: the levels, whatever is said of them. */
__attribute__((unused)) static int net_same_levels(net_t *x, net_feed_t *f, unsigned sym)
{
    static aats_level_t a[2][AATS_LEVEL_MAX], b[2][AATS_LEVEL_MAX];
    aats_rec_t there = {0}, here = {0};
    if (aats_latest_read(&f->view, sym, &there, a[0], a[1], AATS_LEVEL_MAX) != AATS_OK) return 0;
    if (aats_latest_read(&x->view, net_here(x, f, sym), &here, b[0], b[1], AATS_LEVEL_MAX) != AATS_OK) return 0;
    return there.bid_len == here.bid_len && there.ask_len == here.ask_len && !memcmp(a[0], b[0], there.bid_len * sizeof *a[0]) &&
           !memcmp(a[1], b[1], there.ask_len * sizeof *a[1]);
}

/* net_balance: every record that was missing has become something. */
__attribute__((unused)) static int net_balance(aats_path_t const *p) { return p->lost == p->repaired + p->late + p->given_up; }

#endif
