#include "proto/ws_open.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "proto/base64.h"

void aats_ws_key(uint8_t const key16[16], char out[AATS_WS_KEY_SZ])
{
    aats_base64_encode(key16, 16, out, AATS_WS_KEY_SZ);
}

int aats_ws_accept(char const *key, char out[AATS_WS_ACCEPT_SZ])
{
    static char const GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
    char text[AATS_WS_KEY_SZ + sizeof GUID];
    uint8_t sha[EVP_MAX_MD_SIZE];
    unsigned sha_len = 0;
    memcpy(text, key, AATS_WS_KEY_SZ - 1);
    memcpy(text + AATS_WS_KEY_SZ - 1, GUID, sizeof GUID - 1);
    size_t const n = AATS_WS_KEY_SZ - 1 + sizeof GUID - 1;
    if (EVP_Digest(text, n, sha, &sha_len, EVP_sha1(), NULL) != 1 || sha_len != 20) return AATS_E_IO;
    aats_base64_encode(sha, 20, out, AATS_WS_ACCEPT_SZ);
    return AATS_OK;
}

/* A text that may stand in a request line or field without ending it. */
static int is_plain(char const *s)
{
    if (*s == 0) return 0;
    for (; *s; s++) {
        if ((uint8_t)*s <= ' ' || *s == 0x7F) return 0;
    }
    return 1;
}

/* Whole lines: each ends in CR LF, none is empty (it would end the head). */
static int is_lines(char const *s)
{
    while (*s) {
        size_t const n = strcspn(s, "\r\n");
        if (n == 0 || s[n] != '\r' || s[n + 1] != '\n') return 0;
        s += n + 2;
    }
    return 1;
}

static int fits(int n, size_t cap) { return n < 0 || (size_t)n >= cap ? AATS_E_FULL : n; }

int aats_ws_request(char *out, size_t cap, char const *host, char const *path, uint8_t const key16[16],
                    char const *extra)
{
    char key[AATS_WS_KEY_SZ];
    if (!is_plain(host) || !is_plain(path) || *path != '/' || (extra != NULL && !is_lines(extra))) return AATS_E_ARG;
    aats_ws_key(key16, key);
    return fits(snprintf(out, cap,
                         "GET %s HTTP/1.1\r\n"
                         "Host: %s\r\n"
                         "Upgrade: websocket\r\n"
                         "Connection: Upgrade\r\n"
                         "Sec-WebSocket-Key: %s\r\n"
                         "Sec-WebSocket-Version: 13\r\n"
                         "%s\r\n",
                         path, host, key, extra != NULL ? extra : ""),
                cap);
}

/* What request and answer have in common. */
static int is_upgrade(aats_http_head_t const *h)
{
    return h->minor == 1 && aats_http_has(h, "upgrade", "websocket") && aats_http_has(h, "connection", "upgrade");
}

int aats_ws_check(aats_http_head_t const *h, uint8_t const key16[16])
{
    char key[AATS_WS_KEY_SZ], want[AATS_WS_ACCEPT_SZ];
    char const *v;
    size_t n;
    if (h->status != 101) return AATS_E_SHAPE;
    if (!is_upgrade(h)) return AATS_E_PROTO;
    if (aats_http_count(h, "sec-websocket-extensions") != 0) return AATS_E_PROTO;
    if (aats_http_count(h, "sec-websocket-protocol") != 0) return AATS_E_PROTO;

    aats_ws_key(key16, key);
    int const rc = aats_ws_accept(key, want);
    if (rc != AATS_OK) return rc;
    if (aats_http_count(h, "sec-websocket-accept") != 1) return AATS_E_PROTO;
    aats_http_find(h, "sec-websocket-accept", &v, &n);
    return n == AATS_WS_ACCEPT_SZ - 1 && memcmp(v, want, n) == 0 ? AATS_OK : AATS_E_PROTO;
}

int aats_ws_response(char *out, size_t cap, aats_http_head_t const *h)
{
    char accept[AATS_WS_ACCEPT_SZ];
    char const *key;
    size_t n;
    if (h->method_len != 3 || memcmp(h->method, "GET", 3) != 0 || !is_upgrade(h)) return AATS_E_PROTO;
    if (!aats_http_has(h, "sec-websocket-version", "13")) return AATS_E_PROTO;
    if (!aats_http_find(h, "sec-websocket-key", &key, &n) || n != AATS_WS_KEY_SZ - 1) return AATS_E_PROTO;
    int const rc = aats_ws_accept(key, accept);
    if (rc != AATS_OK) return rc;
    return fits(snprintf(out, cap,
                         "HTTP/1.1 101 Switching Protocols\r\n"
                         "Upgrade: websocket\r\n"
                         "Connection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: %s\r\n"
                         "\r\n",
                         accept),
                cap);
}
