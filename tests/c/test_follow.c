/* test_follow.c -- what a message does to a book by its venue's word: checksums, depth, numbers of a connection. */
#include "app/follow.h"
#include "check.h"

/* A venue whose sum is that of all prices and quantities of two levels a side. */
static uint32_t sum(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
    int64_t out = m->px_dec;
    for (size_t i = 0; i < bid_cnt; i++) out += bids[i].px_i * 31 + bids[i].qty_i;
    for (size_t i = 0; i < ask_cnt; i++) out += asks[i].px_i * 37 + asks[i].qty_i;
    return (uint32_t)out;
}

static aats_venue_t const SUMS = {.name = "SUMS", .seq = AATS_SEQ_NONE, .snapshots = AATS_SNAP_STREAM, .depth_max = 3, .check = sum, .check_levels = 2};

typedef struct {
    aats_sync_t sync;
    void *mem;
} kept_t;

static void begin(kept_t *k, aats_venue_t const *v)
{
    k->mem = malloc(aats_book_footprint(64));
    aats_sync_init(&k->sync, aats_book_init(k->mem, 64, 1));
    aats_follow_begin(v, &k->sync);
}

static void end(kept_t *k)
{
    aats_sync_fini(&k->sync);
    aats_book_fini(k->sync.book);
    free(k->mem);
}

static aats_level_t BIDS[] = {{50, 1}, {49, 2}, {48, 3}, {47, 4}}, ASKS[] = {{51, 5}};

static aats_msg_t snapshot_with(uint32_t check)
{
    return (aats_msg_t){.kind = AATS_MSG_SNAPSHOT, .has = AATS_HAS_CHECK, .check = check, .bids = BIDS, .bid_cnt = 4, .asks = ASKS, .ask_cnt = 1};
}

#define SUM (50 * 31 + 1 + 49 * 31 + 2 + 51 * 37 + 5)

TEST(snapshot_whose_sum_differs_is_no_book)
{
    kept_t k;
    begin(&k, &SUMS);
    aats_msg_t m = snapshot_with(SUM + 1);
    CHECK_EQ_I64(aats_follow_snapshot(&SUMS, &k.sync, &m, 0), AATS_E_CHECKSUM);
    CHECK(!k.sync.live);
    m = snapshot_with(SUM);
    CHECK_EQ_I64(aats_follow_snapshot(&SUMS, &k.sync, &m, 0), AATS_OK);
    CHECK(k.sync.live);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_BID), 3);
    end(&k);
}

TEST(diff_whose_sum_differs_ends_the_book_and_one_without_a_sum_does_not)
{
    kept_t k;
    begin(&k, &SUMS);
    aats_msg_t m = snapshot_with(SUM);
    aats_level_t level = {49, 7};
    CHECK_EQ_I64(aats_follow_snapshot(&SUMS, &k.sync, &m, 0), AATS_OK);
    aats_msg_t d = {.kind = AATS_MSG_DEPTH, .has = AATS_HAS_CHECK, .check = SUM + 5, .bids = &level, .bid_cnt = 1};
    aats_diff_t told;
    CHECK_EQ_I64(aats_follow_diff(&SUMS, &k.sync, &d, 9, &told), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(told.recv_ns, 9);
    level.qty_i = 8;
    d.has = 0;
    CHECK_EQ_I64(aats_follow_diff(&SUMS, &k.sync, &d, 9, NULL), AATS_SYNC_APPLIED);
    level.qty_i = 9;
    d.has = AATS_HAS_CHECK; /* the sum of before */
    CHECK_EQ_I64(aats_follow_diff(&SUMS, &k.sync, &d, 9, NULL), AATS_E_CHECKSUM);
    CHECK(!k.sync.live);
    CHECK_EQ_I64(aats_follow_diff(&SUMS, &k.sync, &d, 9, NULL), AATS_SYNC_EARLY);
    end(&k);
}

TEST(previous_id_counts_only_where_the_message_has_one)
{
    static aats_venue_t const PREV = {.seq = AATS_SEQ_PREV, .snapshots = AATS_SNAP_STREAM};
    kept_t k;
    begin(&k, &PREV);
    aats_msg_t m = {.kind = AATS_MSG_SNAPSHOT, .last_id = 10, .bids = BIDS, .bid_cnt = 1}, d = {.kind = AATS_MSG_DEPTH, .prev_id = 10, .last_id = 11};
    CHECK_EQ_I64(aats_follow_snapshot(&PREV, &k.sync, &m, 0), AATS_OK);
    CHECK_EQ_I64(aats_follow_diff(&PREV, &k.sync, &d, 0, NULL), AATS_E_GAP);
    CHECK_EQ_I64(aats_follow_snapshot(&PREV, &k.sync, &m, 0), AATS_OK);
    d.has = AATS_HAS_PREV;
    CHECK_EQ_I64(aats_follow_diff(&PREV, &k.sync, &d, 0, NULL), AATS_SYNC_APPLIED);
    d = (aats_msg_t){.kind = AATS_MSG_DEPTH, .has = AATS_HAS_PREV | AATS_HAS_RESET, .prev_id = 11, .last_id = 2};
    CHECK_EQ_I64(aats_follow_diff(&PREV, &k.sync, &d, 0, NULL), AATS_SYNC_APPLIED);
    CHECK_EQ_U64(k.sync.id, 2);
    end(&k);
}

TEST(hole_in_the_numbers_of_a_connection_is_found_and_a_doubled_frame_passed_over)
{
    uint64_t no = AATS_LINK_NO_NONE;
    static struct { uint64_t seq; int want; } const STEPS[] = {{0, 0}, {1, 0}, {1, 1}, {2, 0}, {4, AATS_E_GAP}, {3, AATS_E_GAP}, {4, 0}, {5, 0}};
    aats_msg_t m = {.has = 0, .link_seq = 77};
    CHECK_EQ_I64(aats_follow_link(&no, &m), 0);
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        m = (aats_msg_t){.has = AATS_HAS_LINK_SEQ, .link_seq = STEPS[i].seq};
        CHECK_MSG(aats_follow_link(&no, &m) == STEPS[i].want, "step %zu", i);
    }
}

RUN_ALL()
