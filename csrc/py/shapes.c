#include "py/shapes.h"

#include <string.h>

#include "base/errors.h"
#include "base/scale.h"

enum { C = AATS_MSG_CONST, F = AATS_MSG_FLOAT, I = AATS_MSG_INT, B = AATS_MSG_BOOL };

/* ---- words: interned once, kept for the life of the process ------------------------------------------------------ */

static struct {
    PyObject *type, *cid, *length, *trade_type, *qty, *px, *bid_px, *bid_qty, *ask_px, *ask_qty;
    PyObject *exch_ns, *recv_ns, *pub_ns, *seq, *last, *side;
    PyObject *on_quote, *on_tick, *on_bbo, *on_l2, *bid, *ask, *bought, *sold;
    PyObject **levels[2];   /* bid_0_qty, bid_0_px, bid_1_qty ...; ask_... */
    uint32_t level_cnt;     /* levels a side that have their words */
    PyObject **keys;        /* of the quote that is being made */
    uint8_t *kinds;
} W;

static int words(void)
{
    if (W.sold) return 0;
    struct { PyObject **at; char const *text; } const list[] = {
        {&W.type, "type"}, {&W.cid, "cid"}, {&W.length, "length"}, {&W.trade_type, "tradeType"}, {&W.qty, "qty"}, {&W.px, "px"},
        {&W.bid_px, "bid_px"}, {&W.bid_qty, "bid_qty"}, {&W.ask_px, "ask_px"}, {&W.ask_qty, "ask_qty"},
        {&W.exch_ns, "exch_ns"}, {&W.recv_ns, "recv_ns"}, {&W.pub_ns, "pub_ns"}, {&W.seq, "seq"}, {&W.last, "last"}, {&W.side, "side"},
        {&W.on_quote, "onQuote"}, {&W.on_tick, "onTick"}, {&W.on_bbo, "onBbo"}, {&W.on_l2, "onL2"}, {&W.bid, "bid"}, {&W.ask, "ask"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (!*list[i].at && !(*list[i].at = PyUnicode_InternFromString(list[i].text))) return -1;
    if (!W.bought && !(W.bought = PyLong_FromLong(1))) return -1;
    if (!(W.sold = PyLong_FromLong(-1))) return -1;
    return 0;
}

static int level_words(uint32_t cnt)
{
    if (cnt <= W.level_cnt) return 0;
    for (int side = 0; side < 2; side++) {
        PyObject **grown = PyMem_Realloc(W.levels[side], 2 * (size_t)cnt * sizeof *grown);
        if (!grown) return PyErr_NoMemory(), -1;
        W.levels[side] = grown;
    }
    PyObject **keys = PyMem_Realloc(W.keys, (3 + 4 * (size_t)cnt) * sizeof *keys);
    if (keys) W.keys = keys;
    uint8_t *kinds = keys ? PyMem_Realloc(W.kinds, 3 + 4 * (size_t)cnt) : NULL;
    if (!kinds) return PyErr_NoMemory(), -1;
    W.kinds = kinds;
    memset(W.kinds, F, 3 + 4 * (size_t)cnt);
    W.kinds[0] = W.kinds[1] = W.kinds[2] = C;
    for (; W.level_cnt < cnt; W.level_cnt++)
        for (int side = 0; side < 2; side++)
            for (int px = 0; px < 2; px++) {
                char text[32];
                PyOS_snprintf(text, sizeof text, "%s_%u_%s", side ? "ask" : "bid", W.level_cnt, px ? "px" : "qty");
                PyObject *word = PyUnicode_InternFromString(text);
                if (!word) return -1;
                W.levels[side][2 * W.level_cnt + px] = word;
            }
    return 0;
}

/* ---- the dicts of one strategy and symbol ------------------------------------------------------------------------ */

int aats_msgs_init(aats_msgs_t *m, PyObject *cid, uint32_t level_num)
{
    memset(m, 0, sizeof *m);
    if (words() < 0 || level_words(level_num) < 0) return -1;
    m->cid = cid, m->level_num = level_num;
    m->quotes = PyMem_Calloc(level_num + 1, sizeof(aats_msg_t *));
    return m->quotes ? AATS_OK : (PyErr_NoMemory(), -1);
}

void aats_msgs_fini(aats_msgs_t *m)
{
    for (uint32_t i = 0; m->quotes && i <= m->level_num; i++)
        if (m->quotes[i]) {
            aats_msg_fini(m->quotes[i]);
            PyMem_Free(m->quotes[i]);
        }
    PyMem_Free(m->quotes);
    m->quotes = NULL;
    for (int i = 0; i < 2; i++) aats_msg_fini(&m->tick[i]), aats_msg_fini(&m->l2[i]);
    aats_msg_fini(&m->bbo);
}

void aats_quote_floats(aats_event_t const *ev, double *out)
{
    aats_scale_pairs((int64_t const *)(void const *)ev->bids, ev->bid_len, out, ev->px_exp, ev->qty_exp);
    aats_scale_pairs((int64_t const *)(void const *)ev->asks, ev->ask_len, out + 2 * ev->bid_len, ev->px_exp, ev->qty_exp);
}

static PyObject *make_quote(aats_msgs_t *m, aats_msg_t *msg, uint64_t tag, aats_event_t const *ev, uint32_t length,
                            double const *flts, uint64_t *made)
{
    PyObject *number = PyLong_FromUnsignedLong(length);
    if (!number) return NULL;
    PyObject *const consts[3] = {W.on_quote, m->cid, number};
    W.keys[0] = W.type, W.keys[1] = W.cid, W.keys[2] = W.length;
    memcpy(W.keys + 3, W.levels[0], 2 * (size_t)ev->bid_len * sizeof *W.keys);
    memcpy(W.keys + 3 + 2 * ev->bid_len, W.levels[1], 2 * (size_t)ev->ask_len * sizeof *W.keys);
    int const flt_cnt = 2 * (int)(ev->bid_len + ev->ask_len);
    aats_msg_shape_t const shape = {3 + flt_cnt, flt_cnt, 0, W.kinds, W.keys, consts};
    PyObject *dict = aats_msg_fill(msg, &shape, tag, flts, NULL, made);
    Py_DECREF(number);
    return dict;
}

PyObject *aats_quote_msg(aats_msgs_t *m, aats_event_t const *ev, double const *flts, uint64_t *made)
{
    uint32_t const length = ev->bid_len > ev->ask_len ? ev->bid_len : ev->ask_len;
    aats_msg_t *msg = m->quotes[length];
    if (!msg) {
        if (!(msg = m->quotes[length] = PyMem_Malloc(sizeof *msg))) return PyErr_NoMemory();
        aats_msg_init(msg);
    }
    uint64_t const tag = (uint64_t)ev->bid_len << 32 | ev->ask_len;
    PyObject *dict = aats_msg_again(msg, tag, flts);
    return dict ? dict : make_quote(m, msg, tag, ev, length, flts, made);
}

PyObject *aats_tick_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    int const bought = (ev->rec->flags & AATS_F_BUYER) != 0;
    double const flts[2] = {aats_scale(ev->rec->qty_i, ev->qty_exp), aats_scale(ev->rec->px_i, ev->px_exp)};
    PyObject *dict = aats_msg_again(&m->tick[bought], 0, flts);
    if (dict) return dict;
    static uint8_t const kinds[] = {C, C, C, F, F};
    PyObject *const keys[] = {W.type, W.cid, W.trade_type, W.qty, W.px};
    PyObject *const consts[] = {W.on_tick, m->cid, bought ? W.bought : W.sold};
    aats_msg_shape_t const shape = {5, 2, 0, kinds, keys, consts};
    return aats_msg_fill(&m->tick[bought], &shape, 0, flts, NULL, made);
}

PyObject *aats_bbo_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    static uint8_t const kinds[] = {C, C, F, F, F, F, I, I, I};
    PyObject *const keys[] = {W.type, W.cid, W.bid_px, W.bid_qty, W.ask_px, W.ask_qty, W.exch_ns, W.recv_ns, W.pub_ns};
    PyObject *const consts[] = {W.on_bbo, m->cid};
    aats_level_t const none = {0, 0}, bid = ev->bid_len ? ev->bids[0] : none, ask = ev->ask_len ? ev->asks[0] : none;
    double const flts[] = {aats_scale(bid.px_i, ev->px_exp), aats_scale(bid.qty_i, ev->qty_exp), aats_scale(ask.px_i, ev->px_exp),
                           aats_scale(ask.qty_i, ev->qty_exp)};
    int64_t const ints[] = {ev->rec->exch_ns, ev->rec->recv_ns, ev->rec->pub_ns};
    aats_msg_shape_t const shape = {9, 4, 3, kinds, keys, consts};
    return aats_msg_fill(&m->bbo, &shape, 0, flts, ints, made);
}

PyObject *aats_l2_msg(aats_msgs_t *m, aats_event_t const *ev, uint64_t *made)
{
    static uint8_t const kinds[] = {C, C, C, F, F, I, B, I, I, I};
    int const ask = ev->rec->side == AATS_ASK;
    PyObject *const keys[] = {W.type, W.cid, W.side, W.px, W.qty, W.seq, W.last, W.exch_ns, W.recv_ns, W.pub_ns};
    PyObject *const consts[] = {W.on_l2, m->cid, ask ? W.ask : W.bid};
    double const flts[] = {aats_scale(ev->rec->px_i, ev->px_exp), aats_scale(ev->rec->qty_i, ev->qty_exp)};
    int64_t const ints[] = {(int64_t)ev->rec->seq, (ev->flags & AATS_F_LAST) != 0, ev->rec->exch_ns, ev->rec->recv_ns, ev->rec->pub_ns};
    aats_msg_shape_t const shape = {10, 2, 5, kinds, keys, consts};
    return aats_msg_fill(&m->l2[ask], &shape, 0, flts, ints, made);
}
