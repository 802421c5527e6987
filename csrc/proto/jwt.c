#include "proto/jwt.h"

#include <stdio.h>
#include <string.h>

#include "proto/base64.h"

#define PART_SZ 512

static int is_plain(char const *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || (unsigned char)*s > '~' || *s == '"' || *s == '\\') return 0;
    return 1;
}

/* Appends the base64url of a text to out[0 .. *at). */
static int add_part(char const *text, int n, char *out, size_t cap, size_t *at)
{
    if (n < 0 || n >= PART_SZ) return AATS_E_FULL;
    int const len = aats_base64url_encode((uint8_t const *)text, (size_t)n, out + *at, cap - *at);
    if (len < 0) return len;
    *at += (size_t)len;
    return AATS_OK;
}

/* Ed25519 signs as base64: the same, in the alphabet of URLs and without padding. */
static int add_signature(aats_signer_t *s, char *out, size_t cap, size_t *at)
{
    char text[AATS_SIGN_SZ];
    int n = aats_sign(s, out, *at, text, sizeof text);
    if (n < 0) return n;
    while (n > 0 && text[n - 1] == '=') n--;
    if (cap - *at < (size_t)n + 2) return AATS_E_FULL;
    out[(*at)++] = '.';
    for (int i = 0; i < n; i++) out[(*at)++] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    out[*at] = 0;
    return AATS_OK;
}

int aats_jwt_write(aats_signer_t *s, char const *key, char const *nonce, int64_t not_before_s, int life_s, char const *uri, char *out, size_t cap)
{
    char part[PART_SZ];
    size_t at = 0;
    int const kind = s ? aats_signer_kind(s) : 0;
    if ((kind != AATS_SIGN_ES256 && kind != AATS_SIGN_ED25519) || !is_plain(key) || !is_plain(nonce) || (uri && !is_plain(uri))) return AATS_E_ARG;
    int n = snprintf(part, sizeof part, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\",\"nonce\":\"%s\"}", kind == AATS_SIGN_ES256 ? "ES256" : "EdDSA", key, nonce);
    int e = add_part(part, n, out, cap, &at);
    if (e) return e;
    if (cap - at < 2) return AATS_E_FULL;
    out[at++] = '.';
    n = snprintf(part, sizeof part, "{\"sub\":\"%s\",\"iss\":\"cdp\",\"nbf\":%lld,\"exp\":%lld%s%s%s}", key, (long long)not_before_s,
                 (long long)(not_before_s + life_s), uri ? ",\"uri\":\"" : "", uri ? uri : "", uri ? "\"" : "");
    e = add_part(part, n, out, cap, &at);
    if (e) return e;
    e = add_signature(s, out, cap, &at);
    return e ? e : (int)at;
}
