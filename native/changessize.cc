#include "changessize.h"

#include <dirent.h>

namespace graphdriver {

namespace {

constexpr uint64_t kMountRoot = 0x2000;

class LayerWalk {
 public:
  LayerWalk(const char* path, Form form, const std::atomic<uint32_t>* cancelled)
      : path_(path), form_(form), cancelled_(cancelled) {}
  TreeResult Run();

 private:
  // Each answers false after it has noted a failure.
  bool OpenRoot();
  bool Step();
  bool EnterDirectory(const char* name);
  bool Fail(long error, const char* call);
  template <typename Opener>
  long WithoutAtime(Opener open);

  const char* path_;
  Form form_;
  const std::atomic<uint32_t>* cancelled_;
  uint64_t no_atime_ = O_NOATIME;
  Walk walk_;
  SizeCounter counter_;
  TreeResult result_;
};

bool LayerWalk::Fail(long error, const char* call) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  Buffer below;
  if (walk_.depth() > 0) walk_.AppendPath(&below);
  result_.path.Append(path_, strlen(path_));
  if (below.size() > 0 && result_.path.Append('/')) {
    result_.path.Append(below.data(), below.size());
  }
  return false;
}

// For the owner and root, so that a layer does not look read.
template <typename Opener>
long LayerWalk::WithoutAtime(Opener open) {
  constexpr uint64_t kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  long fd = open(kOpenDirectory | no_atime_);
  if (fd != -EPERM || no_atime_ == 0) return fd;
  no_atime_ = 0;
  return open(kOpenDirectory);
}

bool LayerWalk::OpenRoot() {
  long fd = WithoutAtime([this](uint64_t flags) {
    return CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path_), flags);
  });
  if (fd < 0) return Fail(fd, "openat");
  long error = walk_.Enter(static_cast<int>(fd));
  return error == 0 || Fail(error, "getdents64");
}

bool LayerWalk::EnterDirectory(const char* name) {
  int above = walk_.fd();
  long fd = WithoutAtime([above, name](uint64_t flags) { return OpenBelow(above, name, flags); });
  // Gone, or something else by now, or another mount: nothing of this layer.
  if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EXDEV) return true;
  if (fd < 0) return Fail(fd, "openat2");
  long error = walk_.Enter(static_cast<int>(fd));
  return error == 0 || error == -ENOENT || Fail(error, "getdents64");
}

bool LayerWalk::Step() {
  Entry entry;
  if (!walk_.Next(&entry)) {
    long error = walk_.Leave();
    return error == 0 || Fail(error, "openat");
  }
  if (form_ == Form::kAufs && IsWhiteoutName(entry.name)) return true;
  if (entry.type == DT_DIR) return EnterDirectory(entry.name);
  long answer = counter_.Add(walk_.fd(), entry.name, entry.type);
  if (answer == -EISDIR) return EnterDirectory(entry.name);
  return answer == 0 || answer == -ENOENT || Fail(answer, "statx");
}

TreeResult LayerWalk::Run() {
  bool going = OpenRoot();
  while (going && walk_.depth() > 0) {
    going =
        cancelled_->load(std::memory_order_relaxed) == 0 ? Step() : Fail(-ECANCELED, "getdents64");
  }
  result_.count = counter_.size();
  return static_cast<TreeResult&&>(result_);
}

}  // namespace

// A directory that the listing did not know for one is -EISDIR.
long SizeCounter::Add(int directory, const char* name, unsigned char type) {
  // Devices and fifos have no bytes.
  if (type != DT_REG && type != DT_LNK && type != DT_UNKNOWN) return 0;
  Statx stat;
  if (long error = StatxOf(directory, name, kSymlinkNofollow, &stat)) return error;
  type = static_cast<unsigned char>(stat.mode >> 12);
  if (type == DT_DIR) return -EISDIR;
  // What is mounted over a file hides it.
  bool hidden = (stat.attributes & kMountRoot) != 0;
  if (hidden || (type != DT_REG && type != DT_LNK)) return 0;
  if (stat.nlink > 1) {
    if (links_.Find(stat) != nullptr) return 0;
    if (!links_.Add(stat, "", 0)) return -ENOMEM;
  }
  size_ += static_cast<int64_t>(stat.size);
  return 0;
}

long SizeCounter::Visit(const Difference& what) {
  bool here = what.kind == ChangeKind::kAdded || what.kind == ChangeKind::kModified;
  if (!here || what.type == DT_DIR) return 0;
  long fd = what.Fd();
  long answer = fd < 0 ? fd : Add(static_cast<int>(fd), what.name, what.type);
  // Gone, or a directory by now.
  return answer == -ENOENT || answer == -ENOTDIR || answer == -ELOOP || answer == -EISDIR ? 0
                                                                                          : answer;
}

TreeResult SizeOfLayer(const char* path, Form form, const std::atomic<uint32_t>* cancelled) {
  return LayerWalk(path, form, cancelled).Run();
}

}  // namespace graphdriver
