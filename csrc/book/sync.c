#include "book/sync.h"

#include <stdlib.h>
#include <string.h>

/* A kept diff: this head, then its bids, then its asks. */
typedef struct {
    uint64_t first_id, last_id, prev_id;
    int64_t exch_ns, recv_ns;
    uint64_t bid_cnt, ask_cnt, reset;
} kept_t;

static size_t kept_size(kept_t const *k) { return sizeof *k + (k->bid_cnt + k->ask_cnt) * sizeof(aats_level_t); }

static void forget_kept(aats_sync_t *s)
{
    s->kept_sz = s->replay_at = 0;
    s->kept_first_id = s->kept_last_id = 0;
    s->replaying = 0;
}

void aats_sync_init(aats_sync_t *s, aats_book_t *book)
{
    memset(s, 0, sizeof *s);
    s->book = book;
    s->keeping = 1;
}

void aats_sync_rule(aats_sync_t *s, int seq, int in_band, uint32_t depth_max)
{
    s->seq = seq;
    s->in_band = in_band;
    s->depth_max = depth_max;
    s->keeping = !in_band;
}

void aats_sync_fini(aats_sync_t *s)
{
    free(s->kept);
    s->kept = NULL;
    s->kept_cap = 0;
    forget_kept(s);
}

void aats_sync_lost(aats_sync_t *s)
{
    s->live = 0;
    s->id = 0;
    s->keeping = !s->in_band;
    s->horizon_set[0] = s->horizon_set[1] = 0;
}

void aats_sync_reset(aats_sync_t *s)
{
    aats_sync_lost(s);
    forget_kept(s);
    aats_book_clear(s->book);
}

void aats_sync_keep(aats_sync_t *s)
{
    if (s->keeping || s->in_band) return;
    forget_kept(s);
    s->keeping = 1;
}

static int keep(aats_sync_t *s, aats_diff_t const *d)
{
    kept_t k = {d->first_id, d->last_id, d->prev_id, d->exch_ns, d->recv_ns, d->bid_cnt, d->ask_cnt, d->reset};
    size_t need = kept_size(&k);
    if (need > AATS_SYNC_KEPT_MAX) return AATS_E_TOO_BIG;
    if (s->kept_sz + need > AATS_SYNC_KEPT_MAX) forget_kept(s);
    if (s->kept_sz + need > s->kept_cap) {
        size_t cap = s->kept_cap ? s->kept_cap : 16384;
        while (cap < s->kept_sz + need) cap *= 2;
        uint8_t *grown = realloc(s->kept, cap);
        if (!grown) return AATS_E_NOMEM;
        s->kept = grown;
        s->kept_cap = cap;
    }
    uint8_t *at = s->kept + s->kept_sz;
    memcpy(at, &k, sizeof k);
    if (d->bid_cnt) memcpy(at + sizeof k, d->bids, d->bid_cnt * sizeof *d->bids);
    if (d->ask_cnt) memcpy(at + sizeof k + d->bid_cnt * sizeof *d->bids, d->asks, d->ask_cnt * sizeof *d->asks);
    s->kept_sz += need;
    if (!s->kept_first_id) s->kept_first_id = d->first_id;
    s->kept_last_id = d->last_id;
    return AATS_SYNC_KEPT;
}

static void cut(aats_sync_t *s)
{
    aats_book_cut(s->book, AATS_BID, s->depth_max);
    aats_book_cut(s->book, AATS_ASK, s->depth_max);
}

/* PREV.  What follows a REST snapshot may have begun before it; what follows a diff names it.  An old number alone excuses nothing where the
 * venue may count anew. */
static int follows(aats_sync_t const *s, aats_diff_t const *d)
{
    if (d->prev_id == s->id) return AATS_SYNC_APPLIED;
    if (s->in_band) return s->joined && d->last_id == s->id && d->prev_id == s->prev_id ? AATS_SYNC_OLD : AATS_E_GAP;
    if (s->joined) return d->last_id <= s->id ? AATS_SYNC_OLD : AATS_E_GAP;
    if (d->last_id < s->id) return AATS_SYNC_OLD;
    return d->first_id <= s->id ? AATS_SYNC_APPLIED : AATS_E_GAP;
}

/* Does the diff come next? */
static int judge(aats_sync_t const *s, aats_diff_t const *d)
{
    switch (s->seq) {
    case AATS_SEQ_PREV: return follows(s, d);
    case AATS_SEQ_NEXT:
        if (d->last_id == s->id + 1) return AATS_SYNC_APPLIED;
        return d->last_id == s->id || (!s->in_band && d->last_id < s->id) ? AATS_SYNC_OLD : AATS_E_GAP;
    case AATS_SEQ_NONE: return AATS_SYNC_APPLIED;
    default:
        if (d->last_id <= s->id) return s->in_band && d->last_id < s->id ? AATS_E_GAP : AATS_SYNC_OLD;
        return d->first_id > s->id + 1 ? AATS_E_GAP : AATS_SYNC_APPLIED;
    }
}

/* What readers are told as the book's number: the venue's, or the count of changes where it gives none. */
static uint64_t number(aats_sync_t *s, uint64_t last_id)
{
    if (s->seq != AATS_SEQ_NONE) return last_id;
    return s->count = last_id > s->count ? last_id : s->count + 1;
}

