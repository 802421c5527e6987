#include "py/orders.h"

#include <string.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "py/order_msg.h"

#define STEP_NS 5000 /* between two looks at the order sockets */

static struct {
    PyObject *exchange, *symbol, *price, *size, *side, *tif, *order_id, *margin, *margin_source, *reduce_only;
} W; /* names of Order's attributes, interned once */

static int make_names(void)
{
    struct { PyObject **at; char const *text; } const list[] = {
        {&W.exchange, "exchange"}, {&W.symbol, "symbol"}, {&W.price, "price"}, {&W.size, "size"}, {&W.side, "side"}, {&W.tif, "tif"},
        {&W.order_id, "order_id"}, {&W.margin, "margin"}, {&W.margin_source, "margin_source"},
        {&W.reduce_only, "reduce_only"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (!*list[i].at && !(*list[i].at = PyUnicode_InternFromString(list[i].text))) return -1;
    return 0;
}

static PyObject *tool(aats_desk_t const *d, int which) { return PyTuple_GET_ITEM(d->tools, which); }

static int elsewhere(aats_desk_t const *d) { return PyThread_get_thread_ident() != d->owner; }

/* refuse raises OrderError. */
static void *refuse(aats_desk_t const *d, char const *format, ...)
{
    va_list args;
    va_start(args, format);
    PyObject *text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    if (text) PyErr_SetObject(tool(d, TOOL_ERROR), text);
    Py_XDECREF(text);
    return NULL;
}

/* ---- what an Order says ------------------------------------------------------------------------------------------ */

/* constant reads side or tif: a member as it is, anything else through Python's member(), which raises ValueError. */
static int constant(aats_desk_t const *d, PyObject *value, int members, int reader)
{
    PyObject *known = tool(d, members), *got = NULL;
    for (int turn = 0; turn < 2; turn++) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(known); i++)
            if (PyTuple_GET_ITEM(known, i) == (got ? got : value)) {
                Py_XDECREF(got);
                return (int)i + 1;
            }
        if (got || !(got = PyObject_CallOneArg(tool(d, reader), value))) break;
    }
    if (got) refuse(d, "%R is no constant of this kind", got);
    Py_XDECREF(got);
    return -1;
}

/* as_text gives the text of a str, int or Decimal; one that no venue could take becomes a text that no rule can. */
static PyObject *as_text(PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    if (!text && PyErr_ExceptionMatches(PyExc_ValueError)) { /* an int of more digits than Python writes */
        PyErr_Clear();
        return PyUnicode_FromString("(too many digits)");
    }
    if (text && !PyUnicode_AsUTF8(text)) {
        PyErr_Clear();
        Py_SETREF(text, PyObject_ASCII(text));
    }
    return text;
}

/* given reads a price or size.  A float (numpy's too) stays one; a str, int or Decimal is its text, held by *hold. */
static int given(aats_desk_t const *d, PyObject *value, char const *what, aats_given_t *out, PyObject **hold)
{
    char const *type = Py_TYPE(value)->tp_name;
    PyObject *whole = NULL;
    if (PyFloat_Check(value) || !strncmp(type, "numpy.float", 11) || !strcmp(type, "numpy.longdouble")) {
        out->kind = AATS_GIVEN_FLOAT, out->f = PyFloat_AsDouble(value);
        return out->f == -1.0 && PyErr_Occurred() ? -1 : 0;
    }
    int decimal = PyObject_IsInstance(value, tool(d, TOOL_DECIMAL));
    if (decimal < 0) return -1;
    if (PyBool_Check(value) || !(decimal || PyUnicode_Check(value) || PyIndex_Check(value)))
        return refuse(d, "send_order: %s must be a float, int, str or Decimal; it is of type %s", what, type), -1;
    if (!decimal && !PyUnicode_Check(value) && !(whole = PyNumber_Index(value)))
        return PyErr_Clear(), refuse(d, "send_order: %s must be a float, int, str or Decimal; it is of type %s", what, type), -1;
    *hold = as_text(whole ? whole : value);
    Py_XDECREF(whole);
    if (!*hold) return -1;
    Py_ssize_t n;
    out->kind = AATS_GIVEN_TEXT;
    out->text = PyUnicode_AsUTF8AndSize(*hold, &n);
    out->text_len = (size_t)n;
    return out->text ? 0 : -1;
}

