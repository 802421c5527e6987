/* test_json.c -- the promises of csrc/proto/json.h.
 *
 * Texts are handed over in heap blocks of their exact size, so that the sanitizer sees a read past the end. */
#include "check.h"

#include "each_isa.h"
#include "proto/json.h"
#include "proto/num.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])

/* A text of exact size with a cursor on it. */
typedef struct {
    char *text;
    aats_json_t j;
} doc_t;

static aats_json_t *doc_open_n(doc_t *d, char const *s, size_t n)
{
    d->text = malloc(n ? n : 1);
    memcpy(d->text, s, n);
    aats_json_init(&d->j, d->text, n);
    return &d->j;
}

static aats_json_t *doc_open(doc_t *d, char const *s) { return doc_open_n(d, s, strlen(s)); }
static void doc_close(doc_t *d) { free(d->text); }

/* whole skips the one value that a text must be. */
static int whole_n(char const *s, size_t n)
{
    doc_t d;
    aats_json_t *j = doc_open_n(&d, s, n);
    aats_json_skip(j);
    int const rc = aats_json_end(j);
    doc_close(&d);
    return rc;
}

static int whole(char const *s) { return whole_n(s, strlen(s)); }

static int levels(char const *s, aats_level_t *out, size_t cap, size_t *cnt)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, s);
    aats_json_levels(j, -8, -8, out, cap, cnt);
    int const rc = aats_json_end(j);
    doc_close(&d);
    return rc;
}

static char const DEPTH[] = "{\"e\":\"depthUpdate\",\"E\":1785312000112,\"s\":\"BTCUSDT\",\"U\":61530118801,\"u\":61530118837,"
                            "\"b\":[[\"64210.01000000\",\"0.85314000\"],[\"64209.55000000\",\"0.00000000\"]],"
                            "\"a\":[[\"64210.02000000\",\"2.10077000\"]]}";

typedef struct {
    uint64_t event_ms, first, last;
    aats_level_t bids[8], asks[8];
    size_t bid_cnt, ask_cnt;
} depth_t;

/* depth is how a venue file uses the cursor. */
static int depth(aats_json_t *j, depth_t *m)
{
    char const *k, *s;
    size_t n, sn;
    uint32_t seen = 0;
    memset(m, 0, sizeof *m);
    aats_json_object(j);
    while (aats_json_key(j, &k, &n) == 1) {
        if (AATS_JSON_IS(k, n, "e")) {
            aats_json_seen(j, &seen, 0);
            aats_json_str(j, &s, &sn);
        } else if (AATS_JSON_IS(k, n, "E")) {
            aats_json_seen(j, &seen, 1);
            aats_json_u64(j, &m->event_ms);
        } else if (AATS_JSON_IS(k, n, "U")) {
            aats_json_seen(j, &seen, 2);
            aats_json_u64(j, &m->first);
        } else if (AATS_JSON_IS(k, n, "u")) {
            aats_json_seen(j, &seen, 3);
            aats_json_u64(j, &m->last);
        } else if (AATS_JSON_IS(k, n, "b")) {
            aats_json_seen(j, &seen, 4);
            aats_json_levels(j, -8, -8, m->bids, CNT(m->bids), &m->bid_cnt);
        } else if (AATS_JSON_IS(k, n, "a")) {
            aats_json_seen(j, &seen, 5);
            aats_json_levels(j, -8, -8, m->asks, CNT(m->asks), &m->ask_cnt);
        } else {
            aats_json_skip(j);
        }
    }
    if (aats_json_end(j) != AATS_OK) return j->err;
    return seen == 63 ? AATS_OK : AATS_E_SHAPE;
}

static int depth_of(char const *s, size_t n, depth_t *m)
{
    doc_t d;
    int const rc = depth(doc_open_n(&d, s, n), m);
    doc_close(&d);
    return rc;
}

/* ---- refusals ----------------------------------------------------------------------------------------------------- */

