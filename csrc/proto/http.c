#include "proto/http.h"

#include <string.h>

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c | 32 : (uint8_t)c; }

static int same(char const *a, size_t an, char const *b, size_t bn)
{
    if (an != bn) return 0;
    for (size_t i = 0; i < an; i++) {
        if (lower(a[i]) != lower(b[i])) return 0;
    }
    return 1;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* token characters of RFC 9110, section 5.6.2 */
static int is_token(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* what may stand in a field value or a reason: visible characters, blank, tab, bytes above 127 */
static int is_text(char c) { return c == '\t' || ((uint8_t)c >= ' ' && c != 0x7F); }

/* HTTP/1.0 or HTTP/1.1 at p, which has 8 bytes at least; the minor version, or -1. */
static int minor_version(char const *p)
{
    return memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '0' || p[7] == '1') ? p[7] - '0' : -1;
}

/* The first line of an answer, [p, end) without its CR LF: HTTP/1.1 SP 101 SP reason. Some servers leave out the
 * last blank with the reason. */
static int status_line(char const *p, char const *end, aats_http_head_t *h)
{
    if (end - p < 12 || (h->minor = minor_version(p)) < 0 || p[8] != ' ') return AATS_E_SYNTAX;
    if (!is_digit(p[9]) || p[9] == '0' || !is_digit(p[10]) || !is_digit(p[11])) return AATS_E_SYNTAX;
    h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    p += 12;
    if (p < end && *p++ != ' ') return AATS_E_SYNTAX;
    h->reason = p;
    h->reason_len = (uint32_t)(end - p);
    for (; p < end; p++) {
        if (!is_text(*p)) return AATS_E_SYNTAX;
    }
    return AATS_OK;
}

/* The first line of a request: GET SP /path SP HTTP/1.1. */
static int request_line(char const *p, char const *end, aats_http_head_t *h)
{
    h->method = p;
    while (p < end && is_token(*p)) p++;
    h->method_len = (uint32_t)(p - h->method);
    if (h->method_len == 0 || p == end || *p++ != ' ') return AATS_E_SYNTAX;
    h->target = p;
    while (p < end && (uint8_t)*p > ' ' && *p != 0x7F) p++;
    h->target_len = (uint32_t)(p - h->target);
    if (h->target_len == 0 || end - p != 9 || *p != ' ') return AATS_E_SYNTAX;
    h->minor = minor_version(p + 1);
    return h->minor < 0 ? AATS_E_SYNTAX : AATS_OK;
}

/* One field line: name ":" OWS value OWS. A line that begins with white space would continue the one before it:
 * refused. */
static int field_line(char const *p, char const *end, aats_http_head_t *h)
{
    if (h->field_cnt == AATS_HTTP_FIELDS) return AATS_E_TOO_BIG;
    aats_http_field_t *const f = h->fields + h->field_cnt;
    f->name = p;
    while (p < end && is_token(*p)) p++;
    f->name_len = (uint32_t)(p - f->name);
    if (f->name_len == 0 || p == end || *p != ':') return AATS_E_SYNTAX;
    p++;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    f->value = p;
    f->value_len = (uint32_t)(end - p);
    for (; p < end; p++) {
        if (!is_text(*p)) return AATS_E_SYNTAX;
    }
    h->field_cnt++;
    return AATS_OK;
}

typedef int (*line_fn)(char const *p, char const *end, aats_http_head_t *h);

static int head(char const *buf, size_t n, aats_http_head_t *h, line_fn first_line)
{
    size_t at = 0;
    size_t const seen = n < AATS_HTTP_HEAD_MAX ? n : AATS_HTTP_HEAD_MAX;
    line_fn line = first_line;
    memset(h, 0, offsetof(aats_http_head_t, fields));
    for (;;) {
        char const *const p = buf + at;
        char const *const lf = at < seen ? memchr(p, '\n', seen - at) : NULL;
        if (lf == NULL) return seen == AATS_HTTP_HEAD_MAX ? AATS_E_TOO_BIG : AATS_E_MORE;
        if (lf == p || lf[-1] != '\r') return AATS_E_SYNTAX;
        at = (size_t)(lf - buf) + 1;
        if (lf - 1 == p && line == field_line) return (int)at;
        int const rc = line(p, lf - 1, h);
        if (rc != AATS_OK) return rc;
        line = field_line;
    }
}

int aats_http_head(char const *buf, size_t n, aats_http_head_t *h)
{
    static char const VERSION[] = "HTTP/1.";
    size_t const known = n < sizeof VERSION - 1 ? n : sizeof VERSION - 1;
    /* another protocol answers: do not wait for the end of its line */
    if (known > 0 && memcmp(buf, VERSION, known) != 0) return AATS_E_SYNTAX;
    return head(buf, n, h, status_line);
}

int aats_http_request_head(char const *buf, size_t n, aats_http_head_t *h) { return head(buf, n, h, request_line); }

/* ---- fields ------------------------------------------------------------------------------------------------------- */

int aats_http_find(aats_http_head_t const *h, char const *name, char const **value, size_t *n)
{
    size_t const len = strlen(name);
    for (uint32_t i = 0; i < h->field_cnt; i++) {
        aats_http_field_t const *const f = h->fields + i;
        if (same(f->name, f->name_len, name, len)) {
            *value = f->value;
            *n = f->value_len;
            return 1;
        }
    }
    return 0;
}

int aats_http_count(aats_http_head_t const *h, char const *name)
{
    size_t const len = strlen(name);
    int cnt = 0;
    for (uint32_t i = 0; i < h->field_cnt; i++) cnt += same(h->fields[i].name, h->fields[i].name_len, name, len);
    return cnt;
}

int aats_http_has(aats_http_head_t const *h, char const *name, char const *token)
{
    size_t const len = strlen(name), want = strlen(token);
    for (uint32_t i = 0; i < h->field_cnt; i++) {
        aats_http_field_t const *const f = h->fields + i;
        if (!same(f->name, f->name_len, name, len)) continue;
        char const *p = f->value;
        char const *const end = p + f->value_len;
        while (p < end) {
            char const *comma = memchr(p, ',', (size_t)(end - p));
            char const *stop = comma != NULL ? comma : end;
            char const *last = stop;
            while (p < last && (*p == ' ' || *p == '\t')) p++;
            while (p < last && (last[-1] == ' ' || last[-1] == '\t')) last--;
            if (same(p, (size_t)(last - p), token, want)) return 1;
            p = stop + (stop < end);
        }
    }
    return 0;
}

/* digits reads 1*DIGIT, UINT64_MAX standing for anything larger; 0 if it is not that. */
static int digits(char const *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(p[i])) return 0;
        uint64_t const d = (uint64_t)(p[i] - '0');
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) || __builtin_add_overflow(v, d, &v)) v = UINT64_MAX;
    }
    *out = v;
    return n > 0;
}

int aats_http_length(aats_http_head_t const *h, uint64_t *out)
{
    static char const NAME[] = "content-length";
    int found = 0;
    uint64_t v, first = 0;
    for (uint32_t i = 0; i < h->field_cnt; i++) {
        aats_http_field_t const *const f = h->fields + i;
        if (!same(f->name, f->name_len, NAME, sizeof NAME - 1)) continue;
        if (!digits(f->value, f->value_len, &v) || (found && v != first)) return AATS_E_SYNTAX;
        first = v;
        found = 1;
    }
    if (found) *out = first;
    return found;
}

int aats_http_retry_after(aats_http_head_t const *h, uint64_t *out)
{
    char const *v;
    size_t n;
    return aats_http_find(h, "retry-after", &v, &n) && digits(v, n, out);
}
