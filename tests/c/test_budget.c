/* test_budget.c -- risk/budget.h: what it refuses, and against an exact model (a list of what was taken when) that it never gives too much,
 * never withholds what must be free, and says the right wait.  (Every order of events between processes: tests/race/test_budget.c.) */
#include "risk/budget.h"

#include <pthread.h>

#include "base/errors.h"
#include "check.h"

#define SEC  ((int64_t)1000000000)
#define MSEC ((int64_t)1000000)
#define FAR  (1000 * SEC) /* tests begin here: no part number is near 0 */

static aats_budget_t b;

static void fresh(int64_t span_ns, int64_t limit, int64_t reserve)
{
    memset(&b, 0, sizeof b);
    REQUIRE(aats_budget_limit(&b, span_ns, limit, reserve) == AATS_OK);
}

static int64_t width_of(int64_t span_ns) { return (span_ns + AATS_BUDGET_SLACK_NS + 62) / 63; }

/* ---- refusals ---- */

TEST(an_interval_or_limit_that_is_none_is_refused)
{
    memset(&b, 0, sizeof b);
    CHECK_EQ_I64(aats_budget_limit(&b, 0, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_budget_limit(&b, -SEC, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_budget_limit(&b, 33 * 86400 * SEC, 5, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_budget_limit(&b, SEC, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_budget_limit(&b, SEC, 5, -1), AATS_E_ARG);
    for (int i = 0; i < AATS_BUDGET_SPANS; i++) CHECK_EQ_U64(b.spans[i].span_ns, 0);
    CHECK_EQ_I64(aats_budget_used(&b, SEC, FAR), -1);
    for (int i = 1; i <= AATS_BUDGET_SPANS; i++) CHECK_EQ_I64(aats_budget_limit(&b, i * SEC, 5, 0), AATS_OK);
    CHECK_EQ_I64(aats_budget_limit(&b, 5 * SEC, 5, 0), AATS_E_FULL);
    CHECK_EQ_I64(aats_budget_limit(&b, 2 * SEC, 7, 0), AATS_OK); /* one that is there is changed */
    CHECK_EQ_U64(b.spans[1].limit, 7);
}

TEST(a_number_of_the_documentation_never_replaces_one_that_the_venue_told)
{
    memset(&b, 0, sizeof b);
    CHECK_EQ_I64(aats_budget_expect(&b, SEC, 50, 5), AATS_OK);
    CHECK_EQ_U64(b.spans[0].limit, 50);
    CHECK_EQ_I64(aats_budget_limit(&b, SEC, 100, 8), AATS_OK);
    CHECK_EQ_I64(aats_budget_expect(&b, SEC, 50, 5), AATS_OK);
    CHECK_EQ_U64(b.spans[0].limit, 100);
    CHECK_EQ_U64(b.spans[0].reserve, 8);
    aats_budget_t other;
    memset(&other, 0, sizeof other);
    aats_budget_copy(&other, &b);
    CHECK_EQ_U64(other.spans[0].limit, 100);
    CHECK_EQ_U64(other.spans[0].span_ns, SEC);
}

TEST(without_a_limit_nothing_waits_and_nothing_is_counted)
{
    memset(&b, 0, sizeof b);
    for (int i = 0; i < 100; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1000, FAR), 0);
    aats_budget_told(&b, SEC, 5, 0, FAR);
    CHECK_EQ_I64(aats_budget_used(&b, SEC, FAR), -1);
}

TEST(names_that_are_none_and_a_full_table_give_no_budget)
{
    static aats_budget_t table[3];
    aats_risk_t risk = {.budget_cap = 3};
    aats_risk_view_t v = {.risk = &risk, .budgets = table};
    memset(table, 0, sizeof table);
    CHECK_EQ_PTR(aats_budget_find(&v, ""), NULL);
    CHECK_EQ_PTR(aats_budget_find(&v, "a name of forty-eight bytes, which is one too many"), NULL);
    aats_budget_t *one = aats_budget_find(&v, "addr binance sim weight"), *two = aats_budget_find(&v, "addr binance sim weigh");
    CHECK(one == &table[0] && two == &table[1]);
    CHECK_EQ_PTR(aats_budget_find(&v, "addr binance sim weight"), one);
    CHECK_EQ_PTR(aats_budget_find(&v, "addr binance sim weigh"), two);
    CHECK_EQ_PTR(aats_budget_find(&v, "a"), &table[2]);
    CHECK_EQ_PTR(aats_budget_find(&v, "b"), NULL);
    CHECK_EQ_PTR(aats_budget_find(&v, "a"), &table[2]);
}

TEST(a_place_whose_maker_died_in_the_middle_is_used_again)
{
    static aats_budget_t table[2];
    aats_risk_t risk = {.budget_cap = 2};
    aats_risk_view_t v = {.risk = &risk, .budgets = table};
    memset(table, 0, sizeof table);
    table[0].state = aats_ident(1, 1); /* pid 1 did not begin at tick 1: nobody */
    memcpy(table[0].name, "half a na", 9);
    CHECK_EQ_PTR(aats_budget_find(&v, "whole"), &table[0]);
    CHECK_STR(table[0].name, "whole");
    CHECK_EQ_PTR(aats_budget_find(&v, "whole"), &table[0]);
}

/* ---- windows ---- */

TEST(a_limit_comes_back_only_after_span_and_slack)
{
    int64_t const span = 10 * SEC;
    fresh(span, 3, 0);
    for (int i = 0; i < 3; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR), 0);
    int64_t const wait = aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR);
    CHECK(wait >= span + AATS_BUDGET_SLACK_NS);
    CHECK(wait <= span + AATS_BUDGET_SLACK_NS + 2 * width_of(span));
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + span) > 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + span + AATS_BUDGET_SLACK_NS - 1) > 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + wait - 1) > 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + wait), 0);
    CHECK_EQ_U64(b.taken[AATS_LANE_ORDER], 4);
    CHECK_EQ_U64(b.waits[AATS_LANE_ORDER], 4);
}

