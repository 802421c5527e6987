/* recv_in.c -- what a datagram is, and whether it is of the feed that a path hears.
 *
 * A path without a feed takes the first one that fits its options; a beat, which says what the feed is, and nothing less makes it so.  After that only its
 * source and feed id are listened to; another generation of it follows at once, another feed only when this one has been silent for stale_ns. */
#include "app/recv_state.h"

#include <stdio.h>

#include "shm/segment.h"

static void say_once(aats_recv_t *r, path_t *p, unsigned what, char const *source, char const *text)
{
    if (p->said & what) return;
    p->said |= what;
    recv_say(r, 1, "%s: %s (%s)", p->pub.addr, text, source);
}

/* recv_take_beat_said checks what a beat says of its feed, and keeps it. */
int recv_take_beat_said(aats_recv_t *r, path_t *p, aats_wire_beat_t const *b)
{
    if (!recv_text_ok(b->name, sizeof b->name) || !recv_text_ok(b->venue, sizeof b->venue) || !recv_text_ok(b->repair_ip, sizeof b->repair_ip)) return 0;
    if (b->level_max < 1 || b->level_max > AATS_LEVEL_MAX || b->dir_cap < 1 || b->dir_cap > AATS_DIR_MAX || b->dir_cnt > b->dir_cap) return 0;
    if (b->ring_levels != (b->level_max <= 5 ? 5 : AATS_RING_LEVELS) || b->mode > AATS_MODE_REPLAY || b->repair_port > 65535) return 0;
    if (b->stale_ns < 1 || b->stale_ns > AATS_STALE_NS_MAX) return 0;
    for (int i = 0; i < r->path_cnt; i++) {
        path_t const *q = &r->paths[i];
        if (q == p || !q->has_beat || q->beat.mode == b->mode) continue;
        say_once(r, p, SAID_MODE, b->name, "its feed has another mode than that of the other path, and is not taken");
        return 0;
    }
    if (r->attached && r->view.mode != b->mode) {
        say_once(r, p, SAID_MODE, b->name, "its feed has another mode than this receiver's segment, and is not taken");
        return 0;
    }
    if (p->opts.feed[0] && strcmp(p->opts.feed, b->name) != 0) return 0;
    p->beat = *b;
    p->has_beat = 1;
    memcpy(p->pub.feed, b->name, sizeof p->pub.feed);
    return 1;
}

void recv_lock(aats_recv_t *r, path_t *p, aats_wire_t const *head, char const *source)
{
    int const again = p->locked;
    recv_rejoin(r, p);
    p->locked = 1;
    p->again = 0;
    p->has_beat = 0;
    p->said = 0;
    if (strcmp(p->source, source) != 0) recv_pulse_host(p);
    p->pub.feed_id = head->feed_id;
    p->pub.generation = head->generation;
    snprintf(p->source, sizeof p->source, "%s", source);
    snprintf(p->pub.source, sizeof p->pub.source, "%s", source);
    recv_say(r, 0, "%s: hears feed %016llx of %s%s", p->pub.addr, (unsigned long long)head->feed_id, source, again ? " (another one than before)" : "");
    if (p->opts.kind == AATS_PATH_P2P) return; /* it was heard over the connection that there is */
    p->fails = 0;                              /* the back-off was for the feed before */
    p->try_mono_ns = r->mono_ns;
    if (p->phase != SIDE_IDLE) recv_side_close(r, p, 0);
}

/* ours returns 1: of the feed that the path hears; 0: of another; -1: of it, but of a life of the segment that is not known by a beat. */
static int ours(aats_recv_t const *r, path_t const *p, aats_wire_t const *head, char const *source)
{
    int const same = p->locked && head->feed_id == p->pub.feed_id && strcmp(source, p->source) == 0;
    if (same && head->generation == p->pub.generation) return 1;
    if (p->opts.source[0] && strcmp(source, p->opts.source) != 0) return 0;
    if (p->opts.feed_id && head->feed_id != p->opts.feed_id) return 0;
    if (same) return head->generation > p->pub.generation ? -1 : 0;
    if (!p->locked) return -1;
    return r->mono_ns - (int64_t)p->pub.heard_mono_ns > recv_pulse_stale_ns(r, p) ? -1 : 0;
}

/* take_new decides on a message of a feed that is not the one heard so far; a beat, and nothing less, makes it so. */
static int take_new(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, char const *source)
{
    if (head->kind != AATS_WIRE_BEAT || head->stream != 0) return 0;
    aats_wire_beat_t b;
    memcpy(&b, payload, sizeof b);
    aats_wire_beat_t const before = p->beat;
    int const had = p->has_beat;
    if (!recv_take_beat_said(r, p, &b)) {
        p->pub.foreign++;
        return 0;
    }
    p->beat = before, p->has_beat = had;
    recv_lock(r, p, head, source);
    return 1;
}

int aats_recv_datagram(aats_recv_t *r, int path, char const *source, void const *bytes, size_t n, int64_t arrived_ns)
{
    path_t *p = &r->paths[path];
    aats_wire_t head;
    p->dirty = 1;
    if (((uintptr_t)bytes & 7) != 0 && n <= sizeof r->room) bytes = memcpy(r->room, bytes, n);
    int const got = aats_wire_read(bytes, n, aats_seg_layout_hash(), &head);
    if (got < 0 || (size_t)got != n || p->opts.kind == AATS_PATH_P2P) {
        p->pub.damaged++;
        if (got == AATS_E_LAYOUT) say_once(r, p, SAID_LAYOUT, source, "records of another build of AATS come in, and cannot be read: the layouts differ");
        else say_once(r, p, SAID_DAMAGED, source, "datagrams come in that are not of this kind or version, or broken");
        return AATS_OK;
    }
    uint8_t const *payload = (uint8_t const *)bytes + sizeof head;
    int const whose = ours(r, p, &head, source);
    if (__builtin_expect(whose != 1, 0)) {
        if (whose == 0) {
            p->pub.foreign++;
            say_once(r, p, SAID_FOREIGN, source, "another sender is heard there; it is not listened to");
            return AATS_OK;
        }
        if (!take_new(r, p, &head, payload, source)) return AATS_OK;
    }
    p->pub.datagrams++;
    p->pub.bytes += n;
    p->pub.heard_mono_ns = (uint64_t)r->mono_ns;
    if (arrived_ns <= 0) arrived_ns = r->now_ns;
    recv_pulse_delay(r, p, head.sent_ns, arrived_ns);
    if (head.kind == AATS_WIRE_RECORDS) recv_path_records(r, p, &head, payload, BY_DATAGRAM);
    else recv_side_message(r, p, &head, payload, arrived_ns, BY_DATAGRAM);
    return AATS_OK;
}
