/* bench_clock.c -- what a stamp costs: the counter alone, both clocks by the page, the kernel's; and what a histogram costs.
 *
 *     python -m tools.cbuild --variant plain --build tests/bench/bench_clock.c, then run it: bench_clock [--quick]
 *
 * One JSON object a line, ns a call, the best of seven rounds.  The reference of the clocks is the kernel's (vdso). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/errors.h"
#include "shm/clock.h"
#include "shm/stats.h"

#define ROUNDS 7

static int64_t volatile sink; /* what is read is used */
static aats_hist_t hist;

static int64_t ticks(void) { return (int64_t)aats_ticks(); }

static int64_t both(void)
{
    int64_t now, mono;
    aats_clocks_ns(&now, &mono);
    return now ^ mono;
}

static int64_t record(void)
{
    static uint32_t turn;
    aats_hist_record(&hist, 400 + (int64_t)(turn++ * 7919u % 1000u));
    return 0;
}

static double cost(int64_t (*what)(void), int cnt)
{
    int64_t best = INT64_MAX;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t const from = aats_system_mono_ns();
        int64_t sum = 0;
        for (int i = 0; i < cnt; i++) sum ^= what();
        int64_t const took = aats_system_mono_ns() - from;
        sink = sum;
        if (took < best) best = took;
    }
    return (double)best / cnt;
}

static void row(char const *name, char const *who, double ns)
{
    printf("{\"row\":\"%s\",\"who\":\"%s\",\"unit\":\"ns\",\"value\":%.2f}\n", name, who, ns);
}

int main(int argc, char **argv)
{
    int const cnt = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 100000 : 2000000;
    if (aats_hist_init(&hist, "bench") != AATS_OK) return 1;
    if (!aats_clock_local()) {
        fprintf(stderr, "bench_clock: the counter is not used: %s\n", aats_clock_counter());
        return 1;
    }
    row("clock_now", "aats", cost(aats_now_ns, cnt));
    row("clock_now", "reference", cost(aats_system_now_ns, cnt));
    row("clock_both", "aats", cost(both, cnt));
    row("clock_counter", "reference", cost(ticks, cnt));
    row("hist_record", "aats", cost(record, cnt));
    return 0;
}
