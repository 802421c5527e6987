/* test_ws.c -- the promises of csrc/proto/ws.h; the handshake is in test_ws_open.c.
 *
 * Frames are handed over in heap blocks of their exact size, so that the sanitizer sees a read past the end. */
#include "check.h"

#include "proto/ws.h"

#define CNT(a) (sizeof(a) / sizeof(a)[0])
#define NO_LIMIT ((size_t)1 << 40)

static uint8_t const KEY[4] = {0x37, 0xfa, 0x21, 0x3d};

typedef int (*next_fn)(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f);

/* first looks at bytes that need not live longer than the call. */
static int first(next_fn next, void const *bytes, size_t n, size_t limit, aats_ws_frame_t *f)
{
    uint8_t *const copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    int const rc = next(copy, n, limit, f);
    free(copy);
    return rc;
}

static int client(void const *bytes, size_t n)
{
    return first(aats_ws_next, bytes, n, NO_LIMIT, &(aats_ws_frame_t){0});
}

static int server(void const *bytes, size_t n)
{
    return first(aats_ws_next_server, bytes, n, NO_LIMIT, &(aats_ws_frame_t){0});
}


/* One connection's receiving side: all messages of a stream, written down one behind the other as
 * "opcode:length:bytes;". */
typedef struct {
    char log[8192];
    size_t log_len;
    int rc;
} heard_t;

static void heard_add(heard_t *h, aats_ws_msg_t const *m)
{
    h->log_len += (size_t)snprintf(h->log + h->log_len, sizeof h->log - h->log_len, "%d:%zu:", m->opcode, m->len);
    REQUIRE(h->log_len + m->len + 2 < sizeof h->log);
    memcpy(h->log + h->log_len, m->data, m->len);
    h->log_len += m->len;
    h->log[h->log_len++] = ';';
    h->log[h->log_len] = 0;
}

/* receive reads a stream that arrives in pieces of `piece` bytes, the way a connection's loop does. */
static void receive(heard_t *h, uint8_t const *stream, size_t len, size_t piece)
{
    uint8_t joined[4096], msg_buf[1024];
    size_t have = 0, at = 0;
    aats_ws_asm_t a;
    memset(h, 0, sizeof *h);
    aats_ws_asm_init(&a, msg_buf, sizeof msg_buf);
    while (at < len && h->rc >= 0) {
        size_t const take = len - at < piece ? len - at : piece;
        memcpy(joined + have, stream + at, take);
        have += take;
        at += take;
        aats_ws_frame_t f;
        while ((h->rc = aats_ws_next(joined, have, 2048, &f)) == 1) {
            aats_ws_msg_t m;
            CHECK(f.payload >= joined && f.payload + f.payload_len <= joined + have && f.frame_sz <= have);
            h->rc = aats_ws_asm_push(&a, &f, &m);
            if (h->rc == 1) heard_add(h, &m);
            if (h->rc < 0) break;
            memmove(joined, joined + f.frame_sz, have - f.frame_sz);
            have -= f.frame_sz;
        }
        if (h->rc == 0) CHECK(f.need > have);
    }
}

static size_t put(uint8_t *out, int opcode, int fin, char const *text)
{
    int const n = aats_ws_encode(out, 1024, opcode, fin, text, strlen(text), NULL);
    CHECK(n > 0);
    return (size_t)n;
}

/* ---- refusals ----------------------------------------------------------------------------------------------------- */

TEST(frames_that_break_the_protocol_are_refused)
{
    static uint8_t const BAD[][12] = {
        {0xC1, 0}, {0xA1, 0}, {0x91, 0},                         /* a reserved bit */
        {0x83, 0}, {0x87, 0}, {0x8B, 0}, {0x8F, 0},              /* a reserved opcode */
        {0x08, 0}, {0x09, 0}, {0x0A, 0},                         /* a control frame in fragments */
        {0x88, 126, 0, 126}, {0x89, 126, 1, 0}, {0x8A, 127},     /* a control frame above 125 bytes */
        {0x81, 126, 0, 125}, {0x82, 126, 0, 0},                  /* a length that fits 7 bits */
        {0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF},               /* a length that fits 16 bits */
        {0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},                  /* a length with its highest bit set */
        {0x81, 0x80, 1, 2, 3, 4}, {0x89, 0x80, 1, 2, 3, 4},      /* a server that masks */
    };
    for (size_t i = 0; i < CNT(BAD); i++) {
        CHECK_MSG(client(BAD[i], sizeof BAD[i]) == AATS_E_PROTO, "case %zu was taken", i);
    }
    CHECK_EQ_I64(server("\x81\x01" "a", 3), AATS_E_PROTO);
    CHECK_EQ_I64(client("\xC1", 1), AATS_E_PROTO);
    CHECK_EQ_I64(client("\x08", 1), AATS_E_PROTO);
}

