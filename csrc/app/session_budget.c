/* session_budget.c -- an order session and the host's budgets (risk/budget.h): what is taken before a request goes out, what the venue's
 * answers say of them.
 *
 *     weight, requests, connects   of the address: every process that asks there, over whatever protocol
 *     orders                       of the account: every strategy that trades it
 *
 * A PLACE without a token is refused.  Everything else waits, and goes out in the first pass in which there is one; cancels have a lane of
 * their own. Without budgets nothing of this happens: the session counts for itself alone (session_ask.c, session_gate.c).
 */
#include <stdio.h>
#include <string.h>

#include "app/session_state.h"

#define RESERVE_PART 20           /* of an address's limits so much is for cancels alone: one in twenty */
#define EDGE_NS      (SECOND / 10) /* an answer from so near to the begin of a venue's window may speak of the one before */

static int lane_of(uint32_t kind)
{
    if (kind == AATS_OR_PLACE || kind == AATS_OR_AMEND) return AATS_LANE_ORDER;
    return kind == AATS_OR_CANCEL || kind == AATS_OR_CANCEL_ALL || kind == AATS_OR_DEADMAN ? AATS_LANE_CANCEL : AATS_LANE_QUERY;
}

/* ---- the budgets ---- */

static aats_budget_t *budget_of(aats_session_t *s, int32_t kind)
{
    switch (kind) {
    case AATS_OL_WEIGHT: return s->weight;
    case AATS_OL_REQUESTS: return s->requests;
    case AATS_OL_CONNECTS: return s->connects;
    case AATS_OL_ORDERS: return s->orders;
    default: return NULL;
    }
}

static int64_t reserve_of(int32_t kind, int64_t limit)
{
    return kind == AATS_OL_WEIGHT || kind == AATS_OL_REQUESTS ? limit / RESERVE_PART : 0;
}

static aats_budget_t *find(aats_risk_view_t const *v, char const *whose, char const *what)
{
    char name[2 * sizeof v->budgets->name];
    snprintf(name, sizeof name, "%s %s", whose, what);
    return aats_budget_find(v, name);
}

/* The address's "orders" counts nothing: what its exchangeInfo allows each account (aats/budget.py). */
int aats_session_budgets(aats_session_t *s, void *risk_mem, uint64_t mapped_sz, char const *account, char const *address)
{
    aats_risk_view_t v;
    char why[160];
    int e = aats_risk_attach(risk_mem, mapped_sz, &v, why, sizeof why);
    if (e != AATS_OK) return e;
    aats_budget_t *orders = find(&v, account, "orders"), *weight = find(&v, address, "weight"), *requests = find(&v, address, "requests");
    aats_budget_t *connects = find(&v, address, "connects"), *told = find(&v, address, "orders");
    if (!orders || !weight || !requests || !connects || !told) return AATS_E_FULL;
    s->orders = orders;
    s->weight = weight;
    s->requests = requests;
    s->connects = connects;
    aats_budget_copy(orders, told);
    for (uint32_t i = 0; i < s->venue->limit_cnt; i++) {
        aats_olimit_t const *l = &s->venue->limits[i];
        aats_budget_expect(budget_of(s, l->kind), l->span_ms * MS, l->limit, reserve_of(l->kind, l->limit));
    }
    return AATS_OK;
}

/* ---- before a request ---- */

static int64_t weight_of(aats_session_t const *s, aats_oreq_t const *req) { return s->venue->weight ? s->venue->weight(req) : 1; }

