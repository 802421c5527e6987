/* order_msg.h -- order messages: {"order": {...}, "type": "onOrderAcked"}, made fresh for each callback.
 *
 * For: order callbacks and the views of `self.orders`.  Numbers are exact decimal texts.  `fill_*` are this fill's in
 * onOrderExec, "0" in every other message; `fee`, `fee_asset`, `liquidity` stand in onOrderExec only; `replayed` only
 * where it is true; leaves_size is size less cum_size, "0" once the order is closed.  `symbol` is what the user calls it: our
 * name, or the venue's own where the user's map has that.
 * Threads: with the GIL. */
#ifndef AATS_PY_ORDER_MSG_H
#define AATS_PY_ORDER_MSG_H

#include <Python.h>

#include "layout/layout.h"

/* aats_order_msg makes the message of an order event; a new reference, NULL with an exception.  symbols: the desk's
 * (orders.h), or NULL. */
PyObject *aats_order_msg(aats_oev_t const *ev, char const *type, PyObject *symbols);

/* aats_order_view makes a dict of what is known of an order: the keys of a message's order, and state, tif, unknown,
 * canceling, strategy, fill_cnt and the times. */
PyObject *aats_order_view(aats_order_t const *o, PyObject *symbols);

#endif
