/* bench_feed.c -- from a venue's frame in the buffer to the published book: the real feed (app/feed.h) beside a plain loop in the same run.
 *
 * For: rows depth_hot, depth_paced, bbo_hot, feed_depth_buffer, feed_bbo_buffer, feed_500 and ring_readers.  Not a test, and no network: bench_wire.c.
 *
 * The feed is brought up as a host would do it (upgrade, acknowledgement, snapshot), with the geometry that the product has by default: 5 levels,
 * ring of 8192 slots.  What is timed is aats_feed_received alone: WebSocket frame, UTF-8, parse, sequence, book, latest slot, ring, histograms and the
 * stamps of the product's own clock.
 *
 *   depth_hot      the frame has just been copied to the read buffer, as a decrypted record would be; one message a call
 *   depth_paced    the same, a message each 50 us; in between the core spins
 *   bbo_hot        as depth_hot with bookTicker
 *   feed_*_buffer  messages a second where 16 KB of frames (a TLS record) lie in the buffer at each call; all of them from memory of a few MB
 *   feed_500       cost of a depth message, as feed_depth_buffer has it, with 500 symbols in turn; the reference is the same feed with 1
 *   ring_readers   a depth record published into latest slot and ring while readers on the other cores spin; the reference is without any
 *
 * The plain loop (ref/feed_plain.c) takes the same frames in turn with the feed, block by block.
 *
 *     bench_feed [--rows a,b] [--quick] [--frames FILE] [--cores 0,1]          a JSON object a line */
#define _GNU_SOURCE 1
#include <pthread.h>
#include <sched.h>
#include <time.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "app/feed.h"
#include "base/atomics.h"
#include "base/clock.h"
#include "base/errors.h"
#include "proto/http.h"
#include "proto/ws.h"
#include "proto/ws_open.h"
#include "shm/clock.h"
#include "shm/control.h"
#include "shm/latest.h"
#include "shm/publish.h"
#include "shm/segment.h"
#include "traffic.h"
#include "venue/venue.h"

#include "ref/feed_plain.c"

#define RING    8192
#define LEVELS  5
#define CHUNK   16384
#define BLOCK   256 /* messages of one side before the other has its turn */
#define PACE_NS 50000

static int quick;
static char const *frames_file;
static int cores[64], core_cnt;
static char const *rig_format = ""; /* bench_sbe.c has another */

__attribute__((noreturn)) static void die(char const *why)
{
    fprintf(stderr, "bench_feed: %s\n", why);
    exit(1);
}

/* ---- time ---- */

static double ns_per_tick = 1;

static inline uint64_t ticks(void)
{
#ifdef __x86_64__
    _mm_lfence();
    uint64_t const t = __rdtsc();
    _mm_lfence();
    return t;
#else
    return (uint64_t)aats_mono_ns();
#endif
}

static void calibrate(void)
{
    int64_t const from = aats_mono_ns();
    uint64_t const at = ticks();
    while (aats_mono_ns() - from < 20000000) {}
    ns_per_tick = (double)(aats_mono_ns() - from) / (double)(ticks() - at);
}

/* ---- samples ---- */

typedef struct {
    double *ns;
    size_t cnt, cap;
} samples_t;

static double clock_cost_ns;

static void add(samples_t *s, double ns)
{
    if (s->cnt == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4096;
        s->ns = realloc(s->ns, s->cap * sizeof *s->ns);
        if (!s->ns) die("no memory");
    }
    s->ns[s->cnt++] = ns;
}

static int by_value(void const *a, void const *b)
{
    double const x = *(double const *)a, y = *(double const *)b;
    return (x > y) - (x < y);
}

static double at(samples_t const *s, double p) { return s->cnt ? s->ns[(size_t)(p * (double)(s->cnt - 1) + 0.5)] : 0; }

/* midmean is the mean of the middle half of the samples: a median that a counter of coarse steps (10 ns on some machines) does not round. */
static double midmean(samples_t const *s)
{
    double sum = 0;
    size_t const from = s->cnt / 4, to = s->cnt - s->cnt / 4;
    for (size_t i = from; i < to; i++) sum += s->ns[i];
    return to > from ? sum / (double)(to - from) : 0;
}

