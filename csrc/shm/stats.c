/* stats.c -- the histogram; see stats.h for its buckets. */
#include "shm/stats.h"

#include <math.h>
#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"

#define NUMBER_WORDS ((sizeof(aats_hist_t) - sizeof(((aats_hist_t *)0)->name)) / 8)

int aats_hist_init(aats_hist_t *hist, char const *name)
{
    char text[sizeof hist->name] = {0};
    size_t const len = name == NULL ? 0 : strnlen(name, sizeof text);
    if (len == 0 || len == sizeof text) return AATS_E_ARG;
    memcpy(text, name, len);
    aats_words_store(hist->name, text, sizeof text / 8);
    aats_hist_reset(hist);
    return AATS_OK;
}

void aats_hist_reset(aats_hist_t *hist)
{
    uint64_t *words = &hist->count;
    for (size_t i = 0; i < NUMBER_WORDS; i++) aats_store_relaxed(words + i, 0);
}

void aats_hist_record(aats_hist_t *hist, int64_t ns) { aats_hist_add(hist, ns); }

void aats_hist_copy(aats_hist_t *out, aats_hist_t const *shared)
{
    aats_words_load(out, shared, sizeof *out / 8);
    out->name[sizeof out->name - 1] = 0;
}

void aats_hist_merge(aats_hist_t *into, aats_hist_t const *from)
{
    uint64_t const count = aats_load_relaxed(&from->count);
    uint64_t const min_ns = aats_load_relaxed(&from->min_ns), max_ns = aats_load_relaxed(&from->max_ns);
    if (count > 0 && (into->count == 0 || min_ns < into->min_ns)) into->min_ns = min_ns;
    if (count > 0 && max_ns > into->max_ns) into->max_ns = max_ns;
    into->count += count;
    into->sum_ns += aats_load_relaxed(&from->sum_ns);
    into->negative += aats_load_relaxed(&from->negative);
    for (uint32_t b = 0; b < AATS_HIST_BUCKETS; b++) into->bucket[b] += aats_load_relaxed(&from->bucket[b]);
}

uint64_t aats_hist_bucket_low(uint32_t bucket)
{
    if (bucket < 64) return bucket;
    if (bucket > AATS_HIST_BUCKETS) bucket = AATS_HIST_BUCKETS;
    uint32_t const e = bucket / 64 + 5;
    return (uint64_t)(64 + bucket % 64) << (e - 6);
}

uint64_t aats_hist_percentile(aats_hist_t const *hist, double p)
{
    uint64_t const min_ns = aats_load_relaxed(&hist->min_ns), max_ns = aats_load_relaxed(&hist->max_ns);
    uint64_t total = 0;
    for (uint32_t b = 0; b < AATS_HIST_BUCKETS; b++) total += aats_load_relaxed(&hist->bucket[b]);
    if (total == 0) return 0;
    if (!(p > 0)) return min_ns; /* NaN too */
    if (p >= 1) return max_ns;

    uint64_t rank = (uint64_t)ceil(p * (double)total), seen = 0;
    if (rank < 1) rank = 1;
    for (uint32_t b = 0; b < AATS_HIST_BUCKETS; b++) {
        seen += aats_load_relaxed(&hist->bucket[b]);
        if (seen < rank) continue;
        uint64_t const low = aats_hist_bucket_low(b), high = aats_hist_bucket_low(b + 1);
        uint64_t const middle = low + (high - low) / 2;
        return middle < min_ns ? min_ns : middle > max_ns ? max_ns : middle;
    }
    return max_ns; /* the writer was at work between the two passes */
}
