/* bybit_fast.h -- the messages that come all day, in the spelling in which they come.
 *
 * For: bybit.c, before its own walk.  Not a second opinion: it takes a text only if that is, byte for byte, what Bybit writes today, and then says
 * what the walk would say; anything else (another order of keys, white space, a snapshot, several trades, a long number, a fault) it leaves to the
 * walk, which knows the reason.  tests/fuzz/fuzz_bybit.c holds the two to each other.
 */
#ifndef AATS_VENUE_BYBIT_FAST_H
#define AATS_VENUE_BYBIT_FAST_H

#include "venue/venue.h"

/* bybit_fast returns 1 with *m filled, m->offset too; 0 if the text is not for it: *m is scratch then, but for the level arrays' addresses. */
int bybit_fast(char const *text, size_t n, aats_msg_t *m);

/* bybit_parse_plain is the parser without the short way: what `parse` of the venue is, but for speed. */
int bybit_parse_plain(char const *text, size_t n, aats_msg_t *m);

#endif
