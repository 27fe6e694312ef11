import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Change, GraphDriver } from '../../../index.ts'
import { unless } from '../../../store/index.ts'
import { type Leaf, treemapSvg } from './treemap.ts'

/** What a layer adds, as a treemap: every file as large as its bytes, several names of one file counted once. */
export async function treemapOf(
  driver: GraphDriver,
  id: string,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<string> {
  const { diff, lowers } = await driver.layout(id)
  const seen = new Set<string>()
  const leaves: Leaf[] = []
  for (const change of changes) {
    signal.throwIfAborted()
    if (change.kind === 'deleted' || change.pathBytes !== undefined) continue
    const found = await find([diff, ...lowers], change.path)
    if (found === undefined || seen.has(found.inode)) continue
    seen.add(found.inode)
    leaves.push({ path: change.path, bytes: found.bytes, kind: change.kind })
  }
  const deleted = changes.filter(({ kind }) => kind === 'deleted').length
  return treemapSvg(id, leaves, deleted)
}

/** A file where the first of these directories has it. */
async function find(
  directories: readonly string[],
  path: string,
): Promise<{ bytes: number; inode: string } | undefined> {
  for (const directory of directories) {
    const stats = await unless(lstat(join(directory, path)), ['ENOENT', 'ENOTDIR'], undefined)
    if (stats === undefined) continue
    if (!stats.isFile() && !stats.isSymbolicLink()) return undefined
    return { bytes: stats.size, inode: `${String(stats.dev)}:${String(stats.ino)}` }
  }
  return undefined
}
