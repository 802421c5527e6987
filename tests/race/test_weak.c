/* test_weak.c -- the weak-memory machine shows what C11 allows, and nothing that it forbids.
 *
 * For: trust in every other file of this folder.  Litmus tests by their usual names; for each allowed outcome the search must
 * find it, for each forbidden one it must end without having found it.  Last, a seqlock and a lock: right as written, caught
 * with any one of their edges removed. */
#include "base/atomics.h"
#include "check.h"

static struct {
    uint64_t x, y, flag, lock;
    uint64_t data[2];
    uint64_t r[8]; /* results; plain */
} w;

/* Which edges a program below has. */
enum { WRITER_FENCE = 1, WRITER_RELEASE = 2, READER_ACQUIRE = 4, READER_FENCE = 8, ALL_EDGES = 15 };
static unsigned edges;

static uint64_t seen; /* bit n: outcome n came up in some run; plain, not reset by setup */

static void setup(void *ctx)
{
    (void)ctx;
    memset(&w, 0, sizeof w);
    weak_name(&w.x, 8, "x");
    weak_name(&w.y, 8, "y");
    weak_name(&w.flag, 8, "flag");
    weak_name(&w.lock, 8, "lock");
    weak_name(w.data, 16, "data");
}

/* outcomes runs the threads to the end of the search and returns the set of values of `r0 + 2 * r1 + 4 * r2 + 8 * r3`. */
static void note_outcome(void *ctx)
{
    (void)ctx;
    seen |= (uint64_t)1 << (w.r[0] + 2 * w.r[1] + 4 * w.r[2] + 8 * w.r[3]);
}

#define OUT(r0, r1, r2, r3) ((uint64_t)1 << ((r0) + 2 * (r1) + 4 * (r2) + 8 * (r3)))

static uint64_t outcomes(void (*a)(void *), void (*b)(void *), void (*c)(void *), void (*d)(void *))
{
    weak_program_t const program = {.setup = setup, .threads = {a, b, c, d}, .check = note_outcome};
    seen = 0;
    weak_result_t const r = weak_run(&program, (weak_options_t){.max_runs = 2000000});
    CHECK(r.complete && !r.failed);
    return seen;
}

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

/* ---- message passing ------------------------------------------------------------------------------------------------------ */

THREAD(mp_write)
{
    aats_store_relaxed(&w.x, 1);
    if (edges & WRITER_FENCE) aats_fence_release();
    if (edges & WRITER_RELEASE) {
        aats_store_release(&w.flag, 1);
    } else {
        aats_store_relaxed(&w.flag, 1);
    }
}

THREAD(mp_read)
{
    w.r[0] = edges & READER_ACQUIRE ? aats_load_acquire(&w.flag) : aats_load_relaxed(&w.flag);
    if (edges & READER_FENCE) aats_fence_acquire();
    w.r[1] = aats_load_relaxed(&w.x);
}

TEST(message_passing_shows_old_data_unless_both_sides_have_an_edge)
{
    for (edges = 0; edges <= ALL_EDGES; edges++) {
        int const ordered = (edges & (WRITER_FENCE | WRITER_RELEASE)) && (edges & (READER_ACQUIRE | READER_FENCE));
        uint64_t const got = outcomes(mp_write, mp_read, NULL, NULL);
        CHECK_MSG((got & OUT(1, 1, 0, 0)) && (got & OUT(0, 0, 0, 0)) && (got & OUT(0, 1, 0, 0)), "edges %x: %llx", edges,
                  (unsigned long long)got);
        CHECK_MSG((got & OUT(1, 0, 0, 0) ? 0 : 1) == ordered, "edges %x: %llx", edges, (unsigned long long)got);
    }
}

THREAD(chain)
{
    if (aats_load_acquire(&w.flag) == 1) aats_store_release(&w.y, 1);
}

THREAD(chain_end)
{
    w.r[0] = aats_load_acquire(&w.y);
    w.r[1] = aats_load_relaxed(&w.x);
}

TEST(release_and_acquire_are_transitive)
{
    edges = WRITER_RELEASE;
    CHECK_EQ_U64(outcomes(mp_write, chain, chain_end, NULL), OUT(0, 0, 0, 0) | OUT(0, 1, 0, 0) | OUT(1, 1, 0, 0));
}

THREAD(bump_flag) { aats_fetch_add(&w.flag, 1); }

THREAD(mp_read_two)
{
    w.r[0] = aats_load_acquire(&w.flag) == 2;
    w.r[1] = aats_load_relaxed(&w.x);
}

THREAD(mp_write_release)
{
    aats_store_relaxed(&w.x, 1);
    aats_store_release(&w.flag, 1);
}

TEST(an_addition_carries_on_the_release_before_it)
{
    uint64_t const got = outcomes(mp_write_release, bump_flag, mp_read_two, NULL);
    CHECK(got & OUT(1, 1, 0, 0));
    CHECK(!(got & OUT(1, 0, 0, 0)));
}

