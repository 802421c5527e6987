/* test_num.c -- the promises of csrc/proto/num.h.
 *
 * Texts are handed over in heap blocks of their exact size, so that the sanitizer sees a read past the end. The
 * model of the fast path is aats_num_parse_plain; the plain one itself is held to vectors and to what
 * aats_num_format writes. */
#include "check.h"

#include "proto/num.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

typedef int (*parse_fn)(char const *s, size_t n, int exp, int64_t *out);

static int exact(parse_fn parse, char const *s, size_t n, int exp, int64_t *out)
{
    char *const copy = malloc(n ? n : 1);
    memcpy(copy, s, n);
    int const rc = parse(copy, n, exp, out);
    free(copy);
    return rc;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/* both parses by the fast and the plain way, checks that they agree, and returns the code; *out is 77 unless it is
 * AATS_OK. */
static int both(char const *s, size_t n, int exp, int64_t *out)
{
    int64_t plain = 77;
    *out = 77;
    int const want = exact(aats_num_parse_plain, s, n, exp, &plain);
    int const got = exact(aats_num_parse, s, n, exp, out);
    CHECK_MSG(got == want && *out == plain, "\"%.*s\" at %d: fast %d %" PRId64 ", plain %d %" PRId64, (int)n, s, exp,
              got, *out, want, plain);
    return got;
}

TEST(text_outside_the_grammar_is_refused)
{
    static char const *const BAD[] = {
        "",    "-",   "+1",  ".5",   "5.",  "-.5", "007",  "00",     "-01", "01.5", " 1",   "1 ",  "1e",    "1e+",
        "e5",  "1.e5",
        "0x1", "1,5", "1.2.3", "--1", "1-", "NaN", "Infinity", "12a", "1_000", "1.5f", "1.-5", "1e5.0", "1e1e1",
        "\"1\"", "1\n", "１",
        "12345678a", "1234567890123456789012345678901234567890x", "1.12345678x", "1.123456789x", "12345678.", "0.",
        "-0.", "1/2", "1:2", "1;",
    };
    int64_t out;
    for (size_t i = 0; i < CNT(BAD); i++) {
        CHECK_MSG(both(BAD[i], strlen(BAD[i]), -8, &out) == AATS_E_SYNTAX, "\"%s\" was taken", BAD[i]);
        CHECK_EQ_I64(out, 77);
    }
    CHECK_EQ_I64(both("1\0" "2", 3, -8, &out), AATS_E_SYNTAX);
}

TEST(a_value_that_does_not_fit_is_refused)
{
    static char const *const BIG[] = {
        "92233720368.54775808", "92233720369", "-92233720368.54775809", "123456789012345678901234567890", "1e11",
        "1e999999999999999999999",
        "99999999999999999999.999999999999", "92233720368.547758079999", "92233720368.547758081",
    };
    int64_t out;
    for (size_t i = 0; i < CNT(BIG); i++) {
        int const rc = both(BIG[i], strlen(BIG[i]), -8, &out);
        CHECK_MSG(rc == (i == 7 ? AATS_E_INEXACT : AATS_E_RANGE), "\"%s\" gave %d", BIG[i], rc);
    }
}

TEST(digits_below_the_exponent_are_refused_not_rounded)
{
    static char const *const FINE[] = {"0.000000001", "1.123456789", "-0.0000000010", "1e-9", "61837.640000001",
                                       "0.00000000000000000000000000001", "1e-999999999999"};
    int64_t out;
    for (size_t i = 0; i < CNT(FINE); i++) {
        CHECK_MSG(both(FINE[i], strlen(FINE[i]), -8, &out) == AATS_E_INEXACT, "\"%s\" was taken", FINE[i]);
    }
    CHECK_EQ_I64(both("1.5", 3, 0, &out), AATS_E_INEXACT);
    CHECK_EQ_I64(both("15", 2, 1, &out), AATS_E_INEXACT);
}

TEST(an_exponent_outside_the_limits_is_a_callers_mistake)
{
    char text[AATS_NUM_SZ];
    int64_t out;
    CHECK_EQ_I64(both("1", 1, AATS_NUM_EXP_MIN - 1, &out), AATS_E_ARG);
    CHECK_EQ_I64(both("1", 1, AATS_NUM_EXP_MAX + 1, &out), AATS_E_ARG);
    CHECK_EQ_I64(aats_num_format(1, AATS_NUM_EXP_MIN - 1, text, sizeof text), AATS_E_ARG);
    CHECK_EQ_I64(aats_num_format(1, AATS_NUM_EXP_MAX + 1, text, sizeof text), AATS_E_ARG);
}

TEST(ids_outside_the_grammar_or_64_bits_are_refused)
{
    static char const *const BAD[] = {"", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1 ", "x", "12345678x",
                                      "1234567890123456x", "99999999999999999999x"};
    uint64_t out = 77;
    for (size_t i = 0; i < CNT(BAD); i++) {
        CHECK_MSG(aats_num_u64(BAD[i], strlen(BAD[i]), &out) == AATS_E_SYNTAX, "\"%s\" was taken", BAD[i]);
    }
    CHECK_EQ_I64(aats_num_u64("18446744073709551616", 20, &out), AATS_E_RANGE);
    CHECK_EQ_I64(aats_num_u64("123456789012345678901234567890", 30, &out), AATS_E_RANGE);
    CHECK_EQ_U64(out, 77);
}

TEST(known_values_are_exact)
{
    static struct {
        char const *text;
        int exp;
        int64_t want;
    } const KNOWN[] = {
        {"61837.64000000", -8, 6183764000000},
        {"0", -8, 0},
        {"-0", -8, 0},
        {"-0.0", -8, 0},
        {"0.00000000", -8, 0},
        {"0.5", -8, 50000000},
        {"-0.5", -8, -50000000},
        {"0.00000001", -8, 1},
        {"1.000000000000000000000000000000", -8, 100000000},
        {"92233720368.54775807", -8, INT64_MAX},
        {"-92233720368.54775808", -8, INT64_MIN},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"1e2", -8, 10000000000},
        {"1E+2", -8, 10000000000},
        {"1.5e-7", -8, 15},
        {"0e999999999999999999", -8, 0},
        {"123400000000e-8", -8, 123400000000},
        {"12345678.9", -1, 123456789},
        {"123456789012345", -4, 1234567890123450000},
        {"1.25", -2, 125},
        {"1.25000", -2, 125},
        {"1200", 2, 12},
        {"0.000000000000000001", -18, 1},
        {"5000000000000000000", 18, 5},
    };
    int64_t out;
    for (size_t i = 0; i < CNT(KNOWN); i++) {
        CHECK_EQ_I64(both(KNOWN[i].text, strlen(KNOWN[i].text), KNOWN[i].exp, &out), AATS_OK);
        CHECK_MSG(out == KNOWN[i].want, "\"%s\" at %d gave %" PRId64, KNOWN[i].text, KNOWN[i].exp, out);
    }
}

