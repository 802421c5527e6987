/* test_wire.c -- messages of the wire: what is refused and by which code, heads, packed records, books in parts. */
#include "check.h"
#include "proto/wire.h"

#define HASH 0x1122334455667788ULL

static aats_wire_from_t const FROM = {.feed_id = 77, .generation = 5, .layout_hash = HASH, .rec_cap = 5};

typedef struct {
    uint8_t bytes[AATS_WIRE_MSG_MAX];
    aats_wire_t head;
} msg_t;

static msg_t M;

/* message puts a head with a payload of sz zero bytes into M. */
static void message(uint32_t kind, uint32_t sz)
{
    memset(&M, 0, sizeof M);
    aats_wire_head(&M.head, &FROM, kind, 9, 1000, sz);
}

static int reads(size_t n)
{
    aats_wire_t got;
    memcpy(M.bytes, &M.head, sizeof M.head);
    return aats_wire_read(M.bytes, n, HASH, &got);
}

static int reads_whole(void) { return reads(sizeof M.head + M.head.payload_sz); }

static aats_rec_t quote(uint32_t bids, uint32_t asks)
{
    return (aats_rec_t){.stamp = 44, .exch_ns = 1, .recv_ns = 2, .pub_ns = 3, .seq = 4, .rec = 21, .sym = 6, .kind = AATS_REC_QUOTE, .flags = AATS_F_VALID,
                        .bid_len = (uint16_t)bids, .ask_len = (uint16_t)asks, .epoch = 7, .link = 2, .parsed_ns = 8};
}

static aats_level_t BIDS[1000], ASKS[1000];

static void fill_levels(void)
{
    for (int i = 0; i < 1000; i++) {
        BIDS[i] = (aats_level_t){100000 - i, 10 + i};
        ASKS[i] = (aats_level_t){100001 + i, 20 + i};
    }
}

/* ---- refusals ---- */

TEST(another_magic_or_version_is_refused_before_the_head_is_whole)
{
    message(AATS_WIRE_SNAP, 0);
    CHECK_EQ_I64(reads_whole(), 64);
    M.head.magic ^= 1;
    CHECK_EQ_I64(reads(3), AATS_E_MORE);
    CHECK_EQ_I64(reads(4), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0);
    M.head.version = 1;
    CHECK_EQ_I64(reads(5), AATS_E_MORE);
    CHECK_EQ_I64(reads(6), AATS_E_PROTO);
    CHECK_EQ_I64(reads(64), AATS_E_PROTO);
}

TEST(another_layout_is_told_from_a_broken_message)
{
    message(99, 0);
    M.head.layout_hash++;
    CHECK_EQ_I64(reads_whole(), AATS_E_LAYOUT);
    M.head.version = 1;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
}

TEST(a_head_that_no_sender_writes_is_refused)
{
    static uint32_t const UNKNOWN[] = {0, 11, 65535};
    for (size_t i = 0; i < 3; i++) {
        message(UNKNOWN[i], 0);
        CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    }
    message(AATS_WIRE_SNAP, 0), M.head.stream = 2;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.stream = 1;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.part = 1;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.parts = 0;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.parts = 2;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.cnt = 0;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.cnt = 2;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.rec_cap = 0;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_SNAP, 0), M.head.rec_cap = AATS_RING_LEVELS + 1;
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
}

