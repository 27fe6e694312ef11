#include "handle.h"

#include "results.h"

namespace graphdriver {

namespace {

void Finalize(napi_env, void* data, void*) {
  Handle* handle = static_cast<Handle*>(data);
  handle->Abandon();
  handle->Release();
}

}  // namespace

void Handle::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~Handle();
  free(this);
}

Handle* HandleOf(napi_env env, napi_value value, const void* tag) {
  napi_valuetype type;
  void* data;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_get_value_external(env, value, &data) != napi_ok) {
    return nullptr;
  }
  Handle* handle = static_cast<Handle*>(data);
  return handle->tag() == tag ? handle : nullptr;
}

napi_value Encode(napi_env env, const NewHandle& result) {
  if (result.error != 0) return Encode(env, result.error);
  Handle* handle = result.handle.get();
  napi_value value;
  handle->Retain();
  if (napi_create_external(env, handle, Finalize, nullptr, &value) == napi_ok) return value;
  handle->Release();
  return nullptr;
}

void Undo(const NewHandle& result) {
  if (Handle* handle = result.handle.get()) handle->Abandon();
}

}  // namespace graphdriver