/* ---- store buffering, coherence, independent reads -------------------------------------------------------------------- */

static int fenced;

THREAD(sb_a)
{
    aats_store_release(&w.x, 1);
    if (fenced) aats_fence_full();
    w.r[0] = aats_load_acquire(&w.y);
}

THREAD(sb_b)
{
    aats_store_release(&w.y, 1);
    if (fenced) aats_fence_full();
    w.r[1] = aats_load_acquire(&w.x);
}

TEST(store_buffering_needs_full_fences)
{
    fenced = 0;
    CHECK_EQ_U64(outcomes(sb_a, sb_b, NULL, NULL), 15);
    fenced = 1;
    CHECK_EQ_U64(outcomes(sb_a, sb_b, NULL, NULL), 15 & ~OUT(0, 0, 0, 0));
}

THREAD(write_x) { aats_store_relaxed(&w.x, 1); }
THREAD(write_y) { aats_store_relaxed(&w.y, 1); }
THREAD(read_x_twice)
{
    w.r[0] = aats_load_relaxed(&w.x);
    w.r[1] = aats_load_relaxed(&w.x);
}

TEST(one_word_never_goes_back)
{
    CHECK_EQ_U64(outcomes(write_x, read_x_twice, NULL, NULL), OUT(0, 0, 0, 0) | OUT(0, 1, 0, 0) | OUT(1, 1, 0, 0));
}

THREAD(iriw_a)
{
    w.r[0] = aats_load_acquire(&w.x);
    if (fenced) aats_fence_full();
    w.r[1] = aats_load_acquire(&w.y);
}

THREAD(iriw_b)
{
    w.r[2] = aats_load_acquire(&w.y);
    if (fenced) aats_fence_full();
    w.r[3] = aats_load_acquire(&w.x);
}

TEST(independent_readers_may_disagree_on_the_order_of_two_words)
{
    fenced = 0;
    CHECK_EQ_U64(outcomes(write_x, write_y, iriw_a, iriw_b), 0xFFFF);
    fenced = 1;
    CHECK_EQ_U64(outcomes(write_x, write_y, iriw_a, iriw_b), 0xFFFF & ~OUT(1, 0, 1, 0));
}

THREAD(ww_a)
{
    aats_store_relaxed(&w.x, 1);
    aats_store_relaxed(&w.y, 2);
}

THREAD(ww_b)
{
    aats_store_relaxed(&w.y, 1);
    aats_store_relaxed(&w.x, 2);
}

static void note_ww(void *ctx)
{
    (void)ctx;
    seen |= (uint64_t)1 << (w.x - 1 + 2 * (w.y - 1));
}

TEST(two_writers_of_two_words_may_both_come_first)
{
    weak_program_t const program = {.setup = setup, .threads = {ww_a, ww_b}, .check = note_ww};
    seen = 0;
    CHECK(weak_run(&program, (weak_options_t){0}).complete);
    CHECK_EQ_U64(seen, 15);
}

/* ---- additions, compare and swap ------------------------------------------------------------------------------------ */

static void check_sum(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(w.x == 4);
    WEAK_ASSERT(w.y == 1);
}

THREAD(add_twice)
{
    aats_fetch_add(&w.x, 1);
    aats_fetch_add(&w.x, 1);
    if (aats_cas(&w.flag, 0, 1)) aats_fetch_add(&w.y, 1);
}

TEST(no_addition_is_lost_and_one_swap_wins)
{
    weak_program_t const program = {.setup = setup, .threads = {add_twice, add_twice}, .check = check_sum};
    WEAK_HOLDS(&program, .max_runs = 100000);
}

THREAD(add_by_load_and_store) { aats_store_release(&w.x, aats_load_acquire(&w.x) + 1); }

static void check_two(void *ctx)
{
    (void)ctx;
    WEAK_ASSERT(w.x == 2);
}

TEST(an_addition_of_two_steps_is_lost)
{
    weak_program_t const program = {.setup = setup, .threads = {add_by_load_and_store, add_by_load_and_store}, .check = check_two};
    WEAK_CAUGHT(&program, .max_runs = 1000);
    WEAK_CAUGHT(&program, .random_runs = 1000, .seed = 7);
}

/* ---- a seqlock, with each of its edges removed ------------------------------------------------------------------------- */

static void seq_write_once(uint64_t n)
{
    aats_store_relaxed(&w.flag, 2 * n - 1);
    if (edges & WRITER_FENCE) aats_fence_release();
    aats_store_relaxed(&w.data[0], n);
    aats_store_relaxed(&w.data[1], n);
    if (edges & WRITER_RELEASE) {
        aats_store_release(&w.flag, 2 * n);
    } else {
        aats_store_relaxed(&w.flag, 2 * n);
    }
}

THREAD(seq_write)
{
    seq_write_once(1);
    seq_write_once(2);
}

