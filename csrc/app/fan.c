/* fan.c -- a fan-out's life and its step; see fan.h for what is promised and fan_state.h for who does what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/fan_state.h"
#include "base/atomics.h"
#include "base/errors.h"
#include "shm/segment.h"

#define PEERS_DEFAULT 256
#define OWN_DEFAULT   (256u << 10)
#define LOG_DEFAULT   (4u << 20)
#define LOG_DEFAULT_MAX (64u << 20)
#define LOOK_NS       50000000 /* between two looks at deadlines */

/* ---- counters, in the segment ---- */

void fan_count(aats_fan_t *f, uint32_t counter, uint64_t n) { aats_add_relaxed(&f->view->md->fan[counter], n); }

void fan_gauges(aats_fan_t *f)
{
    aats_store_relaxed(&f->view->md->fan[AATS_FAN_SUBS], f->subs);
    aats_store_relaxed(&f->view->md->fan[AATS_FAN_PEERS], f->peer_cnt);
    aats_store_relaxed(&f->view->md->fan[AATS_FAN_COMPAT], f->compat_cnt);
}

/* ---- life ---- */

/* The log holds a thousand of the deepest books, so that who reads gets them, and 4 MiB at least. */
static uint32_t log_default(aats_md_view_t const *view)
{
    uint64_t const want = 1024 * aats_wire_rec_sz(view->level_max, view->level_max);
    uint32_t sz = LOG_DEFAULT;
    while (sz < LOG_DEFAULT_MAX && sz < want) sz *= 2;
    return sz;
}

static char const *fill(aats_fan_opts_t *o, aats_md_view_t const *view)
{
    if (!o->peer_max) o->peer_max = PEERS_DEFAULT;
    if (!o->own_max) o->own_max = OWN_DEFAULT;
    if (!o->log_sz) o->log_sz = log_default(view);
    if (o->peer_max > AATS_FAN_PEERS_MAX) return "peer_max is at most 512";
    if (o->own_max < AATS_FAN_OWN_MIN || o->own_max > 1u << 30) return "own_max is 64 KiB to 1 GiB";
    if (o->log_sz < AATS_FAN_LOG_MIN || o->log_sz > 1u << 30 || o->log_sz & (o->log_sz - 1)) return "log_sz is a power of two from 128 KiB to 1 GiB";
    return NULL;
}

static int alloc(aats_fan_t *f)
{
    f->peers = calloc(f->opts.peer_max, sizeof *f->peers);
    f->owns = calloc(f->opts.peer_max, f->opts.own_max); /* pages that nobody fills cost nothing */
    f->log = calloc(1, f->opts.log_sz);
    f->msg = calloc(1, AATS_WIRE_MSG_MAX);
    f->bids = calloc(f->view->level_max, sizeof *f->bids);
    f->asks = calloc(f->view->level_max, sizeof *f->asks);
    f->snap_sz = snap_size(f->view);
    for (int i = 0; i < AATS_FAN_SNAPS; i++) {
        f->snaps[i].peer = -1;
        f->snaps[i].bytes = calloc(1, f->snap_sz);
        if (!f->snaps[i].bytes) return 0;
    }
    if (!f->peers || !f->owns || !f->log || !f->msg || !f->bids || !f->asks) return 0;
    return !f->opts.compat || compat_open(&f->compat, f->opts.peer_max);
}

aats_fan_t *aats_fan_new(aats_fan_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, char *why, size_t why_sz)
{
    aats_fan_t *f = calloc(1, sizeof *f);
    char const *wrong = "no memory";
    if (f) {
        f->opts = *opts;
        f->view = view;
        f->slot = slot;
        wrong = fill(&f->opts, view);
        if (!wrong && !alloc(f)) wrong = "no memory";
    }
    if (wrong) {
        snprintf(why, why_sz, "fan-out: %s", wrong);
        aats_fan_free(f);
        return NULL;
    }
    f->from = (aats_wire_from_t){.feed_id = view->md->feed_id, .generation = view->generation, .layout_hash = aats_seg_layout_hash(),
                                 .rec_cap = view->ring_levels};
    f->next = aats_ring_newest(view);
    f->beat_mono_ns = INT64_MIN;
    return f;
}

