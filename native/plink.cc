#include "plink.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "directory.h"
#include "inodeset.h"
#include "kernel.h"
#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr long kMagic = 0x61756673;
constexpr char kLinks[] = "/.wh..wh.plnk";
constexpr char kMaintenance[] = "/proc/fs/aufs/plink_maint";
constexpr uint64_t kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr long kUtimeOmit = (1l << 30) - 2;

// Of entries that are kept while their directory is read.
enum : char { kDirectory = 'd', kCandidate = 'f' };

class Flush {
 public:
  TreeResult Run(int32_t directory, Text path, Bytes branches, MaybeText si);

 private:
  struct Level {
    size_t begin;
    size_t next;
  };
  // Each answers false after it has noted a failure.
  bool OpenUnion(int32_t directory, Text path);
  bool OpenLinks(Bytes branches);
  bool Collect();
  bool CollectIn(size_t branch);
  bool WalkUnion();
  bool Enter(long fd);
  bool ReadEntries(int fd);
  bool Step();
  bool Leave();
  bool Relink(int directory, const char* name);
  bool Maintain(MaybeText si);
  bool Say(int fd, const char* words, size_t size);
  bool Drop();
  bool Fail(long error, const char* call, const char* name = nullptr);
  bool OnTheWay(const char* name);

  Descriptor union_;
  // Of the directories that hold the links; closed by the destructor.
  struct Descriptors {
    ~Descriptors() {
      for (size_t i = 0; i < fds.size(); i++) CloseQuietly(fds.At(i));
    }
    Stack<int> fds;
  } links_;
  // The names there, a NUL after each; where those of a branch begin.
  Buffer names_;
  Stack<size_t> begins_;
  InodeSet inodes_;
  Trail trail_;
  Stack<Level> levels_;
  Buffer entries_;
  // The way from the union's root to where the walk is.
  Buffer way_;
  Stack<size_t> ways_;
  TreeResult result_;
};

// The first failure is what is told.
bool Flush::Fail(long error, const char* call, const char* name) {
  if (result_.error != 0) return false;
  result_.error = static_cast<int>(error);
  result_.call = call;
  result_.path.Append(way_.data(), way_.size());
  if (name == nullptr) return false;
  if (way_.size() > 0) result_.path.Append('/');
  result_.path.Append(name, strlen(name));
  return false;
}

bool Flush::OpenUnion(int32_t directory, Text path) {
  union_.Reset(CallAgain(SYS_openat, directory, static_cast<const void*>(path.data),
                         kOpenDirectory | O_CLOEXEC));
  if (union_.failed()) return Fail(union_.get(), "openat");
  struct statfs filesystem;
  long error = CallAgain(SYS_fstatfs, union_.get(), static_cast<void*>(&filesystem));
  if (error != 0) return Fail(error, "fstatfs");
  return static_cast<long>(filesystem.f_type) == kMagic ? true : Fail(-ENOTTY, "fstatfs");
}

// A branch without such a directory has no pseudo-links (`noplink`).
bool Flush::OpenLinks(Bytes branches) {
  const char* at = reinterpret_cast<const char*>(branches.data);
  const char* end = at + branches.size;
  while (at < end) {
    size_t size = strlen(at);
    Buffer path;
    if (!path.Append(at, size) || !path.Append(kLinks, sizeof kLinks))
      return Fail(-ENOMEM, "openat");
    at += size + 1;
    long fd = CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(path.data()),
                        kOpenDirectory | O_CLOEXEC);
    if (fd == -ENOENT) continue;
    if (fd < 0) return Fail(fd, "openat", path.data());
    if (!links_.fds.Push(static_cast<int>(fd))) {
      CloseQuietly(static_cast<int>(fd));
      return Fail(-ENOMEM, "openat");
    }
  }
  return true;
}

// `<inode in the union>.<inode in the branch>`, in decimal; 0 for what is no such name.
uint64_t InodeOf(const char* name) {
  uint64_t ino = 0;
  while (*name >= '0' && *name <= '9') ino = ino * 10 + static_cast<uint64_t>(*name++ - '0');
  return *name == '.' ? ino : 0;
}

bool Flush::CollectIn(size_t branch) {
  int fd = links_.fds.At(branch);
  if (!begins_.Push(names_.size())) return Fail(-ENOMEM, "getdents64");
  if (long at = Call(SYS_lseek, fd, 0l, 0)) return Fail(at, "lseek");
  long error = ReadDirectory(fd, [this](const DirectoryRecord& record) {
    uint64_t ino = InodeOf(record.name);
    if (ino == 0) return 0l;
    bool added = inodes_.Add(ino) && names_.Append(record.name, strlen(record.name) + 1);
    return added ? 0l : -ENOMEM;
  });
  return error == 0 || Fail(error, "getdents64");
}

bool Flush::Collect() {
  names_.SetSize(0);
  while (begins_.size() > 0) begins_.Pop();
  for (size_t i = 0; i < links_.fds.size(); i++) {
    if (!CollectIn(i)) return false;
  }
  return true;
}

// Takes the descriptor.
bool Flush::Enter(long fd) {
  if (long error = trail_.Push(static_cast<int>(fd))) return Fail(error, "statx");
  if (!levels_.Push({entries_.size(), entries_.size()})) return Fail(-ENOMEM, "openat2");
  return ReadEntries(static_cast<int>(fd));
}