TEST(text_that_is_not_json_is_refused)
{
    static char const *const BAD[] = {
        "", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{\"a\" 1}",
        "{\"a\":1 \"b\":2}", "{a:1}", "{1:1}", "{'a':1}", "\"", "\"abc", "\"abc\\\"", "\"\\x\"", "\"\\u12\"",
        "\"\\u12G4\"", "\"a\nb\"", "\"\t\"",
        "'a'", "tru", "True", "truex", "nul", "nullnull", "falsy", "01", "-", "+1", "1.", ".1", "1e", "1e+", "-01",
        "0x10", "1x", "NaN", "Infinity",
        "1 1", "[] []", "{}x", "[1]]", "{\"a\":1}}", "\v1", "\xEF\xBB\xBF{}", "[\"a\",]", "{\"a\":[1,{\"b\":]}}", "[1",
        "{\"a\":1", "{\"a\":", "{\"a",
    };
    for (size_t i = 0; i < CNT(BAD); i++) CHECK_MSG(whole(BAD[i]) == AATS_E_SYNTAX, "%s was taken", BAD[i]);
    CHECK_EQ_I64(whole_n("\"a\0b\"", 5), AATS_E_SYNTAX);
    CHECK_EQ_I64(whole_n("1\0", 2), AATS_E_SYNTAX);
}

TEST(control_characters_in_strings_are_refused_at_every_place)
{
    for (int c = 0; c < 0x20; c++) {
        for (int at = 0; at < 20; at++) {
            char text[23] = "\"aaaaaaaaaaaaaaaaaaaa\"";
            text[1 + at] = (char)c;
            CHECK_MSG(whole_n(text, 22) == AATS_E_SYNTAX, "character %d at %d", c, at);
        }
    }
}

TEST(nesting_deeper_than_the_limit_is_refused_without_recursion)
{
    static char deep[200001];
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    CHECK_EQ_I64(whole_n(deep, 200000), AATS_E_SYNTAX);
    CHECK_EQ_I64(whole_n(deep + 100000 - AATS_JSON_DEPTH, 2 * AATS_JSON_DEPTH), AATS_OK);
    CHECK_EQ_I64(whole_n(deep + 100000 - AATS_JSON_DEPTH - 1, 2 * AATS_JSON_DEPTH + 2), AATS_E_SYNTAX);
}

TEST(a_value_of_another_type_is_a_wrong_shape)
{
    static char const *const VALUES[] = {"\"s\"", "{}", "[]", "1", "true", "null"};
    for (size_t v = 0; v < CNT(VALUES); v++) {
        for (int ask = 0; ask < 9; ask++) {
            doc_t d;
            aats_json_t *j = doc_open(&d, VALUES[v]);
            char const *s;
            size_t n;
            uint64_t u;
            int64_t i;
            int b, rc = 0, mine = 0;
            switch (ask) {
            case 0: rc = aats_json_str(j, &s, &n), mine = v == 0; break;
            case 1: rc = aats_json_object(j), mine = v == 1; break;
            case 2: rc = aats_json_array(j), mine = v == 2; break;
            case 3: rc = aats_json_u64(j, &u), mine = v == 3; break;
            case 4: rc = aats_json_i64(j, &i), mine = v == 3; break;
            case 5: rc = aats_json_bool(j, &b), mine = v == 4; break;
            case 6: rc = aats_json_null(j), mine = v == 5; break;
            case 7: rc = aats_json_levels(j, -8, -8, NULL, 0, &n), mine = v == 2; break;
            case 8: rc = v == 0 ? 0 : aats_json_num(j, -8, &i), mine = v == 0 || v == 3; break;
            }
            CHECK_MSG(rc == (mine ? AATS_OK : AATS_E_SHAPE), "%s asked as %d gave %d", VALUES[v], ask, rc);
            doc_close(&d);
        }
    }
}

TEST(integers_refuse_points_exponents_signs_and_overflow)
{
    static struct {
        char const *text;
        int u64_rc, i64_rc;
    } const CASES[] = {
        {"1.0", AATS_E_SHAPE, AATS_E_SHAPE},
        {"1e3", AATS_E_SHAPE, AATS_E_SHAPE},
        {"-1", AATS_E_RANGE, AATS_OK},
        {"18446744073709551615", AATS_OK, AATS_E_RANGE},
        {"18446744073709551616", AATS_E_RANGE, AATS_E_RANGE},
        {"123456789012345678901234567890", AATS_E_RANGE, AATS_E_RANGE},
        {"-9223372036854775808", AATS_E_RANGE, AATS_OK},
        {"-9223372036854775809", AATS_E_RANGE, AATS_E_RANGE},
        {"00", AATS_E_SYNTAX, AATS_E_SYNTAX},
        {"0", AATS_OK, AATS_OK},
    };
    for (size_t i = 0; i < CNT(CASES); i++) {
        doc_t d;
        uint64_t u;
        int64_t v;
        CHECK_EQ_I64(aats_json_u64(doc_open(&d, CASES[i].text), &u), CASES[i].u64_rc);
        doc_close(&d);
        CHECK_EQ_I64(aats_json_i64(doc_open(&d, CASES[i].text), &v), CASES[i].i64_rc);
        doc_close(&d);
    }
}

TEST(the_first_error_sticks_and_the_cursor_stays_there)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, "{\"a\":\"x\",\"b\":2}");
    char const *k;
    size_t n;
    uint64_t u = 77;
    aats_json_object(j);
    CHECK_EQ_I64(aats_json_key(j, &k, &n), 1);
    CHECK_EQ_I64(aats_json_u64(j, &u), AATS_E_SHAPE);
    CHECK_EQ_U64(aats_json_offset(j), 5);
    CHECK_EQ_I64(aats_json_str(j, &k, &n), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_key(j, &k, &n), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_item(j), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_skip(j), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_type(j), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_fail(j, AATS_E_GAP), AATS_E_SHAPE);
    CHECK_EQ_I64(aats_json_end(j), AATS_E_SHAPE);
    CHECK_EQ_U64(aats_json_offset(j), 5);
    CHECK_EQ_U64(u, 77);
    doc_close(&d);
}