/* The step that both the stream and the replay take: ids first, then the levels. */
static int advance(aats_sync_t *s, aats_diff_t const *d)
{
    int e = judge(s, d);
    if (e != AATS_SYNC_APPLIED) return e;
    e = aats_book_apply(s->book, AATS_BID, d->bids, d->bid_cnt);
    if (!e) e = aats_book_apply(s->book, AATS_ASK, d->asks, d->ask_cnt);
    if (e) return e;
    if (s->depth_max) cut(s);
    s->id = number(s, d->last_id);
    s->prev_id = d->prev_id;
    s->joined = 1;
    return AATS_SYNC_APPLIED;
}

/* Ids that cannot be: the diff itself is at fault. */
static int backwards(aats_sync_t const *s, aats_diff_t const *d)
{
    if (d->last_id == UINT64_MAX) return 1;
    if (s->seq == AATS_SEQ_SPAN) return d->first_id > d->last_id;
    return s->seq == AATS_SEQ_PREV && !d->reset && (d->prev_id > d->last_id || d->first_id > d->last_id);
}

int aats_sync_diff(aats_sync_t *s, aats_diff_t const *d)
{
    if (backwards(s, d)) return AATS_E_SHAPE;
    int e = s->live ? advance(s, d) : s->in_band ? AATS_SYNC_EARLY : AATS_SYNC_KEPT;
    if (e < 0) {
        /* What was kept before a hole cannot be bridged to what follows: it goes; the diff behind the hole is the first to stay. */
        aats_sync_lost(s);
        forget_kept(s);
    }
    if (s->keeping && (e == AATS_E_GAP || e == AATS_SYNC_KEPT || e == AATS_SYNC_APPLIED)) {
        int k = keep(s, d);
        if (k < 0) {
            forget_kept(s); /* a chain with a hole in it would lead nowhere */
            if (!s->live) e = k;
        }
    }
    return e;
}

/* While LIVE, a snapshot older than the book is of use only if the kept diffs lead from it to the present. */
static int bridged(aats_sync_t const *s, uint64_t last_id)
{
    if (s->in_band) return 1;
    if (s->live && last_id >= s->id) return 1;
    if (s->live) return s->kept_first_id && s->kept_first_id <= last_id + 1;
    return !s->kept_first_id || s->kept_first_id <= last_id + 1;
}

int aats_sync_snapshot(aats_sync_t *s, uint64_t last_id, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks,
                       size_t ask_cnt, size_t limit)
{
    if (last_id >= UINT64_MAX - 1) return AATS_E_SHAPE;
    if (!bridged(s, last_id)) return AATS_E_STALE;
    int e = aats_book_load(s->book, bids, bid_cnt, asks, ask_cnt);
    if (e) {
        aats_sync_lost(s);
        return e;
    }
    s->live = 1;
    s->joined = 0;
    s->id = number(s, last_id);
    s->replaying = !s->in_band;
    s->replay_at = 0;
    if (s->depth_max) cut(s);
    aats_level_t const *sides[2] = {bids, asks};
    size_t cnts[2] = {bid_cnt, ask_cnt};
    for (int side = 0; side < 2; side++) {
        s->horizon_set[side] = limit && cnts[side] >= limit;
        for (size_t i = 0; i < cnts[side]; i++) {
            int64_t px = sides[side][i].px_i;
            if (!i || (side == AATS_BID ? px < s->horizon[side] : px > s->horizon[side])) s->horizon[side] = px;
        }
    }
    return AATS_OK;
}

int aats_sync_replay(aats_sync_t *s, aats_diff_t *done)
{
    while (s->replaying && s->replay_at < s->kept_sz) {
        kept_t k;
        memcpy(&k, s->kept + s->replay_at, sizeof k);
        aats_level_t const *levels = (aats_level_t const *)(void const *)(s->kept + s->replay_at + sizeof k);
        *done = (aats_diff_t){.first_id = k.first_id, .last_id = k.last_id, .prev_id = k.prev_id, .reset = (uint32_t)k.reset, .exch_ns = k.exch_ns, .recv_ns = k.recv_ns,
                              .bids = levels, .asks = levels + k.bid_cnt, .bid_cnt = k.bid_cnt, .ask_cnt = k.ask_cnt};
        int e = advance(s, done);
        if (e < 0) {
            /* Keep what lies behind the hole: a newer snapshot may bridge to it. */
            size_t rest = s->kept_sz - s->replay_at;
            memmove(s->kept, s->kept + s->replay_at, rest);
            uint64_t first = k.first_id, last = s->kept_last_id;
            aats_sync_lost(s);
            forget_kept(s);
            s->kept_sz = rest;
            s->kept_first_id = first;
            s->kept_last_id = last;
            return e;
        }
        s->replay_at += kept_size(&k);
        if (e == AATS_SYNC_APPLIED) return 1;
    }
    if (s->replaying) {
        forget_kept(s);
        s->keeping = 0;
    }
    return 0;
}

size_t aats_sync_known(aats_sync_t const *s, int side, aats_level_t const *top, size_t cnt)
{
    if (!s->horizon_set[side]) return cnt;
    while (cnt && (side == AATS_BID ? top[cnt - 1].px_i < s->horizon[side] : top[cnt - 1].px_i > s->horizon[side])) cnt--;
    return cnt;
}
