#include "book/window.h"

#include <string.h>

typedef __int128 wide_t;

static uint32_t words_l0(uint32_t size) { return size / 64; }
static uint32_t words_l1(uint32_t size) { return (size / 64 + 63) / 64; }

size_t aats_window_footprint(uint32_t size)
{
    size_t words = size + (size_t)words_l0(size) + words_l1(size);
    return (words + 7) / 8 * 64;
}

void aats_window_init(aats_window_t *win, void *mem, uint32_t size)
{
    memset(win, 0, sizeof *win);
    win->size = size;
    win->qty = mem;
    win->l0 = (uint64_t *)mem + size;
    win->l1 = win->l0 + words_l0(size);
    aats_window_unplace(win);
}

void aats_window_clear(aats_window_t *win)
{
    if (win->cnt == 0) return;
    for (uint32_t word = 0; word < words_l0(win->size); word++) { /* what no level has been on stays untouched */
        for (uint64_t bits = win->l0[word]; bits; bits &= bits - 1) win->qty[word << 6 | (uint32_t)__builtin_ctzll(bits)] = 0;
        if (win->l0[word]) win->l0[word] = 0;
    }
    memset(win->l1, 0, words_l1(win->size) * sizeof win->l1[0]);
    win->l2 = 0;
    win->cnt = 0;
}

static wide_t floor_mod(wide_t a, wide_t m)
{
    wide_t r = a % m;
    return r < 0 ? r + m : r;
}

int aats_window_origin(aats_window_t const *win, uint64_t tick, int64_t anchor, int64_t mask, int64_t *key0)
{
    wide_t px = anchor ^ mask;
    px -= floor_mod(px, tick);
    wide_t span = (wide_t)tick * (win->size - 1);
    wide_t lo = (mask ? -px - 1 : px) - (wide_t)tick * (win->size / 4 * 3);
    if (lo < INT64_MIN) lo += (INT64_MIN - lo + tick - 1) / tick * tick;
    if (lo + span > INT64_MAX) lo -= (lo + span - INT64_MAX + tick - 1) / tick * tick;
    if (lo < INT64_MIN) return 0;
    *key0 = (int64_t)lo;
    return 1;
}

void aats_window_place(aats_window_t *win, uint64_t tick, int64_t key0)
{
    win->key0 = (uint64_t)key0;
    win->tick = tick;
    win->shift = (uint32_t)__builtin_ctzll(tick);
    win->lim = win->size;
    uint64_t odd = tick >> win->shift;
    uint64_t inv = odd; /* right in 3 bits; each step of Newton's doubles them */
    for (int i = 0; i < 5; i++) inv *= 2 - odd * inv;
    win->inv = inv;
}

void aats_window_unplace(aats_window_t *win)
{
    win->key0 = 0;
    win->inv = 1;
    win->shift = 0;
    win->lim = 0;
    win->tick = 0;
}

int aats_window_on_grid(aats_window_t const *win, int64_t key)
{
    uint64_t n = key >= (int64_t)win->key0 ? (uint64_t)key - win->key0 : win->key0 - (uint64_t)key;
    return n % win->tick == 0;
}
