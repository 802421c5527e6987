/* trader_adopt.c -- orders of earlier runs: their machines as the journal leaves them, their story told again, and the venue asked how it went on.
 *
 * What the journal has is a prefix of the events that an order had, cut anywhere: behind Rejected, Canceled or the last fill only Closed can be missing, and
 * it is made here; behind anything else the venue knows more than we do.  Nothing is ever sent again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/steps.h"
#include "shm/td.h"

static int sym_of(aats_trader_t const *t, aats_order_t const *o)
{
    for (uint32_t i = 0; i < t->symbol_cnt; i++) {
        aats_rules_t const *r = &t->symbols[i].rules;
        if (strncmp(r->symbol, o->symbol, sizeof o->symbol) == 0) return r->px_exp == o->px_exp && r->qty_exp == o->qty_exp ? (int)i : NONE;
    }
    return NONE;
}

static int by_number(void const *a, void const *b)
{
    uint64_t const x = *(uint64_t const *)a, y = *(uint64_t const *)b;
    return x < y ? -1 : x > y;
}

/* has returns whether the story has an event of this kind. */
static int has(aats_oev_t const *evs, size_t cnt, uint32_t kind)
{
    for (size_t i = 0; i < cnt; i++)
        if (evs[i].kind == kind) return 1;
    return 0;
}

/* restore makes the machine that had told this story. */
static int restore(aats_machine_t *m, aats_oev_t const *evs, size_t cnt)
{
    uint64_t *seen = NULL;
    uint32_t fills = 0;
    for (size_t i = 0; i < cnt; i++) fills += evs[i].kind == AATS_OEV_EXEC;
    if (fills > 0 && (seen = malloc(fills * sizeof *seen)) == NULL) return AATS_E_NOMEM;
    fills = 0;
    for (size_t i = 0; i < cnt; i++)
        if (evs[i].kind == AATS_OEV_EXEC) seen[fills++] = evs[i].trade_id;
    if (fills > 0) qsort(seen, fills, sizeof *seen, by_number);
    *m = (aats_machine_t){.o = evs[cnt - 1].order, .seen = seen, .seen_cnt = fills, .seen_cap = fills,
                          .cancel_by_us = (uint32_t)has(evs, cnt, AATS_OEV_CANCEL_ACKED), .venue_cum_i = evs[cnt - 1].order.cum_qty_i};
    return AATS_OK;
}

/* has_ended returns whether the order's end is in the story. */
static int has_ended(aats_oev_t const *evs, size_t cnt)
{
    aats_order_t const *o = &evs[cnt - 1].order;
    return has(evs, cnt, AATS_OEV_REJECTED) || has(evs, cnt, AATS_OEV_CANCELED) || (o->qty_i > 0 && o->cum_qty_i == o->qty_i);
}

/* close_it makes what a story that broke off behind the order's end is short of. */
static int close_it(aats_machine_t *m, int64_t now_ns, aats_oev_t *out)
{
    int cnt = 0;
    if (m->o.cancel == AATS_CXL_ASKED) {
        m->o.cancel = AATS_CXL_NONE;
        out[cnt++] = (aats_oev_t){.ns = now_ns, .kind = AATS_OEV_CANCEL_REJECTED, .code = AATS_OC_ORDER_CLOSED, .order = m->o};
    }
    if (m->o.cum_qty_i == m->o.qty_i) m->o.code = AATS_OC_FILLED;
    m->o.state = AATS_ORD_CLOSED;
    m->o.closed_ns = now_ns;
    out[cnt] = (aats_oev_t){.ns = now_ns, .kind = AATS_OEV_CLOSED, .code = m->o.code, .order = m->o};
    memcpy(out[cnt].msg, m->o.msg, sizeof out[cnt].msg);
    return cnt + 1;
}

/* go_on ends the order, or begins to ask for it. */
static int go_on(aats_trader_t *t, int32_t slot, int ended, aats_oev_t *out)
{
    aats_machine_t *m = &t->slots[slot].m;
    aats_omsg_t unknown = {.kind = AATS_OM_UNKNOWN, .code = AATS_OC_DISCONNECTED, .instance = m->o.instance, .order_id = aats_order_client_no(&m->o),
                           .recv_ns = t->now_ns, .cum_qty_i = -1};
    if (ended) return close_it(m, t->now_ns, out);
    snprintf(unknown.text, sizeof unknown.text, "the run that sent it has ended");
    if (m->o.sent_ns == 0) m->o.sent_ns = m->o.created_ns; /* its bytes may have left */
    return aats_machine_take(m, &unknown, t->now_ns, out);
}

