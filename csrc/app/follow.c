#include "app/follow.h"

void aats_follow_begin(aats_venue_t const *v, aats_sync_t *s)
{
    aats_sync_rule(s, v->seq, v->snapshots == AATS_SNAP_STREAM, v->depth_max);
}

/* Returns e, or AATS_E_CHECKSUM if the book is not what the message says. */
static int compare(aats_venue_t const *v, aats_sync_t *s, aats_msg_t const *m, int e)
{
    if (!(m->has & AATS_HAS_CHECK) || !v->check) return e;
    aats_level_t bids[AATS_CHECK_LEVELS], asks[AATS_CHECK_LEVELS];
    size_t cap = v->check_levels < AATS_CHECK_LEVELS ? v->check_levels : AATS_CHECK_LEVELS;
    size_t bid_cnt = aats_book_top(s->book, AATS_BID, cap, bids), ask_cnt = aats_book_top(s->book, AATS_ASK, cap, asks);
    if (v->check(m, bids, bid_cnt, asks, ask_cnt) == m->check) return e;
    aats_sync_lost(s);
    return AATS_E_CHECKSUM;
}

int aats_follow_diff(aats_venue_t const *v, aats_sync_t *s, aats_msg_t const *m, int64_t recv_ns, aats_diff_t *d)
{
    aats_diff_t own;
    if (!d) d = &own;
    *d = (aats_diff_t){.first_id = m->first_id, .last_id = m->last_id, .prev_id = m->has & AATS_HAS_PREV ? m->prev_id : 0, .exch_ns = m->exch_ns,
                       .recv_ns = recv_ns, .bids = m->bids, .asks = m->asks, .bid_cnt = m->bid_cnt, .ask_cnt = m->ask_cnt,
                       .reset = (m->has & AATS_HAS_RESET) != 0};
    int e = aats_sync_diff(s, d);
    return e == AATS_SYNC_APPLIED ? compare(v, s, m, e) : e;
}

int aats_follow_snapshot(aats_venue_t const *v, aats_sync_t *s, aats_msg_t const *m, size_t limit)
{
    int e = aats_sync_snapshot(s, m->last_id, m->bids, m->bid_cnt, m->asks, m->ask_cnt, limit);
    return e == AATS_OK ? compare(v, s, m, e) : e;
}

int aats_follow_link(uint64_t *no, aats_msg_t const *m)
{
    if (!(m->has & AATS_HAS_LINK_SEQ)) return 0;
    uint64_t had = *no;
    if (had != AATS_LINK_NO_NONE && m->link_seq == had) return 1;
    *no = m->link_seq;
    return had == AATS_LINK_NO_NONE || m->link_seq == had + 1 ? 0 : AATS_E_GAP;
}
