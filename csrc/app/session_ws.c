/* session_ws.c -- the one connection of an order session: attempts, upgrade, frames in and out, silence, rotation.
 *
 *   WAIT --due--> CONNECTING --opened--> UPGRADING --101--> OPEN --fault, silence, good-bye, leave--> CLOSING
 *    ^                 |                     |                                                          |
 *    +--- back-off ----+---------------------+------------------------------- closed by the host -------+--leaving--> LEFT
 *
 * Unlike a feed's link it has no successor: a connection that grows old is closed while nothing is under way and opened again, a gap of
 * about a second in which orders are refused here (not_connected).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"
#include "proto/ws_open.h"

#define STEADY_NS (60 * SECOND) /* a connection that held this long makes the next back-off short again */

/* ---- out ---- */

static int room_out(aats_session_t *s, size_t n)
{
    if (s->tx_len + n <= s->tx_cap) return 1;
    if (s->tx_len + n > TX_MAX) return 0;
    size_t cap = s->tx_cap ? s->tx_cap : 16384;
    while (cap < s->tx_len + n) cap *= 2;
    uint8_t *grown = realloc(s->tx, cap);
    if (!grown) return 0;
    s->tx = grown;
    s->tx_cap = cap;
    return 1;
}

int conn_send_frame(aats_session_t *s, int opcode, void const *data, size_t n)
{
    uint64_t r = session_random(s);
    uint8_t mask[4];
    memcpy(mask, &r, 4);
    if (!room_out(s, n + AATS_WS_HEAD_MAX)) return 0;
    int got = aats_ws_encode(s->tx + s->tx_len, s->tx_cap - s->tx_len, opcode, 1, data, n, mask);
    if (got < 0) return 0;
    s->tx_len += (size_t)got;
    return 1;
}

static void link_leave(aats_session_t *s, int close_code)
{
    uint8_t code[2] = {(uint8_t)(close_code >> 8), (uint8_t)close_code};
    if (s->phase == LINK_OPEN && close_code) conn_send_frame(s, AATS_WS_CLOSE, code, 2);
    s->phase = LINK_CLOSING;
    s->at_mono_ns = s->mono_ns + SECOND;
}

static void send_upgrade(aats_session_t *s)
{
    for (int i = 0; i < 16; i += 8) {
        uint64_t r = session_random(s);
        memcpy(s->key16 + i, &r, 8);
    }
    if (!room_out(s, 2048)) {
        conn_fail(s, 0, "no memory for the upgrade");
        return;
    }
    char const *path = s->opts.path[0] ? s->opts.path : s->venue->path;
    int n = aats_ws_request((char *)s->tx, s->tx_cap, s->opts.host, path, s->key16, "User-Agent: aats\r\n");
    if (n < 0) conn_fail(s, 0, "host or path cannot stand in a request");
    else s->tx_len = (size_t)n;
}

/* ---- ends ---- */

/* What an open connection carried is over: each request under way becomes a question, once. */
static void link_lost(aats_session_t *s, char const *why)
{
    if (!s->opened_mono_ns) return;
    if (s->mono_ns - s->opened_mono_ns > STEADY_NS) s->tries = 0;
    s->opened_mono_ns = 0;
    s->auth.logged_on = 0;
    s->clock_asked = 0;
    session_notice(s, s->planned || s->leaving ? 0 : 1, "order session down: %s", why);
    if (s->told_up && !s->leaving) session_tell_kind(s, AATS_OM_DOWN, AATS_OC_NONE, why);
    s->told_up = 0;
    ask_lost(s);
    know_lost(s);
}

void conn_fail(aats_session_t *s, int close_code, char const *why)
{
    if (s->phase == LINK_CLOSING || s->phase == LINK_WAIT || s->phase == LINK_LEFT) return;
    session_last(s, "%s: %s", s->opts.host, why);
    if (!s->opened_mono_ns) session_notice(s, 1, "order session: %s: %s", s->opts.host, why);
    link_leave(s, close_code);
    link_lost(s, why);
}

