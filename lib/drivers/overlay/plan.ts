import { basename, dirname } from 'node:path'
import { escapeUpperdir, joinLowerdirs, pageFit } from '../../mount/index.ts'
import type { DataPiece, Mount, MountPlan, MountStep, Setting } from '../../mount/plan.ts'
import { MS_RDONLY, MOUNT_ATTR_RDONLY } from '../../sys/constants.ts'
import type { XattrPrefix } from '../../store/index.ts'
import type { MountOptions, Stack } from '../driver.ts'
import type { OverlayOptions } from './options.ts'

/** The most lower layers that the kernel takes (OVL_MAX_STACK, fs/overlayfs/params.h). */
export const MAX_LOWERS = 500

/** fsconfig(2) copies at most 255 bytes of a string and its NUL. */
const LONGEST_VALUE = 255

/** What this kernel can do; probed once, so that a plan can be made without asking it. */
export interface OverlayFeatures {
  readonly pageSize: number
  /** `lowerdir+`, one layer a setting: Linux 6.7. */
  readonly lowerdirPlus: boolean
  /** Layers by descriptor, so of any length: Linux 6.13. */
  readonly layerDescriptors: boolean
}

interface Parts {
  readonly lowers: readonly string[]
  readonly upper: string | undefined
  readonly work: string | undefined
  /** The options that are no paths. */
  readonly words: readonly string[]
  readonly readOnly: boolean
}

/**
 * The mount of a stack. Writable: the layer's own contents over its ancestors'. Read-only: the same, none of them writable.
 * Undefined where there is only one directory: that is its own view.
 *
 * Three forms, the first that fits: one mount(2) call when its data fits a page less one byte; lowerdir+ a layer, which knows
 * no limit but the kernel's 500; else mount(2) with names relative to a working directory.
 */
export function planOverlay(
  stack: Stack,
  mount: MountOptions,
  options: OverlayOptions,
  xattrs: XattrPrefix,
  features: OverlayFeatures,
): MountPlan | undefined {
  if (stack.lowers.length === 0) return undefined
  const parts = partsOf(stack, mount, options, xattrs)
  const words = classicWords(parts)
  const data = words.join(',')
  const form = chooseForm(parts, data, options.form ?? 'auto', features)
  return {
    form,
    type: 'overlay',
    readOnly: mount.readOnly,
    steps: [stepOf(form, parts, data, features)],
    mounts: [mountOf(parts, words)],
  }
}

function partsOf(stack: Stack, mount: MountOptions, options: OverlayOptions, xattrs: XattrPrefix): Parts {
  const words = wordsOf(options, xattrs, mount)
  if (mount.readOnly) {
    return {
      lowers: [stack.layer.diff, ...stack.lowers],
      upper: undefined,
      work: undefined,
      words,
      readOnly: true,
    }
  }
  return {
    lowers: stack.lowers,
    upper: stack.layer.diff,
    work: stack.layer.own('work'),
    words,
    readOnly: false,
  }
}

function wordsOf(options: OverlayOptions, xattrs: XattrPrefix, mount: MountOptions): string[] {
  // With userxattr the kernel takes no other redirect_dir than this one, be it only the name of its default.
  const noRedirect = xattrs === 'user' ? 'nofollow' : 'off'
  const words = [
    `metacopy=${options.metacopy ? 'on' : 'off'}`,
    `redirect_dir=${options.redirectDir ?? noRedirect}`,
  ]
  // An index lies in the work directory, so a mount without one has none.
  if (!mount.readOnly) words.unshift(`index=${options.index ? 'on' : 'off'}`)
  if (options.xino !== undefined) words.push(`xino=${options.xino}`)
  if (options.nfsExport) words.push('nfs_export=on')
  if (options.uuid !== undefined) words.push(`uuid=${options.uuid}`)
  if (options.verity !== undefined) words.push(`verity=${options.verity}`)
  if (options.volatile && !mount.readOnly) words.push('volatile')
  if (xattrs === 'user') words.push('userxattr')
  if (mount.label !== undefined) words.push(`context="${mount.label}"`)
  return words
}

