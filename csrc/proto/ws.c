#include "proto/ws.h"

#include <limits.h>
#include <string.h>

#include "proto/utf8.h"

/* ---- reading frames ----------------------------------------------------------------------------------------------- */

static int is_control(int opcode) { return opcode >= AATS_WS_CLOSE; }

static int is_known(int opcode)
{
    return opcode <= AATS_WS_BINARY || (opcode >= AATS_WS_CLOSE && opcode <= AATS_WS_PONG);
}

static uint64_t big_endian(uint8_t const *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

static inline int next(uint8_t *buf, size_t len, size_t limit, int masked, aats_ws_frame_t *f)
{
    f->need = 2;
    if (len < 1) return 0;
    f->opcode = buf[0] & 15;
    f->fin = buf[0] >> 7;
    f->masked = (uint8_t)masked;
    if ((buf[0] & 0x70) != 0 || !is_known(f->opcode) || (is_control(f->opcode) && !f->fin)) return AATS_E_PROTO;
    if (len < 2) return 0;

    int const l7 = buf[1] & 127;
    if (buf[1] >> 7 != masked || (is_control(f->opcode) && l7 > AATS_WS_CONTROL_MAX)) return AATS_E_PROTO;
    int const more = l7 == 126 ? 2 : l7 == 127 ? 8 : 0;
    size_t const head = 2 + (size_t)more + (masked ? 4 : 0);
    f->need = head;
    if (len < 2 + (size_t)more) return 0;
    uint64_t const n = more ? big_endian(buf + 2, more) : (uint64_t)l7;
    if ((more == 2 && n < 126) || (more == 8 && (n < 65536 || n >> 63))) return AATS_E_PROTO;
    if (!is_control(f->opcode) && n > limit) return AATS_E_TOO_BIG;
    if (n > SIZE_MAX - AATS_WS_HEAD_MAX) return AATS_E_TOO_BIG;

    f->need = head + (size_t)n;
    if (len < f->need) return 0;
    f->frame_sz = f->need;
    f->payload = buf + head;
    f->payload_len = (size_t)n;
    return 1;
}

int aats_ws_next(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f) { return next(buf, len, limit, 0, f); }

int aats_ws_next_server(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f)
{
    int const rc = next(buf, len, limit, 1, f);
    if (rc == 1) {
        aats_ws_mask(f->payload, f->payload_len, f->payload - 4);
        memset(f->payload - 4, 0, 4);
    }
    return rc;
}

/* ---- joining messages --------------------------------------------------------------------------------------------- */

void aats_ws_asm_init(aats_ws_asm_t *a, uint8_t *buf, size_t cap)
{
    *a = (aats_ws_asm_t){.buf = buf, .cap = buf ? cap : 0};
}

static int deliver(aats_ws_msg_t *msg, int opcode, uint8_t const *data, size_t len)
{
    int code;
    char const *reason;
    size_t reason_len;
    *msg = (aats_ws_msg_t){.data = data, .len = len, .opcode = opcode};
    if (opcode == AATS_WS_TEXT && !aats_utf8_ok(data, len)) return AATS_E_UTF8;
    if (opcode == AATS_WS_CLOSE) {
        int const rc = aats_ws_close_parse(data, len, &code, &reason, &reason_len);
        if (rc != AATS_OK) return rc;
    }
    return 1;
}

int aats_ws_asm_push(aats_ws_asm_t *a, aats_ws_frame_t const *f, aats_ws_msg_t *msg)
{
    if (is_control(f->opcode)) return deliver(msg, f->opcode, f->payload, f->payload_len);
    if ((f->opcode == AATS_WS_CONT) != (a->opcode != 0)) return AATS_E_PROTO;
    if (f->opcode != AATS_WS_CONT && f->fin) return deliver(msg, f->opcode, f->payload, f->payload_len);

    if (f->opcode != AATS_WS_CONT) {
        a->opcode = f->opcode;
        a->len = 0;
    }
    if (f->payload_len > a->cap - a->len || a->cap == 0) return AATS_E_TOO_BIG;
    memcpy(a->buf + a->len, f->payload, f->payload_len);
    a->len += f->payload_len;
    if (!f->fin) return 0;
    int const opcode = a->opcode;
    a->opcode = 0;
    return deliver(msg, opcode, a->buf, a->len);
}

/* Codes that may stand in a close frame: RFC 6455, section 7.4, and the registry of IANA (1012..1014); the rest of
 * 0..2999 is reserved. */
static int close_code_ok(int code)
{
    if (code >= 3000) return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

int aats_ws_close_parse(uint8_t const *payload, size_t n, int *code, char const **reason, size_t *reason_len)
{
    *code = AATS_WS_NO_CODE;
    *reason = "";
    *reason_len = 0;
    if (n == 0) return AATS_OK;
    if (n == 1) return AATS_E_PROTO;
    int const c = payload[0] << 8 | payload[1];
    if (!close_code_ok(c)) return AATS_E_PROTO;
    if (!aats_utf8_ok(payload + 2, n - 2)) return AATS_E_UTF8;
    *code = c;
    *reason = (char const *)payload + 2;
    *reason_len = n - 2;
    return AATS_OK;
}

/* ---- writing frames ----------------------------------------------------------------------------------------------- */

/* mask_copy writes src, masked, to dst; they are the same place or do not overlap. */
static void mask_copy(uint8_t *dst, uint8_t const *src, size_t n, uint8_t const mask[4])
{
    uint32_t m4;
    uint64_t m8, w;
    size_t i = 0;
    memcpy(&m4, mask, 4);
    m8 = (uint64_t)m4 << 32 | m4; /* the same four bytes twice, in either byte order */
    for (; i + 8 <= n; i += 8) {
        memcpy(&w, src + i, 8);
        w ^= m8;
        memcpy(dst + i, &w, 8);
    }
    for (; i < n; i++) dst[i] = src[i] ^ mask[i & 3];
}

void aats_ws_mask(uint8_t *p, size_t n, uint8_t const mask[4]) { mask_copy(p, p, n, mask); }

size_t aats_ws_head_sz(size_t n, int masked) { return (n < 126 ? 2 : n < 65536 ? 4 : 10) + (size_t)(masked ? 4 : 0); }

int aats_ws_encode(uint8_t *out, size_t cap, int opcode, int fin, void const *payload, size_t n, uint8_t const mask[4])
{
    if (opcode < 0 || !is_known(opcode) || (is_control(opcode) && (!fin || n > AATS_WS_CONTROL_MAX))) return AATS_E_ARG;
    size_t const head = aats_ws_head_sz(n, mask != NULL);
    if (n > INT_MAX - AATS_WS_HEAD_MAX || cap < head || cap - head < n) return AATS_E_FULL;

    uint8_t const bit = mask != NULL ? 0x80 : 0;
    uint8_t *const body = out + head;
    out[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
    out[1] = (uint8_t)(bit | (n < 126 ? n : n < 65536 ? 126 : 127));
    int const more = n < 126 ? 0 : n < 65536 ? 2 : 8;
    for (int i = 0; i < more; i++) out[2 + i] = (uint8_t)((uint64_t)n >> (8 * (more - 1 - i)));
    if (mask != NULL) memcpy(body - 4, mask, 4);

    if (n == 0) return (int)head;
    if (mask != NULL) mask_copy(body, payload, n, mask);
    else if (payload != body) memcpy(body, payload, n);
    return (int)(head + n);
}

int aats_ws_encode_close(uint8_t *out, size_t cap, int code, char const *reason, size_t n, uint8_t const mask[4])
{
    uint8_t payload[AATS_WS_CONTROL_MAX];
    if (code == 0) return aats_ws_encode(out, cap, AATS_WS_CLOSE, 1, NULL, 0, mask);
    if (!close_code_ok(code)) return AATS_E_ARG;
    if (n > sizeof payload - 2) {
        n = sizeof payload - 2;
        while (n > 0 && ((uint8_t)reason[n] & 0xC0) == 0x80) n--;
    }
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    if (n > 0) memcpy(payload + 2, reason, n);
    return aats_ws_encode(out, cap, AATS_WS_CLOSE, 1, payload, n + 2, mask);
}
