/* msg.h -- the dict that a callback gets, reused while nobody else can tell.
 *
 * For: onQuote, onTick, onBbo, onL2.  A fresh dict of 23 keys costs a microsecond, a reused one some tens of
 * nanoseconds: its floats are changed in place.  Not for order messages, which are rare and made anew.
 *
 * A prepared dict is sent again only while all three hold (the guard):
 *   G1  its structure is untouched: 3.10 and 3.11 compare the dict's version tag, 3.12 and later a dict watcher raises `dirty`
 *   G2  its reference count is 1: nobody kept it, no view and no iterator of it lives
 *   G3  each float's reference count is 2, the dict's and ours: nobody kept a value
 * G1 is what a reference count cannot see: a key added, two values swapped, a value popped and kept.  On any miss the
 * dict is dropped and a new one made, never repaired: dropping may run a user's __del__, and what that leaves behind
 * is not ours to guess. Where no watcher is to be had (eight a process in all), and in free-threaded builds, every
 * message is new.
 *
 * Owner: the loop's thread, with the GIL.  One aats_msg_t for each strategy and set of keys.
 */
#ifndef AATS_PY_MSG_H
#define AATS_PY_MSG_H

#include <Python.h>
#include <stdint.h>

/* What the key at a place holds. */
enum { AATS_MSG_CONST = 0, AATS_MSG_FLOAT = 1, AATS_MSG_INT = 2, AATS_MSG_BOOL = 3 };

/* aats_msg_shape_t -- keys in their documented order.  Keys and constants are borrowed from whoever made the shape. */
typedef struct {
    int key_cnt;
    int flt_cnt;
    int int_cnt; /* AATS_MSG_INT and AATS_MSG_BOOL together */
    uint8_t const *kinds;
    PyObject *const *keys;
    PyObject *const *consts; /* read where kinds says CONST */
} aats_msg_shape_t;

typedef struct aats_msg {
    PyObject *dict;   /* strong; NULL: none prepared */
    PyObject **flts;  /* strong references to its floats, in order of their keys */
    int flt_cnt;
    int watched;
    int dirty;        /* G1 from 3.12 on: set by the watcher */
    uint64_t version; /* G1 up to 3.11 */
    uint64_t tag;     /* the caller's: which shape the dict was made for */
    int int_cnt;
    struct aats_msg *next, *prev; /* all that hold a watched dict, see msg.c */
} aats_msg_t;

/* aats_msg_init makes an empty message; aats_msg_fini drops what it holds.  fini may run user code (__del__ of a
 * value put into the dict). */
void aats_msg_init(aats_msg_t *msg);
void aats_msg_fini(aats_msg_t *msg);

/* aats_msg_again puts new floats into the prepared dict if it is of that tag, has no integers, and the guard holds.
 *
 * Returns a reference borrowed from msg, good until the next call with it; NULL, without an exception, if
 * aats_msg_fill is needed. Cost: 2 ns a float. */
PyObject *aats_msg_again(aats_msg_t *msg, uint64_t tag, double const *flts);

/* aats_msg_fill returns a dict of that shape with these floats and integers, in the order of their keys; `tag` names
 * the shape.  It tries to reuse, else makes.
 *
 * Returns as aats_msg_again; NULL with an exception set when memory ran out.  *made grows by one if a new dict was
 * made. Cost: when made, some 45 ns a key; when reused, 50 ns an integer. */
PyObject *aats_msg_fill(aats_msg_t *msg, aats_msg_shape_t const *shape, uint64_t tag, double const *flts,
                        int64_t const *ints, uint64_t *made);

/* aats_msg_reuse switches reuse off (0) or on (1, the default) for the process: the plain twin for tests and
 * measurements.  Returns what was. */
int aats_msg_reuse(int on);

#endif
