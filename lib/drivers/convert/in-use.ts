import { readdir, readlink } from 'node:fs/promises'
import { list } from '../../mount/index.ts'
import { unless } from '../../store/index.ts'
import {
  aufsBranches,
  GraphDriverError,
  mountinfo,
  type MountinfoEntry,
  unescapeBytes,
} from '../../sys/index.ts'
import { readStack, type Session } from '../session.ts'

/** A store that somebody uses, and who. */
export function storeInUse(root: string, who: string): GraphDriverError {
  return new GraphDriverError(
    'ERR_STORE_IN_USE',
    `the layers of ${root} cannot be converted while they are in use: ${who}`,
    { path: root },
  )
}

/**
 * Refuses a store while anything of it is mounted, in any namespace, or its layers are those of a live union: what a union has read of them
 * would not be so any more.
 *
 * @param works whether this kernel has the union at all.
 * @throws GraphDriverError ERR_STORE_IN_USE
 */
export async function refuseMounted(session: Session, ids: readonly string[], works: boolean): Promise<void> {
  const { root } = session.layout
  const here = (await list({ prefix: root }))
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => path !== root)
  if (here.length > 0) {
    const shown = here.slice(0, 5).join(', ') + (here.length > 5 ? ', …' : '')
    throw storeInUse(root, `there are mounts in it (${shown}); cleanup() takes away those that nobody holds`)
  }
  for (const { pid, table } of await mountTables()) {
    for (const entry of table) {
      if (!(await shows(entry, pid, root))) continue
      throw storeInUse(
        root,
        `process ${String(pid)} has them mounted at ${entry.mountPoint}, in a mount namespace of its own or elsewhere`,
      )
    }
  }
  if (works) for (const id of ids) await refuseAlive(session, id)
}

const GONE = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'] as const

/** The mount tables of all namespaces whose processes may be looked at. */
async function mountTables(): Promise<{ pid: number; table: Iterable<MountinfoEntry> }[]> {
  const tables: { pid: number; table: Iterable<MountinfoEntry> }[] = []
  const seen = new Set<string>()
  const own = { pid: process.pid, path: '/proc/self' }
  const others = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const { pid, path } of [
    own,
    ...others.map((name) => ({ pid: Number(name), path: `/proc/${name}` })),
  ]) {
    const namespace = await readlink(`${path}/ns/mnt`).catch(() => undefined)
    if (namespace === undefined || seen.has(namespace)) continue
    seen.add(namespace)
    tables.push({ pid, table: await unless(mountinfo(`${path}/mountinfo`), GONE, []) })
  }
  return tables
}

/** Whether a mount is a union of the store's layers. */
async function shows(entry: MountinfoEntry, pid: number, root: string): Promise<boolean> {
  const contents = `${root}/diff/`
  if (entry.mountPoint.startsWith(`${root}/mnt/`)) return true
  if (entry.type === 'overlay') {
    return Buffer.from(unescapeBytes(entry.superOptions), 'latin1').toString().includes(contents)
  }
  if (entry.type !== 'aufs') return false
  const path = `/proc/${String(pid)}/root${entry.mountPoint}`
  const asked = unless(aufsBranches(path), [...GONE, 'ENOTTY', 'ENOTDIR', 'ELOOP'], [])
  // ESTALE: a branch was deleted below it, and whose the others are it does not say any more.
  const branches = await unless(asked, ['ESTALE'], undefined)
  return branches === undefined || branches.some((branch) => branch.path.startsWith(contents))
}

/** The kernel knows of writable unions that are mounted nowhere any more, too. */
async function refuseAlive({ layout, driver, store }: Session, id: string): Promise<void> {
  const stack = await unless(readStack(layout, id), ['ERR_LAYER_NOT_FOUND', 'ERR_LAYER_CORRUPT'], undefined)
  if (stack?.lowers.length === 0 || driver.alive === undefined) return
  if (await unless(driver.alive(layout.diff(id), store.staging), ['ENOENT'], false)) {
    throw storeInUse(layout.root, `the kernel still has layer "${id}" mounted, detached`)
  }
}
