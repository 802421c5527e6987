/* machine.c -- the table of states and messages, and what each of its words does; see machine.h. */
#include "order/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "order/client_id.h"
#include "order/wide.h"

/* ---- the table ---- */

#define STATES (AATS_ORD_CLOSED + 1)
#define KINDS  (AATS_OM_AMEND_REJECT + 1)

/* Every message in every state.  A word that begins in NEW with news of a later time queues Acked first. */
static uint8_t const TABLE[STATES][KINDS] = {
#define ROW(ack, reject, fill, done, cancel_ack, cancel_reject, unknown, open, absent, failed, amended, amend_reject)                      \
    {                                                                                                                                      \
        [AATS_OM_ACK]        = AATS_ACT_##ack,        [AATS_OM_REJECT]        = AATS_ACT_##reject,                                         \
        [AATS_OM_FILL]       = AATS_ACT_##fill,       [AATS_OM_DONE]          = AATS_ACT_##done,                                           \
        [AATS_OM_CANCEL_ACK] = AATS_ACT_##cancel_ack, [AATS_OM_CANCEL_REJECT] = AATS_ACT_##cancel_reject,                                  \
        [AATS_OM_UNKNOWN]    = AATS_ACT_##unknown,    [AATS_OM_OPEN]          = AATS_ACT_##open,                                           \
        [AATS_OM_ABSENT]     = AATS_ACT_##absent,     [AATS_OM_FAILED]        = AATS_ACT_##failed,                                         \
        [AATS_OM_AMENDED]    = AATS_ACT_##amended,    [AATS_OM_AMEND_REJECT]  = AATS_ACT_##amend_reject,                                   \
    }
    /*                       ACK    REJECT  FILL       DONE   CANCEL_ACK CANCEL_REJECT UNKNOWN OPEN   ABSENT  FAILED  AMENDED  AMEND_REJECT */
    [AATS_ORD_NEW]    = ROW( ACK,   REFUSE, FILL,      END,   CANCELED,  KEPT,         DOUBT,  ALIVE, ABSENT, REFUSE, AMENDED, UNCHANGED ),
    [AATS_ORD_LIVE]   = ROW( KNOWN, STALE,  FILL,      END,   CANCELED,  KEPT,         DOUBT,  ALIVE, LAG,    STALE,  AMENDED, UNCHANGED ),
    [AATS_ORD_ENDING] = ROW( KNOWN, STALE,  FILL,      MORE,  STALE,     STALE,        DOUBT,  STALE, LAG,    STALE,  STALE,   STALE     ),
    [AATS_ORD_CLOSED] = ROW( GHOST, STALE,  LATE_FILL, STALE, STALE,     STALE,        STALE,  GHOST, STALE,  STALE,  STALE,   STALE     ),
#undef ROW
};

int aats_machine_action(int state, int kind)
{
    if (state < AATS_ORD_NEW || state > AATS_ORD_CLOSED || kind < AATS_OM_ACK || kind > AATS_OM_AMEND_REJECT) return AATS_E_ARG;
    return TABLE[state][kind];
}

/* ---- events ---- */

/* step_t -- one step: the order, what came in, and the events made so far. */
typedef struct {
    aats_machine_t *m;
    aats_omsg_t const *in; /* NULL: a wish of ours */
    int64_t now_ns;
    aats_oev_t *out;
    int cnt;
} step_t;

static void copy_text(char *to, size_t to_sz, char const *from, size_t from_sz)
{
    size_t len = strnlen(from, from_sz);
    if (len >= to_sz) len = to_sz - 1;
    memmove(to, from, len);
    memset(to + len, 0, to_sz - len);
}

/* Queues an event with the order as it is now. */
static aats_oev_t *emit(step_t *s, int kind, int code, char const *text, size_t text_sz)
{
    aats_oev_t *ev = &s->out[s->cnt++];
    memset(ev, 0, offsetof(aats_oev_t, order));
    ev->ns       = s->now_ns;
    ev->venue_ns = s->in != NULL ? s->in->venue_ns : 0;
    ev->kind     = (uint32_t)kind;
    ev->code     = (uint32_t)code;
    if (text != NULL) copy_text(ev->msg, sizeof ev->msg, text, text_sz);
    ev->order = s->m->o;
    return ev;
}

