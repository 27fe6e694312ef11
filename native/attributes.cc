#include "attributes.h"

#include <sys/stat.h>
#include <time.h>

#include "walk.h"

namespace graphdriver {

namespace {

// XATTR_SIZE_MAX and XATTR_LIST_MAX, linux/limits.h
constexpr size_t kMost = 65536;

long List(const Thing& thing, Buffer* names) {
  if (thing.fd >= 0)
    return CallAgain(SYS_flistxattr, thing.fd, static_cast<void*>(names->data()), kMost);
  return CallAgain(SYS_llistxattr,
                   static_cast<const void*>(FdPath(thing.directory, thing.name).data()),
                   static_cast<void*>(names->data()), kMost);
}

long Get(const Thing& thing, const char* name, Buffer* value) {
  if (thing.fd >= 0) {
    return CallAgain(SYS_fgetxattr, thing.fd, static_cast<const void*>(name),
                     static_cast<void*>(value->data()), kMost);
  }
  return CallAgain(SYS_lgetxattr,
                   static_cast<const void*>(FdPath(thing.directory, thing.name).data()),
                   static_cast<const void*>(name), static_cast<void*>(value->data()), kMost);
}

long Set(const Thing& thing, const char* name, const Buffer& value, long size) {
  if (thing.fd >= 0) {
    return CallAgain(SYS_fsetxattr, thing.fd, static_cast<const void*>(name),
                     static_cast<const void*>(value.data()), size, 0);
  }
  return CallAgain(SYS_lsetxattr,
                   static_cast<const void*>(FdPath(thing.directory, thing.name).data()),
                   static_cast<const void*>(name), static_cast<const void*>(value.data()), size, 0);
}

long SetMode(const Thing& to, unsigned mode) {
  if (to.fd >= 0) return CallAgain(SYS_fchmod, to.fd, mode);
  return CallAgain(SYS_fchmodat, to.directory, static_cast<const void*>(to.name), mode);
}

long SetTimes(const Thing& to, const Statx& stat) {
  const timespec times[2] = {{stat.atime.seconds, stat.atime.nanoseconds},
                             {stat.mtime.seconds, stat.mtime.nanoseconds}};
  if (to.fd >= 0)
    return CallAgain(SYS_utimensat, to.fd, nullptr, static_cast<const void*>(times), 0);
  return CallAgain(SYS_utimensat, to.directory, static_cast<const void*>(to.name),
                   static_cast<const void*>(times), kSymlinkNofollow);
}

}  // namespace

bool AttributeCopier::Prepare() {
  return names_.Reserve(kMost) && value_.Reserve(kMost);
}

bool AttributeCopier::Tolerated(long error) const {
  return lenient_ &&
         (error == -EPERM || error == -EACCES || error == -EOPNOTSUPP || error == -EINVAL);
}

Outcome AttributeCopier::CopyOwner(const Statx& stat, const Thing& to) {
  long error;
  if (to.fd >= 0) {
    error = CallAgain(SYS_fchown, to.fd, stat.uid, stat.gid);
  } else {
    error = CallAgain(SYS_fchownat, to.directory, static_cast<const void*>(to.name), stat.uid,
                      stat.gid, kSymlinkNofollow);
  }
  return error == 0 || Tolerated(error) ? Outcome{} : Outcome{error, "chown"};
}

Outcome AttributeCopier::CopyXattr(const Thing& from, const Thing& to, const char* name) {
  long size = Get(from, name, &value_);
  // Gone since it was listed.
  if (size == -ENODATA) return {};
  if (size < 0) return Tolerated(size) ? Outcome{} : Outcome{size, "getxattr"};
  long error = Set(to, name, value_, size);
  return error == 0 || Tolerated(error) ? Outcome{} : Outcome{error, "setxattr"};
}

Outcome AttributeCopier::CopyXattrs(const Thing& from, const Thing& to) {
  long size = List(from, &names_);
  if (size == -EOPNOTSUPP) return {};
  if (size < 0) return {size, "listxattr"};
  const char* end = names_.data() + size;
  for (const char* name = names_.data(); name < end; name += strlen(name) + 1) {
    if (StartsWith(name, OverlayPrefix(form_))) {
      // The contents are in a layer below, or the directory is another one there.
      if (IsIndirectXattr(name)) return {-EREMOTE, "getxattr"};
      continue;
    }
    Outcome outcome = CopyXattr(from, to, name);
    if (outcome.failed()) return outcome;
  }
  return {};
}

Outcome AttributeCopier::Copy(const Thing& from, const Statx& stat, const Thing& to) {
  Outcome outcome = CopyOwner(stat, to);
  if (outcome.failed()) return outcome;
  outcome = CopyXattrs(from, to);
  if (outcome.failed()) return outcome;
  if ((stat.mode & S_IFMT) != S_IFLNK) {
    if (long error = SetMode(to, stat.mode & 07777)) return {error, "chmod"};
  }
  if (long error = SetTimes(to, stat)) return {error, "utimensat"};
  return {};
}

Outcome AttributeCopier::Clear(int fd) {
  Thing thing{fd, -1, nullptr};
  long size = List(thing, &names_);
  if (size == -EOPNOTSUPP) return {};
  if (size < 0) return {size, "listxattr"};
  const char* end = names_.data() + size;
  for (const char* name = names_.data(); name < end; name += strlen(name) + 1) {
    // A security module's label is its own business, and cannot be taken away.
    constexpr size_t kPrefix = 9;
    if (strlen(name) > kPrefix && memcmp(name, "security.", kPrefix) == 0) continue;
    long error = CallAgain(SYS_fremovexattr, fd, static_cast<const void*>(name));
    if (error != 0 && error != -ENODATA && !Tolerated(error)) return {error, "removexattr"};
  }
  return {};
}

}  // namespace graphdriver
