/* stats.h -- latency histograms that any tool can read while the system runs.
 *
 * For: counting nanoseconds of one hop.  Not for deciding which hops exist (layout.h names them) nor for printing.
 * Writer: one thread a histogram.  Readers take relaxed copies: count, sum and buckets may differ by the samples of
 * that moment.
 *
 * Buckets: 64 an octave.  Values 0..63 have a bucket each; a value v in [2^e, 2^(e+1)), e = 6..40, falls into bucket
 * (e-5)*64 + (v >> (e-6)) - 64, whose middle differs from v by less than 1/128; from 2^41 ns (37 minutes) on all fall
 * into the last one.  Samples below zero, which two clocks can produce, are counted as `negative` and nowhere else. */
#ifndef AATS_SHM_STATS_H
#define AATS_SHM_STATS_H

#include <stdint.h>

#include "base/atomics.h"
#include "layout/layout.h"

/* cdef-begin */

/* aats_hist_init empties a histogram and names it.  AATS_OK, or AATS_E_ARG if the name is empty or longer than 23 bytes. */
int aats_hist_init(aats_hist_t *hist, char const *name);

/* aats_hist_reset empties it and keeps its name.  Writer only. */
void aats_hist_reset(aats_hist_t *hist);

/* aats_hist_record counts one sample; some nanoseconds.  Writer only. */
void aats_hist_record(aats_hist_t *hist, int64_t ns);

/* aats_hist_copy copies a shared histogram into private memory. */
void aats_hist_copy(aats_hist_t *out, aats_hist_t const *shared);

/* aats_hist_merge adds `from` (may be shared) to `into` (private); into keeps its name. */
void aats_hist_merge(aats_hist_t *into, aats_hist_t const *from);

/* aats_hist_percentile returns the value, in ns, that a part p of the samples does not exceed (p in [0, 1], else cut;
 * 0 gives the smallest, 1 the largest sample); within 1 % of the true one below 2^41; 0 when there are none. */
uint64_t aats_hist_percentile(aats_hist_t const *hist, double p);

/* aats_hist_bucket_low returns the smallest value of a bucket, of AATS_HIST_BUCKETS 2^41: edges for whoever draws. */
uint64_t aats_hist_bucket_low(uint32_t bucket);
/* cdef-end */

/* aats_hist_bucket returns the bucket of a value. */
static inline uint32_t aats_hist_bucket(uint64_t ns)
{
    if (ns < 64) return (uint32_t)ns;
    if (ns >= (uint64_t)1 << 41) return AATS_HIST_BUCKETS - 1;
    uint32_t const e = 63 - (uint32_t)__builtin_clzll(ns);
    return (e - 5) * 64 + (uint32_t)(ns >> (e - 6)) - 64;
}

/* aats_hist_add is aats_hist_record where each nanosecond is counted too: a feed records three or four samples a message. */
static inline void aats_hist_add(aats_hist_t *hist, int64_t ns)
{
    if (__builtin_expect(ns < 0, 0)) {
        aats_add_relaxed(&hist->negative, 1);
        return;
    }
    uint64_t const v = (uint64_t)ns;
    uint64_t const count = aats_load_relaxed(&hist->count);
    if (__builtin_expect(count == 0 || v < aats_load_relaxed(&hist->min_ns), 0)) aats_store_relaxed(&hist->min_ns, v);
    if (__builtin_expect(v > aats_load_relaxed(&hist->max_ns), 0)) aats_store_relaxed(&hist->max_ns, v);
    aats_add_relaxed(&hist->sum_ns, v);
    aats_add_relaxed(&hist->bucket[aats_hist_bucket(v)], 1);
    aats_store_relaxed(&hist->count, count + 1);
}

#endif
