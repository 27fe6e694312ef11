import { type FileHandle, lstat, mkdir, mkdtemp, open, rmdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { perform } from '../../mount/index.ts'
import { type FsSetting, getxattr, O_PATH, pageSize, statfs, tryMount } from '../../sys/index.ts'
import { codeOf, deleteTree, step, type XattrPrefix } from '../../store/index.ts'
import type { ProbeReport } from '../driver.ts'
import { filesystemName } from '../filesystems.ts'
import { unmountTrial } from '../scratch.ts'
import { xattrPrefix } from '../xattr-prefix.ts'
import { askKernel, type Place } from './alive.ts'
import { type OverlayFeatures, planOverlay } from './plan.ts'
import { refuseReadOnly } from './read-only.ts'

/** What the driver learns of this kernel, this process and this filesystem by trying. */
export interface OverlayProbe extends OverlayFeatures {
  readonly xattrs: XattrPrefix
  /** Whether the kernel can be asked which directories are in use. */
  readonly asksKernel: boolean
}

/** Without a trial: what a plan assumes that nobody will perform here. */
export function assumedProbe(xattrs: XattrPrefix): OverlayProbe {
  return { xattrs, asksKernel: false, pageSize: 4096, lowerdirPlus: true, layerDescriptors: true }
}

/**
 * Mounts a small overlay in an empty directory and deletes a file and a directory through it.
 *
 * @param wanted the xattrs that the store has already, if it is one.
 */
export async function probeOverlay(
  directory: string,
  wanted: XattrPrefix | null,
): Promise<{ report: ProbeReport; probe?: OverlayProbe }> {
  const filesystem = filesystemName((await statfs(directory)).type)
  const refuse = (
    code: NonNullable<ProbeReport['code']>,
    reason: string,
    cause?: unknown,
  ): { report: ProbeReport } => ({
    report: { driver: 'overlay', supported: false, code, reason, cause, features: {} },
  })
  const xattrs = await xattrPrefix(directory, wanted)
  if (xattrs === undefined) {
    return refuse(
      'ERR_DRIVER_BACKING_FS',
      `${filesystem} keeps no extended attributes here, and overlay needs them`,
    )
  }
  for (const name of ['lower', 'lower/opaque', 'below', 'upper', 'work', 'merged'])
    await mkdir(join(directory, name))
  await writeFile(join(directory, 'lower/file'), '')
  try {
    const features = { pageSize: pageSize(), ...(await layerSettings(directory)) }
    const asksKernel = await tryOut(directory, xattrs, features)
    const probe = { xattrs, asksKernel, ...features }
    return { report: { driver: 'overlay', supported: true, features: describe(probe) }, probe }
  } catch (error) {
    // Nothing is learned about overlay: another driver would not be better off.
    if (PASSING.includes(codeOf(error) ?? '')) throw error
    return refuse(...classify(error, filesystem), error)
  }
}

/** Shortages, and the disk's own failures. */
const PASSING = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE']

function describe(probe: OverlayProbe): Record<string, string> {
  return {
    'Overlay Xattrs': `${probe.xattrs}.overlay.*`,
    'Layers One by One': probe.layerDescriptors
      ? 'by path and descriptor'
      : probe.lowerdirPlus
        ? 'by path'
        : 'no',
    'Live Layers Asked Of': probe.asksKernel ? 'the kernel' : 'the mount tables',
  }
}

/** Whether the kernel, asked about an upper directory in use, says so. */
async function tryOut(directory: string, xattrs: XattrPrefix, features: OverlayFeatures): Promise<boolean> {
  const at = (name: string): string => join(directory, name)
  const stack = {
    layer: { id: 'probe', diff: at('upper'), target: at('merged'), own: at },
    ancestors: [],
    lowers: [at('lower')],
  }
  const plan = planOverlay(stack, { readOnly: false }, {}, xattrs, features)
  if (plan === undefined) throw new Error('a stack of two has a plan')
  await perform(plan, at('merged'))
  await step('mounted trial')
  try {
    await refuseReadOnly(at('merged'))
    await unlink(at('merged/file'))
    await rmdir(at('merged/opaque'))
    await mkdir(at('merged/opaque'))
    const whiteout = await lstat(at('upper/file'))
    if (!whiteout.isCharacterDevice() || whiteout.rdev !== 0)
      throw new Error('a deleted file left no whiteout')
    await getxattr(at('upper/opaque'), `${xattrs}.overlay.opaque`)
    return xattrs === 'trusted' && (await askKernel(at('upper'), within(directory)).catch(() => false))
  } finally {
    await unmountTrial(at('merged'))
    await step('unmounted trial')
  }
}

/** A trial's own directory as a place: all of it is deleted afterwards. */
function within(directory: string): Place {
  return { make: async (word) => mkdtemp(join(directory, word)), discard: deleteTree }
}

/** Whether layers can be given one by one, and by descriptor. */
async function layerSettings(
  directory: string,
): Promise<Pick<OverlayProbe, 'lowerdirPlus' | 'layerDescriptors'>> {
  const key = 'lowerdir+'
  const works = async (settings: FsSetting[]): Promise<boolean> =>
    tryMount({ type: 'overlay', settings }).then(
      () => true,
      () => false,
    )
  const opened: FileHandle[] = []
  const descriptorOf = async (name: string): Promise<FileHandle> => {
    const handle = await open(join(directory, name), O_PATH)
    opened.push(handle)
    return handle
  }
  // Not by their own paths: those may be too long for a setting.
  const byPath = ({ fd }: FileHandle): FsSetting => ({ key, value: `/proc/self/fd/${String(fd)}` })
  try {
    const lower = await descriptorOf('lower')
    const below = await descriptorOf('below')
    const lowerdirPlus = await works([byPath(lower), byPath(below)])
    const layerDescriptors = lowerdirPlus && (await works([{ key, fd: lower.fd }, byPath(below)]))
    return { lowerdirPlus, layerDescriptors }
  } finally {
    for (const handle of opened) await handle.close()
  }
}

function classify(error: unknown, filesystem: string): [NonNullable<ProbeReport['code']>, string] {
  switch (codeOf(error)) {
    case 'ENODEV':
      return [
        'ERR_DRIVER_NOT_SUPPORTED',
        'this kernel has no overlay filesystem, and none was loaded when it was asked for',
      ]
    case 'EPERM':
    case 'EACCES':
      return [
        'ERR_DRIVER_PREREQUISITE',
        'mounting needs CAP_SYS_ADMIN: run as root, or in a user namespace (`unshare -Urm`), and not under a sandbox that forbids mount(2)',
      ]
    case 'ENOSYS':
      return ['ERR_DRIVER_PREREQUISITE', 'mount(2) is not available here (seccomp or an emulated kernel)']
    default:
      return [
        'ERR_DRIVER_BACKING_FS',
        `an overlay on ${filesystem} does not work here: ${error instanceof Error ? error.message : String(error)}`,
      ]
  }
}