static int64_t heard_ns(step_t const *s) { return s->in != NULL && s->in->recv_ns > 0 ? s->in->recv_ns : s->now_ns; }

/* ---- the steps that actions are made of ---- */

/* Stores the venue's own id; 1 if it was news. */
static int learn_id(step_t *s)
{
    aats_order_t *o = &s->m->o;
    if (o->remote_id[0] != 0 || s->in->remote_id[0] == 0) return 0;
    copy_text(o->remote_id, sizeof o->remote_id, s->in->remote_id, sizeof s->in->remote_id);
    return 1;
}

static void settle(aats_machine_t *m)
{
    m->want &= ~(uint32_t)AATS_WANT_STATUS;
    m->o.flags &= (uint8_t)~AATS_OF_UNKNOWN;
}

/* The venue has it: Acked, unless that was told. */
static void be_acked(step_t *s)
{
    aats_order_t *o = &s->m->o;
    if (o->state != AATS_ORD_NEW) return;
    learn_id(s);
    o->state = AATS_ORD_LIVE;
    o->acked_ns = heard_ns(s);
    emit(s, AATS_OEV_ACKED, AATS_OC_NONE, NULL, 0);
}

/* Answers the cancel request that is open, if one is. */
static void answer_cancel(step_t *s, int kind, int code)
{
    aats_order_t *o = &s->m->o;
    if (o->cancel != AATS_CXL_ASKED) return;
    o->cancel = AATS_CXL_NONE;
    if (kind == AATS_OEV_CANCEL_ACKED) s->m->cancel_by_us = 1;
    emit(s, kind, code, s->in != NULL ? s->in->text : NULL, sizeof s->in->text);
}

/* ---- amendments ---- */

static int amending(aats_machine_t const *m) { return m->amend_qty_i > 0; }

/* Answers the amend request that is open, if one is. */
static void answer_amend(step_t *s, int code)
{
    aats_machine_t *m = s->m;
    if (!amending(m)) return;
    m->amend_px_i = m->amend_qty_i = 0;
    emit(s, AATS_OEV_AMEND_REJECTED, code, s->in != NULL ? s->in->text : NULL, sizeof s->in->text);
}

/* The order has this price and size now: Amended, where that is new.  It answers the request that asked for it. */
static void be_amended(step_t *s, int64_t px_i, int64_t qty_i)
{
    aats_machine_t *m = s->m;
    aats_order_t *o = &m->o;
    if (qty_i < o->cum_qty_i) qty_i = o->cum_qty_i; /* made smaller while it traded */
    int const asked = amending(m) && px_i == m->amend_px_i && (qty_i == m->amend_qty_i || qty_i == o->cum_qty_i);
    if (!asked && px_i == o->px_i && qty_i == o->qty_i) return;
    if (!asked && px_i == m->was_px_i && qty_i == m->was_qty_i) return; /* the past has overtaken it: what it was before the last amendment */
    m->was_px_i = o->px_i;
    m->was_qty_i = o->qty_i;
    o->px_i = px_i;
    o->qty_i = qty_i;
    if (asked) m->amend_px_i = m->amend_qty_i = 0;
    emit(s, AATS_OEV_AMENDED, AATS_OC_NONE, NULL, 0);
}

/* The size that the order will have after learn_numbers. */
static int64_t size_after(aats_machine_t const *m, aats_omsg_t const *in)
{
    aats_order_t const *o = &m->o;
    int64_t const px_i = in->px_i > 0 ? in->px_i : o->px_i, qty_i = in->qty_i > 0 ? in->qty_i : o->qty_i;
    int const asked = amending(m) && px_i == m->amend_px_i && qty_i == m->amend_qty_i;
    return !asked && px_i == m->was_px_i && qty_i == m->was_qty_i ? o->qty_i : qty_i;
}

