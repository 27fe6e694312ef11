// What is in one directory, of which only a little matters: its names, and the first lines of its
// files.
#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// The names that begin or end so, a NUL after each. An empty word matches nothing.
Blob FindNames(Text directory, Text beginning, Text ending);
// Each entry: FirstLineField in lib/sys/native.ts. What is no plain file has an errno.
Table FirstLines(Text directory, int64_t limit);

}  // namespace graphdriver
