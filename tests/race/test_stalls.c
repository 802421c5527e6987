/* test_stalls.c -- the gaps of a trade loop under weak memory: one that is seen is whole, and one below the head is there or overwritten. */
#include "weak.h"

#include "../c/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "shm/stalls.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

static aats_td_t td;

static aats_stall_facts_t facts(uint64_t n)
{
    return (aats_stall_facts_t){.ns = (int64_t)n + 1, .gap_ns = n + 1, .minor = (uint32_t)n + 1, .voluntary = (uint32_t)n + 1, .called = 1};
}

/* The ring has gone round once: gap 0 is there, and 64 is the next, in its place. */
THREAD(setup)
{
    memset(&td, 0, sizeof td);
    td.stall_head = AATS_STALLS_KEPT;
    td.stall[0] = (aats_stall_t){.stamp = 2, .ns = 1, .gap_ns = 1, .minor = 1, .voluntary = 1, .cause = AATS_STALL_FAULT};
    weak_name(&td.stall_head, sizeof td.stall_head, "stall_head");
    weak_name(&td.stall[0], sizeof td.stall[0], "slot 0");
    weak_name(&td.stall[1], sizeof td.stall[1], "slot 1");
}

THREAD(write_two)
{
    for (uint64_t n = AATS_STALLS_KEPT; n < AATS_STALLS_KEPT + 2; n++) {
        aats_stall_facts_t const gap = facts(n);
        aats_stall_put(&td, &gap);
    }
}

static int look_at(uint64_t n)
{
    aats_stall_t out;
    memset(&out, 0, sizeof out);
    int const got = aats_stall_get(&td, n, &out);
    WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_LAPPED);
    if (got == 1) {
        WEAK_ASSERT(out.stamp == 2 * n + 2 && out.ns == (int64_t)n + 1 && out.gap_ns == n + 1);
        WEAK_ASSERT(out.minor == (uint32_t)n + 1 && out.voluntary == (uint32_t)n + 1);
    }
    return got;
}

/* follow: the old gap of the slot, then the new one; nothing is unlearned. */
THREAD(follow)
{
    int const old = look_at(0);
    WEAK_ASSERT(old == 1 || old == AATS_E_LAPPED);
    look_at(AATS_STALLS_KEPT);
    if (old == AATS_E_LAPPED) WEAK_ASSERT(look_at(0) == AATS_E_LAPPED);
}

/* join: every gap below the head that was read is there. */
THREAD(join)
{
    for (int turn = 0; turn < 2; turn++) {
        uint64_t const head = aats_stall_head(&td);
        WEAK_ASSERT(head >= AATS_STALLS_KEPT && head <= AATS_STALLS_KEPT + 2);
        if (head > AATS_STALLS_KEPT) WEAK_ASSERT(look_at(head - 1) == 1); /* S3; 64 and 65 are overwritten by nobody */
    }
}

TEST(a_gap_that_is_seen_is_whole_through_a_reused_slot_and_a_death)
{
    weak_program_t const program = {.setup = setup, .threads = {write_two, follow}};
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 1500, .seed = 2, .kill = 1);
}

TEST(every_gap_below_the_head_is_there)
{
    weak_program_t const program = {.setup = setup, .threads = {write_two, join}};
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 3);
}

RUN_ALL()
