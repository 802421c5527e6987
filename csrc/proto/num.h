/* num.h -- decimal text to scaled integers and back, exactly.
 *
 * A price or quantity is the venue's text as an int64 at a power of ten: "61837.64000000" at exponent -8 is
 * 6183764000000. Nothing is rounded: what does not fit, or has non-zero digits below the exponent, is refused with a
 * code of its own. Not for floats, and not for text that a person typed: the grammar is JSON's, so "+1", ".5", "5.",
 * "007", " 1" and "0x1" are refused everywhere.
 *
 *     number = [ "-" ] ( "0" | 1-9 *digit ) [ "." 1*digit ] [ ( "e" | "E" ) [ "+" | "-" ] 1*digit ]
 *
 * Pure functions of their arguments; any thread; no allocation; texts need no final zero and none of them is read
 * past its length.
 */
#ifndef AATS_PROTO_NUM_H
#define AATS_PROTO_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

/* cdef-begin */
#define AATS_NUM_EXP_MIN -18 /* finest exponent that these functions take */
#define AATS_NUM_EXP_MAX  18 /* coarsest */
#define AATS_NUM_SZ       40 /* bytes that hold any text of aats_num_format with its final zero */

/* aats_num_parse reads the n bytes at s as a number and stores its value divided by 10^exp.
 *
 * Returns AATS_OK, or with *out untouched AATS_E_SYNTAX (not the grammar above), AATS_E_RANGE (does not fit),
 * AATS_E_INEXACT (non-zero digits below 10^exp; trailing zeros there are fine), AATS_E_ARG (exp). A text with both
 * faults is AATS_E_RANGE. "-0" is 0. Cost: 8 ns for up to 15 digits before the point and 8 behind it, 20-30 for
 * anything else (aats_num_parse_plain). */
int aats_num_parse(char const *s, size_t n, int exp, int64_t *out);

/* aats_num_parse_plain is aats_num_parse digit by digit: the slow path, and the model that the tests hold the fast
 * one to. */
int aats_num_parse_plain(char const *s, size_t n, int exp, int64_t *out);

/* aats_num_format writes v * 10^exp without exponent or trailing zeros behind the point ("0" for zero, "-0.5"), and
 * a final zero byte.
 *
 * Returns the length without that byte; AATS_E_FULL when cap is too small (AATS_NUM_SZ always is enough); AATS_E_ARG
 * (exp). aats_num_parse of the text at the same exponent gives v again. */
int aats_num_format(int64_t v, int exp, char *out, size_t cap);

/* aats_num_u64 reads an unsigned integer without sign, point or exponent: update ids, times.
 *
 * Returns AATS_OK, AATS_E_SYNTAX (also for a leading zero), AATS_E_RANGE. */
int aats_num_u64(char const *s, size_t n, uint64_t *out);
/* cdef-end */

#endif
