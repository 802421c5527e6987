/* test_trader_keep.c -- the next file of a journal says all that is true and not told; a disk that does not take it leaves the old one, and orders go on. */
#include <dirent.h>
#include <sys/stat.h>

#include "trader_journal.h"

#define PX (20000 * UNIT)

static char folder[48];

/* begin_in opens a trader whose journal lies in a folder of its own. */
static int begin_in(void)
{
    static int number;
    char why[256];
    snprintf(folder, sizeof folder, "/tmp/aats-keep-%d-%d", (int)getpid(), number++);
    if (mkdir(folder, 0700) != 0) return 0;
    snprintf(path, sizeof path, "%s/%016llx.aj", folder, (unsigned long long)life);
    journal = aats_journal_open(path, life, "test", 0, now, why, sizeof why);
    if (journal == NULL || !open_trader(0, journal)) return 0;
    return aats_trader_carried(trader, now) == AATS_OK;
}

/* newest makes `path` the run's newest file: how many there are. */
static int newest(void)
{
    int cnt = 0;
    for (;; cnt++) {
        char name[sizeof path];
        if (cnt == 0) snprintf(name, sizeof name, "%s/%016llx.aj", folder, (unsigned long long)life);
        else snprintf(name, sizeof name, "%s/%016llx.%d.aj", folder, (unsigned long long)life, cnt);
        if (access(name, F_OK) != 0) return cnt;
        snprintf(path, sizeof path, "%s", name);
    }
}

static void finish_in(void)
{
    struct dirent const *one;
    close_trader();
    aats_journal_close(journal);
    journal = NULL;
    DIR *dir = opendir(folder);
    while (dir != NULL && (one = readdir(dir)) != NULL) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", folder, one->d_name);
        if (one->d_name[0] != '.' || one->d_name[1] > '.') unlink(name);
    }
    if (dir != NULL) closedir(dir);
    rmdir(folder);
    path[0] = 0;
}

/* trade lives through an order that is closed and told, with a fill. */
static void trade(int64_t id)
{
    send(id);
    say_fill(id, (uint64_t)id, PX, UNIT, "BNB", UNIT / 1000);
    step();
    told();
}

TEST(a_full_file_is_followed_by_one_that_says_all_that_is_true_and_not_told)
{
    REQUIRE(begin_in());
    trade(1);
    send(2);
    say(AATS_OM_ACK, 2);
    say_fill(2, 20, PX, UNIT / 4, "USDT", UNIT / 100);
    step();
    told();
    send(3);
    aats_trader_cancel(trader, 2, 3, now, now);
    CHECK_EQ_I64(newest(), 1);
    aats_journal_limit(journal, 1);
    step();
    aats_journal_limit(journal, UINT64_MAX);
    REQUIRE(newest() == 2);
    CHECK_STR(written(), "S h f f d I2 e2 e2 e2 e2 I3 e3 +"); /* what waited to be given is written, too */
    legacy_t const *legacy = legacy_of(STORY);
    REQUIRE(legacy->cnt == 2);
    CHECK_EQ_I64(legacy->orders[0].intent.state, AATS_ORD_NEW);
    CHECK_EQ_I64(legacy->orders[0].evs[3].kind, AATS_OEV_CANCEL_CREATED);

    CHECK_STR(told(), "Cc");
    say(AATS_OM_ACK, 3);
    aats_omsg_t *done = say(AATS_OM_DONE, 2);
    done->code = AATS_OC_CANCELED;
    done->cum_qty_i = UNIT / 4;
    step();
    CHECK_STR(told(), "akd.");
    CHECK_STR(written(), "S h f f d I2 e2 e2 e2 e2 I3 e3 + e3 e2 e2 x2 T2");
    aats_journal_limit(journal, 1);
    step();
    REQUIRE(newest() == 3);
    CHECK_STR(written(), "S h f f d I3 e3 e3 +"); /* who is told is gone */
    finish_in();
}

TEST(the_checkpoint_has_the_holdings_fees_and_the_day)
{
    REQUIRE(begin_in());
    trade(1);
    trade(2);
    send(3);
    aats_trader_cancel(trader, 3, 3, now, now);
    aats_journal_limit(journal, 1);
    step();
    REQUIRE(newest() == 2);
    written();
    size_t at = 0, payload_sz;
    aats_jrec_t head = {0};
    void const *payload;
    int seen = 0;
    while (aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1) {
        aats_hold_t hold;
        aats_fee_t fee;
        aats_jday_t day;
        if (head.kind == AATS_JR_HOLD) {
            memcpy(&hold, payload, sizeof hold);
            CHECK_EQ_I64(hold.strategy, 3);
            CHECK(aats_wide(hold.size) == 2 * UNIT);
            seen |= 1;
        } else if (head.kind == AATS_JR_FEE) {
            memcpy(&fee, payload, sizeof fee);
            CHECK_STR(fee.asset, "BNB");
            CHECK(aats_wide(fee.amount) == UNIT / 500);
            seen |= 2;
        } else if (head.kind == AATS_JR_DAY) {
            memcpy(&day, payload, sizeof day);
            CHECK_EQ_I64(day.day, now / 1000000000 / 86400);
            CHECK_EQ_U64(day.orders, 3);
            CHECK_EQ_U64(day.cancels, 1);
            seen |= 4;
        }
    }
    CHECK_EQ_I64(seen, 7);
    finish_in();
}

