#include "app/session_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/conn.h"
#include "base/clock.h"
#include "base/errors.h"

typedef struct {
    aats_session_t *session;
    aats_session_host_opts_t opts;
    aats_tls_ctx_t *tls_ctx;
    aats_conn_t conn;
    aats_addr_t addr;
} host_t;

/* ---- the session, as a connection sees it ---- */

static int    s_want(void *s, int link) { (void)link; return aats_session_want(s); }
static void   s_connecting(void *s, int link) { (void)link; aats_session_connecting(s); }
static void   s_opened(void *s, int link) { (void)link; aats_session_opened(s); }
static void   s_closed(void *s, int link, char const *why) { (void)link; aats_session_closed(s, why); }
static size_t s_room(void *s, int link, uint8_t **at) { (void)link; return aats_session_room(s, at); }
static int    s_received(void *s, int link, size_t n, int64_t recv_ns) { (void)link; return aats_session_received(s, n, recv_ns); }
static size_t s_output(void *s, int link, uint8_t const **at) { (void)link; return aats_session_output(s, at); }
static void   s_sent(void *s, int link, size_t n) { (void)link; aats_session_sent(s, n); }
static void   s_forget(void *s, int link) { (void)link; aats_session_forget_address(s); }

static aats_conn_face_t const FACE = {s_want, s_connecting, s_opened, s_closed, s_room, s_received, s_output, s_sent, s_forget};

/* ---- passes ---- */

static int pass(void *arg, int64_t now_ns, int64_t mono_ns)
{
    host_t *h = arg;
    int64_t since;
    (void)now_ns;
    if (aats_conn_idle(&h->conn)) {
        char const *known = aats_session_address(h->session, &since);
        if (aats_addr_have(&h->addr, known, since, mono_ns, aats_session_out(h->session), 0, h->opts.host)) {
            aats_conn_to_t to = {.ip = h->addr.ip, .host = h->opts.host, .port = (uint16_t)h->opts.port, .tls = h->tls_ctx};
            aats_conn_open(&h->conn, &to);
        }
    }
    return aats_conn_step(&h->conn);
}

static void flush(void *arg)
{
    host_t *h = arg;
    aats_conn_flush(&h->conn);
}

static void end(void *arg)
{
    host_t *h = arg;
    aats_conn_close(&h->conn);
    aats_tls_ctx_close(h->tls_ctx);
    free(h);
}

int aats_session_host_open(aats_session_t *s, aats_session_host_opts_t const *opts, char *why, size_t why_sz)
{
    host_t *h = opts->port && opts->port < 65536 ? calloc(1, sizeof *h) : NULL;
    if (!h) {
        snprintf(why, why_sz, opts->port && opts->port < 65536 ? "no memory" : "port %u is none", opts->port);
        return AATS_E_ARG;
    }
    h->session = s;
    h->opts = *opts;
    h->conn = (aats_conn_t){.face = &FACE, .self = s};
    int e = opts->plain ? AATS_OK : aats_tls_ctx_open(&h->tls_ctx, opts->ca_file, why, why_sz);
    if (e != AATS_OK) {
        free(h);
        return e;
    }
    aats_session_set_host(s, pass, end, h);
    aats_session_set_flush(s, flush);
    aats_session_set_clock(s, aats_mono_ns);
    return AATS_OK;
}
