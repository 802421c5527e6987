/* book.h -- the L2 book of one symbol: price levels with absolute quantities, two sides.
 *
 * For: step 4 of the data's walk (apply a venue's changes, know whether the published depth moved).  Not for: sequence checks, validity,
 * snapshots over the network (venue/), nor for single orders (match/).  Pure: no clock, no socket, no file.
 *
 *            better price -->
 *   far  | . .   .  .  | array by tick, bitmap above it      | .  far     a side; "far" is the overflow map (far.h): levels outside
 *        |             0 ............. best ...... window-1  |            the window and levels off the tick's grid lie there
 *
 * Nothing is rounded and nothing dropped: window and tick decide only where a level lies, never whether it exists.  The tick is a hint
 * and may be wrong or change; a side that sees many changes miss its array moves the array to the prices in use, and learns the tick anew
 * when the misses are off its grid.  Moving costs about 10 us for 1000 levels and comes at most once in AATS_BOOK_MISS_MAX misses.
 *
 * Prices are any int64, also negative; quantities are any int64 >= 0.  A side may be empty, the book may be crossed: saying what that
 * means is the caller's business.
 *
 * Memory: the caller's block of aats_book_footprint bytes (for ever at that address), plus malloc for the overflow map, which grows by
 * doubling and is kept until fini.  Owner: one thread, the one that steps the feed; nothing here is shared memory.
 * When memory runs out the book is broken: see aats_book_broken.
 */
#ifndef AATS_BOOK_BOOK_H
#define AATS_BOOK_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

/* cdef-begin */
#define AATS_BOOK_WINDOW     32768   /* default ticks a side: 260 KiB of address each; memory only where levels have been */
#define AATS_BOOK_WINDOW_MIN 64
#define AATS_BOOK_WINDOW_MAX 262144  /* 64^3: three levels of bitmap */
#define AATS_BOOK_LEVELS_MAX 1000000 /* levels that a side's overflow map may hold, unless aats_book_limit says otherwise */
#define AATS_BOOK_MISS_MAX   256     /* misses of the array after which it is moved */

typedef struct aats_book aats_book_t;

/* What one side looks like inside; for tools, tests and counters. */
typedef struct {
    int64_t tick_i;   /* of the array's grid; 0: not placed yet */
    int64_t lo_px_i;  /* the lowest price the array has an entry for */
    int64_t hi_px_i;  /* the highest */
    uint64_t levels;  /* on this side */
    uint64_t far;     /* of these, in the overflow map */
    uint64_t misses;  /* changes that went to the overflow map, ever */
    uint64_t moves;   /* times the array was moved, ever */
} aats_book_side_t;

/* A place in one side of one book, see aats_book_iter.  Fields are private. */
typedef struct {
    aats_book_t const *book;
    uint64_t bits; /* of the array's levels in the bitmap's word, those not given yet */
    uint32_t word;
    int32_t side;
    int64_t far_key; /* the overflow map's next level */
    int64_t far_qty;
    uint32_t far_leaf;
    uint32_t far_pos;
    uint32_t far_left;
    uint32_t pad;
} aats_book_iter_t;

/* ---- life ---- */

/* aats_book_footprint returns the bytes that aats_book_init needs for a window of so many ticks a side, or 0 if window is not a power of
 * two in [AATS_BOOK_WINDOW_MIN, AATS_BOOK_WINDOW_MAX]. */
size_t aats_book_footprint(uint32_t window);

/* aats_book_init makes an empty book in mem (8-byte aligned).  tick_i > 0 is the spacing of the array's grid; 0: learned from the prices.
 * Returns the book, which is not always mem itself, or NULL for a bad argument.  Set-up: clears the whole block.
 * aats_book_init_zeroed is for mem that is all zeros: pages of it that no level ever falls on are never touched. */
aats_book_t *aats_book_init(void *mem, uint32_t window, int64_t tick_i);
aats_book_t *aats_book_init_zeroed(void *mem, uint32_t window, int64_t tick_i);

/* aats_book_fini gives back what the overflow map took; mem stays the caller's.  NULL is fine. */
void aats_book_fini(aats_book_t *book);

