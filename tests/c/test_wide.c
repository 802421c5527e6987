/* test_wide.c -- sums at the edges of 128 bits, and their texts (tests/trade/test_rules.py holds the same functions to a model). */
#include "check.h"

#include "order/wide.h"

#define I128_MAX ((__int128)(((unsigned __int128)1 << 127) - 1))
#define I128_MIN (-I128_MAX - 1)

TEST(a_sum_that_leaves_128_bits_is_refused_and_stays)
{
    aats_i128_t sum = aats_wide_of(I128_MAX);
    CHECK_EQ_I64(aats_wide_add(&sum, 1), AATS_E_RANGE);
    CHECK_EQ_I64(aats_wide_add_mul(&sum, INT64_MIN, INT64_MIN), AATS_E_RANGE);
    CHECK(aats_wide(sum) == I128_MAX);
    CHECK_EQ_I64(aats_wide_add(&sum, -1), AATS_OK);
    CHECK(aats_wide(sum) == I128_MAX - 1);
    sum = aats_wide_of(I128_MIN);
    CHECK_EQ_I64(aats_wide_add(&sum, -1), AATS_E_RANGE);
    CHECK_EQ_I64(aats_wide_add_mul(&sum, INT64_MAX, INT64_MIN), AATS_E_RANGE);
    CHECK(aats_wide(sum) == I128_MIN);
}

static char const *format(__int128 v, int exp)
{
    static char out[AATS_WIDE_SZ];
    return aats_wide_format(aats_wide_of(v), exp, out, sizeof out) < 0 ? "refused" : out;
}

static char const *average(__int128 notional, int64_t qty)
{
    static char out[AATS_WIDE_SZ];
    return aats_wide_average(aats_wide_of(notional), qty, 0, 0, out, sizeof out) < 0 ? "refused" : out;
}

TEST(texts_have_no_exponent_and_no_trailing_zeros)
{
    CHECK_STR(format(0, -8), "0");
    CHECK_STR(format(0, 18), "0");
    CHECK_STR(format(-1, -16), "-0.0000000000000001");
    CHECK_STR(format(100, -2), "1");
    CHECK_STR(format(-1050, -2), "-10.5");
    CHECK_STR(format(12, 3), "12000");
    CHECK_STR(format(I128_MAX, 0), "170141183460469231731687303715884105727");
    CHECK_STR(format(I128_MIN, 18), "-170141183460469231731687303715884105728000000000000000000");
    CHECK_STR(format(I128_MIN, -36), "-170.141183460469231731687303715884105728");
    CHECK_STR(format(1, -37), "refused");
}

TEST(an_average_is_rounded_half_to_even_at_the_fourth_digit_more)
{
    CHECK_STR(average(10, 3), "3.3333");
    CHECK_STR(average(20, 3), "6.6667");
    CHECK_STR(average(1, 20000), "0");       /* 0.00005: to even */
    CHECK_STR(average(3, 20000), "0.0002");  /* 0.00015: to even */
    CHECK_STR(average(-3, 20000), "-0.0002");
    CHECK_STR(average(5, 20000), "0.0002");  /* 0.00025: to even */
    CHECK_STR(average(0, 0), "0");
    CHECK_STR(average(7, -1), "refused");
    CHECK_STR(average(I128_MAX, 1), "refused");
    CHECK_STR(average(INT64_MAX, INT64_MAX), "1");
}

static char const *share(__int128 total, __int128 part, __int128 whole)
{
    aats_i128_t out;
    if (aats_wide_share(aats_wide_of(total), aats_wide_of(part), aats_wide_of(whole), &out) != AATS_OK) return "refused";
    return format(aats_wide(out), 0);
}

TEST(a_share_is_rounded_half_to_even_and_exact_beyond_128_bits)
{
    CHECK_STR(share(10, 1, 4), "2");
    CHECK_STR(share(14, 1, 4), "4");
    CHECK_STR(share(-10, 1, 4), "-2");
    CHECK_STR(share(-11, 1, 4), "-3");
    CHECK_STR(share(7, 0, 9), "0");
    CHECK_STR(share(I128_MIN, 3, 3), "-170141183460469231731687303715884105728");
    CHECK_STR(share(I128_MAX, I128_MAX - 1, I128_MAX), "170141183460469231731687303715884105726");
    CHECK_STR(share(I128_MIN, I128_MAX - 1, I128_MAX), "-170141183460469231731687303715884105727");
    CHECK_STR(share(I128_MAX, I128_MAX / 3, I128_MAX), "56713727820156410577229101238628035242");
    CHECK_STR(share(1, 2, 1), "refused");
    CHECK_STR(share(1, -1, 1), "refused");
    CHECK_STR(share(1, 0, 0), "refused");
}

TEST(a_shift_that_does_not_fit_is_refused)
{
    aats_i128_t out = aats_wide_of(5);
    CHECK_EQ_I64(aats_wide_shift(aats_wide_of(I128_MAX), 1, &out), AATS_E_RANGE);
    CHECK_EQ_I64(aats_wide_shift(aats_wide_of(1), -1, &out), AATS_E_ARG);
    CHECK(aats_wide(out) == 5);
    CHECK_EQ_I64(aats_wide_shift(aats_wide_of(-3), 36, &out), AATS_OK);
    CHECK_STR(format(aats_wide(out), -36), "-3");
    CHECK_EQ_I64(aats_wide_shift(aats_wide_of(0), 1000000, &out), AATS_OK);
    CHECK(aats_wide(out) == 0);
}

RUN_ALL()
