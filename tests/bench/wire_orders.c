/* wire_orders.c -- the order side of the bench's venue: what a session asks at its start, orders that are taken and end at once, and the round trip from a
 * market frame out to the order back in.
 *
 *     wire ... --mode answer [--orders N] [--gap-us 200] [--patience-us 20000]
 *
 * In mode `answer` one market frame is out at a time: the next goes `gap` after the order that answered the last, or after `patience` if none did.  The first
 * tenth of the orders is not counted.  After N that count, no more frames go out, and the report is printed at once (else by SIGTERM):
 *
 *     {"orders": 4000, "unanswered": 3, "p50": .., "p99": .., "p999": .., "max": .., "plain_p50": .., "plain_p999": ..}
 *
 * p50 ..: from the stamp before the frame's send to the read that brought the order's last byte; plain: until it lay there in plain.
 *
 * An order that is not LIMIT or MARKET with timeInForce IOC ends as EXPIRED likewise: nothing is ever open here, so nothing piles up.  Signatures are not
 * checked; the sizes of orders and answers are Binance's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define ORDERS_MAX   2000000
#define ORDERS_BEGIN 500000000 /* ns after the subscription to events: the strategy gets ready */

static struct {
    uint64_t wanted;
    int64_t gap_ns, patience_ns;
    wire_conn_t *conn;
    int64_t due_ns;   /* the next frame goes out then, 0: none is planned */
    int64_t out_ns;   /* of the frame that waits for its order, 0: none does */
    uint64_t warm, unanswered, orders, remote;
    int64_t *rtt, *plain;
    size_t cnt, cap;
    int told;
} orders;

static void wire_orders_args(int argc, char **argv)
{
    orders.wanted = 0;
    orders.gap_ns = 200000;
    orders.patience_ns = 20000000;
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "--orders")) orders.wanted = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--gap-us")) orders.gap_ns = atoll(argv[i + 1]) * 1000;
        if (!strcmp(argv[i], "--patience-us")) orders.patience_ns = atoll(argv[i + 1]) * 1000;
    }
    if (orders.wanted > ORDERS_MAX) orders.wanted = ORDERS_MAX;
    orders.warm = orders.wanted / 9 + 1;
    orders.cap = orders.wanted ? orders.wanted : ORDERS_MAX;
    orders.rtt = malloc(orders.cap * sizeof(int64_t));
    orders.plain = malloc(orders.cap * sizeof(int64_t));
    if (!orders.rtt || !orders.plain) abort();
    memset(orders.rtt, 0, orders.cap * sizeof(int64_t)); /* no page faults later */
    memset(orders.plain, 0, orders.cap * sizeof(int64_t));
}

static void wire_orders_opened(wire_conn_t *c)
{
    orders.conn = c;
    orders.due_ns = orders.out_ns = 0;
}

static void wire_orders_closed(wire_conn_t *c)
{
    if (orders.conn == c) orders.conn = NULL;
}

/* ---- what is asked over REST ---- */

static int wire_orders_rest(wire_conn_t *c, char const *method, char const *target)
{
    static char const ACCOUNT[] = "{\"makerCommission\":10,\"takerCommission\":10,\"canTrade\":true,\"updateTime\":1700000000000,\"accountType\":\"SPOT\","
                                  "\"balances\":[{\"asset\":\"USDT\",\"free\":\"1000000.00000000\",\"locked\":\"0.00000000\"},"
                                  "{\"asset\":\"BTC\",\"free\":\"100.00000000\",\"locked\":\"0.00000000\"}],\"permissions\":[\"SPOT\"]}";
    (void)method;
    if (!strncmp(target, "/api/v3/account?", 16)) wire_http(c, 200, ACCOUNT, sizeof ACCOUNT - 1);
    else if (!strncmp(target, "/api/v3/openOrders?", 19) || !strncmp(target, "/api/v3/myTrades?", 17)) wire_http(c, 200, "[]", 2);
    else return 0;
    return 1;
}

/* ---- requests ---- */

