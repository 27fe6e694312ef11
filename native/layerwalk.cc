#include "layerwalk.h"

#include <dirent.h>

#include "copyentry.h"

namespace graphdriver {

long XattrNames::Read(int fd, const char* name) {
  // XATTR_LIST_MAX, linux/limits.h
  constexpr size_t kMost = 65536;
  at_ = 0;
  names_.SetSize(0);
  if (!names_.Reserve(kMost)) return -ENOMEM;
  long size;
  if (name == nullptr) {
    size = CallAgain(SYS_flistxattr, fd, static_cast<void*>(names_.data()), kMost);
  } else {
    size = CallAgain(SYS_llistxattr, static_cast<const void*>(FdPath(fd, name).data()),
                     static_cast<void*>(names_.data()), kMost);
  }
  if (size == -EOPNOTSUPP) return 0;
  if (size < 0) return size;
  names_.SetSize(static_cast<size_t>(size));
  return 0;
}

bool XattrNames::Next(const char** name) {
  if (at_ >= names_.size()) return false;
  *name = names_.data() + at_;
  at_ += strlen(*name) + 1;
  return true;
}

bool LayerWalk::Fail(long error, const char* call) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  if (walk_.depth() > 0) walk_.AppendPath(&result_.path);
  return false;
}

bool LayerWalk::TypeOf(const Entry& entry, unsigned char* type) {
  *type = entry.type;
  if (entry.type != DT_UNKNOWN) return true;
  Statx stat;
  long error = StatxOf(fd(), entry.name, kSymlinkNofollow, &stat);
  if (error == 0) *type = static_cast<unsigned char>(stat.mode >> 12);
  return error == 0 || error == -ENOENT || Fail(error, "statx");
}

bool LayerWalk::IsZeroDevice(const Entry& entry, bool* is) {
  *is = false;
  if (entry.type != DT_CHR && entry.type != DT_UNKNOWN) return true;
  Statx stat;
  long error = StatxOf(fd(), entry.name, kSymlinkNofollow, &stat);
  if (error != 0) return error == -ENOENT || Fail(error, "statx");
  *is = stat.mode >> 12 == DT_CHR && stat.rdev_major == 0 && stat.rdev_minor == 0;
  return true;
}

bool LayerWalk::Enter(long opened, const char* call) {
  if (opened < 0) return Fail(opened, call);
  if (long error = walk_.Enter(static_cast<int>(opened))) return Fail(error, "getdents64");
  if (!Arrive()) return false;
  walk_.Rewind();
  return true;
}

bool LayerWalk::Step() {
  Entry entry;
  if (!walk_.Next(&entry)) {
    long error = walk_.Leave();
    return error == 0 || Fail(error, "openat");
  }
  bool skip = false;
  unsigned char type;
  if (!Visit(entry, &skip) || !TypeOf(entry, &type)) return false;
  if (skip || type != DT_DIR) return true;
  return Enter(OpenOriginal(fd(), entry.name, O_RDONLY | O_DIRECTORY), "openat2");
}

bool LayerWalk::Run(Text path) {
  constexpr int kOpenRoot = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  long root =
      CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path.data), kOpenRoot | O_NOATIME);
  if (root == -EPERM) {
    root = CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path.data), kOpenRoot);
  }
  bool going = Enter(root, "openat");
  while (going && walk_.depth() > 0) going = Step();
  return going;
}

}  // namespace graphdriver
