#pragma once

#include "arguments.h"
#include "results.h"

namespace graphdriver {

// Two files, the second of which the first one's first line names; or a negative errno. A second
// one that cannot be read is left out.
struct FilePair {
  Blob first;
  Blob second;
};
FilePair ReadPair(Text directory, Text name, int64_t limit);
napi_value Encode(napi_env env, const FilePair& result);

}  // namespace graphdriver