/* orders_param copies the value of "name": without quotes; "" if it is not there. */
static void orders_param(char const *text, size_t n, char const *name, char *out, size_t cap)
{
    char key[48];
    int const k = snprintf(key, sizeof key, "\"%s\":", name);
    char const *at = memmem(text, n, key, (size_t)k), *end = text + n;
    size_t len = 0;
    for (at = at ? at + k : end; at < end && *at == '"'; at++) {}
    while (at + len < end && len < cap - 1 && !strchr("\",}", at[len])) len++;
    memcpy(out, at, len);
    out[len] = 0;
}

static void orders_answer(wire_conn_t *c, char const *id, int status, char const *body)
{
    char text[2048];
    int const k = snprintf(text, sizeof text,
                           "{\"id\":%s,\"status\":%d,%s,\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,"
                           "\"limit\":10000000,\"count\":1},{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,"
                           "\"limit\":6000000,\"count\":1}]}", id, status, body);
    wire_text(c, text, (size_t)k);
}

typedef struct {
    char client[64], symbol[32], side[8], type[16], tif[8], price[40], size[40];
    uint64_t remote;
    long long ms;
} orders_one_t;

static void orders_report(wire_conn_t *c, orders_one_t const *o, char const *what)
{
    char text[1536];
    int const k = snprintf(text, sizeof text,
                           "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":%lld,\"s\":\"%s\",\"c\":\"%s\",\"S\":\"%s\",\"o\":\"%s\","
                           "\"f\":\"%s\",\"q\":\"%s\",\"p\":\"%s\",\"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"\",\"x\":\"%s\","
                           "\"X\":\"%s\",\"r\":\"NONE\",\"i\":%llu,\"l\":\"0.00000000\",\"z\":\"0.00000000\",\"L\":\"0.00000000\",\"n\":\"0\",\"N\":null,"
                           "\"T\":%lld,\"t\":-1,\"I\":%llu,\"w\":true,\"m\":false,\"M\":false,\"O\":%lld,\"Z\":\"0.00000000\",\"Y\":\"0.00000000\","
                           "\"Q\":\"0.00000000\",\"W\":%lld,\"V\":\"EXPIRE_MAKER\"}}",
                           o->ms, o->symbol, o->client, o->side, o->type, o->tif, o->size, o->price, what, what, (unsigned long long)o->remote, o->ms,
                           (unsigned long long)o->remote, o->ms, o->ms);
    wire_text(c, text, (size_t)k);
}

static void orders_place(wire_conn_t *c, char const *id, char const *text, size_t n)
{
    orders_one_t o = {.remote = 40000000000 + ++orders.remote};
    char ms[24], body[1024];
    orders_param(text, n, "newClientOrderId", o.client, sizeof o.client);
    orders_param(text, n, "symbol", o.symbol, sizeof o.symbol);
    orders_param(text, n, "side", o.side, sizeof o.side);
    orders_param(text, n, "type", o.type, sizeof o.type);
    orders_param(text, n, "timeInForce", o.tif, sizeof o.tif);
    orders_param(text, n, "price", o.price, sizeof o.price);
    orders_param(text, n, "quantity", o.size, sizeof o.size);
    orders_param(text, n, "timestamp", ms, sizeof ms);
    o.ms = atoll(ms);
    snprintf(body, sizeof body,
             "\"result\":{\"symbol\":\"%s\",\"orderId\":%llu,\"orderListId\":-1,\"clientOrderId\":\"%s\",\"transactTime\":%lld,\"price\":\"%s\","
             "\"origQty\":\"%s\",\"executedQty\":\"0.00000000\",\"origQuoteOrderQty\":\"0.00000000\",\"cummulativeQuoteQty\":\"0.00000000\","
             "\"status\":\"EXPIRED\",\"timeInForce\":\"%s\",\"type\":\"%s\",\"side\":\"%s\",\"workingTime\":%lld,\"fills\":[],"
             "\"selfTradePreventionMode\":\"EXPIRE_MAKER\"}",
             o.symbol, (unsigned long long)o.remote, o.client, o.ms, o.price, o.size, o.tif[0] ? o.tif : "GTC", o.type, o.side, o.ms);
    if (!o.tif[0]) strcpy(o.tif, "GTC");
    orders_report(c, &o, "NEW");
    orders_answer(c, id, 200, body);
    orders_report(c, &o, "EXPIRED");
}

