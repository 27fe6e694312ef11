#include "file.h"

#include <time.h>

#include "kernel.h"
#include "system.h"

namespace graphdriver {

namespace {

constexpr long kOmit = (1l << 30) - 2;

timespec TimeOf(MaybeTime time) {
  if (!time.given) return {0, kOmit};
  constexpr int64_t kSecond = 1000000000;
  int64_t seconds = time.nanoseconds / kSecond;
  int64_t rest = time.nanoseconds % kSecond;
  // Before 1970: the nanoseconds count forward all the same.
  if (rest < 0) {
    seconds--;
    rest += kSecond;
  }
  return {seconds, static_cast<long>(rest)};
}

}  // namespace

Fd Openat2(int32_t directory, Text path, int64_t flags, uint32_t mode, uint32_t resolve) {
  OpenHow how{static_cast<uint64_t>(flags) | O_CLOEXEC, mode, resolve};
  long fd;
  int tries = 0;
  // openat2(2): EAGAIN means that something was renamed meanwhile, and that the caller should try
  // again.
  do {
    fd = CallAgain(SYS_openat2, directory, static_cast<const void*>(path.data),
                   static_cast<const void*>(&how), sizeof how);
  } while (fd == -EAGAIN && resolve != 0 && ++tries < 64);
  return {static_cast<int>(fd)};
}

int32_t Close(int32_t fd) {
  return static_cast<int32_t>(Call(SYS_close, fd));
}

int32_t Mkdirat(int32_t directory, Text path, uint32_t mode) {
  return static_cast<int32_t>(
      CallAgain(SYS_mkdirat, directory, static_cast<const void*>(path.data), mode));
}

int32_t Unlinkat(int32_t directory, Text path, int32_t flags) {
  return static_cast<int32_t>(
      CallAgain(SYS_unlinkat, directory, static_cast<const void*>(path.data), flags));
}

int32_t Renameat2(int32_t old_directory, Text old_path, int32_t new_directory, Text new_path,
                  uint32_t flags) {
  return static_cast<int32_t>(CallAgain(SYS_renameat2, old_directory,
                                        static_cast<const void*>(old_path.data), new_directory,
                                        static_cast<const void*>(new_path.data), flags));
}

int32_t Mknodat(int32_t directory, Text path, uint32_t mode, uint32_t major, uint32_t minor) {
  // The number has 12 bits of major and 20 of minor; the rest would be lost.
  if (major > 0xfff || minor > 0xfffff) return -EINVAL;
  return static_cast<int32_t>(CallAgain(SYS_mknodat, directory, static_cast<const void*>(path.data),
                                        mode, DeviceNumber(major, minor)));
}

int32_t Utimensat(int32_t directory, Text path, MaybeTime atime, MaybeTime mtime, int32_t flags) {
  const timespec times[2] = {TimeOf(atime), TimeOf(mtime)};
  return static_cast<int32_t>(CallAgain(SYS_utimensat, directory,
                                        static_cast<const void*>(path.data),
                                        static_cast<const void*>(times), flags));
}

int32_t Syncfs(int32_t fd) {
  return static_cast<int32_t>(CallAgain(SYS_syncfs, fd));
}

Blob ReadFile(int32_t directory, Text path, int64_t limit) {
  Blob blob;
  // Not waiting: the open of a fifo would, for ever.
  Descriptor file(CallAgain(SYS_openat, directory, static_cast<const void*>(path.data),
                            O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  blob.error = file.failed() ? file.get() : 0;
  if (limit < 0) blob.error = -EINVAL;
  size_t most = static_cast<size_t>(limit);
  size_t wanted = 4096;
  while (blob.error == 0) {
    size_t size = blob.bytes.size();
    // One byte more than the limit tells that there is more.
    if (wanted > most - size + 1) wanted = most - size + 1;
    if (!blob.bytes.Reserve(size + wanted)) {
      blob.error = -ENOMEM;
      break;
    }
    long count =
        CallAgain(SYS_read, file.get(), static_cast<void*>(blob.bytes.data() + size), wanted);
    if (count < 0) blob.error = static_cast<int>(count);
    if (count <= 0) break;
    blob.bytes.SetSize(size + static_cast<size_t>(count));
    if (blob.bytes.size() > most) blob.error = -EFBIG;
    if (wanted < (size_t{1} << 20)) wanted *= 2;
  }
  return blob;
}

}  // namespace graphdriver
