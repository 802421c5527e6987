/* feed_link.c -- the life of a connection: attempts, subscriptions, silence, rotation.
 *
 *   IDLE --wanted--> WAIT --due--> CONNECTING --opened--> UPGRADING --101--> OPEN --fault, silence, good-bye--> CLOSING
 *                     ^                 |                     |                                                    |
 *                     +--- back-off ----+---------------------+------------------------- closed by the host -------+
 *
 * A group of symbols has two links.  One carries it.  Before that one grows old, or when the venue says good-bye, the other is
 * opened as its successor; what it brings is put aside.  When every subscription is acknowledged, a ping is sent over the old one:
 * once its pong is here, all that the venue sent there before the new streams began is here too.  Then the successor takes over,
 * the put-aside messages are gone through (ids tell which are new), and the old one is closed: no update is missed and no book
 * becomes invalid.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "shm/directory.h"

#define SECOND        1000000000
#define ACK_NS        ((int64_t)10 * SECOND)
#define STEADY_NS     ((int64_t)60 * SECOND) /* a connection that held this long makes the next back-off short again */
#define PROOF_NS      ((int64_t)5 * SECOND)  /* an old link that does not answer a ping for so long is not waited for */

typedef struct {
    uint32_t len;
    int32_t binary;
    int64_t recv_ns;
} stash_head_t;

int link_init(aats_feed_t *f, link_t *l, int index)
{
    l->index = index;
    l->subs = calloc(f->view.dir_cap, sizeof *l->subs);
    f->view.md->links[index].limit_ns = (uint64_t)(2 * f->venue->ping_ns + 5 * (int64_t)SECOND);
    return l->subs != NULL;
}

void link_fini(link_t *l)
{
    free(l->rx);
    if (l->tx) explicit_bzero(l->tx, l->tx_cap); /* an upgrade may have held a key */
    free(l->tx);
    free(l->join_buf);
    free(l->stash);
    free(l->subs);
}

static void retire(aats_feed_t *f, link_t *l);
static int carries(aats_feed_t *f, link_t *l) { return f->carrier[l->index / 2] == l->index; }
static link_t *sibling(aats_feed_t *f, link_t *l) { return &f->links[l->index ^ 1]; }
static int mine(aats_feed_t *f, link_t *l, uint32_t sym) { return f->syms[sym].group == l->index / 2 && !f->syms[sym].gone; }

/* ---- taking over ---- */

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

static void drop_stash(link_t *l)
{
    free(l->stash);
    l->stash = NULL;
    l->stash_len = l->stash_cap = 0;
    l->holed = 0;
}

/* Nothing lies between what the old link has brought and what this one put aside: by a pong, or by a diff that overlaps. */
static int proven(aats_feed_t *f, link_t *l, uint32_t sym)
{
    uint64_t first = l->subs[sym].aside_id;
    return !l->holed && ((l->proof && sibling(f, l)->passed >= l->proof) || (first && first <= f->syms[sym].sync.id + 1));
}

static void take_over(aats_feed_t *f, link_t *l)
{
    l->successor = 0;
    f->carrier[l->index / 2] = l->index;
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        if (!mine(f, l, i)) continue;
        sym_t *s = &f->syms[i];
        aats_dir_set_link(&f->view, i, (uint32_t)l->index);
        if (l->subs[i].state != SUB_ACKED) book_stream_lost(f, s, 0);
        else book_carried(f, s, proven(f, l, i));
    }
    for (size_t at = 0; at + sizeof(stash_head_t) <= l->stash_len && l->phase == LINK_OPEN;) {
        stash_head_t h;
        memcpy(&h, l->stash + at, sizeof h);
        book_message(f, l, (char const *)l->stash + at + sizeof h, h.len, h.recv_ns, h.binary);
        at += sizeof h + (((size_t)h.len + 7) & ~(size_t)7);
    }
    drop_stash(l);
    feed_notice(f, 0, "link %d carries on", l->index);
}

static int successor_ready(aats_feed_t *f, link_t *l)
{
    link_t *old = sibling(f, l);
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        if (!mine(f, l, i)) continue;
        if (l->subs[i].state == SUB_ACKED) continue;
        l->proof = 0; /* a symbol has joined: it must be proven, too */
        return 0;
    }
    if (old->phase != LINK_OPEN) return 1;
    if (!l->proof) {
        link_barrier(f, old);
        l->proof = old->barrier;
        l->proof_mono_ns = f->mono_ns;
    }
    return old->passed >= l->proof || f->mono_ns - l->proof_mono_ns > PROOF_NS;
}

void link_rotate(aats_feed_t *f, link_t *l, char const *why)
{
    link_t *other = sibling(f, l);
    if (l->dying || !carries(f, l)) return;
    if (other->phase != LINK_IDLE) { /* the last one it replaced is still on its way out */
        l->rotate_mono_ns = f->mono_ns + SECOND;
        return;
    }
    l->dying = 1;
    feed_notice(f, 0, "link %d is replaced: %s", l->index, why);
    other->successor = 1;
    other->phase = LINK_WAIT;
    other->at_mono_ns = f->mono_ns;
}

