/* http.h -- the head of an HTTP/1.1 message: status or request line and fields.
 *
 * For the answer to a WebSocket upgrade and for small control-plane answers; not for bodies (the caller reads
 * content-length bytes or knows none come), not for chunked transfer. Strict (RFC 9112): lines end in CR LF, a
 * folded field or a bare LF is refused, a field name is a token, HTTP/1.0 and 1.1 only. A head is parsed anew each
 * time bytes arrive: heads are small and come once a connection.
 *
 * Owner: the caller. The head's pointers point into the caller's bytes and live as long as those.
 */
#ifndef AATS_PROTO_HTTP_H
#define AATS_PROTO_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/errors.h"

#define AATS_HTTP_FIELDS 64            /* fields of one head */
#define AATS_HTTP_HEAD_MAX (16 * 1024) /* bytes of one head */

typedef struct {
    char const *name;
    char const *value; /* without the white space around it */
    uint32_t name_len;
    uint32_t value_len;
} aats_http_field_t;

typedef struct {
    int status;         /* of an answer: 100..999; of a request: 0 */
    int minor;          /* HTTP/1.minor */
    char const *reason; /* of an answer; may be empty */
    char const *method; /* of a request */
    char const *target; /* of a request: "/stream?streams=..." */
    uint32_t reason_len;
    uint32_t method_len;
    uint32_t target_len;
    uint32_t field_cnt;
    aats_http_field_t fields[AATS_HTTP_FIELDS];
} aats_http_head_t;

/* aats_http_head parses the head of an answer in the n bytes at buf.
 *
 * Returns its size in bytes (the body begins there); AATS_E_MORE while it is not complete; AATS_E_SYNTAX, as soon as
 * no further byte could mend it; AATS_E_TOO_BIG for more than AATS_HTTP_HEAD_MAX bytes or AATS_HTTP_FIELDS fields.
 * *h is defined only after a size. */
int aats_http_head(char const *buf, size_t n, aats_http_head_t *h);

/* aats_http_request_head does the same for a request; the server side of the tests. */
int aats_http_request_head(char const *buf, size_t n, aats_http_head_t *h);

/* aats_http_find gives the first field of that name, compared without case: 1, or 0 if there is none. */
int aats_http_find(aats_http_head_t const *h, char const *name, char const **value, size_t *n);

/* aats_http_count returns how many fields have that name. */
int aats_http_count(aats_http_head_t const *h, char const *name);

/* aats_http_has returns 1 if token stands in the comma lists of all fields of that name ("Connection: keep-alive,
 * Upgrade"), without case; else 0. */
int aats_http_has(aats_http_head_t const *h, char const *name, char const *token);

/* aats_http_length gives the content length: 1; 0 if no field says; AATS_E_SYNTAX for one that is no number or for
 * two that differ. */
int aats_http_length(aats_http_head_t const *h, uint64_t *out);

/* aats_http_retry_after gives the seconds of retry-after: 1; 0 if there is none or it is a date (wait as without
 * it). */
int aats_http_retry_after(aats_http_head_t const *h, uint64_t *out);

#endif
