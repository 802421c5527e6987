/* base/scale: scaled integers to doubles, against the C library's reading of the same decimal text. */
#include "base/scale.h"

#include "check.h"

static double by_text(int64_t value_i, int exp)
{
    char text[48];
    snprintf(text, sizeof text, "%" PRId64 "e%d", value_i, exp);
    return strtod(text, NULL);
}

TEST(every_value_is_the_double_nearest_to_its_decimal)
{
    int64_t const edge = INT64_C(1) << 53;
    int64_t const edges[] = {0, 1, -1, 1932767000000, INT64_MAX, INT64_MIN, edge, edge + 1, -edge - 1, INT64_C(123456789012345678)};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        for (int exp = -25; exp <= 25; exp++) {
            double const got = aats_scale(edges[i], exp), want = by_text(edges[i], exp);
            CHECK_MSG(got == want, "%lld e%d is %.17g, expected %.17g", (long long)edges[i], exp, got, want);
        }
    uint64_t x = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        int64_t const value_i = (int64_t)(x >> (x & 63));
        int const exp = -(int)(x >> 8 & 15);
        double const got = aats_scale(value_i, exp), want = by_text(value_i, exp);
        CHECK_MSG(got == want, "%lld e%d is %.17g, expected %.17g", (long long)value_i, exp, got, want);
    }
}

TEST(a_column_of_levels_is_taken_alone)
{
    int64_t const levels[] = {100, 7, 200, 8, 300, 9};
    double out[6] = {-1, -1, -1, -1, -1, -1};
    aats_scale_array(levels, 2, out, 2, 3, -2);
    aats_scale_array(levels + 1, 2, out + 1, 2, 2, -1);
    double const want[] = {1.0, 0.7, 2.0, 0.8, 3.0, -1};
    for (int i = 0; i < 6; i++) CHECK(out[i] == want[i]);
}

TEST(pairs_are_what_one_by_one_gives)
{
    int64_t const near = INT64_C(1) << 51;
    int64_t const edges[] = {0, 1, -1, 3, 10, 99, 1932767000000, near - 1, near, near + 1, -near, -near - 1, INT64_C(1) << 53, INT64_MAX, INT64_MIN};
    size_t const edge_cnt = sizeof edges / sizeof edges[0];
    int64_t in[14];
    double got[15], want[14];
    uint64_t x = 88172645463325252;
    for (int turn = 0; turn < 60000; turn++) {
        size_t const cnt = (size_t)turn % 8;
        int const px_exp = turn % 23 ? -(turn % 23) : 1, qty_exp = -(int)(x % 23);
        for (size_t i = 0; i < 2 * cnt; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            in[i] = turn % 4 ? (int64_t)x >> (13 + (x >> 8) % 50) : edges[x % edge_cnt];
        }
        got[2 * cnt] = 7.5;
        aats_scale_pairs(in, cnt, got, px_exp, qty_exp);
        aats_scale_pairs_plain(in, cnt, want, px_exp, qty_exp);
        CHECK_MSG(memcmp(got, want, 2 * cnt * sizeof *got) == 0, "%zu pairs at %d, %d", cnt, px_exp, qty_exp);
        for (size_t i = 0; i < cnt; i++) CHECK(want[2 * i] == aats_scale(in[2 * i + 1], qty_exp) && want[2 * i + 1] == aats_scale(in[2 * i], px_exp));
        CHECK(got[2 * cnt] == 7.5); /* nothing behind them is written */
    }
}

RUN_ALL()
