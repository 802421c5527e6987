/* ring.c -- publish and poll; see ring.h for the edges. */
#include "shm/ring.h"

#include "base/errors.h"
#include "shm/seqlock.h"

/* words of a record head after its stamp, and of a level */
#define HEAD_WORDS  ((sizeof(aats_rec_t) - sizeof(uint64_t)) / 8)
#define LEVEL_WORDS (sizeof(aats_level_t) / 8)

int aats_ring_open(aats_ring_writer_t *writer, aats_md_view_t const *view)
{
    if (aats_load_relaxed(&view->md->head) != 0 || aats_load_relaxed(&aats_md_slot(view, 0)->stamp) != 0) return AATS_E_STALE;
    *writer = (aats_ring_writer_t){.view = view, .next = 0};
    return AATS_OK;
}

int aats_ring_publish(aats_ring_writer_t *writer, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    aats_md_view_t const *view = writer->view;
    uint32_t const cap = view->ring_levels;
    uint64_t const n = writer->next++;
    aats_rec_t *slot = aats_md_slot(view, n);

    if (rec->bid_len > cap || rec->ask_len > cap) rec->flags |= AATS_F_DEEP;
    if (rec->bid_len > cap) rec->bid_len = (uint16_t)cap;
    if (rec->ask_len > cap) rec->ask_len = (uint16_t)cap;
    rec->rec = n;
    rec->stamp = 2 * n + 2;

    aats_seq_write_begin(&slot->stamp, 2 * n + 1); /* E2, E4 */
    aats_words_store(&slot->exch_ns, &rec->exch_ns, HEAD_WORDS);
    if (rec->bid_len > 0) aats_words_store(aats_rec_bids(slot), bids, rec->bid_len * LEVEL_WORDS);
    if (rec->ask_len > 0) aats_words_store(aats_rec_asks(slot, cap), asks, rec->ask_len * LEVEL_WORDS);
    aats_seq_write_end(&slot->stamp, 2 * n + 2); /* E1 */

    aats_store_release(&view->md->head, n + 1); /* E3 */
    return AATS_OK;
}

int aats_ring_poll(aats_md_view_t const *view, uint64_t n, aats_rec20_t *out)
{
    aats_rec_t *slot = aats_md_slot(view, n);
    uint32_t const cap = view->ring_levels;
    uint64_t const want = 2 * n + 2;

    uint64_t const stamp = aats_seq_read_begin(&slot->stamp); /* E1, E4 */
    if (stamp != want) return stamp < want ? 0 : AATS_E_LAPPED;

    aats_words_load(&out->r.exch_ns, &slot->exch_ns, HEAD_WORDS);
    out->r.stamp = want;
    int const sane = out->r.bid_len <= cap && out->r.ask_len <= cap && (out->r.sym < view->dir_cap || out->r.sym == AATS_SYM_NONE);
    if (sane) {
        aats_words_load(out->bids, aats_rec_bids(slot), out->r.bid_len * LEVEL_WORDS);
        aats_words_load(out->asks, aats_rec_asks(slot, cap), out->r.ask_len * LEVEL_WORDS);
    }
    if (!aats_seq_read_end(&slot->stamp, want)) { /* E2 */
        aats_fence_acquire();                     /* E4 */
        return AATS_E_LAPPED;
    }
    return sane ? 1 : AATS_E_LAYOUT;
}

uint64_t aats_ring_newest(aats_md_view_t const *view)
{
    return aats_load_acquire(&view->md->head); /* E3 */
}
