/* replay.c -- the walk of feed_book.c over a tape: parse, sequence, book, and counters instead of readers. */
#include "app/replay.h"

#include <stdlib.h>
#include <string.h>

#include "app/replay_state.h"

/* ---- life ---- */

aats_replay_t *aats_replay_open(char const *venue)
{
    aats_venue_t const *v = aats_venue_find(venue);
    aats_replay_t *r = v ? calloc(1, sizeof *r) : NULL;
    if (!r) return NULL;
    r->venue = v;
    r->fold = !strncmp(v->name, "BINANCE", 7);
    r->msg.bids = malloc(AATS_MSG_LEVELS * sizeof(aats_level_t));
    r->msg.asks = malloc(AATS_MSG_LEVELS * sizeof(aats_level_t));
    r->msg.scale = aats_replay_scale_of;
    r->msg.scale_arg = r;
    if (r->msg.bids && r->msg.asks) return r;
    aats_replay_close(r);
    return NULL;
}

void aats_replay_close(aats_replay_t *r)
{
    if (!r) return;
    aats_replay_clear(r);
    for (uint32_t i = 0; i < r->lesson_cnt; i++) free(r->lessons[i].text);
    free(r->lessons);
    free(r->syms);
    free(r->names);
    free(r->scales);
    free(r->link_no);
    free(r->msg.bids);
    free(r->msg.asks);
    free(r);
}

void aats_replay_by_topic(aats_replay_t *r) { r->by_topic = 1; }

int aats_replay_taught(aats_replay_t const *r) { return r->again; }

void aats_replay_restart(aats_replay_t *r)
{
    aats_replay_clear(r);
    for (uint32_t i = 0; i < r->link_cnt; i++) r->link_no[i] = AATS_LINK_NO_NONE;
    r->again = 0;
}

/* ---- the book ---- */

static void lose(aats_replay_sym_t *s)
{
    s->told.gaps++;
    s->lost = 1;
    s->early = 0;
}

/* After an applied diff, by the stream or the replay of kept ones. */
static int applied(aats_replay_sym_t *s)
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

static void see_crossed(aats_replay_sym_t *s)
{
    if (!s->sync.live || !aats_book_crossed(s->sync.book)) return;
    s->told.crossed++;
    aats_sync_lost(&s->sync);
}

static void wrong_sum(aats_replay_sym_t *s)
{
    s->told.checksum_failures++;
    s->lost = 1;
}

/* What a message's numbers look like; the digits are what a checksum is made of. */
static void see_numbers(aats_replay_t *r, aats_replay_sym_t *s, char const *text, size_t n)
{
    aats_msg_t *m = &r->msg;
    s->told.px_exp = m->px_exp;
    s->told.qty_exp = m->qty_exp;
    aats_replay_spelling(r, s, text, n);
    m->px_dec = s->px_digits.most;
    m->qty_dec = s->qty_digits.most;
}

static int take_depth(aats_replay_t *r, aats_replay_sym_t *s, int64_t recv_ns)
{
    s->told.has_book = 1;
    int e = aats_follow_diff(r->venue, &s->sync, &r->msg, recv_ns, NULL);
    switch (e) {
    case AATS_SYNC_KEPT:
    case AATS_SYNC_EARLY: return AATS_OK;
    case AATS_SYNC_OLD: s->told.olds++; return AATS_OK;
    case AATS_E_GAP: lose(s); return AATS_OK;
    case AATS_E_CHECKSUM: wrong_sum(s); return applied(s);
    case AATS_SYNC_APPLIED:
        e = applied(s);
        see_crossed(s);
        return e;
    default: s->suspect = 1; return e;
    }
}

/* Returns 1, 0 if it is too old, or an error. */
static int take_snapshot(aats_replay_t *r, aats_replay_sym_t *s)
{
    aats_msg_t const *m = &r->msg;
    s->told.has_book = 1;
    int e = aats_follow_snapshot(r->venue, &s->sync, m, 0);
    if (e == AATS_E_STALE) {
        if (!s->sync.live && !s->lost) s->early = 1;
        return 0;
    }
    if (e && e != AATS_E_CHECKSUM) return e;
    s->lost = s->early = s->suspect = 0;
    s->told.snapshots++;
    s->told.snapshot_id = s->told.final_id = m->last_id;
    if (e) {
        wrong_sum(s);
        return 1;
    }
    aats_diff_t d;
    int step, out = 1;
    while ((step = aats_sync_replay(&s->sync, &d)) == 1)
        if (applied(s)) out = AATS_E_NOMEM;
    if (step == AATS_E_GAP) lose(s);
    else if (step < 0) out = step;
    see_crossed(s);
    return out;
}