TEST(a_text_left_in_the_middle_has_not_ended_well)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, "[1]");
    uint64_t u;
    aats_json_array(j);
    aats_json_item(j);
    aats_json_u64(j, &u);
    CHECK_EQ_I64(aats_json_end(j), AATS_E_SYNTAX);
    doc_close(&d);
    j = doc_open(&d, "[");
    aats_json_array(j);
    CHECK_EQ_I64(aats_json_end(j), AATS_E_SYNTAX);
    doc_close(&d);
}

TEST(a_wanted_key_twice_is_refused)
{
    static char const TWICE[] = "{\"e\":\"x\",\"E\":1,\"U\":1,\"u\":2,\"b\":[],\"a\":[],\"u\":3}";
    depth_t m;
    CHECK_EQ_I64(depth_of(TWICE, sizeof TWICE - 1, &m), AATS_E_DUPKEY);
}

static void levels_of_another_shape_are_refused_(void)
{
    static struct {
        char const *text;
        int want;
    } const CASES[] = {
        {"{}", AATS_E_SHAPE},
        {"[[]]", AATS_E_SHAPE},
        {"[[\"1\"]]", AATS_E_SHAPE},
        {"[\"1\",\"2\"]", AATS_E_SHAPE},
        {"[{\"p\":1}]", AATS_E_SHAPE},
        {"[[null,\"1\"]]", AATS_E_SHAPE},
        {"[[\"0\",\"1\"]]", AATS_E_SHAPE},
        {"[[\"0.00000000\",\"1.00000000\"]]", AATS_E_SHAPE},
        {"[[\"-1\",\"1\"]]", AATS_E_SHAPE},
        {"[[\"1\",\"-1\"]]", AATS_E_SHAPE},
        {"[[\"\",\"1\"]]", AATS_E_SYNTAX},
        {"[[\"x\",\"1\"]]", AATS_E_SYNTAX},
        {"[[\"1\",\"1.\"]]", AATS_E_SYNTAX},
        {"[[\"1\\u0030\",\"1\"]]", AATS_E_SYNTAX},
        {"[[\"1\",\"1\"],]", AATS_E_SYNTAX},
        {"[[\"1\",\"1\"][\"2\",\"2\"]]", AATS_E_SYNTAX},
        {"[,[\"1\",\"1\"]]", AATS_E_SYNTAX},
        {"[[\"1\",\"1\"]", AATS_E_SYNTAX},
        {"[[\"1\",\"1\",]]", AATS_E_SYNTAX},
        {"[[\"1\",\"1\"]]]", AATS_E_SYNTAX},
        {"[[\"123456789012345678901234567890\",\"1\"]]", AATS_E_RANGE},
        {"[[\"1e30\",\"1\"]]", AATS_E_RANGE},
        {"[[\"1.000000001\",\"1\"]]", AATS_E_INEXACT},
        {"[[\"1\",\"1\"],[\"2\",\"1\"],[\"3\",\"1\"]]", AATS_E_TOO_BIG},
    };
    for (size_t i = 0; i < CNT(CASES); i++) {
        aats_level_t out[2];
        size_t cnt;
        int const rc = levels(CASES[i].text, out, 2, &cnt);
        CHECK_MSG(rc == CASES[i].want, "%s gave %d", CASES[i].text, rc);
        CHECK(cnt <= 2);
    }
}

