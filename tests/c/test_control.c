/* test_control.c -- the control table in one thread: refusals, the life of a slot, deaths at each of its steps; races
 * are in tests/race/test_control.c. */
#include "shm_fixture.h"

static uint64_t const A = (uint64_t)101 << 42 | (uint64_t)5 << 8;
static uint64_t const B = (uint64_t)102 << 42 | (uint64_t)6 << 8;
static uint64_t const C = (uint64_t)103 << 42 | (uint64_t)7 << 8;
static aats_ctl_view_t ctl;

static int slot_is_clean(aats_slot_t const *slot)
{
    static aats_slot_t const zero;
    return memcmp(slot, &zero, offsetof(aats_slot_t, cmd_lock)) == 0;
}

TEST(a_table_that_does_not_add_up_is_refused)
{
    char why[200];
    aats_ctl_view_t view;
    REQUIRE(fixture_ctl(&ctl, 4) == AATS_OK);
    uint64_t const size = ctl.seg->size;
    ctl.ctl->slot_cnt = 5;
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    CHECK(strstr(why, "5 slots") != NULL && view.slots == NULL);
    ctl.ctl->slot_cnt = UINT64_MAX;
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    ctl.ctl->slot_cnt = 4;
    ctl.seg->size = 384;
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    ctl.seg->size = size - 64;
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size, &view, why, sizeof why), AATS_E_LAYOUT);
    ctl.seg->size = size;
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size, &view, why, sizeof why), AATS_OK);
    CHECK_EQ_I64(aats_ctl_attach(ctl.seg, size - 1, &view, why, sizeof why), AATS_E_LAYOUT);
    free(ctl.seg);
}

TEST(a_claim_that_cannot_be_is_refused)
{
    char long_name[64];
    memset(long_name, 'n', sizeof long_name);
    long_name[AATS_NAME_SZ] = 0;
    REQUIRE(fixture_ctl(&ctl, 2) == AATS_OK);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, 0, AATS_ROLE_FEED, "a", 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_NONE, "a", 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_OTHER + 1, "a", 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "", 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, NULL, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, long_name, 1), AATS_E_ARG);
    CHECK(slot_is_clean(&ctl.slots[0]) && slot_is_clean(&ctl.slots[1]));

    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1), 0);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, B, AATS_ROLE_FEED, "a", 1), AATS_E_BUSY);
    CHECK(slot_is_clean(&ctl.slots[1]));
    CHECK_EQ_I64(aats_ctl_claim(&ctl, B, AATS_ROLE_TRADE, "a", 1), 1);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, C, AATS_ROLE_VIEW, "c", 0), AATS_E_FULL);
    free(ctl.seg);
}

TEST(whoever_does_not_own_a_slot_changes_nothing_in_it)
{
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1) == 0);
    aats_slot_t *slot = &ctl.slots[0];
    aats_slot_t const before = *slot, from = {.mode = AATS_MODE_SIM};
    CHECK_EQ_I64(aats_ctl_fill(slot, B, &from), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_move(slot, B, AATS_STATE_RUN), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_move(slot, A, AATS_STATE_FREE), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_move(slot, A, AATS_STATE_REAP), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_release(slot, B), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_reap_end(slot, B), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_reap_end(slot, A), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_reap_begin(slot, 0, B), AATS_E_ARG);
    CHECK_EQ_I64(aats_ctl_reap_begin(slot, aats_ident_with(A, AATS_STATE_RUN), B), AATS_E_BUSY); /* not its word any more */
    CHECK_MEM(slot, &before, sizeof before);
    free(ctl.seg);
}

