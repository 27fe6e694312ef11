#include "op.h"

namespace graphdriver {

napi_value ThrowWrongArgument(napi_env env, size_t index) {
  char message[] = "argument 0";
  message[sizeof message - 2] = static_cast<char>('0' + index);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return nullptr;
}

napi_value PromiseOfNoMemory(napi_env env) {
  napi_deferred deferred;
  napi_value promise;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return nullptr;
  napi_value value = Encode(env, -ENOMEM);
  if (value == nullptr || napi_resolve_deferred(env, deferred, value) != napi_ok) return nullptr;
  return promise;
}

void AddPair(napi_env env, napi_value exports, const char* name, napi_callback start,
             napi_callback run, void* data) {
  char sync[64];
  size_t size = strlen(name);
  memcpy(sync, name, size);
  memcpy(sync + size, "Sync", 5);
  napi_value function;
  if (start != nullptr) {
    if (napi_create_function(env, name, size, start, data, &function) != napi_ok) return;
    napi_set_named_property(env, exports, name, function);
  }
  if (napi_create_function(env, sync, size + 4, run, data, &function) != napi_ok) return;
  napi_set_named_property(env, exports, sync, function);
}

}  // namespace graphdriver
