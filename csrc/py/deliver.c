#include "py/loop.h"

#include "base/clock.h"
#include "py/order_msg.h"
#include "shm/stats.h"
#include "shm/valid.h"

/* ---- calling ----------------------------------------------------------------------------------------------------- */

int aats_loop_call(loop_t *l, PyObject *fn, PyObject *a, PyObject *b)
{
    PyObject *args[3] = {NULL, a, b};
    aats_loop_count(l, AATS_TDC_CALLBACKS);
    aats_stall_called(&l->stall);
    PyObject *got = PyObject_Vectorcall(fn, args + 1, (b ? 2 : 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (!got) return -1;
    Py_DECREF(got);
    return 0;
}

static int call_text(loop_t *l, PyObject *fn, PyObject *a, char const *text)
{
    PyObject *b = PyUnicode_FromString(text);
    int const rc = b ? aats_loop_call(l, fn, a, b) : -1;
    Py_XDECREF(b);
    return rc;
}

/* stamp: just before the first strategy's callback, with its message ready; within a burst the reading by which the event was
 * judged has to do, which is some 40 ns older (market_pass). */
static inline void stamp(loop_t *l)
{
    if (!l->now.delivered_ns) l->now.delivered_ns = aats_now_ns();
}

static int call_market(loop_t *l, PyObject *fn, PyObject *a)
{
    stamp(l);
    return aats_loop_call(l, fn, a, NULL);
}

/* a message, then onNotify; strategies that have neither cost nothing */
typedef PyObject *(*message_fn)(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made);

static PyObject *quote_message(loop_t *l, aats_msgs_t *m, uint64_t *made) { return aats_quote_msg(m, &l->now.ev, l->flts, made); }

static int deliver_quote(loop_t *l)
{
    uint64_t made = 0;
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++) {
        strategy_t *s = &l->strategies[i];
        if (s->on[ON_QUOTE]) {
            PyObject *msg = quote_message(l, &s->msgs[l->now.ev.sub], &made);
            rc = msg ? call_market(l, s->on[ON_QUOTE], msg) : -1;
        }
        if (rc == 0 && s->on[ON_NOTIFY]) {
            PyObject *const one = PyLong_FromLong(1); /* small integers are shared, this makes none */
            rc = call_market(l, s->on[ON_NOTIFY], one);
            Py_DECREF(one);
        }
    }
    if (made) l->made_cnt += made, aats_add_relaxed(&l->counters[AATS_TDC_MSG_NEW], made);
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
            rc = msg ? call_market(l, s->on[which], msg) : -1;
        }
        if (rc == 0 && notify && s->on[ON_NOTIFY]) {
            PyObject *zero = PyLong_FromLong(0);
            rc = call_market(l, s->on[ON_NOTIFY], zero);
            Py_DECREF(zero);
        }
    }
    if (made) l->made_cnt += made, aats_add_relaxed(&l->counters[AATS_TDC_MSG_NEW], made);
    return rc;
}

/* Its messages are new references: nobody else needs them. */
static int deliver_fresh(loop_t *l, int which, message_fn message)
{
    uint64_t made = 0;
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++) {
        strategy_t *s = &l->strategies[i];
        if (!s->on[which]) continue;
        PyObject *msg = message(&s->msgs[l->now.ev.sub], &l->now.ev, &made);
        rc = msg ? call_market(l, s->on[which], msg) : -1;
        Py_XDECREF(msg);
    }
    if (made) l->made_cnt += made, aats_add_relaxed(&l->counters[AATS_TDC_MSG_NEW], made);
    return rc;
}

static int deliver_invalid(loop_t *l, aats_info_t *info)
{
    int rc = 0;
    stamp(l);
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++)
        if (l->strategies[i].on[ON_BOOK_INVALID])
            rc = call_text(l, l->strategies[i].on[ON_BOOK_INVALID], info->cid, aats_why_name((int)l->now.ev.why));
    return rc;
}

static int deliver_feed(loop_t *l, int which)
{
    if (l->leaving) return 0;
    PyObject *name = PyList_GetItem(l->feeds, l->now.ev.feed);
    PyObject *second = NULL;
    if (!name) return -1;
    if (which == ON_LAP) second = PyLong_FromUnsignedLongLong(l->now.ev.missed);
    if (which == ON_FEED_DOWN) second = PyUnicode_FromString(aats_why_name((int)l->now.ev.why));
    if (which != ON_FEED_UP && !second) return -1;
    Py_INCREF(name);
    stamp(l);
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++)
        if (l->strategies[i].on[which]) rc = aats_loop_call(l, l->strategies[i].on[which], name, second);
    Py_DECREF(name);
    Py_XDECREF(second);
    return rc;
}

