import { readdir, readlink } from 'node:fs/promises'
import { mountinfo } from '../../sys/index.ts'
import { overlayInUse } from '../../sys/overlay.ts'
import { codeOf, unless } from '../../store/index.ts'
import type { Staging } from '../driver.ts'
import { isUpper, shownOptions } from './shown.ts'

/** Where a directory of a moment can be made. */
export type Place = Pick<Staging, 'make' | 'discard'>

/**
 * Asks the kernel whether a directory is the upper of a live overlay: mounted in any namespace, or detached and kept by
 * a descriptor or a working directory. Mounting it a second time would succeed, and corrupt it.
 *
 * The question is an overlay with `index=on` that has the directory as its lower: the kernel answers EBUSY exactly when it is
 * in use (ovl_report_in_use(), fs/overlayfs/super.c). The superblock is made and let go, attached nowhere. Linux 5.2; file
 * handles on the store's filesystem.
 *
 * @param staging where an upper of a moment may be made, on kernels that take none from a tmpfs that is mounted nowhere
 * (clone_private_mount(), fs/namespace.c, before Linux 6.15). Elsewhere nothing is written.
 */
export async function askKernel(directory: string, staging: Place): Promise<boolean> {
  try {
    return await overlayInUse(directory)
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error
  }
  const scratch = await staging.make('question')
  try {
    return await overlayInUse(directory, scratch)
  } finally {
    await staging.discard(scratch)
  }
}

/** A process that sees an overlay on some upper directory. */
export interface LiveMount {
  readonly pid: number
  readonly mountPoint: string
}

/**
 * Looks for overlays on an upper directory in the mount tables of all processes that may be read. It does not find
 * detached ones: the second best, where the kernel cannot be asked (a user namespace, a filesystem without file handles).
 */
export async function findLiveMounts(directory: string): Promise<LiveMount[]> {
  const found: LiveMount[] = []
  const seen = new Set<string>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const namespace = await readlink(`/proc/${name}/ns/mnt`).catch(() => undefined)
    if (namespace === undefined || seen.has(namespace)) continue
    seen.add(namespace)
    const table = await unless(
      mountinfo(`/proc/${name}/mountinfo`),
      ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'],
      [],
    )
    for (const entry of table) {
      if (entry.type !== 'overlay') continue
      if (isUpper(shownOptions(entry), directory))
        found.push({ pid: Number(name), mountPoint: entry.mountPoint })
    }
  }
  return found
}
