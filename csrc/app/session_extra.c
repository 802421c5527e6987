/* session_extra.c -- what an order session does beside orders: balances, the dead-man switch, the token that is kept alive.
 *
 * The account's answer leaves out what is zero: an asset that was told and is not in it any more has become zero, and that is told.
 *
 * A dead-man switch cancels all orders of the account unless it is heard of again in time.  It is armed when READY, and from then on,
 * whatever the session is at, as soon as it listens; every third of its time while the session is stepped.  Nobody else keeps it alive:
 * a process that is dead or hangs is what it is for.
 *
 * Where each symbol has a switch of its own all of them are told one after another (deadman_at), and what found no token goes on from there; so does turning
 * it off, which is asked for until the venue has taken it (deadman_off), also while the session leaves.  An arming and a disarming of one switch are never
 * under way together (session_http.c): the later one would not be the last word.
 */
#include <string.h>

#include "app/session_state.h"

/* ---- balances ---- */

void extra_balance(aats_session_t *s, aats_omsg_t const *m)
{
    asset_t *a = s->assets, *end = s->assets + s->asset_cnt;
    while (a < end && memcmp(a->name, m->fee_asset, sizeof a->name) != 0) a++;
    if (a == end) {
        if (!session_grow((void **)&s->assets, &s->asset_cap, s->asset_cnt + 1, sizeof *s->assets)) return;
        a = &s->assets[s->asset_cnt++];
        memcpy(a->name, m->fee_asset, sizeof a->name);
    }
    a->exp = m->fee_exp;
    a->mark = s->asset_mark;
    a->some = m->amount.hi || m->amount.lo;
}

void extra_account(aats_session_t *s)
{
    for (asset_t *a = s->assets; a < s->assets + s->asset_cnt; a++) {
        if (!a->some || a->mark == s->asset_mark) continue;
        aats_omsg_t m = {.kind = AATS_OM_BALANCE, .recv_ns = s->now_ns, .fee_exp = a->exp};
        memcpy(m.fee_asset, a->name, sizeof m.fee_asset);
        a->some = 0;
        session_tell(s, &m);
    }
}

/* ---- the dead-man switch ---- */

int aats_session_deadman(aats_session_t *s, int64_t after_ns)
{
    int64_t least = s->venue->deadman_ms * MS;
    if (after_ns > 0 && !least) return AATS_E_UNKNOWN;
    if (after_ns <= 0) extra_disarm(s);
    s->deadman_ns = after_ns <= 0 ? 0 : after_ns < least ? least : after_ns;
    if (after_ns <= 0) return AATS_OK;
    s->deadman_off = 0;
    s->deadman_at = 0;
    s->deadman_mono_ns = 0;
    return AATS_OK;
}

/* Of the whole account, or, where the venue wants a symbol, of each: from the one on that was not told. */
static int deadman(aats_session_t *s, uint64_t ms)
{
    int e = s->deadman_at ? AATS_E_ARG : ask(s, AATS_OR_DEADMAN, NONE, NULL, NULL, ms);
    for (; e == AATS_E_ARG && s->deadman_at < s->sym_cnt; s->deadman_at++) {
        int const one = ask(s, AATS_OR_DEADMAN, s->deadman_at, NULL, NULL, ms);
        if (one < 0) return one;
    }
    if (s->deadman_at) e = AATS_OK;
    s->deadman_at = 0;
    return e;
}

static void again(aats_session_t *s, int e)
{
    s->deadman_mono_ns = s->mono_ns + (e == AATS_E_BUSY ? s->token_wait_ns : s->opts.query_min_ns);
}

static int by_http(aats_session_t const *s)
{
    int const way = conn_way_of(s, AATS_OR_DEADMAN);
    return way >= 0 && s->ways[way].kind == AATS_OWAY_HTTP;
}

/* What goes by HTTP needs no log-on, and no WebSocket. */
static void turn_off(aats_session_t *s)
{
    if (!s->deadman_off || s->mono_ns < s->deadman_mono_ns || session_waits(s) || (!session_up(s) && !by_http(s))) return;
    int const e = deadman(s, 0);
    if (e == AATS_OK) s->deadman_off = 0;
    else again(s, e);
}

