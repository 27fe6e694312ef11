#include "unpackattributes.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <new>

#include "walk.h"

namespace graphdriver {

namespace {

constexpr long kFchmodat2 = 452;
constexpr unsigned kCloneFs = 0x200;

long SetXattr(const Thing& thing, const UnpackXattrs::Item& item) {
  // The kernel takes an empty one without a look, and then it cannot be read (vfs_setxattr() in
  // fs/xattr.c, cap_inode_getsecurity() in security/commoncap.c). All others that are none it
  // refuses so.
  if (item.size == 0 && strcmp(item.name, "security.capability") == 0) return -EINVAL;
  if (thing.fd >= 0) {
    return CallAgain(SYS_fsetxattr, thing.fd, static_cast<const void*>(item.name),
                     static_cast<const void*>(item.value), item.size, 0);
  }
  return CallAgain(
      SYS_lsetxattr, static_cast<const void*>(FdPath(thing.directory, thing.name).data()),
      static_cast<const void*>(item.name), static_cast<const void*>(item.value), item.size, 0);
}

long RemoveXattr(const Thing& thing, const char* name) {
  if (thing.fd >= 0) return CallAgain(SYS_fremovexattr, thing.fd, static_cast<const void*>(name));
  return CallAgain(SYS_lremovexattr,
                   static_cast<const void*>(FdPath(thing.directory, thing.name).data()),
                   static_cast<const void*>(name));
}

// Never through a link, and without opening the thing: a device acts when it is opened. fchmodat2
// came with Linux 6.6.
long ChangeMode(const Thing& thing, uint32_t mode) {
  if (thing.fd >= 0) return CallAgain(SYS_fchmod, thing.fd, mode);
  long error = CallAgain(kFchmodat2, thing.directory, static_cast<const void*>(thing.name), mode,
                         kSymlinkNofollow);
  if (error != -ENOSYS && error != -EPERM && error != -EOPNOTSUPP) return error;
  Descriptor itself(CallAgain(SYS_openat, thing.directory, static_cast<const void*>(thing.name),
                              O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (itself.failed()) return itself.get();
  Statx stat;
  if (long failed = StatxOf(itself.get(), "", kEmptyPath, &stat)) return failed;
  if ((stat.mode & S_IFMT) == S_IFLNK) return -ELOOP;
  return CallAgain(SYS_fchmodat, AT_FDCWD, static_cast<const void*>(FdPath(itself.get()).data()),
                   mode);
}

long ChangeOwner(const Thing& thing, const UnpackAttributes& attributes) {
  if (thing.fd >= 0) return CallAgain(SYS_fchown, thing.fd, attributes.uid, attributes.gid);
  return CallAgain(SYS_fchownat, thing.directory, static_cast<const void*>(thing.name),
                   attributes.uid, attributes.gid, kSymlinkNofollow);
}

// What a parent's default ACL gave it.
long DropAcl(const Thing& thing) {
  constexpr const char* kNames[] = {"system.posix_acl_access", "system.posix_acl_default"};
  for (const char* name : kNames) {
    long error = RemoveXattr(thing, name);
    // What is no directory has no default one.
    bool absent = error == -ENODATA || error == -EOPNOTSUPP || error == -EACCES;
    if (error != 0 && !absent) return error;
  }
  return 0;
}

}  // namespace

void UnpackNotes::Add(UnpackNotice notice, long error, const char* path, const char* detail) {
  Guard guard(&mutex_);
  bool kept = count_ < kMost && table_.Add(static_cast<int64_t>(notice)) && table_.Add(error) &&
              table_.AddText(path, strlen(path)) && table_.AddText(detail, strlen(detail));
  (kept ? count_ : left_out_)++;
}

bool UnpackXattrs::Take(TarReader* reader, UnpackNotes* notes, const char* path) {
  bytes_.SetSize(0);
  size_t count = reader->xattrs();
  for (size_t i = 0; i < count; i++) {
    const TarXattr& xattr = reader->xattr(i);
    size_t begin = bytes_.size();
    if (!bytes_.Append(xattr.name.data, xattr.name.size) || !bytes_.Append('\0')) return false;
    const char* name = bytes_.data() + begin;
    if (IsBookkeepingXattr(name)) {
      notes->Add(UnpackNotice::kXattrDropped, 0, path, name);
      bytes_.SetSize(begin);
      continue;
    }
    uint32_t size = static_cast<uint32_t>(xattr.value.size);
    if (!bytes_.Append(&size, sizeof size) || !bytes_.Append(xattr.value.data, size)) return false;
  }
  for (size_t i = 0; i < sizeof kUnreadKeys / sizeof *kUnreadKeys; i++) {
    if ((reader->unread() >> i & 1) != 0)
      notes->Add(UnpackNotice::kXattrDropped, 0, path, kUnreadKeys[i]);
  }
  return true;
}

bool UnpackXattrs::Next(size_t* at, Item* item) const {
  if (*at >= bytes_.size()) return false;
  item->name = bytes_.data() + *at;
  const char* behind = item->name + strlen(item->name) + 1;
  uint32_t size;
  memcpy(&size, behind, sizeof size);
  item->value = behind + sizeof size;
  item->size = size;
  *at = static_cast<size_t>(item->value + size - bytes_.data());
  return true;
}

bool UnpackXattrs::Has(const char* name) const {
  Item item;
  for (size_t at = 0; Next(&at, &item);) {
    if (strcmp(item.name, name) == 0) return true;
  }
  return false;
}

void UnpackXattrs::MoveTo(UnpackXattrs* other) {
  if (empty()) return;
  other->bytes_.~Buffer();
  new (&other->bytes_) Buffer(static_cast<Buffer&&>(bytes_));
}

UnpackUser UnpackUser::Become() {
  UnpackUser user;
  user.uid = static_cast<uint32_t>(Call(SYS_geteuid));
  user.gid = static_cast<uint32_t>(Call(SYS_getegid));
  // The umask is shared by the threads of a process, unless one takes its own.
  user.no_umask = Call(SYS_unshare, kCloneFs) == 0;
  if (user.no_umask) Call(SYS_umask, 0);
  return user;
}

UnpackAttributes AttributesOf(const TarEntry& entry, const UnpackDirectory& directory,
                              const UnpackUser& user, const UnpackXattrs& xattrs) {
  UnpackAttributes attributes;
  attributes.mode = entry.mode;
  attributes.uid = entry.uid;
  attributes.gid = entry.gid;
  attributes.mtime = entry.mtime;
  // The directory's group may be given even without its set-group-id bit: the mount option grpid.
  attributes.set_owner = entry.uid != user.uid || entry.gid != user.gid || directory.gives_group ||
                         directory.gid != user.gid;
  attributes.drop_acl = directory.gives_acl;
  attributes.set_mode = (entry.mode & 07000) != 0 || !user.no_umask || directory.gives_group ||
                        directory.gives_acl || !xattrs.empty();
  return attributes;
}

UnpackFailure SetTime(const Thing& thing, TarTime mtime) {
  // The kernel takes what a filesystem cannot hold for the nearest that it can.
  const timespec time = {mtime.seconds, static_cast<long>(mtime.nanoseconds)};
  const timespec times[2] = {time, time};
  long error;
  if (thing.fd >= 0) {
    error = CallAgain(SYS_utimensat, thing.fd, nullptr, static_cast<const void*>(times), 0);
  } else {
    error = CallAgain(SYS_utimensat, thing.directory, static_cast<const void*>(thing.name),
                      static_cast<const void*>(times), kSymlinkNofollow);
  }
  return {error, "utimensat"};
}

UnpackFailure SetAttributes(const Thing& thing, bool is_link, const UnpackAttributes& attributes,
                            const UnpackXattrs& xattrs, UnpackNotes* notes, const char* path) {
  if (attributes.drop_acl && !is_link) {
    if (long error = DropAcl(thing)) return {error, "removexattr"};
  }
  if (attributes.set_owner) {
    if (long error = ChangeOwner(thing, attributes)) return {error, "chown"};
  }
  UnpackXattrs::Item item;
  for (size_t at = 0; xattrs.Next(&at, &item);) {
    long error = SetXattr(thing, item);
    bool refused = error == -EOPNOTSUPP || error == -EPERM;
    if (refused) notes->Add(UnpackNotice::kXattrRefused, error, path, item.name);
    if (error != 0 && !refused) return {error, "setxattr"};
  }
  if (attributes.set_mode && !is_link) {
    if (long error = ChangeMode(thing, attributes.mode)) return {error, "chmod"};
  }
  return attributes.set_time ? SetTime(thing, attributes.mtime) : UnpackFailure{};
}

UnpackFailure RemoveOtherXattrs(int fd, const UnpackXattrs& xattrs) {
  // XATTR_LIST_MAX
  constexpr size_t kMost = 65536;
  Buffer names;
  long size = CallAgain(SYS_flistxattr, fd, nullptr, 0);
  if (size == 0 || size == -EOPNOTSUPP) return {};
  if (!names.Reserve(kMost)) return {-ENOMEM, "listxattr"};
  size = CallAgain(SYS_flistxattr, fd, static_cast<void*>(names.data()), kMost);
  if (size < 0) return {size, "listxattr"};
  const char* end = names.data() + size;
  for (const char* name = names.data(); name < end; name += strlen(name) + 1) {
    bool kept = IsBookkeepingXattr(name) || StartsWith(name, "security.") || xattrs.Has(name);
    if (kept) continue;
    long error = CallAgain(SYS_fremovexattr, fd, static_cast<const void*>(name));
    if (error != 0 && error != -ENODATA) return {error, "removexattr"};
  }
  return {};
}

}  // namespace graphdriver
