/* test_sync.c -- the venue's rule for snapshot and diffs: refusals, each step of it, and whole streams against a plain model. */
#include "book/sync.h"
#include "check.h"

#define WINDOW 64

typedef struct {
    aats_sync_t sync;
    void *mem;
} kept_t;

static void begin(kept_t *k)
{
    k->mem = malloc(aats_book_footprint(WINDOW));
    aats_sync_init(&k->sync, aats_book_init(k->mem, WINDOW, 1));
}

static void end(kept_t *k)
{
    aats_sync_fini(&k->sync);
    aats_book_fini(k->sync.book);
    free(k->mem);
}

/* One bid at px with quantity qty, ids first..last. */
static int diff(kept_t *k, uint64_t first, uint64_t last, int64_t px, int64_t qty)
{
    aats_level_t bid = {px, qty};
    aats_diff_t d = {.first_id = first, .last_id = last, .bids = &bid, .bid_cnt = 1};
    return aats_sync_diff(&k->sync, &d);
}

static int snapshot(kept_t *k, uint64_t id, int64_t px, int64_t qty, size_t limit)
{
    aats_level_t bid = {px, qty};
    return aats_sync_snapshot(&k->sync, id, &bid, 1, NULL, 0, limit);
}

static int replay(kept_t *k, int *applied)
{
    aats_diff_t d;
    int e;
    *applied = 0;
    while ((e = aats_sync_replay(&k->sync, &d)) == 1) ++*applied;
    return e;
}

static int64_t best(kept_t *k)
{
    aats_level_t level = {0, 0};
    aats_book_best(k->sync.book, AATS_BID, &level);
    return level.px_i * 1000 + level.qty_i;
}

/* ---- refusals ---- */

TEST(diff_whose_first_id_is_after_its_last_is_refused_and_changes_nothing)
{
    kept_t k;
    int n;
    begin(&k);
    CHECK_EQ_I64(diff(&k, 8, 7, 5, 1), AATS_E_SHAPE);
    CHECK_EQ_I64(snapshot(&k, 10, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(diff(&k, 12, 11, 6, 1), AATS_E_SHAPE);
    CHECK_EQ_I64(diff(&k, 1, UINT64_MAX, 6, 1), AATS_E_SHAPE);
    CHECK(k.sync.live);
    CHECK_EQ_U64(k.sync.id, 10);
    CHECK_EQ_I64(best(&k), 5001);
    end(&k);
}

TEST(snapshot_with_an_id_at_the_end_of_all_ids_is_refused)
{
    kept_t k;
    begin(&k);
    CHECK_EQ_I64(snapshot(&k, UINT64_MAX, 5, 1, 0), AATS_E_SHAPE);
    CHECK_EQ_I64(snapshot(&k, UINT64_MAX - 1, 5, 1, 0), AATS_E_SHAPE);
    CHECK(!k.sync.live);
    end(&k);
}

TEST(snapshot_older_than_the_first_kept_diff_is_refused_and_the_diffs_stay)
{
    kept_t k;
    int n;
    begin(&k);
    CHECK_EQ_I64(diff(&k, 11, 13, 5, 1), AATS_SYNC_KEPT);
    CHECK_EQ_I64(diff(&k, 14, 15, 6, 1), AATS_SYNC_KEPT);
    CHECK_EQ_I64(snapshot(&k, 9, 4, 1, 0), AATS_E_STALE);
    CHECK(!k.sync.live);
    CHECK_EQ_I64(snapshot(&k, 10, 4, 1, 0), AATS_OK); /* U = L + 1: nothing lies between */
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 2);
    CHECK_EQ_I64(best(&k), 6001);
    CHECK_EQ_U64(k.sync.id, 15);
    end(&k);
}

TEST(snapshot_with_a_negative_quantity_leaves_no_book_that_could_be_called_good)
{
    kept_t k;
    int n;
    begin(&k);
    CHECK_EQ_I64(snapshot(&k, 10, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(snapshot(&k, 11, 5, -1, 0), AATS_E_ARG);
    CHECK(!k.sync.live);
    end(&k);
}

/* ---- the rule ---- */

TEST(kept_diffs_that_the_snapshot_holds_are_dropped)
{
    kept_t k;
    int n;
    begin(&k);
    diff(&k, 5, 6, 1, 1);
    diff(&k, 7, 9, 2, 1);
    diff(&k, 10, 12, 3, 7);
    CHECK_EQ_I64(snapshot(&k, 11, 4, 1, 0), AATS_OK); /* inside the last one */
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 1);
    CHECK_EQ_U64(k.sync.id, 12);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_BID), 2);
    CHECK(!k.sync.keeping);
    end(&k);
}

