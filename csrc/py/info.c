#include "py/info.h"

#include <structmember.h>
#include <string.h>

#include "base/scale.h"

/* ---- what the loop writes ---------------------------------------------------------------------------------------- */

/* copy_levels: a call of memcpy costs more than what it copies here. */
static inline void copy_levels(aats_level_t *to, aats_level_t const *from, uint32_t cnt)
{
    for (; cnt >= 5; cnt -= 5, to += 5, from += 5) memcpy(to, from, 5 * sizeof *to);
    for (; cnt > 0; cnt--) memcpy(to++, from++, sizeof *to);
}

void aats_info_quote(aats_info_t *info, aats_event_t const *ev, double const *flts)
{
    uint32_t const cap = (uint32_t)info->level_num;
    uint32_t const b = ev->bid_len < cap ? ev->bid_len : cap, a = ev->ask_len < cap ? ev->ask_len : cap;
    double tops[4] = {0, 0, 0, 0};
    if (flts) {
        if (b) memcpy(tops, flts, 2 * sizeof *tops);
        if (a) memcpy(tops + 2, flts + 2 * ev->bid_len, 2 * sizeof *tops);
    } else {
        aats_scale_pairs((int64_t const *)(void const *)ev->bids, b > 0, tops, ev->px_exp, ev->qty_exp);
        aats_scale_pairs((int64_t const *)(void const *)ev->asks, a > 0, tops + 2, ev->px_exp, ev->qty_exp);
    }
    copy_levels(info->levels, ev->bids, b);
    copy_levels(info->levels + cap, ev->asks, a);
    info->bid_len = (int)b, info->ask_len = (int)a;
    info->depth = (int)(b > a ? b : a);
    info->px_exp = ev->px_exp, info->qty_exp = ev->qty_exp;
    info->bid_qty = tops[0], info->bid_px = tops[1];
    info->ask_qty = tops[2], info->ask_px = tops[3];
    info->exch_ns = ev->rec->exch_ns, info->recv_ns = ev->rec->recv_ns, info->seq = ev->rec->seq;
    info->valid = 1;
}

void aats_info_tick(aats_info_t *info, aats_event_t const *ev)
{
    info->trade_px = aats_scale(ev->rec->px_i, ev->px_exp);
    info->trade_qty = aats_scale(ev->rec->qty_i, ev->qty_exp);
    info->trade_type = ev->rec->flags & AATS_F_BUYER ? 1 : -1;
    info->trade_exch_ns = ev->rec->exch_ns, info->trade_recv_ns = ev->rec->recv_ns, info->trade_seq = ev->rec->seq;
}

void aats_info_bbo(aats_info_t *info, aats_event_t const *ev)
{
    info->bbo_bid_px = ev->bid_len ? aats_scale(ev->bids[0].px_i, ev->px_exp) : 0.0;
    info->bbo_bid_qty = ev->bid_len ? aats_scale(ev->bids[0].qty_i, ev->qty_exp) : 0.0;
    info->bbo_ask_px = ev->ask_len ? aats_scale(ev->asks[0].px_i, ev->px_exp) : 0.0;
    info->bbo_ask_qty = ev->ask_len ? aats_scale(ev->asks[0].qty_i, ev->qty_exp) : 0.0;
    info->bbo_exch_ns = ev->rec->exch_ns, info->bbo_recv_ns = ev->rec->recv_ns, info->bbo_seq = ev->rec->seq;
}

void aats_info_invalid(aats_info_t *info) { info->valid = 0; }

void aats_info_rules(aats_info_t *info, aats_reader_sub_t const *sub)
{
    info->px_exp = sub->px_exp, info->qty_exp = sub->qty_exp;
    info->tick_i = sub->tick_i, info->lot_i = sub->lot_i;
    info->ticksize = aats_scale(sub->tick_i, sub->px_exp);
    info->lotsize = aats_scale(sub->lot_i, sub->qty_exp);
}

/* ---- what Python sees -------------------------------------------------------------------------------------------- */

