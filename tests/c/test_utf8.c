/* test_utf8.c -- the promises of csrc/proto/utf8.h. */
#include "check.h"

#include "proto/utf8.h"

static int ok(void const *s, size_t n)
{
    char *const copy = malloc(n ? n : 1);
    memcpy(copy, s, n);
    int const rc = aats_utf8_ok(copy, n);
    free(copy);
    return rc;
}

static size_t encode(uint32_t cp, uint8_t *out)
{
    if (cp < 0x80) return out[0] = (uint8_t)cp, 1;
    if (cp < 0x800) return out[0] = (uint8_t)(0xC0 | cp >> 6), out[1] = (uint8_t)(0x80 | (cp & 63)), 2;
    if (cp < 0x10000) {
        return out[0] = (uint8_t)(0xE0 | cp >> 12), out[1] = (uint8_t)(0x80 | (cp >> 6 & 63)),
            out[2] = (uint8_t)(0x80 | (cp & 63)), 3;
    }
    out[0] = (uint8_t)(0xF0 | cp >> 18);
    out[1] = (uint8_t)(0x80 | (cp >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (cp >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (cp & 63));
    return 4;
}

TEST(malformed_sequences_are_refused_wherever_they_stand)
{
    static char const *const BAD[] = {
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xE1\x80",
        "\xE1\x80\x41", "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF1\x80\x80",
        "\xF1\x80\x80\x41",
        "\xFE", "\xFF", "\xF8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        size_t const n = strlen(BAD[i]);
        for (size_t before = 0; before < 70; before++) {
            char text[160];
            memset(text, 'a', sizeof text);
            memcpy(text + before, BAD[i], n);
            CHECK_MSG(!ok(text, before + n), "case %zu after %zu characters, at the end", i, before);
            CHECK_MSG(!ok(text, sizeof text), "case %zu after %zu characters, inside", i, before);
        }
    }
}

TEST(every_code_point_but_the_surrogates_is_text)
{
    int wrong = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        uint8_t c[4];
        size_t const n = encode(cp, c);
        wrong += aats_utf8_ok(c, n) != (cp < 0xD800 || cp > 0xDFFF);
    }
    CHECK_EQ_I64(wrong, 0);
}

TEST(a_character_cut_off_is_refused_and_whole_is_taken_at_any_place)
{
    static char const CHAR[] = "\xF0\x9F\x98\x80";
    char text[100];
    for (size_t before = 0; before < 70; before++) {
        memset(text, 'a', before);
        memcpy(text + before, CHAR, 4);
        for (size_t cut = 1; cut < 4; cut++) CHECK(!ok(text, before + cut));
        CHECK(ok(text, before + 4));
        CHECK(ok(text, before));
    }
}

RUN_ALL()
