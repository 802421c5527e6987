/* bench_feed.c -- from a venue's frame in the buffer to the published book: the real feed (feed_rig.h) beside a plain loop in the same run.
 *
 * For: rows depth_hot, depth_paced, bbo_hot, feed_depth_buffer, feed_bbo_buffer, feed_500 and ring_readers.  Not a test, and no network: bench_wire.c.
 *
 * What is timed is aats_feed_received alone: WebSocket frame, UTF-8, parse, sequence, book, latest slot, ring, histograms and the stamps of the product's
 * own clock.
 *
 *   depth_hot      the frame has just been copied to the read buffer, as a decrypted record would be; one message a call
 *   depth_paced    the same, a message each 50 us; in between the core spins
 *   bbo_hot        as depth_hot with bookTicker
 *   feed_*_buffer  messages a second where 16 KB of frames (a TLS record) lie in the buffer at each call; all of them from memory of a few MB
 *   feed_500       cost of a depth message, as feed_depth_buffer has it, with 500 symbols in turn; the reference is the same feed with 1
 *   ring_readers   a depth record published into latest slot and ring while readers on the other cores spin; the reference is without any
 *
 * The plain loop (ref/feed_plain.c) takes the same frames in turn with the feed, block by block.  --frames gives the rows of one message and of a buffer a
 * recording; a row that cannot take it says why.
 *
 *     bench_feed [--rows a,b] [--quick] [--frames FILE] [--cores 0,1]          a JSON object a line */
#define _GNU_SOURCE 1
#include "feed_readers.h"
#include "feed_rig.h"

#include "ref/feed_plain.c"

#define CHUNK     16384 /* a TLS record */
#define FRAME_MAX (1 << 20)

/* ---- the feed and the plain loop, on the same tape ---- */

typedef struct {
    tape_t tape;
    rig_t rig;
    plain_feed_t plain;
    samples_t ours, ref;
    int good;              /* frames that the plain loop took */
    char const *why_plain; /* it cannot take this tape */
} pair_t;

/* plain_open returns NULL, or why the plain loop cannot take the tape. */
static char const *plain_open(plain_feed_t *p, tape_t const *tape)
{
    traffic_frame_t f;
    char name[48];
    uint64_t px = 0;
    plain_feed_init(p, TRAFFIC_MID, TRAFFIC_FIRST_ID);
    if (traffic_name_of(&tape->texts, 1, name) || traffic_tick(&tape->texts, 0) != PLAIN_TICK) return "it takes one symbol, with a tick of 0.01";
    for (uint32_t i = 0; i < tape->cnt; i++)
        if (tape->off[i + 1] - tape->off[i] >= 65536) return "it takes no message of 64 KB";
    for (size_t at = 0; traffic_next(&tape->texts, &at, &f) == 1;) {
        if (f.kind != TRAFFIC_REST || f.sym != 0) continue;
        char const *const bids = strstr(f.bytes, "\"bids\":") + 7;
        plain_px(bids + 2, (int64_t *)&px);
        p->id = traffic_id(&f, "\"lastUpdateId\":");
        p->base = (int64_t)px / PLAIN_TICK - PLAIN_TICKS / 2;
        char const *levels = plain_levels(p, 0, bids);
        plain_levels(p, 1, strstr(levels, "\"asks\":") + 7);
        return NULL;
    }
    return "no snapshot among the frames";
}

static char const *pair_up(pair_t *p)
{
    p->why_plain = plain_open(&p->plain, &p->tape);
    return rig_open(&p->rig, &p->tape.texts, 0);
}

static void pair_down(pair_t *p)
{
    rig_close(&p->rig);
    plain_feed_fini(&p->plain);
}

/* pair_open, and pair_turn between two rounds, return NULL or why the tape cannot be measured. */
static char const *pair_open(pair_t *p, traffic_opts_t const *o, char const *only)
{
    *p = (pair_t){.tape = tape_of(o, only)};
    char const *const why = pair_up(p);
    return p->tape.cnt ? why : "the frames hold no message of the row's kind";
}

static char const *pair_turn(pair_t *p)
{
    if (!p->tape.recorded) return again(&p->tape), NULL;
    char const *const why = rig_ill(&p->rig, &p->tape, 1);
    if (why) return why;
    pair_down(p);
    return pair_up(p);
}

/* counts says whether a frame's time is a sample: made traffic warms up in its first round. */
static int counts(tape_t const *tape, int round, uint32_t i) { return tape->recorded ? i >= tape->skip : round > 0; }

