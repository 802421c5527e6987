/* check.h -- the few macros our C tests are written with.
 *
 * For: tests/c/test_*.c and tests/race/test_*.c, each an executable of its own.  Not for the product, and not a
 * framework: a test is a function, a check that fails says where and with which values, and the run goes on, so that one
 * run shows everything that is wrong.
 *
 *     #include "check.h"
 *     #include "proto/num.h"
 *
 *     TEST( empty_text_is_refused )
 *     {
 *         int64_t out;
 *         CHECK_EQ_I64( aats_num_parse( "", 0, 8, &out ), AATS_E_SYNTAX );
 *     }
 *
 *     RUN_ALL()
 *
 * Running:    ./test_num                     every test, in the order of the file
 *             ./test_num --list              the names, one a line, nothing is run
 *             ./test_num NAME...             those tests; an unknown name ends the run with 2
 * Output:     ok NAME | FAIL NAME | skip NAME: REASON, one line a test on stdout; what failed on stderr, at its file and line.
 * Exit code:  0 all well (or skipped), 1 something failed or nothing was checked, 2 wrong use.
 *
 * A test that ran to its end without a single check FAILS: it could never have turned red.  Tests register themselves by
 * a constructor; the state below belongs to the one translation unit that includes this file. */
#ifndef AATS_TESTS_CHECK_H
#define AATS_TESTS_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char const *name;
    void (*fn)(void);
} check_test_t;

#define CHECK_TEST_MAX 512
#define CHECK_SHOWN_MAX 20 /* failed checks told in full for each test; the rest is only counted */

static check_test_t check_tests[CHECK_TEST_MAX];
static int check_test_cnt;
static uint64_t check_done;     /* checks evaluated by the running test */
static uint64_t check_failed;   /* of those, how many failed            */
static char const *check_skip;  /* why the running test was skipped     */

/* TEST opens a test function and registers it under its name. */
#define TEST(name)                                                                                                             \
    static void test_##name(void);                                                                                             \
    __attribute__((constructor)) static void check_register_##name(void) { check_register(#name, test_##name); }               \
    static void test_##name(void)

/* CHECK fails the test unless cond holds.  Evaluates cond once, as all of the macros below do with their arguments. */
#define CHECK(cond)           ((void)check_that((cond) ? 1 : 0, __FILE__, __LINE__, "%s", #cond))

/* CHECK_MSG is CHECK with a printf text of your own, for what a loop variable would otherwise hide. */
#define CHECK_MSG(cond, ...)  ((void)check_that((cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__))

