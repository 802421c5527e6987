/* kraken_order.h -- what the files of Kraken's order entry share; private to csrc/venue/kraken_order*.c. */
#ifndef AATS_VENUE_KRAKEN_ORDER_H
#define AATS_VENUE_KRAKEN_ORDER_H

#include "proto/json.h"
#include "venue/order.h"
#include "venue/take.h"

#define KRAKEN_EXP (-8)
#define KRAKEN_TRADES 50 /* "50 per page" (8) */
enum { KRAKEN_WAY_WS = 0, KRAKEN_WAY_REST = 1 };

/* The longest price or quantity in a text, as it is written. */
typedef struct {
    char const *s;
    size_t n;
} kraken_text_t;

/* kraken_order_error says what an error string of the venue means: oc, fatal, busy, unsure, clock of r, and its status. */
void kraken_order_error(aats_oreply_t *r, char const *text, size_t n);

/* kraken_row reads one row of the executions or balances channel at the cursor into r->msgs. */
int kraken_execution(aats_json_t *j, aats_oreply_t *r);
int kraken_balance(aats_json_t *j, aats_oreply_t *r);

/* kraken_asset writes the name of an asset as WebSocket v2 has it, given REST's: "XXBT" is BTC, "ZUSD" is USD.  0 where it does not fit. */
int kraken_asset(char const *s, size_t n, char *out, size_t cap);

int kraken_order_parse(char const *text, size_t n, aats_oreply_t *r);
int kraken_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);
int kraken_order_result(aats_oreply_t *r, int kind, aats_order_t const *order);

/* kraken_add appends a message like `like`; NULL and AATS_E_TOO_BIG where there is no room. */
aats_omsg_t *kraken_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code);

/* kraken_number reads a text as a number at an exponent, "" and what does not fit exactly as `none`. */
int64_t kraken_number(kraken_text_t text, int exp, int64_t none);

#endif
