/* test_stats.c -- the histogram against a sorted array of the same samples. */
#include "shm/stats.h"
#include "shm_fixture.h"

static aats_hist_t h, g;

TEST(a_name_that_does_not_fit_is_refused)
{
    CHECK_EQ_I64(aats_hist_init(&h, ""), AATS_E_ARG);
    CHECK_EQ_I64(aats_hist_init(&h, NULL), AATS_E_ARG);
    CHECK_EQ_I64(aats_hist_init(&h, "123456789012345678901234"), AATS_E_ARG);
    CHECK_EQ_I64(aats_hist_init(&h, "12345678901234567890123"), AATS_OK);
    CHECK_STR(h.name, "12345678901234567890123");
}

TEST(an_empty_histogram_has_no_percentiles)
{
    CHECK_EQ_I64(aats_hist_init(&h, "recv_pub"), AATS_OK);
    CHECK_EQ_U64(aats_hist_percentile(&h, 0.5), 0);
    CHECK_EQ_U64(aats_hist_percentile(&h, 1), 0);
}

TEST(samples_below_zero_are_counted_apart)
{
    aats_hist_init(&h, "recv_pub");
    aats_hist_record(&h, -1);
    aats_hist_record(&h, INT64_MIN);
    CHECK_EQ_U64(h.negative, 2);
    CHECK_EQ_U64(h.count, 0);
    CHECK_EQ_U64(h.bucket[0], 0);
    CHECK_EQ_U64(h.min_ns, 0);
}

TEST(buckets_lie_side_by_side_and_are_narrower_than_a_64th)
{
    for (uint32_t b = 0; b < AATS_HIST_BUCKETS; b++) {
        uint64_t const low = aats_hist_bucket_low(b), next = aats_hist_bucket_low(b + 1);
        CHECK_EQ_U64(aats_hist_bucket(low), b);
        CHECK_EQ_U64(aats_hist_bucket(next - 1), b);
        CHECK(next > low && (low < 64 ? next == low + 1 : (next - low) * 64 <= low));
    }
    CHECK_EQ_U64(aats_hist_bucket_low(AATS_HIST_BUCKETS), (uint64_t)1 << 41);
    CHECK_EQ_U64(aats_hist_bucket((uint64_t)1 << 41), AATS_HIST_BUCKETS - 1);
    CHECK_EQ_U64(aats_hist_bucket(UINT64_MAX), AATS_HIST_BUCKETS - 1);
}

static int by_value(void const *a, void const *b)
{
    uint64_t const x = *(uint64_t const *)a, y = *(uint64_t const *)b;
    return x < y ? -1 : x > y;
}

TEST(percentiles_are_within_one_percent_of_the_sorted_samples)
{
    static uint64_t samples[20000];
    static double const ps[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.99999};
    uint64_t x = 88172645463325252, sum = 0;
    size_t const cnt = sizeof samples / sizeof *samples;
    aats_hist_init(&h, "recv_pub");
    for (size_t i = 0; i < cnt; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        samples[i] = (x >> 20) >> (x % 43); /* all sizes below 2^41 and a bit */
        if (samples[i] >= (uint64_t)1 << 41) samples[i] = 5;
        sum += samples[i];
        aats_hist_record(&h, (int64_t)samples[i]);
    }
    qsort(samples, cnt, sizeof *samples, by_value);
    CHECK_EQ_U64(h.count, cnt);
    CHECK_EQ_U64(h.sum_ns, sum);
    CHECK_EQ_U64(aats_hist_percentile(&h, 0), samples[0]);
    CHECK_EQ_U64(aats_hist_percentile(&h, -1), samples[0]);
    CHECK_EQ_U64(aats_hist_percentile(&h, 0.0 / 0.0), samples[0]);
    CHECK_EQ_U64(aats_hist_percentile(&h, 1), samples[cnt - 1]);
    for (size_t i = 0; i < sizeof ps / sizeof *ps; i++) {
        size_t rank = (size_t)(ps[i] * (double)cnt + 0.999999);
        double const want = (double)samples[rank - 1], got = (double)aats_hist_percentile(&h, ps[i]);
        CHECK_MSG(got >= want * 0.99 && got <= want * 1.01, "p %g: %g, expected %g", ps[i], got, want);
    }
}

TEST(samples_beyond_the_last_bucket_keep_their_true_maximum)
{
    aats_hist_init(&h, "exch_recv");
    aats_hist_record(&h, INT64_MAX);
    CHECK_EQ_U64(h.bucket[AATS_HIST_BUCKETS - 1], 1);
    CHECK_EQ_U64(aats_hist_percentile(&h, 1), INT64_MAX);
}

TEST(merged_is_as_if_recorded_together)
{
    static aats_hist_t both;
    aats_hist_init(&h, "a");
    aats_hist_init(&g, "b");
    aats_hist_init(&both, "a");
    for (int64_t i = -3; i < 3000; i += 7) {
        aats_hist_record(i % 2 == 0 ? &h : &g, i * i * i);
        aats_hist_record(&both, i * i * i);
    }
    aats_hist_t sum;
    aats_hist_copy(&sum, &h);
    aats_hist_merge(&sum, &g);
    CHECK_MEM(&sum, &both, sizeof sum);

    aats_hist_t empty; /* merging with nothing changes nothing, either way */
    aats_hist_init(&empty, "a");
    aats_hist_merge(&sum, &empty);
    CHECK_MEM(&sum, &both, sizeof sum);
    aats_hist_merge(&empty, &both);
    CHECK_MEM(&empty, &both, sizeof sum);
}

TEST(a_reset_keeps_the_name_alone)
{
    aats_hist_init(&h, "recv_pub");
    aats_hist_init(&g, "recv_pub");
    aats_hist_record(&h, 5);
    aats_hist_record(&h, -5);
    aats_hist_reset(&h);
    CHECK_MEM(&h, &g, sizeof h);
}

RUN_ALL()
