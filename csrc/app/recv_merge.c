/* recv_merge.c -- records and books of one path or two into one segment.
 *
 * With one path all goes out, in its order, each once.  With two, what the venue has numbered the same goes out once, from whoever brings it first; see
 * goes_out for each kind. */
#include "app/recv_state.h"

#include "base/atomics.h"
#include "shm/stats.h"

/* ---- out ---- */

int recv_merge_publish(aats_recv_t *r, path_t *p, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    rec->recv_ns = (int64_t)((uint64_t)rec->recv_ns - (uint64_t)p->offset_ns);
    if (rec->parsed_ns) rec->parsed_ns = (int64_t)((uint64_t)rec->parsed_ns - (uint64_t)p->offset_ns);
    rec->link = (uint8_t)p->index;
    rec->pub_ns = r->clock ? r->clock() : r->now_ns;
    int const rc = aats_md_publish(&r->writer, rec, bids, asks);
    if (rc != AATS_OK) {
        p->pub.damaged++;
        return rc;
    }
    if (rec->kind != AATS_REC_STATE && rec->kind != AATS_REC_LINK && rec->recv_ns > 0 && rec->recv_ns < EPOCH_MAX) {
        aats_hist_record(&r->view.hists[AATS_HIST_MD_RECV_PUB], rec->pub_ns - rec->recv_ns);
        if (rec->exch_ns > 0 && rec->exch_ns < EPOCH_MAX) aats_hist_record(&r->view.hists[AATS_HIST_MD_EXCH_RECV], rec->recv_ns - rec->exch_ns);
    }
    return rc;
}

void recv_merge_link(aats_recv_t *r, path_t *p, int up)
{
    aats_link_t *l = &r->view.md->links[p->index];
    aats_rec_t rec = {.kind = AATS_REC_LINK, .sym = AATS_SYM_NONE, .recv_ns = r->now_ns + p->offset_ns, .flags = up ? AATS_F_VALID : 0,
                      .why = up ? 0 : AATS_WHY_LINK_DOWN};
    if (up) aats_store_release(&l->heard_mono_ns, (uint64_t)p->pulse_mono_ns);
    aats_store_release(&l->up, (uint64_t)up); /* H1: books were told first */
    aats_add_relaxed(up ? &l->connects : &l->drops, 1);
    recv_merge_publish(r, p, &rec, NULL, NULL);
}

/* ---- two paths ---- */

static int newer(aats_recv_t *r, path_t *p, int8_t *by, uint64_t *seq, uint64_t now)
{
    if (r->path_cnt > 1) {
        if (*by != p->index && *by != NONE && now <= *seq) {
            p->pub.repeated++;
            return 0;
        }
        p->pub.wins++;
    }
    *by = (int8_t)p->index;
    *seq = now;
    return 1;
}

/* A book goes out if its path carries it already, or is ahead of the one that does; a bad one is taken over from nobody.  A book that is shown as bad is
 * replaced by a good one of the same update, or (its carrier being gone) by one with which the venue began to count anew. */
static int book_goes_out(aats_recv_t *r, path_t *p, lsym_t *l, aats_rec_t const *rec)
{
    if (r->path_cnt == 1 || l->book_by == NONE || l->book_by == p->index) return 1;
    path_t const *q = &r->paths[l->book_by];
    if (!(rec->flags & AATS_F_VALID) || (!p->up && q->up)) return 0;
    if (rec->seq > l->book_seq) return 1;
    if (l->shown) return 0;
    return rec->seq == l->book_seq || (p->up && !q->up && rec->flags & AATS_F_SNAPSHOT);
}

static void show_book(aats_recv_t *r, path_t *p, rsym_t *s, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    uint32_t const local = (uint32_t)s->local;
    lsym_t *l = &r->syms[local];
    if (!book_goes_out(r, p, l, rec)) {
        p->pub.repeated++;
        if (!l->shown) recv_dir_judge(r, local);
        return;
    }
    uint8_t const bad = rec->flags & AATS_F_VALID ? p->up ? p->link_why[s->link % AATS_LINK_MAX] : AATS_WHY_LOSS : rec->why ? rec->why : AATS_WHY_SYNCING;
    if (bad) rec->flags &= (uint8_t)~AATS_F_VALID;
    rec->why = bad;
    rec->sym = (uint16_t)local;
    if (recv_merge_publish(r, p, rec, bids, asks) != AATS_OK) return;
    if (r->path_cnt > 1) p->pub.wins++;
    l->book_by = (int8_t)p->index;
    l->book_seq = l->word_seq = rec->seq;
    l->book_exch_ns = rec->exch_ns;
    l->book_recv_ns = rec->recv_ns;
    l->epoch = rec->epoch;
    if (l->shown != !bad || bad) recv_dir_shown(r, local, !bad, bad);
}

