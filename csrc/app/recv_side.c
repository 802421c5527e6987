/* recv_side.c -- the TCP connection of a path: hello, questions and answers; the stream of P2P.  Also what the kinds of messages do, whichever way they come.
 *
 *     IDLE --want CONNECT--> CONNECTING --opened: hello--> OPEN --want CLOSE--> CLOSING --closed--> IDLE
 *       ^                        | closed, connect_ns        | closed, BYE, broken, silent        |
 *       +------- back-off -------+---------------------------+------------------------------------+ */
#include "app/recv_state.h"

#include <stdio.h>

#include "app/feed.h"
#include "base/atomics.h"
#include "shm/segment.h"

#define SNAP_EVERY_NS (100 * (int64_t)NS_MS) /* a snapshot is asked for no more often */

int recv_side_open(path_t const *p) { return p->phase == SIDE_OPEN; }

static uint32_t port_of(path_t const *p) { return p->opts.port ? p->opts.port : p->has_beat ? p->beat.repair_port : 0; }

int recv_side_possible(path_t const *p)
{
    return p->opts.kind == AATS_PATH_P2P || (!p->opts.no_repair && p->has_beat && port_of(p));
}

/* ---- the face ---- */

int aats_recv_address(aats_recv_t const *r, int path, char *ip, size_t ip_sz, uint32_t *port)
{
    path_t const *p = &r->paths[path];
    char const *from = p->opts.ip[0] ? p->opts.ip : p->has_beat && p->beat.repair_ip[0] ? p->beat.repair_ip : p->source;
    if (!recv_side_possible(p) || !from[0]) return 0;
    snprintf(ip, ip_sz, "%s", from);
    *port = port_of(p);
    return 1;
}

int aats_recv_want(aats_recv_t *r, int path)
{
    path_t const *p = &r->paths[path];
    if (p->phase == SIDE_CLOSING || (p->phase != SIDE_IDLE && r->stopping)) return AATS_FEED_CLOSE;
    if (p->phase != SIDE_IDLE || r->stopping || r->mono_ns < p->try_mono_ns) return AATS_FEED_NOTHING;
    return recv_side_possible(p) ? AATS_FEED_CONNECT : AATS_FEED_NOTHING;
}

void aats_recv_connecting(aats_recv_t *r, int path)
{
    path_t *p = &r->paths[path];
    char ip[48];
    uint32_t port = 0;
    p->phase = SIDE_CONNECTING;
    p->phase_mono_ns = r->mono_ns;
    p->in_at = p->in_sz = p->out_sz = 0;
    p->heard_here = p->bye = 0;
    p->snap = SNAP_NONE;
    if (aats_recv_address(r, path, ip, sizeof ip, &port)) snprintf(p->pub.repair, sizeof p->pub.repair, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, port);
    p->dirty = 1;
}

void aats_recv_opened(aats_recv_t *r, int path)
{
    path_t *p = &r->paths[path];
    aats_hello_t hello = {.magic = AATS_HELLO_MAGIC, .version = AATS_WIRE_VERSION, .layout_hash = aats_seg_layout_hash()};
    int const stream = p->opts.kind == AATS_PATH_P2P;
    hello.flags = stream ? AATS_HELLO_STREAM : 0;
    memcpy(hello.proof, p->opts.proof, sizeof hello.proof);
    memcpy(p->out, &hello, sizeof hello);
    p->out_sz = sizeof hello;
    p->phase = SIDE_OPEN;
    p->phase_mono_ns = r->mono_ns;
    p->clock_next_mono_ns = r->mono_ns;
    p->clock_asked_ns = 0;
    if (stream) { /* it begins with a snapshot unasked */
        p->snap = SNAP_ASKED;
        p->snap_mono_ns = p->snap_wait_mono_ns = r->mono_ns;
    }
}

static void backoff(aats_recv_t *r, path_t *p)
{
    int64_t wait = r->opts.backoff_min_ns;
    for (uint32_t i = 0; i < p->fails && wait < r->opts.backoff_max_ns; i++) wait *= 2;
    if (wait > r->opts.backoff_max_ns) wait = r->opts.backoff_max_ns;
    r->rng = r->rng * 6364136223846793005u + 1442695040888963407u;
    p->try_mono_ns = r->mono_ns + wait / 2 + (int64_t)((r->rng >> 33) % (uint64_t)(wait / 2 + 1));
    if (p->fails < 30) p->fails++;
}

