// Threads of our own. libuv's pool is shared by everything in the process: a hundred mounts on it
// keep fs.stat waiting.
#include "executor.h"

#include <sched.h>

#include "environment.h"
#include "futex.h"
#include "thread.h"

namespace graphdriver {

namespace {

constexpr int kMostMountThreads = 64;
constexpr timespec kIdleTime = {1, 0};

struct LaneState {
  Mutex mutex;
  Job* head;
  Job* tail;
  int queued;
  int threads;
  int idle;
  // How many threads at most; 0: as many as processors.
  int most;
  std::atomic<uint32_t> wakeups;
};

// Mounts contend for the processors. Unmounts sleep in the kernel (RCU grace periods, write-back),
// so that more of them at once finish sooner. Trees have a lane of their own: a long copy must not
// keep a stat waiting.
LaneState lanes[kLanes] = {
    {{}, nullptr, nullptr, 0, 0, 0, 0, {0}},
    {{}, nullptr, nullptr, 0, 0, 0, 16, {0}},
    {{}, nullptr, nullptr, 0, 0, 0, 4, {0}},
    {{}, nullptr, nullptr, 0, 0, 0, 4, {0}},
};

// The processors that this process may run on, not those of the machine.
int Processors() {
  unsigned long mask[128] = {};
  long bytes = Call(SYS_sched_getaffinity, 0, sizeof mask, static_cast<const void*>(mask));
  int count = 0;
  for (long i = 0; i < bytes / static_cast<long>(sizeof mask[0]); i++) {
    for (unsigned long bits = mask[i]; bits != 0; bits &= bits - 1) count++;
  }
  if (count < 1) return 1;
  return count < kMostMountThreads ? count : kMostMountThreads;
}

Job* Pop(LaneState* lane) {
  Job* job = lane->head;
  if (job == nullptr) return nullptr;
  lane->head = job->next;
  if (lane->head == nullptr) lane->tail = nullptr;
  lane->queued--;
  return job;
}

// Called with the lane locked. Null when nothing came for a while: the thread is no longer counted
// then.
Job* Next(LaneState* lane) {
  while (true) {
    if (Job* job = Pop(lane)) return job;
    uint32_t seen = lane->wakeups.load(std::memory_order_relaxed);
    lane->idle++;
    lane->mutex.Unlock();
    long result = FutexWait(&lane->wakeups, seen, &kIdleTime);
    lane->mutex.Lock();
    lane->idle--;
    if (result == -ETIMEDOUT && lane->head == nullptr) {
      lane->threads--;
      return nullptr;
    }
  }
}

void* Serve(void* data) {
  LaneState* lane = static_cast<LaneState*>(data);
  constexpr int kSetName = 15;
  Call(SYS_prctl, kSetName, static_cast<const void*>("graphdriver"));
  while (true) {
    lane->mutex.Lock();
    Job* job = Next(lane);
    lane->mutex.Unlock();
    if (job == nullptr) return nullptr;
    Perform(job);
  }
}

// A thread could not be had. With no other on the lane nobody would ever run what is queued.
void Refuse(LaneState* lane, int error) {
  Job* refused = nullptr;
  {
    Guard guard(&lane->mutex);
    lane->threads--;
    if (lane->threads == 0) {
      refused = lane->head;
      lane->head = lane->tail = nullptr;
      lane->queued = 0;
    }
  }
  while (refused != nullptr) {
    Job* next = refused->next;
    refused->refused = error;
    Perform(refused);
    refused = next;
  }
}

}  // namespace

void Submit(Job* job) {
  LaneState* lane = &lanes[static_cast<int>(job->kind->lane)];
  bool start = false;
  {
    Guard guard(&lane->mutex);
    if (lane->most == 0) lane->most = Processors();
    job->next = nullptr;
    if (lane->tail != nullptr) {
      lane->tail->next = job;
    } else {
      lane->head = job;
    }
    lane->tail = job;
    lane->queued++;
    if (lane->idle > 0) {
      lane->wakeups.fetch_add(1, std::memory_order_relaxed);
      FutexWake(&lane->wakeups, 1);
    }
    if (lane->queued > lane->idle && lane->threads < lane->most) {
      lane->threads++;
      start = true;
    }
  }
  if (!start) return;
  if (int error = StartThread(Serve, lane)) Refuse(lane, error);
}

}  // namespace graphdriver
