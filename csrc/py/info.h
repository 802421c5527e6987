/* info.h -- SymbolInfo: what is known of one symbol now, as a Python object that the loop writes and strategies read.
 *
 * For: `self.si[cid]`.  Not for history, nor for exact integers but through levels().  Numbers are C members: reading
 * one costs a float, updating costs nothing of Python.  bids and asks are built when read, from the loop's copy of
 * the book. Owner: the loop's thread, with the GIL; other threads of the process may read and see each member whole,
 * not all of one moment. */
#ifndef AATS_PY_INFO_H
#define AATS_PY_INFO_H

#include <Python.h>

#include "app/reader.h"

typedef struct {
    PyObject_HEAD
    PyObject *cid, *sym, *exch, *port;
    int level_num, depth, trade_type;
    char valid;
    int bid_len, ask_len, px_exp, qty_exp;
    double ticksize, lotsize;
    double bid_px, bid_qty, ask_px, ask_qty;
    double trade_px, trade_qty;
    double bbo_bid_px, bbo_bid_qty, bbo_ask_px, bbo_ask_qty;
    long long exch_ns, recv_ns, trade_exch_ns, trade_recv_ns, bbo_exch_ns, bbo_recv_ns;
    unsigned long long seq, trade_seq, bbo_seq;
    long long tick_i, lot_i;
    aats_level_t *levels; /* level_num bids, then level_num asks */
} aats_info_t;

/* aats_info_type makes the type; a new reference, NULL with an exception. */
PyObject *aats_info_type(void);

/* aats_info_check returns 1 for an instance of the type last made. */
int aats_info_check(PyObject *o);

/* What an event changes; each some nanoseconds.  The event is of this symbol.  flts: its numbers as aats_quote_floats gives
 * them, NULL where nobody has made them. */
void aats_info_quote(aats_info_t *info, aats_event_t const *ev, double const *flts);
void aats_info_tick(aats_info_t *info, aats_event_t const *ev);
void aats_info_bbo(aats_info_t *info, aats_event_t const *ev);
void aats_info_invalid(aats_info_t *info);

/* aats_info_rules takes ticksize, lotsize and exponents from the feed's directory. */
void aats_info_rules(aats_info_t *info, aats_reader_sub_t const *sub);

#endif
