#include "book/side.h"

#include "book/grid.h"

/* dump moves a level that lost its entry to the overflow map, where it cannot be yet. */
static int dump(aats_side_t *side, int64_t key, int64_t qty)
{
    int64_t old;
    return aats_far_set(&side->far, key, qty, &old);
}

/* shift_up and shift_down renumber the array's levels by `by` entries in place, in an order that never meets one not yet moved; what falls
 * off the end goes to the overflow map.  The grid itself changes after them, so keys are still the old ones. */
static int shift_down(aats_side_t *side, uint64_t by)
{
    aats_window_t *win = &side->win;
    for (uint32_t word = 0; word < win->size / 64; word++) {
        for (uint64_t bits = win->l0[word]; bits; bits &= bits - 1) {
            uint32_t idx = word << 6 | (uint32_t)__builtin_ctzll(bits);
            int64_t qty = aats_window_put(win, idx, 0);
            if (idx >= by)
                aats_window_put(win, (uint32_t)(idx - by), qty);
            else if (dump(side, aats_window_key(win, idx), qty) != AATS_OK)
                return AATS_E_NOMEM;
        }
    }
    return AATS_OK;
}

static int shift_up(aats_side_t *side, uint64_t by)
{
    aats_window_t *win = &side->win;
    for (int32_t idx = aats_window_top(win); idx >= 0; idx = aats_window_prev(win, idx - 1)) {
        int64_t qty = aats_window_put(win, (uint32_t)idx, 0);
        if (by < win->lim - (uint32_t)idx)
            aats_window_put(win, (uint32_t)(idx + (int64_t)by), qty);
        else if (dump(side, aats_window_key(win, (uint32_t)idx), qty) != AATS_OK)
            return AATS_E_NOMEM;
    }
    return AATS_OK;
}

/* fetch moves every level of the overflow map that has an entry by now into the array. */
static void fetch(aats_side_t *side)
{
    aats_window_t *win = &side->win;
    if (win->lim == 0) return;
    int64_t last = aats_window_key(win, win->lim - 1);
    int64_t key = (int64_t)win->key0, qty, old;
    while (aats_far_ceil(&side->far, key, &key, &qty) && key <= last) {
        uint64_t idx = aats_window_index(win, key);
        if (idx < win->lim) {
            aats_window_put(win, (uint32_t)idx, qty);
            aats_far_set(&side->far, key, 0, &old);
        }
        if (key == last) return;
        key++;
    }
}

/* regrid gives the array another tick, or none. */
static int regrid(aats_side_t *side, uint64_t tick, int64_t anchor)
{
    aats_window_t *win = &side->win;
    for (int32_t idx = aats_window_top(win); idx >= 0; idx = aats_window_prev(win, idx - 1)) {
        int64_t qty = aats_window_put(win, (uint32_t)idx, 0);
        if (dump(side, aats_window_key(win, (uint32_t)idx), qty) != AATS_OK) return AATS_E_NOMEM;
    }
    aats_side_place(side, tick, anchor);
    fetch(side);
    return AATS_OK;
}

static int shift(aats_side_t *side, int64_t key0)
{
    aats_window_t *win = &side->win;
    int64_t was = (int64_t)win->key0;
    int up = key0 > was; /* the array goes up in key, its levels down in index */
    uint64_t by = (up ? (uint64_t)key0 - (uint64_t)was : (uint64_t)was - (uint64_t)key0) / win->tick;
    int code = up ? shift_down(side, by) : shift_up(side, by);
    if (code != AATS_OK) return code;
    win->key0 = (uint64_t)key0;
    fetch(side);
    return AATS_OK;
}

void aats_side_place(aats_side_t *side, uint64_t tick, int64_t anchor)
{
    int64_t key0;
    if (tick != 0 && aats_window_origin(&side->win, tick, anchor, side->mask, &key0))
        aats_window_place(&side->win, tick, key0);
    else
        aats_window_unplace(&side->win);
    side->miss = side->stray = 0;
}

/* in_place tells whether the anchor lies so well in the array that a move is not worth its price. */
static int in_place(aats_window_t const *win, int64_t anchor)
{
    uint64_t n = (uint64_t)anchor - win->key0; /* wraps if the anchor is below */
    return anchor >= (int64_t)win->key0 && n / win->tick >= win->size / 2 && n / win->tick < win->size / 16 * 15;
}

