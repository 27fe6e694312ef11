import {
  AUFS_SUPER_MAGIC,
  BTRFS_SUPER_MAGIC,
  ECRYPTFS_SUPER_MAGIC,
  OVERLAYFS_SUPER_MAGIC,
  PROC_SUPER_MAGIC,
  RAMFS_MAGIC,
  SYSFS_MAGIC,
} from '../../sys/index.ts'

const CONFIGFS_MAGIC = 0x62656570
const DEBUGFS_MAGIC = 0x64626720
const SECURITYFS_MAGIC = 0x73636673
const XENFS_MAGIC = 0xabba1974

const NO_BRANCH = 'cannot be a branch of aufs'

/** au_test_fs_unsuppoted() in fs/aufs/fstype.h, and what is stacked already (s_stack_depth). */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [AUFS_SUPER_MAGIC, NO_BRANCH],
  [ECRYPTFS_SUPER_MAGIC, NO_BRANCH],
  [PROC_SUPER_MAGIC, NO_BRANCH],
  [SYSFS_MAGIC, NO_BRANCH],
  [CONFIGFS_MAGIC, NO_BRANCH],
  [DEBUGFS_MAGIC, NO_BRANCH],
  [SECURITYFS_MAGIC, NO_BRANCH],
  [XENFS_MAGIC, NO_BRANCH],
  [RAMFS_MAGIC, `${NO_BRANCH}, unless the kernel was built with CONFIG_AUFS_BR_RAMFS`],
  [OVERLAYFS_SUPER_MAGIC, `${NO_BRANCH}: it is stacked already`],
])

/** Why a filesystem cannot hold branches, in words; undefined where it can. */
export function refusedBranch(type: number): string | undefined {
  return REFUSED.get(type)
}

/** Why a store cannot lie on a filesystem: aufs takes btrfs, and then hangs and loses renames on it. */
export function refusedBacking(type: number): string | undefined {
  if (type === BTRFS_SUPER_MAGIC) return 'is known not to work below aufs'
  return refusedBranch(type)
}
