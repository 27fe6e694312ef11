// What layers below have and this one has not: in the form of the union that will show it.
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"
#include "unpacktree.h"
#include "walk.h"

namespace graphdriver {

namespace {

// An empty file in a directory; it may be there already.
long MakeMarker(int directory, const char* name) {
  long fd = CallAgain(SYS_openat, directory, static_cast<const void*>(name),
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
  if (fd == -EEXIST) return 0;
  if (fd < 0) return fd;
  CloseQuietly(static_cast<int>(fd));
  return 0;
}

bool EndsInWhiteoutName(TarText name) {
  size_t begin = name.size;
  while (begin > 0 && name.data[begin - 1] != '/') begin--;
  return name.size - begin > kWhiteoutPrefixSize &&
         memcmp(name.data + begin, kWhiteoutPrefix, kWhiteoutPrefixSize) == 0;
}

// Below what is no directory (any more) there is nothing to hide: umoci brings whiteouts for all
// that was in a directory in whose place it has just put a file.
bool IsNowhere(const UnpackFailure& failure) {
  return failure.fault == TarFault::kParent || failure.error == -ENOENT;
}

// Goes through a tree and removes some of it.
class Sweep {
 public:
  // The descriptor stays the caller's.
  UnpackFailure Run(int directory, uint64_t ino = 0);

 protected:
  ~Sweep() = default;
  // `directory` is the inode of the one that it is in.
  virtual bool Goes(uint64_t /* directory */, const char* /* name */, const Statx&) {
    return false;
  }
  // What was gone through already; removed only if it is empty.
  virtual bool DirectoryGoes(uint64_t /* directory */, const char* /* name */) { return false; }

 private:
  UnpackFailure Step();
  UnpackFailure Visit(const Entry& entry);
  UnpackFailure Enter(int fd, uint64_t ino);
  Walk walk_;
  Stack<uint64_t> inodes_;
};

UnpackFailure Sweep::Enter(int fd, uint64_t ino) {
  if (!inodes_.Push(ino)) {
    CloseQuietly(fd);
    return TarFault::kNoMemory;
  }
  return {walk_.Enter(fd), "getdents64"};
}

UnpackFailure Sweep::Visit(const Entry& entry) {
  Statx stat;
  long error = StatxOf(walk_.fd(), entry.name, kSymlinkNofollow, &stat);
  if (error != 0) return {error == -ENOENT ? 0 : error, "statx"};
  if ((stat.mode & S_IFMT) != S_IFDIR) {
    if (!Goes(inodes_.Top(), entry.name, stat)) return {};
    error = CallAgain(SYS_unlinkat, walk_.fd(), static_cast<const void*>(entry.name), 0);
    return {error == -ENOENT ? 0 : error, "unlinkat"};
  }
  long fd = OpenBelow(walk_.fd(), entry.name, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return {fd, "openat2"};
  return Enter(static_cast<int>(fd), stat.ino);
}

UnpackFailure Sweep::Step() {
  Entry entry;
  if (walk_.Next(&entry)) return Visit(entry);
  inodes_.Pop();
  if (long error = walk_.Leave()) return {error, "openat"};
  if (walk_.depth() == 0 || !DirectoryGoes(inodes_.Top(), walk_.Current())) return {};
  long error = CallAgain(SYS_unlinkat, walk_.fd(), static_cast<const void*>(walk_.Current()),
                         kRemoveDirectory);
  bool stays = error == -ENOTEMPTY || error == -EEXIST || error == -ENOENT;
  return {stays ? 0 : error, "unlinkat"};
}

UnpackFailure Sweep::Run(int directory, uint64_t ino) {
  long fd = CallAgain(SYS_openat, directory, static_cast<const void*>("."),
                      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {fd, "openat"};
  UnpackFailure failure = Enter(static_cast<int>(fd), ino);
  while (!failure.failed() && walk_.depth() > 0) failure = Step();
  return failure;
}

// What is not in a set. A directory that is not in it and not empty then holds what is.
class Purging final : public Sweep {
 public:
  explicit Purging(const UnpackSet& kept) : kept_(kept) {}

 private:
  bool Goes(uint64_t directory, const char* name, const Statx&) override {
    return !kept_.Has(directory, name);
  }
  bool DirectoryGoes(uint64_t directory, const char* name) override {
    return !kept_.Has(directory, name);
  }
  const UnpackSet& kept_;
};

bool IsZeroDevice(const Statx& stat) {
  return (stat.mode & S_IFMT) == S_IFCHR && stat.rdev_major == 0 && stat.rdev_minor == 0;
}

// Whiteouts that came before all was hidden.
class WhiteoutSweep final : public Sweep {
 public:
  explicit WhiteoutSweep(Form form) : form_(form) {}

 private:
  bool Goes(uint64_t, const char* name, const Statx& stat) override {
    if (form_ != Form::kAufs) return IsZeroDevice(stat);
    return IsWhiteoutName(name) && !IsMetaName(name);
  }
  bool DirectoryGoes(uint64_t, const char*) override { return false; }
  Form form_;
};

}  // namespace

// The union of 2014 made all its whiteouts links of one file, and its layers were packed so.
bool UnpackTree::IsWhiteoutEntry(Entry entry) {
  if (entry.type == TarType::kFile) return entry.size == 0;
  return entry.type == TarType::kLink && EndsInWhiteoutName(entry.link);
}

bool UnpackTree::IsWhiteoutDevice(const Statx& stat) const {
  return IsOverlay(form_) && IsZeroDevice(stat);
}

bool UnpackTree::TakeWhiteout(int directory, const char* name) const {
  char whiteout[kWhiteoutPrefixSize + 256] = ".wh.";
  size_t size = strlen(name);
  // No such file can be.
  if (size > 255 - kWhiteoutPrefixSize) return false;
  memcpy(whiteout + kWhiteoutPrefixSize, name, size + 1);
  return CallAgain(SYS_unlinkat, directory, static_cast<const void*>(whiteout), 0) == 0;
}

UnpackFailure UnpackTree::MakeWhiteout() {
  const char* hidden = base() + kWhiteoutPrefixSize;
  bool plain = form_ == Form::kPlain;
  UnpackFailure failure = FindParent(!plain);
  if (IsNowhere(failure)) return {};
  if (failure.failed()) return failure;
  return plain ? RemoveBelow(hidden) : HideBelow(hidden);
}

// Where all is hidden, a whiteout has nothing to hide; overlay would list it as a name that is not
// there.
UnpackFailure UnpackTree::HideBelow(const char* name) {
  if (IsBelowOpaque()) return {};
  UnpackFailure failure = FindParent(true);
  if (failure.failed()) return failure;
  Statx stat;
  long error = StatxOf(parent_.fd, name, kSymlinkNofollow, &stat);
  if (error == 0 && (stat.mode & S_IFMT) == S_IFDIR) {
    Descriptor fd(CallAgain(SYS_openat, parent_.fd, static_cast<const void*>(name),
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.failed()) return {fd.get(), "openat"};
    return MarkOpaque(fd.get(), stat.ino);
  }
  // What this layer brings hides it already.
  if (error == 0) return {};
  if (error != -ENOENT) return {error, "statx"};
  if (form_ == Form::kAufs) {
    whiteouts_ = true;
    return {MakeMarker(parent_.fd, base()), "openat"};
  }
  error = CallAgain(SYS_mknodat, parent_.fd, static_cast<const void*>(name), S_IFCHR, 0);
  return {error == -EEXIST ? 0 : error, "mknodat"};
}

UnpackFailure UnpackTree::RemoveBelow(const char* name) {
  Statx stat;
  long error = StatxOf(parent_.fd, name, kSymlinkNofollow, &stat);
  if (error == -ENOENT) return {};
  if (error != 0) return {error, "statx"};
  bool mine = made_.Has(parent_.ino, name);
  if ((stat.mode & S_IFMT) == S_IFDIR) {
    Descriptor fd(OpenBelow(parent_.fd, name, O_RDONLY | O_DIRECTORY));
    if (fd.failed()) return {fd.get(), "openat2"};
    UnpackFailure failure = MarkOpaque(fd.get(), stat.ino);
    if (failure.failed() || mine) return failure;
    error = CallAgain(SYS_unlinkat, parent_.fd, static_cast<const void*>(name), kRemoveDirectory);
    root_.Forget();
    return {error == -ENOTEMPTY ? 0 : error, "unlinkat"};
  }
  if (mine) return {};
  if ((stat.mode & S_IFMT) == S_IFLNK) root_.Forget();
  error = CallAgain(SYS_unlinkat, parent_.fd, static_cast<const void*>(name), 0);
  return {error == -ENOENT ? 0 : error, "unlinkat"};
}

UnpackFailure UnpackTree::MakeOpaque() {
  bool plain = form_ == Form::kPlain;
  UnpackFailure failure = FindParent(!plain);
  if (IsNowhere(failure)) return {};
  if (failure.failed()) return failure;
  // Unions join the roots of all layers, marked or not.
  if (!plain && name_.parent_size() == 0) {
    notes_->Add(UnpackNotice::kRootOpaque, 0, name_.path());
    if (IsOverlay(form_)) return SetOpaqueXattr(parent_.fd);
  }
  return MarkOpaque(parent_.fd, parent_.ino);
}

// Whether all that lower layers have in the directory of `name_` is hidden: by it, or by one above.
// Changes `parent_`.
bool UnpackTree::IsBelowOpaque() {
  size_t size = name_.parent_size();
  while (true) {
    // overlayfs joins the roots of all layers, marked or not.
    if (size == 0 && IsOverlay(form_)) return false;
    if (root_.Find(name_.path(), size, nullptr, &parent_) == 0 && IsOpaque(parent_.fd)) return true;
    if (size == 0) return false;
    while (size > 0 && name_.path()[size - 1] != '/') size--;
    if (size > 0) size--;
  }
}

UnpackFailure UnpackTree::MarkOpaque(int directory, uint64_t ino) {
  if (form_ == Form::kPlain) return Purge(directory, ino);
  if (IsOpaque(directory)) return {};
  UnpackFailure failure = WhiteoutSweep(form_).Run(directory);
  if (failure.failed()) return failure;
  if (form_ == Form::kAufs) return {MakeMarker(directory, kOpaqueMarker), "openat"};
  return SetOpaqueXattr(directory);
}

// Of an O_PATH descriptor only by its name.
UnpackFailure UnpackTree::SetOpaqueXattr(int directory) const {
  long error = CallAgain(SYS_fsetxattr, directory, static_cast<const void*>(OpaqueXattr(form_)),
                         static_cast<const void*>("y"), 1, 0);
  if (error == -EBADF) {
    error = CallAgain(SYS_setxattr, static_cast<const void*>(FdPath(directory).data()),
                      static_cast<const void*>(OpaqueXattr(form_)), static_cast<const void*>("y"),
                      1, 0);
  }
  return {error, "setxattr"};
}

// Once a directory: from then on all that is in it is of this layer.
UnpackFailure UnpackTree::Purge(int directory, uint64_t ino) {
  if (made_.Has(ino, kOpaqueMarker)) return {};
  if (!made_.Add(ino, kOpaqueMarker)) return TarFault::kNoMemory;
  root_.Forget();
  return Purging(made_).Run(directory, ino);
}

// A directory on the way that no entry is about.
long UnpackTree::MakeMissing(const UnpackDirectory& directory, const Buffer& above,
                             const char* name, const Statx* found) {
  // By way of a link whose target has such a name.
  if (IsWhiteoutName(name)) return -ENOTDIR;
  bool hides = whiteouts_ && TakeWhiteout(directory.fd, name);
  if (found != nullptr) {
    if (!IsWhiteoutDevice(*found)) return -ENOTDIR;
    hides = true;
    long error = CallAgain(SYS_unlinkat, directory.fd, static_cast<const void*>(name), 0);
    if (error != 0) return error;
  }
  long error = CallAgain(SYS_mkdirat, directory.fd, static_cast<const void*>(name), 0755);
  // Somebody else made it.
  if (error == -EEXIST) return 0;
  if (error != 0) return error;
  Descriptor fd(CallAgain(SYS_openat, directory.fd, static_cast<const void*>(name),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.failed()) return fd.get();
  Buffer path;
  bool named = path.Append(above.data(), above.size()) && path.Append('/') &&
               path.Append(name, strlen(name) + 1);
  if (!named) return -ENOMEM;
  if (!hides) return DressMissing(fd.get(), path).error;
  UnpackFailure failure = DressAsNew(fd.get(), path);
  return failure.failed() ? failure.error : MarkOpaque(fd.get(), 0).error;
}

// A time that no clock gives: the same tar makes the same layer whenever it comes in.
UnpackFailure UnpackTree::DressAsNew(int directory, const Buffer& path) {
  UnpackAttributes attributes;
  attributes.mode = 0755;
  attributes.set_owner = user_.uid == 0;
  attributes.set_time = false;
  attributes.drop_acl = true;
  Statx own;
  if (long error = StatxOf(directory, "", kEmptyPath, &own)) return {error, "statx"};
  if (!times_.Add(path.data() + 1, path.size() - 2, own.ino, TarTime{})) return {-ENOMEM, "malloc"};
  return SetAttributes({directory, -1, nullptr}, false, attributes, UnpackXattrs(), notes_,
                       path.data() + 1);
}

UnpackFailure UnpackTree::DressMissing(int directory, const Buffer& path) {
  if (lowers_.none()) return DressAsNew(directory, path);
  Descriptor lower(lowers_.Find(root_.fd(), path.data() + 1, form_));
  if (lower.get() == -ENOENT) return DressAsNew(directory, path);
  if (lower.failed()) return {lower.get(), "openat"};
  return DressAs(lower.get(), directory, path);
}

// With the time too, when nothing is made in it any more: nothing about it is changed.
UnpackFailure UnpackTree::DressAs(int lower, int directory, const Buffer& path) {
  Statx stat;
  Statx own;
  if (long error = StatxOf(lower, "", kEmptyPath, &stat)) return {error, "statx"};
  if (long error = StatxOf(directory, "", kEmptyPath, &own)) return {error, "statx"};
  AttributeCopier copier(user_.uid != 0 || form_ == Form::kOverlayUser, form_);
  if (!copier.Prepare()) return {-ENOMEM, "malloc"};
  Outcome outcome = copier.Clear(directory);
  if (!outcome.failed())
    outcome = copier.Copy({lower, -1, nullptr}, stat, {directory, -1, nullptr});
  if (outcome.failed()) return {outcome.error, outcome.call};
  TarTime mtime{stat.mtime.seconds, stat.mtime.nanoseconds};
  bool noted = times_.Add(path.data() + 1, path.size() - 2, own.ino, mtime);
  return noted ? UnpackFailure{} : UnpackFailure{-ENOMEM, "malloc"};
}

}  // namespace graphdriver
