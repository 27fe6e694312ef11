#include "unpackroot.h"

#include <string.h>
#include <sys/stat.h>

#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint64_t kResolveNoMagiclinks = 0x02;
constexpr uint64_t kResolveInRoot = 0x10;
constexpr uint64_t kResolve = kResolveInRoot | kResolveNoMagiclinks | kResolveNoXdev;

// For those who may search a directory and not read it, the descriptor is good for its entries all
// the same.
long OpenIn(int root, const char* path) {
  OpenHow how{O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, kResolve};
  long fd;
  int tries = 0;
  do {
    fd = CallAgain(SYS_openat2, root, static_cast<const void*>(path),
                   static_cast<const void*>(&how), sizeof how);
    if (fd == -EACCES && (how.flags & O_PATH) == 0) {
      how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
      fd = -EAGAIN;
    }
    // Somebody renames something while `..` is looked up (openat2(2)).
  } while (fd == -EAGAIN && ++tries < 64);
  return fd;
}

// Of an O_PATH descriptor a readable one, if that may be.
long Reopen(int fd) {
  return CallAgain(SYS_openat, fd, static_cast<const void*>("."),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

void UnpackRoot::Close() {
  CloseQuietly(root_.fd);
  root_.fd = -1;
  for (Slot& slot : slots_) {
    CloseQuietly(slot.directory.fd);
    slot.directory.fd = -1;
    slot.valid = false;
  }
}

long UnpackRoot::Open(int fd) {
  root_.fd = fd;
  return Identify(&root_);
}

long UnpackRoot::Identify(UnpackDirectory* directory) {
  Statx stat;
  if (long error = StatxOf(directory->fd, "", kEmptyPath, &stat)) return error;
  directory->ino = stat.ino;
  directory->gid = stat.gid;
  directory->gives_group = (stat.mode & S_ISGID) != 0;
  directory->gives_acl = false;
  if (!has_acls_) return 0;
  long size = CallAgain(SYS_fgetxattr, directory->fd,
                        static_cast<const void*>("system.posix_acl_default"), nullptr, 0);
  if (size == -EBADF) {
    size = CallAgain(SYS_getxattr, static_cast<const void*>(FdPath(directory->fd).data()),
                     static_cast<const void*>("system.posix_acl_default"), nullptr, 0);
  }
  directory->gives_acl = size > 0;
  if (size == -EOPNOTSUPP) has_acls_ = false;
  return 0;
}

// FNV-1a.
uint64_t UnpackRoot::Hash(const char* path, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++) {
    hash = (hash ^ static_cast<unsigned char>(path[i])) * 0x100000001b3u;
  }
  return hash;
}

UnpackRoot::Slot* UnpackRoot::Lookup(uint64_t hash, const char* path, size_t size) {
  for (Slot& slot : slots_) {
    if (!slot.valid || slot.hash != hash || slot.path.size() != size) continue;
    if (memcmp(slot.path.data(), path, size) == 0) return &slot;
  }
  return nullptr;
}

UnpackRoot::Slot* UnpackRoot::Oldest() {
  Slot* oldest = &slots_[0];
  for (Slot& slot : slots_) {
    if (slot.used < oldest->used) oldest = &slot;
  }
  return oldest;
}

long UnpackRoot::Resolve(const char* path, size_t size, DirectoryMaker* maker) {
  wanted_.SetSize(0);
  if (!wanted_.Append(path, size) || !wanted_.Append('\0')) return -ENOMEM;
  long fd = OpenIn(root_.fd, wanted_.data());
  bool absent = fd == -ENOSYS || fd == -EPERM;
  bool missing = maker != nullptr && (fd == -ENOENT || fd == -ENOTDIR);
  if (!absent && !missing) return fd;
  fd = StepResolver(root_.fd, maker).Run(wanted_.data());
  if (fd < 0) return fd;
  long readable = Reopen(static_cast<int>(fd));
  if (readable < 0) return fd;
  CloseQuietly(static_cast<int>(fd));
  return readable;
}

long UnpackRoot::Find(const char* path, size_t size, DirectoryMaker* maker,
                      UnpackDirectory* found) {
  if (size == 0) {
    *found = root_;
    return 0;
  }
  if (Slot* slot = Lookup(Hash(path, size), path, size)) {
    slot->used = ++clock_;
    *found = slot->directory;
    return 0;
  }
  long fd = Resolve(path, size, maker);
  if (fd < 0) return fd;
  UnpackDirectory directory;
  directory.fd = static_cast<int>(fd);
  if (long error = Identify(&directory)) {
    CloseQuietly(directory.fd);
    return error;
  }
  *found = directory;
  Add(path, size, directory);
  return 0;
}

void UnpackRoot::Add(const char* path, size_t size, const UnpackDirectory& directory) {
  uint64_t hash = Hash(path, size);
  Slot* slot = Lookup(hash, path, size);
  if (slot == nullptr) slot = Oldest();
  CloseQuietly(slot->directory.fd);
  slot->directory = directory;
  slot->hash = hash;
  slot->used = ++clock_;
  slot->path.SetSize(0);
  // Without memory for its path it is found again each time.
  slot->valid = slot->path.Append(path, size);
}

void UnpackRoot::Forget() {
  for (Slot& slot : slots_) slot.valid = false;
  Identify(&root_);
}

long StepResolver::Run(const char* path) {
  if (!rest_.Append(path, strlen(path) + 1)) return -ENOMEM;
  char name[256];
  long error = 0;
  while (TakeName(name, &error)) {
    error = Step(name);
    if (error != 0) return error;
  }
  if (error != 0) return error;
  if (!at_.failed()) return at_.Take();
  return Call(SYS_fcntl, root_, F_DUPFD_CLOEXEC, 0);
}

bool StepResolver::TakeName(char* name, long* error) {
  const char* text = rest_.data();
  while (text[next_] == '/') next_++;
  size_t begin = next_;
  while (text[next_] != 0 && text[next_] != '/') next_++;
  size_t size = next_ - begin;
  if (size > 255) *error = -ENAMETOOLONG;
  if (size == 0 || size > 255) return false;
  memcpy(name, text + begin, size);
  name[size] = 0;
  return true;
}

long StepResolver::Step(const char* name) {
  if (strcmp(name, ".") == 0) return 0;
  if (strcmp(name, "..") == 0) return Up();
  Descriptor next(
      CallAgain(SYS_openat, fd(), static_cast<const void*>(name), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (next.get() == -ENOENT && maker_ != nullptr) return Make(name, nullptr);
  if (next.failed()) return next.get();
  Statx stat;
  if (long error = StatxOf(next.get(), "", kEmptyPath, &stat)) return error;
  unsigned type = stat.mode & S_IFMT;
  if (type == S_IFLNK) return Follow(next.get());
  if (type != S_IFDIR) return maker_ != nullptr ? Make(name, &stat) : -ENOTDIR;
  return Enter(name, &next, stat);
}

// Other filesystems are left alone, as openat2(2) does with RESOLVE_NO_XDEV; this does not see bind
// mounts.
long StepResolver::Enter(const char* name, Descriptor* next, const Statx& stat) {
  Statx root;
  if (long error = StatxOf(root_, "", kEmptyPath, &root)) return error;
  if (stat.dev_major != root.dev_major || stat.dev_minor != root.dev_minor) return -EXDEV;
  if (!walked_.Append('/') || !walked_.Append(name, strlen(name))) return -ENOMEM;
  at_.Reset(next->Take());
  return 0;
}

long StepResolver::Make(const char* name, const Statx* found) {
  UnpackDirectory directory;
  directory.fd = fd();
  if (long error = maker_->MakeMissing(directory, walked_, name, found)) return error;
  Descriptor made(CallAgain(SYS_openat, fd(), static_cast<const void*>(name),
                            O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (made.failed()) return made.get();
  Statx stat;
  if (long error = StatxOf(made.get(), "", kEmptyPath, &stat)) return error;
  return Enter(name, &made, stat);
}

// Puts the link's target in its place. What begins with a slash begins at the root.
long StepResolver::Follow(int link) {
  if (++links_ > kMostLinks) return -ELOOP;
  char target[4097];
  long size = CallAgain(SYS_readlinkat, link, static_cast<const void*>(""),
                        static_cast<void*>(target), sizeof target - 1);
  if (size < 0) return size;
  Buffer rest;
  const char* behind = rest_.data() + next_;
  if (!rest.Append(target, static_cast<size_t>(size)) || !rest.Append('/') ||
      !rest.Append(behind, strlen(behind) + 1)) {
    return -ENOMEM;
  }
  rest_.SetSize(0);
  next_ = 0;
  if (!rest_.Append(rest.data(), rest.size())) return -ENOMEM;
  if (target[0] != '/') return 0;
  walked_.SetSize(0);
  at_.Reset();
  return 0;
}

// Not by "..": who moves the directory away meanwhile would decide where that leads.
long StepResolver::Up() {
  size_t size = walked_.size();
  while (size > 0 && walked_.data()[size - 1] != '/') size--;
  if (size > 0) size--;
  Buffer way;
  if (!way.Append(walked_.data(), size) || !way.Append("/", 2)) return -ENOMEM;
  walked_.SetSize(0);
  at_.Reset();
  for (const char* at = way.data() + 1; *at != 0;) {
    size_t length = 0;
    while (at[length] != '/') length++;
    char name[256];
    memcpy(name, at, length);
    name[length] = 0;
    Descriptor next(CallAgain(SYS_openat, fd(), static_cast<const void*>(name),
                              O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.failed()) return next.get();
    if (!walked_.Append('/') || !walked_.Append(name, length)) return -ENOMEM;
    at_.Reset(next.Take());
    at += length + 1;
  }
  return 0;
}

}  // namespace graphdriver
