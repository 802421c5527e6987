/* feed_msg.c -- what a message is, and whose: step 3 of the walk.  What it does to a book is feed_book.c's. */
#include "app/feed_state.h"
#include "shm/directory.h"

/* ---- trades ---- */

/* Ids that rise.  After a new connection they may have begun anew; else what is not newer was seen already, unless that does not end.
 * Where they rise by one a jump is a hole.  Returns 1 for a new one. */
static int new_id(aats_feed_t *f, sym_t *s, uint64_t *last, uint64_t id, unsigned stream)
{
    if (*last && id <= *last && !(s->restarted & stream) && ++s->trades_behind < BEHIND_MAX) return 0;
    if (*last && id > *last + 1 && f->venue->trade_ids == AATS_IDS_COUNT) {
        feed_count(f, AATS_MDC_TRADE_GAPS, 1);
        aats_add_relaxed(&f->view.dir[feed_index(f, s)].trade_gaps, 1);
    }
    *last = id;
    s->restarted &= ~stream;
    s->trades_behind = 0;
    return 1;
}

/* Trades without numbers are told by their time, counted on within one instant, so that two feeds number them alike.  Those that a successor
 * put aside are known already as far as their time has been told. */
static int new_time(aats_feed_t *f, sym_t *s, aats_msg_t const *m, uint64_t *last)
{
    if (f->draining && m->exch_ns <= s->trade_ns) return 0;
    if (m->exch_ns > s->trade_ns) s->trade_ns = m->exch_ns;
    *last = m->exch_ns > 0 && (uint64_t)m->exch_ns > *last ? (uint64_t)m->exch_ns : *last + 1;
    return 1;
}

/* A trade of quantity 0 only counts: some venues number what never met the book. */
static void take_trade(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, uint64_t *last, unsigned stream, int64_t recv_ns)
{
    int fresh = f->venue->trade_ids == AATS_IDS_NONE ? new_time(f, s, m, last) : new_id(f, s, last, m->id, stream);
    if (fresh && m->qty_i) pub_trade(f, l, s, m, *last, recv_ns);
}

/* ---- best bid and ask ---- */

static void take_bbo(aats_feed_t *f, link_t const *l, sym_t *s, aats_msg_t const *m, int64_t recv_ns)
{
    if (!m->last_id) { /* the venue gives no number */
        uint64_t at = (uint64_t)(m->exch_ns > 0 ? m->exch_ns : recv_ns);
        s->bbo_seq = at > s->bbo_seq ? at : s->bbo_seq + 1;
        pub_bbo(f, l, s, m, s->bbo_seq, recv_ns);
        return;
    }
    int anew = (m->has & AATS_HAS_RESET) != 0; /* the venue counts from the start; after a new connection bbo_id is 0 */
    if (!anew && m->last_id <= s->bbo_id && ++s->bbo_behind < BEHIND_MAX) return;
    s->bbo_behind = 0;
    s->bbo_id = m->last_id;
    s->bbo[AATS_BID] = m->bids[0];
    s->bbo[AATS_ASK] = m->asks[0];
    pub_bbo(f, l, s, m, m->last_id, recv_ns);
    if (f->opts.fuse_bbo && s->valid) pub_judge(f, s, m->exch_ns, recv_ns);
}

/* ---- what could not be read ---- */

/* It may have been anybody's: every book of the connection is suspect, or the one symbol it named. */
static void unreadable(aats_feed_t *f, link_t *l, int code, int64_t recv_ns)
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
        aats_add_relaxed(&f->view.dir[feed_index(f, named)].bad_frames, 1);
        if (m->kind == AATS_MSG_DEPTH || m->kind == AATS_MSG_SNAPSHOT) book_bad_diff(f, named, why, recv_ns);
        return;
    }
    for (sym_t *s = f->syms; s < f->syms + f->sym_cnt; s++)
        if (feed_carrier(f, s) == l) book_bad_diff(f, s, AATS_WHY_SUSPECT, recv_ns);
}

/* ---- messages ---- */

