/* test_book_parts.c -- what stands inside a book side: the array with its bitmap (window.h), the overflow map (far.h), the choice of
 * tick and anchor (grid.h).  Each is compared with arithmetic or a search that is too plain to be wrong. */
#include "check.h"

#include "book/far.h"
#include "book/grid.h"
#include "book/window.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

static uint64_t rng_state = 5;

static uint64_t rng(void)
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static aats_window_t window(uint32_t size)
{
    aats_window_t win;
    aats_window_init(&win, calloc(1, aats_window_footprint(size)), size);
    return win;
}

/* ---- far.h -------------------------------------------------------------------------------------------------------------- */

TEST(a_full_overflow_map_refuses_new_levels_and_nothing_else)
{
    aats_far_t far;
    int64_t old, key, qty;
    aats_far_init(&far, 200);
    for (int64_t k = 0; k < 200; k++) CHECK_EQ_I64(aats_far_set(&far, k * 2, 1, &old), AATS_OK);
    for (int64_t k = -1; k < 400; k += 2) CHECK_EQ_I64(aats_far_set(&far, k, 1, &old), AATS_E_NOMEM);
    for (int64_t k = 0; k < 200; k++) {
        CHECK(aats_far_ceil(&far, k * 2 - 1, &key, &qty));
        CHECK(key == k * 2 && qty == 1);
    }
    CHECK_EQ_I64(aats_far_set(&far, 10, 7, &old), AATS_OK);
    CHECK_EQ_I64(old, 1);
    CHECK_EQ_I64(aats_far_set(&far, 11, 0, &old), AATS_OK);
    CHECK_EQ_I64(aats_far_set(&far, 12, 0, &old), AATS_OK);
    CHECK_EQ_I64(aats_far_set(&far, 13, 1, &old), AATS_OK);
    CHECK_EQ_U64(far.cnt, 200);
    aats_far_fini(&far);
}

/* far_sound checks the shape: leaves never empty, keys ascending through all of them, separators right, counts add up. */
static int far_sound(aats_far_t const *far)
{
    uint32_t cnt = 0;
    int64_t last = INT64_MIN;
    for (uint32_t d = 0; d < far->dir_cnt; d++) {
        aats_far_leaf_t const *leaf = far->pool + far->dir[d].leaf;
        if (leaf->cnt == 0 || leaf->cnt > AATS_FAR_LEAF || far->dir[d].first > leaf->key[0]) return 0;
        if (d > 0 && far->dir[d].first <= last) return 0;
        for (uint32_t i = 0; i < leaf->cnt; i++) {
            if ((cnt + i > 0 && leaf->key[i] <= last) || leaf->qty[i] <= 0) return 0;
            last = leaf->key[i];
        }
        cnt += leaf->cnt;
    }
    return cnt == far->cnt;
}

TEST(the_overflow_map_holds_what_a_plain_table_holds)
{
    enum { KEYS = 3000 };
    static int64_t table[KEYS];
    int64_t old, key, qty;
    for (int run = 0; run < 3; run++) { /* growing and shrinking at random; from below; from above */
        aats_far_t far;
        aats_far_init(&far, KEYS);
        memset(table, 0, sizeof table);
        for (int i = 0; i < 60000; i++) {
            int grows = i / 10000 % 2 == 0;
            int at = run == 0 ? (int)(rng() % KEYS) : run == 1 ? i % KEYS : KEYS - 1 - i % KEYS;
            int64_t want = rng() % 10 < (grows ? 9u : 1u) ? (int64_t)(rng() % 100) + 1 : 0;
            CHECK_EQ_I64(aats_far_set(&far, at, want, &old), AATS_OK);
            CHECK_EQ_I64(old, table[at]);
            table[at] = want;
            if (i % 2500 && i != 59999) continue;
            CHECK(far_sound(&far));
            for (int k = KEYS - 1, next = -1; k >= 0; k--) {
                if (table[k]) next = k;
                int found = aats_far_ceil(&far, k, &key, &qty);
                CHECK(found == (next >= 0) && (!found || (key == next && qty == table[next])));
            }
        }
        aats_far_clear(&far);
        CHECK(far.cnt == 0 && !aats_far_ceil(&far, INT64_MIN, &key, &qty));
        aats_far_fini(&far);
    }
}

TEST(levels_that_come_in_order_fill_their_leaves)
{
    for (int down = 0; down < 2; down++) {
        aats_far_t far;
        int64_t old;
        aats_far_init(&far, 10000);
        for (int64_t k = 0; k < 6400; k++) aats_far_set(&far, down ? -k : k, 1, &old);
        CHECK(far_sound(&far));
        CHECK_EQ_U64(far.dir_cnt, 100);
        aats_far_fini(&far);
    }
}

/* ---- window.h ----------------------------------------------------------------------------------------------------------- */

TEST(an_index_is_the_number_of_ticks_and_there_is_none_off_the_grid)
{
    uint64_t const ticks[] = {1, 2, 3, 5, 7, 10, 12, 1000, 4096, 99999, 1000000, 100000000, 3ull << 40, (1ull << 57) - 1, 1ull << 57};
    for (size_t t = 0; t < CNT(ticks); t++) {
        for (int i = 0; i < 20000; i++) {
            int64_t most = INT64_MAX - (int64_t)(63 * ticks[t]), key0 = (int64_t)(rng() >> 1) * (i % 2 ? -1 : 1);
            if (key0 > most) key0 = most;
            aats_window_t win = {.size = 64};
            aats_window_place(&win, ticks[t], key0);
            uint64_t n = i % 4 == 0 ? rng() % 70 * ticks[t] : i % 4 == 1 ? rng() % 70 * ticks[t] + rng() % 3 - 1 : rng() >> rng() % 64;
            int64_t key = (int64_t)((uint64_t)key0 + n);
            int inside = key >= key0 && n % ticks[t] == 0 && n / ticks[t] < 64;
            uint64_t idx = aats_window_index(&win, key);
            CHECK_MSG(inside ? idx == n / ticks[t] : idx >= 64, "tick %" PRIu64 " distance %" PRIu64 " got %" PRIu64, ticks[t], n, idx);
            if (inside) CHECK_EQ_I64(aats_window_key(&win, (uint32_t)idx), key);
        }
    }
}

