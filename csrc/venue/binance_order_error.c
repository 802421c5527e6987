/* binance_order_error.c -- what Binance's errors mean for an order, on spot and on futures: their numbers do not collide.
 *
 * Facts: exchanges/binance_spot.md, section 7; exchanges/binance_usdm_futures.md, sections 5 and 7.  Odd behaviours are numbered in binance_order.c. */
#include <stdio.h>
#include <string.h>

#include "order/client_id.h"
#include "venue/binance_order.h"

enum { UNSURE = 1, FATAL = 2, BUSY = 4, CLOCK = 8 };

static struct { int code; unsigned what; uint32_t oc; } const CODES[] = {
    {-1000, UNSURE, AATS_OC_NONE},       {-1001, UNSURE, AATS_OC_NONE},
    {-1002, FATAL, AATS_OC_AUTH},        {-1003, BUSY, AATS_OC_RATE_LIMIT},
    {-1006, UNSURE, AATS_OC_NONE},       {-1007, UNSURE, AATS_OC_NONE},
    {-1008, BUSY, AATS_OC_RATE_LIMIT},   {-1013, 0, AATS_OC_FILTER},
    {-1015, BUSY, AATS_OC_RATE_LIMIT},   {-1021, CLOCK, AATS_OC_TIMESTAMP},
    {-1022, FATAL, AATS_OC_AUTH},        {-1099, FATAL, AATS_OC_AUTH},
    {-2011, 0, AATS_OC_UNKNOWN_ORDER},   {-2013, 0, AATS_OC_UNKNOWN_ORDER},
    {-2014, FATAL, AATS_OC_AUTH},        {-2015, FATAL, AATS_OC_AUTH},
    /* of futures */
    {-1111, 0, AATS_OC_FILTER},          {-2018, 0, AATS_OC_BALANCE},
    {-2019, 0, AATS_OC_BALANCE},         {-2022, 0, AATS_OC_REDUCE_ONLY},
    {-4003, 0, AATS_OC_FILTER},          {-4004, 0, AATS_OC_FILTER},
    {-4005, 0, AATS_OC_FILTER},          {-4014, 0, AATS_OC_FILTER},
    {-4016, 0, AATS_OC_PRICE_BAND},      {-4023, 0, AATS_OC_FILTER},
    {-4024, 0, AATS_OC_PRICE_BAND},      {-4131, 0, AATS_OC_PRICE_BAND},
    {-4164, 0, AATS_OC_NOTIONAL},        {-4116, UNSURE, AATS_OC_NONE}, /* V-31 */
    {-4188, CLOCK, AATS_OC_TIMESTAMP},   {-4400, 0, AATS_OC_REDUCE_ONLY},
    {-5022, 0, AATS_OC_WOULD_CROSS},     {-5028, CLOCK, AATS_OC_TIMESTAMP},
};

/* What -2010 and -1013 may say (V-12); the first that fits. */
static struct { char const *words; uint32_t oc; } const SENTENCES[] = {
    {"immediately match", AATS_OC_WOULD_CROSS},
    {"insufficient balance", AATS_OC_BALANCE},
    {"duplicate order", AATS_OC_VENUE_DUPLICATE},
    {"market is closed", AATS_OC_HALTED},
};

/* Does the text contain these words (written in lower case), in any case? */
static int says(char const *s, size_t n, char const *words)
{
    size_t k = strlen(words);
    for (size_t i = 0; i + k <= n; i++) {
        size_t c = 0;
        while (c < k && (s[i + c] >= 'A' && s[i + c] <= 'Z' ? s[i + c] + 32 : s[i + c]) == words[c]) c++;
        if (c == k) return 1;
    }
    return 0;
}

void binance_judge(aats_oreply_t *r)
{
    unsigned what = 0;
    int known = 0;
    r->oc = AATS_OC_VENUE;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0] && !known; i++) {
        if (CODES[i].code != r->code) continue;
        known = 1;
        what = CODES[i].what;
        r->oc = CODES[i].oc;
    }
    if (r->code == -2010 || r->code == -1013)
        for (size_t i = sizeof SENTENCES / sizeof SENTENCES[0]; i-- > 0;)
            if (says(r->text, r->text_len, SENTENCES[i].words)) r->oc = SENTENCES[i].oc;
    /* What the status says holds where the code is none of the above, and of a 5xx whatever the code, but for -1008 ("not executed"). */
    if (r->status >= 500 && r->code != -1008) what = UNSURE;
    else if (r->status == 418) what = BUSY, r->oc = AATS_OC_BANNED;
    else if (!known && (r->status == 429 || r->status == 403)) what = BUSY, r->oc = AATS_OC_RATE_LIMIT;
    else if (!known && r->status == 401) what = FATAL, r->oc = AATS_OC_AUTH;
    if (what & UNSURE) r->oc = AATS_OC_VENUE_UNSURE; /* V-11 */
    r->unsure = (what & UNSURE) != 0;
    r->fatal = (what & FATAL) != 0;
    r->busy = (what & BUSY) != 0;
    r->full = r->busy && r->code == -1015 && r->status != 418; /* the unfilled order count, not the weight of requests */
    r->clock = (what & CLOCK) != 0;
    r->already = r->code == -2035; /* one subscription for an account on a connection (5.4) */
}

/* "-2010: Order would immediately match and take.", on one line, cut between two characters where it is too long. */
static void sentence(aats_oreply_t const *r, char *out, size_t cap)
{
    char words[512];
    size_t n = r->text_len < sizeof words ? r->text_len : sizeof words - 1;
    int len = n ? aats_json_unescape(r->text, n, words, sizeof words) : 0;
    if (len < 0) memcpy(words, r->text, n); /* cut inside an escape */
    else n = (size_t)len;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)words[i] < ' ' || words[i] == 0x7f) words[i] = ' ';
    int at = snprintf(out, cap, "%lld: ", (long long)r->code);
    if (n > cap - 1 - (size_t)at) {
        n = cap - 1 - (size_t)at;
        while (n > 0 && ((unsigned char)words[n] & 0xc0) == 0x80) n--;
    }
    memcpy(out + at, words, n);
    out[(size_t)at + n] = 0;
}

int binance_refused(aats_oreply_t *r, int kind, aats_order_t const *order)
{
    uint32_t as = AATS_OM_NONE, code = r->oc;
    if (kind == AATS_OR_PLACE) as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_REJECT;
    else if (kind == AATS_OR_CANCEL) as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_CANCEL_REJECT;
    else if (kind == AATS_OR_AMEND) as = r->unsure ? AATS_OM_UNKNOWN : AATS_OM_AMEND_REJECT;
    else if (kind == AATS_OR_QUERY && r->code == -2013) as = AATS_OM_ABSENT, code = AATS_OC_NOT_RECEIVED;
    else if (kind == AATS_OR_QUERY && r->code == -2026) as = AATS_OM_DONE, code = AATS_OC_CANCELED_OTHER; /* archived, no fill (7) */
    if (as == AATS_OM_NONE || !order) return AATS_OK;
    aats_omsg_t m;
    memset(&m, 0, sizeof m);
    m.instance = order->instance;
    m.order_id = aats_order_client_no(order);
    m.cum_qty_i = as == AATS_OM_DONE ? 0 : -1;
    sentence(r, m.text, sizeof m.text);
    if (r->code == -4061) snprintf(m.text, sizeof m.text, "-4061: the account is in hedge mode: orders are sent for one-way mode; switch its position mode"); /* V-30 */
    binance_add(r, NULL, &m, as, code);
    return AATS_OK;
}
