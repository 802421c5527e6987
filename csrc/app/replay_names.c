/* replay_names.c -- the entries of a replayer by name and connection, their memory, and what is told of them. */
#include <stdlib.h>
#include <string.h>

#include "app/replay_state.h"

static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static uint32_t hash_name(uint32_t conn, char const *s, size_t n)
{
    uint32_t h = 2166136261u ^ (conn * 2654435761u);
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)upper(s[i])) * 16777619u;
    return h ^ (h >> 15);
}

static int same_name(aats_replay_t const *r, char const *have, char const *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!have[i] || have[i] != (r->fold ? upper(s[i]) : s[i])) return 0;
    return !have[n];
}

static int grow(aats_replay_t *r)
{
    uint32_t cap = r->sym_cap ? 2 * r->sym_cap : 32;
    aats_replay_sym_t **syms = realloc(r->syms, cap * sizeof *syms);
    if (!syms) return AATS_E_NOMEM;
    r->syms = syms;
    uint32_t *names = calloc(2 * (size_t)cap, sizeof *names);
    if (!names) return AATS_E_NOMEM;
    free(r->names);
    r->names = names;
    r->names_cap = 2 * cap;
    r->sym_cap = cap;
    for (uint32_t i = 0; i < r->sym_cnt; i++) {
        char const *name = r->syms[i]->told.native;
        uint32_t at = hash_name(r->syms[i]->told.conn, name, strlen(name));
        while (names[at & (r->names_cap - 1)]) at++;
        names[at & (r->names_cap - 1)] = i + 1;
    }
    return AATS_OK;
}

static void sym_free(aats_replay_sym_t *s)
{
    if (!s) return;
    aats_sync_fini(&s->sync);
    aats_book_fini(s->sync.book);
    free(s->book_mem);
    free(s->marks);
    free(s);
}

static aats_replay_sym_t *sym_new(aats_replay_t const *r, uint32_t conn, char const *name, size_t n)
{
    aats_replay_sym_t *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->book_mem = calloc(1, aats_book_footprint(AATS_BOOK_WINDOW));
    aats_book_t *book = aats_book_init_zeroed(s->book_mem, AATS_BOOK_WINDOW, 0);
    if (!book) {
        free(s);
        return NULL;
    }
    aats_sync_init(&s->sync, book);
    aats_follow_begin(r->venue, &s->sync);
    if (!r->venue->depth_silent) s->sync.depth_max = 0; /* whatever was subscribed: the tape tells what goes */
    for (size_t i = 0; i < n; i++) s->told.native[i] = r->fold ? upper(name[i]) : name[i];
    s->told.conn = conn;
    s->told.px_exp = r->venue->px_exp;
    s->told.qty_exp = r->venue->qty_exp;
    s->px_digits = s->qty_digits = (aats_replay_digits_t){-1, -1};
    return s;
}

int aats_replay_sym(aats_replay_t *r, uint32_t conn, char const *name, size_t n, int make, aats_replay_sym_t **out)
{
    *out = NULL;
    if (!n || memchr(name, 0, n)) return AATS_E_SHAPE;
    if (n >= AATS_SYMBOL_SZ) return AATS_E_TOO_BIG;
    if (r->venue->snapshots == AATS_SNAP_REST) conn = 0;
    if (r->sym_cnt == r->sym_cap && grow(r)) return AATS_E_NOMEM;
    uint32_t at = hash_name(conn, name, n);
    for (uint32_t i; (i = r->names[at & (r->names_cap - 1)]) != 0; at++) {
        aats_replay_sym_t *s = r->syms[i - 1];
        if (s->told.conn != conn || !same_name(r, s->told.native, name, n)) continue;
        *out = s;
        return AATS_OK;
    }
    if (!make) return AATS_OK;
    aats_replay_sym_t *s = sym_new(r, conn, name, n);
    if (!s) return AATS_E_NOMEM;
    r->syms[r->sym_cnt++] = s;
    r->names[at & (r->names_cap - 1)] = r->sym_cnt;
    *out = s;
    return AATS_OK;
}

void aats_replay_clear(aats_replay_t *r)
{
    for (uint32_t i = 0; i < r->sym_cnt; i++) sym_free(r->syms[i]);
    r->sym_cnt = 0;
    if (r->names) memset(r->names, 0, r->names_cap * sizeof *r->names);
}

/* ---- what came of it ---- */

uint32_t aats_replay_count(aats_replay_t const *r) { return r->sym_cnt; }

int aats_replay_look(aats_replay_t const *r, uint32_t i, aats_replay_symbol_t *out)
{
    if (i >= r->sym_cnt) return AATS_E_ARG;
    aats_replay_sym_t const *s = r->syms[i];
    aats_book_t const *book = s->sync.book;
    *out = s->told;
    out->gaps += s->early && !s->sync.live;
    out->valid = s->sync.live && !s->suspect;
    out->px_decimals = s->px_digits.least < 0 ? 0 : s->px_digits.least;
    out->qty_decimals = s->qty_digits.least < 0 ? 0 : s->qty_digits.least;
    out->bid_cnt = aats_book_cnt(book, AATS_BID);
    out->ask_cnt = aats_book_cnt(book, AATS_ASK);
    out->bid_top_cnt = (uint32_t)aats_book_top(book, AATS_BID, AATS_REPLAY_TOP, out->bids);
    out->ask_top_cnt = (uint32_t)aats_book_top(book, AATS_ASK, AATS_REPLAY_TOP, out->asks);
    return AATS_OK;
}

int aats_replay_mark(aats_replay_t const *r, uint32_t i, size_t at, aats_replay_mark_t *out, size_t cap)
{
    if (i >= r->sym_cnt || at > r->syms[i]->told.mark_cnt) return AATS_E_ARG;
    size_t n = r->syms[i]->told.mark_cnt - at;
    if (n > cap) n = cap;
    if (n > INT32_MAX) n = INT32_MAX;
    if (n) memcpy(out, r->syms[i]->marks + at, n * sizeof *out);
    return (int)n;
}

int aats_replay_levels(aats_replay_t const *r, uint32_t i, int side, aats_level_t *out, size_t cap)
{
    if (i >= r->sym_cnt || (side != AATS_BID && side != AATS_ASK)) return AATS_E_ARG;
    return (int)aats_book_top(r->syms[i]->sync.book, side, cap < INT32_MAX ? cap : INT32_MAX, out);
}
