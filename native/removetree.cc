#include <dirent.h>
#include <sys/stat.h>

#include "kernel.h"
#include "system.h"
#include "tree.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint64_t kOpenDirectory = O_RDONLY | O_DIRECTORY;

class Removal {
 public:
  TreeResult Run(int directory, Text path);

 private:
  // Each answers false after it has noted a failure.
  bool OpenParent(int directory, Text path);
  bool Step();
  bool RemoveEntry(const Entry& entry);
  bool EnterDirectory(int above, const char* name);
  bool FinishDirectory();
  bool Fail(long error, const char* call);
  long Unlink(int directory, const char* name, int flags);

  Descriptor parent_;
  // The last name of the path that was given.
  Buffer name_;
  Walk walk_;
  // How often in a row a directory was not empty after all.
  int refills_ = 0;
  TreeResult result_;
};

bool Removal::Fail(long error, const char* call) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  result_.path.SetSize(0);
  if (walk_.depth() > 0) walk_.AppendPath(&result_.path);
  return false;
}

// Links on the way to the directory are the caller's own; only its last name is looked at closely.
bool Removal::OpenParent(int directory, Text path) {
  size_t size = path.size;
  while (size > 1 && path.data[size - 1] == '/') size--;
  size_t begin = size;
  while (begin > 0 && path.data[begin - 1] != '/') begin--;
  const char* name = path.data + begin;
  size_t length = size - begin;
  bool dots = (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
  if (length == 0 || dots) return Fail(-EINVAL, "openat2");
  Buffer parent;
  if (!name_.Append(name, length) || !name_.Append('\0') || !parent.Append(path.data, begin) ||
      (begin == 0 && !parent.Append('.')) || !parent.Append('\0')) {
    return Fail(-ENOMEM, "openat");
  }
  parent_.Reset(CallAgain(SYS_openat, directory, static_cast<const void*>(parent.data()),
                          O_PATH | O_DIRECTORY | O_CLOEXEC));
  return parent_.failed() ? Fail(parent_.get(), "openat") : true;
}

// Without privileges, a directory that its owner may not write or read (0555 in an image, 0000 in
// overlay's work directory) is opened up first.
bool Removal::EnterDirectory(int above, const char* name) {
  long fd = OpenBelow(above, name, kOpenDirectory);
  if (fd == -EACCES) {
    Descriptor closed(OpenBelow(above, name, O_PATH | O_DIRECTORY));
    if (!closed.failed() &&
        Call(SYS_fchmodat, AT_FDCWD, static_cast<const void*>(FdPath(closed.get()).data()), 0700) ==
            0) {
      fd = OpenBelow(above, name, kOpenDirectory);
    }
  }
  if (fd == -ENOENT && walk_.depth() > 0) return true;
  if (fd < 0) return Fail(fd, "openat2");
  long error = walk_.Enter(static_cast<int>(fd));
  return error == 0 || error == -ENOENT ? true : Fail(error, "getdents64");
}

long Removal::Unlink(int directory, const char* name, int flags) {
  long error = CallAgain(SYS_unlinkat, directory, static_cast<const void*>(name), flags);
  if (error == -EACCES && walk_.depth() > 0 && Call(SYS_fchmod, directory, 0700) == 0) {
    error = CallAgain(SYS_unlinkat, directory, static_cast<const void*>(name), flags);
  }
  if (error == 0) result_.count++;
  // Somebody else was faster.
  return error == -ENOENT ? 0 : error;
}

bool Removal::RemoveEntry(const Entry& entry) {
  if (entry.type != DT_DIR) {
    long error = Unlink(walk_.fd(), entry.name, 0);
    if (error == 0) return true;
    // Filesystems need not tell types in a listing, nor agree on this errno (unlink(2)).
    Statx stat;
    bool directory = (error == -EISDIR || error == -EPERM) &&
                     StatxOf(walk_.fd(), entry.name, kSymlinkNofollow, &stat) == 0 &&
                     (stat.mode & S_IFMT) == S_IFDIR;
    if (!directory) return Fail(error, "unlinkat");
  }
  return EnterDirectory(walk_.fd(), entry.name);
}

bool Removal::FinishDirectory() {
  if (long error = walk_.Leave()) return Fail(error, "openat");
  bool root = walk_.depth() == 0;
  int above = root ? parent_.get() : walk_.fd();
  const char* name = root ? name_.data() : walk_.Current();
  long error = Unlink(above, name, kRemoveDirectory);
  // Filled again meanwhile, or entries were skipped because others were removed while they were
  // listed.
  if ((error == -ENOTEMPTY || error == -EEXIST) && ++refills_ < 8)
    return EnterDirectory(above, name);
  if (error != 0) return Fail(error, "unlinkat");
  refills_ = 0;
  return true;
}

bool Removal::Step() {
  Entry entry;
  return walk_.Next(&entry) ? RemoveEntry(entry) : FinishDirectory();
}

TreeResult Removal::Run(int directory, Text path) {
  if (OpenParent(directory, path) && EnterDirectory(parent_.get(), name_.data())) {
    while (walk_.depth() > 0 && Step()) continue;
  }
  return static_cast<TreeResult&&>(result_);
}

}  // namespace

TreeResult RemoveTree(int32_t directory, Text path) {
  return Removal().Run(directory, path);
}

}  // namespace graphdriver
