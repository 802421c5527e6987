/* tls_priv.h -- what tls.c (connections), tls_ctx.c (trust, sessions), tls_keys.c, tls_record.c and tls_send.c (records without
 * OpenSSL) share; for nobody else. */
#ifndef AATS_IO_TLS_PRIV_H
#define AATS_IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "io/gcm.h"
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

enum { TLS_TYPE_ALERT = 21, TLS_TYPE_HANDSHAKE = 22, TLS_TYPE_DATA = 23 };

/* The traffic keys of one direction. */
typedef struct {
    size_t secret_len;  /* 32 (SHA-256, AES-128) or 48 (SHA-384, AES-256); 0: not told */
    uint8_t secret[48];
    uint8_t iv[12];
    uint64_t seq;       /* number of the next record */
    aats_gcm_t gcm;
} tls_keys_t;

enum { TLS_RECORD_NONE = 0, TLS_RECORD_WATCHING = 1, TLS_RECORD_OWN = 2 };

/* What tls_record.c knows of a connection. */
typedef struct {
    int state;          /* TLS_RECORD_*: who reads records */
    int quiet;          /* records in a row that carried nothing */
    size_t waits;       /* plain bytes at in[in_at] that had no room yet */
    size_t after;       /* bytes of their record behind them */
    uint8_t head[5];    /* of a handshake message that comes in pieces */
    uint32_t head_len;
    uint32_t skip;      /* bytes of a ticket still to come */
    tls_keys_t keys;    /* the server's */
} tls_record_t;

/* What tls_send.c knows of it. */
typedef struct {
    int own;            /* 1: records are written here, OpenSSL's are dropped */
    uint64_t records;   /* that OpenSSL has written since the handshake */
    uint64_t renew_at;  /* records under one key; then comes the next */
    size_t left;        /* bytes of its last one still to pass */
    uint8_t head[5];
    size_t head_len;
    tls_keys_t keys;    /* the client's */
} tls_send_t;

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
    size_t in_limit;        /* OpenSSL may read up to here; 0: all */
    size_t out_at, out_end; /* out[out_at..out_end) is pending */
    tls_record_t rec;
    tls_send_t send;
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

/* aats_tls_settle turns the result of an SSL_* call that did not succeed into 0 (go on later) or the code that stays; aats_tls_fail_closed says how the
 * peer ended it. */
int aats_tls_settle(aats_tls_t *t, int ret);
int aats_tls_fail_closed(aats_tls_t *t);

/* tls_keys_log takes what OpenSSL tells a key log.  tls_keys_start makes the keys of the secret, tls_keys_next those after a key update: 1, or 0 without
 * memory.  tls_keys_nonce is the next record's. */
void tls_keys_log(SSL const *ssl, char const *line);
int  tls_keys_start(tls_keys_t *k, int seals);
int  tls_keys_next(tls_keys_t *k, int seals);
void tls_keys_nonce(tls_keys_t const *k, uint8_t *nonce);
void tls_keys_fini(tls_keys_t *k);

/* tls_send_count sees what OpenSSL writes after the handshake; tls_send_begin takes over, or leaves writing to OpenSSL for good. */
void tls_send_count(tls_send_t *s, uint8_t const *bytes, size_t n);
void tls_send_begin(aats_tls_t *t);
void tls_send_fini(aats_tls_t *t);

/* tls_send_data writes one record of up to 16384 bytes, for which there is room behind what is pending (and for a key update before it);
 * tls_send_key_update tells of new keys and uses them.  AATS_OK; AATS_E_NOMEM, AATS_E_FULL: the connection cannot go on.  tls_send_alert does what it can. */
int  tls_send_data(aats_tls_t *t, void const *text, size_t n);
int  tls_send_key_update(aats_tls_t *t);
void tls_send_alert(aats_tls_t *t, int level, int what);

/* tls_send_room makes the free part of `out` one piece and returns its size. */
size_t tls_send_room(aats_tls_t *t);

/* tls_record_begin is called when the handshake is done; tls_record_fini wipes the keys. */
void tls_record_begin(aats_tls_t *t);
void tls_record_fini(aats_tls_t *t);

/* tls_record_read adds plain bytes to dst, *got of them so far, until cap is full or there is no whole record.  AATS_OK, or the code that stays.  Where
 * rec.state is TLS_RECORD_NONE afterwards, OpenSSL reads. */
int tls_record_read(aats_tls_t *t, uint8_t *dst, size_t cap, size_t *got);

/* aats_tls_reason returns OpenSSL's last error in words, and empties its queue. */
char const *aats_tls_reason(void);

#endif
