/* test_journal.c -- what is written is read back whole, and what is not whole is not believed. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "journal_fixture.h"

/* ---- refusals ---------------------------------------------------------------------------------------------------------------- */

TEST(a_file_that_is_there_is_not_written_over)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    CHECK(aats_journal_open(path, INSTANCE, "maker", 0, 1, why, sizeof why) == NULL);
    CHECK(strstr(why, path) != NULL && strstr(why, "exists") != NULL);
    struct stat st;
    CHECK_EQ_I64(stat(path, &st), 0);
    CHECK_EQ_I64(st.st_mode & 0777, 0600);
    done(j);
}

TEST(a_folder_that_is_not_there_is_named)
{
    CHECK(aats_journal_open("/tmp/aats-no-such-folder/x.aj", 1, "", 0, 1, why, sizeof why) == NULL);
    CHECK(strstr(why, "/tmp/aats-no-such-folder/x.aj") != NULL);
}

TEST(a_payload_that_fits_no_record_is_refused)
{
    static uint8_t const big[AATS_JOURNAL_REC_MAX];
    size_t const most = AATS_JOURNAL_REC_MAX - sizeof(aats_jrec_t);
    aats_journal_t *j = begin("");
    REQUIRE(j != NULL);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_EVENT, 1, big, most + 1, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_journal_put(j, 0, 1, NULL, 0, 1), AATS_E_ARG);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_EVENT, 1, big, most, 1), AATS_OK);
    done(j);
}

TEST(a_full_disk_refuses_new_orders_first_and_keeps_room_for_those_that_are_out)
{
    static aats_oev_t const ev = {.kind = AATS_OEV_ACKED};
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    size_t const room = all();
    no_more(room);
    int64_t orders = 0;
    int rc;
    while ((rc = put_order(j, orders + 1)) == AATS_OK) orders++;
    CHECK_EQ_I64(rc, AATS_E_IO);
    CHECK(strstr(aats_journal_error(j), "extended") != NULL && strstr(aats_journal_error(j), "large") != NULL);
    CHECK(orders > 300);
    size_t const before = load();
    CHECK_MSG(room - before >= 64 << 10, "%zu bytes are left", room - before);

    uint64_t events = 0;
    while (aats_journal_put(j, AATS_JR_EVENT, 1, &ev, sizeof ev, 1) == AATS_OK) events++;
    CHECK_EQ_U64(events, (room - before) / (HEAD + sizeof ev));
    CHECK_EQ_U64(load(), before + events * (HEAD + sizeof ev));
    CHECK_EQ_I64(aats_journal_flush(j), AATS_OK);
    CHECK_EQ_U64(all(), room);

    no_more(RLIM_INFINITY);
    CHECK_EQ_I64(put_order(j, orders + 1), AATS_OK);
    aats_jrec_t head = {0};
    int end;
    size_t at;
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 1 + (uint64_t)orders + events + 1);
    CHECK_EQ_I64(end, 0);
    CHECK_EQ_I64(head.order_id, orders + 1);
    done(j);
}

TEST(a_disk_that_is_full_makes_no_journal)
{
    no_more(1000);
    CHECK(begin("maker") == NULL);
    no_more(RLIM_INFINITY);
    CHECK(strstr(why, "cannot be made") != NULL && strstr(why, "large") != NULL);
    CHECK(access(path, F_OK) != 0);
    path[0] = 0;
}

TEST(a_file_that_a_living_process_writes_is_not_gone_on_with)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    put_order(j, 1);
    size_t const before = all();
    CHECK(aats_journal_resume(path, why, sizeof why) == NULL);
    CHECK(strstr(why, "process that lives") != NULL);
    CHECK_EQ_U64(all(), before); /* a cut would have killed it */
    CHECK_EQ_I64(put_order(j, 2), AATS_OK);
    done(j);
}

