/* fuzz_book.c -- any sequence of changes leaves csrc/book and the plain sorted book with the same levels.
 *
 * Input: byte 0 window and tick, byte 1 the price that the others are near; then operations of 5 bytes: what, side and scale of the
 * offset, the price's offset (two bytes), quantity.  Recorded data brings nothing here: the venue parser's target has it.  Aborts on a
 * difference, or on a code that book.h does not name. */
#include <stdint.h>
#include <stdlib.h>

#include "../bench/ref/book_sorted.c"
#include "book/book.h"

#define INPUT_MAX 2048 /* the plain book is slow; 400 operations reach everything */

static void demand(int cond)
{
    if (!cond) abort();
}

static void compare(aats_book_t const *book, sorted_t const *ref)
{
    for (int s = 0; s < 2; s++) {
        aats_book_iter_t it;
        aats_level_t level;
        size_t i = ref->cnt[s];
        demand(aats_book_cnt(book, s) == i);
        for (aats_book_iter(book, s, &it); i > 0; i--) {
            demand(aats_book_next(&it, &level));
            demand(level.px_i == ref->px[s][i - 1] && level.qty_i == ref->qty[s][i - 1]);
        }
        demand(!aats_book_next(&it, &level));
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static int64_t const MID[] = {0, 100000, -100000, 6000000000000, INT64_MAX, INT64_MAX - 40000, INT64_MIN, INT64_MIN + 40000};
    static int64_t const TICK[] = {0, 1, 7, 100, 1 << 20, INT64_MAX};
    if (size < 2) return 0;
    if (size > INPUT_MAX) size = INPUT_MAX;
    uint32_t window = 64u << (data[0] & 3);
    int64_t mid = MID[data[1] & 7];
    void *mem = malloc(aats_book_footprint(window));
    aats_book_t *book = aats_book_init(mem, window, TICK[(data[0] >> 2) % 6]);
    sorted_t ref;
    aats_level_t held[2][5], now[5];
    size_t held_cnt[2] = {0, 0};
    sorted_init(&ref, size * 4); /* 16 levels for each 5 bytes */

    for (size_t at = 2; at + 5 <= size; at += 5) {
        uint8_t const *op = data + at;
        int side = op[1] & 1;
        uint64_t off = (uint64_t)((op[2] | op[3] << 8) - 32768) << (op[1] >> 2);
        aats_level_t level = {(int64_t)((uint64_t)mid + off), op[4] & 128 ? -1 - op[4] : op[4] & 7};
        int kind = op[0] & 15, code = AATS_OK;
        int want = level.qty_i < 0 && (kind == 0 || kind > 4) ? AATS_E_ARG : AATS_OK;
        switch (kind) {
        case 0:
            code = aats_book_load(book, &level, side == AATS_BID, &level, side == AATS_ASK);
            if (code != AATS_OK) break;
            sorted_clear(&ref);
            sorted_set(&ref, side, level.px_i, level.qty_i);
            break;
        case 1:
            if (op[0] < 128) break;
            aats_book_clear(book);
            sorted_clear(&ref);
            break;
        case 2:
            for (int s = 0; s < 2; s++) held_cnt[s] = aats_book_take(book, s, 5, held[s]);
            break;
        case 3: compare(book, &ref); break;
        case 4: mid = level.px_i; break;
        default: /* op[0] >> 4 more levels beside it, so that short inputs reach moves and splits */
            for (int i = 0; i <= op[0] >> 4 && code == AATS_OK; i++) {
                code = aats_book_set(book, side, level.px_i, level.qty_i);
                if (code == AATS_OK) sorted_set(&ref, side, level.px_i, level.qty_i);
                level.px_i = (int64_t)((uint64_t)level.px_i + (1ull << (op[1] >> 2)));
            }
        }
        demand(code == want);
        for (int s = 0; s < 2 && !aats_book_moved(book); s++) {
            demand(aats_book_top(book, s, 5, now) == held_cnt[s]);
            demand(memcmp(now, held[s], held_cnt[s] * sizeof now[0]) == 0);
        }
    }
    compare(book, &ref);
    aats_book_fini(book);
    sorted_fini(&ref);
    free(mem);
    return 0;
}
