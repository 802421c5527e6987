/* session_want.c -- what is wanted of the venue for each order: a question, a cancel, or nothing.
 *
 * What is not known is asked for, query_min_ns .. query_max_ns apart, without an end.  After unknown_ns READY does not wait for it any
 * more: it is told as UNKNOWN, once, and said in the log, once.  An order that has ended, and whose fills the venue counts but cannot
 * show (FILLS_FULL whole answers without them), is ended with what is known, as fills_missing, by then.
 *
 * An order that the venue has taken without a word on what became of it (some answer "received", and tell the rest as an event) is asked for when answer_ns
 * are over.
 *
 * A cancel, unlike an order, does no harm when it is sent twice: one whose answer was lost goes out again once the venue says that its
 * order lives.  Sent before the venue's number is known, it may have taken our id from the order: then the order is asked for by both.
 */
#include <stdio.h>
#include <string.h>

#include "app/session_state.h"
#include "order/client_id.h"
#include "proto/num.h"

int want_two_names(aats_session_t const *s, known_t const *k) { return !k->m->o.remote_id[0] && (k->blind || k->instance != s->own); }

uint32_t want_renamed(aats_session_t *s, aats_machine_t const *m)
{
    known_t const *k = m ? know_find(s, m) : NULL;
    return k && k->renamed && want_two_names(s, k);
}

uint32_t want_absent(aats_session_t *s, aats_machine_t const *m)
{
    known_t const *k = m ? know_find(s, m) : NULL;
    return k ? k->absent_cnt : 0;
}

/* ---- cancels ---- */

static int sure(known_t const *k) { return aats_machine_asks(k->m) == AATS_ASK_NOTHING && !k->doubt; }

static int may_cancel(aats_session_t const *s, known_t const *k)
{
    int soon = s->stage == STAGE_ORDERS && (s->verifying || sure(k));
    return s->phase == LINK_OPEN && !session_waits(s) && (s->stage == STAGE_READY || soon);
}

int want_cancel(aats_session_t *s, known_t *k)
{
    aats_order_t const *o = &k->m->o;
    if (!may_cancel(s, k) || s->mono_ns < k->cancel_mono_ns || ask_under_way(s, AATS_OR_CANCEL, k->instance, k->order_id)) return 0;
    int e = ask(s, AATS_OR_CANCEL, k->sym, k->m, o, 0);
    if (e == AATS_E_BUSY) k->cancel_mono_ns = s->mono_ns + s->token_wait_ns; /* it goes out as soon as there is a token */
    if (e < 0) return 0;
    k->wish = 0;
    k->blind |= !o->remote_id[0];
    k->cancel_mono_ns = s->mono_ns + s->opts.query_min_ns;
    return 1;
}

uint32_t want_strays(aats_session_t *s)
{
    uint32_t open = 0;
    for (stray_t *y = s->strays; y < s->strays + s->stray_cnt; y++) {
        if (y->done) continue;
        open++;
        if (y->asked || session_waits(s) || s->mono_ns < y->cancel_mono_ns) continue;
        int e = ask(s, AATS_OR_CANCEL, y->sym, NULL, &y->o, 0);
        y->asked = e == AATS_OK;
        if (e == AATS_E_BUSY) y->cancel_mono_ns = s->mono_ns + s->token_wait_ns;
    }
    return open;
}

/* ---- questions ---- */

int64_t want_pause(aats_session_t const *s, uint32_t tries)
{
    int64_t ns = s->opts.query_min_ns << (tries < 8 ? tries : 8);
    return ns < s->opts.query_max_ns ? ns : s->opts.query_max_ns;
}

/* CANCEL does not count: who asks for cancels without end must not keep us from knowing. */
static int answer_is_coming(aats_session_t *s, known_t const *k)
{
    for (uint32_t i = AATS_OR_PLACE; i < AATS_OR_CNT; i++)
        if (i != AATS_OR_CANCEL && ask_under_way(s, i, k->instance, k->order_id)) return 1;
    return 0;
}

static void question(aats_session_t *s, known_t *k, int asks, uint32_t *flying)
{
    aats_order_t const *o = &k->m->o;
    uint32_t kind = asks == AATS_ASK_FILLS && !k->doubt ? AATS_OR_FILLS : AATS_OR_QUERY;
    if (s->phase != LINK_OPEN || s->stage < STAGE_ORDERS || session_waits(s) || *flying >= ASKS_MAX) return;
    if (kind == k->asked_kind && s->mono_ns < k->ask_mono_ns) return;
    if (k->absent_cnt && s->mono_ns < k->ask_mono_ns) return;
    if (answer_is_coming(s, k)) return;
    int e = ask_page(s, kind, k->sym, k->m, o, kind == AATS_OR_FILLS ? k->fills_from : 0, page_for(s, k, kind));
    int unnamed = e < 0 && e != AATS_E_BUSY && kind == AATS_OR_FILLS; /* the venue's number is not known yet */
    if (unnamed) e = ask(s, AATS_OR_QUERY, k->sym, k->m, o, 0);
    if (e == AATS_E_BUSY) k->asked_kind = kind, k->ask_mono_ns = s->mono_ns + s->token_wait_ns;
    if (e < 0) return;
    ++*flying;
    k->asked_kind = kind;
    k->ask_mono_ns = s->mono_ns + want_pause(s, k->tries++);
    if (!k->since_mono_ns) k->since_mono_ns = s->mono_ns;
}

/* ---- patience ---- */

