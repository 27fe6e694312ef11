#include "widetable.h"

#include "results.h"

namespace graphdriver {

namespace {

napi_value Wide(napi_env env, const Buffer& rows) {
  napi_value memory;
  napi_value array;
  void* place = nullptr;
  if (napi_create_arraybuffer(env, rows.size(), &place, &memory) != napi_ok) return nullptr;
  if (rows.size() > 0) memcpy(place, rows.data(), rows.size());
  size_t count = rows.size() / sizeof(int64_t);
  if (napi_create_typedarray(env, napi_bigint64_array, count, memory, 0, &array) != napi_ok)
    return nullptr;
  return array;
}

}  // namespace

napi_value Encode(napi_env env, const WideTable& result) {
  if (result.error != 0) return Encode(env, result.error);
  napi_value object;
  napi_value rows = Wide(env, result.rows);
  napi_value text;
  bool made = rows != nullptr && napi_create_object(env, &object) == napi_ok &&
              napi_create_buffer_copy(env, result.text.size(), result.text.data(), nullptr,
                                      &text) == napi_ok &&
              napi_set_named_property(env, object, "rows", rows) == napi_ok &&
              napi_set_named_property(env, object, "text", text) == napi_ok;
  return made ? object : nullptr;
}

}  // namespace graphdriver