TEST(a_payload_that_its_kind_cannot_have_is_refused)
{
    static struct { uint32_t kind, cnt, sz; } const GOOD[] = {
        {AATS_WIRE_RECORDS, 1, 96}, {AATS_WIRE_RECORDS, 3, 3 * 96 + 5 * 16}, {AATS_WIRE_BEAT, 1, 392}, {AATS_WIRE_DIR, 1, 264}, {AATS_WIRE_DIR, 3, 792},
        {AATS_WIRE_BOOK, 1, 96 + 2000 * 16}, {AATS_WIRE_TOP, 2, 272}, {AATS_WIRE_SNAP, 1, 0}, {AATS_WIRE_SNAP_END, 1, 0}, {AATS_WIRE_LOST, 1, 16},
        {AATS_WIRE_CLOCK, 1, 24},
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        for (int off = -1; off <= 1; off++) {
            if (GOOD[i].sz == 0 && off < 0) continue;
            message(GOOD[i].kind, GOOD[i].sz + (uint32_t)off);
            M.head.cnt = (uint16_t)GOOD[i].cnt;
            CHECK_MSG(reads_whole() == (off ? AATS_E_PROTO : (int)(64 + GOOD[i].sz)), "kind %u cnt %u size %u%+d: %d", GOOD[i].kind, GOOD[i].cnt,
                      GOOD[i].sz, off, reads_whole());
        }
    }
    message(AATS_WIRE_RECORDS, 2 * 96), M.head.cnt = 3; /* three heads do not go into two */
    CHECK_EQ_I64(reads_whole(), AATS_E_PROTO);
    message(AATS_WIRE_BYE, 7);
    CHECK_EQ_I64(reads_whole(), 71);
}

