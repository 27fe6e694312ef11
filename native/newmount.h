#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

ContextResult NewMount(Text type, Numbers32 commands, Bytes words, uint32_t flags,
                       int64_t attributes);
ContextResult Reconfigure(int32_t directory, Text path, uint32_t flags, Numbers32 commands,
                          Bytes words);

}  // namespace graphdriver
