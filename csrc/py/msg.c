#include "py/msg.h"

#include <string.h>

#if defined(Py_GIL_DISABLED)
#define GUARD_NONE 1 /* reference counts there are sums of two fields, and constants are immortal */
#elif PY_VERSION_HEX >= 0x030C0000
#define GUARD_WATCH 1
#else
#define GUARD_VERSION 1
#endif

static int reuse_on = 1;

/* ---- G1: was the structure touched? ------------------------------------------------------------------------------ */

#ifdef GUARD_WATCH

/* All messages whose dict is watched.  The watcher runs only when a strategy changes a message, so a walk is good
 * enough. */
static aats_msg_t *watched_head;
static int watcher_id = -2; /* -2 not asked yet, -1 none to be had */

static int on_dict_event(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
{
    (void)event, (void)key, (void)value;
    for (aats_msg_t *m = watched_head; m; m = m->next)
        if (m->dict == dict) m->dirty = 1;
    return 0;
}

static int watch(aats_msg_t *msg)
{
    if (watcher_id == -2) {
        watcher_id = PyDict_AddWatcher(on_dict_event);
        if (watcher_id < 0) PyErr_Clear(), watcher_id = -1;
    }
    if (watcher_id < 0) return 0;
    if (PyDict_Watch(watcher_id, msg->dict) < 0) {
        PyErr_Clear();
        return 0;
    }
    msg->prev = NULL, msg->next = watched_head;
    if (watched_head) watched_head->prev = msg;
    watched_head = msg;
    return 1;
}

static void unwatch(aats_msg_t *msg)
{
    if (!msg->watched) return;
    if (msg->prev) msg->prev->next = msg->next; else watched_head = msg->next;
    if (msg->next) msg->next->prev = msg->prev;
    msg->next = msg->prev = NULL, msg->watched = 0;
    if (PyDict_Unwatch(watcher_id, msg->dict) < 0) PyErr_Clear();
}

static void stamp(aats_msg_t *msg) { msg->dirty = 0; }
static int untouched(aats_msg_t const *msg) { return msg->watched && !msg->dirty; }

#elif defined(GUARD_VERSION)

static int watch(aats_msg_t *msg) { (void)msg; return 1; }
static void unwatch(aats_msg_t *msg) { msg->watched = 0; }
static void stamp(aats_msg_t *msg) { msg->version = ((PyDictObject *)msg->dict)->ma_version_tag; }
static int untouched(aats_msg_t const *msg) { return ((PyDictObject *)msg->dict)->ma_version_tag == msg->version; }

#else

static int watch(aats_msg_t *msg) { (void)msg; return 0; }
static void unwatch(aats_msg_t *msg) { (void)msg; }
static void stamp(aats_msg_t *msg) { (void)msg; }
static int untouched(aats_msg_t const *msg) { (void)msg; return 0; }

#endif

/* ---- the guard --------------------------------------------------------------------------------------------------- */

static int reusable(aats_msg_t const *msg)
{
    if (!reuse_on || !untouched(msg)) return 0;           /* G1 */
    if (Py_REFCNT(msg->dict) != 1) return 0;              /* G2 */
    Py_ssize_t other = 0;                                 /* G3, without a branch for each */
    for (int i = 0; i < msg->flt_cnt; i++) other |= Py_REFCNT(msg->flts[i]) ^ 2;
    return other == 0;
}

/* drop forgets everything before it gives anything back: a __del__ may come round to this very message. */
static void drop(aats_msg_t *msg)
{
    if (!msg->dict) return;
    unwatch(msg);
    PyObject *dict = msg->dict;
    PyObject **flts = msg->flts;
    int cnt = msg->flt_cnt;
    msg->dict = NULL, msg->flts = NULL, msg->flt_cnt = 0;
    for (int i = 0; i < cnt; i++) Py_XDECREF(flts[i]);
    PyMem_Free(flts);
    Py_DECREF(dict);
}

static PyObject *int_value(uint8_t kind, int64_t v)
{
    if (kind == AATS_MSG_BOOL) return PyBool_FromLong(v != 0);
    return PyLong_FromLongLong(v);
}

static int make(aats_msg_t *msg, aats_msg_shape_t const *shape, double const *flts, int64_t const *ints)
{
    msg->flts = PyMem_Calloc((size_t)shape->flt_cnt + 1, sizeof *msg->flts);
    msg->dict = PyDict_New();
    if (!msg->flts || !msg->dict) {
        PyMem_Free(msg->flts), msg->flts = NULL;
        Py_CLEAR(msg->dict);
        PyErr_NoMemory();
        return -1;
    }
    int f = 0, n = 0;
    for (int k = 0; k < shape->key_cnt; k++) {
        PyObject *value;
        switch (shape->kinds[k]) {
        case AATS_MSG_CONST: value = Py_NewRef(shape->consts[k]); break;
        case AATS_MSG_FLOAT: value = PyFloat_FromDouble(flts[f]); break;
        default: value = int_value(shape->kinds[k], ints[n++]); break;
        }
        if (!value || PyDict_SetItem(msg->dict, shape->keys[k], value) < 0) {
            Py_XDECREF(value);
            msg->flt_cnt = f;
            drop(msg);
            return -1;
        }
        if (shape->kinds[k] == AATS_MSG_FLOAT) msg->flts[f++] = value; /* ours from here on */
        else Py_DECREF(value);
    }
    msg->flt_cnt = f;
    msg->watched = watch(msg);
    stamp(msg);
    return 0;
}

/* Integers are replaced, not changed in place: under the guard nobody sees the difference, and the stamp is taken
 * anew. */
static int renew_ints(aats_msg_t *msg, aats_msg_shape_t const *shape, int64_t const *ints)
{
    int n = 0;
    for (int k = 0; k < shape->key_cnt && n < shape->int_cnt; k++) {
        if (shape->kinds[k] != AATS_MSG_INT && shape->kinds[k] != AATS_MSG_BOOL) continue;
        PyObject *value = int_value(shape->kinds[k], ints[n++]);
        int bad = !value || PyDict_SetItem(msg->dict, shape->keys[k], value) < 0;
        Py_XDECREF(value);
        if (bad) return -1;
    }
    stamp(msg);
    return 0;
}

PyObject *aats_msg_again(aats_msg_t *msg, uint64_t tag, double const *flts)
{
    if (!msg->dict || msg->tag != tag || msg->int_cnt || !reusable(msg)) return NULL;
    for (int i = 0; i < msg->flt_cnt; i++) ((PyFloatObject *)msg->flts[i])->ob_fval = flts[i];
    return msg->dict;
}

PyObject *aats_msg_fill(aats_msg_t *msg, aats_msg_shape_t const *shape, uint64_t tag, double const *flts,
                        int64_t const *ints, uint64_t *made)
{
    if (msg->dict && msg->tag == tag && reusable(msg)) {
        for (int i = 0; i < msg->flt_cnt; i++) ((PyFloatObject *)msg->flts[i])->ob_fval = flts[i];
        if (shape->int_cnt && renew_ints(msg, shape, ints) < 0) return NULL;
        return msg->dict;
    }
    drop(msg);
    ++*made;
    if (make(msg, shape, flts, ints) < 0) return NULL;
    msg->tag = tag, msg->int_cnt = shape->int_cnt;
    return msg->dict;
}

void aats_msg_init(aats_msg_t *msg) { memset(msg, 0, sizeof *msg); }
void aats_msg_fini(aats_msg_t *msg) { drop(msg); }

int aats_msg_reuse(int on)
{
    int was = reuse_on;
    reuse_on = on;
    return was;
}
