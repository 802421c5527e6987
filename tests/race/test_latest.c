/* test_latest.c -- latest-book slots under weak memory: a copy is one book, marked or not, never parts of two. */
#include "weak.h"

#include "race_fixture.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

THREAD(setup) { race_md_reset(); }

THREAD(write_one) { race_quote(0); }

/* write_three: a book, the same marked bad, another book. */
THREAD(write_three)
{
    race_quote(0);
    aats_rec_t bad = fixture_rec(AATS_REC_STATE, 0, 90);
    bad.flags = 0;
    bad.why = AATS_WHY_GAP;
    aats_md_publish(&writer, &bad, NULL, NULL);
    race_quote(0);
}

THREAD(read_twice)
{
    uint64_t seen = 0;
    for (int turn = 0; turn < 2; turn++) {
        aats_rec_t head;
        aats_level_t bid, ask;
        int const got = aats_latest_try(&md, 0, &head, &bid, &ask, 1);
        WEAK_ASSERT(got == 0 || got == 1 || (got == AATS_E_EMPTY && seen == 0));
        if (got != 1) continue;
        WEAK_ASSERT(head.stamp == 2 * head.rec + 2 && head.stamp >= seen); /* books of one reader never go back */
        seen = head.stamp;
        if (head.kind == AATS_REC_STATE) {
            WEAK_ASSERT(head.rec == 1 && fixture_whole(&head, 90) && head.why == AATS_WHY_GAP && !(head.flags & AATS_F_VALID));
            WEAK_ASSERT(head.bid_len == 1 && fixture_levels_whole(&bid, 1, 1) && fixture_levels_whole(&ask, 1, 2));
        } else {
            WEAK_ASSERT(head.rec != 1 && race_is_quote(&head, &bid, &ask, head.rec));
        }
    }
}

TEST(a_first_book_is_seen_whole_or_not_at_all)
{
    REQUIRE(race_md_init(2, 5, 1));
    weak_program_t const program = {.setup = setup, .threads = {write_one, read_twice}};
    WEAK_HOLDS(&program, .kill = 1);
}

TEST(a_copy_is_of_one_write_through_changes_marks_and_deaths)
{
    REQUIRE(race_md_init(4, 5, 1));
    weak_program_t const program = {.setup = setup, .threads = {write_three, read_twice}};
    WEAK_HOLDS(&program, .random_runs = 6000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 2, .kill = 1);
}

RUN_ALL()
