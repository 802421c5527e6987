/* fuzz_tls_record.c -- a TLS 1.3 server with the right keys says anything: records of any inner type, padding and order, whole or spoiled; then somebody
 * without the keys does.
 *
 * Input: a byte for the mode of AATS_TLS, then steps of three bytes {what, size, more}; a step with the highest bit of `what` ends them, and what follows comes
 * as it is.  What the client delivers is the text of the good data records in their order, up to the first one that it may
 * refuse; only documented codes come back, and they stay.  Aborts otherwise. */
#include <stdint.h>

#include "../c/tls_forge.h"

static forge_t f;
static uint8_t record[40000], want[1 << 18], got[1 << 18];
static size_t want_n, got_n;
static int code; /* that has stayed, 0: none yet */

static void demand(int cond)
{
    if (!cond) abort();
}

static void drain(size_t cap)
{
    for (;;) {
        int const n = aats_tls_read(f.t, got + got_n, cap < sizeof got - got_n ? cap : sizeof got - got_n);
        demand(n >= 0 || n == AATS_E_PROTO || n == AATS_E_CLOSED);
        demand(code == 0 || n == code);
        if (n < 0) code = n;
        if (n <= 0) break;
        got_n += (size_t)n;
    }
    demand(got_n <= want_n && memcmp(got, want, got_n) == 0);
    uint8_t const *at;
    demand(aats_tls_sent(f.t, aats_tls_pending(f.t, &at)) == AATS_OK);
}

/* One step; returns 0 when nothing that comes after it may be delivered. */
static int say(uint8_t what, uint8_t size, uint8_t more)
{
    static int const TYPES[8] = {23, 23, 23, 23, 21, 22, 22, 20};
    uint8_t text[4096];
    size_t const len = what & 0x40 ? (size_t)size * 16 : size % 8;
    int const type = TYPES[what & 7];
    for (size_t i = 0; i < len; i++) text[i] = (uint8_t)(more + i);
    if (type == 22 && len >= 5 && (more & 1)) memcpy(text, more & 2 ? "\30\0\0\1\1" : "\30\0\0\1\0", 5);
    size_t const n = forge_record(&f, type, text, len, more % 7, record);
    int const spoiled = what & 8 && size & 1;
    if (spoiled) record[more % n] ^= 1 << (size >> 5);
    if (type == 23 && !spoiled && want_n + len < sizeof want) {
        memcpy(want + want_n, text, len);
        want_n += len;
    }
    if (aats_tls_feed(f.t, record, n) != (int)n) return 0; /* it has refused before, and reads no more */
    if (type == 22 && len == 5 && (more & 1)) forge_next_keys(&f);
    return !spoiled;
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    if (f.ctx == NULL) {
        forge_open(&f, "TLS_AES_128_GCM_SHA256");
        unlink(f.pki.file);
    }
    char why[200];
    size_t i;
    aats_tls_use(size > 0 && data[0] & 1 ? "vector" : "records", why, sizeof why);
    aats_tls_close(f.t);
    peer_listen(&f.peer);
    peer_must(aats_tls_open(&f.t, f.ctx, "stream.test") == AATS_OK && peer_shuttle(&f.peer, f.t) == 1, "handshake");
    forge_keys(&f);
    want_n = got_n = 0;
    code = 0;
    for (i = 1; i + 3 <= size && i < 300 && want_n < sizeof want / 2; i += 3) {
        if (data[i] & 0x80) break;
        int const on = say(data[i], data[i + 1], data[i + 2]);
        if (!on || data[i] & 0x10) drain(data[i] & 0x20 ? 7 : 5000);
        if (!on) break;
    }
    if (i < size) aats_tls_feed(f.t, data + i, size - i); /* no key, no tag */
    aats_tls_feed_eof(f.t);
    drain(1000);
    drain(1000);
    demand(code != 0);
    return 0;
}
