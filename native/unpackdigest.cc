#include "unpackdigest.h"

#include "thread.h"

namespace graphdriver {

void UnpackDigest::Start() {
  good_ = hash_.Start();
  threaded_ = good_ && StartThread(Run, this) == 0;
}

void* UnpackDigest::Run(void* data) {
  UnpackDigest* self = static_cast<UnpackDigest*>(data);
  constexpr int kSetName = 15;
  Call(SYS_prctl, kSetName, static_cast<const void*>("graphdriver"));
  while (UnpackChunk* chunk = self->queue_.Take()) {
    self->good_ = self->good_ && self->hash_.Update(chunk->data(), chunk->size);
    chunk->Release();
  }
  // The object may be gone after the store; the wake-up only uses the address.
  std::atomic<uint32_t>* ended = &self->ended_;
  ended->store(1, std::memory_order_release);
  FutexWake(ended, 1);
  return nullptr;
}

void UnpackDigest::Put(UnpackChunk* chunk) {
  if (!threaded_) {
    good_ = good_ && hash_.Update(chunk->data(), chunk->size);
    return;
  }
  chunk->Retain();
  if (queue_.Put(chunk) > kMostWaiting) queue_.WaitForRoom();
}

bool UnpackDigest::End() {
  if (threaded_) {
    queue_.Close();
    while (ended_.load(std::memory_order_acquire) == 0) FutexWait(&ended_, 0, nullptr);
    threaded_ = false;
  }
  if (queue_.cancelled()) good_ = false;
  good_ = good_ && hash_.Finish(digest_);
  return good_;
}

}  // namespace graphdriver
