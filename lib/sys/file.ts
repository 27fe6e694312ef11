import {
  checkBigint,
  checkDirfd,
  checkFd,
  checkFlags,
  checkInteger,
  checkOptions,
  checkPath,
} from './arguments.ts'
import { binding } from './binding.ts'
import { AT_FDCWD, O_CLOEXEC } from './constants.ts'
import { check } from './error.ts'
import type { Path } from './native.ts'

/** A path below a directory's descriptor. */
export interface PathAt {
  readonly dirfd: number
  readonly path: Path
}

/** The descriptor and the path of one or the other form. */
export function splitAt(at: Path | PathAt): [dirfd: number, path: Path] {
  if (typeof at !== 'object' || (at as unknown) === null || at instanceof Uint8Array)
    return [AT_FDCWD, checkPath(at)]
  return [checkDirfd(at.dirfd), checkPath(at.path)]
}

/** struct open_how of openat2(2). */
export interface OpenHow {
  /** O_*; O_CLOEXEC is always added. The default is 0 (O_RDONLY). */
  flags?: number
  /** Permissions of a file that is made. */
  mode?: number
  /** RESOLVE_*. */
  resolve?: number
}

function openArguments(
  dirfd: number,
  path: Path,
  how: OpenHow | undefined,
): [number, Path, number, number, number] {
  const { flags = 0, mode = 0, resolve = 0 } = checkOptions(how, 'how')
  return [
    checkDirfd(dirfd),
    checkPath(path),
    (checkFlags(flags, 'how.flags') | O_CLOEXEC) >>> 0,
    checkInteger(mode, 'how.mode', 0, 0o7777),
    checkFlags(resolve, 'how.resolve'),
  ]
}

/**
 * openat2(2): opens a file, with a say in how the path may be resolved. Linux 5.6.
 *
 * @returns a descriptor, close-on-exec; give it back by {@link close}.
 * @throws SyscallError EXDEV (RESOLVE_NO_XDEV, RESOLVE_BENEATH), ELOOP (RESOLVE_NO_SYMLINKS), ENOENT, EINVAL (an unknown
 * flag), ENOSYS.
 */
export async function openat2(dirfd: number, path: Path, how?: OpenHow): Promise<number> {
  return check(await binding().openat2(...openArguments(dirfd, path, how)), 'openat2', { path })
}

/** {@link openat2} on the calling thread. */
export function openat2Sync(dirfd: number, path: Path, how?: OpenHow): number {
  return check(binding().openat2Sync(...openArguments(dirfd, path, how)), 'openat2', { path })
}

/**
 * close(2): gives a descriptor back, also one that this package made.
 *
 * @throws SyscallError EBADF; EIO, ENOSPC, EDQUOT (what was written earlier is lost; the descriptor is closed all the same).
 */
export async function close(fd: number): Promise<void> {
  check(await binding().close(checkFd(fd)), 'close')
}

/** {@link close} on the calling thread. */
export function closeSync(fd: number): void {
  check(binding().closeSync(checkFd(fd)), 'close')
}

/**
 * mkdirat(2): makes a directory; the umask applies.
 *
 * @throws SyscallError EEXIST, ENOENT, ENOTDIR, EACCES, EROFS, ENOSPC.
 */
export async function mkdirat(dirfd: number, path: Path, mode = 0o777): Promise<void> {
  const args = [checkDirfd(dirfd), checkPath(path), checkInteger(mode, 'mode', 0, 0o7777)] as const
  check(await binding().mkdirat(...args), 'mkdirat', { path })
}

/** {@link mkdirat} on the calling thread. */
export function mkdiratSync(dirfd: number, path: Path, mode = 0o777): void {
  const args = [checkDirfd(dirfd), checkPath(path), checkInteger(mode, 'mode', 0, 0o7777)] as const
  check(binding().mkdiratSync(...args), 'mkdirat', { path })
}

/**
 * unlinkat(2): takes a name away, or with AT_REMOVEDIR an empty directory.
 *
 * @throws SyscallError ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EBUSY (a mount point), EACCES, EROFS.
 */
export async function unlinkat(dirfd: number, path: Path, flags = 0): Promise<void> {
  const args = [checkDirfd(dirfd), checkPath(path), checkFlags(flags)] as const
  check(await binding().unlinkat(...args), 'unlinkat', { path })
}

/** {@link unlinkat} on the calling thread. */
export function unlinkatSync(dirfd: number, path: Path, flags = 0): void {
  const args = [checkDirfd(dirfd), checkPath(path), checkFlags(flags)] as const
  check(binding().unlinkatSync(...args), 'unlinkat', { path })
}

function renameArguments(
  oldDirfd: number,
  oldPath: Path,
  newDirfd: number,
  newPath: Path,
  flags: number,
): [number, Path, number, Path, number] {
  return [
    checkDirfd(oldDirfd, 'oldDirfd'),
    checkPath(oldPath, 'oldPath'),
    checkDirfd(newDirfd, 'newDirfd'),
    checkPath(newPath, 'newPath'),
    checkFlags(flags),
  ]
}

