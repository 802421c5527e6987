#include "proto/base64.h"

int aats_base64_encode(uint8_t const *p, size_t n, char *out, size_t cap)
{
    static char const ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (n > (1U << 30) || cap < AATS_BASE64_SZ(n)) return AATS_E_FULL;
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t const left = n - i;
        uint32_t const b = left > 1 ? p[i + 1] : 0, c = left > 2 ? p[i + 2] : 0;
        uint32_t const w = (uint32_t)p[i] << 16 | b << 8 | c;
        *o++ = ALPHABET[w >> 18];
        *o++ = ALPHABET[(w >> 12) & 63];
        *o++ = left > 1 ? ALPHABET[(w >> 6) & 63] : '=';
        *o++ = left > 2 ? ALPHABET[w & 63] : '=';
    }
    *o = 0;
    return (int)(o - out);
}

int aats_base64url_encode(uint8_t const *p, size_t n, char *out, size_t cap)
{
    int len = aats_base64_encode(p, n, out, cap);
    for (int i = 0; i < len; i++) {
        if (out[i] == '+') out[i] = '-';
        else if (out[i] == '/') out[i] = '_';
    }
    while (len > 0 && out[len - 1] == '=') out[--len] = 0;
    return len;
}