TEST(hole_in_the_stream_ends_the_book_and_keeps_the_diff_behind_it)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    CHECK_EQ_I64(diff(&k, 11, 12, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff(&k, 14, 15, 7, 1), AATS_E_GAP);
    CHECK(!k.sync.live);
    CHECK_EQ_U64(k.sync.id, 0);
    CHECK_EQ_I64(diff(&k, 16, 17, 8, 1), AATS_SYNC_KEPT);
    CHECK_EQ_I64(snapshot(&k, 12, 5, 1, 0), AATS_E_STALE);
    CHECK_EQ_I64(snapshot(&k, 13, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 2);
    CHECK_EQ_I64(best(&k), 8001);
    end(&k);
}

TEST(hole_among_the_kept_diffs_is_found_and_what_lies_behind_it_stays)
{
    kept_t k;
    int n;
    begin(&k);
    diff(&k, 11, 12, 6, 1);
    diff(&k, 15, 16, 7, 1);
    diff(&k, 17, 18, 8, 1);
    CHECK_EQ_I64(snapshot(&k, 10, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), AATS_E_GAP);
    CHECK(!k.sync.live);
    CHECK_EQ_U64(k.sync.kept_first_id, 15);
    CHECK_EQ_I64(snapshot(&k, 14, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 2);
    CHECK_EQ_I64(best(&k), 8001);
    end(&k);
}

TEST(doubled_diff_changes_nothing)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    CHECK_EQ_I64(diff(&k, 11, 12, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff(&k, 11, 12, 9, 9), AATS_SYNC_OLD);
    CHECK_EQ_I64(best(&k), 6001);
    CHECK_EQ_I64(diff(&k, 12, 14, 6, 2), AATS_SYNC_APPLIED); /* an overlap is no hole: levels are absolute */
    CHECK_EQ_U64(k.sync.id, 14);
    end(&k);
}

TEST(swapped_diffs_are_noticed)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    CHECK_EQ_I64(diff(&k, 13, 14, 6, 1), AATS_E_GAP);
    CHECK_EQ_I64(diff(&k, 11, 12, 7, 1), AATS_SYNC_KEPT);
    CHECK(!k.sync.live);
    end(&k);
}

/* ---- a fresh snapshot for a book that lives ---- */

TEST(live_book_is_replaced_by_a_newer_snapshot_with_the_diffs_since_over_it)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    aats_sync_keep(&k.sync);
    CHECK_EQ_I64(diff(&k, 11, 12, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff(&k, 13, 14, 7, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(snapshot(&k, 12, 3, 3, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 1);
    CHECK(k.sync.live);
    CHECK_EQ_U64(k.sync.id, 14);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_BID), 2); /* 3 of the snapshot, 7 of the diff; 5 and 6 are gone */
    end(&k);
}

TEST(live_book_is_not_taken_back_by_a_snapshot_that_nothing_bridges)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    diff(&k, 11, 12, 6, 1);
    aats_sync_keep(&k.sync);
    CHECK_EQ_I64(snapshot(&k, 11, 3, 3, 0), AATS_E_STALE);
    diff(&k, 13, 14, 7, 1);
    CHECK_EQ_I64(snapshot(&k, 11, 3, 3, 0), AATS_E_STALE);
    CHECK(k.sync.live);
    CHECK_EQ_U64(k.sync.id, 14);
    CHECK_EQ_I64(best(&k), 7001);
    end(&k);
}

TEST(lost_book_keeps_its_diffs_and_a_reset_one_does_not)
{
    kept_t k;
    int n;
    begin(&k);
    snapshot(&k, 10, 5, 1, 0);
    replay(&k, &n);
    aats_sync_keep(&k.sync);
    diff(&k, 11, 12, 6, 1);
    aats_sync_lost(&k.sync);
    CHECK_EQ_I64(snapshot(&k, 10, 5, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 1);
    aats_sync_reset(&k.sync);
    CHECK_EQ_U64(k.sync.kept_sz, 0);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_BID), 0);
    end(&k);
}