/* The changes of one venue message come from one path: the other may only go on behind its last one, and only if it has not passed over a message that the
 * first has not brought yet. */
static int changes_go_out(aats_recv_t *r, path_t *p, lsym_t *l, aats_rec_t const *rec)
{
    if (r->path_cnt > 1 && l->l2_by != p->index && l->l2_by != NONE) {
        if (rec->seq <= l->l2_seq || l->l2_open || l->l2_skip[p->index] > l->l2_seq) {
            if (rec->seq > l->l2_seq) l->l2_skip[p->index] = rec->seq;
            p->pub.repeated++;
            return 0;
        }
    }
    if (r->path_cnt > 1) p->pub.wins++;
    l->l2_by = (int8_t)p->index;
    l->l2_seq = rec->seq;
    l->l2_open = !(rec->flags & AATS_F_LAST);
    return 1;
}

/* ---- a record, in the order of its path ---- */

static void quote(aats_recv_t *r, path_t *p, rsym_t *s, uint64_t n, aats_rec_t *rec, aats_level_t const *levels)
{
    if (n < s->book_next) return; /* a BOOK has told more already */
    s->link = rec->link % AATS_LINK_MAX;
    if (rec->flags & AATS_F_DEEP) {
        recv_dir_deep_want(r, p, s, rec);
        return;
    }
    s->valid = rec->flags & AATS_F_VALID;
    s->why = rec->why;
    s->lossy = 0;
    s->seq = rec->seq;
    s->book_next = n + 1;
    recv_dir_deep_got(r, p, s, rec);
    show_book(r, p, s, rec, levels, levels + rec->bid_len);
}

static void state(aats_recv_t *r, path_t *p, rsym_t *s, uint64_t n, aats_rec_t *rec)
{
    if (n < s->book_next) return;
    uint32_t const local = (uint32_t)s->local;
    lsym_t *l = &r->syms[local];
    s->link = rec->link % AATS_LINK_MAX;
    s->valid = rec->flags & AATS_F_VALID;
    s->why = rec->why;
    s->state_next = n + 1; /* of the levels it says nothing: what is missing of them stays missing */
    if (l->book_by != NONE && l->book_by != p->index) {
        if (!l->shown) recv_dir_judge(r, local);
        return;
    }
    if (r->path_cnt > 1 && !s->valid && l->book_by == p->index && l->shown) {
        recv_dir_judge(r, local); /* perhaps the other path has it good */
        if (l->book_by != p->index || !l->shown) return;
    }
    if (s->valid && s->deep_first) return; /* its number belongs to levels that are not here yet: their BOOK comes */
    uint8_t const bad = s->valid ? !p->up || s->lossy ? AATS_WHY_LOSS : p->link_why[s->link] : s->why ? s->why : AATS_WHY_SYNCING;
    if (bad) rec->flags &= (uint8_t)~AATS_F_VALID;
    rec->why = bad;
    rec->sym = (uint16_t)local;
    if (recv_merge_publish(r, p, rec, NULL, NULL) != AATS_OK) return;
    l->book_by = (int8_t)p->index;
    l->word_seq = rec->seq;
    l->epoch = rec->epoch;
    recv_dir_shown(r, local, !bad, bad);
}

void recv_merge_record(aats_recv_t *r, path_t *p, uint64_t n, aats_rec_t *rec, aats_level_t const *levels)
{
    if (rec->kind == AATS_REC_LINK) {
        recv_dir_link(r, p, rec->link, rec->flags & AATS_F_VALID ? 0 : rec->why ? rec->why : AATS_WHY_LINK_DOWN);
        return;
    }
    if (rec->sym >= AATS_DIR_MAX) {
        p->pub.damaged++;
        return;
    }
    rsym_t *s = &p->syms[rec->sym];
    if (s->local < 0) {
        if (s->local == NONE) p->want_snap = 1; /* its entry got lost */
        return;
    }
    lsym_t *l = &r->syms[s->local];
    switch (rec->kind) {
    case AATS_REC_QUOTE:
        quote(r, p, s, n, rec, levels);
        return;
    case AATS_REC_STATE:
        if (rec->bid_len || rec->ask_len) p->pub.damaged++;
        else state(r, p, s, n, rec);
        return;
    case AATS_REC_TICK:
        if (!newer(r, p, &l->tick_by, &l->tick_seq, rec->seq)) return;
        break;
    case AATS_REC_BBO:
        if (!newer(r, p, &l->bbo_by, &l->bbo_seq, rec->seq)) return;
        break;
    case AATS_REC_L2:
        if (!changes_go_out(r, p, l, rec)) return;
        break;
    case AATS_REC_MARK:
    case AATS_REC_FUNDING:
    case AATS_REC_LIQUIDATION: {
        int const k = rec->kind - AATS_REC_MARK;
        if (!newer(r, p, &l->perp_by[k], &l->perp_seq[k], (uint64_t)(rec->exch_ns > 0 ? rec->exch_ns : rec->recv_ns))) return;
        break;
    }
    default:
        return;
    }
    rec->sym = (uint16_t)s->local;
    recv_merge_publish(r, p, rec, levels, levels + rec->bid_len);
}

