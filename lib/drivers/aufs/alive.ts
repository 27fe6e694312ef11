import { lstat, readdir, readlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findMount, splitOptions } from '../../mount/index.ts'
import { unless } from '../../store/index.ts'
import {
  aufsBranches,
  aufsUnions,
  mountinfo,
  type MountinfoEntry,
  readFile,
  unescapeBytes,
} from '../../sys/index.ts'

/** The directory with one file for each layer that was mounted writable: the name of its union, as sysfs has it. */
export const UNIONS = 'unions'

/** A process that sees a union on some writable branch. */
export interface LiveMount {
  readonly pid: number
  readonly mountPoint: string
}

/** A union that some mount table shows. */
interface Visible extends LiveMount {
  /** As in sysfs. */
  readonly name: string
  /** A path to it from here. */
  readonly path: string
}

const GONE = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'] as const

/**
 * Whether the kernel has a union whose first branch is this directory, writable: mounted in any namespace, or detached
 * and kept by a descriptor or a working directory. Mounting it a second time would succeed, and corrupt it.
 *
 * sysfs names every union, and would tell its branches; but reading that of a union that is just being unmounted crashes
 * the kernel. So only the names are taken from there. Those that are mounted somewhere are asked themselves; one
 * that is mounted nowhere is known by the name that was written down when it was made. That leaves one gap: a union that
 * another program made, and that was detached while in use.
 */
export async function isAlive(diff: string): Promise<boolean> {
  const names = await unionNames()
  if (names?.size === 0) return false
  const here = await visibleHere()
  if (await anyOn(diff, here)) return true
  const hidden = names && without(names, here)
  if (hidden?.size === 0) return false
  const elsewhere = await visibleElsewhere()
  if (await anyOn(diff, elsewhere)) return true
  return hidden !== undefined && stays(diff, without(hidden, elsewhere))
}

/** Who sees unions on a directory, for people. */
export async function findLiveMounts(diff: string): Promise<LiveMount[]> {
  const found: LiveMount[] = []
  for (const union of [...(await visibleHere()), ...(await visibleElsewhere())]) {
    if (await isOn(diff, union)) found.push({ pid: union.pid, mountPoint: union.mountPoint })
  }
  return found
}

/** Writes down which union a layer was given. */
export async function recordUnion(diff: string, target: string): Promise<void> {
  const words = splitOptions(unescapeBytes((await findMount(target))?.superOptions ?? ''))
  const name = nameIn(words)
  if (name !== undefined) await writeFile(recordOf(diff), `${name}\n`, { mode: 0o600 })
}

async function recordedUnion(diff: string): Promise<string | undefined> {
  const record = await unless(readFile(recordOf(diff), 256), ['ENOENT', 'ELOOP', 'EFBIG'], undefined)
  return record?.toString('latin1').trimEnd()
}

function recordOf(diff: string): string {
  return join(dirname(dirname(diff)), UNIONS, basename(diff))
}

/** Undefined where the kernel does not show unions in sysfs, or there is no sysfs here. */
async function unionNames(): Promise<Set<string> | undefined> {
  const names = await unless(aufsUnions(), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined)
  return names && new Set(names)
}

function without(names: ReadonlySet<string>, unions: readonly Visible[]): Set<string> {
  const left = new Set(names)
  for (const { name } of unions) left.delete(name)
  return left
}

/** A union that is being made or taken down is mounted nowhere for a moment, too. */
const PATIENCE_MS = [5, 10, 20, 40, 80, 160, 320, 640]

/** Whether the union that was written down for a layer is mounted nowhere and does not end either. */
async function stays(diff: string, hidden: ReadonlySet<string>): Promise<boolean> {
  const name = await recordedUnion(diff)
  if (name === undefined || !hidden.has(name)) return false
  for (const ms of PATIENCE_MS) {
    await sleep(ms)
    if ((await unionNames())?.has(name) !== true) return false
    // The number may have been given to another union meanwhile, which has its own mount point.
    const shown = [...(await visibleHere()), ...(await visibleElsewhere())].filter(
      (union) => union.name === name,
    )
    if (shown.length > 0) return anyOn(diff, shown)
  }
  return true
}

async function anyOn(diff: string, unions: readonly Visible[]): Promise<boolean> {
  for (const union of unions) if (await isOn(diff, union)) return true
  return false
}

async function isOn(diff: string, { mountPoint, name, path }: Visible): Promise<boolean> {
  // The mount point of another layer of the same store was checked when it was mounted.
  const mnt = join(dirname(dirname(diff)), 'mnt')
  if (path === mountPoint && dirname(path) === mnt && basename(path) !== basename(diff)) return false
  // One that is gone meanwhile, or covered by another mount, tells nothing.
  const asked = unless(aufsBranches(path), [...GONE, 'ENOTTY', 'ENOTDIR', 'ELOOP'], [])
  // ESTALE: a branch of it was deleted below it.
  const branches = await unless(asked, ['ESTALE'], undefined)
  if (branches === undefined) return name === (await recordedUnion(diff))
  const [first] = branches
  return first !== undefined && /^rw\b/.test(first.permission) && isSame(first.path, diff)
}

/** The same directory may have been mounted by another name of its root; the last part, the id, is the same then. */
async function isSame(path: string, diff: string): Promise<boolean> {
  if (path === diff) return true
  if (basename(path) !== basename(diff)) return false
  const [one, other] = await Promise.all([
    unless(lstat(path, { bigint: true }), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined),
    lstat(diff, { bigint: true }),
  ])
  return one !== undefined && one.dev === other.dev && one.ino === other.ino
}

async function visibleHere(): Promise<Visible[]> {
  return visibleIn(await mountinfo(), process.pid, '')
}

/** Those of all other mount namespaces whose processes may be looked at. */
async function visibleElsewhere(): Promise<Visible[]> {
  const found: Visible[] = []
  const seen = new Set([await readlink('/proc/self/ns/mnt').catch(() => undefined)])
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const namespace = await readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)
    if (namespace === undefined || seen.has(namespace)) continue
    seen.add(namespace)
    const table = await unless(mountinfo(`/proc/${pid}/mountinfo`), GONE, [])
    found.push(...visibleIn(table, Number(pid), `/proc/${pid}/root`))
  }
  return found
}

function visibleIn(table: Iterable<MountinfoEntry>, pid: number, above: string): Visible[] {
  const found: Visible[] = []
  for (const entry of table) {
    if (entry.type !== 'aufs') continue
    const { mountPoint } = entry
    const name = nameIn(splitOptions(unescapeBytes(entry.superOptions))) ?? ''
    found.push({ pid, mountPoint, name, path: `${above}${mountPoint}` })
  }
  return found
}

function nameIn(words: readonly string[]): string | undefined {
  const word = words.find((each) => each.startsWith('si='))
  return word && `si_${word.slice(3)}`
}
