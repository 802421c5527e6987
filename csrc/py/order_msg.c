#include "py/order_msg.h"

#include <string.h>

#include "order/client_id.h"
#include "order/codes.h"
#include "order/wide.h"
#include "proto/num.h"

/* ---- words: interned once, kept for the life of the process ------------------------------------------------------ */

enum {
    EXCHANGE, FILL_NOTIONAL, FILL_PRICE, FILL_SIZE, MARGIN, MARGIN_SOURCE, ORDER_ID, PRICE, REMOTE_ID, SIDE, SIZE, SYMBOL,
    MSG, CODE, CLIENT_ID, CUM_SIZE, CUM_NOTIONAL, AVG_PRICE, LEAVES_SIZE, FEE, FEE_ASSET, LIQUIDITY, REPLAYED,
    STATE, TIF, UNKNOWN, CANCELING, STRATEGY, FILL_CNT, CREATED_NS, SENT_NS, ACKED_NS, FILLED_NS, CLOSED_NS,
    ORDER, TYPE, BUY, SELL, MAKER, TAKER, SPOT, ZERO, EMPTY, WORD_CNT
};
static char const *const texts[WORD_CNT] = {
    "exchange", "fill_notional", "fill_price", "fill_size", "margin", "margin_source", "order_id", "price", "remote_id", "side",
    "size", "symbol", "msg", "code", "client_id", "cum_size", "cum_notional", "avg_price", "leaves_size", "fee", "fee_asset",
    "liquidity", "replayed", "state", "tif", "unknown", "canceling", "strategy", "fill_cnt", "created_ns", "sent_ns", "acked_ns",
    "filled_ns", "closed_ns", "order", "type", "buy", "sell", "maker", "taker", "spot", "0", "",
};
static PyObject *words[WORD_CNT];

static int make_words(void)
{
    for (int i = 0; !words[EMPTY] && i < WORD_CNT; i++)
        if (!words[i] && !(words[i] = PyUnicode_InternFromString(texts[i]))) return -1;
    return 0;
}

/* form_t -- a dict that is being filled; an exception anywhere makes it a bad one. */
typedef struct {
    PyObject *d;
    int bad;
} form_t;

/* put sets a key to a value that it takes over; a NULL is an exception that is there already. */
static void put(form_t *f, int key, PyObject *value)
{
    if (!value || f->bad || PyDict_SetItem(f->d, words[key], value) < 0) f->bad = 1;
    Py_XDECREF(value);
}

static PyObject *word(int which) { return Py_NewRef(words[which]); }

static PyObject *text(char const *s)
{
    return *s ? PyUnicode_DecodeUTF8(s, (Py_ssize_t)strlen(s), "replace") : word(EMPTY);
}

static PyObject *number(int64_t v, int exp)
{
    char out[AATS_NUM_SZ];
    int const n = v ? aats_num_format(v, exp, out, sizeof out) : 0;
    return n > 0 ? PyUnicode_FromStringAndSize(out, n) : word(ZERO);
}

static PyObject *wide(aats_i128_t v, int exp)
{
    char out[AATS_WIDE_SZ];
    int const n = v.lo || v.hi ? aats_wide_format(v, exp, out, sizeof out) : 0;
    return n > 0 ? PyUnicode_FromStringAndSize(out, n) : word(ZERO);
}

static PyObject *average(aats_order_t const *o)
{
    char out[AATS_WIDE_SZ];
    int const n = o->cum_qty_i ? aats_wide_average(o->cum_notional, o->cum_qty_i, o->px_exp, o->qty_exp, out, sizeof out) : 0;
    return n > 0 ? PyUnicode_FromStringAndSize(out, n) : word(ZERO);
}

/* ---- an order ---------------------------------------------------------------------------------------------------- */

/* called returns what the user calls a symbol, a borrowed reference; NULL: what we call it. */
static PyObject *called(PyObject *symbols, uint32_t sym, char const *ours, size_t len)
{
    PyObject *one = symbols && (Py_ssize_t)sym < PyTuple_GET_SIZE(symbols) ? PyTuple_GET_ITEM(symbols, sym) : NULL;
    if (!one || PyTuple_GET_ITEM(one, 0) == PyTuple_GET_ITEM(one, 2)) return NULL;
    Py_ssize_t n;
    char const *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(one, 2), &n); /* an order that names no symbol has index 0, too */
    if (!text) return PyErr_Clear(), NULL;
    return (size_t)n == len && !memcmp(text, ours, len) ? PyTuple_GET_ITEM(one, 0) : NULL;
}

