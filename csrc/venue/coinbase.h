/* coinbase.h -- how the parts of Coinbase's market dialect see each other; the contract with everybody else is venue/venue.h.
 *
 *     coinbase.c        the envelope, requests, the venue's numbers; the list of odd behaviours
 *     coinbase_items.c  what stands in an envelope: books, trades, statuses
 */
#ifndef AATS_VENUE_COINBASE_H
#define AATS_VENUE_COINBASE_H

#include "venue/take.h"
#include "venue/venue.h"

#define COINBASE_EXP (-8) /* of prices and quantities, where a symbol has no exponents of its own */

/* coinbase_book reads one event of l2_data: a SNAPSHOT or DEPTH in m. */
void coinbase_book(aats_json_t *j, aats_msg_t *m);

/* coinbase_trades and coinbase_statuses judge the rows of one event and note where each begins (m->asks[0 .. *cnt), px_i: bytes of the text before it), in
 * the order in which they are to be told; coinbase_trade and coinbase_status read one row. */
void coinbase_trades(aats_json_t *j, aats_msg_t *m, size_t *cnt);
void coinbase_trade(aats_json_t *j, aats_msg_t *m);
void coinbase_statuses(aats_json_t *j, aats_msg_t *m, size_t *cnt);
void coinbase_status(aats_json_t *j, aats_msg_t *m);

#endif
