import { constants } from 'node:fs'
import { open, readdir, readlink } from 'node:fs/promises'
import { closeSync, type FsSetting, mkdirat, mountinfo, newMount, O_PATH, tryMount } from '../../sys/index.ts'
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
  const asked = await open(directory, O_PATH | constants.O_DIRECTORY)
  try {
    try {
      return await askAboveTmpfs(asked.fd)
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error
      return await askAboveStaging(asked.fd, staging)
    }
  } finally {
    await asked.close()
  }
}

async function askAboveTmpfs(asked: number): Promise<boolean> {
  const scratch = await newMount({ type: 'tmpfs' })
  try {
    return await ask(asked, scratch)
  } finally {
    closeSync(scratch)
  }
}

async function askAboveStaging(asked: number, staging: Place): Promise<boolean> {
  const path = await staging.make('question')
  try {
    const scratch = await open(path, O_PATH | constants.O_DIRECTORY)
    try {
      return await ask(asked, scratch.fd)
    } finally {
      await scratch.close()
    }
  } finally {
    await staging.discard(path)
  }
}

/** By descriptors: a setting has 255 bytes at the most, and nothing needs to be escaped. */
async function ask(asked: number, scratch: number): Promise<boolean> {
  await Promise.all([mkdirat(scratch, 'upper', 0o700), mkdirat(scratch, 'work', 0o700)])
  const below = `/proc/self/fd/${String(scratch)}`
  const settings: FsSetting[] = [
    { key: 'lowerdir', value: `/proc/self/fd/${String(asked)}` },
    { key: 'upperdir', value: `${below}/upper` },
    { key: 'workdir', value: `${below}/work` },
    { key: 'index', value: 'on' },
  ]
  try {
    await tryMount({ type: 'overlay', settings })
    return false
  } catch (error) {
    if (codeOf(error) === 'EBUSY') return true
    throw error
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
