/* recv.c -- a receiver's life, its segment and its passes. */
#include "app/recv_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "app/feed.h"
#include "base/atomics.h"
#include "shm/segment.h"

#define SHOW_NS NS_MS /* counters go to the segment no more often */

void recv_say(aats_recv_t *r, int level, char const *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    aats_mailbox_put(&r->notices, AATS_MAIL_NOTICE, 0, (uint64_t)level, text, strlen(text));
}

int recv_text_ok(char const *text, size_t cap)
{
    size_t const n = strnlen(text, cap);
    if (n == cap) return 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~') return 0;
    return 1;
}

/* ---- life ---- */

static int64_t or_default(int64_t given, int64_t usual) { return given > 0 ? given : usual; }

static int opts_fill(aats_recv_t *r, char *why, size_t why_sz)
{
    aats_recv_opts_t *o = &r->opts;
    o->hold_ns = or_default(o->hold_ns, 50 * NS_MS);
    o->ask_again_ns = or_default(o->ask_again_ns, 10 * NS_MS);
    o->connect_ns = or_default(o->connect_ns, 5 * (int64_t)NS_S);
    o->backoff_min_ns = or_default(o->backoff_min_ns, 100 * NS_MS);
    o->backoff_max_ns = or_default(o->backoff_max_ns, 5 * (int64_t)NS_S);
    if (!o->hold_max) o->hold_max = 4u << 20;
    if (o->path_cnt < 1 || o->path_cnt > AATS_PATH_MAX) {
        snprintf(why, why_sz, "A receiver has 1 or 2 paths, not %u.", o->path_cnt);
        return 0;
    }
    for (uint32_t i = 0; i < o->path_cnt; i++) {
        aats_recv_path_opts_t const *p = &o->path[i];
        if (p->kind < AATS_PATH_P2P || p->kind > AATS_PATH_MULTIBROAD) {
            snprintf(why, why_sz, "Path %u: %u is not a kind of path; 1 (P2P), 2 (broadcast) and 3 (multicast) are.", i, p->kind);
            return 0;
        }
        if (!recv_text_ok(p->addr, sizeof p->addr) || !recv_text_ok(p->source, sizeof p->source) || !recv_text_ok(p->feed, sizeof p->feed) ||
            !recv_text_ok(p->ip, sizeof p->ip)) {
            snprintf(why, why_sz, "Path %u: a text of its options is too long or not printable.", i);
            return 0;
        }
        if (p->kind == AATS_PATH_P2P && (!p->ip[0] || p->port < 1 || p->port > 65535)) {
            snprintf(why, why_sz, "Path %u: P2P needs the address and the port (1 to 65535) of a market server.", i);
            return 0;
        }
        if (p->port > 65535) {
            snprintf(why, why_sz, "Path %u: port %u is not a port; 1 to 65535 are.", i, p->port);
            return 0;
        }
    }
    return 1;
}

aats_recv_t *aats_recv_new(aats_recv_opts_t const *opts, char *why, size_t why_sz)
{
    aats_recv_t *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(why, why_sz, "no memory");
        return NULL;
    }
    r->opts = *opts;
    if (!opts_fill(r, why, why_sz)) {
        free(r);
        return NULL;
    }
    r->path_cnt = (int)r->opts.path_cnt;
    r->rng = opts->seed;
    if (!r->rng && getrandom(&r->rng, sizeof r->rng, 0) != (ssize_t)sizeof r->rng) r->rng = 1;
    int ok = aats_mailbox_init(&r->notices, 256) == AATS_OK && (r->syms = calloc(AATS_DIR_MAX, sizeof *r->syms)) != NULL;
    for (int i = 0; i < r->path_cnt; i++) {
        path_t *p = &r->paths[i];
        p->index = i;
        p->opts = r->opts.path[i];
        recv_pulse_host(p);
        p->pub.kind = p->opts.kind;
        memcpy(p->pub.addr, p->opts.addr, sizeof p->pub.addr);
        p->syms = calloc(AATS_DIR_MAX, sizeof *p->syms);
        p->in = malloc(IN_SZ);
        ok = ok && p->syms && p->in;
        if (ok) recv_forget(r, p);
    }
    if (ok) return r;
    snprintf(why, why_sz, "no memory");
    aats_recv_free(r);
    return NULL;
}

void aats_recv_free(aats_recv_t *r)
{
    if (!r) return;
    for (int i = 0; i < r->path_cnt; i++) {
        free(r->paths[i].syms);
        free(r->paths[i].in);
        free(r->paths[i].hold);
        free(r->paths[i].hold_no);
    }
    free(r->syms);
    aats_mailbox_fini(&r->notices);
    free(r);
}

