#include "match/own.h"

#include <stdlib.h>
#include <string.h>

#include "match/levels.h"

int aats_owns_init(aats_owns_t *s)
{
    *s = (aats_owns_t){.bucket_cnt = 64};
    s->bucket = calloc(s->bucket_cnt, sizeof *s->bucket);
    return s->bucket == NULL ? AATS_E_NOMEM : AATS_OK;
}

void aats_owns_fini(aats_owns_t *s)
{
    for (size_t i = 0; s->bucket != NULL && i < s->bucket_cnt; i++) {
        for (aats_own_t *own = s->bucket[i], *next; own != NULL; own = next) {
            next = own->id_next;
            free(own);
        }
    }
    for (aats_own_t *own = s->free, *next; own != NULL; own = next) {
        next = own->id_next;
        free(own);
    }
    free(s->bucket);
    free(s->queue[0]);
    free(s->queue[1]);
}

static aats_own_t **bucket_of(aats_owns_t const *s, uint64_t id)
{
    uint64_t const mixed = id * UINT64_C(0x9e3779b97f4a7c15);
    return s->bucket + (mixed >> 32 & (s->bucket_cnt - 1));
}

static size_t queue_pos(aats_owns_t const *s, int side, int64_t px_i)
{
    int64_t const key = aats_px_key(side, px_i);
    size_t low = 0, high = s->queue_cnt[side];
    while (low < high) {
        size_t const mid = low + (high - low) / 2;
        if (aats_px_key(side, s->queue[side][mid].px_i) < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* more_buckets doubles the index when it has as many orders as buckets; without memory the chains grow instead. */
static void more_buckets(aats_owns_t *s)
{
    if (s->cnt < s->bucket_cnt) return;
    aats_owns_t wide = *s;
    wide.bucket_cnt = s->bucket_cnt * 2;
    wide.bucket = calloc(wide.bucket_cnt, sizeof *wide.bucket);
    if (wide.bucket == NULL) return;
    for (size_t i = 0; i < s->bucket_cnt; i++) {
        for (aats_own_t *own = s->bucket[i], *next; own != NULL; own = next) {
            aats_own_t **to = bucket_of(&wide, own->o.id);
            next = own->id_next;
            own->id_next = *to;
            *to = own;
        }
    }
    free(s->bucket);
    *s = wide;
}

aats_own_t *aats_owns_new(aats_owns_t *s, aats_match_order_t const *o)
{
    int const side = aats_own_side(o);
    if (s->queue_cnt[side] == s->queue_cap[side]) {
        size_t const cap = s->queue_cap[side] ? s->queue_cap[side] * 2 : 16;
        aats_queue_t *queue = realloc(s->queue[side], cap * sizeof *queue);
        if (queue == NULL) return NULL;
        s->queue[side] = queue;
        s->queue_cap[side] = cap;
    }
    aats_own_t *own = s->free;
    if (own != NULL)
        s->free = own->id_next;
    else if ((own = malloc(sizeof *own)) == NULL)
        return NULL;
    *own = (aats_own_t){.o = *o};
    return own;
}

void aats_owns_rest(aats_owns_t *s, aats_own_t *own)
{
    int const side = aats_own_side(&own->o);
    size_t const pos = queue_pos(s, side, own->o.px_i);
    aats_queue_t *q = s->queue[side] + pos;
    if (pos == s->queue_cnt[side] || q->px_i != own->o.px_i) {
        memmove(q + 1, q, (s->queue_cnt[side] - pos) * sizeof *q);
        *q = (aats_queue_t){.px_i = own->o.px_i};
        s->queue_cnt[side]++;
    }
    own->prev = q->last;
    own->next = NULL;
    if (q->last != NULL)
        q->last->next = own;
    else
        q->first = own;
    q->last = own;

    more_buckets(s);
    aats_own_t **bucket = bucket_of(s, own->o.id);
    own->id_next = *bucket;
    *bucket = own;
    s->cnt++;
}

static void unlink_own(aats_owns_t *s, aats_own_t *own)
{
    int const side = aats_own_side(&own->o);
    size_t const pos = queue_pos(s, side, own->o.px_i);
    aats_queue_t *q = s->queue[side] + pos;
    *(own->prev != NULL ? &own->prev->next : &q->first) = own->next;
    *(own->next != NULL ? &own->next->prev : &q->last) = own->prev;
    if (q->first == NULL) {
        s->queue_cnt[side]--;
        memmove(q, q + 1, (s->queue_cnt[side] - pos) * sizeof *q);
    }
    aats_own_t **at = bucket_of(s, own->o.id);
    while (*at != own) at = &(*at)->id_next;
    *at = own->id_next;
    s->cnt--;
}

void aats_owns_drop(aats_owns_t *s, aats_own_t *own, int rests)
{
    if (rests) unlink_own(s, own);
    own->id_next = s->free;
    s->free = own;
}

aats_own_t *aats_owns_find(aats_owns_t const *s, uint64_t id)
{
    aats_own_t *own = *bucket_of(s, id);
    while (own != NULL && own->o.id != id) own = own->id_next;
    return own;
}

aats_queue_t *aats_owns_queue(aats_owns_t const *s, int side, int64_t px_i)
{
    size_t const pos = queue_pos(s, side, px_i);
    return pos < s->queue_cnt[side] && s->queue[side][pos].px_i == px_i ? s->queue[side] + pos : NULL;
}