TEST(the_reserve_is_for_cancels_alone)
{
    fresh(10 * SEC, 100, 20);
    for (int i = 0; i < 80; i++) CHECK_EQ_I64(aats_budget_take(&b, i % 2 ? AATS_LANE_ORDER : AATS_LANE_QUERY, 1, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR) > 0);
    CHECK(aats_budget_take(&b, AATS_LANE_QUERY, 1, FAR) > 0);
    for (int i = 0; i < 20; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_CANCEL, 1, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_CANCEL, 1, FAR) > 0);
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, FAR), 100);
}

TEST(bulk_leaves_a_quarter_to_orders)
{
    fresh(10 * SEC, 100, 20);
    for (int i = 0; i < 60; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_BULK, 1, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_BULK, 1, FAR) > 0);
    for (int i = 0; i < 20; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR) > 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_CANCEL, 20, FAR), 0);
}

TEST(what_is_given_back_is_there_again_and_no_more_than_was_taken)
{
    fresh(10 * SEC, 3, 0);
    aats_budget_give(&b, 1, FAR); /* nothing was taken */
    for (int i = 0; i < 3; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR), 0);
    aats_budget_give(&b, 1, FAR);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 2 * SEC), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 2 * SEC) > 0);
    aats_budget_give(&b, 1, FAR); /* of a part that is over */
    aats_budget_give(&b, 3, FAR); /* never had so much */
    aats_budget_give(&b, 1, FAR + SEC); /* nothing was taken then */
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, FAR + 2 * SEC), 2);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 3 * SEC), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 3 * SEC) > 0);
    aats_budget_give(&b, 1, FAR - 20 * SEC);
    aats_budget_give(&b, 1, FAR + 100 * SEC);
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, FAR + 3 * SEC), 3);
}

TEST(a_cost_above_the_limit_passes_alone)
{
    fresh(10 * SEC, 100, 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_QUERY, 1, FAR), 0);
    int64_t const wait = aats_budget_take(&b, AATS_LANE_QUERY, 250, FAR);
    CHECK(wait > 10 * SEC);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_QUERY, 250, FAR + wait), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_CANCEL, 1, FAR + wait) > 0);
}

TEST(what_one_interval_refuses_is_taken_from_none)
{
    fresh(10 * SEC, 5, 0);
    REQUIRE(aats_budget_limit(&b, 86400 * SEC, 7, 0) == AATS_OK);
    int64_t now = FAR;
    for (int i = 0; i < 5; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, now), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, now) > 0);
    CHECK_EQ_I64(aats_budget_used(&b, 86400 * SEC, now), 5);
    now += 12 * SEC;
    for (int i = 0; i < 2; i++) CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, now), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, now) > 86000 * SEC);
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, now), 2);
}

TEST(room_takes_and_counts_nothing)
{
    fresh(10 * SEC, 2, 0);
    for (int i = 0; i < 10; i++) CHECK_EQ_I64(aats_budget_room(&b, AATS_LANE_ORDER, 2, FAR), 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 2, FAR), 0);
    int64_t const wait = aats_budget_room(&b, AATS_LANE_ORDER, 1, FAR);
    CHECK(wait > 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR), wait);
    CHECK_EQ_U64(b.waits[AATS_LANE_ORDER], 1);
}

