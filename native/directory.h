// getdents64(2)
#pragma once

#include <stdint.h>

#include "system.h"

namespace graphdriver {

struct DirectoryRecord {
  uint64_t ino;
  int64_t offset;
  unsigned short size;
  unsigned char type;
  char name[1];
};

inline bool IsDots(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

// Reads a directory to its end, but for `.` and `..`. `take` gets each record and answers 0, or a
// negative errno, which ends it and is the answer. -ENOENT: the directory itself is gone.
template <typename Take>
long ReadDirectory(int fd, Take take) {
  alignas(8) char records[1 << 15];
  while (true) {
    long size = CallAgain(SYS_getdents64, fd, static_cast<void*>(records), sizeof records);
    if (size <= 0) return size;
    for (long at = 0; at < size;) {
      const DirectoryRecord* record = reinterpret_cast<const DirectoryRecord*>(records + at);
      at += record->size;
      if (IsDots(record->name)) continue;
      if (long error = take(*record)) return error;
    }
  }
}

}  // namespace graphdriver
