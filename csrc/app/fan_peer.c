/* fan_peer.c -- one connection: its hello, its questions, and what goes out next.  See fan_state.h. */
#include <stdio.h>
#include <string.h>

#include "app/fan_state.h"
#include "base/errors.h"
#include "proto/compat.h"

#define HEAD_SZ sizeof(aats_wire_t)

uint64_t peer_seq(aats_fan_t const *f, peer_t const *p)
{
    return p->phase == PEER_STREAM && p->streams ? log_seq_at(f, p->msg_end) : aats_ring_newest(f->view);
}

/* ---- the end of a peer ---- */

int peer_room(aats_fan_t const *f, peer_t *p, size_t n)
{
    if (f->opts.own_max - p->own_end >= n) return 1;
    memmove(p->own, p->own + p->own_at, p->own_end - p->own_at);
    p->own_end -= p->own_at;
    p->own_at = 0;
    return f->opts.own_max - p->own_end >= n;
}

static void ends(aats_fan_t *f, peer_t *p, int want)
{
    if (p->phase == PEER_STREAM) f->subs--;
    if (p->phase == PEER_COMPAT) f->compat_cnt--;
    p->phase = PEER_ENDS;
    p->want = want;
    p->ask_cnt = 0;
    p->stalled = 0;
    fan_gauges(f);
}

void peer_end(aats_fan_t *f, peer_t *p, char const *why)
{
    uint64_t const seq = peer_seq(f, p);
    ends(f, p, AATS_FAN_LAST);
    if (peer_room(f, p, HEAD_SZ + strlen(why))) p->own_end += (uint32_t)fan_bye(f, seq, why, p->own + p->own_end, f->opts.own_max - p->own_end);
}

void peer_drop(aats_fan_t *f, peer_t *p)
{
    ends(f, p, AATS_FAN_CUT);
    snap_drop(f, p);
}

void peer_cut(aats_fan_t *f, peer_t *p, uint32_t counter)
{
    if (p->want == AATS_FAN_CUT) return;
    peer_drop(f, p);
    fan_count(f, counter, 1);
}

/* ---- hello ---- */

/* same compares in a time that does not tell where they differ. */
static int same(uint8_t const *a, uint8_t const *b, size_t n)
{
    uint8_t volatile differ = 0;
    for (size_t i = 0; i < n; i++) differ |= (uint8_t)(a[i] ^ b[i]);
    return differ == 0;
}

static int refuse(aats_fan_t *f, peer_t *p, char const *why)
{
    fan_count(f, AATS_FAN_REFUSED, 1);
    peer_end(f, p, why);
    return AATS_E_PROTO;
}

static int hello(aats_fan_t *f, peer_t *p)
{
    aats_hello_t h;
    char why[160];
    memcpy(&h, p->in, sizeof h);
    if (h.magic != AATS_HELLO_MAGIC) return refuse(f, p, "these bytes are not the hello of a receiver");
    if (h.version != AATS_WIRE_VERSION) {
        snprintf(why, sizeof why, "wire version %u, this feed speaks %u", h.version, AATS_WIRE_VERSION);
        return refuse(f, p, why);
    }
    if (h.layout_hash != f->from.layout_hash) {
        snprintf(why, sizeof why, "layout %016llx, this feed has %016llx: both ends need the same build", (unsigned long long)h.layout_hash,
                 (unsigned long long)f->from.layout_hash);
        return refuse(f, p, why);
    }
    if (f->opts.need_proof && !same(h.proof, f->opts.proof, sizeof h.proof)) return refuse(f, p, "another token than this feed's");
    fan_count(f, AATS_FAN_ACCEPTED, 1);
    if (!(h.flags & AATS_HELLO_STREAM)) {
        p->phase = PEER_ASKS;
        return AATS_OK;
    }
    if (!aats_fan_follows(f)) f->next = aats_ring_newest(f->view);
    p->phase = PEER_STREAM;
    f->subs++;
    fan_gauges(f);
    return peer_ask(f, p, &(aats_ask_t){.magic = AATS_ASK_MAGIC, .kind = AATS_ASK_SNAPSHOT});
}

/* ---- questions ---- */

int peer_ask(aats_fan_t *f, peer_t *p, aats_ask_t const *q)
{
    if (q->magic != AATS_ASK_MAGIC || q->kind < AATS_ASK_RESEND || q->kind > AATS_ASK_CLOCK) return AATS_E_PROTO;
    if (p->ask_cnt == AATS_FAN_ASKS) return AATS_E_FULL;
    ask_t a = {.kind = q->kind, .a = q->a, .b = q->b, .heard_ns = f->now_ns};
    if (q->kind == AATS_ASK_RESEND) { /* no further than what there is */
        uint64_t const newest = aats_ring_newest(f->view);
        uint64_t const there = a.a < newest ? newest - a.a : 0;
        if (a.b > there) a.b = there;
        if (!a.b) return AATS_OK;
    }
    p->asks[(p->ask_at + p->ask_cnt++) % AATS_FAN_ASKS] = a;
    f->more = 1;
    return AATS_OK;
}

