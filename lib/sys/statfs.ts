import { checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import {
  AUFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  CGROUP2_SUPER_MAGIC,
  ECRYPTFS_SUPER_MAGIC,
  EROFS_SUPER_MAGIC,
  EXT4_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  FUSE_SUPER_MAGIC,
  ISOFS_SUPER_MAGIC,
  JFS_SUPER_MAGIC,
  MSDOS_SUPER_MAGIC,
  NFS_SUPER_MAGIC,
  NSFS_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  PROC_SUPER_MAGIC,
  RAMFS_MAGIC,
  REISERFS_SUPER_MAGIC,
  SMB2_SUPER_MAGIC,
  SQUASHFS_MAGIC,
  SYSFS_MAGIC,
  TMPFS_MAGIC,
  V9FS_MAGIC,
  XFS_SUPER_MAGIC,
  ZFS_SUPER_MAGIC,
} from './constants.ts'
import { check } from './error.ts'
import { StatfsField as Field } from './stat-fields.ts'
import type { Path } from './native.ts'

/** What statfs(2) answered. */
export interface Statfs {
  /** The filesystem's magic number: OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, … */
  type: number
  /** Bytes in a block, as the transfer is best. */
  bsize: number
  blocks: number
  bfree: number
  /** Blocks free for ordinary users. */
  bavail: number
  files: number
  ffree: number
  fsid: bigint
  /** Longest name in bytes. */
  namelen: number
  /** Bytes in a block, as the counts mean it. */
  frsize: number
  /** ST_*: flags of the mount. */
  flags: number
}

function toStatfs(fields: BigInt64Array): Statfs {
  const number = (field: number): number => Number(fields[field] ?? 0n)
  return {
    type: number(Field.type) >>> 0,
    bsize: number(Field.bsize),
    blocks: number(Field.blocks),
    bfree: number(Field.bfree),
    bavail: number(Field.bavail),
    files: number(Field.files),
    ffree: number(Field.ffree),
    fsid: BigInt.asUintN(64, fields[Field.fsid] ?? 0n),
    namelen: number(Field.namelen),
    frsize: number(Field.frsize),
    flags: number(Field.flags),
  }
}

/**
 * statfs(2): the filesystem that a path is on, and the flags of its mount. A link at the end is followed.
 *
 * @throws SyscallError ENOENT, ENOTDIR, EACCES.
 */
export async function statfs(path: Path): Promise<Statfs> {
  const checked = checkPath(path)
  return toStatfs(check(await binding().statfs(checked), 'statfs', { path }))
}

/** {@link statfs} on the calling thread. */
export function statfsSync(path: Path): Statfs {
  const checked = checkPath(path)
  return toStatfs(check(binding().statfsSync(checked), 'statfs', { path }))
}

const names: ReadonlyMap<number, string> = new Map([
  [AUFS_SUPER_MAGIC, 'aufs'],
  [BTRFS_SUPER_MAGIC, 'btrfs'],
  [CGROUP2_SUPER_MAGIC, 'cgroup2'],
  [ECRYPTFS_SUPER_MAGIC, 'ecryptfs'],
  [EROFS_SUPER_MAGIC, 'erofs'],
  [EXT4_SUPER_MAGIC, 'ext2/ext3/ext4'],
  [F2FS_SUPER_MAGIC, 'f2fs'],
  [FUSE_SUPER_MAGIC, 'fuse'],
  [ISOFS_SUPER_MAGIC, 'iso9660'],
  [JFS_SUPER_MAGIC, 'jfs'],
  [MSDOS_SUPER_MAGIC, 'vfat'],
  [NFS_SUPER_MAGIC, 'nfs'],
  [NSFS_MAGIC, 'nsfs'],
  [OVERLAYFS_SUPER_MAGIC, 'overlay'],
  [PROC_SUPER_MAGIC, 'proc'],
  [RAMFS_MAGIC, 'ramfs'],
  [REISERFS_SUPER_MAGIC, 'reiserfs'],
  [SMB2_SUPER_MAGIC, 'cifs'],
  [SQUASHFS_MAGIC, 'squashfs'],
  [SYSFS_MAGIC, 'sysfs'],
  [TMPFS_MAGIC, 'tmpfs'],
  [V9FS_MAGIC, '9p'],
  [XFS_SUPER_MAGIC, 'xfs'],
  [ZFS_SUPER_MAGIC, 'zfs'],
])

/** The name of a filesystem by its magic number, or the number in hexadecimal: ext2, ext3 and ext4 share one. */
export function filesystemName(type: number): string {
  return names.get(type) ?? `0x${type.toString(16)}`
}
