import { constants } from 'node:fs'
import { mkdir, open, opendir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { deleteTree } from './deletion.ts'
import { codeOf, ensureDirectory, removeEmptyDirectory, removeFile, unless } from './files.ts'
import { isAbsent, isOtherThanDirectory } from './guard.ts'
import { isLayerId } from './ids.ts'
import type { Layout } from './layout.ts'
import { corrupt, readIds, readParent } from './metadata.ts'
import { step } from './step.ts'

/**
 * The index of children: `children/<parent>/<child>`, an empty file each. It is written before the child is
 * committed and cleared after the child is gone, so it may say too much, never too little: every hit is checked against the
 * child's own metadata.
 */
export async function recordChild(layout: Layout, parent: string, child: string): Promise<void> {
  await record(layout.children(parent), child)
}

const RECORD = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

async function record(directory: string, child: string): Promise<void> {
  for (;;) {
    await ensureDirectory(directory)
    await step('made children of parent')
    try {
      await (await open(join(directory, child), RECORD, 0o600)).close()
      return
    } catch (error) {
      // A link is an entry as well; nobody looks behind it.
      if (codeOf(error) === 'ELOOP') return
      // The directory went with its last child between the two calls.
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

/** Takes a child out of the index, and its parent's directory with the last one. */
export async function forgetChild(layout: Layout, parent: string, child: string): Promise<void> {
  const directory = layout.children(parent)
  // What is behind a link is somebody else's.
  if (isOtherThanDirectory(directory)) return removeFile(directory)
  await removeFile(join(directory, child))
  await step('unlinked child')
  await unless(removeEmptyDirectory(directory), ['ENOTEMPTY', 'EEXIST'], undefined)
}

/** The children of a layer, sorted by bytes; at most `limit` of them are looked for. */
export async function childrenOf(
  layout: Layout,
  parent: string,
  limit: number = Infinity,
): Promise<string[]> {
  const found: string[] = []
  const path = layout.children(parent)
  // Most layers that are mounted have none.
  if (isAbsent(path)) return found
  if (isOtherThanDirectory(path)) {
    throw corrupt(layout, parent, `${path} is a link, or no directory; delete it all, and it is made anew`)
  }
  const directory = await unless(opendir(path), ['ENOENT'], undefined)
  if (directory === undefined) return found
  for await (const { name } of directory) {
    if (!isLayerId(name) || !(await isChild(layout, name, parent))) continue
    found.push(name)
    if (found.length >= limit) break
  }
  return found.sort()
}

/** Whether a layer has children: then it is frozen. */
export async function hasChildren(layout: Layout, id: string): Promise<boolean> {
  return (await childrenOf(layout, id, 1)).length > 0
}

/** Makes the index anew from the metadata of every layer, for a store that has none: one that Docker wrote. */
export async function rebuildChildren(layout: Layout): Promise<void> {
  const index = layout.directory('children')
  const fresh = `${index}.new`
  await deleteTree(fresh)
  await mkdir(fresh, { mode: 0o700 })
  await step('made children.new')
  for (const id of await readIds(layout)) {
    const parent = await unlessCorrupt(readParent(layout, id), undefined)
    if (parent !== undefined) await record(join(fresh, parent), id)
  }
  await step('filled children.new')
  await rename(fresh, index)
  await step('made children')
}

/** Whether the index is right about a child. One with broken metadata counts: its parent may be all that is left to mend it. */
async function isChild(layout: Layout, child: string, parent: string): Promise<boolean> {
  return (await unlessCorrupt(readParent(layout, child), parent)) === parent
}

async function unlessCorrupt<T>(promise: Promise<T>, otherwise: T): Promise<T> {
  return unless(promise, ['ERR_LAYER_CORRUPT'], otherwise)
}
