/* trader.h -- the orders of a trade process: checks, journal, state machines, gateways, td segment, and the queue of order events.
 *
 *     send -> rules -> risk -> order table -> journal: intent -> gateway.place -> bytes -> Created     (steps 8-10 of the walk)
 *     gateway.next -> machine -> order events -> td segment, positions -> aats_trader_event -> callback
 *
 * A step function: time is handed in, no socket inside.  One thread, the trade loop's, owns it.
 *
 * Promises.
 *   - An order's intent is in the journal before its bytes are made; if it cannot be written, the order is refused (journal).
 *   - Each order has its Created first and its Closed once, last; events come by aats_trader_event in the order in which they became true, and
 *     none is lost while the process lives: the queue grows.
 *   - Closed is journaled as delivered when aats_trader_event has given it out and is called again (or aats_trader_delivered).
 *   - After aats_trader_close new orders are refused (closing), cancels pass.
 *   - Each fill changes position, cash and fees exactly once, before its Exec can be seen.
 */
#ifndef AATS_APP_TRADER_H
#define AATS_APP_TRADER_H

#include <stddef.h>
#include <stdint.h>

#include "app/gateway.h"
#include "app/slow.h"
#include "journal/journal.h"
#include "layout/layout.h"
#include "order/rules.h"
#include "risk/gate.h"

/* cdef-begin */
typedef struct aats_trader aats_trader_t;
typedef struct aats_session aats_session_t;
typedef struct aats_paper aats_paper_t;

typedef struct {
    uint64_t instance;      /* 0: random */
    uint32_t strict;        /* 1: floats are taken exactly or refused */
    uint32_t orders_max;    /* of the td segment's order_cap, 0: all */
    uint32_t queue;         /* 1: orders wait for a session that is not ready, instead of being refused (not_connected) */
    uint32_t mode;          /* AATS_MODE_* of its orders, for the risk gate */
    int64_t queue_ns;       /* so long at most; then they are refused */
} aats_trader_opts_t;

/* What send_order was given.  The texts of px and qty are read during the call only. */
typedef struct {
    int64_t order_id;
    int32_t sym;            /* of aats_trader_add_symbol */
    uint8_t side;           /* AATS_SIDE_* */
    uint8_t tif;            /* AATS_TIF_* */
    uint8_t margin;         /* 1: refused */
    uint8_t strategy;
    uint8_t book_why;       /* AATS_WHY_* of the symbol's book at this moment, 0: it is good; only looked at where there is a risk gate */
    uint8_t reduce;         /* 1: it may shrink a position only; refused where that is not known */
    uint8_t pad[6];
    aats_given_t px;
    aats_given_t qty;
    int64_t recv_ns;        /* of the event that is being delivered, 0: none: hop recv_sent */
    int64_t delivered_ns;
} aats_order_req_t;

/* aats_trader_new makes one over a td segment (aats_td_init has laid it out; NULL: private memory) and a journal (NULL: none).  NULL and a sentence in why. */
aats_trader_t *aats_trader_new(aats_trader_opts_t const *opts, void *td_mem, uint64_t td_size, aats_journal_t *journal, char *why, size_t why_sz);
void aats_trader_free(aats_trader_t *t);

/* aats_trader_session, aats_trader_paper add where orders of an exchange go; the trader owns it from now on.  The gateway's index or AATS_E_*. */
int aats_trader_session(aats_trader_t *t, char const *exchange, aats_session_t *s);
int aats_trader_paper(aats_trader_t *t, char const *exchange, aats_paper_t *p);

/* aats_trader_add_symbol enters a traded symbol; its index in the td segment's positions, or AATS_E_FULL, AATS_E_ARG, AATS_E_BUSY (twice). */
int aats_trader_add_symbol(aats_trader_t *t, aats_rules_t const *rules, int gateway);
/* aats_trader_set_rules changes ticks, lots, limits while it runs. */
int aats_trader_set_rules(aats_trader_t *t, int sym, aats_rules_t const *rules);

