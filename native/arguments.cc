#include "arguments.h"

namespace graphdriver {

bool Arena::Grow(size_t wanted) {
  if (wanted <= left()) return true;
  size_t capacity = capacity_;
  while (capacity - used_ < wanted) {
    if (capacity > SIZE_MAX / 2) return false;
    capacity *= 2;
  }
  char* grown = static_cast<char*>(malloc(capacity));
  if (grown == nullptr) return false;
  memcpy(grown, data_, used_);
  if (data_ != local_) free(data_);
  data_ = grown;
  capacity_ = capacity;
  return true;
}

bool IsNullish(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && (type == napi_null || type == napi_undefined);
}

namespace {

// A path with a NUL inside would name another file than the caller meant.
Decoded EndText(Arena* arena, size_t size, Slice* slot) {
  char* text = arena->end();
  text[size] = 0;
  if (strlen(text) != size) return Decoded::kWrong;
  *slot = {arena->used(), size};
  arena->Use(size + 1);
  return Decoded::kOk;
}

}  // namespace

Decoded ReadText(napi_env env, napi_value value, Arena* arena, Slice* slot) {
  constexpr size_t kLongestCharacter = 4;
  if (!arena->Grow(256)) return Decoded::kNoMemory;
  size_t size = 0;
  napi_status status = napi_get_value_string_utf8(env, value, arena->end(), arena->left(), &size);
  if (status == napi_string_expected) {
    Slice bytes;
    Decoded decoded = ReadElements(env, value, napi_uint8_array, arena, &bytes);
    if (decoded != Decoded::kOk) return decoded;
    // ReadElements aligns, and leaves room for the NUL.
    arena->Use(0 - bytes.size);
    return EndText(arena, bytes.size, slot);
  }
  if (status != napi_ok) return Decoded::kWrong;
  // Perhaps cut: ask for the length.
  if (size + kLongestCharacter >= arena->left()) {
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok)
      return Decoded::kWrong;
    if (!arena->Grow(size + 1)) return Decoded::kNoMemory;
    if (napi_get_value_string_utf8(env, value, arena->end(), size + 1, &size) != napi_ok) {
      return Decoded::kWrong;
    }
  }
  return EndText(arena, size, slot);
}

namespace {

Decoded FindElements(napi_env env, napi_value value, napi_typedarray_type type, void** data,
                     size_t* length) {
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return Decoded::kWrong;
  napi_typedarray_type found;
  bool good =
      napi_get_typedarray_info(env, value, &found, length, data, nullptr, nullptr) == napi_ok &&
      found == type;
  return good ? Decoded::kOk : Decoded::kWrong;
}

}  // namespace

Decoded BorrowBytes(napi_env env, napi_value value, BorrowedBytes* slot) {
  void* data = nullptr;
  Decoded decoded = FindElements(env, value, napi_uint8_array, &data, &slot->size);
  slot->data = static_cast<const uint8_t*>(data);
  return decoded;
}

Decoded ReadElements(napi_env env, napi_value value, napi_typedarray_type type, Arena* arena,
                     Slice* slot) {
  size_t length = 0;
  void* data = nullptr;
  Decoded decoded = FindElements(env, value, type, &data, &length);
  if (decoded != Decoded::kOk) return decoded;
  size_t size = length * (type == napi_int32_array ? sizeof(int32_t) : 1);
  if (!arena->Grow(size + 16)) return Decoded::kNoMemory;
  arena->Align();
  if (size > 0) memcpy(arena->end(), data, size);
  *slot = {arena->used(), size};
  arena->Use(size);
  return Decoded::kOk;
}

Decoded ReadInteger(napi_env env, napi_value value, double least, double most, int64_t* slot) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return Decoded::kWrong;
  // NaN fails every comparison.
  if (!(number >= least && number <= most)) return Decoded::kWrong;
  *slot = static_cast<int64_t>(number);
  return static_cast<double>(*slot) == number ? Decoded::kOk : Decoded::kWrong;
}

Decoded ReadUnsigned64(napi_env env, napi_value value, uint64_t* slot) {
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, slot, &lossless) != napi_ok) return Decoded::kWrong;
  return lossless ? Decoded::kOk : Decoded::kWrong;
}

Decoded ReadTime(napi_env env, napi_value value, MaybeTime* slot) {
  bool lossless = false;
  napi_status status = napi_get_value_bigint_int64(env, value, &slot->nanoseconds, &lossless);
  slot->given = true;
  if (status == napi_ok) return lossless ? Decoded::kOk : Decoded::kWrong;
  slot->given = false;
  return IsNullish(env, value) ? Decoded::kOk : Decoded::kWrong;
}

Decoded ReadBoolean(napi_env env, napi_value value, bool* slot) {
  return napi_get_value_bool(env, value, slot) == napi_ok ? Decoded::kOk : Decoded::kWrong;
}

}  // namespace graphdriver
