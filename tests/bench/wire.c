/* wire.c -- the venue of the benches: replays a frames file over wss and ws, takes orders, and stamps both with one clock.
 *
 * For: bench_wire.c, which runs it in a child; the tick-to-trade rows and the peers' rows, which run it as a program.  Not a simulated exchange (aats/sim):
 * it knows nothing of what it sends, and answers only what a feed and an order session ask at their start.  One thread, which spins while a WebSocket client
 * is there.  One port serves TLS and plain clients alike:
 *
 *     /api/v3/exchangeInfo depth time ping     REST, from the frames file
 *     /stream                                  SUBSCRIBE is acknowledged, then the replay (wire_play.c)
 *     /ws-api/v3                               orders (wire_orders.c)
 *
 *     wire --frames FILE [--mode flood|paced|answer] [--batch 8] [--pace-us 50] [--count N] [--port N] [--core N] [--stamps FILE]
 *          [--cert FILE --key FILE | --ca-out FILE] [--cipher TLS_AES_128_GCM_SHA256]
 *
 * Prints {"port": N} when it listens, and one line of JSON when SIGTERM ends it. */
#define _GNU_SOURCE 1
#include "wire.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "wire_cert.c"
#include "wire_net.c"
#include "wire_play.c"
#include "wire_rest.c"
#if __has_include("wire_orders.c")
#include "wire_orders.c"
#else
static void wire_orders_args(int argc, char **argv) { (void)argc, (void)argv; }
static void wire_orders_opened(wire_conn_t *c) { (void)c; }
static void wire_orders_message(wire_conn_t *c, char *t, size_t n, int64_t r, int64_t p) { (void)c, (void)t, (void)n, (void)r, (void)p; }
static void wire_orders_closed(wire_conn_t *c) { (void)c; }
static int  wire_orders_rest(wire_conn_t *c, char const *m, char const *t) { (void)c, (void)m, (void)t; return 0; }
static void wire_orders_tick(int64_t now_ns) { (void)now_ns; }
static void wire_orders_report(void) {}
#endif

#define LOOK_EVERY   16   /* passes between two looks at a connection that seldom speaks */
#define ACCEPT_EVERY 1024

static volatile sig_atomic_t wire_ends;

static void wire_on_term(int sig)
{
    (void)sig;
    wire_ends = 1;
}

static __attribute__((noreturn)) void wire_die(char const *what)
{
    fprintf(stderr, "wire: %s\n", what);
    exit(2);
}

/* ---- what clients say ---- */

static void wire_stream_text(wire_conn_t *c, char const *text, size_t n)
{
    char answer[64];
    char const *id = memmem(text, n, "\"id\":", 5);
    if (!id || !memmem(text, n, "SUBSCRIBE", 9)) return;
    int const k = snprintf(answer, sizeof answer, "{\"result\":null,\"id\":%lu}", strtoul(id + 5, NULL, 10));
    wire_text(c, answer, (size_t)k);
    c->asked_ns = wire_now_ns();
}

static void wire_take(wire_conn_t *c)
{
    net_msg_t m;
    while (!c->dead && c->kind == WIRE_HTTP && rest_request(c)) {}
    while (!c->dead && (c->kind == WIRE_STREAM || c->kind == WIRE_ORDERS) && net_message(c, &m)) {
        if (m.opcode == 9) net_frame(c, 10, m.text, m.len);
        else if (m.opcode == 8) net_frame(c, 8, m.text, m.len < 2 ? 0 : 2), c->dead = 1;
        else if (m.opcode == 1 && c->kind == WIRE_STREAM) wire_stream_text(c, m.text, m.len);
        else if (m.opcode == 1) wire_orders_message(c, m.text, m.len, c->read_ns, c->plain_ns);
        net_drop(c, m.frame_sz);
    }
}

/* ---- the loop ---- */