void aats_fan_free(aats_fan_t *f)
{
    if (!f) return;
    for (int i = 0; i < AATS_FAN_SNAPS; i++) free(f->snaps[i].bytes);
    compat_close(&f->compat);
    free(f->peers);
    free(f->owns);
    free(f->log);
    free(f->msg);
    free(f->bids);
    free(f->asks);
    free(f);
}

void aats_fan_set_repair(aats_fan_t *f, char const *ip, uint32_t port)
{
    snprintf(f->opts.out.repair_ip, sizeof f->opts.out.repair_ip, "%s", ip);
    f->opts.out.repair_port = port;
}

void aats_fan_set_datagrams(aats_fan_t *f, aats_out_send_t send, void *arg)
{
    f->send = f->opts.datagrams ? send : NULL;
    f->send_arg = arg;
}

int aats_fan_compat_symbol(aats_fan_t *f, char const *symbol, int32_t cid, uint32_t depth)
{
    return f->opts.compat ? compat_add(&f->compat, symbol, cid, depth) : AATS_E_ARG;
}

int aats_fan_follows(aats_fan_t const *f)
{
    return f->subs || f->compat_cnt || (f->send && (f->opts.compat || f->view->level_max > f->view->ring_levels));
}

/* ---- peers come and go ---- */

int aats_fan_join(aats_fan_t *f, int64_t mono_ns)
{
    uint32_t i = 0;
    while (i < f->opts.peer_max && f->peers[i].phase != PEER_FREE) i++;
    if (i == f->opts.peer_max || f->stopped) {
        fan_count(f, AATS_FAN_REFUSED, 1);
        return AATS_E_FULL;
    }
    peer_t *p = &f->peers[i];
    memset(p, 0, sizeof *p);
    p->phase = PEER_HELLO;
    p->own = f->owns + (size_t)i * f->opts.own_max;
    p->snap = -1;
    p->snap_pos = NO_POS;
    p->moved_mono_ns = mono_ns;
    p->hello_by_mono_ns = mono_ns + (f->opts.compat ? AATS_HELLO_WAIT_NS : AATS_FAN_HELLO_NS);
    if (p->hello_by_mono_ns < f->look_mono_ns) f->look_mono_ns = p->hello_by_mono_ns;
    f->peer_cnt++;
    fan_gauges(f);
    return (int)i;
}

void aats_fan_leave(aats_fan_t *f, int peer)
{
    peer_t *p = &f->peers[peer];
    if (p->phase == PEER_FREE) return;
    if (p->phase == PEER_STREAM) f->subs--;
    if (p->phase == PEER_COMPAT) f->compat_cnt--;
    if (p->phase != PEER_ENDS && p->phase != PEER_HELLO && p->want == AATS_FAN_KEEP) fan_count(f, AATS_FAN_GONE, 1);
    snap_drop(f, p);
    p->phase = PEER_FREE;
    p->want = AATS_FAN_KEEP;
    f->peer_cnt--;
    fan_gauges(f);
}

/* cut_slow: whose next byte is overwritten has lost its place. */
static void cut_slow(aats_fan_t *f)
{
    if (f->log_end <= f->opts.log_sz) return;
    uint64_t const oldest = f->log_end - f->opts.log_sz;
    if (f->slowest >= oldest) return;
    f->slowest = UINT64_MAX;
    for (uint32_t i = 0; i < f->opts.peer_max; i++) {
        peer_t *p = &f->peers[i];
        int const inside = (p->phase == PEER_STREAM && p->streams) || (p->phase == PEER_ENDS && p->pos < p->msg_end);
        if (!inside) continue;
        if (p->pos < oldest) peer_cut(f, p, AATS_FAN_SLOW);
        else if (p->pos < f->slowest) f->slowest = p->pos;
    }
}

void aats_fan_stop(aats_fan_t *f, int64_t now_ns)
{
    static char const WHY[] = "the feed ends";
    if (f->stopped) return;
    f->now_ns = now_ns;
    log_put(f, f->msg, fan_bye(f, f->next, WHY, f->msg, AATS_WIRE_MSG_MAX));
    f->stopped = 1;
    for (uint32_t i = 0; i < f->opts.peer_max; i++) {
        peer_t *p = &f->peers[i];
        if (p->phase == PEER_STREAM && p->streams) p->want = p->want == AATS_FAN_KEEP ? AATS_FAN_LAST : p->want;
        else if (p->phase == PEER_STREAM || p->phase == PEER_ASKS) peer_end(f, p, WHY);
        else if (p->phase == PEER_HELLO || p->phase == PEER_COMPAT) peer_drop(f, p);
    }
    cut_slow(f);
}

