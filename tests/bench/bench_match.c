/* bench_match.c -- what one call of the matching engine costs.
 *
 * For: the figures of docs and change notes, and the alarm when a change makes it slower.  Not a test: it passes no
 * judgement.
 *
 * A seeded market of 1000 levels a side, changes near the best price (half within 10 ticks, 97 % within 100); rows
 * are measured in turn, the figure is the fastest of the passes and, behind it, the median.
 *     level         a public level changes, no own orders
 *     level, own    the same with 20 own orders a side near the best price
 *     book 20       a published book of 20 levels a side in which one has changed, 20 own orders a side
 *     trade         a public trade that eats into the queue before an own order
 *     place+cancel  a post-only order in the book and out of it, events read
 *     take          an IOC order that takes from the best level, events read; the level is told again
 *
 *     gcc -std=gnu11 -O3 -Icsrc csrc/match/(all).c tests/bench/bench_match.c -o bench_match && taskset -c 1 ./bench_match
 *
 * Options: bench_match [calls [passes]].
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#include "match/match.h"

#define DEPTH 1000
#define MID 100000
#define OWN 20

static uint64_t rng_state = 20240808;

static uint64_t rng(void)
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int64_t near(void)
{
    uint64_t roll = rng() % 100;
    return (int64_t)(rng() % (roll < 50 ? 10 : roll < 97 ? 100 : DEPTH));
}

static int64_t price(int side, int64_t deep) { return side == AATS_BID ? MID - 1 - deep : MID + 1 + deep; }

static uint64_t drain(aats_match_t *m)
{
    aats_match_ev_t ev;
    uint64_t sum = 0;
    while (aats_match_next(m, &ev)) sum += ev.id + (uint64_t)ev.qty_i;
    return sum;
}

static aats_match_order_t order(uint64_t id, int side, int tif, int64_t px_i)
{
    return (aats_match_order_t){.id = id, .owner = 1, .side = side == AATS_BID ? AATS_SIDE_BUY : AATS_SIDE_SELL,
                                .tif = (uint32_t)tif, .px_i = px_i, .qty_i = 5, .maker_rate_i = 100000, .taker_rate_i = 100000};
}

static aats_match_t *market(int own)
{
    aats_match_t *m = aats_match_new(-2, -5, -8);
    for (int64_t i = 0; i < DEPTH; i++)
        for (int side = 0; side < 2; side++) aats_match_level(m, side, price(side, i), 1000, 1);
    for (int i = 0; i < own; i++) {
        for (int side = 0; side < 2; side++) {
            aats_match_order_t o = order((uint64_t)(2 * i + side + 1), side, AATS_TIF_POS, price(side, i % 10));
            aats_match_place(m, &o, 1);
        }
    }
    drain(m);
    return m;
}

/* Each row does `cnt` calls and returns something of the results, so that nothing is left out. */
static uint64_t row_level(aats_match_t *m, uint64_t cnt)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < cnt; i++) {
        uint64_t const r = rng();
        sum += (uint64_t)aats_match_level(m, (int)(r & 1), price((int)(r & 1), near()), r % 10 < 3 ? 0 : (int64_t)(500 + r % 1000), 1);
    }
    return sum + drain(m);
}

static uint64_t row_book(aats_match_t *m, uint64_t cnt)
{
    aats_level_t side[2][20];
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 20; i++) side[s][i] = (aats_level_t){price(s, i), 1000};
    for (uint64_t i = 0; i < cnt; i++) {
        uint64_t const r = rng();
        side[r & 1][r >> 1 & 15].qty_i = (int64_t)(500 + r % 1000);
        aats_match_book(m, side[0], 20, side[1], 20, 1);
    }
    return drain(m);
}

static uint64_t row_trade(aats_match_t *m, uint64_t cnt)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < cnt; i++) {
        if (i % 256 == 0) aats_match_level(m, AATS_ASK, price(AATS_ASK, 0), (int64_t)(1000 + i % 512), 1);
        sum += (uint64_t)aats_match_trade(m, AATS_SIDE_BUY, price(AATS_ASK, 0), 1, 1);
    }
    return sum + drain(m);
}

static uint64_t row_place(aats_match_t *m, uint64_t cnt)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < cnt; i++) {
        int const side = (int)(i & 1);
        aats_match_order_t o = order(1000000 + i, side, AATS_TIF_POS, price(side, near() % 50));
        aats_match_place(m, &o, 1);
        aats_match_cancel(m, o.id, 1);
        sum += drain(m);
    }
    return sum;
}

static uint64_t row_take(aats_match_t *m, uint64_t cnt)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < cnt; i++) {
        aats_match_order_t o = order(1000000 + i, AATS_BID, AATS_TIF_IOC, price(AATS_ASK, 0));
        o.owner = 2;
        aats_match_level(m, AATS_ASK, price(AATS_ASK, 0), 1000 + (int64_t)(i & 1), 1);
        aats_match_level(m, AATS_ASK, price(AATS_ASK, 0), 900, 1);
        aats_match_place(m, &o, 1);
        sum += drain(m);
    }
    return sum;
}

static struct {
    char const *name;
    int own;
    uint64_t (*run)(aats_match_t *m, uint64_t cnt);
} const ROWS[] = {{"level", 0, row_level},       {"level, own", OWN, row_level},   {"book 20", OWN, row_book},
                  {"trade", OWN, row_trade},     {"place+cancel", OWN, row_place}, {"take", 0, row_take}};

static int ascending(void const *a, void const *b)
{
    double const x = *(double const *)a, y = *(double const *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    uint64_t const cnt = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    int const passes = argc > 2 ? atoi(argv[2]) : 5;
    double ns[64];
    struct utsname host;
    if (cnt == 0 || passes < 1 || passes > 64) {
        fprintf(stderr, "usage: bench_match [calls [passes 1..64]]\n");
        return 2;
    }
    uname(&host);
    printf("%s %s %s, gcc %s, %" PRIu64 " calls, %d passes\n", host.sysname, host.release, host.machine, __VERSION__, cnt, passes);
    for (size_t r = 0; r < sizeof ROWS / sizeof *ROWS; r++) {
        uint64_t sum = 0;
        for (int p = 0; p < passes; p++) {
            aats_match_t *m = market(ROWS[r].own);
            double const began = now_ns();
            sum += ROWS[r].run(m, cnt);
            ns[p] = (now_ns() - began) / (double)cnt;
            aats_match_free(m);
        }
        qsort(ns, (size_t)passes, sizeof *ns, ascending);
        printf("%-14s %8.1f ns   median %8.1f   (%" PRIx64 ")\n", ROWS[r].name, ns[0], ns[passes / 2], sum);
    }
    return 0;
}
