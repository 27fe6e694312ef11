#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

TreeResult RemoveTree(int32_t directory, Text path);
TreeResult CopyTree(Text from, Text to, uint32_t flags);

}  // namespace graphdriver