/* Texts made of the grammar's characters, most of them numbers, some nearly. */
TEST(the_fast_way_says_what_the_plain_way_says)
{
    static char const ODD[] = "0123456789.-+eE ,\"";
    uint64_t seed = 1;
    int taken = 0;
    for (int round = 0; round < 200000; round++) {
        char s[64];
        size_t n = 0;
        uint64_t r = next_random(&seed);
        int const whole = (int)(r % 18), frac = (int)((r >> 8) % 12) - 1,
            exp = (r >> 16) % 4 ? -8 : (int)((r >> 20) % 37) - 18;
        if ((r >> 32) % 16 == 0) s[n++] = '-';
        for (int i = 0; i <= whole; i++) s[n++] = (char)('0' + next_random(&seed) % ((r >> 40) % 2 ? 2 : 10));
        if (frac >= 0) s[n++] = '.';
        for (int i = 0; i < frac; i++) s[n++] = (char)('0' + next_random(&seed) % ((r >> 41) % 2 ? 2 : 10));
        if ((r >> 48) % 16 == 0) n += (size_t)snprintf(s + n, 8, "e%d", (int)((r >> 52) % 40) - 20);
        if ((r >> 56) % 8 == 0) s[next_random(&seed) % n] = ODD[next_random(&seed) % (sizeof ODD - 1)];
        int64_t out;
        taken += both(s, n, exp, &out) == AATS_OK;
    }
    CHECK(taken > 20000);
}

