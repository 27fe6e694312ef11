#pragma once

#include "arguments.h"

namespace graphdriver {

int32_t SetLock(int32_t fd, int32_t type, int64_t start, int64_t length);
int32_t GetLock(int32_t fd, int32_t type, int64_t start, int64_t length);

}  // namespace graphdriver
