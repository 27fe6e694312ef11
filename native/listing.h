// The entries of one directory, in the order of their names' bytes.
#pragma once

#include <stdint.h>

#include "buffer.h"

namespace graphdriver {

struct DirectoryRecord;

class Listing {
 public:
  struct Item {
    uint64_t ino;
    // Into the names.
    uint32_t offset;
    // DT_DIR, DT_UNKNOWN, …
    unsigned char type;
  };
  // Reads all of an open directory; 0 or a negative errno.
  long Read(int fd);
  size_t size() const { return items_.size() / sizeof(Item); }
  const Item& At(size_t index) const { return reinterpret_cast<const Item*>(items_.data())[index]; }
  const char* Name(size_t index) const { return names_.data() + At(index).offset; }
  // The index of a name, or -1.
  long Find(const char* name) const;

 private:
  long Append(const DirectoryRecord& record);
  Buffer items_;
  Buffer names_;
};

}  // namespace graphdriver
