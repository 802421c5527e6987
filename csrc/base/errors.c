#include "base/errors.h"

char const *aats_err_name(int code)
{
    static char const *const NAMES[] = {
        "OK",    "MORE",   "ARG",  "FULL", "EMPTY",  "SYNTAX", "RANGE", "INEXACT", "SHAPE", "DUPKEY",  "UTF8",    "PROTO", "TOO_BIG",
        "CLOSED", "IO",    "CERT", "LAPPED", "BUSY", "DEAD",   "LAYOUT", "GAP",    "STALE", "CROSSED", "UNKNOWN", "NOMEM",
        "CHECKSUM",
    };
    int i = code >= 0 ? 0 : -code;
    return i < (int)(sizeof NAMES / sizeof NAMES[0]) ? NAMES[i] : "E?";
}
