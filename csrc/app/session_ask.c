/* session_ask.c -- requests under way: what was asked, what an answer means, what no answer means.
 *
 * Every request is sent once.  A PLACE or CANCEL that is not answered in time, or whose connection goes, is told as UNKNOWN, once; what
 * came of it is then asked for (session_know.c).  A late answer is still taken: its request stays in the table, marked, for a minute.
 */
#include <stdio.h>
#include <string.h>

#include "app/session_state.h"
#include "base/steps.h"
#include "order/client_id.h"

#define ORDERS_WINDOW_NS (10 * SECOND) /* of a limit on orders whose interval is not told */
#define BUSY_NS          SECOND        /* a venue that says "too much" and no time means at least this */
#define CLOCKS_MAX       3             /* time stamps refused on the way to READY before the connection is given up */

static char const *const KINDS[AATS_OR_CNT] = {
    "our requests", "the time", "the log-on", "the subscription to events", "the account", "open orders",
    "an order",     "a cancel", "a cancel of all", "an order's state", "fills", "the dead-man switch",
    "an amendment", "a token",  "the token to be kept alive", "positions", "the position mode",
};

static int is_stage(flight_t const *f)
{
    return f->kind <= AATS_OR_OPEN || (f->kind == AATS_OR_FILLS && !f->order_id) || (f->kind >= AATS_OR_TOKEN && f->kind <= AATS_OR_MODE);
}

int ask_is_order(uint32_t kind) { return kind == AATS_OR_PLACE || kind == AATS_OR_CANCEL || kind == AATS_OR_AMEND; }

int64_t ask_venue_ns(aats_session_t const *s)
{
    return s->clock_mono_ns ? s->clock_ns + (s->mono_ns - s->clock_mono_ns) : s->now_ns;
}

/* ---- out ---- */

char const *ask_name(uint32_t kind) { return KINDS[kind < AATS_OR_CNT ? kind : AATS_OR_NONE]; }

static int ask_with(aats_session_t *s, uint32_t way, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id, uint32_t page)
{
    char text[TEXT_MAX];
    owlink_t *ws = conn_ws(s, way);
    aats_oreq_t req = {.kind = kind, .id = s->next_id + 1, .time_ms = ask_venue_ns(s) / MS, .order = o,
                       .rules = sym == NONE ? NULL : &s->syms[sym], .from_id = from_id,
                       .renamed = kind == AATS_OR_QUERY ? want_renamed(s, m) : 0, .absent = kind == AATS_OR_QUERY ? want_absent(s, m) : 0,
                       .deadman_ms = kind == AATS_OR_DEADMAN ? (int64_t)from_id : 0,
                       .cursor = page ? s->pages[page - 1].cursor : NULL,
                       .way = way, .host = conn_host(s, way), .nonce = s->venue->way_cnt ? session_random(s) : 0};
    if (kind == AATS_OR_AMEND && m) req.px_i = m->amend_px_i, req.qty_i = m->amend_qty_i;
    if (!session_grow((void **)&s->flights, &s->flight_cap, s->flight_cnt + 1, sizeof *s->flights)) return AATS_E_NOMEM;
    s->auth.logged_on = ws && ws->logged_on;
    int n = s->venue->encode(&req, &s->auth, text, sizeof text);
    if (n <= 0) return n ? n : AATS_E_EMPTY;
    if (budget_take(s, &req) > 0) return AATS_E_BUSY;
    if (kind == AATS_OR_PLACE) aats_step(AATS_STEP_ENCODED);
    if (ws && !(s->venue->way_cnt ? owlink_send_texts(ws, text, (size_t)n) : owlink_send_frame(ws, AATS_WS_TEXT, text, (size_t)n))) return AATS_E_FULL;
    s->flights[s->flight_cnt++] = (flight_t){.id = ++s->next_id, .kind = kind, .sym = sym, .way = way, .look = s->look, .m = m,
                                             .instance = o ? o->instance : 0, .order_id = o ? aats_order_client_no(o) : 0,
                                             .from_id = from_id, .by_the_way = s->stage >= STAGE_ORDERS, .page = page,
                                             .page_serial = page ? s->pages[page - 1].serial : 0, .sent_mono_ns = s->mono_ns};
    int const e = ws ? AATS_OK : http_ask(s, way, kind, s->next_id, text, (size_t)n);
    if (e < 0) s->flight_cnt--;
    return e;
}

