/* feed_tally.h -- what bench_feed.c and bench_sbe.c count and print: the clock, samples, a JSON object a line; and their command line.
 *
 * For: rows where one call of the feed is timed, or a block of calls.  Not for: bench_wire.c (wire_tally.h has a thread's processor time), and the
 * benches whose question is a distribution alone (samples.h). */
#ifndef AATS_BENCH_FEED_TALLY_H
#define AATS_BENCH_FEED_TALLY_H

#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "base/clock.h"
#include "shm/clock.h"

static char const *program = "bench";
static int quick;
static char const *rows_wanted, *frames_file; /* NULL: all; made traffic */
static int cores[64], core_cnt;

__attribute__((noreturn)) static void die(char const *why)
{
    fprintf(stderr, "%s: %s\n", program, why);
    exit(1);
}

/* ---- time ---- */

static double ns_per_tick = 1, clock_cost_ns;

static inline uint64_t ticks(void)
{
#ifdef __x86_64__
    _mm_lfence();
    uint64_t const t = __rdtsc();
    _mm_lfence();
    return t;
#else
    return (uint64_t)aats_mono_ns();
#endif
}

/* since is what has passed since `from`, less what two readings of the counter take. */
static inline double since(uint64_t from) { return (double)(ticks() - from) * ns_per_tick - clock_cost_ns; }

static void calibrate(void)
{
    int64_t const from = aats_mono_ns();
    uint64_t const at = ticks();
    while (aats_mono_ns() - from < 20000000) {}
    ns_per_tick = (double)(aats_mono_ns() - from) / (double)(ticks() - at);
}

/* ---- samples ---- */

typedef struct {
    double *ns;
    size_t cnt, cap;
} samples_t;

static void add(samples_t *s, double ns)
{
    if (s->cnt == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4096;
        s->ns = realloc(s->ns, s->cap * sizeof *s->ns);
        if (!s->ns) die("no memory");
    }
    s->ns[s->cnt++] = ns;
}

static int by_value(void const *a, void const *b)
{
    double const x = *(double const *)a, y = *(double const *)b;
    return (x > y) - (x < y);
}

static double at(samples_t const *s, double p) { return s->cnt ? s->ns[(size_t)(p * (double)(s->cnt - 1) + 0.5)] : 0; }

/* midmean is the mean of the middle half of the samples: a median that a counter of coarse steps (10 ns on some machines) does not round. */
static double midmean(samples_t const *s)
{
    double sum = 0;
    size_t const from = s->cnt / 4, to = s->cnt - s->cnt / 4;
    for (size_t i = from; i < to; i++) sum += s->ns[i];
    return to > from ? sum / (double)(to - from) : 0;
}

static void sort(samples_t *s) { if (s->cnt) qsort(s->ns, s->cnt, sizeof *s->ns, by_value); }

static void measure_clock(void)
{
    samples_t s = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t const from = ticks();
        add(&s, (double)(ticks() - from) * ns_per_tick);
    }
    sort(&s);
    clock_cost_ns = midmean(&s);
    free(s.ns);
}

/* ---- what is printed ---- */

/* In a row of latencies the midmean of all calls is what the goal judges; in a row of rates (`rate`) 1e9 / the midmean of the blocks' costs a message. */
static void print_row(char const *row, char const *who, samples_t *s, int rate, char const *extra)
{
    sort(s);
    double const p50 = at(s, 0.5), value = midmean(s);
    printf("{\"row\":\"%s\",\"who\":\"%s\",\"unit\":\"%s\",\"value\":%.1f", row, who, rate ? "1/s" : "ns", rate ? 1e9 / value : value);
    if (rate) printf(",\"ns\":%.1f", value);
    else printf(",\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f", p50, at(s, 0.99), at(s, 0.999), at(s, 1));
    printf(",\"n\":%zu%s}\n", s->cnt, extra);
    fflush(stdout);
    free(s->ns);
    *s = (samples_t){0};
}

/* print_why says that a side cannot be measured, and why: nothing that JSON would escape. */
static void print_why(char const *row, char const *who, char const *why)
{
    printf("{\"row\":\"%s\",\"who\":\"%s\",\"value\":null,\"why\":\"%s\"}\n", row, who, why);
    fflush(stdout);
}

/* ---- the command line ---- */

static int named(char const *list, char const *row)
{
    size_t const n = strlen(row);
    for (char const *p = list; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && !memcmp(p, row, n)) return 1;
    return 0;
}

static int wanted(char const *row) { return !rows_wanted || named(rows_wanted, row); }

static void take_cores(char const *text)
{
    cpu_set_t set;
    core_cnt = 0;
    if (text) {
        for (char *p = (char *)text; *p && core_cnt < 64; p += *p == ',') cores[core_cnt++] = (int)strtol(p, &p, 10);
    } else {
        sched_getaffinity(0, sizeof set, &set);
        for (int i = CPU_SETSIZE - 1; i >= 0 && core_cnt < 64; i--)
            if (CPU_ISSET(i, &set)) cores[core_cnt++] = i;
    }
    CPU_ZERO(&set);
    CPU_SET(cores[0], &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("--cores names one that is not there");
}

/* take_args reads the command line of a program that has these rows (a list with commas), pins this thread and makes the clock ready; what is wrong ends
 * the program with status 2. */
static void take_args(int argc, char **argv, char const *name, char const *rows)
{
    char const *core_list = NULL;
    program = name;
    for (int i = 1; i < argc; i++) {
        int const more = i + 1 < argc;
        if (!strcmp(argv[i], "--quick")) quick = 1;
        else if (!strcmp(argv[i], "--rows") && more) rows_wanted = argv[++i];
        else if (!strcmp(argv[i], "--frames") && more) frames_file = argv[++i];
        else if (!strcmp(argv[i], "--cores") && more) core_list = argv[++i];
        else {
            fprintf(stderr, "%s [--rows a,b] [--quick] [--frames FILE] [--cores 0,1]\n", name);
            exit(2);
        }
    }
    for (char const *p = rows_wanted; p && *p; p += strcspn(p, ","), p += *p == ',') {
        char row[64];
        snprintf(row, sizeof row, "%.*s", (int)strcspn(p, ","), p);
        if (named(rows, row)) continue;
        fprintf(stderr, "%s: no row %s\n", name, row);
        exit(2);
    }
    take_cores(core_list);
    aats_clock_local();
    calibrate();
    measure_clock();
}

#endif
