/* wire_tally.h -- the accounts of bench_wire.c and bench_venue_wire.c: processor time without idle passes, rates, samples, and the lines that are printed of them. */
#ifndef AATS_BENCH_WIRE_TALLY_H
#define AATS_BENCH_WIRE_TALLY_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/tls.h"
#include "wire.h"

#define IDLE_MAX_NS 5000 /* an idle pass that took longer was interrupted: the rest of it is not this thread's CPU */

/* What one client measured, added up over the rounds. */
typedef struct {
    uint64_t msgs, idle;
    int64_t cpu_ns, wall_ns;
    double cpu[64], rate[64], pass[64]; /* ns a message, messages a second, ns an idle pass */
    int rounds;
    uint32_t cnt;
    uint32_t *ns; /* samples of wire_published */
    double p50[64];
} tally_t;

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- a flood's accounts: the thread's CPU less its idle passes, which are timed one by one ---- */

typedef struct {
    int idle; /* the last pass had no work */
    int64_t cpu_ns, at_ns, idle_ns;
    uint64_t passes, timed;
} account_t;

static account_t account_begin(void) { return (account_t){.cpu_ns = cpu_ns()}; }

static inline void account_pass(account_t *a, int work)
{
    if (work) {
        a->idle = 0; /* no clock is read while there is work: it would count as work */
        return;
    }
    int64_t const now_ns = wire_now_ns();
    if (a->idle) a->idle_ns += now_ns - a->at_ns < IDLE_MAX_NS ? now_ns - a->at_ns : IDLE_MAX_NS, a->timed++;
    a->at_ns = now_ns;
    a->idle = 1;
    a->passes++;
}

static void tally_round(tally_t *t, account_t const *a, uint64_t msgs, int64_t wall_ns)
{
    t->cpu[t->rounds] = (double)(cpu_ns() - a->cpu_ns - a->idle_ns) / (double)msgs;
    t->pass[t->rounds] = a->timed ? (double)a->idle_ns / (double)a->timed : 0;
    t->rate[t->rounds++] = (double)msgs * 1e9 / (double)wall_ns;
    t->msgs += msgs;
    t->idle += a->passes;
}

/* ---- what is printed ---- */

static char tally_extra[80]; /* more keys of each line */

static int by_value(void const *x, void const *y)
{
    double const p = *(double const *)x, q = *(double const *)y;
    return (p > q) - (p < q);
}

static int by_ns(void const *x, void const *y)
{
    uint32_t const p = *(uint32_t const *)x, q = *(uint32_t const *)y;
    return (p > q) - (p < q);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* print_flood prints the rows; `vector` (NULL for the reference) is the same with AATS_TLS=vector, as an extra key. */
__attribute__((unused)) static void print_flood(char const *who, tally_t *t, tally_t *vector, int cpu, int rate)
{
    static char const LINE[] = "{\"row\":\"%s\",\"who\":\"%s\",\"unit\":\"%s\",\"value\":%.1f,\"n\":%llu,\"idle_passes_a_message\":%.3f,\"idle_pass_ns\":%.0f";
    double const idle = t->msgs ? (double)t->idle / (double)t->msgs : 0, pass = median(t->pass, t->rounds);
    for (int row = 0; row < 2; row++) {
        if (row ? !rate : !cpu) continue;
        double *const v = row ? t->rate : t->cpu;
        printf(LINE, row ? "feed_wss" : "wss_cpu", who, row ? "1/s" : "ns", median(v, t->rounds), (unsigned long long)t->msgs, idle, pass);
        if (vector) printf(",\"tls\":\"%s\",\"vector\":%.1f", aats_tls_mode_name(), median(row ? vector->rate : vector->cpu, vector->rounds));
        printf("%s}\n", tally_extra);
    }
}

static double at(tally_t const *t, double p) { return t->ns[(uint32_t)(p * (t->cnt - 1) + 0.5)]; }

__attribute__((unused)) static void print_paced(char const *who, tally_t *t, tally_t *vector)
{
    qsort(t->ns, t->cnt, sizeof *t->ns, by_ns);
    printf("{\"row\":\"wire_published\",\"who\":\"%s\",\"unit\":\"ns\",\"value\":%.1f,\"p50\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%.0f", who, at(t, 0.5),
           at(t, 0.5), at(t, 0.99), at(t, 0.999), at(t, 1));
    if (vector) qsort(vector->ns, vector->cnt, sizeof *vector->ns, by_ns);
    if (vector) printf(",\"tls\":\"%s\",\"vector\":%.1f", aats_tls_mode_name(), at(vector, 0.5));
    printf(",\"min\":%.0f,\"n\":%u%s}\n", at(t, 0), t->cnt, tally_extra);
    free(t->ns);
}

#endif