/* pair_end prints the row: the samples, or `why` there are none. */
static void pair_end(pair_t *p, char const *row, char const *why, int rounds, int rate)
{
    tape_t const *const tape = &p->tape;
    char extra[400] = "";
    int n = 0;
    if (!why) why = rig_ill(&p->rig, tape, tape->recorded ? 1 : (uint64_t)rounds * tape->cnt / 2);
    if (!why && !p->ours.cnt) why = "the recording is too short for a sample";
    if (why && !tape->recorded) die(why);
    if (!why && !p->why_plain && (uint64_t)p->good != (uint64_t)rounds * tape->cnt) p->why_plain = "the reference did not take every message";
    if (p->why_plain && !tape->recorded) die(p->why_plain);
    if (!rate && !why) n = snprintf(extra, sizeof extra, ",\"levels\":%d,\"bytes\":%u", LEVELS, tape->off[tape->cnt] / tape->cnt);
    if (tape->recorded && !why) {
        aats_rec_t rec;
        aats_level_t bids[LEVELS] = {0}, asks[LEVELS] = {0};
        if (aats_latest_read(aats_feed_view(p->rig.feed), 0, &rec, bids, asks, LEVELS) != AATS_OK) die("no record of the first symbol");
        snprintf(extra + n, sizeof extra - (size_t)n,
                 ",\"traffic\":\"recorded\",\"messages\":%u,\"rounds\":%d,\"taken\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"published\":%" PRIu64
                 ",\"best_bid_i\":%" PRId64 ",\"best_ask_i\":%" PRId64,
                 tape->cnt, rounds, rig_count(&p->rig, AATS_MDC_FRAMES) - p->rig.frames, rig_count(&p->rig, AATS_MDC_GAPS),
                 rig_count(&p->rig, AATS_MDC_QUOTES) + rig_count(&p->rig, AATS_MDC_BBOS), bids[0].px_i, asks[0].px_i);
    }
    if (why) print_why(row, "aats", why);
    else print_row(row, "aats", &p->ours, rate, extra);
    if (!why && p->why_plain) print_why(row, "reference", p->why_plain);
    else if (!why) print_row(row, "reference", &p->ref, rate, rate ? "" : extra);
    free(p->ours.ns);
    free(p->ref.ns);
    pair_down(p);
    tape_free(&p->tape);
}

/* ---- one message a call ---- */

static void row_hot(char const *row, traffic_opts_t const *o, char const *only, int64_t pace_ns, int rounds)
{
    static uint8_t buf[FRAME_MAX];
    pair_t p;
    char const *why = pair_open(&p, o, only);
    tape_t *const tape = &p.tape;
    rounds = rounds_of(tape, rounds, o->msgs);
    for (int round = 0; round < rounds && !why; round++) {
        if (round && (why = pair_turn(&p))) break;
        for (uint32_t from = 0; from < tape->cnt; from += BLOCK) {
            uint32_t const to = from + BLOCK < tape->cnt ? from + BLOCK : tape->cnt;
            for (uint32_t i = from; i < to; i++) {
                size_t const n = tape->off[i + 1] - tape->off[i];
                uint8_t *room;
                if (pace_ns) pause_until(aats_mono_ns() + pace_ns);
                if (aats_feed_room(p.rig.feed, 0, &room) < n) die("no room");
                memcpy(room, tape->data + tape->off[i], n);
                int64_t const recv_ns = aats_now_ns();
                uint64_t const t0 = ticks();
                aats_feed_received(p.rig.feed, 0, n, recv_ns);
                if (counts(tape, round, i)) add(&p.ours, since(t0));
            }
            for (uint32_t i = from; i < to && !p.why_plain; i++) {
                if (pace_ns) pause_until(aats_mono_ns() + pace_ns);
                memcpy(buf, tape->data + tape->off[i], tape->off[i + 1] - tape->off[i]);
                int64_t const recv_ns = aats_now_ns();
                uint64_t const t0 = ticks();
                plain_frame(&p.plain, buf, recv_ns, &p.good);
                if (counts(tape, round, i)) add(&p.ref, since(t0));
            }
        }
    }
    pair_end(&p, row, why, rounds, 0);
}

/* ---- as many as a record holds a call ---- */

/* chunk returns the frame behind the last one of the CHUNK bytes that begin with frame i: one at least. */
static uint32_t chunk(tape_t const *tape, uint32_t i)
{
    uint32_t j = i;
    while (j < tape->cnt && tape->off[j + 1] - tape->off[i] <= CHUNK) j++;
    return j > i ? j : i + 1;
}

/* The cost of a message, over blocks of chunks. */
typedef struct {
    uint32_t done;
    double spent;
} block_t;

static void block_add(block_t *b, double spent, uint32_t msgs, int last, samples_t *out)
{
    b->spent += spent;
    b->done += msgs;
    if (b->done < BLOCK && !last) return;
    if (out) add(out, b->spent / b->done);
    *b = (block_t){0};
}