/* Can `cum` be filled in all, after what the message tells of the order's size? */
static int possible(aats_machine_t const *m, aats_omsg_t const *in, int64_t cum)
{
    int64_t const size = size_after(m, in), most = m->amend_qty_i > size ? m->amend_qty_i : size;
    return cum <= most && size >= m->o.cum_qty_i;
}

/* What a message tells of price and size beside what it is for; 0: nothing. */
static void learn_numbers(step_t *s)
{
    aats_order_t const *o = &s->m->o;
    int64_t const px_i = s->in->px_i > 0 ? s->in->px_i : o->px_i, qty_i = s->in->qty_i > 0 ? s->in->qty_i : o->qty_i;
    if (s->in->px_i > 0 || s->in->qty_i > 0) be_amended(s, px_i, qty_i);
}

/* The most that may be filled in all: an amendment under way may have been made already. */
static int64_t most_of(aats_machine_t const *m) { return m->amend_qty_i > m->o.qty_i ? m->amend_qty_i : m->o.qty_i; }

/* More is filled than the order's size allows: so it has been amended. */
static void reveal_amend(step_t *s, int64_t cum)
{
    if (cum > s->m->o.qty_i && amending(s->m)) be_amended(s, s->m->amend_px_i, s->m->amend_qty_i);
}

static void be_closed(step_t *s)
{
    aats_order_t *o = &s->m->o;
    answer_cancel(s, AATS_OEV_CANCEL_REJECTED, AATS_OC_ORDER_CLOSED);
    answer_amend(s, AATS_OC_ORDER_CLOSED);
    settle(s->m);
    o->state = AATS_ORD_CLOSED;
    o->closed_ns = s->now_ns;
    emit(s, AATS_OEV_CLOSED, (int)o->code, o->code == AATS_OC_FILLED ? NULL : o->msg, sizeof o->msg);
}

static void be_rejected(step_t *s, int code, char const *text, size_t text_sz)
{
    aats_order_t *o = &s->m->o;
    o->code = (uint32_t)code;
    copy_text(o->msg, sizeof o->msg, text, text_sz);
    settle(s->m);
    emit(s, AATS_OEV_REJECTED, code, o->msg, sizeof o->msg);
    be_closed(s);
}

/* It has ended at the venue by o->end_code, and all of its fills were told. */
static void be_ended(step_t *s)
{
    aats_order_t *o = &s->m->o;
    o->code = o->cum_qty_i == o->qty_i ? AATS_OC_FILLED : (uint32_t)o->end_code;
    settle(s->m);
    if (o->code != AATS_OC_FILLED) emit(s, AATS_OEV_CANCELED, (int)o->code, o->msg, sizeof o->msg);
    be_closed(s);
}

/* ---- the actions: each returns AATS_OK or a code of aats_machine_take, which stands if no event was made ---- */

static int act_stale(step_t *s)
{
    (void)s;
    return AATS_E_STALE;
}

static int act_ack(step_t *s)
{
    settle(s->m);
    be_acked(s);
    return AATS_OK;
}

static int act_known(step_t *s) { return learn_id(s) ? AATS_OK : AATS_E_STALE; }

static int act_refuse(step_t *s)
{
    int const code = s->in->code != AATS_OC_NONE ? (int)s->in->code : AATS_OC_VENUE;
    be_rejected(s, code, s->in->text, sizeof s->in->text);
    return AATS_OK;
}

/* Index of the first trade id not below `id`. */
static uint32_t seen_at(aats_machine_t const *m, uint64_t id)
{
    uint32_t low = 0, high = m->seen_cnt;
    while (low < high) {
        uint32_t const middle = low + (high - low) / 2;
        if (m->seen[middle] < id) low = middle + 1;
        else high = middle;
    }
    return low;
}

int aats_machine_seen(aats_machine_t const *m, uint64_t id)
{
    uint32_t const at = seen_at(m, id);
    return at < m->seen_cnt && m->seen[at] == id;
}

