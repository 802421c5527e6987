/* fuzz_wire.c -- any bytes give a message or one of the documented codes; what unpacks packs to the same bytes; parts never leave their room.
 *
 * Input: a stream of messages, read as it is, and once more with each head mended (magic, version, layout), so that payloads are reached without luck.
 * Aborts on an undocumented code or a difference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#define HASH 7
#define CAP  20

static aats_wire_parts_t PARTS;
static uint8_t AGAIN[AATS_WIRE_MSG_MAX];
static aats_level_t BIDS[AATS_LEVEL_MAX], ASKS[AATS_LEVEL_MAX];

static void demand(int cond)
{
    if (!cond) abort();
}

/* unpack takes as many records as the bytes give, and writes each again. */
static void unpack(uint8_t const *bytes, size_t n, uint32_t cap)
{
    aats_rec_t r;
    for (size_t at = 0; at < n;) {
        int const rc = aats_wire_unpack(bytes + at, n - at, cap, &r, BIDS, ASKS);
        demand(rc > 0 || rc == AATS_E_MORE || rc == AATS_E_SHAPE);
        if (rc <= 0) return;
        demand((size_t)rc <= n - at && (size_t)rc == aats_wire_rec_sz(r.bid_len, r.ask_len) && r.bid_len <= cap && r.ask_len <= cap);
        demand(aats_wire_pack(AGAIN, sizeof AGAIN, &r, BIDS, ASKS) == rc && memcmp(AGAIN, bytes + at, (size_t)rc) == 0);
        demand(aats_wire_pack(AGAIN, (size_t)rc - 1, &r, BIDS, ASKS) == AATS_E_FULL);
        at += (size_t)rc;
    }
}

static void take(aats_wire_t const *h, uint8_t const *payload)
{
    demand(h->cnt && h->part < h->parts && h->stream <= 1 && h->rec_cap && h->rec_cap <= CAP);
    if (h->kind == AATS_WIRE_RECORDS) unpack(payload, h->payload_sz, h->rec_cap);
    if (h->kind == AATS_WIRE_BOOK && h->stream == 0) unpack(payload, h->payload_sz, AATS_LEVEL_MAX);
    int const rc = aats_wire_join(&PARTS, h, payload);
    demand(rc >= 0 || rc == AATS_E_STALE || rc == AATS_E_SHAPE);
    demand(PARTS.have <= PARTS.parts && PARTS.parts <= AATS_WIRE_PARTS_MAX && PARTS.sz <= sizeof PARTS.bytes);
    if (rc > 0) unpack(PARTS.bytes, (size_t)rc, AATS_LEVEL_MAX);
}

static void stream(uint8_t const *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        aats_wire_t h;
        int const rc = aats_wire_read(bytes + at, n - at, HASH, &h);
        demand(rc >= 64 || rc == AATS_E_MORE || rc == AATS_E_PROTO || rc == AATS_E_LAYOUT || rc == AATS_E_TOO_BIG);
        if (rc < 0) return;
        demand((size_t)rc <= n - at && rc <= AATS_WIRE_MSG_MAX && (size_t)rc == 64 + h.payload_sz);
        take(&h, bytes + at + 64);
        at += (size_t)rc;
    }
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    static uint8_t mended[4 * AATS_WIRE_MSG_MAX];
    memset(&PARTS, 0, sizeof PARTS);
    stream(data, size);
    unpack(data, size, CAP);

    if (size > sizeof mended) size = sizeof mended;
    memcpy(mended, data, size);
    for (size_t at = 0; at + 64 <= size;) {
        aats_wire_t h;
        memcpy(&h, mended + at, 64);
        h.magic = AATS_WIRE_MAGIC, h.version = AATS_WIRE_VERSION, h.layout_hash = HASH;
        h.payload_sz %= 2048, h.kind = (uint16_t)(h.kind % 11), h.rec_cap = h.rec_cap % CAP + 1, h.seq %= 256;
        if (h.kind == AATS_WIRE_BOOK) h.stream &= 1, h.parts %= 4, h.part %= 4;
        memcpy(mended + at, &h, 64);
        at += 64 + h.payload_sz;
    }
    memset(&PARTS, 0, sizeof PARTS);
    stream(mended, size);
    return 0;
}
