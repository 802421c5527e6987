#include <Python.h>

#include "py/loop.h"

#include <structmember.h>
#include <sys/prctl.h>

#include "app/reader.h"
#include "app/wait.h"
#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "py/event.h"
#include "py/info.h"
#include "py/shapes.h"
#include "shm/control.h"
#include "shm/stats.h"
#include "shm/valid.h"

#define HELD_PASSES   64               /* empty passes before the GIL is let go */
#define CHORE_NS      1000000
#define SWITCH_NS     5000000          /* the interpreter's own switch interval */
#define HOOK_NS       1000000000
#define HOOK_DOWN_NS  20000000         /* while a feed is down: Python looks for its next generation */
#define EVENTS_A_PASS 16

enum { ON_QUOTE, ON_TICK, ON_NOTIFY, ON_BBO, ON_L2, ON_TIMER, ON_BOOK_INVALID, ON_LAP, ON_FEED_DOWN, ON_FEED_UP, ON_CNT };

typedef struct {
    PyObject *on[ON_CNT]; /* bound methods, NULL where the strategy has none of its own */
    aats_msgs_t *msgs;    /* one a sub */
} strategy_t;

typedef struct {
    int strategy;
    PyObject *name;
    int64_t every_ns, due_mono_ns;
} alarm_t; /* timer_t is taken */

typedef struct {
    PyObject_HEAD
    /* what it works on: see loop_new */
    aats_reader_t *reader;
    aats_slot_t *slot;
    aats_ctl_view_t const *ctl;
    uint64_t *counters;
    aats_hist_t *pub_delivered, *recv_delivered;
    int (*step)(void *); /* one pass of an inline feed */
    void **hosts;
    int host_cnt;
    PyObject *infos, *feeds, *hook, *keep;
    PyTypeObject *event_type;
    int sub_cnt;
    strategy_t *strategies;
    int strategy_cnt;
    double *flts; /* of the quote being delivered */

    aats_event_now_t now;
    aats_wait_t wait;
    int64_t real_ns, mono_ns; /* both clocks at one moment; renewed each millisecond */
    int64_t chore_mono_ns, hook_mono_ns, switch_mono_ns;
    alarm_t *alarms;
    int alarm_cnt;
    int running, other_threads, have, drain;
    uint64_t stop;
    unsigned long long quote_cnt, tick_cnt, made_cnt, scratch[AATS_TDC_CNT];
} loop_t;

static PyTypeObject *event_type_; /* made once a process */
static int some_loop_runs;

static void count(loop_t *l, int what) { aats_add_relaxed(&l->counters[what], 1); }

/* ---- calling ------------------------------------------------------------------------------------------------------------------------ */

static int call(loop_t *l, PyObject *fn, PyObject *a, PyObject *b)
{
    PyObject *args[3] = {NULL, a, b};
    count(l, AATS_TDC_CALLBACKS);
    PyObject *got = PyObject_Vectorcall(fn, args + 1, (b ? 2 : 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (!got) return -1;
    Py_DECREF(got);
    return 0;
}

static int call_text(loop_t *l, PyObject *fn, PyObject *a, char const *text)
{
    PyObject *b = PyUnicode_FromString(text);
    int const rc = b ? call(l, fn, a, b) : -1;
    Py_XDECREF(b);
    return rc;
}

/* a message, then onNotify; strategies that have neither cost nothing */
typedef PyObject *(*message_fn)(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);

static PyObject *quote_message(loop_t *l, aats_msgs_t *m, uint64_t *made) { return aats_quote_msg(m, &l->now.ev, l->flts, made); }

static int deliver_quote(loop_t *l)
{
    PyObject *const one = PyLong_FromLong(1); /* small integers are shared, this makes none */
    uint64_t made = 0;
    int ready = 0, rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++) {
        strategy_t *s = &l->strategies[i];
        if (s->on[ON_QUOTE]) {
            if (!ready) aats_quote_floats(&l->now.ev, l->flts), ready = 1;
            PyObject *msg = quote_message(l, &s->msgs[l->now.ev.sub], &made);
            rc = msg ? call(l, s->on[ON_QUOTE], msg, NULL) : -1;
        }
        if (rc == 0 && s->on[ON_NOTIFY]) rc = call(l, s->on[ON_NOTIFY], one, NULL);
    }
    if (made) l->made_cnt += made, aats_add_relaxed(&l->counters[AATS_TDC_MSG_NEW], made);
    Py_DECREF(one);
    return rc;
}

static int deliver_message(loop_t *l, int which, message_fn message, int notify)
{
    uint64_t made = 0;
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++) {
        strategy_t *s = &l->strategies[i];
        if (s->on[which]) {
            PyObject *msg = message(&s->msgs[l->now.ev.sub], &l->now.ev, &made);
            rc = msg ? call(l, s->on[which], msg, NULL) : -1;
        }
        if (rc == 0 && notify && s->on[ON_NOTIFY]) {
            PyObject *zero = PyLong_FromLong(0);
            rc = call(l, s->on[ON_NOTIFY], zero, NULL);
            Py_DECREF(zero);
        }
    }
    if (made) l->made_cnt += made, aats_add_relaxed(&l->counters[AATS_TDC_MSG_NEW], made);
    return rc;
}