static int remember(aats_machine_t *m, uint64_t id)
{
    if (m->seen_cnt == m->seen_cap) {
        uint32_t const cap = m->seen_cap == 0 ? 4 : m->seen_cap * 2;
        uint64_t *grown = realloc(m->seen, cap * sizeof *grown);
        if (grown == NULL) return AATS_E_NOMEM;
        m->seen = grown;
        m->seen_cap = cap;
    }
    uint32_t const at = seen_at(m, id);
    memmove(m->seen + at + 1, m->seen + at, (m->seen_cnt - at) * sizeof *m->seen);
    m->seen[at] = id;
    m->seen_cnt++;
    return AATS_OK;
}

static int act_fill(step_t *s)
{
    aats_machine_t *m = s->m;
    aats_order_t *o = &m->o;
    aats_omsg_t const *in = s->in;
    if (aats_machine_seen(m, in->trade_id)) return AATS_E_STALE;
    int64_t const most = most_of(m);
    if (in->qty_i <= 0 || in->px_i < 0 || in->qty_i > most - o->cum_qty_i || in->cum_qty_i > most) return AATS_E_SHAPE;
    aats_i128_t notional = o->cum_notional;
    if (aats_wide_add_mul(&notional, in->px_i, in->qty_i) != AATS_OK) return AATS_E_SHAPE;
    if (remember(m, in->trade_id) != AATS_OK) return AATS_E_NOMEM;

    be_acked(s);
    reveal_amend(s, o->cum_qty_i + in->qty_i);
    o->cum_qty_i += in->qty_i;
    o->cum_notional = notional;
    o->filled_ns = heard_ns(s);
    o->fill_cnt++;
    if (in->cum_qty_i > m->venue_cum_i) m->venue_cum_i = in->cum_qty_i;

    aats_oev_t *ev = emit(s, AATS_OEV_EXEC, AATS_OC_NONE, NULL, 0);
    ev->fill_px_i  = in->px_i;
    ev->fill_qty_i = in->qty_i;
    ev->fee_i      = in->fee_i;
    ev->fee_exp    = in->fee_exp;
    ev->liquidity  = in->liquidity;
    ev->trade_id   = in->trade_id;
    copy_text(ev->fee_asset, sizeof ev->fee_asset, in->fee_asset, sizeof in->fee_asset);

    int const whole = o->cum_qty_i == o->qty_i, grows = m->amend_qty_i > o->qty_i && o->state != AATS_ORD_ENDING;
    if (whole && grows) m->want |= AATS_WANT_STATUS; /* it has ended, or has become larger before it was filled: the venue knows */
    else if (whole || (o->state == AATS_ORD_ENDING && o->cum_qty_i >= o->end_qty_i)) be_ended(s);
    return AATS_OK;
}

/* Why it ended, as far as we know better than the venue: it cannot tell our cancel requests from another's. */
static int end_code(aats_machine_t const *m, aats_omsg_t const *in, int64_t cum)
{
    if (cum == m->o.qty_i) return AATS_OC_FILLED;
    if (in->code == AATS_OC_FILLED) return AATS_OC_CANCELED_OTHER; /* somebody has made it smaller */
    if (in->code == AATS_OC_CANCELED && m->o.cancel != AATS_CXL_ASKED && !m->cancel_by_us) return AATS_OC_CANCELED_OTHER;
    return in->code != AATS_OC_NONE ? (int)in->code : AATS_OC_CANCELED_OTHER;
}

/* What was filled in all when it ended: the venue's word, or where it has none what is known. */
static int64_t end_cum(aats_machine_t const *m, aats_omsg_t const *in)
{
    if (in->cum_qty_i >= 0) return in->cum_qty_i;
    if (in->code == AATS_OC_FILLED) return size_after(m, in);
    return m->o.cum_qty_i > m->venue_cum_i ? m->o.cum_qty_i : m->venue_cum_i;
}

