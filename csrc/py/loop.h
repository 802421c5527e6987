/* loop.h -- the trade loop: one thread, in C, that polls, calls strategies, keeps timers, beats, and waits.
 *
 *     pass:  time -> heartbeat -> [chores, once a millisecond] -> [step of an inline feed] -> events, each to every strategy -> or wait
 *
 * For: TradeService.run.  Not for finding feeds, mapping segments, logging or closing: Python does these between runs and in the hook.
 *
 * The GIL is held while events come; let go after HELD_PASSES empty passes, while nothing comes, and for one switch every 5 ms when another Python thread
 * exists.  Chores: signals (PyErr_CheckSignals), timers, commands, the wait in force, the hook.
 * An exception in a callback, the hook or a signal handler ends the run with it; the event that was being delivered is not delivered to further strategies.
 *
 * This and the other files of py/ are the only ones that see Python.h.  cffi hands the types over:
 *     types = {}; lib.aats_py_types(ffi.cast("void *", id(types)))      -> types["SymbolInfo"], types["Event"], types["Loop"] */
#ifndef AATS_PY_LOOP_H
#define AATS_PY_LOOP_H

/* cdef-begin */

/* aats_py_types makes the Python types and puts them into the dict at that address.  0, or -1 (memory). */
int aats_py_types(void *dict);

/* aats_py_reuse: see aats_msg_reuse in py/msg.h. */
int aats_py_reuse(int on);
/* cdef-end */

#endif
