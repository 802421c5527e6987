/* kraken_data.h -- what the messages of Kraken's WebSocket v2 hold, one reader for each: private to csrc/venue/kraken*.c. */
#ifndef AATS_VENUE_KRAKEN_DATA_H
#define AATS_VENUE_KRAKEN_DATA_H

#include "proto/json.h"
#include "venue/venue.h"

/* Each reads one element of "data" at the cursor into m, whose scale is set; errors stick to the cursor. */
void kraken_book(aats_json_t *j, aats_msg_t *m);
void kraken_trade(aats_json_t *j, aats_msg_t *m);
void kraken_ticker(aats_json_t *j, aats_msg_t *m);
void kraken_pair(aats_json_t *j, aats_msg_t *m);

/* kraken_find_symbol looks for the symbol of the object at the cursor, which is left where it is. */
void kraken_find_symbol(aats_json_t look, aats_msg_t *m);

/* kraken_check is the venue's checksum (3 of the fact sheet). */
uint32_t kraken_check(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt);

#endif
