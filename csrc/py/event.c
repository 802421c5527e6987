#include "py/event.h"

#include <string.h>

#include "base/scale.h"

typedef struct {
    PyObject_HEAD
    aats_event_now_t const *now; /* somebody else's, or &own */
    PyObject *owner;             /* keeps it, NULL for a copy */
    aats_event_now_t own;
    aats_rec_t rec;
    aats_level_t *levels;        /* of a copy */
} event_t;

PyObject *aats_event_view(PyTypeObject *type, aats_event_now_t const *now, PyObject *owner)
{
    event_t *e = (event_t *)type->tp_alloc(type, 0);
    if (!e) return NULL;
    e->now = now, e->owner = Py_NewRef(owner);
    return (PyObject *)e;
}

PyObject *aats_event_new(PyTypeObject *type, aats_event_now_t const *now)
{
    event_t *e = (event_t *)type->tp_alloc(type, 0);
    if (!e) return NULL;
    size_t const b = now->ev.bid_len, a = now->ev.ask_len;
    e->own = *now, e->now = &e->own;
    if (now->ev.rec) e->rec = *now->ev.rec;
    e->levels = PyMem_Calloc(a + b + 1, sizeof *e->levels);
    if (!e->levels) {
        Py_DECREF(e);
        return PyErr_NoMemory();
    }
    if (b) memcpy(e->levels, now->ev.bids, b * sizeof *e->levels);
    if (a) memcpy(e->levels + b, now->ev.asks, a * sizeof *e->levels);
    e->own.ev.rec = &e->rec, e->own.ev.bids = e->levels, e->own.ev.asks = e->levels + b;
    return (PyObject *)e;
}

static PyObject *event_copy(event_t *e, PyObject *arg)
{
    (void)arg;
    return aats_event_new(Py_TYPE(e), e->now);
}

static int event_traverse(event_t *e, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(e));
    Py_VISIT(e->owner);
    return 0;
}

/* event_clear leaves an Event that shows an empty event: somebody may still read it. */
static int event_clear(event_t *e)
{
    if (e->owner) {
        e->now = &e->own;
        memset(&e->own, 0, sizeof e->own);
        e->own.ev.rec = &e->rec, e->own.ev.bids = e->own.ev.asks = (aats_level_t const *)&e->rec;
    }
    Py_CLEAR(e->owner);
    return 0;
}

static void event_dealloc(event_t *e)
{
    PyTypeObject *type = Py_TYPE(e);
    PyObject_GC_UnTrack(e);
    Py_CLEAR(e->owner);
    PyMem_Free(e->levels);
    type->tp_free((PyObject *)e);
    Py_DECREF(type);
}

/* ---- members: one getter, told apart by the closure -------------------------------------------------------------- */

enum {
    KIND, CID, FEED, SEQ, REC, EPOCH, EXCH, RECV, PARSED, PUB, DELIVERED, BID_LEN, ASK_LEN, FLAGS, WHY, MISSED, PX_EXP, QTY_EXP,
    PX_I, QTY_I, SIDE, LINK
};

static PyObject *event_int(event_t *e, void *which)
{
    aats_event_t const *ev = &e->now->ev;
    static aats_rec_t const none;
    aats_rec_t const *rec = ev->rec ? ev->rec : &none;
    switch ((int)(intptr_t)which) {
    case KIND:      return PyLong_FromUnsignedLong(ev->kind);
    case CID:       return PyLong_FromLongLong(ev->cid);
    case FEED:      return PyLong_FromLong(ev->feed);
    case SEQ:       return PyLong_FromUnsignedLongLong(rec->seq);
    case REC:       return PyLong_FromUnsignedLongLong(rec->rec);
    case EPOCH:     return PyLong_FromUnsignedLong(rec->epoch);
    case EXCH:      return PyLong_FromLongLong(rec->exch_ns);
    case RECV:      return PyLong_FromLongLong(rec->recv_ns);
    case PARSED:    return PyLong_FromLongLong(rec->parsed_ns);
    case PUB:       return PyLong_FromLongLong(rec->pub_ns);
    case DELIVERED: return PyLong_FromLongLong(e->now->delivered_ns);
    case BID_LEN:   return PyLong_FromUnsignedLong(ev->bid_len);
    case ASK_LEN:   return PyLong_FromUnsignedLong(ev->ask_len);
    case FLAGS:     return PyLong_FromUnsignedLong(ev->flags);
    case WHY:       return PyLong_FromUnsignedLong(ev->why);
    case MISSED:    return PyLong_FromUnsignedLongLong(ev->missed);
    case PX_EXP:    return PyLong_FromLong(ev->px_exp);
    case QTY_EXP:   return PyLong_FromLong(ev->qty_exp);
    case PX_I:      return PyLong_FromLongLong(rec->px_i);
    case QTY_I:     return PyLong_FromLongLong(rec->qty_i);
    case SIDE:      return PyLong_FromLong(rec->side);
    default:        return PyLong_FromLong(rec->link);
    }
}