/** The options of mount(2), as words: joined by commas they are its data. */
function classicWords(parts: Parts): string[] {
  const words = [...parts.words, `lowerdir=${joinLowerdirs(parts.lowers)}`]
  if (parts.upper !== undefined) words.push(`upperdir=${escapeUpperdir(parts.upper)}`)
  if (parts.work !== undefined) words.push(`workdir=${escapeUpperdir(parts.work)}`)
  return words
}

function mountOf(parts: Parts, words: readonly string[]): Mount {
  return {
    type: 'overlay',
    source: 'overlay',
    options: [...(parts.readOnly ? ['ro'] : []), ...words],
  }
}

function chooseForm(
  parts: Parts,
  data: string,
  wanted: 'auto' | 'mount' | 'fsconfig' | 'relative',
  features: OverlayFeatures,
): 'mount' | 'fsconfig' | 'relative' {
  if (wanted !== 'auto') return wanted
  if (pageFit(data, features.pageSize)) return 'mount'
  const above = [parts.upper, parts.work].filter((path) => path !== undefined)
  const long = [...parts.lowers, ...above.map(escapeUpperdir)].some(isLong)
  return features.lowerdirPlus && (features.layerDescriptors || !long) ? 'fsconfig' : 'relative'
}

function stepOf(form: string, parts: Parts, data: string, features: OverlayFeatures): MountStep {
  const flags = parts.readOnly ? MS_RDONLY : 0
  const classic = { call: 'mount', type: 'overlay', source: 'overlay', flags } as const
  if (form === 'mount') return { ...classic, data: [data] }
  if (form === 'relative') return { ...classic, ...relativeData(parts, features) }
  return {
    call: 'newMount',
    type: 'overlay',
    settings: settingsOf(parts),
    attributes: parts.readOnly ? MOUNT_ATTR_RDONLY : 0,
  }
}

/** Values of fsconfig(2) are taken as they are: nothing is escaped in lowerdir+. */
function settingsOf(parts: Parts): Setting[] {
  const settings: Setting[] = [{ key: 'source', value: 'overlay' }]
  if (parts.readOnly) settings.push({ key: 'ro' })
  for (const word of parts.words) {
    const [key, value] = splitWord(word)
    settings.push(value === undefined ? { key } : { key, value })
  }
  for (const lower of parts.lowers) settings.push(pathSetting('lowerdir+', lower, lower))
  if (parts.upper !== undefined)
    settings.push(pathSetting('upperdir', parts.upper, escapeUpperdir(parts.upper)))
  if (parts.work !== undefined) settings.push(pathSetting('workdir', parts.work, escapeUpperdir(parts.work)))
  return settings
}

function splitWord(word: string): [string, string?] {
  const at = word.indexOf('=')
  if (at < 0) return [word]
  const value = word.slice(at + 1)
  return [word.slice(0, at), value.startsWith('"') ? value.slice(1, -1) : value]
}

function pathSetting(key: string, path: string, value: string): Setting {
  return isLong(value) ? { key, open: path } : { key, value }
}

function isLong(value: string): boolean {
  return Buffer.byteLength(value) > LONGEST_VALUE
}

/**
 * Layers by short names: their own, in the directory that holds them all; where those do not fit either, the numbers of
 * their descriptors in /proc/self/fd.
 */
function relativeData(parts: Parts, features: OverlayFeatures): { data: DataPiece[]; directory: string } {
  const directory = dirname(parts.lowers[0] ?? '/')
  const named = { ...parts, lowers: parts.lowers.map((lower) => basename(lower)) }
  const data = classicWords(named).join(',')
  if (parts.lowers.every((lower) => dirname(lower) === directory) && pageFit(data, features.pageSize)) {
    return { data: [data], directory }
  }
  const pieces: DataPiece[] = [`${parts.words.join(',')},lowerdir=`]
  parts.lowers.forEach((lower, at) => {
    if (at > 0) pieces.push(':')
    pieces.push({ open: lower })
  })
  if (parts.upper !== undefined) pieces.push(',upperdir=', { open: parts.upper })
  if (parts.work !== undefined) pieces.push(',workdir=', { open: parts.work })
  return { data: pieces, directory: '/proc/self/fd' }
}