THREAD(seq_read)
{
    for (int i = 0; i < 2; i++) {
        uint64_t const before = edges & READER_ACQUIRE ? aats_load_acquire(&w.flag) : aats_load_relaxed(&w.flag);
        uint64_t const a = aats_load_relaxed(&w.data[0]);
        uint64_t const b = aats_load_relaxed(&w.data[1]);
        if (edges & READER_FENCE) aats_fence_acquire();
        uint64_t const after = aats_load_relaxed(&w.flag);
        if (before % 2 == 1 || before != after) continue;
        WEAK_ASSERT(a == b && a == before / 2);
    }
}

TEST(a_seqlock_holds_and_is_caught_without_any_one_of_its_edges)
{
    weak_program_t const program = {.setup = setup, .threads = {seq_write, seq_read}};
    edges = ALL_EDGES;
    WEAK_HOLDS(&program, .max_runs = 2000000);
    WEAK_HOLDS(&program, .max_runs = 2000000, .kill = 1);
    WEAK_HOLDS(&program, .random_runs = 20000, .seed = 3);
    for (unsigned without = 1; without <= READER_FENCE; without *= 2) {
        edges = ALL_EDGES & ~without;
        WEAK_CAUGHT(&program, .max_runs = 2000000);
        WEAK_CAUGHT(&program, .random_runs = 20000, .seed = 3);
    }
}

/* ---- a lock: waiting, killing, getting stuck --------------------------------------------------------------------------- */

THREAD(locked_add)
{
    while (!aats_cas(&w.lock, 0, 1)) aats_spin_hint();
    aats_store_relaxed(&w.x, aats_load_relaxed(&w.x) + 1);
    if (edges & WRITER_RELEASE) {
        aats_store_release(&w.lock, 0);
    } else {
        aats_store_relaxed(&w.lock, 0);
    }
}

TEST(a_spin_lock_excludes_and_never_sticks)
{
    weak_program_t const program = {.setup = setup, .threads = {locked_add, locked_add}, .check = check_two};
    edges = ALL_EDGES;
    WEAK_HOLDS(&program, .max_runs = 100000);
    WEAK_HOLDS(&program, .random_runs = 2000, .seed = 1);
    edges = 0;
    WEAK_CAUGHT(&program, .max_runs = 100000);
}

TEST(a_killed_owner_of_a_lock_sticks_the_others)
{
    weak_program_t const program = {.setup = setup, .threads = {locked_add, locked_add}};
    edges = ALL_EDGES;
    WEAK_CAUGHT(&program, .max_runs = 100000, .kill = 1);
    weak_result_t const r = weak_run(&program, (weak_options_t){.max_runs = 100000, .kill = 1, .may_stick = 1});
    CHECK(r.complete && !r.failed);
    CHECK(r.stuck > 0 && r.stuck < r.runs);
    CHECK(r.kills >= 4); /* before each of its operations */
}

THREAD(wait_three_times)
{
    for (int i = 0; i < 3 && aats_load_acquire(&w.flag) == 0; i++) aats_spin_hint();
}

TEST(a_bounded_wait_for_nobody_ends)
{
    weak_program_t const program = {.setup = setup, .threads = {wait_three_times}};
    WEAK_HOLDS(&program, .max_runs = 10);
}

THREAD(reread)
{
    /* The first pass may see x change under it; the next one must then be possible, though nothing newer ever comes. */
    for (;;) {
        uint64_t const a = aats_load_relaxed(&w.x);
        uint64_t const b = aats_load_relaxed(&w.x);
        if (a == b && a == 1) return;
        aats_spin_hint();
    }
}

TEST(a_waiter_that_saw_half_a_change_goes_on)
{
    weak_program_t const program = {.setup = setup, .threads = {write_x, reread}};
    WEAK_HOLDS(&program, .max_runs = 1000);
}

/* ---- what the machine refuses ------------------------------------------------------------------------------------------ */

THREAD(plain_write)
{
    aats_store_relaxed(&w.x, 1);
    w.x = 2;
    (void)aats_load_relaxed(&w.x);
}

TEST(a_plain_write_to_an_atomic_word_is_caught)
{
    weak_program_t const program = {.setup = setup, .threads = {plain_write}};
    WEAK_CAUGHT(&program, .max_runs = 10);
}

TEST(a_seed_makes_the_same_runs_again)
{
    weak_program_t const program = {.setup = setup, .threads = {seq_write, seq_read, seq_read}};
    weak_options_t const options = {.random_runs = 500, .seed = 42, .kill = 1};
    edges = ALL_EDGES;
    weak_result_t const a = weak_run(&program, options);
    weak_result_t const b = weak_run(&program, options);
    CHECK_EQ_U64(a.steps, b.steps);
    CHECK_EQ_U64(a.kills, b.kills);
    CHECK(a.kills > 0 && a.steps > 0);
}

RUN_ALL()
