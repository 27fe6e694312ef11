#include <dirent.h>
#include <sys/stat.h>

#include "attributes.h"
#include "copyfile.h"
#include "links.h"
#include "tree.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint32_t kLenient = 1;
constexpr uint64_t kMountRoot = 0x2000;

// O_NOATIME is for the owner and root: the original should not look read.
long OpenOriginal(int directory, const char* name, uint64_t flags) {
  long fd = OpenBelow(directory, name, flags | O_NOATIME);
  return fd == -EPERM ? OpenBelow(directory, name, flags) : fd;
}

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

class TreeCopy {
 public:
  explicit TreeCopy(uint32_t flags) : attributes_((flags & kLenient) != 0) {}
  TreeResult Run(Text from, Text to);

 private:
  // Each answers false after it has noted a failure.
  bool OpenRoots(Text from, Text to);
  bool Step();
  bool CopyEntry(const char* name);
  bool CopyDirectory(const char* name, const Statx& stat);
  bool FinishDirectory();
  bool CopyFile(const char* name, const Statx& stat);
  bool CopySymlink(const char* name, const Statx& stat);
  bool CopySpecial(const char* name, const Statx& stat);
  bool LinkTo(const char* first, const char* name);
  bool Finish(const Thing& from, const Statx& stat, const Thing& to);
  bool Fail(long error, const char* call);

  Walk from_;
  Trail to_;
  Descriptor to_root_;
  // Of the directories that are open; applied when they are left, since every entry changes the
  // times.
  Stack<Statx> directories_;
  Links links_;
  AttributeCopier attributes_;
  DataCopier data_;
  TreeResult result_;
};

bool TreeCopy::Fail(long error, const char* call) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  if (from_.depth() > 0) from_.AppendPath(&result_.path);
  return false;
}

bool TreeCopy::OpenRoots(Text from, Text to) {
  constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  long opened = CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(from.data),
                          kOpenDirectory | O_NOATIME);
  if (opened == -EPERM) {
    opened = CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(from.data), kOpenDirectory);
  }
  Descriptor source(opened);
  if (source.failed()) return Fail(source.get(), "openat");
  Descriptor target(
      CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(to.data), kOpenDirectory));
  if (target.failed()) return Fail(target.get(), "openat");
  Statx stat;
  if (long error = StatxOf(source.get(), "", kEmptyPath, &stat)) return Fail(error, "statx");
  if (!attributes_.Prepare() || !directories_.Push(stat)) return Fail(-ENOMEM, "openat");
  Outcome outcome = attributes_.Clear(target.get());
  if (outcome.failed()) return Fail(outcome.error, outcome.call);
  // Without its set-group-id bit, too: new directories would inherit it.
  if (long error = CallAgain(SYS_fchmod, target.get(), 0700)) return Fail(error, "chmod");
  long root = Call(SYS_fcntl, target.get(), F_DUPFD_CLOEXEC, 0);
  if (root < 0) return Fail(root, "fcntl");
  to_root_.Reset(root);
  if (long error = to_.Push(target.Take())) return Fail(error, "openat");
  if (long error = from_.Enter(source.Take())) return Fail(error, "getdents64");
  return true;
}

bool TreeCopy::Finish(const Thing& from, const Statx& stat, const Thing& to) {
  Outcome outcome = attributes_.Copy(from, stat, to);
  if (outcome.failed()) return Fail(outcome.error, outcome.call);
  result_.count++;
  return true;
}