/* ---- books and tops that come beside the records ---- */

void recv_merge_book(aats_recv_t *r, path_t *p, uint8_t const *packed, size_t n, uint64_t covers)
{
    aats_rec_t rec;
    if (!r->attached || r->stopping) return;
    size_t const sz = recv_path_piece(packed, n, r->view.level_max, &rec);
    int const ok = sz == n && rec.sym < AATS_DIR_MAX && rec.rec < SEQ_MAX && (rec.kind == AATS_REC_QUOTE || rec.kind == AATS_REC_STATE);
    if (!ok) {
        p->pub.damaged++;
        return;
    }
    rsym_t *s = &p->syms[rec.sym];
    if (s->local < 0) return;
    uint64_t const m = rec.rec;
    if (covers < m + 1) covers = m + 1;
    if (covers > s->cover) s->cover = covers;
    uint64_t const told = s->book_next > s->state_next ? s->book_next : s->state_next;
    int const owed = s->lossy || s->deep_first;
    if (!recv_dir_deep_got(r, p, s, &rec)) return;
    if (s->lossy && covers < s->loss_upto) return; /* older than what is missing */
    if (m + 1 < s->book_next || (m + 1 <= told && !owed)) return;
    lsym_t const *l = &r->syms[s->local];
    if (p->again && l->book_by == p->index && rec.seq < l->book_seq && rec.epoch <= l->epoch) return; /* it lay in a queue since before */
    s->lossy = 0;
    if (m + 1 >= s->state_next) {
        s->link = rec.link % AATS_LINK_MAX;
        s->valid = rec.flags & AATS_F_VALID;
        s->why = rec.why;
    } else { /* the levels are news, what is said of them is not */
        rec.flags = (uint8_t)((rec.flags & ~AATS_F_VALID) | (s->valid ? AATS_F_VALID : 0));
        rec.why = s->why;
    }
    s->seq = rec.seq;
    s->book_next = m + 1;
    rec.kind = AATS_REC_QUOTE;
    rec.px_i = rec.qty_i = 0;
    aats_level_t const *levels = (aats_level_t const *)(void const *)(packed + sizeof rec);
    show_book(r, p, s, &rec, levels, levels + rec.bid_len);
}

/* Tops of before we joined, or of lost records.  The best prices are told as a record; a trade of then is no event: it is only shown. */
void recv_merge_top(aats_recv_t *r, path_t *p, aats_wire_top_t const *t, uint64_t below)
{
    if (!r->attached || r->stopping || t->index >= AATS_DIR_MAX) return;
    rsym_t const *s = &p->syms[t->index];
    if (s->local < 0) return;
    aats_top_t const *top = &t->top;
    lsym_t *l = &r->syms[s->local];
    aats_rec_t rec = {.sym = (uint16_t)s->local, .flags = AATS_F_VALID};
    if (top->bbo_rec && top->bbo_rec <= below && (l->bbo_by == NONE || top->bbo_seq > l->bbo_seq)) {
        aats_level_t const bid = {top->bid_px_i, top->bid_qty_i}, ask = {top->ask_px_i, top->ask_qty_i};
        rec.kind = AATS_REC_BBO;
        rec.exch_ns = top->bbo_exch_ns, rec.recv_ns = top->bbo_recv_ns, rec.seq = top->bbo_seq;
        rec.bid_len = bid.px_i || bid.qty_i, rec.ask_len = ask.px_i || ask.qty_i;
        l->bbo_by = (int8_t)p->index, l->bbo_seq = rec.seq;
        recv_merge_publish(r, p, &rec, &bid, &ask);
    }
    if (top->tick_rec && top->tick_rec <= below && (l->tick_by == NONE || top->tick_seq > l->tick_seq)) {
        rec = (aats_rec_t){.sym = (uint16_t)s->local, .kind = AATS_REC_TICK, .flags = AATS_F_VALID | (top->tick_side > 0 ? AATS_F_BUYER : 0),
                           .exch_ns = top->tick_exch_ns, .seq = top->tick_seq, .px_i = top->tick_px_i, .qty_i = top->tick_qty_i};
        rec.recv_ns = (int64_t)((uint64_t)top->tick_recv_ns - (uint64_t)p->offset_ns);
        rec.rec = r->writer.next ? r->writer.next - 1 : 0;
        aats_top_write(&r->view, &rec, NULL, NULL);
    }
}
