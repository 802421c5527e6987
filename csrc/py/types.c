#include <Python.h>

#include "py/types.h"

#include "base/clock.h"
#include "py/loop.h"
#include "py/msg.h"
#include "py/order_msg.h"

static PyObject *now_ns(PyObject *self, PyObject *arg)
{
    (void)self, (void)arg;
    return PyLong_FromLongLong(aats_now_ns());
}

static PyMethodDef now_def = {"now_ns", now_ns, METH_NOARGS, "now_ns() -> int: the clock of all records, epoch nanoseconds"};

/* cffi has let the GIL go: take it back. */
int aats_py_types(void *dict)
{
    PyGILState_STATE const gil = PyGILState_Ensure();
    PyObject *info = aats_info_type(), *event = aats_event_type();
    PyObject *loop = event ? aats_loop_type((PyTypeObject *)event) : NULL; /* which keeps event for good */
    int rc = info && loop ? 0 : -1;
    if (rc == 0) rc = PyDict_SetItemString(dict, "SymbolInfo", info);
    if (rc == 0) rc = PyDict_SetItemString(dict, "Loop", loop);
    if (rc == 0) rc = PyDict_SetItemString(dict, "Event", event);
    PyObject *now = rc == 0 ? PyCFunction_New(&now_def, NULL) : NULL;
    if (rc == 0) rc = now ? PyDict_SetItemString(dict, "now_ns", now) : -1;
    if (rc < 0) PyErr_Clear();
    Py_XDECREF(info);
    Py_XDECREF(loop);
    Py_XDECREF(now);
    PyGILState_Release(gil);
    return rc;
}

int aats_py_order_msg(aats_oev_t const *ev, char const *type, void *list)
{
    PyGILState_STATE const gil = PyGILState_Ensure();
    PyObject *msg = aats_order_msg(ev, type, NULL);
    int const rc = msg != NULL ? PyList_Append(list, msg) : -1;
    if (rc < 0) PyErr_Clear();
    Py_XDECREF(msg);
    PyGILState_Release(gil);
    return rc;
}

int aats_py_reuse(int on) { return aats_msg_reuse(on); }
