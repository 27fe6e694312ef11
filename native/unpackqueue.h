// The bytes of an archive on their way to the threads that unpack and hash them.
#pragma once

#include "futex.h"

namespace graphdriver {

// Bytes of the archive, for as long as somebody needs them.
struct UnpackChunk {
  // It may be in two queues at once.
  enum Link { kToUnpack, kToHash, kLinks };
  std::atomic<uint32_t> references;
  UnpackChunk* next[kLinks];
  size_t size;
  char* data() { return reinterpret_cast<char*>(this + 1); }
  void Retain() { references.fetch_add(1, std::memory_order_relaxed); }
  void Release();
  // Of bytes that are still to be written; null without memory.
  static UnpackChunk* Create(size_t size);
};

class UnpackQueue {
 public:
  explicit UnpackQueue(UnpackChunk::Link link) : link_(link) {}
  UnpackQueue(const UnpackQueue&) = delete;
  UnpackQueue& operator=(const UnpackQueue&) = delete;
  ~UnpackQueue();
  // Takes the chunk; answers how many bytes wait now. Whoever puts much must look.
  size_t Put(UnpackChunk* chunk);
  // Nothing follows, or only what is in the file, whose descriptor is taken. False when nothing was
  // to follow anyway.
  bool Close(int file = -1);
  // After the last chunk: the file that follows, which is the caller's then; -1: none.
  int TakeFile();
  // Waits for the next chunk, whose reference is the caller's then. Null at the end, and after
  // Cancel().
  UnpackChunk* Take();
  // Waits until few bytes wait, or nobody takes any more.
  void WaitForRoom();
  // Nobody takes any more, or nobody wants it.
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed) != 0; }

 private:
  // Far above what one wake-up costs, and little beside a process.
  static constexpr size_t kFew = 2 << 20;
  const UnpackChunk::Link link_;
  Mutex mutex_;
  UnpackChunk* head_ = nullptr;
  UnpackChunk* tail_ = nullptr;
  size_t waiting_ = 0;
  bool closed_ = false;
  Descriptor file_;
  bool hungry_ = false;
  bool crowded_ = false;
  std::atomic<uint32_t> cancelled_{0};
  // Futexes: counted up when somebody who waits should look again.
  std::atomic<uint32_t> puts_{0};
  std::atomic<uint32_t> takes_{0};
};

}  // namespace graphdriver
