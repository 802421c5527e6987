/* feed_rig.h -- the real feed (app/feed.h) brought up in one thread, as a host would do it, and the frames it is given.
 *
 * For: bench_feed.c, bench_sbe.c.  Not a test, and no network: bench_wire.c.  Upgrade, acknowledgement and snapshot are answered here; the geometry is what
 * the product has by default, 5 levels and a ring of 8192 slots.
 *
 * Made traffic (traffic.h) goes round and round behind its own end.  A recording does not lead back to its snapshot: each round begins with a new feed, and
 * its first tenth warms up.  Of a recording a row takes one kind of stream, and every frame must have been dealt with at the end, without a gap. */
#ifndef AATS_BENCH_FEED_RIG_H
#define AATS_BENCH_FEED_RIG_H

#include "app/feed.h"
#include "base/errors.h"
#include "feed_tally.h"
#include "proto/http.h"
#include "proto/ws.h"
#include "proto/ws_open.h"
#include "shm/control.h"
#include "shm/latest.h"
#include "shm/segment.h"
#include "traffic.h"
#include "venue/venue.h"

#define RING   8192
#define LEVELS 5
#define BLOCK  256 /* messages of one side before the other has its turn */

static char const *rig_format = ""; /* bench_sbe.c has another */

/* ---- frames as they lie in a read buffer ---- */

typedef struct {
    uint8_t *data;
    uint32_t *off; /* cnt + 1 */
    uint32_t cnt;
    uint32_t skip;  /* of a recording's round: the first ones warm up */
    char only[16];  /* "@depth", "@bookTicker" */
    int recorded;
    uint64_t *span; /* by symbol: ids that one round takes */
    traffic_t texts;
} tape_t;

/* wrap puts a WebSocket head before each text of the tape's kind; off[i] .. off[i + 1] is frame i. */
static void wrap(tape_t *tape)
{
    traffic_frame_t f;
    size_t at = 0, to = 0;
    tape->cnt = 0;
    while (traffic_next(&tape->texts, &at, &f) == 1) {
        if (!traffic_is(&f, tape->only)) continue;
        int const n = aats_ws_encode(tape->data + to, tape->texts.sz + 16 * (size_t)tape->texts.cnt - to, AATS_WS_TEXT, 1, f.bytes, f.len, NULL);
        if (n < 0) die("a frame is too large");
        tape->off[tape->cnt++] = (uint32_t)to;
        to += (size_t)n;
    }
    tape->off[tape->cnt] = (uint32_t)to;
    tape->skip = tape->recorded ? tape->cnt / 10 : 0;
}

/* spans finds for each symbol how many ids lie between its snapshot and its last message. */
static uint64_t *spans(traffic_t const *t)
{
    static uint64_t first[TRAFFIC_SYMS_MAX];
    uint64_t *span = calloc(TRAFFIC_SYMS_MAX, sizeof *span);
    traffic_frame_t f;
    if (!span) die("no memory");
    memset(first, 0, sizeof first);
    for (size_t at = 0; traffic_next(t, &at, &f) == 1;) {
        uint64_t const id = traffic_id(&f, f.kind == TRAFFIC_REST ? "\"lastUpdateId\":" : "\"u\":");
        if (f.sym >= TRAFFIC_SYMS_MAX || !id) continue;
        if (!first[f.sym]) first[f.sym] = id;
        if (id - first[f.sym] > span[f.sym]) span[f.sym] = id - first[f.sym];
    }
    return span;
}

/* tape_of takes the frames file's frames of one kind where there is such a file, else made ones. */
static tape_t tape_of(traffic_opts_t const *o, char const *only)
{
    tape_t tape = {.recorded = frames_file != NULL};
    snprintf(tape.only, sizeof tape.only, "%s", only);
    if (!tape.recorded) traffic_make(&tape.texts, o);
    else if (!traffic_read(&tape.texts, frames_file)) die("the frames file cannot be read");
    tape.span = spans(&tape.texts);
    tape.data = malloc(tape.texts.sz + 16 * (size_t)tape.texts.cnt);
    tape.off = malloc((tape.texts.cnt + 1) * sizeof *tape.off);
    if (!tape.data || !tape.off) die("no memory");
    wrap(&tape);
    return tape;
}

/* again makes a made tape fit behind its own end. */
static void again(tape_t *tape)
{
    traffic_frame_t f;
    for (size_t at = 0; traffic_next(&tape->texts, &at, &f) == 1;)
        if (f.kind == TRAFFIC_TEXT) traffic_raise(&f, tape->span[f.sym]);
    wrap(tape);
}