int ask_by(aats_session_t *s, uint32_t way, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id)
{
    return ask_with(s, way, kind, sym, m, o, from_id, 0);
}

int ask_page(aats_session_t *s, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id, uint32_t page)
{
    int const way = conn_way_of(s, kind);
    return way < 0 ? AATS_E_EMPTY : ask_with(s, (uint32_t)way, kind, sym, m, o, from_id, page);
}

int ask(aats_session_t *s, uint32_t kind, uint32_t sym, aats_machine_t *m, aats_order_t const *o, uint64_t from_id)
{
    return ask_page(s, kind, sym, m, o, from_id, 0);
}

flight_t *ask_flight(aats_session_t *s, uint64_t id)
{
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->id == id) return f;
    return NULL;
}

flight_t *ask_under_way(aats_session_t *s, uint32_t kind, uint64_t instance, int64_t order_id)
{
    for (flight_t *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->kind == kind && !f->late && f->order_id == order_id && f->instance == instance) return f;
    return NULL;
}

uint32_t ask_orders_under_way(aats_session_t const *s, int place_only)
{
    uint32_t cnt = 0;
    for (flight_t const *f = s->flights; f < s->flights + s->flight_cnt; f++)
        cnt += !f->late && (f->kind == AATS_OR_PLACE || (!place_only && ask_is_order(f->kind)));
    return cnt;
}

/* ---- what the venue says of waiting, of the clock, of the key ---- */

static void take_limits(aats_session_t *s, aats_oreply_t const *r)
{
    if (r->orders_limit <= 0 || r->orders_used < 0) return;
    int64_t span = r->orders_span_ms > 0 ? r->orders_span_ms * MS : ORDERS_WINDOW_NS;
    limit_t *l = s->limits, *end = s->limits + LIMITS;
    while (l < end && l->span_ns && l->span_ns != span) l++;
    if (l == end) l = s->limits; /* more intervals than any venue has */
    *l = (limit_t){.span_ns = span, .used = r->orders_used, .limit = r->orders_limit,
                   .end_mono_ns = s->mono_ns + span - ask_venue_ns(s) % span};
}

static void take_busy(aats_session_t *s, aats_oreply_t const *r)
{
    int banned = r->oc == AATS_OC_BANNED || r->status == 418;
    int64_t wait = banned ? s->venue->ban_ns : BUSY_NS;
    if (r->retry_ms > 0) wait = r->retry_ms > INT64_MAX / MS ? WAIT_MAX_NS : r->retry_ms * MS - ask_venue_ns(s);
    if (wait < 0) wait = 0;
    if (wait > WAIT_MAX_NS) wait = WAIT_MAX_NS;
    budget_hold(s, wait, banned, r->full != 0);
    if (r->full) {
        if (s->full_mono_ns < s->mono_ns + wait) s->full_mono_ns = s->mono_ns + wait;
        return;
    }
    int known = s->mono_ns < s->hold_mono_ns;
    if (known && s->mono_ns + wait <= s->hold_mono_ns) return; /* of answers that were under way together the longest wait counts */
    s->hold_mono_ns = s->mono_ns + wait;
    s->banned = banned;
    if (known) return; /* the log has it */
    session_notice(s, 1, "order session: the venue wants us to wait %lld ms (%.*s)", (long long)(wait / MS),
                   (int)(r->text_len < 120 ? r->text_len : 120), r->text_len ? r->text : "");
}