TEST(a_slot_tells_what_its_owner_wrote)
{
    aats_slot_t out, from = {.mode = AATS_MODE_DIRECT, .generation = 9, .started_ns = 77, .port = 8080, .uid = 1000, .ns_id = 4026531836};
    REQUIRE(fixture_ctl(&ctl, 3) == AATS_OK);
    CHECK_EQ_I64(aats_ctl_read(&ctl.slots[0], &out), AATS_E_EMPTY);
    REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "binance", 1) == 0);
    memset(from.detail, 'd', sizeof from.detail); /* no end: cut */
    CHECK_EQ_I64(aats_ctl_fill(&ctl.slots[0], A, &from), AATS_OK);
    CHECK_EQ_I64(aats_ctl_move(&ctl.slots[0], A, AATS_STATE_RUN), AATS_OK);
    aats_ctl_beat(&ctl.slots[0], 555);
    aats_ctl_wait(&ctl.slots[0], AATS_WAIT_SPIN);

    CHECK_EQ_I64(aats_ctl_read(&ctl.slots[0], &out), AATS_OK);
    CHECK_EQ_U64(out.owner, aats_ident_with(A, AATS_STATE_RUN));
    CHECK(out.role == AATS_ROLE_FEED && out.mode == AATS_MODE_DIRECT && out.generation == 9 && out.started_ns == 77);
    CHECK(out.port == 8080 && out.uid == 1000 && out.ns_id == 4026531836);
    CHECK(out.heartbeat_mono_ns == 555 && out.passes == 1);
    CHECK_STR(out.name, "binance");
    CHECK_EQ_U64(strlen(out.detail), sizeof out.detail - 1);
    memcpy(from.detail, "BINANCE, 3 symbols", 19);
    CHECK_EQ_I64(aats_ctl_fill(&ctl.slots[0], A, &from), AATS_OK); /* again, while it runs */
    CHECK_EQ_I64(aats_ctl_read(&ctl.slots[0], &out), AATS_OK);
    CHECK_STR(out.detail, "BINANCE, 3 symbols");

    CHECK_EQ_I64(aats_ctl_move(&ctl.slots[0], A, AATS_STATE_FAIL), AATS_OK);
    free(ctl.seg);
}

TEST(spinners_are_those_that_run_and_spin)
{
    REQUIRE(fixture_ctl(&ctl, 4) == AATS_OK);
    for (int i = 0; i < 4; i++) {
        REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_TRADE, "t", 0) == i);
        aats_ctl_wait(&ctl.slots[i], i == 2 ? AATS_WAIT_YIELD : AATS_WAIT_SPIN);
        if (i > 0) CHECK_EQ_I64(aats_ctl_move(&ctl.slots[i], A, AATS_STATE_RUN), AATS_OK);
    }
    CHECK_EQ_U64(aats_ctl_spinners(&ctl), 2);
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[1], A), AATS_OK);
    CHECK_EQ_U64(aats_ctl_spinners(&ctl), 1);
    free(ctl.seg);
}

TEST(a_released_slot_keeps_nothing_of_its_owner)
{
    aats_slot_t const from = {.mode = AATS_MODE_SIM, .generation = 3, .port = 5, .detail = "x"};
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1) == 0);
    CHECK_EQ_I64(aats_ctl_fill(&ctl.slots[0], A, &from), AATS_OK);
    CHECK_EQ_I64(aats_ctl_move(&ctl.slots[0], A, AATS_STATE_RUN), AATS_OK);
    aats_ctl_beat(&ctl.slots[0], 1);
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[0], A), AATS_OK);
    CHECK(slot_is_clean(&ctl.slots[0]));
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[0], A), AATS_E_STALE);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, B, AATS_ROLE_FEED, "a", 1), 0);
    free(ctl.seg);
}