static PyObject *info_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    static char *names[] = {"cid", "port", "level_num", NULL};
    PyObject *cid, *port;
    int level_num = 5;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "OU|i:SymbolInfo", names, &cid, &port, &level_num)) return NULL;
    if (level_num < 1 || level_num > AATS_LEVEL_MAX)
        return PyErr_Format(PyExc_ValueError, "level_num is %d, it must be 1 to %d", level_num, AATS_LEVEL_MAX);
    Py_ssize_t const dot = PyUnicode_FindChar(port, '.', 0, PyUnicode_GET_LENGTH(port), 1);
    if (dot < 1) return PyErr_Format(PyExc_ValueError, "port is %R, it must be SYMBOL.EXCHANGE", port);

    aats_info_t *info = (aats_info_t *)type->tp_alloc(type, 0);
    if (!info) return NULL;
    info->level_num = level_num;
    info->cid = Py_NewRef(cid), info->port = Py_NewRef(port);
    info->sym = PyUnicode_Substring(port, 0, dot);
    info->exch = PyUnicode_Substring(port, dot + 1, PyUnicode_GET_LENGTH(port));
    info->levels = PyMem_Calloc(2 * (size_t)level_num, sizeof *info->levels);
    if (!info->sym || !info->exch || !info->levels) {
        Py_DECREF(info);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    return (PyObject *)info;
}

static void info_dealloc(aats_info_t *info)
{
    PyTypeObject *type = Py_TYPE(info);
    Py_XDECREF(info->cid), Py_XDECREF(info->sym), Py_XDECREF(info->exch), Py_XDECREF(info->port);
    PyMem_Free(info->levels);
    type->tp_free((PyObject *)info);
    Py_DECREF(type);
}

static PyObject *info_repr(aats_info_t *info)
{
    PyObject *bid = PyFloat_FromDouble(info->bid_px), *ask = PyFloat_FromDouble(info->ask_px);
    PyObject *out = NULL;
    char const *state = info->valid ? "valid" : "not valid";
    if (bid && ask) out = PyUnicode_FromFormat("<SymbolInfo %R %U %s bid %R ask %R>", info->cid, info->port, state, bid, ask);
    Py_XDECREF(bid), Py_XDECREF(ask);
    return out;
}

static PyObject *side_list(aats_info_t *info, aats_level_t const *levels, int len)
{
    PyObject *list = PyList_New(len);
    for (int i = 0; list && i < len; i++) {
        PyObject *pair = PyList_New(2);
        if (!pair) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, pair);
        PyObject *px = PyFloat_FromDouble(aats_scale(levels[i].px_i, info->px_exp));
        PyObject *qty = PyFloat_FromDouble(aats_scale(levels[i].qty_i, info->qty_exp));
        PyList_SET_ITEM(pair, 0, px), PyList_SET_ITEM(pair, 1, qty);
        if (!px || !qty) Py_CLEAR(list);
    }
    return list;
}

static PyObject *info_side(aats_info_t *info, void *side)
{
    int const ask = (intptr_t)side == AATS_ASK;
    return side_list(info, info->levels + (ask ? info->level_num : 0), ask ? info->ask_len : info->bid_len);
}

static PyObject *info_mid(aats_info_t *info, void *arg)
{
    (void)arg;
    return PyFloat_FromDouble(info->bid_len && info->ask_len ? (info->bid_px + info->ask_px) / 2 : 0.0);
}

/* levels(side) -> bytes of the scaled integers, px_i and qty_i in turn; BaseStrategy.book makes arrays of it. */
static PyObject *info_levels(aats_info_t *info, PyObject *arg)
{
    long const side = PyLong_AsLong(arg);
    if (side == -1 && PyErr_Occurred()) return NULL;
    int const ask = side == AATS_ASK;
    return PyBytes_FromStringAndSize((char const *)(info->levels + (ask ? info->level_num : 0)),
                                     (Py_ssize_t)sizeof *info->levels * (ask ? info->ask_len : info->bid_len));
}

