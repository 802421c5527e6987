/* recv_dir.c -- the symbols: index there and here, and whether somebody vouches for the book that is shown.
 *
 * A path vouches for a book while it is up, the feed's last word on it was good, the venue connection of it is good there, and nothing of it is missing.
 * The path that brought what is shown is its carrier.  When the carrier stops vouching, the other path takes over with a word (a STATE record that names
 * its link) if its book is the same update of the venue; else the book is invalid until somebody brings it anew. */
#include "app/recv_state.h"

#include <stdio.h>

#include "shm/directory.h"

void recv_dir_reset(aats_recv_t *r, path_t *p)
{
    p->sym_cnt = 0;
    for (int i = 0; i < AATS_DIR_MAX; i++) {
        if (p->syms[i].local >= 0 && r->syms) r->syms[p->syms[i].local].there[p->index] = NONE;
        p->syms[i] = (rsym_t){.local = NONE};
    }
}

/* ---- entries ---- */

static int entry_ok(aats_wire_dir_t const *e)
{
    aats_dir_t const *d = &e->dir;
    return e->index < AATS_DIR_MAX && d->state >= AATS_DIR_SYNCING && d->state <= AATS_DIR_GONE && d->symbol[0] && d->native[0] &&
           recv_text_ok(d->symbol, sizeof d->symbol) && recv_text_ok(d->native, sizeof d->native) && d->level_num >= 1 &&
           d->level_num <= AATS_LEVEL_MAX && d->link < AATS_LINK_MAX;
}

static int add(aats_recv_t *r, path_t *p, aats_dir_t const *d)
{
    aats_dir_t fresh = *d;
    if (d->level_num > r->view.level_max) return NONE; /* a larger segment is coming */
    fresh.link = (uint32_t)p->index;
    if (d->state == AATS_DIR_GONE) fresh.state = AATS_DIR_SYNCING;
    int const local = aats_dir_add(&r->view, &fresh);
    if (local == AATS_E_FULL && r->view.dir_cap < AATS_DIR_MAX) {
        r->more_dir = r->view.dir_cap * 2 < AATS_DIR_MAX ? r->view.dir_cap * 2 : AATS_DIR_MAX;
        return NONE;
    }
    if (local < 0) {
        if (!(p->said & SAID_FULL)) recv_say(r, 2, "%s: no room for %s: both feeds together have more than %d symbols", p->pub.addr, d->symbol, AATS_DIR_MAX);
        p->said |= SAID_FULL;
        return REFUSED;
    }
    if (d->state == AATS_DIR_GONE) aats_dir_set_state(&r->view, (uint32_t)local, AATS_DIR_GONE);
    return local;
}

/* A symbol that is here already, brought by this path too: only with the same exponents, and only under one index.  If nobody else brings it, its venue has
 * other ones now, and so must the segment. */
static int meet(aats_recv_t *r, path_t *p, int local, aats_dir_t const *d)
{
    aats_dir_t ours;
    if (aats_dir_read(&r->view, (uint32_t)local, &ours) != AATS_OK || r->syms[local].there[p->index] != NONE) return REFUSED;
    if (ours.px_exp == d->px_exp && ours.qty_exp == d->qty_exp) return local;
    if (r->path_cnt == 1 || r->syms[local].there[1 - p->index] == NONE) {
        if (!r->anew) recv_say(r, 1, "%s: %s has other exponents than before; readers get a fresh segment", p->pub.addr, d->symbol);
        r->anew = 1;
        return NONE;
    }
    if (!(p->said & SAID_EXP)) {
        recv_say(r, 2, "%s: %s has exponents %d, %d there and %d, %d here; the symbol is not taken from this path", p->pub.addr, d->symbol, d->px_exp,
                 d->qty_exp, ours.px_exp, ours.qty_exp);
    }
    p->said |= SAID_EXP;
    return REFUSED;
}

void recv_dir_entry(aats_recv_t *r, path_t *p, aats_wire_dir_t const *e)
{
    if (!r->attached) return;
    if (!entry_ok(e)) {
        p->pub.damaged++;
        return;
    }
    rsym_t *s = &p->syms[e->index];
    if (e->index >= p->sym_cnt) p->sym_cnt = (uint32_t)e->index + 1;
    if (s->local == NONE) {
        int const local = aats_dir_find_ours(&r->view, e->dir.symbol);
        s->local = local < 0 ? add(r, p, &e->dir) : meet(r, p, local, &e->dir);
        s->link = (uint8_t)e->dir.link;
        s->why = AATS_WHY_SYNCING;
        s->lossy = 1; /* its levels are not known: no word makes them good, only a QUOTE or BOOK */
        if (s->local >= 0) r->syms[s->local].there[p->index] = (int32_t)e->index;
        return;
    }
    if (s->local < 0) return;
    lsym_t const *l = &r->syms[s->local];
    if (l->book_by != NONE && l->book_by != p->index) return;
    uint32_t const local = (uint32_t)s->local;
    if (e->dir.level_num <= r->view.level_max) aats_dir_set_level(&r->view, local, e->dir.level_num);
    if (l->book_by == NONE || (!l->shown && e->dir.state != AATS_DIR_LIVE)) aats_dir_set_state(&r->view, local, e->dir.state);
}

