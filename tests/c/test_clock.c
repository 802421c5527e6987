/* test_clock.c -- the two clocks: never far from the kernel's, whatever the counter, the keeper or the kernel's clock does. */
#include "base/clock.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/clock_page.h"
#include "shm_fixture.h"

#define MS  INT64_C(1000000)
#define US  INT64_C(1000)
#define SEC INT64_C(1000000000)

/* ---- a machine of numbers: its counter runs at hz, its clocks as the test says ---- */

static struct {
    double hz;
    uint64_t ticks;
    int64_t real_ns, mono_ns;
    int64_t noise; /* of a sample, either way */
} m;

static aats_clock_page_t page;
static aats_clock_rate_t rate;

static uint64_t const ME = (uint64_t)7 << 42 | (uint64_t)70 << 8, YOU = (uint64_t)8 << 42 | (uint64_t)80 << 8;
static int you_live;
static int alive(uint64_t word) { return aats_ident_bare(word) != YOU || you_live; }

static void machine(double hz)
{
    m.hz = hz, m.ticks = 123456789, m.real_ns = 1700000000 * SEC, m.mono_ns = 5000 * SEC, m.noise = 0;
    memset(&page, 0, sizeof page);
    memset(&rate, 0, sizeof rate);
    you_live = 1;
}

static void pass_ns(int64_t ns) { m.ticks += (uint64_t)((double)ns * m.hz / 1e9 + 0.5), m.mono_ns += ns, m.real_ns += ns; }

static aats_clock_sample_t look(void)
{
    static int turn;
    int64_t const off = m.noise * (turn++ % 3 - 1);
    return (aats_clock_sample_t){.ticks = m.ticks, .real_ns = m.real_ns + off, .mono_ns = m.mono_ns + off,
                                 .err_ticks = (uint64_t)((double)m.noise * m.hz / 1e9)};
}

/* keep is what a keeper does when it is time to: 1 if the page was written. */
static int keep(void)
{
    aats_clock_sample_t const s = look();
    int const known = aats_clock_rate_add(&rate, &s);
    if (!known && page.keeper != ME) return 0;
    if (!aats_clock_page_hold(&page, ME, s.ticks, alive)) return 0;
    if (known) aats_clock_page_put(&page, &rate, &s);
    else aats_clock_page_withdraw(&page);
    aats_clock_page_release(&page, ME);
    return known;
}

static void begin(void)
{
    for (int i = 0; i < 10 && !keep(); i++) pass_ns(10 * MS);
}

static int reads(int64_t *real, int64_t *mono)
{
    return aats_clock_page_read(&page, m.ticks, real, mono);
}

/* off says how far the page's mono is from the machine's; INT64_MAX when it says nothing. */
static int64_t off(void)
{
    int64_t real, mono;
    return reads(&real, &mono) ? llabs(mono - m.mono_ns) : INT64_MAX;
}

/* ---- refusals ---- */

TEST(a_page_that_was_never_written_says_nothing)
{
    machine(2.6e9);
    CHECK_EQ_I64(off(), INT64_MAX);
    CHECK(aats_clock_page_old(&page, m.ticks));
}

TEST(no_page_is_written_before_a_rate_is_known_and_has_held)
{
    machine(2.6e9);
    CHECK(!keep());
    pass_ns(AATS_CLOCK_BASE_NS / 2);
    CHECK(!keep());
    pass_ns(AATS_CLOCK_BASE_NS);
    CHECK(!keep()); /* a rate, but nothing that it has foretold */
    pass_ns(5 * MS);
    CHECK(keep());
    CHECK(off() <= 1);
}

TEST(a_page_says_nothing_after_its_time_nor_long_before_it)
{
    machine(2.6e9);
    begin();
    uint64_t const then = m.ticks;
    pass_ns(AATS_CLOCK_GOOD_NS - 1);
    CHECK(off() <= 1);
    CHECK(aats_clock_page_old(&page, m.ticks));
    pass_ns(2);
    CHECK_EQ_I64(off(), INT64_MAX);
    m.ticks = then - AATS_CLOCK_EARLY - 1; /* the counter began anew */
    CHECK_EQ_I64(off(), INT64_MAX);
    m.ticks = 0;
    CHECK_EQ_I64(off(), INT64_MAX);
    m.ticks = then - 1000; /* read a little before the page, on another core */
    m.mono_ns = page.mono_ns - (int64_t)(1000 / 2.6);
    CHECK(off() <= 1);
}

TEST(a_page_that_is_being_written_says_nothing)
{
    machine(2.6e9);
    begin();
    page.seq++;
    CHECK_EQ_I64(off(), INT64_MAX);
}

