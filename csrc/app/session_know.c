/* session_know.c -- what is known of each order, and the way to READY.
 *
 *     TIME -> LOGON -> LISTEN -> ACCOUNT -> OPEN by symbol -> ORDERS -> READY
 *                        ^                    ^                 |
 *                        '-- deaf             '-- verify, or orders were canceled: look again
 *
 * From the moment a connection is lost until the venue has spoken of it, each order is in doubt.  OPEN names those that live; the others
 * are asked for one by one.  Machines change only when the trader takes what was said, so they are looked at only while nothing waits to
 * be taken.
 *
 * A cancel, unlike an order, does no harm when it is sent twice: one whose answer was lost goes out again once the venue says that its
 * order lives.
 */
#include <stdio.h>
#include <string.h>

#include "app/session_state.h"
#include "order/client_id.h"

static int closed(aats_machine_t const *m) { return m->o.state == AATS_ORD_CLOSED || m->o.state == AATS_ORD_FREE; }
static int waits(aats_session_t const *s) { return s->mono_ns < s->hold_mono_ns; }

/* ---- the lists ---- */

known_t *know_find(aats_session_t *s, aats_machine_t const *m)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++)
        if (k->m == m) return k;
    return NULL;
}

static known_t *by_id(aats_session_t *s, uint64_t instance, int64_t order_id)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++)
        if (k->m->o.order_id == order_id && k->m->o.instance == instance) return k;
    return NULL;
}

known_t *know_add(aats_session_t *s, aats_machine_t *m, aats_rules_t const *rules)
{
    known_t *k = know_find(s, m);
    if (k) return k;
    uint32_t sym = session_sym(s, rules);
    if (sym == NONE || !session_grow((void **)&s->known, &s->known_cap, s->known_cnt + 1, sizeof *s->known)) return NULL;
    k = &s->known[s->known_cnt++];
    *k = (known_t){.m = m, .sym = sym};
    return k;
}

void know_gone(aats_session_t *s, aats_machine_t *m)
{
    known_t *k = know_find(s, m);
    if (k) *k = s->known[--s->known_cnt];
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->m == m) f->m = NULL;
}

static int of_earlier(aats_session_t const *s, uint64_t instance)
{
    for (size_t i = 0; i < s->earlier_cnt; i++)
        if (s->earlier[i] == instance) return 1;
    return 0;
}

static stray_t *stray_find(aats_session_t *s, uint64_t instance, int64_t order_id)
{
    for (stray_t *y = s->strays; y < s->strays + s->stray_cnt; y++)
        if (y->o.order_id == order_id && y->o.instance == instance) return y;
    return NULL;
}

static void stray_add(aats_session_t *s, aats_omsg_t const *m, uint32_t sym)
{
    char id[AATS_CLIENT_ID_SZ];
    if (stray_find(s, m->instance, m->order_id)) return;
    if (!session_grow((void **)&s->strays, &s->stray_cap, s->stray_cnt + 1, sizeof *s->strays)) {
        conn_fail(s, AATS_WS_NORMAL, "no memory for the open orders of earlier runs");
        return;
    }
    stray_t *y = &s->strays[s->stray_cnt++];
    *y = (stray_t){.o = {.instance = m->instance, .order_id = m->order_id}, .sym = sym};
    memcpy(y->o.symbol, s->syms[sym].symbol, sizeof y->o.symbol);
    memcpy(y->o.remote_id, m->remote_id, sizeof y->o.remote_id);
    aats_client_id_format(m->instance, m->order_id, id);
    int own = m->instance == s->own; /* it was thought to be gone: somebody should know */
    session_notice(s, own ? 2 : 1, "order session: %s: order %s of %s run is open; it is canceled", s->syms[sym].symbol, id,
                   own ? "this" : "an earlier");
}

/* ---- what messages say ---- */

/* One order of a look at open orders.  Returns 1 if the trader is to hear of it. */
static int take_open(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    if (f->look != s->look) return 0; /* an older look, overtaken by a newer one */
    known_t *k = by_id(s, m->instance, m->order_id);
    if (m->kind != AATS_OM_OPEN || (!k && m->instance != s->own && !of_earlier(s, m->instance))) {
        if (!k) m->kind = AATS_OM_FOREIGN;
        return s->look == s->first_look;
    }
    if (!k || closed(k->m)) {
        stray_add(s, m, f->sym);
        return 0;
    }
    if (f->sent_mono_ns >= k->doubt_mono_ns) k->doubt = 0;
    k->absent_cnt = 0;
    if (s->verifying) s->look_own++, k->wish = 1;
    return 1;
}

