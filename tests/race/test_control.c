/* test_control.c -- the control table under weak memory: one owner a slot, one winner a name, nobody in a table that
 * is being unlinked, commands that arrive whole; and with a kill at each step, a table that the next one can clear
 * up. */
#include "weak.h"

#include "race_fixture.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))

static uint64_t const OLD = (uint64_t)90 << 42 | (uint64_t)1 << 8;
static int got[WEAK_THREAD_MAX]; /* what a thread's last call returned; NOT_YET until then */
#define NOT_YET 1000

static uint64_t me(void) { return (uint64_t)(100 + weak_thread()) << 42 | (uint64_t)7 << 8; }
static uint64_t ident_of(int thread) { return (uint64_t)(100 + thread) << 42 | (uint64_t)7 << 8; }

static void fresh(void)
{
    race_ctl_reset();
    for (int i = 0; i < WEAK_THREAD_MAX; i++) got[i] = NOT_YET;
}

/* all_can_be_cleared does what survivors do: reap whatever is held by one of the test's processes, all of which are
 * dead by now, then close. */
static void all_can_be_cleared(void)
{
    uint64_t const survivor = ident_of(50);
    for (uint64_t i = 0; i < ctl.slot_cnt; i++) {
        aats_slot_t *slot = &ctl.slots[i];
        uint64_t const word = slot->owner;
        if (word == 0) continue;
        uint64_t const pid = aats_ident_pid(word);
        WEAK_ASSERT(pid == 90 || (pid >= 100 && pid < 100 + WEAK_THREAD_MAX));
        WEAK_ASSERT(aats_ctl_reap_begin(slot, word, survivor) == AATS_OK);
        WEAK_ASSERT(aats_ctl_reap_end(slot, survivor) == AATS_OK);
    }
    for (uint64_t i = 0; i < ctl.slot_cnt; i++) {
        static aats_slot_t const zero;
        WEAK_ASSERT(memcmp(&ctl.slots[i], &zero, offsetof(aats_slot_t, cmd_lock)) == 0);
    }
    WEAK_ASSERT(aats_ctl_close(&ctl, survivor, ctl.ctl->closing) == 1);
}

/* ---- claim
 * ---------------------------------------------------------------------------------------------------------------- */

THREAD(setup) { fresh(); }
THREAD(claim_any) { got[weak_thread()] = aats_ctl_claim(&ctl, me(), AATS_ROLE_VIEW, "view", 0); }
THREAD(claim_name) { got[weak_thread()] = aats_ctl_claim(&ctl, me(), AATS_ROLE_FEED, "binance", 1); }

THREAD(check_two_slots)
{
    WEAK_ASSERT(got[0] == NOT_YET || got[0] >= 0);
    WEAK_ASSERT(got[1] == NOT_YET || got[1] >= 0);
    WEAK_ASSERT(got[0] == NOT_YET || got[0] != got[1]);
    for (int t = 0; t < 2; t++) {
        if (got[t] == NOT_YET) continue;
        WEAK_ASSERT(ctl.slots[got[t]].owner == aats_ident_with(ident_of(t), AATS_STATE_BOOT));
        WEAK_ASSERT(strcmp(ctl.slots[got[t]].name, "view") == 0);
    }
    all_can_be_cleared();
}

TEST(two_that_claim_get_a_slot_each)
{
    REQUIRE(race_ctl_init(2));
    weak_program_t const program = {.setup = setup, .threads = {claim_any, claim_any}, .check = check_two_slots};
    WEAK_HOLDS(&program, .kill = 1);
}

THREAD(check_one_name)
{
    for (int t = 0; t < 2; t++) WEAK_ASSERT(got[t] == NOT_YET || got[t] == AATS_E_BUSY || (got[t] >= 0 && got[t] < 2));
    WEAK_ASSERT(got[0] == NOT_YET || got[1] == NOT_YET || got[0] == AATS_E_BUSY || got[1] == AATS_E_BUSY);
    all_can_be_cleared();
}

TEST(two_live_ones_of_a_name_are_never_let_in)
{
    REQUIRE(race_ctl_init(2));
    weak_program_t const program = {.setup = setup, .threads = {claim_name, claim_name}, .check = check_one_name};
    WEAK_HOLDS(&program, .random_runs = 20000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 10000, .seed = 2, .kill = 1);
}

/* ---- close
 * ---------------------------------------------------------------------------------------------------------------- */

THREAD(setup_one_in)
{
    fresh();
    ctl.slots[0].owner = aats_ident_with(ident_of(0), AATS_STATE_HALT);
}

THREAD(setup_two_in)
{
    setup_one_in(ctx);
    ctl.slots[1].owner = aats_ident_with(ident_of(1), AATS_STATE_HALT);
}

