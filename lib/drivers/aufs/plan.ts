import { pageFit } from '../../mount/index.ts'
import type { Mount, MountPlan, MountStep, Setting } from '../../mount/plan.ts'
import { MOUNT_ATTR_RDONLY, MS_RDONLY, MS_REMOUNT } from '../../sys/constants.ts'
import { GraphDriverError } from '../../sys/index.ts'
import type { MountOptions, Stack } from '../driver.ts'
import { type AufsOptions, hazardIn } from './options.ts'
import { wordsOf } from './words.ts'

/**
 * The most options of one call. aufs reads them into one page of 48-byte records; with one more than those hold (85 where a page has
 * 4096 bytes) it answers E2BIG and frees what it never had, which crashes the kernel at the next call. So this is no tuning:
 * nothing here may ever send more.
 */
export const MOST_OPTIONS = 80

/** fsconfig(2) copies at most 255 bytes of a string and its NUL. */
const LONGEST_VALUE = 255

const SOURCE = 'none'

/** What this kernel can do and where its inode tables go; found out once, so that a plan can be made without asking it. */
export interface AufsFeatures {
  readonly pageSize: number
  /** The newer mount interface takes branches one by one, also on a mount that is attached nowhere yet. */
  readonly fsconfig: boolean
  readonly dirperm1: boolean
}

/** One branch as it is written: `<path>=<permission>`. */
export interface Branch {
  readonly path: string
  readonly permission: 'rw' | 'ro+wh'
}

/** A plan of aufs: what the union has to look like afterwards, too. */
export interface AufsPlan extends MountPlan {
  readonly branches: readonly Branch[]
  /** The options that are no branches. */
  readonly words: readonly string[]
  /** The file that the kernel makes and unlinks at every call; undefined without one. */
  readonly xino: string | undefined
  readonly label: string | undefined
}

interface Parts {
  readonly branches: readonly Branch[]
  /** The options that are no branches. */
  readonly words: readonly string[]
  /** What every call after the first repeats. */
  readonly repeated: readonly string[]
  readonly readOnly: boolean
  readonly pageSize: number
}

/**
 * The mount of a stack: the layer's own contents, writable, over its ancestors' with their whiteouts; with `readOnly` none of them
 * is writable. Undefined where there is only one directory: that is its own view.
 *
 * Three forms, the first that fits. `mount`: one mount(2) call, when its data fits a page less one byte and 80 options.
 * `fsconfig`: the newer interface, a setting a branch, in batches of 80 on a mount that is attached when it is whole.
 * `remount`: the first call filled, then remounts that append batches, each within page and 80.
 *
 * @param xino the file for the inode table, unlike that of any other mount; undefined for `noxino`.
 */
export function planAufs(
  stack: Stack,
  mount: MountOptions,
  options: AufsOptions,
  features: AufsFeatures,
  xino: string | undefined,
): AufsPlan | undefined {
  if (stack.lowers.length === 0) return undefined
  const parts = partsOf(stack, mount, options, features, xino)
  const form = chooseForm(parts, options.form ?? 'auto', features)
  return {
    form,
    type: 'aufs',
    readOnly: mount.readOnly,
    steps: form === 'fsconfig' ? newerSteps(parts) : classicSteps(parts),
    get mounts() {
      return mountsOf(parts)
    },
    branches: parts.branches,
    words: parts.words,
    xino,
    label: mount.label,
  }
}

function partsOf(
  stack: Stack,
  mount: MountOptions,
  options: AufsOptions,
  features: AufsFeatures,
  xino: string | undefined,
): Parts {
  const repeated = mount.label === undefined ? [] : [`context="${mount.label}"`]
  const own: Branch = { path: stack.layer.diff, permission: mount.readOnly ? 'ro+wh' : 'rw' }
  return {
    branches: [own, ...stack.lowers.map((path): Branch => ({ path, permission: 'ro+wh' }))],
    words: [
      ...wordsOf(options, features, mount.readOnly),
      xino === undefined ? 'noxino' : `xino=${xino}`,
      ...repeated,
    ],
    repeated,
    readOnly: mount.readOnly,
    pageSize: features.pageSize,
  }
}

function spell({ path, permission }: Branch): string {
  return `${path}=${permission}`
}

function chooseForm(
  parts: Parts,
  wanted: 'auto' | 'mount' | 'fsconfig' | 'remount',
  features: AufsFeatures,
): 'mount' | 'fsconfig' | 'remount' {
  if (wanted === 'fsconfig') return wanted
  if (firstBatch(parts) === parts.branches.length) return 'mount'
  const long = parts.branches.some((branch) => Buffer.byteLength(spell(branch)) > LONGEST_VALUE)
  return wanted === 'auto' && features.fsconfig && !long ? 'fsconfig' : 'remount'
}

