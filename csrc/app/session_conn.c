/* session_conn.c -- the connections of an order session taken together: attempts, when it is open, what the loss of one means, rotation.
 *
 *   WAIT --due--> CONNECTING --each WebSocket without a token is up--> OPEN --one is lost, or must go--> CLOSING --all are closed--> WAIT
 *    ^                                                                                                      |
 *    +--------------------------------------- back-off -----------------------------------------------------+--leaving--> LEFT
 *
 * The WebSockets live and die together: where one is lost the others are closed, and all are opened anew.  What was missed is one gap then,
 * however many ways a venue has, and nothing is believed because half of it still answers.  Those that want a token are opened when it is there, on the
 * way to READY.  HTTP connections come and go as they like: with one of them goes the one request that it carried.
 *
 * Unlike a feed's link a WebSocket has no successor: one that grows old is closed while nothing is under way and opened again, a gap of about a
 * second in which orders are refused here (not_connected).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"

#define STEADY_NS (60 * SECOND) /* connections that held this long make the next back-off short again */
#define NEVER_NS  (INT64_MAX / 4)

/* ---- which there are ---- */

static void add_link(aats_session_t *s, uint32_t way, int orders_only)
{
    owlink_t *l = &s->links[s->link_cnt++];
    *l = (owlink_t){.s = s, .way = way, .kind = s->ways[way].kind, .orders_only = orders_only};
}

/* The first of each way has the way's number, so that a venue with one WebSocket has link 0. */
void conn_init(aats_session_t *s)
{
    s->way_cnt = s->venue->way_cnt ? s->venue->way_cnt : 1;
    if (s->venue->way_cnt) memcpy(s->ways, s->venue->ways, s->way_cnt * sizeof *s->ways);
    else s->ways[0] = (aats_oway_t){.kinds = UINT32_MAX, .events = 1};
    for (uint32_t way = 0; way < s->way_cnt; way++) add_link(s, way, 0);
    for (uint32_t way = 0; way < s->way_cnt; way++)
        for (int i = 1; i < HTTP_POOL && s->ways[way].kind == AATS_OWAY_HTTP; i++) add_link(s, way, 1);
}

void conn_fini(aats_session_t *s)
{
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++) {
        if (l->tx) explicit_bzero(l->tx, l->tx_cap);
        free(l->tx);
        free(l->rx);
        free(l->join_buf);
    }
    http_fini(s);
}

int conn_way_of(aats_session_t const *s, uint32_t kind)
{
    for (uint32_t way = 0; way < s->way_cnt; way++)
        if (session_wants(&s->ways[way], kind)) return (int)way;
    return -1;
}

owlink_t *conn_ws(aats_session_t *s, uint32_t way) { return s->ways[way].kind == AATS_OWAY_WS ? &s->links[way] : NULL; }

char const *conn_host(aats_session_t const *s, uint32_t way)
{
    char const *own = way ? s->opts.more[way - 1].host : s->opts.host;
    return own[0] ? own : s->opts.host;
}

char const *conn_path(aats_session_t const *s, uint32_t way)
{
    return way && s->opts.more[way - 1].host[0] ? s->opts.more[way - 1].path : s->opts.path;
}

static owlink_t *at(aats_session_t *s, uint32_t link) { return link < s->link_cnt ? &s->links[link] : NULL; }

static int is_base(aats_session_t const *s, owlink_t const *l) { return l->kind == AATS_OWAY_WS && !s->ways[l->way].token; }

/* Counts WebSockets by phase. */
static uint32_t count_ws(aats_session_t const *s, int phase, int base_only)
{
    uint32_t cnt = 0;
    for (owlink_t const *l = s->links; l < s->links + s->link_cnt; l++)
        cnt += l->kind == AATS_OWAY_WS && l->phase == phase && (!base_only || is_base(s, l));
    return cnt;
}

static uint32_t ws_cnt(aats_session_t const *s, int base_only)
{
    uint32_t cnt = 0;
    for (owlink_t const *l = s->links; l < s->links + s->link_cnt; l++) cnt += l->kind == AATS_OWAY_WS && (!base_only || is_base(s, l));
    return cnt;
}

/* ---- ends ---- */

/* What open connections carried is over: each request under way becomes a question, once. */
static void lost(aats_session_t *s, char const *why)
{
    if (!s->opened_mono_ns) return;
    if (s->mono_ns - s->opened_mono_ns > STEADY_NS) s->tries = 0;
    s->opened_mono_ns = 0;
    s->clock_asked = 0;
    session_notice(s, s->planned || s->leaving ? 0 : 1, "order session down: %s", why);
    if (s->told_up && !s->leaving) session_tell_kind(s, AATS_OM_DOWN, AATS_OC_NONE, why);
    s->told_up = 0;
    http_drop(s, why);
    ask_lost(s);
    know_lost(s);
}

