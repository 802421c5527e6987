/* clock_page.h -- one line that turns the processor's counter into time, for all processes of a namespace.
 *
 * For: shm/clock.h, which gives it a process, and tests, which give it counters of their own.  Not for reading the time:
 * base/clock.h.  Pure over its arguments: no clock, no counter, no process inside.
 *
 *   time = clock when it was read + ((counter now - counter then) * mult >> 32)
 *
 * Writer: one keeper at a time.  `keeper` holds the identity of whoever writes the page; its low byte is 1 while a write is under
 * way, so that the word is a lock as well.  It changes by compare-and-swap:
 *
 *   at rest, or nobody's     taken by the keeper himself every AATS_CLOCK_RENEW_NS; by anybody else once the page is old:
 *                            half its time is over, he is dead, stopped or busy elsewhere
 *   being written            taken by nobody, unless his process is dead
 *
 * Memory order, as in latest.h.  `seq` is 2n+1 while the page is written, 2n once stable, 0 before the first time.
 *   L1  put: release store of the even seq       ->  read: acquire load of seq
 *       whoever sees an even seq sees every word written before it.
 *   L2  put: odd seq, release fence, words       ->  read: words, acquire fence, reload of seq
 *       whoever has read a word of a newer write sees a changed seq.
 *   L3  release: release store of keeper at rest ->  hold: compare-and-swap of keeper
 *       whoever holds the page sees all that his predecessor wrote; what a dead one wrote, the kernel shows who finds him dead.
 *
 * Crash: a keeper that dies inside leaves an odd seq and his identity with the low byte 1.  Readers take the kernel's clock until somebody
 * finds him dead and writes the page anew.  One that is stopped inside (SIGSTOP, a debugger) is waited for, by nobody:
 * readers take the kernel's clock.
 *
 * What a reader gets.  A page is used until good_ticks after its counter, AATS_CLOCK_GOOD_NS; a machine that was suspended or
 * moved meanwhile has passed that, or is before it.  A new line begins where the old one has come to, and its slope takes
 * the difference to the new sample away until the next one.  So mono as read here goes back by a nanosecond at most where
 * one page follows another, and stays within its error of CLOCK_MONOTONIC: half the time that a sample takes, some 55 ns,
 * and what the clock's own rate changes within AATS_CLOCK_RENEW_NS (5 us when a slew of 100 ppm begins, then nothing).
 * A line that is wrong by more than AATS_CLOCK_DOUBT_NS is dropped: the page is withdrawn, and readers take the kernel's
 * clock until a new rate has been measured and found to hold.  From one clock to the other mono may go back by the error.
 * CLOCK_REALTIME is the same line at a distance, which changes only when a sample says so: a step of it is followed at the
 * next renewal, by all processes at once. */
#ifndef AATS_SHM_CLOCK_PAGE_H
#define AATS_SHM_CLOCK_PAGE_H

#include "layout/layout.h"
#include "shm/seqlock.h"

#define AATS_CLOCK_RENEW_NS 50000000   /* between two writes of a keeper */
#define AATS_CLOCK_GOOD_NS  200000000  /* a page is used so long */
#define AATS_CLOCK_DOUBT_NS 20000      /* a line that is wrong by more is none */
#define AATS_CLOCK_BASE_NS  20000000   /* the shortest time over which a rate is measured */
#define AATS_CLOCK_GAP_NS   1000000000 /* between two samples: what was measured before counts no more */
#define AATS_CLOCK_EARLY    65536      /* ticks by which a reader's counter may be before the page's */

/* aats_clock_sample_t -- both clocks and the counter at one moment. */
typedef struct {
    uint64_t ticks;
    int64_t real_ns;
    int64_t mono_ns;
    uint64_t err_ticks; /* half the ticks that reading them took */
} aats_clock_sample_t;

/* aats_clock_rate_t -- what a process knows of its counter; its own memory, zeros at first. */
typedef struct {
    aats_clock_sample_t from, middle, last; /* the rate is measured from `from`, some seconds ago */
    uint64_t mult;                          /* 0: not known yet */
    int cnt;
    int holds;                              /* a sample was where the rate said that it would be */
} aats_clock_rate_t;

/* aats_clock_rate_add takes a sample in, at least one a second.  Returns 1 while the rate is known and holds, 0 otherwise: too
 * few samples yet, or the last one contradicts and all begins anew. */
int aats_clock_rate_add(aats_clock_rate_t *rate, aats_clock_sample_t const *s);

/* aats_clock_page_old says whether a keeper has let the page grow old, or nobody has written it. */
int aats_clock_page_old(aats_clock_page_t const *page, uint64_t ticks);

/* aats_clock_page_hold takes the page for writing: 1, then put or withdraw, and release, must follow; 0 when another keeps it.
 * alive says whether the process of an identity word runs. */
int aats_clock_page_hold(aats_clock_page_t *page, uint64_t self, uint64_t ticks, int (*alive)(uint64_t word));
void aats_clock_page_put(aats_clock_page_t *page, aats_clock_rate_t const *rate, aats_clock_sample_t const *s);
void aats_clock_page_withdraw(aats_clock_page_t *page);
void aats_clock_page_release(aats_clock_page_t *page, uint64_t self);

/* aats_clock_line gives the time `ticks` after the page's counter; negative before it. */
static inline int64_t aats_clock_line(int64_t base_ns, int64_t ticks, uint64_t mult) { return base_ns + (ticks * (int64_t)mult >> 32); }

/* aats_clock_page_read gives the time at a value of the counter: 1; 0 when the page does not say (being written, never written,
 * withdrawn, too old, of the future).  Either of real_ns and mono_ns may be NULL. */
static inline int aats_clock_page_read(aats_clock_page_t const *page, uint64_t ticks, int64_t *real_ns, int64_t *mono_ns)
{
    uint64_t const seq = aats_seq_read_begin(&page->seq); /* L1 */
    uint64_t const then = aats_load_relaxed(&page->tsc);
    uint64_t const mult = aats_load_relaxed(&page->mult);
    uint64_t const good = aats_load_relaxed(&page->good_ticks);
    int64_t const real = real_ns ? (int64_t)aats_load_relaxed((uint64_t const *)(void const *)&page->real_ns) : 0;
    int64_t const mono = mono_ns ? (int64_t)aats_load_relaxed((uint64_t const *)(void const *)&page->mono_ns) : 0;
    if (!aats_seq_read_end(&page->seq, seq) || seq & 1) return 0; /* L2 */
    if (ticks - then + AATS_CLOCK_EARLY > good + AATS_CLOCK_EARLY || good == 0) return 0;
    if (real_ns) *real_ns = aats_clock_line(real, (int64_t)(ticks - then), mult);
    if (mono_ns) *mono_ns = aats_clock_line(mono, (int64_t)(ticks - then), mult);
    return 1;
}

#endif
