/* bench_journal.c -- what it takes to write down an order, next to a plain copy of the same bytes in the same run.
 *
 * For: the figures of docs/journal.md and of tools/bench_orders.py.  Not a test: it passes no judgement.
 *
 * An order is an INTENT (put), three EVENTs (keep), a TOLD (keep) and a flush, as the trader writes them.  "paced": one order each 0.5 ms, as a strategy
 * sends them: caches are colder.  "sync intent" and "sync all" wait for the disk.
 *
 *     python -m tools.bench_orders [--dir DIR]       builds and runs it
 *
 * Options: bench_journal DIR [orders [synced]]: where the files lie, how many orders, and how many of them under each policy that waits. */
#include <errno.h>
#include <unistd.h>

#include "base/atomics.h"
#include "journal/journal.h"
#include "samples.h"

static char path[512];
static aats_order_t order;
static aats_oev_t event;

static aats_journal_t *begin(char const *dir, int sync)
{
    static int number;
    char why[512];
    snprintf(path, sizeof path, "%s/aats-bench-%d-%d.aj", dir, (int)getpid(), number++);
    aats_journal_t *j = aats_journal_open(path, 7, "bench", sync, 1, why, sizeof why);
    if (j == NULL) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    return j;
}

static void done(aats_journal_t *j, int parts)
{
    aats_journal_close(j);
    unlink(path);
    for (int part = 1; part <= parts; part++) {
        char one[sizeof path + 16];
        snprintf(one, sizeof one, "%.*s.%d.aj", (int)strlen(path) - 3, path, part);
        unlink(one);
    }
}

#define TIMED(samples, call)                       \
    do {                                           \
        int64_t const from = aats_mono_ns();       \
        int const rc = (call);                     \
        samples_add(&(samples), from, aats_mono_ns()); \
        if (rc != AATS_OK) {                       \
            fprintf(stderr, "%s\n", aats_journal_error(j)); \
            exit(1);                               \
        }                                          \
    } while (0)

static void orders(char const *dir, int cnt, int pause_us, char const *intent_name, char const *event_name, char const *flush_name)
{
    samples_t intent = samples_new(intent_name), ev = samples_new(event_name), flush = samples_new(flush_name);
    samples_t rotate = samples_new("journal: next file, empty checkpoint");
    aats_journal_t *j = begin(dir, AATS_SYNC_NEVER);
    int parts = 0;
    for (int i = 1; i <= cnt; i++) {
        order.order_id = i;
        event.order = order;
        if (pause_us > 0) usleep((unsigned)pause_us);
        TIMED(intent, aats_journal_put(j, AATS_JR_INTENT, i, &order, sizeof order, i));
        for (int e = 0; e < 3; e++) TIMED(ev, aats_journal_keep(j, AATS_JR_EVENT, i, &event, sizeof event, i));
        if (aats_journal_keep(j, AATS_JR_TOLD, i, NULL, 0, i) != AATS_OK) exit(1);
        TIMED(flush, aats_journal_flush(j));
        if (!aats_journal_full(j)) continue;
        TIMED(rotate, aats_journal_rotate(j, i) != AATS_OK ? AATS_E_IO : aats_journal_checked(j, i));
        parts++;
    }
    samples_print(&intent);
    samples_print(&ev);
    samples_print(&flush);
    if (parts > 0) samples_print(&rotate);
    else free(rotate.ns);
    done(j, parts);
}

static void synced(char const *dir, int cnt, int sync, char const *name)
{
    samples_t intent = samples_new(name);
    aats_journal_t *j = begin(dir, sync);
    for (int i = 1; i <= cnt; i++) {
        order.order_id = i;
        TIMED(intent, aats_journal_put(j, AATS_JR_INTENT, i, &order, sizeof order, i));
    }
    samples_print(&intent);
    done(j, 0);
}

static void references(int cnt)
{
    static uint8_t room[1 << 20];
    static uint64_t word;
    samples_t copy = samples_new("reference: memcpy of 496 bytes"), copy2 = samples_new("reference: memcpy of 816 bytes");
    samples_t add = samples_new("reference: atomic add, uncontended");
    size_t at = 0;
    for (int i = 0; i < cnt; i++) {
        at = at + 1312 < sizeof room ? at + 1312 : 0;
        int64_t t = aats_mono_ns();
        memcpy(room + (at & ~(size_t)7), &event, 496);
        samples_add(&copy, t, aats_mono_ns());
        t = aats_mono_ns();
        memcpy(room + (at & ~(size_t)7), &event, sizeof event);
        samples_add(&copy2, t, aats_mono_ns());
        t = aats_mono_ns();
        (void)aats_fetch_add(&word, 1);
        samples_add(&add, t, aats_mono_ns());
    }
    if (room[496] == 1) printf("#\n"); /* the copies are not left out */
    samples_print(&copy);
    samples_print(&copy2);
    samples_print(&add);
}

int main(int argc, char **argv)
{
    char const *dir = argc > 1 ? argv[1] : "/tmp";
    int const cnt = argc > 2 ? atoi(argv[2]) : 20000, waits = argc > 3 ? atoi(argv[3]) : 200;
    samples_begin();
    memset(&order, 7, sizeof order);
    memset(&event, 7, sizeof event);
    references(100000);
    orders(dir, cnt, 0, "journal: intent", "journal: event", "journal: flush, room made ahead");
    orders(dir, cnt / 20, 500, "journal: intent, paced", "journal: event, paced", "journal: flush, paced");
    if (waits > 0) {
        synced(dir, waits, AATS_SYNC_INTENT, "journal: intent, sync intent");
        synced(dir, waits, AATS_SYNC_ALL, "journal: intent, sync all");
    }
    return 0;
}