static int same_text(PyObject *a, PyObject *b) { return PyUnicode_Check(a) && PyUnicode_Compare(a, b) == 0; }

static int find_symbol(aats_desk_t const *d, PyObject *symbol, PyObject *exchange)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(d->symbols); i++) {
        PyObject *one = PyTuple_GET_ITEM(d->symbols, i);
        if (same_text(symbol, PyTuple_GET_ITEM(one, 0)) && same_text(exchange, PyTuple_GET_ITEM(one, 1))) return (int)i;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(d->symbols); i++) { /* our name of it, or the venue's */
        PyObject *one = PyTuple_GET_ITEM(d->symbols, i);
        int const same = same_text(symbol, PyTuple_GET_ITEM(one, 2)) || same_text(symbol, PyTuple_GET_ITEM(one, 3));
        if (same && same_text(exchange, PyTuple_GET_ITEM(one, 1))) return (int)i;
    }
    return refuse(d, "%S.%S was not added with add_trade_symbol", symbol, exchange), -1;
}

/* margin_of: only False and 'spot' are none. */
static int margin_of(PyObject *margin, PyObject *source)
{
    return margin != Py_False || !PyUnicode_Check(source) || PyUnicode_CompareWithASCIIString(source, "spot") != 0;
}

/* read_order fills w from an Order's attributes; the id as it is, a new reference, or NULL with an exception. */
static PyObject *read_order(aats_desk_t const *d, PyObject *order, aats_wish_t *w)
{
    PyObject *names[] = {W.symbol, W.exchange, W.side, W.tif, W.margin, W.margin_source, W.size, W.price, W.order_id, W.reduce_only};
    enum { ATTR_SYMBOL, ATTR_EXCHANGE, ATTR_SIDE, ATTR_TIF, ATTR_MARGIN, ATTR_SOURCE, ATTR_SIZE, ATTR_PRICE, ATTR_ID, ATTR_REDUCE, ATTRS };
    PyObject *a[ATTRS] = {NULL}, *id = NULL;
    aats_order_req_t *r = &w->req;
    for (int i = 0; i < ATTRS; i++)
        if (!(a[i] = PyObject_GetAttr(order, names[i]))) goto out;
    int const side = constant(d, a[ATTR_SIDE], TOOL_SIDES, TOOL_SIDE_OF);
    int const tif = side < 0 ? -1 : constant(d, a[ATTR_TIF], TOOL_TIFS, TOOL_TIF_OF);
    if (tif < 0 || (r->sym = find_symbol(d, a[ATTR_SYMBOL], a[ATTR_EXCHANGE])) < 0) goto out;
    r->side = (uint8_t)side, r->tif = (uint8_t)tif;
    r->margin = (uint8_t)margin_of(a[ATTR_MARGIN], a[ATTR_SOURCE]);
    int const reduce = a[ATTR_REDUCE] == Py_False ? 0 : PyObject_IsTrue(a[ATTR_REDUCE]);
    if (reduce < 0) goto out;
    r->reduce = (uint8_t)reduce;
    if (given(d, a[ATTR_SIZE], "size", &r->qty, &w->texts[1]) < 0) goto out;
    if (tif != AATS_TIF_MARKET && given(d, a[ATTR_PRICE], "price", &r->px, &w->texts[0]) < 0) goto out;
    r->order_id = PyLong_Check(a[ATTR_ID]) ? PyLong_AsLongLong(a[ATTR_ID]) : -1;
    if (r->order_id <= 0) {
        PyErr_Clear();
        refuse(d, "send_order: order_id is given by Order's constructor; it is %R", a[ATTR_ID]);
        goto out;
    }
    id = Py_NewRef(a[ATTR_ID]);
out:
    for (int i = 0; i < ATTRS; i++) Py_XDECREF(a[i]);
    return id;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static void drop(aats_wish_t *w)
{
    Py_CLEAR(w->texts[0]);
    Py_CLEAR(w->texts[1]);
}

static int keep(aats_desk_t *d, aats_wish_t const *w)
{
    if (d->wish_cnt == d->wish_cap) {
        int const cap = d->wish_cap ? 2 * d->wish_cap : 16;
        aats_wish_t *grown = PyMem_Realloc(d->wishes, (size_t)cap * sizeof *grown);
        if (!grown) return PyErr_NoMemory(), -1;
        d->wishes = grown, d->wish_cap = cap;
    }
    d->wishes[d->wish_cnt++] = *w;
    aats_store_release(&d->waiting, 1);
    return 0;
}

static int amend_now(aats_desk_t *d, aats_order_req_t const *r, int64_t now, int64_t mono)
{
    aats_order_t o;
    aats_amend_req_t req = {.order_id = r->order_id, .strategy = r->strategy, .px = r->px, .qty = r->qty};
    if (aats_trader_find(d->trader, r->order_id, &o) == 1) req.book_why = (uint32_t)aats_reader_why(d->reader, d->subs[o.sym], mono);
    return aats_trader_amend(d->trader, &req, now, mono);
}

static int do_wish(aats_desk_t *d, aats_wish_t *w)
{
    int64_t const now = w->decided_ns ? w->decided_ns : aats_now_ns(), mono = aats_mono_ns();
    d->due_mono_ns = 0; /* the bytes go out as soon as the callback has returned */
    if (w->kind == WISH_CANCEL) return aats_trader_cancel(d->trader, w->req.order_id, w->req.strategy, now, mono);
    if (w->kind == WISH_CANCEL_ALL) return aats_trader_cancel_of(d->trader, w->req.strategy, w->req.sym, now, mono);
    if (w->kind == WISH_AMEND) return amend_now(d, &w->req, now, mono);
    w->req.book_why = (uint8_t)aats_reader_why(d->reader, d->subs[w->req.sym], mono);
    return aats_trader_send(d->trader, &w->req, now, mono);
}

void aats_desk_wishes(aats_desk_t *d)
{
    aats_wish_t *list = d->wishes;
    int const cnt = d->wish_cnt;
    d->wishes = NULL, d->wish_cnt = d->wish_cap = 0;
    aats_store_relaxed(&d->waiting, 0);
    for (int i = 0; i < cnt; i++) {
        do_wish(d, &list[i]);
        drop(&list[i]);
    }
    PyMem_Free(list);
}

PyObject *aats_desk_send(aats_desk_t *d, int strategy, PyObject *order, int64_t recv_ns, int64_t delivered_ns)
{
    int64_t const decided_ns = aats_now_ns();
    int const is = PyObject_IsInstance(order, tool(d, TOOL_ORDER));
    if (is < 0) return NULL;
    if (!is) return refuse(d, "send_order takes an Order, this is %s: %R", Py_TYPE(order)->tp_name, order);
    aats_wish_t w = {.req = {.strategy = (uint8_t)strategy}};
    PyObject *id = read_order(d, order, &w);
    if (id && !d->trader) {
        Py_CLEAR(id);
        refuse(d, "send_order: the run is over");
    } else if (id && elsewhere(d)) {
        if (keep(d, &w) == 0) return id; /* it has the texts now */
        Py_CLEAR(id);
    } else if (id) {
        w.decided_ns = decided_ns;
        w.req.recv_ns = recv_ns, w.req.delivered_ns = delivered_ns;
        int const rc = do_wish(d, &w);
        if (rc != AATS_OK) {
            Py_CLEAR(id);
            refuse(d, "send_order: the engine does not take order %lld (%s)", (long long)w.req.order_id, aats_err_name(rc));
        }
    }
    drop(&w);
    return id;
}

/* id_of reads an order_id: 1, or 0 with an exception. */
static int id_of(aats_desk_t const *d, char const *verb, PyObject *order_id, int64_t *out)
{
    int const is = PyLong_Check(order_id) && !PyBool_Check(order_id);
    *out = is ? PyLong_AsLongLong(order_id) : -1;
    if (is && !(*out == -1 && PyErr_Occurred())) return 1;
    PyErr_Clear();
    refuse(d, "%s takes an order_id, an int; this is %s: %R", verb, Py_TYPE(order_id)->tp_name, order_id);
    return 0;
}

/* hand does what is wanted, now or by the loop's thread; it takes over the texts. */
static PyObject *hand(aats_desk_t *d, aats_wish_t *w)
{
    if (elsewhere(d)) {
        if (keep(d, w) == 0) Py_RETURN_NONE;
        drop(w);
        return NULL;
    }
    do_wish(d, w);
    drop(w);
    Py_RETURN_NONE;
}

PyObject *aats_desk_cancel(aats_desk_t *d, int strategy, PyObject *order_id)
{
    aats_wish_t w = {.req = {.strategy = (uint8_t)strategy}, .kind = WISH_CANCEL};
    return id_of(d, "send_cancel_order", order_id, &w.req.order_id) ? hand(d, &w) : NULL;
}

PyObject *aats_desk_amend(aats_desk_t *d, int strategy, PyObject *order_id, PyObject *price, PyObject *size)
{
    aats_wish_t w = {.req = {.strategy = (uint8_t)strategy}, .kind = WISH_AMEND};
    if (!id_of(d, "send_amend_order", order_id, &w.req.order_id)) return NULL;
    if (price == Py_None && size == Py_None) return refuse(d, "send_amend_order takes a price, a size, or both");
    int const bad = (price != Py_None && given(d, price, "price", &w.req.px, &w.texts[0]) < 0) || (size != Py_None && given(d, size, "size", &w.req.qty, &w.texts[1]) < 0);
    if (!bad) return hand(d, &w);
    drop(&w);
    return NULL;
}

PyObject *aats_desk_cancel_all(aats_desk_t *d, int strategy, PyObject *symbol)
{
    aats_wish_t w = {.req = {.strategy = (uint8_t)strategy, .sym = -1}, .kind = WISH_CANCEL_ALL};
    if (symbol != Py_None) {
        if (!PyTuple_Check(symbol) || PyTuple_GET_SIZE(symbol) != 2) return refuse(d, "send_cancel_all takes a cid of a traded symbol");
        if ((w.req.sym = find_symbol(d, PyTuple_GET_ITEM(symbol, 0), PyTuple_GET_ITEM(symbol, 1))) < 0) return NULL;
    }
    return hand(d, &w);
}

/* ---- stepping ---------------------------------------------------------------------------------------------------- */

int aats_desk_step(aats_desk_t *d, int64_t mono)
{
    if (mono < d->due_mono_ns) return 0;
    int const work = aats_trader_step(d->trader, aats_now_ns(), mono);
    d->due_mono_ns = mono + STEP_NS;
    return work > 0;
}

int aats_desk_step_idle(aats_desk_t *d, int64_t mono)
{
    if (mono < d->due_mono_ns) return 0;
    pthread_mutex_lock(&d->lock);
    int const work = aats_desk_step(d, mono);
    pthread_mutex_unlock(&d->lock);
    return work;
}

int aats_desk_mail(aats_desk_t const *d)
{
    for (int i = 0; i < d->mail_cnt; i++) {
        aats_mailbox_t const *m = d->mails[i];
        if (aats_load_relaxed(&m->slots[m->tail & m->mask])) return 1;
    }
    return 0;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

PyObject *aats_desk_view(aats_desk_t *d, PyObject *order_id)
{
    long long const id = PyLong_Check(order_id) ? PyLong_AsLongLong(order_id) : 0;
    if (PyErr_Occurred()) PyErr_Clear();
    if (id <= 0) Py_RETURN_NONE;
    aats_order_t o;
    pthread_mutex_lock(&d->lock);
    int found = d->trader && aats_trader_find(d->trader, id, &o) == 1;
    pthread_mutex_unlock(&d->lock);
    if (!found) {
        o = d->closed[(uint64_t)id % AATS_DESK_KEPT];
        found = o.order_id == id;
    }
    if (!found) Py_RETURN_NONE;
    return aats_order_view(&o, d->symbols);
}

PyObject *aats_desk_open_ids(aats_desk_t *d, int strategy)
{
    pthread_mutex_lock(&d->lock);
    uint32_t cap = aats_trader_list(d->trader, NULL, 0), cnt = 0;
    aats_order_t *list = PyMem_RawCalloc((size_t)cap + 1, sizeof *list);
    if (list) cnt = aats_trader_list(d->trader, list, cap);
    pthread_mutex_unlock(&d->lock);
    PyObject *out = list ? PyList_New(0) : PyErr_NoMemory();
    for (uint32_t i = 0; out && i < (cnt < cap ? cnt : cap); i++) {
        if (list[i].strategy != strategy) continue;
        PyObject *id = PyLong_FromLongLong(list[i].order_id);
        if (!id || PyList_Append(out, id) < 0) Py_CLEAR(out);
        Py_XDECREF(id);
    }
    PyMem_RawFree(list);
    return out;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int take_mails(aats_desk_t *d, PyObject *mails)
{
    Py_ssize_t const cnt = PyList_GET_SIZE(mails);
    if (!(d->mails = PyMem_Calloc((size_t)cnt + 1, sizeof(aats_mailbox_t *)))) return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < cnt; i++)
        if (!(d->mails[i] = PyLong_AsVoidPtr(PyList_GET_ITEM(mails, i)))) return -1;
    d->mail_cnt = (int)cnt;
    return 0;
}

static int take_syms(aats_desk_t *d, PyObject *subs, int sub_cnt)
{
    if (PyList_GET_SIZE(subs) != sub_cnt)
        return PyErr_SetString(PyExc_ValueError, "syms must hold a number for each symbol of the reader"), -1;
    Py_ssize_t const sym_cnt = PyTuple_GET_SIZE(d->symbols);
    d->syms = PyMem_Calloc((size_t)sub_cnt + 1, sizeof *d->syms);
    d->subs = PyMem_Calloc((size_t)sym_cnt + 1, sizeof *d->subs);
    if (!d->syms || !d->subs) return PyErr_NoMemory(), -1;
    for (Py_ssize_t i = 0; i < sym_cnt; i++) d->subs[i] = -1;
    for (int i = 0; i < sub_cnt; i++) {
        long const sym = PyLong_AsLong(PyList_GET_ITEM(subs, i));
        if (sym < -1 || sym >= sym_cnt)
            return PyErr_SetString(PyExc_ValueError, "syms holds an index that is none"), -1;
        d->syms[i] = (int)sym;
        if (sym >= 0) d->subs[sym] = i;
    }
    return 0;
}

int aats_desk_open(aats_desk_t *d, aats_reader_t const *reader, PyObject *args, int sub_cnt)
{
    unsigned long long trader;
    PyObject *subs, *symbols, *tools, *mails;
    if (!PyArg_ParseTuple(args, "KO!O!O!O!:trade", &trader, &PyList_Type, &subs, &PyTuple_Type, &symbols, &PyTuple_Type,
                          &tools, &PyList_Type, &mails))
        return -1;
    if (!trader || d->tools || PyTuple_GET_SIZE(tools) != TOOL_CNT)
        return PyErr_SetString(PyExc_ValueError, "trade() takes a trader, once, and its tools"), -1;
    if (make_names() < 0) return -1;
    if (!(d->closed = PyMem_RawCalloc(AATS_DESK_KEPT, sizeof *d->closed))) return PyErr_NoMemory(), -1;
    pthread_mutex_init(&d->lock, NULL);
    d->reader = reader;
    d->tools = Py_NewRef(tools), d->symbols = Py_NewRef(symbols);
    if (take_syms(d, subs, sub_cnt) < 0 || take_mails(d, mails) < 0) return -1;
    d->owner = PyThread_get_thread_ident();
    d->trader = (aats_trader_t *)(uintptr_t)trader;
    aats_trader_set_clock(d->trader, aats_now_ns);
    return 0;
}

int aats_desk_traverse(aats_desk_t *d, visitproc visit, void *arg)
{
    Py_VISIT(d->tools);
    Py_VISIT(d->symbols);
    return 0;
}

/* Another thread may be inside read_order, where Python code of the user's runs: what that needs stays until the loop goes. */
void aats_desk_end(aats_desk_t *d)
{
    d->trader = NULL;
    aats_wish_t *list = d->wishes;
    int const cnt = d->wish_cnt;
    d->wishes = NULL, d->wish_cnt = d->wish_cap = 0;
    for (int i = 0; i < cnt; i++) drop(&list[i]);
    PyMem_Free(list);
}

void aats_desk_clear(aats_desk_t *d)
{
    aats_desk_end(d);
    Py_CLEAR(d->tools);
    Py_CLEAR(d->symbols);
}

void aats_desk_fini(aats_desk_t *d)
{
    if (d->closed) pthread_mutex_destroy(&d->lock);
    PyMem_RawFree(d->closed);
    PyMem_Free(d->syms);
    PyMem_Free(d->subs);
    PyMem_Free(d->mails);
}
