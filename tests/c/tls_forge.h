/* tls_forge.h -- records of a TLS 1.3 server that says anything at all, sealed with the right keys.
 *
 * For: tests/c/test_tls_record.c.  A real OpenSSL server (tls_peer.h) makes the handshake without sending tickets and tells its traffic secret to a key
 * log; from there on the forger writes in its place: any inner type, any padding, any order.  Keys and records are made here by OpenSSL's EVP and HMAC,
 * sharing nothing with csrc/io. */
#ifndef AATS_TESTS_TLS_FORGE_H
#define AATS_TESTS_TLS_FORGE_H

#include <openssl/hmac.h>

#include "tls_peer.h"

typedef struct {
    pki_t pki;
    peer_cert_t cert;
    peer_t peer;
    aats_tls_ctx_t *ctx;
    aats_tls_t *t;
    uint8_t secret[48], iv[12], key[32];
    size_t secret_len;
    uint64_t seq;
} forge_t;

static forge_t *forging;

static inline void forge_log(SSL const *ssl, char const *line)
{
    (void)ssl;
    char const *hex = strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0 ? strrchr(line, ' ') + 1 : "";
    unsigned byte;
    for (size_t n = 0; n < 48 && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) forging->secret[n] = (uint8_t)byte, forging->secret_len = n + 1;
}

static inline void forge_label(forge_t *f, char const *label, uint8_t *out, size_t n)
{
    uint8_t info[64] = {0, (uint8_t)n, (uint8_t)(6 + strlen(label))}, made[64];
    int const k = 3 + sprintf((char *)info + 3, "tls13 %s", label);
    info[k + 1] = 1;
    HMAC(f->secret_len == 32 ? EVP_sha256() : EVP_sha384(), f->secret, (int)f->secret_len, info, (size_t)k + 2, made, NULL);
    memcpy(out, made, n);
}

static inline void forge_keys(forge_t *f)
{
    forge_label(f, "key", f->key, f->secret_len == 32 ? 16 : 32);
    forge_label(f, "iv", f->iv, 12);
    f->seq = 0;
}

/* forge_next_keys: what the server does after it has sent a key update. */
static inline void forge_next_keys(forge_t *f)
{
    uint8_t next[48];
    forge_label(f, "traffic upd", next, f->secret_len);
    memcpy(f->secret, next, f->secret_len);
    forge_keys(f);
}

static inline void forge_open(forge_t *f, char const *suite)
{
    memset(f, 0, sizeof *f);
    forging = f;
    pki_init(&f->pki, "Test CA");
    f->cert = pki_issue(&f->pki, "DNS:stream.test", -1, 1);
    peer_init(&f->peer, f->cert, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(f->peer.ctx, suite);
    SSL_CTX_set_num_tickets(f->peer.ctx, 0);
    SSL_CTX_set_keylog_callback(f->peer.ctx, forge_log);
    peer_listen(&f->peer);
    peer_must(aats_tls_ctx_open(&f->ctx, f->pki.file, NULL, 0) == AATS_OK, "ctx_open");
    peer_must(aats_tls_open(&f->t, f->ctx, "stream.test") == AATS_OK, "open");
    peer_must(peer_shuttle(&f->peer, f->t) == 1, "handshake");
    forge_keys(f);
}

static inline void forge_close(forge_t *f)
{
    aats_tls_close(f->t);
    aats_tls_ctx_close(f->ctx);
    peer_fini(&f->peer);
    peer_cert_fini(&f->cert);
    pki_fini(&f->pki);
}

/* forge_record writes one record: n bytes of text, the inner type, pad zeros.  Returns its bytes. */
static inline size_t forge_record(forge_t *f, int type, void const *text, size_t n, size_t pad, uint8_t *out)
{
    static uint8_t inner[40000];
    size_t const len = n + 1 + pad;
    int k;
    memcpy(inner, text, n);
    inner[n] = (uint8_t)type;
    memset(inner + n + 1, 0, pad);
    uint8_t const head[5] = {23, 3, 3, (uint8_t)((len + 16) >> 8), (uint8_t)(len + 16)};
    uint8_t nonce[12];
    memcpy(nonce, f->iv, 12);
    for (int i = 0; i < 8; i++) nonce[11 - i] ^= (uint8_t)(f->seq >> 8 * i);
    f->seq++;
    memcpy(out, head, 5);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(c, f->secret_len == 32 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, f->key, nonce);
    EVP_EncryptUpdate(c, NULL, &k, head, 5);
    EVP_EncryptUpdate(c, out + 5, &k, inner, (int)len);
    EVP_EncryptFinal_ex(c, out, &k);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, out + 5 + len);
    EVP_CIPHER_CTX_free(c);
    return 5 + len + 16;
}

/* forge_say gives the client one record. */
static inline void forge_say(forge_t *f, int type, void const *text, size_t n, size_t pad)
{
    static uint8_t record[40000];
    size_t const len = forge_record(f, type, text, n, pad, record);
    peer_must(aats_tls_feed(f->t, record, len) == (int)len, "feed");
}

#endif
