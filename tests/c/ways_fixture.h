/* ways_fixture.h -- an order session at a venue of several ways: made up, with a language of one line a message, over wires that can be cut.
 *
 * For: tests/c/test_session_ways.c and test_session_http.c.  A request is "id kind way cid px qty token", an answer "R id status rest", an event "E word cid ...".  What
 * the venue has, by which way, and how it misbehaves is the test's.  Time stands still but for wx_pass. */
#ifndef AATS_TESTS_WAYS_FIXTURE_H
#define AATS_TESTS_WAYS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/feed.h"
#include "app/session.h"
#include "base/errors.h"
#include "order/client_id.h"
#include "proto/http.h"
#include "proto/ws.h"
#include "proto/ws_open.h"

#define WX_UNUSED   __attribute__((unused))
#define WX_EPOCH_NS 1785312000000000000
#define WX_MS       1000000
#define WX_OWN      0x1111222233334444ULL
#define WX_ORDERS   8
#define WX_LINKS    6
#define BIT(kind)   (1u << (kind))
#define WX_TRADES   (BIT(AATS_OR_PLACE) | BIT(AATS_OR_CANCEL) | BIT(AATS_OR_AMEND) | BIT(AATS_OR_CANCEL_ALL))
#define WX_ASKS     (BIT(AATS_OR_TIME) | BIT(AATS_OR_ACCOUNT) | BIT(AATS_OR_OPEN) | BIT(AATS_OR_QUERY) | BIT(AATS_OR_FILLS))

typedef struct {
    char cid[40];
    int open, placed, cancels, amends;
    int64_t px_i, qty_i, cum_i;
} wx_order_t;

typedef struct {
    int connected;      /* 0, 1: a socket, 2: upgraded */
    int connects;
    int hold;           /* answers are kept back */
    uint32_t way;
    uint8_t in[1 << 16], out[1 << 16];
    size_t in_sz, out_sz;
    int64_t to_session; /* bytes that still pass before the wire is cut, -1: no end */
    char target[256];   /* of the last upgrade, or HTTP request */
    char head[1024];    /* of the last HTTP request */
    int requests;
} wx_wire_t;

typedef struct {
    aats_session_t *s;
    aats_gateway_t gw;
    aats_rules_t rules;
    aats_order_venue_t venue;
    int64_t mono_ns;
    char why[200];
    char log[16384];
    wx_wire_t wires[WX_LINKS];
    int refuse_way;     /* -1; connections of this way are refused */
    /* the trader */
    struct { aats_machine_t m; char told[64]; int closed; uint32_t code, unknown_code; } orders[WX_ORDERS + 1];
    char words[256];    /* D U R as they came */
    char money[256];    /* "USDT=15 " of each balance that was told */
    int strange, positions;
    /* the venue */
    uint32_t has;       /* kinds that it has */
    wx_order_t at_venue[WX_ORDERS + 1];
    char asked[2048];   /* "kind/way " of each request */
    int no_news;        /* an order is answered, and nothing is said of it */
    int events;         /* ... but told as an event */
    int tokens;
    int answer_status;  /* HTTP: of the next answers to answer_kind, 0: 200 */
    int answer_kind;
    char answer_raw[1024]; /* HTTP: instead of the next answer to answer_kind, "": not */
    int chunked, close_after, continue_first;
    int lose_kind;      /* requests of this kind are done and not answered, so often */
    int lose_cnt;
    int ignore_kind, ignore_cnt; /* are not even done */
} wx_t;

static wx_t *wx_here; /* encode knows which venue it is */

/* ---- the venue's language ---- */

