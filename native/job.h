// One call on its way through a thread: made on the JS thread, run on a lane, settled on the JS
// thread.
#pragma once

#include <node_api.h>

namespace graphdriver {

class Environment;

// Which threads run a job (executor.cc holds how many each lane has).
enum class Lane : int { kMount, kUnmount, kFile, kTree };
constexpr int kLanes = 4;

struct Job;

// What differs between jobs. `run` and `undo` are called on any thread and know nothing of Node.
struct JobKind {
  Lane lane;
  // The result holds something (a descriptor, a mount) that somebody must take or else give back.
  bool undoable;
  void (*run)(Job*);
  // JS thread. Null when the result could not be made: memory is short, or the environment is
  // ending.
  napi_value (*encode)(napi_env, Job*);
  void (*undo)(Job*);
  void (*destroy)(Job*);
};

struct Job {
  const JobKind* kind;
  Environment* environment;
  napi_deferred deferred;
  Job* next;
  // Not 0: no thread could be had; the answer is this negative errno and nothing ran.
  int refused;
};

}  // namespace graphdriver
