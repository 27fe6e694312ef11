import { constants } from 'node:fs'
import { open, readdir, readlink } from 'node:fs/promises'
import { closeSync, type FsSetting, mkdirat, mountinfo, newMount, O_PATH, tryMount } from '../../sys/index.ts'
import { codeOf, unless } from '../../store/index.ts'
import { isUpper, shownOptions } from './shown.ts'

/**
 * Asks the kernel whether a directory is the upper of a live overlay: mounted in any namespace, or detached and kept by
 * a descriptor or a working directory. Mounting it a second time would succeed, and corrupt it.
 *
 * The question is an overlay with `index=on` that has the directory as its lower: the kernel answers EBUSY exactly when it is
 * in use (ovl_report_in_use(), fs/overlayfs/super.c). The superblock is made and let go, attached nowhere. Its own upper lies
 * on a tmpfs of a moment, so nothing is written to the store. Linux 5.2; file handles on the store's filesystem.
 */
export async function askKernel(directory: string): Promise<boolean> {
  const asked = await open(directory, O_PATH | constants.O_DIRECTORY)
  let scratch: number | undefined
  try {
    scratch = await newMount({ type: 'tmpfs' })
    await Promise.all([mkdirat(scratch, 'upper', 0o700), mkdirat(scratch, 'work', 0o700)])
    await tryMount({ type: 'overlay', settings: question(asked.fd, scratch) })
    return false
  } catch (error) {
    if (codeOf(error) === 'EBUSY') return true
    throw error
  } finally {
    if (scratch !== undefined) closeSync(scratch)
    await asked.close()
  }
}

/** By descriptors: a setting has 255 bytes at the most, and nothing needs to be escaped. */
function question(asked: number, scratch: number): FsSetting[] {
  const below = `/proc/self/fd/${String(scratch)}`
  return [
    { key: 'lowerdir', value: `/proc/self/fd/${String(asked)}` },
    { key: 'upperdir', value: `${below}/upper` },
    { key: 'workdir', value: `${below}/work` },
    { key: 'index', value: 'on' },
  ]
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
