#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// The argument is for later: 0.
Table ListMounts(int32_t flags);

}  // namespace graphdriver
