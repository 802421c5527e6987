/* tls_send.c -- writes the records of a TLS 1.3 connection itself, from the moment on that tls_record.c reads them; see tls_priv.h.
 *
 * Why: SSL_write of an order of 400 bytes takes 1.3 us when its code is warm; this takes 0.7 us by the same cipher, 0.3 us by vectors.
 *
 * No nonce seals twice.  A nonce is the number of a record under its key, so each way in which a record can be written has to count:
 *   - handshake and early data have keys of their own; early data is never offered;
 *   - OpenSSL's records under the traffic key, before the take-over (a WebSocket upgrade, an alert): counted as they pass the BIO (tls_send_count), which sees
 *     every byte; the take-over waits for the end of a record, and begins at that number.  After a key update before it nothing is taken over (tls_record.c);
 *   - OpenSSL's after the take-over (an alert, its good-bye): dropped by the BIO before anybody sees them;
 *   - ours - text, alerts, good-bye, key updates - are made in one place, `put`, which uses the number up before it seals, and whatever comes of it;
 *   - a key update begins with a new key, whose numbers start at 0; after RENEW_AT records there is one;
 *   - fork: a child that wrote on its parent's connection would use the parent's numbers, here as in OpenSSL.  Connections belong to one thread of one process, their
 *     sockets are closed by exec, and nothing in this project forks without it. */
#include <string.h>

#include "base/errors.h"
#include "io/tls_priv.h"

#define HEAD     5
#define RENEW_AT ((uint64_t)1 << 24) /* records under one key; RFC 8446, 5.5: at most 2^24.5 */

void tls_send_count(tls_send_t *s, uint8_t const *bytes, size_t n)
{
    while (n > 0) {
        if (s->left > 0) {
            size_t const part = n < s->left ? n : s->left;
            bytes += part, n -= part, s->left -= part;
            continue;
        }
        s->head[s->head_len++] = *bytes++, n--;
        if (s->head_len < HEAD) continue;
        s->left = (size_t)s->head[3] << 8 | s->head[4];
        s->head_len = 0;
        s->records++;
    }
}

void tls_send_begin(aats_tls_t *t)
{
    tls_send_t *s = &t->send;
    if (s->left > 0 || s->head_len > 0 || s->keys.secret_len != t->rec.keys.secret_len || !tls_keys_start(&s->keys, 1)) {
        tls_send_fini(t);
        return;
    }
    s->keys.seq = s->records;
    s->renew_at = RENEW_AT;
    s->own = 1;
}

void tls_send_fini(aats_tls_t *t)
{
    tls_keys_fini(&t->send.keys);
    memset(&t->send, 0, sizeof t->send);
}

/* put writes one record behind what is pending; the room is there. */
static int put(aats_tls_t *t, int type, void const *text, size_t n)
{
    tls_keys_t *k = &t->send.keys;
    uint8_t nonce[AATS_GCM_NONCE], *head = t->out + t->out_end;
    size_t const inner = n + 1, sealed = inner + AATS_GCM_TAG;
    head[0] = 23, head[1] = 3, head[2] = 3, head[3] = (uint8_t)(sealed >> 8), head[4] = (uint8_t)sealed;
    memcpy(head + HEAD, text, n);
    head[HEAD + n] = (uint8_t)type;
    tls_keys_nonce(k, nonce);
    k->seq++; /* used up, whatever happens */
    if (aats_gcm_seal(&k->gcm, nonce, head, HEAD, head + HEAD, inner, head + HEAD, head + HEAD + inner) != AATS_OK) return AATS_E_NOMEM;
    t->out_end += HEAD + sealed;
    return AATS_OK;
}

int tls_send_key_update(aats_tls_t *t)
{
    static uint8_t const UPDATE[5] = {24, 0, 0, 1, 0}; /* ours is not asked for in return */
    if (tls_send_room(t) < HEAD + sizeof UPDATE + 1 + AATS_GCM_TAG) return AATS_E_FULL; /* a peer that asks without end and reads nothing */
    int const code = put(t, TLS_TYPE_HANDSHAKE, UPDATE, sizeof UPDATE);
    return code != AATS_OK ? code : tls_keys_next(&t->send.keys, 1) ? AATS_OK : AATS_E_NOMEM;
}

int tls_send_data(aats_tls_t *t, void const *text, size_t n)
{
    if (t->send.keys.seq >= t->send.renew_at) {
        int const code = tls_send_key_update(t);
        if (code != AATS_OK) return code;
    }
    return put(t, TLS_TYPE_DATA, text, n);
}

void tls_send_alert(aats_tls_t *t, int level, int what)
{
    uint8_t const two[2] = {(uint8_t)level, (uint8_t)what};
    if (tls_send_room(t) >= HEAD + sizeof two + 1 + AATS_GCM_TAG) put(t, TLS_TYPE_ALERT, two, sizeof two);
}