/* leave is the last step of aats_ctl_release, then aats_ctl_close. */
THREAD(leave)
{
    int const t = weak_thread();
    if (!aats_cas(&ctl.slots[t].owner, aats_ident_with(me(), AATS_STATE_HALT), 0)) return;
    got[t] = aats_ctl_close(&ctl, me(), 0);
}

THREAD(check_not_both)
{
    int const unlinks = got[0] == 1, is_in = got[1] != NOT_YET && got[1] >= 0;
    WEAK_ASSERT(!(unlinks && is_in));
    WEAK_ASSERT(got[1] == NOT_YET || is_in || got[1] == AATS_E_CLOSED);
    all_can_be_cleared();
}

TEST(nobody_settles_in_a_table_that_is_being_unlinked)
{
    REQUIRE(race_ctl_init(2));
    weak_program_t const program = {.setup = setup_one_in, .threads = {leave, claim_any}, .check = check_not_both};
    WEAK_HOLDS(&program, .random_runs = 30000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 10000, .seed = 2, .kill = 1);
    WEAK_HOLDS(&program, .random_runs = 10000, .seed = 3, .kill = 2);
}

THREAD(check_one_unlinks) { WEAK_ASSERT((got[0] == 1) + (got[1] == 1) == 1); }
THREAD(check_at_most_one)
{
    WEAK_ASSERT(!(got[0] == 1 && got[1] == 1));
    all_can_be_cleared();
}

TEST(of_two_that_leave_exactly_one_unlinks)
{
    REQUIRE(race_ctl_init(2));
    weak_program_t const both = {.setup = setup_two_in, .threads = {leave, leave}, .check = check_one_unlinks};
    WEAK_HOLDS(&both, .max_runs = 3000000);
    weak_program_t const killed = {.setup = setup_two_in, .threads = {leave, leave}, .check = check_at_most_one};
    WEAK_HOLDS(&killed, .random_runs = 10000, .seed = 1, .kill = 1);
}

/* The closer died with `closing` set: of two that take over, one closes. */
THREAD(setup_dead_closer)
{
    fresh();
    ctl.ctl->closing = OLD;
}

THREAD(take_over) { got[weak_thread()] = aats_ctl_close(&ctl, me(), OLD); }

TEST(a_dead_closer_has_one_heir)
{
    REQUIRE(race_ctl_init(2));
    weak_program_t const program = {.setup = setup_dead_closer, .threads = {take_over, take_over}, .check = check_one_unlinks};
    WEAK_HOLDS(&program, .max_runs = 1000000);
    weak_program_t const killed = {.setup = setup_dead_closer, .threads = {take_over, take_over}, .check = check_at_most_one};
    WEAK_HOLDS(&killed, .max_runs = 1000000, .kill = 1);
}

/* ---- reap
 * ----------------------------------------------------------------------------------------------------------------- */

#define OLD_GENERATION 41
#define NEW_GENERATION 42

THREAD(setup_dead_owner)
{
    fresh();
    aats_slot_t *slot = &ctl.slots[0];
    slot->owner = aats_ident_with(OLD, AATS_STATE_RUN);
    slot->role = AATS_ROLE_FEED;
    slot->generation = OLD_GENERATION;
    strcpy(slot->name, "old");
    slot->heartbeat_mono_ns = 1;
}

/* reap notes the generation whose segment it would unlink. */
THREAD(reap)
{
    int const t = weak_thread();
    if (aats_ctl_reap_begin(&ctl.slots[0], aats_ident_with(OLD, AATS_STATE_RUN), me()) != AATS_OK) return;
    got[t] = (int)aats_load_relaxed(&ctl.slots[0].generation);
    WEAK_ASSERT(aats_ctl_reap_end(&ctl.slots[0], me()) == AATS_OK);
}

THREAD(check_one_reaper)
{
    WEAK_ASSERT((got[0] == NOT_YET) + (got[1] == NOT_YET) >= 1);
    WEAK_ASSERT(got[0] == NOT_YET || got[0] == OLD_GENERATION);
    WEAK_ASSERT(got[1] == NOT_YET || got[1] == OLD_GENERATION);
    uint64_t const word = ctl.slots[0].owner;
    if (word != 0 && got[0] == NOT_YET && got[1] == NOT_YET) WEAK_ASSERT(ctl.slots[0].generation == OLD_GENERATION);
    all_can_be_cleared();
}

TEST(a_dead_owner_is_reaped_once_and_a_dead_reaper_is_followed)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const program = {.setup = setup_dead_owner, .threads = {reap, reap}, .check = check_one_reaper};
    WEAK_HOLDS(&program, .random_runs = 3000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 6000, .seed = 2, .kill = 1);
}

