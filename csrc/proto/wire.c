/* wire.c -- see wire.h.  Bytes in, values out; everything moves by memcpy, so that no buffer needs an alignment. */
#include "proto/wire.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, and structs travel as they are");
_Static_assert(sizeof(aats_wire_dir_t) == 264 && sizeof(aats_wire_top_t) == 136, "published layout");
_Static_assert(sizeof(aats_wire_lost_t) == 16 && sizeof(aats_wire_clock_t) == 24, "published layout");
_Static_assert(sizeof(((aats_wire_parts_t *)0)->bytes) == AATS_WIRE_PARTS_MAX * AATS_WIRE_PART, "room for all parts");
_Static_assert(AATS_WIRE_PARTS_MAX <= 64, "a bit of got[0] each");

#define HEAD_SZ sizeof(aats_wire_t)

/* ---- the head ---- */

/* What the payload of a kind may be: cnt times a unit, one unit, or (unit ANY) judged below. */
#define ANY 0xffff
static struct { uint16_t unit; uint16_t many; } const PAYLOAD[] = {
    [AATS_WIRE_RECORDS]  = {ANY, 1},
    [AATS_WIRE_BEAT]     = {sizeof(aats_wire_beat_t), 0},
    [AATS_WIRE_DIR]      = {sizeof(aats_wire_dir_t), 1},
    [AATS_WIRE_BOOK]     = {ANY, 0},
    [AATS_WIRE_TOP]      = {sizeof(aats_wire_top_t), 1},
    [AATS_WIRE_SNAP]     = {0, 0},
    [AATS_WIRE_SNAP_END] = {0, 0},
    [AATS_WIRE_LOST]     = {sizeof(aats_wire_lost_t), 0},
    [AATS_WIRE_CLOCK]    = {sizeof(aats_wire_clock_t), 0},
    [AATS_WIRE_BYE]      = {ANY, 0},
};
#define KIND_CNT (sizeof PAYLOAD / sizeof PAYLOAD[0])

void aats_wire_head(aats_wire_t *out, aats_wire_from_t const *from, uint32_t kind, uint64_t seq, int64_t sent_ns, uint32_t payload_sz)
{
    *out = (aats_wire_t){
        .magic = AATS_WIRE_MAGIC, .version = AATS_WIRE_VERSION, .kind = (uint16_t)kind, .feed_id = from->feed_id, .generation = from->generation,
        .seq = seq, .sent_ns = sent_ns, .layout_hash = from->layout_hash, .payload_sz = payload_sz, .parts = 1, .cnt = 1, .rec_cap = from->rec_cap,
    };
}

/* A part of a deep book is full, but for the last one, which is not empty. */
static int part_fits(aats_wire_t const *h)
{
    if (h->parts > AATS_WIRE_PARTS_MAX || h->payload_sz > AATS_WIRE_PART || !h->payload_sz) return 0;
    return h->part + 1 == h->parts || h->payload_sz == AATS_WIRE_PART;
}

static int head_fits(aats_wire_t const *h)
{
    if (h->kind == 0 || h->kind >= KIND_CNT || h->cnt == 0 || h->part >= h->parts) return 0;
    if (h->rec_cap == 0 || h->rec_cap > AATS_RING_LEVELS) return 0;
    if (h->cnt != 1 && !PAYLOAD[h->kind].many) return 0;
    if (h->stream == 1) return h->kind == AATS_WIRE_BOOK && part_fits(h);
    if (h->stream != 0 || h->parts != 1) return 0;
    switch (h->kind) {
    case AATS_WIRE_BYE: return 1;
    case AATS_WIRE_BOOK:
    case AATS_WIRE_RECORDS: return h->payload_sz % sizeof(aats_level_t) == 0 && h->payload_sz >= h->cnt * sizeof(aats_rec_t);
    default: return h->payload_sz == (uint32_t)h->cnt * PAYLOAD[h->kind].unit;
    }
}

