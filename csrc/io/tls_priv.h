/* tls_priv.h -- what tls.c (connections) and tls_ctx.c (trust, sessions) share; for nobody else. */
#ifndef AATS_IO_TLS_PRIV_H
#define AATS_IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "io/tls.h"

#define TLS_SESSION_MAX 8   /* hosts of which a context remembers the last session */
#define TLS_NAME_SZ     160 /* a certificate's subject or issuer as text */

typedef struct {
    char host[AATS_TLS_HOST_SZ];
    SSL_SESSION *session;
} tls_remembered_t;

struct aats_tls_ctx {
    SSL_CTX *ssl_ctx;
    int session_next; /* the entry that the next unknown host replaces */
    tls_remembered_t sessions[TLS_SESSION_MAX];
    char trust[256]; /* for sentences: the CA file, or "the system's certificates" */
};

struct aats_tls {
    SSL *ssl; /* NULL: plain */
    aats_tls_ctx_t *ctx;
    int fail;     /* AATS_OK, or the code that stays */
    int up;       /* handshake done */
    int eof;      /* no more input will come */
    int closing;  /* our side has ended writing */
    int cert_err; /* X509_V_ERR_*: the first fault in the peer's chain, 0 for none */
    int cert_depth;
    size_t in_at, in_end;   /* in[in_at..in_end) is fed and not yet read */
    size_t out_at, out_end; /* out[out_at..out_end) is pending */
    char host[AATS_TLS_HOST_SZ];
    char subject[TLS_NAME_SZ];
    char issuer[TLS_NAME_SZ];
    char text[AATS_TLS_TEXT_SZ];
    char about[96];
    uint8_t in[AATS_TLS_IN_SZ];
    uint8_t out[AATS_TLS_OUT_SZ];
};

/* aats_tls_session_take gives up the session last seen with `host`: it is the caller's to free.  NULL for none. */
SSL_SESSION *aats_tls_session_take(aats_tls_ctx_t *ctx, char const *host);

/* aats_tls_reason returns OpenSSL's last error in words, and empties its queue. */
char const *aats_tls_reason(void);

#endif
