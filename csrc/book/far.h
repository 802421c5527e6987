/* far.h -- the overflow map of one book side: levels that the array (window.h) has no place for.
 *
 * For: prices outside the window, prices off the tick's grid; a few to many thousand of them.  Not for: the prices in use, which belong in
 * the array.  It orders by key (side.h), the best is the greatest.
 *
 * A B+ tree of two storeys: a sorted directory of leaves, each with up to 64 sorted levels.  An insertion moves at most one leaf's levels,
 * and the directory only once in tens of insertions, so neither the order of a snapshot nor a hostile peer can make it quadratic.  Leaves
 * come from one pool that grows by doubling and is reused; nothing is given back before fini.
 *
 * Owner: the book.  Internal to book/.
 */
#ifndef AATS_BOOK_FAR_H
#define AATS_BOOK_FAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

#define AATS_FAR_LEAF 64

typedef struct {
    uint32_t cnt;       /* levels in it; never 0 while the directory names it */
    uint32_t next_free; /* while free: pool index + 1 of the next free leaf, 0: none */
    int64_t key[AATS_FAR_LEAF];
    int64_t qty[AATS_FAR_LEAF];
} aats_far_leaf_t;

typedef struct {
    int64_t first; /* at or below the leaf's first key, above all keys of the leaf before */
    uint32_t leaf; /* pool index */
    uint32_t pad;
} aats_far_dir_t;

typedef struct {
    aats_far_leaf_t *pool;
    aats_far_dir_t *dir;
    uint32_t dir_cnt;
    uint32_t cap;   /* leaves that pool and dir have room for */
    uint32_t used;  /* pool entries ever handed out */
    uint32_t free;  /* pool index + 1 of the first free leaf, 0: none */
    uint32_t cnt;   /* levels */
    uint32_t limit; /* most levels */
} aats_far_t;

/* aats_far_init makes an empty map that allocates with its first level; aats_far_fini gives all memory back. */
void aats_far_init(aats_far_t *far, uint32_t limit);
void aats_far_fini(aats_far_t *far);

/* aats_far_clear drops all levels and keeps the memory. */
void aats_far_clear(aats_far_t *far);

/* aats_far_set stores qty (> 0) at key, or removes the level (0).  *old gets what was there, 0 if nothing.  Returns AATS_OK, or
 * AATS_E_NOMEM if there is no memory or `limit` levels are there; the map is then as before. */
int aats_far_set(aats_far_t *far, int64_t key, int64_t qty, int64_t *old);

/* aats_far_ceil finds the level with the smallest key at or above `key`.  Returns 1, or 0 if there is none. */
int aats_far_ceil(aats_far_t const *far, int64_t key, int64_t *found_key, int64_t *found_qty);

/* aats_far_memory returns the bytes allocated. */
size_t aats_far_memory(aats_far_t const *far);

#endif