/* The venue's memory lags behind what it was sent: that it knows nothing is believed when it has said so twice, and late enough. */
static int believe_absent(aats_session_t *s, known_t *k)
{
    if (!k->absent_cnt++) k->absent_mono_ns = s->mono_ns;
    int64_t at = s->mono_ns + s->opts.absent_ns, age = s->mono_ns - k->sent_mono_ns;
    int64_t window_ms = s->opts.recv_window_ms ? (int64_t)s->opts.recv_window_ms : s->venue->window_ms;
    int refused = age >= (window_ms + s->venue->clock_margin_ms) * MS; /* its stamp is too old by now */
    int late = s->mono_ns - k->absent_mono_ns >= s->opts.absent_ns && age >= s->opts.answer_ns && refused;
    int sure = k->absent_cnt >= 2 && late;
    if (!sure && k->ask_mono_ns < at) k->ask_mono_ns = at;
    return sure;
}

/* The venue denies for long an order that it had acknowledged: it has lost it (a test network that was reset), and no answer will ever come. */
static int forgotten(aats_session_t *s, known_t *k, aats_omsg_t *m)
{
    char id[AATS_CLIENT_ID_SZ];
    int64_t at = k->absent_mono_ns + FORGOTTEN_NS;
    if (k->m->o.state != AATS_ORD_LIVE) return 0;
    if (s->mono_ns < at) {
        if (k->ask_mono_ns > at) k->ask_mono_ns = at;
        return 0;
    }
    m->kind = AATS_OM_DONE;
    m->code = AATS_OC_CANCELED_OTHER;
    m->cum_qty_i = -1;
    snprintf(m->text, sizeof m->text, "the venue acknowledged it and does not know it any more");
    aats_client_id_format(k->m->o.instance, k->m->o.order_id, id);
    session_notice(s, 1, "order session: %s: the venue acknowledged order %s and does not know it any more; it counts as ended", k->m->o.symbol, id);
    return 1;
}

/* An order that was told as never received has come to life after all: nobody would look after it. */
static void came_late(aats_session_t *s, aats_omsg_t const *m, flight_t const *f)
{
    uint32_t sym = f ? f->sym : 0;
    if (m->instance != s->own || (m->kind != AATS_OM_ACK && m->kind != AATS_OM_OPEN && m->kind != AATS_OM_FILL)) return;
    for (uint32_t i = 0; i < s->denied_cnt && i < DENIED; i++) {
        if (s->denied[i] != m->order_id) continue;
        while (!f && sym < s->sym_cnt && strcmp(s->syms[sym].native, m->symbol) != 0) sym++;
        if (sym < s->sym_cnt) stray_add(s, m, sym);
    }
}

int know_message(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    s->known_look = 1;
    if (f && f->kind == AATS_OR_OPEN) return take_open(s, m, f);
    if (m->kind >= AATS_OM_DOWN) return 1;
    if (s->denied_cnt && (!f || f->kind == AATS_OR_PLACE)) came_late(s, m, f);
    if (f && f->order_id && !f->m) return 0; /* a stray's, or of an order that is gone */
    if (f && f->kind >= AATS_OR_QUERY && m->kind == AATS_OM_UNKNOWN) return 0; /* that is why it was asked for */
    known_t *k = by_id(s, m->instance, m->order_id);
    if (!k) {
        if (m->instance == s->own) return 1;
        m->kind = AATS_OM_FOREIGN;
        return !stray_find(s, m->instance, m->order_id);
    }
    if (m->kind == AATS_OM_ABSENT) {
        if (!believe_absent(s, k)) return 0;
        if (k->m->o.state != AATS_ORD_NEW && !forgotten(s, k, m)) return 1;
        k->doubt = 0;
        s->denied[s->denied_cnt++ % DENIED] = m->order_id;
        return 1;
    }
    if (m->kind != AATS_OM_CANCEL_REJECT && m->kind != AATS_OM_UNKNOWN) k->absent_cnt = 0; /* those two do not say that it lives */
    if (m->kind == AATS_OM_CANCEL_ACK || m->kind == AATS_OM_CANCEL_REJECT) k->cancel_told = 1;
    int newer = !f || f->sent_mono_ns >= k->doubt_mono_ns; /* that it lived before the doubt began says nothing */
    if (m->kind == AATS_OM_DONE || (m->kind == AATS_OM_OPEN && newer) || m->kind == AATS_OM_REJECT) k->doubt = 0;
    if (f && f->kind == AATS_OR_FILLS && m->kind == AATS_OM_FILL && m->trade_id >= k->fills_from) k->fills_from = m->trade_id + 1;
    return 1;
}

