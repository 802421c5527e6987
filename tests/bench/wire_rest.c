/* wire_rest.c -- what the bench's venue answers over HTTP: the symbols of the frames file, their snapshots, the time, and the upgrade to WebSocket.
 *
 * Not for accounts and orders (wire_orders.c) and not for anything that a bench does not need: tests/ and aats/sim have the whole venue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

static void rest_symbol(FILE *out, char const *name)
{
    static char const *const QUOTES[] = {"USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD"};
    size_t const n = strlen(name);
    size_t base = n > 3 ? n - 3 : n;
    for (size_t i = 0; i < sizeof QUOTES / sizeof QUOTES[0]; i++) {
        size_t const k = strlen(QUOTES[i]);
        if (n > k && !strcmp(name + n - k, QUOTES[i])) {
            base = n - k;
            break;
        }
    }
    fprintf(out,
            "{\"symbol\":\"%s\",\"status\":\"TRADING\",\"baseAsset\":\"%.*s\",\"baseAssetPrecision\":8,\"quoteAsset\":\"%s\",\"quotePrecision\":8,"
            "\"quoteAssetPrecision\":8,\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\"],\"amendAllowed\":true,\"isSpotTradingAllowed\":true,"
            "\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.01000000\",\"maxPrice\":\"1000000.00000000\",\"tickSize\":\"0.01000000\"},"
            "{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.00001000\",\"maxQty\":\"9000.00000000\",\"stepSize\":\"0.00001000\"},"
            "{\"filterType\":\"NOTIONAL\",\"minNotional\":\"5.00000000\",\"applyMinToMarket\":true,\"maxNotional\":\"9000000.00000000\","
            "\"applyMaxToMarket\":false,\"avgPriceMins\":5},{\"filterType\":\"MAX_NUM_ORDERS\",\"maxNumOrders\":200}],\"permissions\":[],"
            "\"permissionSets\":[[\"SPOT\"]]}",
            name, (int)base, name, name + base);
}

static void rest_info(wire_conn_t *c)
{
    char *text = NULL, *comma = "";
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) abort();
    fprintf(out, "{\"timezone\":\"UTC\",\"serverTime\":1700000000000,\"rateLimits\":["
                 "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":6000000},"
                 "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":10000000},"
                 "{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":2000000000}],\"exchangeFilters\":[],\"symbols\":[");
    for (uint32_t i = 0; i < play.sym_cnt; i++) {
        if (!play.syms[i].name[0]) continue;
        fputs(comma, out);
        rest_symbol(out, play.syms[i].name);
        comma = ",";
    }
    fputs("]}", out);
    fclose(out);
    wire_http(c, 200, text, n);
    free(text);
}

static void rest_depth(wire_conn_t *c, char const *target)
{
    static char const UNKNOWN[] = "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}";
    char const *name = strstr(target, "symbol=");
    size_t const n = name ? strcspn(name + 7, "& ") : 0;
    for (uint32_t i = 0; i < play.sym_cnt && n; i++) {
        play_sym_t *s = &play.syms[i];
        if (strlen(s->name) != n || strncmp(s->name, name + 7, n) != 0 || !s->snapshot) continue;
        s->asked = 1;
        for (wire_conn_t *o = conns; o < conns + CONNS_MAX; o++)
            if (o->kind == WIRE_STREAM && o->asked_ns) o->asked_ns = wire_now_ns(); /* it settles from here */
        wire_http(c, 200, s->snapshot, s->snapshot_len);
        return;
    }
    wire_http(c, 400, UNKNOWN, sizeof UNKNOWN - 1);
}

static void rest_get(wire_conn_t *c, char const *method, char const *target)
{
    char now[64];
    static char const NOT_HERE[] = "{\"code\":-1100,\"msg\":\"Not served by this bench.\"}";
    if (wire_orders_rest(c, method, target)) return;
    if (!strncmp(target, "/api/v3/exchangeInfo", 20)) rest_info(c);
    else if (!strncmp(target, "/api/v3/depth?", 14)) rest_depth(c, target);
    else if (!strncmp(target, "/api/v3/ping", 12)) wire_http(c, 200, "{}", 2);
    else if (!strncmp(target, "/api/v3/time", 12)) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        int const n = snprintf(now, sizeof now, "{\"serverTime\":%lld}", (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000);
        wire_http(c, 200, now, (size_t)n);
    } else wire_http(c, 404, NOT_HERE, sizeof NOT_HERE - 1);
}

/* rest_request deals with the first whole request of rx; 0 if there is none yet. */
static int rest_request(wire_conn_t *c)
{
    uint8_t const *end = memmem(c->rx, c->rx_len, "\r\n\r\n", 4);
    if (!end) {
        if (c->rx_len > 16384) c->dead = 1;
        return 0;
    }
    size_t const head_sz = (size_t)(end - c->rx) + 4;
    char head[16384], method[8], target[4096], key[64] = "";
    if (head_sz >= sizeof head) {
        c->dead = 1;
        return 0;
    }
    memcpy(head, c->rx, head_sz);
    head[head_sz] = 0;
    char const *length = strcasestr(head, "\r\ncontent-length:"), *ws = strcasestr(head, "\r\nsec-websocket-key:");
    size_t const body = length ? (size_t)strtoul(length + 17, NULL, 10) : 0;
    if (sscanf(head, "%7s %4095s", method, target) != 2 || body > RX_SZ / 2) {
        c->dead = 1;
        return 0;
    }
    if (c->rx_len < head_sz + body) return 0;
    net_drop(c, head_sz + body);
    if (ws && sscanf(ws + 20, " %63[^\r\n ]", key) == 1) {
        c->kind = strncmp(target, "/ws-api", 7) ? WIRE_STREAM : WIRE_ORDERS;
        net_upgrade(c, key);
        if (c->kind == WIRE_ORDERS) wire_orders_opened(c);
        else if (strstr(target, "streams=")) c->asked_ns = wire_now_ns();
        return 1;
    }
    rest_get(c, method, target);
    return 1;
}
