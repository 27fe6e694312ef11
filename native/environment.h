// One loaded copy of the addon: the main thread's, or a worker's. Jobs outlive it.
#pragma once

#include <node_api.h>

#include "futex.h"
#include "job.h"

namespace graphdriver {

class Environment {
 public:
  // JS thread. Null when the environment cannot be set up.
  static Environment* Create(napi_env env);

  // JS thread. Queues the job, which belongs to the environment from here on. Answers the promise;
  // null with a pending exception when there is none.
  napi_value Start(napi_env env, Job* job);

  // Any thread. False: the job was dropped, since nobody waits for it and it would make something.
  bool Begin(Job* job);
  // Any thread. Hands the job to the JS thread; undoes it when that is gone.
  void Finish(Job* job);

  // Any thread. From now on what nobody took is undone; waits, within bounds, for what is being
  // made right now.
  void End();

 private:
  static void OnCleanup(void* data);
  static void OnFinalize(napi_env env, void* data, void* hint);
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void Discard(Job* job);
  static void OnExit() __attribute__((destructor));

  void Settle(napi_env env, Job* job);
  void Enlist();
  void Delist();
  void WaitForBusy();
  void Release();

  Mutex mutex_;
  // Guarded by the mutex.
  bool alive_ = true;
  bool waking_ = false;
  Job* finished_head_ = nullptr;
  Job* finished_tail_ = nullptr;
  // Who holds a pointer to this: the cleanup hook, the threadsafe function, every job.
  std::atomic<uint32_t> references_{2};
  // Undoable jobs that run now.
  std::atomic<uint32_t> busy_{0};
  // In the list of all environments; guarded by that list's mutex.
  Environment* next_ = nullptr;
  // JS thread only.
  napi_threadsafe_function wake_ = nullptr;
  uint32_t outstanding_ = 0;
};

// Any thread: runs a job that was taken from its lane, or settles one that was refused.
void Perform(Job* job);

}  // namespace graphdriver