TEST(a_clock_that_was_read_too_early_counts_in_the_present_part)
{
    fresh(10 * SEC, 4, 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 3, FAR), 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR - 8 * SEC), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR - 8 * SEC) > 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 10 * SEC) > 0); /* also the fourth counts from FAR on */
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, FAR + 10 * SEC), 4);
}

/* ---- the venue's word ---- */

TEST(what_the_venue_counts_beyond_ours_counts_here)
{
    fresh(60 * SEC, 6000, 300);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_QUERY, 500, FAR), 0);
    aats_budget_told(&b, 60 * SEC, 3500, 0, FAR);
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR), 3500);
    aats_budget_told(&b, 60 * SEC, 3500, 0, FAR); /* said again: the same ones */
    aats_budget_told(&b, 60 * SEC, 3400, 0, FAR); /* an older word */
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR), 3500);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 2200, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR) > 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_CANCEL, 300, FAR), 0);
    CHECK(aats_budget_take(&b, AATS_LANE_CANCEL, 1, FAR) > 0);
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR + 63 * SEC), 0);
    CHECK_EQ_U64(b.spans[0].foreign, 3000);
}

TEST(what_was_taken_before_the_venues_window_does_not_hide_what_others_took_in_it)
{
    fresh(60 * SEC, 6000, 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_QUERY, 3000, FAR), 0);
    aats_budget_told(&b, 60 * SEC, 2900, 5 * SEC, FAR + 20 * SEC); /* its window began 5 s ago: all of that is foreign */
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR + 20 * SEC), 5900);
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR + 65 * SEC), 2900);
    fresh(60 * SEC, 6000, 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_QUERY, 3000, FAR), 0);
    aats_budget_told(&b, 60 * SEC, 2900, 25 * SEC, FAR + 20 * SEC); /* it began before: that may be ours */
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR + 20 * SEC), 3000);
}

TEST(a_hold_stops_every_lane_and_never_shrinks)
{
    int banned = 7;
    fresh(60 * SEC, 6000, 300);
    CHECK_EQ_I64(aats_budget_wait(&b, FAR, &banned), 0);
    CHECK_EQ_I64(banned, 0);
    aats_budget_hold(&b, FAR + 5 * SEC, 0);
    aats_budget_hold(&b, FAR + 3 * SEC, 0);
    for (int lane = 0; lane < AATS_LANE_CNT; lane++) CHECK_EQ_I64(aats_budget_take(&b, lane, 1, FAR), 5 * SEC);
    CHECK_EQ_I64(aats_budget_wait(&b, FAR + SEC, &banned), 4 * SEC);
    CHECK_EQ_I64(banned, 0);
    aats_budget_hold(&b, FAR + 2 * SEC, 1);
    CHECK_EQ_I64(aats_budget_wait(&b, FAR + SEC, &banned), 4 * SEC);
    CHECK_EQ_I64(banned, 1);
    CHECK_EQ_I64(aats_budget_wait(&b, FAR + 5 * SEC, &banned), 0);
    CHECK_EQ_I64(aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + 5 * SEC), 0);
    CHECK_EQ_U64(b.holds, 1);
    CHECK_EQ_I64(aats_budget_used(&b, 60 * SEC, FAR + 5 * SEC), 1);
}

/* ---- against a list of what was taken when ---- */

enum { MANY = 4000 };
static struct { int64_t at_ns, cost; } taken[MANY];
static int taken_cnt;

static uint64_t rng;
static uint64_t roll(uint64_t below)
{
    rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
    return rng % below;
}

/* What was taken after `from`. */
static int64_t since(int64_t from)
{
    int64_t sum = 0;
    for (int i = taken_cnt; i-- > 0 && taken[i].at_ns > from;) sum += taken[i].cost;
    return sum;
}

static void note(int64_t at_ns, int64_t cost)
{
    if (taken_cnt == MANY) { /* the older half is of no window any more */
        memmove(taken, taken + MANY / 2, sizeof taken / 2);
        taken_cnt = MANY / 2;
    }
    taken[taken_cnt].at_ns = at_ns;
    taken[taken_cnt++].cost = cost;
}