bool TreeCopy::CopyDirectory(const char* name, const Statx& stat) {
  long source = OpenOriginal(from_.fd(), name, O_RDONLY | O_DIRECTORY);
  // Another mount: the directory under it, as far as it can be seen, and nothing of what is mounted
  // there.
  Descriptor covered;
  if (source == -EXDEV) {
    covered.Reset(CallAgain(SYS_openat, from_.fd(), static_cast<const void*>(name),
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (covered.failed()) return Fail(covered.get(), "openat");
  } else if (source < 0) {
    return Fail(source, "openat2");
  }
  Descriptor opened(source);
  if (long error = CallAgain(SYS_mkdirat, to_.fd(), static_cast<const void*>(name), 0700)) {
    return Fail(error, "mkdirat");
  }
  Descriptor target(CallAgain(SYS_openat, to_.fd(), static_cast<const void*>(name),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (target.failed()) return Fail(target.get(), "openat");
  if (opened.failed())
    return Finish({covered.get(), -1, nullptr}, stat, {target.get(), -1, nullptr});
  if (!directories_.Push(stat)) return Fail(-ENOMEM, "openat");
  if (long error = to_.Push(target.Take())) return Fail(error, "openat");
  if (long error = from_.Enter(opened.Take())) return Fail(error, "getdents64");
  return true;
}

bool TreeCopy::FinishDirectory() {
  // First back, then the mode: it may forbid to look up `..`.
  Descriptor target;
  if (long error = to_.Pop(&target)) return Fail(error, "openat");
  if (!Finish({from_.fd(), -1, nullptr}, directories_.Top(), {target.get(), -1, nullptr}))
    return false;
  directories_.Pop();
  if (long error = from_.Leave()) return Fail(error, "openat");
  return true;
}

bool TreeCopy::CopyFile(const char* name, const Statx& stat) {
  // Not waiting, in case it has become a fifo meanwhile.
  Descriptor source(OpenOriginal(from_.fd(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (source.failed()) return Fail(source.get(), "openat2");
  Descriptor target(CallAgain(SYS_openat, to_.fd(), static_cast<const void*>(name),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (target.failed()) return Fail(target.get(), "openat");
  Outcome outcome = data_.Copy(source.get(), stat, target.get());
  if (outcome.failed()) return Fail(outcome.error, outcome.call);
  return Finish({source.get(), -1, nullptr}, stat, {target.get(), -1, nullptr});
}

bool TreeCopy::CopySymlink(const char* name, const Statx& stat) {
  char content[4097];
  long size = CallAgain(SYS_readlinkat, from_.fd(), static_cast<const void*>(name),
                        static_cast<void*>(content), sizeof content - 1);
  if (size < 0) return Fail(size, "readlinkat");
  content[size] = 0;
  long error = CallAgain(SYS_symlinkat, static_cast<const void*>(content), to_.fd(),
                         static_cast<const void*>(name));
  if (error != 0) return Fail(error, "symlinkat");
  return Finish({-1, from_.fd(), name}, stat, {-1, to_.fd(), name});
}

bool TreeCopy::CopySpecial(const char* name, const Statx& stat) {
  long error =
      CallAgain(SYS_mknodat, to_.fd(), static_cast<const void*>(name), (stat.mode & S_IFMT) | 0600u,
                DeviceNumber(stat.rdev_major, stat.rdev_minor));
  if (error != 0) return Fail(error, "mknodat");
  return Finish({-1, from_.fd(), name}, stat, {-1, to_.fd(), name});
}

bool TreeCopy::LinkTo(const char* first, const char* name) {
  const char* rest = first;
  Descriptor far;
  if (long error = OpenFar(to_root_.get(), first, &far, &rest)) return Fail(error, "openat");
  long error =
      CallAgain(SYS_linkat, far.failed() ? to_root_.get() : far.get(),
                static_cast<const void*>(rest), to_.fd(), static_cast<const void*>(name), 0);
  if (error != 0) return Fail(error, "linkat");
  result_.count++;
  return true;
}

bool TreeCopy::CopyEntry(const char* name) {
  Statx stat;
  if (long error = StatxOf(from_.fd(), name, kSymlinkNofollow, &stat)) return Fail(error, "statx");
  unsigned type = stat.mode & S_IFMT;
  if (type == S_IFDIR) return CopyDirectory(name, stat);
  // It means nothing without the process that listens.
  if (type == S_IFSOCK) return true;
  // A file mounted over another: what is under it cannot be seen.
  if (stat.attributes & kMountRoot) return Fail(-EXDEV, "statx");
  if (stat.nlink > 1) {
    if (const char* first = links_.Find(stat)) return LinkTo(first, name);
  }
  bool copied = type == S_IFREG   ? CopyFile(name, stat)
                : type == S_IFLNK ? CopySymlink(name, stat)
                                  : CopySpecial(name, stat);
  if (copied && stat.nlink > 1 && !links_.Add(stat, &from_)) return Fail(-ENOMEM, "linkat");
  return copied;
}

bool TreeCopy::Step() {
  Entry entry;
  return from_.Next(&entry) ? CopyEntry(entry.name) : FinishDirectory();
}

TreeResult TreeCopy::Run(Text from, Text to) {
  if (OpenRoots(from, to)) {
    while (from_.depth() > 0 && Step()) continue;
    // The root itself is no entry of the copy.
    if (result_.error == 0) result_.count--;
  }
  return static_cast<TreeResult&&>(result_);
}

}  // namespace

TreeResult CopyTree(Text from, Text to, uint32_t flags) {
  if (flags & ~kLenient) {
    TreeResult result;
    result.error = -EINVAL;
    return result;
  }
  return TreeCopy(flags).Run(from, to);
}

}  // namespace graphdriver
