/* test_isa.c -- the promises of csrc/base/isa.h. */
#include "check.h"

#include "base/errors.h"
#include "base/isa.h"

#include <unistd.h>

static char const *const NAMES[] = {"scalar", "sse42", "avx2", "avx512"};

static int number(char const *name)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, NAMES[i]) == 0) return i;
    return -1;
}

/* First in the file, and alone where the last test runs it as a child: nothing has called aats_isa_use yet. */
TEST(the_level_at_start_is_what_the_environment_says)
{
    char const *const told = getenv("AATS_ISA");
    int const best = number(aats_isa_best_name()), want = told == NULL || told[0] == 0 ? best : number(told);
    CHECK((aats_isa_refused() != NULL) == (want < 0));
    if (want < 0) {
        CHECK(strstr(aats_isa_refused(), told) != NULL && strstr(aats_isa_refused(), "scalar, sse42, avx2, avx512") != NULL);
        CHECK_STR(aats_isa_name(), "scalar");
    } else {
        CHECK_EQ_I64(aats_isa(), want < best ? want : best);
    }
}

TEST(an_unknown_level_is_refused_with_the_list_and_changes_nothing)
{
    char why[200] = "";
    static char const *const BAD[] = {"", "AVX2", "avx-512", "avx5120", "best", "scalar ", "%s%n"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        int const before = aats_isa();
        CHECK_EQ_I64(aats_isa_use(BAD[i], why, sizeof why), AATS_E_UNKNOWN);
        CHECK(strstr(why, BAD[i]) != NULL);
        for (int k = 0; k < 4; k++) CHECK(strstr(why, NAMES[k]) != NULL);
        CHECK_EQ_I64(aats_isa(), before);
    }
}

TEST(a_level_is_never_above_what_the_processor_has)
{
    int const best = number(aats_isa_best_name());
    REQUIRE(best >= 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ_I64(aats_isa_use(NAMES[i], NULL, 0), AATS_OK);
        CHECK_EQ_I64(aats_isa(), i < best ? i : best);
        CHECK_STR(aats_isa_name(), NAMES[i < best ? i : best]);
    }
}

static int run(char const *level)
{
    char self[4096], command[4400];
    ssize_t const n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return -1;
    self[n] = 0;
    snprintf(command, sizeof command, "AATS_ISA=%s '%s' the_level_at_start_is_what_the_environment_says >/dev/null", level, self);
    return system(command);
}

TEST(each_word_in_the_environment_is_obeyed_or_refused_before_main)
{
    for (int i = 0; i < 4; i++) CHECK_EQ_I64(run(NAMES[i]), 0);
    CHECK_EQ_I64(run("mmx"), 0);
    CHECK_EQ_I64(run(""), 0);
}

RUN_ALL()
