#include "listing.h"

#include <algorithm>

#include "directory.h"
#include "system.h"

namespace graphdriver {

long Listing::Append(const DirectoryRecord& record) {
  size_t offset = names_.size();
  if (offset > UINT32_MAX) return -EOVERFLOW;
  Item item{record.ino, static_cast<uint32_t>(offset), record.type};
  bool added =
      names_.Append(record.name, strlen(record.name) + 1) && items_.Append(&item, sizeof item);
  return added ? 0 : -ENOMEM;
}

long Listing::Read(int fd) {
  names_.SetSize(0);
  items_.SetSize(0);
  auto append = [this](const DirectoryRecord& record) { return Append(record); };
  if (long error = ReadDirectory(fd, append)) return error;
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
