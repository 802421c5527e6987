/* weak_mem.h -- a memory that remembers: the C11 release/acquire machine of the race tests.
 *
 * For: weak_run.c.  It knows nothing of scheduling: the caller says which thread does what, is told how many outcomes C11
 * allows, and picks one.
 *
 * Each word keeps every value ever stored to it, as messages in modification order.  A view says, for each word, the oldest
 * message that may still be read.  Each thread has three:
 *
 *     now      what it has seen; a load reads any message that `now` does not exclude
 *     pending  what relaxed loads have brought along; an acquire fence adds it to `now`
 *     fenced   `now` at the last release fence; relaxed stores hand it on
 *
 *     load relaxed   reads m; now[word] = m; pending += m.view             load acquire   also now += m.view
 *     store relaxed  new m; m.view = fenced                                store release  m.view = now
 *     fence acquire  now += pending                                        fence release  fenced = now
 *     fence full     both, and now = everyone's = now + everyone's, where `everyone's` is one view for all full fences
 *     cas, add       read m and put the new message right behind it, acquire and release; m.view goes on (release sequence).
 *                    A cas that finds another value is a load acquire.
 *
 * A store may come before messages of other threads that its own thread has not seen.  Beyond C11: a relaxed store behind
 * a release store of the same thread does not carry on its release sequence (C++20 dropped that).  Within C11 but left out:
 * loads that see a store of their own future (load buffering), which no supported processor shows with our operations;
 * and full fences are those of C++20, which order the reads around them too, as every compiler makes them. */
#ifndef AATS_TESTS_WEAK_MEM_H
#define AATS_TESTS_WEAK_MEM_H

#include <stdint.h>

#define WEAK_LOC_MAX 2048 /* words used atomically in one run */

typedef enum {
    WEAK_LOAD,
    WEAK_LOAD_ACQUIRE,
    WEAK_STORE,
    WEAK_STORE_RELEASE,
    WEAK_CAS,
    WEAK_ADD,
    WEAK_FENCE_ACQUIRE,
    WEAK_FENCE_RELEASE,
    WEAK_FENCE_FULL,
    WEAK_HINT
} weak_kind_t;

/* weak_op_t -- one operation: announced by its thread, carried out when the scheduler says so. */
typedef struct {
    weak_kind_t kind;
    uint64_t   *p;    /* the word; NULL for fences and hints           */
    uint64_t    have; /* CAS: the expected value                       */
    uint64_t    want; /* the value to store, or to add                 */
    uint64_t    out;  /* result: the value read; for CAS see `done`    */
    int         done; /* result: the CAS stored                        */
} weak_op_t;

/* weak_mem_reset forgets all: each word's first value is what is in memory when it is first used. */
void weak_mem_reset(int thread_cnt);

/* weak_mem_choices returns in how many ways thread t can carry out op now, at least 1; -1 when the word was changed by a plain
 * write.  A hint has 0 when no word that t read since its last hint has anything newer. */
int weak_mem_choices(int t, weak_op_t const *op);

/* weak_mem_apply carries op out in way `choice`, in [0, choices): 0 is the newest value.  The word in memory always holds the
 * last value in modification order. */
void weak_mem_apply(int t, weak_op_t *op, int choice);

/* weak_mem_conflict returns 1 unless both orders of a and b, by two threads, lead to the same states. */
int weak_mem_conflict(weak_op_t const *a, weak_op_t const *b);

#endif
