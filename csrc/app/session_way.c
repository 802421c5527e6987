/* session_way.c -- the way to READY, and looks by the way.
 *
 *     TIME -> LOGON -> [TOKEN -> JOIN] -> MODE -> LISTEN -> OPEN by symbol -> FILLS by symbol -> ACCOUNT -> POSITIONS -> ORDERS -> READY
 *                                                   ^         ^                      (only after a gap)                    |
 *                                                   '-- deaf  '-- verify, or orders were canceled: look again -------------'
 *
 * LOGON and LISTEN are asked for once on each way that wants them; TOKEN and JOIN are for venues with connections that can be opened with a token alone: JOIN waits
 * until these are open, and logs them on.  MODE: an account whose positions have two sides (hedge mode) is refused here, before an order can go out.  What a
 * venue does not have is passed over.
 *
 * A list that comes in pages is answered when its last page has come (session_page.c).
 *
 * FILLS: what was traded since the last trade that is known, of each symbol of which an order was open.  So fills come in the order of
 * their trades, and before the ends that they belong to; and are found even where the venue's memory of an order lags behind them.
 *
 * While READY, what is open is looked at again LOOK_SOON_NS after a gap and every LOOK_NS: an event that was lost, or an answer that
 * lagged, is found by it, and the order is asked for.  Nothing waits for that.
 */
#include <stdio.h>

#include "app/session_state.h"

/* ---- stages ---- */

static int wants_fills(aats_session_t const *s, uint32_t sym)
{
    for (known_t const *k = s->known; k < s->known + s->known_cnt; k++)
        if (k->sym == sym && !know_closed(k->m)) return 1;
    return 0;
}

static uint64_t fills_from(aats_session_t const *s, uint32_t sym) { return s->trade_ids[sym] ? s->trade_ids[sym] + 1 : 0; }

enum { ONCE, BY_SYMBOL, BY_WAY };
static struct { uint32_t kind; int by; } const STAGES[] = {
    [STAGE_TIME]   = {AATS_OR_TIME,   ONCE},      [STAGE_LOGON] = {AATS_OR_LOGON, BY_WAY},    [STAGE_TOKEN]   = {AATS_OR_TOKEN,   ONCE},
    [STAGE_JOIN]   = {AATS_OR_LOGON,  BY_WAY},    [STAGE_OPEN]  = {AATS_OR_OPEN,  BY_SYMBOL}, [STAGE_ACCOUNT] = {AATS_OR_ACCOUNT, ONCE},
    [STAGE_MODE]   = {AATS_OR_MODE,   ONCE},
    [STAGE_LISTEN] = {AATS_OR_LISTEN, BY_WAY},    [STAGE_FILLS] = {AATS_OR_FILLS, BY_SYMBOL}, [STAGE_POSITIONS] = {AATS_OR_POSITIONS, ONCE},
};

static int wants_token(aats_session_t const *s)
{
    for (uint32_t way = 0; way < s->way_cnt; way++)
        if (s->ways[way].token) return 1;
    return 0;
}

/* Is the i-th symbol or way of this stage passed over? */
static int passed(aats_session_t const *s, uint32_t i)
{
    switch (s->stage) {
    case STAGE_FILLS: return !wants_fills(s, i);
    case STAGE_LOGON: return !session_wants(&s->ways[i], AATS_OR_LOGON) || s->ways[i].token;
    case STAGE_JOIN: return !session_wants(&s->ways[i], AATS_OR_LOGON) || !s->ways[i].token;
    case STAGE_LISTEN: return !session_wants(&s->ways[i], AATS_OR_LISTEN);
    default: return 0;
    }
}

/* send_stage sends what is left of a stage's requests; where there is no token of the budget for one, it and those behind it wait. */
static int send_stage(aats_session_t *s)
{
    int by = STAGES[s->stage].by, left_out = (s->stage > STAGE_OPEN && !s->gap) || (s->stage == STAGE_TOKEN && !wants_token(s));
    if (s->stage == STAGE_MODE && s->venue->mode_by_symbol) by = BY_SYMBOL;
    uint32_t const kind = STAGES[s->stage].kind, cnt = left_out ? 0 : by == BY_SYMBOL ? s->sym_cnt : by == BY_WAY ? s->way_cnt : 1;
    s->stage_mono_ns = 0;
    for (; s->stage_at < cnt; s->stage_at++) {
        uint32_t const i = s->stage_at;
        if (passed(s, i)) continue;
        uint64_t const from = s->stage == STAGE_FILLS ? fills_from(s, i) : 0;
        int e = by == BY_WAY ? ask_by(s, i, kind, NONE, NULL, NULL, 0) : ask(s, kind, by == BY_SYMBOL ? i : NONE, NULL, NULL, from);
        if (e == AATS_E_BUSY) {
            s->stage_mono_ns = s->mono_ns + s->token_wait_ns;
            return AATS_OK;
        }
        if (e == AATS_E_EMPTY && by == BY_WAY) continue;
        if (e == AATS_E_EMPTY) break;
        if (e < 0) return e;
        s->stage_left++;
    }
    return AATS_OK;
}

/* Are all connections open that want a token? */
static int joined(aats_session_t *s)
{
    for (uint32_t way = 0; way < s->way_cnt; way++)
        if (s->ways[way].token && conn_ws(s, way) && conn_ws(s, way)->phase != LINK_OPEN) return 0;
    return 1;
}

