/* tls_keys.c -- the traffic keys of one direction of a TLS 1.3 connection, from the secret that OpenSSL tells a key log (RFC 8446, 7); see tls_priv.h. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/errors.h"
#include "io/tls_priv.h"

/* expand is HKDF-Expand-Label with an empty context (7.1), for at most one hash of output. */
static int expand(tls_keys_t const *k, char const *label, uint8_t *out, size_t n)
{
    uint8_t info[64], made[EVP_MAX_MD_SIZE];
    unsigned made_len = 0;
    size_t const label_len = strlen(label);
    info[0] = 0;
    info[1] = (uint8_t)n;
    info[2] = (uint8_t)(6 + label_len);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, label_len);
    info[9 + label_len] = 0;
    info[10 + label_len] = 1; /* the counter of HKDF-Expand */
    EVP_MD const *md = k->secret_len == 32 ? EVP_sha256() : EVP_sha384();
    int const ok = HMAC(md, k->secret, (int)k->secret_len, info, 11 + label_len, made, &made_len) != NULL && n <= made_len;
    if (ok) memcpy(out, made, n);
    OPENSSL_cleanse(made, sizeof made);
    return ok;
}

int tls_keys_start(tls_keys_t *k, int seals)
{
    uint8_t key[32];
    size_t const key_len = k->secret_len == 32 ? 16 : 32;
    aats_gcm_fini(&k->gcm);
    k->seq = 0;
    int const ok = expand(k, "key", key, key_len) && expand(k, "iv", k->iv, sizeof k->iv) &&
                   aats_gcm_init(&k->gcm, key, key_len, seals, aats_tls_mode() == AATS_TLS_VECTOR) == AATS_OK;
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

int tls_keys_next(tls_keys_t *k, int seals)
{
    uint8_t next[sizeof k->secret];
    if (!expand(k, "traffic upd", next, k->secret_len)) return 0;
    memcpy(k->secret, next, k->secret_len);
    OPENSSL_cleanse(next, sizeof next);
    return tls_keys_start(k, seals);
}

void tls_keys_nonce(tls_keys_t const *k, uint8_t *nonce)
{
    memcpy(nonce, k->iv, sizeof k->iv);
    for (int i = 0; i < 8; i++) nonce[4 + i] ^= (uint8_t)(k->seq >> (8 * (7 - i)));
}

void tls_keys_fini(tls_keys_t *k)
{
    aats_gcm_fini(&k->gcm);
    OPENSSL_cleanse(k, sizeof *k);
}

/* ---- the key log ---- */

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* "NAME <client random> <secret>", in hex. */
static void secret_of(tls_keys_t *k, char const *line, char const *name)
{
    size_t const name_len = strlen(name);
    if (strncmp(line, name, name_len) != 0) return;
    char const *hex = strchr(line + name_len, ' ');
    size_t n = 0;
    for (hex = hex == NULL ? "" : hex + 1; n < sizeof k->secret && hex_digit(hex[2 * n]) >= 0 && hex_digit(hex[2 * n + 1]) >= 0; n++) {
        k->secret[n] = (uint8_t)(hex_digit(hex[2 * n]) << 4 | hex_digit(hex[2 * n + 1]));
    }
    k->secret_len = n;
}

void tls_keys_log(SSL const *ssl, char const *line)
{
    aats_tls_t *t = SSL_get_app_data(ssl);
    if (t == NULL) return;
    secret_of(&t->rec.keys, line, "SERVER_TRAFFIC_SECRET_0 ");
    secret_of(&t->send.keys, line, "CLIENT_TRAFFIC_SECRET_0 ");
}
