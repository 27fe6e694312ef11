import { constants } from 'node:fs'
import { chmod, chown, lstat, mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import {
  AT_FDCWD,
  getxattr,
  listxattr,
  RENAME_EXCHANGE,
  renameat2,
  setxattr,
  SyscallError,
} from '../sys/index.ts'

/** The code of an error of a system call, ours or Node's. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Answers `otherwise` where the promise fails with one of these codes. */
export async function unless<T, O>(
  promise: Promise<T>,
  codes: readonly string[],
  otherwise: O,
): Promise<T | O> {
  try {
    return await promise
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return otherwise
    throw error
  }
}

/** Whether something is there, links not followed. */
export async function present(path: string): Promise<boolean> {
  return (await unless(lstat(path), ['ENOENT'], undefined)) !== undefined
}

/** The names in a directory, sorted by bytes; none where it is missing. */
export async function namesIn(path: string): Promise<string[]> {
  const names = await unless(readdir(path), ['ENOENT'], [])
  return names.sort()
}

/** Whether a path is a directory, links not followed. */
export async function isDirectory(path: string): Promise<boolean> {
  return (await unless(lstat(path), ['ENOENT'], undefined))?.isDirectory() === true
}

/**
 * Makes a directory unless it is there.
 *
 * @returns whether it was made.
 * @throws SyscallError ENOTDIR where something else is there, a link to a directory included: what is deleted in it would be
 * somebody else's.
 */
export async function ensureDirectory(path: string, mode = 0o700): Promise<boolean> {
  for (;;) {
    const made = await unless(
      mkdir(path, mode).then(() => true),
      ['EEXIST'],
      false,
    )
    if (made) return true
    const found = await unless(lstat(path), ['ENOENT'], undefined)
    if (found?.isDirectory() === true) return false
    if (found !== undefined) {
      const detail = 'it has to be a directory, and no link to one'
      throw new SyscallError('ENOTDIR', 'mkdir', { path, detail })
    }
    // Another process took it away between the two calls, as the index of a parent goes with its last child.
  }
}

/** rmdir(2), content with a directory that is not there. Anything in it stays: ENOTEMPTY. */
export async function removeEmptyDirectory(path: string): Promise<void> {
  await unless(rmdir(path), ['ENOENT'], undefined)
}

/** unlink(2), content with a file that is not there. */
export async function removeFile(path: string): Promise<void> {
  await unless(unlink(path), ['ENOENT'], undefined)
}

/** fsync(2) of a directory: the names in it survive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Writes a new file whole; refuses one that is there (EEXIST). With `sync`, it is on disk before this answers. */
export async function writeNewFile(path: string, text: string, sync: boolean, mode = 0o600): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(text)
    if (sync) await file.sync()
  } finally {
    await file.close()
  }
}

/** xattrs that are a union's bookkeeping, or describe the one file: a new layer's directory takes none of them. */
const BOOKKEEPING = /^(trusted|user)\.overlay\.|^trusted\.aufs\./

/**
 * Gives directory `to` the owner, mode and xattrs of directory `from`. An owner that this process may not give away
 * stays its own.
 */
export async function copyDirectoryAttributes(from: string, to: string): Promise<void> {
  const { uid, gid, mode } = await lstat(from)
  await chownIfAllowed(to, uid, gid)
  for (const name of await unless(listxattr(from, { nofollow: true }), ['ENOTSUP'], [])) {
    if (BOOKKEEPING.test(name)) continue
    await setxattr(to, name, await getxattr(from, name, { nofollow: true }), { nofollow: true })
  }
  await chmod(to, mode & 0o7777)
}

/** What the root of a base layer is like: 0755, and root's where this process may say so. */
export async function setBaseAttributes(path: string): Promise<void> {
  await chownIfAllowed(path, 0, 0)
  await chmod(path, 0o755)
}

/** Puts `fresh` in the place of `old`, which is empty, at one instant; `fresh` is the old one afterwards, or gone. */
export async function exchange(fresh: string, old: string): Promise<void> {
  try {
    await renameat2(AT_FDCWD, fresh, AT_FDCWD, old, RENAME_EXCHANGE)
  } catch (error) {
    // A filesystem without RENAME_EXCHANGE: rename(2) replaces empty directories.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOSYS') throw error
    await rename(fresh, old)
  }
}

/** chown(2); an ordinary user keeps what he makes. */
export async function chownIfAllowed(path: string, uid: number, gid: number): Promise<void> {
  const now = await lstat(path)
  if (now.uid === uid && now.gid === gid) return
  if (process.geteuid?.() === 0) await chown(path, uid, gid)
}

/** Node's own error of a failed system call in our form, with a word on what to do. */
export function explained(error: unknown, detail: string): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error
  const { syscall, path } = error as NodeJS.ErrnoException
  return new SyscallError(error.errno, syscall ?? 'open', { path, detail, cause: error })
}
