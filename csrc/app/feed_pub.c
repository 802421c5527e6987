/* feed_pub.c -- what readers are told: step 5 of the walk (latest slot and ring) and step 6 (the sink). */
#include <string.h>

#include "app/feed_state.h"
#include "shm/directory.h"
#include "shm/stats.h"

#define HORIZON_NS 10000000000 /* a book that still has certain levels is loaded anew no more often */
#define HORIZON_PART 4         /* the horizon is near when less than this part of the room that a snapshot left before it is there */

static void publish(aats_feed_t *f, aats_rec_t *r, aats_level_t const *bids, aats_level_t const *asks)
{
    aats_hist_t *const hists = f->view.hists;
    r->pub_ns = feed_stamp(f);
    aats_md_publish(&f->writer, r, bids, asks);
    if (r->recv_ns) aats_hist_add(&hists[AATS_HIST_MD_RECV_PUB], r->pub_ns - r->recv_ns);
    if (r->recv_ns && r->exch_ns) aats_hist_add(&hists[AATS_HIST_MD_EXCH_RECV], r->recv_ns - r->exch_ns);
    if (r->recv_ns && r->parsed_ns) {
        aats_hist_add(&hists[AATS_HIST_MD_RECV_PARSED], r->parsed_ns - r->recv_ns);
        aats_hist_add(&hists[AATS_HIST_MD_PARSED_PUB], r->pub_ns - r->parsed_ns);
    }
    if (f->sink) f->sink(f->sink_arg, r, bids, asks);
}

/* l: the connection that brought it, NULL: the one that carries the book. */
static aats_rec_t head_of(aats_feed_t *f, sym_t const *s, link_t const *l, int kind, int64_t exch_ns, int64_t recv_ns)
{
    if (!l) l = feed_carrier(f, s);
    return (aats_rec_t){ /* every field: the compiler clears a whole struct with an instruction that takes longer than all of this */
        .stamp = 0, .exch_ns = exch_ns, .recv_ns = recv_ns, .pub_ns = 0, .seq = 0, .rec = 0, .sym = (uint16_t)feed_index(f, s), .kind = (uint8_t)kind,
        .flags = s->valid ? AATS_F_VALID : 0, .bid_len = 0, .ask_len = 0, .epoch = s->epoch, .why = s->valid ? 0 : s->why, .side = 0,
        .link = (uint8_t)(l ? l->index : 2 * s->group[f->book_way]), .pad0 = 0, .px_i = 0, .qty_i = 0, .aux = 0, .parsed_ns = f->parsed_ns,
    };
}

/* Every rule of feed.h on when a book is good, in one place, but whether it is crossed: that is seen where its levels are (a book whose best levels have
 * not moved has not crossed).  0 is good. */
static uint8_t verdict(aats_feed_t *f, sym_t const *s)
{
    link_t const *l = feed_carrier(f, s);
    if (s->gone) return AATS_WHY_GONE;
    if (f->stopping || !l || l->phase != LINK_OPEN) return AATS_WHY_LINK_DOWN;
    if (s->halted) return AATS_WHY_HALTED;
    if (!s->sync.live) return s->lost_why;
    return s->suspect && aats_book_crossed(s->sync.book) ? AATS_WHY_CROSSED : s->suspect;
}

/* fuse puts a newer best bid/ask over a copy of the levels: nothing better than it may stay, its own price takes its quantity. */
static size_t fuse(aats_level_t *levels, size_t cnt, size_t cap, int side, aats_level_t best)
{
    size_t drop = 0;
    if (best.px_i <= 0 || best.qty_i <= 0) return cnt;
    while (drop < cnt && (side == AATS_BID ? levels[drop].px_i > best.px_i : levels[drop].px_i < best.px_i)) drop++;
    if (drop < cnt && levels[drop].px_i == best.px_i) {
        memmove(levels, levels + drop, (cnt - drop) * sizeof *levels);
        levels[0] = best;
        return cnt - drop;
    }
    size_t rest = cnt - drop;
    if (rest + 1 > cap) rest = cap - 1;
    memmove(levels + 1, levels + drop, rest * sizeof *levels);
    levels[0] = best;
    return rest + 1;
}

/* The levels to publish, in f->top: the book's, as deep as asked for, as far as they are certain, fused if that is on and the best
 * bid/ask is newer.  A first quote is the book alone, so that its seq tells where level changes begin.  Returns 0 if the book is crossed. */
static int take_top(aats_feed_t *f, sym_t *s, int first, size_t cnt[2], int *fused)
{
    size_t n = s->info.level_num;
    int fusing = f->opts.fuse_bbo && s->bbo_id > s->sync.id && !first;
    for (int side = 0; side < 2; side++) cnt[side] = aats_book_take(s->sync.book, side, n, f->top[side]);
    if (cnt[0] && cnt[1] && f->top[AATS_BID][0].px_i >= f->top[AATS_ASK][0].px_i) return 0;
    for (int side = 0; side < 2; side++) {
        cnt[side] = aats_sync_known(&s->sync, side, f->top[side], cnt[side]);
        if (fusing) cnt[side] = fuse(f->top[side], cnt[side], n, side, s->bbo[side]);
    }
    if (fusing && cnt[0] && cnt[1] && f->top[0][0].px_i >= f->top[1][0].px_i) { /* the other side is older still: the book alone */
        for (int side = 0; side < 2; side++) {
            cnt[side] = aats_book_take(s->sync.book, side, n, f->top[side]);
            cnt[side] = aats_sync_known(&s->sync, side, f->top[side], cnt[side]);
        }
        fusing = 0;
    }
    *fused = fusing;
    return 1;
}

