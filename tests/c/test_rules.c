/* test_rules.c -- the edges of rules.c under the sanitizers; what is right there, tests/trade/test_rules.py says by a model. */
#include "check.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "base/errors.h"
#include "layout/layout.h"
#include "order/rules.h"

static aats_rules_t const PLAIN = {.symbol = "BTCUSDT.BINANCE", .px_exp = -8, .qty_exp = -8, .tick_i = 1000000, .lot_i = 1000};
static int64_t px_i, qty_i;
static int fitted;
static char why[160];

static aats_given_t number(double f) { return (aats_given_t){.kind = AATS_GIVEN_FLOAT, .f = f}; }
static aats_given_t words(char const *s) { return (aats_given_t){.kind = AATS_GIVEN_TEXT, .text = s, .text_len = strlen(s)}; }

static int fit(aats_rules_t const *r, int side, aats_given_t px, aats_given_t qty, int strict)
{
    return aats_rules_fit(r, side, AATS_TIF_GTC, &px, &qty, 0, strict, &px_i, &qty_i, &fitted, why, sizeof why);
}

TEST(no_float_whatever_its_bits_goes_wrong_at_any_exponent_and_step)
{
    static double const FLOATS[] = {0, -0.0, DBL_MIN, DBL_TRUE_MIN, DBL_EPSILON, DBL_MAX, 1e-18, 1e18, 9.2e10, 9.3e10,
                                    0.1, 1.0 / 3, 4503599627370497.5};
    static int64_t const STEPS[] = {0, 1, 7, 1000000, INT64_MAX / 2, INT64_MAX};
    uint32_t codes = 0;
    for (int exp = -18; exp <= 18; exp++) {
        for (size_t s = 0; s < sizeof STEPS / sizeof STEPS[0]; s++) {
            aats_rules_t r = {.px_exp = exp, .qty_exp = -exp, .tick_i = STEPS[s], .lot_i = STEPS[s], .min_notional_i = 1};
            r.max_notional_i = INT64_MAX;
            for (size_t f = 0; f < sizeof FLOATS / sizeof FLOATS[0]; f++) {
                for (int strict = 0; strict < 2; strict++) {
                    int const code = fit(&r, f % 2 ? AATS_SIDE_BUY : AATS_SIDE_SELL, number(FLOATS[f]), number(FLOATS[f]), strict);
                    CHECK(code >= 0 && code < 32);
                    codes |= 1u << code;
                    if (code != AATS_OC_NONE) continue;
                    CHECK(px_i > 0 && qty_i > 0 && (STEPS[s] == 0 || (px_i % STEPS[s] == 0 && qty_i % STEPS[s] == 0)));
                }
            }
        }
    }
    CHECK(codes & 1u << AATS_OC_NONE && codes & 1u << AATS_OC_NUMBER && codes & 1u << AATS_OC_OFF_LOT && codes & 1u << AATS_OC_SIZE_RANGE);
}

TEST(a_text_is_not_read_past_its_length)
{
    char *text = malloc(8);
    memcpy(text, "61837.64", 8);
    aats_given_t px = {.kind = AATS_GIVEN_TEXT, .text = text, .text_len = 8}, nothing = {.kind = AATS_GIVEN_TEXT};
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, px, words("1"), 0), AATS_OC_NONE);
    CHECK_EQ_I64(px_i, INT64_C(6183764000000));
    px.text_len = 6; /* "61837." */
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, px, words("1"), 0), AATS_OC_NUMBER);
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, nothing, words("1"), 0), AATS_OC_NUMBER);
    free(text);
}

TEST(a_sentence_repeats_no_unprintable_and_no_endless_text)
{
    char endless[3000];
    memset(endless, '9', sizeof endless);
    aats_given_t const px = {.kind = AATS_GIVEN_TEXT, .text = endless, .text_len = sizeof endless};
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, px, words("1"), 0), AATS_OC_NUMBER);
    CHECK(strlen(why) < 120);
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, words("1\n\x1b[2J"), words("1"), 0), AATS_OC_NUMBER);
    CHECK_STR(why, "price '1??[2J' is not a number of 0 or more");
}

TEST(a_message_without_room_is_no_trouble)
{
    aats_given_t const px = number(61837.641), qty = number(1);
    CHECK_EQ_I64(aats_rules_fit(&PLAIN, AATS_SIDE_BUY, AATS_TIF_GTC, &px, &qty, 0, 0, &px_i, &qty_i, &fitted, NULL, 0), AATS_OC_NONE);
    CHECK_EQ_I64(fitted, 1);
    CHECK_EQ_I64(aats_rules_fit(&PLAIN, AATS_SIDE_BUY, AATS_TIF_GTC, &px, &qty, 0, 1, &px_i, &qty_i, &fitted, why, 0), AATS_OC_OFF_TICK);
}

TEST(a_float_between_two_ticks_goes_to_the_passive_side)
{
    static double const OFF[] = {1e-8, 0.3, 0.5, 0.7, 0.999}; /* of a tick */
    for (int64_t n = 1; n < 400000; n = n * 3 + 1) {
        for (size_t i = 0; i < sizeof OFF / sizeof OFF[0]; i++) {
            double const px = ((double)n + OFF[i]) / 100;
            int const near = OFF[i] <= (double)n * 1e-9;
            CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, number(px), number(px), 0), AATS_OC_NONE);
            CHECK_EQ_I64(px_i, n * 1000000);
            CHECK(qty_i <= px_i + (int64_t)(OFF[i] * 1000000) + 1);
            CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_SELL, number(px), number(1), 0), AATS_OC_NONE);
            CHECK_EQ_I64(px_i, (n + !near) * 1000000);
            CHECK_EQ_I64(fitted, !near);
        }
    }
}

TEST(a_locale_with_a_comma_changes_nothing)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale(LC_NUMERIC, "de_DE.utf8") == NULL) {
        SKIP("no locale with a comma is installed");
    }
    CHECK_EQ_I64(fit(&PLAIN, AATS_SIDE_BUY, number(61837.64), number(0.5), 1), AATS_OC_NONE);
    CHECK_EQ_I64(qty_i, 50000000);
    setlocale(LC_NUMERIC, "C");
}

RUN_ALL()