/* ---- one event --------------------------------------------------------------------------------------------------- */

/* take_times: after the callbacks, which are not to wait for it. */
static void take_times(loop_t *l)
{
    aats_event_t const *ev = &l->now.ev;
    stamp(l);
    if (ev->flags & AATS_F_RECOVERED || !ev->rec->pub_ns) return; /* an old record, new to us: its age is no latency */
    if (l->pub_delivered) aats_hist_record(l->pub_delivered, l->now.delivered_ns - ev->rec->pub_ns);
    if (l->recv_delivered) aats_hist_record(l->recv_delivered, l->now.delivered_ns - ev->rec->recv_ns);
    if (l->slow && l->slow->market) aats_slow_record(l->slow, ev->rec, l->now.delivered_ns);
}

/* to_trader shows a traded symbol's market to the trader: reference prices, and what paper trading fills by. */
static void to_trader(loop_t *l)
{
    aats_event_t const *ev = &l->now.ev;
    int const sym = ev->sub >= 0 ? l->desk.syms[ev->sub] : -1;
    if (sym < 0) return;
    int const ours = aats_trader_scaled(l->desk.trader, sym, ev->px_exp, ev->qty_exp);
    if (ev->kind == AATS_EV_QUOTE && ours)
        aats_trader_quote(l->desk.trader, sym, ev->bids, ev->bid_len, ev->asks, ev->ask_len, 1, l->real_ns);
    else if (ev->kind == AATS_EV_INVALID || ev->kind == AATS_EV_QUOTE)
        aats_trader_quote(l->desk.trader, sym, NULL, 0, NULL, 0, 0, l->real_ns);
    else if (ev->kind == AATS_EV_TICK && ours)
        aats_trader_tick(l->desk.trader, sym, ev->flags & AATS_F_BUYER ? AATS_SIDE_BUY : AATS_SIDE_SELL, ev->rec->px_i,
                         ev->rec->qty_i, l->real_ns);
}

static int deliver_event(loop_t *l)
{
    aats_event_t const *ev = &l->now.ev;
    aats_info_t *info = ev->sub >= 0 ? (aats_info_t *)PyList_GET_ITEM(l->infos, ev->sub) : NULL;
    switch (ev->kind) {
    case AATS_EV_QUOTE:
        if (ev->flags & AATS_F_RECOVERED) aats_info_rules(info, aats_reader_sub(l->reader, ev->sub));
        if (l->quoted) aats_quote_floats(ev, l->flts);
        aats_info_quote(info, ev, l->quoted ? l->flts : NULL);
        l->quote_cnt++, aats_loop_count(l, AATS_TDC_QUOTES);
        return l->leaving ? 0 : deliver_quote(l);
    case AATS_EV_TICK:
        aats_info_tick(info, ev);
        l->tick_cnt++, aats_loop_count(l, AATS_TDC_TICKS);
        return l->leaving ? 0 : deliver_message(l, ON_TICK, aats_tick_msg, 1);
    case AATS_EV_BBO:
        aats_info_bbo(info, ev);
        aats_loop_count(l, AATS_TDC_BBOS);
        return l->leaving ? 0 : deliver_message(l, ON_BBO, aats_bbo_msg, 0);
    case AATS_EV_L2:
        aats_loop_count(l, AATS_TDC_L2S);
        return l->leaving ? 0 : deliver_message(l, ON_L2, aats_l2_msg, 0);
    case AATS_EV_MARK:        return l->leaving ? 0 : deliver_fresh(l, ON_MARK, aats_mark_msg);
    case AATS_EV_FUNDING:     return l->leaving ? 0 : deliver_fresh(l, ON_FUNDING, aats_funding_msg);
    case AATS_EV_LIQUIDATION: return l->leaving ? 0 : deliver_fresh(l, ON_LIQUIDATION, aats_liquidation_msg);
    case AATS_EV_INVALID:
        aats_info_invalid(info);
        aats_loop_count(l, AATS_TDC_INVALID);
        return l->leaving ? 0 : deliver_invalid(l, info);
    case AATS_EV_LAP:
        aats_loop_count(l, AATS_TDC_LAPS);
        aats_add_relaxed(&l->counters[AATS_TDC_MISSED], ev->missed);
        return deliver_feed(l, ON_LAP);
    case AATS_EV_FEED_DOWN:
        aats_loop_count(l, AATS_TDC_FEED_DOWN);
        l->hook_mono_ns = 0;
        return deliver_feed(l, ON_FEED_DOWN);
    default:
        aats_loop_count(l, AATS_TDC_FEED_UP);
        return deliver_feed(l, ON_FEED_UP);
    }
}

