#include "risk/budget.h"

#include <sched.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"

/* A part's number and count in one word.  The number is that of the clock, mono_ns / width: 36 bits last for decades of uptime at the
 * narrowest width. */
#define COUNT_BITS 28
#define COUNT_MASK (((uint64_t)1 << COUNT_BITS) - 1)
#define BEFORE     (AATS_BUDGET_PARTS - 1) /* parts beside the one that is being filled */
#define SPAN_MIN   ((int64_t)1000000)
#define SPAN_MAX   ((int64_t)32 * 86400 * 1000000000)

#define ENTERED 1 /* state byte of a budget that is there */
#define PATIENCE 64

static uint64_t number_of(uint64_t word) { return word >> COUNT_BITS; }
static uint64_t count_of(uint64_t word) { return word & COUNT_MASK; }
static uint64_t word_of(uint64_t number, uint64_t count) { return (number << COUNT_BITS) | (count < COUNT_MASK ? count : COUNT_MASK); }

static uint64_t clean_time(int64_t mono_ns) { return mono_ns > 0 ? (uint64_t)mono_ns : 0; }
static uint64_t clean(int64_t v) { return v <= 0 ? 0 : v > AATS_BUDGET_MOST ? AATS_BUDGET_MOST : (uint64_t)v; }

/* Rounded up, so that the parts before the present one are never shorter than span and slack. */
static uint64_t width_of(uint64_t span_ns) { return (span_ns + AATS_BUDGET_SLACK_NS + BEFORE - 1) / BEFORE; }

/* ---- the table ---- */

static int same_name(aats_budget_t const *b, char const *name)
{
    char have[sizeof b->name];
    aats_words_load(have, b->name, sizeof have / 8);
    return strncmp(have, name, sizeof have) == 0;
}

/* Places are entered in their order, and one that is being entered is waited for: so no name is there twice. */
aats_budget_t *aats_budget_find(aats_risk_view_t const *v, char const *name)
{
    uint64_t const self = aats_ident_self();
    char text[sizeof v->budgets->name] = "";
    size_t const n = strnlen(name, sizeof text);
    if (n == 0 || n == sizeof text || self == 0) return NULL;
    memcpy(text, name, n);
    for (uint32_t i = 0, waited = 0; i < v->risk->budget_cap;) {
        aats_budget_t *b = &v->budgets[i];
        uint64_t state = aats_load_acquire(&b->state);
        if (state != 0 && aats_ident_state(state) == ENTERED) {
            if (same_name(b, text)) return b;
            i++;
            waited = 0;
            continue;
        }
        int const gone = state != 0 && (aats_ident_bare(state) == self ? 0 : !aats_proc_alive(state));
        if (state == 0 || gone) {
            if (!aats_cas(&b->state, state, self)) continue;
            aats_words_store(b->name, text, sizeof text / 8);
            aats_store_release(&b->state, aats_ident_with(self, ENTERED));
            return b;
        }
        if (++waited > PATIENCE) sched_yield();
        aats_spin_hint();
    }
    return NULL;
}

/* ---- limits ---- */

static aats_bspan_t *span_find(aats_budget_t const *b, uint64_t span_ns)
{
    for (int i = 0; i < AATS_BUDGET_SPANS; i++)
        if (aats_load_acquire(&b->spans[i].span_ns) == span_ns) return (aats_bspan_t *)&b->spans[i];
    return NULL;
}

static aats_bspan_t *span_enter(aats_budget_t *b, uint64_t span_ns)
{
    for (int i = 0; i < AATS_BUDGET_SPANS; i++) {
        aats_bspan_t *s = &b->spans[i];
        uint64_t have = aats_load_acquire(&s->span_ns);
        if (have == 0 && aats_cas(&s->span_ns, 0, span_ns)) return s;
        if (have == 0) have = aats_load_acquire(&s->span_ns); /* somebody was faster, maybe with the same one */
        if (have == span_ns) return s;
    }
    return NULL;
}

