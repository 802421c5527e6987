/* clock.h -- the two clocks.
 *
 * aats_now_ns stamps records: epoch nanoseconds.  aats_mono_ns measures heartbeats, deadlines and back-off: it never
 * steps, and is one clock for all processes of a host.  Step functions never call either: their caller hands the time in.
 */
#ifndef AATS_BASE_CLOCK_H
#define AATS_BASE_CLOCK_H

#include <stdint.h>

/* cdef-begin */
int64_t aats_now_ns(void);  /* CLOCK_REALTIME */
int64_t aats_mono_ns(void); /* CLOCK_MONOTONIC */
/* cdef-end */

#endif
