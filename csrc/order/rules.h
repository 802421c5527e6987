/* rules.h -- a symbol's rules for orders, and how a strategy's numbers meet them (docs/decisions.md, Numbers).
 *
 * For: the checks that can be made before a byte goes out.  Not for balances, rate limits and numbers of open orders:
 * the venue says those. Pure; any thread; no allocation.
 *
 * A float within 1e-9 relative of a multiple of the tick (lot) is that multiple; any other float goes to the passive
 * side (buy down, sell up, size down).  Text is taken exactly or refused, with the nearest good values in the
 * sentence.  Zero in a rule means that it is off. All of it is integer arithmetic over the double's own bits: no
 * rounding is left to a library or a processor.
 */
#ifndef AATS_ORDER_RULES_H
#define AATS_ORDER_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "order/codes.h"

/* cdef-begin */
typedef struct {
    char symbol[48]; /* "BTCUSDT.BINANCE" */
    char native[48]; /* "BTCUSDT" */
    char base[16];
    char quote[16];
    int32_t px_exp;
    int32_t qty_exp;
    int32_t fee_exp;
    uint32_t halted;      /* the venue takes no orders for it */
    int64_t tick_i, min_px_i, max_px_i;           /* at px_exp */
    int64_t lot_i, min_qty_i, max_qty_i;          /* at qty_exp */
    int64_t market_lot_i, market_min_qty_i, market_max_qty_i; /* MARKET: the lot instead, the bounds beside those above */
    int64_t min_notional_i, max_notional_i;       /* at px_exp */
    uint32_t min_notional_market, max_notional_market; /* whether they hold for MARKET too */
    /* a contract: one unit of quantity is worth contract_i at contract_exp of the base asset, or, inverse, of the quote asset; derivative 0: spot, and the quantity is
     * of the base asset */
    int64_t contract_i;
    int32_t contract_exp;
    uint32_t derivative;
    uint32_t inverse;
    uint32_t pad;
    char settle[16];      /* what profit, loss and fees are in */
    /* percent price, in 1e-8: price must lie in [reference * down, reference * up]; 0: off */
    int64_t bid_up_i, bid_down_i, ask_up_i, ask_down_i;
    int64_t number;       /* of the instrument at its venue, where requests name it so; 0: it has none, or it is not known */
} aats_rules_t;

/* aats_given_t -- a number as a strategy gave it. */
enum { AATS_GIVEN_NONE = 0, AATS_GIVEN_FLOAT = 1, AATS_GIVEN_TEXT = 2 };
typedef struct {
    uint32_t kind;
    uint32_t pad;
    double f;
    char const *text;
    size_t text_len;
} aats_given_t;

/* aats_rules_fit makes px_i and qty_i of what was given, and checks every rule that can be checked here.
 *
 * side AATS_SIDE_*, tif AATS_TIF_*; strict 1: floats are taken as exactly as text (their shortest decimal);
 * reference_px_i: last or mid price for the percent filter and for the notional of MARKET, 0: unknown, then those are
 * left to the venue.  A MARKET order's price is ignored: px_i 0. Returns AATS_OC_NONE, or the code of the first rule
 * that it breaks with a sentence in msg (names the rule, the value, the nearest good ones), in this order: halted,
 * number, off_lot, size_range, off_tick, price_range, price_band, notional.  px_i and qty_i of a refused order are what
 * was given, cut to the exponent, so that its message can show it; 0 where it was no number. *fitted is 1 if a float was moved by more than 1e-9 relative; msg then says from what to what,
 * otherwise it is empty.
 * AATS_E_ARG for a side or tif that is none, or exponents beyond proto/num.h. */
int aats_rules_fit(aats_rules_t const *r, int side, int tif, aats_given_t const *px, aats_given_t const *qty,
                   int64_t reference_px_i, int strict, int64_t *px_i, int64_t *qty_i, int *fitted, char *msg, size_t msg_sz);
/* cdef-end */

#endif
