/* test_procs.c -- a process is named by pid and start time, and is dead when either is. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm_fixture.h"

TEST(a_pid_out_of_range_is_nobody)
{
    CHECK_EQ_U64(aats_ident(0, 5), 0);
    CHECK_EQ_U64(aats_ident((uint64_t)1 << 22, 5), 0);
    CHECK_EQ_I64(aats_proc_alive(0), 0);
}

TEST(an_identity_word_gives_back_its_parts)
{
    uint64_t const pid = ((uint64_t)1 << 22) - 1, ticks = ((uint64_t)1 << 34) - 1;
    uint64_t const word = aats_ident_with(aats_ident(pid, ticks), 0xab);
    CHECK_EQ_U64(aats_ident_pid(word), pid);
    CHECK_EQ_U64(aats_ident_start_ticks(word), ticks);
    CHECK_EQ_U64(aats_ident_state(word), 0xab);
    CHECK_EQ_U64(aats_ident_bare(word), aats_ident(pid, ticks));
    CHECK_EQ_U64(word, ~(uint64_t)0 & ~(uint64_t)0x54);
}

TEST(stat_text_that_is_cut_or_strange_is_refused)
{
    static char const *const bad[] = {"", "12", "12 (a", "12 (a)", "12 (a) ", "12 (a) S 1 1 1 1",
                                      "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x 0",
                                      "1 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 12345678901234567890 0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char state;
        uint64_t ticks;
        CHECK_MSG(aats_proc_parse_stat(bad[i], strlen(bad[i]), &state, &ticks) == AATS_E_SYNTAX, "\"%s\"", bad[i]);
    }
}

TEST(a_process_name_full_of_parentheses_does_not_shift_the_fields)
{
    char const *text = "77 (a) R 1 (b) 2) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 424242 0 0\n";
    char state = 0;
    uint64_t ticks = 0;
    CHECK_EQ_I64(aats_proc_parse_stat(text, strlen(text), &state, &ticks), AATS_OK);
    CHECK_EQ_I64(state, 'S');
    CHECK_EQ_U64(ticks, 424242);
}

TEST(we_are_alive_and_the_next_holder_of_our_pid_is_not_us)
{
    uint64_t const self = aats_ident_self();
    CHECK(self != 0);
    CHECK_EQ_U64(aats_ident_pid(self), (uint64_t)getpid());
    CHECK_EQ_I64(aats_proc_alive(aats_ident_with(self, AATS_STATE_RUN)), 1);
    CHECK_EQ_I64(aats_proc_alive(aats_ident(aats_ident_pid(self), aats_ident_start_ticks(self) + 1)), 0);
}

TEST(a_killed_child_is_dead_before_it_is_waited_for)
{
    pid_t const pid = fork();
    if (pid == 0) {
        for (;;) pause();
    }
    uint64_t ticks = 0;
    CHECK_EQ_I64(aats_proc_start_ticks((uint64_t)pid, &ticks), AATS_OK);
    uint64_t const child = aats_ident((uint64_t)pid, ticks);
    CHECK_EQ_I64(aats_proc_alive(child), 1);

    siginfo_t info;
    kill(pid, SIGKILL);
    CHECK_EQ_I64(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* a zombie now */
    CHECK_EQ_I64(aats_proc_alive(child), 0);
    CHECK_EQ_I64(waitpid(pid, NULL, 0), pid);
    CHECK_EQ_I64(aats_proc_alive(child), 0);
    CHECK_EQ_I64(aats_proc_start_ticks((uint64_t)pid, &ticks), AATS_E_DEAD);
}

RUN_ALL()
