/* fan_log.c -- the ring into the log: records in their order, deep books, beats, what changes in the directory.  See fan_state.h. */
#include <stdio.h>
#include <string.h>

#include "app/fan_state.h"
#include "base/atomics.h"
#include "base/errors.h"
#include "proto/compat.h"
#include "shm/directory.h"
#include "shm/latest.h"

#define HEAD_SZ   sizeof(aats_wire_t)
#define TAKE_MAX  256    /* records of one step */
#define BATCH_MAX 16384  /* bytes of records that share a message */
#define DIR_CNT   128    /* entries that share one */

/* ---- places in the log ---- */

static void log_copy(aats_fan_t const *f, uint64_t pos, void *out, size_t n)
{
    size_t const at = pos & (f->opts.log_sz - 1), first = f->opts.log_sz - at < n ? f->opts.log_sz - at : n;
    memcpy(out, f->log + at, first);
    memcpy((uint8_t *)out + first, f->log, n - first);
}

void log_put(aats_fan_t *f, void const *bytes, size_t n)
{
    if (!f->subs) return;
    size_t const at = f->log_end & (f->opts.log_sz - 1), first = f->opts.log_sz - at < n ? f->opts.log_sz - at : n;
    memcpy(f->log + at, bytes, first);
    memcpy(f->log, (uint8_t const *)bytes + first, n - first);
    f->log_end += n;
}

size_t log_run(aats_fan_t const *f, uint64_t pos, uint64_t limit, uint8_t const **at)
{
    size_t const off = pos & (f->opts.log_sz - 1), left = limit - pos, whole = f->opts.log_sz - off;
    *at = f->log + off;
    return left < whole ? left : whole;
}

uint64_t log_seq_at(aats_fan_t const *f, uint64_t pos)
{
    aats_wire_t head;
    if (pos >= f->log_end) return f->next;
    log_copy(f, pos, &head, sizeof head);
    return head.seq;
}

void log_walk(aats_fan_t const *f, peer_t *p)
{
    while (p->msg_end < p->pos) {
        aats_wire_t head;
        log_copy(f, p->msg_end, &head, sizeof head);
        p->msg_end += HEAD_SZ + head.payload_sz;
    }
}

/* ---- messages ---- */

int fan_book(aats_fan_t *f, uint32_t sym, uint64_t seq, uint8_t *out, size_t cap)
{
    aats_rec_t rec;
    int rc = aats_latest_read(f->view, sym, &rec, f->bids, f->asks, f->view->level_max);
    if (rc != AATS_OK) return rc;
    rc = aats_wire_pack(out + HEAD_SZ, cap - HEAD_SZ, &rec, f->bids, f->asks);
    if (rc < 0) return rc;
    aats_wire_t head;
    aats_wire_head(&head, &f->from, AATS_WIRE_BOOK, seq, f->now_ns, (uint32_t)rc);
    memcpy(out, &head, HEAD_SZ);
    return (int)HEAD_SZ + rc;
}

size_t fan_dir(aats_fan_t *f, uint32_t const *which, uint32_t cnt, uint64_t seq, uint8_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < cnt; i++) {
        aats_wire_dir_t entry = {.index = which[i]};
        if (aats_dir_read(f->view, which[i], &entry.dir) != AATS_OK) continue;
        memcpy(out + HEAD_SZ + n++ * sizeof entry, &entry, sizeof entry);
    }
    if (!n) return 0;
    aats_wire_t head;
    aats_wire_head(&head, &f->from, AATS_WIRE_DIR, seq, f->now_ns, n * (uint32_t)sizeof(aats_wire_dir_t));
    head.cnt = (uint16_t)n;
    memcpy(out, &head, HEAD_SZ);
    return HEAD_SZ + n * sizeof(aats_wire_dir_t);
}

size_t fan_bye(aats_fan_t const *f, uint64_t seq, char const *text, uint8_t *out, size_t cap)
{
    size_t const len = strlen(text);
    if (cap < HEAD_SZ + len) return 0;
    aats_wire_t head;
    aats_wire_head(&head, &f->from, AATS_WIRE_BYE, seq, f->now_ns, (uint32_t)len);
    memcpy(out, &head, HEAD_SZ);
    memcpy(out + HEAD_SZ, text, len);
    return HEAD_SZ + len;
}

