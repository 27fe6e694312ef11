// One tar header by the rules of POSIX pax (pax(1), "pax Interchange Format"): a ustar header, and
// an extended header before it for what does not fit.
#pragma once

#include <stdint.h>

#include "buffer.h"
#include "tarnumber.h"

namespace graphdriver {

// What is behind the last byte of a body, up to a whole block.
constexpr uint64_t TarPadding(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

struct TarHeader {
  // '0' file, '1' hard link, '2' symlink, '3' character device, '4' block device, '5' directory,
  // '6' fifo.
  char type = '0';
  // A directory's name ends in a slash.
  const char* name = "";
  size_t name_size = 0;
  const char* link = "";
  size_t link_size = 0;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  uint32_t major = 0;
  uint32_t minor = 0;
};

// Appends one record of an extended header: "<length> <key><rest of the key>=<value>\n".
bool AppendPaxRecord(Buffer* records, const char* key, const char* key_rest, const void* value,
                     size_t size);

// Appends the blocks before an entry's body. `xattrs`: records of the extended header, ready made.
// False without memory.
bool AppendTarHeader(Buffer* blocks, const TarHeader& entry, const Buffer& xattrs);

}  // namespace graphdriver