/* REQUIRE is CHECK that leaves the test function when it fails: for what the rest of the test stands on. */
#define REQUIRE(cond)                                                                                                          \
    do {                                                                                                                       \
        if (!check_that((cond) ? 1 : 0, __FILE__, __LINE__, "required: %s", #cond)) return;                                    \
    } while (0)

/* CHECK_EQ_* compare got with want and print both.  Any integer type up to 64 bits goes into I64 and U64. */
#define CHECK_EQ_I64(got, want) ((void)check_eq_i64((int64_t)(got), (int64_t)(want), #got, #want, __FILE__, __LINE__))
#define CHECK_EQ_U64(got, want) ((void)check_eq_u64((uint64_t)(got), (uint64_t)(want), #got, #want, __FILE__, __LINE__))
#define CHECK_EQ_PTR(got, want) ((void)check_eq_ptr((got), (want), #got, #want, __FILE__, __LINE__))

/* CHECK_STR compares NUL-terminated texts; NULL equals only NULL. */
#define CHECK_STR(got, want)    ((void)check_str((got), (want), #got, __FILE__, __LINE__))

/* CHECK_MEM compares sz bytes and prints the first offset at which they differ. */
#define CHECK_MEM(got, want, sz) ((void)check_mem((got), (want), (size_t)(sz), #got, __FILE__, __LINE__))

/* SKIP leaves the test function and reports it as skipped, with the reason. */
#define SKIP(reason)                                                                                                           \
    do {                                                                                                                       \
        check_skip = (reason);                                                                                                 \
        return;                                                                                                                \
    } while (0)

/* RUN_ALL is the file's main. */
#define RUN_ALL()                                                                                                              \
    int main(int argc, char **argv) { return check_main(argc, argv); }

/* ---- what the macros call ------------------------------------------------------------------------------------------- */

__attribute__((unused)) static void check_register(char const *name, void (*fn)(void))
{
    if (check_test_cnt == CHECK_TEST_MAX) {
        fprintf(stderr, "check.h: more than %d tests in one file\n", CHECK_TEST_MAX);
        exit(2);
    }
    check_tests[check_test_cnt++] = (check_test_t){name, fn};
}

__attribute__((unused, format(printf, 4, 5))) static int check_that(int ok, char const *file, int line, char const *fmt, ...)
{
    check_done++;
    if (ok) return 1;
    if (check_failed++ < CHECK_SHOWN_MAX) {
        va_list ap;
        fprintf(stderr, "%s:%d: check failed: ", file, line);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
    }
    return 0;
}

__attribute__((unused)) static int check_eq_i64(int64_t got, int64_t want, char const *got_txt, char const *want_txt, char const *file,
                                                int line)
{
    return check_that(got == want, file, line, "%s is %" PRId64 ", expected %" PRId64 " (%s)", got_txt, got, want, want_txt);
}

__attribute__((unused)) static int check_eq_u64(uint64_t got, uint64_t want, char const *got_txt, char const *want_txt, char const *file,
                                                int line)
{
    return check_that(got == want, file, line, "%s is %" PRIu64 " (0x%" PRIx64 "), expected %" PRIu64 " (%s)", got_txt, got, got, want,
                      want_txt);
}

__attribute__((unused)) static int check_eq_ptr(void const *got, void const *want, char const *got_txt, char const *want_txt,
                                                char const *file, int line)
{
    return check_that(got == want, file, line, "%s is %p, expected %p (%s)", got_txt, got, want, want_txt);
}

__attribute__((unused)) static int check_str(char const *got, char const *want, char const *got_txt, char const *file, int line)
{
    int const same = got == NULL || want == NULL ? got == want : strcmp(got, want) == 0;
    return check_that(same, file, line, "%s is \"%s\", expected \"%s\"", got_txt, got == NULL ? "(null)" : got,
                      want == NULL ? "(null)" : want);
}

__attribute__((unused)) static int check_mem(void const *got, void const *want, size_t sz, char const *got_txt, char const *file,
                                             int line)
{
    uint8_t const *g = got;
    uint8_t const *w = want;
    size_t at = 0;
    while (at < sz && g[at] == w[at]) at++;
    if (at == sz) return check_that(1, file, line, "%s", got_txt);
    return check_that(0, file, line, "%s differs at byte %zu of %zu: 0x%02x, expected 0x%02x", got_txt, at, sz, g[at], w[at]);
}

/* check_run runs one test; 1 when it is well (passed or skipped), 0 when it failed. */
static int check_run(check_test_t const *test)
{
    check_done = check_failed = 0;
    check_skip = NULL;
    test->fn();
    fflush(stderr);
    if (check_failed == 0 && check_skip != NULL) {
        printf("skip %s: %s\n", test->name, check_skip);
    } else if (check_failed == 0 && check_done > 0) {
        printf("ok %s\n", test->name);
    } else {
        if (check_failed > CHECK_SHOWN_MAX) fprintf(stderr, "... %" PRIu64 " more\n", check_failed - CHECK_SHOWN_MAX);
        if (check_done == 0) fprintf(stderr, "%s: ended without a single check\n", test->name);
        printf("FAIL %s\n", test->name);
        fflush(stdout);
        return 0;
    }
    fflush(stdout);
    return 1;
}

static int check_main(int argc, char **argv)
{
    int well = 1;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < check_test_cnt; i++) printf("%s\n", check_tests[i].name);
        return 0;
    }
    if (argc == 1) {
        for (int i = 0; i < check_test_cnt; i++) well &= check_run(&check_tests[i]);
        return well && check_test_cnt > 0 ? 0 : 1;
    }
    for (int a = 1; a < argc; a++) {
        int i = 0;
        while (i < check_test_cnt && strcmp(check_tests[i].name, argv[a]) != 0) i++;
        if (i == check_test_cnt) {
            fprintf(stderr, "no test of the name %s; --list shows them\n", argv[a]);
            return 2;
        }
        well &= check_run(&check_tests[i]);
    }
    return well ? 0 : 1;
}

#endif
