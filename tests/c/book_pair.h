/* book_pair.h -- a book and its model side by side, for the tests of csrc/book.
 *
 * The model is the plain sorted book of tests/bench/ref: whatever is done to both, they hold the same levels in the same order.  Included
 * once by each test file. */
#ifndef AATS_TESTS_BOOK_PAIR_H
#define AATS_TESTS_BOOK_PAIR_H

#include "check.h"

#include "../bench/ref/book_sorted.c"
#include "book/book.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

typedef struct {
    aats_book_t *book;
    void *mem;
    sorted_t model;
    aats_level_t taken[2][20]; /* what aats_book_take copied last */
    size_t taken_cnt[2];
} pair_t;

__attribute__((unused)) static void pair_init(pair_t *t, uint32_t window, int64_t tick_i)
{
    memset(t, 0, sizeof *t);
    t->mem = malloc(aats_book_footprint(window));
    t->book = aats_book_init(t->mem, window, tick_i);
    sorted_init(&t->model, 100000);
}

__attribute__((unused)) static void pair_fini(pair_t *t)
{
    aats_book_fini(t->book);
    sorted_fini(&t->model);
    free(t->mem);
}

__attribute__((unused)) static void pair_set(pair_t *t, int side, int64_t px, int64_t qty)
{
    CHECK_EQ_I64(aats_book_set(t->book, side, px, qty), AATS_OK);
    sorted_set(&t->model, side, px, qty);
}

/* pair_same compares everything that can be seen of the book with the model.  Returns 1 if it was the same. */
__attribute__((unused)) static int pair_same(pair_t *t)
{
    int bad = 0;
    for (int side = 0; side < 2; side++) {
        size_t cnt = t->model.cnt[side], i = 0;
        aats_level_t level, best;
        aats_book_iter_t it;
        bad += aats_book_cnt(t->book, side) != cnt;
        bad += aats_book_best(t->book, side, &best) != (cnt > 0);
        aats_book_iter(t->book, side, &it);
        for (; i < cnt && aats_book_next(&it, &level); i++) {
            bad += level.px_i != t->model.px[side][cnt - 1 - i] || level.qty_i != t->model.qty[side][cnt - 1 - i];
            if (i == 0) bad += best.px_i != level.px_i || best.qty_i != level.qty_i;
        }
        bad += i != cnt || aats_book_next(&it, &level);
    }
    size_t b = t->model.cnt[0], a = t->model.cnt[1];
    bad += aats_book_crossed(t->book) != (b && a && t->model.px[0][b - 1] >= t->model.px[1][a - 1]);
    CHECK_MSG(bad == 0, "book and model differ in %d places", bad);
    return bad == 0;
}

/* pair_load loads both from the same levels. */
__attribute__((unused)) static void pair_load(pair_t *t, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
    CHECK_EQ_I64(aats_book_load(t->book, bids, bid_cnt, asks, ask_cnt), AATS_OK);
    sorted_clear(&t->model);
    for (size_t i = 0; i < bid_cnt; i++) sorted_set(&t->model, AATS_BID, bids[i].px_i, bids[i].qty_i);
    for (size_t i = 0; i < ask_cnt; i++) sorted_set(&t->model, AATS_ASK, asks[i].px_i, asks[i].qty_i);
}

static uint64_t rng_state = 1;

static uint64_t rng(void) /* splitmix64 */
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

__attribute__((unused)) static int64_t below(uint64_t n) { return (int64_t)(rng() % n); }

#endif
