/* tls_mode.c -- who reads and writes the records of a connection: AATS_TLS, read once; see tls.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "io/gcm.h"
#include "io/tls.h"

#define MODES 3

static char const *const NAMES[MODES] = {"openssl", "records", "vector"};

static int mode = AATS_TLS_RECORDS;
static char refused[160];

int aats_tls_mode(void) { return mode == AATS_TLS_VECTOR && !gcm_vaes_can() ? AATS_TLS_RECORDS : mode; }
char const *aats_tls_mode_name(void) { return NAMES[aats_tls_mode()]; }
char const *aats_tls_refused(void) { return refused[0] ? refused : NULL; }

int aats_tls_use(char const *name, char *why, size_t cap)
{
    for (int i = 0; i < MODES; i++) {
        if (strcmp(name, NAMES[i]) != 0) continue;
        mode = i;
        return AATS_OK;
    }
    snprintf(why, cap, "AATS_TLS is \"%.40s\"; expected one of openssl, records, vector, or nothing for records", name);
    return AATS_E_UNKNOWN;
}

__attribute__((constructor)) static void choose(void)
{
    char const *name = getenv("AATS_TLS");
    if (name == NULL || name[0] == 0) return;
    if (aats_tls_use(name, refused, sizeof refused) != AATS_OK) mode = AATS_TLS_OPENSSL;
}
