/* fuzz_recv.c -- whatever comes by datagram or by TCP, a receiver publishes only records that can be, and its counters stay true.
 *
 * Input: a byte that says how it is set up (bit 0: two paths, 1: P2P, 2: no side channel, 3: deep books), then pieces: size (2 bytes), way (1 byte: bit 0 the
 * path, 1 by TCP, 2 connect or cut first, 3 mend the head, 4..7 time that goes by), bytes.  A piece whose head is mended is of the feed that the path hears.
 * Aborts on a record in the segment that a reader would call damaged, on a book called good with a hole open for too long, or on an undocumented code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed.h"
#include "app/recv.h"
#include "base/errors.h"
#include "shm/control.h"
#include "shm/directory.h"
#include "shm/latest.h"
#include "shm/md.h"
#include "shm/ring.h"
#include "shm/segment.h"
#include "shm/valid.h"

#define EPOCH_NS INT64_C(1785312000000000000)
#define MS       INT64_C(1000000)
#define SEG_MAX  (1u << 20)

static aats_recv_t *recv_;
static uint64_t SEGMENT[2][SEG_MAX / 8] __attribute__((aligned(AATS_LINE)));
static aats_md_view_t view;
static aats_slot_t slot;
static int turn, attached, connected[2];
static int64_t mono_ns;
static uint64_t seen;

static void demand(int cond)
{
    if (!cond) abort();
}

static void attach(aats_recv_need_t const *need)
{
    aats_md_params_t const params = {.ring_depth = 64, .level_max = need->level_max, .dir_cap = need->dir_cap, .mode = need->mode, .stale_ns = need->stale_ns,
                                     .venue = "BINANCE", .feed_id = 1};
    char why[200];
    int64_t const size = aats_md_size(params.ring_depth, params.level_max, params.dir_cap);
    demand(size > 0);
    if (size > (int64_t)SEG_MAX) return; /* a process would make it; here it goes on without */
    turn ^= 1;
    memset(SEGMENT[turn], 0, (size_t)size);
    demand(aats_seg_init(SEGMENT[turn], (uint64_t)size, AATS_KIND_MD, "rx", 7, aats_ident(1, 1), 1, "boot", "1.0.0") == AATS_OK);
    demand(aats_md_init(SEGMENT[turn], &params) == AATS_OK);
    aats_seg_ready(SEGMENT[turn]);
    demand(aats_md_attach(SEGMENT[turn], (uint64_t)size, &view, why, sizeof why) == AATS_OK);
    demand(aats_recv_attach(recv_, SEGMENT[turn], (size_t)size, &slot, why, sizeof why) == AATS_OK);
    attached = 1;
    seen = 0;
}

/* What a strategy would read: every record and book is one that can be. */
static void look(void)
{
    aats_rec20_t rec;
    aats_rec_t head;
    uint64_t const newest = aats_ring_newest(&view);
    if (newest - seen > 64) seen = newest - 64;
    for (; seen < newest; seen++) {
        demand(aats_ring_poll(&view, seen, &rec) == 1);
        demand(rec.r.kind >= AATS_REC_QUOTE && rec.r.kind <= AATS_REC_LINK && rec.r.link < 2);
        demand(rec.r.kind == AATS_REC_LINK || rec.r.sym < aats_dir_cnt(&view));
        demand(!(rec.r.flags & AATS_F_VALID) || !rec.r.why || rec.r.kind != AATS_REC_STATE);
    }
    for (uint32_t sym = 0; sym < aats_dir_cnt(&view); sym++) {
        int const rc = aats_latest_read(&view, sym, &head, NULL, NULL, 0);
        demand(rc == AATS_OK || rc == AATS_E_EMPTY);
    }
}

static void pass(int64_t ns)
{
    aats_recv_need_t need;
    aats_mail_t *mail;
    mono_ns += ns;
    aats_recv_begin(recv_, EPOCH_NS + mono_ns, mono_ns);
    aats_recv_end(recv_);
    if (aats_recv_needs(recv_, &need)) attach(&need);
    while (aats_mailbox_get(aats_recv_notices(recv_), &mail) == 1) aats_mail_free(mail);
    demand(aats_recv_next_mono_ns(recv_) >= mono_ns);
    if (attached) look();
}

