/* ws.h -- WebSocket frames (RFC 6455): bytes to messages and messages to bytes. The opening handshake is ws_open.h.
 *
 * For the client side; the server's twin of the parser is for tests and our own simulated peers. No extension is
 * spoken: any reserved bit is an error.
 *
 *     receive buffer --aats_ws_next--> frame --aats_ws_asm_push--> message (text checked as UTF-8, close checked)
 *
 * A message in one frame is a pointer into the receive buffer, never copied; a fragmented one is joined in a buffer
 * that its caller gave. Pure: no socket, no clock, no randomness (mask keys come from the caller), no allocation.
 */
#ifndef AATS_PROTO_WS_H
#define AATS_PROTO_WS_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

enum { AATS_WS_CONT = 0, AATS_WS_TEXT = 1, AATS_WS_BINARY = 2, AATS_WS_CLOSE = 8, AATS_WS_PING = 9, AATS_WS_PONG = 10 };

#define AATS_WS_HEAD_MAX    14  /* bytes before the payload: 2, length 8, mask 4 */
#define AATS_WS_CONTROL_MAX 125 /* payload bytes of a control frame */

/* close codes that this project sends or looks for */
enum {
    AATS_WS_NORMAL   = 1000,
    AATS_WS_AWAY     = 1001,
    AATS_WS_PROTOCOL = 1002,
    AATS_WS_NO_CODE  = 1005, /* never sent: what an empty close frame means */
    AATS_WS_BAD_TEXT = 1007,
    AATS_WS_TOO_LONG = 1009
};

typedef struct {
    uint8_t *payload;   /* in the receive buffer, unmasked */
    size_t payload_len;
    size_t frame_sz;    /* head and payload: what the caller consumes */
    size_t need;        /* after 0: bytes that buf must hold before a call can get further */
    uint8_t opcode;     /* AATS_WS_* */
    uint8_t fin;
    uint8_t masked;
} aats_ws_frame_t;

/* aats_ws_next looks at the first frame in the len bytes at buf, as a client does: a masked frame is an error.
 *
 * Returns 1 when the frame is complete; 0 when it needs more bytes (f->need of them in all, head first, then head
 * and payload); AATS_E_PROTO for a reserved bit or opcode, a wrong mask bit, a control frame that is fragmented or
 * longer than 125, a length not in its shortest form; AATS_E_TOO_BIG for a payload above limit. Errors are told as
 * soon as the bytes that show them are there. */
int aats_ws_next(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f);

/* aats_ws_next_server is the server's: a frame without mask is an error. It unmasks in buf and zeroes the key there,
 * so a second call gives the same. */
int aats_ws_next_server(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f);

typedef struct {
    uint8_t const *data;
    size_t len;
    int opcode; /* TEXT, BINARY, CLOSE, PING, PONG */
} aats_ws_msg_t;

/* aats_ws_asm_t -- joins the fragments of one connection's messages; belongs to the connection's loop. */
typedef struct {
    uint8_t *buf;
    size_t cap;
    size_t len;
    int opcode; /* of the message under way, 0: none */
} aats_ws_asm_t;

/* aats_ws_asm_init starts with a buffer of cap bytes, the longest fragmented message taken; NULL and 0 refuse
 * fragments. Also used to start over after a reconnect. */
void aats_ws_asm_init(aats_ws_asm_t *a, uint8_t *buf, size_t cap);

/* aats_ws_asm_push takes a complete frame.
 *
 * Returns 1 when msg holds a whole message: a control frame at once, even between fragments; msg->data points into
 * the frame, or into a->buf until the next push. 0 when the frame was a fragment. AATS_E_PROTO for a continuation of
 * nothing, a new message inside another, a close payload that is not well-formed; AATS_E_TOO_BIG when a->buf is too
 * small; AATS_E_UTF8 for a text message or close reason that is not UTF-8 (checked as a whole: a character may be
 * split between fragments). After an error the connection must be closed. */
int aats_ws_asm_push(aats_ws_asm_t *a, aats_ws_frame_t const *f, aats_ws_msg_t *msg);

/* aats_ws_head_sz returns the bytes before a payload of n bytes. */
size_t aats_ws_head_sz(size_t n, int masked);

/* aats_ws_encode writes one frame; with a mask key of 4 bytes (a client must give one, from a good random source)
 * the payload is masked.
 *
 * The payload may already lie in its place, out + aats_ws_head_sz(n, mask != NULL); else it must not overlap out.
 * Returns the frame's bytes; AATS_E_FULL when cap is too small; AATS_E_ARG for a control frame above 125 bytes or
 * without fin, or a reserved opcode. */
int aats_ws_encode(uint8_t *out, size_t cap, int opcode, int fin, void const *payload, size_t n, uint8_t const mask[4]);

/* aats_ws_encode_close writes a close frame with a code (0: no payload) and a reason of n bytes, cut at a
 * character's edge to what fits. */
int aats_ws_encode_close(uint8_t *out, size_t cap, int code, char const *reason, size_t n, uint8_t const mask[4]);

/* aats_ws_close_parse takes a close payload apart: *code is 1005 when it is empty. AATS_OK; AATS_E_PROTO for one
 * byte alone or a code that may not be sent; AATS_E_UTF8. */
int aats_ws_close_parse(uint8_t const *payload, size_t n, int *code, char const **reason, size_t *reason_len);

/* aats_ws_mask applies the mask to n bytes in place; doing it twice undoes it. */
void aats_ws_mask(uint8_t *p, size_t n, uint8_t const mask[4]);

#endif