static int question(aats_fan_t *f, int peer)
{
    peer_t *p = &f->peers[peer];
    aats_ask_t q;
    memcpy(&q, p->in, sizeof q);
    if (p->ask_cnt == AATS_FAN_ASKS) peer_answer(f, peer, 0);
    int const rc = peer_ask(f, p, &q);
    if (rc == AATS_E_FULL) peer_cut(f, p, AATS_FAN_SLOW);
    else if (rc != AATS_OK) peer_end(f, p, "this is no question that a feed answers");
    return rc == AATS_OK ? AATS_OK : AATS_E_PROTO;
}

int aats_fan_received(aats_fan_t *f, int peer, void const *bytes, size_t n, int64_t now_ns, int64_t mono_ns)
{
    if (peer < 0 || (uint32_t)peer >= f->opts.peer_max) return AATS_E_ARG;
    peer_t *p = &f->peers[peer];
    uint8_t const *from = bytes;
    int rc = AATS_OK;
    f->now_ns = now_ns;
    f->mono_ns = mono_ns;
    if (p->phase == PEER_COMPAT && n) peer_cut(f, p, AATS_FAN_REFUSED); /* that client is silent: this is a hello that came too late */
    while (n && rc == AATS_OK) {
        if (p->phase != PEER_HELLO && p->phase != PEER_ASKS && p->phase != PEER_STREAM) return AATS_E_PROTO;
        if (f->stopped) return AATS_OK;
        size_t const part = sizeof p->in - p->in_sz < n ? sizeof p->in - p->in_sz : n;
        memcpy(p->in + p->in_sz, from, part);
        p->in_sz += (uint32_t)part;
        from += part;
        n -= part;
        if (p->in_sz < sizeof p->in) break;
        p->in_sz = 0;
        rc = p->phase == PEER_HELLO ? hello(f, p) : question(f, peer);
    }
    if (rc == AATS_OK && p->ask_cnt) peer_answer(f, peer, 0);
    return rc;
}

int aats_fan_hears(aats_fan_t const *f, int peer) { return f->peers[peer].ask_cnt <= AATS_FAN_ASKS / 2; }

/* ---- what goes out ---- */

int peer_waits(aats_fan_t *f, int peer)
{
    peer_t const *p = &f->peers[peer];
    if (p->own_at < p->own_end || p->snap >= 0) return 1;
    if (p->phase == PEER_COMPAT) return compat_waits(&f->compat, &p->compat);
    return p->phase == PEER_STREAM && p->streams && !p->stalled && p->pos < f->log_end;
}

static size_t own_run(peer_t *p, uint8_t const **at)
{
    p->out = FROM_OWN;
    *at = p->own + p->own_at;
    return p->own_end - p->own_at;
}

static size_t compat_run(aats_fan_t *f, peer_t *p, uint8_t const **at)
{
    if (p->own_at == p->own_end) {
        p->own_at = 0;
        p->own_end = (uint32_t)compat_next(&f->compat, &p->compat, f->view, AATS_COMPAT_TCP, p->own, f->opts.own_max);
    }
    return own_run(p, at);
}

static size_t stream_run(aats_fan_t *f, peer_t *p, uint64_t limit, uint8_t const **at)
{
    p->out = FROM_LOG;
    return log_run(f, p->pos, limit, at);
}

size_t aats_fan_output(aats_fan_t *f, int peer, uint8_t const **at)
{
    peer_t *p = &f->peers[peer];
    int const answers = p->snap >= 0 || p->own_at < p->own_end;
    p->out = FROM_NOTHING;
    *at = NULL;
    if (p->phase == PEER_FREE || p->want == AATS_FAN_CUT) return 0;
    if (p->phase == PEER_COMPAT) return compat_run(f, p, at);
    if (answers && p->pos < p->msg_end) return stream_run(f, p, p->msg_end, at); /* the message that it stands in first */
    if (p->snap >= 0) {
        snap_t const *s = &f->snaps[p->snap];
        p->out = FROM_SNAP;
        *at = s->bytes + s->at;
        return s->end - s->at;
    }
    if (answers) return own_run(p, at);
    if (p->phase != PEER_STREAM || !p->streams || p->stalled) return 0;
    if (p->pos == p->snap_pos) { /* a lap: what comes behind it wants a snapshot first */
        p->stalled = 1;
        f->more = 1;
        return 0;
    }
    return stream_run(f, p, p->snap_pos < f->log_end ? p->snap_pos : f->log_end, at);
}

void aats_fan_sent(aats_fan_t *f, int peer, size_t n)
{
    peer_t *p = &f->peers[peer];
    if (!n) return;
    fan_count(f, AATS_FAN_BYTES, n);
    p->moved_mono_ns = f->mono_ns;
    if (p->ask_cnt || p->stalled) f->more = 1;
    switch (p->out) {
    case FROM_LOG:
        p->pos += n;
        log_walk(f, p);
        break;
    case FROM_OWN:
        p->own_at += (uint32_t)n;
        if (p->own_at == p->own_end) p->own_at = p->own_end = 0;
        break;
    case FROM_SNAP:
        f->snaps[p->snap].at += n;
        if (f->snaps[p->snap].at == f->snaps[p->snap].end) snap_drop(f, p);
        break;
    default: break;
    }
}

int aats_fan_is_compat(aats_fan_t const *f, int peer) { return f->peers[peer].phase == PEER_COMPAT; }
int aats_fan_want(aats_fan_t const *f, int peer) { return f->peers[peer].want; }