/* feed_round gives the whole tape to the feed, CHUNK bytes a call, and adds the mean cost of a message over each block of chunks. */
static void feed_round(rig_t *rig, tape_t const *tape, samples_t *out)
{
    block_t b = {0};
    for (uint32_t i = 0, j; i < tape->cnt; i = j) {
        uint8_t *room;
        j = chunk(tape, i);
        size_t const n = tape->off[j] - tape->off[i];
        if (aats_feed_room(rig->feed, 0, &room) < n) die("no room");
        memcpy(room, tape->data + tape->off[i], n);
        int64_t const recv_ns = aats_now_ns();
        uint64_t const t0 = ticks();
        aats_feed_received(rig->feed, 0, n, recv_ns);
        block_add(&b, since(t0), j - i, j == tape->cnt, i >= tape->skip ? out : NULL);
    }
}

static void plain_round(plain_feed_t *plain, tape_t const *tape, int *good, samples_t *out)
{
    static uint8_t buf[FRAME_MAX];
    block_t b = {0};
    for (uint32_t i = 0, j; i < tape->cnt; i = j) {
        j = chunk(tape, i);
        size_t const n = tape->off[j] - tape->off[i];
        memcpy(buf, tape->data + tape->off[i], n);
        int64_t const recv_ns = aats_now_ns();
        uint64_t const t0 = ticks();
        for (size_t at = 0; at < n;) at += plain_frame(plain, buf + at, recv_ns, good);
        block_add(&b, since(t0), j - i, j == tape->cnt, i >= tape->skip ? out : NULL);
    }
}

static void row_buffer(char const *row, traffic_opts_t const *o, char const *only, int rounds)
{
    pair_t p;
    char const *why = pair_open(&p, o, only);
    rounds = rounds_of(&p.tape, rounds, o->msgs);
    for (int round = 0; round < rounds && !why; round++) {
        int const warm = !p.tape.recorded && !round;
        if (round && (why = pair_turn(&p))) break;
        feed_round(&p.rig, &p.tape, warm ? NULL : &p.ours);
        if (!p.why_plain) plain_round(&p.plain, &p.tape, &p.good, warm ? NULL : &p.ref);
    }
    pair_end(&p, row, why, rounds, 1);
}

static void row_500(int rounds)
{
    traffic_opts_t one = traffic_defaults(), many = one;
    if (frames_file) {
        print_why("feed_500", "aats", "500 symbols in turn are made traffic: not measured with --frames");
        return;
    }
    one.msgs = 4000;
    many.msgs = 10000;
    many.syms = 500;
    tape_t tape[2] = {tape_of(&one, "@depth"), tape_of(&many, "@depth")};
    rig_t rig[2];
    samples_t s[2] = {{0}, {0}};
    char const *why;
    for (int k = 0; k < 2; k++)
        if ((why = rig_open(&rig[k], &tape[k].texts, AATS_STREAM_DEPTH))) die(why);
    for (int round = 0; round < rounds; round++) {
        for (int k = 0; k < 2; k++) {
            if (round) again(&tape[k]);
            feed_round(&rig[k], &tape[k], round ? &s[k] : NULL);
        }
    }
    for (int k = 0; k < 2; k++) {
        if ((why = rig_ill(&rig[k], &tape[k], (uint64_t)rounds * tape[k].cnt / 2))) die(why);
        print_row("feed_500", k ? "aats" : "reference", &s[k], 0, k ? ",\"symbols\":500" : ",\"symbols\":1");
        rig_close(&rig[k]);
        tape_free(&tape[k]);
    }
}

/* ---- */

int main(int argc, char **argv)
{
    take_args(argc, argv, "bench_feed", "depth_hot,depth_paced,bbo_hot,feed_depth_buffer,feed_bbo_buffer,feed_500,ring_readers");
    traffic_opts_t depth = traffic_defaults(), bbo = traffic_defaults();
    depth.msgs = 1024;
    bbo.msgs = 8192;
    bbo.depth_pct = 0;
    bbo.bbo_pct = 100;
    if (wanted("depth_hot")) row_hot("depth_hot", &depth, "@depth", 0, quick ? 6 : 41);
    if (wanted("depth_paced")) row_hot("depth_paced", &depth, "@depth", PACE_NS, quick ? 3 : 11);
    if (wanted("bbo_hot")) row_hot("bbo_hot", &bbo, "@bookTicker", 0, quick ? 4 : 21);
    depth.msgs = 4096;
    bbo.msgs = 32768;
    if (wanted("feed_depth_buffer")) row_buffer("feed_depth_buffer", &depth, "@depth", quick ? 4 : 21);
    if (wanted("feed_bbo_buffer")) row_buffer("feed_bbo_buffer", &bbo, "@bookTicker", quick ? 4 : 21);
    if (wanted("feed_500")) row_500(quick ? 3 : 9);
    if (wanted("ring_readers")) row_readers(quick ? 3 : 15);
    return 0;
}
