import { mkdir } from 'node:fs/promises'
import { findMount, splitOptions } from '../../mount/index.ts'
import type { MountPlan } from '../../mount/plan.ts'
import { codeOf, Mutex, unless } from '../../store/index.ts'
import {
  type AufsBranch,
  aufsBranches,
  GraphDriverError,
  type SyscallError,
  unescapeBytes,
} from '../../sys/index.ts'
import type { Driver, DriverDetails, LayerPaths, MountOptions, ProbeReport, Stack } from '../driver.ts'
import { findLiveMounts, isAlive, type LiveMount, recordUnion, UNIONS } from './alive.ts'
import { describeAufs } from './details.ts'
import { explainAufs } from './explain.ts'
import { dropLinks, flushLinks } from './links.ts'
import { type AufsOptions, checkAufsOptions, hazardIn, refuseWithoutXino } from './options.ts'
import { type AufsPlan, planAufs } from './plan.ts'
import { type AufsProbe, assumedProbe, probeAufs } from './probe.ts'
import { differentOption } from './words.ts'
import { ASSUMED_PLACE, leaveXino, placeXino, sweepXino, XinoNames, type XinoPlace } from './xino.ts'

/**
 * aufs makes and unlinks its inode tables by name at each mount, and two at once may trip over each other; names of our own keep
 * processes apart, this keeps the instances of one process apart (and its threads have names of their own again).
 */
const mounting = new Mutex<'mount'>()

async function exclusive<T>(work: () => Promise<T>): Promise<T> {
  const leave = await mounting.enter('mount')
  try {
    return await work()
  } finally {
    leave()
  }
}

/** The union that is in no mainline kernel: aufs(5). Its whiteouts are files, so that a layer is plain to read anywhere. */
export class AufsDriver implements Driver {
  readonly name = 'aufs'
  readonly whiteouts = 'aufs'
  readonly directories: readonly string[] = [UNIONS]
  readonly xattrs = null
  readonly #options: AufsOptions
  readonly #names = new XinoNames()
  #probe: AufsProbe = assumedProbe()
  #xino: XinoPlace | undefined

  constructor(options: unknown) {
    this.#options = checkAufsOptions(options)
  }

  get maxLowers(): number {
    return (this.#options.maxBranches ?? this.#probe.limit.branches) - 1
  }

  /** Undefined: it is only assumed. */
  get #most(): number | undefined {
    const { branches, known } = this.#probe.limit
    return known === 'assumed' ? undefined : branches
  }

  refuse(root: string): ProbeReport | undefined {
    const bad = hazardIn(root)
    if (bad === undefined) return undefined
    const reason = `the root ${JSON.stringify(root)} holds ${bad}`
    return { driver: this.name, supported: false, code: 'ERR_DRIVER_PREREQUISITE', reason, features: {} }
  }

