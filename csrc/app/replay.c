/* replay.c -- the walk of feed_book.c over a tape: parse, sequence, book, and counters instead of readers. */
#include "app/replay.h"

#include <stdlib.h>
#include <string.h>

#include "book/sync.h"
#include "venue/venue.h"

typedef struct {
    aats_replay_symbol_t told; /* counters; what aats_replay_look derives is left 0 here */
    aats_sync_t sync;
    void *book_mem;
    int suspect;
    int lost;  /* a hole was counted since the book was last live */
    int early; /* a snapshot was too old for the diffs, and no hole was counted for that yet */
    uint64_t trade_id, agg_id; /* newest seen, 0: none */
    aats_replay_mark_t *marks;
    size_t mark_cap;
} sym_t;

struct aats_replay {
    aats_venue_t const *venue;
    aats_msg_t msg;
    sym_t **syms;
    uint32_t sym_cnt, sym_cap;
    uint32_t *names; /* open hash: index + 1; at most half full */
    uint32_t names_cap;
};

/* ---- symbols by name ---- */

static char upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 32) : c; }

static uint32_t hash_name(char const *s, size_t n)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)upper(s[i])) * 16777619u;
    return h ^ (h >> 15);
}

static int same_name(char const *have, char const *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!have[i] || have[i] != upper(s[i])) return 0;
    return !have[n];
}

static int grow(aats_replay_t *r)
{
    uint32_t cap = r->sym_cap ? 2 * r->sym_cap : 32;
    sym_t **syms = realloc(r->syms, cap * sizeof *syms);
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
        uint32_t at = hash_name(name, strlen(name));
        while (names[at & (r->names_cap - 1)]) at++;
        names[at & (r->names_cap - 1)] = i + 1;
    }
    return AATS_OK;
}

static void sym_free(sym_t *s)
{
    if (!s) return;
    aats_sync_fini(&s->sync);
    aats_book_fini(s->sync.book);
    free(s->book_mem);
    free(s->marks);
    free(s);
}

static sym_t *sym_new(aats_replay_t const *r, char const *name, size_t n)
{
    sym_t *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->book_mem = calloc(1, aats_book_footprint(AATS_BOOK_WINDOW));
    aats_book_t *book = aats_book_init_zeroed(s->book_mem, AATS_BOOK_WINDOW, 0);
    if (!book) {
        free(s);
        return NULL;
    }
    aats_sync_init(&s->sync, book);
    for (size_t i = 0; i < n; i++) s->told.native[i] = upper(name[i]);
    s->told.px_exp = r->venue->px_exp;
    s->told.qty_exp = r->venue->qty_exp;
    return s;
}

/* Finds a symbol, or makes it if `make`. */
static int sym_of(aats_replay_t *r, char const *name, size_t n, int make, sym_t **out)
{
    *out = NULL;
    if (!n || memchr(name, 0, n)) return AATS_E_SHAPE;
    if (n >= AATS_SYMBOL_SZ) return AATS_E_TOO_BIG;
    if (r->sym_cnt == r->sym_cap && grow(r)) return AATS_E_NOMEM;
    uint32_t at = hash_name(name, n);
    for (uint32_t i; (i = r->names[at & (r->names_cap - 1)]) != 0; at++) {
        if (!same_name(r->syms[i - 1]->told.native, name, n)) continue;
        *out = r->syms[i - 1];
        return AATS_OK;
    }
    if (!make) return AATS_OK;
    sym_t *s = sym_new(r, name, n);
    if (!s) return AATS_E_NOMEM;
    r->syms[r->sym_cnt++] = s;
    r->names[at & (r->names_cap - 1)] = r->sym_cnt;
    *out = s;
    return AATS_OK;
}

/* ---- life ---- */

aats_replay_t *aats_replay_open(char const *venue)
{
    aats_venue_t const *v = aats_venue_find(venue);
    aats_replay_t *r = v ? calloc(1, sizeof *r) : NULL;
    if (!r) return NULL;
    r->venue = v;
    r->msg.bids = malloc(AATS_MSG_LEVELS * sizeof(aats_level_t));
    r->msg.asks = malloc(AATS_MSG_LEVELS * sizeof(aats_level_t));
    if (r->msg.bids && r->msg.asks && grow(r) == AATS_OK) return r;
    aats_replay_close(r);
    return NULL;
}

void aats_replay_close(aats_replay_t *r)
{
    if (!r) return;
    for (uint32_t i = 0; i < r->sym_cnt; i++) sym_free(r->syms[i]);
    free(r->syms);
    free(r->names);
    free(r->msg.bids);
    free(r->msg.asks);
    free(r);
}

/* ---- how levels were written ---- */

static char const *decimals(char const *p, char const *end, int32_t *out)
{
    int32_t n = -1;
    for (; p < end && ((*p >= '0' && *p <= '9') || *p == '.'); p++) n = *p == '.' ? 0 : n < 0 ? n : n + 1;
    *out = n < 0 ? 0 : n;
    return p;
}

/* The first level of a message shows how many digits the venue writes for this symbol: scaled integers have forgotten it. */
static void see_decimals(sym_t *s, char const *text, size_t n)
{
    char const *end = text + n, *p = memmem(text, n, "[[\"", 3);
    if (!p) return;
    int32_t px, qty;
    p = decimals(p + 3, end, &px);
    if (end - p < 3 || memcmp(p, "\",\"", 3)) return;
    decimals(p + 3, end, &qty);
    s->told.px_decimals = px;
    s->told.qty_decimals = qty;
}

/* ---- the book ---- */

static void lose(sym_t *s)
{
    s->told.gaps++;
    s->lost = 1;
    s->early = 0;
}

