/* session_know.c -- what is known of each order, and what messages say of it.
 *
 * From the moment a connection is lost until the venue has spoken of it, each order is in doubt.  OPEN names those that live; the others
 * are asked for one by one (session_want.c).  Machines change only when the trader takes what was said, so they are looked at only while
 * nothing waits to be taken.
 *
 * Of events that come in before the fills of the gap are known, none is told at once: they wait (held), so that each order's story stays
 * in its order.  What they say twice the machine knows by trade id.
 */
#include <stdio.h>
#include <string.h>

#include "app/session_state.h"
#include "order/client_id.h"

/* ---- the list: an array, and chains through it by client id ---- */

static uint32_t *bucket_of(aats_session_t *s, uint64_t instance, int64_t order_id)
{
    uint64_t h = (instance ^ (uint64_t)order_id * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
    return &s->buckets[(h >> 32) & (s->bucket_cnt - 1)];
}

known_t *know_by_id(aats_session_t *s, uint64_t instance, int64_t order_id)
{
    uint32_t at = s->bucket_cnt ? *bucket_of(s, instance, order_id) : NONE;
    while (at != NONE && (s->known[at].order_id != order_id || s->known[at].instance != instance)) at = s->known[at].chain;
    return at == NONE ? NULL : &s->known[at];
}

known_t *know_find(aats_session_t *s, aats_machine_t const *m)
{
    known_t *k = know_by_id(s, m->o.instance, aats_order_client_no(&m->o));
    return k && k->m == m ? k : NULL;
}

known_t *know_by_number(aats_session_t *s, uint32_t sym, char const *number)
{
    known_t *k = s->known, *end = s->known + s->known_cnt;
    while (k < end && (k->sym != sym || strcmp(k->m->o.remote_id, number) != 0)) k++;
    return k < end && number[0] && !know_closed(k->m) ? k : NULL;
}

static void enter(aats_session_t *s, uint32_t at)
{
    uint32_t *first = bucket_of(s, s->known[at].instance, s->known[at].order_id);
    s->known[at].chain = *first;
    *first = at;
}

static void leave(aats_session_t *s, uint32_t at)
{
    uint32_t *link = bucket_of(s, s->known[at].instance, s->known[at].order_id);
    while (*link != at) link = &s->known[*link].chain;
    *link = s->known[at].chain;
}

static int room(aats_session_t *s)
{
    if (!session_grow((void **)&s->known, &s->known_cap, s->known_cnt + 1, sizeof *s->known)) return 0;
    if (s->bucket_cnt >= s->known_cap) return 1;
    if (!session_grow((void **)&s->buckets, &s->bucket_cnt, s->known_cap, sizeof *s->buckets)) return 0;
    memset(s->buckets, 0xff, s->bucket_cnt * sizeof *s->buckets); /* NONE */
    for (uint32_t i = 0; i < s->known_cnt; i++) enter(s, i);
    return 1;
}

static void note_trade(aats_session_t *s, uint32_t sym, uint64_t trade_id)
{
    if (trade_id > s->trade_ids[sym]) s->trade_ids[sym] = trade_id;
}

known_t *know_add(aats_session_t *s, aats_machine_t *m, aats_rules_t const *rules)
{
    known_t *k = know_find(s, m);
    if (k) return k;
    uint32_t sym = session_sym(s, rules);
    if (sym == NONE || !room(s)) return NULL;
    k = &s->known[s->known_cnt++];
    *k = (known_t){.m = m, .instance = m->o.instance, .order_id = aats_order_client_no(&m->o), .sym = sym};
    k->blind = m->o.cancel == AATS_CXL_ASKED; /* of an order that was taken over */
    if (m->seen_cnt) note_trade(s, sym, m->seen[m->seen_cnt - 1]);
    enter(s, s->known_cnt - 1);
    return k;
}

void know_gone(aats_session_t *s, aats_machine_t *m)
{
    known_t *k = know_find(s, m);
    if (k) {
        page_drop(s, &k->page);
        uint32_t at = (uint32_t)(k - s->known), last = --s->known_cnt;
        leave(s, at);
        if (at != last) {
            leave(s, last);
            s->known[at] = s->known[last];
            enter(s, at);
        }
    }
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->m == m) f->m = NULL;
}