/* The last WebSocket is closed: the next attempt, or the end. */
static void all_closed(aats_session_t *s)
{
    if (s->leaving) {
        s->phase = LINK_LEFT;
        return;
    }
    int64_t wait = s->opts.backoff_min_ns << (s->tries < 8 ? s->tries : 8);
    wait = s->planned ? 0 : session_jitter(s, wait < s->opts.backoff_max_ns ? wait : s->opts.backoff_max_ns);
    if (s->wait_ns > wait) wait = s->wait_ns;
    if (!s->planned) s->tries++;
    s->wait_ns = 0;
    s->planned = 0;
    s->phase = LINK_WAIT;
    s->at_mono_ns = s->mono_ns + wait;
    if (s->at_mono_ns < s->hold_mono_ns) s->at_mono_ns = s->hold_mono_ns; /* a connection costs weight, too */
}

static int closed_all_ws(aats_session_t const *s) { return count_ws(s, LINK_WAIT, 0) == ws_cnt(s, 0); }

static void fail(aats_session_t *s, char const *host, int close_code, char const *why)
{
    if (s->phase == LINK_CLOSING || s->phase == LINK_WAIT || s->phase == LINK_LEFT) return;
    session_last(s, "%s: %s", host, why);
    if (!s->opened_mono_ns) session_notice(s, 1, "order session: %s: %s", host, why);
    s->phase = LINK_CLOSING;
    s->at_mono_ns = s->mono_ns + SECOND;
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++)
        if (l->kind == AATS_OWAY_WS && l->phase != LINK_WAIT && l->phase != LINK_CLOSING) owlink_leave(l, close_code);
    lost(s, why);
    if (closed_all_ws(s)) all_closed(s); /* none was open yet */
}

void conn_fail(aats_session_t *s, int close_code, char const *why) { fail(s, s->opts.host, close_code, why); }
void conn_fail_at(owlink_t *l, int close_code, char const *why) { fail(l->s, conn_host(l->s, l->way), close_code, why); }

void conn_renew(aats_session_t *s, char const *why, int64_t force_in_ns)
{
    if (s->phase != LINK_OPEN) return;
    if (s->rotate_mono_ns > s->mono_ns) s->rotate_mono_ns = s->mono_ns;
    if (s->force_mono_ns > s->mono_ns + force_in_ns) s->force_mono_ns = s->mono_ns + force_in_ns;
    session_notice(s, 0, "order session is opened anew: %s", why);
}

void aats_session_closed(aats_session_t *s, uint32_t link, char const *why)
{
    owlink_t *l = at(s, link);
    if (!l || l->phase == LINK_WAIT) return;
    int const was_open = l->phase == LINK_OPEN || l->phase == LINK_CLOSING;
    if (l->kind == AATS_OWAY_HTTP) {
        http_closed(l, why, was_open);
        return;
    }
    l->phase = LINK_WAIT;
    l->logged_on = 0;
    l->tx_len = l->rx_len = 0;
    if (s->phase != LINK_CLOSING) fail(s, conn_host(s, l->way), 0, why);
    else if (closed_all_ws(s)) all_closed(s);
}

/* ---- attempts ---- */

/* An HTTP connection is kept open from the first attempt on, whatever the WebSockets do. */
static int may_connect(aats_session_t *s, owlink_t *l)
{
    if (s->leaving || !s->mono_ns) return 0;
    if (l->kind == AATS_OWAY_HTTP) return s->phase != LINK_LEFT && s->mono_ns >= l->at_mono_ns && (s->phase != LINK_WAIT || s->mono_ns >= s->at_mono_ns);
    if (s->mono_ns < s->at_mono_ns) return 0;
    if (s->ways[l->way].token) return s->phase == LINK_OPEN && s->stage == STAGE_JOIN;
    return s->phase == LINK_CONNECTING || s->phase == LINK_WAIT;
}

int aats_session_want(aats_session_t *s, uint32_t link)
{
    owlink_t *l = at(s, link);
    if (!l) return AATS_FEED_NOTHING;
    if (l->phase == LINK_WAIT && may_connect(s, l) && budget_connect(s, l)) return AATS_FEED_CONNECT;
    if (l->phase == LINK_CLOSING && (!l->tx_len || s->mono_ns >= l->at_mono_ns)) return AATS_FEED_CLOSE;
    return AATS_FEED_NOTHING;
}

void aats_session_connecting(aats_session_t *s, uint32_t link)
{
    owlink_t *l = at(s, link);
    l->phase = LINK_CONNECTING;
    l->paid = 0;
    l->logged_on = 0;
    l->at_mono_ns = s->mono_ns + s->opts.connect_ns;
    if (l->kind == AATS_OWAY_WS && s->phase == LINK_WAIT) s->phase = LINK_CONNECTING;
}

void aats_session_opened(aats_session_t *s, uint32_t link)
{
    owlink_t *l = at(s, link);
    if (l->phase != LINK_CONNECTING) return; /* it was given up in the meantime */
    l->phase = l->kind == AATS_OWAY_WS ? LINK_UPGRADING : LINK_OPEN;
    l->rx_len = l->tx_len = 0;
    l->at_mono_ns = s->mono_ns + s->opts.connect_ns;
    l->heard_mono_ns = l->opened_mono_ns = s->mono_ns;
    if (!owlink_buffers(l)) {
        if (l->kind == AATS_OWAY_WS) conn_fail_at(l, 0, "no memory for its buffers");
        else owlink_leave(l, 0);
        return;
    }
    if (l->kind == AATS_OWAY_HTTP) {
        http_pump(s, l->way);
        return;
    }
    aats_ws_asm_init(&l->join, l->join_buf, FRAME_MAX);
    owlink_upgrade(l);
}

