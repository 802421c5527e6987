/* bench_encode.c -- an order from the decided request to the masked frame that TLS takes: row order_encode, next to ref/order_plain.c in the same run.
 *
 * For: aats bench.  Not a test, but it refuses to measure unless both have written the same order: the same JSON, the same signature.
 * Measured: aats_order_venue_binance.encode (text, HMAC-SHA256, hex) and aats_ws_encode in place (mask, head), as app/session_ask.c calls them; each of the
 * rounds has another price, size, id and time.  "value" is the mean of a round of 200, the median of rounds; "p50" and the tails are single orders, less
 * the clock.
 *
 * Options: bench_encode [--quick] [--cores A,B]: pinned to the last. */
#include "order/client_id.h"
#include "proto/ws.h"
#include "samples.h"
#include "venue/order.h"

#include "ref/order_plain.c"

#define KEY      "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
#define SECRET   "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
#define INSTANCE UINT64_C(0x0011223344556677)
#define MS_0     UINT64_C(1785312000301)
#define MANY     200
#define ROUNDS   500

static aats_oauth_t auth;
static plain_signer_t plain;
static aats_rules_t const rules = {.symbol = "BTCUSDT.BINANCE", .native = "BTCUSDT"};
static uint8_t frames[2][2048];

static int64_t px_of(uint64_t i) { return 6420000000000 + (int64_t)(i * 7919 % 100000) * 1000000; }
static int64_t qty_of(uint64_t i) { return 100000 + (int64_t)(i % 977) * 1000; }

static size_t ours(uint64_t i)
{
    aats_order_t const o = {.order_id = (int64_t)i + 1, .instance = INSTANCE, .side = AATS_SIDE_BUY + (i & 1), .tif = AATS_TIF_IOC, .px_exp = -8,
                            .qty_exp = -8, .px_i = px_of(i), .qty_i = qty_of(i)};
    aats_oreq_t const req = {.kind = AATS_OR_PLACE, .id = i + 1, .time_ms = (int64_t)(MS_0 + i), .order = &o, .rules = &rules};
    uint32_t const mask = (uint32_t)(i * 2654435761u);
    uint8_t *const body = frames[0] + 8;
    int const n = aats_order_venue_binance.encode(&req, &auth, (char *)body, sizeof frames[0] - 8);
    return n < 0 ? 0 : (size_t)aats_ws_encode(frames[0], sizeof frames[0], AATS_WS_TEXT, 1, body, (size_t)n, (uint8_t const *)&mask);
}

static size_t theirs(uint64_t i)
{
    return plain_order(&plain, frames[1], i + 1, (uint64_t)px_of(i), (uint64_t)qty_of(i), !(i & 1), INSTANCE, i + 1, MS_0 + i, "BTCUSDT",
                       (uint32_t)(i * 2654435761u));
}

static int same(void)
{
    for (uint64_t i = 0; i < 5000; i++) {
        size_t const a = ours(i), b = theirs(i);
        if (a != 0 && a == b && memcmp(frames[0], frames[1], a) == 0) continue;
        aats_ws_mask(frames[0] + 8, a - 8, frames[0] + 4);
        aats_ws_mask(frames[1] + 8, b - 8, frames[1] + 4);
        fprintf(stderr, "order %llu:\n%.*s\n%.*s\n", (unsigned long long)i, (int)(a - 8), frames[0] + 8, (int)(b - 8), frames[1] + 8);
        return 0;
    }
    return 1;
}

static void pin_to_last(char const *cores)
{
    cpu_set_t set;
    char const *const comma = strrchr(cores, ',');
    CPU_ZERO(&set);
    CPU_SET(atoi(comma ? comma + 1 : cores), &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* a core that is not ours: it runs where it may */
}

static size_t (*const WHO[2])(uint64_t i) = {ours, theirs};

int main(int argc, char **argv)
{
    char const *const names[2] = {"aats", "reference"};
    char why[160];
    int rounds = ROUNDS;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) rounds = 50;
        if (strcmp(argv[i], "--cores") == 0 && i + 1 < argc) pin_to_last(argv[i + 1]);
    }
    auth.recv_window_ms = 5000;
    snprintf(auth.key, sizeof auth.key, "%s", KEY);
    auth.signer = aats_signer_new(SECRET, strlen(SECRET), why, sizeof why);
    plain_signer(&plain, KEY, SECRET);
    if (auth.signer == NULL || !same()) return 1;

    samples_t mean[2], each[2];
    uint64_t n[2] = {0, 0};
    size_t bytes = 0;
    samples_begin_quietly();
    for (int w = 0; w < 2; w++) mean[w] = samples_new(names[w]), each[w] = samples_new(names[w]);
    for (int r = -2; r < rounds; r++) /* two to warm up */
        for (int w = 0; w < 2; w++) {
            int64_t const from = aats_mono_ns();
            for (int i = 0; i < MANY; i++) bytes += WHO[w](n[w]++);
            int64_t const to = aats_mono_ns();
            if (r >= 0) mean[w].ns[mean[w].cnt++] = (to - from) * 10 / MANY;
            for (int i = 0; r >= 0 && i < MANY; i++) {
                int64_t const at = aats_mono_ns();
                bytes += WHO[w](n[w]++);
                samples_add(&each[w], at, aats_mono_ns());
            }
        }
    for (int w = 0; w < 2; w++) {
        samples_sort(&mean[w]);
        samples_sort(&each[w]);
        printf("{\"row\":\"order_encode\",\"who\":\"%s\",\"unit\":\"ns\",\"value\":%.1f,\"p50\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64
               ",\"max\":%" PRId64 ",\"n\":%u,\"frame_bytes\":%zu}\n",
               names[w], (double)samples_at(&mean[w], 0.5) / 10, samples_at(&each[w], 0.5), samples_at(&each[w], 0.99), samples_at(&each[w], 0.999),
               samples_at(&each[w], 1), each[w].cnt, w == 0 ? ours(1) : theirs(1));
    }
    aats_signer_free(auth.signer);
    return bytes == 0;
}
