/* feed_aside.c -- what a successor puts aside while another link carries the group, and how it takes over (feed_link.c draws the picture). */
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "shm/directory.h"

#define PROOF_NS ((int64_t)5 * 1000000000) /* an old link that does not answer a ping, or a snapshot that does not come, is not waited for longer */

typedef struct {
    uint32_t len;
    int32_t binary;
    int64_t recv_ns;
} stash_head_t;

static link_t *sibling(aats_feed_t *f, link_t *l) { return &f->links[l->index ^ 1]; }

static void put_aside(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    stash_head_t h = {(uint32_t)n, binary, recv_ns};
    size_t pad = (n + 7) & ~(size_t)7, need = l->stash_len + sizeof h + pad;
    if (need > l->stash_cap) {
        size_t cap = l->stash_cap ? l->stash_cap : (size_t)64 << 10;
        while (cap < need) cap *= 2;
        uint8_t *grown = cap <= STASH_MAX ? realloc(l->stash, cap) : NULL;
        if (!grown) {
            feed_count(f, AATS_MDC_UNKNOWN, 1);
            if (!l->holed) feed_notice(f, 1, "link %d: too much came before it took over; its books will be checked anew", l->index);
            l->stash_len = 0;
            l->holed = 1;
            return;
        }
        l->stash = grown;
        l->stash_cap = cap;
    }
    memcpy(l->stash + l->stash_len, &h, sizeof h);
    memcpy(l->stash + l->stash_len + sizeof h, text, n);
    l->stash_len = need;
}

void aside_drop(link_t *l)
{
    free(l->stash);
    l->stash = NULL;
    l->stash_len = l->stash_cap = 0;
    l->holed = 0;
}

/* ---- taking over ---- */

/* Nothing lies between what the old link has brought and what this one put aside: by a pong, or by a diff that overlaps.  Where snapshots come
 * in the stream, one of this link's begins the book anew, and all since is here. */
static int proven(aats_feed_t *f, link_t *l, uint32_t sym)
{
    if (l->holed) return 0;
    if (f->in_band) return l->subs[sym].aside_snap;
    uint64_t first = l->subs[sym].aside_id;
    int overlaps = f->venue->seq == AATS_SEQ_SPAN && first && first <= f->syms[sym].sync.id + 1;
    return (l->proof && sibling(f, l)->passed >= l->proof) || overlaps;
}

static void go_through(aats_feed_t *f, link_t *l)
{
    for (size_t at = 0; at + sizeof(stash_head_t) <= l->stash_len && l->phase == LINK_OPEN;) {
        stash_head_t h;
        memcpy(&h, l->stash + at, sizeof h);
        book_message(f, l, (char const *)l->stash + at + sizeof h, h.len, h.recv_ns, h.binary);
        at += sizeof h + (((size_t)h.len + 7) & ~(size_t)7);
    }
}

/* The put-aside snapshots may be older than what readers have seen: books are told once, when all that followed them is in. */
void aside_take_over(aats_feed_t *f, link_t *l)
{
    int books = link_way(f, l) == f->book_way;
    l->successor = 0;
    f->carrier[l->index / 2] = l->index;
    for (uint32_t i = 0; books && i < f->sym_cnt; i++) {
        sym_t *s = &f->syms[i];
        if (!feed_mine(f, l, s)) continue;
        aats_dir_set_link(&f->view, i, (uint32_t)l->index);
        sub_t const *sub = &l->subs[i];
        if (!(sub->live & AATS_STREAM_DEPTH) && !sub->aside_snap) book_stream_lost(f, s, 0);
        else book_carried(f, s, proven(f, l, i));
    }
    f->draining = 1;
    f->quiet = f->in_band;
    go_through(f, l);
    f->draining = f->quiet = 0;
    aside_drop(l);
    for (sym_t *s = f->syms; f->in_band && books && s < f->syms + f->sym_cnt; s++)
        if (feed_mine(f, l, s)) book_settle(f, s);
    feed_notice(f, 0, "link %d carries on", l->index);
}

int aside_ready(aats_feed_t *f, link_t *l)
{
    link_t *old = sibling(f, l);
    int snaps = 1;
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        if (!feed_mine(f, l, &f->syms[i])) continue;
        if (!sub_ready(f, l, &f->syms[i])) {
            l->proof = 0; /* a symbol has joined: it must be proven, too */
            return 0;
        }
        snaps &= l->subs[i].aside_snap || !f->in_band || link_way(f, l) != f->book_way || !(f->opts.streams & AATS_STREAM_DEPTH);
    }
    if (old->phase != LINK_OPEN) return 1;
    if (!l->proof) {
        link_barrier(f, old);
        l->proof = old->barrier;
        l->proof_mono_ns = f->mono_ns;
    }
    return (snaps && old->passed >= l->proof) || f->mono_ns - l->proof_mono_ns > PROOF_NS;
}

/* ---- messages ---- */

static void note(aats_feed_t *f, link_t *l)
{
    aats_msg_t const *m = &f->msg;
    sym_t *s = m->sym ? feed_find(f, m->sym, m->sym_len) : NULL;
    if (!s) return;
    sub_t *sub = &l->subs[feed_index(f, s)];
    sub->heard = 1;
    if (m->kind == AATS_MSG_DEPTH && !sub->aside_id) sub->aside_id = m->first_id;
    if (m->kind == AATS_MSG_SNAPSHOT) sub->aside_snap = 1;
}

void link_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    if (!l->successor) {
        book_message(f, l, text, n, recv_ns, binary);
        return;
    }
    int e = feed_parse(f, text, n, binary, 0);
    if (!e && msg_at_once(f->msg.kind)) {
        book_message(f, l, text, n, recv_ns, binary);
        if (!(f->msg.has & AATS_HAS_LINK_SEQ)) return; /* else its number must be seen in its place among the others */
    }
    while (!e) {
        note(f, l);
        if (!f->msg.more || !f->venue->next || f->venue->next(text, n, &f->msg)) break;
    }
    put_aside(f, l, text, n, recv_ns, binary);
}
