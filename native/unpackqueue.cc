#include "unpackqueue.h"

#include <stdlib.h>
#include <string.h>

#include <new>

namespace graphdriver {

void UnpackChunk::Release() {
  if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) free(this);
}

UnpackChunk* UnpackChunk::Create(size_t size) {
  void* memory = malloc(sizeof(UnpackChunk) + size);
  if (memory == nullptr) return nullptr;
  UnpackChunk* chunk = new (memory) UnpackChunk;
  chunk->references.store(1, std::memory_order_relaxed);
  for (UnpackChunk*& next : chunk->next) next = nullptr;
  chunk->size = size;
  return chunk;
}

UnpackQueue::~UnpackQueue() {
  while (head_ != nullptr) {
    UnpackChunk* next = head_->next[link_];
    head_->Release();
    head_ = next;
  }
}

size_t UnpackQueue::Put(UnpackChunk* chunk) {
  bool wake;
  size_t waiting;
  {
    Guard guard(&mutex_);
    (tail_ == nullptr ? head_ : tail_->next[link_]) = chunk;
    tail_ = chunk;
    waiting_ += chunk->size;
    waiting = waiting_;
    wake = hungry_;
    hungry_ = false;
    if (wake) puts_.fetch_add(1, std::memory_order_release);
  }
  if (wake) FutexWake(&puts_, 1);
  return waiting;
}

bool UnpackQueue::Close(int file) {
  Descriptor owned(file);
  {
    Guard guard(&mutex_);
    if (closed_) return false;
    closed_ = true;
    // Nobody would take it.
    if (!cancelled()) file_.Reset(owned.Take());
    puts_.fetch_add(1, std::memory_order_release);
  }
  FutexWake(&puts_, 1);
  return true;
}

int UnpackQueue::TakeFile() {
  Guard guard(&mutex_);
  return file_.Take();
}

UnpackChunk* UnpackQueue::Take() {
  while (!cancelled()) {
    uint32_t seen;
    UnpackChunk* chunk;
    bool wake;
    {
      Guard guard(&mutex_);
      chunk = head_;
      if (chunk != nullptr) {
        head_ = chunk->next[link_];
        if (head_ == nullptr) tail_ = nullptr;
        waiting_ -= chunk->size;
      } else if (closed_) {
        return nullptr;
      } else {
        hungry_ = true;
      }
      wake = crowded_ && waiting_ < kFew;
      if (wake) {
        crowded_ = false;
        takes_.fetch_add(1, std::memory_order_release);
      }
      seen = puts_.load(std::memory_order_relaxed);
    }
    if (wake) FutexWake(&takes_, INT32_MAX);
    if (chunk != nullptr) return chunk;
    FutexWait(&puts_, seen, nullptr);
  }
  return nullptr;
}

void UnpackQueue::WaitForRoom() {
  while (!cancelled()) {
    uint32_t seen;
    {
      Guard guard(&mutex_);
      if (waiting_ < kFew) return;
      crowded_ = true;
      seen = takes_.load(std::memory_order_relaxed);
    }
    FutexWait(&takes_, seen, nullptr);
  }
}

void UnpackQueue::Cancel() {
  {
    Guard guard(&mutex_);
    file_.Reset();
    cancelled_.store(1, std::memory_order_relaxed);
    puts_.fetch_add(1, std::memory_order_release);
    takes_.fetch_add(1, std::memory_order_release);
  }
  FutexWake(&puts_, INT32_MAX);
  FutexWake(&takes_, INT32_MAX);
}

}  // namespace graphdriver