TEST(levels_of_another_shape_are_refused) { on_each_isa(levels_of_another_shape_are_refused_); }

TEST(bad_escapes_and_lone_surrogates_have_no_text)
{
    static char const *const BAD[] = {"\\", "\\x", "\\u", "\\u123", "\\uD800", "\\uDC00", "\\uD800\\u0041", "\\uD800x",
                                      "\\uD800\\uD800", "\\u12G4"};
    char out[64];
    for (size_t i = 0; i < CNT(BAD); i++) {
        CHECK_EQ_I64(aats_json_unescape(BAD[i], strlen(BAD[i]), out, sizeof out), AATS_E_SYNTAX);
    }
    CHECK_EQ_I64(aats_json_unescape("abc", 3, out, 3), AATS_E_FULL);
    CHECK_EQ_I64(aats_json_unescape("", 0, out, 0), AATS_E_FULL);
    CHECK_EQ_I64(aats_json_unescape("\\u00e9", 6, out, 2), AATS_E_FULL);
}

TEST(a_call_outside_any_container_is_a_callers_mistake)
{
    doc_t d;
    char const *k;
    size_t n;
    CHECK_EQ_I64(aats_json_key(doc_open(&d, "{}"), &k, &n), AATS_E_ARG);
    doc_close(&d);
    CHECK_EQ_I64(aats_json_item(doc_open(&d, "[]")), AATS_E_ARG);
    doc_close(&d);
    CHECK_EQ_I64(aats_json_levels(doc_open(&d, "[]"), -19, 0, NULL, 0, &n), AATS_E_ARG);
    doc_close(&d);
}

/* ---- the path ----------------------------------------------------------------------------------------------------- */

TEST(values_of_every_type_with_white_space_anywhere_are_taken)
{
    static char const *const GOOD[] = {
        "1", "-0.5e-7", "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "true", "false", "null", "[]", "{}", " [ ] ",
        "\t{\r\n} ",
        " { \"a\" : [ 1 , 2.5 , { \"b\" : null } , [ [ ] , \"x\" ] ] , \"c\" : true } ",
        "[[[[[[1]]]]],{\"a\":{\"a\":{\"a\":{}}}}]",
        "\"\xE4\xBD\xA0\xE5\xA5\xBD and some more text behind it\"", "{\"\":0}", "{\"a\":1,\"a\":2}", "\"/ \x7F\"",
    };
    for (size_t i = 0; i < CNT(GOOD); i++) CHECK_MSG(whole(GOOD[i]) == AATS_OK, "%s was refused", GOOD[i]);
}

TEST(a_depth_update_is_read_in_any_order_of_its_keys)
{
    static char const OTHER[] = " { \"a\" : [ [ \"64210.02000000\" , \"2.10077000\" ] ] , \"new\" : { \"x\" : [ 1 , \"]\" ] } , \"u\" : 61530118837 , \n"
                                "\"b\":[[64210.01,0.85314,\"1\",[2]],[\"64209.55\",\"0\"]],\"U\":61530118801,\"s\":\"BTCUSDT\",\"E\":1785312000112,"
                                "\"e\":\"depthUpdate\"} ";
    depth_t one, other;
    CHECK_EQ_I64(depth_of(DEPTH, sizeof DEPTH - 1, &one), AATS_OK);
    CHECK_EQ_I64(depth_of(OTHER, sizeof OTHER - 1, &other), AATS_OK);
    CHECK_EQ_U64(one.event_ms, 1785312000112);
    CHECK_EQ_U64(one.first, 61530118801);
    CHECK_EQ_U64(one.last, 61530118837);
    CHECK_EQ_U64(one.bid_cnt, 2);
    CHECK_EQ_I64(one.bids[0].px_i, 6421001000000);
    CHECK_EQ_I64(one.bids[0].qty_i, 85314000);
    CHECK_EQ_I64(one.bids[1].px_i, 6420955000000);
    CHECK_EQ_I64(one.bids[1].qty_i, 0);
    CHECK_EQ_U64(one.ask_cnt, 1);
    CHECK_EQ_I64(one.asks[0].px_i, 6421002000000);
    CHECK_EQ_I64(one.asks[0].qty_i, 210077000);
    CHECK_MEM(&other, &one, sizeof one);
}

