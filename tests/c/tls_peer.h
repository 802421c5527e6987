/* tls_peer.h -- the other side of a TLS connection, for tests: certificates of any kind, and a server without a socket.
 *
 * For: tests/c/test_tls.c and whoever tests what runs over io/tls.h.  Not for the product.  The server is plain OpenSSL over
 * its own memory BIOs and shares no code with csrc/io/tls.c.
 *
 *     pki_t pki;                        a fresh CA, in memory and as a file that the client can trust
 *     pki_init( &pki, "Test CA" );
 *     peer_cert_t c = pki_issue( &pki, "DNS:stream.test", -1, 1 );    valid from yesterday to tomorrow
 *     peer_t p;
 *     peer_init( &p, c, 0 );            0: any TLS version
 *     peer_shuttle( &p, t );            bytes move between p and the aats_tls_t until both are quiet
 */
#ifndef AATS_TESTS_TLS_PEER_H
#define AATS_TESTS_TLS_PEER_H

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errors.h"
#include "io/tls.h"

typedef struct {
    EVP_PKEY *key;
    X509 *cert;
} peer_cert_t;

typedef struct {
    peer_cert_t ca;
    char file[64]; /* PEM of ca.cert */
} pki_t;

typedef struct {
    SSL_CTX *ctx;
    SSL *ssl;
    char sni[256];   /* what the client asked for, "" for nothing */
    int alpn_seen;   /* 1 if the client offered ALPN */
    int client_said; /* bytes read by peer_shuttle */
    char said[256];  /* the first of them */
} peer_t;

static inline void peer_must(int ok, char const *what)
{
    if (ok) return;
    fprintf(stderr, "tls_peer.h: %s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(2);
}

static inline EVP_PKEY *peer_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *kc = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    peer_must(kc != NULL && EVP_PKEY_keygen_init(kc) == 1, "keygen_init");
    peer_must(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(kc, NID_X9_62_prime256v1) == 1, "curve");
    peer_must(EVP_PKEY_keygen(kc, &key) == 1, "keygen");
    EVP_PKEY_CTX_free(kc);
    return key;
}

static inline void peer_extension(X509 *cert, X509 *issuer, int nid, char const *value)
{
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    peer_must(e != NULL && X509_add_ext(cert, e, -1) == 1, "extension");
    X509_EXTENSION_free(e);
}

/* peer_certify makes a certificate of common name cn, valid between two days from now; by NULL makes it self-signed. */
static inline peer_cert_t peer_certify(peer_cert_t const *by, char const *cn, char const *alt, int is_ca, int from_day, int to_day)
{
    static long serial = 1;
    peer_cert_t c = {peer_key(), X509_new()};
    X509_set_version(c.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.cert), from_day * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(c.cert), to_day * 86400L);
    X509_set_pubkey(c.cert, c.key);
    X509_NAME *name = X509_get_subject_name(c.cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (unsigned char const *)cn, -1, -1, 0);
    X509 *issuer = by == NULL ? c.cert : by->cert;
    X509_set_issuer_name(c.cert, X509_get_subject_name(issuer));
    peer_extension(c.cert, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (alt != NULL) peer_extension(c.cert, issuer, NID_subject_alt_name, alt);
    peer_must(X509_sign(c.cert, by == NULL ? c.key : by->key, EVP_sha256()) > 0, "sign");
    return c;
}

static inline void peer_cert_fini(peer_cert_t *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->cert);
}

static inline void pki_init(pki_t *pki, char const *cn)
{
    pki->ca = peer_certify(NULL, cn, NULL, 1, -1, 1);
    snprintf(pki->file, sizeof pki->file, "/tmp/aats-test-ca-XXXXXX");
    int const fd = mkstemp(pki->file);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    peer_must(f != NULL && PEM_write_X509(f, pki->ca.cert) == 1, "CA file");
    fclose(f);
}

static inline void pki_fini(pki_t *pki)
{
    unlink(pki->file);
    peer_cert_fini(&pki->ca);
}

