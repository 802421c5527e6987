/* wire_cert.c -- a certificate for localhost that signs itself, made at each start: for a loopback bench and nothing else.
 *
 * Who connects trusts the file that --ca-out names.  Key and certificate never leave memory otherwise. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static EVP_PKEY *cert_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    int ok = make && EVP_PKEY_keygen_init(make) == 1 && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(make, NID_X9_62_prime256v1) == 1;
    if (ok) EVP_PKEY_keygen(make, &key);
    EVP_PKEY_CTX_free(make);
    return key;
}

static int cert_extend(X509 *cert, int nid, char const *text)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, text);
    int const ok = e && X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

/* cert_make gives ctx a new key and certificate and writes the certificate to ca_out (NULL: nowhere).  1, or 0. */
static int cert_make(SSL_CTX *ctx, char const *ca_out)
{
    EVP_PKEY *key = cert_key();
    X509 *cert = X509_new();
    if (!key || !cert) return 0;
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400 * 7);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (unsigned char const *)"aats bench", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    int ok = cert_extend(cert, NID_basic_constraints, "critical,CA:TRUE") && cert_extend(cert, NID_subject_key_identifier, "hash") &&
             cert_extend(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1") && X509_sign(cert, key, EVP_sha256()) > 0 &&
             SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    FILE *f = ok && ca_out ? fopen(ca_out, "w") : NULL;
    if (ca_out) ok = f && PEM_write_X509(f, cert) == 1;
    if (f && fclose(f) != 0) ok = 0;
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}
