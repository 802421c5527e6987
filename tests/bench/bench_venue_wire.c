/* bench_venue_wire.c -- what a depth message costs at each venue from the wire on: wire.c sends each venue's words over TLS and WebSocket, our client opens the
 * records, takes the frames apart and follows the book; beside Binance's, in one run.
 *
 * For: rows venue_wire_<name>.  Not for: the feed around it (bench_wire.c's wss_cpu is the whole of it, for Binance), nor for what text to book costs alone
 * (bench_venues.c, with the same texts).
 *
 * What is measured is processor time a message: recv, TLS (as AATS_TLS is set), WebSocket, UTF-8, parse, sequence, book, checksum where there is one, five
 * levels a side copied out.  Idle passes are taken off, as wire_tally.h says.  The server is let go a block of one venue at a time, so that nothing of another
 * venue is read meanwhile; venues take turns, block by block, over one connection a round.  The first messages of a block warm up, and the last ones, behind
 * which nothing keeps the client busy, do not count.  A figure is the median of a venue's blocks.  What the venue sends at a subscription is not played: a block
 * begins with its snapshot, read from memory.
 *
 *     bench_venue_wire [--rows a,b] [--quick] [--cores SERVER,CLIENT]          a JSON object a line */
#include "wire_child.h"

#include "app/conn.h"
#include "app/feed.h"
#include "base/atomics.h"
#include "proto/ws.h"
#include "shm/clock.h"
#include "wire_tally.h"

#define MSGS 1000 /* a block */
#include "venue_words.h"

#define WARM  150
#define TAIL  100
#define RX_SZ_CLIENT (256u << 10)
#define LEN(a) (sizeof(a) - 1)

/* ---- the client: a face for the product's connection (app/conn.h) ---- */

static struct {
    aats_conn_t conn;
    aats_tls_ctx_t *tls;
    uint8_t rx[RX_SZ_CLIENT], out[512];
    size_t rx_len, out_len;
    int upgraded, answered;
    char const *lost;
    aats_ws_asm_t join;
    lane_t *lane;
    uint64_t cnt; /* messages of the block */
} client;

static int  on_want(void *self, int link) { (void)self, (void)link; return AATS_FEED_NOTHING; }
static void on_connecting(void *self, int link) { (void)self, (void)link; }
static void on_closed(void *self, int link, char const *why) { (void)self, (void)link; client.lost = why; }
static void on_forget(void *self, int link) { (void)self, (void)link; }

static void on_opened(void *self, int link)
{
    static char const UPGRADE[] = "GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    (void)self, (void)link;
    memcpy(client.out, UPGRADE, LEN(UPGRADE));
    client.out_len = LEN(UPGRADE);
}

static size_t on_room(void *self, int link, uint8_t **at)
{
    (void)self, (void)link;
    *at = client.rx + client.rx_len;
    return sizeof client.rx - client.rx_len;
}

static size_t on_output(void *self, int link, uint8_t const **at)
{
    (void)self, (void)link;
    *at = client.out;
    return client.out_len;
}

static void on_sent(void *self, int link, size_t n)
{
    (void)self, (void)link;
    client.out_len -= n;
    memmove(client.out, client.out + n, client.out_len);
}

static void on_text(char const *text, size_t n)
{
    if (!client.answered) {
        client.answered = 1;
        return;
    }
    int const e = take(client.lane, text, n);
    if (e) {
        fprintf(stderr, "%s: message %llu: %s\n%.*s\n", client.lane->venue, (unsigned long long)client.cnt, aats_err_name(e), n < 300 ? (int)n : 300, text);
        die("a reader does not take its venue's words");
    }
    client.cnt++;
}

/* Past the server's answer to the upgrade, and the request that makes it play. */
static size_t upgraded(void)
{
    static char const SUBSCRIBE[] = "{\"method\":\"SUBSCRIBE\",\"params\":[\"x@depth\"],\"id\":1}";
    static uint8_t const MASK[4] = {1, 2, 3, 4};
    uint8_t const *const end = memmem(client.rx, client.rx_len, "\r\n\r\n", 4);
    if (!end) return 0;
    int const n = aats_ws_encode(client.out, sizeof client.out, AATS_WS_TEXT, 1, SUBSCRIBE, LEN(SUBSCRIBE), MASK);
    if (n < 0) die("the subscription does not fit");
    client.out_len = (size_t)n;
    client.upgraded = 1;
    return (size_t)(end + 4 - client.rx);
}

static int on_received(void *self, int link, size_t n, int64_t recv_ns)
{
    (void)self, (void)link, (void)recv_ns;
    client.rx_len += n;
    size_t at = client.upgraded ? 0 : upgraded();
    int cnt = 0, e;
    aats_ws_frame_t frame;
    aats_ws_msg_t m;
    while (client.upgraded && (e = aats_ws_next(client.rx + at, client.rx_len - at, sizeof client.rx / 2, &frame)) != 0) {
        if (e < 0 || (e = aats_ws_asm_push(&client.join, &frame, &m)) < 0) die("the server broke the WebSocket protocol");
        at += frame.frame_sz;
        if (e == 1 && m.opcode == AATS_WS_TEXT) on_text((char const *)m.data, m.len), cnt++;
    }
    if (at) memmove(client.rx, client.rx + at, client.rx_len - at);
    client.rx_len -= at;
    return cnt;
}

