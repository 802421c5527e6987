/* event.h -- Event: everything else that is known of the event whose callback runs, as a view of the C record.
 *
 * For: `self.event`.  Not a message: those are dicts with the documented keys and nothing more.  An Event costs
 * nothing until it is read.  One made by the loop shows whatever event is current; copy() gives one that stays.
 * Owner: the loop's thread. */
#ifndef AATS_PY_EVENT_H
#define AATS_PY_EVENT_H

#include <Python.h>

#include "app/reader.h"

/* aats_event_now_t -- what an Event looks at. */
typedef struct {
    aats_event_t ev;
    int64_t delivered_ns; /* just before the first strategy's callback; up to 50 ns before that for an event that waited behind another */
} aats_event_now_t;

PyObject *aats_event_type(void);

/* aats_event_view makes an Event that looks at *now for as long as owner lives, which it holds. */
PyObject *aats_event_view(PyTypeObject *type, aats_event_now_t const *now, PyObject *owner);

/* aats_event_new makes an Event that is a copy of *now and stays as it is. */
PyObject *aats_event_new(PyTypeObject *type, aats_event_now_t const *now);

#endif