/* Where a venue does not say what falls out of a book, the depth is that of the subscription: what its acknowledgement says, or the depth sold that
 * holds the snapshot (exchanges/kraken_v2.md section 2). */
static void see_depth(aats_replay_t const *r, aats_replay_sym_t *s)
{
    static uint32_t const SOLD[] = {10, 25, 100, 500, 1000};
    if (!r->venue->depth_silent || r->msg.kind != AATS_MSG_SNAPSHOT) return;
    uint32_t depth = s->depth;
    size_t most = r->msg.bid_cnt > r->msg.ask_cnt ? r->msg.bid_cnt : r->msg.ask_cnt;
    for (size_t i = 0; !depth && i < sizeof SOLD / sizeof SOLD[0]; i++)
        if (most <= SOLD[i]) depth = SOLD[i];
    s->sync.depth_max = depth ? depth : r->venue->depth_max;
}

static void see_ack(aats_replay_t *r, uint32_t conn, char const *text, size_t n)
{
    aats_msg_t const *m = &r->msg;
    aats_replay_sym_t *s;
    char const *key = "\"depth\":", *p = r->venue->depth_silent && m->sym ? memmem(text, n, key, strlen(key)) : NULL;
    if (!p || !(m->streams & AATS_STREAM_DEPTH) || aats_replay_sym(r, conn, m->sym, m->sym_len, 1, &s)) return;
    uint32_t depth = 0;
    for (p += strlen(key); p < text + n && *p == ' '; p++) {}
    for (; p < text + n && *p >= '0' && *p <= '9' && depth < 100000; p++) depth = depth * 10 + (uint32_t)(*p - '0');
    s->depth = depth;
}

/* ---- trades ---- */

static void take_trade(aats_replay_t const *r, aats_replay_sym_t *s, uint64_t *last, uint64_t id)
{
    if (r->venue->trade_ids == AATS_IDS_NONE) {
        s->told.trades++;
        return;
    }
    if (*last && id <= *last) {
        s->told.trades_again++;
        return;
    }
    if (r->venue->trade_ids == AATS_IDS_COUNT && *last && id > *last + 1) s->told.trade_gaps++;
    *last = id;
    s->told.trades++;
}

/* ---- connections ---- */

static int link_of(aats_replay_t *r, uint32_t conn, uint64_t **out)
{
    if (conn >= AATS_REPLAY_CONNS) return AATS_E_ARG;
    if (conn >= r->link_cnt) {
        uint32_t cnt = (conn + 16) & ~15u;
        uint64_t *grown = realloc(r->link_no, cnt * sizeof *grown);
        if (!grown) return AATS_E_NOMEM;
        r->link_no = grown;
        while (r->link_cnt < cnt) grown[r->link_cnt++] = AATS_LINK_NO_NONE;
    }
    *out = &r->link_no[conn];
    return AATS_OK;
}

/* Frames of the connection are missing: each of its books may lack something. */
static void lose_link(aats_replay_t *r, uint32_t conn)
{
    for (uint32_t i = 0; i < r->sym_cnt; i++) {
        aats_replay_sym_t *s = r->syms[i];
        if (s->told.conn != conn || !s->sync.live) continue;
        aats_sync_lost(&s->sync);
        lose(s);
    }
}

int aats_replay_connect(aats_replay_t *r, uint32_t conn)
{
    uint64_t *no;
    int e = link_of(r, conn, &no);
    if (e) return e;
    *no = AATS_LINK_NO_NONE;
    for (uint32_t i = 0; i < r->sym_cnt; i++) {
        aats_replay_sym_t *s = r->syms[i];
        if (s->told.conn == conn && r->venue->snapshots == AATS_SNAP_STREAM) aats_sync_lost(&s->sync);
    }
    return AATS_OK;
}