void know_answered(aats_session_t *s, flight_t const *f, aats_oreply_t const *r, int ok)
{
    stray_t *y = f->m ? NULL : stray_find(s, f->instance, f->order_id);
    known_t *k = f->m ? know_find(s, f->m) : NULL;
    if (y && f->kind == AATS_OR_CANCEL) {
        y->asked = 0;
        y->done = !r->unsure;
        y->cancel_mono_ns = s->mono_ns + s->opts.query_min_ns;
    }
    if (!k || f->kind != AATS_OR_FILLS || !ok) return;
    if (r->more) k->ask_mono_ns = 0; /* the next part at once */
    else k->fills_from = 0;
}

void know_again(aats_session_t *s, flight_t const *f)
{
    stray_t *y = f->m ? NULL : stray_find(s, f->instance, f->order_id);
    known_t *k = f->m ? know_find(s, f->m) : NULL;
    if (f->kind != AATS_OR_CANCEL) return; /* questions have their own rhythm */
    if (y) y->asked = 0, y->cancel_mono_ns = s->mono_ns + s->opts.query_min_ns;
    if (k) k->cancel_mono_ns = s->mono_ns + s->opts.query_min_ns;
}

void know_lost(aats_session_t *s)
{
    s->stray_cnt = 0;
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) k->doubt = 1, k->tries = 0, k->ask_mono_ns = 0, k->absent_cnt = 0;
    s->stage = STAGE_TIME;
}

/* ---- the way to READY ---- */

static int send_stage(aats_session_t *s)
{
    static uint32_t const KIND[] = {AATS_OR_TIME, AATS_OR_LOGON, AATS_OR_LISTEN, AATS_OR_ACCOUNT};
    int e = AATS_OK;
    s->look++;
    s->stage_left = 0;
    if (s->stage < STAGE_OPEN) {
        e = ask(s, KIND[s->stage], NONE, NULL, NULL, 0);
        s->stage_left = e == AATS_OK;
        return e == AATS_E_EMPTY ? AATS_OK : e;
    }
    if (s->stage > STAGE_OPEN) return AATS_OK;
    s->stray_cnt = s->look_own = 0;
    if (!s->first_look) s->first_look = s->look;
    for (uint32_t i = 0; i < s->sym_cnt && e == AATS_OK; i++) {
        e = ask(s, AATS_OR_OPEN, i, NULL, NULL, 0);
        s->stage_left += e == AATS_OK;
    }
    return e == AATS_E_EMPTY ? AATS_OK : e;
}

static void enter(aats_session_t *s, int stage)
{
    for (;; stage++) {
        s->stage = stage;
        s->known_look = 1;
        if (stage > STAGE_LISTEN && !s->told_up) {
            s->told_up = 1;
            session_tell_kind(s, AATS_OM_UP, AATS_OC_NONE, "");
        }
        if (stage == STAGE_ORDERS) return;
        int e = send_stage(s);
        if (e < 0) {
            conn_fail(s, AATS_WS_NORMAL, e == AATS_E_FULL ? "it does not take what is sent" : "a request could not be made or signed");
            return;
        }
        if (s->stage_left) return;
    }
}

void know_doubt(aats_session_t *s)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++)
        if (!closed(k->m)) k->doubt = 1, k->doubt_mono_ns = s->mono_ns;
}

void know_begin(aats_session_t *s, int stage)
{
    know_doubt(s);
    s->first_look = s->relooks = 0;
    s->look_mono_ns = 0;
    session_last(s, "%s: it is being reconciled", s->opts.host);
    enter(s, stage);
}

void know_stage_answered(aats_session_t *s)
{
    if (s->phase != LINK_OPEN || !s->stage_left || --s->stage_left) return;
    enter(s, s->stage + 1);
}

static void ready(aats_session_t *s)
{
    s->stage = STAGE_READY;
    s->verifying = 0;
    s->told_fatal = 0;
    s->stage_clock = 0;
    s->last[0] = 0;
    session_tell_kind(s, AATS_OM_READY, AATS_OC_NONE, "");
    session_notice(s, 0, "order session ready: %s, %u orders known", s->opts.host, s->known_cnt);
}

/* ---- questions and cancels ---- */

static int may_cancel(aats_session_t const *s)
{
    return s->phase == LINK_OPEN && !waits(s) && (s->stage == STAGE_READY || (s->stage == STAGE_ORDERS && s->verifying));
}