/* Every state in which an owner, a reaper, or the reaper of a reaper can be killed is taken up by the next one. */
TEST(a_death_at_any_step_leaves_a_slot_that_another_frees)
{
    static uint32_t const states[] = {AATS_STATE_BOOT, AATS_STATE_RUN, AATS_STATE_HALT, AATS_STATE_FAIL};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        aats_slot_t const from = {.generation = 41};
        REQUIRE(fixture_ctl(&ctl, 2) == AATS_OK);
        aats_slot_t *slot = &ctl.slots[0];
        REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1) == 0);
        CHECK_EQ_I64(aats_ctl_fill(slot, A, &from), AATS_OK);
        CHECK_EQ_I64(aats_ctl_move(slot, A, states[i]), AATS_OK);
        CHECK_EQ_I64(aats_ctl_claim(&ctl, B, AATS_ROLE_FEED, "a", 1), AATS_E_BUSY); /* the dead hold their name until they are reaped */

        uint64_t const dead = slot->owner;
        CHECK_EQ_I64(aats_ctl_reap_begin(slot, dead, B), AATS_OK);
        CHECK_EQ_I64(aats_ctl_reap_begin(slot, dead, C), AATS_E_BUSY);
        CHECK_EQ_I64(aats_ctl_move(slot, A, AATS_STATE_RUN), AATS_E_STALE);
        CHECK_EQ_I64(aats_ctl_move(slot, B, AATS_STATE_RUN), AATS_E_STALE); /* reaping is not owning */
    
        /* B dies too: C still reads what A left */
        uint64_t const half = slot->owner;
        CHECK_EQ_U64(half, aats_ident_with(B, AATS_STATE_REAP));
        CHECK_EQ_I64(aats_ctl_reap_begin(slot, half, C), AATS_OK);
        CHECK_EQ_U64(slot->generation, 41);
        CHECK_STR(slot->name, "a");
        CHECK_EQ_I64(aats_ctl_reap_end(slot, B), AATS_E_STALE);
        CHECK_EQ_I64(aats_ctl_reap_end(slot, C), AATS_OK);
        CHECK(slot_is_clean(slot));
        CHECK_EQ_I64(aats_ctl_claim(&ctl, B, AATS_ROLE_FEED, "a", 1), 0);
        free(ctl.seg);
    }
}

TEST(generations_never_come_twice)
{
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    for (uint64_t i = 1; i < 100; i++) CHECK_EQ_U64(aats_ctl_next_generation(&ctl), i);
    free(ctl.seg);
}

TEST(only_the_last_one_out_closes_and_then_nobody_comes_in)
{
    REQUIRE(fixture_ctl(&ctl, 3) == AATS_OK);
    REQUIRE(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1) == 0);
    REQUIRE(aats_ctl_claim(&ctl, B, AATS_ROLE_TRADE, "b", 1) == 1);
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[0], A), AATS_OK);
    CHECK_EQ_I64(aats_ctl_close(&ctl, A, 0), 0);
    CHECK_EQ_U64(aats_ctl_closing(&ctl), 0);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, A, AATS_ROLE_FEED, "a", 1), 0); /* open again, at once */
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[0], A), AATS_OK);
    CHECK_EQ_I64(aats_ctl_release(&ctl.slots[1], B), AATS_OK);
    CHECK_EQ_I64(aats_ctl_close(&ctl, B, 0), 1);
    CHECK_EQ_U64(aats_ctl_closing(&ctl), B);
    CHECK_EQ_I64(aats_ctl_claim(&ctl, C, AATS_ROLE_FEED, "a", 1), AATS_E_CLOSED);
    CHECK(slot_is_clean(&ctl.slots[0]));
    CHECK_EQ_I64(aats_ctl_close(&ctl, C, 0), 0);
    free(ctl.seg);
}

TEST(a_closer_that_died_is_taken_over_by_one)
{
    REQUIRE(fixture_ctl(&ctl, 2) == AATS_OK);
    CHECK_EQ_I64(aats_ctl_close(&ctl, A, 0), 1); /* and A dies before it unlinks */
    CHECK_EQ_I64(aats_ctl_close(&ctl, B, aats_ctl_closing(&ctl)), 1);
    CHECK_EQ_I64(aats_ctl_close(&ctl, C, A), 0);
    CHECK_EQ_U64(aats_ctl_closing(&ctl), B);
    free(ctl.seg);

    REQUIRE(fixture_ctl(&ctl, 2) == AATS_OK); /* A died with `closing` set, but C had got in before */
    REQUIRE(aats_ctl_claim(&ctl, C, AATS_ROLE_FEED, "c", 1) == 0);
    ctl.ctl->closing = A;
    CHECK_EQ_I64(aats_ctl_close(&ctl, B, A), 0);
    CHECK_EQ_U64(aats_ctl_closing(&ctl), 0);
    free(ctl.seg);
}