static void measure_clock(void)
{
    samples_t s = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t const from = ticks();
        add(&s, (double)(ticks() - from) * ns_per_tick);
    }
    qsort(s.ns, s.cnt, sizeof *s.ns, by_value);
    clock_cost_ns = midmean(&s);
    free(s.ns);
}

/* In a row of latencies the midmean of all calls is what the goal judges; in a row of rates (`rate`) 1e9 / the midmean of the blocks' costs a message. */
static void print_row(char const *row, char const *who, samples_t *s, int rate, char const *extra)
{
    qsort(s->ns, s->cnt, sizeof *s->ns, by_value);
    double const p50 = at(s, 0.5), value = midmean(s);
    printf("{\"row\":\"%s\",\"who\":\"%s\",\"unit\":\"%s\",\"value\":%.1f", row, who, rate ? "1/s" : "ns", rate ? 1e9 / value : value);
    if (rate) printf(",\"ns\":%.1f", value);
    else printf(",\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f", p50, at(s, 0.99), at(s, 0.999), at(s, 1));
    printf(",\"n\":%zu%s}\n", s->cnt, extra);
    fflush(stdout);
    free(s->ns);
    *s = (samples_t){0};
}

/* ---- frames as they lie in a read buffer ---- */

typedef struct {
    uint8_t *data;
    uint32_t *off; /* cnt + 1 */
    uint32_t cnt;
    uint64_t *span; /* by symbol: ids that one round takes */
    traffic_t texts;
} tape_t;

/* wrap puts a WebSocket head before each text; off[i] .. off[i + 1] is frame i. */
static void wrap(tape_t *tape)
{
    traffic_frame_t f;
    size_t at = 0, to = 0;
    tape->cnt = 0;
    while (traffic_next(&tape->texts, &at, &f) == 1) {
        if (f.kind != TRAFFIC_TEXT) continue;
        int const n = aats_ws_encode(tape->data + to, tape->texts.sz + 16 * (size_t)tape->texts.cnt - to, AATS_WS_TEXT, 1, f.bytes, f.len, NULL);
        if (n < 0) die("a frame is too large");
        tape->off[tape->cnt++] = (uint32_t)to;
        to += (size_t)n;
    }
    tape->off[tape->cnt] = (uint32_t)to;
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

static tape_t tape_of(traffic_opts_t const *o)
{
    tape_t tape = {0};
    if (o) traffic_make(&tape.texts, o);
    else if (!traffic_read(&tape.texts, frames_file)) die("the frames file cannot be read");
    tape.span = spans(&tape.texts);
    tape.data = malloc(tape.texts.sz + 16 * (size_t)tape.texts.cnt);
    tape.off = malloc((tape.texts.cnt + 1) * sizeof *tape.off);
    if (!tape.data || !tape.off) die("no memory");
    wrap(&tape);
    return tape;
}

/* again makes the tape fit behind its own end. */
static void again(tape_t *tape)
{
    traffic_frame_t f;
    for (size_t at = 0; traffic_next(&tape->texts, &at, &f) == 1;)
        if (f.kind == TRAFFIC_TEXT) traffic_raise(&f, tape->span[f.sym]);
    wrap(tape);
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

static uint32_t rig_live(rig_t const *r, uint32_t syms)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < syms; i++) live += aats_feed_view(r->feed)->dir[i].state == AATS_DIR_LIVE;
    return live;
}

