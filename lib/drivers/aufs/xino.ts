import { createHash, randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, namesIn, present, unless } from '../../store/index.ts'
import { tell } from '../../sys/events.ts'
import {
  EXT4_SUPER_MAGIC,
  F2FS_SUPER_MAGIC,
  GraphDriverError,
  ST_RDONLY,
  statfs,
  TMPFS_MAGIC,
} from '../../sys/index.ts'
import { filesystemName } from '../filesystems.ts'
import { hazardIn } from './options.ts'

/** au_test_fs_bad_xino() in fs/aufs/fstype.h refuses all others, or they are known to fail. */
const TAKEN: readonly number[] = [TMPFS_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC]

/** A table has 8 bytes for each inode number of a branch's filesystem, those that are used on a page each at the most. */
const LEAST_ROOM = 4 * 1024 * 1024

const PREFIX = '.graphdriver-'

/** Where this system keeps such things; others in tests. */
export interface XinoSystem {
  readonly run: string
  readonly shm: string
}

const SYSTEM: XinoSystem = { run: '/run/graphdriver', shm: '/dev/shm' }

/** Where the tables begin their life. */
export interface XinoPlace {
  /** Undefined: nowhere, so `noxino`. */
  readonly directory: string | undefined
  /** Why there, or why nowhere, for people. */
  readonly reason: string
  /** It goes when the instance is closed. */
  readonly temporary: boolean
}

/**
 * Finds a directory that only this user can write, on a filesystem that aufs takes for its table: any user who can make a file of
 * the name that is asked for would stop every mount.
 *
 * @throws GraphDriverError ERR_DRIVER_PREREQUISITE for a directory that was asked for and cannot serve.
 */
export async function placeXino(
  root: string,
  wanted: string,
  system: XinoSystem = SYSTEM,
): Promise<XinoPlace> {
  if (wanted === 'none') return { directory: undefined, reason: 'none, as asked for', temporary: false }
  if (wanted !== 'auto') return placeAsked(wanted)
  const refused: string[] = []
  for (const directory of [system.run, join(root, 'xino')]) {
    const why = await refusal(directory)
    if (why === undefined) return { directory, reason: directory, temporary: false }
    refused.push(why)
  }
  const directory = join(system.shm, `${PREFIX}${String(process.pid)}-${randomBytes(8).toString('hex')}`)
  const why = await refusal(directory)
  if (why === undefined) return { directory, reason: directory, temporary: true }
  refused.push(why)
  return { directory: undefined, reason: `none (${refused.join('; ')})`, temporary: false }
}

/** Where the tables could begin their life, in the order in which `placeXino` tries, and what is against it. Nothing is made. */
export async function xinoCandidates(
  root: string,
  system: XinoSystem = SYSTEM,
): Promise<{ readonly directory: string; readonly fault: string | undefined; readonly freeBytes: number }[]> {
  const look = async (directory: string): Promise<Awaited<ReturnType<typeof xinoCandidates>>[number]> => {
    const place = (await present(directory)) ? directory : dirname(directory)
    const found = (await fault(place)) ?? (await wrongFilesystem(place))
    const stats = await unless(statfs(place), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined)
    return { directory, fault: found, freeBytes: stats === undefined ? 0 : stats.bavail * stats.bsize }
  }
  return Promise.all([system.run, join(root, 'xino'), system.shm].map(look))
}

async function placeAsked(directory: string): Promise<XinoPlace> {
  const why = (await fault(directory)) ?? (await wrongFilesystem(directory))
  if (why === undefined) return { directory, reason: directory, temporary: false }
  throw new GraphDriverError('ERR_DRIVER_PREREQUISITE', `aufs.xino cannot be used: ${why}`, {
    path: directory,
  })
}