static int deliver_invalid(loop_t *l, aats_info_t *info)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++)
        if (l->strategies[i].on[ON_BOOK_INVALID])
            rc = call_text(l, l->strategies[i].on[ON_BOOK_INVALID], info->cid, aats_why_name((int)l->now.ev.why));
    return rc;
}

static int deliver_feed(loop_t *l, int which)
{
    PyObject *name = PyList_GetItem(l->feeds, l->now.ev.feed);
    PyObject *second = NULL;
    if (!name) return -1;
    if (which == ON_LAP) second = PyLong_FromUnsignedLongLong(l->now.ev.missed);
    if (which == ON_FEED_DOWN) second = PyUnicode_FromString(aats_why_name((int)l->now.ev.why));
    if (which != ON_FEED_UP && !second) return -1;
    Py_INCREF(name);
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++)
        if (l->strategies[i].on[which]) rc = call(l, l->strategies[i].on[which], name, second);
    Py_DECREF(name);
    Py_XDECREF(second);
    return rc;
}

/* ---- one event ----------------------------------------------------------------------------------------------------------------------- */

static void take_times(loop_t *l)
{
    aats_event_t const *ev = &l->now.ev;
    l->now.delivered_ns = aats_now_ns();
    if (ev->flags & AATS_F_RECOVERED || !ev->rec->pub_ns) return; /* an old record, new to us: its age is no latency */
    if (l->pub_delivered) aats_hist_record(l->pub_delivered, l->now.delivered_ns - ev->rec->pub_ns);
    if (l->recv_delivered) aats_hist_record(l->recv_delivered, l->now.delivered_ns - ev->rec->recv_ns);
}

static int deliver(loop_t *l)
{
    aats_event_t const *ev = &l->now.ev;
    aats_info_t *info = ev->sub >= 0 ? (aats_info_t *)PyList_GET_ITEM(l->infos, ev->sub) : NULL;
    take_times(l);
    switch (ev->kind) {
    case AATS_EV_QUOTE:
        if (ev->flags & AATS_F_RECOVERED) aats_info_rules(info, aats_reader_sub(l->reader, ev->sub));
        aats_info_quote(info, ev);
        l->quote_cnt++, count(l, AATS_TDC_QUOTES);
        return deliver_quote(l);
    case AATS_EV_TICK:
        aats_info_tick(info, ev);
        l->tick_cnt++, count(l, AATS_TDC_TICKS);
        return deliver_message(l, ON_TICK, aats_tick_msg, 1);
    case AATS_EV_BBO:
        aats_info_bbo(info, ev);
        count(l, AATS_TDC_BBOS);
        return deliver_message(l, ON_BBO, aats_bbo_msg, 0);
    case AATS_EV_L2:
        count(l, AATS_TDC_L2S);
        return deliver_message(l, ON_L2, aats_l2_msg, 0);
    case AATS_EV_INVALID:
        aats_info_invalid(info);
        count(l, AATS_TDC_INVALID);
        return deliver_invalid(l, info);
    case AATS_EV_LAP:
        count(l, AATS_TDC_LAPS);
        aats_add_relaxed(&l->counters[AATS_TDC_MISSED], ev->missed);
        return deliver_feed(l, ON_LAP);
    case AATS_EV_FEED_DOWN:
        count(l, AATS_TDC_FEED_DOWN);
        l->hook_mono_ns = 0;
        return deliver_feed(l, ON_FEED_DOWN);
    default:
        count(l, AATS_TDC_FEED_UP);
        return deliver_feed(l, ON_FEED_UP);
    }
}

/* ---- chores: once a millisecond ------------------------------------------------------------------------------------------------------ */

static int run_alarms(loop_t *l, int64_t mono)
{
    for (int i = 0; i < l->alarm_cnt; i++) {
        alarm_t *t = &l->alarms[i];
        if (mono < t->due_mono_ns) continue;
        t->due_mono_ns += t->every_ns;
        if (t->due_mono_ns <= mono) t->due_mono_ns = mono + t->every_ns; /* late by more than one: they are not made up for */
        PyObject *fn = l->strategies[t->strategy].on[ON_TIMER];
        count(l, AATS_TDC_TIMERS);
        if (!fn) continue;
        PyObject *name = Py_NewRef(t->name); /* the callback may remove its timer */
        int const rc = call(l, fn, name, NULL);
        Py_DECREF(name);
        if (rc < 0) return -1;
    }
    return 0;
}