WX_UNUSED static int wx_encode(aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    char cid[AATS_CLIENT_ID_SZ] = "-", body[512];
    if (!(wx_here->has >> req->kind & 1)) return 0;
    if (req->order) aats_client_id_format(req->order->instance, aats_order_client_no(req->order), cid);
    int64_t const px = req->kind == AATS_OR_AMEND ? req->px_i : req->order ? req->order->px_i : 0;
    int64_t const qty = req->kind == AATS_OR_AMEND ? req->qty_i : req->order ? req->order->qty_i : 0;
    int n = snprintf(body, sizeof body, "%llu %u %u %s %lld %lld %u%s", (unsigned long long)req->id, req->kind, req->way, cid, (long long)px,
                     (long long)qty, auth->logged_on, auth->token);
    if (wx_here->venue.ways[req->way].kind == AATS_OWAY_WS) return snprintf(out, cap, "%s", body);
    return snprintf(out, cap, "POST /api/%u HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", req->kind, req->host, n, body);
}

WX_UNUSED static int wx_whose(char const *cid, aats_omsg_t *m)
{
    memset(m, 0, sizeof *m);
    m->cum_qty_i = -1;
    return aats_client_id_parse(cid, strlen(cid), &m->instance, &m->order_id);
}

WX_UNUSED static int wx_parse(char const *text, size_t n, aats_oreply_t *r)
{
    char line[1024], word[16], cid[64];
    unsigned long long id, tid;
    long long qty, cum;
    int at = 0, status;
    snprintf(line, sizeof line, "%.*s", (int)n, text);
    if (sscanf(line, "R %llu %d %n", &id, &status, &at) == 2 && at) {
        r->kind = AATS_OV_REPLY, r->id = id, r->status = status;
        r->result = text + at, r->result_len = n - (size_t)at;
        r->oc = status == 200 ? 0 : AATS_OC_VENUE;
        r->text = r->result, r->text_len = r->result_len;
        return AATS_OK;
    }
    if (sscanf(line, "A %u %d", &r->answers, &status) == 2) {
        r->kind = AATS_OV_REPLY, r->status = status;
        return AATS_OK;
    }
    if (!strcmp(line, "deaf")) {
        r->kind = AATS_OV_DEAF;
        return AATS_OK;
    }
    if (!strcmp(line, "pong")) return AATS_OK;
    if (sscanf(line, "E %15s %63s %n", word, cid, &at) != 2) return AATS_E_SYNTAX;
    aats_omsg_t *m = &r->msgs[r->msg_cnt++];
    if (wx_whose(cid, m)) return AATS_E_SHAPE;
    r->kind = AATS_OV_EVENT;
    m->kind = !strcmp(word, "ack") ? AATS_OM_ACK : !strcmp(word, "done") ? AATS_OM_DONE : AATS_OM_FILL;
    m->code = AATS_OC_CANCELED_OTHER;
    snprintf(m->remote_id, sizeof m->remote_id, "r-%.8s", cid + 24);
    if (m->kind == AATS_OM_FILL && sscanf(line + at, "%llu %lld %lld", &tid, &qty, &cum) == 3) m->trade_id = tid, m->qty_i = qty, m->cum_qty_i = cum, m->px_i = 5;
    return AATS_OK;
}

WX_UNUSED static int wx_parse_http(int status, char const *head, size_t head_len, char const *body, size_t n, int kind, aats_oreply_t *r)
{
    (void)head, (void)head_len;
    if (n && *body == 'R') { /* our language is no JSON */
        int const e = wx_parse(body, n, r);
        r->status = status != 200 ? status : r->status;
        return e;
    }
    return aats_order_http(status, body, n, kind, r) ? AATS_OK : AATS_E_SHAPE;
}