/** Makes a directory of our own, and says why it cannot serve. */
async function refusal(directory: string): Promise<string | undefined> {
  // Asked of its parent first: where it cannot serve, nothing is made.
  const why = (await fault(dirname(directory))) ?? (await wrongFilesystem(dirname(directory)))
  if (why !== undefined) return why
  try {
    await mkdir(directory, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return `${directory} cannot be made: ${codeOf(error) ?? String(error)}`
  }
  return (await fault(directory)) ?? (await notOwn(directory)) ?? (await wrongFilesystem(directory))
}

async function fault(directory: string): Promise<string | undefined> {
  const bad = hazardIn(directory)
  if (bad !== undefined) return `${directory} holds ${bad}`
  const stats = await unless(lstat(directory), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined)
  if (stats === undefined) return `there is no ${directory}`
  return stats.isDirectory() ? undefined : `${directory} is no directory`
}

async function notOwn(directory: string): Promise<string | undefined> {
  const { uid, mode } = await lstat(directory)
  if (uid !== process.geteuid?.()) return `${directory} belongs to user ${String(uid)}`
  if ((mode & 0o077) !== 0) await chmod(directory, 0o700)
  return undefined
}

async function wrongFilesystem(directory: string): Promise<string | undefined> {
  const { type, flags, bavail, bsize, files, ffree } = await statfs(directory)
  if (!TAKEN.includes(type)) return `${directory} is on ${filesystemName(type)}, which aufs does not take`
  if (flags & ST_RDONLY) return `${directory} is read-only`
  if (bavail * bsize < LEAST_ROOM || (files > 0 && ffree === 0)) return `${directory} has no room left`
  return undefined
}

/** Whether aufs takes a directory's filesystem for its table. */
export async function takesXino(directory: string): Promise<boolean> {
  return (await wrongFilesystem(directory)) === undefined
}

/** Names for the tables of one instance: no two mounts that are made at the same time have the same. */
export class XinoNames {
  readonly #token = randomBytes(4).toString('hex')

  /** The file for the union on a directory: the same at each call, so that plans stay pure. */
  of(place: string, diff: string): string {
    const hash = createHash('sha256').update(diff).digest('hex').slice(0, 8)
    return join(place, `${String(process.pid)}-${this.#token}-${hash}`)
  }
}

/** Where a union is described that will be mounted elsewhere: a name that nobody guesses, where every Linux has a tmpfs. */
export const ASSUMED_PLACE = '/dev/shm'

const FILE = /^(\d+)-[0-9a-f]{8}-[0-9a-f]{8}$/
const DIRECTORY = /^\.graphdriver-(\d+)-[0-9a-f]{16}$/
/** A process of another PID namespace looks dead from here, and its file is there only while it mounts. */
const OLD_MS = 60_000

/** Deletes what dead processes left: the kernel unlinks a table at once, but it may be killed or lose power in between. */
export async function sweepXino(place: XinoPlace, system: XinoSystem = SYSTEM): Promise<void> {
  if (place.directory !== undefined) await sweepFiles(place.directory)
  for (const name of await namesIn(system.shm)) {
    const path = join(system.shm, name)
    if (!(await isDead(DIRECTORY.exec(name)?.[1])) || !(await isOwn(path))) continue
    await sweepFiles(path, 0)
    await unless(rmdir(path), ['ENOENT', 'ENOTEMPTY', 'ENOTDIR'], undefined)
  }
}

/** Deletes the directory of an instance that is being closed. */
export async function leaveXino(place: XinoPlace): Promise<void> {
  if (!place.temporary || place.directory === undefined) return
  await unless(rmdir(place.directory), ['ENOENT', 'ENOTEMPTY'], undefined)
}

async function sweepFiles(directory: string, age = OLD_MS): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (!(await isDead(FILE.exec(name)?.[1]))) continue
    const path = join(directory, name)
    const stats = await unless(lstat(path), ['ENOENT'], undefined)
    if (stats?.isFile() !== true || Date.now() - stats.mtimeMs < age) continue
    await unless(unlink(path), ['ENOENT'], undefined)
    tell('sweep', () => ({ what: 'xino', path }))
  }
}

async function isDead(pid: string | undefined): Promise<boolean> {
  return pid !== undefined && !(await present(`/proc/${pid}`))
}

async function isOwn(path: string): Promise<boolean> {
  const stats = await unless(lstat(path), ['ENOENT'], undefined)
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.()
}
