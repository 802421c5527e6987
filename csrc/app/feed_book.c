/* feed_book.c -- what a message does to a symbol: steps 3 and 4 of the walk, and how trust in a book is lost and won back. */
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "shm/directory.h"

#define VERIFY_NS 1000000000 /* a suspect book that no diff has cleared by then gets a new snapshot */
#define ASK_MIN_NS ((int64_t)500000000) /* 64 bits wide: it is shifted */
#define ASK_MAX_NS ((int64_t)8000000000)

static aats_dir_t *dir_of(aats_feed_t *f, sym_t const *s) { return &f->view.dir[feed_index(f, s)]; }

/* ---- snapshots ---- */

void book_want_snapshot(aats_feed_t *f, sym_t *s, int64_t in_ns)
{
    int64_t at = f->mono_ns + in_ns;
    if (s->last_ask_mono_ns && at < s->last_ask_mono_ns + ASK_EVERY_NS) at = s->last_ask_mono_ns + ASK_EVERY_NS;
    if (s->asked_mono_ns || s->ask_mono_ns <= at) return;
    s->ask_mono_ns = at;
}

static void ask_again(aats_feed_t *f, sym_t *s)
{
    int64_t wait = ASK_MIN_NS << (s->ask_tries < 4 ? s->ask_tries : 4);
    s->ask_tries++;
    book_want_snapshot(f, s, feed_jitter(f, wait < ASK_MAX_NS ? wait : ASK_MAX_NS));
}

static int subscribed(aats_feed_t *f, sym_t *s)
{
    link_t *l = feed_carrier(f, s);
    return l && l->phase == LINK_OPEN && l->subs[feed_index(f, s)].state == SUB_ACKED;
}

/* The request leaves only once the stream is live: then no update can fall between snapshot and stream. */
static void ask(aats_feed_t *f, sym_t *s)
{
    s->ask_mono_ns = INT64_MAX;
    if (!subscribed(f, s)) return;
    aats_sync_keep(&s->sync);
    uint64_t no = ++f->ask_no;
    if (aats_mailbox_put(&f->out, AATS_MAIL_ASK, feed_index(f, s), no, NULL, 0) != AATS_OK) {
        s->ask_mono_ns = f->mono_ns + 10000000; /* the mailbox is full: a moment later */
        return;
    }
    s->ask_no = no;
    s->asked_mono_ns = s->last_ask_mono_ns = f->mono_ns;
    feed_count(f, AATS_MDC_SNAP_ASKED, 1);
}

void book_tick(aats_feed_t *f, sym_t *s)
{
    if (s->asked_mono_ns && f->mono_ns - s->asked_mono_ns > ASK_NS) {
        s->asked_mono_ns = 0;
        ask_again(f, s);
    }
    if (f->mono_ns >= s->ask_mono_ns) ask(f, s);
    if (s->unanswered) feed_answer(f, s);
}

void book_snapshot_failed(aats_feed_t *f, sym_t *s, int64_t wait_ns)
{
    if (s->gone || !s->asked_mono_ns) return;
    s->asked_mono_ns = 0;
    feed_count(f, AATS_MDC_SNAP_FAILED, 1);
    if (wait_ns > 0) book_want_snapshot(f, s, wait_ns < WAIT_MAX_NS ? wait_ns : WAIT_MAX_NS);
    else ask_again(f, s);
}

/* ---- trust ---- */

static void gap(aats_feed_t *f, sym_t *s, int64_t recv_ns)
{
    s->lost_why = AATS_WHY_GAP;
    feed_count(f, AATS_MDC_GAPS, 1);
    aats_add_relaxed(&dir_of(f, s)->gaps, 1);
    feed_notice(f, 1, "%s: gap in the venue's sequence; asking for a new snapshot", s->info.symbol);
    pub_judge(f, s, 0, recv_ns);
    book_want_snapshot(f, s, s->ask_tries ? feed_jitter(f, ASK_MIN_NS) : 0);
}

void book_suspect(aats_feed_t *f, sym_t *s, uint8_t why, int barrier)
{
    if (s->gone) return;
    if (!s->suspect_barrier) s->suspect = why; /* what a stop began, only its pong or a snapshot may end */
    s->suspect_barrier |= barrier;
    s->suspect_ask = s->asked_mono_ns ? s->ask_no : 0;
    s->continued = 0;
    pub_judge(f, s, 0, f->now_ns);
    book_want_snapshot(f, s, feed_jitter(f, VERIFY_NS));
}

