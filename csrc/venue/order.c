#include "venue/order.h"

#include <string.h>

static aats_order_venue_t const *const VENUES[] = {&aats_order_venue_binance};

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
