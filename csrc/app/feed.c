/* feed.c -- a feed's life and its passes: timers, and the pause that nobody announced. */
#include "app/feed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/feed_state.h"

#define SECOND     1000000000
#define TICK_NS    1000000 /* timers of connections and symbols are looked at this often */

void aats_feed_defaults(aats_feed_opts_t *o)
{
    *o = (aats_feed_opts_t){
        .venue            = "BINANCE",
        .snapshot_limit   = 1000,
        .book_window      = AATS_BOOK_WINDOW,
        .stale_ns         = 500000000,
        .connect_ns       = (int64_t)5 * SECOND,
        .first_message_ns = (int64_t)10 * SECOND,
        .backoff_min_ns   = 500000000,
        .backoff_max_ns   = (int64_t)30 * SECOND,
    };
}

/* ---- small things that every part uses ---- */

void feed_notice(aats_feed_t *f, int level, char const *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) n = (int)sizeof text - 1;
    for (int i = 0; i < n; i++) /* a venue's words stand in some lines: they may not break out of theirs */
        if ((uint8_t)text[i] < ' ' || text[i] == 0x7f) text[i] = '?';
    aats_mailbox_put(&f->out, AATS_MAIL_NOTICE, 0, (uint64_t)level, text, (size_t)n); /* a full mailbox loses lines, never data */
}