TEST(a_link_is_not_followed)
{
    char link[80]; /* nobody can aim a journal at another file */
    snprintf(link, sizeof link, "/tmp/aats-link-%d", (int)getpid());
    REQUIRE(symlink("/dev/null", link) == 0);
    CHECK(aats_journal_open(link, 1, "", 0, 1, why, sizeof why) == NULL);
    CHECK(strstr(why, "exists") != NULL);
    unlink(link);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

TEST(what_is_written_is_read_back)
{
    aats_journal_t *j = begin("maker binance-12345678");
    REQUIRE(j != NULL);
    aats_oev_t const ev = {.kind = AATS_OEV_CLOSED, .order.order_id = 7};
    CHECK_EQ_I64(put_order(j, 7), AATS_OK);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_CANCEL, 7, NULL, 0, 5), AATS_OK);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_EVENT, 7, &ev, sizeof ev, 6), AATS_OK);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_TOLD, 7, NULL, 0, 7), AATS_OK);
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_END, 0, NULL, 0, 8), AATS_OK);

    int const kinds[] = {AATS_JR_START, AATS_JR_INTENT, AATS_JR_CANCEL, AATS_JR_EVENT, AATS_JR_TOLD, AATS_JR_END};
    size_t const sizes[] = {24, sizeof(aats_order_t), 0, sizeof(aats_oev_t), 0, 0};
    size_t const n = load();
    size_t at = 0, payload_sz;
    aats_jrec_t head = {0};
    void const *payload;
    for (uint64_t i = 0; i < 6; i++) {
        REQUIRE(aats_journal_next(file, n, &at, &head, &payload, &payload_sz) == 1);
        CHECK_EQ_I64(head.kind, kinds[i]);
        CHECK_EQ_U64(head.number, i + 1);
        CHECK_EQ_U64(head.instance, INSTANCE);
        CHECK_EQ_U64(payload_sz, sizes[i]);
        if (i == 0) CHECK_STR((char const *)payload, "maker binance-12345678");
        if (i == 1) CHECK_EQ_I64(((aats_order_t const *)payload)->qty_i, 21);
        if (i == 3) CHECK_MEM(payload, &ev, sizeof ev);
    }
    CHECK_EQ_I64(aats_journal_next(file, n, &at, &head, &payload, &payload_sz), 0);
    CHECK_EQ_U64(at, n);
    CHECK_EQ_U64(walk(all(), &head, &(int){0}, &at), 6); /* the zeros behind it end the reading as well */
    CHECK_EQ_U64(at, n);
    done(j);
}

TEST(a_record_that_was_begun_and_not_finished_is_not_there)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    put_order(j, 1);
    put_order(j, 2);
    size_t const whole = load(), n = sizeof file / 2, last = whole - HEAD - sizeof(aats_order_t);
    aats_jrec_t head = {0};
    int end;
    size_t at;
    memset(file + last, 0, 8); /* its first word was not stored */
    CHECK_EQ_U64(walk(n, &head, &end, &at), 2);
    CHECK_EQ_I64(end, 0);
    CHECK_EQ_U64(at, last);
    file[last + AATS_JOURNAL_REC_MAX] = 1; /* no record is so long: something was lost here */
    CHECK_EQ_U64(walk(n, &head, &end, &at), 2);
    CHECK_EQ_I64(end, AATS_E_SYNTAX);
    CHECK_EQ_U64(at, last);
    done(j);
}

TEST(any_changed_bit_ends_the_reading_at_its_record)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    put_order(j, 1);
    aats_journal_put(j, AATS_JR_TOLD, 1, NULL, 0, 5);
    size_t const n = load();
    size_t const ends[] = {START_SZ, START_SZ + HEAD + sizeof(aats_order_t), n};
    REQUIRE(n == ends[1] + HEAD);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        aats_jrec_t head = {0};
        int end;
        size_t at, whole = 0;
        while (bit / 8 >= ends[whole]) whole++;
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        uint64_t const cnt = walk(n, &head, &end, &at);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_MSG(cnt == whole && end == AATS_E_SYNTAX, "bit %zu: %d records, then %d", bit, (int)cnt, end);
    }
    done(j);
}

