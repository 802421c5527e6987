/* test_ring.c -- the event ring under every order that C11 allows: records are whole, laps are told, slots come
 * before the ring.
 *
 * The edges themselves (seqlock.h) go through the whole search on a payload of two words; the real ring, whose
 * records have more words than a search can bear, through the search for one record and through random runs for many. */
#include "weak.h"

#include "race_fixture.h"
#include "shm/seqlock.h"

#define THREAD(name) static void name(void *ctx __attribute__((unused)))
#define RANDOM_RUNS 4000

/* ---- the edges alone
 * ----------------------------------------------------------------------------------------------------- */

static struct {
    uint64_t stamp, word[2];
} lock;

THREAD(lock_setup)
{
    memset(&lock, 0, sizeof lock);
    weak_name(&lock.stamp, 8, "stamp");
    weak_name(lock.word, 16, "word");
}

THREAD(lock_write_twice)
{
    for (uint64_t n = 0; n < 2; n++) {
        uint64_t const words[2] = {n + 1, n + 1};
        aats_seq_write_begin(&lock.stamp, 2 * n + 1);
        aats_words_store(lock.word, words, 2);
        aats_seq_write_end(&lock.stamp, 2 * n + 2);
    }
}

THREAD(lock_read)
{
    uint64_t words[2];
    uint64_t const stamp = aats_seq_read_begin(&lock.stamp);
    if (stamp & 1) return;
    aats_words_load(words, lock.word, 2);
    if (aats_seq_read_end(&lock.stamp, stamp)) WEAK_ASSERT(words[0] == stamp / 2 && words[1] == stamp / 2);
}

TEST(words_between_begin_and_end_are_of_one_stamp)
{
    weak_program_t const one = {.setup = lock_setup, .threads = {lock_write_twice, lock_read}};
    WEAK_HOLDS(&one, .kill = 1);
    weak_program_t const two = {.setup = lock_setup, .threads = {lock_write_twice, lock_read, lock_read}};
    WEAK_HOLDS(&two, .random_runs = RANDOM_RUNS, .seed = 1);
}

/* ---- one record, every order
 * ----------------------------------------------------------------------------------------------- */

THREAD(ring_setup) { race_md_reset(); }
THREAD(write_one) { race_quote(0); }

/* read_one polls record 0, and E3: who has it finds it in the latest slot. */
THREAD(read_one)
{
    aats_rec20_t rec;
    aats_rec_t head;
    int const got = aats_ring_poll(&md, 0, &rec);
    WEAK_ASSERT(got == 0 || got == 1);
    if (got == 0) return;
    WEAK_ASSERT(race_is_quote(&rec.r, rec.bids, rec.asks, 0));
    WEAK_ASSERT(aats_latest_try(&md, 0, &head, rec.bids, rec.asks, 1) == 1);
    WEAK_ASSERT(race_is_quote(&head, rec.bids, rec.asks, 0));
}

/* join_one takes the newest cursor first, then the slot. */
THREAD(join_one)
{
    aats_rec_t head;
    if (aats_ring_newest(&md) == 0) return;
    WEAK_ASSERT(aats_latest_try(&md, 0, &head, NULL, NULL, 0) == 1);
    WEAK_ASSERT(head.rec == 0);
}

TEST(a_polled_record_is_whole_and_stands_in_its_latest_slot)
{
    REQUIRE(race_md_init(2, 5, 1));
    weak_program_t const program = {.setup = ring_setup, .threads = {write_one, read_one}};
    WEAK_HOLDS(&program, .kill = 1);
}

TEST(below_the_newest_cursor_no_latest_slot_is_old)
{
    REQUIRE(race_md_init(2, 5, 1));
    weak_program_t const program = {.setup = ring_setup, .threads = {write_one, join_one}};
    WEAK_HOLDS(&program, .kill = 1);
}

/* ---- many records, laps, deaths
 * ---------------------------------------------------------------------------------------------- */

#define RECORDS 7 /* of two symbols in a ring of two: laps at every turn */