WX_UNUSED static int wx_result(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    char line[1024], cid[64], state[16];
    long long px = 0, qty = 0, cum = 0;
    int at = 0;
    if (r->status != 200) return aats_order_refused(r, kind, order, kind == AATS_OR_QUERY && r->status == 404);
    snprintf(line, sizeof line, "%.*s", (int)r->result_len, r->result ? r->result : "");
    aats_omsg_t *m = &r->msgs[r->msg_cnt];
    switch (kind) {
    case AATS_OR_TIME: r->server_ms = atoll(line); return AATS_OK;
    case AATS_OR_TOKEN: r->token = r->result, r->token_len = r->result_len; return AATS_OK;
    case AATS_OR_POSITIONS:
        memset(m, 0, sizeof *m);
        m->kind = AATS_OM_POSITION, m->qty_i = atoll(line);
        strcpy(m->symbol, "BTCUSDT");
        r->msg_cnt++;
        return AATS_OK;
    case AATS_OR_OPEN:
        for (char const *p = line; sscanf(p, "%63s %lld %lld %lld %n", cid, &px, &qty, &cum, &at) == 4; p += at) {
            m = &r->msgs[r->msg_cnt++];
            if (wx_whose(cid, m)) return AATS_E_SHAPE;
            m->kind = AATS_OM_OPEN, m->px_i = px, m->qty_i = qty, m->cum_qty_i = cum;
            snprintf(m->remote_id, sizeof m->remote_id, "r-%.8s", cid + 24);
        }
        return AATS_OK;
    case AATS_OR_PLACE:
    case AATS_OR_QUERY:
    case AATS_OR_CANCEL:
    case AATS_OR_AMEND:
        if (sscanf(line, "%15s %63s %lld %lld %lld", state, cid, &px, &qty, &cum) != 5) return AATS_OK; /* taken, and nothing is said of it */
        if (wx_whose(cid, m)) return AATS_E_SHAPE;
        r->msg_cnt++;
        m->px_i = px, m->qty_i = qty, m->cum_qty_i = cum;
        snprintf(m->remote_id, sizeof m->remote_id, "r-%.8s", cid + 24);
        m->kind = kind == AATS_OR_PLACE ? AATS_OM_ACK : kind == AATS_OR_AMEND ? AATS_OM_AMENDED : kind == AATS_OR_CANCEL ? AATS_OM_CANCEL_ACK : *state == 'o' ? AATS_OM_OPEN : AATS_OM_DONE;
        m->code = m->kind == AATS_OM_DONE ? AATS_OC_CANCELED : 0;
        if (kind == AATS_OR_CANCEL) r->msgs[r->msg_cnt] = *m, r->msgs[r->msg_cnt].kind = AATS_OM_DONE, r->msgs[r->msg_cnt++].code = AATS_OC_CANCELED;
        return AATS_OK;
    default: return AATS_OK;
    }
}

WX_UNUSED static int wx_path_token(aats_oauth_t const *auth, char *out, size_t cap) { return snprintf(out, cap, "/ws/%s", auth->token); }
WX_UNUSED static int wx_path_a(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, snprintf(out, cap, "/trade"); }
WX_UNUSED static int wx_path_b(aats_oauth_t const *auth, char *out, size_t cap) { return (void)auth, snprintf(out, cap, "/private"); }
WX_UNUSED static int wx_ping(char *out, size_t cap) { return snprintf(out, cap, "ping"); }

/* ---- the venue's side ---- */

WX_UNUSED static wx_order_t *wx_find(wx_t *x, char const *cid, int make)
{
    wx_order_t *o = x->at_venue;
    while (o->cid[0] && strcmp(o->cid, cid)) o++;
    if (!o->cid[0] && make) snprintf(o->cid, sizeof o->cid, "%.39s", cid);
    return o->cid[0] ? o : NULL;
}

WX_UNUSED static wx_order_t *wx_venue_order(wx_t *x, int id)
{
    char cid[AATS_CLIENT_ID_SZ];
    aats_client_id_format(WX_OWN, id, cid);
    return wx_find(x, cid, 0);
}

WX_UNUSED static void wx_raw(wx_t *x, wx_wire_t *w, void const *data, size_t n)
{
    (void)x;
    if (w->out_sz + n > sizeof w->out) abort();
    memcpy(w->out + w->out_sz, data, n);
    w->out_sz += n;
}

WX_UNUSED static void wx_text(wx_t *x, wx_wire_t *w, char const *text)
{
    uint8_t frame[2048];
    int n = aats_ws_encode(frame, sizeof frame, AATS_WS_TEXT, 1, text, strlen(text), NULL);
    if (n < 0) abort();
    if (w->connected == 2) wx_raw(x, w, frame, (size_t)n);
}

/* An event goes by the way that carries them. */
WX_UNUSED static void wx_event(wx_t *x, char const *text)
{
    for (wx_wire_t *w = x->wires; w < x->wires + WX_LINKS; w++)
        if (w->connected == 2 && x->venue.ways[w->way].events) wx_text(x, w, text);
}

