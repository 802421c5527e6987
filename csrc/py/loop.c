#include "py/loop.h"

#include <sys/prctl.h>

#include "base/clock.h"
#include "shm/clock.h"

#define HELD_PASSES   64               /* empty passes before the GIL is let go */
#define CHORE_NS      1000000
#define SWITCH_NS     5000000          /* the interpreter's own switch interval */
#define HOOK_NS       1000000000
#define HOOK_DOWN_NS  20000000         /* while a feed is down: Python looks for its next generation */
#define EVENTS_A_PASS 16
#define SPIN_TURNS    64               /* looks at the rings between two readings of the clock: a microsecond or two */
#define GUARD_NS      1000000000
#define SLOW_NS       1000000000       /* between two looks at limits of which only the log is told */
#define GUARD_IDLE_NS 10000000

static int some_loop_runs;

/* ---- chores: once a millisecond ---------------------------------------------------------------------------------- */

static int run_alarms(loop_t *l, int64_t mono)
{
    if (l->leaving) return 0;
    for (int i = 0; i < l->alarm_cnt; i++) {
        alarm_t *t = &l->alarms[i];
        if (mono < t->due_mono_ns) continue;
        t->due_mono_ns += t->every_ns;
        if (t->due_mono_ns <= mono) t->due_mono_ns = mono + t->every_ns; /* late by more than one: they are not made up for */
        PyObject *fn = l->strategies[t->strategy].on[ON_TIMER];
        aats_loop_count(l, AATS_TDC_TIMERS);
        if (!fn) continue;
        PyObject *name = Py_NewRef(t->name); /* the callback may remove its timer */
        int const rc = aats_loop_call(l, fn, name, NULL);
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
    if (l->hook == Py_None || (mono < l->hook_mono_ns && !told && !aats_desk_mail(&l->desk))) return 0;
    PyObject *got = PyObject_CallNoArgs(l->hook);
    Py_XDECREF(got);
    l->hook_mono_ns = mono + (l->hook_every_ns ? l->hook_every_ns : feed_is_down(l) ? HOOK_DOWN_NS : HOOK_NS);
    return got ? 0 : -1;
}

/* run_guard calls the guard with the idle time so far: each GUARD_IDLE_NS while nothing comes and no timer is about to fire, else with 0
 * once a second. */
static int run_guard(loop_t *l, int64_t mono)
{
    int64_t const idle = l->wait.idle_mono_ns && mono - l->wait.idle_mono_ns >= l->guard_idle_ns ? mono - l->wait.idle_mono_ns : 0;
    if (!l->guard || mono < l->guard_mono_ns - (idle ? GUARD_NS - GUARD_IDLE_NS : 0)) return 0;
    for (int i = 0; idle && i < l->alarm_cnt; i++)
        if (l->alarms[i].due_mono_ns < mono + 2 * CHORE_NS) return 0;
    l->guard_mono_ns = mono + GUARD_NS;
    PyObject *got = PyObject_CallFunction(l->guard, "L", (long long)idle);
    Py_XDECREF(got);
    return got ? 0 : -1;
}

/* tell_slow has what passed its limit told; outside every callback. */
static int tell_slow(loop_t *l, int64_t mono)
{
    l->slow_mono_ns = mono + SLOW_NS;
    PyObject *got = PyObject_CallFunction(l->slow_tell, "i", l->leaving);
    Py_XDECREF(got);
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
    aats_clock_keep(mono);
    aats_stall_worked(&l->stall);
    aats_stall_renew(&l->stall);
    if (PyErr_CheckSignals() < 0 || run_alarms(l, mono) < 0 || run_hook(l, mono) < 0 || run_guard(l, mono) < 0) return -1;
    if (l->slow && l->slow->patient && mono >= l->slow_mono_ns && tell_slow(l, mono) < 0) return -1;
    aats_wait_look(&l->wait, l->ctl, l->slot, mono);
    aats_store_relaxed(&l->counters[AATS_TDC_MISSED_TICKS], aats_reader_missed_ticks(l->reader));
    l->other_threads = another_thread();
    if (l->other_threads && mono - l->switch_mono_ns >= SWITCH_NS) {
        Py_BEGIN_ALLOW_THREADS
        Py_END_ALLOW_THREADS
        aats_stall_gil(&l->stall);
        l->switch_mono_ns = mono;
    }
    for (int i = 0; i < l->alarm_cnt; i++)
        if (l->alarms[i].due_mono_ns < l->chore_mono_ns) l->chore_mono_ns = l->alarms[i].due_mono_ns;
    return 0;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

/* read_clocks: one reading for all that follows until something has taken time: judging records, delivered_ns, deadlines. */
static void read_clocks(loop_t *l)
{
    aats_clocks_ns(&l->real_ns, &l->mono_ns);
    aats_stall_look(&l->stall, l->mono_ns);
}

static void begin_pass(loop_t *l)
{
    read_clocks(l);
    if (l->slot) aats_ctl_beat(l->slot, l->mono_ns);
}

static int step_hosts(loop_t *l)
{
    int work = 0;
    for (int i = 0; i < l->host_cnt; i++) work |= l->step(l->hosts[i]) > 0;
    return work;
}

/* orders_come steps the trader without the GIL: 1 when there is something that needs it. */
static int orders_come(loop_t *l, int *work)
{
    if (aats_load_relaxed(&l->desk.waiting)) return 1;
    *work |= aats_desk_step_idle(&l->desk, l->mono_ns);
    return aats_trader_has_event(l->desk.trader);
}

/* idle waits without the GIL until an event is there (l->have), order events are, chores are due, or it is told to stop.  It
 * sleeps for AATS_WAIT_SLEEP_NS at most, which is less than any deadline of the trader's; spinning, it looks at nothing but
 * the rings for SPIN_TURNS turns between two readings of the clock. */
static void idle(loop_t *l)
{
    int const spins = l->wait.mode == AATS_WAIT_SPIN; /* changes in the chores only */
    for (;;) {
        begin_pass(l);
        if (l->mono_ns >= l->chore_mono_ns || aats_load_relaxed(&l->stop)) return;
        int work = step_hosts(l);
        if (work) aats_stall_worked(&l->stall);
        if (aats_reader_next(l->reader, l->mono_ns, &l->now.ev)) { /* before the orders' sockets, whose read takes a microsecond */
            l->have = 1;
            return;
        }
        if (l->desk.trader && orders_come(l, &work)) {
            aats_stall_worked(&l->stall);
            return;
        }
        if (work) {
            aats_wait_busy(&l->wait);
            aats_stall_worked(&l->stall);
            continue;
        }
        aats_wait_idle(&l->wait, l->mono_ns);
        if (!spins) aats_stall_waited(&l->stall); /* it slept because it wanted to */
        else if (l->host_cnt == 0) aats_reader_spin(l->reader, SPIN_TURNS);
    }
}

/* must_halt: a limit was passed that halts trading, and it is not done yet: nothing more is delivered before that. */
static int must_halt(loop_t const *l)
{
    if (!l->slow || !l->slow->urgent) return 0;
    for (uint32_t hop = 0; hop < AATS_HOP_CNT; hop++)
        if (l->slow->urgent >> hop & 1 && l->slow->action[hop] == AATS_SLOW_HALT) return 1;
    return 0;
}

/* orders_pass: what other threads want, the trader's step when it is due, order events.  The work done, or -1.  The clocks
 * are read again where it has taken time. */
static int orders_pass(loop_t *l)
{
    aats_desk_t *d = &l->desk;
    if (!d->trader) return 0;
    if (aats_load_relaxed(&d->waiting)) aats_desk_wishes(d);
    int work = 0, told = 0;
    if (l->mono_ns >= d->due_mono_ns) {
        work = aats_desk_step(d, l->mono_ns);
        aats_stall_worked(&l->stall);
        read_clocks(l);
    }
    if (aats_trader_has_event(d->trader)) {
        if (must_halt(l) && tell_slow(l, l->mono_ns) < 0) return -1;
        told = aats_loop_deliver_orders(l, EVENTS_A_PASS);
        if (told < 0) return -1;
        read_clocks(l);
    }
    if (told > 0 && !d->due_mono_ns) aats_desk_step(d, l->mono_ns); /* a callback sent something */
    return work + told;
}

/* market_pass delivers events while there are some: how many, or -1.  Each is judged by a reading of the clock that came after
 * it was there and after the event before it was dealt with; seen: for the first one, the last reading is such. */
static int market_pass(loop_t *l, int seen)
{
    int cnt = 0;
    for (; cnt < EVENTS_A_PASS && !aats_load_relaxed(&l->stop); cnt++, seen = 0) {
        if (!seen) {
            if (!aats_reader_due(l->reader, l->mono_ns)) break;
            read_clocks(l);
            if (cnt > 0 && orders_pass(l) < 0) return -1;
            if (must_halt(l)) break;
        }
        if (l->have) l->have = 0;
        else if (!aats_reader_next(l->reader, l->mono_ns, &l->now.ev)) break;
        l->now.delivered_ns = cnt > 0 ? l->real_ns : 0;
        if (aats_loop_deliver(l) < 0) return -1;
        if (l->desk.trader && !l->desk.due_mono_ns && !aats_load_relaxed(&l->stop)) { /* a callback sent something: its bytes go out now */
            read_clocks(l);
            if (orders_pass(l) < 0) return -1;
        }
        if (must_halt(l)) return cnt + 1;
    }
    return cnt;
}

/* pass: events first, those that are there, else those that an inline feed brings; then orders.  An event that was found
 * while idle was judged a moment ago: it comes before the chores too. */
static int pass(loop_t *l, int *empty)
{
    int seen = l->have || aats_reader_due(l->reader, l->mono_ns); /* before the clock is read */
    begin_pass(l);
    if (!l->have && l->mono_ns >= l->chore_mono_ns) {
        if (chores(l, l->mono_ns) < 0) return -1;
        seen = 0;
        read_clocks(l);
    }
    int work = seen ? 0 : step_hosts(l);
    if (work) aats_stall_worked(&l->stall);
    int const events = market_pass(l, seen);
    if (events < 0) return -1;
    if (aats_load_relaxed(&l->stop)) return 0;
    if (events > 0 && l->desk.trader) read_clocks(l);
    int const orders = orders_pass(l);
    if (orders < 0) return -1;
    work += events + orders;
    if (seen) work += step_hosts(l);
    if (l->slow && l->slow->urgent && tell_slow(l, l->mono_ns) < 0) return -1;
    if (work > 0) {
        aats_wait_busy(&l->wait);
        aats_stall_worked(&l->stall);
        *empty = 0;
    } else {
        ++*empty;
        aats_spin_hint();
    }
    return 0;
}

PyObject *aats_loop_run(loop_t *l, PyObject *args, PyObject *kw)
{
    static char *names[] = {"drain", NULL};
    int drain = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "|p:run", names, &drain)) return NULL;
    if (some_loop_runs) {
        PyErr_SetString(PyExc_RuntimeError, "a trade loop is running in this process already: one at a time");
        return NULL;
    }
    some_loop_runs = l->running = 1;
    l->desk.owner = PyThread_get_thread_ident();
    prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* a sleep of 50 us is to be one */
    int empty = 0, rc = 0;
    l->chore_mono_ns = 0;
    aats_stall_begin(&l->stall);
    Py_INCREF(l);
    while (rc == 0 && !aats_load_relaxed(&l->stop)) {
        rc = pass(l, &empty);
        if (rc != 0 || empty < HELD_PASSES) continue;
        if (drain) break;
        Py_BEGIN_ALLOW_THREADS
        idle(l);
        if (l->wait.mode != AATS_WAIT_SPIN) aats_stall_renew(&l->stall); /* the kernel counts yields and sleeps as switches */
        Py_END_ALLOW_THREADS
        aats_stall_gil(&l->stall);
    }
    some_loop_runs = l->running = 0;
    Py_DECREF(l);
    if (rc < 0) return NULL;
    Py_RETURN_NONE;
}
