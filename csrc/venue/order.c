#include "venue/order.h"

#include <string.h>

static aats_order_venue_t const *const VENUES[] = {&aats_order_venue_binance, &aats_order_venue_binanceus, &aats_order_venue_binance_swap,
    &aats_order_venue_binance_coinm, &aats_order_venue_bybit, &aats_order_venue_bybit_swap,
    &aats_order_venue_okx, &aats_order_venue_okx_swap, &aats_order_venue_kraken, &aats_order_venue_coinbase};

aats_order_venue_t const *aats_order_venue_find(char const *name)
{
    for (size_t i = 0; i < sizeof VENUES / sizeof VENUES[0]; i++)
        if (!strcmp(VENUES[i]->name, name)) return VENUES[i];
    return NULL;
}

int aats_order_encode(char const *venue, aats_oreq_t const *req, aats_oauth_t *auth, char *out, size_t cap)
{
    aats_order_venue_t const *v = aats_order_venue_find(venue);
    return v ? v->encode(req, auth, out, cap) : AATS_E_UNKNOWN;
}

int aats_order_parse(char const *venue, char const *text, size_t n, aats_oreply_t *r)
{
    aats_order_venue_t const *v = aats_order_venue_find(venue);
    return v ? v->parse(text, n, r) : AATS_E_UNKNOWN;
}

int aats_order_result(char const *venue, aats_oreply_t *r, int kind, aats_order_t const *order)
{
    aats_order_venue_t const *v = aats_order_venue_find(venue);
    return v ? v->result(r, kind, order) : AATS_E_UNKNOWN;
}

int aats_order_way(char const *venue, uint32_t way, int *kind, int *at)
{
    aats_order_venue_t const *v = aats_order_venue_find(venue);
    if (!v || way >= (v->way_cnt ? v->way_cnt : 1)) return AATS_E_UNKNOWN;
    *kind = v->way_cnt ? v->ways[way].kind : AATS_OWAY_WS;
    *at = v->way_cnt ? v->ways[way].at : AATS_OAT_WSAPI;
    return AATS_OK;
}

int aats_order_has(char const *venue, uint32_t kind)
{
    aats_order_venue_t const *v = aats_order_venue_find(venue);
    uint32_t kinds = 0;
    for (uint32_t way = 0; v && way < v->way_cnt; way++) kinds |= v->ways[way].kinds;
    return kind < AATS_OR_CNT && (int)(kinds >> kind & 1);
}