TEST(a_part_is_full_but_for_the_last_which_is_not_empty)
{
    static struct { uint16_t part, parts; uint32_t sz; int good; } const CASES[] = {
        {0, 2, 1400, 1}, {0, 2, 1399, 0}, {0, 2, 1401, 0}, {1, 2, 1400, 1}, {1, 2, 1, 1}, {1, 2, 0, 0}, {1, 2, 1401, 0}, {2, 2, 1400, 0}, {63, 64, 8, 1}, {63, 65, 1400, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        message(AATS_WIRE_BOOK, CASES[i].sz);
        M.head.stream = 1, M.head.part = CASES[i].part, M.head.parts = CASES[i].parts, M.head.seq = 100;
        CHECK_MSG(reads_whole() == (CASES[i].good ? (int)(64 + CASES[i].sz) : AATS_E_PROTO), "case %zu", i);
    }
}

TEST(what_is_longer_than_any_message_is_too_big_however_much_is_there)
{
    message(AATS_WIRE_BYE, AATS_WIRE_MSG_MAX - 64);
    CHECK_EQ_I64(reads_whole(), AATS_WIRE_MSG_MAX);
    M.head.payload_sz++;
    CHECK_EQ_I64(reads(64), AATS_E_TOO_BIG);
    M.head.payload_sz = UINT32_MAX;
    CHECK_EQ_I64(reads(64), AATS_E_TOO_BIG);
}

TEST(a_packed_record_with_lengths_beyond_the_room_or_no_kind_is_refused)
{
    uint8_t bytes[96 + 12 * 16];
    aats_rec_t r = quote(6, 6), got;
    aats_level_t bids[5], asks[5];
    fill_levels();
    REQUIRE(aats_wire_pack(bytes, sizeof bytes, &r, BIDS, ASKS) == (int)sizeof bytes);
    CHECK_EQ_I64(aats_wire_unpack(bytes, sizeof bytes, 5, &got, bids, asks), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_wire_unpack(bytes, 96, 5, &got, bids, asks), AATS_E_SHAPE); /* told before the levels are there */
    for (int side = 0; side < 2; side++) {
        r = quote(side == AATS_BID ? 6 : 1, side == AATS_BID ? 1 : 6);
        REQUIRE(aats_wire_pack(bytes, sizeof bytes, &r, BIDS, ASKS) > 0);
        CHECK_EQ_I64(aats_wire_unpack(bytes, sizeof bytes, 5, &got, bids, asks), AATS_E_SHAPE);
    }
    r = quote(5, 5);
    for (int kind = 0; kind <= 8; kind++) {
        r.kind = (uint8_t)kind;
        int const n = aats_wire_pack(bytes, sizeof bytes, &r, BIDS, ASKS);
        CHECK_EQ_I64(aats_wire_unpack(bytes, (size_t)n, 5, &got, bids, asks), kind >= AATS_REC_QUOTE && kind <= AATS_REC_LINK ? n : AATS_E_SHAPE);
    }
    r.kind = AATS_REC_QUOTE;
    REQUIRE(aats_wire_pack(bytes, sizeof bytes, &r, BIDS, ASKS) > 0);
    bytes[0] = 2; /* a stamp */
    CHECK_EQ_I64(aats_wire_unpack(bytes, sizeof bytes, 5, &got, bids, asks), AATS_E_SHAPE);
}

TEST(a_record_without_room_is_not_begun)
{
    uint8_t bytes[96 + 2 * 16] = {0}, zero[sizeof bytes] = {0};
    aats_rec_t const r = quote(1, 1);
    fill_levels();
    CHECK_EQ_I64(aats_wire_pack(bytes, sizeof bytes - 1, &r, BIDS, ASKS), AATS_E_FULL);
    CHECK(memcmp(bytes, zero, sizeof bytes) == 0);
    CHECK_EQ_I64(aats_wire_pack(bytes, sizeof bytes, &r, BIDS, ASKS), (int)sizeof bytes);
}

/* ---- the path ---- */

TEST(the_head_is_the_one_of_the_offset_table)
{
    aats_wire_t h;
    aats_wire_head(&h, &FROM, AATS_WIRE_DIR, 0x0102030405060708, 0x1112131415161718, 264);
    uint8_t const *b = (uint8_t const *)&h;
    CHECK(memcmp(b, "AATW", 4) == 0);
    CHECK(b[4] == 2 && b[5] == 0 && b[6] == 3 && b[7] == 0);
    CHECK(b[8] == 77 && b[16] == 5);
    CHECK(b[24] == 8 && b[31] == 1 && b[32] == 0x18 && b[39] == 0x11 && b[40] == 0x88 && b[47] == 0x11);
    CHECK(b[48] == 8 && b[49] == 1 && b[52] == 0 && b[54] == 1 && b[56] == 0 && b[58] == 1 && b[60] == 5);
}

TEST(a_message_is_whole_at_its_last_byte_and_not_before)
{
    aats_wire_t got;
    message(AATS_WIRE_CLOCK, 24);
    memcpy(M.bytes, &M.head, 64);
    for (size_t n = 0; n < 88; n++) CHECK_EQ_I64(aats_wire_read(M.bytes, n, HASH, &got), AATS_E_MORE);
    CHECK_EQ_I64(aats_wire_read(M.bytes, 88, HASH, &got), 88);
    CHECK_EQ_I64(aats_wire_read(M.bytes, 500, HASH, &got), 88); /* what is behind it belongs to the next */
    CHECK(memcmp(&got, &M.head, sizeof got) == 0);
}

TEST(a_record_comes_back_as_it_was_but_for_its_stamp)
{
    static uint32_t const LENS[][2] = {{0, 0}, {1, 0}, {0, 1}, {5, 5}, {3, 5}, {1000, 1000}};
    static uint8_t bytes[96 + 2000 * 16 + 1], again[sizeof bytes];
    static aats_level_t bids[1000], asks[1000];
    fill_levels();
    for (size_t i = 0; i < sizeof LENS / sizeof LENS[0]; i++) {
        aats_rec_t r = quote(LENS[i][0], LENS[i][1]), got;
        uint8_t *at = bytes + i % 2; /* no alignment is asked for */
        int const n = aats_wire_pack(at, sizeof bytes - 1, &r, BIDS, ASKS);
        CHECK_EQ_I64(n, (int64_t)aats_wire_rec_sz(LENS[i][0], LENS[i][1]));
        for (int short_by = 1; short_by < 40 && short_by <= n; short_by++)
            CHECK_EQ_I64(aats_wire_unpack(at, (size_t)(n - short_by), 1000, &got, bids, asks), AATS_E_MORE);
        REQUIRE(aats_wire_unpack(at, (size_t)n, 1000, &got, bids, asks) == n);
        r.stamp = 0;
        CHECK(memcmp(&r, &got, sizeof r) == 0);
        CHECK(memcmp(bids, BIDS, LENS[i][0] * sizeof *bids) == 0);
        CHECK(memcmp(asks, ASKS, LENS[i][1] * sizeof *asks) == 0);
        CHECK(aats_wire_pack(again, sizeof again, &got, bids, asks) == n && memcmp(again, at, (size_t)n) == 0);
    }
}

/* ---- books in parts ---- */

typedef struct {
    uint8_t bytes[96 + 2000 * 16];
    int sz;
    uint16_t parts;
} deep_t;

static deep_t DEEP;
static aats_wire_parts_t P;

static void deep(uint32_t levels)
{
    fill_levels();
    aats_rec_t const r = quote(levels, levels);
    DEEP.sz = aats_wire_pack(DEEP.bytes, sizeof DEEP.bytes, &r, BIDS, ASKS);
    DEEP.parts = (uint16_t)((DEEP.sz + AATS_WIRE_PART - 1) / AATS_WIRE_PART);
}

static int joins(uint64_t first, int part)
{
    int const at = part * AATS_WIRE_PART, left = DEEP.sz - at;
    aats_wire_t h;
    aats_wire_head(&h, &FROM, AATS_WIRE_BOOK, first + (uint64_t)part, 0, (uint32_t)(left < AATS_WIRE_PART ? left : AATS_WIRE_PART));
    h.stream = 1, h.part = (uint16_t)part, h.parts = DEEP.parts;
    return aats_wire_join(&P, &h, DEEP.bytes + at);
}

TEST(parts_that_fit_no_book_are_refused)
{
    memset(&P, 0, sizeof P);
    deep(1000);
    aats_wire_t h;
    aats_wire_head(&h, &FROM, AATS_WIRE_BOOK, 2, 0, AATS_WIRE_PART);
    h.stream = 1, h.parts = 9, h.part = 3; /* the third of a book that began before 0 */
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
    h.part = 9;
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
    h.part = 0, h.parts = 65;
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
    h.parts = 9, h.payload_sz = AATS_WIRE_PART + 1;
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
    h.payload_sz = AATS_WIRE_PART, h.kind = AATS_WIRE_RECORDS;
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
    CHECK_EQ_I64(joins(10, 0), 0);
    h.kind = AATS_WIRE_BOOK, h.seq = 10, h.parts = (uint16_t)(DEEP.parts - 1); /* of the same book, which has one part more */
    CHECK_EQ_I64(aats_wire_join(&P, &h, DEEP.bytes), AATS_E_SHAPE);
}

TEST(a_book_whose_lengths_are_not_its_size_is_refused_when_it_is_whole)
{
    memset(&P, 0, sizeof P);
    deep(100);
    DEEP.bytes[offsetof(aats_rec_t, bid_len)]--;
    for (int i = 0; i + 1 < DEEP.parts; i++) CHECK_EQ_I64(joins(0, i), 0);
    CHECK_EQ_I64(joins(0, DEEP.parts - 1), AATS_E_SHAPE);
}

TEST(parts_make_their_book_in_any_order_and_twice)
{
    for (uint32_t levels = 21; levels <= 1000; levels += 89) {
        memset(&P, 0, sizeof P);
        deep(levels);
        int const parts = DEEP.parts, step = parts % 5 ? 5 : 7;
        int rc = 0;
        for (int i = 0; i < parts; i++) {
            CHECK_EQ_I64(rc, 0);
            rc = joins(50, i * step % parts);
            if (rc == 0) CHECK_EQ_I64(joins(50, i * step % parts), 0);
        }
        CHECK_EQ_I64(rc, DEEP.sz);
        CHECK(memcmp(P.bytes, DEEP.bytes, (size_t)DEEP.sz) == 0);
        CHECK_EQ_I64(joins(50, 0), AATS_E_STALE); /* done */
    }
}

TEST(a_newer_book_replaces_an_unfinished_one_and_an_older_one_is_stale)
{
    memset(&P, 0, sizeof P);
    deep(200);
    int const parts = DEEP.parts;
    for (int i = 0; i + 1 < parts; i++) CHECK_EQ_I64(joins(0, i), 0);
    CHECK_EQ_I64(joins((uint64_t)parts, 1), 0);
    CHECK_EQ_I64(joins(0, parts - 1), AATS_E_STALE);
    for (int i = 2; i < parts; i++) CHECK_EQ_I64(joins((uint64_t)parts, i), 0);
    CHECK_EQ_I64(joins((uint64_t)parts, 0), DEEP.sz);
    memset(&P, 0, sizeof P); /* another generation begins at 0 */
    CHECK_EQ_I64(joins(0, 0), 0);
}

RUN_ALL()