#define M(name, type, doc) {#name, type, offsetof(aats_info_t, name), READONLY, doc}
static PyMemberDef info_members[] = {
    M(cid, T_OBJECT_EX, "the caller's number for the symbol"),
    M(sym, T_OBJECT_EX, "'BTCUSDT'"),
    M(exch, T_OBJECT_EX, "'BINANCE'"),
    M(port, T_OBJECT_EX, "'BTCUSDT.BINANCE'"),
    M(level_num, T_INT, "levels a side that were asked for"),
    M(depth, T_INT, "levels of the deeper side now"),
    M(ticksize, T_DOUBLE, "price step, 0.0 if unknown"),
    M(lotsize, T_DOUBLE, "quantity step, 0.0 if unknown"),
    M(bid_px, T_DOUBLE, "best bid of the L2 book; 0.0 if there is none"),
    M(bid_qty, T_DOUBLE, "quantity there"),
    M(ask_px, T_DOUBLE, "best ask of the L2 book; 0.0 if there is none"),
    M(ask_qty, T_DOUBLE, "quantity there"),
    M(trade_px, T_DOUBLE, "price of the last trade"),
    M(trade_qty, T_DOUBLE, "its quantity"),
    M(trade_type, T_INT, "its aggressor: 1 bought, -1 sold, 0 no trade yet"),
    M(valid, T_BOOL, "whether the book was good when it was last looked at"),
    M(exch_ns, T_LONGLONG, "the venue's time of the book, 0 if it gives none"),
    M(recv_ns, T_LONGLONG, "when the book's last byte arrived"),
    M(seq, T_ULONGLONG, "the venue's number of the book"),
    M(trade_exch_ns, T_LONGLONG, "the venue's time of the last trade"),
    M(trade_recv_ns, T_LONGLONG, "when it arrived"),
    M(trade_seq, T_ULONGLONG, "its id"),
    M(bbo_bid_px, T_DOUBLE, "best bid of the venue's own best bid/ask stream"),
    M(bbo_bid_qty, T_DOUBLE, "quantity there"),
    M(bbo_ask_px, T_DOUBLE, "best ask of that stream"),
    M(bbo_ask_qty, T_DOUBLE, "quantity there"),
    M(bbo_exch_ns, T_LONGLONG, "the venue's time of it"),
    M(bbo_recv_ns, T_LONGLONG, "when it arrived"),
    M(bbo_seq, T_ULONGLONG, "the venue's number of it"),
    M(bid_len, T_INT, "bid levels now"),
    M(ask_len, T_INT, "ask levels now"),
    M(px_exp, T_INT, "prices are px_i * 10**px_exp"),
    M(qty_exp, T_INT, "quantities are qty_i * 10**qty_exp"),
    M(tick_i, T_LONGLONG, "ticksize, scaled"),
    M(lot_i, T_LONGLONG, "lotsize, scaled"),
    {NULL, 0, 0, 0, NULL},
};
#undef M

static PyGetSetDef info_getset[] = {
    {"bids", (getter)info_side, NULL, "[[px, qty], ...] best first, built when read", (void *)(intptr_t)AATS_BID},
    {"asks", (getter)info_side, NULL, "[[px, qty], ...] best first, built when read", (void *)(intptr_t)AATS_ASK},
    {"mid_px", (getter)info_mid, NULL, "middle of best bid and ask, 0.0 if a side is empty", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef info_methods[] = {
    {"levels", (PyCFunction)info_levels, METH_O, "levels(side): bytes of int64 px_i, qty_i, ...; side 0 bids, 1 asks"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot info_slots[] = {
    {Py_tp_doc, "SymbolInfo(cid, port, level_num=5)\n--\n\nWhat is known of one symbol now; the engine writes it, strategies read it."},
    {Py_tp_new, info_new},
    {Py_tp_dealloc, info_dealloc},
    {Py_tp_repr, info_repr},
    {Py_tp_members, info_members},
    {Py_tp_getset, info_getset},
    {Py_tp_methods, info_methods},
    {0, NULL},
};

static PyType_Spec info_spec = {"aats.base.symbolinfo.SymbolInfo", sizeof(aats_info_t), 0, Py_TPFLAGS_DEFAULT, info_slots};

static PyTypeObject *info_type;

PyObject *aats_info_type(void)
{
    PyObject *type = PyType_FromSpec(&info_spec);
    if (type) info_type = (PyTypeObject *)type;
    return type;
}

int aats_info_check(PyObject *o) { return info_type && PyObject_TypeCheck(o, info_type); }
