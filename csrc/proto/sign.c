#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: EVP's copy of a context costs more than the hash of an order */
#include "proto/sign.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "proto/base64.h"
#include "proto/put.h"

#define SECRET_MAX (64 * 1024)
#define ED25519_SZ 64

/* The secret itself is not kept: of an HMAC's what is left is the state behind its pads, of Ed25519's OpenSSL's key.  All of it is cleansed by free. */
struct aats_signer {
    int kind;
    SHA256_CTX inner, outer;    /* HMAC: behind the pads; each signature works on copies */
    SHA256_CTX after;           /* HMAC: inner, and then `first` */
    uint8_t first[SHA256_CBLOCK];
    int has_first;
    EVP_PKEY *key;              /* Ed25519 */
    EVP_MD_CTX *digest;         /* Ed25519: kept between signatures */
};

static aats_signer_t *refuse(aats_signer_t *s, char *why, size_t why_sz, char const *sentence)
{
    ERR_clear_error(); /* what is left there would be told as the reason of the next TLS error */
    aats_signer_free(s);
    if (why_sz) snprintf(why, why_sz, "%s", sentence);
    return NULL;
}

/* Where OpenSSL would ask the terminal for a passphrase: nobody sits there. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

static aats_signer_t *from_pem(aats_signer_t *s, char const *secret, size_t n, char *why, size_t why_sz)
{
    BIO *bio = BIO_new_mem_buf(secret, (int)n);
    if (!bio) return refuse(s, why, why_sz, "no memory for the key");
    s->kind = AATS_SIGN_ED25519;
    s->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (!s->key)
        return refuse(s, why, why_sz, "the secret is a PEM text, but no private key could be read from it: expected an Ed25519 key "
                                      "in PKCS#8 without a passphrase (\"-----BEGIN PRIVATE KEY-----\")");
    if (EVP_PKEY_id(s->key) != EVP_PKEY_ED25519)
        return refuse(s, why, why_sz, "the secret is a PEM text with a key of another kind than Ed25519");
    s->digest = EVP_MD_CTX_new();
    return s->digest ? s : refuse(s, why, why_sz, "no memory for the key");
}

/* RFC 2104: a secret longer than a block stands for its hash. */
static aats_signer_t *from_text(aats_signer_t *s, char const *secret, size_t n, char *why, size_t why_sz)
{
    uint8_t pad[SHA256_CBLOCK] = {0};
    s->kind = AATS_SIGN_HMAC;
    int ok = n <= sizeof pad || SHA256((unsigned char const *)secret, n, pad) != NULL;
    if (n <= sizeof pad) memcpy(pad, secret, n);
    for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36;
    ok = ok && SHA256_Init(&s->inner) && SHA256_Update(&s->inner, pad, sizeof pad);
    for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36 ^ 0x5c;
    ok = ok && SHA256_Init(&s->outer) && SHA256_Update(&s->outer, pad, sizeof pad);
    OPENSSL_cleanse(pad, sizeof pad);
    return ok ? s : refuse(s, why, why_sz, "OpenSSL offers no SHA-256");
}

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static int holds(char const *s, size_t n, char const *lit)
{
    size_t k = strlen(lit);
    for (size_t i = 0; i + k <= n; i++)
        if (!memcmp(s + i, lit, k)) return 1;
    return 0;
}

aats_signer_t *aats_signer_new(char const *secret, size_t n, char *why, size_t why_sz)
{
    if (!secret || n == 0) return refuse(NULL, why, why_sz, "the secret is empty");
    if (n > SECRET_MAX) return refuse(NULL, why, why_sz, "the secret is longer than any key");
    aats_signer_t *s = OPENSSL_zalloc(sizeof *s);
    if (!s) return refuse(NULL, why, why_sz, "no memory for the key");
    if (holds(secret, n, "-----BEGIN")) return from_pem(s, secret, n, why, why_sz);
    if (is_space(secret[0]) || is_space(secret[n - 1]))
        return refuse(s, why, why_sz, "the secret begins or ends with white space: every signature would be wrong");
    return from_text(s, secret, n, why, why_sz);
}

void aats_signer_free(aats_signer_t *s)
{
    if (!s) return;
    EVP_MD_CTX_free(s->digest);
    EVP_PKEY_free(s->key);
    OPENSSL_clear_free(s, sizeof *s);
}

int aats_signer_kind(aats_signer_t const *s) { return s->kind; }

/* The text is hashed from its second block on where the first is the last text's. */
static int begin(aats_signer_t *s, SHA256_CTX *c, uint8_t const *text, size_t n)
{
    if (n < sizeof s->first) {
        *c = s->inner;
        return SHA256_Update(c, text, n);
    }
    if (!s->has_first || memcmp(text, s->first, sizeof s->first) != 0) {
        s->after = s->inner;
        s->has_first = SHA256_Update(&s->after, text, sizeof s->first);
        memcpy(s->first, text, sizeof s->first);
    }
    *c = s->after;
    return s->has_first && SHA256_Update(c, text + sizeof s->first, n - sizeof s->first);
}

static int hmac(aats_signer_t *s, void const *text, size_t n, char *out)
{
    SHA256_CTX c;
    uint8_t raw[SHA256_DIGEST_LENGTH];
    int ok = begin(s, &c, text, n) && SHA256_Final(raw, &c);
    c = s->outer;
    ok = ok && SHA256_Update(&c, raw, sizeof raw) && SHA256_Final(raw, &c);
    if (!ok) return AATS_E_IO;
    for (size_t i = 0; i < sizeof raw; i += 4) {
        uint32_t four = (uint32_t)raw[i] | (uint32_t)raw[i + 1] << 8 | (uint32_t)raw[i + 2] << 16 | (uint32_t)raw[i + 3] << 24;
        out = aats_put_hex4(out, four);
    }
    *out = 0;
    return 2 * SHA256_DIGEST_LENGTH;
}

static int ed25519(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap)
{
    uint8_t raw[ED25519_SZ];
    size_t raw_sz = sizeof raw;
    int ok = EVP_MD_CTX_reset(s->digest) && EVP_DigestSignInit(s->digest, NULL, NULL, NULL, s->key) == 1 &&
             EVP_DigestSign(s->digest, raw, &raw_sz, text, n) == 1 && raw_sz == sizeof raw;
    return ok ? aats_base64_encode(raw, sizeof raw, out, cap) : AATS_E_IO;
}

int aats_sign(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap)
{
    static uint8_t const nothing[1];
    if (!text) text = nothing, n = 0;
    if (cap < (s->kind == AATS_SIGN_HMAC ? 65U : AATS_BASE64_SZ(ED25519_SZ))) return AATS_E_FULL;
    int e = s->kind == AATS_SIGN_HMAC ? hmac(s, text, n, out) : ed25519(s, text, n, out, cap);
    if (e < 0) ERR_clear_error();
    return e;
}
