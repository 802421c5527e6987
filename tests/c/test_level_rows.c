/* test_level_rows.c -- the promises of csrc/venue/level_rows.h: whatever the instructions, a book message of Kraken, KuCoin or Deribit means what the venue's own
 * reader says, and not a byte beyond the text is read.
 *
 * Texts stand at the end of a page with nothing behind it: a read outside ends the test, which the sanitizer would not see in every vector instruction. */
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "each_isa.h"
#include "venue/venue.h"

#define ROWS 40

static aats_level_t bids[AATS_MSG_LEVELS], asks[AATS_MSG_LEVELS];

typedef struct {
    int rc, kind;
    size_t bid_cnt, ask_cnt, offset;
    int32_t px_dec, qty_dec;
    aats_level_t level[2][ROWS];
} result_t;

static result_t told(aats_venue_t const *v, char const *text, size_t n)
{
    aats_msg_t m = {.bids = bids, .asks = asks};
    result_t r;
    memset(&r, 0, sizeof r);
    r.rc = v->parse(text, n, &m);
    r.kind = m.kind;
    r.offset = m.offset;
    if (r.rc) return r;
    r.bid_cnt = m.bid_cnt;
    r.ask_cnt = m.ask_cnt;
    r.px_dec = m.px_dec;
    r.qty_dec = m.qty_dec;
    memcpy(r.level[0], bids, m.bid_cnt * sizeof *bids);
    memcpy(r.level[1], asks, m.ask_cnt * sizeof *asks);
    return r;
}

/* fenced copies a text to the end of what may be read. */
static char const *fenced(char const *text, size_t n)
{
    static char *end;
    if (!end) {
        size_t const one = (size_t)sysconf(_SC_PAGESIZE);
        char *const all = mmap(NULL, 5 * one, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED || mprotect(all + 4 * one, one, PROT_NONE) != 0) return text;
        end = all + 4 * one;
    }
    return memcpy(end - n, text, n);
}

/* Returns 1 if it was read as good. */
static int same_everywhere(aats_venue_t const *v, char const *text, size_t n)
{
    result_t want;
    char const *const at = fenced(text, n);
    for (int i = 0; i < EACH_ISA; i++) {
        char const *const name = isa_there(i);
        if (!name) continue;
        result_t const got = told(v, at, n);
        if (i == 0) want = got;
        else CHECK_MSG(!memcmp(&got, &want, sizeof got), "%s by %s: %d and %d, %zu and %zu bids\n%.*s", v->name, name, got.rc, want.rc, got.bid_cnt, want.bid_cnt,
                       (int)n, text);
    }
    return want.rc == AATS_OK;
}

static uint64_t rng = 88172645463325252ULL;
static uint64_t roll(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    return rng ^= rng << 17;
}

/* A number of up to 9 digits and 10 decimals: most are for the wide reader, some are not. */
static size_t number(char *out, size_t cap)
{
    int const usual = roll() % 8 != 0, dec = (int)(roll() % (usual ? 9 : 11));
    uint64_t const whole = roll() % 16 == 0 ? 0 : roll() % (roll() % 4 ? 100000 : usual ? 10000000 : 1000000000);
    int n = snprintf(out, cap, "%llu", (unsigned long long)whole);
    for (int i = 0; i < dec; i++) n += snprintf(out + n, cap - (size_t)n, "%s%c", i ? "" : ".", (char)('0' + (roll() % 3 ? roll() % 10 : 0)));
    return (size_t)n;
}

static size_t row(char *out, size_t cap, int venue)
{
    static char const *const WORDS[] = {"new", "change", "delete", "renew"};
    char px[40], qty[40];
    number(px, sizeof px);
    number(qty, sizeof qty);
    int n;
    if (venue == 0) n = snprintf(out, cap, "{\"price\":%s,\"qty\":%s}", px, roll() % 5 ? qty : "0.00000000");
    else if (venue == 1) n = snprintf(out, cap, "[\"%s\",\"%s\",\"%llu\"]", px, qty, (unsigned long long)(roll() >> (roll() % 64)));
    else n = snprintf(out, cap, "[\"%s\",%s,%s]", WORDS[roll() % 40 ? roll() % 3 : 3], px, qty);
    return (size_t)n;
}

static size_t side(char *out, size_t cap, int venue)
{
    size_t n = 0;
    int const rows = (int)(roll() % 12);
    for (int i = 0; i < rows; i++) {
        if (i) out[n++] = ',';
        if (roll() % 50 == 0) out[n++] = ' ';
        n += row(out + n, cap - n, venue);
    }
    out[n] = 0;
    return n;
}

static size_t message(char *out, size_t cap, int venue)
{
    char b[2048], a[2048];
    side(b, sizeof b, venue);
    side(a, sizeof a, venue);
    char const *const fmt[] = {"{\"channel\":\"book\",\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\",\"bids\":[%s],\"checksum\":1,\"timestamp\":"
                               "\"2026-08-16T23:37:04.316445Z\",\"asks\":[%s]}]}",
                               "{\"topic\":\"/market/level2:BTC-USDT\",\"type\":\"message\",\"subject\":\"trade.l2update\",\"data\":{\"sequenceEnd\":9,\"sequenceStart\":8,"
                               "\"symbol\":\"BTC-USDT\",\"time\":1729816425625,\"changes\":{\"bids\":[%s],\"asks\":[%s]}}}",
                               "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":\"book.BTC-PERPETUAL.100ms\",\"data\":{\"type\":\"change\","
                               "\"timestamp\":1,\"instrument_name\":\"BTC-PERPETUAL\",\"change_id\":9,\"prev_change_id\":8,\"bids\":[%s],\"asks\":[%s]}}}"};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return (size_t)snprintf(out, cap, fmt[venue], b, a);
#pragma GCC diagnostic pop
}

static aats_venue_t const *venue_of(int i) { return i == 0 ? &aats_venue_kraken : i == 1 ? &aats_venue_kucoin : &aats_venue_deribit; }

TEST(messages_mean_what_the_venues_own_reader_says)
{
    char text[8192];
    for (int i = 0; i < 3; i++) {
        int good = 0;
        for (int k = 0; k < 500; k++) {
            size_t const n = message(text, sizeof text, i);
            good += same_everywhere(venue_of(i), text, n);
        }
        CHECK(good > 50 && good < 500); /* both kinds have come */
    }
}

TEST(a_byte_of_a_message_changed_changes_it_alike_everywhere)
{
    static char const OTHERS[] = "0123456789.,:\"[]{}-eE x\\";
    char text[8192];
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 1500; k++) {
            size_t const n = message(text, sizeof text, i);
            text[roll() % n] = OTHERS[roll() % (sizeof OTHERS - 1)];
            same_everywhere(venue_of(i), text, n);
            if (roll() % 4 == 0) same_everywhere(venue_of(i), text, roll() % n); /* and cut off */
        }
    }
}

RUN_ALL()
