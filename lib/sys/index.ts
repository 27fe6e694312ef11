/**
 * One function per system call, with its twin: `foo()` answers a promise, `fooSync()` the value. Flags are numbers,
 * paths are strings or bytes. A call that fails throws a {@link SyscallError}.
 *
 * @packageDocumentation
 */

import { binding } from './binding.ts'

export {
  AUFS_PLINK_MAINT,
  aufsBranches,
  aufsBranchesSync,
  aufsFlush,
  aufsFlushSync,
  aufsUnions,
  aufsUnionsSync,
} from './aufs.ts'
export type { AufsBranch, AufsFlushOptions } from './aufs.ts'
export * from './constants.ts'
export { errnoName, errnoOf, SyscallError } from './error.ts'
export type { SyscallContext } from './error.ts'
export { GraphDriverError } from './failure.ts'
export type { ArchiveErrorCode, GraphDriverErrorCode, GraphDriverErrorOptions } from './failure.ts'
export {
  close,
  closeSync,
  mkdirat,
  mkdiratSync,
  mknodat,
  mknodatSync,
  openat2,
  openat2Sync,
  readFile,
  readFileSync,
  renameat2,
  renameat2Sync,
  syncfs,
  syncfsSync,
  unlinkat,
  unlinkatSync,
  utimensat,
  utimensatSync,
} from './file.ts'
export type { OpenHow, PathAt } from './file.ts'
export { getLock, getLockSync, setLock, setLockSync } from './lock.ts'
export { mount, mountAt, mountAtSync, mountSync, umount2, umount2Sync } from './mount.ts'
export {
  listMounts,
  listMountsSync,
  mountinfo,
  Mountinfo,
  MountinfoEntry,
  mountinfoSync,
  mountsChangedSync,
  unescapeBytes,
} from './mountinfo.ts'
export type { MountinfoRecord, Propagation } from './mountinfo.ts'
export type { Path } from './native.ts'
export {
  mountSetattr,
  mountSetattrSync,
  moveMount,
  moveMountSync,
  openTree,
  openTreeSync,
} from './movemount.ts'
export type { MountAttributes } from './movemount.ts'
export { newMount, newMountSync, reconfigure, reconfigureSync, tryMount, tryMountSync } from './newmount.ts'
export type { FsSetting, NewMountOptions } from './newmount.ts'
export { filesystemName, statfs, statfsSync } from './statfs.ts'
export type { Statfs } from './statfs.ts'
export { isMountRoot, isMountRootSync, Statx, statx, statxSync } from './statx.ts'
export type { StatxOptions } from './statx.ts'
export { copyTree, copyTreeSync, removeTree, removeTreeSync } from './tree.ts'
export type { CopyTreeOptions } from './tree.ts'
export {
  getxattr,
  getxattrSync,
  listxattr,
  listxattrSync,
  removexattr,
  removexattrSync,
  setxattr,
  setxattrSync,
} from './xattr.ts'
export type { ListXattrBufferOptions, SetXattrOptions, XattrOptions } from './xattr.ts'

/** Bytes in a page: mount(2) takes one byte less of data. */
export function pageSize(): number {
  return binding().pageSize
}
