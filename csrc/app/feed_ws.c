/* feed_ws.c -- the bytes of a connection: upgrade, frames in, frames out (step 2 of the walk). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed_state.h"
#include "proto/ws_open.h"

#define SECOND 1000000000

/* ---- out ---- */

static int room_out(link_t *l, size_t n)
{
    if (l->tx_len + n <= l->tx_cap) return 1;
    if (l->tx_len + n > TX_MAX) return 0;
    size_t cap = l->tx_cap ? l->tx_cap : 4096;
    while (cap < l->tx_len + n) cap *= 2;
    uint8_t *grown = realloc(l->tx, cap);
    if (!grown) return 0;
    l->tx = grown;
    l->tx_cap = cap;
    return 1;
}

/* The venue counts every message that we send, pongs included; the memory of the last few sends keeps us below its limit. */
int link_may_send(aats_feed_t *f, link_t *l)
{
    uint32_t recent = 0;
    for (int i = 0; i < SENDS; i++) recent += l->sends[i] && f->mono_ns - l->sends[i] < SECOND;
    return recent < (f->venue->sends_per_s < SENDS ? f->venue->sends_per_s : SENDS);
}

void link_send(aats_feed_t *f, link_t *l, int opcode, void const *data, size_t n)
{
    uint64_t r = feed_random(f);
    uint8_t mask[4];
    memcpy(mask, &r, 4);
    if (!room_out(l, n + AATS_WS_HEAD_MAX)) {
        link_fail(f, l, 0, "it does not take what we send");
        return;
    }
    int got = aats_ws_encode(l->tx + l->tx_len, l->tx_cap - l->tx_len, opcode, 1, data, n, mask);
    if (got > 0) l->tx_len += (size_t)got;
    l->sends[l->send_at] = f->mono_ns;
    l->send_at = (l->send_at + 1) % SENDS;
}

void link_leave(aats_feed_t *f, link_t *l, int close_code)
{
    uint8_t code[2] = {(uint8_t)(close_code >> 8), (uint8_t)close_code};
    if (l->phase == LINK_OPEN && close_code) link_send(f, l, AATS_WS_CLOSE, code, 2);
    l->phase = LINK_CLOSING;
    l->at_mono_ns = f->mono_ns + SECOND;
}

/* The request's target: what the control plane had from the venue, else the venue's own for this way. */
static void target(aats_feed_t const *f, link_t const *l, char *out, size_t cap)
{
    int way = link_way(f, l);
    char const *prefix = f->opts.way_host[way][0] ? f->opts.way_prefix[way] : f->opts.prefix;
    int (*path)(char *, size_t) = f->venue->way_cnt ? f->venue->ways[way].path : f->venue->path;
    size_t at = (size_t)snprintf(out, cap, "%s", prefix);
    if (f->opts.path[0]) snprintf(out, cap, "%s", f->opts.path);
    else if (f->token_path[way][0]) snprintf(out + at, cap - at, "%s", f->token_path[way]);
    else if (path(out + at, cap - at) < 0) out[0] = 0;
}

static void send_upgrade(aats_feed_t *f, link_t *l)
{
    char path[768], fields[KEY_MAX + 80] = "User-Agent: aats\r\n";
    size_t at = strlen(fields);
    for (int i = 0; i < 16; i += 8) {
        uint64_t r = feed_random(f);
        memcpy(l->key16 + i, &r, 8);
    }
    target(f, l, path, sizeof path);
    if (!room_out(l, 2048)) {
        link_fail(f, l, 0, "no memory for the upgrade");
        return;
    }
    if (f->venue->key_field && f->key[0]) snprintf(fields + at, sizeof fields - at, "%s: %s\r\n", f->venue->key_field, f->key);
    int n = aats_ws_request((char *)l->tx, l->tx_cap, link_host(f, l), path, l->key16, fields);
    explicit_bzero(fields, sizeof fields);
    if (n < 0) link_fail(f, l, 0, "host or path cannot stand in a request");
    else l->tx_len = (size_t)n;
}