static void flush(aats_fan_t *f)
{
    if (!f->batch_cnt) return;
    aats_wire_t head;
    aats_wire_head(&head, &f->from, AATS_WIRE_RECORDS, f->batch_seq, f->now_ns, f->batch_sz);
    head.cnt = (uint16_t)f->batch_cnt;
    memcpy(f->msg, &head, HEAD_SZ);
    log_put(f, f->msg, HEAD_SZ + f->batch_sz);
    f->batch_cnt = f->batch_sz = 0;
}

/* ---- the directory: an entry before the first record of its symbol, a change with the next beat at the latest ---- */

static uint64_t entry_state(aats_dir_t const *d) { return (d->state & 0xff) | (uint64_t)d->level_num << 8 | (uint64_t)d->link << 40; }

static void tell(aats_fan_t *f, uint32_t const *which, uint32_t cnt)
{
    flush(f);
    size_t const n = cnt ? fan_dir(f, which, cnt, f->next, f->msg) : 0;
    if (n) log_put(f, f->msg, n);
}

/* tell_dir tells entries that are new or not as told before, and with `turn` one more, so that its counters do not grow old. */
static void tell_dir(aats_fan_t *f, int turn)
{
    uint32_t which[DIR_CNT], n = 0;
    uint32_t const cnt = aats_dir_cnt(f->view);
    for (uint32_t i = turn ? 0 : f->dir_told; i < cnt; i++) {
        aats_dir_t d;
        if (aats_dir_read(f->view, i, &d) != AATS_OK) continue;
        if (entry_state(&d) == f->dir_state[i]) continue;
        f->dir_state[i] = entry_state(&d);
        which[n++] = i;
        if (n == DIR_CNT) tell(f, which, n), n = 0;
    }
    f->dir_told = cnt;
    if (turn && cnt && n < DIR_CNT) {
        if (f->dir_turn >= cnt) f->dir_turn = 0;
        which[n++] = f->dir_turn++;
    }
    if (n) tell(f, which, n);
    if (f->opts.compat) compat_map(&f->compat, f->view);
}

/* ---- deep books ---- */

/* parts sends a book as datagrams of stream 1; what the card does not take is lost there, and its number with it. */
static void parts(aats_fan_t *f, uint8_t const *payload, size_t sz)
{
    uint8_t datagram[HEAD_SZ + AATS_WIRE_PART];
    uint32_t const cnt = (uint32_t)((sz + AATS_WIRE_PART - 1) / AATS_WIRE_PART);
    for (uint32_t i = 0; i < cnt; i++) {
        size_t const off = (size_t)i * AATS_WIRE_PART, n = sz - off < AATS_WIRE_PART ? sz - off : AATS_WIRE_PART;
        aats_wire_t head;
        aats_wire_head(&head, &f->from, AATS_WIRE_BOOK, f->deep_seq++, f->now_ns, (uint32_t)n);
        head.stream = 1;
        head.part = (uint16_t)i;
        head.parts = (uint16_t)cnt;
        memcpy(datagram, &head, HEAD_SZ);
        memcpy(datagram + HEAD_SZ, payload + off, n);
        if (f->send(f->send_arg, datagram, HEAD_SZ + n) != AATS_OK) fan_count(f, AATS_FAN_NET_ERRORS, 1);
        aats_store_release(&f->view->md->deep_seq, f->deep_seq);
    }
}

static void deep_books(aats_fan_t *f)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < f->deep_cnt; i++) {
        uint16_t const sym = f->deep_syms[i];
        int const n = fan_book(f, sym, f->next, f->msg, AATS_WIRE_MSG_MAX);
        if (n == AATS_E_BUSY) { /* the feed is at it: next time */
            f->deep_syms[left++] = sym;
            continue;
        }
        f->deep[sym] = 0;
        if (n < 0) continue;
        log_put(f, f->msg, (size_t)n);
        if (f->send && !f->opts.compat) parts(f, f->msg + HEAD_SZ, (size_t)n - HEAD_SZ);
        fan_count(f, AATS_FAN_DEEP, 1);
    }
    f->deep_cnt = left;
}

/* ---- the published client ---- */

static void compat_tell(aats_fan_t *f, aats_rec_t const *rec)
{
    int const sym = compat_record(&f->compat, rec);
    if (sym < 0) return;
    if (f->send) compat_changed(&f->compat, &f->compat.net, sym);
    if (!f->compat_cnt) return;
    for (uint32_t i = 0; i < f->opts.peer_max; i++)
        if (f->peers[i].phase == PEER_COMPAT) compat_changed(&f->compat, &f->peers[i].compat, sym);
}

