/* test_journal_kill.c -- a journal killed at every instruction, and one whose pages came to the disk in any order.
 *
 * A child writes under ptrace, one instruction at a time; between two of them its parent reads the file as the next run would: a kill there would leave
 * just that, because a mapping's stores belong to the file, not to the process.  What a power cut leaves is made up page by page. */
#include "journal/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define INSTANCE UINT64_C(0xfedcba9876543210)

static char path[2][80]; /* of the run's first file and of its second */
static char why[256];

/* ---- what is written, in order; rotation is between BEFORE and AFTER --------------------------------------------------------------- */

typedef struct {
    int kind;
    int64_t order_id;
    size_t size; /* of the payload */
} wish_t;

static wish_t const FIRST[] = {
    {AATS_JR_INTENT, 1, sizeof(aats_order_t)}, {AATS_JR_EVENT, 1, sizeof(aats_oev_t)}, {AATS_JR_CANCEL, 1, 0},
    {AATS_JR_TOLD, 1, 0},                      {AATS_JR_ADOPTED, 2, 13},
};
static wish_t const CHECKPOINT[] = {{AATS_JR_HOLD, 0, sizeof(aats_hold_t)}, {AATS_JR_INTENT, 2, sizeof(aats_order_t)}};
static wish_t const SECOND[] = {{AATS_JR_INTENT, 3, sizeof(aats_order_t)}, {AATS_JR_END, 0, 0}};

#define CNT(list) (sizeof list / sizeof *list)

/* payload_of returns bytes that differ by kind and order, made beforehand: each instruction of the child is waited for. */
static uint8_t const *payload_of(wish_t const *w)
{
    static uint8_t bytes[16][4][AATS_JOURNAL_REC_MAX];
    uint8_t *one = bytes[w->kind][w->order_id];
    for (size_t i = 0; one[0] == 0 && i < sizeof bytes[0][0]; i++) one[sizeof bytes[0][0] - 1 - i] = (uint8_t)(i * 7 + (size_t)w->kind * 31 + 1);
    one[0] = 1 + (uint8_t)w->order_id;
    return one;
}

static void make_payloads(void)
{
    for (size_t i = 0; i < CNT(FIRST); i++) (void)payload_of(&FIRST[i]);
    for (size_t i = 0; i < CNT(CHECKPOINT); i++) (void)payload_of(&CHECKPOINT[i]);
    for (size_t i = 0; i < CNT(SECOND); i++) (void)payload_of(&SECOND[i]);
}

static int put(aats_journal_t *j, wish_t const *w)
{
    return aats_journal_put(j, w->kind, w->order_id, w->size > 0 ? payload_of(w) : NULL, w->size, 1000);
}

/* ---- reading, as the next run does -------------------------------------------------------------------------------------------------- */

typedef struct {
    int part;     /* of the newest file */
    int end;      /* how the reading ended */
    int wrong;    /* records that nobody put */
    int checked;  /* CHECKED was there */
    size_t cnt;   /* records behind START, of the checkpoint, and behind it */
} seen_t;

static wish_t const *expected(int part, size_t i)
{
    static wish_t const checked = {AATS_JR_CHECKED, 0, 0};
    if (part == 0) return i < CNT(FIRST) ? &FIRST[i] : NULL;
    if (i < CNT(CHECKPOINT)) return &CHECKPOINT[i];
    i -= CNT(CHECKPOINT);
    return i == 0 ? &checked : i - 1 < CNT(SECOND) ? &SECOND[i - 1] : NULL;
}

/* Records of the first file that were there before the child began are passed over: where they end, and the last of them. */
static size_t passed;
static aats_jrec_t passed_head;

static seen_t look(void)
{
    static uint8_t bytes[16384] __attribute__((aligned(8)));
    seen_t seen = {.part = 1};
    int fd = open(path[1], O_RDONLY);
    if (fd < 0) {
        seen.part = 0;
        fd = open(path[0], O_RDONLY);
    }
    size_t const behind = seen.part == 0 && passed > 0 ? 8 : 0; /* not a first record */
    ssize_t const n = fd < 0 ? 0 : pread(fd, bytes + behind, sizeof bytes - behind, behind > 0 ? (off_t)passed : 0);
    if (fd >= 0) close(fd);
    size_t at = behind, payload_sz;
    aats_jrec_t head = passed_head;
    void const *payload;
    while ((seen.end = aats_journal_next(bytes, n > 0 ? (size_t)n + behind : 0, &at, &head, &payload, &payload_sz)) == 1) {
        if (head.kind == AATS_JR_START) continue;
        wish_t const *w = expected(seen.part, seen.cnt++);
        if (w == NULL || head.kind != (uint32_t)w->kind || head.order_id != w->order_id || payload_sz != ((w->size + 7) & ~(size_t)7) ||
            head.instance != INSTANCE || (w->size > 0 && memcmp(payload, payload_of(w), w->size) != 0))
            seen.wrong++;
        seen.checked |= head.kind == AATS_JR_CHECKED;
    }
    return seen;
}

