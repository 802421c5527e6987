/* publish.c -- slot or top first, ring second, counters last; see publish.h. */
#include "shm/publish.h"

#include "base/atomics.h"
#include "base/errors.h"

static int can_be(aats_md_view_t const *view, aats_rec_t const *rec)
{
    if (rec->kind < AATS_REC_QUOTE || rec->kind > AATS_REC_LIQUIDATION) return 0;
    if (rec->kind == AATS_REC_LINK ? rec->sym != AATS_SYM_NONE : rec->sym >= view->dir_cap) return 0;
    uint32_t const cap = rec->kind == AATS_REC_QUOTE ? view->level_max : rec->kind == AATS_REC_BBO ? 1 : 0;
    return rec->bid_len <= cap && rec->ask_len <= cap;
}

static void count(aats_md_view_t const *view, aats_rec_t const *rec)
{
    uint64_t *counters = view->md->counters;
    aats_add_relaxed(&counters[AATS_MDC_RECORDS], 1);
    switch (rec->kind) {
    case AATS_REC_QUOTE:
        aats_add_relaxed(&counters[AATS_MDC_QUOTES], 1);
        aats_add_relaxed(&view->dir[rec->sym].quotes, 1);
        break;
    case AATS_REC_TICK:
        aats_add_relaxed(&counters[AATS_MDC_TICKS], 1);
        aats_add_relaxed(&view->dir[rec->sym].ticks, 1);
        break;
    case AATS_REC_BBO: aats_add_relaxed(&counters[AATS_MDC_BBOS], 1); break;
    case AATS_REC_L2:  aats_add_relaxed(&counters[AATS_MDC_L2S], 1); break;
    case AATS_REC_MARK:        aats_add_relaxed(&counters[AATS_MDC_MARKS], 1); break;
    case AATS_REC_FUNDING:     aats_add_relaxed(&counters[AATS_MDC_FUNDINGS], 1); break;
    case AATS_REC_LIQUIDATION: aats_add_relaxed(&counters[AATS_MDC_LIQUIDATIONS], 1); break;
    default:           break;
    }
}

int aats_md_publish(aats_ring_writer_t *writer, aats_rec_t *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    aats_md_view_t const *view = writer->view;
    if (!can_be(view, rec)) return AATS_E_ARG;
    rec->rec = writer->next;

    /* E3: what a reader finds by symbol is there before what it finds by number. */
    switch (rec->kind) {
    case AATS_REC_QUOTE: aats_latest_write(view, rec, bids, asks); break;
    case AATS_REC_STATE: aats_latest_mark(view, rec); break;
    case AATS_REC_BBO:
    case AATS_REC_TICK:  aats_top_write(view, rec, bids, asks); break;
    default:             break;
    }
    aats_ring_publish(writer, rec, bids, asks);
    count(view, rec);
    return AATS_OK;
}