int know_cancel(aats_session_t *s, known_t *k)
{
    aats_order_t const *o = &k->m->o;
    if (!may_cancel(s) || s->mono_ns < k->cancel_mono_ns || ask_under_way(s, AATS_OR_CANCEL, o->instance, o->order_id)) return 0;
    if (ask(s, AATS_OR_CANCEL, k->sym, k->m, o, 0) < 0) return 0;
    k->wish = 0;
    k->cancel_mono_ns = s->mono_ns + s->opts.query_min_ns;
    return 1;
}

static int64_t pause(aats_session_t const *s, uint32_t tries)
{
    int64_t ns = s->opts.query_min_ns << (tries < 8 ? tries : 8);
    return ns < s->opts.query_max_ns ? ns : s->opts.query_max_ns;
}

static void question(aats_session_t *s, known_t *k, int asks, uint32_t *flying)
{
    aats_order_t const *o = &k->m->o;
    uint32_t kind = asks == AATS_ASK_FILLS && !k->doubt ? AATS_OR_FILLS : AATS_OR_QUERY;
    if (s->phase != LINK_OPEN || s->stage < STAGE_ORDERS || waits(s) || *flying >= ASKS_MAX) return;
    if (kind == k->asked_kind && s->mono_ns < k->ask_mono_ns) return;
    if (k->absent_cnt && s->mono_ns < k->ask_mono_ns) return;
    for (uint32_t i = AATS_OR_PLACE; i < AATS_OR_CNT; i++) /* not CANCEL: who asks for cancels without end must not keep us from knowing */
        if (i != AATS_OR_CANCEL && ask_under_way(s, i, o->instance, o->order_id)) return; /* an answer is on its way */
    int e = ask(s, kind, k->sym, k->m, o, kind == AATS_OR_FILLS ? k->fills_from : 0);
    if (e < 0 && kind == AATS_OR_FILLS) e = ask(s, AATS_OR_QUERY, k->sym, k->m, o, 0); /* its fills cannot be named yet */
    if (e < 0) return;
    ++*flying;
    k->asked_kind = kind;
    k->ask_mono_ns = s->mono_ns + pause(s, k->tries++);
    if (k->tries == 10) session_notice(s, 1, "order session: what became of order %lld is still not known", (long long)o->order_id);
}

/* Returns the orders here that are not known. */
static uint32_t look_at_known(aats_session_t *s)
{
    uint32_t open = 0, flying = 0;
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++) flying += !f->late && f->kind >= AATS_OR_QUERY;
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) {
        aats_order_t const *o = &k->m->o;
        if (closed(k->m)) continue;
        int asks = aats_machine_asks(k->m), alive = o->state == AATS_ORD_NEW || o->state == AATS_ORD_LIVE;
        int sure = asks == AATS_ASK_NOTHING && !k->doubt;
        if (sure) k->tries = k->absent_cnt = k->asked_kind = 0, k->ask_mono_ns = 0, k->fills_from = 0;
        else open++, question(s, k, asks, &flying);
        if (alive && (k->wish || (sure && o->cancel == AATS_CXL_ASKED && !k->cancel_told))) know_cancel(s, k);
    }
    return open;
}

/* Returns the strays whose cancel is not answered yet. */
static uint32_t look_at_strays(aats_session_t *s)
{
    uint32_t open = 0;
    for (stray_t *y = s->strays; y < s->strays + s->stray_cnt; y++) {
        if (y->done) continue;
        open++;
        if (y->asked || waits(s) || s->mono_ns < y->cancel_mono_ns) continue;
        y->asked = ask(s, AATS_OR_CANCEL, y->sym, NULL, &y->o, 0) == AATS_OK;
    }
    return open;
}

void know_tick(aats_session_t *s)
{
    if (s->queue_cnt || s->phase != LINK_OPEN) return;
    s->known_look = 0;
    uint32_t open = look_at_known(s), strays = s->stage < STAGE_ORDERS ? 0 : look_at_strays(s);
    if (s->stage == STAGE_READY && !strays) s->stray_cnt = 0;
    if (s->stage != STAGE_ORDERS) return;
    open += strays + ask_orders_under_way(s, 0);
    if (open || s->queue_cnt) return;
    if (!s->stray_cnt && !s->look_own) {
        ready(s);
        return;
    }
    /* Something was canceled: only a look that does not show it any more is believed. */
    if (!s->look_mono_ns) s->look_mono_ns = s->mono_ns + (s->relooks++ ? pause(s, s->relooks - 2) : 0);
    if (s->mono_ns < s->look_mono_ns || waits(s)) return;
    s->look_mono_ns = 0;
    enter(s, STAGE_OPEN);
}
