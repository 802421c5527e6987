/* tls.c -- one connection: OpenSSL (1.1.1 or 3) between two plain byte buffers; see tls.h.
 *
 * OpenSSL reaches our buffers through a BIO of two memcpys, defined below.  It never says "end of file" to OpenSSL: versions
 * differ in what they make of that.  The end is looked at here, after everything that came before it has been read.
 */
#include "io/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "io/tls_priv.h"

#define RECORD_MAX  16384 /* plain bytes of a TLS record */
#define OUT_RESERVE 4096  /* room kept from `write`, for alerts, key updates and record overhead */

/* ---- the buffers, and the BIO through which OpenSSL sees them --------------------------------------------------------- */

size_t aats_tls_room(aats_tls_t *t, uint8_t **at)
{
    if (t->in_at == t->in_end) t->in_at = t->in_end = 0;
    if (t->in_at > 0) {
        memmove(t->in, t->in + t->in_at, t->in_end - t->in_at);
        t->in_end -= t->in_at;
        t->in_at = 0;
    }
    *at = t->in + t->in_end;
    return AATS_TLS_IN_SZ - t->in_end;
}

int aats_tls_fed(aats_tls_t *t, size_t n)
{
    if (n > AATS_TLS_IN_SZ - t->in_end) return AATS_E_ARG;
    t->in_end += n;
    return AATS_OK;
}

int aats_tls_feed(aats_tls_t *t, void const *bytes, size_t n)
{
    uint8_t *at;
    size_t const room = aats_tls_room(t, &at);
    if (n == 0) return 0;
    if (room == 0) return AATS_E_FULL;
    if (n > room) n = room;
    memcpy(at, bytes, n);
    t->in_end += n;
    return (int)n;
}

void aats_tls_feed_eof(aats_tls_t *t) { t->eof = 1; }

size_t aats_tls_pending(aats_tls_t *t, uint8_t const **at)
{
    *at = t->out + t->out_at;
    return t->out_end - t->out_at;
}

int aats_tls_sent(aats_tls_t *t, size_t n)
{
    if (n > t->out_end - t->out_at) return AATS_E_ARG;
    t->out_at += n;
    if (t->out_at == t->out_end) t->out_at = t->out_end = 0;
    return AATS_OK;
}

size_t tls_send_room(aats_tls_t *t)
{
    if (t->out_at > 0) {
        memmove(t->out, t->out + t->out_at, t->out_end - t->out_at);
        t->out_end -= t->out_at;
        t->out_at = 0;
    }
    return AATS_TLS_OUT_SZ - t->out_end;
}

static size_t in_take(aats_tls_t *t, void *dst, size_t cap)
{
    size_t n = (t->in_limit > 0 ? t->in_limit : t->in_end) - t->in_at;
    if (n > cap) n = cap;
    memcpy(dst, t->in + t->in_at, n);
    t->in_at += n;
    if (t->in_at == t->in_end && t->in_limit == 0) t->in_at = t->in_end = 0;
    return n;
}

static size_t out_put(aats_tls_t *t, void const *src, size_t n)
{
    size_t const room = tls_send_room(t);
    if (n > room) n = room;
    memcpy(t->out + t->out_end, src, n);
    t->out_end += n;
    return n;
}

static int bio_read(BIO *bio, char *dst, int cap)
{
    BIO_clear_retry_flags(bio);
    if (cap <= 0) return 0;
    size_t const n = in_take(BIO_get_data(bio), dst, (size_t)cap);
    if (n > 0) return (int)n;
    BIO_set_retry_read(bio);
    return -1;
}

