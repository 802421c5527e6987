/* each_isa.h -- a test's body once for each level of instructions (base/isa.h) that this machine has.
 *
 * For: tests of what has several versions; the scalar one is among them, and on other processors the only one. */
#ifndef AATS_TESTS_EACH_ISA_H
#define AATS_TESTS_EACH_ISA_H

#include <string.h>

#include "base/isa.h"

#define EACH_ISA 4

/* isa_there puts level number i in force.  Returns its name, NULL if this machine does not have it. */
__attribute__((unused)) static char const *isa_there(int i)
{
    static char const *const NAMES[EACH_ISA] = {"scalar", "sse42", "avx2", "avx512"};
    char why[200];
    if (aats_isa_use(NAMES[i], why, sizeof why) != 0) return NULL;
    return strcmp(aats_isa_name(), NAMES[i]) == 0 ? NAMES[i] : NULL;
}

__attribute__((unused)) static void on_each_isa(void (*body)(void))
{
    for (int i = 0; i < EACH_ISA; i++)
        if (isa_there(i) != NULL) body();
}

#endif