/* ---- the step ---- */

static int answers(aats_fan_t *f)
{
    size_t made = 0;
    if (!f->more) return 0;
    f->more = f->snap_waits = 0;
    uint32_t const first = f->turn;
    for (uint32_t i = 0; i < f->opts.peer_max; i++) {
        uint32_t const at = (first + i) % f->opts.peer_max;
        peer_t const *p = &f->peers[at];
        if (!p->ask_cnt && !p->stalled) continue;
        if (made >= 8 * AATS_FAN_SHARE) {
            f->turn = at;
            f->more = 1;
            break;
        }
        int const waited = f->snap_waits;
        size_t const n = (size_t)peer_answer(f, (int)at, 1);
        made += n;
        if (n >= AATS_FAN_SHARE) f->more = 1;
        if (!waited && f->snap_waits) f->turn = at; /* first in turn when a buffer is free again */
    }
    return made > 0;
}

static void hello_is_late(aats_fan_t *f, peer_t *p)
{
    if (f->opts.compat && !p->in_sz) {
        p->phase = PEER_COMPAT;
        p->moved_mono_ns = f->mono_ns;
        f->compat_cnt++;
        fan_count(f, AATS_FAN_ACCEPTED, 1);
        compat_map(&f->compat, f->view);
        compat_place(&f->compat, (uint32_t)(p - f->peers), &p->compat);
        compat_begin(&f->compat, &p->compat);
        fan_gauges(f);
    } else if (p->in_sz) {
        fan_count(f, AATS_FAN_REFUSED, 1);
        peer_end(f, p, "the hello did not come whole in time");
    } else {
        peer_cut(f, p, AATS_FAN_REFUSED);
    }
}

static void look(aats_fan_t *f)
{
    if (f->mono_ns < f->look_mono_ns) return;
    f->look_mono_ns = f->mono_ns + LOOK_NS;
    for (uint32_t i = 0; i < f->opts.peer_max; i++) {
        peer_t *p = &f->peers[i];
        if (p->phase == PEER_FREE || p->want == AATS_FAN_CUT) continue;
        if (p->phase == PEER_HELLO) {
            if (p->in_sz && f->opts.compat && !p->first_byte) { /* no silent one: it has the time of the others */
                p->first_byte = 1;
                p->hello_by_mono_ns += AATS_FAN_HELLO_NS - AATS_HELLO_WAIT_NS;
            }
            if (f->mono_ns >= p->hello_by_mono_ns) hello_is_late(f, p);
            else if (p->hello_by_mono_ns < f->look_mono_ns) f->look_mono_ns = p->hello_by_mono_ns;
            continue;
        }
        if (!peer_waits(f, (int)i)) p->moved_mono_ns = f->mono_ns;
        else if (f->mono_ns - p->moved_mono_ns > AATS_FAN_STUCK_NS) peer_cut(f, p, AATS_FAN_SLOW);
    }
    for (int i = 0; i < AATS_FAN_SNAPS && f->snap_waits; i++) {
        snap_t const *s = &f->snaps[i];
        if (s->peer >= 0 && f->mono_ns - s->since_mono_ns > AATS_FAN_SNAP_NS) peer_cut(f, &f->peers[s->peer], AATS_FAN_SLOW);
    }
}

int aats_fan_step(aats_fan_t *f, int64_t now_ns, int64_t mono_ns)
{
    f->now_ns = now_ns;
    f->mono_ns = mono_ns;
    if (f->stopped) {
        look(f);
        return 0;
    }
    log_beat(f);
    int const taken = log_take(f);
    int made = log_beat_out(f);
    cut_slow(f);
    look(f);
    made |= answers(f);
    return taken + made;
}

int64_t aats_fan_next_mono_ns(aats_fan_t const *f)
{
    if (f->more) return f->mono_ns;
    return f->beat_mono_ns < f->look_mono_ns ? f->beat_mono_ns : f->look_mono_ns;
}
