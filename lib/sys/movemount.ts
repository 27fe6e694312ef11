import { checkBigint, checkBytes, checkDirfd, checkFd, checkFlags, checkOptions } from './arguments.ts'
import { binding } from './binding.ts'
import { OPEN_TREE_CLOEXEC } from './constants.ts'
import { check } from './error.ts'
import type { Path } from './native.ts'

/**
 * open_tree(2): opens a mount, or with OPEN_TREE_CLONE a copy of it that is attached nowhere. Linux 5.2.
 *
 * @param flags OPEN_TREE_CLONE, AT_RECURSIVE (with the mounts below), AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW,
 * AT_NO_AUTOMOUNT. The descriptor is always close-on-exec.
 * @returns the descriptor (O_PATH).
 * @throws SyscallError ENOENT, EINVAL (an unbindable mount), EPERM, ENOSYS.
 */
export async function openTree(dirfd: number, path: Path, flags = 0): Promise<number> {
  const args = [checkDirfd(dirfd), checkBytes(path, 'path'), openTreeFlags(flags)] as const
  return check(await binding().openTree(...args), 'open_tree', { path })
}

/** {@link openTree} on the calling thread. */
export function openTreeSync(dirfd: number, path: Path, flags = 0): number {
  const args = [checkDirfd(dirfd), checkBytes(path, 'path'), openTreeFlags(flags)] as const
  return check(binding().openTreeSync(...args), 'open_tree', { path })
}

function openTreeFlags(flags: number): number {
  return (checkFlags(flags) | OPEN_TREE_CLOEXEC) >>> 0
}

/**
 * move_mount(2): attaches a detached mount, or moves an attached one. Linux 5.2.
 *
 * @param fromDirfd the mount's descriptor, with an empty `fromPath` and MOVE_MOUNT_F_EMPTY_PATH; or where a relative
 * `fromPath` begins.
 * @param flags MOVE_MOUNT_*. Links at the end of a path are followed only where these say so.
 * @throws SyscallError EINVAL, ENOENT, ELOOP, EPERM, ENOSYS.
 */
export async function moveMount(
  fromDirfd: number,
  fromPath: Path,
  toDirfd: number,
  toPath: Path,
  flags: number,
): Promise<void> {
  const args = moveArguments(fromDirfd, fromPath, toDirfd, toPath, flags)
  check(await binding().moveMount(...args), 'move_mount', { path: fromPath, dest: toPath })
}

/** {@link moveMount} on the calling thread. */
export function moveMountSync(
  fromDirfd: number,
  fromPath: Path,
  toDirfd: number,
  toPath: Path,
  flags: number,
): void {
  const args = moveArguments(fromDirfd, fromPath, toDirfd, toPath, flags)
  check(binding().moveMountSync(...args), 'move_mount', { path: fromPath, dest: toPath })
}

function moveArguments(
  fromDirfd: number,
  fromPath: Path,
  toDirfd: number,
  toPath: Path,
  flags: number,
): [number, Path, number, Path, number] {
  return [
    checkDirfd(fromDirfd, 'fromDirfd'),
    checkBytes(fromPath, 'fromPath'),
    checkDirfd(toDirfd, 'toDirfd'),
    checkBytes(toPath, 'toPath'),
    checkFlags(flags),
  ]
}

/** What mount_setattr(2) changes. */
export interface MountAttributes {
  /** MOUNT_ATTR_* to set. */
  set?: bigint
  /** MOUNT_ATTR_* to clear first. */
  clear?: bigint
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE. */
  propagation?: bigint
  /** A user namespace's descriptor, for MOUNT_ATTR_IDMAP. */
  usernsFd?: number
}

/**
 * mount_setattr(2): changes a mount, and with AT_RECURSIVE all mounts below, wholly or not at all. Linux 5.12.
 *
 * @param flags AT_EMPTY_PATH (then `dirfd` is the mount's descriptor), AT_RECURSIVE, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT.
 * @throws SyscallError EINVAL (no mount there, or attributes that exclude each other), EPERM (locked in a user
 * namespace), EBUSY (read-only asked while a file is open for writing), ENOSYS.
 */
export async function mountSetattr(
  dirfd: number,
  path: Path,
  flags: number,
  attributes: MountAttributes,
): Promise<void> {
  const args = setattrArguments(dirfd, path, flags, attributes)
  check(await binding().mountSetattr(...args), 'mount_setattr', { path })
}

/** {@link mountSetattr} on the calling thread. */
export function mountSetattrSync(
  dirfd: number,
  path: Path,
  flags: number,
  attributes: MountAttributes,
): void {
  const args = setattrArguments(dirfd, path, flags, attributes)
  check(binding().mountSetattrSync(...args), 'mount_setattr', { path })
}

function setattrArguments(
  dirfd: number,
  path: Path,
  flags: number,
  attributes: MountAttributes,
): [number, Path, number, bigint, bigint, bigint, number] {
  const { set = 0n, clear = 0n, propagation = 0n, usernsFd = 0 } = checkOptions(attributes, 'attributes')
  return [
    checkDirfd(dirfd),
    checkBytes(path, 'path'),
    checkFlags(flags),
    checkBigint(set, 'attributes.set'),
    checkBigint(clear, 'attributes.clear'),
    checkBigint(propagation, 'attributes.propagation'),
    checkFd(usernsFd, 'attributes.usernsFd'),
  ]
}
