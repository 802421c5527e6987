#include "py/loop.h"

#include <structmember.h>

#include "base/clock.h"

static PyTypeObject *event_type; /* of this process */

/* ---- set-up ------------------------------------------------------------------------------------------------------ */

static int take_hosts(loop_t *l, PyObject *hosts)
{
    Py_ssize_t const cnt = hosts && l->step ? PyList_GET_SIZE(hosts) : 0;
    if (!(l->hosts = PyMem_Calloc((size_t)cnt + 1, sizeof *l->hosts))) return -1;
    for (Py_ssize_t i = 0; i < cnt; i++) {
        l->hosts[i] = PyLong_AsVoidPtr(PyList_GET_ITEM(hosts, i));
        if (!l->hosts[i]) return PyErr_Occurred() ? -1 : (PyErr_SetString(PyExc_ValueError, "hosts holds 0"), -1);
    }
    l->host_cnt = (int)cnt;
    return 0;
}

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    static char *names[] = {"reader", "infos", "feeds", "hook", "keep", "slot", "ctl", "counters", "pub_delivered", "recv_delivered",
                            "step", "hosts", "wait", "cores", NULL};
    unsigned long long reader, slot = 0, ctl = 0, counters = 0, pub = 0, recv = 0, step = 0;
    PyObject *infos, *feeds, *hook = Py_None, *keep = Py_None, *hosts = NULL;
    unsigned wait = AATS_WAIT_NONE, cores = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "KO!O!|OO$KKKKKKO!II:Loop", names, &reader, &PyList_Type, &infos,
                                     &PyList_Type, &feeds, &hook, &keep, &slot, &ctl, &counters, &pub, &recv, &step,
                                     &PyList_Type, &hosts, &wait, &cores))
        return NULL;
    aats_reader_t *r = (aats_reader_t *)(uintptr_t)reader;
    if (!r || PyList_GET_SIZE(infos) != (Py_ssize_t)aats_reader_sub_cnt(r)) {
        PyErr_SetString(PyExc_ValueError, "infos must hold one SymbolInfo for each symbol of the reader");
        return NULL;
    }
    uint32_t deepest = 1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(infos); i++) {
        if (!aats_info_check(PyList_GET_ITEM(infos, i))) {
            PyErr_SetString(PyExc_TypeError, "infos must hold SymbolInfo objects");
            return NULL;
        }
        aats_info_t *info = (aats_info_t *)PyList_GET_ITEM(infos, i);
        if ((uint32_t)info->level_num > deepest) deepest = (uint32_t)info->level_num;
    }
    loop_t *l = (loop_t *)type->tp_alloc(type, 0);
    if (!l) return NULL;
    l->reader = r, l->sub_cnt = (int)PyList_GET_SIZE(infos);
    l->infos = PyList_GetSlice(infos, 0, l->sub_cnt); /* a list of our own: nobody takes a SymbolInfo out of it */
    l->feeds = Py_NewRef(feeds), l->hook = Py_NewRef(hook), l->keep = Py_NewRef(keep);
    l->slot = (aats_slot_t *)(uintptr_t)slot, l->ctl = (aats_ctl_view_t const *)(uintptr_t)ctl;
    l->counters = counters ? (uint64_t *)(uintptr_t)counters : (uint64_t *)l->scratch;
    l->pub_delivered = (aats_hist_t *)(uintptr_t)pub, l->recv_delivered = (aats_hist_t *)(uintptr_t)recv;
    l->step = (int (*)(void *))(uintptr_t)step;
    l->event_type = (PyTypeObject *)Py_NewRef((PyObject *)event_type);
    static aats_rec_t const none;
    l->now.ev.rec = &none;
    aats_wait_init(&l->wait, wait, cores);
    aats_stall_init(&l->stall, NULL, 0);
    l->flts = PyMem_Calloc(4 * (size_t)deepest, sizeof *l->flts);
    if (take_hosts(l, hosts) < 0 || !l->infos || !l->flts) {
        Py_DECREF(l);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    return (PyObject *)l;
}