/* After an applied diff, by the stream or the replay of kept ones. */
static int applied(sym_t *s)
{
    s->told.final_id = s->sync.id;
    s->suspect = 0;
    if (++s->told.updates % AATS_REPLAY_MARK) return AATS_OK;
    if (s->told.mark_cnt == s->mark_cap) {
        size_t cap = s->mark_cap ? 2 * s->mark_cap : 64;
        aats_replay_mark_t *marks = realloc(s->marks, cap * sizeof *marks);
        if (!marks) return AATS_E_NOMEM;
        s->marks = marks;
        s->mark_cap = cap;
    }
    aats_replay_mark_t *m = &s->marks[s->told.mark_cnt++];
    *m = (aats_replay_mark_t){.updates = s->told.updates};
    aats_book_best(s->sync.book, AATS_BID, &m->bid);
    aats_book_best(s->sync.book, AATS_ASK, &m->ask);
    return AATS_OK;
}

static void see_crossed(sym_t *s)
{
    if (!s->sync.live || !aats_book_crossed(s->sync.book)) return;
    s->told.crossed++;
    aats_sync_lost(&s->sync);
}

static int take_depth(sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    aats_diff_t d = {.first_id = m->first_id, .last_id = m->last_id, .exch_ns = m->exch_ns, .recv_ns = recv_ns,
                     .bids = m->bids, .asks = m->asks, .bid_cnt = m->bid_cnt, .ask_cnt = m->ask_cnt};
    s->told.has_book = 1;
    int e = aats_sync_diff(&s->sync, &d);
    switch (e) {
    case AATS_SYNC_KEPT: return AATS_OK;
    case AATS_SYNC_OLD: s->told.olds++; return AATS_OK;
    case AATS_E_GAP: lose(s); return AATS_OK;
    case AATS_SYNC_APPLIED:
        e = applied(s);
        see_crossed(s);
        return e;
    default: s->suspect = 1; return e;
    }
}

static int take_snapshot(sym_t *s, aats_msg_t const *m)
{
    s->told.has_book = 1;
    int e = aats_sync_snapshot(&s->sync, m->last_id, m->bids, m->bid_cnt, m->asks, m->ask_cnt, 0);
    if (e == AATS_E_STALE) {
        if (!s->sync.live && !s->lost) s->early = 1;
        return 0;
    }
    if (e) return e;
    s->lost = s->early = s->suspect = 0;
    s->told.snapshots++;
    s->told.snapshot_id = s->told.final_id = m->last_id;
    aats_diff_t d;
    int step, out = 1;
    while ((step = aats_sync_replay(&s->sync, &d)) == 1)
        if (applied(s)) out = AATS_E_NOMEM;
    if (step == AATS_E_GAP) lose(s);
    else if (step < 0) out = step;
    see_crossed(s);
    return out;
}

/* Ids that must be consecutive. */
static void take_trade(sym_t *s, uint64_t *last, uint64_t id)
{
    if (*last && id <= *last) {
        s->told.trades_again++;
        return;
    }
    if (*last && id > *last + 1) s->told.trade_gaps++;
    *last = id;
    s->told.trades++;
}

/* A message that could not be read may have been anybody's, unless it named its symbol. */
static void unreadable(aats_replay_t *r)
{
    aats_msg_t const *m = &r->msg;
    sym_t *named = NULL;
    if (m->sym && m->kind) sym_of(r, m->sym, m->sym_len, 0, &named);
    if (named) {
        if (m->kind == AATS_MSG_DEPTH) named->suspect = 1;
        return;
    }
    for (uint32_t i = 0; i < r->sym_cnt; i++) r->syms[i]->suspect = 1;
}

/* ---- messages ---- */

int aats_replay_frame(aats_replay_t *r, char const *text, size_t n, int64_t recv_ns)
{
    aats_msg_t *m = &r->msg;
    int e = r->venue->parse(text, n, m);
    if (e) {
        unreadable(r);
        return e;
    }
    int kind = m->kind;
    if (kind != AATS_MSG_DEPTH && kind != AATS_MSG_TRADE && kind != AATS_MSG_AGG) return kind;
    sym_t *s;
    if ((e = sym_of(r, m->sym, m->sym_len, 1, &s)) != AATS_OK) return e;
    switch (kind) {
    case AATS_MSG_DEPTH:
        see_decimals(s, text, n);
        e = take_depth(s, m, recv_ns);
        break;
    case AATS_MSG_TRADE: take_trade(s, &s->trade_id, m->id); break;
    case AATS_MSG_AGG:   take_trade(s, &s->agg_id, m->id); break;
    }
    return e ? e : kind;
}

int aats_replay_snapshot(aats_replay_t *r, char const *symbol, char const *text, size_t n)
{
    sym_t *s;
    int e;
    if (!symbol && r->sym_cnt != 1) return AATS_E_UNKNOWN;
    aats_msg_t *m = &r->msg;
    if ((e = r->venue->parse(text, n, m)) != AATS_OK) return e;
    if (m->kind != AATS_MSG_SNAPSHOT) return AATS_E_SHAPE;
    if (!symbol) s = r->syms[0];
    else if ((e = sym_of(r, symbol, strlen(symbol), 1, &s)) != AATS_OK) return e;
    see_decimals(s, text, n);
    return take_snapshot(s, m);
}

/* ---- what came of it ---- */

uint32_t aats_replay_count(aats_replay_t const *r) { return r->sym_cnt; }

int aats_replay_look(aats_replay_t const *r, uint32_t i, aats_replay_symbol_t *out)
{
    if (i >= r->sym_cnt) return AATS_E_ARG;
    sym_t const *s = r->syms[i];
    aats_book_t const *book = s->sync.book;
    *out = s->told;
    out->gaps += s->early && !s->sync.live;
    out->valid = s->sync.live && !s->suspect;
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
