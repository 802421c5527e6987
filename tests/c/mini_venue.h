/* mini_venue.h -- a venue made up for tests of the feed: a text a message, "kind key=value ...", several messages of a frame behind '|'.
 *
 *   snap s=A l=10 b=50:1 a=51:2 c=7 k=3     a snapshot: last id, levels, checksum, number on the connection
 *   diff s=A f=11 l=12 p=10 r=1 b=50:0      r=1: counts anew
 *   trade s=A i=5 x=50:1 t=9                id, price and quantity, venue's time in ns; n=1: sold
 *   bbo, mark, fund, liq, ack, err, status, end, pong, ping, beat, other; v=code, st=streams, j=index price
 *
 * What a test needs else it sets in a copy of MINI.  Requests read "on|off ID STREAMS A B ..". */
#ifndef AATS_TESTS_MINI_VENUE_H
#define AATS_TESTS_MINI_VENUE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_fixture.h"
#include "shm/ring.h"
#include "venue/venue.h"

#define LINKS 8

static uint64_t mini_num(char const *p, char const *end)
{
    uint64_t n = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) n = 10 * n + (uint64_t)(*p - '0');
    return n;
}

static int mini_read(char const *text, size_t n, size_t at, aats_msg_t *m)
{
    static char const *const KINDS[] = {"other", "diff", "snap", "-", "trade", "agg", "bbo", "ack", "err", "bye", "mark", "fund", "liq", "pong", "ping", "beat", "status", "end"};
    size_t end = at;
    while (end < n && text[end] != '|') end++;
    aats_msg_clear(m);
    int kind = -1;
    for (int k = 0; k < 18; k++)
        if (end - at >= strlen(KINDS[k]) && !memcmp(text + at, KINDS[k], strlen(KINDS[k]))) kind = k;
    if (kind < 0) return AATS_E_SYNTAX;
    m->kind = kind;
    m->px_exp = m->qty_exp = 0;
    m->side = 1;
    m->streams = 0;
    for (size_t p = at; p < end; p++) {
        if (p + 1 >= end || text[p] != ' ') continue;
        char const *key = text + p + 1, *eq = memchr(key, '=', end - p - 1);
        if (!eq) return AATS_E_SHAPE;
        char const *v = eq + 1, *colon = memchr(v, ':', (size_t)(text + end - v));
        aats_level_t level = {(int64_t)mini_num(v, text + end), colon ? (int64_t)mini_num(colon + 1, text + end) : 0};
        switch (*key) {
        case 's':
            if (key[1] == 't') {
                m->streams = (uint32_t)mini_num(v, text + end);
                break;
            }
            m->sym = v;
            m->sym_len = 0;
            while (v + m->sym_len < text + end && v[m->sym_len] != ' ') m->sym_len++;
            aats_msg_scale(m, 0, 0);
            break;
        case 'l': m->last_id = mini_num(v, text + end); break;
        case 'f': m->first_id = mini_num(v, text + end); break;
        case 'p': m->prev_id = mini_num(v, text + end), m->has |= AATS_HAS_PREV; break;
        case 'r': m->has |= AATS_HAS_RESET; break;
        case 'c': m->check = (uint32_t)mini_num(v, text + end), m->has |= AATS_HAS_CHECK; break;
        case 'k': m->link_seq = mini_num(v, text + end), m->has |= AATS_HAS_LINK_SEQ; break;
        case 'b': m->bids[m->bid_cnt++] = level; break;
        case 'a': m->asks[m->ask_cnt++] = level; break;
        case 'x': m->px_i = level.px_i, m->qty_i = level.qty_i; break;
        case 'i': m->id = mini_num(v, text + end); break;
        case 't': m->exch_ns = (int64_t)mini_num(v, text + end); break;
        case 'v': m->code = (int64_t)mini_num(v, text + end); break;
        case 'j': m->index_px_i = (int64_t)mini_num(v, text + end); break;
        case 'q': m->rate_i = (int64_t)mini_num(v, text + end); break;
        case 'z': m->next_ns = (int64_t)mini_num(v, text + end); break;
        case 'n': m->side = -1; break;
        default: return AATS_E_RANGE;
        }
    }
    m->more = end < n;
    m->cursor = end + 1;
    return AATS_OK;
}

static int mini_parse(char const *text, size_t n, aats_msg_t *m) { return mini_read(text, n, 0, m); }
static int mini_next(char const *text, size_t n, aats_msg_t *m) { return mini_read(text, n, m->cursor, m); }

static uint32_t mini_check(aats_msg_t const *m, aats_level_t const *bids, size_t bid_cnt, aats_level_t const *asks, size_t ask_cnt)
{
    int64_t sum = m->px_exp;
    for (size_t i = 0; i < bid_cnt; i++) sum += bids[i].px_i * bids[i].qty_i;
    for (size_t i = 0; i < ask_cnt; i++) sum += asks[i].px_i * asks[i].qty_i;
    return (uint32_t)sum;
}