WX_UNUSED static void wx_answer(wx_t *x, wx_wire_t *w, int kind, char const *text)
{
    char head[512], body[1500];
    if (x->venue.ways[w->way].kind == AATS_OWAY_WS) {
        wx_text(x, w, text);
        return;
    }
    if (x->answer_kind == kind && x->answer_raw[0]) {
        wx_raw(x, w, x->answer_raw, strlen(x->answer_raw));
        x->answer_raw[0] = 0;
        return;
    }
    size_t const n = strlen(text), half = n / 2;
    if (x->continue_first) wx_raw(x, w, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    char const *closing = x->close_after ? "Connection: close\r\n" : "";
    if (x->chunked) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n", closing);
        snprintf(body, sizeof body, "%zx;ext=1\r\n%.*s\r\n%zX\r\n%s\r\n0\r\nTrailer: x\r\n\r\n", half, (int)half, text, n - half, text + half);
    } else {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", closing, n);
        snprintf(body, sizeof body, "%s", text);
    }
    wx_raw(x, w, head, strlen(head));
    wx_raw(x, w, body, strlen(body));
}

WX_UNUSED static void wx_do(wx_t *x, wx_wire_t *w, char const *text)
{
    unsigned long long id;
    unsigned kind, way;
    char cid[64], line[1024], ev[128];
    long long px, qty;
    int n;
    if (!strcmp(text, "ping")) {
        wx_text(x, w, "pong");
        return;
    }
    if (sscanf(text, "%llu %u %u %63s %lld %lld", &id, &kind, &way, cid, &px, &qty) != 6) abort();
    w->requests++;
    if (strlen(x->asked) < sizeof x->asked - 16) snprintf(x->asked + strlen(x->asked), 16, "%u/%u ", kind, way);
    if (way != w->way) abort();
    if ((int)kind == x->ignore_kind && x->ignore_cnt > 0 && x->ignore_cnt--) return;
    n = snprintf(line, sizeof line, "R %llu 200 ", id);
    wx_order_t *o = strcmp(cid, "-") ? wx_find(x, cid, kind == AATS_OR_PLACE) : NULL;
    switch (kind) {
    case AATS_OR_TIME: snprintf(line + n, sizeof line - (size_t)n, "%lld", (long long)((WX_EPOCH_NS + x->mono_ns) / WX_MS)); break;
    case AATS_OR_TOKEN: snprintf(line + n, sizeof line - (size_t)n, "tok%d", ++x->tokens); break;
    case AATS_OR_POSITIONS: snprintf(line + n, sizeof line - (size_t)n, "3"); break;
    case AATS_OR_OPEN:
        for (wx_order_t *p = x->at_venue; p->cid[0]; p++)
            if (p->open) n += snprintf(line + n, sizeof line - (size_t)n, "%s %lld %lld %lld ", p->cid, (long long)p->px_i, (long long)p->qty_i, (long long)p->cum_i);
        break;
    case AATS_OR_PLACE:
        o->placed++, o->open = 1, o->px_i = px, o->qty_i = qty;
        if (!x->no_news) snprintf(line + n, sizeof line - (size_t)n, "open %s %lld %lld 0", cid, px, qty);
        snprintf(ev, sizeof ev, "E ack %s", cid);
        if (x->events) wx_event(x, ev);
        break;
    case AATS_OR_AMEND:
        if (!o || !o->open) snprintf(line, sizeof line, "R %llu 400 no such order", id);
        else o->amends++, o->px_i = px, o->qty_i = qty, snprintf(line + n, sizeof line - (size_t)n, "open %s %lld %lld %lld", cid, px, qty, (long long)o->cum_i);
        break;
    case AATS_OR_CANCEL:
        if (o) o->cancels++;
        if (!o || !o->open) snprintf(line, sizeof line, "R %llu 400 no such order", id);
        else o->open = 0, snprintf(line + n, sizeof line - (size_t)n, "done %s 0 0 %lld", cid, (long long)o->cum_i);
        break;
    case AATS_OR_QUERY:
        if (!o) snprintf(line, sizeof line, "R %llu 404 no such order", id);
        else snprintf(line + n, sizeof line - (size_t)n, "%s %s %lld %lld %lld", o->open ? "open" : "done", cid, (long long)o->px_i, (long long)o->qty_i, (long long)o->cum_i);
        break;
    default: break;
    }
    if ((int)kind == x->lose_kind && x->lose_cnt > 0 && x->lose_cnt--) return;
    wx_answer(x, w, (int)kind, line);
}

