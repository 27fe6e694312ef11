import { rename } from 'node:fs/promises'
import { tell } from '../sys/events.ts'
import { removeTree } from '../sys/index.ts'
import { codeOf, removeEmptyDirectory, removeFile, unless } from './files.ts'
import type { Layout } from './layout.ts'
import { step } from './step.ts'

/**
 * Deletes a tree; content with one that is not there. Never crosses a mount, never follows a link: of a link, and of what is no
 * directory, only the name goes.
 *
 * @throws SyscallError EBUSY or EXDEV where something is mounted in it.
 */
export async function deleteTree(path: string): Promise<void> {
  try {
    await removeTree(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return
    if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    await removeFile(path)
  }
}

/** The codes of a deletion that met a mount. */
const MOUNT_MET: readonly string[] = ['EBUSY', 'EXDEV']

/** Leaves what cannot be deleted because something is mounted in it to a later time: no sweep may fail for it. */
export async function unlessMounted(path: string, deletion: Promise<void>): Promise<void> {
  try {
    await deletion
  } catch (error) {
    if (!MOUNT_MET.includes(codeOf(error) ?? '')) throw error
    const message = `what a dead process left at ${path} is deleted later: something is mounted in it`
    tell('warning', () => ({ code: 'SWEEP_POSTPONED', message, path }))
  }
}

/** Leaves what is nobody's any more, and cannot be deleted, to the next sweep, and tells those who listen why. */
export async function orLater(path: string, deletion: Promise<void>): Promise<void> {
  try {
    await deletion
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `what is left at ${path} is deleted when the store is opened next: ${why}`
    tell('warning', () => ({ code: 'DELETION_POSTPONED', message, path }))
  }
}

/**
 * Takes a layer's directory away at one instant, by a rename, and then deletes it. What an earlier, interrupted deletion
 * left goes first.
 */
export async function deleteAside(layout: Layout, directory: string, id: string): Promise<void> {
  const aside = layout.removing(directory, id)
  await deleteTree(aside)
  await step(`made room aside in ${directory}`)
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
  await unless(removeEmptyDirectory(layout.mount(id)), ['ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOTDIR'], undefined)
}
