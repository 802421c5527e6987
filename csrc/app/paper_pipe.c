#include "app/paper_pipe.h"

#include <stdlib.h>
#include <string.h>

void aats_pipe_fini(aats_pipe_t *p)
{
    free(p->at);
    *p = (aats_pipe_t){0};
}

int aats_pipe_room(aats_pipe_t *p, uint64_t n)
{
    uint64_t const held = p->tail - p->head;
    if (p->cap - held >= n) return AATS_OK;
    uint64_t cap = p->cap ? p->cap : 16;
    while (cap - held < n) cap *= 2;
    aats_parcel_t *at = malloc(cap * sizeof *at);
    if (at == NULL) return AATS_E_NOMEM;
    for (uint64_t i = p->head; i < p->tail; i++) at[i & (cap - 1)] = p->at[i & (p->cap - 1)];
    free(p->at);
    p->at = at;
    p->cap = cap;
    return AATS_OK;
}

aats_parcel_t *aats_pipe_put(aats_pipe_t *p, int64_t due_mono_ns)
{
    aats_parcel_t *parcel = p->at + (p->tail++ & (p->cap - 1));
    memset(parcel, 0, sizeof *parcel);
    parcel->due_mono_ns = due_mono_ns;
    return parcel;
}
