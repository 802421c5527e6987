/* test_budget.c -- risk/budget.h under every order that C11 allows: takers together get what there is and never more, also while the window
 * moves on, while the venue speaks, and when one of them is killed between any two operations.
 *
 * The two threads of a program may have read the clock in different parts of the window; what they took is added up plainly and held
 * against the words. */
#include "risk/budget.h"

#include "base/atomics.h"
#include "base/errors.h"
#include "check.h"

#define SEC   ((int64_t)1000000000)
#define SPAN  (10 * SEC)
#define WIDTH ((SPAN + AATS_BUDGET_SLACK_NS + 62) / 63)
#define BASE  (1000 * WIDTH)

enum { TAKERS = 3 };

static struct {
    aats_budget_t b;
    int64_t limit, reserve;
    int64_t before;                 /* taken in part 1000 before the threads begin */
    struct { int lane, tries; int64_t part, got; } by[TAKERS];
    int64_t told;
} w;

static void setup(void *ctx)
{
    (void)ctx;
    memset(&w.b, 0, sizeof w.b);
    WEAK_ASSERT(aats_budget_limit(&w.b, SPAN, w.limit, w.reserve) == AATS_OK);
    for (int64_t i = 0; i < w.before; i++) WEAK_ASSERT(aats_budget_take(&w.b, AATS_LANE_CANCEL, 1, BASE) == 0);
    for (int i = 0; i < TAKERS; i++) w.by[i].got = 0;
    weak_name(&w.b.spans[0].head, 8, "head");
    weak_name(w.b.spans[0].part, sizeof w.b.spans[0].part, "part");
    weak_name(&w.b.hold_until_mono_ns, 8, "hold");
}

static void taker(int i)
{
    for (int k = 0; k < w.by[i].tries; k++) w.by[i].got += aats_budget_take(&w.b, w.by[i].lane, 1, BASE + (w.by[i].part + k) * WIDTH) == 0;
}

static void take_0(void *ctx) { (void)ctx, taker(0); }
static void take_1(void *ctx) { (void)ctx, taker(1); }
static void take_2(void *ctx) { (void)ctx, taker(2); }

static int64_t used_at(int64_t part) { return aats_budget_used(&w.b, SPAN, BASE + part * WIDTH); }

/* All that was taken is still in the window: the words say so exactly, and it is all that there was. */
static void check_exact(void *ctx)
{
    (void)ctx;
    int64_t const got = w.by[0].got + w.by[1].got + w.by[2].got, tries = w.by[0].tries + w.by[1].tries + w.by[2].tries;
    int64_t const room = w.limit - w.before;
    WEAK_ASSERT(used_at(0) == w.before + got);
    WEAK_ASSERT(got == (tries < room ? tries : room));
}

/* Somebody was killed: what he took, at most, is counted and not known. */
static void check_killed(void *ctx)
{
    (void)ctx;
    int64_t const got = w.by[0].got + w.by[1].got + w.by[2].got, used = used_at(0) - w.before;
    WEAK_ASSERT(used == got || used == got + 1);
    WEAK_ASSERT(w.before + used <= w.limit);
}

static weak_program_t two(int64_t limit, int64_t before, int64_t part_1, void (*check)(void *))
{
    w.limit = limit;
    w.reserve = 0;
    w.before = before;
    memset(w.by, 0, sizeof w.by);
    w.by[0].tries = w.by[1].tries = 1;
    w.by[1].part = part_1;
    return (weak_program_t){.setup = setup, .threads = {take_0, take_1}, .check = check};
}

TEST(of_two_that_want_the_last_one_exactly_one_gets_it)
{
    for (int64_t before = 0; before < 2; before++) { /* the first of its part, and one more in it */
        weak_program_t const p = two(before + 1, before, 0, check_exact);
        WEAK_HOLDS(&p, .max_runs = 500000);
    }
}

TEST(of_two_in_different_parts_of_the_window_exactly_one_gets_the_last_one)
{
    for (int64_t before = 0; before < 2; before++) {
        weak_program_t const p = two(before + 1, before, 1, check_exact);
        WEAK_HOLDS(&p, .max_runs = 500000);
    }
}

TEST(two_that_move_the_window_on_together_lose_no_count)
{
    weak_program_t p = two(8, 1, 2, check_exact);
    w.by[0].part = 1;
    WEAK_HOLDS(&p, .max_runs = 500000);
    w.by[0].tries = w.by[1].tries = 3;
    WEAK_HOLDS(&p, .random_runs = 1000, .seed = 5);
}

TEST(a_taker_that_dies_anywhere_has_taken_one_at_most)
{
    for (int64_t part = 0; part < 2; part++) {
        weak_program_t const p = two(2, 1, part, check_killed);
        WEAK_HOLDS(&p, .max_runs = 500000, .kill = 1u << part); /* in the same part they are alike; else the one that moves the window on */
    }
}

TEST(many_takers_get_the_limit_and_no_more)
{
    weak_program_t p = two(7, 2, 1, check_exact);
    p.threads[2] = take_2;
    w.by[0].tries = w.by[1].tries = w.by[2].tries = 4;
    w.by[2].part = 3;
    WEAK_HOLDS(&p, .random_runs = 1000, .seed = 7);
    p.check = check_killed;
    WEAK_HOLDS(&p, .random_runs = 1000, .seed = 8, .kill = 7);
}

static void check_reserve(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(w.by[1].got == 1);
    WEAK_ASSERT(w.by[0].got <= 1 && used_at(0) == w.by[0].got + w.by[1].got);
}