static void all_open(aats_session_t *s)
{
    int64_t age = s->opts.rotate_ns ? s->opts.rotate_ns : s->venue->rotate_ns;
    s->phase = LINK_OPEN;
    s->opened_mono_ns = s->mono_ns;
    s->rotate_mono_ns = age ? s->mono_ns + age - (int64_t)(session_random(s) % (uint64_t)(age / 16 + 1)) : s->mono_ns + NEVER_NS;
    s->force_mono_ns = s->rotate_mono_ns + 60 * SECOND;
    s->stage_clock = 0;
    s->auth.token[0] = 0;
    session_notice(s, 0, "order session up: %s", s->opts.host);
    way_begin(s, STAGE_TIME);
}

void conn_up(owlink_t *l)
{
    aats_session_t *s = l->s;
    l->phase = LINK_OPEN;
    l->heard_mono_ns = s->mono_ns;
    l->ping_mono_ns = s->mono_ns + s->ways[l->way].ping_every_ns;
    if (s->ways[l->way].token) way_joined(s);
    else if (s->phase == LINK_CONNECTING && count_ws(s, LINK_OPEN, 1) == ws_cnt(s, 1)) all_open(s);
}

/* ---- bytes ---- */

size_t aats_session_room(aats_session_t *s, uint32_t link, uint8_t **out)
{
    owlink_t *l = at(s, link);
    *out = l->rx + l->rx_len;
    return l->rx_cap - l->rx_len;
}

int aats_session_received(aats_session_t *s, uint32_t link, size_t n, int64_t recv_ns) { return owlink_received(at(s, link), n, recv_ns); }

size_t aats_session_output(aats_session_t *s, uint32_t link, uint8_t const **out)
{
    owlink_t *l = at(s, link);
    *out = l->tx;
    return l->tx_len;
}

void aats_session_sent(aats_session_t *s, uint32_t link, size_t n)
{
    owlink_t *l = at(s, link);
    if (n > l->tx_len) n = l->tx_len;
    if (!n) return;
    memmove(l->tx, l->tx + n, l->tx_len - n);
    l->tx_len -= n;
}

/* ---- time ---- */

/* What is on its way by HTTP has gone out by then, or never will. */
static void leave_http(aats_session_t *s)
{
    extra_leave(s);
    if (extra_disarming(s)) return;
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++)
        if (l->kind == AATS_OWAY_HTTP && l->phase != LINK_WAIT && l->phase != LINK_CLOSING) owlink_leave(l, 0);
}

static void tick_of(owlink_t *l)
{
    aats_session_t *s = l->s;
    if (l->phase == LINK_OPEN && l->kind == AATS_OWAY_WS) owlink_tick(l);
    if ((l->phase != LINK_CONNECTING && l->phase != LINK_UPGRADING) || s->mono_ns < l->at_mono_ns) return;
    if (l->kind == AATS_OWAY_HTTP) owlink_leave(l, 0);
    else conn_fail_at(l, 0, l->phase == LINK_CONNECTING ? "no connection in time" : "no answer to the upgrade in time");
}

void conn_tick(aats_session_t *s)
{
    if (s->phase == LINK_WAIT && !s->leaving && s->mono_ns >= s->at_mono_ns && !ws_cnt(s, 1)) all_open(s); /* HTTP alone, at first */
    for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++) tick_of(l);
    for (uint32_t way = 0; way < s->way_cnt && s->wait_cnt; way++)
        if (s->ways[way].kind == AATS_OWAY_HTTP) http_pump(s, way);
    if (s->leaving) leave_http(s);
    if (s->phase != LINK_OPEN) return;
    if (s->mono_ns >= s->force_mono_ns || (s->mono_ns >= s->rotate_mono_ns && s->stage == STAGE_READY && !ask_orders_under_way(s, 0))) {
        s->planned = 1;
        conn_fail(s, AATS_WS_NORMAL, "it is replaced");
    }
}

/* Good-bye: one second for the close frames, and for the switches that are turned off, then it is over, answered or not. */
void conn_good_bye(aats_session_t *s)
{
    s->leaving = 1;
    session_last(s, "it has left");
    if (s->phase == LINK_WAIT) s->phase = LINK_LEFT;
    if (s->phase != LINK_LEFT && s->phase != LINK_CLOSING) {
        extra_disarm(s);
        s->phase = LINK_CLOSING;
        s->at_mono_ns = s->mono_ns + SECOND;
        for (owlink_t *l = s->links; l < s->links + s->link_cnt; l++)
            if (l->kind == AATS_OWAY_WS && l->phase != LINK_WAIT && l->phase != LINK_CLOSING) owlink_leave(l, AATS_WS_NORMAL);
        lost(s, "this process leaves");
        if (closed_all_ws(s)) s->phase = LINK_LEFT;
    }
    leave_http(s);
}