void link_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    if (!l->successor) {
        book_message(f, l, text, n, recv_ns, binary);
        return;
    }
    int e = feed_parse(f, text, n, binary, 0);
    if (!e && (f->msg.kind == AATS_MSG_ACK || f->msg.kind == AATS_MSG_ERROR)) {
        book_message(f, l, text, n, recv_ns, binary);
        return;
    }
    sym_t *s = !e && f->msg.sym ? feed_find(f, f->msg.sym, f->msg.sym_len) : NULL;
    if (s) {
        sub_t *sub = &l->subs[feed_index(f, s)];
        sub->heard = 1;
        if (f->msg.kind == AATS_MSG_DEPTH && !sub->aside_id) sub->aside_id = f->msg.first_id;
    }
    put_aside(f, l, text, n, recv_ns, binary);
}

/* ---- ends ---- */

/* Another link carries the group; whatever this one was about, it ends. */
static void retire(aats_feed_t *f, link_t *l)
{
    l->successor = 0;
    if (l->phase == LINK_WAIT) l->phase = LINK_IDLE;
    if (l->phase == LINK_IDLE || l->phase == LINK_CLOSING) return;
    link_leave(f, l, AATS_WS_NORMAL);
    link_lost(f, l, "replaced");
}

/* The stream over this link is over: its symbols move to a successor that is there, or lose their books. */
void link_lost(aats_feed_t *f, link_t *l, char const *why)
{
    if (!l->was_open) return;
    l->was_open = 0;
    l->dying = 0;
    aats_add_relaxed(&f->view.md->links[l->index].drops, 1);
    feed_count(f, AATS_MDC_DROPS, 1);
    feed_notice(f, 1, "link %d down: %s", l->index, why);
    if (f->mono_ns - l->opened_mono_ns > STEADY_NS) l->tries = 0;
    int carried = carries(f, l);
    link_t *other = sibling(f, l);
    if (carried && other->successor && other->phase == LINK_OPEN) take_over(f, other);
    else if (carried)
        for (uint32_t i = 0; i < f->sym_cnt; i++)
            if (mine(f, l, i)) book_stream_lost(f, &f->syms[i], 1);
    pub_link(f, l, 0);
    memset(l->subs, 0, f->view.dir_cap * sizeof *l->subs);
    l->barrier = l->passed = l->proof = 0;
    drop_stash(l);
}

void link_fail(aats_feed_t *f, link_t *l, int close_code, char const *why)
{
    if (l->phase == LINK_CLOSING || l->phase == LINK_IDLE || l->phase == LINK_WAIT) return;
    if (!l->was_open) feed_notice(f, 1, "link %d: %s: %s", l->index, f->opts.host, why);
    link_leave(f, l, close_code);
    link_lost(f, l, why);
}

void aats_feed_closed(aats_feed_t *f, int link, char const *why)
{
    link_t *l = &f->links[link];
    if (l->phase != LINK_OPEN && l->phase != LINK_CLOSING) feed_notice(f, 1, "link %d: %s: %s", l->index, f->opts.host, why);
    l->phase = LINK_CLOSING;
    link_lost(f, l, why);
    l->tx_len = l->rx_len = 0;
    if (f->stopping || (!carries(f, l) && !l->successor)) {
        l->phase = LINK_IDLE;
        return;
    }
    if (l->successor && f->links[link ^ 1].phase != LINK_OPEN) { /* the one it was to relieve is gone too: that one reconnects */
        l->successor = 0;
        l->phase = LINK_IDLE;
        l->wait_ns = 0;
        return;
    }
    int64_t wait = f->opts.backoff_min_ns << (l->tries < 8 ? l->tries : 8);
    wait = feed_jitter(f, wait < f->opts.backoff_max_ns ? wait : f->opts.backoff_max_ns);
    if (l->wait_ns > wait) wait = l->wait_ns;
    l->wait_ns = 0;
    l->tries++;
    l->phase = LINK_WAIT;
    l->at_mono_ns = f->mono_ns + wait;
}

/* ---- subscriptions ---- */

static void send_subscriptions(aats_feed_t *f, link_t *l)
{
    static int const DROPS[] = {1, 0}; /* first what is given up: the venue limits the streams of a connection */
    for (unsigned k = 0; k < 2; k++) {
        char const *names[256];
        uint32_t which[256];
        uint32_t cnt = 0, part = 0, cap = f->venue->subscribe_batch < 256 ? f->venue->subscribe_batch : 256;
        for (uint32_t i = 0; i < f->sym_cnt && cnt < cap; i++) {
            sub_t *sub = &l->subs[i];
            if (!DROPS[k] && sub->state == SUB_NONE && mine(f, l, i)) sub->state = SUB_WANTED;
            if (sub->state != (DROPS[k] ? SUB_DROP : SUB_WANTED)) continue;
            if (!DROPS[k] && cnt && f->syms[i].part != part) continue;
            part = f->syms[i].part;
            names[cnt] = f->syms[i].info.native;
            which[cnt++] = i;
        }
        if (!cnt) continue;
        if (!link_may_send(f, l)) return;
        char text[32768];
        uint32_t id = ++l->next_id;
        int n = f->venue->subscribe(text, sizeof text, id, DROPS[k], f->opts.streams, names, cnt);
        if (n < 0) continue;
        link_send(f, l, AATS_WS_TEXT, text, (size_t)n);
        for (uint32_t i = 0; i < cnt; i++) {
            uint8_t state = DROPS[k] ? SUB_NONE : SUB_SENT;
            l->subs[which[i]] = (sub_t){.state = state, .id = id, .acked_mono_ns = f->mono_ns};
        }
        if (DROPS[k]) return; /* the rest, and what is wanted, with the next tick */
    }
}