void aats_recv_closed(aats_recv_t *r, int path, char const *why)
{
    path_t *p = &r->paths[path];
    int const was = p->phase;
    if (was == SIDE_IDLE) return;
    p->phase = SIDE_IDLE;
    p->want_snap = p->want_snap || p->snap != SNAP_NONE;
    p->snap = SNAP_NONE;
    p->clock_asked_ns = 0;
    p->out_sz = 0;
    if (p->opts.kind == AATS_PATH_P2P) p->ended = 1;
    if (p->heard_here) p->fails = 0;
    if (!p->bye && (p->fails < 3 || p->heard_here)) recv_say(r, 1, "%s: connection to %s: %s", p->pub.addr, p->pub.repair, why && why[0] ? why : "closed");
    backoff(r, p);
    p->dirty = 1;
}

void recv_side_close(aats_recv_t *r, path_t *p, int keep_backoff)
{
    if (!keep_backoff) p->fails = 0;
    if (p->phase != SIDE_IDLE) p->phase = SIDE_CLOSING;
    p->phase_mono_ns = r->mono_ns;
}

size_t aats_recv_output(aats_recv_t *r, int path, uint8_t const **at)
{
    path_t *p = &r->paths[path];
    *at = p->out;
    return p->phase == SIDE_OPEN ? p->out_sz : 0;
}

void aats_recv_sent(aats_recv_t *r, int path, size_t n)
{
    path_t *p = &r->paths[path];
    if (n > p->out_sz) n = p->out_sz;
    memmove(p->out, p->out + n, p->out_sz - n);
    p->out_sz -= n;
}

/* ---- questions ---- */

void recv_side_ask(aats_recv_t *r, path_t *p, uint32_t kind, uint64_t a, uint64_t b)
{
    aats_ask_t const ask = {.magic = AATS_ASK_MAGIC, .kind = kind, .a = a, .b = b};
    if (r->mono_ns - p->asks_mono_ns >= r->opts.ask_again_ns) p->asks_mono_ns = r->mono_ns, p->asks = 0;
    if (p->phase != SIDE_OPEN || p->out_sz + sizeof ask > sizeof p->out || p->asks >= ASKS_MAX) return; /* it is asked again */
    p->asks++;
    memcpy(p->out + p->out_sz, &ask, sizeof ask);
    p->out_sz += sizeof ask;
}

/* Without its TCP connection a path of datagrams joins by them alone, after a while. */
static void join_alone(aats_recv_t *r, path_t *p)
{
    if (!r->attached || p->joined || !p->locked || !p->has_beat || p->opts.kind == AATS_PATH_P2P) return;
    if (recv_side_possible(p)) {
        if (r->mono_ns - p->locked_mono_ns < r->opts.connect_ns) return;
        if (!(p->said & SAID_ALONE)) recv_say(r, 1, "%s: no snapshot is to be had; joins by datagrams alone, books come with their next change", p->pub.addr);
        p->said |= SAID_ALONE;
    }
    uint64_t first = UINT64_MAX;
    for (uint64_t i = 0; i <= p->hold_mask; i++)
        if (p->hold_no[i] && p->hold_no[i] - 1 < first) first = p->hold_no[i] - 1;
    recv_path_join(r, p, first != UINT64_MAX ? first : p->beat_seq);
}

void recv_side_timers(aats_recv_t *r, path_t *p)
{
    if (!p->joined) join_alone(r, p);
    int64_t const since = r->mono_ns - p->phase_mono_ns;
    if (p->phase == SIDE_CONNECTING && since > r->opts.connect_ns) recv_side_close(r, p, 1);
    if (p->phase != SIDE_OPEN) return;
    int const no_snap = r->attached && p->snap != SNAP_NONE && r->mono_ns - p->snap_wait_mono_ns > 2 * r->opts.connect_ns;
    if (since > r->opts.connect_ns || no_snap) { /* it does not answer */
        recv_side_close(r, p, 1);
        return;
    }
    if (r->mono_ns >= p->clock_next_mono_ns) {
        p->clock_next_mono_ns = r->mono_ns + NS_S;
        p->clock_asked_ns = r->clock ? r->clock() : r->now_ns;
        recv_side_ask(r, p, AATS_ASK_CLOCK, (uint64_t)p->clock_asked_ns, 0);
    }
    if (r->attached && p->want_snap && p->snap == SNAP_NONE && r->mono_ns - p->snap_mono_ns >= SNAP_EVERY_NS) {
        p->want_snap = 0;
        p->snap = SNAP_ASKED;
        p->snap_mono_ns = p->snap_wait_mono_ns = r->mono_ns;
        recv_side_ask(r, p, AATS_ASK_SNAPSHOT, 0, 0);
    }
}

/* ---- answers ---- */