TEST(a_file_cut_anywhere_gives_its_whole_records)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    for (int i = 1; i < 4; i++) put_order(j, i);
    size_t const n = load(), each = HEAD + sizeof(aats_order_t);
    for (size_t cut = 0; cut <= n; cut++) {
        aats_jrec_t head = {0};
        int end;
        size_t at;
        uint64_t const cnt = walk(cut, &head, &end, &at), want = cut < START_SZ ? 0 : 1 + (cut - START_SZ) / each;
        size_t const begun = cut < START_SZ ? cut : (cut - START_SZ) % each;
        int const clean = begun == 0; /* a head whose first word is there, and what follows is not */
        CHECK_MSG(cnt == want && end == (clean ? 0 : AATS_E_SYNTAX), "cut at %zu: %d records, then %d", cut, (int)cnt, end);
    }
    done(j);
}

TEST(records_left_out_or_of_another_run_are_not_believed)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    for (int i = 1; i < 4; i++) put_order(j, i);
    size_t const n = load(), each = HEAD + sizeof(aats_order_t);
    aats_jrec_t head = {0};
    int end;
    size_t at;

    memmove(file + START_SZ + each, file + START_SZ + 2 * each, each); /* the second INTENT is gone */
    CHECK_EQ_U64(walk(n - each, &head, &end, &at), 2);
    CHECK_EQ_I64(end, AATS_E_SYNTAX);

    memmove(file, file + START_SZ, each); /* no START */
    CHECK_EQ_U64(walk(each, &head, &end, &at), 0);
    CHECK_EQ_I64(end, AATS_E_SYNTAX);
    done(j);
}

/* ---- going on --------------------------------------------------------------------------------------------------------------------- */

TEST(a_file_is_gone_on_with_behind_what_can_be_believed)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    put_order(j, 1);
    put_order(j, 2);
    aats_journal_close(j);
    size_t const n = load();
    REQUIRE(truncate(path, (off_t)n - 5) == 0);

    j = aats_journal_resume(path, why, sizeof why);
    REQUIRE(j != NULL);
    aats_jrec_t head = {0};
    int end, left = 0;
    size_t at = load();
    for (size_t n_all = all(); at < n_all; at++) left |= file[at];
    CHECK_EQ_I64(left, 0); /* nothing of the cut record is left to be filled up with */
    CHECK_EQ_I64(aats_journal_put(j, AATS_JR_END, 0, NULL, 0, 9), AATS_OK);
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 3);
    CHECK_EQ_I64(end, 0);
    CHECK_EQ_I64(head.kind, AATS_JR_END);
    CHECK_EQ_U64(head.instance, INSTANCE);
    done(j);
}

TEST(a_file_without_a_start_is_not_gone_on_with)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    aats_journal_close(j);
    REQUIRE(truncate(path, START_SZ - 1) == 0);
    CHECK(aats_journal_resume(path, why, sizeof why) == NULL);
    CHECK(strstr(why, "no journal") != NULL);
    CHECK_EQ_U64(all(), START_SZ - 1);
    REQUIRE(truncate(path, 0) == 0);
    CHECK(aats_journal_resume(path, why, sizeof why) == NULL);
    unlink(path);
    CHECK(aats_journal_resume(path, why, sizeof why) == NULL);
    CHECK(strstr(why, "cannot be opened") != NULL);
}

