#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

Row StatxRow(int32_t directory, Text path, int32_t flags, uint32_t mask);
Row StatfsRow(Text path);

}  // namespace graphdriver