/* hand_over reaps the dead and takes the slot for itself, as a feed that is started again does. */
THREAD(hand_over)
{
    aats_slot_t *slot = &ctl.slots[0];
    aats_slot_t const from = {.mode = AATS_MODE_SIM, .generation = NEW_GENERATION, .port = 77, .detail = "new"};
    if (aats_ctl_reap_begin(slot, aats_ident_with(OLD, AATS_STATE_RUN), me()) != AATS_OK) return;
    if (aats_ctl_reap_end(slot, me()) != AATS_OK) return;
    if (aats_ctl_claim(&ctl, me(), AATS_ROLE_FEED, "new", 1) != 0) return;
    aats_ctl_fill(slot, me(), &from);
    aats_ctl_move(slot, me(), AATS_STATE_RUN);
}

THREAD(read_slot)
{
    aats_slot_t out;
    for (int turn = 0; turn < 2; turn++) {
        if (aats_ctl_read(&ctl.slots[0], &out) != AATS_OK) continue;
        uint64_t const state = aats_ident_state(out.owner);
        if (aats_ident_bare(out.owner) == OLD) {
            WEAK_ASSERT(out.generation == OLD_GENERATION && strcmp(out.name, "old") == 0 && out.heartbeat_mono_ns == 1);
        } else if (state == AATS_STATE_RUN) {
            WEAK_ASSERT(out.generation == NEW_GENERATION && strcmp(out.name, "new") == 0 && out.role == AATS_ROLE_FEED);
            WEAK_ASSERT(out.mode == AATS_MODE_SIM && out.port == 77 && strcmp(out.detail, "new") == 0);
        } else if (state == AATS_STATE_BOOT) {
            WEAK_ASSERT(out.generation == 0 || out.generation == NEW_GENERATION);
            WEAK_ASSERT(out.heartbeat_mono_ns == 0);
        }
    }
}

TEST(a_copy_of_a_slot_is_of_one_owner)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const program = {.setup = setup_dead_owner, .threads = {hand_over, read_slot}};
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 1);
    WEAK_HOLDS(&program, .random_runs = 2000, .seed = 2, .kill = 1);
}

/* claim_freed takes the slot as soon as it is free. */
THREAD(claim_freed)
{
    aats_slot_t const from = {.generation = NEW_GENERATION};
    for (int turn = 0; turn < 3; turn++) {
        int const at = aats_ctl_claim(&ctl, me(), AATS_ROLE_FEED, "new", 0);
        if (at < 0) {
            aats_spin_hint();
            continue;
        }
        aats_ctl_fill(&ctl.slots[at], me(), &from);
        aats_ctl_move(&ctl.slots[at], me(), AATS_STATE_RUN);
        got[weak_thread()] = at;
        return;
    }
}

THREAD(check_claimed)
{
    if (got[1] == NOT_YET) return;
    WEAK_ASSERT(ctl.slots[0].owner == aats_ident_with(ident_of(1), AATS_STATE_RUN));
    WEAK_ASSERT(ctl.slots[0].generation == NEW_GENERATION && strcmp(ctl.slots[0].name, "new") == 0 && ctl.slots[0].role == AATS_ROLE_FEED);
}

TEST(a_reaper_clears_nothing_of_the_next_owner)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const program = {.setup = setup_dead_owner, .threads = {reap, claim_freed}, .check = check_claimed};
    WEAK_HOLDS(&program, .random_runs = 4000, .seed = 1);
}

/* ---- generations
 * ------------------------------------------------------------------------------------------------------------ */

THREAD(next_generation) { got[weak_thread()] = (int)aats_ctl_next_generation(&ctl); }
THREAD(check_generations) { WEAK_ASSERT(got[0] != got[1] && got[1] != got[2] && got[0] != got[2]); }

TEST(no_two_get_the_same_generation)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const program = {
        .setup = setup, .threads = {next_generation, next_generation, next_generation}, .check = check_generations};
    WEAK_HOLDS(&program, .max_runs = 100000);
}

/* ---- commands
 * --------------------------------------------------------------------------------------------------------------- */

static int answered; /* commands whose answer the commander saw */
static int executed;

THREAD(setup_owner)
{
    fresh();
    answered = executed = 0;
    ctl.slots[0].owner = aats_ident_with(ident_of(0), AATS_STATE_RUN);
}

/* owner answers `PING x` with x: thread 0, as ident_of(0) is the owner. */
THREAD(owner)
{
    for (int turn = 0; turn < 6; turn++) {
        char arg[170];
        if (aats_cmd_poll(&ctl.slots[0], me(), arg, sizeof arg) == AATS_CMD_NONE) {
            aats_spin_hint();
            continue;
        }
        size_t const len = strlen(arg); /* "aaaa..." or "bbbb...", as long as its letter says */
        WEAK_ASSERT(len == (size_t)(arg[0] == 'b' ? 40 : 100) && strspn(arg, arg[0] == 'b' ? "b" : "c") == len);
        executed++;
        aats_cmd_reply(&ctl.slots[0], arg[0], arg);
    }
}

