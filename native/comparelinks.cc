#include "comparelinks.h"

#include <dirent.h>

namespace graphdriver {

namespace {

uint64_t DeviceOf(const Statx& stat) {
  return uint64_t{stat.dev_major} << 32 | stat.dev_minor;
}

}  // namespace

long StatOf(const Difference& file, Statx* stat) {
  long fd = file.Fd();
  if (fd < 0) return fd;
  return StatxOf(static_cast<int>(fd), file.name, kSymlinkNofollow, stat);
}

// The table is never full.
uint32_t* InodeTable::SlotOf(uint64_t device, uint64_t ino) {
  uint64_t hash = (ino ^ (device << 17)) * 0x9E3779B97F4A7C15u;
  size_t at = static_cast<size_t>(hash >> 20) & (capacity_ - 1);
  while (slots_[at] != 0) {
    const File& file = files_.At(slots_[at] - 1);
    if (file.ino == ino && file.device == device) break;
    at = (at + 1) & (capacity_ - 1);
  }
  return &slots_[at];
}

bool InodeTable::Grow() {
  size_t capacity = capacity_ == 0 ? 256 : capacity_ * 2;
  uint32_t* grown = static_cast<uint32_t*>(calloc(capacity, sizeof(uint32_t)));
  if (grown == nullptr) return false;
  free(slots_);
  slots_ = grown;
  capacity_ = capacity;
  for (uint32_t i = 0; i < files_.size(); i++) {
    *SlotOf(files_.At(i).device, files_.At(i).ino) = i + 1;
  }
  return true;
}

uint32_t InodeTable::Find(const Statx& stat) {
  if (files_.size() == 0) return kNone;
  uint32_t slot = *SlotOf(DeviceOf(stat), stat.ino);
  return slot == 0 ? kNone : slot - 1;
}

uint32_t InodeTable::Get(const Statx& stat) {
  if (files_.size() * 2 >= capacity_ && !Grow()) return kNone;
  uint32_t* slot = SlotOf(DeviceOf(stat), stat.ino);
  if (*slot == 0) {
    if (!files_.Push({DeviceOf(stat), stat.ino, stat.nlink, 0, 0, false})) return kNone;
    *slot = static_cast<uint32_t>(files_.size());
  }
  return *slot - 1;
}

bool InodeTable::HasUnmet() {
  for (size_t i = 0; i < files_.size(); i++) {
    if (files_.At(i).met < files_.At(i).names) return true;
  }
  return false;
}

void InodeTable::Clear() {
  while (files_.size() > 0) files_.Pop();
  if (capacity_ > 0) memset(slots_, 0, capacity_ * sizeof(uint32_t));
}

void LinkScan::Clear() {
  now_.Clear();
  before_.Clear();
  any_ = false;
}

void LinkScan::MarkWhole(uint32_t number) {
  now_.At(number).whole = true;
  any_ = true;
}

bool LinkScan::IsWhole(const Statx& now) {
  uint32_t number = now_.Find(now);
  return number != InodeTable::kNone && now_.At(number).whole;
}

long LinkScan::Visit(const Difference& what) {
  bool here = what.kind == ChangeKind::kAdded || what.kind == ChangeKind::kModified;
  if (!here || what.type == DT_DIR) return 0;
  Statx stat;
  // What cannot be looked at here is reported when it is written.
  if (StatOf(what, &stat) != 0 || stat.nlink < 2) return 0;
  uint32_t number = now_.Get(stat);
  if (number == InodeTable::kNone) return -ENOMEM;
  now_.At(number).met++;
  MarkWhole(number);
  return 0;
}

long LinkScan::Meet(const Difference& file, const Statx* now, const Statx* before) {
  Statx stat;
  if (now == nullptr) {
    if (StatOf(file, &stat) != 0) return 0;
    now = before = &stat;
  }
  if (now->nlink < 2 && before->nlink < 2) return 0;
  uint32_t mine = now_.Get(*now);
  uint32_t other = before_.Get(*before);
  if (mine == InodeTable::kNone || other == InodeTable::kNone) return -ENOMEM;
  InodeTable::File* counterpart = &before_.At(other);
  now_.At(mine).met++;
  counterpart->met++;
  // Joined now, and not before.
  uint32_t* partner = &now_.At(mine).partner;
  if (*partner == 0) *partner = other + 1;
  if (*partner != other + 1) MarkWhole(mine);
  // Joined before, and not now.
  if (counterpart->partner == 0) counterpart->partner = mine + 1;
  if (counterpart->partner != mine + 1) {
    MarkWhole(mine);
    MarkWhole(counterpart->partner - 1);
  }
  return 0;
}

}  // namespace graphdriver
