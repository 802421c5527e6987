/* grid.h -- where to put the array: which tick, round which price.
 *
 * For: choosing from a handful of prices, at a load or when the array has missed too often.  A choice is never wrong, only slow, so this
 * guesses cheaply: the tick is the greatest common divisor of the best AATS_GRID_SAMPLE prices (a book may hold deep levels from the days
 * of a finer tick; they shall not set the grid), and the anchor is the AATS_ANCHOR_RANK-th best price, not the best one, because a few
 * prices far above the rest must not draw the array away from it.
 *
 * Internal to book/.
 */
#ifndef AATS_BOOK_GRID_H
#define AATS_BOOK_GRID_H

#include <stdint.h>

#define AATS_GRID_SAMPLE 256
#define AATS_ANCHOR_RANK 8

typedef struct {
    int cnt;
    int64_t key[AATS_ANCHOR_RANK]; /* the greatest so far, descending */
} aats_anchor_t;

static inline void aats_anchor_init(aats_anchor_t *anchor) { anchor->cnt = 0; }

/* aats_anchor_add considers one more key, in any order. */
static inline void aats_anchor_add(aats_anchor_t *anchor, int64_t key)
{
    int at = anchor->cnt;
    if (at == AATS_ANCHOR_RANK && key <= anchor->key[at - 1]) return;
    if (at < AATS_ANCHOR_RANK)
        anchor->cnt++;
    else
        at--;
    for (; at > 0 && anchor->key[at - 1] < key; at--) anchor->key[at] = anchor->key[at - 1];
    anchor->key[at] = key;
}

/* aats_anchor_key returns the chosen key; cnt > 0. */
static inline int64_t aats_anchor_key(aats_anchor_t const *anchor) { return anchor->key[anchor->cnt - 1]; }

/* aats_grid_gcd returns the greatest common divisor of a tick so far (0: none yet) and one more price; 0 only while all were 0.
 * INT64_MIN gives 2^63, which places no array. */
static inline uint64_t aats_grid_gcd(uint64_t tick, int64_t px_i)
{
    uint64_t a = tick, b = px_i < 0 ? -(uint64_t)px_i : (uint64_t)px_i;
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

#endif
