/* session_link.c -- one connection of an order session: its bytes, the upgrade, frames in and out, pings, silence.
 *
 *   WAIT -> CONNECTING --opened--> UPGRADING --101--> OPEN --fault, silence, good-bye--> CLOSING --closed by the host--> WAIT
 *                                      (HTTP: OPEN at once)
 *
 * Not here: when it is opened and what its loss means (session_conn.c), which request goes by which HTTP connection (session_http.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session_state.h"
#include "proto/ws_open.h"

#define PATH_SZ 640

/* ---- out ---- */

int owlink_room_out(owlink_t *l, size_t n)
{
    if (l->tx_len + n <= l->tx_cap) return 1;
    if (l->tx_len + n > TX_MAX) return 0;
    size_t cap = l->tx_cap ? l->tx_cap : 16384;
    while (cap < l->tx_len + n) cap *= 2;
    uint8_t *grown = realloc(l->tx, cap);
    if (!grown) return 0;
    l->tx = grown;
    l->tx_cap = cap;
    return 1;
}

int owlink_send_frame(owlink_t *l, int opcode, void const *data, size_t n)
{
    uint64_t r = session_random(l->s);
    uint8_t mask[4];
    memcpy(mask, &r, 4);
    if (!owlink_room_out(l, n + AATS_WS_HEAD_MAX)) return 0;
    int got = aats_ws_encode(l->tx + l->tx_len, l->tx_cap - l->tx_len, opcode, 1, data, n, mask);
    if (got < 0) return 0;
    l->tx_len += (size_t)got;
    return 1;
}

int owlink_send_texts(owlink_t *l, char const *text, size_t n)
{
    for (;;) {
        char const *end = memchr(text, '\n', n);
        size_t const one = end ? (size_t)(end - text) : n;
        if (one && !owlink_send_frame(l, AATS_WS_TEXT, text, one)) return 0;
        if (!end) return 1;
        text += one + 1;
        n -= one + 1;
    }
}

void owlink_leave(owlink_t *l, int close_code)
{
    uint8_t code[2] = {(uint8_t)(close_code >> 8), (uint8_t)close_code};
    if (l->phase == LINK_OPEN && l->kind == AATS_OWAY_WS && close_code) owlink_send_frame(l, AATS_WS_CLOSE, code, 2);
    l->phase = LINK_CLOSING;
    l->at_mono_ns = l->s->mono_ns + SECOND;
}

/* The target of the upgrade: of a venue with ways the way's, behind what the address has as a path; else the address's instead of the venue's. */
static int target(owlink_t *l, char *out, size_t cap)
{
    aats_session_t *s = l->s;
    aats_oway_t const *w = &s->ways[l->way];
    char const *given = conn_path(s, l->way);
    if (!w->path) return snprintf(out, cap, "%s", given[0] ? given : s->venue->path) < (int)cap ? AATS_OK : AATS_E_FULL;
    size_t const n = strlen(given);
    if (n >= cap) return AATS_E_FULL;
    memcpy(out, given, n);
    int const got = w->path(&s->auth, out + n, cap - n);
    return got < 0 ? got : AATS_OK;
}

void owlink_upgrade(owlink_t *l)
{
    char path[PATH_SZ];
    for (int i = 0; i < 16; i += 8) {
        uint64_t r = session_random(l->s);
        memcpy(l->key16 + i, &r, 8);
    }
    int n = owlink_room_out(l, 2048) ? target(l, path, sizeof path) : AATS_E_NOMEM;
    if (n == AATS_E_NOMEM) {
        conn_fail_at(l, 0, "no memory for the upgrade");
        return;
    }
    if (n == AATS_OK) n = aats_ws_request((char *)l->tx, l->tx_cap, conn_host(l->s, l->way), path, l->key16, "User-Agent: aats\r\n");
    explicit_bzero(path, sizeof path); /* a token may be in it */
    if (n < 0) conn_fail_at(l, 0, "host or path cannot stand in a request");
    else l->tx_len = (size_t)n;
}

/* ---- up ---- */

int owlink_buffers(owlink_t *l)
{
    if (!l->rx && (l->rx = malloc(RX_START))) l->rx_cap = RX_START;
    if (!l->join_buf && l->kind == AATS_OWAY_WS) l->join_buf = malloc(FRAME_MAX);
    return l->rx && (l->join_buf || l->kind != AATS_OWAY_WS);
}

/* What a refused upgrade says of waiting holds for all connections. */
static void take_wait(aats_session_t *s, aats_http_head_t const *h)
{
    uint64_t wait_s = 0;
    int told = aats_http_retry_after(h, &wait_s);
    if (wait_s > (uint64_t)(WAIT_MAX_NS / SECOND)) wait_s = (uint64_t)(WAIT_MAX_NS / SECOND);
    if (h->status == 418 && told != 1) s->wait_ns = s->venue->ban_ns;
    else if (told == 1) s->wait_ns = (int64_t)wait_s * SECOND;
    if (h->status == 418 || h->status == 429) {
        s->banned = h->status == 418;
        s->hold_mono_ns = s->mono_ns + s->wait_ns;
        budget_hold(s, s->wait_ns, s->banned, 0);
    }
}

