#include "book/book.h"

#include <string.h>

#include "book/grid.h"
#include "book/side.h"

struct aats_book {
    aats_side_t side[2]; /* AATS_BID, AATS_ASK */
    int64_t tick_i;      /* as given; 0: learned */
    uint32_t broken;
    uint32_t window;
};

static size_t head_sz(void) { return (sizeof(aats_book_t) + 63) / 64 * 64; }

size_t aats_book_footprint(uint32_t window)
{
    if (window < AATS_BOOK_WINDOW_MIN || window > AATS_BOOK_WINDOW_MAX || (window & (window - 1)) != 0) return 0;
    return 63 + head_sz() + 2 * aats_window_footprint(window);
}

static int fits(void const *mem, uint32_t window, int64_t tick_i)
{
    return mem != NULL && (uintptr_t)mem % 8 == 0 && aats_book_footprint(window) != 0 && tick_i >= 0;
}

aats_book_t *aats_book_init(void *mem, uint32_t window, int64_t tick_i)
{
    if (!fits(mem, window, tick_i)) return NULL;
    memset(mem, 0, aats_book_footprint(window));
    return aats_book_init_zeroed(mem, window, tick_i);
}

aats_book_t *aats_book_init_zeroed(void *mem, uint32_t window, int64_t tick_i)
{
    if (!fits(mem, window, tick_i)) return NULL;
    char *at = (char *)(((uintptr_t)mem + 63) / 64 * 64);
    aats_book_t *book = (aats_book_t *)at;
    book->tick_i = tick_i;
    book->window = window;
    at += head_sz();
    for (int i = 0; i < 2; i++, at += aats_window_footprint(window)) {
        aats_window_init(&book->side[i].win, at, window);
        aats_far_init(&book->side[i].far, AATS_BOOK_LEVELS_MAX);
        book->side[i].mask = i == AATS_BID ? 0 : -1;
    }
    aats_book_clear(book);
    return book;
}

void aats_book_fini(aats_book_t *book)
{
    if (book == NULL) return;
    for (int i = 0; i < 2; i++) aats_far_fini(&book->side[i].far);
}

void aats_book_limit(aats_book_t *book, uint32_t levels)
{
    for (int i = 0; i < 2; i++) book->side[i].far.limit = levels;
}

void aats_book_clear(aats_book_t *book)
{
    for (int i = 0; i < 2; i++) {
        aats_side_t *side = &book->side[i];
        aats_window_clear(&side->win);
        aats_window_unplace(&side->win);
        aats_far_clear(&side->far);
        side->fence = INT64_MIN;
        side->moved = 1;
        side->miss = side->stray = 0;
    }
    book->broken = 0;
}

/* ---- change ---- */

static int refused(aats_level_t const *levels, size_t cnt)
{
    for (size_t i = 0; i < cnt; i++)
        if (levels[i].qty_i < 0) return 1;
    return 0;
}

static uint64_t learn(uint64_t tick, aats_level_t const *levels, size_t cnt)
{
    for (size_t i = 0; i < cnt && i < AATS_GRID_SAMPLE; i++) tick = aats_grid_gcd(tick, levels[i].px_i);
    return tick;
}

static int load_side(aats_side_t *side, uint64_t tick, aats_level_t const *levels, size_t cnt)
{
    aats_anchor_t anchor;
    aats_anchor_init(&anchor);
    for (size_t i = 0; i < cnt; i++)
        if (levels[i].qty_i) aats_anchor_add(&anchor, aats_side_key(side, levels[i].px_i));
    if (anchor.cnt) aats_side_place(side, tick, aats_anchor_key(&anchor));
    for (size_t i = 0; i < cnt; i++)
        if (aats_side_set(side, aats_side_key(side, levels[i].px_i), levels[i].qty_i) != AATS_OK) return AATS_E_NOMEM;
    return AATS_OK;
}