static int begin_stage(aats_session_t *s)
{
    s->look++;
    s->stage_left = s->stage_at = 0;
    if (s->stage == STAGE_OPEN) {
        s->stray_cnt = s->look_own = 0;
        if (!s->first_look) s->first_look = s->look;
    }
    s->joining = s->stage == STAGE_JOIN && !joined(s);
    return s->joining ? AATS_OK : send_stage(s);
}

static void cannot_ask(aats_session_t *s, int e)
{
    conn_fail(s, AATS_WS_NORMAL, e == AATS_E_FULL ? "it does not take what is sent" : "a request could not be made or signed");
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
        if (stage == STAGE_ORDERS) {
            s->gap = 0;
            know_release(s);
            return;
        }
        int e = begin_stage(s);
        if (e < 0) cannot_ask(s, e);
        if (e < 0 || s->stage_left || s->stage_mono_ns || s->joining) return;
    }
}

void way_joined(aats_session_t *s)
{
    if (s->phase != LINK_OPEN || !s->joining || !joined(s)) return;
    s->joining = 0;
    int e = send_stage(s);
    if (e < 0) cannot_ask(s, e);
    else if (!s->stage_left && !s->stage_mono_ns) enter(s, s->stage + 1);
}

/* The requests of a stage that waited for a token. */
static void go_on(aats_session_t *s)
{
    if (!s->stage_mono_ns || s->mono_ns < s->stage_mono_ns || s->stage >= STAGE_ORDERS) return;
    int e = send_stage(s);
    if (e < 0) cannot_ask(s, e);
    else if (!s->stage_left && !s->stage_mono_ns) enter(s, s->stage + 1);
}

void way_begin(aats_session_t *s, int stage)
{
    know_doubt(s);
    s->first_look = s->relooks = 0;
    s->look_mono_ns = 0;
    if (stage <= STAGE_LISTEN) s->gap = 1;
    session_last(s, "%s: it is being reconciled", s->opts.host);
    enter(s, stage);
}

/* Trades may come in parts: the next is asked for while this one has brought something new. */
void way_answered(aats_session_t *s, flight_t const *f, aats_oreply_t const *r)
{
    if (s->phase != LINK_OPEN || !s->stage_left) return;
    int more = f->kind == AATS_OR_FILLS && f->from_id && r->more && fills_from(s, f->sym) > f->from_id;
    int e = more ? ask(s, AATS_OR_FILLS, f->sym, NULL, NULL, fills_from(s, f->sym)) : AATS_E_EMPTY;
    if (e == AATS_OK) return;
    if (e == AATS_E_BUSY) { /* from this symbol on again, when there is a token */
        if (s->stage_at > f->sym) s->stage_at = f->sym;
        s->stage_mono_ns = s->mono_ns + s->token_wait_ns;
    }
    if (!--s->stage_left && !s->stage_mono_ns) enter(s, s->stage + 1);
}

static void ready(aats_session_t *s)
{
    s->stage = STAGE_READY;
    s->verifying = 0;
    s->told_fatal = 0;
    s->stage_clock = 0;
    s->last[0] = 0;
    s->glance_mono_ns = s->mono_ns + (s->known_cnt ? LOOK_SOON_NS : LOOK_NS);
    session_tell_kind(s, AATS_OM_READY, AATS_OC_NONE, "");
    session_notice(s, 0, "order session ready: %s, %u orders known", s->opts.host, s->known_cnt);
}

/* ---- passes ---- */

static void glance(aats_session_t *s)
{
    if (s->mono_ns < s->glance_mono_ns || session_waits(s)) return;
    s->glance_mono_ns = s->mono_ns + LOOK_NS;
    for (known_t *k = s->known; k < s->known + s->known_cnt; k++) k->listed = 0;
    for (uint32_t i = 0; i < s->sym_cnt; i++)
        if (wants_fills(s, i)) ask(s, AATS_OR_OPEN, i, NULL, NULL, 0);
}

void way_tick(aats_session_t *s)
{
    if (s->queue_cnt || s->phase != LINK_OPEN) return;
    int all = s->known_look || s->stage != STAGE_READY;
    s->known_look = 0;
    go_on(s);
    if (s->phase != LINK_OPEN) return;
    page_tick(s);
    uint32_t open = want_orders(s, all), strays = s->stage < STAGE_ORDERS ? 0 : want_strays(s);
    if (s->stage == STAGE_READY && !strays) s->stray_cnt = 0;
    if (s->stage == STAGE_READY) glance(s);
    if (s->stage != STAGE_ORDERS) return;
    open += strays + ask_orders_under_way(s, !s->verifying); /* a cancel that has gone out before READY is answered after it */
    if (open || s->queue_cnt) return;
    if (!s->stray_cnt && !s->look_own) {
        ready(s);
        return;
    }
    /* Something was canceled: only a look that does not show it any more is believed. */
    if (!s->look_mono_ns) s->look_mono_ns = s->mono_ns + (s->relooks++ ? want_pause(s, s->relooks - 2) : 0);
    if (s->mono_ns < s->look_mono_ns || session_waits(s)) return;
    s->look_mono_ns = 0;
    enter(s, STAGE_OPEN);
}
