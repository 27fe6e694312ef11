#include "stat.h"

#include <sys/vfs.h>

#include "kernel.h"
#include "system.h"

namespace graphdriver {

namespace {

// A time that does not fit (the year 2262 and later) stays at the end of the range.
int64_t Nanoseconds(const StatxTime& time) {
  int64_t value;
  if (__builtin_mul_overflow(time.seconds, int64_t{1000000000}, &value) ||
      __builtin_add_overflow(value, static_cast<int64_t>(time.nanoseconds), &value)) {
    return time.seconds < 0 ? INT64_MIN : INT64_MAX;
  }
  return value;
}

int64_t Signed(uint64_t value) {
  return static_cast<int64_t>(value);
}

}  // namespace

Row StatxRow(int32_t directory, Text path, int32_t flags, uint32_t mask) {
  Row row;
  Statx stat;
  long error = CallAgain(SYS_statx, directory, static_cast<const void*>(path.data), flags, mask,
                         static_cast<void*>(&stat));
  if (error != 0) {
    row.error = static_cast<int>(error);
    return row;
  }
  // The order of StatxField in lib/sys/stat-fields.ts.
  const int64_t values[] = {stat.mask,
                            Signed(stat.attributes),
                            Signed(stat.attributes_mask),
                            stat.mode,
                            stat.nlink,
                            stat.uid,
                            stat.gid,
                            Signed(stat.ino),
                            Signed(stat.size),
                            Signed(stat.blocks),
                            stat.blksize,
                            Nanoseconds(stat.atime),
                            Nanoseconds(stat.btime),
                            Nanoseconds(stat.ctime),
                            Nanoseconds(stat.mtime),
                            stat.rdev_major,
                            stat.rdev_minor,
                            stat.dev_major,
                            stat.dev_minor,
                            Signed(stat.mount_id)};
  row.count = sizeof values / sizeof values[0];
  static_assert(sizeof values <= sizeof row.values);
  memcpy(row.values, values, sizeof values);
  return row;
}

int32_t IsMountRoot(Text path, int32_t flags) {
  Statx stat;
  long error = CallAgain(SYS_statx, AT_FDCWD, static_cast<const void*>(path.data), flags, 0,
                         static_cast<void*>(&stat));
  if (error != 0) return static_cast<int32_t>(error);
  if ((stat.attributes_mask & kStatxMountRoot) == 0) return 2;
  return (stat.attributes & kStatxMountRoot) != 0 ? 1 : 0;
}

Row StatfsRow(Text path) {
  Row row;
  struct statfs stat;
  long error =
      CallAgain(SYS_statfs, static_cast<const void*>(path.data), static_cast<void*>(&stat));
  if (error != 0) {
    row.error = static_cast<int>(error);
    return row;
  }
  uint64_t fsid;
  static_assert(sizeof fsid == sizeof stat.f_fsid);
  memcpy(&fsid, &stat.f_fsid, sizeof fsid);
  // The order of StatfsField in lib/sys/stat-fields.ts.
  const int64_t values[] = {
      static_cast<int64_t>(stat.f_type),    static_cast<int64_t>(stat.f_bsize),
      static_cast<int64_t>(stat.f_blocks),  static_cast<int64_t>(stat.f_bfree),
      static_cast<int64_t>(stat.f_bavail),  static_cast<int64_t>(stat.f_files),
      static_cast<int64_t>(stat.f_ffree),   Signed(fsid),
      static_cast<int64_t>(stat.f_namelen), static_cast<int64_t>(stat.f_frsize),
      static_cast<int64_t>(stat.f_flags)};
  row.count = sizeof values / sizeof values[0];
  memcpy(row.values, values, sizeof values);
  return row;
}

}  // namespace graphdriver