/* Without a seed each number is the system's (mask keys must not be guessed); with one, splitmix64, so that a run can be repeated. */
uint64_t feed_random(aats_feed_t *f)
{
    uint64_t z = 0;
    if (!f->opts.seed && getrandom(&z, sizeof z, 0) == (ssize_t)sizeof z) return z;
    z = f->rng += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

int64_t feed_jitter(aats_feed_t *f, int64_t ns) { return ns / 2 + (int64_t)(feed_random(f) % (uint64_t)(ns / 2 + 1)); }

/* ---- life ---- */

/* What comes by each way, and which of them carries the book. */
static void set_ways(aats_feed_t *f)
{
    aats_venue_t const *v = f->venue;
    f->in_band = v->snapshots == AATS_SNAP_STREAM;
    f->way_cnt = v->way_cnt ? (int)v->way_cnt : 1;
    for (int w = 0; w < f->way_cnt; w++) f->way_streams[w] = f->opts.streams & (v->way_cnt ? v->ways[w].streams : ~0u);
    while (f->book_way < f->way_cnt - 1 && !(f->way_streams[f->book_way] & AATS_STREAM_DEPTH)) f->book_way++;
    for (int w = 0; !(f->way_streams[f->book_way]) && w < f->way_cnt; w++) /* no depth at all: the first that is used */
        if (f->way_streams[w]) f->book_way = w;
}

/* The exponents of a symbol, for parsers that ask.  It is found here once for the whole message. */
static void scale(void *arg, void *msg)
{
    aats_feed_t *f = arg;
    aats_msg_t *m = msg;
    sym_t const *s = f->asked;
    if (m->sym) {
        f->found_at = m->sym;
        s = f->found = feed_find(f, m->sym, m->sym_len);
    }
    if (!s) return;
    m->px_exp = s->info.px_exp;
    m->qty_exp = s->info.qty_exp;
    m->px_dec = s->info.px_dec;
    m->qty_dec = s->info.qty_dec;
}

static int set_up(aats_feed_t *f)
{
    uint32_t cap = 16;
    while (cap < 2 * f->view.dir_cap) cap *= 2;
    f->names_mask = cap - 1;
    f->names = calloc(cap, sizeof *f->names);
    f->syms = calloc(f->view.dir_cap, sizeof *f->syms);
    f->msg.bids = calloc(AATS_MSG_LEVELS, sizeof(aats_level_t));
    f->msg.asks = calloc(AATS_MSG_LEVELS, sizeof(aats_level_t));
    f->msg.scale = f->venue->scales ? scale : NULL;
    f->msg.scale_arg = f;
    int ok = f->names && f->syms && f->msg.bids && f->msg.asks;
    for (int side = 0; side < 2; side++) ok &= (f->top[side] = calloc(f->view.level_max, sizeof(aats_level_t))) != NULL;
    for (int i = 0; i < AATS_LINK_MAX; i++) ok &= link_init(f, &f->links[i], i);
    for (int g = 0; g < AATS_LINK_MAX / 2; g++) f->carrier[g] = NONE;
    ok &= aats_mailbox_init(&f->in, 4096) == AATS_OK && aats_mailbox_init(&f->out, 4096) == AATS_OK;
    return ok;
}

aats_feed_t *aats_feed_new(aats_feed_opts_t const *opts, void *mem, size_t size, aats_slot_t *slot, char *why, size_t why_sz)
{
    aats_venue_t const *venue = aats_venue_dialect(opts->venue, opts->format);
    if (venue) return aats_feed_new_for(venue, opts, mem, size, slot, why, why_sz);
    snprintf(why, why_sz, "no venue %s%s%s is built in", opts->venue, opts->format[0] ? " in format " : "", opts->format);
    return NULL;
}

aats_feed_t *aats_feed_new_for(aats_venue_t const *venue, aats_feed_opts_t const *opts, void *mem, size_t size, aats_slot_t *slot, char *why,
                               size_t why_sz)
{
    if (opts->streams & ~venue->streams) {
        snprintf(why, why_sz, "%s has not all of the streams asked for in format %s", opts->venue, venue->format);
        return NULL;
    }
    if (opts->fuse_bbo && !venue->fuses) {
        snprintf(why, why_sz, "fuse_bbo: %s numbers its best bid/ask apart from its book: which of them is newer cannot be told", opts->venue);
        return NULL;
    }
    aats_feed_t *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->opts = *opts;
    f->venue = venue;
    f->slot = slot;
    f->rng = opts->seed;
    if (!f->opts.streams) f->opts.streams = (AATS_STREAM_DEPTH | AATS_STREAM_TRADE | AATS_STREAM_BBO) & venue->streams;
    set_ways(f);
    if (!f->opts.book_window) f->opts.book_window = AATS_BOOK_WINDOW;
    if (!aats_book_footprint(f->opts.book_window)) {
        snprintf(why, why_sz, "book_window %u: a power of two from %d to %d is needed", opts->book_window, AATS_BOOK_WINDOW_MIN,
                 AATS_BOOK_WINDOW_MAX);
        free(f);
        return NULL;
    }
    if (aats_md_attach(mem, size, &f->view, why, why_sz) != AATS_OK) {
        free(f);
        return NULL;
    }
    if (aats_ring_open(&f->writer, &f->view) != AATS_OK) {
        snprintf(why, why_sz, "the segment has been written before; each feed makes a new generation");
        free(f);
        return NULL;
    }
    if (!set_up(f)) {
        snprintf(why, why_sz, "no memory");
        aats_feed_free(f);
        return NULL;
    }
    return f;
}

void aats_feed_free(aats_feed_t *f)
{
    if (!f) return;
    for (uint32_t i = 0; f->syms && i < f->sym_cnt; i++) {
        sym_t *s = &f->syms[i];
        aats_sync_fini(&s->sync);
        aats_book_fini(s->sync.book);
        free(s->book_mem);
        free(s->told[0]);
        free(s->told[1]);
    }
    for (int i = 0; i < AATS_LINK_MAX; i++) link_fini(&f->links[i]);
    aats_mailbox_fini(&f->in);
    aats_mailbox_fini(&f->out);
    free(f->names);
    free(f->syms);
    free(f->msg.bids);
    free(f->msg.asks);
    free(f->top[0]);
    free(f->top[1]);
    explicit_bzero(f->key, sizeof f->key);
    free(f);
}

int aats_feed_set_key(aats_feed_t *f, char const *key)
{
    static char const MAY[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = strnlen(key, KEY_MAX + 1);
    if (!n || n > KEY_MAX || strspn(key, MAY) != n) return AATS_E_ARG;
    memcpy(f->key, key, n + 1);
    return AATS_OK;
}

aats_mailbox_t *aats_feed_in(aats_feed_t *f) { return &f->in; }
aats_mailbox_t *aats_feed_out(aats_feed_t *f) { return &f->out; }

void aats_feed_set_sink(aats_feed_t *f, aats_feed_sink_t sink, void *arg)
{
    f->sink = sink;
    f->sink_arg = arg;
}

int aats_feed_way(aats_feed_t const *f, int link) { return f->way_of[link / 2]; }

char const *aats_feed_address(aats_feed_t const *f, int link, int64_t *since_mono_ns)
{
    int way = aats_feed_way(f, link);
    *since_mono_ns = f->address_mono_ns[way];
    return f->address[way][0] ? f->address[way] : NULL;
}

void aats_feed_forget_address(aats_feed_t *f, int link) { f->address[aats_feed_way(f, link)][0] = 0; }
aats_md_view_t const *aats_feed_view(aats_feed_t const *f) { return &f->view; }
aats_slot_t const *aats_feed_slot(aats_feed_t const *f) { return f->slot; }

void aats_feed_set_clock(aats_feed_t *f, int64_t (*clock)(void)) { f->clock = clock; }

/* ---- passes ---- */

/* The thread did not run for a while (SIGSTOP, a debugger, a starved machine).  What was missed is in the sockets, or lost; until
 * each book has proved itself none is good, and readers are told so before the heartbeat beats again. */
static void stalled(aats_feed_t *f)
{
    feed_count(f, AATS_MDC_STALLS, 1);
    long long slept_ms = (f->mono_ns - f->last_mono_ns) / 1000000;
    feed_notice(f, 1, "this feed did not run for %lld ms; every book is checked anew", slept_ms);
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) book_stalled(f, s);
    for (int i = 0; i < AATS_LINK_MAX; i++) link_stalled(f, &f->links[i]);
}

int aats_feed_begin(aats_feed_t *f, int64_t now_ns, int64_t mono_ns)
{
    f->now_ns = now_ns;
    f->mono_ns = mono_ns;
    if (f->last_mono_ns && mono_ns - f->last_mono_ns > f->opts.stale_ns) stalled(f);
    f->last_mono_ns = mono_ns;

    aats_mail_t *m;
    int cnt = 0;
    while (cnt < 256 && aats_mailbox_get(&f->in, &m) == 1) {
        feed_take(f, m);
        aats_mail_free(m);
        cnt++;
    }
    if (mono_ns >= f->tick_mono_ns) {
        f->tick_mono_ns = mono_ns + TICK_NS;
        for (int i = 0; i < AATS_LINK_MAX; i++) link_tick(f, &f->links[i]);
        for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) book_tick(f, s);
    }
    return cnt;
}

