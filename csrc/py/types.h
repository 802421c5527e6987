/* types.h -- the door between cffi and the Python types that are made in C.
 *
 * This folder alone sees Python.h, and this header does not, so that cffi and the rest can include it.
 *     types = {}; lib.aats_py_types(ffi.cast("void *", id(types)))      -> types["SymbolInfo"], types["Event"], types["Loop"]
 * and types["now_ns"], aats_now_ns as a builtin: it costs half of what calling it through cffi does. */
#ifndef AATS_PY_TYPES_H
#define AATS_PY_TYPES_H

#include "layout/layout.h"

/* cdef-begin */

/* aats_py_types makes the Python types and puts them into the dict at that address.  0, or -1 (memory). */
int aats_py_types(void *dict);

/* aats_py_order_msg appends the order message of an event, as a callback gets it, to the list at that address: for
 * tests that have a trader but no loop.  0, or -1 (memory). */
int aats_py_order_msg(aats_oev_t const *ev, char const *type, void *list);

/* aats_py_reuse: see aats_msg_reuse in py/msg.h. */
int aats_py_reuse(int on);
/* cdef-end */

#endif