/* Half of the round trip lies behind the venue's stamp; never so much that ours could lie ahead of what it allows. */
static void take_time(aats_session_t *s, flight_t const *f, aats_oreply_t const *r)
{
    int64_t half = (s->mono_ns - f->sent_mono_ns) / 2, most = s->venue->clock_margin_ms * MS / 2;
    if (r->server_ms <= 0 || r->server_ms > INT64_MAX / MS) return;
    s->clock_ns = r->server_ms * MS + (half < most ? half : most);
    s->clock_mono_ns = s->mono_ns;
    s->clock_due_mono_ns = s->mono_ns + s->opts.clock_every_ns;
}

static void refused(aats_session_t *s, uint32_t kind, aats_oreply_t const *r)
{
    char why[200];
    snprintf(why, sizeof why, "the venue refused %s: %lld %.*s", KINDS[kind], (long long)r->code,
             (int)(r->text_len < 100 ? r->text_len : 100), r->text_len ? r->text : "");
    if (r->fatal) {
        s->wait_ns = s->opts.retry_fatal_ns;
        if (!s->told_fatal) session_notice(s, 2, "order session: %s; the key or its permissions must be put right", why);
        s->told_fatal = 1;
    } else if (r->busy) {
        s->wait_ns = s->hold_mono_ns - s->mono_ns;
    }
    conn_fail(s, AATS_WS_NORMAL, why);
}

/* The account is set up so that orders would not be booked as they are meant: that is said, and looked at again later; until then there is no session. */
static void unfit(aats_session_t *s, aats_oreply_t const *r)
{
    char why[240];
    snprintf(why, sizeof why, "%.*s", (int)(r->text_len < 230 ? r->text_len : 230), r->text);
    s->wait_ns = s->opts.retry_fatal_ns;
    if (!s->told_fatal) session_notice(s, 2, "order session: %s; no order is sent until that is so", why);
    s->told_fatal = 1;
    conn_fail(s, AATS_WS_NORMAL, why);
}

/* ---- in ---- */

static void strange(aats_session_t *s, char const *what, int e)
{
    char text[120];
    snprintf(text, sizeof text, "%s (%s)", what, aats_err_name(e));
    session_tell_kind(s, AATS_OM_STRANGE, AATS_OC_NONE, text);
}

static void deliver(aats_session_t *s, aats_oreply_t *r, flight_t const *f, int64_t recv_ns)
{
    for (size_t i = 0; i < r->msg_cnt && i < AATS_OREPLY_MSGS; i++) {
        aats_omsg_t *m = &r->msgs[i];
        m->recv_ns = recv_ns;
        if (f && f->order_id && !m->order_id && m->kind < AATS_OM_DOWN) m->order_id = f->order_id, m->instance = f->instance;
        if (s->nameless_cnt && m->order_id && m->remote_id[0]) know_named(s, m);
        if (!know_message(s, m, f)) continue;
        session_tell(s, m);
        if (m->kind == AATS_OM_OPEN) know_amend_over(s, m, f);
    }
    r->msg_cnt = 0;
    if (s->nameless_cnt && f) know_nameless(s);
}

/* Of a list that came in pages all of them are told, as one answer. */
static void deliver_all(aats_session_t *s, aats_oreply_t *r, flight_t *f, int64_t recv_ns)
{
    page_t whole = page_whole(s, f);
    if (!whole.serial) deliver(s, r, f, recv_ns);
    else
        while (page_next(&whole, r)) deliver(s, r, f, recv_ns);
}

