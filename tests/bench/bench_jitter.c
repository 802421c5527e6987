/* bench_jitter.c -- how much this host disturbs a pinned loop that does nothing but read the clock.
 *
 * For: `aats bench`, as a fact of the machine.  No tail of any row can be better than this one.  No project header: it is a reference.
 *
 *     bench_jitter [--rows jitter] [--quick] [--cores A,B]        pinned to B; one second, with --quick a fifth of it */
#define _GNU_SOURCE 1
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_MAX 4096 /* gaps are counted by the ns up to here, one by one above */
#define FAR_MAX 200000

static uint64_t near[NS_MAX];
static int64_t far[FAR_MAX];

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(void const *a, void const *b)
{
    int64_t const x = *(int64_t const *)a, y = *(int64_t const *)b;
    return x < y ? -1 : x > y;
}

static int64_t at(uint64_t rank, size_t far_cnt)
{
    for (int ns = 0; ns < NS_MAX; ns++) {
        if (rank < near[ns]) return ns;
        rank -= near[ns];
    }
    return far_cnt == 0 ? 0 : far[rank < far_cnt ? rank : far_cnt - 1];
}

int main(int argc, char **argv)
{
    int64_t span = 1000000000;
    uint64_t cnt = 0, gaps = 0;
    size_t far_cnt = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) span = 200000000;
        if (strcmp(argv[i], "--cores") == 0 && i + 1 < argc) {
            char const *last = strrchr(argv[i + 1], ',');
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(atoi(last != NULL ? last + 1 : argv[i + 1]), &set);
            sched_setaffinity(0, sizeof set, &set);
        }
    }
    memset(far, 1, sizeof far);
    int64_t const begin = now();
    for (int64_t last = begin; last - begin < span;) {
        int64_t const t = now(), gap = t - last;
        last = t;
        cnt++;
        gaps += gap > 20000;
        if (gap < NS_MAX) near[gap]++;
        else if (far_cnt < FAR_MAX) far[far_cnt++] = gap;
    }
    qsort(far, far_cnt, sizeof far[0], by_value);
    printf("{\"row\":\"jitter\",\"who\":\"aats\",\"unit\":\"ns\",\"value\":%" PRId64 ",\"p50\":%" PRId64 ",\"p99\":%" PRId64, at(cnt * 999 / 1000, far_cnt),
           at(cnt / 2, far_cnt), at(cnt * 99 / 100, far_cnt));
    printf(",\"p999\":%" PRId64 ",\"max\":%" PRId64 ",\"gaps_20us\":%.1f,\"n\":%" PRIu64 "}\n", at(cnt * 999 / 1000, far_cnt), at(cnt, far_cnt),
           (double)gaps * 1e9 / (double)span, cnt);
    return 0;
}