void aats_session_closed(aats_session_t *s, char const *why)
{
    if (s->phase == LINK_LEFT || s->phase == LINK_WAIT) return;
    if (s->phase != LINK_CLOSING) {
        session_last(s, "%s: %s", s->opts.host, why);
        if (!s->opened_mono_ns) session_notice(s, 1, "order session: %s: %s", s->opts.host, why);
    }
    s->phase = LINK_CLOSING;
    link_lost(s, why);
    s->tx_len = s->rx_len = 0;
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

void link_renew(aats_session_t *s, char const *why, int64_t force_in_ns)
{
    if (s->phase != LINK_OPEN) return;
    if (s->rotate_mono_ns > s->mono_ns) s->rotate_mono_ns = s->mono_ns;
    if (s->force_mono_ns > s->mono_ns + force_in_ns) s->force_mono_ns = s->mono_ns + force_in_ns;
    session_notice(s, 0, "order session is opened anew: %s", why);
}

/* ---- up ---- */

static int buffers(aats_session_t *s)
{
    if (!s->rx && (s->rx = malloc(RX_START))) s->rx_cap = RX_START;
    if (!s->join_buf) s->join_buf = malloc(FRAME_MAX);
    return s->rx && s->join_buf;
}

int aats_session_want(aats_session_t *s)
{
    if (s->phase == LINK_WAIT && !s->leaving && s->mono_ns && s->mono_ns >= s->at_mono_ns && budget_connect(s)) return AATS_FEED_CONNECT;
    if (s->phase == LINK_CLOSING && (!s->tx_len || s->mono_ns >= s->at_mono_ns)) return AATS_FEED_CLOSE;
    return AATS_FEED_NOTHING;
}

void aats_session_connecting(aats_session_t *s)
{
    s->phase = LINK_CONNECTING;
    s->paid = 0;
    s->at_mono_ns = s->mono_ns + s->opts.connect_ns;
}

void aats_session_opened(aats_session_t *s)
{
    if (s->phase != LINK_CONNECTING) return; /* it was given up in the meantime */
    s->phase = LINK_UPGRADING;
    if (!buffers(s)) {
        conn_fail(s, 0, "no memory for its buffers");
        return;
    }
    s->rx_len = s->tx_len = 0;
    s->at_mono_ns = s->mono_ns + s->opts.connect_ns;
    aats_ws_asm_init(&s->join, s->join_buf, FRAME_MAX);
    send_upgrade(s);
}

static void link_open(aats_session_t *s)
{
    int64_t age = s->opts.rotate_ns ? s->opts.rotate_ns : s->venue->rotate_ns;
    s->phase = LINK_OPEN;
    s->opened_mono_ns = s->heard_mono_ns = s->mono_ns;
    s->rotate_mono_ns = s->mono_ns + age - (int64_t)(session_random(s) % (uint64_t)(age / 16 + 1));
    s->force_mono_ns = s->rotate_mono_ns + 60 * SECOND;
    s->stage_clock = 0;
    session_notice(s, 0, "order session up: %s", s->opts.host);
    way_begin(s, STAGE_TIME);
}

/* Returns the bytes of the head once it is there and good; 0 if more must come, or the connection has failed. */
static size_t take_upgrade(aats_session_t *s)
{
    aats_http_head_t h;
    int n = aats_http_head((char const *)s->rx, s->rx_len, &h);
    if (n == AATS_E_MORE) return 0;
    if (n < 0) {
        conn_fail(s, 0, "the answer to the upgrade is not HTTP");
        return 0;
    }
    int e = aats_ws_check(&h, s->key16);
    if (!e) {
        link_open(s);
        return (size_t)n;
    }
    uint64_t wait_s = 0;
    char why[160];
    int told = aats_http_retry_after(&h, &wait_s);
    if (wait_s > (uint64_t)(WAIT_MAX_NS / SECOND)) wait_s = (uint64_t)(WAIT_MAX_NS / SECOND);
    if (h.status == 418 && told != 1) s->wait_ns = s->venue->ban_ns;
    else if (told == 1) s->wait_ns = (int64_t)wait_s * SECOND;
    if (h.status == 418 || h.status == 429) {
        s->banned = h.status == 418;
        s->hold_mono_ns = s->mono_ns + s->wait_ns;
        budget_hold(s, s->wait_ns, s->banned, 0);
    }
    int reason_len = (int)(h.reason_len < 60 ? h.reason_len : 60);
    if (e == AATS_E_SHAPE) snprintf(why, sizeof why, "the upgrade was answered with HTTP %d %.*s", h.status, reason_len, h.reason);
    else snprintf(why, sizeof why, "the answer to the upgrade breaks the WebSocket handshake (status %d)", h.status);
    conn_fail(s, 0, why);
    return 0;
}

/* ---- in ---- */

size_t aats_session_room(aats_session_t *s, uint8_t **at)
{
    *at = s->rx + s->rx_len;
    return s->rx_cap - s->rx_len;
}

static int grow_in(aats_session_t *s, size_t need)
{
    size_t cap = s->rx_cap;
    if (need <= cap) return 1;
    while (cap < need) cap *= 2;
    uint8_t *grown = realloc(s->rx, cap);
    if (!grown) return 0;
    s->rx = grown;
    s->rx_cap = cap;
    return 1;
}

static void take_close(aats_session_t *s, aats_ws_msg_t const *m)
{
    char why[200];
    char const *reason = "";
    size_t reason_len = 0;
    int code = AATS_WS_NO_CODE;
    aats_ws_close_parse(m->data, m->len, &code, &reason, &reason_len);
    snprintf(why, sizeof why, "the venue closed it (code %d %.*s)", code, (int)(reason_len < 120 ? reason_len : 120), reason);
    conn_fail(s, AATS_WS_NORMAL, why);
}

static void take_message(aats_session_t *s, aats_ws_msg_t const *m, int64_t recv_ns)
{
    switch (m->opcode) {
    case AATS_WS_TEXT: ask_message(s, (char const *)m->data, m->len, recv_ns); break;
    case AATS_WS_PING:
        if (!conn_send_frame(s, AATS_WS_PONG, m->data, m->len)) conn_fail(s, AATS_WS_NORMAL, "it does not take what is sent");
        break;
    case AATS_WS_PONG: break;
    case AATS_WS_CLOSE: take_close(s, m); break;
    default: session_tell_kind(s, AATS_OM_STRANGE, AATS_OC_NONE, "a binary message"); break;
    }
}

static void broken(aats_session_t *s, int e)
{
    int code = e == AATS_E_TOO_BIG ? AATS_WS_TOO_LONG : e == AATS_E_UTF8 ? AATS_WS_BAD_TEXT : AATS_WS_PROTOCOL;
    char why[120];
    snprintf(why, sizeof why, "the venue broke the WebSocket protocol (%s)", aats_err_name(e));
    conn_fail(s, code, why);
}

int aats_session_received(aats_session_t *s, size_t n, int64_t recv_ns)
{
    size_t at = 0;
    int cnt = 0;
    if (n > s->rx_cap - s->rx_len) n = s->rx_cap - s->rx_len;
    s->rx_len += n;
    s->heard_mono_ns = s->mono_ns;
    if (s->phase == LINK_UPGRADING) at = take_upgrade(s);
    while (s->phase == LINK_OPEN) {
        aats_ws_frame_t frame;
        aats_ws_msg_t m;
        int e = aats_ws_next(s->rx + at, s->rx_len - at, FRAME_MAX, &frame);
        if (e == 0) {
            if (!grow_in(s, at + frame.need + 4096)) conn_fail(s, AATS_WS_TOO_LONG, "no memory for its message");
            break;
        }
        if (e > 0) e = aats_ws_asm_push(&s->join, &frame, &m);
        if (e < 0) {
            broken(s, e);
            break;
        }
        at += frame.frame_sz;
        if (e == 0) continue;
        take_message(s, &m, recv_ns);
        cnt++;
    }
    if (s->phase != LINK_OPEN && s->phase != LINK_UPGRADING) at = s->rx_len;
    memmove(s->rx, s->rx + at, s->rx_len - at);
    s->rx_len -= at;
    if (s->rx_len == s->rx_cap && !grow_in(s, s->rx_cap * 2)) conn_fail(s, AATS_WS_TOO_LONG, "no memory for its message");
    return cnt;
}

size_t aats_session_output(aats_session_t *s, uint8_t const **at)
{
    *at = s->tx;
    return s->tx_len;
}

void aats_session_sent(aats_session_t *s, size_t n)
{
    if (n > s->tx_len) n = s->tx_len;
    if (!n) return;
    memmove(s->tx, s->tx + n, s->tx_len - n);
    s->tx_len -= n;
}

/* ---- time ---- */

void conn_tick(aats_session_t *s)
{
    switch (s->phase) {
    case LINK_CONNECTING:
    case LINK_UPGRADING:
        if (s->mono_ns < s->at_mono_ns) break;
        conn_fail(s, 0, s->phase == LINK_CONNECTING ? "no connection in time" : "no answer to the upgrade in time");
        break;
    case LINK_OPEN:
        if (s->mono_ns - s->heard_mono_ns > 2 * s->venue->ping_ns) {
            conn_fail(s, AATS_WS_NORMAL, "mute: not even a ping for two ping intervals");
        } else if (s->mono_ns >= s->force_mono_ns ||
                   (s->mono_ns >= s->rotate_mono_ns && s->stage == STAGE_READY && !ask_orders_under_way(s, 0))) {
            s->planned = 1;
            conn_fail(s, AATS_WS_NORMAL, "it is replaced");
        }
        break;
    default: break;
    }
}

/* Good-bye: one second for the close frame, then it is over, answered or not. */
void link_good_bye(aats_session_t *s)
{
    s->leaving = 1;
    session_last(s, "it has left");
    if (s->phase == LINK_WAIT) s->phase = LINK_LEFT;
    if (s->phase == LINK_LEFT || s->phase == LINK_CLOSING) return;
    extra_disarm(s);
    link_leave(s, AATS_WS_NORMAL);
    link_lost(s, "this process leaves");
}