static void connection(int path, int flip)
{
    char ip[48];
    uint32_t port;
    int const want = aats_recv_want(recv_, path);
    if (connected[path] && (flip || want == AATS_FEED_CLOSE)) {
        aats_recv_closed(recv_, path, "cut");
        connected[path] = 0;
    } else if (!connected[path] && want == AATS_FEED_CONNECT && aats_recv_address(recv_, path, ip, sizeof ip, &port)) {
        demand(port >= 1 && port <= 65535 && ip[0]);
        aats_recv_connecting(recv_, path);
        if (flip) aats_recv_closed(recv_, path, "refused");
        else aats_recv_opened(recv_, path), connected[path] = 1;
    }
}

static void by_tcp(int path, uint8_t const *bytes, size_t n)
{
    uint8_t const *out;
    uint8_t *at;
    while (n && connected[path]) {
        size_t const room = aats_recv_room(recv_, path, &at), part = n < room ? n : room;
        demand(room > 0 || aats_recv_want(recv_, path) == AATS_FEED_CLOSE);
        if (!part) return;
        memcpy(at, bytes, part);
        demand(aats_recv_received(recv_, path, part, EPOCH_NS + mono_ns) >= 0);
        bytes += part, n -= part;
        if (aats_recv_want(recv_, path) == AATS_FEED_CLOSE) connection(path, 0);
    }
    size_t const asked = connected[path] ? aats_recv_output(recv_, path, &out) : 0;
    demand(asked % 32 == 0);
    if (asked) aats_recv_sent(recv_, path, asked);
}

/* mend makes a message of the feed that the path hears out of bytes that are nearly one. */
static void mend(int path, uint8_t *bytes, size_t n)
{
    aats_wire_t h;
    if (n < sizeof h) return;
    memcpy(&h, bytes, sizeof h);
    aats_path_t const *p = aats_recv_path(recv_, path);
    h.magic = AATS_WIRE_MAGIC, h.version = AATS_WIRE_VERSION, h.layout_hash = aats_seg_layout_hash();
    h.kind = (uint16_t)(1 + (h.kind - 1u) % 10);
    h.payload_sz = (uint32_t)(n - sizeof h);
    if (p->feed_id) h.feed_id = p->feed_id, h.generation = p->generation;
    memcpy(bytes, &h, sizeof h);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    if (size < 1) return 0;
    int const how = data[0];
    aats_recv_opts_t o = {.path_cnt = how & 1 ? 2 : 1, .seed = 1, .hold_max = 1 << 16};
    char why[200];
    for (uint32_t i = 0; i < o.path_cnt; i++) {
        o.path[i].kind = how & 2 ? AATS_PATH_P2P : AATS_PATH_MULTIBROAD;
        o.path[i].no_repair = how >> 2 & 1;
        if (how & 2) memcpy(o.path[i].ip, "192.0.2.1", 10), o.path[i].port = 15004;
    }
    recv_ = aats_recv_new(&o, why, sizeof why);
    demand(recv_ != NULL);
    mono_ns = 1000 * MS;
    attached = turn = connected[0] = connected[1] = 0;
    slot = (aats_slot_t){.owner = aats_ident(1, 1) | AATS_STATE_RUN, .generation = 7};
    pass(0);
    if (how & 8) attach(&(aats_recv_need_t){.level_max = 40, .dir_cap = 4, .mode = AATS_MODE_SIM, .stale_ns = 500 * MS});
    for (size_t at = 1; at + 3 <= size;) {
        size_t n = data[at] | (size_t)data[at + 1] << 8;
        int const way = data[at + 2], path = way & 1 & (int)(o.path_cnt - 1);
        at += 3;
        if (n > size - at) n = size - at;
        uint8_t *bytes = malloc(n + 1); /* its own block: a read behind its end is seen */
        memcpy(bytes, data + at, n);
        at += n;
        if (way & 8) mend(path, bytes, n);
        connection(path, way >> 2 & 1);
        if (way & 2) by_tcp(path, bytes, n);
        else demand(aats_recv_datagram(recv_, path, "192.0.2.1", bytes, n, EPOCH_NS + mono_ns) == AATS_OK);
        free(bytes);
        pass((way >> 4) * (way >> 4) * MS);
    }
    for (int i = 0; i < 4; i++) pass(60 * MS); /* longer than anything is held */
    for (uint32_t i = 0; i < o.path_cnt && attached; i++) {
        aats_path_t const *p = aats_recv_path(recv_, (int)i);
        demand(p->lost == p->repaired + p->late + p->given_up);
    }
    aats_recv_stop(recv_);
    if (attached) look();
    aats_recv_free(recv_);
    return 0;
}
