/* td.h -- a trade process's segment: orders that are open, order events, positions, holdings, balances, fees; one writer, any reader.
 *
 * For: looking at a trading process from outside.  Not for the counters and histograms in it (stats.h), nor for
 * deciding anything: what an order is, order/machine.h says; the process itself never reads this memory back.
 * Writer: the thread that runs the trade loop, alone.  Readers: the demo's view, `aats orders`, tools, the supervisor.
 *
 * Memory order.  Each order, position, holding, balance and fee slot is a seqlock of its own: its stamp counts writes, odd inside one,
 * 0 for "nothing yet".  The events are a ring as the one of market data: slot n mod oev_depth has stamp 2n+1 while
 * event n is written and 2n+2 once stable.
 *   T1  put: release store of the even stamp     ->  get: acquire load of stamp
 *       whoever sees an even stamp sees every word written before it.
 *   T2  put: odd stamp, release fence, words     ->  get: words, acquire fence, reload of stamp
 *       whoever copied a word of a newer write sees a changed stamp: tries again, or for an event is told AATS_E_LAPPED.
 *   T3  put_event: T1, then release store of oev_head  ->  newest: acquire load of oev_head
 *       every event below the head that newest gave is published, or overwritten.
 *   T4  put_event: release store of 2n+1         ->  get_event: acquire load or fence before AATS_E_LAPPED
 *       whoever is told that event n is lost finds a head at least oev_depth above it.
 *
 * Crash: a writer that dies inside leaves one odd stamp; readers give up on that slot after AATS_TD_TRIES and say so
 * (AATS_E_BUSY; an event counts as not published).  The next life of the process makes a new generation.
 */
#ifndef AATS_SHM_TD_H
#define AATS_SHM_TD_H

#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
#define AATS_TD_TRIES 2000 /* of a get; some ten microseconds of an odd stamp */
#define AATS_TD_ORDERS 4096 /* what create_td makes, unless told otherwise */
#define AATS_TD_EVENTS 4096
#define AATS_TD_POSITIONS 64
#define AATS_TD_HOLDS 256 /* pairs of strategy and symbol; what init lays out */
#define AATS_TD_HOLDS_MAX 65536
#define AATS_TD_ORDERS_MAX 65536
#define AATS_TD_EVENTS_MAX 1048576

/* aats_td_size returns the bytes of a segment with room for so many; 0 for a number out of range: pos_cap
 * 1..AATS_DIR_MAX, order_cap 1..AATS_TD_ORDERS_MAX, oev_depth a power of two in [2, AATS_TD_EVENTS_MAX]. */
uint64_t aats_td_size(uint32_t pos_cap, uint32_t order_cap, uint32_t oev_depth);

/* aats_td_init lays it out behind the segment's head and names the histograms.  mem: zero-filled, on a line of 64
 * bytes, size bytes, at least aats_td_size; the head itself is not touched.  AATS_OK or AATS_E_ARG. */
int aats_td_init(void *mem, uint64_t size, uint32_t pos_cap, uint32_t order_cap, uint32_t oev_depth);

/* aats_td_check compares the geometry with the mapping, which holds a head that aats_seg_check accepts, before
 * anything is read: AATS_OK or
 * AATS_E_LAYOUT with one sentence in why.  The verbs below may be called on memory that passed. */
int aats_td_check(void const *mem, uint64_t size, char *why, uint64_t why_sz);

/* Writer only: order `slot` (state AATS_ORD_FREE frees it), the next event (its seq and stamp are set here), position, fee, holding or balance
 * `at`.  The stamps in *o, *p, *f, *h, *b are not read.  An index out of range changes nothing.  No system call, no
 * allocation. */
void aats_td_put_order(void *mem, uint32_t slot, aats_order_t const *o);
void aats_td_put_event(void *mem, aats_oev_t *ev);
void aats_td_put_pos(void *mem, uint32_t at, aats_pos_t const *p);
void aats_td_put_fee(void *mem, uint32_t at, aats_fee_t const *f);
void aats_td_put_hold(void *mem, uint32_t at, aats_hold_t const *h);
void aats_td_put_bal(void *mem, uint32_t at, aats_bal_t const *b);

/* Readers: 1 with a whole copy in out, 0 when there is none (a free order, an event not published yet, an unused
 * position, fee, holding or balance), AATS_E_LAPPED for an event that was overwritten, AATS_E_BUSY for a slot that stays odd,
 * AATS_E_ARG for an index out of range.  Unless it is 1, out is scratch. */
int aats_td_get_order(void const *mem, uint32_t slot, aats_order_t *out);
int aats_td_get_event(void const *mem, uint64_t n, aats_oev_t *out);
int aats_td_get_pos(void const *mem, uint32_t at, aats_pos_t *out);
int aats_td_get_fee(void const *mem, uint32_t at, aats_fee_t *out);
int aats_td_get_hold(void const *mem, uint32_t at, aats_hold_t *out);
int aats_td_get_bal(void const *mem, uint32_t at, aats_bal_t *out);

/* aats_td_try_order is aats_td_get_order with one attempt: AATS_E_BUSY when a write got in between. */
int aats_td_try_order(void const *mem, uint32_t slot, aats_order_t *out);

/* aats_td_newest returns the number after the newest event: the cursor of a joiner, or after AATS_E_LAPPED (T3). */
uint64_t aats_td_newest(void const *mem);
/* cdef-end */

#endif
