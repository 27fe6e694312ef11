import { constants } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { checkOptions, checkPath, invalidType } from '../sys/arguments.ts'
import {
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  closeSync,
  isMountRoot,
  isMountRootSync,
  mountinfo,
  O_NOFOLLOW,
  O_PATH,
  openat2,
  RESOLVE_NO_XDEV,
  STATX_MNT_ID,
  STATX_MNT_ID_UNIQUE,
  statx,
  SyscallError,
} from '../sys/index.ts'
import type { MountinfoEntry, Path } from '../sys/index.ts'

/** How a path is looked at. */
export interface LookupOptions {
  /** Take a link at the end itself, not what it leads to. */
  nofollow?: boolean
}

function lookupFlags(options: LookupOptions): number {
  const { nofollow } = checkOptions(options)
  if (nofollow !== undefined && typeof nofollow !== 'boolean')
    throw invalidType('options.nofollow', 'of type boolean', nofollow)
  return AT_NO_AUTOMOUNT | (nofollow ? AT_SYMLINK_NOFOLLOW : 0)
}

/**
 * Is something mounted exactly here? It costs the same however many mounts there are, and triggers no automount.
 *
 * Asks statx(2) (Linux 5.8); where that does not know, openat2(2) (Linux 5.6); where that is missing too, the mount table.
 *
 * @param path a link at its end is followed, unless `nofollow` says otherwise: then it is no mount point.
 * @throws SyscallError ENOENT, ENOTDIR, EACCES, ELOOP.
 */
export async function isMountPoint(path: Path, options: LookupOptions = {}): Promise<boolean> {
  try {
    const root = await isMountRoot(path, lookupFlags(options))
    if (root !== undefined) return root
  } catch (error) {
    // What is mounted there has lost its own root, as a union whose branches were deleted: only the table still tells.
    const stale = error instanceof SyscallError && error.code === 'ESTALE'
    if (stale && (await isListed(await canonicalPath(path, { nofollow: true })))) return true
    throw error
  }
  const canonical = await canonicalPath(path, options)
  return (await crossesMount(canonical)) ?? (await isListed(canonical))
}

async function isListed(canonical: string): Promise<boolean> {
  return (await mountinfo()).byMountPoint(canonical) !== undefined
}

/**
 * {@link isMountPoint} on the calling thread: microseconds. Linux 5.8.
 *
 * @throws SyscallError as {@link isMountPoint}; ENOSYS where the kernel does not say.
 */
export function isMountPointSync(path: Path, options: LookupOptions = {}): boolean {
  const root = isMountRootSync(path, lookupFlags(options))
  if (root === undefined)
    throw new SyscallError('ENOSYS', 'statx', { path, detail: 'it tells no mount roots' })
  return root
}

/** The absolute path without links, `.` and `..`; with `nofollow` the last name stays as it is. */
export async function canonicalPath(path: Path, options: LookupOptions = {}): Promise<string> {
  // Only kernels before 5.8 come to this with bytes; a name that is no UTF-8 is not found there.
  const text = typeof path === 'string' ? path : Buffer.from(path).toString()
  const last = basename(text)
  if (!options.nofollow || last === '' || last === '.' || last === '..') return realpath(text)
  return join(await realpath(dirname(text)), last)
}

/**
 * Does the last step to this path lead into another mount? Undefined where the kernel has no openat2(2).
 *
 * @internal
 */
export async function crossesMount(canonical: string): Promise<boolean | undefined> {
  if (canonical === '/') return true
  let parent: number | undefined
  let child: number | undefined
  try {
    parent = await openat2(AT_FDCWD, dirname(canonical), { flags: O_PATH | constants.O_DIRECTORY })
    const how = { flags: O_PATH | O_NOFOLLOW, resolve: RESOLVE_NO_XDEV }
    child = await openat2(parent, basename(canonical), how)
    return false
  } catch (error) {
    const code = error instanceof SyscallError ? error.code : undefined
    if (code === 'EXDEV') return true
    // Seccomp filters that do not know a call answer EPERM.
    if (code === 'ENOSYS' || code === 'EPERM') return undefined
    throw error
  } finally {
    if (child !== undefined) closeSync(child)
    if (parent !== undefined) closeSync(parent)
  }
}

/**
 * Id of the mount that a path lies on, as in mountinfo. It is used again once the mount is gone. Linux 5.8.
 *
 * @throws SyscallError ENOENT, ENOTDIR, EACCES; ENOSYS where the kernel does not say.
 */
export async function mountIdOf(path: Path, options: LookupOptions = {}): Promise<number> {
  const { mountId } = await statx(path, { flags: lookupFlags(options), mask: STATX_MNT_ID })
  if (mountId === undefined) throw new SyscallError('ENOSYS', 'statx', { path, detail: 'no mount id' })
  return Number(mountId)
}

/**
 * Id of the mount that a path lies on, one that no other mount ever has. Linux 6.8.
 *
 * @throws SyscallError as {@link mountIdOf}.
 */
export async function uniqueMountIdOf(path: Path, options: LookupOptions = {}): Promise<bigint> {
  const seen = await statx(path, { flags: lookupFlags(options), mask: STATX_MNT_ID_UNIQUE })
  const { mountId } = seen
  if (mountId === undefined || !(seen.mask & STATX_MNT_ID_UNIQUE)) {
    throw new SyscallError('ENOSYS', 'statx', { path, detail: 'no unique mount id' })
  }
  return mountId
}

/** Which mounts {@link list} gives. */
export interface ListOptions {
  /** Only what is mounted at this path or below it: absolute, without links. */
  prefix?: string
}

/**
 * The mounts of this process's namespace, in the kernel's order.
 *
 * @throws SyscallError EACCES, ENOENT (no /proc).
 */
export async function list(options: ListOptions = {}): Promise<MountinfoEntry[]> {
  const { prefix } = checkOptions(options)
  if (prefix !== undefined) checkPath(prefix, 'options.prefix')
  const table = await mountinfo()
  if (prefix === undefined) return [...table]
  const inside = isBelow(latin1(prefix))
  return Array.from(table).filter((entry) => inside(entry.mountPointLatin1))
}

/**
 * The mount that a path lies on.
 *
 * @returns undefined when it is outside of what this process can see.
 * @throws SyscallError ENOENT, ENOTDIR, EACCES.
 */
export async function findMount(
  path: Path,
  options: LookupOptions = {},
): Promise<MountinfoEntry | undefined> {
  const { mountId } = await statx(path, { flags: lookupFlags(options), mask: STATX_MNT_ID })
  const table = await mountinfo()
  if (mountId !== undefined) return table.byId(Number(mountId))
  return deepest(table, latin1(await canonicalPath(path, options)))
}

/** Before Linux 5.8: the mount with the longest mount point that the path is below. */
function deepest(table: Iterable<MountinfoEntry>, path: string): MountinfoEntry | undefined {
  let found: MountinfoEntry | undefined
  let length = -1
  for (const entry of table) {
    const point = entry.mountPointLatin1
    if (point.length < length || !isBelow(point)(path)) continue
    found = entry
    length = point.length
  }
  return found
}

/** A path's bytes, one character a byte, as the mount table is compared. */
export function latin1(path: Path): string {
  return Buffer.from(path as string).toString('latin1')
}

/** Tells whether a path is `parent` or below it: `/a` holds `/a/b` and not `/ab`. */
export function isBelow(parent: string): (path: string) => boolean {
  const withSlash = parent.endsWith('/') ? parent : `${parent}/`
  return (path) => path === parent || path.startsWith(withSlash)
}
