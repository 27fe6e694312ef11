#pragma once

#include <node_api.h>
#include <stdint.h>

#include "buffer.h"

namespace graphdriver {

// Rows of 64-bit numbers and the bytes that they point into; or a negative errno.
struct WideTable {
  int error = 0;
  Buffer rows;
  Buffer text;
  bool Add(int64_t value) { return rows.Append(&value, sizeof value); }
  // Adds where the bytes begin and end.
  bool AddText(const char* data, size_t size) {
    int64_t begin = static_cast<int64_t>(text.size());
    return text.Append(data, size) && Add(begin) && Add(begin + static_cast<int64_t>(size));
  }
};

// { rows: BigInt64Array, text: Buffer }
napi_value Encode(napi_env env, const WideTable& result);

}  // namespace graphdriver