void recv_dir_shown(aats_recv_t *r, uint32_t local, int good, uint8_t why)
{
    lsym_t *l = &r->syms[local];
    int const changed = l->shown != good || (!good && l->shown_why != why);
    l->shown = (uint8_t)good;
    l->shown_why = good ? 0 : why;
    if (!changed) return;
    uint64_t const state = good ? AATS_DIR_LIVE : why == AATS_WHY_GONE ? AATS_DIR_GONE : why == AATS_WHY_HALTED ? AATS_DIR_HALTED : AATS_DIR_SYNCING;
    aats_dir_set_state(&r->view, local, state);
}

/* ---- who vouches ---- */

uint8_t recv_dir_why(path_t const *p, rsym_t const *s)
{
    if (!p->up) return AATS_WHY_LOSS;
    if (!s->valid) return s->why ? s->why : AATS_WHY_SYNCING;
    if (s->lossy) return AATS_WHY_LOSS;
    return p->link_why[s->link % AATS_LINK_MAX];
}

/* The book that is there is good again: it is told anew, whole, because readers who called it bad wait for a QUOTE. */
static int tell_again(aats_recv_t *r, path_t *p, uint32_t local)
{
    aats_rec_t rec;
    if (aats_latest_read(&r->view, local, &rec, r->levels[0], r->levels[1], AATS_LEVEL_MAX) != AATS_OK) return 0;
    rec.kind = AATS_REC_QUOTE;
    rec.flags = (uint8_t)((rec.flags & ~AATS_F_DEEP) | AATS_F_VALID | AATS_F_SNAPSHOT);
    rec.why = 0;
    rec.seq = r->syms[local].book_seq;
    rec.exch_ns = r->syms[local].book_exch_ns;
    rec.recv_ns = (int64_t)((uint64_t)r->syms[local].book_recv_ns + (uint64_t)p->offset_ns); /* as the feed said */
    return recv_merge_publish(r, p, &rec, r->levels[0], r->levels[1]) == AATS_OK;
}

/* A word on the book whose levels are there: good or not, and by which path. */
static void tell(aats_recv_t *r, path_t *p, uint32_t local, uint8_t why)
{
    lsym_t *l = &r->syms[local];
    aats_rec_t rec = {.recv_ns = r->now_ns + p->offset_ns, .seq = l->word_seq, .sym = (uint16_t)local, .kind = AATS_REC_STATE, .epoch = l->epoch,
                      .flags = why ? 0 : AATS_F_VALID, .why = why};
    l->book_by = (int8_t)p->index;
    if (why || l->shown) recv_merge_publish(r, p, &rec, NULL, NULL);
    else if (!tell_again(r, p, local)) return;
    recv_dir_shown(r, local, !why, why);
}

void recv_dir_judge(aats_recv_t *r, uint32_t local)
{
    lsym_t *l = &r->syms[local];
    if (l->book_by == NONE || r->stopping) return;
    path_t *p = &r->paths[l->book_by];
    uint8_t why = AATS_WHY_LOSS;
    if (l->there[p->index] >= 0) {
        rsym_t const *s = &p->syms[l->there[p->index]];
        why = recv_dir_why(p, s);
        if (!why && s->seq != l->book_seq) p->want_snap = 1, why = l->shown_why ? l->shown_why : AATS_WHY_LOSS; /* its book is not the one shown */
        if (!why && s->deep_first && !l->shown) why = l->shown_why ? l->shown_why : AATS_WHY_LOSS; /* levels of a newer one are on their way */
    }
    if (why && r->path_cnt > 1) {
        path_t *q = &r->paths[1 - p->index];
        rsym_t const *o = l->there[q->index] >= 0 ? &q->syms[l->there[q->index]] : NULL;
        if (o && !recv_dir_why(q, o) && !o->deep_first) {
            if (o->seq == l->book_seq) {
                tell(r, q, local, 0);
                return;
            }
            if (o->seq > l->book_seq) q->want_snap = 1;
        }
    }
    if (why ? l->shown || l->shown_why != why : !l->shown) tell(r, p, local, why);
}

