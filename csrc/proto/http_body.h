/* http_body.h -- a whole HTTP/1.1 answer: head, and a body by its length, in chunks, or up to the end of the connection.
 *
 * For: requests that an order session makes over a kept-alive connection.  Not for requests (their bodies are written, never read here), nor for
 * content codings: none is ever asked for.
 *
 * Strict (RFC 9112, sections 6 and 7): a length beside chunks, another coding than chunked, two lengths that differ, a chunk that does not end where it says
 * are refused: what follows on such a connection could be anything.  Answers of 1xx (100-continue, early hints) are passed over.
 */
#ifndef AATS_PROTO_HTTP_BODY_H
#define AATS_PROTO_HTTP_BODY_H

#include "proto/http.h"

typedef struct {
    aats_http_head_t head;
    char const *head_at; /* the final head's first byte */
    size_t head_len;
    char const *body;
    size_t body_len;
    size_t size;         /* bytes of the buffer that it took, with all that was passed over */
    int last;            /* 1: the connection ends with it: the server says so, is of version 1.0, or the body had no other end */
} aats_http_answer_t;

/* aats_http_answer takes the answer at the beginning of the n bytes at buf; a body in chunks is put together in place, once it is complete.
 *
 * eof 1: no more bytes will come.  Returns 1 and *out, whose pointers point into buf; AATS_E_MORE; AATS_E_SYNTAX: this is no answer, or it breaks
 * the rules above, or the connection ended inside it; AATS_E_TOO_BIG: its head, or more than body_max bytes of body.  buf is changed only where 1 is returned.
 * Cost: a look at the head and at each chunk's size each time. */
int aats_http_answer(char *buf, size_t n, size_t body_max, int eof, aats_http_answer_t *out);

#endif