TEST(a_payload_above_the_limit_is_refused_from_its_head_alone)
{
    aats_ws_frame_t f;
    CHECK_EQ_I64(first(aats_ws_next, "\x81\x7E\x03\xE9", 4, 1000, &f), AATS_E_TOO_BIG);
    CHECK_EQ_I64(first(aats_ws_next, "\x81\x7E\x03\xE8", 4, 1000, &f), 0);
    CHECK_EQ_U64(f.need, 1004);
    CHECK_EQ_I64(first(aats_ws_next, "\x81\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, NO_LIMIT, &f), AATS_E_TOO_BIG);
    CHECK_EQ_I64(first(aats_ws_next, "\x89\x02hi", 4, 0, &f), 1);
}

TEST(fragments_out_of_order_are_refused)
{
    uint8_t s[256];
    heard_t h;
    size_t n = put(s, AATS_WS_CONT, 1, "x");
    receive(&h, s, n, n);
    CHECK_EQ_I64(h.rc, AATS_E_PROTO);
    n = put(s, AATS_WS_TEXT, 0, "a");
    n += put(s + n, AATS_WS_TEXT, 1, "b");
    receive(&h, s, n, n);
    CHECK_EQ_I64(h.rc, AATS_E_PROTO);
    CHECK_STR(h.log, "");
    n = put(s, AATS_WS_TEXT, 0, "a");
    n += put(s + n, AATS_WS_CONT, 1, "b");
    n += put(s + n, AATS_WS_CONT, 1, "c");
    receive(&h, s, n, n);
    CHECK_EQ_I64(h.rc, AATS_E_PROTO);
    CHECK_STR(h.log, "1:2:ab;");
}

TEST(fragments_longer_than_their_buffer_are_refused)
{
    uint8_t joined[3], payload[2] = {'a', 'b'};
    aats_ws_asm_t a;
    aats_ws_msg_t m;
    aats_ws_frame_t f = {.payload = payload, .payload_len = 2, .opcode = AATS_WS_BINARY};
    aats_ws_asm_init(&a, joined, sizeof joined);
    CHECK_EQ_I64(aats_ws_asm_push(&a, &f, &m), 0);
    f.opcode = AATS_WS_CONT;
    f.fin = 1;
    CHECK_EQ_I64(aats_ws_asm_push(&a, &f, &m), AATS_E_TOO_BIG);
    aats_ws_asm_init(&a, NULL, 0);
    f.opcode = AATS_WS_BINARY;
    f.fin = 0;
    CHECK_EQ_I64(aats_ws_asm_push(&a, &f, &m), AATS_E_TOO_BIG);
    aats_ws_asm_init(&a, NULL, 0);
    f.fin = 1;
    CHECK_EQ_I64(aats_ws_asm_push(&a, &f, &m), 1);
    CHECK_EQ_PTR(m.data, payload);
}

TEST(text_that_is_not_utf8_is_refused_binary_is_not)
{
    uint8_t s[256];
    heard_t h;
    size_t n = put(s, AATS_WS_TEXT, 1, "a\xC3");
    receive(&h, s, n, n);
    CHECK_EQ_I64(h.rc, AATS_E_UTF8);
    n = put(s, AATS_WS_TEXT, 0, "a\xC3");
    n += put(s + n, AATS_WS_CONT, 1, "(");
    receive(&h, s, n, n);
    CHECK_EQ_I64(h.rc, AATS_E_UTF8);
    n = put(s, AATS_WS_BINARY, 1, "a\xC3");
    receive(&h, s, n, n);
    CHECK_STR(h.log, "2:2:a\xC3;");
}

TEST(close_codes_that_may_not_be_sent_are_refused)
{
    static int const GOOD[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
                               4000, 4999};
    static int const BAD[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};
    char const *reason;
    size_t n;
    int code;
    for (size_t i = 0; i < CNT(BAD); i++) {
        uint8_t const p[2] = {(uint8_t)(BAD[i] >> 8), (uint8_t)BAD[i]};
        uint8_t out[8];
        CHECK_MSG(aats_ws_close_parse(p, 2, &code, &reason, &n) == AATS_E_PROTO, "%d was taken", BAD[i]);
        if (BAD[i] != 0) CHECK_EQ_I64(aats_ws_encode_close(out, sizeof out, BAD[i], NULL, 0, NULL), AATS_E_ARG);
    }
    for (size_t i = 0; i < CNT(GOOD); i++) {
        uint8_t const p[2] = {(uint8_t)(GOOD[i] >> 8), (uint8_t)GOOD[i]};
        CHECK_EQ_I64(aats_ws_close_parse(p, 2, &code, &reason, &n), AATS_OK);
        CHECK_EQ_I64(code, GOOD[i]);
        CHECK_EQ_U64(n, 0);
    }
    CHECK_EQ_I64(aats_ws_close_parse((uint8_t const *)"\x03", 1, &code, &reason, &n), AATS_E_PROTO);
    CHECK_EQ_I64(aats_ws_close_parse((uint8_t const *)"\x03\xE8\xFF", 3, &code, &reason, &n), AATS_E_UTF8);
    CHECK_EQ_I64(aats_ws_close_parse(NULL, 0, &code, &reason, &n), AATS_OK);
    CHECK_EQ_I64(code, AATS_WS_NO_CODE);
}

TEST(what_no_frame_can_hold_is_not_encoded)
{
    uint8_t out[256], big[126] = {0};
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_PING, 1, big, 126, KEY), AATS_E_ARG);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_PING, 0, big, 1, KEY), AATS_E_ARG);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, 3, 1, big, 1, KEY), AATS_E_ARG);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, -1, 1, big, 1, KEY), AATS_E_ARG);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, 16, 1, big, 1, KEY), AATS_E_ARG);
    for (size_t cap = 0; cap < 16; cap++) {
        CHECK_EQ_I64(aats_ws_encode(out, cap, AATS_WS_TEXT, 1, big, 10, KEY), AATS_E_FULL);
    }
    CHECK_EQ_I64(aats_ws_encode(out, 16, AATS_WS_TEXT, 1, big, 10, KEY), 16);
}

