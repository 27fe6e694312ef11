// JS values to plain ones, copied before a job is queued. Two steps: Read() puts what has bytes
// into an arena and notes where; Load() makes the argument once the arena's place is final.
#pragma once

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

namespace graphdriver {

// A string or Buffer: `size` bytes without NUL, and then a NUL.
struct Text {
  const char* data;
  size_t size;
};
// The same, or null: `data` is null then.
struct MaybeText {
  const char* data;
  size_t size;
};
struct Bytes {
  const uint8_t* data;
  size_t size;
};
// JavaScript's own, for as long as the call: of functions that have no async form.
struct BorrowedBytes {
  const uint8_t* data;
  size_t size;
};
struct Numbers32 {
  const int32_t* data;
  size_t size;
};
// Nanoseconds since 1970, or null.
struct MaybeTime {
  bool given;
  int64_t nanoseconds;
};

enum class Decoded { kOk, kWrong, kNoMemory };

// Bytes one behind the other: on the caller's stack while they fit, so that a sync call allocates
// nothing.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    if (data_ != local_) free(data_);
  }
  char* data() { return data_; }
  size_t used() const { return used_; }
  size_t left() const { return capacity_ - used_; }
  char* end() { return data_ + used_; }
  bool Grow(size_t wanted);
  void Align() { used_ = (used_ + 7) & ~size_t{7}; }
  void Use(size_t size) { used_ += size; }

 private:
  alignas(8) char local_[6144];
  char* data_ = local_;
  size_t used_ = 0;
  size_t capacity_ = sizeof local_;
};

struct Slice {
  size_t offset;
  size_t size;
};
constexpr size_t kNull = SIZE_MAX;

bool IsNullish(napi_env env, napi_value value);
Decoded ReadText(napi_env env, napi_value value, Arena* arena, Slice* slot);
Decoded ReadElements(napi_env env, napi_value value, napi_typedarray_type type, Arena* arena,
                     Slice* slot);
Decoded BorrowBytes(napi_env env, napi_value value, BorrowedBytes* slot);
// An integer within [least, most]; what is no integer, or not within, is wrong.
Decoded ReadInteger(napi_env env, napi_value value, double least, double most, int64_t* slot);
Decoded ReadUnsigned64(napi_env env, napi_value value, uint64_t* slot);
Decoded ReadTime(napi_env env, napi_value value, MaybeTime* slot);
Decoded ReadBoolean(napi_env env, napi_value value, bool* slot);

template <typename T>
struct From;

template <>
struct From<Text> {
  using Slot = Slice;
  static Decoded Read(napi_env env, napi_value value, Arena* arena, Slot* slot) {
    return ReadText(env, value, arena, slot);
  }
  static Text Load(const Slot& slot, const char* base) { return {base + slot.offset, slot.size}; }
};

template <>
struct From<MaybeText> {
  using Slot = Slice;
  static Decoded Read(napi_env env, napi_value value, Arena* arena, Slot* slot) {
    Decoded decoded = ReadText(env, value, arena, slot);
    if (decoded != Decoded::kWrong || !IsNullish(env, value)) return decoded;
    slot->offset = kNull;
    return Decoded::kOk;
  }
  static MaybeText Load(const Slot& slot, const char* base) {
    if (slot.offset == kNull) return {nullptr, 0};
    return {base + slot.offset, slot.size};
  }
};

template <>
struct From<Bytes> {
  using Slot = Slice;
  static Decoded Read(napi_env env, napi_value value, Arena* arena, Slot* slot) {
    return ReadElements(env, value, napi_uint8_array, arena, slot);
  }
  static Bytes Load(const Slot& slot, const char* base) {
    return {reinterpret_cast<const uint8_t*>(base + slot.offset), slot.size};
  }
};

template <>
struct From<BorrowedBytes> {
  static constexpr bool kBorrows = true;
  using Slot = BorrowedBytes;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    return BorrowBytes(env, value, slot);
  }
  static BorrowedBytes Load(const Slot& slot, const char*) { return slot; }
};

template <>
struct From<Numbers32> {
  using Slot = Slice;
  static Decoded Read(napi_env env, napi_value value, Arena* arena, Slot* slot) {
    return ReadElements(env, value, napi_int32_array, arena, slot);
  }
  static Numbers32 Load(const Slot& slot, const char* base) {
    return {reinterpret_cast<const int32_t*>(base + slot.offset), slot.size / sizeof(int32_t)};
  }
};

template <typename T, int64_t kLeast, int64_t kMost>
struct FromInteger {
  using Slot = int64_t;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    return ReadInteger(env, value, static_cast<double>(kLeast), static_cast<double>(kMost), slot);
  }
  static T Load(const Slot& slot, const char*) { return static_cast<T>(slot); }
};
constexpr int64_t kSafe = (int64_t{1} << 53) - 1;
template <>
struct From<int32_t> : FromInteger<int32_t, INT32_MIN, INT32_MAX> {};
template <>
struct From<uint32_t> : FromInteger<uint32_t, 0, UINT32_MAX> {};
// Offsets and lengths: a number of JS, which holds 53 bits.
template <>
struct From<int64_t> : FromInteger<int64_t, -kSafe, kSafe> {};

template <>
struct From<uint64_t> {
  using Slot = uint64_t;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    return ReadUnsigned64(env, value, slot);
  }
  static uint64_t Load(const Slot& slot, const char*) { return slot; }
};

template <>
struct From<MaybeTime> {
  using Slot = MaybeTime;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    return ReadTime(env, value, slot);
  }
  static MaybeTime Load(const Slot& slot, const char*) { return slot; }
};

template <>
struct From<bool> {
  using Slot = bool;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    return ReadBoolean(env, value, slot);
  }
  static bool Load(const Slot& slot, const char*) { return slot; }
};

}  // namespace graphdriver
