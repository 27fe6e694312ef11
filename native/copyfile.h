#pragma once

#include "attributes.h"
#include "buffer.h"
#include "kernel.h"

namespace graphdriver {

// Copies what a file holds: by sharing blocks where the filesystem can, else inside the kernel,
// else by hand. What is not supported once is not tried again. Holes stay holes.
class DataCopier {
 public:
  Outcome Copy(int from, const Statx& stat, int to);

 private:
  Outcome CopyExtents(int from, int64_t size, int to);
  Outcome CopyRange(int from, int to, int64_t start, int64_t end);
  // Answers the bytes done, or a negative errno after which ReadAndWrite() goes on.
  long InKernel(int from, int to, int64_t start, int64_t end);
  Outcome ReadAndWrite(int from, int to, int64_t start, int64_t end);
  bool can_clone_ = true;
  bool can_copy_ = true;
  Buffer block_;
};

}  // namespace graphdriver