void know_dirty(aats_session_t *s, uint64_t instance, int64_t order_id)
{
    whose_t *last = s->dirty_cnt ? &s->dirty[s->dirty_cnt - 1] : NULL;
    if (s->known_look || (last && last->order_id == order_id && last->instance == instance)) return;
    if (s->dirty_cnt == DIRTY) s->known_look = 1;
    else s->dirty[s->dirty_cnt++] = (whose_t){instance, order_id};
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

/* One order of a look by the way: only what it says of orders that we know is wanted. */
static int take_glance(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    known_t *k = f->look == s->look && m->kind == AATS_OM_OPEN ? know_by_id(s, m->instance, m->order_id) : NULL;
    if (!k || know_closed(k->m)) return 0;
    k->listed = 1;
    return k->m->o.state == AATS_ORD_LIVE && !k->doubt && aats_machine_asks(k->m) == AATS_ASK_NOTHING; /* no answer to what is asked for */
}

/* One order of a look at open orders.  Returns 1 if the trader is to hear of it. */
static int take_open(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    if (f->by_the_way) return take_glance(s, m, f);
    if (f->look != s->look) return 0; /* an older look, overtaken by a newer one */
    known_t *k = know_by_id(s, m->instance, m->order_id);
    if (m->kind != AATS_OM_OPEN || (!k && m->instance != s->own && !of_earlier(s, m->instance))) {
        if (!k) m->kind = AATS_OM_FOREIGN;
        return s->look == s->first_look;
    }
    if (!k || know_closed(k->m)) {
        stray_add(s, m, f->sym);
        return 0;
    }
    if (f->sent_mono_ns >= k->doubt_mono_ns) k->doubt = 0;
    know_stale_numbers(k, m, f);
    k->absent_cnt = 0;
    if (s->verifying) s->look_own++, k->wish = 1;
    return 1;
}

/* What was open when a look by the way was asked for, and is not shown by it, has ended, and we were not told. */
void know_glanced(aats_session_t *s, flight_t const *f)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) {
        int quiet = k->m->o.state == AATS_ORD_LIVE && k->heard_mono_ns < f->sent_mono_ns;
        if (k->sym == f->sym && f->look == s->look && quiet && !k->listed) k->doubt = 1, k->doubt_mono_ns = s->mono_ns, s->unsure++;
        if (k->sym == f->sym) k->listed = 0;
    }
}

/* A row of the trades of a symbol tells the venue's number of its order alone. */
static int take_trade(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    known_t *k = know_by_number(s, f->sym, m->remote_id);
    note_trade(s, f->sym, m->trade_id);
    if (!k) return 0;
    m->instance = k->instance;
    m->order_id = k->order_id;
    k->absent_cnt = 0;
    k->heard_mono_ns = s->mono_ns;
    return 1;
}

/* The venue's memory lags behind what it was sent: that it knows nothing is believed when it has said so twice, and late enough. */
static int believe_absent(aats_session_t *s, known_t *k)
{
    if (!k->absent_cnt++) k->absent_mono_ns = s->mono_ns;
    int64_t at = s->mono_ns + s->opts.absent_ns, age = s->mono_ns - k->sent_mono_ns;
    int64_t window_ms = s->opts.recv_window_ms ? (int64_t)s->opts.recv_window_ms : s->venue->window_ms;
    int64_t limit = (window_ms + s->venue->clock_margin_ms) * MS, aged = ask_venue_ns(s) - k->stamp_ns;
    int refused = age >= limit && (aged >= limit || age >= s->opts.unknown_ns); /* its stamp is too old by now, also by a clock that was set back */
    int late = s->mono_ns - k->absent_mono_ns >= s->opts.absent_ns && age >= s->opts.answer_ns && refused;
    int sure = k->absent_cnt >= (want_two_names(s, k) ? 4 : 2) && late;
    k->renamed = want_two_names(s, k) && !k->renamed; /* it may have lost the name by which it was asked for */
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
    aats_client_id_format(k->instance, k->order_id, id);
    session_notice(s, 1, "order session: %s: the venue acknowledged order %s and does not know it any more; it counts as ended", k->m->o.symbol, id);
    return 1;
}

/* An order that was told as never received has come to life after all: nobody would look after it. */
static void came_late(aats_session_t *s, aats_omsg_t const *m, flight_t const *f)
{
    uint32_t sym = f ? f->sym : 0;
    if (m->kind != AATS_OM_ACK && m->kind != AATS_OM_OPEN && m->kind != AATS_OM_FILL) return;
    for (uint32_t i = 0; i < s->denied_cnt && i < DENIED; i++) {
        if (s->denied[i].order_id != m->order_id || s->denied[i].instance != m->instance) continue;
        while (!f && sym < s->sym_cnt && strcmp(s->syms[sym].native, m->symbol) != 0) sym++;
        if (sym < s->sym_cnt) stray_add(s, m, sym);
    }
}

/* An event of the gap waits until what was before it is known. */
static int hold(aats_session_t *s, aats_omsg_t const *m)
{
    if (session_grow((void **)&s->held, &s->held_cap, s->held_cnt + 1, sizeof *s->held)) s->held[s->held_cnt++] = *m;
    else conn_fail(s, AATS_WS_NORMAL, "no memory for the events of the gap");
    return 0;
}