function firstData(parts: Parts, count: number): string[] {
  return [`br:${parts.branches.slice(0, count).map(spell).join(':')}`, ...parts.words]
}

/** How many branches the first call takes. */
function firstBatch(parts: Parts): number {
  const most = Math.min(parts.branches.length, MOST_OPTIONS - parts.words.length)
  const fixed = ['br:', ...parts.words].join(',')
  return filled(parts.branches.slice(0, most).map(spell), fixed, parts.pageSize)
}

/** How many of these words, a byte between two of them, fit a page together with what stands before; at least one. */
function filled(words: readonly string[], fixed: string, pageSize: number): number {
  let bytes = Buffer.byteLength(fixed)
  let count = 0
  for (const word of words) {
    bytes += Buffer.byteLength(word) + (count === 0 ? 0 : 1)
    if (bytes >= pageSize) break
    count++
  }
  return Math.max(count, 1)
}

/** The words of each call of mount(2), the first of them without `remount`. */
function classicCalls(parts: Parts): string[][] {
  const first = firstBatch(parts)
  const calls = [firstData(parts, first)]
  const left = parts.branches.slice(first).map((branch) => `append:${spell(branch)}`)
  const fixed = parts.repeated.map((word) => `,${word}`).join('')
  while (left.length > 0) {
    const most = left.slice(0, MOST_OPTIONS - parts.repeated.length)
    calls.push([...left.splice(0, filled(most, fixed, parts.pageSize)), ...parts.repeated])
  }
  return calls
}

function classicSteps(parts: Parts): MountStep[] {
  const readOnly = parts.readOnly ? MS_RDONLY : 0
  return classicCalls(parts).map((words, at) => {
    const data = words.join(',')
    // mount(2) would cut it, and what is left may mount with layers missing.
    if (!pageFit(data, parts.pageSize)) throw tooLong(parts.branches)
    const flags = at === 0 ? readOnly : readOnly | MS_REMOUNT
    return { call: 'mount', type: 'aufs', source: SOURCE, flags: flags >>> 0, data: [data] }
  })
}

function tooLong(branches: readonly Branch[]): GraphDriverError {
  const [first] = branches
  return new GraphDriverError(
    'ERR_DRIVER_PREREQUISITE',
    `the root is too deep for aufs: ${String(first?.path)} and the options do not fit one page`,
    first === undefined ? {} : { path: first.path },
  )
}

/** Branches are settings of their own here, the writable one first: a list of them would be longer than 255 bytes. */
function newerSteps(parts: Parts): MountStep[] {
  const flags: Setting[] = [
    { key: 'source', value: SOURCE },
    ...(parts.readOnly ? [{ key: 'ro' }] : []),
    ...parts.words.map(settingOf),
  ]
  const appended = parts.branches.map((branch): Setting => ({ key: 'append', value: spell(branch) }))
  const settings = [...flags, ...appended.splice(0, MOST_OPTIONS - flags.length)]
  const attributes = parts.readOnly ? MOUNT_ATTR_RDONLY : 0
  const steps: MountStep[] = [{ call: 'newMount', type: 'aufs', settings, attributes }]
  while (appended.length > 0) {
    const repeated = parts.repeated.map(settingOf)
    const batch = appended.splice(0, MOST_OPTIONS - repeated.length)
    steps.push({ call: 'reconfigure', settings: [...repeated, ...batch] })
  }
  return steps
}

/** Quotes are mount(2)'s: fsconfig(2) takes a value as it is. */
function settingOf(word: string): Setting {
  const at = word.indexOf('=')
  if (at < 0) return { key: word }
  const value = word.slice(at + 1)
  return { key: word.slice(0, at), value: value.startsWith('"') ? value.slice(1, -1) : value }
}

/** The same for other programs, each within what one call of mount(2) takes. */
function mountsOf(parts: Parts): Mount[] {
  for (const { path } of parts.branches) refuseHazard(path)
  const readOnly = parts.readOnly ? ['ro'] : []
  return classicCalls(parts).map((words, at) => ({
    type: 'aufs',
    source: SOURCE,
    options: [...(at === 0 ? [] : ['remount']), ...readOnly, ...words],
  }))
}

/** A store that is only looked at may lie anywhere; its mounts cannot be told then. */
function refuseHazard(path: string): void {
  const bad = hazardIn(path)
  if (bad === undefined) return
  throw new GraphDriverError('ERR_DRIVER_PREREQUISITE', `aufs cannot mount ${path}: the path holds ${bad}`, {
    path,
  })
}