/* Level by level, best first: where two books differ they mostly do so at once. */
static int same_as_told(aats_feed_t const *f, sym_t const *s, size_t const cnt[2])
{
    for (int side = 0; side < 2; side++) {
        aats_level_t const *a = f->top[side], *b = s->told[side];
        if (cnt[side] != s->told_cnt[side]) return 0;
        for (size_t i = 0; i < cnt[side]; i++)
            if (a[i].px_i != b[i].px_i || a[i].qty_i != b[i].qty_i) return 0;
    }
    return 1;
}

/* How far the horizon lies behind the last published level; 0 when it is reached. */
static uint64_t room_of(aats_feed_t const *f, sym_t const *s, int side, size_t cnt)
{
    if (cnt < s->info.level_num) return 0;
    int64_t last = f->top[side][cnt - 1].px_i, horizon = s->sync.horizon[side];
    int64_t inner = side == AATS_BID ? last : horizon, outer = side == AATS_BID ? horizon : last;
    return inner > outer ? (uint64_t)inner - (uint64_t)outer : 0;
}

/* A horizon that has come near wants a new snapshot, before it costs a level; but not time and again where the venue's longest one is hardly
 * deeper than what is published.  One that leaves a side without a single certain level makes the book unusable. */
static uint8_t see_horizon(aats_feed_t *f, sym_t *s, size_t const cnt[2])
{
    uint8_t why = 0;
    for (int side = 0; side < 2; side++) {
        if (!s->sync.horizon_set[side]) continue;
        if (!cnt[side]) why = AATS_WHY_HORIZON;
        uint64_t room = room_of(f, s, side, cnt[side]);
        if (s->reloaded) s->room[side] = room;
        int64_t since = f->mono_ns - s->last_ask_mono_ns;
        if (cnt[side] < s->info.level_num || room < s->room[side] / HORIZON_PART)
            book_want_snapshot(f, s, cnt[side] && since < HORIZON_NS ? HORIZON_NS - since : 0);
    }
    return why;
}

static void tell_state(aats_feed_t *f, sym_t *s, uint8_t why, int64_t exch_ns, int64_t recv_ns)
{
    s->valid = 0;
    s->why = why;
    aats_rec_t r = head_of(f, s, NULL, AATS_REC_STATE, exch_ns, recv_ns);
    r.seq = s->sync.id;
    publish(f, &r, NULL, NULL);
    uint64_t state = why == AATS_WHY_GONE ? AATS_DIR_GONE : why == AATS_WHY_HALTED ? AATS_DIR_HALTED : AATS_DIR_SYNCING;
    aats_dir_set_state(&f->view, feed_index(f, s), state);
    if (why == AATS_WHY_CROSSED) {
        feed_count(f, AATS_MDC_CROSSED, 1);
        aats_add_relaxed(&f->view.dir[feed_index(f, s)].crossed, 1);
    }
}

static void judge(aats_feed_t *f, sym_t *s, int64_t exch_ns, int64_t recv_ns, int moved)
{
    uint8_t why = verdict(f, s);
    size_t cnt[2] = {0, 0};
    int fused = 0;
    if (f->quiet) return;
    int was_valid = s->valid, first = !was_valid || s->reloaded;
    if (!why) {
        int was_fused = (s->told_flags & AATS_F_FUSED) != 0;
        int fusing = was_fused || (f->opts.fuse_bbo && s->bbo_id > s->sync.id);
        if (!first && !moved && !fusing && !aats_book_moved(s->sync.book)) return;
        why = take_top(f, s, first, cnt, &fused) ? see_horizon(f, s, cnt) : AATS_WHY_CROSSED;
    }
    if (why) {
        if (s->valid || s->why != why) tell_state(f, s, why, exch_ns, recv_ns);
        return;
    }
    if (!first && same_as_told(f, s, cnt)) {
        if (!fused && s->told_flags & AATS_F_FUSED) s->told_flags = 0, s->told_seq = s->sync.id; /* the book has caught up with it */
        return;
    }
    if (first) s->epoch++;
    s->valid = 1;
    s->why = 0;
    s->reloaded = 0;
    for (int side = 0; side < 2; side++) {
        aats_level_t *const now = f->top[side];
        f->top[side] = s->told[side];
        s->told[side] = now;
        s->told_cnt[side] = cnt[side];
    }
    aats_rec_t r = head_of(f, s, NULL, AATS_REC_QUOTE, exch_ns, recv_ns);
    r.seq = fused ? s->bbo_id : s->sync.id;
    r.flags |= (fused ? AATS_F_FUSED : 0) | (first ? AATS_F_SNAPSHOT : 0);
    r.bid_len = (uint16_t)cnt[AATS_BID];
    r.ask_len = (uint16_t)cnt[AATS_ASK];
    s->told_seq = r.seq;
    s->told_flags = r.flags & AATS_F_FUSED;
    publish(f, &r, s->told[AATS_BID], s->told[AATS_ASK]);
    if (!was_valid) {
        aats_dir_set_state(&f->view, feed_index(f, s), AATS_DIR_LIVE);
        aats_add_relaxed(&f->view.dir[feed_index(f, s)].syncs, 1);
        feed_count(f, AATS_MDC_SYNCS, 1);
    }
}