  async probe(directory: string): Promise<ProbeReport> {
    const { report, probe } = await probeAufs(directory, this.#options, exclusive)
    if (probe !== undefined) this.#probe = probe
    return report
  }

  async start(root: string): Promise<Record<string, string>> {
    this.#xino = await placeXino(root, this.#options.xino ?? 'auto')
    if (this.#xino.directory === undefined) refuseWithoutXino(this.#options, this.#xino.reason)
    await sweepXino(this.#xino)
    return {}
  }

  async details(): Promise<DriverDetails | undefined> {
    return this.#xino && describeAufs(this.#options, this.#probe, this.#xino)
  }

  async stop(): Promise<void> {
    if (this.#xino !== undefined) await leaveXino(this.#xino)
  }

  plan(stack: Stack, options: MountOptions): AufsPlan | undefined {
    return planAufs(stack, options, this.#options, this.#probe, this.#xinoFile(stack))
  }

  #xinoFile(stack: Stack): string | undefined {
    if (this.#options.xino === 'none') return undefined
    if (this.#xino !== undefined) {
      const { directory } = this.#xino
      return directory === undefined ? undefined : this.#names.of(directory, stack.layer.diff)
    }
    const asked = this.#options.xino
    return this.#names.of(asked === undefined || asked === 'auto' ? ASSUMED_PLACE : asked, stack.layer.diff)
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return exclusive(work)
  }

  /** Directories below /run and /dev/shm may be cleaned away by others while a store is open. */
  async beforeMount(stack: Stack, options: MountOptions): Promise<void> {
    if (!options.readOnly) await dropLinks(stack.layer.diff)
    const directory = this.#xino?.directory
    if (directory !== undefined && directory !== this.#options.xino) {
      await unless(mkdir(directory, { mode: 0o700 }), ['EEXIST'], undefined)
    }
  }

  /** aufs answers success where layers are missing: mount data that was cut, a remount that stopped half-way. */
  async verify(target: string, plan: MountPlan, origin: 'made' | 'found'): Promise<void> {
    const { branches, label, readOnly } = plan as AufsPlan
    const mismatch = (what: string): GraphDriverError =>
      new GraphDriverError('ERR_MOUNT_MISMATCH', `what is mounted at ${target} is not this layer: ${what}`, {
        path: target,
      })
    let found: AufsBranch[]
    try {
      found = await aufsBranches(target)
    } catch (error) {
      if (codeOf(error) === 'ESTALE') throw mismatch('a layer of it was deleted below it')
      if (codeOf(error) !== 'ENOTTY') throw error
      throw mismatch(`it is of type ${(await findMount(target))?.type ?? 'none'}`)
    }
    const wrong = difference(found, branches)
    if (wrong !== undefined) throw mismatch(wrong)
    if (origin === 'made') {
      const [first] = branches
      if (first?.permission === 'rw') await recordUnion(first.path, target)
      return
    }
    const shown = splitOptions(unescapeBytes((await findMount(target))?.superOptions ?? ''))
    if (shown.includes('ro') !== readOnly) throw mismatch(readOnly ? 'it is writable' : 'it is read-only')
    const theirs = shown.find((word) => word.startsWith('context='))?.slice('context='.length)
    if (theirs?.replaceAll('"', '') !== label) {
      throw mismatch(`its mount label is ${theirs ?? 'none'}, not ${label ?? 'none'}`)
    }
    const other = differentOption(this.#options, shown, readOnly)
    if (other !== undefined) throw mismatch(other)
  }

  beforeUnmount(layer: LayerPaths): Promise<void> {
    return flushLinks(layer, 'all')
  }

  beforeRead(layer: LayerPaths): Promise<void> {
    return flushLinks(layer, 'names')
  }

  alive(diff: string): Promise<boolean> {
    return isAlive(diff)
  }

  liveMounts(diff: string): Promise<LiveMount[]> {
    return findLiveMounts(diff)
  }

  explain(error: SyscallError, plan: MountPlan, stack: Stack): Promise<string> {
    return explainAufs(error, plan as AufsPlan, stack.layer.target, this.#most)
  }
}

/** How what is there differs from what was asked for, in words. */
function difference(found: readonly AufsBranch[], wanted: AufsPlan['branches']): string | undefined {
  const at = wanted.findIndex(
    ({ path, permission }, index) => found[index]?.path !== path || found[index].permission !== permission,
  )
  if (at < 0 && found.length === wanted.length) return undefined
  const counts = `it has ${String(found.length)} branches, and ${String(wanted.length)} were asked for`
  const branch = wanted[at]
  if (branch === undefined) return counts
  const there = found[at]
  const instead = there === undefined ? 'missing' : `${there.path}=${there.permission} instead`
  return `${counts}; branch ${String(at)}, ${branch.path}=${branch.permission}, is ${instead}`
}

export type { AufsInfo } from './details.ts'
export type { AufsCreatePolicy, AufsForm, AufsOptions } from './options.ts'