/* Of an order: REJECT, FILLs and whatever else it says; or, where nothing was done, only that it may be asked again. */
static void take_order_reply(aats_session_t *s, aats_oreply_t *r, flight_t *f, int64_t recv_ns)
{
    aats_order_t gone = {.instance = f->instance, .order_id = f->order_id}; /* both halves of its client id */
    int ok = r->status == 200;
    if (r->fatal && f->kind == AATS_OR_PLACE) s->deny_mono_ns = s->mono_ns + s->opts.retry_fatal_ns;
    if (r->fatal && !s->told_fatal) {
        session_notice(s, 2, "order session: the venue refused %s: %lld %.*s", KINDS[f->kind], (long long)r->code,
                       (int)(r->text_len < 120 ? r->text_len : 120), r->text_len ? r->text : "");
        s->told_fatal = 1;
    }
    if (f->kind != AATS_OR_PLACE && (r->busy || r->clock)) {
        know_again(s, f);
        return;
    }
    if (f->page && !ok) { /* its question is asked again: that page, or, where the venue does not take its cursor any more, from the first on */
        if (!r->unsure) page_refused(s, f);
        return;
    }
    int e = s->venue->result(r, (int)f->kind, f->m ? &f->m->o : &gone);
    if (e < 0) {
        strange(s, "an answer that cannot be read", e);
        if (ask_is_order(f->kind) && f->m) session_tell_order(s, AATS_OM_UNKNOWN, AATS_OC_VENUE_UNSURE, f, "the answer cannot be read");
        know_again(s, f);
        return;
    }
    if (page_take(s, f, r)) return;
    deliver_all(s, r, f, recv_ns);
    know_answered(s, f, r, ok);
}

/* A token is as good as the key: what is longer than its place is none. */
static int take_token(aats_session_t *s, aats_oreply_t const *r)
{
    if (!r->token_len || r->token_len >= sizeof s->auth.token) return 0;
    memcpy(s->auth.token, r->token, r->token_len);
    s->auth.token[r->token_len] = 0;
    s->keep_mono_ns = s->mono_ns + s->venue->token_keep_ns;
    return 1;
}

/* What the account holds was asked for by the way, and was not told: later again. */
static void account_later(aats_session_t *s, flight_t const *f)
{
    if (f->kind == AATS_OR_ACCOUNT && f->by_the_way && !s->account_mono_ns) s->account_mono_ns = s->mono_ns + s->opts.query_max_ns;
}

static void take_stage_reply(aats_session_t *s, aats_oreply_t *r, flight_t *f, int64_t recv_ns)
{
    int on_the_way = !f->by_the_way && f->look == s->look, ok = r->status == 200 || (r->already && f->kind == AATS_OR_LISTEN);
    if (f->kind == AATS_OR_TIME) s->clock_asked = 0;
    if (f->kind == AATS_OR_TOKEN_KEEP && !ok && !r->busy && !r->clock) conn_renew(s, "the venue does not keep its token alive", s->opts.answer_ns);
    if (!ok && f->page && !r->clock && page_again(s, f, (int)r->fatal)) return;
    if (!ok && !on_the_way) account_later(s, f);
    if (!ok && !on_the_way) return; /* the clock, looked at by the way: later again */
    if (!ok && r->clock && ++s->stage_clock <= CLOCKS_MAX) {
        way_begin(s, STAGE_TIME);
        return;
    }
    if (!ok && f->kind == AATS_OR_FILLS && !r->fatal && !r->busy) { /* each order is asked for anyway */
        way_answered(s, f, r);
        return;
    }
    if (!ok && f->kind == AATS_OR_MODE && !r->fatal && !r->busy && !r->unsure) { /* an account that may not be asked: its orders are refused, if so */
        session_notice(s, 1, "order session: the venue does not tell the position mode: %lld %.*s", (long long)r->code,
                       (int)(r->text_len < 120 ? r->text_len : 120), r->text_len ? r->text : "");
        way_answered(s, f, r);
        return;
    }
    if (!ok) {
        refused(s, f->kind, r);
        return;
    }
    int e = s->venue->result(r, (int)f->kind, NULL);
    if (e < 0) {
        strange(s, "an answer that cannot be read", e);
        if (on_the_way && f->kind == AATS_OR_FILLS) way_answered(s, f, r);
        else if (on_the_way) conn_fail(s, AATS_WS_NORMAL, "an answer that cannot be read");
        return;
    }
    if (f->kind == AATS_OR_MODE && r->unfit) {
        unfit(s, r);
        return;
    }
    if (f->kind == AATS_OR_TOKEN && !take_token(s, r)) {
        conn_fail(s, AATS_WS_NORMAL, "the venue gave no token that can be used");
        return;
    }
    if (f->kind == AATS_OR_TIME) take_time(s, f, r);
    if (f->kind == AATS_OR_LOGON && conn_ws(s, f->way)) conn_ws(s, f->way)->logged_on = 1;
    if (page_take(s, f, r)) return;
    if (f->kind == AATS_OR_ACCOUNT) s->asset_mark++;
    deliver_all(s, r, f, recv_ns);
    if (f->kind == AATS_OR_ACCOUNT) extra_account(s);
    if (f->kind == AATS_OR_OPEN && f->by_the_way) know_glanced(s, f);
    if (on_the_way) way_answered(s, f, r);
}