/* A message that could not be read may have been anybody's on its connection, unless it named its symbol. */
static void unreadable(aats_replay_t *r, uint32_t conn)
{
    aats_msg_t const *m = &r->msg;
    int on_link = r->venue->snapshots == AATS_SNAP_STREAM;
    aats_replay_sym_t *named = NULL;
    char const *name = r->by_topic ? m->stream : m->sym;
    if (name && m->kind) aats_replay_sym(r, conn, name, r->by_topic ? m->stream_len : m->sym_len, 0, &named);
    if (named) {
        if (m->kind == AATS_MSG_DEPTH || m->kind == AATS_MSG_SNAPSHOT) named->suspect = 1;
        return;
    }
    for (uint32_t i = 0; i < r->sym_cnt; i++)
        if (!on_link || r->syms[i]->told.conn == conn) r->syms[i]->suspect = 1;
}

/* ---- messages ---- */

/* A book of one level that comes whole each time (Bybit's orderbook.1): a side without a level is empty. */
static int is_small_book(aats_replay_t const *r)
{
    aats_msg_t const *m = &r->msg;
    return m->kind == AATS_MSG_BBO && r->by_topic && m->stream && m->stream_len > 10 && !memcmp(m->stream, "orderbook.", 10);
}

static int take(aats_replay_t *r, uint32_t conn, char const *text, size_t n, int64_t recv_ns)
{
    aats_msg_t *m = &r->msg;
    aats_replay_sym_t *s;
    int trade = m->kind == AATS_MSG_TRADE || m->kind == AATS_MSG_AGG, small = is_small_book(r);
    if (m->kind == AATS_MSG_ACK) see_ack(r, conn, text, n);
    if ((!trade && !small && m->kind != AATS_MSG_DEPTH && m->kind != AATS_MSG_SNAPSHOT) || !m->sym) return AATS_OK;
    int topic = r->by_topic && !trade && m->stream;
    int e = aats_replay_sym(r, conn, topic ? m->stream : m->sym, topic ? m->stream_len : m->sym_len, 1, &s);
    if (e) return e;
    if (m->sym_len < sizeof s->told.symbol) memcpy(s->told.symbol, m->sym, m->sym_len);
    if (trade) {
        take_trade(r, s, m->kind == AATS_MSG_TRADE ? &s->trade_id : &s->agg_id, m->id);
        return AATS_OK;
    }
    if (small) {
        m->bid_cnt = m->bid_cnt && m->bids[0].qty_i;
        m->ask_cnt = m->ask_cnt && m->asks[0].qty_i;
    }
    see_numbers(r, s, text, n);
    see_depth(r, s);
    e = m->kind == AATS_MSG_DEPTH ? take_depth(r, s, recv_ns) : take_snapshot(r, s);
    return e < 0 ? e : AATS_OK;
}

int aats_replay_frame(aats_replay_t *r, uint32_t conn, char const *text, size_t n, int64_t recv_ns)
{
    aats_msg_t *m = &r->msg;
    uint64_t *no;
    int e = link_of(r, conn, &no);
    if (e) return e;
    r->asked = NULL;
    if ((e = r->venue->parse(text, n, m)) != AATS_OK) {
        if ((e == AATS_E_RANGE || e == AATS_E_INEXACT) && aats_replay_learn(r, text, n)) {
            r->again = 1;
            return AATS_MSG_OTHER;
        }
        unreadable(r, conn);
        return e;
    }
    int kind = m->kind;
    if ((e = aats_follow_link(no, m)) > 0) return kind;
    if (e) lose_link(r, conn);
    if ((e = take(r, conn, text, n, recv_ns)) != AATS_OK) return e;
    while (m->more && r->venue->next) {
        if ((e = r->venue->next(text, n, m)) != AATS_OK || (e = take(r, conn, text, n, recv_ns)) != AATS_OK) return e;
    }
    return kind;
}

int aats_replay_snapshot(aats_replay_t *r, char const *symbol, char const *text, size_t n)
{
    aats_replay_sym_t *s;
    int e;
    if (!symbol && r->sym_cnt != 1) return AATS_E_UNKNOWN;
    aats_msg_t *m = &r->msg;
    r->asked = symbol ? symbol : r->syms[0]->told.native;
    if ((e = r->venue->parse(text, n, m)) != AATS_OK) {
        if ((e == AATS_E_RANGE || e == AATS_E_INEXACT) && aats_replay_learn(r, text, n)) r->again = 1, e = 0;
        return e;
    }
    if (m->kind != AATS_MSG_SNAPSHOT) return AATS_E_SHAPE;
    if (!symbol) s = r->syms[0];
    else if ((e = aats_replay_sym(r, 0, symbol, strlen(symbol), 1, &s)) != AATS_OK) return e;
    see_numbers(r, s, text, n);
    return take_snapshot(r, s);
}
