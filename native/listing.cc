#include "listing.h"

#include <algorithm>

#include "directory.h"
#include "system.h"

namespace graphdriver {

long Listing::Append(const char* records, long size) {
  for (long at = 0; at < size;) {
    const DirectoryRecord* record = reinterpret_cast<const DirectoryRecord*>(records + at);
    at += record->size;
    if (IsDots(record->name)) continue;
    size_t offset = names_.size();
    if (offset > UINT32_MAX) return -EOVERFLOW;
    Item item{record->ino, static_cast<uint32_t>(offset), record->type};
    if (!names_.Append(record->name, strlen(record->name) + 1) ||
        !items_.Append(&item, sizeof item)) {
      return -ENOMEM;
    }
  }
  return 0;
}

long Listing::Read(int fd) {
  names_.SetSize(0);
  items_.SetSize(0);
  alignas(8) char records[1 << 15];
  while (true) {
    long size = CallAgain(SYS_getdents64, fd, static_cast<void*>(records), sizeof records);
    if (size < 0) return size;
    if (size == 0) break;
    if (long error = Append(records, size)) return error;
  }
  Item* items = reinterpret_cast<Item*>(items_.data());
  const char* names = names_.data();
  std::sort(items, items + this->size(), [names](const Item& a, const Item& b) {
    return strcmp(names + a.offset, names + b.offset) < 0;
  });
  return 0;
}

long Listing::Find(const char* name) const {
  size_t low = 0;
  size_t high = size();
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(Name(middle), name);
    if (order == 0) return static_cast<long>(middle);
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return -1;
}

}  // namespace graphdriver
