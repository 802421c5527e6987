/* okx_order.h -- how the parts of OKX's order dialect see each other; the contract with everybody else is venue/order.h.
 *
 *     okx_order.c        the venue's tables; requests out
 *     okx_order_parse.c  what each message and answer is
 *     okx_order_say.c    what orders, fills, balances and positions say
 *     okx_order_error.c  what an error means
 */
#ifndef AATS_VENUE_OKX_ORDER_H
#define AATS_VENUE_OKX_ORDER_H

#include "venue/order.h"
#include "venue/text.h"

#define OKX_ORDER_EXP (-8) /* of prices, quantities and balances, where the instrument has none of its own */
#define OKX_PAGE      100  /* rows of one answer at most (8) */

/* A value as it stands between its quotes; n 0: an empty one, or none (V-50). */
typedef struct {
    char const *s;
    size_t n;
} okx_text_t;

/* The values that we read, whichever object they are in; each object has those that it has. */
enum {
    OK_ACC_FILL_SZ, OK_AMEND_RESULT, OK_AVG_PX, OK_C_TIME, OK_CANCEL_SOURCE, OK_CASH_BAL, OK_CCY, OK_CL_ORD_ID, OK_CODE, OK_EXEC_TYPE, OK_FEE, OK_FEE_CCY, OK_FILL_FEE,
    OK_FILL_FEE_CCY, OK_FILL_PX, OK_FILL_SZ, OK_FILL_TIME, OK_FROZEN_BAL, OK_INST_ID, OK_MSG, OK_ORD_ID, OK_ORD_TYPE, OK_POS, OK_POS_SIDE, OK_PX, OK_S_CODE, OK_S_MSG,
    OK_STATE, OK_SZ, OK_TRADE_ID, OK_TS, OK_U_TIME, OK_CNT
};
typedef struct {
    okx_text_t of[OK_CNT];
    okx_text_t bill; /* billId of a fill: what the next page begins behind (V-62) */
} okx_row_t;

/* okx_take_row reads the object at the cursor; a value that comes twice is AATS_E_DUPKEY. */
int okx_take_row(aats_json_t *j, okx_row_t *row);
/* okx_is: is the value this text? */
int okx_is(okx_row_t const *row, int which, char const *text);
/* okx_number reads a value as an integer; 0 if there is none.  AATS_OK or an error at the cursor. */
int okx_number(aats_json_t *j, okx_row_t const *row, int which, int64_t *out);

/* What one order, as the channel and the answers write it, says: of_event 1 as news, 0 as an answer to asking for `order` (NULL: of a list). */
int okx_say_order(aats_json_t *j, okx_row_t const *row, aats_oreply_t *r, int of_event, aats_order_t const *order);
int okx_say_fills(aats_json_t *j, aats_oreply_t *r, aats_order_t const *order);
/* okx_page: a full page of `rows` is followed by one that begins behind `last` (V-62). */
static inline void okx_page(aats_oreply_t *r, size_t rows, okx_text_t last)
{
    r->next = rows >= OKX_PAGE && last.n ? last.s : NULL;
    r->next_len = r->next ? last.n : 0;
}
int okx_say_balances(aats_json_t *j, aats_oreply_t *r);
int okx_say_positions(aats_json_t *j, aats_oreply_t *r);

/* okx_judge sets unsure, fatal, busy, full, clock and oc from the code of an error. */
void okx_judge(aats_oreply_t *r);

int okx_order_parse(char const *text, size_t n, aats_oreply_t *r);
int okx_order_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r);
int okx_order_result(aats_oreply_t *r, int kind, aats_order_t const *order);

#endif
