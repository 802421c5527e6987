/* weak_run.c -- the scheduler of weak.h: coroutines, choices, and the two ways of making them.
 *
 * One run is a sequence of choices: which thread goes on, with which of the outcomes that weak_mem.h offers.  The random way
 * draws them.  The search keeps them on a stack and changes the last one that has another value, run after run; with sleep
 * sets (Godefroid): after a thread has been tried at a point, the others are tried there only as long as the order matters. */
#undef _FORTIFY_SOURCE /* its longjmp refuses to change stacks */

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "weak.h"
#include "weak_mem.h"

#define STACK_SZ  (256 * 1024)
#define GUARD_SZ  4096
#define NAME_MAX_ 64
#define SHOWN_MAX 400 /* last steps of a failed run that are printed */

typedef enum { READY, ENDED, KILLED } state_t;

typedef struct {
    void      *stack;
    ucontext_t entry;
    jmp_buf    at;
    int        begun;
    state_t    state;
    weak_op_t  op; /* what it does next */
    int        idle;
} coroutine_t;

/* node_t -- one choice on the search's stack. */
typedef struct {
    int      taken, cnt; /* of a data choice                                          */
    uint32_t todo, done; /* of a choice among threads: not tried yet, tried           */
    uint32_t sleep;      /* of a choice among threads: who slept when it was reached  */
} node_t;

typedef struct {
    int       t;
    weak_op_t op;
    int       choice, choices;
    char      killed;
} step_t;

static weak_program_t const *program;
static weak_options_t        options;
static weak_result_t         result;
static coroutine_t           cos[WEAK_THREAD_MAX];
static int                   thread_cnt;
static int                   running = -1; /* thread whose code runs now */
static jmp_buf               scheduler;

static node_t  *stack;
static int      stack_cnt, stack_cap, depth;
static uint64_t rng;
static int      switch_of_256, old_of_256; /* this random run's habits */

static step_t steps[WEAK_STEP_MAX];
static int    step_cnt;

static struct {
    uintptr_t   at;
    uint64_t    sz;
    char const *name;
} names[NAME_MAX_];
static int name_cnt;

/* ---- what threads call ----------------------------------------------------------------------------------------------- */

int weak_thread(void) { return running; }

/* perform hands op to the scheduler and returns when it has been carried out. */
static uint64_t perform(weak_op_t op)
{
    coroutine_t *co = &cos[running];
    co->op = op;
    if (_setjmp(co->at) == 0) _longjmp(scheduler, 1);
    return co->op.out;
}

#define WORD(p) ((uint64_t *)(uintptr_t)(p))

/* Outside of threads (setup, check) there is one actor, and memory is plain. */
uint64_t aats_load_relaxed(uint64_t const *p) { return running < 0 ? *p : perform((weak_op_t){.kind = WEAK_LOAD, .p = WORD(p)}); }

uint64_t aats_load_acquire(uint64_t const *p)
{
    return running < 0 ? *p : perform((weak_op_t){.kind = WEAK_LOAD_ACQUIRE, .p = WORD(p)});
}

static void store(uint64_t *p, uint64_t v, weak_kind_t kind)
{
    if (running < 0) {
        *p = v;
    } else {
        perform((weak_op_t){.kind = kind, .p = p, .want = v});
    }
}

void aats_store_relaxed(uint64_t *p, uint64_t v) { store(p, v, WEAK_STORE); }
void aats_store_release(uint64_t *p, uint64_t v) { store(p, v, WEAK_STORE_RELEASE); }

int aats_cas(uint64_t *p, uint64_t have, uint64_t want)
{
    if (running >= 0) {
        perform((weak_op_t){.kind = WEAK_CAS, .p = p, .have = have, .want = want});
        return cos[running].op.done;
    }
    if (*p != have) return 0;
    *p = want;
    return 1;
}

