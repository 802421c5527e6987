/* test_crc32.c -- the checksum of IEEE 802.3: its known sum, the same by every instruction, and that it does not matter how a text is cut. */
#include "check.h"
#include "each_isa.h"
#include "proto/crc32.h"

static uint8_t text[700];

static void fill(void)
{
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * i * 37 + i * 11 + (i >> 5));
}

TEST(the_sum_of_nothing_is_zero) { CHECK_EQ_U64(aats_crc32(0, "", 0), 0); }

TEST(the_sum_is_the_one_that_everybody_has)
{
    CHECK_EQ_U64(aats_crc32(0, "123456789", 9), 0xCBF43926u);
    CHECK_EQ_U64(aats_crc32(0, "3366.1:7:3366.8:9:3368:8:3372:8", 31), 831078360u);
}

/* zlib's crc32 of 8 to 700 times 'a'. */
static void known(void)
{
    static struct { unsigned n; uint32_t sum; } const KNOWN[] = {{8, 0xBF848046u}, {63, 0x6824C5DEu}, {64, 0x89B46555u}, {79, 0x4C337053u}, {80, 0x1A998D7Du}, {128, 0xF12B368Cu}, {301, 0x91E291FEu}, {700, 0x7669B489u}};
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) CHECK_EQ_U64(aats_crc32(0, text, KNOWN[i].n), KNOWN[i].sum);
}

TEST(long_texts_have_the_sums_that_everybody_has_whatever_the_instructions) { on_each_isa(known); }

static uint32_t bit_by_bit(uint8_t const *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

static void every_length(void)
{
    fill();
    for (size_t n = 0; n + 17 <= sizeof text; n++) {
        uint8_t const *const p = text + n % 17; /* at any alignment */
        CHECK_MSG(aats_crc32(0, p, n) == bit_by_bit(p, n), "%s: %zu bytes", aats_isa_name(), n);
    }
}

TEST(texts_of_every_length_have_the_sum_of_the_definition) { on_each_isa(every_length); }

static void in_two_parts(void)
{
    fill();
    uint32_t const whole = aats_crc32(0, text, 200);
    for (size_t at = 0; at <= 200; at++) CHECK_EQ_U64(aats_crc32(aats_crc32(0, text, at), text + at, 200 - at), whole);
}

TEST(a_text_in_two_parts_has_the_sum_of_the_whole) { on_each_isa(in_two_parts); }

RUN_ALL()