/* aats_trader_risk gives it a gate over the host's limits, which it does not own; before the first order.  Without one nothing is checked. */
void aats_trader_risk(aats_trader_t *t, aats_gate_t *gate);
/* aats_trader_slow gives it the limits of its hops, which it does not own; NULL: none. */
void aats_trader_slow(aats_trader_t *t, aats_slow_t *slow);
/* aats_trader_fenced returns 1 once somebody else has taken the seat: this process was thought dead.  From then on nothing is sent and nothing is
 * journaled, and whoever runs it should leave without cancels: the orders are the other one's. */
int aats_trader_fenced(aats_trader_t const *t);

/* ---- what earlier runs left; before the first order, after symbols, gateways and the gate ----
 * aats_trader_adopt takes over an order of an earlier run that has no TOLD: `order_id` is its id in this process (a free one), `intent` what was journaled
 * before its bytes, evs the events journaled since, oldest first.  They are told again with AATS_OF_REPLAYED, as one whole story; positions are not changed
 * by them.  If it is not closed by then it is UNKNOWN and asked for; it counts in full in the risk gate.  A story that breaks off between its end and Closed
 * gets its Closed.  AATS_OK; AATS_E_ARG; AATS_E_UNKNOWN: its symbol is not traded here; AATS_E_FULL, AATS_E_NOMEM.
 * aats_trader_carry takes over a holding (and fees) of the earlier runs of this strategy as their last checkpoint has it, _carry_fill what was filled since,
 * _carry_day the day's totals.
 * aats_trader_carried ends it, also where nothing was carried: the journal's first checkpoint is written, with INTENT and EVENTs of each adopted order, and
 * ADOPTED behind them: a kill before its CHECKED leaves them the earlier run's, after it they are ours.  AATS_OK or AATS_E_IO. */
int aats_trader_adopt(aats_trader_t *t, int64_t order_id, aats_order_t const *intent, aats_oev_t const *evs, size_t cnt, int64_t now_ns);
int aats_trader_carry(aats_trader_t *t, aats_hold_t const *hold);
int aats_trader_carry_fee(aats_trader_t *t, aats_fee_t const *fee);
/* aats_trader_carry_fill enters a fill that an earlier run journaled after its last checkpoint into holding and fees (not into positions).
 * sym: of this run, negative where the symbol is not traded any more.  AATS_OK; AATS_E_UNKNOWN: neither a symbol nor a holding of it; AATS_E_FULL, AATS_E_RANGE. */
int aats_trader_carry_fill(aats_trader_t *t, int sym, aats_oev_t const *ev);
void aats_trader_carry_day(aats_trader_t *t, aats_jday_t const *day);
int aats_trader_carried(aats_trader_t *t, int64_t now_ns);

/* aats_trader_send takes an order: whatever becomes of it comes as events, also a refusal.  AATS_OK; AATS_E_ARG for a sym, side or tif that is
 * none or an order_id below 1; AATS_E_NOMEM, then nothing has happened. */
int aats_trader_send(aats_trader_t *t, aats_order_req_t const *req, int64_t now_ns, int64_t mono_ns);
/* aats_trader_cancel asks for one to be canceled; an id that is unknown or closed gives CancelRejected alone. */
int aats_trader_cancel(aats_trader_t *t, int64_t order_id, uint32_t strategy, int64_t now_ns, int64_t mono_ns);

/* aats_trader_amend asks for an order to have another price and size (the whole size, what is filled counted in); one of the kind AATS_GIVEN_NONE stays as it is.  What
 * becomes of it comes as an event, Amended or AmendRejected, also for an id that is unknown or closed.  AATS_OK; AATS_E_NOMEM, then nothing has happened. */
