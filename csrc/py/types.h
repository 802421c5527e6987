/* types.h -- the door between cffi and the Python types that are made in C.
 *
 * This folder alone sees Python.h, and this header does not, so that cffi and the rest can include it.
 *     types = {}; lib.aats_py_types(ffi.cast("void *", id(types)))      -> types["SymbolInfo"], types["Event"], types["Loop"] */
#ifndef AATS_PY_TYPES_H
#define AATS_PY_TYPES_H

/* cdef-begin */

/* aats_py_types makes the Python types and puts them into the dict at that address.  0, or -1 (memory). */
int aats_py_types(void *dict);

/* aats_py_reuse: see aats_msg_reuse in py/msg.h. */
int aats_py_reuse(int on);
/* cdef-end */

#endif
