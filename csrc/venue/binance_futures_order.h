/* binance_futures_order.h -- how the parts of the futures' order dialect see each other; the contract with everybody else is venue/order.h.
 *
 *     binance_futures_order.c  requests out; the tables of BINANCE_SWAP and BINANCE_COINM
 *     binance_futures_event.c  what each message is; the user data events taken apart
 *     binance_futures_reply.c  what a result says, by the kind of the request
 *     binance_order_error.c    what an error means: shared with spot
 */
#ifndef AATS_VENUE_BINANCE_FUTURES_ORDER_H
#define AATS_VENUE_BINANCE_FUTURES_ORDER_H

#include "venue/binance_order.h"

int binance_futures_parse(char const *text, size_t n, aats_oreply_t *r);
int binance_futures_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);
int binance_futures_result(aats_oreply_t *r, int kind, aats_order_t const *order);

/* binance_position makes a POSITION message of what an event or an answer says; pa: signed size as text, ep: average entry price.  Hedge mode (V-30) is a STRANGE. */
void binance_position(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *m, char const *side, size_t side_len);
/* binance_take_entry takes an entry price, which may have more decimals than prices: what is below 1e-8 is left out; one that does not fit is 0, not told. */
int binance_take_entry(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out);

#endif