/* The thread slept.  A snapshot that was asked for before tells of a time before: it is not waited for. */
void book_stalled(aats_feed_t *f, sym_t *s)
{
    if (s->gone) return;
    if (s->asked_mono_ns) {
        s->asked_mono_ns = 0;
        book_want_snapshot(f, s, 0);
    }
    if (s->sync.live) book_suspect(f, s, AATS_WHY_STALLED, 1);
}

static void clear_suspect(sym_t *s)
{
    s->suspect = 0;
    s->suspect_barrier = 0;
    if (!s->asked_mono_ns && s->sync.live) s->ask_mono_ns = INT64_MAX;
}

/* A diff continued the sequence: nothing of this symbol was missed before it. */
static void continued(sym_t *s)
{
    s->continued = 1;
    s->behind = 0;
    if (s->suspect && !s->suspect_barrier) clear_suspect(s);
}

void book_barrier_passed(aats_feed_t *f, link_t *l)
{
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++) {
        if (feed_carrier(f, s) != l || !s->suspect_barrier) continue;
        s->suspect_barrier = 0;
        if (s->suspect && s->continued) {
            clear_suspect(s);
            pub_judge(f, s, 0, f->now_ns);
        }
    }
}

void book_stream_lost(aats_feed_t *f, sym_t *s, int anew)
{
    aats_sync_reset(&s->sync);
    s->lost_why = AATS_WHY_SYNCING;
    s->suspect = 0;
    s->suspect_barrier = 0;
    s->asked_mono_ns = 0;
    s->ask_mono_ns = INT64_MAX;
    s->ask_tries = 0;
    s->behind = s->reloaded = 0;
    s->bbo_id = 0;
    if (anew) s->restarted = AATS_STREAM_TRADE | AATS_STREAM_AGG;
    pub_judge(f, s, 0, f->now_ns);
}

void book_stream_live(aats_feed_t *f, sym_t *s)
{
    pub_judge(f, s, 0, f->now_ns); /* from "link down" to "syncing" */
    if (!s->sync.live) book_want_snapshot(f, s, 0);
}

/* The books of a link that died lived on its bytes alone: what the new one brings may lie behind a hole that no diff has shown yet. */
void book_carried(aats_feed_t *f, sym_t *s, int proven)
{
    if (!proven && s->sync.live) book_suspect(f, s, AATS_WHY_SUSPECT, 0);
    if (!s->sync.live) book_want_snapshot(f, s, 0);
    pub_carrier(f, s);
}

/* ---- messages ---- */

/* After a snapshot: kept diffs over it, then one judgement.  A snapshot that was on its way when a message could not be read may be
 * older than what that message held: the book stays suspect, until the next diff continues it. */
static void replay(aats_feed_t *f, sym_t *s, int64_t recv_ns)
{
    aats_diff_t d;
    int e;
    int64_t exch_ns = 0;
    while ((e = aats_sync_replay(&s->sync, &d)) == 1) exch_ns = d.exch_ns;
    if (e < 0) {
        s->ask_tries++;
        gap(f, s, recv_ns);
        return;
    }
    if (s->suspect && s->suspect_ask == s->ask_no) book_want_snapshot(f, s, feed_jitter(f, VERIFY_NS));
    else clear_suspect(s);
    s->ask_tries = 0;
    s->behind = 0;
    s->reloaded = 1;
    pub_judge(f, s, exch_ns, recv_ns);
    if (s->why == AATS_WHY_CROSSED) {
        aats_sync_lost(&s->sync);
        s->lost_why = AATS_WHY_CROSSED;
        ask_again(f, s);
    }
}

static void take_snapshot(aats_feed_t *f, sym_t *s, uint64_t ask_no, char const *text, size_t n, int64_t recv_ns)
{
    if (s->gone || !s->asked_mono_ns || ask_no != s->ask_no) return; /* an answer to a question that nobody asks any more */
    s->asked_mono_ns = 0;
    aats_msg_t *m = &f->msg;
    int e = f->venue->parse(text, n, m);
    if (!e && m->kind != AATS_MSG_SNAPSHOT) e = AATS_E_SHAPE;
    f->parsed_ns = feed_stamp(f);
    if (!e) e = aats_sync_snapshot(&s->sync, m->last_id, m->bids, m->bid_cnt, m->asks, m->ask_cnt, f->opts.snapshot_limit);
    if (e) {
        feed_count(f, AATS_MDC_SNAP_FAILED, 1);
        if (e == AATS_E_NOMEM) s->lost_why = AATS_WHY_LEVELS;
        if (e != AATS_E_STALE)
            feed_notice(f, 1, "%s: the snapshot cannot be used (%s at byte %zu); asking again", s->info.symbol, aats_err_name(e),
                        m->offset);
        if (!s->sync.live) pub_judge(f, s, 0, recv_ns);
        ask_again(f, s);
        return;
    }
    replay(f, s, recv_ns);
}