TEST(a_cancel_finds_its_reserve_whatever_orders_take)
{
    weak_program_t const p = two(2, 0, 0, check_reserve);
    w.reserve = 1;
    w.by[0].tries = 3;
    w.by[1].lane = AATS_LANE_CANCEL;
    WEAK_HOLDS(&p, .random_runs = 1500, .seed = 2);
}

/* ---- the venue's word ---- */

static void tell(void *ctx)
{
    (void)ctx;
    aats_budget_told(&w.b, SPAN, w.told, 0, BASE);
}

static void check_told(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(used_at(0) >= w.told && used_at(0) >= w.before + w.by[0].got);
    WEAK_ASSERT(used_at(0) <= w.told + w.by[0].got); /* said twice, counted once */
}

TEST(what_the_venue_says_twice_counts_once)
{
    weak_program_t p = two(9, 1, 0, check_told);
    w.told = 4;
    p.threads[1] = tell;
    WEAK_HOLDS(&p, .max_runs = 500000);
    p.threads[2] = tell;
    WEAK_HOLDS(&p, .random_runs = 1000, .seed = 3);
}

/* Two are there; one of them is given back while the window moves on and others take.  What stays taken by mischance is counted, never
 * lost. */
static void give(void *ctx)
{
    (void)ctx;
    aats_budget_give(&w.b, 1, BASE);
}

static void check_given(void *ctx)
{
    (void)ctx;
    int64_t const used = used_at(0), all = w.before + w.by[0].got + w.by[2].got;
    WEAK_ASSERT(used == all || used == all - 1);
    WEAK_ASSERT(used <= w.limit);
}

static void check_given_killed(void *ctx)
{
    (void)ctx;
    int64_t const used = used_at(0), all = w.before + w.by[0].got + w.by[2].got;
    WEAK_ASSERT(used >= all - 1 && used <= all + 1); /* the one more is of the taker that was killed */
    WEAK_ASSERT(used <= w.limit);
}

TEST(what_is_given_back_never_makes_room_for_more_than_that)
{
    weak_program_t p = two(3, 2, 0, check_given);
    w.by[0].part = 1;
    p.threads[1] = give;
    WEAK_HOLDS(&p, .max_runs = 500000);
    p.check = check_given_killed;
    WEAK_HOLDS(&p, .max_runs = 500000, .kill = 3);
    p.check = check_given;
    p.threads[2] = take_2;
    w.by[1].tries = 0;
    w.by[0].tries = w.by[2].tries = 3;
    WEAK_HOLDS(&p, .random_runs = 1000, .seed = 4);
}

static void hold_short(void *ctx) { (void)ctx, aats_budget_hold(&w.b, BASE + 5, 0); }
static void hold_long(void *ctx) { (void)ctx, aats_budget_hold(&w.b, BASE + 9, 1); }

static void check_hold(void *ctx)
{
    int banned = 0;
    (void)ctx;
    WEAK_ASSERT(aats_budget_wait(&w.b, BASE, &banned) == 9 && banned);
}

TEST(of_two_holds_the_longer_one_stands)
{
    weak_program_t p = two(9, 0, 0, check_hold);
    p.threads[0] = hold_short;
    p.threads[1] = hold_long;
    WEAK_HOLDS(&p, .max_runs = 500000);
    WEAK_HOLDS(&p, .max_runs = 500000, .kill = 1);
}

/* ---- names ---- */

static struct {
    aats_budget_t table[3];
    aats_risk_t risk;
    aats_risk_view_t v;
    aats_budget_t *found[2];
    char const *name[2];
} f;

static void setup_find(void *ctx)
{
    (void)ctx;
    memset(f.table, 0, sizeof f.table);
    f.risk.budget_cap = 3;
    f.v = (aats_risk_view_t){.risk = &f.risk, .budgets = f.table};
    f.found[0] = f.found[1] = NULL;
}

static void find_0(void *ctx) { (void)ctx, f.found[0] = aats_budget_find(&f.v, f.name[0]); }
static void find_1(void *ctx) { (void)ctx, f.found[1] = aats_budget_find(&f.v, f.name[1]); }

static void check_same(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(f.found[0] != NULL && f.found[0] == f.found[1]);
}

static void check_other(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(f.found[0] != NULL && f.found[1] != NULL && f.found[0] != f.found[1]);
    WEAK_ASSERT(!strcmp(f.found[0]->name, "one") && !strcmp(f.found[1]->name, "two"));
}

TEST(a_name_is_entered_once)
{
    weak_program_t p = {.setup = setup_find, .threads = {find_0, find_1}, .check = check_same};
    f.name[0] = f.name[1] = "one";
    WEAK_HOLDS(&p, .max_runs = 500000);
    f.name[1] = "two";
    p.check = check_other;
    WEAK_HOLDS(&p, .max_runs = 500000);
}

/* ---- without the compare-and-swap ---- */

static uint64_t bare_head, bare_got[2];

static void bare_setup(void *ctx)
{
    (void)ctx;
    bare_head = bare_got[0] = bare_got[1] = 0;
}

static void bare_take(int i)
{
    uint64_t const have = aats_load_acquire(&bare_head);
    if (have < 1) aats_fetch_add(&bare_head, 1), bare_got[i] = 1;
}

static void bare_0(void *ctx) { (void)ctx, bare_take(0); }
static void bare_1(void *ctx) { (void)ctx, bare_take(1); }

static void bare_check(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(bare_got[0] + bare_got[1] <= 1);
}

TEST(a_look_and_an_increment_would_be_seen_to_give_too_much)
{
    weak_program_t const p = {.setup = bare_setup, .threads = {bare_0, bare_1}, .check = bare_check};
    WEAK_CAUGHT(&p, .max_runs = 1000);
}

RUN_ALL()