static int64_t weight_under_way(aats_session_t const *s, flight_t const *f)
{
    static aats_order_t const SOME;
    aats_oreq_t const req = {.kind = f->kind, .rules = f->sym == NONE ? NULL : &s->syms[f->sym], .order = f->order_id ? &SOME : NULL};
    return weight_of(s, &req);
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Looked at first, all together: what one budget gives is not lost because another one has nothing. */
static int64_t room(aats_session_t const *s, int lane, int64_t weight)
{
    return later(aats_budget_room(s->weight, lane, weight, s->mono_ns), aats_budget_room(s->requests, lane, 1, s->mono_ns));
}

static int64_t take(aats_session_t *s, int lane, int64_t weight, int is_order)
{
    int64_t wait = is_order ? 0 : room(s, lane, weight); /* of an order it was asked a moment ago: budget_may_place */
    if (wait > 0) {
        aats_budget_waited(s->weight, lane);
        return wait;
    }
    wait = aats_budget_take(s->weight, lane, weight, s->mono_ns);
    if (wait == 0) wait = aats_budget_take(s->requests, lane, 1, s->mono_ns);
    if (wait == 0 && is_order) wait = aats_budget_take(s->orders, lane, 1, s->mono_ns);
    return wait;
}

int64_t budget_take(aats_session_t *s, aats_oreq_t const *req)
{
    if (!s->weight) return 0;
    s->token_wait_ns = take(s, lane_of(req->kind), weight_of(s, req), req->kind == AATS_OR_PLACE);
    s->waits += s->token_wait_ns > 0 && req->kind != AATS_OR_PLACE;
    return s->token_wait_ns;
}

/* An attempt to connect, paid for once, however often it is asked whether one is wanted. */
int budget_connect(aats_session_t *s, owlink_t *l)
{
    if (!s->weight || l->paid) return 1;
    int64_t wait = later(aats_budget_room(s->connects, AATS_LANE_QUERY, 1, s->mono_ns),
                         aats_budget_room(s->weight, AATS_LANE_QUERY, s->venue->connect_weight, s->mono_ns));
    if (wait == 0) wait = aats_budget_take(s->connects, AATS_LANE_QUERY, 1, s->mono_ns);
    else aats_budget_waited(s->connects, AATS_LANE_QUERY);
    if (wait == 0) wait = aats_budget_take(s->weight, AATS_LANE_QUERY, s->venue->connect_weight, s->mono_ns);
    l->paid = wait == 0;
    if (wait == 0) return 1;
    s->waits++;
    if (l->kind == AATS_OWAY_HTTP) l->at_mono_ns = s->mono_ns + wait;
    else s->at_mono_ns = s->mono_ns + wait;
    session_last(s, "%s: this host has used up what the venue allows its address; the next attempt is in %lld ms", conn_host(s, l->way),
                 (long long)(wait / MS + 1));
    return 0;
}

/* What a PLACE would be refused for: AATS_OC_NONE, or RATE_LIMIT with the wait in the sentence. */
int budget_may_place(aats_session_t *s, char *msg, size_t msg_sz)
{
    aats_oreq_t const req = {.kind = AATS_OR_PLACE};
    if (!s->weight) return AATS_OC_NONE;
    int64_t const orders = aats_budget_room(s->orders, AATS_LANE_ORDER, 1, s->mono_ns);
    int64_t const wait = later(orders, room(s, AATS_LANE_ORDER, weight_of(s, &req)));
    if (wait == 0) return AATS_OC_NONE;
    if (s->mono_ns >= s->told_wait_mono_ns) { /* once a wait, however often it is tried meanwhile */
        aats_budget_waited(orders ? s->orders : s->weight, AATS_LANE_ORDER);
        s->told_wait_mono_ns = s->mono_ns + wait;
    }
    budget_sentence(s, wait, msg, msg_sz);
    return AATS_OC_RATE_LIMIT;
}

void budget_sentence(aats_session_t const *s, int64_t wait_ns, char *msg, size_t msg_sz)
{
    int const orders = aats_budget_room(s->orders, AATS_LANE_ORDER, 1, s->mono_ns) > 0;
    snprintf(msg, msg_sz, "this host has used up what the venue allows (%s); there is room again in %lld ms",
             orders ? s->orders->name : s->weight->name, (long long)(wait_ns / MS + 1));
}

/* ---- the venue's word ---- */

/* What others of this host were told of waiting holds for us. */
void budget_look(aats_session_t *s)
{
    int banned = 0;
    if (!s->weight) return;
    int64_t wait = aats_budget_wait(s->weight, s->mono_ns, &banned);
    if (s->mono_ns + wait > s->hold_mono_ns && wait > 0) s->hold_mono_ns = s->mono_ns + wait, s->banned = banned;
    wait = aats_budget_wait(s->orders, s->mono_ns, NULL);
    if (s->mono_ns + wait > s->full_mono_ns && wait > 0) s->full_mono_ns = s->mono_ns + wait;
}

void budget_hold(aats_session_t *s, int64_t wait_ns, int banned, int of_orders)
{
    if (s->weight && wait_ns > 0) aats_budget_hold(of_orders ? s->orders : s->weight, s->mono_ns + wait_ns, banned);
}

/* What was sent after the request that is being answered may not be in the venue's count yet. */
static int64_t after(aats_session_t const *s, uint64_t id, int32_t kind)
{
    int64_t sum = 0;
    for (flight_t const *f = s->flights; f < s->flights + s->flight_cnt; f++) {
        if (f->id <= id || f->late) continue;
        sum += kind == AATS_OL_WEIGHT ? weight_under_way(s, f) : kind == AATS_OL_ORDERS ? f->kind == AATS_OR_PLACE : 1;
    }
    return sum;
}

void budget_told(aats_session_t *s, aats_oreply_t const *r, flight_t const *f)
{
    if (!s->weight) return;
    if (f && r->status == 200 && (s->venue->free_kinds >> f->kind & 1))
        aats_budget_give(s->weight, weight_under_way(s, f), f->sent_mono_ns);
    for (uint32_t i = 0; i < r->limit_cnt; i++) {
        aats_olimit_t const *l = &r->limits[i];
        aats_budget_t *b = budget_of(s, l->kind);
        int64_t const span_ns = l->span_ms > 0 && l->span_ms < INT64_MAX / MS ? l->span_ms * MS : 0;
        if (!b || !span_ns || aats_budget_limit(b, span_ns, l->limit, reserve_of(l->kind, l->limit)) != AATS_OK) continue;
        int64_t const begun_ns = ask_venue_ns(s) % span_ns, age_ns = f ? s->mono_ns - f->sent_mono_ns : INT64_MAX / 4;
        int const sure = s->clock_mono_ns && begun_ns > 2 * age_ns + EDGE_NS; /* the venue's clock is known to half a way and back */
        if (!sure && age_ns > AATS_BUDGET_SLACK_NS) continue; /* too old to be held against what was taken since */
        aats_budget_told(b, span_ns, l->used + after(s, r->id, l->kind), sure ? begun_ns : 0, s->mono_ns);
    }
}

uint64_t aats_session_waits(aats_session_t const *s) { return s->waits; }
