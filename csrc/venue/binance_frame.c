/* binance_frame.c -- the envelope of Binance's market streams; see binance_frame.h.  Odd behaviours are numbered in binance.c. */
#include "venue/binance_frame.h"

#include <string.h>

#include "venue/binance_text.h"

int binance_take_sym(aats_json_t *j, uint32_t *seen, unsigned bit, aats_msg_t *m)
{
    aats_json_seen(j, seen, bit);
    return aats_json_str(j, &m->sym, &m->sym_len);
}

int binance_other(aats_json_t *j, aats_msg_t *m)
{
    m->kind = AATS_MSG_OTHER;
    return aats_json_skip(j);
}

int binance_nameless(aats_json_t *j, aats_msg_t *m)
{
    m->kind = AATS_JSON_IS(m->stream, m->stream_len, "!serverShutdown") ? AATS_MSG_SHUTDOWN : AATS_MSG_OTHER; /* V-07 */
    return aats_json_skip(j);
}

int binance_suffix_is(char const *s, size_t n, char const *lit)
{
    size_t k = strlen(lit);
    return n >= k && !memcmp(s, lit, k) && (n == k || s[k] == '@' || (s[k] >= '0' && s[k] <= '9'));
}

char const *binance_split(aats_msg_t *m, size_t *n)
{
    char const *at = memchr(m->stream, '@', m->stream_len);
    if (!at) return NULL;
    m->sym = m->stream;
    m->sym_len = (size_t)(at - m->stream);
    aats_msg_scale(m, BINANCE_EXP, BINANCE_EXP);
    *n = m->stream_len - m->sym_len - 1;
    return at + 1;
}

static int same_symbol(char const *a, size_t an, char const *b, size_t bn)
{
    if (an != bn) return 0;
    for (size_t i = 0; i < an; i++) {
        char x = a[i], y = b[i];
        if (x >= 'A' && x <= 'Z') x += 32;
        if (y >= 'A' && y <= 'Z') y += 32;
        if (x != y) return 0;
    }
    return 1;
}

/* {"stream":"btcusdt@trade","data":{...}}: in whichever order the two come, data is read once the stream is known. */
static int wrapped(aats_json_t *j, aats_msg_t *m, binance_frame_t const *of)
{
    char const *key, *data = NULL;
    size_t key_len, data_len = 0;
    uint32_t seen = 0;
    int done = 0;
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("stream")) {
            aats_json_seen(j, &seen, 0);
            aats_json_str(j, &m->stream, &m->stream_len);
        } else if (IS("data")) {
            aats_json_seen(j, &seen, 1);
            if (j->err) break;
            if (m->stream) of->by_stream(j, m), done = 1;
            else aats_json_raw(j, &data, &data_len);
        } else aats_json_skip(j);
    }
    if (aats_json_end(j) || whole(j, seen, 3)) return j->err;
    if (!done) {
        aats_json_t inner;
        aats_json_init(&inner, data, data_len);
        of->by_stream(&inner, m);
        if (aats_json_end(&inner)) return aats_json_fail(j, inner.err);
    }
    /* the payload's own symbol must be the stream's */
    if (m->sym) {
        char const *at = memchr(m->stream, '@', m->stream_len);
        if (at && !same_symbol(m->sym, m->sym_len, m->stream, (size_t)(at - m->stream))) {
            m->sym = NULL; /* one of the two is wrong, so it may be anybody's */
            return aats_json_fail(j, AATS_E_SHAPE);
        }
    }
    return AATS_OK;
}

/* {"code":2,"msg":"Invalid request: invalid stream"} */
static void error_object(aats_json_t *j, aats_msg_t *m)
{
    char const *key;
    size_t key_len;
    aats_json_object(j);
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("code")) aats_json_i64(j, &m->code);
        else if (IS("msg")) aats_json_str(j, &m->text, &m->text_len);
        else aats_json_skip(j);
    }
}

static void request_id(aats_json_t *j, aats_msg_t *m)
{
    int64_t id = 0;
    if (aats_json_type(j) == '0') aats_json_i64(j, &id);
    else aats_json_skip(j);
    m->id = (uint64_t)id;
}

/* What comes unwrapped: {"result":null,"id":1}   {"code":2,"msg":"..","id":1}   {"error":{"code":2,"msg":".."},"id":1}   (V-02)
 * {"e":"serverShutdown","E":1770123456789}   {"event":{"e":"serverShutdown",..}}   (V-07) */
static int plain(aats_json_t *j, aats_msg_t *m)
{
    char const *key, *e;
    size_t key_len, e_len;
    int is_error = 0, has_result = 0;
    while (aats_json_key(j, &key, &key_len) == 1) {
        if (IS("id")) request_id(j, m);
        else if (IS("result")) has_result = 1, aats_json_skip(j);
        else if (IS("error")) {
            is_error = 1;
            if (aats_json_type(j) == '{') error_object(j, m);
            else aats_json_skip(j);
        } else if (IS("code")) is_error = 1, aats_json_i64(j, &m->code);
        else if (IS("msg")) aats_json_str(j, &m->text, &m->text_len);
        else if (IS("e") && aats_json_type(j) == '"') {
            aats_json_str(j, &e, &e_len);
            if (!j->err && AATS_JSON_IS(e, e_len, "serverShutdown")) m->kind = AATS_MSG_SHUTDOWN;
        } else if (IS("event") && aats_json_type(j) == '{') {
            aats_json_object(j);
            while (aats_json_key(j, &key, &key_len) == 1) {
                if (IS("e") && aats_json_type(j) == '"') {
                    aats_json_str(j, &e, &e_len);
                    if (!j->err && AATS_JSON_IS(e, e_len, "serverShutdown")) m->kind = AATS_MSG_SHUTDOWN;
                } else aats_json_skip(j);
            }
        } else aats_json_skip(j);
    }
    if (aats_json_end(j)) return j->err;
    if (is_error) m->kind = AATS_MSG_ERROR;
    else if (has_result) m->kind = AATS_MSG_ACK;
    return AATS_OK;
}

/* The first key that the venue is known to use tells the kind; it stands first today, but nothing promises it (V-05). */
enum { WRAPPED = 1, WHOLE_BOOK = 2, PLAIN = 3 };

static int kind_of(aats_json_t look)
{
    char const *key;
    size_t key_len;
    while (aats_json_key(&look, &key, &key_len) == 1) {
        if (IS("stream") || IS("data")) return WRAPPED;
        if (IS("lastUpdateId") || IS("bids") || IS("asks")) return WHOLE_BOOK;
        if (IS("e") || IS("event") || IS("id") || IS("result") || IS("error") || IS("code")) return PLAIN;
        aats_json_skip(&look);
    }
    return PLAIN;
}

int binance_frame(char const *text, size_t n, aats_msg_t *m, binance_frame_t const *of)
{
    aats_msg_clear(m);
    aats_msg_scale(m, BINANCE_EXP, BINANCE_EXP);

    aats_json_t j;
    aats_json_init(&j, text, n);
    aats_json_object(&j);
    int kind = kind_of(j);
    if (kind == WRAPPED) {
        wrapped(&j, m, of);
    } else if (kind == WHOLE_BOOK) {
        m->kind = AATS_MSG_SNAPSHOT;
        aats_json_init(&j, text, n);
        of->whole_book(&j, m);
        aats_json_end(&j);
    } else {
        plain(&j, m);
    }
    m->offset = aats_json_offset(&j);
    return j.err;
}