typedef struct {
    int64_t order_id;
    uint32_t strategy;
    uint32_t book_why;      /* as in aats_order_req_t */
    aats_given_t px;
    aats_given_t qty;
} aats_amend_req_t;
int aats_trader_amend(aats_trader_t *t, aats_amend_req_t const *req, int64_t now_ns, int64_t mono_ns);
/* aats_trader_adopt_amend: an adopted order had an amend request that was not answered. */
void aats_trader_adopt_amend(aats_trader_t *t, int64_t order_id, int64_t px_i, int64_t qty_i);
/* aats_trader_cancel_of asks for each open order of a strategy to be canceled, of one symbol, or of all (sym negative).  How many, or AATS_E_NOMEM. */
int aats_trader_cancel_of(aats_trader_t *t, uint32_t strategy, int sym, int64_t now_ns, int64_t mono_ns);

/* aats_trader_scaled returns whether market data at these exponents is at those of a symbol's rules.  A feed that began before the venue changed a tick may count at
 * others: its numbers would be taken for prices many times as high, so they are not shown to the trader. */
int aats_trader_scaled(aats_trader_t const *t, int sym, int px_exp, int qty_exp);

/* Market data of traded symbols: reference prices, and what paper trading fills by. */
void aats_trader_quote(aats_trader_t *t, int sym, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt, int valid, int64_t now_ns);
void aats_trader_tick(aats_trader_t *t, int sym, int aggressor, int64_t px_i, int64_t qty_i, int64_t now_ns);

/* aats_trader_step makes a pass over the gateways.  Returns the work done. */
int aats_trader_step(aats_trader_t *t, int64_t now_ns, int64_t mono_ns);
int64_t aats_trader_next_mono_ns(aats_trader_t *t);

/* aats_trader_event gives the oldest order event not given yet: 1, or 0.  What was given before counts as delivered. */
int aats_trader_event(aats_trader_t *t, aats_oev_t *out);
int aats_trader_has_event(aats_trader_t const *t);
void aats_trader_delivered(aats_trader_t *t);

/* Leaving: close refuses new orders; cancel_all asks for every open order to be canceled; open_cnt counts orders without Closed; verify has the venue
 * asked for what is open of ours, and `verified` becomes 1 when it has said: nothing. leave ends the gateways; left: all have. */
void aats_trader_close(aats_trader_t *t);
int aats_trader_cancel_all(aats_trader_t *t, int64_t now_ns, int64_t mono_ns);
uint32_t aats_trader_open_cnt(aats_trader_t const *t);
void aats_trader_verify(aats_trader_t *t);
int aats_trader_verified(aats_trader_t const *t);
void aats_trader_leave(aats_trader_t *t);
int aats_trader_left(aats_trader_t const *t);

/* Looking.  ready: every gateway takes orders.  find gives an order of the table, which keeps it until its Closed was delivered: 1 or 0; one that was
 * refused before it got there (duplicate id, closing, margin, rules ...) is known by its events only. */
int aats_trader_ready(aats_trader_t const *t);
int aats_trader_gateway_state(aats_trader_t const *t, int gateway);
int aats_trader_find(aats_trader_t const *t, int64_t order_id, aats_order_t *out);
uint32_t aats_trader_list(aats_trader_t const *t, aats_order_t *out, uint32_t cap); /* open orders, oldest first; how many there are */
int aats_trader_pos(aats_trader_t const *t, int sym, aats_pos_t *out);
int aats_trader_hold(aats_trader_t const *t, uint32_t strategy, int sym, aats_hold_t *out);   /* 1, or 0: nothing was ever traded */
int aats_trader_balance_of(aats_trader_t const *t, int gateway, char const *asset, aats_bal_t *out); /* 1, or 0: not told */
uint64_t aats_trader_instance(aats_trader_t const *t);
uint64_t aats_trader_counter(aats_trader_t const *t, int which); /* AATS_TDC_* */
/* cdef-end */

/* aats_trader_set_clock gives the clock of sent_ns; without one it is the time that send was given. */
void aats_trader_set_clock(aats_trader_t *t, int64_t (*clock)(void));

/* aats_trader_gateway adds a gateway by its face (tests, worlds); owned as those above.  exchange must be set. */
int aats_trader_gateway(aats_trader_t *t, aats_gateway_t const *face);

#endif
