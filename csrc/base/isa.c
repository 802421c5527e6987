#include "base/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errors.h"

#define LEVELS 4

static char const *const NAMES[LEVELS] = {"scalar", "sse42", "avx2", "avx512"};

int aats_isa_level = AATS_ISA_SCALAR;
static char refused[160];

static int best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return AATS_ISA_SCALAR;
    int const avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt");
    if (!avx2) return AATS_ISA_SSE42;
    int const wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512dq");
    return wide ? AATS_ISA_AVX512 : AATS_ISA_AVX2;
#else
    return AATS_ISA_SCALAR;
#endif
}

char const *aats_isa_name(void) { return NAMES[aats_isa_level]; }
char const *aats_isa_best_name(void) { return NAMES[best()]; }
char const *aats_isa_refused(void) { return refused[0] ? refused : NULL; }

int aats_isa_use(char const *name, char *why, size_t cap)
{
    for (int level = 0; level < LEVELS; level++) {
        if (strcmp(name, NAMES[level]) != 0) continue;
        int const top = best();
        aats_isa_level = level < top ? level : top;
        return AATS_OK;
    }
    snprintf(why, cap, "AATS_ISA is \"%.40s\"; expected one of scalar, sse42, avx2, avx512, or nothing for the best that the processor has", name);
    return AATS_E_UNKNOWN;
}

__attribute__((constructor)) static void choose(void)
{
    char const *name = getenv("AATS_ISA");
    if (name == NULL || name[0] == 0) aats_isa_level = best();
    else aats_isa_use(name, refused, sizeof refused);
}
