/* sign.h -- signatures of requests: HMAC-SHA256 over OpenSSL's SHA-256; HMAC-SHA512, Ed25519 and ECDSA through its EVP.
 *
 * For: order sessions.  Pure bytes: text and key in, signature out.  Not for REST of the control plane (Python's cryptography).
 * A signer holds a secret: its memory is cleansed by free, nothing prints it, and no error text contains it.
 * Cost: HMAC of 200 bytes about 0.25 us, Ed25519 some 50 us.  The pads of the HMAC are hashed when it is made, and the first 64 bytes of what was signed
 * last are not hashed again when the next text begins with them: a venue's requests all begin with the API key.  Threads: a signer belongs to one.
 */
#ifndef AATS_PROTO_SIGN_H
#define AATS_PROTO_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

/* cdef-begin */
enum { AATS_SIGN_HMAC = 1, AATS_SIGN_ED25519 = 2, AATS_SIGN_HMAC512 = 3, AATS_SIGN_ES256 = 4, AATS_SIGN_PEM = 5 /* asked for: ES256 or ED25519, by the key */ };
#define AATS_SIGN_SZ 100 /* room for any signature's text: 64 hex digits, or 88 base64 characters, with its final zero */

typedef struct aats_signer aats_signer_t;

/* aats_signer_new takes a secret as venues give it: a PEM text with a PKCS#8 private key is Ed25519, all else HMAC-SHA256.
 * NULL with a sentence (without the secret) in why: empty, PEM that cannot be read or wants a passphrase, a key of another kind (RSA, EC),
 * white space around an HMAC secret (a file's last line end). */
aats_signer_t *aats_signer_new(char const *secret, size_t n, char *why, size_t why_sz);
/* aats_signer_new_of takes a secret of a kind that its venue asks for: 0 is aats_signer_new; HMAC512: base64 of the key of an HMAC-SHA512; ES256: a PEM text
 * with a private key on the curve P-256 (SEC1 or PKCS#8); PEM: that, or an Ed25519 key, and the signer is of the key's kind.  NULL as aats_signer_new, also for a secret of another kind. */
aats_signer_t *aats_signer_new_of(int kind, char const *secret, size_t n, char *why, size_t why_sz);
void aats_signer_free(aats_signer_t *s);
int aats_signer_kind(aats_signer_t const *s);

/* aats_sign writes the signature's text (HMAC: lower-case hex; Ed25519, HMAC512: base64; ES256: base64url without padding of r and s, 32 bytes each, as RFC
 * 7518 has it) with a final zero byte.  Its length, AATS_E_FULL, AATS_E_IO. */
int aats_sign(aats_signer_t *s, void const *text, size_t n, char *out, size_t cap);
/* cdef-end */

#endif
