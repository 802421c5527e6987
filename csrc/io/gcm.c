#include "io/gcm.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/errors.h"

#define N_MAX ((size_t)1 << 20)

int aats_gcm_init(aats_gcm_t *g, uint8_t const *key, size_t key_len, int seals, int vectors)
{
    memset(g, 0, sizeof *g);
    if (key_len != 16 && key_len != 32) return AATS_E_ARG;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_CIPHER const *cipher = key_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
    if (c == NULL || EVP_CipherInit_ex(c, cipher, NULL, key, NULL, seals) != 1) {
        EVP_CIPHER_CTX_free(c);
        return AATS_E_NOMEM;
    }
    g->evp = c;
    g->seals = seals;
    g->vectors = vectors && gcm_vaes_can();
    if (g->vectors) gcm_vaes_key(g, key, key_len);
    return AATS_OK;
}

void aats_gcm_fini(aats_gcm_t *g)
{
    EVP_CIPHER_CTX_free(g->evp);
    OPENSSL_cleanse(g, sizeof *g);
}

static int open_evp(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t const *tag, uint8_t *out)
{
    EVP_CIPHER_CTX *c = g->evp;
    int k = 0;
    int ok = EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AATS_GCM_TAG, (void *)(uintptr_t)tag) == 1;
    if (ok && aad_len > 0) ok = EVP_DecryptUpdate(c, NULL, &k, aad, (int)aad_len) == 1;
    if (ok && n > 0) ok = EVP_DecryptUpdate(c, out, &k, in, (int)n) == 1;
    uint8_t none[16]; /* GCM has no last block to write */
    return ok && EVP_DecryptFinal_ex(c, none, &k) == 1;
}

int aats_gcm_open(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, void const *in, size_t n, uint8_t const *tag, void *out)
{
    if (aad_len > AATS_GCM_AAD || n > N_MAX || g->evp == NULL || g->seals) return AATS_E_ARG;
    int const ok = g->vectors ? gcm_vaes_open(g, nonce, aad, aad_len, in, n, tag, out) : open_evp(g, nonce, aad, aad_len, in, n, tag, out);
    if (ok) return AATS_OK;
    memset(out, 0, n);
    return AATS_E_PROTO;
}

static int seal_evp(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *c = g->evp;
    int k = 0;
    uint8_t none[16];
    int ok = EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) == 1;
    if (ok && aad_len > 0) ok = EVP_EncryptUpdate(c, NULL, &k, aad, (int)aad_len) == 1;
    if (ok && n > 0) ok = EVP_EncryptUpdate(c, out, &k, in, (int)n) == 1;
    return ok && EVP_EncryptFinal_ex(c, none, &k) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AATS_GCM_TAG, tag) == 1;
}

int aats_gcm_seal(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, void const *in, size_t n, void *out, uint8_t *tag)
{
    if (aad_len > AATS_GCM_AAD || n > N_MAX || g->evp == NULL || !g->seals) return AATS_E_ARG;
    if (!g->vectors) return seal_evp(g, nonce, aad, aad_len, in, n, out, tag) ? AATS_OK : AATS_E_NOMEM;
    gcm_vaes_seal(g, nonce, aad, aad_len, in, n, out, tag);
    return AATS_OK;
}