uint64_t aats_fetch_add(uint64_t *p, uint64_t n)
{
    if (running >= 0) return perform((weak_op_t){.kind = WEAK_ADD, .p = p, .want = n});
    uint64_t const before = *p;
    *p += n;
    return before;
}

static void without_word(weak_kind_t kind)
{
    if (running >= 0) perform((weak_op_t){.kind = kind});
}

void aats_fence_acquire(void) { without_word(WEAK_FENCE_ACQUIRE); }
void aats_fence_release(void) { without_word(WEAK_FENCE_RELEASE); }
void aats_fence_full(void) { without_word(WEAK_FENCE_FULL); }
void aats_spin_hint(void) { without_word(WEAK_HINT); }

void weak_fail(char const *file, int line, char const *text)
{
    if (!result.failed) {
        char who[24] = "check";
        if (running >= 0) snprintf(who, sizeof who, "thread %d", running);
        snprintf(result.why, sizeof result.why, "%s:%d: %s: %s", file, line, who, text);
    }
    result.failed = 1;
    if (running >= 0) _longjmp(scheduler, 1);
}

/* ---- showing a run --------------------------------------------------------------------------------------------------- */

void weak_name(void const *at, uint64_t sz, char const *name)
{
    for (int i = 0; i < name_cnt; i++) {
        if (names[i].at == (uintptr_t)at && names[i].sz == sz) return;
    }
    if (name_cnt == NAME_MAX_) return;
    names[name_cnt].at = (uintptr_t)at;
    names[name_cnt].sz = sz;
    names[name_cnt++].name = name;
}

static char const *word_name(uint64_t const *p, char *buf, size_t sz)
{
    for (int i = 0; i < name_cnt; i++) {
        uintptr_t const off = (uintptr_t)p - names[i].at;
        if ((uintptr_t)p < names[i].at || off >= names[i].sz) continue;
        if (names[i].sz == sizeof *p) {
            snprintf(buf, sz, "%s", names[i].name);
        } else {
            snprintf(buf, sz, "%s[%zu]", names[i].name, (size_t)(off / sizeof *p));
        }
        return buf;
    }
    snprintf(buf, sz, "%p", (void const *)p);
    return buf;
}

static void show_run(void)
{
    static char const *const KINDS[] = {"load",      "load acquire",  "store",         "store release", "cas",
                                        "fetch_add", "fence acquire", "fence release", "fence full",    "spin hint"};
    char word[96];
    fprintf(stderr, "run %" PRIu64 ": %s\n", result.runs, result.why);
    for (int i = step_cnt > SHOWN_MAX ? step_cnt - SHOWN_MAX : 0; i < step_cnt; i++) {
        step_t const *s = &steps[i];
        fprintf(stderr, "  %4d  %*sthread %d  ", i, 4 * s->t, "", s->t);
        if (s->killed) {
            fprintf(stderr, "killed\n");
            continue;
        }
        fprintf(stderr, "%s", KINDS[s->op.kind]);
        if (s->op.p != NULL) fprintf(stderr, " %s", word_name(s->op.p, word, sizeof word));
        if (s->op.kind == WEAK_LOAD || s->op.kind == WEAK_LOAD_ACQUIRE) fprintf(stderr, " -> %" PRIu64, s->op.out);
        if (s->op.kind == WEAK_STORE || s->op.kind == WEAK_STORE_RELEASE) fprintf(stderr, " = %" PRIu64, s->op.want);
        if (s->op.kind == WEAK_ADD) fprintf(stderr, " + %" PRIu64 " -> %" PRIu64, s->op.want, s->op.out);
        if (s->op.kind == WEAK_CAS) {
            fprintf(stderr, " %" PRIu64 " to %" PRIu64 ": %s", s->op.have, s->op.want, s->op.done ? "done" : "refused");
        }
        if (s->choice > 0) fprintf(stderr, "   (%d of %d, 0 is the newest)", s->choice, s->choices);
        fputc('\n', stderr);
    }
}