/* ---- the child ------------------------------------------------------------------------------------------------------------------------- */

/* What the child has begun and what has returned, for its parent: in memory that both map. */
typedef struct {
    size_t begun[2];
    size_t done[2];
    int rotated; /* checked has returned */
    int failed;
} told_t;

static void write_all(aats_journal_t *j, told_t volatile *told)
{
    for (size_t i = 0; i < CNT(FIRST); i++) {
        told->begun[0] = i + 1;
        if (put(j, &FIRST[i]) != AATS_OK) told->failed = 1;
        told->done[0] = i + 1;
    }
    told->begun[1] = CNT(CHECKPOINT) + 1;
    if (aats_journal_rotate(j, 1000) != AATS_OK) told->failed = 2;
    for (size_t i = 0; i < CNT(CHECKPOINT); i++)
        if (put(j, &CHECKPOINT[i]) != AATS_OK) told->failed = 3;
    if (aats_journal_checked(j, 1000) != AATS_OK) told->failed = 4;
    told->rotated = 1;
    told->done[1] = CNT(CHECKPOINT) + 1;
    for (size_t i = 0; i < CNT(SECOND); i++) {
        told->begun[1]++;
        if (put(j, &SECOND[i]) != AATS_OK) told->failed = 5;
        told->done[1]++;
    }
}

static aats_journal_t *begin_with(int sync)
{
    static int number;
    for (int part = 0; part < 2; part++)
        snprintf(path[part], sizeof path[part], "/tmp/aats-kill-%d-%d%s.aj", (int)getpid(), number, part ? ".1" : "");
    number++;
    return aats_journal_open(path[0], INSTANCE, "killed", sync, 1, why, sizeof why);
}

static aats_journal_t *begin(void) { return begin_with(AATS_SYNC_NEVER); }

static void remove_all(void)
{
    char hidden[100];
    snprintf(hidden, sizeof hidden, "/tmp/.%.*s.1.tmp", (int)strlen(path[0]) - 8, path[0] + 5);
    unlink(hidden);
    unlink(path[0]);
    unlink(path[1]);
}

/* wrong says what of the promises does not hold at this instruction; NULL: nothing. */
static char const *wrong(seen_t const *s, told_t const volatile *told)
{
    if (s->wrong) return "a record is read that nobody put";
    if (s->end != 0) return "the end is taken for damage";
    if (s->part == 0 && told->rotated) return "the checkpoint was made, the old file is read";
    if (s->part == 1 && !s->checked) return "a file without its whole checkpoint is the newest";
    if (s->cnt < told->done[s->part]) return "less is read than put has returned";
    if (s->cnt > told->begun[s->part]) return "more is read than was put";
    return NULL;
}

/* step_through runs the child to its end, and looks after each instruction: how many there were, 0 if nobody may be traced.  How often each file was
 * the newest goes to parts. */
static long step_through(aats_journal_t *j, long parts[2])
{
    told_t *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED) return 0;
    memset(told, 0, sizeof *told);
    pid_t const child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(99);
        raise(SIGSTOP);
        write_all(j, told);
        _exit(told->failed);
    }
    int status = 0;
    long steps = 0, bad = 0;
    if (child > 0) waitpid(child, &status, 0);
    while (child > 0 && WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) break;
        steps++;
        seen_t const s = look();
        parts[s.part]++;
        char const *what = wrong(&s, told);
        if (what == NULL || ++bad > 3) continue;
        CHECK_MSG(0, "instruction %ld: %s: part %d, %zu records, put %zu to %zu, then %d", steps, what, s.part, s.cnt, told->done[s.part],
                  told->begun[s.part], s.end);
    }
    int const traced = child > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 99);
    CHECK_EQ_I64(bad, 0);
    if (traced) {
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        seen_t const last = look();
        CHECK_EQ_I64(last.part, 1);
        CHECK_EQ_U64(last.cnt, CNT(CHECKPOINT) + 1 + CNT(SECOND));
        printf("# %ld instructions looked at\n", steps);
    }
    munmap(told, sizeof *told);
    return traced ? steps : 0;
}