/* One pass; returns 1 while there is a WebSocket client. */
static int wire_pass(uint64_t pass)
{
    int busy = 0, quick = 0;
    int64_t const now_ns = wire_now_ns();
    for (wire_conn_t *c = conns; c < conns + CONNS_MAX; c++) {
        if (c->kind == WIRE_FREE) continue;
        int const ws = c->kind == WIRE_STREAM || c->kind == WIRE_ORDERS;
        busy |= ws;
        quick |= c->kind == WIRE_STREAM && c->playing;
        if (c->tx_end) net_flush(c);
        if (c->kind == WIRE_STREAM) play_tick(c, now_ns);
        if (c->kind == WIRE_ORDERS || !quick || pass % LOOK_EVERY == 0)
            if (net_read(c)) wire_take(c);
        if (c->dead) net_close(c);
    }
    wire_orders_tick(now_ns);
    return busy;
}

static int wire_run(void)
{
    for (uint64_t pass = 0; !wire_ends; pass++) {
        int const busy = wire_pass(pass);
        if (!busy || pass % ACCEPT_EVERY == 0) net_accept();
        if (!busy) usleep(200);
    }
    uint64_t sent = play.stamps->sent;
    printf("{\"wire\":\"end\",\"sent\":%llu}\n", (unsigned long long)sent);
    wire_orders_report();
    fflush(stdout);
    for (wire_conn_t *c = conns; c < conns + CONNS_MAX; c++)
        if (c->kind != WIRE_FREE) net_close(c);
    return 0;
}

/* ---- set-up ---- */

static char const *wire_arg(int argc, char **argv, char const *name, char const *otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return otherwise;
}

static void wire_stamps(char const *path)
{
    play.stamps = &play.own;
    if (!path) return;
    int const fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(wire_stamps_t)) != 0) wire_die("the stamps file cannot be made");
    play.stamps = mmap(NULL, sizeof(wire_stamps_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (play.stamps == MAP_FAILED) wire_die("the stamps file cannot be mapped");
    close(fd);
    play.has_file = 1;
}

static void wire_tls(char const *cipher, char const *cert, char const *key, char const *ca_out)
{
    net_ctx = SSL_CTX_new(TLS_server_method());
    if (!net_ctx) wire_die("OpenSSL makes no context");
    SSL_CTX_set_mode(net_ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(net_ctx, SSL_OP_CIPHER_SERVER_PREFERENCE); /* the same cipher for whoever is compared */
    if (SSL_CTX_set_ciphersuites(net_ctx, cipher) != 1) wire_die("--cipher: not a cipher of TLS 1.3");
    int ok = cert ? SSL_CTX_use_certificate_chain_file(net_ctx, cert) == 1 && SSL_CTX_use_PrivateKey_file(net_ctx, key, SSL_FILETYPE_PEM) == 1
                  : cert_make(net_ctx, ca_out);
    if (!ok) wire_die("no certificate: --cert and --key, or --ca-out that can be written");
}

static int wire_main(int argc, char **argv)
{
    char const *frames = wire_arg(argc, argv, "--frames", NULL), *mode = wire_arg(argc, argv, "--mode", "flood");
    int const core = atoi(wire_arg(argc, argv, "--core", "-1"));
    if (!frames || !play_load(frames)) wire_die("--frames FILE: no file of frames");
    play.mode = !strcmp(mode, "paced") ? PLAY_PACED : !strcmp(mode, "answer") ? PLAY_ANSWER : PLAY_FLOOD;
    play.batch = (uint32_t)atoi(wire_arg(argc, argv, "--batch", "8"));
    play.pace_ns = atoll(wire_arg(argc, argv, "--pace-us", "50")) * 1000;
    play.limit = strtoull(wire_arg(argc, argv, "--count", "0"), NULL, 10);
    if (play.batch < 1 || play.batch > 1024) wire_die("--batch: 1 to 1024");
    wire_stamps(wire_arg(argc, argv, "--stamps", NULL));
    wire_tls(wire_arg(argc, argv, "--cipher", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"), wire_arg(argc, argv, "--cert", NULL),
             wire_arg(argc, argv, "--key", NULL), wire_arg(argc, argv, "--ca-out", NULL));
    wire_orders_args(argc, argv);
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    signal(SIGTERM, wire_on_term);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int const port = net_listen((uint16_t)atoi(wire_arg(argc, argv, "--port", "0")));
    if (!port) wire_die("the port is taken");
    printf("{\"port\":%d}\n", port);
    fflush(stdout);
    return wire_run();
}

#ifndef WIRE_INCLUDED
int main(int argc, char **argv) { return wire_main(argc, argv); }
#endif
