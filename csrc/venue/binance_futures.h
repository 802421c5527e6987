/* binance_futures.h -- how the parts of Binance's futures market data see each other; the contract with everybody else is venue/venue.h.
 *
 *     binance_futures.c       every message, key by key; requests; the tables of BINANCE_SWAP and BINANCE_COINM
 *     binance_futures_fast.c  the messages that come all day, in the spelling in which they come
 */
#ifndef AATS_VENUE_BINANCE_FUTURES_H
#define AATS_VENUE_BINANCE_FUTURES_H

#include "venue/venue.h"

/* binance_futures_plain is the parser without the short way: what `parse` of both venues is, but for speed. */
int binance_futures_plain(char const *text, size_t n, aats_msg_t *m);

/* binance_futures_fast takes a text only if it is, byte for byte, what the venue writes, and then says what the plain walk would say: 1 with *m filled,
 * m->offset too; 0 if the text is not for it: *m is scratch then, but for the level arrays' addresses.  m has been cleared. */
int binance_futures_fast(char const *text, size_t n, aats_msg_t *m);

#endif
