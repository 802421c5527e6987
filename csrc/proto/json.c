#include "proto/json.h"

#include "proto/num.h"
#include "proto/num_fast.h"
#include "proto/swar.h"

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

/* peek passes white space and returns the next byte, -1 at the end. */
static inline int peek(aats_json_t *j)
{
    while (j->p < j->end) {
        uint8_t const c = (uint8_t)*j->p;
        if (c > ' ') return c;
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return c;
        j->p++;
    }
    return -1;
}

static int is_hex(char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f'); }

/* escape_sz returns the bytes of the escape that begins with the backslash at p, 0 for one that JSON does not know. */
static int escape_sz(char const *p, char const *end)
{
    if (end - p < 2) return 0;
    switch (p[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return 2;
    case 'u':
        return end - p >= 6 && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? 6 : 0;
    default:
        return 0;
    }
}

/* string passes the string whose opening quote is at the cursor. */
static inline int string(aats_json_t *j, char const **s, size_t *n)
{
    char const *p = j->p + 1;
    char const *const end = j->end;
    char const *const first = p;
    j->escaped = 0;
    /* one character: most keys of market messages */
    if (end - p >= 2 && p[1] == '"' && p[0] != '"' && p[0] != '\\' && (uint8_t)p[0] >= 0x20) {
        *s = first;
        *n = 1;
        j->p = p + 2;
        return AATS_OK;
    }
    for (;;) {
        while (end - p >= 8) {
            uint64_t const w = aats_swar_load8(p);
            int const k = aats_swar_first(aats_swar_is(w, '"') | aats_swar_is(w, '\\') | aats_swar_below(w, 0x20));
            p += k;
            if (k < 8) break;
        }
        while (p < end && *p != '"' && *p != '\\' && (uint8_t)*p >= 0x20) p++;
        if (p < end && *p == '"') break;

        int const sz = p < end && *p == '\\' ? escape_sz(p, end) : 0;
        if (sz == 0) {
            j->p = p;
            return aats_json_fail(j, AATS_E_SYNTAX);
        }
        j->escaped = 1;
        p += sz;
    }
    *s = first;
    *n = (size_t)(p - first);
    j->p = p + 1;
    return AATS_OK;
}

/* number passes the number at the cursor; *whole says that it has neither point nor exponent. */
static int number(aats_json_t *j, char const **s, size_t *n, int *whole)
{
    char const *p = j->p;
    char const *const end = j->end;
    char const *mark;
    *whole = 1;
    if (p < end && *p == '-') p++;
    mark = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    if (p == mark || (*mark == '0' && p - mark > 1)) goto bad;
    if (p < end && *p == '.') {
        *whole = 0;
        mark = ++p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == mark) goto bad;
    }
    if (p < end && (*p | 32) == 'e') {
        *whole = 0;
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        mark = p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == mark) goto bad;
    }
    *s = j->p;
    *n = (size_t)(p - j->p);
    j->p = p;
    return AATS_OK;
bad:
    j->p = p;
    return aats_json_fail(j, AATS_E_SYNTAX);
}

/* word passes the literal w. */
static int word(aats_json_t *j, char const *w, size_t n)
{
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, w, n) != 0) return aats_json_fail(j, AATS_E_SYNTAX);
    j->p += n;
    return AATS_OK;
}

/* expect says that the next value is of type t, or fails: AATS_E_SHAPE for another type, AATS_E_SYNTAX for none. */
static inline int expect(aats_json_t *j, int t)
{
    if (j->err == AATS_OK && j->p < j->end && *j->p == t) return AATS_OK;
    int const got = aats_json_type(j);
    if (got == t) return AATS_OK;
    return got < 0 ? got : aats_json_fail(j, AATS_E_SHAPE);
}

/* ---- the cursor --------------------------------------------------------------------------------------------------- */

void aats_json_init(aats_json_t *j, char const *s, size_t n)
{
    *j = (aats_json_t){.p = s, .start = s, .end = n ? s + n : s};
}

int aats_json_fail(aats_json_t *j, int code)
{
    if (j->err == AATS_OK) j->err = code;
    return j->err;
}

size_t aats_json_offset(aats_json_t const *j) { return (size_t)(j->p - j->start); }

int aats_json_type(aats_json_t *j)
{
    if (j->err != AATS_OK) return j->err;
    int const c = peek(j);
    switch (c) {
    case '"': case '{': case '[': case 'n':
        return c;
    case 't': case 'f':
        return 't';
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return '0';
    default:
        return aats_json_fail(j, AATS_E_SYNTAX);
    }
}

static int enter(aats_json_t *j, int type)
{
    int const rc = expect(j, type);
    if (rc != AATS_OK) return rc;
    if (j->depth == AATS_JSON_DEPTH) return aats_json_fail(j, AATS_E_SYNTAX);
    j->fresh |= (uint64_t)1 << j->depth++;
    j->p++;
    return AATS_OK;
}

int aats_json_object(aats_json_t *j) { return enter(j, '{'); }
int aats_json_array(aats_json_t *j) { return enter(j, '['); }

/* step passes the comma before the next element (1), or the closing byte (0), or fails. After a comma that nothing
 * follows it says 1 too: whatever takes the element finds that out. */
