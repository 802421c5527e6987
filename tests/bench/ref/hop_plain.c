/* hop_plain.c -- the yardstick of the way from shared memory to the callback: one process publishes into the plain ring,
 * another one polls it; no Python, no checks, no book.  bench_hop.c makes a program of it.
 *
 *     hop      one record of 256 bytes each 100 us from core to core; from the stamp before the publish to the stamp
 *              after the copy, every sample kept
 *     stream   the records of a filled ring, polled and copied in one thread
 *
 * No project header: the counter of the processor is read directly (clock_gettime where there is none), so a sample
 * holds one reading of it.  Each prints a JSON object a row. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring_plain.c"

#define DEPTH 8192
#define REC_SZ 256
#define WARM_PACE_NS 5000

static int64_t mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#if defined(__x86_64__)
static inline uint64_t ticks(void) { return __builtin_ia32_rdtsc(); }
static inline void hint(void) { __builtin_ia32_pause(); }
#else
static inline uint64_t ticks(void) { return (uint64_t)mono(); }
static inline void hint(void) {}
#endif

typedef struct {
    uint64_t stamp, sent, payload[REC_SZ / 8 - 2];
} rec_t;

typedef struct {
    uint64_t ready, pad[7];
    uint8_t slots[DEPTH * REC_SZ];
} shared_t;

static double ns_a_tick = 1;

static void calibrate(void)
{
    int64_t const from_ns = mono();
    uint64_t const from = ticks();
    while (mono() - from_ns < 20000000) hint();
    uint64_t const to = ticks();
    ns_a_tick = (double)(mono() - from_ns) / (double)(to - from);
}

static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (core >= 0 && sched_setaffinity(0, sizeof set, &set) != 0) perror("hop_plain: core");
}

static int by_value(void const *a, void const *b)
{
    double const x = *(double const *)a, y = *(double const *)b;
    return x < y ? -1 : x > y;
}

static shared_t *share(void)
{
    shared_t *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) abort();
    memset(s, 0, sizeof *s);
    return s;
}

static void publish_all(shared_t *s, uint64_t warm, uint64_t cnt, int64_t pace_ns)
{
    plain_t ring = {s->slots, DEPTH - 1, REC_SZ, 0};
    rec_t rec;
    memset(&rec, 1, sizeof rec);
    while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE)) hint();
    int64_t next = mono() + 100000000;
    for (uint64_t i = 0; i < warm + cnt; i++) {
        while (mono() < next) hint();
        rec.payload[0] = i;
        rec.sent = ticks();
        plain_publish(&ring, &rec);
        next += i < warm ? WARM_PACE_NS : pace_ns;
    }
}

/* hop: `warm` records first, one each 5 us and not counted, so that the ring has been round once; cores of publisher and poller, -1: any. */
static void hop(uint64_t cnt, uint64_t warm, int64_t pace_ns, int from, int to)
{
    shared_t *s = share();
    double *ns = calloc(cnt, sizeof *ns);
    pid_t const child = fork();
    if (ns == NULL || child < 0) abort();
    if (child == 0) {
        pin(from);
        publish_all(s, warm, cnt, pace_ns);
        _exit(0);
    }
    pin(to);
    calibrate();
    plain_t const ring = {s->slots, DEPTH - 1, REC_SZ, 0};
    rec_t rec;
    __atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
    for (uint64_t i = 0; i < cnt + warm; i++) {
        while (!plain_poll(&ring, i, &rec)) hint();
        int64_t const took = (int64_t)(ticks() - rec.sent);
        if (i >= warm) ns[i - warm] = (double)took * ns_a_tick;
    }
    waitpid(child, NULL, 0);
    qsort(ns, cnt, sizeof *ns, by_value);
#define AT(p) ns[(uint64_t)((p) * (double)(cnt - 1) + 0.5)]
    printf("{\"row\":\"hop_callback\",\"who\":\"reference\",\"unit\":\"ns\",\"value\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,"
           "\"n\":%" PRIu64 "}\n", AT(0.5), AT(0.5), AT(0.99), AT(0.999), AT(1), cnt);
    munmap(s, sizeof *s);
    free(ns);
}

static void stream(int core)
{
    shared_t *s = share();
    plain_t ring = {s->slots, DEPTH - 1, REC_SZ, 0};
    rec_t rec, got;
    uint64_t sum = 0, passes = 200;
    int64_t took = 0;
    pin(core);
    memset(&rec, 1, sizeof rec);
    for (uint64_t pass = 0; pass < passes; pass++) {
        uint64_t const first = ring.next;
        for (int i = 0; i < DEPTH; i++) plain_publish(&ring, &rec);
        int64_t const from = mono();
        for (uint64_t i = first; i < ring.next; i++) {
            if (!plain_poll(&ring, i, &got)) abort();
            sum += got.payload[i % 30]; /* the copy is wanted */
        }
        took += mono() - from;
    }
    double const rate = (double)(passes * DEPTH) * 1e9 / (double)took;
    for (int row = 0; row < 2; row++)
        printf("{\"row\":\"%s\",\"who\":\"reference\",\"unit\":\"1/s\",\"value\":%.0f,\"n\":%" PRIu64 ",\"sum\":%" PRIu64 "}\n",
               row ? "callbacks_empty" : "callbacks_4reads", rate, passes * DEPTH, sum % 10);
    munmap(s, sizeof *s);
}
