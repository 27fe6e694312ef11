import { chmod, mkdir } from 'node:fs/promises'
import { findMount, splitOptions } from '../../mount/index.ts'
import type { MountPlan } from '../../mount/plan.ts'
import { GraphDriverError, type SyscallError, unescapeBytes } from '../../sys/index.ts'
import { deleteTree, ensureDirectory, type XattrPrefix } from '../../store/index.ts'
import type { Driver, LayerPaths, MountOptions, ProbeReport, Stack } from '../driver.ts'
import { askKernel, type LiveMount, findLiveMounts } from './alive.ts'
import { explainOverlay } from './explain.ts'
import { checkOverlayOptions, conflictsWithUserXattrs, type OverlayOptions } from './options.ts'
import { MAX_LOWERS, planOverlay } from './plan.ts'
import { assumedProbe, type OverlayProbe, probeOverlay } from './probe.ts'

/** The union of mainline kernels: Documentation/filesystems/overlayfs.rst. */
export class OverlayDriver implements Driver {
  readonly name = 'overlay'
  readonly whiteouts = 'overlay'
  readonly directories: readonly string[] = ['work']
  readonly maxLowers: number = MAX_LOWERS
  readonly #options: OverlayOptions
  #probe: OverlayProbe = assumedProbe('trusted')
  #wanted: XattrPrefix | null = null

  constructor(options: unknown) {
    this.#options = checkOverlayOptions(options)
  }

  get xattrs(): XattrPrefix {
    return this.#probe.xattrs
  }

  adopt(xattrs: XattrPrefix | null): void {
    this.#wanted = xattrs
    if (xattrs !== null) this.#probe = assumedProbe(xattrs)
  }

  async probe(directory: string): Promise<ProbeReport> {
    const { report, probe } = await probeOverlay(directory, this.#wanted)
    if (probe === undefined) return report
    const conflict = probe.xattrs === 'user' ? conflictsWithUserXattrs(this.#options) : undefined
    if (conflict !== undefined) {
      const reason = `${conflict} cannot be had with user.* xattrs, the only ones that this process may write`
      return { ...report, supported: false, code: 'ERR_DRIVER_PREREQUISITE', reason }
    }
    this.#probe = probe
    return report
  }

  plan(stack: Stack, options: MountOptions): MountPlan | undefined {
    return planOverlay(stack, options, this.#options, this.#probe.xattrs, this.#probe)
  }

  async prepare(layer: LayerPaths): Promise<void> {
    await ensureDirectory(layer.own('work'))
  }

  /** A work directory is overlay's own scratch: one that is missing is made, one of a volatile mount is made anew. */
  async beforeMount(stack: Stack, options: MountOptions): Promise<void> {
    if (options.readOnly) return
    const work = stack.layer.own('work')
    if (this.#options.volatile) await deleteTree(work)
    await mkdir(work, { recursive: true })
    await chmod(work, 0o700)
  }

  /** The kernel takes every layer or fails, so only a mount that was found needs a look. */
  async verify(target: string, plan: MountPlan, origin: 'made' | 'found'): Promise<void> {
    if (origin === 'made') return
    const entry = await findMount(target)
    const shown = splitOptions(unescapeBytes(entry?.superOptions ?? ''))
    const mismatch = (what: string): GraphDriverError =>
      new GraphDriverError('ERR_MOUNT_MISMATCH', `what is mounted at ${target} is not this layer: ${what}`, {
        path: target,
      })
    if (entry?.type !== 'overlay') throw mismatch(`it is of type ${entry?.type ?? 'none'}`)
    const words = plan.mounts.flatMap((mount) => mount.options)
    const upper = words.find(isUpper)
    const found = shown.find(isUpper)
    if ((upper === undefined) !== (found === undefined)) {
      throw mismatch(upper === undefined ? 'it is writable' : 'it is read-only')
    }
    // An upper that was given as a descriptor is shown as its number, which says nothing.
    if (upper !== found && !/^upperdir=\d+$/.test(found ?? ''))
      throw mismatch(`it has ${found ?? 'no upperdir'}`)
    const [label, foundLabel] = [words, shown].map((some) => some.find((word) => word.startsWith('context=')))
    if (label?.replaceAll('"', '') !== foundLabel?.replaceAll('"', '')) {
      throw mismatch(`its mount label is ${foundLabel ?? 'none'}, not ${label ?? 'none'}`)
    }
  }

  async alive(diff: string): Promise<boolean> {
    if (this.#probe.asksKernel) return askKernel(diff)
    return (await findLiveMounts(diff)).length > 0
  }

  async liveMounts(diff: string): Promise<LiveMount[]> {
    return findLiveMounts(diff)
  }

  async explain(error: SyscallError, plan: MountPlan, stack: Stack): Promise<string> {
    return explainOverlay(error, plan, stack)
  }
}

function isUpper(word: string): boolean {
  return word.startsWith('upperdir=')
}

export type { OverlayForm, OverlayOptions } from './options.ts'