TEST(kept_diffs_are_bounded_and_the_snapshot_must_then_be_newer)
{
    static aats_level_t levels[10000];
    kept_t k;
    int n;
    begin(&k);
    for (int i = 0; i < 10000; i++) levels[i] = (aats_level_t){i + 1, 1};
    uint64_t id = 1;
    for (; k.sync.kept_first_id < 2; id++) {
        REQUIRE(id < 1000);
        aats_diff_t d = {.first_id = id, .last_id = id, .bids = levels, .bid_cnt = 10000, .asks = levels, .ask_cnt = 10000};
        REQUIRE(aats_sync_diff(&k.sync, &d) == AATS_SYNC_KEPT);
        REQUIRE(k.sync.kept_sz <= AATS_SYNC_KEPT_MAX);
    }
    CHECK_EQ_I64(snapshot(&k, 1, 1, 1, 0), AATS_E_STALE);
    CHECK_EQ_I64(snapshot(&k, id - 1, 1, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    end(&k);
}

/* ---- the other rules ---- */

static void begin_by(kept_t *k, int seq, int in_band, uint32_t depth_max)
{
    begin(k);
    aats_sync_rule(&k->sync, seq, in_band, depth_max);
}

/* One bid at px with quantity qty, by the previous id. */
static int diff_prev(kept_t *k, uint64_t prev, uint64_t last, int64_t px, int64_t qty)
{
    aats_level_t bid = {px, qty};
    aats_diff_t d = {.prev_id = prev, .last_id = last, .bids = &bid, .bid_cnt = 1};
    return aats_sync_diff(&k->sync, &d);
}

TEST(diff_before_the_snapshot_of_a_stream_belongs_to_no_book)
{
    static int const RULES[] = {AATS_SEQ_SPAN, AATS_SEQ_PREV, AATS_SEQ_NEXT, AATS_SEQ_NONE};
    for (int i = 0; i < 4; i++) {
        kept_t k;
        int n;
        begin_by(&k, RULES[i], 1, 0);
        CHECK_EQ_I64(diff_prev(&k, 10, 11, 5, 1), AATS_SYNC_EARLY);
        CHECK_EQ_I64(snapshot(&k, 10, 4, 1, 0), AATS_OK);
        CHECK_EQ_I64(replay(&k, &n), 0);
        CHECK_EQ_I64(n, 0);
        CHECK_EQ_I64(best(&k), 4001);
        aats_sync_keep(&k.sync);
        CHECK(!k.sync.keeping);
        aats_sync_lost(&k.sync);
        CHECK_EQ_I64(diff_prev(&k, 10, 11, 5, 1), AATS_SYNC_EARLY);
        CHECK_EQ_U64(k.sync.kept_sz, 0);
        end(&k);
    }
}

TEST(diff_that_names_another_than_the_newest_is_a_hole_whatever_its_number)
{
    kept_t k;
    begin_by(&k, AATS_SEQ_PREV, 1, 0);
    snapshot(&k, 1000, 5, 1, 0);
    CHECK_EQ_I64(diff_prev(&k, 1000, 1005, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff_prev(&k, 1000, 1005, 7, 1), AATS_SYNC_OLD); /* once more */
    CHECK_EQ_I64(diff_prev(&k, 1005, 1005, 6, 2), AATS_SYNC_APPLIED); /* a sign of life keeps the number */
    CHECK_EQ_I64(diff_prev(&k, 1006, 1007, 7, 1), AATS_E_GAP);
    CHECK(!k.sync.live);
    snapshot(&k, 1000, 5, 1, 0);
    CHECK_EQ_I64(diff_prev(&k, 15, 20, 7, 1), AATS_E_GAP); /* what counted anew before it is missing */
    CHECK(!k.sync.live);
    end(&k);
}

TEST(venue_that_counts_anew_and_says_so_is_followed)
{
    kept_t k;
    aats_level_t bid = {7, 1};
    aats_diff_t d = {.prev_id = 1000, .last_id = 3, .reset = 1, .bids = &bid, .bid_cnt = 1};
    begin_by(&k, AATS_SEQ_PREV, 1, 0);
    snapshot(&k, 1000, 5, 1, 0);
    CHECK_EQ_I64(diff_prev(&k, 1000, 3, 9, 1), AATS_E_SHAPE);
    CHECK(k.sync.live);
    CHECK_EQ_I64(aats_sync_diff(&k.sync, &d), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff_prev(&k, 3, 4, 8, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_U64(k.sync.id, 4);
    CHECK_EQ_I64(best(&k), 8001);
    end(&k);
}

/* The stream of exchanges/binance_futures.md section 4: U, u and pu over a snapshot on request. */
static int diff_all(kept_t *k, uint64_t first, uint64_t last, uint64_t prev, int64_t px)
{
    aats_level_t bid = {px, 1};
    aats_diff_t d = {.first_id = first, .last_id = last, .prev_id = prev, .bids = &bid, .bid_cnt = 1};
    return aats_sync_diff(&k->sync, &d);
}

TEST(first_diff_over_a_requested_snapshot_may_begin_before_it_and_the_next_names_it)
{
    kept_t k;
    int n;
    begin_by(&k, AATS_SEQ_PREV, 0, 0);
    CHECK_EQ_I64(diff_all(&k, 90, 95, 88, 1), AATS_SYNC_KEPT);
    CHECK_EQ_I64(diff_all(&k, 98, 103, 95, 2), AATS_SYNC_KEPT); /* numbers between are other symbols' */
    CHECK_EQ_I64(diff_all(&k, 110, 111, 103, 3), AATS_SYNC_KEPT);
    CHECK_EQ_I64(snapshot(&k, 100, 9, 1, 0), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_I64(n, 2);
    CHECK_EQ_U64(k.sync.id, 111);
    CHECK_EQ_I64(diff_all(&k, 98, 103, 95, 2), AATS_SYNC_OLD);
    CHECK_EQ_I64(diff_all(&k, 112, 115, 112, 4), AATS_E_GAP); /* U fits, pu does not */
    CHECK_EQ_U64(k.sync.kept_first_id, 112);
    CHECK_EQ_I64(snapshot(&k, 112, 9, 1, 0), AATS_OK); /* pu == L */
    CHECK_EQ_I64(replay(&k, &n), 0);
    CHECK_EQ_U64(k.sync.id, 115);
    end(&k);
}

TEST(counted_diffs_must_follow_each_other)
{
    kept_t k;
    begin_by(&k, AATS_SEQ_NEXT, 1, 0);
    snapshot(&k, 7, 5, 1, 0);
    CHECK_EQ_I64(diff(&k, 0, 8, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff(&k, 0, 8, 6, 9), AATS_SYNC_OLD);
    CHECK_EQ_I64(diff(&k, 0, 7, 6, 9), AATS_E_GAP);
    snapshot(&k, 1, 5, 1, 0); /* the venue's service began anew */
    CHECK_EQ_I64(diff(&k, 0, 2, 6, 2), AATS_SYNC_APPLIED);
    CHECK_EQ_I64(diff(&k, 0, 4, 6, 3), AATS_E_GAP);
    CHECK_EQ_I64(best(&k), 6002);
    end(&k);
}

TEST(books_without_numbers_count_for_themselves_and_never_back)
{
    kept_t k;
    begin_by(&k, AATS_SEQ_NONE, 1, 0);
    snapshot(&k, 0, 5, 1, 0);
    uint64_t first = k.sync.id;
    CHECK(first > 0);
    CHECK_EQ_I64(diff(&k, 0, 0, 6, 1), AATS_SYNC_APPLIED);
    CHECK_EQ_U64(k.sync.id, first + 1);
    aats_sync_reset(&k.sync);
    snapshot(&k, 0, 5, 1, 0);
    CHECK_EQ_U64(k.sync.id, first + 2);
    end(&k);
}

TEST(what_falls_behind_the_subscribed_depth_is_forgotten)
{
    aats_level_t bids[] = {{50, 1}, {49, 1}, {48, 1}, {1, 1}}, more[] = {{52, 1}, {51, 1}, {51000, 1}}, asks[] = {{60000, 1}, {60001, 1}, {90000, 1}};
    kept_t k;
    begin_by(&k, AATS_SEQ_NONE, 1, 3);
    CHECK_EQ_I64(aats_sync_snapshot(&k.sync, 0, bids, 4, asks, 3, 0), AATS_OK);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_BID), 3);
    CHECK_EQ_U64(aats_book_cnt(k.sync.book, AATS_ASK), 3);
    aats_diff_t d = {.bids = more, .bid_cnt = 3, .asks = &(aats_level_t){59999, 1}, .ask_cnt = 1};
    CHECK_EQ_I64(aats_sync_diff(&k.sync, &d), AATS_SYNC_APPLIED);
    aats_level_t top[4];
    CHECK_EQ_U64(aats_book_top(k.sync.book, AATS_BID, 4, top), 3);
    CHECK_EQ_I64(top[0].px_i, 51000);
    CHECK_EQ_I64(top[2].px_i, 51);
    CHECK_EQ_U64(aats_book_top(k.sync.book, AATS_ASK, 4, top), 3);
    CHECK_EQ_I64(top[2].px_i, 60001);
    end(&k);
}

/* ---- the horizon ---- */

TEST(levels_beyond_the_last_one_of_a_cut_snapshot_are_not_certain)
{
    aats_level_t const bids[] = {{50, 1}, {49, 1}, {47, 1}}, asks[] = {{51, 1}};
    aats_level_t top[8];
    kept_t k;
    int n;
    begin(&k);
    CHECK_EQ_I64(aats_sync_snapshot(&k.sync, 10, bids, 3, asks, 1, 3), AATS_OK);
    CHECK_EQ_I64(replay(&k, &n), 0);
    diff(&k, 11, 11, 40, 1); /* told, but 46..41 may hold others */
    size_t cnt = aats_book_top(k.sync.book, AATS_BID, 8, top);
    CHECK_EQ_U64(cnt, 4);
    CHECK_EQ_U64(aats_sync_known(&k.sync, AATS_BID, top, cnt), 3);
    cnt = aats_book_top(k.sync.book, AATS_ASK, 8, top); /* one level of three asked for: there are no more */
    CHECK_EQ_U64(aats_sync_known(&k.sync, AATS_ASK, top, cnt), 1);
    diff(&k, 12, 12, 50, 0);
    diff(&k, 13, 13, 49, 0);
    diff(&k, 14, 14, 47, 0);
    cnt = aats_book_top(k.sync.book, AATS_BID, 8, top);
    CHECK_EQ_U64(cnt, 1);
    CHECK_EQ_U64(aats_sync_known(&k.sync, AATS_BID, top, cnt), 0);
    CHECK_EQ_I64(aats_sync_snapshot(&k.sync, 14, bids, 3, asks, 1, 5), AATS_OK);
    CHECK(!k.sync.horizon_set[AATS_BID]);
    end(&k);
}

/* ---- streams ---- */

static uint64_t seed_of(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

/* A stream of 60 diffs, a snapshot somewhere in it, and one fault: the final book is the model's, or it is not live. */
static void one_stream(uint64_t seed, int fault)
{
    enum { N = 60, PRICES = 20 };
    int64_t model[N + 1][PRICES] = {{0}};
    aats_level_t changed[N][3];
    uint64_t rng = seed * 2654435761u + 88172645463325252ULL, hit = seed_of(&rng) % N, asked = seed_of(&rng) % N;
    kept_t k;
    int n, removed_matters = 0;
    begin(&k);
    for (int i = 0; i < N; i++) {
        memcpy(model[i + 1], model[i], sizeof model[i]);
        for (int c = 0; c < 3; c++) {
            int64_t px = (int64_t)(seed_of(&rng) % PRICES), qty = (int64_t)(seed_of(&rng) % 3);
            changed[i][c] = (aats_level_t){px + 1, qty};
            model[i + 1][px] = qty;
        }
    }
    for (uint64_t i = 0; i < N; i++) {
        uint64_t at = i; /* diff i holds ids 2i + 1 and 2i + 2 */
        if (fault == 3 && hit + 1 < N && (i == hit || i == hit + 1)) at = i == hit ? hit + 1 : hit;
        aats_diff_t d = {.first_id = 2 * at + 1, .last_id = 2 * at + 2, .bids = changed[at], .bid_cnt = 3};
        int times = fault == 1 && i == hit ? 0 : fault == 2 && i == hit ? 2 : 1;
        while (times--) aats_sync_diff(&k.sync, &d);
        if (i == asked) { /* holds what came up to here */
            aats_level_t whole[PRICES];
            for (int p = 0; p < PRICES; p++) whole[p] = (aats_level_t){p + 1, model[i + 1][p]};
            if (aats_sync_snapshot(&k.sync, 2 * i + 2, whole, PRICES, NULL, 0, 0) == AATS_OK) replay(&k, &n);
        }
        removed_matters |= fault == 1 && hit > asked && i > hit;
    }
    if (fault == 0 || fault == 2) CHECK(k.sync.live);
    if (fault == 1) CHECK_MSG(k.sync.live == !removed_matters, "seed %llu: removed %llu, snapshot at %llu", (unsigned long long)seed,
                              (unsigned long long)hit, (unsigned long long)asked);
    if (k.sync.live) {
        uint64_t last = k.sync.id / 2;
        aats_level_t top[PRICES];
        size_t cnt = aats_book_top(k.sync.book, AATS_BID, PRICES, top), want = 0;
        for (int p = 0; p < PRICES; p++) want += model[last][p] > 0;
        CHECK_EQ_U64(cnt, want);
        for (size_t i = 0; i < cnt; i++) CHECK_EQ_I64(top[i].qty_i, model[last][top[i].px_i - 1]);
    }
    end(&k);
}

TEST(book_equals_the_model_whatever_is_removed_doubled_or_swapped)
{
    for (uint64_t seed = 1; seed <= 400; seed++)
        for (int fault = 0; fault < 4; fault++) one_stream(seed, fault);
}

/* The same by each rule whose snapshot comes in the stream: one book frame behind the snapshot is removed (1), doubled (2), swapped with the
 * next (3).  Without numbers and without a checksum only doubling is safe. */
static void one_in_band(uint64_t seed, int seq, int fault)
{
    enum { N = 40, PRICES = 20 };
    int64_t model[PRICES] = {0};
    aats_level_t changed[N][3];
    uint64_t rng = seed * 2654435761u + 88172645463325252ULL, hit = seed_of(&rng) % (N - 1), id = 100 + seed;
    uint64_t ids[N];
    kept_t k;
    begin_by(&k, seq, 1, 0);
    snapshot(&k, id, 1, 1, 0);
    model[0] = 1;
    for (int i = 0; i < N; i++) {
        ids[i] = id = seq == AATS_SEQ_PREV ? id + seed_of(&rng) % 9 + 1 : id + 1;
        for (int c = 0; c < 3; c++) {
            int64_t px = (int64_t)(seed_of(&rng) % PRICES), qty = (int64_t)(seed_of(&rng) % 3);
            changed[i][c] = (aats_level_t){px + 1, qty};
            model[px] = qty;
        }
    }
    for (uint64_t i = 0; i < N; i++) {
        uint64_t at = fault == 3 && i == hit ? hit + 1 : fault == 3 && i == hit + 1 ? hit : i;
        uint64_t before = at ? ids[at - 1] : 100 + seed;
        aats_diff_t d = {.first_id = before + 1, .last_id = ids[at], .prev_id = before, .bids = changed[at], .bid_cnt = 3};
        for (int times = fault == 1 && i == hit ? 0 : fault == 2 && i == hit ? 2 : 1; times; times--) aats_sync_diff(&k.sync, &d);
    }
    CHECK_MSG(k.sync.live == (fault == 0 || fault == 2), "seed %llu, rule %d, fault %d", (unsigned long long)seed, seq, fault);
    if (k.sync.live) {
        aats_level_t top[PRICES];
        size_t cnt = aats_book_top(k.sync.book, AATS_BID, PRICES, top), want = 0;
        for (int p = 0; p < PRICES; p++) want += model[p] > 0;
        CHECK_EQ_U64(cnt, want);
        for (size_t i = 0; i < cnt; i++) CHECK_EQ_I64(top[i].qty_i, model[top[i].px_i - 1]);
    }
    end(&k);
}

TEST(book_of_a_stream_equals_the_model_or_is_lost_whatever_is_removed_doubled_or_swapped)
{
    static int const RULES[] = {AATS_SEQ_SPAN, AATS_SEQ_PREV, AATS_SEQ_NEXT};
    for (uint64_t seed = 1; seed <= 100; seed++)
        for (int fault = 0; fault < 4; fault++)
            for (int i = 0; i < 3; i++) one_in_band(seed, RULES[i], fault);
    for (uint64_t seed = 1; seed <= 100; seed++) one_in_band(seed, AATS_SEQ_NONE, 2);
}

RUN_ALL()
