// What the plain functions answer, and how it becomes a JS value. Encode() runs on the JS thread
// and answers null when there is no memory or the environment is ending.
#pragma once

#include <node_api.h>
#include <stdint.h>

#include "buffer.h"

namespace graphdriver {

// A descriptor, or a negative errno.
struct Fd {
  int value;
};

// Bytes, or a negative errno.
struct Blob {
  int error = 0;
  Buffer bytes;
};

// A row of 64-bit numbers, or a negative errno.
struct Row {
  int error = 0;
  uint32_t count = 0;
  int64_t values[20];
};

// A descriptor or 0; else which call failed, and the kernel's own words.
struct ContextResult {
  int value = 0;
  int step = 0;
  bool holds_fd = false;
  Buffer log;
};

// A count; else which call failed where.
struct TreeResult {
  int64_t count = 0;
  int error = 0;
  const char* call = "";
  Buffer path;
};

// Text and rows of numbers about it, or a negative errno.
struct Table {
  int error = 0;
  Buffer text;
  Buffer rows;
};

napi_value Encode(napi_env env, int32_t result);
napi_value Encode(napi_env env, const Fd& result);
napi_value Encode(napi_env env, const Blob& result);
napi_value Encode(napi_env env, const Row& result);
napi_value Encode(napi_env env, const ContextResult& result);
napi_value Encode(napi_env env, const TreeResult& result);
napi_value Encode(napi_env env, const Table& result);

// Nobody took the result. Only those that hold something have one.
void Undo(const Fd& result);
void Undo(const ContextResult& result);

}  // namespace graphdriver