static void snap_begins(aats_recv_t *r, path_t *p, uint64_t seq)
{
    if (!r->attached || seq > SEQ_MAX) return;
    p->snap = SNAP_COMING;
    p->snap_seq = seq;
}

static void snap_ends(aats_recv_t *r, path_t *p, uint64_t seq, int64_t sent_ns)
{
    int const whole = r->attached && p->snap == SNAP_COMING && seq == p->snap_seq;
    p->snap = SNAP_NONE;
    if (!whole) { /* its beginning was before we had a segment, or knew whose it is */
        p->want_snap = 1;
        return;
    }
    p->pub.snapshots++;
    if (!p->joined) p->top_sent_ns = sent_ns, recv_path_join(r, p, seq);
    else if (p->opts.kind == AATS_PATH_P2P) recv_path_top(r, p, seq); /* what it passes over is lost */
    if (p->opts.kind == AATS_PATH_P2P) p->ended = 0, p->want_snap = 0;
    if (p->loss_upto > seq) p->want_snap = 1;
}

/* The connection leads to another feed: it is given up, each time for longer. */
static void not_wanted(aats_recv_t *r, path_t *p)
{
    if (!(p->said & SAID_OTHER)) recv_say(r, 1, "%s: the feed at %s is not the one that is wanted", p->pub.addr, p->pub.repair);
    p->said |= SAID_OTHER;
    p->heard_here = 0;
    recv_side_close(r, p, 1);
}

static void beat(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, int64_t arrived_ns, int by)
{
    aats_wire_beat_t b;
    memcpy(&b, payload, sizeof b);
    if (!recv_take_beat_said(r, p, &b)) {
        p->pub.foreign++;
        if (by == BY_STREAM) not_wanted(r, p);
        return;
    }
    recv_pulse_beat(r, p, head, arrived_ns, &b, by);
}

static void bye(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload)
{
    char text[200];
    size_t n = head->payload_sz < sizeof text - 1 ? head->payload_sz : sizeof text - 1;
    for (size_t i = 0; i < n; i++) text[i] = payload[i] >= ' ' && payload[i] <= '~' ? (char)payload[i] : '?';
    text[n] = 0;
    p->bye = 1;
    if (!(p->said & SAID_BYE)) recv_say(r, 1, "%s: the feed at %s ends the connection: %s", p->pub.addr, p->pub.repair, text);
    p->said |= SAID_BYE;
    recv_side_close(r, p, 1);
}

static void lost(aats_recv_t *r, path_t *p, uint8_t const *payload)
{
    aats_wire_lost_t l;
    memcpy(&l, payload, sizeof l);
    if (l.from > SEQ_MAX || l.cnt > SEQ_MAX || !l.cnt) return;
    recv_path_gone(r, p, l.from + l.cnt);
}

/* A deep book by datagram: its parts are put together, holes in stream 1 are counted. */
static void deep_part(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload)
{
    if (head->seq > SEQ_MAX) return;
    if (p->has_deep && head->seq > p->deep_next) p->pub.deep_lost += head->seq - p->deep_next;
    if (!p->has_deep || head->seq >= p->deep_next) p->deep_next = head->seq + 1;
    p->has_deep = 1;
    int const sz = aats_wire_join(&p->parts, head, payload);
    if (sz > 0) recv_merge_book(r, p, p->parts.bytes, (size_t)sz, 0);
    else if (sz == AATS_E_SHAPE) p->pub.damaged++;
}

static void entries(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload)
{
    for (uint32_t i = 0; i < head->cnt; i++) {
        if (head->kind == AATS_WIRE_DIR) {
            aats_wire_dir_t e;
            memcpy(&e, payload + i * sizeof e, sizeof e);
            recv_dir_entry(r, p, &e);
        } else {
            aats_wire_top_t t;
            memcpy(&t, payload + i * sizeof t, sizeof t);
            recv_merge_top(r, p, &t, p->joined ? p->next : p->snap == SNAP_COMING ? p->snap_seq : 0);
        }
    }
}

