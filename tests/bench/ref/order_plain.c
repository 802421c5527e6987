/* order_plain.c -- one signed order.place as a masked WebSocket frame, in plain C: the yardstick of bench_encode.c.
 *
 * No project header.  OpenSSL's SHA-256 with both pads of the HMAC hashed beforehand, texts by memcpy, numbers digit by digit, hex by table, mask by words.
 * It checks nothing: that symbol and key can stand in JSON is believed, and that everything fits. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    SHA256_CTX inner, outer; /* behind their pads */
    char key[136];
} plain_signer_t;

static void plain_signer(plain_signer_t *s, char const *key, char const *secret)
{
    uint8_t pad[64] = {0};
    memcpy(pad, secret, strlen(secret)); /* no longer than a block */
    for (int i = 0; i < 64; i++) pad[i] ^= 0x36;
    SHA256_Init(&s->inner);
    SHA256_Update(&s->inner, pad, 64);
    for (int i = 0; i < 64; i++) pad[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&s->outer);
    SHA256_Update(&s->outer, pad, 64);
    strcpy(s->key, key);
}

static char *plain_text(char *p, char const *s)
{
    size_t n = strlen(s);
    memcpy(p, s, n);
    return p + n;
}

static char *plain_int(char *p, uint64_t v)
{
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) *p++ = digits[--n];
    return p;
}

/* eight decimals, without the zeros at their end */
static char *plain_decimal(char *p, uint64_t v)
{
    uint64_t frac = v % 100000000;
    p = plain_int(p, v / 100000000);
    if (!frac) return p;
    *p++ = '.';
    for (uint64_t at = 10000000; frac; at /= 10) {
        *p++ = (char)('0' + frac / at);
        frac %= at;
    }
    return p;
}

static char *plain_hex(char *p, uint8_t const *raw, int n)
{
    for (int i = 0; i < n; i++) {
        *p++ = "0123456789abcdef"[raw[i] >> 4];
        *p++ = "0123456789abcdef"[raw[i] & 15];
    }
    return p;
}

/* plain_order writes the frame; its bytes. */
static size_t plain_order(plain_signer_t const *s, uint8_t *out, uint64_t id, uint64_t px, uint64_t qty, int buy, uint64_t instance, uint64_t order_id, uint64_t ms,
                          char const *symbol, uint32_t mask)
{
    char query[512], client[33], price[24], size[24], sign[65];
    uint8_t raw[32], ids[16];
    SHA256_CTX c = s->inner;
    for (int i = 0; i < 8; i++) ids[i] = (uint8_t)(instance >> (56 - 8 * i)), ids[8 + i] = (uint8_t)(order_id >> (56 - 8 * i));
    *plain_hex(client, ids, 16) = 0;
    *plain_decimal(price, px) = 0;
    *plain_decimal(size, qty) = 0;

    char *p = plain_text(query, "apiKey=");
    p = plain_text(p, s->key);
    p = plain_text(plain_text(p, "&newClientOrderId="), client);
    p = plain_text(plain_text(p, "&newOrderRespType=FULL&price="), price);
    p = plain_text(plain_text(p, "&quantity="), size);
    p = plain_text(plain_text(p, "&recvWindow=5000&side="), buy ? "BUY" : "SELL");
    p = plain_text(plain_text(p, "&symbol="), symbol);
    p = plain_int(plain_text(p, "&timeInForce=IOC&timestamp="), ms);
    p = plain_text(p, "&type=LIMIT");
    SHA256_Update(&c, query, (size_t)(p - query));
    SHA256_Final(raw, &c);
    c = s->outer;
    SHA256_Update(&c, raw, 32);
    SHA256_Final(raw, &c);
    *plain_hex(sign, raw, 32) = 0;

    char *const body = (char *)out + 8;
    p = plain_int(plain_text(body, "{\"id\":"), id);
    p = plain_text(plain_text(p, ",\"method\":\"order.place\",\"params\":{\"apiKey\":\""), s->key);
    p = plain_text(plain_text(p, "\",\"newClientOrderId\":\""), client);
    p = plain_text(plain_text(p, "\",\"newOrderRespType\":\"FULL\",\"price\":\""), price);
    p = plain_text(plain_text(p, "\",\"quantity\":\""), size);
    p = plain_text(plain_text(p, "\",\"recvWindow\":5000,\"side\":\""), buy ? "BUY" : "SELL");
    p = plain_text(plain_text(p, "\",\"signature\":\""), sign);
    p = plain_text(plain_text(p, "\",\"symbol\":\""), symbol);
    p = plain_int(plain_text(p, "\",\"timeInForce\":\"IOC\",\"timestamp\":"), ms);
    p = plain_text(p, ",\"type\":\"LIMIT\"}}");

    size_t const n = (size_t)(p - body);
    out[0] = 0x81;
    out[1] = 0x80 | 126;
    out[2] = (uint8_t)(n >> 8);
    out[3] = (uint8_t)n;
    memcpy(out + 4, &mask, 4);
    uint64_t const m8 = (uint64_t)mask << 32 | mask;
    for (size_t i = 0; i < n; i += 8) { /* behind it there is room */
        uint64_t w;
        memcpy(&w, body + i, 8);
        w ^= m8;
        memcpy(body + i, &w, 8);
    }
    return 8 + n;
}