/* The venue has ended it, counts more than it can show, and has had its time: it is ended with what is known. */
static void end_short(aats_session_t *s, known_t *k)
{
    aats_order_t const *o = &k->m->o;
    char id[AATS_CLIENT_ID_SZ], counts[32], shows[32];
    aats_omsg_t m = {.kind = AATS_OM_DONE, .code = AATS_OC_FILLS_MISSING, .instance = k->instance, .order_id = k->order_id,
                     .recv_ns = s->now_ns, .cum_qty_i = o->cum_qty_i};
    aats_client_id_format(k->instance, k->order_id, id);
    if (aats_num_format(o->end_qty_i, o->qty_exp, counts, sizeof counts) < 0) counts[0] = 0;
    if (aats_num_format(o->cum_qty_i, o->qty_exp, shows, sizeof shows) < 0) shows[0] = 0;
    snprintf(m.text, sizeof m.text, "fills are missing: the venue counts %s as filled, and shows trades of %s", counts, shows);
    session_notice(s, 2, "order session: %s: order %s: %s; position and cash are not what the venue has", o->symbol, id, m.text);
    session_tell(s, &m);
    session_tell_kind(s, AATS_OM_STRANGE, AATS_OC_FILLS_MISSING, m.text);
    k->ending_mono_ns = s->mono_ns;
    k->full_cnt = 0;
}

static void give_up(aats_session_t *s, known_t *k, int asks)
{
    char id[AATS_CLIENT_ID_SZ];
    aats_omsg_t m = {.kind = AATS_OM_UNKNOWN, .code = AATS_OC_TIMEOUT, .instance = k->instance, .order_id = k->order_id,
                     .recv_ns = s->now_ns, .cum_qty_i = -1};
    aats_client_id_format(k->instance, k->order_id, id);
    k->given_up = 1;
    snprintf(m.text, sizeof m.text, "the venue has not said in %lld s what became of it", (long long)(s->opts.unknown_ns / SECOND));
    session_notice(s, 2, "order session: %s: order %s: %s; it is asked for every %lld s", k->m->o.symbol, id, m.text,
                   (long long)(s->opts.query_max_ns / SECOND));
    if (asks != AATS_ASK_FILLS || k->doubt) session_tell(s, &m);
}

/* Returns 1 if READY waits for it: it was not given up, or not asked for since the connection came. */
static uint32_t is_awaited(aats_session_t *s, known_t *k, int asks)
{
    aats_order_t const *o = &k->m->o;
    if (o->state == AATS_ORD_ENDING && !k->ending_mono_ns) k->ending_mono_ns = s->mono_ns;
    int ended = o->state == AATS_ORD_ENDING && !k->doubt;
    if (ended && k->full_cnt >= FILLS_FULL && s->mono_ns - k->ending_mono_ns >= s->opts.unknown_ns) end_short(s, k);
    if (!k->given_up && k->since_mono_ns && s->mono_ns - k->since_mono_ns >= s->opts.unknown_ns) give_up(s, k, asks);
    return !k->given_up || !k->tries || answer_is_coming(s, k);
}

/* ---- looks at machines ---- */

static uint32_t look_at(aats_session_t *s, known_t *k, uint32_t *flying)
{
    aats_order_t const *o = &k->m->o;
    if (know_closed(k->m)) return 0;
    if (!k->sent_mono_ns) k->sent_mono_ns = s->mono_ns, k->stamp_ns = ask_venue_ns(s);
    if (k->m->amend_qty_i && !k->amend_mono_ns) k->amend_mono_ns = s->mono_ns - 1; /* of an earlier run: what is asked from now on is newer */
    uint32_t awaited = 0;
    int const silent = o->state == AATS_ORD_NEW && !k->doubt && !ask_under_way(s, AATS_OR_PLACE, k->instance, k->order_id);
    if (silent && s->mono_ns - k->sent_mono_ns >= s->opts.answer_ns) k->doubt = 1, k->doubt_mono_ns = s->mono_ns; /* taken, and nothing was said of it */
    int const amending = k->m->amend_qty_i && !ask_under_way(s, AATS_OR_AMEND, k->instance, k->order_id);
    if (amending && !k->doubt && s->mono_ns >= k->amend_ask_mono_ns) { /* answered without a word, or not at all */
        k->doubt = 1;
        k->doubt_mono_ns = s->mono_ns;
        k->amend_ask_mono_ns = s->mono_ns + want_pause(s, k->amend_tries++);
    }
    int asks = aats_machine_asks(k->m), alive = o->state == AATS_ORD_NEW || o->state == AATS_ORD_LIVE, known = sure(k);
    if (known) {
        k->tries = k->absent_cnt = k->asked_kind = k->full_cnt = 0;
        k->ask_mono_ns = k->since_mono_ns = k->ending_mono_ns = 0;
        k->fills_from = 0;
        k->page_fails = 0;
        page_drop(s, &k->page);
        k->given_up = k->renamed = 0;
    } else {
        question(s, k, asks, flying);
        awaited = is_awaited(s, k, asks);
    }
    if (alive && (k->wish || (known && o->cancel == AATS_CXL_ASKED && !k->cancel_told))) want_cancel(s, k);
    s->unsure += !known || silent || amending || k->wish || o->cancel == AATS_CXL_ASKED;
    return awaited;
}

uint32_t want_orders(aats_session_t *s, int all)
{
    uint32_t awaited = 0, flying = 0, cnt = s->dirty_cnt;
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++) flying += !f->late && f->order_id && f->kind >= AATS_OR_QUERY;
    s->dirty_cnt = 0;
    if (all) {
        s->unsure = 0;
        for (known_t *k = s->known; k < s->known + s->known_cnt; k++) awaited += look_at(s, k, &flying);
        return awaited;
    }
    for (uint32_t i = 0; i < cnt; i++) {
        known_t *k = know_by_id(s, s->dirty[i].instance, s->dirty[i].order_id);
        if (k) awaited += look_at(s, k, &flying);
    }
    return awaited;
}