static void command(char letter)
{
    aats_slot_t *slot = &ctl.slots[0];
    char arg[170] = "", text[240];
    uint64_t seq;
    int64_t code;
    memset(arg, letter, letter == 'b' ? 40 : 100);
    if (aats_cmd_lock(slot, me(), 0) != AATS_OK) return;
    WEAK_ASSERT(aats_cmd_send(slot, me(), ident_of(0), AATS_CMD_PING, arg, &seq) == AATS_OK);
    for (int turn = 0; turn < 3; turn++) {
        int const done = aats_cmd_answer(slot, ident_of(0), seq, &code, text, sizeof text);
        WEAK_ASSERT(done == 0 || done == 1);
        if (done == 1) {
            WEAK_ASSERT(code == letter && strcmp(text, arg) == 0);
            answered++;
            break;
        }
        aats_spin_hint();
    }
    aats_cmd_unlock(slot, me());
}

THREAD(command_b) { command('b'); }
THREAD(command_c) { command('c'); }

THREAD(check_commands)
{
    aats_slot_t *slot = &ctl.slots[0];
    uint64_t const holder = aats_cmd_holder(slot), survivor = ident_of(50);
    WEAK_ASSERT(answered <= executed && executed <= 2);
    WEAK_ASSERT((uint64_t)executed <= slot->cmd_seq && slot->ans_seq <= slot->cmd_seq);
    /* whoever was killed, the next commander gets the word as soon as nothing is unanswered */
    int const locked = aats_cmd_lock(slot, survivor, holder);
    WEAK_ASSERT(locked == (slot->ans_seq == slot->cmd_seq ? AATS_OK : AATS_E_BUSY));
}

TEST(commands_and_answers_arrive_whole)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const one = {.setup = setup_owner, .threads = {owner, command_b}, .check = check_commands};
    WEAK_HOLDS(&one, .random_runs = 3000, .seed = 1);
    weak_program_t const two = {.setup = setup_owner, .threads = {owner, command_b, command_c}, .check = check_commands};
    WEAK_HOLDS(&two, .random_runs = 5000, .seed = 2);
}

TEST(a_commander_or_owner_that_is_killed_leaves_a_word_for_the_next)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const two = {.setup = setup_owner, .threads = {owner, command_b, command_c}, .check = check_commands};
    WEAK_HOLDS(&two, .random_runs = 4000, .seed = 3, .kill = 2);
    WEAK_HOLDS(&two, .random_runs = 2000, .seed = 4, .kill = 1);
}

/* Two that send and do not wait: the second finds the word locked, or still to be answered. */
static void send_and_go(char letter)
{
    aats_slot_t *slot = &ctl.slots[0];
    char arg[170] = "";
    uint64_t seq;
    memset(arg, letter, letter == 'b' ? 40 : 100);
    if (aats_cmd_lock(slot, me(), 0) != AATS_OK) return;
    WEAK_ASSERT(aats_cmd_send(slot, me(), ident_of(0), AATS_CMD_PING, arg, &seq) == AATS_OK);
    aats_cmd_unlock(slot, me());
}

THREAD(send_b) { send_and_go('b'); }
THREAD(send_c) { send_and_go('c'); }

TEST(a_command_is_not_written_over_before_it_is_answered)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const two = {.setup = setup_owner, .threads = {owner, send_b, send_c}, .check = check_commands};
    WEAK_HOLDS(&two, .random_runs = 5000, .seed = 5);
}

/* The slot changes hands between the commander's look at it and the owner's look at the command. */
THREAD(setup_dead_target)
{
    setup_dead_owner(ctx);
    answered = executed = 0;
}

THREAD(hand_over_and_poll)
{
    char arg[170];
    hand_over(ctx);
    for (int turn = 0; turn < 2; turn++) WEAK_ASSERT(aats_cmd_poll(&ctl.slots[0], me(), arg, sizeof arg) == AATS_CMD_NONE);
}

THREAD(command_the_dead)
{
    char text[240];
    uint64_t seq;
    int64_t code;
    if (aats_cmd_lock(&ctl.slots[0], me(), 0) != AATS_OK) return;
    if (aats_cmd_send(&ctl.slots[0], me(), OLD, AATS_CMD_STOP, "", &seq) != AATS_OK) return;
    int const done = aats_cmd_answer(&ctl.slots[0], OLD, seq, &code, text, sizeof text);
    WEAK_ASSERT(done != 1 || code == AATS_E_DEAD);
}

TEST(a_command_for_a_dead_owner_reaches_nobody_else)
{
    REQUIRE(race_ctl_init(1));
    weak_program_t const program = {.setup = setup_dead_target, .threads = {hand_over_and_poll, command_the_dead}};
    WEAK_HOLDS(&program, .random_runs = 6000, .seed = 1);
}

RUN_ALL()
