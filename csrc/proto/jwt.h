/* jwt.h -- tokens by which a request says who asks (RFC 7519), as Coinbase's CDP keys want them.
 *
 * For: order sessions.  Pure bytes: key and time in, text out.
 *
 *     header    {"alg":"ES256","typ":"JWT","kid":KEY,"nonce":HEX}      EdDSA where the signer's key is of that kind
 *     payload   {"sub":KEY,"iss":"cdp","nbf":SECONDS,"exp":SECONDS + LIFE,"uri":"GET host/path"}      uri where it is given
 */
#ifndef AATS_PROTO_JWT_H
#define AATS_PROTO_JWT_H

#include "proto/sign.h"

#define AATS_JWT_SZ 1024 /* room for any token of a key's name of 135 characters and a uri of 200 */

/* aats_jwt_write writes a token and a final zero.  key, nonce and uri (NULL: none) must be plain text: neither quotes, backslashes nor control
 * characters.  Its length; AATS_E_ARG for texts that are not, or a signer of another kind; AATS_E_FULL; what aats_sign says.  Cost: that of the
 * signature. */
int aats_jwt_write(aats_signer_t *s, char const *key, char const *nonce, int64_t not_before_s, int life_s, char const *uri, char *out, size_t cap);

#endif