/* ---- the path ----------------------------------------------------------------------------------------------------- */

TEST(the_examples_of_rfc_6455_section_5_7)
{
    static uint8_t const HELLO[] = {0x81, 0x05, 'H', 'e', 'l', 'l', 'o'};
    static uint8_t const MASKED[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    static uint8_t const FRAGMENTS[] = {0x01, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o'};
    static uint8_t const PING[] = {0x89, 0x05, 'H', 'e', 'l', 'l', 'o'};
    static uint8_t const PONG[] = {0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    uint8_t out[70000], masked[sizeof MASKED];
    static uint8_t zeros[65536];
    heard_t h;
    aats_ws_frame_t f;

    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_TEXT, 1, "Hello", 5, NULL), sizeof HELLO);
    CHECK_MEM(out, HELLO, sizeof HELLO);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_TEXT, 1, "Hello", 5, KEY), sizeof MASKED);
    CHECK_MEM(out, MASKED, sizeof MASKED);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_PING, 1, "Hello", 5, NULL), sizeof PING);
    CHECK_MEM(out, PING, sizeof PING);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_PONG, 1, "Hello", 5, KEY), sizeof PONG);
    CHECK_MEM(out, PONG, sizeof PONG);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_BINARY, 1, zeros, 256, NULL), 260);
    CHECK_MEM(out, "\x82\x7E\x01\x00", 4);
    CHECK_EQ_I64(aats_ws_encode(out, sizeof out, AATS_WS_BINARY, 1, zeros, 65536, NULL), 65546);
    CHECK_MEM(out, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);

    receive(&h, FRAGMENTS, sizeof FRAGMENTS, sizeof FRAGMENTS);
    CHECK_STR(h.log, "1:5:Hello;");
    memcpy(masked, MASKED, sizeof MASKED);
    CHECK_EQ_I64(aats_ws_next_server(masked, sizeof masked, NO_LIMIT, &f), 1);
    CHECK(f.masked && f.payload_len == 5);
    CHECK_MEM(f.payload, "Hello", 5);
    CHECK_EQ_I64(aats_ws_next_server(masked, sizeof masked, NO_LIMIT, &f), 1);
    CHECK_MEM(f.payload, "Hello", 5);
}