WX_UNUSED static void wx_serve_http(wx_t *x, wx_wire_t *w)
{
    aats_http_head_t h;
    uint64_t len;
    char body[1024];
    int n;
    while (!w->hold && (n = aats_http_request_head((char const *)w->in, w->in_sz, &h)) > 0) {
        if (aats_http_length(&h, &len) != 1) len = 0;
        if (w->in_sz < (size_t)n + len) return;
        snprintf(w->target, sizeof w->target, "%.*s", (int)h.target_len, h.target);
        snprintf(w->head, sizeof w->head, "%.*s", n, (char const *)w->in);
        snprintf(body, sizeof body, "%.*s", (int)len, (char const *)w->in + n);
        memmove(w->in, w->in + n + len, w->in_sz - (size_t)n - len);
        w->in_sz -= (size_t)n + len;
        wx_do(x, w, body);
    }
}

WX_UNUSED static void wx_serve(wx_t *x, wx_wire_t *w)
{
    aats_http_head_t h;
    char answer[1024];
    if (x->venue.ways[w->way].kind == AATS_OWAY_HTTP) {
        wx_serve_http(x, w);
        return;
    }
    if (w->connected == 1) {
        int n = aats_http_request_head((char const *)w->in, w->in_sz, &h);
        if (n <= 0) return;
        snprintf(w->target, sizeof w->target, "%.*s", (int)h.target_len, h.target);
        int m = aats_ws_response(answer, sizeof answer, &h);
        if (m <= 0) abort();
        wx_raw(x, w, answer, (size_t)m);
        memmove(w->in, w->in + n, w->in_sz - (size_t)n);
        w->in_sz -= (size_t)n;
        w->connected = 2;
    }
    while (w->connected == 2 && !w->hold) {
        aats_ws_frame_t f;
        char text[2048];
        if (aats_ws_next_server(w->in, w->in_sz, sizeof text - 1, &f) != 1) return;
        memcpy(text, f.payload, f.payload_len);
        text[f.payload_len] = 0;
        int const opcode = f.opcode;
        memmove(w->in, w->in + f.frame_sz, w->in_sz - f.frame_sz);
        w->in_sz -= f.frame_sz;
        if (opcode == AATS_WS_TEXT) wx_do(x, w, text);
    }
}

/* ---- wires and time ---- */

WX_UNUSED static void wx_cut(wx_t *x, uint32_t link)
{
    wx_wire_t *w = &x->wires[link];
    if (!w->connected) return;
    w->connected = 0;
    w->in_sz = w->out_sz = 0;
    w->to_session = -1;
    aats_session_closed(x->s, link, "the wire was cut");
}

WX_UNUSED static int wx_move(wx_t *x, uint32_t link)
{
    wx_wire_t *w = &x->wires[link];
    uint8_t const *from;
    uint8_t *to;
    size_t n = aats_session_output(x->s, link, &from), out = n;
    if (w->in_sz + n > sizeof w->in) abort();
    if (n) memcpy(w->in + w->in_sz, from, n);
    w->in_sz += n;
    aats_session_sent(x->s, link, n);
    wx_serve(x, w);
    if (!w->connected) return 1;
    size_t room = aats_session_room(x->s, link, &to);
    n = w->out_sz < room ? w->out_sz : room;
    if (w->to_session >= 0 && n > (size_t)w->to_session) n = (size_t)w->to_session;
    if (n) {
        memcpy(to, w->out, n);
        memmove(w->out, w->out + n, w->out_sz - n);
        w->out_sz -= n;
        aats_session_received(x->s, link, n, WX_EPOCH_NS + x->mono_ns);
    }
    if (w->to_session >= 0 && (w->to_session -= (int64_t)n) <= 0) wx_cut(x, link);
    return n || out;
}

