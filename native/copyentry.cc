#include "copyentry.h"

#include <sys/stat.h>

#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint64_t kMountRoot = 0x2000;

// Goes down a path that is longer than the 4095 bytes which a system call takes: `far` is as near
// as needed, unless the directory itself will do, and `*last` is what is left. Answers 0 or a
// negative errno.
long OpenFar(int directory, const char* path, Descriptor* far, const char** last) {
  constexpr size_t kPiece = 4000;
  while (strlen(path) > kPiece) {
    char piece[kPiece + 1];
    size_t size = kPiece;
    while (path[size] != '/') size--;
    memcpy(piece, path, size);
    piece[size] = 0;
    long next =
        CallAgain(SYS_openat, far->failed() ? directory : far->get(),
                  static_cast<const void*>(piece), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (next < 0) return next;
    far->Reset(next);
    path += size + 1;
  }
  *last = path;
  return 0;
}

}  // namespace

long OpenOriginal(int directory, const char* name, uint64_t flags) {
  long fd = OpenBelow(directory, name, flags | O_NOATIME);
  return fd == -EPERM ? OpenBelow(directory, name, flags) : fd;
}

long MakeDirectory(int directory, const char* name, const char** call) {
  *call = "mkdirat";
  if (long error = CallAgain(SYS_mkdirat, directory, static_cast<const void*>(name), 0700)) {
    return error;
  }
  *call = "openat";
  return CallAgain(SYS_openat, directory, static_cast<const void*>(name),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

Outcome EntryCopier::CopyFile(int from, const char* name, const Statx& stat, int to) {
  // Not waiting, in case it has become a fifo meanwhile.
  Descriptor source(OpenOriginal(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (source.failed()) return {source.get(), "openat2"};
  Descriptor target(CallAgain(SYS_openat, to, static_cast<const void*>(name),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (target.failed()) return {target.get(), "openat"};
  Outcome outcome = data_.Copy(source.get(), stat, target.get());
  if (outcome.failed()) return outcome;
  return attributes_.Copy({source.get(), -1, nullptr}, stat, {target.get(), -1, nullptr});
}

Outcome EntryCopier::CopySymlink(int from, const char* name, int to) {
  char content[4097];
  long size = CallAgain(SYS_readlinkat, from, static_cast<const void*>(name),
                        static_cast<void*>(content), sizeof content - 1);
  if (size < 0) return {size, "readlinkat"};
  content[size] = 0;
  return {CallAgain(SYS_symlinkat, static_cast<const void*>(content), to,
                    static_cast<const void*>(name)),
          "symlinkat"};
}

Outcome EntryCopier::Copy(int from, const char* name, const Statx& stat, int to) {
  // A file mounted over another: what is under it cannot be seen.
  if (stat.attributes & kMountRoot) return {-EXDEV, "statx"};
  unsigned type = stat.mode & S_IFMT;
  if (type == S_IFREG) return CopyFile(from, name, stat, to);
  Outcome outcome;
  if (type == S_IFLNK) {
    outcome = CopySymlink(from, name, to);
  } else {
    unsigned device = DeviceNumber(stat.rdev_major, stat.rdev_minor);
    outcome = {CallAgain(SYS_mknodat, to, static_cast<const void*>(name), type | 0600u, device),
               "mknodat"};
  }
  if (outcome.failed()) return outcome;
  return attributes_.Copy({-1, from, name}, stat, {-1, to, name});
}

Outcome EntryCopier::Link(int root, const char* first, int to, const char* name) {
  const char* rest = first;
  Descriptor far;
  if (long error = OpenFar(root, first, &far, &rest)) return {error, "openat"};
  return {CallAgain(SYS_linkat, far.failed() ? root : far.get(), static_cast<const void*>(rest), to,
                    static_cast<const void*>(name), 0),
          "linkat"};
}

}  // namespace graphdriver