/* ---- commands ---- */

static aats_slot_t *boot(uint64_t who)
{
    int const at = aats_ctl_claim(&ctl, who, AATS_ROLE_FEED, "f", 1);
    if (at < 0) return NULL;
    aats_ctl_move(&ctl.slots[at], who, AATS_STATE_RUN);
    return &ctl.slots[at];
}

TEST(a_command_that_cannot_be_is_refused)
{
    char arg[200];
    uint64_t seq = 0;
    memset(arg, 'a', sizeof arg);
    arg[168] = 0;
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    aats_slot_t *slot = boot(A);
    REQUIRE(slot != NULL);
    CHECK_EQ_I64(aats_cmd_send(slot, B, A, AATS_CMD_PING, "", &seq), AATS_E_STALE); /* no lock */
    CHECK_EQ_I64(aats_cmd_lock(slot, 0, 0), AATS_E_ARG);
    CHECK_EQ_I64(aats_cmd_lock(slot, B, 0), AATS_OK);
    CHECK_EQ_I64(aats_cmd_lock(slot, C, 0), AATS_E_BUSY);
    CHECK_EQ_U64(aats_cmd_holder(slot), B);
    CHECK_EQ_I64(aats_cmd_send(slot, B, A, AATS_CMD_NONE, "", &seq), AATS_E_ARG);
    CHECK_EQ_I64(aats_cmd_send(slot, B, A, 256, "", &seq), AATS_E_ARG);
    CHECK_EQ_I64(aats_cmd_send(slot, B, A, AATS_CMD_PING, arg, &seq), AATS_E_ARG);
    CHECK_EQ_I64(aats_cmd_send(slot, B, C, AATS_CMD_PING, "", &seq), AATS_E_DEAD); /* C is not there */
    CHECK_EQ_I64(aats_cmd_send(slot, C, A, AATS_CMD_PING, "", &seq), AATS_E_STALE);
    CHECK_EQ_I64(aats_cmd_poll(slot, A, arg, sizeof arg), AATS_CMD_NONE);
    free(ctl.seg);
}

TEST(a_command_is_told_until_it_is_answered_and_then_not_again)
{
    char arg[200], text[300];
    uint64_t seq = 0;
    int64_t code = 0;
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    aats_slot_t *slot = boot(A);
    REQUIRE(slot != NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_I64(aats_cmd_lock(slot, B, 0), AATS_OK);
        CHECK_EQ_I64(aats_cmd_send(slot, B, A, AATS_CMD_SUBSCRIBE, "BTCUSDT.BINANCE 5", &seq), AATS_OK);
        CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), 0);
        for (int j = 0; j < 2; j++) {
            CHECK_EQ_I64(aats_cmd_poll(slot, A, arg, sizeof arg), AATS_CMD_SUBSCRIBE);
            CHECK_STR(arg, "BTCUSDT.BINANCE 5");
        }
        CHECK_EQ_I64(aats_cmd_poll(slot, A, arg, 4), AATS_CMD_SUBSCRIBE);
        CHECK_STR(arg, "BTC");
        aats_cmd_reply(slot, AATS_E_FULL, "no room for an 11th symbol");
        CHECK_EQ_I64(aats_cmd_poll(slot, A, arg, sizeof arg), AATS_CMD_NONE);
        CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), 1);
        CHECK_EQ_I64(code, AATS_E_FULL);
        CHECK_STR(text, "no room for an 11th symbol");
        aats_cmd_unlock(slot, C); /* not his */
        CHECK_EQ_U64(aats_cmd_holder(slot), B);
        aats_cmd_unlock(slot, B);
        CHECK_EQ_U64(aats_cmd_holder(slot), 0);
    }
    CHECK_EQ_U64(seq, 3);
    free(ctl.seg);
}

