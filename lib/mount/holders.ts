import { readdir, readFile, readlink } from 'node:fs/promises'
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as yieldToLoop } from 'node:timers/promises'

import { AT_NO_AUTOMOUNT, AT_STATX_DONT_SYNC, mountinfo, STATX_MNT_ID, statxSync } from '../sys/index.ts'
import type { MountinfoEntry, Path } from '../sys/index.ts'
import { findMount } from './lookup.ts'
import type { LookupOptions } from './lookup.ts'

/** A process that keeps a mount busy. */
export interface Holder {
  pid: number
  /** Its name, as in /proc/<pid>/comm. */
  command: string
  /**
   * What it holds: its working directory, its root, an open file, the program that it runs, a file in its memory; or
   * the mount itself, in its own mount namespace.
   */
  kind: 'cwd' | 'root' | 'fd' | 'exe' | 'map' | 'namespace'
  /** The file or directory that it holds; for a namespace, where the mount is there. */
  path: string
}

/** The mount as one mount namespace has it. */
interface Sought {
  readonly ids: ReadonlySet<bigint>
  readonly entries: readonly MountinfoEntry[]
}

const nothing: Sought = { ids: new Set(), entries: [] }

/** As many looks at a process's files as may be made before other work gets its turn. */
const looksInARow = 200

/**
 * The processes that keep a mount busy, as far as this process may look. Goes through /proc, so it costs time by the number
 * of processes and open files: for error messages and tools. A process in another mount namespace is named once a
 * namespace, as `namespace`, when its table has the mount too, and by what it holds there.
 *
 * @param target a path on the mount; a link at its end is followed, unless `nofollow` says otherwise.
 * @returns each process and thing; processes that end meanwhile, or that may not be looked at, are left out.
 * @throws SyscallError ENOENT, EACCES for the target itself.
 */
export async function holders(target: Path, options: LookupOptions = {}): Promise<Holder[]> {
  const wanted = await findMount(target, options)
  if (wanted === undefined) return []
  const namespaces = new Map<string, Sought>()
  const own = await readlink('/proc/self/ns/mnt').catch(() => 'own')
  namespaces.set(own, { ids: new Set([BigInt(wanted.id)]), entries: [] })
  const found: Holder[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const namespace = await readlink(`/proc/${name}/ns/mnt`).catch(() => undefined)
    if (namespace === undefined) continue
    let sought = namespaces.get(namespace)
    if (sought === undefined) {
      sought = await seek(name, wanted)
      namespaces.set(namespace, sought)
      for (const entry of sought.entries) found.push(await holder(name, 'namespace', entry.mountPoint))
    }
    if (sought.ids.size > 0) found.push(...(await holdsOf(name, sought.ids)))
  }
  return found
}

/** The mounts of another namespace that show the same directory of the same filesystem. */
async function seek(pid: string, wanted: MountinfoEntry): Promise<Sought> {
  const table = await mountinfo(`/proc/${pid}/mountinfo`).catch(() => undefined)
  if (table === undefined) return nothing
  const { major, minor, root, type } = wanted
  const same = (entry: MountinfoEntry): boolean =>
    entry.minor === minor && entry.major === major && entry.type === type && entry.root === root
  const entries = Array.from(table).filter(same)
  return { ids: new Set(entries.map((entry) => BigInt(entry.id))), entries }
}

async function holder(pid: string, kind: Holder['kind'], path: string): Promise<Holder> {
  return { pid: Number(pid), command: await commandOf(pid), kind, path }
}

/** The name of a process, as in /proc/<pid>/comm; '?' when it has ended. */
export async function commandOf(pid: number | string): Promise<string> {
  const command = await readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => '?')
  return command.trimEnd()
}

async function holdsOf(pid: string, ids: ReadonlySet<bigint>): Promise<Holder[]> {
  const found: Holder[] = []
  const look = async (link: string, kind: Holder['kind']): Promise<void> => {
    if (isOn(`/proc/${pid}/${link}`, ids))
      found.push(await holder(pid, kind, linkText(`/proc/${pid}/${link}`)))
  }
  await look('cwd', 'cwd')
  await look('root', 'root')
  await look('exe', 'exe')
  const files = [
    ...names(`/proc/${pid}/fd`).map((name) => [`fd/${name}`, 'fd'] as const),
    ...names(`/proc/${pid}/map_files`).map((name) => [`map_files/${name}`, 'map'] as const),
  ]
  for (const [index, [link, kind]] of files.entries()) {
    if (index % looksInARow === looksInARow - 1) await yieldToLoop()
    await look(link, kind)
  }
  return withoutRepeats(found)
}

/** A program is in memory and a library in several pieces: once is enough. */
function withoutRepeats(found: Holder[]): Holder[] {
  const seen = new Set<string>()
  return found.filter(({ kind, path }) => {
    if (kind === 'map' && (seen.has(`exe ${path}`) || seen.has(`map ${path}`))) return false
    seen.add(`${kind} ${path}`)
    return true
  })
}

/** A look at a magic link never waits for a server, and sync it costs microseconds: a promise each would cost more. */
function isOn(link: string, ids: ReadonlySet<bigint>): boolean {
  try {
    const { mountId } = statxSync(link, { flags: AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, mask: STATX_MNT_ID })
    return mountId !== undefined && ids.has(mountId)
  } catch {
    return false
  }
}

function linkText(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return link
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** Who holds a mount, in words; empty when nobody was found. */
export function describeHolders(found: readonly Holder[], most = 5): string {
  if (found.length === 0) return ''
  const words = found.slice(0, most).map(({ pid, command, kind, path }) => {
    const what = kind === 'namespace' ? `mounted in its namespace at ${path}` : `${kind} ${path}`
    return `${String(pid)} (${command}): ${what}`
  })
  const rest = found.length > most ? ` and ${String(found.length - most)} more` : ''
  return `held by ${words.join(', ')}${rest}`
}
