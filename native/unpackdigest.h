// The third thread of an unpacking: the SHA-256 of all bytes of the archive, which image
// configurations name layers by. It takes longer than making the files does.
#pragma once

#include "sha256.h"
#include "unpackqueue.h"

namespace graphdriver {

class UnpackDigest {
 public:
  UnpackDigest() = default;
  UnpackDigest(const UnpackDigest&) = delete;
  UnpackDigest& operator=(const UnpackDigest&) = delete;
  // Before the first piece. Without a thread, everything is done by Put() itself.
  void Start();
  // The next piece. Waits while much is waiting.
  void Put(UnpackChunk* chunk);
  // Any thread: what was not hashed yet is not wanted.
  void Cancel() { queue_.Cancel(); }
  // Waits until all is hashed, and ends the thread. False when there is no digest.
  bool End();
  const uint8_t* digest() const { return digest_; }

 private:
  // Above what the hash takes while the other threads have their turn.
  static constexpr size_t kMostWaiting = 4 << 20;
  static void* Run(void* digest);

  UnpackQueue queue_{UnpackChunk::kToHash};
  Sha256 hash_;
  // So far.
  bool good_ = false;
  bool threaded_ = false;
  std::atomic<uint32_t> ended_{0};
  uint8_t digest_[Sha256::kSize];
};

}  // namespace graphdriver