static void answer(aats_feed_t *f, link_t *l)
{
    char text[512];
    int n = f->venue->answer ? f->venue->answer(text, sizeof text, &f->msg) : 0;
    if (n > 0) link_send(f, l, AATS_WS_TEXT, text, (size_t)n);
}

/* Those of the connection; returns 0 for one of a symbol's market. */
static int of_connection(aats_feed_t *f, link_t *l)
{
    aats_msg_t const *m = &f->msg;
    switch (m->kind) {
    case AATS_MSG_DEPTH: case AATS_MSG_TRADE: case AATS_MSG_BBO: case AATS_MSG_AGG: case AATS_MSG_SNAPSHOT:
    case AATS_MSG_MARK: case AATS_MSG_FUNDING: case AATS_MSG_LIQUIDATION: case AATS_MSG_STATUS: return 0;
    case AATS_MSG_ACK:      sub_acked(f, l, m); return 1;
    case AATS_MSG_ERROR:    sub_refused(f, l, m); return 1;
    case AATS_MSG_ENDED:    sub_ended(f, l, m); return 1;
    case AATS_MSG_SHUTDOWN: link_rotate(f, l, "the venue is about to close it"); return 1;
    case AATS_MSG_PONG:     link_text_pong(f, l, m->id); return 1;
    case AATS_MSG_PING:     answer(f, l); return 1;
    case AATS_MSG_BEAT:     return 1;
    default: feed_count(f, AATS_MDC_UNKNOWN, 1); return 1;
    }
}

static void one(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    aats_msg_t *m = &f->msg;
    if (f->draining && msg_at_once(m->kind)) return; /* it was dealt with when it came */
    if (of_connection(f, l)) return;
    sym_t *s = m->sym == f->found_at && f->found_at ? f->found : m->sym ? feed_find(f, m->sym, m->sym_len) : NULL;
    if (!s || s->gone) {
        feed_count(f, AATS_MDC_UNKNOWN, 1);
        return;
    }
    if (!feed_carries(f, l, s)) return; /* it is another link's by now; what comes here is on its way out */
    l->subs[feed_index(f, s)].heard = 1;
    switch (m->kind) {
    case AATS_MSG_DEPTH:    book_depth(f, s, m, recv_ns); break;
    case AATS_MSG_SNAPSHOT: book_in_band(f, l, s, m, recv_ns); break;
    case AATS_MSG_BBO:      take_bbo(f, l, s, m, recv_ns); break;
    case AATS_MSG_AGG:      take_trade(f, l, s, m, &s->agg_id, AATS_STREAM_AGG, recv_ns); break;
    case AATS_MSG_TRADE:
        for (uint32_t part = 1;; part++) {
            take_trade(f, l, s, m, &s->trade_id, AATS_STREAM_TRADE, recv_ns);
            if (part >= m->parts || feed_parse(f, text, n, binary, part)) break;
        }
        break;
    case AATS_MSG_STATUS:
        s->halted = m->code != 0;
        pub_judge(f, s, m->exch_ns, recv_ns);
        break;
    default: pub_other(f, l, s, m, recv_ns); break;
    }
}

static void message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    aats_msg_t *m = &f->msg;
    f->found_at = NULL;
    int e = feed_parse(f, text, n, binary, 0);
    f->parsed_ns = feed_stamp(f);
    if (e) {
        unreadable(f, l, e, recv_ns);
        if (!m->sym || !m->kind) return; /* its number is not to be trusted: the next one shows the hole */
    }
    if (m->has & AATS_HAS_LINK_SEQ && !l->successor) {
        int step = aats_follow_link(&l->link_no, m);
        if (step == AATS_E_GAP) book_hole(f, l, recv_ns);
        if (step == 1) return;
    }
    if (e) return;
    for (;;) {
        one(f, l, text, n, recv_ns, binary);
        if (!m->more || !f->venue->next) return;
        f->found_at = NULL;
        if (f->venue->next(text, n, m)) return;
    }
}

void book_message(aats_feed_t *f, link_t *l, char const *text, size_t n, int64_t recv_ns, int binary)
{
    message(f, l, text, n, recv_ns, binary);
    f->parsed_ns = 0;
}