WX_UNUSED static void wx_note(wx_t *x, int id, aats_oev_t const *ev, int cnt)
{
    static char const LETTER[] = "?CAJEcajKZUMm";
    for (int i = 0; i < cnt; i++) {
        x->orders[id].told[strlen(x->orders[id].told)] = LETTER[ev[i].kind];
        if (ev[i].kind == AATS_OEV_UNKNOWN) x->orders[id].unknown_code = ev[i].code;
        if (ev[i].kind == AATS_OEV_CLOSED) x->orders[id].closed = 1, x->orders[id].code = ev[i].order.code;
    }
}

WX_UNUSED static void wx_drain(wx_t *x)
{
    aats_omsg_t m;
    aats_oev_t ev[AATS_MACHINE_OUT];
    aats_mail_t *mail;
    while (x->gw.next(x->gw.self, &m)) {
        char const word = m.kind == AATS_OM_DOWN ? 'D' : m.kind == AATS_OM_UP ? 'U' : m.kind == AATS_OM_READY ? 'R' : 0;
        if (word) x->words[strlen(x->words)] = word;
        x->strange += m.kind == AATS_OM_STRANGE;
        x->positions += m.kind == AATS_OM_POSITION;
        if (m.kind == AATS_OM_BALANCE) {
            size_t const at = strlen(x->money);
            snprintf(x->money + at, sizeof x->money - at, "%s=%llu ", m.fee_asset, (unsigned long long)m.amount.lo);
        }
        if (m.kind >= AATS_OM_DOWN || m.order_id < 1 || m.order_id > WX_ORDERS || x->orders[m.order_id].closed) continue;
        int const id = (int)m.order_id;
        int n = aats_machine_take(&x->orders[id].m, &m, WX_EPOCH_NS + x->mono_ns, ev);
        if (n > 0) wx_note(x, id, ev, n);
        if (x->orders[id].closed) x->gw.gone(x->gw.self, &x->orders[id].m), aats_machine_fini(&x->orders[id].m);
        else if (aats_machine_asks(&x->orders[id].m)) x->gw.ask(x->gw.self, &x->orders[id].m, &x->rules);
    }
    while (aats_mailbox_get(aats_session_out(x->s), &mail) == 1) {
        size_t at = strlen(x->log);
        if (mail->kind == AATS_MAIL_NOTICE) snprintf(x->log + at, sizeof x->log - at, "%s\n", (char const *)mail->bytes);
        aats_mail_free(mail);
    }
}

WX_UNUSED static void wx_pass(wx_t *x, int ms)
{
    x->mono_ns += ms * (int64_t)WX_MS;
    for (int i = 0, quiet = 0; i < 1000 && quiet < 3; i++) {
        int work = x->gw.step(x->gw.self, WX_EPOCH_NS + x->mono_ns, x->mono_ns);
        for (uint32_t link = 0; link < aats_session_links(x->s); link++) {
            wx_wire_t *w = &x->wires[link];
            w->way = aats_session_way(x->s, link);
            if (!w->connected && aats_session_want(x->s, link) == AATS_FEED_CONNECT) {
                w->connects++;
                work = 1;
                aats_session_connecting(x->s, link);
                if ((int)w->way == x->refuse_way) {
                    aats_session_closed(x->s, link, "connection refused");
                } else {
                    w->connected = 1;
                    w->to_session = -1;
                    aats_session_opened(x->s, link);
                }
            }
            if (w->connected) work += wx_move(x, link);
            if (aats_session_want(x->s, link) == AATS_FEED_CLOSE) {
                w->connected = 0;
                w->in_sz = w->out_sz = 0;
                aats_session_closed(x->s, link, "closed by us");
                work = 1;
            }
        }
        wx_drain(x);
        quiet = work ? 0 : quiet + 1;
    }
}