static void rig_open(rig_t *r, traffic_t const *texts, unsigned streams)
{
    char why[200], name[48];
    uint32_t syms = 0;
    aats_feed_opts_t o;
    *r = (rig_t){.mono_ns = aats_mono_ns()};
    while (syms < AATS_DIR_MAX && traffic_name_of(texts, syms, name)) syms++;
    int64_t const size = aats_md_size(RING, LEVELS, syms);
    aats_md_params_t const params = {.ring_depth = RING, .level_max = LEVELS, .dir_cap = syms, .venue = "BINANCE"};
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
        aats_feed_symbol_t s = {.tick_i = 1000000, .lot_i = 1000, .level_num = LEVELS};
        traffic_name_of(texts, i, name);
        snprintf(s.native, sizeof s.native, "%s", name);
        snprintf(s.symbol, sizeof s.symbol, "%.30s.BINANCE", name);
        aats_mailbox_put(aats_feed_in(r->feed), AATS_MAIL_SUBSCRIBE, 0, 0, &s, sizeof s);
    }
    for (int i = 0; i < 2000 && rig_live(r, syms) < syms; i++) rig_pass(r, texts);
    if (rig_live(r, syms) < syms) die("the books do not come up");
}

static void rig_close(rig_t *r)
{
    aats_feed_free(r->feed);
    free(r->mem);
}

/* rig_healthy ends the program unless every book is still good: a feed that drops what it gets is quick. */
static void rig_healthy(rig_t const *r, uint64_t quotes_min)
{
    aats_md_view_t const *v = aats_feed_view(r->feed);
    uint64_t const *c = v->md->counters;
    if (c[AATS_MDC_GAPS] || c[AATS_MDC_CROSSED] || c[AATS_MDC_PARSE_ERRORS] || c[AATS_MDC_UNKNOWN] || c[AATS_MDC_QUOTES] + c[AATS_MDC_BBOS] < quotes_min) {
        fprintf(stderr, "gaps %" PRIu64 ", crossed %" PRIu64 ", parse errors %" PRIu64 ", unknown %" PRIu64 ", published %" PRIu64 " of %" PRIu64 "\n",
                c[AATS_MDC_GAPS], c[AATS_MDC_CROSSED], c[AATS_MDC_PARSE_ERRORS], c[AATS_MDC_UNKNOWN], c[AATS_MDC_QUOTES] + c[AATS_MDC_BBOS], quotes_min);
        die("the feed did not do its work");
    }
}

static void plain_open(plain_feed_t *p, traffic_t const *texts)
{
    traffic_frame_t f;
    plain_feed_init(p, TRAFFIC_MID, TRAFFIC_FIRST_ID);
    for (size_t at = 0; traffic_next(texts, &at, &f) == 1;) {
        if (f.kind != TRAFFIC_REST || f.sym != 0) continue;
        p->id = traffic_id(&f, "\"lastUpdateId\":");
        char const *levels = plain_levels(p, 0, strstr(f.bytes, "\"bids\":") + 7);
        plain_levels(p, 1, strstr(levels, "\"asks\":") + 7);
        return;
    }
    die("no snapshot among the frames");
}

/* ---- one message a call ---- */

static void pause_until(int64_t mono_ns)
{
    while (aats_mono_ns() < mono_ns) aats_spin_hint();
}

static void row_hot(char const *row, traffic_opts_t const *o, int64_t pace_ns, int rounds)
{
    tape_t tape = tape_of(frames_file ? NULL : o);
    rig_t rig;
    plain_feed_t plain;
    samples_t ours = {0}, ref = {0};
    int good = 0;
    static uint8_t buf[1 << 20];
    rig_open(&rig, &tape.texts, 0);
    plain_open(&plain, &tape.texts);
    for (int round = 0; round < rounds; round++) {
        if (round) again(&tape);
        for (uint32_t from = 0; from < tape.cnt; from += BLOCK) {
            uint32_t const to = from + BLOCK < tape.cnt ? from + BLOCK : tape.cnt;
            for (uint32_t i = from; i < to; i++) {
                size_t const n = tape.off[i + 1] - tape.off[i];
                uint8_t *room;
                if (pace_ns) pause_until(aats_mono_ns() + pace_ns);
                if (aats_feed_room(rig.feed, 0, &room) < n) die("no room");
                memcpy(room, tape.data + tape.off[i], n);
                int64_t const recv_ns = aats_now_ns();
                uint64_t const t0 = ticks();
                aats_feed_received(rig.feed, 0, n, recv_ns);
                if (round) add(&ours, (double)(ticks() - t0) * ns_per_tick - clock_cost_ns);
            }
            for (uint32_t i = from; i < to; i++) {
                if (pace_ns) pause_until(aats_mono_ns() + pace_ns);
                memcpy(buf, tape.data + tape.off[i], tape.off[i + 1] - tape.off[i]);
                int64_t const recv_ns = aats_now_ns();
                uint64_t const t0 = ticks();
                plain_frame(&plain, buf, recv_ns, &good);
                if (round) add(&ref, (double)(ticks() - t0) * ns_per_tick - clock_cost_ns);
            }
        }
    }
    rig_healthy(&rig, frames_file ? 1 : (uint64_t)rounds * tape.cnt / 2);
    if (!frames_file && (uint64_t)good != (uint64_t)rounds * tape.cnt) die("the reference did not do its work");
    char extra[64];
    snprintf(extra, sizeof extra, ",\"levels\":%d,\"bytes\":%u", LEVELS, (tape.off[tape.cnt] - tape.off[0]) / tape.cnt);
    print_row(row, "aats", &ours, 0, extra);
    print_row(row, "reference", &ref, 0, extra);
    rig_close(&rig);
    plain_feed_fini(&plain);
    tape_free(&tape);
}

