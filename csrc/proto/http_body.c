#include "proto/http_body.h"

#include <string.h>

#define LINE_MAX_SZ  256        /* of a chunk's size and extensions */
#define TRAILERS_MAX 4096

/* ---- chunks ---- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A line of at most `most` bytes, CR LF with it: its length, AATS_E_MORE, AATS_E_SYNTAX. */
static int line_at(char const *p, size_t n, size_t most)
{
    size_t const seen = n < most ? n : most;
    char const *lf = memchr(p, '\n', seen);
    if (lf == NULL) return n >= most ? AATS_E_SYNTAX : AATS_E_MORE;
    return lf > p && lf[-1] == '\r' ? (int)(lf - p) + 1 : AATS_E_SYNTAX;
}

/* The size of a chunk, "1a2b" or "1a2b;name=value": AATS_OK, AATS_E_SYNTAX, AATS_E_TOO_BIG. */
static int chunk_size(char const *p, size_t n, size_t most, size_t *out)
{
    size_t at = 0, size = 0;
    for (; at < n && hex_of(p[at]) >= 0; at++) {
        size = size * 16 + (size_t)hex_of(p[at]);
        if (size > most) return AATS_E_TOO_BIG;
    }
    *out = size;
    return at > 0 && (at == n || p[at] == ';' || p[at] == ' ' || p[at] == '\t') ? AATS_OK : AATS_E_SYNTAX;
}

/* chunks walks over a body in chunks.  to: where its bytes are put together, NULL: only looked at.  1, and the bytes that it takes and holds; or a code. */
static int chunks(char const *p, size_t n, size_t most, char *to, size_t *took, size_t *holds)
{
    size_t at = 0, sum = 0, size = 0;
    do {
        int const line = line_at(p + at, n - at, LINE_MAX_SZ);
        if (line < 0) return line;
        int const e = chunk_size(p + at, (size_t)line - 2, most - sum, &size);
        if (e != AATS_OK) return e;
        at += (size_t)line;
        if (size == 0) break;
        if (n - at < size + 2) return n - at > size && p[at + size] != '\r' ? AATS_E_SYNTAX : AATS_E_MORE;
        if (p[at + size] != '\r' || p[at + size + 1] != '\n') return AATS_E_SYNTAX;
        if (to != NULL) memmove(to + sum, p + at, size);
        sum += size;
        at += size + 2;
    } while (1);
    for (size_t trailers = 0;;) {
        int const line = line_at(p + at, n - at, TRAILERS_MAX - trailers);
        if (line < 0) return line;
        at += (size_t)line;
        trailers += (size_t)line;
        if (line == 2) break;
    }
    *took = at;
    *holds = sum;
    return 1;
}

/* ---- the answer ---- */

static int without_body(int status) { return status == 204 || status == 304; }

/* body finds where the body ends: 1 and out's body, size and last; or a code. */
static int body(char *buf, size_t n, size_t body_max, int eof, aats_http_answer_t *out)
{
    aats_http_head_t const *h = &out->head;
    char const *coding;
    size_t coding_len, took = 0, at = out->size;
    uint64_t length = 0;
    int const told = aats_http_length(h, &length), coded = aats_http_find(h, "transfer-encoding", &coding, &coding_len);
    int const keeps = h->minor == 1 ? !aats_http_has(h, "connection", "close") : aats_http_has(h, "connection", "keep-alive");
    out->body = buf + at;
    out->body_len = 0;
    out->last = !keeps;
    if (told < 0 || (told == 1 && coded)) return AATS_E_SYNTAX;
    if (without_body(h->status)) return 1;
    if (coded) {
        if (aats_http_count(h, "transfer-encoding") != 1 || coding_len != 7 || !aats_http_has(h, "transfer-encoding", "chunked")) return AATS_E_SYNTAX;
        int const e = chunks(buf + at, n - at, body_max, NULL, &took, &out->body_len);
        if (e != 1) return e;
        (void)chunks(buf + at, n - at, body_max, buf + at, &took, &out->body_len);
        out->size = at + took;
        return 1;
    }
    if (told == 1) {
        if (length > body_max) return AATS_E_TOO_BIG;
        if (n - at < length) return AATS_E_MORE;
        out->body_len = (size_t)length;
        out->size = at + (size_t)length;
        return 1;
    }
    if (n - at > body_max) return AATS_E_TOO_BIG;
    if (!eof) return AATS_E_MORE;
    out->body_len = n - at;
    out->size = n;
    out->last = 1;
    return 1;
}

int aats_http_answer(char *buf, size_t n, size_t body_max, int eof, aats_http_answer_t *out)
{
    size_t at = 0;
    int e;
    for (;;) {
        e = aats_http_head(buf + at, n - at, &out->head);
        if (e <= 0) break;
        out->head_at = buf + at;
        out->head_len = (size_t)e;
        at += (size_t)e;
        if (out->head.status == 101) return AATS_E_SYNTAX; /* nobody asked for that */
        if (out->head.status < 200) continue;
        out->size = at;
        e = body(buf, n, body_max, eof, out);
        break;
    }
    return e == AATS_E_MORE && eof ? AATS_E_SYNTAX : e;
}