TEST(nobody_takes_a_page_that_is_kept_or_being_written_by_the_living)
{
    machine(2.6e9);
    begin();
    CHECK(!aats_clock_page_hold(&page, YOU, m.ticks, alive)); /* kept */
    CHECK(!aats_clock_page_hold(&page, 0, m.ticks, alive));
    pass_ns(AATS_CLOCK_GOOD_NS);
    CHECK(aats_clock_page_hold(&page, YOU, m.ticks, alive)); /* old: the keeper is busy elsewhere */
    CHECK(!aats_clock_page_hold(&page, ME, m.ticks, alive));
    CHECK(!aats_clock_page_hold(&page, YOU, m.ticks, alive)); /* not twice either */
    pass_ns(SEC);
    CHECK(!aats_clock_page_hold(&page, ME, m.ticks, alive)); /* stopped inside: waited for */
    aats_clock_page_release(&page, YOU);
    CHECK_EQ_U64(page.keeper, YOU);
}

/* ---- who keeps it ---- */

TEST(a_keeper_killed_inside_a_write_is_replaced_and_the_page_is_whole_again)
{
    machine(2.6e9);
    begin();
    pass_ns(AATS_CLOCK_GOOD_NS);
    CHECK(aats_clock_page_hold(&page, YOU, m.ticks, alive));
    page.seq++, page.tsc = 1, page.mono_ns = 2; /* so far he came */
    keep();
    CHECK_EQ_I64(off(), INT64_MAX);
    you_live = 0;
    uint64_t const seq = page.seq;
    pass_ns(AATS_CLOCK_RENEW_NS);
    CHECK(keep());
    CHECK(page.seq > seq && page.seq % 2 == 0);
    CHECK_EQ_U64(page.keeper, ME);
    CHECK(off() <= 1);
}

TEST(a_dead_keeper_at_rest_is_replaced_when_the_page_is_old_and_no_sooner)
{
    machine(2.6e9);
    begin();
    page.keeper = YOU;
    you_live = 0;
    pass_ns(AATS_CLOCK_GOOD_NS / 4);
    CHECK(!keep());
    pass_ns(AATS_CLOCK_GOOD_NS / 4 + MS);
    CHECK(keep());
    CHECK(off() <= 1);
}

/* ---- what it says ---- */

/* run lets the machine go for n renewals and returns how far the page was ever off; *back: how far its mono ever went back. */
static int64_t run(int n, double mono_rate, int64_t *back)
{
    int64_t worst = 0, last = 0, real, mono;
    *back = 0;
    for (int i = 0; i < n * 10; i++) {
        if (i % 10 == 0) keep();
        for (int at = 0; at < 2; at++) { /* just after a renewal, and between */
            if (!reads(&real, &mono)) return INT64_MAX;
            if (last - mono > *back) *back = last - mono;
            if (llabs(mono - m.mono_ns) > worst) worst = llabs(mono - m.mono_ns);
            last = mono;
            int64_t const step = at ? AATS_CLOCK_RENEW_NS / 10 - 1000 : 1000, more = (int64_t)((double)step * (mono_rate - 1));
            pass_ns(step);
            m.mono_ns += more, m.real_ns += more;
        }
    }
    return worst;
}

TEST(it_stays_within_a_samples_noise_and_never_goes_back)
{
    double const counters[] = {24e6, 1e9, 2.6e9, 5.7e9};
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        int64_t back;
        machine(counters[i]);
        m.noise = 40;
        begin();
        int64_t const worst = run(400, 1, &back);
        CHECK_MSG(worst <= 200 + (int64_t)(2e9 / counters[i]), "%lld ns off", (long long)worst);
        CHECK_MSG(back <= 1, "went back by %lld ns", (long long)back);
    }
}

TEST(a_slew_of_the_kernels_clock_is_followed)
{
    int64_t back;
    machine(2.6e9);
    begin();
    run(50, 1, &back);
    int64_t const beginning = run(60, 1.0001, &back);
    CHECK_MSG(beginning <= 11 * US, "%lld ns off", (long long)beginning); /* 100 ppm of one renewal, and of its correction */
    CHECK(back <= 1);
    int64_t const later = run(60, 1.0001, &back);
    CHECK_MSG(later <= US, "%lld ns off", (long long)later);
    CHECK(back <= 1);
}

TEST(a_step_of_the_real_clock_is_followed_at_the_next_renewal_and_mono_does_not_notice)
{
    machine(2.6e9);
    m.noise = 40;
    begin();
    int64_t const steps[] = {3600 * SEC, -3600 * SEC, -37 * SEC, 5 * US, -5 * US};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int64_t real, mono;
        m.real_ns += steps[i];
        pass_ns(AATS_CLOCK_RENEW_NS);
        CHECK(reads(&real, &mono));
        CHECK(llabs(real - (m.real_ns - steps[i])) <= 200); /* not yet */
        CHECK(keep());
        CHECK(reads(&real, &mono));
        CHECK_MSG(llabs(real - m.real_ns) <= 300, "%lld ns off", (long long)(real - m.real_ns));
        CHECK(off() <= 200);
    }
}

TEST(noise_of_samples_does_not_move_the_real_clock_against_mono)
{
    machine(2.6e9);
    m.noise = 40;
    begin();
    int64_t const apart = page.real_ns - page.mono_ns;
    for (int i = 0; i < 100; i++) {
        pass_ns(AATS_CLOCK_RENEW_NS);
        keep();
        CHECK_EQ_I64(page.real_ns - page.mono_ns, apart);
    }
}

