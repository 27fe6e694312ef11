// A bind mount with attributes of its own as one job: a copy, its attributes, its place.
#include "bind.h"

#include "kernel.h"
#include "mount.h"
#include "system.h"

namespace graphdriver {

namespace {

constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kRecursive = 0x8000;
constexpr unsigned kMoveToSymlinks = 0x10;

ContextResult FailedAt(long error, int step) {
  ContextResult result;
  result.value = static_cast<int>(error);
  result.step = step;
  return result;
}

long SetAttributes(int mount, unsigned flags, uint64_t set, uint64_t clear) {
  if (set == 0 && clear == 0) return 0;
  return MountSetattr(mount, {"", 0}, kEmptyPath | flags, set, clear, 0, -1);
}

}  // namespace

ContextResult BindCopy(Text source, Text target, bool below, uint64_t set, uint64_t clear,
                       uint64_t all_set, uint64_t all_clear) {
  unsigned recursive = below ? kRecursive : 0;
  Descriptor copy(OpenTree(AT_FDCWD, source, kOpenTreeClone | recursive).value);
  if (copy.failed()) return FailedAt(copy.get(), 0);
  long error = SetAttributes(copy.get(), 0, set, clear);
  if (error == 0) error = SetAttributes(copy.get(), kRecursive, all_set, all_clear);
  if (error != 0) return FailedAt(error, 1);
  error = Call(SYS_move_mount, copy.get(), static_cast<const void*>(""), AT_FDCWD,
               static_cast<const void*>(target.data), kMoveFromEmptyPath | kMoveToSymlinks);
  return error == 0 ? ContextResult{} : FailedAt(error, 2);
}

void UndoBindCopy(const ContextResult& result, Text, Text target, bool, uint64_t, uint64_t,
                  uint64_t, uint64_t) {
  if (result.value == 0) Umount2(target, kMntDetach);
}

}  // namespace graphdriver