/* rounds_of gives a recording about as many messages as `rounds` rounds of `msgs` made ones are. */
static int rounds_of(tape_t const *tape, int rounds, uint32_t msgs)
{
    if (!tape->recorded || !tape->cnt) return rounds;
    uint64_t const n = (uint64_t)rounds * msgs / tape->cnt + 1;
    return n > 100 ? 100 : (int)n;
}

static void tape_free(tape_t *tape)
{
    traffic_free(&tape->texts);
    free(tape->data);
    free(tape->off);
    free(tape->span);
}

/* ---- a feed, brought up ---- */

typedef struct {
    aats_feed_t *feed;
    void *mem;
    aats_slot_t slot;
    int64_t mono_ns;
    uint32_t syms;
    uint64_t frames, states; /* that it had had, and told, when its books had come up */
} rig_t;

static void rig_bytes(rig_t *r, int link, void const *bytes, size_t n)
{
    uint8_t const *from = bytes;
    while (n) {
        uint8_t *to;
        size_t room = aats_feed_room(r->feed, link, &to), part = n < room ? n : room;
        memcpy(to, from, part);
        aats_feed_received(r->feed, link, part, aats_now_ns());
        from += part;
        n -= part;
    }
}

static void rig_text(rig_t *r, int link, char const *text)
{
    uint8_t frame[512];
    int const n = aats_ws_encode(frame, sizeof frame, AATS_WS_TEXT, 1, text, strlen(text), NULL);
    if (n > 0) rig_bytes(r, link, frame, (size_t)n);
}

/* One pass: answers what the feed asks of the venue and of the control plane. */
static void rig_pass(rig_t *r, traffic_t const *texts)
{
    uint8_t const *out;
    aats_mail_t *m;
    r->mono_ns += 50000000;
    aats_feed_begin(r->feed, aats_now_ns(), r->mono_ns);
    for (int link = 0; link < AATS_LINK_MAX; link++) {
        if (aats_feed_want(r->feed, link) == AATS_FEED_CONNECT) {
            aats_feed_connecting(r->feed, link);
            aats_feed_opened(r->feed, link);
        }
        size_t const n = aats_feed_output(r->feed, link, &out);
        aats_http_head_t head;
        char text[1024];
        if (!n) continue;
        if (out[0] == 'G' && aats_http_request_head((char const *)out, n, &head) > 0) {
            int const len = aats_ws_response(text, sizeof text, &head);
            aats_feed_sent(r->feed, link, n);
            if (len > 0) rig_bytes(r, link, text, (size_t)len);
            continue;
        }
        uint8_t copy[1 << 16]; /* requests, masked: every id up to the highest possible is acknowledged */
        aats_ws_frame_t frame;
        size_t at = 0, len = n < sizeof copy ? n : sizeof copy;
        memcpy(copy, out, len);
        aats_feed_sent(r->feed, link, n);
        while (at < len && aats_ws_next_server(copy + at, len - at, 1 << 20, &frame) == 1) {
            char *id = memmem(frame.payload, frame.payload_len, "\"id\":", 5);
            if (id) {
                snprintf(text, sizeof text, "{\"result\":null,\"id\":%d}", atoi(id + 5));
                rig_text(r, link, text);
            }
            at += frame.frame_sz;
        }
    }
    while (aats_mailbox_get(aats_feed_out(r->feed), &m) == 1) {
        traffic_frame_t f;
        for (size_t at = 0; m->kind == AATS_MAIL_ASK && traffic_next(texts, &at, &f) == 1;) {
            if (f.kind != TRAFFIC_REST || f.sym != m->sym) continue;
            aats_mailbox_put(aats_feed_in(r->feed), AATS_MAIL_SNAPSHOT, m->sym, m->num, f.bytes, f.len);
            break;
        }
        if (getenv("BENCH_LOG") && m->kind == AATS_MAIL_NOTICE) fprintf(stderr, "%s\n", (char const *)m->bytes);
        aats_mail_free(m);
    }
    aats_feed_end(r->feed);
}

static uint64_t rig_count(rig_t const *r, int which) { return aats_feed_view(r->feed)->md->counters[which]; }

/* rig_states counts the records that are no data: books that were good and are not, or the other way. */
static uint64_t rig_states(rig_t const *r)
{
    return rig_count(r, AATS_MDC_RECORDS) - rig_count(r, AATS_MDC_QUOTES) - rig_count(r, AATS_MDC_BBOS) - rig_count(r, AATS_MDC_TICKS);
}