TEST(a_suspended_machine_is_not_read_from_the_page_and_is_measured_anew)
{
    machine(2.6e9);
    begin();
    int64_t const asleep = 30 * SEC; /* mono stands still, the counter and the real clock go on */
    m.ticks += (uint64_t)(2.6 * (double)asleep), m.real_ns += asleep;
    CHECK_EQ_I64(off(), INT64_MAX);
    CHECK(!keep());
    CHECK_EQ_I64(off(), INT64_MAX);
    begin();
    int64_t real, mono;
    CHECK(off() <= 1);
    CHECK(reads(&real, &mono));
    CHECK(llabs(real - m.real_ns) <= 1);
    m.ticks = 99, m.mono_ns += SEC, m.real_ns += SEC; /* this time the counter began anew */
    CHECK(!keep());
    begin();
    CHECK(off() <= 1);
}

TEST(a_counter_that_changes_its_rate_is_dropped_at_once)
{
    machine(2.6e9);
    begin();
    m.hz = 2.1e9; /* moved to another host */
    pass_ns(AATS_CLOCK_RENEW_NS);
    CHECK(!keep());
    CHECK_EQ_I64(off(), INT64_MAX); /* withdrawn: nobody waits for the page to grow old */
    for (int i = 0; i < 20; i++) {
        pass_ns(10 * MS);
        keep();
        CHECK(off() == INT64_MAX || off() <= 1);
    }
    CHECK(off() <= 1);
}

/* ---- this machine ---- */

#define NEED_COUNTER()                                                                  \
    do {                                                                                \
        if (!aats_clock_good()) SKIP(aats_clock_counter());                             \
    } while (0)

/* between says whether a clock, read between two readings of the kernel's, lies between them but for the page's error. */
static int between(int64_t (*ours)(void), int64_t (*kernels)(void))
{
    for (int i = 0; i < 20; i++) { /* a slew may just be beginning */
        int64_t const before = kernels(), now = ours(), after = kernels();
        if (before - now <= 20 * US && now - after <= 20 * US) return 1;
    }
    return 0;
}

static int64_t first_of_both(void)
{
    int64_t now, mono;
    aats_clocks_ns(&now, &mono);
    return now;
}

static int64_t second_of_both(void)
{
    int64_t now, mono;
    aats_clocks_ns(&now, &mono);
    return mono;
}

TEST(the_kernels_clocks_are_read_without_a_page_and_after_it)
{
    setenv("AATS_CLOCK", "system", 1);
    CHECK(!aats_clock_good() && !aats_clock_local() && !aats_clock_reads());
    CHECK(llabs(aats_mono_ns() - aats_system_mono_ns()) < SEC);
    aats_clock_keep(INT64_MAX - 1);
    CHECK(!aats_clock_use(NULL, 0) && !aats_clock_reads());
    int64_t const before = aats_system_now_ns(), now = aats_now_ns(), after = aats_system_now_ns();
    CHECK(before <= now && now <= after);
    CHECK(between(first_of_both, aats_system_now_ns) && between(second_of_both, aats_system_mono_ns));
    unsetenv("AATS_CLOCK");
}

TEST(this_machines_counter_tells_the_kernels_time)
{
    NEED_COUNTER();
    CHECK(aats_clock_local());
    CHECK(aats_clock_reads());
    CHECK(between(aats_now_ns, aats_system_now_ns) && between(aats_mono_ns, aats_system_mono_ns));
    CHECK(between(first_of_both, aats_system_now_ns) && between(second_of_both, aats_system_mono_ns));
    struct timespec const pause = {0, 3 * AATS_CLOCK_GOOD_NS / 2};
    nanosleep(&pause, NULL);
    CHECK(between(aats_mono_ns, aats_system_mono_ns)); /* old: the kernel's; that reading renews it */
    CHECK(between(aats_now_ns, aats_system_now_ns));
    CHECK(aats_clock_reads());
    aats_clock_use(NULL, 0);
    CHECK(!aats_clock_reads());
}

TEST(a_child_of_fork_reads_the_page_and_writes_it_never)
{
    NEED_COUNTER();
    static aats_clock_page_t shared;
    CHECK(aats_clock_use(&shared, aats_ident_self()));
    for (int i = 0; i < 100 && !aats_clock_reads(); i++) usleep(5000), aats_clock_keep(aats_system_mono_ns());
    CHECK(aats_clock_reads());
    pid_t const child = fork();
    if (child == 0) {
        uint64_t const writes = shared.writes;
        aats_clock_keep(INT64_MAX - SEC);
        _exit(shared.writes == writes ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQ_I64(status, 0);
    uint64_t const writes = shared.writes;
    usleep(60000);
    aats_clock_keep(aats_system_mono_ns());
    CHECK(shared.writes > writes); /* as the parent does */
    aats_clock_use(NULL, 0);
}

RUN_ALL()
