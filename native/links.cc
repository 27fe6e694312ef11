#include "links.h"

namespace graphdriver {

Links::~Links() {
  free(slots_);
}

// Open addressing; the table is never full.
Links::Slot* Links::Place(uint64_t device, uint64_t ino) {
  uint64_t hash = (ino ^ (device << 17)) * 0x9E3779B97F4A7C15u;
  size_t at = static_cast<size_t>(hash >> 20) & (capacity_ - 1);
  while (slots_[at].path != 0 && (slots_[at].ino != ino || slots_[at].device != device)) {
    at = (at + 1) & (capacity_ - 1);
  }
  return &slots_[at];
}

bool Links::Grow() {
  size_t old_capacity = capacity_;
  Slot* old = slots_;
  size_t capacity = old_capacity == 0 ? 256 : old_capacity * 2;
  Slot* grown = static_cast<Slot*>(calloc(capacity, sizeof(Slot)));
  if (grown == nullptr) return false;
  slots_ = grown;
  capacity_ = capacity;
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].path != 0) *Place(old[i].device, old[i].ino) = old[i];
  }
  free(old);
  return true;
}

const char* Links::Find(const Statx& stat) {
  if (count_ == 0) return nullptr;
  const Slot* slot = Place(DeviceOf(stat), stat.ino);
  return slot->path == 0 ? nullptr : paths_.data() + slot->path - 1;
}

bool Links::Add(const Statx& stat, const char* path, size_t size) {
  if (count_ * 2 >= capacity_ && !Grow()) return false;
  size_t begin = paths_.size();
  if (!paths_.Append(path, size) || !paths_.Append('\0')) return false;
  *Place(DeviceOf(stat), stat.ino) = {DeviceOf(stat), stat.ino, begin + 1};
  count_++;
  return true;
}

bool Links::Add(const Statx& stat, Walk* walk) {
  Buffer path;
  return walk->AppendPath(&path) && Add(stat, path.data(), path.size());
}

}  // namespace graphdriver
