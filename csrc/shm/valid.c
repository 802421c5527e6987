/* valid.c -- the one judgement; see valid.h for the order in which to read. */
#include "shm/valid.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/latest.h"
#include "shm/procs.h"
#include "shm/segment.h"

void aats_pulse_take(aats_md_view_t const *view, aats_slot_t const *feed_slot, aats_pulse_t *out)
{
    *out = (aats_pulse_t){.expected = view->generation, .stale_ns = view->stale_ns};

    /* Heartbeat, generation, owner, in this order.  A slot that changes hands is cleared first (C2), so whoever sees
     * the next owner's heartbeat sees that the generation is not ours; the other way round a stranger's heartbeat
     * could keep our feed young. */
    if (feed_slot != NULL) {
        out->heartbeat_mono_ns = aats_load_acquire(&feed_slot->heartbeat_mono_ns); /* H1 */
        out->generation = aats_load_relaxed(&feed_slot->generation);
        out->state = aats_ident_state(aats_load_acquire(&feed_slot->owner)); /* C1 */
    }
    for (uint32_t i = 0; i < AATS_LINK_MAX; i++) {
        aats_link_t const *link = &view->md->links[i];
        out->links[i].up = aats_load_acquire(&link->up); /* H1 */
        out->links[i].heard_mono_ns = aats_load_acquire(&link->heard_mono_ns); /* H1 */
        out->links[i].limit_ns = aats_load_relaxed(&link->limit_ns);
    }
    out->successor = aats_seg_successor(view->seg); /* S2 */
}

/* within says whether `then` lies no further than limit from now, before or after: a time of another clock is far
 * away in one direction. */
static int within(uint64_t then, int64_t now, uint64_t limit)
{
    int64_t const age = (int64_t)((uint64_t)now - then);
    return (age < 0 ? 0 - (uint64_t)age : (uint64_t)age) <= limit;
}

int aats_pulse_why(aats_pulse_t const *pulse, int64_t now_mono_ns)
{
    if (pulse->successor != 0) return AATS_WHY_REPLACED;
    if (pulse->state != AATS_STATE_RUN) return AATS_WHY_FEED_DOWN;
    if (pulse->generation != pulse->expected) return AATS_WHY_REPLACED;
    if (!within(pulse->heartbeat_mono_ns, now_mono_ns, pulse->stale_ns)) return AATS_WHY_FEED_STALE;
    return AATS_WHY_NONE;
}

int aats_valid_why(uint8_t rec_flags, uint8_t rec_why, aats_pulse_t const *pulse, uint32_t link, int64_t now_mono_ns)
{
    if (!(rec_flags & AATS_F_VALID)) return rec_why != AATS_WHY_NONE ? rec_why : AATS_WHY_NO_BOOK;
    int const why = aats_pulse_why(pulse, now_mono_ns);
    if (why != AATS_WHY_NONE) return why;
    if (link >= AATS_LINK_MAX || pulse->links[link].up != 1) return AATS_WHY_LINK_DOWN;
    uint64_t const limit_ns = pulse->links[link].limit_ns;
    if (limit_ns != 0 && !within(pulse->links[link].heard_mono_ns, now_mono_ns, limit_ns)) return AATS_WHY_VENUE_MUTE;
    return AATS_WHY_NONE;
}

int aats_valid_latest(aats_md_view_t const *view, aats_slot_t const *feed_slot, uint32_t sym, aats_rec_t *rec, aats_level_t *bids,
                      aats_level_t *asks, uint32_t cap, int64_t now_mono_ns)
{
    aats_pulse_t pulse;
    aats_pulse_take(view, feed_slot, &pulse);
    if (aats_latest_read(view, sym, rec, bids, asks, cap) != AATS_OK) {
        memset(rec, 0, sizeof *rec);
        int const why = aats_pulse_why(&pulse, now_mono_ns);
        return why != AATS_WHY_NONE ? why : AATS_WHY_NO_BOOK;
    }
    return aats_valid_why(rec->flags, rec->why, &pulse, rec->link, now_mono_ns);
}

char const *aats_why_name(int why)
{
    switch (why) {
    case AATS_WHY_NONE:       return "";
    case AATS_WHY_SYNCING:    return "syncing";
    case AATS_WHY_GAP:        return "gap";
    case AATS_WHY_CROSSED:    return "crossed";
    case AATS_WHY_LINK_DOWN:  return "link_down";
    case AATS_WHY_STALLED:    return "stalled";
    case AATS_WHY_SUSPECT:    return "suspect";
    case AATS_WHY_HALTED:     return "halted";
    case AATS_WHY_GONE:       return "gone";
    case AATS_WHY_HORIZON:    return "horizon";
    case AATS_WHY_NUMBER:     return "number";
    case AATS_WHY_LEVELS:     return "levels";
    case AATS_WHY_LOSS:       return "loss";
    case AATS_WHY_CHECKSUM:   return "checksum";
    case AATS_WHY_FEED_STALE: return "feed_stale";
    case AATS_WHY_FEED_DOWN:  return "feed_down";
    case AATS_WHY_VENUE_MUTE: return "venue_mute";
    case AATS_WHY_REPLACED:   return "replaced";
    case AATS_WHY_NO_BOOK:    return "no_book";
    default:                  return "why_?";
    }
}
