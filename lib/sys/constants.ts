import { constants } from 'node:fs'

// Values of the kernel's headers (include/uapi/linux), the same on every processor that Node runs on.

// mount(2): what to do, and how the mount behaves.
export const MS_RDONLY = 0x1
export const MS_NOSUID = 0x2
export const MS_NODEV = 0x4
export const MS_NOEXEC = 0x8
export const MS_SYNCHRONOUS = 0x10
export const MS_REMOUNT = 0x20
export const MS_MANDLOCK = 0x40
export const MS_DIRSYNC = 0x80
export const MS_NOSYMFOLLOW = 0x100
export const MS_NOATIME = 0x400
export const MS_NODIRATIME = 0x800
export const MS_BIND = 0x1000
export const MS_MOVE = 0x2000
export const MS_REC = 0x4000
export const MS_SILENT = 0x8000
export const MS_POSIXACL = 0x10000
export const MS_UNBINDABLE = 0x20000
export const MS_PRIVATE = 0x40000
export const MS_SLAVE = 0x80000
export const MS_SHARED = 0x100000
export const MS_RELATIME = 0x200000
export const MS_I_VERSION = 0x800000
export const MS_STRICTATIME = 0x1000000
export const MS_LAZYTIME = 0x2000000

// umount2(2).
export const MNT_FORCE = 1
export const MNT_DETACH = 2
export const MNT_EXPIRE = 4
export const UMOUNT_NOFOLLOW = 8

// The …at calls: where a relative path begins, and how it is followed. AT_RECURSIVE is for open_tree(2) and mount_setattr(2).
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000
export const AT_STATX_FORCE_SYNC = 0x2000
export const AT_STATX_DONT_SYNC = 0x4000
export const AT_RECURSIVE = 0x8000

// fsopen(2), fspick(2), fsconfig(2), fsmount(2).
export const FSOPEN_CLOEXEC = 1
export const FSPICK_CLOEXEC = 1
export const FSPICK_SYMLINK_NOFOLLOW = 2
export const FSPICK_NO_AUTOMOUNT = 4
export const FSPICK_EMPTY_PATH = 8
export const FSCONFIG_SET_FLAG = 0
export const FSCONFIG_SET_STRING = 1
export const FSCONFIG_SET_BINARY = 2
export const FSCONFIG_SET_PATH = 3
export const FSCONFIG_SET_PATH_EMPTY = 4
export const FSCONFIG_SET_FD = 5
export const FSCONFIG_CMD_CREATE = 6
export const FSCONFIG_CMD_RECONFIGURE = 7
export const FSCONFIG_CMD_CREATE_EXCL = 8
export const FSMOUNT_CLOEXEC = 1

// open_tree(2).
export const OPEN_TREE_CLONE = 1
export const OPEN_TREE_CLOEXEC = 0x80000

// move_mount(2).
export const MOVE_MOUNT_F_SYMLINKS = 0x1
export const MOVE_MOUNT_F_AUTOMOUNTS = 0x2
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4
export const MOVE_MOUNT_T_SYMLINKS = 0x10
export const MOVE_MOUNT_T_AUTOMOUNTS = 0x20
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40
export const MOVE_MOUNT_SET_GROUP = 0x100
export const MOVE_MOUNT_BENEATH = 0x200

// mount_setattr(2) and fsmount(2).
export const MOUNT_ATTR_RDONLY = 0x1
export const MOUNT_ATTR_NOSUID = 0x2
export const MOUNT_ATTR_NODEV = 0x4
export const MOUNT_ATTR_NOEXEC = 0x8
export const MOUNT_ATTR__ATIME = 0x70
export const MOUNT_ATTR_RELATIME = 0x0
export const MOUNT_ATTR_NOATIME = 0x10
export const MOUNT_ATTR_STRICTATIME = 0x20
export const MOUNT_ATTR_NODIRATIME = 0x80
export const MOUNT_ATTR_IDMAP = 0x100000
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000

// statx(2): which fields are wanted.
export const STATX_TYPE = 0x1
export const STATX_MODE = 0x2
export const STATX_NLINK = 0x4
export const STATX_UID = 0x8
export const STATX_GID = 0x10
export const STATX_ATIME = 0x20
export const STATX_MTIME = 0x40
export const STATX_CTIME = 0x80
export const STATX_INO = 0x100
export const STATX_SIZE = 0x200
export const STATX_BLOCKS = 0x400
export const STATX_BASIC_STATS = 0x7ff
export const STATX_BTIME = 0x800
export const STATX_MNT_ID = 0x1000
export const STATX_MNT_ID_UNIQUE = 0x4000