static int set_limit(aats_budget_t *b, int64_t span_ns, int64_t limit, int64_t reserve, int only_first)
{
    if (span_ns < SPAN_MIN || span_ns > SPAN_MAX || limit < 1 || reserve < 0) return AATS_E_ARG;
    if (limit > AATS_BUDGET_MOST) limit = AATS_BUDGET_MOST;
    if (reserve >= limit) reserve = limit - 1;
    aats_bspan_t *s = span_enter(b, (uint64_t)span_ns);
    if (!s) return AATS_E_FULL;
    if (only_first && aats_load_acquire(&s->limit) != 0) return AATS_OK;
    if (aats_load_relaxed(&s->reserve) != (uint64_t)reserve) aats_store_release(&s->reserve, (uint64_t)reserve);
    if (only_first) aats_cas(&s->limit, 0, (uint64_t)limit);
    else if (aats_load_relaxed(&s->limit) != (uint64_t)limit) aats_store_release(&s->limit, (uint64_t)limit);
    return AATS_OK;
}

int aats_budget_limit(aats_budget_t *b, int64_t span_ns, int64_t limit, int64_t reserve)
{
    return set_limit(b, span_ns, limit, reserve, 0);
}

int aats_budget_expect(aats_budget_t *b, int64_t span_ns, int64_t limit, int64_t reserve)
{
    return set_limit(b, span_ns, limit, reserve, 1);
}

void aats_budget_copy(aats_budget_t *b, aats_budget_t const *from)
{
    for (int i = 0; i < AATS_BUDGET_SPANS; i++) {
        aats_bspan_t const *s = &from->spans[i];
        uint64_t const span = aats_load_acquire(&s->span_ns), limit = aats_load_acquire(&s->limit);
        if (span && limit) set_limit(b, (int64_t)span, (int64_t)limit, (int64_t)aats_load_relaxed(&s->reserve), 0);
    }
}

/* What a lane may use of an interval; 0: no limit is known. */
static uint64_t cap_of(aats_bspan_t const *s, int lane)
{
    uint64_t const limit = aats_load_relaxed(&s->limit), reserve = aats_load_relaxed(&s->reserve);
    if (limit == 0 || lane == AATS_LANE_CANCEL) return limit;
    uint64_t const rest = limit > reserve ? limit - reserve : 1;
    return lane == AATS_LANE_BULK && reserve ? rest - rest / AATS_BUDGET_BULK_PART : rest;
}

/* ---- sums ---- */

/* sum_from adds up the parts from number `first` on, as they are while head is `h`: the older ones in part[], and what head has. */
static uint64_t sum_from(aats_bspan_t const *s, uint64_t h, uint64_t first)
{
    uint64_t sum = number_of(h) >= first ? count_of(h) : 0;
    for (uint64_t i = 0; i < AATS_BUDGET_PARTS; i++) {
        uint64_t const word = aats_load_relaxed(&s->part[i]);
        if (number_of(word) >= first && number_of(word) < number_of(h)) sum += count_of(word);
    }
    return sum;
}

/* sum_now is sum_from over the window that ends with part `now`.  While head stays in a part the older ones cannot grow: their sum is kept
 * beside it, and they are added up again only where `afresh` is set, because some of it may have been given back. */
static uint64_t sum_now(aats_bspan_t const *s, uint64_t h, uint64_t now, uint64_t first, int afresh)
{
    uint64_t const known = aats_load_relaxed(&s->older);
    if (number_of(h) != now) return sum_from(s, h, first);
    if (number_of(known) == now && !afresh) return count_of(known) + count_of(h);
    uint64_t const sum = sum_from(s, h, first);
    aats_store_relaxed((uint64_t *)&s->older, word_of(now, sum - count_of(h)));
    return sum;
}

/* The part of now, and from which part on it counts.  Somebody whose look at the clock was later may have begun the next one already. */
static uint64_t now_in(aats_bspan_t const *s, uint64_t h, uint64_t mono_ns, uint64_t *first)
{
    uint64_t now = mono_ns / width_of(aats_load_relaxed(&s->span_ns));
    if (now < number_of(h)) now = number_of(h);
    *first = now > BEFORE ? now - BEFORE : 0;
    return now;
}

