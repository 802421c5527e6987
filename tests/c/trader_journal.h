/* trader_journal.h -- a trader with a journal on disk, and what its file says: for tests of what is written, and of what the next life makes of it. */
#ifndef AATS_TESTS_TRADER_JOURNAL_H
#define AATS_TESTS_TRADER_JOURNAL_H

#include <signal.h>
#include <sys/resource.h>

#include "trader_fixture.h"

static char path[128];
static uint8_t file[4 << 20] __attribute__((aligned(8)));
static size_t file_sz;

static aats_journal_t *journal;

/* fill_disk writes until no intent fits any more, and lets the file grow no further: as if the disk were full; empty_disk lets it again. */
static inline void fill_disk(void)
{
    static aats_order_t const o;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ_I64(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc;
    while ((rc = aats_journal_put(journal, AATS_JR_INTENT, 999, &o, sizeof o, now)) == AATS_OK) continue;
    CHECK_EQ_I64(rc, AATS_E_IO);
}

static inline void empty_disk(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ_I64(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static inline int begin(void)
{
    static int number;
    char why[256];
    if (trader != NULL) close_trader();
    aats_journal_close(journal);
    if (path[0]) unlink(path);
    snprintf(path, sizeof path, "/tmp/aats-trader-%d-%d.aj", (int)getpid(), number++);
    journal = aats_journal_open(path, life, "test", 0, now, why, sizeof why);
    if (journal == NULL || !open_trader(0, journal)) return 0;
    snprintf(venue.journal, sizeof venue.journal, "%s", path);
    return 1;
}

static inline void finish(void)
{
    close_trader();
    aats_journal_close(journal);
    unlink(path);
    journal = NULL;
    path[0] = 0;
}

/* written returns what is in the file, a word a record: S, I1 (INTENT of order 1), K1 (CANCEL), e1 (an event), x1 (the event Closed), T1 (TOLD), E, h (HOLD),
 * f (FEE), d (DAY), + (CHECKED), a1 (ADOPTED), M1 (AMEND). */
static inline char const *written(void)
{
    static char text[16384];
    size_t at = 0, payload_sz, n = 0;
    aats_jrec_t head = {0};
    void const *payload;
    FILE *f = fopen(path, "rb");
    file_sz = f == NULL ? 0 : fread(file, 1, sizeof file, f);
    if (f != NULL) fclose(f);
    text[0] = 0;
    while (aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1) {
        aats_oev_t const *ev = payload;
        char const c = head.kind == AATS_JR_EVENT && ev->kind == AATS_OEV_CLOSED ? 'x' : "?SIKeTEhfd+aM"[head.kind];
        if (strchr("SEhfd+", c) != NULL) n += (size_t)snprintf(text + n, sizeof text - n, "%c ", c);
        else n += (size_t)snprintf(text + n, sizeof text - n, "%c%d ", c, (int)head.order_id);
    }
    CHECK_EQ_I64(aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz), 0); /* behind them are zeros only */
    file_sz = at;
    if (n > 0) text[n - 1] = 0;
    return text;
}

/* ---- what the file of a life leaves to the next one ---- */

#define OLD   UINT64_C(0x0badc0de0badc0de) /* instance of the earlier life */
#define STORY 32

/* An order as the journal has it. */
typedef struct {
    int64_t id; /* in its own life */
    aats_order_t intent;
    aats_oev_t evs[STORY];
    size_t cnt;
    int told;
} left_t;

typedef struct {
    left_t orders[16];
    int cnt;
    aats_oev_t fills[STORY]; /* of all orders, as the next life carries them over */
    int fill_cnt;
} legacy_t;

static inline left_t *left_by(legacy_t *legacy, int64_t id)
{
    for (int i = 0; i < legacy->cnt; i++)
        if (legacy->orders[i].id == id) return &legacy->orders[i];
    return NULL;
}

/* legacy_of reads the first `most` records behind START: as a kill after them leaves the file. */
static inline legacy_t *legacy_of(int most)
{
    static legacy_t legacy;
    size_t at = 0, payload_sz;
    aats_jrec_t head = {0};
    void const *payload;
    written();
    memset(&legacy, 0, sizeof legacy);
    for (int n = -1; n < most && aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1; n++) {
        left_t *left = left_by(&legacy, head.order_id);
        if (head.kind == AATS_JR_INTENT) {
            left = &legacy.orders[legacy.cnt++];
            *left = (left_t){.id = head.order_id};
            memcpy(&left->intent, payload, sizeof left->intent);
        } else if (head.kind == AATS_JR_EVENT && left != NULL) {
            aats_oev_t *ev = &left->evs[left->cnt++];
            memcpy(ev, payload, sizeof *ev);
            if (ev->kind == AATS_OEV_EXEC) legacy.fills[legacy.fill_cnt++] = *ev;
        } else if (head.kind == AATS_JR_TOLD && left != NULL) {
            left->told = 1;
        }
    }
    return &legacy;
}

#endif
