// The numbers of tar headers and PAX records, strictly: what readers could take in two ways is no
// number here.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace graphdriver {

constexpr size_t kTarBlock = 512;

// Bytes of somebody else's buffer, without a NUL at their end.
struct TarText {
  const char* data = nullptr;
  size_t size = 0;
};

// A number field of a header: octal (tar(5): after leading spaces, ended by NUL, space or the
// field's end), or base-256 (first byte 0x80, or 0xff for a negative one). Empty: 0. False: no
// number, or none of 64 bits.
bool ParseTarNumber(const char* field, size_t size, int64_t* value);

// Digits only. False: none, others, or more than `most`.
bool ParseDecimal(TarText text, uint64_t most, uint64_t* value);

// Since 1970, the nanoseconds counted on from the second, as in timespec(3type). A file may be
// dated after 2262, where 64 bits of nanoseconds end.
struct TarTime {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

// Seconds with an optional '-' and fraction: the earlier nanosecond where more digits follow.
// `fits`: whether 64 bits hold the seconds. False: not of this form.
bool ParsePaxTime(TarText text, TarTime* time, bool* fits);

// Whether the block's unsigned byte sum, its own checksum field taken as spaces, is the one that it
// states.
bool HasGoodChecksum(const char* block);

bool IsZeroBlock(const char* block);

// What stands before the first NUL of a field.
TarText FieldText(const char* field, size_t size);

}  // namespace graphdriver
