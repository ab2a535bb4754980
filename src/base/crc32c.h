#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/view.h"

/*
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4). crc is 0 at the start, else the
 * result for all the bytes before: crc32c(crc32c(0, a), b) is that of ab. By
 * the processor's own instruction where it has one.
 */
uint32_t crc32c(uint32_t crc, struct view v);
/* The same without special instructions; for processors that have none. */
uint32_t crc32c_portable(uint32_t crc, struct view v);

#endif
