#include "mount.h"

#include "kernel.h"
#include "system.h"
#include "thread.h"
#include "walk.h"

namespace graphdriver {

namespace {

// copy_mount_options() in fs/namespace.c copies one page and sets its last byte to NUL: more is
// cut, and the mount may succeed without it.
bool IsCut(const MaybeText& data) {
  return data.data != nullptr && data.size >= static_cast<size_t>(getpagesize());
}

// Whether mount(2) with these flags attached something, in the order in which path_mount() looks at
// them.
enum class Deed { kNothing, kAttached, kMoved };
Deed DeedOf(uint32_t flags) {
  if ((flags & kMsMagicMask) == kMsMagic) flags &= ~kMsMagicMask;
  if (flags & kMsRemount) return Deed::kNothing;
  if (flags & kMsBind) return Deed::kAttached;
  if (flags & kMsPropagation) return Deed::kNothing;
  return flags & kMsMove ? Deed::kMoved : Deed::kAttached;
}

void Detach(const char* target) {
  long result = Call(SYS_umount2, static_cast<const void*>(target), kMntDetach | kUmountNofollow);
  // mount(2) follows a final link; then so must this.
  if (result == -EINVAL) Call(SYS_umount2, static_cast<const void*>(target), kMntDetach);
}

// mount(2) or its undoing, relative to a directory: names in the data of an overlay are looked up
// from the working directory, which all threads of a process share unless one leaves.
struct Apart {
  const char* directory;
  MaybeText source;
  Text target;
  MaybeText type;
  uint32_t flags;
  MaybeText data;
  bool undo;
  int32_t result;
};

void RunMountAt(void* argument) {
  Apart* apart = static_cast<Apart*>(argument);
  constexpr int kCloneFs = 0x200;
  long error = Call(SYS_unshare, kCloneFs);
  if (error == 0) error = Call(SYS_chdir, static_cast<const void*>(apart->directory));
  if (error != 0) {
    apart->result = static_cast<int32_t>(error);
  } else if (apart->undo) {
    UndoMount(0, apart->source, apart->target, apart->type, apart->flags, apart->data);
  } else {
    apart->result = Mount(apart->source, apart->target, apart->type, apart->flags, apart->data);
  }
}

}  // namespace

int32_t Mount(MaybeText source, Text target, MaybeText type, uint32_t flags, MaybeText data) {
  if (IsCut(data)) return -E2BIG;
  return static_cast<int32_t>(
      Call(SYS_mount, static_cast<const void*>(source.data), static_cast<const void*>(target.data),
           static_cast<const void*>(type.data), flags, static_cast<const void*>(data.data)));
}

void UndoMount(const int32_t& result, MaybeText source, Text target, MaybeText, uint32_t flags,
               MaybeText) {
  if (result != 0) return;
  Deed deed = DeedOf(flags);
  if (deed == Deed::kAttached) Detach(target.data);
  if (deed == Deed::kMoved) {
    Call(SYS_mount, static_cast<const void*>(target.data), static_cast<const void*>(source.data),
         nullptr, kMsMove, nullptr);
  }
}

int32_t MountAt(Text directory, MaybeText source, Text target, MaybeText type, uint32_t flags,
                MaybeText data) {
  if (IsCut(data)) return -E2BIG;
  Apart apart{directory.data, source, target, type, flags, data, false, 0};
  int error = RunApart(RunMountAt, &apart);
  return error != 0 ? error : apart.result;
}

void UndoMountAt(const int32_t& result, Text directory, MaybeText source, Text target,
                 MaybeText type, uint32_t flags, MaybeText data) {
  if (result != 0) return;
  Apart apart{directory.data, source, target, type, flags, data, true, 0};
  RunApart(RunMountAt, &apart);
}

int32_t Umount2(Text target, int32_t flags) {
  return static_cast<int32_t>(Call(SYS_umount2, static_cast<const void*>(target.data), flags));
}

Fd OpenTree(int32_t directory, Text path, uint32_t flags) {
  return {static_cast<int>(CallAgain(SYS_open_tree, directory, static_cast<const void*>(path.data),
                                     flags | kOpenTreeCloexec))};
}

int32_t MountSetattr(int32_t directory, Text path, uint32_t flags, uint64_t set, uint64_t clear,
                     uint64_t propagation, int32_t userns) {
  // The kernel reads the descriptor only with MOUNT_ATTR_IDMAP, and takes 64 bits.
  MountAttributes attributes{set, clear, propagation,
                             static_cast<uint64_t>(userns < 0 ? 0 : userns)};
  return static_cast<int32_t>(Call(SYS_mount_setattr, directory,
                                   static_cast<const void*>(path.data), flags,
                                   static_cast<const void*>(&attributes), sizeof attributes));
}

Moved MoveMount(int32_t from_directory, Text from, int32_t to_directory, Text to, uint32_t flags) {
  Moved moved;
  int source = from_directory;
  // Taken before the call, and used for it: the caller may close his descriptor, and have the
  // number for another mount.
  if (from.size == 0 && (flags & kMoveFromEmptyPath) && !(flags & kMoveSetGroup)) {
    moved.held.Reset(Call(SYS_fcntl, from_directory, F_DUPFD_CLOEXEC, 0));
    if (moved.held.failed()) {
      moved.error = moved.held.get();
      return moved;
    }
    source = moved.held.get();
  }
  moved.error =
      static_cast<int32_t>(Call(SYS_move_mount, source, static_cast<const void*>(from.data),
                                to_directory, static_cast<const void*>(to.data), flags));
  return moved;
}

napi_value Encode(napi_env env, const Moved& result) {
  return Encode(env, result.error);
}

void UndoMoveMount(const Moved& result, int32_t from_directory, Text from, int32_t to_directory,
                   Text to, uint32_t flags) {
  if (result.error != 0) return;
  if (!result.held.failed()) {
    // The descriptor still is the mount's root, wherever that was attached.
    Call(SYS_umount2, static_cast<const void*>(FdPath(result.held.get()).data()), kMntDetach);
  } else if (!(flags & (kMoveSetGroup | kMoveFromEmptyPath))) {
    unsigned back = (flags & kMoveFromMask) << 4 | (flags & kMoveToMask) >> 4;
    Call(SYS_move_mount, to_directory, static_cast<const void*>(to.data), from_directory,
         static_cast<const void*>(from.data), back);
  }
}

}  // namespace graphdriver
