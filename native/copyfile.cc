#include "copyfile.h"

#include "system.h"

namespace graphdriver {

namespace {

constexpr unsigned kFiclone = 0x40049409;
constexpr size_t kBlock = 256 * 1024;
// Below this, two calls by hand are cheaper than setting up a copy in the kernel.
constexpr int64_t kSmall = 32 * 1024;

// The filesystem, or the pair of them, cannot do it at all.
bool IsUnsupported(long error) {
  return error == -EOPNOTSUPP || error == -ENOTTY || error == -EXDEV || error == -ENOSYS;
}

}  // namespace

Outcome DataCopier::Copy(int from, const Statx& stat, int to) {
  int64_t size = static_cast<int64_t>(stat.size);
  if (size == 0) return {};
  if (can_clone_) {
    long error = CallAgain(SYS_ioctl, to, kFiclone, from);
    if (error == 0) return {};
    if (IsUnsupported(error)) can_clone_ = false;
  }
  // Fewer blocks than bytes: there may be holes.
  if (stat.blocks * 512 < stat.size) return CopyExtents(from, size, to);
  return CopyRange(from, to, 0, size);
}

Outcome DataCopier::CopyExtents(int from, int64_t size, int to) {
  int64_t at = 0;
  while (at < size) {
    long data = Call(SYS_lseek, from, at, SEEK_DATA);
    // Only a hole is left.
    if (data == -ENXIO) break;
    if (data < 0) data = at;
    if (data >= size) break;
    long hole = Call(SYS_lseek, from, data, SEEK_HOLE);
    int64_t end = hole < 0 || hole > size ? size : hole;
    Outcome outcome = CopyRange(from, to, data, end);
    if (outcome.failed()) return outcome;
    at = end;
  }
  if (long error = CallAgain(SYS_ftruncate, to, size)) return {error, "ftruncate"};
  return {};
}

long DataCopier::InKernel(int from, int to, int64_t start, int64_t end) {
  int64_t in = start;
  int64_t out = start;
  while (in < end) {
    long count = CallAgain(SYS_copy_file_range, from, static_cast<void*>(&in), to,
                           static_cast<void*>(&out), end - in, 0);
    if (IsUnsupported(count)) can_copy_ = false;
    if (count < 0) return in > start ? in - start : count;
    // The end of the file; or a filesystem that reports no size. Reading tells.
    if (count == 0) break;
  }
  return in - start;
}

Outcome DataCopier::CopyRange(int from, int to, int64_t start, int64_t end) {
  if (can_copy_ && end - start > kSmall) {
    long done = InKernel(from, to, start, end);
    // Any error comes up again below, if it is one of the files'.
    if (done > 0) start += done;
  }
  return ReadAndWrite(from, to, start, end);
}

Outcome DataCopier::ReadAndWrite(int from, int to, int64_t start, int64_t end) {
  if (start >= end) return {};
  if (!block_.Reserve(kBlock)) return {-ENOMEM, "read"};
  while (start < end) {
    size_t wanted =
        end - start < static_cast<int64_t>(kBlock) ? static_cast<size_t>(end - start) : kBlock;
    long count = CallAgain(SYS_pread64, from, static_cast<void*>(block_.data()), wanted, start);
    if (count < 0) return {count, "read"};
    // The file became shorter.
    if (count == 0) return {};
    for (long written = 0; written < count;) {
      long more = CallAgain(SYS_pwrite64, to, static_cast<const void*>(block_.data() + written),
                            count - written, start + written);
      if (more < 0) return {more, "write"};
      written += more;
    }
    start += count;
  }
  return {};
}

}  // namespace graphdriver