/* pki_issue makes a server's certificate for the names in alt ("DNS:a.test,IP:127.0.0.1"). */
static inline peer_cert_t pki_issue(pki_t const *pki, char const *alt, int from_day, int to_day)
{
    return peer_certify(&pki->ca, "leaf.test", alt, 0, from_day, to_day);
}

static inline int peer_on_sni(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    char const *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(((peer_t *)arg)->sni, sizeof((peer_t *)arg)->sni, "%s", name == NULL ? "" : name);
    return SSL_TLSEXT_ERR_OK;
}

static inline int peer_on_alpn(SSL *ssl, unsigned char const **out, unsigned char *n, unsigned char const *in, unsigned in_n, void *arg)
{
    (void)ssl, (void)out, (void)n, (void)in, (void)in_n;
    ((peer_t *)arg)->alpn_seen = 1;
    return SSL_TLSEXT_ERR_NOACK;
}

/* peer_listen gives the server a new connection; its context, and so its session tickets, stay. */
static inline void peer_listen(peer_t *p)
{
    SSL_free(p->ssl);
    p->ssl = SSL_new(p->ctx);
    SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(p->ssl), -1);
    SSL_set_accept_state(p->ssl);
    p->client_said = 0;
    p->sni[0] = '\0';
}

/* peer_init starts a server with certificate c; version TLS1_2_VERSION ... fixes the protocol, 0 leaves it open. */
static inline void peer_init(peer_t *p, peer_cert_t c, int version)
{
    memset(p, 0, sizeof *p);
    p->ctx = SSL_CTX_new(TLS_server_method());
    peer_must(SSL_CTX_use_certificate(p->ctx, c.cert) == 1 && SSL_CTX_use_PrivateKey(p->ctx, c.key) == 1, "server certificate");
    SSL_CTX_set_session_id_context(p->ctx, (unsigned char const *)"peer", 4);
    SSL_CTX_set_security_level(p->ctx, 0); /* so that a test can offer what nobody should take */
    SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(p->ctx, version);
    SSL_CTX_set_max_proto_version(p->ctx, version);
    SSL_CTX_set_tlsext_servername_callback(p->ctx, peer_on_sni);
    SSL_CTX_set_tlsext_servername_arg(p->ctx, p);
    SSL_CTX_set_alpn_select_cb(p->ctx, peer_on_alpn, p);
    peer_listen(p);
}

static inline void peer_fini(peer_t *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
}

/* peer_take moves up to cap cipher bytes out of the server; returns their number. */
static inline int peer_take(peer_t *p, void *out, int cap)
{
    int const n = BIO_read(SSL_get_wbio(p->ssl), out, cap);
    return n < 0 ? 0 : n;
}

/* peer_turn gives the client's pending bytes to the server and lets it handshake and read; returns 1 if bytes moved. */
static inline int peer_turn(peer_t *p, aats_tls_t *t)
{
    uint8_t const *at;
    size_t const n = aats_tls_pending(t, &at);
    if (n > 0) BIO_write(SSL_get_rbio(p->ssl), at, (int)n);
    aats_tls_sent(t, n);
    char buf[4096];
    for (int got; (got = SSL_read(p->ssl, buf, sizeof buf)) > 0; p->client_said += got) {
        for (int i = 0; i < got && p->client_said + i < (int)sizeof p->said; i++) p->said[p->client_said + i] = buf[i];
    }
    ERR_clear_error();
    return n > 0;
}

/* peer_shuttle runs the handshake, and whatever else is under way, in chunks of `chunk` bytes towards the client.
 * Returns the client's last aats_tls_handshake. */
static inline int peer_shuttle_by(peer_t *p, aats_tls_t *t, int chunk)
{
    int moved = 1, state = 0;
    while (moved) {
        moved = peer_turn(p, t);
        uint8_t buf[16384];
        int const n = peer_take(p, buf, chunk);
        if (n > 0) {
            aats_tls_feed(t, buf, (size_t)n);
            moved = 1;
        }
        state = aats_tls_handshake(t);
    }
    return state;
}

static inline int peer_shuttle(peer_t *p, aats_tls_t *t) { return peer_shuttle_by(p, t, 16384); }

#endif
