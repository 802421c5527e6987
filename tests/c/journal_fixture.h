/* journal_fixture.h -- a journal in /tmp, its bytes, and a disk that is full when a test says so.
 *
 * For: tests/c/test_journal.c and test_journal_rotate.c. */
#ifndef AATS_TESTS_JOURNAL_FIXTURE_H
#define AATS_TESTS_JOURNAL_FIXTURE_H

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "journal/journal_file.h"

#define INSTANCE UINT64_C(0xfedcba9876543210)
#define HEAD     sizeof(aats_jrec_t)
#define START_SZ (HEAD + 8) /* with the text "maker" */

static char path[64];
static char why[256];
static uint8_t file[8 << 20] __attribute__((aligned(8)));

__attribute__((unused)) static aats_journal_t *begin(char const *text)
{
    static int number;
    if (path[0]) unlink(path);
    snprintf(path, sizeof path, "/tmp/aats-journal-%d-%d.aj", (int)getpid(), number++);
    return aats_journal_open(path, INSTANCE, text, 0, 1000, why, sizeof why);
}

/* all reads the file as it is; load says how far its records go: behind them are zeros, allocated. */
__attribute__((unused)) static size_t all(void)
{
    FILE *f = fopen(path, "rb");
    size_t const n = f == NULL ? 0 : fread(file, 1, sizeof file, f);
    if (f != NULL) fclose(f);
    return n;
}

/* walk reads n bytes: the records believed; the last is left in *head, how it ended in *end. */
__attribute__((unused)) static uint64_t walk(size_t n, aats_jrec_t *head, int *end, size_t *at)
{
    void const *payload;
    size_t payload_sz;
    uint64_t cnt = 0;
    *at = 0;
    while ((*end = aats_journal_next(file, n, at, head, &payload, &payload_sz)) == 1) cnt++;
    return cnt;
}

__attribute__((unused)) static size_t load(void)
{
    aats_jrec_t head = {0};
    int end;
    size_t at;
    (void)walk(all(), &head, &end, &at);
    return at;
}

__attribute__((unused)) static int put_order(aats_journal_t *j, int64_t id)
{
    aats_order_t const o = {.order_id = id, .instance = INSTANCE, .qty_i = id * 3, .symbol = "BTCUSDT.BINANCE"};
    return aats_journal_put(j, AATS_JR_INTENT, id, &o, sizeof o, 2000 + id);
}

__attribute__((unused)) static void done(aats_journal_t *j)
{
    aats_journal_close(j);
    unlink(path);
    path[0] = 0;
}

/* no_more lets no file grow beyond what it has; RLIM_INFINITY lets it again. */
__attribute__((unused)) static void no_more(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ_I64(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* to_part sets `path` to that of a part of the run that began with `first`. */
__attribute__((unused)) static void to_part(char const *first, int part)
{
    snprintf(path, sizeof path, "%.*s.%d.aj", (int)strlen(first) - 3, first, part);
}

#endif
