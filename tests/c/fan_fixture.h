/* fan_fixture.h -- a feed's segment with a fan-out over it, and receivers that know nothing but bytes.
 *
 * For: tests/c/test_fan*.c and fuzz_fan.c.  Time is virtual: fan_t.now_ns and mono_ns, moved by fan_pass.  A receiver (peer_view_t) takes what the fan gives
 * it, in pieces of any size, reads messages back by wire.h, and keeps what they said: records by number, books, directory, tops, snapshots, losses. */
#ifndef AATS_TESTS_FAN_FIXTURE_H
#define AATS_TESTS_FAN_FIXTURE_H

#include "app/fan.h"
#include "base/atomics.h"
#include "proto/wire.h"
#include "shm/directory.h"
#include "shm/publish.h"
#include "shm/segment.h"
#include "shm_fixture.h"

#define FAN_MS       INT64_C(1000000)
#define FAN_SYMS     8
#define FAN_DEPTH    256  /* of the ring */
#define FAN_RECS_MAX 65536

typedef struct {
    aats_md_view_t view;
    aats_ring_writer_t writer;
    aats_slot_t slot;
    aats_fan_t *fan;
    int64_t now_ns, mono_ns;
    uint64_t seed; /* of the next record */
} fan_t;

/* What a receiver was told. */
typedef struct {
    int peer;
    uint8_t in[1 << 17];
    size_t in_sz;
    uint64_t bytes, messages, digest;
    int broken;           /* something that wire.h refuses */
    uint64_t next;        /* number after the last record of a stream; UINT64_MAX: none yet */
    uint64_t records, holes, missing;
    uint64_t kinds[16];   /* messages by kind */
    uint64_t lost_cnt, lost_from, last_lost; /* LOST: sum, lowest number, last cnt */
    uint64_t resent_first, resent_cnt;
    uint64_t snap_seq, snap_end_seq, beat_seq;
    int in_snap;
    aats_wire_beat_t beat;
    aats_wire_clock_t clock;
    aats_rec_t book[FAN_SYMS]; /* newest of each: rec + 1 in stamp, 0: none */
    aats_level_t bids[FAN_SYMS][1000], asks[FAN_SYMS][1000];
    uint64_t ticks[FAN_SYMS];
    aats_dir_t dir[FAN_SYMS];
    aats_top_t top[FAN_SYMS];
    char bye[200];
} peer_view_t;

__attribute__((unused)) static int fan_open(fan_t *t, aats_fan_opts_t opts, uint32_t level_max)
{
    char why[200] = "";
    memset(t, 0, sizeof *t);
    if (fixture_md(&t->view, FAN_DEPTH, level_max, FAN_SYMS) != AATS_OK) return 0;
    t->view.md->feed_id = 77;
    aats_ring_open(&t->writer, &t->view);
    t->now_ns = INT64_C(1700000000000000000);
    t->mono_ns = 1000 * FAN_MS;
    t->slot.owner = fixture_ident(5) | AATS_STATE_RUN;
    t->slot.heartbeat_mono_ns = (uint64_t)t->mono_ns;
    t->fan = aats_fan_new(&opts, &t->view, &t->slot, why, sizeof why);
    if (!t->fan) fprintf(stderr, "no fan: %s\n", why);
    return t->fan != NULL;
}

__attribute__((unused)) static void fan_close(fan_t *t)
{
    aats_fan_free(t->fan);
    free(t->view.seg);
}

__attribute__((unused)) static uint64_t fan_counter(fan_t const *t, int which) { return aats_load_relaxed(&t->view.md->fan[which]); }

__attribute__((unused)) static int fan_symbol(fan_t *t, char const *name, uint32_t level_num)
{
    aats_dir_t d = {.state = AATS_DIR_LIVE, .px_exp = -2, .qty_exp = -3, .level_num = level_num};
    snprintf(d.symbol, sizeof d.symbol, "%s.BINANCE", name);
    snprintf(d.native, sizeof d.native, "%s", name);
    return aats_dir_add(&t->view, &d);
}

/* fan_levels: bids go down from, asks up from, a price that tells the seed. */
__attribute__((unused)) static void fan_levels(uint64_t seed, uint32_t cnt, aats_level_t *bids, aats_level_t *asks)
{
    for (uint32_t i = 0; i < cnt; i++) {
        bids[i] = (aats_level_t){(int64_t)(seed * 4000 - i), (int64_t)(seed + i)};
        asks[i] = (aats_level_t){(int64_t)(seed * 4000 + 1 + i), (int64_t)(seed + 2 * i)};
    }
}

__attribute__((unused)) static void fan_quote(fan_t *t, int sym, uint32_t levels)
{
    static aats_level_t bids[1000], asks[1000];
    aats_rec_t r = fixture_rec(AATS_REC_QUOTE, (uint16_t)sym, ++t->seed);
    fan_levels(t->seed, levels, bids, asks);
    r.bid_len = r.ask_len = (uint16_t)levels;
    aats_md_publish(&t->writer, &r, bids, asks);
}

