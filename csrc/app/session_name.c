/* session_name.c -- events that name an order by the venue's number alone: whose they are.
 *
 * Some venues send our id once and their own number from then on.  An event may overtake the answer that would have told the number: it waits until no answer is
 * missing that could tell, or for answer_ns; then it is somebody else's.
 */
#include <string.h>

#include "app/session_state.h"

/* Some venues number the orders of each symbol apart: where a message tells its symbol, that must be the order's, too. */
static int is_of(aats_session_t const *s, aats_omsg_t const *m, known_t const *k)
{
    return !m->symbol[0] || strncmp(m->symbol, s->syms[k->sym].native, sizeof m->symbol - 1) == 0;
}

static known_t *by_remote(aats_session_t *s, aats_omsg_t const *m)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) {
        if (!k->m->o.remote_id[0] || strcmp(k->m->o.remote_id, m->remote_id) != 0) continue;
        if (is_of(s, m, k)) return k;
    }
    return NULL;
}

static int may_be_ours(aats_session_t const *s)
{
    for (known_t const *k = s->known; k < s->known + s->known_cnt; k++)
        if (!k->m->o.remote_id[0] && !know_closed(k->m)) return 1;
    return s->queue_cnt > 0; /* what the trader has not taken may tell a number */
}

/* The answers that came first are told first: machines learn a number when the trader takes its message, so it is looked for in what is queued, too. */
static int told_number(aats_session_t *s, aats_omsg_t *m)
{
    for (uint32_t i = 0; i < s->queue_cnt; i++) {
        aats_omsg_t const *q = &s->queue[(s->queue_head + i) % s->queue_cap];
        if (!q->order_id || strcmp(q->remote_id, m->remote_id) != 0) continue;
        known_t const *k = know_by_id(s, q->instance, q->order_id);
        if (k && !is_of(s, m, k)) continue;
        m->instance = q->instance;
        m->order_id = q->order_id;
        return 1;
    }
    return 0;
}

/* Finds whose a message is that has no id of ours.  Returns 1 if it has one now; 0: it waits. */
int know_name(aats_session_t *s, aats_omsg_t *m)
{
    if (told_number(s, m)) return 1;
    known_t const *k = by_remote(s, m);
    if (k) m->instance = k->instance, m->order_id = k->order_id;
    if (k || !may_be_ours(s)) return 1;
    if (!session_grow((void **)&s->nameless, &s->nameless_cap, s->nameless_cnt + 1, sizeof *s->nameless)) return 1;
    if (!s->nameless_cnt) s->nameless_mono_ns = s->mono_ns;
    s->nameless[s->nameless_cnt++] = *m;
    return 0;
}

void know_nameless(aats_session_t *s, int now)
{
    uint32_t const cnt = s->nameless_cnt;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cnt; i++) {
        aats_omsg_t m = s->nameless[i];
        known_t const *k = by_remote(s, &m);
        if (k) m.instance = k->instance, m.order_id = k->order_id;
        int const found = k != NULL || told_number(s, &m);
        if (!found && !now) {
            s->nameless[kept++] = m;
            continue;
        }
        if (!found) m.kind = AATS_OM_FOREIGN;
        if (!found || know_message(s, &m, NULL)) session_tell(s, &m);
    }
    s->nameless_cnt = kept;
}
