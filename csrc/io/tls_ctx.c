/* tls_ctx.c -- whom a client trusts, what it says about those it does not, and the sessions it can resume; see tls.h. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "io/tls_priv.h"

/* TLS 1.3.  All three are good; the first is the cheapest where a processor has AES, and most venues take what a client puts first. */
#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

char const *aats_tls_reason(void)
{
    unsigned long const e = ERR_peek_last_error();
    char const *text = e == 0 ? NULL : ERR_reason_error_string(e);
    ERR_clear_error();
    return text != NULL ? text : "no reason given";
}

/* ---- sessions -------------------------------------------------------------------------------------------------------- */

/* session_slot returns the entry of `host`, or NULL. */
static tls_remembered_t *session_slot(aats_tls_ctx_t *ctx, char const *host)
{
    for (int i = 0; i < TLS_SESSION_MAX; i++) {
        if (ctx->sessions[i].session != NULL && strcmp(ctx->sessions[i].host, host) == 0) return &ctx->sessions[i];
    }
    return NULL;
}

/* OpenSSL hands over a session (TLS 1.3: a ticket, some time after the handshake); returning 1 keeps it. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    aats_tls_t *t = SSL_get_app_data(ssl);
    tls_remembered_t *r = session_slot(t->ctx, t->host);
    if (r == NULL) {
        r = &t->ctx->sessions[t->ctx->session_next];
        t->ctx->session_next = (t->ctx->session_next + 1) % TLS_SESSION_MAX;
    }
    SSL_SESSION_free(r->session);
    r->session = session;
    memcpy(r->host, t->host, sizeof r->host);
    return 1;
}

SSL_SESSION *aats_tls_session_take(aats_tls_ctx_t *ctx, char const *host)
{
    tls_remembered_t *r = session_slot(ctx, host);
    if (r == NULL) return NULL;
    SSL_SESSION *session = r->session;
    r->session = NULL;
    return session;
}

/* ---- trust ----------------------------------------------------------------------------------------------------------- */

/* on_verify keeps the first fault of the chain, with who is at fault, and lets OpenSSL's verdict stand. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    if (ok) return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    aats_tls_t *t = SSL_get_app_data(ssl);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    t->cert_err = X509_STORE_CTX_get_error(store);
    t->cert_depth = X509_STORE_CTX_get_error_depth(store);
    if (cert != NULL) {
        X509_NAME_oneline(X509_get_subject_name(cert), t->subject, sizeof t->subject);
        X509_NAME_oneline(X509_get_issuer_name(cert), t->issuer, sizeof t->issuer);
    }
    return 0;
}

static int trust_load(aats_tls_ctx_t *ctx, char const *ca_file, char *err, size_t err_sz)
{
    if (ca_file == NULL || ca_file[0] == '\0') {
        snprintf(ctx->trust, sizeof ctx->trust, "the system's certificates");
        if (SSL_CTX_set_default_verify_paths(ctx->ssl_ctx) == 1) return AATS_OK;
        snprintf(err, err_sz, "The system's CA certificates cannot be loaded: %s.", aats_tls_reason());
        return AATS_E_CERT;
    }
    snprintf(ctx->trust, sizeof ctx->trust, "the CA file %s", ca_file);
    FILE *f = fopen(ca_file, "r");
    int const readable = f != NULL && (fgetc(f) != EOF || !ferror(f)); /* a directory opens, and fails to read */
    int const os = errno;
    if (f != NULL) fclose(f);
    if (!readable) {
        snprintf(err, err_sz, "The CA file %s cannot be read: %s.", ca_file, strerror(os));
        return AATS_E_IO;
    }
    if (SSL_CTX_load_verify_locations(ctx->ssl_ctx, ca_file, NULL) == 1) return AATS_OK;
    snprintf(err, err_sz, "The CA file %s holds no PEM certificate that can be used: %s.", ca_file, aats_tls_reason());
    return AATS_E_CERT;
}

int aats_tls_ctx_open(aats_tls_ctx_t **out, char const *ca_file, char *err, size_t err_sz)
{
    char ignored[1];
    if (err == NULL || err_sz == 0) err = ignored, err_sz = sizeof ignored;
    err[0] = '\0';
    *out = NULL;
    ERR_clear_error();

    int rc = AATS_E_NOMEM;
    aats_tls_ctx_t *ctx = calloc(1, sizeof *ctx);
    if (ctx != NULL) ctx->ssl_ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || ctx->ssl_ctx == NULL) {
        snprintf(err, err_sz, "OpenSSL cannot make a TLS context: %s.", aats_tls_reason());
        goto fail;
    }
    SSL_CTX *s = ctx->ssl_ctx;
    SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION);
    SSL_CTX_set_ciphersuites(s, CIPHERS);
    SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(s, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_clear_mode(s, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(s, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(s, on_session);
    SSL_CTX_set_keylog_callback(s, tls_keys_log); /* to this process's memory and no further */
    rc = trust_load(ctx, ca_file, err, err_sz);
    if (rc != AATS_OK) goto fail;
    *out = ctx;
    return AATS_OK;

fail:
    aats_tls_ctx_close(ctx);
    return rc;
}

void aats_tls_ctx_close(aats_tls_ctx_t *ctx)
{
    if (ctx == NULL) return;
    for (int i = 0; i < TLS_SESSION_MAX; i++) SSL_SESSION_free(ctx->sessions[i].session);
    SSL_CTX_free(ctx->ssl_ctx);
    free(ctx);
}