/* ---- as many as a record holds a call ---- */

/* feed_round gives the whole tape to the feed, CHUNK bytes a call, and adds the mean cost of a message over each block of chunks. */
static void feed_round(rig_t *rig, tape_t const *tape, samples_t *out)
{
    uint32_t i = 0, done = 0;
    double spent = 0;
    while (i < tape->cnt) {
        uint32_t j = i;
        uint8_t *room;
        while (j < tape->cnt && tape->off[j + 1] - tape->off[i] <= CHUNK) j++;
        if (j == i) j++;
        size_t const n = tape->off[j] - tape->off[i];
        if (aats_feed_room(rig->feed, 0, &room) < n) die("no room");
        memcpy(room, tape->data + tape->off[i], n);
        int64_t const recv_ns = aats_now_ns();
        uint64_t const t0 = ticks();
        aats_feed_received(rig->feed, 0, n, recv_ns);
        spent += (double)(ticks() - t0) * ns_per_tick - clock_cost_ns;
        done += j - i;
        i = j;
        if (done >= BLOCK || i == tape->cnt) {
            if (out) add(out, spent / done);
            done = 0;
            spent = 0;
        }
    }
}

static void plain_round(plain_feed_t *plain, tape_t const *tape, samples_t *out)
{
    static uint8_t buf[CHUNK * 2];
    int good = 0;
    uint32_t i = 0, done = 0;
    double spent = 0;
    while (i < tape->cnt) {
        uint32_t j = i;
        while (j < tape->cnt && tape->off[j + 1] - tape->off[i] <= CHUNK) j++;
        size_t const n = tape->off[j] - tape->off[i];
        memcpy(buf, tape->data + tape->off[i], n);
        int64_t const recv_ns = aats_now_ns();
        uint64_t const t0 = ticks();
        for (size_t at = 0; at < n;) at += plain_frame(plain, buf + at, recv_ns, &good);
        spent += (double)(ticks() - t0) * ns_per_tick - clock_cost_ns;
        done += j - i;
        i = j;
        if (done >= BLOCK || i == tape->cnt) {
            if (out) add(out, spent / done);
            done = 0;
            spent = 0;
        }
    }
}

static void row_buffer(char const *row, traffic_opts_t const *o, int rounds)
{
    tape_t tape = tape_of(frames_file ? NULL : o);
    rig_t rig;
    plain_feed_t plain;
    samples_t ours = {0}, ref = {0};
    rig_open(&rig, &tape.texts, 0);
    plain_open(&plain, &tape.texts);
    for (int round = 0; round < rounds; round++) {
        if (round) again(&tape);
        feed_round(&rig, &tape, round ? &ours : NULL);
        plain_round(&plain, &tape, round ? &ref : NULL);
    }
    rig_healthy(&rig, frames_file ? 1 : (uint64_t)rounds * tape.cnt / 2);
    print_row(row, "aats", &ours, 1, "");
    print_row(row, "reference", &ref, 1, "");
    rig_close(&rig);
    plain_feed_fini(&plain);
    tape_free(&tape);
}