TEST(what_is_written_reads_back_the_same)
{
    static int64_t const EDGE[] = {0, 1, -1, 9, 10, 99, 100, 100000000, -100000000, 6183764000000, INT64_MAX,
                                   INT64_MIN, INT64_MIN + 1, 1000000000000000000};
    uint64_t seed = 2;
    for (int exp = AATS_NUM_EXP_MIN; exp <= AATS_NUM_EXP_MAX; exp++) {
        for (int i = 0; i < 500; i++) {
            int64_t const v = i < (int)CNT(EDGE) ? EDGE[i] : (int64_t)next_random(&seed) >> (next_random(&seed) % 64);
            char text[AATS_NUM_SZ];
            int64_t back;
            int const n = aats_num_format(v, exp, text, sizeof text);
            REQUIRE(n > 0 && (size_t)n < sizeof text && strlen(text) == (size_t)n);
            CHECK_EQ_I64(both(text, (size_t)n, exp, &back), AATS_OK);
            CHECK_EQ_I64(back, v);
            CHECK(strchr(text, 'e') == NULL && (strchr(text, '.') == NULL || text[n - 1] != '0'));
        }
    }
}

TEST(texts_have_no_exponent_and_no_trailing_zeros)
{
    static struct {
        int64_t v;
        int exp;
        char const *want;
    } const KNOWN[] = {
        {0, -8, "0"}, {0, 5, "0"}, {6183764000000, -8, "61837.64"}, {-50000000, -8, "-0.5"}, {1, -8, "0.00000001"},
        {100000000, -8, "1"},
        {12, 2, "1200"}, {-7, 0, "-7"}, {INT64_MIN, -18, "-9.223372036854775808"},
        {INT64_MIN, 18, "-9223372036854775808000000000000000000"},
    };
    for (size_t i = 0; i < CNT(KNOWN); i++) {
        char text[AATS_NUM_SZ] = "?";
        CHECK_EQ_I64(aats_num_format(KNOWN[i].v, KNOWN[i].exp, text, sizeof text), strlen(KNOWN[i].want));
        CHECK_STR(text, KNOWN[i].want);
    }
}

TEST(a_buffer_too_small_for_the_text_and_its_zero_is_refused)
{
    char text[8] = "untouch";
    CHECK_EQ_I64(aats_num_format(1234567, 0, text, 7), AATS_E_FULL);
    CHECK_STR(text, "untouch");
    CHECK_EQ_I64(aats_num_format(1234567, 0, text, 8), 7);
    CHECK_EQ_I64(aats_num_format(0, 0, text, 0), AATS_E_FULL);
}

TEST(ids_of_every_length_read_back)
{
    uint64_t seed = 3, out;
    char text[32];
    CHECK_EQ_I64(aats_num_u64("0", 1, &out), AATS_OK);
    CHECK_EQ_U64(out, 0);
    CHECK_EQ_I64(aats_num_u64("18446744073709551615", 20, &out), AATS_OK);
    CHECK_EQ_U64(out, UINT64_MAX);
    for (int i = 0; i < 5000; i++) {
        uint64_t const v = next_random(&seed) >> (i % 64);
        int const n = snprintf(text, sizeof text, "%" PRIu64, v);
        char *const copy = malloc((size_t)n);
        memcpy(copy, text, (size_t)n);
        CHECK_EQ_I64(aats_num_u64(copy, (size_t)n, &out), AATS_OK);
        CHECK_EQ_U64(out, v);
        free(copy);
    }
}

RUN_ALL()