static int feed_is_down(loop_t const *l)
{
    for (Py_ssize_t f = 0; f < PyList_GET_SIZE(l->feeds); f++)
        if (aats_reader_down(l->reader, (int)f) != AATS_WHY_NONE) return 1;
    return 0;
}

static int run_hook(loop_t *l, int64_t mono)
{
    int const told = l->slot && aats_load_relaxed(&l->slot->cmd_seq) != aats_load_relaxed(&l->slot->ans_seq);
    if (l->hook == Py_None || (mono < l->hook_mono_ns && !told)) return 0;
    PyObject *got = PyObject_CallNoArgs(l->hook);
    Py_XDECREF(got);
    l->hook_mono_ns = mono + (feed_is_down(l) ? HOOK_DOWN_NS : HOOK_NS);
    return got ? 0 : -1;
}

static int another_thread(void)
{
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return first && PyThreadState_Next(first) != NULL;
}

static int chores(loop_t *l, int64_t mono)
{
    l->chore_mono_ns = mono + CHORE_NS;
    if (PyErr_CheckSignals() < 0 || run_alarms(l, mono) < 0 || run_hook(l, mono) < 0) return -1;
    aats_wait_look(&l->wait, l->ctl, l->slot, mono);
    aats_store_relaxed(&l->counters[AATS_TDC_MISSED_TICKS], aats_reader_missed_ticks(l->reader));
    l->other_threads = another_thread();
    if (l->other_threads && mono - l->switch_mono_ns >= SWITCH_NS) {
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
        l->switch_mono_ns = mono;
    }
    for (int i = 0; i < l->alarm_cnt; i++)
        if (l->alarms[i].due_mono_ns < l->chore_mono_ns) l->chore_mono_ns = l->alarms[i].due_mono_ns;
    return 0;
}

/* ---- the pass ------------------------------------------------------------------------------------------------------------------------ */

static int64_t begin_pass(loop_t *l)
{
    int64_t const mono = aats_mono_ns();
    if (l->slot) aats_ctl_beat(l->slot, mono);
    return mono;
}

static int step_hosts(loop_t *l)
{
    int work = 0;
    for (int i = 0; i < l->host_cnt; i++) work |= l->step(l->hosts[i]) > 0;
    return work;
}

/* idle waits without the GIL until an event is there (l->have), chores are due, or it is told to stop. */
static void idle(loop_t *l)
{
    for (;;) {
        int64_t const mono = begin_pass(l);
        if (mono >= l->chore_mono_ns || aats_load_relaxed(&l->stop)) return;
        int const work = step_hosts(l);
        if (aats_reader_next(l->reader, mono, &l->now.ev)) {
            l->have = 1;
            return;
        }
        if (work) aats_wait_busy(&l->wait);
        else aats_wait_idle(&l->wait, mono);
    }
}

static int pass(loop_t *l, int *empty)
{
    int64_t mono = begin_pass(l);
    if (mono >= l->chore_mono_ns && chores(l, mono) < 0) return -1;
    int work = 0;
    if (l->have) { /* found while idle */
        l->have = 0, work = 1;
        if (deliver(l) < 0) return -1;
        mono = aats_mono_ns();
    }
    work += step_hosts(l);
    for (int i = 0; i < EVENTS_A_PASS && aats_reader_next(l->reader, mono, &l->now.ev); i++) {
        work = 1;
        if (deliver(l) < 0) return -1;
        if (aats_load_relaxed(&l->stop)) return 0;
        mono = aats_mono_ns();
    }
    if (work) {
        aats_wait_busy(&l->wait);
        *empty = 0;
    } else {
        ++*empty;
        aats_spin_hint();
    }
    return 0;
}

static PyObject *loop_run(loop_t *l, PyObject *args, PyObject *kw)
{
    static char *names[] = {"drain", NULL};
    int drain = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "|p:run", names, &drain)) return NULL;
    if (some_loop_runs) {
        PyErr_SetString(PyExc_RuntimeError, "a trade loop is running in this process already: one at a time");
        return NULL;
    }
    some_loop_runs = l->running = 1;
    prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* a sleep of 50 us is to be one */
    int empty = 0, rc = 0;
    l->chore_mono_ns = 0;
    Py_INCREF(l);
    while (rc == 0 && !aats_load_relaxed(&l->stop)) {
        rc = pass(l, &empty);
        if (rc != 0 || empty < HELD_PASSES) continue;
        if (drain) break;
        Py_BEGIN_ALLOW_THREADS
        idle(l);
        Py_END_ALLOW_THREADS
    }
    some_loop_runs = l->running = 0;
    Py_DECREF(l);
    if (rc < 0) return NULL;
    Py_RETURN_NONE;
}

