#include "app/session_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/conn.h"
#include "base/clock.h"
#include "base/errors.h"
#include "venue/order.h"

#define LINKS_MAX 8

/* One connection as the step function sees it. */
typedef struct {
    aats_session_t *session;
    uint32_t way;
    aats_conn_t conn;
} outlet_t;

typedef struct {
    aats_session_t *session;
    aats_session_outlet_t at[AATS_OWAYS];
    aats_addr_t addrs[AATS_OWAYS];
    aats_tls_ctx_t *tls_ctx; /* NULL: no way wants it */
    outlet_t outlets[LINKS_MAX];
    uint32_t outlet_cnt;
} host_t;

/* ---- the session, as a connection sees it ---- */

static aats_session_t *of(void *outlet) { return ((outlet_t *)outlet)->session; }

static int    s_want(void *o, int link) { return aats_session_want(of(o), (uint32_t)link); }
static void   s_connecting(void *o, int link) { aats_session_connecting(of(o), (uint32_t)link); }
static void   s_opened(void *o, int link) { aats_session_opened(of(o), (uint32_t)link); }
static void   s_closed(void *o, int link, char const *why) { aats_session_closed(of(o), (uint32_t)link, why); }
static size_t s_room(void *o, int link, uint8_t **at) { return aats_session_room(of(o), (uint32_t)link, at); }
static int    s_received(void *o, int link, size_t n, int64_t recv_ns) { return aats_session_received(of(o), (uint32_t)link, n, recv_ns); }
static size_t s_output(void *o, int link, uint8_t const **at) { return aats_session_output(of(o), (uint32_t)link, at); }
static void   s_sent(void *o, int link, size_t n) { aats_session_sent(of(o), (uint32_t)link, n); }
static void   s_forget(void *o, int link) { aats_session_forget_address(of(o), aats_session_way(of(o), (uint32_t)link)); }

static aats_conn_face_t const FACE = {s_want, s_connecting, s_opened, s_closed, s_room, s_received, s_output, s_sent, s_forget};

/* ---- passes ---- */

static int connect_to(host_t *h, outlet_t *o, int64_t mono_ns)
{
    int64_t since;
    aats_session_outlet_t const *at = &h->at[o->way];
    aats_addr_t *addr = &h->addrs[o->way];
    char const *known = aats_session_address(h->session, o->way, &since);
    if (!aats_addr_have(addr, known, since, mono_ns, aats_session_out(h->session), o->way, at->host)) return 0;
    aats_conn_to_t to = {.ip = addr->ip, .host = at->host, .port = (uint16_t)at->port, .tls = at->plain ? NULL : h->tls_ctx};
    aats_conn_open(&o->conn, &to);
    return 1;
}

static int pass(void *arg, int64_t now_ns, int64_t mono_ns)
{
    host_t *h = arg;
    int work = 0;
    (void)now_ns;
    for (outlet_t *o = h->outlets; o < h->outlets + h->outlet_cnt; o++) {
        if (aats_conn_idle(&o->conn)) connect_to(h, o, mono_ns);
        work += aats_conn_step(&o->conn);
    }
    return work;
}

static void flush(void *arg)
{
    host_t *h = arg;
    for (outlet_t *o = h->outlets; o < h->outlets + h->outlet_cnt; o++) aats_conn_flush(&o->conn);
}

static void end(void *arg)
{
    host_t *h = arg;
    for (outlet_t *o = h->outlets; o < h->outlets + h->outlet_cnt; o++) aats_conn_close(&o->conn);
    aats_tls_ctx_close(h->tls_ctx);
    free(h);
}

/* ---- opening ---- */

static int good_port(uint32_t port) { return port > 0 && port < 65536; }

/* places says where each way goes: AATS_OK, or a sentence. */
static int places(host_t *h, aats_session_host_opts_t const *opts, char *why, size_t why_sz)
{
    aats_session_outlet_t first = {.port = opts->port, .plain = opts->plain};
    memcpy(first.host, opts->host, sizeof first.host);
    for (int way = 0; way < AATS_OWAYS; way++) {
        h->at[way] = way && opts->more[way - 1].host[0] ? opts->more[way - 1] : first;
        if (good_port(h->at[way].port)) continue;
        snprintf(why, why_sz, "port %u is none", h->at[way].port);
        return AATS_E_ARG;
    }
    return AATS_OK;
}

int aats_session_host_open(aats_session_t *s, aats_session_host_opts_t const *opts, char *why, size_t why_sz)
{
    host_t *h = calloc(1, sizeof *h);
    int plain = 1;
    if (!h) {
        snprintf(why, why_sz, "no memory");
        return AATS_E_ARG;
    }
    h->session = s;
    int e = places(h, opts, why, why_sz);
    for (uint32_t link = 0; link < aats_session_links(s) && link < LINKS_MAX; link++) {
        outlet_t *o = &h->outlets[h->outlet_cnt++];
        *o = (outlet_t){.session = s, .way = aats_session_way(s, link), .conn = {.face = &FACE, .self = o, .link = (int)link}};
        plain &= h->at[o->way].plain != 0;
    }
    if (e == AATS_OK && !plain) e = aats_tls_ctx_open(&h->tls_ctx, opts->ca_file, why, why_sz);
    if (e != AATS_OK) {
        free(h);
        return e;
    }
    aats_session_set_host(s, pass, end, h);
    aats_session_set_flush(s, flush);
    aats_session_set_clock(s, aats_mono_ns);
    return AATS_OK;
}
