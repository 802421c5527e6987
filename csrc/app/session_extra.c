/* session_extra.c -- what an order session does beside orders: balances, the dead-man switch, the token that is kept alive.
 *
 * The account's answer leaves out what is zero: an asset that was told and is not in it any more has become zero, and that is told.
 *
 * A dead-man switch cancels all orders of the account unless it is heard of again in time.  It is armed when READY, and from then on,
 * whatever the session is at, as soon as it listens; every third of its time while the session is stepped.  Nobody else keeps it alive:
 * a process that is dead or hangs is what it is for.
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
    s->deadman_mono_ns = 0;
    return AATS_OK;
}

/* Of the whole account, or, where the venue wants a symbol, of each. */
static int deadman(aats_session_t *s, uint64_t ms)
{
    int e = ask(s, AATS_OR_DEADMAN, NONE, NULL, NULL, ms);
    for (uint32_t i = 0; e == AATS_E_ARG && i < s->sym_cnt; i++) {
        int const one = ask(s, AATS_OR_DEADMAN, i, NULL, NULL, ms);
        if (one < 0) return one;
        if (i + 1 == s->sym_cnt) e = AATS_OK;
    }
    return e;
}

void extra_disarm(aats_session_t *s)
{
    if (s->deadman_armed && session_up(s)) (void)deadman(s, 0);
    s->deadman_armed = 0;
}

int extra_disarming(aats_session_t const *s)
{
    for (flight_t const *f = s->flights; f < s->flights + s->flight_cnt; f++)
        if (f->kind == AATS_OR_DEADMAN && !f->late && s->ways[f->way].kind == AATS_OWAY_HTTP) return s->leaving && s->mono_ns < s->at_mono_ns;
    return 0;
}

static void arm(aats_session_t *s)
{
    if (!s->deadman_ns || s->mono_ns < s->deadman_mono_ns || session_waits(s)) return;
    if (!session_up(s) || (s->stage != STAGE_READY && !s->deadman_armed)) return;
    int64_t ms = (s->deadman_ns + MS - 1) / MS;
    int e = deadman(s, (uint64_t)ms);
    if (e == AATS_OK) s->deadman_armed = 1;
    s->deadman_mono_ns = s->mono_ns + (e == AATS_OK ? s->deadman_ns / 3 : e == AATS_E_BUSY ? s->token_wait_ns : s->opts.query_min_ns);
}

void extra_deadman_reply(aats_session_t *s, aats_oreply_t const *r)
{
    if (r->status == 200) s->deadman_refused = 0;
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
    arm(s);
    if (s->stage >= STAGE_ORDERS) keep_token(s);
    if (s->stage != STAGE_READY || !s->account_mono_ns || s->mono_ns < s->account_mono_ns || session_waits(s)) return;
    s->account_mono_ns = ask(s, AATS_OR_ACCOUNT, NONE, NULL, NULL, 0) < 0 ? s->mono_ns + s->opts.query_min_ns : 0;
}
