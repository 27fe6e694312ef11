// The one async primitive: Op<&Umount2, Lane::kUnmount>::Add(…, "umount2", …) makes umount2() ->
// Promise and umount2Sync() of a plain C++ function that knows nothing of Node, threads or
// promises.
#pragma once

#include <node_api.h>

#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "executor.h"
#include "job.h"
#include "results.h"
#include "system.h"

namespace graphdriver {

// Throws a TypeError that names the argument by its position. Answers null.
napi_value ThrowWrongArgument(napi_env env, size_t index);
// Answers a promise that holds -ENOMEM.
napi_value PromiseOfNoMemory(napi_env env);
// Makes two functions, `name` and `name`Sync; only the second one without `start`.
void AddPair(napi_env env, napi_value exports, const char* name, napi_callback start,
             napi_callback run, void* data);

// Results that somebody must take or else give back have an Undo().
template <typename Result, typename = void>
struct Holds : std::false_type {};
template <typename Result>
struct Holds<Result, std::void_t<decltype(Undo(std::declval<const Result&>()))>> : std::true_type {
};

// Arguments that are there during a call only.
template <typename Argument, typename = void>
struct Borrows : std::false_type {};
template <typename Argument>
struct Borrows<Argument, std::void_t<decltype(From<Argument>::kBorrows)>> : std::true_type {};

// `kUndo`: undoes a success whose result alone does not tell how: it takes the result and then the
// arguments.
template <auto kFunction, Lane kLane, auto kUndo = nullptr>
class Op;

template <typename Result, typename... Arguments, Result (*kFunction)(Arguments...), Lane kLane,
          auto kUndo>
class Op<kFunction, kLane, kUndo> {
 public:
  static void Add(napi_env env, napi_value exports, const char* name, Environment* environment) {
    napi_callback start = nullptr;
    if constexpr (!(Borrows<Arguments>::value || ...)) start = Start;
    AddPair(env, exports, name, start, RunNow, environment);
  }

 private:
  static_assert(sizeof...(Arguments) > 0 && sizeof...(Arguments) < 10);
  using Slots = std::tuple<typename From<Arguments>::Slot...>;
  using Indices = std::index_sequence_for<Arguments...>;
  static constexpr bool kHasUndo = !std::is_same_v<decltype(kUndo), std::nullptr_t>;

  // The arguments' bytes follow it, in the same allocation.
  struct Call : Job {
    Slots slots;
    // Made by Run.
    alignas(Result) char result[sizeof(Result)];
    bool ran;
    Result* answer() { return std::launder(reinterpret_cast<Result*>(result)); }
    char* bytes() { return reinterpret_cast<char*>(this) + kHead; }
  };
  static constexpr size_t kHead = (sizeof(Call) + 7) & ~size_t{7};

  // `wrong`: which argument it was, unless all is well.
  template <size_t... kAt>
  static Decoded Decode(napi_env env, napi_value* values, Arena* arena, Slots* slots, size_t* wrong,
                        std::index_sequence<kAt...>) {
    Decoded decoded = Decoded::kOk;
    (void)((*wrong = kAt,
            decoded = From<Arguments>::Read(env, values[kAt], arena, &std::get<kAt>(*slots)),
            decoded == Decoded::kOk) &&
           ...);
    return decoded;
  }

  template <size_t... kAt>
  static Result Invoke(const Slots& slots, const char* base, std::index_sequence<kAt...>) {
    return kFunction(From<Arguments>::Load(std::get<kAt>(slots), base)...);
  }

  template <size_t... kAt>
  static void Revoke(const Result& result, const Slots& slots, const char* base,
                     std::index_sequence<kAt...>) {
    if constexpr (kHasUndo) {
      kUndo(result, From<Arguments>::Load(std::get<kAt>(slots), base)...);
    } else if constexpr (Holds<Result>::value) {
      Undo(result);
    }
  }

  static napi_value RunNow(napi_env env, napi_callback_info info) {
    napi_value values[sizeof...(Arguments)];
    size_t count = sizeof...(Arguments);
    if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok) return nullptr;
    Arena arena;
    Slots slots;
    size_t wrong;
    Decoded decoded = Decode(env, values, &arena, &slots, &wrong, Indices{});
    if (decoded == Decoded::kNoMemory) return Encode(env, -ENOMEM);
    if (decoded == Decoded::kWrong) return ThrowWrongArgument(env, wrong);
    Result result = Invoke(slots, arena.data(), Indices{});
    napi_value value = Encode(env, result);
    if (value == nullptr) Revoke(result, slots, arena.data(), Indices{});
    return value;
  }

  static napi_value Start(napi_env env, napi_callback_info info) {
    napi_value values[sizeof...(Arguments)];
    size_t count = sizeof...(Arguments);
    void* data;
    if (napi_get_cb_info(env, info, &count, values, nullptr, &data) != napi_ok) return nullptr;
    Arena arena;
    Slots slots;
    size_t wrong;
    Decoded decoded = Decode(env, values, &arena, &slots, &wrong, Indices{});
    if (decoded == Decoded::kWrong) return ThrowWrongArgument(env, wrong);
    void* memory = decoded == Decoded::kOk ? malloc(kHead + arena.used()) : nullptr;
    if (memory == nullptr) return PromiseOfNoMemory(env);
    Call* call = new (memory) Call;
    call->kind = &kKind;
    call->refused = 0;
    call->ran = false;
    call->slots = slots;
    memcpy(call->bytes(), arena.data(), arena.used());
    return static_cast<Environment*>(data)->Start(env, call);
  }

  static void Run(Job* job) {
    Call* call = static_cast<Call*>(job);
    new (call->result) Result(Invoke(call->slots, call->bytes(), Indices{}));
    call->ran = true;
  }
  static napi_value EncodeAnswer(napi_env env, Job* job) {
    return Encode(env, *static_cast<Call*>(job)->answer());
  }
  static void RevokeAnswer(Job* job) {
    Call* call = static_cast<Call*>(job);
    Revoke(*call->answer(), call->slots, call->bytes(), Indices{});
  }
  static void Destroy(Job* job) {
    Call* call = static_cast<Call*>(job);
    if (call->ran) call->answer()->~Result();
    call->~Call();
    free(call);
  }

  static constexpr JobKind kKind = {
      kLane, kHasUndo || Holds<Result>::value, Run, EncodeAnswer, RevokeAnswer, Destroy};
};

}  // namespace graphdriver
