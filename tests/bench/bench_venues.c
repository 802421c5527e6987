/* bench_venues.c -- what a depth message costs at each venue: the same changes in each venue's own words, from text to book, beside Binance's.
 *
 * For: rows venue_<name>.  Not for: sockets (bench_venue_wire.c), nor the feed around it, which is the same for all (bench_feed.c).
 *
 * What is timed: parse, sequence, book, checksum where the venue sends one (csrc/app/follow.h, as the feed does it), and the five best levels of both sides
 * copied out, which is what is published (venue_words.h).  Each text has just been copied to the place that it is read from, as a decrypted record would be.
 * Venues take turns, message by message: what disturbs the machine disturbs them alike.
 *
 *     bench_venues [--rows a,b] [--quick] [--cores 0,1]          a JSON object a line */
#define _GNU_SOURCE 1
#include "feed_tally.h"

#define MSGS 400
#include "venue_words.h"

#define ROWS "venue_binance_swap,venue_okx,venue_bybit,venue_coinbase,venue_kraken,venue_gate,venue_kucoin,venue_deribit"

static samples_t lane_ns[LANES];
static char hot[TEXT_SZ * 4];

static void round_of_all(int counts)
{
    for (size_t i = 0; i < LANES; i++)
        if (lanes[i].v) begin_lane(&lanes[i]);
    for (int m = 1; m <= MSGS; m++) {
        for (size_t i = 0; i < LANES; i++) {
            lane_t *l = &lanes[i];
            char const *text;
            if (!l->v) continue;
            size_t const n = text_of(l, m, &text);
            memcpy(hot, text, n);
            uint64_t const from = ticks();
            int const e = take(l, hot, n);
            double const ns = since(from);
            if (e) {
                fprintf(stderr, "%s: message %d: %s\n%.300s\n", l->venue, m, aats_err_name(e), hot);
                die("a reader does not take its venue's words");
            }
            if (counts) add(&lane_ns[i], ns);
        }
    }
}

int main(int argc, char **argv)
{
    take_args(argc, argv, "bench_venues", ROWS);
    make_changes();
    for (size_t i = 0; i < LANES; i++) {
        char row[40];
        snprintf(row, sizeof row, "venue_%s", lanes[i].name);
        if (i && !wanted(row)) continue;
        char const *why = open_lane(&lanes[i]);
        if (why && i) print_why(row, "aats", why);
        if (why) lanes[i].v = NULL;
    }
    round_of_all(0);
    for (int r = 0; r < (quick ? 10 : 60); r++) round_of_all(1);
    for (size_t i = 1; i < LANES; i++) {
        if (!lanes[i].v) continue;
        char row[40], extra[64];
        samples_t ref = {.ns = malloc(lane_ns[0].cnt * sizeof(double)), .cnt = lane_ns[0].cnt, .cap = lane_ns[0].cnt};
        if (!ref.ns) die("no memory");
        memcpy(ref.ns, lane_ns[0].ns, ref.cnt * sizeof(double));
        snprintf(row, sizeof row, "venue_%s", lanes[i].name);
        snprintf(extra, sizeof extra, ",\"bytes\":%u", bytes_of(&lanes[i]));
        print_row(row, "aats", &lane_ns[i], 0, extra);
        snprintf(extra, sizeof extra, ",\"bytes\":%u", bytes_of(&lanes[0]));
        print_row(row, "reference", &ref, 0, extra);
    }
    return 0;
}