// statx(2): attributes.
export const STATX_ATTR_COMPRESSED = 0x4n
export const STATX_ATTR_IMMUTABLE = 0x10n
export const STATX_ATTR_APPEND = 0x20n
export const STATX_ATTR_NODUMP = 0x40n
export const STATX_ATTR_ENCRYPTED = 0x800n
export const STATX_ATTR_AUTOMOUNT = 0x1000n
export const STATX_ATTR_MOUNT_ROOT = 0x2000n
export const STATX_ATTR_VERITY = 0x100000n
export const STATX_ATTR_DAX = 0x200000n

// openat2(2): how a path may be resolved.
export const RESOLVE_NO_XDEV = 0x1
export const RESOLVE_NO_MAGICLINKS = 0x2
export const RESOLVE_NO_SYMLINKS = 0x4
export const RESOLVE_BENEATH = 0x8
export const RESOLVE_IN_ROOT = 0x10
export const RESOLVE_CACHED = 0x20

// renameat2(2).
export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

// fcntl(2): types of a lock.
export const F_RDLCK = 0
export const F_WRLCK = 1
export const F_UNLCK = 2

// setxattr(2).
export const XATTR_CREATE = 1
export const XATTR_REPLACE = 2

// statfs(2): flags of the mount.
export const ST_RDONLY = 0x1
export const ST_NOSUID = 0x2
export const ST_NODEV = 0x4
export const ST_NOEXEC = 0x8
export const ST_SYNCHRONOUS = 0x10
export const ST_MANDLOCK = 0x40
export const ST_NOATIME = 0x400
export const ST_NODIRATIME = 0x800
export const ST_RELATIME = 0x1000
export const ST_NOSYMFOLLOW = 0x2000

// statfs(2): types of filesystems (linux/magic.h).
export const AUFS_SUPER_MAGIC = 0x61756673
export const BTRFS_SUPER_MAGIC = 0x9123683e
export const CGROUP2_SUPER_MAGIC = 0x63677270
export const ECRYPTFS_SUPER_MAGIC = 0xf15f
export const EROFS_SUPER_MAGIC = 0xe0f5e1e2
export const EXT4_SUPER_MAGIC = 0xef53
export const F2FS_SUPER_MAGIC = 0xf2f52010
export const FUSE_SUPER_MAGIC = 0x65735546
export const ISOFS_SUPER_MAGIC = 0x9660
export const JFS_SUPER_MAGIC = 0x3153464a
export const MSDOS_SUPER_MAGIC = 0x4d44
export const NFS_SUPER_MAGIC = 0x6969
export const NSFS_MAGIC = 0x6e736673
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630
export const PROC_SUPER_MAGIC = 0x9fa0
export const RAMFS_MAGIC = 0x858458f6
export const REISERFS_SUPER_MAGIC = 0x52654973
export const SMB2_SUPER_MAGIC = 0xfe534d42
export const SQUASHFS_MAGIC = 0x73717368
export const SYSFS_MAGIC = 0x62656572
export const TMPFS_MAGIC = 0x1021994
export const V9FS_MAGIC = 0x1021997
export const XFS_SUPER_MAGIC = 0x58465342
export const ZFS_SUPER_MAGIC = 0x2fc12fc1

// openat2(2), open(2). Some differ from one processor to the next, so Node's own are taken where it has them.
export const O_RDONLY: number = constants.O_RDONLY
export const O_WRONLY: number = constants.O_WRONLY
export const O_RDWR: number = constants.O_RDWR
export const O_CREAT: number = constants.O_CREAT
export const O_EXCL: number = constants.O_EXCL
export const O_TRUNC: number = constants.O_TRUNC
export const O_APPEND: number = constants.O_APPEND
export const O_NONBLOCK: number = constants.O_NONBLOCK
export const O_DIRECTORY: number = constants.O_DIRECTORY
export const O_NOFOLLOW: number = constants.O_NOFOLLOW
export const O_CLOEXEC = 0x80000
export const O_PATH = 0x200000
export const O_TMPFILE: number = 0x400000 | constants.O_DIRECTORY