/* ---- choices ------------------------------------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t below) /* splitmix64 */
{
    uint64_t z = (rng += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % below;
}

/* node returns the choice at this depth of the search; *is_new says that the caller has to fill it. */
static node_t *node(int *is_new)
{
    *is_new = depth == stack_cnt;
    if (depth == stack_cap) {
        stack_cap = stack_cap == 0 ? 1024 : stack_cap * 2;
        stack = realloc(stack, (size_t)stack_cap * sizeof *stack);
        if (stack == NULL) abort();
    }
    if (*is_new) stack[stack_cnt++] = (node_t){0};
    return &stack[depth++];
}

static int lowest(uint32_t mask) { return __builtin_ctz(mask); }

/* choose_thread returns one of `enabled`, -1 when all of them sleep.  *sleep becomes the sleep set after its step. */
static int choose_thread(uint32_t enabled, uint32_t *sleep, int last)
{
    if (options.random_runs) {
        if (last >= 0 && (enabled >> last & 1) && draw(256) >= (uint64_t)switch_of_256) return last;
        uint64_t nth = draw((uint64_t)__builtin_popcount(enabled));
        while (nth-- > 0) enabled &= enabled - 1;
        return lowest(enabled);
    }
    int is_new;
    node_t *n = node(&is_new);
    if (is_new) {
        n->sleep = *sleep;
        n->todo = enabled & ~*sleep;
        if (n->todo == 0) return -1;
        n->taken = lowest(n->todo);
        n->todo &= ~(1u << n->taken);
    }
    uint32_t asleep = (n->sleep | n->done) & enabled;
    *sleep = 0;
    for (; asleep; asleep &= asleep - 1) {
        int const u = lowest(asleep);
        if (!weak_mem_conflict(&cos[u].op, &cos[n->taken].op)) *sleep |= 1u << u;
    }
    return n->taken;
}

static int choose_outcome(int cnt)
{
    if (cnt == 1) return 0;
    if (options.random_runs) return draw(256) < (uint64_t)old_of_256 ? (int)draw((uint64_t)cnt) : 0;
    int is_new;
    node_t *n = node(&is_new);
    if (is_new) n->cnt = cnt;
    return n->taken;
}

/* next_search moves the stack to the next unexplored branch; 0 when there is none. */
static int next_search(void)
{
    while (stack_cnt > 0) {
        node_t *n = &stack[stack_cnt - 1];
        if (n->cnt > 0 && n->taken + 1 < n->cnt) {
            n->taken++;
            return 1;
        }
        if (n->cnt == 0 && n->todo != 0) {
            n->done |= 1u << n->taken;
            n->taken = lowest(n->todo);
            n->todo &= ~(1u << n->taken);
            return 1;
        }
        stack_cnt--;
    }
    return 0;
}

/* ---- one run --------------------------------------------------------------------------------------------------------------- */

static void coroutine_main(void)
{
    program->threads[running](program->ctx);
    cos[running].state = ENDED;
    _longjmp(scheduler, 1);
}

/* resume lets thread t run to its next operation or its end. */
static void resume(int t)
{
    coroutine_t *co = &cos[t];
    running = t;
    if (_setjmp(scheduler) == 0) {
        if (co->begun) _longjmp(co->at, 1);
        co->begun = 1;
        setcontext(&co->entry);
    }
    running = -1;
}

static void start(int t)
{
    coroutine_t *co = &cos[t];
    if (co->stack == NULL) {
        co->stack = mmap(NULL, STACK_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (co->stack == MAP_FAILED) abort();
        mprotect(co->stack, GUARD_SZ, PROT_NONE);
    }
    getcontext(&co->entry);
    co->entry.uc_stack.ss_sp = co->stack;
    co->entry.uc_stack.ss_size = STACK_SZ;
    makecontext(&co->entry, coroutine_main, 0);
    co->begun = co->idle = 0;
    co->state = READY;
    resume(t);
}

/* enabled_threads returns who can take a step: those not waiting, else the waiting one that was woken least. */
static uint32_t enabled_threads(void)
{
    uint32_t mask = 0;
    int least = -1;
    for (int t = 0; t < thread_cnt; t++) {
        if (cos[t].state != READY) continue;
        if (cos[t].op.kind != WEAK_HINT || weak_mem_choices(t, &cos[t].op) > 0) {
            mask |= 1u << t;
        } else if (cos[t].idle < WEAK_IDLE_MAX && (least < 0 || cos[t].idle < cos[least].idle)) {
            least = t;
        }
    }
    if (mask != 0 || least < 0) return mask;
    cos[least].idle++;
    return 1u << least;
}

static int anybody_ready(void)
{
    for (int t = 0; t < thread_cnt; t++) {
        if (cos[t].state == READY) return 1;
    }
    return 0;
}

/* step carries out the next operation of thread t, or kills it; may_kill is the run's budget. */
static void step(int t, int *may_kill)
{
    coroutine_t *co = &cos[t];
    int choices = weak_mem_choices(t, &co->op);
    if (choices < 0) {
        running = t;
        if (_setjmp(scheduler) == 0) weak_fail(__FILE__, __LINE__, "a word used atomically was changed by a plain write");
        running = -1;
        return;
    }
    if (choices == 0) choices = 1; /* a hint woken for nothing */
    int const killable = *may_kill && (options.kill >> t & 1);
    int choice;
    if (killable && options.random_runs) {
        choice = draw(64) == 0 ? choices : choose_outcome(choices);
    } else {
        choice = choose_outcome(choices + killable);
    }
    int const killed = choice == choices;
    if (killed) {
        *may_kill = 0;
        result.kills++;
        co->state = KILLED;
    } else {
        weak_mem_apply(t, &co->op, choice);
    }
    steps[step_cnt++] = (step_t){.t = t, .op = co->op, .choice = choice, .choices = choices, .killed = (char)killed};
    if (!killed) resume(t);
}

/* one_run makes one run from its choices. */
static void one_run(void)
{
    uint32_t sleep = 0;
    int may_kill = 1, last = -1;
    depth = step_cnt = 0;
    if (program->setup != NULL) program->setup(program->ctx);
    weak_mem_reset(thread_cnt);
    for (int t = 0; t < thread_cnt && !result.failed; t++) start(t);
    while (!result.failed && anybody_ready()) {
        uint32_t const enabled = enabled_threads();
        if (enabled == 0) {
            result.stuck++;
            if (!options.may_stick) weak_fail(__FILE__, __LINE__, "nobody can go on: an endless wait");
            break;
        }
        if (step_cnt == WEAK_STEP_MAX) {
            result.cut++;
            return;
        }
        last = choose_thread(enabled, &sleep, last);
        if (last < 0) {
            result.pruned++;
            return;
        }
        step(last, &may_kill);
        result.steps++;
    }
    if (!result.failed && program->check != NULL) program->check(program->ctx);
    result.runs++;
}

weak_result_t weak_run(weak_program_t const *p, weak_options_t o)
{
    program = p;
    options = o;
    if (options.max_runs == 0) options.max_runs = 1000000;
    memset(&result, 0, sizeof result);
    for (thread_cnt = 0; thread_cnt < WEAK_THREAD_MAX && p->threads[thread_cnt] != NULL;) thread_cnt++;
    stack_cnt = name_cnt = 0;
    if (options.random_runs) {
        for (uint64_t i = 0; i < options.random_runs && !result.failed; i++) {
            rng = options.seed * 0xD1342543DE82EF95u + i;
            switch_of_256 = 256 >> draw(5);
            old_of_256 = (int)draw(4) * 80;
            one_run();
        }
    } else {
        do {
            one_run();
            if (result.failed) break;
            if (!next_search()) {
                result.complete = 1;
                break;
            }
        } while (result.runs + result.pruned < options.max_runs);
    }
    if (result.failed && !options.quiet) show_run();
    return result;
}