static void compat_datagrams(aats_fan_t *f)
{
    uint8_t record[AATS_COMPAT_MAX];
    size_t n;
    while ((n = compat_next(&f->compat, &f->compat.net, f->view, AATS_COMPAT_UDP, record, sizeof record)) > 0)
        if (f->send(f->send_arg, record, n) != AATS_OK) fan_count(f, AATS_FAN_NET_ERRORS, 1);
}

/* ---- records ---- */

static void lap(aats_fan_t *f)
{
    flush(f);
    uint64_t const newest = aats_ring_newest(f->view); /* E3, E4 */
    fan_count(f, AATS_FAN_LAPS, 1);
    fan_count(f, AATS_FAN_MISSED, newest - f->next);
    f->next = newest;
    f->lap_pos = f->log_end;
    for (uint32_t i = 0; i < f->opts.peer_max; i++) {
        peer_t *p = &f->peers[i];
        if (p->phase == PEER_STREAM && p->streams && p->snap_pos == NO_POS) p->snap_pos = f->lap_pos;
        if (p->phase == PEER_COMPAT) compat_begin(&f->compat, &p->compat);
    }
    if (f->opts.compat && f->send) compat_begin(&f->compat, &f->compat.net);
}

static void take(aats_fan_t *f)
{
    aats_rec_t const *r = &f->rec.r;
    if (r->sym != AATS_SYM_NONE && r->sym >= f->dir_told) tell_dir(f, 0); /* D1: its entry is there */
    if (f->subs) {
        if (f->batch_sz + aats_wire_rec_sz(r->bid_len, r->ask_len) > BATCH_MAX) flush(f);
        if (!f->batch_cnt) f->batch_seq = f->next;
        int const n = aats_wire_pack(f->msg + HEAD_SZ + f->batch_sz, BATCH_MAX - f->batch_sz, r, f->rec.bids, f->rec.asks);
        f->batch_sz += (uint32_t)n;
        f->batch_cnt++;
    }
    if (r->flags & AATS_F_DEEP && r->kind == AATS_REC_QUOTE && r->sym < f->view->dir_cap && !f->deep[r->sym]) {
        f->deep[r->sym] = 1;
        f->deep_syms[f->deep_cnt++] = r->sym;
    }
    if (f->opts.compat) compat_tell(f, r);
}

int log_take(aats_fan_t *f)
{
    int taken = 0;
    if (!aats_fan_follows(f)) {
        f->next = aats_ring_newest(f->view);
        return 0;
    }
    while (taken < TAKE_MAX) {
        int const rc = aats_ring_poll(f->view, f->next, &f->rec);
        if (rc == 0) break;
        if (rc == AATS_E_LAPPED) {
            lap(f);
            continue;
        }
        if (rc == 1) take(f);
        else flush(f); /* damaged: a hole, which RESEND answers with LOST */
        f->next++;
        taken++;
    }
    flush(f);
    deep_books(f);
    if (f->opts.compat && f->send) compat_datagrams(f);
    if (taken) fan_count(f, AATS_FAN_RECORDS, (uint64_t)taken);
    return taken;
}

/* ---- beats ---- */

void log_beat(aats_fan_t *f)
{
    if (f->beat_waits || f->mono_ns < f->beat_mono_ns) return;
    aats_out_beat(f->view, f->slot, &f->opts.out, f->mono_ns, &f->beat); /* H1: before the ring is read up to beat_upto */
    f->beat_taken_mono_ns = f->mono_ns;
    f->beat_upto = aats_ring_newest(f->view);
    f->beat_waits = 1;
    f->beat_mono_ns = f->mono_ns + AATS_WIRE_BEAT_NS;
}

int log_beat_out(aats_fan_t *f)
{
    if (!f->beat_waits || f->next < f->beat_upto) return 0;
    int64_t const later = f->mono_ns - f->beat_taken_mono_ns;
    f->beat_waits = 0;
    if (!f->subs) return 0;
    f->beat.feed_age_ns += later;
    for (int i = 0; i < AATS_LINK_MAX; i++) f->beat.links[i].age_ns += later;
    tell_dir(f, 1);
    struct { aats_wire_t head; aats_wire_beat_t beat; } m = {.beat = f->beat};
    aats_wire_head(&m.head, &f->from, AATS_WIRE_BEAT, f->next, f->now_ns, sizeof m.beat);
    log_put(f, &m, sizeof m);
    return 1;
}
