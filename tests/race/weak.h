/* weak.h -- run small concurrent programs under every order that the C11 memory model allows.
 *
 * For: the lock-free objects of csrc/shm, compiled with AATS_WEAK: base/atomics.h then takes its operations from here.
 * Not for: code that waits for the kernel or for another process, and not for plain accesses, which are not modelled: a
 * plain read sees the newest value, a plain write to a word that was used atomically fails the run.
 *
 *     static void writer(void *ctx) { aats_ring_publish(...); }
 *     static void reader(void *ctx) { ... WEAK_ASSERT(sum_of(&rec) == rec.sum); }
 *
 *     TEST(a_polled_record_is_whole)
 *     {
 *         weak_program_t const program = {.setup = init_ring, .threads = {writer, reader}, .ctx = &ring};
 *         WEAK_HOLDS(&program, .max_runs = 200000);                     every order of events
 *         WEAK_HOLDS(&program, .random_runs = 5000, .seed = 1);         a random sample, for longer programs
 *         WEAK_CAUGHT(&weakened, .max_runs = 200000);                   must go wrong in some order
 *     }
 *
 * The machine is in weak_mem.h; the scheduler in weak_run.c.  Threads are coroutines of one real thread; before each
 * operation below any other may go on, and a load has a choice of values.  A run is determined by its choices, and
 * these by the seed or the depth-first search, so that a failure comes again; it is printed as the list of its steps.
 *
 * Killing.  With .kill = 1 << t, thread t may also stop for ever before any one of its operations, as by SIGKILL.
 *
 * Spinning.  aats_spin_hint puts a thread to sleep until a word that it read since its last hint has a value it has not
 * seen; repeating a loop with the same values would change nothing.  When nobody else can go on, it is woken anyway, up to
 * WEAK_IDLE_MAX times, so bounded loops reach their end; an endless loop makes the run `stuck`. */
#ifndef AATS_TESTS_WEAK_H
#define AATS_TESTS_WEAK_H

#include <stdint.h>

#define WEAK_THREAD_MAX 6
#define WEAK_IDLE_MAX   256     /* hints of one thread in one run, while no other can go on, before the run is stuck */
#define WEAK_STEP_MAX   20000   /* operations in one run; a longer one is cut, and counted */

/* ---- what base/atomics.h asks for ---------------------------------------------------------------------------------------- */

uint64_t aats_load_relaxed(uint64_t const *p);
uint64_t aats_load_acquire(uint64_t const *p);
void     aats_store_relaxed(uint64_t *p, uint64_t v);
void     aats_store_release(uint64_t *p, uint64_t v);
int      aats_cas(uint64_t *p, uint64_t have, uint64_t want);
uint64_t aats_fetch_add(uint64_t *p, uint64_t n);
void     aats_fence_acquire(void);
void     aats_fence_release(void);
void     aats_fence_full(void);
void     aats_spin_hint(void);

/* ---- what tests use ------------------------------------------------------------------------------------------------------ */

/* weak_program_t -- threads over one piece of memory.
 *
 * setup puts ctx into its first state; it runs before each run's threads, alone, and happens before all of them.
 * check, if given, runs after all have ended or been killed, alone, and sees the newest value of every word.
 * Threads keep their results in ctx by plain writes; words that threads share go through the operations above. */
typedef struct {
    void (*setup)(void *ctx);
    void (*threads[WEAK_THREAD_MAX])(void *ctx); /* the first NULL ends the list */
    void (*check)(void *ctx);
    void *ctx;
} weak_program_t;

/* weak_options_t -- how to run it.  Either random_runs (seeded) or, with random_runs 0, a depth-first search over everything,
 * which ends after max_runs at the latest. */
typedef struct {
    uint64_t max_runs;    /* 0: one million */
    uint64_t random_runs;
    uint64_t seed;
    uint32_t kill;        /* bit t: thread t may be killed before any of its operations; at most one thread a run */
    int      may_stick;   /* an endless wait is no failure (readers of a dead writer) */
    int      quiet;       /* do not print the steps of a failed run */
} weak_options_t;

typedef struct {
    uint64_t runs;     /* complete runs */
    uint64_t pruned;   /* begun, but found to be a reordering of an earlier one */
    uint64_t stuck;    /* ended in an endless wait */
    uint64_t cut;      /* ended by WEAK_STEP_MAX */
    uint64_t kills;    /* runs in which a thread was killed */
    uint64_t steps;    /* operations in all runs */
    int      complete; /* the search saw everything */
    int      failed;   /* an assertion did not hold in the last run */
    char     why[256]; /* and which */
} weak_result_t;

weak_result_t weak_run(weak_program_t const *program, weak_options_t options);

/* weak_name gives the words of an object a name in the printed steps.  Call it from setup; `name` is not copied. */
void weak_name(void const *at, uint64_t sz, char const *name);

/* weak_fail ends the running run as failed; from a thread it does not return.  weak_thread is the running thread, -1 outside. */
void weak_fail(char const *file, int line, char const *text);
int  weak_thread(void);

#define WEAK_ASSERT(cond)                                                                                                      \
    do {                                                                                                                       \
        if (!(cond)) weak_fail(__FILE__, __LINE__, #cond);                                                                     \
    } while (0)

/* WEAK_HOLDS and WEAK_CAUGHT are checks in the sense of check.h: the program goes wrong in no run / in some run.
 * A search that max_runs ended early holds nothing, and is a failed check: give more runs, or say .random_runs. */
#define WEAK_HOLDS(program, ...)                                                                                               \
    do {                                                                                                                       \
        weak_options_t const weak_o = {__VA_ARGS__};                                                                           \
        weak_result_t const weak_r = weak_run((program), weak_o);                                                              \
        CHECK_MSG(!weak_r.failed, "%s (run %llu)", weak_r.why, (unsigned long long)weak_r.runs);                               \
        CHECK_MSG(weak_r.runs > 0 && weak_r.cut == 0, "no run came to its end");                                               \
        CHECK_MSG(weak_r.failed || weak_o.random_runs || weak_r.complete, "the search did not end in %llu runs",               \
                  (unsigned long long)weak_r.runs);                                                                            \
    } while (0)

#define WEAK_CAUGHT(program, ...)                                                                                              \
    do {                                                                                                                       \
        weak_options_t weak_o = {__VA_ARGS__};                                                                                 \
        weak_o.quiet = 1;                                                                                                      \
        weak_result_t const weak_r = weak_run((program), weak_o);                                                              \
        CHECK_MSG(weak_r.failed, "nothing went wrong in %llu runs", (unsigned long long)weak_r.runs);                          \
    } while (0)

#endif
