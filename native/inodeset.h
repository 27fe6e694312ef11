// Inode numbers of one filesystem.
#pragma once

#include <stdint.h>
#include <stdlib.h>

namespace graphdriver {

// Open addressing; the table is never full. No file has the number 0.
class InodeSet {
 public:
  InodeSet() = default;
  InodeSet(const InodeSet&) = delete;
  InodeSet& operator=(const InodeSet&) = delete;
  ~InodeSet() { free(slots_); }
  size_t size() const { return count_; }
  bool Has(uint64_t ino) const { return count_ > 0 && slots_[Place(ino)] == ino; }
  // False without memory.
  bool Add(uint64_t ino) {
    if (ino == 0 || Has(ino)) return true;
    if (count_ * 2 >= capacity_ && !Grow()) return false;
    slots_[Place(ino)] = ino;
    count_++;
    return true;
  }

 private:
  size_t Place(uint64_t ino) const {
    size_t at = static_cast<size_t>((ino * 0x9E3779B97F4A7C15u) >> 20) & (capacity_ - 1);
    while (slots_[at] != 0 && slots_[at] != ino) at = (at + 1) & (capacity_ - 1);
    return at;
  }
  bool Grow() {
    size_t old_capacity = capacity_;
    uint64_t* old = slots_;
    size_t capacity = old_capacity == 0 ? 256 : old_capacity * 2;
    uint64_t* grown = static_cast<uint64_t*>(calloc(capacity, sizeof(uint64_t)));
    if (grown == nullptr) return false;
    slots_ = grown;
    capacity_ = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
      if (old[i] != 0) slots_[Place(old[i])] = old[i];
    }
    free(old);
    return true;
  }
  uint64_t* slots_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
};

}  // namespace graphdriver