/* wait_of returns when enough parts have left the window for `need` to come back: parts leave it in the order of their numbers. */
static int64_t wait_of(aats_bspan_t const *s, uint64_t h, uint64_t mono_ns, uint64_t first, uint64_t now, uint64_t need)
{
    uint64_t back = 0, n = first;
    for (; n < now; n++) {
        uint64_t const word = n == number_of(h) ? h : aats_load_relaxed(&s->part[n % AATS_BUDGET_PARTS]);
        if (number_of(word) == n && (n <= number_of(h))) back += count_of(word);
        if (back >= need) break;
    }
    uint64_t const at = (n + AATS_BUDGET_PARTS) * width_of(aats_load_relaxed(&s->span_ns)); /* the moment at which part n is outside */
    return at > mono_ns ? (int64_t)(at - mono_ns) : 1;
}

/* file_head writes the count of a part that is over where the sums find it: 1, or 0 if somebody has gone on in the meantime. */
static int file_head(aats_bspan_t *s, uint64_t h)
{
    uint64_t *slot = &s->part[number_of(h) % AATS_BUDGET_PARTS];
    uint64_t const have = aats_load_acquire(slot);
    if (number_of(have) > number_of(h)) return 0;
    if (number_of(have) == number_of(h) && count_of(have) >= count_of(h)) return 1;
    return aats_cas(slot, have, h);
}

/* add puts `cost` on top of head h, in part `now`: 1, or 0 if head is not h any more. */
static int add(aats_bspan_t *s, uint64_t h, uint64_t now, uint64_t cost)
{
    if (now == number_of(h)) return aats_cas(&s->head, h, word_of(now, count_of(h) + cost));
    if (count_of(h) && !file_head(s, h)) return 0;
    return aats_cas(&s->head, h, word_of(now, cost)); /* B1 */
}

/* ---- taking ---- */

static int64_t span_room(aats_bspan_t const *s, int lane, uint64_t cost, uint64_t mono_ns, uint64_t *h, uint64_t *now)
{
    uint64_t first;
    uint64_t const cap = cap_of(s, lane);
    *h = aats_load_acquire(&s->head); /* B1 */
    *now = now_in(s, *h, mono_ns, &first);
    if (cap == 0) return 0;
    uint64_t sum = sum_now(s, *h, *now, first, 0);
    if (sum + cost > cap) sum = sum_now(s, *h, *now, first, 1);
    if (sum + cost <= cap || (cost > cap && sum == 0)) return 0;
    return wait_of(s, *h, mono_ns, first, *now, cost > cap ? sum : sum + cost - cap);
}

static int64_t span_take(aats_bspan_t *s, int lane, uint64_t cost, uint64_t mono_ns)
{
    for (;;) {
        uint64_t h, now;
        int64_t const wait = span_room(s, lane, cost, mono_ns, &h, &now);
        if (wait > 0) return wait;
        if (add(s, h, now, cost)) return 0;
        aats_spin_hint();
    }
}

int64_t aats_budget_room(aats_budget_t const *b, int lane, int64_t cost, int64_t mono_ns)
{
    int64_t most = aats_budget_wait(b, mono_ns, NULL);
    for (int i = 0; i < AATS_BUDGET_SPANS; i++) {
        uint64_t h, now;
        if (!aats_load_acquire(&b->spans[i].span_ns)) continue;
        int64_t const wait = span_room(&b->spans[i], lane, clean(cost), clean_time(mono_ns), &h, &now);
        if (wait > most) most = wait;
    }
    return most;
}

void aats_budget_waited(aats_budget_t *b, int lane) { aats_fetch_add(&b->waits[lane & 3], 1); }

/* The shortest interval first: what is lost when a longer one refuses after all comes back soonest. */
static int64_t take_all(aats_budget_t *b, int lane, uint64_t cost, uint64_t mono_ns)
{
    uint64_t done = 0;
    for (;;) {
        aats_bspan_t *next = NULL;
        for (int i = 0; i < AATS_BUDGET_SPANS; i++) {
            uint64_t const span = aats_load_acquire(&b->spans[i].span_ns);
            if (span > done && (!next || span < next->span_ns)) next = &b->spans[i];
        }
        if (!next) return 0;
        int64_t const wait = span_take(next, lane, cost, mono_ns);
        if (wait > 0) return wait;
        done = next->span_ns;
    }
}

