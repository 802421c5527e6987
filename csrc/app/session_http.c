/* session_http.c -- requests by HTTP: what waits, what goes by which connection, what comes of a request whose connection goes.
 *
 * One request at a time is under way on a connection, and the answer on it is that request's.  Of a way's connections the first takes anything, the others orders,
 * amendments and cancels alone: these never wait behind a slow question.  What finds no connection free waits, cancels before orders before questions.
 * A dead-man switch is told one thing at a time: two requests on two connections may arrive in either order, and the later one has to be the last word.
 *
 *     a connection goes with    a question                  asked again by the next one, twice at most
 *                               an order, amend, cancel     UNKNOWN (disconnected): the bytes may have arrived
 *     no answer in time         whatever it is              that connection is closed: an answer on it would be taken for the next request's
 *     never had a connection    an order                    FAILED: nothing of it went out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"

#define LOST_MAX 2
#define HELD_NS  (5 * SECOND) /* a connection that was open for so long had no trouble: it was idle */

/* ---- what waits ---- */

static int rank_of(uint32_t kind)
{
    if (kind == AATS_OR_CANCEL || kind == AATS_OR_CANCEL_ALL || kind == AATS_OR_DEADMAN) return 0;
    return kind == AATS_OR_PLACE || kind == AATS_OR_AMEND ? 1 : 2;
}

static void forget(hreq_t *q)
{
    if (q->text) explicit_bzero(q->text, q->n);
    free(q->text);
    *q = (hreq_t){0};
}

/* put enters a request behind those of its rank, or before them. */
static int put(aats_session_t *s, hreq_t const *q, int first)
{
    if (!s->waits_http && !(s->waits_http = calloc(HTTP_WAITS, sizeof *s->waits_http))) return AATS_E_NOMEM;
    if (s->wait_cnt == HTTP_WAITS) return AATS_E_FULL;
    uint32_t at = s->wait_cnt;
    while (at > 0 && (rank_of(s->waits_http[at - 1].kind) > rank_of(q->kind) || (first && rank_of(s->waits_http[at - 1].kind) == rank_of(q->kind)))) at--;
    memmove(s->waits_http + at + 1, s->waits_http + at, (s->wait_cnt - at) * sizeof *q);
    s->waits_http[at] = *q;
    s->wait_cnt++;
    return AATS_OK;
}

static hreq_t take(aats_session_t *s, uint32_t at)
{
    hreq_t const q = s->waits_http[at];
    memmove(s->waits_http + at, s->waits_http + at + 1, (--s->wait_cnt - at) * sizeof q);
    return q;
}

/* Is another request of the same switch under way? */
static int is_behind(aats_session_t *s, hreq_t const *q)
{
    if (q->kind != AATS_OR_DEADMAN) return 0;
    flight_t const *f = ask_flight(s, q->id);
    for (owlink_t const *l = s->links; f && l < s->links + s->link_cnt; l++) {
        flight_t const *g = l->asked.id && l->asked.kind == AATS_OR_DEADMAN ? ask_flight(s, l->asked.id) : NULL;
        if (g && g->sym == f->sym) return 1;
    }
    return 0;
}

/* The first request that may go by this connection, or wait_cnt. */
static uint32_t next_for(aats_session_t *s, owlink_t const *l)
{
    uint32_t at = 0;
    for (; at < s->wait_cnt; at++) {
        hreq_t const *q = &s->waits_http[at];
        if (q->way == l->way && (!l->orders_only || rank_of(q->kind) <= 1) && !is_behind(s, q)) break;
    }
    return at;
}

static void send_next(owlink_t *l)
{
    aats_session_t *s = l->s;
    uint32_t const at = l->phase == LINK_OPEN && !l->asked.id ? next_for(s, l) : s->wait_cnt;
    if (at == s->wait_cnt || !owlink_room_out(l, s->waits_http[at].n)) return;
    l->asked = take(s, at);
    memcpy(l->tx + l->tx_len, l->asked.text, l->asked.n);
    l->tx_len += l->asked.n;
}

void http_pump(aats_session_t *s, uint32_t way)
{
    for (int orders_only = 1; orders_only >= 0; orders_only--) /* those that take nothing else first: the other one stays free for what may come */
        for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++)
            if (l->way == way && l->kind == AATS_OWAY_HTTP && l->orders_only == orders_only) send_next(l);
}

int http_ask(aats_session_t *s, uint32_t way, uint32_t kind, uint64_t id, char const *text, size_t n)
{
    char const *prefix = conn_path(s, way), *blank = memchr(text, ' ', n);
    size_t const more = blank ? strlen(prefix) : 0, head = blank ? (size_t)(blank - text) + 1 : 0;
    hreq_t q = {.id = id, .kind = kind, .way = way, .n = (uint32_t)(n + more), .text = malloc(n + more + 1)};
    if (!q.text) return AATS_E_NOMEM;
    memcpy(q.text, text, head);
    memcpy(q.text + head, prefix, more); /* "GET " prefix "/api/v5/..." */
    memcpy(q.text + head + more, text + head, n - head);
    int const e = put(s, &q, 0);
    if (e < 0) forget(&q);
    else http_pump(s, way);
    return e;
}

