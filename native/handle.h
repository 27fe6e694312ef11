// A native object that JavaScript holds as a value and jobs work on: it lives until neither does.
#pragma once

#include <node_api.h>

#include <atomic>

#include "arguments.h"

namespace graphdriver {

// What derives from it is made by `new (memory) T` in memory of malloc(), and freed by Release().
class Handle {
 public:
  // Its class, so that a value of another one is refused: the address of a constant.
  explicit Handle(const void* tag) : tag_(tag) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  const void* tag() const { return tag_; }

  // JS let go of it (collected, or the environment ended): what waits for JS gives up. Any thread.
  virtual void Abandon() {}
  void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release();

 protected:
  virtual ~Handle() = default;

 private:
  const void* tag_;
  std::atomic<uint32_t> references_{1};
};

// Holds a handle for as long as it is there.
template <typename T>
class Ref {
 public:
  Ref() = default;
  // Takes the reference that the caller has.
  static Ref Take(T* handle) {
    Ref ref;
    ref.handle_ = handle;
    return ref;
  }
  Ref(const Ref& other) : handle_(other.handle_) {
    if (handle_ != nullptr) handle_->Retain();
  }
  Ref(Ref&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Ref& operator=(const Ref& other) {
    if (other.handle_ != nullptr) other.handle_->Retain();
    if (handle_ != nullptr) handle_->Release();
    handle_ = other.handle_;
    return *this;
  }
  ~Ref() {
    if (handle_ != nullptr) handle_->Release();
  }
  T* get() const { return handle_; }

 private:
  T* handle_ = nullptr;
};

// A new handle, or a negative errno.
struct NewHandle {
  int error = 0;
  Ref<Handle> handle;
};
napi_value Encode(napi_env env, const NewHandle& result);
// Nobody got it: what waits for JS would wait for ever.
void Undo(const NewHandle& result);

// Null unless the value holds a handle of this class; the answer is borrowed.
Handle* HandleOf(napi_env env, napi_value value, const void* tag);

// Functions take `T*`; T::kTag tells the class.
template <typename T>
struct From<T*> {
  using Slot = Ref<T>;
  static Decoded Read(napi_env env, napi_value value, Arena*, Slot* slot) {
    Handle* handle = HandleOf(env, value, &T::kTag);
    if (handle == nullptr) return Decoded::kWrong;
    handle->Retain();
    *slot = Slot::Take(static_cast<T*>(handle));
    return Decoded::kOk;
  }
  static T* Load(const Slot& slot, const char*) { return slot.get(); }
};

}  // namespace graphdriver