static PyObject *event_flag(event_t *e, void *bit) { return PyBool_FromLong((e->now->ev.flags & (uint32_t)(uintptr_t)bit) != 0); }

static PyObject *event_levels(event_t *e, void *side)
{
    aats_event_t const *ev = &e->now->ev;
    int const ask = (intptr_t)side == AATS_ASK;
    aats_level_t const *levels = ask ? ev->asks : ev->bids;
    uint32_t const len = ask ? ev->ask_len : ev->bid_len;
    PyObject *list = PyList_New(len);
    for (uint32_t i = 0; list && i < len; i++) {
        PyObject *pair = Py_BuildValue("(LL)", (long long)levels[i].px_i, (long long)levels[i].qty_i);
        if (!pair) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, pair);
    }
    return list;
}

#define INT(name, which, doc) {#name, (getter)event_int, NULL, doc, (void *)(intptr_t)which}
#define FLAG(name, bit, doc)  {#name, (getter)event_flag, NULL, doc, (void *)(uintptr_t)bit}
static PyGetSetDef event_getset[] = {
    INT(kind, KIND, "1 quote, 2 tick, 3 bbo, 4 l2, 5 invalid, 6 lap, 7 feed down, 8 feed up, 9 mark, 10 funding, 11 liquidation"),
    INT(cid, CID, "the symbol's number, -1 where the event is of a feed"),
    INT(feed, FEED, "index of the feed"),
    INT(seq, SEQ, "the venue's: last update id of a book, id of a trade"),
    INT(rec, REC, "number of the record in its ring"),
    INT(epoch, EPOCH, "grows with each synchronisation of the book"),
    INT(exch_ns, EXCH, "the venue's own time, 0 if it gives none"),
    INT(recv_ns, RECV, "the read that brought the last byte returned"),
    INT(parsed_ns, PARSED, "its message had been read; 0 if it came of none"),
    INT(pub_ns, PUB, "just before it was written to shared memory"),
    INT(delivered_ns, DELIVERED, "just before the first strategy's callback"),
    INT(bid_len, BID_LEN, "bid levels in it"),
    INT(ask_len, ASK_LEN, "ask levels in it"),
    INT(flags, FLAGS, "all flags, see aats.layout.Flag"),
    INT(why, WHY, "reason of an invalid book or a feed that is down, see aats.layout.Why"),
    INT(missed, MISSED, "lap: records lost"),
    INT(px_exp, PX_EXP, "prices are px_i * 10**px_exp"),
    INT(qty_exp, QTY_EXP, "quantities are qty_i * 10**qty_exp"),
    INT(px_i, PX_I, "tick, l2: the exact price"),
    INT(qty_i, QTY_I, "tick, l2: the exact quantity"),
    INT(side, SIDE, "l2: 0 bid, 1 ask"),
    INT(link, LINK, "connection to the venue"),
    FLAG(recovered, AATS_F_RECOVERED, "from the latest-book slot: at the start, after a lap or a stop"),
    FLAG(fused, AATS_F_FUSED, "level 0 comes from the best bid/ask stream"),
    FLAG(deep, AATS_F_DEEP, "deeper than a ring slot: taken from the latest-book slot"),
    FLAG(snapshot, AATS_F_SNAPSHOT, "the first after a synchronisation"),
    {"bids_i", (getter)event_levels, NULL, "[(px_i, qty_i), ...] exact, best first, built when read", (void *)(intptr_t)AATS_BID},
    {"asks_i", (getter)event_levels, NULL, "[(px_i, qty_i), ...] exact, best first, built when read", (void *)(intptr_t)AATS_ASK},
    {NULL, NULL, NULL, NULL, NULL},
};
#undef INT
#undef FLAG

static PyObject *event_repr(event_t *e)
{
    aats_event_t const *ev = &e->now->ev;
    unsigned long long const seq = ev->rec ? ev->rec->seq : 0;
    return PyUnicode_FromFormat("<Event kind %u cid %lld seq %llu flags %u>", ev->kind, (long long)ev->cid, seq, ev->flags);
}

static PyMethodDef event_methods[] = {
    {"copy", (PyCFunction)event_copy, METH_NOARGS, "copy(): this event as it is now, for keeping"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_doc, "The event whose callback runs; a view that changes with the next event, copy() stays."},
    {Py_tp_traverse, event_traverse},
    {Py_tp_clear, event_clear},
    {Py_tp_dealloc, event_dealloc},
    {Py_tp_repr, event_repr},
    {Py_tp_getset, event_getset},
    {Py_tp_methods, event_methods},
    {0, NULL},
};

static PyType_Spec event_spec = {
    "aats.Event", sizeof(event_t), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, event_slots};

PyObject *aats_event_type(void) { return PyType_FromSpec(&event_spec); }