TEST(a_stream_means_the_same_in_pieces_of_every_size)
{
    static char long_text[200 + 1];
    uint8_t s[2048];
    heard_t whole, h;
    size_t n = 0;
    memset(long_text, 'x', 200);
    n += put(s + n, AATS_WS_TEXT, 1, "{\"e\":\"trade\"}");
    n += put(s + n, AATS_WS_TEXT, 0, "\xE4\xBD");
    n += put(s + n, AATS_WS_PING, 1, "1785312000112");
    n += put(s + n, AATS_WS_CONT, 0, "");
    n += put(s + n, AATS_WS_PONG, 1, "");
    n += put(s + n, AATS_WS_CONT, 1, "\xA0");
    n += put(s + n, AATS_WS_BINARY, 1, long_text);
    n += put(s + n, AATS_WS_TEXT, 1, "");
    n += (size_t)aats_ws_encode_close(s + n, sizeof s - n, 1001, "bye", 3, NULL);
    receive(&whole, s, n, n);
    static char const BEGIN[] = "1:13:{\"e\":\"trade\"};9:13:1785312000112;10:0:;1:3:\xE4\xBD\xA0;2:200:xxx";
    CHECK(strncmp(whole.log, BEGIN, sizeof BEGIN - 1) == 0);
    CHECK(strstr(whole.log, ";1:0:;8:5:\x03\xE9" "bye;") != NULL);
    for (size_t piece = 1; piece < n; piece++) {
        receive(&h, s, n, piece);
        CHECK_MSG(strcmp(h.log, whole.log) == 0, "pieces of %zu bytes: %s", piece, h.log);
    }
    for (size_t cut = 1; cut < n; cut++) { /* and cut in two at every byte */
        uint8_t *const a = malloc(cut);
        aats_ws_frame_t f;
        size_t at = 0;
        int rc;
        memcpy(a, s, cut);
        while ((rc = aats_ws_next(a + at, cut - at, 2048, &f)) == 1) at += f.frame_sz;
        CHECK(rc == 0 && at <= cut && at + f.need > cut);
        free(a);
    }
}

TEST(what_is_encoded_parses_back_at_every_length)
{
    static uint8_t payload[66000], frame[66000 + AATS_WS_HEAD_MAX];
    static size_t const LONG[] = {1000, 65534, 65535, 65536, 65537, 66000};
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < 300 + CNT(LONG); i++) {
        size_t const n = i < 300 ? i : LONG[i - 300];
        for (int masked = 0; masked < 2; masked++) {
            aats_ws_frame_t f;
            int const sz = aats_ws_encode(frame, sizeof frame, AATS_WS_BINARY, (int)(i & 1), payload, n,
                                          masked ? KEY : NULL);
            CHECK_EQ_I64(sz, aats_ws_head_sz(n, masked) + n);
            CHECK_EQ_I64((masked ? aats_ws_next_server : aats_ws_next)(frame, (size_t)sz, NO_LIMIT, &f), 1);
            CHECK(f.fin == (i & 1) && f.opcode == AATS_WS_BINARY && f.frame_sz == (size_t)sz && f.payload_len == n);
            CHECK_MEM(f.payload, payload, n);
        }
    }
}

TEST(a_payload_already_in_its_place_is_masked_there)
{
    uint8_t a[64], b[64];
    size_t const head = aats_ws_head_sz(21, 1);
    memcpy(a + head, "the payload lies there", 21);
    CHECK_EQ_I64(aats_ws_encode(a, sizeof a, AATS_WS_TEXT, 1, a + head, 21, KEY), 27);
    CHECK_EQ_I64(aats_ws_encode(b, sizeof b, AATS_WS_TEXT, 1, "the payload lies there", 21, KEY), 27);
    CHECK_MEM(a, b, 27);
}

TEST(masking_is_bytewise_whatever_the_length)
{
    for (size_t n = 0; n < 64; n++) {
        uint8_t *const p = malloc(n ? n : 1);
        for (size_t i = 0; i < n; i++) p[i] = (uint8_t)i;
        aats_ws_mask(p, n, KEY);
        for (size_t i = 0; i < n; i++) CHECK_EQ_I64(p[i], (uint8_t)i ^ KEY[i % 4]);
        free(p);
    }
    CHECK(1);
}

TEST(a_close_reason_too_long_is_cut_at_a_character)
{
    char reason[200];
    uint8_t out[200];
    aats_ws_frame_t f;
    char const *back;
    size_t n;
    int code;
    memset(reason, 'a', sizeof reason);
    memcpy(reason + 122, "\xE2\x82\xAC", 3); /* bytes 122..124: the last two do not fit */
    int const sz = aats_ws_encode_close(out, sizeof out, 1007, reason, sizeof reason, NULL);
    CHECK_EQ_I64(aats_ws_next(out, (size_t)sz, NO_LIMIT, &f), 1);
    CHECK_EQ_I64(aats_ws_close_parse(f.payload, f.payload_len, &code, &back, &n), AATS_OK);
    CHECK_EQ_I64(code, 1007);
    CHECK_EQ_U64(n, 122);
    CHECK_EQ_I64(aats_ws_encode_close(out, sizeof out, 0, NULL, 0, NULL), 2);
}

RUN_ALL()