/**
 * renameat2(2): renames; RENAME_NOREPLACE replaces nothing, RENAME_EXCHANGE swaps two names at one instant.
 *
 * @throws SyscallError EEXIST (RENAME_NOREPLACE), ENOENT, EXDEV, ENOTEMPTY, EBUSY, EINVAL (the filesystem knows no
 * such flag).
 */
export async function renameat2(
  oldDirfd: number,
  oldPath: Path,
  newDirfd: number,
  newPath: Path,
  flags = 0,
): Promise<void> {
  const args = renameArguments(oldDirfd, oldPath, newDirfd, newPath, flags)
  check(await binding().renameat2(...args), 'renameat2', { path: oldPath, dest: newPath })
}

/** {@link renameat2} on the calling thread. */
export function renameat2Sync(
  oldDirfd: number,
  oldPath: Path,
  newDirfd: number,
  newPath: Path,
  flags = 0,
): void {
  const args = renameArguments(oldDirfd, oldPath, newDirfd, newPath, flags)
  check(binding().renameat2Sync(...args), 'renameat2', { path: oldPath, dest: newPath })
}

function nodeArguments(
  dirfd: number,
  path: Path,
  mode: number,
  major: number,
  minor: number,
): [number, Path, number, number, number] {
  return [
    checkDirfd(dirfd),
    checkPath(path),
    checkInteger(mode, 'mode', 0, 0o177777),
    checkFlags(major, 'major'),
    checkFlags(minor, 'minor'),
  ]
}

/**
 * mknodat(2): makes a device, a fifo, a socket or an empty file; the umask applies.
 *
 * @param mode type (S_IFCHR, S_IFBLK, S_IFIFO, …) and permissions.
 * @throws SyscallError EEXIST, EPERM, ENOENT, EINVAL.
 */
export async function mknodat(dirfd: number, path: Path, mode: number, major = 0, minor = 0): Promise<void> {
  check(await binding().mknodat(...nodeArguments(dirfd, path, mode, major, minor)), 'mknodat', { path })
}

/** {@link mknodat} on the calling thread. */
export function mknodatSync(dirfd: number, path: Path, mode: number, major = 0, minor = 0): void {
  check(binding().mknodatSync(...nodeArguments(dirfd, path, mode, major, minor)), 'mknodat', { path })
}

function timeArguments(
  dirfd: number,
  path: Path,
  atime: bigint | null,
  mtime: bigint | null,
  flags: number,
): [number, Path, bigint | null, bigint | null, number] {
  return [
    checkDirfd(dirfd),
    checkPath(path),
    atime === null ? null : checkBigint(atime, 'atime', true),
    mtime === null ? null : checkBigint(mtime, 'mtime', true),
    checkFlags(flags),
  ]
}

/**
 * utimensat(2): sets times to the nanosecond, also those of a link (AT_SYMLINK_NOFOLLOW).
 *
 * @param atime last access in nanoseconds since 1970; null leaves it as it is.
 * @param mtime last change in nanoseconds since 1970; null leaves it as it is.
 * @throws SyscallError ENOENT, EPERM, EACCES, EROFS.
 */
export async function utimensat(
  dirfd: number,
  path: Path,
  atime: bigint | null,
  mtime: bigint | null,
  flags = 0,
): Promise<void> {
  check(await binding().utimensat(...timeArguments(dirfd, path, atime, mtime, flags)), 'utimensat', { path })
}

/** {@link utimensat} on the calling thread. */
export function utimensatSync(
  dirfd: number,
  path: Path,
  atime: bigint | null,
  mtime: bigint | null,
  flags = 0,
): void {
  check(binding().utimensatSync(...timeArguments(dirfd, path, atime, mtime, flags)), 'utimensat', { path })
}

/**
 * syncfs(2): writes the whole filesystem that a descriptor is on to its disk.
 *
 * @throws SyscallError EBADF, EIO, ENOSPC.
 */
export async function syncfs(fd: number): Promise<void> {
  check(await binding().syncfs(checkFd(fd)), 'syncfs')
}

/** {@link syncfs} on the calling thread. */
export function syncfsSync(fd: number): void {
  check(binding().syncfsSync(checkFd(fd)), 'syncfs')
}

function readArguments(at: Path | PathAt, limit: number): [number, Path, number] {
  return [...splitAt(at), checkInteger(limit, 'limit', 0, 0x7fffffff)]
}

/**
 * Reads a small file whole, in one job: open (a link at the end is refused), read, close.
 *
 * @param limit most bytes that it may have.
 * @throws SyscallError EFBIG (more bytes than `limit`), ELOOP (a link), ENOENT, EISDIR, EACCES.
 */
export async function readFile(at: Path | PathAt, limit: number): Promise<Buffer> {
  const args = readArguments(at, limit)
  return toBuffer(check(await binding().readFile(...args), 'open', { path: args[1] }))
}

/** {@link readFile} on the calling thread. */
export function readFileSync(at: Path | PathAt, limit: number): Buffer {
  const args = readArguments(at, limit)
  return toBuffer(check(binding().readFileSync(...args), 'open', { path: args[1] }))
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