static void put_identity(form_t *f, aats_order_t const *o, PyObject *symbols)
{
    char id[AATS_CLIENT_ID_SZ];
    char const *dot = strchr(o->symbol, '.');
    PyObject *user = dot ? called(symbols, o->sym, o->symbol, (size_t)(dot - o->symbol)) : NULL;
    aats_client_id_format(o->instance, aats_order_client_no(o), id);
    put(f, EXCHANGE,      text(dot ? dot + 1 : ""));
    put(f, SYMBOL,        user ? Py_NewRef(user) : dot ? PyUnicode_DecodeUTF8(o->symbol, dot - o->symbol, "replace") : text(o->symbol));
    put(f, SIDE,          word(o->side == AATS_SIDE_BUY ? BUY : o->side == AATS_SIDE_SELL ? SELL : EMPTY));
    put(f, PRICE,         number(o->px_i, o->px_exp));
    put(f, SIZE,          number(o->qty_i, o->qty_exp));
    put(f, ORDER_ID,      PyLong_FromLongLong(o->order_id));
    put(f, REMOTE_ID,     text(o->remote_id));
    put(f, CLIENT_ID,     text(id));
    put(f, MARGIN,        PyBool_FromLong(o->flags & AATS_OF_MARGIN));
    put(f, MARGIN_SOURCE, word(SPOT));
}

static void put_fill(form_t *f, aats_oev_t const *ev)
{
    int const px_exp = ev->order.px_exp, qty_exp = ev->order.qty_exp, exec = ev->kind == AATS_OEV_EXEC;
    aats_i128_t const notional = aats_wide_of((__int128)ev->fill_px_i * ev->fill_qty_i);
    put(f, FILL_PRICE,    exec ? number(ev->fill_px_i, px_exp) : word(ZERO));
    put(f, FILL_SIZE,     exec ? number(ev->fill_qty_i, qty_exp) : word(ZERO));
    put(f, FILL_NOTIONAL, exec ? wide(notional, px_exp + qty_exp) : word(ZERO));
    if (!exec) return;
    put(f, FEE,           number(ev->fee_i, ev->fee_exp));
    put(f, FEE_ASSET,     text(ev->fee_asset));
    put(f, LIQUIDITY,     word(ev->liquidity == AATS_LIQ_MAKER ? MAKER : ev->liquidity == AATS_LIQ_TAKER ? TAKER : EMPTY));
}

static void put_sums(form_t *f, aats_order_t const *o)
{
    put(f, CUM_SIZE,      number(o->cum_qty_i, o->qty_exp));
    put(f, CUM_NOTIONAL,  wide(o->cum_notional, o->px_exp + o->qty_exp));
    put(f, AVG_PRICE,     average(o));
    put(f, LEAVES_SIZE,   o->state == AATS_ORD_CLOSED ? word(ZERO) : number(o->qty_i - o->cum_qty_i, o->qty_exp));
}

static form_t order_form(aats_oev_t const *ev, PyObject *symbols)
{
    aats_order_t const *o = &ev->order;
    form_t f = {.d = make_words() < 0 ? NULL : PyDict_New()};
    if (!f.d) return (form_t){.bad = 1};
    put_identity(&f, o, symbols);
    put_fill(&f, ev);
    put_sums(&f, o);
    put(&f, MSG,  text(ev->msg[0] ? ev->msg : o->msg));
    put(&f, CODE, text(aats_code_name((int)(ev->code ? ev->code : o->code))));
    if (o->flags & AATS_OF_REPLAYED) put(&f, REPLAYED, Py_NewRef(Py_True));
    return f;
}

static PyObject *finished(form_t *f)
{
    if (f->bad) Py_CLEAR(f->d);
    return f->d;
}

PyObject *aats_order_msg(aats_oev_t const *ev, char const *type, PyObject *symbols)
{
    form_t order = order_form(ev, symbols);
    if (!finished(&order)) return NULL;
    form_t f = {.d = PyDict_New()};
    if (!f.d) f.bad = 1;
    put(&f, ORDER, order.d);
    put(&f, TYPE,  PyUnicode_InternFromString(type));
    return finished(&f);
}

PyObject *aats_order_view(aats_order_t const *o, PyObject *symbols)
{
    static char const *const states[] = {"free", "new", "live", "ending", "closed"};
    static char const *const tifs[] = {"", "ioc", "pos", "gtc", "fok", "market"};
    aats_oev_t const ev = {.order = *o};
    form_t f = order_form(&ev, symbols);
    if (!f.d) return NULL;
    put(&f, STATE,      text(o->state <= AATS_ORD_CLOSED ? states[o->state] : "?"));
    put(&f, TIF,        text(o->tif <= AATS_TIF_MARKET ? tifs[o->tif] : "?"));
    put(&f, UNKNOWN,    PyBool_FromLong(o->flags & AATS_OF_UNKNOWN));
    put(&f, CANCELING,  PyBool_FromLong(o->cancel));
    put(&f, STRATEGY,   PyLong_FromLong(o->strategy));
    put(&f, FILL_CNT,   PyLong_FromUnsignedLong(o->fill_cnt));
    put(&f, CREATED_NS, PyLong_FromLongLong(o->created_ns));
    put(&f, SENT_NS,    PyLong_FromLongLong(o->sent_ns));
    put(&f, ACKED_NS,   PyLong_FromLongLong(o->acked_ns));
    put(&f, FILLED_NS,  PyLong_FromLongLong(o->filled_ns));
    put(&f, CLOSED_NS,  PyLong_FromLongLong(o->closed_ns));
    return finished(&f);
}
