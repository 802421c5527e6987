/* test_journal_rotate.c -- the next file of a run, and the policies on power loss. */
#include <fcntl.h>

#include "journal_fixture.h"

/* ---- rotation ------------------------------------------------------------------------------------------------------------------- */

TEST(a_file_is_full_when_it_has_grown_to_its_limit)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    aats_journal_limit(j, 2000);
    CHECK_EQ_I64(aats_journal_full(j), 0);
    for (int64_t id = 1; load() < 2000; id++) {
        CHECK_EQ_I64(aats_journal_full(j), 0);
        put_order(j, id);
    }
    CHECK_EQ_I64(aats_journal_full(j), 1);
    done(j);
}

TEST(the_next_file_is_unseen_until_its_checkpoint_is_complete)
{
    char first[64];
    aats_hold_t const hold = {.symbol = "BTCUSDT.BINANCE", .fills = 3};
    aats_journal_t *j = begin("maker account");
    REQUIRE(j != NULL);
    memcpy(first, path, sizeof first);
    put_order(j, 1);
    size_t const old = load();

    for (int part = 1; part <= 2; part++) {
        CHECK_EQ_I64(aats_journal_rotate(j, 7), AATS_OK);
        CHECK_EQ_I64(aats_journal_rotate(j, 7), AATS_E_ARG); /* once is enough */
        CHECK_EQ_I64(aats_journal_put(j, AATS_JR_HOLD, 0, &hold, sizeof hold, 8), AATS_OK);
        CHECK_EQ_I64(put_order(j, part), AATS_OK);
        to_part(first, part);
        CHECK(access(path, F_OK) != 0);
        CHECK_EQ_I64(aats_journal_checked(j, 9), AATS_OK);
        CHECK_EQ_I64(access(path, F_OK), 0);
        CHECK_EQ_I64(put_order(j, part + 1), AATS_OK);

        int const kinds[] = {AATS_JR_START, AATS_JR_HOLD, AATS_JR_INTENT, AATS_JR_CHECKED, AATS_JR_INTENT};
        size_t const n = all();
        size_t at = 0, payload_sz;
        aats_jrec_t head = {0};
        void const *payload;
        for (uint64_t i = 0; i < 5; i++) {
            REQUIRE(aats_journal_next(file, n, &at, &head, &payload, &payload_sz) == 1);
            CHECK_EQ_I64(head.kind, kinds[i]);
            CHECK_EQ_U64(head.number, i + 1);
            CHECK_EQ_U64(head.instance, INSTANCE);
            if (i == 0) CHECK_STR((char const *)payload, "maker account");
            if (i == 1) CHECK_MEM(payload, &hold, sizeof hold);
        }
        CHECK_EQ_I64(aats_journal_next(file, n, &at, &head, &payload, &payload_sz), 0);
    }
    memcpy(path, first, sizeof first);
    CHECK_EQ_U64(load(), old); /* whole */
    unlink(first);
    to_part(first, 1);
    unlink(path);
    to_part(first, 2);
    done(j);
}

TEST(a_rotation_that_fails_goes_on_with_the_old_file)
{
    char first[64];
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    memcpy(first, path, sizeof first);
    put_order(j, 1);
    aats_journal_limit(j, 400);
    CHECK_EQ_I64(aats_journal_full(j), 1);
    no_more(1000);
    CHECK_EQ_I64(aats_journal_rotate(j, 7), AATS_E_IO);
    CHECK(strstr(aats_journal_error(j), "made") != NULL);
    no_more(RLIM_INFINITY);
    aats_journal_unrotate(j);

    CHECK_EQ_I64(aats_journal_rotate(j, 7), AATS_OK);
    CHECK_EQ_I64(aats_journal_full(j), 0);
    put_order(j, 1);
    aats_journal_unrotate(j);
    CHECK_EQ_I64(aats_journal_full(j), 0); /* not at every pass again */
    CHECK_EQ_I64(put_order(j, 2), AATS_OK);
    CHECK_EQ_I64(aats_journal_full(j), 1);
    aats_jrec_t head = {0};
    int end;
    size_t at;
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 3);
    CHECK_EQ_I64(head.order_id, 2);
    to_part(first, 1);
    CHECK(access(path, F_OK) != 0);
    char hidden[80];
    snprintf(hidden, sizeof hidden, "/tmp/.%.*s.1.tmp", (int)strlen(first) - 8, first + 5);
    CHECK(access(hidden, F_OK) != 0);

    CHECK_EQ_I64(aats_journal_rotate(j, 8), AATS_OK); /* closed in the middle of it */
    CHECK_EQ_I64(access(hidden, F_OK), 0);
    aats_journal_close(j);
    CHECK(access(hidden, F_OK) != 0);
    memcpy(path, first, sizeof first);
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 3);
    unlink(path);
    path[0] = 0;
}

TEST(a_checkpoint_that_is_full_itself_is_not_made_at_every_pass)
{
    char first[64];
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    memcpy(first, path, sizeof first);
    aats_journal_limit(j, 1000);
    CHECK_EQ_I64(aats_journal_rotate(j, 7), AATS_OK);
    for (int64_t id = 1; id < 10; id++) put_order(j, id);
    CHECK_EQ_I64(aats_journal_checked(j, 7), AATS_OK);
    CHECK_EQ_I64(aats_journal_full(j), 0);
    for (int64_t id = 10; id < 20; id++) put_order(j, id);
    CHECK_EQ_I64(aats_journal_full(j), 1);
    unlink(first);
    to_part(first, 1);
    done(j);
}