static void row_500(int rounds)
{
    traffic_opts_t one = traffic_defaults(), many = one;
    one.msgs = 4000;
    many.msgs = 10000;
    many.syms = 500;
    tape_t tape[2] = {tape_of(&one), tape_of(&many)};
    rig_t rig[2];
    samples_t s[2] = {{0}, {0}};
    for (int k = 0; k < 2; k++) rig_open(&rig[k], &tape[k].texts, AATS_STREAM_DEPTH);
    for (int round = 0; round < rounds; round++) {
        for (int k = 0; k < 2; k++) {
            if (round) again(&tape[k]);
            feed_round(&rig[k], &tape[k], round ? &s[k] : NULL);
        }
    }
    for (int k = 0; k < 2; k++) {
        rig_healthy(&rig[k], (uint64_t)rounds * tape[k].cnt / 2);
        print_row("feed_500", k ? "aats" : "reference", &s[k], 0, k ? ",\"symbols\":500" : ",\"symbols\":1");
        rig_close(&rig[k]);
        tape_free(&tape[k]);
    }
}

/* ---- readers ---- */

static aats_md_view_t ring_view;
static uint64_t ring_stop, ring_up, ring_got;

static void *follow(void *arg)
{
    aats_rec20_t out;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(*(int *)arg, &set);
    sched_setaffinity(0, sizeof set, &set);
    uint64_t n = aats_ring_newest(&ring_view), got = 0;
    aats_fetch_add(&ring_up, 1);
    while (!aats_load_relaxed(&ring_stop)) {
        int const rc = aats_ring_poll(&ring_view, n, &out);
        if (rc == 1) n++, got++;
        else if (rc == AATS_E_LAPPED) n = aats_ring_newest(&ring_view);
        else aats_spin_hint();
    }
    aats_fetch_add(&ring_got, got);
    return NULL;
}

/* A record each PACE / 25 (2 us: a feed's pace under load), each timed. */
static void publish_some(aats_ring_writer_t *w, aats_rec20_t *rec, int cnt, samples_t *out)
{
    for (int i = 0; i < cnt; i++) {
        pause_until(aats_mono_ns() + PACE_NS / 25);
        rec->r.kind = AATS_REC_QUOTE;
        rec->r.bid_len = rec->r.ask_len = LEVELS;
        rec->r.seq++;
        uint64_t const t0 = ticks();
        aats_md_publish(w, &rec->r, rec->bids, rec->asks);
        add(out, (double)(ticks() - t0) * ns_per_tick - clock_cost_ns);
    }
}

static void row_readers(int blocks)
{
    int64_t const size = aats_md_size(RING, LEVELS, 1);
    aats_md_params_t const params = {.ring_depth = RING, .level_max = LEVELS, .dir_cap = 1, .venue = "BENCH"};
    void *mem = aligned_alloc(AATS_LINE, (size_t)size);
    aats_ring_writer_t w;
    static aats_rec20_t rec;
    samples_t alone = {0}, with = {0};
    int readers = core_cnt > 1 ? core_cnt - 1 : 0;
    if (!readers) die("ring_readers wants two cores");
    if (!mem) die("no memory");
    memset(mem, 0, (size_t)size);
    if (aats_seg_init(mem, (uint64_t)size, AATS_KIND_MD, "bench", 1, aats_ident(1, 1), 1, "-", "-") != AATS_OK || aats_md_init(mem, &params) != AATS_OK)
        die("segment");
    aats_seg_ready(mem);
    if (aats_md_attach(mem, (uint64_t)size, &ring_view, NULL, 0) != AATS_OK || aats_ring_open(&w, &ring_view) != AATS_OK) die("ring");
    for (int b = 0; b < blocks; b++) {
        pthread_t id[64];
        publish_some(&w, &rec, 2000, &alone);
        ring_stop = ring_up = 0;
        for (int i = 0; i < readers; i++)
            if (pthread_create(&id[i], NULL, follow, &cores[i + 1])) die("no thread");
        while (aats_load_acquire(&ring_up) < (uint64_t)readers) aats_spin_hint();
        publish_some(&w, &rec, 2000, &with);
        aats_store_relaxed(&ring_stop, 1);
        for (int i = 0; i < readers; i++) pthread_join(id[i], NULL);
    }
    if (ring_got < (uint64_t)blocks * 1000) die("the readers did not read");
    char extra[64];
    snprintf(extra, sizeof extra, ",\"readers\":%d,\"read\":%" PRIu64, readers, ring_got);
    print_row("ring_readers", "aats", &with, 0, extra);
    print_row("ring_readers", "reference", &alone, 0, ",\"readers\":0");
    free(mem);
}