static int mini_path(char *out, size_t cap) { return snprintf(out, cap, "/one"); }
__attribute__((unused)) static int mini_path2(char *out, size_t cap) { return snprintf(out, cap, "/two"); }
__attribute__((unused)) static int mini_hello(char *out, size_t cap) { return snprintf(out, cap, "hello"); }
__attribute__((unused)) static int mini_ping(char *out, size_t cap, uint64_t id) { return snprintf(out, cap, "ping %llu", (unsigned long long)id); }
__attribute__((unused)) static int mini_answer(char *out, size_t cap, aats_msg_t const *m) { return snprintf(out, cap, "pong %llu", (unsigned long long)m->id); }

static int mini_subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    int at = snprintf(out, cap, "%s %llu %u", off ? "off" : "on", (unsigned long long)id, streams);
    for (size_t i = 0; i < cnt; i++) at += snprintf(out + at, cap - (size_t)at, " %s", native[i]);
    return at;
}

/* By previous ids, snapshots in the stream; one way. */
static aats_venue_t const MINI = {
    .name = "MINI", .format = "json", .streams = 0x7f, .seq = AATS_SEQ_PREV, .snapshots = AATS_SNAP_STREAM, .check = mini_check, .check_levels = 2,
    .next = mini_next, .parse = mini_parse, .path = mini_path, .subscribe = mini_subscribe, .ping_ns = 20000000000, .sends_per_s = 20,
    .streams_max = 100, .subscribe_batch = 10,
};

typedef struct {
    aats_feed_t *feed;
    aats_slot_t slot;
    void *mem;
    int64_t mono_ns;
    char why[200];
    char log[16384];
    unsigned asks;
    char said[LINKS][8192]; /* texts that the feed wrote, a line each; "PING" and "PONG" for WebSocket's own */
    uint8_t raw[LINKS][65536];
    size_t raw_sz[LINKS];
    uint64_t ws_ping[LINKS]; /* payload of the last WebSocket ping */
    uint64_t read;           /* ring records looked at */
} mini_t;

static aats_feed_opts_t mini_opts(unsigned streams)
{
    aats_feed_opts_t o = fixture_opts();
    o.streams = streams;
    return o;
}

__attribute__((unused)) static int mini_begin(mini_t *x, aats_venue_t const *v, aats_feed_opts_t const *o)
{
    size_t size;
    memset(x, 0, sizeof *x);
    x->mem = fixture_segment(20, 8, &size);
    x->slot.owner = AATS_STATE_RUN;
    x->slot.generation = 7;
    x->mono_ns = 1000 * FEED_MS;
    x->feed = aats_feed_new_for(v, o, x->mem, size, &x->slot, x->why, sizeof x->why);
    return x->feed != NULL;
}

static void mini_end(mini_t *x)
{
    aats_feed_free(x->feed);
    free(x->mem);
}

/* The whole client frames in what was written become lines of said; the rest waits. */
static void mini_decode(mini_t *x, int link)
{
    uint8_t *p = x->raw[link];
    size_t n = x->raw_sz[link], at = 0;
    if (n >= 4 && !memcmp(p, "GET ", 4)) return; /* an upgrade: mini_upgrade takes it */
    while (n - at >= 6) {
        size_t len = p[at + 1] & 127, head = 2;
        if (len == 126) len = (size_t)p[at + 2] << 8 | p[at + 3], head = 4;
        if (n - at < head + 4 + len) break;
        uint8_t const *mask = p + at + head;
        uint8_t *body = p + at + head + 4;
        for (size_t i = 0; i < len; i++) body[i] ^= mask[i & 3];
        size_t had = strlen(x->said[link]);
        char *out = x->said[link] + had;
        if (had + len + 8 > sizeof x->said[link]) abort();
        int op = p[at] & 15;
        if (op == AATS_WS_PING && len == 8) memcpy(&x->ws_ping[link], body, 8);
        if (op == AATS_WS_TEXT) memcpy(out, body, len), memcpy(out + len, "\n", 2);
        else strcpy(out, op == AATS_WS_PING ? "PING\n" : op == AATS_WS_PONG ? "PONG\n" : "CLOSE\n");
        at += head + 4 + len;
    }
    memmove(p, p + at, n - at);
    x->raw_sz[link] = n - at;
}

static void mini_pass(mini_t *x, int ms)
{
    x->mono_ns += ms * (int64_t)FEED_MS;
    aats_feed_begin(x->feed, FEED_EPOCH_NS + x->mono_ns, x->mono_ns);
    for (int k = 0; k < LINKS; k++) {
        uint8_t const *at;
        size_t n = aats_feed_output(x->feed, k, &at);
        if (n > sizeof x->raw[k] - x->raw_sz[k]) abort();
        if (n) memcpy(x->raw[k] + x->raw_sz[k], at, n);
        x->raw_sz[k] += n;
        aats_feed_sent(x->feed, k, n);
        if (n) mini_decode(x, k);
        if (aats_feed_want(x->feed, k) == AATS_FEED_CLOSE) aats_feed_closed(x->feed, k, "closed by us");
    }
    aats_feed_end(x->feed);
    aats_mail_t *m;
    while (aats_mailbox_get(aats_feed_out(x->feed), &m) == 1) {
        size_t at = strlen(x->log);
        if (m->kind == AATS_MAIL_NOTICE) snprintf(x->log + at, sizeof x->log - at, "%s\n", (char const *)m->bytes);
        x->asks += m->kind == AATS_MAIL_ASK;
        aats_mail_free(m);
    }
}