TEST(killed_at_any_instruction_it_leaves_a_true_prefix_and_all_that_put_has_returned)
{
    long parts[2] = {0, 0};
    make_payloads();
    aats_journal_t *j = begin();
    REQUIRE(j != NULL);
    long const steps = step_through(j, parts);
    aats_journal_close(j);
    remove_all();
    if (steps == 0) SKIP("this kernel lets nobody be traced");
    CHECK(parts[0] > 1000 && parts[1] > 100);
}

TEST(killed_while_its_file_grows_it_leaves_the_same)
{
    static aats_oev_t const ev = {.kind = AATS_OEV_ACKED};
    static uint8_t bytes[1 << 19];
    long parts[2] = {0, 0};
    make_payloads();
    aats_journal_t *j = begin();
    REQUIRE(j != NULL);
    while (j->now.size - j->now.good >= AATS_JFILE_RESERVE + 496) CHECK_EQ_I64(aats_journal_keep(j, AATS_JR_EVENT, 1, &ev, sizeof ev, 1), AATS_OK);
    int const fd = open(path[0], O_RDONLY);
    size_t const n = (size_t)pread(fd, bytes, sizeof bytes, 0);
    size_t payload_sz;
    void const *payload;
    close(fd);
    while (aats_journal_next(bytes, n, &passed, &passed_head, &payload, &payload_sz) == 1) continue;
    CHECK_EQ_U64(passed, j->now.good);
    size_t const size = j->now.size;
    long const steps = step_through(j, parts);
    int const again = open(path[0], O_RDONLY);
    CHECK(steps == 0 || lseek(again, 0, SEEK_END) > (off_t)size); /* it has grown */
    close(again);
    passed = 0;
    passed_head = (aats_jrec_t){0};
    aats_journal_close(j);
    remove_all();
    if (steps == 0) SKIP("this kernel lets nobody be traced");
    CHECK(parts[0] > 1000 && parts[1] > 100);
}

TEST(killed_with_sigkill_at_any_moment_it_leaves_the_same)
{
    told_t *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(told != MAP_FAILED);
    unsigned seed = 7;
    int killed[3] = {0, 0, 0};
    for (int round = 0; round < 200; round++) {
        memset(told, 0, sizeof *told);
        aats_journal_t *j = begin();
        REQUIRE(j != NULL);
        pid_t const child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            write_all(j, told);
            for (;;) pause();
        }
        seed = seed * 1103515245u + 12345u;
        usleep(seed >> 8 & 511);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        seen_t const s = look();
        char const *what = wrong(&s, told);
        CHECK_MSG(what == NULL, "round %d: %s", round, what);
        killed[told->done[0] < CNT(FIRST) ? 0 : told->rotated ? 2 : 1]++;
        aats_journal_close(j);
        remove_all();
    }
    printf("# killed %d times in the first file, %d in the rotation, %d behind it\n", killed[0], killed[1], killed[2]);
    CHECK(killed[0] + killed[1] > 10);
    munmap(told, sizeof *told);
}

/* ---- which calls wait for the disk ---------------------------------------------------------------------------------------------------- */

/* waits counts what a child waited for the disk: before the first put had returned, in the other puts, in the rotation, behind it. */
static int waits(int sync, int out[4])
{
    told_t *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED) return 0;
    memset(told, 0, sizeof *told);
    memset(out, 0, 4 * sizeof *out);
    aats_journal_t *j = begin_with(sync);
    pid_t const child = j == NULL ? -1 : fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(3);
        raise(SIGSTOP);
        write_all(j, told);
        _exit(told->failed);
    }
    int status = 0, told_what = 0;
    if (child > 0) waitpid(child, &status, 0);
    if (child > 0) ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD);
    while (child > 0 && WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) break;
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) <= 0) break;
        told_what |= info.op == PTRACE_SYSCALL_INFO_ENTRY;
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY || (info.entry.nr != SYS_fdatasync && info.entry.nr != SYS_fsync && info.entry.nr != SYS_msync)) continue;
        out[told->done[0] == 0 ? 0 : told->done[0] < CNT(FIRST) ? 1 : told->rotated ? 3 : 2]++;
    }
    int const whole = told_what && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    aats_journal_close(j);
    remove_all();
    munmap(told, sizeof *told);
    return whole;
}