static inline int step(aats_json_t *j, int closing)
{
    if (j->err != AATS_OK) return j->err;
    if (j->depth == 0) return aats_json_fail(j, AATS_E_ARG);
    uint64_t const bit = (uint64_t)1 << (j->depth - 1);
    int const c = peek(j);
    if (c == closing) {
        j->p++;
        j->depth--;
        j->fresh &= ~bit;
        return 0;
    }
    if (j->fresh & bit) {
        j->fresh &= ~bit;
        return 1;
    }
    if (c != ',') return aats_json_fail(j, AATS_E_SYNTAX);
    j->p++;
    return 1;
}

int aats_json_key(aats_json_t *j, char const **key, size_t *n)
{
    int rc = step(j, '}');
    if (rc <= 0) return rc;
    if (peek(j) != '"') return aats_json_fail(j, AATS_E_SYNTAX);
    rc = string(j, key, n);
    if (rc != AATS_OK) return rc;
    if (peek(j) != ':') return aats_json_fail(j, AATS_E_SYNTAX);
    j->p++;
    return 1;
}

int aats_json_item(aats_json_t *j) { return step(j, ']'); }

int aats_json_end(aats_json_t *j)
{
    if (j->err != AATS_OK) return j->err;
    return j->depth != 0 || peek(j) >= 0 ? aats_json_fail(j, AATS_E_SYNTAX) : AATS_OK;
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

int aats_json_str(aats_json_t *j, char const **s, size_t *n)
{
    int const rc = expect(j, '"');
    return rc != AATS_OK ? rc : string(j, s, n);
}

/* integer passes a number that must be an integer. */
static int integer(aats_json_t *j, char const **s, size_t *n)
{
    int whole;
    int rc = expect(j, '0');
    if (rc == AATS_OK) rc = number(j, s, n, &whole);
    if (rc == AATS_OK && !whole) rc = aats_json_fail(j, AATS_E_SHAPE);
    return rc;
}

int aats_json_u64(aats_json_t *j, uint64_t *out)
{
    char const *s;
    size_t n;
    uint64_t v;
    if (j->err == AATS_OK && (s = aats_num_fast_u64(j->p, j->end, &v)) != NULL && (*s == ',' || *s == '}')) {
        j->p = s;
        *out = v;
        return AATS_OK;
    }
    int rc = integer(j, &s, &n);
    if (rc != AATS_OK) return rc;
    rc = s[0] == '-' ? AATS_E_RANGE : aats_num_u64(s, n, out);
    return rc == AATS_OK ? AATS_OK : aats_json_fail(j, rc);
}

int aats_json_i64(aats_json_t *j, int64_t *out)
{
    char const *s;
    size_t n;
    int rc = integer(j, &s, &n);
    if (rc != AATS_OK) return rc;
    rc = aats_num_parse(s, n, 0, out);
    return rc == AATS_OK ? AATS_OK : aats_json_fail(j, rc);
}

int aats_json_bool(aats_json_t *j, int *out)
{
    int rc = expect(j, 't');
    if (rc != AATS_OK) return rc;
    int const yes = *j->p == 't';
    rc = yes ? word(j, "true", 4) : word(j, "false", 5);
    if (rc == AATS_OK) *out = yes;
    return rc;
}

int aats_json_null(aats_json_t *j)
{
    int const rc = expect(j, 'n');
    return rc != AATS_OK ? rc : word(j, "null", 4);
}

int aats_json_num(aats_json_t *j, int exp, int64_t *out)
{
    char const *s;
    size_t n;
    int whole;
    if (j->err == AATS_OK && j->p < j->end && *j->p == '"' && aats_num_exp_ok(exp)) {
        int64_t v;
        s = aats_num_fast(j->p + 1, j->end, exp, NULL, &v);
        if (s != NULL && s < j->end && *s == '"') {
            j->p = s + 1;
            *out = v;
            return AATS_OK;
        }
    }
    int const type = aats_json_type(j);
    if (type < 0) return type;
    if (type != '"' && type != '0') return aats_json_fail(j, AATS_E_SHAPE);
    int rc = type == '"' ? string(j, &s, &n) : number(j, &s, &n, &whole);
    if (rc != AATS_OK) return rc;
    rc = aats_num_parse(s, n, exp, out);
    return rc == AATS_OK ? AATS_OK : aats_json_fail(j, rc);
}

int aats_json_skip(aats_json_t *j)
{
    int const base = j->depth;
    uint64_t objects = 0; /* bit d: the container at depth d + 1 is an object */
    char const *s;
    size_t n;
    int rc, whole;
    do {
        switch (rc = aats_json_type(j)) {
        case '{': objects |= (uint64_t)1 << (j->depth & 63), rc = aats_json_object(j); break;
        case '[': objects &= ~((uint64_t)1 << (j->depth & 63)), rc = aats_json_array(j); break;
        case '"': rc = string(j, &s, &n); break;
        case '0': rc = number(j, &s, &n, &whole); break;
        case 't': rc = aats_json_bool(j, &whole); break;
        case 'n': rc = aats_json_null(j); break;
        default: break;
        }
        if (rc < 0) return rc;
        while (j->depth > base) {
            rc = (objects >> (j->depth - 1)) & 1 ? aats_json_key(j, &s, &n) : aats_json_item(j);
            if (rc < 0) return rc;
            if (rc == 1) break;
        }
    } while (j->depth > base);
    return AATS_OK;
}

int aats_json_raw(aats_json_t *j, char const **s, size_t *n)
{
    int rc = aats_json_type(j);
    if (rc < 0) return rc;
    char const *const first = j->p;
    rc = aats_json_skip(j);
    if (rc != AATS_OK) return rc;
    *s = first;
    *n = (size_t)(j->p - first);
    return AATS_OK;
}
