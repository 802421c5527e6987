/* seat.h -- the risk segment: who trades on this host, what each has at stake, and whose orders they are when its process is gone.
 *
 * The segment risk.host is the one that all trade processes of a namespace write.  Nobody waits for anybody in it: each seat has one owner at a time,
 * who alone writes the seat's cells; a sum over all is made by reading.
 *
 *       take (BOOT)                   leave, all zero
 *     FREE --------> LIVE ------------------------------> FREE
 *                     |  \ leave, a position stays
 *                     |   `-------> PARKED --take--> LIVE          (its position goes on counting)
 *                     | process dead, or hung
 *                     v
 *                  CLEARING --done--> PARKED or FREE               (a supervisor; or the next run of the name, which goes to LIVE)
 *
 * `owner` says who (pid and start time, shm/procs.h) and in which state in one word: one compare-and-swap takes a seat over, exactly one wins.  A process
 * that finds its seat not its own any more has been declared dead: it sends nothing more (aats_seat_mine before every order).
 *
 * What a dead process had reserved goes on counting, because nobody writes its cells, until whoever has taken the seat over sets them to what the journal
 * shows (aats_cell_set): an order without an intent in the journal never left, any other counts in full until the venue's word is in.
 *
 * Memory order.
 *   S1  take: fields, then owner (compare-and-swap, release)  ->  readers: acquire load of owner
 *   S2  announce: own cell, full fence, loads of all others   |   the same of another seat
 *       of two that reserve at once at least one sees the other (Dekker): a limit is never passed by both.  See gate.h.
 *   S3  symbol: fields, then its state word (release)         ->  readers: acquire load of state
 *   S4  a fill: position, then what is reserved (release)     ->  sums: what is reserved (acquire), then position
 *       a fill that happens meanwhile counts once or twice, never not at all
 *   S5  limits, switches: their words, then news (release)    ->  gate: acquire load of news
 *
 * Crash.  A seat in BOOT whose maker is dead holds nothing: claim it and move it to FREE.  A symbol that nobody finishes entering is given up by the next
 * one who needs it; its place is lost.
 */
#ifndef AATS_RISK_SEAT_H
#define AATS_RISK_SEAT_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"
#include "shm/procs.h"

/* cdef-begin */
/* aats_risk_view_t -- one mapping of the risk segment, in private memory. */
typedef struct {
    aats_seg_t *seg;
    aats_risk_t *risk;
    aats_rsym_t *syms;      /* risk->sym_cap */
    aats_seat_t *seats;     /* risk->seat_cap */
    aats_rcell_t *cells;    /* seat_cap rows of sym_cap */
    aats_rlimits_t *limits; /* limits_cap; 0: the host's default, the others by scope and name */
    aats_budget_t *budgets; /* budget_cap */
} aats_risk_view_t;

int64_t aats_risk_size(uint32_t seat_cap, uint32_t sym_cap, uint32_t limits_cap, uint32_t budget_cap);
int aats_risk_init(void *mem, uint64_t size, uint32_t seat_cap, uint32_t sym_cap, uint32_t limits_cap, uint32_t budget_cap);
int aats_risk_attach(void *mem, uint64_t mapped_sz, aats_risk_view_t *view, char *why, size_t cap);

/* aats_risk_symbol returns the index of a symbol ("BTCUSDT.BINANCE") of a mode (AATS_MODE_*), entered if it is new (any process, at any time).
 * AATS_E_FULL; AATS_E_SHAPE if it is there with other exponents. */
int aats_risk_symbol(aats_risk_view_t const *v, char const *symbol, char const *quote, uint32_t mode, int32_t px_exp, int32_t qty_exp);

/* aats_risk_row returns the row of limits of a scope and name ("" for the host, row 0), entered if `make` is 1; AATS_E_UNKNOWN; AATS_E_FULL; AATS_E_ARG.
 * aats_risk_row_read copies one (the host's switch included); aats_risk_row_put sets its limits, aats_risk_row_switch its switch, and tells all gates (S5).
 * Who writes holds the segment's file lock (aats/shm/risk.py); a gate throws a switch to REDUCE without it. */
int aats_risk_row(aats_risk_view_t const *v, uint32_t scope, char const *name, int make);
void aats_risk_row_read(aats_risk_view_t const *v, uint32_t row, aats_rlimits_t *out);
int aats_risk_row_put(aats_risk_view_t const *v, uint32_t row, aats_rlimits_t const *from);
int aats_risk_row_switch(aats_risk_view_t const *v, uint32_t row, uint64_t swtch, char const *reason);

/* aats_seat_take takes the seat of `name` on `account` for self: the one that has that name (PARKED; or of `dead`, the whole owner word as read, whose process
 * is known to be dead), else a FREE one.  Its fields are filled from *from (instance, mode, on_death, grace_ms, hang_ms, name, account).
 * Its cells stay as they are.
 * The index (state LIVE, or CLEARING where `clearing` is 1); AATS_E_BUSY: its owner lives, or somebody was faster (two that bring the same new name at the
 * same instant may both be refused, never both be let in); AATS_E_FULL; AATS_E_ARG. */
int aats_seat_take(aats_risk_view_t const *v, uint64_t self, aats_seat_t const *from, uint64_t dead, int clearing);
/* aats_seat_claim takes over seat `at` whose owner word is `seen` (dead or hung: the caller has judged), in CLEARING; its fields and cells stay as they are.
 * AATS_OK, or AATS_E_BUSY. */
int aats_seat_claim(aats_risk_view_t const *v, uint32_t at, uint64_t seen, uint64_t self);
/* aats_seat_move changes the state of an own seat: LIVE, CLEARING, PARKED, FREE (PARKED and FREE give it away; FREE zeroes it, and becomes
 * PARKED where something still counts: a position, an open order, what it did today).  AATS_OK, AATS_E_STALE. */
int aats_seat_move(aats_risk_view_t const *v, uint32_t at, uint64_t self, uint32_t state);
/* aats_seat_find returns the seat of a name on an account in any state but FREE, or AATS_E_UNKNOWN. */
int aats_seat_find(aats_risk_view_t const *v, char const *name, char const *account);
int aats_seat_read(aats_risk_view_t const *v, uint32_t at, aats_seat_t *out); /* AATS_OK, AATS_E_EMPTY, AATS_E_BUSY */

/* aats_cell_set sets a cell of an own seat outright (a take-over, a start); aats_cell_read copies one; aats_cell_sum adds up a symbol over all seats. */
void aats_cell_set(aats_risk_view_t const *v, uint32_t seat, uint32_t sym, aats_rcell_t const *cell);
void aats_cell_read(aats_risk_view_t const *v, uint32_t seat, uint32_t sym, aats_rcell_t *out);
void aats_cell_sum(aats_risk_view_t const *v, uint32_t sym, aats_rcell_t *out);
/* aats_seat_sums makes an own seat's sums anew from its cells; aats_cell_set does. */
void aats_seat_sums(aats_risk_view_t const *v, uint32_t at);
/* cdef-end */

/* aats_cell_publish stores position, reservations, count and exposure into an own cell, in the order of S4; profit is left alone. */
void aats_cell_publish(aats_rcell_t *cell, aats_rcell_t const *from);

/* aats_seat_mine returns 1 while the seat is self's and LIVE: one load. */
int aats_seat_mine(aats_seat_t const *seat, uint64_t self);

#endif
