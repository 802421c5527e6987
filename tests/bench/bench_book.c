/* bench_book.c -- what one level change costs in csrc/book, next to the plain sorted book in the same run.
 *
 * For: the figures of docs and change notes, and the alarm when a change makes the book slower.  Not a test: it passes no judgement.
 *
 * The stream is seeded: messages of 40 changes to a book of about 1000 levels a side, 30 % deletions, mostly near the best price, 3 % deep;
 * the price wanders.  Both books take the same changes in the same order, pass by pass in turn, and must end with the same checksum.
 * A figure is the fastest of the passes (what the code costs) and, behind it, the median (what the machine made of it).
 *
 *     gcc -std=gnu11 -O3 -Icsrc csrc/book/{book,side,far,window}.c tests/bench/bench_book.c -o bench_book && taskset -c 1 ./bench_book
 *
 * Options: bench_book [messages [passes [window]]].
 */
#include <inttypes.h>
#include <sys/utsname.h>
#include <time.h>

#include "book/book.h"

#include "ref/book_sorted.c"

#define CHANGES 40
#define TICK 1000000ll
#define DEPTH 1000

typedef struct {
    int side;
    aats_level_t level[CHANGES];
} message_t;

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

/* near draws a distance from the best price in ticks: half within 10, 97 % within 100, the rest anywhere in the book. */
static int64_t near(void)
{
    uint64_t roll = rng() % 100;
    return (int64_t)(rng() % (roll < 50 ? 10 : roll < 97 ? 100 : DEPTH));
}

static void make(message_t *msgs, size_t cnt, int wander)
{
    int64_t mid = 6000000;
    for (size_t m = 0; m < cnt; m++) {
        msgs[m].side = (int)(rng() & 1);
        if (wander && rng() % 8 == 0) mid += (int64_t)(rng() % 3) - 1;
        for (int i = 0; i < CHANGES; i++) {
            int64_t px = msgs[m].side == AATS_BID ? mid - 1 - near() : mid + 1 + near();
            msgs[m].level[i] = (aats_level_t){px * TICK, rng() % 10 < 3 ? 0 : (int64_t)(rng() % 1000000) + 1};
        }
    }
}

static int by_value(void const *a, void const *b)
{
    double x = *(double const *)a, y = *(double const *)b;
    return (x > y) - (x < y);
}

static void show(char const *name, double *ns, int passes, double per)
{
    qsort(ns, (size_t)passes, sizeof *ns, by_value);
    printf("%-34s %8.2f %8.2f\n", name, ns[0] / per, ns[passes / 2] / per);
}

int main(int argc, char **argv)
{
    size_t cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
    int passes = argc > 2 ? atoi(argv[2]) : 15;
    uint32_t window = argc > 3 ? (uint32_t)atoi(argv[3]) : AATS_BOOK_WINDOW;
    if (cnt == 0 || passes < 1 || passes > 1000 || aats_book_footprint(window) == 0) {
        fprintf(stderr, "bench_book: wants messages > 0, passes in 1..1000, a window that is a power of two\n");
        return 2;
    }
    struct utsname host;
    uname(&host);
    printf("machine %s, kernel %s, gcc %s\n", host.machine, host.release, __VERSION__);
    printf("window %u, %zu messages of %d changes, %d passes, seed %" PRIu64 "\n", window, cnt, CHANGES, passes, rng_state);

    message_t *msgs = malloc(cnt * sizeof *msgs);
    make(msgs, cnt, 1);
    static aats_level_t start[2][DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        start[AATS_BID][i] = (aats_level_t){(6000000 - 1 - i) * TICK, 1};
        start[AATS_ASK][i] = (aats_level_t){(6000000 + 1 + i) * TICK, 1};
    }
    aats_book_t *book = aats_book_init(malloc(aats_book_footprint(window)), window, TICK);
    sorted_t ref;
    sorted_init(&ref, DEPTH * 100);

    double tick_ns[1000], ref_ns[1000], top_ns[1000];
    double per = (double)cnt * CHANGES;
    int64_t sink = 0;
    for (int p = 0; p < passes; p++) {
        aats_book_load(book, start[0], DEPTH, start[1], DEPTH);
        sorted_clear(&ref);
        for (int s = 0; s < 2; s++)
            for (int i = DEPTH - 1; i >= 0; i--) sorted_set(&ref, s, start[s][i].px_i, start[s][i].qty_i);

        double t0 = now_ns();
        for (size_t m = 0; m < cnt; m++) aats_book_apply(book, msgs[m].side, msgs[m].level, CHANGES);
        double t1 = now_ns();
        for (size_t m = 0; m < cnt; m++)
            for (int i = 0; i < CHANGES; i++) sorted_set(&ref, msgs[m].side, msgs[m].level[i].px_i, msgs[m].level[i].qty_i);
        double t2 = now_ns();
        aats_level_t out[20];
        for (size_t m = 0; m < cnt; m++) {
            for (int s = 0; s < 2; s++) sink += aats_book_top(book, s, 20, out) ? out[19].px_i : 0;
        }
        double t3 = now_ns();
        tick_ns[p] = t1 - t0;
        ref_ns[p] = t2 - t1;
        top_ns[p] = t3 - t2;
    }

    for (int s = 0; s < 2; s++) {
        aats_book_iter_t it;
        aats_level_t level;
        size_t i = ref.cnt[s];
        aats_book_iter(book, s, &it);
        while (aats_book_next(&it, &level))
            if (i == 0 || ref.px[s][--i] != level.px_i || ref.qty[s][i] != level.qty_i) i = SIZE_MAX / 2;
        if (i != 0) {
            fprintf(stderr, "bench_book: the two books differ on side %d\n", s);
            return 1;
        }
    }
    aats_book_side_t look;
    aats_book_look(book, AATS_BID, &look);
    printf("bids at the end: %" PRIu64 " levels, %" PRIu64 " of them far; in all %" PRIu64 " misses, %" PRIu64 " moves; %zu bytes\n",
           look.levels, look.far, look.misses, look.moves, aats_book_memory(book));
    printf("%-34s %8s %8s\n", "ns", "min", "median");
    show("level change, csrc/book", tick_ns, passes, per);
    show("level change, plain sorted arrays", ref_ns, passes, per);
    show("top 20 of both sides", top_ns, passes, (double)cnt);
    printf("ratio of the minima %.1f, of the medians %.1f\n", ref_ns[0] / tick_ns[0], ref_ns[passes / 2] / tick_ns[passes / 2]);
    return sink == 42;
}
