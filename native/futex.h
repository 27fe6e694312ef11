// Waiting by futex(2). pthread_cond_* bind to an ancient interface in a binary whose symbols carry
// no versions.
#pragma once

#include <atomic>

#include <time.h>

#include "system.h"

namespace graphdriver {

static_assert(sizeof(std::atomic<uint32_t>) == 4, "a futex is 32 bits");

// Answers 0, or a negative errno: -EAGAIN when the word no longer holds `expected`, -ETIMEDOUT.
inline long FutexWait(std::atomic<uint32_t>* word, uint32_t expected, const timespec* patience) {
  constexpr int kWaitPrivate = 128;
  return Call(SYS_futex, static_cast<const void*>(word), kWaitPrivate, expected,
              static_cast<const void*>(patience));
}

inline void FutexWake(std::atomic<uint32_t>* word, int count) {
  constexpr int kWakePrivate = 1 | 128;
  Call(SYS_futex, static_cast<const void*>(word), kWakePrivate, count);
}

// Ulrich Drepper, "Futexes Are Tricky", the third mutex. 0: free, 1: held, 2: held and perhaps
// waited for.
class Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() {
    uint32_t seen = 0;
    if (word_.compare_exchange_strong(seen, 1, std::memory_order_acquire)) return;
    if (seen != 2) seen = word_.exchange(2, std::memory_order_acquire);
    while (seen != 0) {
      FutexWait(&word_, 2, nullptr);
      seen = word_.exchange(2, std::memory_order_acquire);
    }
  }

  void Unlock() {
    if (word_.exchange(0, std::memory_order_release) == 2) FutexWake(&word_, 1);
  }

 private:
  std::atomic<uint32_t> word_{0};
};

class Guard {
 public:
  explicit Guard(Mutex* mutex) : mutex_(mutex) { mutex_->Lock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() { mutex_->Unlock(); }

 private:
  Mutex* mutex_;
};

}  // namespace graphdriver
