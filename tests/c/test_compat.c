/* test_compat.c -- proto/compat.h byte by byte: what `struct.pack` of that client's formats gives. */
#include "check.h"
#include "proto/compat.h"

static aats_rec_t const TICK = {.kind = AATS_REC_TICK, .flags = AATS_F_VALID | AATS_F_BUYER, .px_i = 6420010, .qty_i = 4000};
static aats_level_t const BIDS[3] = {{6420000, 150000}, {6419990, 1}, {6419980, 2}};
static aats_level_t const ASKS[2] = {{6420010, 4000}, {6420020, 3}};

static aats_rec_t book(uint32_t bids, uint32_t asks)
{
    return (aats_rec_t){.kind = AATS_REC_QUOTE, .flags = AATS_F_VALID, .bid_len = (uint16_t)bids, .ask_len = (uint16_t)asks};
}

static int32_t i32_at(uint8_t const *at)
{
    int32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static double f64_at(uint8_t const *at)
{
    double v;
    memcpy(&v, at, sizeof v);
    return v;
}

TEST(a_record_without_room_is_refused_untouched)
{
    uint8_t out[AATS_COMPAT_MAX] = {0}, zero[AATS_COMPAT_MAX] = {0};
    aats_rec_t const r = book(3, 2);
    CHECK_EQ_I64(aats_compat_tick(out, 28, AATS_COMPAT_TCP, 1, &TICK, -2, -5), AATS_E_FULL);
    CHECK_EQ_I64(aats_compat_tick(out, 24, AATS_COMPAT_UDP, 1, &TICK, -2, -5), AATS_E_FULL);
    CHECK_EQ_I64(aats_compat_book(out, 76, AATS_COMPAT_TCP, 1, 5, &r, BIDS, ASKS, -2, -5), AATS_E_FULL);
    CHECK_EQ_I64(aats_compat_book(out, 72, AATS_COMPAT_UDP, 1, 5, &r, BIDS, ASKS, -2, -5), AATS_E_FULL);
    CHECK(memcmp(out, zero, sizeof out) == 0);
}

TEST(a_tick_is_25_bytes_type_cid_side_quantity_price)
{
    /* struct.pack("<Biidd", 0, 258, 1, 0.04, 64200.1) */
    static uint8_t const WANT[25] = {0, 2, 1, 0, 0, 1, 0, 0, 0, 0x7b, 0x14, 0xae, 0x47, 0xe1, 0x7a, 0xa4, 0x3f, 0x33, 0x33, 0x33, 0x33, 0x03, 0x59, 0xef, 0x40};
    uint8_t out[64];
    REQUIRE(aats_compat_tick(out, 25, AATS_COMPAT_UDP, 258, &TICK, -2, -5) == 25);
    CHECK_MEM(out, WANT, 25);
    REQUIRE(aats_compat_tick(out, 29, AATS_COMPAT_TCP, 258, &TICK, -2, -5) == 29);
    CHECK_EQ_I64(i32_at(out), 25);
    CHECK_MEM(out + 4, WANT, 25);
    aats_rec_t sold = TICK;
    sold.flags = AATS_F_VALID;
    REQUIRE(aats_compat_tick(out, 25, AATS_COMPAT_UDP, -7, &sold, -2, -5) == 25);
    CHECK_EQ_I64(i32_at(out + 1), -7);
    CHECK_EQ_I64(i32_at(out + 5), -1);
}

TEST(both_sides_of_a_book_are_cut_to_the_shorter_and_to_the_depth)
{
    static struct { uint32_t bids, asks, depth; int32_t want; } const CASES[] = {{3, 2, 5, 2}, {3, 2, 1, 1}, {3, 0, 5, 0}, {0, 2, 5, 0}, {3, 2, 0, 0}};
    uint8_t out[AATS_COMPAT_MAX];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        aats_rec_t const r = book(CASES[i].bids, CASES[i].asks);
        int const n = aats_compat_book(out, sizeof out, AATS_COMPAT_UDP, 1, CASES[i].depth, &r, BIDS, ASKS, -2, -5);
        CHECK_EQ_I64(n, 9 + 32 * CASES[i].want);
        CHECK_EQ_I64(i32_at(out + 5), CASES[i].want);
    }
}

TEST(a_level_is_price_quantity_on_tcp_and_quantity_price_by_datagram)
{
    static double const PX[4] = {64200.00, 64199.90, 64200.10, 64200.20}, QTY[4] = {1.5, 0.00001, 0.04, 0.00003};
    uint8_t tcp[AATS_COMPAT_MAX], udp[AATS_COMPAT_MAX];
    aats_rec_t const r = book(3, 2);
    REQUIRE(aats_compat_book(tcp, 77, AATS_COMPAT_TCP, 9, 5, &r, BIDS, ASKS, -2, -5) == 77);
    REQUIRE(aats_compat_book(udp, 73, AATS_COMPAT_UDP, 9, 5, &r, BIDS, ASKS, -2, -5) == 73);
    CHECK_EQ_I64(i32_at(tcp), 73);
    CHECK_MEM(tcp + 4, udp, 9);
    CHECK_EQ_I64(udp[0], 1);
    CHECK_EQ_I64(i32_at(udp + 1), 9);
    for (int i = 0; i < 4; i++) { /* bids, then asks */
        CHECK(f64_at(tcp + 13 + 16 * i) == PX[i] && f64_at(tcp + 21 + 16 * i) == QTY[i]);
        CHECK(f64_at(udp + 9 + 16 * i) == QTY[i] && f64_at(udp + 17 + 16 * i) == PX[i]);
    }
}

TEST(no_book_is_deeper_than_that_client_can_read)
{
    static aats_level_t bids[150], asks[150];
    uint8_t out[AATS_COMPAT_MAX];
    for (int i = 0; i < 150; i++) bids[i] = (aats_level_t){1000 - i, 1}, asks[i] = (aats_level_t){1001 + i, 1};
    aats_rec_t const r = book(150, 150);
    CHECK_EQ_I64(aats_compat_book(out, sizeof out, AATS_COMPAT_TCP, 1, 1000, &r, bids, asks, 0, 0), AATS_COMPAT_MAX);
    CHECK_EQ_I64(i32_at(out + 9), AATS_COMPAT_DEPTH_MAX);
}

TEST(a_double_is_the_one_that_the_text_would_give)
{
    uint8_t out[32];
    for (int64_t v = 1; v > 0 && v < INT64_MAX / 7; v = v * 7 + 3) {
        for (int exp = -18; exp <= 4; exp++) {
            char text[48];
            aats_rec_t r = TICK;
            r.px_i = v;
            snprintf(text, sizeof text, "%" PRId64 "e%d", v, exp);
            REQUIRE(aats_compat_tick(out, sizeof out, AATS_COMPAT_UDP, 1, &r, exp, 0) == 25);
            CHECK_MSG(f64_at(out + 17) == strtod(text, NULL), "%s", text);
        }
    }
}

RUN_ALL()