void pub_judge(aats_feed_t *f, sym_t *s, int64_t exch_ns, int64_t recv_ns) { judge(f, s, exch_ns, recv_ns, 0); }
void pub_judge_again(aats_feed_t *f, sym_t *s) { judge(f, s, 0, f->now_ns, 1); }

void pub_trade(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, uint64_t id, int64_t recv_ns)
{
    aats_rec_t r = head_of(f, s, l, AATS_REC_TICK, m->exch_ns, recv_ns);
    r.seq = id;
    r.px_i = m->px_i;
    r.qty_i = m->qty_i;
    r.aux = m->last_id - m->first_id + 1;
    if (m->side > 0) r.flags |= AATS_F_BUYER;
    publish(f, &r, NULL, NULL);
}

void pub_other(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    static struct { int kind; unsigned stream; } const OF[] = {
        [AATS_MSG_MARK]        = {AATS_REC_MARK, AATS_STREAM_MARK},
        [AATS_MSG_FUNDING]     = {AATS_REC_FUNDING, AATS_STREAM_FUNDING},
        [AATS_MSG_LIQUIDATION] = {AATS_REC_LIQUIDATION, AATS_STREAM_LIQUIDATION},
    };
    if (!(f->opts.streams & OF[m->kind].stream)) return; /* it came with another that was asked for */
    aats_rec_t r = head_of(f, s, l, OF[m->kind].kind, m->exch_ns, recv_ns);
    r.seq = m->id;
    r.px_i = m->kind == AATS_MSG_FUNDING ? m->rate_i : m->px_i;
    r.qty_i = m->kind == AATS_MSG_MARK ? m->index_px_i : m->kind == AATS_MSG_LIQUIDATION ? m->qty_i : 0;
    r.aux = m->kind == AATS_MSG_FUNDING && m->next_ns > 0 ? (uint64_t)m->next_ns : 0;
    if (m->kind == AATS_MSG_LIQUIDATION && m->side > 0) r.flags |= AATS_F_BUYER;
    publish(f, &r, NULL, NULL);
}

void pub_bbo(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, uint64_t seq, int64_t recv_ns)
{
    aats_rec_t r = head_of(f, s, l, AATS_REC_BBO, m->exch_ns, recv_ns);
    r.seq = seq;
    r.bid_len = m->bids[0].px_i > 0;
    r.ask_len = m->asks[0].px_i > 0;
    publish(f, &r, m->bids, m->asks);
}

void pub_changes(aats_feed_t *f, sym_t *s, aats_diff_t const *d)
{
    size_t left = d->bid_cnt + d->ask_cnt;
    for (int side = 0; side < 2; side++) {
        aats_level_t const *levels = side == AATS_BID ? d->bids : d->asks;
        size_t cnt = side == AATS_BID ? d->bid_cnt : d->ask_cnt;
        for (size_t i = 0; i < cnt; i++) {
            aats_rec_t r = head_of(f, s, NULL, AATS_REC_L2, d->exch_ns, d->recv_ns);
            r.seq = d->last_id;
            r.side = (uint8_t)side;
            r.px_i = levels[i].px_i;
            r.qty_i = levels[i].qty_i;
            if (!--left) r.flags |= AATS_F_LAST;
            publish(f, &r, NULL, NULL);
        }
    }
}

void pub_link(aats_feed_t *f, link_t *l, int up)
{
    aats_link_t *shared = &f->view.md->links[l->index];
    aats_store_release(&shared->up, (uint64_t)up);
    aats_rec_t r = {.kind = AATS_REC_LINK, .sym = AATS_SYM_NONE, .link = (uint8_t)l->index, .recv_ns = f->now_ns};
    r.flags = up ? AATS_F_VALID : 0;
    r.why = up ? 0 : AATS_WHY_LINK_DOWN;
    publish(f, &r, NULL, NULL);
}

/* The head of the latest slot names the new link, so that readers judge the book by it; nothing else has changed.  The levels there are
 * those of told_seq; a book that has moved on since without a change among them is as good by its own id. */
void pub_carrier(aats_feed_t *f, sym_t *s)
{
    aats_rec_t r = head_of(f, s, NULL, AATS_REC_STATE, 0, 0);
    if (s->valid) r.flags |= s->told_flags;
    r.seq = s->valid && s->told_flags ? s->told_seq : s->sync.id;
    publish(f, &r, NULL, NULL);
}
