/* recv_path.c -- the order of one path's records: what is missing, what is held meanwhile, when it is given up.
 *
 *        given out          hole        held     hole  held
 *   ...............next [--------------][####][--------][##] top ....nothing is known
 *                       gap 0                  gap 1
 *
 * A place of the hold belongs to a record number (number mod places), so nothing is allocated and a record that comes twice is seen. */
#include "app/recv_state.h"

#include <stdlib.h>

#define ASKS 16 /* questions of one turn */

int recv_path_room(path_t *p, uint32_t ring_levels, uint32_t hold_max)
{
    size_t const slot = sizeof(aats_rec_t) + 2 * ring_levels * sizeof(aats_level_t);
    size_t places = 64;
    while (places * 2 * slot <= hold_max) places *= 2;
    free(p->hold);
    free(p->hold_no);
    p->hold = malloc(places * slot);
    p->hold_no = calloc(places, sizeof *p->hold_no);
    p->hold_slot = slot;
    p->hold_mask = places - 1;
    return p->hold && p->hold_no;
}

void recv_path_reset(path_t *p)
{
    if (p->joined) { /* what was missing is never had, and what was held behind it is lost with it */
        p->pub.lost += p->held;
        p->pub.given_up += p->top - p->next;
    }
    if (p->hold_no) memset(p->hold_no, 0, (p->hold_mask + 1) * sizeof *p->hold_no);
    p->joined = 0;
    p->next = p->top = p->join_seq = 0;
    p->top_sent_ns = 0;
    p->held = 0;
    p->gap_head = p->gap_tail = 0;
}

size_t recv_path_piece(uint8_t const *at, size_t n, uint32_t cap, aats_rec_t *head)
{
    if (n < sizeof *head) return 0;
    memcpy(head, at, sizeof *head);
    size_t const sz = sizeof *head + ((size_t)head->bid_len + head->ask_len) * sizeof(aats_level_t);
    if (head->stamp != 0 || head->kind < AATS_REC_QUOTE || head->kind > AATS_REC_LIQUIDATION || head->bid_len > cap || head->ask_len > cap) return 0;
    return sz <= n ? sz : 0;
}

/* ---- holes ---- */

static gap_t *first_gap(path_t *p) { return &p->gaps[p->gap_head % GAPS]; }
static gap_t *last_gap(path_t *p) { return &p->gaps[(p->gap_tail - 1) % GAPS]; }

static int is_held(path_t const *p, uint64_t n) { return p->hold_no[n & p->hold_mask] == n + 1; }

/* The records [top, to) are missing: something behind them is there. */
static void open_gap(aats_recv_t *r, path_t *p, uint64_t to)
{
    p->pub.lost += to - p->top;
    if (p->gap_tail - p->gap_head == GAPS) last_gap(p)->to = to;
    else p->gaps[p->gap_tail++ % GAPS] = (gap_t){p->top, to, r->mono_ns};
    if (recv_side_open(p) && p->opts.kind != AATS_PATH_P2P) recv_side_ask(r, p, AATS_ASK_RESEND, p->top, to - p->top);
    p->asked_mono_ns = r->mono_ns;
    p->top = to;
}

static void deliver(aats_recv_t *r, path_t *p, aats_rec_t *rec, uint8_t const *at)
{
    uint64_t const n = p->next++;
    p->pub.records++;
    if (rec->rec != n) p->pub.damaged++;
    else recv_merge_record(r, p, n, rec, (aats_level_t const *)(void const *)(at + sizeof *rec));
}

/* What is held and follows without a hole goes out; gaps that lie behind us are closed. */
static void drain(aats_recv_t *r, path_t *p)
{
    while (p->held && is_held(p, p->next)) {
        aats_rec_t rec;
        uint8_t const *at = p->hold + (p->next & p->hold_mask) * p->hold_slot;
        memcpy(&rec, at, sizeof rec);
        p->hold_no[p->next & p->hold_mask] = 0;
        p->held--;
        deliver(r, p, &rec, at);
    }
    while (p->gap_head != p->gap_tail && first_gap(p)->to <= p->next) p->gap_head++;
    if (p->beat_cnt) recv_pulse_reached(r, p);
}

/* Records below `upto` (at most top) that are not here are never had: each book may be wrong, and says so before anything newer is told. */
static void give_up(aats_recv_t *r, path_t *p, uint64_t upto)
{
    uint64_t missing = 0;
    if (upto - p->next > p->hold_mask + 1) missing = upto - p->next - p->held; /* a hole larger than what can be held: cnt is enough */
    else for (uint64_t n = p->next; n < upto; n++) missing += !is_held(p, n);
    if (missing) {
        p->pub.given_up += missing;
        p->pub.invalid++;
        p->loss_upto = upto;
        p->want_snap = 1;
        recv_dir_loss(r, p, upto);
    }
    while (p->next < upto) {
        if (p->held && is_held(p, p->next)) drain(r, p);
        else if (!p->held) p->next = upto;
        else p->next++;
    }
    drain(r, p);
}

