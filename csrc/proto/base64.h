/* base64.h -- bytes to base64 (RFC 4648, with padding): handshake keys, signatures.  Nothing here decodes. */
#ifndef AATS_PROTO_BASE64_H
#define AATS_PROTO_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

#define AATS_BASE64_SZ(n) (((n) + 2) / 3 * 4 + 1) /* bytes for the text of n bytes with its final zero */

/* aats_base64_encode writes the text of n bytes and a final zero; its length, or AATS_E_FULL. */
int aats_base64_encode(uint8_t const *p, size_t n, char *out, size_t cap);
/* aats_base64url_encode does so with "-" and "_" and without padding (RFC 4648, section 5), as JWTs want it. */
int aats_base64url_encode(uint8_t const *p, size_t n, char *out, size_t cap);

#endif
