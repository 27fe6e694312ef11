import { chmod } from 'node:fs/promises'
import { constants } from 'node:os'
import { findMount } from '../../mount/index.ts'
import type { MountPlan } from '../../mount/plan.ts'
import { GraphDriverError, type SyscallError } from '../../sys/index.ts'
import { mountOverlay, type OverlayToMount } from '../../sys/overlay.ts'
import { deleteTree, ensureDirectory, type XattrPrefix } from '../../store/index.ts'
import type { Driver, LayerPaths, MountOptions, ProbeReport, Stack, Staging } from '../driver.ts'
import { askKernel, type LiveMount, findLiveMounts } from './alive.ts'
import { explainOverlay } from './explain.ts'
import { checkOverlayOptions, conflictsWithUserXattrs, type OverlayOptions } from './options.ts'
import { MAX_LOWERS, planOverlay } from './plan.ts'
import { isNumbered, isUpper, shownOptions } from './shown.ts'
import { assumedProbe, type OverlayProbe, probeOverlay } from './probe.ts'
import { refuseReadOnly } from './read-only.ts'

/** The union of mainline kernels: Documentation/filesystems/overlayfs.rst. */
export class OverlayDriver implements Driver {
  readonly name = 'overlay'
  readonly whiteouts = 'overlay'
  readonly directories: readonly string[] = ['work']
  readonly maxLowers: number = MAX_LOWERS
  readonly indirect: boolean
  readonly #options: OverlayOptions
  #atOnce = true
  #probe: OverlayProbe = assumedProbe('trusted')
  #wanted: XattrPrefix | null = null

  constructor(options: unknown) {
    this.#options = checkOverlayOptions(options)
    const { metacopy, redirectDir } = this.#options
    this.indirect = metacopy === true || redirectDir === 'on' || redirectDir === 'follow'
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
    if (this.#options.form === 'fsconfig' && !probe.lowerdirPlus) {
      const reason = "overlay.form 'fsconfig' needs layers one by one (lowerdir+), of Linux 6.7"
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
    await ensureDirectory(work)
    await chmod(work, 0o700)
  }

  /** With an upper directory only where the kernel can be asked, and where the work directory is not to be made anew. */
  async mountAtOnce(target: string, plan: MountPlan, stack: Stack): Promise<boolean> {
    const by = this.#atOnce ? callOf(plan) : undefined
    if (by === undefined) return false
    if (!plan.readOnly && (!this.#probe.asksKernel || this.#options.volatile)) return false
    const upper = plan.readOnly ? undefined : { directory: stack.layer.diff, work: stack.layer.own('work') }
    const answer = await mountOverlay({ target, upper, by })
    // What the kernel does not take will not do the next time.
    if (answer === -constants.errno.EINVAL) this.#atOnce = false
    return answer === 0
  }

  /** What overlay keeps in the work directory is of one upper directory. The next mount makes it anew. */
  async replacing(layer: LayerPaths): Promise<void> {
    await deleteTree(layer.own('work'))
  }

  /** The kernel takes every layer or fails, so what is in a mount needs a look only if it was found. */
  async verify(target: string, plan: MountPlan, origin: 'made' | 'found'): Promise<void> {
    if (origin === 'made') {
      if (!plan.readOnly) await refuseReadOnly(target)
      return
    }
    const entry = await findMount(target)
    const mismatch = (what: string): GraphDriverError =>
      new GraphDriverError('ERR_MOUNT_MISMATCH', `what is mounted at ${target} is not this layer: ${what}`, {
        path: target,
      })
    if (entry?.type !== 'overlay') throw mismatch(`it is of type ${entry?.type ?? 'none'}`)
    const found = shownOptions(entry)
    const words = plan.mounts.flatMap((mount) => mount.options)
    const upper = valueOf(words, 'upperdir=')?.replace(/\\(.)/gs, '$1')
    if ((upper === undefined) !== (found.upper === undefined)) {
      throw mismatch(upper === undefined ? 'it is writable' : 'it is read-only')
    }
    if (upper !== undefined) {
      if (found.readOnly) throw mismatch('the kernel made it read-only')
      if (!isNumbered(found) && !isUpper(found, upper)) throw mismatch(`it has upperdir=${found.upper ?? ''}`)
    }
    const label = valueOf(words, 'context=')?.replaceAll('"', '')
    if (label !== found.label) {
      throw mismatch(`its mount label is ${found.label ?? 'none'}, not ${label ?? 'none'}`)
    }
  }

  async alive(diff: string, staging: Staging): Promise<boolean> {
    if (this.#probe.asksKernel) return askKernel(diff, staging)
    return (await findLiveMounts(diff)).length > 0
  }

  async liveMounts(diff: string): Promise<LiveMount[]> {
    return findLiveMounts(diff)
  }

  async explain(error: SyscallError, plan: MountPlan, stack: Stack): Promise<string> {
    return explainOverlay(error, plan, stack)
  }
}

/** The one call of a plan that opens nothing before it; undefined where it takes more. */
function callOf({ steps: [step, ...more] }: MountPlan): OverlayToMount['by'] | undefined {
  if (step === undefined || more.length > 0 || step.call === 'reconfigure') return undefined
  if (step.call === 'mount') {
    const [data, ...pieces] = step.data
    const plain = step.directory === undefined && typeof data === 'string' && pieces.length === 0
    return plain ? { flags: step.flags, data } : undefined
  }
  const settings = step.settings.filter((setting) => !('open' in setting))
  return settings.length === step.settings.length ? { attributes: step.attributes, settings } : undefined
}

function valueOf(words: readonly string[], key: string): string | undefined {
  return words.find((word) => word.startsWith(key))?.slice(key.length)
}

export type { OverlayForm, OverlayOptions } from './options.ts'
