/* feed_fixture.h -- a feed over private memory, its time, and a server that says what a test tells it to.
 *
 * For: tests/c/test_feed.c and tests/fuzz/fuzz_feed.c.  Not for whole lives of a feed: tests/world has the simulated exchange for those.
 * Time stands still but for fixture_pass. */
#ifndef AATS_TESTS_FEED_FIXTURE_H
#define AATS_TESTS_FEED_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed.h"
#include "base/errors.h"
#include "proto/http.h"
#include "proto/ws.h"
#include "proto/ws_open.h"
#include "shm/control.h"
#include "shm/latest.h"
#include "shm/segment.h"

#define FEED_EPOCH_NS 1700000000000000000
#define FEED_MS       1000000

typedef struct {
    aats_feed_t *feed;
    aats_slot_t slot;
    void *mem;
    int64_t mono_ns;
    char why[200];
    char log[8192];      /* every line of the feed so far */
    uint64_t ask_no[8];  /* by symbol, of the newest question, 0: none */
    unsigned asks, added;
    int64_t added_code;
    uint8_t sent[65536]; /* what the feed wrote to link 0 */
    size_t sent_sz;
} fixture_feed_t;

__attribute__((unused)) static void *fixture_segment(uint32_t level_max, uint32_t dir_cap, size_t *size)
{
    aats_md_params_t const params = {.ring_depth = 64, .level_max = level_max, .dir_cap = dir_cap, .venue = "BINANCE"};
    *size = (size_t)aats_md_size(64, level_max, dir_cap);
    void *mem = aligned_alloc(AATS_LINE, *size);
    if (mem) memset(mem, 0, *size);
    if (!mem || aats_seg_init(mem, *size, AATS_KIND_MD, "test", 7, aats_ident(1, 1), 1, "boot", "1.0.0") != AATS_OK ||
        aats_md_init(mem, &params) != AATS_OK) abort();
    aats_seg_ready(mem);
    return mem;
}

/* fixture_begin makes a feed with a seed; time begins at 1 s. */
__attribute__((unused)) static void fixture_begin(fixture_feed_t *x, aats_feed_opts_t const *opts)
{
    size_t size;
    memset(x, 0, sizeof *x);
    x->mem = fixture_segment(20, 8, &size);
    x->slot.owner = AATS_STATE_RUN;
    x->slot.generation = 7;
    x->mono_ns = 1000 * FEED_MS;
    x->feed = aats_feed_new(opts, x->mem, size, &x->slot, x->why, sizeof x->why);
    if (!x->feed) abort();
}

__attribute__((unused)) static void fixture_end(fixture_feed_t *x)
{
    aats_feed_free(x->feed);
    free(x->mem);
}

__attribute__((unused)) static aats_feed_opts_t fixture_opts(void)
{
    aats_feed_opts_t o;
    aats_feed_defaults(&o);
    strcpy(o.host, "test.example");
    o.seed = 1;
    o.book_window = 64;
    return o;
}

__attribute__((unused)) static void fixture_take_mail(fixture_feed_t *x)
{
    aats_mail_t *m;
    while (aats_mailbox_get(aats_feed_out(x->feed), &m) == 1) {
        if (m->kind == AATS_MAIL_NOTICE) {
            size_t at = strlen(x->log);
            snprintf(x->log + at, sizeof x->log - at, "%s\n", (char const *)m->bytes);
        } else if (m->kind == AATS_MAIL_ASK) {
            x->ask_no[m->sym & 7] = m->num;
            x->asks++;
        } else if (m->kind == AATS_MAIL_ADDED) {
            x->added++;
            x->added_code = (int64_t)m->num;
        }
        aats_mail_free(m);
    }
}

/* fixture_pass lets `ms` go by, makes a pass, and takes what the feed wrote to link 0 and to the control plane. */
__attribute__((unused)) static void fixture_pass(fixture_feed_t *x, int ms)
{
    x->mono_ns += ms * (int64_t)FEED_MS;
    aats_feed_begin(x->feed, FEED_EPOCH_NS + x->mono_ns, x->mono_ns);
    uint8_t const *at;
    size_t n = aats_feed_output(x->feed, 0, &at), room = sizeof x->sent - x->sent_sz;
    if (n) memcpy(x->sent + x->sent_sz, at, n < room ? n : room);
    x->sent_sz += n < room ? n : room;
    aats_feed_sent(x->feed, 0, n);
    aats_feed_end(x->feed);
    fixture_take_mail(x);
}