void recv_side_message(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, int64_t arrived_ns, int by)
{
    if (r->stopping) return;
    int const tcp = by != BY_DATAGRAM;
    if (!p->has_beat && head->kind <= AATS_WIRE_SNAP && head->kind != AATS_WIRE_BEAT) return; /* nobody has said what feed this is */
    switch (head->kind) {
    case AATS_WIRE_RECORDS:  recv_path_records(r, p, head, payload, by); break;
    case AATS_WIRE_BEAT:     beat(r, p, head, payload, arrived_ns, by); break;
    case AATS_WIRE_DIR:
    case AATS_WIRE_TOP:      entries(r, p, head, payload); break;
    case AATS_WIRE_BOOK:
        if (head->stream == 1) deep_part(r, p, head, payload);
        else recv_merge_book(r, p, payload, head->payload_sz, p->snap == SNAP_COMING ? p->snap_seq : head->seq <= SEQ_MAX ? head->seq : 0);
        break;
    case AATS_WIRE_SNAP:     if (tcp) snap_begins(r, p, head->seq); break;
    case AATS_WIRE_SNAP_END: if (tcp) snap_ends(r, p, head->seq, head->sent_ns); break;
    case AATS_WIRE_LOST:     if (tcp) lost(r, p, payload); break;
    case AATS_WIRE_CLOCK:
        if (tcp) {
            aats_wire_clock_t c;
            memcpy(&c, payload, sizeof c);
            recv_pulse_clock(r, p, &c, arrived_ns);
        }
        break;
    case AATS_WIRE_BYE:      if (tcp) bye(r, p, head, payload); break;
    default:                 break;
    }
}

/* ---- bytes of the connection ---- */

size_t aats_recv_room(aats_recv_t *r, int path, uint8_t **at)
{
    path_t *p = &r->paths[path];
    if (p->in_at) {
        memmove(p->in, p->in + p->in_at, p->in_sz - p->in_at);
        p->in_sz -= p->in_at;
        p->in_at = 0;
    }
    *at = p->in + p->in_sz;
    return IN_SZ - p->in_sz;
}

/* A stream names its feed itself; a side channel must be of the feed that the datagrams are of. */
static int right_feed(aats_recv_t *r, path_t *p, aats_wire_t const *head)
{
    if (p->locked && head->feed_id == p->pub.feed_id && head->generation == p->pub.generation) return 1;
    if (p->opts.kind != AATS_PATH_P2P || (p->opts.feed_id && head->feed_id != p->opts.feed_id)) {
        p->pub.foreign++;
        return 0;
    }
    int const snap = p->snap;
    char ip[48];
    uint32_t port;
    if (!aats_recv_address(r, p->index, ip, sizeof ip, &port)) return 0;
    recv_lock(r, p, head, ip);
    p->snap = snap;
    return 1;
}

int aats_recv_received(aats_recv_t *r, int path, size_t n, int64_t recv_ns)
{
    path_t *p = &r->paths[path];
    int const by = p->opts.kind == AATS_PATH_P2P ? BY_STREAM : BY_ASKING;
    int done = 0;
    if (n > IN_SZ - p->in_sz) n = IN_SZ - p->in_sz;
    p->in_sz += n;
    if (recv_ns <= 0) recv_ns = r->now_ns;
    while (p->phase == SIDE_OPEN) {
        if (p->in_at & 7) { /* a BYE of odd length, or a peer that is none: records are read where they lie */
            uint8_t *at;
            aats_recv_room(r, path, &at);
        }
        aats_wire_t head;
        int const got = aats_wire_read(p->in + p->in_at, p->in_sz - p->in_at, aats_seg_layout_hash(), &head);
        if (got == AATS_E_MORE) break;
        if (got < 0) {
            p->pub.damaged++;
            recv_say(r, 1, "%s: %s sends what is not of this wire%s; the connection is given up", p->pub.addr, p->pub.repair,
                     got == AATS_E_LAYOUT ? " (it is another build of AATS: the layouts differ)" : "");
            recv_side_close(r, p, 1);
            break;
        }
        uint8_t const *payload = p->in + p->in_at + sizeof head;
        p->in_at += (size_t)got;
        done++;
        p->phase_mono_ns = r->mono_ns;
        p->dirty = 1;
        if (head.kind != AATS_WIRE_BYE) {
            if (!right_feed(r, p, &head)) {
                not_wanted(r, p);
                break;
            }
            p->heard_here = 1;
            p->said &= ~SAID_BYE;
        }
        if (by == BY_STREAM) {
            p->pub.datagrams++;
            p->pub.bytes += (uint64_t)got;
            p->pub.heard_mono_ns = (uint64_t)r->mono_ns;
            if (head.kind == AATS_WIRE_RECORDS || head.kind == AATS_WIRE_BEAT) recv_pulse_delay(r, p, head.sent_ns, recv_ns);
        }
        recv_side_message(r, p, &head, payload, recv_ns, by);
    }
    return done;
}

void aats_recv_kernel_drops(aats_recv_t *r, int path, uint64_t drops)
{
    path_t *p = &r->paths[path];
    p->dirty |= p->pub.kernel_drops != drops;
    p->pub.kernel_drops = drops;
}
