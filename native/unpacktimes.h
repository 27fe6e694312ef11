// The times of directories, to be set when nothing is made in them any more.
#pragma once

#include "buffer.h"
#include "tarnumber.h"
#include "unpacknotes.h"
#include "unpackroot.h"

namespace graphdriver {

class UnpackTimes {
 public:
  // False without memory.
  bool Add(const char* path, size_t size, uint64_t ino, TarTime mtime);
  // Those that are still the directories that they were. On failure `path` is where.
  UnpackFailure Apply(UnpackRoot* root, Buffer* path) const;

 private:
  // What a path has in common with the one before is not kept again: a few dozen bytes a directory.
  struct Record {
    uint64_t ino;
    TarTime mtime;
    uint16_t shared;
    uint16_t size;
  };
  UnpackFailure ApplyOne(UnpackRoot* root, const Record& record, const Buffer& path) const;
  Buffer records_;
  Buffer last_;
};

}  // namespace graphdriver
