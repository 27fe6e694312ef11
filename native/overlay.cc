// The steps of a layer's overlay as one job: a hop a step costs more than the steps.
#include "overlay.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include "kernel.h"
#include "mount.h"
#include "newmount.h"
#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

enum Step { kOpen, kFsopen, kFsconfig, kFsmount, kMkdirat };

ContextResult FailedAt(long error, Step step) {
  ContextResult result;
  result.value = static_cast<int>(error);
  result.step = step;
  return result;
}

// Settings of a filesystem context, as NewMount() takes them.
class Settings {
 public:
  // A value without memory fails the whole.
  void Add(const char* key, const char* value) {
    whole_ =
        whole_ && words_.Append(key, strlen(key) + 1) && words_.Append(value, strlen(value) + 1);
    commands_[count_++] = kSetString;
    commands_[count_++] = 0;
  }
  bool whole() const { return whole_; }
  Numbers32 commands() const { return {commands_, count_}; }
  Bytes words() const { return {reinterpret_cast<const uint8_t*>(words_.data()), words_.size()}; }

 private:
  static constexpr size_t kMost = 8;
  int32_t commands_[2 * kMost];
  size_t count_ = 0;
  bool whole_ = true;
  Buffer words_;
};

// By descriptors: a setting has 255 bytes at the most, and nothing needs to be escaped.
ContextResult Ask(int directory, int scratch) {
  const char* const names[] = {"upper", "work"};
  for (const char* name : names) {
    long error = CallAgain(SYS_mkdirat, scratch, static_cast<const void*>(name), 0700);
    if (error != 0) return FailedAt(error, kMkdirat);
  }
  Settings settings;
  settings.Add("lowerdir", FdPath(directory).data());
  settings.Add("upperdir", FdPath(scratch, "upper").data());
  settings.Add("workdir", FdPath(scratch, "work").data());
  settings.Add("index", "on");
  if (!settings.whole()) return FailedAt(-ENOMEM, kFsconfig);
  ContextResult answer = NewMount({"overlay", 7}, settings.commands(), settings.words(), 0, -1);
  if (answer.value == 0) return answer;
  if (answer.value == -EBUSY) return FailedAt(1, kFsconfig);
  answer.step = answer.step == 0 ? kFsopen : kFsconfig;
  return answer;
}

bool IsDirectory(const Statx& stat) {
  return (stat.mode & S_IFMT) == S_IFDIR;
}

// Whether a directory takes a mount: 0, or what is in the way.
long Obstacle(const char* target) {
  Statx stat;
  if (long error = StatxOf(AT_FDCWD, target, kSymlinkNofollow, &stat)) return error;
  if (!IsDirectory(stat)) return -ENOTDIR;
  if ((stat.attributes_mask & kStatxMountRoot) == 0) return -ENOSYS;
  return (stat.attributes & kStatxMountRoot) != 0 ? -EEXIST : 0;
}

// Whether a directory is what overlay may work in, without a change: 0, or what is in the way.
long WorkObstacle(const char* work) {
  Statx stat;
  if (long error = StatxOf(AT_FDCWD, work, kSymlinkNofollow, &stat)) return error;
  if (!IsDirectory(stat)) return -ENOTDIR;
  return (stat.mode & 07777) == 0700 ? 0 : -EACCES;
}

// Where the kernel can make nothing in the work directory it mounts read-only (ovl_get_workdir(),
// fs/overlayfs/super.c).
bool IsReadOnly(const char* target) {
  struct statfs stat;
  long error = CallAgain(SYS_statfs, static_cast<const void*>(target), static_cast<void*>(&stat));
  return error != 0 || (stat.f_flags & 1) != 0;
}

// What keeps a mount from being made in one job: 0, or a negative errno.
int32_t AnyObstacle(MaybeText upper, MaybeText work, Text target) {
  long error = Obstacle(target.data);
  if (error == 0 && work.data != nullptr) error = WorkObstacle(work.data);
  if (error != 0 || upper.data == nullptr) return static_cast<int32_t>(error);
  ContextResult answer = OverlayInUse({upper.data, upper.size}, {nullptr, 0});
  return answer.value > 0 ? -EBUSY : answer.value;
}

void TakeDown(Text target) {
  if (Umount2(target, kUmountNofollow) != 0) Umount2(target, kMntDetach | kUmountNofollow);
}

}  // namespace

ContextResult OverlayInUse(Text directory, MaybeText scratch) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  Descriptor asked(
      CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(directory.data), kFlags));
  if (asked.failed()) return FailedAt(asked.get(), kOpen);
  if (scratch.data != nullptr) {
    Descriptor place(
        CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(scratch.data), kFlags));
    return place.failed() ? FailedAt(place.get(), kOpen) : Ask(asked.get(), place.get());
  }
  ContextResult made = NewMount({"tmpfs", 5}, {nullptr, 0}, {nullptr, 0}, 0, 0);
  if (made.value < 0) {
    made.step += kFsopen;
    return made;
  }
  Descriptor place(made.value);
  return Ask(asked.get(), place.get());
}

int32_t MountOverlay(MaybeText upper, MaybeText work, Text target, uint32_t flags, Text data) {
  if (int32_t error = AnyObstacle(upper, work, target)) return error;
  int32_t result = Mount({"overlay", 7}, target, {"overlay", 7}, flags, {data.data, data.size});
  if (result != 0 || upper.data == nullptr || !IsReadOnly(target.data)) return result;
  TakeDown(target);
  return -EROFS;
}

void UndoMountOverlay(const int32_t& result, MaybeText, MaybeText, Text target, uint32_t, Text) {
  if (result == 0) TakeDown(target);
}

int32_t MountNewOverlay(MaybeText upper, MaybeText work, Text target, Numbers32 commands,
                        Bytes words, uint32_t attributes) {
  if (int32_t error = AnyObstacle(upper, work, target)) return error;
  ContextResult made = NewMount({"overlay", 7}, commands, words, 0, attributes);
  if (made.value < 0) return made.value;
  Descriptor mount(made.value);
  // Before it is attached: nobody sees one that is not as it should be.
  if (upper.data != nullptr && IsReadOnly(FdPath(mount.get()).data())) return -EROFS;
  return static_cast<int32_t>(Call(SYS_move_mount, mount.get(), static_cast<const void*>(""),
                                   AT_FDCWD, static_cast<const void*>(target.data),
                                   kMoveFromEmptyPath));
}

void UndoMountNewOverlay(const int32_t& result, MaybeText, MaybeText, Text target, Numbers32, Bytes,
                         uint32_t) {
  if (result == 0) TakeDown(target);
}

}  // namespace graphdriver
