/* crc32.h -- the checksum of IEEE 802.3 (zlib's crc32): what venues put beside a book so that both sides can compare.
 *
 * For: the `check` of venue/<venue>.c.  Not for files of ours (the journal has its own).  Pure; any thread.
 */
#ifndef AATS_PROTO_CRC32_H
#define AATS_PROTO_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* aats_crc32 goes on over n bytes; crc: what it returned for the bytes before, 0 at the start.  The sum of nothing is 0.  Cost: 0.5 ns a byte
 * by tables; from 64 bytes on by carry-less multiplication where the processor has it (base/isa.h, sse42 and above), 0.15 ns a
 * byte of 300. */
uint32_t aats_crc32(uint32_t crc, void const *bytes, size_t n);

#endif
