// The layers below the one that is being unpacked, as far as it has to know them.
#pragma once

#include "buffer.h"
#include "kernel.h"
#include "layerform.h"

namespace graphdriver {

// Whether a directory of a layer hides what the layers below have in it.
bool HidesBelow(int directory, Form form);

// Where a directory that no entry is about gets its attributes from: a tar need not name the
// directories in which it only changes something, and that must not change these.
class UnpackLowers {
 public:
  // Their directories, nearest first, each with a NUL behind it; looked at when they are needed.
  bool Set(const void* paths, size_t size);
  bool none() const { return paths_.size() == 0; }
  // The directory that they show at a path without links, with a NUL at its end, below the roots.
  // `own` is the root of the layer above them, which may hide it. Answers a descriptor; -ENOENT
  // when they show none.
  long Find(int own, const char* path, Form form) const;

 private:
  static long Look(int root, const char* path, size_t parts, Form form, size_t* visible);
  Buffer paths_;
};

}  // namespace graphdriver
