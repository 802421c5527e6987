/* wide.h -- 128-bit sums of money: exact, with text out.
 *
 * For: cumulated notionals, positions, cash, fees.  Not for single prices and sizes (proto/num.h).  Pure; any thread;
 * no allocation.  Nothing saturates: a sum that would leave 128 bits is AATS_E_RANGE, and stays what it was.
 */
#ifndef AATS_ORDER_WIDE_H
#define AATS_ORDER_WIDE_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "layout/layout.h"

static inline __int128 aats_wide(aats_i128_t v) { return (__int128)((unsigned __int128)(uint64_t)v.hi << 64 | v.lo); }
static inline aats_i128_t aats_wide_of(__int128 v) { return (aats_i128_t){(uint64_t)v, (int64_t)(v >> 64)}; }

/* cdef-begin */
#define AATS_WIDE_SZ 80 /* bytes that hold any text of these functions with its final zero */
#define AATS_WIDE_EXP_MIN -36
#define AATS_WIDE_EXP_MAX 18

/* aats_wide_add adds to *sum: AATS_OK or AATS_E_RANGE with *sum untouched.  aats_wide_add_mul adds a * b. */
int aats_wide_add(aats_i128_t *sum, int64_t v);
int aats_wide_add_mul(aats_i128_t *sum, int64_t a, int64_t b);

/* aats_wide_share returns total * part / whole, rounded half-even, in *out.  0 <= part <= whole, whole > 0: it always fits.  AATS_OK or AATS_E_ARG. */
int aats_wide_share(aats_i128_t total, aats_i128_t part, aats_i128_t whole, aats_i128_t *out);

/* aats_wide_shift returns v * 10^up in *out (up 0 or more): AATS_OK, or AATS_E_RANGE with *out untouched. */
int aats_wide_shift(aats_i128_t v, int up, aats_i128_t *out);

/* aats_wide_format writes v * 10^exp (exp -36 .. 18) without exponent or trailing zeros, "0" for zero, and a final
 * zero byte; its length, or AATS_E_FULL (AATS_WIDE_SZ always is enough), AATS_E_ARG (exp). */
int aats_wide_format(aats_i128_t v, int exp, char *out, size_t cap);

/* aats_wide_average writes notional / qty, half-even at px_exp - 4, as text: avg_price of an order message ("0" when qty is 0).
 * notional at px_exp + qty_exp, qty at qty_exp.  Its length, or as aats_wide_format; AATS_E_ARG for a qty below 0,
 * AATS_E_RANGE for an average that does not fit. */
int aats_wide_average(aats_i128_t notional, int64_t qty_i, int px_exp, int qty_exp, char *out, size_t cap);
/* cdef-end */

#endif
