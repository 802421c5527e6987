/* gcm.h -- opens and seals AES-GCM messages (NIST SP 800-38D; nonces of 12 bytes, tags of 16): what a TLS record is behind its head.
 *
 * For: tls_record.c and tls_send.c, a TLS 1.3 connection with a few hundred thousand records a second.  Not for other nonces or tags, nor for long-lived keys.
 * A nonce may seal one message in the life of a key: to see to that is the caller's.
 *
 * Two ways, the same results: OpenSSL's EVP, everywhere; and on demand, where the processor has them and AATS_ISA allows avx512, the vector forms of AES and
 * carry-less multiplication, 16 blocks at a time (gcm_vaes.c).  The first is the model of the second's tests.
 * Cost, 1.4 KB, AMD EPYC 9004, OpenSSL 3.0: 0.53 us by EVP, 0.16 us by vectors.
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
    int seals;   /* 1: for sealing, 0: for opening */
    void *evp;   /* EVP_CIPHER_CTX */
} aats_gcm_t;

/* aats_gcm_init takes a key of 16 or 32 bytes, to seal with or to open with; `vectors` asks for the second way, where it can be had.  AATS_OK; AATS_E_ARG for
 * another length; AATS_E_NOMEM.  Then fini is not needed. */
int aats_gcm_init(aats_gcm_t *g, uint8_t const *key, size_t key_len, int seals, int vectors);

/* aats_gcm_fini wipes and frees.  Harmless on one that is all zero. */
void aats_gcm_fini(aats_gcm_t *g);

/* aats_gcm_open decrypts n bytes (up to 1 MB) from `in` to `out`, which may be the same place and else does not overlap.
 *
 * AATS_OK; AATS_E_PROTO when the tag does not fit: out is zeroed then; AATS_E_ARG for aad_len above AATS_GCM_AAD, n above 1 MB, or a key to seal with. */
int aats_gcm_open(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, void const *in, size_t n, uint8_t const *tag, void *out);

/* aats_gcm_seal encrypts likewise and writes the tag.  AATS_OK; AATS_E_ARG as for open, or for a key to open with; AATS_E_NOMEM if OpenSSL gives up. */
int aats_gcm_seal(aats_gcm_t *g, uint8_t const *nonce, void const *aad, size_t aad_len, void const *in, size_t n, void *out, uint8_t *tag);

/* ---- gcm_vaes.c ---- */

/* gcm_vaes_can returns 1 where it may be used. */
int  gcm_vaes_can(void);
void gcm_vaes_key(aats_gcm_t *g, uint8_t const *key, size_t key_len);
int  gcm_vaes_open(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t const *tag, uint8_t *out);
void gcm_vaes_seal(aats_gcm_t const *g, uint8_t const *nonce, void const *aad, size_t aad_len, uint8_t const *in, size_t n, uint8_t *out, uint8_t *tag);

#endif