static void against_model(uint64_t seed)
{
    static int64_t const SPANS[] = {SEC, 10 * SEC, 60 * SEC, 300 * SEC, 86400 * SEC};
    rng = seed * 0x9e3779b97f4a7c15ULL + 1;
    int64_t const span = SPANS[roll(5)], window = span + AATS_BUDGET_SLACK_NS, part = width_of(span);
    int64_t const limit = 1 + (int64_t)roll(roll(2) ? 10 : 200), reserve = (int64_t)roll((uint64_t)limit);
    int64_t now = FAR + (int64_t)roll(1000000000), wait_until = 0, waiting_cost = 0;
    int waiting_lane = 0;
    fresh(span, limit, reserve);
    taken_cnt = 0;
    for (int step = 0; step < 1500; step++) {
        switch (roll(8)) {
        case 0: now += (int64_t)roll((uint64_t)window * 2); break;
        case 1: now += part; break;
        case 2: now = wait_until > now ? wait_until - (int64_t)roll(2) : now; break;
        case 3: break;
        default: now += (int64_t)roll((uint64_t)part); break;
        }
        if (wait_until && now == wait_until) { /* nothing was taken since: the wait was long enough ... */
            CHECK_EQ_I64(aats_budget_room(&b, waiting_lane, waiting_cost, now), 0);
        } else if (wait_until && now < wait_until) { /* ... and not longer than it had to be */
            CHECK(aats_budget_room(&b, waiting_lane, waiting_cost, now) > 0);
        }
        if (roll(20) == 0) {
            int64_t const begun = roll(2) ? (int64_t)roll((uint64_t)span) : 0, used = (int64_t)roll((uint64_t)limit + 5);
            int64_t const have = since(now - (begun ? begun : span));
            int64_t const before = aats_budget_used(&b, span, now);
            aats_budget_told(&b, span, used, begun, now);
            int64_t const more = aats_budget_used(&b, span, now) - before;
            CHECK(more >= 0 && more <= (used > have ? used - have : 0)); /* nothing is invented ... */
            CHECK(aats_budget_used(&b, span, now) >= used);              /* ... and what was told counts */
            if (more) note(now, more), wait_until = 0;
            continue;
        }
        if (roll(12) == 0 && taken_cnt) {
            int const which = taken_cnt - 1 - (int)roll(taken_cnt < 6 ? (uint64_t)taken_cnt : 6);
            aats_budget_give(&b, taken[which].cost, taken[which].at_ns);
            taken[which].cost = 0;
            wait_until = 0;
        }
        int const lane = (int)roll(AATS_LANE_CNT);
        int64_t const cost = 1 + (int64_t)roll(roll(4) ? 2 : 7), rest = limit - reserve;
        int64_t const bulk = reserve ? rest - rest / AATS_BUDGET_BULK_PART : rest;
        int64_t const cap = lane == AATS_LANE_CANCEL ? limit : lane == AATS_LANE_BULK ? bulk : rest;
        int64_t const wait = aats_budget_take(&b, lane, cost, now);
        if (wait == 0) {
            note(now, cost);
            wait_until = 0;
            CHECK(since(now - window) <= cap || (cost > cap && since(now - window) == cost)); /* never too much */
        } else {
            CHECK(wait > 0 && wait <= window + 2 * part);
            CHECK(since(now - window - 2 * part) + cost > cap); /* never withheld */
            wait_until = now + wait, waiting_lane = lane, waiting_cost = cost;
        }
        CHECK(aats_budget_used(&b, span, now) >= since(now - window));
        CHECK(aats_budget_used(&b, span, now) <= since(now - window - 2 * part));
    }
}

TEST(in_every_window_no_more_is_taken_than_the_limit_and_nothing_is_withheld)
{
    for (uint64_t seed = 1; seed <= 150; seed++) against_model(seed);
}

/* ---- real threads ---- */

static void *hammer(void *arg)
{
    int64_t got = 0;
    for (int i = 0; i < 40000; i++) got += aats_budget_take(&b, AATS_LANE_ORDER, 1, FAR + i * MSEC / 8) == 0; /* 5 s */
    *(int64_t *)arg = got;
    return NULL;
}

TEST(threads_together_take_exactly_the_limit)
{
    pthread_t t[3];
    int64_t got[3] = {0};
    fresh(10 * SEC, 20000, 0);
    for (int i = 0; i < 3; i++) REQUIRE(pthread_create(&t[i], NULL, hammer, &got[i]) == 0);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    CHECK_EQ_I64(got[0] + got[1] + got[2], 20000);
    CHECK_EQ_I64(aats_budget_used(&b, 10 * SEC, FAR + 5 * SEC), 20000);
    CHECK_EQ_U64(b.taken[AATS_LANE_ORDER], 20000);
}

RUN_ALL()
