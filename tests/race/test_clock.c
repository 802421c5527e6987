/* test_clock.c -- the clock's page under weak memory: whoever reads a time reads one line, two keepers never write at once,
 * and a keeper that is killed at any step leaves a page that says nothing wrong and can be taken over. */
#include "weak.h"

#include "../c/shm_fixture.h"
#include "shm/clock_page.h"
#include "shm/procs.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

static aats_clock_page_t page;
static int dead_now; /* plain: set in check only, when all threads have ended */

static uint64_t const OLD = (uint64_t)90 << 42 | (uint64_t)1 << 8;
static uint64_t me(void) { return (uint64_t)(100 + weak_thread()) << 42 | (uint64_t)7 << 8; }

/* The processes of the test live until all threads have ended; OLD died long ago. */
static int alive(uint64_t word) { return !dead_now && aats_ident_bare(word) != OLD; }

/* line(n) is a page of which every word tells n: mono and real begin n apart, at tick 1000 n, with slope 1 + n. */
static aats_clock_rate_t rate_of(uint64_t n) { return (aats_clock_rate_t){.mult = ((uint64_t)1 << 32) * (n + 1), .cnt = 9, .holds = 1}; }
static aats_clock_sample_t sample_of(uint64_t n)
{
    return (aats_clock_sample_t){.ticks = 1000000 * n, .mono_ns = (int64_t)(5000000000 * n), .real_ns = (int64_t)(7000000000 * n), .err_ticks = 1};
}

/* put writes line n if the page can be had. */
static int put(uint64_t self, uint64_t n)
{
    aats_clock_rate_t const rate = rate_of(n);
    aats_clock_sample_t const s = sample_of(n);
    if (!aats_clock_page_hold(&page, self, s.ticks, alive)) return 0;
    aats_clock_page_put(&page, &rate, &s);
    aats_clock_page_release(&page, self);
    return 1;
}

static void names(void)
{
    weak_name(&page.seq, 8, "seq");
    weak_name(&page.tsc, 56, "line");
    weak_name(&page.keeper, 8, "keeper");
}

/* written puts line n there, kept by `keeper`, by plain writes; good for a few ticks only, so that the next one begins anew. */
static void written(uint64_t n, uint64_t keeper, int inside)
{
    aats_clock_rate_t const rate = rate_of(n);
    aats_clock_sample_t const s = sample_of(n);
    memset(&page, 0, sizeof page);
    dead_now = 0;
    if (n) aats_clock_page_put(&page, &rate, &s);
    page.good_ticks = n ? 100 : 0;
    page.keeper = keeper;
    if (inside) page.seq++, page.mono_ns = 1, page.tsc = 2; /* so far he came */
    names();
}

THREAD(setup_new) { written(0, 0, 0); }
THREAD(setup_kept) { written(1, OLD, 0); }
THREAD(setup_dead_inside) { written(1, aats_ident_with(OLD, 1), 1); }

/* is_line: the time at tick `ticks` is that of line n */
static int is_line(uint64_t n, uint64_t ticks, int64_t mono)
{
    aats_clock_sample_t const s = sample_of(n);
    return mono == aats_clock_line(s.mono_ns, (int64_t)(ticks - s.ticks), rate_of(n).mult);
}

THREAD(read_twice)
{
    for (int turn = 0; turn < 2; turn++) {
        int64_t mono;
        uint64_t const ticks = 1000000 * (uint64_t)(turn + 2) + 50;
        if (!aats_clock_page_read(&page, ticks, NULL, &mono)) continue;
        WEAK_ASSERT(is_line(1, ticks, mono) || is_line(2, ticks, mono) || is_line(3, ticks, mono));
    }
}

THREAD(keep_two) { put(me(), 2); }
THREAD(keep_three) { put(me(), 3); }
THREAD(keep_both)
{
    put(me(), 2);
    put(me(), 3);
}

/* whole: one line of the three, or known to be torn; and survivors can write it. */
THREAD(check_whole)
{
    int64_t mono;
    if (page.seq % 2 == 0 && page.seq != 0 && page.good_ticks != 0) {
        uint64_t const n = page.tsc / 1000000;
        WEAK_ASSERT(n >= 1 && n <= 3 && page.mult == rate_of(n).mult && page.real_ns == sample_of(n).real_ns && is_line(n, page.tsc, page.mono_ns));
    }
    dead_now = 1; /* all of them */
    page.good_ticks = page.seq % 2 ? page.good_ticks : 0;
    WEAK_ASSERT(put((uint64_t)150 << 42 | (uint64_t)7 << 8, 3));
    WEAK_ASSERT(aats_clock_page_read(&page, 3000050, NULL, &mono) && is_line(3, 3000050, mono));
}

TEST(a_time_that_is_read_is_of_one_line_though_the_keeper_is_killed)
{
    weak_program_t const first = {.setup = setup_new, .threads = {keep_two, read_twice}, .check = check_whole};
    WEAK_HOLDS(&first, .max_runs = 3000000, .kill = 1);
    weak_program_t const two = {.setup = setup_kept, .threads = {keep_both, read_twice}, .check = check_whole};
    WEAK_HOLDS(&two, .random_runs = 6000, .seed = 1);
    WEAK_HOLDS(&two, .random_runs = 6000, .seed = 2, .kill = 1);
}

TEST(of_two_that_find_a_page_old_one_writes_at_a_time)
{
    weak_program_t const program = {.setup = setup_kept, .threads = {keep_two, keep_three, read_twice}, .check = check_whole};
    WEAK_HOLDS(&program, .random_runs = 8000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 2, .kill = 1);
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 3, .kill = 2);
}

TEST(of_two_that_find_the_keeper_dead_inside_one_writes_at_a_time)
{
    weak_program_t const program = {.setup = setup_dead_inside, .threads = {keep_two, keep_three, read_twice}, .check = check_whole};
    WEAK_HOLDS(&program, .random_runs = 8000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 2, .kill = 1);
}

RUN_ALL()
