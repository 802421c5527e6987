/* test_fan_host.c -- the fan-out with its real sockets and thread, over loopback; the feed publishes from the test's own thread. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "app/fan_host.h"
#include "base/clock.h"
#include "fan_fixture.h"
#include "io/listen.h"

#define WAIT_NS INT64_C(10000000000)

typedef struct {
    aats_tcp_t tcp;
    peer_view_t view;
    int end; /* code of the last read */
} client_t;

static fan_t t;
static aats_fan_host_t *host;
static pthread_t thread;
static client_t one, two;

static void *run(void *arg)
{
    aats_fan_host_run(arg);
    return NULL;
}

static int start(aats_fan_opts_t fan_opts)
{
    char why[200] = "";
    aats_fan_host_opts_t const opts = {.ip = "127.0.0.1", .told_ip = "127.0.0.1", .wait = AATS_WAIT_SLEEP};
    if (!fan_open(&t, fan_opts, 5)) return 0;
    t.slot.heartbeat_mono_ns = (uint64_t)aats_mono_ns();
    fan_symbol(&t, "AAUSDT", 5);
    if (fan_opts.compat) aats_fan_compat_symbol(t.fan, "AAUSDT.BINANCE", 1001, 5);
    host = aats_fan_host_new(t.fan, &opts, why, sizeof why);
    if (!host) fprintf(stderr, "no host: %s\n", why);
    return host && pthread_create(&thread, NULL, run, host) == 0;
}

static void stop(void)
{
    aats_fan_host_stop(host);
    pthread_join(thread, NULL);
    aats_fan_host_free(host);
    free(t.view.seg);
}

static int dial(client_t *c, void const *hello, size_t n)
{
    memset(c, 0, sizeof *c);
    view_begin(&c->view, 0);
    if (aats_tcp_open(&c->tcp, "127.0.0.1", (uint16_t)aats_fan_host_port(host), 0) != AATS_OK) return 0;
    int64_t const by = aats_mono_ns() + WAIT_NS;
    while (aats_tcp_connected(&c->tcp) == 0 && aats_mono_ns() < by) {}
    return n == 0 || aats_tcp_write(&c->tcp, hello, n) == (int)n;
}

static int dial_stream(client_t *c)
{
    aats_hello_t const h = fan_hello(AATS_HELLO_STREAM);
    return dial(c, &h, sizeof h);
}

/* hear reads what is there; 0 once the connection has ended. */
static int hear(client_t *c)
{
    static uint8_t bytes[65536];
    c->end = aats_tcp_read(&c->tcp, bytes, sizeof bytes);
    if (c->end > 0) view_hear(&c->view, bytes, (size_t)c->end);
    return c->end > 0 || c->end == AATS_E_MORE;
}

/* until hears until `cond` holds; the deadline is an error, not a measure. */
#define UNTIL(client, cond)                                                                        \
    do {                                                                                           \
        int64_t const by_ = aats_mono_ns() + WAIT_NS;                                              \
        while (!(cond) && aats_mono_ns() < by_ && hear(client)) {}                                 \
        CHECK_MSG(cond, "%s: not within the time, end %d, bye \"%s\"", #cond, (client)->end, (client)->view.bye); \
    } while (0)

#define SMALL {.peer_max = 8, .log_sz = 1 << 20, .own_max = AATS_FAN_OWN_MIN}

TEST(a_port_that_is_taken_is_a_sentence_or_another_port)
{
    char why[200] = "";
    aats_listen_t taken;
    fan_t other;
    REQUIRE(aats_listen_open(&taken, "127.0.0.1", 0) == AATS_OK);
    aats_fan_host_opts_t opts = {.ip = "127.0.0.1", .port = taken.port};
    REQUIRE(fan_open(&other, (aats_fan_opts_t)SMALL, 5));
    CHECK(aats_fan_host_new(other.fan, &opts, why, sizeof why) == NULL);
    CHECK(strstr(why, "in use") != NULL);
    free(other.view.seg);

    REQUIRE(fan_open(&other, (aats_fan_opts_t)SMALL, 5));
    opts.port_any = 1;
    aats_fan_host_t *h = aats_fan_host_new(other.fan, &opts, why, sizeof why);
    REQUIRE(h != NULL);
    CHECK(aats_fan_host_port(h) != 0 && aats_fan_host_port(h) != taken.port);
    aats_fan_host_free(h);
    free(other.view.seg);
    aats_listen_close(&taken);
}

TEST(a_bye_arrives_before_the_end_of_its_connection)
{
    REQUIRE(start((aats_fan_opts_t)SMALL));
    aats_hello_t h[3] = {fan_hello(0)}; /* and bytes behind it that nobody reads */
    h[0].version++;
    CHECK(dial(&one, h, sizeof h));
    UNTIL(&one, one.end == AATS_E_CLOSED);
    CHECK_EQ_I64(one.tcp.os_err, 0);
    CHECK(strstr(one.view.bye, "version") != NULL);
    aats_tcp_close(&one.tcp);
    stop();
}

TEST(subscribers_over_sockets_get_every_record_while_one_of_them_never_reads)
{
    REQUIRE(start((aats_fan_opts_t)SMALL));
    static client_t lazy;
    CHECK(dial_stream(&lazy));
    CHECK(dial_stream(&one));
    CHECK(dial_stream(&two));
    UNTIL(&one, one.view.kinds[AATS_WIRE_SNAP_END] == 1);
    UNTIL(&two, two.view.kinds[AATS_WIRE_SNAP_END] == 1);
    int64_t const by = aats_mono_ns() + 6 * WAIT_NS;
    while (fan_counter(&t, AATS_FAN_SLOW) == 0 && aats_mono_ns() < by) {
        for (int i = 0; i < 100; i++) fan_quote(&t, 0, 5);
        UNTIL(&one, one.view.next >= t.writer.next); /* so the fan-out is never lapped */
        hear(&two);
    }
    UNTIL(&two, two.view.next >= t.writer.next);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SLOW), 1);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_SUBS), 2);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_LAPS), 0);
    CHECK_EQ_U64(one.view.holes + two.view.holes, 0);
    CHECK(!one.view.broken && !two.view.broken);
    CHECK(fan_same(&t, &one.view, 0) && fan_same(&t, &two.view, 0));
    while (hear(&lazy)) {}
    CHECK_EQ_I64(lazy.tcp.os_err, ECONNRESET);

    aats_fan_host_stop(host); /* and the end is a word, then an end */
    UNTIL(&one, one.end == AATS_E_CLOSED);
    UNTIL(&two, two.end == AATS_E_CLOSED);
    CHECK_STR(one.view.bye, "the feed ends");
    CHECK_EQ_I64(one.tcp.os_err, 0);
    aats_tcp_close(&one.tcp);
    aats_tcp_close(&two.tcp);
    aats_tcp_close(&lazy.tcp);
    stop();
}

