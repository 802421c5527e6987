/* trader_table.c -- the orders that are not closed and told, and the ids of all that ever were sent. */
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"

static uint32_t hash_of(int64_t v) { return (uint32_t)((uint64_t)v * 0x9E3779B97F4A7C15u >> 32); }

static uint32_t hash_of_client(uint64_t instance, int64_t client_no) { return hash_of((int64_t)(instance ^ (uint64_t)client_no * 0xC2B2AE3D27D4EB4Fu)); }

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t p = 1;
    while (p < at_least) p *= 2;
    return p;
}

/* ---- slots --------------------------------------------------------------------------------------------------------------- */

int aats_trader_table_init(aats_trader_t *t, uint32_t cap)
{
    uint32_t const buckets = power_of_two(cap * 2);
    t->oldest = t->newest = NONE;
    t->slots = calloc(cap, sizeof *t->slots);
    t->buckets = malloc(buckets * sizeof *t->buckets);
    t->aliases = malloc(buckets * sizeof *t->aliases);
    if (t->slots == NULL || t->buckets == NULL || t->aliases == NULL) return AATS_E_NOMEM;
    for (uint32_t i = 0; i < buckets; i++) t->buckets[i] = t->aliases[i] = NONE;
    for (uint32_t i = 0; i < cap; i++) t->slots[i].chain = i + 1 < cap ? (int32_t)i + 1 : NONE;
    t->slot_cap = cap;
    t->bucket_mask = buckets - 1;
    t->free_slot = 0;
    return AATS_OK;
}

void aats_trader_table_fini(aats_trader_t *t)
{
    for (int32_t at = t->slots != NULL ? t->oldest : NONE; at != NONE; at = t->slots[at].newer) aats_machine_fini(&t->slots[at].m);
    for (uint32_t i = 0; t->slots != NULL && i < t->slot_cap; i++) free(t->slots[i].kept);
    free(t->slots);
    free(t->buckets);
    free(t->aliases);
    free(t->seen);
}

int32_t aats_trader_table_take(aats_trader_t *t, int64_t order_id)
{
    int32_t const at = t->free_slot;
    if (at == NONE) return NONE;
    slot_t *s = &t->slots[at];
    int32_t *bucket = &t->buckets[hash_of(order_id) & t->bucket_mask];
    t->free_slot = s->chain;
    *s = (slot_t){.kept = s->kept, .kept_cap = s->kept_cap, .chain = *bucket, .alias = NONE, .m.o.order_id = order_id};
    *bucket = at;
    s->older = t->newest;
    s->newer = NONE;
    if (t->newest != NONE) t->slots[t->newest].newer = at;
    else t->oldest = at;
    t->newest = at;
    t->used_cnt++;
    t->open_cnt++;
    return at;
}

void aats_trader_table_drop(aats_trader_t *t, int32_t at)
{
    slot_t *s = &t->slots[at];
    int32_t *link = &t->buckets[hash_of(s->m.o.order_id) & t->bucket_mask];
    while (*link != at) link = &t->slots[*link].chain;
    *link = s->chain;
    if (s->m.o.flags & AATS_OF_ADOPTED) {
        link = &t->aliases[hash_of_client(s->m.o.instance, s->m.o.client_no) & t->bucket_mask];
        while (*link != at) link = &t->slots[*link].alias;
        *link = s->alias;
    }
    if (s->older != NONE) t->slots[s->older].newer = s->newer;
    else t->oldest = s->newer;
    if (s->newer != NONE) t->slots[s->newer].older = s->older;
    else t->newest = s->older;
    aats_machine_fini(&s->m);
    s->chain = t->free_slot;
    t->free_slot = at;
    t->used_cnt--;
}

int32_t aats_trader_table_find(aats_trader_t const *t, int64_t order_id)
{
    int32_t at = t->buckets[hash_of(order_id) & t->bucket_mask];
    while (at != NONE && t->slots[at].m.o.order_id != order_id) at = t->slots[at].chain;
    return at;
}

void aats_trader_table_alias(aats_trader_t *t, int32_t at)
{
    slot_t *s = &t->slots[at];
    int32_t *bucket = &t->aliases[hash_of_client(s->m.o.instance, s->m.o.client_no) & t->bucket_mask];
    s->alias = *bucket;
    *bucket = at;
}

int32_t aats_trader_table_client(aats_trader_t const *t, uint64_t instance, int64_t client_no)
{
    if (instance == t->instance) {
        int32_t const own = aats_trader_table_find(t, client_no);
        return own != NONE && t->slots[own].m.o.instance == instance ? own : NONE;
    }
    int32_t at = t->aliases[hash_of_client(instance, client_no) & t->bucket_mask];
    while (at != NONE && (t->slots[at].m.o.instance != instance || t->slots[at].m.o.client_no != client_no)) at = t->slots[at].alias;
    return at;
}

/* ---- ids: they grow, with gaps, so a page of bits holds many; any other order of them works, too ----------------------------- */

/* page_at returns the place of a page, or the empty one where it belongs. */
static id_page_t *page_at(id_page_t *pages, uint32_t mask, int64_t page)
{
    uint32_t i = hash_of(page) & mask;
    while (pages[i].page != 0 && pages[i].page != page) i = (i + 1) & mask;
    return &pages[i];
}

static int grow(aats_trader_t *t)
{
    uint32_t const old = t->seen == NULL ? 0 : t->seen_mask + 1;
    uint32_t const mask = (old == 0 ? 64 : old * 2) - 1;
    id_page_t *pages = calloc(mask + 1, sizeof *pages);
    if (pages == NULL) return AATS_E_NOMEM;
    for (uint32_t i = 0; i < old; i++)
        if (t->seen[i].page != 0) *page_at(pages, mask, t->seen[i].page) = t->seen[i];
    free(t->seen);
    t->seen = pages;
    t->seen_mask = mask;
    return AATS_OK;
}

int aats_trader_ids_has(aats_trader_t const *t, int64_t order_id)
{
    if (t->seen == NULL || order_id < 0) return 0;
    id_page_t const *p = page_at(t->seen, t->seen_mask, (order_id >> 9) + 1);
    return p->page != 0 && (p->bits[(order_id >> 6) & 7] >> (order_id & 63) & 1);
}

int aats_trader_ids_add(aats_trader_t *t, int64_t order_id)
{
    if (aats_trader_ids_has(t, order_id)) return 0;
    if (t->seen == NULL || t->seen_cnt * 2 > t->seen_mask) {
        int const rc = grow(t);
        if (rc != AATS_OK) return rc;
    }
    int64_t const page = (order_id >> 9) + 1;
    id_page_t *p = page_at(t->seen, t->seen_mask, page);
    if (p->page == 0) t->seen_cnt++;
    p->page = page;
    p->bits[(order_id >> 6) & 7] |= (uint64_t)1 << (order_id & 63);
    return 1;
}
