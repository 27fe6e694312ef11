#include "comparefiles.h"

#include <dirent.h>

#include "layerform.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint64_t kMountRoot = 0x2000;
constexpr unsigned kStatxBtime = 0x800;
constexpr Look kAlike{Look::kSame, false, 0, ""};
constexpr Look kUnlike{Look::kDiffers, false, 0, ""};

long StatWithBtime(int directory, const char* name, Statx* stat) {
  return CallAgain(SYS_statx, directory, static_cast<const void*>(name),
                   kSymlinkNofollow | kNoAutomount, kStatxBasic | kStatxBtime,
                   static_cast<void*>(stat));
}

bool SameInode(const Statx& a, const Statx& b) {
  return a.ino == b.ino && a.dev_major == b.dev_major && a.dev_minor == b.dev_minor;
}

bool SameOwnerAndMode(const Statx& a, const Statx& b) {
  return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid;
}

bool SameData(const Statx& a, const Statx& b) {
  return a.size == b.size && a.mtime.seconds == b.mtime.seconds &&
         a.mtime.nanoseconds == b.mtime.nanoseconds && a.rdev_major == b.rdev_major &&
         a.rdev_minor == b.rdev_minor;
}

// Where a filesystem does not know when a file was made, its last change stands for it.
const StatxTime& MadeAt(const Statx& stat) {
  return (stat.mask & kStatxBtime) != 0 ? stat.btime : stat.ctime;
}

// The kernel's clock for files may stand still for a tick of 10 ms (CONFIG_HZ; the finer clock of
// Linux 6.13 is used only after somebody looked). A copy that was made within a tick of its
// original's last change, and was written to at once, has the same time.
bool TimesCannotTell(const Statx& a, const Statx& b) {
  constexpr int64_t kTicks = 20'000'000;
  constexpr int64_t kSecond = 1'000'000'000;
  auto long_before = [&a](const Statx& copy) {
    const StatxTime& made = MadeAt(copy);
    int64_t seconds = made.seconds - a.mtime.seconds;
    int64_t nanoseconds = int64_t{made.nanoseconds} - int64_t{a.mtime.nanoseconds};
    return seconds > 1 || (seconds >= 0 && seconds * kSecond + nanoseconds >= kTicks);
  };
  return !long_before(a) && !long_before(b);
}

// A time without a fraction of a second came with an archive, and two archives that are built to be
// reproducible give every file the same one.
bool IsOfAnArchive(const Statx& stat) {
  return stat.mtime.nanoseconds == 0;
}

long Target(int directory, const char* name, char* target, size_t room) {
  return CallAgain(SYS_readlinkat, directory, static_cast<const void*>(name),
                   static_cast<void*>(target), room);
}

// An error says that one of them is no link any more.
bool SameTarget(const Pair& directories, const char* name) {
  char now[4097];
  char before[4097];
  long size = Target(directories.now, name, now, sizeof now);
  return size >= 0 && size == Target(directories.before, name, before, sizeof before) &&
         memcmp(now, before, static_cast<size_t>(size)) == 0;
}

long OpenFile(int directory, const char* name) {
  // Without waiting, in case it has become a fifo meanwhile.
  uint64_t flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  long fd = OpenBelow(directory, name, flags | O_NOATIME);
  return fd == -EPERM ? OpenBelow(directory, name, flags) : fd;
}

// Linux 6.13; the number is the same on every processor.
constexpr long kListxattrat = 465;

// Most files have no attributes, and with this call that costs little to see. False: perhaps it
// has.
bool HasNoXattrs(int directory, const char* name) {
  char names[256];
  long size = Call(kListxattrat, directory, static_cast<const void*>(name), kSymlinkNofollow,
                   static_cast<void*>(names), sizeof names);
  for (long at = 0; at < size; at += static_cast<long>(strlen(names + at)) + 1) {
    if (!IsBookkeepingXattr(names + at)) return false;
  }
  return size >= 0;
}

// As much as there is, up to `size`.
long ReadFully(int fd, char* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    long count = CallAgain(SYS_read, fd, static_cast<void*>(bytes + done), size - done);
    if (count < 0) return count;
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<long>(done);
}

}  // namespace

Look FileComparer::CompareContents(const Pair& directories, const char* name) {
  constexpr size_t kPiece = size_t{1} << 17;
  Descriptor now(OpenFile(directories.now, name));
  if (now.failed()) return {Look::kFailed, true, now.get(), "openat2"};
  Descriptor before(OpenFile(directories.before, name));
  if (before.failed()) return {Look::kFailed, false, before.get(), "openat2"};
  if (!content_.Reserve(2 * kPiece)) return {Look::kFailed, true, -ENOMEM, "malloc"};
  char* bytes = content_.data();
  while (true) {
    long size = ReadFully(now.get(), bytes, kPiece);
    if (size < 0) return {Look::kFailed, true, size, "read"};
    long other = ReadFully(before.get(), bytes + kPiece, kPiece);
    if (other < 0) return {Look::kFailed, false, other, "read"};
    if (size != other || memcmp(bytes, bytes + kPiece, static_cast<size_t>(size)) != 0)
      return kUnlike;
    if (size == 0) return kAlike;
  }
}

Look FileComparer::CompareXattrs(long now_error, long before_error) {
  if (now_error != 0) return {Look::kFailed, true, now_error, "listxattr"};
  if (before_error != 0) return {Look::kFailed, false, before_error, "listxattr"};
  return now_xattrs_ == before_xattrs_ ? kAlike : kUnlike;
}

Look FileComparer::Directories(const Pair& directories) {
  Statx now;
  Statx before;
  long error = StatxOf(directories.now, "", kEmptyPath, &now);
  if (error != 0) return {Look::kFailed, true, error, "statx"};
  error = StatxOf(directories.before, "", kEmptyPath, &before);
  if (error != 0) return {Look::kFailed, false, error, "statx"};
  if (!SameOwnerAndMode(now, before)) return kUnlike;
  return CompareXattrs(now_xattrs_.Read(directories.now), before_xattrs_.Read(directories.before));
}

Look FileComparer::Files(const Pair& directories, const char* name, Statx* now, Statx* before) {
  long error = StatWithBtime(directories.now, name, now);
  if (error != 0) return {Look::kFailed, true, error, "statx"};
  error = StatWithBtime(directories.before, name, before);
  if (error != 0) return {Look::kFailed, false, error, "statx"};
  // What is mounted over a file hides it.
  bool hidden = ((now->attributes | before->attributes) & kMountRoot) != 0;
  if (hidden || SameInode(*now, *before)) return kAlike;
  if (!SameOwnerAndMode(*now, *before) || !SameData(*now, *before)) return kUnlike;
  unsigned type = now->mode >> 12;
  if (type == DT_LNK && !SameTarget(directories, name)) return kUnlike;
  if (!HasNoXattrs(directories.now, name) || !HasNoXattrs(directories.before, name)) {
    Look look = CompareXattrs(now_xattrs_.ReadAt(directories.now, name),
                              before_xattrs_.ReadAt(directories.before, name));
    if (look.verdict != Look::kSame) return look;
  }
  bool unsure =
      type == DT_REG && now->size > 0 && (IsOfAnArchive(*now) || TimesCannotTell(*now, *before));
  return unsure ? CompareContents(directories, name) : kAlike;
}

}  // namespace graphdriver