void recv_path_top(aats_recv_t *r, path_t *p, uint64_t seq)
{
    if (!p->joined || seq <= p->top || seq > SEQ_MAX) return;
    open_gap(r, p, seq);
    if (p->opts.kind == AATS_PATH_P2P) give_up(r, p, seq); /* a stream loses only what the feed's own ring has lost */
}

void recv_path_gone(aats_recv_t *r, path_t *p, uint64_t below)
{
    if (!p->joined || below <= p->next || below > p->top) return;
    give_up(r, p, below);
}

void recv_path_timers(aats_recv_t *r, path_t *p)
{
    while (p->gap_head != p->gap_tail && r->mono_ns - first_gap(p)->since_mono_ns >= r->opts.hold_ns) {
        uint64_t const to = first_gap(p)->to;
        give_up(r, p, to < p->next ? p->next : to);
    }
    if (p->gap_head == p->gap_tail || !recv_side_open(p) || r->mono_ns - p->asked_mono_ns < r->opts.ask_again_ns) return;
    p->asked_mono_ns = r->mono_ns;
    int asks = 0;
    for (uint32_t g = p->gap_head; g != p->gap_tail && asks < ASKS; g++) {
        gap_t const *gap = &p->gaps[g % GAPS];
        uint64_t n = gap->from > p->next ? gap->from : p->next;
        while (n < gap->to && asks < ASKS) {
            uint64_t const from = n;
            if (gap->to - n > p->hold_mask + 1) n = gap->to;
            else while (n < gap->to && !is_held(p, n)) n++;
            if (n > from) recv_side_ask(r, p, AATS_ASK_RESEND, from, n - from), asks++;
            while (n < gap->to && is_held(p, n)) n++;
        }
    }
}

/* ---- joining ---- */

/* Records from seq on are wanted; what was held before is used if it is not older. */
void recv_path_join(aats_recv_t *r, path_t *p, uint64_t seq)
{
    uint64_t top = seq;
    for (uint64_t i = 0; i <= p->hold_mask; i++) {
        uint64_t const no = p->hold_no[i];
        if (!no) continue;
        if (no - 1 < seq || no - 1 > seq + p->hold_mask) {
            p->hold_no[i] = 0;
            p->held--;
        } else if (no > top) top = no;
    }
    p->joined = 1;
    p->next = p->top = p->join_seq = seq;
    for (uint64_t n = seq; n < top; n++) {
        if (!is_held(p, n)) continue;
        if (n > p->top) open_gap(r, p, n);
        p->top = n + 1;
    }
    drain(r, p);
}

/* ---- records ---- */

static void put_by(path_t *p, uint64_t n, uint8_t const *at, size_t sz)
{
    uint64_t *no = &p->hold_no[n & p->hold_mask];
    if (!*no) p->held++;
    *no = n + 1;
    memcpy(p->hold + (n & p->hold_mask) * p->hold_slot, at, sz);
}

/* take deals with record n where it is not simply the next one. */
static void take(aats_recv_t *r, path_t *p, uint64_t n, aats_rec_t *rec, uint8_t const *at, size_t sz, int by)
{
    if (!p->joined) {
        put_by(p, n, at, sz);
        return;
    }
    if (n < p->next || (n < p->top && is_held(p, n))) {
        if (n >= p->join_seq) p->pub.repeated++;
        return;
    }
    if (n > p->next + p->hold_mask) { /* the hold is full */
        if (n > p->top) open_gap(r, p, n);
        give_up(r, p, n > p->top ? n : p->top);
        if (n < p->next) return;
    }
    if (n > p->top) {
        open_gap(r, p, n);
        if (by == BY_STREAM) give_up(r, p, n);
    } else if (n < p->top) {
        *(by == BY_ASKING ? &p->pub.repaired : &p->pub.late) += 1;
    }
    if (n >= p->top) p->top = n + 1;
    if (n != p->next) {
        put_by(p, n, at, sz);
        return;
    }
    deliver(r, p, rec, at);
    drain(r, p);
}

void recv_path_records(aats_recv_t *r, path_t *p, aats_wire_t const *head, uint8_t const *payload, int by)
{
    uint8_t const *at = payload, *end = payload + head->payload_sz;
    if (!r->attached || r->stopping) return;
    if (head->rec_cap > r->view.ring_levels || head->seq > SEQ_MAX) {
        p->pub.damaged++;
        return;
    }
    if (by == BY_DATAGRAM && head->seq + head->cnt > p->top) p->top_sent_ns = head->sent_ns;
    for (uint32_t i = 0; i < head->cnt; i++) {
        aats_rec_t rec;
        uint64_t const n = head->seq + i;
        size_t const sz = recv_path_piece(at, (size_t)(end - at), head->rec_cap, &rec);
        if (!sz) {
            p->pub.damaged++;
            return;
        }
        if (p->joined && n == p->next && p->next == p->top) {
            p->top++;
            deliver(r, p, &rec, at);
        } else {
            take(r, p, n, &rec, at, sz, by);
        }
        at += sz;
    }
    if (p->beat_cnt) recv_pulse_reached(r, p);
}
