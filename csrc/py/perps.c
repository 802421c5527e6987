/* perps.c -- the messages of perpetuals: onMark, onFunding, onLiquidation; fresh dicts, a few a second a symbol.  shapes.h lists their keys. */
#include "base/scale.h"
#include "py/shapes.h"

/* Both take the value over.  Once something has failed, *dict is NULL and they only let go of it. */
static void put(PyObject **dict, char const *key, PyObject *value)
{
    if (*dict && (!value || PyDict_SetItemString(*dict, key, value) < 0)) Py_CLEAR(*dict);
    Py_XDECREF(value);
}

static PyObject *begin(aats_msgs_t const *m, char const *type)
{
    PyObject *dict = PyDict_New();
    put(&dict, "type", PyUnicode_InternFromString(type));
    put(&dict, "cid", Py_NewRef(m->cid));
    return dict;
}

static PyObject *end(PyObject *dict, aats_event_t const *ev, uint64_t *made)
{
    put(&dict, "exch_ns", PyLong_FromLongLong(ev->rec->exch_ns));
    put(&dict, "recv_ns", PyLong_FromLongLong(ev->rec->recv_ns));
    put(&dict, "pub_ns", PyLong_FromLongLong(ev->rec->pub_ns));
    *made += dict != NULL;
    return dict;
}

PyObject *aats_mark_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    PyObject *dict = begin(m, "onMark");
    if (ev->rec->px_i) put(&dict, "mark_px", PyFloat_FromDouble(aats_scale(ev->rec->px_i, ev->px_exp)));
    if (ev->rec->qty_i) put(&dict, "index_px", PyFloat_FromDouble(aats_scale(ev->rec->qty_i, ev->px_exp)));
    return end(dict, ev, made);
}

PyObject *aats_funding_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    PyObject *dict = begin(m, "onFunding");
    put(&dict, "rate", PyFloat_FromDouble(aats_scale(ev->rec->px_i, -AATS_RATE_EXP)));
    if (ev->rec->aux) put(&dict, "next_ns", PyLong_FromUnsignedLongLong(ev->rec->aux));
    return end(dict, ev, made);
}

PyObject *aats_liquidation_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    PyObject *dict = begin(m, "onLiquidation");
    put(&dict, "side", PyUnicode_InternFromString(ev->rec->flags & AATS_F_BUYER ? "buy" : "sell"));
    put(&dict, "px", PyFloat_FromDouble(aats_scale(ev->rec->px_i, ev->px_exp)));
    put(&dict, "qty", PyFloat_FromDouble(aats_scale(ev->rec->qty_i, ev->qty_exp)));
    return end(dict, ev, made);
}
