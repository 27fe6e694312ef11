// getdents64(2)
#pragma once

#include <stdint.h>

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

}  // namespace graphdriver
