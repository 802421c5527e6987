/* directory.c -- the symbol table of a feed; see directory.h for its edge. */
#include "shm/directory.h"

#include <string.h>

#include "base/atomics.h"
#include "base/errors.h"

#define NAME_WORDS  (AATS_SYMBOL_SZ / 8)
#define ENTRY_WORDS (sizeof(aats_dir_t) / 8)

/* level_num and link share one word, so that each can be changed without tearing the other */
#define PAIR_OFF offsetof(aats_dir_t, level_num)
_Static_assert(PAIR_OFF % 8 == 0 && offsetof(aats_dir_t, link) == PAIR_OFF + 4, "one word");

static int text_ok(char const *text, size_t cap)
{
    size_t const len = strnlen(text, cap);
    return len > 0 && len < cap;
}

static void pair_load(aats_dir_t const *entry, uint32_t pair[2]) { aats_words_load(pair, (uint8_t const *)entry + PAIR_OFF, 1); }
static void pair_store(aats_dir_t *entry, uint32_t const pair[2]) { aats_words_store((uint8_t *)entry + PAIR_OFF, pair, 1); }

static int find_ours(aats_md_view_t const *view, char const *symbol)
{
    char want[AATS_SYMBOL_SZ] = {0}, have[AATS_SYMBOL_SZ];
    memcpy(want, symbol, strlen(symbol));
    uint32_t const cnt = aats_dir_cnt(view);
    for (uint32_t sym = 0; sym < cnt; sym++) {
        aats_words_load(have, view->dir[sym].symbol, NAME_WORDS);
        if (memcmp(have, want, sizeof want) == 0) return (int)sym;
    }
    return AATS_E_UNKNOWN;
}

int aats_dir_add(aats_md_view_t const *view, aats_dir_t const *entry)
{
    if (!text_ok(entry->symbol, sizeof entry->symbol) || !text_ok(entry->native, sizeof entry->native)) return AATS_E_ARG;
    if (entry->level_num < 1 || entry->level_num > view->level_max || entry->link >= AATS_LINK_MAX) return AATS_E_ARG;
    if (entry->state < AATS_DIR_SYNCING || entry->state > AATS_DIR_HALTED) return AATS_E_ARG;
    if (find_ours(view, entry->symbol) >= 0) return AATS_E_BUSY;
    uint32_t const sym = aats_dir_cnt(view);
    if (sym == view->dir_cap) return AATS_E_FULL;

    aats_dir_t fresh = {.tick_i = entry->tick_i, .lot_i = entry->lot_i, .px_exp = entry->px_exp, .qty_exp = entry->qty_exp,
                        .level_num = entry->level_num, .link = entry->link, .px_dec = entry->px_dec, .qty_dec = entry->qty_dec,
                        .trade_ids = entry->trade_ids};
    strcpy(fresh.symbol, entry->symbol);
    strcpy(fresh.native, entry->native);

    aats_dir_t *slot = &view->dir[sym];
    aats_words_store(&slot->symbol, &fresh.symbol, ENTRY_WORDS - 1);
    aats_store_release(&slot->state, entry->state);           /* D1 */
    aats_store_release(&view->md->dir_cnt, (uint64_t)sym + 1); /* D1 */
    return (int)sym;
}

int aats_dir_set_state(aats_md_view_t const *view, uint32_t sym, uint64_t state)
{
    if (sym >= aats_dir_cnt(view)) return AATS_E_UNKNOWN;
    if (state < AATS_DIR_SYNCING || state > AATS_DIR_GONE) return AATS_E_ARG;
    aats_store_release(&view->dir[sym].state, state); /* D1 */
    return AATS_OK;
}

int aats_dir_set_level(aats_md_view_t const *view, uint32_t sym, uint32_t level_num)
{
    if (sym >= aats_dir_cnt(view)) return AATS_E_UNKNOWN;
    if (level_num < 1 || level_num > view->level_max) return AATS_E_ARG;
    uint32_t pair[2];
    pair_load(&view->dir[sym], pair);
    pair[0] = level_num;
    pair_store(&view->dir[sym], pair);
    return AATS_OK;
}

int aats_dir_set_link(aats_md_view_t const *view, uint32_t sym, uint32_t link)
{
    if (sym >= aats_dir_cnt(view)) return AATS_E_UNKNOWN;
    if (link >= AATS_LINK_MAX) return AATS_E_ARG;
    uint32_t pair[2];
    pair_load(&view->dir[sym], pair);
    pair[1] = link;
    pair_store(&view->dir[sym], pair);
    return AATS_OK;
}

uint32_t aats_dir_cnt(aats_md_view_t const *view)
{
    uint64_t const cnt = aats_load_acquire(&view->md->dir_cnt); /* D1 */
    return cnt < view->dir_cap ? (uint32_t)cnt : view->dir_cap;
}

/* "BTC-USDT-SWAP.OKX_SWAP": the venue's spelling, and the venue of our name. */
static int venues_name(char const *ours, char const *native, char const *symbol)
{
    char const *dot = strrchr(symbol, '.'), *venue = strrchr(ours, '.');
    size_t const len = dot ? (size_t)(dot - symbol) : 0;
    return dot && venue && !strcmp(venue, dot) && strlen(native) == len && !memcmp(native, symbol, len);
}

static int find_venues(aats_md_view_t const *view, char const *symbol)
{
    char native[AATS_SYMBOL_SZ], ours[AATS_SYMBOL_SZ];
    uint32_t const cnt = aats_dir_cnt(view);
    for (uint32_t sym = 0; sym < cnt; sym++) {
        aats_words_load(native, view->dir[sym].native, NAME_WORDS);
        aats_words_load(ours, view->dir[sym].symbol, NAME_WORDS);
        native[sizeof native - 1] = ours[sizeof ours - 1] = 0;
        if (venues_name(ours, native, symbol)) return (int)sym;
    }
    return AATS_E_UNKNOWN;
}

int aats_dir_find(aats_md_view_t const *view, char const *symbol)
{
    if (symbol == NULL || !text_ok(symbol, AATS_SYMBOL_SZ)) return AATS_E_UNKNOWN;
    int const sym = find_ours(view, symbol);
    return sym >= 0 ? sym : find_venues(view, symbol);
}

int aats_dir_find_ours(aats_md_view_t const *view, char const *symbol)
{
    return symbol == NULL || !text_ok(symbol, AATS_SYMBOL_SZ) ? AATS_E_UNKNOWN : find_ours(view, symbol);
}

int aats_dir_means(aats_dir_t const *entry, char const *symbol)
{
    return !strcmp(entry->symbol, symbol) || venues_name(entry->symbol, entry->native, symbol);
}

int aats_dir_state(aats_md_view_t const *view, uint32_t sym)
{
    if (sym >= view->dir_cap) return AATS_DIR_EMPTY;
    return (int)(aats_load_acquire(&view->dir[sym].state) & 0xff); /* D1 */
}

int aats_dir_read(aats_md_view_t const *view, uint32_t sym, aats_dir_t *out)
{
    if (sym >= view->dir_cap) return AATS_E_EMPTY;
    aats_dir_t const *slot = &view->dir[sym];
    uint64_t const state = aats_load_acquire(&slot->state); /* D1 */
    if (state == AATS_DIR_EMPTY) return AATS_E_EMPTY;
    aats_words_load(&out->symbol, &slot->symbol, ENTRY_WORDS - 1);
    out->state = state;
    out->symbol[sizeof out->symbol - 1] = 0;
    out->native[sizeof out->native - 1] = 0;
    return AATS_OK;
}