/* ---- */

static char const *const ROWS[] = {"depth_hot", "depth_paced", "bbo_hot", "feed_depth_buffer", "feed_bbo_buffer", "feed_500", "ring_readers"};

static int known(char const *row, size_t n)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (strlen(ROWS[i]) == n && !memcmp(ROWS[i], row, n)) return 1;
    return 0;
}

static int wanted(char const *rows, char const *row)
{
    size_t const n = strlen(row);
    for (char const *p = rows; p && *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == n && !memcmp(p, row, n)) return 1;
    return !rows;
}

static void take_cores(char const *text)
{
    cpu_set_t set;
    core_cnt = 0;
    if (text) {
        for (char *p = (char *)text; *p && core_cnt < 64; p += *p == ',') cores[core_cnt++] = (int)strtol(p, &p, 10);
    } else {
        sched_getaffinity(0, sizeof set, &set);
        for (int i = CPU_SETSIZE - 1; i >= 0 && core_cnt < 64; i--)
            if (CPU_ISSET(i, &set)) cores[core_cnt++] = i;
    }
    CPU_ZERO(&set);
    CPU_SET(cores[0], &set);
    if (sched_setaffinity(0, sizeof set, &set)) die("--cores names one that is not there");
}

int main(int argc, char **argv)
{
    char const *rows = NULL, *core_list = NULL;
    for (int i = 1; i < argc; i++) {
        int const more = i + 1 < argc;
        if (!strcmp(argv[i], "--quick")) quick = 1;
        else if (!strcmp(argv[i], "--rows") && more) rows = argv[++i];
        else if (!strcmp(argv[i], "--frames") && more) frames_file = argv[++i];
        else if (!strcmp(argv[i], "--cores") && more) core_list = argv[++i];
        else {
            fprintf(stderr, "bench_feed [--rows a,b] [--quick] [--frames FILE] [--cores 0,1]\n");
            return 2;
        }
    }
    for (char const *p = rows; p && *p; p += strcspn(p, ","), p += *p == ',') {
        if (known(p, strcspn(p, ","))) continue;
        fprintf(stderr, "bench_feed: no row %.*s\n", (int)strcspn(p, ","), p);
        return 2;
    }
    take_cores(core_list);
    aats_clock_local();
    calibrate();
    measure_clock();
    traffic_opts_t depth = traffic_defaults(), bbo = traffic_defaults();
    depth.msgs = 1024;
    bbo.msgs = 8192;
    bbo.depth_pct = 0;
    bbo.bbo_pct = 100;
    if (wanted(rows, "depth_hot")) row_hot("depth_hot", &depth, 0, quick ? 6 : 41);
    if (wanted(rows, "depth_paced")) row_hot("depth_paced", &depth, PACE_NS, quick ? 3 : 11);
    if (wanted(rows, "bbo_hot")) row_hot("bbo_hot", &bbo, 0, quick ? 4 : 21);
    depth.msgs = 4096;
    bbo.msgs = 32768;
    if (wanted(rows, "feed_depth_buffer")) row_buffer("feed_depth_buffer", &depth, quick ? 4 : 21);
    if (wanted(rows, "feed_bbo_buffer")) row_buffer("feed_bbo_buffer", &bbo, quick ? 4 : 21);
    if (wanted(rows, "feed_500")) row_500(quick ? 3 : 9);
    if (wanted(rows, "ring_readers")) row_readers(quick ? 3 : 15);
    return 0;
}
