/* session_amend.c -- what answers to questions are worth while an order is being amended.
 *
 * An amendment whose outcome is not known is asked for as any doubt is (session_want.c): the venue's view of the order's price and size tells.  A view that is older than
 * the request tells nothing; one that shows the old numbers when the request could not be taken any more says that it never arrived.
 */
#include <stdio.h>

#include "app/session_state.h"

/* That the order is as it was says something only if it was asked after the request went out. */
void know_stale_numbers(known_t const *k, aats_omsg_t *m, flight_t const *f)
{
    if (f && k->amend_mono_ns && f->sent_mono_ns <= k->amend_mono_ns && m->kind != AATS_OM_FILL) m->px_i = m->qty_i = 0;
}

/* The venue shows the order as it was, and the request's own time stamp is too old by now to be taken: it never arrived. */
void know_amend_over(aats_session_t *s, aats_omsg_t const *m, flight_t const *f)
{
    known_t *k = f ? know_by_id(s, m->instance, m->order_id) : NULL;
    if (!k || !k->m->amend_qty_i || !k->amend_mono_ns || f->sent_mono_ns <= k->amend_mono_ns) return;
    if (ask_under_way(s, AATS_OR_AMEND, k->instance, k->order_id)) return;
    int64_t const window_ms = s->opts.recv_window_ms ? (int64_t)s->opts.recv_window_ms : s->venue->window_ms;
    int64_t const limit = (window_ms + s->venue->clock_margin_ms) * MS, age = f->sent_mono_ns - k->amend_mono_ns;
    int const told = m->px_i > 0 && m->qty_i > 0, made = told && m->px_i == k->m->amend_px_i && m->qty_i == k->m->amend_qty_i;
    if (made || age < s->opts.answer_ns || age < limit || (!told && age < s->opts.unknown_ns)) return;
    aats_omsg_t over = {.kind = AATS_OM_AMEND_REJECT, .code = AATS_OC_NOT_RECEIVED, .instance = k->instance, .order_id = k->order_id, .recv_ns = s->now_ns,
                        .cum_qty_i = -1};
    snprintf(over.text, sizeof over.text, "the venue shows the order as it was before the request");
    session_tell(s, &over);
}
