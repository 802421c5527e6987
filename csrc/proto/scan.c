#include "proto/scan.h"

#include "proto/scan_bits.h"

#if defined(__x86_64__)
aats_scan_t const AATS_SCANS[4] = {
    [AATS_ISA_SSE42]  = {aats_scan_levels_sse42, NULL, aats_scan_quote_sse42, aats_scan_ascii_sse42},
    [AATS_ISA_AVX2]   = {aats_scan_levels_avx2, aats_scan_loose_avx2, aats_scan_quote_avx2, aats_scan_ascii_avx2},
    [AATS_ISA_AVX512] = {aats_scan_levels_avx512, aats_scan_loose_avx2, aats_scan_quote_avx512, aats_scan_ascii_avx512},
};
#else
aats_scan_t const AATS_SCANS[4];
#endif
