/* paper_pipe.h -- what is on its way between the trader and the matching engine: first in, first out, each thing due at its time.
 *
 * For: paper.c, a pipe each way.  It grows; nothing in it gets lost.
 */
#ifndef AATS_APP_PAPER_PIPE_H
#define AATS_APP_PAPER_PIPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "order/omsg.h"

enum { AATS_PAPER_PLACE = 1, AATS_PAPER_CANCEL = 2, AATS_PAPER_ASK = 3 };

typedef struct {
    int64_t due_mono_ns;
    uint32_t what;   /* out: AATS_PAPER_* of order msg.order_id; back: 0 */
    uint32_t pad;
    aats_omsg_t msg;
} aats_parcel_t;

typedef struct {
    aats_parcel_t *at; /* a ring */
    uint64_t head, tail, cap;
} aats_pipe_t;

void aats_pipe_fini(aats_pipe_t *p);

/* aats_pipe_room makes room for n more: AATS_OK or AATS_E_NOMEM.  aats_pipe_put then gives an empty parcel at the end. */
int aats_pipe_room(aats_pipe_t *p, uint64_t n);
aats_parcel_t *aats_pipe_put(aats_pipe_t *p, int64_t due_mono_ns);

/* aats_pipe_due returns the first parcel if its time has come, else NULL; aats_pipe_drop takes it out. */
static inline aats_parcel_t *aats_pipe_due(aats_pipe_t const *p, int64_t mono_ns)
{
    aats_parcel_t *first = p->head == p->tail ? NULL : p->at + (p->head & (p->cap - 1));
    return first != NULL && first->due_mono_ns <= mono_ns ? first : NULL;
}
static inline void aats_pipe_drop(aats_pipe_t *p) { p->head++; }

/* aats_pipe_next_ns returns when the first parcel is due, INT64_MAX if there is none. */
static inline int64_t aats_pipe_next_ns(aats_pipe_t const *p)
{
    return p->head == p->tail ? INT64_MAX : p->at[p->head & (p->cap - 1)].due_mono_ns;
}

#endif
