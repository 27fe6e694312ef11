#include "environment.h"

#include <stdlib.h>

#include <new>

#include "executor.h"

namespace graphdriver {

namespace {

Mutex all_mutex;
Environment* all_environments = nullptr;

}  // namespace

Environment* Environment::Create(napi_env env) {
  void* memory = malloc(sizeof(Environment));
  if (memory == nullptr) return nullptr;
  Environment* environment = new (memory) Environment;
  napi_value name;
  if (napi_create_string_utf8(env, "graphdriver", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, OnFinalize,
                                      environment, OnWake, &environment->wake_) != napi_ok) {
    free(memory);
    return nullptr;
  }
  // Hooks run in reverse order: this one before the threadsafe function's own, which closes it.
  napi_unref_threadsafe_function(env, environment->wake_);
  if (napi_add_env_cleanup_hook(env, OnCleanup, environment) != napi_ok) return nullptr;
  environment->Enlist();
  return environment;
}

napi_value Environment::Start(napi_env env, Job* job) {
  napi_value promise;
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok) {
    job->kind->destroy(job);
    return nullptr;
  }
  job->environment = this;
  references_.fetch_add(1, std::memory_order_relaxed);
  // The process stays alive while a job is under way, and only then.
  if (outstanding_++ == 0) napi_ref_threadsafe_function(env, wake_);
  Submit(job);
  return promise;
}

bool Environment::Begin(Job* job) {
  Guard guard(&mutex_);
  if (!alive_ && job->kind->undoable) return false;
  if (job->kind->undoable) busy_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Environment::Finish(Job* job) {
  bool undoable = job->kind->undoable && job->refused == 0;
  bool taken = false;
  {
    Guard guard(&mutex_);
    if (alive_) {
      taken = true;
      job->next = nullptr;
      if (finished_tail_ != nullptr) {
        finished_tail_->next = job;
      } else {
        finished_head_ = job;
      }
      finished_tail_ = job;
      // One wake-up for all that finish before the JS thread looks. Under the lock, so that the
      // cleanup hook (and with it the end of the threadsafe function) waits.
      if (!waking_)
        waking_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
    }
  }
  if (!taken) Discard(job);
  if (undoable && busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) FutexWake(&busy_, 1);
  Release();
}

void Environment::OnWake(napi_env env, napi_value, void* context, void*) {
  // Without an environment Node is emptying the queue at its end; the cleanup hook took what was
  // finished.
  if (env == nullptr) return;
  Environment* environment = static_cast<Environment*>(context);
  Job* job;
  {
    Guard guard(&environment->mutex_);
    job = environment->finished_head_;
    environment->finished_head_ = environment->finished_tail_ = nullptr;
    environment->waking_ = false;
  }
  // Node wraps this callback in a callback scope: microtasks run once, after all of them are
  // settled.
  while (job != nullptr) {
    Job* next = job->next;
    environment->Settle(env, job);
    job = next;
  }
}

void Environment::Settle(napi_env env, Job* job) {
  napi_handle_scope scope;
  bool scoped = napi_open_handle_scope(env, &scope) == napi_ok;
  napi_value value = nullptr;
  if (job->refused != 0) {
    if (napi_create_int32(env, job->refused, &value) != napi_ok) value = nullptr;
  } else {
    value = job->kind->encode(env, job);
  }
  bool settled = value != nullptr && napi_resolve_deferred(env, job->deferred, value) == napi_ok;
  // No memory for the value. When the environment is ending, this fails as well, and nobody waits.
  if (!settled) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_reject_deferred(env, job->deferred, error);
    }
  }
  if (scoped) napi_close_handle_scope(env, scope);
  if (--outstanding_ == 0) napi_unref_threadsafe_function(env, wake_);
  if (settled) {
    job->kind->destroy(job);
  } else {
    Discard(job);
  }
}

void Environment::Discard(Job* job) {
  if (job->refused == 0) job->kind->undo(job);
  job->kind->destroy(job);
}

void Environment::End() {
  Job* job;
  {
    Guard guard(&mutex_);
    alive_ = false;
    job = finished_head_;
    finished_head_ = finished_tail_ = nullptr;
  }
  while (job != nullptr) {
    Job* next = job->next;
    Discard(job);
    job = next;
  }
  WaitForBusy();
}

void Environment::OnCleanup(void* data) {
  Environment* environment = static_cast<Environment*>(data);
  environment->Delist();
  environment->End();
  environment->Release();
}

// process.exit() runs no cleanup hook of the main thread's environment, but the C library runs
// this.
void Environment::OnExit() {
  Guard guard(&all_mutex);
  for (Environment* each = all_environments; each != nullptr; each = each->next_) each->End();
}

void Environment::Enlist() {
  Guard guard(&all_mutex);
  next_ = all_environments;
  all_environments = this;
}

void Environment::Delist() {
  Guard guard(&all_mutex);
  Environment** place = &all_environments;
  while (*place != this) place = &(*place)->next_;
  *place = next_;
}

// What runs now undoes itself when it ends. When this is the end of the process and not of a
// worker, that must be before the threads vanish. Bounded: a mount may hang in the kernel for ever.
void Environment::WaitForBusy() {
  constexpr timespec kPatience = {0, 100'000'000};
  for (int turn = 0; turn < 20; turn++) {
    uint32_t busy = busy_.load(std::memory_order_acquire);
    if (busy == 0) return;
    FutexWait(&busy_, busy, &kPatience);
  }
}

void Environment::OnFinalize(napi_env, void*, void* hint) {
  static_cast<Environment*>(hint)->Release();
}

void Environment::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) free(this);
}

void Perform(Job* job) {
  Environment* environment = job->environment;
  if (job->refused == 0) {
    if (!environment->Begin(job)) {
      job->refused = -ECANCELED;
    } else {
      job->kind->run(job);
    }
  }
  environment->Finish(job);
}

}  // namespace graphdriver