/* Returns the bytes of the head once it is there and good; 0 if more must come, or the connection has failed. */
static size_t take_upgrade(owlink_t *l)
{
    aats_http_head_t h;
    int n = aats_http_head((char const *)l->rx, l->rx_len, &h);
    if (n == AATS_E_MORE) return 0;
    if (n < 0) {
        conn_fail_at(l, 0, "the answer to the upgrade is not HTTP");
        return 0;
    }
    int e = aats_ws_check(&h, l->key16);
    if (!e) {
        conn_up(l);
        return (size_t)n;
    }
    char why[160];
    take_wait(l->s, &h);
    int reason_len = (int)(h.reason_len < 60 ? h.reason_len : 60);
    if (e == AATS_E_SHAPE) snprintf(why, sizeof why, "the upgrade was answered with HTTP %d %.*s", h.status, reason_len, h.reason);
    else snprintf(why, sizeof why, "the answer to the upgrade breaks the WebSocket handshake (status %d)", h.status);
    conn_fail_at(l, 0, why);
    return 0;
}

/* ---- in ---- */

static int grow_in(owlink_t *l, size_t need)
{
    size_t cap = l->rx_cap;
    if (need <= cap) return 1;
    while (cap < need) cap *= 2;
    uint8_t *grown = realloc(l->rx, cap);
    if (!grown) return 0;
    l->rx = grown;
    l->rx_cap = cap;
    return 1;
}

static void take_close(owlink_t *l, aats_ws_msg_t const *m)
{
    char why[200];
    char const *reason = "";
    size_t reason_len = 0;
    int code = AATS_WS_NO_CODE;
    aats_ws_close_parse(m->data, m->len, &code, &reason, &reason_len);
    snprintf(why, sizeof why, "the venue closed it (code %d %.*s)", code, (int)(reason_len < 120 ? reason_len : 120), reason);
    conn_fail_at(l, AATS_WS_NORMAL, why);
}

static void take_message(owlink_t *l, aats_ws_msg_t const *m, int64_t recv_ns)
{
    switch (m->opcode) {
    case AATS_WS_TEXT: ask_message(l->s, l->way, (char const *)m->data, m->len, recv_ns); break;
    case AATS_WS_PING:
        if (!owlink_send_frame(l, AATS_WS_PONG, m->data, m->len)) conn_fail_at(l, AATS_WS_NORMAL, "it does not take what is sent");
        break;
    case AATS_WS_PONG: break;
    case AATS_WS_CLOSE: take_close(l, m); break;
    default: session_tell_kind(l->s, AATS_OM_STRANGE, AATS_OC_NONE, "a binary message"); break;
    }
}

static void broken(owlink_t *l, int e)
{
    int code = e == AATS_E_TOO_BIG ? AATS_WS_TOO_LONG : e == AATS_E_UTF8 ? AATS_WS_BAD_TEXT : AATS_WS_PROTOCOL;
    char why[120];
    snprintf(why, sizeof why, "the venue broke the WebSocket protocol (%s)", aats_err_name(e));
    conn_fail_at(l, code, why);
}

static int frames_received(owlink_t *l, int64_t recv_ns)
{
    size_t at = 0;
    int cnt = 0;
    if (l->phase == LINK_UPGRADING) at = take_upgrade(l);
    while (l->phase == LINK_OPEN) {
        aats_ws_frame_t frame;
        aats_ws_msg_t m;
        int e = aats_ws_next(l->rx + at, l->rx_len - at, FRAME_MAX, &frame);
        if (e == 0) {
            if (!grow_in(l, at + frame.need + 4096)) conn_fail_at(l, AATS_WS_TOO_LONG, "no memory for its message");
            break;
        }
        if (e > 0) e = aats_ws_asm_push(&l->join, &frame, &m);
        if (e < 0) {
            broken(l, e);
            break;
        }
        at += frame.frame_sz;
        if (e == 0) continue;
        take_message(l, &m, recv_ns);
        cnt++;
    }
    if (l->phase != LINK_OPEN && l->phase != LINK_UPGRADING) at = l->rx_len;
    memmove(l->rx, l->rx + at, l->rx_len - at);
    l->rx_len -= at;
    if (l->rx_len == l->rx_cap && !grow_in(l, l->rx_cap * 2)) conn_fail_at(l, AATS_WS_TOO_LONG, "no memory for its message");
    return cnt;
}

int owlink_received(owlink_t *l, size_t n, int64_t recv_ns)
{
    if (n > l->rx_cap - l->rx_len) n = l->rx_cap - l->rx_len;
    l->rx_len += n;
    l->heard_mono_ns = l->s->mono_ns;
    if (l->kind == AATS_OWAY_WS) return frames_received(l, recv_ns);
    http_received(l, recv_ns);
    if (l->phase != LINK_OPEN) l->rx_len = 0;
    else if (l->rx_len == l->rx_cap && !grow_in(l, l->rx_cap * 2)) owlink_leave(l, 0);
    return 1;
}

/* ---- time ---- */

static void keep_alive(owlink_t *l)
{
    aats_session_t *s = l->s;
    aats_oway_t const *w = &s->ways[l->way];
    char text[256];
    if (!w->ping_every_ns || s->mono_ns < l->ping_mono_ns) return;
    l->ping_mono_ns = s->mono_ns + w->ping_every_ns;
    int n = w->ping ? w->ping(text, sizeof text) : 0;
    if (w->ping ? n < 0 || !owlink_send_frame(l, AATS_WS_TEXT, text, (size_t)n) : !owlink_send_frame(l, AATS_WS_PING, NULL, 0))
        conn_fail_at(l, AATS_WS_NORMAL, "it does not take what is sent");
}

void owlink_tick(owlink_t *l)
{
    aats_session_t *s = l->s;
    aats_oway_t const *w = &s->ways[l->way];
    int64_t const most = w->silence_ns ? w->silence_ns : s->venue->ping_ns ? 2 * s->venue->ping_ns : 2 * w->ping_every_ns;
    if (most && s->mono_ns - l->heard_mono_ns > most) conn_fail_at(l, AATS_WS_NORMAL, "mute: not even a ping for two ping intervals");
    else keep_alive(l);
}
