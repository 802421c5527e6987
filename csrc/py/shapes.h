/* shapes.h -- the documented messages: which keys, in which order, from which fields of an event.
 *
 * For: onQuote, onTick, onBbo, onL2, as aats_msgs_t, the prepared dicts of one strategy for one symbol.  How a dict
 * is reused is msg.h's.
 *
 *   onQuote  type cid length  bid_0_qty bid_0_px ... bid_n_px  ask_0_qty ask_0_px ... ask_m_px   levels that are not there are no keys
 *   onTick   type cid tradeType qty px
 *   onBbo    type cid bid_px bid_qty ask_px ask_qty exch_ns recv_ns pub_ns                        0.0 where a side is empty
 *   onL2     type cid side px qty seq last exch_ns recv_ns pub_ns                                 qty 0.0: the level is gone
 *
 * and made anew each time, by perps.c, which are not reused:
 *
 *   onMark         type cid mark_px index_px exch_ns recv_ns pub_ns     a price that was not told is no key
 *   onFunding      type cid rate next_ns exch_ns recv_ns pub_ns         next_ns: when it falls due, epoch; no key if it was not told
 *   onLiquidation  type cid side px qty exch_ns recv_ns pub_ns          side of the closing order: "buy" or "sell"
 *
 * Owner: the loop's thread, with the GIL. */
#ifndef AATS_PY_SHAPES_H
#define AATS_PY_SHAPES_H

#include <Python.h>

#include "app/reader.h"
#include "py/msg.h"

/* aats_msgs_t -- the prepared dicts of one strategy for one symbol. */
typedef struct {
    PyObject *cid;        /* borrowed from the SymbolInfo */
    uint32_t level_num;
    aats_msg_t **quotes;  /* by length, 0 .. level_num; made when first needed */
    aats_msg_t tick[2];   /* sold, bought */
    aats_msg_t l2[2];     /* bid, ask */
    aats_msg_t bbo;
} aats_msgs_t;

/* aats_msgs_init; AATS_OK or -1 with an exception.  aats_msgs_fini may run user code. */
int aats_msgs_init(aats_msgs_t *m, PyObject *cid, uint32_t level_num);
void aats_msgs_fini(aats_msgs_t *m);

/* aats_quote_floats writes the 2 * (bid_len + ask_len) floats of a QUOTE in the order of their keys: once an event,
 * for all strategies. */
void aats_quote_floats(aats_event_t const *ev, double *out);

/* Each returns a dict borrowed from m, good until the next event; NULL with an exception.  *made grows by one if it
 * was made anew. */
PyObject *aats_quote_msg(aats_msgs_t *m, aats_event_t const *ev, double const *flts, uint64_t *made);
PyObject *aats_tick_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);
PyObject *aats_bbo_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);
PyObject *aats_l2_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);

/* Each returns a new dict, a new reference. */
PyObject *aats_mark_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);
PyObject *aats_funding_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);
PyObject *aats_liquidation_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);

#endif
