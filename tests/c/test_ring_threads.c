/* test_ring_threads.c -- the ring, its slots and tops on real cores: what tests/race shows for few steps, for many.
 *
 * Also run under TSan, which sees plain accesses that should have been atomic; it sees nothing of missing fences
 * (tests/race does). */
#include <pthread.h>

#include "shm/publish.h"
#include "shm_fixture.h"

#define RECORDS 30000
#define READERS 2

static aats_md_view_t md;

typedef struct {
    uint64_t polled, laps, slots, torn, bad;
} seen_t;

static void *publish(void *arg)
{
    aats_ring_writer_t *w = arg;
    aats_level_t bids[5], asks[5];
    for (uint64_t n = 0; n < RECORDS; n++) {
        aats_rec_t rec = fixture_rec(n % 4 == 3 ? AATS_REC_TICK : AATS_REC_QUOTE, n & 1, n + 1);
        if (rec.kind == AATS_REC_QUOTE) {
            rec.bid_len = (uint16_t)(1 + n % 5);
            rec.ask_len = (uint16_t)(n % 4);
            fixture_levels(bids, rec.bid_len, n + 1);
            fixture_levels(asks, rec.ask_len, n + 2);
        }
        if (aats_md_publish(w, &rec, bids, asks) != AATS_OK) return NULL;
    }
    return NULL;
}

static int book_is_whole(aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    uint64_t const n = rec->rec;
    if (rec->kind == AATS_REC_TICK) return fixture_whole(rec, n + 1) && rec->bid_len == 0;
    return fixture_whole(rec, n + 1) && rec->bid_len == 1 + n % 5 && rec->ask_len == n % 4 &&
           fixture_levels_whole(bids, rec->bid_len, n + 1) && fixture_levels_whole(asks, rec->ask_len, n + 2);
}

static void *follow(void *arg)
{
    seen_t *seen = arg;
    aats_rec20_t rec;
    aats_top_t top;
    for (uint64_t cursor = 0; cursor < RECORDS;) {
        int const got = aats_ring_poll(&md, cursor, &rec);
        if (got == 1) {
            seen->polled++;
            seen->bad += rec.r.rec != cursor || !book_is_whole(&rec.r, rec.bids, rec.asks);
            cursor++;
        } else if (got == AATS_E_LAPPED) {
            uint64_t const newest = aats_ring_newest(&md);
            seen->laps++;
            seen->bad += newest < cursor + md.ring_depth;
            cursor = newest;
            for (uint32_t sym = 0; sym < 2; sym++) {
                if (aats_latest_try(&md, sym, &rec.r, rec.bids, rec.asks, 5) != 1) {
                    seen->torn++;
                    continue;
                }
                seen->slots++;
                seen->bad += rec.r.rec + 4 < newest || !book_is_whole(&rec.r, rec.bids, rec.asks);
            }
            if (aats_top_try(&md, 1, &top) == 1) seen->bad += top.tick_px_i != (int64_t)top.tick_rec || top.tick_seq != top.tick_rec;
        } else if (got != 0) {
            seen->bad++;
            return NULL;
        }
    }
    return NULL;
}

TEST(readers_of_a_writer_that_never_waits_see_whole_records_only)
{
    aats_ring_writer_t w;
    pthread_t threads[READERS + 1];
    seen_t seen[READERS] = {0};
    REQUIRE(fixture_md(&md, 64, 5, 2) == AATS_OK);
    REQUIRE(aats_ring_open(&w, &md) == AATS_OK);
    for (int i = 0; i < READERS; i++) REQUIRE(pthread_create(&threads[i], NULL, follow, &seen[i]) == 0);
    REQUIRE(pthread_create(&threads[READERS], NULL, publish, &w) == 0);
    for (int i = 0; i <= READERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < READERS; i++) {
        CHECK_EQ_U64(seen[i].bad, 0);
        CHECK(seen[i].polled + seen[i].laps > 0);
    }
    CHECK_EQ_U64(aats_ring_newest(&md), RECORDS);
    free(md.seg);
}

RUN_ALL()