void extra_disarm(aats_session_t *s)
{
    if (!s->deadman_armed) return;
    for (uint32_t i = 0; i < s->flight_cnt;) { /* what would arm it and has not gone out does not go out any more */
        flight_t const *f = &s->flights[i];
        if (f->kind == AATS_OR_DEADMAN && f->from_id && http_waiting(s, f->id)) s->flights[i] = s->flights[--s->flight_cnt];
        else i++;
    }
    s->deadman_armed = 0;
    s->deadman_off = 1;
    s->deadman_at = 0;
    s->deadman_mono_ns = 0;
    turn_off(s);
}

static int under_way(aats_session_t const *s)
{
    for (flight_t const *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->kind == AATS_OR_DEADMAN && !f->late && s->ways[f->way].kind == AATS_OWAY_HTTP) return 1;
    return s->deadman_off && by_http(s);
}

int extra_disarming(aats_session_t const *s) { return s->leaving && s->mono_ns < s->at_mono_ns && under_way(s); }

void extra_leave(aats_session_t *s)
{
    if (s->mono_ns < s->at_mono_ns) {
        turn_off(s);
    } else if (under_way(s) && !s->deadman_told) {
        s->deadman_told = 1;
        session_notice(s, 2, "order session: the dead-man switch could not be turned off in time: the venue cancels every order in %lld s",
                       (long long)((s->deadman_ns + SECOND - 1) / SECOND));
    }
}

static void arm(aats_session_t *s)
{
    if (!s->deadman_ns || s->mono_ns < s->deadman_mono_ns || session_waits(s)) return;
    if (!session_up(s) || (s->stage != STAGE_READY && !s->deadman_armed)) return;
    int64_t ms = (s->deadman_ns + MS - 1) / MS;
    int e = deadman(s, (uint64_t)ms);
    if (e == AATS_OK || s->deadman_at) s->deadman_armed = 1; /* of one symbol, at least */
    if (e == AATS_OK) s->deadman_mono_ns = s->mono_ns + s->deadman_ns / 3;
    else again(s, e);
}

/* Nobody knows what became of it: what arms it is said again at once, what turns it off until it was taken. */
void extra_deadman_lost(aats_session_t *s, flight_t const *f)
{
    if (f->from_id) {
        s->deadman_mono_ns = 0;
    } else if (!s->deadman_armed && !s->deadman_off) {
        s->deadman_off = 1;
        s->deadman_at = 0;
        again(s, AATS_OK);
    }
}

void extra_deadman_reply(aats_session_t *s, flight_t const *f, aats_oreply_t const *r)
{
    if (r->status == 200) s->deadman_refused = 0;
    else if (!f->from_id) extra_deadman_lost(s, f);
    if (r->status == 200 || s->deadman_refused) return;
    s->deadman_refused = 1;
    session_notice(s, 2, "order session: the venue refused the dead-man switch: %lld %.*s", (long long)r->code,
                   (int)(r->text_len < 120 ? r->text_len : 120), r->text_len ? r->text : "");
}

static void keep_token(aats_session_t *s)
{
    if (!s->auth.token[0] || !s->venue->token_keep_ns || s->mono_ns < s->keep_mono_ns || session_waits(s)) return;
    int const e = ask(s, AATS_OR_TOKEN_KEEP, NONE, NULL, NULL, 0);
    s->keep_mono_ns = s->mono_ns + (e == AATS_OK ? s->venue->token_keep_ns : e == AATS_E_BUSY ? s->token_wait_ns : SECOND);
}

void extra_tick(aats_session_t *s)
{
    if (s->phase != LINK_OPEN || s->leaving) return;
    if (s->deadman_off) turn_off(s);
    else arm(s);
    if (s->stage >= STAGE_ORDERS) keep_token(s);
    if (s->stage != STAGE_READY || !s->account_mono_ns || s->mono_ns < s->account_mono_ns || session_waits(s)) return;
    s->account_mono_ns = ask(s, AATS_OR_ACCOUNT, NONE, NULL, NULL, 0) < 0 ? s->mono_ns + s->opts.query_min_ns : 0;
}
