/* errors.h -- the return codes of every C function in AATS.
 *
 * A function returns AATS_OK, a count, or one of these negative codes; nothing else.  One Python function
 * (aats._ffi.check) turns a code into an exception.  Codes are part of no stored format: they may be renumbered.
 */
#ifndef AATS_BASE_ERRORS_H
#define AATS_BASE_ERRORS_H

/* cdef-begin */
enum {
    AATS_OK          =   0,
    AATS_E_MORE      =  -1, /* not complete yet: call again with more bytes */
    AATS_E_ARG       =  -2, /* a caller's mistake: null, size, alignment */
    AATS_E_FULL      =  -3, /* a fixed table or buffer has no room left */
    AATS_E_EMPTY     =  -4, /* nothing there */
    AATS_E_SYNTAX    =  -5, /* bytes that are not of the grammar (JSON, HTTP, number) */
    AATS_E_RANGE     =  -6, /* a number that does not fit 64 bits at its exponent */
    AATS_E_INEXACT   =  -7, /* a number with non-zero digits below its exponent */
    AATS_E_SHAPE     =  -8, /* well-formed, but not the message that the schema expects */
    AATS_E_DUPKEY    =  -9, /* a wanted key stands twice in one object */
    AATS_E_UTF8      = -10, /* text that is not UTF-8 */
    AATS_E_PROTO     = -11, /* the peer broke its protocol (WebSocket, HTTP, TLS) */
    AATS_E_TOO_BIG   = -12, /* larger than the limit that the caller set */
    AATS_E_CLOSED    = -13, /* the peer ended the connection */
    AATS_E_IO        = -14, /* the operating system refused; errno or the error text tells */
    AATS_E_CERT      = -15, /* the peer's certificate does not verify */
    AATS_E_LAPPED    = -16, /* the ring overwrote the record that was asked for */
    AATS_E_BUSY      = -17, /* somebody else holds it, or the writer is in the middle of it */
    AATS_E_DEAD      = -18, /* the owner's process is gone */
    AATS_E_LAYOUT    = -19, /* a segment of another layout or size */
    AATS_E_GAP       = -20, /* the venue's sequence is broken */
    AATS_E_STALE     = -21, /* older than what is already there */
    AATS_E_CROSSED   = -22, /* best bid at or above best ask */
    AATS_E_UNKNOWN   = -23, /* a name (symbol, stream, slot) that is not in the table */
    AATS_E_NOMEM     = -24,
    AATS_E_CHECKSUM  = -25  /* the venue's checksum is not that of the book */
};
/* cdef-end */

/* aats_err_name returns the name of a code without its prefix ("LAPPED"), "OK" for any code >= 0, and
 * "E?" for one that is not in the list.  Static memory. */
/* cdef-begin */
char const *aats_err_name(int code);
/* cdef-end */

#endif