static void a_message_cut_off_anywhere_is_refused_(void)
{
    depth_t m;
    for (size_t n = 0; n < sizeof DEPTH - 1; n++) {
        CHECK_MSG(depth_of(DEPTH, n, &m) == AATS_E_SYNTAX, "the first %zu bytes were taken", n);
    }
}

TEST(a_message_cut_off_anywhere_is_refused) { on_each_isa(a_message_cut_off_anywhere_is_refused_); }

static void a_byte_changed_anywhere_gives_a_documented_code_(void)
{
    static char const BYTES[] = "\"\\{}[],:0-.e \n\x01\x80" "xn";
    char text[sizeof DEPTH];
    for (size_t at = 0; at < sizeof DEPTH - 1; at++) {
        for (size_t b = 0; b < sizeof BYTES - 1; b++) {
            depth_t m;
            memcpy(text, DEPTH, sizeof DEPTH);
            text[at] = BYTES[b];
            int const rc = depth_of(text, sizeof DEPTH - 1, &m);
            CHECK_MSG(rc == AATS_OK || rc == AATS_E_SYNTAX || rc == AATS_E_SHAPE || rc == AATS_E_RANGE ||
                      rc == AATS_E_INEXACT || rc == AATS_E_DUPKEY,
                      "byte %zu as %d gave %d", at, BYTES[b], rc);
        }
    }
}

TEST(a_byte_changed_anywhere_gives_a_documented_code) { on_each_isa(a_byte_changed_anywhere_gives_a_documented_code_); }

/* The tight loop and the general one must agree: the same levels, with and without white space, with what OKX has behind them (some
 * of it odd), at every pair of exponents. */
static void levels_are_the_same_however_they_are_written_(void)
{
    for (int exp = -10; exp <= 0; exp++) {
        static char const *const TAILS[] = {",\"0\",\"12\"", ",\"0\",\"1234567\"", ",\"0\",\"12345678\"", ",\"0\",\"1\\\"]\"", ",\"0\",\"\"", ",\"1\",\"2\"", ",0,[1]", ""};
        char tight[2048], wide[4096], counted[4096];
        size_t tn = 0, wn = 0, cn = 0;
        tn += (size_t)sprintf(tight + tn, "[");
        wn += (size_t)sprintf(wide + wn, " [ ");
        cn += (size_t)sprintf(counted + cn, "[");
        for (int i = 1; i <= 20; i++) {
            char px[AATS_NUM_SZ], qty[AATS_NUM_SZ];
            aats_num_format((int64_t)i * 7919 * i * i, exp, px, sizeof px);
            aats_num_format((int64_t)(i % 5) * 104729 * i, exp + 1 > 0 ? 0 : exp + 1, qty, sizeof qty);
            tn += (size_t)sprintf(tight + tn, "%s[\"%s\",\"%s\"]", i > 1 ? "," : "", px, qty);
            wn += (size_t)sprintf(wide + wn, "%s [ %s\n, \"%s\" , {} ]\t", i > 1 ? "," : "", px, qty);
            cn += (size_t)sprintf(counted + cn, "%s[\"%s\",\"%s\"%s]", i > 1 ? "," : "", px, qty, TAILS[i % 8]);
        }
        tn += (size_t)sprintf(tight + tn, "]");
        wn += (size_t)sprintf(wide + wn, "]");
        cn += (size_t)sprintf(counted + cn, "]");
        aats_level_t a[20], b[20], c[20];
        size_t an, bn, c_cnt;
        doc_t d;
        CHECK_EQ_I64(aats_json_levels(doc_open_n(&d, tight, tn), exp, exp + 1 > 0 ? 0 : exp + 1, a, 20, &an), AATS_OK);
        CHECK_EQ_I64(aats_json_end(&d.j), AATS_OK);
        doc_close(&d);
        CHECK_EQ_I64(aats_json_levels(doc_open_n(&d, wide, wn), exp, exp + 1 > 0 ? 0 : exp + 1, b, 20, &bn), AATS_OK);
        CHECK_EQ_I64(aats_json_end(&d.j), AATS_OK);
        doc_close(&d);
        CHECK_EQ_I64(aats_json_levels(doc_open_n(&d, counted, cn), exp, exp + 1 > 0 ? 0 : exp + 1, c, 20, &c_cnt), AATS_OK);
        CHECK_EQ_I64(aats_json_end(&d.j), AATS_OK);
        doc_close(&d);
        CHECK_EQ_U64(an, 20);
        CHECK_EQ_U64(bn, 20);
        CHECK_EQ_U64(c_cnt, 20);
        CHECK_MEM(a, b, sizeof a);
        CHECK_MEM(a, c, sizeof a);
        for (int i = 1; i <= 20; i++) CHECK_EQ_I64(a[i - 1].px_i, (int64_t)i * 7919 * i * i);
    }
}

