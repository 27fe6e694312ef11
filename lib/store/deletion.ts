import { lstat, rename } from 'node:fs/promises'
import { removeTree } from '../sys/index.ts'
import { codeOf, removeEmptyDirectory, unless } from './files.ts'
import type { Layout } from './layout.ts'
import { step } from './step.ts'

/** Deletes a tree; content with one that is not there. Never crosses a mount, never follows a link. */
export async function deleteTree(path: string): Promise<void> {
  await unless(removeTree(path), ['ENOENT'], 0)
}

/**
 * Takes a layer's directory away at one instant, by a rename, and then deletes it. What an earlier, interrupted deletion
 * left goes first.
 */
export async function deleteAside(layout: Layout, directory: string, id: string): Promise<void> {
  const aside = layout.removing(directory, id)
  await deleteTree(aside)
  try {
    await rename(layout.own(directory, id), aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  await step(`put ${directory} aside`)
  await deleteTree(aside)
}

/** Removes a mount point. Only ever rmdir(2): what is under `mnt/` may be somebody's data. */
export async function deleteMountPoint(layout: Layout, id: string): Promise<void> {
  await unless(removeEmptyDirectory(layout.mount(id)), ['ENOTEMPTY', 'EEXIST', 'EBUSY'], undefined)
}

/** Whether a path is a directory, links not followed. */
export async function isDirectory(path: string): Promise<boolean> {
  return (await unless(lstat(path), ['ENOENT'], undefined))?.isDirectory() === true
}
