#include "match/levels.h"

#include <stdlib.h>
#include <string.h>

void aats_levels_init(aats_levels_t *l, int side)
{
    *l = (aats_levels_t){.side = side, .known = AATS_KNOWN_ALL};
}

void aats_levels_fini(aats_levels_t *l)
{
    free(l->at);
    aats_levels_init(l, l->side);
}

size_t aats_levels_pos(aats_levels_t const *l, int64_t px_i)
{
    int64_t const key = aats_px_key(l->side, px_i);
    size_t low = 0, high = l->cnt;
    while (low < high) {
        size_t const mid = low + (high - low) / 2;
        if (aats_px_key(l->side, l->at[mid].px_i) < key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

aats_pub_t *aats_levels_find(aats_levels_t const *l, int64_t px_i)
{
    size_t const pos = aats_levels_pos(l, px_i);
    return pos < l->cnt && l->at[pos].px_i == px_i ? l->at + pos : NULL;
}

int aats_levels_insert(aats_levels_t *l, size_t pos, int64_t px_i, int64_t told_i)
{
    if (l->cnt == l->cap) {
        size_t const cap = l->cap ? l->cap * 2 : 64;
        aats_pub_t *at = realloc(l->at, cap * sizeof *at);
        if (at == NULL) return AATS_E_NOMEM;
        l->at = at;
        l->cap = cap;
    }
    memmove(l->at + pos + 1, l->at + pos, (l->cnt - pos) * sizeof *l->at);
    l->at[pos] = (aats_pub_t){.px_i = px_i, .told_i = told_i};
    l->cnt++;
    return AATS_OK;
}

void aats_levels_remove(aats_levels_t *l, size_t pos)
{
    l->cnt--;
    memmove(l->at + pos, l->at + pos + 1, (l->cnt - pos) * sizeof *l->at);
}

void aats_levels_trim(aats_levels_t *l, size_t keep)
{
    if (l->cnt <= keep) return;
    memmove(l->at, l->at + (l->cnt - keep), keep * sizeof *l->at);
    l->cnt = keep;
}

void aats_levels_forget(aats_levels_t *l)
{
    if (l->known == AATS_KNOWN_NONE) l->cnt = 0;
    if (l->known == AATS_KNOWN_EDGE) aats_levels_trim(l, l->cnt - aats_levels_pos(l, l->edge_px_i));
}

int aats_levels_knows(aats_levels_t const *l, int64_t px_i)
{
    if (l->known == AATS_KNOWN_EDGE) return aats_px_key(l->side, px_i) >= aats_px_key(l->side, l->edge_px_i);
    return l->known == AATS_KNOWN_ALL;
}

aats_pub_t *aats_levels_best(aats_levels_t const *l)
{
    for (size_t pos = l->cnt; pos > 0; pos--) {
        aats_pub_t *p = l->at + pos - 1;
        if (!aats_levels_knows(l, p->px_i)) return NULL;
        if (aats_levels_left(p) > 0) return p;
    }
    return NULL;
}
