#include "app/out.h"

#include <stdio.h>
#include <string.h>

#include "base/atomics.h"
#include "shm/directory.h"
#include "shm/procs.h"
#include "shm/ring.h"

#define HEAD_SZ    sizeof(aats_wire_t)
#define DATAGRAM_MAX 65507 /* bytes that UDP over IPv4 carries */
#define DIR_MAX    5       /* entries in one datagram of 1472 bytes */
#define DIR_TICK   20      /* changed entries told in one pass: the others in the next */

/* ---- one datagram ---- */

static void send(aats_out_t *o, void const *bytes, size_t n)
{
    int const rc = o->send(o->arg, bytes, n);
    aats_add_relaxed(&o->view->md->counters[rc == AATS_OK ? AATS_MDC_NET_SENT : AATS_MDC_NET_ERRORS], 1);
}

void aats_out_flush(aats_out_t *o, int64_t now_ns)
{
    if (!o->cnt) return;
    aats_wire_t head;
    aats_wire_head(&head, &o->from, AATS_WIRE_RECORDS, o->next - o->cnt, now_ns, o->sz - (uint32_t)HEAD_SZ);
    head.cnt = (uint16_t)o->cnt;
    memcpy(o->bytes, &head, HEAD_SZ);
    send(o, o->bytes, o->sz);
    o->cnt = 0;
    o->sz = HEAD_SZ;
}

/* As unsigned: a clock that was set back makes everything due, nothing is held for ever. */
void aats_out_due(aats_out_t *o, int64_t now_ns)
{
    if (o->cnt && (uint64_t)now_ns - (uint64_t)o->first_ns >= AATS_WIRE_HOLD_NS) aats_out_flush(o, now_ns);
}

/* ---- the directory ---- */

/* What of an entry changes while it is there. */
static uint64_t entry_state(aats_dir_t const *d) { return (d->state & 0xff) | (uint64_t)d->level_num << 8 | (uint64_t)d->link << 40; }

/* tell_entries sends cnt entries, those of `which`, with the ring number up to which records have gone out. */
static void tell_entries(aats_out_t *o, uint32_t const *which, uint32_t cnt, int64_t now_ns)
{
    struct { aats_wire_t head; aats_wire_dir_t entry[DIR_MAX]; } m;
    uint32_t n = 0;
    for (uint32_t i = 0; i < cnt; i++) {
        m.entry[n].index = which[i];
        if (aats_dir_read(o->view, which[i], &m.entry[n].dir) != AATS_OK) continue;
        o->dir_state[which[i]] = entry_state(&m.entry[n].dir);
        n++;
    }
    if (!n) return;
    uint32_t const sz = n * (uint32_t)sizeof m.entry[0];
    aats_wire_head(&m.head, &o->from, AATS_WIRE_DIR, o->next, now_ns, sz);
    m.head.cnt = (uint16_t)n;
    send(o, &m, HEAD_SZ + sz);
}

static uint32_t entries_fit(aats_out_t const *o)
{
    size_t const n = (o->opts.datagram - HEAD_SZ) / sizeof(aats_wire_dir_t);
    return n < DIR_MAX ? (uint32_t)n : DIR_MAX;
}

/* Entries that are not as they were told.  Returns how many; what is left over waits for the next pass. */
static uint32_t tell_changed(aats_out_t *o, int64_t now_ns)
{
    uint32_t const fit = entries_fit(o), dir_cnt = aats_dir_cnt(o->view);
    uint32_t which[DIR_MAX], cnt = 0, told = 0;
    o->dir_look = 0;
    for (uint32_t sym = 0; sym < dir_cnt; sym++) {
        aats_dir_t d;
        if (aats_dir_read(o->view, sym, &d) != AATS_OK || entry_state(&d) == o->dir_state[sym]) continue;
        if (told == DIR_TICK) {
            o->dir_look = 1;
            break;
        }
        which[cnt++] = sym;
        told++;
        if (cnt == fit) tell_entries(o, which, cnt, now_ns), cnt = 0;
    }
    if (cnt) tell_entries(o, which, cnt, now_ns);
    return told;
}

static void tell_in_turn(aats_out_t *o, int64_t now_ns)
{
    uint32_t const fit = entries_fit(o), dir_cnt = aats_dir_cnt(o->view);
    uint32_t which[DIR_MAX], cnt = 0;
    for (; cnt < fit && cnt < dir_cnt; cnt++) {
        if (o->dir_turn >= dir_cnt) o->dir_turn = 0;
        which[cnt] = o->dir_turn++;
    }
    tell_entries(o, which, cnt, now_ns);
}

/* ---- records ---- */