aats_mailbox_t *aats_recv_notices(aats_recv_t *r) { return &r->notices; }
aats_path_t const *aats_recv_path(aats_recv_t const *r, int path) { return &r->paths[path].pub; }
void aats_recv_set_clock(aats_recv_t *r, int64_t (*clock)(void)) { r->clock = clock; }

/* ---- the segment ---- */

int aats_recv_needs(aats_recv_t const *r, aats_recv_need_t *need)
{
    aats_recv_need_t n = {0};
    int heard = 0;
    for (int i = r->path_cnt - 1; i >= 0; i--) {
        path_t const *p = &r->paths[i];
        if (!p->has_beat) continue;
        aats_wire_beat_t const *b = &p->beat;
        heard = 1;
        if (b->level_max > n.level_max) n.level_max = b->level_max;
        if (b->dir_cap > n.dir_cap) n.dir_cap = b->dir_cap;
        if (!n.stale_ns || b->stale_ns < n.stale_ns) n.stale_ns = b->stale_ns;
        n.mode = b->mode;
        memcpy(n.venue, b->venue, sizeof n.venue);
        memcpy(n.feed, b->name, sizeof n.feed);
    }
    if (!heard) return 0;
    if (r->attached) {
        if (n.level_max <= r->view.level_max && n.dir_cap <= r->view.dir_cap && r->more_dir <= r->view.dir_cap && !r->anew) return 0;
        if (n.level_max < r->view.level_max) n.level_max = r->view.level_max;
        if (n.dir_cap < r->view.dir_cap) n.dir_cap = r->view.dir_cap;
    }
    if (n.dir_cap < r->more_dir) n.dir_cap = r->more_dir;
    if (need) *need = n;
    return 1;
}

int aats_recv_attach(aats_recv_t *r, void *mem, size_t size, aats_slot_t *slot, char *why, size_t why_sz)
{
    r->attached = 0;
    int rc = aats_md_attach(mem, size, &r->view, why, why_sz);
    if (rc != AATS_OK) return rc;
    if (aats_ring_open(&r->writer, &r->view) != AATS_OK) {
        snprintf(why, why_sz, "records are in this segment already; a receiver begins with a fresh one");
        return AATS_E_ARG;
    }
    for (int i = 0; i < r->path_cnt; i++) {
        recv_path_reset(&r->paths[i]);
        if (recv_path_room(&r->paths[i], r->view.ring_levels, r->opts.hold_max)) continue;
        snprintf(why, why_sz, "no memory to hold records");
        return AATS_E_NOMEM;
    }
    for (int i = 0; i < AATS_DIR_MAX; i++)
        r->syms[i] = (lsym_t){.book_by = NONE, .tick_by = NONE, .bbo_by = NONE, .l2_by = NONE, .perp_by = {NONE, NONE, NONE}, .there = {NONE, NONE}};
    r->slot = slot;
    r->more_dir = 0;
    r->anew = 0;
    r->heartbeat_mono_ns = 0;
    r->attached = 1;
    aats_store_release(&r->view.md->path_cnt, (uint64_t)r->path_cnt);
    for (int i = 0; i < r->path_cnt; i++) {
        path_t *p = &r->paths[i];
        recv_forget(r, p);
        p->want_snap = 1;
        p->locked_mono_ns = r->mono_ns; /* the time to join counts from here */
    }
    return AATS_OK;
}

void recv_forget(aats_recv_t *r, path_t *p)
{
    p->up = 0;
    p->ended = 0;
    recv_path_reset(p);
    recv_pulse_reset(p);
    recv_dir_reset(r, p);
    p->snap = SNAP_NONE;
    p->loss_upto = 0;
    p->deep_cnt = 0;
    p->has_deep = 0;
    p->parts.parts = 0;
    p->dirty = 1;
}

void recv_rejoin(aats_recv_t *r, path_t *p)
{
    if (r->attached && p->joined) {
        int const was = p->up;
        p->up = 0;
        recv_dir_judge_all(r, p);
        if (was) recv_merge_link(r, p, 0);
    }
    recv_forget(r, p);
    p->want_snap = 1;
    p->locked_mono_ns = r->mono_ns;
}

/* ---- passes ---- */

