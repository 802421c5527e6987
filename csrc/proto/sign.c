#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: EVP's copy of a context costs more than the hash of an order */
#include "proto/sign.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "proto/base64.h"
#include "proto/put.h"

#define SECRET_MAX (64 * 1024)
#define ED25519_SZ 64
#define ES256_SZ   64 /* r and s */
#define KEY512_MAX 256

/* The secret itself is not kept: of an HMAC's what is left is the state behind its pads, of a PEM's OpenSSL's key; that of HMAC512 is kept decoded.
 * All of it is cleansed by free. */
struct aats_signer {
    int kind;
    SHA256_CTX inner, outer;    /* HMAC: behind the pads; each signature works on copies */
    SHA256_CTX after;           /* HMAC: inner, and then `first` */
    uint8_t first[SHA256_CBLOCK];
    int has_first;
    EVP_PKEY *key;              /* Ed25519, ES256 */
    EVP_MD_CTX *digest;         /* the same: kept between signatures */
    uint8_t key512[KEY512_MAX]; /* HMAC512 */
    size_t key512_sz;
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

static int on_p256(EVP_PKEY *key)
{
    char group[32] = "";
    size_t n = 0;
    if (EVP_PKEY_id(key) != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, group, sizeof group, &n) != 1) return 0;
    return !strcmp(group, SN_X9_62_prime256v1);
}

static aats_signer_t *from_pem(aats_signer_t *s, int kind, char const *secret, size_t n, char *why, size_t why_sz)
{
    BIO *bio = BIO_new_mem_buf(secret, (int)n);
    if (!bio) return refuse(s, why, why_sz, "no memory for the key");
    s->kind = kind;
    s->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (!s->key)
        return refuse(s, why, why_sz, kind != AATS_SIGN_ED25519
                                          ? "the secret is a PEM text, but no private key could be read from it: expected an EC key on the curve P-256 "
                                            "without a passphrase (\"-----BEGIN EC PRIVATE KEY-----\")"
                                          : "the secret is a PEM text, but no private key could be read from it: expected an Ed25519 key "
                                            "in PKCS#8 without a passphrase (\"-----BEGIN PRIVATE KEY-----\")");
    if (kind == AATS_SIGN_PEM) kind = s->kind = EVP_PKEY_id(s->key) == EVP_PKEY_ED25519 ? AATS_SIGN_ED25519 : AATS_SIGN_ES256;
    if (kind == AATS_SIGN_ED25519 && EVP_PKEY_id(s->key) != EVP_PKEY_ED25519)
        return refuse(s, why, why_sz, "the secret is a PEM text with a key of another kind than Ed25519");
    if (kind == AATS_SIGN_ES256 && !on_p256(s->key))
        return refuse(s, why, why_sz, "the secret is a PEM text with a key of another kind than EC on the curve P-256");
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

/* Base64 with padding, nothing else in it. */
static int decode(char const *text, size_t n, uint8_t *out, size_t *out_sz)
{
    size_t const pad = n && text[n - 1] == '=' ? 1 + (n > 1 && text[n - 2] == '=') : 0;
    if (n % 4 || n / 4 * 3 > KEY512_MAX) return 0;
    for (size_t i = 0; i < n - pad; i++) {
        char const c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/')) return 0;
    }
    int const got = EVP_DecodeBlock(out, (unsigned char const *)text, (int)n);
    if (got < 0) return 0;
    *out_sz = (size_t)got - pad;
    return *out_sz > 0;
}

static aats_signer_t *from_base64(aats_signer_t *s, char const *secret, size_t n, char *why, size_t why_sz)
{
    s->kind = AATS_SIGN_HMAC512;
    if (!decode(secret, n, s->key512, &s->key512_sz)) return refuse(s, why, why_sz, "the secret is no base64: this venue's secrets are");
    return s;
}

aats_signer_t *aats_signer_new(char const *secret, size_t n, char *why, size_t why_sz) { return aats_signer_new_of(0, secret, n, why, why_sz); }

aats_signer_t *aats_signer_new_of(int kind, char const *secret, size_t n, char *why, size_t why_sz)
{
    if (!secret || n == 0) return refuse(NULL, why, why_sz, "the secret is empty");
    if (n > SECRET_MAX) return refuse(NULL, why, why_sz, "the secret is longer than any key");
    aats_signer_t *s = OPENSSL_zalloc(sizeof *s);
    if (!s) return refuse(NULL, why, why_sz, "no memory for the key");
    if (kind == AATS_SIGN_HMAC512) return from_base64(s, secret, n, why, why_sz);
    if (kind == AATS_SIGN_ES256 || kind == AATS_SIGN_PEM) return from_pem(s, kind, secret, n, why, why_sz);
    if (holds(secret, n, "-----BEGIN")) return from_pem(s, AATS_SIGN_ED25519, secret, n, why, why_sz);
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

static int hmac512(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap)
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    unsigned raw_sz = 0;
    if (!HMAC(EVP_sha512(), s->key512, (int)s->key512_sz, text, n, raw, &raw_sz)) return AATS_E_IO;
    return aats_base64_encode(raw, raw_sz, out, cap);
}

/* OpenSSL signs in DER, a JWT wants r and s side by side. */
static int es256(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap)
{
    uint8_t der[128], raw[ES256_SZ];
    size_t der_sz = sizeof der;
    int ok = EVP_MD_CTX_reset(s->digest) && EVP_DigestSignInit(s->digest, NULL, EVP_sha256(), NULL, s->key) == 1 &&
             EVP_DigestSign(s->digest, der, &der_sz, text, n) == 1;
    unsigned char const *at = der;
    ECDSA_SIG *sig = ok ? d2i_ECDSA_SIG(NULL, &at, (long)der_sz) : NULL;
    ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, ES256_SZ / 2) == ES256_SZ / 2 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + ES256_SZ / 2, ES256_SZ / 2) == ES256_SZ / 2;
    ECDSA_SIG_free(sig);
    return ok ? aats_base64url_encode(raw, sizeof raw, out, cap) : AATS_E_IO;
}

int aats_sign(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap)
{
    static uint8_t const nothing[1];
    int e = AATS_E_ARG;
    if (!text) text = nothing, n = 0;
    if (cap < (s->kind == AATS_SIGN_HMAC ? 65U : AATS_BASE64_SZ(ED25519_SZ))) return AATS_E_FULL;
    switch (s->kind) {
    case AATS_SIGN_HMAC: e = hmac(s, text, n, out); break;
    case AATS_SIGN_ED25519: e = ed25519(s, text, n, out, cap); break;
    case AATS_SIGN_HMAC512: e = hmac512(s, text, n, out, cap); break;
    case AATS_SIGN_ES256: e = es256(s, text, n, out, cap); break;
    }
    if (e < 0) ERR_clear_error();
    return e;
}
