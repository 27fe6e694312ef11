#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// 1: something is mounted exactly here; 0: not; 2: the kernel does not say.
int32_t IsMountRoot(Text path, int32_t flags);
Row StatxRow(int32_t directory, Text path, int32_t flags, uint32_t mask);
Row StatfsRow(Text path);

}  // namespace graphdriver
