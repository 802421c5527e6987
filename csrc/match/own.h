/* own.h -- the own orders that rest in a matching engine: a queue a price, by time, and an index by id.
 *
 * For: finding, adding and removing; what an order is worth and whether it trades is match.c's.  Orders keep their
 * addresses while they rest; removed ones are reused.  A price's queue exists while it has orders.
 * Owner: one engine.  Internal to match/.
 */
#ifndef AATS_MATCH_OWN_H
#define AATS_MATCH_OWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "match/match.h"

#define AATS_AHEAD_UNKNOWN INT64_MAX

typedef struct aats_own aats_own_t;
struct aats_own {
    aats_match_order_t o;
    int64_t left_i; /* above 0 while it rests; size = cum_i + left_i */
    int64_t cum_i;
    __int128 cum_notional;
    int64_t ahead_i;           /* the public quantity before it; never less than of the order before */
    int64_t lost_i;            /* of what stood before it, what a book has taken away while the trade may still come */
    aats_own_t *prev, *next;   /* of its price, by time */
    aats_own_t *id_next;       /* of its bucket; free ones: the next free */
};

typedef struct {
    int64_t px_i;
    int64_t lost_ns; /* when an order of it last lost something unexplained, 0: none has lost_i */
    aats_own_t *first, *last;
} aats_queue_t;

typedef struct {
    aats_queue_t *queue[2]; /* by price, the best last; AATS_BID, AATS_ASK */
    size_t queue_cnt[2];
    size_t queue_cap[2];
    aats_own_t **bucket;    /* by id */
    size_t bucket_cnt;      /* a power of two */
    size_t cnt;             /* resting orders */
    aats_own_t *free;
} aats_owns_t;

int aats_owns_init(aats_owns_t *s); /* AATS_OK or AATS_E_NOMEM */
void aats_owns_fini(aats_owns_t *s);

static inline int aats_own_side(aats_match_order_t const *o) { return o->side == AATS_SIDE_BUY ? AATS_BID : AATS_ASK; }

/* aats_owns_new gives an order that rests nowhere, all zero but o, and makes room so that aats_owns_rest cannot
 * fail; NULL without memory.  aats_owns_drop takes it back, out of its queue and the index if it rests: then
 * pointers to queues end. */
aats_own_t *aats_owns_new(aats_owns_t *s, aats_match_order_t const *o);
void aats_owns_rest(aats_owns_t *s, aats_own_t *own); /* at the end of its price's queue */
void aats_owns_drop(aats_owns_t *s, aats_own_t *own, int rests);

aats_own_t *aats_owns_find(aats_owns_t const *s, uint64_t id);                        /* NULL: does not rest */
aats_queue_t *aats_owns_queue(aats_owns_t const *s, int side, int64_t px_i);          /* NULL: no order there */
static inline aats_queue_t *aats_owns_best(aats_owns_t const *s, int side)            /* NULL: no order on the side */
{
    return s->queue_cnt[side] ? s->queue[side] + s->queue_cnt[side] - 1 : NULL;
}

#endif
