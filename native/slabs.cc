#include "slabs.h"

#include <new>

#include "system.h"

namespace graphdriver {

SlabPool* SlabPool::Create() {
  void* memory = malloc(sizeof(SlabPool));
  return memory == nullptr ? nullptr : new (memory) SlabPool;
}

Slab* SlabPool::Get() {
  Slab* slab;
  {
    Guard guard(&mutex_);
    slab = free_;
    if (slab != nullptr) {
      free_ = slab->next;
      kept_--;
    }
  }
  if (slab == nullptr) {
    slab = static_cast<Slab*>(malloc(sizeof(Slab)));
    if (slab == nullptr) return nullptr;
    slab->pool = this;
  }
  Retain();
  slab->next = nullptr;
  slab->size = 0;
  return slab;
}

void SlabPool::Give(Slab* slab) {
  bool keep;
  {
    Guard guard(&mutex_);
    keep = kept_ < kMostKept;
    if (keep) {
      slab->next = free_;
      free_ = slab;
      kept_++;
    }
  }
  if (!keep) free(slab);
  Release();
}

void SlabPool::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  while (free_ != nullptr) {
    Slab* next = free_->next;
    free(free_);
    free_ = next;
  }
  free(this);
}

Chunk::Chunk(Chunk&& other) noexcept : slab(other.slab) {
  other.slab = nullptr;
}

Chunk::~Chunk() {
  if (slab != nullptr) slab->pool->Give(slab);
}

SlabQueue::~SlabQueue() {
  while (head_ != nullptr) {
    Slab* next = head_->next;
    pool_->Give(head_);
    head_ = next;
  }
  if (filling_ != nullptr) pool_->Give(filling_);
  if (pool_ != nullptr) pool_->Release();
}

bool SlabQueue::Prepare() {
  pool_ = SlabPool::Create();
  return pool_ != nullptr;
}

void SlabQueue::Announce() {
  changes_.fetch_add(1, std::memory_order_release);
  FutexWake(&changes_, INT32_MAX);
}

long SlabQueue::Push(Slab* slab) {
  while (true) {
    uint32_t seen = changes_.load(std::memory_order_acquire);
    if (cancelled()) return -ECANCELED;
    {
      Guard guard(&mutex_);
      if (full_ < kMostFull) {
        (tail_ == nullptr ? head_ : tail_->next) = slab;
        tail_ = slab;
        full_++;
        break;
      }
    }
    FutexWait(&changes_, seen, nullptr);
  }
  Announce();
  return 0;
}

long SlabQueue::Flush() {
  if (filling_ != nullptr) {
    filling_->size = used_;
    if (long error = Push(filling_)) return error;
    HandedOn(used_);
  }
  used_ = capacity_ = 0;
  filling_ = pool_->Get();
  if (filling_ == nullptr) return -ENOMEM;
  block_ = filling_->bytes;
  capacity_ = Slab::kCapacity;
  return 0;
}

void SlabQueue::Close() {
  uint32_t open = kOpen;
  state_.compare_exchange_strong(open, kClosed, std::memory_order_acq_rel);
  Announce();
}

void SlabQueue::Cancel() {
  state_.store(kCancelled, std::memory_order_release);
  Announce();
}

Slab* SlabQueue::Take() {
  while (true) {
    uint32_t seen = changes_.load(std::memory_order_acquire);
    // Before the look at the slabs: what was pushed before the end is seen after it.
    uint32_t state = state_.load(std::memory_order_acquire);
    if (state == kCancelled) return nullptr;
    Slab* slab;
    {
      Guard guard(&mutex_);
      slab = head_;
      if (slab != nullptr) {
        head_ = slab->next;
        if (head_ == nullptr) tail_ = nullptr;
        full_--;
      }
    }
    if (slab != nullptr) {
      Announce();
      return slab;
    }
    if (state == kClosed) return nullptr;
    FutexWait(&changes_, seen, nullptr);
  }
}

napi_value Encode(napi_env env, const Chunk& chunk) {
  Slab* slab = chunk.slab;
  if (slab == nullptr) return nullptr;
  napi_value value;
  auto give = [](napi_env, void*, void* hint) {
    Slab* taken = static_cast<Slab*>(hint);
    taken->pool->Give(taken);
  };
  // Its memory belongs to the Buffer from here on.
  chunk.slab = nullptr;
  napi_status status =
      napi_create_external_buffer(env, slab->size, slab->bytes, give, slab, &value);
  if (status == napi_ok) return value;
  chunk.slab = slab;
  // Where such buffers are not allowed (napi_no_external_buffers_allowed).
  if (napi_create_buffer_copy(env, slab->size, slab->bytes, nullptr, &value) != napi_ok) {
    return nullptr;
  }
  return value;
}

}  // namespace graphdriver