/* Time goes by as it does for a feed that runs: longer than half a second at once would be a stop. */
__attribute__((unused)) static void mini_wait(mini_t *x, int ms)
{
    for (; ms > 0; ms -= 100) mini_pass(x, ms < 100 ? ms : 100);
}

static void mini_bytes(mini_t *x, int link, void const *data, size_t n)
{
    uint8_t *at;
    size_t room = aats_feed_room(x->feed, link, &at);
    if (room < n) abort();
    memcpy(at, data, n);
    aats_feed_received(x->feed, link, n, FEED_EPOCH_NS + x->mono_ns);
}

static void mini_text(mini_t *x, int link, char const *text)
{
    static uint8_t frame[1 << 16];
    int n = aats_ws_encode(frame, sizeof frame, AATS_WS_TEXT, 1, text, strlen(text), NULL);
    if (n < 0) abort();
    mini_bytes(x, link, frame, (size_t)n);
}

__attribute__((unused)) static void mini_pong(mini_t *x, int link)
{
    uint8_t frame[32];
    int n = aats_ws_encode(frame, sizeof frame, AATS_WS_PONG, 1, &x->ws_ping[link], 8, NULL);
    mini_bytes(x, link, frame, (size_t)n);
}

/* mini_upgrade brings a link up; *target gets what it asked for (cap 200).  Returns 1, 0 if the feed wants no connection there. */
static int mini_upgrade(mini_t *x, int link, char *target)
{
    if (aats_feed_want(x->feed, link) != AATS_FEED_CONNECT) return 0;
    aats_feed_connecting(x->feed, link);
    aats_feed_opened(x->feed, link);
    x->raw_sz[link] = 0;
    x->said[link][0] = 0;
    mini_pass(x, 1);
    aats_http_head_t h;
    char answer[1024];
    if (aats_http_request_head((char const *)x->raw[link], x->raw_sz[link], &h) <= 0) return 0;
    if (target) sscanf((char const *)x->raw[link], "GET %199s", target);
    int n = aats_ws_response(answer, sizeof answer, &h);
    x->raw_sz[link] = 0;
    if (n <= 0) return 0;
    mini_bytes(x, link, answer, (size_t)n);
    mini_pass(x, 2);
    return 1;
}

static void mini_subscribe_to(mini_t *x, char const *native)
{
    aats_feed_symbol_t s = {.tick_i = 1, .lot_i = 1, .level_num = 5};
    snprintf(s.symbol, sizeof s.symbol, "%.30s.MINI", native);
    snprintf(s.native, sizeof s.native, "%s", native);
    aats_mailbox_put(aats_feed_in(x->feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
}

/* The latest word on a symbol by its number: 0 good, else AATS_WHY_*. */
static int mini_why(mini_t const *x, uint32_t sym, aats_rec_t *rec)
{
    aats_rec_t own;
    if (!rec) rec = &own;
    if (aats_latest_read(aats_feed_view(x->feed), sym, rec, NULL, NULL, 0) != AATS_OK) return AATS_WHY_NO_BOOK;
    return rec->flags & AATS_F_VALID ? 0 : rec->why;
}

/* The next ring record of a kind, behind those looked at; 0 if there is none. */
__attribute__((unused)) static int mini_rec(mini_t *x, int kind, aats_rec_t *out)
{
    aats_rec20_t slot;
    while (aats_ring_poll(aats_feed_view(x->feed), x->read, &slot) == 1) {
        x->read++;
        if (slot.r.kind != kind) continue;
        *out = slot.r;
        return 1;
    }
    return 0;
}

__attribute__((unused)) static uint64_t mini_count(mini_t const *x, int counter) { return aats_feed_view(x->feed)->md->counters[counter]; }
__attribute__((unused)) static int mini_said(mini_t const *x, int link, char const *text) { return strstr(x->said[link], text) != NULL; }

/* mini_live: A and B subscribed with depth and trades over link 0, both books good at id 10: bid 50, ask 51. */
__attribute__((unused)) static int mini_live(mini_t *x, aats_venue_t const *v, unsigned streams)
{
    aats_feed_opts_t o = mini_opts(streams);
    if (!mini_begin(x, v, &o)) return 0;
    mini_subscribe_to(x, "A");
    mini_subscribe_to(x, "B");
    mini_pass(x, 1);
    if (!mini_upgrade(x, 0, NULL)) return 0;
    mini_text(x, 0, "ack i=1");
    mini_text(x, 0, "snap s=A l=10 b=50:1 a=51:1");
    mini_text(x, 0, "snap s=B l=10 b=50:1 a=51:1");
    mini_pass(x, 1);
    return mini_why(x, 0, NULL) == 0 && mini_why(x, 1, NULL) == 0;
}

#endif