int64_t aats_budget_take(aats_budget_t *b, int lane, int64_t cost, int64_t mono_ns)
{
    int64_t wait = aats_budget_room(b, lane, cost, mono_ns);
    if (wait == 0) wait = take_all(b, lane, clean(cost), clean_time(mono_ns));
    if (wait > 0) aats_budget_waited(b, lane);
    else aats_fetch_add(&b->taken[lane & 3], clean(cost));
    return wait;
}

/* A part that is over may be filed once more by somebody who has not seen that it was: then it stays taken. */
static void span_give(aats_bspan_t *s, uint64_t cost, uint64_t taken_mono_ns)
{
    uint64_t const n = taken_mono_ns / width_of(aats_load_relaxed(&s->span_ns));
    for (;;) {
        uint64_t const h = aats_load_acquire(&s->head);
        uint64_t *word = n >= number_of(h) ? &s->head : &s->part[n % AATS_BUDGET_PARTS];
        uint64_t const have = word == &s->head ? h : aats_load_acquire(word);
        if (number_of(have) != n || count_of(have) < cost) return;
        if (aats_cas(word, have, word_of(n, count_of(have) - cost))) return;
        aats_spin_hint();
    }
}

void aats_budget_give(aats_budget_t *b, int64_t cost, int64_t taken_mono_ns)
{
    for (int i = 0; i < AATS_BUDGET_SPANS; i++)
        if (aats_load_acquire(&b->spans[i].span_ns)) span_give(&b->spans[i], clean(cost), clean_time(taken_mono_ns));
}

/* ---- the venue's word ---- */

void aats_budget_told(aats_budget_t *b, int64_t span_ns, int64_t used, int64_t begun_ns, int64_t mono_ns)
{
    aats_bspan_t *s = span_ns > 0 ? span_find(b, (uint64_t)span_ns) : NULL;
    uint64_t const told = clean(used), mono = clean_time(mono_ns);
    if (!s) return;
    aats_store_relaxed(&s->told, told);
    aats_store_relaxed(&s->told_mono_ns, mono);
    for (;;) {
        uint64_t first, h = aats_load_acquire(&s->head); /* B1 */
        uint64_t const now = now_in(s, h, mono, &first);
        if (begun_ns > 0 && begun_ns < span_ns) {
            uint64_t const from = (mono > (uint64_t)begun_ns ? mono - (uint64_t)begun_ns : 0) / width_of(aats_load_relaxed(&s->span_ns));
            if (from > first) first = from;
        }
        uint64_t const sum = sum_from(s, h, first);
        if (sum >= told) return;
        if (add(s, h, now, told - sum)) {
            aats_fetch_add(&s->foreign, told - sum);
            return;
        }
        aats_spin_hint();
    }
}

int64_t aats_budget_used(aats_budget_t const *b, int64_t span_ns, int64_t mono_ns)
{
    aats_bspan_t const *s = span_ns > 0 ? span_find(b, (uint64_t)span_ns) : NULL;
    uint64_t first, h;
    if (!s) return -1;
    h = aats_load_acquire(&s->head);
    now_in(s, h, clean_time(mono_ns), &first);
    return (int64_t)sum_from(s, h, first);
}

static void raise_to(uint64_t *word, uint64_t to)
{
    for (uint64_t have = aats_load_relaxed(word); have < to && !aats_cas(word, have, to); have = aats_load_relaxed(word)) aats_spin_hint();
}

void aats_budget_hold(aats_budget_t *b, int64_t until_mono_ns, int banned)
{
    uint64_t const until = clean_time(until_mono_ns);
    if (until > aats_load_relaxed(&b->hold_until_mono_ns)) aats_fetch_add(&b->holds, 1);
    if (banned) raise_to(&b->banned_until_mono_ns, until);
    raise_to(&b->hold_until_mono_ns, until);
}

int64_t aats_budget_wait(aats_budget_t const *b, int64_t mono_ns, int *banned)
{
    uint64_t const until = aats_load_acquire(&b->hold_until_mono_ns), mono = clean_time(mono_ns);
    if (banned) *banned = aats_load_acquire(&b->banned_until_mono_ns) > mono;
    return until > mono ? (int64_t)(until - mono) : 0;
}