/* fixture_bytes gives the feed bytes of the server on a link, in as many pieces as its buffer wants. */
__attribute__((unused)) static void fixture_bytes(fixture_feed_t *x, int link, void const *data, size_t n)
{
    uint8_t const *from = data;
    while (n) {
        uint8_t *at;
        size_t room = aats_feed_room(x->feed, link, &at), part = n < room ? n : room;
        if (!room) abort();
        memcpy(at, from, part);
        aats_feed_received(x->feed, link, part, FEED_EPOCH_NS + x->mono_ns);
        from += part;
        n -= part;
    }
}

__attribute__((unused)) static void fixture_text(fixture_feed_t *x, int link, char const *text)
{
    static uint8_t frame[1 << 17];
    int n = aats_ws_encode(frame, sizeof frame, AATS_WS_TEXT, 1, text, strlen(text), NULL);
    if (n < 0) abort();
    fixture_bytes(x, link, frame, (size_t)n);
}

__attribute__((unused)) static void fixture_subscribe(fixture_feed_t *x, char const *native, uint32_t level_num)
{
    aats_feed_symbol_t s = {.tick_i = 1000000, .lot_i = 1000, .level_num = level_num};
    snprintf(s.symbol, sizeof s.symbol, "%.30s.BINANCE", native);
    snprintf(s.native, sizeof s.native, "%s", native);
    aats_mailbox_put(aats_feed_in(x->feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
}

/* fixture_upgrade brings link 0 up: TCP, request, 101.  Returns 1, 0 if the feed did not ask for a connection. */
__attribute__((unused)) static int fixture_upgrade(fixture_feed_t *x)
{
    if (aats_feed_want(x->feed, 0) != AATS_FEED_CONNECT) return 0;
    aats_feed_connecting(x->feed, 0);
    aats_feed_opened(x->feed, 0);
    x->sent_sz = 0;
    fixture_pass(x, 1);
    aats_http_head_t h;
    char answer[1024];
    if (aats_http_request_head((char const *)x->sent, x->sent_sz, &h) <= 0) return 0;
    int n = aats_ws_response(answer, sizeof answer, &h);
    if (n <= 0) return 0;
    x->sent_sz = 0;
    fixture_bytes(x, 0, answer, (size_t)n);
    return 1;
}

/* fixture_live subscribes BTCUSDT and brings its book to life: id 100, bids 10 and 9, asks 11 and 12, one each. */
__attribute__((unused)) static int fixture_live(fixture_feed_t *x)
{
    static char const SNAPSHOT[] = "{\"lastUpdateId\":100,\"bids\":[[\"10\",\"1\"],[\"9\",\"1\"]],"
                                   "\"asks\":[[\"11\",\"1\"],[\"12\",\"1\"]]}";
    fixture_subscribe(x, "BTCUSDT", 5);
    fixture_pass(x, 1);
    if (!fixture_upgrade(x)) return 0;
    fixture_pass(x, 1);
    fixture_text(x, 0, "{\"result\":null,\"id\":1}");
    fixture_pass(x, 1);
    if (!x->ask_no[0]) return 0;
    aats_mailbox_put(aats_feed_in(x->feed), AATS_MAIL_SNAPSHOT, 0, x->ask_no[0], SNAPSHOT, sizeof SNAPSHOT - 1);
    fixture_pass(x, 1);
    return 1;
}

/* fixture_why says why BTCUSDT's book is not good, as a reader sees it now; *rec is its latest slot. */
__attribute__((unused)) static int fixture_why(fixture_feed_t *x, aats_rec_t *rec)
{
    if (aats_latest_read(aats_feed_view(x->feed), 0, rec, NULL, NULL, 0) != AATS_OK) return AATS_WHY_NO_BOOK;
    return rec->flags & AATS_F_VALID ? 0 : rec->why;
}

#endif