/* Whose answer is this?  By its id; without one by what it says that it answers; flight_cnt: nobody's. */
static uint32_t answered(aats_session_t const *s, aats_oreply_t const *r)
{
    uint32_t found = s->flight_cnt;
    for (uint32_t i = 0; i < s->flight_cnt; i++) {
        flight_t const *f = &s->flights[i];
        int const greets = f->kind == AATS_OR_LOGON || f->kind == AATS_OR_LISTEN;
        int const is = r->id ? f->id == r->id : f->way == r->way && (r->answers ? f->kind == r->answers : s->venue->way_cnt && greets);
        if (is && (found == s->flight_cnt || f->id < s->flights[found].id)) found = i;
    }
    return found;
}

static void take_reply(aats_session_t *s, aats_oreply_t *r, int64_t recv_ns)
{
    uint32_t const i = answered(s, r);
    take_limits(s, r);
    if (r->busy) take_busy(s, r);
    if (r->clock) s->clock_due_mono_ns = s->mono_ns;
    budget_told(s, r, i < s->flight_cnt ? &s->flights[i] : NULL);
    if (i == s->flight_cnt) {
        if (r->fatal) refused(s, AATS_OR_NONE, r);
        else session_tell_kind(s, AATS_OM_STRANGE, AATS_OC_NONE, "an answer to nothing that was asked");
        return;
    }
    flight_t f = s->flights[i];
    s->flights[i] = s->flights[--s->flight_cnt];
    if (is_stage(&f)) take_stage_reply(s, r, &f, recv_ns);
    else if (f.kind == AATS_OR_DEADMAN) extra_deadman_reply(s, &f, r);
    else take_order_reply(s, r, &f, recv_ns);
    if (f.order_id) know_dirty(s, f.instance, f.order_id);
    else s->known_look = 1;
}

static void scale_of(void *arg, char const *native, size_t n, int32_t *px_exp, int32_t *qty_exp)
{
    aats_session_t const *s = arg;
    for (uint32_t i = 0; i < s->sym_cnt; i++) {
        aats_rules_t const *r = &s->syms[i];
        if (strnlen(r->native, sizeof r->native) != n || memcmp(r->native, native, n) != 0) continue;
        *px_exp = r->px_exp;
        *qty_exp = r->qty_exp;
        return;
    }
}

static aats_oreply_t *fresh_reply(aats_session_t *s, uint32_t way)
{
    aats_oreply_t *r = &s->reply;
    *r = (aats_oreply_t){.msgs = r->msgs, .orders_used = -1, .orders_limit = -1, .way = way, .scale = scale_of, .scale_arg = s};
    return r;
}