__attribute__((unused)) static void fan_tick(fan_t *t, int sym)
{
    aats_rec_t r = fixture_rec(AATS_REC_TICK, (uint16_t)sym, ++t->seed);
    aats_md_publish(&t->writer, &r, NULL, NULL);
}

__attribute__((unused)) static void fan_invalid(fan_t *t, int sym)
{
    aats_rec_t r = fixture_rec(AATS_REC_STATE, (uint16_t)sym, ++t->seed);
    r.flags = 0;
    r.why = AATS_WHY_GAP;
    aats_md_publish(&t->writer, &r, NULL, NULL);
}

/* ---- a receiver ---- */

__attribute__((unused)) static void view_begin(peer_view_t *v, int peer)
{
    memset(v, 0, sizeof *v);
    v->peer = peer;
    v->next = UINT64_MAX;
    v->lost_from = UINT64_MAX;
}

static void view_book(peer_view_t *v, aats_rec_t const *r, aats_level_t const *bids, aats_level_t const *asks)
{
    if (r->sym >= FAN_SYMS || (v->book[r->sym].stamp && r->rec + 1 <= v->book[r->sym].stamp)) return;
    v->book[r->sym] = *r;
    v->book[r->sym].stamp = r->rec + 1;
    memcpy(v->bids[r->sym], bids, r->bid_len * sizeof *bids);
    memcpy(v->asks[r->sym], asks, r->ask_len * sizeof *asks);
}

static void view_state(peer_view_t *v, aats_rec_t const *r)
{
    aats_rec_t *b = &v->book[r->sym];
    if (!b->stamp || r->rec + 1 <= b->stamp) return;
    b->flags = r->flags;
    b->why = r->why;
    b->rec = r->rec;
    b->stamp = r->rec + 1;
}

static void view_records(peer_view_t *v, aats_wire_t const *h, uint8_t const *payload)
{
    aats_level_t bids[20], asks[20];
    size_t at = 0;
    for (uint32_t i = 0; i < h->cnt; i++) {
        aats_rec_t r;
        int const n = aats_wire_unpack(payload + at, h->payload_sz - at, 20, &r, bids, asks);
        if (n < 0 || r.rec != h->seq + i) {
            v->broken = 1;
            return;
        }
        at += (size_t)n;
        if (v->next != UINT64_MAX && r.rec > v->next) v->holes++, v->missing += r.rec - v->next;
        if (v->next != UINT64_MAX && r.rec < v->next && !v->in_snap) { /* asked for */
            if (!v->resent_cnt++) v->resent_first = r.rec;
        } else {
            v->next = r.rec + 1;
            v->records++;
            if (r.kind == AATS_REC_TICK && r.sym < FAN_SYMS) v->ticks[r.sym]++;
        }
        if (r.kind == AATS_REC_QUOTE && !(r.flags & AATS_F_DEEP)) view_book(v, &r, bids, asks);
        if (r.kind == AATS_REC_STATE && r.sym < FAN_SYMS) view_state(v, &r);
    }
    if (at != h->payload_sz) v->broken = 1;
}

static void view_message(peer_view_t *v, aats_wire_t const *h, uint8_t const *payload)
{
    static aats_level_t bids[1000], asks[1000];
    aats_rec_t r;
    aats_wire_lost_t lost;
    v->messages++;
    v->kinds[h->kind & 15]++;
    switch (h->kind) {
    case AATS_WIRE_RECORDS: view_records(v, h, payload); break;
    case AATS_WIRE_BOOK:
        if (aats_wire_unpack(payload, h->payload_sz, 1000, &r, bids, asks) != (int)h->payload_sz) v->broken = 1;
        else view_book(v, &r, bids, asks);
        break;
    case AATS_WIRE_DIR:
        for (uint32_t i = 0; i < h->cnt; i++) {
            aats_wire_dir_t d;
            memcpy(&d, payload + i * sizeof d, sizeof d);
            if (d.index < FAN_SYMS) v->dir[d.index] = d.dir;
        }
        break;
    case AATS_WIRE_TOP:
        for (uint32_t i = 0; i < h->cnt; i++) {
            aats_wire_top_t top;
            memcpy(&top, payload + i * sizeof top, sizeof top);
            if (top.index < FAN_SYMS) v->top[top.index] = top.top;
        }
        break;
    case AATS_WIRE_SNAP:
        v->snap_seq = h->seq;
        v->in_snap = 1;
        if (v->next == UINT64_MAX || h->seq > v->next) v->next = v->next == UINT64_MAX ? h->seq : v->next;
        break;
    case AATS_WIRE_SNAP_END:
        v->snap_end_seq = h->seq;
        v->in_snap = 0;
        break;
    case AATS_WIRE_BEAT:
        memcpy(&v->beat, payload, sizeof v->beat);
        v->beat_seq = h->seq;
        break;
    case AATS_WIRE_LOST:
        memcpy(&lost, payload, sizeof lost);
        v->lost_cnt += lost.cnt;
        v->last_lost = lost.cnt;
        if (lost.from < v->lost_from) v->lost_from = lost.from;
        break;
    case AATS_WIRE_CLOCK: memcpy(&v->clock, payload, sizeof v->clock); break;
    case AATS_WIRE_BYE: snprintf(v->bye, sizeof v->bye, "%.*s", (int)h->payload_sz, (char const *)payload); break;
    default: break;
    }
}