TEST(questions_over_a_socket_are_answered)
{
    REQUIRE(start((aats_fan_opts_t)SMALL));
    aats_hello_t const h = fan_hello(0);
    for (int i = 0; i < 100; i++) fan_quote(&t, 0, 5);
    CHECK(dial(&one, &h, sizeof h));
    for (uint64_t i = 0; i < 500; i++) { /* more than may be open at once: they wait in the socket */
        aats_ask_t const q = {.magic = AATS_ASK_MAGIC, .kind = i % 50 ? AATS_ASK_RESEND : AATS_ASK_CLOCK, .a = i % 50 ? i % 50 : i + 1, .b = 50};
        CHECK_EQ_I64(aats_tcp_write(&one.tcp, &q, sizeof q), sizeof q);
    }
    UNTIL(&one, one.view.kinds[AATS_WIRE_CLOCK] == 10 && one.view.kinds[AATS_WIRE_RECORDS] >= 490);
    CHECK_EQ_I64(one.view.clock.asked_ns, 451);
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_RESENT), 490 * 50);
    aats_ask_t const q = {.magic = AATS_ASK_MAGIC, .kind = AATS_ASK_SNAPSHOT};
    aats_tcp_write(&one.tcp, &q, sizeof q);
    UNTIL(&one, one.view.kinds[AATS_WIRE_SNAP_END] == 1);
    CHECK(fan_same(&t, &one.view, 0));
    aats_tcp_close(&one.tcp);
    int64_t const by = aats_mono_ns() + WAIT_NS;
    while (fan_counter(&t, AATS_FAN_PEERS) && aats_mono_ns() < by) {}
    CHECK_EQ_U64(fan_counter(&t, AATS_FAN_GONE), 1);
    stop();
}

TEST(a_silent_socket_gets_records_one_at_a_time_and_a_reset_at_the_end)
{
    aats_fan_opts_t opts = SMALL;
    opts.compat = 1;
    REQUIRE(start(opts));
    fan_quote(&t, 0, 5);
    CHECK(dial(&one, NULL, 0));
    static uint8_t bytes[1 << 17];
    int got = 0, n = 0;
    int64_t const by = aats_mono_ns() + WAIT_NS;
    while (got < 4 + 9 + 32 * 5 && aats_mono_ns() < by)
        if ((n = aats_tcp_read(&one.tcp, bytes + got, sizeof bytes - (size_t)got)) > 0) got += n;
    CHECK_EQ_I64(got, 4 + 9 + 32 * 5);
    /* It does not read: its kernel acknowledges now and then, and only then is another record written. */
    int written = 0;
    for (; written < 200; written++) fan_tick(&t, 0);
    while (fan_counter(&t, AATS_FAN_RECORDS) < 200 && aats_mono_ns() < by) {}
    for (n = got = 0; got < 4 * 29 && aats_mono_ns() < by;)
        if ((n = aats_tcp_read(&one.tcp, bytes + got, sizeof bytes - (size_t)got)) > 0) got += n;
    CHECK_MSG(got % 29 == 0 && got < written * 29, "%d bytes waited for one who does not read", got);
    aats_fan_host_stop(host);
    while ((n = aats_tcp_read(&one.tcp, bytes, sizeof bytes)) > 0 || (n == AATS_E_MORE && aats_mono_ns() < by)) {}
    CHECK_EQ_I64(one.tcp.os_err, ECONNRESET);
    aats_tcp_close(&one.tcp);
    stop();
}

RUN_ALL()
