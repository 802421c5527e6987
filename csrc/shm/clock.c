#include "shm/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/clock.h"
#include "shm/clock_page.h"
#include "shm/procs.h"

#define SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define NEVER INT64_MAX
#define MEASURE_NS 5000000   /* between two samples while the rate is not known */
#define AGAIN_NS   1000000   /* after a sample that was disturbed */
#define SAMPLES    5         /* the shortest of so many is taken */
#define SLOW_NS    2000      /* a sample that took longer was disturbed ... */
#define SLOWER     2         /* ... or one that took so many times the shortest so far */

static struct {
    uint64_t page; /* aats_clock_page_t *, 0: none */
    uint64_t self;
    int64_t pid;
    uint64_t due_mono_ns;
    uint64_t busy; /* one thread at a time; it holds the rest */
    uint64_t local;
    aats_clock_rate_t rate;
    uint64_t shortest; /* sample so far, in ticks; 0: none */
} here = {.due_mono_ns = NEVER};

static aats_clock_page_t own_page;

/* ---- is the counter good ---- */

static int invariant(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && d >> 8 & 1;
#elif defined(__aarch64__)
    return 1;
#else
    return 0;
#endif
}

static int kernel_uses_it(void)
{
    char text[32] = "";
    int const fd = open(SOURCE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t const n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && (!strncmp(text, "tsc\n", 4) || !strncmp(text, "arch_sys_counter\n", 17));
}

char const *aats_clock_counter(void)
{
    char const *asked = getenv("AATS_CLOCK");
    if (asked && !strcmp(asked, "system")) return "AATS_CLOCK says system";
    if (!invariant()) return "the processor's counter does not run at one rate";
    if (!(asked && !strcmp(asked, "tsc")) && !kernel_uses_it()) return "the kernel does not take the processor's counter for its clock";
#if defined(__aarch64__)
    return "cntvct";
#else
    return "tsc";
#endif
}

int aats_clock_good(void)
{
    char const *name = aats_clock_counter();
    return !strcmp(name, "tsc") || !strcmp(name, "cntvct");
}

/* ---- reading ---- */

static aats_clock_page_t *used(void) { return (aats_clock_page_t *)(uintptr_t)aats_load_acquire(&here.page); }

/* A local page has no loop that keeps it. */
static __attribute__((noinline)) int64_t from_kernel(int64_t (*clock)(void))
{
    if (aats_load_relaxed(&here.local)) aats_clock_keep(aats_system_mono_ns());
    return clock();
}

static int64_t page_now_ns(void)
{
    aats_clock_page_t const *page = used();
    int64_t ns;
    return page && aats_clock_page_read(page, aats_ticks(), &ns, NULL) ? ns : from_kernel(aats_system_now_ns);
}

static int64_t page_mono_ns(void)
{
    aats_clock_page_t const *page = used();
    int64_t ns;
    return page && aats_clock_page_read(page, aats_ticks(), NULL, &ns) ? ns : from_kernel(aats_system_mono_ns);
}

static void page_clocks_ns(int64_t *now_ns, int64_t *mono_ns)
{
    aats_clock_page_t const *page = used();
    if (page && aats_clock_page_read(page, aats_ticks(), now_ns, mono_ns)) return;
    *now_ns = from_kernel(aats_system_now_ns);
    *mono_ns = aats_system_mono_ns();
}

int aats_clock_reads(void)
{
    aats_clock_page_t const *page = used();
    int64_t ns;
    return page && aats_clock_page_read(page, aats_ticks(), NULL, &ns);
}

/* ---- keeping ---- */

/* sample reads both clocks between two readings of the counter, the real one on both sides of the other.  1; 0 when it was
 * disturbed each time. */
static int sample(aats_clock_sample_t *out)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t const before = aats_ticks_ordered();
        int64_t const real = aats_system_now_ns(), mono = aats_system_mono_ns(), again = aats_system_now_ns();
        uint64_t const span = aats_ticks_ordered() - before;
        if (again < real || again - real > SLOW_NS || span >= best) continue; /* stepped, or the core was elsewhere */
        best = span;
        *out = (aats_clock_sample_t){.ticks = before + span / 2, .real_ns = real + (again - real) / 2, .mono_ns = mono, .err_ticks = span / 2};
    }
    if (best == UINT64_MAX) return 0;
    if (here.shortest == 0 || best < here.shortest) here.shortest = best;
    if (best <= SLOWER * here.shortest) return 1;
    here.shortest += here.shortest / 8 + 1; /* a core that has become slower is believed after some time */
    return 0;
}

/* keep_page: what is due.  Returns in how many ns something is again. */
static int64_t keep_page(aats_clock_page_t *page)
{
    aats_clock_sample_t s;
    if (!sample(&s)) return AGAIN_NS;
    int const known = aats_clock_rate_add(&here.rate, &s);
    int const mine = aats_ident_bare(aats_load_relaxed(&page->keeper)) == here.self;
    if ((known || mine) && aats_clock_page_hold(page, here.self, s.ticks, aats_proc_alive)) {
        if (known) aats_clock_page_put(page, &here.rate, &s);
        else aats_clock_page_withdraw(page);
        aats_clock_page_release(page, here.self);
    }
    return known ? AATS_CLOCK_RENEW_NS : MEASURE_NS;
}

void aats_clock_keep(int64_t mono_ns)
{
    if (mono_ns < (int64_t)aats_load_relaxed(&here.due_mono_ns)) return;
    if (!aats_cas(&here.busy, 0, 1)) return;
    aats_clock_page_t *page = used();
    if (page && getpid() == here.pid) aats_store_relaxed(&here.due_mono_ns, (uint64_t)(mono_ns + keep_page(page)));
    else aats_store_relaxed(&here.due_mono_ns, NEVER);
    aats_store_release(&here.busy, 0);
}

int aats_clock_use(aats_clock_page_t *page, uint64_t self)
{
    while (!aats_cas(&here.busy, 0, 1)) aats_spin_hint(); /* who is at the page that goes */
    int const good = page != NULL && aats_clock_good();
    here.self = aats_ident_bare(self);
    here.pid = getpid();
    if (!good) aats_clock_set(NULL, NULL, NULL);
    aats_store_relaxed(&here.local, page == &own_page);
    aats_store_release(&here.page, good ? (uint64_t)(uintptr_t)page : 0);
    aats_store_relaxed(&here.due_mono_ns, good ? 0 : (uint64_t)NEVER);
    if (good) aats_clock_set(page_now_ns, page_mono_ns, page_clocks_ns);
    aats_store_release(&here.busy, 0);
    return good;
}

int aats_clock_local(void)
{
    if (!aats_clock_use(&own_page, aats_ident(1, 1))) return 0;
    struct timespec const pause = {0, MEASURE_NS};
    for (int i = 0; i < 100 && !aats_clock_reads(); i++) {
        aats_clock_keep(aats_system_mono_ns());
        nanosleep(&pause, NULL);
    }
    return 1;
}
