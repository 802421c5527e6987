/* trader_keep.c -- what a journal's next file begins with: all that is true and not told.
 *
 * Each slot keeps a copy of its order's journaled events, so that a checkpoint needs no file to be read.  A checkpoint that fails leaves the old file, and
 * orders go on; it is tried again a second later.  One is also made where the disk was full and an event could not be written: it cures that.
 */
#include <stdlib.h>

#include "app/trader_state.h"
#include "base/steps.h"

#define AGAIN_NS 1000000000
#define DAY_AGAIN_NS INT64_C(60000000000) /* symbols learn their first price one after the other: one checkpoint for all that did */
#define DAY_NS   INT64_C(86400000000000)

void aats_trader_keep(aats_trader_t *t, int32_t slot, aats_oev_t const *ev)
{
    slot_t *sl = &t->slots[slot];
    if (sl->kept_cnt == sl->kept_cap) {
        uint32_t const cap = sl->kept_cap == 0 ? 8 : sl->kept_cap * 2;
        aats_oev_t *grown = realloc(sl->kept, cap * sizeof *grown);
        if (grown == NULL) {
            sl->lost = 1;
            return;
        }
        sl->kept = grown;
        sl->kept_cap = cap;
    }
    sl->kept[sl->kept_cnt++] = *ev;
}

void aats_trader_day(aats_trader_t *t, int orders, int cancels)
{
    if (t->now_ns / DAY_NS != t->day.day) t->day = (aats_jday_t){.day = t->now_ns / DAY_NS};
    t->day.orders += (uint64_t)orders;
    t->day.cancels += (uint64_t)cancels;
}

void aats_trader_carry_day(aats_trader_t *t, aats_jday_t const *day) { t->day = *day; }

/* put_order writes an order's intent, as it was before its bytes, and its events since. */
static int put_order(aats_trader_t *t, slot_t const *sl)
{
    int64_t const id = sl->m.o.order_id;
    if (!sl->intent || sl->kept_cnt == 0) return sl->intent ? AATS_E_NOMEM : AATS_OK;
    aats_order_t const *intent = &sl->kept[0].order; /* Created: as it was made */
    int rc = aats_journal_keep(t->journal, AATS_JR_INTENT, id, intent, sizeof *intent, t->now_ns);
    for (uint32_t i = 0; rc == AATS_OK && i < sl->kept_cnt; i++)
        rc = aats_journal_keep(t->journal, AATS_JR_EVENT, id, &sl->kept[i], sizeof sl->kept[i], t->now_ns);
    aats_jamend_t const amend = {.px_i = sl->m.amend_px_i, .qty_i = sl->m.amend_qty_i};
    if (rc == AATS_OK && amend.qty_i > 0) rc = aats_journal_keep(t->journal, AATS_JR_AMEND, id, &amend, sizeof amend, t->now_ns);
    return rc;
}

int aats_trader_keep_state(aats_trader_t *t)
{
    aats_hold_t hold;
    int rc = AATS_OK;
    for (uint32_t i = 0; rc == AATS_OK && aats_trader_hold_at(t, i, &hold) == 1; i++)
        rc = aats_journal_keep(t->journal, AATS_JR_HOLD, 0, &hold, sizeof hold, t->now_ns);
    for (uint32_t i = 0; rc == AATS_OK && i < AATS_FEE_CAP && t->fees[i].asset[0] != 0; i++)
        rc = aats_journal_keep(t->journal, AATS_JR_FEE, 0, &t->fees[i], sizeof t->fees[i], t->now_ns);
    aats_trader_day(t, 0, 0);
    if (rc == AATS_OK) rc = aats_journal_keep(t->journal, AATS_JR_DAY, 0, &t->day, sizeof t->day, t->now_ns);
    aats_step(AATS_STEP_CHECKPOINT);
    for (int32_t at = t->oldest; rc == AATS_OK && at != NONE; at = t->slots[at].newer) rc = put_order(t, &t->slots[at]);
    return rc;
}

static int whole(aats_trader_t const *t)
{
    for (int32_t at = t->oldest; at != NONE; at = t->slots[at].newer)
        if (t->slots[at].lost) return 0;
    return 1;
}

void aats_trader_keep_pass(aats_trader_t *t)
{
    aats_journal_t *j = aats_trader_journal(t);
    if (t->now_ns / DAY_NS > t->begun_day) aats_trader_begin_day(t);
    int const day = t->day_due && t->mono_ns >= t->day_mono_ns;
    if (j == NULL || t->mono_ns < t->full_mono_ns || (!day && !t->unwritten && !aats_journal_full(j))) return;
    t->full_mono_ns = t->mono_ns + AGAIN_NS;
    aats_trader_begin_day(t);
    aats_trader_queue_note(t);
    if (!whole(t)) return;
    int rc = aats_journal_rotate(j, t->now_ns);
    if (rc == AATS_OK) rc = aats_trader_keep_state(t);
    if (rc == AATS_OK) rc = aats_journal_checked(j, t->now_ns);
    if (rc != AATS_OK) {
        aats_journal_unrotate(j);
        return;
    }
    aats_step(AATS_STEP_ROTATED);
    t->full_mono_ns = 0;
    t->day_mono_ns = t->mono_ns + DAY_AGAIN_NS;
    t->day_due = t->unwritten = 0;
    for (int32_t at = t->oldest; at != NONE; at = t->slots[at].newer) t->slots[at].unwritten = 0;
}