void aats_out_record(aats_out_t *o, aats_rec_t const *rec, aats_level_t const *bids, aats_level_t const *asks)
{
    uint32_t const sz = (uint32_t)aats_wire_rec_sz(rec->bid_len, rec->ask_len);
    int const fits = o->sz + sz <= o->opts.datagram && rec->rec == o->next;
    if (!fits) aats_out_flush(o, rec->pub_ns);
    if (rec->kind == AATS_REC_STATE || rec->flags & AATS_F_SNAPSHOT) o->dir_look = 1;
    if (rec->sym < o->view->dir_cap && !o->dir_state[rec->sym]) {
        uint32_t const sym = rec->sym;
        tell_entries(o, &sym, 1, rec->pub_ns);
    }
    int const n = aats_wire_pack(o->bytes + o->sz, o->opts.datagram - o->sz, rec, bids, asks);
    o->next = rec->rec + 1;
    if (n < 0) return; /* longer than a datagram: not with lengths as in the ring; to the receivers a hole */
    if (!o->cnt++) o->first_ns = rec->pub_ns;
    o->sz += (uint32_t)n;
    if (o->sz + sizeof(aats_rec_t) > o->opts.datagram) aats_out_flush(o, rec->pub_ns);
    else aats_out_due(o, rec->pub_ns);
}

/* ---- beats ---- */

static int64_t age(int64_t now, uint64_t then)
{
    int64_t const ns = (int64_t)((uint64_t)now - then);
    return ns > 0 ? ns : 0;
}

void aats_out_beat(aats_md_view_t const *view, aats_slot_t const *slot, aats_out_opts_t const *opts, int64_t mono_ns, aats_wire_beat_t *beat)
{
    aats_md_t const *md = view->md;
    memset(beat, 0, sizeof *beat);
    beat->state = AATS_STATE_RUN;
    if (slot) {
        beat->feed_age_ns = age(mono_ns, aats_load_acquire(&slot->heartbeat_mono_ns)); /* H1 */
        beat->state = (uint64_t)aats_ident_state(aats_load_acquire(&slot->owner));     /* C1 */
    }
    for (int i = 0; i < AATS_LINK_MAX; i++) {
        beat->links[i].up = aats_load_acquire(&md->links[i].up);                             /* H1 */
        beat->links[i].age_ns = age(mono_ns, aats_load_acquire(&md->links[i].heard_mono_ns)); /* H1 */
        beat->links[i].limit_ns = aats_load_relaxed(&md->links[i].limit_ns);
    }
    beat->mode = view->mode;
    beat->ring_levels = view->ring_levels;
    beat->level_max = view->level_max;
    beat->dir_cap = view->dir_cap;
    beat->dir_cnt = aats_dir_cnt(view);
    beat->stale_ns = view->stale_ns;
    beat->deep_seq = aats_load_acquire(&md->deep_seq);
    beat->repair_port = opts->repair_port;
    char const *name = opts->name[0] ? opts->name : view->seg->name;
    snprintf(beat->name, sizeof beat->name, "%.*s", (int)sizeof beat->name - 1, name);
    snprintf(beat->venue, sizeof beat->venue, "%.*s", (int)sizeof beat->venue - 1, md->venue);
    snprintf(beat->repair_ip, sizeof beat->repair_ip, "%.*s", (int)sizeof beat->repair_ip - 1, opts->repair_ip);
}

int aats_out_wants_tick(aats_out_t const *o, int64_t mono_ns) { return o->dir_look || mono_ns >= o->beat_mono_ns; }

int aats_out_tick(aats_out_t *o, int64_t now_ns, int64_t mono_ns)
{
    int const beats = mono_ns >= o->beat_mono_ns;
    if (!beats && !o->dir_look) return 0;
    struct { aats_wire_t head; aats_wire_beat_t beat; } m;
    aats_out_beat(o->view, o->slot, &o->opts, mono_ns, &m.beat); /* H1: before what follows */
    aats_out_flush(o, now_ns);
    if (!beats) return tell_changed(o, now_ns) > 0;
    aats_wire_head(&m.head, &o->from, AATS_WIRE_BEAT, o->next, now_ns, sizeof m.beat);
    send(o, &m, sizeof m);
    o->beat_mono_ns = mono_ns + AATS_WIRE_BEAT_NS;
    tell_changed(o, now_ns);
    tell_in_turn(o, now_ns);
    return 1;
}

/* ---- life ---- */

int aats_out_init(aats_out_t *o, aats_out_opts_t const *opts, aats_md_view_t const *view, aats_slot_t const *slot, uint64_t layout_hash,
                  aats_out_send_t send_fn, void *arg)
{
    size_t const whole = HEAD_SZ + aats_wire_rec_sz(view->ring_levels, view->ring_levels), beat = HEAD_SZ + sizeof(aats_wire_beat_t);
    size_t const datagram = opts->datagram ? opts->datagram : AATS_WIRE_DATAGRAM;
    if (datagram < whole || datagram < beat || datagram > DATAGRAM_MAX) return AATS_E_ARG;
    memset(o, 0, sizeof *o);
    o->view = view;
    o->slot = slot;
    o->opts = *opts;
    o->opts.datagram = (uint32_t)datagram;
    o->from = (aats_wire_from_t){.feed_id = view->md->feed_id, .generation = view->generation, .layout_hash = layout_hash, .rec_cap = view->ring_levels};
    o->send = send_fn;
    o->arg = arg;
    o->next = aats_ring_newest(view);
    o->sz = HEAD_SZ;
    o->beat_mono_ns = INT64_MIN;
    return AATS_OK;
}
