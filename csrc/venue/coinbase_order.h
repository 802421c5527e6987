/* coinbase_order.h -- how the parts of Coinbase's order dialect see each other; the contract with everybody else is venue/order.h.
 *
 *     coinbase_order.c        the venue's table and the list of odd behaviours; requests out
 *     coinbase_order_parse.c  messages of the user socket; answers of REST, and what their errors mean
 *     coinbase_order_reply.c  what an answer says of orders, by the kind of the request
 *     coinbase_order_item.c   one order or fill, which events and answers write alike
 */
#ifndef AATS_VENUE_COINBASE_ORDER_H
#define AATS_VENUE_COINBASE_ORDER_H

#include "venue/coinbase.h"
#include "venue/order.h"

#define ROWS_LIMIT 250 /* rows that one answer holds at most, by our own asking */

/* coinbase_item_t -- the wanted values of one order or fill, as they stand in the text: numbers are read once the product, and so their scale, is known. */
enum {
    K_ORDER_ID = 0, K_CLIENT_ID, K_PRODUCT, K_STATUS, K_CUM, K_FILLED, K_LEAVES, K_LIMIT, K_CONF_LIMIT, K_CONF_SIZE, K_TIF, K_TYPE, K_CANCEL_REASON,
    K_REJECT_REASON, K_CREATED, K_TRADE_ID, K_TRADE_TYPE, K_TRADE_TIME, K_PRICE, K_SIZE, K_COMMISSION, K_IN_QUOTE, K_LIQUIDITY, K_CNT
};
#define BIT(k) ((uint32_t)1 << (k))

typedef struct {
    uint32_t seen; /* by K_* */
    uint32_t pad;
    struct { char const *s; size_t n; } at[K_CNT];
} coinbase_item_t;

#define ITEM_IS(item, k, lit) AATS_JSON_IS((item)->at[k].s, (item)->at[k].n, lit)

/* coinbase_item takes the object at the cursor; a value that is missing, null or "" has length 0. */
int coinbase_item(aats_json_t *j, coinbase_item_t *item);

/* coinbase_order says what an order tells: of ours, or that it is FOREIGN.  coinbase_fill says what a fill of `order` tells (NULL: of the one whose remote id
 * it names).  Both return AATS_OK or an error, which they also set at the cursor. */
enum { SAY_EVENT = 0, SAY_LIST = 1, SAY_ANSWER = 2 };
int coinbase_order(aats_json_t *j, coinbase_item_t const *item, int how, int64_t venue_ns, aats_oreply_t *r, aats_order_t const *order);
int coinbase_fill(aats_json_t *j, coinbase_item_t const *item, aats_oreply_t *r, aats_order_t const *order);

/* coinbase_add appends a copy of *like as a message of that kind.  NULL, and AATS_E_TOO_BIG at the cursor, when there is no room. */
aats_omsg_t *coinbase_add(aats_oreply_t *r, aats_json_t *j, aats_omsg_t const *like, uint32_t kind, uint32_t code);

/* coinbase_code returns the AATS_OC_* of the venue's words for a refusal. */
uint32_t coinbase_code(char const *words, size_t n);

int coinbase_order_parse(char const *text, size_t n, aats_oreply_t *r);
int coinbase_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);
int coinbase_order_result(aats_oreply_t *r, int kind, aats_order_t const *order);

#endif
