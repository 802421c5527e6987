/* feed_readers.h -- bench_feed.c's row ring_readers: a record's publication beside as many spinning readers as there are other cores, and without any. */
#ifndef AATS_BENCH_FEED_READERS_H
#define AATS_BENCH_FEED_READERS_H

#include <pthread.h>

#include "base/atomics.h"
#include "feed_rig.h"
#include "shm/publish.h"

#define PACE_NS 50000

static void pause_until(int64_t mono_ns)
{
    while (aats_mono_ns() < mono_ns) aats_spin_hint();
}

static aats_md_view_t ring_view;
static uint64_t ring_stop, ring_up, ring_got;

static void *follow(void *arg)
{
    aats_rec20_t out;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(*(int *)arg, &set);
    sched_setaffinity(0, sizeof set, &set);
    uint64_t n = aats_ring_newest(&ring_view), got = 0;
    aats_fetch_add(&ring_up, 1);
    while (!aats_load_relaxed(&ring_stop)) {
        int const rc = aats_ring_poll(&ring_view, n, &out);
        if (rc == 1) n++, got++;
        else if (rc == AATS_E_LAPPED) n = aats_ring_newest(&ring_view);
        else aats_spin_hint();
    }
    aats_fetch_add(&ring_got, got);
    return NULL;
}

/* A record each PACE / 25 (2 us: a feed's pace under load), each timed. */
static void publish_some(aats_ring_writer_t *w, aats_rec20_t *rec, int cnt, samples_t *out)
{
    for (int i = 0; i < cnt; i++) {
        pause_until(aats_mono_ns() + PACE_NS / 25);
        rec->r.kind = AATS_REC_QUOTE;
        rec->r.bid_len = rec->r.ask_len = LEVELS;
        rec->r.seq++;
        uint64_t const t0 = ticks();
        aats_md_publish(w, &rec->r, rec->bids, rec->asks);
        add(out, since(t0));
    }
}

static void row_readers(int blocks)
{
    int64_t const size = aats_md_size(RING, LEVELS, 1);
    aats_md_params_t const params = {.ring_depth = RING, .level_max = LEVELS, .dir_cap = 1, .venue = "BENCH"};
    void *mem = aligned_alloc(AATS_LINE, (size_t)size);
    aats_ring_writer_t w;
    static aats_rec20_t rec;
    samples_t alone = {0}, with = {0};
    int readers = core_cnt > 1 ? core_cnt - 1 : 0;
    if (!readers) die("ring_readers wants two cores");
    if (!mem) die("no memory");
    memset(mem, 0, (size_t)size);
    if (aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, "bench", 1, aats_ident(1, 1), 1, "-", "-") != AATS_OK || aats_md_init(mem, &params) != AATS_OK)
        die("segment");
    aats_seg_ready(mem);
    if (aats_md_attach(mem, (uint64_t)size, &ring_view, NULL, 0) != AATS_OK || aats_ring_open(&w, &ring_view) != AATS_OK) die("ring");
    uint64_t const enough = (uint64_t)blocks * 1000;
    for (int b = 0; b < blocks || (ring_got < enough && b < 20 * blocks); b++) { /* more where others had the readers' cores */
        pthread_t id[64];
        publish_some(&w, &rec, 2000, &alone);
        ring_stop = ring_up = 0;
        for (int i = 0; i < readers; i++)
            if (pthread_create(&id[i], NULL, follow, &cores[i + 1])) die("no thread");
        while (aats_load_acquire(&ring_up) < (uint64_t)readers) aats_spin_hint();
        publish_some(&w, &rec, 2000, &with);
        aats_store_relaxed(&ring_stop, 1);
        for (int i = 0; i < readers; i++) pthread_join(id[i], NULL);
    }
    if (ring_got < enough) die("the readers did not read");
    char extra[64];
    snprintf(extra, sizeof extra, ",\"readers\":%d,\"read\":%" PRIu64, readers, ring_got);
    print_row("ring_readers", "aats", &with, 0, extra);
    print_row("ring_readers", "reference", &alone, 0, ",\"readers\":0");
    free(mem);
}

#endif