int aats_book_load(aats_book_t *book, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
    if ((bids == NULL && bid_cnt) || (asks == NULL && ask_cnt) || refused(bids, bid_cnt) || refused(asks, ask_cnt)) return AATS_E_ARG;
    uint64_t tick = book->tick_i ? (uint64_t)book->tick_i : learn(learn(0, bids, bid_cnt), asks, ask_cnt);
    aats_book_clear(book);
    int code = load_side(&book->side[AATS_BID], tick, bids, bid_cnt);
    if (code == AATS_OK) code = load_side(&book->side[AATS_ASK], tick, asks, ask_cnt);
    book->broken = code != AATS_OK;
    return code;
}

int aats_book_apply(aats_book_t *book, int side_id, aats_level_t const *levels, size_t cnt)
{
    if (side_id != AATS_BID && side_id != AATS_ASK) return AATS_E_ARG;
    if (book->broken) return AATS_E_NOMEM;
    int const code = aats_side_apply(&book->side[side_id], levels, cnt);
    if (code == AATS_E_NOMEM) book->broken = 1;
    return code;
}

int aats_book_set(aats_book_t *book, int side, int64_t px_i, int64_t qty_i)
{
    aats_level_t level = {.px_i = px_i, .qty_i = qty_i};
    return aats_book_apply(book, side, &level, 1);
}

size_t aats_book_cut(aats_book_t *book, int side_id, size_t cnt) { return aats_side_cut(&book->side[side_id], cnt); }

/* ---- look ---- */

int aats_book_broken(aats_book_t const *book) { return (int)book->broken; }

size_t aats_book_cnt(aats_book_t const *book, int side) { return aats_side_cnt(&book->side[side]); }

static inline size_t top(aats_side_t const *side, size_t cnt, aats_level_t *out)
{
    aats_book_iter_t it;
    aats_side_iter(side, &it);
    return aats_side_read(side, &it, cnt, out);
}

size_t aats_book_top(aats_book_t const *book, int side, size_t cnt, aats_level_t *out) { return top(&book->side[side], cnt, out); }

int aats_book_best(aats_book_t const *book, int side, aats_level_t *out) { return top(&book->side[side], 1, out) == 1; }

size_t aats_book_take(aats_book_t *book, int side_id, size_t cnt, aats_level_t *out)
{
    aats_side_t *side = &book->side[side_id];
    size_t got = top(side, cnt, out);
    side->fence = got < cnt || cnt == 0 ? INT64_MIN : aats_side_key(side, out[cnt - 1].px_i);
    side->moved = 0;
    return got;
}

int aats_book_moved(aats_book_t const *book) { return (int)(book->side[AATS_BID].moved | book->side[AATS_ASK].moved); }

int aats_book_crossed(aats_book_t const *book)
{
    aats_level_t bid, ask;
    return aats_book_best(book, AATS_BID, &bid) && aats_book_best(book, AATS_ASK, &ask) && bid.px_i >= ask.px_i;
}

void aats_book_iter(aats_book_t const *book, int side, aats_book_iter_t *it)
{
    aats_side_iter(&book->side[side], it);
    it->book = book;
    it->side = side;
}

int aats_book_next(aats_book_iter_t *it, aats_level_t *out)
{
    return (int)aats_side_read(&it->book->side[it->side], it, 1, out);
}

size_t aats_book_memory(aats_book_t const *book)
{
    return aats_book_footprint(book->window) + aats_far_memory(&book->side[AATS_BID].far) + aats_far_memory(&book->side[AATS_ASK].far);
}

void aats_book_look(aats_book_t const *book, int side_id, aats_book_side_t *out)
{
    aats_side_t const *side = &book->side[side_id];
    aats_window_t const *win = &side->win;
    memset(out, 0, sizeof *out);
    if (win->lim) {
        int64_t worst = aats_window_key(win, 0) ^ side->mask, best = aats_window_key(win, win->lim - 1) ^ side->mask;
        out->tick_i = (int64_t)win->tick;
        out->lo_px_i = worst < best ? worst : best;
        out->hi_px_i = worst < best ? best : worst;
    }
    out->levels = aats_side_cnt(side);
    out->far = side->far.cnt;
    out->misses = side->far_sets;
    out->moves = side->moves;
}
