/* json_text.c -- the text of a string with escapes; away from the scanner because nothing on the way of a market
 * message needs it. */
#include "proto/json.h"

static unsigned hex4(char const *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return v;
}

static int is_hex4(char const *p)
{
    for (int i = 0; i < 4; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'f'))) return 0;
    }
    return 1;
}

/* unicode reads the \uXXXX, or pair of them, at p: its bytes, 0 for a bad or lone one. */
static int unicode(char const *p, char const *end, unsigned *cp)
{
    if (end - p < 6 || !is_hex4(p + 2)) return 0;
    *cp = hex4(p + 2);
    if (*cp < 0xD800 || *cp > 0xDFFF) return 6;
    if (*cp > 0xDBFF || end - p < 12 || p[6] != '\\' || p[7] != 'u' || !is_hex4(p + 8)) return 0;
    unsigned const low = hex4(p + 8);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *cp = 0x10000 + ((*cp - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

static int put_utf8(unsigned cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | ((cp >> 6) & 63));
        out[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | ((cp >> 12) & 63));
    out[2] = (char)(0x80 | ((cp >> 6) & 63));
    out[3] = (char)(0x80 | (cp & 63));
    return 4;
}

int aats_json_unescape(char const *s, size_t n, char *out, size_t cap)
{
    static char const FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    char const *p = s;
    char const *const end = s + n;
    size_t len = 0;
    while (p < end) {
        char one[4] = {*p};
        int cnt = 1, used = 1;
        if (*p == '\\') {
            unsigned cp;
            char const *const at = end - p >= 2 && p[1] != 0 ? strchr(FROM, p[1]) : NULL;
            if (at != NULL) {
                one[0] = TO[at - FROM];
                used = 2;
            } else {
                used = end - p >= 2 && p[1] == 'u' ? unicode(p, end, &cp) : 0;
                if (used == 0) return AATS_E_SYNTAX;
                cnt = put_utf8(cp, one);
            }
        }
        if (len + (size_t)cnt >= cap) return AATS_E_FULL;
        memcpy(out + len, one, (size_t)cnt);
        len += (size_t)cnt;
        p += used;
    }
    if (len >= cap) return AATS_E_FULL;
    out[len] = 0;
    return (int)len;
}
