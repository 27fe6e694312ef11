#include "results.h"

#include "system.h"

namespace graphdriver {

namespace {

bool Set(napi_env env, napi_value object, const char* name, napi_value value) {
  return value != nullptr && napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value Bytes(napi_env env, const Buffer& bytes) {
  napi_value value;
  if (napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &value) != napi_ok)
    return nullptr;
  return value;
}

napi_value Utf8(napi_env env, const char* text, size_t size) {
  napi_value value;
  if (napi_create_string_utf8(env, text, size, &value) != napi_ok) return nullptr;
  return value;
}

napi_value TypedArray(napi_env env, napi_typedarray_type type, size_t length, const void* bytes,
                      size_t size) {
  napi_value memory;
  napi_value array;
  void* place = nullptr;
  if (napi_create_arraybuffer(env, size, &place, &memory) != napi_ok) return nullptr;
  if (size > 0) memcpy(place, bytes, size);
  if (napi_create_typedarray(env, type, length, memory, 0, &array) != napi_ok) return nullptr;
  return array;
}

}  // namespace

napi_value Encode(napi_env env, int32_t result) {
  napi_value value;
  return napi_create_int32(env, result, &value) == napi_ok ? value : nullptr;
}

napi_value Encode(napi_env env, const Fd& result) {
  return Encode(env, result.value);
}

napi_value Encode(napi_env env, const Blob& result) {
  return result.error != 0 ? Encode(env, result.error) : Bytes(env, result.bytes);
}

napi_value Encode(napi_env env, const Row& result) {
  if (result.error != 0) return Encode(env, result.error);
  return TypedArray(env, napi_bigint64_array, result.count, result.values,
                    result.count * sizeof(int64_t));
}

napi_value Encode(napi_env env, const ContextResult& result) {
  if (result.value >= 0) return Encode(env, result.value);
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  bool made = Set(env, object, "errno", Encode(env, result.value)) &&
              Set(env, object, "step", Encode(env, result.step)) &&
              Set(env, object, "log", Utf8(env, result.log.data(), result.log.size()));
  return made ? object : nullptr;
}

napi_value Encode(napi_env env, const TreeResult& result) {
  napi_value value;
  if (result.error == 0)
    return napi_create_int64(env, result.count, &value) == napi_ok ? value : nullptr;
  if (napi_create_object(env, &value) != napi_ok) return nullptr;
  bool made = Set(env, value, "errno", Encode(env, result.error)) &&
              Set(env, value, "syscall", Utf8(env, result.call, NAPI_AUTO_LENGTH)) &&
              Set(env, value, "path", Bytes(env, result.path));
  return made ? value : nullptr;
}

napi_value Encode(napi_env env, const Table& result) {
  if (result.error != 0) return Encode(env, result.error);
  napi_value object;
  napi_value text;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_create_string_latin1(env, result.text.data(), result.text.size(), &text) != napi_ok) {
    return nullptr;
  }
  size_t size = result.rows.size();
  napi_value rows =
      TypedArray(env, napi_int32_array, size / sizeof(int32_t), result.rows.data(), size);
  return Set(env, object, "rows", rows) && Set(env, object, "text", text) ? object : nullptr;
}

void Undo(const Fd& result) {
  CloseQuietly(result.value);
}

void Undo(const ContextResult& result) {
  if (result.holds_fd) CloseQuietly(result.value);
}

}  // namespace graphdriver
