#include "xattrrecords.h"

#include <algorithm>

#include "layerform.h"
#include "system.h"
#include "tarheader.h"
#include "walk.h"

namespace graphdriver {

namespace {

// XATTR_SIZE_MAX and XATTR_LIST_MAX (linux/limits.h).
constexpr size_t kMost = 65536;
constexpr size_t kUsual = 512;
constexpr char kKey[] = "SCHILY.xattr.";
// XATTR_NAME_MAX
constexpr size_t kMostName = 255;

// A key ends at the first '='. GNU tar and libarchive write these two so.
void EscapeKey(const char* name, char* key) {
  for (size_t left = kMostName; *name != 0 && left > 0; name++, left--) {
    const char* escaped = *name == '%' ? "%25" : *name == '=' ? "%3D" : nullptr;
    if (escaped == nullptr) {
      *key++ = *name;
    } else {
      memcpy(key, escaped, 3);
      key += 3;
    }
  }
  *key = 0;
}

}  // namespace

bool XattrRecords::operator==(const XattrRecords& other) const {
  size_t size = records_.size();
  return size == other.records_.size() &&
         (size == 0 || memcmp(records_.data(), other.records_.data(), size) == 0);
}

template <typename Get>
long XattrRecords::AppendValue(const char* name, Get get) {
  if (!value_.Reserve(kMost)) return -ENOMEM;
  long size = get(name, value_.data(), kMost);
  // Removed meanwhile.
  if (size == -ENODATA) return 0;
  if (size < 0) return size;
  char key[3 * kMostName + 1];
  EscapeKey(name, key);
  return AppendPaxRecord(&records_, kKey, key, value_.data(), static_cast<size_t>(size)) ? 0
                                                                                         : -ENOMEM;
}

// The kernel lists them in the order in which they were made.
void XattrRecords::Sort() {
  const char** order = reinterpret_cast<const char**>(order_.data());
  std::sort(order, order + order_.size() / sizeof *order,
            [](const char* a, const char* b) { return strcmp(a, b) < 0; });
}

template <typename List, typename Get>
long XattrRecords::ReadAll(List list, Get get) {
  records_.SetSize(0);
  order_.SetSize(0);
  indirect_ = false;
  if (!names_.Reserve(kUsual)) return -ENOMEM;
  long size = list(names_.data(), names_.capacity());
  if (size == -ERANGE) {
    if (!names_.Reserve(kMost)) return -ENOMEM;
    size = list(names_.data(), names_.capacity());
  }
  if (size == -ENOTSUP) return 0;
  if (size <= 0) return size;
  const char* end = names_.data() + size;
  for (const char* name = names_.data(); name < end; name += strlen(name) + 1) {
    indirect_ = indirect_ || IsIndirectXattr(name);
    if (!IsBookkeepingXattr(name) && !order_.Append(&name, sizeof name)) return -ENOMEM;
  }
  Sort();
  const char* const* order = reinterpret_cast<const char* const*>(order_.data());
  for (size_t i = 0; i < order_.size() / sizeof *order; i++) {
    if (long error = AppendValue(order[i], get)) return error;
  }
  return 0;
}

long XattrRecords::Read(int fd) {
  return ReadAll(
      [fd](char* names, size_t size) {
        return CallAgain(SYS_flistxattr, fd, static_cast<void*>(names), size);
      },
      [fd](const char* name, char* value, size_t size) {
        return CallAgain(SYS_fgetxattr, fd, static_cast<const void*>(name),
                         static_cast<void*>(value), size);
      });
}

long XattrRecords::ReadAt(int directory, const char* name) {
  FdPath path(directory, name);
  return ReadAll(
      [&path](char* names, size_t size) {
        return CallAgain(SYS_llistxattr, static_cast<const void*>(path.data()),
                         static_cast<void*>(names), size);
      },
      [&path](const char* attribute, char* value, size_t size) {
        return CallAgain(SYS_lgetxattr, static_cast<const void*>(path.data()),
                         static_cast<const void*>(attribute), static_cast<void*>(value), size);
      });
}

}  // namespace graphdriver
