/* levels.h -- the public side of a matching engine's book: a quantity a price, and how much of it is gone already.
 *
 *     told      what the market data said last
 *     taken     of it, what own orders took: it still shows, but the engine does not give it twice
 *     traded    of it, what public trades took since it was told: the next telling has it
 *     told - taken            stands in the queue            (aats_levels_queue)
 *     told - taken - traded   an own order can take          (aats_levels_left)
 *
 * A sorted array, the best price last: changes near the best price move little, and they are nearly all.
 * Owner: one engine.  Internal to match/.
 */
#ifndef AATS_MATCH_LEVELS_H
#define AATS_MATCH_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

typedef struct {
    int64_t px_i;
    int64_t told_i; /* above 0: a level that is 0 is not there */
    int64_t taken_i;
    int64_t traded_i;
} aats_pub_t;

/* How much of the side is known: all of it; down to the price `edge`; nothing. */
enum { AATS_KNOWN_ALL = 0, AATS_KNOWN_EDGE = 1, AATS_KNOWN_NONE = 2 };

typedef struct {
    aats_pub_t *at; /* by price, the best last */
    size_t cnt;
    size_t cap;
    int side; /* AATS_BID, AATS_ASK */
    int known;
    int singly; /* single levels are told: what a book says nothing of is as they said */
    int64_t edge_px_i;
} aats_levels_t;

/* aats_px_key orders prices of a side: the better, the greater. */
static inline int64_t aats_px_key(int side, int64_t px_i) { return side == AATS_BID ? px_i : -px_i; }

static inline int64_t aats_levels_queue(aats_pub_t const *p) { return p == NULL ? 0 : p->told_i - p->taken_i; }
static inline int64_t aats_levels_left(aats_pub_t const *p) { return p == NULL ? 0 : p->told_i - p->taken_i - p->traded_i; }

void aats_levels_init(aats_levels_t *l, int side);
void aats_levels_fini(aats_levels_t *l);

/* aats_levels_pos returns where a price stands or would stand; aats_levels_find its level, NULL if there is none. */
size_t aats_levels_pos(aats_levels_t const *l, int64_t px_i);
aats_pub_t *aats_levels_find(aats_levels_t const *l, int64_t px_i);

/* aats_levels_insert puts a new level at pos, aats_levels_remove takes the one at pos away.  AATS_OK or
 * AATS_E_NOMEM.  Pointers to levels end. */
int aats_levels_insert(aats_levels_t *l, size_t pos, int64_t px_i, int64_t told_i);
void aats_levels_remove(aats_levels_t *l, size_t pos);

/* aats_levels_trim forgets all but the `keep` best levels; aats_levels_forget those at prices that are not known. */
void aats_levels_trim(aats_levels_t *l, size_t keep);
void aats_levels_forget(aats_levels_t *l);

/* aats_levels_knows is 1 if the quantity at this price is known (a price without a level then has none). */
int aats_levels_knows(aats_levels_t const *l, int64_t px_i);

/* aats_levels_best finds the best level of which an own order can take something; NULL if there is none. */
aats_pub_t *aats_levels_best(aats_levels_t const *l);

#endif