static int act_end(step_t *s)
{
    aats_machine_t *m = s->m;
    aats_order_t *o = &m->o;
    int64_t const cum = end_cum(m, s->in);
    if (!possible(m, s->in, cum) || cum < o->cum_qty_i) {
        m->want |= AATS_WANT_STATUS;
        return AATS_E_SHAPE;
    }

    be_acked(s);
    learn_numbers(s);
    reveal_amend(s, cum);
    o->end_code = (uint64_t)end_code(m, s->in, cum);
    if (s->in->text[0] != 0) copy_text(o->msg, sizeof o->msg, s->in->text, sizeof s->in->text);
    if (o->end_code == AATS_OC_CANCELED) answer_cancel(s, AATS_OEV_CANCEL_ACKED, AATS_OC_NONE);
    if (cum == o->cum_qty_i) {
        be_ended(s);
        return AATS_OK;
    }
    settle(m);
    o->state = AATS_ORD_ENDING;
    o->end_qty_i = m->venue_cum_i = cum;
    answer_cancel(s, AATS_OEV_CANCEL_REJECTED, AATS_OC_ORDER_CLOSED);
    answer_amend(s, AATS_OC_ORDER_CLOSED);
    return AATS_OK;
}

static int act_more(step_t *s)
{
    aats_order_t *o = &s->m->o;
    int64_t const cum = s->in->cum_qty_i;
    if (cum > o->qty_i || (cum >= 0 && cum < o->cum_qty_i)) return AATS_E_SHAPE;
    if (s->in->code == AATS_OC_FILLS_MISSING && cum == o->cum_qty_i) {
        o->end_code = AATS_OC_FILLS_MISSING;
        copy_text(o->msg, sizeof o->msg, s->in->text, sizeof s->in->text);
        be_ended(s);
        return AATS_OK;
    }
    if (cum <= o->end_qty_i) return AATS_E_STALE;
    o->end_qty_i = s->m->venue_cum_i = cum;
    return AATS_OK;
}

static int act_canceled(step_t *s)
{
    if (s->m->o.cancel != AATS_CXL_ASKED) return AATS_E_STALE;
    be_acked(s);
    answer_cancel(s, AATS_OEV_CANCEL_ACKED, AATS_OC_NONE);
    return AATS_OK;
}

static int act_kept(step_t *s)
{
    if (s->m->o.cancel != AATS_CXL_ASKED) return AATS_E_STALE;
    int const code = s->in->code != AATS_OC_NONE ? (int)s->in->code : AATS_OC_VENUE;
    if (code == AATS_OC_UNKNOWN_ORDER) s->m->want |= AATS_WANT_STATUS; /* it may be filled, or canceled by another */
    answer_cancel(s, AATS_OEV_CANCEL_REJECTED, code);
    return AATS_OK;
}

static int act_doubt(step_t *s)
{
    aats_order_t *o = &s->m->o;
    s->m->want |= AATS_WANT_STATUS;
    if (o->flags & AATS_OF_UNKNOWN) return AATS_E_STALE; /* told */
    o->flags |= AATS_OF_UNKNOWN;
    emit(s, AATS_OEV_UNKNOWN, (int)s->in->code, s->in->text, sizeof s->in->text);
    return AATS_OK;
}

static int act_alive(step_t *s)
{
    aats_machine_t *m = s->m;
    aats_order_t *o = &m->o;
    if (!possible(m, s->in, s->in->cum_qty_i)) return AATS_E_SHAPE;
    int const more = s->in->cum_qty_i > m->venue_cum_i;
    int const news = more || (o->flags & AATS_OF_UNKNOWN) || (m->want & AATS_WANT_STATUS);
    if (more) m->venue_cum_i = s->in->cum_qty_i;
    settle(m);
    be_acked(s);
    learn_numbers(s);
    reveal_amend(s, s->in->cum_qty_i);
    if (o->cum_qty_i == o->qty_i) m->want |= AATS_WANT_STATUS; /* all of it is filled: it cannot live for long */
    return learn_id(s) || news ? AATS_OK : AATS_E_STALE;
}

/* An amendment that nobody here asked for is the truth all the same: somebody else's hand. */
static int act_amended(step_t *s)
{
    aats_machine_t *m = s->m;
    aats_omsg_t const *in = s->in;
    int const asked = amending(m);
    int64_t const px_i = in->px_i > 0 ? in->px_i : asked ? m->amend_px_i : m->o.px_i, qty_i = in->qty_i > 0 ? in->qty_i : asked ? m->amend_qty_i : m->o.qty_i;
    int const news = learn_id(s);
    be_acked(s);
    be_amended(s, px_i, qty_i);
    if (m->o.cum_qty_i == m->o.qty_i) be_ended(s);
    return news || s->cnt > 0 ? AATS_OK : AATS_E_STALE;
}

