/* td.c -- where the parts of a trade process's segment lie, and its seqlocks; see td.h for the edges. */
#include "shm/td.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"
#include "shm/seqlock.h"
#include "shm/stats.h"

#define TD_OFF sizeof(aats_seg_t)

/* words of a slot after its stamp */
#define BODY_WORDS(type) ((sizeof(type) - sizeof(uint64_t)) / 8)

static char const *const HIST_NAMES[] = {
    [AATS_HIST_TD_PUB_DELIVERED] = "pub_delivered",         [AATS_HIST_TD_RECV_DELIVERED] = "recv_delivered",
    [AATS_HIST_TD_DELIVERED_DECIDED] = "delivered_decided", [AATS_HIST_TD_DECIDED_SENT] = "decided_sent",
    [AATS_HIST_TD_SENT_ACKED] = "sent_acked",               [AATS_HIST_TD_RECV_SENT] = "recv_sent",
    [AATS_HIST_TD_ACKED_FILLED] = "acked_filled",
};
#define HIST_CNT (sizeof HIST_NAMES / sizeof HIST_NAMES[0])

/* ---- geometry ---- */

/* geometry_t -- all that follows from the four numbers. */
typedef struct {
    uint64_t pos_off, fee_off, hold_off, bal_off, order_off, oev_off, stats_off, size;
} geometry_t;

static int geometry(uint32_t pos_cap, uint32_t hold_cap, uint32_t order_cap, uint32_t oev_depth, geometry_t *g)
{
    if (hold_cap < 1 || hold_cap > AATS_TD_HOLDS_MAX) return AATS_E_ARG;
    if (pos_cap < 1 || pos_cap > AATS_DIR_MAX || order_cap < 1 || order_cap > AATS_TD_ORDERS_MAX) return AATS_E_ARG;
    if (oev_depth < 2 || oev_depth > AATS_TD_EVENTS_MAX || (oev_depth & (oev_depth - 1)) != 0) return AATS_E_ARG;

    g->pos_off   = TD_OFF + sizeof(aats_td_t);
    g->fee_off   = g->pos_off + (uint64_t)pos_cap * sizeof(aats_pos_t);
    g->hold_off  = g->fee_off + AATS_FEE_CAP * sizeof(aats_fee_t);
    g->bal_off   = g->hold_off + (uint64_t)hold_cap * sizeof(aats_hold_t);
    g->order_off = g->bal_off + AATS_BAL_CAP * sizeof(aats_bal_t);
    g->oev_off   = g->order_off + (uint64_t)order_cap * sizeof(aats_order_t);
    g->stats_off = g->oev_off + (uint64_t)oev_depth * sizeof(aats_oev_t);
    g->size      = g->stats_off + AATS_TD_HISTS * sizeof(aats_hist_t);
    return AATS_OK;
}

uint64_t aats_td_size(uint32_t pos_cap, uint32_t order_cap, uint32_t oev_depth)
{
    geometry_t g;
    return geometry(pos_cap, AATS_TD_HOLDS, order_cap, oev_depth, &g) == AATS_OK ? g.size : 0;
}

static aats_td_t *td_of(void const *mem) { return (aats_td_t *)((uintptr_t)mem + TD_OFF); }

static void *at_offset(void const *mem, uint64_t off) { return (void *)((uintptr_t)mem + off); }

int aats_td_init(void *mem, uint64_t size, uint32_t pos_cap, uint32_t order_cap, uint32_t oev_depth)
{
    geometry_t g;
    if (mem == NULL || (uintptr_t)mem % AATS_LINE != 0) return AATS_E_ARG;
    if (geometry(pos_cap, AATS_TD_HOLDS, order_cap, oev_depth, &g) != AATS_OK || size < g.size) return AATS_E_ARG;

    aats_td_t *td = td_of(mem);
    td->pos_cap   = pos_cap;
    td->hold_cap  = AATS_TD_HOLDS;
    td->order_cap = order_cap;
    td->oev_depth = oev_depth;
    td->pos_off   = g.pos_off;
    td->fee_off   = g.fee_off;
    td->hold_off  = g.hold_off;
    td->bal_off   = g.bal_off;
    td->order_off = g.order_off;
    td->oev_off   = g.oev_off;
    td->stats_off = g.stats_off;

    aats_hist_t *hists = at_offset(mem, g.stats_off);
    for (size_t i = 0; i < HIST_CNT; i++) aats_hist_init(&hists[i], HIST_NAMES[i]);
    return AATS_OK;
}

#define REFUSE(...)                                                        \
    do {                                                                   \
        if (why != NULL && why_sz > 0) snprintf(why, why_sz, __VA_ARGS__); \
        return AATS_E_LAYOUT;                                              \
    } while (0)

