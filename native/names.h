// What is in one directory, of which only a little matters: its names, and the first lines of its
// files.
#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// The names that begin or end so, a NUL after each. An empty word matches nothing.
Blob FindNames(Text directory, Text beginning, Text ending);
// Each plain file: FirstLineField in lib/sys/native.ts.
Table FirstLines(Text directory, int64_t limit);

}  // namespace graphdriver
