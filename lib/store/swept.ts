import { lstat, rename } from 'node:fs/promises'
import { readFile } from '../sys/index.ts'
import { removeFile, unless, writeNewFile } from './files.ts'
import type { Layout } from './layout.ts'
import { step } from './step.ts'

/**
 * The note of what was clean: the identity and times of each directory in which nothing was left over, so that a sweep need not read those
 * that did not change. Every name that comes or goes changes a directory's times (POSIX; kernel: inode_set_ctime_current), whoever did it.
 */
interface Note {
  /** Of which start of the machine: what a loss of power leaves has rules of its own, so then nothing counts. */
  readonly boot: string
  /** By name. */
  readonly directories: Readonly<Record<string, string>>
}

/**
 * Within one tick of a filesystem's clock a directory can change twice and show one time: a change of the last moments is not noted. The
 * coarsest clocks have two seconds.
 */
const TICK_MS = 2000
const LIMIT = 64 * 1024
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** How the note is no plain file, or not there, or how there is no room for one. It only saves time. */
const UNREADABLE = ['ENOENT', 'ELOOP', 'EISDIR', 'EINVAL', 'EFBIG', 'EACCES']
const UNWRITABLE = ['ENOSPC', 'EDQUOT', 'EISDIR', 'ENOTEMPTY', 'EEXIST']

/** Directories that may hold left-overs, and how to note that they hold none. */
export interface Unsure {
  /** Those that changed since they were last found clean. */
  readonly directories: string[]
  /** Notes that they were clean when they were looked at: not before they were read, and only when nothing was found in any. */
  noteClean(): Promise<void>
}

/**
 * Looks which directories of a store changed since they were last found clean.
 *
 * @param now milliseconds since 1970.
 */
export async function unsureOf(
  layout: Layout,
  names: readonly string[],
  now: number = Date.now(),
): Promise<Unsure> {
  const boot = (await unless(readFile(BOOT_ID, LIMIT), UNREADABLE, undefined))?.toString('latin1').trim()
  const note = await readNote(layout)
  const known = note !== undefined && note.boot === boot ? note.directories : {}
  const fresh: Record<string, string> = {}
  const directories: string[] = []
  for (const name of names) {
    const stats = await unless(lstat(layout.directory(name), { bigint: true }), ['ENOENT'], undefined)
    const state = stats && [stats.dev, stats.ino, stats.ctimeNs, stats.mtimeNs].join(' ')
    if (state === undefined || known[name] !== state) directories.push(name)
    const young = stats !== undefined && Number(stats.ctimeMs) > now - TICK_MS
    if (state !== undefined && !young) fresh[name] = state
  }
  const noteClean = async (): Promise<void> => {
    if (boot === undefined || Object.keys(fresh).length === 0) return
    await unless(writeNote(layout, { boot, directories: fresh }), UNWRITABLE, undefined)
  }
  return { directories, noteClean }
}

async function readNote(layout: Layout): Promise<Note | undefined> {
  const text = await unless(readFile(layout.swept, LIMIT), UNREADABLE, undefined)
  if (text === undefined) return undefined
  try {
    const { boot, directories } = JSON.parse(text.toString('utf8')) as Partial<Note>
    return typeof boot === 'string' && typeof directories === 'object' ? { boot, directories } : undefined
  } catch {
    // Cut by a loss of power, or never a note.
    return undefined
  }
}

/** Not synced: a note that is lost costs one sweep. The caller has the store's lock. */
async function writeNote(layout: Layout, note: Note): Promise<void> {
  const aside = `${layout.swept}.new`
  await removeFile(aside)
  await writeNewFile(aside, `${JSON.stringify(note, null, 2)}\n`, false)
  await rename(aside, layout.swept)
  await step('noted what is clean')
}
