/* loop.h -- the trade loop: one thread, in C, that polls, calls strategies, keeps timers, beats, and waits.
 *
 *     pass:   time -> heartbeat -> [chores, once a millisecond] -> [step of an inline feed] -> events -> orders
 *     orders: wishes of other threads -> the trader's step, each 5 us -> order events, each to the strategy that sent it
 *     events: one reading of the clock each, which judges it -> to every strategy
 *     idle:   as a pass, without the GIL; spinning, it looks at the rings alone for a microsecond between two readings
 *
 * For: TradeService.run.  Not for finding feeds, mapping segments, logging or closing: Python does these between runs
 * and in the hook.
 *
 * The GIL is held while events come; let go after HELD_PASSES empty passes, while nothing comes, and for one switch
 * every 5 ms when another Python thread exists.  Chores: signals (PyErr_CheckSignals), timers, commands, the wait in
 * force, the hook. An exception in a callback, the hook or a signal handler ends the run with it; the event that was
 * being delivered is not delivered to further strategies.
 *
 *   loop_type.c   the Python type: construction, strategies, timers, life
 *   loop.c        the run: passes, chores, waiting
 *   deliver.c     one event to every strategy; order events to theirs
 *   orders.c      orders on their way into the trader
 *
 * A quote or trade of a traded symbol goes to the trader before it goes to a callback.  No order event is delivered
 * inside a callback.  While it leaves (leaving()), the market is followed but not told, and order events go on.
 *
 * Owner of a loop_t: the thread in run(), with the GIL but for what idle() in loop.c touches. */
#ifndef AATS_PY_LOOP_H
#define AATS_PY_LOOP_H

#include <Python.h>

#include "app/reader.h"
#include "app/slow.h"
#include "app/wait.h"
#include "base/atomics.h"
#include "py/event.h"
#include "py/info.h"
#include "py/orders.h"
#include "py/shapes.h"
#include "py/stall.h"
#include "shm/control.h"

/* What the loop calls, in the order of add()'s tuple (CALLBACKS in aats/trade.py). */
enum {
    ON_QUOTE, ON_TICK, ON_NOTIFY, ON_BBO, ON_L2, ON_TIMER, ON_BOOK_INVALID, ON_LAP, ON_FEED_DOWN, ON_FEED_UP,
    ON_MARK, ON_FUNDING, ON_LIQUIDATION,
    ON_ORDER, /* AATS_OEV_CREATED; the other order events follow in their own order */
    ON_CNT = ON_ORDER + AATS_OEV_RISK
};

typedef struct {
    PyObject *on[ON_CNT]; /* bound methods, NULL where the strategy has none of its own */
    aats_msgs_t *msgs;    /* one a sub */
} strategy_t;

typedef struct {
    int strategy;
    PyObject *name;
    int64_t every_ns, due_mono_ns;
} alarm_t; /* a timer; timer_t is the system's */

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
    int quoted;   /* a strategy has onQuote: somebody wants them */

    aats_desk_t desk;
    int delivering; /* a callback of l->now.ev runs */
    int leaving;    /* 1: the market is told no more; 2: nor the end of order sessions, good-bye was said */

    aats_event_now_t now;
    aats_wait_t wait;
    int64_t real_ns, mono_ns; /* both clocks, as last read; see read_clocks in loop.c */
    int64_t chore_mono_ns, hook_mono_ns, switch_mono_ns, hook_every_ns;
    alarm_t *alarms;
    int alarm_cnt;
    aats_stall_guard_t stall;
    PyObject *guard; /* called in the chores, see run_guard; NULL: nobody */
    int64_t guard_idle_ns, guard_mono_ns;
    aats_slow_t *slow;   /* limits of hops, NULL: none ... */
    PyObject *slow_tell; /* ... and whom to call when one was passed; it owns them */
    int64_t slow_mono_ns;
    int running, other_threads, have;
    uint64_t stop;
    unsigned long long quote_cnt, tick_cnt, made_cnt, scratch[AATS_TDC_CNT];
} loop_t;

/* aats_loop_count adds one to a counter of the td segment, AATS_TDC_*. */
static inline void aats_loop_count(loop_t *l, int what) { aats_add_relaxed(&l->counters[what], 1); }

/* aats_loop_call calls fn(a) or fn(a, b).  0, or -1 with an exception. */
int aats_loop_call(loop_t *l, PyObject *fn, PyObject *a, PyObject *b);

/* aats_loop_deliver gives l->now.ev to every strategy, the SymbolInfo first.  0, or -1 with the exception of a
 * callback. */
int aats_loop_deliver(loop_t *l);

/* aats_loop_deliver_orders gives up to `most` order events to their strategies: how many, or -1 with the exception of a
 * callback.  It ends early where stop() was called. */
int aats_loop_deliver_orders(loop_t *l, int most);

/* The methods of the type that live in loop.c. */
PyObject *aats_loop_run(loop_t *l, PyObject *args, PyObject *kw);

/* aats_loop_type makes the type; a new reference, NULL with an exception. */
PyObject *aats_loop_type(PyTypeObject *event_type);

#endif