static PyObject *loop_add(loop_t *l, PyObject *callbacks)
{
    if (!PyTuple_Check(callbacks) || PyTuple_GET_SIZE(callbacks) > ON_CNT)
        return PyErr_Format(PyExc_TypeError, "add() takes a tuple of up to %d callables or None", ON_CNT);
    if (l->running) return PyErr_Format(PyExc_RuntimeError, "strategies are added before run()");
    strategy_t *grown = PyMem_Realloc(l->strategies, (size_t)(l->strategy_cnt + 1) * sizeof *grown);
    if (!grown) return PyErr_NoMemory();
    l->strategies = grown;
    strategy_t *s = &grown[l->strategy_cnt];
    memset(s, 0, sizeof *s);
    if (!(s->msgs = PyMem_Calloc((size_t)l->sub_cnt + 1, sizeof *s->msgs))) return PyErr_NoMemory();
    for (int i = 0; i < l->sub_cnt; i++) {
        aats_info_t *info = (aats_info_t *)PyList_GET_ITEM(l->infos, i);
        if (aats_msgs_init(&s->msgs[i], info->cid, (uint32_t)info->level_num) < 0) {
            while (--i >= 0) aats_msgs_fini(&s->msgs[i]);
            PyMem_Free(s->msgs);
            return NULL;
        }
    }
    for (int i = 0; i < PyTuple_GET_SIZE(callbacks); i++) {
        PyObject *fn = PyTuple_GET_ITEM(callbacks, i);
        s->on[i] = fn == Py_None ? NULL : Py_NewRef(fn);
    }
    l->quoted |= s->on[ON_QUOTE] != NULL;
    return PyLong_FromLong(l->strategy_cnt++);
}

static PyObject *loop_set_timer(loop_t *l, PyObject *args)
{
    int strategy;
    PyObject *name;
    double every_ms;
    if (!PyArg_ParseTuple(args, "iOd:set_timer", &strategy, &name, &every_ms)) return NULL;
    if (strategy < 0 || strategy >= l->strategy_cnt) return PyErr_Format(PyExc_ValueError, "no strategy %d", strategy);
    int at = 0;
    for (; at < l->alarm_cnt; at++) {
        if (l->alarms[at].strategy != strategy) continue;
        int const same = PyObject_RichCompareBool(l->alarms[at].name, name, Py_EQ);
        if (same < 0) return NULL;
        if (same) break;
    }
    if (!(every_ms > 0)) { /* remove */
        if (at < l->alarm_cnt) {
            PyObject *old = l->alarms[at].name;
            l->alarms[at] = l->alarms[--l->alarm_cnt];
            Py_DECREF(old);
        }
        Py_RETURN_NONE;
    }
    if (at == l->alarm_cnt) {
        alarm_t *grown = PyMem_Realloc(l->alarms, (size_t)(at + 1) * sizeof *grown);
        if (!grown) return PyErr_NoMemory();
        l->alarms = grown;
        l->alarms[at] = (alarm_t){strategy, Py_NewRef(name), 0, 0};
        l->alarm_cnt++;
    }
    l->alarms[at].every_ns = every_ms > 1e12 ? (int64_t)1e18 : (int64_t)(every_ms * 1e6);
    if (l->alarms[at].every_ns < 1000) l->alarms[at].every_ns = 1000;
    l->alarms[at].due_mono_ns = aats_mono_ns() + l->alarms[at].every_ns;
    if (l->alarms[at].due_mono_ns < l->chore_mono_ns) l->chore_mono_ns = l->alarms[at].due_mono_ns;
    Py_RETURN_NONE;
}

static PyObject *loop_stop(loop_t *l, PyObject *arg)
{
    (void)arg;
    aats_store_release(&l->stop, 1);
    Py_RETURN_NONE;
}

static PyObject *loop_again(loop_t *l, PyObject *arg)
{
    (void)arg;
    aats_store_release(&l->stop, 0);
    Py_RETURN_NONE;
}

/* ---- the guard against jitter ------------------------------------------------------------------------------------ */