int aats_wire_read(uint8_t const *bytes, size_t n, uint64_t layout_hash, aats_wire_t *head)
{
    uint32_t magic = AATS_WIRE_MAGIC;
    uint16_t version = AATS_WIRE_VERSION;
    if (n >= 4) memcpy(&magic, bytes, 4);
    if (n >= 6) memcpy(&version, bytes + 4, 2);
    if (n >= HEAD_SZ) memcpy(head, bytes, HEAD_SZ);
    if (magic != AATS_WIRE_MAGIC || version != AATS_WIRE_VERSION) return AATS_E_PROTO;
    if (n < HEAD_SZ) return AATS_E_MORE;
    if (head->layout_hash != layout_hash) return AATS_E_LAYOUT;
    if (head->payload_sz > AATS_WIRE_MSG_MAX - HEAD_SZ) return AATS_E_TOO_BIG;
    if (!head_fits(head)) return AATS_E_PROTO;
    size_t const whole = HEAD_SZ + head->payload_sz;
    return n < whole ? AATS_E_MORE : (int)whole;
}

/* ---- records ---- */

size_t aats_wire_rec_sz(uint32_t bid_len, uint32_t ask_len)
{
    return sizeof(aats_rec_t) + ((size_t)bid_len + ask_len) * sizeof(aats_level_t);
}

int aats_wire_pack(uint8_t *out, size_t cap, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    size_t const bid_sz = rec->bid_len * sizeof *bids, ask_sz = rec->ask_len * sizeof *asks, sz = sizeof *rec + bid_sz + ask_sz;
    if (cap < sz) return AATS_E_FULL;
    memcpy(out, rec, sizeof *rec);
    memset(out + offsetof(aats_rec_t, stamp), 0, sizeof rec->stamp);
    if (bid_sz) memcpy(out + sizeof *rec, bids, bid_sz);
    if (ask_sz) memcpy(out + sizeof *rec + bid_sz, asks, ask_sz);
    return (int)sz;
}

int aats_wire_unpack(uint8_t const *bytes, size_t n, uint32_t cap, aats_rec_t *rec, aats_level_t *bids, aats_level_t *asks)
{
    if (n < sizeof *rec) return AATS_E_MORE;
    memcpy(rec, bytes, sizeof *rec);
    if (rec->stamp != 0 || rec->kind < AATS_REC_QUOTE || rec->kind > AATS_REC_LINK || rec->bid_len > cap || rec->ask_len > cap) return AATS_E_SHAPE;
    size_t const bid_sz = rec->bid_len * sizeof *bids, ask_sz = rec->ask_len * sizeof *asks, sz = sizeof *rec + bid_sz + ask_sz;
    if (n < sz) return AATS_E_MORE;
    if (bid_sz) memcpy(bids, bytes + sizeof *rec, bid_sz);
    if (ask_sz) memcpy(asks, bytes + sizeof *rec + bid_sz, ask_sz);
    return (int)sz;
}

/* ---- a book in parts ---- */

/* The size that the packed book itself tells must be the sum of its parts. */
static int book_whole(aats_wire_parts_t const *p)
{
    aats_rec_t r;
    if (p->sz < sizeof r) return 0;
    memcpy(&r, p->bytes, sizeof r);
    return aats_wire_rec_sz(r.bid_len, r.ask_len) == p->sz;
}

int aats_wire_join(aats_wire_parts_t *p, aats_wire_t const *head, uint8_t const *payload)
{
    if (head->kind != AATS_WIRE_BOOK || head->part >= head->parts || head->part > head->seq || !part_fits(head)) return AATS_E_SHAPE;
    uint64_t const first = head->seq - head->part, bit = UINT64_C(1) << head->part;
    if (p->parts && first < p->first_seq) return AATS_E_STALE;
    if (!p->parts || first > p->first_seq) {
        p->first_seq = first;
        p->parts = head->parts;
        p->have = p->sz = 0;
        p->got[0] = 0;
    }
    if (head->parts != p->parts) return AATS_E_SHAPE;
    if (p->have == p->parts) return AATS_E_STALE;
    if (p->got[0] & bit) return 0;
    memcpy(p->bytes + (size_t)head->part * AATS_WIRE_PART, payload, head->payload_sz);
    p->got[0] |= bit;
    p->sz += head->payload_sz;
    if (++p->have < p->parts) return 0;
    return book_whole(p) ? (int)p->sz : AATS_E_SHAPE;
}
