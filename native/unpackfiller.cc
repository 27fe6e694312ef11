#include "unpackfiller.h"

#include "thread.h"

namespace graphdriver {

void UnpackFiller::Start() {
  threaded_ = StartThread(Run, this) == 0;
}

void* UnpackFiller::Run(void* data) {
  UnpackFiller* filler = static_cast<UnpackFiller*>(data);
  constexpr int kSetName = 15;
  Call(SYS_prctl, kSetName, static_cast<const void*>("graphdriver"));
  filler->Serve();
  // The filler may be gone after the store; the wake-up only uses the address.
  std::atomic<uint32_t>* ended = &filler->ended_;
  ended->store(1, std::memory_order_release);
  FutexWake(ended, 1);
  return nullptr;
}

void UnpackFiller::Wake(std::atomic<uint32_t>* sleeping) {
  if (sleeping->exchange(0, std::memory_order_seq_cst) == 1) FutexWake(sleeping, 1);
}

void UnpackFiller::Do(const Task& task) {
  bool dropped = failed_.load(std::memory_order_relaxed) != 0 ||
                 cancelled_.load(std::memory_order_relaxed) != 0;
  if (!dropped) {
    UnpackFailure failure = task.file->Write(task.piece.data, task.piece.size);
    if (!failure.failed() && task.last) failure = task.file->Finish(notes_);
    if (failure.failed()) {
      failure_ = failure;
      failed_path_.Append(task.file->path.data(), strlen(task.file->path.data()));
      failed_.store(1, std::memory_order_release);
    }
  }
  if (task.chunk != nullptr) task.chunk->Release();
  if (task.last) UnpackFile::Destroy(task.file);
}

void UnpackFiller::Serve() {
  while (true) {
    uint32_t at = done_.load(std::memory_order_relaxed);
    if (at == put_.load(std::memory_order_seq_cst)) {
      server_sleeps_.store(1, std::memory_order_seq_cst);
      // Looked at again after that store: whoever puts looks there after its own.
      bool idle = at == put_.load(std::memory_order_seq_cst);
      if (idle && ending_.load(std::memory_order_seq_cst) != 0) return;
      if (idle) FutexWait(&server_sleeps_, 1, nullptr);
      server_sleeps_.store(0, std::memory_order_relaxed);
      continue;
    }
    const Task& task = tasks_[at % kTasks];
    uint64_t bytes = task.piece.size;
    Do(task);
    done_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    done_.store(at + 1, std::memory_order_seq_cst);
    if (caller_sleeps_.load(std::memory_order_seq_cst) == 1 && HasRoom()) Wake(&caller_sleeps_);
  }
}

// To him who waits: half of it, so that he does not wait again at once.
bool UnpackFiller::HasRoom() const {
  uint32_t tasks = put_.load(std::memory_order_relaxed) - done_.load(std::memory_order_acquire);
  uint64_t bytes =
      put_bytes_.load(std::memory_order_relaxed) - done_bytes_.load(std::memory_order_relaxed);
  return tasks <= kTasks / 2 && bytes <= kMostBytes / 2;
}

void UnpackFiller::WaitForRoom() {
  Wake(&server_sleeps_);
  while (!HasRoom()) {
    caller_sleeps_.store(1, std::memory_order_seq_cst);
    if (!HasRoom()) FutexWait(&caller_sleeps_, 1, nullptr);
    caller_sleeps_.store(0, std::memory_order_relaxed);
  }
}

bool UnpackFiller::Put(UnpackFile* file, UnpackChunk* chunk, TarText piece, bool last) {
  if (chunk != nullptr) chunk->Retain();
  Task task{file, chunk, piece, last};
  if (!threaded_) {
    Do(task);
    return failed_.load(std::memory_order_relaxed) == 0;
  }
  uint32_t at = put_.load(std::memory_order_relaxed);
  tasks_[at % kTasks] = task;
  uint64_t bytes = put_bytes_.fetch_add(piece.size, std::memory_order_relaxed) + piece.size;
  put_.store(at + 1, std::memory_order_seq_cst);
  // Whoever sees a task done may use its place again.
  uint32_t tasks = at + 1 - done_.load(std::memory_order_acquire);
  bytes -= done_bytes_.load(std::memory_order_relaxed);
  if (tasks == kTasks || bytes > kMostBytes) {
    WaitForRoom();
  } else if (tasks >= kWorthWaking && server_sleeps_.load(std::memory_order_seq_cst) == 1) {
    Wake(&server_sleeps_);
  }
  return failed_.load(std::memory_order_acquire) == 0;
}

void UnpackFiller::Flush() {
  bool any = put_.load(std::memory_order_relaxed) != done_.load(std::memory_order_relaxed);
  if (any && server_sleeps_.load(std::memory_order_seq_cst) == 1) Wake(&server_sleeps_);
}

bool UnpackFiller::End() {
  if (threaded_) {
    ending_.store(1, std::memory_order_seq_cst);
    Wake(&server_sleeps_);
    while (ended_.load(std::memory_order_acquire) == 0) FutexWait(&ended_, 0, nullptr);
    threaded_ = false;
  }
  return failed_.load(std::memory_order_acquire) == 0;
}

}  // namespace graphdriver