void book_snapshot(aats_feed_t *f, sym_t *s, uint64_t ask_no, char const *text, size_t n, int64_t recv_ns)
{
    take_snapshot(f, s, ask_no, text, n, recv_ns);
    f->parsed_ns = 0;
}

/* A few diffs that the book has already follow a snapshot or a change of links.  When they do not end, the book's id is from somewhere else
 * (an id misprinted upwards, a venue that counts anew) and would freeze it for ever. */
static void behind(aats_feed_t *f, sym_t *s, int64_t recv_ns)
{
    if (++s->behind < BEHIND_MAX) return;
    s->behind = 0;
    aats_sync_reset(&s->sync);
    gap(f, s, recv_ns);
}

static void take_depth(aats_feed_t *f, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    aats_diff_t d = {.first_id = m->first_id, .last_id = m->last_id, .exch_ns = m->exch_ns, .recv_ns = recv_ns,
                     .bids = m->bids, .asks = m->asks, .bid_cnt = m->bid_cnt, .ask_cnt = m->ask_cnt};
    int e = aats_sync_diff(&s->sync, &d);
    if (e == AATS_SYNC_OLD) {
        behind(f, s, recv_ns);
    } else if (e == AATS_SYNC_APPLIED) {
        aats_add_relaxed(&dir_of(f, s)->updates, 1);
        continued(s);
        if (f->opts.open_l2 && s->valid) pub_changes(f, s, &d);
        pub_judge(f, s, m->exch_ns, recv_ns);
        if (s->why == AATS_WHY_CROSSED && s->sync.live) {
            aats_sync_lost(&s->sync);
            s->lost_why = AATS_WHY_CROSSED;
            feed_notice(f, 1, "%s: the book is crossed after an update; asking for a new snapshot", s->info.symbol);
            book_want_snapshot(f, s, 0);
        }
    } else if (e == AATS_E_GAP) {
        gap(f, s, recv_ns);
    } else if (e == AATS_E_SHAPE) { /* U > u: it cannot be applied, nor passed over */
        feed_count(f, AATS_MDC_PARSE_ERRORS, 1);
        aats_add_relaxed(&dir_of(f, s)->bad_frames, 1);
        book_suspect(f, s, AATS_WHY_SUSPECT, 0);
    } else if (e < 0) {
        s->lost_why = AATS_WHY_LEVELS;
        pub_judge(f, s, m->exch_ns, recv_ns);
        ask_again(f, s);
    }
}

/* Ids that must be consecutive.  After a new connection they may have begun anew; else what is not newer was seen already, unless that does
 * not end.  Returns 1 for a new one. */
static int new_id(aats_feed_t *f, sym_t *s, uint64_t *last, uint64_t id, unsigned stream)
{
    if (*last && id <= *last && !(s->restarted & stream) && ++s->trades_behind < BEHIND_MAX) return 0;
    if (*last && id > *last + 1) {
        feed_count(f, AATS_MDC_TRADE_GAPS, 1);
        aats_add_relaxed(&dir_of(f, s)->trade_gaps, 1);
    }
    *last = id;
    s->restarted &= ~stream;
    s->trades_behind = 0;
    return 1;
}

static void take_bbo(aats_feed_t *f, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    if (m->last_id <= s->bbo_id) return; /* after a new connection bbo_id is 0 */
    s->bbo_id = m->last_id;
    s->bbo[AATS_BID] = m->bids[0];
    s->bbo[AATS_ASK] = m->asks[0];
    pub_bbo(f, s, m, recv_ns);
    if (f->opts.fuse_bbo && s->valid) pub_judge(f, s, m->exch_ns, recv_ns);
}

/* A message that could not be read may have been anybody's: every book of the connection is suspect, or the one symbol it named. */
static void unreadable(aats_feed_t *f, link_t *l, int code)
{
    aats_msg_t const *m = &f->msg;
    feed_count(f, AATS_MDC_PARSE_ERRORS, 1);
    uint64_t times = f->view.md->counters[AATS_MDC_PARSE_ERRORS];
    if (times <= 5 || (times & (times - 1)) == 0)
        feed_notice(f, 1, "link %d: a message cannot be read: %s at byte %zu, stream %.*s (%llu so far)", l->index, aats_err_name(code),
                    m->offset, (int)(m->stream ? m->stream_len : 1), m->stream ? m->stream : "?", (unsigned long long)times);
    int number = code == AATS_E_RANGE || code == AATS_E_INEXACT;
    uint8_t why = number ? AATS_WHY_NUMBER : code == AATS_E_TOO_BIG ? AATS_WHY_LEVELS : AATS_WHY_SUSPECT;
    sym_t *named = m->sym && m->kind ? feed_find(f, m->sym, m->sym_len) : NULL;
    if (named) {
        aats_add_relaxed(&dir_of(f, named)->bad_frames, 1);
        if (m->kind == AATS_MSG_DEPTH) book_suspect(f, named, why, 0);
        return;
    }
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++)
        if (feed_carrier(f, s) == l) book_suspect(f, s, AATS_WHY_SUSPECT, 0);
}

