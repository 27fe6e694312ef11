#include "thread.h"

#include <pthread.h>
#include <signal.h>

#include "futex.h"

namespace graphdriver {

namespace {

constexpr size_t kStackSize = 1 << 20;

// Signals 32 to 34 belong to glibc and musl: setuid(2) of the process waits for every thread to
// handle one.
constexpr uint64_t Bit(int signal) {
  return uint64_t{1} << (signal - 1);
}
constexpr uint64_t kBlocked =
    ~(Bit(SIGILL) | Bit(SIGTRAP) | Bit(SIGABRT) | Bit(SIGBUS) | Bit(SIGFPE) | Bit(SIGSEGV) |
      Bit(SIGSYS) | Bit(32) | Bit(33) | Bit(34));

struct Apart {
  void (*body)(void*);
  void* data;
  std::atomic<uint32_t> done;
};

void* RunAndWake(void* data) {
  Apart* apart = static_cast<Apart*>(data);
  apart->body(apart->data);
  // The waiter's frame may be gone after the store; the wake-up only uses the address.
  std::atomic<uint32_t>* done = &apart->done;
  done->store(1, std::memory_order_release);
  FutexWake(done, 1);
  return nullptr;
}

}  // namespace

int StartThread(void* (*body)(void*), void* data) {
  pthread_attr_t attributes;
  if (int error = pthread_attr_init(&attributes)) return -error;
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // By number: pthread_sigmask moved between libraries in glibc 2.32.
  uint64_t blocked = kBlocked;
  uint64_t before = 0;
  Call(SYS_rt_sigprocmask, SIG_BLOCK, static_cast<const void*>(&blocked),
       static_cast<const void*>(&before), sizeof blocked);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, body, data);
  Call(SYS_rt_sigprocmask, SIG_SETMASK, static_cast<const void*>(&before), nullptr, sizeof before);
  pthread_attr_destroy(&attributes);
  return -error;
}

int RunApart(void (*body)(void*), void* data) {
  Apart apart{body, data, {0}};
  if (int error = StartThread(RunAndWake, &apart)) return error;
  while (apart.done.load(std::memory_order_acquire) == 0) FutexWait(&apart.done, 0, nullptr);
  return 0;
}

}  // namespace graphdriver