/* view_hear takes bytes as they come and reads the messages that are whole. */
__attribute__((unused)) static void view_hear(peer_view_t *v, uint8_t const *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) v->digest = (v->digest ^ bytes[i]) * UINT64_C(1099511628211);
    v->bytes += n;
    while (n && !v->broken) {
        size_t const part = sizeof v->in - v->in_sz < n ? sizeof v->in - v->in_sz : n;
        memcpy(v->in + v->in_sz, bytes, part);
        v->in_sz += part;
        bytes += part;
        n -= part;
        size_t at = 0;
        for (;;) {
            aats_wire_t h;
            int const rc = aats_wire_read(v->in + at, v->in_sz - at, aats_seg_layout_hash(), &h);
            if (rc == AATS_E_MORE) break;
            if (rc < 0) {
                v->broken = 1;
                return;
            }
            view_message(v, &h, v->in + at + sizeof h);
            at += (size_t)rc;
        }
        memmove(v->in, v->in + at, v->in_sz - at);
        v->in_sz -= at;
    }
}

/* fan_read lets a receiver take what there is for it, at most `most` bytes, in pieces of at most `piece`. */
__attribute__((unused)) static size_t fan_read(fan_t *t, peer_view_t *v, size_t most, size_t piece)
{
    size_t got = 0;
    while (got < most) {
        uint8_t const *at;
        size_t n = aats_fan_output(t->fan, v->peer, &at);
        if (!n) break;
        if (n > piece) n = piece;
        if (n > most - got) n = most - got;
        view_hear(v, at, n);
        aats_fan_sent(t->fan, v->peer, n);
        got += n;
    }
    return got;
}

__attribute__((unused)) static void fan_all(fan_t *t, peer_view_t *v) { fan_read(t, v, SIZE_MAX, SIZE_MAX); }

/* fan_pass is a pass of a feed that lives, a step of the fan, and of nothing else. */
__attribute__((unused)) static int fan_pass(fan_t *t, int64_t ns)
{
    t->now_ns += ns;
    t->mono_ns += ns;
    t->slot.heartbeat_mono_ns = (uint64_t)t->mono_ns;
    return aats_fan_step(t->fan, t->now_ns, t->mono_ns);
}

__attribute__((unused)) static int fan_say(fan_t *t, int peer, void const *bytes, size_t n)
{
    return aats_fan_received(t->fan, peer, bytes, n, t->now_ns, t->mono_ns);
}

__attribute__((unused)) static aats_hello_t fan_hello(uint16_t flags)
{
    return (aats_hello_t){.magic = AATS_HELLO_MAGIC, .version = AATS_WIRE_VERSION, .flags = flags, .layout_hash = aats_seg_layout_hash()};
}

__attribute__((unused)) static int fan_ask(fan_t *t, int peer, uint32_t kind, uint64_t a, uint64_t b)
{
    aats_ask_t const q = {.magic = AATS_ASK_MAGIC, .kind = kind, .a = a, .b = b};
    return fan_say(t, peer, &q, sizeof q);
}

/* fan_connect joins a receiver and says its hello; a stream has its snapshot after the next pass. */
__attribute__((unused)) static int fan_connect(fan_t *t, peer_view_t *v, uint16_t flags)
{
    aats_hello_t const h = fan_hello(flags);
    int const peer = aats_fan_join(t->fan, t->mono_ns);
    if (peer < 0) return peer;
    view_begin(v, peer);
    return fan_say(t, peer, &h, sizeof h);
}

/* fan_same says whether a receiver's book is the feed's. */
__attribute__((unused)) static int fan_same(fan_t const *t, peer_view_t const *v, int sym)
{
    static aats_level_t bids[1000], asks[1000];
    aats_rec_t r;
    if (aats_latest_read(&t->view, (uint32_t)sym, &r, bids, asks, t->view.level_max) != AATS_OK) return v->book[sym].stamp == 0;
    aats_rec_t const *b = &v->book[sym];
    return b->stamp && b->rec == r.rec && b->flags == r.flags && b->why == r.why && b->bid_len == r.bid_len && b->ask_len == r.ask_len &&
           !memcmp(v->bids[sym], bids, r.bid_len * sizeof *bids) && !memcmp(v->asks[sym], asks, r.ask_len * sizeof *asks);
}

#endif