void aats_feed_end(aats_feed_t *f)
{
    if (!f->slot) return;
    aats_add_relaxed(&f->slot->passes, 1);
    aats_store_release(&f->slot->heartbeat_mono_ns, (uint64_t)f->mono_ns);
}

int64_t aats_feed_next_mono_ns(aats_feed_t const *f)
{
    int64_t next = f->mono_ns + 100000000;
    for (int i = 0; i < AATS_LINK_MAX; i++) {
        link_t const *l = &f->links[i];
        if (l->phase != LINK_IDLE && l->phase != LINK_OPEN && l->at_mono_ns < next) next = l->at_mono_ns;
        if (l->phase == LINK_OPEN && f->venue->ping && f->venue->ping_every_ns > 0 && l->ping_mono_ns < next) next = l->ping_mono_ns;
        if (l->successor && l->phase == LINK_OPEN && f->mono_ns + 10000000 < next) next = f->mono_ns + 10000000;
    }
    for (sym_t const *s = f->syms; s < f->syms + f->sym_cnt; s++)
        if (s->ask_mono_ns < next) next = s->ask_mono_ns;
    return next > f->mono_ns ? next : f->mono_ns + 1000000;
}

void aats_feed_stop(aats_feed_t *f)
{
    if (f->stopping) return;
    f->stopping = 1;
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) pub_judge(f, s, 0, f->now_ns);
    for (int i = 0; i < AATS_LINK_MAX; i++) {
        link_t *l = &f->links[i];
        if (l->phase == LINK_IDLE) continue;
        if (l->phase == LINK_WAIT) l->phase = LINK_IDLE;
        else {
            link_leave(f, l, AATS_WS_NORMAL);
            link_lost(f, l, "this feed stops");
        }
    }
}

int aats_feed_stopped(aats_feed_t const *f)
{
    if (!f->stopping) return 0;
    for (int i = 0; i < AATS_LINK_MAX; i++)
        if (f->links[i].phase != LINK_IDLE) return 0;
    return 1;
}