TEST(a_checkpoint_that_cannot_be_written_leaves_the_old_file_and_orders_go_on)
{
    REQUIRE(begin_in());
    trade(1);
    char away[100];
    snprintf(away, sizeof away, "%s-away", folder);
    REQUIRE(rename(folder, away) == 0); /* the next file cannot be made */
    aats_journal_limit(journal, 1);
    step();
    send(2);
    CHECK_EQ_I64(venue.placed, 2);
    say(AATS_OM_ACK, 2);
    step();
    CHECK_STR(told(), "Ca");
    REQUIRE(rename(away, folder) == 0);
    CHECK_EQ_I64(newest(), 1);
    CHECK(strstr(written(), "I2 e2 e2") != NULL);
    step();
    CHECK_EQ_I64(newest(), 1); /* not tried again at once */
    now += 2000000000;
    step();
    CHECK_EQ_I64(newest(), 2);
    CHECK_STR(written(), "S h f d I2 e2 e2 +");
    finish_in();
}

TEST(fills_on_a_full_disk_are_there_again_once_it_has_room)
{
    REQUIRE(begin_in());
    for (int64_t id = 1; id <= 150; id++) send(id);
    while (told()[0] != 0) continue;
    fill_disk();
    for (int64_t id = 1; id <= 150; id++) { /* more than what is kept back for them */
        say_fill(id, (uint64_t)id, PX, UNIT, "USDT", 0);
        step();
        CHECK_STR(told(), "ax.");
    }
    aats_trader_verify(trader);
    say(AATS_OM_READY, 0);
    step();
    told();
    aats_trader_leave(trader);
    now += 2000000000;
    step();
    char const *end = written();
    CHECK(end[strlen(end) - 1] != 'E'); /* not while some of it is in no file */
    size_t at = 0, payload_sz;
    aats_jrec_t head = {0};
    void const *payload;
    static int filled[151], told_of[151], gaps;
    while (aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1) {
        aats_oev_t const *ev = payload;
        if (head.order_id < 1 || head.order_id > 150) continue;
        if (head.kind == AATS_JR_EVENT && ev->kind == AATS_OEV_EXEC) filled[head.order_id] = 1;
        if (head.kind == AATS_JR_TOLD) told_of[head.order_id] = 1;
    }
    for (int i = 1; i <= 150; i++) {
        CHECK(filled[i] || !told_of[i]); /* killed now, it is asked for */
        gaps += !filled[i];
    }
    CHECK(gaps > 0);

    empty_disk();
    now += 2000000000;
    step();
    REQUIRE(newest() == 2);
    CHECK_STR(written(), "S h d + E");
    at = 0;
    head = (aats_jrec_t){0};
    while (aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1) {
        aats_hold_t hold;
        if (head.kind != AATS_JR_HOLD) continue;
        memcpy(&hold, payload, sizeof hold);
        CHECK(aats_wide(hold.size) == 150 * UNIT);
    }
    finish_in();
}

TEST(a_run_that_has_left_in_order_stays_so_whatever_follows)
{
    int64_t const day = INT64_C(86400000000000);
    REQUIRE(begin_in());
    trade(1);
    aats_trader_verify(trader);
    say(AATS_OM_READY, 0);
    step();
    told();
    aats_trader_leave(trader);
    step();
    char const *end = written();
    REQUIRE(end[strlen(end) - 1] == 'E');
    aats_journal_limit(journal, 1); /* it is full, */
    now = (now / day + 1) * day;    /* and a holding begins its day */
    step();
    send(2);
    CHECK_STR(told(), "CR."); /* the strategy still learns of it */
    step();
    CHECK_EQ_I64(newest(), 1);
    end = written();
    CHECK(end[strlen(end) - 1] == 'E');
    close_trader();
    end = written();
    CHECK(end[strlen(end) - 1] == 'E');
    finish_in();
}

TEST(over_many_files_nothing_that_is_open_is_lost)
{
    REQUIRE(begin_in());
    aats_journal_limit(journal, 6000); /* some orders a file */
    uint64_t seed = 5;
    int open[400] = {0}, files = 1;
    for (int64_t id = 1; id < 400; id++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        send(id);
        open[id] = 1;
        if (seed >> 60 < 12) { /* most are filled, at once or later */
            int64_t const which = id - (int64_t)(seed >> 40 & 7);
            if (which > 0 && open[which]) {
                say_fill(which, (uint64_t)which, PX, UNIT, "USDT", 0);
                open[which] = 0;
            }
        }
        step();
        told();
        step();
        if (newest() == files) continue;
        files++;
        written();
        int left[400] = {0};
        size_t at = 0, payload_sz;
        aats_jrec_t head = {0};
        void const *payload;
        while (aats_journal_next(file, file_sz, &at, &head, &payload, &payload_sz) == 1) {
            if (head.kind == AATS_JR_INTENT) left[head.order_id] = 1;
            if (head.kind == AATS_JR_TOLD) left[head.order_id] = 0;
        }
        for (int64_t i = 1; i <= id; i++) CHECK_EQ_I64(left[i], open[i]);
    }
    CHECK(files > 10);
    finish_in();
}

TEST(a_day_that_began_with_a_position_is_written_down_once)
{
    int64_t const day = INT64_C(86400000000000);
    aats_level_t const bid = {.px_i = PX, .qty_i = UNIT}, ask = {.px_i = PX + 2 * UNIT, .qty_i = UNIT};
    REQUIRE(begin_in());
    trade(1);
    aats_trader_quote(trader, 0, &bid, 1, &ask, 1, 1, now);
    now = (now / day + 1) * day;
    step();
    REQUIRE(newest() == 2);
    CHECK_STR(written(), "S h f d +");
    aats_hold_t h = {0};
    CHECK_EQ_I64(aats_trader_hold(trader, 3, 0, &h), 1);
    CHECK_EQ_I64(h.day, now / day);
    CHECK_EQ_I64(h.day_px_i, PX + UNIT);
    CHECK_MEM(&h.day_size, &h.size, sizeof h.size);
    step();
    CHECK_EQ_I64(newest(), 2);
    finish_in();
}

RUN_ALL()
