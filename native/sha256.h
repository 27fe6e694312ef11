// SHA-256 by the OpenSSL that Node.js has in itself and lets addons use. A Node.js built without it
// leaves these functions out: who asks hashes in JavaScript then.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace graphdriver {

class Sha256 {
 public:
  static constexpr size_t kSize = 32;
  static bool Available();
  Sha256() = default;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  // First of all; the others are for who had true here. False without memory, or without OpenSSL.
  bool Start();
  bool Update(const void* data, size_t size);
  // Once, last of all.
  bool Finish(uint8_t digest[kSize]);

 private:
  void* context_ = nullptr;
};

}  // namespace graphdriver