static uint16_t sym_of(uint64_t n) { return n == 0 ? 1 : 0; } /* 1 is quiet after its first book */

THREAD(write_many)
{
    for (uint64_t n = 0; n < RECORDS; n++) race_quote(sym_of(n));
}

/* read_many follows the ring as a feed reader does: poll, and after a lap newest, then slots.  It must never miss a
 * book: what it has seen of each symbol, in the ring or in a slot, is never older than the cursor promises. */
THREAD(read_many)
{
    uint64_t cursor = 0;
    for (int turn = 0; turn < 12; turn++) {
        aats_rec20_t rec;
        int const got = aats_ring_poll(&md, cursor, &rec);
        WEAK_ASSERT(got == 0 || got == 1 || got == AATS_E_LAPPED);
        if (got == 1) {
            WEAK_ASSERT(race_is_quote(&rec.r, rec.bids, rec.asks, cursor));
            cursor++;
        } else if (got == AATS_E_LAPPED) {
            uint64_t const newest = aats_ring_newest(&md);
            WEAK_ASSERT(newest >= cursor + md.ring_depth); /* E4 */
            for (uint32_t sym = 0; sym < 2; sym++) {
                aats_rec_t head;
                aats_level_t bid, ask;
                int const copied = aats_latest_try(&md, sym, &head, &bid, &ask, 1);
                if (sym == 1) WEAK_ASSERT(copied == 1 && head.rec == 0);
                WEAK_ASSERT(copied == 0 || copied == 1);
                if (copied != 1) continue;
                WEAK_ASSERT(race_is_quote(&head, &bid, &ask, head.rec));
                WEAK_ASSERT(sym == 1 || head.rec + 1 >= newest);
            }
            cursor = newest;
        } else {
            aats_spin_hint();
        }
    }
}

TEST(a_lapped_reader_gets_every_book_again)
{
    REQUIRE(race_md_init(2, 5, 2));
    weak_program_t const program = {.setup = ring_setup, .threads = {write_many, read_many}};
    WEAK_HOLDS(&program, .random_runs = RANDOM_RUNS, .seed = 2);
    WEAK_HOLDS(&program, .random_runs = RANDOM_RUNS, .seed = 3, .kill = 1);
}

TEST(two_readers_do_not_disturb_each_other)
{
    REQUIRE(race_md_init(4, 5, 2));
    weak_program_t const program = {.setup = ring_setup, .threads = {write_many, read_many, read_many}};
    WEAK_HOLDS(&program, .random_runs = RANDOM_RUNS / 2, .seed = 4, .kill = 2);
}

/* Records that go into the ring alone have no slot whose fence could stand in for E4. */
THREAD(write_changes)
{
    for (uint64_t n = 0; n < RECORDS; n++) {
        aats_rec_t rec = fixture_rec(AATS_REC_L2, 0, n + 1);
        aats_md_publish(&writer, &rec, NULL, NULL);
    }
}

THREAD(read_changes)
{
    uint64_t cursor = 0;
    for (int turn = 0; turn < 10; turn++) {
        aats_rec20_t rec;
        int const got = aats_ring_poll(&md, cursor, &rec);
        if (got == 1) {
            WEAK_ASSERT(rec.r.rec == cursor && fixture_whole(&rec.r, cursor + 1));
            cursor++;
        } else if (got == AATS_E_LAPPED) {
            uint64_t const newest = aats_ring_newest(&md);
            WEAK_ASSERT(newest >= cursor + md.ring_depth);
            cursor = newest;
        } else {
            aats_spin_hint();
        }
    }
}

TEST(after_a_lap_the_cursor_never_goes_back)
{
    REQUIRE(race_md_init(2, 5, 1));
    weak_program_t const program = {.setup = ring_setup, .threads = {write_changes, read_changes}};
    WEAK_HOLDS(&program, .random_runs = RANDOM_RUNS, .seed = 5, .kill = 1);
}

RUN_ALL()
