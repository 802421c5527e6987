/* bybit_order.h -- how the parts of Bybit's order dialect see each other; the contract with everybody else is venue/order.h.
 *
 *     bybit_order.c        the venue's tables; requests out
 *     bybit_order_parse.c  what each message is: reply or event; the events taken apart; answers of REST
 *     bybit_order_reply.c  what a result says of orders, by the kind of the request
 *     bybit_order_item.c   one order, execution, coin or position, as events and answers write it alike
 *     bybit_order_error.c  what an error means
 */
#ifndef AATS_VENUE_BYBIT_ORDER_H
#define AATS_VENUE_BYBIT_ORDER_H

#include "venue/bybit_data.h"
#include "venue/order.h"
#include "venue/take.h"

#define FILLS_LIMIT 100 /* rows that one answer to execution/list holds at most (8) */

/* bybit_item_t -- the wanted values of one object of a list, as they stand in the text: numbers are read once the symbol, and so their scale,
 * is known. */
enum {
    K_CATEGORY = 0, K_SYMBOL, K_ORDER_ID, K_LINK_ID, K_STATUS, K_REASON, K_CANCEL_TYPE, K_TIF, K_TYPE, K_PRICE, K_QTY, K_CUM, K_UPDATED,
    K_EXEC_ID, K_EXEC_PRICE, K_EXEC_QTY, K_EXEC_FEE, K_FEE_COIN, K_EXEC_TYPE, K_EXEC_TIME, K_MAKER, K_COIN, K_WALLET, K_LOCKED, K_SIDE,
    K_SIZE, K_AVG, K_IDX, K_ORDER_QTY, K_LEAVES, K_CNT
};
#define BIT(k) ((uint32_t)1 << (k))

typedef struct {
    uint32_t seen; /* by K_* */
    uint32_t pad;
    struct { char const *s; size_t n; } at[K_CNT];
} bybit_item_t;

#define ITEM_IS(item, k, lit) AATS_JSON_IS((item)->at[k].s, (item)->at[k].n, lit)

/* bybit_item takes the object at the cursor; a value that is missing or "" has length 0. */
int bybit_item(aats_json_t *j, bybit_item_t *item);

/* bybit_order says what an item of `order` tells of an order of ours, or that it is FOREIGN.  how: SAY_EVENT; SAY_LIST, of what is open: nothing
 * is said of one that has ended; SAY_ANSWER, about `order` and no other.  bybit_fill does so for an item of `execution`; order: whose it must
 * be, NULL: ids as they stand in it; row 1: of a list, which names no strangers.  bybit_balance and bybit_position read a coin and a position.
 * All return AATS_OK or an error, which they also set at the cursor. */
enum { SAY_EVENT = 0, SAY_LIST = 1, SAY_ANSWER = 2 };
int bybit_order(aats_json_t *j, bybit_item_t const *item, int how, aats_oreply_t *r, aats_order_t const *order);
int bybit_fill(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r, aats_order_t const *order, int row);
int bybit_balance(aats_json_t *j, bybit_item_t const *item, int64_t venue_ns, aats_oreply_t *r);
int bybit_position(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r);
int bybit_mode(aats_json_t *j, bybit_item_t const *item, aats_oreply_t *r); /* of a position: whether its symbol is in hedge mode */

/* bybit_add appends a copy of *like as a message of that kind.  NULL, and AATS_E_TOO_BIG at the cursor, when there is no room. */
aats_omsg_t *bybit_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code);

int bybit_order_parse_spot(char const *text, size_t n, aats_oreply_t *r);
int bybit_order_parse_linear(char const *text, size_t n, aats_oreply_t *r);
int bybit_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);
int bybit_order_result(aats_oreply_t *r, int kind, aats_order_t const *order);

/* bybit_judge sets unsure, fatal, busy, clock and oc from the code of an error. */
void bybit_judge(aats_oreply_t *r);

#endif
