/* window.h -- the array of one book side: quantities by tick, and a bitmap that says where they are.
 *
 * For: the prices in use.  Not for: prices off the grid or outside it (far.h); whoever asks for an index learns that it has none.
 *
 * Entry i stands for the key key0 + i * tick, the best is the highest.  Three storeys of bitmap: a bit of l0 for each entry, a bit of l1
 * for each non-zero word of l0, a bit of l2 for each non-zero word of l1; 64^3 entries at most.
 *
 * The index needs no division.  With tick = odd << shift and inv = 1/odd modulo 2^64, rotr((key - key0) * inv, shift) is the quotient if
 * tick divides the distance, and more than UINT64_MAX / tick if not (Granlund and Montgomery).  So one compare with lim answers both "on
 * the grid?" and "inside?".  Holds for keys below key0 too, whose distance wraps, because key0 + (lim - 1) * tick does not.
 *
 * Owner: the book.  Internal to book/.
 */
#ifndef AATS_BOOK_WINDOW_H
#define AATS_BOOK_WINDOW_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t key0;  /* key of entry 0, two's complement */
    uint64_t inv;   /* of the tick's odd part */
    uint32_t shift; /* trailing zero bits of the tick */
    uint32_t lim;   /* entries in use: size, or 0 while not placed */
    uint32_t size;  /* entries there are, a power of two */
    uint32_t cnt;   /* levels */
    uint64_t tick;  /* 0: not known */
    uint64_t l2;
    uint64_t *l1;
    uint64_t *l0;
    int64_t *qty; /* 0: no level */
} aats_window_t;

/* aats_window_footprint returns the bytes of the arrays for `size` entries, a multiple of 64. */
size_t aats_window_footprint(uint32_t size);

/* aats_window_init takes zeroed memory of that size, 64-byte aligned.  The window is empty and not placed. */
void aats_window_init(aats_window_t *win, void *mem, uint32_t size);

/* aats_window_clear drops all levels and keeps the place. */
void aats_window_clear(aats_window_t *win);

/* aats_window_origin returns in *key0 where entry 0 would be if the array were placed round `anchor` with `tick` (> 0): the anchor lies at
 * three quarters of it, and multiples of the tick in price (key ^ mask) lie on the grid.  Near the ends of int64 the array is moved inward.
 * Returns 1, or 0 if so many ticks do not fit into int64 at all. */
int aats_window_origin(aats_window_t const *win, uint64_t tick, int64_t anchor, int64_t mask, int64_t *key0);

/* aats_window_place sets the grid of an empty window; aats_window_unplace leaves it without one, so that it has no index for any key. */
void aats_window_place(aats_window_t *win, uint64_t tick, int64_t key0);
void aats_window_unplace(aats_window_t *win);

/* aats_window_on_grid returns 1 if `key` is a whole number of ticks from entry 0, inside or not.  The window is placed. */
int aats_window_on_grid(aats_window_t const *win, int64_t key);

/* aats_window_storey carries a word of l0 that became zero or non-zero into the storeys above. */
static inline void aats_window_storey(aats_window_t *win, uint32_t word, int there)
{
    uint64_t up = win->l1[word >> 6] & ~(1ull << (word & 63));
    win->l1[word >> 6] = up | (uint64_t)there << (word & 63);
    uint32_t bit = word >> 6;
    win->l2 = (win->l2 & ~(1ull << bit)) | (uint64_t)(win->l1[bit] != 0) << bit;
}

/* aats_window_index returns the entry of a key; lim or more if it has none. */
static inline uint64_t aats_window_index(aats_window_t const *win, int64_t key)
{
    uint64_t n = ((uint64_t)key - win->key0) * win->inv;
    return n >> win->shift | n << (-win->shift & 63);
}

static inline int64_t aats_window_key(aats_window_t const *win, uint32_t idx)
{
    return (int64_t)(win->key0 + idx * win->tick);
}

/* aats_window_put stores a quantity (0: no level) at an entry below lim.  Returns what was there. */
static inline int64_t aats_window_put(aats_window_t *win, uint32_t idx, int64_t qty)
{
    int64_t old = win->qty[idx];
    uint32_t word = idx >> 6;
    uint64_t before = win->l0[word];
    uint64_t after = (before & ~(1ull << (idx & 63))) | (uint64_t)(qty != 0) << (idx & 63);
    win->qty[idx] = qty;
    win->l0[word] = after;
    win->cnt += (uint32_t)(qty != 0) - (uint32_t)(old != 0);
    if (__builtin_expect((before == 0) != (after == 0), 0)) aats_window_storey(win, word, after != 0);
    return old;
}

/* aats_window_prev returns the highest entry at or below idx that holds a level, -1 if there is none (or idx is -1). */
static inline int32_t aats_window_prev(aats_window_t const *win, int32_t idx)
{
    if (idx < 0) return -1;
    uint32_t word = (uint32_t)idx >> 6;
    uint64_t bits = win->l0[word] & (~0ull >> (63 - (idx & 63)));
    if (__builtin_expect(bits == 0, 0)) {
        uint32_t up = word >> 6;
        uint64_t ups = win->l1[up] & ((1ull << (word & 63)) - 1);
        if (ups == 0) {
            uint64_t tops = win->l2 & ((1ull << up) - 1);
            if (tops == 0) return -1;
            up = 63 - (uint32_t)__builtin_clzll(tops);
            ups = win->l1[up];
        }
        word = up << 6 | (63 - (uint32_t)__builtin_clzll(ups));
        bits = win->l0[word];
    }
    return (int32_t)(word << 6 | (63 - (uint32_t)__builtin_clzll(bits)));
}

/* aats_window_top returns the entry of the best level, -1 if there is none. */
static inline int32_t aats_window_top(aats_window_t const *win) { return win->cnt ? aats_window_prev(win, (int32_t)win->size - 1) : -1; }

/* aats_window_last returns the entry of the worst level, -1 if there is none. */
static inline int32_t aats_window_last(aats_window_t const *win)
{
    if (!win->cnt) return -1;
    uint32_t up = (uint32_t)__builtin_ctzll(win->l2), word = up << 6 | (uint32_t)__builtin_ctzll(win->l1[up]);
    return (int32_t)(word << 6 | (uint32_t)__builtin_ctzll(win->l0[word]));
}

#endif
