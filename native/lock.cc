// Open-file-description locks, fcntl_locking(2). Never the waiting form: a waiting thread could not
// be called back.
#include "lock.h"

#include "kernel.h"
#include "system.h"

namespace graphdriver {

namespace {

// l_pid must be 0 for these.
struct flock LockOf(int32_t type, int64_t start, int64_t length) {
  struct flock lock = {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

bool IsLockType(int32_t type) {
  return type == F_RDLCK || type == F_WRLCK || type == F_UNLCK;
}

}  // namespace

int32_t SetLock(int32_t fd, int32_t type, int64_t start, int64_t length) {
  if (!IsLockType(type)) return -EINVAL;
  struct flock lock = LockOf(type, start, length);
  long error = CallAgain(SYS_fcntl, fd, kOfdSetlk, static_cast<const void*>(&lock));
  // POSIX leaves the choice between the two to the filesystem.
  return static_cast<int32_t>(error == -EACCES ? -EAGAIN : error);
}

int32_t GetLock(int32_t fd, int32_t type, int64_t start, int64_t length) {
  if (!IsLockType(type)) return -EINVAL;
  struct flock lock = LockOf(type, start, length);
  long error = CallAgain(SYS_fcntl, fd, kOfdGetlk, static_cast<void*>(&lock));
  return static_cast<int32_t>(error != 0 ? error : lock.l_type);
}

}  // namespace graphdriver