// Read whole before anything is touched: a directory that changes may begin anew.
bool Flush::ReadEntries(int fd) {
  long error = ReadDirectory(fd, [this](const DirectoryRecord& record) {
    // The number that a listing shows is that of the file (fs/aufs/vdir.c, au_ino).
    bool candidate = inodes_.Has(record.ino);
    // Filesystems need not tell types in a listing.
    if (!candidate && record.type != DT_DIR && record.type != DT_UNKNOWN) return 0l;
    bool added = entries_.Append(candidate ? kCandidate : kDirectory) &&
                 entries_.Append(record.name, strlen(record.name) + 1);
    return added ? 0l : -ENOMEM;
  });
  return error == 0 || error == -ENOENT || Fail(error, "getdents64");
}

bool Flush::Leave() {
  entries_.SetSize(levels_.Top().begin);
  levels_.Pop();
  if (ways_.size() > 0) {
    way_.SetSize(ways_.Top());
    ways_.Pop();
  }
  Descriptor left;
  long error = trail_.Pop(&left);
  return error == 0 ? true : Fail(error, "openat");
}

bool Flush::OnTheWay(const char* name) {
  size_t size = way_.size();
  return ways_.Push(size) && (size == 0 || way_.Append('/')) && way_.Append(name, strlen(name));
}

// What was deleted or replaced meanwhile, and what lies on another mount, is none of ours. Nor is a
// name that a lower branch has and that is too long for a union (AUFS_MAX_NAMELEN): it is listed
// there, and nobody can reach it.
bool IsGone(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -EXDEV ||
         error == -ENAMETOOLONG;
}

bool Flush::Step() {
  Level* level = &levels_.Top();
  if (level->next >= entries_.size()) return Leave();
  // Valid until the next Enter().
  const char* entry = entries_.data() + level->next;
  const char* name = entry + 1;
  level->next += strlen(name) + 2;
  if (*entry == kCandidate) return Relink(trail_.fd(), name);
  long fd = OpenBelow(trail_.fd(), name, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return IsGone(fd) ? true : Fail(fd, "openat2", name);
  if (OnTheWay(name)) return Enter(fd);
  CloseQuietly(static_cast<int>(fd));
  return Fail(-ENOMEM, "openat2");
}

// Any change of attributes copies a name up, or links it to the copy that is there. chown(2), which
// auplink uses, would take away set-user-ID bits and file capabilities; a time of access that is
// what it was takes away its fraction of a second at most (aufs has s_time_gran of one second). The
// name is found once, and never followed.
bool Flush::Relink(int directory, const char* name) {
  Descriptor file(OpenBelow(directory, name, O_PATH | O_NOFOLLOW));
  if (file.failed()) return IsGone(file.get()) ? true : Fail(file.get(), "openat2", name);
  Statx stat;
  if (long error = StatxOf(file.get(), "", kEmptyPath, &stat)) return Fail(error, "statx", name);
  if ((stat.mode & S_IFMT) == S_IFDIR || !inodes_.Has(stat.ino)) return true;
  const struct timespec times[2] = {{stat.atime.seconds, static_cast<long>(stat.atime.nanoseconds)},
                                    {0, kUtimeOmit}};
  long error =
      CallAgain(SYS_utimensat, AT_FDCWD, static_cast<const void*>(FdPath(file.get()).data()),
                static_cast<const void*>(times), 0);
  if (error == 0) result_.count++;
  // One that may not be changed (chattr +i) is no reason to leave the others.
  if (error != 0 && error != -ENOENT) Fail(error, "utimensat", name);
  return true;
}

bool Flush::WalkUnion() {
  long fd = CallAgain(SYS_openat, union_.get(), static_cast<const void*>("."),
                      kOpenDirectory | O_CLOEXEC);
  if (fd < 0) return Fail(fd, "openat");
  if (!Enter(fd)) return false;
  while (trail_.depth() > 0 && Step()) continue;
  return result_.error == 0;
}

bool Flush::Say(int fd, const char* words, size_t size) {
  long written = CallAgain(SYS_write, fd, static_cast<const void*>(words), size);
  return written >= 0 ? true : Fail(written, "write");
}

// The mode ends when the file is closed, by a dying process, too.
bool Flush::Maintain(MaybeText si) {
  char words[3 + 16];
  // The kernel's buffer has room for 20 bytes, and it writes a NUL behind them.
  if (si.size == 0 || si.size > 16) return Fail(-EINVAL, "write");
  memcpy(words, "si=", 3);
  memcpy(words + 3, si.data, si.size);
  Descriptor file(CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(kMaintenance),
                            O_WRONLY | O_CLOEXEC));
  if (file.failed()) return Fail(file.get(), "open");
  if (!Say(file.get(), words, 3 + si.size)) return false;
  size_t known = inodes_.size();
  if (!Collect()) return false;
  if (inodes_.size() > known && !WalkUnion()) return false;
  return Say(file.get(), "clean", 5) && Drop();
}

bool Flush::Drop() {
  for (size_t i = 0; i < links_.fds.size(); i++) {
    size_t end = i + 1 < begins_.size() ? begins_.At(i + 1) : names_.size();
    for (size_t at = begins_.At(i); at < end; at += strlen(names_.data() + at) + 1) {
      long error = CallAgain(SYS_unlinkat, links_.fds.At(i),
                             static_cast<const void*>(names_.data() + at), 0);
      if (error != 0 && error != -ENOENT) return Fail(error, "unlinkat", names_.data() + at);
    }
  }
  return true;
}

TreeResult Flush::Run(int32_t directory, Text path, Bytes branches, MaybeText si) {
  if (OpenUnion(directory, path) && OpenLinks(branches) && Collect() && names_.size() > 0 &&
      WalkUnion() && si.data != nullptr) {
    Maintain(si);
  }
  return static_cast<TreeResult&&>(result_);
}

}  // namespace

TreeResult AufsFlush(int32_t directory, Text path, Bytes branches, MaybeText si) {
  return Flush().Run(directory, path, branches, si);
}

}  // namespace graphdriver
