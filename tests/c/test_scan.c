/* test_scan.c -- the promises of csrc/proto/scan.h: whatever the instructions, what the scalar code says, and not a byte beyond the text.
 *
 * Texts stand at the end of a page with nothing behind it, and at the beginning of one with nothing before it: a read outside ends the test, which the
 * sanitizer would not see in every vector instruction. */
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include "each_isa.h"
#include "proto/json.h"
#include "proto/scan.h"
#include "proto/utf8.h"

#define CAP 64

static char *page;      /* PAGES readable pages between two that are not */
static size_t page_sz;

#define PAGES 2

static int fence(void)
{
    if (page) return 1;
    size_t const one = (size_t)sysconf(_SC_PAGESIZE);
    char *const all = mmap(NULL, (PAGES + 2) * one, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + one, PAGES * one, PROT_READ | PROT_WRITE) != 0) return 0;
    page = all + one;
    page_sz = PAGES * one;
    return 1;
}

typedef struct {
    int rc;
    size_t cnt, offset;
    aats_level_t level[CAP];
} result_t;

static result_t read_levels(char const *text, size_t n, size_t cap)
{
    result_t r = {0};
    aats_json_t j;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    char const *key;
    size_t key_len;
    aats_json_key(&j, &key, &key_len);
    r.rc = aats_json_levels(&j, -8, -8, r.level, cap, &r.cnt);
    if (r.rc == AATS_OK) aats_json_key(&j, &key, &key_len), r.rc = aats_json_end(&j);
    r.offset = aats_json_offset(&j);
    for (size_t i = r.cnt; i < CAP; i++) r.level[i] = (aats_level_t){0, 0}; /* room beyond the count is scratch */
    return r;
}

static void same_levels(char const *text, size_t n, size_t cap)
{
    if (!fence()) return;
    result_t want = {0};
    for (int i = 0; i < EACH_ISA; i++) {
        char const *const name = isa_there(i);
        if (name == NULL) continue;
        for (int end = 0; end < 2; end++) {
            char *const at = end ? page + page_sz - n : page;
            memcpy(at, text, n);
            result_t const got = read_levels(at, n, cap);
            if (i == 0 && !end) want = got;
            CHECK_MSG(got.rc == want.rc && got.cnt == want.cnt && got.offset == want.offset && !memcmp(got.level, want.level, sizeof want.level),
                      "%s at the %s: code %d, %zu levels, offset %zu, expected %d, %zu, %zu: %.*s", name, end ? "end" : "start", got.rc, got.cnt, got.offset,
                      want.rc, want.cnt, want.offset, (int)n, text);
        }
    }
}

static char const THREE[] = "{\"bids\":[[\"64210.01000000\",\"0.85314000\"],[\"0.00000001\",\"1234567.00000000\"],[\"9999999.99999999\",\"12.50000000\"]]}";

/* ---- refusals ---- */

TEST(levels_that_are_not_of_eight_decimals_are_left_alone)
{
    static char const *const TEXTS[] = {
        "[\"1\",\"1\"]", "[\"1.0\",\"1.00000000\"]", "[\"1.00000000\",\"1.0\"]", "[\"01.00000000\",\"1.00000000\"]", "[\"1.00000000\",\"00.00000000\"]",
        "[\".00000000\",\"1.00000000\"]", "[\"12345678.00000000\",\"1.00000000\"]", "[\"-1.00000000\",\"1.00000000\"]", "[\"0.00000000\",\"1.00000000\"]",
        "[ \"1.00000000\",\"1.00000000\"]", "[\"1.00000000\" ,\"1.00000000\"]", "[\"1.00000000\", \"1.00000000\"]", "[\"1.00000000\",\"1.00000000\" ]",
        "[\"1.00000000\",\"1.00000000\",1]", "[\"1.000000000\",\"1.00000000\"]", "[\"1.0000000x\",\"1.00000000\"]", "[\"1.00000000\",\"1.00000000\"",
        "[1.00000000,1.00000000]", "{\"1.00000000\":\"1.00000000\"}", "[\"1.00.00000\",\"1.00000000\"]", "[\"1..0000000\",\"1.00000000\"]", "", "[", "[\"",
    };
    for (int i = 0; i < EACH_ISA; i++) {
        if (isa_there(i) == NULL || aats_scan()->levels == NULL) continue;
        for (size_t k = 0; k < sizeof TEXTS / sizeof *TEXTS; k++) {
            for (int more = 0; more < 2; more++) { /* alone, and with others behind it */
                char text[400];
                aats_level_t out[4];
                char const *const rest = more ? ",[\"1.00000000\",\"1.00000000\"],[\"2.00000000\",\"1.00000000\"],[]]}" : "";
                int const n = snprintf(text, sizeof text, "{\"bids\":[%s%s", TEXTS[k], rest);
                char const *at = text + 9;
                size_t const got = aats_scan()->levels(text, &at, text + n, out, 4);
                CHECK_MSG(got == 0 && at == text + 9, "%s took %zu of %s", aats_isa_name(), got, text);
            }
        }
    }
    CHECK(1);
}