/* The venue has ended the events of a way: they are asked for anew, by that way, or by a new one where its token is of no use any more. */
static void deaf(aats_session_t *s, uint32_t way)
{
    if (!session_up(s)) return;
    session_notice(s, 1, "order session: the venue has ended the subscription to events; everything is asked for anew");
    if (s->ways[way].token) {
        s->planned = 1;
        conn_fail(s, AATS_WS_NORMAL, "the venue has ended the subscription to events");
        return;
    }
    if (s->told_up) session_tell_kind(s, AATS_OM_DOWN, AATS_OC_NONE, "the venue has ended the subscription to events");
    s->told_up = 0;
    s->held_cnt = 0;
    way_begin(s, STAGE_LISTEN);
}

void ask_message(aats_session_t *s, uint32_t way, char const *text, size_t n, int64_t recv_ns)
{
    aats_oreply_t *r = fresh_reply(s, way);
    int e = s->venue->parse(text, n, r);
    if (e < 0) {
        strange(s, "a message that cannot be read", e);
        s->unread = 1; /* it may have been a fill */
        return;
    }
    switch (r->kind) {
    case AATS_OV_REPLY: take_reply(s, r, recv_ns); break;
    case AATS_OV_EVENT:
        deliver(s, r, NULL, recv_ns);
        if (r->moved && !s->account_mono_ns) s->account_mono_ns = s->mono_ns + s->opts.query_min_ns;
        break;
    case AATS_OV_SHUTDOWN: conn_renew(s, "the venue shuts down", s->opts.answer_ns); break;
    case AATS_OV_DEAF: deaf(s, way); break;
    case AATS_OV_MOVED:
        if (!s->account_mono_ns) s->account_mono_ns = s->mono_ns + s->opts.query_min_ns;
        break;
    default: break; /* of other events nothing is wanted */
    }
}

/* An answer by HTTP that cannot be read leaves open what has happened, as any answer that does not come. */
void ask_answer(owlink_t *l, aats_http_answer_t const *a, int64_t recv_ns)
{
    aats_session_t *s = l->s;
    aats_oreply_t *r = fresh_reply(s, l->way);
    aats_http_head_t const *h = &a->head;
    uint64_t wait_s;
    int e = s->venue->parse_http(h->status, a->head_at, a->head_len, a->body, a->body_len, (int)l->asked.kind, r);
    if (e < 0) {
        strange(s, "an answer that cannot be read", e);
        r = fresh_reply(s, l->way);
        r->status = 502;
        r->unsure = 1;
        r->oc = AATS_OC_VENUE_UNSURE;
        r->text = "an answer that cannot be read";
        r->text_len = strlen(r->text);
    }
    r->kind = AATS_OV_REPLY;
    r->id = l->asked.id;
    if (!r->retry_ms && r->busy && aats_http_retry_after(h, &wait_s) == 1) {
        uint64_t const most = (uint64_t)(WAIT_MAX_NS / SECOND);
        r->retry_ms = ask_venue_ns(s) / MS + 1000 * (int64_t)(wait_s < most ? wait_s : most);
    }
    take_reply(s, r, recv_ns);
}

/* ---- time ---- */

/* ask_drop forgets a request whose answer will not come; of an order that is told, and a stage cannot go on without. */
void ask_drop(aats_session_t *s, flight_t *at, uint32_t code, char const *why)
{
    flight_t const f = *at;
    char text[200];
    *at = s->flights[--s->flight_cnt];
    s->known_look = 1;
    if (ask_is_order(f.kind)) {
        int const out = code != AATS_OC_NONE; /* else nothing went out: the cancel is still wished for */
        uint32_t const as = out ? AATS_OM_UNKNOWN : f.kind == AATS_OR_PLACE ? AATS_OM_FAILED : f.kind == AATS_OR_AMEND ? AATS_OM_AMEND_REJECT : AATS_OM_NONE;
        if (f.m && as != AATS_OM_NONE) session_tell_order(s, as, out ? code : AATS_OC_NOT_CONNECTED, &f, why);
        know_again(s, &f);
        return;
    }
    if (!is_stage(&f)) {
        if (f.kind == AATS_OR_DEADMAN) extra_deadman_lost(s, &f);
        know_again(s, &f);
        return;
    }
    if (f.page && page_again(s, &f, 0)) return;
    account_later(s, &f);
    if (f.kind == AATS_OR_TIME && s->clock_asked) {
        s->clock_asked = 0;
        s->clock_due_mono_ns = s->mono_ns + SECOND;
    } else if (!f.by_the_way && f.look == s->look && s->stage < STAGE_ORDERS) {
        snprintf(text, sizeof text, "%s: %.120s", KINDS[f.kind], why);
        conn_fail(s, AATS_WS_NORMAL, text);
    }
}