TEST(the_first_file_may_begin_with_a_checkpoint)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    aats_jadopt_t const from = {.instance = 5, .client_no = 77};
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_ADOPTED, 1, &from, sizeof from, 8), AATS_OK);
    CHECK_EQ_I64(aats_journal_checked(j, 9), AATS_OK);
    aats_jrec_t head = {0};
    int end;
    size_t at;
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 3);
    CHECK_EQ_I64(head.kind, AATS_JR_CHECKED);
    done(j);
}

/* ---- power loss ----------------------------------------------------------------------------------------------------------------- */

TEST(an_intent_that_does_not_come_to_the_disk_is_taken_back)
{
    static uint8_t const big[900] = {1};
    for (int sync = AATS_SYNC_INTENT; sync <= AATS_SYNC_ALL; sync++) {
        snprintf(path, sizeof path, "/tmp/aats-journal-%d-back%d.aj", (int)getpid(), sync);
        aats_journal_t *j = aats_journal_open(path, INSTANCE, "maker", sync, 1, why, sizeof why);
        REQUIRE(j != NULL && put_order(j, 1) == AATS_OK);
        size_t const before = load();
        int pipes[2];
        REQUIRE(pipe(pipes) == 0);
        int const kept = dup(j->now.fd);
        REQUIRE(kept >= 0 && dup2(pipes[1], j->now.fd) >= 0); /* a pipe cannot be brought to the disk */
        CHECK_EQ_I64(aats_journal_put(j, AATS_JR_INTENT, 2, big, sizeof big, 1), AATS_E_IO);
        CHECK(strstr(aats_journal_error(j), "disk") != NULL);
        CHECK_EQ_U64(load(), before);
        int left = 0;
        for (size_t at = before, n = all(); at < n; at++) left |= file[at];
        CHECK_EQ_I64(left, 0);
        CHECK_EQ_I64(aats_journal_flush(j), sync == AATS_SYNC_ALL ? AATS_E_IO : AATS_OK);
        CHECK_EQ_I64(aats_journal_put(j, AATS_JR_EVENT, 1, big, 8, 1), sync == AATS_SYNC_ALL ? AATS_E_IO : AATS_OK);
        REQUIRE(dup2(kept, j->now.fd) >= 0);
        close(kept);
        close(pipes[0]);
        close(pipes[1]);
        CHECK_EQ_I64(put_order(j, 3), AATS_OK);
        aats_jrec_t head = {0};
        int end;
        size_t at;
        CHECK_EQ_U64(walk(all(), &head, &end, &at), sync == AATS_SYNC_ALL ? 3 : 4);
        CHECK_EQ_I64(end, 0);
        CHECK_EQ_I64(head.order_id, 3);
        done(j);
    }
}

TEST(a_checkpoint_that_does_not_come_to_the_disk_is_no_checkpoint)
{
    char first[64];
    snprintf(path, sizeof path, "/tmp/aats-journal-%d-nockpt.aj", (int)getpid());
    aats_journal_t *j = aats_journal_open(path, INSTANCE, "maker", AATS_SYNC_INTENT, 1, why, sizeof why);
    REQUIRE(j != NULL && put_order(j, 1) == AATS_OK);
    memcpy(first, path, sizeof first);
    CHECK_EQ_I64(aats_journal_rotate(j, 2), AATS_OK);
    int pipes[2];
    REQUIRE(pipe(pipes) == 0);
    int const kept = dup(j->now.fd);
    REQUIRE(kept >= 0 && dup2(pipes[1], j->now.fd) >= 0);
    CHECK_EQ_I64(aats_journal_checked(j, 3), AATS_E_IO);
    REQUIRE(dup2(kept, j->now.fd) >= 0);
    to_part(first, 1);
    CHECK(access(path, F_OK) != 0);
    aats_journal_unrotate(j);
    memcpy(path, first, sizeof first);
    CHECK_EQ_I64(put_order(j, 2), AATS_OK);
    aats_jrec_t head = {0};
    int end;
    size_t at;
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 3);
    close(kept);
    close(pipes[0]);
    close(pipes[1]);
    done(j);
}

TEST(a_journal_is_the_same_under_each_policy)
{
    for (int sync = AATS_SYNC_NEVER; sync <= AATS_SYNC_ALL; sync++) {
        snprintf(path, sizeof path, "/tmp/aats-journal-%d-sync%d.aj", (int)getpid(), sync);
        aats_journal_t *j = aats_journal_open(path, INSTANCE, "maker", sync, 1, why, sizeof why);
        REQUIRE(j != NULL);
        for (int64_t id = 1; id <= 40; id++) CHECK_EQ_I64(put_order(j, id), AATS_OK);
        CHECK_EQ_I64(aats_journal_keep(j, AATS_JR_TOLD, 1, NULL, 0, 1), AATS_OK);
        CHECK_EQ_I64(aats_journal_flush(j), AATS_OK);
        aats_jrec_t head = {0};
        int end;
        size_t at;
        CHECK_EQ_U64(walk(all(), &head, &end, &at), 42);
        CHECK_EQ_I64(end, 0);
        done(j);
    }
}

RUN_ALL()