TEST(no_level_is_taken_above_the_room_for_it)
{
    for (size_t cap = 0; cap <= 3; cap++) {
        same_levels(THREE, sizeof THREE - 1, cap);
        for (int i = 0; i < EACH_ISA; i++) {
            aats_level_t out[4] = {{-7, -7}, {-7, -7}, {-7, -7}, {-7, -7}};
            char const *at = THREE + 9;
            if (isa_there(i) == NULL || aats_scan()->levels == NULL) continue;
            CHECK(aats_scan()->levels(THREE, &at, THREE + sizeof THREE - 1, out, cap) <= cap);
            CHECK_EQ_I64(out[cap].px_i, -7);
        }
    }
}

TEST(a_text_cut_off_anywhere_is_read_to_its_end_and_no_further)
{
    for (size_t n = 0; n < sizeof THREE; n++) same_levels(THREE, n, CAP);
}

TEST(a_byte_changed_anywhere_means_the_same_to_all)
{
    static char const TO[] = "0195.,:\"[]{}- \\eE+x\x7f\x80\xff\n";
    char text[sizeof THREE];
    for (size_t i = 0; i + 1 < sizeof THREE; i++) {
        for (size_t k = 0; k < sizeof TO; k++) { /* the final zero too */
            memcpy(text, THREE, sizeof THREE);
            text[i] = TO[k];
            same_levels(text, sizeof THREE - 1, CAP);
        }
    }
}

TEST(a_byte_left_out_or_doubled_anywhere_means_the_same_to_all)
{
    char text[sizeof THREE + 1];
    for (size_t i = 0; i + 1 < sizeof THREE; i++) {
        memcpy(text, THREE, i);
        memcpy(text + i, THREE + i + 1, sizeof THREE - i - 1);
        same_levels(text, sizeof THREE - 2, CAP);
        memcpy(text, THREE, i + 1);
        memcpy(text + i + 1, THREE + i, sizeof THREE - i);
        same_levels(text, sizeof THREE, CAP);
    }
}

/* ---- values ---- */

static uint64_t rng_state = 7;

static uint64_t rng(void)
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return z ^ z >> 31;
}

static int put_number(char *p, int digits, int decimals, int least, int64_t *value)
{
    int n = 0;
    *value = 0;
    for (int i = 0; i < digits; i++) {
        int const d = i == 0 && (digits > 1 || least) ? 1 + (int)(rng() % 9) : (int)(rng() % 10);
        p[n++] = (char)('0' + d);
        *value = *value * 10 + d;
    }
    p[n++] = '.';
    for (int i = 0; i < 8; i++) {
        int const d = i < decimals ? (int)(rng() % 10) : 0;
        if (i < decimals) p[n++] = (char)('0' + d);
        *value = *value * 10 + d;
    }
    return n;
}