/* first_of makes the Created of an order whose journal ends with its intent, or repeats the one it has. */
static aats_oev_t first_of(aats_order_t const *intent, aats_oev_t const *evs, size_t cnt)
{
    aats_machine_t m;
    aats_oev_t out[AATS_MACHINE_OUT];
    if (cnt > 0 && evs[0].kind == AATS_OEV_CREATED) return evs[0];
    (void)aats_machine_new(&m, intent, out);
    return out[0];
}

int aats_trader_adopt(aats_trader_t *t, int64_t order_id, aats_order_t const *intent, aats_oev_t const *evs, size_t cnt, int64_t now_ns)
{
    int const sym = sym_of(t, intent), made = cnt == 0 || evs[0].kind != AATS_OEV_CREATED;
    int64_t const client_no = aats_order_client_no(intent);
    aats_oev_t out[AATS_MACHINE_OUT];
    size_t const all = cnt + (size_t)made;
    if (order_id <= 0 || client_no <= 0 || intent->instance == 0 || intent->instance == t->instance) return AATS_E_ARG;
    if (sym == NONE) return AATS_E_UNKNOWN;
    if (t->free_slot == NONE) return AATS_E_FULL;
    if (aats_trader_table_client(t, intent->instance, client_no) != NONE) return AATS_E_ARG;
    aats_oev_t *story = malloc(all * sizeof *story);
    if (story == NULL || aats_trader_queue_room(t, all + AATS_MACHINE_OUT) != AATS_OK) goto no_memory;

    story[0] = first_of(intent, evs, cnt);
    if (cnt > 0) memcpy(story + made, evs, cnt * sizeof *evs);
    for (size_t i = 0; i < all; i++) {
        aats_order_t *o = &story[i].order;
        o->order_id = order_id;
        o->instance = intent->instance;
        o->client_no = client_no;
        o->sym = (uint16_t)sym;
        o->flags |= AATS_OF_REPLAYED | AATS_OF_ADOPTED;
    }
    aats_machine_t m;
    if (restore(&m, story, all) != AATS_OK) goto no_memory;
    int const is_new = aats_trader_ids_add(t, order_id);
    if (is_new != 1) {
        aats_machine_fini(&m);
        free(story);
        return is_new < 0 ? is_new : AATS_E_ARG;
    }

    t->now_ns = now_ns;
    int32_t const slot = aats_trader_table_take(t, order_id);
    slot_t *sl = &t->slots[slot];
    int const closed = has(story, all, AATS_OEV_CLOSED), ended = has_ended(story, all);
    sl->m = m;
    sl->m.o.flags &= (uint8_t)~(AATS_OF_REPLAYED | AATS_OF_UNKNOWN);
    sl->placed = sl->intent = 1;
    t->placed = 1;
    aats_trader_table_alias(t, slot);
    aats_trader_queue_put(t, story, (int)all, slot, HOW_LATER | HOW_COUNTED);
    free(story);
    int const more = closed ? 0 : go_on(t, slot, ended, out);
    if (!closed && !ended && t->gate != NULL && t->symbols[sym].risk >= 0) {
        sl->counted = 1;
        aats_gate_adopt(t->gate, t->symbols[sym].risk, &sl->m.o);
    }
    if (more > 0) aats_trader_queue_put(t, out, more, slot, HOW_LATER);
    aats_trader_count(t, AATS_TDC_ADOPTED);
    aats_trader_machine_did(t, slot, NULL, 0);
    return AATS_OK;

no_memory:
    free(story);
    return AATS_E_NOMEM;
}

int aats_trader_carried(aats_trader_t *t, int64_t now_ns)
{
    aats_journal_t *j = aats_trader_journal(t);
    t->now_ns = now_ns;
    aats_trader_risk_carried(t);
    if (j == NULL) return AATS_OK;
    aats_trader_queue_note(t);
    int rc = aats_trader_keep_state(t);
    for (int32_t at = t->oldest; rc == AATS_OK && at != NONE; at = t->slots[at].newer) {
        aats_order_t const *o = &t->slots[at].m.o;
        aats_jadopt_t const from = {.instance = o->instance, .client_no = o->client_no};
        if (o->flags & AATS_OF_ADOPTED) rc = aats_journal_keep(j, AATS_JR_ADOPTED, o->order_id, &from, sizeof from, now_ns);
    }
    if (rc == AATS_OK) rc = aats_journal_checked(j, now_ns);
    return rc == AATS_OK ? AATS_OK : AATS_E_IO;
}
