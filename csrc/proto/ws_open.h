/* ws_open.h -- the opening handshake of a WebSocket (RFC 6455, section 4), as texts.
 *
 * The client makes 16 random bytes, sends aats_ws_request, feeds what comes back to aats_http_head (http.h), and
 * lets aats_ws_check judge it. Not for the sockets or TLS under it (io), nor for frames (ws.h). No extension and no
 * subprotocol is ever asked for.
 */
#ifndef AATS_PROTO_WS_OPEN_H
#define AATS_PROTO_WS_OPEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"
#include "proto/http.h"

#define AATS_WS_KEY_SZ    25 /* 24 characters of base64 and a final zero */
#define AATS_WS_ACCEPT_SZ 29 /* 28 and a final zero */

/* aats_ws_key writes the Sec-WebSocket-Key of 16 random bytes. */
void aats_ws_key(uint8_t const key16[16], char out[AATS_WS_KEY_SZ]);

/* aats_ws_accept writes the Sec-WebSocket-Accept that belongs to a key of 24 characters. AATS_OK, or AATS_E_IO if
 * libcrypto has no SHA-1. */
int aats_ws_accept(char const *key, char out[AATS_WS_ACCEPT_SZ]);

/* aats_ws_request writes the client's upgrade request.
 *
 * host as it belongs in the Host field ("stream.binance.com:9443"), path from its "/" on, extra further field lines,
 * each ending in CR LF, or NULL. Returns the bytes written (no final zero); AATS_E_FULL; AATS_E_ARG for a host, path
 * or extra that would break the head (empty, white space, control characters). */
int aats_ws_request(char *out, size_t cap, char const *host, char const *path, uint8_t const key16[16],
                    char const *extra);

/* aats_ws_check judges the server's answer.
 *
 * Returns AATS_OK: frames follow the head; AATS_E_SHAPE for a status other than 101 (h->status and retry-after say
 * more); AATS_E_PROTO for a 101 without the right Upgrade, Connection or Sec-WebSocket-Accept, or with an extension
 * or subprotocol that was not asked for. */
int aats_ws_check(aats_http_head_t const *h, uint8_t const key16[16]);

/* aats_ws_response writes a server's answer to the request h; the tests' side. Bytes written, AATS_E_FULL, or
 * AATS_E_PROTO for a request that is no upgrade of version 13. */
int aats_ws_response(char *out, size_t cap, aats_http_head_t const *h);

#endif
