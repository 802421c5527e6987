/* fan_snap.c -- everything that a feed has to say of its books, as one piece of a stream; see fan.h for what it promises. */
#include <string.h>

#include "app/fan_state.h"
#include "base/errors.h"
#include "shm/directory.h"
#include "shm/latest.h"

#define HEAD_SZ sizeof(aats_wire_t)
#define SHARE   128 /* directory entries, or tops, of one message */

size_t snap_size(aats_md_view_t const *view)
{
    size_t const heads = 3 * HEAD_SZ + sizeof(aats_wire_beat_t) + 2 * (view->dir_cap / SHARE + 1) * HEAD_SZ;
    size_t const book = HEAD_SZ + aats_wire_rec_sz(view->level_max, view->level_max);
    return heads + view->dir_cap * (sizeof(aats_wire_dir_t) + sizeof(aats_wire_top_t) + book);
}

static void head(aats_fan_t const *f, snap_t *s, uint32_t kind, uint64_t seq, size_t payload_sz, uint32_t cnt)
{
    aats_wire_t h;
    aats_wire_head(&h, &f->from, kind, seq, f->now_ns, (uint32_t)payload_sz);
    h.cnt = (uint16_t)cnt;
    memcpy(s->bytes + s->end, &h, HEAD_SZ);
    s->end += HEAD_SZ;
}

static void put_dir(aats_fan_t *f, snap_t *s, uint64_t seq, uint32_t cnt)
{
    uint32_t which[SHARE];
    for (uint32_t from = 0; from < cnt; from += SHARE) {
        uint32_t const n = cnt - from < SHARE ? cnt - from : SHARE;
        for (uint32_t i = 0; i < n; i++) which[i] = from + i;
        s->end += fan_dir(f, which, n, seq, s->bytes + s->end);
    }
}

/* A book that nobody ever wrote has no message, and neither one whose writer died inside it: its feed is down. */
static void put_books(aats_fan_t *f, snap_t *s, uint64_t seq, uint32_t cnt)
{
    for (uint32_t sym = 0; sym < cnt; sym++) {
        int const n = fan_book(f, sym, seq, s->bytes + s->end, f->snap_sz - s->end);
        if (n > 0) s->end += (size_t)n;
    }
}

static void put_tops(aats_fan_t *f, snap_t *s, uint64_t seq, uint32_t cnt)
{
    uint32_t sym = 0;
    while (sym < cnt) {
        size_t const at = s->end;
        uint32_t n = 0;
        s->end += HEAD_SZ;
        for (; sym < cnt && n < SHARE; sym++) {
            aats_wire_top_t top = {.index = sym};
            if (aats_top_read(f->view, sym, &top.top) != AATS_OK) continue;
            memcpy(s->bytes + s->end, &top, sizeof top);
            s->end += sizeof top;
            n++;
        }
        size_t const end = s->end;
        s->end = at;
        if (!n) continue;
        head(f, s, AATS_WIRE_TOP, seq, n * sizeof(aats_wire_top_t), n);
        s->end = end;
    }
}

static snap_t *free_one(aats_fan_t *f)
{
    for (int i = 0; i < AATS_FAN_SNAPS; i++)
        if (f->snaps[i].peer < 0) return &f->snaps[i];
    return NULL;
}

int snap_make(aats_fan_t *f, int peer)
{
    peer_t *p = &f->peers[peer];
    snap_t *s = free_one(f);
    if (!s) return 0;
    aats_wire_beat_t beat;
    aats_out_beat(f->view, f->slot, &f->opts.out, f->mono_ns, &beat); /* H1: before number and books */
    if (p->phase == PEER_STREAM && !p->streams) { /* joins: the log goes on behind the snapshot */
        p->streams = 1;
        p->pos = p->msg_end = f->log_end;
        if (p->pos < f->slowest) f->slowest = p->pos;
    }
    uint64_t const seq = peer_seq(f, p); /* E3: before the books */
    uint32_t const cnt = aats_dir_cnt(f->view);

    s->at = s->end = 0;
    head(f, s, AATS_WIRE_SNAP, seq, 0, 1);
    put_dir(f, s, seq, cnt);
    put_books(f, s, seq, cnt);
    put_tops(f, s, seq, cnt);
    head(f, s, AATS_WIRE_BEAT, seq, sizeof beat, 1);
    memcpy(s->bytes + s->end, &beat, sizeof beat);
    s->end += sizeof beat;
    head(f, s, AATS_WIRE_SNAP_END, seq, 0, 1);

    s->peer = peer;
    s->since_mono_ns = f->mono_ns;
    p->snap = (int)(s - f->snaps);
    p->stalled = 0;
    p->snap_pos = f->lap_pos > p->pos ? f->lap_pos : NO_POS;
    fan_count(f, AATS_FAN_SNAPSHOTS, 1);
    return 1;
}

void snap_drop(aats_fan_t *f, peer_t *p)
{
    if (p->snap < 0) return;
    f->snaps[p->snap].peer = -1;
    if (f->snap_waits) f->more = 1;
    p->snap = -1;
}