/* ---- set-up -------------------------------------------------------------------------------------------------------------------------- */

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
    if (!PyArg_ParseTupleAndKeywords(args, kw, "KO!O!|OO$KKKKKKO!II:Loop", names, &reader, &PyList_Type, &infos, &PyList_Type, &feeds, &hook, &keep,
                                     &slot, &ctl, &counters, &pub, &recv, &step, &PyList_Type, &hosts, &wait, &cores))
        return NULL;
    aats_reader_t *r = (aats_reader_t *)(uintptr_t)reader;
    if (!r || PyList_GET_SIZE(infos) != (Py_ssize_t)aats_reader_sub_cnt(r)) {
        PyErr_SetString(PyExc_ValueError, "infos must hold one SymbolInfo for each symbol of the reader");
        return NULL;
    }
    uint32_t deepest = 1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(infos); i++) {
        if (Py_TYPE(PyList_GET_ITEM(infos, i))->tp_basicsize != sizeof(aats_info_t)) {
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
    l->event_type = (PyTypeObject *)Py_NewRef((PyObject *)event_type_);
    static aats_rec_t const none;
    l->now.ev.rec = &none;
    aats_wait_init(&l->wait, wait, cores);
    l->flts = PyMem_Calloc(4 * (size_t)deepest, sizeof *l->flts);
    if (take_hosts(l, hosts) < 0 || !l->infos || !l->flts) {
        Py_DECREF(l);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    return (PyObject *)l;
}

static PyObject *loop_add(loop_t *l, PyObject *callbacks)
{
    if (!PyTuple_Check(callbacks) || PyTuple_GET_SIZE(callbacks) != ON_CNT) return PyErr_Format(PyExc_TypeError, "add() takes a tuple of %d callables or None", ON_CNT);
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
    for (int i = 0; i < ON_CNT; i++) {
        PyObject *fn = PyTuple_GET_ITEM(callbacks, i);
        s->on[i] = fn == Py_None ? NULL : Py_NewRef(fn);
    }
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

static PyObject *loop_event(loop_t *l, PyObject *arg)
{
    (void)arg;
    return aats_event_view(l->event_type, &l->now, (PyObject *)l);
}

/* ---- life ---------------------------------------------------------------------------------------------------------------------------- */

static int loop_traverse(loop_t *l, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(l));
    Py_VISIT(l->infos);
    Py_VISIT(l->feeds);
    Py_VISIT(l->hook);
    Py_VISIT(l->keep);
    Py_VISIT(l->event_type);
    for (int i = 0; i < l->strategy_cnt; i++)
        for (int k = 0; k < ON_CNT; k++) Py_VISIT(l->strategies[i].on[k]);
    for (int i = 0; i < l->alarm_cnt; i++) Py_VISIT(l->alarms[i].name);
    return 0;
}

/* loop_clear lets go of what may lead back to the loop; `keep` (the reader's memory) stays until the end, because an Event may still look at it. */
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
    {"add", (PyCFunction)loop_add, METH_O, "add(callbacks) -> int: a strategy, by its ten callbacks; None where it has none of its own"},
    {"run", (PyCFunction)(void (*)(void))loop_run, METH_VARARGS | METH_KEYWORDS, "run(drain=False): until stop(); with drain, until nothing is left"},
    {"stop", (PyCFunction)loop_stop, METH_NOARGS, "stop(): end run() after the event in hand; any thread"},
    {"again", (PyCFunction)loop_again, METH_NOARGS, "again(): forget stop()"},
    {"set_timer", (PyCFunction)loop_set_timer, METH_VARARGS, "set_timer(strategy, name, every_ms): 0 removes it"},
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

/* cffi has let the GIL go: take it back. */
int aats_py_types(void *dict)
{
    PyGILState_STATE const gil = PyGILState_Ensure();
    PyObject *info = aats_info_type(), *loop = PyType_FromSpec(&loop_spec);
    if (!event_type_) event_type_ = (PyTypeObject *)aats_event_type();
    int rc = info && loop && event_type_ ? 0 : -1;
    if (rc == 0) rc = PyDict_SetItemString(dict, "SymbolInfo", info);
    if (rc == 0) rc = PyDict_SetItemString(dict, "Loop", loop);
    if (rc == 0) rc = PyDict_SetItemString(dict, "Event", (PyObject *)event_type_);
    if (rc < 0) PyErr_Clear();
    Py_XDECREF(info);
    Py_XDECREF(loop);
    PyGILState_Release(gil);
    return rc;
}

int aats_py_reuse(int on) { return aats_msg_reuse(on); }
