/* omsg.h -- what a venue (or paper trading) says of orders, in one form for all: the input of the state machine.
 *
 * Made by: venue/<venue>_order.c from bytes, app/session.c from time-outs and lost connections, app/paper.c from the matching engine.
 * Read by: order/machine.c.  A message may come late, twice, or in another order than things happened; the machine sorts that out.
 */
#ifndef AATS_ORDER_OMSG_H
#define AATS_ORDER_OMSG_H

#include <stdint.h>

#include "layout/layout.h"

/* cdef-begin */
enum {
    AATS_OM_NONE = 0,
    AATS_OM_ACK = 1,           /* the venue has the order: remote_id */
    AATS_OM_REJECT = 2,        /* refused, never lived: code, text */
    AATS_OM_FILL = 3,          /* trade_id, px_i, qty_i, fee, liquidity; cum_qty_i after it, -1: not told */
    AATS_OM_DONE = 4,          /* ended at the venue: code says how; cum_qty_i: filled in all, -1: not told.  A whole fill needs no DONE. */
    AATS_OM_CANCEL_ACK = 5,    /* the cancel request was taken */
    AATS_OM_CANCEL_REJECT = 6, /* it was not: code, text */
    AATS_OM_UNKNOWN = 7,       /* no word within its time, or the connection went: code says which.  Whoever sends this asks. */
    AATS_OM_OPEN = 8,          /* an answer to asking: it lives; remote_id, cum_qty_i; px_i, qty_i: its price and whole size now, 0: not told */
    AATS_OM_ABSENT = 9,        /* an answer to asking: the venue never got it */
    AATS_OM_FAILED = 10,       /* the request could not be sent, nothing went out: code, text */
    AATS_OM_AMENDED = 11,      /* its price or size was changed: px_i, qty_i are what it has now, 0: not told; the whole size, fills counted in */
    AATS_OM_AMEND_REJECT = 12, /* the amend request was not taken: code, text */
    /* of the session as a whole (order_id 0) */
    AATS_OM_DOWN = 16,         /* connection lost: text */
    AATS_OM_UP = 17,           /* connected again */
    AATS_OM_READY = 18,        /* reconciled: every order's state is known, orders may go out */
    AATS_OM_BALANCE = 19,      /* asset in fee_asset; total (free and locked) in amount, of it locked in `locked`, at qty_exp; also while it runs */
    AATS_OM_FOREIGN = 20,      /* an event of an order that this process never sent */
    AATS_OM_STRANGE = 21,      /* a message that could not be read: text */
    AATS_OM_POSITION = 22      /* of a derivative: symbol, qty_i signed, px_i its average entry price, 0: not told */
};

typedef struct {
    uint32_t kind;         /* AATS_OM_* */
    uint32_t code;         /* AATS_OC_* */
    uint64_t instance;     /* client id: upper half */
    int64_t order_id;      /* client id: lower half (aats_order_client_no, not our order_id); 0: of the session */
    int64_t venue_ns;      /* the venue's own time, 0 if none */
    int64_t recv_ns;       /* the read that brought it returned */
    int64_t px_i;
    int64_t qty_i;
    int64_t cum_qty_i;
    int64_t fee_i;         /* at fee_exp */
    int32_t fee_exp;
    uint32_t liquidity;    /* AATS_LIQ_* */
    uint64_t trade_id;
    aats_i128_t amount;
    aats_i128_t locked;
    char fee_asset[16];    /* "" of a FILL with a fee: the quote asset of its symbol, which the session fills in */
    char remote_id[40];
    char symbol[24];       /* the venue's spelling, "" if not told; for FOREIGN and asking.  Of an event that has neither a symbol nor an id of ours px_i,
                            * qty_i and cum_qty_i are at the venue's own exponents: the session, which finds whose it is, brings them to the symbol's */
    char text[160];
} aats_omsg_t;
/* cdef-end */

#endif