/* Made with the first connection, kept for the next ones: of the places for links most are never used. */
static int buffers(link_t *l)
{
    if (!l->rx && (l->rx = malloc(RX_START))) l->rx_cap = RX_START;
    if (!l->join_buf) l->join_buf = malloc(FRAME_MAX);
    return l->rx && l->join_buf;
}

void aats_feed_opened(aats_feed_t *f, int link)
{
    link_t *l = &f->links[link];
    if (l->phase != LINK_CONNECTING) return; /* it was given up in the meantime */
    l->phase = LINK_UPGRADING;
    if (!buffers(l)) {
        link_fail(f, l, 0, "no memory for its buffers");
        return;
    }
    l->rx_len = l->tx_len = 0;
    l->at_mono_ns = f->mono_ns + f->opts.connect_ns;
    aats_ws_asm_init(&l->join, l->join_buf, FRAME_MAX);
    send_upgrade(f, l);
}

size_t aats_feed_output(aats_feed_t *f, int link, uint8_t const **at)
{
    *at = f->links[link].tx;
    return f->links[link].tx_len;
}

void aats_feed_sent(aats_feed_t *f, int link, size_t n)
{
    link_t *l = &f->links[link];
    if (n > l->tx_len) n = l->tx_len;
    if (!n) return;
    memmove(l->tx, l->tx + n, l->tx_len - n);
    l->tx_len -= n;
}

/* ---- in ---- */

size_t aats_feed_room(aats_feed_t *f, int link, uint8_t **at)
{
    link_t *l = &f->links[link];
    *at = l->rx + l->rx_len;
    return l->rx_cap - l->rx_len;
}

static int grow_in(link_t *l, size_t need)
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

/* Returns the bytes of the head once it is there and good; 0 if more must come, or the link has failed. */
static size_t take_upgrade(aats_feed_t *f, link_t *l)
{
    aats_http_head_t h;
    int n = aats_http_head((char const *)l->rx, l->rx_len, &h);
    if (n == AATS_E_MORE) return 0;
    if (n < 0) {
        feed_count(f, AATS_MDC_PROTO_ERRORS, 1);
        link_fail(f, l, 0, "the answer to the upgrade is not HTTP");
        return 0;
    }
    int e = aats_ws_check(&h, l->key16);
    if (e) {
        uint64_t wait_s = 0;
        char why[160];
        int told = aats_http_retry_after(&h, &wait_s);
        if (wait_s > 86400 * 3) wait_s = 86400 * 3;
        if (h.status == 418 && told != 1) l->wait_ns = f->venue->ban_ns;
        else if (told == 1) l->wait_ns = (int64_t)wait_s * SECOND;
        int reason_len = (int)(h.reason_len < 60 ? h.reason_len : 60);
        if (e == AATS_E_SHAPE) snprintf(why, sizeof why, "the upgrade was answered with HTTP %d %.*s", h.status, reason_len, h.reason);
        else snprintf(why, sizeof why, "the answer to the upgrade breaks the WebSocket handshake (status %d)", h.status);
        feed_count(f, AATS_MDC_PROTO_ERRORS, 1);
        link_fail(f, l, 0, why);
        return 0;
    }
    if (f->key[0] && !l->tx_len) explicit_bzero(l->tx, l->tx_cap); /* the request has been sent */
    link_open(f, l);
    return (size_t)n;
}

static void take_close(aats_feed_t *f, link_t *l, aats_ws_msg_t const *m)
{
    char why[200];
    char const *reason = "";
    size_t reason_len = 0;
    int code = AATS_WS_NO_CODE;
    aats_ws_close_parse(m->data, m->len, &code, &reason, &reason_len);
    snprintf(why, sizeof why, "the venue closed it (code %d %.*s)", code, (int)(reason_len < 120 ? reason_len : 120), reason);
    link_fail(f, l, AATS_WS_NORMAL, why);
}

static void take_pong(aats_feed_t *f, link_t *l, aats_ws_msg_t const *m)
{
    uint64_t no = 0;
    if (m->len != 8) return;
    memcpy(&no, m->data, 8);
    if (!l->barrier || no != l->barrier) return;
    l->barrier = 0;
    l->passed = no;
    book_barrier_passed(f, l);
}

