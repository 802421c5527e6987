/* side.h -- one side of the book: the array for the prices in use, the overflow map for the rest, and when to move between them.
 *
 * Both sides are the same code because they are ordered by key, not by price: key = px ^ mask with mask 0 for bids and -1 for asks, so
 * that the greater key is the better price.  The complement turns the order round without an overflow at INT64_MIN.
 *
 * A level is in the array exactly if the array has an entry for its key; else in the overflow map.  So one look-up tells where it is, and
 * reading merges two ordered sequences.  Each move of the array restores this before it returns.
 *
 * Owner: the book.  Internal to book/.
 */
#ifndef AATS_BOOK_SIDE_H
#define AATS_BOOK_SIDE_H

#include "book/book.h"
#include "book/far.h"
#include "book/window.h"

typedef struct {
    aats_window_t win;
    int64_t mask;      /* 0 bids, -1 asks */
    int64_t fence;     /* changes at or above this key may alter what was taken */
    uint32_t moved;    /* 1: such a change came */
    uint32_t miss;     /* changes that had no entry, since the place was last looked at */
    uint32_t stray;    /* of these, above entry 0 and off the grid */
    uint64_t far_sets; /* see aats_book_side_t: misses */
    uint64_t moves;
    aats_far_t far;
} aats_side_t;

static inline int64_t aats_side_key(aats_side_t const *side, int64_t px_i) { return px_i ^ side->mask; }

/* aats_side_set_far is aats_side_set for a key without an entry; it may move the array.  Returns AATS_OK or AATS_E_NOMEM. */
int aats_side_set_far(aats_side_t *side, int64_t key, int64_t qty);

/* aats_side_place gives a side whose array is empty the grid of `tick` round the key `anchor`; none if tick is 0 or does not fit. */
void aats_side_place(aats_side_t *side, uint64_t tick, int64_t anchor);

/* aats_side_set stores the quantity at a key, 0 for none.  Returns AATS_OK or AATS_E_NOMEM. */
static inline int aats_side_set(aats_side_t *side, int64_t key, int64_t qty)
{
    uint64_t idx = aats_window_index(&side->win, key);
    if (__builtin_expect(idx >= side->win.lim, 0)) return aats_side_set_far(side, key, qty);
    int64_t old = aats_window_put(&side->win, (uint32_t)idx, qty);
    side->moved |= (uint32_t)(key >= side->fence) & (uint32_t)(qty != old);
    return AATS_OK;
}

/* aats_side_apply is aats_side_set for each level in turn, with what it changes most kept in registers: the word of the bitmap, the count of levels and
 * whether something moved go to memory when the word changes or a level has no entry.  Levels of one message lie close together, so that is seldom:
 * 2.6 ns a level instead of 4.   Returns AATS_OK, AATS_E_ARG before a quantity below 0, AATS_E_NOMEM in one. */
int aats_side_apply(aats_side_t *side, aats_level_t const *levels, size_t cnt);

/* aats_side_cut drops the worst levels until cnt are left.  Returns how many went.  Cost: 1 ns a level while none is in the overflow map. */
size_t aats_side_cut(aats_side_t *side, size_t cnt);

/* ---- walking, best first: the array's levels and the overflow map's, merged ---- */

static inline void aats_side_far_load(aats_side_t const *side, aats_book_iter_t *it)
{
    aats_far_leaf_t const *leaf = side->far.pool + side->far.dir[it->far_leaf].leaf;
    it->far_key = leaf->key[it->far_pos];
    it->far_qty = leaf->qty[it->far_pos];
}

/* aats_side_word goes on with the word of the bitmap that holds array entry idx; -1: the array has no more. */
static inline void aats_side_word(aats_side_t const *side, aats_book_iter_t *it, int32_t idx)
{
    it->word = (uint32_t)idx >> 6;
    it->bits = idx < 0 ? 0 : side->win.l0[it->word];
}

static inline void aats_side_iter(aats_side_t const *side, aats_book_iter_t *it)
{
    *it = (aats_book_iter_t){.far_left = side->far.cnt};
    aats_side_word(side, it, aats_window_top(&side->win));
    if (it->far_left == 0) return;
    it->far_leaf = side->far.dir_cnt - 1;
    it->far_pos = side->far.pool[side->far.dir[it->far_leaf].leaf].cnt - 1;
    aats_side_far_load(side, it);
}

static inline void aats_side_far_step(aats_side_t const *side, aats_book_iter_t *it)
{
    if (--it->far_left == 0) return;
    if (it->far_pos > 0)
        it->far_pos--;
    else
        it->far_pos = side->far.pool[side->far.dir[--it->far_leaf].leaf].cnt - 1;
    aats_side_far_load(side, it);
}

/* aats_side_read copies the next cnt levels and returns how many there were.  No price is in both sequences. */
static inline size_t aats_side_read(aats_side_t const *side, aats_book_iter_t *it, size_t cnt, aats_level_t *out)
{
    uint64_t const key0 = side->win.key0, tick = side->win.tick;
    int64_t const *const qty = side->win.qty;
    int64_t const mask = side->mask;
    size_t got = 0;
    while (got < cnt) {
        if (it->bits) {
            uint32_t bit = 63 - (uint32_t)__builtin_clzll(it->bits);
            uint32_t idx = it->word << 6 | bit;
            int64_t key = (int64_t)(key0 + idx * tick);
            if (it->far_left == 0 || key > it->far_key) {
                out[got++] = (aats_level_t){.px_i = key ^ mask, .qty_i = qty[idx]};
                it->bits ^= 1ull << bit;
                if (it->bits == 0) aats_side_word(side, it, aats_window_prev(&side->win, (int32_t)(it->word << 6) - 1));
                continue;
            }
        } else if (it->far_left == 0) {
            break;
        }
        out[got++] = (aats_level_t){.px_i = it->far_key ^ mask, .qty_i = it->far_qty};
        aats_side_far_step(side, it);
    }
    return got;
}

/* aats_side_worst returns the key of the last level of a side that has one. */
static inline int64_t aats_side_worst(aats_side_t const *side)
{
    int32_t idx = aats_window_last(&side->win);
    if (!side->far.cnt) return aats_window_key(&side->win, (uint32_t)idx);
    int64_t far = side->far.pool[side->far.dir[0].leaf].key[0];
    int64_t near = idx < 0 ? INT64_MAX : aats_window_key(&side->win, (uint32_t)idx);
    return far < near ? far : near;
}

static inline size_t aats_side_cnt(aats_side_t const *side) { return (size_t)side->win.cnt + side->far.cnt; }

#endif