#define SAME(field)                                                                                                               \
    do {                                                                                                                          \
        if (td->field != g.field) {                                                                                               \
            REFUSE("the segment says " #field " %" PRIu64 ", but its geometry makes it %" PRIu64, td->field, g.field);            \
        }                                                                                                                         \
    } while (0)

int aats_td_check(void const *mem, uint64_t size, char *why, uint64_t why_sz)
{
    geometry_t g;
    aats_td_t const *td = td_of(mem);
    if (size < TD_OFF + sizeof *td) REFUSE("%" PRIu64 " bytes are mapped, the head of a td segment needs %zu", size, TD_OFF + sizeof *td);
    if (geometry(td->pos_cap, td->hold_cap, td->order_cap, td->oev_depth, &g) != AATS_OK) {
        REFUSE("the segment says pos_cap %u, hold_cap %u, order_cap %u, oev_depth %u; expected 1..%d, 1..%d, 1..%d, a power of two in [2, %d]",
               td->pos_cap, td->hold_cap, td->order_cap, td->oev_depth, AATS_DIR_MAX, AATS_TD_HOLDS_MAX, AATS_TD_ORDERS_MAX, AATS_TD_EVENTS_MAX);
    }
    SAME(pos_off);
    SAME(fee_off);
    SAME(hold_off);
    SAME(bal_off);
    SAME(order_off);
    SAME(oev_off);
    SAME(stats_off);
    if (size < g.size) REFUSE("the segment has %" PRIu64 " bytes, its geometry makes them %" PRIu64, size, g.size);
    return AATS_OK;
}

/* ---- the slots: a seqlock each, whose stamp counts writes and is odd inside one ---- */

static void put(uint64_t *slot, void const *from, size_t words)
{
    uint64_t const was = aats_load_relaxed(slot); /* its own word: nobody else writes */
    aats_seq_write_begin(slot, was + 1);          /* T2 */
    aats_words_store(slot + 1, (uint64_t const *)from + 1, words);
    aats_seq_write_end(slot, was + 2);            /* T1 */
}

/* One attempt: 1, 0 when nothing was ever written, AATS_E_BUSY when a write got in between. */
static int try_take(uint64_t const *slot, void *to, size_t words)
{
    uint64_t const stamp = aats_seq_read_begin(slot); /* T1 */
    if (stamp == 0) return 0;
    if (stamp & 1) return AATS_E_BUSY;
    aats_words_load((uint64_t *)to + 1, slot + 1, words);
    *(uint64_t *)to = stamp;
    return aats_seq_read_end(slot, stamp) ? 1 : AATS_E_BUSY; /* T2 */
}

static int take(uint64_t const *slot, void *to, size_t words)
{
    for (int i = 0; i < AATS_TD_TRIES; i++) {
        int const got = try_take(slot, to, words);
        if (got != AATS_E_BUSY) return got;
        aats_spin_hint();
    }
    return AATS_E_BUSY;
}

static aats_order_t *order_at(void const *mem, uint32_t slot) { return (aats_order_t *)at_offset(mem, td_of(mem)->order_off) + slot; }
static aats_pos_t *pos_at(void const *mem, uint32_t at) { return (aats_pos_t *)at_offset(mem, td_of(mem)->pos_off) + at; }
static aats_fee_t *fee_at(void const *mem, uint32_t at) { return (aats_fee_t *)at_offset(mem, td_of(mem)->fee_off) + at; }
static aats_hold_t *hold_at(void const *mem, uint32_t at) { return (aats_hold_t *)at_offset(mem, td_of(mem)->hold_off) + at; }
static aats_bal_t *bal_at(void const *mem, uint32_t at) { return (aats_bal_t *)at_offset(mem, td_of(mem)->bal_off) + at; }

void aats_td_put_order(void *mem, uint32_t slot, aats_order_t const *o)
{
    if (slot < td_of(mem)->order_cap) put(&order_at(mem, slot)->stamp, o, BODY_WORDS(aats_order_t));
}

void aats_td_put_pos(void *mem, uint32_t at, aats_pos_t const *p)
{
    aats_td_t *td = td_of(mem);
    if (at >= td->pos_cap) return;
    put(&pos_at(mem, at)->stamp, p, BODY_WORDS(aats_pos_t));
    if (td->pos_cnt <= at) td->pos_cnt = at + 1; /* for people: a slot itself says whether it is used */
}

void aats_td_put_fee(void *mem, uint32_t at, aats_fee_t const *f)
{
    if (at < AATS_FEE_CAP) put(&fee_at(mem, at)->stamp, f, BODY_WORDS(aats_fee_t));
}

void aats_td_put_hold(void *mem, uint32_t at, aats_hold_t const *h)
{
    aats_td_t *td = td_of(mem);
    if (at >= td->hold_cap) return;
    put(&hold_at(mem, at)->stamp, h, BODY_WORDS(aats_hold_t));
    if (td->hold_cnt <= at) td->hold_cnt = at + 1; /* for people, as pos_cnt */
}

void aats_td_put_bal(void *mem, uint32_t at, aats_bal_t const *b)
{
    if (at < AATS_BAL_CAP) put(&bal_at(mem, at)->stamp, b, BODY_WORDS(aats_bal_t));
}

int aats_td_try_order(void const *mem, uint32_t slot, aats_order_t *out)
{
    if (slot >= td_of(mem)->order_cap) return AATS_E_ARG;
    int const got = try_take(&order_at(mem, slot)->stamp, out, BODY_WORDS(aats_order_t));
    return got == 1 && out->state == AATS_ORD_FREE ? 0 : got;
}

int aats_td_get_order(void const *mem, uint32_t slot, aats_order_t *out)
{
    if (slot >= td_of(mem)->order_cap) return AATS_E_ARG;
    int const got = take(&order_at(mem, slot)->stamp, out, BODY_WORDS(aats_order_t));
    return got == 1 && out->state == AATS_ORD_FREE ? 0 : got;
}

int aats_td_get_pos(void const *mem, uint32_t at, aats_pos_t *out)
{
    if (at >= td_of(mem)->pos_cap) return AATS_E_ARG;
    return take(&pos_at(mem, at)->stamp, out, BODY_WORDS(aats_pos_t));
}

int aats_td_get_fee(void const *mem, uint32_t at, aats_fee_t *out)
{
    if (at >= AATS_FEE_CAP) return AATS_E_ARG;
    int const got = take(&fee_at(mem, at)->stamp, out, BODY_WORDS(aats_fee_t));
    return got == 1 && out->asset[0] == 0 ? 0 : got;
}

int aats_td_get_hold(void const *mem, uint32_t at, aats_hold_t *out)
{
    if (at >= td_of(mem)->hold_cap) return AATS_E_ARG;
    int const got = take(&hold_at(mem, at)->stamp, out, BODY_WORDS(aats_hold_t));
    return got == 1 && out->symbol[0] == 0 ? 0 : got;
}

int aats_td_get_bal(void const *mem, uint32_t at, aats_bal_t *out)
{
    if (at >= AATS_BAL_CAP) return AATS_E_ARG;
    int const got = take(&bal_at(mem, at)->stamp, out, BODY_WORDS(aats_bal_t));
    return got == 1 && out->asset[0] == 0 ? 0 : got;
}

/* ---- the ring of events ---- */

static aats_oev_t *event_at(void const *mem, uint64_t n)
{
    aats_td_t const *td = td_of(mem);
    return (aats_oev_t *)at_offset(mem, td->oev_off) + (n & (td->oev_depth - 1));
}

void aats_td_put_event(void *mem, aats_oev_t *ev)
{
    aats_td_t *td = td_of(mem);
    uint64_t const n = aats_load_relaxed(&td->oev_head); /* its own word */
    aats_oev_t *slot = event_at(mem, n);
    ev->seq = n;
    ev->stamp = 2 * n + 2;

    aats_seq_write_begin(&slot->stamp, 2 * n + 1); /* T2, T4 */
    aats_words_store(&slot->seq, &ev->seq, BODY_WORDS(aats_oev_t));
    aats_seq_write_end(&slot->stamp, 2 * n + 2); /* T1 */
    aats_store_release(&td->oev_head, n + 1);    /* T3 */
}

int aats_td_get_event(void const *mem, uint64_t n, aats_oev_t *out)
{
    aats_oev_t const *slot = event_at(mem, n);
    uint64_t const want = 2 * n + 2;
    uint64_t const stamp = aats_seq_read_begin(&slot->stamp); /* T1, T4 */
    if (stamp != want) return stamp < want ? 0 : AATS_E_LAPPED;

    aats_words_load(&out->seq, &slot->seq, BODY_WORDS(aats_oev_t));
    out->stamp = want;
    if (aats_seq_read_end(&slot->stamp, want)) return 1; /* T2 */
    aats_fence_acquire();                                /* T4 */
    return AATS_E_LAPPED;
}

uint64_t aats_td_newest(void const *mem)
{
    return aats_load_acquire(&td_of(mem)->oev_head); /* T3 */
}
