#include "entrypacker.h"

#include <dirent.h>

namespace graphdriver {

namespace {

constexpr uint64_t kMountRoot = 0x2000;
constexpr int kTries = 4;

// What openat(2) answers when the name is no regular file any more.
bool IsAnotherType(long error) {
  return error == -ELOOP || error == -ENXIO || error == -ENOTDIR || error == -EISDIR ||
         error == -ENODEV;
}

}  // namespace

TarHeader EntryOf(const Statx& stat, char type, const char* name, size_t size) {
  TarHeader entry;
  entry.type = type;
  entry.name = name;
  entry.name_size = size;
  entry.mode = stat.mode & 07777;
  entry.uid = stat.uid;
  entry.gid = stat.gid;
  entry.seconds = stat.mtime.seconds;
  entry.nanoseconds = stat.mtime.nanoseconds;
  return entry;
}

EntryPacker::Attempt EntryPacker::Failed(const Place& place, long error, const char* call) {
  if (error == -ENOENT) return Attempt::kGone;
  writer_->Fail(error, call, place.path, place.path_size);
  return Attempt::kFailed;
}

long EntryPacker::Open(int directory, const char* name, uint64_t flags) {
  long fd = CallAgain(SYS_openat, directory, static_cast<const void*>(name),
                      flags | no_atime_ | O_NOFOLLOW | O_CLOEXEC);
  if (fd != -EPERM || no_atime_ == 0) return fd;
  no_atime_ = 0;
  return CallAgain(SYS_openat, directory, static_cast<const void*>(name),
                   flags | O_NOFOLLOW | O_CLOEXEC);
}

long EntryPacker::ReadXattrs(int fd) {
  if (long error = xattrs_.Read(fd)) return error;
  return IsOverlay(form_) && xattrs_.indirect() ? -EREMOTE : 0;
}

bool EntryPacker::WrittenAsLink(const Place& place, const Statx& stat, bool* failed) {
  *failed = false;
  if (stat.nlink < 2) return false;
  const char* first = links_.Find(stat);
  if (first == nullptr) return false;
  TarHeader entry = EntryOf(stat, '1', place.path, place.path_size);
  entry.link = first;
  entry.link_size = strlen(first);
  *failed = !writer_->Header(entry, no_xattrs_);
  return true;
}

bool EntryPacker::RememberLink(const Place& place, const Statx& stat) {
  if (stat.nlink < 2 || links_.Add(stat, place.path, place.path_size)) return true;
  return writer_->Fail(-ENOMEM, "malloc");
}

EntryPacker::Attempt EntryPacker::WriteFile(const Place& place, const Statx& stat, int fd) {
  bool failed;
  if (WrittenAsLink(place, stat, &failed)) return failed ? Attempt::kFailed : Attempt::kDone;
  if (long error = ReadXattrs(fd)) return Failed(place, error, "fgetxattr");
  TarHeader entry = EntryOf(stat, '0', place.path, place.path_size);
  entry.size = stat.size;
  if (!writer_->File(entry, xattrs_.records(), fd)) return Attempt::kFailed;
  return RememberLink(place, stat) ? Attempt::kDone : Attempt::kFailed;
}

// Without waiting and without becoming a terminal's owner, in case it is no regular file any more.
EntryPacker::Attempt EntryPacker::PackFile(const Place& place) {
  Descriptor fd(Open(place.directory, place.name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (fd.failed()) {
    if (IsAnotherType(fd.get())) return Attempt::kChanged;
    return Failed(place, fd.get(), "openat");
  }
  Statx stat;
  if (long error = StatxOf(fd.get(), "", kEmptyPath, &stat)) return Failed(place, error, "statx");
  if (TypeOf(stat) != DT_REG) return Attempt::kChanged;
  if (stat.attributes & kMountRoot) {
    return Warn(Notice::kMountPoint, place) ? Attempt::kDone : Attempt::kFailed;
  }
  return WriteFile(place, stat, fd.get());
}

EntryPacker::Attempt EntryPacker::WriteSymlink(const Place& place, const Statx& stat,
                                               TarHeader* entry) {
  char content[4097];
  long size = CallAgain(SYS_readlinkat, place.directory, static_cast<const void*>(place.name),
                        static_cast<void*>(content), sizeof content);
  if (size == -EINVAL) return Attempt::kChanged;
  if (size < 0) return Failed(place, size, "readlinkat");
  entry->type = '2';
  entry->link = content;
  entry->link_size = static_cast<size_t>(size);
  if (!writer_->Header(*entry, xattrs_.records())) return Attempt::kFailed;
  return RememberLink(place, stat) ? Attempt::kDone : Attempt::kFailed;
}

EntryPacker::Attempt EntryPacker::PackOther(const Place& place, const Statx& stat) {
  unsigned char type = TypeOf(stat);
  bool no_device = type == DT_CHR && stat.rdev_major == 0 && stat.rdev_minor == 0;
  if (type == DT_SOCK || no_device || (stat.attributes & kMountRoot) != 0) {
    Notice notice = type == DT_SOCK ? Notice::kSocket
                    : no_device     ? Notice::kReservedName
                                    : Notice::kMountPoint;
    return Warn(notice, place) ? Attempt::kDone : Attempt::kFailed;
  }
  bool failed;
  if (WrittenAsLink(place, stat, &failed)) return failed ? Attempt::kFailed : Attempt::kDone;
  if (long error = xattrs_.ReadAt(place.directory, place.name)) {
    return Failed(place, error, "lgetxattr");
  }
  TarHeader entry = EntryOf(stat, '6', place.path, place.path_size);
  if (type == DT_LNK) return WriteSymlink(place, stat, &entry);
  if (type != DT_FIFO) {
    entry.type = type == DT_CHR ? '3' : '4';
    entry.major = stat.rdev_major;
    entry.minor = stat.rdev_minor;
  }
  if (!writer_->Header(entry, xattrs_.records())) return Attempt::kFailed;
  return RememberLink(place, stat) ? Attempt::kDone : Attempt::kFailed;
}

Packed EntryPacker::Pack(const Place& place, unsigned char type) {
  for (int tries = 0; tries < kTries; tries++) {
    Attempt attempt = Attempt::kChanged;
    if (type == DT_DIR) return Packed::kDirectory;
    if (type == DT_REG) {
      attempt = PackFile(place);
    } else {
      Statx stat;
      long error = StatxOf(place.directory, place.name, kSymlinkNofollow, &stat);
      type = error == 0 ? TypeOf(stat) : type;
      if (error != 0) {
        attempt = Failed(place, error, "statx");
      } else if (type != DT_DIR && type != DT_REG) {
        attempt = PackOther(place, stat);
      } else {
        continue;
      }
    }
    if (attempt == Attempt::kDone) return Packed::kDone;
    if (attempt == Attempt::kFailed) return Packed::kFailed;
    if (attempt == Attempt::kGone) {
      return Warn(Notice::kVanished, place) ? Packed::kDone : Packed::kFailed;
    }
    type = DT_UNKNOWN;
  }
  return Warn(Notice::kChanged, place) ? Packed::kDone : Packed::kFailed;
}

long EntryPacker::OpenDirectory(const Place& place) {
  long fd = OpenBelow(place.directory, place.name, O_RDONLY | O_DIRECTORY | no_atime_);
  if (fd != -EPERM || no_atime_ == 0) return fd;
  no_atime_ = 0;
  return OpenBelow(place.directory, place.name, O_RDONLY | O_DIRECTORY);
}

bool EntryPacker::PackDirectory(int fd, const char* path, size_t size) {
  Statx stat;
  if (long error = StatxOf(fd, "", kEmptyPath, &stat)) {
    return writer_->Fail(error, "statx", path, size);
  }
  if (long error = ReadXattrs(fd)) return writer_->Fail(error, "fgetxattr", path, size);
  return writer_->Header(EntryOf(stat, '5', path, size), xattrs_.records());
}

bool EntryPacker::PackMountPoint(const Place& place) {
  Statx stat;
  long error = StatxOf(place.directory, place.name, kSymlinkNofollow, &stat);
  if (error != 0) return writer_->Fail(error, "statx", place.path, place.path_size);
  directory_path_.SetSize(0);
  if (!directory_path_.Append(place.path, place.path_size) || !directory_path_.Append('/')) {
    return writer_->Fail(-ENOMEM, "malloc");
  }
  TarHeader entry = EntryOf(stat, '5', directory_path_.data(), directory_path_.size());
  return writer_->Header(entry, no_xattrs_) && Warn(Notice::kMountPoint, place);
}

}  // namespace graphdriver
