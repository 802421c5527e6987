#include "venue/venue.h"

#include <string.h>

static aats_venue_t const *const VENUES[] = {&aats_venue_binance, &aats_venue_binance_sbe, &aats_venue_binanceus, &aats_venue_binance_swap, &aats_venue_binance_coinm,
    &aats_venue_bybit, &aats_venue_bybit_swap, &aats_venue_okx, &aats_venue_okx_swap, &aats_venue_kraken, &aats_venue_coinbase,
    &aats_venue_gate, &aats_venue_gate_swap, &aats_venue_kucoin, &aats_venue_deribit};

aats_venue_t const *aats_venue_dialect(char const *name, char const *format)
{
    for (size_t i = 0; i < sizeof VENUES / sizeof VENUES[0]; i++)
        if (!strcmp(VENUES[i]->name, name) && (!format[0] || !strcmp(VENUES[i]->format, format))) return VENUES[i];
    return NULL;
}

aats_venue_t const *aats_venue_find(char const *name) { return aats_venue_dialect(name, ""); }

int aats_venue_parse(char const *venue, char const *text, size_t n, aats_msg_t *m)
{
    aats_venue_t const *v = aats_venue_find(venue);
    return v ? v->parse(text, n, m) : AATS_E_UNKNOWN;
}

int aats_venue_parse_binary(char const *venue, char const *format, uint8_t const *bytes, size_t n, uint32_t part, aats_msg_t *m)
{
    aats_venue_t const *v = aats_venue_dialect(venue, format);
    return v && v->parse_binary ? v->parse_binary(bytes, n, part, m) : AATS_E_UNKNOWN;
}

int aats_venue_exps(char const *venue, int32_t *px_exp, int32_t *qty_exp)
{
    aats_venue_t const *v = aats_venue_find(venue);
    if (!v) return AATS_E_UNKNOWN;
    *px_exp = v->px_exp;
    *qty_exp = v->qty_exp;
    return AATS_OK;
}

int aats_venue_streams(char const *venue, char const *format)
{
    aats_venue_t const *v = aats_venue_dialect(venue, format);
    return v ? (int)v->streams : AATS_E_UNKNOWN;
}

int aats_venue_scales(char const *venue)
{
    aats_venue_t const *v = aats_venue_find(venue);
    return v && v->scales;
}