TEST(numbers_of_every_width_come_out_as_written_by_all)
{
    for (int round = 0; round < 400; round++) {
        char text[CAP * 48];
        aats_level_t want[CAP];
        int n = sprintf(text, "{\"b\":["), cnt = 1 + (int)(rng() % 40);
        for (int i = 0; i < cnt; i++) {
            int const odd = round % 2 && rng() % 8 == 0; /* now and then one that the wide code leaves */
            n += sprintf(text + n, "%s[\"", i ? "," : "");
            n += put_number(text + n, 1 + (int)(rng() % (odd ? 10 : 7)), odd ? 1 + (int)(rng() % 8) : 8, 1, &want[i].px_i);
            n += sprintf(text + n, "\",%s\"", odd && rng() % 2 ? " " : "");
            n += put_number(text + n, 1 + (int)(rng() % 7), 8, 0, &want[i].qty_i);
            n += sprintf(text + n, "\"]");
        }
        n += sprintf(text + n, "]}");
        same_levels(text, (size_t)n, CAP);
        for (int i = 0; i < EACH_ISA; i++) {
            if (isa_there(i) == NULL) continue;
            result_t const got = read_levels(text, (size_t)n, CAP);
            CHECK_EQ_I64(got.rc, AATS_OK);
            CHECK_EQ_U64(got.cnt, cnt);
            CHECK_MEM(got.level, want, (size_t)cnt * sizeof *want);
        }
    }
}

TEST(a_byte_above_ascii_is_seen_wherever_it_is)
{
    if (!fence()) return;
    for (int i = 0; i < EACH_ISA; i++) {
        if (isa_there(i) == NULL) continue;
        for (size_t n = 0; n < 300; n++) {
            for (int end = 0; end < 2; end++) {
                char *const at = end ? page + page_sz - n : page;
                memset(at, 'a', n);
                CHECK(aats_utf8_ok(at, n));
                for (size_t k = n > 140 ? n - 140 : 0; k < n; k += 1 + n / 60) {
                    at[k] = (char)0x80;
                    CHECK_MSG(!aats_utf8_ok(at, n), "%s: byte %zu of %zu", aats_isa_name(), k, n);
                    at[k] = 'a';
                }
            }
        }
    }
}

static char *loose_number(char *p, uint64_t *seed, int decimals_max)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    unsigned const whole = 1 + (unsigned)(*seed >> 33) % 8, frac = (unsigned)(*seed >> 40) % (unsigned)(decimals_max + 1);
    for (unsigned i = 0; i < whole; i++) *p++ = (char)('0' + (*seed >> (i * 3)) % 10);
    if (p[-(int)whole] == '0' && (*seed >> 50) % 64) p[-(int)whole] = '5'; /* a first 0 is refused: seldom */
    if (frac || (*seed >> 60) == 0) *p++ = '.';
    for (unsigned i = 0; i < frac; i++) *p++ = (char)('0' + (*seed >> (i * 5)) % 10);
    return p;
}

TEST(levels_of_any_count_of_decimals_mean_what_the_scalar_code_says)
{
    static char text[8192];
    uint64_t seed = 7;
    for (int round = 0; round < 400; round++) {
        char *p = text + sprintf(text, "{\"b\":[");
        for (int k = 0; k < 12; k++) {
            p += sprintf(p, "%s[\"", k ? "," : "");
            p = loose_number(p, &seed, round % 10);
            p += sprintf(p, "\",\"");
            p = loose_number(p, &seed, 9 - round % 10);
            p += sprintf(p, "\"]");
        }
        p += sprintf(p, "]}");
        same_levels(text, (size_t)(p - text), CAP);
    }
}

TEST(levels_as_futures_write_them_are_taken_by_the_widest_instructions)
{
    static char const TEXT[] = "        [\"64210.1\",\"2.517\"],[\"1.2190\",\"953\"],[\"1234567\",\"0\"],[\"0.00012345\",\"0.000\"]]                                          "
                               "                        ";
    for (int i = 0; i < EACH_ISA; i++) {
        aats_level_t out[8];
        char const *at = TEXT + 8;
        if (isa_there(i) == NULL || aats_scan()->loose == NULL) continue;
        CHECK_EQ_U64(aats_scan()->loose(TEXT, &at, TEXT + sizeof TEXT - 1, out, 8), 4);
        CHECK(at[0] == ']' && at[-1] == ']');
        CHECK(out[0].px_i == 6421010000000 && out[0].qty_i == 251700000 && out[1].qty_i == 95300000000 && out[2].px_i == 123456700000000 && out[2].qty_i == 0);
        CHECK(out[3].px_i == 12345 && out[3].qty_i == 0);
    }
}

RUN_ALL()
