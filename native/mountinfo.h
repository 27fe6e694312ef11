#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

Table Mountinfo(MaybeText path);

}  // namespace graphdriver