static void show(aats_recv_t *r, path_t *p)
{
    if (!p->joined) p->pub.state = p->locked ? AATS_PATH_JOINING : AATS_PATH_SEARCHING;
    else if (!p->up) p->pub.state = p->pulse_mono_ns ? AATS_PATH_SILENT : AATS_PATH_JOINING;
    else p->pub.state = p->next < p->top || ((p->want_snap || p->snap) && recv_side_possible(p)) ? AATS_PATH_REPAIRING : AATS_PATH_LIVE;
    if (!r->attached) return;
    aats_words_store(&r->view.md->paths[p->index], &p->pub, sizeof p->pub / 8);
    aats_link_t *l = &r->view.md->links[p->index];
    aats_store_relaxed(&l->frames, p->pub.datagrams);
    aats_store_relaxed(&l->bytes, p->pub.bytes);
    p->dirty = 0;
}

static void show_all(aats_recv_t *r)
{
    uint64_t frames = 0, bytes = 0;
    r->shown_mono_ns = r->mono_ns;
    for (int i = 0; i < r->path_cnt; i++) {
        show(r, &r->paths[i]);
        frames += r->paths[i].pub.datagrams, bytes += r->paths[i].pub.bytes;
    }
    if (!r->attached) return;
    aats_store_relaxed(&r->view.md->counters[AATS_MDC_FRAMES], frames);
    aats_store_relaxed(&r->view.md->counters[AATS_MDC_BYTES], bytes);
}

void aats_recv_begin(aats_recv_t *r, int64_t now_ns, int64_t mono_ns)
{
    int64_t const away = mono_ns - r->mono_ns;
    r->now_ns = now_ns;
    r->mono_ns = mono_ns;
    for (int i = 0; i < r->path_cnt; i++) {
        path_t *p = &r->paths[i];
        if (away > NS_S) p->phase_mono_ns += away, p->snap_wait_mono_ns += away; /* we were stopped: what came meanwhile has not been read yet */
        if (p->gap_head != p->gap_tail) recv_path_timers(r, p);
        if (p->deep_cnt) recv_dir_deep(r, p);
        recv_side_timers(r, p);
    }
}

/* The age at which a heartbeat is left to stand.  It is stale for everybody, and says that this process lives: one that looks dead is reaped. */
static int64_t oldest_ns(aats_recv_t const *r)
{
    int64_t const twice = 2 * (int64_t)r->view.stale_ns;
    return twice > 30 * (int64_t)NS_S ? twice : 30 * (int64_t)NS_S;
}

/* H1 of valid.h: invalid books and links that went down were told before the heartbeat. */
void aats_recv_end(aats_recv_t *r)
{
    int64_t beat = 0;
    int dirty = 0;
    for (int i = 0; i < r->path_cnt; i++) {
        path_t *p = &r->paths[i];
        recv_pulse_end(r, p);
        if (p->up && p->pulse_mono_ns > beat) beat = p->pulse_mono_ns;
        dirty |= p->dirty;
    }
    if (dirty && (r->mono_ns - r->shown_mono_ns >= SHOW_NS || r->mono_ns < r->shown_mono_ns)) show_all(r);
    if (!r->attached || !r->slot) return;
    aats_add_relaxed(&r->slot->passes, 1);
    int64_t const floor = r->mono_ns - oldest_ns(r);
    if (beat < floor) beat = r->heartbeat_mono_ns > floor ? r->heartbeat_mono_ns : floor;
    if (beat == r->heartbeat_mono_ns) return;
    r->heartbeat_mono_ns = beat;
    aats_store_release(&r->slot->heartbeat_mono_ns, (uint64_t)beat); /* H1 */
}

void aats_recv_stop(aats_recv_t *r)
{
    if (r->attached && !r->stopping) {
        for (int i = 0; i < r->path_cnt; i++) {
            path_t *p = &r->paths[i];
            int const was = p->up;
            p->up = 0;
            p->ended = 1;
            recv_dir_judge_all(r, p);
            if (was) recv_merge_link(r, p, 0);
        }
        show_all(r);
    }
    r->stopping = 1;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t aats_recv_next_mono_ns(aats_recv_t const *r)
{
    int64_t at = r->mono_ns + NS_S;
    for (int i = 0; i < r->path_cnt; i++) {
        path_t const *p = &r->paths[i];
        if (p->gap_head != p->gap_tail || p->deep_cnt || p->dirty) at = sooner(at, r->mono_ns + NS_MS);
        if (p->up) at = sooner(at, p->pulse_mono_ns + recv_pulse_stale_ns(r, p) + 1);
        if (p->phase == SIDE_IDLE) at = sooner(at, p->try_mono_ns);
        else if (p->phase == SIDE_OPEN) at = sooner(at, p->want_snap && !p->snap ? r->mono_ns + NS_MS : p->clock_next_mono_ns);
        else at = sooner(at, p->phase_mono_ns + r->opts.connect_ns);
    }
    return at > r->mono_ns ? at : r->mono_ns;
}
