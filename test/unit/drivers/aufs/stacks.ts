import type { Stack } from 'graphdriver'
import type { MountStep } from 'graphdriver/mount'
import { planAufs, type AufsFeatures, type AufsPlan } from '#lib/drivers/aufs/plan.js'
import type { AufsOptions } from '#lib/drivers/aufs/options.js'
import { optionsOf, words } from '../../../fake-aufs/grammar.ts'

export const features: AufsFeatures = { pageSize: 4096, fsconfig: true, dirperm1: true }
export const classic: AufsFeatures = { ...features, fsconfig: false }
export const XINO = '/run/graphdriver/1-token-hash'

/** A stack of so many branches: `<root>/diff/<id>`, the layer's own first. */
export function stackOf(paths: readonly string[]): Stack {
  const [own = '', ...lowers] = paths
  const layer = (diff: string) => ({
    id: diff,
    diff,
    target: '/union',
    own: (name: string) => `/${name}/${diff}`,
  })
  return { layer: layer(own), ancestors: lowers.map(layer), lowers }
}

/** Paths of one length in bytes, all different. */
export function pathsOf(count: number, length: number): string[] {
  return Array.from({ length: count }, (_, at) => `/${String(at).padStart(length - 1, 'p')}`)
}

export interface Given {
  readonly options?: AufsOptions
  readonly features?: AufsFeatures
  readonly xino?: string | undefined
  readonly label?: string
  readonly readOnly?: boolean
}

export function plan(paths: readonly string[], given: Given = {}): AufsPlan {
  const { options = {}, readOnly = false, label } = given
  const xino = 'xino' in given ? given.xino : XINO
  const mount = label === undefined ? { readOnly } : { readOnly, label }
  const made = planAufs(stackOf(paths), mount, options, given.features ?? features, xino)
  if (made === undefined) throw new Error('there is no plan')
  return made
}

export function textOf(step: Extract<MountStep, { call: 'mount' }>): string {
  return step.data.map((piece) => (typeof piece === 'string' ? piece : piece.open)).join('')
}

/** The data of each call of mount(2). */
export function dataOf({ steps }: Pick<AufsPlan, 'steps'>): string[] {
  return steps.map((step) => {
    if (step.call !== 'mount') throw new Error(`a step of ${step.call}`)
    return textOf(step)
  })
}

/** How many options a step has, as aufs counts them; the mount label counts as one, too. */
export function optionCount(step: MountStep): number {
  if (step.call !== 'mount') return step.settings.length
  const all = words(textOf(step))
  return all.reduce((sum, word) => sum + (word.key === 'context' ? 1 : optionsOf(word, []).length), 0)
}

/** The branches that a plan's steps come to, in order, by aufs's own reading of them. */
export function branchesRead({ steps }: Pick<AufsPlan, 'steps'>): string[] {
  return steps.flatMap((step) => {
    const all =
      step.call === 'mount'
        ? words(textOf(step))
        : step.settings.map((setting) => ({
            key: setting.key,
            value: 'value' in setting ? setting.value : undefined,
          }))
    const own = all.filter(({ key }) => key !== 'context')
    return own
      .flatMap((word) => optionsOf(word, []))
      .filter((option) => option.kind === 'branch')
      .map(({ path, permission }) => `${path}=${permission}`)
  })
}