/* aats_book_limit sets how many levels a side's overflow map may hold; one more is treated as memory running out.  Guards against a venue
 * gone mad. */
void aats_book_limit(aats_book_t *book, uint32_t levels);

/* aats_book_clear empties both sides, mends a broken book and forgets a learned tick. */
void aats_book_clear(aats_book_t *book);

/* ---- change ---- */

/* aats_book_load replaces everything by a snapshot and places the arrays at its best prices.  Levels may stand in any order (best first is
 * quickest); of a price that stands twice the last counts; quantity 0 means no level.  An array may be NULL if its count is 0.
 * Returns AATS_OK; AATS_E_ARG for a quantity below 0, the book is then as before; AATS_E_NOMEM, the book is then broken. */
int aats_book_load(aats_book_t *book, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt);

/* aats_book_set says that qty_i is now there at px_i; 0: nothing is, which is no error if nothing was.
 * Returns AATS_OK; AATS_E_ARG for a side other than AATS_BID, AATS_ASK or a quantity below 0, nothing is changed; AATS_E_NOMEM.
 * Cost: about 4 ns in the array, 30 to 80 ns in the overflow map.  A recorded BTCUSDT (tick 0.01, 2500 levels a side, wide diffs) comes to
 * 27 ns a change with a window of 8192, where a third goes to the map, 12 with 32768, 9 with 65536; plain sorted arrays: 115. */
int aats_book_set(aats_book_t *book, int side, int64_t px_i, int64_t qty_i);

/* aats_book_apply does aats_book_set for each level in turn.  Returns AATS_OK, or what the first refused level got: those before it are
 * applied, those after it are not, and the caller must not call the book good. */
int aats_book_apply(aats_book_t *book, int side, aats_level_t const *levels, size_t cnt);

/* aats_book_cut forgets the worst levels of a side until at most cnt are there.  Returns how many went.  Cost: one compare where none does, else as
 * much as setting them. */
size_t aats_book_cut(aats_book_t *book, int side, size_t cnt);

/* ---- look; side is AATS_BID or AATS_ASK ---- */

/* aats_book_broken returns 1 after any call returned AATS_E_NOMEM: levels may be missing.  Every change is refused with AATS_E_NOMEM until
 * aats_book_load or aats_book_clear. */
int aats_book_broken(aats_book_t const *book);

/* aats_book_cnt returns the levels of a side. */
size_t aats_book_cnt(aats_book_t const *book, int side);

/* aats_book_best copies the best level of a side.  Returns 1, or 0 if the side is empty (out untouched). */
int aats_book_best(aats_book_t const *book, int side, aats_level_t *out);

/* aats_book_top copies the first cnt levels of a side, best first.  Returns how many there were. */
size_t aats_book_top(aats_book_t const *book, int side, size_t cnt, aats_level_t *out);

/* aats_book_take is aats_book_top for a publisher: it also remembers where the cnt levels end, so that aats_book_moved can answer. */
size_t aats_book_take(aats_book_t *book, int side, size_t cnt, aats_level_t *out);

/* aats_book_moved returns 1 if a level that the last aats_book_take copied may differ by now, or one may have come among them; 0 if both
 * sides' copies are surely still right.  Never 0 before both sides were taken, nor after load or clear.  A level that was set to the
 * quantity it had, or that changed deeper than the copy went, does not count.  Cost: one load. */
int aats_book_moved(aats_book_t const *book);

/* aats_book_crossed returns 1 if both sides have levels and the best bid is at or above the best ask.  Wrong within one venue message,
 * a fault at its end. */
int aats_book_crossed(aats_book_t const *book);

/* aats_book_iter starts a walk over a side, best first; aats_book_next copies the next level and returns 1, or 0 at the end.  Any change
 * to the book ends the walk: start anew. */
void aats_book_iter(aats_book_t const *book, int side, aats_book_iter_t *it);
int aats_book_next(aats_book_iter_t *it, aats_level_t *out);

/* aats_book_memory returns all bytes held: the caller's block and the overflow maps. */
size_t aats_book_memory(aats_book_t const *book);

/* aats_book_look fills out for one side. */
void aats_book_look(aats_book_t const *book, int side, aats_book_side_t *out);
/* cdef-end */

#endif
