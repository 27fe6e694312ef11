#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

Blob Getxattr(Text path, Text name, bool follow);
int32_t Setxattr(Text path, Text name, Bytes value, int32_t flags, bool follow);
Blob Listxattr(Text path, bool follow);
int32_t Removexattr(Text path, Text name, bool follow);

}  // namespace graphdriver
