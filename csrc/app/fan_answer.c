/* fan_answer.c -- answers to a peer's questions, in their order, as far as there is room for them.  See fan_state.h. */
#include <string.h>

#include "app/fan_state.h"
#include "base/errors.h"

#define HEAD_SZ   sizeof(aats_wire_t)
#define RESEND_SZ 16384 /* bytes of records in one answer */

/* Each answer returns the bytes made, 0 if it has to wait; *q is brought to what is left of it (done: kind 0). */

static size_t put(aats_fan_t *f, peer_t *p, uint32_t kind, uint64_t seq, void const *payload, size_t n)
{
    aats_wire_t head;
    if (!peer_room(f, p, HEAD_SZ + n)) return 0;
    aats_wire_head(&head, &f->from, kind, seq, f->now_ns, (uint32_t)n);
    memcpy(p->own + p->own_end, &head, HEAD_SZ);
    memcpy(p->own + p->own_end + HEAD_SZ, payload, n);
    p->own_end += (uint32_t)(HEAD_SZ + n);
    return HEAD_SZ + n;
}

static size_t answer_lost(aats_fan_t *f, peer_t *p, uint64_t from, uint64_t cnt)
{
    aats_wire_lost_t const lost = {.from = from, .cnt = cnt};
    return put(f, p, AATS_WIRE_LOST, peer_seq(f, p), &lost, sizeof lost);
}

static size_t answer_clock(aats_fan_t *f, peer_t *p, ask_t *q)
{
    aats_wire_clock_t const clock = {.asked_ns = (int64_t)q->a, .received_ns = q->heard_ns, .answered_ns = f->now_ns};
    size_t const n = put(f, p, AATS_WIRE_CLOCK, peer_seq(f, p), &clock, sizeof clock);
    if (n) q->kind = 0;
    return n;
}

static size_t answer_book(aats_fan_t *f, peer_t *p, ask_t *q)
{
    size_t const most = HEAD_SZ + aats_wire_rec_sz(f->view->level_max, f->view->level_max);
    if (!peer_room(f, p, most)) return 0;
    uint64_t const seq = peer_seq(f, p);
    int const n = q->a < f->view->dir_cap ? fan_book(f, (uint32_t)q->a, seq, p->own + p->own_end, most) : AATS_E_UNKNOWN;
    q->kind = 0;
    if (n < 0) return answer_lost(f, p, q->a, 0);
    p->own_end += (uint32_t)n;
    return (size_t)n;
}

/* The ring no longer has record q->a, nor any that is older than its depth. */
static size_t resend_lost(aats_fan_t *f, peer_t *p, ask_t *q)
{
    uint64_t const newest = aats_ring_newest(f->view), depth = f->view->ring_depth;
    uint64_t cnt = newest > depth && newest - depth > q->a ? newest - depth - q->a : 1;
    if (cnt > q->b) cnt = q->b;
    size_t const n = answer_lost(f, p, q->a, cnt);
    if (!n) return 0;
    fan_count(f, AATS_FAN_TOO_LATE, cnt);
    q->a += cnt;
    q->b -= cnt;
    if (!q->b) q->kind = 0;
    return n;
}

static size_t answer_resend(aats_fan_t *f, peer_t *p, ask_t *q)
{
    if (!peer_room(f, p, HEAD_SZ + RESEND_SZ)) return 0;
    uint8_t *const at = p->own + p->own_end;
    uint64_t const first = q->a;
    uint32_t sz = 0, cnt = 0;
    int rc = 1;
    while (q->b) {
        rc = aats_ring_poll(f->view, q->a, &f->rec);
        if (rc != 1 || sz + aats_wire_rec_sz(f->rec.r.bid_len, f->rec.r.ask_len) > RESEND_SZ) break;
        sz += (uint32_t)aats_wire_pack(at + HEAD_SZ + sz, RESEND_SZ - sz, &f->rec.r, f->rec.bids, f->rec.asks);
        cnt++;
        q->a++;
        q->b--;
    }
    if (!cnt) return resend_lost(f, p, q);
    if (!q->b) q->kind = 0;
    aats_wire_t head;
    aats_wire_head(&head, &f->from, AATS_WIRE_RECORDS, first, f->now_ns, sz);
    head.cnt = (uint16_t)cnt;
    memcpy(at, &head, HEAD_SZ);
    p->own_end += (uint32_t)HEAD_SZ + sz;
    fan_count(f, AATS_FAN_RESENT, cnt);
    return HEAD_SZ + sz;
}

static size_t answer(aats_fan_t *f, peer_t *p, ask_t *q)
{
    switch (q->kind) {
    case AATS_ASK_RESEND: return answer_resend(f, p, q);
    case AATS_ASK_BOOK:   return answer_book(f, p, q);
    default:              return answer_clock(f, p, q);
    }
}

/* A snapshot comes behind all answers before it, and one is under way at a time. */
static int snapshot(aats_fan_t *f, int peer, int may_snap)
{
    peer_t const *p = &f->peers[peer];
    if (!may_snap || p->own_at != p->own_end || p->snap >= 0) return 0;
    if (snap_make(f, peer)) return 1;
    f->snap_waits = 1;
    return 0;
}

static void pop(peer_t *p)
{
    p->ask_at = (p->ask_at + 1) % AATS_FAN_ASKS;
    p->ask_cnt--;
}

int peer_answer(aats_fan_t *f, int peer, int may_snap)
{
    peer_t *p = &f->peers[peer];
    size_t made = 0;
    while ((p->ask_cnt || p->stalled) && made < AATS_FAN_SHARE) {
        ask_t *q = &p->asks[p->ask_at];
        if (p->stalled || q->kind == AATS_ASK_SNAPSHOT) {
            if (!snapshot(f, peer, may_snap)) break;
            made += f->snaps[p->snap].end;
            if (p->ask_cnt && q->kind == AATS_ASK_SNAPSHOT) pop(p);
            continue;
        }
        size_t const n = answer(f, p, q);
        if (!n) break;
        made += n;
        if (!q->kind) pop(p);
    }
    return (int)made;
}