/* Returns 1 if the request is not in the table any more. */
static int overdue(aats_session_t *s, flight_t *f)
{
    char why[120];
    int const http = s->ways[f->way].kind == AATS_OWAY_HTTP;
    uint64_t const id = f->id;
    if (http && http_waiting(s, id)) {
        ask_drop(s, f, AATS_OC_NONE, "no connection was free for it in time");
        return 1;
    }
    f->late = 1;
    s->known_look = 1;
    if (ask_is_order(f->kind) && f->m) session_tell_order(s, AATS_OM_UNKNOWN, AATS_OC_TIMEOUT, f, "no answer in time");
    if (f->kind == AATS_OR_DEADMAN) extra_deadman_lost(s, f);
    if (!is_stage(f)) know_again(s, f);
    else if (f->kind == AATS_OR_TIME && s->clock_asked) s->clock_asked = 0, s->clock_due_mono_ns = s->mono_ns + SECOND;
    else if (!f->page || !page_again(s, f, 0)) {
        account_later(s, f);
        snprintf(why, sizeof why, "no answer to %s in time", KINDS[f->kind]);
        if (!f->by_the_way && f->look == s->look && s->stage < STAGE_ORDERS) conn_fail(s, AATS_WS_NORMAL, why);
    }
    if (http) http_overdue(s, id);
    return 0;
}

void ask_tick(aats_session_t *s)
{
    for (uint32_t i = 0; i < s->flight_cnt;) { /* after a failed link those of the WebSockets are gone */
        flight_t *f = &s->flights[i];
        int64_t age = s->mono_ns - f->sent_mono_ns;
        if (age > LATE_NS) {
            s->flights[i] = s->flights[--s->flight_cnt];
            continue;
        }
        if (f->late || age < s->opts.answer_ns || !overdue(s, f)) i++;
    }
    if (s->nameless_cnt && s->mono_ns - s->nameless[0].since_mono_ns >= s->opts.answer_ns) know_nameless(s);
    if (s->unread && s->mono_ns >= s->unread_mono_ns) {
        s->unread = 0;
        s->unread_mono_ns = s->mono_ns + s->opts.query_max_ns;
        know_doubt(s);
    }
    if (s->phase != LINK_OPEN || s->stage < STAGE_ORDERS || s->clock_asked || s->mono_ns < s->clock_due_mono_ns) return;
    if (s->mono_ns < s->hold_mono_ns || ask(s, AATS_OR_TIME, NONE, NULL, NULL, 0) < 0) s->clock_due_mono_ns = s->mono_ns + SECOND;
    else s->clock_asked = 1;
}

void ask_lost(aats_session_t *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->flight_cnt; i++) {
        flight_t const f = s->flights[i];
        if (s->ways[f.way].kind == AATS_OWAY_HTTP) s->flights[kept++] = f; /* its answer comes by another connection */
        else if (f.kind == AATS_OR_DEADMAN && !f.late) extra_deadman_lost(s, &f);
        else if (ask_is_order(f.kind) && f.m && !f.late) session_tell_order(s, AATS_OM_UNKNOWN, AATS_OC_DISCONNECTED, &f, "the connection was lost");
    }
    s->flight_cnt = kept;
}