TEST(an_answer_is_cut_to_its_field)
{
    char text[300], longer[400];
    uint64_t seq = 0;
    int64_t code = 0;
    memset(longer, 'y', sizeof longer);
    longer[399] = 0;
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    aats_slot_t *slot = boot(A);
    REQUIRE(slot != NULL);
    CHECK_EQ_I64(aats_cmd_lock(slot, B, 0), AATS_OK);
    CHECK_EQ_I64(aats_cmd_send(slot, B, A, AATS_CMD_PING, NULL, &seq), AATS_OK);
    aats_cmd_reply(slot, AATS_OK, longer);
    CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), 1);
    CHECK_EQ_U64(strlen(text), 239);
    CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, 0), 1);
    free(ctl.seg);
}

TEST(a_dead_commander_is_followed_but_not_before_its_command_is_answered)
{
    char arg[200];
    uint64_t seq = 0;
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    aats_slot_t *slot = boot(A);
    REQUIRE(slot != NULL);
    CHECK_EQ_I64(aats_cmd_lock(slot, B, 0), AATS_OK);
    CHECK_EQ_I64(aats_cmd_lock(slot, C, A), AATS_E_BUSY); /* not the dead one's lock */
    CHECK_EQ_I64(aats_cmd_lock(slot, C, B), AATS_OK);     /* died before it sent */
    CHECK_EQ_I64(aats_cmd_send(slot, C, A, AATS_CMD_PING, "", &seq), AATS_OK);
    CHECK_EQ_I64(aats_cmd_lock(slot, B, C), AATS_E_BUSY); /* died after it sent: A may be reading */
    CHECK_EQ_U64(aats_cmd_holder(slot), 0);
    CHECK_EQ_I64(aats_cmd_poll(slot, A, arg, sizeof arg), AATS_CMD_PING);
    aats_cmd_reply(slot, AATS_OK, "");
    CHECK_EQ_I64(aats_cmd_lock(slot, B, 0), AATS_OK);
    free(ctl.seg);
}

TEST(a_command_for_a_dead_owner_reaches_nobody_else)
{
    char arg[200], text[300];
    uint64_t seq = 0;
    int64_t code = 0;
    REQUIRE(fixture_ctl(&ctl, 1) == AATS_OK);
    aats_slot_t *slot = boot(A);
    REQUIRE(slot != NULL);
    CHECK_EQ_I64(aats_cmd_lock(slot, C, 0), AATS_OK);
    CHECK_EQ_I64(aats_cmd_send(slot, C, A, AATS_CMD_STOP, "", &seq), AATS_OK);
    CHECK_EQ_I64(aats_ctl_reap_begin(slot, slot->owner, B), AATS_OK); /* A was dead */
    CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), AATS_E_DEAD);
    CHECK_EQ_I64(aats_ctl_reap_end(slot, B), AATS_OK);
    CHECK_EQ_U64(aats_cmd_holder(slot), C);
    CHECK_EQ_PTR(boot(B), slot);
    CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), AATS_E_DEAD);
    CHECK_EQ_I64(aats_cmd_poll(slot, B, arg, sizeof arg), AATS_CMD_NONE);
    CHECK_EQ_I64(aats_cmd_answer(slot, A, seq, &code, text, sizeof text), 1);
    CHECK_EQ_I64(code, AATS_E_DEAD);
    aats_cmd_unlock(slot, C);
    CHECK_EQ_I64(aats_cmd_lock(slot, C, 0), AATS_OK); /* and the word is free for the next */
    CHECK_EQ_I64(aats_cmd_send(slot, C, B, AATS_CMD_PING, "", &seq), AATS_OK);
    CHECK_EQ_I64(aats_cmd_poll(slot, B, arg, sizeof arg), AATS_CMD_PING);
    free(ctl.seg);
}

RUN_ALL()