static void acked(aats_feed_t *f, link_t *l, uint64_t id)
{
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        sub_t *sub = &l->subs[i];
        if (sub->state != SUB_SENT || sub->id != id) continue;
        sub->state = SUB_ACKED;
        f->syms[i].part = 0;
        sub->acked_mono_ns = f->mono_ns;
        if (feed_carrier(f, &f->syms[i]) == l) book_stream_live(f, &f->syms[i]);
    }
}

/* A refused request of many symbols is repeated in two halves, so that the culprit is found; a refused symbol is given up.  The halves are
 * the symbols' own, not the connection's: the venue may end that with its refusal. */
static void refused(aats_feed_t *f, link_t *l, aats_msg_t const *m)
{
    uint32_t hit = 0;
    for (uint32_t i = 0; i < f->sym_cnt; i++) hit += l->subs[i].state == SUB_SENT && l->subs[i].id == m->id && m->id;
    feed_count(f, AATS_MDC_VENUE_ERRORS, 1);
    feed_notice(f, 2, "link %d: the venue refuses request %llu: code %lld %.*s", l->index, (unsigned long long)m->id, (long long)m->code,
                (int)(m->text_len < 200 ? m->text_len : 200), m->text ? m->text : "");
    uint32_t left = hit / 2, halves[2] = {0, 0};
    if (hit > 1) halves[0] = ++f->parts, halves[1] = ++f->parts;
    for (uint32_t i = 0; i < f->sym_cnt; i++) {
        sub_t *sub = &l->subs[i];
        if (sub->state != SUB_SENT || sub->id != m->id || !m->id) continue;
        sym_t *s = &f->syms[i];
        if (hit > 1) {
            sub->state = SUB_WANTED;
            s->part = left ? halves[0] : halves[1];
            left -= left > 0;
            continue;
        }
        sub->state = SUB_NONE;
        s->gone = 1;
        feed_count(f, AATS_MDC_REFUSED, 1);
        feed_notice(f, 2, "%s: the venue refuses to stream it", s->info.symbol);
        pub_judge(f, s, 0, f->now_ns);
    }
}

static void message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    aats_msg_t *m = &f->msg;
    int e = feed_parse(f, text, n, binary, 0);
    f->parsed_ns = feed_stamp(f);
    if (e) {
        unreadable(f, l, e);
        return;
    }
    switch (m->kind) {
    case AATS_MSG_ACK:      acked(f, l, m->id); return;
    case AATS_MSG_ERROR:    refused(f, l, m); return;
    case AATS_MSG_SHUTDOWN: link_rotate(f, l, "the venue is about to close it"); return;
    case AATS_MSG_DEPTH: case AATS_MSG_TRADE: case AATS_MSG_AGG: case AATS_MSG_BBO: break;
    default: feed_count(f, AATS_MDC_UNKNOWN, 1); return;
    }
    sym_t *s = feed_find(f, m->sym, m->sym_len);
    if (!s || s->gone) {
        feed_count(f, AATS_MDC_UNKNOWN, 1);
        return;
    }
    if (feed_carrier(f, s) != l) return; /* it is another link's by now; what comes here is on its way out */
    l->subs[feed_index(f, s)].heard = 1;
    switch (m->kind) {
    case AATS_MSG_DEPTH: take_depth(f, s, m, recv_ns); break;
    case AATS_MSG_BBO:   take_bbo(f, s, m, recv_ns); break;
    case AATS_MSG_TRADE:
        for (uint32_t part = 1;; part++) {
            if (new_id(f, s, &s->trade_id, m->id, AATS_STREAM_TRADE)) pub_trade(f, s, m, recv_ns);
            if (part >= m->parts || feed_parse(f, text, n, binary, part)) break;
        }
        break;
    case AATS_MSG_AGG:   if (new_id(f, s, &s->agg_id, m->id, AATS_STREAM_AGG)) pub_trade(f, s, m, recv_ns); break;
    }
}

void book_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    message(f, l, text, n, recv_ns, binary);
    f->parsed_ns = 0;
}
