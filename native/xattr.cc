#include "xattr.h"

#include "system.h"

namespace graphdriver {

namespace {

// XATTR_SIZE_MAX and XATTR_LIST_MAX (linux/limits.h): no value and no list is longer, so one retry
// is enough and the race between asking for the size and reading cannot be lost.
constexpr size_t kMost = 65536;
constexpr size_t kUsual = 1024;

// `read(buffer, size)` answers the size of what it wrote, or a negative errno.
template <typename Read>
Blob ReadWhole(Read read) {
  Blob blob;
  char usual[kUsual];
  long size = read(usual, sizeof usual);
  if (size >= 0) {
    if (!blob.bytes.Append(usual, static_cast<size_t>(size))) blob.error = -ENOMEM;
    return blob;
  }
  if (size == -ERANGE) {
    if (!blob.bytes.Reserve(kMost)) {
      blob.error = -ENOMEM;
      return blob;
    }
    size = read(blob.bytes.data(), kMost);
    if (size >= 0) blob.bytes.SetSize(static_cast<size_t>(size));
  }
  if (size < 0) blob.error = static_cast<int>(size);
  return blob;
}

}  // namespace

Blob Getxattr(Text path, Text name, bool follow) {
  return ReadWhole([&](char* buffer, size_t size) {
    return CallAgain(follow ? SYS_getxattr : SYS_lgetxattr, static_cast<const void*>(path.data),
                     static_cast<const void*>(name.data), static_cast<void*>(buffer), size);
  });
}

int32_t Setxattr(Text path, Text name, Bytes value, int32_t flags, bool follow) {
  return static_cast<int32_t>(CallAgain(follow ? SYS_setxattr : SYS_lsetxattr,
                                        static_cast<const void*>(path.data),
                                        static_cast<const void*>(name.data),
                                        static_cast<const void*>(value.data), value.size, flags));
}

Blob Listxattr(Text path, bool follow) {
  return ReadWhole([&](char* buffer, size_t size) {
    return CallAgain(follow ? SYS_listxattr : SYS_llistxattr, static_cast<const void*>(path.data),
                     static_cast<void*>(buffer), size);
  });
}

int32_t Removexattr(Text path, Text name, bool follow) {
  return static_cast<int32_t>(CallAgain(follow ? SYS_removexattr : SYS_lremovexattr,
                                        static_cast<const void*>(path.data),
                                        static_cast<const void*>(name.data)));
}

}  // namespace graphdriver
