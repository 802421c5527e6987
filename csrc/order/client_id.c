/* client_id.c -- 128 bits as hex and back; see client_id.h. */
#include "order/client_id.h"

#define DIGITS 32

void aats_client_id_format(uint64_t instance, int64_t order_id, char out[33])
{
    uint64_t const half[2] = {instance, (uint64_t)order_id};
    for (int i = 0; i < DIGITS; i++) out[i] = "0123456789abcdef"[half[i / 16] >> (60 - 4 * (i % 16)) & 15];
    out[DIGITS] = 0;
}

int aats_client_id_parse(char const *s, size_t n, uint64_t *instance, int64_t *order_id)
{
    uint64_t half[2] = {0, 0};
    if (n != DIGITS) return AATS_E_SYNTAX;
    for (int i = 0; i < DIGITS; i++) {
        char const c = s[i];
        int const digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return AATS_E_SYNTAX;
        half[i / 16] = half[i / 16] << 4 | (uint64_t)digit;
    }
    /* we count orders from 1 */
    if (half[1] == 0 || half[1] > INT64_MAX) return AATS_E_SYNTAX;
    *instance = half[0];
    *order_id = (int64_t)half[1];
    return AATS_OK;
}