TEST(levels_are_the_same_however_they_are_written) { on_each_isa(levels_are_the_same_however_they_are_written_); }

static void levels_leave_the_cursor_behind_their_array_(void)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, "[[],[[\"1\",\"2\"]],[[\"1\",\"2\"],[\"3\",\"4\"]],7]");
    aats_level_t out[2];
    size_t cnt;
    uint64_t seven = 0;
    aats_json_array(j);
    for (size_t want = 0; want < 3; want++) {
        CHECK_EQ_I64(aats_json_item(j), 1);
        CHECK_EQ_I64(aats_json_levels(j, 0, 0, out, 2, &cnt), AATS_OK);
        CHECK_EQ_U64(cnt, want);
    }
    CHECK_EQ_I64(aats_json_item(j), 1);
    CHECK_EQ_I64(aats_json_u64(j, &seven), AATS_OK);
    CHECK_EQ_U64(seven, 7);
    CHECK_EQ_I64(aats_json_item(j), 0);
    CHECK_EQ_I64(aats_json_end(j), AATS_OK);
    CHECK_EQ_I64(out[1].px_i, 3);
    doc_close(&d);
}

TEST(levels_leave_the_cursor_behind_their_array) { on_each_isa(levels_leave_the_cursor_behind_their_array_); }

TEST(strings_come_raw_and_unescape_to_their_text)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, "[\"plain text\",\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\uD83D\\uDE00\"]");
    char const *s;
    size_t n;
    char out[64];
    aats_json_array(j);
    CHECK_EQ_I64(aats_json_item(j), 1);
    CHECK_EQ_I64(aats_json_str(j, &s, &n), AATS_OK);
    CHECK(!j->escaped && AATS_JSON_IS(s, n, "plain text"));
    CHECK_EQ_I64(aats_json_item(j), 1);
    CHECK_EQ_I64(aats_json_str(j, &s, &n), AATS_OK);
    CHECK(j->escaped);
    CHECK_EQ_I64(aats_json_unescape(s, n, out, n + 1), 11);
    CHECK_STR(out, "a\"b\\c/\b\f\n\r\t");
    CHECK_EQ_I64(aats_json_item(j), 1);
    CHECK_EQ_I64(aats_json_str(j, &s, &n), AATS_OK);
    CHECK_EQ_I64(aats_json_unescape(s, n, out, sizeof out), 9);
    CHECK_STR(out, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    CHECK_EQ_I64(aats_json_item(j), 0);
    CHECK_EQ_I64(aats_json_end(j), AATS_OK);
    doc_close(&d);
}

TEST(raw_gives_exactly_the_text_of_a_value)
{
    doc_t d;
    aats_json_t *j = doc_open(&d, "{\"a\": {\"x\":[1, 2]} ,\"b\":-1.5e3 ,\"c\":\"s\"}");
    char const *k, *s;
    size_t kn, n;
    aats_json_object(j);
    CHECK_EQ_I64(aats_json_key(j, &k, &kn), 1);
    CHECK_EQ_I64(aats_json_raw(j, &s, &n), AATS_OK);
    CHECK(AATS_JSON_IS(s, n, "{\"x\":[1, 2]}"));
    CHECK_EQ_I64(aats_json_key(j, &k, &kn), 1);
    CHECK_EQ_I64(aats_json_raw(j, &s, &n), AATS_OK);
    CHECK(AATS_JSON_IS(s, n, "-1.5e3"));
    CHECK_EQ_I64(aats_json_key(j, &k, &kn), 1);
    CHECK_EQ_I64(aats_json_raw(j, &s, &n), AATS_OK);
    CHECK(AATS_JSON_IS(s, n, "\"s\""));
    CHECK_EQ_I64(aats_json_key(j, &k, &kn), 0);
    CHECK_EQ_I64(aats_json_end(j), AATS_OK);
    doc_close(&d);
}

RUN_ALL()