int know_message(aats_session_t *s, aats_omsg_t *m, flight_t const *f)
{
    if (f && f->kind == AATS_OR_OPEN) return take_open(s, m, f);
    if (f && f->kind == AATS_OR_FILLS && !f->order_id) return take_trade(s, m, f);
    if (m->kind == AATS_OM_BALANCE) extra_balance(s, m);
    if (m->kind >= AATS_OM_DOWN) return 1;
    if (!f && s->gap && s->stage < STAGE_ORDERS) return hold(s, m);
    if (!m->order_id && m->remote_id[0] && m->kind <= AATS_OM_AMEND_REJECT && !know_name(s, m)) return 0;
    know_dirty(s, m->instance, m->order_id);
    if (s->denied_cnt && (!f || f->kind == AATS_OR_PLACE)) came_late(s, m, f);
    if (f && f->order_id && !f->m) return 0; /* a stray's, or of an order that is gone */
    if (f && f->kind >= AATS_OR_QUERY && m->kind == AATS_OM_UNKNOWN) return 0; /* that is why it was asked for */
    known_t *k = know_by_id(s, m->instance, m->order_id);
    if (!k) {
        if (m->instance == s->own) return 1;
        m->kind = AATS_OM_FOREIGN;
        return !stray_find(s, m->instance, m->order_id);
    }
    k->heard_mono_ns = s->mono_ns;
    if (s->venue->post_late && m->kind == AATS_OM_ACK && k->m->o.tif == AATS_TIF_POS && k->m->o.state == AATS_ORD_NEW) {
        memcpy(k->number, m->remote_id, sizeof k->number); /* it may yet be canceled as one that would take: that is a refusal */
        return 0;
    }
    know_stale_numbers(k, m, f);
    if (m->kind == AATS_OM_ABSENT) {
        if (!believe_absent(s, k)) return 0;
        if (k->m->o.state == AATS_ORD_ENDING) k->doubt = 0; /* how it ended is known: only its fills are wanted */
        if (k->m->o.state != AATS_ORD_NEW && !forgotten(s, k, m)) return 1;
        k->doubt = 0;
        s->denied[s->denied_cnt++ % DENIED] = (whose_t){m->instance, m->order_id};
        return 1;
    }
    if (m->kind != AATS_OM_CANCEL_REJECT && m->kind != AATS_OM_UNKNOWN) k->absent_cnt = 0; /* those two do not say that it lives */
    if (m->kind == AATS_OM_CANCEL_ACK || m->kind == AATS_OM_CANCEL_REJECT) k->cancel_told = 1;
    int newer = !f || f->sent_mono_ns >= k->doubt_mono_ns; /* that it lived before the doubt began says nothing */
    if (m->kind == AATS_OM_DONE || (m->kind == AATS_OM_OPEN && newer) || m->kind == AATS_OM_REJECT) k->doubt = 0;
    if (m->kind == AATS_OM_FILL && m->fee_i && !m->fee_asset[0]) memcpy(m->fee_asset, s->syms[k->sym].quote, sizeof m->fee_asset); /* omsg.h */
    if (m->kind == AATS_OM_FILL && !s->gap) note_trade(s, k->sym, m->trade_id); /* those of the gap come first */
    if (f && f->kind == AATS_OR_FILLS && m->kind == AATS_OM_FILL && m->trade_id >= k->fills_from) k->fills_from = m->trade_id + 1;
    return 1;
}

void know_release(aats_session_t *s)
{
    for (uint32_t i = 0; i < s->held_cnt; i++) {
        aats_omsg_t *m = &s->held[i];
        if (s->nameless_cnt && m->order_id && m->remote_id[0]) know_named(s, m);
        if (know_message(s, m, NULL)) session_tell(s, m);
    }
    s->held_cnt = 0;
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
    else k->fills_from = 0, k->full_cnt++;
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
    s->held_cnt = s->nameless_cnt = 0; /* they will be found */
    page_lost(s);
    s->deadman_mono_ns = 0; /* its time runs: at once */
    if (!s->leaving) s->deadman_at = 0;
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) {
        k->doubt = 1;
        k->tries = k->absent_cnt = 0;
        k->ask_mono_ns = 0;
        if (!k->given_up) k->since_mono_ns = 0;
    }
    s->stage = STAGE_TIME;
    s->stage_mono_ns = 0;
}

void know_doubt(aats_session_t *s)
{
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++)
        if (!know_closed(k->m)) k->doubt = 1, k->doubt_mono_ns = s->mono_ns;
    s->known_look = 1;
}