static uint32_t rig_live(rig_t const *r, uint32_t syms)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < syms; i++) live += aats_feed_view(r->feed)->dir[i].state == AATS_DIR_LIVE;
    return live;
}

/* rig_open returns NULL, or why the books of these texts do not come up; the rig is there either way. */
static char const *rig_open(rig_t *r, traffic_t const *texts, unsigned streams)
{
    char why[200], name[48];
    uint32_t syms = 0;
    aats_feed_opts_t o;
    *r = (rig_t){.mono_ns = aats_mono_ns()};
    while (syms < AATS_DIR_MAX && traffic_name_of(texts, syms, name)) syms++;
    uint32_t const cap = syms ? syms : 1;
    int64_t const size = aats_md_size(RING, LEVELS, cap);
    aats_md_params_t const params = {.ring_depth = RING, .level_max = LEVELS, .dir_cap = cap, .venue = "BINANCE"};
    r->mem = aligned_alloc(AATS_LINE, (size_t)size);
    if (!r->mem) die("no memory");
    memset(r->mem, 0, (size_t)size);
    if (aats_seg_init(r->mem, (uint64_t)size, AATS_KIND_MD, "bench", 7, aats_ident(1, 1), 1, "-", "-") != AATS_OK ||
        aats_md_init(r->mem, &params) != AATS_OK) die("segment");
    aats_seg_ready(r->mem);
    r->slot.owner = AATS_STATE_RUN;
    r->slot.generation = 7;
    aats_feed_defaults(&o);
    strcpy(o.host, "bench.example");
    o.seed = 1;
    o.streams = streams;
    snprintf(o.format, sizeof o.format, "%s", rig_format);
    r->feed = aats_feed_new(&o, r->mem, (size_t)size, &r->slot, why, sizeof why);
    if (!r->feed) die(why);
    aats_feed_set_clock(r->feed, aats_now_ns);
    for (uint32_t i = 0; i < syms; i++) {
        aats_feed_symbol_t s = {.tick_i = traffic_tick(texts, i), .lot_i = 1000, .level_num = LEVELS};
        traffic_name_of(texts, i, name);
        snprintf(s.native, sizeof s.native, "%s", name);
        snprintf(s.symbol, sizeof s.symbol, "%.30s.BINANCE", name);
        aats_mailbox_put(aats_feed_in(r->feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
    }
    for (int i = 0; i < 2000 && rig_live(r, syms) < syms; i++) rig_pass(r, texts);
    r->syms = syms;
    r->frames = rig_count(r, AATS_MDC_FRAMES);
    r->states = rig_states(r);
    return syms && rig_live(r, syms) == syms ? NULL : "the books do not come up: a symbol of the frames has no snapshot";
}

static void rig_close(rig_t *r)
{
    aats_feed_free(r->feed);
    free(r->mem);
}

/* rig_ill says what a feed did not do of its work, NULL if it did it: one that drops what it gets is quick.  Of a recording's round each frame must have
 * been dealt with, and every book have been good all the time; made traffic must have led to so many records at least. */
static char const *rig_ill(rig_t const *r, tape_t const *tape, uint64_t quotes_min)
{
    static char text[256];
    uint64_t const frames = rig_count(r, AATS_MDC_FRAMES) - r->frames, told = rig_count(r, AATS_MDC_QUOTES) + rig_count(r, AATS_MDC_BBOS);
    uint64_t const gaps = rig_count(r, AATS_MDC_GAPS), crossed = rig_count(r, AATS_MDC_CROSSED), unknown = rig_count(r, AATS_MDC_UNKNOWN);
    uint64_t const errors = rig_count(r, AATS_MDC_PARSE_ERRORS) + rig_count(r, AATS_MDC_PROTO_ERRORS) + rig_count(r, AATS_MDC_UTF8);
    if (gaps || crossed || errors || unknown || told < quotes_min || (tape->recorded && frames != tape->cnt)) {
        snprintf(text, sizeof text, "the feed met gaps %" PRIu64 ", crossed books %" PRIu64 ", errors %" PRIu64 ", unknown messages %" PRIu64 "; frames %" PRIu64
                 " of %" PRIu32 ", published %" PRIu64 " of at least %" PRIu64, gaps, crossed, errors, unknown, frames, tape->cnt, told, quotes_min);
        return text;
    }
    if (rig_live(r, r->syms) == r->syms && rig_states(r) == r->states) return NULL;
    return "a book was lost on the way: the price has left the levels of the only snapshot; convert less with --limit";
}

#endif