TEST(each_policy_waits_for_the_disk_where_it_says_and_nowhere_else)
{
    int never[4], intent[4], all[4];
    make_payloads();
    if (!waits(AATS_SYNC_NEVER, never)) SKIP("this kernel lets nobody be traced, or does not say what is called");
    REQUIRE(waits(AATS_SYNC_INTENT, intent) && waits(AATS_SYNC_ALL, all));
    CHECK_EQ_I64(never[0] + never[1] + never[2] + never[3], 0);
    CHECK_EQ_I64(intent[0], 1);                /* INTENT */
    CHECK_EQ_I64(intent[1], 0);                /* EVENT, CANCEL, TOLD, ADOPTED */
    CHECK(intent[2] >= 2);                     /* the checkpoint, and the name of its file */
    CHECK_EQ_I64(intent[3], 1);                /* INTENT, not END */
    CHECK_EQ_I64(all[0], 1);
    CHECK_EQ_I64(all[1], (int)CNT(FIRST) - 1);
    CHECK_EQ_I64(all[3], (int)CNT(SECOND));
}

/* ---- power --------------------------------------------------------------------------------------------------------------------------------- */

#define RECORDS 400

static uint8_t whole[1 << 18] __attribute__((aligned(8)));
static uint8_t image[1 << 18] __attribute__((aligned(8)));
static size_t ends[RECORDS + 1]; /* where record i begins */

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* torn makes an image: each block as it was at a moment of its own, records `synced` and before it at least. */
static void torn(size_t block, uint64_t *state, size_t synced)
{
    for (size_t at = 0; at < sizeof whole; at += block) {
        size_t const then = synced + dice(state) % (RECORDS + 1 - synced);
        size_t const good = ends[then], there = good <= at ? 0 : good - at < block ? good - at : block;
        memset(image + at, 0, block);
        memcpy(image + at, whole + at, there);
        if (then == RECORDS || dice(state) % 2 == 0) continue;
        size_t const from = good + sizeof(aats_jrec_t), to = ends[then + 1]; /* in the middle of a put: its payload, not its head */
        if (from < at + block && to > at) {
            size_t const a = from > at ? from : at, b = to < at + block ? to : at + block;
            memcpy(image + a, whole + a, b - a);
        }
    }
}

TEST(blocks_that_came_to_the_disk_in_any_order_are_believed_up_to_the_first_that_did_not)
{
    static size_t const blocks[] = {4096, 512};
    aats_journal_t *j = begin();
    REQUIRE(j != NULL);
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < RECORDS; i++) {
        wish_t const w = FIRST[dice(&state) % CNT(FIRST)];
        int const fd = open(path[0], O_RDONLY);
        size_t at = 0, payload_sz;
        aats_jrec_t head = {0};
        void const *payload;
        REQUIRE(fd >= 0 && pread(fd, whole, sizeof whole, 0) == (ssize_t)sizeof whole);
        close(fd);
        while (aats_journal_next(whole, sizeof whole, &at, &head, &payload, &payload_sz) == 1) continue;
        ends[i] = at;
        REQUIRE(put(j, &w) == AATS_OK);
        ends[i + 1] = at + sizeof head + ((w.size + 7) & ~(size_t)7);
    }
    int const fd = open(path[0], O_RDONLY);
    REQUIRE(fd >= 0 && pread(fd, whole, sizeof whole, 0) == (ssize_t)sizeof whole);
    close(fd);

    long damaged = 0, shorter = 0;
    for (int round = 0; round < 4000; round++) {
        size_t const synced = dice(&state) % 4 == 0 ? 0 : dice(&state) % RECORDS;
        torn(blocks[round % 2], &state, synced);
        size_t at = 0, payload_sz;
        aats_jrec_t head = {0};
        void const *payload;
        int end;
        while ((end = aats_journal_next(image, sizeof image, &at, &head, &payload, &payload_sz)) == 1) continue;
        damaged += end == AATS_E_SYNTAX;
        shorter += at < ends[RECORDS];
        CHECK_MSG(memcmp(image, whole, at) == 0, "round %d: what is believed was never put", round);
        CHECK_MSG(at >= ends[synced], "round %d: %zu bytes are believed, %zu were on the disk", round, at, ends[synced]);
    }
    CHECK(damaged > 1000 && shorter > 3000); /* the images were bad indeed */
    aats_journal_close(j);
    remove_all();
}

RUN_ALL()
