/* session_host.h -- gives an order session its sockets and TLS: what session.h leaves out.
 *
 * One connection for each link of the session, to the host of its way.  The pass belongs to the trade loop's thread; nothing in it blocks.  The clock of a
 * pass is the caller's.
 */
#ifndef AATS_APP_SESSION_HOST_H
#define AATS_APP_SESSION_HOST_H

#include "app/session.h"

/* cdef-begin */
typedef struct {
    char host[128];    /* for SNI and the certificate; "": as the first way's, with its port */
    uint32_t port;
    uint32_t plain;    /* 1: no TLS */
} aats_session_outlet_t;
typedef struct {
    char host[128];    /* for SNI and the certificate */
    char ca_file[512]; /* "": the system's certificates */
    uint32_t port;
    uint32_t plain;    /* 1: ws://, no TLS */
    aats_session_outlet_t more[2]; /* of the second and third way */
} aats_session_host_opts_t;

/* aats_session_host_open gives session its outside (the session owns it: aats_session_free closes it).  AATS_OK; else a code and a
 * sentence in why. */
int aats_session_host_open(aats_session_t *s, aats_session_host_opts_t const *opts, char *why, size_t why_sz);
/* cdef-end */

#endif
