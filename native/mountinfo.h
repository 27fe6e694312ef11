#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

Table Mountinfo(MaybeText path);
// Whether the table that the descriptor is open on changed since this was asked last: 1 or 0.
int32_t MountsChanged(int32_t fd);

}  // namespace graphdriver
