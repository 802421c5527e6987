/* bybit_data.h -- how bybit.c (frames, control texts, requests) sees bybit_data.c (the payload of each topic).
 *
 * Not a contract with anybody else. */
#ifndef AATS_VENUE_BYBIT_DATA_H
#define AATS_VENUE_BYBIT_DATA_H

#include "proto/json.h"
#include "venue/venue.h"

#define BYBIT_EXP (-8) /* of prices and quantities, where a symbol has none of its own */

enum { OF_OTHER = 0, OF_BOOK, OF_TOP, OF_TRADES, OF_TICKER, OF_LIQUIDATIONS };

/* bybit_topic says what the topic m->stream is of, OF_*; unless that is OF_OTHER, m->sym, m->kind and the scale are set. */
int bybit_topic(aats_msg_t *m);

/* bybit_payload takes the value of "data"; the cursor's `start` is the text's.  bybit_row takes one row of trades or liquidations, by
 * m->kind. */
int bybit_payload(aats_json_t *j, int of, aats_msg_t *m);
int bybit_row(aats_json_t *j, aats_msg_t *m);

#endif
