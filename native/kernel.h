// Structures and constants of the kernel's interface. The headers that hold them (linux/mount.h,
// linux/stat.h, sys/mount.h) exclude one another, or are older than the calls.
#pragma once

#include <stdint.h>

namespace graphdriver {

// openat2(2)
struct OpenHow {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
constexpr uint64_t kResolveNoXdev = 0x01;
constexpr uint64_t kResolveNoSymlinks = 0x04;
constexpr uint64_t kResolveBeneath = 0x08;

// mount(2), umount2(2)
constexpr uint64_t kMsRemount = 32;
constexpr uint64_t kMsBind = 4096;
constexpr uint64_t kMsMove = 8192;
constexpr uint64_t kMsPropagation = (1u << 17) | (1u << 18) | (1u << 19) | (1u << 20);
constexpr uint64_t kMsMagic = 0xC0ED0000;
constexpr uint64_t kMsMagicMask = 0xFFFF0000;
constexpr int kMntDetach = 2;
constexpr int kUmountNofollow = 8;

// fsopen(2), fsconfig(2), fsmount(2), fspick(2), open_tree(2)
constexpr unsigned kFsopenCloexec = 1;
constexpr unsigned kFsmountCloexec = 1;
constexpr unsigned kFspickCloexec = 1;
constexpr unsigned kOpenTreeCloexec = 02000000;
constexpr int kSetFlag = 0;
constexpr int kSetString = 1;
constexpr int kSetPath = 3;
constexpr int kSetPathEmpty = 4;
constexpr int kSetFd = 5;
constexpr int kCommandCreate = 6;
constexpr int kCommandReconfigure = 7;

// move_mount(2)
constexpr unsigned kMoveFromEmptyPath = 0x04;
constexpr unsigned kMoveFromMask = 0x07;
constexpr unsigned kMoveToMask = 0x70;
constexpr unsigned kMoveSetGroup = 0x100;

// mount_setattr(2)
struct MountAttributes {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t userns_fd;
};

// statx(2)
struct StatxTime {
  int64_t seconds;
  uint32_t nanoseconds;
  int32_t reserved;
};
struct Statx {
  uint32_t mask;
  uint32_t blksize;
  uint64_t attributes;
  uint32_t nlink;
  uint32_t uid;
  uint32_t gid;
  uint16_t mode;
  uint16_t reserved;
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;
  uint64_t attributes_mask;
  StatxTime atime;
  StatxTime btime;
  StatxTime ctime;
  StatxTime mtime;
  uint32_t rdev_major;
  uint32_t rdev_minor;
  uint32_t dev_major;
  uint32_t dev_minor;
  uint64_t mount_id;
  uint64_t later[13];
};
static_assert(sizeof(Statx) == 256, "statx(2) fills 256 bytes");
constexpr unsigned kStatxBasic = 0x7ff;
constexpr uint64_t kStatxMountRoot = 0x2000;
constexpr int kNoAutomount = 0x800;
constexpr int kEmptyPath = 0x1000;
constexpr int kSymlinkNofollow = 0x100;
constexpr int kRemoveDirectory = 0x200;

// fcntl(2): numbers that older C libraries do not name
constexpr int kOfdGetlk = 36;
constexpr int kOfdSetlk = 37;

// The kernel's own form of a device number, as mknod(2) takes it (include/linux/kdev_t.h,
// new_encode_dev).
constexpr unsigned DeviceNumber(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

}  // namespace graphdriver
