import { invalidType, invalidValue } from '../../sys/arguments.ts'
import { exchange, namesIn, present, removeFile, step, writeNewFile } from '../../store/index.ts'
import { copyTree, statfs } from '../../sys/index.ts'
import type { Driver, LayerPaths, ProbeReport, Stack, Staging } from '../driver.ts'
import { filesystemName } from '../filesystems.ts'

/** Options of the vfs driver. There are none yet. */
export type VfsOptions = Record<string, never>

/** A directory with one empty file for each layer whose parent is not copied yet. */
const PENDING = 'pending'

/**
 * No union at all: a layer is a full copy of its parent, with what was changed in it. It works on every filesystem, for
 * every user, at the price of a copy, which shares its blocks where the filesystem can (reflink).
 *
 * The copy is made when the layer is first used: until then it is the same as its nearest copied ancestor.
 */
export class VfsDriver implements Driver {
  readonly name = 'vfs'
  readonly whiteouts = 'none'
  readonly directories: readonly string[] = [PENDING]
  readonly xattrs = null
  readonly maxLowers: number = Infinity

  constructor(options: unknown) {
    if (options === undefined) return
    if (typeof options !== 'object' || options === null) throw invalidType('vfs', 'of type object', options)
    for (const [name, value] of Object.entries(options)) {
      throw invalidValue(`vfs.${name}`, 'is unknown; there are no options', value)
    }
  }

  async probe(directory: string): Promise<ProbeReport> {
    const filesystem = filesystemName((await statfs(directory)).type)
    return { driver: 'vfs', supported: true, features: { 'Copies On': filesystem } }
  }

  plan(): undefined {
    return undefined
  }

  async prepare(layer: LayerPaths, parent: LayerPaths | undefined): Promise<void> {
    if (parent !== undefined) await writeNewFile(layer.own(PENDING), '', false)
  }

  /** Copies aside, then puts the copy in place at one instant. Doing it twice does no harm: nobody has the layer yet. */
  async populate(stack: Stack, staging: Staging): Promise<void> {
    const { layer } = stack
    if (!(await isPending(layer))) {
      await this.filled(layer)
      return
    }
    const copy = await staging.make(layer.id)
    try {
      await this.fill(stack, copy)
      await staging.persist(copy)
      await step('copied')
      await exchange(copy, layer.diff)
      await step('exchanged')
    } finally {
      await staging.discard(copy)
    }
    await this.filled(layer)
    await step('populated')
  }

  /** What a tar is applied to: a copy of the parent. */
  async fill({ lowers, ancestors }: Stack, copy: string): Promise<void> {
    const source = await this.#source(lowers, ancestors)
    if (source !== undefined) await copyTree(source, copy, { lenient: process.geteuid?.() !== 0 })
  }

  async filled(layer: LayerPaths): Promise<void> {
    await removeFile(layer.own(PENDING))
  }

  async standIn({ layer, lowers, ancestors }: Stack): Promise<string | undefined> {
    return (await isPending(layer)) ? this.#source(lowers, ancestors) : undefined
  }

  /** The nearest ancestor that holds its whole view: one that was never used is the same as its parent. */
  async #source(lowers: readonly string[], ancestors: readonly LayerPaths[]): Promise<string | undefined> {
    for (const [at, ancestor] of ancestors.entries()) {
      if (!(await isPending(ancestor))) return lowers[at]
    }
    return undefined
  }
}

/**
 * Whether a layer's directory waits for the copy. One that holds something does not: what filled it died before it could say so.
 */
async function isPending(layer: LayerPaths): Promise<boolean> {
  return (await present(layer.own(PENDING))) && (await namesIn(layer.diff)).length === 0
}
