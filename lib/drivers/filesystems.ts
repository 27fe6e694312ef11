import * as sys from '../sys/index.ts'

const NAMES = new Map<number, string>([
  [sys.AUFS_SUPER_MAGIC, 'aufs'],
  [sys.BTRFS_SUPER_MAGIC, 'btrfs'],
  [sys.ECRYPTFS_SUPER_MAGIC, 'ecryptfs'],
  [sys.EROFS_SUPER_MAGIC, 'erofs'],
  [sys.EXT4_SUPER_MAGIC, 'ext2/ext3/ext4'],
  [sys.F2FS_SUPER_MAGIC, 'f2fs'],
  [sys.FUSE_SUPER_MAGIC, 'fuse'],
  [sys.ISOFS_SUPER_MAGIC, 'iso9660'],
  [sys.JFS_SUPER_MAGIC, 'jfs'],
  [sys.MSDOS_SUPER_MAGIC, 'vfat'],
  [sys.NFS_SUPER_MAGIC, 'nfs'],
  [sys.OVERLAYFS_SUPER_MAGIC, 'overlay'],
  [sys.PROC_SUPER_MAGIC, 'proc'],
  [sys.RAMFS_MAGIC, 'ramfs'],
  [sys.SQUASHFS_MAGIC, 'squashfs'],
  [sys.SYSFS_MAGIC, 'sysfs'],
  [sys.TMPFS_MAGIC, 'tmpfs'],
  [sys.V9FS_MAGIC, '9p'],
  [sys.XFS_SUPER_MAGIC, 'xfs'],
  [sys.ZFS_SUPER_MAGIC, 'zfs'],
])

/** The name of a filesystem by statfs(2)'s f_type; the number where it is none of the usual ones. */
export function filesystemName(magic: number): string {
  return NAMES.get(magic) ?? `0x${magic.toString(16)}`
}
