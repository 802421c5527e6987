/* bench_sbe.c -- what binary frames save: the same changes through the real feed as SBE and, in turn with it, as text.
 *
 * For: rows depth_sbe (40 changes, as depth_hot) and bbo_sbe (as bbo_hot); the reference is the feed on text.  The machinery is feed_rig.h's; the binary
 * messages are made here from the texts of traffic.h, a third writer of SBE beside aats/sim/sbe.py and tests/venue/sbe_schema.py.
 *
 * Exponents are -2 and -5, those of the traffic's own digits: each number is multiplied.  Whether the venue sends those or -8, which is a copy, is not
 * known here: no live byte was seen.  The key copy_ns has the cost with -8.
 *
 *     bench_sbe [--rows a,b] [--quick] [--frames FILE] [--cores 0,1]          a JSON object a line */
#define _GNU_SOURCE 1
#include "feed_rig.h"

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];

/* ---- bytes ---- */

static uint8_t *put(uint8_t *p, uint64_t v, int sz)
{
    for (int i = 0; i < sz; i++) *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

static int64_t down(int64_t v, int exp)
{
    for (; exp > -8; exp--) v /= 10;
    return v;
}

static uint8_t *put_pair(uint8_t *p, aats_level_t const *l, int px_exp, int qty_exp)
{
    return put(put(p, (uint64_t)down(l->px_i, px_exp), 8), (uint64_t)down(l->qty_i, qty_exp), 8);
}

static uint8_t *put_side(uint8_t *p, aats_level_t const *levels, size_t cnt, int px_exp, int qty_exp)
{
    p = put(put(p, 16, 2), cnt, 2);
    for (size_t i = 0; i < cnt; i++) p = put_pair(p, &levels[i], px_exp, qty_exp);
    return p;
}

/* binary_of writes the SBE message of a text; returns its length, 0 for a text that is neither depth nor bookTicker. */
static size_t binary_of(traffic_frame_t const *f, uint8_t *out, int px_exp, int qty_exp)
{
    aats_msg_t m = {.bids = bids, .asks = asks};
    uint8_t *p = out;
    if (aats_venue_binance.parse(f->bytes, f->len, &m) != AATS_OK || (m.kind != AATS_MSG_DEPTH && m.kind != AATS_MSG_BBO)) return 0;
    int const depth = m.kind == AATS_MSG_DEPTH;
    p = put(put(put(put(p, depth ? 26 : 50, 2), depth ? 10003 : 10001, 2), 1, 2), 0, 2);
    p = put(p, m.exch_ns ? (uint64_t)m.exch_ns / 1000 : 1785312000000000, 8);
    if (depth) p = put(p, m.first_id, 8);
    p = put(p, m.last_id, 8);
    p = put(put(p, (uint8_t)px_exp, 1), (uint8_t)qty_exp, 1);
    if (depth) p = put_side(put_side(p, m.bids, m.bid_cnt, px_exp, qty_exp), m.asks, m.ask_cnt, px_exp, qty_exp);
    else p = put_pair(put_pair(p, m.bids, px_exp, qty_exp), m.asks, px_exp, qty_exp);
    p = put(p, m.sym_len, 1);
    memcpy(p, m.sym, m.sym_len);
    return (size_t)(p - out) + m.sym_len;
}

/* wrap_binary fills `to` with the frames of the texts of `from`. */
static void wrap_binary(tape_t const *from, tape_t *to, int px_exp, int qty_exp)
{
    static uint8_t payload[1 << 20];
    traffic_frame_t f;
    size_t at = 0, end = 0, cap = from->texts.sz + 16 * (size_t)from->texts.cnt;
    to->cnt = 0;
    while (traffic_next(&from->texts, &at, &f) == 1) {
        size_t const len = traffic_is(&f, from->only) && f.len < sizeof payload ? binary_of(&f, payload, px_exp, qty_exp) : 0;
        if (!len) continue;
        int const n = aats_ws_encode(to->data + end, cap - end, AATS_WS_BINARY, 1, payload, len, NULL);
        if (n < 0) die("a binary frame is too large");
        to->off[to->cnt++] = (uint32_t)end;
        end += (size_t)n;
    }
    to->off[to->cnt] = (uint32_t)end;
    to->skip = from->skip;
    if (to->cnt != from->cnt) die("the frames hold more than depth or best bid/ask");
}

/* ---- rows ---- */

static void give_block(rig_t *rig, tape_t const *tape, uint32_t from, uint32_t to, samples_t *out)
{
    for (uint32_t i = from; i < to; i++) {
        size_t const n = tape->off[i + 1] - tape->off[i];
        uint8_t *room;
        if (aats_feed_room(rig->feed, 0, &room) < n) die("no room");
        memcpy(room, tape->data + tape->off[i], n);
        int64_t const recv_ns = aats_now_ns();
        uint64_t const t0 = ticks();
        aats_feed_received(rig->feed, 0, n, recv_ns);
        if (out && i >= tape->skip) add(out, since(t0));
    }
}

/* rigs_open returns NULL, or why the books do not come up: two feeds of binary frames, one of text. */
static char const *rigs_open(rig_t rig[3], tape_t const *text)
{
    char const *why = NULL;
    for (int k = 0; k < 3; k++) {
        rig_format = k < 2 ? "sbe" : "";
        char const *const ill = rig_open(&rig[k], &text->texts, 0);
        why = why ? why : ill;
    }
    return why;
}

/* rigs_ill says what the feeds did not do of their work, NULL if they did it and published the same number of records. */
static char const *rigs_ill(rig_t rig[3], tape_t const *text, uint64_t quotes_min)
{
    char const *why = NULL;
    for (int k = 0; k < 3 && !why; k++) {
        why = rig_ill(&rig[k], text, quotes_min);
        if (aats_feed_view(rig[k].feed)->md->head != aats_feed_view(rig[2].feed)->md->head) why = "text and binary did not publish the same number of records";
    }
    return why;
}

static void rigs_close(rig_t rig[3])
{
    for (int k = 0; k < 3; k++) rig_close(&rig[k]);
}

static void row_sbe(char const *row, traffic_opts_t const *o, char const *only, int rounds)
{
    static int const EXPS[2][2] = {{-2, -5}, {-8, -8}};
    tape_t text = tape_of(o, only), binary[2];
    rig_t rig[3];
    samples_t ours = {0}, copy = {0}, ref = {0}, *const into[3] = {&ours, &copy, &ref};
    tape_t const *const tapes[3] = {&binary[0], &binary[1], &text};
    for (int k = 0; k < 2; k++) {
        binary[k] = (tape_t){.data = malloc(text.texts.sz + 16 * (size_t)text.texts.cnt), .off = malloc((text.texts.cnt + 1) * sizeof *text.off)};
        if (!binary[k].data || !binary[k].off) die("no memory");
    }
    char const *why = rigs_open(rig, &text);
    if (!text.cnt) why = "the frames hold no message of the row's kind";
    else if (traffic_tick(&text.texts, 0) % 1000000) why = "its prices are finer than the exponent -2 of the row";
    rounds = rounds_of(&text, rounds, o->msgs);
    for (int round = 0; round < rounds && !why; round++) {
        if (round && !text.recorded) again(&text);
        if (round && text.recorded) {
            if ((why = rigs_ill(rig, &text, 1))) break;
            rigs_close(rig);
            if ((why = rigs_open(rig, &text))) break;
        }
        for (int k = 0; k < 2; k++) wrap_binary(&text, &binary[k], EXPS[k][0], EXPS[k][1]);
        for (uint32_t from = 0; from < text.cnt; from += BLOCK) {
            uint32_t const to = from + BLOCK < text.cnt ? from + BLOCK : text.cnt;
            for (uint32_t turn = 0; turn < 3; turn++) { /* whoever comes later in a block has seen its changes: each is first in its turn */
                uint32_t const k = (from / BLOCK + (uint32_t)round + turn) % 3;
                give_block(&rig[k], tapes[k], from, to, round || text.recorded ? into[k] : NULL);
            }
        }
    }
    if (!why) why = rigs_ill(rig, &text, text.recorded ? 1 : (uint64_t)rounds * text.cnt / 2);
    if (why && !text.recorded) die(why);
    if (why) {
        print_why(row, "aats", why);
    } else {
        sort(&copy);
        char extra[128];
        char const *const traffic = text.recorded ? ",\"traffic\":\"recorded\"" : "";
        snprintf(extra, sizeof extra, ",\"levels\":%d,\"bytes\":%u,\"copy_ns\":%.1f%s", LEVELS, binary[0].off[text.cnt] / text.cnt, midmean(&copy), traffic);
        print_row(row, "aats", &ours, 0, extra);
        snprintf(extra, sizeof extra, ",\"levels\":%d,\"bytes\":%u%s", LEVELS, text.off[text.cnt] / text.cnt, traffic);
        print_row(row, "reference", &ref, 0, extra);
    }
    rigs_close(rig);
    for (int k = 0; k < 2; k++) free(binary[k].data), free(binary[k].off);
    for (int k = 0; k < 3; k++) free(into[k]->ns);
    tape_free(&text);
}

int main(int argc, char **argv)
{
    take_args(argc, argv, "bench_sbe", "depth_sbe,bbo_sbe");
    traffic_opts_t depth = traffic_defaults(), bbo = traffic_defaults();
    depth.msgs = 1024;
    bbo.msgs = 8192;
    bbo.depth_pct = 0;
    bbo.bbo_pct = 100;
    if (wanted("depth_sbe")) row_sbe("depth_sbe", &depth, "@depth", quick ? 6 : 31);
    if (wanted("bbo_sbe")) row_sbe("bbo_sbe", &bbo, "@bookTicker", quick ? 4 : 15);
    return 0;
}
