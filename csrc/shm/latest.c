/* latest.c -- the seqlocks of latest-book slots and tops; see latest.h for the edges. */
#include "shm/latest.h"

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/seqlock.h"

/* words of a record head, and of a top, after the stamp; and of a level */
#define HEAD_WORDS  ((sizeof(aats_rec_t) - sizeof(uint64_t)) / 8)
#define TOP_WORDS   ((sizeof(aats_top_t) - sizeof(uint64_t)) / 8)
#define LEVEL_WORDS (sizeof(aats_level_t) / 8)

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* ---- books ---- */

void aats_latest_write(aats_md_view_t const *view, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    aats_rec_t *slot = aats_md_latest(view, rec->sym);
    uint32_t const bid_len = rec->bid_len, ask_len = rec->ask_len;

    aats_seq_write_begin(&slot->stamp, 2 * rec->rec + 1); /* L2 */
    aats_words_store(&slot->exch_ns, &rec->exch_ns, HEAD_WORDS);
    if (bid_len > 0) aats_words_store(aats_rec_bids(slot), bids, bid_len * LEVEL_WORDS);
    if (ask_len > 0) aats_words_store(aats_rec_asks(slot, view->level_max), asks, ask_len * LEVEL_WORDS);
    aats_seq_write_end(&slot->stamp, 2 * rec->rec + 2); /* L1 */
}

void aats_latest_mark(aats_md_view_t const *view, aats_rec_t const *rec)
{
    aats_rec_t *slot = aats_md_latest(view, rec->sym);
    aats_rec_t was, head = *rec;
    aats_words_load(&was, slot, sizeof was / 8); /* its own words: nobody else writes */
    head.bid_len = was.bid_len;
    head.ask_len = was.ask_len;

    aats_seq_write_begin(&slot->stamp, 2 * rec->rec + 1); /* L2 */
    aats_words_store(&slot->exch_ns, &head.exch_ns, HEAD_WORDS);
    aats_seq_write_end(&slot->stamp, 2 * rec->rec + 2); /* L1 */
}

int aats_latest_try(aats_md_view_t const *view, uint32_t sym, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks, uint32_t cap)
{
    if (sym >= view->dir_cap) return AATS_E_UNKNOWN;
    aats_rec_t *slot = aats_md_latest(view, sym);

    uint64_t const stamp = aats_seq_read_begin(&slot->stamp); /* L1 */
    if (stamp == 0) return AATS_E_EMPTY;
    if (stamp & 1) return 0;

    aats_words_load(&rec->exch_ns, &slot->exch_ns, HEAD_WORDS);
    rec->stamp = stamp;
    int const sane = rec->bid_len <= view->level_max && rec->ask_len <= view->level_max;
    if (sane && cap > 0) {
        aats_words_load(bids, aats_rec_bids(slot), min_u32(rec->bid_len, cap) * LEVEL_WORDS);
        aats_words_load(asks, aats_rec_asks(slot, view->level_max), min_u32(rec->ask_len, cap) * LEVEL_WORDS);
    }
    if (!aats_seq_read_end(&slot->stamp, stamp)) return 0; /* L2 */
    return sane ? 1 : AATS_E_LAYOUT;
}

int aats_latest_read(aats_md_view_t const *view, uint32_t sym, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks, uint32_t cap)
{
    for (int i = 0; i < AATS_LATEST_TRIES; i++) {
        int const got = aats_latest_try(view, sym, rec, bids, asks, cap);
        if (got != 0) return got > 0 ? AATS_OK : got;
        aats_spin_hint();
    }
    return AATS_E_BUSY;
}

/* ---- tops ---- */

void aats_top_write(aats_md_view_t const *view, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    if (rec->kind != AATS_REC_BBO && rec->kind != AATS_REC_TICK) return;
    aats_top_t *const top = &view->top[rec->sym];
    uint64_t const stamp = aats_load_relaxed(&top->stamp); /* nobody else writes */
    uint64_t part[8] = {0}, *place;

    /* the half of the kind's own; the other one stays as it is */
    if (rec->kind == AATS_REC_BBO) {
        aats_level_t const none = {0, 0};
        aats_level_t const bid = rec->bid_len > 0 ? bids[0] : none;
        aats_level_t const ask = rec->ask_len > 0 ? asks[0] : none;
        place = &top->bbo_rec;
        part[4] = (uint64_t)bid.px_i;
        part[5] = (uint64_t)bid.qty_i;
        part[6] = (uint64_t)ask.px_i;
        part[7] = (uint64_t)ask.qty_i;
    } else {
        place = &top->tick_rec;
        part[4] = (uint64_t)rec->px_i;
        part[5] = (uint64_t)rec->qty_i;
        part[6] = (uint64_t)(rec->flags & AATS_F_BUYER ? 1 : -1);
    }
    part[0] = rec->rec + 1;
    part[1] = (uint64_t)rec->exch_ns;
    part[2] = (uint64_t)rec->recv_ns;
    part[3] = rec->seq;

    aats_seq_write_begin(&top->stamp, stamp + 1); /* L2 */
    aats_words_store(place, part, rec->kind == AATS_REC_BBO ? 8 : 7);
    aats_seq_write_end(&top->stamp, stamp + 2); /* L1 */
}

_Static_assert(offsetof(aats_top_t, ask_qty_i) == offsetof(aats_top_t, bbo_rec) + 56, "a best bid and ask is 8 words in a row");
_Static_assert(offsetof(aats_top_t, tick_side) == offsetof(aats_top_t, tick_rec) + 48, "a trade is 7 words in a row");

int aats_top_try(aats_md_view_t const *view, uint32_t sym, aats_top_t *out)
{
    if (sym >= view->dir_cap) return AATS_E_UNKNOWN;
    aats_top_t const *top = &view->top[sym];

    uint64_t const stamp = aats_seq_read_begin(&top->stamp); /* L1 */
    if (stamp == 0) return AATS_E_EMPTY;
    if (stamp & 1) return 0;
    aats_words_load(&out->bbo_rec, &top->bbo_rec, TOP_WORDS);
    out->stamp = stamp;
    return aats_seq_read_end(&top->stamp, stamp); /* L2 */
}

int aats_top_read(aats_md_view_t const *view, uint32_t sym, aats_top_t *out)
{
    for (int i = 0; i < AATS_LATEST_TRIES; i++) {
        int const got = aats_top_try(view, sym, out);
        if (got != 0) return got > 0 ? AATS_OK : got;
        aats_spin_hint();
    }
    return AATS_E_BUSY;
}
