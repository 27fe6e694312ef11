#include <dirent.h>
#include <sys/stat.h>

#include "copyentry.h"
#include "links.h"
#include "tree.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint32_t kLenient = 1;

class TreeCopy {
 public:
  explicit TreeCopy(uint32_t flags) : copier_((flags & kLenient) != 0) {}
  TreeResult Run(Text from, Text to);

 private:
  // Each answers false after it has noted a failure.
  bool OpenRoots(Text from, Text to);
  bool Step();
  bool CopyEntry(const char* name);
  bool CopyDirectory(const char* name, const Statx& stat);
  bool FinishDirectory();
  bool Done(const Outcome& outcome);
  bool Finish(const Thing& from, const Statx& stat, const Thing& to);
  bool Fail(long error, const char* call);

  Walk from_;
  Trail to_;
  Descriptor to_root_;
  // Of the directories that are open; applied when they are left, since every entry changes the
  // times.
  Stack<Statx> directories_;
  Links links_;
  EntryCopier copier_;
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
  if (!copier_.Prepare() || !directories_.Push(stat)) return Fail(-ENOMEM, "openat");
  Outcome outcome = copier_.attributes()->Clear(target.get());
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

bool TreeCopy::Done(const Outcome& outcome) {
  if (outcome.failed()) return Fail(outcome.error, outcome.call);
  result_.count++;
  return true;
}

bool TreeCopy::Finish(const Thing& from, const Statx& stat, const Thing& to) {
  return Done(copier_.attributes()->Copy(from, stat, to));
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
  const char* call;
  Descriptor target(MakeDirectory(to_.fd(), name, &call));
  if (target.failed()) return Fail(target.get(), call);
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

bool TreeCopy::CopyEntry(const char* name) {
  Statx stat;
  if (long error = StatxOf(from_.fd(), name, kSymlinkNofollow, &stat)) return Fail(error, "statx");
  unsigned type = stat.mode & S_IFMT;
  if (type == S_IFDIR) return CopyDirectory(name, stat);
  // It means nothing without the process that listens.
  if (type == S_IFSOCK) return true;
  if (stat.nlink > 1) {
    const char* first = links_.Find(stat);
    if (first != nullptr) return Done(EntryCopier::Link(to_root_.get(), first, to_.fd(), name));
  }
  if (!Done(copier_.Copy(from_.fd(), name, stat, to_.fd()))) return false;
  return stat.nlink < 2 || links_.Add(stat, &from_) || Fail(-ENOMEM, "linkat");
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
