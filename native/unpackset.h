// The names that an unpacking made, where a layer is a copy of the ones below: a set of hashes, 8
// to 32 bytes a name.
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace graphdriver {

class UnpackSet {
 public:
  explicit UnpackSet(uint64_t seed) : seed_(seed) {}
  UnpackSet(const UnpackSet&) = delete;
  UnpackSet& operator=(const UnpackSet&) = delete;
  ~UnpackSet() { free(slots_); }

  // By the inode of the directory, since it may have several paths. False without memory.
  bool Add(uint64_t directory, const char* name) {
    if (count_ * 2 >= capacity_ && !Grow()) return false;
    uint64_t hash = Hash(directory, name);
    uint64_t* place = Place(hash);
    if (*place == 0) count_++;
    *place = hash;
    return true;
  }
  bool Has(uint64_t directory, const char* name) const {
    return count_ > 0 && *Place(Hash(directory, name)) != 0;
  }

 private:
  // FNV-1a from a secret start, so that no archive is made to collide; 0 marks a free place.
  uint64_t Hash(uint64_t directory, const char* name) const {
    constexpr uint64_t kPrime = 0x100000001b3u;
    uint64_t hash = seed_;
    for (int i = 0; i < 8; i++) hash = (hash ^ (directory >> (8 * i) & 0xff)) * kPrime;
    for (; *name != 0; name++) hash = (hash ^ static_cast<unsigned char>(*name)) * kPrime;
    hash ^= hash >> 32;
    hash *= 0x9E3779B97F4A7C15u;
    return hash == 0 ? 1 : hash;
  }
  uint64_t* Place(uint64_t hash) const {
    size_t at = static_cast<size_t>(hash >> 16) & (capacity_ - 1);
    while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (capacity_ - 1);
    return &slots_[at];
  }
  bool Grow() {
    size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
    uint64_t* grown = static_cast<uint64_t*>(calloc(capacity, sizeof *grown));
    if (grown == nullptr) return false;
    uint64_t* old = slots_;
    size_t old_capacity = capacity_;
    slots_ = grown;
    capacity_ = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
      if (old[i] != 0) *Place(old[i]) = old[i];
    }
    free(old);
    return true;
  }
  uint64_t seed_;
  uint64_t* slots_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace graphdriver