TEST(what_is_kept_is_there_at_once_and_the_file_grows_as_needed)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    aats_oev_t const ev = {.kind = AATS_OEV_ACKED};
    size_t const before = load();
    CHECK_EQ_I64(aats_journal_keep(j, AATS_JR_EVENT, 1, &ev, sizeof ev, 1), AATS_OK);
    CHECK_EQ_U64(load(), before + HEAD + sizeof ev);
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ_I64(aats_journal_keep(j, AATS_JR_EVENT, 1, &ev, sizeof ev, 1), AATS_OK); /* more than it has room for */
        if (i % 7 == 0) CHECK_EQ_I64(aats_journal_flush(j), AATS_OK);
    }
    aats_jrec_t head = {0};
    int end;
    size_t at;
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 2002);
    CHECK_EQ_I64(end, 0);
    CHECK_EQ_I64(aats_journal_keep(j, AATS_JR_END, 0, NULL, 0, 1), AATS_OK);
    aats_journal_close(j);
    CHECK_EQ_U64(all(), load()); /* it ends with its last record */
    CHECK_EQ_U64(walk(all(), &head, &end, &at), 2003);
    CHECK_EQ_I64(head.kind, AATS_JR_END);
    unlink(path);
    path[0] = 0;
}

TEST(room_is_made_between_orders_not_before_one)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    size_t size = all();
    int grown = 0;
    for (int64_t id = 1; id <= 3000; id++) {
        CHECK_EQ_I64(put_order(j, id), AATS_OK);
        size_t const after = (size_t)(all());
        CHECK_EQ_U64(after, size);
        CHECK_EQ_I64(aats_journal_flush(j), AATS_OK);
        size_t const now = all();
        grown += now > size;
        size = now;
        if (id % 500 != 0) continue;
        CHECK(size - load() >= 128 << 10);
    }
    CHECK(grown >= 4);
    done(j);
}

TEST(a_forked_child_that_closes_it_leaves_the_file_alone)
{
    aats_journal_t *j = begin("maker");
    REQUIRE(j != NULL);
    size_t const before = all();
    pid_t const child = fork();
    if (child == 0) {
        aats_journal_close(j);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    CHECK_EQ_U64(all(), before);
    CHECK_EQ_I64(put_order(j, 1), AATS_OK);
    done(j);
}

/* ---- kill -9 ------------------------------------------------------------------------------------------------------------------- */

TEST(a_killed_writer_loses_nothing_that_it_was_told_was_written)
{
    for (int round = 0; round < 50; round++) {
        int pipes[2];
        REQUIRE(pipe(pipes) == 0);
        if (path[0]) unlink(path);
        snprintf(path, sizeof path, "/tmp/aats-journal-%d-killed%d.aj", (int)getpid(), round);
        pid_t const child = fork();
        REQUIRE(child >= 0);
        if (child == 0) { /* each number that comes out of the pipe was written before */
            close(pipes[0]);
            aats_journal_t *j = aats_journal_open(path, INSTANCE, "killed", 0, 1, why, sizeof why);
            if (j == NULL) _exit(1);
            for (int64_t id = 1; put_order(j, id) == AATS_OK; id++)
                if (write(pipes[1], &id, sizeof id) != sizeof id) break;
            _exit(0);
        }
        close(pipes[1]);
        int64_t id, told = 0;
        for (int i = 0; i < 20 + round && read(pipes[0], &id, sizeof id) == sizeof id; i++) told = id;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(pipes[0], &id, sizeof id) == sizeof id) told = id;
        close(pipes[0]);

        aats_jrec_t head = {0};
        int end;
        size_t at;
        uint64_t const cnt = walk(all(), &head, &end, &at);
        CHECK_MSG(cnt >= (uint64_t)told + 1, "round %d: %d records, but %d orders were said to be written", round, (int)cnt, (int)told);
        CHECK(told > 0 && end == 0);

        aats_journal_t *next = aats_journal_resume(path, why, sizeof why);
        REQUIRE(next != NULL);
        CHECK_EQ_I64(put_order(next, 1), AATS_OK);
        CHECK_EQ_U64(walk(all(), &head, &end, &at), cnt + 1);
        CHECK_EQ_I64(end, 0);
        done(next);
    }
}

RUN_ALL()
