import { constants } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findMount, splitOptions } from '../../mount/index.ts'
import { namesIn, unless } from '../../store/index.ts'
import {
  AT_FDCWD,
  AUFS_PLINK_MAINT,
  aufsBranches,
  aufsFlush,
  close,
  O_NOFOLLOW,
  openat2,
  SyscallError,
  unescapeBytes,
} from '../../sys/index.ts'
import type { LayerPaths } from '../driver.ts'
import { patiently } from '../patience.ts'

/**
 * The pseudo-links of aufs. A file with several names in a lower layer, written through one of them, is copied up by that name; that the
 * others are the same file is only remembered, in memory, until the union is unmounted. Until they are flushed, a layer's directory does not
 * tell what has changed, and unmounted the others show the old content again.
 */
const LINKS = '.wh..wh.plnk'

/** `<inode in the union>.<inode in the branch>` */
const LINK = /^\d+\.\d+$/

/** 'names': every name is given its place, and who works in the union is not disturbed. 'all': the kernel forgets them, too. */
export type FlushKind = 'names' | 'all'

async function linksIn(diff: string): Promise<string[]> {
  const names = await unless(namesIn(join(diff, LINKS)), ['ENOTDIR', 'EACCES'], [])
  return names.filter((name) => LINK.test(name))
}

/**
 * Flushes the pseudo-links of a layer's union, if there are any: what costs nothing is asked first.
 *
 * @throws SyscallError as aufsFlush, when names are left without their place.
 */
export async function flushLinks({ diff, target }: LayerPaths, kind: FlushKind): Promise<void> {
  if ((await linksIn(diff)).length === 0) return
  const union = await openUnion(target)
  if (union === undefined) return
  try {
    await flushUnion(union, kind)
  } finally {
    await close(union)
  }
}

/** Keeps the union there while it is asked and walked. */
async function openUnion(target: string): Promise<number | undefined> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | O_NOFOLLOW
  return unless(openat2(AT_FDCWD, target, { flags }), ['ENOENT', 'ENOTDIR', 'ELOOP'], undefined)
}

async function flushUnion(union: number, kind: FlushKind): Promise<void> {
  const at = { dirfd: union, path: '.' }
  // What is no union of aufs has no pseudo-links, and what has no writable branch makes none.
  const found = await unless(aufsBranches(at), ['ENOTTY'], [])
  const branches = found.filter(({ permission }) => /^rw\b/.test(permission)).map(({ path }) => path)
  if (branches.length === 0) return
  const si = kind === 'all' ? await numberOf(union) : undefined
  try {
    // Somebody else (auplink) may have it in maintenance.
    await patiently(['EAGAIN', 'EBUSY'], () => aufsFlush(at, { branches, ...(si !== undefined && { si }) }))
  } catch (error) {
    if (!isHarmless(error)) throw error
  }
}

/** All names are in their place; what the kernel still remembers ends with the union, and its files go before the next mount. */
function isHarmless(error: unknown): boolean {
  return error instanceof SyscallError && error.path === AUFS_PLINK_MAINT
}

async function numberOf(union: number): Promise<string | undefined> {
  const entry = await findMount(`/proc/self/fd/${String(union)}`)
  const words = splitOptions(unescapeBytes(entry?.superOptions ?? ''))
  return words.find((word) => word.startsWith('si='))?.slice('si='.length)
}

/**
 * Deletes what a union left that ended without a flush (a crash): no kernel knows any more what these files were for, and they keep the
 * contents of files that were deleted. Nothing may be mounted on these contents.
 */
export async function dropLinks(diff: string): Promise<void> {
  for (const name of await linksIn(diff)) await unless(unlink(join(diff, LINKS, name)), ['ENOENT'], undefined)
}