static void take_message(aats_feed_t *f, link_t *l, aats_ws_msg_t const *m, int64_t recv_ns)
{
    switch (m->opcode) {
    case AATS_WS_TEXT: link_message(f, l, (char const *)m->data, m->len, recv_ns, 0); break;
    case AATS_WS_BINARY:
        if (f->venue->parse_binary) link_message(f, l, (char const *)m->data, m->len, recv_ns, 1);
        else feed_count(f, AATS_MDC_UNKNOWN, 1); /* nothing that was asked for */
        break;
    case AATS_WS_PING: link_send(f, l, AATS_WS_PONG, m->data, m->len); break;
    case AATS_WS_PONG: take_pong(f, l, m); break;
    case AATS_WS_CLOSE: take_close(f, l, m); break;
    default: feed_count(f, AATS_MDC_UNKNOWN, 1); break;
    }
}

/* What a broken frame or text means for the connection: RFC 6455 wants it failed with the right code. */
static void broken(aats_feed_t *f, link_t *l, int e)
{
    int code = e == AATS_E_TOO_BIG ? AATS_WS_TOO_LONG : e == AATS_E_UTF8 ? AATS_WS_BAD_TEXT : AATS_WS_PROTOCOL;
    char why[120];
    snprintf(why, sizeof why, "the venue broke the WebSocket protocol (%s)", aats_err_name(e));
    feed_count(f, e == AATS_E_UTF8 ? AATS_MDC_UTF8 : AATS_MDC_PROTO_ERRORS, 1);
    link_fail(f, l, code, why);
}

int link_process(aats_feed_t *f, link_t *l, int64_t recv_ns)
{
    size_t at = 0;
    int cnt = 0;
    if (l->phase == LINK_UPGRADING) at = take_upgrade(f, l);
    while (l->phase == LINK_OPEN) {
        aats_ws_frame_t frame;
        aats_ws_msg_t m;
        int e = aats_ws_next(l->rx + at, l->rx_len - at, FRAME_MAX, &frame);
        if (e == 0) {
            if (!grow_in(l, at + frame.need + 4096)) link_fail(f, l, AATS_WS_TOO_LONG, "no memory for its message");
            break;
        }
        if (e > 0) e = aats_ws_asm_push(&l->join, &frame, &m);
        if (e < 0) {
            broken(f, l, e);
            break;
        }
        at += frame.frame_sz;
        if (e == 0) continue;
        take_message(f, l, &m, recv_ns);
        if (f->sink) f->sink(f->sink_arg, NULL, NULL, NULL);
        cnt++;
    }
    if (cnt > 0) {
        feed_count(f, AATS_MDC_FRAMES, (uint64_t)cnt);
        aats_add_relaxed(&f->view.md->links[l->index].frames, (uint64_t)cnt);
    }
    if (l->phase != LINK_OPEN && l->phase != LINK_UPGRADING) at = l->rx_len;
    if (at > 0) memmove(l->rx, l->rx + at, l->rx_len - at);
    l->rx_len -= at;
    if (l->rx_len == l->rx_cap && !grow_in(l, l->rx_cap * 2)) link_fail(f, l, AATS_WS_TOO_LONG, "no memory for its message");
    return cnt;
}

int aats_feed_received(aats_feed_t *f, int link, size_t n, int64_t recv_ns)
{
    link_t *l = &f->links[link];
    aats_link_t *shared = &f->view.md->links[link];
    if (n > l->rx_cap - l->rx_len) n = l->rx_cap - l->rx_len;
    l->rx_len += n;
    l->heard_mono_ns = f->mono_ns;
    aats_store_release((uint64_t *)&shared->heard_mono_ns, (uint64_t)f->mono_ns);
    aats_add_relaxed(&shared->bytes, n);
    feed_count(f, AATS_MDC_BYTES, n);
    return link_process(f, l, recv_ns);
}
