/* samples.h -- single operations timed one by one: every sample kept, percentiles exact.
 *
 * For: benches whose question is the tail, not the mean.  What two readings of the clock take in the median is subtracted from each sample and printed as a
 * row of its own.  Output: a head line of the machine, then a line a row: name, p50, p99, p99.9, max in ns, count; tools/bench_orders.py reads that. */
#ifndef AATS_BENCH_SAMPLES_H
#define AATS_BENCH_SAMPLES_H

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"

#define SAMPLES_MAX 400000

typedef struct {
    char const *name;
    uint32_t cnt;
    int64_t *ns;
} samples_t;

static int64_t samples_clock_ns; /* two readings, median */

static samples_t samples_new(char const *name)
{
    samples_t const s = {.name = name, .ns = calloc(SAMPLES_MAX, sizeof(int64_t))};
    if (s.ns == NULL) abort();
    memset(s.ns, 1, SAMPLES_MAX * sizeof(int64_t)); /* no page faults while it measures */
    return s;
}

static inline void samples_add(samples_t *s, int64_t from, int64_t to)
{
    int64_t const ns = to - from - samples_clock_ns;
    if (s->cnt < SAMPLES_MAX) s->ns[s->cnt++] = ns > 0 ? ns : 0;
}

static int samples_by_value(void const *a, void const *b)
{
    int64_t const x = *(int64_t const *)a, y = *(int64_t const *)b;
    return x < y ? -1 : x > y;
}

static int64_t samples_at(samples_t const *s, double p) { return s->cnt == 0 ? 0 : s->ns[(uint32_t)(p * (s->cnt - 1) + 0.5)]; }

static inline void samples_sort(samples_t *s) { qsort(s->ns, s->cnt, sizeof *s->ns, samples_by_value); }

static inline void samples_print(samples_t *s)
{
    samples_sort(s);
    printf("%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%u\n", s->name, samples_at(s, 0.5), samples_at(s, 0.99), samples_at(s, 0.999),
           samples_at(s, 1), s->cnt);
    free(s->ns);
    s->ns = NULL;
}

static samples_t samples_clock(void)
{
    samples_t s = samples_new("clock, two readings");
    for (int i = 0; i < 100000; i++) {
        int64_t const from = aats_mono_ns();
        samples_add(&s, from, aats_mono_ns());
    }
    samples_sort(&s);
    return s;
}

/* samples_begin prints the machine and measures the clock; samples_begin_quietly only measures it. */
static inline void samples_begin(void)
{
    struct utsname host;
    cpu_set_t cores;
    uname(&host);
    sched_getaffinity(0, sizeof cores, &cores);
    printf("# %s %s %s, gcc %s, %d usable cores, not pinned\n", host.sysname, host.release, host.machine, __VERSION__, CPU_COUNT(&cores));
    samples_t s = samples_clock();
    int64_t const median = samples_at(&s, 0.5);
    samples_print(&s);
    samples_clock_ns = median;
}

static inline void samples_begin_quietly(void)
{
    samples_t s = samples_clock();
    samples_clock_ns = samples_at(&s, 0.5);
    free(s.ns);
}

#endif
