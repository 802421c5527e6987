/* test_conn.c -- app/conn.h over real sockets: what a step function with little room, a peer that leaves, and a late look get to see. */
#include "app/conn.h"

#include <poll.h>

#include "app/feed.h"
#include "base/clock.h"
#include "base/errors.h"
#include "check.h"
#include "io/listen.h"

/* A step function that keeps what it was given. */
static struct {
    int want, up, downs, hungry; /* hungry: it has no room */
    uint8_t rx[400000];
    size_t got, most; /* most: bytes in one `received` */
    int64_t recv_ns;
    char why[256];
} step;

static int  s_want(void *s, int link) { (void)s, (void)link; return step.want; }
static void s_connecting(void *s, int link) { (void)s, (void)link; step.want = AATS_FEED_NOTHING; }
static void s_opened(void *s, int link) { (void)s, (void)link; step.up = 1; }
static void s_closed(void *s, int link, char const *why)
{
    (void)s, (void)link;
    step.downs++;
    snprintf(step.why, sizeof step.why, "%s", why);
}
static size_t s_room(void *s, int link, uint8_t **at)
{
    (void)s, (void)link;
    *at = step.rx + step.got;
    return step.hungry ? 0 : sizeof step.rx - step.got;
}
static int s_received(void *s, int link, size_t n, int64_t recv_ns)
{
    (void)s, (void)link;
    step.got += n;
    step.most = n > step.most ? n : step.most;
    step.recv_ns = recv_ns;
    return 1;
}
static size_t s_output(void *s, int link, uint8_t const **at) { (void)s, (void)link, (void)at; return 0; }
static void   s_sent(void *s, int link, size_t n) { (void)s, (void)link, (void)n; }
static void   s_forget(void *s, int link) { (void)s, (void)link; }

static aats_conn_face_t const FACE = {s_want, s_connecting, s_opened, s_closed, s_room, s_received, s_output, s_sent, s_forget};

static aats_listen_t listener;
static aats_tcp_t server;
static aats_conn_t conn;

static void up(void)
{
    memset(&step, 0, sizeof step);
    REQUIRE(aats_listen_open(&listener, "127.0.0.1", 0) == AATS_OK);
    conn = (aats_conn_t){.face = &FACE};
    step.want = AATS_FEED_CONNECT;
    CHECK_EQ_I64(aats_conn_idle(&conn), 1);
    aats_conn_to_t const to = {.ip = "127.0.0.1", .host = "localhost", .port = (uint16_t)listener.port};
    aats_conn_open(&conn, &to);
    for (int i = 0; i < 1000 && aats_listen_accept(&listener, &server) != 1; i++) poll(NULL, 0, 1);
    for (int i = 0; i < 1000 && !step.up; i++) aats_conn_step(&conn), poll(NULL, 0, 1);
    REQUIRE(step.up);
}

static void down(void)
{
    aats_conn_close(&conn);
    aats_tcp_close(&server);
    aats_listen_close(&listener);
}

static void readable(void)
{
    struct pollfd p = {.fd = conn.tcp.fd, .events = POLLIN};
    poll(&p, 1, 5000);
}

TEST(nobody_there_is_told_and_the_address_is_doubted)
{
    up();
    down();
    step.up = 0;
    aats_conn_to_t const to = {.ip = "127.0.0.1", .host = "localhost", .port = (uint16_t)listener.port};
    aats_conn_open(&conn, &to);
    for (int i = 0; i < 1000 && !step.downs; i++) aats_conn_step(&conn), poll(NULL, 0, 1);
    CHECK_EQ_I64(step.downs, 1);
    CHECK_EQ_I64(step.up, 0);
    CHECK(strstr(step.why, "cannot be connected to") != NULL);
    aats_conn_close(&conn);
}

TEST(a_pass_without_bytes_is_no_work)
{
    up();
    for (int i = 0; i < 100; i++) CHECK_EQ_I64(aats_conn_step(&conn), 0);
    CHECK_EQ_I64(step.got, 0);
    CHECK_EQ_I64(conn.recv_ns, 0);
    down();
}

/* It had no room while the bytes came; nothing comes after them that would wake anybody. */
TEST(bytes_that_waited_for_room_come_without_new_ones)
{
    up();
    step.hungry = 1;
    CHECK_EQ_I64(aats_tcp_write(&server, "all of it", 9), 9);
    readable();
    for (int i = 0; i < 3; i++) aats_conn_step(&conn);
    CHECK_EQ_I64(step.got, 0);
    int64_t const read_ns = conn.recv_ns;
    step.hungry = 0;
    aats_conn_step(&conn);
    CHECK_EQ_I64(step.got, 9);
    CHECK_MEM(step.rx, "all of it", 9);
    CHECK_EQ_I64(step.recv_ns, read_ns); /* the stamp of the read that brought them */
    down();
}

TEST(a_stamp_lies_between_sending_and_handing_in)
{
    up();
    for (int i = 0; i < 50; i++) {
        int64_t const before_ns = aats_now_ns();
        CHECK_EQ_I64(aats_tcp_write(&server, "tick", 4), 4);
        readable();
        CHECK(aats_conn_step(&conn) > 0);
        CHECK(step.recv_ns >= before_ns && step.recv_ns <= aats_now_ns());
    }
    CHECK_EQ_I64(step.got, 200);
    down();
}

/* More than one room full in the socket: a pass goes on as long as reads fill it. */
TEST(a_long_queue_is_taken_in_few_passes_and_in_order)
{
    up();
    static uint8_t text[300000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 2654435761u >> 21);
    size_t put = 0;
    int passes = 0;
    for (int64_t begun_ns = aats_mono_ns(); step.got < sizeof text && aats_mono_ns() - begun_ns < 10000000000; passes++) {
        int const n = put < sizeof text ? aats_tcp_write(&server, text + put, sizeof text - put) : 0;
        if (n > 0) put += (size_t)n;
        readable();
        aats_conn_step(&conn);
    }
    CHECK_EQ_I64(step.got, sizeof text);
    CHECK_MEM(step.rx, text, sizeof text);
    CHECK(step.most <= AATS_TLS_IN_SZ);
    down();
}

TEST(bytes_before_the_end_are_handed_in_first)
{
    up();
    CHECK_EQ_I64(aats_tcp_write(&server, "last words", 10), 10);
    aats_tcp_close(&server);
    for (int i = 0; i < 1000 && !step.downs; i++) readable(), aats_conn_step(&conn);
    CHECK_EQ_I64(step.got, 10);
    CHECK_EQ_I64(step.downs, 1);
    CHECK(strstr(step.why, "closed the connection") != NULL);
    aats_listen_close(&listener);
}

RUN_ALL()
