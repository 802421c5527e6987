/* clock.h -- the two clocks, and the processor's counter.
 *
 * For: stamps and deadlines.  aats_now_ns stamps records: epoch nanoseconds.  aats_mono_ns measures heartbeats, deadlines
 * and back-off: it never steps, and is one clock for all processes of a host.  Step functions call neither: their
 * caller hands the time in.
 * Not for calibration: shm/clock.h reads both clocks from the counter, by a page that all processes of a namespace share,
 * and puts itself in here with aats_clock_set.  Until somebody does, both are the kernel's (24 ns a call; by the page 11 to 13).
 *
 * Threads: any.  Reading orders nothing: the processor may read its counter some ten nanoseconds before or after its neighbours
 * in the program. */
#ifndef AATS_BASE_CLOCK_H
#define AATS_BASE_CLOCK_H

#include <stdint.h>

/* cdef-begin */
int64_t aats_now_ns(void);  /* CLOCK_REALTIME, or the page's copy of it */
int64_t aats_mono_ns(void); /* CLOCK_MONOTONIC, likewise */

int64_t aats_system_now_ns(void);  /* the kernel's, always */
int64_t aats_system_mono_ns(void);
/* cdef-end */

/* aats_clocks_ns reads both at one moment: by the page at the price of one. */
void aats_clocks_ns(int64_t *now_ns, int64_t *mono_ns);

/* aats_clock_set gives this process other clocks; NULLs: the kernel's again.  A thread that is inside one of them
 * meanwhile ends its call. */
typedef int64_t (*aats_clock_fn)(void);
typedef void (*aats_clocks_fn)(int64_t *now_ns, int64_t *mono_ns);
void aats_clock_set(aats_clock_fn now_ns, aats_clock_fn mono_ns, aats_clocks_fn both);

/* aats_ticks reads the counter: cheap, and not ordered with its neighbours.  aats_ticks_ordered waits for what comes before it. */
static inline uint64_t aats_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

static inline uint64_t aats_ticks_ordered(void)
{
#if defined(__x86_64__)
    __builtin_ia32_lfence();
    uint64_t const ticks = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    return ticks;
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
    return aats_ticks();
#else
    return 0;
#endif
}

#endif
