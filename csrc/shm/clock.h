/* clock.h -- this process's time by the processor's counter, and its part in keeping the page that says how.
 *
 * For: Member (aats/member.py), which has a process use the page of its control table while it is in it; loops that run
 * anyway, which keep the page; benches and C tests, which have no table (aats_clock_local).  Not for reading the time:
 * base/clock.h.
 *
 * The counter is used where it is good: on x86-64 one that runs at one rate in all states (CPUID 0x80000007) and that the
 * kernel itself takes for its clock, on aarch64 cntvct; AATS_CLOCK=system says no, AATS_CLOCK=tsc says that the kernel's
 * choice does not matter.  Otherwise, before the first page is there, and whenever the page does not say, both clocks are
 * the kernel's: right, and slower (24 ns instead of 12).
 *
 * Each process that keeps has its own measure of the rate; one of them writes the page (clock_page.h), the others see when
 * he does not.  The page is checked at each reading: nothing here has to be told of a suspended machine or a dead keeper.
 *
 * Threads: keep from any, several at once; use from one at a time.  After use(NULL) another thread may still be inside its
 * last reading: the page has to stay mapped for some time.
 * A child made by fork reads on and keeps nothing. */
#ifndef AATS_SHM_CLOCK_H
#define AATS_SHM_CLOCK_H

#include "layout/layout.h"

/* cdef-begin */

/* aats_clock_use makes aats_now_ns and aats_mono_ns of this process read `page`, and aats_clock_keep keep it, as `self` (an
 * identity word, procs.h).  NULL: the kernel's clocks again.  Returns 1; 0 with NULL, or where the counter is not good: then
 * both clocks are the kernel's, and keep does nothing. */
int aats_clock_use(aats_clock_page_t *page, uint64_t self);

/* aats_clock_local is for a program without a control table: a page of its own, ready when it returns (some 40 ms later),
 * renewed by whoever finds it old.  Returns 1, or 0 where the counter is not good. */
int aats_clock_local(void);

/* aats_clock_keep renews the page when it is time to, if it is up to this process.  Call it once a millisecond or more often, with the
 * time of the pass: a load and a compare when nothing is due, about a microsecond every 50 ms. */
void aats_clock_keep(int64_t mono_ns);

/* aats_clock_good says whether this machine's counter is one to read time from; aats_clock_counter names it: "tsc",
 * "cntvct", or says why not. */
int aats_clock_good(void);
char const *aats_clock_counter(void);

/* aats_clock_reads says where this process's time comes from now: 1 the counter, 0 the kernel. */
int aats_clock_reads(void);
/* cdef-end */

#endif
