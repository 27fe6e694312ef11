// Large blocks on their way from a thread that fills them to JavaScript, and back when they were
// collected there.
#pragma once

#include <node_api.h>

#include "futex.h"
#include "output.h"

namespace graphdriver {

class SlabPool;

struct Slab {
  static constexpr size_t kCapacity = size_t{1} << 20;
  SlabPool* pool;
  Slab* next;
  size_t size;
  char bytes[kCapacity];
};

// Empty slabs: the same memory again and again, since the kernel has to clear what is new.
class SlabPool {
 public:
  static SlabPool* Create();
  // Null without memory. A slab keeps its pool.
  Slab* Get();
  void Give(Slab* slab);
  void Release();

 private:
  static constexpr int kMostKept = 8;
  ~SlabPool() = default;
  void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  Mutex mutex_;
  Slab* free_ = nullptr;
  int kept_ = 0;
  std::atomic<uint32_t> references_{1};
};

// One slab for JavaScript, where it is a Buffer without a copy; or the end, or an error.
struct Chunk {
  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk();
  // Null at the end.
  mutable Slab* slab = nullptr;
};

// Slabs that are full, in their order, a few at the most: who fills waits for who takes.
class SlabQueue final : public Output {
 public:
  explicit SlabQueue(std::atomic<uint64_t>* progress) : Output(progress) {}
  ~SlabQueue() override;
  bool Prepare();

  // The filling thread: nothing comes any more.
  void Close();
  // Any thread: nobody wants the rest.
  void Cancel();
  bool cancelled() const { return state_.load(std::memory_order_relaxed) == kCancelled; }
  // The next one; waits. Null: the end was reached, or it was cancelled.
  Slab* Take();

 private:
  static constexpr int kMostFull = 4;
  enum : uint32_t { kOpen, kClosed, kCancelled };
  long Flush() override;
  long Push(Slab* slab);
  void Announce();
  SlabPool* pool_ = nullptr;
  Slab* filling_ = nullptr;
  Mutex mutex_;
  Slab* head_ = nullptr;
  Slab* tail_ = nullptr;
  int full_ = 0;
  std::atomic<uint32_t> state_{kOpen};
  // Changes whenever any of the above does.
  std::atomic<uint32_t> changes_{0};
};

// The Buffer; null when there is no slab or none can be made.
napi_value Encode(napi_env env, const Chunk& chunk);

}  // namespace graphdriver
