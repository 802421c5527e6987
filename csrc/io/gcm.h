/* gcm.h -- opens AES-GCM messages (NIST SP 800-38D; nonces of 12 bytes, tags of 16): what a TLS record is, once its head has been read.
 *
 * For: tls_record.c, the receiving side of a TLS 1.3 connection, a few hundred thousand records a second.  Not for sealing, other nonces or tags, nor for
 * long-lived keys.
 *
 * Two ways, the same results: OpenSSL's EVP, everywhere; and where the processor has them (and AATS_ISA allows avx512) the vector forms of AES and carry-less
 * multiplication, 16 blocks at a time (gcm_vaes.c).  The first is the model of the second's tests.
 * Cost, 1.4 KB, AMD EPYC 9004, OpenSSL 3.0: 0.65 us by EVP, 0.11 us by vectors; SSL_read of the record 1.0 us.
 *
 * Secrets: both ways take a time that depends on lengths alone, and compare tags so; fini wipes the key.  Threads: one owner. */
#ifndef AATS_IO_GCM_H
#define AATS_IO_GCM_H

#include <stddef.h>
#include <stdint.h>

#define AATS_GCM_NONCE 12
#define AATS_GCM_TAG   16
#define AATS_GCM_AAD   16 /* associated bytes at most */

typedef struct {
    _Alignas(64) uint8_t powers[20][16]; /* of the hash key, 16th first, then zeros */
    uint8_t round_keys[15][16];
    uint32_t rounds;
    int vectors; /* the way in use */
    void *evp;   /* EVP_CIPHER_CTX */
} aats_gcm_t;

/* aats_gcm_init takes a key of 16 or 32 bytes.  AATS_OK; AATS_E_ARG for another length; AATS_E_NOMEM.  Then fini is not needed. */
int aats_gcm_init(aats_gcm_t *g, uint8_t const *key, size_t key_len);

/* aats_gcm_fini wipes and frees.  Harmless on one that is all zero. */
void aats_gcm_fini(aats_gcm_t *g);

/* aats_gcm_open decrypts n bytes (up to 1 MB) from `in` to `out`, which may be the same place and else does not overlap.
 *
 * AATS_OK; AATS_E_PROTO when the tag does not fit: out is zeroed then; AATS_E_ARG for aad_len above AATS_GCM_AAD or n above 1 MB. */
int aats_gcm_open(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, void const *in, size_t n, uint8_t const *tag, void *out);

/* ---- gcm_vaes.c ---- */

/* gcm_vaes_can returns 1 where it may be used. */
int  gcm_vaes_can(void);
void gcm_vaes_key(aats_gcm_t *g, uint8_t const *key, size_t key_len);
int  gcm_vaes_open(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t const *tag, uint8_t *out);

#endif
