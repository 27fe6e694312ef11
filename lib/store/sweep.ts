import { forgetChild } from './children.ts'
import { deleteAside, deleteMountPoint, deleteTree, unlessMounted } from './deletion.ts'
import { present, removeFile, unless } from './files.ts'
import { isLayerId, REMOVING } from './ids.ts'
import type { Layout } from './layout.ts'
import { METADATA_LIMIT, readIntents } from './metadata.ts'
import { step } from './step.ts'
import { tell } from '../sys/events.ts'
import { readFile } from '../sys/index.ts'
import { findNames } from '../sys/names.ts'

/**
 * Undoes or completes what a process that died had begun with one layer. The caller holds the layer's gate.
 * A creation is undone; a removal is completed.
 *
 * @param directories the directories that hold one entry a layer: `diff` and the driver's own.
 */
export async function settle(layout: Layout, id: string, directories: readonly string[]): Promise<void> {
  const made = layout.made(id)
  const gone = layout.gone(id)
  if (await present(made)) {
    // Both can only be there when a crash of the machine kept one half of a rename: the layer is whole.
    if (!(await present(layout.metadata(id)))) await erase(layout, id, await firstLine(made), directories)
    await removeFile(made)
    tell('sweep', () => ({ what: 'creation', path: layout.metadata(id), id }))
    await step('undid creation')
  }
  if (await present(gone)) {
    // As above: a layer is there as long as its metadata is.
    if (!(await present(layout.metadata(id)))) await erase(layout, id, await firstLine(gone), directories)
    await deleteTree(gone)
    tell('sweep', () => ({ what: 'removal', path: layout.metadata(id), id }))
    await step('completed removal')
  }
}

/** Deletes all that a layer has but its metadata. */
export async function erase(
  layout: Layout,
  id: string,
  parent: string | undefined,
  directories: readonly string[],
): Promise<void> {
  for (const directory of directories) {
    await deleteAside(layout, directory, id)
    await step(`deleted ${directory}`)
  }
  await deleteMountPoint(layout, id)
  await step('deleted mnt')
  if (parent !== undefined) await forgetChild(layout, parent, id)
  await step('forgot child')
  await deleteTree(layout.children(id))
}

/**
 * Settles every intent whose gate is free, and deletes what is called `-removing` and belongs to none.
 * What somebody is at work on is left to him.
 *
 * @param lookIn the directories that may hold some; left out: all.
 * @returns whether there was nothing.
 */
export async function sweepLayers(
  layout: Layout,
  tryGate: (id: string) => Promise<(() => void) | undefined>,
  directories: readonly string[],
  lookIn: readonly string[] = sweptDirectories(directories),
): Promise<boolean> {
  const found = (await Promise.all(lookIn.map((name) => leftIn(layout, name)))).flat()
  const ids = new Set(found.filter(isLayerId))
  for (const id of ids) {
    const leave = await tryGate(id)
    if (leave === undefined) continue
    try {
      await unlessMounted(layout.metadata(id), sweepLayer(layout, id, directories))
    } finally {
      leave()
    }
  }
  return ids.size === 0
}

/** Where left-overs can be: `layers`, the directories with one entry a layer, and the mount points. */
export function sweptDirectories(directories: readonly string[]): string[] {
  return ['layers', ...directories, 'mnt']
}

/** The ids of what is left over in one directory. Only such names are looked at: there may be thousands of others. */
async function leftIn(layout: Layout, name: string): Promise<string[]> {
  const path = layout.directory(name)
  if (name === 'layers') return (await readIntents(layout)).map(({ id }) => id)
  const names = await unless(findNames(path, '', REMOVING), ['ENOENT'], [])
  return names.map((one) => one.slice(0, -REMOVING.length))
}

async function sweepLayer(layout: Layout, id: string, directories: readonly string[]): Promise<void> {
  await settle(layout, id, directories)
  for (const directory of directories) {
    const path = layout.removing(directory, id)
    if (!(await present(path))) continue
    await deleteTree(path)
    tell('sweep', () => ({ what: 'leftover', path, id }))
  }
  // Docker puts mount points aside, too.
  await deleteMountPoint(layout, id + REMOVING)
}

/** The parent that an intent names. One that was cut names none: then nothing was recorded yet. */
async function firstLine(path: string): Promise<string | undefined> {
  // It was broken before it became an intent: no plain file, or too long a one.
  const bytes = await unless(
    readFile(path, METADATA_LIMIT),
    ['EISDIR', 'ELOOP', 'EFBIG', 'EINVAL'],
    undefined,
  )
  const text = bytes?.toString('latin1') ?? ''
  const end = text.indexOf('\n')
  const line = end < 0 ? '' : text.slice(0, end)
  return isLayerId(line) ? line : undefined
}