int http_ready(aats_session_t const *s, uint32_t way)
{
    for (owlink_t const *l = s->links; l < s->links + s->link_cnt; l++)
        if (l->way == way && (l->phase == LINK_OPEN || l->tries <= 1)) return 1;
    return 0;
}

/* ---- what comes, and what does not ---- */

/* A switch is not armed by what was said before it was turned off, nor turned off by what was said before it was armed; it is armed anew in time anyway. */
static int may_repeat(aats_session_t const *s, flight_t const *f)
{
    if (f->kind == AATS_OR_DEADMAN) return f->from_id == 0 && !s->deadman_armed;
    return !ask_is_order(f->kind);
}

/* The connection is gone with what was asked on it. */
static void lose(owlink_t *l, char const *why)
{
    aats_session_t *s = l->s;
    hreq_t q = l->asked;
    flight_t *f = q.id ? ask_flight(s, q.id) : NULL;
    l->asked = (hreq_t){0};
    if (f && !f->late && !s->leaving && may_repeat(s, f) && ++q.tries <= LOST_MAX && put(s, &q, 1) == AATS_OK) return;
    forget(&q);
    if (f && !f->late) ask_drop(s, f, AATS_OC_DISCONNECTED, why);
}

void http_received(owlink_t *l, int64_t recv_ns)
{
    aats_http_answer_t a;
    if (l->phase != LINK_OPEN) return;
    if (!l->asked.id) { /* a good-bye to an idle connection (408), or words to nobody */
        owlink_leave(l, 0);
        return;
    }
    int const e = aats_http_answer((char *)l->rx, l->rx_len, FRAME_MAX, 0, &a);
    if (e == AATS_E_MORE) return;
    if (e < 0) {
        char why[80];
        snprintf(why, sizeof why, "the venue's answer is not HTTP (%s)", aats_err_name(e));
        session_tell_kind(l->s, AATS_OM_STRANGE, AATS_OC_NONE, why);
        owlink_leave(l, 0);
        lose(l, why);
        return;
    }
    l->tries = 0;
    ask_answer(l, &a, recv_ns);
    forget(&l->asked);
    if (l->phase != LINK_OPEN) return;
    memmove(l->rx, l->rx + a.size, l->rx_len - a.size);
    l->rx_len -= a.size;
    if (a.last || l->rx_len) owlink_leave(l, 0); /* more than was asked for: not a connection to go on with */
    else http_pump(l->s, l->way);
}

static int64_t pause_after(owlink_t *l)
{
    aats_session_t *s = l->s;
    uint32_t const tries = l->tries > 2 ? l->tries - 2 : 0;
    if (l->tries <= 1) return 0;
    int64_t const ns = s->opts.backoff_min_ns << (tries < 8 ? tries : 8);
    return session_jitter(s, ns < s->opts.backoff_max_ns ? ns : s->opts.backoff_max_ns);
}

void http_closed(owlink_t *l, char const *why, int was_open)
{
    aats_session_t *s = l->s;
    aats_http_answer_t a;
    int const held = was_open && s->mono_ns - l->opened_mono_ns >= HELD_NS;
    int const end = was_open && l->asked.id && l->rx_len && aats_http_answer((char *)l->rx, l->rx_len, FRAME_MAX, 1, &a) == 1;
    l->phase = LINK_WAIT;
    l->tries = held ? 1 : l->tries + 1;
    if (!was_open && l->tries == 2) session_notice(s, 1, "order session: %s: %s", conn_host(s, l->way), why);
    if (!was_open) session_last(s, "%s: %s", conn_host(s, l->way), why);
    if (end) { /* its body had no other end */
        l->tries = 0;
        ask_answer(l, &a, s->now_ns);
        forget(&l->asked);
    }
    l->tx_len = l->rx_len = 0;
    l->at_mono_ns = s->mono_ns + pause_after(l);
    if (l->asked.id) lose(l, why);
    http_pump(s, l->way);
}

int http_waiting(aats_session_t *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->wait_cnt; i++) {
        if (s->waits_http[i].id != id) continue;
        hreq_t q = take(s, i);
        forget(&q);
        return 1;
    }
    return 0;
}

void http_overdue(aats_session_t *s, uint64_t id)
{
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++) {
        if (l->kind != AATS_OWAY_HTTP || l->asked.id != id) continue;
        forget(&l->asked);
        if (l->phase == LINK_OPEN) owlink_leave(l, 0);
    }
}

void http_drop(aats_session_t *s, char const *why)
{
    for (uint32_t at = 0; at < s->wait_cnt;) {
        if (s->leaving && s->waits_http[at].kind == AATS_OR_DEADMAN) { /* the switch is turned off before we go */
            at++;
            continue;
        }
        hreq_t q = take(s, at);
        flight_t *f = ask_flight(s, q.id);
        forget(&q);
        if (f) ask_drop(s, f, AATS_OC_NONE, why);
    }
}

void http_fini(aats_session_t *s)
{
    for (uint32_t i = 0; i < s->wait_cnt; i++) forget(&s->waits_http[i]);
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++) forget(&l->asked);
    free(s->waits_http);
}
