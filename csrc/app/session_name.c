/* session_name.c -- events that name an order by the venue's number alone: whose they are.
 *
 * Some venues send our id once and their own number from then on.  An event may overtake what would have told the number: it waits until that has come, or
 * for answer_ns; then it is somebody else's.  Of one order what waits is told in the order in which it came, and before what came behind it: the message
 * that tells the number finds them (know_named), and so does everything else that may have told it (know_nameless).
 *
 * Such an event names no symbol either, so that its numbers are at the venue's own exponents; with the name they get the symbol's.
 */
#include <string.h>

#include "app/session_state.h"
#include "base/scale.h"
#include "proto/num.h"

/* Some venues number the orders of each symbol apart: where a message tells its symbol, that must be the order's, too. */
static int is_of(aats_session_t const *s, aats_omsg_t const *m, known_t const *k)
{
    return !m->symbol[0] || strncmp(m->symbol, s->syms[k->sym].native, sizeof m->symbol - 1) == 0;
}

static known_t *by_remote(aats_session_t *s, aats_omsg_t const *m)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) {
        char const *const number = k->m->o.remote_id[0] ? k->m->o.remote_id : k->number;
        if (!number[0] || strcmp(number, m->remote_id) != 0) continue;
        if (is_of(s, m, k)) return k;
    }
    return NULL;
}

static int may_be_ours(aats_session_t const *s)
{
    for (known_t const *k = s->known; k < s->known + s->known_cnt; k++)
        if (!k->m->o.remote_id[0] && !k->number[0] && !know_closed(k->m)) return 1;
    return s->queue_cnt > 0; /* what the trader has not taken may tell a number */
}

/* A number at one exponent as one at another; `none` where it has more digits than that has, or is too large. */
static int64_t at_exponent(int64_t value, int from, int to, int64_t none)
{
    return aats_shift10(value, from - to, &value) == AATS_OK ? value : none;
}

static void give(aats_session_t const *s, aats_omsg_t *m, uint64_t instance, int64_t order_id, uint32_t sym)
{
    m->instance = instance;
    m->order_id = order_id;
    if (m->symbol[0] || sym >= s->sym_cnt) return;
    aats_rules_t const *r = &s->syms[sym];
    m->px_i = at_exponent(m->px_i, s->venue->px_exp, r->px_exp, 0);
    m->qty_i = at_exponent(m->qty_i, s->venue->qty_exp, r->qty_exp, 0);
    if (m->cum_qty_i > 0) m->cum_qty_i = at_exponent(m->cum_qty_i, s->venue->qty_exp, r->qty_exp, -1);
}

/* The answers that came first are told first: machines learn a number when the trader takes its message, so it is looked for in what is queued, too. */
static int told_number(aats_session_t *s, aats_omsg_t *m)
{
    for (uint32_t i = 0; i < s->queue_cnt; i++) {
        aats_omsg_t const *q = &s->queue[(s->queue_head + i) % s->queue_cap];
        if (!q->order_id || strcmp(q->remote_id, m->remote_id) != 0) continue;
        known_t const *k = know_by_id(s, q->instance, q->order_id);
        if (k && !is_of(s, m, k)) continue;
        give(s, m, q->instance, q->order_id, k ? k->sym : NONE);
        return 1;
    }
    return 0;
}

static int named(aats_session_t *s, aats_omsg_t *m)
{
    if (told_number(s, m)) return 1;
    known_t const *k = by_remote(s, m);
    if (k) give(s, m, k->instance, k->order_id, k->sym);
    return k != NULL;
}

/* Finds whose a message is that has no id of ours.  Returns 1 if it has one now; 0: it waits. */
int know_name(aats_session_t *s, aats_omsg_t *m)
{
    if (named(s, m) || !may_be_ours(s)) return 1;
    if (!session_grow((void **)&s->nameless, &s->nameless_cap, s->nameless_cnt + 1, sizeof *s->nameless)) return 1;
    s->nameless[s->nameless_cnt++] = (nameless_t){*m, s->mono_ns};
    return 0;
}

static void tell(aats_session_t *s, aats_omsg_t *m)
{
    if (know_message(s, m, NULL)) session_tell(s, m);
}

void know_named(aats_session_t *s, aats_omsg_t const *m)
{
    known_t const *k = know_by_id(s, m->instance, m->order_id);
    for (uint32_t i = 0; k && i < s->nameless_cnt;) {
        aats_omsg_t waits = s->nameless[i].m;
        if (strcmp(waits.remote_id, m->remote_id) != 0 || !is_of(s, &waits, k)) {
            i++;
            continue;
        }
        memmove(s->nameless + i, s->nameless + i + 1, (--s->nameless_cnt - i) * sizeof *s->nameless);
        give(s, &waits, k->instance, k->order_id, k->sym);
        tell(s, &waits);
    }
}

void know_nameless(aats_session_t *s)
{
    uint32_t const cnt = s->nameless_cnt;
    uint32_t kept = 0;
    s->nameless_cnt = 0; /* what is told now does not look for itself among them */
    for (uint32_t i = 0; i < cnt; i++) {
        nameless_t const at = s->nameless[i];
        aats_omsg_t m = at.m;
        if (named(s, &m)) {
            tell(s, &m);
        } else if (s->mono_ns - at.since_mono_ns >= s->opts.answer_ns) {
            m.kind = AATS_OM_FOREIGN;
            session_tell(s, &m);
        } else {
            s->nameless[kept++] = at;
        }
    }
    s->nameless_cnt = kept;
}