static int bio_write(BIO *bio, char const *src, int n)
{
    BIO_clear_retry_flags(bio);
    if (n <= 0) return 0;
    aats_tls_t *t = BIO_get_data(bio);
    if (t->send.own) return n; /* it has nothing to say any more */
    size_t const put = out_put(t, src, (size_t)n);
    if (t->up && put > 0) tls_send_count(&t->send, (uint8_t const *)src, put);
    if (put > 0) return (int)put;
    BIO_set_retry_write(bio);
    return -1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method; /* one a process, kept to its end: OpenSSL has few BIO type numbers to give */

static void bio_method_make(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aats");
    if (m == NULL) return;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    bio_method = m;
}

/* bio_new returns the BIO through which OpenSSL sees the buffers of t, or NULL. */
static BIO *bio_new(aats_tls_t *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, bio_method_make);
    BIO *bio = bio_method == NULL ? NULL : BIO_new(bio_method);
    if (bio == NULL) return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- a connection ----------------------------------------------------------------------------------------------------- */

static aats_tls_t *conn_new(char const *host)
{
    aats_tls_t *t = aligned_alloc(_Alignof(aats_tls_t), sizeof *t);
    if (t == NULL) return NULL;
    memset(t, 0, sizeof *t);
    memcpy(t->host, host, strlen(host));
    return t;
}

static int host_ok(char const *host) { return host != NULL && host[0] != '\0' && strlen(host) < AATS_TLS_HOST_SZ; }

/* name_expect tells OpenSSL whom the leaf must name, and sends SNI, which must not carry an address (RFC 6066, section 3). */
static int name_expect(SSL *ssl, char const *host)
{
    uint8_t addr[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int aats_tls_open(aats_tls_t **out, aats_tls_ctx_t *ctx, char const *host)
{
    *out = NULL;
    if (ctx == NULL || !host_ok(host)) return AATS_E_ARG;
    ERR_clear_error();
    aats_tls_t *t = conn_new(host);
    if (t == NULL) return AATS_E_NOMEM;
    t->ctx = ctx;
    t->ssl = SSL_new(ctx->ssl_ctx);
    BIO *bio = t->ssl == NULL ? NULL : bio_new(t);
    if (bio == NULL || !name_expect(t->ssl, host)) {
        BIO_free(bio);
        aats_tls_close(t);
        ERR_clear_error();
        return AATS_E_NOMEM;
    }
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    SSL_set_connect_state(t->ssl);

    SSL_SESSION *session = aats_tls_session_take(ctx, host); /* a ticket is offered once (RFC 8446, C.4) */
    if (session != NULL) SSL_set_session(t->ssl, session);
    SSL_SESSION_free(session);
    *out = t;
    aats_tls_handshake(t); /* only makes the first flight: it has no input to fail on */
    return AATS_OK;
}

int aats_tls_open_plain(aats_tls_t **out, char const *host)
{
    *out = NULL;
    if (!host_ok(host)) return AATS_E_ARG;
    *out = conn_new(host);
    if (*out == NULL) return AATS_E_NOMEM;
    (*out)->up = 1;
    return AATS_OK;
}

void aats_tls_close(aats_tls_t *t)
{
    if (t == NULL) return;
    tls_record_fini(t);
    tls_send_fini(t);
    SSL_free(t->ssl);
    free(t);
}

/* ---- how it ends ------------------------------------------------------------------------------------------------------ */

static int fail_cert(aats_tls_t *t)
{
    char const *what = X509_verify_cert_error_string(t->cert_err);
    char const *hint = "";
    if (t->cert_err == X509_V_ERR_HOSTNAME_MISMATCH) what = "hostname mismatch";
    if (t->cert_err == X509_V_ERR_IP_ADDRESS_MISMATCH) what = "IP address mismatch";
    if (t->cert_err == X509_V_ERR_CERT_NOT_YET_VALID || t->cert_err == X509_V_ERR_CERT_HAS_EXPIRED) {
        hint = "; is this machine's clock right?";
    }
    snprintf(t->text, sizeof t->text, "certificate verify failed: %s for %s (depth %d, subject %s, issuer %s; trusting %s%s)", what,
             t->host, t->cert_depth, t->subject, t->issuer, t->ctx->trust, hint);
    return t->fail = AATS_E_CERT;
}

static int fail_proto(aats_tls_t *t)
{
    int const not_tls = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_WRONG_VERSION_NUMBER;
    snprintf(t->text, sizeof t->text, "TLS with %s failed %s its handshake: %s%s", t->host, t->up ? "after" : "in", aats_tls_reason(),
             not_tls && !t->up ? " (does this port speak TLS?)" : "");
    return t->fail = AATS_E_PROTO;
}

int aats_tls_fail_closed(aats_tls_t *t)
{
    char const *how = "closed the connection";
    if (t->ssl != NULL) {
        int half = strcmp(SSL_rstate_string(t->ssl), "RB") == 0 || SSL_has_pending(t->ssl);
        if (t->rec.state != TLS_RECORD_NONE) half = t->in_end > t->in_at;
        if (SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN) how = "ended the TLS session (close_notify)";
        else if (half)                                        how = "closed the connection in the middle of a TLS record";
        else if (!t->up)                                      how = "closed the connection in the TLS handshake";
        else                                                  how = "closed the connection without a TLS close_notify";
    }
    snprintf(t->text, sizeof t->text, "%s %s", t->host, how);
    return t->fail = AATS_E_CLOSED;
}

int aats_tls_settle(aats_tls_t *t, int ret)
{
    switch (SSL_get_error(t->ssl, ret)) {
        case SSL_ERROR_WANT_READ:   return t->eof ? aats_tls_fail_closed(t) : 0;
        case SSL_ERROR_WANT_WRITE:  return 0;
        case SSL_ERROR_ZERO_RETURN: return aats_tls_fail_closed(t);
        default:                    return t->cert_err != 0 ? fail_cert(t) : fail_proto(t);
    }
}

char const *aats_tls_error(aats_tls_t const *t) { return t->text; }

/* ---- step ------------------------------------------------------------------------------------------------------------- */

int aats_tls_handshake(aats_tls_t *t)
{
    if (t->fail != AATS_OK) return t->fail;
    if (t->up) return 1;
    ERR_clear_error();
    int const ret = SSL_do_handshake(t->ssl);
    if (ret != 1) return aats_tls_settle(t, ret);
    t->up = 1;
    tls_record_begin(t);
    return 1;
}

int aats_tls_read(aats_tls_t *t, void *out, size_t cap)
{
    uint8_t *dst = out;
    size_t got = 0;
    if (cap > INT_MAX) cap = INT_MAX;
    int const up = aats_tls_handshake(t);
    if (up != 1) return up;

    if (t->ssl == NULL) {
        got = in_take(t, dst, cap);
        if (got > 0 || !t->eof || t->in_end > 0) return (int)got;
        return aats_tls_fail_closed(t);
    }
    if (t->rec.state != TLS_RECORD_NONE) {
        int const code = tls_record_read(t, dst, cap, &got);
        if (got > 0 || code != AATS_OK) return got > 0 ? (int)got : code;
        if (t->rec.state != TLS_RECORD_NONE) return 0;
    }
    ERR_clear_error();
    while (got < cap) {
        if (t->in_at == t->in_end && !t->eof && !SSL_has_pending(t->ssl)) break; /* spares the call that would find nothing */
        int const ret = SSL_read(t->ssl, dst + got, (int)(cap - got));
        if (ret > 0) {
            got += (size_t)ret;
            continue;
        }
        int const code = aats_tls_settle(t, ret); /* stays in t->fail: told now, or after the bytes before it */
        if (got == 0) return code;
        break;
    }
    return (int)got;
}

int aats_tls_write(aats_tls_t *t, void const *bytes, size_t n)
{
    uint8_t const *src = bytes;
    size_t put = 0;
    if (t->fail != AATS_OK) return t->fail;
    if (t->closing) return AATS_E_CLOSED;
    if (!t->up) return AATS_E_MORE;
    if (n > INT_MAX) n = INT_MAX;
    if (n > 0) ERR_clear_error();
    while (put < n) {
        size_t const room = tls_send_room(t);
        if (room <= OUT_RESERVE) break;
        size_t part = n - put < RECORD_MAX ? n - put : RECORD_MAX;
        if (part > room - OUT_RESERVE) part = room - OUT_RESERVE;
        if (t->ssl == NULL) {
            put += out_put(t, src + put, part);
            continue;
        }
        if (t->send.own) {
            int const code = tls_send_data(t, src + put, part);
            if (code != AATS_OK) {
                snprintf(t->text, sizeof t->text, "TLS with %s cannot write: no memory", t->host);
                return t->fail = code;
            }
            put += part;
            continue;
        }
        int const ret = SSL_write(t->ssl, src + put, (int)part);
        if (ret <= 0) {
            int const code = aats_tls_settle(t, ret);
            if (code != 0) return code; /* what was taken before is encrypted, but the connection is dead */
            break;
        }
        put += (size_t)ret;
    }
    return put == 0 && n > 0 ? AATS_E_FULL : (int)put;
}

void aats_tls_shutdown(aats_tls_t *t)
{
    if (t->closing) return;
    t->closing = 1;
    if (t->ssl == NULL || !t->up || (t->fail != AATS_OK && t->fail != AATS_E_CLOSED)) return;
    if (t->send.own) {
        tls_send_alert(t, 1, 0);
        SSL_set_shutdown(t->ssl, SSL_get_shutdown(t->ssl) | SSL_SENT_SHUTDOWN); /* or OpenSSL thinks the session broken, and forgets it */
        return;
    }
    ERR_clear_error();
    SSL_shutdown(t->ssl); /* 0: sent, the peer's is not here yet; its answer arrives by read */
    ERR_clear_error();
}

char const *aats_tls_about(aats_tls_t *t)
{
    if (t->ssl == NULL) return "plain";
    if (!t->up) return "TLS, in its handshake";
    char const *own = t->rec.state == TLS_RECORD_NONE ? "" : t->rec.keys.gcm.vectors ? " (own records and cipher)" : " (own records)";
    snprintf(t->about, sizeof t->about, "%s %s%s%s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl), SSL_session_reused(t->ssl) ? " resumed" : "", own);
    return t->about;
}