void recv_dir_judge_all(aats_recv_t *r, path_t *p)
{
    for (uint32_t i = 0; i < p->sym_cnt; i++)
        if (p->syms[i].local >= 0) recv_dir_judge(r, (uint32_t)p->syms[i].local);
    for (uint32_t i = 0; i < AATS_DIR_MAX; i++) /* a message that was broken off stays so */
        if (r->syms[i].l2_by == p->index && !p->up) r->syms[i].l2_open = 0, r->syms[i].l2_skip[0] = r->syms[i].l2_skip[1] = 0;
}

void recv_dir_loss(aats_recv_t *r, path_t *p, uint64_t upto)
{
    for (uint32_t i = 0; i < p->sym_cnt; i++) {
        rsym_t *s = &p->syms[i];
        if (s->local < 0 || s->cover >= upto) continue;
        s->lossy = 1;
        s->loss_upto = upto;
        recv_dir_judge(r, (uint32_t)s->local);
    }
}

/* ---- connections to the venue, there ---- */

void recv_dir_link(aats_recv_t *r, path_t *p, uint32_t link, uint8_t why)
{
    if (link >= AATS_LINK_MAX || p->link_why[link] == why) return;
    p->link_why[link] = why;
    for (uint32_t i = 0; i < p->sym_cnt; i++)
        if (p->syms[i].local >= 0 && p->syms[i].link == link) recv_dir_judge(r, (uint32_t)p->syms[i].local);
}

void recv_dir_links(aats_recv_t *r, path_t *p, aats_wire_link_t const *links)
{
    for (uint32_t i = 0; i < AATS_LINK_MAX; i++) {
        int64_t const age = links[i].age_ns < 0 ? 0 : links[i].age_ns;
        int const mute = links[i].limit_ns && (uint64_t)age > links[i].limit_ns;
        recv_dir_link(r, p, i, links[i].up != 1 ? AATS_WHY_LINK_DOWN : mute ? AATS_WHY_VENUE_MUTE : 0);
    }
}

/* ---- deep books ---- */

void recv_dir_deep_want(aats_recv_t *r, path_t *p, rsym_t *s, aats_rec_t const *quote)
{
    if (!s->deep_first) {
        s->deep_first = quote->rec + 1;
        s->deep_mono_ns = r->mono_ns;
        s->deep_asked = 0;
        p->deep_cnt++;
    }
    s->deep_last = quote->rec + 1;
    s->deep_last_mono_ns = r->mono_ns;
    s->deep_last_pub_ns = quote->pub_ns;
}

/* How far a book is behind the newest QUOTE is told by the feed's own stamps.  Within hold_ns it is progress, and the next one is waited for as if it had been
 * published right after it; one that is further behind (it lay in a queue, or answers an old question) is no news. */
int recv_dir_deep_got(aats_recv_t *r, path_t *p, rsym_t *s, aats_rec_t const *book)
{
    if (!s->deep_first || book->rec + 1 < s->deep_first) return !s->deep_first;
    if (book->rec + 1 < s->deep_last) {
        int64_t const behind_ns = (int64_t)((uint64_t)s->deep_last_pub_ns - (uint64_t)book->pub_ns);
        if (behind_ns < 0 || behind_ns > r->opts.hold_ns) return 0;
        s->deep_first = book->rec + 2;
        s->deep_mono_ns = s->deep_last_mono_ns - behind_ns;
        s->deep_asked = 0;
        return 1;
    }
    s->deep_first = s->deep_last = 0;
    p->deep_cnt--;
    return 1;
}

/* A QUOTE whose levels do not come is asked for, and after hold_ns the book that is shown is not the feed's any more. */
void recv_dir_deep(aats_recv_t *r, path_t *p)
{
    if (r->mono_ns - p->deep_look_mono_ns < NS_MS) return;
    p->deep_look_mono_ns = r->mono_ns;
    for (uint32_t i = 0; i < p->sym_cnt; i++) {
        rsym_t *s = &p->syms[i];
        if (!s->deep_first) continue;
        int64_t const since = r->mono_ns - s->deep_mono_ns;
        if (since >= r->opts.ask_again_ns * (s->deep_asked + 1)) {
            s->deep_asked++;
            recv_side_ask(r, p, AATS_ASK_BOOK, i, 0);
        }
        if (since < r->opts.hold_ns || s->lossy) continue;
        s->lossy = 1;
        s->loss_upto = s->deep_first;
        p->pub.invalid++;
        recv_dir_judge(r, (uint32_t)s->local);
    }
}