static int act_unchanged(step_t *s)
{
    aats_machine_t *m = s->m;
    if (!amending(m)) return AATS_E_STALE;
    int const code = s->in->code != AATS_OC_NONE ? (int)s->in->code : AATS_OC_VENUE;
    if (code == AATS_OC_UNKNOWN_ORDER) m->want |= AATS_WANT_STATUS; /* it may be filled, or canceled by another */
    answer_amend(s, code);
    if (m->o.cum_qty_i == m->o.qty_i) be_ended(s); /* only the amendment had kept it open */
    return AATS_OK;
}

static int act_absent(step_t *s)
{
    be_rejected(s, AATS_OC_NOT_RECEIVED, s->in->text, sizeof s->in->text);
    return AATS_OK;
}

static int act_lag(step_t *s)
{
    s->m->absent_cnt++;
    return AATS_E_STALE;
}

static int act_late_fill(step_t *s) { return aats_machine_seen(s->m, s->in->trade_id) ? AATS_E_STALE : AATS_E_SHAPE; }

/* Life after the end: late news of an order that lived, a contradiction of one that was refused. */
static int act_ghost(step_t *s) { return s->m->o.acked_ns != 0 ? AATS_E_STALE : AATS_E_SHAPE; }

static struct {
    char const *name;
    int (*act)(step_t *s);
} const ACTIONS[AATS_ACT_CNT] = {
    [AATS_ACT_STALE]     = {"stale", act_stale},
    [AATS_ACT_ACK]       = {"ack", act_ack},
    [AATS_ACT_KNOWN]     = {"known", act_known},
    [AATS_ACT_REFUSE]    = {"refuse", act_refuse},
    [AATS_ACT_FILL]      = {"fill", act_fill},
    [AATS_ACT_END]       = {"end", act_end},
    [AATS_ACT_MORE]      = {"more", act_more},
    [AATS_ACT_CANCELED]  = {"canceled", act_canceled},
    [AATS_ACT_KEPT]      = {"kept", act_kept},
    [AATS_ACT_DOUBT]     = {"doubt", act_doubt},
    [AATS_ACT_ALIVE]     = {"alive", act_alive},
    [AATS_ACT_ABSENT]    = {"absent", act_absent},
    [AATS_ACT_LAG]       = {"lag", act_lag},
    [AATS_ACT_LATE_FILL] = {"late_fill", act_late_fill},
    [AATS_ACT_GHOST]     = {"ghost", act_ghost},
    [AATS_ACT_AMENDED]   = {"amended", act_amended},
    [AATS_ACT_UNCHANGED] = {"unchanged", act_unchanged},
};

char const *aats_machine_action_name(int action)
{
    return action < 0 || action >= AATS_ACT_CNT ? "?" : ACTIONS[action].name;
}

/* ---- the verbs ---- */

int aats_machine_new(aats_machine_t *m, aats_order_t const *o, aats_oev_t *out)
{
    memset(m, 0, sizeof *m);
    m->o = *o;
    m->o.state = AATS_ORD_NEW;
    m->o.cancel = AATS_CXL_NONE;
    m->o.flags &= (uint8_t)~AATS_OF_UNKNOWN;
    m->o.cum_qty_i = m->o.end_qty_i = 0;
    m->o.cum_notional = (aats_i128_t){0, 0};
    m->o.sent_ns = m->o.acked_ns = m->o.filled_ns = m->o.closed_ns = 0;
    m->o.code = m->o.fill_cnt = 0;
    m->o.end_code = 0;
    step_t s = {.m = m, .now_ns = o->created_ns, .out = out};
    emit(&s, AATS_OEV_CREATED, AATS_OC_NONE, m->o.msg, sizeof m->o.msg);
    return s.cnt;
}

