/* app/wait: which loop may spin, and how long an idle turn may take. */
#include "app/wait.h"

#include "base/clock.h"
#include "shm_fixture.h"

TEST(only_so_many_spin_that_one_core_is_left)
{
    CHECK_EQ_U64(aats_wait_choose(AATS_WAIT_NONE, 1, 0), AATS_WAIT_YIELD);
    CHECK_EQ_U64(aats_wait_choose(AATS_WAIT_NONE, 2, 0), AATS_WAIT_SPIN);
    CHECK_EQ_U64(aats_wait_choose(AATS_WAIT_NONE, 2, 1), AATS_WAIT_YIELD);
    CHECK_EQ_U64(aats_wait_choose(AATS_WAIT_NONE, 3, 1), AATS_WAIT_SPIN);
    CHECK_EQ_U64(aats_wait_choose(AATS_WAIT_NONE, 3, 2), AATS_WAIT_YIELD);
    for (uint32_t wait = AATS_WAIT_SPIN; wait <= AATS_WAIT_SLEEP; wait++) CHECK_EQ_U64(aats_wait_choose(wait, 1, 9), wait);
}

TEST(the_mode_in_force_is_shown_and_counts_its_own_slot_once)
{
    aats_ctl_view_t ctl;
    CHECK_EQ_I64(fixture_ctl(&ctl, 4), AATS_OK);
    aats_slot_t *slots[2];
    for (int i = 0; i < 2; i++) {
        uint64_t const self = fixture_ident(10 + (uint64_t)i);
        int const at = aats_ctl_claim(&ctl, self, AATS_ROLE_TRADE, i ? "b" : "a", 1);
        CHECK(at >= 0);
        slots[i] = &ctl.slots[at];
        CHECK_EQ_I64(aats_ctl_move(slots[i], self, AATS_STATE_RUN), AATS_OK);
    }
    aats_wait_t first, second;
    aats_wait_init(&first, AATS_WAIT_NONE, 2);
    aats_wait_init(&second, AATS_WAIT_NONE, 2);
    aats_wait_look(&first, &ctl, slots[0], 1000000000);
    CHECK_EQ_U64(slots[0]->wait, AATS_WAIT_SPIN);
    aats_wait_look(&second, &ctl, slots[1], 1000000000);
    CHECK_EQ_U64(slots[1]->wait, AATS_WAIT_YIELD);
    aats_wait_look(&first, &ctl, slots[0], 1000000000 + AATS_WAIT_LOOK_NS);
    CHECK_EQ_U64(first.mode, AATS_WAIT_SPIN); /* it does not count itself as another */
    aats_ctl_wait(slots[0], AATS_WAIT_SLEEP);
    aats_wait_look(&second, &ctl, slots[1], 1000000000 + AATS_WAIT_LOOK_NS - 1);
    CHECK_EQ_U64(second.mode, AATS_WAIT_YIELD); /* not yet time to look */
    aats_wait_look(&second, &ctl, slots[1], 1000000000 + AATS_WAIT_LOOK_NS);
    CHECK_EQ_U64(second.mode, AATS_WAIT_SPIN);
    free(ctl.seg);
}

TEST(yielding_becomes_sleeping_after_200_us_and_work_ends_it)
{
    aats_wait_t w;
    aats_wait_init(&w, AATS_WAIT_YIELD, 1);
    aats_wait_idle(&w, 5000);
    CHECK_EQ_I64(w.idle_mono_ns, 5000);
    int64_t const begin = aats_mono_ns();
    aats_wait_idle(&w, 5000 + AATS_WAIT_YIELD_NS);
    CHECK(aats_mono_ns() - begin >= AATS_WAIT_SLEEP_NS);
    aats_wait_busy(&w);
    CHECK_EQ_I64(w.idle_mono_ns, 0);
}

RUN_ALL()
