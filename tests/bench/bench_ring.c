/* bench_ring.c -- what it costs to publish a book and to poll it, in one thread and from core to core, next to the
 * plain ring in the same run.
 *
 * For: the figures of docs and change notes.  Not a test: it passes no judgement.
 *
 * "publish" is aats_md_publish, which writes the latest-book slot and the ring; "ring" is its second half alone.
 * "hop" is the time from before the publish in one thread to after the copy in another that spins, every sample kept,
 * one record each 20 us; it includes two clock readings of about 25 ns.  With one usable core the hop is left out.
 *
 *     gcc -std=gnu11 -O3 -Icsrc csrc/shm/{md,segment,procs,stats,ring,latest,publish}.c csrc/base/clock.c \
 *         tests/bench/bench_ring.c -lm -lpthread -o bench_ring && ./bench_ring
 *
 * Options: bench_ring [records [hops]]. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/errors.h"
#include "shm/procs.h"
#include "shm/publish.h"
#include "shm/segment.h"
#include "shm/stats.h"

#include "ref/ring_plain.c"

#define DEPTH  8192
#define PASSES 51
#define PACE_NS 20000

static aats_md_view_t md;
static aats_ring_writer_t writer;
static plain_t plain;
static aats_rec20_t rec, out;
static aats_hist_t hist;
static uint64_t hops;
static int use_plain;
static uint64_t ready; /* hops polled: the writer paces by time, and stops when the reader has all */

static void set_up(uint32_t levels)
{
    int64_t const size = aats_md_size(DEPTH, levels, 1);
    aats_md_params_t const params = {.ring_depth = DEPTH, .level_max = levels, .dir_cap = 1, .venue = "BENCH"};
    void *mem = aligned_alloc(AATS_LINE, (size_t)size);
    if (mem == NULL) abort();
    memset(mem, 0, (size_t)size);
    if (aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, "bench", 1, aats_ident_self(), 1, "-", "-") != AATS_OK) abort();
    if (aats_md_init(mem, &params) != AATS_OK) abort();
    aats_seg_ready(mem);
    if (aats_md_attach(mem, (uint64_t)size, &md, NULL, 0) != AATS_OK || aats_ring_open(&writer, &md) != AATS_OK) abort();
    plain = (plain_t){.slots = aligned_alloc(AATS_LINE, (size_t)DEPTH * md.slot_sz), .mask = DEPTH - 1, .size = md.slot_sz};
    if (plain.slots == NULL) abort();
    memset(plain.slots, 0, (size_t)DEPTH * md.slot_sz);
    memset(&rec, 0, sizeof rec);
    rec.r.kind = AATS_REC_QUOTE;
}

static void publish(uint64_t i)
{
    rec.r.seq = i;
    rec.r.bid_len = rec.r.ask_len = (uint16_t)md.level_max;
    aats_md_publish(&writer, &rec.r, rec.bids, rec.asks);
}

static void ring_alone(uint64_t i)
{
    rec.r.seq = i;
    rec.r.bid_len = rec.r.ask_len = (uint16_t)md.level_max;
    aats_ring_publish(&writer, &rec.r, rec.bids, rec.asks);
}

static void poll_back(uint64_t i)
{
    if (aats_ring_poll(&md, writer.next - 1 - i % (DEPTH / 2), &out) != 1) abort();
}

static void plain_write(uint64_t i)
{
    rec.r.seq = i;
    plain_publish(&plain, &rec);
}

static void plain_back(uint64_t i)
{
    if (!plain_poll(&plain, plain.next - 1 - i % (DEPTH / 2), &out)) abort();
}

static int by_value(void const *a, void const *b)
{
    double const x = *(double const *)a, y = *(double const *)b;
    return x < y ? -1 : x > y;
}

static void measure(char const *what, void (*step)(uint64_t), uint64_t cnt)
{
    double ns[PASSES];
    for (int p = 0; p < PASSES; p++) {
        int64_t const from = aats_mono_ns();
        for (uint64_t i = 0; i < cnt; i++) step(i);
        ns[p] = (double)(aats_mono_ns() - from) / (double)cnt;
    }
    qsort(ns, PASSES, sizeof *ns, by_value);
    printf("  %-22s %7.1f ns fastest pass, %7.1f median\n", what, ns[0], ns[PASSES / 2]);
}

static void *follow(void *arg)
{
    uint64_t cursor = *(uint64_t *)arg, end = cursor + hops;
    for (; cursor < end; cursor++) {
        if (use_plain) {
            while (!plain_poll(&plain, cursor, &out)) aats_spin_hint();
        } else {
            while (aats_ring_poll(&md, cursor, &out) != 1) aats_spin_hint();
        }
        aats_hist_record(&hist, aats_mono_ns() - out.r.pub_ns);
        aats_store_release(&ready, cursor + 1);
    }
    return NULL;
}

static void hop(char const *what, int with_plain)
{
    pthread_t reader;
    use_plain = with_plain;
    uint64_t start = with_plain ? plain.next : writer.next;
    aats_hist_init(&hist, "hop");
    ready = start;
    if (pthread_create(&reader, NULL, follow, &start) != 0) abort();
    for (uint64_t i = 0; i < hops; i++) {
        int64_t const at = aats_mono_ns() + PACE_NS;
        while (aats_mono_ns() < at || aats_load_acquire(&ready) < start + i) aats_spin_hint();
        rec.r.pub_ns = aats_mono_ns();
        if (with_plain) plain_write(i);
        else publish(i);
    }
    pthread_join(reader, NULL);
    printf("  %-22s p50 %5" PRIu64 "  p99 %6" PRIu64 "  p99.9 %7" PRIu64 "  max %8" PRIu64 " ns\n", what, aats_hist_percentile(&hist, 0.5),
           aats_hist_percentile(&hist, 0.99), aats_hist_percentile(&hist, 0.999), hist.max_ns);
}

int main(int argc, char **argv)
{
    static uint32_t const depths[] = {1, 5, 20};
    uint64_t const cnt = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000;
    hops = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    struct utsname host;
    cpu_set_t cores;
    uname(&host);
    sched_getaffinity(0, sizeof cores, &cores);
    printf("%s %s %s, gcc %s, %d usable cores, not pinned\n", host.sysname, host.release, host.machine, __VERSION__, CPU_COUNT(&cores));
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
        set_up(depths[d]);
        printf("%u levels a side, slots of %u bytes, %" PRIu64 " records x %d passes\n", depths[d], md.slot_sz, cnt, PASSES);
        measure("publish", publish, cnt);
        measure("ring", ring_alone, cnt);
        measure("plain ring", plain_write, cnt);
        measure("poll", poll_back, cnt);
        measure("plain poll", plain_back, cnt);
        if (CPU_COUNT(&cores) > 1) {
            hop("hop", 0);
            hop("plain hop", 1);
        }
        free(md.seg);
        free(plain.slots);
    }
    return 0;
}
