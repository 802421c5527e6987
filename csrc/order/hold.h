/* hold.h -- what one strategy holds of one symbol (aats_hold_t): each fill entered once, exactly.
 *
 * For: app/trader_money.c, and whoever rebuilds a holding from a journal: the newest HOLD record, then the fills written down after it.  Not for sums over
 * strategies or accounts, nor for assets that are neither base nor quote (aats_fee_t).  Pure; any thread; no allocation.
 *
 * A fill of quantity q at price p with a fee f changes
 *     size   by +-q, less f where it was paid in the base asset
 *     cash   by -+p * q, less f where it was paid in the quote asset
 *     cost   by the change of size at p while the position grows; by its share of the old cost while it shrinks (average cost); through zero: to what
 *            is left of the change, at p
 * so that a fee is realised at once, whichever of the two assets it was paid in, and the average price is one of prices, not of fees.
 *
 * Exact.  size and cash are sums; only a share of cost is rounded (half-even, at cash_exp), and it goes out where it matters:
 *     realised + unrealised = (cash + cost) + (size * price - cost) = cash + size * price, to the last digit.
 * A fee with more digits makes the amounts finer (base_exp, cash_exp fall), never itself shorter.  What does not fit 128 bits is AATS_E_RANGE and changes nothing.
 */
#ifndef AATS_ORDER_HOLD_H
#define AATS_ORDER_HOLD_H

#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

#define AATS_DAY_NS INT64_C(86400000000000)

/* cdef-begin */
/* aats_hold_init begins one that has never traded. */
void aats_hold_init(aats_hold_t *h, char const *symbol, char const *base, char const *quote, int strategy, int sym, int px_exp, int qty_exp);

/* aats_hold_contract makes it one of contracts (AATS_MARKET_*), before its first fill: one is worth contract_i at contract_exp. */
void aats_hold_contract(aats_hold_t *h, uint32_t market, int64_t contract_i, int contract_exp);

/* aats_hold_fill enters an AATS_OEV_EXEC of its symbol and strategy; the caller sees to it that each comes once.  The first of a day begins the day (at its
 * own price, unless aats_hold_day has).  AATS_OK; AATS_E_ARG: it is another event, or another's; AATS_E_RANGE. */
int aats_hold_fill(aats_hold_t *h, aats_oev_t const *ev);

/* aats_hold_day begins the UTC day of now_ns if it is a later one than the last that began, with the position at px_i (at px_exp; 0: not known); a day that
 * began without a price takes this one.  1 if *h has changed, else 0. */
int aats_hold_day(aats_hold_t *h, int64_t now_ns, int64_t px_i, int px_exp);

/* aats_hold_finer makes all prices and amounts so fine that a price at px_exp and a quantity at qty_exp fit without rounding.  AATS_OK, AATS_E_RANGE. */
int aats_hold_finer(aats_hold_t *h, int px_exp, int qty_exp);

/* aats_hold_profit returns the profit of the day with the position at px_i (at px_exp; 0: as the day began), realised and not, at 10^exp of the quote asset,
 * rounded down; what does not fit is INT64_MIN or INT64_MAX. */
int64_t aats_hold_profit(aats_hold_t const *h, int64_t px_i, int px_exp, int exp);

/* aats_hold_size_at returns size at qty_exp, rounded down; what does not fit is INT64_MIN or INT64_MAX. */
int64_t aats_hold_size_at(aats_hold_t const *h, int qty_exp);
/* cdef-end */

#endif