static void orders_other(wire_conn_t *c, char const *id, char const *method)
{
    char body[512];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (!strcmp(method, "time")) {
        snprintf(body, sizeof body, "\"result\":{\"serverTime\":%lld}", (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000);
    } else if (!strncmp(method, "userDataStream.subscribe", 24)) {
        snprintf(body, sizeof body, "\"result\":{\"subscriptionId\":0}");
        orders.due_ns = wire_now_ns() + ORDERS_BEGIN;
    } else if (!strcmp(method, "account.status")) {
        snprintf(body, sizeof body, "\"result\":{\"accountType\":\"SPOT\",\"updateTime\":1700000000000,\"balances\":["
                                    "{\"asset\":\"USDT\",\"free\":\"1000000.00000000\",\"locked\":\"0.00000000\"},"
                                    "{\"asset\":\"BTC\",\"free\":\"100.00000000\",\"locked\":\"0.00000000\"}]}");
    } else if (!strcmp(method, "openOrders.status") || !strcmp(method, "myTrades")) {
        snprintf(body, sizeof body, "\"result\":[]");
    } else {
        orders_answer(c, id, 400, "\"error\":{\"code\":-2011,\"msg\":\"Unknown order sent.\"}");
        return;
    }
    orders_answer(c, id, 200, body);
}

static void orders_stamp(int64_t read_ns, int64_t plain_ns)
{
    orders.orders++;
    if (!orders.out_ns) return;
    int const counts = orders.orders > orders.warm && orders.cnt < orders.cap;
    if (counts) orders.rtt[orders.cnt] = read_ns - orders.out_ns, orders.plain[orders.cnt++] = plain_ns - orders.out_ns;
    orders.out_ns = 0;
    orders.due_ns = read_ns + orders.gap_ns;
}

static void wire_orders_message(wire_conn_t *c, char *text, size_t n, int64_t read_ns, int64_t plain_ns)
{
    char id[48], method[48];
    orders_param(text, n < 64 ? n : 64, "id", id, sizeof id);
    orders_param(text, n < 96 ? n : 96, "method", method, sizeof method);
    if (!id[0]) strcpy(id, "null");
    if (strcmp(method, "order.place") != 0) {
        orders_other(c, id, method);
        return;
    }
    orders_stamp(read_ns, plain_ns);
    orders_place(c, id, text, n);
}

/* ---- frames out, and the report ---- */

static void wire_orders_tick(int64_t now_ns)
{
    if (!orders.conn || play.mode != PLAY_ANSWER) return;
    if (orders.wanted && orders.cnt == orders.wanted) {
        wire_orders_report();
        return;
    }
    if (orders.out_ns && now_ns - orders.out_ns > orders.patience_ns) {
        orders.unanswered += orders.orders > orders.warm;
        orders.out_ns = 0;
        orders.due_ns = now_ns;
    }
    if (orders.out_ns || !orders.due_ns || now_ns < orders.due_ns) return;
    int64_t const before = wire_last_out_ns();
    wire_next_frame();
    if (wire_last_out_ns() != before) orders.out_ns = wire_last_out_ns();
}

static int orders_by_value(void const *a, void const *b)
{
    int64_t const x = *(int64_t const *)a, y = *(int64_t const *)b;
    return x < y ? -1 : x > y;
}

static long long orders_at(int64_t const *ns, double p) { return orders.cnt ? (long long)ns[(size_t)(p * (double)(orders.cnt - 1) + 0.5)] : 0; }

static void wire_orders_report(void)
{
    if (orders.told || !orders.orders) return;
    orders.told = 1;
    qsort(orders.rtt, orders.cnt, sizeof *orders.rtt, orders_by_value);
    qsort(orders.plain, orders.cnt, sizeof *orders.plain, orders_by_value);
    printf("{\"orders\":%zu,\"unanswered\":%llu,\"p50\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld,\"plain_p50\":%lld,\"plain_p999\":%lld}\n", orders.cnt,
           (unsigned long long)orders.unanswered, orders_at(orders.rtt, 0.5), orders_at(orders.rtt, 0.99), orders_at(orders.rtt, 0.999),
           orders_at(orders.rtt, 1), orders_at(orders.plain, 0.5), orders_at(orders.plain, 0.999));
    fflush(stdout);
}