int aats_machine_refuse(aats_machine_t *m, int code, char const *msg, int64_t now_ns, aats_oev_t *out)
{
    if (m->o.state != AATS_ORD_NEW || m->o.sent_ns != 0) return AATS_E_ARG;
    step_t s = {.m = m, .now_ns = now_ns, .out = out};
    be_rejected(&s, code, msg != NULL ? msg : "", msg != NULL ? strlen(msg) + 1 : 1);
    return s.cnt;
}

int aats_machine_cancel(aats_machine_t *m, int64_t now_ns, aats_oev_t *out, int *go)
{
    aats_order_t *o = &m->o;
    step_t s = {.m = m, .now_ns = now_ns, .out = out};
    *go = 0;
    if (o->state == AATS_ORD_CLOSED || o->state == AATS_ORD_FREE) {
        emit(&s, AATS_OEV_CANCEL_REJECTED, AATS_OC_UNKNOWN_ORDER, NULL, 0);
        return s.cnt;
    }

    int const pending = o->cancel == AATS_CXL_ASKED;
    int const ended = o->state == AATS_ORD_ENDING || m->cancel_by_us;
    *go = !pending && !ended;
    if (*go) o->cancel = AATS_CXL_ASKED;
    emit(&s, AATS_OEV_CANCEL_CREATED, AATS_OC_NONE, NULL, 0);
    if (*go) return s.cnt;

    /* who cancels again after the ack is waiting for an end that is late */
    if (m->cancel_by_us && o->state == AATS_ORD_LIVE) m->want |= AATS_WANT_STATUS;
    emit(&s, AATS_OEV_CANCEL_REJECTED, ended ? AATS_OC_ORDER_CLOSED : AATS_OC_CANCEL_PENDING, NULL, 0);
    return s.cnt;
}

int aats_machine_amend(aats_machine_t *m, int64_t px_i, int64_t qty_i, int64_t now_ns, aats_oev_t *out, int *go)
{
    aats_order_t const *o = &m->o;
    step_t s = {.m = m, .now_ns = now_ns, .out = out};
    int code = AATS_OC_NONE;
    if (o->state == AATS_ORD_CLOSED || o->state == AATS_ORD_FREE) code = AATS_OC_UNKNOWN_ORDER;
    else if (o->state == AATS_ORD_ENDING || m->cancel_by_us) code = AATS_OC_ORDER_CLOSED;
    else if (o->cancel == AATS_CXL_ASKED) code = AATS_OC_CANCEL_PENDING;
    else if (amending(m)) code = AATS_OC_AMEND_PENDING;
    else if (qty_i <= o->cum_qty_i) code = AATS_OC_SIZE_RANGE;
    *go = code == AATS_OC_NONE;
    if (*go) m->amend_px_i = px_i, m->amend_qty_i = qty_i;
    else emit(&s, AATS_OEV_AMEND_REJECTED, code, NULL, 0);
    return s.cnt;
}

int aats_machine_take(aats_machine_t *m, aats_omsg_t const *msg, int64_t now_ns, aats_oev_t *out)
{
    int const action = aats_machine_action(m->o.state, (int)msg->kind);
    if (action < 0 || msg->order_id != aats_order_client_no(&m->o) || msg->instance != m->o.instance) return AATS_E_ARG;
    step_t s = {.m = m, .in = msg, .now_ns = now_ns, .out = out};
    int const code = ACTIONS[action].act(&s);
    return code == AATS_OK || s.cnt > 0 ? s.cnt : code;
}

int aats_machine_asks(aats_machine_t const *m)
{
    aats_order_t const *o = &m->o;
    if (o->state == AATS_ORD_CLOSED || o->state == AATS_ORD_FREE) return AATS_ASK_NOTHING;
    if (o->state == AATS_ORD_ENDING) return AATS_ASK_FILLS;
    if (m->want & AATS_WANT_STATUS) return AATS_ASK_STATUS;
    return m->venue_cum_i > o->cum_qty_i ? AATS_ASK_FILLS : AATS_ASK_NOTHING;
}

void aats_machine_fini(aats_machine_t *m)
{
    free(m->seen);
    m->seen = NULL;
    m->seen_cnt = m->seen_cap = 0;
}