int aats_loop_deliver(loop_t *l)
{
    if (l->desk.trader) to_trader(l);
    l->delivering = 1;
    int const rc = deliver_event(l);
    l->delivering = 0;
    take_times(l);
    return rc;
}

/* ---- order events ------------------------------------------------------------------------------------------------ */

static char const *const order_types[] = {
    "", "onOrderCreated", "onOrderAcked", "onOrderRejected", "onOrderExec", "onOrderCancelCreated", "onOrderCancelAcked",
    "onOrderCancelRejected", "onOrderCanceled", "onOrderClosed", "onOrderUnknown", "onOrderAmended", "onOrderAmendRejected",
};

static int tell_risk(loop_t *l, aats_oev_t const *ev)
{
    PyObject *got = PyObject_CallFunction(PyTuple_GET_ITEM(l->desk.tools, TOOL_RISK), "ss", ev->order.symbol, ev->msg);
    Py_XDECREF(got);
    return got ? 0 : -1;
}

/* of the session of an exchange, or of the host's limits: to everybody */
static int deliver_session(loop_t *l, aats_oev_t const *ev)
{
    if (l->leaving > 1) return 0;
    if (ev->kind == AATS_OEV_RISK && tell_risk(l, ev) < 0) return -1;
    PyObject *exchange = PyUnicode_FromString(ev->order.symbol);
    int rc = exchange ? 0 : -1;
    for (int i = 0; rc == 0 && i < l->strategy_cnt; i++) {
        PyObject *fn = l->strategies[i].on[ON_ORDER + ev->kind - 1];
        if (fn) rc = aats_loop_call(l, fn, exchange, NULL);
    }
    Py_XDECREF(exchange);
    return rc;
}

/* tell_fitted says once a symbol that a float was moved to the tick or lot. */
static int tell_fitted(loop_t *l, aats_oev_t const *ev)
{
    uint64_t const bit = (uint64_t)1 << (ev->order.sym & 63);
    if (!(ev->order.flags & AATS_OF_FITTED) || l->desk.fitted & bit) return 0;
    l->desk.fitted |= bit;
    char const *msg = ev->msg[0] ? ev->msg : ev->order.msg;
    PyObject *got = PyObject_CallFunction(PyTuple_GET_ITEM(l->desk.tools, TOOL_FITTED), "ss", ev->order.symbol, msg);
    Py_XDECREF(got);
    return got ? 0 : -1;
}

static int deliver_order(loop_t *l, aats_oev_t const *ev)
{
    aats_order_t const *o = &ev->order;
    if (ev->kind == AATS_OEV_CREATED && tell_fitted(l, ev) < 0) return -1;
    if (ev->kind == AATS_OEV_CLOSED && o->code != AATS_OC_DUPLICATE_ID)
        l->desk.closed[(uint64_t)o->order_id % AATS_DESK_KEPT] = *o;
    PyObject *fn = o->strategy < l->strategy_cnt ? l->strategies[o->strategy].on[ON_ORDER + ev->kind - 1] : NULL;
    if (!fn) return 0;
    PyObject *msg = aats_order_msg(ev, order_types[ev->kind], l->desk.symbols);
    int const rc = msg ? aats_loop_call(l, fn, msg, NULL) : -1;
    Py_XDECREF(msg);
    return rc;
}

int aats_loop_deliver_orders(loop_t *l, int most)
{
    aats_oev_t *ev = &l->desk.ev;
    int cnt = 0, rc = 0;
    while (rc == 0 && cnt < most && !aats_load_relaxed(&l->stop) && aats_trader_event(l->desk.trader, ev)) {
        cnt++;
        if (ev->kind < AATS_OEV_CREATED || ev->kind > AATS_OEV_RISK) continue;
        rc = ev->kind >= AATS_OEV_DISCONNECT ? deliver_session(l, ev) : deliver_order(l, ev);
    }
    return rc < 0 ? -1 : cnt;
}
