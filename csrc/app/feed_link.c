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
#define STEADY_NS     ((int64_t)60 * SECOND) /* a connection that held this long makes the next back-off short again */

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

static int carries(aats_feed_t *f, link_t *l) { return f->carrier[l->index / 2] == l->index; }
static link_t *sibling(aats_feed_t *f, link_t *l) { return &f->links[l->index ^ 1]; }

/* ---- ends ---- */

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

/* Another link carries the group; whatever this one was about, it ends. */
static void retire(aats_feed_t *f, link_t *l)
{
    l->successor = 0;
    if (l->phase == LINK_WAIT) l->phase = LINK_IDLE;
    if (l->phase == LINK_IDLE || l->phase == LINK_CLOSING) return;
    link_leave(f, l, AATS_WS_NORMAL);
    link_lost(f, l, "replaced");
}

/* Its symbols lose what came by it: their books, or the thread of their trades. */
static void streams_lost(aats_feed_t *f, link_t *l)
{
    int way = link_way(f, l);
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) {
        if (!feed_mine(f, l, s)) continue;
        if (way == f->book_way) book_stream_lost(f, s, 1);
        s->restarted |= f->way_streams[way] & TRADES;
        if (f->way_streams[way] & AATS_STREAM_BBO) s->bbo_id = 0;
    }
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
    if (carried && other->successor && other->phase == LINK_OPEN) aside_take_over(f, other);
    else if (carried) streams_lost(f, l);
    pub_link(f, l, 0);
    memset(l->subs, 0, f->view.dir_cap * sizeof *l->subs);
    l->barrier = l->passed = l->proof = 0;
    aside_drop(l);
}

void link_fail(aats_feed_t *f, link_t *l, int close_code, char const *why)
{
    if (l->phase == LINK_CLOSING || l->phase == LINK_IDLE || l->phase == LINK_WAIT) return;
    if (!l->was_open) feed_notice(f, 1, "link %d: %s: %s", l->index, link_host(f, l), why);
    link_leave(f, l, close_code);
    link_lost(f, l, why);
}

void aats_feed_closed(aats_feed_t *f, int link, char const *why)
{
    link_t *l = &f->links[link];
    if (l->phase != LINK_OPEN && l->phase != LINK_CLOSING) feed_notice(f, 1, "link %d: %s: %s", l->index, link_host(f, l), why);
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

/* ---- pings ---- */

void link_barrier(aats_feed_t *f, link_t *l)
{
    if (l->phase != LINK_OPEN) return;
    l->barrier = ++f->barriers;
    if (f->venue->barrier_text && f->venue->ping) {
        link_text_ping(f, l);
        l->barrier_ping = l->pings;
        return;
    }
    link_send(f, l, AATS_WS_PING, &l->barrier, sizeof l->barrier);
}

void link_text_ping(aats_feed_t *f, link_t *l)
{
    char text[256];
    int n = f->venue->ping(text, sizeof text, l->pings + 1);
    l->ping_mono_ns = f->mono_ns + f->venue->ping_every_ns;
    if (n <= 0) return;
    l->pings++;
    link_send(f, l, AATS_WS_TEXT, text, (size_t)n);
}

void link_text_pong(aats_feed_t *f, link_t *l, uint64_t id)
{
    if (!id) id = l->pongs + 1;
    if (id <= l->pongs || id > l->pings) return;
    l->pongs = id;
    if (!f->venue->barrier_text || !l->barrier || id < l->barrier_ping) return;
    l->passed = l->barrier;
    l->barrier = 0;
    book_barrier_passed(f, l);
}

/* ---- time ---- */

void link_stalled(aats_feed_t *f, link_t *l)
{
    if (l->phase != LINK_OPEN) return;
    l->heard_mono_ns = f->mono_ns;
    sub_stalled(f, l);
    link_barrier(f, l);
}

static void say_hello(aats_feed_t *f, link_t *l)
{
    char text[1024];
    int n = f->venue->hello ? f->venue->hello(text, sizeof text) : 0;
    if (n <= 0) return;
    l->next_id++;
    link_send(f, l, AATS_WS_TEXT, text, (size_t)n);
}

void link_open(aats_feed_t *f, link_t *l)
{
    l->phase = LINK_OPEN;
    l->was_open = 1;
    l->opened_mono_ns = f->mono_ns;
    int64_t age = f->opts.rotate_ns ? f->opts.rotate_ns : f->venue->rotate_ns;
    l->rotate_mono_ns = age > 0 ? f->mono_ns + age - (int64_t)(feed_random(f) % (uint64_t)(age / 16 + 1)) : INT64_MAX; /* 0: it has no end of its own */
    l->heard_mono_ns = f->mono_ns;
    l->pings = l->pongs = l->barrier_ping = 0;
    l->ping_mono_ns = f->mono_ns + f->venue->ping_every_ns;
    l->link_no = AATS_LINK_NO_NONE;
    l->answered = l->next_id;
    say_hello(f, l);
    aats_add_relaxed(&f->view.md->links[l->index].connects, 1);
    feed_count(f, AATS_MDC_CONNECTS, 1);
    feed_notice(f, 0, "link %d up: %s", l->index, link_host(f, l));
    pub_link(f, l, 1);
    if (!l->successor && link_way(f, l) == f->book_way)
        for (uint32_t i = 0; i < f->sym_cnt; i++)
            if (feed_mine(f, l, &f->syms[i])) aats_dir_set_link(&f->view, i, (uint32_t)l->index), pub_judge(f, &f->syms[i], 0, f->now_ns);
}

static void tick_open(aats_feed_t *f, link_t *l)
{
    if (f->mono_ns - l->heard_mono_ns > 2 * f->venue->ping_ns) {
        link_fail(f, l, AATS_WS_NORMAL, "mute: not even a ping for two ping intervals");
        return;
    }
    if (f->mono_ns >= l->rotate_mono_ns && !l->dying) link_rotate(f, l, "it has grown old");
    if (f->venue->ping && f->venue->ping_every_ns > 0 && f->mono_ns >= l->ping_mono_ns) link_text_ping(f, l);
    sub_send(f, l);
    sub_watch(f, l);
    if (l->phase != LINK_OPEN || !l->successor || !aside_ready(f, l)) return;
    aside_take_over(f, l);
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