WX_UNUSED static void wx_run(wx_t *x, int ms)
{
    for (int i = 0; i < ms; i += 10) wx_pass(x, 10);
}

/* ---- life ---- */

WX_UNUSED static int wx_place(wx_t *x, int id)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    aats_order_t o = {.order_id = id, .instance = WX_OWN, .side = AATS_SIDE_BUY, .tif = AATS_TIF_GTC, .px_exp = -8, .qty_exp = -8, .px_i = 100,
                      .qty_i = 10, .created_ns = WX_EPOCH_NS + x->mono_ns, .symbol = "BTCUSDT.MADEUP"};
    wx_note(x, id, ev, aats_machine_new(&x->orders[id].m, &o, ev));
    int const code = x->gw.place(x->gw.self, &x->orders[id].m, &x->rules, x->why, sizeof x->why);
    if (code == AATS_OK) x->orders[id].m.o.sent_ns = WX_EPOCH_NS + x->mono_ns;
    else wx_note(x, id, ev, aats_machine_refuse(&x->orders[id].m, code, x->why, WX_EPOCH_NS, ev)), x->gw.gone(x->gw.self, &x->orders[id].m);
    return code;
}

WX_UNUSED static void wx_cancel(wx_t *x, int id)
{
    aats_oev_t ev[AATS_MACHINE_OUT];
    int go = 0;
    wx_note(x, id, ev, aats_machine_cancel(&x->orders[id].m, WX_EPOCH_NS + x->mono_ns, ev, &go));
    if (go) x->gw.cancel(x->gw.self, &x->orders[id].m, &x->rules);
}

/* wx_begin makes a session at a venue of these ways, which has all kinds but TOKEN, POSITIONS and DEADMAN. */
WX_UNUSED static void wx_begin(wx_t *x, aats_oway_t const *ways, uint32_t cnt)
{
    aats_session_opts_t o;
    memset(x, 0, sizeof *x);
    wx_here = x;
    x->mono_ns = 1000 * (int64_t)WX_MS;
    x->refuse_way = x->lose_kind = x->ignore_kind = -1;
    x->has = WX_TRADES | WX_ASKS | BIT(AATS_OR_LOGON) | BIT(AATS_OR_LISTEN);
    x->venue = (aats_order_venue_t){.name = "MADEUP", .px_exp = -8, .qty_exp = -8, .fee_exp = -8, .way_cnt = cnt, .encode = wx_encode, .parse = wx_parse,
                                    .parse_http = wx_parse_http, .result = wx_result, .ping_ns = 20000000000, .clock_margin_ms = 1000, .window_ms = 5000,
                                    .ban_ns = 120000000000};
    memcpy(x->venue.ways, ways, cnt * sizeof *ways);
    x->rules = (aats_rules_t){.symbol = "BTCUSDT.MADEUP", .native = "BTCUSDT", .base = "BTC", .quote = "USDT", .px_exp = -8, .qty_exp = -8, .fee_exp = -8};
    aats_session_defaults(&o);
    strcpy(o.host, "first.example");
    strcpy(o.more[0].host, "second.example");
    strcpy(o.more[1].host, "third.example:8443");
    strcpy(o.more[1].path, "/before");
    o.seed = 1;
    x->s = aats_session_new_at(&x->venue, &o, "KEY-OF-THE-TEST", "SECRET", NULL, 0, x->why, sizeof x->why);
    if (!x->s) abort();
    aats_session_own(x->s, WX_OWN);
    aats_session_symbol(x->s, &x->rules);
    aats_session_gateway(x->s, &x->gw);
}

WX_UNUSED static int wx_ready(wx_t const *x) { return x->gw.state(x->gw.self) == AATS_GW_READY; }

WX_UNUSED static void wx_end(wx_t *x)
{
    for (int i = 1; i <= WX_ORDERS; i++)
        if (x->orders[i].told[0] && !x->orders[i].closed) x->gw.gone(x->gw.self, &x->orders[i].m), aats_machine_fini(&x->orders[i].m);
    x->gw.free(x->gw.self);
}

#endif
