#pragma once

#include "buffer.h"
#include "walk.h"

namespace graphdriver {

// Where the first name of a file with several is in a copy or a tar, by the file's device and
// inode.
class Links {
 public:
  Links() = default;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;
  ~Links();
  // The path of the first copy, or null.
  const char* Find(const Statx& stat);
  // Notes the path of the first name; false without memory.
  bool Add(const Statx& stat, const char* path, size_t size);
  // The same, the path that `walk` is at.
  bool Add(const Statx& stat, Walk* walk);

 private:
  struct Slot {
    uint64_t device;
    uint64_t ino;
    // Into `paths_`, plus one; 0: free.
    size_t path;
  };
  static uint64_t DeviceOf(const Statx& stat) {
    return uint64_t{stat.dev_major} << 32 | stat.dev_minor;
  }
  Slot* Place(uint64_t device, uint64_t ino);
  bool Grow();
  Slot* slots_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
  Buffer paths_;
};

}  // namespace graphdriver