static PyObject *loop_watch(loop_t *l, PyObject *args)
{
    unsigned long long td;
    long long limit_ns;
    if (!PyArg_ParseTuple(args, "KL:watch", &td, &limit_ns)) return NULL;
    if (l->running) return PyErr_Format(PyExc_RuntimeError, "watch() is called before run()");
    aats_stall_init(&l->stall, (aats_td_t *)(uintptr_t)td, limit_ns);
    Py_RETURN_NONE;
}

static PyObject *loop_collecting(loop_t *l, PyObject *const *args, Py_ssize_t cnt)
{
    if (cnt != 2) return PyErr_Format(PyExc_TypeError, "collecting() takes a phase and a dict, as gc.callbacks gives them");
    if (aats_stall_collecting(&l->stall, args[0], args[1]) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *loop_guard(loop_t *l, PyObject *args)
{
    PyObject *guard;
    long long idle_ns;
    if (!PyArg_ParseTuple(args, "OL:guard", &guard, &idle_ns)) return NULL;
    Py_XSETREF(l->guard, guard == Py_None ? NULL : Py_NewRef(guard));
    l->guard_idle_ns = idle_ns, l->guard_mono_ns = 0;
    Py_RETURN_NONE;
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static PyObject *loop_trade(loop_t *l, PyObject *args)
{
    if (l->running) return PyErr_Format(PyExc_RuntimeError, "trade() is called before run()");
    if (aats_desk_open(&l->desk, l->reader, args, l->sub_cnt) < 0) return NULL;
    Py_RETURN_NONE;
}

static int strategy_of(loop_t *l, PyObject *const *args, Py_ssize_t cnt, Py_ssize_t want)
{
    long const strategy = cnt == want ? PyLong_AsLong(args[0]) : -1;
    if (strategy >= 0 && strategy < l->strategy_cnt && l->desk.trader) return (int)strategy;
    if (PyErr_Occurred()) return -1;
    PyErr_SetString(PyExc_ValueError, l->desk.trader ? "takes the number of a strategy first" : "nothing is traded here");
    return -1;
}

static PyObject *loop_send_order(loop_t *l, PyObject *const *args, Py_ssize_t cnt)
{
    int const strategy = strategy_of(l, args, cnt, 2);
    if (strategy < 0) return NULL;
    int const fresh = l->delivering && !(l->now.ev.flags & AATS_F_RECOVERED); /* an old record's age is no latency */
    int64_t const recv_ns = fresh ? l->now.ev.rec->recv_ns : 0;
    return aats_desk_send(&l->desk, strategy, args[1], recv_ns, l->delivering ? l->now.delivered_ns : 0);
}

static PyObject *loop_send_cancel_order(loop_t *l, PyObject *const *args, Py_ssize_t cnt)
{
    int const strategy = strategy_of(l, args, cnt, 2);
    return strategy < 0 ? NULL : aats_desk_cancel(&l->desk, strategy, args[1]);
}

static PyObject *loop_send_amend_order(loop_t *l, PyObject *const *args, Py_ssize_t cnt)
{
    int const strategy = strategy_of(l, args, cnt, 4);
    return strategy < 0 ? NULL : aats_desk_amend(&l->desk, strategy, args[1], args[2], args[3]);
}

static PyObject *loop_send_cancel_all(loop_t *l, PyObject *const *args, Py_ssize_t cnt)
{
    int const strategy = strategy_of(l, args, cnt, 2);
    return strategy < 0 ? NULL : aats_desk_cancel_all(&l->desk, strategy, args[1]);
}

static PyObject *loop_order(loop_t *l, PyObject *order_id)
{
    if (!l->desk.closed) Py_RETURN_NONE;
    return aats_desk_view(&l->desk, order_id);
}

static PyObject *loop_open_orders(loop_t *l, PyObject *strategy)
{
    if (!l->desk.trader) return PyList_New(0);
    long const number = PyLong_AsLong(strategy);
    return number == -1 && PyErr_Occurred() ? NULL : aats_desk_open_ids(&l->desk, (int)number);
}

static PyObject *loop_leaving(loop_t *l, PyObject *every_ms)
{
    double const ms = PyFloat_AsDouble(every_ms);
    if (ms == -1.0 && PyErr_Occurred()) return NULL;
    l->leaving++;
    l->hook_every_ns = ms > 0 ? (int64_t)(ms * 1e6) : 0;
    l->hook_mono_ns = 0;
    Py_RETURN_NONE;
}

static PyObject *loop_end_trade(loop_t *l, PyObject *arg)
{
    (void)arg;
    if (l->running) return PyErr_Format(PyExc_RuntimeError, "end_trade() inside run()");
    aats_desk_end(&l->desk);
    Py_RETURN_NONE;
}

/* next() takes an event by itself, without strategies: for iterators. */
static PyObject *loop_next(loop_t *l, PyObject *arg)
{
    (void)arg;
    if (l->running) return PyErr_Format(PyExc_RuntimeError, "next() inside run()");
    if (!aats_reader_next(l->reader, aats_mono_ns(), &l->now.ev)) Py_RETURN_NONE;
    l->now.delivered_ns = aats_now_ns();
    return aats_event_new(l->event_type, &l->now);
}

static PyObject *loop_event(loop_t *l, PyObject *arg)
{
    (void)arg;
    return aats_event_view(l->event_type, &l->now, (PyObject *)l);
}

/* ---- limits of hops ---------------------------------------------------------------------------------------------- */

static PyObject *loop_slow(loop_t *l, PyObject *args)
{
    unsigned long long slow;
    PyObject *tell;
    if (!PyArg_ParseTuple(args, "KO:slow", &slow, &tell)) return NULL;
    l->slow = (aats_slow_t *)(uintptr_t)slow;
    Py_XSETREF(l->slow_tell, Py_NewRef(tell));
    Py_RETURN_NONE;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int loop_traverse(loop_t *l, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(l));
    Py_VISIT(l->infos);
    Py_VISIT(l->feeds);
    Py_VISIT(l->hook);
    Py_VISIT(l->guard);
    Py_VISIT(l->slow_tell);
    Py_VISIT(l->keep);
    Py_VISIT(l->event_type);
    int const rc = aats_desk_traverse(&l->desk, visit, arg);
    if (rc) return rc;
    for (int i = 0; i < l->strategy_cnt; i++)
        for (int k = 0; k < ON_CNT; k++) Py_VISIT(l->strategies[i].on[k]);
    for (int i = 0; i < l->alarm_cnt; i++) Py_VISIT(l->alarms[i].name);
    return 0;
}

/* loop_clear lets go of what may lead back to the loop; `keep` (the reader's memory) stays until the end, because an
 * Event may still look at it. */
static int loop_clear(loop_t *l)
{
    int const cnt = l->strategy_cnt;
    strategy_t *strategies = l->strategies;
    l->strategies = NULL, l->strategy_cnt = 0;
    for (int i = 0; i < cnt; i++) {
        for (int k = 0; k < ON_CNT; k++) Py_CLEAR(strategies[i].on[k]);
        for (int k = 0; k < l->sub_cnt; k++) aats_msgs_fini(&strategies[i].msgs[k]);
        PyMem_Free(strategies[i].msgs);
    }
    PyMem_Free(strategies);
    int const alarms = l->alarm_cnt;
    l->alarm_cnt = 0;
    for (int i = 0; i < alarms; i++) Py_CLEAR(l->alarms[i].name);
    Py_CLEAR(l->hook);
    Py_CLEAR(l->guard);
    l->slow = NULL;
    Py_CLEAR(l->slow_tell);
    aats_desk_clear(&l->desk);
    return 0;
}

static void loop_dealloc(loop_t *l)
{
    PyTypeObject *type = Py_TYPE(l);
    PyObject_GC_UnTrack(l);
    loop_clear(l);
    Py_CLEAR(l->infos);
    Py_CLEAR(l->feeds);
    Py_CLEAR(l->keep);
    Py_CLEAR(l->event_type);
    PyMem_Free(l->flts);
    PyMem_Free(l->alarms);
    PyMem_Free(l->hosts);
    aats_desk_fini(&l->desk);
    type->tp_free((PyObject *)l);
    Py_DECREF(type);
}

static PyMemberDef loop_members[] = {
    {"quote_cnt", T_ULONGLONG, offsetof(loop_t, quote_cnt), READONLY, "onQuote events so far"},
    {"tick_cnt", T_ULONGLONG, offsetof(loop_t, tick_cnt), READONLY, "onTick events so far"},
    {"made_cnt", T_ULONGLONG, offsetof(loop_t, made_cnt), READONLY, "messages that had to be made anew"},
    {"running", T_INT, offsetof(loop_t, running), READONLY, "1 inside run()"},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef loop_methods[] = {
    {"add", (PyCFunction)loop_add, METH_O, "add(callbacks) -> int: a strategy, by its callbacks; None where it has none"},
    {"run", (PyCFunction)(void (*)(void))aats_loop_run, METH_VARARGS | METH_KEYWORDS,
     "run(drain=False): until stop(); with drain, until nothing is left"},
    {"stop", (PyCFunction)loop_stop, METH_NOARGS, "stop(): end run() after the event in hand; any thread"},
    {"again", (PyCFunction)loop_again, METH_NOARGS, "again(): forget stop()"},
    {"set_timer", (PyCFunction)loop_set_timer, METH_VARARGS, "set_timer(strategy, name, every_ms): 0 removes it"},
    {"next", (PyCFunction)loop_next, METH_NOARGS, "next() -> Event or None: take one event without run()"},
    {"watch", (PyCFunction)loop_watch, METH_VARARGS, "watch(td, limit_ns): gaps above limit_ns are told in this segment; 0: none"},
    {"collecting", (PyCFunction)(void (*)(void))loop_collecting, METH_FASTCALL, "collecting(phase, info): for gc.callbacks"},
    {"guard", (PyCFunction)loop_guard, METH_VARARGS,
     "guard(callable, idle_ns): called with the idle time from idle_ns on, each 10 ms; busy: with 0, once a second"},
    {"slow", (PyCFunction)loop_slow, METH_VARARGS,
     "slow(limits, tell): aats_slow_t by address, which `tell` owns; tell(leaving) is called after a pass in which one was passed"},
    {"trade", (PyCFunction)loop_trade, METH_VARARGS,
     "trade(trader, syms, symbols, tools, mails): orders go to this trader; syms: its index by sub, -1: none"},
    {"send_order", (PyCFunction)(void (*)(void))loop_send_order, METH_FASTCALL,
     "send_order(strategy, order) -> order_id"},
    {"send_cancel_order", (PyCFunction)(void (*)(void))loop_send_cancel_order, METH_FASTCALL,
     "send_cancel_order(strategy, order_id)"},
    {"send_amend_order", (PyCFunction)(void (*)(void))loop_send_amend_order, METH_FASTCALL,
     "send_amend_order(strategy, order_id, price, size)"},
    {"send_cancel_all", (PyCFunction)(void (*)(void))loop_send_cancel_all, METH_FASTCALL,
     "send_cancel_all(strategy, (symbol, exchange) or None)"},
    {"order", (PyCFunction)loop_order, METH_O,
     "order(order_id) -> dict or None: what is known of an order, open or closed"},
    {"open_orders", (PyCFunction)loop_open_orders, METH_O, "open_orders(strategy) -> list of ids, oldest first"},
    {"leaving", (PyCFunction)loop_leaving, METH_O,
     "leaving(every_ms): the market is told no more, the hook comes as often; once more: nor the end of order sessions"},
    {"end_trade", (PyCFunction)loop_end_trade, METH_NOARGS, "end_trade(): forget the trader, which is about to be freed"},
    {"event", (PyCFunction)loop_event, METH_NOARGS, "event() -> Event: a view of whatever event is current"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, "The trade loop; see csrc/py/loop.h."},
    {Py_tp_new, loop_new},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_members, loop_members},
    {Py_tp_methods, loop_methods},
    {0, NULL},
};

static PyType_Spec loop_spec = {"aats.Loop", sizeof(loop_t), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, loop_slots};

PyObject *aats_loop_type(PyTypeObject *type)
{
    event_type = type;
    return PyType_FromSpec(&loop_spec);
}