/* settle puts the array where the levels are.  The tick is learned anew if there is none or many misses were off its grid. */
static int settle(aats_side_t *side)
{
    aats_window_t *win = &side->win;
    int relearn = win->lim == 0 || side->stray > AATS_BOOK_MISS_MAX / 4;
    aats_book_iter_t it;
    aats_level_t level;
    aats_anchor_t best;
    uint64_t tick = 0;

    side->miss = side->stray = 0;
    aats_anchor_init(&best);
    aats_side_iter(side, &it);
    for (int i = 0; i < (relearn ? AATS_GRID_SAMPLE : AATS_ANCHOR_RANK) && aats_side_read(side, &it, 1, &level); i++) {
        aats_anchor_add(&best, aats_side_key(side, level.px_i));
        tick = aats_grid_gcd(tick, level.px_i);
    }
    if (best.cnt == 0) return AATS_OK;
    int64_t key0, anchor = aats_anchor_key(&best);
    if (relearn && tick != win->tick) {
        side->moves++;
        return regrid(side, tick, anchor);
    }
    if (win->lim == 0 || in_place(win, anchor)) return AATS_OK;
    if (!aats_window_origin(win, win->tick, anchor, side->mask, &key0) || key0 == (int64_t)win->key0) return AATS_OK;
    side->moves++;
    return shift(side, key0);
}

int aats_side_set_far(aats_side_t *side, int64_t key, int64_t qty)
{
    aats_window_t const *win = &side->win;
    int64_t old;
    int code = aats_far_set(&side->far, key, qty, &old);
    if (code != AATS_OK) return code;
    side->far_sets++;
    side->moved |= (uint32_t)(key >= side->fence) & (uint32_t)(qty != old);
    side->stray += win->lim && key >= (int64_t)win->key0 && !aats_window_on_grid(win, key);
    return ++side->miss < AATS_BOOK_MISS_MAX ? AATS_OK : settle(side);
}

int aats_side_apply(aats_side_t *side, aats_level_t const *levels, size_t cnt)
{
    aats_window_t *const win = &side->win;
    size_t i = 0;
    while (i < cnt) {
        /* as aats_window_index has it; none of these changes before a level without an entry comes */
        uint64_t const key0 = win->key0, inv = win->inv, lim = win->lim;
        uint32_t const shift = win->shift;
        int64_t const mask = side->mask, fence = side->fence;
        int64_t *const qtys = win->qty;
        uint64_t *const l0 = win->l0;
        uint32_t moved = 0, levels_there = win->cnt, word = UINT32_MAX;
        uint64_t bits = 0, before = 0, idx = 0;
        int64_t qty = 0, key = 0;
        for (; i < cnt; i++) {
            qty = levels[i].qty_i;
            key = levels[i].px_i ^ mask;
            uint64_t const n = ((uint64_t)key - key0) * inv;
            idx = n >> shift | n << (-shift & 63);
            if (__builtin_expect(idx >= lim || qty < 0, 0)) break;
            int64_t const old = qtys[idx];
            qtys[idx] = qty;
            if ((uint32_t)(idx >> 6) != word) {
                if (word != UINT32_MAX) {
                    l0[word] = bits;
                    if ((before == 0) != (bits == 0)) aats_window_storey(win, word, bits != 0);
                }
                word = (uint32_t)(idx >> 6);
                bits = before = l0[word];
            }
            bits = (bits & ~(1ull << (idx & 63))) | (uint64_t)(qty != 0) << (idx & 63);
            levels_there += (uint32_t)(qty != 0) - (uint32_t)(old != 0);
            moved |= (uint32_t)(key >= fence) & (uint32_t)(qty != old);
        }
        if (word != UINT32_MAX) {
            l0[word] = bits;
            if ((before == 0) != (bits == 0)) aats_window_storey(win, word, bits != 0);
        }
        win->cnt = levels_there;
        side->moved |= moved;
        if (i == cnt) break;
        if (qty < 0) return AATS_E_ARG;
        if (aats_side_set_far(side, key, qty) != AATS_OK) return AATS_E_NOMEM;
        i++;
    }
    return AATS_OK;
}

size_t aats_side_cut(aats_side_t *side, size_t cnt)
{
    aats_window_t *const win = &side->win;
    size_t cut = 0;
    while (aats_side_cnt(side) > cnt) {
        if (side->far.cnt) {
            if (aats_side_set(side, aats_side_worst(side), 0) != AATS_OK) break;
            cut++;
            continue;
        }
        uint32_t const first = (uint32_t)aats_window_last(win), over = win->cnt - (uint32_t)cnt, word = first >> 6;
        uint64_t bits = win->l0[word];
        uint32_t gone = 0, idx = first;
        for (; bits && gone < over; bits &= bits - 1, gone++) win->qty[idx = word << 6 | (uint32_t)__builtin_ctzll(bits)] = 0;
        win->l0[word] = bits;
        if (!bits) aats_window_storey(win, word, 0);
        win->cnt -= gone;
        side->moved |= (uint32_t)(aats_window_key(win, idx) >= side->fence);
        cut += gone;
    }
    return cut;
}
