/* bench_producer.c -- a feed without a venue in C: quotes of five levels into a segment that somebody else made, at an
 * even pace or at once.
 *
 * For: aats/bench/rows/hop.py and callbacks.py, whose other end is the trade loop.  Not a test, and measures nothing:
 * what it writes down is the stamp in each record.
 * Writes: ring, latest slot and link of the segment, heartbeat of the feed's slot; both were made by the caller, who
 * also ends the run by a signal or lets it come to its end.  A record's pub_ns is taken just before aats_md_publish,
 * as a feed takes it; the heartbeat is stamped at each turn, as a feed does.
 *
 * Options: bench_producer --md FILE --ctl FILE --slot N [--cnt 2000] [--pace-ns 100000] [--warm 0] [--wait-ms 100] [--core N]
 * `warm` records come before the others, one each 5 us: a ring that has been round once lies in the caches.
 * FILE is a path below /dev/shm.  It prints "ready" when it is about to publish, and "done" with the records it has. */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "shm/clock.h"
#include "shm/control.h"
#include "shm/procs.h"
#include "shm/publish.h"

#define LEVELS 5
#define WARM_PACE_NS 5000
#define MID_I  INT64_C(1932700000000)
#define TICK_I INT64_C(1000000)

static void fail(char const *what, char const *why)
{
    fprintf(stderr, "bench_producer: %s: %s\n", what, why);
    exit(1);
}

static void *map(char const *path, uint64_t *size)
{
    struct stat st;
    int const fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) fail(path, "cannot be opened");
    *size = (uint64_t)st.st_size;
    void *mem = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (mem == MAP_FAILED) fail(path, "cannot be mapped");
    close(fd);
    return mem;
}

static char const *option(int argc, char **argv, char const *name, char const *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    if (otherwise == NULL) fail(name, "is needed");
    return otherwise;
}

static uint64_t number(int argc, char **argv, char const *name, char const *otherwise)
{
    return strtoull(option(argc, argv, name, otherwise), NULL, 10);
}

static aats_md_view_t md;
static aats_slot_t *feed;
static aats_ring_writer_t writer;

/* beat is what a feed does at the start of each pass. */
static int64_t beat(void)
{
    int64_t const mono = aats_mono_ns();
    aats_ctl_beat(feed, mono);
    aats_clock_keep(mono);
    return mono;
}

static void quote(uint64_t i)
{
    aats_rec20_t rec = {.r = {.kind = AATS_REC_QUOTE, .flags = AATS_F_VALID, .bid_len = LEVELS, .ask_len = LEVELS, .seq = i + 1}};
    int64_t const mid = MID_I + (int64_t)(i % 64) * TICK_I;
    for (int k = 0; k < LEVELS; k++) {
        rec.bids[k] = (aats_level_t){mid - (k + 1) * TICK_I, 100000 * (k + 1) + (int64_t)(i % 1000)};
        rec.asks[k] = (aats_level_t){mid + (k + 1) * TICK_I, 200000 * (k + 1) + (int64_t)(i % 1000)};
    }
    aats_store_relaxed(&md.md->links[0].heard_mono_ns, (uint64_t)aats_mono_ns());
    rec.r.recv_ns = aats_now_ns();
    rec.r.exch_ns = rec.r.recv_ns - 1000000;
    rec.r.parsed_ns = rec.r.recv_ns;
    rec.r.pub_ns = aats_now_ns();
    if (aats_md_publish(&writer, &rec.r, rec.bids, rec.asks) != AATS_OK) fail("publish", "refused");
}

int main(int argc, char **argv)
{
    uint64_t md_sz, ctl_sz;
    char why[400] = "";
    aats_ctl_view_t ctl;
    void *mem = map(option(argc, argv, "--md", NULL), &md_sz);
    if (aats_md_attach(mem, md_sz, &md, why, sizeof why) != AATS_OK) fail("segment", why);
    mem = map(option(argc, argv, "--ctl", NULL), &ctl_sz);
    if (aats_ctl_attach(mem, ctl_sz, &ctl, why, sizeof why) != AATS_OK) fail("control table", why);
    feed = &ctl.slots[number(argc, argv, "--slot", NULL)];
    uint64_t const cnt = number(argc, argv, "--cnt", "2000"), warm = number(argc, argv, "--warm", "0");
    int64_t const pace_ns = (int64_t)number(argc, argv, "--pace-ns", "100000");
    int64_t const wait_ns = (int64_t)number(argc, argv, "--wait-ms", "100") * 1000000;
    char const *core = option(argc, argv, "--core", "");
    if (core[0] != 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(atoi(core), &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) fail("--core", "is not usable");
    }
    aats_clock_use(&ctl.ctl->clock, aats_ident_self()); /* stamps by the clock of the reader */
    if (aats_ring_open(&writer, &md) != AATS_OK) fail("ring", "has records already");

    printf("ready\n");
    fflush(stdout);
    int64_t next = beat() + wait_ns;
    for (uint64_t i = 0; i < warm + cnt; i++) {
        while (beat() < next) aats_spin_hint();
        quote(i);
        next += i < warm ? WARM_PACE_NS : pace_ns;
    }
    printf("done %" PRIu64 "\n", writer.next);
    fflush(stdout);
    for (int64_t const end = beat() + 200000000; beat() < end;) aats_spin_hint(); /* the reader takes the last ones */
    return 0;
}
