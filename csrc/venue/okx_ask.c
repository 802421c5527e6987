/* okx_ask.c -- what a connection for OKX's public channels asks for.
 *
 * Facts: exchanges/okx.md, sections 1 and 2.  Odd behaviours are numbered in okx.c.
 */
#include <stdio.h>

#include "venue/okx_text.h"
#include "venue/write.h"

/* {"channel":"books","instId":"BTC-USDT"} */
static void put_arg(text_t *t, int *args, char const *channel, char const *by, char const *name, size_t name_len)
{
    put(t, (*args)++ ? ",{\"channel\":\"" : "{\"channel\":\"");
    put(t, channel);
    put(t, "\",\"");
    put(t, by);
    put(t, "\":\"");
    put_n(t, name, name_len);
    put(t, "\"}");
}

/* The index of a perpetual: its name without -SWAP (V-36). */
static size_t index_len(char const *native)
{
    size_t const n = strlen(native);
    return n > 5 && !memcmp(native + n - 5, "-SWAP", 5) ? n - 5 : n;
}

static int subscribe(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt, char const *kind)
{
    static struct { unsigned stream; char const *channel; } const NAMED[] = {
        {AATS_STREAM_DEPTH, "books"},     {AATS_STREAM_TRADE, "trades"},         {AATS_STREAM_BBO, "bbo-tbt"},
        {AATS_STREAM_MARK, "mark-price"}, {AATS_STREAM_FUNDING, "funding-rate"},
    };
    char head[64];
    text_t t = text_at(out, cap);
    int args = 0;
    snprintf(head, sizeof head, "{\"id\":\"%llu\",\"op\":\"%s\",\"args\":[", (unsigned long long)id, off ? "unsubscribe" : "subscribe");
    put(&t, head);
    for (size_t i = 0; i < cnt; i++) {
        for (size_t k = 0; k < sizeof NAMED / sizeof NAMED[0]; k++)
            if (streams & NAMED[k].stream) put_arg(&t, &args, NAMED[k].channel, "instId", native[i], strlen(native[i]));
        if (streams & AATS_STREAM_MARK) put_arg(&t, &args, "index-tickers", "instId", native[i], index_len(native[i]));
    }
    /* V-37: for all symbols at once.  It is not given up with one of them: others may want it. */
    if (!off && (streams & AATS_STREAM_LIQUIDATION)) put_arg(&t, &args, "liquidation-orders", "instType", kind, strlen(kind));
    if (!off && (streams & AATS_STREAM_STATUS)) put_arg(&t, &args, "instruments", "instType", kind, strlen(kind));
    put(&t, "]}");
    return args ? text_len(&t, out) : AATS_E_ARG;
}

int okx_subscribe_spot(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    return subscribe(out, cap, id, off, streams & ~(unsigned)(AATS_STREAM_MARK | AATS_STREAM_FUNDING | AATS_STREAM_LIQUIDATION), native, cnt, "SPOT");
}

int okx_subscribe_swap(char *out, size_t cap, uint64_t id, int off, unsigned streams, char const *const *native, size_t cnt)
{
    return subscribe(out, cap, id, off, streams, native, cnt, "SWAP");
}

int okx_path(char *out, size_t cap)
{
    static char const PATH[] = "/ws/v5/public";
    if (cap < sizeof PATH) return AATS_E_FULL;
    memcpy(out, PATH, sizeof PATH);
    return sizeof PATH - 1;
}

int okx_ping(char *out, size_t cap, uint64_t id)
{
    (void)id; /* V-39: it carries none */
    if (cap < 5) return AATS_E_FULL;
    memcpy(out, "ping", 5);
    return 4;
}
