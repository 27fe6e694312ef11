import { lstatSync } from 'node:fs'
import { chmod, type FileHandle, lstat } from 'node:fs/promises'
import { tell } from '../sys/events.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { Layout } from './layout.ts'
import { corruptContents } from './metadata.ts'

/** More than root with a group that may pass through has: others could enter, or the group could look or write. */
const LOOSE = 0o067
const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

function unsafe(path: string, fault: string): GraphDriverError {
  return new GraphDriverError(
    'ERR_STORE_UNSAFE',
    `${path} cannot be part of a store: ${fault}. Another user could put his own files in the place of a layer's`,
    { path },
  )
}

function checkOwner(path: string, uid: number): void {
  if (uid === process.geteuid?.()) return
  throw unsafe(
    path,
    `it belongs to user ${String(uid)}, not to user ${String(process.geteuid?.())} who opens it`,
  )
}

/**
 * Refuses a root in which others could rename the store's own directories: one of another user but root, or one that others may write
 * to without the sticky bit. Other modes are its owner's business: the directories in it are closed.
 *
 * @throws GraphDriverError ERR_STORE_UNSAFE
 */
export async function checkRootOwner(root: string): Promise<void> {
  const { uid, mode } = await lstat(root)
  if (uid !== 0) checkOwner(root, uid)
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw unsafe(root, `its mode ${octal(mode)} lets others write in it (chmod go-w would do)`)
  }
}

/**
 * Closes a directory of a store to other users: what is in a layer may be anything, programs that run as root included. One that
 * only lets a group pass through stays as it is.
 *
 * @throws GraphDriverError ERR_STORE_UNSAFE for a directory of another user: he could open it again.
 */
export async function closeToOthers(path: string): Promise<void> {
  const { uid, mode } = await lstat(path)
  checkOwner(path, uid)
  if ((mode & LOOSE) === 0) return
  await chmod(path, 0o700)
  const message = `${path} had the mode ${octal(mode)}; it was closed to other users (0700)`
  tell('warning', () => ({ code: 'CLOSED_TO_OTHERS', message, path }))
}

/**
 * Closes the lock file: who can read it can hold every lock, for ever.
 *
 * @throws GraphDriverError ERR_STORE_UNSAFE for what is no plain file of its own, or belongs to another user.
 */
export async function closeLock(path: string, file: FileHandle): Promise<void> {
  const stats = await file.stat()
  if (!stats.isFile()) throw unsafe(path, 'it is no plain file')
  checkOwner(path, stats.uid)
  if ((stats.mode & 0o077) === 0) return
  // Its mode would be that of somebody's file.
  if (stats.nlink > 1) throw unsafe(path, 'it has another name, too, and is not closed to other users')
  await file.chmod(0o600)
  const message = `${path} had the mode ${octal(stats.mode)}; it was closed to other users (0600)`
  tell('warning', () => ({ code: 'CLOSED_TO_OTHERS', message, path }))
}

/** Ancestors whose contents were a directory when an instance first met them. */
const trusted = new WeakMap<Layout, Set<string>>()

/**
 * Refuses a layer when its contents, or those of an ancestor, are a link, or no directory: what is there is somebody else's, and a
 * union would show it. Contents that are missing are another fault.
 *
 * An ancestor is looked at once an instance: a look takes microseconds, and a hundred of them as long as half a mount. Once a store is
 * open, nobody but its owner can put anything there.
 *
 * @throws GraphDriverError ERR_LAYER_CORRUPT
 */
export function refuseForeignContents(layout: Layout, id: string, ancestors: readonly string[]): void {
  const known = trusted.get(layout) ?? new Set()
  trusted.set(layout, known)
  for (const one of [id, ...ancestors]) {
    if (one !== id && known.has(one)) continue
    if (isOtherThanDirectory(layout.diff(one))) {
      throw corruptContents(layout, one, 'are a link, or no directory')
    }
    known.add(one)
  }
}

/** Whether something else than a directory is there: a link to one, too. */
export function isOtherThanDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false
}

/** Whether nothing is there, links not followed. On the calling thread: what was looked at just now takes no disk. */
export function isAbsent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}

function octal(mode: number): string {
  return `0${(mode & 0o7777).toString(8)}`
}