TEST(a_window_that_does_not_fit_into_int64_is_not_placed)
{
    aats_window_t win = {.size = 64};
    int64_t key0;
    CHECK(!aats_window_origin(&win, 1ull << 63, 0, 0, &key0));
    CHECK(!aats_window_origin(&win, UINT64_MAX / 63 + 1, 0, 0, &key0));
    CHECK(aats_window_origin(&win, (1ull << 58) - 1, 0, 0, &key0));
}

TEST(the_origin_is_on_the_grid_of_prices_and_the_whole_window_within_int64)
{
    int64_t const anchors[] = {INT64_MIN, INT64_MIN + 1000, -1, 0, 1, 12345, INT64_MAX - 1000, INT64_MAX};
    uint64_t const ticks[] = {1, 7, 100, 1ull << 40, 1ull << 55};
    for (size_t a = 0; a < CNT(anchors); a++) {
        for (size_t t = 0; t < CNT(ticks); t++) {
            for (int64_t mask = -1; mask <= 0; mask++) {
                aats_window_t win = {.size = 128};
                int64_t key0;
                REQUIRE(aats_window_origin(&win, ticks[t], anchors[a] ^ mask, mask, &key0));
                CHECK_EQ_I64((key0 ^ mask) % (int64_t)ticks[t], 0);
                CHECK((__int128)key0 + (__int128)ticks[t] * 127 <= INT64_MAX);
                __int128 off = (__int128)(anchors[a] ^ mask) - key0; /* less than a tick outside, where int64 ends */
                CHECK(off > -(__int128)ticks[t] && off < (__int128)ticks[t] * 128);
                if (a > 1 && a < 6 && t < 4) CHECK(off / (__int128)ticks[t] >= 95 && off / (__int128)ticks[t] <= 96);
            }
        }
    }
}

TEST(the_bitmap_finds_what_a_search_of_the_array_finds)
{
    uint32_t const sizes[] = {64, 128, 4096, 8192, 262144};
    for (size_t s = 0; s < CNT(sizes); s++) {
        aats_window_t win = window(sizes[s]);
        aats_window_place(&win, 1, 0);
        for (int i = 0; i < 300; i++) {
            uint32_t idx = (uint32_t)(rng() % win.size);
            int64_t was = win.qty[idx];
            CHECK_EQ_I64(aats_window_put(&win, idx, i % 3 ? i + 1 : 0), was);
            int32_t from = (int32_t)(rng() % win.size), want = from;
            while (want >= 0 && win.qty[want] == 0) want--;
            CHECK_EQ_I64(aats_window_prev(&win, from), want);
        }
        int32_t want = (int32_t)win.size - 1;
        uint32_t cnt = 0;
        while (want >= 0 && win.qty[want] == 0) want--;
        CHECK_EQ_I64(aats_window_top(&win), want);
        while (aats_window_top(&win) >= 0) {
            aats_window_put(&win, (uint32_t)aats_window_top(&win), 0);
            cnt++;
        }
        CHECK(cnt > 0 && win.cnt == 0 && win.l2 == 0);
        CHECK_EQ_I64(aats_window_prev(&win, -1), -1);
        aats_window_put(&win, 5, 5);
        aats_window_clear(&win);
        CHECK(win.cnt == 0 && win.qty[5] == 0 && win.l0[0] == 0 && win.l1[0] == 0 && win.l2 == 0);
        free(win.qty);
    }
}

/* ---- grid.h ------------------------------------------------------------------------------------------------------------- */

TEST(the_tick_is_the_common_divisor_of_the_prices)
{
    CHECK_EQ_U64(aats_grid_gcd(0, 0), 0);
    CHECK_EQ_U64(aats_grid_gcd(0, -250), 250);
    CHECK_EQ_U64(aats_grid_gcd(250, 0), 250);
    CHECK_EQ_U64(aats_grid_gcd(250, 1000), 250);
    CHECK_EQ_U64(aats_grid_gcd(250, -1010), 10);
    CHECK_EQ_U64(aats_grid_gcd(0, INT64_MIN), 1ull << 63);
    CHECK_EQ_U64(aats_grid_gcd(1ull << 63, 12), 4);
}

TEST(the_anchor_is_the_eighth_best_or_the_last_there_is)
{
    int64_t const keys[] = {5, 1, 9, 7, 3, 20, 11, 15, 13, INT64_MIN, 17, INT64_MAX};
    int64_t const want[] = {5, 1, 1, 1, 1, 1, 1, 1, 3, 3, 5, 7};
    aats_anchor_t anchor;
    aats_anchor_init(&anchor);
    for (size_t i = 0; i < CNT(keys); i++) {
        aats_anchor_add(&anchor, keys[i]);
        CHECK_EQ_I64(aats_anchor_key(&anchor), want[i]);
    }
}

RUN_ALL()