static aats_conn_face_t const FACE = {on_want, on_connecting, on_opened, on_closed, on_room, on_received, on_output, on_sent, on_forget};

/* step goes on once; whoever has nothing to do for 20 s has lost the server. */
static int step(int64_t begun_ns)
{
    int const work = aats_conn_step(&client.conn);
    if (client.lost) die(client.lost);
    if (work) return work;
    aats_spin_hint();
    if (wire_now_ns() - begun_ns > 20000000000) die("the server sends nothing");
    return 0;
}

static void client_open(void)
{
    char why[AATS_TLS_TEXT_SZ];
    int64_t const begun_ns = wire_now_ns();
    client.upgraded = client.answered = 0;
    client.rx_len = client.out_len = 0;
    client.conn = (aats_conn_t){.face = &FACE};
    aats_ws_asm_init(&client.join, NULL, 0);
    if (!client.tls && aats_tls_ctx_open(&client.tls, b.ca, why, sizeof why) != AATS_OK) die(why);
    aats_conn_open(&client.conn, &(aats_conn_to_t){.ip = "127.0.0.1", .host = "localhost", .port = b.port, .tls = client.tls});
    while (!client.answered) step(begun_ns);
}

/* ---- a block ---- */

static tally_t tallies[LANES];

static void block(lane_t *l, tally_t *t)
{
    int64_t const begun_ns = wire_now_ns();
    begin_lane(l);
    client.lane = l;
    client.cnt = 0;
    let_go(MSGS);
    while (client.cnt < WARM) step(begun_ns);
    uint64_t const from = client.cnt;
    account_t a = account_begin();
    int64_t const from_ns = wire_now_ns();
    while (client.cnt < MSGS - TAIL) account_pass(&a, step(begun_ns));
    tally_round(t, &a, client.cnt - from, wire_now_ns() - from_ns);
    while (client.cnt < MSGS) step(begun_ns);
}

static void round_of_all(void)
{
    client_open();
    for (size_t i = 0; i < LANES; i++)
        if (lanes[i].v) block(&lanes[i], &tallies[i]);
    aats_conn_close(&client.conn);
}

/* ---- rows ---- */

static int wanted(char const *rows, char const *name)
{
    char row[48], list[512];
    if (!rows) return 1;
    snprintf(row, sizeof row, ",venue_wire_%s,", name);
    snprintf(list, sizeof list, ",%s,", rows);
    return strstr(list, row) != NULL;
}

static void frames_of_lanes(void)
{
    for (uint32_t i = 0; i < LANES; i++) {
        for (int m = 1; m <= MSGS && lanes[i].v; m++) {
            char const *text;
            size_t const n = text_of(&lanes[i], m, &text);
            traffic_add(&b.traffic, TRAFFIC_TEXT, i, text, n);
        }
    }
    snprintf(b.frames_path, sizeof b.frames_path, "%s/frames", b.dir);
    if (!traffic_write(&b.traffic, b.frames_path)) die("the frames cannot be written");
}

static void print_lane(char const *name, char const *who, lane_t const *l, tally_t const *t)
{
    tally_t sorted = *t;
    printf("{\"row\":\"venue_wire_%s\",\"who\":\"%s\",\"unit\":\"ns\",\"value\":%.1f,\"n\":%llu,\"bytes\":%u,\"idle_passes_a_message\":%.3f,\"tls\":\"%s\"}\n", name, who,
           median(sorted.cpu, sorted.rounds), (unsigned long long)t->msgs, bytes_of(l), t->msgs ? (double)t->idle / (double)t->msgs : 0, aats_tls_mode_name());
}

int main(int argc, char **argv)
{
    char const *rows = wire_arg(argc, argv, "--rows", NULL);
    set_up(argc, argv);
    make_changes();
    for (size_t i = 0; i < LANES; i++) {
        if (i && !wanted(rows, lanes[i].name)) continue;
        char const *why = open_lane(&lanes[i]);
        if (why && i) printf("{\"row\":\"venue_wire_%s\",\"who\":\"aats\",\"value\":null,\"why\":\"%s\"}\n", lanes[i].name, why);
        if (why) lanes[i].v = NULL;
    }
    frames_of_lanes();
    server_start("flood");
    for (int r = 0; r < (b.quick ? 15 : 61); r++) {
        round_of_all();
        if (r == 0) memset(tallies, 0, sizeof tallies); /* the first round warms up */
    }
    server_stop();
    for (size_t i = 1; i < LANES && lanes[0].v; i++) {
        if (!lanes[i].v) continue;
        print_lane(lanes[i].name, "aats", &lanes[i], &tallies[i]);
        print_lane(lanes[i].name, "reference", &lanes[0], &tallies[0]);
    }
    tidy();
    return 0;
}
