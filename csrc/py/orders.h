/* orders.h -- a strategy's orders on their way into the trader, and the trader's events on their way to the callbacks.
 *
 *     send_order (loop's thread) ----------------------> aats_trader_send      the event comes after the running callback
 *     send_order (another thread) --> wishes --> loop --> aats_trader_send      the id is returned at once
 *     aats_trader_event --> message (order_msg.h) --> callback of the strategy that sent the order
 *
 * For: the trade loop (loop.h), which holds one desk.  Not for what becomes of an order (app/trader.h), nor for finding
 * gateways, rules and keys: Python does these before the run.
 *
 * Owner: the loop's thread.  Who holds the GIL may call the trader, but idle() steps it without: `lock` stands between
 * that step and the views of other threads.  `waiting` is the only other word that idle() and others share.
 */
#ifndef AATS_PY_ORDERS_H
#define AATS_PY_ORDERS_H

#include <Python.h>
#include <pthread.h>

#include "app/mailbox.h"
#include "app/reader.h"
#include "app/trader.h"

#define AATS_DESK_KEPT 4096 /* closed orders that views still show */

/* What the desk takes from Python, in the order of trade()'s tuple (`Desk.connect` in aats/trade_orders.py). */
enum {
    TOOL_ORDER,       /* class Order */
    TOOL_ERROR,       /* class OrderError */
    TOOL_DECIMAL,     /* class Decimal */
    TOOL_SIDES,       /* tuple: members of Side, in the order of AATS_SIDE_* */
    TOOL_TIFS,        /* tuple: members of OrderType, in the order of AATS_TIF_* */
    TOOL_SIDE_OF,     /* side_of(value) -> member, or ValueError */
    TOOL_TIF_OF,
    TOOL_FITTED,      /* fitted(symbol, msg): a float was moved; called once a symbol */
    TOOL_RISK,        /* risk(state, text): a switch or a limit has changed; before onRisk */
    TOOL_CNT
};

/* aats_wish_t -- what a strategy wants: of its own thread at once, of another one when the loop takes it. */
enum { WISH_ORDER = 0, WISH_CANCEL = 1, WISH_AMEND = 2, WISH_CANCEL_ALL = 3 };
typedef struct {
    aats_order_req_t req; /* AMEND: order_id, strategy, px, qty; CANCEL_ALL: strategy, sym (negative: of all) */
    PyObject *texts[2]; /* what req.px and req.qty point into, or NULL */
    int kind;           /* WISH_* */
    int64_t decided_ns; /* send_order was called; 0: another thread's, whose time is when the loop takes it */
} aats_wish_t;

typedef struct {
    aats_trader_t *trader; /* NULL: nothing is traded */
    PyObject *tools, *symbols; /* symbols: tuple of (symbol as the user says, exchange, ours, the venue's), by the trader's index */
    aats_reader_t const *reader;
    int *syms;             /* the trader's index by sub of the reader, -1: listened to only */
    int *subs;             /* and back; -1: none */
    aats_mailbox_t **mails;/* of the order sessions: somebody must look when one is not empty */
    int mail_cnt;
    aats_order_t *closed;  /* by order_id mod AATS_DESK_KEPT */
    uint64_t fitted;       /* bit by symbol: it was told */
    aats_wish_t *wishes;
    int wish_cnt, wish_cap;
    uint64_t waiting;      /* wishes are there */
    unsigned long owner;   /* the loop's thread */
    int64_t due_mono_ns;   /* when the trader is stepped next */
    pthread_mutex_t lock;
    aats_oev_t ev;
} aats_desk_t;

/* aats_desk_open takes the trader and all that Python knows.  0, or -1 with an exception. */
int aats_desk_open(aats_desk_t *d, aats_reader_t const *reader, PyObject *args, int sub_cnt);
int aats_desk_traverse(aats_desk_t *d, visitproc visit, void *arg);
void aats_desk_end(aats_desk_t *d);   /* forgets the trader: whoever calls it frees that next */
void aats_desk_clear(aats_desk_t *d); /* lets go of Python objects, and of the trader; may run user code */
void aats_desk_fini(aats_desk_t *d);

/* aats_desk_send and _cancel do what send_order and send_cancel_order say; recv_ns and delivered_ns are of the event
 * whose callback runs, 0: none.  The order's id as a new reference, or None; NULL with an exception. */
PyObject *aats_desk_send(aats_desk_t *d, int strategy, PyObject *order, int64_t recv_ns, int64_t delivered_ns);
PyObject *aats_desk_cancel(aats_desk_t *d, int strategy, PyObject *order_id);
/* aats_desk_amend and _cancel_all do what send_amend_order and send_cancel_all say; symbol: (symbol, exchange) of a traded one, or None. */
PyObject *aats_desk_amend(aats_desk_t *d, int strategy, PyObject *order_id, PyObject *price, PyObject *size);
PyObject *aats_desk_cancel_all(aats_desk_t *d, int strategy, PyObject *symbol);

/* aats_desk_wishes hands on what other threads want. */
void aats_desk_wishes(aats_desk_t *d);

/* aats_desk_step steps the trader if it is time to: the work done.  _step_idle is the same without the GIL. */
int aats_desk_step(aats_desk_t *d, int64_t mono);
int aats_desk_step_idle(aats_desk_t *d, int64_t mono);

/* aats_desk_mail returns whether a session has put mail that Python has not got. */
int aats_desk_mail(aats_desk_t const *d);

/* aats_desk_view returns a dict of an order's state, open or closed (order_msg.h), None for an id that is not known;
 * aats_desk_open_ids the ids of a strategy's open orders, oldest first. */
PyObject *aats_desk_view(aats_desk_t *d, PyObject *order_id);
PyObject *aats_desk_open_ids(aats_desk_t *d, int strategy);

#endif
