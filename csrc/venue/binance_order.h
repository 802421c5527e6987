/* binance_order.h -- how the parts of Binance's order dialect see each other; the contract with everybody else is venue/order.h.
 *
 *     binance_order.c        the venue's table; requests out
 *     binance_order_place.c  order.place once more, as it is on an order's way
 *     binance_order_parse.c  what each message is: reply or event; the events taken apart
 *     binance_order_reply.c  what a result says of orders, by the kind of the request
 *     binance_order_error.c  what an error means
 *     binance_order_text.c   the small readers that they share
 */
#ifndef AATS_VENUE_BINANCE_ORDER_H
#define AATS_VENUE_BINANCE_ORDER_H

#include "venue/binance_text.h"
#include "venue/order.h"

#define FILLS_LIMIT 1000 /* rows that one answer to myTrades holds at most (8); AATS_OREPLY_MSGS has room for them */

/* Statuses of an order, as this file needs them. */
enum { ST_STRANGE = 0, ST_OPEN, ST_FILLED, ST_CANCELED, ST_EXPIRED, ST_SELF_TRADE, ST_REJECTED };

/* binance_order_encode_plain writes any request: what `encode` of the venue is, but for speed. */
int binance_order_encode_plain(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap);
/* binance_place writes PLACE exactly as binance_order_encode_plain does: its length, or what aats_sign said; 0, and out is as it was, if this order is not
 * one that it can write. */
int binance_place(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap);

int binance_order_parse(char const *text, size_t n, aats_oreply_t *r);
/* binance_order_message takes a message of the WebSocket API apart; events go to `event`, which other houses of Binance have of their own. */
int binance_order_message(char const *text, size_t n, aats_oreply_t *r, int (*event)(char const *, size_t, aats_oreply_t *));
/* binance_event_name looks for an event's name, "" if it has none; binance_take_error takes an error's object: code, msg, and when to come back. */
void binance_event_name(aats_json_t look, char const **name, size_t *name_len);
void binance_take_error(aats_json_t *j, aats_oreply_t *r);
int binance_order_result(aats_oreply_t *r, int kind, aats_order_t const *order);

/* binance_judge sets unsure, fatal, busy, clock and oc from status, code and text of an error. */
void binance_judge(aats_oreply_t *r);
/* binance_refused makes messages of an error, as the kind of the request has it. */
int binance_refused(aats_oreply_t *r, int kind, aats_order_t const *order);

/* binance_status reads an order's status; binance_end says with which code an order of that status ended, AATS_OC_NONE if it has not. */
int binance_status(char const *s, size_t n);
uint32_t binance_end(int status, int ioc);

/* binance_whose writes the ids behind a client id into *m: 1 if it is one that we can have written; else 0, and m->text is the id. */
int binance_whose(char const *s, size_t n, aats_omsg_t *m);

/* binance_add appends a copy of *like as a message of that kind.  NULL, and AATS_E_TOO_BIG at the cursor, when there is no room. */
aats_omsg_t *binance_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code);

/* binance_amount adds a decimal of any size to *sum, at BINANCE_EXP. */
int binance_amount(aats_json_t *j, uint32_t *seen, unsigned bit, __int128 *sum);

/* binance_balances makes BALANCE messages of a list of balances: AATS_OK or an error. */
int binance_balances(char const *text, size_t n, int64_t venue_ns, aats_oreply_t *r);

/* binance_take_text copies a string (unescaped) with its final zero; AATS_E_TOO_BIG where it does not fit: no name is cut. */
int binance_take_text(aats_json_t *j, uint32_t *seen, unsigned bit, char *out, size_t cap);
/* binance_take_remote writes an order's number, which must not be negative, as text. */
int binance_take_remote(aats_json_t *j, uint32_t *seen, unsigned bit, char out[40]);
/* binance_take_size takes a decimal that must not be below zero. */
int binance_take_size(aats_json_t *j, uint32_t *seen, unsigned bit, int64_t *out);

#endif