/* An acknowledgement that does not come means that the connection is not what it seems; a stream that stays silent is only told to the log:
 * the venue acknowledges well-formed names that do not exist. */
static void watch_subscriptions(aats_feed_t *f, link_t *l)
{
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        sub_t *sub = &l->subs[i];
        if (!mine(f, l, i)) continue;
        if (sub->state == SUB_SENT && f->mono_ns - sub->acked_mono_ns > ACK_NS) {
            link_fail(f, l, AATS_WS_NORMAL, "a subscription was not acknowledged");
            return;
        }
        if (sub->state != SUB_ACKED || sub->heard || sub->told || f->mono_ns - sub->acked_mono_ns < f->opts.first_message_ns) continue;
        sub->told = 1;
        long long waited_s = f->opts.first_message_ns / SECOND;
        feed_notice(f, 1, "%s: subscribed, but no message within %lld s", f->syms[i].info.symbol, waited_s);
    }
}

void link_barrier(aats_feed_t *f, link_t *l)
{
    if (l->phase != LINK_OPEN) return;
    l->barrier = ++f->barriers;
    link_send(f, l, AATS_WS_PING, &l->barrier, sizeof l->barrier);
}

/* ---- time ---- */

void link_stalled(aats_feed_t *f, link_t *l)
{
    if (l->phase != LINK_OPEN) return;
    l->heard_mono_ns = f->mono_ns;
    for (uint32_t i = 0; i < f->sym_cnt; i++)
        if (l->subs[i].state == SUB_SENT) l->subs[i].acked_mono_ns = f->mono_ns;
    link_barrier(f, l);
}

void link_open(aats_feed_t *f, link_t *l)
{
    l->phase = LINK_OPEN;
    l->was_open = 1;
    l->opened_mono_ns = f->mono_ns;
    int64_t age = f->opts.rotate_ns ? f->opts.rotate_ns : f->venue->rotate_ns;
    l->rotate_mono_ns = f->mono_ns + age - (int64_t)(feed_random(f) % (uint64_t)(age / 16 + 1));
    l->heard_mono_ns = f->mono_ns;
    aats_add_relaxed(&f->view.md->links[l->index].connects, 1);
    feed_count(f, AATS_MDC_CONNECTS, 1);
    feed_notice(f, 0, "link %d up: %s", l->index, f->opts.host);
    pub_link(f, l, 1);
    if (!l->successor)
        for (uint32_t i = 0; i < f->sym_cnt; i++)
            if (mine(f, l, i)) aats_dir_set_link(&f->view, i, (uint32_t)l->index), pub_judge(f, &f->syms[i], 0, f->now_ns);
}

static void tick_open(aats_feed_t *f, link_t *l)
{
    if (f->mono_ns - l->heard_mono_ns > 2 * f->venue->ping_ns) {
        link_fail(f, l, AATS_WS_NORMAL, "mute: not even a ping for two ping intervals");
        return;
    }
    if (f->mono_ns >= l->rotate_mono_ns && !l->dying) link_rotate(f, l, "it has grown old");
    send_subscriptions(f, l);
    watch_subscriptions(f, l);
    if (l->phase != LINK_OPEN || !l->successor || !successor_ready(f, l)) return;
    take_over(f, l);
    retire(f, sibling(f, l));
}

void link_tick(aats_feed_t *f, link_t *l)
{
    switch (l->phase) {
    case LINK_CONNECTING:
    case LINK_UPGRADING:
        if (f->mono_ns < l->at_mono_ns) break;
        link_fail(f, l, 0, l->phase == LINK_CONNECTING ? "no connection in time" : "no answer to the upgrade in time");
        break;
    case LINK_OPEN: tick_open(f, l); break;
    default: break;
    }
}

int aats_feed_want(aats_feed_t *f, int link)
{
    link_t *l = &f->links[link];
    if (l->phase == LINK_WAIT && !f->stopping && f->mono_ns >= l->at_mono_ns) return AATS_FEED_CONNECT;
    if (l->phase == LINK_CLOSING && (!l->tx_len || f->mono_ns >= l->at_mono_ns)) return AATS_FEED_CLOSE;
    return AATS_FEED_NOTHING;
}

void aats_feed_connecting(aats_feed_t *f, int link)
{
    link_t *l = &f->links[link];
    l->phase = LINK_CONNECTING;
    l->at_mono_ns = f->mono_ns + f->opts.connect_ns;
}
