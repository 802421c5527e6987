/* fuzz_ws.c -- a stream of frames means the same in one piece and in two, and each frame taken is the one that the
 * encoder writes.
 *
 * Input: what a server sends; read as a client's bytes too. Aborts on a difference, a payload out of bounds, or an
 * undocumented code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"
#include "proto/ws.h"

#define LIMIT    (1 << 14)
#define JOIN_CAP 2048

typedef int (*next_fn)(uint8_t *buf, size_t len, size_t limit, aats_ws_frame_t *f);

static void demand(int cond)
{
    if (!cond) abort();
}

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9E3779B97F4A7C15ULL + (h >> 29); }

/* heard_t: how far a receiver has come, and a digest of the messages it was given. */
typedef struct {
    size_t at;
    uint64_t digest;
    int rc;
    aats_ws_asm_t join;
    uint8_t joined[JOIN_CAP];
} heard_t;

static void message(heard_t *h, aats_ws_msg_t const *m)
{
    demand(m->opcode == AATS_WS_TEXT || m->opcode == AATS_WS_BINARY || m->opcode >= AATS_WS_CLOSE);
    demand(m->opcode != AATS_WS_TEXT || aats_utf8_ok(m->data, m->len));
    demand(m->opcode < AATS_WS_CLOSE || m->len <= AATS_WS_CONTROL_MAX);
    h->digest = mix(mix(h->digest, (uint64_t)m->opcode), m->len);
    for (size_t i = 0; i < m->len; i++) h->digest = mix(h->digest, m->data[i]);
}

/* hear takes all frames that are complete in the first len bytes of the stream. */
static void hear(heard_t *h, next_fn next, uint8_t *stream, size_t len)
{
    aats_ws_frame_t f;
    aats_ws_msg_t m;
    while (h->rc >= 0) {
        uint8_t *const p = stream + h->at;
        size_t const left = len - h->at;
        h->rc = next(p, left, LIMIT, &f);
        if (h->rc < 0) break;
        if (h->rc == 0) {
            demand(f.need > left);
            return;
        }
        size_t const head = aats_ws_head_sz(f.payload_len, f.masked);
        demand(f.frame_sz <= left && f.payload == p + head && f.payload_len == f.frame_sz - head &&
               f.payload_len <= LIMIT);

        static uint8_t again[LIMIT + AATS_WS_HEAD_MAX];
        uint8_t const *const key = f.masked ? f.payload - 4 : NULL; /* zeroed by the parser */
        demand(aats_ws_encode(again, sizeof again, f.opcode, f.fin, f.payload, f.payload_len, key) == (int)f.frame_sz);
        demand(memcmp(again, p, f.frame_sz) == 0);

        h->rc = aats_ws_asm_push(&h->join, &f, &m);
        if (h->rc == 1) message(h, &m);
        h->at += f.frame_sz;
    }
    demand(h->rc == AATS_E_PROTO || h->rc == AATS_E_TOO_BIG || h->rc == AATS_E_UTF8);
}

static void hear_in_pieces(heard_t *h, next_fn next, uint8_t const *data, size_t size, size_t cut)
{
    uint8_t *const stream = malloc(size + 1);
    memset(h, 0, sizeof *h);
    aats_ws_asm_init(&h->join, h->joined, sizeof h->joined);
    memcpy(stream, data, cut);
    if (cut > 0) hear(h, next, stream, cut);
    memcpy(stream + cut, data + cut, size - cut);
    if (h->rc >= 0) hear(h, next, stream, size);
    free(stream);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static heard_t one, two;
    static next_fn const SIDES[] = {aats_ws_next, aats_ws_next_server};
    for (int side = 0; side < 2; side++) {
        hear_in_pieces(&one, SIDES[side], data, size, 0);
        size_t const cuts[] = {size / 2, size ? size - 1 : 0, one.at < size ? one.at + 1 : size};
        for (int i = 0; i < 3; i++) {
            hear_in_pieces(&two, SIDES[side], data, size, cuts[i]);
            demand(two.rc == one.rc && two.at == one.at && two.digest == one.digest);
        }
    }
    return 0;
}
